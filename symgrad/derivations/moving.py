"""Graphs whose values are to be moved: what a derivative holds fixed as symbols, and symbols without declared facts.

A difference moves one entry, so a symmetric matrix is symmetric no more: nothing declared may be used there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.node import Node, Symbol, topological, transform
from symgrad.graphs.table import rebuild


def undeclared(nodes: Sequence[Node]) -> list[Node]:
    """`nodes` over symbols that are the same but for declared facts, in the same order."""
    free: dict[Node, Node] = {
        n: input_node(replace(n.attrs[0], facts=()), n.shape, n.dtype)
        for n in topological(nodes) if n.op is ops.INPUT and n.attrs[0].facts}
    return transform(list(nodes), rebuild, free) if free else list(nodes)


def without_stops(nodes: Sequence[Node]) -> tuple[list[Node], dict[Node, Node]]:
    """The nodes with symbols for what stops a gradient, and for each of that its symbol."""
    stops = [n for n in topological(nodes) if n.op is ops.STOP]
    fixed = {n: input_node(Symbol("data", f"held_{i}"), n.shape, n.dtype) for i, n in enumerate(stops)}
    return transform(list(nodes), rebuild, dict(fixed)), fixed
