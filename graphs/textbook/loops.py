"""Values of one recurrence that fill places of one stack are the stack of all of them, put together within each step.

`pad(δ) + pad(ε)`, of `δ_t` and `ε_t` of the same steps, is one thing that a step computes: `[δ_t; ε_t]`.
"""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.algebra.entries import pad
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.node import Node
from symgrad.graphs.textbook.powers import pairs_of
from symgrad.graphs.weights import Weight


def within_steps(node: Node) -> Node:
    """A sum in which what is put in its place of values of one loop is one value of that loop."""
    loops: dict[Loop, list[tuple[Node, Weight]]] = {}
    rest: list[tuple[Node, Weight]] = []
    for term, by in pairs_of(node):
        read = _placed(term)
        if read is None:
            rest.append((term, by))
        else:
            loops.setdefault(read[0], []).append((read[1], by))
    if not any(len(found) > 1 for found in loops.values()):
        return node
    return joined([*((loop.stack(joined(found)), Weight(1)) for loop, found in loops.items()), *rest])


def _placed(term: Node) -> tuple[Loop, Node] | None:
    """The loop that a term is a value of, and what a step computes of it: with zeros around something."""
    inner, spec = (term.operands[0], term.attrs[0]) if term.op is ops.PAD else (term, None)
    if inner.op is not ops.SCAN or not isinstance(inner.attrs[1], Node):
        return None
    what = inner.attrs[1]
    if spec is not None:
        if spec[0] != (0, 1) or term.shape[0] != inner.shape[0]:
            return None
        what = pad(what, [start for start, _ in spec[1:]], [step for _, step in spec[1:]], term.shape[1:])
    return (loop_of(inner), what) if what.op is ops.PAD else None
