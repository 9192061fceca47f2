"""Which products are squares: ∑ A_i A_i, read off the symmetry of their labels.

A scalar product of factors with named axes, all summed, is a square where exchanging its factors in pairs leaves it as it
is: `w_a X_ia X_ib w_b` becomes itself under a <-> b, so it is ∑_i r_i² with the half r_i = X_ia w_a that holds a. Labels
that stay are the axes of the half. A factor that is its own partner holds no variable: it is a weight, whose root the
half takes, or, where its last two labels are exchanged, a matrix K = L L', which the half takes as L (least squares with
a covariance). Powers, selections and moved entries of squares are opened before (`halved`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from symgrad.graphs import ops
from symgrad.graphs.algebra import linear
from symgrad.graphs.algebra.einsum import contract, scale, zeros
from symgrad.graphs.algebra.flattening import Factor, Labels, product
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.facts import POSITIVE_DEFINITE, facts_of
from symgrad.graphs.node import Node, transform
from symgrad.graphs.rewrites.patterns import row_of
from symgrad.graphs.rewrites.roots import power_of_root, power_of_size
from symgrad.graphs.sizes import Size
from symgrad.graphs.stationary.halves import Varies, halved, root_of
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import ONE, Weight, times, weight

WIDEST = 14  # factors of a product that is looked at
HALF = weight(0.5)
fresh = count(10**6)  # labels that no product has


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """`by` times the sum over all labels of the product of `factors`; `sizes` of labels that no factor holds, too."""

    by: Weight
    factors: tuple[Factor, ...]
    sizes: dict[int, Size]


@dataclass(frozen=True, slots=True, eq=False)
class SquareTerm:
    """`by` ∑ weights half²: `half` are factors with the axes `out`, `weights` hold no variable and some of these axes.

    `matrices` must be positive definite, which is declared of none of them.
    """

    by: Weight
    weights: tuple[Factor, ...]
    half: tuple[Factor, ...]
    out: Labels
    sizes: dict[int, Size]
    matrices: tuple[Node, ...] = ()
    doubted: bool = False  # a square by chance, unless something else is a multiple of its half


def without_names(node: Node) -> Node:
    """The same value without display names; √u² is u, |u|² is u²; a solve is a product with the inverse."""
    def rule(old: Node, operands: tuple[Node, ...]) -> Node:
        if old.op is ops.NAMED:
            return operands[0]
        if old.op is ops.SOLVE:
            a, b = operands
            stack = tuple(range(len(a.shape) - 2))
            row, column = len(b.shape), len(stack)
            rest = range(len(stack) + 1, len(b.shape))
            return contract([linear.inverse(a), b], [(*stack, row, column), range(len(b.shape))], (*stack, row, *rest))
        new = rebuild(old, operands)
        if new.op is ops.EINSUM or (new.op is ops.ELEMENTWISE and new.attrs[0] == "power"):
            new = power_of_size(new)
            return power_of_root(new) if new.op is ops.EINSUM or new.attrs[0] == "power" else new
        return new

    return transform([node], rule, {})[0]


def scalars(node: Node, by: Weight = ONE) -> list[Scalar]:
    """A scalar node as a sum of products, sums at its top taken apart."""
    found: list[Scalar] = []
    stack = [(by, node)]
    while stack:
        by, node = stack.pop()
        if node.op is ops.ADD:
            stack += [(times(by, each), o) for each, o in reversed(list(zip(node.attrs[0], node.operands, strict=True)))]
        else:
            found.append(_opened(by, [(node, ())], {}))
    return found


def opened(scalar: Scalar, varies: Varies) -> Scalar | None:
    """One level deeper: products among the factors become factors themselves; None where nothing is left to open."""
    factors: list[Factor] = []
    for node, labels in scalar.factors:
        if node.op is ops.EINSUM and len(factors) < WIDEST:
            factors += _inside(node, labels)
        elif varies(node) and (half := halved(node, varies)) is not None:
            factors += [(half, labels), (half, labels)]
        elif (parts := _over_parts(node)) is not None:
            factors += [(part, labels) for part in parts]
        else:
            factors.append((node, labels))
    return None if factors == list(scalar.factors) else _opened(scalar.by, factors, scalar.sizes)


def distributed(scalar: Scalar) -> list[Scalar] | None:
    """The product distributed over the first sum among its factors."""
    for place, (node, labels) in enumerate(scalar.factors):
        if node.op is ops.ADD and len(node.operands) > 1:
            rest = [f for i, f in enumerate(scalar.factors) if i != place]
            return [_opened(times(scalar.by, by), [*rest, (part, labels)], scalar.sizes)
                    for by, part in zip(node.attrs[0], node.operands, strict=True)]
    return None


def exponentials_halved(scalar: Scalar, varies: Varies) -> Scalar:
    """The product with exp(z) as exp(z/2) exp(z/2), once: e² is written exp(2 z), too."""
    factors: list[Factor] = []
    for node, labels in scalar.factors:
        z = row_of(node, "exp") if varies(node) and scalar.factors.count((node, labels)) % 2 else None
        factors += [(node, labels)] if z is None else [(elementwise("exp", [scale(z, HALF)]), labels)] * 2
    return replace(scalar, factors=tuple(factors))


def only_exponentials(term: SquareTerm) -> bool:
    """Is the half a product of exponentials?"""
    return all(row_of(node, "exp") is not None for node, _ in term.half)


def _inside(node: Node, labels: Labels) -> list[Factor]:
    inputs, out = node.attrs
    place = dict(zip(out, labels, strict=True))
    for names in inputs:
        for x in names:
            if x not in place:
                place[x] = next(fresh)
    return [(o, tuple(place[x] for x in names)) for o, names in zip(node.operands, inputs, strict=True)]


def _opened(by: Weight, factors: Sequence[Factor], sizes: dict[int, Size]) -> Scalar:
    """A product with the weights and views among its factors taken in: contracted once, and read again."""
    held = {x for _, labels in factors for x in labels}
    left = {x: size for x, size in sizes.items() if x not in held}
    if not any(o.op is ops.VIEW or (o.op is ops.ADD and len(o.operands) < 2) for o, _ in factors):
        return Scalar(by, tuple(factors), {**left, **{x: s for o, xs in factors for x, s in zip(xs, o.shape, strict=True)}})
    node = contract([o for o, _ in factors], [labels for _, labels in factors], (), left)
    if node.op is ops.ADD and len(node.operands) < 2:
        if not node.operands:
            return Scalar(Weight(0), (), {})
        by, node = times(by, node.attrs[0][0]), node.operands[0]
    if node.op is ops.VIEW and not node.operands:
        return Scalar(by, (), {})
    inner = _inside(node, ()) if node.op is ops.EINSUM else [(node, ())]
    return Scalar(by, tuple(inner), {x: s for o, xs in inner for x, s in zip(xs, o.shape, strict=True)})


def _over_parts(node: Node) -> list[Node] | None:
    """1/(a b) as 1/a and 1/b."""
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "reciprocal":
        inner = node.operands[0]
        if inner.op is ops.EINSUM and len(inner.operands) > 1 and all(
                tuple(x) == inner.attrs[1] for x in inner.attrs[0]):
            return [elementwise("reciprocal", [o]) for o in inner.operands]
    return None


# the symmetry -----------------------------------------------------------------------------------------


def square(scalar: Scalar, varies: Varies) -> SquareTerm | None:
    """`scalar` as a weighted sum of squares; None where exchanging its factors in pairs shows none."""
    factors = scalar.factors
    if not 0 < len(factors) <= WIDEST or not any(varies(node) for node, _ in factors):
        return None
    for partner, exchanged in _involutions(factors, varies):
        found = _split(scalar, partner, exchanged)
        if found is not None:
            return found
    return None


def _involutions(factors: Sequence[Factor], varies: Varies) -> Iterator[tuple[dict[int, int], dict[int, int]]]:
    """Every way of exchanging equal factors in pairs that carries labels to labels, as places and as labels."""
    stack: list[tuple[dict[int, int], dict[int, int]]] = [({}, {})]
    tried = 0
    while stack and tried < 500:
        tried += 1
        partner, exchanged = stack.pop()
        i = next((i for i in range(len(factors)) if i not in partner), None)
        if i is None:
            yield partner, exchanged
            continue
        node, labels = factors[i]
        ways: list[tuple[int, Labels]] = [(j, factors[j][1]) for j in range(i + 1, len(factors))
                                          if j not in partner and factors[j][0] is node]
        ways.sort(key=lambda way: way[1] != labels)  # the same labels first: no contraction is taken apart
        if not varies(node):
            ways.append((i, labels))
            if len(labels) > 1:
                ways.append((i, (*labels[:-2], labels[-1], labels[-2])))
        for j, image in reversed(ways):
            more = dict(exchanged)
            if all(more.setdefault(a, b) == b and more.setdefault(b, a) == a for a, b in zip(labels, image, strict=True)):
                stack.append(({**partner, i: j, j: i}, more))


def _split(scalar: Scalar, partner: dict[int, int], exchanged: dict[int, int]) -> SquareTerm | None:
    """The half that holds one of each two exchanged labels; None where a factor holds both of a pair's sides."""
    parent: dict[int, int] = {}

    def find(x: int) -> int:
        while x in parent:
            x = parent[x]
        return x

    moved = [[x for x in labels if exchanged[x] != x] for _, labels in scalar.factors]
    matrices = [i for i in partner if partner[i] == i and moved[i]]
    for i, names in enumerate(moved):
        if i not in matrices:
            for x in names[1:]:
                a, b = find(names[0]), find(x)
                if a != b:
                    parent[b] = a
    side: dict[int, bool] = {}
    for i in partner:
        for x in moved[i]:
            here, there = find(x), find(exchanged[x])
            if here == there:
                return None
            if here not in side:
                side[here], side[there] = True, False
    half: list[Factor] = []
    weights: list[Factor] = []
    unsure: list[Node] = []
    for i, (node, labels) in enumerate(scalar.factors):
        if i in matrices:
            x, y = labels[-2:]
            root = _root_of_matrix(node)
            if root is None or any(exchanged[z] != z for z in labels[:-2]) or exchanged[x] != y:
                return None
            matrix, declared, flipped = root
            own, new = (x if side[find(x)] else y), next(fresh)
            half.append((matrix, (*labels[:-2], new, own) if flipped else (*labels[:-2], own, new)))
            if not declared:
                unsure.append(node)
        elif partner[i] == i:
            weights.append((node, labels))
        elif side[find(moved[i][0])] if moved[i] else i < partner[i]:
            half.append((node, labels))
    held = [x for _, labels in (*half, *weights) for x in labels]
    sizes = {x: s for node, labels in (*half, *weights) for x, s in zip(labels, node.shape, strict=True)}
    out = tuple(x for x in dict.fromkeys(held) if exchanged.get(x, x) == x)
    return SquareTerm(scalar.by, tuple(weights), tuple(half), out, sizes, tuple(unsure))


def _root_of_matrix(node: Node) -> tuple[Node, bool, bool] | None:
    """(L, is it declared positive definite, is it of an inverse) where the symmetric part of a matrix is L L', or L' L."""
    inverted = node.op is ops.INVERSE
    base = node.operands[0] if inverted else node
    if base.shape[-1] != base.shape[-2]:
        return None
    lower_factor = linear.cholesky(base)
    declared = POSITIVE_DEFINITE in facts_of(base)
    if inverted and not declared:
        return None  # the inverse of what is not symmetric has another symmetric part
    return (linear.inverse(lower_factor), declared, True) if inverted else (lower_factor, declared, False)


def half_node(term: SquareTerm) -> Node:
    """The half as a tensor with the axes `out`, without its weights."""
    return product(term.half, term.out, term.sizes)


def weights_node(term: SquareTerm) -> Node | None:
    """The product of the weights with the axes `out`; None where there are none."""
    return product(term.weights, term.out, term.sizes) if term.weights else None


def rooted(term: SquareTerm) -> Node:
    """√weights, with the axes `out`."""
    return product([(root_of(node), labels) for node, labels in term.weights], term.out, term.sizes)


def fully_opened(scalar: Scalar, varies: Varies) -> Scalar:
    """All products among the factors opened."""
    while (deeper := opened(scalar, varies)) is not None and len(deeper.factors) <= WIDEST:
        scalar = deeper
    return scalar


def total_of(nodes: Sequence[Node], weights: Sequence[Weight]) -> Node:
    """A weighted sum, zero where there is nothing."""
    return add(nodes, weights) if nodes else zeros(())
