"""The phases of a function as a table: what is computed at once, by which kind of unit, and who waits after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.phases.units import Unit
from symgrad.codegen.plan.tables import Table, Tabled
from symgrad.graphs.errors import BackendError
from symgrad.graphs.sizes import Shape

WAITS = {"recurrence": "all, in every step", "rows": "a warp", "matrices": "a warp",
         **dict.fromkeys(("product", "library", "contraction", "reduction", "entries", "lines", "sums"), "nobody")}


@dataclass(frozen=True)
class PlannedUnit:
    """A unit as it is told: its phase, its kind, what it finds, by which formulas, and who waits inside.

    Phases 4.1, 4.2, ... run for every step of a recurrence that begins in phase 4.
    """

    phase: str
    kind: str
    finds: tuple[str, ...]
    formulas: tuple[str, ...]
    shape: str
    waits: str


@dataclass(frozen=True)
class VesselChoice:
    """The plans by vessel, and what chooses one: by sizes of these names, the bytes of shared memory that a block has, and
    whether blocks may wait for each other; it gives the vessel and the reason."""

    plans: Mapping[str, PhasePlan]
    names: tuple[str, ...]
    choose: Callable[[Sequence[int], int, bool], tuple[str, str]]


@dataclass(frozen=True, repr=False)
class PhasePlan(Tabled):
    """How a step runs on a GPU. `vessel`: "block" (one kernel of one block), "grid" (one of many), "graph" (a kernel for
    each phase, products by a library), or "plain"; `reason`: why that one."""

    vessel: str
    units: tuple[PlannedUnit, ...] = ()
    reason: str = ""
    precision: str = "float32"  # to which products round their operands
    narrow: bool = False  # are matrices stored so, too?
    update: bool = True  # does it train?
    choice: VesselChoice | None = field(default=None, compare=False)

    def at(self, room: int = 232448, together: bool = True, **sizes: int) -> PhasePlan:
        """The plan for these sizes, `at(T=512)`, with the reason, on a card with `room` bytes of shared memory a block.

        Raises BackendError where a size is missing, or is none of this step.
        """
        if self.choice is None:
            return self
        names = self.choice.names
        if set(sizes) != set(names):
            given = ", ".join(sizes) or "none"
            raise BackendError(f"this plan depends on {', '.join(names) or 'no size'}; given are {given}")
        vessel, reason = self.choice.choose([sizes[name] for name in names], room, together)
        plan = self.choice.plans.get(vessel)
        return plain_plan(reason) if plan is None else replace(plan, reason=reason)

    @property
    def phases(self) -> int:
        """How many phases there are; a barrier follows each."""
        return len({unit.phase for unit in self.units})

    @cached_property
    def table(self) -> Table:
        """The units as rows."""
        rows = [(u.phase, u.kind, " ".join(u.finds), "; ".join(u.formulas) or "-", u.shape, u.waits)
                for u in self.units]
        header = ("phase", "unit", "finds", "computes", "shape", "waits inside")
        return Table(header, rows, code=("computes",), note=self.note)

    @property
    def brief(self) -> list[str]:
        """A line for each phase, for the text of a program."""
        lines = [self.note]
        for number in dict.fromkeys(u.phase for u in self.units):
            units = [f"{' '.join(u.finds)} ({u.kind})" for u in self.units if u.phase == number]
            lines.append(f"{number:>3}  {', '.join(units)}")
        return lines

    @property
    def note(self) -> str:
        """What the table means, in a line."""
        if self.vessel == "plain":
            return f"runs as plain steps of the array library: {self.reason}"
        rounded = "" if self.precision == "float32" else f"; products round their operands to {self.precision}"
        rounded += ", and matrices in between are stored so" if self.narrow else ""
        rounded += f"; chosen because {self.reason}" if self.reason else ""
        repeated = [u.phase for u in self.units if u.kind == "recurrence"]
        within = " and ".join(dict.fromkeys(repeated))
        rounded += f"; those within {within} for every step of a recurrence" if repeated else ""
        if self.choice is not None and self.choice.names:
            others = " or ".join(vessel for vessel in self.choice.plans if vessel != self.vessel)
            rounded += f"\nother sizes may take {others}: at({'=..., '.join(self.choice.names)}=...) says which, and why"
        if self.vessel == "graph":
            by_library = sum(unit.kind == "library" for unit in self.units)
            what, when = (" and the update", "step") if self.update else ("", "call")
            return (f"vessel graph: {self.phases} phases{what}, {by_library} product{'s' * (by_library != 1)} by cuBLASLt; "
                    f"captured once and launched for every {when}{rounded}")
        if not self.update:
            return f"vessel {self.vessel}: {self.phases} phases, a barrier between two; one kernel{rounded}"
        return (f"vessel {self.vessel}: {self.phases} phases and the update, a barrier after each; "
                f"one kernel for many steps{rounded}")

    def __str__(self) -> str:
        return str(self.table) if self.units else self.note


def planned(phase: str, unit: Unit, names: Mapping[Expr, str], comments: Mapping[Expr, str],
            kept: Collection[Expr]) -> PlannedUnit:
    """A unit by the names and formulas of its steps."""
    shape = unit.head.shape if unit.kind != "recurrence" else (unit.head.attrs[0].length,)
    return PlannedUnit(phase, unit.kind, tuple(names[e] for e in unit.steps if e in kept),
                       tuple(_short(comments[e]) for e in unit.steps if e in comments),
                       _shape(shape) + (" steps" if unit.kind == "recurrence" else ""), WAITS[unit.kind])


def _short(formula: str) -> str:
    """A formula without what is said of its letters, where that makes a line too long."""
    return formula if len(formula) <= 120 else formula.partition(", where ")[0]


def phase_plan(units: Sequence[PlannedUnit], vessel: str, precision: str = "float32", update: bool = True,
               narrow: bool = False) -> PhasePlan:
    """The phases of a function as a table."""
    return PhasePlan(vessel, tuple(units), "", precision, narrow, update)


def plain_plan(reason: str) -> PhasePlan:
    """What has no fused form, and why."""
    return PhasePlan("plain", reason=reason)


def _shape(shape: Shape) -> str:
    return " x ".join(map(_size, shape)) or "scalar"


def _size(size: Any) -> str:
    return str(size).replace("**", "^")
