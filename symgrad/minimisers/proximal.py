"""Proximal gradient: a step against the gradient of f, then the proximal step of g, with momentum.

FISTA with a safeguard (Beck and Teboulle, Fast gradient-based algorithms for constrained total variation denoising, 2009):
a point that makes the loss larger is not accepted, and momentum begins anew. The step is halved until the parabola above f
holds (ibid., with backtracking). Sets are the g of which the nearest point is the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.calculus.derivatives import gradient
from symgrad.descent.endings import ROUNDING
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.graphs.errors import SymgradError
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.sets import Region, described, regions_of
from symgrad.minimisers.split import Sum, shortened, split

HALVINGS = 80
PROBES = 4  # points at which it is seen whether entries are coupled


def proximal(problem: Problem) -> Course:
    """Proximal gradient steps until a step changes nothing but rounding, or `tol` of the longest."""
    regions = regions_of(problem)
    whole = split(problem, "proximal", images=False)
    f, tol = problem.objective, problem.tolerance(1e-9)
    x, step = problem.x0, stepper(problem, whole, regions)
    slope = f.compiled([whole.smooth, *gradient(whole.smooth, list(problem.variables.values()))])

    def smooth(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, *parts = slope(*f.pieces(z))
        return float(value), f.joined(parts)

    if any(regions):
        x = f.joined([p if r is None else r.nearest(p) for r, p in zip(regions, f.pieces(x), strict=True)])
    loss = f.value(x)
    y, momentum, reach, largest = x, 1.0, 1.0, 0.0
    below, g = smooth(y)
    norm = _size(x - step(x - g, 1.0))
    yield Iterate(x, loss, norm, 0.0)
    found = {"reason": told(problem, whole, regions)}
    while True:
        for _ in range(HALVINGS):
            z = step(y - reach * g, reach)
            way = z - y
            above, _ = smooth(z)
            if above <= below + way @ g + way @ way / (2 * reach) + 4 * ROUNDING * abs(below):
                break
            reach /= 2
        else:
            return Ending(False, "no step is short enough: f has no slope here", found)
        moved = _size(way) / reach
        largest = max(largest, moved)
        value = f.value(z)
        better = value <= loss
        if better or y is not x:
            yield Iterate(z, value, moved, _size(z - x), better)
        if moved <= tol * largest or _size(way) <= 2 * ROUNDING * _size(z):
            if better or y is x:
                return Ending(True, f"a step moves by {moved:.3g} times its length, {largest:.3g} at most before", found)
        if not better and y is x:
            flat = value - loss <= 1e-13 * abs(loss)
            return Ending(flat, "the loss cannot fall further in double precision" if flat else
                          "a proximal step does not make the loss smaller: is g convex?", found)
        if better:
            after = (1 + math.sqrt(1 + 4 * momentum * momentum)) / 2
            turned = (y - z) @ (z - x) > 0  # the momentum leads away: begin anew (O'Donoghue and Candès 2015)
            y, momentum = (z, 1.0) if turned else (z + (momentum - 1) / after * (z - x), after)
            x, loss = z, value
            if turned:
                y = x
            reach *= 1.1
        else:
            y, momentum = x, 1.0
        below, g = smooth(y)


def stepper(problem: Problem, whole: Sum,
            regions: Sequence[Region | None] = ()) -> Callable[[np.ndarray, float], np.ndarray]:
    """The proximal step of g as a function of a vector and a step size."""
    f = problem.objective
    names = list(problem.variables)
    calls = {}
    for part in whole.parts:
        place = f.variables.index(part.argument)
        calls[place] = f.compiled(part.step, [part.size])
        kept = regions[place] if regions else None
        if kept is not None and not (kept.boxed and separable(problem, calls[place], place)):
            raise SymgradError(f"minimize: proximal: {names[place]} has a set and a term with corners, which have no "
                               "proximal step together; admm splits both off")

    def step(x: np.ndarray, size: float) -> np.ndarray:
        pieces = list(f.pieces(x))
        given = np.array(size)
        done = list(pieces)
        for place, call in calls.items():
            done[place] = call(*pieces, given)
        for place, r in enumerate(regions):
            if r is not None:  # of single numbers between two ends: the nearest point to the step without them
                done[place] = r.nearest(done[place])
        return f.joined(done)

    return step


def separable(problem: Problem, call: Callable[..., Any], place: int) -> bool:
    """Does each entry of a step depend on its own entry alone? Tried at random points: a norm shows itself at any."""
    f, rng = problem.objective, np.random.default_rng(0)
    for _ in range(PROBES):
        pieces = [3 * rng.standard_normal(shape) for shape in f.shapes]
        size = f.shapes[place]
        moved = np.zeros(int(np.prod(size)), bool)
        moved[rng.integers(len(moved))] = True
        moved = moved.reshape(size)
        one = np.asarray(call(*pieces, np.array(0.7)))
        pieces[place] = pieces[place] + moved * rng.standard_normal()
        if (one != np.asarray(call(*pieces, np.array(0.7))))[~moved].any():
            return False
    return True


def told(problem: Problem, whole: Sum, regions: Sequence[Region | None] = ()) -> str:
    """The splitting in words and formulas."""
    parts = [f"g = {shortened(str(p.g))}, whose step is {shortened(str(p.step))}" for p in whole.parts]
    kept = described(dict(zip(problem.variables, regions, strict=False)))
    parts += [f"g keeps {kept}"] if kept else []
    return f"f = {shortened(str(whole.smooth))}, " + ("; ".join(parts) or "no term has a corner, so g = 0")


def _size(v: np.ndarray) -> float:
    return math.sqrt(v @ v)
