"""What a step of a recurrence computes without its carries, computed for all steps at once; and what is read from it.

`W x_t + b` in every step is one product of all x with W before the loop, `V h_t` one of all h behind it. What holds
afterwards: in the body of a recurrence every node that is more than a view depends on a carry, sums and products entry by
entry have one term, or factor, that does not, and what is stacked is a node that the step computes for the next one.
"""

from __future__ import annotations

from functools import lru_cache

from symgrad.graphs.algebra.recurrence import (
    Loop,
    closed,
    first_met,
    frontier,
    is_computed,
    loop_of,
    scan,
    substituted,
)
from symgrad.graphs.algebra.regrouping import regrouped
from symgrad.graphs.node import Node, depends, topological
from symgrad.graphs.stacked import stacked
from symgrad.graphs.table import PRIMITIVES


def lifted(node: Node) -> Node:
    """A result of a recurrence, in which the loop computes only what depends on its carries."""
    loop, what = loop_of(node), node.attrs[1]
    if loop.anew:
        return node
    inner, own, new = _lifted(loop)
    if isinstance(what, int):
        return scan(inner, what)
    (what,) = substituted(PRIMITIVES, [what], new)
    return _all_steps(loop, [what], {n: inner.stack(own[n]) for n in first_met([what], own)})[0]


@lru_cache(maxsize=64)
def _lifted(loop: Loop) -> tuple[Loop, dict[Node, Node], dict[Node, Node]]:
    """The loop; the nodes of its step, in its symbols, by those in the old ones; these by the nodes before regrouping."""
    body = loop.body
    new = regrouped(PRIMITIVES, body.after, body.carries)
    after = [new[node] for node in body.after]
    moving = depends(after, body.carries)
    read = frontier(after, moving)
    varying = depends(read, body.slices)
    fixed, each = [n for n in read if n not in varying], [n for n in read if n in varying]
    stacks = dict(zip(each, _all_steps(loop, each, {}), strict=True))
    given = dict(zip(fixed, substituted(PRIMITIVES, fixed, loop.given), strict=True))
    begins = loop.begins
    kept = [n for n in topological(after) if n in moving and is_computed(n)]
    inner, names = closed(PRIMITIVES, begins, stacks, given, after, [*begins, *kept], loop.length, loop.reverse)
    return inner, dict(zip([*begins, *kept], names, strict=True)), new


def _all_steps(loop: Loop, nodes: list[Node], points: dict[Node, Node]) -> list[Node]:
    """Nodes of a step for all steps, from those of `points` and from slices."""
    known = {**loop.stacks, **points}
    wide = stacked(nodes, known, loop.length)
    return substituted(PRIMITIVES, wide, {**{n: n for n in known.values()}, **loop.given})
