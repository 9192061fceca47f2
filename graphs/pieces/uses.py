"""How often a value is used, as a reader counts: what only rearranges it is looked through.

`x[0]`, a transpose, a multiple and a reciprocal are ways of writing the value itself, so they get no name of their own,
and what uses them uses the value. What the results merely add up needs no name either: its gradient is a number.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import REAL, Node

ARRANGED = frozenset({ops.VIEW, ops.IOTA, ops.SLICE, ops.RESHAPE})
MANY = 2  # uses beyond which nobody counts


def solid(node: Node) -> bool:
    """Worth a name: not a number, a count, a rearrangement, a reciprocal or a truth value."""
    if node.op in ARRANGED or node.dtype != REAL or is_row(node) or literal_value(node) is not None:
        return False
    if node.op is ops.GATHER and node.operands[0].op in ops.GIVEN:  # rows of data are data
        return node.operands[0].op is ops.INPUT and bool(node.operands[0].attrs[0].kind == "parameter")
    return not (is_multiple(node) or node.op is ops.ELEMENTWISE and node.attrs[0] in ("real", "reciprocal"))


def is_row(node: Node) -> bool:
    """A tensor without axes of length one."""
    if node.op is not ops.EINSUM or len(node.operands) != 1:
        return False
    (labels,), out = node.attrs
    (operand,) = node.operands
    return len(set(labels)) == len(labels) and all(
        size == 1 for x, size in zip(labels, operand.shape, strict=True) if x not in out)


def is_multiple(node: Node) -> bool:
    """A value times a number."""
    return node.op is ops.ADD and len(node.operands) == 1


def used(roots: Sequence[Node], order: Sequence[Node], uses: dict[Node, list[Node]]) -> dict[Node, int]:
    """How often each node is used by what is worth a name, up to `MANY`; a result is used in any case."""
    count: dict[Node, int] = {}
    for node in reversed(order):
        found = int(node in roots)
        for user in uses[node]:
            found += 1 if solid(user) or user.dtype != REAL else max(count[user], 1)
        count[node] = min(found, MANY)
    return count


def added_up(roots: Sequence[Node], order: Sequence[Node], uses: dict[Node, list[Node]]) -> set[Node]:
    """What reaches the results through sums and multiples alone."""
    found: set[Node] = set()
    for node in reversed(order):
        if node not in roots and all(user in roots or user in found for user in uses[node]) and all(
                map(_adds, uses[node])):
            found.add(node)
    return found


def _adds(node: Node) -> bool:
    """Does it add its operands, or the entries of its one operand?"""
    return node.op in (ops.ADD, ops.VIEW) or node.op is ops.EINSUM and len(node.operands) == 1


def is_partial(node: Node, uses: dict[Node, list[Node]]) -> bool:
    """A sum that is some of the terms of another one."""
    return node.op is ops.ADD and all(
        user.op is ops.ADD or user.op is ops.VIEW and is_partial(user, uses) for user in uses[node]) and bool(uses[node])


def squared(order: Sequence[Node]) -> Collection[Node]:
    """The sums of which there is a square: residuals."""
    return {o for node in order if node.op is ops.EINSUM for o in node.operands
            if o.op is ops.ADD and len(o.operands) > 1 and node.operands.count(o) == len(node.operands) == 2
            and node.attrs[0][0] == node.attrs[0][1]}
