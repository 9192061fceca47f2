"""Schedules with a name: the learning rates of `torch.optim.lr_scheduler`, as formulas.

A schedule is given to `Model.fit` among its callbacks, or wraps an optimiser, as in PyTorch: `StepLR(SGD(0.1), 30)` is
`SGD(0.1).scheduled(StepLR(30))`. Several act one after the other, each on the rate that the one before it gives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.language.align import as_name
from symgrad.optim.pace import EPOCH, LR, STEP, AnySchedule, Plateau, Schedule, check_pace, named_apart
from symgrad.optim.rules import number
from symgrad.optim.scalars import line, put, scalar
from symgrad.optim.updates import Optimizer

P = ParamSpec("P")
S_co = TypeVar("S_co", bound=AnySchedule, covariant=True)


class Pacing(Protocol[P, S_co]):
    """A maker of schedules; with an optimiser before its arguments it gives that, at this pace."""

    @overload
    def __call__(self, optimizer: Optimizer, /, *args: P.args, **options: P.kwargs) -> Optimizer: ...
    @overload
    def __call__(self, *args: P.args, **options: P.kwargs) -> S_co: ...


def pacing(make: Callable[P, S_co]) -> Pacing[P, S_co]:
    """`make`, which takes an optimiser before its arguments, too."""
    @wraps(make)
    def either(*args: Any, optimizer: Optimizer | None = None, **options: Any) -> Any:
        if optimizer is None and args and isinstance(args[0], Optimizer):
            optimizer, args = args[0], args[1:]
        made = make(*args, **options)
        return made if optimizer is None else optimizer.scheduled(made)

    return cast(Any, either)


def schedule(name: str, formula: str | sp.Expr, *, about: str = "", **values: Any) -> Schedule:
    """A schedule by its own formula: the rate in `lr`, and in the number `epoch` or `t`, the step, both from 1.

    Raises ParseError for a formula that cannot be read, SymgradError for a name without a value.

    >>> inverse = sg.optim.schedule("Inverse", "lr / (1 + decay*(epoch - 1))", decay=0.5)
    >>> [round(inverse.rate(0.1, epoch), 4) for epoch in (1, 2, 3)]
    [0.1, 0.0667, 0.05]
    """
    as_name(name, "a schedule")
    found = scalar(formula) if isinstance(formula, str) else formula
    if not isinstance(found, sp.Expr):
        raise SymgradError(f"{name}: a schedule is a formula for the rate, a text or a SymPy expression, not {formula!r}")
    read = {symbol.name for symbol in found.free_symbols}
    unknown = sorted(read - {"lr", "epoch", "t", "pi", *values})
    if unknown:
        raise SymgradError(f"{name}: {unknown[0]} has no value in {line(found)}; give it one ({unknown[0]}=...): known are "
                           "lr, epoch and t")
    if {"epoch", "t"} <= read:
        raise SymgradError(f"{name}: {line(found)} counts epochs and steps; a schedule counts one of them")
    unused = sorted(set(values) - read)
    if unused or {"lr", "epoch", "t", "pi"} & set(values):
        wrong = unused[0] if unused else sorted({"lr", "epoch", "t", "pi"} & set(values))[0]
        raise SymgradError(f"{name}: {wrong} is given a value, but " + (
            "no formula reads it" if unused else "lr is the optimiser's, and epoch and t are counted"))
    return Schedule(name, found, {key: _plain(number(name, key, value)) for key, value in values.items()}, about)


@pacing
def StepLR(step_size: int, gamma: float = 0.1, per: str = "epoch") -> Schedule:
    """The rate falls by the factor `gamma` after every `step_size` epochs (`per="step"`: steps).

    >>> print(sg.optim.StepLR(30).formulas())
    StepLR: the rate falls by a factor after every s epochs
      η ← η γ^⌊(epoch - 1) / s⌋
      with s = 30, γ = 0.1
    >>> sg.optim.StepLR(sg.optim.SGD(0.1), 30)
    SGD(lr=0.1).scheduled(StepLR(step_size=30, gamma=0.1))
    """
    return _counted("StepLR", "lr*gamma**floor((k - 1)/step_size)", per, f"the rate falls by a factor after every s {per}s",
                    step_size=_count("StepLR", "step_size", step_size), gamma=number("StepLR", "gamma", gamma, 0))


@pacing
def ExponentialLR(gamma: float, per: str = "epoch") -> Schedule:
    """The rate falls by the factor `gamma` after every epoch (`per="step"`: step).

    >>> print(sg.optim.ExponentialLR(0.95).formulas())
    ExponentialLR: the rate falls by a factor after every epoch
      η ← η γ^(epoch - 1)
      with γ = 0.95
    """
    return _counted("ExponentialLR", "lr*gamma**(k - 1)", per, f"the rate falls by a factor after every {per}",
                    gamma=number("ExponentialLR", "gamma", gamma, 0))


@pacing
def CosineLR(T_max: int, eta_min: float = 0.0, per: str = "epoch") -> Schedule:
    """The rate falls along a half wave, to `eta_min` after `T_max` epochs (`per="step"`: steps), and would rise again.

    Loshchilov and Hutter 2017, eq. 5; `CosineAnnealingLR` in PyTorch.

    >>> print(sg.optim.CosineLR(50, eta_min=1e-4).formulas())
    CosineLR: Loshchilov and Hutter 2017, eq. 5
      η ← ηₘᵢₙ + (η - ηₘᵢₙ) (1 + cos(π (epoch - 1) / T)) / 2
      with T = 50, ηₘᵢₙ = 0.0001
    """
    values: dict[str, Any] = {"T_max": _count("CosineLR", "T_max", T_max)}
    text = "lr*(1 + cos(pi*(k - 1)/T_max))/2"
    if number("CosineLR", "eta_min", eta_min, 0):
        values["eta_min"] = eta_min
        text = "eta_min + (lr - eta_min)*(1 + cos(pi*(k - 1)/T_max))/2"
    return _counted("CosineLR", text, per, "Loshchilov and Hutter 2017, eq. 5", **values)


@pacing
def Warmup(total_iters: int, start_factor: float | None = None, then: Schedule | None = None,
           per: str = "epoch") -> Schedule:
    """The rate rises along a line and is whole in epoch `total_iters` (`per="step"`: at that step).

    With a `start_factor` it begins at that part of the rate and is whole one epoch later, as `LinearLR` in PyTorch. The
    schedule `then` begins when the warm-up is over; one that stands beside it counts from the first epoch.

    >>> print(sg.optim.Warmup(5).formulas())
    Warmup: the rate rises along a line
      η ← η min(1, epoch / n)
      with n = 5
    >>> warm = sg.optim.Warmup(2, then=sg.optim.ExponentialLR(0.5))
    >>> [warm.rate(0.4, epoch) for epoch in range(1, 6)]
    [0.2, 0.4, 0.4, 0.2, 0.1]
    """
    values = {"total_iters": _count("Warmup", "total_iters", total_iters)}
    text = "lr*min(1, k/total_iters)"
    if start_factor is not None:
        values["start_factor"] = number("Warmup", "start_factor", start_factor, 0)
        text = "lr*(start_factor + (1 - start_factor)*min(1, (k - 1)/total_iters))"
    warm = _counted("Warmup", text, per, "the rate rises along a line", **values)
    if then is None:
        return warm
    if not isinstance(check_pace(then), Schedule) or then.per != per:
        raise SymgradError(f"Warmup: then is {then!r}; what follows a warm-up by the {per} is a formula in the number of "
                           f"the {per}")
    late = sp.Max(1, sp.Add(_number(per), -sp.Symbol("total_iters"), evaluate=False), evaluate=False)
    formula, more = named_apart(warm.values, then.formula, then.values)
    after = put(formula, {_number(per): late, LR: warm.formula})
    return Schedule("Warmup", after, {**warm.values, **more}, f"the rate rises along a line; then {then.name}")


@pacing
def ReduceOnPlateau(factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, cooldown: int = 0,
                    min_lr: float = 0.0, monitor: str | None = None, mode: str = "auto", threshold_mode: str = "rel",
                    eps: float = 1e-8) -> Plateau:
    """The rate falls by `factor` where more than `patience` epochs bring no better `monitor`; numbers as in PyTorch.

    `monitor` names a curve of the history; None is the validation loss where there is one, else the loss. Better is
    smaller for losses and `gradient_norm`, larger for others; `mode` ("min" or "max") says otherwise. `threshold` is a
    part of the best value (`threshold_mode="rel"`) or a difference ("abs"). After each reduction `cooldown` epochs do
    not count. It acts in `Model.fit`; a generated program cannot have it.

    >>> print(sg.optim.ReduceOnPlateau(0.5, patience=5).formulas())
    ReduceOnPlateau: after more than 5 epochs in which loss, or val_loss, was not below (1 - 0.0001) of its best
      η ← max(factor η, ηₘᵢₙ)
      with factor = 0.5, ηₘᵢₙ = 0
    """
    name = "ReduceOnPlateau"
    if factor in ("min", "max"):
        raise SymgradError(f"{name}: the mode is given by its name, mode={factor!r}; first stands the factor")
    for key, value, known in (("mode", mode, ("auto", "min", "max")), ("threshold_mode", threshold_mode, ("rel", "abs"))):
        if value not in known:
            raise SymgradError(f"{name}: {key} is {value!r}; it must be {' or '.join(map(repr, known))}")
    if monitor is not None and not isinstance(monitor, str):
        raise SymgradError(f"{name}: monitor is {monitor!r}; it must be the name of a curve of the history")
    return Plateau(_plain(number(name, "factor", factor, 0, 1)), _count(name, "patience", patience, 0),
                   _plain(number(name, "threshold", threshold, 0)), _count(name, "cooldown", cooldown, 0),
                   _plain(number(name, "min_lr", min_lr, 0)), monitor, mode, threshold_mode,
                   _plain(number(name, "eps", eps, 0)))


def _number(per: str) -> sp.Symbol:
    return STEP if per == "step" else EPOCH


def _counted(name: str, text: str, per: str, about: str, **values: Any) -> Schedule:
    """A schedule whose formula counts `k` by the epoch or by the step."""
    if per not in ("epoch", "step"):
        raise SymgradError(f"{name}: per is {per!r}; it must be 'epoch' or 'step'")
    formula = put(scalar(text), {sp.Symbol("k"): _number(per)})
    return Schedule(name, formula, {key: _plain(value) for key, value in values.items()}, about)


def _count(name: str, key: str, value: Any, least: int = 1) -> int:
    if isinstance(value, (Schedule, Plateau)):
        raise SymgradError(f"{name}: {key} is the schedule {value!r}; several act side by side in optimizer.scheduled(...) "
                           "or among the callbacks of fit, and Warmup(5, then=...) puts one after the other")
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise SymgradError(f"{name}: {key} must be a whole number from {least}, not {value!r}")
    return int(value)


def _plain(value: Any) -> Any:
    """A number of a schedule: symbols stand in update rules alone."""
    if isinstance(value, sp.Expr):
        raise SymgradError(f"a schedule needs numbers, and {value} is a symbol")
    return value
