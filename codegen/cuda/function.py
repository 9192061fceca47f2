"""A function of arrays as one cooperative kernel: its phases, a barrier of the grid between two of them.

The plain function stands beside it, for the first calls with new sizes, and for what cuBLAS does better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from symgrad.codegen.c.texts import TYPES
from symgrad.codegen.cuda.folding import folded
from symgrad.codegen.cuda.function_text import CALL, PLAIN, RUNTIME
from symgrad.codegen.cuda.layout import length_of
from symgrad.codegen.cuda.many_blocks import GRID_TEXT
from symgrad.codegen.cuda.phase_text import phase_calls, phase_functions
from symgrad.codegen.cuda.phased import Phased
from symgrad.codegen.cuda.words import THREADS
from symgrad.codegen.lowering.arrays import Expr, order
from symgrad.codegen.phases.plan import PhasePlan, phase_plan, plain_plan
from symgrad.codegen.phases.units import memory
from symgrad.codegen.plan.indices import strides
from symgrad.codegen.plan.plan import products_of
from symgrad.codegen.plan.plan import total as total_of
from symgrad.codegen.python.emit import Emitted, emit_function, module_text, returned
from symgrad.codegen.python.job import EmittedModule, Job
from symgrad.codegen.python.planner import INDENT
from symgrad.codegen.python.texts import shape_text
from symgrad.codegen.python.workspace import filled
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import block, in_comment, literal
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL


@dataclass(frozen=True)
class FusedFunction(Emitted):
    """A function with its kernel: the lines of the plain function, which is called first, and the text around both."""

    around: tuple[str, ...] = ()


class _Kernel(Phased):
    """The kernel of a function in the making."""

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
        self.barriers = 0
        self.text = self._text()

    def _text(self) -> str:
        on = self.on
        found = self.staged([])
        functions, calls = phase_functions(found, "strided()"), phase_calls(found, "rank, on, 0, 1", "barrier(on.word);")
        calls = calls[:-1] if calls[-1] != "}" else calls  # none after the last phase
        self.barriers = sum("barrier(" in line for line in calls)
        rooms = self.rooms()
        self.lengths = [room.length.python for room in rooms]
        layout, at = [], "0"
        for k, room in enumerate(rooms):
            layout.append(f"constexpr int slot{k}_at = {at};")
            at = f"slot{k}_at + aligned({room.length.c})"
        taken = [f"const {TYPES[e.kind]} *const {self.name(e)}" for e in (*self.inputs, *self.constants)]
        taken += [f"{TYPES[e.kind]} *const {self.name(e)}" for e in self.results]
        given = (*self.inputs, *self.constants)
        struct = ["struct Memory {", *(f"  const {TYPES[e.kind]} *{self.name(e)};" for e in given),
                  *(f"  {on.type(e)} *{self.name(e)};" for e in self.kept),
                  *(f"  {kind} *{name};" for kind, name in self.within()), "  unsigned *word;  // of the barrier", "};"]
        body = ["  const int rank = ranked();", "  Memory on;",
                *(f"  on.{self.name(e)} = {self.name(e)};" for e in (*given, *self.results)),
                *(f"  on.{name} = ({kind} *)(memory + slot{k}_at);" for k, room in enumerate(rooms)
                  for kind, name in room.tenants), "  on.word = word;", *(f"  {line}" for line in calls)]
        head = (f'extern "C" __global__ void __launch_bounds__({THREADS}, 1)\n'
                f"compute({', '.join([*taken, 'char *const memory', 'unsigned *const word'])}) {{")
        parts = [self.prelude(GRID_TEXT, self.precision),
                 "\n".join(layout), "\n".join(struct),
                 *functions, "\n".join([head, *body, "}"])]
        return folded("\n\n".join(part for part in parts if part)) + "\n"


def emit_fused(job: Job, precision: str = "float32") -> FusedFunction:
    """A function that computes in one launch; the plain one, with the reason, where it has no kernel."""
    taken = set(job.module.taken)
    job.module.taken.update(NAMES)
    try:
        kernel = _Kernel(job, precision)
    except BackendError as error:
        if precision != "float32":
            raise BackendError(f"precision={precision!r} needs a kernel, and this function runs plain: {error}") from None
        job.module.taken.intersection_update(taken)
        plain = emit_function(job)
        return FusedFunction(plain.name, plain.lines, plain.plan, plain.free_sizes, plain.marks, plain_plan(str(error)))
    plain = emit_function(replace(job, name=f"{PLAIN}{job.name}"))
    plan = phase_plan(kernel.told, "grid", precision, False, bool(kernel.on.narrow))
    return FusedFunction(job.name, plain.lines, plain.plan, plain.free_sizes, plain.marks, plan,
                         tuple(_around(job, kernel, plan)))


NAMES = tuple("KERNELS KERNEL PATIENCE SIZES GRID_WORK kernel_for solid launched memory_for largest_for".split())


def _around(job: Job, kernel: _Kernel, plan: PhasePlan) -> list[str]:
    """The text of the kernel, what launches it, and the function that calls it."""
    begun, names = kernel.begun, kernel.begun.sizes
    products = [length_of(total_of([product]), names).python for product in products_of(order(kernel.roots))]
    lines = _function(job, kernel)
    sizes = {s: names[s] for s in names if s in begun.used()}
    tuple_of = ", ".join(sizes.values()) + ("," if len(sizes) == 1 else "")
    told = [f"# {in_comment(line)}" for line in folded("\n".join(plan.brief)).split("\n")]
    text = "\n".join([*told, "KERNEL = " + block("\n" + kernel.text)])
    listed = ", ".join(map(literal, sizes.values())) + ("," if len(sizes) == 1 else "")
    runtime = filled(RUNTIME, sizes=f"({listed})", names=", ".join(sizes.values()), products=", ".join(("0", *products)),
                     lengths=", ".join(("0", *kernel.lengths)), single="float32" if kernel.single else "float64",
                     word="cp.zeros(1, np.uint32)" if kernel.barriers else "cp.empty(1, np.uint32)")
    head = [*begun.head(), *begun.size_lines(begun.used())]
    return [text, runtime, "\n".join([*head, f"{INDENT}sizes = ({tuple_of})", *lines])]


def _function(job: Job, kernel: _Kernel) -> list[str]:
    """The lines of the function below its head."""
    begun = kernel.begun
    passed = ", ".join(begun.arguments)
    kinds = {REAL: "float32" if kernel.single else "float64", INTEGER: "int64", BOOLEAN: "bool_"}
    results = {e: kernel.name(e) for e in kernel.results}
    lines = [line.replace("${call}", f"{PLAIN}{job.name}({passed})") for line in CALL]
    for e, name in results.items():
        lines.append(f"{INDENT}{name} = cp.empty({shape_text(e.shape, begun.sizes)}, cp.{kinds[e.kind]})")
    inputs = [f"solid({a})" for a in begun.arguments]
    given = ", ".join([*inputs, *(begun.given[e] for e in kernel.constants), *results.values()])
    lines += wrap_line(f"launched(made, ({given},))", INDENT)
    seen: set[Expr] = set()
    texts = []
    for root in kernel.roots:
        if root in results:
            texts.append(results[root] if root not in seen else f"{results[root]}.copy()")
        else:
            texts.append(f"{begun.given[root]}.copy()")
        seen.add(root)
    return [*lines, *wrap_line(f"return {', '.join(texts) if job.form is None else returned(job.form, texts)}", INDENT)]


def fused_text(module: EmittedModule, functions: Sequence[Any], doc: str | None = None) -> str:
    """The text of a module with functions and their kernels."""
    around = [part for f in functions if isinstance(f, FusedFunction) for part in f.around]
    return module_text(module, functions, doc, ["import sys", ""] if around else [], around)

