"""ADMM: f(x) + g(z) with z = A x, minimised in x and in z in turn, with a running sum of what they differ by.

    x = argmin f(x) + ρ/2 |A x - z + u|²,   z = argmin g(z) + ρ/2 |A x - z + u|²,   u = u + A x - z

(Boyd and others, Distributed optimization by the alternating direction method of multipliers, 2011, chapter 3; A x is
over-relaxed, section 3.4.3.) The splitting is read off the sum: f is what is smooth, g what has corners, and sets. The
step in x is the closed form that `solve_stationary` derives, else Newton's; the one in z is `sg.prox`, or the nearest
point of a set. The penalty ρ follows the two residuals (section 3.4.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.newton import newton
from symgrad.descent.objective import Objective
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import add, input_node
from symgrad.graphs.errors import DataError, NoClosedForm, SymgradError
from symgrad.graphs.node import REAL, Node, Symbol, new_owner
from symgrad.graphs.weights import MINUS, ONE, weight
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.sets import Region, regions_of
from symgrad.minimisers.split import SplitPart, Sum, shortened, split
from symgrad.minimisers.within import Augmented
from symgrad.minimising.stationary import solve_stationary

MOST = 100_000  # steps
BALANCE, FACTOR, EVERY = 10.0, 2.0, 10  # the penalty is doubled or halved where one residual is ten times the other
SETTLED = 1000  # steps after which the penalty stays
RELAXED = 1.6
SMALL = 1e-2  # of the largest z, where z goes to zero


@dataclass(frozen=True)
class Copy:
    """A stand-in z for the tensor `image`; `step(pieces, v, size)` is its proximal step, `place` the variable it copies."""

    image: Tensor
    step: Callable[[Sequence[np.ndarray], np.ndarray, float], np.ndarray]
    told: str
    place: int | None


def admm(problem: Problem) -> Course:
    """ADMM until what x and z differ by, and what z moves by, are `tol` of their sizes; one entry for each step."""
    f, tol = problem.objective, problem.tolerance(1e-9)
    whole = split(problem, "admm", images=True)
    copies = _copies(problem, whole, regions_of(problem))
    if not copies:
        raise SymgradError("minimize: admm: the loss is smooth and no variable is kept in a set: there is nothing to split "
                           "off; newton or l-bfgs fit")
    step_x, told = _step_in_x(problem, whole, copies)
    found = {"reason": f"f = {shortened(str(whole.smooth))}; {'; '.join(copy.told for copy in copies)}; {told}"}
    call = f.compiled([copy.image for copy in copies])

    def images(x: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(a, float) for a in call(*f.pieces(x))]

    x = shown = problem.x0
    loss, g = f.slope(x)
    yield Iterate(x, loss, math.sqrt(g @ g), 0.0)
    z = images(x)
    u = [np.zeros_like(a) for a in z]
    penalty, primal, largest = 1.0, math.inf, _size(z)
    for count in range(1, MOST):
        x = step_x(x, _minus(z, u), penalty)
        ax, old = images(x), z
        mixed = [RELAXED * a + (1 - RELAXED) * b for a, b in zip(ax, z, strict=True)]
        z = [copy.step(f.pieces(x), a + b, 1 / penalty) for copy, a, b in zip(copies, mixed, u, strict=True)]
        u = [b + a - c for a, b, c in zip(mixed, u, z, strict=True)]
        point = f.joined(_shown(f.pieces(x), copies, z))
        primal, dual = _size(_minus(ax, z)), penalty * _size(_minus(z, old))
        yield Iterate(point, f.value(point), math.nan, float(np.linalg.norm(point - shown)))
        largest = max(largest, _size(ax), _size(z))
        shown, size = point, max(_size(ax), _size(z), SMALL * largest)
        if primal <= tol * size and dual <= tol * penalty * max(_size(u), size):
            return Ending(True, f"x and z differ by {primal:.3g}, and z moves by {dual / penalty:.3g}", found)
        if count % EVERY == 0 and count < SETTLED:
            by = FACTOR if primal > BALANCE * dual else 1 / FACTOR if dual > BALANCE * primal else 1.0
            penalty, u = penalty * by, [b / by for b in u]
    return Ending(False, f"after {MOST} steps x and z still differ by {primal:.3g}", found)


def _copies(problem: Problem, whole: Sum, regions: Sequence[Region | None]) -> list[Copy]:
    """What is split off: each part of g, each set."""
    f = problem.objective
    found = [_copy(f, part) for part in whole.parts]
    for place, (name, r) in enumerate(zip(problem.variables, regions, strict=True)):
        if r is not None:
            found.append(Copy(f.variables[place], _nearest(r), f"g keeps z = {name} in its set ({r.text})", place))
    return found


def _nearest(r: Region) -> Callable[[Sequence[np.ndarray], np.ndarray, float], np.ndarray]:
    return lambda pieces, v, size: r.nearest(v)


def _copy(f: Objective, part: SplitPart) -> Copy:
    text = f"g = {shortened(str(part.g))}"
    if part.image is None:
        place = f.variables.index(part.argument)
        call = f.compiled(part.step, [part.size])

        def step(pieces: Sequence[np.ndarray], v: np.ndarray, size: float) -> np.ndarray:
            return np.asarray(call(*pieces[:place], v, *pieces[place + 1:], np.array(size)))

        return Copy(part.argument, step, f"{text}, z = {part.argument}, whose step is {shortened(str(part.step))}", place)
    of_image = f.compiled(part.step, [part.argument, part.size])
    return Copy(part.image, lambda pieces, v, size: np.asarray(of_image(*pieces, v, np.array(size))),
                f"{text}, {part.argument} = {shortened(str(part.image))}, whose step is {shortened(str(part.step))}", None)


def _shown(pieces: Sequence[np.ndarray], copies: Sequence[Copy], z: Sequence[np.ndarray]) -> list[np.ndarray]:
    """x, with z for what z copies: it has the zeros, and is in the sets."""
    done = list(pieces)
    for copy, value in zip(copies, z, strict=True):
        if copy.place is not None:
            done[copy.place] = value
    return done


# the step in x ------------------------------------------------------------------------------------------


def _step_in_x(problem: Problem, whole: Sum,
               copies: Sequence[Copy]) -> tuple[Callable[[np.ndarray, list[np.ndarray], float], np.ndarray], str]:
    """argmin f(x) + ρ/2 ∑ |A x - v|² as a function of (x, the v, ρ), and that in words."""
    f = problem.objective
    rho = _symbol("ρ", ())
    targets = [_symbol("v" if len(copies) == 1 else f"v{i}", copy.image.node.shape) for i, copy in enumerate(copies)]
    away = [add([copy.image.node, v.node], [ONE, MINUS]) for copy, v in zip(copies, targets, strict=True)]
    squares = [contract([rho.node, a, a], [(), (axes := range(len(a.shape))), axes], ()) for a in away]
    loss = wrap(add([whole.smooth.node, *squares], [ONE, *[weight(0.5)] * len(squares)]), None)
    variables = list(problem.variables.values())
    inner = Augmented(f, loss, [rho, *targets])

    def by_newton(x: np.ndarray, v: list[np.ndarray], penalty: float) -> np.ndarray:
        inner.given = [np.array(penalty), *v]
        best = x
        for it in newton(inner, x, 1e-12):
            best = it.x if it.accepted else best
        return best

    try:
        formulas = solve_stationary(loss, variables)
    except NoClosedForm as why:
        return by_newton, f"x by Newton's method: {str(why).removeprefix('solve_stationary: ')}"
    call = f.compiled(list(formulas), [rho, *targets])

    def exactly(x: np.ndarray, v: list[np.ndarray], penalty: float) -> np.ndarray:
        try:
            found = f.joined(call(*f.pieces(x), np.array(penalty), *v))
        except DataError:  # singular: A has fewer rows than columns
            return by_newton(x, v, penalty)
        return found if np.isfinite(found).all() else by_newton(x, v, penalty)

    texts = [f"{name} = {shortened(str(t))}" for name, t in zip(problem.variables, formulas, strict=True)]
    return exactly, "; ".join(texts) + " with v = z - u, and u = u + x - z"


def _symbol(name: str, shape: Any) -> Tensor:
    node: Node = input_node(Symbol("data", name, owner=new_owner()), shape, REAL)
    return wrap(node, None)


def _minus(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [x - y for x, y in zip(a, b, strict=True)]


def _size(parts: Sequence[np.ndarray]) -> float:
    return math.sqrt(sum(float((part * part).sum()) for part in parts))
