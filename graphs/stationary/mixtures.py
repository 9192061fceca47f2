"""Mixtures in a loss: -∑ log ∑_k p_k, where log ∑_k p_k is logsumexp_k s_k with s = log p.

However it is written: a logarithm of a sum over an axis or of a few terms, whose products become sums of logarithms, is
read as logsumexp. A loss that is affine in such nodes and falls with them is bounded by the loss with ∑_k r_k s_k in
their places, for shares r that sum to 1 (Jensen's inequality), with equality at r = softmax_k s.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal
from symgrad.graphs.algebra.primitives import add, concat, elementwise, reduction
from symgrad.graphs.algebra.signs import bare, is_positive
from symgrad.graphs.node import Node, depends, topological, transform
from symgrad.graphs.reverse import reverse
from symgrad.graphs.stationary.affine import degrees
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import ONE, weight


def as_logsumexp(root: Node, variables: Sequence[Node]) -> Node:
    """`root` with logarithms of sums, over an axis or of a few terms that depend on `variables`, as logsumexp."""
    live = depends([root], variables)

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        new = rebuild(node, operands)
        if node.op is ops.ELEMENTWISE and node.attrs[0] == "log" and node in live:
            return _of_sum(bare(operands[0])) or new
        return new

    return transform([root], rule, {})[0]


def _of_sum(total: Node) -> Node | None:
    """log(total) as logsumexp; None where total is no sum of products."""
    if total.op is ops.ADD and len(total.operands) == 1 and is_positive(total.attrs[0][0]):
        inner = _of_sum(bare(total.operands[0]))
        by = elementwise("log", [literal(total.attrs[0][0], total.shape)])
        return None if inner is None else add([inner, by])
    if total.op is ops.ADD and len(total.operands) > 1 and all(map(is_positive, total.attrs[0])):
        rank = len(total.shape)
        rows = []
        for operand, by in zip(total.operands, total.attrs[0], strict=True):
            row = _logarithm(operand)
            row = row if by == ONE else add([row, elementwise("log", [literal(by, row.shape)])])
            rows.append(contract([row], [range(rank)], (*range(rank), "k"), {"k": 1}))
        return reduction(ops.LOGSUMEXP, concat(rows, rank, len(rows)), [rank])
    if total.op is ops.EINSUM:
        inputs, out = total.attrs
        summed = sorted({label for labels in inputs for label in labels} - set(out))
        if summed:
            pairs = list(zip(total.operands, inputs, strict=True))
            sizes = {x: n for o, labels in pairs for x, n in zip(labels, o.shape, strict=True)}
            order = [*out, *summed]
            parts = [contract([_logarithm(o)], [labels], order, {x: sizes[x] for x in order})
                     for o, labels in pairs]
            return reduction(ops.LOGSUMEXP, add(parts), range(len(out), len(order)))
    return None


def _logarithm(node: Node) -> Node:
    """log(node), of a product as a sum."""
    node = bare(node)
    if node.op is ops.EINSUM and set().union(*map(set, node.attrs[0])) == set(node.attrs[1]):
        inputs, out = node.attrs
        sizes = dict(zip(out, node.shape, strict=True))
        return add([contract([_logarithm(o)], [labels], out, sizes)
                    for o, labels in zip(node.operands, inputs, strict=True)])
    if node.op is ops.ELEMENTWISE:
        row, inside = node.attrs[0], node.operands
        if row == "exp":
            return inside[0]
        if row == "reciprocal":
            return add([_logarithm(inside[0])], [weight(-1)])
        if row == "sqrt":
            return add([_logarithm(inside[0])], [weight(0.5)])
        if row == "power":
            axes = range(len(node.shape))
            return contract([inside[1], _logarithm(inside[0])], [axes, axes], axes)
    if node.op is ops.VIEW and node.operands and len(set(node.attrs[1])) == len(node.shape):
        return contract([_logarithm(node.operands[0])], node.attrs[0], node.attrs[1],
                        dict(zip(node.attrs[1], node.shape, strict=True)))
    if node.op is ops.ADD and len(node.operands) == 1 and is_positive(node.attrs[0][0]):
        return add([_logarithm(node.operands[0]), elementwise("log", [literal(node.attrs[0][0], node.shape)])])
    return elementwise("log", [node])


def mixtures_in(root: Node, variables: Sequence[Node]) -> list[tuple[Node, Node]]:
    """The outermost logsumexp nodes in which `root` is affine, with the slopes, which do not depend on `variables`."""
    live = depends([root], variables)
    found = [node for node in topological([root]) if node.op is ops.LOGSUMEXP and node in live]
    found = [node for node in found
             if not any(node in topological([o.operands[0]]) for o in found if o is not node)]
    if not found or degrees([root], found)[root] > 1:
        return []
    slopes = reverse(root, contract([], [], ()), found)
    return [(node, slope) for node, slope in zip(found, slopes, strict=True) if not degrees([slope], variables)[slope]]


def expected(node: Node, r: Node) -> Node:
    """∑ r s in the place of logsumexp s."""
    (s,), (axes,) = node.operands, node.attrs
    labels = range(len(s.shape))
    return contract([r, s], [labels, labels], [i for i in labels if i not in axes])
