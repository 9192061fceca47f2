"""Where a search goes: a box with one column for each number, real, whole, or the place of a choice in its list.

Methods work in the unit cube: a row of numbers between 0 and 1 is a point, and `Space` says what it stands for. `Trials`
scores points, holds the budget and keeps the best; NaN counts as worst.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.graphs.errors import SymgradError

Values = Callable[[np.ndarray], np.ndarray]  # points, one in each row -> their losses
Era = Generator[Iterate, None, None]  # a population from its first generation to the last
GATHERED = 1e-9  # a population is one point where it is no wider, as a part of the box
FLAT = 1e-12  # or where its losses differ by no more, relative to the best
STALE = 20  # generations without a new point: there are hardly any
SAME = 1e-8  # two losses are the same where they differ by no more, relative to the best (and a tenth of it at zero)


@dataclass(frozen=True)
class Space:
    """A box by columns: `low <= x <= high`, `whole` columns hold whole numbers, `choice` columns places in a list.

    The unit cube lies at `origin` and is `width` wide: the box itself where it is finite.
    """

    low: np.ndarray
    high: np.ndarray
    whole: np.ndarray
    choice: np.ndarray
    origin: np.ndarray
    width: np.ndarray

    @property
    def size(self) -> int:
        """The number of columns."""
        return len(self.low)

    @property
    def counts(self) -> np.ndarray:
        """How many values each column has."""
        return np.where(self.whole, self.high - self.low + 1, np.where(self.low == self.high, 1, np.inf))

    def points(self, unit: np.ndarray) -> np.ndarray:
        """What points of the unit cube stand for; each whole number has an equal part of it."""
        inner = unit * self.width
        if self.whole.any():
            inner = np.where(self.whole, np.floor(unit * (self.width + 1)), inner)
        return np.clip(self.origin + inner, self.low, self.high)

    def snapped(self, unit: np.ndarray) -> np.ndarray:
        """Points of the unit cube, whole numbers in the middle of their part: equal ones are equal."""
        return np.where(self.whole, self.unit(self.points(unit)), unit) if self.whole.any() else unit

    def unit(self, points: np.ndarray) -> np.ndarray:
        """Points in the unit cube: whole numbers in the middle of their part."""
        parts = self.width + self.whole
        return (points - self.origin + 0.5 * self.whole) / np.where(parts > 0, parts, 1.0)


def box(low: np.ndarray, high: np.ndarray, start: np.ndarray | None = None) -> Space:
    """A box of real numbers; where it has no end, the unit cube lies around `start`, as wide as twice that or 2."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    centre = np.zeros(len(low)) if start is None else np.asarray(start, float)
    ends = np.isfinite(low) & np.isfinite(high)
    half = np.maximum(1.0, np.abs(centre))
    none = np.zeros(len(low), bool)
    origin, end = np.where(ends, low, centre - half), np.where(ends, high, centre + half)
    return Space(low, high, none, none, origin, end - origin)


class Trials:
    """Points that are tried: at most `budget` of them, by `values`, all of a generation in one call.

    `best` is the best point so far (None before any was tried), in the unit cube, `loss` its loss. With `once` a point that
    comes up again costs nothing: its loss is known.
    """

    def __init__(self, values: Values, space: Space, budget: int, start: np.ndarray | None = None,
                 once: bool = False) -> None:
        self.values, self.space, self.budget, self.left = values, space, budget, budget
        self.start = None if start is None else space.unit(np.asarray(start, float))
        self.best: np.ndarray | None = None
        self.loss, self.at = np.inf, start
        self.known: dict[bytes, float] | None = {} if once else None
        self.stale = 0  # generations in turn in which nothing was new

    def __call__(self, unit: np.ndarray) -> tuple[np.ndarray, Iterate]:
        """The losses of points of the unit cube, as many as the budget allows, and the best of them as an iterate."""
        points = self.space.points(unit)
        losses = self._new(points[:self.left]) if self.known is None else self._once(points, self.known)
        losses = np.where(np.isnan(losses), np.inf, losses)
        i = int(np.argmin(losses))
        better = self.best is None or losses[i] < self.loss
        step = 0.0 if self.at is None else float(np.linalg.norm(points[i] - self.at))
        iterate = Iterate(points[i].copy(), float(losses[i]), np.nan, step, bool(better))
        if better:
            self.best, self.loss, self.at = unit[i].copy(), float(losses[i]), iterate.x
        return losses, iterate

    def _new(self, points: np.ndarray) -> np.ndarray:
        self.left -= len(points)
        return self.values(points)

    def _once(self, points: np.ndarray, known: dict[bytes, float]) -> np.ndarray:
        """Losses of as many points, from the first on, as have one or can be given one."""
        keys = [p.tobytes() for p in points]
        fresh = [i for key, i in {key: i for i, key in reversed(list(enumerate(keys)))}.items() if key not in known]
        fresh = sorted(fresh)
        taken = fresh[:self.left]
        if taken:
            known.update(zip((keys[i] for i in taken), self._new(points[taken]).tolist(), strict=True))
        self.stale = 0 if taken else self.stale + 1
        if self.stale == STALE:
            self.left = 0
        count = fresh[len(taken)] if len(taken) < len(fresh) else len(keys)
        return np.array([known[key] for key in keys[:count]])

    def first(self) -> Era:
        """The start by itself, where there is one: entry 0 of a history."""
        if self.start is not None and self.best is None and self.left:
            yield self(self.start[None])[1]

    def spent(self) -> Ending:
        """The budget is used up, which is no success."""
        if self.stale == STALE:
            return Ending(True, f"{STALE} generations had no point that was new")
        return Ending(False, f"the budget of {self.budget} evaluations is used up")

    def crowd(self, asked: int | None, usual: int, what: str) -> int:
        """The size of a population: what is asked for, else the usual one, or an eighth of a small budget."""
        if asked is None:
            return min(usual, max(4, self.budget // 8))
        if asked < 2:
            raise SymgradError(f"{what}: {asked} is no population; it needs 2 points at least to learn from each other")
        return asked


def is_gathered(unit: np.ndarray, losses: np.ndarray, flat: float) -> bool:
    """Is a population one point, or are its losses one number?"""
    if np.abs(unit[0] - unit[-1]).max() <= GATHERED and np.ptp(unit, axis=0).max() <= GATHERED:
        return True
    low, high = losses.min(), losses.max()
    return bool(np.isfinite(high) and high - low <= flat * abs(low))


def eras(trials: Trials, era: Callable[[int], Era], patience: int) -> Course:
    """Population after population, each from its beginning: `era(i)` is the i-th.

    It is a success where `patience` populations more ended at the lowest loss that was found.
    """
    yield from trials.first()
    count = again = 0
    while trials.left:
        before, own = trials.loss, np.inf
        for iterate in era(count):
            own = min(own, iterate.loss)
            yield iterate
        count += 1
        near = SAME * abs(trials.loss) + SAME / 10
        if not before - trials.loss <= near:
            again = 0
        elif own - trials.loss <= near:
            again += 1
        if again == patience and trials.left:
            return Ending(True, f"{again + 1} of {count} populations gathered at this loss, and none lower")
    return trials.spent()
