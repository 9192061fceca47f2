"""The training step of a program on a GPU as whole steps in one launch: the kernel, and the Python around it, as text.

The state is that of the plain step, flat vectors on the device, so either can go on where the other has ended. What has no
kernel runs plain, and the plan says why.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from symgrad.codegen.cuda.block import block_kernel
from symgrad.codegen.cuda.graph import graph_kernels
from symgrad.codegen.cuda.graph_text import GRAPH_NAMES, LAUNCHED, STEPS_IN_GRAPH
from symgrad.codegen.cuda.grid import grid_kernel
from symgrad.codegen.cuda.step import KernelText
from symgrad.codegen.cuda.step_text import KERNEL, LAST, LOOP, NAMES, SOLID, STEPS, WHOLE
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
from symgrad.codegen.phases.plan import plain_plan
from symgrad.codegen.python.batch import INSIDE, REFUSED, WORDS, TakenBatch, batch_of, kind_name
from symgrad.codegen.python.job import Blocks, Stepping
from symgrad.codegen.python.workspace import filled
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import literal
from symgrad.graphs.errors import BackendError
from symgrad.graphs.sizes import free_symbols

MOST = 232448  # bytes of shared memory that a block may have on cards of this decade


def step_in_cuda(ways: Sequence[Stepping], precision: str = "float32") -> Blocks:
    """The training step by a kernel that does whole steps; the plain one, with the reason, where there is none.

    Of several processes each runs the plain step of its part, within which a sum goes around.
    """
    step, shared = ways[0], "step_of_part" if len(ways) > 1 else "plain_step"
    try:
        if any("norm_of(" in line for line in step.rates):
            raise BackendError("the rule needs the length of a vector before each update")
        kernels = [grid_kernel(step, precision)] if precision != "float32" else [block_kernel(step), grid_kernel(step)]
    except BackendError as error:
        if precision != "float32":
            raise BackendError(f"precision={precision!r} needs a fused step, and this one runs plain: {error}") from None
        return Blocks((), (), plan=plain_plan(str(error)))
    if len(kernels) > 1 and _least(kernels[0]) > MOST:  # no batch is small enough for one block
        del kernels[0]
    last = _graph(step, precision) if needs_library(kernels[0]) else None
    if last is not None:
        kernels.append(last)
    order = "cp.asarray(rng.permutation(len(data[SAMPLES[0]])))" if step.divisible else "None"
    choice = choice_text(kernels)
    return Blocks((*kernel_constants(kernels), *(_graph_texts(step, last, precision) if last is not None else ()),
                   _kernel_text(step, kernels, choice), _numbers(step), _step(step, kernels[0]),
                   _steps(step, kernels[0], shared) if step.divisible else WHOLE), (LAST,),
                  ("ctypes", "threading") if last is not None else (), plan=chosen_plan(kernels, choice),
                  loop=filled(LOOP, order=order))


def _graph(step: Stepping, precision: str) -> KernelText | None:
    """The kernels of a graph, where a library takes a product."""
    try:
        return with_products(graph_kernels(step, precision))
    except BackendError:
        return None


def _least(kernel: KernelText) -> int:
    """The bytes that a kernel keeps where every size is 1."""
    sizes = dict.fromkeys(kernel.sizes.values(), 1)
    return sum(int(eval(length, {"max": max}, dict(sizes))) for length in kernel.lengths)


def _kernel_text(step: Stepping, kernels: Sequence[KernelText], choice: str) -> str:
    constants = "".join(f"{a.name}, " for a in kernels[0].arguments if a.role == "constant")
    checked = "\n" + "".join(f"    {literal(text)},\n" for text in kernels[0].checked)
    places = {symbol: f"sizes[{k}]" for k, symbol in enumerate(kernels[0].sizes)}
    shown = [places[s] for s in free_symbols([size for _, node in step.masks for size in node.shape]) if s in places]
    drawn = "" if not step.masks else (
        f"    drawn = [masks({', '.join(['state', 't + k', *shown])}) for k in range(1, steps + 1)]\n"
        "    arrays = [*arrays, *(cp.stack(each) for each in zip(*drawn))]  # of all steps\n")
    return filled(KERNEL, sizes=tuple_text(list(kernels[0].sizes.values())), checked=f"({checked})",
                  threads=str(kernels[0].threads), marks=str(max(1, len(kernels[0].checked))),
                  vectors=tuple_text(step.vectors), constants=constants, drawn=drawn, choice=choice,
                  compiled=compiling_text(kernels, "train"), solid=SOLID.rstrip("\n"),
                  graph=LAUNCHED if kernels[-1].graph is not None else "")


def _graph_texts(step: Stepping, kernel: KernelText, precision: str) -> tuple[str, str, str]:
    """cuBLASLt, and the graph of a step."""
    constants = "".join(f"{a.name}, " for a in kernel.arguments if a.role == "constant")
    roles = [f"{a.role} {a.name}" if a.role in ("data", "constant") else a.name if a.role == "vector" else a.role
             for a in kernel.arguments]
    launching = filled(STEPS_IN_GRAPH, vectors=tuple_text(step.vectors), data=str(len(step.data)), constants=constants)
    return (*graph_texts(kernel, roles, step.gradients.module.dtype, precision), launching)


def _numbers(step: Stepping) -> str:
    """The function that says what a step multiplies with."""
    lines = ["def numbers(lr, t):", '    """What step `t`, counted from 1, multiplies with."""', *step.rates]
    return "\n".join([*lines, f"    return ({', '.join(step.numbers)}{',' if len(step.numbers) == 1 else ''})"])


def _step(step: Stepping, kernel: KernelText) -> str:
    """One step by the kernel, on a batch that is checked as the plain step does."""
    scope = {*WORDS, *NAMES, *GRAPH_NAMES, *step.numbers, "order", "made", "losses"}
    batch = _taken(step, scope, kernel)
    sizes = [batch.sizes[symbol] for symbol in kernel.sizes]
    count = f"len({batch.arrays[_first(step)]})" if step.divisible else "0"
    arrays = ", ".join(f"solid({name})" for name in batch.arrays)
    lines = [
        "def fused_step(state, batch, lr=LR):", '    """The same step by the kernel of whole steps, in one launch."""',
        "    if type(state) is not State:", "        return of_dict(state, batch, lr)", "    try:", *batch.lines,
        f"{INSIDE}made = fused_kernel(({', '.join(sizes)}{',' if len(sizes) == 1 else ''}))", REFUSED,
        "    if made is None or state.ranks is not None:", "        return plain_step(state, batch, lr)",
        f"    order = state.arrays[\"rooms\"].setdefault((\"order\", {count}), cp.arange({count}))"]
    lines += wrap_line(f"losses = launched(state, made, [{arrays}], order, 0, 1, lr)", "    ")
    return "\n".join([*lines, "    return losses[0]"])


def _taken(step: Stepping, names: Collection[str], kernel: KernelText) -> TakenBatch:
    """The lines of a batch, without its masks, which are drawn for all steps of a launch."""
    return batch_of(replace(step, masks=()), names, lambda k, dtype: f"taken(batch[{k}], {kind_name(dtype)})", False,
                    list(kernel.sizes))


def _first(step: Stepping) -> int:
    return next(k for k, (_, node) in enumerate(step.data) if node.attrs[0].over is not None)


def _steps(step: Stepping, kernel: KernelText, shared: str) -> str:
    """Many steps: the sizes are read off a first batch, which is not copied."""
    own = "size order arrays count made chosen steps start found pace done losses k".split()
    taken = {*NAMES, *GRAPH_NAMES, *step.numbers, *own}
    batch = _taken(step, taken, kernel)
    over = [node.attrs[0].over is not None for _, node in step.data]
    first = ", ".join(f"arrays[{k}]{'[:size]' if cut else ''}" for k, cut in enumerate(over))
    chosen = ", ".join(f"arrays[{k}]{'[chosen]' if cut else ''}" for k, cut in enumerate(over))
    sizes = [batch.sizes[symbol] for symbol in kernel.sizes]
    lines = [f"    batch = [{first}]", "    try:", *batch.lines, REFUSED,
             f"    sizes = ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"]
    counted = "" if shared == "plain_step" else ", samples"
    return filled(STEPS, sizes="\n".join(lines), chosen=chosen, shared=shared, count=counted,
                  most=", 256" if step.masks else "")  # all masks of a launch lie on the card
