"""Walks over whole graphs by the rules of the table, and what they make of a recurrence, whose body is a graph itself.

A walk is handed the table: it stands above the rules, and those of a recurrence walk over its body. Where is the sample
axis (`graphs/samples.py`), and the same for many points at once (`graphs/stacked.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import COUPLED
from symgrad.graphs.algebra.einsum import broadcast, transpose
from symgrad.graphs.algebra.recurrence import Loop, Rows, closed, loop_of, scan
from symgrad.graphs.node import Node, Symbol, depends, make, topological
from symgrad.graphs.sizes import Size

Operands = tuple[Node, ...]


def rebuild_scan(node: Node, operands: Operands) -> Node:
    """The same recurrence of other operands."""
    return scan(loop_of(node)._replace(operands=operands), node.attrs[1])


# the sample axis ----------------------------------------------------------------------------------------------


def walk_axes(rows: Rows, roots: Sequence[Node], start: Mapping[Node, int] | None) -> dict[Node, int]:
    """The axis that runs over the samples of each node that has one; see `samples.sample_axes`."""
    axes: dict[Node, int] = dict(start or {})
    for node in topological(roots, enter=lambda n: n not in axes):
        if node in axes:
            continue
        if start is None and node.op is ops.INPUT and node.attrs[0].over is not None:
            axes[node] = 0
            continue
        if any(o in axes for o in node.operands) and (start is None or node.op not in ops.FLAT):
            mixed = any(axes.get(o) == COUPLED for o in node.operands)
            axis = COUPLED if mixed else rows[node.op].axis(node, axes)
            if axis != COUPLED or start is not None:
                axes[node] = axis
    return axes


def scan_axis(rows: Rows, node: Node, axes: Mapping[Node, int]) -> int:
    """The same axis in every step; the axis of the steps is no sample axis, for one depends on all before."""
    loop, what = loop_of(node), node.attrs[1]
    found = body_axes(rows, loop, axes, [] if isinstance(what, int) else [what])
    if found is None:
        return COUPLED
    if isinstance(what, int):
        return found.get(loop.body.carries[what], COUPLED)
    place = found.get(what, COUPLED)
    return place if place == COUPLED else place + 1


def body_axes(rows: Rows, loop: Loop, axes: Mapping[Node, int], more: Sequence[Node] = ()) -> dict[Node, int] | None:
    """The sample axes within the body, given those of operands; None where samples meet, or are the steps."""
    body = loop.body
    start = {symbol: axes[o] for symbol, o in zip(body.symbols, loop.operands, strict=True) if o in axes}
    for symbol in body.slices:
        if symbol in start:
            start[symbol] -= 1
    while True:
        if COUPLED in start.values():
            return None
        found = walk_axes(rows, [*body.after, *more], start)
        known = len(start)
        for carry, after in zip(body.carries, body.after, strict=True):
            if after in found and start.setdefault(carry, found[after]) != found[after]:
                return None
        if len(start) == known:
            return found


# many points at once ------------------------------------------------------------------------------------------


def stack_graph(rows: Rows, roots: Sequence[Node], points: Mapping[Node, Node], size: Size) -> list[Node]:
    """`roots` with an axis of `size` in front; see `stacked.stacked`."""
    new: dict[Node, Node] = dict(points)
    for node in topological(roots, enter=lambda n: n not in new):
        if node not in new and any(o in new for o in node.operands):
            new[node] = rows[node.op].stack(node, tuple(new.get(o, o) for o in node.operands), size)
    return [new[r] if r in new else broadcast(r, range(1, len(r.shape) + 1), (size, *r.shape)) for r in roots]


def stack_scan(rows: Rows, node: Node, new: Operands, size: Size) -> Node:
    """Each step for all points; carries that depend on no point stay as they are."""
    loop, what = loop_of(node), node.attrs[1]
    body = loop.body
    varied = {symbol for symbol, o, n in zip(body.symbols, loop.operands, new, strict=True) if len(n.shape) > len(o.shape)}
    count = -1
    while count != len(varied):
        count, below = len(varied), depends(body.after, varied)
        varied |= {c for c, after in zip(body.carries, body.after, strict=True) if after in below}
    wide = {symbol: make(ops.INPUT, (), (Symbol("bound", f"wide_{symbol.attrs[0].name}"),), (size, *symbol.shape),
                         symbol.dtype) for symbol in body.symbols if symbol in varied}
    operands = dict(zip(body.symbols, new, strict=True))
    begins = {}
    for carry, old in loop.begins.items():
        begin = operands[carry]
        if carry in varied and len(begin.shape) == len(old.shape):
            begin = broadcast(begin, range(1, len(begin.shape) + 1), (size, *begin.shape))
        begins[wide.get(carry, carry)] = begin
    stacks = {wide.get(s, s): _steps_first(operands[s]) if s in varied else operands[s] for s in body.slices}
    given = {wide.get(s, s): operands[s] for s in body.constants}
    results = [] if isinstance(what, int) else [what]
    made = stack_graph(rows, [*body.after, *results], wide, size)
    after = [wider if carry in varied else old
             for carry, old, wider in zip(body.carries, body.after, made, strict=False)]
    done, read = closed(rows, begins, stacks, given, after, made[len(after):], loop.length, loop.reverse,
                        loop.anew)
    if isinstance(what, int):
        last = done.last(what)
        return last if body.carries[what] in varied else broadcast(last, range(1, len(last.shape) + 1), (size, *last.shape))
    return _steps_first(done.stack(read[0]))


def _steps_first(node: Node) -> Node:
    """Axes 0 and 1 exchanged: steps and points."""
    return transpose(node, (1, 0, *range(2, len(node.shape))))
