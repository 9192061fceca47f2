"""Minima and maxima at kinks, where no gradient is zero: of absolute values, hinges, the lasso.

A point of the grid that is lower than its neighbours is followed down by a compass, and counts where the loss rises away
from it in all directions, by the gradients on a small circle around it, and does so as fast on a smaller circle. At a
smooth point that is no minimum it falls in half of the directions; at one that is, gradients fade towards it.
"""

from __future__ import annotations

import numpy as np

from symgrad.landscapes.plane import Plane

TURNS, SHRINK = 200, 0.5  # of the compass; of its step where nothing is lower
FINEST, CIRCLES = 1e-10, (1e-5, 1e-6)  # of the range: the last step of the compass, the radii of two circles
MOST, FAR = 12, 3.0  # points of the grid that are tried; cells within which the end must lie
AROUND = np.stack([np.cos(np.arange(32) * np.pi / 16), np.sin(np.arange(32) * np.pi / 16)], axis=1)


def kinks(plane: Plane, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """The minima and maxima within the grid at which the gradient is not zero, with their kind."""
    cell = np.array([x[1] - x[0], y[1] - y[0]])
    span = np.array([x[-1] - x[0], y[-1] - y[0]])
    found = []
    for sign, kind in ((1.0, "minimum"), (-1.0, "maximum")):
        for i, j in _lowest(sign * values)[:MOST]:
            start = np.array([x[j], y[i]])
            point = _compass(plane, sign, start, cell, span)
            if np.abs((point - start) / cell).max() <= FAR and _rises(plane, sign, point, span):
                found.append((point, kind))
    return found


def _lowest(values: np.ndarray) -> list[tuple[int, int]]:
    """Inner points of a grid that are not above their neighbours, and below one of them; the lowest first."""
    inner = values[1:-1, 1:-1]
    rows, columns = inner.shape
    around = np.stack([values[1 + a:1 + a + rows, 1 + b:1 + b + columns] for a in (-1, 0, 1) for b in (-1, 0, 1) if a or b])
    places = np.argwhere((inner <= around.min(axis=0)) & (inner < around.max(axis=0)))
    return sorted(((int(i) + 1, int(j) + 1) for i, j in places), key=lambda at: (values[at], at))


def _compass(plane: Plane, sign: float, start: np.ndarray, cell: np.ndarray, span: np.ndarray) -> np.ndarray:
    """The lowest point that steps in all directions find, each time half as long where none leads down."""
    point, low, step = start, sign * plane.loss(start), cell / 2
    for _ in range(TURNS):
        tried = point + AROUND[::2] * step
        losses = sign * plane.losses(tried)
        losses[np.isnan(losses)] = np.inf
        best = int(losses.argmin())
        if losses[best] < low:
            point, low = tried[best], losses[best]
        elif (step := step * SHRINK)[0] < FINEST * span[0]:
            break
    return point


def _rises(plane: Plane, sign: float, point: np.ndarray, span: np.ndarray) -> bool:
    """Whether the loss rises in every direction, and as fast on the small circle as on the larger one."""
    steepest = []
    for radius in CIRCLES:
        slopes = np.array([plane.slope(point + radius * span * way) * span for way in AROUND])
        if not (sign * np.einsum("ij,ij->i", slopes, AROUND) > 0).all():
            return False
        steepest.append(np.hypot(*slopes.T).max())
    return bool(steepest[1] > steepest[0] / 2)
