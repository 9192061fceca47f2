"""Sums and products of a step, with what does not depend on its carries together: that is computed for all steps at once.

`(W x + b) + (U h + d)` is `(W x + b + d) + U h`, and `((g o) (1 - s²)) t` is `g (o (1 - s²) t)` where only h and g move.
Equal on the real numbers; what is used elsewhere too stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.algebra.recurrence import Rows
from symgrad.graphs.node import Node, consumers, depends, transform
from symgrad.graphs.weights import Weight

Factor = tuple[Node, tuple[Any, ...]]  # with a label for each axis


def regrouped(rows: Rows, roots: Sequence[Node], sources: Collection[Node]) -> dict[Node, Node]:
    """What becomes of the nodes below `roots`: parts of sums and products that do not depend on `sources` are gathered."""
    moving, uses = depends(roots, sources), consumers(roots)
    for root in roots:
        uses[root] = [*uses[root], root]  # a result is used outside

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        new = dict(zip(node.operands, operands, strict=True))
        found = None
        if node.op is ops.ADD and len(operands) > 1:
            found = _sum(node, new, moving, uses)
        elif node.op is ops.EINSUM and len(operands) > 1:
            found = _product(node, new, moving, uses)
        if found is not None:
            return found
        return node if operands == node.operands else rows[node.op].rebuild(node, operands)

    still = {n: n for root in roots for n in _steady(root, moving)}
    memo = {**still, **{s: s for s in sources}}
    transform(roots, rule, memo)
    return memo


def _steady(root: Node, moving: Collection[Node]) -> list[Node]:
    """What is met first on the way down that does not move."""
    found: dict[Node, None] = {}
    stack, seen = [root], set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in moving:
            stack += node.operands
        else:
            found[node] = None
    return list(found)


def _once(node: Node, user: Node, moving: Collection[Node], uses: Mapping[Node, list[Node]]) -> bool:
    return node in moving and len(uses[node]) == 1 and user.operands.count(node) == 1


def _sum(node: Node, new: Mapping[Node, Node], moving: Collection[Node], uses: Mapping[Node, list[Node]]) -> Node | None:
    """A sum with its steady terms as one."""
    terms: list[tuple[Node, Weight]] = []
    for operand, by in zip(node.operands, node.attrs[0], strict=True):
        inner = new[operand]
        if inner.op is ops.ADD and len(inner.operands) > 1 and _once(operand, node, moving, uses):
            terms += [(scale(o, w), by) for o, w in zip(inner.operands, inner.attrs[0], strict=True)]
        else:
            terms.append((inner, by))
    steady = [(term, by) for term, by in terms if _stands(term, moving, new)]
    if len(steady) < 2:
        return None
    rest = [(term, by) for term, by in terms if (term, by) not in steady]
    whole = add([t for t, _ in steady], [by for _, by in steady])
    return add([*(t for t, _ in rest), whole], [*(by for _, by in rest), Weight(1)])


def _stands(term: Node, moving: Collection[Node], new: Mapping[Node, Node]) -> bool:
    """Does a term not move: one of the old graph, or what was gathered of such?"""
    stack = [term]
    while stack:
        node = stack.pop()
        if node in moving:
            return False
        stack += node.operands
    return True


def _product(node: Node, new: Mapping[Node, Node], moving: Collection[Node],
             uses: Mapping[Node, list[Node]]) -> Node | None:
    """A product with its steady factors that lie along the same axes as one."""
    inputs, out = node.attrs
    factors: list[Factor] = []
    for operand, labels in zip(node.operands, inputs, strict=True):
        inner = new[operand]
        if inner.op is ops.EINSUM and _once(operand, node, moving, uses) and _entrywise(inner):
            known = dict(zip(inner.attrs[1], labels, strict=True))
            factors += [(o, tuple(known[x] for x in names))
                        for o, names in zip(inner.operands, inner.attrs[0], strict=True)]
        else:
            factors.append((inner, tuple(labels)))
    groups: dict[tuple[Any, ...], list[Node]] = {}
    for factor, labels in factors:
        if set(labels) <= set(out) and len(set(labels)) == len(labels) and _stands(factor, moving, new):
            groups.setdefault(tuple(sorted(labels)), []).append(contract([factor], [labels], sorted(labels)))
    groups = {labels: parts for labels, parts in groups.items() if len(parts) > 1}
    if not groups:
        return None
    rest = [(f, labels) for f, labels in factors if tuple(sorted(labels)) not in groups or not _stands(f, moving, new)]
    rest += [(contract(parts, [labels] * len(parts), labels), labels) for labels, parts in groups.items()]
    return contract([f for f, _ in rest], [labels for _, labels in rest], out, dict(zip(out, node.shape, strict=True)))


def _entrywise(node: Node) -> bool:
    """A product in which nothing is summed."""
    inputs, out = node.attrs
    return len(set(out)) == len(out) and all(set(labels) <= set(out) for labels in inputs)
