"""Many points at once: each operation on operands that got a new axis in front, one entry of it for each point.

A rule gets a node, its operands, of which some have the new axis in front (those that vary from point to point), and
the size of that axis; it gives the node with the axis in front. What does not vary is not repeated where an operation
can do without: a product gets one label more, a factored matrix solves for all points at once. `graphs/stacked.py` walks
over graphs with these rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from symgrad.graphs import ops
from symgrad.graphs.algebra import entries, linear, running, spectra
from symgrad.graphs.algebra import primitives as scalar
from symgrad.graphs.algebra.einsum import broadcast, contract, transpose
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size

Operands = tuple[Node, ...]


def _has(old: Node, new: Node) -> bool:
    """Has an operand the new axis?"""
    return len(new.shape) > len(old.shape)


def repeated(old: Node, new: Node, size: Size) -> Node:
    """An operand with the new axis, the same for every point where it did not have one."""
    return new if _has(old, new) else broadcast(new, range(1, len(old.shape) + 1), (size, *old.shape))


def _all(node: Node, new: Operands, size: Size) -> list[Node]:
    return [repeated(o, n, size) for o, n in zip(node.operands, new, strict=True)]


def _behind(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(a + 1 for a in axes)


def stack_mark(node: Node, new: Operands, size: Size) -> Node:
    """The same value, marked."""
    if node.op is ops.TRACKED:  # for many points at once nothing is kept
        return repeated(node.operands[0], new[0], size)
    return scalar.stop(*new) if node.op is ops.STOP else scalar.named(new[0], node.attrs[0])


def stack_sum(node: Node, new: Operands, size: Size) -> Node:
    """Term by term."""
    return scalar.add(_all(node, new, size), node.attrs[0])


def stack_product(node: Node, new: Operands, size: Size) -> Node:
    """One label more."""
    inputs, out = node.attrs
    labels = [("points", *names) if _has(o, n) else names for o, n, names in zip(node.operands, new, inputs, strict=True)]
    return contract(new, labels, ("points", *out), {**dict(zip(out, node.shape, strict=True)), "points": size})


def stack_function(node: Node, new: Operands, size: Size) -> Node:
    """Entry by entry."""
    return scalar.elementwise(node.attrs[0], _all(node, new, size))


def stack_softmax(node: Node, new: Operands, size: Size) -> Node:
    """Along the same axes, one further back."""
    return scalar.softmax(new[0], _behind(node.attrs[0]))


def stack_reduction(node: Node, new: Operands, size: Size) -> Node:
    """Over the same axes, one further back."""
    return scalar.reduction(node.op, new[0], _behind(node.attrs[0]))


def stack_argument(node: Node, new: Operands, size: Size) -> Node:
    """Along the same axis, one further back."""
    return scalar.argument(node.op, new[0], node.attrs[0] + 1)


def stack_strided(node: Node, new: Operands, size: Size) -> Node:
    """The new axis is left whole."""
    starts, steps = [start for start, _ in node.attrs[0]], [step for _, step in node.attrs[0]]
    return (entries.slices if node.op is ops.SLICE else entries.pad)(new[0], [0, *starts], [1, *steps], (size, *node.shape))


def stack_concat(node: Node, new: Operands, size: Size) -> Node:
    """Part by part."""
    axis = node.attrs[0]
    return entries.concat(_all(node, new, size), axis + 1, node.shape[axis])


def stack_reshape(node: Node, new: Operands, size: Size) -> Node:
    """Each point's entries in row-major order."""
    return entries.reshape(new[0], (size, *node.shape))


def _places(new: Sequence[Node], old: Sequence[Node], size: Size) -> list[Node]:
    """Indices of each point into its own part: the points count along the new axis."""
    indices = [repeated(o, n, size) for o, n in zip(old, new, strict=True)]
    return [broadcast(scalar.iota(size), [0], indices[0].shape), *indices]


def stack_gather(node: Node, new: Operands, size: Size) -> Node:
    """From each point's tensor, at its own indices, or all points at the same ones."""
    (axes,), width = node.attrs, len(node.operands[1].shape)
    body, old, indices = new[0], node.operands[1:], new[1:]
    if not _has(node.operands[0], body):
        return entries.gather(body, [repeated(o, n, size) for o, n in zip(old, indices, strict=True)], axes)
    if any(_has(o, n) for o, n in zip(old, indices, strict=True)):
        return entries.gather(body, _places(indices, old, size), (0, *_behind(axes)))
    picked = entries.gather(body, indices, _behind(axes))
    return transpose(picked, (width, *range(width), *range(width + 1, len(picked.shape))))


def stack_scatter(node: Node, new: Operands, size: Size) -> Node:
    """Into each point's tensor, at its own indices, or for all points at the same ones."""
    (axes,), width = node.attrs, len(node.operands[1].shape)
    body, old, indices, shape = repeated(node.operands[0], new[0], size), node.operands[1:], new[1:], (size, *node.shape)
    if any(_has(o, n) for o, n in zip(old, indices, strict=True)):
        return entries.scatter(body, _places(indices, old, size), (0, *_behind(axes)), shape)
    back = transpose(body, (*range(1, width + 1), 0, *range(width + 1, len(body.shape))))
    return entries.scatter(back, indices, _behind(axes), shape)


def stack_multiply(node: Node, new: Operands, size: Size) -> Node:
    """Along the same axis, one further back."""
    axis, order = node.attrs
    return running.multiply(new[0], axis + 1, order)


def stack_cumsum(node: Node, new: Operands, size: Size) -> Node:
    """Along the same axis, one further back."""
    axis, reverse = node.attrs
    return running.cumsum(new[0], axis + 1, reverse)


def stack_windows(node: Node, new: Operands, size: Size) -> Node:
    """Along the same axis, one further back."""
    axis, step = node.attrs
    return running.windows(new[0], axis + 1, step, node.shape[axis], node.shape[-1])


def stack_overlap(node: Node, new: Operands, size: Size) -> Node:
    """Along the same axis, one further back."""
    axis, step = node.attrs
    return running.overlap(new[0], axis + 1, step, node.shape[axis])


def stack_matrix(node: Node, new: Operands, size: Size) -> Node:
    """Matrix by matrix: the points are one more axis of the stack."""
    if node.op is ops.COFACTOR:
        return linear.cofactor(new[0], node.attrs[0])
    return {ops.INVERSE: linear.inverse, ops.LOGDET: linear.logdet, ops.CHOLESKY: linear.cholesky}[node.op](new[0])


def stack_sorted(node: Node, new: Operands, size: Size) -> Node:
    """Along the same axis, one further back."""
    return spectra.argsort(new[0], node.attrs[0] + 1)


def stack_factor(node: Node, new: Operands, size: Size) -> Node:
    """Matrix by matrix: the points are one more axis of the stack."""
    return FACTORS[node.op](new[0], *node.attrs)


FACTORS: Mapping[ops.Op, Callable[..., Node]] = MappingProxyType({
    ops.EIGVALS: spectra.eigenvalues, ops.EIGVECS: spectra.eigenvectors, ops.SVDVALS: spectra.singular_values,
    ops.SVD: spectra.singular_vectors, ops.QR: spectra.qr,
})


def stack_solve(node: Node, new: Operands, size: Size) -> Node:
    """One matrix for all points is factored once: the points are one more axis of columns."""
    matrix, right = new
    if _has(node.operands[0], matrix):
        return linear.solve(matrix, repeated(node.operands[1], right, size))
    last = len(right.shape) - 1
    return transpose(linear.solve(matrix, transpose(right, (*range(1, last + 1), 0))), (last, *range(last)))


def stack_distances(node: Node, new: Operands, size: Size) -> Node:
    """The points are one more axis of the stack."""
    return linear.distances(*_all(node, new, size))


def stack_leaf(node: Node, new: Operands, size: Size) -> Node:
    """A leaf varies only where a walk begins with it."""
    raise AssertionError(f"{node.op} has no operands")
