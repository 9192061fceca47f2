"""Reductions along axes as C: sums, products, extrema, positions of extrema, running sums."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any

from symgrad.codegen.c.loops import Body, Context, counter, index_c, nest, placed
from symgrad.codegen.c.texts import TYPES, bare, size_c
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import AffineForm, AffineIndex, counters, flat, leading, zero
from symgrad.graphs.node import REAL
from symgrad.graphs.sizes import Shape, Size

LEAST: Mapping[acts.Act, Mapping[str, str]] = MappingProxyType({  # what a reduction starts from
    acts.SUM: {REAL: "0", "integer": "0"}, acts.PROD: {REAL: "1", "integer": "1"},
    acts.MAX: {REAL: "-INFINITY", "integer": "INT64_MIN", "boolean": "0"},
    acts.MIN: {REAL: "INFINITY", "integer": "INT64_MAX", "boolean": "1"},
})

FEW = 9  # entries that are statements of their own
WIDE = 8  # entries of a row that is added to another as a whole


def joined(op: acts.Act, kind: str, total: str, value: str, c: Context) -> str:
    """The statement that takes one more value into a reduction."""
    if op in (acts.SUM, acts.PROD):
        return f"{total} {'+' if op is acts.SUM else '*'}= {bare(value)};"
    name = "maximum" if op is acts.MAX else "minimum"
    if kind == REAL:
        c.used[name] = None
        return f"{total} = {name}({total}, {bare(value)});"
    return f"if ({value} {'>' if op is acts.MAX else '<'} {total}) {total} = {value};"


def write_reduction(c: Context, e: Expr) -> list[str]:
    """sum, prod, max, min over axes: accumulated in the result where the last axis stays, else in a variable."""
    axes, keepdims = e.attrs
    (arg,) = e.args
    return reduce_loops(c, e, arg.shape, axes, lambda body, index: body.value(arg, index), keepdims)


def reduce_loops(c: Context, e: Expr, shape: Shape, axes: Sequence[int], value: Any, keepdims: bool = False) -> list[str]:
    """Loops over `shape` that reduce `axes` of `value(body, index)` into `e`."""
    op, kind, out = e.op if e.op in LEAST else acts.SUM, e.kind, c.arrays[e]
    kept = [a for a in range(len(shape)) if a not in axes]
    solid = [a for a in range(len(shape)) if shape[a] != 1]
    start = LEAST[op][kind if kind in LEAST[op] else "integer"]
    rank = len(shape)
    sizes = [shape[a] for a in kept]
    rows = _rows(c, shape, kept, axes, value)
    row = row_below(c, e, kept if not keepdims else range(rank))
    if rows or (solid and solid[-1] in kept and any(a in axes for a in solid)):
        order = [*kept[:-1], *axes, kept[-1]] if rows else [*range(rank)]
        body = Body(c, rank)
        index = _turned(order)
        place = flat(tuple(index[a] for a in kept), tuple(sizes), rank)
        total: Size = 1
        for size in sizes:
            total = total * size
        lines = nest(c, (total,), [AffineForm(0, (1,))], [f"{out}[#0#] = {start};"], simd=False, row=0)
        text = value(body, index)
        target = f"{out}[{body.place(place)}]"
        cut = order.index(row) if row is not None else None
        return lines + nest(c, tuple(shape[a] for a in order), body.places, [joined(op, kind, target, text, c)], row=cut)
    if lines := _unrolled(c, e, shape, kept, axes, value, row):
        return lines
    order = [*kept, *axes]
    body = Body(c, rank)
    text = value(body, _turned(order))
    place = flat(tuple(counters(rank)[: len(kept)]), tuple(sizes), rank)
    target = body.place(place)
    extents = tuple(shape[a] for a in order)
    wide = _total(op, kind)
    simd = f" reduction({'+' if op is acts.SUM else '*'}:total)" if op in (acts.SUM, acts.PROD) else ""
    inner = nest(c, extents, body.places, [joined(op, kind, "total", text, c)], 0, bool(simd), simd, len(kept))
    texts = [index_c(form, {k: counter(k) for k in range(len(kept))}, c.sizes) for form in body.places]
    lines = [f"{wide} total = {start};", *inner, placed(f"{out}[{target}] = total;", texts)]
    return around(c, [shape[a] for a in kept], lines, kept.index(row) if row is not None else None)


def _total(op: acts.Act, kind: str) -> str:
    return "double" if kind == REAL and op is acts.SUM else TYPES[kind]


def _unrolled(c: Context, e: Expr, shape: Shape, kept: Sequence[int], axes: Sequence[int], value: Any,
              row: int | None) -> list[str]:
    """Of few entries, as those of a window, each is a statement: the loop of vectors runs along the axes that stay."""
    sizes = [shape[a] for a in axes]
    if not kept or not all(isinstance(size, int) for size in sizes) or not 1 < prod(sizes) <= FEW:
        return []
    op, kind = e.op if e.op in LEAST else acts.SUM, e.kind
    rank = len(kept)
    body = Body(c, rank)
    lines = [f"{_total(op, kind)} total = {LEAST[op][kind if kind in LEAST[op] else 'integer']};"]
    for at in itertools.product(*map(range, sizes)):
        own = {**dict(zip(kept, counters(rank), strict=True)),
               **{a: zero(rank)._replace(const=i) for a, i in zip(axes, at, strict=True)}}
        lines.append(joined(op, kind, "total", value(body, tuple(own[a] for a in range(len(shape)))), c))
    place = body.place(flat(counters(rank), tuple(shape[a] for a in kept), rank))
    cut = kept.index(row) if row is not None else None
    return nest(c, tuple(shape[a] for a in kept), body.places, [*lines, f"{c.arrays[e]}[{place}] = total;"], row=cut)


def row_below(c: Context, e: Expr, axes: Sequence[int]) -> int | None:
    """The axis of an operand that is that of the rows of `e`, where only some of these are computed; `axes` are those of
    the operand that the axes of `e` are."""
    at = leading(e.shape)
    return axes[at] if c.rows is not None and at is not None else None


def _turned(order: Sequence[int]) -> AffineIndex:
    """The index of an entry where the loops run over the axes in this order."""
    rank = len(order)
    return tuple(counters(rank)[order.index(a)] for a in range(rank))


def _rows(c: Context, shape: Shape, kept: Sequence[int], axes: Sequence[int], value: Any) -> bool:
    """Does memory run along the last axis that stays, and along none that is reduced, as where columns are summed? Then
    whole rows are added up: a column would be read in wide steps."""
    width = shape[kept[-1]] if kept and axes else 1
    if isinstance(width, int) and width < WIDE:
        return False
    body = Body(c, len(shape))
    value(body, counters(len(shape)))
    forms = [form for _, form in body.loads]
    along = [form.steps[kept[-1]] for form in forms]
    return 1 in along and all(step in (0, 1) for step in along) and all(
        form.steps[a] not in (1, -1) or shape[a] == 1 for form in forms for a in axes)


def around(c: Context, sizes: Sequence[Size], lines: Sequence[str], row: int | None = None) -> list[str]:
    """Plain loops over the first counters around finished lines; `row` counts the rows."""
    result: list[str] = []
    for k, size in enumerate(sizes):
        name, (start, end) = counter(k), c.span(size, k == row)
        result.append("  " * (k + 1) + f"for (int64_t {name} = {start}; {name} < {end}; {name}++) {{")
    if not sizes:
        result.append("  {")
    inner = 1 + max(len(sizes), 1)
    result += ["  " * inner + line for line in lines]
    result += ["  " * (k + 1) + "}" for k in reversed(range(max(len(sizes), 1)))]
    return result


def write_argument(c: Context, e: Expr) -> list[str]:
    """argmax and argmin: the first best position; a NaN is best of all, as in NumPy."""
    ((axis,), keepdims), (arg,) = e.attrs, e.args
    kept = [a for a in range(len(arg.shape)) if a != axis]
    rank = len(arg.shape)
    order = [*kept, axis]
    index = [zero(rank)] * rank
    for k, a in enumerate(order):
        index[a] = counters(rank)[k]
    body = Body(c, rank)
    text = body.value(arg, tuple(index))
    names = {k: counter(k) for k in range(rank)}
    texts = [index_c(form, names, c.sizes) for form in body.places]
    last, sign = names[rank - 1], ">" if e.op is acts.ARGMAX else "<"
    kind = TYPES[arg.kind]
    sizes, row = [arg.shape[a] for a in kept], row_below(c, e, kept if not keepdims else range(rank))
    place = index_c(flat(tuple(counters(rank)[: len(kept)]), tuple(sizes), rank), names, c.sizes)
    lines = [f"{kind} best = 0;", "int64_t at = 0;",
             f"for (int64_t {last} = 0; {last} < {size_c(arg.shape[axis], c.sizes)}; {last}++) {{",
             f"  const {kind} next = {placed(text, texts)};",
             f"  if ({last} == 0 || next {sign} best || (next != next && best == best)) {{",
             "    best = next;", f"    at = {last};", "  }", "}",
             f"{c.arrays[e]}[{place}] = at;"]
    return around(c, sizes, lines, kept.index(row) if row is not None else None)


def write_powers(c: Context, e: Expr) -> list[str]:
    """1, x, x^2, ... along a new last axis, as running products."""
    (arg,) = e.args
    rank = len(e.shape)
    body = Body(c, rank)
    index = counters(rank)
    target, value = f"{c.arrays[e]}[{body.place(flat(index, e.shape, rank))}]", body.value(arg, index[:-1])
    names = {k: counter(k) for k in range(rank)}
    texts = [index_c(form, names, c.sizes) for form in body.places]
    last = names[rank - 1]
    lines = ["real power = 1;", f"for (int64_t {last} = 0; {last} < {size_c(e.shape[-1], c.sizes)}; {last}++) {{",
             placed(f"  {target} = power;", texts), placed(f"  power *= {value};", texts), "}"]
    return around(c, e.shape[:-1], lines)


def write_cumsum(c: Context, e: Expr) -> list[str]:
    """Running sums along an axis."""
    ((axis,), _), (arg,) = e.attrs, e.args
    kept = [a for a in range(len(arg.shape)) if a != axis]
    rank = len(arg.shape)
    index = [zero(rank)] * rank
    for k, a in enumerate([*kept, axis]):
        index[a] = counters(rank)[k]
    body = Body(c, rank)
    place = body.place(flat(tuple(index), arg.shape, rank))
    text = f"{c.arrays[e]}[{place}] = total += {bare(body.value(arg, tuple(index)))};"
    names = {k: counter(k) for k in range(rank)}
    texts = [index_c(form, names, c.sizes) for form in body.places]
    last = names[rank - 1]
    lines = [f"{'double' if e.kind == REAL else 'int64_t'} total = 0;",
             f"for (int64_t {last} = 0; {last} < {size_c(arg.shape[axis], c.sizes)}; {last}++)",
             f"  {placed(text, texts)}"]
    row = row_below(c, e, range(rank))
    return around(c, [arg.shape[a] for a in kept], lines, kept.index(row) if row is not None else None)


def write_leave_out(c: Context, e: Expr) -> list[str]:
    """Products along the last axis without the entries at the last counters; 0 where two of these are the same."""
    (arg,), (_, count) = e.args, e.attrs
    rank = len(arg.shape) + count
    body = Body(c, rank)
    own = counters(rank)
    text = bare(body.value(arg, (*own[:len(arg.shape) - 1], own[-1])))
    place = body.place(flat(own[:-1], e.shape, rank))
    names = {k: counter(k) for k in range(rank)}
    texts = [index_c(form, names, c.sizes) for form in body.places]
    last, out = names[rank - 1], [names[k] for k in range(len(arg.shape) - 1, rank - 1)]
    same = " || ".join(f"{a} == {b}" for k, a in enumerate(out) for b in out[:k])
    lines = [f"real total = {f'{same} ? 0 : 1' if same else '1'};",
             f"for (int64_t {last} = 0; {last} < {size_c(arg.shape[-1], c.sizes)}; {last}++)",
             f"  if ({' && '.join(f'{last} != {a}' for a in out)}) total *= {placed(text, texts)};",
             placed(f"{c.arrays[e]}[{place}] = total;", texts)]
    return around(c, e.shape, lines)
