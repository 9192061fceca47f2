"""The block vessel: whole training steps in one kernel of one block, all that a step touches in its shared memory.

    load theta and what the optimiser keeps; the first batch
    for every step:  the phases, a barrier after each; the next batch comes meanwhile
                     the update, for all parameters at once; a barrier
    store theta, what the optimiser keeps, the last gradient

Nothing is added in an order that another run could change, so every run gives the same bits. The text knows its sizes as
constants that are written before it when it is compiled for a batch.
"""

from __future__ import annotations

from symgrad.codegen.cuda.body import entries_of
from symgrad.codegen.cuda.layout import ByteCount, length_of, padded, words
from symgrad.codegen.cuda.prelude import BLOCK_TEXT
from symgrad.codegen.cuda.step import KernelText, StepKernel
from symgrad.codegen.cuda.words import THREADS
from symgrad.codegen.plan.indices import strides
from symgrad.codegen.python.job import Stepping


def block_kernel(step: Stepping) -> KernelText:
    """The kernel of a training step. Raises BackendError, with the reason, for a step that has none."""
    return _Block(step, padded).text()


class _Block(StepKernel):
    """A kernel of one block in the making."""

    vessel, stride, opening = "block", str(THREADS), BLOCK_TEXT

    def layout(self) -> tuple[str, list[str]]:
        names = self.begun.sizes
        lines = ["// Where the parameters lie in theta; then all arrays, in bytes."]
        at, each = "0", []
        for p in self.parameters:
            found = words(p, self.on.strides[p], names)
            lines.append(f"constexpr int {self.place[p]} = {at};")
            at = f"{self.place[p]} + {found.c}"
            each.append(found.python)
            if p is self.parameters[-self.step.frozen - 1]:
                lines.append(f"constexpr int TRAINED = {at};")
        lines.append(f"constexpr int ENTRIES = {at};")
        vector = ByteCount(f"{self.item} * ENTRIES", f"{self.item} * ({' + '.join(each)})")
        marks = length_of(4 * max(1, len(self.on.checked)), names)
        pieces = [*((name, vector) for name in self.vectors), *self.pieces(), ("failed", marks)]
        at = "0"
        for name, length in pieces:
            lines.append(f"constexpr int {name}_at = {at};")
            at = f"{name}_at + aligned({length.c})"
        return "\n".join([*lines, f"constexpr int BYTES = {at};"]), [length.python for _, length in pieces]

    def opened(self) -> list[str]:
        theta, g = self.vectors[:2]
        return ["  SHARED(memory);", "  const int rank = threadIdx.x;", "  Memory on;", "  // What pads a row is zero.",
                f"  for (int lane = rank; lane < BYTES / 4; lane += {THREADS}) ((int *)memory)[lane] = 0;",
                *(f"  on.{name} = (real *)(memory + {name}_at);" for name in self.vectors),
                *(f"  on.{self.name(p)} = on.{theta} + {self.place[p]};" for p in self.parameters),
                *(f"  on.{self.name(e)} = on.{g} + {self.place[p]};" for p, e in self.gradients.items()),
                *self.pointers(), "  on.failed = (int *)(memory + failed_at);", "  barrier();",
                *self._carried(True), *self.first_batch(), "  arrived();", "  barrier();"]

    def closed(self) -> list[str]:
        count = max(1, len(self.on.checked))
        return [*self._carried(False), f"  if (rank < {count} && on.failed[rank]) failed[rank] = 1;"]

    def _carried(self, inward: bool) -> list[str]:
        """The state into shared memory, or back: by parameter, since rows are padded here."""
        lines, flat = [], ""
        vectors = [v for v, own in zip(self.vectors, self.step.vectors, strict=True) if own != "g" or not inward]
        for p in self.parameters:
            name, shape, at = self.name(p), p.shape, self.place[p]
            count, place = self.on.size(entries_of(shape)), "lane"
            if len(shape) == 2 and tuple(self.on.strides[p]) != strides(shape):
                width = self.on.size(shape[1])
                place = f"lane / {width} * {self.on.size(self.on.strides[p][0])} + lane % {width}"
            still = self.step.frozen and p in self.parameters[-self.step.frozen:]
            moved = vectors if not still else [self.vectors[0]] if inward or p in self.moved else []
            pairs = [(f"on.{v}[{at} + {place}]", f"{self.all_vectors[v]}[{flat}lane]") for v in moved]
            body = [f"    {here} = {there};" if inward else f"    {there} = {here};" for here, there in pairs]
            flat = f"{flat}{count} + "
            if body:
                lines += [f"  for (int lane = rank; lane < {count}; lane += {THREADS}) {{  // {name}", *body, "  }"]
        return lines
