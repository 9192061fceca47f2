"""The steps of a fit: what a minibatch changes, at the learning rate of its epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from symgrad.codegen.program.ranks import Ranks
from symgrad.computing.devices import Device, norm
from symgrad.computing.threads import Alone, Together, Way, threads_for
from symgrad.descent.objective import LARGE
from symgrad.graphs.errors import SymgradError
from symgrad.optim import Descent, Optimizer
from symgrad.training.dataset import Dataset
from symgrad.training.programs import Programs
from symgrad.training.theta import Theta

Pass = tuple[int, Any]  # samples of a step, and the loss before it, which may lie on a device


class FitSteps(Protocol):
    """The steps of a fit, whoever does them."""

    ended: str  # why there is no further step
    done: int  # epochs that the training had before
    gradients: Mapping[str, np.ndarray]  # of the last step, by parameter; none where nobody keeps them

    @property
    def rates(self) -> Sequence[float]:
        """The learning rates with which the epochs of this fit began."""

    def begin(self, epoch: int) -> None:
        """An epoch begins."""

    def __call__(self, batch: Sequence[Any]) -> Any:
        """One step; gives the loss before it, which may lie on a device."""

    def each(self, data: Dataset, names: Sequence[str], size: int | None,
             rng: np.random.Generator | None) -> Iterable[Pass]:
        """The steps of an epoch: the number of samples of each, and the loss before it."""

    def norm(self) -> Any:
        """The norm of the gradient that the last step found."""

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""

    @property
    def curves(self) -> tuple[str, ...]:
        """What the history is told beside losses and metrics."""


def by_batches(step: Callable[[Sequence[Any]], Any], data: Dataset, names: Sequence[str], size: int | None,
               rng: np.random.Generator | None, part: Callable[[int], slice] | None = None) -> Iterable[Pass]:
    """The steps of an epoch one by one, as batches are cut; see `Dataset.batches`."""
    return ((count, step(batch)) for count, batch in data.batches(names, size, rng, part))


class Stepper:
    """The steps of an update rule by the program `module`, on its `state`; `done` epochs were trained before.

    Where the losses of another fit decided the rates of epochs, they may be `given`. Of several processes, `ranks` sums
    what each has found; a part that counts otherwise than a batch is `counted`, and has a step of its own, with so many
    `stages` whose sums are added up before.
    """

    def __init__(self, optimizer: Optimizer, module: ModuleType, state: Any, device: Device, done: int,
                 given: Sequence[float] = (), ranks: Ranks | None = None, counted: bool = False, stages: int = 0) -> None:
        self.optimizer, self.module, self.state, self.done = optimizer, module, state, done
        self.lr = optimizer.lr
        self.gradients: Mapping[str, np.ndarray] = {} if device.foreign else state["gradients"]
        self.ended = ""  # why there is no further step
        self.given, self.rates = given, list[float]()
        state.ranks = self.ranks = ranks
        self.counted, self.stages = counted, stages

    def begin(self, epoch: int) -> None:
        """An epoch of the fit begins: its learning rate, by the formulas of the program."""
        lr = self.optimizer.lr
        if self.optimizer.by_epoch:
            lr = self.module.of_epoch(lr, self.done + epoch)
        for plateau in self.optimizer.by_losses:
            lr = plateau.rate(lr)
        self.lr = self.given[epoch - 1] if self.given else lr
        self.rates.append(self.lr)

    def __call__(self, batch: Sequence[Any]) -> Any:
        """One step; gives the loss before it, on the device."""
        if self.ranks is None:
            return self.module.step(self.state, batch, self.lr)
        sums, self.ranks.ended = self.ranks.sums, False
        try:
            if self.counted:
                return self.module.step_of_part(self.state, [*batch, self.ranks.count], self.lr)
            return self.module.step(self.state, batch, self.lr)
        except BaseException:
            done = self.ranks.sums - sums
            if done <= self.stages and not self.ranks.ended:  # the others wait for this one, and hear that it stops
                self.ranks.stopped, self.state.found[...] = True, 0
                with suppress(KeyboardInterrupt):
                    if done < self.stages:
                        self.ranks.shared([], 0)
                    else:
                        self.ranks.add(self.state)
            raise

    def each(self, data: Dataset, names: Sequence[str], size: int | None,
             rng: np.random.Generator | None) -> Iterable[Pass]:
        """The steps of an epoch; where the program does many in one launch, so many."""
        passes = vars(self.module).get("passes")
        if self.ranks is not None:
            return by_batches(self, data, names, size, rng, self.ranks.part)
        if passes is None or size is None or not data.divisible:
            return by_batches(self, data, names, size, rng)
        order = data.put(np.arange(data.count) if rng is None else rng.permutation(data.count))
        found: Iterable[Pass] = passes(self.state, data.pick(names), order, size, self.lr)
        return found

    def norm(self) -> Any:
        """The norm of the gradient that the last step found, on the device."""
        return norm(self.state["g"])

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.module.of_step(self.lr, self.state["t"]) if self.optimizer.by_step else self.lr)

    @property
    def curves(self) -> tuple[str, ...]:
        """What its epochs have to tell: the learning rate, where it changes."""
        return ("lr",) if self.optimizer.schedules else ()


def check_stepper(optimizer: Optimizer | Descent) -> None:
    """Single steps know no epochs. Raises SymgradError for schedules that do."""
    if isinstance(optimizer, Descent):
        return
    for name in [each.name for each in optimizer.by_epoch] + [each.name for each in optimizer.by_losses]:
        raise SymgradError(f"stepper: {name} changes the learning rate from epoch to epoch, and single steps know no "
                           'epochs; a formula in the number of the step does it (per="step")')


def way_of(optimizer: Optimizer | Descent, programs: Programs, weights: Theta, data: Dataset,
           batch_size: int | None = None) -> type[Way]:
    """How steps on batches of that size compute their products."""
    sizes = dict(data.sizes)
    if batch_size is not None and data.divisible:
        over = next(node.attrs[0].over for _, node in programs.net.data if node.attrs[0].over is not None)
        sizes[over] = min(batch_size, data.count)
    if isinstance(optimizer, Descent):  # its own matrices have a row for each number of the parameters
        large = weights.vector.size > LARGE
        return Together if large or threads_for(programs.plan("forward"), sizes) is Together else Alone
    return threads_for(programs.step_plan(optimizer), sizes)
