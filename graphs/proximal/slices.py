"""A function of slices of a variable: a variable for each slice, and what belongs to which."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.entries import is_flip
from symgrad.graphs.algebra.primitives import add, concat, elementwise, input_node, reshape, slices
from symgrad.graphs.facts import NONNEGATIVE, facts_of
from symgrad.graphs.node import Node, Symbol, consumers, depends, topological
from symgrad.graphs.proximal.deciding import sign_of
from symgrad.graphs.proximal.kinks import Unsolved
from symgrad.graphs.sizes import Size
from symgrad.graphs.stationary.affine import substituted, terms
from symgrad.graphs.table import rebuild

BLOCK = -4000  # owners from here downwards: slices of the variable, which never survive


def as_moved(root: Node, x: Node) -> tuple[Node, Node, Callable[[Node], Node]] | None:
    """Where a function takes x only reshaped, or from its end: (that as a variable, the function of it, the way back)."""
    used = consumers([root])[x]
    if len(used) != 1:
        return None
    (move,) = used
    flips = [move.op is ops.SLICE and is_flip(move, axis) for axis in range(len(move.shape))]
    if move.op is not ops.RESHAPE and not any(flips):
        return None
    if move.op is ops.SLICE and move.shape != x.shape:
        return None
    y = input_node(Symbol("data", "moved", facts=(NONNEGATIVE,) if NONNEGATIVE in facts_of(x) else (), owner=BLOCK - 9999),
                   move.shape, x.dtype)

    def back(node: Node) -> Node:
        node = substituted(node, {y: move})
        return reshape(node, x.shape) if move.op is ops.RESHAPE else rebuild(move, (node,))

    return y, substituted(root, {move: y}), back


def cuts(root: Node, x: Node) -> tuple[int, list[Size]] | None:
    """The axis along which the function takes slices of x, and the places of the cuts; None where it takes the whole.

    Raises Unsolved where the order of the cuts is not known.
    """
    used = consumers([root])[x]
    taken = [node for node in used if node.op is ops.SLICE]
    for axis, size in enumerate(x.shape):
        places: list[Size] = [0, size]
        for node in taken:
            start, step = node.attrs[0][axis]
            if (start, node.shape[axis]) == (0, size):
                continue
            if step != 1:
                return None
            places += [sp.sympify(p) if not isinstance(p, int) else p
                       for p in (start, start + node.shape[axis]) if p not in places]
        if len(places) > 2:
            return axis, [0, *_sorted(places[2:]), size]
    return None


def _sorted(places: list[Size]) -> list[Size]:
    """Places from small to large. Raises Unsolved where their order is not known."""
    done: list[Size] = []
    for place in places:
        at = 0
        for other in done:
            sign = sign_of(sp.sympify(place - other))
            if sign is None:
                raise Unsolved(f"whether {place} or {other} comes first is not known")
            at += sign > 0
        done.insert(at, place)
    return done


def by_slices(root: Node, x: Node, axis: int, places: list[Size], step: Callable[[Node, Node], Node]) -> Node | None:
    """`step(function, variable)` of each slice, joined; None where a term couples slices."""
    variables: list[Node] = []
    facts = (NONNEGATIVE,) if NONNEGATIVE in facts_of(x) else ()
    for i, (a, b) in enumerate(zip(places, places[1:], strict=False)):
        length: list[Size] = [] if b - a == 1 else [b - a]
        shape = (*x.shape[:axis], *length, *x.shape[axis + 1:])
        symbol = Symbol("data", f"slice {i}", facts=facts, owner=BLOCK - 100 * len(x.shape) - i)
        variables.append(input_node(symbol, shape, x.dtype))
    blocks = [_with_axis(v, axis, x) for v in variables]
    put: dict[Node, Node] = {x: concat(blocks, axis, x.shape[axis])}
    for node in consumers([root])[x]:
        if node.op is ops.SLICE:
            start = node.attrs[0][axis][0]
            first, last = places.index(start), places.index(start + node.shape[axis])
            whole = concat(blocks[first:last], axis, node.shape[axis])
            starts: list[Size] = [0 if a == axis else begin for a, (begin, _) in enumerate(node.attrs[0])]
            put[node] = slices(whole, starts, [step for _, step in node.attrs[0]], node.shape)
    inner = substituted(root, put)
    live = depends([inner], variables)
    groups: dict[Node, list[Node]] = {v: [] for v in variables}
    for term in terms(inner, live):
        below = set(topological([node for node, _ in term.factors]))
        own = [v for v in variables if v in below]
        if len(own) > 1:
            return None
        if own:
            groups[own[0]].append(term.node())
    found = []
    for v, block, a, mine in zip(variables, blocks, places, groups.values(), strict=False):
        part = step(add(mine), v) if mine else elementwise("relu", [v]) if facts else v
        begins: list[Size] = [a if i == axis else 0 for i in range(len(x.shape))]
        here = slices(x, begins, [1] * len(x.shape), block.shape)
        if v is not block:
            labels = range(len(x.shape))
            here = contract([here], [labels], [i for i in labels if i != axis])
        found.append(_with_axis(substituted(part, {v: here}), axis, x))
    return concat(found, axis, x.shape[axis])


def _with_axis(node: Node, axis: int, x: Node) -> Node:
    """What has lost an axis of one entry, with it."""
    labels = [i for i in range(len(x.shape)) if i != axis]
    return node if len(node.shape) == len(x.shape) else contract([node], [labels], range(len(x.shape)),
                                                                 {**dict(enumerate(x.shape)), axis: 1})
