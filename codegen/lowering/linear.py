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
    return b.call("cholesky", [symmetric(b, operands[0], node)], (), node.shape, REAL)


def symmetric(b: Arrays, a: Expr, node: Node) -> Expr:
    """The symmetric part of a matrix, the operand of `node`; itself where it is declared to be symmetric."""
    if SYMMETRIC in facts_of(node.operands[0]):
        return a
    last = len(a.shape) - 1
    mirrored = b.transpose(a, (*range(last - 1), last, last - 1))
    return b.product([b.add([(a, ONE), (mirrored, ONE)], REAL)], [b.number(2)], ONE, REAL)


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


def argsort(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """Along the last axis, and that moved back."""
    (axis,), (x,) = node.attrs, operands
    rest = [i for i in range(len(x.shape)) if i != axis]
    moved = b.transpose(x, (*rest, axis))
    e = b.call("argsort", [moved], (), moved.shape, INTEGER)
    return b.transpose(e, [rest.index(i) if i != axis else len(rest) for i in range(len(x.shape))])


def factor(b: Arrays, node: Node, operands: list[Expr]) -> Expr:
    """Eigenvalues and singular values by name; vectors, Q and R as parts of one array, so that both are one call."""
    (a,) = operands
    *stack, rows, columns = a.shape
    if node.op is ops.SVDVALS:
        return b.call("svdvals", [a], (node.shape[-1],), node.shape, REAL)
    if node.op in (ops.EIGVALS, ops.EIGVECS):
        a = symmetric(b, a, node)
        return b.call("eigvalsh", [a], (), node.shape, REAL) if node.op is ops.EIGVALS else (
            b.call("eigenvectors", [a], (int(node.attrs[0]),), node.shape, REAL))
    below = columns if node.op is ops.QR else node.shape[-1]
    whole = (*stack, rows + columns, below)
    e = b.call("qr", [a], (), whole, REAL) if node.op is ops.QR else (
        b.call("singular_vectors", [a], (below, int(node.attrs[1])), whole, REAL))
    part = ("slice", None, rows, 1, rows) if node.attrs[0] in ("u", "q") else ("slice", rows, None, 1, columns)
    return b.index(e, [*[ALL] * len(stack), part, ALL])


MATRICES: Mapping[ops.Op, Callable[[Arrays, Node, list[Expr]], Expr]] = MappingProxyType({
    ops.INVERSE: linear, ops.SOLVE: solve, ops.LOGDET: linear, ops.COFACTOR: linear, ops.CHOLESKY: cholesky,
    ops.MULTIPLY: multiply, ops.CUMSUM: cumsum, ops.WINDOWS: windows, ops.OVERLAP: overlap,
    ops.ARGSORT: argsort, **dict.fromkeys(ops.SPECTRA, factor),
})
