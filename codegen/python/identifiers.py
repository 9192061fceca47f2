"""Names in emitted code: the formula's names as Python identifiers that clash with nothing."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterable

RESERVED = frozenset(dir(builtins)) | frozenset(keyword.kwlist) | {"np", "match", "case", "type"}


def identifier(name: str) -> str:
    """`name` as a Python identifier that is no keyword and hides no builtin.

    >>> identifier("a^1"), identifier("G_{a^1}"), identifier("lambda"), identifier("x'"), identifier("2 W")
    ('a1', 'G_a1', 'lambda_', 'x_prime', 'v2_W')
    """
    text = unicodedata.normalize("NFKC", name).replace("'", "_prime").replace("′", "_prime")
    text = re.sub(r"[{}^\\$]", "", text)
    text = unicodedata.normalize("NFKC", text)  # as Python reads it: letters and accents may have come together
    text = re.sub(r"\W+", "_", text).strip("_") if not name.isidentifier() else text
    if not text or not text.isidentifier():
        text = f"v{text}"
    return f"{text}_" if text in RESERVED else text


class Identifiers:
    """The names taken so far in one function. Names are never given back, so counting goes on where it stopped.

    `language` makes identifiers; where something stands `beside` each name, that name with an ending is taken with it.
    """

    def __init__(self, taken: Iterable[str] = (), language: Callable[[str], str] = identifier, beside: str = "") -> None:
        self.taken, self.language, self.beside = set(taken), language, beside
        self._next: dict[str, int] = {}

    def fresh(self, wish: str) -> str:
        """An identifier like `wish` that is not taken yet; it is then."""
        base = self.language(wish)
        name, count = base, self._next.get(base, 2)
        while name in self.taken or name + self.beside in self.taken:
            name = f"{base}{'_' if base[-1].isdigit() or base[-1] == '_' else ''}{count}".replace("__", "_")
            count += 1
        self._next[base] = count
        self.taken.update((name, name + self.beside))
        return name

    def numbered(self, letter: str) -> str:
        """letter1, letter2, ...: the first that is not taken."""
        count = self._next.get(f"{letter}#", 1)
        while f"{letter}{count}" in self.taken:
            count += 1
        self._next[f"{letter}#"] = count
        return self.fresh(f"{letter}{count}")
