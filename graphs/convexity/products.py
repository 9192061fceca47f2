"""How products and contractions bend: monomials of nodes, quadratic forms, what is divided by a matrix.

A product is read as constants times bases with exponents: `x * x / y` is x² y⁻¹. Each summand bends as the degrees of
`bends.py` say, and the contraction is a sum of such. A base of both signs has a whole exponent: an even one counts its
absolute value. Two affine factors that a matrix of constants lies between are a quadratic form, `definite.py` knows
about its matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal
from symgrad.graphs.convexity.bends import (
    AFFINE,
    ONE_ORDER,
    WILD,
    Because,
    Bend,
    Judged,
    Order,
    completed,
    of_power,
    of_product,
    of_product_below,
    of_sum,
    turned,
)
from symgrad.graphs.convexity.definite import is_semidefinite
from symgrad.graphs.convexity.interval import Interval, magnitudes, point, powers, times_interval
from symgrad.graphs.convexity.monomials import Base, BaseLabels, Monomials, factors_of
from symgrad.graphs.convexity.scalars import Knowing
from symgrad.graphs.facts import POSITIVE_DEFINITE, facts_of
from symgrad.graphs.node import Node

DIAGONALS = {ops.CHOLESKY: "cholesky diagonal", ops.INVERSE: "inverse diagonal"}


def orders_of_base(c: Knowing, base: Node, p: Order) -> tuple[tuple[Order | None, Order | None], int]:
    """The orders of |base|, and the sign of base^p beside |base|^p: 1, -1, or 0 where it is not known."""
    return _orders(c.bends[base], c.ranges(base), p)


def _orders_of_factor(c: Knowing, base: Base, p: Fraction) -> tuple[tuple[Order | None, Order | None], int]:
    """The same of a factor, which may be a diagonal or an absolute value."""
    bend = bend_of_diagonal(c, base.node, base.labels) or c.bends[base.node]
    if not base.size:
        return _orders(bend, c.ranges(base.node), p)
    orders, _ = _orders(bend, c.ranges(base.node), Fraction(2))  # an even power counts the absolute value
    return orders, 1


def bend_of_diagonal(c: Knowing, x: Node, labels: BaseLabels) -> Bend | None:
    """Diagonals of a Cholesky factor, roots of Schur complements, and of an inverse, their reciprocals; else None.

    Those of what is declared positive definite are positive.
    """
    if len(labels) < 2 or labels[-1] != labels[-2] or x not in c.live:
        return None
    if POSITIVE_DEFINITE in facts_of(x):
        return Bend(True, True, ONE_ORDER, ONE_ORDER)
    if x.op not in (ops.CHOLESKY, ops.INVERSE) or not c.bends[x.operands[0]].affine:
        return None
    if x.op is ops.CHOLESKY:
        return Bend(below=Fraction(2))
    a = x.operands[0]
    return Bend(above=Fraction(-1)) if is_semidefinite(a, len(a.shape) - 2, 1, c.ranges) else None


def bend_of_size(c: Knowing, x: Node) -> Judged:
    """How |x| bends: of a product, the product of sizes."""
    labels = tuple(range(len(x.shape)))
    if x.op is ops.EINSUM:
        found = factors_of(x)
        if not {label for base in found.bases for label in base.labels} - set(found.out):
            live = {base: e for base, e in found.bases.items() if base.node in c.live}
            if not live:  # |x/x|
                return AFFINE, None
            parts = [(of_power(*_orders_of_factor(c, base._replace(size=True), e)[0], e)) for base, e in live.items()]
            return Bend(above=of_product([up for up, _ in parts]), below=of_product_below([down for _, down in parts])), (
                Because("abs", tuple(base.node for base in live)))
    orders, _ = _orders_of_factor(c, Base(x, labels, True), ONE_ORDER)
    return Bend(above=orders[0], below=orders[1]), Because("abs", (x,))


def _orders(bend: Bend, values: Interval, p: Order) -> tuple[tuple[Order | None, Order | None], int]:
    sized = not isinstance(p, Fraction)  # x^n may be whole, and 1/n is for n = 1
    whole = sized or p.denominator == 1
    ordered = bend.above is not None or bend.below is not None  # as no function with values below zero is
    if not whole or values.nonnegative or ordered:  # a power that is not whole has no base below zero
        done = completed(bend, Interval(Fraction(0)))
        return (done.above, done.below), 1
    if sized:
        return (None, None), 0
    even = bool(p % 2 == 0)
    if values.nonpositive:
        done = completed(turned(bend), Interval(Fraction(0)))
        return (done.above, done.below), 1 if even else -1
    if even:
        return (ONE_ORDER if bend.affine else None, None), 1
    return (None, None), 0


def bend_of_product(c: Knowing, node: Node) -> tuple[Bend, str, tuple[Node, ...]]:
    """How a contraction bends, the rule, and the nodes that it rests on."""
    found = _bend_of(c, factors_of(node))
    return found if found[0].known else _bend_of(c, factors_of(node, deep=True))


def _bend_of(c: Knowing, factors: Monomials) -> tuple[Bend, str, tuple[Node, ...]]:
    live = {base: e for base, e in factors.bases.items() if base.node in c.live}
    constant = point(1)
    for base, e in factors.bases.items():
        if base.node not in c.live:
            constant = times_interval(constant, powers(_values(c, base), e))
    if not live:  # x/x, wherever it is a number
        return AFFINE, "", ()
    summed = {x for base in factors.bases for x in base.labels} - set(factors.out)
    if len(live) == 1:
        ((base, e),) = live.items()
        if e == 1 and not base.size:
            found = _scaled(bend_of_diagonal(c, base.node, base.labels) or c.bends[base.node], constant, bool(summed))
            if found.known and base.node.op in DIAGONALS:
                return found, DIAGONALS[base.node.op], base.node.operands
            if found.known:
                return found, "weight", () if found.affine else (base.node,)
    made = _monomial(c, live, constant)
    if made.known:
        if summed:
            made = Bend(made.convex, made.concave, *of_sum(made.above, made.below))
        return made, _called(live), tuple(base.node for base in live)
    return _quadratic(c, factors, live)


def _called(live: dict[Base, Fraction]) -> str:
    if set(live.values()) == {Fraction(2)} and not any(base.node.op is ops.CHOLESKY for base in live):
        return "squares"
    if all(base.size for base in live):
        return "absolute" if set(live.values()) == {Fraction(1)} else "absolute powers"
    return "power" if len(live) == 1 else "monomial"


def _scaled(bend: Bend, by: Interval, summed: bool) -> Bend:
    if bend.affine:
        return completed(AFFINE, Interval()) if not by.nonnegative else Bend(True, True, *(
            of_sum(bend.above, bend.below) if summed else (bend.above, bend.below)))
    if by.nonnegative:
        orders = of_sum(bend.above, bend.below) if summed else (bend.above, bend.below)
        return Bend(bend.convex, bend.concave, *orders)
    return turned(bend) if by.nonpositive else WILD


def _monomial(c: Knowing, live: dict[Base, Fraction], constant: Interval) -> Bend:
    ups: list[Order | None] = []
    downs: list[Order | None] = []
    sign = 1
    for base, e in live.items():
        orders, way = _orders_of_factor(c, base, e)
        sign *= way
        up, down = of_power(*orders, e)
        ups.append(up)
        downs.append(down)
    if sign == 0:
        return WILD
    made = completed(Bend(above=of_product(ups), below=of_product_below(downs)), Interval(Fraction(0)))
    made = made if sign > 0 else turned(made)
    return made if constant.nonnegative else turned(made) if constant.nonpositive else WILD


def _quadratic(c: Knowing, factors: Monomials, live: dict[Base, Fraction]) -> tuple[Bend, str, tuple[Node, ...]]:
    """u'Mu with a matrix M of constants, u'V⁻¹u and tr(M V⁻¹) with a matrix V that is affine in the variables."""
    nothing: tuple[Bend, str, tuple[Node, ...]] = (WILD, "", ())
    if any(e != 1 or base.size for base, e in live.items()):
        return nothing
    constants = {base: e for base, e in factors.bases.items() if base.node not in c.live}
    matrices = [base for base in live if base.node.op in (ops.INVERSE, ops.SOLVE)]
    vectors = [base for base in live if base not in matrices]
    if not matrices and len(vectors) == 2 and vectors[0].node is vectors[1].node and c.bends[vectors[0].node].affine:
        way = _definite_between(c, factors, constants, vectors[0].labels, vectors[1].labels)
        norm = Bend(above=Fraction(1, 2)) if way > 0 else Bend(concave=True)  # the root of a form is the length of a vector
        return (norm, "quadratic form", (vectors[0].node,)) if way else nothing
    if len(matrices) == 1 and matrices[0].node.op is ops.INVERSE and len(vectors) in (0, 2):
        return _divided(c, factors, constants, matrices[0], vectors) or nothing
    if len(matrices) == 1 and matrices[0].node.op is ops.SOLVE and len(constants) + len(vectors) == 1 and all(
            e == 1 for e in constants.values()):
        return _solved(c, factors, matrices[0], [*constants, *vectors][0]) or nothing
    return nothing


def _definite_between(c: Knowing, factors: Monomials, constants: dict[Base, Fraction], rows: BaseLabels,
                      columns: BaseLabels) -> int:
    """1 where the constants between two equal factors are positive semidefinite matrices, -1 where negative, else 0."""
    if len(set(rows)) < len(rows) or len(set(columns)) < len(columns):
        return 0
    pairs = [(a, b) for a, b in zip(rows, columns, strict=True) if a != b]
    left, right = [a for a, _ in pairs], [b for _, b in pairs]
    shared = [a for a, b in zip(rows, columns, strict=True) if a == b]
    if not pairs or set(left) & set(right) or (set(left) | set(right)) & {*factors.out, *shared} or any(
            e.denominator > 1 or e < 1 for e in constants.values()) or any(base.size for base in constants):
        return 0
    batch = list(dict.fromkeys([*factors.out, *shared]))
    nodes = [base.node for base, e in constants.items() for _ in range(int(e))]
    labels = [base.labels for base, e in constants.items() for _ in range(int(e))]
    used = [*batch, *left, *right]
    sizes = {x: factors.sizes[x] for names in (used, *labels) for x in names}
    matrix = contract(nodes, labels, used, sizes)
    if is_semidefinite(matrix, len(batch), len(left), c.ranges):
        return 1
    return -1 if is_semidefinite(contract([matrix, _minus_one()], [used, ()], used), len(batch), len(left), c.ranges) else 0


def _minus_one() -> Node:
    return literal(-1)


def _divided(c: Knowing, factors: Monomials, constants: dict[Base, Fraction], inverse: Base,
             vectors: Sequence[Base]) -> tuple[Bend, str, tuple[Node, ...]] | None:
    """u'V⁻¹u is convex in u and V together, tr(M V⁻¹) in V, where V is positive definite."""
    matrix = inverse.node.operands[0]
    stack, (a, b) = inverse.labels[:-2], inverse.labels[-2:]
    if not c.bends[matrix].affine or {a, b} & {*factors.out, *stack}:
        return None
    if not is_semidefinite(matrix, len(stack), 1, c.ranges):
        return None
    if vectors:
        u, v = vectors
        turned_labels = tuple(b if x == a else a if x == b else x for x in u.labels)
        if u.node is not v.node or turned_labels != v.labels or not c.bends[u.node].affine or a == b or (
                len({a, b} & set(u.labels)) != 1):
            return None
        rest = times_all(c, constants)
        if any({a, b} & set(base.labels) for base in constants) or not rest.nonnegative:
            return None
        return Bend(True), "matrix fraction", (u.node, matrix)
    if a != b:
        way = _definite_between(c, factors, constants, (a,), (b,)) if not set(stack) - set(factors.out) else 0
        return (Bend(way > 0, way < 0), "trace of inverse", (matrix,)) if way else None
    rest = times_all(c, constants)
    return (Bend(rest.nonnegative, rest.nonpositive), "trace of inverse", (matrix,)) if (
        rest.nonnegative or rest.nonpositive) else None


def _solved(c: Knowing, factors: Monomials, solved: Base, other: Base) -> tuple[Bend, str, tuple[Node, ...]] | None:
    """u'V⁻¹u, written with a solve."""
    matrix, right = solved.node.operands
    stack = len(matrix.shape) - 2
    if right is not other.node or solved.labels != other.labels or solved.labels[stack] in factors.out:
        return None
    if not (c.bends[matrix].affine and c.bends[right].affine and is_semidefinite(matrix, stack, 1, c.ranges)):
        return None
    return Bend(True), "matrix fraction", (right, matrix)


def times_all(c: Knowing, constants: dict[Base, Fraction]) -> Interval:
    """The values of a product of constants."""
    total = point(1)
    for base, e in constants.items():
        total = times_interval(total, powers(_values(c, base), e))
    return total


def _values(c: Knowing, base: Base) -> Interval:
    values = c.ranges(base.node)
    return magnitudes(values) if base.size else values
