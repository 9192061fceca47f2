"""How a function bends, finer than convex and concave, as an algebra that sums, products and powers obey.

A function f ≥ 0 is *t-convex* if f^t is convex (t > 0), log f is convex (t = 0), or f^t is concave (t < 0); it is
*t-concave* with convex and concave exchanged (Avriel, r-convex functions, 1972; Hardy, Littlewood, Pólya, Inequalities,
chapter 3). A smaller t says more of a convex function, a greater t of a concave one; t = 1 is plain. Then

- a sum of t-convex functions is t-convex where t <= 1, of t-concave ones where t >= 1: Minkowski's inequality, for t = 0
  that of logarithms of sums;
- f^p is t/p-convex where p > 0, and t/p-concave where p < 0;
- of a product the degrees 1/t add up, where not two are positive: a²/b is convex for b > 0, √a √b is concave, a product of
  log-convex functions is log-convex.

From these three follow norms, logsumexp, quadratic over linear, geometric and harmonic means, densities, in any spelling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graphs.convexity.interval import Interval
from symgrad.graphs.node import Node

Order = Any  # Fraction, or a SymPy expression in sizes: 1/n of a geometric mean


@dataclass(frozen=True, slots=True)
class Bend:
    """What is known: plain convexity of a function of any sign, and the best t of one that is not negative."""

    convex: bool = False
    concave: bool = False
    above: Order | None = None  # t-convex
    below: Order | None = None  # t-concave

    @property
    def affine(self) -> bool:
        """Both."""
        return self.convex and self.concave

    @property
    def known(self) -> bool:
        """Anything at all."""
        return self.convex or self.concave or self.above is not None or self.below is not None


class Because(NamedTuple):
    """Why a node bends as it does: a rule in words, and the nodes that it rests on."""

    rule: str
    parts: tuple[Node, ...] = ()


Judged = tuple[Bend, Because | None]
WILD = Bend()
AFFINE = Bend(True, True)
ONE_ORDER = Fraction(1)
ZERO_ORDER = Fraction(0)


def at_most(a: Order, b: Order) -> bool:
    """Is a <= b for all sizes?"""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a <= b
    over, under = sp.fraction(sp.together(sp.sympify(b) - sp.sympify(a)))
    return bool(over.is_nonnegative and under.is_positive)


def sign_of(t: Order) -> int | None:
    """-1, 0 or 1, where that is the same for all sizes."""
    if isinstance(t, Fraction):
        return (t > 0) - (t < 0)
    return 1 if t.is_positive else -1 if t.is_negative else 0 if t.is_zero else None


def over(t: Order, p: Order) -> Order:
    """t / p."""
    if isinstance(t, Fraction) and isinstance(p, Fraction):
        return t / p
    made = sp.sympify(t) / sp.sympify(p)
    return Fraction(int(made.p), int(made.q)) if made.is_Rational else made


def completed(bend: Bend, values: Interval) -> Bend:
    """What convexity says of t, and t of convexity, of a function with these values."""
    above, below = bend.above, bend.below
    if values.nonnegative and bend.convex and (above is None or not at_most(above, ONE_ORDER)):
        above = ONE_ORDER
    if values.nonnegative and bend.concave and (below is None or not at_most(ONE_ORDER, below)):
        below = ONE_ORDER
    convex = bend.convex or (above is not None and at_most(above, ONE_ORDER))
    concave = bend.concave or (below is not None and at_most(ONE_ORDER, below))
    return Bend(convex, concave, above, below)


def turned(bend: Bend) -> Bend:
    """That of -f."""
    return Bend(bend.concave, bend.convex)


def _extreme(orders: Iterable[Order | None], largest: bool) -> Order | None:
    best: Order | None = None
    for t in orders:
        if t is None:
            return None
        if best is None:
            best = t
        elif at_most(best, t):
            best = t if largest else best
        elif at_most(t, best):
            best = best if largest else t
        else:
            return None
    return best


def weakest_above(orders: Iterable[Order | None]) -> Order | None:
    """The t that all t-convex functions have: their maximum has it too."""
    return _extreme(orders, largest=True)


def weakest_below(orders: Iterable[Order | None]) -> Order | None:
    """The t that all t-concave functions have: their minimum has it too."""
    return _extreme(orders, largest=False)


def of_sum(above: Order | None, below: Order | None) -> tuple[Order | None, Order | None]:
    """The orders of a sum of functions that all have these."""
    return (above if above is not None and at_most(above, ONE_ORDER) else None,
            below if below is not None and at_most(ONE_ORDER, below) else None)


def of_power(above: Order | None, below: Order | None, p: Order) -> tuple[Order | None, Order | None]:
    """The orders of f^p, for f ≥ 0."""
    sign = sign_of(p)
    if sign is None or sign == 0:
        return None, None
    up, down = (None if t is None else over(t, p) for t in (above, below))
    return (up, down) if sign > 0 else (down, up)


def of_product(orders: Iterable[Order | None]) -> Order | None:
    """The t of a product of t-convex functions: their degrees 1/t add up where not two are positive."""
    degrees: list[Order] = []
    logarithmic = False
    for t in orders:
        sign = None if t is None else sign_of(t)
        if sign is None:
            return None
        if sign == 0:
            logarithmic = True
        else:
            degrees.append(over(ONE_ORDER, t))
    if sum(sign_of(r) == 1 for r in degrees) > (0 if logarithmic else 1):
        return None
    if logarithmic or not degrees:
        return ZERO_ORDER if logarithmic else None
    total = sum(degrees[1:], degrees[0])
    sign, positive = sign_of(total), any(sign_of(r) == 1 for r in degrees)
    return over(ONE_ORDER, total) if sign == (1 if positive else -1) else None


def of_product_below(orders: Iterable[Order | None]) -> Order | None:
    """The t of a product of t-concave functions: that of its reciprocal, turned round."""
    found = of_product([None if t is None else over(t, Fraction(-1)) for t in orders])
    return None if found is None else over(found, Fraction(-1))


def composed(outer: Bend, rises: bool, falls: bool, inner: Bend) -> Bend:
    """h(g) for a function h that bends so and rises or falls wherever g is."""
    if inner.affine:
        return Bend(outer.convex, outer.concave)
    up = (rises and inner.convex) or (falls and inner.concave)
    down = (rises and inner.concave) or (falls and inner.convex)
    return Bend(outer.convex and up, outer.concave and down)
