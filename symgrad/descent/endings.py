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

    The gradient has become small beside the largest one seen, and the step that comes next small beside the way gone so
    far: a start in a steep place alone does not make a gradient small.
    """

    start: np.ndarray
    tol: float
    largest: float = 0.0
    span: float = 0.0

    def reached(self, x: np.ndarray, norm: float, step: float) -> bool:
        """At `x`, with a gradient of this norm and a next step of this length."""
        moved = x - self.start
        self.span = max(self.span, math.sqrt(x @ x), math.sqrt(moved @ moved))
        self.largest = max(self.largest, norm)
        return norm <= self.tol * self.largest and step <= math.sqrt(self.tol) * self.span or norm == 0

    def said(self, norm: float) -> Ending:
        """Why it ended."""
        if norm == 0:
            return FLAT
        return Ending(True, f"the norm of the gradient fell to {norm:.3g}, from {self.largest:.3g} at most")

    def exhausted(self, norm: float, loss: float) -> Ending:
        """Where the loss falls no more although the slope promises it: rounding, or a corner.

        At a smooth minimum the gradient is lost in rounding when it is about the square root of that: beside the largest
        one, or as a change of the loss over the whole way.
        """
        small = norm <= LOST * self.largest or norm * self.span <= LOST * abs(loss)
        return FINISHED if small else STUCK
