"""Conditions that leave nothing out: then all entries count and nothing needs a condition.

Slices that together take everything (gates of a recurrent layer, both sides of a difference) have conditions along one
axis, which cover it. A mask of queries and keys that gives each query a key and each key a query leaves neither out.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.sizes import Size


def cover(conditions: Sequence[Node | None]) -> bool:
    """Do the conditions hold along one axis, one beside the other, so that nothing is left out?"""
    spans = [_span(condition) if condition is not None else None for condition in conditions]
    left = [span for span in spans if span is not None]
    if len(left) < len(spans) or len({span[0] for span in left}) > 1:
        return False
    reached: Size = 0
    while left and reached != left[0][3]:
        following = next((span for span in left if _at_least(reached, span[1])), None)
        if following is None:
            return False
        left.remove(following)
        reached = following[2] if _at_least(following[2], reached) else reached
        if not left:
            return bool(reached == following[3])
    return bool(left)


def holds_somewhere(condition: Node, axes: Sequence[int]) -> bool:
    """Is it known that the condition holds somewhere along `axes`, whatever the other axes? A mask whose numbers are known
    says so, and a causal one: the diagonal holds."""
    node, turned = condition, False
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "logical_not":
        node, turned = node.operands[0], True
    if node.op is ops.CONSTANT and node.dtype == BOOLEAN:
        values = node.attrs[0].value
        return bool((~values if turned else values).any(axis=tuple(axes)).all())
    if turned or node.op is not ops.ELEMENTWISE or node.attrs[0] not in ("greater_equal", "less_equal"):
        return False
    return len(node.shape) == 2 and bool(node.shape[0] == node.shape[1]) and sorted(
        view.attrs[0][0][0] for view in node.operands if view.op is ops.VIEW and len(view.operands) == 1
        and view.operands[0].op is ops.IOTA and view.attrs[1] == (0, 1)) == [0, 1] and len(axes) > 0


def _span(condition: Node) -> tuple[int, Size, Size, Size] | None:
    """(axis, start, stop, length) of a condition that holds from start to stop along one axis."""
    axis, node = 0, condition
    if node.op is ops.VIEW and len(node.operands) == 1 and len(node.operands[0].shape) == 1:
        axis, node = node.attrs[1].index(node.attrs[0][0][0]), node.operands[0]
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "not_equal" or node.operands[0].op is not ops.PAD:
        return None
    placed = node.operands[0]
    if len(placed.shape) != 1 or literal_value(placed.operands[0]) is None or placed.attrs[0][0][1] != 1:
        return None
    start = placed.attrs[0][0][0]
    return axis, start, start + placed.operands[0].shape[0], placed.shape[0]


def _at_least(a: Size, b: Size) -> bool:
    return bool(a == b or (a >= b if isinstance(a, int) and isinstance(b, int) else sp.sympify(a - b).is_nonnegative))
