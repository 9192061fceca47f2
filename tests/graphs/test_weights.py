"""Weights: exact as long as they can be, one form for one value."""

import itertools
import math
from fractions import Fraction

import pytest
import sympy as sp

from symgrad.graphs.sizes import dim
from symgrad.graphs.weights import (
    MINUS,
    ONE,
    Weight,
    exact,
    from_expr,
    inverse,
    is_integer,
    magnitude,
    plus,
    times,
    to_expr,
    weight,
)

n, m = dim("n"), dim("m")
VALUES = [1, -1, 2, 0, Fraction(1, 3), 0.5, 0.1, -2.75, 1e300, n, 1 / n, -n, 2 * n + 4, n - m, m - n, sp.sqrt(2) / 2, sp.pi * n / 3,
          1 / (n + 1), 0.1 * n, sp.Rational(3, 7)]


@pytest.mark.parametrize("number, expected", [
    (2, 2), (2.0, 2), (-0.0, 0), (0.5, Fraction(1, 2)), (0.1, 0.1), (1 / 3, 1 / 3), (Fraction(4, 2), 2), (1e300, 1e300),
    (1 / 1024, Fraction(1, 1024)), (1 / 2048, 1 / 2048), (True, 1), (math.inf, math.inf)])
def test_short_binary_fractions_are_exact(number, expected):
    assert exact(number) == expected and type(exact(number)) is type(expected)


def test_nan_is_one_object():
    assert exact(float("nan")) is exact(float("inf") * 0) is weight(sp.nan).number


@pytest.mark.parametrize("expr, expected", [
    (2 * n + 4, Weight(2, n + 2)), (n / 2 + sp.Rational(1, 2), Weight(Fraction(1, 2), n + 1)), (1 - n, Weight(-1, n - 1)),
    (0.1 * n, Weight(0.1, n)), (sp.Float(0.5), Weight(Fraction(1, 2))), (sp.oo, Weight(math.inf)), (-3 / n, Weight(-3, 1 / n)),
    (sp.sqrt(2) / 2, Weight(Fraction(1, 2), sp.sqrt(2))), (sp.Integer(7), Weight(7)), (sp.pi, Weight(1, sp.pi))])
def test_numbers_stand_in_front(expr, expected):
    assert weight(expr) == expected and from_expr(expr) is from_expr(expr)


@pytest.mark.parametrize("a, b", itertools.combinations_with_replacement(VALUES, 2))
def test_arithmetic_is_that_of_sympy(a, b):
    def same(w, expr):
        w, expr = to_expr(w), sp.sympify(expr)
        at = {n: 7, m: 4}
        assert float(w.subs(at)) == pytest.approx(float(expr.subs(at)), rel=1e-14)

    x, y = weight(a), weight(b)
    same(x, a)
    same(times(x, y), sp.sympify(a) * b)
    assert times(x, y) == times(y, x)
    joined = plus(x, y)
    if joined is not None:
        same(joined, sp.sympify(a) + b)
        assert joined == plus(y, x)
    else:
        assert isinstance(x.number, float) or isinstance(y.number, float)
    if x.number != 0:
        same(inverse(x), 1 / sp.sympify(a))
        assert times(x, inverse(x)) == ONE or isinstance(x.number, float)


def test_exact_values_have_one_form():
    for a, b in itertools.product(VALUES, repeat=2):
        x, y = weight(a), weight(b)
        if isinstance(x.number, float) or isinstance(y.number, float):
            continue
        assert weight(to_expr(x)) == x
        assert plus(plus(x, y), times(MINUS, y)) == x if x.number else True
        assert (x == y) == (sp.expand(sp.sympify(a) - b) == 0)


def test_zero_has_no_inverse():
    with pytest.raises(ZeroDivisionError):
        inverse(weight(0))


def test_helpers():
    assert is_integer(weight(2)) and is_integer(weight(n)) and is_integer(weight(n * (n + 1)))
    assert not is_integer(weight(0.5)) and not is_integer(weight(1 / n)) and not is_integer(weight(n / 2))
    assert magnitude(weight(-3 * n)) == weight(3 * n) and magnitude(weight(0.5)) == weight(0.5)
    assert weight(weight(n)) == weight(n)
