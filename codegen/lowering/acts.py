"""What arrays do: the names of the operations of array expressions, and the groups in which they are asked for.

A name is an object, made once and compared by `is`; `Arrays.make` refuses any other. The stages behind have tables
keyed by these: index maps and work (`plan`), NumPy's spelling (`python`), C.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


class Act(str):
    """The name of an operation on arrays: one of the objects below."""

    __slots__ = ()


INPUT, CONSTANT, NUMBER = Act("input"), Act("constant"), Act("number")
FULL, ARANGE, EYE = Act("full"), Act("arange"), Act("eye")
ROW, PRODUCT, ADD, CAST = Act("row"), Act("product"), Act("add"), Act("cast")
TRANSPOSE, INDEX, RESHAPE = Act("transpose"), Act("index"), Act("reshape")
BROADCAST, DIAGONAL, WINDOWS, PART = Act("broadcast"), Act("diagonal"), Act("windows"), Act("part")
SUM, PROD, MAX, MIN = Act("sum"), Act("prod"), Act("max"), Act("min")
ARGMAX, ARGMIN, CUMSUM = Act("argmax"), Act("argmin"), Act("cumsum")
MATMUL, CALL, LOOP, ROOM = Act("matmul"), Act("call"), Act("loop"), Act("room")
GATHER, CONCAT, PLACE = Act("gather"), Act("concat"), Act("place")

# What an operation does: every operation is in one of these.
LEAVES = frozenset({INPUT, CONSTANT, NUMBER})
FILLS = frozenset({FULL, ARANGE, EYE})  # the same for all batches of one size
SCALARS = frozenset({ROW, PRODUCT, ADD, CAST})  # entry by entry, with broadcasting
VIEWS = frozenset({TRANSPOSE, INDEX, RESHAPE, BROADCAST, DIAGONAL, WINDOWS, PART})  # entries read elsewhere; no copy
REDUCTIONS = frozenset({SUM, PROD, MAX, MIN})  # attributes: (axes, keepdims)
ARGUMENTS = frozenset({ARGMAX, ARGMIN})
RUNNING = frozenset({CUMSUM})
WHOLE = frozenset({MATMUL, CALL, LOOP})  # what takes whole arrays
MOVES = frozenset({GATHER, CONCAT, PLACE})
ROOMS = frozenset({ROOM})  # memory to work in, of which nothing is read before it is written

KINDS = (LEAVES, FILLS, SCALARS, VIEWS, REDUCTIONS, ARGUMENTS, RUNNING, WHOLE, MOVES, ROOMS)
ACTS: Mapping[str, Act] = MappingProxyType({act: act for act in sorted(act for kind in KINDS for act in kind)})


def named(name: str) -> Act:
    """The operation called `name`; raises ValueError for one that `ACTS` does not hold."""
    act = ACTS.get(name)
    if act is None:
        raise ValueError(f"no operation on arrays is called {name!r}; known are {', '.join(ACTS)}")
    return act


# What else is asked of an operation.
FOLDING = REDUCTIONS | ARGUMENTS | RUNNING  # read all of an axis
GIVEN = frozenset({INPUT, CONSTANT})  # arrays from outside
BY_NAME = frozenset({ROW, CALL})  # the first attribute is the name of the function
