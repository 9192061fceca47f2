"""Steps that move entries, as C: joining, placing, picking by index; every index is checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from symgrad.codegen.c.layouts import rearranged
from symgrad.codegen.c.loops import Body, Context, counter, index_c, nest, placed
from symgrad.codegen.c.reduce import around
from symgrad.codegen.c.texts import bare, size_c
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import ALL, Expr, broadcast_shape
from symgrad.codegen.plan.indices import AffineForm, AffineIndex, counters, flat, leading, locate, spread, zero
from symgrad.graphs.sizes import Shape, Size, product


def write_concat(c: Context, e: Expr) -> list[str]:
    """The parts one after the other along an axis."""
    (axis,), start, lines = e.attrs, 0, []
    for arg in e.args:
        rank = len(arg.shape)
        index = list(counters(rank))
        body = Body(c, rank)
        value = body.value(arg, tuple(index))
        index[axis] = index[axis]._replace(const=start)
        lines += nest(c, arg.shape, [*body.places, flat(tuple(index), e.shape, rank)],
                      [f"{c.arrays[e]}[#{len(body.places)}#] = {bare(value)};"], row=leading(e.shape))
        start = start + arg.shape[axis]
    return lines


def write_diag(c: Context, e: Expr) -> list[str]:
    """A diagonal matrix."""
    (arg,) = e.args
    lines = clear(c, e)
    body = Body(c, 1)
    value = body.value(arg, counters(1)) if arg.shape else body.value(arg, ())
    lines += nest(c, (e.shape[0],), [*body.places, flat((*counters(1), *counters(1)), e.shape, 1)],
                  [f"{c.arrays[e]}[#{len(body.places)}#] = {bare(value)};"])
    return lines


def clear(c: Context, e: Expr) -> list[str]:
    """Zeros."""
    total, name = product(e.shape), c.arrays[e]
    if c.rows is None:
        return [f"  memset({name}, 0, {size_c(total, c.sizes)} * sizeof *{name});"]
    return [f"  memset({name} + {c.rows_c(total, 'first')}, 0, {c.rows_c(total, '(last - first)')} * sizeof *{name});"]


def write_place(c: Context, e: Expr) -> list[str]:
    """Zeros or a first sum, and parts added at slices, on diagonals or at indices."""
    has_base, parts = e.attrs
    rest = list(e.args)
    if has_base:
        base = rest.pop(0)
        rank = len(e.shape)
        body = Body(c, rank)
        value = body.value(base, counters(rank))
        lines = nest(c, e.shape, [*body.places, flat(counters(rank), e.shape, rank)],
                     [f"{c.arrays[e]}[#{len(body.places)}#] = {bare(value)};"], row=leading(e.shape))
    else:
        lines = [] if (whole := _partition(e.shape, parts)) else clear(c, e)
    once = not has_base and len(parts) == 1 and parts[0][0] == "slice" and parts[0][2] > 0  # nothing is added to zeros
    for how, where, direction, count in parts:
        value_e, *indices = rest[:count]
        del rest[:count]
        sign = "=" if once or (not has_base and whole) else "+=" if direction > 0 else "-="
        if how == "scatter":
            lines += _scatter(c, e, where[0], sign, value_e, indices)
            continue
        if how == "slice":
            sizes = [item[4] if item[0] == "slice" else size for item, size in zip(where, e.shape, strict=True)]
            target: list[AffineForm] = []
            for item, form in zip(where, counters(len(sizes)), strict=True):
                if item[0] == "slice":
                    form = form.times(item[3])._replace(const=item[1] or 0)
                target.append(form)
        else:
            sizes = [e.shape[where.index(k)] for k in range(max(where, default=-1) + 1)]
            target = [counters(len(sizes))[k] for k in where]
        rank = len(sizes)
        body = Body(c, rank)
        value = body.value(value_e, spread(counters(rank), value_e.shape, rank))
        place = flat(tuple(target), e.shape, rank)
        if sign == "=" and (copy := rearranged(c, e, tuple(sizes), body, value, place)):
            lines += copy
            continue
        lines += nest(c, tuple(sizes), [*body.places, place],
                      [f"{c.arrays[e]}[#{len(body.places)}#] {sign} {bare(value)};"], tiled=how == "slice",
                      row=leading(e.shape) if how == "slice" else None)
    return lines


def _partition(shape: Shape, parts: Sequence[tuple[Any, ...]]) -> bool:
    """Are the parts slices along one axis that lie side by side and make up the whole, each added once?"""
    ends: dict[int, int] = {}
    axes = set()
    for how, where, direction, _ in parts:
        cut = [k for k, item in enumerate(where) if item != ALL] if how == "slice" else []
        if len(cut) != 1 or direction < 0:
            return False
        _, start, _, step, size = where[cut[0]]
        start = start or 0
        if step != 1 or not isinstance(start, int) or not isinstance(size, int) or start < 0 or start in ends:
            return False
        ends[start] = start + size
        axes.add(cut[0])
    place = 0
    while place in ends:
        place = ends.pop(place)
        if place == 0:
            return False
    return len(axes) == 1 and not ends and place == shape[axes.pop()]


def _dynamic(c: Context, indices: Sequence[Expr], sizes: Sequence[Size], shape: Shape) -> tuple[list[str], list[str]]:
    """Lines that read checked indices at the outer counters, and the names they give them."""

    rank = len(shape)
    names = {k: counter(k) for k in range(rank)}
    lines, found = [], []
    for k, (index, size) in enumerate(zip(indices, sizes, strict=True)):
        own = _counting(c, index, size, shape)
        if own is not None:
            found.append(names[own])
            continue
        body = Body(c, rank)
        text = body.value(index, spread(counters(rank), index.shape, rank))
        texts = [index_c(form, names, c.sizes) for form in body.places]
        end = size_c(size, c.sizes)
        lines += [f"int64_t at{k} = {placed(text, texts)};", f"if (at{k} < 0) at{k} += {end};",
                  f"if (at{k} < 0 || at{k} >= {end}) return 1;"]
        found.append(f"at{k}")
    return lines, found


def _counting(c: Context, index: Expr, size: Size, shape: Shape) -> int | None:
    """The counter that `index` is at every place of `shape`, where it is one that runs up to `size`."""
    rank = len(shape)
    base, at = locate(index, spread(counters(rank), index.shape, rank), rank, c.storage.__contains__)
    if base.op is not acts.ARANGE or base in c.storage or isinstance(at, AffineForm):
        return None
    return next((k for k in range(rank) if at[0] == counters(rank)[k] and shape[k] == size), None)


def _picked(c: Context, shape: Shape, order: Sequence[int], width: int, count: int, index_shape: Shape,
            whole: Shape) -> tuple[int, AffineIndex]:
    """Counters of index axes, indices, and the other axes; and the index of the tensor that is picked from.

    The counters at the places width .. width + count - 1 stand for the indices.
    """
    rest = len(whole) - count
    rank = width + count + rest
    own = counters(rank)
    result = [zero(rank)] * len(whole)
    for k, axis in enumerate(order):
        result[axis] = own[width + k]
    return rank, tuple(result)


def _indexed(c: Context, e: Expr, picked: Expr, order: Sequence[int], indices: Sequence[Expr], value: Any) -> list[str]:
    """Loops over index axes and the others around `value(body, index in picked, index in the result)`."""
    index_shape = broadcast_shape(i.shape for i in indices)
    width, count = len(index_shape), len(indices)
    rank, at = _picked(c, e.shape, order, width, count, index_shape, picked.shape)
    rest = [picked.shape[a] for a in order[count:]]
    lines, names = _dynamic(c, indices, [picked.shape[a] for a in order[:count]], index_shape)
    own = counters(rank)
    other = (*own[:width], *own[width + count:])
    body = Body(c, rank)
    text = value(body, at, other)
    extents = (*index_shape, *[2] * count, *rest)
    inner = nest(c, extents, body.places, [text], 0, True, "", width + count)
    for k, name in enumerate(names):  # the indices stand where counters would
        inner = [_renamed(line, counter(width + k), name) for line in inner]
    return around(c, index_shape, [*lines, *inner])


def _renamed(line: str, old: str, new: str) -> str:
    return re.sub(rf"(?<![\w.]){old}(?!\w)", new, line)


def write_gather(c: Context, e: Expr) -> list[str]:
    """Entries at indices of the first axes."""
    body_e, *indices = e.args
    shape = e.shape

    def value(body: Body, at: AffineIndex, other: AffineIndex) -> str:
        return f"{c.arrays[e]}[{body.place(flat(other, shape, body.rank))}] = {bare(body.value(body_e, at))};"

    return _indexed(c, e, body_e, range(len(body_e.shape)), indices, value)


def _scatter(c: Context, e: Expr, order: Sequence[int], sign: str, value_e: Expr, indices: Sequence[Expr]) -> list[str]:
    def value(body: Body, at: AffineIndex, other: AffineIndex) -> str:
        text = body.value(value_e, spread(other, value_e.shape, body.rank))
        return f"{c.arrays[e]}[{body.place(flat(at, e.shape, body.rank))}] {sign} {bare(text)};"

    return _indexed(c, e, e, order, indices, value)
