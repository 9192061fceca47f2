"""Where the training of a model stands, so that the next fit goes on as if the last one had not ended.

An optimiser keeps vectors and the number of its steps; schedules by the losses keep what they have seen; the samples
come in an order that a generator draws. A file holds all of it beside the parameters, and a generated program reads the
same file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symgrad.graphs.errors import DataError
from symgrad.optim import Optimizer
from symgrad.optim.pace import BEGUN, Plateau, PlateauStanding
from symgrad.training.theta import Theta

NUMBERS = ("t", "seed")  # what no device keeps
ABOUT = ("rule", "order", "epoch", "plateaus")  # in a file, beside what the optimiser keeps


class Standing:
    """What training has left: `rule` is the optimiser's identity, or empty where none has begun; `epochs` are done."""

    def __init__(self, weights: Theta, seed: int) -> None:
        self.weights, self.seed = weights, seed
        self.order = np.random.default_rng((seed, 1))
        self._first = json.dumps(self.order.bit_generator.state)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the optimiser; the order of samples goes on."""
        self.rule, self.epochs = "", 0
        self._state: Any = None
        self._file: dict[str, Any] = {}  # what a file gave, until the optimiser takes it up
        self._plateaus: tuple[Plateau, ...] = ()
        self._standings: list[PlateauStanding] = []  # of the plateaus, after the last epoch

    def state(self, optimizer: Optimizer) -> Any:
        """What a step of `optimizer` works on: where training stands if it was by the same rule, else from its start."""
        if optimizer.identity != self.rule:
            self.begin_anew()
        if self._state is None:
            module = self.weights.programs.training(optimizer)
            given = {name: self.weights.device.put(array) for name, array in self._file.items()}
            drawn = {"seed": self.seed % 2**63} if "seed" in module.KEPT else {}
            self._state = module.State({**drawn, **given, "params": self.weights.views}, self.weights.vector)
            self.rule, self._file = optimizer.identity, {}
        self._plateaus = optimizer.by_losses
        for plateau, standing in zip(self._plateaus, [*self._standings, *[BEGUN] * len(self._plateaus)], strict=False):
            plateau.standing = standing
        return self._state

    def passed(self, training: Any) -> None:
        """An epoch of a fit is over, of which the plateaus have heard."""
        self.epochs, self._standings = training.done + training.epoch, [each.standing for each in self._plateaus]

    def kept(self) -> dict[str, Any]:
        """What it takes to go on from here; nothing where no training has begun."""
        order = json.dumps(self.order.bit_generator.state)
        if not self.rule:
            return {"order": order} if order != self._first else {}
        own = self._file
        if self._state is not None:
            own = {name: self.weights.device.get(array) if name not in NUMBERS else array
                   for name, array in self._state.plain().items() if name not in ("params", "g", "loss")}
        told = {"plateaus": json.dumps(self._standings)} if self._standings else {}
        return {**own, **told, "rule": self.rule, "order": order, "epoch": self.epochs}

    def read(self, kept: Mapping[str, Any], count: int) -> Callable[[], None]:
        """What goes on from what `kept` gave, for so many numbers. Raises DataError for what is no such thing."""
        order = np.random.default_rng()
        try:
            if kept:
                order.bit_generator.state = json.loads(str(kept["order"]))
            rule, epochs = str(kept.get("rule", "")), int(kept.get("epoch", 0))
            standings = [_standing(*each) for each in json.loads(str(kept.get("plateaus", "[]")))]
            own = {name: np.asarray(array) for name, array in kept.items() if name not in ABOUT}
            fits = all(array.dtype.kind in "if" and array.shape in ((), (count,)) and np.isfinite(array).all()
                       for array in own.values())
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"what it holds of a training is damaged: {error}") from None
        if not fits:
            raise DataError("what it holds of a training is not of this model")

        def go_on() -> None:
            self.begin_anew()
            self.rule, self.epochs, self._file, self._standings = rule, epochs, own, standings
            if kept:
                self.order.bit_generator.state = order.bit_generator.state

        return go_on


def _standing(best: Any, *counts: Any) -> PlateauStanding:
    """What a plateau has seen, of the numbers of a file."""
    bad, resting, times = map(int, counts)
    return PlateauStanding(float(best), bad, resting, times)
