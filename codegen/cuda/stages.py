"""Phases in the order in which a kernel runs them: one after the other, those of a recurrence once for every step.

A recurrence becomes a loop of the kernel around the phases of a step, with a barrier behind each, so also from one step to
the next. Carries of which all values are kept lie in rows, one more than there are steps: a step reads one row and writes
the next. Others are two arrays that change places. Recurrences of one phase with as many steps go side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from symgrad.codegen.c.loops import Context
from symgrad.codegen.c.texts import TYPES, bare
from symgrad.codegen.cuda.body import Placed, Writing, entries_of
from symgrad.codegen.cuda.layout import MemoryRoom, item_bytes, length_of, room_for
from symgrad.codegen.cuda.sharing import UnitFunction
from symgrad.codegen.cuda.units import Lanes, guarded, names_of, write_unit
from symgrad.codegen.cuda.words import THREADS
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.lowering.recurrences import LoopBody
from symgrad.codegen.phases.plan import PlannedUnit, planned
from symgrad.codegen.phases.units import Phases, Unit, memory
from symgrad.codegen.plan.indices import AffineForm, counters, locate, strides
from symgrad.codegen.plan.storage import Storage
from symgrad.codegen.python.identifiers import Identifiers
from symgrad.graphs.sizes import Shape, Size

Strides = Callable[[Expr, Collection[Expr]], Sequence[Size]]  # from entry to entry of an array; some must lie in one piece


@dataclass(frozen=True)
class PhasePart:
    """A part of a phase: so many lanes, and the lines that each of them runs."""

    lanes: str
    lines: tuple[str, ...]
    tasks: bool = False  # are these tasks of whole blocks?


@dataclass(frozen=True)
class PhaseStage:
    """A phase: its number, what it finds, the functions of its units, what happens beside them, the counters of the
    recurrences around."""

    number: str
    title: str
    functions: tuple[UnitFunction, ...]
    beside: tuple[PhasePart, ...]
    counters: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The function that runs it."""
        return f"phase_{self.number.replace('.', '_')}"


@dataclass(frozen=True)
class RepeatedStages:
    """Stages that run for every step of a recurrence."""

    counter: str
    length: str
    stages: tuple[PhaseStage | RepeatedStages, ...]


@dataclass
class KernelParts:
    """What all units of a kernel share."""

    scope: Identifiers
    steps: Strides
    rooms: list[MemoryRoom] = field(default_factory=list)  # of what the steps of recurrences compute
    told: list[PlannedUnit] = field(default_factory=list)


class UnitTexts:
    """Units as functions of the text. `places`: the type of each array, and where it lies, by name."""

    def __init__(self, on: Writing, places: dict[str, tuple[str, str]], comments: Mapping[Expr, str],
                 shared: KernelParts) -> None:
        self.on, self.places, self.comments, self.shared = on, places, comments, shared

    def function(self, name: str, lanes: Lanes, written: Collection[str], told: Sequence[str] = (),
                 more: Mapping[str, tuple[str, str]] | None = None) -> UnitFunction:
        """A function for one lane or task, and how it is called; `more` are arrays that only it knows."""
        places = {**self.places, **(more or {})}
        found = dict.fromkeys(re.findall(r"[^\W\d]\w*", "\n".join(lanes.lines)))
        used = [each for each in found if each in places]
        taken = [(f"{'' if each in written else 'const '}{places[each][0]}", each) for each in used]
        passed = [places[each][1] for each in used]
        if "failed" in found:
            taken.append(("int", "failed"))
            passed.append("on.failed")
        return UnitFunction(name, "task" if lanes.tasks else "lane", tuple(taken), tuple(passed), tuple(lanes.lines),
                            tuple(told), lanes.count)

    def parts(self, phases: Phases, units: Sequence[Unit], number: str) -> list[UnitFunction]:
        """The functions of a phase. Recurrences, and what a library computes, are told and left out."""
        arrays, found = self.on.context.arrays, []
        share = max(32, THREADS // max(1, sum(unit.kind == "product" for unit in units)))
        for unit in units:
            self.shared.told.append(planned(number, unit, arrays, self.comments, phases.kept))
            if unit.kind in ("recurrence", "library"):
                continue
            written = [arrays[e] for e in unit.steps if e in phases.kept]
            told = [f"// {self.comments[e]}" for e in unit.steps if e in self.comments]
            lanes = write_unit(self.on, phases, unit, share)
            found.append(self.function("find_" + "_".join(written[:3]), lanes, written, told))
        return found


Levels = Sequence[Sequence[tuple[UnitTexts, Phases, tuple[Unit, ...]]]]  # what runs in each phase, side by side


def levels_of(texts: UnitTexts, phases: Phases) -> Levels:
    """The phases of some units."""
    return [[(texts, phases, units)] for units in phases.levels]


def _together(several: Sequence[Levels]) -> Levels:
    """Phases side by side."""
    return [[one for level in each for one in level] for each in zip_longest(*several, fillvalue=())]


def stages(levels: Levels, beside: Sequence[PhasePart] = (), before: str = "", first: int = 1,
           turns: tuple[str, ...] = ()) -> list[PhaseStage | RepeatedStages]:
    """All stages in order; `beside` runs in the first. Numbers begin with `before` and count from `first`; `turns` are the
    counters of the recurrences around."""
    found: list[PhaseStage | RepeatedStages] = []
    for place, level in enumerate(levels, first):
        number = f"{before}{place}"
        parts = [part for texts, phases, units in level for part in texts.parts(phases, units, number)]
        groups: dict[Size, list[LoopTexts]] = {}
        names: dict[Size, str] = {}
        for texts, phases, units in level:
            for e in (unit.head for unit in units if unit.kind == "recurrence"):
                length = e.attrs[0].length
                turn = names.setdefault(length, texts.shared.scope.fresh("turn") if length not in names else "")
                groups.setdefault(length, []).append(LoopTexts(texts, phases, e, turn))
        loops = [loop for group in groups.values() for loop in group]
        parts += [part for loop in loops for part in loop.begins]
        title = ", ".join(texts.on.context.arrays[e] for texts, phases, units in level for unit in units
                          for e in unit.steps if e in phases.kept)
        more = tuple(beside) if place == 1 and not before else ()
        if parts or more:
            found.append(PhaseStage(number, title, tuple(parts), more, turns))
        fixed = _together([levels_of(loop, loop.phases.fixed) for loop in loops])
        found += stages(fixed, (), f"{number}.", 1, turns)
        count = len(fixed) + 1
        for length, group in groups.items():
            inner = _together([levels_of(loop, loop.phases.step) for loop in group])
            inside = stages(inner, (), f"{number}.", count, (*turns, names[length]))
            found.append(RepeatedStages(names[length], group[0].length, tuple(inside)))
            count += len(inner)
    return found


class LoopTexts(UnitTexts):
    """The units of one recurrence: what a step is given lies in arrays around it, what it leaves behind, too."""

    def __init__(self, around: UnitTexts, phases: Phases, e: Expr, turn: str) -> None:
        self.phases = phases.loops[e]
        self.around, self.e, self.turn = around, e, turn
        body: LoopBody = self.phases.body
        on, shared = around.on, around.shared
        self.length = on.size(body.length)
        self.row = f"({self.length} - 1 - {turn})" if body.reverse else turn  # of the slices
        self.all = around.places[on.context.arrays[e]][1]
        stored = [*self.phases.fixed.steps, *self.phases.step.steps]
        whole = Storage(self.phases.step.storage.roots, stored, self.phases.step.storage.keep)
        flat = {each.value for each in self.phases.filled}
        names = {x: shared.scope.numbered("v") for x in stored}
        steps: dict[Expr, Sequence[Size]] = {x: strides(x.shape) if x in flat else shared.steps(x, ()) for x in stored}
        inner = Context(whole, names, on.context.sizes, on.context.single, used=on.context.used)
        super().__init__(replace(on, context=inner, strides=steps, offsets={}, count=0, narrow=()), {}, {}, shared)
        self.steps, self.offsets = steps, dict[Expr, tuple[Size, ...]]()
        self.on.offsets = self.offsets
        self.begins: list[UnitFunction] = []
        self._given(body)
        self._filled(body)
        self._rooms(flat)

    def _put(self, e: Expr, name: str, place: str, *offsets: Size) -> None:
        """Says where an array lies."""
        self.on.context.arrays[e] = name
        self.places[name] = TYPES[e.kind], place
        self.offsets[e] = offsets

    def _given(self, body: LoopBody) -> None:
        """Slices, and what is the same in every step: where the arrays around lie."""
        on, args = self.around.on, self.e.args[len(body.carries):]
        for k, (leaf, arg) in enumerate(zip((*body.slices, *body.constants), args, strict=False)):
            rank = len(arg.shape)
            base, at = locate(arg, counters(rank), rank, on.context.storage.__contains__)
            form = at if isinstance(at, AffineForm) else Placed(on, rank).located(base, at)
            called, offsets = on.context.arrays[base], [*on.offsets.get(base, ()), form.const]
            place, inner = self.around.places[called][1], form.steps
            place += f" + {on.size(form.const)}" if form.const != 0 else ""
            if k < len(body.slices):
                step, *rest = form.steps
                place, inner, offsets = f"{place} + {self.row} * {on.size(step)}", tuple(rest), [*offsets, step]
            self.steps[leaf] = inner
            self._put(leaf, self.shared.scope.fresh(called), place, *offsets)

    def _filled(self, body: LoopBody) -> None:
        """Carries, and what a step leaves behind."""
        on, scope = self.around.on, self.shared.scope
        turn, row, after = self.turn, self.row, f"{self.turn} + 1"
        if body.reverse:
            row, after = f"({self.length} - {turn})", f"{self.length} - 1 - {turn}"
        for each in self.phases.filled:
            name, kept, size = self.on.context.arrays[each.value], each.kept, entries_of(each.value.shape)
            count, start = on.size(size), "" if kept is None or kept.start == 0 else f" + {on.size(kept.start)}"
            if each.carry is None:
                assert kept is not None
                rows = f" + {self.row} * {count}" if kept.rows else ""
                self._put(each.value, name, f"{self.all}{start}{rows}", kept.start, *([size] if kept.rows else []))
                continue
            carry = body.carries[each.carry]
            own = scope.fresh(f"{on.context.arrays[self.e]}_carry{each.carry}")
            self.steps[carry] = strides(carry.shape)
            if kept is not None and kept.rows:
                places = [f"{self.all}{start} + {at} * {count}" for at in (row, f"({after})")]
                first = f"{self.all}{start}" + (f" + {self.length} * {count}" if body.reverse else "")
                offsets = kept.start, size
            else:
                places = [f"on.{own} + {at} % 2 * {count}" for at in (turn, f"({turn} + 1)")]
                first, offsets = f"on.{own}", (size, size)
                length = length_of(2 * item_bytes(carry.kind, on.context.single) * size, on.context.sizes)
                self.shared.rooms.append(MemoryRoom(((TYPES[carry.kind], own),), length))
            self._put(carry, own, places[0], *offsets)
            self._put(each.value, name, places[1], *offsets)
            self.begins.append(self._begun(self.e.args[each.carry], own, TYPES[carry.kind], first))

    def _begun(self, begin: Expr, own: str, kind: str, first: str) -> UnitFunction:
        """The first value of a carry, put where the first step reads it."""
        shape: Shape = begin.shape
        names, place = names_of(shape), "0"
        terms = [f"{name} * {self.on.size(step)}" if step != 1 else name
                 for name, step in zip(names, strides(shape), strict=True) if name is not None]
        place = " + ".join(terms) or "0"
        lanes = guarded(self.around.on, shape, names, [f"{own}[{place}] = {bare(self.around.on.operand(begin, names))};"])
        return self.around.function(f"begin_{own}", lanes, [own], more={own: (kind, first)})

    def _rooms(self, flat: Collection[Expr]) -> None:
        """Memory for what a step computes, and no other one reads."""
        arrays = self.on.context.arrays
        for phases, own in ((self.phases.fixed, ()), (self.phases.step, flat)):
            for e in phases.kept:
                if e not in own:
                    self.places[arrays[e]] = TYPES[e.kind], f"on.{arrays[e]}"
            self.shared.rooms += [room_for(self.on, slot.tenants) for slot in memory(phases, list(own))]
