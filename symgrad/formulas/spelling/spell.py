"""Where parentheses go: the grammar of printed formulas, once for every way of printing.

`spell` folds a presentation tree with an alphabet, by a table with a function for each head (`SPELLINGS`):
`unicode.py`, `latex.py` and `pretty.py` say how a fraction or an index looks, and nothing else. Products bind
closer than ⊙, ⊙ closer than sums; a weight in front of a Hadamard product needs no parentheses, a matrix
product inside one gets them for the reader, and none inside ⊗: `Xᵀ X ⊗ I`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

from symgrad.formulas.spelling.glyphs import Name
from symgrad.formulas.spelling.tree import ONES, Tree

LOOSE = ("sum", "hadamard", "kron", "star", "big", "fraction", "product", "relation", "logic", "not", "keyword")

SOLID = tuple("num name ones eye call norm bars floor ceil bracket item entries at matrix count dots".split())


SpelledHead = Callable[..., Any]  # of an alphabet and the arguments of one head


class Alphabet(Protocol):
    """How the pieces of a formula look in one style; a piece is whatever the style works with."""

    flat: bool  # a fraction stands on the line: a/b

    def text(self, glyphs: str) -> Any:
        """Glyphs as they are: a number, an operator, a bracket."""

    def word(self, word: str) -> Any:
        """A word of English between pieces."""

    def name(self, name: Name, subs: Sequence[Any]) -> Any:
        """A symbol with indices."""

    def has_exponent(self, name: Name) -> bool:
        """Does a superscript belong to a symbol itself, as in a¹?"""

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
    return SPELLINGS[tree.head](a, *tree.args)


def _glyph(glyphs: str) -> SpelledHead:
    return lambda a, *_: a.text(glyphs)  # what is left out has a number, and shows none


def _entrywise(sign: str, *loose: str) -> SpelledHead:
    """Factors with a sign between them; those with a head in `loose` stand in parentheses."""
    def spelling(a: Alphabet, *factors: Tree) -> Any:
        return _between(a, sign, [_guarded(part, a, part.head in loose) for part in factors])
    return spelling


def _star(a: Alphabet, kernel: Tree, image: Tree, notes: Sequence[Tree]) -> Any:
    sign = a.row([a.text(" "), a.lowered(a.text("⋆"), _each(notes, a)), a.text(" ")]) if notes else a.text(" ⋆ ")
    return a.row([_guarded(kernel, a, kernel.head in LOOSE), sign, _guarded(image, a, image.head in LOOSE)])


def _bracketed(left: str, right: str) -> SpelledHead:
    return lambda a, inner: a.enclosed(left, spell(inner, a), right)


def _name(a: Alphabet, name: Name, subs: Sequence[Tree], symmetric: bool) -> Any:
    return a.name(name, _each(subs, a))


def _sum(a: Alphabet, *terms: tuple[int, Tree]) -> Any:
    pieces: list[Any] = []
    for sign, part in terms:
        if pieces:
            pieces.append(a.text(" + " if sign > 0 else " - "))
        elif sign < 0:
            pieces.append(a.text("-"))
        pieces.append(_guarded(part, a, part.head == "sum"))
    return a.row(pieces)


def _product(a: Alphabet, scalars: Sequence[Tree], factors: Sequence[Tree]) -> Any:
    parts = [*scalars, *factors]
    pieces: list[Any] = []
    for place, part in enumerate(parts):
        last, lone = place == len(parts) - 1, len(factors) == 1
        guard = part.head == "sum" or (part.head in ("product", "big") and not last)
        if part.head in ("hadamard", "kron", "star"):
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


def _fraction(a: Alphabet, above: Tree, below: Tree) -> Any:
    if not a.flat:
        return a.fraction(spell(above, a), spell(below, a))
    wide = above.head in ("sum", "hadamard", "kron", "star", "big", "fraction") or (
        above.head == "product" and (len(above.args[1]) > 1 or _is_open(above)))  # A B/C would be read as A (B/C)
    return a.fraction(_guarded(above, a, wide), _guarded(below, a, below.head in LOOSE))


def _is_open(tree: Tree) -> bool:
    """Does a product end in a sum, whose letters reach what stands behind it?"""
    parts = (*tree.args[0], *tree.args[1])
    return bool(parts) and parts[-1].head == "big"


def _transpose(a: Alphabet, inner: Tree) -> Any:
    if inner.head == "inverse":
        return a.raised(_raisable(inner.args[0], a), a.text("-ᵀ"))
    return a.raised(_base(inner, a), a.text("ᵀ"))


def _inverse(a: Alphabet, inner: Tree) -> Any:
    return a.raised(_raisable(inner, a), a.text("-1"))


def _power(a: Alphabet, base: Tree, exponent: Tree, entrywise: bool) -> Any:
    power = _guarded(exponent, a, a.flat and exponent.head in LOOSE)
    return a.raised(_raisable(base, a), a.row([a.text("⊙"), power]) if entrywise else power)


def _call(a: Alphabet, function: str, arguments: Sequence[Tree], subs: Sequence[Tree]) -> Any:
    return a.row([a.function(function, _each(subs, a)), a.enclosed("(", _listed(arguments, a), ")")])


def _norm(a: Alphabet, inner: Tree, index: str) -> Any:
    piece = a.enclosed("‖", spell(inner, a), "‖")
    return a.lowered(piece, [a.text(index)]) if index else piece


def _root(a: Alphabet, inner: Tree) -> Any:
    return a.root(spell(inner, a), inner.head in ("num", "name"))


def _big(a: Alphabet, symbol: str, letters: Sequence[Tree], body: Tree) -> Any:
    return a.big(_each(letters, a), _guarded(body, a, body.head == "sum"))


def _at(a: Alphabet, base: Tree, subs: Sequence[Tree]) -> Any:
    return a.lowered(_guarded(base, a, base.head != "call"), _each(subs, a))


def _entries(a: Alphabet, entry: Tree, letters: Sequence[Tree]) -> Any:
    return a.lowered(a.enclosed("[", spell(entry, a), "]"), _each(letters, a))


def _item(a: Alphabet, base: Tree, places: Sequence[Tree]) -> Any:
    piece = _guarded(base, a, base.head not in ("name", "call", "item", "matrix"))
    return a.row([piece, a.enclosed("[", _listed(places, a), "]")])


def _range(a: Alphabet, low: Tree | None, high: Tree | None, step: Tree | None) -> Any:
    start, stop, by = (a.text("") if part is None else spell(part, a) for part in (low, high, step))
    return a.row([start, a.text(":"), stop, *([] if step is None else [a.text(":"), by])])


def _relation(a: Alphabet, sign: str, left: Tree, right: Tree) -> Any:
    return a.row([spell(left, a), a.text(f" {sign} "), spell(right, a)])


def _logic(a: Alphabet, sign: str, *parts: Tree) -> Any:
    return _between(a, f" {sign} ", [_guarded(part, a, part.head == "logic") for part in parts])


def _not(a: Alphabet, inner: Tree) -> Any:
    return a.row([a.text("¬"), _guarded(inner, a, inner.head in LOOSE)])


def _cases(a: Alphabet, rows: Sequence[tuple[Tree, Tree]], otherwise: Tree) -> Any:
    return a.cases([(spell(value, a), spell(test, a)) for value, test in rows], spell(otherwise, a))


def _matrix(a: Alphabet, *rows: Sequence[Tree]) -> Any:
    return a.matrix([_each(row, a) for row in rows])


def _tuple(a: Alphabet, *parts: Tree) -> Any:
    comma = [a.text(",")] if len(parts) == 1 else []
    return a.enclosed("(", a.row([_listed(parts, a), *comma]), ")")


def _keyword(a: Alphabet, word: str, value: Tree) -> Any:
    return a.row([a.word(word), a.text("="), spell(value, a)])


def _count(a: Alphabet, size: Tree) -> Any:
    last = [a.text(str(int(size.args[0]) - 1))] if size.head == "num" else [
        _guarded(size, a, size.head in LOOSE), a.text("-1")]
    return a.enclosed("(", a.row([a.text("0"), a.text(".."), *last]), ")")


def _each(parts: Sequence[Tree], a: Alphabet) -> list[Any]:
    return [spell(part, a) for part in parts]


def _listed(parts: Sequence[Tree], a: Alphabet) -> Any:
    return _between(a, ", ", _each(parts, a))


def _between(a: Alphabet, sign: str, pieces: Sequence[Any]) -> Any:
    return a.row([part for piece in pieces for part in (a.text(sign), piece)][1:])


def _guarded(part: Tree, a: Alphabet, parentheses: bool) -> Any:
    piece = spell(part, a)
    return a.enclosed("(", piece, ")") if parentheses else piece


def _base(part: Tree, a: Alphabet) -> Any:
    """What carries a superscript."""
    return _guarded(part, a, part.head not in SOLID)


def _raisable(part: Tree, a: Alphabet) -> Any:
    """The base of a power: (a¹)⁻¹, for in a¹⁻¹ the number of the name would be read as part of the exponent."""
    return _guarded(part, a, part.head not in SOLID or part.head == "name" and a.has_exponent(part.args[0]))


SPELLINGS: Mapping[str, SpelledHead] = MappingProxyType({
    "num": lambda a, text: a.text(text), "name": _name,
    "ones": _glyph("𝟏"), "eye": _glyph("I"), "dots": _glyph("…"), "hidden": _glyph("·"), "colon": _glyph(":"),
    "sum": _sum, "product": _product,
    "hadamard": _entrywise(" ⊙ ", "sum", "big", "hadamard", "kron", "star", "product"),
    "kron": _entrywise(" ⊗ ", "sum", "big", "hadamard", "kron", "star"), "star": _star,
    "fraction": _fraction, "transpose": _transpose, "inverse": _inverse, "power": _power, "root": _root,
    "call": _call, "norm": _norm, "big": _big,
    "bars": _bracketed("|", "|"), "floor": _bracketed("⌊", "⌋"), "ceil": _bracketed("⌈", "⌉"),
    "bracket": _bracketed("[", "]"),
    "at": _at, "entries": _entries, "item": _item, "range": _range,
    "relation": _relation, "logic": _logic, "not": _not, "cases": _cases,
    "matrix": _matrix, "tuple": _tuple, "keyword": _keyword, "count": _count,
})
