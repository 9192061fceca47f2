"""A function of one number, cut at its kinks into pieces that are smooth, and the proof that it is convex.

A kink is where the argument of |.|, max, min, sign or a condition changes its sign; logarithms and roots end the domain,
and so does an infinite value. Convex is what has a second derivative that is never negative on each piece, and a slope
that never falls at a kink. Where a sign is not known but decides, both cases are tried: if only one of them leaves the
function convex, it is what the user means, and the step is NaN in the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sympy as sp

from symgrad.graphs.proximal.deciding import ABOVE, Undecided, cases, decided, sign_of
from symgrad.graphs.proximal.scalars import X

DEEPEST = 6  # signs that are decided by trying
MOST = 24  # pieces


class NotConvex(Exception):
    """The function is not convex, or is not known to be: said in words."""


class Unsolved(Exception):
    """There is no closed form: said in words."""


@dataclass(frozen=True)
class SmoothPiece:
    """A smooth formula in X between two ends."""

    low: sp.Expr
    high: sp.Expr
    formula: sp.Expr


@dataclass(frozen=True)
class ConvexPieces:
    """A convex function by its pieces, from left to right; infinite outside. `assumed`: formulas that must not be negative.

    `meant`: symbols that stand for formulas, since a sign was decided.
    """

    pieces: tuple[SmoothPiece, ...]
    assumed: tuple[sp.Expr, ...] = ()
    meant: tuple[tuple[sp.Symbol, sp.Expr], ...] = ()

    @property
    def kinks(self) -> list[sp.Expr]:
        """The ends between pieces."""
        return [piece.high for piece in self.pieces[:-1]]


def convex_pieces(formula: sp.Expr, low: sp.Expr = -sp.oo, rising: bool = False, deep: int = 0) -> ConvexPieces:
    """A function of X from `low` upwards by its pieces; where asked, it must be `rising`.

    Raises NotConvex, and Unsolved where kinks have no order.
    """
    try:
        return ConvexPieces(_proved(_cut(formula, low), rising))
    except Undecided as unknown:
        return _in_both_cases(unknown.formula, formula, low, rising, deep)


def _in_both_cases(unknown: sp.Expr, formula: sp.Expr, low: sp.Expr, rising: bool, deep: int) -> ConvexPieces:
    """The one case, `unknown` >= 0 or <= 0, in which the function is convex."""
    both = cases(unknown) if deep < DEEPEST else None
    if both is None:
        raise Unsolved("the order of its kinks, or of the ends of its domain, is not known")
    found: list[ConvexPieces] = []
    problem = NotConvex("a weight would have to be negative")
    for symbol, value, assumed in both:
        try:
            some = convex_pieces(formula.xreplace({symbol: value}), low, rising, deep + 1)
        except NotConvex as trouble:
            problem = trouble
            continue
        (fresh,) = value.free_symbols - formula.free_symbols
        back = sp.solve(sp.Eq(value, symbol), fresh)[0]
        found.append(replace(some, assumed=(assumed, *(a.xreplace({fresh: back}) for a in some.assumed)),
                             meant=(*some.meant, (fresh, back))))
    if len(found) > 1:
        raise Unsolved("the order of its kinks depends on values that declare no sign")
    if not found or not _is_meant(found[0].assumed[0]):
        raise problem
    return found[0]


def _is_meant(assumed: sp.Expr) -> bool:
    """Does a user who declares nothing mean this? That weights are not negative, and bounds in order; nothing else."""
    if assumed.is_Add:
        return bool(assumed.as_coeff_Add()[0] == 0)
    return not assumed.could_extract_minus_sign()


# cutting ----------------------------------------------------------------------------------------------


def _cut(formula: sp.Expr, low: sp.Expr) -> list[SmoothPiece]:
    todo, done = [SmoothPiece(low, sp.oo, formula)], list[SmoothPiece]()
    while todo:
        piece = todo.pop()
        if len(done) + len(todo) > MOST:
            raise Unsolved(f"it has more than {MOST} pieces")
        switch = _switch(piece.formula)
        if switch is None:
            done.append(piece)
            continue
        todo += reversed(_split(piece, switch))
    whole = [p for p in (_within(p) for p in done) if p is not None]
    finite = [p for p in whole if not p.formula.has(sp.oo, -sp.oo, sp.zoo, sp.nan)]
    if not finite:
        raise NotConvex("it is finite nowhere")
    merged = [finite[0]]
    for piece in finite[1:]:
        last = merged[-1]
        if sp.expand(last.high - piece.low) != 0:
            raise NotConvex("it is infinite between points where it is finite")
        if sp.expand(last.formula - piece.formula) == 0:
            merged[-1] = SmoothPiece(last.low, piece.high, last.formula)
        else:
            merged.append(piece)
    return merged


def _switch(formula: sp.Expr) -> sp.Expr | None:
    """The argument of an innermost function with a kink, in X."""
    for node in sp.postorder_traversal(formula):
        if isinstance(node, (sp.Eq, sp.Ne)) and node.has(X):
            raise Unsolved("a condition of equality holds at single points, which are no pieces")
        for argument in _arguments(node):
            if argument.has(X) and not argument.has(sp.Abs, sp.sign, sp.Max, sp.Min, sp.Piecewise, sp.Rel):
                return argument
    return None


def _arguments(node: sp.Basic) -> Sequence[sp.Expr]:
    if isinstance(node, (sp.Abs, sp.sign)):
        return node.args
    if isinstance(node, (sp.Max, sp.Min)):
        return [a - b for i, a in enumerate(node.args) for b in node.args[:i]]
    if isinstance(node, sp.Rel):
        return [node.lhs - node.rhs]
    return ()


def _split(piece: SmoothPiece, u: sp.Expr) -> list[SmoothPiece]:
    """The parts of a piece on which `u` has one sign, with what depends on that resolved."""
    found = []
    places = _zeros(u)
    inner = [b for b in places if not (decided(b - piece.low) <= 0 or decided(piece.high - b) <= 0)]
    ends = [piece.low, *inner, piece.high]
    for low, high in zip(ends, ends[1:], strict=False):
        sign = decided(_between(u, places, low, high))
        found.append(SmoothPiece(low, high, _resolved(piece.formula, u, sign)))
    return found


def _zeros(u: sp.Expr) -> list[sp.Expr]:
    """Where u is zero, from left to right."""
    if not u.is_polynomial(X) or sp.degree(u, X) > 2:
        raise Unsolved(f"where {sp.sstr(u)} changes its sign has no closed form here")
    c, b, a = ([*reversed(sp.Poly(u, X).all_coeffs()), sp.S.Zero])[:3] if sp.degree(u, X) < 2 else list(
        reversed(sp.Poly(u, X).all_coeffs()))
    if a == 0:
        decided(b)
        return [sp.expand(-c / b)]
    if b != 0 and not all(e.is_number for e in (a, b, c)):
        raise Unsolved("where a quadratic function changes its sign has no closed form here")
    inside = sp.expand(b**2 - 4 * a * c)
    if decided(inside) < 0:
        return []
    root = sp.sqrt(inside) / (2 * a)
    middle = -b / (2 * a)
    ordered = [middle - root, middle + root]
    return [sp.simplify(e) for e in (ordered if decided(a) > 0 else ordered[::-1])]


def unknown_slope(formula: sp.Expr) -> sp.Expr | None:
    """The slope, of a sign that is not known, of what stands in functions with kinks; None where there is no such one."""
    for node in sp.preorder_traversal(formula):
        for u in _arguments(node):
            if u.has(X) and u.is_polynomial(X) and sp.degree(u, X) == 1 and sign_of(u.coeff(X, 1)) is None:
                return u.coeff(X, 1)
        inside = node.args[0] if isinstance(node, sp.log) else (
            node.base if isinstance(node, sp.Pow) and not node.exp.is_integer else None)
        if inside is not None and inside.is_polynomial(X) and inside.has(X):
            slope = sp.expand(inside).coeff(X, 1)
            if sign_of(slope) is None:
                return slope
    return None


def _between(u: sp.Expr, places: Sequence[sp.Expr], low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """What has the sign that `u` has between two ends, none of its zeros being between them."""
    lead = sp.Poly(u, X).LC()
    behind = sum(1 for b in places if decided(b - low) > 0)  # zeros at or above the upper end
    return lead if behind % 2 == 0 else -lead


def _resolved(formula: sp.Expr, u: sp.Expr, sign: int) -> sp.Expr:
    """The formula where `u` has a sign."""
    def fits(e: sp.Expr) -> int | None:
        return sign if sp.expand(e - u) == 0 else -sign if sp.expand(e + u) == 0 else None

    swaps: dict[sp.Basic, sp.Basic] = {}
    for node in sp.preorder_traversal(formula):
        if isinstance(node, (sp.Abs, sp.sign)) and (s := fits(node.args[0])) is not None:
            swaps[node] = s * node.args[0] if isinstance(node, sp.Abs) else sp.Integer(s)
        elif isinstance(node, (sp.Max, sp.Min)):
            kept = list(node.args)
            for a in node.args:
                for b in node.args:
                    if a in kept and b in kept and a is not b and (s := fits(a - b)) is not None:
                        kept.remove(b if (s > 0) == isinstance(node, sp.Max) else a)
            if len(kept) < len(node.args):
                swaps[node] = node.func(*kept)
        elif isinstance(node, sp.Rel) and (s := fits(node.lhs - node.rhs)) is not None:
            truth = {sp.Gt: s > 0, sp.Ge: s > 0, sp.Lt: s < 0, sp.Le: s < 0, sp.Eq: False, sp.Ne: True}
            swaps[node] = sp.true if truth[node.func] else sp.false
    return formula.xreplace(swaps)


def _within(piece: SmoothPiece) -> SmoothPiece | None:
    """A piece cut by the domain of its logarithms and roots; None where nothing is left."""
    low, high = piece.low, piece.high
    for node in sp.preorder_traversal(piece.formula):
        inside = node.args[0] if isinstance(node, sp.log) else (
            node.base if isinstance(node, sp.Pow) and not node.exp.is_integer else None)
        if inside is None or not inside.has(X):
            continue
        if not inside.is_polynomial(X) or sp.degree(inside, X) != 1:
            raise Unsolved("a logarithm or root of what is not affine has no closed form here")
        (place,) = _zeros(inside)
        if decided(inside.coeff(X, 1)) > 0:
            low = place if decided(place - low) > 0 else low
        else:
            high = place if decided(high - place) > 0 else high
    return None if low != -sp.oo and high != sp.oo and decided(high - low) <= 0 else SmoothPiece(low, high, piece.formula)


# the proof --------------------------------------------------------------------------------------------


def _proved(pieces: list[SmoothPiece], rising: bool) -> tuple[SmoothPiece, ...]:
    if rising and decided(sp.simplify(slope_at(pieces[0], pieces[0].low))) < 0:
        raise NotConvex("it falls as the length grows")
    for piece in pieces:
        bend = sp.diff(piece.formula, X, 2)
        if bend != 0 and _bends_up(bend, piece) < 0:
            raise NotConvex("it bends down")
    for left, right in zip(pieces, pieces[1:], strict=False):
        at = left.high
        if sign_of(sp.expand(value_at(left, at) - value_at(right, at))) != 0:
            raise NotConvex("it jumps")
        turn = sp.simplify(slope_at(right, at) - slope_at(left, at))
        if decided(turn) < 0:
            raise NotConvex("its slope falls at a kink")
    return tuple(pieces)


def value_at(piece: SmoothPiece, at: sp.Expr) -> sp.Expr:
    """The value of a piece at one of its ends."""
    return _at(piece.formula, piece, at)


def slope_at(piece: SmoothPiece, at: sp.Expr) -> sp.Expr:
    """The slope of a piece at one of its ends."""
    return _at(sp.diff(piece.formula, X), piece, at)


def _at(formula: sp.Expr, piece: SmoothPiece, at: sp.Expr) -> sp.Expr:
    value = formula.xreplace({X: at})
    return sp.limit(formula, X, at, "+" if at == piece.low else "-") if value.has(sp.nan, sp.zoo) else value


def _bends_up(bend: sp.Expr, piece: SmoothPiece) -> int:
    """The sign of a second derivative on a piece. Raises NotConvex where it is not known, Undecided where values decide."""
    forms = [bend]
    if piece.low != -sp.oo:
        forms.append(bend.xreplace({X: piece.low + ABOVE}))
    if piece.high != sp.oo:
        forms.append(bend.xreplace({X: piece.high - ABOVE}))
    for form in forms:
        for written in (form, sp.simplify(form)):  # (2 x + 1)² shows its sign before it is multiplied out
            if (sign := sign_of(written)) is not None:
                return sign
    for form in forms:
        for whole in (sp.factor_terms(sp.factor(sp.simplify(form))), sp.expand(form)):
            parts = [term.as_independent(X, ABOVE, as_Add=False) for term in sp.Add.make_args(whole)]
            if all(sign_of(varying) is not None for _, varying in parts):
                for rest, _ in parts:  # the sign of a weight decides
                    if rest.free_symbols and sign_of(rest) is None:
                        decided(rest)
    raise NotConvex("its second derivative has no sign that is known")
