"""Where a formula is a real number: is that a convex set, for all values of what is no variable?

Each function that is not defined everywhere cuts the domain: log g where g > 0, 1/g where g is not 0. The set is convex
where g is never outside, or where g is concave, or some power of it, so that g > 0 is a superlevel set. All of these cuts
are one convex set then. A choice between formulas by a condition on the variables picks the cut itself: no cut may be
below it.
"""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.convexity.bends import ZERO_ORDER, at_most
from symgrad.graphs.convexity.calculus import Calculus
from symgrad.graphs.convexity.definite import is_semidefinite
from symgrad.graphs.convexity.ranges import TESTS_OF_TRUTH, exponent_of
from symgrad.graphs.node import Node, topological
from symgrad.graphs.weights import to_expr

TOTAL = frozenset("""real exp expm1 sin cos sinh cosh sech tanh arctan arcsinh erf erfc log_ndtr hazard sigmoid
    softplus silu gelu log_cosh abs sign floor ceil round sinc sinc_derivative relu leaky_relu elu maximum minimum
    clip where taken zeroed defined times_exp
    arctan2""".split()) | TESTS_OF_TRUTH  # functions of all reals
BOTH_SIDES = ("lgamma", "digamma", "csch", "bose")  # with poles at and below zero


def first_hole(root: Node, calculus: Calculus) -> Node | None:
    """A node that may cut a domain that is not convex out of the space of the variables; None where there is none."""
    live = [n for n in topological([root]) if n in calculus.live]
    cutting = {n for n in live if not _everywhere(n, calculus)}
    for node in live:
        if node in cutting and not _cuts_convexly(node, calculus):
            return node
        chooses = node.op is ops.ELEMENTWISE and node.attrs[0] in ("where", "taken", "defined", "clip")
        if cutting and chooses and node.operands[0] in calculus.live and node.attrs[0] != "clip":
            below = set(topological(node.operands[1:])) & cutting
            if below and node.attrs[0] != "defined":
                return node
    return None


def _everywhere(node: Node, c: Calculus) -> bool:
    """Is a node a number wherever its operands are?"""
    if not node.operands or not any(o in c.live for o in node.operands):
        return True
    if node.op in (ops.INVERSE, ops.SOLVE, ops.LOGDET, ops.CHOLESKY):
        return node.op is ops.SOLVE and node.operands[0] not in c.live
    if node.op is not ops.ELEMENTWISE or node.attrs[0] in TOTAL:
        return True
    row, x = node.attrs[0], node.operands[0]
    if row == "power":
        p = exponent_of(node.operands[1])
        if p is not None and p.denominator == 1 and p >= 0:
            return True
        values, by = c.ranges.raw[x], literal_value(node.operands[1])
        e = to_expr(by) if by is not None and by.factor is not None else None  # a size: x^n
        if e is not None and e.is_positive and (e.is_integer or x in c.never_negative):
            return True
        return values.positive or (p is not None and p > 0 and x in c.never_negative) or (
            p is not None and p.denominator == 1 and values.negative)
    values = c.ranges.raw[x]
    if row == "sqrt":
        return x in c.never_negative
    if row in ("reciprocal", "log_abs", *BOTH_SIDES):
        return values.positive or (row in ("reciprocal", "log_abs") and values.negative)
    if row in ("log", "log2", "log10", "log1mexp", "log_or_zero"):
        return values.positive
    return row == "log1p" and values.low > -1


def _cuts_convexly(node: Node, c: Calculus) -> bool:
    x = node.operands[0]
    if node.op is ops.CHOLESKY:
        return c.bends[x].affine
    if node.op in (ops.INVERSE, ops.SOLVE, ops.LOGDET):
        return c.bends[x].affine and is_semidefinite(x, len(x.shape) - 2, 1, c.ranges)
    row, values, bend = node.attrs[0], c.ranges.raw[x], c.bends[x]
    superlevel = is_positive_on_convex_set(x, c)
    nonnegative = x in c.never_negative
    if row == "log1p":
        return bend.concave
    if row in ("arcsin", "arccos", "arctanh", "erfinv"):
        return bend.affine
    if row == "arccosh":
        return bend.concave
    if row == "power":
        if node.operands[1] in c.live:
            return False
        p = exponent_of(node.operands[1])
        if p is None:  # of a size, as 1/n, or of data
            return superlevel and nonnegative
        if p.denominator == 1:
            return (superlevel and nonnegative) or (bend.convex and values.nonpositive)
        return bend.concave or bend.below is not None or (p < 0 and superlevel)
    if row in ("reciprocal", "log_abs"):
        return (superlevel and nonnegative) or (bend.convex and values.nonpositive)
    if row == "sqrt":
        return bend.concave or bend.below is not None
    if row in ("log", "log2", "log10", "log1mexp"):
        return superlevel
    return row in BOTH_SIDES and superlevel and nonnegative



def is_positive_on_convex_set(node: Node, c: Calculus) -> bool:
    """Is {node > 0} convex? So are those of a concave function, and of a product whose factors are never negative."""
    stack = [node]
    while stack:
        x = stack.pop()
        if x not in c.live:
            continue
        values, bend = c.ranges.raw[x], c.bends[x]
        row = x.attrs[0] if x.op is ops.ELEMENTWISE else None
        if values.positive or bend.concave or bend.below is not None or (
                bend.above is not None and at_most(bend.above, ZERO_ORDER)):  # log-convex: it is positive
            continue
        factors = x.op is ops.EINSUM and {label for names in x.attrs[0] for label in names} == set(x.attrs[1])
        if row == "abs" and x.operands[0] in c.never_negative:
            stack += x.operands
        elif x.op in (ops.NAMED, ops.SLICE, ops.RESHAPE) or (x.op is ops.VIEW and len(set(x.attrs[1])) == len(x.shape)):
            stack += x.operands
        elif factors and all(c.ranges.raw[o].nonnegative or o in c.never_negative for o in x.operands):
            stack += x.operands
        elif row in ("sqrt", "reciprocal") and x.operands[0] in c.never_negative:
            stack += x.operands
        else:
            return False
    return True
