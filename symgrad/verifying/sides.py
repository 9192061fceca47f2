"""The two sides of a verdict, and how a part of either is shown as a tensor."""

from __future__ import annotations

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale
from symgrad.graphs.node import Node
from symgrad.graphs.pieces.terms import unscaled
from symgrad.graphs.samples import sample_axes, sample_size
from symgrad.graphs.weights import from_expr, weight
from symgrad.language.tensor import Tensor, wrap
from symgrad.verifying.ratios import Ratio


class Sides:
    """A claim, the right formula, and how parts of them are shown."""

    def __init__(self, claim: Tensor, right: Tensor) -> None:
        self.claim, self.right = claim, right
        roots = [right.node, claim.node]
        self.size = sample_size(roots)
        self.axes = sample_axes(roots)

    def part(self, node: Node, factor: Ratio = 1.0) -> Tensor:
        """A tensor for a part of a formula, times `factor`; what is the same for all samples, without their axis."""
        by = from_expr(factor) if isinstance(factor, sp.Expr) else weight(factor)
        own, base = unscaled(node)
        node = scale(node, by)
        over = None
        if self.size is not None and node.shape and node.shape[0] == self.size:
            if base.op is ops.VIEW and base.attrs[1].count(base.attrs[1][0]) == 1 and not (
                    base.operands and base.attrs[1][0] in base.attrs[0][0]):
                labels, out = base.attrs
                sizes = dict(zip(out[1:], base.shape[1:], strict=True))
                return wrap(scale(scale(contract(base.operands, labels, out[1:], sizes), own), by))
            known = self.axes if base in self.axes else sample_axes([base])
            over = self.size if known.get(base) == 0 else None
        return wrap(node, over)
