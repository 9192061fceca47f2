"""The root of a square, entry by entry: h with h ⊙ h a tensor, where its form shows one, or where it holds no variable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale
from symgrad.graphs.algebra.flattening import Factor
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.algebra.rows import X0
from symgrad.graphs.algebra.signs import bare, not_negative
from symgrad.graphs.facts import NONNEGATIVE, facts_of
from symgrad.graphs.node import Node
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import Weight, from_expr, to_expr

Varies = Callable[[Node], bool]


def halved(node: Node, varies: Varies) -> Node | None:
    """h with h ⊙ h equal to `node`, which holds a variable; None where its form shows no square."""
    if node.op is ops.EINSUM:
        inputs, out = node.attrs
        left = list(zip(node.operands, inputs, strict=True))
        if {x for _, xs in left for x in xs} != set(out):
            return None
        kept: list[Factor] = []
        while left:
            factor = left.pop()
            twice = factor in left
            root = factor[0] if twice else _part(factor[0], varies)
            if twice:
                left.remove(factor)
            if root is None:
                return None
            kept.append((root, factor[1]))
        return contract([n for n, _ in kept], [x for _, x in kept], out, dict(zip(out, node.shape, strict=True)))
    if node.op is ops.ADD and len(node.operands) == 1 and node.attrs[0][0].number > 0:
        h = halved(node.operands[0], varies)
        return None if h is None else scale(h, root_of_weight(node.attrs[0][0]))
    if node.op is ops.ELEMENTWISE:
        return _halved_function(node, varies)
    if node.op in (ops.VIEW, *ops.MOVES) and node.operands:
        if node.op is ops.CONCAT:
            return _of_parts(node.operands, varies, lambda parts: rebuild(node, tuple(parts)))
        h = halved(node.operands[0], varies)
        return None if h is None or node.op is ops.SCATTER else rebuild(node, (h, *node.operands[1:]))
    return None


def _part(node: Node, varies: Varies) -> Node | None:
    """The root of a part of what is halved: of what holds no variable, where it is known that it exists."""
    if varies(node):
        return halved(node, varies)
    return root_of(node) if is_known_nonnegative(node) else None


def _of_parts(operands: Sequence[Node], varies: Varies, build: Callable[[list[Node]], Node]) -> Node | None:
    parts = [part for o in operands if (part := _part(o, varies)) is not None]
    return build(parts) if len(parts) == len(operands) else None


def _halved_function(node: Node, varies: Varies) -> Node | None:
    row, operands = node.attrs[0], node.operands
    if row == "power":
        by = literal_value(operands[1])
        if by is not None and by.factor is None and isinstance(by.number, int) and by.number % 2 == 0:
            return lower(X0 ** sp.Integer(by.number // 2), {X0: operands[0]}, node.shape)
    if row == "reciprocal":
        h = halved(operands[0], varies)
        return None if h is None else elementwise(row, [h])
    if row in ("where", "taken", "defined"):
        return _of_parts(operands[1:], varies, lambda parts: elementwise(row, [operands[0], *parts]))
    if row == "abs":
        return halved(operands[0], varies)
    return None


# roots of what holds no variable ----------------------------------------------------------------------


def root_of(node: Node) -> Node:
    """The root of what holds no variable; NaN where that is negative."""
    node = bare(node)
    known = halved(node, lambda each: False) if node.op in (ops.EINSUM, ops.VIEW) else None
    if known is not None:
        return known
    by = literal_value(node)
    if by is not None and by.number >= 0:
        return literal(root_of_weight(by), node.shape)
    if node.op is ops.ADD and len(node.operands) == 1 and node.attrs[0][0].number > 0:
        return scale(root_of(node.operands[0]), root_of_weight(node.attrs[0][0]))
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "reciprocal":
        return elementwise("reciprocal", [root_of(node.operands[0])])
    return elementwise("sqrt", [node])


def root_of_weight(by: Weight) -> Weight:
    """√by, exactly where that is short."""
    if isinstance(by.number, float) and by.factor is None:
        return Weight(by.number**0.5)
    return from_expr(sp.sqrt(to_expr(by)))


def is_known_nonnegative(node: Node) -> bool:
    """Not negative by form or by what is declared; what is declared of parts counts in products."""
    stack = [node]
    while stack:
        node = bare(stack.pop())
        if not_negative(node) or NONNEGATIVE in facts_of(node):
            continue
        if node.op is ops.ELEMENTWISE and node.attrs[0] in ("reciprocal", "sqrt") or node.op is ops.EINSUM or (
                node.op is ops.ADD and all(by.number >= 0 for by in node.attrs[0])):
            stack += node.operands
        else:
            return False
    return True
