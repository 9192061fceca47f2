"""Elementwise functions: how a function of an entry bends, by what is known of the entry.

Logarithms, exponentials, powers, roots and reciprocals obey the algebra of orders (`bends.py`); other functions the rule
of composition with the table in `functions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

import sympy as sp

from symgrad.graphs.algebra.einsum import literal_value, scale
from symgrad.graphs.convexity import products
from symgrad.graphs.convexity.bends import (
    ONE_ORDER,
    WILD,
    ZERO_ORDER,
    Because,
    Bend,
    Judged,
    Order,
    at_most,
    completed,
    composed,
    of_power,
    of_sum,
    turned,
    weakest_above,
    weakest_below,
)
from symgrad.graphs.convexity.functions import shape_of
from symgrad.graphs.convexity.interval import Interval
from symgrad.graphs.convexity.ranges import exponent_of
from symgrad.graphs.convexity.scalars import Knowing
from symgrad.graphs.node import Node
from symgrad.graphs.weights import MINUS, to_expr


def bend_of_function(c: Knowing, node: Node) -> Judged:
    row, operands = node.attrs[0], node.operands
    if row in FUNCTION_RULES:
        return FUNCTION_RULES[row](c, node)
    if any(o in c.live for o in operands[1:]):
        return WILD, None
    x = operands[0]
    if row == "abs" or (row == "relu" and x in c.never_negative):
        return (c.bends[x], c.reasons.get(x)) if x in c.never_negative else products.bend_of_size(c, x)
    outer, rises, falls = shape_of(row, c.ranges(x), [exponent_of(o) for o in operands])
    return composed(outer, rises, falls, c.bends[x]), Because(row, (x,))


def positive_orders(c: Knowing, node: Node) -> tuple[Order | None, Order | None]:
    """The orders of a node that is not negative wherever the formula is a number."""
    bend = completed(c.bends[node], Interval(Fraction(0)))
    return bend.above, bend.below


def _logarithm(c: Knowing, node: Node) -> Judged:
    (x,) = node.operands
    above, below = positive_orders(c, x)
    row = node.attrs[0]
    if row == "log1p":  # 1 + x: the one has every order; x itself is only known to be above -1
        if c.ranges(x).nonnegative:
            above = None if above is None else of_sum(above, None)[0]
        else:
            above = None
        below = ONE_ORDER if c.bends[x].concave else None
    convex, concave = above is not None and at_most(above, ZERO_ORDER), below is not None and at_most(ZERO_ORDER, below)
    return Bend(convex, concave), Because(row, (x,))


def _exponential(c: Knowing, node: Node) -> Judged:
    (x,) = node.operands
    bend = c.bends[x]
    return Bend(above=ZERO_ORDER if bend.convex else None, below=ZERO_ORDER if bend.concave else None), Because("exp", (x,))


def _sigmoid(c: Knowing, node: Node) -> Judged:
    (x,) = node.operands
    bend = c.bends[x]
    plain = composed(*shape_of("sigmoid", c.ranges(x), []), bend)
    return Bend(plain.convex, plain.concave, None, ZERO_ORDER if bend.concave else None), Because("sigmoid", (x,))


def _erfc(c: Knowing, node: Node) -> Judged:
    """A tail of the normal distribution is log-concave, and falls."""
    (x,) = node.operands
    bend = c.bends[x]
    plain = composed(*shape_of("erfc", c.ranges(x), []), bend)
    return Bend(plain.convex, plain.concave, None, ZERO_ORDER if bend.convex else None), Because("erfc", (x,))


def _cosh(c: Knowing, node: Node) -> Judged:
    """A sum of exponentials, which grows with the size of its argument."""
    (x,) = node.operands
    plain = composed(*shape_of("cosh", c.ranges(x), []), c.bends[x])
    return Bend(above=ZERO_ORDER if plain.convex else None), Because("cosh", (x,))


def _maximum(c: Knowing, node: Node) -> Judged:
    live = [c.bends[o] for o in node.operands if o in c.live]
    largest = node.attrs[0] == "maximum"
    if largest and node.operands[0] is scale(node.operands[1], MINUS):  # max(u, -u)
        return products.bend_of_size(c, node.operands[0])
    positive = all(c.ranges(o).nonnegative for o in node.operands)
    above = weakest_above(b.above for b in live) if positive and largest else None
    below = weakest_below(b.below for b in live) if positive and not largest else None
    made = Bend(largest and all(b.convex for b in live), not largest and all(b.concave for b in live), above, below)
    return made, Because(node.attrs[0], tuple(o for o in node.operands if o in c.live))


def _choice(c: Knowing, node: Node) -> Judged:
    """Entries of one or the other, by a condition that the variables do not touch; of `defined`, of one."""
    if node.operands[0] in c.live:
        return _choice_of_live(c, node) if node.attrs[0] != "where" else (WILD, None)
    return _concat_of(c, node.operands[1:])


def _choice_of_live(c: Knowing, node: Node) -> Judged:
    return (c.bends[node.operands[1]], c.reasons.get(node.operands[1])) if node.attrs[0] == "defined" else (WILD, None)


def _concat_of(c: Knowing, nodes: Sequence[Node]) -> Judged:
    live = [c.bends[o] for o in nodes if o in c.live]
    positive = all(c.ranges(o).nonnegative for o in nodes)
    return Bend(all(b.convex for b in live), all(b.concave for b in live),
                weakest_above(b.above for b in live) if positive else None,
                weakest_below(b.below for b in live) if positive else None), Because(
                    "choice", tuple(o for o in nodes if o in c.live))


def _power(c: Knowing, node: Node) -> Judged:
    base, top = node.operands
    if top in c.live:
        if base in c.live or not c.ranges(base).positive:
            return WILD, None
        bend, rises = c.bends[top], c.ranges(base).low >= 1
        above = bend.affine or (bend.convex and rises)
        below = bend.affine or (bend.concave and rises)
        return Bend(above=ZERO_ORDER if above else None, below=ZERO_ORDER if below else None), Because("exp", (top,))
    value = literal_value(top)
    if value is None:
        return WILD, None
    number = exponent_of(top)
    p: Order = number if number is not None else to_expr(value)
    if isinstance(p, sp.Expr) and (p.has(sp.Float) or not p.is_finite):
        return WILD, None
    return of_base(c, base, p), Because("power", (base,))


def _root(c: Knowing, node: Node) -> Judged:
    return of_base(c, node.operands[0], Fraction(1, 2)), Because("power", node.operands)


def _reciprocal(c: Knowing, node: Node) -> Judged:
    return of_base(c, node.operands[0], Fraction(-1)), Because("power", node.operands)


def of_base(c: Knowing, base: Node, p: Order) -> Bend:
    """How a power of a node bends. A base of both signs has whole exponents only: then its absolute value counts."""
    orders, sign = products.orders_of_base(c, base, p)
    if sign == 0:
        return WILD
    above, below = of_power(*orders, p)
    made = completed(Bend(above=above, below=below), Interval(Fraction(0)))
    return made if sign > 0 else turned(made)


FUNCTION_RULES: Mapping[str, Callable[[Knowing, Node], Judged]] = MappingProxyType({
    "log": _logarithm, "log1p": _logarithm, "exp": _exponential, "sigmoid": _sigmoid, "erfc": _erfc, "cosh": _cosh,
    "maximum": _maximum,
    "minimum": _maximum, "where": _choice, "defined": _choice, "taken": _choice, "power": _power, "sqrt": _root,
    "reciprocal": _reciprocal})
