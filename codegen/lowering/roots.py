"""Roots of sums of squares without the squares: norms, standard deviations, √(1 + x²), however large or small x is.

x² overflows beyond the root of the largest number and is zero below that of the smallest, where √(Σ x²) is an ordinary
number. `root` computes it as a norm (its largest entry taken out where that is needed) and `hypot` of such. What brings
a sum of squares q back into range goes through it: √q itself, log q = 2 log √q, and quotients (`divisors.py`).

A sum of squares that nothing brings back stays one: it overflows honestly. In a training step (`quick`) only what costs
nothing is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import sympy as sp

from symgrad.codegen.lowering import forms
from symgrad.codegen.lowering.arrays import Arrays, Expr
from symgrad.codegen.lowering.products import Labels, grouped
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, scale
from symgrad.graphs.node import BOOLEAN, REAL, Node
from symgrad.graphs.rewrites.patterns import bare, is_positive
from symgrad.graphs.weights import MINUS, ONE, Weight, from_expr, times, to_expr

MOST = 8  # terms of a sum of squares
Exact = Callable[[Node], Expr]


class Square(NamedTuple):
    """by times the sum, over the labels that are not axes of the whole, of the square of a product of factors."""

    by: Weight
    factors: tuple[tuple[Node, Labels], ...]


def squares(node: Node) -> list[Square] | None:
    """`node` as a sum of squares with positive weights, its axes labelled 0, 1, ...; None where it is none."""
    found: list[Square] = []
    stack: list[tuple[Node, Labels, Weight, Labels]] = [(node, tuple(range(len(node.shape))), ONE, ())]
    while stack:
        node, labels, by, summed = stack.pop()
        node = bare(node)
        value = literal_value(node)
        if len(found) == MOST or value is not None and (summed or not is_positive(value)):
            return None
        if value is not None:
            found.append(Square(times(by, value), ()))
        elif node.op is ops.ADD and all(map(is_positive, node.attrs[0])):
            terms = zip(node.operands[::-1], node.attrs[0][::-1], strict=True)
            stack += [(o, labels, times(by, w), summed) for o, w in terms]
        elif node.op is ops.VIEW and node.operands and len(set(node.attrs[1])) == len(node.attrs[1]):
            place = dict(zip(node.attrs[1], labels, strict=True))
            (inner,) = node.attrs[0]
            stack.append((node.operands[0], tuple(place[x] for x in inner), by, summed))
        elif node.op is ops.EINSUM and len(node.operands) == 1 and len(set(node.attrs[0][0])) == len(node.attrs[0][0]):
            place = dict(zip(node.attrs[1], labels, strict=True))
            own = tuple(place.get(x, ("summed", len(found), x)) for x in node.attrs[0][0])
            stack.append((node.operands[0], own, by, (*summed, *(x for x in own if isinstance(x, tuple)))))
        else:
            halves = _halves(node, labels, len(found))
            if halves is None or not {x for _, names in halves for x in names}.issuperset(summed):
                return None
            found.append(Square(by, halves))
    return found if any(square.factors for square in found) else None


def _halves(node: Node, labels: Labels, number: int) -> tuple[tuple[Node, Labels], ...] | None:
    """The factors of which `node` is the square, or the sum of squares."""
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "power" and node.dtype == REAL:
        value = literal_value(node.operands[1])
        even = value is not None and value.factor is None and value.number in (2, 4, 6, 8)
        return ((node.operands[0], labels),) * int(value.number // 2) if value is not None and even else None
    if node.op is not ops.EINSUM or node.dtype != REAL:
        return None
    inputs, out = node.attrs
    place = dict(zip(out, labels, strict=True))
    factors: list[tuple[Node, Labels]] = []
    for (operand, names), count in Counter(zip(node.operands, inputs, strict=True)).items():
        if count % 2 and operand.dtype != BOOLEAN or len(set(names)) < len(names):
            return None
        own = tuple(place.get(x, ("summed", number, x)) for x in names)
        factors += [(operand, own)] * (1 if count % 2 else count // 2)
    return tuple(factors)


def root(b: Arrays, exact: Exact, node: Node, signed: bool = False) -> Expr | None:
    """√node, loose, where `node` is a sum of squares; None elsewhere, and where it costs a training step something.

    `signed`: the root of either sign will do.
    """
    found = squares(node)
    if found is None:
        return _root_of_product(b, exact, node)
    norms = [any(isinstance(x, tuple) for _, names in square.factors for x in names) for square in found]
    if b.quick and any(norms) and (node.shape or len(found) > 1):
        return None  # of rows, with what keeps them from zero: layer and batch norms
    axes = tuple(range(len(node.shape)))
    parts = [_root_of(b, exact, square, axes) for square in found]
    if len(parts) == 1 and not norms[0]:
        return parts[0] if signed else b.row("abs", [parts[0]], REAL)
    whole = parts[0]
    for part in parts[1:]:
        whole = b.row("hypotenuse", [whole, part], REAL)
    return whole


def _root_of_product(b: Arrays, exact: Exact, node: Node) -> Expr | None:
    """√(p q) as √p √q, where both are sums of squares."""
    node = bare(node)
    if node.op is not ops.EINSUM or {x for names in node.attrs[0] for x in names} != set(node.attrs[1]):
        return None
    if any(squares(o) is None for o in node.operands):
        return None
    parts = [root(b, exact, o) for o in node.operands]
    labelled = zip(node.operands, parts, node.attrs[0], strict=True)
    whole = [b.align(b.filled(e, o.shape, REAL), names, node.attrs[1]) for o, e, names in labelled if e is not None]
    return b.product(whole, [], ONE, REAL) if None not in parts else None


def _root_of(b: Arrays, exact: Exact, square: Square, axes: Labels) -> Expr:
    """The root of one term, of either sign, loose along `axes`."""
    by = ONE if square.by == ONE else from_expr(sp.sqrt(to_expr(square.by)))
    if not square.factors:
        return b.number(by)
    present = {x for _, names in square.factors for x in names}
    summed = tuple(dict.fromkeys(x for _, names in square.factors for x in names if isinstance(x, tuple)))
    batch = tuple(x for x in axes if x in present)
    order = (*batch, *summed)
    e = b.product([b.align(b.cast(exact(n), REAL), names, order) for n, names in square.factors], [], ONE, REAL)
    if summed:
        e = grouped(b, e, order, (*((x,) for x in batch), summed))
        e = b.call("norm", [e], (), e.shape[:-1], REAL)
    return b.align(b.product([e], [], by, REAL), batch, axes)


def power_of_squares(b: Arrays, exact: Exact, node: Node) -> Expr | None:
    """√q, q^p for a p that is no whole number, and log q of a sum of squares q; None for other nodes.

    √(1 - x²) and 1/(1 - x²) too: as products of 1 - x and 1 + x, which are exact where x is near 1.
    """
    row, q = node.attrs[0], node.operands[0]
    if row in ("sqrt", "reciprocal") and (product := _of_difference(b, exact, q)) is not None:
        return b.row("sqrt", [product], REAL) if row == "sqrt" else b.product([], [product], ONE, REAL)
    if row == "sqrt":
        return root(b, exact, q)
    if row == "power":
        value = literal_value(node.operands[1])
        p = None if value is None or value.factor is not None else Fraction(value.number).limit_denominator(2**20)
        if p is None or p.denominator == 1 or (n := root(b, exact, q)) is None:
            return None
        return forms.elementwise(b, "power", [n, b.number(_plain(2 * p))], REAL)
    if row not in ("log", "log1p") or b.quick:
        return None
    return _log(b, exact, q, row == "log1p")


def _of_difference(b: Arrays, exact: Exact, node: Node) -> Expr | None:
    """(1 - x) (1 + x) where `node` is 1 - x²."""
    node, axes = bare(node), tuple(range(len(node.shape)))
    if node.op is not ops.ADD or len(node.operands) != 2:
        return None
    pairs = list(zip(node.operands, node.attrs[0], strict=True))
    for (one, w), (other, by) in (pairs, pairs[::-1]):
        value = literal_value(one)
        halves = _halves(bare(other), axes, 0) if value is not None and times(value, w) == ONE and by == MINUS else None
        if halves is not None and len(halves) == 1 and set(halves[0][1]) <= set(axes):
            x = b.align(b.cast(exact(halves[0][0]), REAL), halves[0][1], axes)
            sides = [b.add([(b.number(1), ONE), (x, sign)], REAL) for sign in (MINUS, ONE)]
            return b.product(sides, [], ONE, REAL)
    return None


def _plain(p: Fraction) -> Weight:
    return Weight(int(p) if p.denominator == 1 else p)


def _log(b: Arrays, exact: Exact, q: Node, plus_one: bool) -> Expr | None:
    """log q is 2 log √q; log(1 + r²) is 2 log M + log1p((m/M)²) of the larger and the smaller one of 1 and |r|."""
    rest = q if plus_one else _without_one(q)
    n = root(b, exact, q if rest is None else rest)
    if n is None:
        return None
    if rest is None:
        return b.product([b.row("log", [n], REAL)], [], Weight(2), REAL)
    larger = b.row("maximum", [n, b.number(1)], REAL)
    share = b.product([b.row("minimum", [n, b.number(1)], REAL)], [larger], ONE, REAL)
    tail = b.row("log1p", [b.product([share, share], [], ONE, REAL)], REAL)
    return b.add([(b.row("log", [larger], REAL), Weight(2)), (tail, ONE)], REAL)


def _without_one(node: Node) -> Node | None:
    """z where `node` is 1 + z, z of one term."""
    node = bare(node)
    if node.op is not ops.ADD or len(node.operands) != 2:
        return None
    pairs = list(zip(node.operands, node.attrs[0], strict=True))
    for (one, w), (other, by) in (pairs, pairs[::-1]):
        value = literal_value(one)
        if value is not None and times(value, w) == ONE and is_positive(by):
            return scale(other, by)
    return None
