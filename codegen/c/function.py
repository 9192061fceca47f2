"""A function as C and the Python around it: arrays checked and made, pointers handed over.

Steps that C computes are gathered into C functions; between them stand NumPy's (an inverse, say) on the same
arrays. Results are new arrays; what is needed in between lies in slots of one workspace for each thread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import sympy as sp

from symgrad.codegen.c.grouping import copied_first, in_loops, joins_loop, loads_of, own_reads
from symgrad.codegen.c.loops import Context, StepWriter, truths_of
from symgrad.codegen.c.nests import LoopBlock, broken, may_fail, share, wrapped
from symgrad.codegen.c.products import in_place
from symgrad.codegen.c.recurrences import LoopText, is_c
from symgrad.codegen.c.rows import RowRegions, RowStep, region_text, step_of
from symgrad.codegen.c.texts import TYPES, size_c
from symgrad.codegen.c.writers import write_scalar, writer
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.plan.lives import Turn, alone, clashes
from symgrad.codegen.plan.scheduling import scheduled, shrinking, smallest
from symgrad.codegen.plan.slots import Slot, slots
from symgrad.codegen.plan.storage import Storage, entries, last_reads, reads, same_place, storage
from symgrad.codegen.python.identifiers import Identifiers
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL

WIDEST = (INTEGER, REAL, BOOLEAN)
LONGEST = 80  # blocks in one C function
MOST = 1000  # arguments of a C function: ctypes takes 1,024


@dataclass
class Segment:
    """Steps in a row that are all C (`blocks`), or one of NumPy (`outside`)."""

    regions: RowRegions
    blocks: list[LoopBlock] = field(default_factory=list)
    touched: dict[Expr, None] = field(default_factory=dict)
    outside: Expr | None = None

    @property
    def fails(self) -> bool:
        """May an index be out of range, a matrix singular?"""
        return any(may_fail(block.lines) for block in self.blocks)


@dataclass(frozen=True)
class Pool:
    """Slots of one size, side by side in the workspace."""

    name: str
    size: str  # the name of the bytes of a slot
    room: str  # and what they are
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Everything about the memory of a function that its text needs."""

    storage: Storage
    slots: list[Slot]
    home: Mapping[Expr, int]
    segments: list[Segment]
    context: Context
    pools: list[Pool]
    nests: list[str]  # functions for what occurs more than once
    over: Mapping[Expr, Expr] = field(default_factory=dict)  # results that overwrite an input
    table: bool = False  # pointers are handed over as one table: there are too many for arguments

    def given(self, number: int) -> list[Expr]:
        """The arrays that a segment is handed by pointers: each once; what overwrites an input stands for it."""
        outside = [e for e in self.segments[number].touched if e not in self.home]
        by_name = {self.context.arrays[e]: e for e in sorted(outside, key=lambda e: e in self.storage.keep)}
        return list(by_name.values())


def layout(function: str, roots: Sequence[Expr], names: Mapping[Expr, str], sizes: Mapping[Any, str], single: bool,
           scope: Identifiers, invent: Callable[[Expr], str], comments: Mapping[Expr, str],
           over: Mapping[Expr, Expr] | None = None, by_itself: bool = False,
           late: frozenset[Expr] = frozenset()) -> Layout:
    """The steps below `roots` as C, with names for all arrays. `over`: results that may overwrite an input."""
    kept = storage(roots, set() if by_itself else in_place(roots, order(roots)), late)
    context = Context(kept, dict(names), sizes, single, by_itself=by_itself)
    copied_first(kept, context)
    if not over:
        in_order(kept)
    taken = {root: old for root, old in (over or {}).items() if may_overwrite(kept, root, old)}
    table = len(names) + len(roots) + len(sizes) > MOST
    context.by_value = {e for e in names if e.op is acts.INPUT and not e.shape and e not in taken.values() and not table}
    context.arrays.update({root: names[old] for root, old in taken.items()})
    for e in kept.stored:
        if e not in context.arrays:
            context.arrays[e] = invent(e)
    readers: dict[Expr, list[Expr]] = {}
    for e in kept.stored:
        for b in reads(e, kept):
            readers.setdefault(b, []).append(e)
    apart = [e for e in kept.stored if not in_c(e)]
    shared = {*roots, *apart, *(b for e in apart for b in reads(e, kept))}  # arrays that NumPy sees too
    found, home = slots(kept, shared, same_place)
    memory = cache(lambda e: _memory(e, home, taken))
    loads = cache(lambda e: loads_of(context, e))
    segments: list[Segment] = []
    group: list[Expr] = []
    turns: list[Turn] = []
    waiting: list[tuple[RowRegions, int, LoopBlock, Callable[[Context], list[str]]]] = []

    def current() -> Segment:
        if not segments or segments[-1].outside is not None:
            segments.append(Segment(RowRegions(memory, single, LONGEST)))
        return segments[-1]

    def flush() -> None:
        if group:
            passing = {e for e in group if e in home and all(x in group for x in readers[e])}
            read = [alone(e, kept, memory, same_place) if len(group) == 1 else own_reads(e, loads(e)) for e in group]
            done = tuple(group)
            turns.append(Turn(done, tuple(read), frozenset(group) - passing))
            add(done, lambda c: write_scalar(c, done, passing), step_of(done, passing, kept), passing)
            group.clear()

    def add(done: Sequence[Expr], write: Callable[[Context], list[str]], step: RowStep | None = None,
            passing: Collection[Expr] = (), apart: bool = False) -> None:
        touched = dict.fromkeys(x for e in done for x in (*reads(e, kept), e) if x not in passing)
        part = current()
        block = LoopBlock([], [comments[e] for e in done if e in comments], touched, tuple(done))
        part.regions.add(len(part.blocks), block, step if not by_itself else None, apart)
        waiting.append((part.regions, len(part.blocks), block, write))
        part.blocks.append(block)
        part.touched.update(touched)

    for e in kept.stored:
        if in_loops(e):
            if group and not joins_loop(group, e, memory, loads):
                flush()
            group.append(e)
            continue
        flush()
        turns.append(Turn((e,), (alone(e, kept, memory, same_place),), frozenset([e])))
        if e.op is acts.LOOP and in_c(e):
            loop = LoopText(context, e)
            step = loop.step() if not by_itself else None
            if step is not None and loop.steady:
                add([e], loop.prepared)
            add([e], loop.written, step, apart=True)
            continue
        write = writer(e)
        if write is None:
            touched = dict.fromkeys([*reads(e, kept), e])
            segments.append(Segment(RowRegions(memory, single, LONGEST), touched=touched, outside=e))
            continue
        add([e], partial(write_one, write, e), step_of([e], (), kept))
    flush()
    for part in segments:
        part.regions.close()
    truths = truths_of(context)
    for regions, number, block, write_block in waiting:
        region = regions.of.get(number)
        own = context if region is None else replace(context, rows=region.rows, grains=region.grains, truths=truths)
        block.lines = write_block(own)
    assert not (wrong := clashes(turns, memory, roots)), wrong
    blocks = [block for segment in segments for block in segment.blocks]
    nests = share(blocks, context.arrays, [*sizes.values(), "first", "last"], memory,
                  lambda wish: scope.fresh(f"{function}_{wish}"), context.by_value)
    return Layout(kept, found, home, segments, context, pools_of(found, sizes, scope), nests, taken, table)


def in_order(kept: Storage) -> None:
    """The order in which steps are done."""
    smallest(kept, [lambda: scheduled(kept), lambda: scheduled(kept, shrinking(kept))], same_place)


def steps_of(roots: Sequence[Expr], late: frozenset[Expr]) -> Storage:
    """The steps below results, in order."""
    kept = storage(roots, in_place(roots, order(roots)), late)
    in_order(kept)
    return kept


def write_one(write: StepWriter, e: Expr, c: Context) -> list[str]:
    """The lines of one step."""
    return write(c, e)


def in_c(e: Expr) -> bool:
    return in_loops(e) or writer(e) is not None or e.op is acts.LOOP and is_c(e)


def _memory(e: Expr, home: Mapping[Expr, int], over: Mapping[Expr, Expr]) -> Any:
    """Where an array lies: two with equal answers share it."""
    return ("slot", home[e]) if e in home else over.get(e, e)


def pools_of(found: Sequence[Slot], sizes: Mapping[Any, str], scope: Identifiers) -> list[Pool]:
    """The slots by their size."""
    alike: dict[str, list[int]] = {}
    for slot in found:
        alike.setdefault(room(slot, sizes), []).append(slot.number)
    return [Pool(scope.numbered("pool"), scope.numbered("room"), text, tuple(slots)) for text, slots in alike.items()]


def may_overwrite(kept: Storage, root: Expr, old: Expr) -> bool:
    """Is `old` read by no later step than that of `root`, and there only at the entry that is written?"""
    if root not in kept.stored:
        return False
    last, place = last_reads(kept).get(old, -1), kept.stored.index(root)
    return last < place or (last == place and same_place(root, old, kept))


def c_texts(name: str, plan: Layout, number: int, sizes: Mapping[Any, str]) -> list[str]:
    """The C function of a segment: arrays and the workspace by pointers, sizes by value; a long one in parts."""
    head, blocks = f"{name}_{number}", plan.segments[number].blocks
    if len(blocks) <= LONGEST:
        return _function(f"int {head}", plan, number, sizes, 0)
    parts, calls = [], []
    for k, start in enumerate(range(0, len(blocks), LONGEST), 1):
        piece = blocks[start:start + LONGEST]
        *regions, text = _function(f"NEST int {head}_part{k}", plan, number, sizes, start)
        note = f"/* Part {k} of {head}: a compiler takes more than twice as long for a text twice as long. */"
        parts += [*regions, f"{note}\n{text}"]
        arrays, numbers = _given(plan, number, piece)
        names = ["given"] if plan.table else [*map(plan.context.arrays.__getitem__, arrays)]
        names += [f"{plan.context.arrays[e]}_" for e in numbers]
        calls += wrapped(f"CHECKED({head}_part{k}({', '.join([*names, 'work', *sizes.values()])}));", 6, "  ")
    return [*parts, "\n".join([*_head(f"int {head}", plan, number, sizes, blocks), *calls, "  return 0;", "}"])]


def _given(plan: Layout, number: int, blocks: Sequence[LoopBlock]) -> tuple[list[Expr], list[Expr]]:
    """The arrays and the numbers that these blocks of a segment are handed."""
    names = {plan.context.arrays[e] for block in blocks for e in block.touched}
    given = [e for e in plan.given(number) if plan.context.arrays[e] in names]
    return [e for e in given if e not in plan.context.by_value], [e for e in given if e in plan.context.by_value]


def _head(kind: str, plan: Layout, number: int, sizes: Mapping[Any, str], blocks: Sequence[LoopBlock]) -> list[str]:
    names = plan.context.arrays
    arrays, numbers = _given(plan, number, blocks)
    written = {names[e] for e in plan.storage.stored}
    head = ["void *const *given"] if plan.table else [
        f"{'' if names[e] in written else 'const '}{TYPES[e.kind]} *{names[e]}" for e in arrays]
    head += [f"{'int64_t' if e.kind == INTEGER else 'double'} {names[e]}_" for e in numbers]
    head += ["char *work", *(f"int64_t {size}" for size in sizes.values())]
    return wrapped(f"{kind}({', '.join(head)}) {{", 4)


def _function(kind: str, plan: Layout, number: int, sizes: Mapping[Any, str], start: int) -> list[str]:
    """One C function of blocks from `start` on, behind those for the rows of its regions; an array of the workspace gets
    its name before the first block that touches it."""
    names, segment = plan.context.arrays, plan.segments[number]
    blocks, texts = segment.blocks[start:start + LONGEST], []
    lines = _head(kind, plan, number, sizes, blocks)
    arrays, numbers = _given(plan, number, blocks)
    written, every = {names[e] for e in plan.storage.stored}, {e: k for k, e in enumerate(plan.given(number))}
    for e in arrays if plan.table else ():
        lines.append(f"  {'' if names[e] in written else 'const '}{TYPES[e.kind]} *const {names[e]} = given[{every[e]}];")
    for e in numbers:
        lines.append(f"  const {TYPES[e.kind]} {names[e]} = ({TYPES[e.kind]}){names[e]}_;")
    place = {slot: (pool, k) for pool in plan.pools for k, slot in enumerate(pool.slots)}
    touched = dict.fromkeys(e for block in blocks for e in block.touched if e in plan.home)
    lines += pool_lines(plan.pools, [place[plan.home[e]] for e in touched])
    known: set[Expr] = set()
    for k, block in enumerate(blocks, start):
        region = segment.regions.of.get(k)
        lines += [f"  /* {comment} */" for comment in block.comments if region is None]
        for e in block.touched:
            if e in plan.home and e not in known:
                known.add(e)
                pool, at = place[plan.home[e]]
                where = f"({pool.name} + {f'{at} * ' if at > 1 else ''}{pool.size})" if at else pool.name
                lines.append(f"  {TYPES[e.kind]} *const {names[e]} = ({TYPES[e.kind]} *){where};")
        if region is None:
            lines += block.lines
        elif block is region.blocks[-1]:
            text, call = region_text(f"{kind.split()[-1]}_rows{k}", region, plan.context)
            texts.append(text)
            lines += call
    return [*texts, "\n".join([*(part for line in lines for part in broken(line)), "  return 0;", "}"])]


def pool_lines(pools: Sequence[Pool], used: Sequence[tuple[Pool, int]]) -> list[str]:
    """The pools of the workspace as variables, each behind the one before, as far as slots of them are used."""
    lines, place = [], "work"
    needed = pools[:max([pools.index(pool) + 1 for pool, _ in used], default=0)]
    for pool in needed:
        if len(pool.slots) > 1 and (pool is not needed[-1] or any(k for each, k in used if each is pool)):
            lines.append(f"  const int64_t {pool.size} = {pool.room};")
        lines.append(f"  char *const {pool.name} = {place};")
        place = f"{pool.name} + {f'{len(pool.slots)} * {pool.size}' if len(pool.slots) > 1 else pool.room}"
    return lines


def room(slot: Slot, sizes: Mapping[Any, str]) -> str:
    """The bytes of a slot, as C: the most entries of the widest kind of its tenants."""
    most: dict[Any, int] = {}  # of each product of symbols, the largest multiple
    for e in slot.tenants:
        count = entries(e.shape)
        number, rest = (count, 1) if isinstance(count, int) else sp.sympify(count).as_coeff_Mul()
        most[rest] = max(most.get(rest, 0), int(number))
    texts = [size_c(number if rest == 1 else number * rest, sizes) for rest, number in most.items()]
    text, *others = texts
    for other in others:
        text = f"LARGER({text}, {other})"
    kinds = {e.kind for e in slot.tenants}
    return f"ROOM({text}, {TYPES[min(kinds, key=WIDEST.index)]})"


def room_text(name: str, plan: Layout, sizes: Mapping[Any, str]) -> str:
    """The C function that tells how large the workspace must be."""
    head = ", ".join(f"int64_t {size}" for size in sizes.values()) or "void"
    counted = [f"{len(pool.slots)} * {pool.room}" if len(pool.slots) > 1 else pool.room for pool in plan.pools]
    lines = wrapped(f"return {' + '.join(counted) or '0'};".replace(", ", ",\0"), 4)
    return "\n".join([f"int64_t {name}_room({head}) {{", *(f"  {line}" for line in lines), "}"])


def c_kind(kind: str, single: bool) -> str:
    """The dtype of a kind of numbers, by its name in `runtime.py`."""
    return {INTEGER: "WHOLE", BOOLEAN: "TRUTH"}.get(kind, "REAL" if single else "DOUBLE")
