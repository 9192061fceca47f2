"""Gradient descent: against the gradient, as far as the loss falls enough.

The length of a step is tried first as the last two gradients suggest (Barzilai and Borwein 1988, the longer of their
two), and halved until the loss falls by a part of what the slope promises (Armijo 1966). So losses never rise, and no
learning rate is asked for. A given `rate` is kept instead, as the lecture does: then the loss may rise.
"""

from __future__ import annotations

import math

import numpy as np

from symgrad.descent.endings import ROUNDING, Calm
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.lines import ARMIJO, shorter
from symgrad.descent.objective import Objective

HALVINGS = 60
STILL = 8  # steps without a smaller loss


def gradient_descent(f: Objective, x: np.ndarray, tol: float = 1e-8, rate: float | None = None) -> Course:
    """Steps against the gradient until it is `tol` times the largest seen (see `Calm`). Yields every trial point.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> *course, last = gradient_descent(Objective((p[0] - 1) ** 2 + 4 * p[1] ** 2, [p], {}, {}), np.ones(2))
    >>> last.x.round(6)
    array([1., 0.])
    """
    loss, g = f.slope(x)
    norm = math.sqrt(g @ g)
    yield Iterate(x, loss, norm, 0.0)
    calm, still = Calm(x, tol), 0
    reach = rate or (1.0 / norm if norm else 1.0)
    while not calm.reached(x, norm, reach * norm):
        for _ in range(HALVINGS):
            new = x - reach * g
            value, slope = f.slope(new)
            length, size = reach * norm, math.sqrt(slope @ slope)
            if rate or value <= loss - ARMIJO * reach * norm * norm:
                break
            if abs(loss - value) <= 2 * ROUNDING * abs(loss) and size < norm:  # differences of losses tell no more
                value = min(value, loss)
                break
            yield Iterate(new, value, size, length, False)
            reach = shorter(reach, loss, -norm * norm, value)
        else:
            return calm.exhausted(x, norm, loss)
        yield Iterate(new, value, size, length)
        still = still + 1 if loss - value <= ROUNDING * abs(loss) else 0
        if still >= STILL and not rate:
            return calm.exhausted(new, size, value)
        moved, turned = new - x, slope - g
        x, loss, g, norm = new, value, slope, size
        if not math.isfinite(norm):
            return Ending(False, f"the loss has no slope after a step at the rate {rate:g}; a smaller rate may help")
        bend = moved @ turned
        if not rate:
            reach = (moved @ moved) / bend if bend > 0 else 2 * reach
    return calm.said(norm)
