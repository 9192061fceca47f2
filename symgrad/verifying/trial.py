"""Two formulas at the same random points: are they equal there, and is one a multiple of another?

In float64, at several points of random unequal sizes, drawn with a seed of their own. Two values agree where
they differ by less than TOLERANCE of the terms they are sums of: a cancellation does not make a difference, a
thousandth of one entry does. Formulas that agree only where both have a value agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
import sympy as sp

from symgrad.computing.points import STYLES, Evaluator, Point, number, random_sizes
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import Node
from symgrad.graphs.pieces.terms import levels
from symgrad.verifying.ratios import Ratio, recover

TOLERANCE = 5e-8
ROUNDING = 1e-11  # of the largest entry
TERMS = 24  # of each side, from which the magnitude of an entry is known
LEASTS = (2, 4, 9)  # smallest size: slices and windows may need longer axes
MANY = 10**6  # entries of the inputs beyond which a few points are enough
Values = list[np.ndarray]  # one for each point


class Trial:
    """The values of a claim and of the right formula; of other nodes at the same points.

    Raises SymgradError where the right formula has no finite value at any point.
    """

    def __init__(self, claim: Node, right: Node, seed: int = 0) -> None:
        self.nodes = (claim, right)
        self.evaluator = Evaluator([right, claim])
        self.rng = np.random.default_rng(seed)
        parts = [term for node in self.nodes for _, new in levels(node, TERMS) for term in new]
        self.compiled = self.evaluator.compile([claim, right, *parts])
        self.points: list[Point] = []
        self.claim: Values = []
        self.right: Values = []
        self.magnitude: Values = []
        way = (LEASTS[0], STYLES[0])
        for _ in range(self._count()):
            point, (mine, true, *rest), way = self._draw(way)
            self.points.append(point)
            self.claim.append(mine)
            self.right.append(true)
            same = mine.shape == true.shape
            self.magnitude.append(sum((np.abs(part) for part in (rest if same else []) if part.shape == true.shape),
                                      np.abs(true) + (np.abs(mine) if same else 0.0)))

    def _count(self) -> int:
        """Enough to find powers of sizes, and of sizes less one, with some to spare."""
        sizes = dict.fromkeys(self.evaluator.sizes, 4)
        entries = sum(prod(number(s, sizes) for s in node.shape) for node in self.evaluator.inputs)
        return 3 if entries > MANY else 4 + 2 * min(len(self.evaluator.sizes), 6)

    def _draw(self, first: tuple[int, str]) -> tuple[Point, Values, tuple[int, str]]:
        """A point where both sides are finite; failing that, one where the right side is."""
        spare: tuple[Point, Values, tuple[int, str]] | None = None
        problem: DataError | None = None
        for way in [first, *((least, style) for least in LEASTS for style in STYLES)]:
            least, style = way
            point = self.evaluator.draw(self._sizes(least), self.rng, style)
            try:
                values = self.compiled(point)
            except DataError as error:
                problem = error
                continue
            mine, true = (bool(np.all(np.isfinite(v))) for v in values[:2])
            if mine and true:
                return point, values, way
            if true and spare is None:
                spare = point, values, way
            if spare is not None and self.points:
                break
        if spare is not None:
            return spare
        if problem is not None:
            raise SymgradError(f"verify: the formulas have no value at the random points: {problem}") from None
        raise SymgradError("verify: the right formula has no finite value at any of the random points")

    def _sizes(self, least: int) -> dict[sp.Symbol, int]:
        return random_sizes(self.nodes, self.rng, least)

    def equal(self) -> bool:
        """Are claim and right formula equal, of one shape?"""
        return all(mine.shape == true.shape and _close(mine - true, by)
                   for mine, true, by in zip(self.claim, self.right, self.magnitude, strict=True))

    def values(self, nodes: Sequence[Node]) -> list[Values]:
        """The values of `nodes`: for each a list, one array for each point; NaN where there is none."""
        if not nodes:
            return []
        compiled = self.evaluator.compile(nodes)
        rows = []
        for point in self.points:
            try:
                rows.append(compiled(point))
            except DataError:  # an edit may break what the formula as it is avoids, such as a singular matrix
                rows.append([np.array(np.nan)] * len(nodes))
        return [list(column) for column in zip(*rows, strict=True)]

    def factor(self, target: Values, basis: Values, magnitude: Values | None = None) -> Ratio | None:
        """c with target = c basis at all points: an exact number or one that depends on sizes; None without one."""
        found: list[float] = []
        for t, b, by in zip(target, basis, magnitude or target, strict=True):
            if t.shape != b.shape or not np.all(np.isfinite(b)) or not np.all(np.isfinite(t)):
                return None
            norm = float(np.sum(b * b))
            if norm == 0:
                return None
            c = float(np.sum(t * b)) / norm
            if not _close(t - c * b, np.abs(by) + np.abs(t) + np.abs(c * b)):
                return None
            found.append(c)
        if all(_close(c * b, by + np.abs(b)) for c, b, by in zip(found, basis, magnitude or basis, strict=True)):
            return None  # nothing but rounding
        return recover(found, [p.sizes for p in self.points])

    def differences(self) -> Values:
        """Claim less right formula."""
        return [mine - true for mine, true in zip(self.claim, self.right, strict=True)]

    def examples(self) -> Iterator[Point]:
        """Points with small sizes and simple values, for a reader; at last those of the trial."""
        for least in LEASTS:
            sizes = {s: least + (i + 1) % 2 for i, s in enumerate(self.evaluator.sizes)}
            for style in STYLES:
                for whole in (True, True, True, False, False):
                    point = self.evaluator.draw(sizes, self.rng, style, whole)
                    yield point if whole else _rounded(point)
        yield from self.points


def _rounded(point: Point) -> Point:
    """Two decimals, where no fact is lost by it."""
    return Point(point.sizes, {n: v if n.attrs[0].facts else np.round(v, 2) if v.dtype.kind == "f" else v
                               for n, v in point.values.items()})


def _close(difference: np.ndarray, magnitude: np.ndarray) -> bool:
    largest = float(np.max(magnitude, initial=0.0))  # a product may have cancelled within itself
    return bool(np.all(np.abs(difference) <= TOLERANCE * magnitude + ROUNDING * largest))

