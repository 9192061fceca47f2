"""Long formulas in lines: cut at operators, outside brackets first, never wider than asked where that can be."""

import pytest

from symgrad.formulas.spelling.breaking import aligned, latex_lines, latex_width, unicode_lines

SUM = r"f = \left(\frac{a}{b} + " + " + ".join(rf"x_{{{i}}}" for i in range(30)) + r"\right) y"


def test_a_short_formula_stays():
    assert latex_lines(r"a = \frac{b}{c}") == [r"a = \frac{b}{c}"]
    assert unicode_lines("a = b + c", 80) == ["a = b + c"]


def test_lines_are_not_wider_than_asked():
    lines = latex_lines(SUM, 15.0)
    assert len(lines) > 3 and all(latex_width(line) <= 15.5 for line in lines)
    assert all(line.startswith("+") for line in lines[1:])


def test_brackets_that_are_cut_have_one_size():
    text = " ".join(latex_lines(SUM, 15.0))
    assert text.count(r"\bigl(") == text.count(r"\bigr)") == 1 and r"\left" not in text


@pytest.mark.parametrize("text, width, lines", [
    ("G = a + b + c = d + e + f = g + h", 11.9, ["G &= a + b + c = d + e + f", "&= g + h"]),
    ("G = a + b - c + d - (e + f) + g", 13, ["G &= a + b - c + d", r"&\quad {} - (e + f) + g"]),
    (r"G = a \odot b \odot c \odot d \odot e \odot f \odot g", 11.9,
     [r"G &= a \odot b \odot c \odot d \odot e \odot f", r"&\quad {} \odot g"]),
    ("G = (a + b + c) (d + e + f) (g + h)", 11.9, ["G &= (a + b + c)", r"&\quad {} (d + e + f) (g + h)"]),
    (r"G = \frac{a + b + c + d + e + f}{a + b + c + d + e + f}", 13,
     [r"G &= \frac{a + b + c + d + e + f}{a + b + c + d + e + f}"]),
])
def test_where_a_formula_is_cut(text, width, lines):
    assert aligned(text, width) == lines


def test_unicode_is_cut_at_its_operators():
    assert unicode_lines("∇_b L = 1/T (A ⊙ B)ᵀ 1 + 1/T (C ⊙ D)ᵀ 1", 30) == [
        "∇_b L = 1/T (A ⊙ B)ᵀ 1", "        + 1/T (C ⊙ D)ᵀ 1"]
