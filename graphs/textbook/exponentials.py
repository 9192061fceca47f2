"""Exponentials that have a name together: (e^u - e^-u)/(e^u + e^-u) is tanh(u), e^s/(e^s + e^t) is σ(s - t).

Sums of two exponentials become cosh and sinh, quotients of them tanh; a sigmoid less its half, and a tanh more its one,
are each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, scale
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node
from symgrad.graphs.rewrites.patterns import row_of, scaled
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, times

Pairs = list[tuple[Node, Weight]]
MOST = 24  # terms of a sum in which two are looked for
HALF, TWO = inverse(Weight(2)), Weight(2)


def hyperbolic(node: Node) -> Node:
    """A sum with two exponentials as cosh or sinh, with a number beside a sigmoid or tanh as the other."""
    if len(node.operands) > MOST:
        return node
    pairs: Pairs = list(zip(node.operands, node.attrs[0], strict=True))
    for i, (one, by) in enumerate(pairs):
        for j, (other, w) in enumerate(pairs):
            made = None if i == j else _two(one, by, other, w)
            if made is not None:
                rest = [pair for k, pair in enumerate(pairs) if k not in (i, j)]
                return joined([*rest, made]) if rest else scale(*made)
    return node


def _two(one: Node, by: Weight, other: Node, w: Weight) -> tuple[Node, Weight] | None:
    """Two terms of a sum as one."""
    u, v = row_of(one, "exp"), row_of(other, "exp")
    if u is not None and v is not None and scale(u, MINUS) is v and not _is_negative(u) and by in (w, times(w, MINUS)):
        return elementwise("cosh" if by == w else "sinh", [u]), times(by, TWO)
    number = literal_value(other)
    if number is None:
        return None
    constant = times(number, w)
    if (z := row_of(one, "sigmoid")) is not None:
        if _is_negative(z) and constant == times(by, MINUS):  # 1 - σ(-z)
            return elementwise("sigmoid", [scale(z, MINUS)]), constant
        if times(constant, TWO) == times(by, MINUS) and _is_multiple(z):  # 2 σ(2 u) - 1
            return _tanh(scale(z, HALF), times(by, HALF))
    if (h := row_of(one, "tanh")) is not None and constant in (by, times(by, MINUS)) and _is_half(h):
        sign = ONE if constant == by else MINUS  # 1 + tanh(u/2), 1 - tanh(u/2)
        return elementwise("sigmoid", [scale(h, times(TWO, sign))]), times(constant, TWO)
    return None


def _tanh(u: Node, by: Weight) -> tuple[Node, Weight]:
    """tanh(u), and -tanh(u) for tanh(-u)."""
    turned = _is_negative(u)
    return elementwise("tanh", [scale(u, MINUS) if turned else u]), times(by, MINUS) if turned else by


def _is_negative(u: Node) -> bool:
    return u.op is ops.ADD and len(u.operands) == 1 and u.attrs[0][0].number < 0


def _is_multiple(u: Node) -> bool:
    """2 u: is it written with an even number in front?"""
    by = scaled(u)[0]
    return by.factor is None and not isinstance(by.number, float) and by.number % 2 == 0


def _is_half(u: Node) -> bool:
    """u/2: is it written with a half in front?"""
    by = scaled(u)[0]
    return by.factor is None and not isinstance(by.number, float) and by.number % 1 != 0 and by.number * 2 % 1 == 0


def ratio(numerator: Node, below: Node) -> tuple[Node, Weight] | None:
    """A quotient of two terms of the same axes as a function and its weight."""
    by, divisor = scaled(below)
    w, top = scaled(numerator)
    front = times(w, inverse(by))
    if (u := row_of(divisor, "cosh")) is not None and row_of(top, "sinh") is u:
        return elementwise("tanh", [u]), front
    z = row_of(numerator, "exp")
    if z is None or divisor.op is not ops.ADD or len(divisor.operands) != 2 or divisor.attrs[0][0] != divisor.attrs[0][1]:
        return None
    parts = [row_of(each, "exp") for each in divisor.operands]
    if z not in parts or None in parts:
        return None
    other = parts[1 - parts.index(z)]
    assert other is not None
    return elementwise("sigmoid", [add([z, other], [ONE, MINUS])]), inverse(divisor.attrs[0][0])


def less_one(factor: Node, sigmoid: Node) -> tuple[Node, Weight] | None:
    """(e^z - 1) σ(-z) is tanh(z/2)."""
    z = row_of(sigmoid, "sigmoid")
    if z is None or factor.op is not ops.ADD or len(factor.operands) != 2:
        return None
    for (one, by), (other, w) in _both(list(zip(factor.operands, factor.attrs[0], strict=True))):
        u, number = row_of(one, "exp"), literal_value(other)
        if u is not None and number is not None and u is scale(z, MINUS) and times(number, w) == times(by, MINUS):
            return _tanh(scale(u, HALF), by)
    return None


def _both(pairs: Pairs) -> Sequence[tuple[tuple[Node, Weight], tuple[Node, Weight]]]:
    return (pairs[0], pairs[1]), (pairs[1], pairs[0])
