"""Products in NumPy's terms: elementwise factors with broadcasting, `@` on transposed views, sums.

`contract` takes operands with labelled axes and gives one expression with the axes `out`. Elementwise
factors of one shape stay one chain (`a * b / c`); a pair with a label to sum becomes a matrix product, with
axes merged by `reshape` where there are several; a pair that shares all labels becomes a dot product.
Never an `einsum` of more than two operands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import ALL, NEW, Arrays, Expr, is_reciprocal
from symgrad.codegen.lowering.order import pairs, typical
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.graphs.sizes import Size, product
from symgrad.graphs.weights import ONE, Weight

Labels = tuple[Any, ...]
LONG = 2**12  # entries along an axis from which sums of float32 are added in parts


class Operand(NamedTuple):
    """An operand with a label per axis; `below` divides instead of multiplying."""

    e: Expr
    labels: Labels
    below: bool = False


def divided(e: Expr, labels: Labels) -> Operand:
    """A factor, 1 / b as the divisor b."""
    below = is_reciprocal(e)
    return Operand(e.args[0] if below else e, labels, below)


@dataclass
class Chain:
    """Factors and divisors that are multiplied entry by entry, not yet written out."""

    terms: list[Operand]
    labels: Labels

    def expr(self, b: Arrays, order: Labels, kind: str) -> Expr:
        """The product with its axes in `order`; loose along labels that no factor has."""
        above = [b.align(t.e, t.labels, order) for t in self.terms if not t.below]
        below = [b.align(t.e, t.labels, order) for t in self.terms if t.below]
        return b.product(above, below, ONE, kind)


def contract(b: Arrays, terms: Sequence[Operand], out: Labels, kind: str) -> Expr:
    """The sum over all labels not in `out` of the product of `terms`; every label of `out` is in a term."""
    sizes: dict[Any, Size] = {}
    needed = set(out)  # by the result, or by two terms
    for term in terms:
        needed.update(x for x in set(term.labels) if x in sizes)
        sizes.update(zip(term.labels, term.e.shape, strict=True))
    scalars: list[Operand] = []
    rest: list[Operand] = []
    for term in terms:
        single = _own_sums(b, term, needed, kind)
        (rest if single.labels else scalars).append(single)
    chains = [Chain([term], term.labels) for term in rest]
    for i, j in pairs([c.labels for c in chains], out, sizes):
        later = {x for k, c in enumerate(chains) if k not in (i, j) and c.terms for x in c.labels}
        chains.append(_multiply(b, chains[i], chains[j], later.union(out), out, kind))
        chains[i] = chains[j] = Chain([], ())
    final = chains[-1] if chains else Chain([], ())
    return Chain(scalars + final.terms, out).expr(b, out, kind)


def pulled_out(b: Arrays, terms: Sequence[tuple[Expr, Weight]], kind: str) -> Expr | None:
    """a b - a c as a (b - c): one pass for each term but the first saved; None where terms share no array."""
    counts = [list(e.args[:e.attrs[1]]) if e.op is acts.PRODUCT else [] for e, _ in terms]
    shared = [a for i, a in enumerate(counts[0]) if a.kind == kind and a not in counts[0][:i]
              and all(a in factors for factors in counts)]
    if not shared or kind != REAL:
        return None
    inner = []
    for (e, by), factors in zip(terms, counts, strict=True):
        for a in shared:
            factors.remove(a)
        inner.append((b.product(factors, e.args[e.attrs[1]:], e.attrs[0], kind), by))
    return b.product([*shared, b.add(inner, kind)], [], ONE, kind)


def _own_sums(b: Arrays, term: Operand, needed: set[Any], kind: str) -> Operand:
    """The term on the diagonal of its repeated labels, summed over the labels that nothing else has."""
    if len(set(term.labels)) == len(term.labels) and needed.issuperset(term.labels):
        return term
    e, labels = b.diagonal(term.e, term.labels)
    kept = tuple(x for x, size in zip(labels, e.shape, strict=True) if x in needed or size != 1)
    e = b.index(e, [ALL if x in kept else ("take", 0) for x in labels])  # a sum of one entry is the entry
    labels = kept
    axes = [i for i, x in enumerate(labels) if x not in needed]
    if not axes:
        return Operand(e, labels, term.below)
    if term.below:
        e = b.product([], [e], ONE, kind)
    e = b.reduce(acts.SUM, e, axes, INTEGER if e.kind == BOOLEAN else e.kind)
    return Operand(e, tuple(x for i, x in enumerate(labels) if i not in axes))


def _multiply(b: Arrays, one: Chain, two: Chain, needed: Collection[Any], out: Labels, kind: str) -> Chain:
    union = tuple(dict.fromkeys(one.labels + two.labels))
    if all(x in needed for x in union):
        return _elementwise(b, one, two, union, out, kind)
    place = {x: i for i, x in enumerate(out)}
    left, right = ([x for x in c.labels if x not in d.labels] for c, d in ((one, two), (two, one)))
    if right and (not left or _first(right, place) < _first(left, place)):
        one, two, left, right = two, one, right, left  # the operand with the first axis of the result goes left
    shape = _Roles(
        tuple(sorted((x for x in one.labels if x in two.labels and x in needed), key=lambda x: place.get(x, 99))),
        tuple(left), tuple(right),
        _summed(one, two, [x for x in union if x not in needed]))
    ea, la = _written(b, one, (*shape.batch, *_sorted(left, place), *shape.summed), shape, kind)
    eb, lb = _written(b, two, (*shape.batch, *shape.summed, *_sorted(right, place)), shape, kind)
    result = [(e.shape[labels.index(x)]) for e, labels, free in ((ea, la, (*shape.batch, *left)), (eb, lb, right))
              for x in free]
    shape = shape._replace(left=_laid(ea, la, left, place, result), right=_laid(eb, lb, right, place, result))
    e, labels = _contracted(b, ea, la, eb, lb, shape)
    return Chain([Operand(e, labels)], labels)


def _summed(one: Chain, two: Chain, summed: Collection[Any]) -> Labels:
    """The labels to sum in the order of an operand that is there already; windows decide, for they are copied."""
    lying = [(c.terms[0].e, c.labels) for c in (one, two) if len(c.terms) == 1]
    for e, labels in lying:
        order = _merging(e, labels, summed)
        if order != tuple(x for x in labels if x in summed):
            return order
    return tuple(x for x in (lying[0][1] if lying else two.labels) if x in summed)


def _laid(e: Expr, labels: Labels, group: Collection[Any], place: Mapping[Any, int], result: Sequence[Size]) -> Labels:
    """The labels of one side in the order of `e`, or of the result where that is larger: the smaller one is turned."""
    if prod(map(typical, e.shape)) < prod(map(typical, result)) and e.op not in (acts.WINDOWS, acts.TRANSPOSE):
        return tuple(_sorted([x for x in labels if x in group], place))
    return _merging(e, labels, group)


def _merging(e: Expr, labels: Labels, group: Collection[Any]) -> Labels:
    """The labels of a group in the order of `e`, offsets in windows first: short axes make slow inner loops."""
    axes = {x: i for i, x in enumerate(labels)}
    offsets = set()
    while e.op in (acts.TRANSPOSE, acts.WINDOWS):
        if e.op is acts.TRANSPOSE:
            axes = {x: e.attrs[0][i] for x, i in axes.items()}
        else:
            offsets |= {x for x, i in axes.items() if i == len(e.shape) - 1}
            axes = {x: i for x, i in axes.items() if i < len(e.shape) - 1}
        e = e.args[0]
    return tuple(sorted((x for x in labels if x in group), key=lambda x: x not in offsets))


class _Roles(NamedTuple):
    """What the labels of a pair do: in both and kept, in one only, in both and summed."""

    batch: Labels
    left: Labels
    right: Labels
    summed: Labels


def _first(labels: Sequence[Any], place: Mapping[Any, int]) -> int:
    return min(place.get(x, 99) for x in labels)


def _sorted(labels: Sequence[Any], place: Mapping[Any, int]) -> list[Any]:
    return sorted(labels, key=lambda x: place.get(x, 99))


def _written(b: Arrays, chain: Chain, order: Labels, roles: _Roles, kind: str) -> tuple[Expr, Labels]:
    """A chain as an array: one that has to be computed lies as its factors do, which BLAS reads transposed as well.

    Where the labels that are summed next would not lie side by side, it takes the axes in the order that is wanted.
    """
    labels = next((t.labels for t in chain.terms if len(t.labels) == len(chain.labels)), order)
    ends = labels[:len(roles.summed)], labels[-len(roles.summed):]
    if len(chain.terms) > 1 and (roles.batch or roles.summed not in ends):
        labels = order
    return b.cast(chain.expr(b, labels, kind), kind), labels


def _contracted(b: Arrays, ea: Expr, la: Labels, eb: Expr, lb: Labels, roles: _Roles) -> tuple[Expr, Labels]:
    if not roles.batch:
        return _matmul(b, ea, la, roles.left, eb, lb, roles.right, roles.summed)
    if not roles.left:
        return _dots(b, ea, la, eb, lb, roles.batch, roles.summed), roles.batch
    return _stacked(b, ea, la, eb, lb, roles)


def _elementwise(b: Arrays, one: Chain, two: Chain, union: Labels, out: Labels, kind: str) -> Chain:
    terms: list[Operand] = []
    for chain in (one, two):
        if len(chain.terms) == 1 or set(chain.labels) == set(union):
            terms += chain.terms
        else:  # smaller than the result: multiply it out first
            terms.append(Operand(chain.expr(b, chain.labels, kind), chain.labels))
    order = tuple(x for x in out if x in union)
    return Chain(terms, order if len(order) == len(union) else union)


def _sizes(e: Expr, labels: Labels) -> Mapping[Any, Size]:
    return dict(zip(labels, e.shape, strict=True))


def grouped(b: Arrays, e: Expr, labels: Labels, groups: Sequence[Labels]) -> Expr:
    """`e` with one axis for each group of labels, merged in order; an empty group gives no axis.

    The last two are merged in the order in which they lie in memory and then transposed, which BLAS reads as well:
    so weights stay views, and an array that two products take either way round is copied once.
    """
    *front, one, two = ((), (), *groups)
    lying = [x for x in labels if x in one or x in two]
    if one and lying[0] in two:
        e = grouped(b, e, labels, (*front, two, one))
        last = len(e.shape) - 1
        return b.transpose(e, (*range(last - 1), last, last - 1))
    order = [x for group in groups for x in group]
    size = _sizes(e, labels)
    e = b.transpose(e, [labels.index(x) for x in order])
    return b.reshape(e, tuple(product(size[x] for x in group) for group in groups if group))


def _matmul(b: Arrays, ea: Expr, la: Labels, left: Labels, eb: Expr, lb: Labels, right: Labels,
            summed: Labels) -> tuple[Expr, Labels]:
    size = {**_sizes(ea, la), **_sizes(eb, lb)}
    kind = ea.kind
    if not left and not right:
        eb = b.transpose(eb, [lb.index(x) for x in la])
        if b.single and not b.quick and kind == REAL and not all(isinstance(size[x], int) and size[x] < LONG for x in la):
            return b.call("dot", [ea, eb], (), (), kind), ()
        if len(summed) == 1:
            return b.make(acts.MATMUL, [ea, eb], (), (), kind), ()
        return b.call("vdot", [ea, eb], (), (), kind), ()
    if not right and len(summed) == 1:  # a matrix, or a stack of them, and a vector
        if la[0] == summed[0] and len(la) == 2:
            return b.make(acts.MATMUL, [eb, ea], (), (size[left[0]],), kind), left
        ea = b.transpose(ea, [la.index(x) for x in (*left, *summed)])
        return b.make(acts.MATMUL, [ea, eb], (), ea.shape[:-1], kind), left
    a = grouped(b, ea, la, (left, summed))
    c = grouped(b, eb, lb, (summed, right))
    shape = tuple(product(size[x] for x in group) for group in (left, right) if group)
    full = tuple(size[x] for x in (*left, *right))
    return b.reshape(b.make(acts.MATMUL, [a, c], (), shape, kind), full), (*left, *right)


def _dots(b: Arrays, ea: Expr, la: Labels, eb: Expr, lb: Labels, batch: Labels, summed: Labels) -> Expr:
    """One dot product for every entry of the batch labels."""
    size = _sizes(ea, la)
    shape = tuple(size[x] for x in batch)
    if not (set(la[-len(summed):]) == set(lb[-len(summed):]) == set(summed)):  # strided: einsum walks it faster
        letter = dict(zip(dict.fromkeys(la), "ijklmnopqrstuvwxyzabcdefgh", strict=False))
        spec = ",".join("".join(letter[x] for x in labels) for labels in (la, lb))
        spec += "->" + "".join(letter[x] for x in batch)
        return b.call("einsum", [ea, eb], (spec,), shape, ea.kind)
    groups = (*((x,) for x in batch), summed)
    return b.call("vecdot", [grouped(b, ea, la, groups), grouped(b, eb, lb, groups)], (), shape, ea.kind)


def _stacked(b: Arrays, ea: Expr, la: Labels, eb: Expr, lb: Labels, roles: _Roles) -> tuple[Expr, Labels]:
    """A stack of matrix products along the batch labels."""
    batch, left, right, summed = roles
    size = {**_sizes(ea, la), **_sizes(eb, lb)}
    front = tuple((x,) for x in batch)
    lead = tuple(size[x] for x in batch)
    a = grouped(b, ea, la, (*front, left, summed))
    if right:
        c = grouped(b, eb, lb, (*front, summed, right))
    else:
        c = b.index(grouped(b, eb, lb, (*front, summed)), [ALL] * (len(batch) + 1) + [NEW])
    e = b.make(acts.MATMUL, [a, c], (), (*a.shape[:-1], c.shape[-1]), ea.kind)
    if not right:
        e = b.index(e, [ALL] * (len(batch) + 1) + [("take", 0)])
    return b.reshape(e, (*lead, *(size[x] for x in (*left, *right)))), (*batch, *left, *right)
