"""X' diag(s) X as Z' Z with Z = sqrt(s) X, where s cannot be negative: BLAS then computes one half (syrk).

So are the Hessians of logistic and Poisson regression, and weighted normal equations whose weights are declared
nonnegative. That s is not negative must follow from its form or from a declared fact: nothing is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from symgrad.codegen.lowering.arrays import Arrays, Expr
from symgrad.codegen.lowering.products import Chain, Labels, Operand, divided
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.rewrites.declared import Facts, nonnegative
from symgrad.graphs.rewrites.patterns import bare, row_of
from symgrad.graphs.weights import ONE

LabelledNode = tuple[Node, Labels]


def halves(b: Arrays, exact: Callable[[Node], Expr], factors: Sequence[LabelledNode], out: Labels) -> list[Operand] | None:
    """Z twice, where the product of `factors` is x_i x_j s, summed over labels of x that s has; None elsewhere."""
    for i, j in combinations(range(len(factors)), 2):
        (x, one), (y, two) = factors[i], factors[j]
        rest = [factor for k, factor in enumerate(factors) if k not in (i, j)]
        if x is not y or x.dtype != REAL or not rest or not _is_gram(one, two, rest, out):
            continue
        if not all(node.dtype == REAL and _not_negative(node) for node, _ in rest):
            continue
        labels = tuple(label for label in one if any(label in names for _, names in rest))
        weights = [divided(exact(node), names) if node.op is ops.ADD else Operand(exact(node), names)
                   for node, names in rest]
        s = Chain(weights, labels).expr(b, labels, REAL)
        z = Chain([Operand(exact(x), one), Operand(b.row("sqrt", [s], REAL), labels)], one).expr(b, one, REAL)
        return [Operand(z, one), Operand(z, two)]
    return None


def _is_gram(one: Labels, two: Labels, rest: Sequence[LabelledNode], out: Labels) -> bool:
    """The labels of x differ at one axis, which the result keeps; all others are shared, and s has only such."""
    apart = [(a, c) for a, c in zip(one, two, strict=True) if a != c]
    shared = set(one) & set(two)
    weighed = {label for _, names in rest for label in names}
    return (len(apart) == 1 and len(set(one)) == len(one) == len(shared) + 1 and set(apart[0]) <= set(out)
            and weighed <= shared and bool(weighed - set(out)))


def _not_negative(node: Node) -> bool:
    """By form or declared; also 1 - p of a probability p, alone or in products and sums."""
    stack: list[Any] = [node]
    while stack:
        n = bare(stack.pop())
        if nonnegative(n, Facts(True)) or _complement(n):
            continue
        if n.op is ops.ADD and all(by.number >= 0 and (by.factor is None or by.factor.is_nonnegative) for by in n.attrs[0]):
            stack += n.operands
            continue
        if n.op is not ops.EINSUM:
            return False
        stack += n.operands
    return True


def _complement(node: Node) -> bool:
    """1 - sigmoid(z) or 1 - softmax(z)."""
    if node.op is not ops.ADD or len(node.operands) != 2:
        return False
    (a, by_a), (p, by_p) = sorted(zip(node.operands, node.attrs[0], strict=True),
                                  key=lambda term: literal_value(term[0]) is None)
    value = literal_value(a)
    return (value == ONE and by_a == ONE and by_p.factor is None and by_p.number == -1
            and (row_of(p, "sigmoid") is not None or bare(p).op is ops.SOFTMAX))
