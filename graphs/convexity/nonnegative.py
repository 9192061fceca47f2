"""Is a scalar expression never negative where its symbols are in given intervals? Yes is a proof, no is no answer.

The expression becomes one fraction in its symbols and in exponentials of them, which are positive numbers; its factors
are judged one by one: by squares, by SymPy's assumptions, by the coefficients of a polynomial whose symbols were moved
to start at zero, by discriminants, and, of one symbol, by counting real roots exactly (Sturm). No float decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from math import lcm
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graphs.convexity.interval import INF, NONNEGATIVES, POSITIVES, Interval

LONGEST, PLACES = 120, 60  # operations of an expression that is looked at; random values that are tried first
Bounds = Mapping[sp.Symbol, Interval]
HYPERBOLIC = {
    sp.tanh: lambda a: (sp.exp(2 * a) - 1) / (sp.exp(2 * a) + 1), sp.cosh: lambda a: (sp.exp(a) + sp.exp(-a)) / 2,
    sp.sinh: lambda a: (sp.exp(a) - sp.exp(-a)) / 2}


NUMERIC: Mapping[Any, Callable[..., Any]] = {
    sp.Add: lambda *a: sum(a[1:], a[0]), sp.Mul: lambda *a: math.prod(a[1:], start=a[0]), sp.Pow: np.power, sp.exp: np.exp,
    sp.log: np.log, sp.tanh: np.tanh, sp.sinh: np.sinh, sp.cosh: np.cosh, sp.sin: np.sin, sp.cos: np.cos}


def always_positive(e: sp.Expr, ranges: Bounds) -> bool:
    """Is `e` > 0 wherever it is a real number?"""
    return _sign(e, ranges, strict=True) == 1


def never_negative(e: sp.Expr, ranges: Bounds) -> bool:
    """Is `e` >= 0 wherever it is a real number?"""
    sign = _sign(e, ranges)
    return sign is not None and sign >= 0


def _sign(e: sp.Expr, ranges: Bounds, strict: bool = False) -> int | None:
    """1: never negative; -1: never positive; 0: zero; None: not known. `strict`: 1 and -1 are never zero either."""
    e = sp.nsimplify(sp.sympify(e), rational=True) if e.has(sp.Float) else sp.sympify(e)
    if e.is_zero:
        return 0
    if sp.count_ops(e) > LONGEST or _both_signs(e, ranges):
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
            if sign is None or sign == 0 or (strict and part is over and not _never_zero(factor, extended)):
                return None
            total *= sign
    return total


def _both_signs(e: sp.Expr, ranges: Bounds) -> bool:
    """Has `e` values of both signs at random places? Then nothing has to be tried."""
    rng = np.random.default_rng(0)
    known: dict[sp.Basic, Any] = {s: _places(s, ranges.get(s), rng) for s in sorted(e.free_symbols, key=str)}
    for part in sp.postorder_traversal(e):
        if part not in known and not part.args:
            known[part] = float(part)
        elif part not in known and part.func in NUMERIC:
            with np.errstate(all="ignore"):
                known[part] = NUMERIC[part.func](*(known[a] for a in part.args))
        elif part not in known:
            return False  # nothing is said of other functions
    values = np.asarray(known[e])
    values = values[np.isfinite(values)]
    size = float(np.abs(values).max(initial=0.0))
    return bool(values.size and values.min() < -1e-6 * size and values.max() > 1e-6 * size)


def _places(s: sp.Symbol, values: Interval | None, rng: np.random.Generator) -> np.ndarray:
    if s.is_integer:
        return rng.integers(1, 6, PLACES).astype(float)
    if values is None:
        values = POSITIVES if s.is_nonnegative else Interval()
    low, high = float(values.low), float(values.high)
    if math.isfinite(low) and math.isfinite(high):
        return rng.uniform(low, high, PLACES)
    away = np.exp(rng.normal(0, 1.5, PLACES))
    return low + away if math.isfinite(low) else high - away if math.isfinite(high) else rng.normal(0, 2, PLACES)


def _never_zero(e: sp.Expr, ranges: Bounds) -> bool:
    """Has a factor of known sign no zero? Only what shows it: SymPy's assumptions, coefficients, no real root."""
    if e.is_nonzero:
        return True
    if isinstance(e, sp.Pow):
        return bool(e.exp.is_negative) or _never_zero(e.base, ranges)
    symbols = sorted(e.free_symbols, key=str)
    if not symbols or not e.is_polynomial(*symbols) or any(s in ranges and ranges[s].high < INF for s in symbols):
        return False  # an upper end is left out when symbols are moved
    moved, still = _moved(e, symbols, ranges)
    if not moved.free_symbols:
        return bool(moved != 0)
    poly = sp.Poly(moved, *moved.free_symbols)
    if len(poly.gens) == 1 and all(c.is_Rational for c in poly.all_coeffs()):
        return bool(poly.count_roots(0 if poly.gens[0] in still else None, None) == 0)
    signs = {c > 0 for _, c in poly.terms()}
    every = [exponents for exponents, _ in poly.terms()]
    odd = [s for exponents in every for s, k in zip(poly.gens, exponents, strict=True) if k % 2 and s not in still]
    return len(signs) == 1 and not odd and any(not any(exponents) for exponents in every)


def without_exponentials(e: sp.Expr, ranges: Bounds) -> tuple[sp.Expr, dict[sp.Symbol, Interval]]:
    """The expression with a positive symbol for each exponential that it is rational in."""
    for head, formula in HYPERBOLIC.items():
        e = e.replace(head, formula)
    e = e.replace(sp.exp, lambda a: sp.Mul(*[sp.exp(t) for t in sp.Add.make_args(sp.expand(a))]))
    powers: dict[sp.Expr, set[int]] = {}
    for each in e.atoms(sp.exp):
        by, rest = each.args[0].as_coeff_Mul(rational=True)
        powers.setdefault(rest, set()).add(int(sp.Rational(by).q))
    for each in sorted((x for x in e.atoms(sp.log) if x.free_symbols), key=sp.default_sort_key):  # any real numbers
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

