"""The phases of a function as kernels: one cooperative kernel, or a graph of kernels and products by a library."""

from __future__ import annotations

from collections.abc import Collection

from symgrad.codegen.c.texts import TYPES
from symgrad.codegen.cuda.folding import folded
from symgrad.codegen.cuda.layout import MemoryRoom, length_of, room_for
from symgrad.codegen.cuda.library_calls import given_to_library, kernel_texts, launch_order, phase_bodies, product_text
from symgrad.codegen.cuda.many_blocks import GRID_TEXT
from symgrad.codegen.cuda.phase_text import phase_calls, phase_functions
from symgrad.codegen.cuda.phased import Phased
from symgrad.codegen.cuda.stages import PhaseStage, RepeatedStages
from symgrad.codegen.cuda.step import GraphText, KernelText
from symgrad.codegen.cuda.words import THREADS
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.phases.plan import phase_plan
from symgrad.codegen.phases.units import Phases, memory
from symgrad.codegen.plan.indices import strides
from symgrad.codegen.python.job import Job
from symgrad.graphs.errors import BackendError
from symgrad.graphs.sizes import Size


class FunctionKernel(Phased):
    """The kernel of a function in the making: inputs and results lie where the caller has them."""

    vessel = "grid"

    def __init__(self, job: Job, precision: str) -> None:
        self.precision, self.narrow = precision, precision == "bfloat16"
        super().__init__(job, lambda e, flat: strides(e.shape), lambda begun: {}, True)
        self.on.wraps = True
        if not self.phases.storage.stored:
            raise BackendError("nothing is computed")
        if any(0 in e.shape for e in order(self.roots)):
            raise BackendError("an axis has length 0")
        if self.begun.free:
            raise BackendError(f"no input shows the size {self.begun.free[0]}")
        leaf = self.begun.lowering.b.leaf
        self.inputs = [leaf(node) for _, node in job.inputs]
        self.results = [e for e in self.phases.storage.stored if e in self.roots]
        self.slots = memory(self.phases, self.results)
        self.waits = False  # does it meet a barrier?

    def text(self) -> KernelText:
        """The whole."""
        on = self.on
        found = self.staged([])
        given, rooms, layout, at = (*self.inputs, *self.constants), self.pieces(), list[str](), "0"
        for k, room in enumerate(rooms):
            layout.append(f"constexpr int64_t slot{k}_at = {at};")
            at = f"slot{k}_at + aligned({room.length.c})"
        struct = ["struct Memory {", *(f"  const {TYPES[e.kind]} *{self.name(e)};" for e in given),
                  *(f"  {on.type(e)} *{self.name(e)};" for e in self.kept),
                  *(f"  {kind} *{name};" for kind, name in self.within()), *self.further, "};"]
        functions, kernels = phase_functions(found, "strided()"), self.kernels(found)
        parts = [self.prelude(GRID_TEXT, self.precision), "\n".join(layout), "\n".join(struct), *functions, kernels]
        plan = phase_plan(self.told, self.vessel, self.precision, False, bool(on.narrow))
        asked, (flops, *products) = self.begun.used(), self.work()
        sizes = {s: name for s, name in self.begun.sizes.items() if s in asked}
        return KernelText(folded("\n\n".join(part for part in parts if part)) + "\n", (), sizes,
                          tuple(room.length.python for room in rooms), (), plan, flops, tuple(products), self.graph())

    further: tuple[str, ...] = ("  unsigned *word;  // of the barrier",)

    def pieces(self) -> list[MemoryRoom]:
        """All that lies in its memory."""
        return self.rooms()

    def outside(self) -> list[Expr]:
        """What is handed over."""
        return [*self.inputs, *self.constants, *self.results]

    def arguments(self) -> list[str]:
        """The arguments of a kernel, as it declares them."""
        return [*(f"{'' if e in self.results else 'const '}{TYPES[e.kind]} *const {self.name(e)}" for e in self.outside()),
                "char *const memory"]

    def placed(self) -> list[str]:
        """Lines that set all pointers."""
        return ["  Memory on;", *(f"  on.{self.name(e)} = {self.name(e)};" for e in self.outside()),
                *(f"  on.{name} = ({kind} *)(memory + slot{k}_at);" for k, room in enumerate(self.pieces())
                  for kind, name in room.tenants)]

    def kernels(self, found: list[PhaseStage | RepeatedStages]) -> str:
        """One kernel, a barrier between two phases."""
        calls = phase_calls(found, "rank, on, 0, 1", "barrier(on.word);")
        calls = calls[:-1] if calls[-1] != "}" else calls  # none after the last phase
        self.waits = any("barrier(" in line for line in calls)
        head = (f'extern "C" __global__ void __launch_bounds__({THREADS}, 1)\n'
                f"compute({', '.join([*self.arguments(), 'unsigned *const word'])}) {{")
        return "\n".join([head, "  const int rank = ranked();", *self.placed(), "  on.word = word;",
                          *(f"  {line}" for line in calls), "}"])

    def graph(self) -> GraphText | None:
        """What a graph needs beside its kernels; here, nothing is one."""
        return None


class FunctionGraph(FunctionKernel):
    """A kernel for each phase, products by a library. Inputs and results lie in its memory, too, so that one captured graph
    serves all calls: inputs are copied there, results from there."""

    vessel = "graph"
    further: tuple[str, ...] = ()

    def with_library(self, phases: Phases) -> Phases:
        found, self.library, self.copied = given_to_library(phases, self.narrow)
        return found

    def halves(self) -> Collection[Expr]:
        return self.copied

    def products(self) -> bool:
        return self.narrow or super().products()

    def outside(self) -> list[Expr]:
        return self.constants

    def pieces(self) -> list[MemoryRoom]:
        return [*self.rooms(), *(room_for(self.on, [e]) for e in (*self.inputs, *self.results))]

    def kernels(self, found: list[PhaseStage | RepeatedStages]) -> str:
        self.launches = launch_order(found, self.phases, self.library)
        return kernel_texts(phase_bodies(found), self.arguments(), self.placed())

    def graph(self) -> GraphText:
        self.places = {name: f"starts[{k}]" for k, room in enumerate(self.pieces()) for _, name in room.tenants}
        return GraphText(tuple(self.launches), tuple(product_text(p, self, self._home) for p in self.library.values()))

    def _home(self, e: Expr, start: Size) -> str:
        """The array in which an array lies, and the byte of an entry there."""
        item = 2 if e in self.on.narrow else 4 if self.single else 8
        offset = f" + {item} * ({length_of(start, self.begun.sizes).python})" if start != 0 else ""
        place = self.places.get(self.name(e))
        return f'"memory", {place}{offset}' if place else f'"constant {self.begun.given[e]}", 0{offset}'
