"""CMA-ES: a normal distribution that learns the shape of the valley from the points that were good (Hansen 2001, 2016).

The library `cma` (Hansen's own) does it; here are its restarts with two regimes of population sizes (BIPOP: Hansen,
Benchmarking a BI-Population CMA-ES on the BBOB-2009 Function Testbed, 2009): each long run has twice the points, and short
runs with small steps take as many evaluations in between.
"""

from __future__ import annotations

import warnings

import numpy as np

from symgrad.computing.threads import Alone, within
from symgrad.descent.iterate import Course
from symgrad.searching.space import FLAT, Era, Trials, eras, is_gathered

STEP = 0.25  # the first standard deviation, as a part of the box (the library's advice)
QUIET = {"verbose": -9, "seed": np.nan, "verb_disp": 0, "verb_log": 0}  # seed nan: NumPy's own generator is left alone


def cma(trials: Trials, rng: np.random.Generator, population: int | None = None, patience: int = 3,
        flat: float = FLAT) -> Course:
    """Runs of CMA-ES, of `population` points first (4 + 3 log n unless given), until a few ended at the lowest loss."""
    usual = 4 + int(3 * np.log(trials.space.size))
    size = usual if population is None else trials.crowd(population, usual, "cma")
    spent = {True: 0, False: 0}  # evaluations of long runs and of short ones
    doubled = 0

    def era(number: int) -> Era:
        nonlocal doubled
        long = number == 0 or spent[True] <= spent[False]
        doubled += long and number > 0
        largest, part = size * 2 ** doubled, float(rng.random())
        small = int(size * (largest / (2 * size)) ** part ** 2)
        points, step = (largest, STEP) if long else (max(small, 2), STEP * 10 ** (-2 * float(rng.random())))
        before = trials.left
        most = trials.left if long else max(spent[True] // 2, 2 * points)
        yield from _run(trials, rng, points, step, most, number == 0, flat)
        if number:
            spent[long] += before - trials.left

    return eras(trials, era, patience)


def _run(trials: Trials, rng: np.random.Generator, points: int, step: float, most: int, first: bool, flat: float) -> Era:
    """One run of at most `most` evaluations; from the best point so far where it is the first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no matplotlib
        from cma import CMAEvolutionStrategy

    space = trials.space
    n = space.size
    width = max(n, 2)  # the library knows no single number: beside it stands one that does nothing
    with np.errstate(invalid="ignore"):
        low, high = (np.resize(space.unit(edge), width) for edge in (space.low, space.high))
    cells = np.resize(space.whole | (space.low == space.high), width)
    low, high = np.where(cells, 0.0, low), np.where(cells, 1.0, high)
    begin = rng.random(width) if not first or trials.best is None else np.resize(trials.best, width)
    begin = np.clip(begin, low, high)
    bounds = [[None if np.isinf(b) else b for b in edge] for edge in (low, high)]
    options = {**QUIET, "popsize": points, "bounds": bounds, "randn": lambda *shape: rng.standard_normal(shape)}
    strategy = CMAEvolutionStrategy(begin, step, options)
    left, ask, tell = most, within(Alone, strategy.ask), within(Alone, strategy.tell)
    while trials.left and left > 0 and not strategy.stop():
        asked = np.array(ask())
        losses, iterate = trials(asked[:, :n])
        left -= len(losses)
        yield iterate
        if len(losses) < points or is_gathered(asked, losses, flat):
            return
        tell(list(asked), list(_finite(losses)))


def _finite(losses: np.ndarray) -> np.ndarray:
    """What has no loss is worse than all that has."""
    finite = np.isfinite(losses)
    worst = losses[finite].max() if finite.any() else 0.0
    return np.where(finite, losses, worst + abs(worst) + 1)
