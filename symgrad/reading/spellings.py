"""The names of a formula by how they are written: W₁, W1, W_1 and W_{1} are one symbol, G_{a,t} is G_a at t.

A name is known by the sequences of tokens that write it. What stands in a subscript behind a name's own is an index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from symgrad.formulas.spelling.glyphs import GREEK, parse_name, unicode_name
from symgrad.formulas.spelling.letters import latex_name
from symgrad.graphs import ops
from symgrad.graphs.errors import ParseError
from symgrad.language.tensor import Tensor
from symgrad.reading.grammar import OneLine
from symgrad.reading.tex import tex_tokens
from symgrad.reading.tokens import Lexeme, key, split, tokens_of

Signature = tuple[tuple[str, str], ...]


class KnownName(NamedTuple):
    """A name at the front of tokens: how many of them it takes, and the indices in the last one behind its own."""

    name: str
    length: int
    indices: tuple[tuple[Lexeme, ...], ...]


class Spellings:
    """The names that a formula may use, by their signatures; `symbols` may say how LaTeX sets theirs."""

    def __init__(self, names: Iterable[str], symbols: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.by_base: dict[str, list[tuple[Signature, str]]] = {}
        for each, symbol in symbols.items():
            given = symbol.node.attrs[0] if isinstance(symbol, Tensor) and symbol.node.op is ops.INPUT else None
            if given is not None and given.latex is not None:
                for tokens in _scanned(given.latex, tex_tokens):
                    self.add(tokens, each)
        for each in names:
            for tokens in _written(each):
                self.add(tokens, each)

    def add(self, tokens: Sequence[Lexeme], name: str) -> None:
        """`tokens` write `name`; what was said first holds."""
        made = signature(tokens)
        known = self.by_base.setdefault(made[0][1], [])
        if all(other != made for other, _ in known):
            known.append((made, name))
            known.sort(key=lambda pair: -len(pair[0]))

    def knows(self, part: str) -> bool:
        """Is a word a name, or the beginning of one that has a subscript?"""
        return part in self.by_base or (part.isidentifier() and self.find((Lexeme("word", part, 0),), 0) is not None)

    def find(self, tokens: Sequence[Lexeme], place: int) -> KnownName | None:
        """The longest name that begins at `place`."""
        base = _base(tokens[place].text)
        for made, name in self.by_base.get(base[0], ()):
            rest = base[1:]
            if made[1:1 + len(rest)] != rest:  # s2 is not s with an index
                continue
            scripts = [t for t in tokens[place + 1:place + len(made)] if t.kind in ("sub", "sup")]
            given = [*rest, *((t.kind, key(t.text)) for t in scripts)]
            indices = _behind(made[1:], given, tokens[place + 1 - len(rest):])
            if indices is not None:
                return KnownName(name, len(made) - len(rest), indices)
        return None


def _base(text: str) -> tuple[Any, ...]:
    """A word without the number at its end, and that number as a subscript: W1 is W with 1."""
    parsed = parse_name(text)
    if isinstance(parsed.sub, str) and parsed.sup is None and text == parsed.base + parsed.sub:
        return parsed.base, ("sub", parsed.sub)
    return (GREEK.get(text, "λ" if text == "lam" else text),)


def _behind(wanted: Signature, given: Sequence[tuple[str, str]],
            tokens: Sequence[Lexeme]) -> tuple[tuple[Lexeme, ...], ...] | None:
    """The indices that stand behind the scripts of a name, none or more; None where its scripts are others."""
    if len(given) < len(wanted):
        return None
    found: tuple[tuple[Lexeme, ...], ...] = ()
    for (kind, own), (its, text), token in zip(wanted, given, tokens, strict=False):
        if kind != its:
            return None
        if text != own:
            if kind != "sub" or found or not text.startswith(own + ",") or not token.inside:
                return None
            groups = split(token.inside, ",")
            first = own.count(",") + 1
            while first > 1 and key("".join(t.text for g in groups[:first] for t in g)) != own.replace(",", ""):
                first -= 1
            found = tuple(tuple(group) for group in groups[min(first, len(groups) - 1):])
    return found


def signature(tokens: Sequence[Lexeme]) -> Signature:
    """What tells names apart: the word, then its scripts."""
    first, *rest = tokens
    base, *number = _base(first.text)
    return (("word", base), *number, *((token.kind, key(token.text)) for token in rest))


def is_name(tokens: Sequence[Lexeme]) -> bool:
    """A word and its scripts."""
    return bool(tokens) and tokens[0].kind == "word" and all(token.kind in ("sub", "sup") for token in tokens[1:])


def _written(name: str) -> Iterable[Sequence[Lexeme]]:
    """A name as people type it, as it is printed, as it is set."""
    parsed = parse_name(name)
    for text, scan in ((name, tokens_of), (unicode_name(parsed), tokens_of), (latex_name(parsed), tex_tokens)):
        yield from _scanned(text, scan)


def _scanned(text: str, scan: Callable[[OneLine], Sequence[Lexeme]]) -> Iterator[Sequence[Lexeme]]:
    """The tokens of a text, if they are a name."""
    try:
        tokens = scan(OneLine(text))
    except ParseError:
        return
    if is_name(tokens):
        yield tokens


