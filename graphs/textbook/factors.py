"""What all terms of a sum share: bases with axes of the sum, to the least exponent, and matrices at a summed label.

x/s² + y/s³ share s^-3; Xᵀ a - Xᵀ b share Xᵀ; ∑_i U_ia p_i U_ib - (Uᵀ p)_a (Uᵀ p)_b share Uᵀ on the left and, with a
delta for the label that the first term uses twice, U on the right: Uᵀ (diag(p) - p pᵀ) U.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import count
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.node import Node
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.textbook.bases import Key, Labels, Powers, powers
from symgrad.graphs.textbook.powers import MOST, is_sum, pairs_of, powers_of, scaled_product, written
from symgrad.graphs.weights import Weight

DENOMINATORS = 3  # of some terms: of more there is no common one that is shorter
FACTORED = 12  # terms of a sum in which common factors are looked for
Factors = list[tuple[Node, Labels]]
Terms = list[tuple[Node, Weight]]
Pulled = tuple[Callable[[Node], Node], Terms]  # what stands in front, as a function of the sum without it; its terms


def shared_factors(node: Node) -> Iterator[Pulled]:
    """The ways to pull one factor out of all terms of a sum."""
    terms, weights = zip(*pairs_of(node), strict=True)
    yield from _shared_matrices(node, terms, weights)
    yield from _shared_bases(node, terms, weights)


def _shared_bases(node: Node, terms: Sequence[Node], weights: Sequence[Weight]) -> Iterator[Pulled]:
    """A base on axes of the sum: to its least exponent, if all terms have it, or if it is a denominator of some."""
    read = [powers_of(term) for term in terms]
    found = _least(node, read)
    everywhere = {key: least for key, least in found.items() if all(key in each.bases for each in read)}
    if len(found) - len(everywhere) > DENOMINATORS:
        found = everywhere
    for key, least in found.items():
        yield _without(node, {key: least}, read, weights)


def all_shared(node: Node, below: bool = False) -> Pulled | None:
    """All bases pulled at once that all terms of a sum have; `below`: the denominators of some, too."""
    terms, weights = zip(*pairs_of(node), strict=True)
    read = [powers_of(term) for term in terms]
    shared = {key: e for key, e in _least(node, read).items()
              if below and e < 0 or all(key in each.bases for each in read)}
    return _without(node, shared, read, weights) if shared else None


def _least(node: Node, read: Sequence[Powers]) -> dict[Key, Fraction]:
    """The bases on axes of the sum whose least exponent is not zero."""
    axes = set(range(len(node.shape)))
    keys = dict.fromkeys(key for each in read for key in each.bases if axes.issuperset(key[1]))
    return {key: least for key in keys if (least := min(each.bases.get(key, Fraction(0)) for each in read))}


def _without(node: Node, shared: Mapping[Key, Fraction], read: Sequence[Powers], weights: Sequence[Weight]) -> Pulled:
    made: Terms = []
    for each, by in zip(read, weights, strict=True):
        less = Powers(each.out, dict(each.sizes), each.by, dict(each.bases))
        for (base, labels), e in shared.items():
            less.put(base, labels, -e)
        made.append((written(less), by))
    front = [(factor, labels) for (base, labels), e in shared.items() for factor in powers(base, e)]
    axes = tuple(range(len(node.shape)))

    def whole(body: Node) -> Node:
        nodes, names = [factor for factor, _ in front], [labels for _, labels in front]
        return contract([*nodes, body], [*names, axes], axes, dict(enumerate(node.shape)))

    return whole, made


# matrices at a summed label ------------------------------------------------------------------------------------


def _shared_matrices(node: Node, terms: Sequence[Node], weights: Sequence[Weight]) -> Iterator[Pulled]:
    rank = len(node.shape)
    opened = [factors_of(term, deep=True) for term in terms]
    for factor, labels in dict.fromkeys(f for term in opened for f in term):
        if factor.op is ops.VIEW or all(_is_axis(x, rank) for x in labels):
            continue
        found = _aligned(opened, factor, labels, rank)
        if found is None:
            continue
        rests, common = found
        bare = [all(o.op is ops.VIEW and not o.operands for o, _ in rest) for rest in rests]
        if any(bare) and not all(bare):
            continue  # C⁻¹ - C⁻¹ r rᵀ C⁻¹, not C⁻¹ (I - r rᵀ C⁻¹), but X (I - 1/n 1 1ᵀ)
        if rank == 1 == len(labels) and not all(_reaches(rest, common[0]) for rest in rests):
            continue  # (wᵀ S w) m - (mᵀ w) S w, not (m wᵀ S - S w mᵀ) w
        used = {x for rest in rests for _, names in rest for x in names}
        out = (*(a for a in range(rank) if a in used or a not in common),
               *(x for x in common if x in used and not _is_axis(x, rank)))
        if len(out) <= max(rank, 2):  # a sum of higher order has no matrix form
            yield _assembled(node, factor, common, out, rests, weights)


def _reaches(factors: Factors, label: Any) -> bool:
    """Is the axis of a sum connected with a label by the summed labels of the factors?"""
    seen, stack = set(), [label]
    while stack:
        here = stack.pop()
        for _, names in factors:
            if here in names:
                if 0 in names:
                    return True
                stack += [x for x in names if x not in seen]
                seen |= set(names)
    return False


def _aligned(terms: Sequence[Factors], factor: Node, labels: Labels, rank: int) -> tuple[list[Factors], Labels] | None:
    """Every term without `factor`, whose axes that are not those of the sum have the common labels."""
    common = tuple(x if _is_axis(x, rank) else ("common", i) for i, x in enumerate(labels))
    rests = []
    for term in terms:
        place = next((i for i, (other, names) in enumerate(term)
                      if other is factor and len(set(names)) == len(names)
                      and all(x == y for x, y in zip(common, names, strict=True) if _is_axis(x, rank))), None)
        if place is None:
            return None
        mine = dict(zip(term[place][1], common, strict=True))
        rest = [f for i, f in enumerate(term) if i != place]
        joint = {x: y for x, y in mine.items() if not _is_axis(y, rank)}
        deltas = [(x, y) for x, y in joint.items() if _is_axis(x, rank)]  # the sum's own axis: a delta to the common one
        if deltas and len(labels) == 1:
            return None  # q - mean(q), not (I - 1/n 1 1ᵀ) q
        if deltas and common.index(deltas[0][1]) == sample_axes([factor]).get(factor):
            return None  # g_t - mean(g): no matrix has two axes of samples in a formula of one
        rest = [(o, tuple(joint.get(x, x) if not _is_axis(x, rank) else x for x in names)) for o, names in rest]
        rest += [(contract([], [], (0, 0), {0: factor.shape[common.index(y)]}), (x, y)) for x, y in deltas]
        rests.append(rest)
    return rests, common


def _assembled(node: Node, factor: Node, common: Labels, out: Labels, rests: Sequence[Factors],
               weights: Sequence[Weight]) -> Pulled:
    axes = tuple(range(len(node.shape)))
    sizes: dict[Any, Any] = {**dict(enumerate(node.shape)), **dict(zip(common, factor.shape, strict=True))}
    made: Terms = []
    for rest, by in zip(rests, weights, strict=True):
        inside = {x: s for o, names in rest for x, s in zip(names, o.shape, strict=True)}
        need = {x for _, names in rest for x in names} | set(out)
        made.append((scaled_product(contract([o for o, _ in rest], [names for _, names in rest], out,
                                             {x: sizes[x] if x in sizes else inside[x] for x in need})), by))

    def whole(body: Node) -> Node:
        return contract([factor, body], [common, out], axes, dict(enumerate(node.shape)))

    return whole, made


def _is_axis(label: Any, rank: int) -> bool:
    return isinstance(label, int) and label < rank


def factors_of(node: Node, deep: bool = False) -> Factors:
    """The factors of a term with labels: those of its axes are 0, 1, ...; `deep`: also those of contractions inside."""
    fresh = count()
    axes = tuple(range(len(node.shape)))
    found: Factors = []
    stack: Factors = [(node, axes)]
    while stack:
        each, labels = stack.pop()
        fits = len(found) + len(stack) + len(each.operands) <= MOST
        if each.op is ops.EINSUM and (each is node or fits and (deep or _is_open(each))):
            inputs, out = each.attrs
            place: dict[int, Any] = dict(zip(out, labels, strict=True))
            number = next(fresh)
            for o, names in reversed(list(zip(each.operands, inputs, strict=True))):
                stack.append((o, tuple(place.setdefault(x, ("inner", number, x)) for x in names)))
        elif each.op is ops.VIEW and each.operands and each is node and _is_plain(each):
            (names,), out = each.attrs
            place = dict(zip(out, labels, strict=True))
            stack.append((each.operands[0], tuple(place[x] for x in names)))
        elif deep and each.op is ops.VIEW and each is node and each.operands and not is_sum(each.operands[0]):
            (names,), out = each.attrs  # diag(p): p and a delta
            first = {x: out.index(x) for x in out}
            if len(set(names)) < len(names):
                found.append((each, labels))
                continue
            stack.append((each.operands[0], tuple(labels[first[x]] for x in names)))
            for a, x in enumerate(out):
                if first[x] != a:
                    found.append((contract([], [], (0, 0), {0: each.shape[a]}), (labels[first[x]], labels[a])))
        else:
            found.append((each, labels))
    return found


def _is_open(node: Node) -> bool:
    """A product that sums nothing."""
    return {x for labels in node.attrs[0] for x in labels} == set(node.attrs[1])


def _is_plain(node: Node) -> bool:
    """A view without repeated labels."""
    (names,), out = node.attrs
    return len(set(out)) == len(out) and len(set(names)) == len(names)
