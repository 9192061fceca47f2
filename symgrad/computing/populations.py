"""Losses of a whole population in one call: the loss as a graph over many points, computed by `sg.function`.

`batched` is the mathematics: the same tensor with an axis of points in front. `Population` binds it to data and takes
large populations in pieces, so that memory stays bounded and what is computed stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.codegen.plan.plan import entries_at
from symgrad.computing.feeding import evaluate_size
from symgrad.computing.functions import Function, function
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import Node, Symbol, topological
from symgrad.graphs.sizes import Size, dim, free_symbols
from symgrad.graphs.stacked import stacked
from symgrad.language.recipes import as_written, recipe_of, stable
from symgrad.language.tensor import Tensor, wrap

PIECE = 1 << 21  # bytes of arguments and what is made of them in one call: about a processor's second cache


def batched(loss: Tensor, variables: Sequence[Tensor], size: Size | None = None) -> tuple[Tensor, list[Tensor]]:
    """`loss` at many points at once, and the symbols that its `variables` became: each with an axis of points in front.

    `loss` has shape `(points, *loss.shape)` (behind it the sample axis, where it has one), the symbols `(points,
    *variable.shape)`. The axis is `size`, or a new symbol. Works for every tensor: it is a graph like any other.

    >>> import symgrad as sg
    >>> w, x = sg.parameter("w", 2), sg.data("x", 2)
    >>> losses, (points,) = batched(sg.sum((w - x) ** 2), [w])
    >>> losses.shape, points.shape
    ((points,), (points, 2))
    """
    (node,) = stable([loss])
    size = _fresh([node, *(v.node for v in variables)]) if size is None else size
    new = {v.node: _with_points(v.node, size) for v in variables}
    (result,) = stacked([node], new, size)
    recipe = recipe_of(_again, (loss, list(variables), size))._replace(settled=True)
    return as_written(result, None, recipe), [wrap(new[v.node], None) for v in variables]


def _again(loss: Tensor, variables: Sequence[Tensor], size: Size) -> Tensor:
    """How a batched loss is written."""
    return batched(loss, variables, size)[0]


def _fresh(roots: Sequence[Node]) -> Size:
    """A size that does not occur."""
    taken = {str(s) for node in topological(roots) for s in free_symbols(node.shape)}
    return dim(next(name for i in range(len(taken) + 1) if (name := f"points{i or ''}") not in taken))


def _with_points(node: Node, size: Size) -> Node:
    """A symbol for many values of another; what was declared of one is not asked of points that are only tried."""
    symbol: Symbol = node.attrs[0]
    return input_node(Symbol("data", symbol.name, owner=symbol.owner), (size, *node.shape), node.dtype)


class Population:
    """A loss of `variables` with the value of every other symbol below it and all sizes, for many points at once.

    Called with one array for each variable, `(P, *shape)`, it gives P losses in float64; what has no value at a point (a
    singular matrix, an index out of range) is NaN there. `calls` counts the calls of generated code.
    """

    def __init__(self, loss: Tensor, variables: Sequence[Tensor], data: Mapping[Node, Any], sizes: Mapping[Any, int],
                 backend: str = "numpy") -> None:
        losses, points = batched(loss, variables)
        symbols = [wrap(node, node.attrs[0].over) for node in data]
        self.function: Function[Any] = function([*points, *symbols], losses, backend=backend, sizes=sizes)
        feed, width = self.function.feed, len(points)
        self.given = [feed.convert(width + i, value) for i, value in enumerate(data.values())]
        self.calls = 0
        at = {**sizes, points[0].shape[0]: 1}
        arguments, made = sum(entries_at(p.shape, at) for p in points), self.function.plan.largest_array(at)
        self.work = evaluate_size(self.function.plan.flops, at) or 1  # arithmetic operations for one point
        self.piece = max(1, PIECE // (8 * (2 * arguments + 3 * made) + 1))

    def __call__(self, *points: np.ndarray) -> np.ndarray:
        """The losses of P points. Raises DataError for data that do not fit."""
        starts = range(0, len(points[0]), self.piece)
        parts = [self._losses([p[i:i + self.piece] for p in points]) for i in starts]
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0), *parts])

    def _losses(self, points: Sequence[np.ndarray]) -> np.ndarray:
        """The losses of one piece; where a call fails, of its halves, down to the point that has none."""
        count = len(points[0])
        self.calls += 1
        try:
            losses: np.ndarray = np.asarray(self.function(*points, *self.given), dtype=float)
        except DataError:
            if count == 1:
                return np.full(1, np.nan)
            halves = ([p[:count // 2] for p in points], [p[count // 2:] for p in points])
            losses = np.concatenate([self._losses(half) for half in halves])
        return losses
