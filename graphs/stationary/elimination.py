"""Stationary points by elimination: solve for one variable given the others, put it in, go on with the rest.

Block elimination of a joint linear system is the special case in which every gradient is affine: the Hessian of
what is left is the Schur complement. Variables whose own Hessian is cheapest to invert go first, so an intercept is
eliminated before a matrix of weights, as in a textbook. A constraint c = 0 adds a multiplier λ as one more variable
of `loss + ∑ λ c`, whose gradient is c: it becomes solvable once the others are put in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from symgrad.graphs.algebra.einsum import contract, literal, scale
from symgrad.graphs.algebra.linear import swapped
from symgrad.graphs.algebra.primitives import add, input_node, named
from symgrad.graphs.facts import SIMPLEX, SYMMETRIC, facts_of
from symgrad.graphs.node import Node, Symbol, topological
from symgrad.graphs.reverse import reverse
from symgrad.graphs.rewrites.patterns import bare
from symgrad.graphs.stationary.affine import (
    Obstacle,
    degrees,
    first_beyond,
    is_symmetric,
    positive_sign,
    substituted,
    tidy,
)
from symgrad.graphs.stationary.balance import entry_zero, inverses, keeps_no_pattern, matrix_zero, of_matrix
from symgrad.graphs.stationary.systems import System, joint, system
from symgrad.graphs.weights import weight

Regular = Callable[[Sequence[tuple[Node, int]]], bool]
MULTIPLIER = -3000  # owners from here downwards: multipliers, which never survive


def stationary_points(root: Node, xs: Sequence[Node], constraints: Sequence[Node] = (),
                      names: Mapping[Node, str] = MappingProxyType({}),
                      regular: Regular = lambda matrices: True) -> tuple[list[Node], list[Node]]:
    """The stationary point of a scalar in `xs` where `constraints` are zero, and the multipliers of these.

    Variables in `names` are displayed so where another one's formula uses them. `regular` says of matrices (with the
    number of their stack axes) whether they can be inverted at all: what is singular is not eliminated by. The formulas
    hold where the matrices that they invert are regular. Raises Obstacle where there is no closed form.
    """
    root = inverses(root, xs)
    _check(root, xs, constraints)
    sums = [_sum_minus_one(x) for x in xs if SIMPLEX in facts_of(x) and degrees([root], [x])[root] <= 2]
    lifted = [*constraints, *sums]
    multipliers = [input_node(Symbol("data", f"multiplier {i}", owner=MULTIPLIER - i), c.shape, c.dtype)
                   for i, c in enumerate(lifted)]
    lagrangian = add([root, *(_dot(m, c) for m, c in zip(multipliers, lifted, strict=True))])
    todo = [*multipliers, *xs]
    gradients = dict(zip(todo, map(tidy, reverse(lagrangian, contract([], [], ()), todo)), strict=True))
    found: dict[Node, Node] = {}
    used: list[tuple[Node, int]] = []
    while gradients:
        step = (_next(gradients, regular, used) or _other(lagrangian, gradients, found)
                or _together(gradients, regular, used))
        if step is None:
            raise _reason(root, xs, list(gradients))
        gradients = {x: g for x, g in gradients.items() if x not in step}
        for x, value in step.items():
            done = x in names and not degrees([value], gradients)[value]
            found[x] = named(value, names[x]) if done else value
        put = {x: found[x] for x in step}
        gradients = {x: tidy(substituted(g, put)) for x, g in gradients.items()}
    final: dict[Node, Node] = {}
    shown: dict[Node, Node] = {}
    for x, value in reversed(found.items()):
        final[x] = positive_sign(tidy(substituted(bare(value), shown)))
        shown[x] = named(final[x], names[x]) if x in names else final[x]
    return [final[x] for x in xs], [final[m] for m in multipliers[:len(constraints)]]


def _dot(a: Node, b: Node) -> Node:
    axes = range(len(a.shape))
    return contract([a, b], [axes, axes], ())


def _sum_minus_one(x: Node) -> Node:
    axes = tuple(range(len(x.shape)))
    return add([contract([x], [axes], axes[:-1]), literal(-1, x.shape[:-1])])


def _check(root: Node, xs: Sequence[Node], constraints: Sequence[Node]) -> None:
    """Constraints are affine and do constrain."""
    for c in constraints:
        degree = degrees([c], xs)[c]
        if degree > 1:
            raise Obstacle("constraint", first_beyond(c, xs, 1), xs)
        if degree == 0:
            raise Obstacle("idle", c, xs)
    below = set(topological([root]))
    for x in xs:
        if x not in below and not constraints:
            raise Obstacle("absent", None, [x])


def _next(gradients: Mapping[Node, Node], regular: Regular, used: list[tuple[Node, int]]) -> dict[Node, Node] | None:
    """The variable whose own linear system is cheapest, the later one of two, with its solution.

    What it inverts must be regular for data for which everything in `used` is, and is put there.
    """
    systems: list[System] = []
    for x, g in reversed(list(gradients.items())):
        try:
            found = system(g, x)
        except Obstacle:
            continue
        matrices = [h for h, _ in found.matrices]
        if not any(degrees(matrices, gradients)[h] for h in matrices):  # else it may be singular at the point
            systems.append(found)
    for found in sorted(systems, key=lambda each: each.cost):
        if regular([*used, *found.matrices]):
            used += found.matrices
            return {found.variable: _as_declared(found)}
    return None


def _as_declared(found: System) -> Node:
    """The solution, which must keep the facts of its variable. Raises Obstacle where that is not known."""
    x, value = found.variable, found.solution()
    keeps_no_pattern(x)
    if SYMMETRIC in facts_of(x) and not is_symmetric(value):
        if found.cost or found.stack:
            raise Obstacle("fact", None, [x], fact=SYMMETRIC)
        value = scale(add([value, swapped(value)]), weight(0.5))  # the Hessian is a multiple of the identity
    return value


def _other(root: Node, gradients: Mapping[Node, Node], found: Mapping[Node, Node]) -> dict[Node, Node] | None:
    """A variable whose gradient is not affine, with its solution."""
    problem: Obstacle | None = None
    for x, g in reversed(list(gradients.items())):
        if degrees([g], [x])[g] == 0:
            continue
        try:
            value = _matrix(root, x, found)
            if value is None:
                value = entry_zero(root, g, x, facts_of(x))
        except Obstacle as obstacle:
            problem = problem or obstacle
            continue
        if value is not None:
            return {x: value}
    if problem is not None:
        raise problem
    return None


def _matrix(root: Node, x: Node, found: Mapping[Node, Node]) -> Node | None:
    parts = of_matrix(root, x)
    if parts is None:
        return None
    a, c, d = (tidy(_inserted(part, found)) for part in parts)
    return None if any(degrees([part], [x])[part] for part in (a, c, d)) else matrix_zero(x, a, c, d)


def _inserted(node: Node, found: Mapping[Node, Node]) -> Node:
    for x, value in found.items():
        node = substituted(node, {x: value})
    return node


def _together(gradients: Mapping[Node, Node], regular: Regular,
              used: Sequence[tuple[Node, int]]) -> dict[Node, Node] | None:
    """All variables that are left, where none has a linear system of its own but all together have one."""
    xs, gs = list(gradients), list(gradients.values())
    degree = degrees(gs, xs)
    if len(xs) < 2 or any(degree[g] > 1 for g in gs):
        return None
    matrix, values = joint(gs, xs)
    return dict(zip(xs, values, strict=True)) if regular([*used, (matrix, 0)]) else None


def _reason(root: Node, xs: Sequence[Node], left: Sequence[Node]) -> Obstacle:
    """The term that stands in the way of the variables that are left."""
    if not set(xs) & set(left):
        return Obstacle("redundant", None, xs)
    for x in xs:
        node = first_beyond(root, [x], 2) if x in left else None
        if node is not None:
            return Obstacle("degree", node, [x])
    node = first_beyond(root, xs, 2)
    if node is not None:
        return Obstacle("joint", node, xs)
    return Obstacle("linear", None, [x for x in xs if x in left] or xs)
