"""The names of the primitives, and the groups in which they are asked for: the lowest floor, which all others share.

A name is an object, made once and compared by `is`; `node.make` refuses any other. What is true of a primitive stands
in its row (`table.py`); what a later stage makes of it, in that stage's table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


class Op(str):
    """The name of a primitive: one of the objects below."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return named, (str(self),)


INPUT, CONSTANT, IOTA = Op("input"), Op("constant"), Op("iota")
ADD, EINSUM, VIEW, ELEMENTWISE = Op("add"), Op("einsum"), Op("view"), Op("elementwise")
NAMED, STOP, TRACKED = Op("named"), Op("stop"), Op("tracked")
MAX, MIN, LOGSUMEXP, SOFTMAX = Op("max"), Op("min"), Op("logsumexp"), Op("softmax")
ARGMAX, ARGMIN = Op("argmax"), Op("argmin")
SLICE, PAD, CONCAT, RESHAPE = Op("slice"), Op("pad"), Op("concat"), Op("reshape")
GATHER, SCATTER = Op("gather"), Op("scatter")
INVERSE, SOLVE, LOGDET = Op("inverse"), Op("solve"), Op("logdet")
COFACTOR, CHOLESKY = Op("cofactor"), Op("cholesky")
MULTIPLY, CUMSUM, WINDOWS, OVERLAP = Op("multiply"), Op("cumsum"), Op("windows"), Op("overlap")
ARGSORT, EIGVALS, EIGVECS = Op("argsort"), Op("eigvals"), Op("eigvecs")
SVDVALS, SVD, QR = Op("svdvals"), Op("svd"), Op("qr")
DISTANCES, SCAN = Op("distances"), Op("scan")

# What an operation does: every operation is in one of these.
LEAVES = frozenset({INPUT, CONSTANT, IOTA})
MARKS = frozenset({NAMED, STOP, TRACKED})  # the value of the first operand, marked
SUMS = frozenset({ADD})
PRODUCTS = frozenset({EINSUM, VIEW})  # einsum's attributes: labels of the operands, labels of the output
FUNCTIONS = frozenset({ELEMENTWISE, SOFTMAX})
REDUCTIONS = frozenset({MAX, MIN, LOGSUMEXP})  # over axes, which are gone
ARGUMENTS = frozenset({ARGMAX, ARGMIN})  # along an axis, which is gone
ORDERS = frozenset({ARGSORT})  # along an axis, which stays
MOVES = frozenset({SLICE, PAD, CONCAT, RESHAPE, GATHER, SCATTER})  # entries take other places
RUNNING = frozenset({MULTIPLY, CUMSUM, WINDOWS, OVERLAP})  # along an axis
MATRICES = frozenset({INVERSE, SOLVE, LOGDET, COFACTOR, CHOLESKY})  # of the last two axes
SPECTRA = frozenset({EIGVALS, EIGVECS, SVDVALS, SVD, QR})  # factors of the last two axes (`algebra/spectra.py`)
PAIRS = frozenset({DISTANCES})  # of rows with rows
LOOPS = frozenset({SCAN})  # attributes: a graph for one step (`algebra/recurrence.py`)

KINDS = (LEAVES, MARKS, SUMS, PRODUCTS, FUNCTIONS, REDUCTIONS, ARGUMENTS, ORDERS, MOVES, RUNNING, MATRICES, SPECTRA,
         PAIRS, LOOPS)
OPS: Mapping[str, Op] = MappingProxyType({op: op for op in sorted(op for kind in KINDS for op in kind)})


def named(name: str) -> Op:
    """The primitive called `name`; raises ValueError for one that `OPS` does not hold."""
    op = OPS.get(name)
    if op is None:
        raise ValueError(f"no primitive is called {name!r}; known are {', '.join(OPS)}")
    return op


# What else is asked of an operation.
GIVEN = frozenset({INPUT, CONSTANT})  # arrays from outside
BEARERS = frozenset({INPUT, CONSTANT, NAMED})  # may have a name of their own
FREE = LEAVES | MARKS | {VIEW}  # nothing is computed
LINEAR = MOVES | {ADD, VIEW, NAMED, CUMSUM, WINDOWS, OVERLAP}  # a pull-back reads no values (of a product it reads factors)
PICKED = frozenset({NAMED, VIEW, SLICE, CONCAT, RESHAPE, GATHER, WINDOWS})  # entries of operands (a delta has zeros too)
STRIDED = frozenset({SLICE, PAD})  # attributes: (start, step) of each axis
FLAT = ARGUMENTS | ORDERS | {STOP}  # the derivative is zero, though there are operands
INDEXED = frozenset({GATHER, SCATTER})  # operands behind the first are indices
