"""When to stop: the same words and measures for all methods that follow slopes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from symgrad.descent.iterate import Ending

ROUNDING = 2 * np.finfo(float).eps  # relative, of a loss
LOST = 1e-5  # the part of a gradient that is lost in rounding, with room
FINISHED = Ending(True, "the loss cannot fall further in double precision")
FLAT = Ending(True, "the gradient is zero")
STUCK = Ending(False, "no step downhill makes the loss smaller: it may have a corner or a jump here")


@dataclass
class Calm:
    """Is there nothing left to do? No scale of the loss or of the variables matters.

    The gradient has become small beside the largest one seen, and the step that comes next small beside the way from the
    start: a start in a steep place alone does not make a gradient small.
    """

    start: np.ndarray
    tol: float
    largest: float = 0.0

    def reached(self, x: np.ndarray, norm: float, step: float) -> bool:
        """At `x`, with a gradient of this norm and a next step of this length."""
        if norm > self.largest:
            self.largest = norm
        if norm > self.tol * self.largest:
            return False
        return norm == 0 or step <= math.sqrt(self.tol) * self.span(x)

    def span(self, x: np.ndarray) -> float:
        """How far it is from the start, or from zero, whichever is farther."""
        moved = x - self.start
        return math.sqrt(max(float(x @ x), float(moved @ moved)))

    def said(self, norm: float) -> Ending:
        """Why it ended."""
        if norm == 0:
            return FLAT
        return Ending(True, f"the norm of the gradient fell to {norm:.3g}, from {self.largest:.3g} at most")

    def exhausted(self, x: np.ndarray, norm: float, loss: float) -> Ending:
        """Where the loss falls no more although the slope promises it: rounding, or a corner.

        At a smooth minimum the gradient is lost in rounding when it is about the square root of that: beside the largest
        one, or as a change of the loss over the whole way.
        """
        small = norm <= LOST * self.largest or norm * self.span(x) <= LOST * abs(loss)
        return FINISHED if small else STUCK
