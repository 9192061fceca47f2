"""The loop of a fit: epochs of minibatches, validation, callbacks, and the two ways in which it ends early.

A callback is anything that can be called with the `Training` after each epoch; `begin` and `finish` methods,
where it has them, are called around the whole.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from symgrad.computing.threads import apart, give_way
from symgrad.graphs.errors import DivergenceError, SymgradError
from symgrad.optim import Adam, Descent, Optimizer
from symgrad.optim.pace import Plateau, Schedule
from symgrad.training.dataset import Dataset
from symgrad.training.group import ProcessGroup, alike
from symgrad.training.history import History
from symgrad.training.progress import Progress
from symgrad.training.steps import FitSteps
from symgrad.training.streaming import BatchStream, means

if TYPE_CHECKING:
    from symgrad.language.tensor import Tensor

T = TypeVar("T")
OF_CALLBACK = "raised by the callback "  # how the note of such an error begins
AnyOptimizer = Optimizer | Descent
Callback = Callable[["Training"], Any]
Measure = Callable[[Dataset], Mapping[str, float]]


class Fits(Protocol):
    """What a fit needs of a model."""

    parameters: Any


@dataclass
class Training:
    """What callbacks see: the model as it is, the epoch that ended, the history so far; `done` epochs were before it,
    where the fit goes on with the optimiser of an earlier one."""

    model: Fits
    epochs: int
    history: History = field(default_factory=History)
    epoch: int = 0
    done: int = 0

    def stop(self, reason: str) -> None:
        """End the fit after this epoch."""
        self.history.stopped = reason


@dataclass(frozen=True)
class FitPlan:
    """How to fit: one step of the optimiser, what to step through, what to measure after each epoch."""

    steps: FitSteps  # their losses and norms may still be on the way to be computed, and are read once for each epoch
    read: Callable[[Sequence[Any]], list[float]] | None  # such numbers, once for each epoch; None: they are there
    names: tuple[str, ...]  # of the arrays of a batch
    epochs: int
    batch_size: int | None  # None: all samples at once
    rng: np.random.Generator | None
    metrics: tuple[str, ...]
    measure: Measure  # the metrics
    evaluate: Measure  # the loss and the metrics
    callbacks: Sequence[Callback]
    progress: bool
    group: ProcessGroup | None = None  # the processes that fit together
    norms: bool = True  # are the norms of all gradients kept?
    title: str = "epoch"


@dataclass(frozen=True)
class Fitted:
    """A fit that is over: what was asked for, its course, and the data, which are not copied, for a report."""

    optimizer: AnyOptimizer
    epochs: int
    batch_size: int | None
    history: History
    train: Dataset  # what the parameters were last trained on
    metrics: Mapping[str, Tensor]
    held: Dataset | None  # what they were not trained on, where there was a validation and no refit on all samples

    @property
    def rule(self) -> Optimizer:
        """The update rule of the program that stands for the model: that of the fit, where it was by one."""
        return self.optimizer if isinstance(self.optimizer, Optimizer) else Adam()

    @property
    def refitted(self) -> bool:
        """Whether the validation only chose the number of epochs, for which the model was then trained on all samples."""
        return self.held is None and "val_loss" in self.history.curves


@dataclass
class Good:
    """The last parameters at which a loss was finite: those that stood after `epoch`."""

    parameters: dict[str, np.ndarray]
    epoch: int = 0


def again(plan: FitPlan, steps: FitSteps, epochs: int) -> FitPlan:
    """The same for a fixed number of epochs, with nothing to measure or to decide: how a model is refitted."""
    return replace(plan, steps=steps, epochs=epochs, metrics=(), measure=lambda data: {}, callbacks=(), norms=False,
                   title="on all samples, epoch")


def run(model: Fits, data: Dataset, validation: Dataset | None, plan: FitPlan) -> History:
    """Fit `model`; raises DivergenceError, and is ended by Ctrl-C with what was learnt."""
    curves = ["epoch", "loss", *plan.metrics]
    curves += [f"val_{name}" for name in ("loss", *plan.metrics)] if validation is not None else []
    curves += [*plan.steps.curves, "gradient_norm", "seconds"]
    training = Training(model, plan.epochs, History({name: [] for name in curves}), done=plan.steps.done)
    history = training.history
    bar = Progress(plan.epochs, _steps(data, plan), plan.progress, plan.title)
    alike(plan.group, lambda: _each(plan.callbacks, "begin", training))
    good = Good(model.parameters)
    start = time.perf_counter()
    last = ""

    def measured() -> dict[str, float]:
        row = _epoch(model, data, plan, training.epoch, bar, good)
        if validation is not None:
            row |= {f"val_{name}": value for name, value in plan.evaluate(validation).items()}
        row |= dict.fromkeys(plan.steps.curves, plan.steps.rate)
        return {**row, "seconds": time.perf_counter() - start}

    def told() -> str:
        for callback in plan.callbacks:
            _call(callback, callback, training)
        return history.stopped or plan.steps.ended

    if plan.group is not None:
        plan.group.ranks.listening()
    try:
        for training.epoch in range(1, plan.epochs + 1):
            row = _on_all(plan, measured)[0]
            for name, curve in history.curves.items():
                curve.append(row[name])
            for name, norm in _norms(plan).items():
                history.norms.setdefault(name, []).append(norm)
            bar.epoch(training.epoch, history.last)
            history.stopped = next(filter(None, _on_all(plan, told)), "")
            if history.stopped:
                last = f"stopped after epoch {training.epoch}: {history.stopped}"
                break
    except KeyboardInterrupt:
        history.interrupted = True
        history.close()
        history.stopped = f"interrupted in epoch {training.epoch}"
        last = f"interrupted in epoch {training.epoch} of {plan.epochs}; the model keeps what it has learnt"
    except BaseException:
        bar.close()
        raise
    finally:
        if plan.group is not None:
            plan.group.ranks.rest()
    bar.close(last)
    alike(plan.group, lambda: _each(plan.callbacks, "finish", training))
    return history


def _on_all(plan: FitPlan, call: Callable[[], T]) -> list[T]:
    """What `call` gives on each of several processes, which hear of errors together; of one, its own."""
    return [call()] if plan.group is None else plan.group.agreed(call)


def _steps(data: Dataset, plan: FitPlan) -> int:
    """The number of minibatches of an epoch."""
    return math.ceil(data.count / plan.batch_size) if plan.batch_size and data.divisible else 1


def _norms(plan: FitPlan) -> dict[str, float]:
    """The norm of each gradient as the last step left it."""
    return {name: math.sqrt(np.vdot(g, g)) for name, g in plan.steps.gradients.items()} if plan.norms else {}


def _each(callbacks: Sequence[Callback], method: str, training: Training) -> None:
    for callback in callbacks:
        hook = getattr(callback, method, None)
        if hook is not None:
            _call(callback, hook, training)


def _call(callback: Callback, hook: Callable[[Training], Any], training: Training) -> None:
    """Errors of a callback are its own: they go on as they are, with a note whose they are."""
    try:
        apart(hook, training)
    except Exception as error:
        name = getattr(callback, "__qualname__", type(callback).__qualname__)
        error.add_note(f"{OF_CALLBACK}{name}, epoch {training.epoch}; the model keeps what it has learnt")
        raise


def _epoch(model: Fits, data: Dataset, plan: FitPlan, epoch: int, bar: Progress, good: Good) -> dict[str, float]:
    """One pass over the data. Parameters prove good with the first loss after them; others are taken back."""
    entered = model.parameters
    total, seen, steps, norm, number = 0.0, 0, _steps(data, plan), 0.0, 0
    pending: list[tuple[int, int, Any]] = []  # numbers of steps and of samples, losses
    plan.steps.begin(epoch)
    flowing = data if isinstance(data, BatchStream) else None
    measured: list[tuple[int, Mapping[str, float]]] = []  # of the batches of a stream, each after its step

    def settle() -> None:
        nonlocal total, seen, norm
        losses = [loss for *_, loss in pending]
        if plan.read is not None:
            *losses, norm = plan.read([*losses, plan.steps.norm()])
        for (at, size, _), loss in zip(pending, losses, strict=True):
            if not math.isfinite(loss):
                raise _diverged(model, good, f"the loss is {loss}", epoch, at)
            if at == 1:
                good.parameters, good.epoch = entered, epoch - 1
            total, seen = total + size * loss, seen + size
        pending.clear()

    for number, (count, loss) in enumerate(plan.steps.each(data, plan.names, plan.batch_size, plan.rng), start=1):
        pending.append((number, count, loss))
        if plan.read is None or number == steps and flowing is None:
            settle()
        if flowing is not None and plan.metrics:
            measured.append((count, plan.measure(flowing.passing[0].moved(data.put))))
        bar.step(epoch, number)
        give_way()
    if pending:
        settle()
    broken = [name for name, array in model.parameters.items() if not np.isfinite(array).all()]
    if broken:
        raise _diverged(model, good, f"the parameter {broken[0]!r} is no longer finite", epoch, number)
    norm = float(plan.steps.norm()) if plan.read is None else norm
    return {"epoch": epoch, "loss": total / seen, "gradient_norm": norm,
            **(means(measured) if flowing is not None else plan.measure(data))}


def _diverged(model: Fits, good: Good, what: str, epoch: int, step: int) -> DivergenceError:
    model.parameters = good.parameters
    kept = f"those after epoch {good.epoch}" if good.epoch else "those the fit began with"
    return DivergenceError(f"{what} in epoch {epoch}, step {step}; the model keeps the last good parameters, {kept}. "
                           "A smaller learning rate may help.", epoch, step)


class Usual(int):
    """A number that stands where a user gave none."""


def batch_of(optimizer: AnyOptimizer, size: int | None, data: Dataset) -> int | None:
    """The size of minibatches. An optimiser of second order takes all samples: a SymgradError where parts are asked for."""
    if isinstance(data, BatchStream):
        if isinstance(optimizer, Descent):
            raise SymgradError(f"fit: {optimizer.name} needs all samples at once, and the data are batches that come one "
                               "by one")
        if size is not None and not isinstance(size, Usual):
            raise SymgradError(f"fit: the data are batches as they come, and batch_size is {size}; leave it out")
        return None
    if size is not None:
        whole("batch_size", size)
    if isinstance(optimizer, Descent):
        if size is not None and not isinstance(size, Usual) and data.divisible and size < data.count:
            raise SymgradError(f"fit: {optimizer.name} needs all {data.count} samples at once, and batch_size is {size}; "
                               "leave it out, or give batch_size=None")
        return None
    return size


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as an int; a SymgradError for what is no whole number from `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise SymgradError(f"{name} must be a whole number from {least}, not {value!r}")
    return int(value)


def check_callbacks(callbacks: Any) -> list[Any]:
    """`callbacks` as a list, which is empty for None; a SymgradError for what cannot be called, and is no schedule."""
    try:
        found = [callbacks] if callable(callbacks) or isinstance(callbacks, Schedule) else list(callbacks or ())
    except TypeError:
        found = [callbacks]
    for callback in found:
        if not callable(callback) and not isinstance(callback, Schedule):
            raise SymgradError(f"fit: the callback {callback!r} cannot be called")
    return found


def refits(callbacks: Sequence[Callback], fraction: bool) -> bool:
    """Is the model to be fitted again on all data? A SymgradError where no `fraction` of them was set apart."""
    refit = any(getattr(callback, "refit", False) for callback in callbacks)
    if refit and not fraction:
        raise SymgradError("fit: EarlyStopping(refit=True) needs validation=, a fraction of the data")
    return refit


def paced(optimizer: AnyOptimizer, callbacks: Sequence[Any]) -> tuple[AnyOptimizer, list[Callback]]:
    """The optimiser with the schedules among its own and the callbacks, and the other callbacks."""
    schedules = [each for each in callbacks if isinstance(each, (Schedule, Plateau))]
    others = [each for each in callbacks if not isinstance(each, (Schedule, Plateau))]
    optimizer = optimizer.scheduled(*schedules) if schedules else optimizer
    return optimizer, others
