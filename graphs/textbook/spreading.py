"""Products over sums, multiplied out where that shows what cancels: y (1 - p) - (1 - y) p is y - p."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.node import Node
from symgrad.graphs.rewrites.declared import Facts, unit_axes, with_facts
from symgrad.graphs.rewrites.patterns import constant_along
from symgrad.graphs.textbook.bases import Labels
from symgrad.graphs.textbook.factors import Factors, Terms, factors_of
from symgrad.graphs.textbook.powers import MOST, bases_of, is_sum, pairs_of, scaled_product, unweighted
from symgrad.graphs.weights import ONE, Weight, times

TERMS = 24  # a sum is multiplied out up to so many terms


def multiplied_out(node: Node, squares: bool = True) -> Node | None:
    """The products of a sum distributed over the sums in them, over powers of sums too if `squares`.

    None where no two of the terms are alike.
    """
    found: Terms = []
    stack = list(reversed(pairs_of(node)))
    opened = False
    while stack:
        if len(found) + len(stack) > TERMS:
            return None
        term, by = stack.pop()
        bare, w = unweighted(term)
        by = times(by, w)
        if is_sum(bare):
            stack += [(o, times(by, each)) for o, each in reversed(pairs_of(bare))]
            continue
        factors = factors_of(bare)
        place = next((i for i, f in enumerate(factors) if is_sum(f[0]) and (squares or factors.count(f) == 1)), None)
        if place is None or factors[place][0] is bare:
            found.append((bare, by))
            continue
        opened = True
        total, labels = factors.pop(place)
        stack += reversed(_spread(bare, factors, total, labels, by))
    if not opened or len({each for each, _ in found}) == len(found):
        return None
    return joined(found)


def cancelling(node: Node, facts: Facts) -> Iterator[Terms]:
    """The terms of a product distributed over one of its sums, for each sum with a term that cancels with the rest.

    A sum that a contraction has to itself is one, too: the sum of centred entries is zero. So is one under weights
    that add up to one, pᵀ (x - c 1) = pᵀ x - c.
    """
    bare, by = unweighted(node)
    if bare.op is not ops.EINSUM or len(bare.operands) > MOST:
        return
    factors = factors_of(bare)
    if len(factors) > MOST:
        return
    for place, (total, labels) in enumerate(factors):
        if not is_sum(total) or factors.count((total, labels)) > 1:
            continue
        rest = [f for i, f in enumerate(factors) if i != place]
        held = {x for _, names in rest for x in names} | set(range(len(bare.shape)))
        lone = any(x not in held for x in labels)
        rank = len(bare.shape)
        between = rank == len(labels) == 2 and any(x not in range(rank) for x in labels) and (
            sum(len(names) > 1 for _, names in factors) > 1)
        if lone or between or any(
                _holds_delta(each, labels, rank) or _cancels(each, labels, rest) for each in total.operands):
            yield _spread(bare, rest, total, labels, by)
        elif any(_is_averaged(total, axis, facts) for axis in _only(total, labels, rest, rank)):
            yield _spread(bare, rest, total, labels, by, facts)


def _holds_delta(term: Node, labels: Labels, rank: int) -> bool:
    """Is a term zero but where two axes have one index, of which one is summed?"""
    if term.op is not ops.VIEW:
        return False
    place: dict[Any, Any] = {}
    for x, label in zip(term.attrs[1], labels, strict=True):
        other = place.setdefault(x, label)
        if other != label and not all(isinstance(each, int) and each < rank for each in (other, label)):
            return True
    return False


def _only(total: Node, labels: Labels, rest: Factors, rank: int) -> list[tuple[int, tuple[Node, int]]]:
    """The summed axes of a sum that one factor beside it has, with that factor and its axis."""
    found = []
    for axis, x in enumerate(labels):
        mine = [(o, names.index(x)) for o, names in rest if x in names]
        if len(mine) == 1 and labels.count(x) == 1 and not (isinstance(x, int) and x < rank):
            found.append((axis, mine[0]))
    return found


def _is_averaged(total: Node, axis: tuple[int, tuple[Node, int]], facts: Facts) -> bool:
    """Is a sum with a term that is the same along an axis weighted along it by what adds up to one?"""
    place, (weights, along) = axis
    return unit_axes(weights, facts) == (along,) and any(constant_along(each, (place,)) for each in total.operands)


def _cancels(term: Node, labels: Labels, rest: Factors) -> bool:
    """Does a term of a sum hold the reciprocal of a factor beside the sum, or the other way round?"""
    rank = len(labels)
    if term.op is ops.EINSUM and len(term.operands) > MOST:
        return False
    inner = [(o, tuple(labels[x] if isinstance(x, int) and x < rank else ("term", x) for x in names))
             for o, names in factors_of(term)]
    mine, theirs = bases_of(inner), bases_of(rest)
    return any(e * theirs.get(key, 0) < 0 for key, e in mine.items())


def _spread(like: Node, rest: Factors, total: Node, labels: Labels, by: Weight = ONE,
            facts: Facts | None = None) -> Terms:
    """The terms of `total` times `rest`, as terms of a sum of the shape of `like`."""
    out = tuple(range(len(like.shape)))
    sizes = {x: s for o, names in [*rest, (total, labels)] for x, s in zip(names, o.shape, strict=True)}
    sizes.update(enumerate(like.shape))
    found = []
    for each, w in pairs_of(total):
        made = contract([*(o for o, _ in rest), each], [*(names for _, names in rest), labels], out, sizes)
        found.append((scaled_product(made if facts is None else with_facts(made, facts)), times(by, w)))
    return found
