"""The minimum as a formula: the zero of the gradient, where there is one in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.language.tensor import Tensor
from symgrad.minimisers.declared import in_own_names, on_simplexes
from symgrad.minimisers.problem import Problem
from symgrad.minimising.curvature import free_directions
from symgrad.minimising.stationary import solve_stationary

NEGATIVE = 1e-9  # an eigenvalue below minus this part of the largest is one
JUDGED = 1500  # entries up to which all eigenvalues are computed
LONG = 100  # characters of a formula in a sentence


@dataclass(frozen=True)
class Zero:
    """The zero of a gradient: its formulas, one for each variable, and its value, None where the system is singular.

    `fault` says in words why a value is no minimum, or why there is none.
    """

    formulas: Sequence[Tensor]
    x: np.ndarray | None
    fault: str = ""


def zero_of(problem: Problem) -> Zero:
    """The zero of the gradient and what is wrong with it. Raises NoClosedForm where there is no formula."""
    loss, inner = on_simplexes(problem, problem.loss)
    formulas = in_own_names(solve_stationary(loss, inner), inner, list(problem.variables.values()))
    f = problem.objective
    try:
        x = f.joined(f.compiled(list(formulas))(*f.pieces(problem.x0)))
    except DataError as error:
        return Zero(formulas, None, f"the system for {problem.names} is singular for these data ({error}), so no single "
                                    "point is the minimum; levenberg_marquardt or newton find one of them")
    if not np.isfinite(x).all():
        return Zero(formulas, None, f"the formula of {problem.names} has no value for these data: "
                                    f"{formula_text(problem, formulas)}")
    if len(x) <= JUDGED:
        basis = free_directions(list(problem.variables.values()), f.pieces(x))  # a symmetric matrix stays one
        values, vectors = np.linalg.eigh(basis.T @ f.hessian(x) @ basis)
        if len(values) and values[0] < -NEGATIVE * max(abs(values[0]), abs(values[-1])):
            kind = "maximum" if values[-1] <= 0 else "saddle"
            return Zero(formulas, x, f"the one zero of the gradient is a {kind}: the loss falls from there along "
                                     f"{_direction(problem, basis @ vectors[:, 0])} (curvature {values[0]:.3g})")
    return Zero(formulas, x)


def closed_form(problem: Problem) -> Course:
    """The start, then the zero. Raises NoClosedForm; SymgradError where it is no minimum, or the system is singular."""
    return zero_course(problem, zero_of(problem))


def zero_course(problem: Problem, zero: Zero) -> Course:
    """The start, then a zero that is known already."""
    if zero.x is None or zero.fault:
        raise SymgradError(f"minimize: closed_form: {zero.fault}")
    f = problem.objective
    loss, g = f.slope(problem.x0)
    yield Iterate(problem.x0, loss, math.sqrt(g @ g), 0.0)
    value, turned = f.slope(zero.x)
    yield Iterate(zero.x, value, math.sqrt(turned @ turned), float(np.linalg.norm(zero.x - problem.x0)))
    return Ending(True, "the gradient is zero there, by its formula", {"formula": formula_text(problem, zero.formulas)})


def formula_text(problem: Problem, formulas: Sequence[Tensor]) -> str:
    """`w = (Xᵀ X)⁻¹ Xᵀ y`, for each variable; cut where it is long."""
    parts = [f"{name} = {t}" for name, t in zip(problem.variables, formulas, strict=True)]
    text = "; ".join(" ".join(part.split()) for part in parts)
    return text if len(text) <= LONG else text[:LONG - 1] + "…"


def _direction(problem: Problem, v: np.ndarray) -> str:
    parts = [f"{name} {np.array2string(d, precision=3, threshold=6)}" for name, d in problem.named(v).items()]
    return ", ".join(parts[:3])
