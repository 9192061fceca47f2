"""Least squares among the methods: the residuals found in the loss, standard errors of what was fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from symgrad.descent.iterate import Course
from symgrad.descent.least_squares import gauss_newton, levenberg_marquardt
from symgrad.descent.objective import Objective
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import topological
from symgrad.minimisers.problem import Problem
from symgrad.minimising.squares import Squares, broken_weight, sum_of_squares

LARGEST = 3 * 10**7  # entries of a Jacobian that is kept as a matrix
WIDEST = 600  # variables of which it is factored at each step


def squares_of(problem: Problem) -> Squares | str:
    """The loss as a sum of squares, its residuals ready in the objective; else, in words, why it is none."""
    found: Squares | str | None = problem.__dict__.get("squares")
    if found is None:
        found = problem.__dict__["squares"] = _squares_of(problem)
    return found


def _squares_of(problem: Problem) -> Squares | str:
    found = sum_of_squares(problem.loss, list(problem.variables.values()))
    if found is None:
        return "the loss is not seen to be a sum of squares, sum(r**2) with any weights that are not negative"
    asked = set(topological([t.node for t in (*found.weights, *found.matrices)]))
    fault = broken_weight(found, {node: value for node, value in problem.data.items() if node in asked}, problem.sizes)
    if fault:
        return fault
    problem.objective.residuals = list(found.residuals)
    return found


def least_squares(problem: Problem, method: Callable[[Objective, np.ndarray, float], Course], name: str) -> Course:
    """A method for sums of squares. Raises SymgradError where the loss is none."""
    found = squares_of(problem)
    if isinstance(found, str):
        raise SymgradError(f"minimize: {name} needs a sum of squares: {found}")
    return method(problem.objective, problem.x0, problem.tolerance(1e-10))


def marquardt_course(problem: Problem) -> Course:
    """Levenberg-Marquardt, within bounds where there are some."""
    box = None if problem.low is None or problem.high is None else (problem.low, problem.high)
    return least_squares(problem, partial(levenberg_marquardt, box=box), "levenberg_marquardt")


def gauss_newton_course(problem: Problem) -> Course:
    """Gauss-Newton with a line search."""
    return least_squares(problem, gauss_newton, "gauss_newton")


def fits(problem: Problem) -> str | None:
    """What was found, in words, where the loss is a sum of squares whose Jacobian fits into memory."""
    if problem.objective.size > WIDEST:
        return None
    found = squares_of(problem)
    if isinstance(found, str):
        return None
    try:
        rows = len(problem.objective.residual(problem.x0))
    finally:
        problem.objective.evaluations = 0
    if rows * problem.objective.size > LARGEST:
        return None
    texts = ["|" + " ".join(str(r).split()) + "|²" for r in found.residuals]
    shown = " + ".join(texts)
    return shown if len(shown) <= 120 else shown[:119] + "…"


def standard_errors(problem: Problem, x: np.ndarray) -> Mapping[str, np.ndarray] | None:
    """The standard errors sqrt(diag(inv(J'J)) RSS/(n - p)) of variables fitted by least squares, by name.

    J is the exact Jacobian of the n residuals by the p variables; a factor in front of the sum cancels. Infinite where the
    residuals do not fix a variable. None where the loss is no sum of squares, where n is not more than p, and where
    something else than the residuals holds the variables: sets, constraints, a bound that is reached.
    """
    if problem.sets or problem.constraints or isinstance(squares_of(problem), str):
        return None
    if problem.low is not None and problem.high is not None and not ((problem.low < x) & (x < problem.high)).all():
        return None
    f = problem.objective
    evaluations, budget, f.budget = f.evaluations, f.budget, None
    try:
        r, j = f.jacobian(x)
    except DataError:
        return None
    finally:
        f.evaluations, f.budget = evaluations, budget
    free = len(r) - len(x)
    if free <= 0 or not np.isfinite(j).all():
        return None
    return problem.named(deviations(j, math.sqrt(float(r @ r) / free)))


def deviations(j: np.ndarray, sigma: float) -> np.ndarray:
    """sigma sqrt(diag(inv(J'J))), by the singular values of J with its columns scaled."""
    d = np.linalg.norm(j, axis=0)
    scale = np.where(d > 0, d, 1.0)
    _, s, vt = np.linalg.svd(np.linalg.qr(j / scale, mode="r"))
    kept = s > len(j) * np.finfo(float).eps * s.max(initial=0.0)
    spread = np.sqrt(np.sum((vt[kept] / s[kept, None]) ** 2, axis=0))
    lost = (np.abs(vt[~kept]) > 1e-8).any(axis=0)
    return np.where(lost, np.inf, sigma * spread / scale)
