"""Values of one recurrence that fill places of one stack are the stack of all of them, put together within each step.

`pad(δ) + pad(ε)`, of `δ_t` and `ε_t` of the same steps, is one thing that a step computes: `[δ_t; ε_t]`.
"""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.entries import pad
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.node import Node
from symgrad.graphs.textbook.powers import pairs_of
from symgrad.graphs.weights import Weight


def within_steps(node: Node) -> Node:
    """A sum in which what is put in its place of values of one loop is one value of that loop."""
    loops: dict[tuple[Loop, bool], list[tuple[Node, Weight]]] = {}
    rest: list[tuple[Node, Weight]] = []
    for term, by in pairs_of(node):
        read = _placed(term)
        if read is None:
            rest.append((term, by))
        else:
            loops.setdefault((read[0], term.shape == read[1].shape), []).append((read[1], by))
    if not any(len(found) > 1 for found in loops.values()):
        return node
    return joined([*((_summed(loop.stack(joined(found)), summed), Weight(1)) for (loop, summed), found in loops.items()),
                   *rest])


def _summed(node: Node, over_steps: bool) -> Node:
    """A stack, or the sum of all steps."""
    axes = range(len(node.shape))
    return contract([node], [axes], axes[1:]) if over_steps else node


def _placed(term: Node) -> tuple[Loop, Node] | None:
    """The loop that a term is a value of, or the sum of its values, and what a step computes of it: with zeros around
    something.
    """
    if term.op is ops.EINSUM and len(term.operands) == 1 and term.attrs[0][0][1:] == term.attrs[1]:
        (term,) = term.operands
    inner, spec = (term.operands[0], term.attrs[0]) if term.op is ops.PAD else (term, None)
    if inner.op is not ops.SCAN or not isinstance(inner.attrs[1], Node):
        return None
    what = inner.attrs[1]
    if spec is not None:
        if spec[0] != (0, 1) or term.shape[0] != inner.shape[0]:
            return None
        what = pad(what, [start for start, _ in spec[1:]], [step for _, step in spec[1:]], term.shape[1:])
    return (loop_of(inner), what) if what.op is ops.PAD else None
