"""Convolutions in C: windows are copied from, and added to, arrays that lie in the order of the copy.

A product with windows is a matrix product with their copy, and the transpose of windows adds the rows of another
product where they came from (Chellapilla, Puri and Simard 2006). Both cost more than the product unless memory is
walked in order, so the padded array is written with its axes in the order in which the copy walks them (channels
last, for an image), and nested transposes are one sum, of entries at affine places. These are rewrites of array
expressions that hold for every rank, step and number of windowed axes; nothing here knows of images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from symgrad.codegen.c.loops import Body, Context, nest
from symgrad.codegen.c.moves import clear
from symgrad.codegen.c.texts import bare
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Arrays, Expr, order
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.plan.indices import STEPS, AffineForm, counters, flat, locate, zero
from symgrad.codegen.python.setting import Setting
from symgrad.graphs.sizes import Size

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
    wanted = _wanted(exprs, begun.roots)
    for e in exprs:
        args = tuple(new[a] for a in e.args)
        new[e] = e if args == e.args else b.make(e.op, args, e.attrs, e.shape, e.kind)
        if e in wanted:
            new[e] = _laid(b, new[e], wanted[e])
        elif _is(e, "overlap"):
            new[e] = _overlaps(b, new[e], uses)
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
    return clear(c, e) + nest(c, operand.shape, body.places, [f"{c.arrays[e]}[{place}] += {bare(value)};"])
