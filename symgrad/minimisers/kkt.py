"""Where constraints hold a minimum: multipliers, and the last digits of a point that is nearly there.

At a minimum grad f + ∑ μ grad g = 0 but for variables at a bound, with μ >= 0 for the rows that touch and none for the
others (Karush 1939, Kuhn and Tucker 1951). Given a point, the multipliers are a least squares problem with signs. With the
touching rows as equations and the variables at bounds fixed, Newton's method on both together is exact for a quadratic loss
and affine rows; what pushes the wrong way is let go, what would be broken is taken in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear
from scipy.sparse.linalg import LinearOperator, cg

from symgrad.graphs.errors import DataError
from symgrad.minimisers.constraints import Constraints
from symgrad.minimisers.problem import Problem

TOUCHING = (1e-6, 1e-4, 1e-2)  # relative: what is this near to its border may touch; wider only where that does not do
SLOPE = 1e-6  # a slope, relative to that at the start, beside which none counts
FAR = 1e-2  # relative to the point: a polishing step that is longer is none
ROUNDS = 12
GOOD = 1e-9  # error at which nobody looks further
BENT = 1e-7  # a curvature below minus this part of the largest is one


@dataclass(frozen=True, eq=False)
class Optimality:
    """A point, the multipliers of all rows, which variables a bound holds, by how much the conditions fail, relatively."""

    x: np.ndarray
    multipliers: np.ndarray
    fixed: np.ndarray
    error: float


@dataclass(frozen=True, eq=False)
class Conditions:
    """The rows of constraints, and bounds, with what is needed of them at points."""

    problem: Problem
    held: Constraints | None
    low: np.ndarray
    high: np.ndarray
    unit: float

    @property
    def equal(self) -> np.ndarray:
        """Which rows are equations."""
        return self.held.equal if self.held is not None else np.zeros(0, bool)

    def rows(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows and their Jacobian."""
        if self.held is None:
            return np.zeros(0), np.zeros((0, len(x)))
        return self.held.values(x), self.held.jacobian(x)

    def hessian(self, x: np.ndarray, multipliers: np.ndarray) -> np.ndarray:
        """The Hessian of the Lagrangian."""
        h = self.problem.objective.hessian(x)
        return h if self.held is None else h + self.held.hessian(x, multipliers)

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The gradient of the loss."""
        return self.problem.objective.slope(x)[1]

    def at_bounds(self, x: np.ndarray, touching: float) -> np.ndarray:
        """Which variables are at a bound."""
        near = touching * (1 + np.abs(x))
        return (x <= self.low + near) | (x >= self.high - near)

    def wrong(self, x: np.ndarray, z: np.ndarray, fixed: np.ndarray) -> np.ndarray:
        """Which fixed variables the slope z pulls inside."""
        mid = x - self.low < self.high - x
        return fixed & (self.low < self.high) & np.where(mid, z < 0, z > 0)


def conditions(problem: Problem, held: Constraints | None, slope: float) -> Conditions:
    """Those of a problem whose loss has a gradient of size `slope` at the start; without bounds they are infinite."""
    size = problem.objective.size
    low = np.full(size, -np.inf) if problem.low is None else problem.low
    high = np.full(size, np.inf) if problem.high is None else problem.high
    return Conditions(problem, held, low, high, SLOPE * slope or SLOPE)


def judged(on: Conditions, x: np.ndarray, touching: float = TOUCHING[0]) -> Optimality:
    """The best multipliers at a point, and how far it is from a minimum."""
    g, (value, j), equal = on.gradient(x), on.rows(x), on.equal
    near = equal | (value >= -touching * (1 + np.abs(j) @ np.abs(x)))
    fixed, multipliers = on.at_bounds(x, touching), np.zeros(len(value))
    for _ in range(ROUNDS):
        free = ~fixed
        if near.any() and free.any():
            a = j[near][:, free].T
            size = np.linalg.norm(a, axis=0)
            size = np.where(size > 0, size, 1.0)
            least = np.where(equal[near], -np.inf, 0.0)
            multipliers[near] = lsq_linear(a / size, -g[free], (least, np.full(len(least), np.inf)), method="bvls",
                                           tol=1e-15).x / size
        wrong = on.wrong(x, g + j.T @ multipliers, fixed)
        if not wrong.any():
            break
        fixed = fixed & ~wrong
    return _judged(on, x, multipliers, fixed, g, value, j)


def _judged(on: Conditions, x: np.ndarray, multipliers: np.ndarray, fixed: np.ndarray, g: np.ndarray, value: np.ndarray,
            j: np.ndarray) -> Optimality:
    z = g + j.T @ multipliers
    unit = on.unit + float(np.maximum(np.abs(g), np.abs(j).T @ np.abs(multipliers)).max(initial=0.0))
    room = np.where(z > 0, x - on.low, on.high - x) / (1 + np.abs(x))
    slope = np.minimum(np.abs(z) / unit, np.maximum(room, 0.0))
    scale = 1 + np.abs(j) @ np.abs(x)
    broken = np.where(on.equal, np.abs(value), np.maximum(value, 0.0)) / scale
    idle = np.where(on.equal, 0.0, np.minimum(np.abs(multipliers) / (1 + np.abs(multipliers)), np.abs(value) / scale))
    push = np.where(on.equal, 0.0, np.maximum(-multipliers, 0.0))
    error = max(float(each.max(initial=0.0)) for each in (slope, broken, idle, push))
    return Optimality(x, multipliers, fixed, error if np.isfinite(error) else np.inf)


def polished(on: Conditions, x: np.ndarray) -> Optimality:
    """The point after Newton's method on the conditions, and its multipliers; never a worse one."""
    best = judged(on, x)
    for touching in TOUCHING:
        at = _polished(on, judged(on, x, touching))
        if at.error < best.error:
            best = at
        if best.error < GOOD:
            break
    return best


def _polished(on: Conditions, best: Optimality) -> Optimality:
    for _ in range(ROUNDS):
        try:
            found = _newton(on, best)
        except DataError:
            return best
        if found is None or not found.error < best.error:
            return best
        better = found.error < 0.1 * best.error
        best = found
        if not better:
            break
    return best


def _newton(on: Conditions, at: Optimality) -> Optimality | None:
    """One step with touching rows as equations and some variables fixed; None where it leads away."""
    x = np.where(at.fixed, np.where(at.x - on.low < on.high - at.x, on.low, on.high), at.x)
    g, (value, j), equal = on.gradient(x), on.rows(x), on.equal
    h = on.hessian(x, at.multipliers)
    scale = 1 + np.abs(j) @ np.abs(x)
    active, fixed = equal | (at.multipliers > 0) | (value >= -1e-12 * scale), at.fixed
    for _ in range(ROUNDS):
        free = ~fixed
        a = j[active][:, free]
        matrix = np.block([[h[np.ix_(free, free)], a.T], [a, np.zeros((len(a), len(a)))]])
        if not np.isfinite(matrix).all():
            return None
        solution = np.linalg.lstsq(matrix, -np.concatenate([g[free], value[active]]), rcond=1e-13)[0]
        count = int(free.sum())
        step, multipliers = np.zeros(len(x)), np.zeros(len(value))
        step[free], multipliers[active] = solution[:count], solution[count:]
        new = x + step
        if not np.linalg.norm(step) <= FAR * (1 + np.linalg.norm(x)):
            return None
        out = (new < on.low) | (new > on.high)
        new = np.clip(new, on.low, on.high)
        over = ~active & (value + j @ step > 1e-12 * scale)
        push = active & ~equal & (multipliers < 0)
        inward = on.wrong(x, g + h @ step + j.T @ multipliers, fixed)
        if out.any() or over.any():
            fixed, active = fixed | out, active | over
        elif push.any() or inward.any():
            active = active & ~(push & (multipliers == multipliers.min(initial=0.0)))
            fixed = fixed & ~inward
        else:
            break
    value, j = on.rows(new)
    return _judged(on, new, multipliers, fixed, on.gradient(new), value, j)


def refined(on: Conditions, x: np.ndarray) -> Optimality:
    """The point after Newton's method by conjugate gradients on the variables that no bound holds; never a worse one.

    For many variables with bounds only: nothing is formed.
    """
    best, f = judged(on, x), on.problem.objective
    for _ in range(ROUNDS):
        free, at = ~best.fixed, best.x
        if best.error < GOOD or not free.any():
            break

        def product(v: np.ndarray, free: np.ndarray = free, at: np.ndarray = at) -> np.ndarray:
            whole = np.zeros(len(at))
            whole[free] = v
            return f.product(at, whole)[free]

        count = int(free.sum())
        step, _ = cg(LinearOperator((count, count), matvec=product, dtype=float), -on.gradient(at)[free], rtol=1e-6,
                     maxiter=200)
        new = at.copy()
        new[free] += step
        if not np.linalg.norm(step) <= FAR * (1 + np.linalg.norm(at)):
            break
        found = judged(on, np.clip(new, on.low, on.high))
        if not found.error < best.error:
            break
        best = found
    return best


def downhill(on: Conditions, at: Optimality) -> np.ndarray | None:
    """A direction in which nothing holds the variables and the Lagrangian bends down: then the point is no minimum."""
    free = ~at.fixed
    _, j = on.rows(at.x)
    a = j[on.equal | (at.multipliers > on.unit)][:, free]
    _, s, vt = np.linalg.svd(a) if len(a) else (None, np.zeros(0), np.eye(int(free.sum())))
    basis = vt[int((s > 1e-10 * s.max(initial=0.0)).sum()):].T
    if not basis.shape[1]:
        return None
    values, vectors = np.linalg.eigh(basis.T @ on.hessian(at.x, at.multipliers)[np.ix_(free, free)] @ basis)
    if not values[0] < -BENT * np.abs(values).max():
        return None
    way = np.zeros(len(at.x))
    way[free] = basis @ vectors[:, 0]
    return way
