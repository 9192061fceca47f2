"""Random points: sizes and values of symbols that keep their dtype, their classes and their declared facts.

A formula may have no value at most points (the logarithm of a negative number, the Cholesky factor of a matrix
that is not positive definite, an index out of range), so there are several styles of values; who draws goes
through them until what is asked for is finite. `Evaluator` computes nodes at points, in float64; `blurred` nodes
and points tell how much of a value is rounding (`search.py` looks for points that are worth something).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.codegen.program.masks import mask
from symgrad.computing.functions import Function
from symgrad.formulas.names import display_names
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.facts import (
    DIAGONAL,
    LOWER_TRIANGULAR,
    NONNEGATIVE,
    ORTHOGONAL,
    POSITIVE,
    POSITIVE_DEFINITE,
    SIMPLEX,
    SQUARE,
    SYMMETRIC,
    facts_of,
)
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Node, Symbol, depends, topological, transform
from symgrad.graphs.phases import MASK
from symgrad.graphs.sizes import free_symbols
from symgrad.graphs.table import rebuild

Rng = np.random.Generator
Sizes = Mapping[sp.Symbol, int]
STYLES = ("normal", "positive", "unit", "large", "negative", "definite", "few")
BLUR = 1e-12  # relative: what is small beside every difference that counts, and large beside rounding
EQUALS = ("equal", "not_equal")
BLURS = 7  # independent factors
EXACT = frozenset({"where", "taken", "maximum", "minimum", "clip", "relu", "abs", "sign", "floor", "ceil", "round", "real"})
ROUNDS = frozenset({ops.ADD, ops.EINSUM, ops.ELEMENTWISE, ops.LOGSUMEXP, ops.LOGDET, ops.CUMSUM, ops.MULTIPLY})


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
    "negative", "grid" (-2, -1, 0, 1, 2); "definite": square matrices with a positive definite symmetric part.
    `whole`: small whole numbers other than 0, where the facts allow it. Integers without classes are below `top`.
    """
    shape = tuple(number(s, sizes) for s in node.shape)
    symbol: Symbol = node.attrs[0]
    if symbol.kind == MASK:
        return mask(rng, symbol.init, shape, np.float64)
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
    if style == "grid":
        return np.round(2 * value).clip(-2, 2)
    if style == "definite" and len(shape) > 1 and shape[-1] == shape[-2]:
        value = value + 2 * (shape[-1] + 1) * np.eye(shape[-1])
    return value


def _with_facts(value: np.ndarray, facts: Collection[str], rng: Rng, whole: bool) -> np.ndarray:
    if NONNEGATIVE in facts:
        value = np.abs(value)
    if POSITIVE in facts:
        value = np.where(value > 0, value, 1.0)
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


def blurred_values(values: Mapping[Node, np.ndarray], rng: Rng, exact: Sequence[float] = ()) -> dict[Node, np.ndarray]:
    """The values with every real entry moved by a relative 1e-12 or so; what is symmetric stays so.

    Whole numbers and those in `exact` stay: they may be compared for equality.
    """
    found = {}
    for node, value in values.items():
        if node.dtype == REAL:
            noise = rng.standard_normal(np.shape(value))
            if noise.ndim > 1 and SQUARE in facts_of(node):
                noise = (noise + np.swapaxes(noise, -1, -2)) / 2
            kept = (value == np.rint(value)) | np.isin(value, exact)
            value = np.where(kept, value, value * (1 + BLUR * noise))
        found[node] = value
    return found


def blurred(nodes: Sequence[Node], factors: Sequence[Node]) -> list[Node]:
    """The nodes with the result of every operation that rounds multiplied by one of the `factors`, numbers near 1; of
    a sum, its terms, since they may cancel.

    What they then give, compared with what they give without, says how much of it rounding may have made: Monte
    Carlo arithmetic (Parker 1997). What is compared for equality stays as it is.
    """
    count = 0
    below = topological(nodes)
    live = depends(nodes, {n for n in below if n.op is ops.INPUT})
    kept = set(topological([o for n in below if n.op is ops.ELEMENTWISE and n.attrs[0] in EQUALS for o in n.operands]))

    def moved(node: Node) -> Node:
        nonlocal count
        count += 1
        labels = tuple(range(len(node.shape)))
        return contract([node, factors[count % len(factors)]], [labels, ()], labels)

    def rule(node: Node, operands: tuple[Node, ...]) -> Node:
        exact = node.op is ops.ELEMENTWISE and node.attrs[0] in EXACT or node not in live or node in kept
        if node.op not in ROUNDS or node.dtype != REAL or exact:
            return rebuild(node, operands)
        if node.op is ops.ADD and len(operands) > 1:
            return rebuild(node, tuple(moved(o) for o in operands))
        return moved(rebuild(node, operands))

    return transform(list(nodes), rule, {})


def compared_numbers(nodes: Sequence[Node]) -> list[float]:
    """The numbers with which something is compared for equality."""
    tests = [n for n in topological(nodes) if n.op is ops.ELEMENTWISE and n.attrs[0] in EQUALS]
    weights = [literal_value(operand) for node in tests for operand in node.operands]
    return sorted({float(by.number) for by in weights if by is not None and by.factor is None})


def definite_inputs(nodes: Sequence[Node]) -> set[Node]:
    """The symbols of which a Cholesky factor is taken: no value but a positive definite one has it."""
    found = set()
    for node in topological(nodes):
        if node.op is ops.CHOLESKY:
            below = node.operands[0]
            while below.op in ops.MARKS:
                below = below.operands[0]
            if below.op is ops.INPUT:
                found.add(below)
    return found


class Evaluator:
    """Computes nodes at points. `nodes` hold every symbol and every size that may occur."""

    def __init__(self, nodes: Sequence[Node], names: Mapping[Node, str] | None = None) -> None:
        self.names = names or display_names(nodes)  # raises SymgradError where two symbols share a name
        self.inputs = list(self.names)
        self.sizes = size_symbols(nodes)
        # Every size is the length of an input, so that one compiled function serves at all sizes.
        self.rulers = [input_node(Symbol("data", f"axis_{s}"), (s,), REAL) for s in self.sizes]
        self.factors = [input_node(Symbol("data", f"blur_{i}"), (), REAL) for i in range(BLURS)]
        self.definite = definite_inputs(nodes)
        self.exact = compared_numbers(nodes)

    def draw(self, sizes: dict[sp.Symbol, int], rng: Rng, style: str, whole: bool = False) -> Point:
        """A random point of these sizes; "few": integers 0 and 1 only, for indices into short axes."""
        top = 2 if style == "few" else 6
        return Point(sizes, {node: self.value(node, sizes, rng, style, whole, top) for node in self.inputs})

    def value(self, node: Node, sizes: Sizes, rng: Rng, style: str, whole: bool = False, top: int = 6) -> Any:
        """A random value for one of the inputs."""
        return random_value(node, sizes, rng, "definite" if node in self.definite else style,
                            whole and node not in self.definite, top)

    def compile(self, nodes: Sequence[Node]) -> PointFunction:
        """A function of points that computes `nodes` as they are: no rewrite stands between them and their numbers."""
        return PointFunction(self._function(nodes, []), self)

    def compile_blurred(self, nodes: Sequence[Node]) -> PointFunction:
        """The same with blurred inputs and operations, for a random generator to choose how."""
        return PointFunction(self._function(blurred(nodes, self.factors), self.factors), self, BLURS)

    def _function(self, nodes: Sequence[Node], more: Sequence[Node]) -> Function:
        arguments = [(f"x{i}", node) for i, node in enumerate([*self.inputs, *self.rulers, *more])]
        outputs = [(f"y{i}", node) for i, node in enumerate(nodes)]
        form = list(range(len(nodes)))
        return Function(arguments, outputs, form, "numpy", "float64", {}, True, None)


@dataclass(frozen=True)
class PointFunction:
    """Nodes as a function of points."""

    function: Function
    evaluator: Evaluator
    blurs: int = 0

    def __call__(self, point: Point, rng: Rng | None = None) -> list[np.ndarray]:
        """The values at `point`, as floats. Raises DataError where a matrix is singular or an index out of range."""
        lengths = [np.zeros(point.sizes[s]) for s in self.evaluator.sizes]
        values, factors = point.values, np.ones(self.blurs)
        if rng is not None:
            values, factors = blurred_values(values, rng, self.evaluator.exact), 1 + BLUR * rng.standard_normal(self.blurs)
        with np.errstate(all="ignore"):
            results = self.function(*(values[n] for n in self.evaluator.inputs), *lengths, *factors)
        return [np.asarray(value, float) for value in results]
