"""Entries moved, not computed: slices and their transpose pad, concatenation, reshape, gather and scatter.

Literals pass through. See the table of `primitives.py` for operands and attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs.einsum import literal, literal_value, zeros
from symgrad.graphs.node import INTEGER, REAL, Node, make
from symgrad.graphs.sizes import Shape, Size


def uniform(node: Node, shape: Shape) -> Node | None:
    """Where `node` is a literal: the same literal in another shape."""
    value = literal_value(node)
    if value is None:
        return None
    return zeros(shape, node.dtype) if value.number == 0 else literal(value, shape)


def _is_zero(node: Node) -> bool:
    return node.op == "add" and not node.operands


def slices(node: Node, starts: Sequence[Size], steps: Sequence[int], shape: Shape) -> Node:
    """Entry i of the result is entry `start + i * step` of `node`, per axis."""
    spec = tuple(zip(starts, steps, strict=True))
    if shape == node.shape and all(each == (0, 1) for each in spec):
        return node
    return uniform(node, shape) or make("slice", (node,), (spec,), shape, node.dtype)


def pad(node: Node, starts: Sequence[Size], steps: Sequence[int], shape: Shape) -> Node:
    """Zeros of `shape` with entry i of `node` at `start + i * step`, per axis."""
    spec = tuple(zip(starts, steps, strict=True))
    if shape == node.shape and all(each == (0, 1) for each in spec):
        return node
    if _is_zero(node):
        return zeros(shape, node.dtype)
    return make("pad", (node,), (spec,), shape, node.dtype)


def concat(nodes: Sequence[Node], axis: int, length: Size) -> Node:
    """`nodes` joined along `axis`, which becomes `length` long."""
    if len(nodes) == 1:
        return nodes[0]
    first = nodes[0].shape
    dtype = REAL if any(n.dtype == REAL for n in nodes) else (
        nodes[0].dtype if len({n.dtype for n in nodes}) == 1 else INTEGER)
    return make("concat", nodes, (axis,), (*first[:axis], length, *first[axis + 1:]), dtype)


def reshape(node: Node, shape: Shape) -> Node:
    """The entries of `node`, in row-major order, as `shape`."""
    if shape == node.shape:
        return node
    return uniform(node, shape) or make("reshape", (node,), (), shape, node.dtype)


def gather(node: Node, indices: Sequence[Node], axes: Sequence[int]) -> Node:
    """`node` at integer `indices` (of one shape) of its `axes`: shape of the indices, then the other axes."""
    rest = tuple(s for i, s in enumerate(node.shape) if i not in axes)
    shape = indices[0].shape + rest
    return uniform(node, shape) or make("gather", (node, *indices), (tuple(axes),), shape, node.dtype)


def scatter(node: Node, indices: Sequence[Node], axes: Sequence[int], shape: Shape) -> Node:
    """Zeros of `shape` with `node` added at `indices` of its `axes`: the transpose of `gather`."""
    return zeros(shape) if _is_zero(node) else make("scatter", (node, *indices), (tuple(axes),), shape, REAL)


def rearranged(node: Node, operands: tuple[Node, ...]) -> Node | None:
    """A node of this module with other operands of the same shapes; None for another operation."""
    op, attrs = node.op, node.attrs
    if op in ("slice", "pad"):
        starts, steps = [start for start, _ in attrs[0]], [step for _, step in attrs[0]]
        return (slices if op == "slice" else pad)(operands[0], starts, steps, node.shape)
    if op == "concat":
        return concat(operands, attrs[0], node.shape[attrs[0]])
    if op == "reshape":
        return reshape(operands[0], node.shape)
    if op == "gather":
        return gather(operands[0], operands[1:], attrs[0])
    if op == "scatter":
        return scatter(operands[0], operands[1:], attrs[0], node.shape)
    return None
