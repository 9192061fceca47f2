"""Coordinate descent: one number after the other goes to its minimum, the others held.

Where the loss is quadratic, its Hessian is computed once, and each number goes to its minimum exactly; the gradient is
carried along. Else each goes by Newton's method in one dimension, halved until the loss does not rise. Terms with corners
of single numbers (the lasso) are left to their proximal steps, which are exact beside a quadratic.
"""

from __future__ import annotations

import math

import numpy as np

from symgrad.descent.endings import ROUNDING
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.stationary.affine import degrees
from symgrad.language.recipes import stable
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.proximal import separable, stepper, told
from symgrad.minimisers.split import Sum, split
from symgrad.minimisers.within import Other

SEEN = 400  # numbers up to which every one has an entry of its own in the history; else every turn has one
HALVINGS = 50
WIDE = 4000  # numbers up to which a Hessian is kept
NEWTON = 8  # steps in one dimension
LONGEST = 1e4  # relative: where a loss is nearly straight, its curvature does not say how far to go


def coordinate(problem: Problem) -> Course:
    """Coordinate descent, within the bounds where there are some."""
    (root,) = stable([problem.loss])
    quadratic = degrees([root], [x.node for x in problem.variables.values()])[root] <= 2
    f = problem.objective
    low = np.full(f.size, -np.inf) if problem.low is None else problem.low
    high = np.full(f.size, np.inf) if problem.high is None else problem.high
    whole = _cornered(problem)
    if whole is not None:
        return _with_corners(problem, whole, low, high)
    way = _exactly if quadratic and f.size <= WIDE else _by_newton
    return way(problem, low, high)


def _cornered(problem: Problem) -> Sum | None:
    """The loss as f + g where g has corners and falls apart into functions of single numbers; None else."""
    try:
        whole = split(problem, "coordinate", images=False)
    except SymgradError:
        return None
    f = problem.objective
    alone = all(separable(problem, f.compiled(part.step, [part.size]), f.variables.index(part.argument))
                for part in whole.parts)  # no norm, no function of a'x
    return whole if whole.parts and alone else None


def _with_corners(problem: Problem, whole: Sum, low: np.ndarray, high: np.ndarray) -> Course:
    """Each number by the proximal step of its part of g, as long as the curvature of f along it says, or shorter."""
    f, tol, step = problem.objective, problem.tolerance(1e-10), stepper(problem, whole)
    smooth = Other(f, whole.smooth)
    x = problem.x0
    loss = f.value(x)
    _, g = smooth.slope(x)
    yield Iterate(x, loss, math.nan, 0.0)
    alone = f.size <= SEEN
    largest = 0.0
    while True:
        start = x
        for i in range(f.size):
            unit = np.zeros(f.size)
            unit[i] = 1.0
            bend = smooth.product(x, unit)[i]
            reach = 1 / bend if bend > 0 else 1.0
            for _ in range(HALVINGS):
                new = x.copy()
                new[i] = min(max(step(x - reach * g * unit, reach)[i], low[i]), high[i])
                value = f.value(new)
                if value <= loss or new[i] == x[i]:
                    break
                reach /= 2
            if value > loss or new[i] == x[i]:
                continue
            if alone:
                yield Iterate(new, value, math.nan, abs(new[i] - x[i]))
            x, loss = new, value
            _, g = smooth.slope(x)
        moved = float(np.linalg.norm(x - start))
        if not alone:
            yield Iterate(x, loss, math.nan, moved)
        largest = max(largest, moved)
        if moved <= tol * largest:
            return Ending(True, f"a turn through all coordinates moves by {moved:.3g}, {largest:.3g} at most before",
                          {"reason": "number by number, each by its proximal step: " + told(problem, whole)})


def _exactly(problem: Problem, low: np.ndarray, high: np.ndarray) -> Course:
    """Coordinates of a quadratic loss."""
    f, tol = problem.objective, problem.tolerance(1e-10)
    x = problem.x0
    loss, g = f.slope(x)
    h = f.hessian(x)
    bend = h.diagonal()
    yield Iterate(x, loss, _inside(x, g, low, high), 0.0)
    largest = _inside(x, g, low, high)
    alone = f.size <= SEEN
    while True:
        start, x = x, x.copy()
        for i in range(f.size):
            way = _way(problem, x[i], g[i], bend[i], low[i], high[i], i)
            if way == 0:
                continue
            loss = loss + way * (g[i] + 0.5 * way * bend[i])
            g = g + way * h[i]
            x = x.copy()
            x[i] += way
            if alone:
                f._count(1)
                yield Iterate(x, loss, _inside(x, g, low, high), abs(way))
        value, g = f.slope(x)  # rounding does not add up
        loss = min(value, loss) if abs(value - loss) <= 1e-9 * abs(value) else value
        norm = _inside(x, g, low, high)
        if not alone:
            yield Iterate(x, loss, norm, float(np.linalg.norm(x - start)))
        if norm <= tol * largest or np.abs(x - start).max(initial=0.0) <= 4 * ROUNDING * np.abs(x).max(initial=0.0):
            return Ending(True, f"a turn through all coordinates leaves a gradient of {norm:.3g}, from {largest:.3g}")


def _way(problem: Problem, x: float, g: float, bend: float, low: float, high: float, i: int) -> float:
    """To the least point of a parabola between two ends, by its slope and curvature. Raises SymgradError without one."""
    if bend > 0:
        return min(max(x - g / bend, low), high) - x
    if bend == 0 and g == 0:
        return 0.0
    ends = [end - x for end in (low, high)]
    falls = [way * (g + 0.5 * way * bend) if math.isfinite(way) else -math.inf if bend < 0 or way * g < 0 else math.inf
             for way in ends]
    if min(falls) == -math.inf:
        name, index = _called(problem, i)
        raise SymgradError(f"minimize: coordinate: the loss is unbounded below along {name}{index}: its curvature there is "
                           f"{bend:g}, its slope {g:g}")
    return ends[falls.index(min(falls))]


def _called(problem: Problem, i: int) -> tuple[str, str]:
    """The variable and the index of a number."""
    for name, piece in problem.named(np.arange(float(problem.objective.size))).items():
        at = np.argwhere(piece == i)
        if at.size or (piece.ndim == 0 and piece == i):
            return name, str(at[0].tolist()) if piece.ndim else ""
    raise IndexError(i)


def _by_newton(problem: Problem, low: np.ndarray, high: np.ndarray) -> Course:
    f, tol = problem.objective, problem.tolerance(1e-9)
    x = problem.x0
    loss, g = f.slope(x)
    largest = _inside(x, g, low, high)
    yield Iterate(x, loss, largest, 0.0)
    alone = f.size <= SEEN
    while True:
        start, before = x, loss
        for i in range(f.size):
            new, value, slope = _one(problem, x, loss, g, i, low[i], high[i])
            if alone and new is not x:
                yield Iterate(new, value, _inside(new, slope, low, high), abs(new[i] - x[i]))
            x, loss, g = new, value, slope
        norm = _inside(x, g, low, high)
        largest = max(largest, norm)
        if not alone:
            yield Iterate(x, loss, norm, float(np.linalg.norm(x - start)))
        if norm <= tol * largest:
            return Ending(True, f"a turn through all coordinates leaves a gradient of {norm:.3g}, from {largest:.3g}")
        if before - loss <= ROUNDING * abs(loss):
            flat = norm <= 1e-5 * largest
            return Ending(flat, "the loss cannot fall further in double precision" if flat else
                          "no coordinate alone makes the loss smaller: it may have a corner here")


def _one(problem: Problem, x: np.ndarray, loss: float, g: np.ndarray, i: int, low: float,
         high: float) -> tuple[np.ndarray, float, np.ndarray]:
    """The minimum along coordinate i: (point, loss, gradient)."""
    f = problem.objective
    unit = np.zeros(f.size)
    unit[i] = 1.0
    first = abs(g[i])
    for _ in range(NEWTON):
        if g[i] == 0 or (x[i] <= low and g[i] > 0) or (x[i] >= high and g[i] < 0):
            break
        bend = f.product(x, unit)[i]
        far = max(1.0, abs(x[i]))
        step = -math.copysign(min(abs(g[i]) / bend, LONGEST * far) if bend > 0 else far, g[i])
        for _ in range(HALVINGS):
            to = min(max(x[i] + step, low), high)
            new = x.copy()
            new[i] = to
            value, slope = f.slope(new)
            if value <= loss + 1e-4 * (to - x[i]) * g[i]:
                break
            if abs(value - loss) <= 4 * ROUNDING * abs(loss) and abs(slope[i]) < abs(g[i]):
                value = min(value, loss)
                break
            step /= 2 if math.isfinite(value) else 8
        else:
            break
        x, loss, g = new, value, slope
        if abs(g[i]) <= 1e-3 * first:
            break
    return x, loss, g


def _inside(x: np.ndarray, g: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """The norm of the gradient, without what leads out of the bounds."""
    free = ~(((x <= low) & (g > 0)) | ((x >= high) & (g < 0)))
    return math.sqrt(g[free] @ g[free])
