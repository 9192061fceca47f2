"""Where a method comes to rest at a point that is no minimum, it goes on from beside it.

The slope is zero at a saddle, at a maximum and where a cubic levels out, and a start may lie there. The direction of least
curvature is found by Lanczos' iteration (1950) on differences of gradients; where the loss falls along it, the method
starts again there. What is told goes on falling.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symgrad.descent.endings import ROUNDING
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.graphs.errors import DataError
from symgrad.minimisers.problem import Problem

LEFT = 3  # points that are left at most
PRODUCTS = 12  # of the Hessian with a vector, to find its least curvature
APART = 1e-5  # of the two points of a difference, relative
LEVEL = 1e-5  # a curvature below this part of the largest, or of what slopes elsewhere say, may be none
REACH = (0.1, 0.01, 1e-3)  # relative: how far beside the point the loss is looked at
FALL = 1e3 * ROUNDING  # relative: a loss that is lower by less may be the same


def past_saddles(run: Callable[[Problem], Course], starts: bool = False) -> Callable[[Problem], Course]:
    """A method that goes on from stationary points beside which the loss falls; with `starts` only where it starts at one.

    Bounds hold what is at them; sets are left alone.
    """

    def course(problem: Problem) -> Course:
        first, steepest = problem.x0, 0.0
        try:
            for left in range(LEFT + 1):
                inner, last, told = run(problem), Iterate(problem.x0, np.inf, np.nan, 0.0), left == 0
                while True:
                    try:
                        it = next(inner)
                    except StopIteration as stop:
                        ending: Ending = stop.value
                        break
                    if told:
                        yield it
                    told, steepest = True, max(steepest, it.norm)
                    if it.accepted:
                        last = it
                still = not starts or np.array_equal(last.x, problem.x0)
                look = ending.success and still and left < LEFT and not problem.sets and _affordable(problem)
                beside = _beside(problem, last, steepest) if look else None
                if beside is None:
                    break
                yield beside
                problem.__dict__["x0"] = beside.x
        finally:
            problem.__dict__["x0"] = first
        return ending

    return course


def _affordable(problem: Problem) -> bool:
    """Is so much of the budget left that looking around does not use it up?"""
    f = problem.objective
    return f.budget is None or f.budget - f.evaluations > 2 * PRODUCTS + 1 + 2 * len(REACH)


def _beside(problem: Problem, at: Iterate, steepest: float) -> Iterate | None:
    """A lower point beside a stationary one; None where it is a minimum as far as curvature tells."""
    low, high = (-np.inf, np.inf) if problem.low is None or problem.high is None else (problem.low, problem.high)
    free = (at.x > low) & (at.x < high)
    f = problem.objective
    try:
        way = _least_curved(problem, at.x, free, steepest) if free.any() and np.isfinite(at.loss) else None
        if way is None:
            return None
        for reach in REACH:
            for sign in (1.0, -1.0):
                x = np.clip(at.x + sign * reach * (1 + np.linalg.norm(at.x)) * way, low, high)
                loss, g = f.slope(x)
                if loss < at.loss - FALL * abs(at.loss) and np.isfinite(g).all():
                    return Iterate(x, loss, float(np.linalg.norm(g)), float(np.linalg.norm(x - at.x)))
    except DataError:
        pass  # nothing can be said
    return None


def _least_curved(problem: Problem, x: np.ndarray, free: np.ndarray, steepest: float) -> np.ndarray | None:
    """The direction among the free variables in which the loss curves least; None where it surely bends up in all."""
    f, count = problem.objective, int(free.sum())
    size = 1 + float(np.linalg.norm(x))
    apart = APART * size
    basis: list[np.ndarray] = []
    images: list[np.ndarray] = []
    v = np.random.default_rng(0).standard_normal(count)
    for _ in range(min(count, PRODUCTS)):
        for u in 2 * basis:
            v = v - (u @ v) * u
        rest = float(np.linalg.norm(v))
        if not rest > (1e-6 * float(np.linalg.norm(images[-1])) if images else 0.0):
            break
        basis.append(v / rest)
        to = np.zeros(len(x))
        to[free] = apart * basis[-1]
        image = (f.slope(x + to)[1] - f.slope(x - to)[1])[free] / (2 * apart)
        if not np.isfinite(image).all():
            return None
        images.append(image)
        v = image
    q, hq = np.array(basis), np.array(images)
    values, vectors = np.linalg.eigh((q @ hq.T + hq @ q.T) / 2)
    to[free] = REACH[0] * size * basis[0]
    steepest = max(steepest, float(np.linalg.norm(f.slope(x + to)[1])) / REACH[0])
    if values[0] > LEVEL * max(float(np.abs(values).max()), steepest / size):
        return None
    way = np.zeros(len(x))
    way[free] = vectors[:, 0] @ q
    return way
