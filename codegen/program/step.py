"""A step of training as text, as the frame writes it, and as data, for a backend that writes it in its own way."""

from __future__ import annotations

from symgrad.codegen.program.frame import STEP, Frame
from symgrad.codegen.program.head import Functions
from symgrad.codegen.program.network import Named, Network, UpdateRule
from symgrad.codegen.program.rates import rate_lines
from symgrad.codegen.python.batch import INSIDE, REFUSED, SUMMED, batch_of, kind_name
from symgrad.codegen.python.inplace_emit import InPlaceFunction
from symgrad.codegen.python.job import Job, Stepping
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import in_docstring, literal


def step_text(step: Stepping, net: Network, rule: UpdateRule, frame: Frame, functions: Functions) -> str:
    """The step by `gradients` and `update`."""
    known = {name: f"state[{literal(name)}]" for name in step.vectors}
    if net.frozen and not frame.pieces:
        known = {name: f"{text}[: state.count]" for name, text in known.items()}
    batch = batch_of(step, step.numbers, lambda k, dtype: f"taken(batch[{k}], {kind_name(dtype)})", frame.pieces)
    room = {f.name: ", rooms" for f in functions.values() if isinstance(f, InPlaceFunction) and f.workspace}
    lines = ['    rooms, t = state.arrays["rooms"], state.arrays["t"] + 1', "    try:", *batch.lines]
    passed = ", ".join(["*state.read", *batch.arrays, "*state.written"])
    slopes = step.gradients.name
    lines += wrap_line(f"{slopes}({passed}{room.get(slopes, '')})", INSIDE)
    lines += [REFUSED, SUMMED, *step.moves, *step.rates]
    arguments = [known.get(name, name) for name, _ in rule.inputs]
    if frame.pieces:
        lines.append("    for piece in state.pieces:")
        lines += wrap_line(f"update({', '.join(['*piece', *arguments[len(known):]])}{room.get('update', '')})", INSIDE)
    else:
        lines += wrap_line(f"update({', '.join(arguments)}{room.get('update', '')})", "    ")
    return frame.filled(STEP, step=step.name, name=in_docstring(rule.name), body="\n".join(lines))


def stepping(slopes: Job, update: Job, net: Network, rule: UpdateRule, frame: Frame, name: str = "step",
             more: Named = ()) -> Stepping:
    """The step as data; a batch may have `more` than the network's data."""
    moves = ["    for old, new in state.moving:", "        old[...] = new"] if net.states else []
    trained = "[: state.count]" if net.frozen else ""
    first = ["    lr = of_step(lr, t)"] if rule.by_step else []
    first += [f"    {name} = norm_of(state.arrays[{literal(vector)}]{trained})" for name, vector in rule.lengths.items()]
    xp = "" if frame.pieces else frame.library.np
    moved = ("theta", "g", *rule.states)
    numbers = [each for each, _ in rule.inputs if each not in moved]
    return Stepping(slopes, update, [name for name, _ in net.parameters], (*net.data, *more), moved,
                    [*first, *rate_lines(rule.rates, rule.meanings, rule.lengths, xp)], numbers, net.frozen,
                    net.masks, moves, net.divisible, len(net.states), net.counts, name)
