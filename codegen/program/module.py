"""The text of a standalone training module: formulas as functions, and what a program around them needs.

`forward`, `backward`, `predict` and `update` are emitted from the graph; everything else here is the frame: initial
values, one step, minibatches, files, a command line. The frame calls by position, so that names of a user's
symbols can clash with nothing. The result imports the array module and the standard library only.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symgrad.codegen.c import training as c_training
from symgrad.codegen.c.emit import InPlaceCode, emit_compiled_inplace
from symgrad.codegen.c.training import c_blocks, compiled_step
from symgrad.codegen.plan.binding import index_inputs
from symgrad.codegen.plan.plan import Mark
from symgrad.codegen.program import frame
from symgrad.codegen.program.rates import converted, rate_lines
from symgrad.codegen.program.starts import init_text, quoted, start
from symgrad.codegen.python import workspace
from symgrad.codegen.python.emit import Emitted, emit_function, marks_in
from symgrad.codegen.python.inplace_emit import InPlaceFunction, emit_inplace
from symgrad.codegen.python.shared import Comment, Module
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.graphs.node import INTEGER, REAL, Node
from symgrad.graphs.sizes import symbols_of

Named = tuple[tuple[str, Node], ...]
FRAME = """forward backward predict update init flat begin step fitted checked batches train load save resumed main DTYPE LR
PIECE cut views slot gradients MISSING LENGTHS ARRAYS PARAMETERS DATA INPUTS SAMPLES KINDS CLASSES LARGE
argparse math os sys time zipfile Path""".split()
NUMPY_LINE = "import numpy as np"
ALONE = ("Its matrix products are small: one thread is best, by OPENBLAS_NUM_THREADS=1 in the environment (for other "
         "libraries than NumPy's own OpenBLAS, MKL_NUM_THREADS=1 or OMP_NUM_THREADS=1).")
CONSTANTS = ".constants.npz"  # the suffix of the file beside a module that holds its large arrays


@dataclass(frozen=True)
class Rule:
    """An update rule as nodes: inputs are theta, g, the states, the rates; outputs theta and the states."""

    name: str
    title: str
    inputs: Named
    outputs: Named
    rates: tuple[tuple[str, sp.Expr], ...]
    states: Mapping[str, float]
    comments: Mapping[Node, str]
    lr: float
    meanings: Mapping[str, str] = field(default_factory=dict)  # of rates, for people

    @property
    def overwritten(self) -> Mapping[str, str]:
        """Which output takes the place of which input."""
        given = dict(self.inputs)
        return {name: name.removeprefix("new_") for name, _ in self.outputs if name.removeprefix("new_") in given}


@dataclass(frozen=True)
class Network:
    """All that a training module is written from; texts come from above, since codegen knows no notation."""

    title: str
    formulas: tuple[str, ...]
    parameters: Named
    data: Named  # what the loss needs
    inputs: Named  # what the prediction needs
    loss: tuple[str, Node]
    gradients: Named
    prediction: tuple[str, Node] | None
    rule: Rule
    names: Mapping[Node, str] = field(default_factory=dict)
    comment: Comment | None = None
    sizes: Mapping[sp.Symbol, int] = field(default_factory=dict)
    meaning: Mapping[Node, tuple[str, Node]] = field(default_factory=dict)  # "forward" or "backward", and of which value
    frozen: int = 0  # so many parameters, the last ones, are not trained: they have no gradient


@dataclass(frozen=True)
class TrainingText:
    """The functions of a training module and its whole text, with the places of their steps in it."""

    text: str
    functions: Mapping[str, Emitted | InPlaceFunction]

    @property
    def marks(self) -> dict[str, tuple[Mark, ...]]:
        """For each function the lines of the text on which its steps are written."""
        return {name: marks_in(self.text, f.lines, f.marks) for name, f in self.functions.items()}


PIECE = 1 << 16  # a few arrays of so many numbers lie in a cache of the second or third level


def training_text(module: Module, net: Network) -> TrainingText:
    """The text of the training module of `net`, written into `module`."""
    arguments = [*net.parameters, *net.data]
    keys = [name for name, _ in net.parameters]
    loss = net.loss[0]
    common: dict[str, Any] = {"names": net.names, "comment": net.comment, "sizes": net.sizes}
    functions: dict[str, Emitted | InPlaceFunction] = {
        "forward": emit_function(module, "forward", arguments, [net.loss], doc=f"The loss {loss}.", **common),
        "backward": emit_function(
            module, "backward", arguments, [net.loss, *net.gradients],
            form=(0, {key: i for i, key in enumerate(keys, start=1)}),
            doc=f"The loss {loss} and its gradients by all parameters.", **common)}
    if net.prediction is not None:
        functions["predict"] = emit_function(
            module, "predict", [*net.parameters, *net.inputs], [net.prediction],
            doc=f"The prediction{'' if net.prediction[0] == 'prediction' else ' ' + net.prediction[0]}.",
            **common)
    functions["gradients"] = emit_inplace(
        module, "gradients", arguments, [net.loss, *net.gradients],
        doc="As `backward`, into given arrays, in a workspace that is made once.", **common)
    states = ", ".join(name for name, _ in net.rule.outputs)
    functions["update"] = emit_inplace(
        module, "update", net.rule.inputs, net.rule.outputs, over=dict(net.rule.overwritten),
        doc=f"{net.rule.title}: {states} after one step, in place, for all parameters at once.",
        comment=net.rule.comments.get)
    over, note = dict(net.rule.overwritten), net.rule.comments.get
    code = [] if not module.compiled else [
        emit_compiled_inplace(module, "gradients", arguments, [net.loss, *net.gradients], **common),
        emit_compiled_inplace(module, "update", net.rule.inputs, net.rule.outputs, over=over, comment=note)]
    done = [part for part in code if part is not None]  # the step is C if both can be
    return TrainingText(_assembled(module, net, functions, done if len(done) == 2 else []), functions)


def _frame(module: Module, template: str, **parts: str) -> str:
    """A part of the frame in the words of the backend."""
    device = module.backend.device
    words = {**frame.WORDS[module.backend.name], "np": module.backend.np, "read": "cp.asnumpy" if device else "np.asarray",
             "get": "cp.asnumpy" if device else "np.asarray", "array": frame.put("array", device)}
    return workspace.filled(template, **{**words, **parts})


def _assembled(module: Module, net: Network, functions: Mapping[str, Emitted | InPlaceFunction],
               code: Sequence[InPlaceCode]) -> str:
    starts = [start(module, name, node, FRAME) for name, node in net.parameters]
    kinds = dict.fromkeys(kind for kind, _ in starts if kind in frame.INITIALS)
    body = [*(module.backend.helpers[row].rstrip() for row in module.helpers),
            *("\n".join(f.lines) for f in functions.values() if isinstance(f, Emitted)),
            *("\n".join(lines) for f in functions.values() if isinstance(f, InPlaceFunction)
              for lines in (f.lines, f.workspace) if lines),
            _frame(module, workspace.SLOT),
            *(frame.INITIALS[kind] for kind in kinds),
            init_text(module, net.parameters, net.data, net.sizes, starts), _frame(module, frame.FLAT), frame.VIEWS,
            _begin(module, net), _step(module, net, functions), _checked(module, net), _batches(module, net),
            _train(module, net), _frame(module, frame.FILES), _main(net)]
    if code:
        place = body.index(_checked(module, net))
        single = module.dtype == "float32"
        body[place:place] = [*c_blocks(single, *code), _compiled_step(net, single, *code)]
        body.append(c_training.LAST)
    blocks = [block.strip("\n") for block in body]
    text = "\n\n\n".join([_head(module, net, functions, "\n\n\n".join(blocks)), *blocks, frame.LAST.strip("\n")])
    return text + "\n"


# the head ---------------------------------------------------------------------------------------------------


def _head(module: Module, net: Network, functions: Mapping[str, Emitted | InPlaceFunction], body: str) -> str:
    flops = functions["backward"].plan.flops
    count, needs = sum_of(net.parameters), frame.WORDS[module.backend.name]["needs"]
    lines = [net.title, "", *(f"    {line}" for line in net.formulas), "",
             f"{count} parameters; {_count(flops)} operations for the loss and all gradients. G_v is the gradient "
             f"of the loss by v; the rows of matrices such as X are samples. Written by symgrad; needs {needs}.", "",
             "    python thisfile.py data.npz --epochs 10 --output model.npz", "",
             *([ALONE, ""] if functions["backward"].plan.wants_one_thread({}) and not module.backend.device else []),
             f"data.npz holds the arrays {_listed(name for name, _ in net.data)}, model.npz the parameters by name."]
    doc = []
    for line in lines:
        wrapped = [line] if line.startswith("    ") else textwrap.wrap(line, 96) or [""]
        doc += [each.replace("\\", "\\\\").replace('"""', "'''") for each in wrapped]
    every = sorted({"argparse", "math", "os", "sys", "time", "zipfile", *c_training.IMPORTS})
    arrays = module.backend.import_lines(body)
    if module.backend.device:
        first, *more = [line for line in arrays.split("\n") if line != NUMPY_LINE]
        arrays = f"{NUMPY_LINE}\n\n" + workspace.filled(frame.GPU, more="".join(f"\n    {line}" for line in more)).rstrip()
    imports = [name for name in every if f"{name}." in body + arrays]
    parts = ['"""' + "\n".join(doc) + '\n"""', "\n".join(f"import {name}" for name in imports)
             + ("\nfrom pathlib import Path" if module.data else ""), arrays]
    constants = [f"DTYPE = np.{module.dtype}", f"LR = {net.rule.lr!r}  # the learning rate, unless another is given",
                 *([] if module.backend.device else [f"PIECE = {PIECE}  # entries that an update takes at a time"]),
                 *_tables(net)]
    if module.data:
        constants.append(f'LARGE = np.load(Path(__file__).with_suffix("{CONSTANTS}"))')
    constants += module.constant_lines("LARGE")
    return "\n\n".join([*parts, "\n".join(constants)])


def _listed(names: Any) -> str:
    return ", ".join(names) or "nothing"


def sum_of(parameters: Named) -> str:
    """The number of all entries."""
    total: Any = 0
    for _, node in parameters:
        entries: Any = 1
        for size in node.shape:
            entries = entries * size
        total = total + entries
    return _count(total)


def _count(size: Any) -> str:
    return f"{size:,}" if isinstance(size, int) else str(size).replace("**", "^").replace("*", " ")


def _tables(net: Network) -> list[str]:
    """What the data must be, for checks: the shape of each array, the kinds that are not real numbers."""
    def shape(node: Node) -> str:
        parts = [str(s) if isinstance(s, int) else quoted(str(s)) for s in node.shape]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def row(name: str, keys: Sequence[str]) -> str:
        return f"{name} = ({', '.join(map(quoted, keys))}{',' if len(keys) == 1 else ''})"

    both = {**dict(net.data), **dict(net.inputs)}
    sampled = [name for name, node in net.data if node.attrs[0].over is not None]
    lines = ["ARRAYS = {  # their shapes; what is a text here is a size that the arrays show"]
    lines += [f"    {quoted(name)}: {shape(node)}," for name, node in (*net.parameters, *both.items())]
    lines += ["}", row("PARAMETERS", [name for name, _ in net.parameters]),
              row("DATA", [name for name, _ in net.data]) + "  # what training needs"]
    if net.prediction is not None:
        lines.append(row("INPUTS", [name for name, _ in net.inputs]) + "  # what the prediction needs")
    if _divisible(net):
        lines.append(row("SAMPLES", sampled) + "  # those with a row for each sample")
    kinds = {name: "np.int64" if node.dtype == INTEGER else "np.bool_" for name, node in both.items()
             if node.dtype != REAL}
    if kinds:
        lines.append("KINDS = {" + ", ".join(f"{quoted(name)}: {kind}" for name, kind in kinds.items()) + "}")
    classes = {name: node.attrs[0].classes for name, node in both.items() if isinstance(node.attrs[0].classes, int)}
    if classes:
        lines.append("CLASSES = {" + ", ".join(f"{quoted(n)}: {c}" for n, c in classes.items()) + "}")
    lengths = _lengths(net)
    if lengths:
        lines.append("LENGTHS = {" + ", ".join(f"{quoted(n)}: {c}" for n, c in lengths.items()) + "}  # of axes they index")
    return lines


def _lengths(net: Network) -> dict[str, int]:
    """For data that are indices as they are, and no labels: the length of the axis, where it is a number."""
    both = {node: name for name, node in (*net.data, *net.inputs)}
    roots = [net.loss[1], *([net.prediction[1]] if net.prediction is not None else [])]
    lengths: dict[str, int] = {}
    for node, size in index_inputs(roots):
        if isinstance(size, int) and not isinstance(node.attrs[0].classes, int):
            lengths[both[node]] = min(size, lengths.get(both[node], size))
    return lengths


# one step, the loop, the command line ------------------------------------------------------------------------


def _begin(module: Module, net: Network) -> str:
    rule, xp = net.rule, module.backend.np
    values = {name: f"{xp}.full_like(theta, {value!r})" if value else f"{xp}.zeros_like(theta)"
              for name, value in rule.states.items()}
    lines = [f'        "{name}": {value},' for name, value in values.items()]
    if net.frozen:
        still = ", ".join(quoted(name) for name, _ in net.parameters[-net.frozen:])
        lines.insert(0, f'        "count": theta.size - sum(params[name].size for name in [{still}]),  # are trained')
    kept = f", and what {rule.name} keeps" if rule.states else ""
    return _frame(module, frame.BEGIN, kept=kept, states="\n".join(lines) + "\n" if lines else "")


def _step(module: Module, net: Network, functions: Mapping[str, Emitted | InPlaceFunction]) -> str:
    rule = net.rule
    known = {name: f'state["{name}"]' for name in ("theta", "g", *rule.states)}
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
    step = _frame(module, frame.STEP, name=rule.name, body="\n".join(lines))
    if module.backend.device:
        return step
    count, end = ('state["count"]', 'min(i + PIECE, state["count"])') if net.frozen else ("vectors[0].size", "i + PIECE")
    return "\n\n\n".join([_frame(module, frame.CUT, vectors=vectors, count=count, end=end).rstrip(), step])


def _compiled_step(net: Network, single: bool, gradients: InPlaceCode, update: InPlaceCode) -> str:
    rule = net.rule
    moved = ("theta", "g", *rule.states)
    numbers = [name for name, _ in rule.inputs if name not in moved]
    parameters, results = ([name for name, _ in part] for part in (net.parameters, (net.loss, *net.gradients)))
    return compiled_step(parameters, results, net.data, moved, rate_lines(rule.rates, rule.meanings), numbers, gradients,
                         update, single, bool(net.frozen))


def _checked(module: Module, net: Network) -> str:
    nodes = [node for _, node in (*net.data, *net.inputs)]
    kinds = any(node.dtype != REAL for node in nodes)
    classes = any(isinstance(node.attrs[0].classes, int) for node in nodes)
    fitted = _frame(module, frame.FITTED, dtype="KINDS.get(name, DTYPE)" if kinds else "DTYPE")
    checked = _frame(module, frame.CHECKED, labels=(frame.LABELS if classes else "")
                     + (frame.INDICES if _lengths(net) else ""))
    return "\n\n\n".join([fitted.strip("\n"), checked])


def _divisible(net: Network) -> bool:
    """Can minibatches be cut? Not without samples, from two kinds of them, or from a fixed number."""
    overs = [node.attrs[0].over for _, node in net.data if node.attrs[0].over is not None]
    return len(set(overs)) == 1 and not any(isinstance(over, int) for over in overs)


def _batches(module: Module, net: Network) -> str:
    if not _divisible(net):
        return frame.WHOLE
    whole = any(node.attrs[0].over is None for _, node in net.data)
    return _frame(module, frame.BATCHES, chosen="[chosen] if name in SAMPLES else data[name]" if whole else "[chosen]",
                  order=frame.put("rng.permutation(count)", module.backend.device))


def _train(module: Module, net: Network) -> str:
    free = symbols_of([s for _, node in net.parameters for s in node.shape if s not in net.sizes])
    return workspace.filled(frame.TRAIN, loop=frame.DEVICE_LOOP if module.backend.device else frame.LOOP,
                        init="init(seed, [data[name] for name in DATA])" if free else "init(seed)")


def _main(net: Network) -> str:
    predicts = net.prediction is not None
    return workspace.filled(frame.MAIN, option=frame.PREDICT_OPTION if predicts else "",
                             action=frame.PREDICT_ACTION if predicts else "")
