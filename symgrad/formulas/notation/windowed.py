"""The geometry of windows in a graph: which image they are of, its sides with step, gap, border; and of what is laid back.

Windows of an image with its border are tiles: axes of the image, a place and an offset for each side. Nothing is written
here; `convolutions.py` does.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import Node
from symgrad.graphs.pieces.images import sides_cut
from symgrad.graphs.sizes import Size, canonical

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Writer

Label = Hashable
PLACE, OFFSET = "place", "offset"


@dataclass(frozen=True)
class Side:
    """One side of an image under windows: its axis, their step, the gap between entries, the border."""

    axis: int
    step: int
    width: Size
    gap: int = 1
    border: tuple[Size, Size] = (0, 0)
    more: Size = 0  # entries that a transpose has behind those that its windows reach


@dataclass(frozen=True)
class Tiles:
    """`node` as windows of `image`, with `parts` for each of its axes: an axis of the image, or (PLACE | OFFSET, side)."""

    node: Node
    image: Node
    parts: tuple[object, ...]
    sides: tuple[Side, ...]

    def labels(self, names: Sequence[Label], kind: str) -> tuple[Label, ...]:
        """The labels of the places or the offsets, in the order of the sides of the image."""
        order = sorted(range(len(self.sides)), key=lambda k: self.sides[k].axis)
        return tuple(names[self.parts.index((kind, k))] for k in order)

    def others(self, names: Sequence[Label]) -> tuple[Label, ...]:
        """The labels of what no window runs along."""
        return tuple(x for x, part in zip(names, self.parts, strict=True) if not isinstance(part, tuple))


def tiles_of(w: Writer, node: Node) -> Tiles | None:
    """`node` as windows of an image, one side after the other; None if it is something else."""
    if not w.inlines(node):
        return None
    if node.op is ops.WINDOWS:
        axis, step = node.attrs
        inner = tiles_of(w, node.operands[0])
        below = _bordered(w, node.operands[0]) if inner is None else inner
        side, place = below.parts[axis], len(below.sides)
        if not isinstance(side, int):
            return None
        parts = [(PLACE, place) if i == axis else part for i, part in enumerate(below.parts)]
        borders = _borders(w, below.image, node, axis)
        return Tiles(node, below.image, (*parts, (OFFSET, place)),
                     (*below.sides, Side(side, step, node.shape[-1], border=borders)))
    if node.op is ops.RESHAPE:
        return _side_by_side(node)
    if node.op is ops.SLICE:
        whole = tiles_of(w, node.operands[0])
        return None if whole is None else _spread(node, whole)
    return None


def _side_by_side(node: Node) -> Tiles | None:
    """Sides cut into pieces of one size, those of an image with axes in front: windows that lie side by side."""
    (image,) = node.operands
    if (cut := sides_cut(image.shape, node.shape)) is None:
        return None
    parts: list[object] = []
    sides: list[Side] = []
    for axis, width in enumerate(cut):
        parts += [axis] if width is None else [(PLACE, len(sides)), (OFFSET, len(sides))]
        sides += [] if width is None else [Side(axis, width, width)]
    return Tiles(node, image, tuple(parts), tuple(sides))


def _spread(node: Node, below: Tiles) -> Tiles | None:
    """Every `gap`-th entry of the windows."""
    sides = list(below.sides)
    for axis, ((start, gap), size) in enumerate(zip(node.attrs[0], node.shape, strict=True)):
        part = below.parts[axis]
        if (start, gap) == (0, 1) and size == node.operands[0].shape[axis]:
            continue
        if not isinstance(part, tuple) or part[0] != OFFSET or start != 0 or gap < 1:
            return None
        sides[part[1]] = replace(sides[part[1]], gap=gap, width=size)
    return replace(below, node=node, sides=tuple(sides))


def _bordered(w: Writer, node: Node) -> Tiles:
    """An image, without its border of zeros (of minus infinity for a maximum)."""
    bare = _inside(w, node)
    return Tiles(node, node if bare is None else bare.operands[0], tuple(range(len(node.shape))), ())


def _inside(w: Writer, node: Node) -> Node | None:
    """The padding that `node` is, whatever it is filled with."""
    if not w.inlines(node):
        return None
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "where":
        low = literal_value(node.operands[2])
        node = node.operands[1] if low is not None and low.number == -math.inf else node
    plain = node.op is ops.PAD and w.inlines(node) and all(step == 1 for _, step in node.attrs[0])
    return node if plain else None


def _borders(w: Writer, image: Node, node: Node, axis: int) -> tuple[Size, Size]:
    """The border of the image whose windows `node` is, along the axis that it runs along."""
    below = node.operands[0]
    while below.op in (ops.WINDOWS, ops.SLICE) and tiles_of(w, below) is not None:  # a slice of an image is an image
        below = below.operands[0]
    pad = _inside(w, below)
    if pad is None:
        return 0, 0
    front = pad.attrs[0][axis][0]
    return front, canonical(pad.shape[axis] - front - image.shape[axis])


@dataclass(frozen=True)
class Laid:
    """Tiles laid back over each other: what they were, their `parts`, and the sides of the image that they give."""

    tiles: Node
    parts: tuple[object, ...]
    sides: tuple[Side, ...]


def laid_back(w: Writer, node: Node) -> Laid | None:
    """`node` as a sum of windows where they came from, its border cut off; None if it is something else."""
    inner, cut = node, [(0, size) for size in node.shape]
    if node.op is ops.SLICE and all(step == 1 for _, step in node.attrs[0]) and w.inlines(node.operands[0]):
        inner = node.operands[0]
        cut = [(start, size) for (start, _), size in zip(node.attrs[0], node.shape, strict=True)]
    whole, parts, sides = inner.shape, list[object](range(len(inner.shape))), list[Side]()
    while inner.op is ops.OVERLAP and (not sides or w.inlines(inner)) or _is_behind(w, inner, node):
        if inner.op is ops.PAD:
            (inner,) = inner.operands
            continue
        axis, step = inner.attrs
        side = parts[axis]
        if not isinstance(side, int):
            return None
        inner, gap = _unspread(w, inner.operands[0])
        reached = canonical(step * (inner.shape[axis] - 1) + gap * (inner.shape[-1] - 1) + 1)
        border, more = _cut_off(cut[side][0], signed(reached - cut[side][0] - cut[side][1]))
        parts[axis] = (PLACE, len(sides))
        parts.append((OFFSET, len(sides)))
        sides.append(Side(side, step, inner.shape[-1], gap, border, more))
    run = {side.axis for side in sides}
    if not sides or any(a not in run and (start != 0 or size != whole[a]) for a, (start, size) in enumerate(cut)):
        return None
    return Laid(inner, tuple(parts), tuple(sides))


def _is_behind(w: Writer, node: Node, first: Node) -> bool:
    """Zeros behind what is laid back, where no window reaches."""
    return node.op is ops.PAD and (node is first or w.inlines(node)) and all(spec == (0, 1) for spec in node.attrs[0])


def _cut_off(front: Size, back: Size) -> tuple[tuple[Size, Size], Size]:
    """The padding of a transpose, and its output padding: what it has more behind than that leaves."""
    less = signed(front - back)
    return ((front, front), less) if isinstance(less, int) and less > 0 else ((front, back), 0)


def signed(size: Any) -> Any:
    """A difference of sizes, which may be negative."""
    if isinstance(size, int):
        return size
    size = sp.expand(size)
    return int(size) if size.is_Integer else size


def _unspread(w: Writer, node: Node) -> tuple[Node, int]:
    """Tiles without the zeros between their entries, and the gap."""
    if node.op is ops.PAD and w.inlines(node):
        *front, (start, gap) = node.attrs[0]
        same = all(spec == (0, 1) for spec in front) and node.shape[:-1] == node.operands[0].shape[:-1]
        if same and start == 0 and gap > 1:
            return node.operands[0], gap
    return node, 1
