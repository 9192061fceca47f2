"""A scout: one place a generation that a parabola through the best places foretells.

Populations find the valley and are slow to its bottom. A quadratic fitted to the best points so far says where the bottom
is; no gradient is asked. As in the surrogate of Hansen (A Global Surrogate Assisted CMA-ES, 2019): least squares with
weights that fall with the rank, a full quadratic while it has few coefficients, else one without products.
"""

from __future__ import annotations

import numpy as np

from symgrad.computing.threads import Alone, within

FULL = 10  # columns up to which a quadratic has products
LARGEST = 50  # columns from which a quadratic costs more than it is worth
RIDGE = 1e-9  # so that what the points say nothing about is nothing
REACH = 3.0  # how far a scout goes, in standard deviations of the points of the model


class Scout:
    """The best points of a population, and what a quadratic through them says."""

    def __init__(self, n: int) -> None:
        self.pairs = np.triu_indices(n) if n <= FULL else (np.arange(n), np.arange(n))
        self.coefficients = 1 + n + len(self.pairs[0])
        self.kept = 2 * self.coefficients
        self.weights = np.linspace(20, 1, self.kept)[:, None]  # by rank, as Hansen has it
        self.ridge = RIDGE * np.eye(self.coefficients if n <= LARGEST else 0)
        self.points, self.losses = np.zeros((0, n)), np.zeros(0)

    def learn(self, points: np.ndarray, losses: np.ndarray) -> None:
        """Take points into account: the best of all are kept."""
        finite = np.isfinite(losses)
        if points.shape[1] > LARGEST:
            return
        if len(self.losses) >= self.kept:
            finite &= losses < self.losses[-1]
        if not finite.any():
            return
        points, losses = np.vstack([self.points, points[finite]]), np.concatenate([self.losses, losses[finite]])
        order = np.argsort(losses, kind="stable")[:self.kept]
        self.points, self.losses = points[order], losses[order]

    def place(self) -> np.ndarray | None:
        """Where the quadratic is smallest, within reach of its points; None where there are too few."""
        count, n = self.points.shape
        if count < self.kept:
            return None
        spread = self.points.std(axis=0)
        wide = spread > 1e-300
        z = (self.points - self.points[0]) / np.where(wide, spread, 1.0)
        i, j = self.pairs
        features = np.hstack([np.ones((count, 1)), z, z[:, i] * z[:, j]])
        rise = self.losses - self.losses[0]
        found = solved(np.vstack([features * self.weights, self.ridge]), rise * self.weights[:, 0])
        slope, h = found[1:n + 1], np.zeros((n, n))
        h[i, j] = found[n + 1:]
        values, vectors = np.linalg.eigh(h + h.T)
        size = np.maximum(np.abs(values), 1e-12 * np.abs(values).max() + 1e-300)
        step = -vectors @ ((vectors.T @ slope) / size)
        length = np.linalg.norm(step)
        reach = REACH * np.sqrt(n)
        if not np.isfinite(length):
            return None
        step *= min(1.0, reach / max(length, 1e-300))
        place: np.ndarray = np.clip(self.points[0] + step * spread, 0, 1)
        return place


def _least_squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    q, r = np.linalg.qr(a)
    found: np.ndarray = np.linalg.solve(r, q[:len(b)].T @ b)
    return found


solved = within(Alone, _least_squares)  # of so few rows a second thread makes nothing faster
