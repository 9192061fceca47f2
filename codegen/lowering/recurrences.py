"""A recurrence as one loop: all results that share body and operands lie side by side in one array, and are views of it.

A carry of which all values are wanted is kept in rows, one more than there are steps: a step reads one row and writes the
next, so that the values before and after each step, and the last one, are views of the same rows and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import NUMBER, Arrays, Expr, order
from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape, Size, product


@dataclass(frozen=True)
class Kept:
    """What a loop keeps: a carry (its place) or an expression of the body, in all steps or only last; from where on."""

    what: int | Expr
    rows: bool
    start: Size
    shape: Shape
    kind: str


@dataclass(frozen=True, eq=False)
class LoopBody:
    """One loop: its body in array expressions, and what of it is kept."""

    length: Size
    reverse: bool
    carries: tuple[Expr, ...]
    slices: tuple[Expr, ...]
    constants: tuple[Expr, ...]
    after: tuple[Expr, ...]
    kept: tuple[Kept, ...]
    rooms: tuple[str, ...]  # the kinds of numbers for which there is room to work in, behind the operands

    @property
    def roots(self) -> tuple[Expr, ...]:
        """All that a step computes."""
        return (*self.after, *(k.what for k in self.kept if isinstance(k.what, Expr)))


class Lowered(Protocol):
    """What is asked of the lowering of a graph."""

    b: Arrays
    nodes: list[Node]
    loops: dict[Loop, dict[Node, Expr]]

    def exact(self, node: Node, kind: str | None = None) -> Expr: ...
    def step(self, roots: Sequence[Node]) -> Lowered: ...


def lowered_scan(c: Lowered, node: Node) -> Expr:
    """One result of a recurrence."""
    loop = loop_of(node)
    if loop not in c.loops:
        c.loops[loop] = _lowered(c, loop, [n for n in c.nodes if n.op is ops.SCAN and loop_of(n) == loop])
    return c.loops[loop][node]


def _lowered(c: Lowered, loop: Loop, results: Sequence[Node]) -> dict[Node, Expr]:
    body = loop.body
    values = dict.fromkeys(n.attrs[1] for n in results if not isinstance(n.attrs[1], int)
                           and n.attrs[1] not in (*body.carries, *body.after))
    inner = c.step([*body.after, *values])
    leaves = {symbol: inner.b.leaf(symbol) for symbol in body.symbols}
    after = tuple(inner.exact(node, carry.dtype) for node, carry in zip(body.after, body.carries, strict=True))
    rows = {i for i, pair in enumerate(zip(body.carries, body.after, strict=True))
            if any(n.attrs[1] is each for n in results for each in pair)}
    last = {n.attrs[1] for n in results if isinstance(n.attrs[1], int)}
    wanted: list[tuple[int | Node, bool, Shape, str]] = []
    for i, carry in enumerate(body.carries):
        if i in rows:
            wanted.append((i, True, (loop.length + 1, *carry.shape), carry.dtype))
        elif i in last:
            wanted.append((i, False, carry.shape, carry.dtype))
    wanted += [(node, True, (loop.length, *node.shape), node.dtype) for node in values]
    args = [c.exact(o) for o in loop.operands]
    places: dict[int | Node, tuple[Expr, Kept]] = {}
    for kind in dict.fromkeys(kind for *_, kind in wanted):  # whole numbers stay exact in a loop of their own
        start: Size = 0
        kept = []
        for what, all_rows, shape, each in wanted:
            if each == kind:
                e = what if isinstance(what, int) else inner.exact(what)
                kept.append((what, Kept(e, all_rows, start, shape, kind)))
                start = start + product(shape)
        own, each_step, same = (tuple(leaves[s] for s in group) for group in (body.carries, body.slices, body.constants))
        rooms = _rooms(c.b, [*own, *own, *after, *(k.what for _, k in kept if isinstance(k.what, Expr))])
        lowered = LoopBody(loop.length, loop.reverse, own, each_step, same, after, tuple(k for _, k in kept),
                           tuple(r.kind for r in rooms))
        made = c.b.make(acts.LOOP, [*args, *rooms], (lowered,), (start,), kind)
        places.update({what: (made, k) for what, k in kept})
    return {node: _read(c.b, loop, node.attrs[1], places) for node in results}


def _rooms(b: Arrays, exprs: Sequence[Expr]) -> list[Expr]:
    """Room for all that a step may store, and for two of each carry, by kinds of numbers."""
    sizes: dict[str, Size] = {}
    inside = [e for e in order(exprs) if e.op is not acts.INPUT]
    for e in [*inside, *(e for e in exprs if e.op is acts.INPUT)]:
        if e.kind != NUMBER:
            sizes[e.kind] = sizes.get(e.kind, 0) + product(e.shape)
    return [b.make(acts.ROOM, (), (), (size,), kind) for kind, size in sizes.items()]


def _read(b: Arrays, loop: Loop, what: int | Node, places: dict[int | Node, tuple[Expr, Kept]]) -> Expr:
    body, n = loop.body, loop.length
    if what in places and not isinstance(what, int):
        made, kept = places[what]
        return b.part(made, kept.start, kept.shape)
    before = what in body.carries
    place = what if isinstance(what, int) else (body.carries if before else body.after).index(what)
    made, kept = places[place]
    inner = kept.shape[1:] if kept.rows else kept.shape
    size = product(inner)
    if isinstance(what, int):
        at = 0 if loop.reverse or not kept.rows else n * size
        return b.part(made, kept.start + at, inner)
    skip = size if before is loop.reverse else 0  # step t reads row t and writes the next, or the other way round
    return b.part(made, kept.start + skip, (n, *inner))
