"""Sums of flat products: how a graph is taken apart before its structure is read or its sums are factored.

`expand` writes a node as a sum of `Term`s. A term is a weight times a product of operands with named axes;
its output may repeat a label (a delta) or hold a label that no operand has (ones). Products inside are
flattened, up to contractions that give a vector or a scalar, whose inside cannot matter. Sums inside a product
stay one operand, but what all of their terms share is pulled out of them: `x_j (x_i a_ik + x_i b_ik)` becomes
`x_j x_i (a_ik + b_ik)`, an operand of lower order. Products are never distributed over sums.

`inside(node)` says which nodes may be looked into: all, names included, where structure is read; those used
once and not named where a graph is rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import ONE, Weight, times, weight

Label = int
Labels = tuple[Label, ...]
Factor = tuple[Node, Labels]
Inside = Callable[[Node], bool]
DEEPEST = 6  # sums within products within sums that are looked into
MOST = 24  # operands of one flat product


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """`by` times the product of `factors`, summed over the labels that are not in `out`; one of `out` per axis."""

    by: Weight
    factors: tuple[Factor, ...]
    out: Labels
    sizes: Mapping[Label, Size]

    @property
    def held(self) -> set[Label]:
        """The labels that an operand has."""
        return {x for _, labels in self.factors for x in labels}

    def over(self, factors: Sequence[Factor], out: Sequence[Label]) -> Node:
        """The product of some of the factors, with the axes `out`, without the weight."""
        return product(factors, out, self.sizes)

    def node(self) -> Node:
        """The term as a node."""
        return scale(self.over(self.factors, self.out), self.by)


def product(factors: Sequence[tuple[Node, Sequence[Any]]], out: Sequence[Any], sizes: Mapping[Any, Size]) -> Node:
    """The product of `factors` with the axes `out`; `sizes` may hold labels that do not occur."""
    used = {x for _, labels in factors for x in labels} | set(out)
    return contract([node for node, _ in factors], [labels for _, labels in factors], out,
                    {x: sizes[x] for x in used})


def restricted(term: Term, factors: Sequence[Factor], out: Sequence[Label], by: Weight = ONE) -> Term:
    """Some of the factors of a term, with other axes."""
    used = {x for _, labels in factors for x in labels} | set(out)
    return Term(by, tuple(factors), tuple(out), {x: term.sizes[x] for x in used})


def anywhere(node: Node) -> bool:
    """Look into every node."""
    return True


def is_sum(node: Node) -> bool:
    """A sum of several terms."""
    return node.op is ops.ADD and len(node.operands) > 1


def is_mixed(node: Node) -> bool:
    """A sum with a delta among its terms: better contracted term by term."""
    return is_sum(node) and any(o.op is ops.VIEW and len(set(o.attrs[1])) < len(o.shape) for o in node.operands)


def expand(node: Node, inside: Inside = anywhere, deepest: int = DEEPEST) -> list[Term]:
    """`node` as a sum of terms, in the order in which they were written; zero has none."""
    found: list[Term] = []
    stack = [(ONE, node)]
    while stack:
        by, node = stack.pop()
        if node.op is ops.NAMED and inside(node):
            stack.append((by, node.operands[0]))
        elif node.op is ops.ADD and (len(node.operands) < 2 or inside(node)):
            pairs = zip(node.operands, node.attrs[0], strict=True)
            stack.extend(reversed([(times(by, each), operand) for operand, each in pairs]))
        elif node.op is ops.EINSUM and not _open(node):
            labels = tuple(range(len(node.shape)))
            found.append(Term(by, tuple(_apart(node)), labels, dict(zip(labels, node.shape, strict=True))))
        elif node.op in ops.PRODUCTS:
            term = flat(node, by, inside, deepest)
            if term is not None and len(term.factors) == 1 and is_sum(term.factors[0][0]) and inside(term.factors[0][0]):
                stack.extend(reversed(split(term, 0)))
            elif term is not None:
                found.append(term)
        else:
            found.append(_alone(node, by))
    return found


def split(term: Term, place: int) -> list[tuple[Weight, Node]]:
    """A term, distributed over the sum that is its factor at `place`."""
    node, labels = term.factors[place]
    rest = [factor for i, factor in enumerate(term.factors) if i != place]
    return [(times(term.by, by), product([*rest, (operand, labels)], term.out, term.sizes))
            for operand, by in zip(node.operands, node.attrs[0], strict=True)]


def _alone(node: Node, by: Weight) -> Term:
    labels = tuple(range(len(node.shape)))
    return Term(by, ((node, labels),), labels, dict(zip(labels, node.shape, strict=True)))


def flat(node: Node, by: Weight = ONE, inside: Inside = anywhere, deepest: int = DEEPEST,
         vectors: bool = False) -> Term | None:
    """A product or view as one term; None where a factor is zero. `vectors`: also contractions that give vectors."""
    fresh = count()
    sizes: dict[Label, Size] = {}
    parent: dict[Label, Label] = {}
    done: list[Factor] = []
    stack: list[Factor] = []

    def find(label: Label) -> Label:
        while label in parent:
            label = parent[label]
        return label

    def enter(each: Node, outer: dict[int, Label]) -> None:
        """Put the operands of a product on the stack; `outer` has the labels of its output."""
        for operand, labels in reversed(list(zip(each.operands, each.attrs[0], strict=True))):
            for label, size in zip(labels, operand.shape, strict=True):
                if label not in outer:
                    outer[label] = next(fresh)
                    sizes[outer[label]] = size
            stack.append((operand, tuple(outer[x] for x in labels)))

    place: dict[int, Label] = {}
    for label, size in zip(node.attrs[1], node.shape, strict=True):
        if label not in place:
            place[label] = next(fresh)
            sizes[place[label]] = size
    out = [place[label] for label in node.attrs[1]]
    enter(node, place)
    while stack:
        operand, labels = stack.pop()
        if operand.op is ops.NAMED and inside(operand):
            stack.append((operand.operands[0], labels))
        elif operand.op is ops.ADD and len(operand.operands) < 2:
            if not operand.operands:
                return None
            by = times(by, operand.attrs[0][0])
            stack.append((operand.operands[0], labels))
        elif operand.op is ops.VIEW:
            inner: dict[int, Label] = {}
            for label, outer in zip(operand.attrs[1], labels, strict=True):
                a, b = find(inner.setdefault(label, outer)), find(outer)
                if a != b:
                    parent[b] = a
            enter(operand, inner)
        elif (operand.op is ops.EINSUM and (vectors or _open(operand)) and inside(operand)
              and len(done) + len(stack) + len(operand.operands) <= MOST):
            enter(operand, dict(zip(operand.attrs[1], labels, strict=True)))
        elif operand.op is ops.EINSUM and inside(operand) and len(pieces := _apart(operand)) > 1:
            stack.extend((each, tuple(labels[x] for x in names)) for each, names in reversed(pieces))
        elif (is_sum(operand) and deepest and inside(operand) and len(done) + len(stack) < MOST
              and (apart := pulled(operand, inside, deepest - 1))):
            shared, rest = apart
            stack.append((rest, labels))
            stack.extend((each, tuple(labels[a] for a in axes)) for each, axes in reversed(shared))
        else:
            done.append((operand, labels))
    factors = tuple((operand, tuple(map(find, labels))) for operand, labels in done)
    out = [find(x) for x in out]
    held = {x for _, labels in factors for x in labels}
    for label in {find(x) for x in sizes}.difference(held, out):  # sums of ones
        by = times(by, weight(sizes[label]))
    return Term(by, factors, tuple(out), {x: sizes[x] for x in sizes if x in held or x in out})


def _open(node: Node) -> bool:
    """Not a contraction that gives a vector or a scalar."""
    return len(node.shape) > 1 or {x for labels in node.attrs[0] for x in labels} == set(node.attrs[1])


def _apart(node: Node) -> list[Factor]:
    """A contraction as the product of what no summed label connects: (B x) and y of ∑_k B_ik x_k y_i."""
    inputs, out = node.attrs
    groups: list[tuple[set[int], list[int]]] = []
    for i, labels in enumerate(inputs):
        summed, places = set(labels).difference(out), [i]
        for other in [g for g in groups if not summed.isdisjoint(g[0])]:
            groups.remove(other)
            summed |= other[0]
            places = [*other[1], *places]
        groups.append((summed, places))
    if len(groups) == 1:
        return [(node, tuple(range(len(out))))]
    found: list[Factor] = []
    for _, places in groups:
        held = tuple(x for x in out if any(x in inputs[i] for i in places))
        found.append((contract([node.operands[i] for i in places], [inputs[i] for i in places], held), held))
    return found


def pulled(node: Node, inside: Inside = anywhere,
           deepest: int = DEEPEST) -> tuple[list[tuple[Node, tuple[int, ...]]], Node] | None:
    """The factors that all terms of a sum share, with the axes of the sum they lie on, and the sum without them.

    None where they share none. Afterwards the factors times the rest are the sum.
    """
    terms = expand(node, inside, deepest)
    if len(terms) < 2:
        return None
    axes = [_axes(term) for term in terms]
    left = [list(term.factors) for term in terms]
    shared: list[tuple[Node, tuple[int, ...]]] = []
    for factor in terms[0].factors:
        match = [(0, factor)]
        common = [axes[0].get(x, frozenset()) for x in factor[1]]
        for i in range(1, len(terms)):
            for other in left[i]:
                both = [a & axes[i].get(x, frozenset()) for a, x in zip(common, other[1], strict=True)] if (
                    other[0] is factor[0]) else [frozenset[int]()]
                if other[0] is factor[0] and all(both):
                    common = both
                    match.append((i, other))
                    break
            else:
                break
        if len(match) == len(terms) and all(common):
            for i, other in match:
                left[i].remove(other)
            shared.append((factor[0], tuple(min(a) for a in common)))
    if not shared:
        return None
    rest = [(restricted(term, factors, term.out).node(), term.by) for term, factors in zip(terms, left, strict=True)]
    return shared, joined(rest)


def _axes(term: Term) -> dict[Label, frozenset[int]]:
    """The axes on which each label of the output lies."""
    return {x: frozenset(a for a, label in enumerate(term.out) if label == x) for x in term.out}


def joined(pairs: Sequence[tuple[Node, Weight]]) -> Node:
    """The weighted sum of nodes; sums among them and views of sums are taken apart, so that like terms meet."""
    nodes: list[Node] = []
    weights: list[Weight] = []
    stack = [(by, node) for node, by in reversed(pairs)]
    while stack:
        by, node = stack.pop()
        parts = [node]
        if node.op is ops.ADD and node.operands:
            parts = list(node.operands)
        elif node.op is ops.VIEW and node.operands and is_sum(node.operands[0]):
            sizes = dict(zip(node.attrs[1], node.shape, strict=True))
            inputs, out = node.attrs
            parts = [contract([each], inputs, out, sizes) for each in node.operands[0].operands]
        if parts != [node]:
            weighted = node if node.op is ops.ADD else node.operands[0]
            stack.extend((times(by, each), part) for part, each in reversed(
                list(zip(parts, weighted.attrs[0], strict=True))))
        else:
            nodes.append(node)
            weights.append(by)
    return add(nodes, weights)
