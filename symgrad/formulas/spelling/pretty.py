"""Formulas over several lines of Unicode, set with SymPy's string pictures: fractions stand upright."""

from __future__ import annotations

from collections.abc import Sequence

from sympy.printing.pretty.stringpict import prettyForm, stringPict

from symgrad.formulas.spelling.glyphs import Name, unicode_name
from symgrad.formulas.spelling.spell import spell
from symgrad.formulas.spelling.tree import Tree
from symgrad.formulas.spelling.unicode import UnicodeAlphabet, indices

FLAT = UnicodeAlphabet()
TALL = {"⌊": "⎢", "⌋": "⎥"}  # above the last line
SIDES = {"(": ("(", ")"), "[": ("[", "]"), "{": ("{", "}"), "|": ("|", "|")}


class PrettyAlphabet:
    """The alphabet of string pictures."""

    flat = False

    def text(self, glyphs: str) -> prettyForm:
        return prettyForm(FLAT.text(glyphs))

    def word(self, word: str) -> prettyForm:
        return prettyForm(word)

    def name(self, name: Name, subs: Sequence[prettyForm]) -> prettyForm:
        return prettyForm(unicode_name(name, _flat_indices(subs)))

    def has_exponent(self, name: Name) -> bool:
        return name.sup is not None

    def function(self, name: str, subs: Sequence[prettyForm]) -> prettyForm:
        return prettyForm(FLAT.function(name, [_line(each) for each in subs]))

    def row(self, parts: Sequence[prettyForm]) -> prettyForm:
        return prettyForm(*stringPict.next(*parts)) if parts else prettyForm("")

    def enclosed(self, left: str, inner: prettyForm, right: str) -> prettyForm:
        if inner.height() == 1:
            return self.row([prettyForm(left), inner, prettyForm(right)])
        if left in SIDES:
            return prettyForm(*inner.parens(*SIDES[left]))
        bar, end = (stringPict("\n".join([TALL.get(side, side)] * (inner.height() - 1) + [side]), inner.baseline)
                    for side in (left, right))
        return prettyForm(*stringPict.next(bar, inner, end))

    def raised(self, base: prettyForm, exponent: prettyForm) -> prettyForm:
        if base.height() == 1 and exponent.height() == 1:
            return prettyForm(FLAT.raised(_line(base), _line(exponent)))
        wide, _ = base.right(" " * exponent.width())
        high, _ = stringPict(" " * base.width()).right(exponent)
        picture, _ = stringPict(wide).above(high)
        return prettyForm(picture, baseline=base.baseline + exponent.height())

    def lowered(self, base: prettyForm, subs: Sequence[prettyForm]) -> prettyForm:
        if base.height() == 1:
            return prettyForm(FLAT.lowered(_line(base), [_line(each) for each in subs]))
        below = _flat_indices(subs)
        wide, _ = base.right(" " * len(below))
        picture, _ = stringPict(wide).below(" " * base.width() + below)
        return prettyForm(picture, baseline=base.baseline)

    def fraction(self, above: prettyForm, below: prettyForm) -> prettyForm:
        picture, _ = stringPict.stack(above, stringPict.LINE, below)
        return prettyForm(picture, baseline=above.height())

    def root(self, inner: prettyForm, tight: bool) -> prettyForm:
        if inner.height() == 1:
            return prettyForm(FLAT.root(_line(inner), tight))
        return self.row([prettyForm("√"), self.enclosed("(", inner, ")")])

    def big(self, letters: Sequence[prettyForm], body: prettyForm) -> prettyForm:
        picture, _ = stringPict("∑").below(_flat_indices(letters))
        return self.row([prettyForm(picture, baseline=0), prettyForm(" "), body])

    def cases(self, rows: Sequence[tuple[prettyForm, prettyForm]], otherwise: prettyForm) -> prettyForm:
        wide = max(value.width() for value in (otherwise, *(value for value, _ in rows)))
        lines = [self.row([_padded(value, wide), prettyForm("  if "), test]) for value, test in rows]
        lines.append(self.row([_padded(otherwise, wide), prettyForm("  otherwise")]))
        width = max(line.width() for line in lines)
        picture, _ = stringPict.stack(*(_padded(line, width) for line in lines))
        body = prettyForm(picture, baseline=(picture.count("\n")) // 2)
        return prettyForm(*body.left(stringPict(_brace(body.height()), body.baseline)))

    def matrix(self, rows: Sequence[Sequence[prettyForm]]) -> prettyForm:
        pieces: list[prettyForm] = []
        for i, row in enumerate(rows):
            for j, entry in enumerate(row):
                pieces += [prettyForm("; " if not j else ", ")] if i or j else []
                pieces.append(entry)
        return self.enclosed("[", self.row(pieces), "]")


def _padded(piece: prettyForm, width: int) -> prettyForm:
    """A piece with blanks to the right."""
    return prettyForm(*piece.right(" " * (width - piece.width())))


def _brace(height: int) -> str:
    return "\n".join("⎧" if i == 0 else "⎩" if i == height - 1 else "⎪" for i in range(height))


def _line(piece: prettyForm) -> str:
    return "".join(piece.picture)


def _flat_indices(subs: Sequence[prettyForm]) -> str:
    return indices([_line(each) for each in subs])


def pretty(tree: Tree, name: Tree | None = None) -> str:
    """A tree over several lines; with a `name`, as its definition."""
    a = PrettyAlphabet()
    piece = spell(tree, a)
    if name is not None:
        piece = a.row([spell(name, a), a.text(" = "), piece])
    lines = [line.rstrip() for line in str(piece).split("\n")]
    return "\n".join(lines)
