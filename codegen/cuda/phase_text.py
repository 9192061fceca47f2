"""The phases of a kernel as text: for each a function that shares out its parts, and the calls of all in order."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.codegen.cuda.stages import PhaseStage, RepeatedStages
from symgrad.codegen.cuda.words import DEVICE_FUNCTION


def phase_functions(found: Sequence[PhaseStage | RepeatedStages], stride: str) -> list[str]:
    """The functions of units and phases; lanes are `stride` apart."""
    texts: list[str] = []
    for stage in found:
        if isinstance(stage, RepeatedStages):
            texts += phase_functions(stage.stages, stride)
        else:
            texts += [*stage.functions, _phase(stage, stride)]
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


def _phase(stage: PhaseStage, stride: str) -> str:
    """A phase: which part each lane, or task, belongs to. Parts of lanes are whole warps."""
    turns = "".join(f", const int {turn}" for turn in stage.counters)
    lines = [f"// phase {stage.number}: {stage.title}",
             f"{DEVICE_FUNCTION} {stage.name}(const int rank, const Memory &on, const int step, const int steps{turns}) {{"]
    for word, head, some in (
            ("task", "int all = blockIdx.x; all < {}; all += gridDim.x", [i for i in stage.parts if i.tasks]),
            ("lane", f"int all = rank; all < {{}}; all += {stride}", [i for i in stage.parts if not i.tasks])):
        if not some:
            continue
        lines += [f"  for ({head.format(' + '.join(item.lanes for item in some))}) {{", f"    int {word} = all;"]
        for item in some[:-1]:
            lines += [f"    if ({word} < {item.lanes}) {{", *(f"      {line}" for line in item.lines), "      continue;",
                      "    }", f"    {word} -= {item.lanes};"]
        lines += [*(f"    {line}" for line in some[-1].lines), "  }"]
    return "\n".join([*lines, "}"])
