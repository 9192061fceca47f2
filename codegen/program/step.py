"""A step of training as text, as the frame writes it, and as data, for a backend that writes it in its own way."""

from __future__ import annotations

import sympy as sp

from symgrad.codegen.program.frame import STEP, Frame
from symgrad.codegen.program.head import Functions
from symgrad.codegen.program.network import Named, Network, UpdateRule
from symgrad.codegen.program.rates import rate_lines
from symgrad.codegen.python.batch import INSIDE, REFUSED, SUMMED, TakenBatch, batch_of, kind_name
from symgrad.codegen.python.inplace_emit import InPlaceFunction
from symgrad.codegen.python.job import Job, Stepping
from symgrad.codegen.python.texts import size_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import in_docstring, literal
from symgrad.graphs.phases import too_few
from symgrad.graphs.sizes import free_symbols


def step_text(step: Stepping, net: Network, rule: UpdateRule, frame: Frame, functions: Functions) -> str:
    """The step by `gradients` and `update`."""
    known = {name: f"state[{literal(name)}]" for name in step.vectors}
    if net.frozen and not frame.pieces:
        known = {name: f"{text}[: state.count]" for name, text in known.items()}
    batch = batch_of(step, step.numbers, lambda k, dtype: f"taken(batch[{k}], {kind_name(dtype)})", frame.pieces)
    room = {f.name: ", rooms" for f in functions.values() if isinstance(f, InPlaceFunction) and f.workspace}
    lines = ['    rooms, t = state.arrays["rooms"], state.arrays["t"] + 1', "    try:", *batch.lines]
    arrays, slopes = list(batch.arrays), step.gradients.name
    if step.staged:
        lines += _stages(net, step, batch)
        arrays = _passed(net, step, batch, len(net.shares.stages))
    passed = ", ".join(["*state.read", *arrays, "*state.written"])
    lines += wrap_line(f"{slopes}({passed}{room.get(slopes, '')})", INSIDE)
    lines += [REFUSED, SUMMED, *step.moves, *step.rates]
    arguments = [known.get(name, name) for name, _ in rule.inputs]
    if frame.pieces:
        lines.append("    for piece in state.pieces:")
        lines += wrap_line(f"update({', '.join(['*piece', *arguments[len(known):]])}{room.get('update', '')})", INSIDE)
    else:
        lines += wrap_line(f"update({', '.join(arguments)}{room.get('update', '')})", "    ")
    return frame.filled(STEP, step=step.name, name=in_docstring(rule.name), body="\n".join(lines))


def stage_name(stage: int) -> str:
    """The function of a stage, counted from 0."""
    return f"stage_{stage + 1}_of_part"


def _stages(net: Network, step: Stepping, batch: TakenBatch) -> list[str]:
    """The stages before the gradients; between them all ranks add up what they have found."""
    lines = [f"{INSIDE}carried = []"]
    over = next(node.attrs[0].over for _, node in net.data if node.attrs[0].over is not None)
    whole = sp.Symbol("N", integer=True, positive=True)
    texts = {**batch.sizes, whole: batch.arrays[len(net.data)]}
    for size, name in net.counts.items():
        lines += [f"{INSIDE}if {size_text(sp.sympify(size).subs(over, whole), texts).text} < 2:",
                  f"{INSIDE}    raise ValueError({literal(too_few(name))})"]
    for k, stage in enumerate(net.shares.stages):
        parameters = [f"state.read[{place}]" for place in read_by(net, k)]
        call = f"{stage_name(k)}({', '.join([*parameters, *_passed(net, step, batch, k)])})"
        counts = f"{len(stage.sums)}, {len(stage.maxima)}" if stage.maxima else str(len(stage.sums))
        lines += wrap_line(f"carried += state.ranks.shared({call}, {counts})", INSIDE)
    return lines


def _passed(net: Network, step: Stepping, batch: TakenBatch, stage: int) -> list[str]:
    """What a stage is called with behind the parameters."""
    end = len(batch.arrays) - len(step.masks)
    carried = [f"carried[{place}]" for place in net.shares.taken(stage, net.shares.carried(stage))]
    return [*batch.arrays[:end], *carried, *batch.arrays[end:]]


def read_by(net: Network, stage: int) -> list[int]:
    """The places of the parameters that the function of a stage takes: all, where their shapes say sizes, and at last."""
    every = list(range(len(net.parameters)))
    if stage == len(net.shares.stages) or free_symbols([size for _, node in net.parameters for size in node.shape]):
        return every
    return net.shares.taken(stage, net.parameters)


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
                    net.masks, moves, net.divisible, len(net.states), {} if more else net.counts, name, len(more),
                    bool(more and net.shares.stages))
