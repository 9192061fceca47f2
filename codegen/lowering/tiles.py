"""Parts that fill an array side by side: a sum of tensors padded with zeros, none of them in the place of another.

So the cotangent of gates that were cut out of one tensor is those of the gates joined, and nothing is added to zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size


def side_by_side(nodes: Sequence[Node]) -> tuple[int, list[Node]] | None:
    """The axis along which these lie side by side and fill it, and all of them in that order; None where they do not."""
    if len(nodes) < 2 or any(node.op is not ops.PAD for node in nodes):
        return None
    shape = nodes[0].shape
    padded = {a for node in nodes for a, item in enumerate(node.attrs[0])
              if item != (0, 1) or node.operands[0].shape[a] != shape[a]}
    if len(padded) != 1:
        return None
    (axis,) = padded
    if any(node.attrs[0][axis][1] != 1 for node in nodes):
        return None
    begin = {node.attrs[0][axis][0]: node for node in nodes}
    reached: Size = 0
    found: list[Node] = []
    while reached in begin:
        node = begin.pop(reached)
        found.append(node)
        reached = reached + node.operands[0].shape[axis]
    return (axis, found) if len(found) == len(nodes) and reached == shape[axis] else None
