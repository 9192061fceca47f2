"""What may be declared of a symbol, and what follows from it. Everybody asks here, nobody lists facts.

>>> sorted(implied(("positive_definite",)))
['positive_definite', 'square', 'symmetric']
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from symgrad.graphs import ops
from symgrad.graphs.node import Node

SYMMETRIC, POSITIVE_DEFINITE, POSITIVE, NONNEGATIVE = "symmetric", "positive_definite", "positive", "nonnegative"
ORTHOGONAL, DIAGONAL, LOWER_TRIANGULAR, SIMPLEX = "orthogonal", "diagonal", "lower_triangular", "simplex"
FACTS = (SYMMETRIC, POSITIVE_DEFINITE, POSITIVE, NONNEGATIVE, ORTHOGONAL, DIAGONAL, LOWER_TRIANGULAR,
         SIMPLEX)  # to be declared
SQUARE = "square"  # in the last two axes: what follows only

IMPLIES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    POSITIVE_DEFINITE: (SYMMETRIC,), DIAGONAL: (SYMMETRIC, LOWER_TRIANGULAR), SYMMETRIC: (SQUARE,),
    ORTHOGONAL: (SQUARE,), LOWER_TRIANGULAR: (SQUARE,), SIMPLEX: (NONNEGATIVE,), POSITIVE: (NONNEGATIVE,)})


@lru_cache(maxsize=256)
def implied(declared: tuple[str, ...]) -> frozenset[str]:
    """What is declared, and all that follows."""
    found: set[str] = set()
    stack = list(declared)
    while stack:
        fact = stack.pop()
        if fact not in found:
            found.add(fact)
            stack += IMPLIES.get(fact, ())
    return frozenset(found)


def facts_of(node: Node) -> frozenset[str]:
    """All that holds of a symbol by what is declared of it; nothing for another node."""
    return implied(node.attrs[0].facts) if node.op is ops.INPUT else frozenset()


def any_declared(nodes: Iterable[Node]) -> bool:
    """Is anything declared of a symbol among `nodes`?"""
    return any(node.op is ops.INPUT and node.attrs[0].facts for node in nodes)
