"""Claims that forget which side of a matrix is which: right for symmetric matrices only, or with A and Aᵀ exchanged."""

from __future__ import annotations

from fractions import Fraction

from symgrad.formulas.names import symbol_names
from symgrad.formulas.spelling.glyphs import parse_name, unicode_name
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import scale
from symgrad.graphs.algebra.linear import swapped
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.facts import SYMMETRIC, facts_of
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import weight
from symgrad.verifying.sides import Sides
from symgrad.verifying.trial import Trial
from symgrad.verifying.verdict import Diagnosis

MOST = 4  # matrices that are looked at


def exchanged(trial: Trial, sides: Sides) -> list[Diagnosis]:
    """A matrix and its transpose exchanged throughout the claim: 2 A Aᵀ x for 2 Aᵀ A x."""
    for matrix, name in _square(sides):
        (turned,) = transform([sides.claim.node], rebuild, {matrix: swapped(matrix)})
        if trial.factor(trial.values([turned])[0], trial.right, trial.magnitude) == 1:
            return [Diagnosis("transposed", f"{name} and its transpose must be exchanged")]
    return []


def only_symmetric(trial: Trial, sides: Sides) -> list[Diagnosis]:
    """A claim that holds where a matrix is symmetric, which nobody said: 2 A x for (A + Aᵀ) x."""
    for matrix, name in _square(sides):
        half = scale(add([matrix, swapped(matrix)]), weight(Fraction(1, 2)))
        pair = transform([sides.claim.node, sides.right.node], rebuild, {matrix: half})
        claim, right = trial.values(pair)
        if trial.factor(claim, right, trial.magnitude) == 1:
            return [Diagnosis("other", f"the claim holds only where {name} is symmetric")]
    return []


def _square(sides: Sides) -> list[tuple[Node, str]]:
    """The matrices as long as wide of which nobody said that they are symmetric, with their names."""
    order = topological([sides.right.node, sides.claim.node])
    names = symbol_names(order)
    found = [n for n in order if n.op is ops.INPUT and len(n.shape) > 1 and n.shape[-1] == n.shape[-2]
             and n.attrs[0].over is None and SYMMETRIC not in facts_of(n)]
    return [(n, unicode_name(parse_name(names[n]))) for n in found[:MOST]]
