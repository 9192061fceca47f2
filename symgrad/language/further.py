"""Elementwise functions beyond `pointwise.py`: inverse functions, logarithms to a base, rounding, tests of numbers.

Names and conventions are NumPy's. Each is a row of the table of elementwise functions, or a line of others.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.graphs.node import REAL
from symgrad.language.align import as_int, as_tensor
from symgrad.language.pointwise import apply_row, divide, exp, floor, log, where
from symgrad.language.tensor import Tensor


def arcsin(x: Any) -> Tensor:
    """The inverse sine, for numbers from -1 to 1, entry by entry.

    >>> x = sg.data("x", 3)
    >>> print(sg.arcsin(x), "|", sg.gradient(sg.sum(sg.arcsin(x)), x))
    arcsin(x) | 1/√(1 - x^⊙2)
    """
    return apply_row("arcsin", x)


def arccos(x: Any) -> Tensor:
    """The inverse cosine, for numbers from -1 to 1, entry by entry.

    >>> x = sg.data("x", 3)
    >>> print(sg.arccos(x), "|", sg.gradient(sg.sum(sg.arccos(x)), x))
    arccos(x) | -1/√(1 - x^⊙2)
    """
    return apply_row("arccos", x)


def arctan2(y: Any, x: Any) -> Tensor:
    """The angle of the point (x, y) with the first axis, from -pi to pi, entry by entry.

    >>> sg.arctan2(sg.data("y", 3), -1).eval(y=[1.0, 0.0, -1.0]).round(3)
    array([ 2.356,  3.142, -2.356])
    """
    return apply_row("arctan2", y, x)


def arcsinh(x: Any) -> Tensor:
    """The inverse hyperbolic sine, entry by entry.

    >>> x = sg.data("x", 3)
    >>> print(sg.arcsinh(x), "|", sg.gradient(sg.sum(sg.arcsinh(x)), x))
    arcsinh(x) | 1/√(1 + x^⊙2)
    """
    return apply_row("arcsinh", x)


def arccosh(x: Any) -> Tensor:
    """The inverse hyperbolic cosine, for numbers from 1 on, entry by entry.

    >>> sg.arccosh(sg.data("x", 3)).eval(x=[1.0, 2.0, 0.0]).round(3)
    array([0.   , 1.317,   nan])
    """
    return apply_row("arccosh", x)


def arctanh(x: Any) -> Tensor:
    """The inverse hyperbolic tangent, for numbers between -1 and 1, entry by entry.

    >>> x = sg.data("x", 3)
    >>> print(sg.arctanh(x), "|", sg.gradient(sg.sum(sg.arctanh(x)), x))
    arctanh(x) | 1/(1 - x^⊙2)
    """
    return apply_row("arctanh", x)


def erfinv(x: Any) -> Tensor:
    """The inverse of the error function, for numbers between -1 and 1, entry by entry.

    >>> x = sg.data("x", 3)
    >>> print(sg.erfinv(x), "|", sg.gradient(sg.sum(sg.erfinv(x)), x))
    erfinv(x) | √π/2 exp(erfinv(x)^⊙2)
    """
    return apply_row("erfinv", x)


def log2(x: Any) -> Tensor:
    """The logarithm to base 2, entry by entry.

    >>> x = sg.data("x", 3)
    >>> print(sg.log2(x), "|", sg.log2(x).latex(), "|", sg.gradient(sg.sum(sg.log2(x)), x))
    log₂(x) | \\log_2(x) | 1/(log(2) x)
    """
    return apply_row("log2", x)


def log10(x: Any) -> Tensor:
    """The logarithm to base 10, entry by entry.

    >>> sg.log10(sg.data("x", 3)).eval(x=[1000.0, 1.0, 0.01])
    array([ 3.,  0., -2.])
    """
    return apply_row("log10", x)


def exp2(x: Any) -> Tensor:
    """2 to the power of x, entry by entry.

    >>> sg.exp2(sg.data("x", 3)).eval(x=[3.0, 0.0, -1.0])
    array([8. , 1. , 0.5])
    """
    return exp(as_tensor(x, "exp2") * math.log(2))


def logaddexp(a: Any, b: Any) -> Tensor:
    """log(exp(a) + exp(b)), entry by entry, stable at any size.

    >>> sg.logaddexp(sg.data("a", 2), 0.0).eval(a=[0.0, 1000.0]).round(3)
    array([6.93e-01, 1.00e+03])
    """
    return log(exp(a) + exp(b))


def reciprocal(x: Any) -> Tensor:
    """1 / x, entry by entry.

    >>> print(sg.reciprocal(sg.data("x", 3)))
    1/x
    """
    return divide(1, as_tensor(x, "reciprocal"))


def sinc(x: Any) -> Tensor:
    """sin(pi x) / (pi x), 1 at 0, entry by entry: NumPy's sinc. Derivatives of every order are finite at 0.

    >>> x = sg.data("x", 2)
    >>> f = sg.sum(sg.sinc(x))
    >>> print(sg.sinc(x), "|", sg.gradient(f, x), "|", sg.hessian(f, x).eval(x=[0.0, 1.0]).round(3)[0])
    sinc(x) | sinc'(x) | [-3.29  0.  ]
    """
    return apply_row("sinc", x)


def ceil(x: Any) -> Tensor:
    """The smallest integer above; derivative 0, entry by entry.

    >>> x = sg.data("x", 3)
    >>> print(sg.ceil(x), "|", sg.gradient(sg.sum(sg.ceil(x)), x))
    ⌈x⌉ | 0
    """
    return apply_row("ceil", x)


def trunc(x: Any) -> Tensor:
    """The integer part, towards zero; derivative 0, entry by entry.

    >>> sg.trunc(sg.data("x", 3)).eval(x=[1.7, -1.7, 2.0])
    array([ 1., -1.,  2.])
    """
    t = as_tensor(x, "trunc")
    return where(t < 0, ceil(t), floor(t))


def round(x: Any, decimals: int = 0) -> Tensor:
    """The nearest whole number, of two the even one, or the nearest with `decimals` behind the point; derivative 0.

    >>> sg.round(sg.data("x", 3)).eval(x=[0.5, 1.5, -1.2])
    array([ 0.,  2., -1.])
    """
    t, decimals = as_tensor(x, "round"), as_int(decimals, "round", "the number of decimals")
    if t.dtype != REAL and decimals >= 0:
        return t
    if not decimals:
        return apply_row("round", t)
    return apply_row("round", t * 10**decimals) / 10**decimals if decimals > 0 else (
        apply_row("round", t / 10**-decimals) * 10**-decimals)


def isnan(x: Any) -> Tensor:
    """Whether an entry is not a number.

    >>> sg.isnan(sg.log(sg.data("x", 3))).eval(x=[1.0, 0.0, -1.0])
    array([False, False,  True])
    """
    return apply_row("isnan", x)


def isfinite(x: Any) -> Tensor:
    """Whether an entry is a finite number.

    >>> sg.isfinite(sg.log(sg.data("x", 3))).eval(x=[1.0, 0.0, -1.0])
    array([ True, False, False])
    """
    return apply_row("isfinite", x)


def isinf(x: Any) -> Tensor:
    """Whether an entry is infinite.

    >>> sg.isinf(sg.log(sg.data("x", 3))).eval(x=[1.0, 0.0, -1.0])
    array([False,  True, False])
    """
    return apply_row("isinf", x)
