"""A source as lines of HTML: highlighted by pygments, with places to link to and links from its formulas.

Every line is an element of its own, `id="line-53"`. Where lines compute a formula, their comment leads to it. The
text of all elements together is the source, to the last blank: what is copied from the page runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

Pieces = list[tuple[str, str]]  # of a line: the short name of a kind of token, and its text


@dataclass(frozen=True)
class Link:
    """From the lines `first` to `last`, counted from 1, to `address`: from their comments, else from the first line."""

    first: int
    last: int
    address: str
    title: str
    label: str = ""  # shown behind the text, and no part of it

    @property
    def attributes(self) -> str:
        """As HTML."""
        label = f' data-label="{escape(self.label)}"' if self.label else ""
        return f' href="{escape(self.address)}" title="{escape(self.title)}"{label}'


def highlighted(source: str, links: Sequence[Link] = (), prefix: str = "line", language: str = "python") -> str:
    """The lines of `source`, with links; `language` is "python" or "c".

    >>> print(highlighted("a = 1  # a", [Link(1, 1, "#step-1", "step 1")]))
    <span class="line linked" id="line-1" data-n="1">a <span class="o">=</span> <span class="mi">1</span>  \
<a class="c1" href="#step-1" title="step 1"># a</a>
    </span>
    """
    rows = list(_lines(source, language))
    spans: dict[int, Link] = {}
    whole: set[int] = set()
    for link in links:
        lines = range(link.first, link.last + 1)
        spans.update(dict.fromkeys(lines, link))
        if not any(_comment(name) for line in lines for name, _ in rows[line - 1]):
            whole.add(link.first)
    shown = []
    for number, pieces in enumerate(rows, start=1):
        span = spans.get(number)
        inner = "".join(_piece(name, text, span if _comment(name) else None) for name, text in pieces)
        if span is not None and number in whole:
            inner = f'<a class="whole"{span.attributes}>{inner}</a>'
        name = "line" if span is None else "line linked"
        shown.append(f'<span class="{name}" id="{prefix}-{number}" data-n="{number}">{inner}\n</span>')
    return "".join(shown)


def _comment(name: str) -> bool:
    return name.startswith("c")


def _lines(source: str, language: str) -> Iterator[Pieces]:
    from pygments import lex
    from pygments.lexers import CLexer, PythonLexer
    from pygments.token import STANDARD_TYPES

    pieces: Pieces = []
    lexer = {"python": PythonLexer, "c": CLexer}[language]
    for kind, text in lex(source, lexer(stripnl=False, ensurenl=False)):
        while kind not in STANDARD_TYPES:
            kind = kind.parent
        first, *more = text.split("\n")
        pieces.append((STANDARD_TYPES[kind], first))
        for part in more:
            yield pieces
            pieces = [(STANDARD_TYPES[kind], part)]
    if any(text for _, text in pieces):
        yield pieces


def _piece(name: str, text: str, link: Link | None) -> str:
    if not text:
        return ""
    inner = escape(text)
    if link is not None:
        return f'<a class="{name}"{link.attributes}>{inner}</a>'
    return inner if name in ("", "w", "n", "p") else f'<span class="{name}">{inner}</span>'
