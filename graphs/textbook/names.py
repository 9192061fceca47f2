"""Names are for display: what has a name is that name wherever it occurs, and a named and an unnamed twin are one value."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import named
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.table import rebuild


def names_in(roots: Sequence[Node]) -> dict[Node, str]:
    """What has a name below `roots`, by the node under the name."""
    return {node.operands[0]: node.attrs[0] for node in topological(roots) if node.op is ops.NAMED}


def renamed(roots: Sequence[Node], names: dict[Node, str]) -> list[Node]:
    """`roots` with each node of `names` under its name."""
    if not names:
        return list(roots)

    def step(node: Node, operands: tuple[Node, ...]) -> Node:
        made = rebuild(node, operands)
        return named(made, names[node]) if node in names else made

    return transform(roots, step, {})
