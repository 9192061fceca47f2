"""How the elementwise functions bend and rise on an interval: the table that compositions are judged by.

A row says where a function is convex, concave, rising and falling; `inf` is left out where it holds everywhere. Roots,
powers, reciprocals and logarithms are not here: the algebra of `bends.py` says more of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from symgrad.graphs.convexity.bends import Bend
from symgrad.graphs.convexity.interval import INF, End, Interval

Stretch = tuple[End, End] | None  # where it holds
ALL = (-INF, INF)
UP, DOWN = (Fraction(0), INF), (-INF, Fraction(0))
ROWS_OF_SHAPES: Mapping[str, tuple[Stretch, Stretch, Stretch, Stretch]] = MappingProxyType({
    # convex, concave, rising, falling
    "real": (ALL, ALL, ALL, None), "zeroed": (ALL, ALL, ALL, ALL),
    "exp": (ALL, None, ALL, None), "expm1": (ALL, None, ALL, None), "softplus": (ALL, None, ALL, None),
    "hazard": (ALL, None, None, ALL), "relu": (ALL, None, ALL, None), "abs": (ALL, None, UP, DOWN),
    "cosh": (ALL, None, UP, DOWN), "log_cosh": (ALL, None, UP, DOWN), "log_ndtr": (None, ALL, ALL, None),
    "log1mexp": (None, UP, UP, None), "sinh": (UP, DOWN, ALL, None), "tanh": (DOWN, UP, ALL, None),
    "arctan": (DOWN, UP, ALL, None), "arcsinh": (DOWN, UP, ALL, None), "erf": (DOWN, UP, ALL, None),
    "sigmoid": (DOWN, UP, ALL, None), "erfc": (UP, DOWN, None, ALL), "arctanh": (UP, DOWN, ALL, None),
    "arcsin": (UP, DOWN, ALL, None), "arccos": (DOWN, UP, None, ALL), "arccosh": (None, UP, UP, None),
    "lgamma": (UP, None, (Fraction(2), INF), None), "digamma": (None, UP, UP, None), "log_abs": (None, UP, UP, DOWN),
    "log2": (None, ALL, ALL, None), "log10": (None, ALL, ALL, None), "erfinv": (UP, DOWN, ALL, None)})


def shape_of(row: str, a: Interval, literals: Sequence[Fraction | None]) -> tuple[Bend, bool, bool]:
    """How `row` bends where its first operand is in `a`, and whether it rises and falls there."""
    if row in ROWS_OF_SHAPES:
        convex, concave, rises, falls = (place is not None and a.inside(*place) for place in ROWS_OF_SHAPES[row])
        if row == "log_abs":
            concave = a.nonnegative or a.nonpositive
        return Bend(convex, concave), rises, falls
    if row in ("leaky_relu", "elu") and literals[1] is not None:
        slope = literals[1]  # of what is left of zero, at zero
        if row == "leaky_relu":
            return Bend(slope <= 1, slope >= 1), slope >= 0, False
        return Bend(0 <= slope <= 1, False), slope >= 0, False
    return Bend(), False, False
