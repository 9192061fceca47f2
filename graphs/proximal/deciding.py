"""Signs of formulas: known from what symbols declare, or the question on which the rest depends."""

from __future__ import annotations

import sympy as sp

from symgrad.graphs.proximal.scalars import X

ABOVE = sp.Symbol("above", positive=True)  # how far from the end of a piece
CLOSE = sp.Rational(1, 10**9)  # numbers that differ by so little are equal: 0.5 d² was rounded before


class Undecided(Exception):
    """The sign of a formula is not known, and it decides."""

    def __init__(self, formula: sp.Expr) -> None:
        super().__init__(formula)
        self.formula = formula


def sign_of(e: sp.Expr) -> int | None:
    """1 where never negative, -1 where never positive, 0 for zero, None where neither is known."""
    for form in (e, sp.expand(e), sp.factor(e)):
        if form.has(sp.nan, sp.zoo):
            return None
        if form.is_zero or (form.is_number and abs(form) < CLOSE):
            return 0
        if form.is_nonnegative:
            return 1
        if form.is_nonpositive:
            return -1
    return None


def decided(e: sp.Expr) -> int:
    """The sign of a formula. Raises Undecided."""
    if sp.oo in sp.Add.make_args(e) or -sp.oo in sp.Add.make_args(e):
        return 1 if sp.oo in sp.Add.make_args(e) else -1
    sign = sign_of(e)
    if sign is None:
        known = 1
        rest: list[sp.Expr] = []
        for factor in sp.Mul.make_args(sp.factor(e)):  # factors whose sign is known are left out
            own = sign_of(factor)
            known, rest = (known, [*rest, factor]) if own is None else (known * own, rest)
        raise Undecided(sp.Mul(known, *rest) if known else e)
    return sign


def cases(e: sp.Expr) -> list[tuple[sp.Symbol, sp.Expr, sp.Expr]] | None:
    """(symbol, what it is put to, what is assumed) for e >= 0 and e <= 0, by a symbol in which e is linear."""
    free = [s for s in sorted(e.free_symbols, key=lambda s: s.name) if s.is_nonnegative is None and s != X]
    for symbol in free:
        slope = sp.expand(e).coeff(symbol, 1)
        rest = sp.expand(e - slope * symbol)
        if slope.is_zero is False and symbol not in slope.free_symbols and not rest.has(symbol):
            sign = sign_of(slope) if not slope.free_symbols & set(free) else None
            if sign in (1, -1):
                fresh = sp.Symbol(f"{symbol.name}_", nonnegative=True)
                return [(symbol, (by * fresh - rest) / slope, by * e) for by in (1, -1)]
    return None
