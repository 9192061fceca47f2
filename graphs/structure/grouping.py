"""Which axes and operands of a matrix belong together: pairs of axes, connected groups, the two sides of a term."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

from symgrad.graphs.algebra.einsum import contract, scale
from symgrad.graphs.algebra.flattening import Factor, Label, Term
from symgrad.graphs.algebra.flattening import product as product_of
from symgrad.graphs.algebra.primitives import reshape
from symgrad.graphs.node import Node
from symgrad.graphs.structure.form import MatrixForm, Pair


def is_delta(term: Term, pair: Pair) -> bool:
    """Are a row axis and a column axis one label?"""
    return len(pair[0]) == len(pair[1]) == 1 and term.out[pair[0][0]] == term.out[pair[1][0]]


def pairs_of(terms: Sequence[Term], form: MatrixForm) -> list[Pair]:
    """Row and column axes that belong together, in order: by position where the matrix is square or as many axes
    are left, else those that are one in all terms, and the rest together."""
    rows, columns = list(form.row_axes), list(form.column_axes)
    if form.square:
        return [((r,), (c,)) for r, c in zip(rows, columns, strict=True)]
    found: list[Pair] = []
    free_r: list[int] = []
    start = 0
    for r in rows:
        hit = next((c for c in columns[start:] if terms and all(is_delta(t, ((r,), (c,))) for t in terms)), None)
        if hit is None:
            free_r.append(r)
        else:
            start = columns.index(hit) + 1
            found.append(((r,), (hit,)))
    free_c = [c for c in columns if all((c,) != pair[1] for pair in found)]
    if len(free_r) == len(free_c):
        found += [((r,), (c,)) for r, c in zip(free_r, free_c, strict=True)]
    elif free_r or free_c:
        found.append((tuple(free_r), tuple(free_c)))
    found.sort(key=lambda pair: (pair[0] or (form.batch,), pair[1]))
    in_order = all(a[1] < b[1] for a, b in zip(found, found[1:], strict=False) if a[1] and b[1])
    return found if in_order else [(tuple(rows), tuple(columns))]


def axes_of(pairs: Iterable[Pair]) -> Pair:
    """The axes of several pairs."""
    pairs = list(pairs)
    return tuple(r for rows, _ in pairs for r in rows), tuple(c for _, columns in pairs for c in columns)


Group = tuple[list[Factor], list[Pair]]


def groups_of(term: Term, form: MatrixForm, pairs: Sequence[Pair], loose: bool) -> list[Group]:
    """Operands and pairs of axes that are connected; `loose`: not by summed labels."""
    batch = set(term.out[:form.batch])
    join = Classes()
    for pair in pairs:
        for axis in (*pair[0], *pair[1]):
            join.union(("pair", pair), term.out[axis])
    outer = set(term.out).difference(batch)
    for i, (_, labels) in enumerate(term.factors):
        for x in labels:
            if x in outer or (not loose and x not in batch):
                join.union(("factor", i), x)
    groups: dict[Hashable, Group] = {}
    for pair in pairs:
        groups.setdefault(join.find(("pair", pair)), ([], []))[1].append(pair)
    if len(groups) < 2:
        return list(groups.values())
    rest: list[tuple[int, Factor]] = []
    for i, factor in enumerate(term.factors):
        group = groups.get(join.find(("factor", i)))
        if group is None:
            rest.append((i, factor))
        else:
            group[0].append(factor)
    _attach(rest, list(groups.values()), batch)
    return list(groups.values())


def _attach(rest: Sequence[tuple[int, Factor]], groups: Sequence[Group], batch: set[Label]) -> None:
    """Operands on summed labels only go to the group that has these labels, the first where there are several."""
    left = [factor for _, factor in rest]
    while left:
        for factor in left:
            near = [g for g in groups if any(x in labels for _, labels in g[0] for x in factor[1] if x not in batch)]
            if near:
                near[0][0].append(factor)
                left.remove(factor)
                break
        else:
            next((g for g in groups if g[0]), groups[0])[0].extend(left)
            return


class Classes:
    """Disjoint sets."""

    def __init__(self) -> None:
        self.parent: dict[Hashable, Hashable] = {}

    def find(self, x: Hashable) -> Hashable:
        while x in self.parent:
            x = self.parent[x]
        return x

    def union(self, a: Hashable, b: Hashable) -> None:
        a, b = self.find(a), self.find(b)
        if a != b:
            self.parent[b] = a


class TermSides(NamedTuple):
    """A term as `∑_s left_sr middle_s right_sc`: nothing but the summed labels connects rows and columns."""

    left: Node  # batch, summed, rows
    right: Node  # batch, summed, columns
    middle: Node  # batch, summed
    shared: int


def sides(term: Term, form: MatrixForm) -> TermSides | None:
    """The two sides of a term, or None where an operand lies on a row and on a column."""
    batch = term.out[:form.batch]
    rows = [term.out[a] for a in form.row_axes]
    columns = [term.out[a] for a in form.column_axes]
    if not set(rows).isdisjoint(columns) or not rows or not columns:
        return None
    near = [i for i, (_, labels) in enumerate(term.factors) if not set(labels).isdisjoint(rows)]
    far = [i for i, (_, labels) in enumerate(term.factors) if not set(labels).isdisjoint(columns)]
    if set(near) & set(far):
        return None

    def labels_of(places: Iterable[int]) -> set[Label]:
        return {x for i in places for x in term.factors[i][1]}.difference(term.out)

    shared = sorted(labels_of(near) & labels_of(far))
    join = Classes()
    for i, (_, labels) in enumerate(term.factors):
        for x in labels:
            if x not in shared and x not in batch:
                join.union(i, ("label", x))
    one, other = ({join.find(i) for i in places} for places in (near, far))
    if one & other:
        return None
    groups: Mapping[str, list[Factor]] = {"left": [], "right": [], "middle": []}
    for i, factor in enumerate(term.factors):
        root = join.find(i)
        groups["left" if root in one else "right" if root in other else "middle"].append(factor)
    return TermSides(product_of(groups["left"], (*batch, *shared, *rows), term.sizes),
                     product_of(groups["right"], (*batch, *shared, *columns), term.sizes),
                     scale(product_of(groups["middle"], (*batch, *shared), term.sizes), term.by), len(shared))


def as_columns(side: Node, by: Node | None, batch: int, shared: int, rank: int) -> Node:
    """A side with its summed axes as one axis behind the others."""
    front, summed = tuple(range(batch)), tuple(range(batch, batch + shared))
    rest = tuple(range(batch + shared, len(side.shape)))
    nodes, labels = [side], [tuple(range(len(side.shape)))]
    if by is not None:
        nodes.append(by)
        labels.append((*front, *summed))
    last = len(side.shape)
    out = (*front, *rest, *(summed or (last,)))
    laid = contract(nodes, labels, out, {} if summed else {last: 1})
    return laid if shared < 2 else reshape(laid, (*laid.shape[:-shared], rank))
