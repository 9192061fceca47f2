"""Where ties have no measure, and may be left out of what is read: not where an entry meets itself.

x_i = x_j holds for all i = j, whatever x is; so does x_i + x_j = x_j + x_i. Two values that are computed alike from
differently arranged entries of the same tensors tie at such places, and others almost nowhere.
"""

from __future__ import annotations

from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.node import Node

ARRANGED = (ops.VIEW, ops.SLICE, ops.RESHAPE, ops.GATHER, *ops.MARKS)
Labels = tuple[Any, ...]


def may_meet(one: Node, other: Node) -> bool:
    """Are two values computed alike, from entries of the same tensors, so that one may be the other somewhere?"""
    pairs: list[tuple[Node, Node, bool]] = [(one, other, True)]  # is entry i of one beside entry i of the other?
    seen: set[tuple[Node, Node]] = set()
    while pairs:
        a, b, aligned = pairs.pop()
        if aligned and a.op is ops.SLICE and b.op is ops.SLICE and _shifted(a, b):
            return False
        one, other = _arranged(a), _arranged(b)
        aligned = aligned and one is a and other is b and a.op in (ops.ADD, ops.ELEMENTWISE)
        if one is other or (one, other) in seen:
            continue
        if one.op is not other.op or not one.operands or len(one.operands) != len(other.operands):
            return False
        if one.op is not ops.EINSUM and one.attrs != other.attrs:
            return False
        seen.add((one, other))
        pairs += [(x, y, aligned) for x, y in zip(one.operands, other.operands, strict=True)]
    return True


def _arranged(node: Node) -> Node:
    """The tensor whose entries a node has."""
    while node.op in ARRANGED and node.operands:
        node = node.operands[0]
    return node


def _shifted(one: Node, other: Node) -> bool:
    """x[1:] and x[:-1] are never at the same entry."""
    starts = zip(one.attrs[0], other.attrs[0], strict=True)
    return one.operands[0] is other.operands[0] and any(s == t and a != b for (a, s), (b, t) in starts)


def repeats(node: Node, axes: tuple[int, ...]) -> bool:
    """May a tensor hold the same entry twice along `axes`: stretched, x_i x_j, or what is joined with itself?"""
    found: dict[Node, Labels] = {}
    stack: list[tuple[Node, Labels]] = [(node, tuple(range(len(node.shape))))]
    fresh = len(node.shape)
    held: set[Any] = set()
    while stack:
        node, labels = stack.pop()
        if node.op in (ops.ADD, ops.ELEMENTWISE, *ops.MARKS) and node.operands:
            stack += [(o, labels) for o in node.operands]
            continue
        if node.op in (ops.VIEW, ops.EINSUM) and node.operands:
            inputs, out = node.attrs
            known: dict[Any, Any] = dict(zip(out, labels, strict=True))
            for names in inputs:
                for x in names:
                    if x not in known:
                        known[x], fresh = fresh, fresh + 1
            inner = [(o, tuple(known[x] for x in names)) for o, names in zip(node.operands, inputs, strict=True)]
            if node.op is ops.VIEW or all(x in labels for _, names in inner for x in names):
                stack += inner
                continue
            if len({o for o, _ in inner}) < len({*inner}):
                return True
            held.update(x for _, names in inner for x in names)
            continue
        if node.op in (ops.VIEW, ops.ADD):
            continue  # a number, at all places
        if node.op is ops.CONCAT and len(set(node.operands)) < len(node.operands):
            return True
        if found.setdefault(node, labels) != labels:
            return True
        held.update(labels)
    return not held.issuperset(axes)
