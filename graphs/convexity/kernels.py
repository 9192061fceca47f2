"""Sums of one function of a few affine numbers: convex where the second derivative of that function is.

The loss is written as sums over indices; what is summed over the same indices is added up, since terms may only be
convex together: `u² - 2 u v + v²`, `y log p + (1 - y) log(1 - p)`. What is left is a scalar function g of affine entries
u, v, ... and of constants, and the Hessian of the loss is A' D A with the Hessians of g as the blocks of D. SymPy
differentiates g, `nonnegative.py` proves that no principal minor is negative. g must be twice differentiable inside its
domain: what has a kink or a jump is no kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, count
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.convexity.calculus import Calculus
from symgrad.graphs.convexity.interval import Interval
from symgrad.graphs.convexity.nonnegative import never_negative
from symgrad.graphs.convexity.scalars import KernelFormulas, Labels, Located, NoKernel
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size, size_key
from symgrad.graphs.weights import to_expr

MOST_ATOMS, MOST_SQUARES = 3, 10  # affine numbers in one kernel; in one whose second derivatives are numbers
MOST_TERMS = 40
LARGEST = 120  # operations of a kernel


class Summand(NamedTuple):
    """A weight times constants times factors with named axes, summed over all labels; `source` is the live part."""

    weight: sp.Expr
    constants: tuple[Located, ...]
    factors: tuple[Located, ...]
    sizes: dict[Any, Size]
    source: Node


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function of affine entries, the symbols that stand for them, and its second derivatives."""

    formula: sp.Expr
    atoms: dict[sp.Symbol, Node]
    constants: dict[sp.Symbol, Node]
    second: sp.Matrix


def written(summand: Summand, c: Calculus, symbols: dict[Located, sp.Symbol]) -> tuple[Any, sp.Expr]:
    """A summand as a scalar formula, and over what it is summed; equal entries get one symbol. Raises NoKernel."""
    scalars = KernelFormulas(c)
    e = sp.Mul(summand.weight, *[scalars(*place) for place in (*summand.constants, *summand.factors)])
    number: dict[Any, int] = {}
    for _, labels in sorted(scalars.places, key=lambda p: (p[0] not in c.live, p[0].key)):
        for x in labels:
            number.setdefault(x, len(number))
    swap = {}
    for (node, labels), old in scalars.places.items():
        swap[old] = symbols.setdefault((node, tuple(number[x] for x in labels)), old)
    sizes = {x: size for node, labels in scalars.places for x, size in zip(labels, node.shape, strict=True)}
    for x, size in summand.sizes.items():
        if x not in sizes:  # summed, and in no factor: a multiple
            e *= sp.sympify(size)
    return tuple(size_key(size) for _, size in sorted((number[x], size) for x, size in sizes.items())), e.xreplace(swap)


def kernel_of(terms: Sequence[sp.Expr], symbols: Mapping[Located, sp.Symbol], c: Calculus) -> Kernel:
    """The sum of formulas over the same indices. Raises NoKernel where it is too large."""
    e = sp.Add(*terms)
    place_of = {symbol: place for place, symbol in symbols.items()}
    used = sorted((s for s in e.free_symbols if s in place_of), key=lambda s: (place_of[s][0].key, place_of[s][1]))
    atoms = {s: place_of[s][0] for s in used if place_of[s][0] in c.live}
    if len(atoms) > MOST_SQUARES or sp.count_ops(e) > LARGEST:
        raise NoKernel
    second = sp.zeros(len(atoms)) if kinked(e) or not atoms else sp.hessian(e, list(atoms))
    if len(atoms) > MOST_ATOMS and second.free_symbols:
        raise NoKernel
    return Kernel(e, atoms, {s: place_of[s][0] for s in used if s not in atoms}, second)


def kinked(e: sp.Expr) -> bool:
    """Is a formula in pieces? Then it has no second derivative to be judged by."""
    return bool(e.has(sp.Piecewise, sp.Abs, sp.Max, sp.Min, sp.sign, sp.floor))


def bends_upward(kernel: Kernel, sign: int, ranges: Callable[[Node], Interval]) -> bool:
    """Is `sign` times the second derivative positive semidefinite everywhere?"""
    if kinked(kernel.formula):
        return False
    if not kernel.second.free_symbols and len(kernel.atoms) > MOST_ATOMS:
        exact = kernel.second.applyfunc(lambda e: sp.nsimplify(e, rational=True))
        return all(e.is_Rational for e in exact) and bool((exact * sign).is_positive_semidefinite)
    values = {s: ranges(node) for s, node in {**kernel.atoms, **kernel.constants}.items()}
    return _minors(kernel.second * sign, lambda e: never_negative(e, values))


def _minors(matrix: sp.Matrix, proved: Callable[[sp.Expr], bool]) -> bool:
    """Are all principal minors proved, those of one entry first?"""
    n = matrix.rows
    return all(proved(matrix[list(rows), list(rows)].det()) for k in range(1, n + 1) for rows in combinations(range(n), k))


def summands_of(root: Node, c: Calculus) -> list[Summand]:
    """The scalar `root`, without constants, as sums over indices. Raises NoKernel where there are too many."""
    found: list[Summand] = []
    fresh = count()
    stack: list[tuple[Node, Labels, sp.Expr, tuple[Located, ...], dict[Any, Size]]] = [(root, (), sp.Integer(1), (), {})]
    while stack:
        node, labels, weight, factors, sizes = stack.pop()
        if len(found) + len(stack) > MOST_TERMS:
            raise NoKernel
        if node not in c.live:
            continue
        if node.op is ops.NAMED:
            stack.append((node.operands[0], labels, weight, factors, sizes))
        elif node.op is ops.ADD:
            stack += [(o, labels, weight * to_expr(by), factors, sizes)
                      for o, by in zip(node.operands, node.attrs[0], strict=True)]
        elif node.op is ops.EINSUM:
            place = dict(zip(node.attrs[1], labels, strict=True))
            sizes = dict(sizes)
            for o, names in zip(node.operands, node.attrs[0], strict=True):
                for x, size in zip(names, o.shape, strict=True):
                    if x not in place:
                        place[x] = next(fresh)
                        sizes[place[x]] = size
            parts = [(o, tuple(place[x] for x in names)) for o, names in zip(node.operands, node.attrs[0], strict=True)]
            live = [p for p in parts if p[0] in c.live]
            if len(live) == 1:
                rest = tuple(p for p in parts if p is not live[0])
                stack.append((*live[0], weight, (*factors, *rest), sizes))
            else:
                found.append(Summand(weight, factors, tuple(parts), sizes, node))
        else:
            found.append(Summand(weight, factors, ((node, labels),), sizes, node))
    return found
