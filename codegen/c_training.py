"""The training step of a module in C: two C functions on arrays that stay where they are, and the Python between."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence

from symgrad.codegen import c_runtime
from symgrad.codegen.c_emit import InPlaceCode, prototypes
from symgrad.codegen.c_prelude import prelude
from symgrad.codegen.identifiers import Scope
from symgrad.codegen.wrapping import wrap_line

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


def c_blocks(single: bool, gradients: InPlaceCode, update: InPlaceCode) -> list[str]:
    """The runtime, the C text and its prototypes."""
    runtime = inspect.getsource(c_runtime)
    body = runtime[runtime.index("\nFLAGS"):runtime.index("\n\n\n_local")].strip()
    used = dict.fromkeys((*gradients.used, *update.used))
    code = "\n".join([prelude(single, used), "\n\n".join((*gradients.code, *update.code))])
    lines = [f"    {line}" for line in prototypes([*gradients.code, *update.code])]
    return [body, f'C = r"""\n{code}"""\n' + LOAD + "\n".join(lines)]


def compiled_step(parameters: Sequence[str], results: Sequence[str], data: Sequence[str], vectors: Sequence[str],
                  rates: Sequence[tuple[str, str]], numbers: Sequence[str], gradients: InPlaceCode,
                  update: InPlaceCode) -> str:
    """`hold` and the step in C: `results` are the loss and the gradients, `vectors` theta, g and the states.

    `rates` are numbers that depend on `lr` and `t`, as Python; `numbers` are the names of all.
    """
    scope = Scope({"state", "batch", "lr", "t", "np", "work", "block", "failed", "hold", *numbers})
    params, out = [scope.fresh(n) for n in parameters], [scope.fresh(n) for n in results]
    arrays, moved = [scope.fresh(n) for n in data], [scope.fresh(n) for n in vectors]
    kept = ", ".join(f'state["{name}"]' for name in vectors)
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
    if any(re.search(r"\bt\b", text) for _, text in rates):
        lines.append('    t = state["t"]')
    lines += wrap_line(f'{", ".join([*params, *out])} = state["held"]', "    ")
    lines += wrap_line(f'{", ".join(moved)} = state["moved"]', "    ")
    lines += [f"    {array} = np.ascontiguousarray(batch[{k}])" for k, array in enumerate(arrays)]
    shown = [f'state["params"]["{name}"]' for name in parameters] + arrays
    lines += [f"    {name} = {text.format(*shown)}" for name, text in gradients.sizes]
    key = ", ".join(name for name, _ in gradients.sizes)
    key = f"({key})" if len(gradients.sizes) != 1 else key
    sizes = [name for name, _ in gradients.sizes]
    lines += [
        f"    if {key} not in state[\"work\"]:",
        f"        block = np.empty(_c.gradients_room({', '.join(sizes)}) + 64, np.uint8)",
        f'        state["work"][{key}] = (block.ctypes.data + 63) // 64 * 64, block',
        f'    work, block = state["work"][{key}]',
    ]
    given = [*params, *(f"{array}.ctypes.data" for array in arrays)]
    passed = [given[k] if kind == "in" else out[k] for kind, k in gradients.arrays]
    lines += wrap_line(f"failed = _c.gradients_0({', '.join([*passed, 'work', *sizes])})", "    ")
    lines += ["    if failed:", '        raise IndexError("an index is out of range")']
    lines += [f"    {name} = {text}" for name, text in rates]
    all_numbers = [*moved, *numbers]
    passed = [moved[k] if k < len(moved) else all_numbers[k] for kind, k in update.arrays]
    passed += [all_numbers[k] for k in update.numbers]
    entries = ['state["theta"].size' for _ in update.sizes]
    lines += wrap_line(f"_c.update_0({', '.join([*passed, 'None', *entries])})", "    ")
    return "\n".join([*lines, '    return state["loss"].item()'])


IMPORTS = ("ctypes", "glob", "hashlib", "importlib", "platform", "shutil", "subprocess", "tempfile")
