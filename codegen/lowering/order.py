"""In which order to multiply: products of many operands as a sequence of pairs, found by opt_einsum.

Dynamic programming over all trees up to `EXACT` operands (Pfeifer, Haegeman and Verstraete, Phys. Rev. E 90, 033315),
outer and entrywise products included, greedy above. What is least is multiplications plus `WRITTEN` for each entry of
a result, which passes through memory. Symbolic sizes count as `TYPICAL`. opt_einsum is imported for three operands.

`price` tells what a product costs, for those who choose between products: entries that pass through memory, and a
fraction of that for each multiplication inside a matrix product.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import prod

import sympy as sp

from symgrad.graphs.sizes import Size

TYPICAL = 64  # what a symbolic size counts as
EXACT = 6  # operands up to which all orders are tried
WRITTEN = 10  # an entry of a result, measured in multiplications inside a matrix product
GEMM = 1 / WRITTEN  # the same the other way round: a multiplication, measured in entries that pass through memory

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
    """The pairs to multiply, in order; every result gets the next free number. Labels of one operand are summed before.

    >>> pairs([(0, 1), (1, 2), (2,)], (0,), {0: 64, 1: 64, 2: 64})  # A (B v)
    ((1, 2), (0, 3))
    """
    small = tuple(sorted((label, typical(size)) for label, size in sizes.items()))
    return _pairs(tuple(map(tuple, inputs)), tuple(out), small)


@lru_cache(maxsize=4096)
def _pairs(inputs: tuple[Labels, ...], out: Labels, sizes: Pairs) -> Pairs:
    held = Counter(label for labels in inputs for label in set(labels))
    terms = [frozenset(x for x in labels if held[x] > 1 or x in out) for labels in inputs]
    alive, done = list(range(len(terms))), []

    def merge(i: int, j: int) -> None:
        alive[:] = [k for k in alive if k not in (i, j)]
        terms.append((terms[i] | terms[j]) & _needed(out, [terms[k] for k in alive]))
        alive.append(len(terms) - 1)
        done.append((i, j))

    while same := _same({k: terms[k] for k in alive}):  # equal labels: nothing is gained by waiting
        merge(*same)
    while len(alive) > 2:
        for i, j in _path([terms[k] for k in alive], out, dict(sizes)):
            merge(*sorted((alive[i], alive[j])))
    if len(alive) == 2:
        merge(*sorted(alive))
    return tuple(done)


def _path(terms: list[frozenset[int]], out: Labels, extent: dict[int, int]) -> Sequence[tuple[int, int]]:
    """opt_einsum's path: positions in a list from which a pair is taken and to whose end its product is put."""
    from opt_einsum.paths import DynamicProgramming, greedy

    find = DynamicProgramming(f"combo-{WRITTEN}", search_outer=True) if len(terms) <= EXACT else greedy
    path: Sequence[tuple[int, int]] = find(terms, frozenset(out), extent)
    return path


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
