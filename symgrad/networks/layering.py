"""Layers: convolutions, pools, normalisations, dropout as it is at inference, images made larger and smaller.

A rule keeps a layer whole: it is the operation of `language/` that the layer's printed formula is made of.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.graphs.sizes import Size, canonical
from symgrad.language import normalising as nm
from symgrad.language import pointwise as ew
from symgrad.language import reduction as red
from symgrad.language.align import constant
from symgrad.language.arrays import moveaxis
from symgrad.language.composed import var
from symgrad.language.contraction import arange, full
from symgrad.language.convolving import convolved, padded, tiled, unconvolved
from symgrad.language.padding import pad
from symgrad.language.rearrange import reshape
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, Reads, tensor

Pairs = list[tuple[int, int]]


def _borders(c: Call, sizes: Sequence[Size], kernel: Sequence[Size], steps: Sequence[int], gaps: Sequence[int]) -> Pairs:
    """Entries in front of and behind each side, as `pads` or `auto_pad` say."""
    rank = len(kernel)
    if c["auto_pad"] in ("SAME_UPPER", "SAME_LOWER"):
        pairs = []
        for n, wide, step, gap in zip(sizes, kernel, steps, gaps, strict=True):
            if not isinstance(n, int) or not isinstance(wide, int):
                c.refuse(f"auto_pad {c['auto_pad']} of a side of {n} entries")
            whole = max((-(-n // step) - 1) * step + gap * (wide - 1) + 1 - n, 0)
            small = whole // 2
            pairs.append((small, whole - small) if c["auto_pad"] == "SAME_UPPER" else (whole - small, small))
        return pairs
    pads = c["pads"] or [0] * 2 * rank
    if c["auto_pad"] == "VALID" or not any(pads):
        return [(0, 0)] * rank
    if len(pads) != 2 * rank:
        c.refuse(f"{len(pads)} pads for {rank} sides: it needs two for each")
    return list(zip(pads[:rank], pads[rank:], strict=True))


def _cropped(x: Tensor, pairs: Pairs) -> tuple[Tensor, Pairs]:
    """Negative borders taken off."""
    if all(min(pair) >= 0 for pair in pairs):
        return x, pairs
    cut = [slice(max(-a, 0), canonical(n + b) if b < 0 else None)
           for (a, b), n in zip(pairs, x.shape[-len(pairs):], strict=True)]
    return x[(..., *cut)], [(max(a, 0), max(b, 0)) for a, b in pairs]


def _ints(c: Call, name: str, rank: int) -> list[int]:
    given = list(c[name] or [1] * rank)
    if len(given) != rank or min(given) < 1:
        c.refuse(f"{name} {given} for {rank} sides: it needs {rank} numbers from 1 on")
    return given


def _conv(c: Call, x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    rank = x.ndim - 2
    steps, gaps = _ints(c, "strides", rank), _ints(c, "dilations", rank)
    x, pairs = _cropped(x, _borders(c, x.shape[2:], kernel.shape[2:], steps, gaps))
    border: Any = [a for a, _ in pairs] if all(a == b for a, b in pairs) else 0
    around = x if border else padded(x, pairs)
    return convolved("Conv", rank, around, kernel, bias, steps, border or 0, gaps, c["group"])


def _conv_transpose(c: Call, x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    rank = x.ndim - 2
    steps, gaps = _ints(c, "strides", rank), _ints(c, "dilations", rank)
    more = list(c["output_padding"] or [0] * rank)
    wides = [gap * (w - 1) + 1 for gap, w in zip(gaps, kernel.shape[2:], strict=True)]
    full_sizes = [canonical((n - 1) * s + w) for n, s, w in zip(x.shape[2:], steps, wides, strict=True)]
    wanted = c["output_shape"]
    if wanted is None and c["auto_pad"] in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(x.shape[2:], steps, strict=True)]
    if wanted is not None:
        pairs = []
        for size, extra, length in zip(full_sizes, more, wanted[-rank:], strict=True):
            total = size + extra - length
            small = total // 2
            pairs.append((small, total - small) if c["auto_pad"] == "SAME_UPPER" else (total - small, small))
    else:
        pairs = _borders(c, x.shape[2:], [1] * rank, [1] * rank, gaps)
    y = unconvolved("ConvTranspose", rank, x, kernel, None, steps, 0, 0, c["group"], gaps)
    y = pad(y, [(0, 0), (0, 0), *[(0, max(extra - after, 0)) for extra, (_, after) in zip(more, pairs, strict=True)]])
    cut = [slice(a, canonical(size + extra - b)) for size, extra, (a, b) in zip(full_sizes, more, pairs, strict=True)]
    y = y[(slice(None), slice(None), *cut)]
    return y if bias is None else y + reshape(bias, (-1, *[1] * rank))


def _pooled_windows(c: Call, x: Tensor, outside: float) -> tuple[Tensor, Pairs, list[int], list[int], list[int]]:
    """All windows of a pool, their offsets last; `outside` stands where a window reaches beyond the image."""
    rank = x.ndim - 2
    kernel = list(c["kernel_shape"] or ())
    steps, gaps = _ints(c, "strides", rank), _ints(c, "dilations", rank)
    pairs = _borders(c, x.shape[2:], kernel, steps, gaps)
    if c["ceil_mode"]:
        pairs = [_reaching(c, *side) for side in zip(x.shape[2:], pairs, kernel, steps, gaps, strict=True)]
    around = padded(x, pairs)
    if outside and any(map(any, pairs)):
        around = ew.where(pad(full(x.shape[2:], 1), pairs) > 0, around, outside)
    return tiled(c.operator, around, kernel, steps, gaps, pairs), pairs, kernel, steps, gaps


def _reaching(c: Call, n: Size, pair: tuple[int, int], wide: int, step: int, gap: int) -> tuple[int, int]:
    """Entries behind a side so that the last window, which begins within the image or its border, has all of its own."""
    if not isinstance(n, int):
        c.refuse(f"ceil_mode of a side of {n} entries")
    front, behind = pair
    whole = gap * (wide - 1) + 1
    count = -(-(n + front + behind - whole) // step) + 1
    if (count - 1) * step >= n + front:
        count -= 1
    return front, max(behind, (count - 1) * step + whole - n - front)


def _last(rank: int) -> tuple[int, ...]:
    return tuple(range(-rank, 0))


def _max_pool(c: Call, x: Tensor) -> Any:
    rank = x.ndim - 2
    if x.dtype != "real":
        x = ew.as_real(x)
    tiles, pairs, kernel, steps, gaps = _pooled_windows(c, x, -math.inf)
    y = red.max(tiles, axis=_last(rank))
    if c.results < 2:
        return y
    flat = reshape(tiles, (*y.shape, -1))
    at = red.argmax(flat, -1)  # within the window
    column: Any = 0
    places: list[Any] = []
    for i in reversed(range(rank)):
        quotient = _whole_divided(at, kernel[i])
        offset = at - quotient * kernel[i]
        at = quotient
        starts = reshape(arange(y.shape[2 + i]) * steps[i] - pairs[i][0], (-1, *[1] * (rank - 1 - i)))
        places.insert(0, starts + offset * gaps[i])
    order = range(rank) if not c["storage_order"] else reversed(range(rank))
    for i in order:
        column = column * x.shape[2 + i] + places[i]
    images = reshape(arange(x.shape[0]) * x.shape[1], (-1, 1)) + arange(x.shape[1])
    size: Any = 1
    for side in x.shape[2:]:
        size = size * side
    return y, column + reshape(images * size, (*images.shape, *[1] * rank))


def _whole_divided(at: Tensor, by: int) -> Tensor:
    """floor(at / by) of places in a window, which are few: how many multiples of `by` are not above."""
    limit = 64 * by
    table = np.arange(limit) // by
    return tensor(table)[at]


def _average_pool(c: Call, x: Tensor) -> Tensor:
    rank = x.ndim - 2
    tiles, pairs, kernel, steps, gaps = _pooled_windows(c, x, 0)
    sums = red.sum(tiles, axis=_last(rank))
    counted: Any = 1
    own = _borders(c, x.shape[2:], kernel, steps, gaps)
    for i, n in enumerate(x.shape[2:]):
        edge = own[i] if c["count_include_pad"] else (0, 0)
        if pairs[i] == own[i] == edge:
            counted = counted * kernel[i]
            continue
        border = pairs[i][0] - edge[0], pairs[i][1] - edge[1]
        line = pad(full((canonical(n + sum(edge)),), 1.0), [border])
        counts = red.sum(tiled(c.operator, reshape(line, (1, -1)), kernel[i:i + 1], steps[i:i + 1], gaps[i:i + 1],
                               pairs[i:i + 1]), axis=-1)
        counted = counted * reshape(counts, (-1, *[1] * (rank - 1 - i)))
    return sums / counted


def _lp_pool(c: Call, x: Tensor) -> Tensor:
    rank = x.ndim - 2
    tiles = _pooled_windows(c, x, 0)[0]
    return _p_norm(tiles, _last(rank), c["p"], False)


def _p_norm(x: Tensor, axes: tuple[int, ...], p: Any, keep: bool) -> Tensor:
    if p == 2:
        return ew.sqrt(red.sum(x**2, axes, keep))
    return red.sum(ew.abs(x) ** p, axes, keep) ** (1 / p if p != 1 else 1)


def _sides(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


def _global_average(c: Call, x: Tensor) -> Tensor:
    return red.mean(x, _sides(x), True)


def _global_max(c: Call, x: Tensor) -> Tensor:
    return red.max(x, _sides(x), True)


def _global_lp(c: Call, x: Tensor) -> Tensor:
    return _p_norm(x, _sides(x), c["p"], True)


def _batch_norm(c: Call, x: Tensor, scale: Tensor, bias: Tensor, mean: Any, variance: Any) -> Any:
    given = [value if isinstance(value, Tensor) else constant(value.astype(float), c.reads[place])
             for place, value in ((3, mean), (4, variance))]  # running statistics: constants that keep their names
    if (c.version < 7 and not c["is_test"]) or (c.version < 14 and c.results > 1):
        c.refuse("it is in training mode of a version before 14, whose outputs are not said in full")
    if not c["training_mode"]:
        return nm.batch_norm(x, given[0], given[1], scale, bias, eps=c["epsilon"]) if x.ndim > 1 else (
            (x - given[0]) / ew.sqrt(given[1] + c["epsilon"]) * scale + bias)
    axes = tuple(a for a in range(x.ndim) if a != 1)
    kept = c["momentum"]
    y = nm.batch_norm(x, None, None, scale, bias, training=True, eps=c["epsilon"])
    return y, *(old * kept + new * (1 - kept) for old, new in zip(given, (red.mean(x, axes), var(x, axes)), strict=True))


def _instance_norm(c: Call, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return nm.group_norm(x, x.shape[1], scale, bias, c["epsilon"])


def _group_norm(c: Call, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    groups = c["num_groups"]
    if c.version >= 21:
        return nm.group_norm(x, groups, scale, bias, c["epsilon"])
    plain = nm.group_norm(x, groups, None, None, c["epsilon"])
    parts = reshape(plain, (x.shape[0], groups, -1, *x.shape[2:]))
    laid = (-1, *[1] * (parts.ndim - 2))
    return reshape(parts * reshape(scale, laid) + reshape(bias, laid), x.shape)


def _layer_norm(c: Call, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Any:
    place = c.axis(c["axis"], x)
    shape, axes = x.shape[place:], tuple(range(place, x.ndim))
    if scale.shape == shape and (bias is None or bias.shape == shape):
        y = nm.layer_norm(x, shape, scale, bias, c["epsilon"])
    else:
        y = nm.layer_norm(x, shape, None, None, c["epsilon"]) * scale
        y = y if bias is None else y + bias
    if c.results < 2:
        return y
    return y, red.mean(x, axes, True), 1 / ew.sqrt(var(x, axes, True) + c["epsilon"])


def _rms_norm(c: Call, x: Tensor, scale: Tensor) -> Tensor:
    axes = tuple(range(c.axis(c["axis"], x), x.ndim))
    return x / ew.sqrt(red.mean(x**2, axes, True) + c["epsilon"]) * scale


def _mean_variance(c: Call, x: Tensor) -> Tensor:
    axes = tuple(c["axes"] or (0, 2, 3))
    deviation = x - red.mean(x, axes, True)
    return deviation / (ew.sqrt(var(x, axes, True)) + 1e-9)


def _local_response(c: Call, x: Tensor) -> Tensor:
    size = c["size"]
    front = (size - 1) // 2
    squares = padded(moveaxis(x**2, 1, -1), [(front, size - 1 - front)])
    sums = moveaxis(red.sum(tiled("LRN", squares, [size], [1], [1], [(front, size - 1 - front)]), axis=-1), -1, 1)
    return x / (c["bias"] + c["alpha"] / size * sums) ** c["beta"]


def _dropout(c: Call, x: Tensor, ratio: Any = None, training: Any = None) -> Any:
    share = c["ratio"] if ratio is None else ratio
    active = False if training is None else training
    if isinstance(active, Tensor) or (np.any(active) and (isinstance(share, Tensor) or np.any(np.asarray(share) != 0))):
        c.refuse("it drops entries by chance: a network is read as it is at inference")
    return x, ew.equal(full(x.shape, 1), 1)


ROWS = (
    Reads("Conv", _conv), Reads("ConvTranspose", _conv_transpose), Reads("MaxPool", _max_pool),
    Reads("AveragePool", _average_pool), Reads("LpPool", _lp_pool), Reads("GlobalAveragePool", _global_average),
    Reads("GlobalMaxPool", _global_max), Reads("GlobalLpPool", _global_lp),
    Reads("BatchNormalization", _batch_norm, (3, 4)), Reads("InstanceNormalization", _instance_norm),
    Reads("GroupNormalization", _group_norm), Reads("LayerNormalization", _layer_norm),
    Reads("RMSNormalization", _rms_norm), Reads("MeanVarianceNormalization", _mean_variance),
    Reads("LRN", _local_response), Reads("Dropout", _dropout, (1, 2)),
)
