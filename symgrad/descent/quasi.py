"""L-BFGS: the inverse of the Hessian, guessed from the last steps and the gradients along them.

Liu and Nocedal 1989. Where the memory would hold more numbers than the matrix itself, the matrix is kept (BFGS, Nocedal
and Wright 2006, eq. 6.17), which forgets nothing.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from scipy.linalg.blas import dsymv, dsyr2
from scipy.linalg.lapack import dtrtrs

from symgrad.descent.endings import ROUNDING, Calm
from symgrad.descent.iterate import Course, Iterate
from symgrad.descent.lines import Along, wolfe
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
    """The matrix itself, its lower half: for few variables."""

    def __init__(self, size: int) -> None:
        self.h, self.fresh = np.eye(size, order="F"), True

    def learn(self, s: np.ndarray, y: np.ndarray, sy: float) -> None:
        if self.fresh:
            self.h *= sy / float(y @ y)
            self.fresh = False
        hy = dsymv(1.0, self.h, y, lower=1)
        dsyr2(1.0 / sy, (1 + float(y @ hy) / sy) / 2 * s - hy, s, lower=1, a=self.h, overwrite_a=1)

    def times(self, g: np.ndarray) -> np.ndarray:
        found: np.ndarray = dsymv(1.0, self.h, g, lower=1)
        return found


class Recent:
    """The last `memory` steps, as rows: products with many at once (Byrd, Nocedal and Schnabel 1994, eq. 3.1).

    The rows slide through twice the room that they need, so that those in use lie together, the oldest first.
    """

    def __init__(self, size: int, memory: int) -> None:
        self.memory, self.end, self.count = memory, 0, 0
        self.s, self.y = np.zeros((2 * memory, size)), np.zeros((2 * memory, size))
        self.sy, self.yy = np.zeros((memory, memory), order="F"), np.zeros((memory, memory))  # products, by age
        self.scale = 1.0

    def learn(self, s: np.ndarray, y: np.ndarray, sy: float) -> None:
        if self.end == 2 * self.memory:
            self.s[:self.memory], self.y[:self.memory] = self.s[self.memory:], self.y[self.memory:]
            self.end = self.memory
        self.s[self.end], self.y[self.end] = s, y
        self.end += 1
        if self.count == self.memory:
            self.sy[:-1, :-1], self.yy[:-1, :-1] = self.sy[1:, 1:].copy(), self.yy[1:, 1:].copy()
        else:
            self.count += 1
        k, last = self.count, self.count - 1
        self.sy[:k, last] = self.s[self.end - k:self.end] @ y
        self.yy[:k, last] = self.yy[last, :k] = products = self.y[self.end - k:self.end] @ y
        self.scale = sy / float(products[last])

    def times(self, g: np.ndarray) -> np.ndarray:
        k = self.count
        if not k:
            return g
        s, y = self.s[self.end - k:self.end], self.y[self.end - k:self.end]
        upper = self.sy[:k, :k]
        u, _ = dtrtrs(upper, s @ g)
        w = upper.diagonal() * u + self.scale * (self.yy[:k, :k] @ u - y @ g)
        v, _ = dtrtrs(upper, w, trans=1)
        found: np.ndarray = self.scale * (g - u @ y) + v @ s
        return found


def lbfgs(f: Objective, x: np.ndarray, tol: float = 1e-10, memory: int = MEMORY, lr: float = 1.0) -> Course:
    """L-BFGS with a line search, until the gradient is `tol` times the largest seen (see `Calm`), or rounding ends it.

    Searches begin at the part `lr` of a step.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> f = Objective((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, [p], {}, {})  # Rosenbrock 1960
    >>> *course, last = lbfgs(f, np.array([-1.2, 1.0]))
    >>> last.x.round(7)
    array([1., 1.])
    """
    loss, g = f.slope(x)
    norm = math.sqrt(g @ g)
    yield Iterate(x, loss, norm, 0.0)
    calm, guess, fresh, still, reach = Calm(x, tol), _guess(f.size, memory), True, 0, 1.0  # reach: of the last step
    while True:
        way = -guess.times(g)
        slope = float(g @ way)
        if norm > calm.largest:
            calm.largest = norm
        if norm <= tol * calm.largest and calm.reached(x, norm, math.sqrt(way @ way)):
            return calm.said(norm)
        if not slope < 0:  # rounding has spoiled the guess
            guess, fresh = _guess(f.size, memory), True
            way, slope = -g, -norm * norm
        spot = yield from wolfe(f, Along(0.0, x, loss, g, slope), way, lr * (reach / norm if fresh else 1.0))
        if spot is None:
            if fresh:
                return calm.exhausted(x, norm, loss)
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
            return calm.exhausted(x, norm, loss)
        if sy > 1e-12 * reach * math.sqrt(y @ y):
            guess.learn(s, y, sy)
            fresh = False


def _guess(size: int, memory: int) -> Guess:
    return Whole(size) if size <= 2 * memory else Recent(size, memory)
