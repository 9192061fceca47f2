"""The text of a standalone training module: formulas as functions, and what a program around them needs.

`forward`, `backward`, `predict` and `update` are emitted from the graph; everything else here is the frame: initial
values, one step, minibatches, files, a command line. The frame calls by position, so that names of a user's
symbols can clash with nothing. The result imports the array module and the standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.codegen.c import training as c_training
from symgrad.codegen.c.emit import InPlaceCode, emit_compiled_inplace
from symgrad.codegen.c.training import c_blocks
from symgrad.codegen.plan.plan import Mark
from symgrad.codegen.program import frame
from symgrad.codegen.program.frame import framed
from symgrad.codegen.program.head import Functions, head, lengths_of
from symgrad.codegen.program.network import Network, Rule
from symgrad.codegen.program.starts import init_text, start
from symgrad.codegen.program.step import begin_text, compiled_step_text, step_text
from symgrad.codegen.python import workspace
from symgrad.codegen.python.emit import Emitted, emit_function, marks_in, module_text
from symgrad.codegen.python.inplace_emit import InPlaceFunction, emit_inplace
from symgrad.codegen.python.shared import Module
from symgrad.graphs.node import REAL
from symgrad.graphs.sizes import symbols_of


@dataclass(frozen=True)
class TrainingText:
    """The functions of a training module and its whole text, with the places of their steps in it."""

    text: str
    functions: Functions

    @property
    def marks(self) -> dict[str, tuple[Mark, ...]]:
        """For each function the lines of the text on which its steps are written."""
        return {name: marks_in(self.text, f.lines, f.marks) for name, f in self.functions.items()}


def training_text(module: Module, net: Network, rule: Rule) -> TrainingText:
    """The text of the training module of `net`, written into `module`."""
    module.taken.update(frame.FRAME)
    arguments = [*net.parameters, *net.data]
    keys = [name for name, _ in net.parameters]
    common: dict[str, Any] = {"names": net.names, "comment": net.comment, "sizes": net.sizes}
    answers = _answers(module, net)
    functions: dict[str, Emitted | InPlaceFunction] = {
        "forward": answers.pop("forward"),
        "backward": emit_function(
            module, "backward", arguments, [net.loss, *net.gradients],
            form=(0, {key: i for i, key in enumerate(keys, start=1)}),
            doc=f"The loss {net.loss[0]} and its gradients by all parameters.", **common),
        **answers,
        "gradients": emit_inplace(
            module, "gradients", arguments, [net.loss, *net.gradients],
            doc="As `backward`, into given arrays, in a workspace that is made once.", **common)}
    states = ", ".join(name for name, _ in rule.outputs)
    over, note = dict(rule.overwritten), rule.comments.get
    functions["update"] = emit_inplace(
        module, "update", rule.inputs, rule.outputs, over=over,
        doc=f"{rule.title}: {states} after one step, in place, for all parameters at once.", comment=note)
    code = [] if not module.compiled else [
        emit_compiled_inplace(module, "gradients", arguments, [net.loss, *net.gradients], **common),
        emit_compiled_inplace(module, "update", rule.inputs, rule.outputs, over=over, comment=note)]
    done = [part for part in code if part is not None]  # the step is C if both can be
    return TrainingText(_assembled(module, net, rule, functions, done if len(done) == 2 else []), functions)


def _answers(module: Module, net: Network) -> dict[str, Emitted]:
    """What a program answers: the loss, and the prediction where there is one."""
    common: dict[str, Any] = {"names": net.names, "comment": net.comment, "sizes": net.sizes}
    functions = {"forward": emit_function(module, "forward", [*net.parameters, *net.data], [net.loss],
                                          doc=f"The loss {net.loss[0]}.", **common)}
    if net.prediction is not None:
        name = net.prediction[0]
        functions["predict"] = emit_function(
            module, "predict", [*net.parameters, *net.inputs], [net.prediction],
            doc=f"The prediction{'' if name == 'prediction' else ' ' + name}.", **common)
    return functions


def evaluation_text(module: Module, net: Network) -> TrainingText:
    """The text of a module that trains nothing: `init`, `forward` and `predict` as in the training module of `net`.

    Large constant arrays are not in it: they are attached when it is loaded.
    """
    module.taken.update(frame.FRAME)
    functions = _answers(module, net)
    initials = _initials(module, net)
    text = module_text(module, list(functions.values()), None, ["import math", f"DTYPE = np.{module.dtype}"], initials)
    return TrainingText(text, functions)


def _initials(module: Module, net: Network) -> list[str]:
    """The functions that draw initial values, and `init`."""
    starts = [start(module, name, node) for name, node in net.parameters]
    kinds = dict.fromkeys(kind for kind, _ in starts if kind in frame.INITIALS)
    return [*(frame.INITIALS[kind] for kind in kinds),
            init_text(module, net.parameters, net.data, net.sizes, starts)]


def _assembled(module: Module, net: Network, rule: Rule, functions: Functions, code: Sequence[InPlaceCode]) -> str:
    initials = _initials(module, net)  # before the helpers are written: it may need constants
    body = [*(module.backend.helpers[row].rstrip() for row in module.helpers),
            *("\n".join(f.lines) for f in functions.values() if isinstance(f, Emitted)),
            *("\n".join(lines) for f in functions.values() if isinstance(f, InPlaceFunction)
              for lines in (f.lines, f.workspace) if lines),
            framed(module, workspace.SLOT), *initials, framed(module, frame.FLAT), frame.VIEWS,
            begin_text(module, net, rule), step_text(module, net, rule, functions)]
    if code:
        body += [*c_blocks(module.dtype == "float32", *code), compiled_step_text(module, net, rule, *code)]
    body += [_checked(module, net), _batches(module, net), _train(module, net), framed(module, frame.FILES), _main(net)]
    body += [c_training.LAST] if code else []
    blocks = [block.strip("\n") for block in body]
    top = head(module, net, rule, functions, "\n\n\n".join(blocks))
    return "\n\n\n".join([top, *blocks, frame.LAST.strip("\n")]) + "\n"


# the loop, the command line ---------------------------------------------------------------------------------


def _checked(module: Module, net: Network) -> str:
    nodes = [node for _, node in (*net.data, *net.inputs)]
    kinds = any(node.dtype != REAL for node in nodes)
    classes = any(isinstance(node.attrs[0].classes, int) for node in nodes)
    fitted = framed(module, frame.FITTED, dtype="KINDS.get(name, DTYPE)" if kinds else "DTYPE")
    checked = framed(module, frame.CHECKED, labels=(frame.LABELS if classes else "")
                     + (frame.INDICES if lengths_of(net) else ""))
    return "\n\n\n".join([fitted.strip("\n"), checked])


def _batches(module: Module, net: Network) -> str:
    if not net.divisible:
        return frame.WHOLE
    whole = any(node.attrs[0].over is None for _, node in net.data)
    return framed(module, frame.BATCHES, chosen="[chosen] if name in SAMPLES else data[name]" if whole else "[chosen]",
                  order=frame.put("rng.permutation(count)", module.backend.device))


def _train(module: Module, net: Network) -> str:
    free = symbols_of([s for _, node in net.parameters for s in node.shape if s not in net.sizes])
    return workspace.filled(frame.TRAIN, loop=frame.DEVICE_LOOP if module.backend.device else frame.LOOP,
                            init="init(seed, [data[name] for name in DATA])" if free else "init(seed)")


def _main(net: Network) -> str:
    predicts = net.prediction is not None
    escaped = '.replace("%", "%%")'  # argparse formats all help, and a description that names the program
    return workspace.filled(frame.MAIN, option=frame.PREDICT_OPTION if predicts else "",
                             action=frame.PREDICT_ACTION if predicts else "",
                            percents=escaped if any("%" in name for name, _ in net.data) else "",
                            prog=escaped if "%(prog)" in net.title else "")
