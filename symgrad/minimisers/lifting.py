"""Corners as constraints: |u| is the least t with u <= t and -u <= t, a maximum the least t above its entries.

A smooth method takes the problem with such a t for every corner: its least value is not above that of the problem as it
was written. Where each t ends at what it stands for, the point is as good there, and so a minimum of the problem as it was
written. Where one does not, since the loss falls with what bends up, the method runs on the problem as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from symgrad.computing.points import number
from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import broadcast, literal, scale
from symgrad.graphs.algebra.primitives import elementwise, input_node
from symgrad.graphs.node import REAL, Node, Symbol, depends, new_owner, topological, transform
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimisers.problem import Problem

ABOVE, BELOW = ("abs", "relu", "maximum"), ("minimum",)
MOST = 1500  # entries of corners that become variables
TIGHT = 1e-7  # relative: each t is what it stands for


@dataclass(frozen=True, eq=False)
class Lifted:
    """The smooth problem, whose first variables and constraints are those of the other one."""

    problem: Problem
    constraints: int


def corners_in(roots: Sequence[Node], variables: Sequence[Node]) -> list[Node]:
    """The absolute values and extremes of what depends on the variables."""
    below = depends(roots, variables)
    return [n for n in topological(roots) if n in below and n.dtype == REAL and (
        n.op in (ops.MAX, ops.MIN) or n.op is ops.ELEMENTWISE and n.attrs[0] in (*ABOVE, *BELOW))]


def lifted(problem: Problem) -> Lifted | None:
    """The problem with a variable for each corner; None where there is no corner, or too many."""
    roots = [problem.loss.node, *(c.node for c in problem.constraints)]
    corners = corners_in(roots, [x.node for x in problem.variables.values()])
    f = problem.objective
    if not corners or sum(math.prod(number(s, problem.sizes) for s in n.shape) for n in corners) > MOST:
        return None
    memo: dict[Node, Node] = {}
    above: list[Tensor] = []
    for i, node in enumerate(corners):
        operands = tuple(transform(node.operands, rebuild, dict(memo)))
        t = input_node(Symbol("parameter", f"corner {i}", owner=new_owner()), node.shape, REAL)
        above += [wrap(c, None) for c in _held(node, operands, t)]
        memo[node] = t
    loss, *rest = transform(roots, rebuild, dict(memo))
    values = f.compiled([wrap(n, None) for n in corners])(*f.pieces(problem.x0))
    names = [f"corner {i}" for i in range(len(corners))]
    extra = sum(np.size(v) for v in values)
    made = replace(
        problem, loss=wrap(loss, None),
        variables={**problem.variables, **{k: wrap(memo[n], None) for k, n in zip(names, corners, strict=True)}},
        start={**problem.named(problem.x0), **{k: np.array(v, float) for k, v in zip(names, values, strict=True)}},
        low=None if problem.low is None else np.concatenate([problem.low, np.full(extra, -np.inf)]),
        high=None if problem.high is None else np.concatenate([problem.high, np.full(extra, np.inf)]),
        constraints=(*(wrap(c, None) for c in rest), *above))
    return Lifted(made, len(problem.constraints))


def _held(node: Node, operands: tuple[Node, ...], t: Node) -> list[Node]:
    """The comparisons that hold t above (or below) what bends."""
    if node.op in (ops.MAX, ops.MIN):
        (u,) = operands
        kept = [a for a in range(len(u.shape)) if a not in node.attrs[0]]
        sides = [(u, broadcast(t, kept, u.shape))]
    elif node.attrs[0] == "abs":
        sides = [(operands[0], t), (scale(operands[0], MINUS), t)]
    elif node.attrs[0] == "relu":
        sides = [(operands[0], t), (literal(0, t.shape), t)]
    else:
        sides = [(u, t) for u in operands]
    row = "greater_equal" if node.op is ops.MIN or node.op is ops.ELEMENTWISE and node.attrs[0] in BELOW else "less_equal"
    return [elementwise(row, [u, bound]) for u, bound in sides]


def over_corners(problem: Problem, run: Callable[[Problem], Course]) -> Course:
    """A method for smooth problems, on the lifted problem where there are corners."""
    smooth = lifted(problem)
    if smooth is None:
        return (yield from run(problem))
    f, inner = problem.objective, smooth.problem.objective
    inner.budget = problem.budget
    course = run(smooth.problem)
    x, value = problem.x0, math.inf
    try:
        while True:
            it = next(course)
            step = float(np.linalg.norm(it.x[:f.size] - x))
            x, value = it.x[:f.size], it.loss
            budget, f.budget = f.budget, None
            loss = f.value(x)
            f.evaluations, f.budget = inner.evaluations, budget
            yield Iterate(x, loss, math.nan, step, it.accepted)
    except StopIteration as stop:
        ending: Ending = stop.value
    finally:
        course.close()
    if not abs(loss - value) <= TIGHT * (1 + abs(value)):
        return (yield from run(problem))
    found = dict(ending.found)
    if "multipliers" in found:
        found["multipliers"] = found["multipliers"][:smooth.constraints]
    return Ending(ending.success, ending.message, found)
