"""Entries, slices, views and transposes of a symbol: they vary with it.

Each entry of such a part is one entry of the symbol, and no two are the same one: so the derivative by the part is
that by the symbol, moved as the part was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.entries import gather, reshape, slices
from symgrad.graphs.node import Node
from symgrad.graphs.reverse import reverse
from symgrad.graphs.sizes import Size


class Part(NamedTuple):
    """Entries of `symbol`, moved by each of `moves`, the innermost first."""

    symbol: Node
    moves: tuple[Node, ...]


def part_of(node: Node) -> Part | None:
    """`node` as entries of a symbol, all of them different ones; None for what is anything else, or a symbol.

    What has a name is a step of its own.
    """
    moves: list[Node] = []
    if node.op is ops.NAMED:
        return None
    while node.op is not ops.INPUT:
        if not _moves(node):
            return None
        moves.append(node)
        node = node.operands[0]
    return Part(node, tuple(reversed(moves))) if moves else None


def _moves(node: Node) -> bool:
    """Does a node give different entries of its first operand?"""
    if node.op in ops.PRODUCTS:
        if len(node.operands) != 1:
            return False
        (names,), out = node.attrs
        size = dict(zip(out, node.shape, strict=True)) | dict(zip(names, node.operands[0].shape, strict=True))
        alone = set(names) ^ set(out)  # what is dropped or added is an axis of one entry
        return len(set(out)) == len(out) and all(size[x] == 1 for x in alone)
    if node.op is ops.GATHER:
        return _different(node)
    return node.op in (ops.SLICE, ops.RESHAPE, ops.NAMED)


def _different(node: Node) -> bool:
    """Do indices give different entries? Known of one place, of places that count, and of constants."""
    tensor, *indices = node.operands
    shape = indices[0].shape
    if all(size == 1 for size in shape) or len(shape) == 1 and any(counts_along(i) is not None for i in indices):
        return True
    if not all(i.op is ops.CONSTANT and i.attrs[0].value is not None for i in indices):
        return False
    import numpy as np

    found: list[np.ndarray] = []
    for axis, index in zip(node.attrs[0], indices, strict=True):
        places, size = np.asarray(index.attrs[0].value), tensor.shape[axis]
        if isinstance(size, int):
            places = places % size
        elif (places < 0).any() and (places >= 0).any():  # one entry may be counted from both ends
            return False
        found.append(places.ravel())
    rows = np.stack(found, axis=-1)
    return len(np.unique(rows, axis=0)) == len(rows)


def picked(part: Part, g: Node, lead: int) -> Node:
    """The entries of `part` in `g`, which has the axes of its symbol behind `lead` others."""
    front = g.shape[:lead]
    free: Sequence[Size] = [0] * lead
    before = tuple(("lead", i) for i in range(lead))
    for node in part.moves:
        if node.op in ops.PRODUCTS:
            (names,), out = node.attrs
            sizes = dict(zip((*before, *out), (*front, *node.shape), strict=True))
            g = contract([g], [(*before, *names)], (*before, *out), sizes)
        elif node.op is ops.SLICE:
            starts, steps = zip(*node.attrs[0], strict=True)
            g = slices(g, [*free, *starts], [*(1 for _ in free), *steps], (*front, *node.shape))
        elif node.op is ops.RESHAPE:
            g = reshape(g, (*front, *node.shape))
        elif node.op is ops.GATHER:
            g = gather(g, node.operands[1:], [a + lead for a in node.attrs[0]])
            width = len(node.operands[1].shape)
            axes = range(len(g.shape))
            g = contract([g], [axes], (*axes[width:width + lead], *axes[:width], *axes[width + lead:]))
    return g


def placed(part: Part, v: Node) -> Node:
    """Zeros of the shape of the symbol, with `v` in the place of `part`."""
    inner = part.moves[-1]
    (result,) = reverse(inner, v, [part.symbol])
    return result
