"""The pull-back of a recurrence is a recurrence that runs the other way: the adjoint of each step.

With g the cotangent of the carries after step t and u_t those of what was stacked, one step of the reverse pass through
the body F gives

    g_{t-1} = (∂F/∂c)' g_t + (∂y/∂c)' u_t,   G_{x_t} = (∂F/∂x)' g_t + (∂y/∂x)' u_t,   G_θ = Σ_t (∂F/∂θ)' g_t + (∂y/∂θ)' u_t.

A loop that is to be read is told of which values of the way forward its own are the cotangents: formulas call them so.

Only the first line runs in the loop. What it reads of the way forward, and what does not depend on g, is computed for all
steps at once, from stacks of what the loop forward has computed; so are G_x and G_θ, from stacks of what the loop
backward has. The gradient by a matrix W in W h_{t-1} is so one product Σ_t G_{a_t} h_{t-1}', not a sum that grows step by
step. All of it is made of nodes, so second order and forward mode are free.

Source: R. J. Williams and D. Zipser, Gradient-based learning algorithms for recurrent networks, 1995, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, total, zeros
from symgrad.graphs.algebra.primitives import add, as_real
from symgrad.graphs.algebra.recurrence import (
    Loop,
    Rows,
    bound,
    closed,
    first_met,
    frontier,
    is_computed,
    level_of,
    loop_of,
    substituted,
)
from symgrad.graphs.algebra.regrouping import regrouped
from symgrad.graphs.algebra.scanning import stack_graph
from symgrad.graphs.node import REAL, Node, depends, topological

CarryBack = Callable[..., dict[Node, Node]]


def scan_rule(rows: Rows, back: CarryBack, node: Node, u: Node, lead: int) -> Sequence[Node | None]:
    """The pull-back of one result; results of one loop are pulled back together by `pull_loop`."""
    return pull_loop(rows, back, {node: u}, lead, set(node.operands), True)


def pull_loop(rows: Rows, back: CarryBack, members: Mapping[Node, Node], lead: int, live: Container[Node],
              guarded: bool) -> list[Node | None]:
    """The cotangents of the operands of a loop, given those of its results; `back` is the reverse pass."""
    if not lead:
        return _adjoint(rows, back, members, live, guarded)
    seeds = {node: bound("seed", 1, i, node.shape, REAL) for i, node in enumerate(members)}
    flat = _adjoint(rows, back, seeds, live, guarded)
    found = [part for part in flat if part is not None]
    for axis in reversed(range(lead)):
        wide = {node: u if not axis else bound(f"seed{axis}x", 1, i, (*u.shape[axis:lead], *node.shape), REAL)
                for i, (node, u) in enumerate(members.items())}
        size = next(iter(members.values())).shape[axis]
        found = stack_graph(rows, found, {seeds[node]: wide[node] for node in members}, size)
        seeds = wide
    parts = iter(found)
    return [None if part is None else next(parts) for part in flat]


def _adjoint(rows: Rows, back: CarryBack, members: Mapping[Node, Node], live: Container[Node],
             guarded: bool) -> list[Node | None]:
    loop = loop_of(next(iter(members)))
    body = loop.body
    wanted = [s for s, o in zip(body.symbols, loop.operands, strict=True) if s.dtype == REAL and o in live]
    flowing = _flowing(loop, wanted)
    level = level_of([*body.after, *(n.attrs[1] for n in members if not isinstance(n.attrs[1], int))])
    costs = {c: bound("cotangent", level, i, c.shape, REAL) for i, c in enumerate(flowing)}
    read = {node: bound("result", level, i, node.attrs[1].shape, REAL)
            for i, node in enumerate(members) if not isinstance(node.attrs[1], int)}
    after = dict(zip(body.carries, body.after, strict=True))
    seeds = [(after[c], costs[c]) for c in flowing] + [(node.attrs[1], read[node]) for node in read]
    sources = [*flowing, *(s for s in wanted if s not in after)]
    reached = back(rows, seeds, 0, sources, None, guarded) if seeds else {}
    found = {s: as_real(reached[s]) for s in sources if s in reached}
    outside = [s for s in wanted if s not in after and s in found]
    firsts = {costs[c]: _first(members, body.carries.index(c), c) for c in flowing}
    if loop.anew:
        pulled = _anew(rows, loop, firsts, {read[node]: members[node] for node in read}, flowing, outside, found)
        return [pulled.get(s) if o in live else None for s, o in zip(body.symbols, loop.operands, strict=True)]
    adjoint = [found.get(c, zeros(c.shape)) for c in flowing]
    new = regrouped(rows, [*adjoint, *(found[s] for s in outside)], [*costs.values(), *read.values()])
    told = [] if guarded else [*((new[g], c) for c, g in zip(flowing, adjoint, strict=True)), *(
        (new[u], v) for v, u in reached.items() if u in new and (is_computed(v) or v.op is ops.NAMED))]
    way = _Backward(rows, loop, firsts, {read[node]: members[node] for node in read},
                    [new[g] for g in adjoint], told)
    pulled = dict(zip(outside, way.stacked([new[found[s]] for s in outside]), strict=True))
    results: list[Node | None] = []
    for symbol, operand in zip(body.symbols, loop.operands, strict=True):
        if symbol not in wanted or operand not in live:
            results.append(None)
        elif symbol in costs:
            results.append(way.loop.last(flowing.index(symbol)))
        elif symbol not in pulled:
            results.append(None)
        else:
            results.append(pulled[symbol] if symbol in body.slices else summed(pulled[symbol]))
    return results


def _anew(rows: Rows, loop: Loop, firsts: Mapping[Node, Node], results: Mapping[Node, Node], flowing: Sequence[Node],
          outside: Sequence[Node], found: Mapping[Node, Node]) -> dict[Node, Node]:
    """The cotangents where each step is computed again: all of it runs in the loop backward, sums over steps too."""
    body, stacks = loop.body, loop.stacks
    level = level_of([*body.after, *found.values()])
    sums = {s: bound("total", level, i, s.shape, REAL) for i, s in enumerate(s for s in outside if s in body.constants)}
    after = [*(found.get(c, zeros(c.shape)) for c in flowing), *(add([total, found[s]]) for s, total in sums.items())]
    whole = [s for s in outside if s in stacks]
    used = set(topological([*after, *(found[s] for s in whole)]))
    slices = {s: stacks[s] if s in stacks else loop.stack(s) for s in (*body.carries, *body.slices) if s in used}
    slices.update({u: stack for u, stack in results.items() if u in used})
    begins = {**firsts, **{total: zeros(total.shape) for total in sums.values()}}
    back, read = closed(rows, begins, slices, {s: o for s, o in loop.given.items() if s in used}, after,
                        [found[s] for s in whole], loop.length, not loop.reverse, True)
    pulled = {s: back.last(i) for i, s in enumerate((*flowing, *sums))}
    return {**pulled, **{s: back.stack(r) for s, r in zip(whole, read, strict=True)}}


def _flowing(loop: Loop, wanted: Sequence[Node]) -> list[Node]:
    """The carries that depend on what a derivative is asked for."""
    body = loop.body
    below = set(wanted)
    count = -1
    while count != len(below):
        count, reached = len(below), depends(body.after, below)
        below |= {c for c, after in zip(body.carries, body.after, strict=True) if after in reached and c.dtype == REAL}
    return [c for c in body.carries if c in below]


def _first(members: Mapping[Node, Node], place: int, carry: Node) -> Node:
    """The cotangent of a carry after the last step."""
    parts = [u for node, u in members.items() if node.attrs[1] == place and isinstance(node.attrs[1], int)]
    return add(parts) if parts else zeros(carry.shape)


class _Backward:
    """The loop that runs backward, and what is computed for all steps at once from both loops."""

    def __init__(self, rows: Rows, forward: Loop, begins: Mapping[Node, Node], results: Mapping[Node, Node],
                 after: Sequence[Node], told: Sequence[tuple[Node, Node]]) -> None:
        self.rows, self.forward, self.results = rows, forward, results
        self.own: dict[Node, Node] = {}  # what the loop backward computes, in its bound symbols
        self.kept = _kept(forward.body.after, forward.body.carries)
        self.flow = {*begins, *results}
        inside = depends(after, self.flow)
        read = [node for node in frontier(after, inside) if node not in self.flow]
        fixed, varying = self._apart(read)
        stacks = dict(zip(varying, self.stacked(varying), strict=True))
        given = dict(zip(fixed, substituted(rows, fixed, self.forward.given), strict=True))
        used = set(topological(after))
        stacks.update({symbol: u for symbol, u in results.items() if symbol in used})
        self.inner = _kept(after, self.flow)  # in the symbols in which `after` is written
        known = {*begins, *stacks, *given}
        told = [(here, there) for here, there in told if _closed_over(here, known)]
        loop, made = closed(rows, begins, stacks, given, after, [*begins, *self.inner, *(here for here, _ in told)],
                            forward.length, not forward.reverse)
        self.own = dict(zip([*begins, *self.inner], made, strict=False))
        pairs = zip(made[len(self.own):], (there for _, there in told), strict=True)
        self.loop = loop._replace(body=loop.body._replace(forward=forward.body, cotangents=tuple(pairs))) if told else loop

    def _apart(self, nodes: Sequence[Node]) -> tuple[list[Node], list[Node]]:
        """Those that are the same in every step, and those that are not."""
        varying = depends(nodes, [*self.forward.body.carries, *self.forward.body.slices])
        return [n for n in nodes if n not in varying], [n for n in nodes if n in varying]

    def stacked(self, nodes: Sequence[Node]) -> list[Node]:
        """Nodes of a step for all steps at once, from stacks of what the loops compute."""
        body, stacks = self.forward.body, self.forward.stacks
        stops = {*body.carries, *body.slices, *self.results, *self.kept, *self.own}
        points: dict[Node, Node] = {}
        for node in first_met(nodes, stops):
            if node in self.own:
                points[node] = self.loop.stack(self.own[node])
            elif node in self.results:
                points[node] = self.results[node]
            else:
                points[node] = stacks[node] if node in stacks else self.forward.stack(node)
        wide = stack_graph(self.rows, nodes, points, self.forward.length)
        return substituted(self.rows, wide, {**{n: n for n in points.values()}, **self.forward.given})


def _closed_over(node: Node, known: Collection[Node]) -> bool:
    """Is a node made of what is `known`, and of numbers?"""
    return all(n in known or n.op not in ops.GIVEN for n in topological([node], enter=lambda n: n not in known))


def _kept(roots: Sequence[Node], sources: Collection[Node]) -> set[Node]:
    """What a step computes from `sources`: it is there, and may be stacked."""
    below = depends(roots, sources)
    return {node for node in topological(roots) if node in below and is_computed(node)}


def summed(node: Node) -> Node:
    """The sum over axis 0: of a product in one, of a sum term by term."""
    if node.op is ops.ADD and node.operands:
        return add([summed(o) for o in node.operands], node.attrs[0])
    if node.op is ops.EINSUM or node.op is ops.VIEW:
        inputs, out = node.attrs
        return contract(node.operands, inputs, out[1:], dict(zip(out, node.shape, strict=True)))
    return total(node, [0])
