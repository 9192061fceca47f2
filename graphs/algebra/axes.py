"""The sample axis through one operation: where the axis that runs over the samples goes, or that samples are mixed.

A rule gets a node and the sample axes of those of its operands that have one, and gives the axis of the node, or
COUPLED. `graphs/samples.py` walks over graphs with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.node import Node

COUPLED = -1  # the node mixes samples: it depends on them, and no single axis is theirs

Axes = Mapping[Node, int]


def alone(rule: Callable[[Node, int], int]) -> Callable[[Node, Axes], int]:
    """The rule of an operation that knows one axis: operands with their samples on different axes are coupled."""
    def axis(node: Node, axes: Axes) -> int:
        places = {axes[o] for o in node.operands if o in axes}
        return rule(node, places.pop()) if len(places) == 1 else COUPLED

    return axis


def _labelled(node: Node, axes: Axes, inputs: Sequence[Sequence[Any]], out: Sequence[Any]) -> int:
    labels = {names[axes[o]] for o, names in zip(node.operands, inputs, strict=True) if o in axes}
    (label,) = labels if len(labels) == 1 else (None,)
    return out.index(label) if label in out else COUPLED


def product_axis(node: Node, axes: Axes) -> int:
    """The axis of the label of the samples."""
    return _labelled(node, axes, *node.attrs)


def distances_axis(node: Node, axes: Axes) -> int:
    """Rows of the first operand by rows of the second."""
    stack = range(len(node.shape) - 2)
    return _labelled(node, axes, ((*stack, "i", "d"), (*stack, "j", "d")), (*stack, "i", "j"))


@alone
def same_axis(node: Node, axis: int) -> int:
    """Entry by entry."""
    return axis


def first_axis(node: Node, axes: Axes) -> int:
    """That of the first operand, whose value it is."""
    return axes.get(node.operands[0], COUPLED)


@alone
def reduced_axis(node: Node, axis: int) -> int:
    """Over axes, or along one, that are gone."""
    axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else node.attrs
    return COUPLED if axis in axes else axis - sum(a < axis for a in axes)


@alone
def softmax_axis(node: Node, axis: int) -> int:
    """Along axes, which stay."""
    return COUPLED if axis in node.attrs[0] else axis


@alone
def along_axis(node: Node, axis: int) -> int:
    """Along the one axis of the first attribute, which stays."""
    return COUPLED if axis == node.attrs[0] else axis


@alone
def multiplied_axis(node: Node, axis: int) -> int:
    """Along an axis, which is gone."""
    return COUPLED if axis == node.attrs[0] else axis - (node.attrs[0] < axis)


@alone
def overlap_axis(node: Node, axis: int) -> int:
    """Windows and the places in them become one axis."""
    return COUPLED if axis in (node.attrs[0], len(node.operands[0].shape) - 1) else axis


@alone
def matrix_axis(node: Node, axis: int) -> int:
    """Matrix by matrix of a stack."""
    return axis if axis < len(node.operands[0].shape) - 2 else COUPLED


def solve_axis(node: Node, axes: Axes) -> int:
    """Matrix by matrix, and for one matrix column by column."""
    matrix, right = node.operands
    if matrix not in axes and axes[right] > len(matrix.shape) - 2:
        return axes[right]
    return matrix_axis(node, axes)


@alone
def strided_axis(node: Node, axis: int) -> int:
    """A slice and a pad leave an axis as it is, or cut it."""
    whole = node.attrs[0][axis] == (0, 1) and node.shape[axis] == node.operands[0].shape[axis]
    return axis if whole else COUPLED


@alone
def reshaped_axis(node: Node, axis: int) -> int:
    """All that is in front of the axis, and the axis, keep their sizes."""
    before = node.operands[0].shape[: axis + 1]
    return axis if node.shape[: axis + 1] == before else COUPLED


def gathered_axis(node: Node, axes: Axes) -> int:
    """The sample axis is carried along, or indexed by its own 0, 1, ..., T - 1."""
    body, *indices = node.operands
    (indexed,) = node.attrs
    width = len(indices[0].shape)
    found = {axes[index] for index in indices if index in axes}  # index axes come first in the result
    if body in axes:
        axis = axes[body]
        if axis not in indexed:
            rest = [a for a in range(len(body.shape)) if a not in indexed]
            found.add(width + rest.index(axis))
        else:
            index = indices[indexed.index(axis)]
            along = counts_along(index)
            whole = along is not None and index.shape[along] == body.shape[axis]
            found.add(along if along is not None and whole else COUPLED)
    return found.pop() if len(found) == 1 else COUPLED


def scattered_axis(node: Node, axes: Axes) -> int:
    """As for a gather, the other way round."""
    body, *indices = node.operands
    (indexed,) = node.attrs
    width = len(indices[0].shape)
    found = {axes[index] for index in indices if index in axes}
    if body in axes and axes[body] >= width:
        rest = [a for a in range(len(node.shape)) if a not in indexed]
        return rest[axes[body] - width] if not found else COUPLED
    if body in axes:
        found.add(axes[body])
    if len(found) != 1:
        return COUPLED
    (place,) = found
    for axis, index in zip(indexed, indices, strict=True):
        if counts_along(index) == place and node.shape[axis] == index.shape[place]:
            return axis
    return COUPLED


def no_axis(node: Node, axes: Axes) -> int:
    """A leaf has no operand to have one."""
    raise AssertionError(f"{node.op} has no operands")


def counts_along(index: Node) -> int | None:
    """The axis along which an index tensor is 0, 1, 2, ..., the same for all other axes; None if there is none."""
    if index.op is ops.IOTA:
        return 0
    if index.op is ops.VIEW and index.operands and index.operands[0].op is ops.IOTA:
        (labels,), out = index.attrs
        return out.index(labels[0]) if out.count(labels[0]) == 1 else None
    return None
