"""The exact minimum along a ray, where the loss is there a polynomial of degree 4 at most.

Five numbers fix a quartic: its value and two derivatives at the start, its value and slope at another point. Its least
value is at a zero of a cubic, which is found as the eigenvalues of a matrix.
"""

from __future__ import annotations

import numpy as np


def exact_step(start: tuple[float, float, float], other: tuple[float, float], at: float = 1.0) -> float | None:
    """The t > 0 at which a quartic φ is least of all its turning points, from φ(0), φ'(0), φ''(0) and φ(at), φ'(at).

    None where no turning point is below φ(0).

    >>> exact_step((1.0, -4.0, 8.0), (1.0, 4.0))  # φ(t) = (1 - 2 t)²
    0.5
    """
    value, slope, curvature = start
    # φ(at s) = value + b s + c s² + d s³ + e s⁴
    b, c = slope * at, curvature * at**2 / 2
    rest = other[0] - value - b - c
    turn = other[1] * at - b - 2 * c
    d, e = 4 * rest - turn, turn - 3 * rest
    coefficients = np.array([4 * e, 3 * d, 2 * c, b])
    if not np.isfinite(coefficients).all():
        return None
    top = float(np.abs(coefficients).max(initial=0.0))
    if not top:
        return None
    coefficients[np.abs(coefficients) < 1e-14 * top] = 0.0
    roots = np.roots(coefficients)
    real = roots.real[(np.abs(roots.imag) <= 1e-7 * np.abs(roots)) & (roots.real > 0)]
    if not len(real):
        return None
    gain = ((e * real + d) * real + c) * real**2 + b * real
    best = int(gain.argmin())
    return float(real[best]) * at if gain[best] < 0 else None
