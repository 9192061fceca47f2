"""Newton's method: to the least point of the parabola that has the loss's value, gradient and Hessian here.

Where the Hessian is not positive definite, its negative eigenvalues change their sign and small ones are lifted: the step
leaves saddle points (Dauphin et al. 2014). Along the step the loss must fall (Armijo 1966); where it is a polynomial of
degree up to 4 along every line, its least point on the line is computed.
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

LIFTED = 1e-10  # eigenvalues below this part of the largest are lifted to it
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
    while norm > 0:
        h = f.hessian(x) if solver is None else None
        way = _step(h, g) if h is not None or solver is None else solver(x, g)
        slope = float(g @ way)
        if not slope < 0:
            way, slope = -g, -norm * norm
        far = 1.0
        if degree is not None and 2 < degree <= 4:
            far = _best(f, x, loss, way, slope, h)
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
        if far * size <= tol * math.sqrt(x @ x):
            return Ending(True, f"the last step changed the variables by less than {tol:g} of them")
    return FLAT


def _step(h: np.ndarray | None, g: np.ndarray) -> np.ndarray:
    """-H⁻¹ g where H is positive definite; else with the absolute values of its eigenvalues, the small ones lifted."""
    assert h is not None
    _, way, failed = dposv(h, -g)
    if not failed and np.isfinite(way).all():
        return way
    if not np.isfinite(h).all():
        return -g
    values, vectors = np.linalg.eigh(h)
    values = np.abs(values)
    top = values.max()
    return -vectors @ ((vectors.T @ g) / np.maximum(values, LIFTED * top if top else 1.0))


def _best(f: Objective, x: np.ndarray, loss: float, way: np.ndarray, slope: float, h: np.ndarray | None) -> float:
    """How far the least point lies, of the polynomial of degree 4 that the loss is along `way`: from its value, slope and
    curvature here, and its value and slope at 1."""
    end, g = f.slope(x + way)
    curve = float(way @ (h @ way if h is not None else f.product(x, way))) / 2
    over, rise = end - loss - slope - curve, float(g @ way) - slope - 2 * curve  # = a3 + a4, 3 a3 + 4 a4
    a4 = rise - 3 * over
    a3 = over - a4
    if not math.isfinite(a3 + a4):
        return 1.0
    roots = np.roots([4 * a4, 3 * a3, 2 * curve, slope])
    ahead = [float(r.real) for r in roots if abs(r.imag) <= 1e-9 * abs(r) and r.real > 0]
    return min(ahead, key=lambda t: slope * t + curve * t**2 + a3 * t**3 + a4 * t**4, default=1.0)

