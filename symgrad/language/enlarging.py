"""Images of another size: entries repeated, the nearest ones picked, or neighbours mixed linearly.

Arguments, defaults and conventions are those of `torch.nn.functional.interpolate`. A linear interpolation is a product
with a matrix along each side, whose rows have two shares; its derivative is the transposed one.
"""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from symgrad.graphs.errors import ShapeError
from symgrad.graphs.sizes import Size, canonical
from symgrad.language.align import as_size, constant, describe
from symgrad.language.composed import take
from symgrad.language.contraction import einsum
from symgrad.language.convolving import image
from symgrad.language.pooling import mean_of_pieces
from symgrad.language.rearrange import broadcast_to, expand_dims, reshape
from symgrad.language.tensor import Tensor

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}  # modes, and the sides that an image of them has
MODES = ("nearest", "nearest-exact", "linear", "bilinear", "trilinear", "area")


def interpolate(input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
                align_corners: bool | None = None, recompute_scale_factor: bool | None = None) -> Tensor:
    """The image, (channels, *sides), brought to `size`, or `scale_factor` times its size.

    `mode`: "nearest" picks the entry at floor(i n / size), "nearest-exact" that at floor((i + 1/2) n / size), "linear",
    "bilinear" and "trilinear" (for one, two and three sides) mix neighbours, "area" takes means of pieces. Ends of both
    images lie on each other with `align_corners`, else their borders do. Of three axes without `over=` the first is the
    channels; a batch of sequences is given with `over=`. Raises ShapeError for what does not fit. Source: PyTorch's
    `interpolate`.

    >>> x = sg.data("x", (1, 2))
    >>> sg.interpolate(x, 4, mode="linear").eval(x=[[0.0, 4.0]])
    array([[0., 1., 3., 4.]])
    >>> sg.interpolate(x, 5, mode="linear", align_corners=True).eval(x=[[0.0, 4.0]])
    array([[0., 1., 2., 3., 4.]])
    """
    return enlarged("interpolate", input, size, scale_factor, mode, align_corners, recompute_scale_factor)


def upsample(input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
             align_corners: bool | None = None) -> Tensor:
    """The image enlarged to `size`, or `scale_factor` times, each entry the nearest one of the image.

    Entry i is that of floor(i n / size), or floor(i / scale_factor). Other modes: see `sg.interpolate`. Raises ShapeError
    unless one of the two is given. Source: PyTorch's `upsample`.

    >>> sg.upsample(sg.data("x", (1, 2)), scale_factor=2).eval(x=[[1.0, 2.0]])
    array([[1., 1., 2., 2.]])
    """
    return enlarged("upsample", input, size, scale_factor, mode, align_corners)


def enlarged(name: str, input: Any, size: Any, scale_factor: Any, mode: str, align_corners: bool | None = None,
             recompute_scale_factor: bool | None = None) -> Tensor:
    """`interpolate`; `name` says in errors whose it is."""
    if mode not in MODES:
        raise ShapeError(f"{name}: mode {mode!r} is not known; known are {', '.join(map(repr, MODES))}")
    if (size is None) == (scale_factor is None):
        raise ShapeError(f"{name}: give either size or scale_factor")
    if align_corners is not None and mode not in LINEAR:
        raise ShapeError(f"{name}: align_corners belongs to the linear modes, not to {mode!r}")
    x = _sides(name, input, mode)
    given = size if scale_factor is None else scale_factor
    rank = LINEAR.get(mode) or (x.ndim - 1 if x.ndim < 4 or x.over is not None else x.ndim - 2)
    if isinstance(given, (tuple, list)) and mode not in LINEAR and x.ndim - len(given) in (1, 2):
        rank = len(given)
    lead = x.ndim - rank
    values = list(given) if isinstance(given, (tuple, list)) else [given] * rank
    if len(values) != rank:
        what = "size" if scale_factor is None else "scale_factor"
        raise ShapeError(f"{name}: {what} is a number or {rank} of them, one for each side of {describe(x)}, not {given!r}")
    wanted = [None if size is None else as_size(value, name) for value in values]
    if size is None and (recompute_scale_factor or mode == "area"):
        wanted = [_count(name, x.shape[lead + i], factor) for i, factor in enumerate(values)]
    if mode == "area":
        return mean_of_pieces(name, rank, x, wanted)
    if mode in LINEAR:
        for i, value in enumerate(values):
            x = _mixed(name, x, lead + i, wanted[i], value, bool(align_corners))
        return x
    whole = [_times(name, x.shape[lead + i], wanted[i], value) for i, value in enumerate(values)]
    x = _repeated(x, {lead + i: times for i, times in enumerate(whole) if times is not None and times > 1})
    for i, value in enumerate(values):
        if not whole[i]:
            x = _picked(name, x, lead + i, wanted[i], value, 0.5 if mode == "nearest-exact" else 0.0)
    return x


def _sides(name: str, input: Any, mode: str) -> Tensor:
    """The image, which has as many sides as a linear mode says, else one, two or three."""
    if mode in LINEAR:
        return image(name, LINEAR[mode], input)
    ndim = getattr(input, "ndim", 0)
    return image(name, 1 if ndim == 2 else 3 if ndim == 5 or (ndim == 4 and input.over is not None) else 2, input)


def _factor(name: str, factor: Any) -> float:
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 0 < factor < math.inf:
        raise ShapeError(f"{name}: scale_factor must be a positive number, not {factor!r}")
    return factor


def _count(name: str, n: Size, factor: Any) -> Size:
    """How many entries a side of n has that is enlarged by a factor."""
    whole = _factor(name, factor) == int(factor)
    if not isinstance(n, int) and not whole:
        raise ShapeError(f"{name}: a side of {n} to {factor} times it needs numbers")
    return canonical(n * int(factor)) if whole else math.floor(n * factor)


def _numbers(name: str, n: Size, size: Size | None, factor: Any) -> tuple[int, int, float]:
    """A side, that which it becomes, and the old entries for each new one; all must be numbers."""
    if not isinstance(n, int) or not (size is None or isinstance(size, int)):
        raise ShapeError(f"{name}: a side of {n} to {size if size is not None else f'{factor} times it'} needs numbers")
    count = math.floor(n * _factor(name, factor)) if size is None else size
    if n < 1:
        raise ShapeError(f"{name}: a side of {n} has no entries to choose from; it must be at least 1")
    if not isinstance(count, int) or count < 1:
        raise ShapeError(f"{name}: a side of {n} becomes {count}; it must be at least 1")
    return n, count, n / count if size is not None else 1 / factor


def _times(name: str, n: Size, size: Size | None, factor: Any) -> int | None:
    """How often every entry of a side is repeated; None where it is not a whole number of times."""
    if size is None:
        return int(factor) if _factor(name, factor) == int(factor) else None
    ratio = sp.cancel(sp.sympify(size) / n)
    return int(ratio) if ratio.is_Integer else None


def _repeated(x: Tensor, times: dict[int, int]) -> Tensor:
    """Every entry along some axes as often as is said, all at once."""
    if not times:
        return x
    places = [axis + sum(other < axis for other in times) + 1 for axis in times]
    often = dict(zip(places, times.values(), strict=True))
    more = expand_dims(x, tuple(places))
    more = broadcast_to(more, [often.get(i, n) for i, n in enumerate(more.shape)])
    return reshape(more, [canonical(n * times.get(axis, 1)) for axis, n in enumerate(x.shape)])


def _picked(name: str, x: Tensor, axis: int, size: Size | None, factor: Any, offset: float) -> Tensor:
    """One side enlarged by picking entries."""
    n, count, step = _numbers(name, x.shape[axis], size, factor)
    return take(x, [min(math.floor((i + offset) * step), n - 1) for i in range(count)], axis)


def _mixed(name: str, x: Tensor, axis: int, size: Size | None, factor: Any, align_corners: bool) -> Tensor:
    """One side whose entries are mixed of two neighbours."""
    if size is not None and size == x.shape[axis]:
        return x
    n, count, step = _numbers(name, x.shape[axis], size, factor)
    shares = [[0.0] * n for _ in range(count)]
    for i, row in enumerate(shares):
        place = i * ((n - 1) / (count - 1) if count > 1 else 0.0) if align_corners else max((i + 0.5) * step - 0.5, 0.0)
        low = min(math.floor(place), n - 1)
        row[low] += 1 - (place - low)
        row[min(low + 1, n - 1)] += place - low
    behind = "abc"[: x.ndim - axis - 1]
    return einsum(f"...j{behind},ij->...i{behind}", x, constant(shares))
