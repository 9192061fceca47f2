"""Where is the sample axis? A forward walk from the symbols that are written one sample at a time.

Nodes are plain tensors; that one of their axes runs over the samples follows from the graph. Formulas
"for one sample" and the question whether samples are coupled are both answered from here. A symbolic
size would give the axis away by itself; the walk also serves int sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.scanning import walk_axes
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Size
from symgrad.graphs.table import PRIMITIVES


def sample_axes(roots: Sequence[Node], start: dict[Node, int] | None = None) -> dict[Node, int]:
    """The axis that runs over the samples of each node that has one.

    `start` gives the nodes from which to walk; a node where their samples meet (a mean over them, and all
    that uses it) is then COUPLED, and what has derivative zero is no way to walk. Without `start` the walk is
    from every symbol over a sample axis (axis 0), and what closes the axis counts as an ordinary tensor again.
    A node that is missing has no such axis.
    """
    return walk_axes(PRIMITIVES, roots, start)


def couples(roots: Sequence[Node]) -> bool:
    """Do samples meet anywhere below `roots`, as in a mean over them?"""
    axes = sample_axes(roots)
    return any(node not in axes and any(o in axes for o in node.operands) for node in topological(roots))


def sample_size(roots: Sequence[Node]) -> Size | None:
    """The size of the sample axis of a graph: that of its first symbol over one."""
    for node in topological(roots):
        if node.op is ops.INPUT and node.attrs[0].over is not None:
            return node.attrs[0].over
    return None
