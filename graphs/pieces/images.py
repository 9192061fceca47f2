"""Layers of images in a graph: a convolution is a product with windows, or one laid back; a pool reduces windows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Shape

AROUND = frozenset({ops.OVERLAP, ops.SLICE, ops.PAD, ops.RESHAPE})  # what is done to the product of a convolution


def sides_cut(image: Shape, tiles: Shape) -> list[int | None] | None:
    """How wide the pieces are into which a reshape cuts each axis; None for an axis that stays, and for other reshapes.

    Cut are the last two axes of an image at least, behind one that stays.
    """
    cut: list[int | None] = []
    rest = list(tiles)
    for axis, n in enumerate(image):
        if rest and rest[0] == n and (axis < len(image) - 2 or len(rest) == len(image) - axis):
            cut.append(None)
            del rest[0]
        elif len(rest) > 1 and isinstance(n, int) and rest[0] != 1 and rest[0] * rest[1] == n:
            cut.append(int(rest[1]))
            del rest[:2]
        else:
            return None
    sides = [axis for axis, width in enumerate(cut) if width is not None]
    return cut if not rest and len(image) > 2 and sides == [len(image) - 2, len(image) - 1] else None


def is_tiles(node: Node) -> bool:
    """Windows of an image, perhaps with gaps between their entries, or its sides cut into pieces."""
    if node.op is ops.RESHAPE and sides_cut(node.operands[0].shape, node.shape) is not None:
        return True
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


def is_transposed(local: Node) -> bool:
    """Does a formula lay products back, as a transposed convolution does?"""
    return any(n.op is ops.OVERLAP for n in topological([local]))


def with_surroundings(order: Sequence[Node], products: Collection[Node],
                      uses: Mapping[Node, list[Node]]) -> dict[Node, Node]:
    """The products of convolutions among `products`, each by the node that it is after its overlaps, cuts and groups."""
    found: dict[Node, Node] = {}  # the product that a node is, so far
    for node in order:
        if node in products and node.op is ops.EINSUM and (len(node.shape) > 3 or any(map(is_tiles, node.operands))):
            found[node] = node
        elif node.op in AROUND and node.operands[0] in found and len(uses[node.operands[0]]) == 1:
            if node.op is ops.RESHAPE and not 3 <= len(node.shape) < len(node.operands[0].shape):
                continue  # groups are joined; an image laid out as a vector, or cut into groups, is another step
            found[node] = found.pop(node.operands[0])
    return {node: product for node, product in found.items() if node is not product}
