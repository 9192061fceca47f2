"""A schedule: the learning rate as a formula in the number of the epoch, or of the step, both counted from 1.

What the losses of a fit decide is no such formula, and a rule in words: `Plateau`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.optim.printed import Formulas, listed
from symgrad.optim.scalars import decimal, put
from symgrad.optim.stopping import check_curve, smaller_is_better

LR, EPOCH, STEP = sp.symbols("lr epoch t")


@dataclass(frozen=True)
class Schedule:
    """The learning rate of each epoch or step, by one formula: `lr` becomes `formula`.

    Made by `StepLR`, `ExponentialLR`, `CosineLR`, `Warmup`, or from a formula of your own by `schedule`. Given to
    `Model.fit` among its callbacks, or to an optimiser by `optimizer.scheduled(...)`.

    >>> sg.optim.CosineLR(50), sg.optim.ExponentialLR(0.999, per="step").per
    (CosineLR(T_max=50), 'step')
    """

    name: str
    formula: sp.Expr
    values: Mapping[str, Any] = field(hash=False)
    about: str = ""

    @property
    def per(self) -> str:
        """What its formula counts, "epoch" or "step"."""
        return "step" if STEP in self.formula.free_symbols else "epoch"

    def formulas(self) -> Formulas:
        """The formula to read.

        >>> print(sg.optim.StepLR(30).formulas())
        StepLR: the rate falls by a factor after every s epochs
          η ← η γ^⌊(epoch - 1) / s⌋
          with s = 30, γ = 0.1
        """
        return Formulas(self.name, ((LR, self.formula),), dict(self.values), self.about)

    @property
    def computed(self) -> sp.Expr:
        """The formula with its numbers, in `lr` and what it counts, in the order of writing: a quotient of whole numbers
        is one division, and no product with a rounded reciprocal, which could miss a whole number."""
        numbers = {sp.Symbol(name): decimal(value) for name, value in self.values.items()}
        return put(self.formula, {**numbers, sp.Symbol("pi"): sp.pi})

    def rate(self, lr: float, number: int) -> float:
        """The learning rate in the epoch, or at the step, of this number.

        >>> [sg.optim.StepLR(2, gamma=0.5).rate(0.1, epoch) for epoch in range(1, 6)]
        [0.1, 0.1, 0.05, 0.05, 0.025]
        """
        return float(self.computed.doit().subs({LR: decimal(float(lr)), EPOCH: number, STEP: number}))

    def __repr__(self) -> str:
        return f"{self.name}({listed(self.values)})"


class PlateauStanding(NamedTuple):
    """Where a training stands for its plateaus: the best value, epochs since, epochs to rest, how often the rate fell."""

    best: float = math.nan
    bad: int = 0
    resting: int = 0
    times: int = 0


BEGUN = PlateauStanding()


@dataclass(eq=False)
class Plateau:
    """A schedule by the losses of a fit: made by `ReduceOnPlateau`."""

    factor: float
    patience: int
    threshold: float
    cooldown: int
    min_lr: float
    monitor: str | None
    mode: str
    threshold_mode: str
    eps: float
    name = "ReduceOnPlateau"
    standing: PlateauStanding = field(default=BEGUN, init=False, repr=False)  # of the training, which keeps it

    def formulas(self) -> Formulas:
        """What it does to the rate, and when.

        >>> print(sg.optim.ReduceOnPlateau(patience=3, min_lr=1e-5).formulas())
        ReduceOnPlateau: after more than 3 epochs in which loss, or val_loss, was not below (1 - 0.0001) of its best
          η ← max(factor η, ηₘᵢₙ)
          with factor = 0.1, ηₘᵢₙ = 1e-05
        """
        return Formulas(self.name, ((LR, self.formula),), self.values, self.about)

    @property
    def formula(self) -> sp.Expr:
        """What the rate becomes each time."""
        return sp.Max(sp.Mul(sp.Symbol("factor"), LR, evaluate=False), sp.Symbol("eta_min"), evaluate=False)

    @property
    def values(self) -> dict[str, Any]:
        """The numbers of the formula."""
        return {"factor": self.factor, "eta_min": self.min_lr}

    @property
    def about(self) -> str:
        """When the rate is lowered."""
        what = self.monitor or "loss, or val_loss,"
        lower = self.monitor is None or smaller_is_better(self.monitor, self.mode)
        side, sign = ("below", "-") if lower else ("above", "+")
        least = f"(1 {sign} {self.threshold:g}) of its best" if self.threshold_mode == "rel" else (
            f"its best {sign} {self.threshold:g}")
        rest = f", {self.cooldown} at least from the last time" if self.cooldown else ""
        return f"after more than {self.patience} epochs in which {what} was not {side} {least}{rest}"

    def rate(self, lr: float) -> float:
        """The learning rate now, of an optimiser that began with `lr`."""
        for _ in range(self.standing.times):
            lower = max(self.factor * lr, self.min_lr)
            lr = lower if lr - lower > self.eps else lr
        return lr

    def begin(self, training: Any) -> None:
        """Before a fit, which begins anew unless epochs are done. Raises SymgradError where it has no such curve."""
        if not training.done:
            self.standing = BEGUN
        if self.monitor is not None:
            check_curve(self.name, self.monitor, training.history.curves)

    def __call__(self, training: Any) -> None:
        """After each epoch."""
        curves = training.history.curves
        name = self.monitor or ("val_loss" if "val_loss" in curves else "loss")
        value = float(curves[name][-1])
        best, bad, resting, times = self.standing
        if math.isnan(best) or self._better(value, best, smaller_is_better(name, self.mode)):
            best, bad = value, 0
        else:
            bad += 1
        if resting:
            resting, bad = resting - 1, 0
        if bad > self.patience:
            times, resting, bad = times + 1, self.cooldown, 0
        self.standing = PlateauStanding(best, bad, resting, times)

    def _better(self, value: float, best: float, smaller: bool) -> bool:
        by = self.threshold if smaller else -self.threshold
        limit = best * (1 - by) if self.threshold_mode == "rel" else best - by
        return value < limit if smaller else value > limit


AnySchedule = Schedule | Plateau


def named_apart(taken: Collection[str], formula: sp.Expr, values: Mapping[str, Any]) -> tuple[sp.Expr, dict[str, Any]]:
    """`formula` and its numbers, these under names that are not `taken`: gamma, and a second one gamma2."""
    names: dict[str, str] = {}
    for name in values:
        others = {*taken, *names.values(), *values} - {name}
        names[name] = next(new for new in (name, *(f"{name}{k}" for k in range(2, len(others) + 3)))
                           if new not in (others if new != name else taken))
    formula = put(formula, {sp.Symbol(old): sp.Symbol(new) for old, new in names.items()})
    return formula, {names[name]: value for name, value in values.items()}


def check_pace(found: Any) -> AnySchedule:
    """`found`, where it is a schedule; a SymgradError otherwise."""
    if not isinstance(found, (Schedule, Plateau)):
        raise SymgradError(f"{found!r} is no schedule; those of sg.optim are StepLR, ExponentialLR, CosineLR, Warmup, "
                           "ReduceOnPlateau, and what schedule(...) makes of a formula")
    return found
