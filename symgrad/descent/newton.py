"""Newton's method: to the least point of the parabola that has the loss's value, gradient and Hessian here.

Where the Hessian is not positive definite, a multiple of the identity is added that makes it so. Along the step the loss
must fall (Armijo 1966); where it is a polynomial of degree up to 4 along every line, its least point there is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.linalg.lapack import dposv

from symgrad.descent.endings import FINISHED, FLAT, ROUNDING, STUCK
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.lines import ARMIJO, shorter
from symgrad.descent.objective import Objective
from symgrad.descent.rays import exact_step

LEAST = 1e-4  # the least shift, relative to the largest entry of the Hessian
HALVINGS = 60


def newton(f: Objective, x: np.ndarray, tol: float = 1e-10, degree: int | None = None,
           solver: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None) -> Course:
    """Newton's method until a step changes `x` by less than `tol` of it, or rounding ends it.

    `degree`: that of the loss as a polynomial along lines, where it is one of 4 or less. `solver` gives the step by a
    structure of the Hessian: -H⁻¹ g at a point. Raises DataError where the Hessian has no value.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> f = Objective((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, [p], {}, {})  # Rosenbrock 1960
    >>> *course, last = newton(f, np.array([-1.2, 1.0]))
    >>> last.x.round(12)
    array([1., 1.])
    """
    loss, g = f.slope(x)
    norm = math.sqrt(g @ g)
    yield Iterate(x, loss, norm, 0.0)
    shifts = Shifts()
    while norm > 0:
        h, way = None, g
        if solver is None:
            h = f.hessian(x)
            way = shifts.step(h, g)
        else:
            way = solver(x, g)
        slope = float(g @ way)
        if not slope < 0:
            way, slope = -g, -norm * norm
        far = 1.0
        if degree is not None and 2 < degree <= 4:
            far = _exact(f, x, loss, way, slope, h)
        size = math.sqrt(way @ way)
        for _ in range(HALVINGS):
            new = x + far * way
            value, turned = f.slope(new)
            tiny = -slope <= 2e3 * ROUNDING * abs(loss)  # what is promised drowns in rounding: the gradient decides
            if value <= loss + ARMIJO * far * slope or tiny and value <= loss + ROUNDING * abs(loss) and (
                    turned @ turned < norm * norm):
                break
            yield Iterate(new, value, math.sqrt(turned @ turned) if math.isfinite(value) else math.nan, far * size, False)
            if tiny:
                return FINISHED
            far = shorter(far, loss, slope, value)
        else:
            return STUCK
        x, loss, g = new, min(value, loss), turned
        norm = math.sqrt(g @ g)
        yield Iterate(x, loss, norm, far * size)
        near = tol * math.sqrt(x @ x)
        if far * size <= near:
            if size > near and not tiny:
                return STUCK  # the step was short because a longer one does not do
            return Ending(True, f"the last step changed the variables by less than {tol:g} of them")
    return FLAT


class Shifts:
    """-(H + τ I)⁻¹ g with the least τ, of a few tried, for which the matrix is positive definite; none where H is.

    A shift is found by doubling, from a quarter of the one before (Nocedal and Wright 2006, algorithm 3.3).
    """

    def __init__(self) -> None:
        self.last, self.flat = 0.0, 0.5

    def step(self, h: np.ndarray, g: np.ndarray) -> np.ndarray:
        """The step of a Hessian and a gradient; against the gradient where the Hessian is not finite."""
        _, way, failed = dposv(h, -g)
        if not failed and math.isfinite(way @ way):
            self.last /= 4
            return way
        top = float(np.abs(h).max())
        if not math.isfinite(top) or not top:
            self.flat *= 2  # no curvature says how far: farther and farther
            return -self.flat * g
        shift = max(self.last / 4, LEAST * top, 1.5 * -float(h.diagonal().min()))
        while True:
            shifted = h.copy()
            shifted.flat[:: len(h) + 1] += shift
            _, way, failed = dposv(shifted, -g)
            if not failed and math.isfinite(way @ way):
                self.last = shift
                return way
            shift *= 4


def _exact(f: Objective, x: np.ndarray, loss: float, way: np.ndarray, slope: float, h: np.ndarray | None) -> float:
    """How far the least point of a quartic lies along `way`; 1 where there is none."""
    end, g = f.slope(x + way)
    curvature = float(way @ (h @ way if h is not None else f.product(x, way)))
    return exact_step((loss, slope, curvature), (end, float(g @ way))) or 1.0
