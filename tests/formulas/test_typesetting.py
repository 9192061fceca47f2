"""Every formula that the tests print can be typeset in a drawing, and breaks into lines that fit."""

import re

import drawn
import pytest
from identity_table import TABLE, made
from latex2mathml.converter import convert
from operation_table import ROWS, operands

import symgrad as sg
from symgrad.drawing.pictures.lines import block, break_line
from symgrad.drawing.pictures.typeset import formula

SIZE = 13.0


def operations():
    """Value and gradient of every row with symbolic sizes."""
    for row in ROWS:
        if "symbolic" in row.skip.split():
            continue
        at = operands(row, "symbolic")
        y, real = row.make(*at), [symbol for symbol in at if symbol.dtype == "real"]
        yield y.latex()
        if y.dtype == "real" and real:
            s = sg.sum(y * sg.data("p", y.shape, over=y.over))
            yield sg.gradient(s if y.over is None else sg.sum(s, over=y.over), real[0]).latex()


def identities():
    for identity in map(made, TABLE):
        yield from (t.latex() for t in (identity.y, identity.derived, identity.claim))


def derivations():
    for _, what in drawn.gallery():
        for step in getattr(what, "steps", ()):
            yield from (step.latex(mode) for mode in ("sample", "batch"))


@pytest.mark.parametrize("source, every, least", [(operations, 5, 100), (identities, 4, 100), (derivations, 3, 170)])
def test_formulas_of_symbolic_sizes_and_of_steps_are_typeset(source, every, least):
    """All are printed and read by latex2mathml; those of other sizes are in test_printed.py."""
    found = list(dict.fromkeys(source()))
    for latex in found:
        assert "\\" not in re.sub(r"<annotation.*?</annotation>", "", convert(latex)), latex
    shown = sorted(found, key=lambda latex: (len(latex), latex))[::every]
    assert len(shown) > least
    for latex in shown:
        typeset = formula(latex, SIZE)
        assert typeset is not None, latex
        assert typeset.width > 0 and len(typeset.glyphs) >= len(re.findall(r"[a-zA-Z]\b", re.sub(r"\\[A-Za-z]+", "", latex))) / 2


def test_a_tall_bar_is_drawn():
    low, tall = formula(r"\lVert x \rVert", SIZE), formula(r"\left\lVert x^{2} - y \right\rVert^{2}", SIZE)
    assert len(low.glyphs) == 3 and len(tall.glyphs) >= 7


@pytest.mark.parametrize("latex, most, lines", [
    ("a = b", 3, ["a = b"]),
    ("G = " + " + ".join(f"a_{{{i}}} b" for i in range(9)), 3, None),
    (r"G = x \odot (" + " + ".join(f"a_{{{i}}} b" for i in range(9)) + ")", 3, None),
    (r"G = \frac{" + " + ".join("abcdefghijkl") + "}{b} + c", 2, None),
])
def test_long_formulas_break_at_operators(latex, most, lines):
    found = break_line(latex, SIZE, 120.0, most).split("\n")
    assert len(found) <= most and (lines is None or found == lines)
    assert all(line.startswith(r"\quad ") for line in found[1:])
    assert all(line.count("{") == line.count("}") for line in found)
    whole = "".join(line.replace(r"\quad ", " ") for line in found)
    assert whole == latex or whole.endswith(r"\cdots") and latex.startswith(whole.removesuffix(r"\cdots").rstrip(" +"))
    widths = [formula(line, SIZE).width for line in found]
    assert max(widths) < 150 or "frac" in latex
    stacked = block("\n".join(found), SIZE)
    assert stacked.width == max(widths) and stacked.ascent + stacked.descent > 9 * len(found)


def test_what_no_box_can_hold_is_left_out():
    huge = "+".join("abcdefgh" * 100)
    assert break_line(rf"G = \frac{{{huge}}}{{b}} + c", SIZE, 120.0, 3) == r"G = \cdots + c"


@pytest.mark.parametrize("inner", [r"\sum_{k} x_{ik}", r"\frac{1}{2} \prod_{k} x_{ik}", r"\sum_{k}^{n} x_{k}^{2}"])
def test_brackets_around_a_sum_are_as_tall_as_the_sum(inner):
    bare = formula(inner, SIZE)
    for left, right in ("()", "[]", (r"\lVert", r"\rVert")):
        inside = formula(rf"\left{left} {inner} \right{right}", SIZE)
        assert inside.ascent + inside.descent < 1.5 * (bare.ascent + bare.descent)


@pytest.mark.parametrize("latex", [
    r"\frac{1}{2} \left( \left[ \sum_{l} v_{1,j i l} \left( G_{v_{1},j} - \sum_{p} v_{p}^{2} \right) \right]_{i j k} + 1 \right)",
    r"\left\lVert \frac{a}{b} \right\rVert_{F}^{2} \odot \sqrt{10^{-5} + \sigma^{2}_{1}}", r"\begin{bmatrix} a & b^{2} \\ \frac{c}{d} & 0 \end{bmatrix}"])
def test_rows_that_are_laid_out_once_look_as_those_of_the_library(latex, monkeypatch):
    once = formula.__wrapped__(latex, SIZE)
    monkeypatch.setattr("symgrad.drawing.pictures.mathrow.TAG", "mrow")
    assert once == formula.__wrapped__(latex, SIZE) and len(once.glyphs) > 5
