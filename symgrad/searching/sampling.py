"""Points that are fixed beforehand: a grid, and random points.

Random points are those of Sobol (Zh. Vychisl. Mat. 7, 1967), scrambled (Owen 1998; `scipy.stats.qmc`): each is uniform, and
together they leave smaller holes than independent ones. Both methods say in pieces what they have tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from symgrad.descent.iterate import Course, Ending
from symgrad.graphs.errors import SymgradError
from symgrad.searching.space import Space, Trials

PIECE = 1024  # points in one entry of a history
COUNTED = 1e6  # points that are drawn without repetition
SOBOL = 21201  # columns that the tables of directions have


def random(trials: Trials, rng: np.random.Generator) -> Course:
    """As many points as the budget allows; the start is one of them. Where there are few points, no point comes twice."""
    yield from trials.first()
    total = math.prod(map(float, trials.space.counts))
    if total <= COUNTED:
        counts = trials.space.counts.astype(int)
        drawn = rng.permutation(int(total))[:trials.left]
        places = np.stack(np.unravel_index(drawn, counts), axis=1)
        yield trials((places + 0.5) / counts)[1]
        whole = " (there are no more)" if len(drawn) == total else ""
        return Ending(bool(whole), f"the best of {len(drawn)} random points{whole}")
    draw = sequence(trials.space.size, rng)
    while trials.left:
        yield trials(draw(min(PIECE, trials.left)))[1]
    return Ending(False, f"the best of {trials.budget} random points, as many as the budget allows")


def sequence(n: int, rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    """What draws so many more uniform points of the unit cube of n dimensions, evenly spread."""
    if n > SOBOL:
        return lambda count: rng.random((count, n))
    from scipy.stats import qmc

    sobol = qmc.Sobol(n, rng=rng)
    ready = np.zeros((0, n))

    def draw(count: int) -> np.ndarray:
        nonlocal ready
        while len(ready) < count:
            ready = np.vstack([ready, sobol.random(max(1, len(ready), 1 << (max(count - len(ready), 1) - 1).bit_length()))])
        taken, ready = ready[:count], ready[count:]
        return taken

    return draw


def grid(trials: Trials, rng: np.random.Generator) -> Course:
    """Every point of a grid of as many levels as the budget allows, the ends of the box among them.

    Raises SymgradError where the budget allows fewer than two levels in each column.
    """
    yield from trials.first()
    counts = levels(trials.space, trials.left)
    total = math.prod(counts)
    for begin in range(0, total, PIECE):
        places = np.unravel_index(np.arange(begin, min(begin + PIECE, total)), counts)
        yield trials(np.stack([_unit(trials.space, column, count)[at] for column, (count, at)
                               in enumerate(zip(counts, places, strict=True))], axis=1))[1]
    every = all(count == most for count, most in zip(counts, trials.space.counts, strict=True))
    return Ending(every, f"the best of {total} points of a grid, {' x '.join(map(str, counts))}")


def levels(space: Space, budget: int) -> list[int]:
    """How many values a grid has in each column: all of a list, and of numbers as many as the budget allows."""
    most = space.counts
    counts = [int(m) if c else int(min(2, m)) for m, c in zip(most, space.choice, strict=True)]
    if math.prod(counts) > budget:
        numbers = sum(not c for c in space.choice)
        lists = math.prod(int(m) for m in most[space.choice])
        what = " times ".join([*([f"{lists} combinations of choices"] if space.choice.any() else []),
                               *([f"2 values for each of {numbers} numbers"] if numbers else [])])
        size = sum(map(math.log10, counts))
        points = str(math.prod(counts)) if size < 12 else f"10^{size:.0f}"
        raise SymgradError(f"grid: {what} are {points} points, and {budget} are allowed; "
                           "allow more, or take a method that draws ('random', 'genetic')")
    while True:
        least = min((c for c, m in zip(counts, most, strict=True) if c < m), default=0)
        grown = [i for i in range(space.size) if counts[i] < most[i] and counts[i] == least
                 and math.prod(counts) // counts[i] * (counts[i] + 1) <= budget]
        if not grown:
            return counts
        counts[grown[0]] += 1


def _unit(space: Space, column: int, count: int) -> np.ndarray:
    """The levels of one column in the unit cube, both ends among them."""
    if count == 1:
        return np.full(1, 0.5)
    if not space.whole[column]:
        return np.linspace(0, 1, count)
    whole = np.round(np.linspace(0, space.counts[column] - 1, count))
    return (whole + 0.5) / space.counts[column]
