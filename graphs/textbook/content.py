"""The greatest common coefficient of a sum: what of its weights may stand in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm

import sympy as sp

from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.node import Node
from symgrad.graphs.weights import Weight, from_expr, inverse, times


def content(weights: Sequence[Weight]) -> Weight:
    """The greatest common coefficient: of the numbers where all are rational, of the sizes; negative if all are.

    >>> content([Weight(4), Weight(-6)]), content([Weight(-2), Weight(-3)]), content([Weight(1), Weight(Fraction(1, 2))])
    (Weight(number=2, factor=None), Weight(number=-1, factor=None), Weight(number=1, factor=None))
    """
    number = Fraction(1)
    if not any(isinstance(by.number, float) for by in weights):
        parts = [Fraction(by.number) for by in weights]
        number = Fraction(gcd(*(abs(q.numerator) for q in parts)), lcm(*(q.denominator for q in parts)))
        if not all(q.denominator > 1 for q in parts):  # x + 1/2 y stays
            number = Fraction(number.numerator)
    if all(by.number < 0 for by in weights):
        number = -number
    whole = Weight(int(number) if number.denominator == 1 else number)
    if any(by.factor is None for by in weights):
        return whole
    powers = [dict(part.as_base_exp() for part in sp.Mul.make_args(by.factor)) for by in weights]
    common = [b ** min((each[b] for each in powers), key=abs) for b, e in powers[0].items()
              if e.is_Rational and all(b in each and each[b].is_Rational and each[b] * e > 0 for each in powers)]
    return times(whole, from_expr(sp.Mul(*common))) if common else whole


def divided(node: Node, shared: Weight) -> Node:
    """A sum with each of its weights divided by `shared`."""
    by = inverse(shared)
    return add(node.operands, [times(each, by) for each in node.attrs[0]])
