"""Contractions distributed over sums of broadcast terms, where that costs less: no array of all pairs.

`x[:, None] - mu` has one entry for every point, centre and coordinate. What is contracted with it needs none of them:
sum_n w_nk (x_n - mu_k) = w' x - (sum_n w_nk) mu_k, a matrix product and a small one. A sum is not made at all where
every contraction over it is cheaper distributed, all of them and its own entries counted at representative sizes.

What rounding does, u being the unit roundoff (Higham, Accuracy and Stability, 2nd ed., 3.5): a distributed
contraction is a matrix product, so its error is at most a few n u sum |w| (|x| + |mu|), where the direct one has
|x - mu| in place of |x| + |mu|. Of a difference, a common centre is taken off both sides first, which changes nothing:
|x - c| + |mu - c| is the spread of the data, however far from zero they lie. What is left is as if each point had been
rounded once at the size of that spread. c is a mean: a centre that lies far from all others widens the spread for all.

Squared distances cancel by the square of that, which is too much: `distances` (python/helpers.py) keeps them accurate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

from symgrad.codegen.lowering.factors import UsedFactor, Uses, price_of, sizes_of
from symgrad.codegen.lowering.order import GEMM, typical
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import broadcast, contract, literal, scale
from symgrad.graphs.algebra.linear import distances
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.sizes import product
from symgrad.graphs.weights import MINUS, ONE, Weight, inverse, times, weight

TERMS = 4  # terms of a sum that is distributed over


class Spread(NamedTuple):
    """A term of a sum: `by` times `base` along `axes` of the sum, the same along all others."""

    base: Node
    axes: tuple[int, ...]
    by: Weight

    def over(self, shape: Sequence[Any]) -> Node:
        """The term in full, as a view."""
        return broadcast(self.base, self.axes, tuple(shape))


def distributed(graph: Uses) -> dict[Node, Node]:
    """The products to be replaced, each by a sum of products."""
    sums = {node: terms for node in graph.nodes if (terms := _spread(node))}
    if not sums:
        return {}
    inside: dict[Node, list[tuple[Node, list[UsedFactor]]]] = {node: [] for node in sums}
    elsewhere = set(graph.kept)
    users: set[tuple[Node, Node]] = set()
    for node, factors in graph.products():
        for s in dict.fromkeys(f.node for f in factors if f.node in sums):
            inside[s].append((node, factors))
            users.update((f.user, s) for f in factors if f.node is s)
    found: dict[Node, Node] = {}
    for s, terms in sums.items():
        needed = s in elsewhere or any((user, s) not in users for user in graph.uses[s])
        centred, shifts = _centred(s, terms)
        gains = 0.0 if needed else 2.0 * _count(s)
        better: list[tuple[Node, Node]] = []
        worse = False
        for node, factors in inside[s]:
            new, price = _over_terms(graph, node, factors, s, terms, centred) if node not in found else (None, 0.0)
            gain = price_of_factors(factors, node) - price
            if new is not None and (not needed or gain > shifts):
                better.append((node, new))
                gains += gain
            else:
                worse = True
        if not worse and better and gains > shifts:
            found.update(better)
    return found


def price_of_factors(factors: Sequence[UsedFactor], node: Node) -> float:
    """What a product costs with the products inside it taken apart."""
    return price_of(contract([f.node for f in factors], [f.labels for f in factors], node.attrs[1]))


def _spread(node: Node) -> list[Spread] | None:
    """The terms of a sum in which every term is constant along an axis."""
    if node.op is not ops.ADD or node.dtype != REAL or not 2 <= len(node.operands) <= TERMS or 0 in node.shape:
        return None
    terms = []
    for operand, by in zip(node.operands, node.attrs[0], strict=True):
        while operand.op is ops.ADD and len(operand.operands) == 1:
            operand, by = operand.operands[0], times(by, operand.attrs[0][0])
        if operand.op is not ops.VIEW or not operand.operands or operand.operands[0].dtype != REAL:
            return None
        (inner,), out = operand.attrs
        if len(set(out)) < len(out) or len(set(inner)) < len(inner):
            return None
        axes = tuple(out.index(label) for label in inner)
        if all(size == 1 or axis in axes for axis, size in enumerate(node.shape)):
            return None
        terms.append(Spread(operand.operands[0], axes, by))
    return terms


def _count(node: Node) -> float:
    return float(prod(map(typical, node.shape)))


def _opposite(terms: Sequence[Spread]) -> bool:
    """Is this w x - w m, which does not change when both are moved?"""
    return len(terms) == 2 and times(terms[0].by, MINUS) == terms[1].by


def _centred(s: Node, terms: Sequence[Spread]) -> tuple[list[Spread], float]:
    """Both sides of a difference less a common centre, and what that costs; other sums as they are.

    The centre is the mean of the smaller side, 0 where that is not finite: one infinite point must not reach others.
    """
    if not _opposite(terms):
        return list(terms), 0.0
    common = [axis for axis in terms[0].axes if axis in terms[1].axes]
    small = min(reversed(terms), key=lambda t: _count(t.base))
    count = product(s.shape[axis] for axis in small.axes if axis not in common)
    centre = scale(contract([small.base], [small.axes], common), inverse(weight(count)))
    size = elementwise("abs", [centre])
    finite = elementwise("less", [size, literal(float("inf"), size.shape)])
    centre = elementwise("where", [finite, centre, literal(0, size.shape)])
    moved = []
    for t in terms:
        places = [t.axes.index(axis) for axis in common]
        moved.append(t._replace(base=add([t.base, broadcast(centre, places, t.base.shape)], [ONE, MINUS])))
    return moved, sum(2.0 * _count(t.base) for t in terms)


def _over_terms(graph: Uses, node: Node, factors: Sequence[UsedFactor], s: Node, terms: Sequence[Spread],
                centred: Sequence[Spread]) -> tuple[Node | None, float]:
    """The product `node` without the entries of `s`, and what it costs; None where it needs them."""
    factors = graph.factors(node, _between(graph, node, [f.user for f in factors if f.node is s]))
    own = [f for f in factors if f.node is s]
    others = [f for f in factors if f.node is not s]
    beside = sum(price_of(f.node) for f in others if f.node.op is ops.EINSUM and graph.only_in(f.node, f.user))
    sizes, out = sizes_of(factors), node.attrs[1]
    if len(own) == 2:
        new, price = _squared(own, others, terms, out, sizes)
        return new, price + beside
    if len(own) > 2:
        return None, 0.0
    (labels,) = (f.labels for f in own)
    if set(labels) <= set(out):  # nothing is summed over it
        return None, 0.0
    parts = [contract([*(f.node for f in others), t.base], [*(f.labels for f in others), [labels[a] for a in t.axes]],
                      out, sizes) for t in centred]
    held = [part.shape if part.op is not ops.VIEW else part.operands[0].shape for part in parts if part.operands]
    joined = max((float(prod(map(typical, shape))) for shape in held), default=0.0)
    return add(parts, [t.by for t in centred]), sum(map(price_of, parts)) + 2 * joined * (len(parts) - 1) + beside


def _between(graph: Uses, node: Node, users: Sequence[Node]) -> set[Node]:
    """The products inside `node` that lie between it and `users`."""
    found = set()
    for user in users:
        while user is not node:
            found.add(user)
            (user,) = graph.uses[user]
    return found


def _squared(own: Sequence[UsedFactor], others: Sequence[UsedFactor], terms: Sequence[Spread], out: Sequence[Any],
             sizes: Mapping[Any, Any]) -> tuple[Node | None, float]:
    """Squared distances, where s enters as sum_d (x_nd - m_kd)^2."""
    labels = own[0].labels
    if own[1].labels != labels or len(set(labels)) < len(labels) or not _opposite(terms):
        return None, 0.0
    one, two = ([labels[a] for a in t.axes] for t in terms)
    beside = {x for f in others for x in f.labels}.union(out)
    batch = [x for x in one if x in two and x in beside]
    summed = [x for x in one if x in two and x not in beside]
    left, right = [x for x in one if x not in two], [x for x in two if x not in one]
    if not len(summed) == len(left) == len(right) == 1 or sizes[summed[0]] == 1 or not beside.issuperset(left + right):
        return None, 0.0
    x = contract([terms[0].base], [one], [*batch, *left, *summed])
    m = contract([terms[1].base], [two], [*batch, *right, *summed])
    kept = [*batch, *left, *right]
    pairs = distances(x, m)
    new = contract([pairs, *(f.node for f in others)], [kept, *(f.labels for f in others)], out)
    entries = _count(pairs)
    price = entries * (GEMM * typical(sizes[summed[0]]) + 6) + 4 * (_count(x) + _count(m)) + price_of(new)
    return scale(new, times(terms[0].by, terms[0].by)), price
