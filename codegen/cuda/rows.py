"""Rows: steps that read of each other only the same row, computed by the lanes of a warp, with no barrier but its own.

What a row has once, such as a maximum, is found by all its lanes and stays in a register of each. A warp waits only
before a step that reads from memory what another lane has written since it last waited.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from symgrad.codegen.c.texts import TYPES
from symgrad.codegen.cuda.body import Names, Writing, entries_of, split
from symgrad.codegen.cuda.contractions import letters, term_lines, together
from symgrad.codegen.cuda.entries import entry
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.lowering.order import typical
from symgrad.codegen.phases.units import Phases, Unit
from symgrad.codegen.plan.storage import SCALAR, reads
from symgrad.graphs.sizes import Shape


def lanes_of(phases: Phases, unit: Unit) -> int:
    """Lanes for a row: a power of two, up to a warp, as long as each has an entry."""
    widest = max(prod(map(typical, phases.visits[e].shape[unit.rows:])) for e in unit.steps)
    lanes = 1
    while lanes < 32 and lanes < widest:
        lanes *= 2
    return lanes


class _Row:
    """A unit of rows as it is written: what is in registers, what was written since the warp last waited."""

    def __init__(self, on: Writing, phases: Phases, unit: Unit) -> None:
        self.on, self.phases, self.unit, self.rows = on, phases, unit, unit.rows
        self.lanes = lanes_of(phases, unit)
        shape = unit.head.shape[:unit.rows]
        self.shape = shape
        self.names: list[str | None] = [n if s != 1 else None for n, s in zip(letters(unit.rows), shape, strict=True)]
        self.known: dict[Expr, str] = {}
        self.written: dict[Expr, bool] = {}  # arrays of this unit, since the warp waited; True: each lane reads its own
        self.lines: list[str] = []

    def wait(self, e: Expr, mapped: bool) -> None:
        """Before a step that reads what another lane has written; `mapped`: its lanes are those of the entries."""
        visit = self.phases.visits[e]
        for b in reads(e, self.phases.storage):
            inside = b in self.known and e.op in SCALAR | acts.REDUCTIONS
            if b in self.written and not inside and not (mapped and self.written[b] and visit.entry(b)):
                self.lines.append("__syncwarp();")
                self.written.clear()
                return

    def step(self, e: Expr) -> None:
        """The lines of a step."""
        on, inner = self.on, e.shape[self.rows:]
        local = f"{on.context.arrays[e]}_"
        own = [n if s != 1 else None for n, s in zip(letters(len(inner), self.rows), inner, strict=True)]
        names: Names = [*self.names, *own]
        once = all(size == 1 for size in inner)
        store = [f"{on.place(e, names)} = {local};"]
        if e.op in acts.REDUCTIONS:
            if not once or (e.op is acts.PROD or e.kind != "real"):
                self.wait(e, False)
                self._each(inner, names, [*term_lines(on, e, names), f"{on.place(e, names)} = total;"])
                self.written[e] = not once
                return
            arg = e.args[0]
            trailing = all(a >= self.rows for a in e.attrs[0]) and len(e.attrs[0]) == len(arg.shape) - self.rows
            self.wait(e, trailing)
            self.lines += [f"real {local};", "{", *(f"  {line}" for line in together(
                on, e, names, str(self.lanes), "part", "if (live) ", self.known)), f"  {local} = total;", "}"]
            self._once(e, store)
            return
        self.wait(e, not once)
        lines, value = entry(on, e, names, self.known)
        if once and e.op in SCALAR:  # by every lane: nobody waits for it
            self.lines.append(f"const {TYPES[e.kind]} {local} = live ? {value} : 0;")
            self._once(e, store)
            return
        lines = [*lines, f"{on.place(e, names)} = {value};"]
        self._each(inner, names, lines)
        self.written[e] = not once

    def _once(self, e: Expr, store: Sequence[str]) -> None:
        """What every lane of a row knows; one of them writes it down where others read it."""
        self.known[e] = f"{self.on.context.arrays[e]}_"
        if e in self.phases.kept:
            self.lines.append(f"if (live && part == 0) {store[0]}")
            self.written[e] = False

    def _each(self, inner: Shape, names: Names, lines: Sequence[str]) -> None:
        """Lines for each entry of a row, by its lanes in turn."""
        on = self.on
        axes = [k for k, size in enumerate(inner) if size != 1]
        if not axes:
            self.lines += ["if (live && part == 0) {", *(f"  {line}" for line in lines), "}"]
            return
        own = names[self.rows:]
        count = on.size(entries_of(inner))
        name = own[axes[0]] if len(axes) == 1 else "place"
        opened = [] if len(axes) == 1 else split(on, "place", own, inner)
        self.lines += [f"if (live) for (int {name} = part; {name} < {count}; {name} += {self.lanes}) {{",
                       *(f"  {line}" for line in (*opened, *lines)), "}"]


def write_rows(on: Writing, phases: Phases, unit: Unit) -> tuple[str, list[str]]:
    """The lanes of a unit of rows, and the lines of one of them."""
    row = _Row(on, phases, unit)
    for e in unit.steps:
        row.step(e)
    count = on.size(entries_of(row.shape))
    head = [f"const int row = lane / {row.lanes}, part = lane % {row.lanes};  // {row.lanes} lanes for each row",
            f"const bool live = row < {count};", *split(on, "row", row.names, row.shape)]
    return f"warps({count} * {row.lanes})", [*head, *row.lines]
