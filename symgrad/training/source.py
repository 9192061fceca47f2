"""`sg.generate`: a loss and an optimiser as the text of a program that trains, alone and readable.

A loss becomes a `Network`, an optimiser an `UpdateRule`; the room `codegen/program` writes them down, and `sg.Model`
runs the very same text.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from symgrad.codegen.c.standalone import CFile
from symgrad.codegen.plan.plan import Mark, Plan
from symgrad.codegen.plan.tables import Tabled
from symgrad.codegen.program.frame import CONSTANTS
from symgrad.codegen.program.network import Network, UpdateRule
from symgrad.codegen.python.emit import marks_in
from symgrad.codegen.python.job import EmittedModule, Job
from symgrad.codegen.python.load import load
from symgrad.computing.backends import backend_of
from symgrad.computing.functions import dtype_name, given_sizes
from symgrad.files import write_whole
from symgrad.graphs.errors import BackendError, SymgradError
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import dim
from symgrad.language.phases import in_evaluation, phased
from symgrad.language.tensor import Tensor
from symgrad.optim import Adam, Descent, Optimizer
from symgrad.optim.pace import Plateau, Schedule
from symgrad.optim.passes import LR
from symgrad.optim.scalars import line
from symgrad.training.network import closed, network, prediction_of
from symgrad.training.parameters import npz
from symgrad.training.shares import shares_of

NOT_PYTHON = (".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".cu")


@dataclass(frozen=True)
class ProgramLine:
    """Lines of a module, from `first` to `last` and counted from 1, on which `function` computes one formula.

    `kind` is "forward" for the value `node`, "loss" for the loss, "backward" for the gradient by `node`, "update" for
    a formula of the optimiser, the one numbered `number` of those that are computed. `target` is the variable.
    """

    function: str
    first: int
    last: int
    target: str
    kind: str
    node: Node | None = field(default=None, repr=False)
    number: int = 0


@dataclass(frozen=True)
class Source:
    """The text of a training module, made by `sg.generate`. `.save(path)` writes it, `.load()` gives it as a module.

    `lines` says which of its lines computes which value, gradient, and formula of the optimiser.
    """

    text: str
    plans: Mapping[str, Plan] = field(repr=False, compare=False)
    constants: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    backend: str = "numpy"
    lines: tuple[ProgramLine, ...] = field(default=(), repr=False, compare=False)
    c: CFile | str = field(default="", repr=False, compare=False)  # the formulas in C, or why they cannot be C alone
    phases: Tabled | None = field(default=None, repr=False, compare=False)  # how a step runs on a GPU

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the module; constant arrays that are too large for the text go into a file beside it.

        A path that ends in `.c` takes the formulas in C, for `backend="c"`: `forward`, `backward` and `predict` as
        functions to be linked, whose header is written beside it. Raises SymgradError where the place cannot be written or
        the text is not of the kind that the suffix says, BackendError for what C alone cannot compute.
        """
        target = Path(path)
        if target.suffix.lower() in NOT_PYTHON:
            return self._save_c(target)
        if self.constants:
            write_whole(target.with_suffix(CONSTANTS), npz(self.constants))
        return write_whole(target, self.text)

    def _save_c(self, target: Path) -> Path:
        if target.suffix != ".c" or not self.c:
            raise SymgradError(f"cannot write {str(target)!r}: the text is Python, and its name ends in .py; "
                               'backend="c" writes C to a name that ends in .c, and the header beside it')
        if isinstance(self.c, str):
            raise BackendError(f"cannot write {str(target)!r}: {self.c}")
        header = target.with_suffix(".h")
        write_whole(header, self.c.header(header.name))
        return write_whole(target, self.c.source(header.name))

    def load(self) -> ModuleType:
        """The module, ready to be called. Raises BackendError where CuPy or a GPU is missing."""
        backend_of(self.backend).device()
        if not self.constants:
            return load(self.text, name="symgrad training")
        with tempfile.TemporaryDirectory() as folder:
            place = self.save(Path(folder) / "module.py")
            return load(self.text, name="symgrad training", file=str(place))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<Source: {self.text.count(chr(10))} lines for {self.backend}, which train without symgrad>"

    def _repr_html_(self) -> str:
        from symgrad.notebook import source_html

        lines = self.text.count("\n")
        return source_html(self.text, f"a module of {lines} lines for {self.backend}, which trains without symgrad")


def generate(loss: Any, outputs: Any = None, optimizer: Optimizer | Descent | None = None, backend: str = "numpy",
             dtype: Any = "float32", *, predict: Any = None, sizes: Mapping[Any, int] | None = None,
             title: str = "", level: str | None = None, precision: str | None = None) -> Source:
    """A standalone module that trains: `forward`, `backward`, `step`, `train`, `predict`, `main()` with `--help`.

    `loss` is a scalar; one per sample is closed by its mean. `outputs` (also `predict=`) is the tensor that
    the module's `predict` computes; None means the first tensor through which all parameters act on the loss,
    where there is one. `optimizer` is Adam() by default. `sizes` fixes sizes by name. Raises SymgradError for
    a loss without parameters, ShapeError for one that is no scalar, BackendError.
    `backend="cupy"` writes the program anywhere; where it runs without CuPy and a GPU, it says so on one line. Its
    `level` is "fused", whole steps in one launch (`phases` of the result says how, or why not), or "plain", a call for
    each line of the formulas. `precision="tf32"` or `"bfloat16"` lets a fused step use tensor cores: products round their
    operands, sums, parameters and what the optimiser keeps stay float32; the head of the program says so.

    >>> import symgrad as sg
    >>> T = sg.dim("T")
    >>> x, y, W = sg.data("x", 3, over=T), sg.data("y", 2, over=T), sg.parameter("W", (2, 3))
    >>> module = generate(sg.losses.squared_error(W @ x, y), optimizer=sg.optim.SGD(0.1)).load()
    >>> module.predict(np.ones((2, 3)), np.ones((1, 3)))
    array([[3., 3.]])
    """
    if outputs is not None and predict is not None:
        raise SymgradError("generate: give outputs or predict, not both: they mean the same")
    backend_of(backend, level, precision).module(dtype_name(dtype))  # refuses what no backend can do
    target = closed(loss)
    wanted = outputs if outputs is not None else prediction_of(in_evaluation(target)) if predict is None else predict
    net = network(target, wanted, given_sizes(sizes), title)
    chosen = chosen_optimizer(optimizer)
    why = unwritten(chosen)
    if why:
        raise SymgradError(f"generate: {why}")
    assert isinstance(chosen, Optimizer)
    rule = rule_of(chosen)
    source = written(replace(net, title=title), rule, backend, dtype_name(dtype), level, precision)
    try:
        titled = replace(net, title=title or f"The loss {net.loss[0]}, its gradients and what it predicts.")
        in_c: CFile | str = backend_of(backend).language(titled, dtype_name(dtype)) or ""
    except BackendError as error:
        in_c = str(error)
    return replace(source, c=in_c)


def unwritten(optimizer: Optimizer | Descent) -> str:
    """Why no program trains by this optimiser; nothing where one does."""
    if isinstance(optimizer, Descent):
        return (f"{optimizer.name} is no update rule that a program could carry out batch by batch: it solves and searches "
                "on all data; Model.fit runs it, programs train by SGD, Adam or a rule")
    for each in optimizer.by_losses:
        return (f"{each.name} waits for the losses of a fit, which a program does not keep; take a schedule that is a "
                "formula in the epoch or the step (StepLR, ExponentialLR, CosineLR, Warmup)")
    return ""


def written(net: Network, rule: UpdateRule, backend: str, dtype: str, level: str | None = None,
            precision: str | None = None) -> Source:
    """The training module of `net` with this update rule; where it has no title, it says what it does."""
    title = net.title or f"The loss {net.loss[0]}, minimised by {rule.name}."
    row = backend_of(backend, level, precision)
    module, done = row.training(replace(net, title=title, shares=shares_of(net)), rule, dtype)
    return Source(done.text, {name: f.plan for name, f in done.functions.items()}, module.data, backend,
                  _lines(done.marks, net, rule), phases=done.phases)


def _lines(marks: Mapping[str, Sequence[Mark]], net: Network, rule: UpdateRule | None = None) -> tuple[ProgramLine, ...]:
    """What the marked lines compute, told by the nodes of their steps."""
    updates = {node: number for number, node in enumerate(rule.comments)} if rule is not None else {}
    meaning = {**net.asked.meaning, **net.meaning}
    lines = []
    for function, found in marks.items():
        for mark in found:
            place = (function, mark.first, mark.last, mark.step.target)
            for node in mark.step.nodes:
                if function == "update" and node in updates:
                    lines.append(ProgramLine(*place, "update", number=updates[node]))
                elif node in meaning:
                    lines.append(ProgramLine(*place, *meaning[node]))
    return tuple(lines)


def derivative_source(loss: Any, wrt: Sequence[Tensor], backend: str = "numpy", dtype: str = "float64",
                      in_c: bool = False) -> Source:
    """A module with one function, `backward`: the loss and its gradients by `wrt`, symbols or tensors within it.

    `in_c` asks for the same in C, beside it.
    """
    row = backend_of(backend)
    target, *variables = phased([closed(loss), *wrt], False)
    net = network(target, None, {}, wrt=[x.node for x in variables])
    job = _derivative_job(net, row.module(dtype_name(dtype)))
    done = row.function(job)
    title = f"The loss {net.loss[0]} and its gradients."
    text = row.text(job.module, [done], title)
    marks = {"backward": marks_in(text, done.lines, done.marks)}
    return Source(text, {"backward": done.plan}, job.module.data, backend, _lines(marks, net),
                  _derivative_in_c(net, title, job.module.dtype) if in_c else "")


def _derivative_job(net: Network, module: EmittedModule) -> Job:
    keys = [name.removeprefix("G_") for name, _ in net.gradients]
    return Job(module, "backward", [*net.parameters, *net.data], [net.loss, *net.gradients],
               form=(0, {key: i for i, key in enumerate(keys, start=1)}), names=net.names,
               comment=net.comment, doc=f"The loss {net.loss[0]} and its gradients by {', '.join(keys)}.")


def _derivative_in_c(net: Network, title: str, dtype: str) -> CFile | str:
    """The C of it, or why there is none."""
    row = backend_of("c")
    assert row.alone is not None
    try:
        return row.alone([_derivative_job(net, row.module(dtype))], title)
    except BackendError as error:
        return str(error)


def chosen_optimizer(optimizer: Any) -> Optimizer | Descent:
    """The optimiser that was asked for, Adam() where none was. Raises SymgradError for what is none."""
    if optimizer is None:
        return Adam()
    if isinstance(optimizer, (Schedule, Plateau)):
        raise SymgradError(f"{optimizer.name} is a schedule, and the optimizer must be one of sg.optim: say which rate it "
                           f"changes, sg.optim.SGD(0.1).scheduled({optimizer!r}), or give it among the callbacks of fit")
    if not isinstance(optimizer, (Optimizer, Descent)):
        raise SymgradError(f"the optimizer must be one of sg.optim, such as sg.optim.Adam(), not {optimizer!r}")
    return optimizer


def rule_of(optimizer: Optimizer) -> UpdateRule:
    """The update rule of an optimiser, lowered for all parameters in one vector, with its formulas."""
    update = optimizer.update((dim("P"),))
    title = f"{optimizer.name} ({optimizer.about})" if optimizer.about else optimizer.name
    by_epoch, by_step = (tuple((each.computed, f"{line(LR)} ← {line(each.formula)} ({each.name})") for each in schedules)
                         for schedules in (optimizer.by_epoch, optimizer.by_step))
    return UpdateRule(optimizer.name, title, update.inputs, update.outputs, update.rates, update.start, update.notes,
                      optimizer.lr, update.meanings, optimizer.identity, update.lengths, by_epoch, by_step)
