"""Zeros of a gradient as formulas: a linear solve where the gradient is affine in the variable, the estimate of a
covariance, of rates or of a simplex of weights where it is not (`stationary/elimination.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symgrad.calculus.derivatives import in_form, variables_of
from symgrad.calculus.variables import varied
from symgrad.graphs import ops
from symgrad.graphs.errors import NoClosedForm, ShapeError
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.pieces.terms import unscaled
from symgrad.graphs.stationary.affine import Obstacle
from symgrad.graphs.stationary.elimination import stationary_points
from symgrad.language.align import as_tensor, describe
from symgrad.language.phases import in_evaluation
from symgrad.language.recipes import stable, stand_in
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimising.regularity import generically_regular

LONGEST = 60  # characters of a term in a message


def solve_stationary(loss: Any, wrt: Any, constraints: Any = None, multipliers: bool = False) -> Any:
    """The zero of the gradient of a scalar, as formulas in the form of `wrt`: a tensor, list or dict.

    A closed form exists where the loss is quadratic in the variables (several are eliminated one by one), where a
    matrix occurs only under `logdet` and `inv` or linearly (`logdet S + tr(S^-1 C)`: S = C), and where each entry
    stands by itself under powers, `log` or `exp`. `constraints`: a tensor, list or dict of expressions, affine in the
    variables, that must be zero; with `multipliers=True` the result is (solution, multipliers in the form of
    `constraints`), for `loss + ∑ λ c`. A parameter declared `simplex` sums to 1; that it is not negative is not a
    constraint here, so look at the entries of a quadratic loss.

    The result is the one stationary point wherever the matrices that the formula inverts are regular, and the logarithms
    and roots of the loss exist there: at run time a singular matrix is a DataError. It may be a minimum, a maximum or a
    saddle: see `sg.classify`. Raises NoClosedForm with the term that stands in the way.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, y, w, lam = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.data("lam")
    >>> print(sg.solve_stationary(sg.sum((X @ w - y) ** 2) + lam * (w @ w), w))
    (Xᵀ X + λ I)⁻¹ Xᵀ y
    """
    target = closed(loss, "solve_stationary")
    variables = list(dict.fromkeys(variables_of(wrt, "solve_stationary")))
    asked: list[Tensor] = []
    in_form(asked.append, as_constraints(constraints))
    for c in asked:
        if c.dtype != REAL:
            raise NoClosedForm(f"solve_stationary: the constraint {describe(c)} is {c.dtype}; "
                               "write it as an expression that must be zero")
    inner: dict[Tensor, Tensor] = {}
    for x in variables:
        inner[x] = x if x.node.op is ops.INPUT else stand_in(x)
        if inner[x] is not x:
            target, *asked = (varied(t, x, inner[x], "solve_stationary") for t in (target, *asked))
    nodes = stable([target, *asked])
    if not asked:
        nodes[0] = unscaled(nodes[0])[1]  # a factor in front moves no zero
    try:
        names = {inner[x].node: f"{x.name}^*" for x in variables if x.name and len(variables) > 1}
        points, lagrange = stationary_points(nodes[0], [inner[x].node for x in variables], nodes[1:], names,
                                             generically_regular)
    except Obstacle as obstacle:
        raise NoClosedForm(f"solve_stationary: {_why(obstacle, {inner[x].node: x for x in variables})}") from None
    found = {x: wrap(node, x.over) for x, node in zip(variables, points, strict=True)}
    result = in_form(found.__getitem__, wrt)
    if not multipliers:
        return result
    rest = iter([wrap(node, c.over) for node, c in zip(lagrange, asked, strict=True)])
    return result, None if constraints is None else in_form(lambda _: next(rest), as_constraints(constraints))


def as_constraints(constraints: Any) -> Any:
    """Constraints as tensors, in their form; None is an empty list."""
    if constraints is None:
        return []
    if isinstance(constraints, Mapping):
        return {key: as_constraints(c) for key, c in constraints.items()}
    if isinstance(constraints, (list, tuple)):
        return [as_constraints(c) for c in constraints]
    return as_tensor(constraints, "solve_stationary")


def closed(loss: Any, operation: str) -> Tensor:
    """A loss as one number, outside of training. Raises ShapeError."""
    t = in_evaluation(as_tensor(loss, operation))
    if t.ndim:
        raise ShapeError(f"{operation}: {describe(t)} is not a scalar; close it with sg.sum or sg.mean")
    if t.over is not None:
        raise ShapeError(f"{operation}: {describe(t)} is one number for each sample; close it with "
                         f"sg.mean(loss, over={t.over}), for one point or for one per sample of variables over {t.over}")
    return t


def _why(obstacle: Obstacle, variables: Mapping[Node, Tensor]) -> str:
    """The reason in words."""
    names = ", ".join(_called(variables.get(x)) for x in obstacle.variables)
    node = obstacle.node
    term = "" if node is None else _short(node)
    if node is not None and node.op is ops.STOP:
        return f"the term {term} holds {names} behind sg.stop_gradient, so the zero of the gradient would depend on {names}"
    return {
        "degree": f"the term {term} is not quadratic in {names}",
        "joint": f"the term {term} is quadratic in each of {names} but not in all together; "
                 "solve for one given the others, in turn",
        "linear": f"the gradient does not fix {names}: its Hessian is singular for all data, so there is no single "
                  "stationary point",
        "redundant": "the constraints depend on each other for all data; leave out the ones that follow from the others",
        "absent": f"the loss does not depend on {names}",
        "matrix": f"the gradient by {names} is not a X⁻¹ and one more term: the loss must hold logdet({names}), and "
                  f"either {names} or its inverse, linearly",
        "several": f"there is more than one stationary point in {names}: up to {obstacle.number} for each entry",
        "constraint": f"the term {term} of a constraint is not affine in {names}",
        "fact": f"the zero of the gradient by {names} need not be {obstacle.fact}, as {names} is declared",
        "idle": f"the constraint {term} = 0 does not depend on {names}",
    }[obstacle.kind]


def _called(x: Tensor | None) -> str:
    """The name of a variable, or its formula."""
    return "a multiplier" if x is None else x.name or _short(x.node)


def _short(node: Node) -> str:
    text = str(wrap(node, None))
    return text if len(text) <= LONGEST else text[:LONGEST - 1] + "…"
