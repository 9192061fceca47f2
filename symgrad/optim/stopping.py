"""Early stopping: end a fit when the validation no longer gets better, and go back to its best parameters."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from symgrad.graphs.errors import SymgradError


@dataclass
class EarlyStopping:
    """A callback of `Model.fit`: stop after `patience` epochs without a better `monitor`.

    `monitor` names a curve of the history (`val_loss`, `val_accuracy`, `loss`, ...). Smaller is better for
    losses and `gradient_norm`, larger for all others; `mode` ("min" or "max") says otherwise. An epoch counts as
    better by more than `min_delta`. With `restore_best` the model ends with the parameters of the best epoch, however the
    fit ended. With `refit`, the validation only chooses the number of epochs: the model then starts anew from
    where the fit started and trains for that many on all samples, those of the validation part included.
    Raises SymgradError for a curve that the fit does not have.

    >>> sg.optim.EarlyStopping(patience=5)
    EarlyStopping(patience=5, monitor='val_loss', restore_best=True, min_delta=0.0, mode='auto', refit=False)
    """

    patience: int = 10
    monitor: str = "val_loss"
    restore_best: bool = True
    min_delta: float = 0.0
    mode: str = "auto"
    refit: bool = False
    _best: float = field(default=math.nan, init=False, repr=False)
    _epoch: int = field(default=0, init=False, repr=False)
    _kept: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.patience, bool) or not isinstance(self.patience, int) or self.patience < 1:
            raise SymgradError(f"EarlyStopping: patience is {self.patience!r}; it must be a whole number from 1")
        if self.mode not in ("auto", "min", "max"):
            raise SymgradError(f"EarlyStopping: mode is {self.mode!r}; it must be 'auto', 'min' or 'max'")
        if not self.min_delta >= 0:
            raise SymgradError(f"EarlyStopping: min_delta is {self.min_delta!r}; it must be 0 or more")

    def begin(self, training: Any) -> None:
        """Forget an earlier fit."""
        self._best, self._epoch, self._kept = math.nan, 0, None
        check_curve("EarlyStopping", self.monitor, training.history.curves)

    def __call__(self, training: Any) -> None:
        """After each epoch."""
        value = training.history.curves[self.monitor][-1]
        gain = self._best - value if smaller_is_better(self.monitor, self.mode) else value - self._best
        if math.isnan(self._best) or gain > self.min_delta:
            self._best, self._epoch = value, training.epoch
            if self.restore_best:
                self._kept = training.model.parameters
        elif training.epoch - self._epoch >= self.patience:
            training.stop(f"{self.monitor} was best, {self._best:.4g}, in epoch {self._epoch}")

    def finish(self, training: Any) -> None:
        """At the end of the fit."""
        training.history.best_epoch = self._epoch or None
        if self._kept is not None:
            training.model.parameters = self._kept
            self._kept = None


def smaller_is_better(monitor: str, mode: str) -> bool:
    """Is less of this curve better? `mode` is "min", "max" or, by the name of the curve, "auto"."""
    return mode == "min" or (mode == "auto" and monitor.endswith(("loss", "gradient_norm")))


def check_curve(name: str, monitor: str, known: Collection[str]) -> None:
    """A SymgradError where a fit with the curves `known` has none that is called `monitor`."""
    curves = [curve for curve in known if curve not in ("epoch", "seconds")]
    if monitor not in curves:
        validated = any(curve.startswith("val_") for curve in curves)
        hint = "; give fit validation data" if monitor.startswith("val_") and not validated else ""
        raise SymgradError(f"{name}: the fit has no curve {monitor!r}, only {', '.join(curves)}{hint}")
