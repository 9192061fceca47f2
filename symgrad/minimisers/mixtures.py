"""EM: a mixture in the loss, -∑ logsumexp_k s_k, is bounded by -∑ r_k s_k with responsibilities r = softmax_k s.

The E-step computes r at the parameters as they are; the M-step minimises the bound, by the closed forms that
`solve_stationary` derives from it: of all parameters together, else of one after the other, else by Newton's method. Each
step makes the loss smaller (Dempster, Laird and Rubin, Maximum likelihood from incomplete data via the EM algorithm, 1977;
one after the other: Meng and Rubin, ECM, 1993).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.newton import newton
from symgrad.graphs.algebra.primitives import input_node, softmax
from symgrad.graphs.errors import DataError, NoClosedForm, SymgradError
from symgrad.graphs.facts import SIMPLEX
from symgrad.graphs.node import REAL, Node, Symbol, new_owner
from symgrad.graphs.stationary.affine import substituted
from symgrad.graphs.stationary.mixtures import as_logsumexp, expected, mixtures_in
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimisers.declared import in_own_names, on_simplexes
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.sets import regions_of
from symgrad.minimisers.split import shortened
from symgrad.minimisers.within import Augmented, Within
from symgrad.minimising.stationary import solve_stationary

SAME = 1e-9  # responsibilities that differ by no more than this are the same
EmStep = Callable[[list[np.ndarray], list[np.ndarray]], list[np.ndarray]]  # (variables, responsibilities) -> variables


def em(problem: Problem) -> Course:
    """Plain EM, one entry for each step, until the loss falls by `tol` of itself. Raises SymgradError without a mixture."""
    root, mixtures = mixtures_of(problem)
    f, tol = problem.objective, problem.tolerance(1e-10)
    rs = [wrap(input_node(Symbol("data", "r" if len(mixtures) == 1 else f"r{i}", owner=new_owner()),
                          node.operands[0].shape, REAL), None) for i, node in enumerate(mixtures)]
    bound = substituted(root, {node: expected(node, r.node) for node, r in zip(mixtures, rs, strict=True)})
    shares = [wrap(softmax(node.operands[0], node.attrs[0]), None) for node in mixtures]
    update, told = _m_step(problem, wrap(bound, None), rs)
    called = ", ".join(f"{r.name} = {shortened(str(share))}" for r, share in zip(rs, shares, strict=True))
    found = {"reason": f"a mixture: responsibilities {called}; then {told}"}
    expect = f.compiled(shares)
    x = problem.x0 if problem.chosen else _apart(problem, mixtures, expect, update)
    loss, g = f.slope(x)
    yield Iterate(x, loss, math.sqrt(g @ g), 0.0)
    while True:
        pieces = f.pieces(x)
        try:
            new = f.joined(update(list(pieces), [np.asarray(r) for r in expect(*pieces)]))
        except DataError as trouble:
            return Ending(False, f"an M-step has no value, a component has lost its members: {trouble}", found)
        if not np.isfinite(new).all():
            return Ending(False, "an M-step has no value: a component has lost its members", found)
        value, g = f.slope(new)
        if not math.isfinite(value):
            return Ending(False, f"the loss is {value} after a step: a component has shrunk to a point", found)
        if loss < value <= loss + 1e-11 * abs(loss):
            value = loss
        yield Iterate(new, value, math.sqrt(g @ g), float(np.linalg.norm(new - x)))
        fell = loss - value
        x, loss = new, value
        if fell <= tol * abs(value):
            return Ending(True, f"a step makes the loss smaller by {fell:.3g} only", found)


def _apart(problem: Problem, mixtures: Sequence[Node], expect: Callable[..., Any], update: EmStep) -> np.ndarray:
    """The start; where its components are all the same, EM would leave them so: an M-step of random responsibilities."""
    f, rng = problem.objective, np.random.default_rng(problem.seed)
    pieces = f.pieces(problem.x0)
    drawn = []
    for node, share in zip(mixtures, expect(*pieces), strict=True):
        (axes,) = node.attrs
        share = np.asarray(share)
        if np.isfinite(share).all() and np.ptp(share, axis=axes).max(initial=0.0) > SAME:
            return problem.x0
        heights = rng.exponential(size=share.shape)
        drawn.append(heights / heights.sum(axis=axes, keepdims=True))
    x = f.joined(update(list(pieces), drawn))
    return x if np.isfinite(x).all() else problem.x0


def mixtures_of(problem: Problem) -> tuple[Node, list[Node]]:
    """The loss, and its mixtures: the logsumexp nodes that it falls with. Raises SymgradError where there are none."""
    f = problem.objective
    nodes = [x.node for x in problem.variables.values()]
    (plain,) = stable([problem.loss])
    (written,) = stable([wrap(as_logsumexp(problem.loss.node, nodes), None)])
    for root in (plain, written):
        pairs = mixtures_in(root, nodes)
        values = f.compiled([wrap(slope, None) for _, slope in pairs])(*f.pieces(problem.x0)) if pairs else []
        found = [node for (node, _), value in zip(pairs, values, strict=True) if (np.asarray(value) <= 0).all()]
        if found:
            return root, found
    raise SymgradError("minimize: em: there is no mixture in the loss: it holds no -sum(logsumexp(...)) over components, "
                       "as the negative log-likelihood of a mixture does; alternating and l-bfgs take any loss")


def _m_step(problem: Problem, bound: Tensor, rs: Sequence[Tensor]) -> tuple[EmStep, str]:
    """The parameters from the responsibilities, and that in words."""
    f = problem.objective
    for name, said in problem.sets.items():
        if said != SIMPLEX:
            raise SymgradError(f"minimize: em keeps {name} on a simplex, but in no other set ({said!r:.40})")
    loss, variables = on_simplexes(problem, bound)
    try:
        formulas = solve_stationary(loss, list(variables))
    except NoClosedForm:
        return _in_turn(problem, bound, loss, variables, rs)
    call = f.compiled(in_own_names(list(formulas), variables, f.variables), rs)
    texts = [f"{name} = {shortened(str(t))}" for name, t in zip(problem.variables, formulas, strict=True)]
    return lambda pieces, r: [np.asarray(a) for a in call(*pieces, *r)], "; ".join(texts)


def _in_turn(problem: Problem, bound: Tensor, loss: Tensor, variables: Sequence[Tensor],
             rs: Sequence[Tensor]) -> tuple[EmStep, str]:
    """One parameter after the other."""
    f = problem.objective
    ways: list[EmStep] = []
    texts = []
    for place, (name, x) in enumerate(zip(problem.variables, variables, strict=True)):
        try:
            formula = solve_stationary(loss, x)
            call = f.compiled(in_own_names([formula], variables, f.variables), rs)
            ways.append(_closed_way(call, place))
            texts.append(f"{name} = {shortened(str(formula))}")
        except NoClosedForm as why:
            if regions_of(problem)[place] is not None:
                raise SymgradError(f"minimize: em: {name} is kept in a set and its M-step has no closed form: "
                                   f"{str(why).removeprefix('solve_stationary: ')}") from None
            ways.append(_newton_way(Augmented(f, bound, rs), place))
            texts.append(f"{name} by Newton's method ({str(why).removeprefix('solve_stationary: ')})")

    def update(pieces: list[np.ndarray], r: list[np.ndarray]) -> list[np.ndarray]:
        for way in ways:
            pieces = way(pieces, r)
        return pieces

    return update, "; ".join(texts)


def _closed_way(call: Callable[..., Any], place: int) -> EmStep:
    def way(pieces: list[np.ndarray], r: list[np.ndarray]) -> list[np.ndarray]:
        (mine,) = call(*pieces, *r)
        return [*pieces[:place], np.asarray(mine), *pieces[place + 1:]]

    return way


def _newton_way(f: Augmented, place: int) -> EmStep:
    inner = Within(f, [place])

    def way(pieces: list[np.ndarray], r: list[np.ndarray]) -> list[np.ndarray]:
        f.given, inner.now = r, pieces
        best = inner.joined([pieces[place]])
        for it in newton(inner, best, 1e-9):
            best = it.x if it.accepted else best
        return [*pieces[:place], *inner.pieces(best), *pieces[place + 1:]]

    return way
