"""Where is the sample axis? A forward walk from the symbols that are written one sample at a time.

Nodes are plain tensors; that one of their axes runs over the samples follows from the graph. Formulas
"for one sample" and the question whether samples are coupled are both answered from here. A symbolic
size would give the axis away by itself; the walk also serves int sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Size

STEPS = (ops.STOP, ops.ARGMAX, ops.ARGMIN)  # derivative zero
COUPLED = -1  # the node mixes samples: it depends on them, and no single axis is theirs


def sample_axes(roots: Sequence[Node], start: dict[Node, int] | None = None) -> dict[Node, int]:
    """The axis that runs over the samples of each node that has one.

    `start` gives the nodes from which to walk; a node where their samples meet (a mean over them, and all
    that uses it) is then COUPLED, and what has derivative zero is no way to walk. Without `start` the walk is
    from every symbol over a sample axis (axis 0), and what closes the axis counts as an ordinary tensor again.
    A node that is missing has no such axis.
    """
    axes: dict[Node, int] = dict(start or {})
    for node in topological(roots, enter=lambda n: n not in axes):
        if node in axes:
            continue
        if start is None and node.op is ops.INPUT and node.attrs[0].over is not None:
            axes[node] = 0
            continue
        if any(o in axes for o in node.operands) and (start is None or node.op not in STEPS):
            axis = _through(node, axes)
            if axis != COUPLED or start is not None:
                axes[node] = axis
    return axes


def sample_size(roots: Sequence[Node]) -> Size | None:
    """The size of the sample axis of a graph: that of its first symbol over one."""
    for node in topological(roots):
        if node.op is ops.INPUT and node.attrs[0].over is not None:
            return node.attrs[0].over
    return None


def _through(node: Node, axes: dict[Node, int]) -> int:
    op = node.op
    tracked = [(i, o, axes[o]) for i, o in enumerate(node.operands) if o in axes]
    if any(axis == COUPLED for _, _, axis in tracked):
        return COUPLED
    if op in ops.PRODUCTS:
        inputs, out = node.attrs
        labels = {inputs[i][axis] for i, _, axis in tracked}
        (label,) = labels if len(labels) == 1 else (None,)
        return out.index(label) if label in out else COUPLED
    if op in ops.INDEXED:
        return _indexing(node, axes)
    places = {axis for _, _, axis in tracked}
    if len(places) > 1:
        return COUPLED
    (axis,) = places
    if op in ops.REDUCTIONS:
        return COUPLED if axis in node.attrs[0] else axis - sum(a < axis for a in node.attrs[0])
    if op in ops.ARGUMENTS:
        return COUPLED if axis == node.attrs[0] else axis - (node.attrs[0] < axis)
    if op in (ops.MULTIPLY, ops.CUMSUM):
        return COUPLED if axis == node.attrs[0] else axis - (op is ops.MULTIPLY and node.attrs[0] < axis)
    if op is ops.WINDOWS:
        return COUPLED if axis == node.attrs[0] else axis
    if op is ops.OVERLAP:
        return COUPLED if axis in (node.attrs[0], len(node.operands[0].shape) - 1) else axis
    stack = len(node.operands[0].shape) - 2
    if op is ops.SOLVE and node.operands[0] not in axes and axis > stack:
        return axis  # columns are solved for one by one
    if op in (ops.INVERSE, ops.SOLVE, ops.LOGDET, ops.COFACTOR, ops.CHOLESKY):
        return axis if axis < stack else COUPLED
    if op is ops.SOFTMAX:
        return COUPLED if axis in node.attrs[0] else axis
    if op in ops.STRIDED:
        whole = node.attrs[0][axis] == (0, 1) and node.shape[axis] == node.operands[0].shape[axis]
        return axis if whole else COUPLED
    if op is ops.CONCAT:
        return COUPLED if axis == node.attrs[0] else axis
    if op is ops.RESHAPE:
        before = node.operands[0].shape[: axis + 1]
        return axis if node.shape[: axis + 1] == before else COUPLED
    return axis


def _indexing(node: Node, axes: dict[Node, int]) -> int:
    """gather and scatter: the sample axis is carried along, or indexed by its own 0, 1, ..., T - 1."""
    body, *indices = node.operands
    (indexed,) = node.attrs
    width = len(indices[0].shape)
    found: set[int] = set()
    for index in indices:
        if index in axes:
            found.add(axes[index])
    if node.op is ops.GATHER:
        result = _gathered(body, indices, indexed, width, axes, found)
        return result.pop() if len(result) == 1 else COUPLED
    if body in axes and axes[body] >= width:
        rest = [a for a in range(len(node.shape)) if a not in indexed]
        result = {rest[axes[body] - width]}
        return result.pop() if not found else COUPLED
    if body in axes:
        found.add(axes[body])
    if len(found) != 1:
        return COUPLED
    (place,) = found
    for axis, index in zip(indexed, indices, strict=True):
        if counts_along(index) == place and node.shape[axis] == index.shape[place]:
            return axis
    return COUPLED


def _gathered(body: Node, indices: Sequence[Node], indexed: tuple[int, ...], width: int,
              axes: dict[Node, int], found: set[int]) -> set[int]:
    result = set(found)  # index axes come first in the result
    if body in axes:
        axis = axes[body]
        if axis not in indexed:
            rest = [a for a in range(len(body.shape)) if a not in indexed]
            result.add(width + rest.index(axis))
        else:
            index = indices[indexed.index(axis)]
            along = counts_along(index)
            whole = along is not None and index.shape[along] == body.shape[axis]
            result.add(along if along is not None and whole else COUPLED)
    return result


def counts_along(index: Node) -> int | None:
    """The axis along which an index tensor is 0, 1, 2, ..., the same for all other axes; None if there is none."""
    if index.op is ops.IOTA:
        return 0
    if index.op is ops.VIEW and index.operands and index.operands[0].op is ops.IOTA:
        (labels,), out = index.attrs
        return out.index(labels[0]) if out.count(labels[0]) == 1 else None
    return None
