"""Sizes and weights as Python arithmetic: `n * (n + 1) // 2`, `2 / T`, `d ** 0.5`.

SymPy's own printers are not used: sizes must stay Python ints (so that shapes are exact and no dtype is
raised), irrational constants become float literals, and the result must read as written by hand. The array
module is called `np` in every text, whichever module that is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import Weight, from_expr

ATOM, POWER, UNARY, TIMES, PLUS, BITAND, COMPARE = 9, 8, 7, 6, 5, 4, 3


class Code(NamedTuple):
    """A piece of text, how tightly it binds, and how many operations a reader meets in it."""

    text: str
    binds: int = ATOM
    ops: int = 0

    def at(self, binds: int) -> str:
        """The text, in parentheses where it binds less tightly than `binds`."""
        return self.text if self.binds >= binds else f"({self.text})"


Names = Mapping[Any, str]


def size_text(size: Size, names: Names) -> Code:
    """An axis size as Python int arithmetic in the names of its symbols."""
    if isinstance(size, int):
        return Code(str(size), ATOM if size >= 0 else UNARY)
    if size.is_Symbol:
        return Code(names[size])
    above, below = sp.fraction(sp.together(size))
    if below != 1:
        return Code(f"{_whole(above, names).at(TIMES)} // {_whole(below, names).at(POWER)}", TIMES)
    return _whole(above, names)


def _whole(e: sp.Expr, names: Names) -> Code:
    if e.is_Integer:
        return size_text(int(e), names)
    if e.is_Symbol:
        return Code(names[e])
    if e.is_Add:
        return _signed_sum(e, names)
    if e.is_Mul:
        number, rest = e.as_coeff_Mul()
        if number == -1:
            return Code(f"-{_whole(rest, names).at(TIMES)}", UNARY)
        if not number.is_Integer:
            return size_text(e, names)
        parts = [] if number == 1 else [str(number)]
        parts += [_whole(f, names).at(TIMES + 1) for f in rest.as_ordered_factors()]
        return Code(" * ".join(parts), TIMES)
    if e.is_Pow and e.exp.is_Integer and e.exp > 0:
        return Code(f"{_whole(e.base, names).at(ATOM)} ** {e.exp}", POWER)
    if isinstance(e, (sp.floor, sp.ceiling)):
        above, below = sp.fraction(sp.together(e.args[0]))
        if isinstance(e, sp.floor):
            return Code(f"{_whole(above, names).at(TIMES)} // {_whole(below, names).at(POWER)}", TIMES)
        return Code(f"-(-{_whole(above, names).at(ATOM)} // {_whole(below, names).at(POWER)})", UNARY)
    if isinstance(e, (sp.Max, sp.Min)):
        args = ", ".join(_whole(a, names).text for a in sorted(e.args, key=sp.default_sort_key))
        return Code(f"{'max' if isinstance(e, sp.Max) else 'min'}({args})")
    if isinstance(e, sp.Mod):
        return Code(f"{_whole(e.args[0], names).at(TIMES)} % {_whole(e.args[1], names).at(POWER)}", TIMES)
    raise SymgradError(f"the axis size {e} uses {e.func.__name__}; sizes may use + - * / floor ceiling Max Min Mod")


def _signed_sum(e: sp.Expr, names: Names) -> Code:
    terms = sorted(e.as_ordered_terms(), key=lambda t: bool(t.could_extract_minus_sign()))
    if any(not sp.fraction(sp.together(t))[1] == 1 for t in terms):
        return size_text(e, names)
    text = _whole(terms[0], names).at(PLUS)
    for term in terms[1:]:
        minus = bool(term.could_extract_minus_sign())
        text += (" - " if minus else " + ") + _whole(-term if minus else term, names).at(PLUS + 1)
    return Code(text, PLUS)


def shape_text(shape: tuple[Size, ...], names: Names) -> str:
    """A shape as a Python tuple."""
    inner = ", ".join(size_text(s, names).text for s in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def number_text(value: Any) -> Code:
    """An int, float or fraction as a literal, exact where it is a short binary fraction."""
    if isinstance(value, Fraction):
        if value.denominator & (value.denominator - 1) == 0 and value.denominator <= 1024:
            value = float(value)
        else:
            sign = "-" if value < 0 else ""
            return Code(f"{sign}{abs(value.numerator)} / {value.denominator}", TIMES)
    if isinstance(value, int) and abs(value) <= 2**53:
        return Code(str(value), ATOM if value >= 0 else UNARY)
    value = _float(value)
    if math.isnan(value):
        return Code("np.nan")
    if math.isinf(value):
        return Code("np.inf" if value > 0 else "-np.inf", ATOM if value > 0 else UNARY)
    return Code(repr(float(value)), ATOM if math.copysign(1, value) > 0 else UNARY)


def _float(number: Any) -> float:
    """The nearest float; beyond all of them, infinity."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def quotient(by: Weight, names: Names) -> tuple[Code | None, Code | None]:
    """A weight as (above, below), either None for one: 2/T is ("2", "T"), 1/3 is (None, "3"), 1/2 ("0.5", None)."""
    number: Any = by.number
    above: list[sp.Expr] = []
    below: list[sp.Expr] = []
    if by.factor is not None:
        for f in sp.Mul.make_args(by.factor):
            if not f.free_symbols:
                number = float(sp.N((number if isinstance(number, float) else sp.Rational(number)) * f, 20))
            elif f.is_Pow and f.exp.could_extract_minus_sign():
                below.append(f.base ** -f.exp)
            else:
                above.append(f)
    p, q = (number.numerator, number.denominator) if isinstance(number, Fraction) else (number, 1)
    if isinstance(number, Fraction) and max(abs(p), q) > 2**53:
        p, q = _float(number), 1
    if q != 1 and q & (q - 1) == 0 and q <= 1024 and not (abs(p) == 1 and below):
        p, q = number, 1
    top = [] if p == 1 and isinstance(p, int) else [number_text(p)]
    top += [_scalar(f, names) for f in above]
    bottom = [] if q == 1 else [number_text(q)]
    bottom += [_scalar(f, names) for f in below]
    return _times(top), _times(bottom)


def weight_text(by: Weight, names: Names) -> Code:
    """A weight as a Python number."""
    above, below = quotient(by, names)
    if below is None:
        return above or Code("1")
    return Code(f"{above.at(TIMES) if above else '1'} / {below.at(POWER)}", TIMES)


def _times(parts: list[Code]) -> Code | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return Code(" * ".join(part.at(TIMES) if i == 0 else part.at(POWER) for i, part in enumerate(parts)), TIMES)


def _scalar(e: sp.Expr, names: Names) -> Code:
    """A factor of a weight: Python arithmetic with true division, since it need not be whole."""
    if e.is_Symbol or e.is_Integer:
        return size_text(int(e) if e.is_Integer else e, names)
    if not e.free_symbols:
        return number_text(float(e))
    if e.is_Mul:
        return weight_text(from_expr(e), names)
    if e.is_Add:
        text = ""
        for term in sorted(e.as_ordered_terms(), key=lambda t: bool(t.could_extract_minus_sign())):
            minus = bool(term.could_extract_minus_sign()) and text != ""
            piece = _scalar(-term if minus else term, names)
            text += (" - " if minus else " + " if text else "") + piece.at(PLUS + 1 if text else PLUS)
        return Code(text, PLUS)
    if e.is_Pow:
        base, exponent = _scalar(e.base, names), e.exp
        if exponent.is_Rational and not exponent.is_Integer:
            power = number_text(Fraction(int(exponent.p), int(exponent.q)))
        else:
            power = _scalar(exponent, names)
        return Code(f"{base.at(ATOM)} ** {power.at(ATOM)}", POWER)
    if isinstance(e, (sp.log, sp.exp)):
        return Code(f"float(np.{e.func.__name__}({_scalar(e.args[0], names).text}))")
    return size_text(e, names)
