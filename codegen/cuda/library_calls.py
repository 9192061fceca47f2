"""What a graph has beside phases: products by a library, the order of all launches, a kernel for each phase.

Launches take the place of barriers, in a training step as in a function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from symgrad.codegen.cuda.layout import length_of
from symgrad.codegen.cuda.phased import Phased
from symgrad.codegen.cuda.stages import PhaseStage, RepeatedStages
from symgrad.codegen.cuda.words import THREADS
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.phases.library import LibraryProduct, MatrixPlace, with_copies, with_library
from symgrad.codegen.phases.units import Phases
from symgrad.graphs.errors import BackendError
from symgrad.graphs.sizes import Size

Home = Callable[[Expr, Size], str]  # the array in which an array lies, as Python, and the byte of this entry there


def given_to_library(phases: Phases, narrow: bool) -> tuple[Phases, dict[Expr, LibraryProduct], frozenset[Expr]]:
    """The phases with products by a library, and what is stored in bfloat16 where that is asked for. Raises BackendError
    for a recurrence, which is no matter of launches."""
    if phases.loops:
        raise BackendError("a recurrence stays in one kernel")
    found, products = with_library(phases)
    return with_copies(found, products) if narrow else (found, products, frozenset())


def launch_order(found: Sequence[PhaseStage | RepeatedStages], phases: Phases,
                 products: Mapping[Expr, LibraryProduct]) -> list[str | int]:
    """What is launched for the phases, kernels by name and products by number."""
    names = {int(stage.number): stage.name for stage in found if isinstance(stage, PhaseStage)}
    numbers = {e: k for k, e in enumerate(products)}
    launches: list[str | int] = []
    for number, level in enumerate(phases.levels, 1):
        launches += [f"run_{names[number]}"] if number in names else []
        launches += [numbers[unit.head] for unit in level if unit.kind == "library"]
    return launches


def phase_bodies(found: Sequence[PhaseStage | RepeatedStages]) -> dict[str, tuple[str, list[str]]]:
    """For each phase that is more than products its kernel, as which step it sees, and what it does."""
    stages = [stage for stage in found if isinstance(stage, PhaseStage)]
    return {f"run_{stage.name}": ("0", [f"{stage.name}(rank, on, step, 0);"]) for stage in stages}


def kernel_texts(bodies: Mapping[str, tuple[str, list[str]]], arguments: Sequence[str], placed: Sequence[str]) -> str:
    """A kernel for each body, all with the same arguments; `placed` sets the pointers."""
    declared = ", ".join(arguments)
    given = ", ".join(text.split()[-1].removeprefix("*const").lstrip("*") for text in arguments)
    head = f"static __device__ __forceinline__ Memory placed({declared}) {{"
    texts = ["\n".join([head, *placed, "  return on;", "}"])]
    for name, (step, lines) in bodies.items():
        texts.append("\n".join([
            f'extern "C" __global__ void __launch_bounds__({THREADS})', f"{name}({declared}) {{",
            f"  const int rank = ranked(), step = {step};", f"  const Memory on = placed({given});",
            *(f"  {line}" for line in lines), "}"]))
    return "\n\n".join(texts)


def product_text(p: LibraryProduct, kernel: Phased, home: Home) -> str:
    """A product as Python: sizes, operands, where the result goes, what is done at its entries, the types of both."""
    def text(size: Size) -> str:
        return length_of(size, kernel.begun.sizes).python

    def operand(place: MatrixPlace) -> str:
        return f"({home(place.base, place.start)}, {text(place.line)}, {place.turned}, {text(place.apart)})"

    sizes = map(text, (p.rows, p.columns, p.depth, p.count))
    bias = f"({home(*p.bias)})" if p.bias is not None else "None"
    kinds = ", ".join("BFLOAT16" if e in kernel.on.narrow else "REAL_TYPE" for e in (p.one.base, p.result))
    result = f"({home(p.result, 0)})"
    return f"({', '.join([*sizes, operand(p.one), operand(p.two), result, bias, str(p.positive), kinds])})"
