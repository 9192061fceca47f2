"""Differences of exponentials: exp(z) - 1, its reciprocal and its logarithm, sinh and tanh among them.

exp(z) - 1 loses its digits near z = 0, 1 - exp(-z) those of exp(-z) in the tail, and exp(z) / (exp(z) - 1)² is infinity
over infinity. What is made of them has three rows whose derivatives are made of themselves: expm1, `bose` = 1/expm1 with
the derivative -y (1 + y), and `log1mexp` = log(1 - exp(-z)) with the derivative `bose`.
"""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal, literal_value, scale
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node
from symgrad.graphs.rewrites.patterns import bare, is_positive, row_of, scaled
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, times

LOW, HIGH = Weight(-37), Weight(7)  # of a: exp(-exp(a)) is 1 - exp(a) below, and 0 above
TWO = Weight(2)


def less_one(node: Node) -> tuple[Weight, Node] | None:
    """(w, z) where `node` is w (exp(z) - 1)."""
    by, inner = scaled(node)
    if (z := row_of(inner, "expm1")) is not None:
        return by, z
    if inner.op is not ops.ADD or len(inner.operands) != 2:
        return None
    for i in (0, 1):
        value, z = literal_value(inner.operands[i]), row_of(inner.operands[1 - i], "exp")
        w = inner.attrs[0][1 - i]
        if value is not None and z is not None and times(value, inner.attrs[0][i]) == times(w, MINUS):
            return times(by, w), z
    return None


def reciprocal_of(node: Node) -> Node | None:
    """1 / node for exp(z) - 1, sinh(z), cosh(z); None for others."""
    for row, inverted in (("cosh", "sech"), ("sinh", "csch")):
        if (z := row_of(node, row)) is not None:
            return elementwise(inverted, [z])
    found = less_one(node)
    return None if found is None else scale(elementwise("bose", [found[1]]), inverse(found[0]))


def log_of_difference(node: Node) -> Node | None:
    """log of w (exp(z) - 1), sinh, cosh and tanh; None for others. NaN where these are negative."""
    if (z := row_of(node, "cosh")) is not None:
        return elementwise("log_cosh", [z])
    double = None if (z := row_of(node, "sinh") or row_of(node, "tanh")) is None else scale(z, TWO)
    if z is not None and double is not None:
        tail = elementwise("log1mexp", [double])
        if row_of(node, "sinh") is not None:
            return add([z, tail, elementwise("log", [literal(2, z.shape)])], [ONE, ONE, MINUS])
        return add([tail, elementwise("softplus", [scale(double, MINUS)])], [ONE, MINUS])
    found = less_one(node)
    if found is None:
        return None
    by, z = found
    if is_positive(by):
        log = add([z, elementwise("log1mexp", [z])])
    elif is_positive(times(by, MINUS)):
        by, log = times(by, MINUS), _tail(scale(z, MINUS))
    else:
        return None
    return log if by == ONE else add([log, elementwise("log", [literal(by, log.shape)])])


def _tail(z: Node) -> Node:
    """log(1 - exp(-z)); for z = exp(a) it is a where z is tiny, and no infinity meets a zero where it is huge."""
    by, inner = scaled(z)
    a = row_of(inner, "exp")
    if a is None or not is_positive(by):
        return elementwise("log1mexp", [z])
    if by != ONE:
        a = add([a, elementwise("log", [literal(by, a.shape)])])
    low, high = literal(LOW, a.shape), literal(HIGH, a.shape)
    inside = elementwise("exp", [elementwise("clip", [a, low, high])])
    below = elementwise("minimum", [add([a, low], [ONE, MINUS]), literal(0, a.shape)])
    return add([elementwise("log1mexp", [inside]), below])


def is_double(outer: Node, a: Node) -> bool:
    """Has the exponent `outer` a term in exp(a)?"""
    outer = bare(outer)
    terms = outer.operands if outer.op is ops.ADD else (outer,)
    return any(row_of(term, "exp") is a for term in terms)
