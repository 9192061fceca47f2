"""In which order to multiply: products of many operands as a sequence of pairs.

Exact search over all trees up to `EXACT` operands, greedy above. The cost of a pair is what NumPy pays:
entries touched for elementwise work, a fraction of that per multiplication inside a matrix product, and
the entries of the result. Symbolic sizes count as `TYPICAL`. Ties keep the order of the operands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from math import prod

import sympy as sp

from symgrad.graphs.sizes import Size

TYPICAL = 64  # what a symbolic size counts as
EXACT = 6  # operands up to which all orders are tried
GEMM = 0.1  # a multiplication inside a matrix product, measured against one that passes through memory

Labels = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


@lru_cache(maxsize=4096)
def typical(size: Size) -> int:
    """A representative number for a size."""
    if isinstance(size, int):
        return max(size, 1)
    if size.is_Symbol:
        return TYPICAL
    return max(int(sp.floor(size.subs(dict.fromkeys(size.free_symbols, TYPICAL)))), 1)


def pairs(inputs: Sequence[Labels], out: Labels, sizes: Mapping[int, Size]) -> Pairs:
    """The pairs to multiply, in order; every result gets the next free number.

    >>> pairs([(0, 1), (1, 2), (2,)], (0,), {0: 64, 1: 64, 2: 64})  # A (B v)
    ((1, 2), (0, 3))
    """
    small = tuple(sorted((label, typical(size)) for label, size in sizes.items()))
    return _pairs(tuple(map(tuple, inputs)), tuple(out), small)


@lru_cache(maxsize=4096)
def _pairs(inputs: tuple[Labels, ...], out: Labels, sizes: Pairs) -> Pairs:
    extent = dict(sizes)
    terms = {i: frozenset(labels) for i, labels in enumerate(inputs)}
    done: list[tuple[int, int]] = []
    fresh = len(inputs)

    def merge(i: int, j: int) -> None:
        nonlocal fresh
        a, b = terms.pop(i), terms.pop(j)
        terms[fresh] = (a | b) & _needed(out, terms.values())
        done.append((i, j))
        fresh += 1

    while same := _same(terms):  # equal labels: nothing is gained by waiting
        merge(*same)
    while len(terms) > EXACT:
        best = min(combinations(sorted(terms), 2), key=lambda p: (_greedy(terms, out, extent, *p), p))
        merge(*best)
    if len(terms) > 1:
        _follow(_search(terms, out, extent), merge, lambda: fresh - 1)
    return tuple(done)


def _needed(out: Labels, rest: Iterable[frozenset[int]]) -> frozenset[int]:
    return frozenset(out).union(*rest)


def _same(terms: Mapping[int, frozenset[int]]) -> tuple[int, int] | None:
    seen: dict[frozenset[int], int] = {}
    for i in sorted(terms):
        if terms[i] in seen:
            return seen[terms[i]], i
        seen[terms[i]] = i
    return None


def cost(a: frozenset[int], b: frozenset[int], result: frozenset[int], extent: Mapping[int, int]) -> float:
    """What multiplying a pair and summing all labels not in `result` costs."""
    union = a | b
    work = float(prod(extent[x] for x in union))
    if union - result and result - a and result - b:  # a matrix product, with free labels on both sides
        work *= GEMM
        if a & b & result:  # a stack of small ones, whose operands are laid out for it first
            work += prod(extent[x] for x in a) + prod(extent[x] for x in b)
    return work + prod(extent[x] for x in result)


def price(inputs: Sequence[Labels], out: Labels, sizes: Mapping[int, Size]) -> float:
    """What a product costs in the order of `pairs`, sums along labels of one operand included."""
    extent = {label: typical(size) for label, size in sizes.items()}
    holders = Counter(label for labels in inputs for label in set(labels))
    spent, terms = 0.0, {}
    for i, labels in enumerate(inputs):
        terms[i] = frozenset(x for x in labels if holders[x] > 1 or x in out)
        if terms[i] != frozenset(labels):
            spent += prod(extent[x] for x in set(labels))
    for fresh, (i, j) in enumerate(pairs([tuple(sorted(t)) for t in terms.values()], out, sizes), len(inputs)):
        a, b = terms.pop(i), terms.pop(j)
        terms[fresh] = (a | b) & _needed(out, terms.values())
        spent += cost(a, b, terms[fresh], extent)
    return spent


def _greedy(terms: Mapping[int, frozenset[int]], out: Labels, extent: Mapping[int, int], i: int, j: int) -> float:
    rest = [labels for k, labels in terms.items() if k not in (i, j)]
    result = (terms[i] | terms[j]) & _needed(out, rest)
    gone = sum(prod(extent[x] for x in terms[k]) for k in (i, j))
    return cost(terms[i], terms[j], result, extent) - gone


Tree = int | tuple["Tree", "Tree"]


def _search(terms: Mapping[int, frozenset[int]], out: Labels, extent: Mapping[int, int]) -> Tree:
    """The cheapest tree: dynamic programming over subsets."""
    ids = sorted(terms)
    best: dict[tuple[int, ...], tuple[float, Tree, frozenset[int]]] = {
        (i,): (0.0, i, terms[i]) for i in ids}
    for size in range(2, len(ids) + 1):
        for subset in combinations(ids, size):
            rest = [terms[i] for i in ids if i not in subset]
            needed = _needed(out, rest)
            found: tuple[float, Tree, frozenset[int]] | None = None
            for take in range(1, size):
                for tail in combinations(subset[1:], take - 1):
                    left = (subset[0], *tail)
                    right = tuple(i for i in subset if i not in left)
                    (ca, ta, la), (cb, tb, lb) = best[left], best[right]
                    result = (la | lb) & needed
                    total = ca + cb + cost(la, lb, result, extent)
                    if found is None or total < found[0]:
                        found = total, (ta, tb), result
            assert found is not None
            best[subset] = found
    return best[tuple(ids)][1]


def _follow(tree: Tree, merge: Callable[[int, int], None], last: Callable[[], int]) -> None:
    """Merge a tree from its leaves; `last()` is the number of the newest result."""
    stack: list[tuple[Tree, bool]] = [(tree, False)]
    values: list[int] = []
    while stack:
        branch, ready = stack.pop()
        if isinstance(branch, int):
            values.append(branch)
        elif ready:
            right, left = values.pop(), values.pop()
            merge(left, right)
            values.append(last())
        else:
            stack.extend(((branch, True), (branch[1], False), (branch[0], False)))
