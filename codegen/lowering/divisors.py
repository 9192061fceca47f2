"""Quotients by roots of sums of squares, each factor divided before it is multiplied.

1/q of a sum of squares q is divided by √q twice, and what q is a sum of squares of meets it first: x/√q is at most 1, so
that x_i x_j / √q³ is (x_i/√q) (x_j/√q) / √q. A divisor that is a product divides by one of its factors after another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from symgrad.codegen.lowering import forms
from symgrad.codegen.lowering.arrays import Arrays, Expr
from symgrad.codegen.lowering.factors import UsedFactor
from symgrad.codegen.lowering.products import Labels, Operand
from symgrad.codegen.lowering.roots import MOST, Exact, Square, root, squares
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.rewrites.patterns import bare, row_of
from symgrad.graphs.weights import ONE, Weight


class Divisor(NamedTuple):
    """What divides once: an array with a label for each axis, and what it is the root of squares of."""

    e: Expr
    labels: Labels
    of: tuple[Node, ...] = ()
    away: bool = False  # is a number among the squares, which keeps them from zero?


def related(b: Arrays, exact: Exact, loose: Exact, factors: Sequence[UsedFactor]) -> list[Operand] | None:
    """The factors of a product, each divided first by the root of squares of itself; a / (b c) as a / b / c.

    None where that is what is written anyway.
    """
    if b.quick or len(factors) < 2:
        return None
    divisors: list[Divisor] = []
    above: list[UsedFactor] = []
    apart = any(_is_apart(factor.node) for factor in factors)
    for factor in factors:
        found = _divisors(b, exact, loose, factor)
        below = row_of(factor.node, "reciprocal")
        if found is None and apart and below is not None:
            found = [Divisor(exact(below), factor.labels)]
        divisors += found or []
        above += [factor] if found is None else []
    above = [each for factor in above for each in (_opened(factor) if divisors else [factor])]
    if not above or all(d.away for d in divisors) and not any(_holds(factor, d) for factor in above for d in divisors):
        return None
    result: list[Operand] = []
    for factor in above:
        e = exact(factor.node)
        fitting = next((d for d in divisors if e.kind == REAL and _holds(factor, d)), None)
        if fitting is not None:
            divisors.remove(fitting)
            e = b.product([e], [b.align(fitting.e, fitting.labels, factor.labels)], ONE, REAL)
        result.append(Operand(e, factor.labels))
    return result + [Operand(d.e, d.labels, True) for d in divisors]


def _divisors(b: Arrays, exact: Exact, loose: Exact, factor: UsedFactor) -> list[Divisor] | None:
    """What `factor` divides by: a root n, k times where it is 1/n^k; each factor of a product. None for other factors."""
    inner, condition = bare(factor.node), None
    if inner.op is ops.ELEMENTWISE and inner.attrs[0] == "taken":
        condition, inner = inner.operands[0], bare(inner.operands[1])
    q, count = _halves_below(inner)
    of = None if q is None else squares(q)
    if q is None or of is None:
        below = None if condition is not None else row_of(inner, "reciprocal")
        if below is not None and q is not None and count == 1 and bare(q).op is ops.EINSUM and is_plain(bare(q)):
            return _each_root(b, exact, bare(q), factor.labels)
        return None if below is None else _each(b, exact, bare(below), factor.labels)
    n = root(b, exact, q, signed=count % 2 == 0)
    if n is None:
        return None
    if condition is not None:
        n = forms.elementwise(b, "where", [loose(condition), n, b.number(Weight(math.inf))], REAL)
    away = not all(square.factors for square in of)
    return [Divisor(b.filled(n, q.shape, REAL), factor.labels, _cores(of), away)] * count


def _halves_below(node: Node) -> tuple[Node | None, int]:
    """(q, k) where `node` is 1/q^(k/2)."""
    below = row_of(node, "reciprocal")
    sign = -1 if below is None else 1
    below = bare(node if below is None else below)
    row = below.attrs[0] if below.op is ops.ELEMENTWISE else None
    if row == "power":
        value = literal_value(below.operands[1])
        k = 0 if value is None or value.factor is not None else 2 * sign * Fraction(value.number)
        return (below.operands[0], int(k)) if k in range(1, MOST + 1) else (None, 0)
    if sign < 0:
        return None, 0
    return (below.operands[0], 1) if row == "sqrt" else (below, 2)


def _each(b: Arrays, exact: Exact, below: Node, labels: Labels) -> list[Divisor] | None:
    """The factors of a product that sums nothing, as divisors."""
    if below.op is not ops.EINSUM or not is_plain(below):
        return None
    place = dict(zip(below.attrs[1], labels, strict=True))
    parts = zip(below.operands, below.attrs[0], strict=True)
    roots = {o: squares(u) for o in below.operands if (u := row_of(o, "sqrt")) is not None}
    return [Divisor(exact(o), tuple(place[x] for x in names), _cores(roots.get(o) or []))
            for o, names in parts if o.dtype == REAL]


def _each_root(b: Arrays, exact: Exact, q: Node, labels: Labels) -> list[Divisor] | None:
    """√p and √q of √(p q), as divisors."""
    place = dict(zip(q.attrs[1], labels, strict=True))
    found = []
    for o, names in zip(q.operands, q.attrs[0], strict=True):
        of, n = squares(o), root(b, exact, o)
        if of is None or n is None:
            return None
        found.append(Divisor(b.filled(n, o.shape, REAL), tuple(place[x] for x in names), _cores(of)))
    return found


def _cores(of: Sequence[Square]) -> tuple[Node, ...]:
    return tuple(_core(node) for square in of for node, _ in square.factors)


def is_plain(node: Node) -> bool:
    """Is a product one that sums nothing?"""
    return {x for names in node.attrs[0] for x in names} == set(node.attrs[1])


def _is_apart(node: Node) -> bool:
    """Is a factor a product that sums nothing, which others need too?"""
    node = bare(node)
    return node.op is ops.EINSUM and node.dtype == REAL and is_plain(node)


def _opened(factor: UsedFactor) -> list[UsedFactor]:
    """The factors of a product that sums nothing: each may be divided first."""
    if not _is_apart(factor.node):
        return [factor]
    node = bare(factor.node)
    place = dict(zip(node.attrs[1], factor.labels, strict=True))
    return [UsedFactor(o, tuple(place[x] for x in names), node)
            for o, names in zip(node.operands, node.attrs[0], strict=True)]


def _holds(factor: UsedFactor, divisor: Divisor) -> bool:
    """Is `factor` what one of the squares in a divisor is of?"""
    return set(divisor.labels) <= set(factor.labels) and _core(factor.node) in divisor.of


def _core(node: Node) -> Node:
    """A node without its name, its conditions and its weight; what entries are of."""
    node = bare(node)
    while True:
        if node.op is ops.ELEMENTWISE and node.attrs[0] == "taken":
            node = bare(node.operands[1])
        elif node.operands and (node.op is ops.ADD and len(node.operands) == 1 or node.op in ENTRIES):
            node = bare(node.operands[0])
        else:
            return node


ENTRIES = (ops.VIEW, ops.SLICE, ops.GATHER, ops.RESHAPE)
