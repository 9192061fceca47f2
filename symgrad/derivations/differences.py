"""Gradients against differences: at one distance after the other, with what rounding leaves of each estimate.

A difference at a distance h is wrong by the bend of a function over h, and by the rounding of its values divided by h.
Estimates at several distances tell which they are: those that agree with each other have digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.derivations.checked import TOLERANCE, Finding, compared

STEPS = (1e-3, 1e-4, 1e-5)  # distances: the next where a loss bends too much for the one before
NEAR = 1e-6  # one more for many values at once, of which one may be near a kink
OTHERS = (1e-7, 1e-8, 1e-9, 1e-10, 1e-2, 1.0)  # where no step of these agrees: are there any digits at all?
ROUNDING = 1e-14  # of the values that a difference is taken of
CLEAR = 1e-4  # of the largest slope: rounding beyond that leaves nothing to compare
KINK = 0.5  # of the gap between the slopes to both sides at a larger distance: less than that closes where there is no kink
CONVERGED = 1e-3  # two estimates so near each other are right, if not to all digits


Slopes = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Estimate:
    """Derivatives by differences, a row for each sample; `floor`: what rounding may add to them.

    `strict`: it tells nothing unless gradients stand out of that; else what is small beside the values may be zero.
    `sides`: the slopes to the left and to the right, and those at a larger distance.
    """

    entries: np.ndarray
    slopes: np.ndarray
    floor: float
    strict: bool = False
    sides: Slopes | None = None

    def nearest(self, rows: np.ndarray) -> np.ndarray:
        """What `rows` are compared with: at a kink, any slope between those to both sides is one of the slopes there.

        Equal entries of a maximum are such kinks, and ReLU makes many that are 0: they share what comes back.
        """
        if self.sides is None:
            return self.slopes
        (left, right), coarse = self.sides
        kinks = np.abs(right - left) > KINK * np.abs(coarse[1] - coarse[0])
        return np.where(kinks, np.clip(rows, np.minimum(left, right), np.maximum(left, right)), self.slopes)

    def tells(self, got: np.ndarray) -> bool:
        """Are there digits, in which this could differ from `got`?"""
        sizes = np.abs(self.slopes)
        largest = max(float(np.max(sizes, initial=0.0)), float(np.max(np.abs(got), initial=0.0)))
        return bool(np.isfinite(sizes).all()) and (not self.strict or self.floor <= CLEAR * largest)


def by_differences(got: np.ndarray, estimates: Iterator[Estimate]) -> Finding:
    """A gradient against differences: it holds if it agrees with one of the estimates, and fails if the finest of them
    that agree with each other do not agree with it."""
    best = np.inf
    before: Estimate | None = None
    failed: Finding | None = None
    for estimate in estimates:
        if not estimate.slopes.size:
            return Finding(0.0, True)
        if not estimate.tells(got):
            continue
        rows = got.reshape(len(estimate.slopes), -1)[:, estimate.entries]
        error = compared(rows, estimate.nearest(rows), estimate.floor)
        if error <= TOLERANCE:
            return Finding(error, True)
        best = error if error < best else best
        if before is not None:
            apart = compared(before.slopes, estimate.slopes, estimate.floor)
            if apart <= CONVERGED and error > 10 * apart:
                failed = Finding(error, False)
        before = estimate
    if failed is not None:
        return failed
    if not np.isfinite(got).all():
        return Finding(float("nan"), None, "a gradient is not finite at the random points")
    if np.isinf(best):
        return Finding(float("nan"), None, "differences are not finite, or have no digits, at the random points")
    return Finding(best, None, "differences do not settle at the random points")


def slope(f: Callable[[float], Any], h: float) -> Any:
    """The derivative of `f` at 0, to the fourth order in the distance h (Fornberg 1988, table 1)."""
    return slopes(f, h)[0]


def slopes(f: Callable[[float], Any], h: float) -> tuple[Any, Any, Any]:
    """The same, and the slopes to the left and to the right of 0."""
    far, near, after, beyond = (np.asarray(f(offset * h)) for offset in (-2, -1, 1, 2))
    return (far - 8 * near + 8 * after - beyond) / (12 * h), (near - far) / h, (beyond - after) / h
