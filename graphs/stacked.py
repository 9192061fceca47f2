"""A graph for many points at once: what depends on the variables gets a new axis in front, all else stays as it is.

A pure function of graphs, linear in their size: one rule for each primitive (`algebra/stacking.py`). The result is an
ordinary graph, so that every backend computes whole populations in one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.graphs.algebra.einsum import broadcast
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import PRIMITIVES


def stacked(roots: Sequence[Node], points: Mapping[Node, Node], size: Size) -> list[Node]:
    """`roots` with an axis of `size` in front, where each node of `points` is the one that it maps to.

    Those have the shape of what they stand for behind an axis of `size`. What does not depend on them is the same along
    the new axis.
    """
    new: dict[Node, Node] = dict(points)
    for node in topological(roots, enter=lambda n: n not in new):
        if node not in new and any(o in new for o in node.operands):
            new[node] = PRIMITIVES[node.op].stack(node, tuple(new.get(o, o) for o in node.operands), size)
    return [new[r] if r in new else broadcast(r, range(1, len(r.shape) + 1), (size, *r.shape)) for r in roots]
