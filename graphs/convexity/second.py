"""The Hessian by its structure: positive semidefinite as a sum of Gram matrices, diagonals, Kronecker products.

Only where every function is twice differentiable wherever the formula is a number: a Hessian that holds almost
everywhere proves nothing of what has a kink. For several variables the Hessian must fall apart into their blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, scale
from symgrad.graphs.algebra.entries import is_zero
from symgrad.graphs.convexity.calculus import Calculus
from symgrad.graphs.convexity.definite import is_semidefinite
from symgrad.graphs.convexity.ranges import exponent_of
from symgrad.graphs.convexity.scalars import SMOOTH
from symgrad.graphs.errors import DifferentiationError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.reverse import delta_seed, reverse
from symgrad.graphs.rewrites.simplification import simplified
from symgrad.graphs.structure.form import DIAGONAL, LOW_RANK
from symgrad.graphs.structure.reading import structure_of
from symgrad.graphs.weights import MINUS, to_expr

LARGEST_ROOT, LARGEST_HESSIAN, MOST_VARIABLES = 60, 400, 2  # nodes, and variables
SMOOTH_TOO = ("erf", "erfc", "gelu", "silu", "log_ndtr")
SMOOTH_OPS = (ops.ADD, ops.EINSUM, ops.VIEW, ops.NAMED, ops.LOGSUMEXP, ops.SOFTMAX, ops.INVERSE, ops.SOLVE, ops.LOGDET,
              ops.CUMSUM, ops.SLICE, ops.PAD, ops.CONCAT, ops.RESHAPE, ops.GATHER, ops.SCATTER)


def is_smooth(root: Node, c: Calculus) -> bool:
    """Is every function between the variables and `root` twice differentiable inside the domain?"""
    for node in topological([root]):
        if node not in c.live or node.op in ops.LEAVES:
            continue
        if node.op is ops.ELEMENTWISE:
            row, x = node.attrs[0], node.operands[0]
            p = exponent_of(node.operands[1]) if row == "power" else None
            fractional = row == "sqrt" or (p is not None and p.denominator > 1)
            if fractional and not (c.bends[x].affine or c.ranges(x).positive):
                return False
            constant_power = row == "power" and p is not None and node.operands[1] not in c.live
            if row not in SMOOTH and row not in SMOOTH_TOO and not constant_power:
                return False
        elif node.op not in SMOOTH_OPS:
            return False
    return True


def hessian_sign(root: Node, variables: Sequence[Node], c: Calculus) -> tuple[int, Node | None]:
    """1 where the Hessian is positive semidefinite, -1 where negative, with the Hessian; 0 where that is not proved."""
    if len(topological([root])) > LARGEST_ROOT or not is_smooth(root, c):
        return 0, None
    used = [x for x in variables if x in c.live and x in set(topological([root]))]
    if not 0 < len(used) <= MOST_VARIABLES:
        return 0, None
    try:
        blocks = [[simplified(b) for b in reverse(g, delta_seed(g.shape), used)]
                  for g in reverse(root, delta_seed(()), used)]
    except DifferentiationError:
        return 0, None
    for i, row in enumerate(blocks):
        for j, block in enumerate(row):
            if len(topological([block])) > LARGEST_HESSIAN or (i != j and not is_zero(block)):
                return 0, None
    for sign in (1, -1):
        turned = [(row[i] if sign > 0 else scale(row[i], MINUS), len(x.shape)) for i, (row, x) in enumerate(
            zip(blocks, used, strict=True))]
        if all(is_zero(h) or is_semidefinite(h, 0, rank, c.ranges) or _uniform(h, rank) for h, rank in turned):
            return sign, blocks[0][0]
    return 0, None


def _uniform(h: Node, rank: int) -> bool:
    """Is a I + b 1 1' positive semidefinite: a >= 0 and a + b n >= 0?"""
    form = structure_of(h, 0, rank)
    if rank != 1 or form.kind != LOW_RANK or len(form.parts) != 2:
        return False
    diagonal, rest = form.parts
    a = literal_value(diagonal.nodes[0]) if diagonal.kind == DIAGONAL else None
    b = literal_value(rest.terms[0].node()) if len(rest.terms) == 1 else None
    if a is None or b is None:
        return False
    n = sp.sympify(h.shape[0])
    return all(bool(sp.simplify(e).is_nonnegative) for e in (to_expr(a), to_expr(a) + n * to_expr(b)))

