"""The training step of a module in C: two C functions on arrays that stay where they are, and the Python between."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from symgrad.codegen.c import runtime as c_runtime
from symgrad.codegen.c.emit import InPlaceCode, emit_compiled_inplace, prototypes
from symgrad.codegen.c.function import c_kind
from symgrad.codegen.c.names import RUNTIME
from symgrad.codegen.c.prelude import prelude
from symgrad.codegen.python.batch import INSIDE, REFUSED, SUMMED, WORDS, batch_of
from symgrad.codegen.python.identifiers import Identifiers
from symgrad.codegen.python.job import Blocks, Stepping
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import block, literal
from symgrad.graphs.errors import BackendError

IMPORTS = ("ctypes", "glob", "hashlib", "importlib", "platform", "shlex", "shutil", "subprocess",
           "tempfile")

LOAD = """
try:
    _c = compiled(C)
except OSError as error:
    print(f"{error}; NumPy computes instead", file=sys.stderr)
    _c = None
else:
"""

LAST = "if _c is not None:"  # and below it, what takes whose place


def steps_in_c(steps: Sequence[Stepping]) -> Blocks:
    """The training steps by functions in C, two for each; where they cannot be C, the line that says so.

    One that is staged stays as the frame has it.
    """
    steps = [step for step in steps if not step.staged]
    try:
        update = emit_compiled_inplace(steps[0].update)
        gradients = [emit_compiled_inplace(step.gradients) for step in steps]
    except BackendError as problem:  # a size, or a function, that C does not know
        said = f"symgrad: backend 'c': {problem}; NumPy computes the training step"
        return Blocks((), (f"print({literal(said)}, file=sys.stderr)",))
    single = steps[0].gradients.module.single
    texts = [compiled_step(step, each, update, single) for step, each in zip(steps, gradients, strict=True)]
    last = "\n".join([LAST, *(f"    {step.name} = compiled_{step.name}" for step in steps), ""])
    return Blocks((*c_blocks(single, [*gradients, update]), holding(steps[0]), *texts), (last,), IMPORTS)


def c_blocks(single: bool, functions: Sequence[InPlaceCode]) -> list[str]:
    """The runtime, the C text and its prototypes."""
    runtime = inspect.getsource(c_runtime)
    body = runtime[runtime.index("\nFLAGS"):runtime.index("\n\n\n_local")].strip()
    used = dict.fromkeys(name for each in functions for name in each.used)
    texts = [text for each in functions for text in each.code]
    code = "\n".join([prelude(single, used), "\n\n".join(texts)])
    lines = [f"    {line}" for line in prototypes(texts)]
    return [body, "C = " + block("\n" + code) + "\n" + LOAD + "\n".join(lines)]


def holding(step: Stepping) -> str:
    """What looks up the addresses of the arrays of a state."""
    kept = ", ".join(f"state[{literal(name)}]" for name in step.vectors)
    return "\n".join([
        "def hold(state):",
        '    """The addresses of the arrays of a state, which keeps them; room for what is computed in between."""',
        "    state.held = tuple(array.ctypes.data for array in (*state.read, *state.written))",
        *wrap_line(f"state.moved = tuple(array.ctypes.data for array in ({kept}))", "    "),
        "    state.work = {}"])


def compiled_step(step: Stepping, gradients: InPlaceCode, update: InPlaceCode, single: bool) -> str:
    """A step in C, on the arrays of a state."""
    slopes = step.gradients.name
    scope = Identifiers({*WORDS, *RUNTIME, *step.gradients.module.taken, *step.numbers})
    params, results = ([scope.fresh(name) for name in names] for names in (
        step.parameters, [name for name, _ in step.gradients.outputs]))
    vectors = [scope.fresh(name) for name in step.vectors]
    batch = batch_of(step, {*RUNTIME, *step.numbers, *params, *results, *vectors},
                     lambda k, dtype: f"_rows(batch[{k}], {c_kind(dtype, single)})", False,
                     [symbol for symbol, _ in gradients.sizes])
    sizes = [batch.sizes[symbol] for symbol, _ in gradients.sizes]
    given = ", ".join(sizes)
    key = f"({given})" if len(sizes) != 1 else given
    key = key if step.name == "step" else f"({literal(step.name)}, {given})"
    lines = [
        f"def compiled_{step.name}(state, batch, lr=LR):",
        '    """The same step by the functions in C."""',
        "    if type(state) is not State:",
        "        return of_dict(state, batch, lr)",
        "    if state.held is None:",
        "        hold(state)",
        '    t = state.arrays["t"] + 1',
        *wrap_line(f"{', '.join([*params, *results])} = state.held", "    "),
        *wrap_line(f"{', '.join(vectors)} = state.moved", "    "),
        "    try:", *batch.lines,
        f"{INSIDE}if {key} not in state.work:",
        f"{INSIDE}    block = np.empty(_c.{slopes}_room({given}) + 64, np.uint8)",
        f"{INSIDE}    state.work[{key}] = (block.ctypes.data + 63) // 64 * 64, block",
        f"{INSIDE}work, block = state.work[{key}]",
    ]
    pointers = [*params, *(f"_address({array})" for array in batch.arrays)]
    places = [*(f"state.read[{k}]" for k in range(len(params))), *batch.arrays]
    passed = [{"in": lambda k: pointers[k], "out": results.__getitem__, "constant": "_address({})".format}[kind](k)
              for kind, k in gradients.arrays]
    passed = [f"_table({', '.join(passed)})"] if gradients.table else passed
    passed += [f"{places[k]}.item()" for k in gradients.numbers]
    lines += wrap_line(f"failed = _c.{slopes}_0({', '.join([*passed, 'work', *sizes])})", INSIDE)
    lines += [f"{INSIDE}if failed:", f"{INSIDE}    _refuse(failed)", REFUSED, SUMMED, *step.moves, *step.rates]
    values = [*vectors, *step.numbers]
    passed = [vectors[k] if k < len(vectors) else values[k] for _, k in update.arrays]
    passed += [values[k] for k in update.numbers]
    entries = ["state.count" if step.frozen else 'len(state.arrays["theta"])' for _ in update.sizes]
    lines += wrap_line(f"_c.update_0({', '.join([*passed, 'None', *entries])})", "    ")
    return "\n".join([*lines, '    state.arrays["t"] = t', "    return state.written[0].item()"])
