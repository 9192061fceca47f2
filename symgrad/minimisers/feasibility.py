"""Is there a point that meets all constraints? By linear programming where they are affine, by least squares else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import least_squares, linprog

from symgrad.graphs.errors import SymgradError
from symgrad.minimisers.constraints import Constraints
from symgrad.minimisers.problem import Problem


def met(held: Constraints, x: np.ndarray, tol: float) -> bool:
    """Are all constraints met, up to `tol` of what their terms are?"""
    broken = held.broken(x)
    scale = 1 + np.abs(held.jacobian(x)) @ np.abs(x)
    return bool((broken <= tol * scale).all())


def contradiction(problem: Problem, held: Constraints) -> None:
    """Raises SymgradError where affine constraints, with the bounds, leave no point: which is broken, by how much."""
    if not held.affine or not held.count:
        return
    zero = np.zeros(problem.objective.size)
    a, b = held.jacobian(zero), -held.values(zero)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return
    size = np.linalg.norm(a, axis=1)
    size = np.where(size > 0, size, 1.0)
    # least t with a x - b <= t, and >= -t for equations
    upper = np.hstack([a / size[:, None], -np.ones((len(a), 1))])
    lower = np.hstack([-a[held.equal] / size[held.equal, None], -np.ones((int(held.equal.sum()), 1))])
    right = b / size
    low = np.full(len(zero), -np.inf) if problem.low is None else problem.low
    high = np.full(len(zero), np.inf) if problem.high is None else problem.high
    found = linprog(np.append(zero, 1.0), np.vstack([upper, lower]), np.concatenate([right, -right[held.equal]]),
                    bounds=[*zip(low, high, strict=True), (0, None)], method="highs")
    if found.x is not None and found.x[-1] > 1e-9 * (1 + float(np.abs(right).max())):
        x = found.x[:-1]
        raise SymgradError(f"minimize: the constraints contradict each other: nearest to all of them {held.worst(x)}")


def nearest(problem: Problem, held: Constraints, starts: Sequence[np.ndarray]) -> np.ndarray:
    """The point nearest to all constraints that least squares find from some starts: ∑ of what is broken, squared."""
    low = np.full(problem.objective.size, -np.inf) if problem.low is None else problem.low
    high = np.full(problem.objective.size, np.inf) if problem.high is None else problem.high
    rng = np.random.default_rng(problem.seed)
    best, least = starts[0], np.inf
    for x in (*starts, *(starts[-1] + rng.standard_normal(len(low)) for _ in range(3))):
        x = np.clip(x, low, high)
        if not np.isfinite(held.values(x)).all():
            continue
        found = least_squares(lambda p: _broken(held, p), x, lambda p: _slopes(held, p), bounds=(low - 1e-12, high + 1e-12),
                              x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15)
        if found.cost < least:
            best, least = np.clip(found.x, low, high), found.cost
        if met(held, best, 1e-9):
            break
    return best


def _broken(held: Constraints, x: np.ndarray) -> np.ndarray:
    g = held.values(x)
    return np.where(held.equal, g, np.maximum(g, 0.0))


def _slopes(held: Constraints, x: np.ndarray) -> np.ndarray:
    g, j = held.values(x), held.jacobian(x)
    return np.where((held.equal | (g > 0))[:, None], j, 0.0)
