"""The reverse pass, handed the table of primitives: `graphs/reverse.py` says what it gives.

It stands below the table, for the rule of a recurrence takes it through the body. The results of one loop are pulled back
together, when the pass has come to the last of them: their cotangents flow in one loop backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.algebra.recurrence import Loop, Rows, loop_of
from symgrad.graphs.derivative.demand import Support, Suspects, either, selects, supports
from symgrad.graphs.derivative.rules import pull_back
from symgrad.graphs.derivative.scan_rules import pull_loop
from symgrad.graphs.node import Node, depends, topological

Wrap = Callable[[Node, Node], Node]


def carried_back(rows: Rows, seeds: Sequence[tuple[Node, Node]], lead: int, wrt: Sequence[Node], wrap: Wrap | None = None,
                 guarded: bool = True) -> dict[Node, Node]:
    """The cotangent of every node between `wrt` and those that are seeded, in the order in which they are found.

    `seeds` are pairs of a node and its cotangent, which has its axes behind `lead` seed axes; see `reverse.cotangents`.
    """
    roots = [root for root, _ in seeds]
    live = depends(roots, wrt)
    parts: dict[Node, list[Node]] = {}
    for root, seed in reversed(seeds):
        parts.setdefault(root, []).append(seed)
    done: dict[Node, Node] = {}
    needed: dict[Node, list[Support | None]] = {root: [None] for root in roots}
    choosing, suspects = guarded and selects(live), Suspects()
    order = topological(roots, enter=lambda n: n in live)
    loops = _loops(order)
    for node in reversed(order):
        if node in live and node in parts:
            u = add(parts.pop(node)[::-1])  # in the order in which the terms were written
            done[node] = wrap(node, u) if wrap is not None else u
        together = loops.get(node)
        if together is not None:
            if together[0] is not node:
                continue
            members = {each: done[each] for each in together if each in done}
            pulled: Sequence[Node | None] = pull_loop(rows, carried_back, members, lead, live, guarded) if members else []
            below: Sequence[Support | None] = [None] * len(pulled)
        elif node not in done or not any(o in live for o in node.operands):
            continue
        else:
            row, support = rows[node.op], either(needed.pop(node, [None]))
            pulled = pull_back(row, node, done[node], lead, live, support, suspects)
            below = supports(row, node, support, suspects) if choosing else [None] * len(pulled)
        for operand, part, entries in zip(node.operands, pulled, below, strict=bool(pulled)):
            if part is not None and operand in live:
                parts.setdefault(operand, []).append(part)
                needed.setdefault(operand, []).append(entries)
    return done


def _loops(order: Sequence[Node]) -> dict[Node, list[Node]]:
    """For results of a recurrence: all results of that loop, in topological order."""
    found: dict[Loop, list[Node]] = {}
    for node in order:
        if node.op is ops.SCAN:
            found.setdefault(loop_of(node), []).append(node)
    return {node: group for group in found.values() for node in group}
