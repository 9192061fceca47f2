"""Linear algebra and what runs along an axis: the rules of `lower.py` for what is one call of NumPy.

Kept apart because each is one call with a name that the backend spells (`python/spell.py`, CALLS); what NumPy lacks is
a helper (`python/helpers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import ALL, Arrays, Expr
from symgrad.graphs import ops
from symgrad.graphs.facts import SYMMETRIC, facts_of
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Node
from symgrad.graphs.sizes import product
from symgrad.graphs.weights import ONE


def linear(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """inverse, logdet and determinants (cofactor of order 0); `operands` are exact and real."""
    if node.op is ops.COFACTOR:
        (order,) = node.attrs
        return b.call("cofactor" if order else "det", operands, node.attrs if order else (), node.shape, REAL)
    return b.call(node.op, operands, (), node.shape, REAL)


def solve(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """NumPy knows one column axis: several are one of their product, none is one of size 1 (but for one vector)."""
    a, right = operands
    stack = len(a.shape) - 2
    columns = right.shape[stack + 1:]
    if len(columns) == 1 or not columns and not stack:
        return b.call("solve", operands, (), node.shape, REAL)
    width = product(columns)
    flat = b.reshape(right, (*right.shape[:stack + 1], width))
    return b.reshape(b.call("solve", [a, flat], (), flat.shape, REAL), node.shape)


def cholesky(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """NumPy reads the lower triangle only; the node is that of the symmetric part."""
    (a,) = operands
    last = len(node.shape) - 1
    (operand,) = node.operands
    if SYMMETRIC not in facts_of(operand):
        mirrored = b.transpose(a, (*range(last - 1), last, last - 1))
        a = b.product([b.add([(a, ONE), (mirrored, ONE)], REAL)], [b.number(2)], ONE, REAL)
    return b.call("cholesky", [a], (), node.shape, REAL)


def multiply(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """The product along an axis, or (order > 0) the products that leave entries out."""
    axis, order = node.attrs
    (x,) = operands
    if not order:
        kind = INTEGER if x.kind == BOOLEAN else x.kind
        return b.make(acts.PROD, [x], ((axis,), False), node.shape, kind)
    rest = [i for i in range(len(x.shape)) if i != axis]
    return b.call("leave_out", [b.transpose(x, (*rest, axis))], (order,), node.shape, REAL)


def cumsum(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """Running sums from the front or from the end."""
    axis, reverse = node.attrs
    (x,) = operands
    back = [("slice", None, None, -1, size) if i == axis else ALL for i, size in enumerate(x.shape)]
    e = b.index(x, back) if reverse else x
    e = b.make(acts.CUMSUM, [e], ((axis,), False), node.shape, node.dtype)
    return b.index(e, back) if reverse else e


def windows(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """A view with the offsets in a window as its last axis."""
    axis, step = node.attrs
    return b.make(acts.WINDOWS, operands, (axis, step), node.shape, node.dtype)


def overlap(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """Windows added where they came from: a helper."""
    axis, step = node.attrs
    return b.call("overlap", operands, (axis, step, node.shape[axis]), node.shape, REAL)


MATRICES: Mapping[ops.Op, Callable[[Arrays, Node, list[Expr]], Expr]] = MappingProxyType({
    ops.INVERSE: linear, ops.SOLVE: solve, ops.LOGDET: linear, ops.COFACTOR: linear, ops.CHOLESKY: cholesky,
    ops.MULTIPLY: multiply, ops.CUMSUM: cumsum, ops.WINDOWS: windows, ops.OVERLAP: overlap,
})
