"""Where 0 x is 0: what is computed may be infinite or NaN, and 0 times that is NaN, as IEEE 754 says.

A factor 0 that somebody writes hides nothing that is computed: it stays, as the row `zeroed`, whose derivative is 0. What
the algebra makes of formulas is about numbers: derivatives have structural zeros, and x - x cancels.
"""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import REAL, topological
from symgrad.language.tensor import Tensor


def is_zero(t: Tensor) -> bool:
    """Is it 0 at every entry, by its form?"""
    value = literal_value(t.node)
    return value is not None and value.number == 0


def may_be_infinite(t: Tensor) -> bool:
    """May entries be infinite or NaN? Where real symbols are below."""
    return t.dtype == REAL and literal_value(t.node) is None and any(n.op is ops.INPUT for n in topological([t.node]))
