"""The methods of search by name, and what of a space each can walk in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.descent.iterate import Course
from symgrad.searching.ants import ant_colony
from symgrad.searching.evolution import cma
from symgrad.searching.genetic import genetic
from symgrad.searching.sampling import grid, random
from symgrad.searching.swarm import particle_swarm


@dataclass(frozen=True)
class Walk:
    """A method on `Trials`: `run(trials, rng, **settings)`.

    `lists`: choices without an order are fine. `boxed`: it needs both ends of every number. `sized`: it has
    generations. `about` ends the sentence "as
    asked: ...".
    """

    run: Callable[..., Course]
    about: str
    lists: bool = True
    boxed: bool = True
    sized: bool = True


WALKS: Mapping[str, Walk] = MappingProxyType({
    "random": Walk(random, "points drawn evenly from the box", sized=False),
    "grid": Walk(grid, "every point of a grid", sized=False),
    "genetic": Walk(genetic, "generations that cross and mutate, of which the best survive"),
    "ant_colony": Walk(ant_colony, "ants that draw near the trail of good points"),
    "particle_swarm": Walk(particle_swarm, "a swarm drawn to the best places that it has seen", lists=False),
    "cma": Walk(cma, "a normal distribution that learns the shape of the valley (CMA-ES)", lists=False, boxed=False),
})
