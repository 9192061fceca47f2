"""Particle swarm: points that fly on, drawn to the best place each has seen and to the best of its informants.

The standard of 2011 (Clerc, Standard Particle Swarm Optimisation, 2012; Zambrano-Bigiarini, Clerc and Rojas 2013): the next
place is drawn from a ball around the centre of gravity of where the particle is and a point beyond each of the two best
places, so that no direction is preferred. Inertia 1/(2 ln 2) and attraction 1/2 + ln 2 are Clerc's numbers, by which a
swarm contracts; each particle informs K = 3 others, drawn anew whenever the best has not improved. Of each generation the
particle that has found least flies as a scout (`scout.py`).
"""

from __future__ import annotations

import numpy as np

from symgrad.descent.iterate import Course
from symgrad.searching.scout import Scout
from symgrad.searching.space import FLAT, Era, Trials, eras, is_gathered

INERTIA = 1 / (2 * np.log(2))
ATTRACTION = 0.5 + np.log(2)
INFORMED = 3
WALL = -0.5  # of the speed, after a wall


def particle_swarm(trials: Trials, rng: np.random.Generator, population: int | None = None, patience: int = 3,
                   flat: float = FLAT) -> Course:
    """A swarm of `population` particles (30, between the standards of 2006 and 2011); where it has gathered, a new one."""
    swarm = trials.crowd(population, 30, "particle_swarm")

    def era(number: int) -> Era:
        n = trials.space.size
        scout = Scout(n)
        x = rng.random((swarm, n))
        if number == 0 and trials.best is not None:
            x[0] = trials.best
        v = (rng.random((swarm, n)) - x) / 2
        losses, iterate = trials(x)
        yield iterate
        if not trials.left:
            return
        best, found = x.copy(), losses.copy()
        scout.learn(x, losses)
        informs = _informants(rng, swarm)
        while not is_gathered(best, found, flat):
            leader = _leaders(informs, found)
            pull = best[leader] - x
            own = leader == np.arange(swarm)  # its own best place counts once
            centre = ATTRACTION * np.where(own[:, None], (best - x) / 2, (best - x + pull) / 3)
            v = INERTIA * v + centre + _in_ball(rng, swarm, n) * np.linalg.norm(centre, axis=1, keepdims=True)
            x = x + v
            outside = (x < 0) | (x > 1)
            x, v = np.clip(x, 0, 1), np.where(outside, WALL * v, v)
            place = scout.place()
            if place is not None:
                x[found.argmax()] = place
            losses, iterate = trials(x)
            yield iterate
            if not trials.left:
                return
            scout.learn(x, losses)
            better = losses < found
            before = found.min()
            best[better], found[better] = x[better], losses[better]
            if not found.min() < before:
                informs = _informants(rng, swarm)

    return eras(trials, era, patience)


def _informants(rng: np.random.Generator, swarm: int) -> np.ndarray:
    """Pairs of a particle and one that it informs, in two rows: itself, and K others."""
    itself = np.arange(swarm)
    others = rng.integers(swarm, size=(INFORMED, swarm))
    return np.stack([np.tile(itself, 1 + INFORMED), np.vstack([itself, others]).ravel()])


def _leaders(informs: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The best informant of each particle."""
    by_loss = np.argsort(-found[informs[0]], kind="stable")  # the best comes last, and is what stays
    leader = np.empty(len(found), int)
    leader[informs[1, by_loss]] = informs[0, by_loss]
    return leader


def _in_ball(rng: np.random.Generator, count: int, n: int) -> np.ndarray:
    """Points of the unit ball, with uniform directions and uniform radii (as the standard has it)."""
    way = rng.standard_normal((count, n))
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-300)
    return way * rng.random((count, 1))
