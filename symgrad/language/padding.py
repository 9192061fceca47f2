"""Borders: a number, or what the inside says: its edge, its mirror image, its other end.

Modes bear NumPy's names, and PyTorch's: "edge" is "replicate", "wrap" is "circular".
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from symgrad.graphs.algebra.primitives import pad as pad_node
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.sizes import canonical
from symgrad.language.align import as_tensor, describe
from symgrad.language.composed import flip, take
from symgrad.language.contraction import ones
from symgrad.language.pointwise import where
from symgrad.language.rearrange import broadcast_to, concatenate
from symgrad.language.tensor import Tensor, wrap

MODES = {"constant": "constant", "reflect": "reflect", "symmetric": "symmetric", "edge": "edge", "replicate": "edge",
         "wrap": "wrap", "circular": "wrap"}
Pairs = list[tuple[int, int]]


def pad(x: Any, width: Any, value: float = 0, mode: str = "constant") -> Tensor:
    """`x` with a border: `width` is a count, a pair (before, after), or one pair for each axis.

    `mode`: "constant" (`value` everywhere), "edge" or "replicate" (the last entry), "reflect" (mirrored at the last
    entry), "symmetric" (mirrored behind it), "wrap" or "circular" (from the other end). Raises ShapeError for what does
    not fit. Source: NumPy's `pad`.

    >>> sg.pad(sg.ones(2), (1, 2)).eval()
    array([0., 1., 1., 0., 0.])
    >>> [sg.pad(sg.data("x", 3), 2, mode=m).eval(x=[1.0, 2.0, 3.0]).tolist() for m in ("reflect", "edge")]
    [[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0], [1.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0]]
    """
    t = as_tensor(x, "pad")
    pairs = _pairs(width, t)
    if mode not in MODES:
        raise ShapeError(f"pad: mode {mode!r} is not known; known are {', '.join(map(repr, MODES))}")
    if mode != "constant":
        if value != 0:
            raise ShapeError(f"pad: mode {mode!r} takes no value, and {value!r} is given")
        for axis, (before, after) in enumerate(pairs):
            t = _continued(t, axis, before, after, MODES[mode])
        return t
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ShapeError(f"pad: the value of the border is a number, not {value!r}")
    shape = tuple(canonical(s + a + b) for s, (a, b) in zip(t.shape, pairs, strict=True))
    lead = t.node.shape[: len(t.node.shape) - t.ndim]
    starts = [0] * len(lead) + [a for a, _ in pairs]
    padded = wrap(pad_node(t.node, starts, [1] * len(starts), (*lead, *shape)), t.over)
    if value == 0:
        return padded
    inside = wrap(pad_node(ones(t.shape).node, [a for a, _ in pairs], [1] * t.ndim, shape), None)
    return where(inside > 0, padded, value) if not math.isfinite(value) else padded + value * (1 - inside)


def _continued(t: Tensor, axis: int, before: int, after: int, mode: str) -> Tensor:
    """One axis with a border made of its own entries."""
    size = t.shape[axis]
    if not before and not after:
        return t
    if size == 0:
        raise ShapeError(f"pad: axis {axis} of {describe(t)} has no entry to continue")
    most = max(before, after) + (mode == "reflect")
    if isinstance(size, int) and mode != "edge" and most > size:  # more than once to and fro
        return take(t, [_folded(i, size, mode) for i in range(-before, size + after)], axis)

    def part(start: Any, stop: Any) -> Tensor:
        return t[(*(slice(None),) * axis, slice(start, stop))]

    if mode == "edge":
        sides = [broadcast_to(part(start, stop), (*t.shape[:axis], count, *t.shape[axis + 1:])) if count else None
                 for start, stop, count in ((None, 1, before), (-1, None, after))]
    elif mode == "wrap":
        sides = [part(-before, None) if before else None, part(None, after) if after else None]
    else:
        skip = int(mode == "reflect")
        sides = [flip(part(skip, skip + before), axis) if before else None,
                 flip(part(-after - skip, -skip or None), axis) if after else None]
    return concatenate([each for each in (sides[0], t, sides[1]) if each is not None], axis)


def _folded(place: int, size: int, mode: str) -> int:
    """The entry that stands at a place outside, to and fro as often as it takes."""
    if mode == "wrap" or size == 1:
        return place % size
    period = 2 * size - 2 * (mode == "reflect")
    place %= period
    return place if place < size else period - place - (mode == "symmetric")


def _pairs(width: Any, t: Tensor) -> Pairs:
    def one(w: Any) -> tuple[int, int]:
        pair = (w, w) if isinstance(w, int) else tuple(w) if isinstance(w, (list, tuple)) else ()
        if len(pair) != 2 or any(isinstance(p, bool) or not isinstance(p, int) or p < 0 for p in pair):
            raise ShapeError(f"pad: a width is a count or a pair of counts, not {w!r}")
        return pair

    if not isinstance(width, (int, list, tuple)):
        raise ShapeError(f"pad: the width is a count, a pair of counts or a pair for each axis, not {width!r}")
    if isinstance(width, int) or (len(width) == 2 and all(isinstance(w, int) for w in width)):
        return [one(width)] * t.ndim
    if len(width) != t.ndim:
        raise ShapeError(f"pad: {len(width)} widths for the {t.ndim} axes of {describe(t)}")
    return [one(w) for w in width]
