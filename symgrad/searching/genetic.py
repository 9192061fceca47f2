"""A genetic algorithm on real, whole and categorical genes: tournaments, crossover, mutation, and the best survive.

Simulated binary crossover (Deb and Agrawal, Complex Systems 9, 1995), whose children lie about their parents as those of
binary strings do, for one half of the pairs; for the other a blend of three parents that prefers no direction, one and a
part of the difference of two more (Storn and Price, Journal of Global Optimization 11, 1997). Polynomial mutation (Deb and
Goyal 1996), one gene in each child on average; categories are swapped and drawn anew. Parents and children compete for the
places (elitism), and twins for the last ones. One child of each generation is a scout (`scout.py`).
"""

from __future__ import annotations

import numpy as np

from symgrad.descent.iterate import Course
from symgrad.searching.scout import Scout
from symgrad.searching.space import FLAT, Era, Space, Trials, eras, is_gathered

CROSSOVER = 0.9  # of the pairs; this and the next two are the numbers of NSGA-II (Deb et al. 2002)
SPREAD = 15.0  # eta of the crossover: the larger, the nearer to the parents
CHANGE = 20.0  # eta of the mutation
DIFFERENCE = (0.3, 0.9)  # how much of a difference of two parents a blend adds


def genetic(trials: Trials, rng: np.random.Generator, population: int | None = None, patience: int = 3,
            flat: float = FLAT) -> Course:
    """Generations of `population` points (40); where they have gathered, a new beginning."""
    size, space = trials.crowd(population, 40, "genetic"), trials.space

    def era(number: int) -> Era:
        scout = Scout(space.size)
        x = space.snapped(rng.random((size, space.size)))
        if number == 0 and trials.best is not None:
            x[0] = trials.best
        losses, iterate = trials(x)
        yield iterate
        scout.learn(x[:len(losses)], losses)
        while trials.left and not is_gathered(x, losses, flat):
            parents = x[_winners(rng, losses, size)]
            children = space.snapped(_mutated(_crossed(parents, space, rng), parents, space, rng))
            place = None if space.whole.any() else scout.place()
            if place is not None:
                children[0] = place
            scores, iterate = trials(children)
            yield iterate
            scout.learn(children[:len(scores)], scores)
            x, losses = np.vstack([x, children[:len(scores)]]), np.concatenate([losses, scores])
            order = np.argsort(losses, kind="stable")
            x, losses = x[order], losses[order]
            twin = np.r_[False, (x[1:] == x[:-1]).all(axis=1)]
            order = np.argsort(twin, kind="stable")[:size]  # twins only where there are too few others
            x, losses = x[order], losses[order]

    return eras(trials, era, patience)


def _winners(rng: np.random.Generator, losses: np.ndarray, count: int) -> np.ndarray:
    """The better of two, `count` times."""
    pairs = rng.integers(len(losses), size=(count, 2))
    return np.where(losses[pairs[:, 0]] <= losses[pairs[:, 1]], pairs[:, 0], pairs[:, 1])


def _crossed(parents: np.ndarray, space: Space, rng: np.random.Generator) -> np.ndarray:
    """A child for each parent."""
    count, n = parents.shape
    children = parents.copy()
    pick = rng.random(count)
    some = np.flatnonzero(pick < CROSSOVER / 2)
    mine, mates = parents[some], parents[some - 1]
    u = rng.random(mine.shape)
    low = u <= 0.5  # half the genes stay
    beta = np.ones_like(u)
    beta[low] = _spread(2 * u[low])
    children[some] = mine + (1 - beta) / 2 * (mates - mine)
    others = np.flatnonzero((pick >= CROSSOVER / 2) & (pick < CROSSOVER))
    by = rng.uniform(*DIFFERENCE, (len(others), 1))
    children[others] += by * (parents[others - 1] - parents[others - 2])
    if space.choice.any():
        swapped = np.where(rng.random((count, n)) < 0.5, np.roll(parents, 1, axis=0), parents)
        children = np.where(space.choice, swapped, children)
    return np.clip(children, 0, 1)


def _spread(u: np.ndarray) -> np.ndarray:
    """How far apart children are, to how far their parents are, by a uniform number: as often nearer as farther."""
    nearer = np.where(u <= 0.5, 2 * u, 2 - 2 * u) ** (1 / (SPREAD + 1))
    beta: np.ndarray = np.where(u <= 0.5, nearer, 1 / np.maximum(nearer, 1e-300))
    return beta


def _mutated(x: np.ndarray, parents: np.ndarray, space: Space, rng: np.random.Generator) -> np.ndarray:
    """One gene of each on average: near its value, a category anywhere; a whole number by one at least.

    What is like its parent has one gene changed at least.
    """
    count, n = x.shape
    chance = rng.random((n, count)).T  # each gene's in a row of memory: smallest ones are found fast
    twin = (x == parents).all(axis=1, keepdims=True)
    chosen = (chance < 1 / n) | twin & (chance <= chance.min(axis=1, keepdims=True))
    rows, columns = np.divmod(np.flatnonzero(chosen), n)
    old, u = x[rows, columns], rng.random(len(rows))
    room = np.where(u <= 0.5, 1 - old, old)  # to the side where it does not go, as the formula has it
    part = np.where(u <= 0.5, 2 * u, 2 - 2 * u)
    size = 1 - (part + (1 - part) * room ** (CHANGE + 1)) ** (1 / (CHANGE + 1))
    if space.whole.any():
        size = np.maximum(size, np.where(space.whole, 1 / space.counts, 0.0)[columns])
    new = old + np.where(u <= 0.5, -size, size)
    if space.choice.any():
        new = np.where(space.choice[columns], rng.random(len(rows)), new)
    x[rows, columns] = np.clip(new, 0, 1)
    return x
