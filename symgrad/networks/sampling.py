"""Images read at places between their entries, and put together from windows; spectra. All are linear in the image.

What a place p takes from the entries of a side is a row of a matrix: of "linear" the hats max(0, 1 - |p - i|), of "cubic"
Keys' kernel, of "nearest" a one. So an image is read by one product with such a matrix for each side, and the derivative
by the places follows, too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.graphs.errors import SymgradError
from symgrad.language.contraction import arange, einsum, zeros
from symgrad.language.further import round as rounded
from symgrad.language.indexing import index_add
from symgrad.language.pointwise import abs as magnitude
from symgrad.language.pointwise import clip, equal, floor, relu, where
from symgrad.language.rearrange import reshape, stack
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, Reads, tensor

LETTERS = "abdefg"  # of the sides of an image, beside n, c and o
KEYS = -0.75


def sampled(x: Tensor, grid: Tensor, mode: str, padding: str, corners: bool) -> Tensor:
    """`x` of shape (N, C, *sides) at the places `grid` of shape (N, *out, sides), from -1 to 1, the last side's first.

    `mode`: "nearest", "linear", "cubic"; `padding`, what is outside: "zeros", "border", "reflection"; `corners`: -1 and 1
    are the middles of the outermost entries, else their borders. Source: PyTorch's `grid_sample`.
    """
    sides = x.shape[2:]
    if not all(isinstance(n, int) for n in sides) or len(sides) > len(LETTERS):
        raise SymgradError(f"it reads an image with sides {', '.join(map(str, sides))}, which must be numbers")
    shares = []
    for a, n in enumerate(sides):
        p = reshape(grid[..., len(sides) - 1 - a], (grid.shape[0], -1))
        at = (p + 1) * (n - 1) / 2 if corners else ((p + 1) * n - 1) / 2
        shares.append(_shares(at, n, mode, padding, corners))
    names = LETTERS[:len(sides)]
    flat = einsum(f"nc{names},{','.join(f'no{name}' for name in names)}->nco", x, *shares)
    return reshape(flat, (*x.shape[:2], *grid.shape[1:-1]))


def _shares(at: Tensor, n: int, mode: str, padding: str, corners: bool) -> Tensor:
    """How much a place takes from each of the n entries of a side: (N, places, n)."""
    entries = arange(n)
    if mode == "cubic":
        first = floor(at)
        t, total = at - first, zeros((*at.shape, n))
        for step in (-1, 0, 1, 2):
            there = equal(_inside(first + step, n, padding, corners)[..., None], entries)
            total = total + where(there, _keys(magnitude(t - step))[..., None], 0)
        return total
    at = _inside(at, n, padding, corners)
    if mode == "nearest":
        return where(equal(rounded(at)[..., None], entries), 1.0, 0.0)
    return relu(1 - magnitude(at[..., None] - entries))


def _keys(d: Tensor) -> Tensor:
    """Keys' cubic kernel at a distance from 0 to 2."""
    near = ((KEYS + 2) * d - (KEYS + 3)) * d * d + 1
    return where(d <= 1, near, KEYS * (((d - 5) * d + 8) * d - 4))


def _inside(at: Tensor, n: int, padding: str, corners: bool) -> Tensor:
    if padding == "zeros":
        return at
    if padding == "reflection":
        low, span = (0.0, n - 1) if corners else (-0.5, n)
        if span == 0:
            return at * 0
        far = magnitude(at - low)
        turns = floor(far / span)
        rest = far - turns * span
        at = where(equal(turns, 2 * floor(turns / 2)), low + rest, low + span - rest)
    return clip(at, 0, n - 1)


def put_together(columns: Tensor, sides: Sequence[int], block: Sequence[int], steps: Sequence[int], gaps: Sequence[int],
                 borders: Sequence[tuple[int, int]]) -> Tensor:
    """Windows, (N, C * entries of a block, windows), added up where they lie: (N, C, *sides). The transpose of taking
    windows; PyTorch's `fold`."""
    wide = [n + sum(pair) for n, pair in zip(sides, borders, strict=True)]
    counts = [(n - gap * (w - 1) - 1) // step + 1 for n, w, step, gap in zip(wide, block, steps, gaps, strict=True)]
    places: Any = 0
    for a, n in enumerate(wide):  # of every entry of a block, in every window
        line = np.arange(block[a])[:, None] * gaps[a] + np.arange(counts[a]) * steps[a]
        shape = [1] * 2 * len(wide)
        shape[a], shape[len(wide) + a] = block[a], counts[a]
        places = places * n + line.reshape(shape)
    channels = columns.shape[1] // math.prod(block)
    flat = reshape(columns, (columns.shape[0], channels, math.prod(block) * math.prod(counts)))
    whole = index_add(zeros((*flat.shape[:2], math.prod(wide))), 2, places.reshape(-1), flat)
    cut = tuple(slice(before, before + n) for n, (before, _) in zip(sides, borders, strict=True))
    return reshape(whole, (*flat.shape[:2], *wide))[(..., *cut)]


def transformed(x: Tensor, axis: int, length: int, inverse: bool, onesided: bool) -> Tensor:
    """The discrete Fourier transform along an axis of numbers whose last axis is (real,) or (real, imaginary)."""
    n = x.shape[axis]
    if not isinstance(n, int):
        raise SymgradError(f"it transforms an axis of {n} entries, which must be a number")
    real = inverse and onesided  # half of a spectrum that is that of real numbers
    rows = length if real or not onesided else length // 2 + 1
    taken = min(n, length // 2 + 1 if real else length)
    x = x[(*(slice(None),) * axis, slice(None, taken))]
    angles = (2 * np.pi / length) * (np.outer(np.arange(rows), np.arange(taken)) % length) * (-1 if inverse else 1)
    weights = np.full(taken, 1 / length if inverse else 1.0)
    if real:
        weights[[k for k in range(taken) if 2 * k % length]] *= 2
    c, s = tensor(np.cos(angles) * weights), tensor(np.sin(angles) * weights)
    ends = "abcdefgh"[: x.ndim - 1]
    names = f"{ends},z{ends[axis]}->{ends.replace(ends[axis], 'z')}"
    re, im = x[..., 0], x[..., 1] if x.shape[-1] == 2 else None
    first = einsum(names, re, c) if im is None else einsum(names, re, c) + einsum(names, im, s)
    if real:
        return first[..., None]
    second = -einsum(names, re, s) if im is None else einsum(names, im, c) - einsum(names, re, s)
    return stack([first, second], -1)


# rows ------------------------------------------------------------------------------------------------------


def _grid_sample(c: Call, x: Tensor, grid: Tensor) -> Tensor:
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(c["mode"], c["mode"])
    return sampled(x, grid, mode, c["padding_mode"], bool(c["align_corners"]))


def _col2im(c: Call, x: Tensor, sides: Any, block: Any) -> Tensor:
    sizes, blocks = c.sizes(sides, "image shape"), c.sizes(block, "block shape")
    if any(not isinstance(size, int) for size in (*sizes, *blocks, *x.shape[1:])):
        c.refuse(f"it makes an image with sides {', '.join(map(str, sizes))}, which must be numbers")
    rank = len(sizes)
    pads = c["pads"] or [0] * 2 * rank
    borders = list(zip(pads[:rank], pads[rank:], strict=True))
    return put_together(x, sizes, blocks, c["strides"] or [1] * rank, c["dilations"] or [1] * rank, borders)


def _dft(c: Call, x: Tensor, length: Any = None, axis: Any = None) -> Tensor:
    given = c["axis"] if c.version < 20 else -2 if axis is None else int(c.number(axis, "axis"))
    place, onesided = c.axis(given, x), bool(c["onesided"])
    usual = 2 * (x.shape[place] - 1) if c["inverse"] and onesided else x.shape[place]
    wanted = usual if length is None else int(c.number(length, "length"))
    if not isinstance(wanted, int):
        c.refuse(f"it transforms an axis of {wanted} entries, which must be a number")
    return transformed(x, place, wanted, bool(c["inverse"]), onesided)


def _stft(c: Call, signal: Tensor, step: Any, window: Tensor | None = None, length: Any = None) -> Tensor:
    by, n = int(c.number(step, "step")), signal.shape[1]
    wide = window.shape[0] if length is None and window is not None else int(c.number(length, "frame length"))
    if not isinstance(n, int) or not isinstance(wide, int):
        c.refuse(f"it takes frames of {wide} from {n} entries, which must be numbers")
    places = np.arange(0, n - wide + 1, by)[:, None] + np.arange(wide)
    frames = signal[:, places]
    if window is not None:
        frames = frames * window[:, None]
    return transformed(frames, 2, wide, False, bool(c["onesided"]))


def _tensor_scatter(c: Call, kept: Tensor, update: Tensor, starts: Tensor | None = None) -> Tensor:
    """New entries at places from `starts` on along an axis, one start for each sample."""
    place = c.axis(c["axis"], kept)
    n, count = kept.shape[place], update.shape[place]
    at = arange(n)[None, :, None] - (0 if starts is None else starts[:, None, None])
    hit = equal(at, arange(count))
    if c["mode"] == "circular":
        hit = hit | equal(at + n, arange(count))
    letters = "nabcdefg"[: kept.ndim]
    share = where(hit, 1.0, 0.0) + zeros((kept.shape[0], n, count))
    put = einsum(f"{letters.replace(letters[place], 'z')},nyz->{letters.replace(letters[place], 'y')}", update, share)
    shape = [1] * kept.ndim
    shape[0], shape[place] = kept.shape[0], n
    taken = reshape(einsum("nyz->ny", share), shape)
    return where(taken > 0, put, kept)


ROWS = (
    Reads("GridSample", _grid_sample), Reads("Col2Im", _col2im, (1, 2)), Reads("DFT", _dft, (1, 2)),
    Reads("STFT", _stft, (1, 3)), Reads("TensorScatter", _tensor_scatter),
)
