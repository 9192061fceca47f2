"""A function of arrays on a GPU: one cooperative kernel, or, with large products, a graph of launches.

The plain function stands beside it, for the first calls with new sizes, and for what has no kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from symgrad.codegen.cuda.function_kernel import FunctionGraph, FunctionKernel
from symgrad.codegen.cuda.function_text import CALL, FUNCTION_IN_GRAPH, GRAPHS, KEPT, LAUNCHED, PLAIN, RUNTIME
from symgrad.codegen.cuda.graph_text import GRAPH_NAMES
from symgrad.codegen.cuda.step import KernelText
from symgrad.codegen.cuda.step_text import SOLID
from symgrad.codegen.cuda.vessels import (
    choice_text,
    chosen_plan,
    compiling_text,
    graph_texts,
    kernel_constants,
    needs_library,
    tuple_text,
    with_products,
)
from symgrad.codegen.cuda.words import THREADS
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.phases.plan import plain_plan
from symgrad.codegen.python.emit import Emitted, emit_function, module_text, returned
from symgrad.codegen.python.job import EmittedModule, Job
from symgrad.codegen.python.planner import INDENT
from symgrad.codegen.python.texts import shape_text
from symgrad.codegen.python.workspace import filled
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import literal
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL


@dataclass(frozen=True)
class FusedFunction(Emitted):
    """A function with its kernel: the lines of the plain function, which is called first, and the text around both."""

    around: tuple[str, ...] = ()


NAMES = (*"""KERNELS GRID PATIENCE SIZES GRID_WORK GRAPHS THREADS DTYPE kernel_for compiled_kernel vessel_for weights
bytes_in grid_lengths solid launched make_room""".split(), *GRAPH_NAMES)


def emit_fused(job: Job, precision: str = "float32") -> FusedFunction:
    """A function that computes in one launch; the plain one, with the reason, where it has no kernel."""
    taken = set(job.module.taken)
    job.module.taken.update(NAMES)
    try:
        kernel = FunctionKernel(job, precision)
        kernels = [kernel.text()]
    except BackendError as error:
        if precision != "float32":
            raise BackendError(f"precision={precision!r} needs a kernel, and this function runs plain: {error}") from None
        job.module.taken.intersection_update(taken)
        plain = emit_function(job)
        return FusedFunction(plain.name, plain.lines, plain.plan, plain.free_sizes, plain.marks, plain_plan(str(error)))
    graph = _graph(job, precision) if needs_library(kernels[0]) else None
    if graph is not None:
        kernels.append(graph[1])
    plain = emit_function(replace(job, name=f"{PLAIN}{job.name}"))
    choice = choice_text(kernels)
    return FusedFunction(job.name, plain.lines, plain.plan, plain.free_sizes, plain.marks, chosen_plan(kernels, choice),
                         tuple(_around(job, kernel, kernels, choice, graph[0] if graph is not None else None)))


def _graph(job: Job, precision: str) -> tuple[FunctionGraph, KernelText] | None:
    """The kernels of a graph, where a library takes a product."""
    try:
        graph = FunctionGraph(job, precision)
    except BackendError:
        return None
    text = with_products(graph.text())
    return (graph, text) if text is not None else None


def _around(job: Job, kernel: FunctionKernel, kernels: Sequence[KernelText], choice: str,
            graph: FunctionGraph | None) -> list[str]:
    """The texts of the kernels, what launches them, and the function that calls it."""
    begun, names = kernel.begun, list(kernels[0].sizes.values())
    texts = kernel_constants(kernels)
    if graph is not None:
        arrays = [*(f"constant {graph.begun.given[e]}" for e in graph.constants), "memory"]
        launching = filled(FUNCTION_IN_GRAPH, slots=str(len(graph.rooms())), inputs=str(len(graph.inputs)),
                           last=str(len(graph.inputs) + len(graph.constants)))
        texts += [*graph_texts(kernels[-1], arrays, job.module.dtype, graph.precision), launching]
    runtime = filled(RUNTIME, sizes=tuple_text(names), choice=choice, threads=str(THREADS), dtype=literal(job.module.dtype),
                     compiled=compiling_text(kernels, "compute"), solid=SOLID.rstrip("\n"),
                     word="cp.zeros(1, np.uint32)" if kernel.waits else "cp.empty(1, np.uint32)",
                     graph=LAUNCHED if graph is not None else "", kept=KEPT if graph is not None else "",
                     graphs=GRAPHS if graph is not None else "")
    head = [*begun.head(), *begun.size_lines(begun.used())]
    tuple_of = ", ".join(names) + ("," if len(names) == 1 else "")
    return [*texts, runtime, "\n".join([*head, f"{INDENT}sizes = ({tuple_of})", *_function(job, kernel)])]


def _function(job: Job, kernel: FunctionKernel) -> list[str]:
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
    return module_text(module, functions, doc, [*_imports(around), ""] if around else [], around)


def _imports(around: Sequence[str]) -> list[str]:
    return [f"import {name}" for name in ("ctypes", "sys", "threading") if any(f"{name}." in part for part in around)]

