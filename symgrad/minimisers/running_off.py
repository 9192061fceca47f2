"""Does a loss have a minimum at all, or only a limit that it nears for ever, as that of classes which can be separated?

A method follows such a loss until all digits are gone, and then stands still as at a minimum. The two are told apart by
what lies farther along the way from the start: beyond a minimum a loss rises, beyond such a point it does not.
"""

from __future__ import annotations

import numpy as np

from symgrad.minimisers.problem import Problem
from symgrad.minimisers.split import has_corners

FARTHER = (1.125, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0)  # of the way from the start
RISE = 1e-12  # of the fall until here: what counts as a rise
LIMIT = "farther along the way the loss does not rise, up to 8 times as far: it has no minimum there, only a limit"
DOWN = ("newton", "newton_cg", "l-bfgs", "gradient", "gauss_newton", "levenberg_marquardt", "coordinate")


def runs_off(problem: Problem, first: np.ndarray, x: np.ndarray, loss: float) -> bool:
    """Does the loss nowhere rise beyond `x`, seen from `first`? Not said of losses in pieces, whose ground may be flat."""
    if problem.low is not None or problem.sets or problem.constraints:
        return False
    f = problem.objective
    evaluations, budget, f.budget = f.evaluations, f.budget, None
    try:
        with np.errstate(all="ignore"):
            fall = f.value(first) - loss
            if not (np.isfinite(fall) and fall > 0) or has_corners(problem):
                return False
            return all(f.value(first + t * (x - first)) <= loss + RISE * fall for t in FARTHER)
    finally:
        f.evaluations, f.budget = evaluations, budget
