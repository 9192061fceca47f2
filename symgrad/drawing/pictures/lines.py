"""Formulas of several lines: long ones broken at operators, and lines stacked into one block.

A label is one text with line breaks; each line is LaTeX by itself. A formula breaks before `=`, `+`, `-` or a
product sign that stands in no braces and no `\\left ... \\right`; where that leaves a line too wide, also
inside round brackets. Continued lines are indented, as in a book.
"""

from __future__ import annotations

import re
from functools import lru_cache

from symgrad.drawing.pictures.typeset import LINE, Glyph, TypesetFormula, formula

LONGEST = 700       # characters of LaTeX that are typeset without a break
INDENT = r"\quad "
_TOKEN = re.compile(r"\\left\b|\\right\b|\\begin\b|\\end\b|\\[A-Za-z]+|\\.|[{}()\[\]]| [=+-] | \\odot |[^\\{}()\[\] ]+| ")
_SUMS = {" = ", " + ", " - "}
_PRODUCTS = {*_SUMS, r" \odot "}


def break_line(latex: str, size: float, widest: float, most: int) -> str:
    """`latex` as at most `most` lines, none wider than `widest` (in the unit of `size`) where that can be.

    What does not fit into the lines is left out, with dots in its place.

    >>> print(break_line("a = b + c + d + e", 10.0, 40.0, 3))
    a = b
    \\quad + c
    \\quad + d + \\cdots
    """
    if _letters(latex) * 0.8 * size <= widest or "\n" in latex:
        return latex
    lines: list[str] = []
    for breaks, outer in ((_SUMS, True), (_PRODUCTS, True), (_PRODUCTS, False)):
        lines, fits = _packed(_pieces(latex, breaks, outer), size, widest, most)
        if fits:
            break
    return "\n".join(lines)


def _packed(pieces: list[str], size: float, widest: float, most: int) -> tuple[list[str], bool]:
    """Pieces filled into lines, and whether all of them fit."""
    lines: list[str] = []
    line, full, fits = "", 0.0, True
    for piece in pieces:
        if len(piece) > LONGEST:    # wider than any box, and slow to typeset: ziamath doubles its work at each level
            piece, fits = (piece[:3] if piece[:3] in _SUMS else "") + r"\cdots", False
        width = _width(piece, size)
        fits = fits and width <= widest
        if not line or full + width <= widest:
            line, full = line + piece, full + width
        elif len(lines) + 1 == most:
            line += r" + \cdots" if piece.startswith((" +", " -")) else r" \cdots"
            break
        else:
            lines.append(line)
            line, full = INDENT + piece.strip(), 1.5 * size + width
    return [*lines, line], fits


def _letters(latex: str) -> int:
    """About how many letters a formula shows: it is not typeset where that is few."""
    return len(re.sub(r"\\[A-Za-z]+|[{}^_ ]", "x", latex).replace("xx", "x"))


def _pieces(latex: str, breaks: set[str], outer: bool) -> list[str]:
    """`latex` cut before its operators in `breaks`; `outer`: not inside round brackets."""
    pieces, start, depth, rounds = [], 0, 0, 0
    tokens = _TOKEN.finditer(latex)
    for match in tokens:
        token = match.group()
        if token in ("{", "\\left", "\\begin"):
            depth += 1
        elif token in ("}", "\\right", "\\end"):
            depth -= 1
        elif token in "([":
            rounds += 1
        elif token in ")]":
            rounds -= 1
        elif depth == 0 and (rounds <= 0 or not outer) and token in breaks:
            if latex[start:match.start()].strip():
                pieces.append(latex[start:match.start()])
                start = match.start()
    return [*pieces, latex[start:]]


def _width(latex: str, size: float) -> float:
    set_ = formula(f"{{}}{latex}", size)    # behind an empty group, as in the middle of a line
    return 0.0 if set_ is None else set_.width


@lru_cache(maxsize=4096)
def block(latex: str, size: float) -> TypesetFormula | None:
    """The lines of `latex` typeset below each other, flush left; None if one of them cannot be typeset."""
    found = [formula(line, size) for line in latex.split("\n")]
    lines = [line for line in found if line is not None]
    if len(lines) < len(found):
        return None
    if len(lines) == 1:
        return lines[0]
    glyphs: list[Glyph] = []
    rules: list[tuple[float, float, float, float]] = []
    base, below = 0.0, 0.0
    for number, line in enumerate(lines):
        base += max(below + line.ascent + 0.25 * size, LINE * size) if number else 0.0
        below = line.descent
        glyphs += [Glyph(g.outline, g.x, g.y + base, g.scale) for g in line.glyphs]
        rules += [(x, y + base, w, h) for x, y, w, h in line.rules]
    return TypesetFormula(max(line.width for line in lines), lines[0].ascent, base + below, tuple(glyphs), tuple(rules))
