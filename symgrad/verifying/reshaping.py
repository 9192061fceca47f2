"""Claims of another shape, and claims with their axes in another order: what was summed, or not, or turned."""

from __future__ import annotations

from itertools import combinations, permutations

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import total, transpose
from symgrad.graphs.node import topological
from symgrad.graphs.sizes import product as size_product
from symgrad.graphs.weights import exact
from symgrad.language.tensor import Tensor
from symgrad.verifying.called import is_residual
from symgrad.verifying.ratios import Ratio
from symgrad.verifying.sides import Sides
from symgrad.verifying.trial import Trial
from symgrad.verifying.verdict import Diagnosis, factor_sentence, factor_text, term_text

INNER = 40  # parts of the right formula that a claim of another shape is compared with


def transposes(trial: Trial, claim: Tensor, right: Tensor) -> list[Diagnosis]:
    """The claim with its axes in another order."""
    lead = 0 if right.over is None else 1
    rank = len(right.node.shape)
    if claim.over != right.over or len(claim.node.shape) != rank or rank - lead > 4:
        return []
    axes = list(range(lead, rank))
    orders = sorted((list(p) for p in permutations(axes) if list(p) != axes), key=lambda p: p != axes[::-1])
    for p in orders:
        order = [*range(lead), *p]
        if [right.node.shape[a] for a in order] != list(claim.node.shape):
            continue
        (turned,) = trial.values([transpose(right.node, order)])
        c = trial.factor(trial.claim, turned)
        if c is None or trial.factor(turned, trial.right) == 1:  # a symmetric formula is no transpose of itself
            continue
        what = "the transpose of the right formula"
        if p != axes[::-1]:
            what = f"the right formula with its axes in the order {tuple(a - lead for a in p)}"
        return [Diagnosis("transposed", f"the claim is {what}" if c == 1 else factor_sentence(c, what))]
    return []


def reshaped(trial: Trial, claim: Tensor, right: Tensor) -> list[Diagnosis]:
    """A claim of another shape: transposed, not summed, summed too often, or with axes of size 1."""
    found = transposes(trial, claim, right)
    if found:
        return found
    mine, true = claim.node, right.node
    for one, other, words in ((mine, true, "the sum over {} is missing"), (true, mine, "the claim sums over {} too much")):
        for count in range(1, len(one.shape) - len(other.shape) + 1):
            for axes in combinations(range(len(one.shape)), count):
                summed = total(one, axes)
                if summed.shape != other.shape:
                    continue
                values = trial.values([summed])[0]
                c = trial.factor(values, trial.right if one is mine else trial.claim)
                if c is None:
                    continue
                sizes = " and ".join(str(one.shape[a]) for a in axes)
                c = c if one is mine else 1 / exact_expr(c)
                averaged = sp.simplify(exact_expr(c) / size_product(one.shape[a] for a in axes)) == 1
                if one is mine and (c == 1 or averaged):
                    words = words.replace("sum", "mean") if averaged else words
                    return [Diagnosis("other", words.format(f"the axis of size {sizes}"))]
                more = "" if c == 1 else f", and has a wrong factor {factor_text(c)}"
                return [Diagnosis("other", words.format(f"the axis of size {sizes}") + more)]
    inner = [n for n in topological([true])[:-1] if n.shape == mine.shape and n.op not in ops.GIVEN]
    for node, values in zip(inner[-INNER:], trial.values(inner[-INNER:]), strict=True):
        c = trial.factor(trial.claim, values)
        if c is not None:
            part = term_text(Sides(claim, right).part(node))
            times = "" if c == 1 else f"{factor_text(c)} times "
            called = ", the residual" if is_residual(node) else ""
            return [Diagnosis("other", f"the claim is {times}the part {part} of it{called}: a factor is missing")]
    ones = [[v.squeeze() for v in side] for side in (trial.claim, trial.right)]
    if trial.factor(*ones) == 1:
        return [Diagnosis("other", "its entries are right")]
    return []


def exact_expr(c: Ratio) -> sp.Expr:
    """A factor as a SymPy number or expression."""
    return c if isinstance(c, sp.Expr) else sp.sympify(exact(c) if not isinstance(c, float) else c)
