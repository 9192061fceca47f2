"""A formula as a sum of terms: what distributing products over sums gives, one sum at a time.

`splits(node)` lists the ways to write a node as a sum by taking one sum apart that a linear path reaches: in
2 X'(X w - y) the terms 2 X'X w and -2 X'y. `levels(node)` repeats that, breadth first. Derivations must never
be distributed (they swell); here the number of terms is bounded and none of them is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, scale
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE, Weight, plus, times

MERGED = 60  # terms among which like ones are looked for
DEPTH = 24  # products and views on the way to a sum
CLEAR = ops.MARKS | {ops.VIEW}  # what makes no part deeper; nor does a sum of one term
Terms = list[Node]


def splits(node: Node) -> list[Terms]:
    """The ways to write `node` as a sum of two or more terms by taking one sum apart, outermost sums first."""
    return [terms for _, terms in _ways(node)]


def nearest_sum(node: Node) -> int:
    """How many operations lie between `node` and the first sum that a linear path reaches; 0 if it is that sum."""
    return min((depth for depth, _ in _ways(node)), default=0)


def is_clear(node: Node) -> bool:
    """Does what lies below `node` count as deep as the node itself?"""
    return node.op in CLEAR or (node.op is ops.ADD and len(node.operands) == 1)


def _ways(node: Node) -> Iterator[tuple[int, Terms]]:
    queue: list[tuple[Node, Callable[[Node], Node], int, int]] = [(node, lambda term: term, 0, 0)]
    while queue:
        inner, put, steps, depth = queue.pop(0)
        if inner.op is ops.ADD and len(inner.operands) > 1:
            yield depth, [put(scale(o, by)) for o, by in zip(inner.operands, inner.attrs[0], strict=True)]
        elif steps < DEPTH:
            below = depth if is_clear(inner) else depth + 1
            queue += [(inner.operands[i], _composed(put, inner, i), steps + 1, below) for i in _linear_in(inner)]


def _linear_in(node: Node) -> list[int]:
    """The operands in which `node` is linear."""
    if node.op in ops.SUMS | ops.PRODUCTS:
        return list(range(len(node.operands)))
    if node.op is ops.STOP or node.op in ops.LINEAR and node.op is not ops.CONCAT:
        return [0]
    return [1] if node.op is ops.SOLVE else []


def _composed(put: Callable[[Node], Node], node: Node, place: int) -> Callable[[Node], Node]:
    return lambda term: put(replaced(node, place, term))


def replaced(node: Node, place: int, term: Node) -> Node:
    """`node` with `term` as its operand at `place`; names of what it was are dropped."""
    if node.op in ops.MARKS:
        return term
    if node.op is ops.EINSUM:  # one occurrence of an operand, not all
        labels, out = node.attrs
        operands = [*node.operands[:place], term, *node.operands[place + 1:]]
        return contract(operands, labels, out)
    return rebuild(node, (*node.operands[:place], term, *node.operands[place + 1:]))


def unscaled(node: Node) -> tuple[Weight, Node]:
    """`node` as a weight times a node without one."""
    by = ONE
    while node.op is ops.ADD and len(node.operands) == 1:
        by, node = times(by, node.attrs[0][0]), node.operands[0]
    return by, node


def merged(terms: Terms) -> Terms:
    """The same sum with like terms added up."""
    weights: dict[Node, list[Weight]] = {}
    for term in terms:
        by, base = unscaled(term)
        parts = weights.setdefault(base, [])
        for i, part in enumerate(parts):
            joined = plus(part, by)
            if joined is not None:
                parts[i] = joined
                break
        else:
            parts.append(by)
    return [scale(base, by) for base, parts in weights.items() for by in parts if by.number != 0]


def levels(node: Node, most: int) -> Iterator[tuple[Terms, Terms]]:
    """Sums equal to `node`, each with the sums of the one before taken apart once, until `most` terms were made.

    Each comes with all its terms and those of other ways to take the same sum apart, none of them met before.
    """
    current, seen = [node], {node}
    while True:
        parts: Terms = []
        others: Terms = []
        for term in current:
            ways = splits(term) if len(seen) + len(parts) + len(others) < most else []
            parts += ways[0] if ways else [term]
            others += [each for way in ways[1:] for each in merged(way)]
        parts = merged(parts)
        new = [term for term in dict.fromkeys([*parts, *others]) if term not in seen]
        if not new:
            return
        seen.update(new)
        current = parts
        yield parts, new[:most]


def plain(node: Node) -> Node:
    """The same value in a textbook's form, where the stable form is another: sigmoid(-z) is 1 - sigmoid(z).

    Of the sums that distributing then gives, the smallest: (1 - y) p - y (1 - p) is p - y.
    """

    def rule(each: Node, operands: tuple[Node, ...]) -> Node:
        new = rebuild(each, operands)
        if new.op is not ops.ELEMENTWISE or new.attrs != ("sigmoid",) or unscaled(new.operands[0])[0].number >= 0:
            return new
        turned = elementwise("sigmoid", [scale(new.operands[0], MINUS)])
        return add([literal(1, new.shape), turned], [ONE, MINUS])

    (spread,) = transform([node], rule, {})
    if spread is node:
        return node
    sums = [spread, *(add(parts) for parts, _ in levels(spread, MERGED) if parts)]
    return min(sums, key=lambda each: len(topological([each])))
