"""The grid vessel: whole training steps in one cooperative kernel, a block on each multiprocessor.

Arrays lie in global memory, which is the cache of the second level for what fits there, parameters and what the optimiser
keeps where the state has them. Between two phases all blocks meet. A product is cut into tiles of 16 x 16; the warps of a
block share out the sum, and add their parts in one order, so every run gives the same bits.
"""

from __future__ import annotations

from collections.abc import Collection

from symgrad.codegen.cuda.body import entries_of
from symgrad.codegen.cuda.layout import length_of
from symgrad.codegen.cuda.many_blocks import GRID_TEXT
from symgrad.codegen.cuda.step import Argument, KernelText, StepKernel
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.indices import strides
from symgrad.codegen.python.job import Stepping
from symgrad.graphs.sizes import Size


def grid_kernel(step: Stepping, precision: str = "float32") -> KernelText:
    """The kernel of a training step, whose products round their operands to `precision`. In bfloat16 matrices are stored
    so, too; sums, parameters and the optimiser stay float32. Raises BackendError, with the reason, for a step without."""
    return GridKernel(step, precision).text()


def _row_major(e: Expr, flat: Collection[Expr]) -> tuple[Size, ...]:
    return strides(e.shape)


class GridKernel(StepKernel):
    """A kernel of many blocks in the making."""

    vessel, stride, opening, tasks = "grid", "strided()", GRID_TEXT, True
    barrier = "barrier(on.word);"
    further: tuple[str, ...] = ("  unsigned *word;  // of the barrier",)

    def __init__(self, step: Stepping, precision: str) -> None:
        self.narrow = precision == "bfloat16"
        super().__init__(step, _row_major, precision)
        at: Size = 0
        self.begins: dict[Expr, Size] = {}  # within theta
        offsets: dict[Expr, tuple[Size, ...]] = {}
        for p in self.parameters:
            self.begins[p], offsets[p] = at, (at,)
            if p in self.gradients:
                offsets[self.gradients[p]] = (at,)
            at = at + entries_of(p.shape)
        self.on.offsets = offsets

    def layout(self) -> tuple[str, list[str]]:
        names, pieces = self.begun.sizes, self.pieces()
        lines = ["// Where the parameters lie in theta; then all arrays, in bytes."]
        lines += [f"constexpr int {self.place[p]} = {length_of(at, names).c};" for p, at in self.begins.items()]
        last = self.parameters[-self.step.frozen - 1]
        lines.append(f"constexpr int TRAINED = {self.place[last]} + {self.on.size(entries_of(last.shape))};")
        at = "0"
        for name, length in pieces:
            lines.append(f"constexpr int {name}_at = {at};")
            at = f"{name}_at + aligned({length.c})"
        return "\n".join(lines), [length.python for _, length in pieces]

    def arguments(self) -> list[Argument]:
        return [*super().arguments(), Argument("char *const memory", "memory"), Argument("unsigned *const word", "word")]

    def placed(self) -> list[str]:
        """Where everything lies."""
        theta, g = (self.all_vectors[v] for v in self.vectors[:2])
        return ["  Memory on;", *(f"  on.{v} = {self.all_vectors[v]};" for v in self.vectors),
                *(f"  on.{self.name(p)} = {theta} + {self.place[p]};" for p in self.parameters),
                *(f"  on.{self.name(e)} = {g} + {self.place[p]};" for p, e in self.gradients.items()),
                *self.pointers(), "  on.failed = failed;"]

    def opened(self) -> list[str]:
        return ["  const int rank = ranked();", *self.placed(), "  on.word = word;", *self.first_batch(),
                f"  {self.barrier}"]

    def closed(self) -> list[str]:
        return []
