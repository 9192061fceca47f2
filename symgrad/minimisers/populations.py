"""Populations on a problem: the methods of `searching/`, each generation one call of generated code.

They ask for nothing but the loss. All but "cma" draw within bounds, and so need both ends of every variable.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symgrad.descent.iterate import Course
from symgrad.graphs.errors import SymgradError
from symgrad.minimisers.problem import Problem
from symgrad.searching.methods import WALKS
from symgrad.searching.space import FLAT, Trials, box

BUDGET = 10_000  # evaluations where none is given: what methods are compared by (Hansen et al., BBOB 2009, in 5 dimensions)


def population(name: str) -> Callable[[Problem], Course]:
    """The method of `searching/` called `name`, of a problem; the start is the first point that it tries.

    Raises SymgradError for a variable without bounds where it needs them.
    """
    walk = WALKS[name]

    def run(problem: Problem) -> Course:
        x = problem.x0
        low = np.full(x.size, -np.inf) if problem.low is None else problem.low
        high = np.full(x.size, np.inf) if problem.high is None else problem.high
        if walk.boxed:
            _check_ends(name, problem, np.isfinite(low) & np.isfinite(high))
        budget = BUDGET if problem.budget is None else problem.budget
        trials = Trials(problem.objective.values, box(low, high, x), budget, x)
        settings = {"population": problem.population, "flat": problem.tolerance(FLAT)} if walk.sized else {}
        return walk.run(trials, np.random.default_rng(problem.seed), **settings)

    return run


def _check_ends(name: str, problem: Problem, closed: np.ndarray) -> None:
    at = 0
    for variable, start in problem.start.items():
        if not closed[at:at + start.size].all():
            free = [each for each, walk in WALKS.items() if not walk.boxed]
            raise SymgradError(f"minimize: {name} draws points within bounds, and {variable} is not bounded on both sides; "
                               f"give bounds={{{variable!r}: (low, high)}}, or take {' or '.join(free)}, which starts "
                               "anywhere")
        at += start.size
