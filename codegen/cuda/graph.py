"""The graph vessel: the phases of a step as kernels of their own, its products by cuBLASLt, captured once and replayed.

    fetch         the batch of this step, and its rates
    phase 1 ...   what is no product, as in the grid vessel; behind it the products that belong there
    update        the parameters; the number of the step

Launches take the place of barriers. The number of the step is counted on the card, so that one graph serves all steps:
`fetch` copies it for the update, which counts it up, so no kernel writes what another block of it reads.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from symgrad.codegen.cuda.grid import GridKernel
from symgrad.codegen.cuda.layout import length_of
from symgrad.codegen.cuda.stages import PhasePart, PhaseStage, RepeatedStages
from symgrad.codegen.cuda.step import Argument, GraphText, KernelText
from symgrad.codegen.cuda.words import THREADS
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.phases.library import LibraryProduct, MatrixPlace, with_copies, with_library
from symgrad.codegen.phases.units import Phases
from symgrad.codegen.python.job import Stepping
from symgrad.graphs.errors import BackendError
from symgrad.graphs.sizes import Size


def graph_kernels(step: Stepping, precision: str = "float32") -> KernelText:
    """The kernels of a step, whose products a library computes. Raises BackendError, with the reason, for a step that has
    none."""
    return _Graph(step, precision).text()


class _Graph(GridKernel):
    """The kernels of a step in the making."""

    vessel, ahead = "graph", False
    further: tuple[str, ...] = ()

    def with_library(self, phases: Phases) -> Phases:
        if phases.loops:
            raise BackendError("a recurrence stays in one kernel")
        found, self.library = with_library(phases)
        if self.narrow:
            found, self.library, self.copied = with_copies(found, self.library)
        return found

    def halves(self) -> Collection[Expr]:
        return self.copied

    def products(self) -> bool:
        return self.narrow or super().products()

    def arguments(self) -> list[Argument]:
        kept = [a for a in super().arguments() if a.role not in ("steps", "word")]
        return [*kept, Argument("int *const count", "count")]

    def held(self, e: Expr) -> bool:
        return self.sampled(e)  # what all batches have is read where it lies

    def beside(self) -> list[PhasePart]:
        return self.looked_at()

    def kernels(self, found: Sequence[PhaseStage | RepeatedStages], arguments: Sequence[Argument]) -> str:
        """A kernel for each phase that is more than products."""
        phases = {int(stage.number): stage.name for stage in found if isinstance(stage, PhaseStage)}
        numbers = {e: k for k, e in enumerate(self.library)}
        self.launches: list[str | int] = ["fetch"]
        for number, level in enumerate(self.phases.levels, 1):
            self.launches += [f"run_{phases[number]}"] if number in phases else []
            self.launches += [numbers[unit.head] for unit in level if unit.kind == "library"]
        self.launches.append("run_update")
        first = [line for part in (*self.batch({e: self.name(e) for e in self.data}, "step"), *self.rates())
                 for line in (f"for (int lane = rank; lane < {part.lanes}; lane += strided()) {{",
                              *(f"  {line}" for line in part.lines), "}")]
        bodies = {"fetch": ("count[1]", [*first, "if (rank == 0) count[0] = step;"]),
                  **{f"run_{name}": ("0", [f"{name}(rank, on, step, 0);"]) for name in phases.values()},
                  "run_update": ("count[0]", ["update(rank, on, step);", "if (rank == 0) count[1] = step + 1;"])}
        declared = ", ".join(a.text for a in arguments)
        given = ", ".join(a.text.split()[-1].removeprefix("*const").lstrip("*") for a in arguments)
        head = f"static __device__ __forceinline__ Memory placed({declared}) {{"
        texts = ["\n".join([head, *self.placed(), "  return on;", "}"])]
        for name, (step, lines) in bodies.items():
            texts.append("\n".join([
                f'extern "C" __global__ void __launch_bounds__({THREADS})', f"{name}({declared}) {{",
                f"  const int rank = ranked(), step = {step};", f"  const Memory on = placed({given});",
                *(f"  {line}" for line in lines), "}"]))
        return "\n\n".join(texts)

    # products ---------------------------------------------------------------------------------------------------------

    def graph(self) -> GraphText:
        return GraphText(tuple(self.launches), tuple(map(self._product, self.library.values())))

    def _product(self, p: LibraryProduct) -> str:
        """A product as Python: sizes, operands, where the result goes, what is done at its entries."""
        sizes = map(self._python, (p.rows, p.columns, p.depth, p.count))
        bias = self._home(*p.bias) if p.bias is not None else "None"
        one, two, result = self._operand(p.one), self._operand(p.two), self._home(p.result, 0)
        kinds = ", ".join("BFLOAT16" if e in self.on.narrow else "REAL_TYPE" for e in (p.one.base, p.result))
        return f"({', '.join([*sizes, one, two, result, bias, str(p.positive), kinds])})"

    def _python(self, size: Size) -> str:
        return length_of(size, self.begun.sizes).python

    def _operand(self, place: MatrixPlace) -> str:
        line, apart = map(self._python, (place.line, place.apart))
        return f"({self._home(place.base, place.start)[1:-1]}, {line}, {place.turned}, {apart})"

    def _home(self, e: Expr, start: Size) -> str:
        """The array in which an array lies, and its first byte there."""
        theta, g = self.step.vectors[:2]
        within: dict[Expr, tuple[str, Size]] = {p: (theta, at) for p, at in self.begins.items()}
        within.update({grad: (g, self.begins[p]) for p, grad in self.gradients.items()})
        if e in within:
            name, at = within[e]
            return f'("{name}", {self.item} * ({self._python(at + start)}))'
        item = 2 if e in self.on.narrow else self.item
        offset = f" + {item} * ({self._python(start)})" if start != 0 else ""
        names = [name for name, _ in self.pieces()]
        rooms = {name: k for k, room in enumerate(self.rooms()) for _, name in room.tenants}
        name = self.name(e)
        if name in rooms or name in names:
            piece = f"slot{rooms[name]}" if name in rooms else name
            return f'("memory", starts[{names.index(piece)}]{offset})'
        data = dict(zip(self.data, (*self.step.data, *self.step.masks), strict=True))
        known = f"data {data[e][0]}" if e in data else f"constant {self.begun.given[e]}"
        return f'("{known}", 0{offset})'
