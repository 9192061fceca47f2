"""Newton's method without a matrix: its equation is solved by conjugate gradients, one product with the Hessian for each.

The parabola is trusted within a radius. Conjugate gradients from zero only go outwards and down, so that they may stop at
the radius, where the curvature is negative, or when the equation is solved as exactly as the gradient deserves (Steihaug,
The conjugate gradient method and trust regions in large scale optimization, 1983; Nocedal and Wright 2006, algorithm 7.2).
"""

from __future__ import annotations

import math

import numpy as np

from symgrad.descent.endings import FINISHED, FLAT, LOST, ROUNDING, STUCK
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.objective import Objective

LEAST = 1e-4  # the part of the promised decrease that a step must keep
SHORTEST = 1e-15  # a radius relative to the point


def newton_cg(f: Objective, x: np.ndarray, tol: float = 1e-10) -> Course:
    """Newton's method by products with the Hessian; the accepted losses never rise.

    Ends where a step changed the variables by at most `tol` of them and the gradient is `tol` times the largest seen, or by
    rounding.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> f = Objective((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2, [p], {}, {})  # Rosenbrock 1960
    >>> *course, last = newton_cg(f, np.array([-1.2, 1.0]))
    >>> last.x.round(12)
    array([1., 1.])
    """
    loss, g = f.slope(x)
    norm = math.sqrt(g @ g)
    yield Iterate(x, loss, norm, 0.0)
    start, span, largest, radius = x, 0.0, norm, max(1.0, math.sqrt(x @ x))
    while norm > 0:
        step, promised = bounded_step(f, x, g, radius, min(0.1, norm / largest) * norm)
        length = math.sqrt(step @ step)
        new = x + step
        value, turned = f.slope(new)
        slope = math.sqrt(turned @ turned) if math.isfinite(value) else math.nan
        tiny = promised <= 2e3 * ROUNDING * abs(loss)  # it drowns in rounding: the gradient decides
        if loss - value >= LEAST * promised or tiny and value <= loss + ROUNDING * abs(loss) and slope < norm:
            if loss - value > 0.75 * promised and length > 0.8 * radius:
                radius *= 2
            elif loss - value < 0.25 * promised and not tiny:
                radius = length / 4
            x, loss, g, norm = new, min(loss, value), turned, slope
            yield Iterate(x, loss, norm, length)
            largest, span = max(largest, norm), max(span, math.sqrt(x @ x), math.sqrt((x - start) @ (x - start)))
            if length <= tol * span and norm <= tol * largest:
                return Ending(True, f"the last step changed the variables by less than {tol:g} of them")
            continue
        yield Iterate(new, value, slope, length, False)
        if tiny:
            return FINISHED
        radius = length / 4
        if radius <= SHORTEST * math.sqrt(x @ x) or radius < 1e-300:
            return STUCK if norm > LOST * largest else FINISHED
    return FLAT


def bounded_step(f: Objective, x: np.ndarray, g: np.ndarray, radius: float, enough: float) -> tuple[np.ndarray, float]:
    """A step d within `radius` with |g + H d| <= `enough` where possible, and by how much the parabola falls along it."""
    d, r, way = np.zeros(len(x)), g, -g
    fell, rr = 0.0, float(g @ g)
    for _ in range(2 * len(x) + 10):
        hw = f.product(x, way)
        curve = float(way @ hw)
        if not math.isfinite(curve):
            break
        outside = curve <= 0
        far = rr / curve if not outside else 0.0
        if outside or math.sqrt(float((d + far * way) @ (d + far * way))) >= radius:
            far = _to_radius(d, way, radius)
            return d + far * way, fell - far * float(r @ way) - far**2 / 2 * curve
        d = d + far * way
        fell += far * rr / 2
        r = r + far * hw
        last, rr = rr, float(r @ r)
        if math.sqrt(rr) <= enough:
            break
        way = -r + rr / last * way
    if not fell:  # the Hessian has no value here
        d = -g * min(1.0, radius / math.sqrt(float(g @ g)))
        fell = -float(g @ d) / 2
    return d, fell


def _to_radius(d: np.ndarray, way: np.ndarray, radius: float) -> float:
    """How far along `way` from `d` the sphere is."""
    a, b, c = float(way @ way), float(d @ way), float(d @ d) - radius**2
    root = math.sqrt(max(b * b - a * c, 0.0))
    return -c / (b + root) if b > 0 else (root - b) / a
