"""Equations as constraints of a quadratic loss: the minimum and the multipliers in closed form (Lagrange 1788)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.graphs.errors import DataError, NoClosedForm, SymgradError
from symgrad.minimisers.closed import formula_text
from symgrad.minimisers.constraints import EQUAL, Constraints
from symgrad.minimisers.feasibility import contradiction, met
from symgrad.minimisers.problem import Problem
from symgrad.minimising.stationary import solve_stationary

NEGATIVE = 1e-9  # an eigenvalue below minus this part of the largest is one
HELD = 1e-8  # relative: constraints are met


@dataclass(frozen=True, eq=False)
class Balance:
    """The point where the gradients balance, the multipliers of the constraints, the formulas as text."""

    x: np.ndarray
    multipliers: list[np.ndarray]
    formula: str


def balance(problem: Problem) -> Balance:
    """The zero of the gradient of the Lagrangian. Raises NoClosedForm; SymgradError where there is no minimum."""
    held = Constraints(problem)
    unequal = [c for c in held.parts if c.kind != EQUAL]
    if unequal:
        raise NoClosedForm(f"minimize: closed_form takes equations only, and {unequal[0].text} is none")
    contradiction(problem, held)
    f = problem.objective
    points, multipliers = solve_stationary(problem.loss, f.variables, [c.difference for c in held.parts], multipliers=True)
    try:
        *parts, found = f.compiled([*points, list(multipliers)])(*f.pieces(problem.x0))
    except DataError as error:
        raise NoClosedForm(f"minimize: closed_form: the system of the gradient and the constraints is singular for these "
                           f"data ({error})") from None
    x = f.joined(parts)
    if not np.isfinite(x).all() or not met(held, x, HELD):
        raise NoClosedForm("minimize: closed_form: the formula has no value for these data")
    _, s, vt = np.linalg.svd(held.jacobian(x))
    free = vt[int((s > 1e-12 * s.max(initial=0.0)).sum()):].T
    curvatures = np.linalg.eigvalsh(free.T @ f.hessian(x) @ free)
    if len(curvatures) and curvatures[0] < -NEGATIVE * np.abs(curvatures).max():
        raise SymgradError("minimize: the loss has no minimum where the constraints hold: it falls without bound from the "
                           f"one point at which the gradients balance (curvature {curvatures[0]:.3g})")
    return Balance(x, [np.asarray(m, float).reshape(shape) for m, shape in zip(found, held.shapes, strict=True)],
                   formula_text(problem, points))


def balance_course(problem: Problem, found: Balance) -> Course:
    """The start, then the minimum that is known already."""
    loss, g = problem.objective.slope(problem.x0)
    yield Iterate(problem.x0, loss, math.sqrt(g @ g), 0.0)
    loss, g = problem.objective.slope(found.x)
    yield Iterate(found.x, loss, math.sqrt(g @ g), float(np.linalg.norm(found.x - problem.x0)))
    return Ending(True, "the gradient is a combination of those of the constraints there, by its formula",
                  {"formula": found.formula, "multipliers": found.multipliers})
