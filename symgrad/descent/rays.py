"""The exact minimum along a ray, where the loss is there a polynomial of degree 4 at most.

Five numbers fix a quartic: its value and two derivatives at the start, its value and slope at another point. Its least
value is at a zero of a cubic, which has a formula.
"""

from __future__ import annotations

import math

TINY = 1e-14  # beside the largest coefficient: zero


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
    coefficients = (4 * e, 3 * d, 2 * c, b)
    if not all(map(math.isfinite, coefficients)):
        return None
    ahead = [t for t in _zeros(coefficients) if t > 0]
    gains = [((e * t + d) * t + c) * t**2 + b * t for t in ahead]
    best = min(gains, default=0.0)
    return ahead[gains.index(best)] * at if best < 0 else None


def _zeros(coefficients: tuple[float, float, float, float]) -> list[float]:
    """The real zeros of a cubic from its highest coefficient down; of what is left where the highest ones vanish."""
    top = max(map(abs, coefficients))
    p, q, r, s = (x / top if abs(x) > TINY * top else 0.0 for x in coefficients) if top else (0.0,) * 4
    if not p:
        if not q:
            return [-s / r] if r else []
        root = r * r - 4 * q * s
        if root < 0:
            return []
        half = -(r + math.copysign(math.sqrt(root), r)) / 2  # the sum of two of one sign
        return [half / q, *([s / half] if half else [])]
    shift, q, r, s = -q / (3 * p), q / p, r / p, s / p
    m, n = r - q * q / 3, (2 * q * q - 9 * r) * q / 27 + s  # u³ + m u + n with u = t - shift (Cardano 1545)
    inside = n * n / 4 + m * m * m / 27
    if inside > 0:
        u = -math.copysign(math.cbrt(abs(n) / 2 + math.sqrt(inside)), n)
        found = [u - m / (3 * u) if u else 0.0]
    else:
        size = 2 * math.sqrt(-m / 3)
        angle = math.acos(max(-1.0, min(1.0, 3 * n / (m * size)))) / 3 if m else 0.0
        found = [size * math.cos(angle - 2 * math.pi * k / 3) for k in range(3)]
    return [_polished(u + shift, q, r, s) for u in found]


def _polished(t: float, q: float, r: float, s: float) -> float:
    """A zero of t³ + q t² + r t + s by two steps of Newton's, which bring back digits that the formula lost."""
    for _ in range(2):
        slope = (3 * t + 2 * q) * t + r
        if slope:
            t -= (((t + q) * t + r) * t + s) / slope
    return t
