"""Entries moved, not computed: slices and their transpose pad, concatenation, reshape, gather and scatter.

See the table of `primitives.py` for operands and attributes. Literals pass through. What only touches some
axes of a view works on the tensor under it: a delta between a seed axis and the samples, or a broadcast,
stays in front of a slice as it does in front of a product, so that one derivative per sample costs one
tensor per sample, and its structure stays visible.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale, zeros
from symgrad.graphs.node import INTEGER, REAL, Node, make
from symgrad.graphs.sizes import Shape, Size
from symgrad.graphs.weights import ONE, Weight


class Under(NamedTuple):
    """A view by the tensor under it: the axes of the view that this one has, and a tag for every axis of the view.

    Axes that are one axis of the tensor under the view (a delta) share a tag: the first of them.
    """

    by: Weight
    node: Node
    kept: list[int]
    tags: list[Any]
    size: dict[Any, Size]  # of each tag

    def lay(self, result: Node, tags: Sequence[Any], out: Sequence[Any]) -> Node:
        """`result`, with axes `tags`, laid out as `out`."""
        return scale(contract([result], [tags], out, {x: self.size[x] for x in out}), self.by)


def under(node: Node, touched: Collection[int], linked: Collection[int] = ()) -> Under | None:
    """What is under a view, with the `touched` axes as they are in the view; None where that is no smaller.

    Touched axes do not share a tag with others, unless they are in `linked`.
    """
    by = ONE
    if node.op is ops.ADD and len(node.operands) == 1:
        by, node = node.attrs[0][0], node.operands[0]
    if node.op is not ops.VIEW:
        return None
    inputs, out = node.attrs
    held = set().union(*inputs)
    apart = {out[a] for a in touched if a not in linked}
    tags = [a if label in apart else out.index(label) for a, label in enumerate(out)]
    wanted = {tags[a] for a in touched}
    kept = [a for a, label in enumerate(out) if tags[a] == a and (label in held or label in apart or a in wanted)]
    if len(kept) == len(out):
        return None
    size = dict(zip(out, node.shape, strict=True))
    compact = contract(node.operands, inputs, [out[a] for a in kept], {out[a]: size[out[a]] for a in kept})
    return Under(by, compact, kept, tags, dict(zip(tags, node.shape, strict=True)))


def uniform(node: Node, shape: Shape) -> Node | None:
    """Where `node` is a literal: the same literal in another shape."""
    value = literal_value(node)
    if value is None:
        return None
    return zeros(shape, node.dtype) if value.number == 0 else literal(value, shape)


def is_zero(node: Node) -> bool:
    """Is `node` the literal zero?"""
    return node.op is ops.ADD and not node.operands


def slices(node: Node, starts: Sequence[Size], steps: Sequence[int], shape: Shape) -> Node:
    """Entry i of the result is entry `start + i * step` of `node`, per axis."""
    return uniform(node, shape) or _affine(ops.SLICE, node, starts, steps, shape)


def pad(node: Node, starts: Sequence[Size], steps: Sequence[int], shape: Shape) -> Node:
    """Zeros of `shape` with entry i of `node` at `start + i * step`, per axis."""
    if is_zero(node):
        return zeros(shape, node.dtype)
    back = [step == -1 and shape[a] == node.shape[a] for a, step in enumerate(steps)]  # w[::-1] leaves no zeros
    if any(back):
        node = _affine(ops.SLICE, node, [n - 1 if b else 0 for b, n in zip(back, node.shape, strict=True)],
                       [-1 if b else 1 for b in back], node.shape)
        starts = [0 if b else start for b, start in zip(back, starts, strict=True)]
        steps = [1 if b else step for b, step in zip(back, steps, strict=True)]
    return _affine(ops.PAD, node, starts, steps, shape)


def is_flip(node: Node, axis: int) -> bool:
    """Is it another node with one whole axis from the end?"""
    length = node.shape[axis]
    return node.op is ops.SLICE and node.attrs[0][axis] == (length - 1, -1) and node.operands[0].shape[axis] == length


def flipped(node: Node, axis: int) -> Node:
    """x[::-1] along an axis."""
    at = range(len(node.shape))
    starts = [node.shape[a] - 1 if a == axis else 0 for a in at]
    return slices(node, starts, [-1 if a == axis else 1 for a in at], node.shape)


def _last_step(node: Node, spec: tuple[tuple[Size, int], ...], shape: Shape) -> Node | None:
    """The last of all values of a carry is the carry that a recurrence ends with."""
    stack = node.operands[0] if node.op is ops.VIEW and len(node.operands) == 1 else node
    if stack.op is not ops.SCAN or isinstance(stack.attrs[1], int) or stack.attrs[1] not in stack.attrs[0].after:
        return None
    body, what, length, reverse, *rest = stack.attrs
    (labels,), out = node.attrs if node is not stack else ((tuple(range(len(node.shape))),), tuple(range(len(node.shape))))
    axis = out.index(labels[0])
    if out.count(labels[0]) > 1 or shape[axis] != 1 or spec[axis][0] != (0 if reverse else length - 1):
        return None
    attrs = (body, body.after.index(what), length, reverse, *rest)
    last = make(ops.SCAN, stack.operands, attrs, stack.shape[1:], stack.dtype)
    sizes = {**dict(zip(out, node.shape, strict=True)), labels[0]: 1}
    starts = [0 if a == axis else start for a, (start, _) in enumerate(spec)]
    steps = [1 if a == axis else step for a, (_, step) in enumerate(spec)]
    return slices(contract([last], [labels[1:]], out, sizes), starts, steps, shape)


def _turned_sums(node: Node, spec: tuple[tuple[Size, int], ...], shape: Shape) -> Node | None:
    """Running sums that are flipped run the other way: cumsum(x[::-1])[::-1] is one, from the end, and so is its flip."""
    if node.op is not ops.CUMSUM:
        return None
    (inner,), (axis, reverse) = node.operands, node.attrs
    length = inner.shape[axis]
    if spec[axis] != (length - 1, -1) or shape[axis] != length or not (reverse or is_flip(inner, axis)):
        return None
    back = flipped(inner, axis)
    sums = make(ops.CUMSUM, (back,), (axis, not reverse), back.shape, node.dtype)
    return slices(sums, [0 if a == axis else start for a, (start, _) in enumerate(spec)],
                  [1 if a == axis else step for a, (_, step) in enumerate(spec)], shape)


def _affine(op: ops.Op, node: Node, starts: Sequence[Size], steps: Sequence[int], shape: Shape) -> Node:
    spec = tuple(zip(starts, steps, strict=True))
    touched = [a for a, each in enumerate(spec) if each != (0, 1) or shape[a] != node.shape[a]]
    if not touched:
        return node
    if op is ops.SLICE and node.op is ops.SLICE:  # a slice of a slice is one
        inner = node.attrs[0]
        begins = [first + step * start for (start, _), (first, step) in zip(spec, inner, strict=True)]
        return _affine(op, node.operands[0], begins, [a * b for (_, a), (_, b) in zip(spec, inner, strict=True)], shape)
    if op is ops.SLICE:
        other = _turned_sums(node, spec, shape) or _last_step(node, spec, shape)
        if other is not None:
            return other
    view = under(node, touched)
    if view is None:
        return make(op, (node,), (spec,), shape, node.dtype)
    inner = _affine(op, view.node, [starts[a] for a in view.kept], [steps[a] for a in view.kept],
                    tuple(shape[a] for a in view.kept))
    view.size.update({a: shape[a] for a in touched})
    return view.lay(inner, view.kept, view.tags)


def concat(nodes: Sequence[Node], axis: int, length: Size) -> Node:
    """`nodes` joined along `axis`, which becomes `length` long."""
    if len(nodes) == 1:
        return nodes[0]
    first = nodes[0].shape
    dtype = REAL if any(n.dtype == REAL for n in nodes) else (
        nodes[0].dtype if len({n.dtype for n in nodes}) == 1 else INTEGER)
    return make(ops.CONCAT, nodes, (axis,), (*first[:axis], length, *first[axis + 1:]), dtype)


def reshape(node: Node, shape: Shape) -> Node:
    """The entries of `node`, in row-major order, as `shape`."""
    if shape == node.shape:
        return node
    known = uniform(node, shape)
    if known is not None:
        return known
    old = node.shape
    front = 0
    while front < min(len(old), len(shape)) and old[front] == shape[front]:
        front += 1
    back = 0
    while back < min(len(old), len(shape)) - front and old[-1 - back] == shape[-1 - back]:
        back += 1
    view = under(node, range(front, len(old) - back)) if 0 not in old else None
    if view is None:
        return make(ops.RESHAPE, (node,), (), shape, node.dtype)
    fresh = [("new", i) for i in range(front, len(shape) - back)]
    view.size.update(zip(fresh, shape[front:len(shape) - back], strict=True))
    before = [a for a in view.kept if a < front]
    behind = [a for a in view.kept if a >= len(old) - back]
    tags = [*before, *fresh, *behind]
    inner = reshape(view.node, tuple(view.size[x] for x in tags))
    return view.lay(inner, tags, [*view.tags[:front], *fresh, *view.tags[len(old) - back:]])


def gather(node: Node, indices: Sequence[Node], axes: Sequence[int]) -> Node:
    """`node` at integer `indices` (of one shape) of its `axes`: shape of the indices, then the other axes."""
    rest = [a for a in range(len(node.shape)) if a not in axes]
    shape = (*indices[0].shape, *(node.shape[a] for a in rest))
    known = uniform(node, shape)
    if known is not None:
        return known
    counted = {a: _counts(index, node.shape[a]) for a, index in zip(axes, indices, strict=True)}
    linked = [a for a in axes if counted[a] is not None]
    view = under(node, axes, linked if _distinct(node, axes) else ())
    if view is None:
        return make(ops.GATHER, (node, *indices), (tuple(axes),), shape, node.dtype)
    places = [("index", i) for i in range(len(indices[0].shape))]
    view.size.update(zip(places, indices[0].shape, strict=True))
    inner = gather(view.node, indices, [view.kept.index(view.tags[a]) for a in axes])
    indexed = {view.tags[a] for a in axes}
    counting = {view.tags[a]: ("index", counted[a]) for a in linked}  # a delta with it is one with its index
    out = [counting.get(view.tags[a], view.tags[a]) for a in rest]
    return view.lay(inner, [*places, *(x for x in view.kept if x not in indexed)], [*places, *out])


def _distinct(node: Node, axes: Sequence[int]) -> bool:
    """Are no two of `axes` one axis of the tensor under the view `node`?"""
    if node.op is ops.ADD and len(node.operands) == 1:
        (node,) = node.operands
    return len({node.attrs[1][a] for a in axes}) == len(axes) if node.op is ops.VIEW else False


def _counts(index: Node, size: Size) -> int | None:
    """The axis along which `index` runs through all of an axis of `size`, 0, 1, 2, ..."""
    along = counts_along(index)
    return along if along is not None and index.shape[along] == size else None


def scatter(node: Node, indices: Sequence[Node], axes: Sequence[int], shape: Shape) -> Node:
    """Zeros of `shape` with `node` added at `indices` of its `axes`: the transpose of `gather`."""
    if is_zero(node):
        return zeros(shape)
    width = len(indices[0].shape)
    counted = {_counts(index, shape[a]): a for a, index in zip(axes, indices, strict=True)}
    linked = [p for p in range(width) if p in counted]
    view = under(node, range(width), linked if _distinct(node, range(width)) else ())
    if view is None:
        return make(ops.SCATTER, (node, *indices), (tuple(axes),), shape, REAL)
    target = {view.tags[p]: ("target", counted[p]) for p in linked}
    rest = iter(view.tags[width:])
    out = [("target", a) if a in axes else next(rest) for a in range(len(shape))]
    view.size.update({("target", a): shape[a] for a in axes})
    tags = [x for x in dict.fromkeys(out) if x not in target and (x in view.kept or isinstance(x, tuple))]
    inner = scatter(view.node, indices, [tags.index(("target", a)) for a in axes], tuple(view.size[x] for x in tags))
    return view.lay(inner, tags, [target.get(x, x) for x in out])
