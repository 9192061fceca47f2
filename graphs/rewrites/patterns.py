"""Forms that the stabilising rewrites look for. All of them look through display names."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value, zeros
from symgrad.graphs.algebra.primitives import add, reduction, softmax
from symgrad.graphs.algebra.signs import bare as bare
from symgrad.graphs.algebra.signs import is_positive as is_positive
from symgrad.graphs.algebra.signs import positive as positive
from symgrad.graphs.node import Node
from symgrad.graphs.weights import ONE, Weight, times

WIDEST = 64  # terms of a sum up to which sums inside are taken apart


def row_of(node: Node, row: str) -> Node | None:
    node = bare(node)
    return node.operands[0] if node.op is ops.ELEMENTWISE and node.attrs[0] == row else None


def scaled(node: Node) -> tuple[Weight, Node]:
    node = bare(node)
    if node.op is ops.ADD and len(node.operands) == 1:
        return node.attrs[0][0], bare(node.operands[0])
    return ONE, node


def terms(node: Node) -> list[tuple[Weight, Node]]:
    """`node` as a weighted sum: sums inside sums taken apart, except those that have a name."""
    found: list[tuple[Weight, Node]] = []
    stack = [(ONE, node)]
    while stack:
        by, node = stack.pop()
        if node.op is ops.ADD and len(found) + len(stack) < WIDEST:
            stack += [(times(by, w), o) for w, o in zip(node.attrs[0][::-1], node.operands[::-1], strict=True)]
        else:
            found.append((by, node))
    return found


def sum_of(pairs: Sequence[tuple[Weight, Node]], like: Node) -> Node:
    """The sum of weighted terms of the shape of `like`; like terms merge."""
    return add([node for _, node in pairs], [by for by, _ in pairs]) if pairs else zeros(like.shape)


def exponential_sum(node: Node) -> tuple[Node, tuple[int, ...], Weight] | None:
    """`node` as weight * sum over axes of exp(z): (z, axes, weight)."""
    by, node = scaled(node)
    if node.op is not ops.EINSUM or len(node.operands) != 1:
        return None
    z = row_of(node.operands[0], "exp")
    (labels,), out = node.attrs
    if z is None or len(set(labels)) != len(labels) or [x for x in labels if x in out] != list(out):
        return None
    return z, tuple(i for i, label in enumerate(labels) if label not in out), by


def one_plus_exp(node: Node) -> Node | None:
    """z where `node` is 1 + exp(z)."""
    node = bare(node)
    if node.op is not ops.ADD or len(node.operands) != 2 or node.attrs[0] != (ONE, ONE):
        return None
    a, b = node.operands
    for one, other in ((a, b), (b, a)):
        if literal_value(one) == ONE and (z := row_of(other, "exp")) is not None:
            return z
    return None




def shifted(node: Node) -> Node:
    """softmax(z + c) -> softmax(z), logsumexp(z + c) -> logsumexp(z) + c, for c constant along the axes."""
    inner, axes = bare(node.operands[0]), node.attrs[0]
    if inner.op is not ops.ADD or len(inner.operands) < 2:
        return node
    kept: list[tuple[Weight, Node]] = []
    moved: list[tuple[Weight, Node]] = []
    for by, term in zip(inner.attrs[0], inner.operands, strict=True):
        (moved if constant_along(term, axes) else kept).append((by, term))
    if not moved or not kept:
        return node
    rest = add([term for _, term in kept], [by for by, _ in kept])
    if node.op is ops.SOFTMAX:
        return softmax(rest, axes)
    labels = range(len(inner.shape))
    out = [i for i in labels if i not in axes]
    pairs = [(ONE, reduction(ops.LOGSUMEXP, rest, axes))]
    pairs += [(by, _without(term, axes, out)) for by, term in moved]
    return add([term for _, term in pairs], [by for by, _ in pairs])


def constant_along(node: Node, axes: Sequence[int]) -> bool:
    """Is `node` a view that repeats its entries along all of `axes`?"""
    if node.op is not ops.VIEW:
        return False
    held = set(node.attrs[0][0]) if node.operands else set()
    out = node.attrs[1]
    return all(out[a] not in held and out.count(out[a]) == 1 for a in axes)


def _without(node: Node, axes: Sequence[int], out: Sequence[int]) -> Node:
    inputs, labels = node.attrs
    kept = [labels[a] for a in out]
    return contract(node.operands, inputs, kept, {labels[a]: node.shape[a] for a in out})
