"""The sign * beside a transpose X': entry by entry as in NumPy, or MATLAB's product of matrices? That is asked."""

from __future__ import annotations

import re

from symgrad.graphs.errors import ShapeError
from symgrad.reading.grammar import OneLine
from symgrad.reading.values import OpenSize, Worth, settled

PRIMED = re.compile(r"[\w)\]]['′’](?!\s*\()")  # a transpose as MATLAB and Julia write it, and no derivative


class Ambiguous(ShapeError):
    """A sign that means one thing here and another thing where the rest of the formula comes from."""


def check_star(source: OneLine, column: int, a: Worth, b: Worth) -> None:
    """Raise Ambiguous at a * that could be a product of matrices, in a text whose transposes are those of MATLAB."""
    if PRIMED.search(source.text) and _could_be_matrices(a, b):
        raise Ambiguous(source.at(column, "beside ' the sign * may be the matrix product of MATLAB, and here it multiplies "
                                  "entry by entry; write @ or a blank for the former, ⊙ for the latter"))


def _could_be_matrices(a: Worth, b: Worth) -> bool:
    """Could two values, one of them a matrix or a row, be multiplied as matrices?"""
    if max(a.ndim, b.ndim) < 2 or not a.ndim or not b.ndim:
        return False
    inner = settled(a.shape[-1]) if a.ndim > 1 else 1, settled(b.shape[0])
    return any(isinstance(size, OpenSize) for size in inner) or inner[0] == inner[1]
