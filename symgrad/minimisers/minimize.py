"""`sg.minimize`: a loss, its variables and data; the minimum, by a method that fits the formula."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from symgrad.computing.threads import within
from symgrad.graphs.errors import SymgradError
from symgrad.minimisers.certificates import certificate_of
from symgrad.minimisers.choice import Choice, as_declared, asked, chosen
from symgrad.minimisers.course import Driven, drive
from symgrad.minimisers.methods import METHODS, refused
from symgrad.minimisers.problem import Problem, posed
from symgrad.minimisers.regression import standard_errors
from symgrad.minimisers.result import Minimum
from symgrad.minimisers.running_off import DOWN, LIMIT, runs_off
from symgrad.minimisers.sets import undeclared
from symgrad.minimisers.starts import other_starts
from symgrad.minimising.convexity import Convexity


def minimize(loss: Any, wrt: Any, data: Any = None, method: str = "auto", start: Any = None, bounds: Any = None,
             constraints: Any = None, tol: float | None = None, budget: int | None = None, seed: int = 0,
             progress: bool = False, blocks: Any = None, population: int | None = None) -> Minimum:
    """Minimise a scalar over `wrt`: symbols, as a tensor, list or dict.

    `data` and `start` are dicts of arrays by the names of symbols; without `start` the symbols' `init` says where, drawn
    with `seed`. `bounds`: a dict from name to (low, high). `constraints`: a list of comparisons, or a dict from name to a
    set. `blocks`: lists of names, for "alternating". `population`: the points of a generation. `tol` is relative; `budget`
    is the most evaluations of the loss, and reaching it is no success.

    `method="auto"` reads the formula: see `.reason` of the result. Raises SymgradError, DataError or NoClosedForm, with
    what does not fit.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    >>> found = sg.minimize(sg.sum((X @ w - y) ** 2), w, {"X": [[1, 0], [1, 1], [1, 2]], "y": [1, 3, 6]})
    >>> print(found)  # doctest: +ELLIPSIS
    loss 0.1666666667, converged: the gradient is zero there, by its formula
    closed_form: the gradient has one zero, in closed form: w = (Xᵀ X)⁻¹ Xᵀ y
      w = [0.833333, 2.5     ] ± [0.373, 0.289]
    the minimum is global, the loss is convex: ...
    """
    if method != "auto" and method not in METHODS:
        raise SymgradError(f"minimize: there is no method {method!r}; there are auto, {', '.join(METHODS)}")
    problem = posed(loss, wrt, data, start, bounds, constraints, tol, budget, seed, blocks, population)
    if method == "auto":
        problem = as_declared(problem)
    choice = chosen(problem) if method == "auto" else asked(method)
    fault = refused(choice.name, problem) if choice.course is None else None
    if fault:
        raise SymgradError(f"minimize: {fault}")
    done = _driven(problem, choice, progress)
    lacking = undeclared(problem, done.x)
    if lacking and method == "auto" and not problem.constraints:
        choice = Choice("projected", f"at the minimum elsewhere {lacking}, as is declared")
        done = _driven(problem, choice, progress)
    elif lacking:
        message = f"{lacking} there, as is declared; projected keeps it so"
        done = replace(done, ending=replace(done.ending, success=False, message=message))
    if done.ending.success and choice.name in DOWN and runs_off(problem, done.history.vectors[0], done.x, done.loss):
        done = replace(done, ending=replace(done.ending, success=False, message=LIMIT))
    return _result(problem, choice, done)


def _driven(problem: Problem, choice: Choice, progress: bool) -> Driven:
    """The choice run to its end, from several starts where that was chosen and no start was given; the best."""
    row = METHODS[choice.name]
    run = within(problem.objective.way, drive)
    best = run(problem, choice.course or row.run(problem), choice.name, row.descends, row.lowest, progress)
    if problem.chosen or choice.starts < 2:
        return best
    first = problem.x0
    for x in other_starts(first, np.random.default_rng(problem.seed), choice.starts - 1):
        problem.__dict__["x0"] = x
        other = run(problem, row.run(problem), choice.name, row.descends, row.lowest, progress)
        if other.loss < best.loss - 1e-9 * abs(best.loss):
            best = other
    problem.__dict__["x0"] = first
    return best


def _proof(problem: Problem, choice: Choice) -> Convexity | None:
    """What the choice knows already, or what is found now."""
    return choice.certificate or certificate_of(problem)


def _result(problem: Problem, choice: Choice, done: Driven) -> Minimum:
    found = dict(done.ending.found)
    reason = f"{choice.reason}: {found['formula']}" if "formula" in found else found.get("reason", choice.reason)
    return Minimum(problem.named(done.x), done.loss, done.ending.success, done.ending.message, choice.name, reason,
                   done.history, problem.objective.evaluations, partial(standard_errors, problem, done.x),
                   found.get("multipliers"), partial(_proof, problem, choice))
