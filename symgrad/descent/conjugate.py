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
FEW = 32  # variables up to which the diagonal of the Hessian is computed at each point


def newton_cg(f: Objective, x: np.ndarray, tol: float = 1e-10) -> Course:
    """Newton's method by products with the Hessian; the accepted losses never rise.

    Ends where a step changed the variables by at most `tol` of them, or by rounding.

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
    start, largest, radius, d = x, norm, 0.0, np.ones(len(x))
    fresh = True
    while norm > 0:
        if fresh:
            d = curvatures(f, x, d)
            radius = radius or max(1.0, math.sqrt(float((d * x) @ (d * x))))
        largest = max(largest, norm)
        step, promised = bounded_step(f, x, g, d, radius, min(0.1, norm / largest))
        length, scaled = math.sqrt(step @ step), math.sqrt(float((d * step) @ (d * step)))
        free = scaled < 0.9 * radius  # the parabola's own least point
        new = x + step
        value, turned = f.slope(new)
        slope = math.sqrt(turned @ turned) if math.isfinite(value) else math.nan
        tiny = promised <= 2e3 * ROUNDING * abs(loss)  # it drowns in rounding: the gradient decides
        level = tiny and value <= loss + ROUNDING * abs(loss) and slope < norm
        fresh = bool(loss - value >= LEAST * promised or level)
        if fresh:
            if loss - value > 0.75 * promised and scaled > 0.8 * radius:
                radius *= 2
            elif loss - value < 0.25 * promised and not tiny:
                radius = scaled / 4
            x, loss, g, norm = new, min(loss, value), turned, slope
            yield Iterate(x, loss, norm, length)
            if free and scaled <= tol * max(math.sqrt(float(each @ each)) for each in (d * x, d * (x - start))):
                return Ending(True, f"the last step changed the variables by less than {tol:g} of them")
            continue
        yield Iterate(new, value, slope, length, False)
        if tiny and free:
            return FINISHED
        radius = scaled / 4
        if not radius > SHORTEST * math.sqrt(float((d * x) @ (d * x))):
            return STUCK if norm > LOST * largest else FINISHED
    return FLAT


def curvatures(f: Objective, x: np.ndarray, d: np.ndarray) -> np.ndarray:
    """√|h_ii|, by which the variables are scaled, so that no unit of one matters: of few variables each time, of many
    once, by random signs (Bekas, Kokiopoulou and Saad, An estimator for the diagonal of a matrix, 2007)."""
    size = len(x)
    if size <= FEW:
        found = np.array([f.product(x, e)[i] for i, e in enumerate(np.eye(size))])
    elif (d == 1).all():
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (FEW, size))
        found = np.mean([v * f.product(x, v) for v in signs], axis=0)
    else:
        return d
    found = np.sqrt(np.abs(found))
    top = found.max(initial=0.0)
    return np.maximum(found, 1e-8 * top) if 0 < top < math.inf else d


def bounded_step(f: Objective, x: np.ndarray, g: np.ndarray, scale: np.ndarray, radius: float,
                 part: float) -> tuple[np.ndarray, float]:
    """A step d within |scale d| <= `radius`, and by how much the parabola falls along it.

    What is left of the gradient at its end is `part` of it, where that is possible.
    """
    d, r = np.zeros(len(x)), g / scale  # all in the scaled variables
    way = -r
    fell, rr = 0.0, float(r @ r)
    enough = part * math.sqrt(rr)
    for _ in range(2 * len(x) + 10):
        hw = f.product(x, way / scale) / scale
        curve = float(way @ hw)
        if not math.isfinite(curve):
            break
        far = rr / curve if curve > 0 else math.inf
        if not math.isfinite(far) or math.sqrt(float((d + far * way) @ (d + far * way))) >= radius:
            far = _to_radius(d, way, radius)
            return (d + far * way) / scale, fell - far * float(r @ way) - far**2 / 2 * curve
        d = d + far * way
        fell += far * rr / 2
        r = r + far * hw
        last, rr = rr, float(r @ r)
        if math.sqrt(rr) <= enough:
            break
        way = -r + rr / last * way
    if not fell:  # the Hessian has no value here
        d = -g / scale * min(1.0, radius / math.sqrt(float((g / scale) @ (g / scale))))
        fell = -float(g / scale @ d) / 2
    return d / scale, fell


def _to_radius(d: np.ndarray, way: np.ndarray, radius: float) -> float:
    """How far along `way` from `d` the sphere is."""
    a, b, c = float(way @ way), float(d @ way), float(d @ d) - radius**2
    root = math.sqrt(max(b * b - a * c, 0.0))
    return -c / (b + root) if b > 0 else (root - b) / a
