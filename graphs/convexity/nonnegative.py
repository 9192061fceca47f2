"""Is a scalar expression never negative where its symbols are in given intervals? Yes is a proof, no is no answer.

The expression becomes one fraction in its symbols and in exponentials of them, which are positive numbers; its factors
are judged one by one: by squares, by SymPy's assumptions, by the coefficients of a polynomial whose symbols were moved
to start at zero, by discriminants, and, of one symbol, by counting real roots exactly (Sturm). No float decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import lcm
from typing import Any

import sympy as sp

from symgrad.graphs.convexity.interval import INF, NONNEGATIVES, POSITIVES, Interval

LONGEST = 400  # operations of an expression that is looked at
Bounds = Mapping[sp.Symbol, Interval]
HYPERBOLIC = {
    sp.tanh: lambda a: (sp.exp(2 * a) - 1) / (sp.exp(2 * a) + 1), sp.cosh: lambda a: (sp.exp(a) + sp.exp(-a)) / 2,
    sp.sinh: lambda a: (sp.exp(a) - sp.exp(-a)) / 2}


def never_negative(e: sp.Expr, ranges: Bounds) -> bool:
    """Is `e` >= 0 wherever it is a real number?"""
    sign = _sign(e, ranges)
    return sign is not None and sign >= 0


def _sign(e: sp.Expr, ranges: Bounds) -> int | None:
    """1: never negative; -1: never positive; 0: zero; None: not known."""
    e = sp.nsimplify(sp.sympify(e), rational=True) if e.has(sp.Float) else sp.sympify(e)
    if e.is_zero:
        return 0
    if sp.count_ops(e) > LONGEST:
        return None
    e, extended = without_exponentials(e, ranges)
    if sp.count_ops(e) > LONGEST:
        return None
    over, under = sp.fraction(sp.together(e))
    over = sp.expand(over)
    if over == 0:
        return 0
    if sp.count_ops(over) > LONGEST:
        return None
    total = 1
    for part in (over, under):
        for factor in sp.Mul.make_args(sp.factor(part)):
            sign = _factor_sign(factor, extended, 2)
            if sign is None or sign == 0:
                return None
            total *= sign
    return total


def without_exponentials(e: sp.Expr, ranges: Bounds) -> tuple[sp.Expr, dict[sp.Symbol, Interval]]:
    """The expression with a positive symbol for each exponential that it is rational in."""
    for head, formula in HYPERBOLIC.items():
        e = e.replace(head, formula)
    e = e.replace(sp.exp, lambda a: sp.Mul(*[sp.exp(t) for t in sp.Add.make_args(sp.expand(a))]))
    powers: dict[sp.Expr, set[int]] = {}
    for each in e.atoms(sp.exp):
        by, rest = each.args[0].as_coeff_Mul(rational=True)
        powers.setdefault(rest, set()).add(int(sp.Rational(by).q))
    for each in sorted(e.atoms(sp.log), key=sp.default_sort_key):  # any real numbers
        e = e.xreplace({each: sp.Dummy("l", real=True)})
    found = dict(ranges)
    for i, (rest, denominators) in enumerate(sorted(powers.items(), key=lambda item: sp.default_sort_key(item[0]))):
        root = sp.Dummy(f"e{i}", positive=True)
        width = lcm(*denominators)
        if rest == 1:  # a number: e
            continue
        found[root] = POSITIVES
        swap = {each: root ** (each.args[0].as_coeff_Mul(rational=True)[0] * width)
                for each in e.atoms(sp.exp) if each.args[0].as_coeff_Mul(rational=True)[1] == rest}
        e = e.xreplace(swap)
    return e, found


def _factor_sign(e: sp.Expr, ranges: Bounds, deepest: int) -> int | None:
    if e.is_nonnegative:
        return 1
    if e.is_nonpositive:
        return -1
    if isinstance(e, sp.Pow):
        if e.exp.is_integer:
            return 1 if e.exp.is_even else _factor_sign(e.base, ranges, deepest) if e.exp.is_odd else None
        return 1 if e.exp.is_Rational else None  # a real number has such a power where it is not negative
    return _polynomial_sign(e, ranges, deepest)


def _polynomial_sign(e: sp.Expr, ranges: Bounds, deepest: int) -> int | None:
    symbols = sorted(e.free_symbols, key=lambda s: (str(s), s.assumptions0.get("positive", False)))
    if not symbols or not e.is_polynomial(*symbols):
        return None
    moved, still = _moved(e, symbols, ranges)
    poly = sp.Poly(moved, *moved.free_symbols) if moved.free_symbols else None
    if poly is None:
        return 1 if moved >= 0 else -1
    signs = set()
    for exponents, coefficient in poly.terms():
        even = all(k % 2 == 0 or s in still for s, k in zip(poly.gens, exponents, strict=True))
        signs.add((1 if coefficient > 0 else -1) if even and coefficient.is_real else 0)
    if signs in ({1}, {-1}):
        return signs.pop()
    if len(poly.gens) == 1:
        return _by_roots(poly, poly.gens[0] in still)
    return _by_discriminant(poly, still, ranges, deepest) if deepest else None


def _moved(e: sp.Expr, symbols: list[sp.Symbol], ranges: Bounds) -> tuple[sp.Expr, set[sp.Symbol]]:
    """The polynomial, up to a positive factor, in symbols that run over [0, ∞) (these are given too) or over all reals."""
    still: set[sp.Symbol] = set()
    for s in symbols:
        values = ranges.get(s)
        if values is None:
            if s.is_nonnegative:
                still.add(s)
            continue
        low, high = values.low, values.high
        if low == -INF and high == INF:
            continue
        t = sp.Dummy(str(s), nonnegative=True)
        still.add(t)
        if high == INF:
            e = e.subs(s, _rational(low) + t)
        elif low == -INF:
            e = e.subs(s, _rational(high) - t)
        else:
            degree = sp.degree(e, s)
            e = sp.expand(sp.cancel(e.subs(s, (_rational(low) + _rational(high) * t) / (1 + t)) * (1 + t) ** degree))
    return sp.expand(e), still


def _rational(end: Any) -> sp.Rational:
    return sp.Rational(end.numerator, end.denominator)


def _by_roots(poly: sp.Poly, from_zero: bool) -> int | None:
    """The sign of a polynomial in one symbol with rational coefficients that has no root where it would change it."""
    if not all(c.is_Rational for c in poly.all_coeffs()):
        return None
    _, factors = sp.factor_list(poly)
    low = sp.Integer(0) if from_zero else None
    for factor, power in factors:
        inside = factor.count_roots(low, None) - (1 if from_zero and factor.eval(0) == 0 else 0)
        if power % 2 and inside:
            return None
    for place in (1, 2, 3, sp.Rational(1, 2), 5, 7):
        value = poly.eval(place)
        if value != 0:
            return 1 if value > 0 else -1
    return None


def _by_discriminant(poly: sp.Poly, still: set[sp.Symbol], ranges: Bounds, deepest: int) -> int | None:
    """A quadratic a s² + b s + c with a >= 0, c >= 0 and 4 a c - b² >= 0 is never negative."""
    known: dict[sp.Symbol, Interval] = dict.fromkeys(still, NONNEGATIVES)
    for s in poly.gens:
        if poly.degree(s) != 2:
            continue
        a, b, c = (poly.as_expr().coeff(s, k) for k in (2, 1, 0))
        for sign in (1, -1):
            parts = (sign * a, sign * c, 4 * a * c - b**2)
            if all(part == 0 or _all_factors(sp.factor(part), known, deepest - 1) for part in parts):
                return sign
    return None


def _all_factors(e: sp.Expr, ranges: Bounds, deepest: int) -> bool:
    total = 1
    for factor in sp.Mul.make_args(e):
        sign = _factor_sign(factor, ranges, deepest)
        if sign is None:
            return False
        total *= sign
    return total >= 0

