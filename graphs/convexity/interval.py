"""Intervals of real numbers with open or closed ends, exact or rounded outward: what follows from one is proved.

Ends are fractions or infinite. Sums and products of fractions are exact; a value of exp, log, ... is a float that is
moved outward by far more than it can be wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

End = Fraction | float  # a float is infinite
INF = math.inf
PAD = Fraction(1, 10**11)  # relative: elementary functions of floats are wrong by less than 1e-14


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`; an end that is `open` is not reached, an infinite one never is."""

    low: End = -INF
    high: End = INF
    low_open: bool = False
    high_open: bool = False

    @property
    def positive(self) -> bool:
        """Are all numbers above zero?"""
        return self.low > 0 or (self.low == 0 and self.low_open)

    @property
    def negative(self) -> bool:
        """Are all numbers below zero?"""
        return self.high < 0 or (self.high == 0 and self.high_open)

    @property
    def nonnegative(self) -> bool:
        """Is no number below zero?"""
        return self.low >= 0

    @property
    def nonpositive(self) -> bool:
        """Is no number above zero?"""
        return self.high <= 0

    def inside(self, low: End, high: End) -> bool:
        """Are all numbers in [low, high]?"""
        return low <= self.low and self.high <= high


REALS = Interval()
POSITIVES = Interval(Fraction(0), INF, True)
NONNEGATIVES = Interval(Fraction(0), INF)
UNIT = Interval(Fraction(0), Fraction(1))
SIGNED_UNIT = Interval(Fraction(-1), Fraction(1))
ZERO = Interval(Fraction(0), Fraction(0))


def point(value: Fraction | int) -> Interval:
    """One number."""
    return Interval(Fraction(value), Fraction(value))


def hull(parts: Iterable[Interval]) -> Interval:
    """The smallest interval around all of `parts`."""
    found: Interval | None = None
    for b in parts:
        a = found if found is not None else b
        low, high = min(a.low, b.low), max(a.high, b.high)
        found = Interval(low, high, all(i.low_open for i in (a, b) if i.low == low),
                         all(i.high_open for i in (a, b) if i.high == high))
    return REALS if found is None else found


def common(a: Interval, b: Interval) -> Interval:
    """What two intervals share; `a` where that is nothing."""
    low, high = max(a.low, b.low), min(a.high, b.high)
    if low > high:
        return a
    return Interval(low, high, any(i.low_open for i in (a, b) if i.low == low),
                    any(i.high_open for i in (a, b) if i.high == high))


def plus_interval(a: Interval, b: Interval) -> Interval:
    """All sums."""
    if INF in (a.low, b.low) or -INF in (a.high, b.high):
        return REALS  # nothing is in there
    return Interval(a.low + b.low, a.high + b.high, a.low_open or b.low_open, a.high_open or b.high_open)


def negated(a: Interval) -> Interval:
    """All opposites."""
    return Interval(-a.high, -a.low, a.high_open, a.low_open)


def times_interval(a: Interval, b: Interval) -> Interval:
    """All products."""
    ends = []
    for x, x_open in ((a.low, a.low_open), (a.high, a.high_open)):
        for y, y_open in ((b.low, b.low_open), (b.high, b.high_open)):
            reached = (x == 0 and not x_open) or (y == 0 and not y_open)
            value = Fraction(0) if x == 0 or y == 0 else x * y
            ends.append((value, (x_open or y_open) and not reached))
    low, high = min(v for v, _ in ends), max(v for v, _ in ends)
    return Interval(low, high, all(o for v, o in ends if v == low), all(o for v, o in ends if v == high))


def reciprocals(a: Interval) -> Interval:
    """All reciprocals of numbers of one sign; of both, all reals."""
    if (a.nonnegative or a.nonpositive) and (a.low, a.high) != (0, 0):
        flip = a.nonpositive
        a = negated(a) if flip else a
        low: End = Fraction(0) if a.high == INF else 1 / Fraction(a.high) if a.high else INF
        high: End = INF if a.low == 0 else Fraction(0) if a.low == INF else 1 / Fraction(a.low)
        made = Interval(low, high, a.high_open or a.high == INF, a.low_open)
        return negated(made) if flip else made
    return REALS


def magnitudes(a: Interval) -> Interval:
    """All absolute values."""
    if a.nonnegative:
        return a
    if a.nonpositive:
        return negated(a)
    high = max(a.high, -a.low)
    return Interval(Fraction(0), high, False, all(o for e, o in ((a.high, a.high_open), (-a.low, a.low_open)) if e == high))


def powers(a: Interval, exponent: Fraction) -> Interval:
    """All powers of numbers that are not negative, or, of a whole exponent, of any."""
    if exponent == 0:
        return point(1)
    whole = exponent.denominator == 1
    if exponent < 0:
        return reciprocals(powers(a, -exponent))
    if whole and exponent % 2 == 0:
        a = magnitudes(a)
    elif not whole:
        a = common(a, NONNEGATIVES)
        if not a.nonnegative:
            return REALS
    elif not a.nonnegative:
        return negated(powers(negated(a), exponent)) if a.nonpositive else (
            REALS if a.low == -INF or a.high == INF else Interval(a.low ** int(exponent), a.high ** int(exponent)))

    def of(end: End, up: bool) -> End:
        if end in (0, 1, INF):
            return end
        if whole and exponent < 64:
            return Fraction(end) ** int(exponent)
        return outward(lambda x: x ** float(exponent), end, up)

    return Interval(of(a.low, False), of(a.high, True), a.low_open, a.high_open)


def outward(f: Callable[[float], float], end: End, up: bool) -> End:
    """f at an end, rounded up or down; whole results at 0 and 1 are exact."""
    try:
        value = f(float(end))
    except (OverflowError, ValueError):  # too large, or a pole
        return INF if up else -INF
    if math.isinf(value) or math.isnan(value):
        return INF if up else -INF
    exact = Fraction(value)
    if end in (0, 1) and (2 * exact).denominator == 1:
        return exact
    margin = abs(exact) * PAD * max(1, abs(int(end))) + Fraction(1, 10**320)
    return exact + margin if up else exact - margin


def increasing_image(f: Callable[[float], float], a: Interval, low: End, high: End) -> Interval:
    """The image under an increasing function whose limits at -∞ and ∞ are `low` and `high`."""
    bottom = low if a.low == -INF else max(low, outward(f, a.low, False))
    top = high if a.high == INF else min(high, outward(f, a.high, True))
    return Interval(bottom, top, a.low_open or a.low == -INF or bottom == low, a.high_open or a.high == INF or top == high)
