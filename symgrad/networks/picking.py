"""Operators that pick entries by indices, and put entries where indices say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.graphs.node import INTEGER
from symgrad.graphs.sizes import canonical, product
from symgrad.language.composed import take
from symgrad.language.contraction import arange, zeros
from symgrad.language.indexing import index_add
from symgrad.language.linear_algebra import prod
from symgrad.language.picking import topk
from symgrad.language.pointwise import equal, maximum, minimum, where
from symgrad.language.rearrange import broadcast_to, concatenate, expand_dims, reshape, transpose
from symgrad.language.reduction import max as largest
from symgrad.language.reduction import min as smallest
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, NotReadable, Reads, is_symbolic, tensor


def _gather(c: Call, x: Tensor, indices: Any) -> Tensor:
    place = c.axis(c["axis"], x)
    front = (slice(None),) * place
    if is_symbolic(indices):
        if indices.size != 1:
            c.refuse("its indices are several symbolic sizes")
        picked = x[(*front, indices.reshape(-1)[0])]
        return reshape(picked, (*x.shape[:place], *indices.shape, *x.shape[place + 1:]))
    if isinstance(indices, np.ndarray) and indices.ndim == 0:
        return x[(*front, int(indices))]
    return x[(*front, indices)]


def _grid(shape: Any, place: int) -> Tensor:
    """Counts along one axis, laid so that they broadcast to `shape`."""
    return reshape(arange(shape[place]), (-1, *[1] * (len(shape) - 1 - place)))


def _gather_elements(c: Call, x: Tensor, indices: Tensor) -> Tensor:
    place = c.axis(c["axis"], x)
    return x[tuple(indices if a == place else _grid(indices.shape, a) for a in range(x.ndim))]


def _gather_nd(c: Call, x: Tensor, indices: Tensor) -> Tensor:
    batch, depth = c["batch_dims"] or 0, indices.shape[-1]
    if not isinstance(depth, int):
        c.refuse(f"its indices have {depth} entries each, which must be a number")
    lead = [_grid(indices.shape[:-1], a) for a in range(batch)]
    return x[(*lead, *(indices[..., k] for k in range(depth)))]


def flat_places(x: Tensor, index: list[Any]) -> Any:
    """Places in the entries of `x` laid behind each other, of indices that broadcast together."""
    place: Any = 0
    for a, one in enumerate(index):
        size = x.shape[a]
        counted = isinstance(one, Tensor) and not isinstance(one, np.ndarray)
        one = where(one < 0, one + size, one) if counted else np.where(one < 0, one + size, one)
        place = place * size + one
    return place


def put_rows(x: Tensor, places: Any, updates: Tensor, how: str) -> Tensor:
    """`x` as rows with `updates` (one row a place) put, added, ... at `places` of its first axis."""
    if how == "add":
        return index_add(x, 0, places, updates)
    if how in ("none", "", None):
        if isinstance(places, np.ndarray) and isinstance(x.shape[0], int):
            source = np.arange(x.shape[0])
            source[places] = x.shape[0] + np.arange(len(places))
            return take(concatenate([x, updates], 0), source, 0)
        hit = index_add(zeros(x.shape[:1]), 0, places, zeros(updates.shape[:1]) + 1)
        hit = reshape(hit, (*hit.shape, *[1] * (x.ndim - 1)))
        if x.dtype == INTEGER:
            return where(hit > 0, index_add(x * 0, 0, places, updates), x)
        return where(hit > 0, index_add(zeros(x.shape), 0, places, updates) / maximum(hit, 1), x)  # put twice is put once
    at = equal(expand_dims(tensor(places), 0), expand_dims(arange(x.shape[0]), 1))  # (rows, places)
    at = reshape(at, (*at.shape, *[1] * (x.ndim - 1)))
    rows = expand_dims(updates, 0)
    if how == "mul":
        return x * prod(where(at, rows, 1), 1)
    if how == "max":
        return maximum(x, largest(where(at, rows, -math.inf), 1))
    if how == "min":
        return minimum(x, smallest(where(at, rows, math.inf), 1))
    raise NotReadable(f"reduction {how!r} is not known")


def _scatter_elements(c: Call, x: Tensor, indices: Any, updates: Tensor) -> Tensor:
    place = c.axis(c["axis"], x)
    shape = tuple(np.shape(indices)) if isinstance(indices, np.ndarray) else indices.shape
    known = isinstance(indices, np.ndarray) and all(isinstance(s, int) for s in x.shape)
    grids = [np.arange(shape[a]).reshape(-1, *[1] * (x.ndim - 1 - a)) if known else _grid(shape, a)
             for a in range(x.ndim)]
    index = [(indices if known else tensor(indices)) if a == place else grids[a] for a in range(x.ndim)]
    places = flat_places(x, index)
    places = np.broadcast_to(places, shape).reshape(-1) if known else reshape(broadcast_to(places, shape), (-1,))
    done = put_rows(reshape(x, (-1,)), places, reshape(updates, (-1,)), c["reduction"])
    return reshape(done, x.shape)


def _scatter_nd(c: Call, x: Tensor, indices: Any, updates: Tensor) -> Tensor:
    shape = tuple(np.shape(indices)) if isinstance(indices, np.ndarray) else indices.shape
    depth = shape[-1]
    if not isinstance(depth, int):
        c.refuse(f"its indices have {depth} entries each, which must be a number")
    known = isinstance(indices, np.ndarray) and all(isinstance(s, int) for s in x.shape[:depth])
    given = indices if known else tensor(indices)
    places = flat_places(x, [given[..., k] for k in range(depth)])
    places = np.asarray(places).reshape(-1) if known else reshape(places, (-1,))
    rest = x.shape[depth:]
    rows = reshape(x, (product(x.shape[:depth]), *rest))
    done = put_rows(rows, places, reshape(updates, (product(shape[:-1]), *rest)), c["reduction"])
    return reshape(done, x.shape)


def _one_hot(c: Call, indices: Tensor, depth: Any, values: Any) -> Tensor:
    rank = indices.ndim + 1
    place = c["axis"] + rank if c["axis"] < 0 else c["axis"]
    if isinstance(depth, Tensor):
        shape = c.declared(0)
        if shape is None or shape[place] is None:
            c.number(depth, "depth")
        count: Any = (shape or [])[place]
    else:
        count = c.sizes(depth, "depth")[0]
    numbers = tensor(values) if not isinstance(values, Tensor) else values
    wanted = reshape(arange(count), (-1, *[1] * (rank - 1 - place)))
    at = expand_dims(indices, place)
    inside = equal(where(at < 0, at + count, at), wanted)
    return where(inside, numbers[1], numbers[0])


def _top(c: Call, x: Tensor, k: Any = None) -> tuple[Tensor, ...]:
    count = c["k"] if c.version < 10 else int(c.number(k, "count k"))
    return topk(x, count, c.axis(c["axis"], x), c["largest"] is None or bool(c["largest"]))


def _compress(c: Call, x: Tensor, condition: Any) -> Tensor:
    if isinstance(condition, Tensor):
        c.refuse("which entries stay is known at run time only, and so is how many")
    kept = np.flatnonzero(condition)
    return take(reshape(x, (-1,)), kept, 0) if c["axis"] is None else take(x, kept, c.axis(c["axis"], x))


def _reverse_sequence(c: Call, x: Tensor, lengths: Any) -> Tensor:
    time, batch = c["time_axis"], c["batch_axis"]
    turned = transpose(x, (time, batch, *range(2, x.ndim))) if time != 0 else x
    n = tensor(lengths)
    steps = arange(turned.shape[0])[:, None]
    at = where(steps < n, n - 1 - steps, steps)
    found = turned[at, arange(turned.shape[1])]
    return transpose(found, (time, batch, *range(2, x.ndim))) if time != 0 else found


def _array_feature(c: Call, x: Tensor, indices: Tensor) -> Tensor:
    return x[..., reshape(indices, (-1,))]


def _max_unpool(c: Call, x: Tensor, indices: Any, shape: Any = None) -> Tensor:
    rank = x.ndim - 2
    steps, pads = c["strides"] or [1] * rank, c["pads"] or [0] * 2 * rank
    natural = [canonical((n - 1) * s - pads[i] - pads[i + rank] + w) for i, (n, s, w) in enumerate(
        zip(x.shape[2:], steps, c["kernel_shape"], strict=True))]
    sizes = natural if shape is None else c.sizes(shape, "output shape")[2:]
    per = product((*x.shape[:2], *natural))
    flat = index_add(zeros((per,)), 0, reshape(tensor(indices), (-1,)), reshape(x, (-1,)))
    found = reshape(flat, (*x.shape[:2], *natural))
    if list(sizes) == list(natural):
        return found
    return c.refuse("an output shape other than the windows' own")


ROWS = (
    Reads("Gather", _gather, (1,)), Reads("GatherElements", _gather_elements), Reads("GatherND", _gather_nd),
    Reads("ScatterElements", _scatter_elements, (1,)), Reads("Scatter", _scatter_elements, (1,)),
    Reads("ScatterND", _scatter_nd, (1,)), Reads("OneHot", _one_hot, (1, 2)), Reads("Compress", _compress, (1,)),
    Reads("ReverseSequence", _reverse_sequence), Reads("ArrayFeatureExtractor", _array_feature, domain="ai.onnx.ml"),
    Reads("TopK", _top, (1,)), Reads("MaxUnpool", _max_unpool, (1, 2)),
)
