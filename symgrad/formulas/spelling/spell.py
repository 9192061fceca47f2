"""Where parentheses go: the grammar of printed formulas, once for every way of printing.

`spell` folds a presentation tree with an alphabet: `unicode.py`, `latex.py` and `pretty.py` say how a
fraction or an index looks, and nothing else. Products bind closer than ⊙, ⊙ closer than sums; a weight in
front of a Hadamard product needs no parentheses, a matrix product inside one gets them for the reader, and
none inside ⊗: `Xᵀ X ⊗ I`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import ONES, Tree

LOOSE = ("sum", "hadamard", "kron", "big", "fraction", "product", "relation", "logic", "not", "keyword")

SOLID = tuple("num name ones eye call norm bars floor bracket item entries at matrix count dots".split())


class Alphabet(Protocol):
    """How the pieces of a formula look in one style; a piece is whatever the style works with."""

    flat: bool  # a fraction stands on the line: a/b

    def text(self, glyphs: str) -> Any:
        """Glyphs as they are: a number, an operator, a bracket."""

    def word(self, word: str) -> Any:
        """A word of English between pieces."""

    def name(self, name: Name, subs: Sequence[Any]) -> Any:
        """A symbol with indices."""

    def function(self, name: str, subs: Sequence[Any]) -> Any:
        """The name of a function, with indices."""

    def row(self, parts: Sequence[Any]) -> Any:
        """Pieces side by side."""

    def enclosed(self, left: str, inner: Any, right: str) -> Any:
        """A piece in brackets."""

    def raised(self, base: Any, exponent: Any) -> Any:
        """A superscript."""

    def lowered(self, base: Any, subs: Sequence[Any]) -> Any:
        """A subscript."""

    def fraction(self, above: Any, below: Any) -> Any:
        """A fraction."""

    def root(self, inner: Any, tight: bool) -> Any:
        """A square root; `tight` says that the radicand is a single symbol."""

    def big(self, letters: Sequence[Any], body: Any) -> Any:
        """A sum over letters."""

    def cases(self, rows: Sequence[tuple[Any, Any]], otherwise: Any) -> Any:
        """Values by conditions."""

    def matrix(self, rows: Sequence[Sequence[Any]]) -> Any:
        """Entries or blocks in rows."""


def spell(tree: Tree, a: Alphabet) -> Any:
    """The tree in an alphabet."""
    head, args = tree.head, tree.args

    def sub(part: Tree) -> Any:
        return spell(part, a)

    def listed(parts: Sequence[Tree]) -> Any:
        pieces: list[Any] = []
        for i, part in enumerate(parts):
            pieces += [a.text(", "), sub(part)] if i else [sub(part)]
        return a.row(pieces)

    if head == "num":
        return a.text(args[0])
    if head == "name":
        return a.name(args[0], [sub(part) for part in args[1]])
    if head in GLYPHS:
        return a.text(GLYPHS[head])
    if head == "sum":
        return _sum(args, a)
    if head == "product":
        return _product(args[0], args[1], a)
    pieces: list[Any] = []
    if head in ("hadamard", "kron"):
        for part in args:
            pieces += [a.text(" ⊙ " if head == "hadamard" else " ⊗ ")] if pieces else []
            loose = ("sum", "big", "hadamard", "kron", *(["product"] if head == "hadamard" else []))
            pieces.append(_guarded(part, a, part.head in loose))
        return a.row(pieces)
    if head == "fraction":
        above, below = args
        if not a.flat:
            return a.fraction(sub(above), sub(below))
        wide = above.head in ("sum", "hadamard", "kron", "big", "fraction") or (
            above.head == "product" and len(above.args[1]) > 1)  # A B/C would be read as A (B/C)
        return a.fraction(_guarded(above, a, wide),
                          _guarded(below, a, below.head in LOOSE))
    if head == "transpose":
        (inner,) = args
        if inner.head == "inverse":
            return a.raised(_base(inner.args[0], a), a.text("-ᵀ"))
        return a.raised(_base(inner, a), a.text("ᵀ"))
    if head == "inverse":
        return a.raised(_base(args[0], a), a.text("-1"))
    if head == "power":
        base, exponent, entrywise = args
        power = _guarded(exponent, a, a.flat and exponent.head in LOOSE)
        tall = base.head == "name" and base.args[0].sup is not None and not (entrywise and a.flat)
        return a.raised(_guarded(base, a, True) if tall else _base(base, a),
                        a.row([a.text("⊙"), power]) if entrywise else power)
    if head == "call":
        function, arguments, subs = args
        return a.row([a.function(function, [sub(part) for part in subs]), a.enclosed("(", listed(arguments), ")")])
    if head == "norm":
        piece = a.enclosed("‖", sub(args[0]), "‖")
        return a.lowered(piece, [a.text(args[1])]) if args[1] else piece
    if head in BRACKETS:
        left, right = BRACKETS[head]
        return a.enclosed(left, sub(args[0]), right)
    if head == "root":
        return a.root(sub(args[0]), args[0].head in ("num", "name"))
    if head == "big":
        body = args[2]
        return a.big([sub(part) for part in args[1]], _guarded(body, a, body.head == "sum"))
    if head == "at":
        return a.lowered(_guarded(args[0], a, args[0].head != "call"), [sub(part) for part in args[1]])
    if head == "entries":
        return a.lowered(a.enclosed("[", sub(args[0]), "]"), [sub(part) for part in args[1]])
    if head == "item":
        base = _guarded(args[0], a, args[0].head not in ("name", "call", "item", "matrix"))
        return a.row([base, a.enclosed("[", listed(args[1]), "]")])
    if head == "range":
        low, high, step = (a.text("") if part is None else sub(part) for part in args)
        return a.row([low, a.text(":"), high, *([] if args[2] is None else [a.text(":"), step])])
    if head == "relation":
        return a.row([sub(args[1]), a.text(f" {args[0]} "), sub(args[2])])
    if head == "logic":
        for part in args[1:]:
            pieces += [a.text(f" {args[0]} ")] if pieces else []
            pieces.append(_guarded(part, a, part.head == "logic"))
        return a.row(pieces)
    if head == "not":
        return a.row([a.text("¬"), _guarded(args[0], a, args[0].head in LOOSE)])
    if head == "cases":
        return a.cases([(sub(value), sub(test)) for value, test in args[0]], sub(args[1]))
    if head == "matrix":
        return a.matrix([[sub(part) for part in row] for row in args])
    if head == "tuple":
        comma = [a.text(",")] if len(args) == 1 else []
        return a.enclosed("(", a.row([listed(args), *comma]), ")")
    if head == "keyword":
        return a.row([a.word(args[0]), a.text("="), sub(args[1])])
    if head == "count":
        (size,) = args
        last = [a.text(str(int(size.args[0]) - 1))] if size.head == "num" else [
            _guarded(size, a, size.head in LOOSE), a.text("-1")]
        return a.enclosed("(", a.row([a.text("0"), a.text(".."), *last]), ")")
    raise ValueError(f"no spelling for {head}")


GLYPHS = {"ones": "𝟏", "eye": "I", "dots": "…", "hidden": "·", "colon": ":"}
BRACKETS = {"bars": ("|", "|"), "floor": ("⌊", "⌋"), "bracket": ("[", "]")}


def _guarded(part: Tree, a: Alphabet, parentheses: bool) -> Any:
    piece = spell(part, a)
    return a.enclosed("(", piece, ")") if parentheses else piece


def _base(part: Tree, a: Alphabet) -> Any:
    """What carries a superscript."""
    return _guarded(part, a, part.head not in SOLID)


def _sum(terms: Sequence[tuple[int, Tree]], a: Alphabet) -> Any:
    pieces: list[Any] = []
    for sign, part in terms:
        if pieces:
            pieces.append(a.text(" + " if sign > 0 else " - "))
        elif sign < 0:
            pieces.append(a.text("-"))
        pieces.append(_guarded(part, a, part.head == "sum"))
    return a.row(pieces)


def _product(scalars: Sequence[Tree], factors: Sequence[Tree], a: Alphabet) -> Any:
    parts = [*scalars, *factors]
    pieces: list[Any] = []
    for place, part in enumerate(parts):
        last, lone = place == len(parts) - 1, len(factors) == 1
        guard = part.head == "sum" or (part.head in ("product", "big") and not last)
        if part.head in ("hadamard", "kron"):
            guard = not lone
        elif part.head == "fraction":
            guard = place > 0 and not last or (place >= len(scalars) and not lone)
        elif part.head == "num" and place and parts[place - 1].head in ("num", "fraction"):
            guard = True
        if pieces:
            ones = part == ONES or part.args == (ONES,)  # not 1/5 1 1ᵀ
            pieces.append(a.text(" · " if ones and parts[place - 1].head in ("num", "fraction") else " "))
        pieces.append(_guarded(part, a, guard))
    return a.row(pieces)

