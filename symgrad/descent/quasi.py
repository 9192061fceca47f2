"""L-BFGS: the inverse of the Hessian, guessed from the last steps and the gradients along them.

Liu and Nocedal 1989. Where the memory would hold more numbers than the matrix itself, the matrix is kept (BFGS, Nocedal
and Wright 2006, eq. 6.17), which forgets nothing.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from scipy.linalg.lapack import dtrtrs

from symgrad.descent.endings import ROUNDING, Calm
from symgrad.descent.iterate import Course, Iterate
from symgrad.descent.lines import Spot, wolfe
from symgrad.descent.objective import Objective

MEMORY = 10  # steps
STILL = 3  # steps without a smaller loss


class Guess(Protocol):
    """A guess at the inverse Hessian."""

    def learn(self, s: np.ndarray, y: np.ndarray, sy: float) -> None:
        """A step, and by how much the gradient changed along it; `sy`, their product, is positive."""

    def times(self, g: np.ndarray) -> np.ndarray:
        """The guess times a vector."""


class Whole:
    """The matrix itself: for few variables."""

    def __init__(self, size: int) -> None:
        self.h, self.fresh = np.eye(size), True

    def learn(self, s: np.ndarray, y: np.ndarray, sy: float) -> None:
        if self.fresh:
            self.h *= sy / (y @ y)
            self.fresh = False
        hy = self.h @ y
        u = (1 + (y @ hy) / sy) / 2 * s - hy
        u /= sy
        update = np.multiply.outer(u, s)
        self.h += update
        self.h += update.T

    def times(self, g: np.ndarray) -> np.ndarray:
        return self.h @ g


class Recent:
    """The last `memory` steps, as rows: products with many at once (Byrd, Nocedal and Schnabel 1994, eq. 3.1)."""

    def __init__(self, size: int, memory: int) -> None:
        self.s, self.y = np.zeros((memory, size)), np.zeros((memory, size))
        self.sy, self.yy = np.zeros((memory, memory)), np.zeros((memory, memory))  # products of all pairs, by age
        self.rows: list[int] = []  # from the oldest step to the last
        self.scale = 1.0

    def learn(self, s: np.ndarray, y: np.ndarray, sy: float) -> None:
        memory, rows = len(self.s), self.rows
        if len(rows) == memory:
            rows.append(rows.pop(0))
            self.sy[:-1, :-1], self.yy[:-1, :-1] = self.sy[1:, 1:].copy(), self.yy[1:, 1:].copy()
        else:
            rows.append(len(rows))
        last = len(rows) - 1
        self.s[rows[last]], self.y[rows[last]] = s, y
        self.sy[:last + 1, last] = (self.s @ y)[rows]
        self.yy[:last + 1, last] = self.yy[last, :last + 1] = (self.y @ y)[rows]
        self.scale = sy / float(self.yy[last, last])

    def times(self, g: np.ndarray) -> np.ndarray:
        rows, k = self.rows, len(self.rows)
        if not k:
            return g
        upper = self.sy[:k, :k]
        u, _ = dtrtrs(upper, (self.s @ g)[rows])
        w = upper.diagonal() * u + self.scale * (self.yy[:k, :k] @ u - (self.y @ g)[rows])
        v, _ = dtrtrs(upper, w, trans=1)
        by_s, by_y = np.zeros(len(self.s)), np.zeros(len(self.s))
        by_s[rows], by_y[rows] = v, u
        return self.scale * (g - by_y @ self.y) + by_s @ self.s


def lbfgs(f: Objective, x: np.ndarray, tol: float = 1e-10, memory: int = MEMORY) -> Course:
    """L-BFGS with a line search, until the gradient is `tol` times the largest seen (see `Calm`), or rounding ends it.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> f = Objective((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, [p], {}, {})  # Rosenbrock 1960
    >>> *course, last = lbfgs(f, np.array([-1.2, 1.0]))
    >>> last.x.round(8)
    array([1., 1.])
    """
    loss, g = f.slope(x)
    norm = math.sqrt(g @ g)
    yield Iterate(x, loss, norm, 0.0)
    calm, guess, fresh, still, reach = Calm(x, tol), _guess(f.size, memory), True, 0, 1.0  # reach: of the last step
    while True:
        way = -guess.times(g)
        slope = float(g @ way)
        if calm.reached(x, norm, math.sqrt(way @ way)):
            return calm.said(norm)
        if not slope < 0:  # rounding has spoiled the guess
            guess, fresh = _guess(f.size, memory), True
            way, slope = -g, -norm * norm
        spot = yield from wolfe(f, Spot(0.0, x, loss, g, slope), way, reach / norm if fresh else 1.0)
        if spot is None:
            if fresh:
                return calm.exhausted(norm, loss)
            guess, fresh = _guess(f.size, memory), True
            continue
        s, y = spot.x - x, spot.g - g
        sy = float(s @ y)
        still = still + 1 if loss - spot.loss <= ROUNDING * abs(loss) else 0
        x, loss, g = spot.x, spot.loss, spot.g
        norm = math.sqrt(g @ g)
        reach = math.sqrt(s @ s)
        yield Iterate(x, loss, norm, reach)
        if still >= STILL:
            return calm.exhausted(norm, loss)
        if sy > 1e-12 * math.sqrt(float(s @ s) * float(y @ y)):
            guess.learn(s, y, sy)
            fresh = False


def _guess(size: int, memory: int) -> Guess:
    return Whole(size) if size <= 2 * memory else Recent(size, memory)
