"""Is a minimum global? A proof that the loss is convex, and all that holds its variables too.

The proof is that of `sg.convexity`, by rules alone. It is one for these data: what is positive or positive definite among
them counts as declared to be that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from symgrad.calculus.variables import varied
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.facts import NONNEGATIVE, POSITIVE, POSITIVE_DEFINITE, facts_of
from symgrad.graphs.node import REAL, Node, Symbol
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimisers.constraints import EQUAL, LESS, comparisons_of
from symgrad.minimisers.problem import Problem
from symgrad.minimisers.sets import regions_of
from symgrad.minimising.convexity import Convexity, certified

LARGEST = 400  # rows of a matrix whose eigenvalues are looked at


def certificate_of(problem: Problem) -> Convexity | None:
    """The proof that a minimum of the problem is global; None where there is none."""
    if not all(region is None or region.convex for region in regions_of(problem)):
        return None
    for relation in comparisons_of(problem):
        bent = not relation.affine and (relation.kind == EQUAL or relation.difference.ndim > 0)
        if bent or not (relation.affine or _is_convex(problem, relation.difference, relation.kind)):
            return None
    return certified(_for_these_data(problem, problem.loss), _variables(problem))


def _is_convex(problem: Problem, difference: Tensor, kind: str) -> bool:
    """Is the set convex on which a difference is below (above) zero?"""
    g = difference if kind == LESS else -difference
    return certified(_for_these_data(problem, g), _variables(problem)) is not None


def _variables(problem: Problem) -> Sequence[Tensor]:
    return list(problem.variables.values())


def _for_these_data(problem: Problem, t: Tensor) -> Tensor:
    """A tensor of symbols that declare what holds of their values."""
    for node, value in problem.data.items():
        facts = _facts(node, value)
        if facts:
            symbol: Symbol = node.attrs[0]
            declared = tuple(sorted({*symbol.facts, *facts}))
            known = wrap(input_node(replace(symbol, facts=declared), node.shape, REAL), symbol.over)
            t = varied(t, wrap(node, symbol.over), known, "minimize")
    return t


def _facts(node: Node, value: Any) -> tuple[str, ...]:
    """What holds of these data and is not declared."""
    if node.dtype != REAL:
        return ()
    array, known = np.asarray(value), facts_of(node)
    if not array.size or not np.isfinite(array).all():
        return ()
    found = [fact for fact, holds in ((POSITIVE, array.min() > 0), (NONNEGATIVE, array.min() >= 0))
             if holds and fact not in known][:1]
    square = array.ndim == 2 and node.shape[0] == node.shape[1] and len(array) <= LARGEST
    if not found and square and POSITIVE_DEFINITE not in known and np.array_equal(array, array.T) and (
            np.linalg.eigvalsh(array)[0] > 1e-12 * np.abs(array).max()):
        found.append(POSITIVE_DEFINITE)
    return tuple(found)
