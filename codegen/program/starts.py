"""The initial values of parameters in a training module, as text.

Random numbers are NumPy's in every backend, so that a training starts from the same numbers wherever it computes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symgrad.codegen.plan.binding import bind_sizes
from symgrad.codegen.program import frame
from symgrad.codegen.python.identifiers import Identifiers
from symgrad.codegen.python.job import EmittedModule, Named
from symgrad.codegen.python.texts import number_text, shape_text, size_text
from symgrad.codegen.quoting import literal
from symgrad.graphs.algebra.primitives import constant
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.graphs.sizes import Shape, free_symbols


def start(module: EmittedModule, name: str, node: Node) -> tuple[str, str]:
    """(kind, expression) of a parameter's initial value; `{}` in the expression is its shape."""
    symbol: Symbol = node.attrs[0]
    xp = module.library.np
    if symbol.init is None:
        kind = "glorot_uniform" if len(node.shape) > 1 else "zeros"
    elif isinstance(symbol.init, str):
        kind = symbol.init
    elif isinstance(symbol.init, (int, float)):
        return "number", f"{xp}.full({{}}, {number_text(symbol.init).text}, DTYPE)"
    elif isinstance(symbol.init, tuple) and len(symbol.init) == 2:  # "normal_but" and a row
        kind, row = symbol.init
        return kind, module.library.put.format(f"{kind}(rng, {{}}, {row})")
    elif isinstance(symbol.init, tuple):
        first, second = (number_text(x).text for x in symbol.init[1:])
        drawn = f"rng.{symbol.init[0]}({first}, {second}, {{}}).astype(DTYPE)"
        return "drawn", module.library.put.format(drawn)
    else:
        leaf = constant(symbol.init, symbol.init.value.shape, REAL)
        if leaf not in module.constants:
            module.constants[leaf] = Identifiers(module.taken).fresh(f"start_{name}")
            module.taken.add(module.constants[leaf])
        return "array", f"{module.constants[leaf]}.copy()"
    if kind in ("zeros", "ones"):
        return kind, f"{xp}.{kind}({{}}, DTYPE)"
    return kind, module.library.put.format(f"{kind}(rng, {{}})")


def _shape_argument(shape: Shape, names: Mapping[Any, str]) -> str:
    return size_text(shape[0], names).text if len(shape) == 1 else shape_text(shape, names)


def init_text(module: EmittedModule, parameters: Named, data: Named, sizes: Mapping[sp.Symbol, int],
              starts: Sequence[tuple[str, str]]) -> str:
    """The function that makes the parameters; sizes that are not in `sizes` are those of the batch."""
    shapes = tuple((name, node.shape) for name, node in parameters)
    free = free_symbols([s for _, shape in shapes for s in shape if s not in sizes])
    scope = Identifiers({*module.taken, "rng", "seed", "batch", *frame.INITIALS})
    names: dict[Any, str] = {s: scope.fresh(s.name) for s in free}
    names |= {s: str(n) for s, n in sizes.items()}
    known = bind_sizes([(name, node.shape) for name, node in data], {})
    lines = [f"def init(seed=0{', batch=()' if free else ''}):",
             '    """The parameters at the start of a training: random numbers in double precision, rounded.'
             + (" Their\n    sizes are those of the batch." if free else "") + '"""']
    for size in free:
        bound = known[size]
        place = next(i for i, (name, _) in enumerate(data) if name == bound.argument)
        length = f"batch[{place}].shape[{bound.axis}]"
        lines.append(f"    {names[size]} = {size_text(bound.value, {**names, bound.unknown: length}).text}")
    if any(kind == "drawn" or kind in frame.INITIALS for kind, _ in starts):
        lines.append("    rng = np.random.default_rng(seed)")
    lines.append("    return {")
    for (name, node), (_, text) in zip(parameters, starts, strict=True):
        value = text.format(_shape_argument(node.shape, names))
        lines.append(f"        {literal(name)}: {value},")
    return "\n".join([*lines, "    }"])
