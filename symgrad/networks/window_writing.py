"""Convolutions and pools by ONNX's own operators, where a product or a maximum of windows is one.

The geometry of windows is read by what writes their formulas (`formulas/notation/windowed.py`); what it does not know stays
a product with windows read by indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.formulas.notation.windowed import OFFSET, PLACE, Tiles, tiles_of
from symgrad.graphs import ops
from symgrad.graphs.node import REAL, Node
from symgrad.networks.building import Made, OnnxGraph
from symgrad.networks.product_writing import Get, full_value


class _Everything:
    """Who asks for windows looks through all nodes."""

    @staticmethod
    def inlines(node: Node) -> bool:
        """Yes."""
        return True


def convolved_product(g: OnnxGraph, node: Node, get: Get) -> Made | None:
    """A product of windows with a kernel as `Conv`; None where it is none."""
    if node.op is not ops.EINSUM or len(node.operands) != 2 or node.dtype != REAL:
        return None
    for place in (0, 1):
        found = _conv(g, node, place, get)
        if found is not None:
            return found
    return None


def _conv(g: OnnxGraph, node: Node, place: int, get: Get) -> Made | None:
    (labels, out), kernel = node.attrs, node.operands[1 - place]
    mine, other = labels[place], labels[1 - place]
    tiles = _tiles(node.operands[place])
    if tiles is None or len(set(mine)) < len(mine) or len(set(other)) < len(other):
        return None
    names = dict(zip(tiles.parts, mine, strict=True))
    order = sorted(range(len(tiles.sides)), key=lambda k: tiles.sides[k].axis)
    places, offsets = ([names[kind, k] for k in order] for kind in (PLACE, OFFSET))
    rest = {part: names[part] for part in tiles.parts if not isinstance(part, tuple)}
    channels = [x for x in rest.values() if x in other and x not in out]
    batch = [x for x in rest.values() if x in out and x not in other]
    outputs = [x for x in other if x in out and x not in mine]
    fits = len(channels) == 1 and len(batch) < 2 and len(outputs) == 1 and len(rest) == 1 + len(batch) and (
        set(other) == {*channels, *outputs, *offsets} and set(places) <= set(out) and not set(places) & set(other))
    if not fits:
        return None
    axis_of: dict[Any, Any] = {x: part for part, x in rest.items()}
    image = _image(g, tiles, [axis_of[x] for x in (*batch, *channels)], order, get, len(batch) == 0)
    weights = g.transposed(full_value(g, get, kernel, REAL), [other.index(x) for x in (*outputs, *channels, *offsets)])
    geometry = _geometry(tiles, order)
    if geometry is None:
        return None
    name = g.op("Conv", [image.name, weights.name], **geometry)
    sizes = dict(zip(out, node.shape, strict=True))
    whole = [*batch, *outputs, *places]
    made = Made(name, tuple(sizes[x] for x in whole), REAL)
    if not batch:
        made = Made(g.op("Squeeze", [name, g.ints([0])]), made.shape, REAL)
    return g.transposed(made, [whole.index(x) for x in out])


def largest_of_windows(g: OnnxGraph, node: Node, get: Get) -> Made | None:
    """A maximum over all offsets of windows as `MaxPool`; None where it is none."""
    if node.op is not ops.MAX or node.dtype != REAL:
        return None
    tiles = _tiles(node.operands[0])
    if tiles is None:
        return None
    order = sorted(range(len(tiles.sides)), key=lambda k: tiles.sides[k].axis)
    offsets = {axis for axis, part in enumerate(tiles.parts) if isinstance(part, tuple) and part[0] == OFFSET}
    rest = [part for part in tiles.parts if not isinstance(part, tuple)]
    geometry = _geometry(tiles, order)
    if offsets != set(node.attrs[0]) or len(rest) not in (1, 2) or geometry is None or _is_bordered_otherwise(node, tiles):
        return None
    widths = [tiles.sides[k].width for k in order]
    image = _image(g, tiles, rest, order, get, len(rest) == 1)
    name = g.op("MaxPool", [image.name], kernel_shape=widths, **geometry)
    kept = [part for axis, part in enumerate(tiles.parts) if axis not in offsets]
    sizes = dict(zip(kept, node.shape, strict=True))
    whole = [*rest, *((PLACE, k) for k in order)]
    made = Made(name, tuple(sizes[part] for part in whole), REAL)
    if len(rest) == 1:
        made = Made(g.op("Squeeze", [name, g.ints([0])]), made.shape, REAL)
    return g.transposed(made, [whole.index(part) for part in kept])


def _is_bordered_otherwise(node: Node, tiles: Tiles) -> bool:
    """Is the border of a maximum filled with zeros, which ONNX's is not?"""
    if not any(any(side.border) for side in tiles.sides):
        return False
    below = node.operands[0]
    while below.op in (ops.WINDOWS, ops.SLICE):
        below = below.operands[0]
    return below.op is ops.PAD


def _tiles(node: Node) -> Tiles | None:
    if node.op not in (ops.WINDOWS, ops.SLICE):
        return None
    found: Tiles | None = tiles_of(_Everything(), node)  # type: ignore[arg-type]
    return found


def _geometry(tiles: Tiles, order: Sequence[int]) -> dict[str, Any] | None:
    """Strides, dilations and borders; None where they are no numbers."""
    sides = [tiles.sides[k] for k in order]
    borders = [edge for k in (0, 1) for edge in (side.border[k] for side in sides)]
    if not all(isinstance(each, int) and each >= 0 for each in (*borders, *(side.width for side in sides))):
        return None
    return {"strides": [side.step for side in sides], "dilations": [side.gap for side in sides], "pads": borders}


def _image(g: OnnxGraph, tiles: Tiles, front: Sequence[Any], order: Sequence[int], get: Get, alone: bool) -> Made:
    """The image with the axes (batch, channels, sides)."""
    laid = g.transposed(full_value(g, get, tiles.image, REAL), [*front, *(tiles.sides[k].axis for k in order)])
    return g.unsqueezed(laid, [0]) if alone else laid
