"""Where a derivation is checked: points at which the loss is finite, on both sides of its conditions, in unequal sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.computing.points import STYLES, Evaluator, Point, Rng, random_sizes
from symgrad.computing.search import Search
from symgrad.derivations.checked import TOLERANCE, compared
from symgrad.derivations.transcript import Transcript
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import Node, topological

MOST = 3  # points of one choice of sizes
SMALL = 40  # boxes, up to which other sizes are tried as well
INVERTED = (ops.INVERSE, ops.SOLVE, ops.LOGDET)
CONDITION = 1e12  # the most of a matrix that is inverted
BLURRINGS = 5
DRAWS = 3  # fresh draws for the missing sides of conditions
TRIED = 200
LEAST = (*(4,) * 24, *(2, 1) * 6)  # the smallest of sizes of further draws, where the loss is singular at the first
DIGITS = 1e-4  # of a value, or of one, the most that blurring moves where it is not singular


def inputs_of(derivation: Transcript) -> list[Node]:
    """The symbols of the derivation and of what was written."""
    found = [box.node for box in derivation.graph if box.node.op is ops.INPUT]
    return list(dict.fromkeys([*found, *(n for n in topological([derivation.y.node]) if n.op is ops.INPUT)]))


def places(derivation: Transcript, rng: Rng) -> tuple[list[Point], bool]:
    """The points, and have the values digits at the first of them? It may be one without a finite loss, where none was
    found."""
    nodes = [derivation.loss, derivation.y.node]
    inputs = inputs_of(derivation)
    evaluator = Evaluator([*inputs, *nodes], {n: str(i) for i, n in enumerate(inputs)})
    draw = _Drawing(evaluator, nodes, rng)
    sizes = random_sizes([*inputs, *nodes], rng)
    found = draw.points(sizes, MOST)
    clear = draw.is_clear(found[0])
    for least in LEAST if sizes and not clear else ():
        other = random_sizes([*inputs, *nodes], rng, least)
        if (first := draw.clear(other)) is not None:
            found, sizes, clear = draw.points(other, MOST, first), other, True
            break
    if len(derivation.graph) <= SMALL and len(sizes) > 1:
        numbers = sorted(sizes.values())
        turned = {s: 1 + numbers[-1 - numbers.index(n)] for s, n in sizes.items()}
        more = draw.points(turned, 1)
        found += more if not clear or draw.is_clear(more[0]) else []
    return found, clear


class _Drawing:
    """Draws points of the formulas `nodes`."""

    def __init__(self, evaluator: Evaluator, nodes: list[Node], rng: Rng) -> None:
        self.evaluator, self.nodes, self.rng = evaluator, nodes, rng
        self.compute, self.blurred = evaluator.compile(nodes), evaluator.compile_blurred(nodes)
        inverted = [n.operands[0] for n in topological(nodes) if n.op in INVERTED]
        self.inverted = evaluator.compile(inverted) if inverted else None

    def is_finite(self, point: Point) -> bool:
        """Has every formula a value?"""
        try:
            return all(np.isfinite(v).all() for v in self.compute(point))
        except DataError:
            return False

    def is_clear(self, point: Point) -> bool:
        """Have the values digits? They are rounding where a matrix is inverted that is singular, as X Xᵀ is with more
        rows than columns, or one is divided by its determinant."""
        if not self.is_finite(point):
            return False
        values, rng = self.compute(point), np.random.default_rng(0)
        try:
            if self.inverted is not None and any(_is_singular(a) for a in self.inverted(point)):
                return False
            moved = [self.blurred(point, rng) for _ in range(BLURRINGS)]
        except DataError:
            return False
        return all(compared(now, was, TOLERANCE) <= DIGITS for each in moved for now, was in zip(each, values, strict=True))

    def drawn(self, sizes: dict[Any, int], style: str) -> Point:
        """A random point."""
        point = self.evaluator.draw(sizes, self.rng, style)
        return Point(sizes, {n: _tame(n, v) for n, v in point.values.items()})

    def clear(self, sizes: dict[Any, int]) -> Point | None:
        """A point at which the values have digits, if one is drawn soon."""
        return next((p for style in STYLES if self.is_clear(p := self.drawn(sizes, style))), None)

    def _settled(self, search: Search, sizes: dict[Any, int]) -> Point:
        first = self.drawn(sizes, "normal")
        if self.is_finite(first):
            return first
        others = (self.drawn(sizes, style) for style in STYLES)
        return search.settled(first) or next((p for p in others if self.is_finite(p)), first)

    def points(self, sizes: dict[Any, int], most: int, first: Point | None = None) -> list[Point]:
        """At most so many, on both sides of the conditions."""
        search = Search(self.evaluator, self.nodes, self.rng)
        first = first or self._settled(search, sizes)
        points = [first]
        search.add(first)
        if most == 1 or not self.is_finite(first):
            return points
        for _ in range(DRAWS):
            point = self.drawn(sizes, "normal")
            if search.missing and search.would(point) and self.is_finite(point):
                search.add(point)
                points.append(point)
                break
        for tried, point in enumerate(search.candidates()):
            if len(points) >= most or tried >= TRIED:
                break
            if search.would(point) and self.is_finite(point):
                search.add(point)
                points.append(point)
        return points


def _is_singular(a: np.ndarray) -> bool:
    """Is one of the matrices singular but for rounding?"""
    return bool(a.size) and bool(np.isfinite(a).all()) and float(np.max(np.linalg.cond(a))) > CONDITION


def _tame(node: Node, value: Any) -> Any:
    """Matrices of parameters small enough that many layers one after the other are not chaotic."""
    symbol = node.attrs[0]
    wild = symbol.kind == "parameter" and len(node.shape) > 1 and not symbol.facts
    return value / np.sqrt(max(1, value.shape[-1])) if wild else value
