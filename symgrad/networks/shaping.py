"""Operators that lay entries out anew: shapes, axes, pieces, borders."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.graphs.node import BOOLEAN
from symgrad.graphs.sizes import canonical, product
from symgrad.language import rearrange as re
from symgrad.language.arrays import astype, tile
from symgrad.language.composed import tril, triu
from symgrad.language.contraction import arange, eye, full
from symgrad.language.padding import pad
from symgrad.language.pointwise import equal, where
from symgrad.language.tensor import Tensor
from symgrad.networks.call import KNOWN_LIMIT, Call, Reads, kind_of, of_sizes


def _identity(c: Call, x: Any) -> Any:
    return x


def _shape(c: Call, x: Any) -> Any:
    sizes = list(x.node.shape if isinstance(x, Tensor) else np.shape(x))
    return of_sizes(sizes[slice(c["start"] or 0, c["end"])])


def _size(c: Call, x: Any) -> Any:
    return of_sizes([product(x.node.shape if isinstance(x, Tensor) else np.shape(x))]).reshape(())


def _reshape(c: Call, x: Tensor, shape: Any = None) -> Tensor:
    wanted = shape if c.version >= 5 else np.asarray(c["shape"])
    if isinstance(wanted, Tensor):
        return re.reshape(x, _declared(c, x, "shape", wanted))
    sizes = c.sizes(wanted, "shape")
    if not c["allowzero"]:
        if any(size == 0 and i >= x.ndim for i, size in enumerate(sizes)):
            c.refuse(f"its shape {sizes} keeps an axis with 0 that {x.ndim} axes do not have")
        sizes = [x.shape[i] if size == 0 else size for i, size in enumerate(sizes)]
    return re.reshape(x, sizes)


def _declared(c: Call, x: Tensor, what: str, given: Any) -> list[Any]:
    """The shape of the result where a shape of run time says it: that which the file declares."""
    known = c.declared(0)
    if known is None or known.count(None) > 1 or (None in known and what != "shape"):
        c.sizes(given, what)
        raise AssertionError
    return [-1 if size is None else size for size in known]


def _flatten(c: Call, x: Tensor) -> Tensor:
    place = c["axis"] + x.ndim if c["axis"] < 0 else c["axis"]
    return re.reshape(x, (product(x.shape[:place]), product(x.shape[place:])))


def _transpose(c: Call, x: Tensor) -> Tensor:
    return re.transpose(x, c["perm"])


def _axes(c: Call, axes: Any) -> list[int] | None:
    """Axes by an attribute, which versions before 13 have, or by an input."""
    if axes is None:
        return None if c["axes"] is None else list(c["axes"])
    return c.sizes(axes, "axes")


def _squeeze(c: Call, x: Tensor, axes: Any = None) -> Tensor:
    if isinstance(axes, Tensor):
        return re.reshape(x, _declared(c, x, "axes", axes))
    places = _axes(c, axes)
    return re.squeeze(x, None if places is None else tuple(places))


def _unsqueeze(c: Call, x: Tensor, axes: Any = None) -> Tensor:
    if isinstance(axes, Tensor):
        return re.reshape(x, _declared(c, x, "axes", axes))
    return re.expand_dims(x, tuple(_axes(c, axes) or ()))


def _concat(c: Call, *parts: Tensor) -> Tensor:
    kept = [t for t in parts if c["axis"] is None or t.shape != (0,) or all(p.ndim == 1 for p in parts)]
    return re.concatenate(kept or parts, c["axis"] if c["axis"] is not None else 1)


def _split(c: Call, x: Tensor, sizes: Any = None) -> tuple[Tensor, ...]:
    place = c.axis(c["axis"] or 0, x)
    lengths: list[Any]
    if isinstance(sizes, Tensor):
        shapes = [c.declared(i) for i in range(c.results)]
        lengths = [None if shape is None else shape[place] for shape in shapes]
        if None in lengths:
            c.sizes(sizes, "sizes of the pieces")
    elif sizes is not None or c["split"] is not None:
        lengths = c.sizes(sizes if sizes is not None else np.asarray(c["split"]), "sizes of the pieces")
    else:
        count = c["num_outputs"] or c.results
        if count != c.results:
            c.refuse(f"num_outputs {count} for {c.results} outputs")
        if not isinstance(x.shape[place], int):
            c.refuse(f"an axis of {x.shape[place]} entries does not divide into {count} pieces for certain")
        each = -(-x.shape[place] // count)
        lengths = [each] * (count - 1) + [x.shape[place] - each * (count - 1)]
    total, parts, front = canonical(sum(lengths)), [], (slice(None),) * place
    if total != x.shape[place]:
        c.refuse(f"pieces of {lengths} entries do not make up an axis of {x.shape[place]}")
    start: Any = 0
    for length in lengths:
        parts.append(x[(*front, slice(start, start + length))])
        start = start + length
    return tuple(parts)


def _slice(c: Call, x: Tensor, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Tensor:
    if c.version < 10:
        starts, ends, axes = np.asarray(c["starts"]), np.asarray(c["ends"]), c["axes"]
        axes = None if axes is None else np.asarray(axes)
    first, last = c.sizes(starts, "starts"), c.sizes(ends, "ends")
    places = list(range(len(first))) if axes is None else c.sizes(axes, "axes")
    by = [1] * len(first) if steps is None else c.sizes(steps, "steps")
    index = [slice(None)] * x.ndim
    for place, start, stop, step in zip(places, first, last, by, strict=True):
        at, size = c.axis(place, x), x.shape[c.axis(place, x)]
        index[at] = _cut(c, size, start, stop, step)
    return x[tuple(index)]


def _cut(c: Call, size: Any, start: Any, stop: Any, step: Any) -> slice:
    """A slice as ONNX clamps it: a stop far below 0 goes through the front, a start far behind begins at the end."""
    if step == 0:
        c.refuse("its step is 0")
    far = 2**31 - 2
    if isinstance(stop, int):
        if abs(stop) >= far:
            stop = None
        elif isinstance(size, int) and step < 0 and stop < -size:
            stop = None
    if isinstance(start, int) and abs(start) >= far:
        start = None if (start > 0) == (step < 0) else start
    return slice(start, stop, step)


def _expand(c: Call, x: Tensor, shape: Any) -> Tensor:
    sizes = _declared(c, x, "sizes", shape) if isinstance(shape, Tensor) else c.sizes(shape, "shape")
    rank = max(len(sizes), x.ndim)
    own, wanted = [1] * (rank - x.ndim) + list(x.shape), [1] * (rank - len(sizes)) + sizes
    return re.broadcast_to(x, [a if b == 1 else b for a, b in zip(own, wanted, strict=True)])


def _tile(c: Call, x: Tensor, repeats: Any, axis: Any = None) -> Tensor:
    if isinstance(repeats, Tensor):
        sizes = c.declared(0)
        if sizes is None or None in sizes or not all(isinstance(s, int) for s in x.shape):
            c.sizes(repeats, "repeats")
        counts = [math.ceil(big / small) for big, small in zip(sizes or (), x.shape, strict=True)]
    else:
        counts = c.sizes(repeats, "repeats")
        if axis is not None:
            place, counts = c.axis(int(c.number(axis, "axis")), x), [*counts]
            counts = [counts[0] if a == place else 1 for a in range(x.ndim)]
    return tile(x, counts)


def _constant_of_shape(c: Call, shape: Any) -> Any:
    value = np.zeros(1, np.float32) if c["value"] is None else c["value"]
    sizes = _declared(c, shape, "sizes", shape) if isinstance(shape, Tensor) else c.sizes(shape, "shape")
    if all(isinstance(size, int) for size in sizes) and math.prod(sizes) <= KNOWN_LIMIT:
        return np.full(sizes, value.reshape(-1)[0])
    return _filled(sizes, value.reshape(-1)[0])


def _filled(sizes: Any, value: Any) -> Tensor:
    if value.dtype.kind == "b":
        return equal(full(tuple(sizes), int(value)), 1)
    return full(tuple(sizes), value.item())


def _constant(c: Call) -> Any:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if c[name] is not None:
            kind = {"value_float": np.float32, "value_floats": np.float32}.get(name)
            return np.asarray(c[name], kind)
    return c.refuse("it holds text or a sparse array, no numbers")


def _range(c: Call, start: Any, limit: Any, step: Any) -> Any:
    first, last, by = (c.number(value, what) for value, what in zip((start, limit, step), ("start", "limit", "step"),
                                                                  strict=True))
    if by == 0:
        c.refuse("its step is 0")
    if all(isinstance(value, (int, float)) for value in (first, last, by)):
        if (last - first) / by > KNOWN_LIMIT:
            c.refuse(f"it gives {(last - first) / by:.0f} numbers")
        return np.arange(first, last, by).astype(np.asarray(start).dtype)
    return arange(first, last, by)


def _eye(c: Call, x: Any) -> Any:
    rows, columns = x.shape if isinstance(x, Tensor) else np.shape(x)
    shift = c["k"] or 0
    i, j = arange(rows)[:, None], arange(columns)
    found = equal(i + shift, j) if shift else None
    kind = kind_of(c["dtype"]) if c["dtype"] else c.kinds[0]
    result = eye(rows, columns) if found is None else where(found, 1.0, 0.0)
    return astype(result, bool) if kind == "bool" else where(equal(i + shift, j), 1, 0) if "int" in kind else result


def _trilu(c: Call, x: Tensor, k: Any = None) -> Tensor:
    shift = 0 if k is None else c.number(k, "number of a diagonal")
    found = (triu if c["upper"] else tril)(astype(x, int) if x.dtype == BOOLEAN else x, shift)
    return astype(found, bool) if x.dtype == BOOLEAN else found


def _pad(c: Call, x: Tensor, pads: Any = None, value: Any = None, axes: Any = None) -> Tensor:
    if pads is None:
        pads = np.asarray(c["pads"] if c["pads"] is not None else c["paddings"])
    value = (c["value"] if c.version < 11 else 0) if value is None else value
    widths = c.sizes(pads, "widths")
    places = range(x.ndim) if axes is None else [c.axis(a, x) for a in c.sizes(axes, "axes")]
    if len(widths) != 2 * len(places):
        c.refuse(f"{len(widths)} widths for {len(places)} axes: it needs two for each")
    pairs = [(0, 0)] * x.ndim
    for place, before, after in zip(places, widths[: len(widths) // 2], widths[len(widths) // 2:], strict=True):
        pairs[place] = (before, after)
    if not all(isinstance(w, int) for pair in pairs for w in pair):
        c.refuse("its widths are symbolic sizes")
    cut = tuple(slice(max(-before, 0), canonical(size + min(after, 0)) if after < 0 else None)
                for (before, after), size in zip(pairs, x.shape, strict=True))
    x = x[cut] if any(min(pair) < 0 for pair in pairs) else x
    pairs = [(max(before, 0), max(after, 0)) for before, after in pairs]
    mode = c["mode"] or "constant"
    if mode == "constant":
        return _framed(c, x, pairs, value)
    for place, (before, after) in enumerate(pairs):
        if before or after:
            n = x.shape[place]
            if not isinstance(n, int) or n == 0:
                c.refuse(f"mode {mode} along an axis of {n} entries")
            if before + after + n > KNOWN_LIMIT:
                c.refuse(f"it makes {before + after + n} entries of {n} along axis {place}")
            at = np.arange(-before, n + after)
            if mode == "wrap":
                at = at % n
            elif mode == "edge":
                at = np.clip(at, 0, n - 1)
            else:
                at = np.abs(((at + n - 1) % max(2 * n - 2, 1)) - (n - 1)) if n > 1 else at * 0
            x = x[(*(slice(None),) * place, at)]
    return x


def _framed(c: Call, x: Tensor, pairs: list[tuple[int, int]], value: Any) -> Tensor:
    if not any(map(any, pairs)):
        return x
    if x.dtype == BOOLEAN:
        return astype(_framed(c, astype(x, int), pairs, value if isinstance(value, Tensor) else int(np.any(value))), bool)
    if isinstance(value, Tensor):
        inside = pad(full(x.shape, 1), pairs)
        return where(inside > 0, pad(x, pairs), re.reshape(value, ()))
    number = value.reshape(-1)[0].item() if isinstance(value, np.ndarray) else value or 0
    if number == 0:
        return pad(x, pairs)
    return where(pad(full(x.shape, 1), pairs) > 0, pad(x, pairs), number)


def _depth_to_space(c: Call, x: Tensor) -> Tensor:
    b, (n, channels, h, w) = c["blocksize"], x.shape
    depth = canonical(channels // (b * b)) if isinstance(channels, int) else channels / (b * b)
    if c["mode"] == "CRD":
        parts = re.transpose(re.reshape(x, (n, depth, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    else:
        parts = re.transpose(re.reshape(x, (n, b, b, depth, h, w)), (0, 3, 4, 1, 5, 2))
    return re.reshape(parts, (n, depth, canonical(h * b), canonical(w * b)))


def _space_to_depth(c: Call, x: Tensor) -> Tensor:
    b, (n, channels, h, w) = c["blocksize"], x.shape
    if not all(isinstance(s, int) and s % b == 0 for s in (h, w)):
        c.refuse(f"sides of {h} and {w} do not divide into blocks of {b}")
    order = (0, 1, 3, 5, 2, 4) if c["mode"] == "CRD" else (0, 3, 5, 1, 2, 4)
    parts = re.transpose(re.reshape(x, (n, channels, h // b, b, w // b, b)), order)
    return re.reshape(parts, (n, canonical(channels * b * b), h // b, w // b))


ROWS = (
    Reads("Identity", _identity, (0,)), Reads("Shape", _shape, (0,)), Reads("Size", _size, (0,)),
    Reads("Reshape", _reshape, (1,)), Reads("Flatten", _flatten), Reads("Transpose", _transpose),
    Reads("Squeeze", _squeeze, (1,)), Reads("Unsqueeze", _unsqueeze, (1,)), Reads("Concat", _concat),
    Reads("Split", _split, (1,)), Reads("Slice", _slice, (1, 2, 3, 4)), Reads("Expand", _expand, (1,)),
    Reads("Tile", _tile, (1, 2)), Reads("ConstantOfShape", _constant_of_shape, (0,)), Reads("Constant", _constant),
    Reads("Range", _range, (0, 1, 2)), Reads("EyeLike", _eye, (0,)), Reads("Trilu", _trilu, (1,)),
    Reads("Pad", _pad, (1, 2, 3)), Reads("DepthToSpace", _depth_to_space), Reads("SpaceToDepth", _space_to_depth),
)
