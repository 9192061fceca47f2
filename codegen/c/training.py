"""The training step of a module in C: two C functions on arrays that stay where they are, and the Python between."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence

import sympy as sp

from symgrad.codegen.c import runtime as c_runtime
from symgrad.codegen.c.emit import InPlaceCode, emit_compiled_inplace, prototypes
from symgrad.codegen.c.function import dtype_name
from symgrad.codegen.c.names import RUNTIME
from symgrad.codegen.c.prelude import prelude
from symgrad.codegen.python.identifiers import Identifiers
from symgrad.codegen.python.job import Blocks, Stepping
from symgrad.codegen.python.texts import size_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import block, literal
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size

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

LAST = """\
if _c is not None:
    step = compiled_step
"""


def step_in_c(step: Stepping) -> Blocks | None:
    """The training step by two functions in C; None where it cannot be C."""
    try:
        gradients, update = emit_compiled_inplace(step.gradients), emit_compiled_inplace(step.update)
    except BackendError:  # a size, or a function, that C does not know
        return None
    if gradients is None or update is None:
        return None
    single = step.gradients.module.single
    return Blocks((*c_blocks(single, gradients, update), compiled_step(step, gradients, update, single)), (LAST,), IMPORTS)


def c_blocks(single: bool, gradients: InPlaceCode, update: InPlaceCode) -> list[str]:
    """The runtime, the C text and its prototypes."""
    runtime = inspect.getsource(c_runtime)
    body = runtime[runtime.index("\nFLAGS"):runtime.index("\n\n\n_local")].strip()
    used = dict.fromkeys((*gradients.used, *update.used))
    code = "\n".join([prelude(single, used), "\n\n".join((*gradients.code, *update.code))])
    lines = [f"    {line}" for line in prototypes([*gradients.code, *update.code])]
    return [body, "C = " + block("\n" + code) + "\n" + LOAD + "\n".join(lines)]


def compiled_step(step: Stepping, gradients: InPlaceCode, update: InPlaceCode, single: bool) -> str:
    """`hold` and the step in C, on the arrays of a state that stay where they are."""
    parameters, vectors, numbers, rates, data = step.parameters, step.vectors, step.numbers, step.rates, step.data
    results, taken = [name for name, _ in step.gradients.outputs], step.gradients.module.taken
    scope = Identifiers({*"state batch lr t work block failed shapes wanted hold".split(), *RUNTIME, *numbers, *taken})
    params, out = [scope.fresh(n) for n in parameters], [scope.fresh(n) for n in results]
    arrays, moved = [scope.fresh(n) for n, _ in data], [scope.fresh(n) for n in vectors]
    kept = ", ".join(f"state[{literal(name)}]" for name in vectors)
    lines = [
        "def hold(state):",
        '    """Addresses of the arrays that stay where they are; rooms for what is computed in between."""',
        '    arrays = (*state["params"].values(), state["loss"], *state["gradients"].values())',
        '    state["work"] = {}',
        '    state["held"] = tuple(array.ctypes.data for array in arrays)',
        f'    state["moved"] = tuple(array.ctypes.data for array in ({kept}))',
        "", "",
        "def compiled_step(state, batch, lr=LR):",
        '    """The same step by the functions in C."""',
        '    if "held" not in state:',
        "        hold(state)",
        '    state["t"] += 1',
    ]
    if any(re.search(r"\bt\b", text.split("#")[0]) for text in rates):
        lines.append('    t = state["t"]')
    lines += wrap_line(f'{", ".join([*params, *out])} = state["held"]', "    ")
    lines += wrap_line(f'{", ".join(moved)} = state["moved"]', "    ")
    lines += [f"    {array} = _rows(batch[{k}], {dtype_name(node.dtype, single)})"
              for k, (array, (_, node)) in enumerate(zip(arrays, data, strict=True))]
    shown = [f'state["params"][{literal(name)}]' for name in parameters] + arrays
    names = {symbol: scope.fresh(symbol.name) for symbol, _ in gradients.sizes}
    places = dict(zip(gradients.arguments, shown, strict=True))
    for symbol, bound in gradients.sizes:
        length = f"{places[bound.argument]}.shape[{bound.axis}]" if bound.argument else ""
        lines.append(f"    {names[symbol]} = {size_text(bound.value, {**names, bound.unknown: length}).text}")
    lines += _shapes_checked(arrays, [node for _, node in data], names)
    sizes = [*names.values()]
    key = ", ".join(sizes)
    key = f"({key})" if len(sizes) != 1 else key
    lines += [
        f"    if {key} not in state[\"work\"]:",
        f"        block = np.empty(_c.gradients_room({', '.join(sizes)}) + 64, np.uint8)",
        f'        state["work"][{key}] = (block.ctypes.data + 63) // 64 * 64, block',
        f'    work, block = state["work"][{key}]',
    ]
    given = [*params, *(f"_address({array})" for array in arrays)]
    passed = [given[k] if kind == "in" else out[k] for kind, k in gradients.arrays]
    passed = [f"_table({', '.join(passed)})"] if gradients.table else passed
    passed += [f"{shown[k]}.item()" for k in gradients.numbers]
    lines += wrap_line(f"failed = _c.gradients_0({', '.join([*passed, 'work', *sizes])})", "    ")
    lines.append("    _refuse(failed)")
    lines += rates
    all_numbers = [*moved, *numbers]
    passed = [moved[k] if k < len(moved) else all_numbers[k] for kind, k in update.arrays]
    passed += [all_numbers[k] for k in update.numbers]
    entries = ['state["count"]' if step.frozen else 'state["theta"].size' for _ in update.sizes]
    lines += wrap_line(f"_c.update_0({', '.join([*passed, 'None', *entries])})", "    ")
    return "\n".join([*lines, '    return state["loss"].item()'])


def _shapes_checked(arrays: Sequence[str], nodes: Sequence[Node], sizes: Mapping[sp.Symbol, str]) -> list[str]:
    """C reads as many entries as the sizes say: the shapes of a batch are compared before."""
    def text(array: str, axis: int, size: Size) -> str:
        if isinstance(size, int) or all(symbol in sizes for symbol in size.free_symbols):
            return size_text(size, sizes).text
        return f"{array}.shape[{axis}]"

    wanted = []
    for array, node in zip(arrays, nodes, strict=True):
        inner = ", ".join(text(array, axis, size) for axis, size in enumerate(node.shape))
        wanted.append(f"({inner}{',' if len(node.shape) == 1 else ''})")
    comma = "," if len(arrays) == 1 else ""
    lines = wrap_line(f"shapes = ({', '.join(f'{array}.shape' for array in arrays)}{comma})", "    ")
    lines += wrap_line(f"wanted = ({', '.join(wanted)}{comma})", "    ")
    lines.append("    if shapes != wanted:")
    lines.append('        raise ValueError(f"the batch has arrays of shapes {shapes}, but {wanted} are needed")')
    return lines if arrays else []
