"""The methods by name: what runs each, what it can respect, and what it promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.descent.conjugate import newton_cg
from symgrad.descent.gradient import gradient_descent
from symgrad.descent.iterate import Course
from symgrad.descent.newton import newton
from symgrad.descent.quasi import lbfgs
from symgrad.descent.structured import structured_solver
from symgrad.minimisers.blocks import alternating
from symgrad.minimisers.closed import closed_form
from symgrad.minimisers.coordinates import coordinate
from symgrad.minimisers.lagrange import balance, balance_course
from symgrad.minimisers.mixtures import em
from symgrad.minimisers.populations import population
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.projected import projected
from symgrad.minimisers.proximal import proximal
from symgrad.minimisers.regression import gauss_newton_course, marquardt_course
from symgrad.minimisers.saddles import past_saddles
from symgrad.minimisers.scipys import lbfgsb, slsqp, trust_constr
from symgrad.minimisers.splitting import admm
from symgrad.minimising.degrees import ray_degree
from symgrad.searching.methods import WALKS

BOUNDS, SETS, CONSTRAINTS, BLOCKS, POPULATION = "bounds", "sets", "constraints", "blocks", "population"


@dataclass(frozen=True)
class Method:
    """A way to minimise a problem.

    `takes` says what of a problem it respects; what is asked beyond is refused. `descends`: accepted losses never rise.
    `lowest`: its result is the point of the lowest loss, not the last one. `about` ends the sentence "as asked: ...".
    """

    run: Callable[[Problem], Course]
    about: str
    takes: frozenset[str] = frozenset()
    descends: bool = True
    lowest: bool = True


def _closed(problem: Problem) -> Course:
    return balance_course(problem, balance(problem)) if problem.constraints else closed_form(problem)


def _newton(problem: Problem) -> Course:
    return newton(problem.objective, problem.x0, problem.tolerance(1e-10),
                  ray_degree(problem.loss, list(problem.variables.values())), structured_solver(problem.objective))


METHODS: Mapping[str, Method] = MappingProxyType({
    "closed_form": Method(_closed, "the zero of the gradient as a formula", frozenset({CONSTRAINTS}), descends=False,
                          lowest=False),
    "gradient": Method(past_saddles(lambda p: gradient_descent(p.objective, p.x0, p.tolerance(1e-8))),
                       "gradient descent, each step as long as the loss falls enough"),
    "newton": Method(past_saddles(_newton),
                     "Newton's method with the derived Hessian and a line search"),
    "newton_cg": Method(past_saddles(lambda p: newton_cg(p.objective, p.x0, p.tolerance(1e-10))),
                        "Newton's method by conjugate gradients, with derived products with the Hessian"),
    "gauss_newton": Method(past_saddles(gauss_newton_course), "Gauss-Newton with the derived Jacobian and a line search"),
    "levenberg_marquardt": Method(marquardt_course, "Levenberg-Marquardt with the derived Jacobian", frozenset({BOUNDS})),
    "slsqp": Method(slsqp, "SciPy's SLSQP with the derived gradient and Jacobians", frozenset({BOUNDS, CONSTRAINTS}),
                    descends=False, lowest=False),
    "trust-constr": Method(trust_constr, "SciPy's trust-constr with the derived gradient, Jacobians and Hessians",
                           frozenset({BOUNDS, CONSTRAINTS}), descends=False, lowest=False),
    "l-bfgs-b": Method(lbfgsb, "SciPy's L-BFGS-B with the derived gradient", frozenset({BOUNDS}), descends=False),
    "l-bfgs": Method(past_saddles(lambda p: lbfgs(p.objective, p.x0, p.tolerance(1e-10))),
                     "L-BFGS, which guesses the curvature from gradients"),
    "alternating": Method(past_saddles(alternating, starts=True), "one block after the other, the others held",
                          frozenset({BOUNDS, SETS, BLOCKS})),
    "coordinate": Method(past_saddles(coordinate), "one number after the other, the others held", frozenset({BOUNDS})),
    "projected": Method(past_saddles(projected), "gradient steps, each followed by the nearest point of the sets",
                        frozenset({BOUNDS, SETS})),
    "proximal": Method(past_saddles(proximal, starts=True), "proximal gradient steps with momentum",
                       frozenset({BOUNDS, SETS})),
    "admm": Method(admm, "ADMM on the sum of what is smooth and what is not", frozenset({BOUNDS, SETS}),
                   descends=False, lowest=False),
    "em": Method(em, "EM on the mixture in the loss", frozenset({SETS})),
    **{name: Method(population(name), walk.about, frozenset({BOUNDS, *([POPULATION] if walk.sized else [])}))
       for name, walk in WALKS.items()},
})


def refused(name: str, problem: Problem) -> str | None:
    """What of a problem a method cannot respect, in words with the methods that can; None where it takes all."""
    given = {BOUNDS: problem.low is not None, SETS: bool(problem.sets), CONSTRAINTS: bool(problem.constraints),
             BLOCKS: problem.blocks is not None, POPULATION: problem.population is not None}
    for what, there in given.items():
        if there and what not in METHODS[name].takes:
            able = ", ".join(each for each, m in METHODS.items() if what in m.takes)
            return f"{name} takes no {what}; {able or 'no method'} would"
    return None
