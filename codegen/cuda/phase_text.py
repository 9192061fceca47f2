"""The phases of a kernel as text: for each a function that shares out its parts, and the calls of all in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.codegen.cuda.sharing import UnitFunction, shared
from symgrad.codegen.cuda.stages import PhasePart, PhaseStage, RepeatedStages
from symgrad.codegen.cuda.words import DEVICE_FUNCTION


def flat(found: Sequence[PhaseStage | RepeatedStages]) -> list[PhaseStage]:
    """All phases, those of recurrences among them."""
    return [stage for each in found for stage in (flat(each.stages) if isinstance(each, RepeatedStages) else [each])]


def phase_functions(found: Sequence[PhaseStage | RepeatedStages], stride: str) -> list[str]:
    """The functions of units and phases; lanes are `stride` apart. Equal units of a deep network are one function."""
    every = flat(found)
    called = shared([f for stage in every for f in stage.functions])
    texts: list[str] = []
    for stage in every:
        texts += [f.text(called[f][1]) for f in stage.functions if called[f][0] == f.name]
        texts.append(_phase(stage, stride, called))
    return texts


def phase_calls(found: Sequence[PhaseStage | RepeatedStages], given: str, barrier: str) -> list[str]:
    """The calls of phases with the arguments that are `given`, a barrier behind each."""
    lines: list[str] = []
    for stage in found:
        if isinstance(stage, RepeatedStages):
            turn = stage.counter
            lines += [f"for (int {turn} = 0; {turn} < {stage.length}; {turn}++) {{",
                      *(f"  {line}" for line in phase_calls(stage.stages, given, barrier)), "}"]
        else:
            lines += [f"{stage.name}({', '.join([given, *stage.counters])});", barrier]
    return lines


def _phase(stage: PhaseStage, stride: str, called: Mapping[UnitFunction, tuple[str, int]]) -> str:
    """A phase: which part each lane, or task, belongs to. Parts of lanes are whole warps. Formulas of units that share a
    function stand here."""
    turns = "".join(f", const int {turn}" for turn in stage.counters)
    parts = [*(PhasePart(f.count, (f.call(called[f][0]),), f.counted == "task") for f in stage.functions), *stage.beside]
    told = [line for f in stage.functions if called[f][1] > 1 for line in f.told]
    lines = [f"// phase {stage.number}: {stage.title}", *told,
             f"{DEVICE_FUNCTION} {stage.name}(const int rank, const Memory &on, const int step, const int steps{turns}) {{"]
    for word, head, some in (
            ("task", "int all = blockIdx.x; all < {}; all += gridDim.x", [i for i in parts if i.tasks]),
            ("lane", f"int all = rank; all < {{}}; all += {stride}", [i for i in parts if not i.tasks])):
        if not some:
            continue
        lines += [f"  for ({head.format(' + '.join(item.lanes for item in some))}) {{", f"    int {word} = all;"]
        for item in some[:-1]:
            lines += [f"    if ({word} < {item.lanes}) {{", *(f"      {line}" for line in item.lines), "      continue;",
                      "    }", f"    {word} -= {item.lanes};"]
        lines += [*(f"    {line}" for line in some[-1].lines), "  }"]
    return "\n".join([*lines, "}"])
