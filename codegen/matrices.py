"""Linear algebra and products along an axis: the rules of `lower.py` for what NumPy's linalg computes.

Kept apart because each is one call with a name that the backend spells (`spell.py`, CALLS); what NumPy lacks is
a helper (`helpers.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from symgrad.codegen.arrays import ALL, Arrays, Expr
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Node
from symgrad.graphs.weights import ONE


def linear(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """inverse, solve, logdet and determinants (cofactor of order 0); `operands` are exact and real."""
    if node.op == "cofactor":
        (order,) = node.attrs
        return b.call("cofactor" if order else "det", operands, node.attrs if order else (), node.shape, REAL)
    return b.call(node.op, operands, (), node.shape, REAL)


def cholesky(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """NumPy reads the lower triangle only; the node is that of the symmetric part."""
    (a,) = operands
    last = len(node.shape) - 1
    if node.operands[0].op != "input" or not {"symmetric", "positive_definite"} & set(node.operands[0].attrs[0].facts):
        mirrored = b.transpose(a, (*range(last - 1), last, last - 1))
        a = b.product([b.add([(a, ONE), (mirrored, ONE)], REAL)], [b.number(2)], ONE, REAL)
    return b.call("cholesky", [a], (), node.shape, REAL)


def multiply(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """The product along an axis, or (order > 0) the products that leave entries out."""
    axis, order = node.attrs
    (x,) = operands
    if not order:
        kind = INTEGER if x.kind == BOOLEAN else x.kind
        return b.make("prod", [x], ((axis,), False), node.shape, kind)
    rest = [i for i in range(len(x.shape)) if i != axis]
    return b.call("leave_out", [b.transpose(x, (*rest, axis))], (order,), node.shape, REAL)


def cumsum(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """Running sums from the front or from the end."""
    axis, reverse = node.attrs
    (x,) = operands
    back = [("slice", None, None, -1, size) if i == axis else ALL for i, size in enumerate(x.shape)]
    e = b.index(x, back) if reverse else x
    e = b.make("cumsum", [e], ((axis,), False), node.shape, node.dtype)
    return b.index(e, back) if reverse else e


MATRICES: Mapping[str, Callable[[Arrays, Node, list[Expr]], Expr]] = MappingProxyType({
    "inverse": linear, "solve": linear, "logdet": linear, "cofactor": linear, "cholesky": cholesky,
    "multiply": multiply, "cumsum": cumsum,
})
