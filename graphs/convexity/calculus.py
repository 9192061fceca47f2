"""Convexity composed up the graph: what follows for a node from what is known of its operands, entry by entry.

The rules are those of disciplined convex programming (Grant, Boyd and Ye, 2006) in the finer algebra of `bends.py`, and
every entry of a node obeys them. Points count at which the formula is a real number (`ranges.py`); that these are a
convex set is another question (`domains.py`). What a rule used stands in `reasons`: one line for each node, and the
operands it rests on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import NamedTuple

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.convexity import products
from symgrad.graphs.convexity.bends import (
    AFFINE,
    ONE_ORDER,
    WILD,
    ZERO_ORDER,
    Bend,
    Order,
    at_most,
    completed,
    composed,
    of_power,
    of_sum,
    over,
    sign_of,
    turned,
    weakest_above,
    weakest_below,
)
from symgrad.graphs.convexity.definite import is_semidefinite
from symgrad.graphs.convexity.functions import shape_of
from symgrad.graphs.convexity.interval import Interval
from symgrad.graphs.convexity.ranges import Ranges, exponent_of, weight_range
from symgrad.graphs.node import Node, depends, topological
from symgrad.graphs.weights import to_expr

SAME = (ops.NAMED, ops.SLICE, ops.RESHAPE, ops.GATHER, ops.WINDOWS, ops.PAD)  # entries of the operand, and zeros
ADDING = (ops.CUMSUM, ops.OVERLAP, ops.SCATTER)


class Because(NamedTuple):
    """Why a node bends as it does: a rule in words, and the nodes that it rests on."""

    rule: str
    parts: tuple[Node, ...] = ()


class Calculus:
    """How every node below `root` bends in `variables`."""

    def __init__(self, root: Node, variables: Sequence[Node], ranges: Ranges | None = None) -> None:
        self.ranges = ranges or Ranges(root)
        self.live = depends([root], variables)
        self.variables = frozenset(variables)
        self.bends: dict[Node, Bend] = {}
        self.reasons: dict[Node, Because] = {}
        self.never_negative: set[Node] = set()  # by what they are made of, not by a domain that they bound themselves
        for node in topological([root]):
            self(node)

    def __call__(self, node: Node) -> Bend:
        """How a live node bends; its operands were asked before."""
        if node not in self.bends:
            bend, why = self._found(node)
            self.bends[node] = completed(bend, self.ranges(node))
            if bend.above is not None or bend.below is not None or self.ranges.raw[node].nonnegative:
                self.never_negative.add(node)
            if why is not None:
                self.reasons[node] = why
        return self.bends[node]

    def _found(self, node: Node) -> tuple[Bend, Because | None]:
        if node not in self.live:
            return AFFINE, None
        if node in self.variables:
            return AFFINE, None
        rule = RULES.get(node.op)
        return rule(self, node) if rule is not None else (WILD, None)

    def is_live(self, node: Node) -> bool:
        """Does it depend on the variables?"""
        return node in self.live


Judged = tuple[Bend, Because | None]


def _same(c: Calculus, node: Node) -> Judged:
    if any(o in c.live for o in node.operands[1:]):
        return WILD, None
    return c.bends[node.operands[0]], c.reasons.get(node.operands[0])


def _concat(c: Calculus, node: Node) -> Judged:
    live = [c.bends[o] for o in node.operands if o in c.live]
    if not all(c.ranges(o).nonnegative for o in node.operands):
        return Bend(all(b.convex for b in live), all(b.concave for b in live)), None
    return Bend(all(b.convex for b in live), all(b.concave for b in live), weakest_above(b.above for b in live),
                weakest_below(b.below for b in live)), None


def _adding(c: Calculus, node: Node) -> Judged:
    if any(o in c.live for o in node.operands[1:]):
        return WILD, None
    bend = c.bends[node.operands[0]]
    return Bend(bend.convex, bend.concave, *of_sum(bend.above, bend.below)), c.reasons.get(node.operands[0])


def _sum(c: Calculus, node: Node) -> Judged:
    parts: list[Bend] = []
    flat, positive = True, True
    for by, o in zip(node.attrs[0], node.operands, strict=True):
        sign = weight_range(by)
        if o not in c.live:
            positive = positive and ((sign.nonnegative and c.ranges(o).nonnegative)
                                     or (sign.nonpositive and c.ranges(o).nonpositive))
            continue
        bend = c.bends[o]
        if sign.nonnegative:
            parts.append(bend)
            positive = positive and c.ranges(o).nonnegative
        else:
            negative = c.ranges(o).nonpositive
            parts.append(turned(bend) if sign.nonpositive else bend if bend.affine else WILD)
            positive = positive and sign.nonpositive and negative
            if positive:  # -f ≥ 0 by itself
                parts[-1] = completed(parts[-1], Interval(Fraction(0)))
        flat = flat and bend.affine
    above = weakest_above(b.above for b in parts) if positive else None
    below = weakest_below(b.below for b in parts) if positive else None
    if len(node.operands) > 1:
        above, below = of_sum(above, below)
    made = Bend(all(b.convex for b in parts), all(b.concave for b in parts), above, below)
    live = tuple(o for o in node.operands if o in c.live and not c.bends[o].affine)
    return made, None if flat else Because("sum" if len(live) > 1 else "weight", live)


def _view(c: Calculus, node: Node) -> Judged:
    (x,) = node.operands
    if x.op in (ops.CHOLESKY, ops.INVERSE) and x.operands[0] in c.live:
        return _diagonal(c, node)
    return _same(c, node)


def _diagonal(c: Calculus, node: Node) -> Judged:
    """Diagonals of a Cholesky factor, roots of Schur complements, and of an inverse, their reciprocals."""
    (x,), ((names,), _) = node.operands, node.attrs
    a = x.operands[0]
    if names[-1] != names[-2] or not c.bends[a].affine:
        return WILD, None
    if x.op is ops.CHOLESKY:
        return Bend(below=Fraction(2)), Because("cholesky diagonal", (a,))
    if not is_semidefinite(a, len(a.shape) - 2, 1, c.ranges):
        return WILD, None
    return Bend(above=Fraction(-1)), Because("inverse diagonal", (a,))


def _function(c: Calculus, node: Node) -> Judged:
    row, operands = node.attrs[0], node.operands
    if row in FUNCTION_RULES:
        return FUNCTION_RULES[row](c, node)
    if any(o in c.live for o in operands[1:]):
        return WILD, None
    x = operands[0]
    outer, rises, falls = shape_of(row, c.ranges(x), [exponent_of(o) for o in operands])
    return composed(outer, rises, falls, c.bends[x]), Because(row, (x,))


def positive_orders(c: Calculus, node: Node) -> tuple[Order | None, Order | None]:
    """The orders of a node that is not negative wherever the formula is a number."""
    bend = completed(c.bends[node], Interval(Fraction(0)))
    return bend.above, bend.below


def _logarithm(c: Calculus, node: Node) -> Judged:
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


def _exponential(c: Calculus, node: Node) -> Judged:
    (x,) = node.operands
    bend = c.bends[x]
    return Bend(above=ZERO_ORDER if bend.convex else None, below=ZERO_ORDER if bend.concave else None), Because("exp", (x,))


def _sigmoid(c: Calculus, node: Node) -> Judged:
    (x,) = node.operands
    bend = c.bends[x]
    plain = composed(*shape_of("sigmoid", c.ranges(x), []), bend)
    return Bend(plain.convex, plain.concave, None, ZERO_ORDER if bend.concave else None), Because("sigmoid", (x,))


def _erfc(c: Calculus, node: Node) -> Judged:
    """A tail of the normal distribution is log-concave, and falls."""
    (x,) = node.operands
    bend = c.bends[x]
    plain = composed(*shape_of("erfc", c.ranges(x), []), bend)
    return Bend(plain.convex, plain.concave, None, ZERO_ORDER if bend.convex else None), Because("erfc", (x,))


def _cosh(c: Calculus, node: Node) -> Judged:
    """A sum of exponentials, which grows with the size of its argument."""
    (x,) = node.operands
    plain = composed(*shape_of("cosh", c.ranges(x), []), c.bends[x])
    return Bend(above=ZERO_ORDER if plain.convex else None), Because("cosh", (x,))


def _maximum(c: Calculus, node: Node) -> Judged:
    live = [c.bends[o] for o in node.operands if o in c.live]
    largest = node.attrs[0] == "maximum"
    positive = all(c.ranges(o).nonnegative for o in node.operands)
    above = weakest_above(b.above for b in live) if positive and largest else None
    below = weakest_below(b.below for b in live) if positive and not largest else None
    made = Bend(largest and all(b.convex for b in live), not largest and all(b.concave for b in live), above, below)
    return made, Because(node.attrs[0], tuple(o for o in node.operands if o in c.live))


def _extremum(c: Calculus, node: Node) -> Judged:
    bend = c.bends[node.operands[0]]
    made = Bend(bend.convex, False, bend.above) if node.op is ops.MAX else Bend(False, bend.concave, None, bend.below)
    return made, Because(str(node.op), node.operands)


def _choice(c: Calculus, node: Node) -> Judged:
    """Entries of one or the other, by a condition that the variables do not touch; of `defined`, of one."""
    if node.operands[0] in c.live:
        return _choice_of_live(c, node) if node.attrs[0] != "where" else (WILD, None)
    return _concat_of(c, node.operands[1:])


def _choice_of_live(c: Calculus, node: Node) -> Judged:
    return (c.bends[node.operands[1]], c.reasons.get(node.operands[1])) if node.attrs[0] == "defined" else (WILD, None)


def _concat_of(c: Calculus, nodes: Sequence[Node]) -> Judged:
    live = [c.bends[o] for o in nodes if o in c.live]
    positive = all(c.ranges(o).nonnegative for o in nodes)
    return Bend(all(b.convex for b in live), all(b.concave for b in live),
                weakest_above(b.above for b in live) if positive else None,
                weakest_below(b.below for b in live) if positive else None), Because(
                    "choice", tuple(o for o in nodes if o in c.live))


def _power(c: Calculus, node: Node) -> Judged:
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


def _root(c: Calculus, node: Node) -> Judged:
    return of_base(c, node.operands[0], Fraction(1, 2)), Because("power", node.operands)


def _reciprocal(c: Calculus, node: Node) -> Judged:
    return of_base(c, node.operands[0], Fraction(-1)), Because("power", node.operands)


def of_base(c: Calculus, base: Node, p: Order) -> Bend:
    """How a power of a node bends. A base of both signs has whole exponents only: then its absolute value counts."""
    orders, sign = products.orders_of_base(c, base, p)
    if sign == 0:
        return WILD
    above, below = of_power(*orders, p)
    made = completed(Bend(above=above, below=below), Interval(Fraction(0)))
    return made if sign > 0 else turned(made)


def _softmax(c: Calculus, node: Node) -> Judged:
    (x,) = node.operands
    return Bend(below=ZERO_ORDER if c.bends[x].affine else None), Because("softmax", (x,))


def _logsumexp(c: Calculus, node: Node) -> Judged:
    return Bend(c.bends[node.operands[0]].convex), Because("logsumexp", node.operands)


def _product_along(c: Calculus, node: Node) -> Judged:
    (x,), (axis, order) = node.operands, node.attrs
    if order or not c.ranges(x).nonnegative:
        return WILD, None
    above, below = c.bends[x].above, c.bends[x].below
    n = x.shape[axis]
    count: Order = Fraction(n) if isinstance(n, int) else n
    up = None if above is None or sign_of(above) == 1 else over(above, count)
    down = None if below is None or sign_of(below) not in (0, 1) else over(below, count)
    return Bend(above=up, below=down), Because("product along", (x,))


def _determinant(c: Calculus, node: Node) -> Judged:
    """log det and the n-th root of det are concave on matrices that are positive definite."""
    (a,) = node.operands
    if not c.bends[a].affine or not is_semidefinite(a, len(a.shape) - 2, 1, c.ranges):
        return WILD, None
    if node.op is ops.LOGDET:
        return Bend(concave=True), Because("logdet", (a,))
    if node.attrs[0]:
        return WILD, None
    n = a.shape[-1]
    return Bend(below=over(ONE_ORDER, Fraction(n) if isinstance(n, int) else n)), Because("det", (a,))


def _product(c: Calculus, node: Node) -> Judged:
    bend, rule, parts = products.bend_of_product(c, node)
    return bend, Because(rule, parts) if rule else None


def _never(c: Calculus, node: Node) -> Judged:
    return WILD, None


FUNCTION_RULES: Mapping[str, Callable[[Calculus, Node], Judged]] = MappingProxyType({
    "log": _logarithm, "log1p": _logarithm, "exp": _exponential, "sigmoid": _sigmoid, "erfc": _erfc, "cosh": _cosh,
    "maximum": _maximum,
    "minimum": _maximum, "where": _choice, "defined": _choice, "taken": _choice, "power": _power, "sqrt": _root,
    "reciprocal": _reciprocal})
RULES: Mapping[ops.Op, Callable[[Calculus, Node], Judged]] = MappingProxyType({
    **dict.fromkeys(SAME, _same), **dict.fromkeys(ADDING, _adding), ops.ADD: _sum, ops.EINSUM: _product, ops.VIEW: _view,
    ops.ELEMENTWISE: _function, ops.CONCAT: _concat, ops.MAX: _extremum, ops.MIN: _extremum, ops.SOFTMAX: _softmax,
    ops.LOGSUMEXP: _logsumexp, ops.MULTIPLY: _product_along, ops.LOGDET: _determinant, ops.COFACTOR: _determinant})
