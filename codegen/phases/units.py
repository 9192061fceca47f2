"""Units and phases: steps joined where nobody waits, and the levels of what is left.

One rule decides: a step must wait for another only as far as that wrote what it reads elsewhere.

    reads the same entry                 nobody waits: a value in a register
    reads the same row                   a warp: its lanes compute the row together
    reads the same leading axes          a block
    reads anything                       the grid, or the one block that there is

A *unit* is what is computed with no more than a warp that waits: a product with the functions of its entries, a
reduction, entries, rows, sums at places, the optimiser. A *phase* is a level of the dependency graph of units: all its
units run at once, and a barrier follows. A step joins a unit where it comes no later than its other operands let it.

A recurrence is a unit, too: one that has phases of its own, which run for every step, with barriers between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Arrays, Expr, order
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.lowering.recurrences import Kept, LoopBody
from symgrad.codegen.phases.accesses import Visit, entrywise, visit
from symgrad.codegen.plan.storage import SCALAR, Storage, reads, storage
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import REAL

LONGEST_ROW = 2048  # entries of a row that one warp computes
SMALL = 32  # rows of a matrix that a warp takes apart
LINEAR = ("inverse", "solve", "det", "logdet", "cholesky")
CONTRACTIONS = ("vdot", "dot", "vecdot", "einsum", "distances", "norm", "leave_out")


@dataclass
class Unit:
    """Steps that are computed together, without a barrier but of warps; `rows`: the leading axes of a row."""

    kind: str
    steps: list[Expr]
    level: int
    rows: int = 0
    beyond: tuple[Expr, ...] = ()  # what it reads that its steps do not say

    @property
    def head(self) -> Expr:
        """The first step, after which it is called."""
        return self.steps[0]


@dataclass(frozen=True)
class Phases:
    """The units of a function by level: a barrier stands between two phases, none within one."""

    storage: Storage
    levels: tuple[tuple[Unit, ...], ...]
    kept: frozenset[Expr]  # the steps that lie in memory; all others are only ever in registers
    visits: dict[Expr, Visit] = field(repr=False)
    loops: Mapping[Expr, LoopPhases] = field(repr=False, default_factory=dict)

    @property
    def steps(self) -> list[Expr]:
        """All steps, copies to work in among them, but those of recurrences."""
        return [e for level in self.levels for unit in level for e in unit.steps]

    def units(self) -> Iterator[Unit]:
        """All units, those of recurrences among them."""
        for level in self.levels:
            yield from level
        for loop in self.loops.values():
            yield from loop.fixed.units()
            yield from loop.step.units()


@dataclass(frozen=True)
class LeftBehind:
    """What a step of a recurrence leaves behind: the carry after it (its place), or what is kept, here one of `rows`."""

    value: Expr
    carry: int | None
    kept: Kept | None


@dataclass(frozen=True)
class LoopPhases:
    """A recurrence: the phases of what is the same in every step, which run once, and those of a step."""

    body: LoopBody
    fixed: Phases
    step: Phases
    filled: tuple[LeftBehind, ...]


def kind_of(e: Expr, of: Storage) -> str:
    """What kind of unit the step of `e` begins. Raises BackendError for what no kernel of ours computes."""
    if entrywise(e, of):
        return "entries"
    if e.op is acts.MATMUL:
        matrices = all(len(a.shape) > 1 for a in e.args)
        return "product" if matrices and e.kind == REAL else "contraction"
    if e.op in acts.REDUCTIONS:
        return "reduction"
    if e.op in acts.ARGUMENTS | acts.RUNNING or (e.op is acts.CALL and e.attrs[0] == "powers"):
        return "lines"
    if e.op is acts.RESHAPE:
        return "lines"
    if e.op is acts.PLACE:
        return "sums"
    if e.op is acts.CALL and e.attrs[0] in CONTRACTIONS:
        return "contraction"
    if e.op is acts.LOOP:
        return "recurrence"
    if e.op is acts.CALL and e.attrs[0] in LINEAR:
        rows = e.args[0].shape[-1]
        if isinstance(rows, int) and rows <= SMALL:
            return "matrices"
        raise BackendError(f"{e.attrs[0]} has a kernel for up to {SMALL} rows, not {rows}")
    raise BackendError(f"{e.attrs[0] if e.op is acts.CALL else e.op} has no kernel")


def phases_of(of: Storage) -> Phases:
    """The phases of a function. Raises BackendError, with the step, where one has no kernel."""
    where: dict[Expr, Unit] = {}
    units: list[Unit] = []
    visits: dict[Expr, Visit] = {}
    for e in of.stored:
        if e.op is acts.ROOM:  # a step has its arrays where the phases say
            continue
        kind, visits[e] = kind_of(e, of), visit(e, of)
        needed = dict.fromkeys(where[b].level for b in reads(e, of) if b in where)
        top = max(needed, default=0)
        last = list({id(where[b]): where[b] for b in reads(e, of) if b in where and where[b].level == top}.values())
        if len(last) == 1 and _joins(e, kind, last[0], visits, of):
            last[0].steps.append(e)
            where[e] = last[0]
        else:
            where[e] = Unit(kind, [*_taken_apart(e), e], top + 1)
            units.append(where[e])
    levels: list[list[Unit]] = [[] for _ in range(max((u.level for u in units), default=0))]
    for unit in units:
        levels[unit.level - 1].append(unit)
    loops = {e: loop_phases(e) for e in of.stored if e.op is acts.LOOP}
    done = Phases(of, tuple(map(tuple, levels)), _kept(of, where, visits), visits, loops)
    wrong = hazards(done)
    assert not wrong, wrong
    return done


def _taken_apart(e: Expr) -> list[Expr]:
    """The copy of a matrix that its factors take the place of."""
    if e.op is not acts.CALL or e.attrs[0] not in LINEAR or e.attrs[0] == "cholesky":
        return []
    a = e.args[0]
    stack = e.shape if e.attrs[0] in ("det", "logdet") else () if len(e.args[-1].shape) == 1 else e.shape[:-2]
    return [Arrays().make(acts.BROADCAST, [a], (), (*stack, *a.shape[-2:]), a.kind)]


def loop_phases(e: Expr) -> LoopPhases:
    """The phases of a recurrence. Each of its results is an array of its own, which every step computes."""
    body: LoopBody = e.attrs[0]
    moving: set[Expr] = {*body.carries, *body.slices}
    for part in order(body.roots):
        if any(a in moving for a in part.args):
            moving.add(part)
    filled: list[LeftBehind] = []

    def fill(value: Expr, carry: int | None, kept: Kept | None) -> None:
        if value.op in acts.LEAVES or value not in moving or any(value is other.value for other in filled):
            value = Arrays().make(acts.BROADCAST, [value], (), value.shape, value.kind)  # a copy
            moving.add(value)
        filled.append(LeftBehind(value, carry, kept))

    rows = {k.what: k for k in body.kept if isinstance(k.what, int)}
    for i, after in enumerate(body.after):
        fill(after, i, rows.get(i))
    for kept in body.kept:
        if isinstance(kept.what, Expr):
            fill(kept.what, None, kept)
        elif not kept.rows:  # every step leaves it there, the last one for good
            fill(body.after[kept.what], None, kept)
    whole = storage([each.value for each in filled])
    steps = [x for x in whole.stored if x in moving]
    fixed = [x for x in whole.stored if x not in moving]
    read = dict.fromkeys(b for x in steps for b in reads(x, whole) if b in fixed and b.op is not acts.ROOM)
    return LoopPhases(body, phases_of(Storage(tuple(read), fixed, whole.keep)),
                      phases_of(Storage(whole.roots, steps, whole.keep)), tuple(filled))


def _joins(e: Expr, kind: str, unit: Unit, visits: dict[Expr, Visit], of: Storage) -> bool:
    """Can the step of `e` stand in a unit that it reads from? If so, the unit is of the kind that it needs to be."""
    mine = visits[e]
    before = [b for b in reads(e, of) if b in unit.steps]
    alike = unit.kind in ("product", "contraction", "reduction", "entries") and kind == "entries"
    if alike and e.shape == unit.head.shape and all(mine.entry(b) for b in before):
        return True
    if unit.kind not in ("rows", "entries", "reduction") or kind not in ("entries", "reduction"):
        return False
    rows = min([mine.rows, *(visits[s].rows for s in unit.steps), *(mine.leading(b) for b in before)])
    rows = unit.rows if unit.kind == "rows" and rows >= unit.rows else 0 if unit.kind == "rows" else rows
    steps = [*unit.steps, e]
    if not rows or any(visits[s].rows < rows or visits[s].shape[:rows] != e.shape[:rows] for s in steps):
        return False
    if max(prod(map(typical, visits[s].shape[rows:])) for s in steps) > LONGEST_ROW:
        return False
    if any(visits[s].leading(b) < rows for s in steps for b in reads(s, of) if b in steps):
        return False
    unit.kind, unit.rows = "rows", rows
    return True


def _kept(of: Storage, where: dict[Expr, Unit], visits: dict[Expr, Visit]) -> frozenset[Expr]:
    """What must lie in memory: results, what another unit reads, what its own reads elsewhere than at its entry."""
    kept = {*of.roots, *(e for unit in where.values() if unit.kind == "matrices" for e in unit.steps)}
    for e in of.stored:
        for b in reads(e, of):
            if b in where and (where[b] is not where[e] or where[e].kind == "rows" or e.op not in SCALAR):
                kept.add(b)
    return frozenset(kept)


def hazards(phases: Phases) -> list[str]:
    """Units that read what another one of their phase writes: there are none, or the phases are wrong."""
    wrong = []
    for number, units in enumerate(phases.levels, 1):
        writer = {e: unit for unit in units for e in unit.steps}
        for unit in units:
            for e in unit.steps:
                wrong += [f"phase {number}: {e.op} reads {b.op}, which another unit writes"
                          for b in reads(e, phases.storage) if b in writer and writer[b] is not unit]
    return wrong


@dataclass(frozen=True)
class PhaseSlot:
    """A piece of memory and who lives there, one after the other, in different phases."""

    tenants: tuple[Expr, ...]


def lives(phases: Phases) -> dict[Expr, tuple[int, int]]:
    """The phase that writes each array, and the last one that reads it, counted from 0; results are read after all."""
    result: dict[Expr, tuple[int, int]] = {}
    for number, units in enumerate(phases.levels):
        for unit in units:
            for e in unit.steps:
                for b in (*reads(e, phases.storage), *unit.beyond):
                    if b in result:
                        result[b] = (result[b][0], number)
                result[e] = (number, number)
    for e in phases.storage.roots:
        result[e] = (result[e][0], len(phases.levels))  # what comes after the phases reads it
    return result


def memory(phases: Phases, own: Sequence[Expr]) -> list[PhaseSlot]:
    """Slots for the arrays that have no memory of their `own`: an array moves in after the phase that read the last
    tenant, for within a phase nobody waits; one of the same kind and shape first, then any that is large enough."""
    alive = lives(phases)
    slots: list[list[Expr]] = []
    place = {e: k for k, e in enumerate(phases.steps)}
    for e in sorted((e for e in phases.kept if e not in own), key=lambda e: (alive[e][0], place[e])):
        free = [s for s in slots if alive[s[-1]][1] < alive[e][0]]
        same = [s for s in free if s[0].shape == e.shape and s[0].kind == e.kind]
        larger = [s for s in free if _bytes(s[0]) >= _bytes(e) and all(
            isinstance(size, int) for tenant in (*s, e) for size in tenant.shape)]
        found = same or sorted(larger, key=lambda s: _bytes(s[0]))
        if found:
            found[0].append(e)
        else:
            slots.append([e])
    for slot in slots:
        for old, new in zip(slot, slot[1:], strict=False):
            assert alive[old][1] < alive[new][0], "an array takes a place that is still read"
    return [PhaseSlot(tuple(slot)) for slot in slots]


def _bytes(e: Expr) -> int:
    return {"boolean": 1, "integer": 8}.get(e.kind, 8) * prod(map(typical, e.shape))


def scalar_only(of: Storage) -> bool:
    """Is every step computed entry by entry from numbers alone, as an update rule is?"""
    return all(e.op in SCALAR for e in of.stored)


def narrow(phases: Phases) -> frozenset[Expr]:
    """The arrays that may be stored in half as many bytes: matrices, and larger ones, that products and functions of their
    entries find. Sums, rows, vectors, results, and what recurrences read, are stored as they are computed."""
    taken = {b for e in phases.loops for b in reads(e, phases.storage)}
    return frozenset(
        e for level in phases.levels for unit in level if unit.kind in ("product", "library", "entries") for e in unit.steps
        if e in phases.kept and e.kind == REAL and len(e.shape) > 1 and e not in phases.storage.roots and e not in taken)
