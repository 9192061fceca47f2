"""The steps on the pieces of a convex function of one number, put together: max(|v| - t, 0) sign(v) and its like.

The slope of `t e(z) + |z - v|²/2` rises, so exactly one piece, or one kink between two, holds its zero. With roots that
are affine in v the choice is made by max and min: where the slope jumps up at a kink b, the step is
max(right, min(left, b)); where only the curvature changes there, it is the larger or the smaller of both. Of an even
function the right half is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symgrad.graphs.algebra.einsum import contract, literal, literal_value, product
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.node import Node
from symgrad.graphs.proximal.deciding import decided, sign_of
from symgrad.graphs.proximal.kinks import ConvexPieces, SmoothPiece, slope_at
from symgrad.graphs.proximal.roots import Root, T, V, root_on
from symgrad.graphs.proximal.scalars import X
from symgrad.graphs.sizes import Shape
from symgrad.graphs.weights import MINUS, Weight


@dataclass(frozen=True)
class NodeMaker:
    """Formulas as nodes of one shape. `read`: as people read them."""

    nodes: dict[sp.Symbol, Node]
    meant: tuple[tuple[sp.Symbol, sp.Expr], ...]
    shape: Shape
    read: bool

    def node(self, formula: sp.Expr) -> Node:
        """A formula in V, T and the symbols of the function, its number first in what is divided by."""
        formula = self.resolved(formula)
        above, below = sp.fraction(formula)
        if below.is_Add:
            constant, rest = below.as_coeff_Add()
            if constant != 0 and not rest.has(V):
                divisor = add([self.node(constant), self.node(rest)])
                return product(self.node(above), elementwise("reciprocal", [divisor]))
        decimals = {q: sp.Float(float(q), 17) for q in formula.atoms(sp.Rational) if q.q % 5 == 0}
        return lower(formula.xreplace(decimals), self.nodes, self.shape)

    def resolved(self, formula: sp.Expr) -> sp.Expr:
        """The formula without symbols that stand for formulas."""
        for symbol, value in self.meant:
            formula = formula.xreplace({symbol: value})
        return formula

    def zero(self) -> Node:
        """Zero at every entry."""
        return literal(0, self.shape)


def joined(found: ConvexPieces, maker: NodeMaker) -> Node:
    """The step of a convex function, V being the point and T the step."""
    middle = _centre(found)
    if middle is not None:
        return _even(found, middle, maker)
    roots = [root_on(piece) for piece in found.pieces]
    first, last = found.pieces[0], found.pieces[-1]
    if first is last and roots[0].slope is not None and first.low != -sp.oo and first.high != sp.oo:
        return elementwise("clip", [_plain(roots[0], maker), maker.node(first.low), maker.node(first.high)])
    return _in_order(found.pieces, roots, maker)


def _centre(found: ConvexPieces) -> sp.Expr | None:
    """Where an even function with kinks has its middle; None where it is not even."""
    pieces = found.pieces
    low, high = pieces[0].low, pieces[-1].high
    ends = [piece.low for piece in pieces] + [high]
    if len(pieces) == 1:
        return None
    if (low == -sp.oo) != (high == sp.oo):
        return None
    inner = [e for e in ends if e not in (sp.oo, -sp.oo)]
    middle = sp.expand((inner[0] + inner[-1]) / 2)
    for left, right in zip(pieces, reversed(pieces), strict=True):
        if right.high != sp.oo and sp.expand(left.low + right.high - 2 * middle) != 0:
            return None
        if sp.expand(left.formula.xreplace({X: 2 * middle - X}) - right.formula) != 0:
            return None
    return middle


def _even(found: ConvexPieces, middle: sp.Expr, maker: NodeMaker) -> Node:
    """middle + sign(v - middle) step(|v - middle|), from the right half."""
    right = [SmoothPiece(_less(p.low, middle), _less(p.high, middle), sp.expand(p.formula.xreplace({X: X + middle})))
             for p in found.pieces if p.high == sp.oo or decided(p.high - middle) > 0]
    right[0] = SmoothPiece(sp.S.Zero, right[0].high, right[0].formula)
    away = add([maker.nodes[V], maker.node(middle)], [Weight(1), MINUS]) if middle != 0 else maker.nodes[V]
    size = elementwise("abs", [away])
    inner = NodeMaker({**maker.nodes, V: size}, maker.meant, maker.shape, maker.read)
    flat = slope_at(right[0], sp.S.Zero) == 0
    roots = [root_on(piece) for piece in right]
    first = roots[0]
    if len(right) == 1 and flat and right[0].high == sp.oo and first.slope is not None:
        step = NodeMaker({**maker.nodes, V: away}, maker.meant, maker.shape, maker.read).node(first.computed)
    elif len(right) == 1 and flat and right[0].high == sp.oo and (by := _per_point(first)) is not None:
        step = product(away, inner.node(by))
    else:
        step = product(elementwise("sign", [away]), _in_order(right, roots, inner, flat))
    return step if middle == 0 else add([maker.node(middle), step])


def _per_point(root: Root) -> sp.Expr | None:
    """root/V where that has a value for V = 0 too."""
    by = sp.cancel(root.read / V)
    return None if sp.sympify(sp.fraction(by)[1]).xreplace({V: sp.S.Zero}).is_zero else by


def _less(end: sp.Expr, by: sp.Expr) -> sp.Expr:
    return end if end in (sp.oo, -sp.oo) else sp.expand(end - by)


def _in_order(pieces: Sequence[SmoothPiece], roots: Sequence[Root], maker: NodeMaker, flat: bool = False) -> Node:
    """The step from the left to the right. `flat`: the first piece begins at 0, where its slope is zero."""
    if all(root.slope is not None for root in roots):
        found = _by_max_and_min(pieces, roots, maker, flat)
        if found is not None:
            return found
    return _by_cases(pieces, roots, maker, flat)


def _by_max_and_min(pieces: Sequence[SmoothPiece], roots: Sequence[Root], maker: NodeMaker, flat: bool) -> Node | None:
    low, high = pieces[0].low, pieces[-1].high
    bounded = low != -sp.oo and not flat
    if len(pieces) == 2 and (bend := _bend_only(pieces, roots)) is not None:
        step = elementwise("minimum" if bend > 0 else "maximum", [_plain(root, maker) for root in roots])
        step = elementwise("maximum", [step, maker.node(low)]) if bounded else step
        return step if high == sp.oo else elementwise("minimum", [step, maker.node(high)])
    step = _positive_part(roots[0], low, maker) if bounded else _plain(roots[0], maker)
    for left, a, b in zip(pieces, roots, roots[1:], strict=False):
        at = left.high
        steeper = _steeper(a, b)
        if steeper is None:
            return None
        other = _plain(b, maker)
        if steeper <= 0:
            step = elementwise("maximum", [other, elementwise("minimum", [step, maker.node(at)])])
        elif len(pieces) == 2:
            step = elementwise("minimum", [step, elementwise("maximum", [other, maker.node(at)])])
        else:
            return None
    return step if high == sp.oo else elementwise("minimum", [step, maker.node(high)])


def _bend_only(pieces: Sequence[SmoothPiece], roots: Sequence[Root]) -> int | None:
    """Of two pieces with one slope where they meet: does the right one bend more (1) or less (-1)? None for others."""
    at = pieces[0].high
    jump = sp.simplify(slope_at(pieces[1], at) - slope_at(pieces[0], at))
    return _steeper(*roots) if sign_of(jump) == 0 else None


def _steeper(a: Root, b: Root) -> int | None:
    """Is the curvature under b larger (1), smaller (-1), the same, or not known?"""
    return sign_of(sp.simplify(1 / sp.sympify(b.slope) - 1 / sp.sympify(a.slope)))


def _positive_part(root: Root, low: sp.Expr, maker: NodeMaker) -> Node:
    """max(root, low), what it is divided by behind the max where low is zero."""
    if low == 0:
        above, below = sp.fraction(sp.together(maker.resolved(root.computed)))
        if below.free_symbols and sign_of(sp.fraction(sp.together(root.computed))[1]) == 1:
            part = elementwise("maximum", [maker.node(sp.expand(above)), maker.zero()])
            return product(part, maker.node(1 / below))
    return elementwise("maximum", [_plain(root, maker), maker.node(low)])


def _plain(root: Root, maker: NodeMaker) -> Node:
    return maker.node(root.read if maker.read else root.computed)


def _by_cases(pieces: Sequence[SmoothPiece], roots: Sequence[Root], maker: NodeMaker, flat: bool) -> Node:
    """Which piece holds the zero is told by v: it leaves a piece where the slope at its end says so."""
    step = _plain(roots[-1], maker)
    last = pieces[-1]
    v = maker.nodes[V]
    if last.high != sp.oo and _reach(last, last.high) != sp.oo:
        step = _case(v, "less", _reach(last, last.high), step, maker.node(last.high), maker)
    for i in range(len(pieces) - 1, 0, -1):
        left, right = pieces[i - 1], pieces[i]
        at = left.high
        enter, leave = _reach(right, at), _reach(left, at)
        if sp.simplify(enter - leave) != 0:
            step = _case(v, "greater", enter, step, maker.node(at), maker)
        step = _case(v, "less", leave, _plain(roots[i - 1], maker), step, maker)
    first = pieces[0]
    if first.low != -sp.oo and not flat:
        reach = _reach(first, first.low)
        if reach != -sp.oo:
            step = _case(v, "greater", reach, step, maker.node(first.low), maker)
    return step


def _reach(piece: SmoothPiece, at: sp.Expr) -> sp.Expr:
    """The point whose step is the end of a piece: at + t e'(at)."""
    value = slope_at(piece, at)
    if value.has(sp.zoo, sp.oo, -sp.oo, sp.nan):
        return -sp.oo if at == piece.low else sp.oo
    return sp.expand(at + T * value)


def _case(v: Node, row: str, bound: sp.Expr, yes: Node, no: Node, maker: NodeMaker) -> Node:
    return elementwise("where", [elementwise(row, [v, maker.node(bound)]), yes, no])


def ratio(found: ConvexPieces, maker: NodeMaker, length: Node) -> Node:
    """step(r)/r for a function of a length r: what a vector of that length is multiplied by."""
    roots = [root_on(piece) for piece in found.pieces]
    pieces = list(found.pieces)
    flat = slope_at(pieces[0], sp.S.Zero) == 0
    one = literal(1, maker.shape)
    first = roots[0]
    if len(pieces) == 1 and first.slope is not None and pieces[0].high == sp.oo:
        slope = maker.node(first.slope)
        if flat:
            return slope
        shift = sp.expand(-first.computed / first.slope + V)  # step(r) = slope max(r - shift, 0)
        part = product(maker.node(shift), elementwise("reciprocal", [length]))
        rest = add([one, part], [Weight(1), MINUS])
        if maker.read:
            kept = elementwise("maximum", [rest, maker.zero()])
        else:
            kept = elementwise("where", [elementwise("greater", [length, maker.node(shift)]), rest, maker.zero()])
        return kept if literal_value(slope) == Weight(1) else product(kept, slope)
    if len(pieces) == 1 and flat and pieces[0].high == sp.oo and (by := _per_point(first)) is not None:
        return maker.node(by)
    step = _in_order(pieces, roots, maker, flat)
    quotient = product(step, elementwise("reciprocal", [length]))
    if maker.read:
        return quotient
    return elementwise("where", [elementwise("greater", [length, maker.zero()]), quotient, maker.zero()])


def moved(found: ConvexPieces, maker: NodeMaker) -> Node | None:
    """(step - v)/t of a function whose roots are v - t k or kinks; only a kink is divided by t."""
    roots = [root_on(piece) for piece in found.pieces]
    if any(root.slope != 1 for root in roots) or found.pieces[0].low != -sp.oo or found.pieces[-1].high != sp.oo:
        return None
    step = maker.node(sp.expand((roots[0].computed - V) / T))
    for left, root in zip(found.pieces, roots[1:], strict=False):
        at = maker.node((left.high - V) / T)
        step = elementwise("maximum", [maker.node(sp.expand((root.computed - V) / T)), elementwise("minimum", [step, at])])
    return step


def spread(node: Node, kept: Sequence[int], shape: Shape) -> Node:
    """A node at every entry of `shape`, its axes being those that are `kept`."""
    return contract([node], [tuple(kept)], range(len(shape)), dict(enumerate(shape)))
