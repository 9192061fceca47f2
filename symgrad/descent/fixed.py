"""Steps of a length that is asked for: no line search, or a part of the step that a method would take."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from symgrad.descent.endings import FLAT
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.objective import Objective
from symgrad.descent.quasi import Recent

LEAST_GRADIENT, LEAST_CHANGE, CURVED = 1e-7, 1e-9, 1e-10  # the defaults of torch.optim.LBFGS


def lbfgs_fixed(f: Objective, x: np.ndarray, lr: float = 1.0, memory: int = 100) -> Course:
    """L-BFGS whose steps are `lr` of the direction, the first of length `lr` at most: the numbers of `torch.optim.LBFGS`.

    The loss may rise. It ends where no entry of the gradient, or of a step, or no change of the loss is larger than there.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> *course, last = lbfgs_fixed(Objective((p[0] - 3) ** 2 + 5 * (p[1] - 1) ** 2, [p], {}, {}), np.zeros(2))
    >>> last.x.round(3)
    array([3., 1.])
    """
    loss, g = f.slope(x)
    yield Iterate(x, loss, math.sqrt(g @ g), 0.0)
    guess, far = Recent(f.size, memory), lr * min(1.0, 1.0 / float(np.abs(g).sum())) if g.any() else lr
    while np.abs(g).max(initial=0.0) > LEAST_GRADIENT:
        way = -guess.times(g)
        if float(g @ way) > -LEAST_CHANGE:
            return Ending(True, "the direction is flat")
        s = far * way
        x, before, old = x + s, loss, g
        loss, g = f.slope(x)
        yield Iterate(x, loss, math.sqrt(g @ g), math.sqrt(s @ s))
        if np.abs(s).max() <= LEAST_CHANGE or abs(loss - before) < LEAST_CHANGE:
            return Ending(True, "the last step changed the loss, or the parameters, by less than 1e-09")
        y = g - old
        sy = float(y @ s)
        if sy > CURVED:
            guess.learn(s, y, sy)
        far = lr
    return FLAT


def relaxed(method: Callable[[np.ndarray], Course], f: Objective, x: np.ndarray, lr: float) -> Course:
    """Of each step of a method, the part `lr`; the method begins anew at each point.

    >>> import symgrad as sg
    >>> from symgrad.descent.newton import newton
    >>> p = sg.parameter("p")
    >>> f = Objective((p - 8) ** 2, [p], {}, {})
    >>> course = relaxed(lambda x: newton(f, x), f, np.zeros(1), 0.5)
    >>> [round(float(next(course).x[0]), 6) for _ in range(4)]
    [0.0, 4.0, 6.0, 7.0]
    """
    here = next(method(x))
    yield here
    while True:
        course = method(here.x)
        next(course)
        try:
            while not (there := next(course)).accepted:
                yield there
        except StopIteration as stop:
            ending: Ending = stop.value
            return ending
        x = here.x + lr * (there.x - here.x)
        loss, g = f.slope(x)
        here = Iterate(x, loss, math.sqrt(g @ g), lr * there.step)
        yield here
