"""Convolutions in C: windows are read where they lie, in arrays that lie in the order in which they are read.

A product with windows reads them by steps through memory (`kernel.py`), and the transpose of windows of step 1 is
one too, of an array with a border of zeros: sum_i G[y - d i] K[i], a convolution with the kernel flipped. Other transposes
add the rows of a product where they came from (Chellapilla, Puri and Simard 2006). The arrays are written with their
axes in the order in which they are read (channels last, for an image). These are rewrites of array expressions that hold
for every rank, step and number of windowed axes; nothing here knows of images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import sympy as sp

from symgrad.codegen.c.loops import Body, Context, nest
from symgrad.codegen.c.moves import clear
from symgrad.codegen.c.products import grouped, split, windowed
from symgrad.codegen.c.texts import bare
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import ALL, Arrays, Expr, order
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.plan.indices import STEPS, AffineForm, counters, flat, leading, locate, zero
from symgrad.codegen.python.setting import Setting
from symgrad.graphs.sizes import Size, canonical

Where = tuple[tuple[tuple[int, Size], ...], ...]  # of each axis of a result: pairs (axis of the operand, step)


def arranged(begun: Setting) -> Setting:
    """The same setting, with what windows are copied from or added to in the order of the copy."""
    exprs = order(begun.roots)
    if not any(e.op is acts.WINDOWS or _is(e, "overlap") for e in exprs):
        return begun
    b, new = begun.lowering.b, dict[Expr, Expr]()
    uses: dict[Expr, int] = dict.fromkeys(begun.roots, 2)
    for e in exprs:
        for a in e.args:
            uses[a] = uses.get(a, 0) + 1
    wanted, crops = _wanted(exprs, begun.roots), _crops(exprs, uses)
    within = {inner for e in exprs if _is(e, "overlap") and _is(inner := _below(e), "overlap") and uses[inner] < 2}
    cropped: set[Expr] = set()
    for e in exprs:
        args = tuple(new[a] for a in e.args)
        if e.args and e.args[0] in cropped and e.op is acts.TRANSPOSE:
            new[e] = b.transpose(args[0], e.attrs[0])
            cropped.add(e)
        elif e.args and e.args[0] in cropped:  # what cuts off the border
            new[e] = args[0]
        else:
            new[e] = e if args == e.args else b.make(e.op, args, e.attrs, e.shape, e.kind)
        if e in wanted:
            new[e] = _laid(b, new[e], wanted[e])
        elif e.op is acts.RESHAPE and args[0].op is acts.TRANSPOSE and args[0].args[0].op is acts.MATMUL and (
                groups := grouped(args[0].shape, e.shape)):
            new[e] = _unfolded(b, args[0], [[e.shape[k] for k in group] for group in groups])
        elif e.op is acts.MATMUL and min(len(a.shape) for a in args) > 1 and any(map(windowed, args)):
            new[e] = _kernel_last(b, new[e] if windowed(args[0]) else _turned(b, new[e]))
        elif _is(e, "overlap"):
            overlaps = _overlaps(b, new[e], uses)
            if e not in within and (product := _flipped(b, overlaps, crops.get(e))) is not None:
                new[e] = product
                cropped |= {e} if e in crops else set()
            else:
                new[e] = overlaps
    wishes = {new.get(e, e): wish for e, wish in begun.wishes.items()}
    return replace(begun, roots=[new[root] for root in begun.roots], wishes=wishes)


def _is(e: Expr, name: str) -> bool:
    return e.op is acts.CALL and e.attrs[0] == name


def _wanted(exprs: Sequence[Expr], roots: Sequence[Expr]) -> dict[Expr, tuple[int, ...]]:
    """The arrays whose windows are copied, each with its axes in the order in which the copy walks them."""
    found: dict[Expr, tuple[int, ...]] = {}
    for e in exprs:
        if e.op is not acts.RESHAPE or e.args[0].op not in STEPS:
            continue
        copied, part, windows = e.args[0], e.args[0], False
        while part.op in STEPS and part.op is not acts.RESHAPE:
            windows, part = windows or part.op is acts.WINDOWS, part.args[0]
        if not windows or part.op is acts.RESHAPE or part in roots:
            continue
        rank = len(copied.shape)
        index = locate(copied, counters(rank), rank, {part}.__contains__)[1]
        assert not isinstance(index, AffineForm)
        walked = [max((k for k, step in enumerate(form.steps) if step != 0), default=-1) for form in index]
        axes = tuple(sorted(range(len(walked)), key=walked.__getitem__))
        larger = prod(map(typical, copied.shape)) > 1.5 * prod(map(typical, part.shape))
        if larger and axes != tuple(range(len(axes))):
            found.setdefault(part, axes)
    return found


Crop = tuple[tuple[Size, Size], ...]  # of each axis: the first entry that is kept, and how many are


def _crops(exprs: Sequence[Expr], uses: Mapping[Expr, int]) -> dict[Expr, Crop]:
    """The transposes of windows of which only a part is read: their borders are cut off, and by nobody else read."""
    found: dict[Expr, Crop] = {}
    for e in exprs:
        if e.op is not acts.INDEX or not all(item == ALL or (item[0] == "slice" and item[3] == 1) for item in e.attrs[0]):
            continue
        items = [*e.attrs[0], *[ALL] * (len(e.args[0].shape) - len(e.attrs[0]))]
        part, crop = e.args[0], [(0, size) if item == ALL else (item[1] or 0, item[4])
                                 for item, size in zip(items, e.args[0].shape, strict=True)]
        while part.op is acts.TRANSPOSE and uses[part] < 2:
            crop = [crop[part.attrs[0].index(a)] for a in range(len(crop))]
            part = part.args[0]
        if _is(part, "overlap") and uses[part] < 2 and all(isinstance(start, int) and start >= 0 for start, _ in crop):
            found[part] = tuple(crop)
    return found


def _below(e: Expr) -> Expr:
    """What a transpose of windows is of, transposed or not."""
    (e,) = e.args
    while e.op is acts.TRANSPOSE:
        (e,) = e.args
    return e


def _swapped(b: Arrays, e: Expr) -> Expr:
    """The last two axes in turn."""
    rank = len(e.shape)
    return b.transpose(e, (*range(rank - 2), rank - 1, rank - 2))


def _turned(b: Arrays, e: Expr) -> Expr:
    """(A W) as (W' A')': windows come first, whose entries are read one by one; what is second is packed."""
    left, right = e.args
    shape = (*e.shape[:-2], e.shape[-1], e.shape[-2])
    return _swapped(b, b.make(acts.MATMUL, [_swapped(b, right), _swapped(b, left)], e.attrs, shape, e.kind))


def _kernel_last(b: Arrays, e: Expr) -> Expr:
    """A product with windows, or what it was turned to, whose right operand is one reshape of axes in another order."""
    if e.op is acts.TRANSPOSE:
        return b.transpose(_kernel_last(b, e.args[0]), e.attrs[0])
    left, right = e.args
    inner, groups = split(right)
    flat = b.reshape(_unfolded(b, right, [[inner.shape[k] for k in group] for group in groups]), right.shape)
    return b.make(acts.MATMUL, [left, flat], e.attrs, e.shape, e.kind)


def _flipped(b: Arrays, e: Expr, crop: Crop | None) -> Expr | None:
    """Sums of a product's entries at affine places, as a product with windows of its first operand; None where a step is
    not 1: sum_i (G K)[y, i] at y + d i is sum_i G[y - d i] K[:, i]."""
    inner, back = (e.args[0], e.attrs[0]) if e.op is acts.TRANSPOSE else (e, tuple(range(len(e.shape))))
    (operand,), (_, where) = inner.args, inner.attrs
    if operand.op is not acts.RESHAPE or operand.args[0].op is not acts.MATMUL:
        return None
    product = operand.args[0]
    groups, front = grouped(product.shape, operand.shape), len(product.shape) - 2
    if groups is None or any(len(group) != 1 for group in groups[:front]) or min(len(a.shape) for a in product.args) < 2:
        return None
    rows, columns = groups[-2], groups[-1]
    if any(len(pairs) != 1 and not (len(pairs) == 2 and pairs[0][0] in rows and pairs[0][1] == 1 and pairs[1][0] in columns)
           for pairs in where) or any(step != 1 for pairs in where if len(pairs) == 1 for _, step in pairs):
        return None
    left, right = (a if len(a.shape) == front + 2 else None for a in product.args)
    sizes = operand.shape
    if left is None or right is None or left.shape[:front] != right.shape[:front] or not all(
            isinstance(sizes[k], int) for pairs in where if len(pairs) == 2 for k, _ in pairs[1:]):
        return None
    kept = [(0, size) for size in inner.shape]
    for a, cut in enumerate(crop or ()):  # in the order of `e`
        kept[back[a]] = cut
    stack = [k for group in groups[:front] for k in group]
    image = _unfolded(b, left, [*((sizes[k],) for k in stack), tuple(sizes[k] for k in rows), (left.shape[-1],)])
    kernel = _unfolded(b, right, [*((sizes[k],) for k in stack), (right.shape[-2],), tuple(sizes[k] for k in columns)])
    place = {k: i for i, k in enumerate((*stack, *rows))}  # of each axis of the product among those of the image
    moved = {pairs[0][0]: (axis, *pairs[1]) for axis, pairs in enumerate(where) if len(pairs) == 2}
    shape: list[Size] = list(image.shape)
    items: list[tuple[object, ...]] = [ALL] * len(image.shape)
    wide: dict[int, Size] = {}
    for k, (axis, offset, gap) in moved.items():
        reach = gap * (sizes[offset] - 1)
        start, count = kept[axis]
        if not (isinstance(reach, int) and isinstance(start, int) and start <= reach):
            return None
        wide[k] = reach + 1
        shape[place[k]] = canonical(count + reach)
        first = reach - start
        length = image.shape[place[k]]
        last = shape[place[k]] - first - length  # zeros behind; fewer than none: what is cut off there
        if not isinstance(last, int):
            last = canonical(sp.expand(last))
        if not isinstance(last, int) or last < 0:
            return None
        items[place[k]] = ("slice", first, canonical(first + length), 1, length)
    view = b.make(acts.PLACE, [image], (0, (("slice", tuple(items), 1, 1),)), tuple(shape), image.kind)
    rank = len(shape)
    offsets = []
    for k, (axis, offset, gap) in moved.items():
        own = [*view.shape]
        own[place[k]] = kept[axis][1]
        view = b.make(acts.WINDOWS, [view], (place[k], 1), (*own, wide[k]), view.kind)
        view = b.index(view, [*[ALL] * len(own), ("slice", None, None, -gap, sizes[offset])])
        offsets.append(offset)
    ahead = range(rank - 1)
    view = b.transpose(view, (*ahead, *range(rank, rank + len(offsets)), rank - 1))
    first_column = len(stack) + 1
    rest = [k for k in columns if k not in offsets]
    kernel = b.transpose(kernel, (*range(len(stack)), *(first_column + columns.index(k) for k in offsets), len(stack),
                                  *(first_column + columns.index(k) for k in rest)))
    many, m = view.shape[:len(stack)], _count(view.shape[len(stack):rank - 1])
    n, depth = _count([sizes[k] for k in rest]), _count(view.shape[rank - 1:])
    done = b.make(acts.MATMUL, [b.reshape(view, (*many, m, depth)), b.reshape(kernel, (*many, depth, n))], product.attrs,
                  (*many, m, n), product.kind)
    done = b.reshape(done, (*view.shape[:rank - 1], *(sizes[k] for k in rest)))
    at = {**place, **{k: rank - 1 + i for i, k in enumerate(rest)}}
    done = b.transpose(done, [at[pairs[0][0]] for pairs in where])
    return b.transpose(done, back)


def _count(sizes: Sequence[Size]) -> Size:
    return canonical(prod(sizes))


def _unfolded(b: Arrays, e: Expr, groups: Sequence[Sequence[Size]]) -> Expr:
    """`e` with each axis split in those of its group."""
    if e.op is acts.TRANSPOSE:
        order = e.attrs[0]
        inner: list[Sequence[Size]] = [()] * len(order)
        for a, group in zip(order, groups, strict=True):
            inner[a] = group
        ends = [sum(map(len, inner[:a])) for a in range(len(order) + 1)]
        return b.transpose(_unfolded(b, e.args[0], inner), [k for a in order for k in range(ends[a], ends[a + 1])])
    return b.reshape(e, tuple(size for group in groups for size in group))


def _laid(b: Arrays, e: Expr, axes: tuple[int, ...]) -> Expr:
    """`e` as a view of an array whose axes lie in the order `axes`."""
    back = tuple(axes.index(a) for a in range(len(axes)))
    shape = tuple(e.shape[a] for a in axes)
    if e.op is acts.PLACE and all(how == "slice" and len(arg.shape) == len(axes) for (how, *_), arg in
                               zip(e.attrs[1], e.args[e.attrs[0]:], strict=False)):
        parts = tuple((how, tuple(where[a] for a in axes), *rest) for how, where, *rest in e.attrs[1])
        args = [b.transpose(arg, axes) for arg in e.args]
        return b.transpose(b.make(acts.PLACE, args, (e.attrs[0], parts), shape, e.kind), back)
    return b.transpose(b.make(acts.RESHAPE, [b.transpose(e, axes)], (), shape, e.kind), back)  # a copy


def _overlaps(b: Arrays, e: Expr, uses: Mapping[Expr, int]) -> Expr:
    """The transpose of windows as one sum of entries at affine places, with that of another below it."""
    (operand,), (_, axis, step, _) = e.args, e.attrs
    rank = len(operand.shape)
    where: Where = tuple(((a, step), (rank - 1, 1)) if a == axis else ((a, 1),) for a in range(rank - 1))
    while operand.op is acts.TRANSPOSE or (_is(operand, "overlaps") and uses.get(operand, 1) < 2):
        if operand.op is acts.TRANSPOSE:
            where = tuple(tuple((operand.attrs[0][k], s) for k, s in pairs) for pairs in where)
        else:
            inner = operand.attrs[1]
            where = tuple(tuple((j, s * t) for k, s in pairs for j, t in inner[k]) for pairs in where)
        (operand,) = operand.args
    operand, where = _columns(b, operand, where)
    walked = [max(k for k, _ in pairs) for pairs in where]
    axes = tuple(sorted(range(len(walked)), key=walked.__getitem__))
    shape = tuple(e.shape[a] for a in axes)
    result = b.call("overlaps", [operand], (tuple(where[a] for a in axes),), shape, e.kind)
    return b.transpose(result, tuple(axes.index(a) for a in range(len(axes))))


def _columns(b: Arrays, e: Expr, where: Where) -> tuple[Expr, Where]:
    """The columns of a product that is added somewhere, with the axes first that move in a window."""
    if e.op is not acts.RESHAPE or e.args[0].op is not acts.MATMUL or len(e.args[0].shape) != 2:
        return e, where
    left, right = e.args[0].args
    count = len(right.args[0].shape) - 1 if right.op is acts.RESHAPE else 0
    if count < 2 or right.args[0].shape[1:] != e.shape[-count:] or len(right.shape) != 2:
        return e, where
    first = len(e.shape) - count
    moving = [k for pairs in where if len(pairs) > 1 for k, _ in pairs if k >= first]
    columns = [*dict.fromkeys(moving), *(k for k in range(first, len(e.shape)) if k not in moving)]
    axes = [*range(first), *columns]
    maps = b.transpose(right.args[0], (0, *(k - first + 1 for k in columns)))
    product = b.make(acts.MATMUL, [left, b.reshape(maps, right.shape)], e.args[0].attrs, e.args[0].shape, e.kind)
    return (b.reshape(product, tuple(e.shape[a] for a in axes)),
            tuple(tuple((axes.index(k), s) for k, s in pairs) for pairs in where))


def write_overlaps(c: Context, e: Expr) -> list[str]:
    """Zeros, and every entry of the operand added at its place."""
    (operand,), where = e.args, e.attrs[1]
    rank = len(operand.shape)
    body = Body(c, rank)
    value = body.value(operand, counters(rank))
    target: list[AffineForm] = []
    for pairs in where:
        form = zero(rank)
        for k, step in pairs:
            form = form.plus(counters(rank)[k].times(step))
        target.append(form)
    place = body.place(flat(tuple(target), e.shape, rank))
    at = leading(e.shape)
    row = where[at][0][0] if at is not None else None
    return clear(c, e) + nest(c, operand.shape, body.places, [f"{c.arrays[e]}[{place}] += {bare(value)};"], row=row)
