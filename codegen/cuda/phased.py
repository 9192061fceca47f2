"""A job as phases of a kernel: its units as functions of the text, and for each phase the function that shares them out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from symgrad.codegen.c.loops import Context
from symgrad.codegen.c.windows import arranged
from symgrad.codegen.cuda.body import Writing
from symgrad.codegen.cuda.layout import MemoryRoom, in_one_piece, length_of, room_for
from symgrad.codegen.cuda.prelude import prelude_text
from symgrad.codegen.cuda.stages import (
    KernelParts,
    PhasePart,
    PhaseStage,
    RepeatedStages,
    Strides,
    UnitTexts,
    levels_of,
    stages,
)
from symgrad.codegen.cuda.words import WORDS, CudaIdentifiers
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.phases.plan import PlannedUnit
from symgrad.codegen.phases.units import Phases, PhaseSlot, narrow, phases_of
from symgrad.codegen.plan.indices import strides
from symgrad.codegen.plan.plan import products_of, total, work_of
from symgrad.codegen.plan.storage import storage
from symgrad.codegen.python.job import Job
from symgrad.codegen.python.setting import Setting, setting
from symgrad.codegen.quoting import in_c_comment


class Phased:
    """A job in the making: names, places, units."""

    slots: Sequence[PhaseSlot] = ()
    narrow = False  # are matrices stored in bfloat16?

    def __init__(self, job: Job, steps: Strides, pairs: Callable[[Any], Mapping[Expr, Expr]], tasks: bool = False) -> None:
        begun = self.with_results(arranged(setting(job, WORDS, CudaIdentifiers)))
        self.begun, self.roots = begun, begun.roots
        self.single = job.module.single
        kept = storage([root for root in dict.fromkeys(begun.roots) if root not in begun.given])
        self.phases = self.with_library(phases_of(kept))
        flat = in_one_piece(self.phases, self.roots)
        for p, g in pairs(begun).items():  # what is laid out alike
            flat |= {p, g} if p in flat or g in flat else set()
        self.constants = [e for e in begun.given if e.op is acts.CONSTANT]
        named = {e: begun.scope.fresh(begun.given[e]) for e in self.constants}  # the program calls them as it likes
        names = {**begun.given, **named, **self._names(list(dict.fromkeys([*kept.stored, *self.phases.steps])))}
        where: dict[Expr, Sequence[Any]] = {e: steps(e, flat) for e in names}
        where.update({e: strides(e.shape) for e in self.constants})
        halves = self.halves() if self.narrow else ()
        self.on = Writing(Context(kept, names, begun.sizes, self.single), where, tasks=tasks, narrow=halves)
        self.comments = {e: in_c_comment(wish.comment) for e, wish in begun.wishes.items() if wish.comment}
        self.kept = [e for level in self.phases.levels for unit in level for e in unit.steps if e in self.phases.kept]
        self.shared = KernelParts(begun.scope, steps)

    def with_library(self, phases: Phases) -> Phases:
        """The phases with what a library computes; here, nothing."""
        return phases

    def halves(self) -> Collection[Expr]:
        """What is stored in bfloat16."""
        return narrow(self.phases) if self.products() else ()

    def with_results(self, begun: Setting) -> Setting:
        """The setting with results as the kernel wants them."""
        return begun

    def _names(self, stored: Sequence[Expr]) -> dict[Expr, str]:
        begun = self.begun
        wished = dict(zip(reversed(self.roots), reversed([name for name, _ in begun.job.outputs]), strict=True))
        names = {}
        for e in stored:
            wish = wished.get(e) or (begun.wishes[e].name if e in begun.wishes else None)
            names[e] = begun.scope.fresh(wish) if wish else begun.scope.numbered("v")
        return names

    def name(self, e: Expr) -> str:
        """What an array is called in the text."""
        return self.on.context.arrays[e]

    def staged(self, beside: Sequence[PhasePart]) -> list[PhaseStage | RepeatedStages]:
        """All phases in order, `beside` what happens in the first."""
        kept = [e for e in self.on.context.arrays if e in self.phases.kept or e in self.begun.given]
        places = {self.name(e): (self.on.type(e), f"on.{self.name(e)}") for e in kept}
        return stages(levels_of(UnitTexts(self.on, places, self.comments, self.shared), self.phases), beside)

    @property
    def told(self) -> Sequence[PlannedUnit]:
        """The units as they are told, once they are staged."""
        return self.shared.told

    def rooms(self) -> list[MemoryRoom]:
        """The memory of what is computed in between, once all is staged."""
        return [*(room_for(self.on, slot.tenants) for slot in self.slots), *self.shared.rooms]

    def within(self) -> list[tuple[str, str]]:
        """The arrays of the steps of recurrences, by type and name."""
        return [tenant for room in self.shared.rooms for tenant in room.tenants]

    def work(self) -> list[str]:
        """The operations of all, and those of each product of matrices, as Python."""
        exprs = order(self.roots)
        return [length_of(total(part), self.begun.sizes).python for part in (
            [item for e in exprs for item in work_of(e)], *([product] for product in products_of(exprs)))]

    def products(self) -> bool:
        """Are there products of matrices?"""
        return any(unit.kind == "product" for unit in self.phases.units())

    def prelude(self, vessel: str, precision: str) -> str:
        """What stands before the kernel."""
        linear = any(unit.kind == "matrices" for unit in self.phases.units())
        return prelude_text(self.single, self.on.context.used, vessel, self.products(), precision, linear)
