"""Two formulas at the same random points: are they equal there, and is one a multiple of another?

In float64, at several points of random unequal sizes, drawn with a seed of their own: wide and narrow ones, small and
large values, and both sides of every condition of either formula (`computing/search.py`). Two values agree where they
differ by less than TOLERANCE of the terms they are sums of: a cancellation does not make a difference, a thousandth of
one entry does. A value that rounding alone moves is no evidence, nor is an entry that one side lacks (NaN, overflow):
formulas that agree wherever both have a value agree. Infinities of moderate values, as masks have them, are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import sympy as sp

from symgrad.computing.points import STYLES, Evaluator, Point, number, random_sizes
from symgrad.computing.search import Search
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.pieces.terms import levels
from symgrad.verifying.ratios import Ratio, recover

TOLERANCE = 5e-8
ROUNDING = 1e-11  # of the largest entry
TERMS = 24  # of each side, from which the magnitude of an entry is known
LEASTS = (2, 4, 9)  # smallest size: slices and windows may need longer axes
MANY = 10**6  # entries of the inputs beyond which a few points are enough
ENOUGH = 2  # points at which an equality is seen
MORE = 60  # points tried for the missing sides of conditions
NOISE = 1e-2  # of what blurring by 1e-12 moves, the most that rounding itself does
VAGUE = 1e-4  # moved by so much of its size, a value is no evidence
MAGNITUDES = (1e3, 1e-3, -1e3)
Values = list[np.ndarray]  # one for each point


@dataclass(frozen=True)
class Sight:
    """Both sides at one point: what is compared there, and how far from each other they may be."""

    point: Point
    claim: np.ndarray
    right: np.ndarray
    magnitude: np.ndarray
    noise: np.ndarray
    seen: np.ndarray  # entries that are evidence
    agree: bool


class Trial:
    """The values of a claim and of the right formula; of other nodes at the same points.

    Raises SymgradError where the right formula has no finite value at any point.
    """

    def __init__(self, claim: Node, right: Node, seed: int = 0) -> None:
        self.nodes = (claim, right)
        self.evaluator = Evaluator([right, claim])
        self.rng = np.random.default_rng(seed)
        self._last: dict[sp.Symbol, int] = {}
        parts = [term for node in self.nodes for _, new in levels(node, TERMS) for term in new]
        self.compiled = self.evaluator.compile([claim, right, *parts])
        self._blurred = self.evaluator.compile_blurred([claim, right])
        self.search = Search(self.evaluator, [right, claim], self.rng)
        self.sights: list[Sight] = []
        self._vague: list[Sight] = []  # where nothing can be seen
        count = self._count()
        self._ordinary(count)
        same = all(sight.agree for sight in self.sights)  # else the difference is told from ordinary points
        if same and self.evaluator.inputs and claim.shape == right.shape and self._entries() <= MANY:
            self._both_sides()
            self._magnitudes()
        if not self.sights:
            self.sights, self._undecided = self._vague, True
        else:
            self._undecided = False

    @property
    def points(self) -> list[Point]:
        """The points of evidence."""
        return [sight.point for sight in self.sights]

    @property
    def claim(self) -> Values:
        """The claim at the points."""
        return [sight.claim for sight in self.sights]

    @property
    def right(self) -> Values:
        """The right formula at the points."""
        return [sight.right for sight in self.sights]

    @property
    def magnitude(self) -> Values:
        """The size of the terms that both sides are sums of."""
        return [sight.magnitude for sight in self.sights]

    def _ordinary(self, count: int) -> None:
        """Points of standard values in sizes drawn one way and then the other, until enough of them are evidence."""
        way = (LEASTS[0], STYLES[0])
        for turn in range(3 * count):
            if len(self.sights) >= count:
                return
            point, values, way = self._draw(way, turned=turn % 2 == 1)
            self._look(point, values)
            if not self.evaluator.inputs and turn + 1 >= count:
                return

    def _both_sides(self) -> None:
        """Points on the sides of conditions that were not met yet."""
        tried = 0
        for point in self.search.candidates():
            tried += 1
            if tried > MORE * (1 + len(self.search.conditions)):
                return
            self._try(point, wanted=True)

    def _magnitudes(self) -> None:
        """The same formulas at small and at large values."""
        for scale in MAGNITUDES:
            point = self.evaluator.draw(self._sizes(LEASTS[0] + 1), self.rng, "positive" if scale > 0 else "normal")
            values = {n: v * abs(scale) if n.dtype == REAL and not n.attrs[0].facts else v
                      for n, v in point.values.items()}
            self._try(Point(point.sizes, values), extreme=True)

    def _try(self, point: Point, wanted: bool = False, extreme: bool = False) -> None:
        """Look at a point; `wanted`: only where it meets a side that was not met."""
        if wanted and not self.search.would(point):
            return
        try:
            values = self.compiled(point)
        except DataError:
            return
        self._look(point, values, extreme or wanted)

    def _look(self, point: Point, values: Values, extreme: bool = False) -> None:
        mine, true, *rest = values
        if mine.shape != true.shape:
            self.sights.append(Sight(point, mine, true, np.abs(true), np.zeros(true.shape), np.isfinite(true), False))
            return
        with np.errstate(all="ignore"):
            magnitude = sum((np.abs(part) for part in rest if part.shape == true.shape), np.abs(true) + np.abs(mine))
            noise = self._noise(point, mine, true)
            finite = np.isfinite(mine) & np.isfinite(true)
            scale = np.maximum(np.abs(mine), np.abs(true))
            clear = finite & (noise <= VAGUE * scale + ROUNDING * _largest(scale))
            allowed = TOLERANCE * magnitude + ROUNDING * _largest(magnitude) + NOISE * noise
            apart = clear & ~(np.abs(mine - true) <= allowed)
            infinite = ~(np.isnan(mine) | np.isnan(true)) & ~finite & (not extreme)
            infinite &= noise <= VAGUE * np.minimum(np.abs(mine), np.abs(true))
            apart |= infinite & ((mine > true) | (mine < true))
            seen = clear | infinite
        sight = Sight(point, mine, true, magnitude, noise, seen, not apart.any())
        if not seen.any() and true.size:
            self._vague.append(sight)
            return
        self.search.add(point)
        if not extreme or not sight.agree or len(self.sights) < ENOUGH:
            self.sights.append(sight)

    def _noise(self, point: Point, mine: np.ndarray, true: np.ndarray) -> np.ndarray:
        """How far blurred inputs and operations move either value."""
        noise = np.zeros(true.shape)
        for _ in range(2):
            try:
                moved = self._blurred(point, self.rng)
            except DataError:
                return np.full(true.shape, np.inf)
            for was, now in zip((mine, true), moved, strict=True):
                gap = np.where(was == now, 0.0, np.abs(now - was))
                noise = np.maximum(noise, np.where(np.isnan(gap), np.inf, gap))
        return noise

    def _count(self) -> int:
        """Enough to find powers of sizes, and of sizes less one, with some to spare."""
        return 3 if self._entries() > MANY else 4 + 2 * min(len(self.evaluator.sizes), 6)

    def _entries(self) -> int:
        sizes = dict.fromkeys(self.evaluator.sizes, 4)
        return sum(prod(number(s, sizes) for s in node.shape) for node in self.evaluator.inputs)

    def _draw(self, first: tuple[int, str], turned: bool = False) -> tuple[Point, Values, tuple[int, str]]:
        """A point where both sides are finite; failing that, one where the right side is."""
        spare: tuple[Point, Values, tuple[int, str]] | None = None
        best = 0.0
        problem: DataError | None = None
        for way in [first, *((least, style) for least in LEASTS for style in STYLES)]:
            least, style = way
            point = self.evaluator.draw(self._sizes(least, turned), self.rng, style)
            try:
                values = self.compiled(point)
            except DataError as error:
                problem = error
                continue
            mine, true = (np.isfinite(v) for v in values[:2])
            if mine.all() and true.all():
                return point, values, way
            both = float(np.mean(mine & true)) if mine.shape == true.shape else 0.0
            worth = both + float(np.mean(true)) if true.any() else 0.0  # where a mask is infinite, other entries tell
            if worth > best:
                spare, best = (point, values, way), worth
            if spare is not None and self.sights:
                break
        if best < 2 and not self.sights:
            settled = self.search.settled(self.evaluator.draw(self._sizes(LEASTS[0], turned), self.rng, STYLES[0]))
            if settled is not None:
                return settled, self.compiled(settled), first
        if spare is not None:
            return spare
        if problem is not None:
            raise SymgradError(f"verify: the formulas have no value at the random points: {problem}") from None
        raise SymgradError("verify: the right formula has no finite value at any of the random points")

    def _sizes(self, least: int, turned: bool = False) -> dict[sp.Symbol, int]:
        """Unequal sizes; `turned`: in the opposite order of those drawn before."""
        if turned and len(self._last) > 1:
            sizes = sorted(self._last.values())
            ranks = {s: sizes.index(n) for s, n in self._last.items()}
            return {s: least + 1 + sizes[len(sizes) - 1 - r] - sizes[0] for s, r in ranks.items()}
        self._last = random_sizes(self.nodes, self.rng, least)
        return self._last

    def equal(self) -> bool:
        """Are claim and right formula equal, of one shape? Raises SymgradError where no point tells."""
        if any(not sight.agree for sight in self.sights) and not self._undecided:
            return False
        lacking = [s for s in self._vague if np.isfinite(s.right).all() and not np.isfinite(s.claim).any()]
        if self._undecided and len(lacking) == len(self._vague):
            return False
        if self._undecided or (len(self.sights) < ENOUGH and self.evaluator.inputs):
            told = 0 if self._undecided else len(self.sights)
            raise SymgradError(f"verify: could not decide: {told} of {told + len(self._vague)} random points tell; at "
                               "the others rounding alone moves the values, as a singular matrix or a difference of "
                               "large numbers does, or one formula has no value")
        return True

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
        found: list[tuple[float, bool, Mapping[sp.Symbol, int]]] = []  # c, is it of rounding alone, sizes
        for point, sight, t, b, by in zip(self.points, self.sights, target, basis, magnitude or target, strict=True):
            if t.shape != b.shape:
                return None
            whole = b, by
            if t.shape == sight.seen.shape:
                t, b, by = (np.where(sight.seen & np.isfinite(sight.magnitude), v, 0.0) for v in (t, b, by))
            if not np.all(np.isfinite(b)) or not np.all(np.isfinite(t)):
                return None
            if not b.any() and not t.any():
                continue  # 0 = c 0, as where no unit is active, says nothing
            with np.errstate(all="ignore"):
                norm = float(np.sum(b * b))
                c = float(np.sum(t * b)) / norm if norm else np.nan
            if not np.isfinite(c) or not _close(t - c * b, np.abs(by) + np.abs(t) + np.abs(c * b)):
                return None
            found.append((c, _close(c * whole[0], whole[1] + np.abs(whole[0])), point.sizes))
        if all(rounding for _, rounding, _ in found) or (len(found) < 2 <= len(self.points) and self.points[0].sizes):
            return None  # nothing but rounding, or one point alone where sizes may take part
        return recover([c for c, _, _ in found], [sizes for *_, sizes in found])

    def differences(self) -> Values:
        """Claim less right formula."""
        with np.errstate(all="ignore"):
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


def _largest(values: np.ndarray) -> float:
    return float(np.max(values, initial=0.0, where=np.isfinite(values)))


def _close(difference: np.ndarray, magnitude: np.ndarray) -> bool:
    largest = float(np.max(magnitude, initial=0.0))  # a product may have cancelled within itself
    return bool(np.all(np.abs(difference) <= TOLERANCE * magnitude + ROUNDING * largest))

