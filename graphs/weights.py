"""Weights of sums: an exact number, or a float, times an expression in size symbols and constants.

All scalar factors of a multilinear expression collect here, so that `2/T (X' r)` keeps one
coefficient in front. Numbers stay int or Fraction as long as they can: SymPy arithmetic is slow
and enters only with a symbolic size or an irrational constant such as sqrt(2).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache, lru_cache
from operator import add, mul
from typing import Any, NamedTuple

import sympy as sp

Number = int | Fraction | float


class Weight(NamedTuple):
    """`number * factor`; `factor` is None for one, else a SymPy expression without a rational coefficient."""

    number: Number
    factor: sp.Expr | None = None


ONE = Weight(1)
MINUS = Weight(-1)


def exact(number: Any) -> Number:
    """A Python number: floats that are short binary fractions become exact, so that 0.5 prints as 1/2."""
    if isinstance(number, (int, Fraction)) and not isinstance(number, bool):
        if isinstance(number, Fraction) and number.denominator == 1:
            return int(number)
        return number
    number = float(number)
    if number != number:
        return math.nan  # the one object: a NaN equals nothing but itself
    if abs(number) < 2**53:
        short = Fraction(number)
        if short.denominator == 1:
            return int(short)
        if short.denominator <= 1024:
            return short
    return number


@lru_cache(maxsize=4096)
def from_expr(expr: sp.Expr) -> Weight:
    """A SymPy expression in size symbols and constants as a weight.

    >>> n = sp.Symbol("n")
    >>> from_expr(2 * n + 4)
    Weight(number=2, factor=n + 2)
    """
    number, factor = expr.primitive() if expr.is_Add else expr.as_coeff_Mul()
    if not number.is_finite:
        return Weight(exact(number), None if factor is sp.S.One else factor)
    exact_number = exact(Fraction(int(number.p), int(number.q)) if number.is_Rational else number)
    if factor.is_Add and factor.could_extract_minus_sign():  # -(n - 1), not 1 - n
        exact_number, factor = -exact_number, -factor
    return Weight(exact_number, None if factor is sp.S.One else factor)


def weight(value: Any) -> Weight:
    """Any number, size or weight as a `Weight`; constants are known again in the floats that a person typed.

    >>> weight(0.5).number, weight(3.0).number, weight(0.1).number
    (Fraction(1, 2), 3, 0.1)
    >>> weight(6.283185307179586), weight(0.7071067811865475)
    (Weight(number=2, factor=pi), Weight(number=Fraction(1, 2), factor=sqrt(2)))
    """
    if isinstance(value, Weight):
        return value
    if isinstance(value, sp.Expr):
        return from_expr(value)
    number = exact(value)
    return _constant(number) if isinstance(number, float) else Weight(number)


CONSTANTS = ("pi", "E", "sqrt(2)", "sqrt(3)", "sqrt(5)", "sqrt(pi)", "sqrt(2*pi)", "1/pi", "1/sqrt(pi)", "1/sqrt(2*pi)",
             "pi**2", "log(2)", "log(3)", "log(10)", "log(pi)", "log(2*pi)")
PARTS = 24  # the largest denominator of a multiple of a constant that is known again
HUGE = 10**300
DIGITS = 15  # of a decimal that a person typed


@cache
def _constants() -> list[tuple[sp.Expr, float]]:
    """The constants as expressions and as floats."""
    return [(e, float(e)) for e in map(sp.sympify, CONSTANTS)]


@lru_cache(maxsize=4096)
def _constant(number: float) -> Weight:
    """A float as a small fraction, or such a multiple of a constant, where it is the one nearest to it; else the float."""
    if not 1e-6 < abs(number) < 1e6 or _decimal(number) is not None:
        return Weight(number)
    short = float(f"{number:.12g}")
    if math.isclose(short, number, rel_tol=4e-16):  # 0.1 * 0.2 was carried out before
        return Weight(exact(short))
    third = Fraction(number).limit_denominator(PARTS)
    if float(third) == number:  # 1/3 and its like
        return Weight(exact(third))
    for expr, value in _constants():
        ratio = Fraction(number / value).limit_denominator(PARTS)
        if ratio and abs(ratio.numerator) <= PARTS and math.isclose(float(ratio) * value, number, rel_tol=4e-16):
            known = from_expr(expr)
            return Weight(exact(ratio * known.number), known.factor)
    return Weight(number)


def _decimal(number: Number) -> Fraction | None:
    """A number as it was typed, where that has few digits: 0.1 is one tenth."""
    if not isinstance(number, float):
        return Fraction(number)
    if not math.isfinite(number):
        return None
    digits = repr(number)
    significant = digits.partition("e")[0].replace(".", "").lstrip("-0")
    return Fraction(digits) if len(significant) <= DIGITS else None


def _exactly(operation: Callable[[Any, Any], Any], a: Number, b: Number) -> Number:
    """Arithmetic of decimals as on paper: 0.1 * 0.2 is 0.02, 0.1 + 0.2 is 0.3."""
    if isinstance(a, float) or isinstance(b, float):
        x, y = _decimal(a), _decimal(b)
        if x is not None and y is not None:
            made = operation(x, y)
            return exact(float(made) if abs(made) < HUGE else operation(a, b))
    return exact(operation(a, b))


def times(a: Weight, b: Weight) -> Weight:
    """The product of two weights."""
    number = _exactly(mul, a.number, b.number) if a.number != 1 and b.number != 1 else (
        b.number if a.number == 1 else a.number)
    if a.factor is None or b.factor is None:
        return Weight(number, a.factor if b.factor is None else b.factor)
    merged = from_expr(a.factor * b.factor)
    return Weight(_exactly(mul, number, merged.number), merged.factor)


def joins(a: Weight, b: Weight) -> bool:
    """May two weights become one? Not where their product leaves 2^-32 ... 2^32 and goes further than either.

    Weights of hundreds of levels would multiply to infinity, where every partial result of the graph is moderate
    (the logistic map in float32: 3.9^65).
    """
    x: Any = abs(a.number)
    y: Any = abs(b.number)
    return not (FAR < x * y < math.inf and x * y > max(x, y) or 0 < x * y < 1 / FAR and x * y < min(x, y))


def is_far(a: Weight) -> bool:
    """Is a weight so large or small that it stays where it is?"""
    size: Any = abs(a.number)
    return not 1 / FAR <= size <= FAR


FAR = 2**32


def magnitude(a: Weight) -> Weight:
    """The weight with a number that is not negative."""
    return Weight(exact(-a.number), a.factor) if a.number < 0 else a


def inverse(a: Weight) -> Weight:
    """1 / a; a zero number raises ZeroDivisionError."""
    number = 1 / a.number if isinstance(a.number, float) else Fraction(1) / a.number
    if a.factor is None:
        return Weight(exact(number))
    below = from_expr(1 / a.factor)  # 1/√6 is √6/6, one sixth of the root
    return Weight(_exactly(mul, number, below.number), below.factor)


def plus(a: Weight, b: Weight) -> Weight | None:
    """The sum of two weights, or None where it has no exact form (a float beside a symbolic size)."""
    if a.factor == b.factor:
        total = _exactly(add, a.number, b.number)
        return Weight(total, a.factor if total else None)
    if isinstance(a.number, float) or isinstance(b.number, float):
        return None
    return from_expr(to_expr(a) + to_expr(b))


def to_expr(a: Weight) -> sp.Expr:
    """The weight as a SymPy number or expression."""
    number = a.number
    base = sp.Float(number) if isinstance(number, float) else sp.Rational(number)
    return base if a.factor is None else base * a.factor


def is_integer(a: Weight) -> bool:
    """Does the weight keep integers integer?"""
    return isinstance(a.number, int) and (a.factor is None or bool(a.factor.is_integer))
