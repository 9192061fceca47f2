"""A job as phases of a kernel: its units as functions of the text, and for each phase the function that shares them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.codegen.c.loops import Context
from symgrad.codegen.c.texts import TYPES
from symgrad.codegen.c.windows import arranged
from symgrad.codegen.cuda.body import Writing
from symgrad.codegen.cuda.layout import in_one_piece
from symgrad.codegen.cuda.units import write_unit
from symgrad.codegen.cuda.words import DEVICE_FUNCTION, THREADS, WORDS, CudaIdentifiers
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.phases.units import Unit, phases_of
from symgrad.codegen.plan.indices import strides
from symgrad.codegen.plan.storage import storage
from symgrad.codegen.python.job import Job
from symgrad.codegen.python.setting import setting
from symgrad.codegen.quoting import in_c_comment
from symgrad.graphs.sizes import Size

Strides = Callable[[Expr, set[Expr]], Sequence[Size]]  # from entry to entry of an array; some must lie in one piece


@dataclass(frozen=True)
class PhasePart:
    """A part of a phase: so many lanes, and the lines that each of them runs."""

    lanes: str
    lines: tuple[str, ...]
    tasks: bool = False  # are these tasks of whole blocks?


class Phased:
    """A job in the making: names, places, units."""

    def __init__(self, job: Job, steps: Strides, pairs: Callable[[Any], Mapping[Expr, Expr]], tasks: bool = False) -> None:
        begun = arranged(setting(job, WORDS, CudaIdentifiers))
        self.begun, self.roots = begun, begun.roots
        self.single = job.module.single
        kept = storage([root for root in dict.fromkeys(begun.roots) if root not in begun.given])
        self.phases = phases_of(kept)
        flat = in_one_piece(kept, self.roots)
        for p, g in pairs(begun).items():  # what is laid out alike
            flat |= {p, g} if p in flat or g in flat else set()
        self.constants = [e for e in begun.given if e.op is acts.CONSTANT]
        named = {e: begun.scope.fresh(begun.given[e]) for e in self.constants}  # the program calls them as it likes
        names = {**begun.given, **named, **self._names(kept.stored)}
        where: dict[Expr, Sequence[Size]] = {e: steps(e, flat) for e in names}
        where.update({e: strides(e.shape) for e in self.constants})
        self.on = Writing(Context(kept, names, begun.sizes, self.single), where, tasks=tasks)
        self.comments = {e: in_c_comment(wish.comment) for e, wish in begun.wishes.items() if wish.comment}
        self.by_name = {names[e]: e for e in names if e in self.phases.kept or e in begun.given}
        self.kept = [e for level in self.phases.levels for unit in level for e in unit.steps if e in self.phases.kept]

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

    def functions(self, beside: Sequence[PhasePart], stride: str) -> tuple[list[str], int]:
        """The functions of all units and phases, `beside` what happens in the first; and the number of phases."""
        texts = []
        for number, level in enumerate(self.phases.levels, 1):
            share = max(32, THREADS // max(1, sum(unit.kind == "product" for unit in level)))
            done = [self._unit(unit, share) for unit in level]
            texts += [text for text, _ in done]
            items = [item for _, item in done] + (list(beside) if number == 1 else [])
            title = ", ".join(self.name(e) for unit in level for e in unit.steps if e in self.phases.kept)
            texts.append(_phase(number, title, items, stride))
        return texts, len(self.phases.levels)

    def _unit(self, unit: Unit, share: int) -> tuple[str, PhasePart]:
        """A unit as a function, and how it is called."""
        arrays, kept = self.on.context.arrays, self.phases.kept
        lanes = write_unit(self.on, self.phases, unit, share)
        body = "\n".join(f"  {line}" for line in lanes.lines)
        written = {arrays[e] for e in unit.steps if e in kept}
        found = dict.fromkeys(re.findall(r"[^\W\d]\w*", body))
        used = [(name, self.by_name[name]) for name in found if name in self.by_name]
        taken = [f"{'' if name in written else 'const '}{TYPES[e.kind]} *const {name}" for name, e in used]
        passed = [f"on.{name}" for name, _ in used]
        if "failed" in found:
            taken.append("int *const failed")
            passed.append("on.failed")
        name = "find_" + "_".join([arrays[e] for e in unit.steps if e in kept][:3])
        number = "task" if lanes.tasks else "lane"
        told = [f"// {self.comments[e]}" for e in unit.steps if e in self.comments]
        head = f"{DEVICE_FUNCTION} {name}({', '.join([f'const int {number}', *taken])}) {{"
        part = PhasePart(lanes.count, (f"{name}({', '.join([number, *passed])});",), lanes.tasks)
        return "\n".join([*told, head, body, "}"]), part


def _phase(number: int, title: str, items: Sequence[PhasePart], stride: str) -> str:
    """A phase: which part each lane, or task, belongs to. Parts of lanes are whole warps."""
    lines = [f"// phase {number}: {title}",
             f"{DEVICE_FUNCTION} phase_{number}(const int rank, const Memory &on, const int step, const int steps) {{"]
    for word, head, some in (("task", "int all = blockIdx.x; all < {}; all += gridDim.x", [i for i in items if i.tasks]),
                             ("lane", f"int all = rank; all < {{}}; all += {stride}", [i for i in items if not i.tasks])):
        if not some:
            continue
        lines += [f"  for ({head.format(' + '.join(item.lanes for item in some))}) {{", f"    int {word} = all;"]
        for item in some[:-1]:
            lines += [f"    if ({word} < {item.lanes}) {{", *(f"      {line}" for line in item.lines), "      continue;",
                      "    }", f"    {word} -= {item.lanes};"]
        lines += [*(f"    {line}" for line in some[-1].lines), "  }"]
    return "\n".join([*lines, "}"])
