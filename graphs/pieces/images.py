"""Layers of images in a graph: a convolution is a product with windows, or one laid back; a pool reduces windows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological

AROUND = frozenset({ops.OVERLAP, ops.SLICE, ops.PAD, ops.RESHAPE})  # what is done to the product of a convolution


def is_tiles(node: Node) -> bool:
    """Windows of an image, perhaps with gaps between their entries."""
    while node.op in (ops.SLICE, ops.RESHAPE):
        (node,) = node.operands
    return node.op is ops.WINDOWS


def is_pool(node: Node, uses: Mapping[Node, list[Node]]) -> bool:
    """The largest entry of each window, or the mean: with the number that divides the sum, where there is one."""
    if node.op is ops.MAX:
        return is_tiles(node.operands[0])
    if node.op is ops.ADD and len(node.operands) == 1:
        return _sums_windows(node.operands[0])
    return _sums_windows(node) and not any(u.op is ops.ADD and len(u.operands) == 1 for u in uses[node])


def _sums_windows(node: Node) -> bool:
    return node.op is ops.EINSUM and len(node.operands) == 1 and is_tiles(node.operands[0]) and (
        len(node.shape) < len(node.operands[0].shape))


def is_pooled(local: Node) -> bool:
    """Is a formula one pool?"""
    return is_pool(local, {local: []})


def is_convolution(local: Node) -> bool:
    """Does a formula multiply windows, or lay a product back?"""
    return any(n.op is ops.OVERLAP or n.op is ops.EINSUM and len(n.operands) == 2 and any(map(is_tiles, n.operands))
               for n in topological([local]))


def with_surroundings(order: Sequence[Node], products: Collection[Node],
                      uses: Mapping[Node, list[Node]]) -> dict[Node, Node]:
    """The products of convolutions among `products`, each by the node that it is after its overlaps, cuts and groups."""
    found: dict[Node, Node] = {}  # the product that a node is, so far
    for node in order:
        if node in products and node.op is ops.EINSUM and (len(node.shape) > 3 or any(map(is_tiles, node.operands))):
            found[node] = node
        elif node.op in AROUND and node.operands[0] in found and len(uses[node.operands[0]]) == 1:
            if node.op is ops.RESHAPE and len(node.shape) < 3:
                continue  # an image laid out as a vector is another step
            found[node] = found.pop(node.operands[0])
    return {node: product for node, product in found.items() if node is not product}
