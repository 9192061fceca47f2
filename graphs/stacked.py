"""A graph for many points at once: what depends on the variables gets a new axis in front, all else stays as it is.

A pure function of graphs, linear in their size: one rule for each primitive (`algebra/stacking.py`). The result is an
ordinary graph, so that every backend computes whole populations in one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.graphs.algebra.scanning import stack_graph
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import PRIMITIVES


def stacked(roots: Sequence[Node], points: Mapping[Node, Node], size: Size) -> list[Node]:
    """`roots` with an axis of `size` in front, where each node of `points` is the one that it maps to.

    Those have the shape of what they stand for behind an axis of `size`. What does not depend on them is the same along
    the new axis.
    """
    return stack_graph(PRIMITIVES, roots, points, size)
