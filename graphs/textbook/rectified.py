"""Choices that have a name, however they were written: {u if u > 0, 0 otherwise} and max(u, 0) are relu(u).

All of them are equal everywhere, so that what is differentiated afterwards is one function for all of its writings.
"""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, scale
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.rewrites.patterns import row_of
from symgrad.graphs.textbook.conditions import tested
from symgrad.graphs.weights import MINUS, ONE, Weight, times

MOST = 24  # terms of a sum in which sizes are looked for


def rectified(node: Node) -> Node:
    """A choice, an extreme or a sum with a size by its name: relu, |u|, max, min."""
    if node.dtype != REAL:
        return node
    node = homogeneous(node)
    if node.op is ops.ELEMENTWISE and node.attrs[0] in ("maximum", "minimum"):
        return _extreme(node)
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "where":
        return _choice(node)
    return _with_size(node) if node.op is ops.ADD and len(node.operands) > 1 else node


def _extreme(node: Node) -> Node:
    """max(u, 0) is relu(u), max(u, -u) is |u|, min(u, -u) is -|u|."""
    one, other = node.operands
    largest = node.attrs[0] == "maximum"
    for u, zero in ((one, other), (other, one)):
        if largest and _is_zero(zero):
            return homogeneous(elementwise("relu", [u]))
    if _is_zero(joined([(one, ONE), (other, ONE)])):
        return scale(homogeneous(elementwise("abs", [_plain(one)])), ONE if largest else MINUS)
    return node


def _plain(u: Node) -> Node:
    """u of u and -u: the one that begins without a sign."""
    return joined([(u, MINUS)]) if u.op is ops.ADD and u.operands and u.attrs[0][0].number < 0 else u


def homogeneous(node: Node) -> Node:
    """relu(2 u) is 2 relu(u), |-2 u| is 2 |u|, sign(2 u) is sign(u)."""
    if node.op is not ops.ELEMENTWISE or node.attrs[0] not in ("relu", "abs", "sign") or node.dtype != REAL:
        return node
    (u,), row = node.operands, node.attrs[0]
    if u.op is not ops.ADD or len(u.operands) != 1 or u.attrs[0][0].factor is not None:
        return node
    by = u.attrs[0][0]
    if row == "relu" and by.number < 0:
        return scale(elementwise("relu", [scale(u.operands[0], MINUS)]), times(by, MINUS)) if by != MINUS else node
    front = by if row == "relu" or by.number > 0 else times(by, MINUS)
    if row == "sign":
        front = ONE if by.number > 0 else MINUS
    return scale(elementwise(row, [u.operands[0]]), front)


def _choice(node: Node) -> Node:
    """{f if a > b, g otherwise} is max(f, g) if f - g is a - b, and min(f, g) if it is b - a."""
    condition, one, other = node.operands
    test, holds = tested(condition)
    if test.op is not ops.ELEMENTWISE or test.attrs[0] != "greater" or any(o.dtype != REAL for o in test.operands):
        return node
    f, g = (one, other) if holds else (other, one)
    a, b = test.operands
    apart, sides = _difference(f, g), _difference(a, b)
    if _is_zero(joined([(f, ONE), (g, ONE)])) and (flat := joined([(f, ONE)])) in (sides, joined([(sides, MINUS)])):
        apart = flat  # {u if u > 0, -u otherwise}
    if literal_value(apart) is not None:
        return node
    if _is_zero(f):  # {u if u >= 0, 0 otherwise} has another value at 0 for its derivative
        return node
    if apart is sides:
        return _extreme(elementwise("maximum", [f, g]))
    if apart is not joined([(sides, MINUS)]):
        return node
    return _extreme(elementwise("minimum", [f, g]))


def _difference(a: Node, b: Node) -> Node:
    return joined([(a, ONE), (b, MINUS)])


def _with_size(node: Node) -> Node:
    """u + |u| is 2 relu(u), |u| - u is 2 relu(-u)."""
    if len(node.operands) > MOST or not any(row_of(each, "abs") for each in node.operands):
        return node
    flat = joined(list(zip(node.operands, node.attrs[0], strict=True)))
    terms = dict(zip(flat.operands, flat.attrs[0], strict=True)) if flat.op is ops.ADD else {}
    for size, by in terms.items():
        u = row_of(size, "abs")
        if u is None:
            continue
        for w, side in ((by, u), (times(by, MINUS), scale(u, MINUS))):
            rest = joined([(flat, ONE), (size, times(by, MINUS)), (u, times(w, MINUS))])
            if _terms(rest) == len(terms) - 1 - _terms(u):  # all of w u was there
                return joined([(rest, ONE), (homogeneous(elementwise("relu", [side])), times(by, Weight(2)))])
    return node


def _terms(node: Node) -> int:
    return len(node.operands) if node.op is ops.ADD else 1


def _is_zero(node: Node) -> bool:
    value = literal_value(node)
    return value is not None and value.number == 0
