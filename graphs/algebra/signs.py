"""Signs that follow from the form of a node: what is positive, what is a sum of squares."""

from __future__ import annotations

from collections import Counter

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.weights import Weight

POSITIVE = ("exp", "sigmoid", "softplus", "cosh", "sqrt")  # or zero, where the logarithm is minus infinity too
ENTRIES = (ops.VIEW, ops.MAX, ops.MIN, ops.SLICE, ops.PAD, ops.RESHAPE, ops.GATHER, ops.SCATTER, ops.CONCAT, ops.CUMSUM)
SEEN = 32  # pieces of a sum that are looked at


def bare(node: Node) -> Node:
    """`node` without display names."""
    while node.op is ops.NAMED:
        node = node.operands[0]
    return node


def is_positive(by: Weight) -> bool:
    """Is the weight known to be positive?"""
    return by.number > 0 and (by.factor is None or bool(by.factor.is_positive))


def positive(node: Node) -> bool:
    """Positive by form: exponentials, softmax, sigmoid, and sums, products and reciprocals of such."""
    stack, seen = [node], 0
    while stack:
        node = bare(stack.pop())
        seen += 1
        if seen > 64:
            return False
        value = literal_value(node)
        if value is not None:
            if not is_positive(value):
                return False
        elif node.op is ops.ELEMENTWISE:
            row = node.attrs[0]
            if row == "reciprocal":
                stack.append(node.operands[0])
            elif row not in POSITIVE:
                return False
        elif node.op in (ops.EINSUM, ops.SLICE, ops.RESHAPE, ops.GATHER):
            stack.extend(node.operands if node.op is ops.EINSUM else node.operands[:1])
        elif node.op is ops.VIEW and len(set(node.attrs[1])) == len(node.attrs[1]):
            stack.extend(node.operands)
        elif node.op is ops.ADD and node.operands and all(map(is_positive, node.attrs[0])):
            stack.extend(node.operands)
        elif node.op is not ops.SOFTMAX:
            return False
    return True


def not_negative(node: Node) -> bool:
    """Not negative by form: squares, what is positive by form, sums of such with positive weights, entries of such."""
    stack, seen = [node], 0
    while stack:
        node = bare(stack.pop())
        seen += 1
        if seen > SEEN:
            return False
        row = node.attrs[0] if node.op is ops.ELEMENTWISE else None
        if node.op is ops.ADD:
            if not all(map(is_positive, node.attrs[0])):
                return False
            stack += [operand for operand in node.operands if literal_value(operand) is None]
        elif node.op is ops.EINSUM:
            times = Counter(zip(node.operands, node.attrs[0], strict=True))
            stack += [operand for (operand, _), count in times.items() if count % 2]
        elif node.op in ENTRIES:
            stack += node.operands if node.op is ops.CONCAT else node.operands[:1]
        elif row in ("where", "maximum", "taken"):
            stack += node.operands[1:] if row != "maximum" else node.operands
        elif row == "power":
            by = literal_value(node.operands[1])
            even = by is not None and by.factor is None and by.number % 2 == 0
            stack += [] if even else node.operands[:1]
        elif not (row in ("abs", "sqrt", "relu") or node.dtype == BOOLEAN or positive(node)):
            return False
    return True


def has_kink(node: Node) -> bool:
    """Is `node` a root of what is never negative, and zero at its least: a norm, a standard deviation, a distance?

    Its derivative there is 0, as that of |x| is: outside of a neighbourhood of zero it is what it was.
    """
    if node.op is not ops.ELEMENTWISE or node.attrs[0] not in ("sqrt", "power"):
        return False
    if node.attrs[0] == "power":
        by = literal_value(node.operands[1])
        if by is None or by.factor is not None or not 0 < by.number < 1:
            return False
    base = bare(node.operands[0])
    away = base.op is ops.ADD and any(literal_value(o) is not None for o in base.operands)
    return not_negative(base) and not away
