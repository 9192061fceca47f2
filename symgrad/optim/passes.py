"""Update rules in few passes over the parameters: scalars move to where they meet other scalars.

A rule is written for people, and each product of a vector with a number in it is one pass over memory. Here the
numbers, and what depends on `lr` and `t` only, go together: Adam's corrections m̂ and v̂ become one factor of the
step and one of ε (Kingma and Ba 2015, end of section 2), and a running mean m ← β m + (1 - β) g is kept as
m / (1 - β), which needs no product with g. What is computed stays the same up to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symgrad.optim.scalars import decimal

LR, T = sp.symbols("lr t")
GIVEN = frozenset({LR, T})  # numbers of a step; lengths of vectors may join them


@dataclass(frozen=True)
class Assignment:
    """`left` ← `right`, which computes the formulas at these places of the rule."""

    left: sp.Symbol
    right: sp.Expr
    places: tuple[int, ...]


def few_passes(equations: Sequence[tuple[sp.Symbol, sp.Expr]], states: Sequence[str],
               numbers: Mapping[sp.Symbol, sp.Expr] | None = None,
               given: frozenset[sp.Symbol] = GIVEN) -> tuple[list[Assignment], dict[str, sp.Expr]]:
    """The rule in as few passes as are found, and the units of the states that are kept in other units than 1.

    Hyperparameters may stay symbols, with the `numbers` that they are, so that what becomes of them can be told.

    >>> m, g, theta = sp.symbols("m g theta")
    >>> rule = [(m, m * sp.Rational(9, 10) + g / 10), (theta, theta - LR * m)]
    >>> few_passes(rule, ["m"])  # doctest: +NORMALIZE_WHITESPACE
    ([Assignment(left=m, right=g + 9*m/10, places=(0,)), Assignment(left=theta, right=-lr*m/10 + theta, places=(1,))],
     {'m': 1/10})
    """
    scalars = Scalars({}, numbers or {}, given)
    for left, right in equations:
        if right.free_symbols - set(scalars.numbers) and scalars.holds(right):
            scalars.meaning[left] = right
    rule = [Assignment(left, right, (i,)) for i, (left, right) in enumerate(equations)]
    best = scalars.least(_inlined(rule, scalars, states), rule)
    units: dict[str, sp.Expr] = {}
    for state in states:
        unit, other = _in_units(best, sp.Symbol(state), scalars)
        chosen = scalars.least(other, best)
        if chosen is not best:
            best, units[state] = chosen, unit
    return best, units


@dataclass(frozen=True)
class Scalars:
    """What is a number once a step: what is `given`, names with a `meaning` in these, and names of fixed `numbers`."""

    meaning: dict[sp.Symbol, sp.Expr]
    numbers: Mapping[sp.Symbol, sp.Expr] = field(default_factory=dict)
    given: frozenset[sp.Symbol] = GIVEN

    def holds(self, e: sp.Expr) -> bool:
        """Is `e` a scalar?"""
        return bool(e.free_symbols <= {*self.given, *self.meaning, *self.numbers})

    def fixed(self, e: sp.Expr) -> bool:
        """Is `e` one number in all steps?"""
        return bool(e.free_symbols <= set(self.numbers))

    def positive(self, e: sp.Expr) -> bool:
        """Is this scalar above zero for certain?"""
        if self.fixed(e) or e == T:
            return e == T or bool(e.subs(self.numbers).is_positive)
        if e.is_Symbol:
            return e in self.meaning and self.positive(self.meaning[e])
        if e.is_Add and len(e.args) == 2 and e.args[0] == 1:  # 1 - β^t
            power = (-e.args[1]).subs(self.numbers)
            return power.is_Pow and power.exp == T and power.base.is_number and bool(0 <= power.base < 1)
        return (e.is_Mul or e.is_Pow and self.holds(e.exp)) and all(map(self.positive, e.args[: 1 if e.is_Pow else None]))

    def split(self, e: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """A positive scalar and what it is to be multiplied with for `e`; x c + s is c (x + s / c)."""
        if e.is_Mul:
            mine = [a for a in e.args if self.positive(a)]
            return sp.Mul(*mine), sp.Mul(*(a for a in e.args if a not in mine))
        if e.is_Add:
            vectors = [a for a in e.args if not self.holds(a)]
            if len(vectors) == 1 and len(e.args) > 1:
                by, rest = self.split(vectors[0])
                return by, rest + sp.Mul(sp.Add(*(a for a in e.args if a is not vectors[0])), power(by, -1))
        return sp.S.One, e

    def pulled(self, e: sp.Expr) -> sp.Expr:
        """`e` with scalars in front of powers, where they meet those of the product."""
        if not e.args or self.holds(e):
            return e
        e = e.func(*map(self.pulled, e.args))
        if e.is_Pow and e.exp.is_number:
            by, rest = self.split(e.base)
            return power(by, e.exp) * sp.Pow(rest, e.exp)
        return e

    def passes(self, e: sp.Expr) -> int:
        """How many operations on vectors `e` is."""
        if e.is_Symbol or self.holds(e):
            return 0
        inside = sum(map(self.passes, e.args))
        vectors = [a for a in e.args if not self.holds(a)]
        if e.is_Add:
            return inside + len(vectors) - 1 + (len(vectors) < len(e.args))
        if e.is_Mul:
            below = [a for a in vectors if a.is_Pow and a.exp == -1]  # each was counted as one division
            above = len(vectors) - len(below)
            scaled = sp.Mul(*(a for a in e.args if self.holds(a))) not in (1, -1)
            return inside + max(above - 1, 0) + (scaled and above > 0) + max(len(below) - 1, 0) * (not above)
        if e.is_Pow and e.exp.is_Integer:
            return inside + (int(e.exp) - 1 if e.exp > 0 else -int(e.exp))
        return inside + max(len(vectors) - 1, 1)

    def least(self, rule: list[Assignment], other: list[Assignment]) -> list[Assignment]:
        """`rule` with scalars pulled together, if it takes fewer passes than `other`; else that."""
        rule = [a if self.holds(a.right) else replace(a, right=decimals(self.pulled(a.right))) for a in rule]
        count = [sum(self.passes(a.right) for a in each) for each in (rule, other)]
        return rule if count[0] < count[1] else other


def power(by: sp.Expr, exponent: sp.Expr | int) -> sp.Expr:
    """A power of a positive scalar, multiplied out."""
    if by.is_Mul:
        return sp.Mul(*(power(a, exponent) for a in by.args))
    if by.is_Pow:
        return sp.Pow(by.base, by.exp * exponent)
    return sp.Pow(by, exponent)


def decimals(e: sp.Expr) -> sp.Expr:
    """`e` with decimals for the roots of numbers."""
    if e.is_number:
        return e if e.is_Rational else decimal(float(e))
    return e.func(*map(decimals, e.args)) if e.args else e


def _inlined(rule: list[Assignment], scalars: Scalars, states: Sequence[str]) -> list[Assignment]:
    """The rule without names that stand for one scaled vector and are read once: they go where they are read."""
    done, at = list(rule), 0
    while at < len(done):
        a = done[at]
        vectors = [s for s in a.right.free_symbols if not scalars.holds(s)]
        reading = [i for i, b in enumerate(done) if a.left in b.right.free_symbols and i != at]
        plain = len(vectors) == 1 and scalars.holds(a.right / vectors[0]) and a.left.name not in (*states, "theta")
        if (plain and len(reading) == 1 and at < reading[0] and done[reading[0]].right.count(a.left) == 1
                and all(b.left not in (a.left, vectors[0]) for b in done[at + 1:reading[0]])):
            b = done[reading[0]]
            places = tuple(sorted(a.places + b.places))
            done[reading[0]] = replace(b, right=b.right.xreplace({a.left: a.right}), places=places)
            del done[at]
        else:
            at += 1
    return done


def _in_units(rule: list[Assignment], state: sp.Symbol, scalars: Scalars) -> tuple[sp.Expr, list[Assignment]]:
    """For s ← b s + c x with a number c: c, and the rule with s / c in the place of s. (1, the rule) for others."""
    found = [a for a in rule if a.left == state]
    terms = found[0].right.args if len(found) == 1 and found[0].right.is_Add else ()
    own = sp.Add(*(e for e in terms if state in e.free_symbols))
    units = {sp.Mul(*filter(scalars.fixed, sp.Mul.make_args(e))) for e in terms if state not in e.free_symbols}
    unit = units.pop() if len(units) == 1 else sp.S.One
    if not scalars.positive(unit) or unit == 1 or not scalars.holds(own / state):
        return sp.S.One, rule
    other = sp.Add(*(e / unit for e in terms if state not in e.free_symbols))
    return unit, [replace(a, right=own + other if a is found[0] else a.right.xreplace({state: unit * state}))
                  for a in rule]
