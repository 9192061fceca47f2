"""Where is a function not convex? A search for negative curvature along lines, and a proof by numbers of what was found.

Values of all symbols are drawn, with their declared facts, at several sizes; second differences of the loss itself are
taken along directions that keep the facts: coordinates, eigenvectors of a Hessian of differences, random ones. A
negative one over a long stretch is followed to where it comes from, by halves: f(x-h) - 2 f(x) + f(x+h) is the sum of
four such of half the stretch, so one of them is at least as curved. What counts is far beyond rounding, which is
measured by computing it all again with every operation disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from symgrad.computing.points import STYLES, Evaluator, Point, random_sizes
from symgrad.graphs.errors import DataError
from symgrad.graphs.facts import (
    DIAGONAL,
    LOWER_TRIANGULAR,
    NONNEGATIVE,
    POSITIVE,
    POSITIVE_DEFINITE,
    SIMPLEX,
    SYMMETRIC,
    facts_of,
)
from symgrad.graphs.node import REAL, Node, topological

DRAWS, LOOKED_AT = 40, 8
LEASTS = (2, 4, 1, 3, 6)
WORK = 150_000  # nodes computed
MOST_CALLS, FEWEST_CALLS = 3500, 300
SHORT, STRETCHES = 2e-3, (2e-3, 0.3, 2.0)  # steps, relative to the size of the values
SMALLEST = 1e-6  # of a short step: how near a kink is followed
KINK = 1.4  # a curvature that grows by this when the step is halved is that of a kink
NOISE = 30.0  # a second difference counts beyond so many times what disturbs it
SEEDS = 3
WIDEST, WIDE = 7, 3000  # entries of the variables: their Hessian is looked at; a value counts once

Directions = dict[Node, np.ndarray]


@dataclass(frozen=True)
class Bent:
    """A point, a direction of norm one, and the second difference over a step, divided by its square."""

    point: Point
    direction: Directions
    curvature: float
    step: float
    kinked: bool


@dataclass(frozen=True)
class Curvatures:
    """Negative curvature, if any; is there positive curvature, or a hole in the domain, so that it is not concave?"""

    negative: Bent | None
    not_concave: bool


@dataclass
class Met:
    """What a search has met so far; `score` tells how clear the negative curvature is."""

    negative: Bent | None = None
    positive: bool = False
    hole: bool = False
    score: float = 0.0

    @property
    def both(self) -> bool:
        """Is it neither convex nor concave?"""
        return self.negative is not None and (self.positive or self.hole)


class Refuter:
    """Looks for curvature of the scalar `root` in `variables`."""

    def __init__(self, root: Node, variables: Sequence[Node], names: Mapping[Node, str], seed: int = 0) -> None:
        self.variables = list(variables)
        self.root, self.rng = root, np.random.default_rng(seed)
        self.evaluator = Evaluator([root, *variables], dict(names))
        self.value = self.evaluator.compile([root])
        self.rough = self.evaluator.compile_blurred([root])
        self.left = int(np.clip(WORK // (1 + len(topological([root]))), FEWEST_CALLS, MOST_CALLS))
        self.met = Met()
        self.price = 1  # of a value, more where there are many entries

    def glance(self) -> Curvatures:
        """A few points and short stretches: most of what is neither convex nor concave shows there, the clearest counts."""
        return self._searched(LOOKED_AT, STRETCHES[:1], LOOKED_AT)

    def search(self) -> Curvatures:
        """Until both signs are found, or nothing is left to try."""
        self._searched(DRAWS // 2, STRETCHES[:1], 0)
        return self._searched(DRAWS, STRETCHES, 0)

    def _searched(self, draws: int, stretches: Sequence[float], least: int) -> Curvatures:
        found = self.met
        for draw in range(draws):
            if self.left <= 0 or (found.both and (draw >= least or self.price > 1)):
                break
            point = self._drawn(draw)
            if point is not None:
                self._look(point, stretches, found)
        return Curvatures(found.negative, found.positive or found.hole)

    def _look(self, point: Point, stretches: Sequence[float], found: Met) -> None:
        """Second differences at one point."""
        self.price = 1 + sum(point.values[x].size for x in self.variables) // WIDE
        middle = self(point)
        for direction in self._directions(point, middle):
            for step in stretches:
                if self.left <= 0:
                    return
                step *= self._size(point)
                ends = [self(moved) if (moved := self._moved(point, direction, by)) is not None else np.nan
                        for by in (-step, step)]
                if not np.isfinite(ends).all():
                    continue
                if not np.isfinite(middle):
                    found.hole = True
                    continue
                bent = ends[0] - 2 * middle + ends[1]
                share = bent / max(abs(ends[0]) + 2 * abs(middle) + abs(ends[1]), 1e-300)
                score = -share * min(1.0, abs(bent) / step**2)
                if share < -1e-9 and score > found.score:
                    followed = self._followed(point, direction, step)
                    if followed is not None:
                        found.negative, found.score = followed, score
                elif share > 1e-9 and not found.positive:
                    found.positive = self._counts(point, direction, step, bent)
            if found.both and len(stretches) > 1:
                return

    def __call__(self, point: Point) -> float:
        """The loss at a point; NaN where there is none."""
        self.left -= self.price
        try:
            return float(self.value(point)[0])
        except DataError:
            return float("nan")

    # points and directions --------------------------------------------------------------------------------------

    def _drawn(self, draw: int) -> Point | None:
        rng = self.rng
        sizes = random_sizes([self.root, *self.variables], rng, LEASTS[draw % len(LEASTS)])
        style = ("normal", "grid", *STYLES)[draw % (2 + len(STYLES))]
        try:
            point = self.evaluator.draw(sizes, rng, style)
        except (ValueError, DataError):
            return None
        values = dict(point.values)
        if draw % 2:
            for node in values:
                if node.dtype == REAL and facts_of(node) <= {POSITIVE, NONNEGATIVE}:
                    values[node] = values[node] * 10.0 ** rng.uniform(-1, 1)
        return Point(sizes, values)

    def _size(self, point: Point) -> float:
        largest = max((float(np.abs(point.values[x]).max(initial=0.0)) for x in self.variables), default=0.0)
        return largest if largest > 0 else 1.0

    def _directions(self, point: Point, middle: float) -> Iterator[Directions]:
        """Coordinates, eigenvectors, and at random; each keeps the facts and has norm one."""
        width = sum(point.values[x].size for x in self.variables)
        if not width:
            return
        for i in self.rng.permutation(width)[:4] if width <= WIDE else ():
            alone = np.zeros(width)
            alone[i] = 1.0
            found = self._unit(point, alone)
            if found is not None:
                yield found
        if 1 < width <= WIDEST and np.isfinite(middle) and self.left > width**2:
            yield from self._eigenvectors(point, width)
        for _ in range(3):
            found = self._unit(point, self.rng.standard_normal(width))
            if found is not None:
                yield found

    def _eigenvectors(self, point: Point, width: int) -> Iterator[Directions]:
        step = SHORT * self._size(point)
        free = [d for d in (self._unit(point, row) for row in np.eye(width)) if d is not None]
        basis, _ = np.linalg.qr(np.array([self._flat(d) for d in free]).T) if free else (np.zeros((0, 0)), None)
        columns = [d for d in (self._unit(point, column) for column in basis.T) if d is not None]
        n = len(columns)
        h = np.zeros((n, n))
        for i, j in [*((i, i) for i in range(n)), *combinations(range(n), 2)]:
            both = self._flat(columns[i]) + (self._flat(columns[j]) if i != j else 0)
            h[i, j] = h[j, i] = self._bent(point, self._split(point, both), step)
        for i, j in combinations(range(n), 2):
            h[i, j] = h[j, i] = (h[i, j] - h[i, i] - h[j, j]) / 2
        if np.isfinite(h).all() and n:
            vectors = np.linalg.eigh(h)[1]
            for column in (vectors[:, 0], vectors[:, -1]):
                found = self._unit(point, sum(c * self._flat(d) for c, d in zip(column, columns, strict=True)))
                if found is not None:
                    yield found

    def _flat(self, direction: Directions) -> np.ndarray:
        return np.concatenate([np.ravel(direction[x]) for x in self.variables])

    def _split(self, point: Point, flat: np.ndarray) -> Directions:
        found, start = {}, 0
        for x in self.variables:
            value = point.values[x]
            found[x] = np.asarray(flat[start:start + value.size], float).reshape(value.shape)
            start += value.size
        return found

    def _unit(self, point: Point, flat: np.ndarray) -> Directions | None:
        """The part of a direction that keeps the facts, with norm one; None where nothing is left."""
        parts = {x: tangent(part, facts_of(x)) for x, part in self._split(point, np.asarray(flat, float)).items()}
        norm = float(np.sqrt(sum(float((part**2).sum()) for part in parts.values())))
        return {x: part / norm for x, part in parts.items()} if norm > 1e-8 else None

    def _moved(self, point: Point, direction: Directions, by: float) -> Point | None:
        """The point moved along a direction; None where it loses a declared fact."""
        values = dict(point.values)
        for x in self.variables:
            values[x] = values[x] + by * direction[x]
            if not _keeps(values[x], facts_of(x)):
                return None
        return Point(point.sizes, values)

    # what is found ------------------------------------------------------------------------------------------------

    def _bent(self, point: Point, direction: Directions, step: float) -> float:
        places = [self._moved(point, direction, by) for by in (-step, 0.0, step)]
        if any(p is None for p in places):
            return float("nan")
        left, middle, right = (self(p) for p in places if p is not None)
        return left - 2 * middle + right

    def _counts(self, point: Point, direction: Directions, step: float, bent: float) -> bool:
        """Is a second difference far beyond what disturbed operations change of it?"""
        places = [self._moved(point, direction, by) for by in (-step, 0.0, step)]
        if any(p is None for p in places):
            return False
        noise = 0.0
        for seed in range(SEEDS):
            self.left -= 3 * self.price
            try:
                left, middle, right = (float(self.rough(p, np.random.default_rng(seed))[0])
                                       for p in places if p is not None)
            except DataError:
                return False
            noise = max(noise, abs(left - 2 * middle + right - bent))
        return bool(np.isfinite(noise) and abs(bent) > NOISE * noise)

    def _followed(self, point: Point, direction: Directions, step: float) -> Bent | None:
        """From a stretch of negative curvature to where it comes from, by halves."""
        bent = self._bent(point, direction, step)
        if not self._counts(point, direction, step, bent):
            return None
        best = Bent(point, direction, bent / step**2, step, False)
        least = SHORT * self._size(point)
        while True:
            half = best.step / 2
            if half < SMALLEST * least:
                return self._no_pole(best)
            tries = []
            for by in (0.0, -half / 2, half / 2, -half, half):  # the quarters for kinks that lie between
                moved = self._moved(best.point, direction, by)
                if moved is not None:
                    tries.append((self._bent(moved, direction, half), moved))
            tries = [(value, p) for value, p in tries if np.isfinite(value)]
            if not tries:
                return None
            value, place = min(tries, key=lambda each: each[0])
            grows = value / half**2 < KINK * best.curvature
            counts = value < 0 and self._counts(place, direction, half, value)
            if not counts or (best.step <= least and not grows):
                return self._no_pole(best) if best.step <= 2 * least else None  # else a hole was jumped over
            best = Bent(place, direction, value / half**2, half, grows)


    def _no_pole(self, best: Bent) -> Bent | None:
        """None beside a pole, where the function bends upward within a shorter step."""
        step = best.step / 50
        bent = self._bent(best.point, best.direction, step)
        return None if best.kinked and bent > 0 and self._counts(best.point, best.direction, step, bent) else best


def tangent(part: np.ndarray, facts: frozenset[str]) -> np.ndarray:
    """The part of a direction along which declared facts stay."""
    if DIAGONAL in facts:
        part = part * np.eye(part.shape[-1])
    elif SYMMETRIC in facts or POSITIVE_DEFINITE in facts:
        part = (part + np.swapaxes(part, -1, -2)) / 2
    elif LOWER_TRIANGULAR in facts:
        part = np.tril(part)
    return part - part.mean(-1, keepdims=True) if SIMPLEX in facts else part


def _keeps(value: np.ndarray, facts: frozenset[str]) -> bool:
    if POSITIVE in facts and not (value > 0).all():
        return False
    if NONNEGATIVE in facts and not (value >= 0).all():
        return False
    return not (POSITIVE_DEFINITE in facts and np.linalg.eigvalsh(value).min(initial=np.inf) <= 0)

