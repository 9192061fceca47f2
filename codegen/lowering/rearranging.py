"""What stands between a graph and its lowering: products shared, found again and distributed, where that costs less.

The mathematics stays as it was written; these rewrites serve computation and are shown by the code alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations, pairwise
from math import prod
from typing import Any

from symgrad.codegen.lowering.distributing import distributed
from symgrad.codegen.lowering.factors import UsedFactor, Uses, price_of, replacements, sizes_of
from symgrad.codegen.lowering.order import typical
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.weights import ONE, Weight, inverse, times

Labels = tuple[Any, ...]
Weighted = tuple[Node, Weight]


def rearranged(roots: Sequence[Node], keep: Collection[Node]) -> dict[Node, Node]:
    """What the nodes of a graph become; empty where all stay as they are."""
    now: dict[Node, Node] = {}
    graph = Uses(roots, keep)
    for rewrite in (shared, repeated, distributed):
        found = rewrite(graph)
        if found:
            memo = replacements([*graph.roots, *graph.kept], found)
            now = {node: memo[new] for node, new in now.items() if new in memo} if now else memo
            graph = Uses([memo[node] for node in graph.roots], {memo[node] for node in graph.kept})
    return now


# L r + diag(a) r = (L + diag(a)) r ----------------------------------------------------------------------------------


def shared(graph: Uses) -> dict[Node, Node]:
    """Sums in which two products share factors: these are multiplied once, with the sum of the rest.

    `a[k, i] r[n, k, i] + L[k, i, j] r[n, k, j]` is one product too: a is put on the diagonal of L.
    """
    found = {}
    for node in graph.nodes:
        if node.op is not ops.ADD or len(node.operands) < 2 or node.dtype != REAL:
            continue
        terms = list(zip(node.operands, node.attrs[0], strict=True))
        products = [term for term in terms if term[0].op is ops.EINSUM and graph.only_in(term[0], node)]
        factors = {term: graph.factors(term[0]) for term in products}
        holders: dict[Node, list[Any]] = {}
        for term, own in factors.items():
            for factor in dict.fromkeys(f.node for f in own):
                holders.setdefault(factor, []).append(term)
        summed = any(user.op is ops.EINSUM and graph.only_in(node, user) and any(
            x >= len(user.shape) for labels in user.attrs[0] for x in labels) for user in graph.uses[node])
        pairs = dict.fromkeys(pair for group in holders.values() for pair in pairwise(group))
        for one, two in pairs:
            if one not in terms or two not in terms:
                continue
            if not summed and all(x < len(node.shape) for f in (*factors[one], *factors[two]) for x in f.labels):
                continue  # entry by entry, and nothing is summed after
            joined = _joined(one, factors[one], two, factors[two]) or _joined(two, factors[two], one, factors[one])
            if joined is not None:
                terms[terms.index(one)] = (joined, ONE)
                terms.remove(two)
        if len(terms) < len(node.operands):
            found[node] = add([o for o, _ in terms], [by for _, by in terms])
    return found


def _joined(one: Weighted, first: list[UsedFactor], two: Weighted, second: list[UsedFactor]) -> Node | None:
    """Both products as one, where that costs less; labels that `two` sums may be labels of the result in `one`."""
    out: Labels = one[0].attrs[1]
    first = [f._replace(labels=tuple(x if x in out else ("own", x) for x in f.labels)) for f in first]
    rest, common = list(first), []
    for f in second:
        twin = next((g for g in rest if g.node is f.node), None)
        if twin is not None:
            rest.remove(twin)
            common.append((twin, f))
    others = [f for f in second if not any(f is g for _, g in common)]
    if not common or not rest or not others:
        return None
    names: dict[Any, Any] = {}  # a label in `one`: the label of the shared factors in `two`
    for f, g in common:
        for mine, its in zip(f.labels, g.labels, strict=True):
            if names.setdefault(mine, its) != its or its in out and its != mine:
                return None
    if len(set(names.values())) < len(names):
        return None
    placed = {its: mine for mine, its in names.items() if mine in out and its != mine}  # on the diagonal
    rest = [f._replace(labels=tuple(names.get(x, x) if x not in out else x for x in f.labels)) for f in rest]
    held = {x for _, g in common for x in g.labels}
    labels = tuple(dict.fromkeys(x for f in others for x in f.labels if x in out or x in held))
    mine = tuple(placed.get(x, x) for x in labels)
    if not set(placed) <= set(labels) or {x for f in rest for x in f.labels if x in out or x in held} != set(mine):
        return None  # the sum of the rest has to have the same axes in both
    sizes = {**sizes_of(first), **sizes_of(second), **sizes_of(rest)}
    parts = [_product(rest, mine, sizes), _product(others, labels, sizes)]
    inner = add(parts, [ONE, times(two[1], inverse(one[1]))])
    whole = contract([*(g.node for _, g in common), inner], [*(g.labels for _, g in common), labels], out)
    before = sum(price_of(_product(f, out, sizes)) for f in (first, second))
    entries = float(prod(typical(sizes[x]) for x in labels))
    result = float(prod(map(typical, one[0].shape)))
    after = sum(map(price_of, (*parts, whole))) + 2 * entries
    return scale(whole, one[1]) if after < before + 2 * result else None


def _product(factors: Sequence[UsedFactor], out: Labels, sizes: dict[Any, Any]) -> Node:
    ones = {label: sizes[label] for label in out}  # a label repeated in `out` may be held once
    return contract([f.node for f in factors], [f.labels for f in factors], out, ones)


# sum_n a_ni b_ni beside sum_n a_ni b_nj ----------------------------------------------------------------------------


def repeated(graph: Uses) -> dict[Node, Node]:
    """Products that are the diagonal of another product of the same operands, which is computed anyway."""
    groups: dict[tuple[Node, ...], list[Node]] = {}
    for node in graph.nodes:
        if node.op is ops.EINSUM and len(node.operands) > 1:
            groups.setdefault(node.operands, []).append(node)
    found = {}
    for group in groups.values():
        for one, two in combinations(sorted(group, key=lambda n: -len(n.shape)), 2):
            inside = any(user.op is ops.EINSUM and graph.only_in(one, user) for user in graph.uses[one])
            if two not in found and one not in found and not inside and (view := _diagonal_of(one, two)):
                found[two] = view
    return found


def _diagonal_of(whole: Node, node: Node) -> Node | None:
    """`node` as `whole` with some of its axes made equal."""
    (inputs, out), (wanted, result) = whole.attrs, node.attrs
    names: dict[int, int] = {}
    for labels, places in zip(inputs, wanted, strict=True):
        for label, place in zip(labels, places, strict=True):
            if names.setdefault(label, place) != place:
                return None
    kept = {names[x] for x in out}
    summed = [names[x] for x in names if x not in out]
    if kept != set(result) or kept & set(summed) or len(set(summed)) < len(summed):
        return None
    return contract([whole], [tuple(names[x] for x in out)], result)
