"""Projected gradient descent: a step against the gradient, then the nearest point of the sets.

The step is tried as long as the last two gradients suggest (Birgin, Martínez and Raydan, Nonmonotone spectral projected
gradient methods, 2000), and halved until the loss falls by a part of the square of the way; so losses never rise. It ends
where a step leads back to where it began.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from symgrad.descent.endings import ROUNDING
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.objective import Objective
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.sets import described, projection, regions_of

HALVINGS = 60
ENOUGH = 1e-4  # the part of |way|²/step by which the loss falls


def projected(problem: Problem) -> Course:
    """Projected gradient descent of a problem with sets or bounds."""
    regions = dict(zip(problem.variables, regions_of(problem), strict=True))
    ending = yield from projected_descent(problem.objective, problem.x0, projection(problem), problem.tolerance(1e-9))
    kept = described(regions)
    reason = {"reason": f"gradient steps, each followed by the nearest point with {kept}"} if kept else {}
    return Ending(ending.success, ending.message, reason)


def projected_descent(f: Objective, x: np.ndarray, project: Callable[[np.ndarray], np.ndarray], tol: float,
                      most: int | None = None) -> Course:
    """Steps until the way that a step would go is `tol` times the longest one; at most so many where that is said.

    `gradient_norm` is that of the way of a step of length 1: zero where no direction within the sets leads down.
    """
    x = project(x)
    loss, g = f.slope(x)
    norm = _size(x - project(x - g))
    yield Iterate(x, loss, norm, 0.0)
    largest, reach = norm, 1.0 / max(norm, 1e-300)
    taken = 0
    while norm > tol * largest and norm > ROUNDING * (1 + _size(x)) and (most is None or taken < most):
        for _ in range(HALVINGS):
            new = project(x - reach * g)
            way = new - x
            length = _size(way)
            if length <= ROUNDING * _size(x):
                return _said(norm, largest, "the loss cannot fall further in double precision")
            value, slope = f.slope(new)
            there = bool(np.isfinite(slope).all())  # at an edge of the set the loss may have no slope
            if there and value <= loss - ENOUGH * length * length / reach:
                break
            if there and abs(value - loss) <= 4 * ROUNDING * abs(loss) and _size(new - project(new - slope)) < norm:
                value = min(value, loss)
                break
            yield Iterate(new, value, _size(new - project(new - slope)), length, False)
            reach /= 2 if math.isfinite(value) else 8
        else:
            return _said(norm, largest, "no step within the sets makes the loss smaller")
        taken += 1
        turned = slope - g
        x, loss, g = new, value, slope
        norm = _size(x - project(x - g))
        largest = max(largest, norm)
        yield Iterate(x, loss, norm, length)
        bend = way @ turned
        reach = float(way @ way / bend) if bend > 0 else 2 * reach
    return Ending(True, f"no direction within the sets leads down: the projected gradient fell to {norm:.3g}, from "
                        f"{largest:.3g}")


def _said(norm: float, largest: float, message: str) -> Ending:
    return Ending(norm <= 1e-5 * largest, message)


def _size(v: np.ndarray) -> float:
    return math.sqrt(v @ v)
