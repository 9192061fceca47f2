"""A scalar recovered from its values: an exact number, or a product of powers of sizes.

Where a formula and a claim are proportional, the factor is known at points of several sizes. It is q with one
value everywhere, or q n^a T^b ... with small exponents: the logarithm is then linear in those of the sizes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

Ratio = Any  # Fraction | float | sp.Expr: SymPy ships no types
CLOSE = 1e-8
LARGEST = 1000  # denominator of an exact factor


def spread(values: Sequence[float]) -> float:
    """The largest difference between values, relative to the largest of them."""
    return (max(values) - min(values)) / max(max(map(abs, values)), 1e-300)


def recover(values: Sequence[float], sizes: Sequence[Mapping[sp.Symbol, int]]) -> Ratio | None:
    """The factor that has these values at these sizes, or None where it is neither constant nor a power of sizes.

    >>> n = sp.Symbol("n")
    >>> recover([0.5, 0.5], [{n: 2}, {n: 3}]), recover([2/2, 2/3, 2/5, 2/7], [{n: 2}, {n: 3}, {n: 5}, {n: 7}])
    (Fraction(1, 2), 2/n)
    """
    if not np.all(np.isfinite(values)):
        return None
    if spread(values) < CLOSE:
        return simplest(float(np.mean(values)))
    if 0 in values or min(values) < 0 < max(values):
        return None
    symbols = list(sizes[0])
    for shift in (0, 1):  # powers of sizes; then of sizes and of sizes less one, as in n / (n - 1)
        bases = [*symbols, *(s - 1 for s in symbols if shift)]
        found = _powers(values, sizes, bases)
        if found is not None:
            return found
    return None


def _powers(values: Sequence[float], sizes: Sequence[Mapping[sp.Symbol, int]], bases: Sequence[Any]) -> Ratio | None:
    if len(values) < len(bases) + 2:
        return None
    numbers = np.array([[float(base.subs(at)) for base in bases] for at in sizes])
    if np.any(numbers <= 0):
        return None
    rows = np.column_stack([np.log(numbers), np.ones(len(values))])
    solution = np.linalg.lstsq(rows, np.log(np.abs(values)), rcond=None)[0]
    powers = [Fraction(round(2 * float(p)), 2) for p in solution[:-1]]
    product = np.prod(numbers ** np.array([float(p) for p in powers]), axis=1)
    rest = [float(v) for v in np.asarray(values) / product]
    if spread(rest) > CLOSE or max(map(abs, powers)) > 4:
        return None
    q = simplest(float(np.mean(rest)))
    factor = sp.Rational(q) if isinstance(q, Fraction) else sp.sympify(q)
    for base, power in zip(bases, powers, strict=True):
        factor = factor * base ** sp.Rational(power)
    return factor


def simplest(value: float) -> Ratio:
    """A fraction, or a fraction times pi or a square root, where that is the value up to rounding.

    >>> simplest(0.3333333333333), simplest(2**0.5), simplest(0.123456)
    (Fraction(1, 3), sqrt(2), 0.123456)
    """
    fraction = _fraction(value, LARGEST)
    if fraction is not None:
        return fraction
    for irrational in (sp.pi, sp.sqrt(sp.pi), sp.sqrt(2 * sp.pi), 1 / sp.pi, 1 / sp.sqrt(2 * sp.pi), sp.log(2)):
        fraction = _fraction(value / float(irrational), 16)
        if fraction is not None:
            return sp.Rational(fraction) * irrational
    fraction = _fraction(value * value, 64)
    if fraction is not None and fraction.numerator <= 64:
        return sp.sqrt(sp.Rational(fraction)) * (1 if value > 0 else -1)
    return value


def _fraction(value: float, largest: int) -> Fraction | None:
    if not math.isfinite(value) or abs(value) > 1e9:
        return None
    found = Fraction(value).limit_denominator(largest)
    return found if abs(float(found) - value) <= CLOSE * max(abs(value), CLOSE) else None
