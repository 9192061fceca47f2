"""Matrices: primitives whose derivatives are primitives of the same family (rules in `derivative/linear_rules.py`).

| op         | operands | attributes | value                                                             |
|------------|----------|------------|-------------------------------------------------------------------|
| inverse    | A        | ()         | the inverse of the last two axes                                  |
| solve      | A, B     | ()         | X with A X = B; B has the stack axes of A, its rows, any columns  |
| logdet     | A        | ()         | log |det A|                                                       |
| cofactor   | A        | (r,)       | the r-th derivative of det A: axes i1 j1 ... ir jr at the end     |
| cholesky   | A        | ()         | lower triangular L with L L' = (A + A') / 2                       |

`cofactor` of order 0 is the determinant: a multi-affine function, whose derivatives need no division, so they
are right where A is singular. Stack axes come first and are the same in all operands.

Constructors hold what is local and always right: scales and transposes move out, a stack axis along which A is
constant is not repeated, the inverse of an inverse and of an identity, and a solve whose right side holds a delta
over its rows, which is the inverse by renaming.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale, total, transpose, zeros
from symgrad.graphs.algebra.entries import is_zero, under
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.algebra.running import multiply
from symgrad.graphs.node import REAL, Node, make
from symgrad.graphs.sizes import Shape
from symgrad.graphs.weights import MINUS, ONE, Weight
from symgrad.graphs.weights import inverse as one_over


def inverse(a: Node) -> Node:
    """The inverse of the last two axes."""
    by, base = _unscaled(a)
    if by != ONE:
        return scale(inverse(base), one_over(by))
    if a.op is ops.INVERSE:
        return a.operands[0]
    if _is_identity(a):
        return a
    if (v := _diagonal(a)) is not None:
        axes = tuple(range(len(v.shape)))
        return contract([elementwise("reciprocal", [v])], [axes], (*axes, axes[-1]))
    if _is_swapped(a):
        return swapped(inverse(a.operands[0]))
    return _stackwise(a, inverse, 2) or make(ops.INVERSE, (a,), (), a.shape, REAL)


def solve(a: Node, b: Node) -> Node:
    """X with A X = B: B has the stack axes of A, then the rows, then any number of column axes."""
    by, base = _unscaled(a)
    if by != ONE:
        return scale(solve(base, b), one_over(by))
    if _is_identity(a):
        return b
    if is_zero(b):
        return zeros(b.shape)
    if (v := _diagonal(a)) is not None:
        axes = tuple(range(len(b.shape)))
        return contract([elementwise("reciprocal", [v]), b], [axes[:len(v.shape)], axes], axes)
    by, base = _unscaled(b)
    if by != ONE:
        return scale(solve(a, base), by)
    stack = len(a.shape) - 2
    labels = tuple(range(len(b.shape)))
    inner = a.operands[0] if _is_swapped(a) else a
    if inner.op is ops.INVERSE:  # the matrix itself
        matrix = swapped(inner.operands[0]) if inner is not a else inner.operands[0]
        rows = (*labels[:stack], "i", stack)
        return contract([matrix, b], [rows, labels], (*labels[:stack], "i", *labels[stack + 1:]))
    if _is_delta(b, stack):
        rows = (*labels[:stack], "i", stack)
        return contract([inverse(a), b], [rows, labels], (*labels[:stack], "i", *labels[stack + 1:]))
    view = under(b, range(stack + 1))
    if view is None:
        return make(ops.SOLVE, (a, b), (), b.shape, REAL)
    return view.lay(solve(a, view.node), view.kept, view.tags)


def logdet(a: Node) -> Node:
    """log |det A| of the last two axes."""
    if a.op is ops.INVERSE:
        return scale(logdet(a.operands[0]), MINUS)
    if _is_swapped(a):
        return logdet(a.operands[0])
    if _is_identity(a):
        return zeros(a.shape[:-2])
    if (v := _diagonal(a)) is not None:
        return total(elementwise("log_abs", [v]), (len(v.shape) - 1,))
    return _stackwise(a, logdet, 0) or make(ops.LOGDET, (a,), (), a.shape[:-2], REAL)


def cofactor(a: Node, order: int) -> Node:
    """The derivative of order `order` of det A, with two axes of size n for each order behind the stack."""
    if order == 0 and _is_swapped(a):
        return cofactor(a.operands[0], 0)
    if order == 0 and (v := _diagonal(a)) is not None:
        return multiply(v, len(v.shape) - 1)
    n = a.shape[-1]
    if isinstance(n, int) and order > n:
        return zeros((*a.shape[:-2], *(n, n) * order))  # det is of degree n
    known = _stackwise(a, lambda small: cofactor(small, order), 2 * order)
    return known or make(ops.COFACTOR, (a,), (order,), (*a.shape[:-2], *(n, n) * order), REAL)


def cholesky(a: Node) -> Node:
    """The lower Cholesky factor of the symmetric part of A."""
    if _is_identity(a):
        return a
    if _is_swapped(a):
        return cholesky(a.operands[0])
    return _stackwise(a, cholesky, 2) or make(ops.CHOLESKY, (a,), (), a.shape, REAL)


def distances(x: Node, m: Node) -> Node:
    """Squared distances of the rows of `x` from the rows of `m`: made when code is written, never before."""
    return make(ops.DISTANCES, (x, m), (), (*x.shape[:-1], m.shape[-2]), REAL)


def swapped(a: Node) -> Node:
    """A': the last two axes exchanged."""
    last = len(a.shape) - 1
    return transpose(a, (*range(last - 1), last, last - 1))


def _unscaled(a: Node) -> tuple[Weight, Node]:
    return (a.attrs[0][0], a.operands[0]) if a.op is ops.ADD and len(a.operands) == 1 else (ONE, a)


def _is_identity(a: Node) -> bool:
    return a.op is ops.VIEW and not a.operands and a.attrs[1][-1] == a.attrs[1][-2] and len(
        set(a.attrs[1])) == len(a.shape) - 1


def _diagonal(a: Node) -> Node | None:
    """v of diag(v), with the axes of a stack in front."""
    if a.op is not ops.VIEW or not a.operands or a.attrs[1][-1] != a.attrs[1][-2]:
        return None
    (names,), out = a.attrs
    if out.count(out[-1]) > 2 or names.count(out[-1]) != 1 or len(set(out[:-1])) < len(out) - 1:
        return None
    return contract(a.operands, [names], out[:-1], dict(zip(out[:-1], a.shape[:-1], strict=True)))


def _is_swapped(a: Node) -> bool:
    """Is `a` the transpose of its operand?"""
    rank = len(a.shape)
    return a.op is ops.VIEW and bool(a.operands) and a.attrs == (
        ((*range(rank - 2), rank - 1, rank - 2),), tuple(range(rank)))


def _is_delta(b: Node, axis: int) -> bool:
    """Is `axis` of a view also another axis of it?"""
    return b.op is ops.VIEW and b.attrs[1].count(b.attrs[1][axis]) > 1


def _stackwise(a: Node, build: Callable[[Node], Node], axes: int) -> Node | None:
    """`build` of what is under a view that repeats a matrix along stack axes; its result has `axes` behind those."""
    rank = len(a.shape)
    view = under(a, (rank - 2, rank - 1)) if a.op is ops.VIEW else None
    if view is None:
        return None
    inner = build(view.node)
    fresh: Sequence[tuple[str, int]] = [("matrix", i) for i in range(axes)]
    width = len(view.kept) - 2
    sizes: Shape = inner.shape[width:]
    view.size.update(zip(fresh, sizes, strict=True))
    return view.lay(inner, [*view.kept[:width], *fresh], [*view.tags[:rank - 2], *fresh])
