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
from symgrad.codegen.cuda.library_calls import given_to_library, kernel_texts, launch_order, phase_bodies, product_text
from symgrad.codegen.cuda.stages import PhasePart, PhaseStage, RepeatedStages
from symgrad.codegen.cuda.step import Argument, GraphText, KernelText
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.phases.units import Phases
from symgrad.codegen.python.job import Stepping
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
        found, self.library, self.copied = given_to_library(phases, self.narrow)
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
        self.launches = ["fetch", *launch_order(found, self.phases, self.library), "run_update"]
        first = [line for part in (*self.batch({e: self.name(e) for e in self.data}, "step"), *self.rates())
                 for line in (f"for (int lane = rank; lane < {part.lanes}; lane += strided()) {{",
                              *(f"  {line}" for line in part.lines), "}")]
        bodies = {"fetch": ("count[1]", [*first, "if (rank == 0) count[0] = step;"]),
                  **phase_bodies(found),
                  "run_update": ("count[0]", ["update(rank, on, step);", "if (rank == 0) count[1] = step + 1;"])}
        return kernel_texts(bodies, [a.text for a in arguments], self.placed())

    # products ---------------------------------------------------------------------------------------------------------

    def graph(self) -> GraphText:
        return GraphText(tuple(self.launches), tuple(product_text(p, self, self._home) for p in self.library.values()))

    def _home(self, e: Expr, start: Size) -> str:
        """The array in which an array lies, and its first byte there."""
        theta, g = self.step.vectors[:2]
        within: dict[Expr, tuple[str, Size]] = {p: (theta, at) for p, at in self.begins.items()}
        within.update({grad: (g, self.begins[p]) for p, grad in self.gradients.items()})
        if e in within:
            name, at = within[e]
            return f'"{name}", {self.item} * ({length_of(at + start, self.begun.sizes).python})'
        item = 2 if e in self.on.narrow else self.item
        offset = f" + {item} * ({length_of(start, self.begun.sizes).python})" if start != 0 else ""
        names = [name for name, _ in self.pieces()]
        rooms = {name: k for k, room in enumerate(self.rooms()) for _, name in room.tenants}
        name = self.name(e)
        if name in rooms or name in names:
            piece = f"slot{rooms[name]}" if name in rooms else name
            return f'"memory", starts[{names.index(piece)}]{offset}'
        data = dict(zip(self.data, (*self.step.data, *self.step.masks), strict=True))
        known = f"data {data[e][0]}" if e in data else f"constant {self.begun.given[e]}"
        return f'"{known}", 0{offset}'
