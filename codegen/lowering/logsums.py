"""Two-term log-sum-exp: a + softplus(b - a), as the algebra has log(exp(a) + exp(b)), is computed from the larger one.

a + log(1 + exp(b - a)) loses b where a is far below it, as b is then what is left when a large number is taken from
another. max(a, b) + log(1 + exp(-|a - b|)) loses nothing, and is right at infinities.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.node import Node
from symgrad.graphs.rewrites.patterns import bare, row_of
from symgrad.graphs.weights import MINUS, Weight, inverse, times

Terms = list[tuple[Node, Weight]]


def larger_first(terms: Sequence[tuple[Node, Weight]]) -> tuple[int, int, tuple[Terms, Terms]] | None:
    """(place of softplus(b - a), place of a, (a, b)) in a sum that has both, each as a sum of terms."""
    for i, (node, by) in enumerate(terms):
        bent = row_of(node, "softplus")
        bent = bare(bent) if bent is not None else None
        if bent is None or bent.op is not ops.ADD or len(bent.operands) < 2:
            continue
        inside = list(zip(bent.operands, bent.attrs[0], strict=True))
        for j, (base, weight) in enumerate(terms):
            share = times(weight, inverse(by))
            opposite = (base, times(share, MINUS))
            if i != j and opposite in inside:
                return i, j, ([(base, share)], [pair for pair in inside if pair != opposite])
    return None
