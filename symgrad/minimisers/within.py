"""A loss as a function of some of its variables, or with further symbols, the others having the values of now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.descent.objective import Objective
from symgrad.language.tensor import Tensor


class Within(Objective):
    """The loss of `whole` as a function of the variables at `places`; `now` holds all of them.

    Everything is compiled once: to go on from another point, set `now`. Evaluations count for the whole.
    """

    def __init__(self, whole: Objective, places: Sequence[int]) -> None:
        super().__init__(whole.loss, [whole.variables[i] for i in places], whole.data, whole.sizes)
        self.whole, self.places = whole, list(places)
        self.now: list[np.ndarray] = []

    def compiled(self, outputs: Any, more: Sequence[Tensor] = ()) -> Callable[..., Any]:
        """Any tensors as a function of the block and of `more` symbols."""
        call = self.whole.compiled(outputs, more)

        def at_now(*first: np.ndarray) -> Any:
            pieces = list(self.now)
            for place, piece in zip(self.places, first, strict=False):
                pieces[place] = piece
            return call(*pieces, *first[len(self.places):])

        return at_now

    def _count(self, points: int) -> None:
        self.whole._count(points)


class Augmented(Objective):
    """Another loss of the variables of `whole`, with further symbols whose values are `given`, now these, now those."""

    def __init__(self, whole: Objective, loss: Tensor, symbols: Sequence[Tensor]) -> None:
        super().__init__(loss, whole.variables, whole.data, whole.sizes)
        self.whole, self.symbols = whole, list(symbols)
        self.given: list[np.ndarray] = []

    def compiled(self, outputs: Any, more: Sequence[Tensor] = ()) -> Callable[..., Any]:
        """Any tensors as a function of the variables and of `more` symbols."""
        call = self.whole.compiled(outputs, [*more, *self.symbols])
        return lambda *first: call(*first, *self.given)

    def _count(self, points: int) -> None:
        self.whole._count(points)


class Other(Objective):
    """Another function of the variables of `whole`; its evaluations are not counted."""

    def __init__(self, whole: Objective, loss: Tensor) -> None:
        super().__init__(loss, whole.variables, whole.data, whole.sizes)
