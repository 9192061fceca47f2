"""The text of a standalone training module: formulas as functions, and what a program around them needs.

`forward`, `backward`, `predict` and `update` are emitted from the graph; everything else here is the frame: initial
values, one step, minibatches, files, a command line. The frame calls by position, so that names of a user's
symbols can clash with nothing. The result imports the array module and the standard library only.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace

from symgrad.codegen.plan.plan import Mark
from symgrad.codegen.plan.tables import Tabled
from symgrad.codegen.program import files, loop, ranks
from symgrad.codegen.program import frame as templates
from symgrad.codegen.program.frame import FRAME, Frame
from symgrad.codegen.program.head import Functions, head, lengths_of
from symgrad.codegen.program.mask_text import masks_text
from symgrad.codegen.program.network import Network, UpdateRule
from symgrad.codegen.program.rates import LENGTH, LENGTH_ON_DEVICE, pace_text
from symgrad.codegen.program.selfcheck import check_text
from symgrad.codegen.program.starts import init_text, start
from symgrad.codegen.program.state import state_text
from symgrad.codegen.program.step import read_by, stage_name, step_text, stepping
from symgrad.codegen.python import workspace
from symgrad.codegen.python.emit import Emitted, emit_function, marks_in, module_text
from symgrad.codegen.python.inplace_emit import InPlaceFunction, emit_inplace
from symgrad.codegen.python.job import Blocks, EmittedModule, Job, Named, Stepping
from symgrad.codegen.quoting import literal
from symgrad.graphs.node import REAL
from symgrad.graphs.sizes import free_symbols

PART, STEP_OF_PART = "gradients_of_part", "step_of_part"


@dataclass(frozen=True)
class TrainingText:
    """The functions of a training module and its whole text, with the places of their steps in it."""

    text: str
    functions: Functions
    phases: Tabled | None = None  # how the step runs, where its backend has something to say of it

    @property
    def marks(self) -> dict[str, tuple[Mark, ...]]:
        """For each function the lines of the text on which its steps are written."""
        return {name: marks_in(self.text, f.lines, f.marks) for name, f in self.functions.items()}


def training_text(module: EmittedModule, net: Network, rule: UpdateRule, frame: Frame) -> TrainingText:
    """The text of the training module of `net`, written into `module`."""
    module.taken.update((*FRAME, *frame.taken, *map(stage_name, range(len(net.shares.stages)))))
    functions: dict[str, Emitted | InPlaceFunction] = {job.name: emit_function(job) for job in formulas(module, net)}
    about = "As `backward`, into given arrays, in a workspace that is made once."
    if net.still is not None:
        about = f"The loss {net.loss[0]} in training and its gradients, into given arrays; the workspace is made once."
    slopes = _job(module, net, "gradients", [*net.parameters, *net.data, *net.masks],
                  [net.loss, *net.gradients, *net.states], about)
    slopes = replace(slopes, quick=True)
    states = ", ".join(name for name, _ in rule.outputs)
    update = Job(module, "update", rule.inputs, rule.outputs, over=rule.overwritten, comment=rule.comments.get,
                 doc=f"{rule.title}: {states} after one step, in place, for all parameters at once.")
    functions["gradients"], functions["update"] = emit_inplace(slopes), emit_inplace(update)
    steps = [stepping(slopes, update, net, rule, frame)]
    if net.shares.loss is not None:
        for job in _stages(module, net):
            functions[job.name] = emit_function(job)
        part = _job(module, net, PART, _given(net, len(net.shares.stages)),
                    [(net.loss[0], net.shares.loss), *net.shares.gradients, *net.shares.states],
                    "The loss of a part of a batch, which counts as its samples among all do, and its gradients.")
        part = replace(part, quick=True)
        functions[PART] = emit_inplace(part)
        steps.append(stepping(part, update, net, rule, frame, STEP_OF_PART, net.shares.count))
    blocks = frame.step(steps) if frame.step is not None else None
    blocks = blocks or Blocks((), ())
    frame = replace(frame, loop=blocks.loop) if blocks.loop else frame
    return TrainingText(_assembled(module, net, rule, frame, functions, steps, blocks), functions, blocks.plan)


def formulas(module: EmittedModule, net: Network) -> list[Job]:
    """The functions that are formulas and nothing else: the loss, its gradients, the prediction where there is one.

    They are those outside of training.
    """
    net = net.asked
    loss, given = net.loss[0], [*net.parameters, *net.data]
    keys = [name for name, _ in net.parameters[: len(net.gradients)]]
    backward = _job(module, net, "backward", given, [net.loss, *net.gradients],
                    f"The loss {loss} and its gradients by all parameters.")
    jobs = [_job(module, net, "forward", given, [net.loss], f"The loss {loss}."),
            replace(backward, quick=True, form=(0, {key: i for i, key in enumerate(keys, start=1)}))]
    if net.prediction is not None:
        name = net.prediction[0]
        jobs.append(_job(module, net, "predict", [*net.parameters, *net.inputs], [net.prediction],
                         f"The prediction{'' if name == 'prediction' else ' ' + name}."))
    return jobs


def _given(net: Network, stage: int) -> Named:
    """What the function of a stage takes: what it needs of what earlier ones hand on, and of the parameters."""
    shares, carried = net.shares, net.shares.carried(stage)
    own = [carried[k] for k in shares.taken(stage, carried)]
    parameters = [net.parameters[k] for k in read_by(net, stage)]
    return [*parameters, *net.data, *shares.count, *own, *net.masks]


def _stages(module: EmittedModule, net: Network) -> list[Job]:
    """A function for each stage: what it keeps for later ones, and the sums of a part."""
    jobs = []
    for k, stage in enumerate(net.shares.stages):
        outputs = net.shares.outputs(k)
        shared = [f"{len(each)} {word}" for each, word in ((stage.sums, "to add up"), (stage.maxima, "for maxima")) if each]
        doc = f"Stage {k + 1} of a part: what later stages need, and at the end {' and '.join(shared)}."
        jobs.append(replace(_job(module, net, stage_name(k), _given(net, k), outputs, doc),
                            form=list(range(len(outputs))), quick=True))
    return jobs


def _job(module: EmittedModule, net: Network, name: str, inputs: Named, outputs: Named, doc: str) -> Job:
    """A function of the formulas of `net`."""
    return Job(module, name, inputs, outputs, names=net.names, comment=net.comment, sizes=net.sizes, doc=doc)


def evaluation_text(module: EmittedModule, net: Network) -> TrainingText:
    """The text of a module that trains nothing: `init`, `forward` and `predict` as in the training module of `net`.

    Large constant arrays are not in it: they are attached when it is loaded.
    """
    module.taken.update(FRAME)
    functions = {job.name: emit_function(job) for job in formulas(module, net) if job.name != "backward"}
    initials = _initials(module, net)
    text = module_text(module, list(functions.values()), None, ["import math", f"DTYPE = np.{module.dtype}"], initials)
    return TrainingText(text, functions)


def _initials(module: EmittedModule, net: Network) -> list[str]:
    """The functions that draw initial values, and `init`."""
    starts = [start(module, name, node) for name, node in net.parameters]
    kinds = dict.fromkeys(kind for kind, _ in starts if kind in templates.INITIALS)
    return [*(templates.INITIALS[kind] for kind in kinds),
            init_text(module, net.parameters, net.data, net.sizes, starts)]


def _assembled(module: EmittedModule, net: Network, rule: UpdateRule, frame: Frame, functions: Functions,
               steps: Sequence[Stepping], more: Blocks) -> str:
    initials = _initials(module, net)  # before the helpers are written: it may need constants
    body = [*module.helper_texts(),
            *("\n".join(f.lines) for f in functions.values() if isinstance(f, Emitted)),
            *("\n".join(lines) for f in functions.values() if isinstance(f, InPlaceFunction)
              for lines in (f.lines, f.workspace) if lines),
            frame.filled(workspace.SLOT), *initials, frame.filled(templates.FLAT), templates.VIEWS,
            *masks_text(net, frame), state_text(net, rule, frame), frame.filled(templates.BATCH), *_paces(rule, frame),
            *(step_text(step, net, rule, frame, functions) for step in steps), *more.first, *_ranks(frame),
            _checked(net, frame), _batches(net, frame),
            _train(net, rule, frame), _files(), _check(net, frame), _main(net), *more.last]
    blocks = [block.strip("\n") for block in body]
    top = head(module, net, rule, frame, functions, "\n\n\n".join(blocks), more.imports)
    return "\n\n\n".join([top, *blocks, templates.LAST.strip("\n")]) + "\n"


# the loop, the command line ---------------------------------------------------------------------------------


def _checked(net: Network, frame: Frame) -> str:
    nodes = [node for _, node in (*net.data, *net.inputs)]
    kinds = any(node.dtype != REAL for node in nodes)
    classes = any(isinstance(node.attrs[0].classes, int) for node in nodes)
    fitted = frame.filled(templates.FITTED, dtype="KINDS.get(name, DTYPE)" if kinds else "DTYPE")
    checked = frame.filled(templates.CHECKED, labels=(templates.LABELS if classes else "")
                     + (templates.INDICES if lengths_of(net) else ""))
    return "\n\n\n".join([fitted.strip("\n"), checked])


def _check(net: Network, frame: Frame) -> str:
    nodes = [node for _, node in (*net.data, *net.inputs)]
    return check_text(net, frame, any(node.dtype != REAL for node in nodes),
                      any(isinstance(node.attrs[0].classes, int) for node in nodes), bool(lengths_of(net)))


def _files() -> str:
    """The functions of `files.py`, as they stand there."""
    text = inspect.getsource(files)
    return text[text.index("\nRATIO"):]


def _ranks(frame: Frame) -> list[str]:
    """The class of `ranks.py`, as it stands there, and what a GPU does otherwise."""
    text = inspect.getsource(ranks).replace("np.", f"{frame.library.np}.")
    return [text[text.index("\nclass "):], *([frame.ranks] if frame.ranks else [])]


def _batches(net: Network, frame: Frame) -> str:
    if not net.divisible:
        return templates.WHOLE
    counted = net.shares.loss is not None
    whole = any(node.attrs[0].over is None for _, node in net.data)
    return frame.filled(templates.BATCHES, chosen="[chosen] if name in SAMPLES else data[name]" if whole else "[chosen]",
                  more=" + ([] if ranks is None else [samples])" if counted else "",
                  order=frame.library.put.format("rng.permutation(count)"))


def _paces(rule: UpdateRule, frame: Frame) -> list[str]:
    """The functions that say the learning rate, and how long a vector is, where a rule asks for them."""
    found = [pace_text(name, counted, formulas) for name, counted, formulas in (
        ("of_epoch", "epoch", rule.by_epoch), ("of_step", "t", rule.by_step)) if formulas]
    return [*found, *([frame.filled(LENGTH if frame.pieces else LENGTH_ON_DEVICE)] if rule.lengths else [])]


def _train(net: Network, rule: UpdateRule, frame: Frame) -> str:
    free = free_symbols([s for _, node in net.parameters for s in node.shape if s not in net.sizes])
    paced = frame.loop.replace("step(state, batch, lr)", "step(state, batch, rate)")
    paced = paced.replace("batch_size, lr)", "batch_size, rate)")
    rate = "            rate = of_epoch(lr, epoch)\n"
    text = rate + paced if rule.by_epoch else frame.loop
    if net.shares.loss is not None:
        text = text.replace("step(state", "advance(state")
    return frame.filled(loop.TRAIN, loop=text, ranks=_asked(net, text), Ranks="RanksOnDevices" if frame.ranks else "Ranks",
                            seed=", seed" if net.masks else "",
                            init="init(seed, [data[name] for name in DATA])" if free else "init(seed)")


def _asked(net: Network, text: str) -> str:
    """What is said and chosen, for the loop `text`, where there are several ranks."""
    if net.shares.why:
        lines = textwrap.wrap(net.shares.why, 80, drop_whitespace=False)
        return "\n".join(["    if ranks is not None:", "        raise ValueError(",
                          *(f"            {literal(line)}" for line in lines), "        )", ""])
    chosen = f"    advance = step if ranks is None else {STEP_OF_PART}  # a part counts its own way\n"
    return chosen if "advance(" in text else ""


def _main(net: Network) -> str:
    predicts = net.prediction is not None
    escaped = '.replace("%", "%%")'  # argparse formats all help, and a description that names the program
    return workspace.filled(loop.MAIN, option=loop.PREDICT_OPTION if predicts else "",
                            action=loop.PREDICT_ACTION if predicts else "",
                            needed="(*DATA, *INPUTS) if args.predict else DATA" if predicts else "DATA",
                            percents=escaped if any("%" in name for name, _ in net.data) else "",
                            prog=escaped if "%(prog)" in net.title else "")
