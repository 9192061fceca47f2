"""argmin_z g(z) + |z - x|²/(2 s) as a node, for a sum g of terms that are functions of single numbers.

What is affine moves the point, x - s c. What is quadratic with a diagonal Hessian stays in the functions of entries, and
shortens the step of functions of lengths, s/(1 + s q). A sum over slices of x falls apart into the steps of the slices.
Of a function of a length, the step goes along the vector (x - m) step(r)/r; of a function of a'x + b it goes along a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal
from symgrad.graphs.algebra.flattening import Term
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.facts import LOWER_TRIANGULAR, NONNEGATIVE, ORTHOGONAL, SIMPLEX, facts_of
from symgrad.graphs.node import Node, depends
from symgrad.graphs.proximal.deciding import sign_of
from symgrad.graphs.proximal.joining import NodeMaker, joined, moved, ratio, spread
from symgrad.graphs.proximal.kinks import ConvexPieces, NotConvex, Unsolved, convex_pieces, slope_at, unknown_slope
from symgrad.graphs.proximal.quadratic import quadratic_step
from symgrad.graphs.proximal.roots import T, V
from symgrad.graphs.proximal.scalars import Coupled, EntryFormulas, X
from symgrad.graphs.proximal.shapes import difference, lengths, product_with, upright
from symgrad.graphs.proximal.slices import as_moved, by_slices, cuts
from symgrad.graphs.reverse import reverse
from symgrad.graphs.sizes import Size
from symgrad.graphs.stationary.affine import at_zero, degrees, reciprocal, substituted, terms, tidy, total
from symgrad.graphs.stationary.systems import jacobian
from symgrad.graphs.weights import MINUS, ONE


class Stuck(Exception):
    """Why there is no step: the term that stands in the way, and the reason in words."""

    def __init__(self, node: Node | None, reason: str) -> None:
        super().__init__(reason)
        self.node, self.reason = node, reason


@dataclass(frozen=True)
class ProximalStep:
    """The step, and what must hold for it: nodes that must not be negative."""

    node: Node
    assumed: tuple[Node, ...] = ()


def proximal_step(root: Node, x: Node, s: Node, read: bool, proved: bool = False) -> ProximalStep:
    """The step of the scalar `root` in `x`, from the point x, with the number `s`. Raises Stuck, and NotConvex.

    `proved`: it is known to be convex.
    """
    for fact in (SIMPLEX, ORTHOGONAL, LOWER_TRIANGULAR):
        if fact in facts_of(x):
            raise Stuck(None, f"the step need not be {fact}, as the variable is declared")
    root = upright(root, x)
    live = depends([root], [x])
    if root not in live:
        return ProximalStep(x)
    other = as_moved(root, x)
    if other is not None:
        y, inner, back = other
        own = proximal_step(inner, y, s, read, proved)
        return ProximalStep(back(own.node), tuple(back(each) if each.shape else each for each in own.assumed))
    try:
        cut = cuts(root, x)
    except Unsolved as trouble:
        raise Stuck(root, str(trouble)) from None
    if cut is not None:
        whole = by_slices(root, x, *cut, lambda part, v: guarded(proximal_step(part, v, s, read, proved)))
        if whole is not None:
            return ProximalStep(whole)
        if degrees([root], [x])[root] > 2:
            raise Stuck(root, "it couples slices of the variable")
        return ProximalStep(quadratic_step(root, x, s, proved))
    parts = [term for term in terms(root, live) if any(node in live for node, _ in term.factors)]
    low, rest = _by_degree(parts, x)
    bounded = NONNEGATIVE in facts_of(x)
    affine, curved, coupled = _gradient(low, x)
    if coupled and not rest and not bounded:
        return ProximalStep(quadratic_step(root, x, s, proved))
    if coupled:
        raise Stuck(_whole(low), "a quadratic form that couples entries has no closed form beside other functions")
    point = x if affine is None else add([x, contract([s, affine], [(), range(len(x.shape))], range(len(x.shape)))],
                                         [ONE, MINUS])
    problem: Coupled | None = None
    for way in (_entries, _homogeneous) if bounded else (_entries, _lengths, _product, _homogeneous):
        try:
            return way(rest, x, point, s, curved, live, bounded, read)
        except Coupled as trouble:
            problem = problem or trouble
        except Unsolved as trouble:
            raise Stuck(_whole(rest or low), str(trouble)) from None
    assert problem is not None
    raise Stuck(problem.node, _why(problem.node, live))


def _why(node: Node, live: set[Node]) -> str:
    if node.op is ops.ELEMENTWISE and all(o.shape == node.shape for o in node.operands):
        return "the equation for its step has no solution in closed form"
    if node.op in (ops.MAX, ops.MIN, ops.LOGSUMEXP):
        return "the step of a function of all entries together needs an iteration over them"
    return "it couples entries, and is neither quadratic nor a function of one length or one product a'x"


def _whole(parts: Sequence[Term]) -> Node:
    return parts[0].node() if len(parts) == 1 else total(parts)


def _by_degree(parts: Sequence[Term], x: Node) -> tuple[list[Term], list[Term]]:
    """The terms of degree up to two, and the others."""
    nodes = [term.node() for term in parts]
    degree = degrees(nodes, [x])
    low = [t for t, n in zip(parts, nodes, strict=True) if degree[n] <= 2]
    return low, [t for t, n in zip(parts, nodes, strict=True) if degree[n] > 2]


def _gradient(low: Sequence[Term], x: Node) -> tuple[Node | None, Node | None, bool]:
    """The affine part and the diagonal of the Hessian of terms of degree two, None for zero; is there more of it?"""
    if not low:
        return None, None, False
    (g,) = reverse(_whole(low), contract([], [], ()), [x])
    g = tidy(g)
    value = tidy(at_zero(g, x))
    affine = None if value.op is ops.ADD and not value.operands else value
    h = terms(tidy(jacobian(g, x)))
    if not h:
        return affine, None, False
    rank = len(x.shape)
    if any(t.out[j] != t.out[rank + j] for t in h for j in range(rank)):
        return affine, None, True
    return affine, add([t.over(t.factors, t.out[:rank]) for t in h], [t.by for t in h]), False


def _bound(scalars: EntryFormulas, found: ConvexPieces, point: Node, step: Node, shape: tuple[Size, ...],
           read: bool) -> NodeMaker:
    nodes = {**scalars.nodes(shape), V: point, T: step if step.shape == shape else spread(step, (), shape)}
    return NodeMaker(nodes, found.meant, shape, read)


def _assumed(found: ConvexPieces, maker: NodeMaker) -> list[Node]:
    return [maker.node(e) for e in found.assumed]


def _entries(rest: Sequence[Term], x: Node, point: Node, s: Node, curved: Node | None, live: set[Node], bounded: bool,
             read: bool) -> ProximalStep:
    """The step of a sum of functions of entries."""
    scalars = EntryFormulas(live)
    formula = sp.S.Zero if curved is None else scalars.constant(curved) * X**2 / 2
    for term in rest:
        labels, f = scalars.of_term(term, {x: X})
        if len(labels) != len(x.shape):
            raise Coupled(term.node())
        formula += f
    try:
        found = convex_pieces(formula, sp.S.Zero if bounded else -sp.oo)
    except Unsolved:
        slope = unknown_slope(formula)
        if slope is None or bounded:
            raise
        return _turned(formula, slope, scalars, x, point, s, read)
    maker = _bound(scalars, found, point, s, x.shape, read)
    return ProximalStep(joined(found, maker), tuple(_assumed(found, maker)))


def _turned(formula: sp.Expr, slope: sp.Expr, scalars: EntryFormulas, x: Node, point: Node, s: Node,
            read: bool) -> ProximalStep:
    """The step of a function of a x, where the sign of a is not known: that in a x with the step a² s, turned back."""
    found = convex_pieces(formula.xreplace({X: X / slope}))
    axes = range(len(x.shape))
    a = lower(slope, scalars.nodes(x.shape), x.shape)
    step = s if s.shape == x.shape else spread(s, (), x.shape)
    value, longer = contract([a, point], [axes, axes], axes), contract([a, a, step], [axes, axes, axes], axes)
    maker = _bound(scalars, found, value, longer, x.shape, read)
    part = moved(found, maker)
    if part is None:
        node = contract([joined(found, maker), reciprocal(a)], [axes, axes], axes)
    else:
        node = add([point, contract([step, a, part], [axes, axes, axes], axes)])
    return ProximalStep(node, tuple(_assumed(found, maker)))


def _lengths(rest: Sequence[Term], x: Node, point: Node, s: Node, curved: Node | None, live: set[Node], bounded: bool,
             read: bool) -> ProximalStep:
    """The step of functions of lengths: along the vector, from zero only where that is asked (`bounded`)."""
    scalars = EntryFormulas(live)
    found = lengths(rest, x, live, scalars)
    if bounded and found.middle is not None:
        raise Coupled(_whole(rest))
    small = tuple(x.shape[a] for a in found.kept)
    q = None if curved is None else _along(curved, found.kept)
    formula = sp.S.Zero if q is None else scalars.constant(q) * X**2 / 2
    for term in rest:
        labels, f = scalars.of_term(term, found.formulas)
        if len(labels) != len(found.kept):
            raise Coupled(term.node())
        formula += f
    positive = sp.Symbol("r", nonnegative=True)
    formula = sp.simplify(formula.xreplace({X: positive})).xreplace({positive: X})
    pieces = convex_pieces(formula, sp.S.Zero, rising=True)
    centre, axes = found.middle, range(len(x.shape))
    if centre is not None and q is not None:  # q |z|²/2 is q |z - m|²/2 + q m'z
        point = add([point, contract([s, q, centre], [(), found.kept, axes], axes)], [ONE, MINUS])
    away = difference(point, centre)
    size = elementwise("sqrt", [contract([contract([away, away], [axes, axes], axes)], [axes], found.kept)])
    maker = _bound(scalars, pieces, size, s, small, read)
    by = ratio(pieces, maker, size)
    step = contract([by, away], [found.kept, axes], axes)
    assumed = [each if not each.shape else spread(each, found.kept, x.shape) for each in _assumed(pieces, maker)]
    return ProximalStep(step if centre is None else add([centre, step]), tuple(assumed))


def _homogeneous(rest: Sequence[Term], x: Node, point: Node, s: Node, curved: Node | None, live: set[Node], bounded: bool,
                 read: bool) -> ProximalStep:
    """The step of functions of lengths beside functions of entries that double where their argument does, lines and |x|.

    First the step of these, then that of the lengths: it goes along the vector, where those have the same subgradients
    (Yu, On decomposing the proximal map, 2013, theorem 4).
    """
    scalars = EntryFormulas(live)
    formula, others = sp.S.Zero, []
    for term in rest:
        try:
            labels, f = scalars.of_term(term, {x: X})
            if len(labels) != len(x.shape):
                raise Coupled(term.node())
        except Coupled:
            others.append(term)
            continue
        formula += f
    found = convex_pieces(formula, sp.S.Zero if bounded else -sp.oo)
    for piece in found.pieces:
        if {piece.low, piece.high} - {sp.S.Zero, sp.oo, -sp.oo} or sp.expand(piece.formula / X).has(X):
            raise Coupled(_whole(others or rest))
    if not others:
        raise Coupled(_whole(rest))
    maker = _bound(scalars, found, point, s, x.shape, read)
    own = _lengths(others, x, joined(found, maker), s, curved, live, True, read)
    return ProximalStep(own.node, (*_assumed(found, maker), *own.assumed))


def _along(curved: Node, kept: tuple[int, ...]) -> Node:
    """The one curvature of each group of entries. Raises Coupled where it differs within one."""
    parts = terms(curved)
    if any(t.out[a] in t.held for t in parts for a in range(len(curved.shape)) if a not in kept):
        raise Coupled(curved)
    return add([t.over(t.factors, [t.out[a] for a in kept]) for t in parts], [t.by for t in parts])


def _product(rest: Sequence[Term], x: Node, point: Node, s: Node, curved: Node | None, live: set[Node], bounded: bool,
             read: bool) -> ProximalStep:
    """The step of a function of a'x + b: along a."""
    base = product_with(rest, x, live)
    scalars = EntryFormulas(live)
    formula = sp.S.Zero
    for term in rest:
        labels, f = scalars.of_term(term, {base: X})
        if labels:
            raise Coupled(term.node())
        formula += f
    axes = range(len(x.shape))
    shorter, more = s, []
    if curved is not None:  # s/(1 + s q) from (x - s c)/(1 + s q)
        q = _along(curved, ())
        bend = convex_pieces(scalars.constant(q) * X**2 / 2)
        more = _assumed(bend, _bound(scalars, bend, s, s, (), read))
        factor = reciprocal(add([literal(1), contract([s, q], [(), ()], ())]))
        point, shorter = contract([point, factor], [axes, ()], axes), contract([s, factor], [(), ()], ())
    (a,) = reverse(base, contract([], [], ()), [x])
    square = contract([a, a], [axes, axes], ())
    pieces = convex_pieces(formula)
    value = substituted(base, {x: point})
    maker = _bound(scalars, pieces, value, contract([shorter, square], [(), ()], ()), (), read)
    part = moved(pieces, maker)
    if part is not None:
        along = contract([shorter, part, a], [(), (), axes], axes)
    else:
        along = contract([add([joined(pieces, maker), value], [ONE, MINUS]), reciprocal(square), a], [(), (), axes], axes)
    return ProximalStep(add([point, along]), (*more, *_assumed(pieces, maker)))


def is_smooth(root: Node, x: Node) -> bool:
    """Is a sum of functions of entries known to have one slope at each point, up to the ends of its domain?"""
    root = upright(root, x)
    live = depends([root], [x])
    scalars = EntryFormulas(live)
    try:
        formulas = [scalars.of_term(term, {x: X})[1] for term in terms(root, live)
                    if any(node in live for node, _ in term.factors)]
        formula = sp.Add(*formulas)
        slope = unknown_slope(formula)
        found = convex_pieces(formula if slope is None else formula.xreplace({X: X / slope}))
    except (Coupled, Unsolved, NotConvex):
        return False
    ends = [(found.pieces[0], found.pieces[0].low), (found.pieces[-1], found.pieces[-1].high)]
    return not any(end.is_finite and slope_at(piece, end).is_finite for piece, end in ends) and all(
        sign_of(sp.simplify(slope_at(right, left.high) - slope_at(left, left.high))) == 0
        for left, right in zip(found.pieces, found.pieces[1:], strict=False))


def guarded(step: ProximalStep) -> Node:
    """The step, NaN where what it assumes does not hold; this shows in no formula."""
    node = step.node
    for each in step.assumed:
        condition = elementwise("greater_equal", [each, literal(0, each.shape)])
        if each.shape != node.shape:
            condition = spread(condition, (), node.shape)
        node = elementwise("defined", [condition, node])
    return node
