"""A choice of two cases in one writing: not by what is negated, within a bound first, shared factors in front."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, scale
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.node import Node
from symgrad.graphs.textbook.bases import Key, Powers
from symgrad.graphs.textbook.conditions import is_size, tested
from symgrad.graphs.textbook.content import content
from symgrad.graphs.textbook.powers import is_triangle, pairs_of, powers_of, written
from symgrad.graphs.weights import ONE, Weight, inverse, times

MOST = 12  # terms of a case in which shared factors are looked for


def choice_form(node: Node) -> Node:
    """A choice in its one writing; [c] {a if c, b otherwise} is [c] a."""
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "where":
        return node
    condition, one, other = node.operands
    if one is other:
        return one
    test, holds = tested(condition)
    inner = tuple(_known(side, test, holds == (place == 0)) for place, side in enumerate((one, other)))
    if inner != (one, other):
        return choice_form(elementwise("where", [condition, *inner]))
    if condition.op is not ops.ELEMENTWISE or is_triangle(condition):
        return node
    if condition.attrs[0] == "greater" and is_size(condition.operands[0]):
        return choice_form(elementwise("where", [elementwise("less_equal", condition.operands), other, one]))
    if condition.attrs[0] == "logical_not":
        return choice_form(elementwise("where", [condition.operands[0], other, one]))
    return _in_front(node)


def _known(node: Node, test: Node, holds: bool) -> Node:
    """A choice where it is known whether its condition holds."""
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "where" and tested(node.operands[0])[0] is test:
        return node.operands[1 if tested(node.operands[0])[1] == holds else 2]
    return node


def _in_front(node: Node) -> Node:
    """{2 a x if c, 4 a otherwise} is 2 a {x if c, 2 otherwise}."""
    condition, *cases = node.operands
    values = [literal_value(case) for case in cases]
    terms = [pairs_of(case) for case in cases]
    if any(value is not None and value.number == 0 for value in values) or max(map(len, terms)) > MOST:
        return node
    read = [[(powers_of(term), by) for term, by in pairs] for pairs in terms]
    by = ONE if None not in values else content([times(each.by, w) for pairs in read for each, w in pairs])
    shared = _shared([each for pairs in read for each, _ in pairs], len(node.shape))
    if not shared and by == ONE:
        return node
    inside = [joined([_without(each, w, shared, by) for each, w in pairs]) for pairs in read]
    axes = tuple(range(len(node.shape)))
    front = Powers(axes, dict(enumerate(node.shape)), ONE, dict(shared))
    front.put(elementwise("where", [condition, *inside]), axes, Fraction(1))
    return scale(written(front), by)


def _shared(read: Sequence[Powers], rank: int) -> dict[Key, Fraction]:
    """The bases of all terms, to the exponent that is nearest to zero."""
    found: dict[Key, Fraction] = {}
    for key in read[0].bases:
        exponents = [each.bases.get(key, Fraction(0)) for each in read]
        if all(e > 0 for e in exponents) or all(e < 0 for e in exponents):
            if all(isinstance(x, int) and x < rank for x in key[1]):
                found[key] = min(exponents, key=abs)
    return found


def _without(read: Powers, w: Weight, shared: dict[Key, Fraction], by: Weight) -> tuple[Node, Weight]:
    less = Powers(read.out, dict(read.sizes), read.by, dict(read.bases))
    for (base, labels), e in shared.items():
        less.put(base, labels, -e)
    return written(less), times(w, inverse(by))
