"""Ant colony: an archive of good points is the trail, and ants draw new ones near it, number by number, choice by choice.

ACO_R (Socha and Dorigo, European Journal of Operational Research 185, 2008): an ant follows one point of the archive,
chosen by rank, and draws each number from a normal distribution around it, as wide as the archive is there. A choice from a
list is a step on a graph whose nodes are the entries of the list: an ant takes an entry by the pheromone that the points of
the archive have left on it (the ant system of Dorigo, Maniezzo and Colorni, IEEE Transactions on Systems, Man, and
Cybernetics B 26, 1996). One ant of each generation is a scout (`scout.py`).
"""

from __future__ import annotations

import numpy as np

from symgrad.descent.iterate import Course
from symgrad.searching.scout import Scout
from symgrad.searching.space import FLAT, Era, Trials, eras, is_gathered

LOCALITY = 0.1  # q: the width of the ranks that ants follow, as a part of the archive
EVERYWHERE = 0.2  # pheromone that lies on a list before any ant has come, to all that ants leave
EVAPORATION = 0.85  # xi: how wide ants draw, as a part of the mean distance in the archive (Socha and Dorigo, table 2)


def ant_colony(trials: Trials, rng: np.random.Generator, population: int | None = None, patience: int = 3,
               flat: float = FLAT) -> Course:
    """An archive of `population` points (50), and generations of half as many ants; where it has gathered, a new one."""
    archive = trials.crowd(population, 50, "ant_colony")
    ants, ranks = max(archive // 2, 1), np.arange(archive)
    weights = np.exp(-((ranks / (LOCALITY * archive)) ** 2) / 2)
    weights /= weights.sum()

    def era(number: int) -> Era:
        space = trials.space
        scout = Scout(space.size)
        x = space.snapped(rng.random((archive, space.size)))
        if number == 0 and trials.best is not None:
            x[0] = trials.best
        losses, iterate = trials(x)
        yield iterate
        if not trials.left:
            return
        scout.learn(x, losses)
        order = np.argsort(losses, kind="stable")
        x, losses = x[order], losses[order]
        while not is_gathered(x, losses, flat):
            followed = rng.choice(archive, ants, p=weights)
            wide = EVAPORATION * _distances(x)[followed] / (archive - 1)
            new = np.clip(x[followed] + wide * rng.standard_normal(wide.shape), 0, 1)
            for column in np.flatnonzero(space.choice):
                new[:, column] = _chosen(x[:, column], weights, int(space.counts[column]), ants, rng)
            new = space.snapped(new)
            place = None if space.whole.any() else scout.place()
            if place is not None:
                new[0] = place
            scores, iterate = trials(new)
            yield iterate
            if not trials.left:
                return
            scout.learn(new, scores)
            x, losses = np.vstack([x, new]), np.concatenate([losses, scores])
            order = np.argsort(losses, kind="stable")[:archive]
            x, losses = x[order], losses[order]

    return eras(trials, era, patience)


def _distances(x: np.ndarray) -> np.ndarray:
    """For each point and column, how far all points are from it there together: by sorting."""
    count = len(x)
    order = np.argsort(x, axis=0, kind="stable")
    inner = np.take_along_axis(x, order, 0)
    sums = np.cumsum(inner, axis=0)
    far = inner * (2 * np.arange(1, count + 1) - count)[:, None] + sums[-1] - 2 * sums
    result = np.empty_like(x)
    np.put_along_axis(result, order, np.maximum(far, 0.0), 0)
    return result


def _chosen(column: np.ndarray, weights: np.ndarray, count: int, ants: int, rng: np.random.Generator) -> np.ndarray:
    """Entries of a list of `count`, each ant by the pheromone on them: what the points that have it have left, and a little
    that lies everywhere."""
    entries = np.minimum((column * count).astype(int), count - 1)
    pheromone = np.bincount(entries, weights, count) + EVERYWHERE / count
    places: np.ndarray = (rng.choice(count, ants, p=pheromone / pheromone.sum()) + 0.5) / count
    return places
