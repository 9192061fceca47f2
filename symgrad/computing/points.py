"""Random points: sizes and values of symbols that keep their dtype, their classes and their declared facts.

A formula may have no value at most points (the logarithm of a negative number, the Cholesky factor of a matrix
that is not positive definite, an index out of range), so there are several styles of values; who draws goes
through them until what is asked for is finite. `Evaluator` computes nodes at points, in float64.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.computing.functions import Function
from symgrad.formulas.names import display_names
from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.facts import (
    DIAGONAL,
    LOWER_TRIANGULAR,
    NONNEGATIVE,
    ORTHOGONAL,
    POSITIVE_DEFINITE,
    SIMPLEX,
    SQUARE,
    SYMMETRIC,
    facts_of,
)
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Node, Symbol, topological
from symgrad.graphs.sizes import free_symbols

Rng = np.random.Generator
Sizes = Mapping[sp.Symbol, int]
STYLES = ("normal", "positive", "unit", "large", "negative", "definite", "few")


def number(size: Any, sizes: Sizes) -> int:
    """A size as an int."""
    return size if isinstance(size, int) else int(size.subs(sizes))


def size_symbols(nodes: Sequence[Node]) -> list[sp.Symbol]:
    """The size symbols below `nodes`, those of weights and of classes included."""
    below = topological(nodes)
    found = free_symbols(size for node in below for size in node.shape)
    inputs = [n for n in below if n.op is ops.INPUT and n.attrs[0].classes is not None]
    weights = [by.factor for n in below if n.op is ops.ADD for by in n.attrs[0] if by.factor is not None]
    others = free_symbols([*(n.attrs[0].classes for n in inputs), *weights])
    return [*found, *(s for s in others if s not in found)]


def random_sizes(nodes: Sequence[Node], rng: Rng, least: int = 4) -> dict[sp.Symbol, int]:
    """A number for every size symbol below `nodes`: all different, none smaller than `least`."""
    found = size_symbols(nodes)
    pool = rng.permutation(np.arange(least, least + max(len(found), 4)))
    return {symbol: int(size) for symbol, size in zip(found, pool, strict=False)}


def random_value(node: Node, sizes: Sizes, rng: Rng, style: str = "normal", whole: bool = False,
                 top: int = 2) -> Any:
    """A value for a symbol that keeps its dtype, its classes and its declared facts.

    `style`: standard normal, or "positive" (0.2 to 1.2), "unit" (0.05 to 0.95), "large" (1.1 to 2.5),
    "negative"; "definite": square matrices with a positive definite symmetric part. `whole`: small whole
    numbers other than 0, where the facts allow it. Integers without classes are below `top`.
    """
    shape = tuple(number(s, sizes) for s in node.shape)
    symbol: Symbol = node.attrs[0]
    if node.dtype == BOOLEAN:
        return rng.random(shape) < 0.5
    if node.dtype == INTEGER:
        top = top if symbol.classes is None else number(symbol.classes, sizes)
        return rng.integers(0, top, shape)
    return _with_facts(_draw(shape, rng, style, whole), facts_of(node), rng, whole)


def _draw(shape: tuple[int, ...], rng: Rng, style: str, whole: bool) -> np.ndarray:
    if whole:
        size = rng.integers(1, 4, shape).astype(float)
        if style in ("positive", "unit", "large"):
            return size
        return -size if style == "negative" else size * rng.choice([-1.0, 1.0], shape)
    low, high = {"positive": (0.2, 1.2), "unit": (0.05, 0.95), "large": (1.1, 2.5), "negative": (-1.2, -0.2)}.get(
        style, (0.0, 0.0))
    if high > low or style == "negative":
        return rng.uniform(low, high, shape)
    value = rng.standard_normal(shape)
    if style == "definite" and len(shape) > 1 and shape[-1] == shape[-2]:
        value = value + 2 * (shape[-1] + 1) * np.eye(shape[-1])
    return value


def _with_facts(value: np.ndarray, facts: Collection[str], rng: Rng, whole: bool) -> np.ndarray:
    if NONNEGATIVE in facts:
        value = np.abs(value)
    if SIMPLEX in facts:
        value = value / value.sum(-1, keepdims=True)
    if SQUARE not in facts:
        return value
    mirrored = np.swapaxes(value, -1, -2)
    identity = np.eye(value.shape[-1])
    if LOWER_TRIANGULAR in facts:
        value = np.tril(value)
    if DIAGONAL in facts:
        value = value * identity
    if ORTHOGONAL in facts:
        value = np.sign(value) * identity[rng.permutation(len(identity))] if whole else np.linalg.qr(value)[0]
    if POSITIVE_DEFINITE in facts:
        value = value @ np.swapaxes(value, -1, -2) + identity
    elif SYMMETRIC in facts and DIAGONAL not in facts and ORTHOGONAL not in facts:
        value = np.tril(value) + np.swapaxes(np.tril(value, -1), -1, -2) if whole else (value + mirrored) / 2
    return value


@dataclass(frozen=True)
class Point:
    """Sizes, and a value for every input."""

    sizes: dict[sp.Symbol, int]
    values: dict[Node, np.ndarray]


class Evaluator:
    """Computes nodes at points. `nodes` hold every symbol and every size that may occur."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.names = display_names(nodes)  # raises SymgradError where two symbols share a name
        self.inputs = list(self.names)
        self.sizes = size_symbols(nodes)
        # Every size is the length of an input, so that one compiled function serves at all sizes.
        self.rulers = [input_node(Symbol("data", f"axis_{s}"), (s,), REAL) for s in self.sizes]

    def draw(self, sizes: dict[sp.Symbol, int], rng: Rng, style: str, whole: bool = False) -> Point:
        """A random point of these sizes; "few": integers 0 and 1 only, for indices into short axes."""
        top = 2 if style == "few" else 6
        return Point(sizes, {node: random_value(node, sizes, rng, style, whole, top) for node in self.inputs})

    def compile(self, nodes: Sequence[Node]) -> PointFunction:
        """A function of points that computes `nodes` as they are: no rewrite stands between them and their numbers."""
        arguments = [(f"x{i}", node) for i, node in enumerate([*self.inputs, *self.rulers])]
        outputs = [(f"y{i}", node) for i, node in enumerate(nodes)]
        form = list(range(len(nodes)))
        return PointFunction(Function(arguments, outputs, form, "numpy", "float64", {}, True, None), self)


@dataclass(frozen=True)
class PointFunction:
    """Nodes as a function of points."""

    function: Function
    evaluator: Evaluator

    def __call__(self, point: Point) -> list[np.ndarray]:
        """The values at `point`, as floats. Raises DataError where a matrix is singular or an index out of range."""
        lengths = [np.zeros(point.sizes[s]) for s in self.evaluator.sizes]
        with np.errstate(all="ignore"):
            results = self.function(*(point.values[n] for n in self.evaluator.inputs), *lengths)
        return [np.asarray(value, float) for value in results]
