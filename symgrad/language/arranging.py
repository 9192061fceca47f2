"""Grids, running products, pixels to channels and back, similarity: a few lines of other operations each."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.sizes import canonical
from symgrad.language.align import as_int, as_size, as_tensor, common_over, constant, describe
from symgrad.language.composed import norm
from symgrad.language.contraction import arange
from symgrad.language.habits import axis_named
from symgrad.language.pointwise import maximum
from symgrad.language.rearrange import broadcast_to, expand_dims, reshape, transpose
from symgrad.language.reduction import sum as total
from symgrad.language.tensor import Tensor


def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`, which is the last one unless `endpoint=False`.

    Ends are numbers or scalar tensors, `num` a size. Raises ShapeError for others. Source: NumPy's `linspace`.

    >>> sg.linspace(0, 1, 5).eval()
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    a, b, count = as_tensor(start, "linspace"), as_tensor(stop, "linspace"), as_size(num, "linspace")
    for end in (a, b):
        if end.ndim:
            raise ShapeError(f"linspace: {describe(end)} must be a number: the numbers lie between two")
    values = [literal_value(end.node) for end in (a, b)]
    if isinstance(count, int) and all(value is not None and value.factor is None for value in values):
        low, high = (float(value.number) for value in values if value is not None)
        pieces = max(count - int(bool(endpoint)), 1)
        ends = [high] if endpoint and count > 1 else []
        return constant([low + i / pieces * (high - low) for i in range(count - len(ends))] + ends)
    if count == 1:
        return broadcast_to(expand_dims(a * 1.0, 0), (1,))
    share = arange(count) / canonical(sp.sympify(count) - int(bool(endpoint)))
    return (1 - share) * a + share * b


def meshgrid(*axes: Any, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of all points of a grid: a tensor for each vector, in which only its own axis varies.

    With "xy" the first two vectors lie along axes 1 and 0, as in NumPy; with "ij" each along its own, as in PyTorch.

    >>> x, y = sg.arange(3), sg.arange(2)
    >>> [g.shape for g in sg.meshgrid(x, y)], sg.meshgrid(x, y, indexing="ij")[0].shape
    ([(2, 3), (2, 3)], (3, 2))
    """
    if indexing not in ("xy", "ij"):
        raise ShapeError(f"meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}")
    given = [as_tensor(axis, "meshgrid") for axis in axes]
    for t in given:
        if t.ndim != 1:
            raise ShapeError(f"meshgrid: {describe(t)} must be a vector: the coordinates along one axis")
    common_over("meshgrid", given)
    places = list(range(len(given)))
    if indexing == "xy" and len(given) > 1:
        places[:2] = [1, 0]
    sizes: list[Any] = [None] * len(given)
    for place, t in zip(places, given, strict=True):
        sizes[place] = t.shape[0]
    return [broadcast_to(expand_dims(t, tuple(a for a in range(len(given)) if a != place)), sizes)
            for place, t in zip(places, given, strict=True)]


def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """Channels (..., C r r, H, W) laid out as pixels (..., C, H r, W r), r being the `upscale_factor`.

    Raises ShapeError where the channels do not divide by r r. Source: Shi et al. 2016; PyTorch's `pixel_shuffle`.

    >>> sg.pixel_shuffle(sg.data("x", (8, 3, 4)), 2).shape
    (2, 6, 8)
    """
    x, r = _image("pixel_shuffle", input), _factor("pixel_shuffle", upscale_factor)
    *lead, channels, height, width = x.shape
    if not isinstance(channels, int) or channels % (r * r):
        raise ShapeError(f"pixel_shuffle: the {channels} channels of {describe(x)} do not divide by {r} x {r}")
    k = len(lead)
    cut = reshape(x, (*lead, channels // (r * r), r, r, height, width))
    turned = transpose(cut, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return reshape(turned, (*lead, channels // (r * r), canonical(height * r), canonical(width * r)))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Tensor:
    """Pixels (..., C, H r, W r) laid out as channels (..., C r r, H, W): the inverse of `pixel_shuffle`.

    >>> sg.pixel_unshuffle(sg.data("x", (2, 6, 8)), 2).shape
    (8, 3, 4)
    """
    x, r = _image("pixel_unshuffle", input), _factor("pixel_unshuffle", downscale_factor)
    *lead, channels, height, width = x.shape
    sides = [sp.sympify(side) / r for side in (height, width)]
    if any(sp.denom(sp.together(side)) != 1 for side in sides):
        raise ShapeError(f"pixel_unshuffle: the sides {height} and {width} of {describe(x)} do not divide by {r}")
    k, parts = len(lead), [canonical(side) for side in sides]
    cut = reshape(x, (*lead, channels, parts[0], r, parts[1], r))
    turned = transpose(cut, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return reshape(turned, (*lead, canonical(channels * r * r), *parts))


def _image(name: str, input: Any) -> Tensor:
    x = as_tensor(input, name)
    if x.ndim < 3:
        raise ShapeError(f"{name}: {describe(x)} must be an image (channels, height, width), with any axes in front")
    return x


def _factor(name: str, factor: Any) -> int:
    r = as_int(factor, name, "the factor")
    if r < 1:
        raise ShapeError(f"{name}: the factor must be at least 1, not {r}")
    return r


@axis_named
def cosine_similarity(a: Any, b: Any, axis: int = -1, eps: float = 1e-8) -> Tensor:
    """a'b / (|a| |b|) along `axis`, each norm at least `eps`; operands broadcast. Source: PyTorch's `cosine_similarity`.

    >>> sg.cosine_similarity(sg.data("a", 2), sg.data("b", 2)).eval(a=[3.0, 4.0], b=[4.0, 3.0])
    np.float64(0.96)
    """
    x, y = as_tensor(a, "cosine_similarity"), as_tensor(b, "cosine_similarity")
    for t in (x, y):
        if not t.ndim:
            raise ShapeError(f"cosine_similarity: {describe(t)} is a number; it compares vectors")
    return total(x * y, axis) / (maximum(norm(x, axis=axis), eps) * maximum(norm(y, axis=axis), eps))


@axis_named
def normalize(x: Any, p: Any = 2, axis: int = -1, eps: float = 1e-12) -> Tensor:
    """x over its norm along `axis`, which is at least `eps`. Source: PyTorch's `normalize`.

    >>> sg.normalize(sg.data("x", 2)).eval(x=[3.0, 4.0])
    array([0.6, 0.8])
    """
    t = as_tensor(x, "normalize")
    return t / maximum(norm(t, p, axis, keepdims=True), eps)
