"""Least squares: steps from the exact Jacobian of the residuals.

Gauss and Newton solve the linearised problem at each point and go along its solution; Levenberg and Marquardt bound the
step instead (Moré, The Levenberg-Marquardt algorithm: implementation and theory, 1978): least `|r + J d|` among steps with
`|D d| <= Δ`, where D has the largest norms of J's columns so far, so that no scale of a parameter matters, and Δ grows
and shrinks with what a step gained of what was predicted. One QR and one small SVD for each Jacobian give all steps;
where J has no full rank, they give the shortest.

A second derivative along the step bends it (Transtrum and Sethna, Improvements to the Levenberg-Marquardt algorithm, 2012).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.objective import Objective
from symgrad.graphs.errors import DataError

ANGLE = 1e-10  # cosine of the angle between the residuals and the directions in which they can move
STEP = 1e-13  # relative to the parameters: nothing is left to gain
RANK = 1e-14  # of a singular value, relative to the largest
NOISE = 2e-15
PROBE = 0.1  # part of the step along which the second derivative is taken
BENT = 0.75  # largest correction by curvature, relative to the step


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """The linearised problem at a point: residuals r, and J D^-1 = Q U diag(s) V' with c = U' Q' r."""

    r: np.ndarray
    j: np.ndarray
    d: np.ndarray
    u: np.ndarray
    s: np.ndarray
    v: np.ndarray
    c: np.ndarray

    @property
    def gradient(self) -> np.ndarray:
        """Of |r|²."""
        return np.asarray(2 * (self.j.T @ self.r))

    @property
    def angle(self) -> float:
        """The cosine of the angle between r and what J can change of it: 0 at a stationary point."""
        size = float(np.linalg.norm(self.r))
        kept = self.s > RANK * self.s.max(initial=0.0)
        return float(np.linalg.norm(self.c[kept])) / size if size else 0.0

    def step(self, radius: float) -> tuple[np.ndarray, float]:
        """The step within |D d| <= radius that is best, and its λ."""
        s, c = self.s, self.c
        kept = s > RANK * s.max(initial=0.0)
        free = np.where(kept, c, 0) / np.where(kept, s, 1)
        if np.linalg.norm(free) <= radius:
            return -(self.v @ free) / self.d, 0.0
        low, high = 0.0, float(np.linalg.norm(s * c)) / radius
        by = max(1e-3 * high, float(s.min()) * float(s.max()) / 1e3)
        for _ in range(60):
            y = s * c / (s**2 + by)
            size = float(np.linalg.norm(y))
            if abs(size - radius) <= 0.01 * radius:
                break
            low, high = (by, high) if size > radius else (low, by)
            slope = -float(np.sum(y**2 / (s**2 + by))) / size
            by -= (size / radius) * (size - radius) / slope
            if not low < by < high:
                by = max(1e-3 * high, (low * high) ** 0.5)
        return -(self.v @ (s * c / (s**2 + by))) / self.d, by

    def along(self, target: np.ndarray, by: float) -> np.ndarray:
        """The step for other residuals, with the same λ."""
        c = self.u.T @ target
        return np.asarray(-(self.v @ (self.s * c / (self.s**2 + max(by, (RANK * self.s.max(initial=0.0)) ** 2)))) / self.d)


def linearised(f: Objective, x: np.ndarray, d: np.ndarray | None) -> Linear | None:
    """The problem at `x` with scales at least `d`; None where it has no finite value there."""
    try:
        r, j = f.jacobian(x)
    except DataError:
        return None
    if not (np.isfinite(r).all() and np.isfinite(j).all()):
        return None
    norms = np.linalg.norm(j, axis=0)
    import os
    dm=float(os.environ.get('DM','1'))
    d = norms if d is None else np.maximum(dm*d, norms)
    scale = np.where(d > 0, d, 1.0)
    q, upper = np.linalg.qr(j / scale)
    u, s, vt = np.linalg.svd(upper)
    u = q @ u
    return Linear(r, j, scale, u, s, vt.T, u.T @ r)


def levenberg_marquardt(f: Objective, x: np.ndarray, tol: float | None = None) -> Course:
    """Least squares by bounded steps; the accepted losses never rise.

    Ends where the cosine between the residuals and what can be changed of them is at most `tol`, or no step gains.
    """
    angle = ANGLE if tol is None else tol
    import os
    at = linearised(f, x, None)
    fl=float(os.environ.get('FL','0'))
    if fl:
        w=at.d*np.abs(x); flo=np.where(w<fl*w.max(),fl*w.max()/np.where(x!=0,np.abs(x),1),0)*(x!=0)
        at=linearised(f,x,np.maximum(at.d,flo))
    if at is None:
        return Ending(False, "the residuals or their Jacobian have no finite value at the start")
    offset = offset_of(f, x, at.r)
    size = float(at.r @ at.r)
    yield Iterate(x, size + offset, float(np.linalg.norm(at.gradient)), 0.0)
    import os
    lin=[k for k,q in enumerate(f.variables) if q.name in os.environ.get("LIN","").split()]
    if lin:
        dl,*_=np.linalg.lstsq(at.j[:,lin]/at.d[lin],-at.r,rcond=1e-10)
        x=x.copy(); x[lin]+=dl/at.d[lin]; at=linearised(f,x,None); size=float(at.r@at.r)
        yield Iterate(x, size + offset, float(np.linalg.norm(at.gradient)), 0.0)
    radius = float(os.environ.get("RAD","1"))*(float(np.linalg.norm(at.d * x)) or 1.0)
    factor = 2.0
    while True:
        if at.angle <= angle:
            return Ending(True, f"the residuals are orthogonal to what the parameters can change: cosine {at.angle:.1e}")
        step, by = at.step(radius)
        reach = float(np.linalg.norm(at.d * step))
        predicted = float(at.r @ at.r - np.sum((at.r + at.j @ step) ** 2)) + 2 * by * reach**2
        if os.environ.get('BEND','0')=='1': step = _bent(f, x, at, step, by)
        trial = x + step
        if not (trial != x).any():
            return Ending(True, "no step changes the parameters: their rounding is reached")
        r = f.residual(trial)
        finite = r.shape == at.r.shape and bool(np.isfinite(r).all())
        gain = float((at.r - r) @ (at.r + r)) if finite else -np.inf  # |r|² less |r'|², to more digits than either
        noise = NOISE * (size + size**0.5 * float(np.linalg.norm(at.d * x)))
        new = linearised(f, trial, at.d) if gain > -noise else None
        if new is not None and gain <= noise and new.angle > 0.9 * at.angle:
            new = None
        length = float(np.linalg.norm(step))
        if new is None:
            yield Iterate(trial, float(r @ r) + offset, float("nan"), length, False)
            radius = min(radius, reach) / factor
            factor *= 2
            if radius <= STEP * float(np.linalg.norm(at.d * x)):
                return Ending(True, "no step gains any more: the rounding of the loss is reached")
            continue
        x, at, size, gained = trial, new, min(size, float(r @ r)), gain / predicted if predicted > 0 else 0.0
        yield Iterate(x, size + offset, float(np.linalg.norm(at.gradient)), length)
        factor = 2.0
        if gained < 0.25:
            radius = min(radius, reach) / 2
        elif gained > 0.75:
            radius = max(radius, 2 * reach)


def _bent(f: Objective, x: np.ndarray, at: Linear, step: np.ndarray, by: float) -> np.ndarray:
    """The step with half the acceleration along it, where that is small."""
    r = f.residual(x + PROBE * step)
    if r.shape != at.r.shape or not np.isfinite(r).all():
        return step
    second = 2 / PROBE * ((r - at.r) / PROBE - at.j @ step)
    bend = at.along(second, by)
    if 2 * np.linalg.norm(at.d * bend) > BENT * np.linalg.norm(at.d * step):
        return step
    return step + bend / 2


def offset_of(f: Objective, x: np.ndarray, r: np.ndarray) -> float:
    """What the loss is more than |r|²: 0 where that is a matter of rounding."""
    value, size = f.value(x), float(r @ r)
    return 0.0 if abs(value - size) <= 1e-9 * max(abs(value), size) else value - size
