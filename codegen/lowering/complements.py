"""Sums of a number and a function that cancel in a tail, by the function that is their difference.

1 - sigmoid(z) is sigmoid(-z), exp(z) - 1 is expm1(z), 1 + erf(z) is erfc(-z): what is printed as a sum is computed
without taking two equal numbers from one another, so that it is right to the last digits however small it is.

A step of a training loop takes no second exponential for this (`quick`): there derivatives move parameters, and a
difference of 1e-16 in one of them is lost in the next sum. What costs nothing is done there too.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symgrad.codegen.lowering import forms
from symgrad.codegen.lowering.arrays import Arrays, Expr
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.rewrites.patterns import bare, row_of
from symgrad.graphs.weights import MINUS, ONE, Weight, from_expr, times, weight

ROOT = from_expr(sp.sqrt(2) / 2)


def complement(b: Arrays, made: dict[Node, Expr], terms: list[tuple[Node, Weight]],
               quick: bool) -> tuple[int, int, Expr, Weight] | None:
    """(two places, an expression, its weight) where two terms of a sum are together a function of their own."""
    for i, (one, by) in enumerate(terms):
        number = literal_value(one)
        if number is None:
            continue
        number = times(number, by)
        for j, (other, share) in enumerate(terms):
            if i == j or other.dtype != REAL or share not in (number, times(number, MINUS)):
                continue
            found = _joined(b, made, bare(other), share == number, quick)
            if found is not None:
                return i, j, found[0], times(number, found[1])
    return None


def _joined(b: Arrays, made: dict[Node, Expr], f: Node, plus: bool, quick: bool) -> tuple[Expr, Weight] | None:
    """1 + f or 1 - f, as an expression and a weight."""

    def call(row: str, z: Node, by: Weight = ONE) -> Expr:
        return forms.elementwise(b, row, [b.cast(b.product([made[z]], [], by, REAL), REAL)], REAL)

    if (z := row_of(f, "exp")) is not None and not plus:
        return call("expm1", z), MINUS
    if (z := row_of(f, "cos")) is not None and not plus:
        half = call("sin", z, weight(sp.Rational(1, 2)))
        return b.product([half, half], [], ONE, REAL), Weight(2)
    if (z := row_of(f, "erfc")) is not None and not plus:
        return call("erf", z), ONE
    if quick:
        return None
    if (z := row_of(f, "bose")) is not None and plus:
        return call("bose", z, MINUS), MINUS
    if (z := row_of(f, "sigmoid")) is not None and not plus:
        return call("sigmoid", z, MINUS), ONE
    if (z := row_of(f, "tanh")) is not None:
        return call("sigmoid", z, Weight(2 if plus else -2)), Weight(2)
    if (z := row_of(f, "erf")) is not None:
        return _error_tail(call, z, plus)
    if f.op is ops.EINSUM and not plus and len(f.operands) == 2 and f.operands[0] is f.operands[1] and (
            f.attrs[0][0] == f.attrs[0][1] == f.attrs[1]) and (z := row_of(f.operands[0], "tanh")) is not None:
        return forms.sech_squared(b, b.cast(made[z], REAL)), ONE
    return None


def _error_tail(call: Callable[..., Expr], z: Node, plus: bool) -> tuple[Expr, Weight]:
    """1 + erf(x / sqrt 2) is twice the normal distribution function, which squares x before it is rounded."""
    sign = ONE if plus else MINUS
    if z.op is ops.ADD and len(z.operands) == 1 and z.attrs[0][0] in (ROOT, times(ROOT, MINUS)):
        return call("ndtr", z.operands[0], sign if z.attrs[0][0] == ROOT else times(sign, MINUS)), Weight(2)
    return call("erfc", z, times(sign, MINUS)), ONE
