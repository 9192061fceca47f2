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

from symgrad.graphs import ops
from symgrad.graphs.convexity import products
from symgrad.graphs.convexity.bends import (
    AFFINE,
    ONE_ORDER,
    WILD,
    ZERO_ORDER,
    Because,
    Bend,
    Judged,
    Order,
    completed,
    of_sum,
    over,
    sign_of,
    turned,
    weakest_above,
    weakest_below,
)
from symgrad.graphs.convexity.definite import is_semidefinite
from symgrad.graphs.convexity.entrywise import bend_of_function
from symgrad.graphs.convexity.interval import Interval
from symgrad.graphs.convexity.ranges import Ranges, exponent_of, weight_range
from symgrad.graphs.convexity.scalars import proved_range
from symgrad.graphs.node import Node, depends, topological

SAME = (ops.NAMED, ops.SLICE, ops.RESHAPE, ops.GATHER, ops.WINDOWS, ops.PAD)  # entries of the operand, and zeros
PARTIAL = ("log", "sqrt", "reciprocal", "power")
MOST_FORMULAS = 6  # whose sign is looked at
ADDING = (ops.CUMSUM, ops.OVERLAP, ops.SCATTER)


class Calculus:
    """How every node below `root` bends in `variables`."""

    def __init__(self, root: Node, variables: Sequence[Node], ranges: Ranges | None = None) -> None:
        self.ranges = ranges or Ranges(root)
        self.live = depends([root], variables)
        self.variables = frozenset(variables)
        self.bends: dict[Node, Bend] = {}
        self.reasons: dict[Node, Because] = {}
        self._tries = MOST_FORMULAS
        self.never_negative: set[Node] = set()  # by what they are made of, not by a domain that they bound themselves
        for node in topological([root]):
            self(node)

    def __call__(self, node: Node) -> Bend:
        """How a live node bends; its operands were asked before."""
        if node not in self.bends:
            self._sharpen(node)
            bend, why = self._found(node)
            self.bends[node] = completed(bend, self.ranges(node))
            if bend.above is not None or bend.below is not None or self.ranges.raw[node].nonnegative:
                self.never_negative.add(node)
            if why is not None:
                self.reasons[node] = why
        return self.bends[node]

    def _sharpen(self, node: Node) -> None:
        """The sign of what a partial function is taken of, by its formula, where neither form nor shape show it."""
        if node.op is not ops.ELEMENTWISE or node.attrs[0] not in PARTIAL or node.operands[0] not in self.live:
            return
        x = node.operands[0]
        bend = self.bends[x]
        p = exponent_of(node.operands[1]) if node.attrs[0] == "power" else None
        if self.ranges.raw[x].positive or bend.concave or bend.below is not None or self._tries <= 0 or (
                p is not None and p.denominator == 1 and p > 0):
            return
        self._tries -= 1
        values = proved_range(x, self)
        if values is not None:
            self.ranges.sharpen(x, values)
            self.never_negative.add(x)
            self.bends[x] = completed(bend, self.ranges(x))

    def _found(self, node: Node) -> tuple[Bend, Because | None]:
        if node not in self.live:
            return AFFINE, None
        if node in self.variables:
            return AFFINE, None
        rule = RULES.get(node.op)
        return rule(self, node) if rule is not None else (WILD, None)


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
    (x,), ((names,), _) = node.operands, node.attrs
    found = products.bend_of_diagonal(c, x, names)
    if found is not None:
        rule = products.DIAGONALS.get(x.op)
        return found, Because(rule, x.operands) if rule else None
    return _same(c, node)


def _extremum(c: Calculus, node: Node) -> Judged:
    bend = c.bends[node.operands[0]]
    made = Bend(bend.convex, False, bend.above) if node.op is ops.MAX else Bend(False, bend.concave, None, bend.below)
    return made, Because(str(node.op), node.operands)


def _softmax(c: Calculus, node: Node) -> Judged:
    (x,) = node.operands
    return Bend(below=ZERO_ORDER if c.bends[x].affine else None), Because("softmax", (x,))


def _logsumexp(c: Calculus, node: Node) -> Judged:
    return Bend(c.bends[node.operands[0]].convex), Because("logsumexp", node.operands)


def _product_along(c: Calculus, node: Node) -> Judged:
    (x,), (axis, order) = node.operands, node.attrs
    if order or not (c.ranges(x).nonnegative or x in c.never_negative):
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
    if node.op is ops.COFACTOR and a.op is ops.INVERSE and not node.attrs[0]:  # 1/det
        turned_order = _determinant_of(c, a.operands[0])
        return (Bend(above=over(turned_order, Fraction(-1))), Because("det", a.operands)) if turned_order else (WILD, None)
    if not c.bends[a].affine or not is_semidefinite(a, len(a.shape) - 2, 1, c.ranges):
        return WILD, None
    if node.op is ops.LOGDET:
        return Bend(concave=True), Because("logdet", (a,))
    if node.attrs[0]:
        return WILD, None
    return Bend(below=_determinant_of(c, a)), Because("det", (a,))


def _determinant_of(c: Calculus, a: Node) -> Order | None:
    """det is 1/n-concave on n x n matrices that are positive definite."""
    if not c.bends[a].affine or not is_semidefinite(a, len(a.shape) - 2, 1, c.ranges):
        return None
    n = a.shape[-1]
    return over(ONE_ORDER, Fraction(n) if isinstance(n, int) else n)


def _product(c: Calculus, node: Node) -> Judged:
    bend, rule, parts = products.bend_of_product(c, node)
    return bend, Because(rule, parts) if rule else None


RULES: Mapping[ops.Op, Callable[[Calculus, Node], Judged]] = MappingProxyType({
    **dict.fromkeys(SAME, _same), **dict.fromkeys(ADDING, _adding), ops.ADD: _sum, ops.EINSUM: _product, ops.VIEW: _view,
    ops.ELEMENTWISE: bend_of_function, ops.CONCAT: _concat, ops.MAX: _extremum, ops.MIN: _extremum, ops.SOFTMAX: _softmax,
    ops.LOGSUMEXP: _logsumexp, ops.MULTIPLY: _product_along, ops.LOGDET: _determinant, ops.COFACTOR: _determinant})
