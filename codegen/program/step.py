"""A step of training as text: what it works on, the step itself, and the step as data."""

from __future__ import annotations

import sympy as sp

from symgrad.codegen.program.frame import BEGIN, CUT, STEP, Frame
from symgrad.codegen.program.head import Functions
from symgrad.codegen.program.network import Network, Rule
from symgrad.codegen.program.rates import converted, rate_lines
from symgrad.codegen.python.inplace_emit import InPlaceFunction
from symgrad.codegen.python.job import Job, Stepping
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import in_docstring, literal


def begin_text(net: Network, rule: Rule, frame: Frame) -> str:
    xp = frame.library.np
    values = {name: f"{xp}.full_like(theta, {value!r})" if value else f"{xp}.zeros_like(theta)"
              for name, value in rule.states.items()}
    lines = [f"        {literal(name)}: {value}," for name, value in values.items()]
    if net.frozen:
        still = ", ".join(literal(name) for name, _ in net.parameters[-net.frozen:])
        lines.insert(0, f'        "count": theta.size - sum(params[name].size for name in [{still}]),  # are trained')
    kept = f", and what {in_docstring(rule.name)} keeps" if rule.states else ""
    return frame.filled(BEGIN, kept=kept, states="\n".join(lines) + "\n" if lines else "")


def step_text(net: Network, rule: Rule, frame: Frame, functions: Functions) -> str:
    known = {name: f"state[{literal(name)}]" for name in ("theta", "g", *rule.states)}
    vectors = ", ".join(known.values())
    if net.frozen and not frame.pieces:
        known = {name: f'{text}[: state["count"]]' for name, text in known.items()}
    rates = dict(rule.rates)
    lines = ['    state["t"] += 1']
    if any(sp.Symbol("t") in e.free_symbols for e in rates.values()):
        lines.append('    t = state["t"]')
    lines.append('    loss = state["loss"]')
    room = {f.name: ', state["rooms"]' for f in functions.values() if isinstance(f, InPlaceFunction) and f.workspace}
    lines += converted(frame, [node for _, node in net.data])
    passed = '*state["params"].values(), *batch, loss, *state["gradients"].values()'
    lines += wrap_line(f"gradients({passed}{room.get('gradients', '')})", "    ")
    lines += rate_lines(rule.rates, rule.meanings)
    arguments = [known.get(name, name) for name, _ in rule.inputs]
    if frame.pieces:
        lines.append('    for piece in state.get("pieces") or cut(state):')
        lines += wrap_line(f"update({', '.join(['*piece', *arguments[len(known):]])}{room.get('update', '')})", "        ")
    else:
        lines += wrap_line(f"update({', '.join(arguments)}{room.get('update', '')})", "    ")
    step = frame.filled(STEP, name=in_docstring(rule.name), body="\n".join(lines))
    if not frame.pieces:
        return step
    count, end = ('state["count"]', 'min(i + PIECE, state["count"])') if net.frozen else ("vectors[0].size", "i + PIECE")
    return "\n\n\n".join([frame.filled(CUT, vectors=vectors, count=count, end=end).rstrip(), step])


def stepping(slopes: Job, update: Job, net: Network, rule: Rule) -> Stepping:
    """The step as data, for a backend that writes it in its own way."""
    moved = ("theta", "g", *rule.states)
    numbers = [name for name, _ in rule.inputs if name not in moved]
    return Stepping(slopes, update, [name for name, _ in net.parameters], net.data, moved,
                    rate_lines(rule.rates, rule.meanings), numbers, bool(net.frozen))
