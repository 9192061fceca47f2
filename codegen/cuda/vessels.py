"""What chooses among the vessels of a program, in its text and in its plan; the text of each, and that of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from symgrad.codegen.cuda.folding import folded
from symgrad.codegen.cuda.graph_text import LIBRARY, RUNTIME_OF_GRAPH, TYPES_OF
from symgrad.codegen.cuda.step import KernelText
from symgrad.codegen.cuda.step_text import BYTES_IN, CHOICE, CHOSEN, COMPILED, MADE
from symgrad.codegen.phases.plan import PhasePlan, VesselChoice
from symgrad.codegen.python.workspace import filled
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import block, in_comment, literal

LARGEST_SIZE = 1 << 16  # samples of a batch that somebody may have
LIBRARY_WORK = 300_000_000  # operations of a product from which on a library had better do it
WORKS = {"block": ("BLOCK_WORK", 4_000_000), "grid": ("GRID_WORK", LIBRARY_WORK)}  # operations up to which to choose it


def needs_library(kernel: KernelText) -> bool:
    """Is there a product that is better left to a library, at some sizes?"""
    sizes = dict.fromkeys(kernel.sizes.values(), LARGEST_SIZE)
    return max((int(eval(work, {}, dict(sizes))) for work in kernel.products), default=0) > LIBRARY_WORK


def with_products(kernel: KernelText) -> KernelText | None:
    """A graph, where a library takes a product of it."""
    return kernel if kernel.graph is not None and kernel.graph.products else None


def kernel_constants(kernels: Sequence[KernelText]) -> list[str]:
    """The text of each vessel as a constant of a program, told in a comment."""
    texts = []
    for kernel in kernels:
        told = [f"# {in_comment(line)}" for line in folded("\n".join(kernel.plan.brief)).split("\n")]
        texts.append("\n".join([*told, f"{kernel.plan.vessel.upper()} = " + block("\n" + kernel.text)]))
    return texts


def choice_text(kernels: Sequence[KernelText]) -> str:
    """The functions that choose a vessel."""
    names = list(kernels[0].sizes.values())
    lengths, choices = [BYTES_IN], ""
    for kernel in kernels:
        vessel = kernel.plan.vessel
        inner = "".join(f"        {length},\n" for length in kernel.lengths)
        lengths.append(f'def {vessel}_lengths({", ".join(names)}):\n    """The bytes of each array in its memory."""\n'
                       f"    return (\n{inner}    )")
        choices += CHOSEN[vessel]
    if kernels[-1].graph is None:
        choices += '    return "plain", "; ".join(why)\n'
    works = [WORKS[kernel.plan.vessel] for kernel in kernels if kernel.plan.vessel in WORKS]
    limits = f"{', '.join(name for name, _ in works)} = {', '.join(f'{work:_}' for _, work in works)}"
    products = kernels[0].products
    largest = f"max({', '.join(('0', *products))})" if products else "0"
    return filled(CHOICE, limits=limits, names=", ".join(names), lengths="\n\n\n".join(lengths),
                  choices=choices.rstrip("\n"), flops=kernels[0].flops, largest=largest)


def chosen_plan(kernels: Sequence[KernelText], choice: str) -> PhasePlan:
    """The plan of the first vessel, which says what is chosen at other sizes."""
    def choose(sizes: Sequence[int], room: int, together: bool) -> tuple[str, str]:
        scope: dict[str, Any] = {}
        exec(choice, scope)
        vessel, why = scope["vessel_for"](sizes, room, together)
        return str(vessel), str(why)

    names = tuple(kernels[0].sizes.values())
    plans = {kernel.plan.vessel: kernel.plan for kernel in kernels}
    plan = replace(kernels[0].plan, choice=VesselChoice(plans, names, choose))
    return plan if names else plan.at()


def compiling_text(kernels: Sequence[KernelText], entry: str) -> str:
    """The function that compiles the vessel which is chosen; `entry`: the name of its kernel, where it is one."""
    return filled(COMPILED, made="".join(filled(MADE[kernel.plan.vessel], entry=entry) for kernel in kernels)).rstrip("\n")


def graph_texts(kernel: KernelText, arrays: Sequence[str], dtype: str, precision: str) -> tuple[str, str]:
    """cuBLASLt, and the graph of a program, whose kernels are given these arrays."""
    assert kernel.graph is not None
    compute, real, meaning = TYPES_OF[dtype, precision]
    listed = [literal(name) if isinstance(name, str) else str(name) for name in kernel.graph.launches]
    launches = "\n".join(wrap_line(f"LAUNCHES = ({', '.join(listed)},)", ""))
    products = ",\n".join("\n".join(wrap_line(product, " " * 8)) for product in kernel.graph.products)
    return (filled(LIBRARY, compute=compute, real=real, meaning=meaning),
            filled(RUNTIME_OF_GRAPH, launches=launches, names=", ".join(kernel.sizes.values()), products=products,
                   arrays="\n".join(wrap_line(f"KERNEL_ARRAYS = {tuple_text(arrays)}", ""))))


def tuple_text(names: Sequence[str]) -> str:
    """Names as a tuple of Python."""
    return f"({', '.join(map(literal, names))}{',' if len(names) == 1 else ''})"
