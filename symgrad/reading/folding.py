"""Arithmetic of the numbers and sizes that stand in a text, before any tensor sees them.

Quotients of whole numbers stay exact, so that 1/3 prints as 1/3; and nothing grows beyond 2**63 on the way,
so that no text makes Python compute a power of a million digits.
"""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from typing import Any

import sympy as sp

WHOLE = 2**63  # the first whole number that is none here, and no size
BITS = 4096  # of an exact power, at most


def is_number(value: Any) -> bool:
    """A number or a size, which is folded here and not by a tensor."""
    return isinstance(value, (int, float, Fraction, sp.Expr))


def fold(sign: str, a: Any, b: Any) -> Any:
    """Arithmetic of two numbers or sizes, exact for whole numbers and never larger than a float.

    >>> from symgrad.reading.folding import fold
    >>> fold("/", 1, 3), fold("**", 2, 0.5)
    (Fraction(1, 3), 1.4142135623730951)
    """
    if sign == "@":
        raise TypeError("it multiplies tensors; here are two numbers (write *)")
    if sign == "/" and b == 0:
        raise ZeroDivisionError("division by zero")
    sizes = isinstance(a, sp.Expr) or isinstance(b, sp.Expr)
    if sign == "**":
        if sizes:
            raise TypeError("a power of a size is not read; write n * n")
        value = _power(a, b)
    elif sign == "/" and not sizes and not isinstance(a, float) and not isinstance(b, float):
        value = Fraction(a) / Fraction(b)
    else:
        value = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}[sign](a, b)
    if isinstance(value, sp.Number):  # such as n / n
        value = int(value) if value.is_Integer else Fraction(value) if value.is_Rational else float(value)
    if isinstance(value, Fraction) and max(abs(value.numerator), value.denominator) >= WHOLE:
        value = float(value)
    if isinstance(value, int) and abs(value) >= WHOLE or isinstance(value, float) and math.isinf(value):
        raise OverflowError("the result is too large")
    return value


def _power(a: Any, b: Any) -> Any:
    """a ** b, exact where both are whole or a fraction is raised to a whole power."""
    if a == 0 and b < 0:
        raise ZeroDivisionError("division by zero")
    if isinstance(b, int) and not isinstance(a, float):
        base = Fraction(a)
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(b) * bits > BITS and base not in (-1, 0, 1):
            raise OverflowError("the result is too large")
        return a**b if b >= 0 else base**b
    if a < 0 and float(b) != int(b):
        raise ValueError("a root of a negative number is not real")
    try:
        return float(a) ** float(b)
    except OverflowError:
        raise OverflowError("the result is too large") from None
