"""Which values of a program are those of a derivation, where the program computes them by other operations.

A program may take products out of a loop, or a bias into another product: the graph is another one, the function the same.
Values at a random point tell, where exactly one value of each side agrees.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from symgrad.derivations.at_point import AtPoint
from symgrad.derivations.derivation import Derivation
from symgrad.derivations.places import places
from symgrad.graphs import ops
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node, topological


def alike(derivation: Derivation, nodes: Iterable[Node]) -> dict[Node, Node]:
    """For nodes of a program that are in no box: the node of the box that has their value; others are left out."""
    computed = [box for box in derivation.graph if box.leaf.op is ops.INPUT and box.node.op is not ops.INPUT]
    given = set(nodes)
    open_boxes = [box for box in computed if box.node not in given]
    own = {box.node for box in derivation.graph}
    rest = [n for n in dict.fromkeys(nodes) if n not in own and any(n.shape == box.node.shape for box in open_boxes)]
    if not open_boxes or not rest:
        return {}
    try:
        (point, *_), clear = places(derivation, np.random.default_rng(0))
        known = [n for n in rest if all(i in point.values for i in topological([n]) if i.op is ops.INPUT)]
        if not clear or not known:
            return {}
        world = AtPoint(derivation, point, {})
        values = dict(zip(known, world.evaluate(known, point.values), strict=True))
    except SymgradError:
        return {}
    pairs = [(n, box.node) for n, value in values.items() for box in open_boxes
             if n.shape == box.node.shape and _same(value, world.values[box.leaf])]
    lines, boxes = [n for n, _ in pairs], [node for _, node in pairs]
    return {n: node for n, node in pairs if lines.count(n) == boxes.count(node) == 1}


def _same(a: object, b: object) -> bool:
    """Equal but for rounding, and no constant, as which many things may be equal at a point."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.ptp(a) > 0) and np.allclose(a, b, rtol=1e-9, atol=1e-12)
