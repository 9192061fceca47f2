"""Least squares: steps from the exact Jacobian of the residuals.

Gauss and Newton solve the linearised problem at each point and go along its solution as far as the loss falls. Levenberg
and Marquardt bound the step instead (Moré, The Levenberg-Marquardt algorithm: implementation and theory, 1978): least
`|r + J d|` among steps with `|D d| <= Δ`, where D has the largest norms of J's columns so far, and Δ grows and shrinks with
what a step gained of what was predicted. Neither depends on the scale of a parameter. One QR and one small SVD for each
Jacobian give all steps; where J has no full rank, they give the shortest.

Three things are not in that paper. A parameter that the residuals hardly see at the start has a small column there, and
would be thrown far away: D is at least so large that one may change a few times its own size. Where residuals stay large,
J'J alone is slow: then the exact Hessian gives the last steps. And at the end, where a gain is less than the rounding of
the loss, a step counts that turns the residuals further from what can be changed of them.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import lsq_linear

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.lines import ARMIJO, shorter
from symgrad.descent.objective import Objective
from symgrad.graphs.errors import DataError

RANK = 1e-14  # of a singular value, relative to the largest: below it there is none
NOISE = 2e-15  # relative rounding of |r|², and of what the linear part of the model adds to it
SEEN = 0.7  # at the start: of a parameter's part in the model, relative to the largest
STILL = 1e-13  # a radius relative to the parameters: no shorter step changes them
SLOW = 1e-2  # relative gain: a step that gains less, and does not halve the angle, is slow
PATIENCE = 3  # slow steps before the exact Hessian is asked
LEAST = 1e-10  # what the start adds to the residuals, relative to them: with less it is as good as zero
CLOSE = 1e-5  # an angle at which the end is a minimum, if no step gains
HALVINGS = 60
FEW = 6  # trials along a step that may be far too long
SHORTER = (1.0, 0.1, 0.01, 1e-3)  # radii that are tried where Gauss and Newton's own step fails, relative to the parameters

Limits = tuple[np.ndarray, np.ndarray]  # the least and the largest value of each variable


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """A least squares problem at a point: residuals r and J D^-1 = U diag(s) V', with c = U' r."""

    r: np.ndarray
    j: np.ndarray
    d: np.ndarray
    s: np.ndarray
    v: np.ndarray
    c: np.ndarray
    part: float  # |J| |x|, about as large as what the residuals are the difference of
    held: np.ndarray  # variables at a bound that would leave it: their columns count as zero

    @property
    def slope(self) -> float:
        """The norm of the gradient of |r|²."""
        return float(np.linalg.norm(2 * (self.j.T @ self.r)))

    @property
    def angle(self) -> float:
        """The cosine of the angle between r and what J can change of it: 0 at a stationary point."""
        size = float(np.linalg.norm(self.r))
        return float(np.linalg.norm(self.c[self.kept])) / size if size else 0.0

    @property
    def kept(self) -> np.ndarray:
        """Which singular values are not zero."""
        return self.s > RANK * self.s.max(initial=0.0)

    @property
    def noise(self) -> float:
        """The rounding of |r|², where what the variables add to r was computed from larger terms."""
        size = float(np.linalg.norm(self.r))
        return NOISE * size * (size + self.part)

    def free(self) -> np.ndarray:
        """The shortest step to the least |r + J d|, scaled by D and turned by V."""
        kept = self.kept
        return np.where(kept, self.c, 0.0) / np.where(kept, self.s, 1.0)

    def step(self, radius: float) -> tuple[np.ndarray, float, float]:
        """The best step within |D d| <= radius, by how much |r|² would fall, and the λ that keeps it there."""
        s, c, y = self.s, self.c, self.free()
        by = 0.0
        if np.linalg.norm(y) > radius:
            low, high = 0.0, float(np.linalg.norm(s * c)) / radius  # λ, so that |y| is the radius
            by = 1e-3 * high
            for _ in range(60):
                y = s * c / (s**2 + by)
                size = float(np.linalg.norm(y))
                if abs(size - radius) <= 0.01 * radius:
                    break
                low, high = (by, high) if size > radius else (low, by)
                by += (size / radius) * (size - radius) * size / float(np.sum(y**2 / (s**2 + by)))
                if not low < by < high:
                    by = max(1e-3 * high, math.sqrt(low * high))
        fall = float(np.sum(s * y * (2 * c - s * y)))
        return -(self.v @ y) / self.d, fall, by

    def within(self, x: np.ndarray, box: Limits, by: float) -> np.ndarray:
        """The best point of a box for |r + J d|² + λ |D d|²."""
        rows = np.vstack([self.j / self.d, math.sqrt(by) * np.eye(len(x))])
        right = np.concatenate([-self.r, np.zeros(len(x))])
        free = box[0] < box[1]
        room = [((end - x) * self.d)[free] for end in box]
        step = np.zeros(len(x))
        step[free] = lsq_linear(rows[:, free], right, room, method="bvls", tol=1e-14).x
        return np.clip(x + step / self.d, *box)


def linearised(f: Objective, x: np.ndarray, least: np.ndarray | None, box: Limits | None = None) -> Linearised | None:
    """The problem at `x`, with scales at least those of `least`; None where it has no finite value."""
    try:
        r, j = f.jacobian(x)
    except DataError:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        finite = math.isfinite(float(r @ r)) and math.isfinite(float(np.abs(j).sum()))
    if not finite:
        return None
    d = np.linalg.norm(j, axis=0)
    if least is not None:
        d = np.maximum(d, least)
    held = np.zeros(len(x), bool)
    if box is not None:
        slope = j.T @ r
        held = (x <= box[0]) & (slope > 0) | (x >= box[1]) & (slope < 0) | (box[0] == box[1])
    return scaled_by(r, j, x, np.where(d > 0, d, 1.0), held)


def scaled_by(r: np.ndarray, j: np.ndarray, x: np.ndarray, d: np.ndarray, held: np.ndarray) -> Linearised:
    """A problem with the scales `d` of its variables, of which some are held."""
    q, upper = np.linalg.qr(np.where(held, 0.0, j / d))
    u, s, vt = np.linalg.svd(upper, full_matrices=False)
    return Linearised(r, j, d, s, vt.T, u.T @ (q.T @ r), float(np.linalg.norm(np.linalg.norm(j, axis=0) * x)), held)


def levenberg_marquardt(f: Objective, x: np.ndarray, tol: float = 1e-10, box: Limits | None = None) -> Course:
    """Least squares by bounded steps; the accepted losses never rise.

    Ends where the cosine of the angle between the residuals and what the variables can change of them is at most `tol`, or
    no step gains anything. `f` must have residuals. Points stay in the `box`: a step that would leave it is the best one
    within, and a variable at a bound that would leave it waits.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> rosenbrock = [1 - p[0], 10 * (p[1] - p[0] ** 2)]
    >>> f = Objective(sum(r**2 for r in rosenbrock), [p], {}, {}, rosenbrock)
    >>> *course, last = levenberg_marquardt(f, np.array([-1.2, 1.0]))
    >>> last.x
    array([1., 1.])
    """
    at = linearised(f, x, None, box)
    if at is None:
        raise DataError(UNDEFINED)
    offset = offset_of(f, x, at.r)
    seen = SEEN * float((at.d * np.abs(x)).max(initial=0.0))
    at = scaled_by(at.r, at.j, x, np.maximum(at.d, np.where(x != 0, seen / np.where(x != 0, np.abs(x), 1.0), 0.0)), at.held)
    size = float(at.r @ at.r)
    yield Iterate(x, size + offset, at.slope, 0.0)
    if at.angle <= tol and box is None and (beside := beside_saddle(f, x)) is not None:
        new = linearised(f, beside, at.d)
        if new is not None and (gain := gained(at.r, new.r)) > 0:
            length = float(np.linalg.norm(beside - x))
            x, at, size = beside, new, size - gain
            yield Iterate(x, size + offset, at.slope, length)
    radius = float(np.linalg.norm(at.d * x))
    if radius <= LEAST * float(np.linalg.norm(at.r)):
        radius = 1.0
    factor, slow = 2.0, 0
    while at.angle > tol:
        if slow >= PATIENCE:
            x, at, gained_any = yield from newton_steps(f, x, at, offset, tol, box)
            size, slow = min(size, float(at.r @ at.r)), 0 if gained_any else -4 * PATIENCE
            continue
        step, predicted, by = at.step(radius)
        trial = x + step
        if box is not None and (trial != np.clip(trial, *box)).any():
            trial = at.within(x, box, by)
            step = trial - x
            predicted = gained(at.r, at.r + at.j @ step)
        reach, length = float(np.linalg.norm(at.d * step)), float(np.linalg.norm(step))
        r = f.residual(trial)
        gain, noise = gained(at.r, r), at.noise
        new = linearised(f, trial, at.d, box) if gain > -noise and (trial != x).any() else None
        if new is not None and gain <= noise and new.angle > 0.9 * at.angle:
            new = None
        if new is None:
            yield Iterate(trial, squared(r) + offset, math.nan, length, False)
            radius = min(radius, reach) / factor
            factor *= 2
            if not radius > STILL * float(np.linalg.norm(at.d * x)):
                x, at, gained_any = yield from newton_steps(f, x, at, offset, tol, box)
                return orthogonal(at) if at.angle <= tol else at_rest(at)
            continue
        slow = slow + 1 if gain < SLOW * size and new.angle > at.angle / 2 else min(slow, 0)
        x, at, size = trial, new, min(size, float(new.r @ new.r))
        yield Iterate(x, size + offset, at.slope, length)
        factor = 2.0
        if gain < 0.25 * predicted:
            radius = min(radius, reach) / 2
        elif gain > 0.75 * predicted:
            radius = max(radius, 2 * reach)
    return orthogonal(at)


def gauss_newton(f: Objective, x: np.ndarray, tol: float = 1e-10) -> Course:
    """Least squares by the steps of Gauss and Newton, each halved until the loss falls enough; it never rises.

    Where no large part of a step makes it fall, as may be where J nearly loses rank and the step is far too long, the best
    steps within smaller and smaller radii are tried. Ends as `levenberg_marquardt` does.
    """
    at = linearised(f, x, None)
    if at is None:
        raise DataError(UNDEFINED)
    offset, size = offset_of(f, x, at.r), float(at.r @ at.r)
    yield Iterate(x, size + offset, at.slope, 0.0)
    while at.angle > tol:
        own = float(np.linalg.norm(at.d * x)) or 1.0
        for radius, trials in ((math.inf, FEW), *((own * part, FEW) for part in SHORTER), (math.inf, HALVINGS)):
            way, predicted, _ = at.step(radius)
            found = yield from _along(f, x, at, (size, offset), way, predicted, trials)
            if found is not None:
                break
        else:
            return at_rest(at)
        before, (x, at) = x, found
        size = min(size, float(at.r @ at.r))
        yield Iterate(x, size + offset, at.slope, float(np.linalg.norm(x - before)))
    return orthogonal(at)


def _along(f: Objective, x: np.ndarray, at: Linearised, level: tuple[float, float], way: np.ndarray,
           predicted: float, trials: int) -> Generator[Iterate, None, tuple[np.ndarray, Linearised] | None]:
    """A point along `way` at which |r|² falls enough, and the problem there; None where so many trials find none."""
    size, offset = level
    far, length, slope, noise = 1.0, float(np.linalg.norm(way)), -2 * predicted, at.noise
    for _ in range(trials):
        trial = x + far * way
        r = f.residual(trial)
        gain = gained(at.r, r)
        enough = gain > -ARMIJO * far * slope or -noise < gain and predicted <= noise
        new = linearised(f, trial, None) if enough else None
        if new is not None and (gain > noise or new.angle <= 0.9 * at.angle):
            return trial, new
        yield Iterate(trial, squared(r) + offset, math.nan, far * length, False)
        far = shorter(far, size, slope, size - gain)
        if far * length <= STILL * float(np.linalg.norm(x)):
            break
    return None


# shared -----------------------------------------------------------------------------------------------

UNDEFINED = "the residuals or their Jacobian have no finite value at the start"


def gained(before: np.ndarray, after: np.ndarray) -> float:
    """|before|² - |after|², to more digits than either has; minus infinity where `after` is not finite."""
    if before.shape != after.shape or not np.isfinite(after).all():
        return -math.inf
    with np.errstate(over="ignore"):
        found = float((before - after) @ (before + after))
    return found if not math.isnan(found) else -math.inf


def squared(r: np.ndarray) -> float:
    """|r|², infinite where it has no value."""
    with np.errstate(over="ignore"):
        found = float(r @ r)
    return math.inf if math.isnan(found) else found


def offset_of(f: Objective, x: np.ndarray, r: np.ndarray) -> float:
    """What the loss is more than |r|²: 0 where that is a matter of rounding. The point is one that was counted."""
    budget, f.budget = f.budget, None
    value, size = f.value(x), float(r @ r)
    f.evaluations, f.budget = f.evaluations - 1, budget
    return 0.0 if abs(value - size) <= 1e-9 * max(abs(value), size) else value - size


def orthogonal(at: Linearised) -> Ending:
    """The end at a stationary point."""
    return Ending(True, f"the residuals are orthogonal to what the variables can change: the cosine is {at.angle:.1g}")


def at_rest(at: Linearised) -> Ending:
    """The end where no step gains."""
    if at.angle <= CLOSE or at.angle**2 * float(at.r @ at.r) <= 10 * at.noise:
        return Ending(True, "the sum of squares cannot fall further in double precision")
    return Ending(False, f"no step makes the sum of squares smaller, though the slope promises it (cosine {at.angle:.1g}): "
                         "it may have a corner or a jump here")


def beside_saddle(f: Objective, x: np.ndarray) -> np.ndarray | None:
    """A point beside a stationary one from which the loss falls; None where it is a minimum as far as curvature tells."""
    try:
        values, vectors = np.linalg.eigh(f.hessian(x))
    except (DataError, np.linalg.LinAlgError):
        return None
    if not values[0] < -1e-9 * np.abs(values).max():
        return None
    return np.asarray(x + 0.1 * (1 + float(np.linalg.norm(x))) * vectors[:, 0])


def newton_steps(f: Objective, x: np.ndarray, at: Linearised, offset: float, tol: float,
                 box: Limits | None) -> Generator[Iterate, None, tuple[np.ndarray, Linearised, bool]]:
    """Newton's steps with the exact Hessian, while each halves the angle: where large residuals bend, J'J is not enough."""
    moved, size = False, float(at.r @ at.r)
    while at.angle > tol:
        try:
            free = ~at.held
            step = np.zeros(len(x))
            step[free] = -np.linalg.solve(f.hessian(x)[np.ix_(free, free)], 2 * (at.j.T @ at.r)[free])
        except (DataError, np.linalg.LinAlgError):
            break
        trial = x + step if box is None else np.clip(x + step, *box)
        r = f.residual(trial)
        new = linearised(f, trial, at.d, box) if gained(at.r, r) > -at.noise else None
        if new is None or new.angle > at.angle / 2:
            yield Iterate(trial, squared(r) + offset, math.nan, float(np.linalg.norm(step)), False)
            break
        x, at, moved, size = trial, new, True, min(size, float(new.r @ new.r))
        yield Iterate(x, size + offset, at.slope, float(np.linalg.norm(step)))
    return x, at, moved
