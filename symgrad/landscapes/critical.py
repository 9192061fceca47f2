"""Stationary points of a loss over a plane: where its gradient changes sign on a grid, Newton's method finds them.

A cell is tried where both parts of the gradient change sign within it, or where the gradient is smaller than all around.
Their kind follows from the eigenvalues of the Hessian, as that of `sg.classify`: an eigenvalue that is zero beside the
curvature around leaves the point degenerate, as all points at the bottom of a level valley are. Plains are not marked.
Minima and maxima at kinks, where no gradient is zero, are found by `kinks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from symgrad.landscapes.kinks import kinks
from symgrad.landscapes.plane import Plane

STEPS, MOST = 60, 250  # of Newton's method; cells that are tried
EFFORT, SLOW = 2e7, 1e6  # operations for which a cell is tried each; of one evaluation, above which kinks are left out
ROUNDING = 1e-13  # of a value: a difference that says nothing
LONGEST = 4.0  # cells that a step may cross
SETTLED, EXACT = 1e-7, 1e-13  # a last step, in ranges; one that ends the search
ZERO = 1e-8  # an eigenvalue beside the curvature around
SINGULAR = 1e-3  # a determinant beside the squared largest entry
FLAT_SLOPE = 1e-5  # of the curvature around, per cell
NEAR, APART = 1e-3, 0.02  # ranges between two points that are one; between degenerate ones that are drawn


@dataclass(frozen=True)
class Stationary:
    """A point of the plane where the gradient is zero: its coordinates, its kind, the loss there."""

    kind: str
    place: tuple[float, float]
    loss: float


@np.errstate(all="ignore")  # where a loss or its slope is infinite nothing is found, which is no fault
def stationary_points_of(plane: Plane, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> list[Stationary]:
    """The stationary points within the grid of `values[i, j]` at `x[j], y[i]`, the lowest first."""
    low, high = np.array([x[0], y[0]]), np.array([x[-1], y[-1]])
    cell, span = np.array([x[1] - x[0], y[1] - y[0]]), high - low
    found: list[Stationary] = []

    def ends() -> Iterator[tuple[np.ndarray, str]]:
        work = plane.objective.work
        most = int(min(EFFORT / work, MOST))
        for start in _starts(x, y, values, most) if most else ():
            firm = np.array([f.place for f in found if f.kind != "degenerate"]).reshape(-1, 2)
            end = _newton(plane, start, cell, span, firm)
            if end is not None:
                yield end
        if work <= SLOW:
            yield from kinks(plane, x, y, values)

    for point, kind in ends():
        if ((point < low - span * 1e-9) | (point > high + span * 1e-9)).any():
            continue
        apart = APART if kind == "degenerate" else NEAR
        if _beside(point, np.array([f.place for f in found]).reshape(-1, 2), span) > apart:
            loss = plane.loss(point)
            if np.isfinite(loss):
                found.append(Stationary(kind, (float(point[0]), float(point[1])), loss))
    return sorted(found, key=lambda f: (f.kind == "degenerate", f.loss, f.place))


def _beside(point: np.ndarray, others: np.ndarray, span: np.ndarray) -> float:
    """How far the nearest of other points is, in ranges."""
    return float(np.abs((others - point) / span).max(axis=1).min(initial=np.inf))


def _starts(x: np.ndarray, y: np.ndarray, values: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Where to begin: the middles of cells."""
    down, across = np.gradient(values, edge_order=2)
    for part in (down, across):
        part[np.abs(part) <= ROUNDING * np.abs(values)] = 0.0  # a plain
    size = across**2 + down**2
    cells = [(i + 0.5, j + 0.5) for i, j in np.argwhere(_changes(across) & _changes(down) & _near(across, down))]
    inner = size[1:-1, 1:-1]
    around = np.stack([size[1 + a:len(size) - 1 + a, 1 + b:size.shape[1] - 1 + b] for a in (-1, 0, 1) for b in (-1, 0, 1)
                       if a or b])
    lowest = (inner <= around.min(axis=0)) & (around.max(axis=0) > 0) & (inner < 0.5 * around.max(axis=0))
    cells += [(i + 1.0, j + 1.0) for i, j in np.argwhere(lowest)]
    chosen = _apart(cells)
    for i, j in chosen[::max(1, -(-len(chosen) // most))]:
        yield np.array([x[0] + j * (x[1] - x[0]), y[0] + i * (y[1] - y[0])])


def _apart(cells: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Cells of which no two are neighbours."""
    taken: set[tuple[int, int]] = set()
    chosen = []
    for i, j in cells:
        if (int(i), int(j)) not in taken:
            chosen.append((i, j))
            taken |= {(int(i) + a, int(j) + b) for a in (-1, 0, 1) for b in (-1, 0, 1)}
    return chosen


def _near(across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Whether Newton's step from the middle of a cell stays near, by differences of the grid; or no step can be told."""
    def middle(a: np.ndarray) -> np.ndarray:
        return (a[:-1, :-1] + a[:-1, 1:] + a[1:, :-1] + a[1:, 1:]) / 4

    (ab, aa), (bb, _) = np.gradient(across), np.gradient(down)
    g, h, a, b, c = map(middle, (across, down, aa, ab, bb))
    turn, size = a * c - b * b, np.maximum(np.maximum(abs(a), abs(c)), abs(b))
    step = np.maximum(abs(c * g - b * h), abs(a * h - b * g)) / abs(turn)
    return ~(abs(turn) > SINGULAR * size**2) | ~(step > LONGEST)


def _changes(g: np.ndarray) -> np.ndarray:
    """Whether the corners of each cell have both signs; not where all are zero, nor where one is not known."""
    corners = np.stack([g[:-1, :-1], g[:-1, 1:], g[1:, :-1], g[1:, 1:]])
    return (corners.min(axis=0) <= 0) & (corners.max(axis=0) >= 0) & (np.abs(corners).max(axis=0) > 0)


def _newton(plane: Plane, start: np.ndarray, cell: np.ndarray, span: np.ndarray,
            known: np.ndarray) -> tuple[np.ndarray, str] | None:
    """The zero of the gradient that Newton's method reaches, and its kind; None where it reaches none, or a known one.

    Coordinates are counted in cells, so that their units do not matter.
    """
    point, around, last = start, 0.0, np.inf
    for _ in range(STEPS):
        slope, hessian = plane.jet(point)
        slope, hessian = slope * cell, hessian * np.outer(cell, cell)
        if not (np.isfinite(slope).all() and np.isfinite(hessian).all()):
            return None
        around = max(around, float(np.abs(hessian).max()))
        eigenvalues, vectors = np.linalg.eigh(hessian)
        firm = np.abs(eigenvalues) > 1e-12 * around
        step = vectors @ np.where(firm, (vectors.T @ slope) / np.where(firm, eigenvalues, 1.0), 0.0)
        size = float(np.abs(step).max())
        point = point - step * min(1.0, LONGEST / size if size else 1.0) * cell
        before, last = last, size * float((cell / span).max())
        if last < EXACT or last < SETTLED and last > 0.9 * before:
            break
        if size < 1 and _beside(point, known, span) < NEAR:
            return None
    if not last < SETTLED:
        return None
    slope, hessian = plane.jet(point)
    slope, hessian = slope * cell, hessian * np.outer(cell, cell)
    if not np.abs(slope).max() <= FLAT_SLOPE * around or around == 0:
        return None
    eigenvalues = np.linalg.eigvalsh(hessian)
    low, high = eigenvalues < -ZERO * around, eigenvalues > ZERO * around
    if low.any() and high.any():
        return point, "saddle"
    return point, "minimum" if high.all() else "maximum" if low.all() else "degenerate"
