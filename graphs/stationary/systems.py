"""Zeros of affine maps, by the structure of their matrix: division, one solve per Kronecker factor, a dense solve.

`g(x) = H x + b` with H the Jacobian of g. The axes of x fall into three kinds, read off the labels of H: *free* ones
(a delta that nothing else touches: columns of a right side), *stacked* ones (a delta that an operand varies
along: one system for each place), and *coupled* ones. What all terms of H have in common on some of the coupled
axes is a factor of a Kronecker product and solved by itself, `(A ⊗ B)^-1 = A^-1 ⊗ B^-1`; several coupled axes
that do not come apart are one long axis of a dense system. So `‖X W - Y‖²` is one solve with X'X for all columns.

Weights and factors that H and b share are cancelled before anything is solved: `(2/T X'X)^-1 2/T X'y` is
`(X'X)^-1 X'y`, and `S^-1 μ = S^-1 m` is `μ = m`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symgrad.graphs.algebra import linear
from symgrad.graphs.algebra.einsum import contract, literal, scale, transpose, zeros
from symgrad.graphs.algebra.flattening import Factor, Term
from symgrad.graphs.algebra.primitives import add, concat, reshape, slices
from symgrad.graphs.node import Node
from symgrad.graphs.reverse import delta_seed, reverse
from symgrad.graphs.sizes import product as size_product
from symgrad.graphs.stationary.affine import (
    Obstacle,
    at_zero,
    degrees,
    negative,
    reciprocal,
    scaled,
    substituted,
    terms,
    tidy,
    total,
)
from symgrad.graphs.weights import Weight, inverse

CoupledAxes = tuple[tuple[int, ...], Node]  # coupled axes, and the matrix: stack, rows, columns


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """`h x = rhs`: h is the Kronecker product of the groups times the `rest` on the axes left."""

    variable: Node
    rhs: Node
    stack: tuple[int, ...]
    groups: tuple[CoupledAxes, ...]
    rest: CoupledAxes

    @property
    def cost(self) -> int:
        """0 for a division, 1 for solves along one axis, more for axes that are flattened."""
        return max(len(axes) for axes, _ in (*self.groups, self.rest))

    @property
    def matrices(self) -> list[tuple[Node, int]]:
        """What is inverted, each with the number of its stack axes; then rows, then columns."""
        return [(h, len(self.stack)) for _, h in (self.rest, *self.groups)]

    def solution(self) -> Node:
        """x, as a node; right where the matrices that are inverted are regular."""
        x = self.rhs
        for axes, h in (self.rest, *self.groups):
            x = _divided(h, x, self.stack) if not axes else _solved(h, x, self.stack, axes)
        return x


def jacobian(g: Node, x: Node) -> Node:
    """The Jacobian, with the axes of g and then those of x."""
    (h,) = reverse(g, delta_seed(g.shape), [x])
    return h


def system(g: Node, x: Node) -> System:
    """The zero of `g`, of the shape of `x`, as a linear system. Raises Obstacle where g is not affine in x, or constant."""
    if degrees([g], [x])[g] > 1:
        raise Obstacle("degree", None, [x])
    h = terms(tidy(jacobian(g, x)))
    if not h:
        raise Obstacle("linear", None, [x])
    value = tidy(at_zero(g, x))
    b = terms(value)
    by = inverse(h[0].by)
    h = scaled(h, by)
    short, less = cancelled(h, b)
    rhs = scale(value, Weight(-1 * by.number, by.factor)) if less is b else negative(total(scaled(less, by)))
    return _split(x, short, rhs, less is b, less, by)


def _split(x: Node, h: Sequence[Term], rhs: Node, plain: bool, b: Sequence[Term], by: Weight) -> System:
    rank = len(x.shape)
    delta = [j for j in range(rank) if all(t.out[j] == t.out[rank + j] for t in h)]
    stack = tuple(j for j in delta if any(t.out[j] in t.held for t in h))
    coupled = [j for j in range(rank) if j not in delta]
    found = [_groups(t, rank, coupled, stack) for t in h]
    shared = [axes for axes, (node, _) in found[0].items()
              if all(axes in each and each[axes][0] is node for each in found)]
    groups = [(axes, found[0][axes][0]) for axes in shared]
    left = tuple(j for j in coupled if not any(j in axes for axes in shared))
    parts = []
    for term, each in zip(h, found, strict=True):
        used = [id(f) for axes in shared for f in each[axes][1]]
        factors = [f for f in term.factors if id(f) not in used]
        out = [term.out[j] for j in (*stack, *left)] + [term.out[rank + j] for j in left]
        parts.append(term.over(factors, out))
    rest = add(parts, [t.by for t in h])
    for axes, _ in list(groups):
        turned = _right_identity(found[0][axes][1], h[0], b, axes[0], rank) if len(axes) == 1 and b else None
        if turned is not None:  # A x = A v
            b = turned
            rhs = negative(total(scaled(b, by)))
            groups = [g for g in groups if g[0] != axes]
    return System(x, rhs, stack, tuple(groups), (left, rest))


def _groups(term: Term, rank: int, coupled: Sequence[int],
            stack: Sequence[int]) -> dict[tuple[int, ...], tuple[Node, list[Factor]]]:
    """The coupled axes that operands of a term connect, each set with its matrix and the operands in it."""
    parent: dict[int, int] = {}

    def find(x: int) -> int:
        while x in parent:
            x = parent[x]
        return x

    def join(labels: Sequence[int]) -> None:
        for x in labels[1:]:
            a, b = find(labels[0]), find(x)
            if a != b:
                parent[b] = a

    apart = {term.out[j] for j in stack}
    inner = [[x for x in labels if x not in apart] for _, labels in term.factors]
    for j in coupled:
        join([term.out[j], term.out[rank + j]])
    for labels in inner:
        join(labels)
    sets: dict[int, list[int]] = {}
    for j in coupled:
        sets.setdefault(find(term.out[j]), []).append(j)
    result = {}
    for root, axes in sets.items():
        factors = [f for f, labels in zip(term.factors, inner, strict=True) if labels and find(labels[0]) == root]
        out = [term.out[j] for j in (*stack, *axes)] + [term.out[rank + j] for j in axes]
        result[tuple(axes)] = term.over(factors, out), factors
    return result


# what H and b share -----------------------------------------------------------------------------------


def cancelled(h: list[Term], b: list[Term]) -> tuple[list[Term], list[Term]]:
    """Both sides without the operands that every term of both has as a factor of the same axes."""
    for factor in h[0].factors if b else ():
        key = _place(factor, h[0].out)
        if key is None:
            continue
        hits = [next((f for f in t.factors if _place(f, t.out) == key), None) for t in (*h, *b)]
        if all(hit is not None for hit in hits):
            both = [_dropped(t, hit) for t, hit in zip((*h, *b), hits, strict=True)]
            return cancelled(both[:len(h)], both[len(h):])
    return h, b


def _place(factor: Factor, out: Sequence[int]) -> tuple[Node, tuple[int, ...]] | None:
    """An operand with the axis of each of its labels; None where one is summed."""
    node, labels = factor
    return (node, tuple(out.index(x) for x in labels)) if all(x in out for x in labels) else None


def _dropped(term: Term, factor: Factor | None) -> Term:
    kept = list(term.factors)
    kept.remove(factor)  # type: ignore[arg-type]
    return replace(term, factors=tuple(kept))


def _right_identity(group: Sequence[Factor], term: Term, b: Sequence[Term], axis: int, rank: int) -> list[Term] | None:
    """v where every term of b is A v, A being the only operand of a group."""
    if len(group) != 1:
        return None
    node, labels = group[0]
    if term.out[axis] not in labels or term.out[rank + axis] not in labels:  # u v'
        return None
    row, column = labels.index(term.out[axis]), labels.index(term.out[rank + axis])
    stack = [p for p in range(len(labels)) if p not in (row, column)]
    found = []
    for each in b:
        mine = each.out[axis]
        for factor in each.factors:
            other, its = factor
            rest = [f for f in each.factors if f is not factor]
            if (other is node and its[row] == mine and its[column] not in each.out and each.out.count(mine) == 1
                    and all(each.out[term.out.index(labels[p])] == its[p] for p in stack)
                    and not any(mine in names for _, names in rest)):
                turned = tuple((n, tuple(mine if x == its[column] else x for x in names)) for n, names in rest)
                found.append(replace(each, factors=turned))
                break
        else:
            return None
    return found


# solves -----------------------------------------------------------------------------------------------


def _divided(h: Node, x: Node, stack: Sequence[int]) -> Node:
    """x / h, h along some of the axes of x."""
    if h is literal(1, h.shape):
        return x
    axes = range(len(x.shape))
    return contract([reciprocal(h), x], [stack, axes], axes)


def _solved(h: Node, x: Node, stack: Sequence[int], axes: Sequence[int]) -> Node:
    """The solve with h along some axes of x, which are one long axis where there are several."""
    rest = [j for j in range(len(x.shape)) if j not in stack and j not in axes]
    order = [*stack, *axes, *rest]
    body = transpose(x, order)
    front, own, back = (tuple(x.shape[j] for j in part) for part in (stack, axes, rest))
    if len(axes) > 1:
        long = size_product(own)
        h = reshape(h, (*front, long, long))
        body = reshape(body, (*front, long, *back))
    result = linear.solve(h, body)
    if len(axes) > 1:
        result = reshape(result, (*front, *own, *back))
    return transpose(result, [order.index(j) for j in range(len(order))])


def joint(gs: Sequence[Node], xs: Sequence[Node]) -> tuple[Node, list[Node]]:
    """The matrix and the zero of several affine maps at once: a dense system of all entries of all variables."""
    lengths = [size_product(x.shape) for x in xs]
    length = sum(lengths)
    rows = []
    right = []
    for g, extent in zip(gs, lengths, strict=True):
        blocks = [reshape(jacobian(g, x), (extent, size_product(x.shape))) for x in xs]
        rows.append(concat(blocks, 1, length))
        value = substituted(g, {x: zeros(x.shape) for x in xs})
        right.append(reshape(negative(value), (extent,)))
    matrix = concat(rows, 0, length)
    solution = linear.solve(matrix, concat(right, 0, length))
    found, start = [], 0
    for x, extent in zip(xs, lengths, strict=True):
        found.append(reshape(slices(solution, [start], [1], (extent,)), x.shape))
        start = start + extent
    return matrix, found
