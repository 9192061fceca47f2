"""`method="auto"`: the formula is read, and says which method fits.

In this order: blocks or sets that are asked for; a minimum in closed form; terms with corners, beside which the rest is
smooth; a sum of squares; a proof of convexity; closed forms for one variable given the others; nothing of these. Each
answer is a sentence about what was found in the formula.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.descent.iterate import Course
from symgrad.descent.structured import structured_solver
from symgrad.graphs.convexity.proof import AFFINE_VERDICT
from symgrad.graphs.errors import NoClosedForm, SymgradError
from symgrad.graphs.facts import NONNEGATIVE, ORTHOGONAL, POSITIVE, SIMPLEX, facts_of
from symgrad.minimisers.blocks import blocks_of
from symgrad.minimisers.certificates import certificate_of
from symgrad.minimisers.closed import zero_course, zero_of
from symgrad.minimisers.lagrange import balance, balance_course
from symgrad.minimisers.lifting import Lifted, lifted
from symgrad.minimisers.methods import METHODS, refused
from symgrad.minimisers.mixtures import mixtures_of
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.regression import fits
from symgrad.minimisers.sets import projection
from symgrad.minimisers.split import has_corners, may_have_corners, split
from symgrad.minimising.stationary import solve_stationary

MATRIX = 2000  # entries up to which a Hessian is kept as a matrix
DENSE = 300  # variables up to which SLSQP is not slow
APART = 100  # variables beyond which the structure of a Hessian is asked first
STARTS = 5  # where nothing says that the first minimum is the least one
OTHERWISE = "no closed form, no sum of squares and no proof of convexity was found in the formula; gradients alone go far"


@dataclass(frozen=True)
class Choice:
    """A method for a problem, why, and what else is known of it."""

    name: str
    reason: str
    course: Course | None = None  # already made, where making it was the test
    certificate: Any = None
    starts: int = 1  # from how many it is to be run


def as_declared(problem: Problem) -> Problem:
    """The problem with what its variables declare as sets and bounds, where a user said nothing else of them.

    What is declared positive is within its domain in any case.
    """
    sets, low = dict(problem.sets), np.full(problem.objective.size, -np.inf) if problem.low is None else problem.low.copy()
    high = np.full(len(low), np.inf) if problem.high is None else problem.high
    for (name, x), piece in zip(problem.variables.items(), problem.objective.pieces(low), strict=True):
        facts = facts_of(x.node)
        kept = [fact for fact in (SIMPLEX, ORTHOGONAL) if fact in facts]
        if name not in sets and kept:
            sets[name] = kept[0]
        elif name not in sets and NONNEGATIVE in facts and POSITIVE not in facts:
            np.maximum(piece, 0.0, out=piece)
    bounded = np.isfinite(low).any() or np.isfinite(high).any()
    same = sets == dict(problem.sets) and bounded == (problem.low is not None)
    return problem if same else problem.held(sets, low if bounded else None, high if bounded else None)


def chosen(problem: Problem) -> Choice:
    """The method that fits the formula."""
    if problem.blocks is not None:
        return Choice("alternating", "blocks are given")
    if problem.sets and not problem.constraints:
        return _in_sets(problem)
    if problem.constraints:
        return _constrained(problem)
    if problem.low is not None:
        return _bounded(problem)
    return (_closed(problem) or _cornered(problem) or _squares(problem) or _convex(problem) or _in_turn(problem)
            or Choice("l-bfgs", OTHERWISE, starts=STARTS))


def _in_sets(problem: Problem) -> Choice:
    """A closed form within the sets; EM for a mixture; block by block where each of several has a closed form or is linear
    in its set; else projected gradients."""
    try:
        zero = zero_of(problem)
    except NoClosedForm:
        zero = None
    if zero is not None and zero.x is not None and not zero.fault and np.allclose(projection(problem)(zero.x), zero.x):
        return Choice("closed_form", "the gradient has one zero, in closed form, and it lies within the sets",
                      zero_course(problem, zero))
    if problem.low is None and all(said == SIMPLEX for said in problem.sets.values()) and _is_mixture(problem):
        return Choice("em", "a mixture")
    if len(problem.variables) > 1 and all(block.formula or block.linear for block in blocks_of(problem)):
        return Choice("alternating", f"each of {problem.names} has a closed form given the others")
    return Choice("projected", "a variable is kept in a set")


def _is_mixture(problem: Problem) -> bool:
    try:
        mixtures_of(problem)
    except SymgradError:
        return False
    return True


def _closed(problem: Problem) -> Choice | None:
    """The zero of the gradient as a formula; None where there is none, or the data make its system singular."""
    try:
        zero = zero_of(problem)
    except NoClosedForm:
        return None
    if zero.x is None:
        return None
    if zero.fault:
        raise SymgradError(f"minimize: {zero.fault}")
    return Choice("closed_form", "the gradient has one zero, in closed form", zero_course(problem, zero))


def _constrained(problem: Problem) -> Choice:
    """Lagrange's multipliers in closed form where the loss is quadratic and the constraints are equations, else steps."""
    if problem.low is None:
        try:
            found = balance(problem)
        except NoClosedForm:
            pass
        else:
            return Choice("closed_form", "the loss is quadratic and the constraints are equations: the minimum and "
                          "Lagrange's multipliers in closed form", balance_course(problem, found))
    smooth = lifted(problem)
    if smooth is not None:
        return _lifted(smooth, "constraints")
    if problem.objective.size > DENSE:
        return Choice("trust-constr", "there are constraints on many variables, and no closed form")
    return Choice("slsqp", "there are constraints, and no closed form: a quadratic model with the constraints made linear "
                  "goes far")


def _lifted(smooth: Lifted, what: str) -> Choice:
    """Corners as constraints, beside those that are there."""
    name = "trust-constr" if smooth.problem.objective.size > DENSE else "slsqp"
    return Choice(name, f"there are {what}, and corners, each of which becomes a variable held above what bends")


def _bounded(problem: Problem) -> Choice:
    """The closed form where it lies within the bounds, else by steps."""
    try:
        zero = zero_of(problem)
    except NoClosedForm:
        zero = None
    low, high = problem.low, problem.high
    if zero is not None and zero.x is not None and not zero.fault and low is not None and high is not None and (
            (low <= zero.x) & (zero.x <= high)).all():
        return Choice("closed_form", "the gradient has one zero, in closed form, and it lies within the bounds",
                      zero_course(problem, zero))
    smooth = lifted(problem)
    if smooth is not None:
        return _lifted(smooth, "bounds")
    squares = _squares(problem)
    if squares is not None:
        return squares
    proof = certificate_of(problem)
    return Choice("l-bfgs-b", "there are bounds, and the zero of the gradient in closed form is not within them"
                  if zero is not None else "there are bounds, and no closed form", certificate=proof,
                  starts=1 if proof else STARTS)


def _squares(problem: Problem) -> Choice | None:
    """Levenberg-Marquardt for a sum of squares."""
    if refused("levenberg_marquardt", problem):
        return None
    shown = fits(problem)
    if shown is None:
        return None
    proof = certificate_of(problem)
    f = problem.objective
    if proof and f.size > APART and problem.low is None and structured_solver(f) is not None:
        return Choice("newton", f"the loss is convex, a sum of squares, {shown}; its Hessian is solved by its structure",
                      certificate=proof)
    return Choice("levenberg_marquardt", f"the loss is a sum of squares, {shown}", certificate=proof,
                  starts=1 if proof else STARTS)


def _convex(problem: Problem) -> Choice | None:
    """Newton's method for what is proved to be convex and has no corners; gradients where it has."""
    proof = certificate_of(problem)
    if proof is None:
        return None
    if proof.verdict == AFFINE_VERDICT:
        raise SymgradError(f"minimize: the loss is affine in {problem.names}, so it is unbounded below; bounds, a set or "
                           "constraints would give it a minimum")
    if has_corners(problem):
        return Choice("l-bfgs", f"the loss is convex ({proof.reason}), but has corners without a proximal step",
                      certificate=proof)
    name = "newton" if problem.objective.size <= MATRIX else "newton_cg"
    return Choice(name, f"the loss is convex, so a minimum is global: {proof.reason}", certificate=proof)


def _cornered(problem: Problem) -> Choice | None:
    """A sum of what is smooth and what has corners but proximal steps; None where nothing has corners, or no steps."""
    if problem.low is not None or not may_have_corners(problem):
        return None
    for name, images in (("proximal", False), ("admm", True)):
        try:
            found = split(problem, name, images)
        except SymgradError:
            continue
        cornered = any(part.cornered for part in found.parts)
        return Choice(name, "the loss is a sum of what is smooth and what has corners") if cornered else None
    return None


def _in_turn(problem: Problem) -> Choice | None:
    """Closed forms for each variable given the others; None where one has none."""
    if len(problem.variables) < 2 or problem.low is not None:
        return None
    try:
        for x in problem.variables.values():
            solve_stationary(problem.loss, x)
    except NoClosedForm:
        return None
    return Choice("alternating", f"each of {problem.names} has a closed form given the others", starts=STARTS)


def asked(name: str) -> Choice:
    """A method asked for by name."""
    return Choice(name, f"as asked: {METHODS[name].about}")
