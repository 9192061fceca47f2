"""A step of training as text: what it works on, the step itself, and the same step by functions in C."""

from __future__ import annotations

import sympy as sp

from symgrad.codegen.c.emit import InPlaceCode
from symgrad.codegen.c.training import compiled_step
from symgrad.codegen.program import frame
from symgrad.codegen.program.frame import framed
from symgrad.codegen.program.head import Functions
from symgrad.codegen.program.network import Network, Rule
from symgrad.codegen.program.rates import converted, rate_lines
from symgrad.codegen.python.inplace_emit import InPlaceFunction
from symgrad.codegen.python.shared import Module
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import in_docstring, literal


def begin_text(module: Module, net: Network, rule: Rule) -> str:
    xp = module.backend.np
    values = {name: f"{xp}.full_like(theta, {value!r})" if value else f"{xp}.zeros_like(theta)"
              for name, value in rule.states.items()}
    lines = [f"        {literal(name)}: {value}," for name, value in values.items()]
    if net.frozen:
        still = ", ".join(literal(name) for name, _ in net.parameters[-net.frozen:])
        lines.insert(0, f'        "count": theta.size - sum(params[name].size for name in [{still}]),  # are trained')
    kept = f", and what {in_docstring(rule.name)} keeps" if rule.states else ""
    return framed(module, frame.BEGIN, kept=kept, states="\n".join(lines) + "\n" if lines else "")


def step_text(module: Module, net: Network, rule: Rule, functions: Functions) -> str:
    known = {name: f"state[{literal(name)}]" for name in ("theta", "g", *rule.states)}
    vectors = ", ".join(known.values())
    if net.frozen and module.backend.device:
        known = {name: f'{text}[: state["count"]]' for name, text in known.items()}
    rates = dict(rule.rates)
    lines = ['    state["t"] += 1']
    if any(sp.Symbol("t") in e.free_symbols for e in rates.values()):
        lines.append('    t = state["t"]')
    lines.append('    loss = state["loss"]')
    room = {f.name: ', state["rooms"]' for f in functions.values() if isinstance(f, InPlaceFunction) and f.workspace}
    lines += converted(module, [node for _, node in net.data])
    passed = '*state["params"].values(), *batch, loss, *state["gradients"].values()'
    lines += wrap_line(f"gradients({passed}{room.get('gradients', '')})", "    ")
    lines += rate_lines(rule.rates, rule.meanings)
    arguments = [known.get(name, name) for name, _ in rule.inputs]
    if module.backend.device:
        lines += wrap_line(f"update({', '.join(arguments)}{room.get('update', '')})", "    ")
    else:
        lines.append('    for piece in state.get("pieces") or cut(state):')
        lines += wrap_line(f"update({', '.join(['*piece', *arguments[len(known):]])}{room.get('update', '')})", "        ")
    step = framed(module, frame.STEP, name=in_docstring(rule.name), body="\n".join(lines))
    if module.backend.device:
        return step
    count, end = ('state["count"]', 'min(i + PIECE, state["count"])') if net.frozen else ("vectors[0].size", "i + PIECE")
    return "\n\n\n".join([framed(module, frame.CUT, vectors=vectors, count=count, end=end).rstrip(), step])


def compiled_step_text(module: Module, net: Network, rule: Rule, gradients: InPlaceCode, update: InPlaceCode) -> str:
    moved = ("theta", "g", *rule.states)
    numbers = [name for name, _ in rule.inputs if name not in moved]
    parameters, results = ([name for name, _ in part] for part in (net.parameters, (net.loss, *net.gradients)))
    return compiled_step(parameters, results, net.data, moved, rate_lines(rule.rates, rule.meanings), numbers, gradients,
                         update, module.dtype == "float32", bool(net.frozen), module.taken)
