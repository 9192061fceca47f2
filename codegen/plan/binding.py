"""Sizes from shapes: which axis of which input shows each size symbol; and which input indexes which axis.

Bare symbols first, then expressions with one unknown that are linear in it, solved once here. What no axis
shows stays free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Shape, Size, free_symbols


class Bound(NamedTuple):
    """Where a size comes from: `value` in terms of `unknown`, the length of an axis of an argument.

    `argument` is None where the value is given.
    """

    argument: str | None
    axis: int
    value: Any
    unknown: sp.Symbol


LENGTH = sp.Symbol("length", integer=True)  # stands for the axis a size is read off


def bind_sizes(shapes: Sequence[tuple[str, Shape]], given: Mapping[sp.Symbol, int]) -> dict[sp.Symbol, Bound]:
    """The sizes that can be known, in an order in which they can be worked out."""
    known = {symbol: Bound(None, 0, value, LENGTH) for symbol, value in given.items()}
    pending: list[tuple[str, int, Size]] = []
    for name, shape in shapes:
        for axis, size in enumerate(shape):
            if isinstance(size, int):
                continue
            if size.is_Symbol:
                known.setdefault(size, Bound(name, axis, LENGTH, LENGTH))
            else:
                pending.append((name, axis, size))
    progress = True
    while progress:
        progress = False
        for name, axis, size in pending:
            unknown = [s for s in free_symbols([size]) if s not in known]
            if len(unknown) == 1:
                value = solve_linear(size, unknown[0])
                if value is not None:
                    known[unknown[0]] = Bound(name, axis, value, LENGTH)
                    progress = True
    return known


@lru_cache(maxsize=1024)
def solve_linear(size: sp.Expr, symbol: sp.Symbol) -> sp.Expr | None:
    """`symbol` in terms of LENGTH = size, where size is linear in it; None otherwise.

    >>> from symgrad.graphs.sizes import dim
    >>> solve_linear(2 * dim("n") + 1, dim("n"))
    (length - 1)/2
    """
    expanded = sp.expand(size)
    if not expanded.is_polynomial(symbol) or sp.degree(expanded, symbol) != 1:
        return None
    slope = expanded.coeff(symbol, 1)
    return sp.together((LENGTH - expanded.coeff(symbol, 0)) / slope)


def index_inputs(roots: Sequence[Node]) -> dict[tuple[Node, Size], str | None]:
    """The inputs that are indices as they are, each with the length of the axis that it indexes, and the layer whose."""
    found: dict[tuple[Node, Size], str | None] = {}
    for node in topological(roots):
        if node.op not in ops.INDEXED:
            continue
        body = node.operands[0] if node.op is ops.GATHER else node
        for axis, index in zip(node.attrs[0], node.operands[1:], strict=True):
            while index.op in (ops.VIEW, ops.NAMED, ops.RESHAPE) and index.operands:
                index = index.operands[0]
            if index.op is ops.INPUT:
                found[index, body.shape[axis]] = found.get((index, body.shape[axis])) or _layer(body)
    return found


def _layer(table: Node) -> str | None:
    """The layer whose parameter this is, as it is written."""
    while table.op in (ops.VIEW, *ops.MARKS) and table.operands:  # a frozen one is marked
        table = table.operands[0]
    return table.attrs[0].layer if table.op is ops.INPUT else None
