"""Rows that threads share: which steps compute some rows of their results from the same rows of what they read.

An array whose leading axis counts n rows, or a multiple of them, is cut in n pieces that lie one after the other. Most
steps compute a piece of their result from the same piece of what they read: entries from entries, a product from rows of
its left operand, windows of an image from that image. What else they read (weights, say) is there before. Such steps in
turn are one region: its rows are computed in parts, each through all steps, by as many threads as there are, and nobody
waits for anybody in between.

An entry is computed as it would be without parts, so results do not depend on the number of threads, but for one thing:
where entries are read with gaps, compilers leave the last vector of a part to scalar code, whose `exp` and `tanh` may
differ in the last bit. Two arrays that share memory are in one region only where their pieces lie at the same places.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import gcd, lcm
from typing import Any

import sympy as sp

from symgrad.codegen.c.loops import Context, equal, quotient
from symgrad.codegen.c.nests import WORD, LoopBlock, broken, wrapped
from symgrad.codegen.c.products import walks
from symgrad.codegen.c.texts import TYPES, size_c
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import ALL, Expr
from symgrad.codegen.plan.indices import leading
from symgrad.codegen.plan.storage import Storage
from symgrad.graphs.node import INTEGER, REAL
from symgrad.graphs.sizes import Size, canonical, product

LEAST = 4096  # entries of a step that are worth a function of its own
TALL = 16  # rows of a product for each row of a region: fewer are left to the threads of the product itself
Below = list[tuple[Expr, int | None]]  # operands, and which of their axes is that of the rows


@dataclass(eq=False)
class RowRegion:
    """Steps whose rows are computed in parts: how many rows, what they cost, the memory that they touch."""

    rows: Size
    entries: Size = 0  # that all of its loops visit
    product: bool = False  # is the last step a product of two matrices?
    grains: list[int] = field(default_factory=list)
    blocks: list[LoopBlock] = field(default_factory=list)
    written: set[Expr] = field(default_factory=set)
    places: dict[Any, tuple[Size, bool]] = field(default_factory=dict)  # bytes in rows, 0: others are read; is it written?


@dataclass(frozen=True)
class RowStep:
    """A block whose rows can be computed apart: entries of the leading axis, and how it reads each array."""

    rows: Size
    reads: Mapping[Expr, bool]
    stored: Sequence[Expr]
    work: Size
    tall: Size | None  # rows of the result, where it is one product


def step_of(group: Sequence[Expr], passing: Collection[Expr], kept: Storage) -> RowStep | None:
    """How the rows of these steps, which are computed in one loop, can be computed apart; None where they cannot."""
    reads: dict[Expr, bool] = {}
    for e in group:
        found = row_reads(e, kept)
        if found is None:
            return None
        for b, own in found.items():
            reads[b] = reads.get(b, True) and own
    e = group[-1]
    axis = leading(e.shape) or 0
    rows, tall = e.shape[axis], None
    if e.op is acts.MATMUL:
        lone = axis == len(e.shape) - 2
        rows, tall = walks(kept, e)[2][int(lone)][0][0], rows if lone else None
    stored = [e for e in group if e not in passing]
    return RowStep(rows, {b: own for b, own in reads.items() if b not in group}, stored, work_of_rows(group), tall)


def work_of_rows(group: Sequence[Expr]) -> Size:
    """Entries that the loops of these steps visit."""
    total: Size = 0
    for e in group:
        visited = e.args[0].shape if e.op in acts.FOLDING or e.op in acts.WHOLE and e.op is not acts.MATMUL else e.shape
        deep = e.args[0].shape[-1] if e.op is acts.MATMUL else 1
        total = total + product(visited) * deep
    return total


def row_reads(e: Expr, kept: Storage) -> dict[Expr, bool] | None:
    """The stored arrays that rows of `e` are computed from: is it only the same rows? None where rows cannot be apart."""
    axis = leading(e.shape)
    start = None if axis is None else _operands(e, axis)
    if start is None:
        return None
    found: dict[Expr, bool] = {}
    seen: set[tuple[Expr, int | None]] = set()
    stack = list(start)
    while stack:
        x, at = stack.pop()
        if (x, at) in seen:
            continue
        seen.add((x, at))
        if x in kept:
            found[x] = found.get(x, True) and at is not None and at == leading(x.shape)
        elif x.args:
            stack += _operands(x, at) or [(a, None) for a in x.args] if at is not None else [(a, None) for a in x.args]
    return found


def _operands(e: Expr, axis: int) -> Below | None:
    """The operands of `e`, each with the axis of its rows where those of `e` are along `axis`; None: of no such kind."""
    rank = len(e.shape)
    if e.op in acts.SCALARS or e.op is acts.BROADCAST:
        return [(a, _behind(a, axis, rank)) for a in e.args]
    if e.op in acts.FILLS:
        return []
    if e.op in acts.VIEWS:
        return [(e.args[0], _through(e, axis))]
    if e.op in acts.REDUCTIONS or e.op in acts.ARGUMENTS:
        axes, keepdims = e.attrs
        kept = range(rank) if keepdims else [a for a in range(len(e.args[0].shape)) if a not in axes]
        return [(e.args[0], kept[axis])]
    if e.op is acts.CUMSUM:
        return [(e.args[0], axis)] if axis not in e.attrs[0] else None
    if e.op is acts.CONCAT:
        return [(a, axis) for a in e.args] if axis not in e.attrs else None
    if e.op is acts.PLACE:
        return _placed(e, axis)
    if e.op is acts.MATMUL:
        return _multiplied(e, axis)
    if e.op is acts.CALL and e.attrs[0] == "norm":
        return [(e.args[0], axis)]
    if e.op is acts.CALL and e.attrs[0] == "overlaps" and len(e.attrs[1][axis]) == 1:
        ((below, step),) = e.attrs[1][axis]
        return [(e.args[0], below)] if step == 1 else None
    return None


def _behind(a: Expr, axis: int, rank: int) -> int | None:
    """The axis of an operand that broadcasts."""
    at = axis - (rank - len(a.shape))
    return at if at >= 0 and a.shape[at] != 1 else None


def _through(e: Expr, axis: int) -> int | None:
    """The axis that a view shows at `axis`, whole and as it is."""
    (arg,) = e.args
    if e.op is acts.TRANSPOSE:
        return int(e.attrs[0][axis])
    if e.op is acts.RESHAPE:  # pieces of an array in rows stay where they are
        return leading(arg.shape) if axis == leading(e.shape) else None
    if e.op is acts.WINDOWS:
        return axis if axis not in (e.attrs[0], len(e.shape) - 1) else None
    if e.op is not acts.INDEX:
        return None
    shown, below = 0, 0
    for item in (*e.attrs[0], *[ALL] * len(arg.shape)):
        if item[0] != "take":
            if shown == axis:
                return below if item == ALL else None
            shown += 1
        below += item[0] != "new"
    return None


def _placed(e: Expr, axis: int) -> Below | None:
    has_base, parts = e.attrs
    rest, found = list(e.args), Below()
    if has_base:
        found.append((rest.pop(0), axis))
    for how, where, _, count in parts:
        if how != "slice" or where[axis] != ALL:
            return None
        found.append((rest[0], _behind(rest[0], axis, len(e.shape))))
        del rest[:count]
    return found


def _multiplied(e: Expr, axis: int) -> Below | None:
    left, right = e.args
    rank = len(e.shape)
    if e.kind != REAL or min(len(left.shape), len(right.shape)) < 2 or axis == rank - 1:
        return None
    return [(left, _behind(left, axis, rank)), (right, None if axis == rank - 2 else _behind(right, axis, rank))]


@lru_cache(4096)
def common(one: Size, two: Size) -> Size | None:
    """How many rows two arrays have in common: one of the sizes is a multiple of the other; None where neither is."""
    if equal(one, two):
        return one
    if isinstance(one, int) and isinstance(two, int):
        least = gcd(one, two)
        return least if least == min(one, two) else None
    if quotient(one, two) is not None:
        return two
    if quotient(two, one) is not None:
        return one
    least = canonical(sp.gcd(one, two))
    return least if not isinstance(least, int) else None


class RowRegions:
    """Blocks in turn, gathered in regions."""

    def __init__(self, memory: Callable[[Expr], Any], single: bool, most: int) -> None:
        self.memory, self.single, self.most = memory, single, most
        self.of: dict[int, RowRegion] = {}  # by the place of a block
        self.current: RowRegion | None = None

    def add(self, number: int, block: LoopBlock, step: RowStep | None, apart: bool = False) -> None:
        """The next block, which has this number; `apart`: it is a region by itself, as a recurrence is."""
        if number % self.most == 0 or apart:
            self.close()
        if step is None or isinstance(step.work, int) and step.work < LEAST:
            self.close()
            return
        places = None if self.current is None else self._joined(self.current, step)
        if places is None:
            self.close()
            self.current = RowRegion(step.rows)
            places = self._joined(self.current, step)
        region, rows = self.current, common(self.current.rows, step.rows) if self.current is not None else None
        if region is None or places is None or rows is None:
            self.current = None
            return
        region.rows, region.places = rows, places
        region.entries = region.entries + step.work
        region.blocks.append(block)
        region.written.update(step.stored)
        self.of[number] = region
        region.product = step.tall is not None
        if apart:
            self.current = None

    def close(self) -> None:
        """The next block begins another region. A product alone is none: threads share its blocks."""
        region, self.current = self.current, None
        if region is not None and region.product and len(region.blocks) == 1:
            self.of = {number: each for number, each in self.of.items() if each is not region}

    def _joined(self, region: RowRegion, step: RowStep) -> dict[Any, tuple[Size, bool]] | None:
        """What a region with one more step touches; None where its rows are others, where a product has too few of them,
        or where what other rows need lies where it writes."""
        rows = common(region.rows, step.rows)
        if rows is None or rows == 1 or isinstance(tall := quotient(step.tall, rows) if step.tall is not None else TALL,
                                                   int) and tall < TALL:
            return None
        places = dict(region.places)
        accesses = [*((b, own, False) for b, own in step.reads.items()), *((e, True, True) for e in step.stored)]
        for b, own, writes in accesses:
            if b in region.written and not own:
                return None
            size = product(b.shape) * ({REAL: 4 if self.single else 8, INTEGER: 8}.get(b.kind, 1)) if own else 0
            known, written = places.get(self.memory(b), (size, False))
            alike = own and equal(known, size)
            if (written or writes) and not alike:
                return None
            places[self.memory(b)] = (size if alike else 0, written or writes)
        return places


def region_text(name: str, region: RowRegion, c: Context) -> tuple[str, list[str]]:
    """The function that computes some rows of a region, and the lines that call it."""
    body = [line for block in region.blocks for line in (*(f"  /* {x} */" for x in block.comments), *block.lines)]
    words = set(WORD.findall("\n".join(line for block in region.blocks for line in block.lines)))
    arrays = {c.arrays[e]: e for block in region.blocks for e in block.touched if c.arrays[e] in words}
    stored = {c.arrays[e] for e in c.storage.stored}
    sizes = [size for size in c.sizes.values() if size in words]
    lines = [f"NEST void {name}(void *const *at, const int64_t *size, int64_t first, int64_t last) {{"]
    for k, (array, e) in enumerate(arrays.items()):
        kind = TYPES[e.kind]
        lines.append(f"  const {kind} {array} = *(const {kind} *)at[{k}];" if e in c.by_value else
                     f"  {'' if array in stored else 'const '}{kind} *const {array} = at[{k}];")
    lines += [f"  const int64_t {size} = size[{k}];" for k, size in enumerate(sizes)]
    done = ", ".join(c.arrays[e] for block in region.blocks for e in block.written)
    head = wrapped(f"/* Rows first .. last - 1 of {done}. */", 3)
    text = "\n".join([*head, *(x for line in (*lines, *body) for x in broken(line)), "}"])
    given = ", ".join(f"(void *){'&' if e in c.by_value else ''}{array}" for array, e in arrays.items())
    numbers = f"(const int64_t[]){{{', '.join(sizes)}}}" if sizes else "0"
    counts = ", ".join(size_c(canonical(x), c.sizes) for x in (region.rows, lcm(*region.grains), region.entries))
    call = f"by_rows({name}, (void *const[]){{{given}}}, {numbers}, {counts});"
    c.used["rows"] = None
    return text, wrapped(call, 6, "  ")
