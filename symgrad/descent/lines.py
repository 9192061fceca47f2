"""How far to go along a direction: a step that makes the loss smaller and the slope flatter (strong Wolfe conditions).

Bracketing and cubic interpolation (Nocedal and Wright 2006, algorithms 3.5 and 3.6, eq. 3.59). Where differences of
losses drown in rounding, the flatter slope decides alone (Hager and Zhang 2005, section 2: approximate Wolfe).
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import NamedTuple

import numpy as np

from symgrad.descent.iterate import Iterate
from symgrad.descent.objective import Objective

ARMIJO, FLATTER = 1e-4, 0.9  # the part of the decrease that the slope promises; the part of the slope that may be left
MOST = 40  # trials along one direction
ROUNDING = 1e-15  # relative to the loss


class Along(NamedTuple):
    """A place along a direction: how far, the point, its loss and gradient, the slope along the direction."""

    far: float
    x: np.ndarray
    loss: float
    g: np.ndarray
    slope: float


def wolfe(f: Objective, start: Along, way: np.ndarray, far: float) -> Generator[Iterate, None, Along | None]:
    """A spot along `way`, tried first at `far`; None where there is none. Yields what was tried and left."""
    low, high = start, None  # a minimum lies between them once `high` is known
    noise = ROUNDING * abs(start.loss)
    for _ in range(MOST):
        x = start.x + far * way
        loss, g = f.slope(x)
        slope = float(g @ way)
        spot = Along(far, x, loss, g, slope)
        fell = loss <= start.loss + ARMIJO * far * start.slope
        near = loss <= start.loss + noise and slope <= (2 * ARMIJO - 1) * start.slope  # as good as rounding can tell
        if (fell or near) and abs(slope) <= -FLATTER * start.slope:
            return spot if loss <= start.loss else spot._replace(loss=start.loss)
        yield Iterate(x, loss, math.sqrt(g @ g) if math.isfinite(loss) else math.nan, far * math.sqrt(way @ way), False)
        if not (fell or near) or not loss < low.loss and low is not start or not math.isfinite(slope):
            high = spot
        elif slope >= 0:
            high, low = (low, spot) if high is None or low.far > far else (low, spot)
        else:
            if high is not None and (high.far - far) * (far - low.far) < 0:
                high = low
            low = spot
        far = 4 * far if high is None else _between(low, high)
        if high is not None and abs(high.far - low.far) <= 1e-14 * max(abs(low.far), 1e-300):
            break
    return low._replace(loss=min(low.loss, start.loss)) if low is not start else None


def _between(low: Along, high: Along) -> float:
    """The least point of the cubic through two spots, kept off the ends."""
    width = high.far - low.far
    middle = low.far + 0.5 * width
    if not (math.isfinite(high.loss) and math.isfinite(high.slope)):
        return low.far + 0.25 * width
    d = low.slope + high.slope - 3 * (low.loss - high.loss) / (low.far - high.far)
    inside = d * d - low.slope * high.slope
    if inside < 0:
        return middle
    root = math.copysign(math.sqrt(inside), width)
    below = high.slope - low.slope + 2 * root
    if below == 0:
        return middle
    far = high.far - width * (high.slope + root - d) / below
    least, most = sorted((low.far + 0.1 * width, high.far - 0.1 * width))
    return far if least <= far <= most else middle


def shorter(far: float, loss: float, slope: float, value: float) -> float:
    """The least point of the parabola through a loss, its slope and a trial value; a tenth to a half of `far`."""
    if not math.isfinite(value):
        return far / 4
    return min(max(-slope * far * far / (2 * (value - loss - slope * far)), 0.1 * far), 0.5 * far)
