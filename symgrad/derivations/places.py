"""Where a derivation is checked: points at which the loss is finite, on both sides of its conditions, in unequal sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.computing.points import STYLES, Evaluator, Point, Rng, random_sizes
from symgrad.computing.search import Search
from symgrad.derivations.transcript import Transcript
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import Node, topological

MOST = 3  # points of one choice of sizes
SMALL = 40  # boxes, up to which other sizes are tried as well
DRAWS = 3  # fresh draws for the missing sides of conditions
TRIED = 200


def inputs_of(derivation: Transcript) -> list[Node]:
    """The symbols of the derivation and of what was written."""
    found = [box.node for box in derivation.graph if box.node.op is ops.INPUT]
    return list(dict.fromkeys([*found, *(n for n in topological([derivation.y.node]) if n.op is ops.INPUT)]))


def places(derivation: Transcript, rng: Rng) -> list[Point]:
    """The points; the first of them may be one without a finite loss, where none was found."""
    nodes = [derivation.loss, derivation.y.node]
    inputs = inputs_of(derivation)
    evaluator = Evaluator([*inputs, *nodes], {n: str(i) for i, n in enumerate(inputs)})
    sizes = random_sizes([*inputs, *nodes], rng)
    found = _of_sizes(evaluator, nodes, sizes, rng, MOST)
    if len(derivation.graph) <= SMALL and len(sizes) > 1:
        numbers = sorted(sizes.values())
        turned = {s: 1 + numbers[-1 - numbers.index(n)] for s, n in sizes.items()}
        found += _of_sizes(evaluator, nodes, turned, rng, 1)
    return found


def _of_sizes(evaluator: Evaluator, nodes: list[Node], sizes: dict[Any, int], rng: Rng, most: int) -> list[Point]:
    search = Search(evaluator, nodes, rng)
    finite = evaluator.compile(nodes)

    def good(point: Point) -> bool:
        try:
            return all(np.isfinite(v).all() for v in finite(point))
        except DataError:
            return False

    def drawn(style: str) -> Point:
        point = evaluator.draw(sizes, rng, style)
        return Point(sizes, {n: _tame(n, v) for n, v in point.values.items()})

    first = drawn("normal")
    if not good(first):
        first = search.settled(first) or next((p for p in map(drawn, STYLES) if good(p)), first)
    points = [first]
    search.add(first)
    if not good(first) or most == 1:
        return points
    for _ in range(DRAWS):
        point = drawn("normal")
        if search.missing and search.would(point) and good(point):
            search.add(point)
            points.append(point)
            break
    for tried, point in enumerate(search.candidates()):
        if len(points) >= most or tried >= TRIED:
            break
        if search.would(point) and good(point):
            search.add(point)
            points.append(point)
    return points


def _tame(node: Node, value: Any) -> Any:
    """Matrices of parameters small enough that many layers one after the other are not chaotic."""
    symbol = node.attrs[0]
    wild = symbol.kind == "parameter" and len(node.shape) > 1 and not symbol.facts
    return value / np.sqrt(max(1, value.shape[-1])) if wild else value
