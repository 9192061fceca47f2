"""Points worth something: within the domain of formulas, and on both sides of each of their conditions.

A formula may have no value at most points, and be wrong only where a condition holds that random points never meet.
Where a draw is outside the domain, one input after the other is drawn again, shifted and scaled as long as fewer entries
lack a value. A side of a condition that no draw met is looked for along lines that leave the points known so far, by
magnitudes; what lies between a point on one side and a point on the other is found by bisection, so that narrow windows
at a boundary are met as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from symgrad.computing.points import EQUALS, STYLES, Evaluator, Point, Rng
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.errors import DataError
from symgrad.graphs.facts import NONNEGATIVE, POSITIVE, SIMPLEX, facts_of
from symgrad.graphs.node import BOOLEAN, REAL, Node, depends, topological

TRIES = 240  # moves toward the domain
SHIFTS = (1.0, 10.0, 100.0, 1e3, 1e4, 1e6, 1e8)
SPOTS = (1.0, 0.3, 0.1, 1e-2, 1e-3, 1e-4, 1e-6)  # distances from a boundary, of the way between two points
HALVINGS = 40
CROSSINGS = 12  # ways over a boundary, since not every one leads to where the formulas have a value
MOST, FEWEST, WORK = 6000, 150, 600_000  # how often conditions are computed: less often where a formula is long
WINDOWS = 6  # boundaries whose neighbourhood is looked at
SIGNS = frozenset({POSITIVE, NONNEGATIVE})  # facts that a change of the size of a value keeps
CLIPPED = ("relu", "abs", "sign", "leaky_relu", "elu")
CHOSEN = ("maximum", "minimum")
ORDERED = ("less", "less_equal", "greater", "greater_equal")


def conditions(nodes: Sequence[Node]) -> list[Node]:
    """What decides between two formulas, as truth values: comparisons, signs, and which of two is larger.

    Not the tie of two values that are compared with < or > as well: a set without volume, where a derivative is a
    convention.
    """
    below = topological(nodes)
    live = depends(nodes, {n for n in below if n.op is ops.INPUT})
    found: dict[Node, None] = {}
    compared = set()
    for node in below:
        if node.op is not ops.ELEMENTWISE or node not in live:
            continue
        row, operands = node.attrs[0], node.operands
        if node.dtype == BOOLEAN and row not in EQUALS:
            found[node] = None
        elif row in CLIPPED and operands[0].dtype != BOOLEAN:
            found[elementwise("greater", [operands[0], literal(0, operands[0].shape)])] = None
        elif row in CHOSEN:
            found[elementwise("greater", list(operands))] = None
        elif row == "clip":
            found.update((elementwise("greater", [operands[0], bound]), None) for bound in operands[1:])
        if row in ORDERED or row in CHOSEN:
            compared.add(frozenset(operands))
    for node in below:
        if node.op is ops.ELEMENTWISE and node in live and node.attrs[0] in EQUALS:
            tie = any(_seen_through(o).op in (ops.MAX, ops.MIN) for o in node.operands)
            if frozenset(node.operands) not in compared and not tie:
                found[node] = None
    return [node for node in found if node.op is ops.ELEMENTWISE]


def _seen_through(node: Node) -> Node:
    while node.op is ops.VIEW and node.operands:
        node = node.operands[0]
    return node


class Search:
    """Looks for points of the formulas `nodes`."""

    def __init__(self, evaluator: Evaluator, nodes: Sequence[Node], rng: Rng) -> None:
        self.evaluator, self.rng = evaluator, rng
        self.conditions = conditions(nodes)
        self._decide = evaluator.compile(self.conditions) if self.conditions else None
        self._nodes = nodes
        self._probe: Probe | None = None
        self.met: set[tuple[int, bool]] = set()
        self.left = min(MOST, max(FEWEST, WORK // (1 + len(topological(nodes)))))  # values of conditions
        self.known: list[tuple[Point, list[np.ndarray]]] = []

    def settled(self, point: Point) -> Point | None:
        """A point like `point` where the formulas have a value; None where none was found."""
        if self._probe is None:
            self._probe = Probe(self.evaluator, self._nodes)
        bad = self._probe(point)
        free = [n for n in self.evaluator.inputs if n.dtype == REAL]
        for _ in range(TRIES if free else 0):
            if bad == 0:
                return point
            moved = self._moved(point, free[self.rng.integers(len(free))])
            worse = self._probe(moved)
            if worse <= bad:
                point, bad = moved, worse
        return point if bad == 0 else None

    def _moved(self, point: Point, node: Node) -> Point:
        """The point with one input in another place."""
        rng, value = self.rng, point.values[node]
        fresh = np.asarray(self.evaluator.value(node, point.sizes, rng, STYLES[rng.integers(len(STYLES))]))
        facts = facts_of(node)
        way = rng.integers(4) if not facts else rng.choice([0, 2]) if SIMPLEX not in facts else 0
        if way == 1:
            fresh = np.where(rng.random(fresh.shape) < 0.3, fresh, value)
        elif way == 2:
            fresh = value * 10.0 ** rng.integers(-4, 4)
        elif way == 3:
            fresh = value + rng.choice([-1, 1]) * 10.0 ** rng.uniform(-1, 3)
        return Point(point.sizes, {**point.values, node: fresh})

    def would(self, point: Point) -> bool:
        """Does a point meet a side that is missing?"""
        values = self._decided(point)
        return values is not None and any(np.any((values[i] != 0) == side) for i, side in self.missing)

    def add(self, point: Point) -> bool:
        """Remember what a point meets; does it meet a side that none before it met?"""
        values = self._decided(point)
        if values is None:
            return False
        new = {(i, side) for i, value in enumerate(values) for side in (False, True) if np.any((value != 0) == side)}
        fresh = bool(new - self.met)
        self.met |= new
        if fresh or len(self.known) < 4:
            self.known.append((point, values))
        return fresh

    def _decided(self, point: Point) -> list[np.ndarray] | None:
        self.left -= 1
        try:
            return self._decide(point) if self._decide is not None else []
        except DataError:
            return None

    @property
    def missing(self) -> list[tuple[int, bool]]:
        """Conditions and their sides that no point met."""
        return [(i, side) for i in range(len(self.conditions)) for side in (True, False) if (i, side) not in self.met]

    def candidates(self) -> Iterator[Point]:
        """Points that meet what is missing; whoever uses one adds it."""
        for i, side in self.missing:
            if self.left <= 0:
                return
            yield from self._across(i, side)
        if self.missing:
            yield from self._windows()

    def _across(self, i: int, side: bool) -> Iterator[Point]:
        """From a known point outward until condition `i` has the side somewhere, then back to the boundary."""
        for start, _ in self.known[:2]:
            crossed = 0
            for far in self._outward(start, self.conditions[i].attrs[0] in EQUALS):
                if self.left <= 0:
                    return
                values = self._decided(far)
                if values is None or not np.any((values[i] != 0) == side):
                    continue
                low, high = 0.0, 1.0
                for _ in range(HALVINGS):
                    middle = (low + high) / 2
                    values = self._decided(between(start, far, middle))
                    if values is not None and np.any((values[i] != 0) == side):
                        high = middle
                    else:
                        low = middle
                for spot in SPOTS:
                    yield between(start, far, min(1.0, high + spot * (high if high < 0.5 else 1 - high)))
                    if (i, side) in self.met:
                        return
                yield far
                crossed += 1
                if (i, side) in self.met or crossed >= CROSSINGS:
                    break

    def _outward(self, start: Point, equal: bool) -> Iterator[Point]:
        """Other draws, then all inputs, and each alone, shifted and scaled by growing amounts; whole numbers, and those
        that a formula names, only where something is to be `equal`: they meet kinks."""
        for style in ("grid", *STYLES) if equal else STYLES:
            yield self.evaluator.draw(start.sizes, self.rng, style)
        free = [n for n in self.evaluator.inputs if n.dtype == REAL and facts_of(n) <= SIGNS
                and n not in self.evaluator.definite]
        for value in self.evaluator.exact if equal else ():  # exact equality with a number: a mask in the data
            for n in free:
                hit = np.where(self.rng.random(np.shape(start.values[n])) < 0.5, value, start.values[n])
                yield Point(start.sizes, {**start.values, n: hit})
        for amount in SHIFTS:
            for chosen in [free, *([n] for n in free if len(free) > 1)]:
                for sign in (1, -1):
                    moved = {n: start.values[n] + sign * amount for n in chosen}
                    scaled = {n: start.values[n] * (1 + amount) * sign for n in chosen}
                    for new in (moved, scaled, {n: v / (1 + amount) ** 2 for n, v in scaled.items()}):
                        legal = {n: np.abs(v) if NONNEGATIVE in facts_of(n) else v for n, v in new.items()}
                        yield Point(start.sizes, {**start.values, **legal})

    def _windows(self) -> Iterator[Point]:
        """Points near the boundaries of all conditions that have both sides: a narrow window lies at one."""
        looked = 0
        for i in range(len(self.conditions)):
            ends = self._ends(i)
            if ends is None or looked >= WINDOWS:
                continue
            looked += 1
            (yes, no), entry = ends
            low, high = 0.0, 1.0
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                values = self._decided(between(yes, no, middle))
                if values is not None and values[i].reshape(-1)[entry]:
                    low = middle
                else:
                    high = middle
            for spot in SPOTS:
                yield between(yes, no, low * (1 - spot))
                yield between(yes, no, high + (1 - high) * spot)

    def _ends(self, i: int) -> tuple[tuple[Point, Point], int] | None:
        """Two points of the same sizes and an entry at which condition `i` is true at the first, false at the other."""
        for yes, a in self.known:
            for no, b in self.known:
                if yes.sizes == no.sizes:
                    differ = np.flatnonzero((a[i] != 0) & (b[i] == 0))
                    if len(differ):
                        return (yes, no), int(differ[0])
        return None


def between(one: Point, other: Point, t: float) -> Point:
    """The point at `t` on the line from one point (0) to another (1); what is no real number as at the nearer end."""
    values = {}
    for node, a in one.values.items():
        b = other.values[node]
        if node.dtype == REAL and facts_of(node) <= SIGNS:
            values[node] = a + t * (np.asarray(b) - a) if t < 1 else b
        else:
            values[node] = a if t < 0.5 else b
    return Point(one.sizes, values)


class Probe:
    """How many entries of the operations below `nodes` lack a finite value that their operands do not lack."""

    def __init__(self, evaluator: Evaluator, nodes: Sequence[Node]) -> None:
        below = topological(nodes)
        live = depends(nodes, {n for n in below if n.op is ops.INPUT})
        self.watched = [n for n in below if n.dtype == REAL and n in live and n.op not in ops.MARKS]
        self.place = {n: i for i, n in enumerate(self.watched)}
        self.roots = len(nodes)
        self.compiled = evaluator.compile([*nodes, *self.watched])

    def __call__(self, point: Point) -> float:
        try:
            values = self.compiled(point)
        except DataError:
            return np.inf
        if all(np.all(np.isfinite(value)) for value in values[:self.roots]):
            return 0  # what has no value below is selected away
        bad, values = 0, values[self.roots:]
        for node, value in zip(self.watched, values, strict=True):
            lost = ~np.isfinite(value)
            if not node.operands or not lost.any():
                continue
            for operand in node.operands:
                place = self.place.get(operand)
                if place is not None:
                    gone = ~np.isfinite(values[place])
                    lost = lost & ~gone if gone.shape == lost.shape else lost & ~gone.any()
                elif operand.dtype == REAL and literal_infinite(operand):
                    lost = np.zeros_like(lost)
            bad += int(lost.sum())
        return bad


def literal_infinite(node: Node) -> bool:
    """Is it a number that the user wrote as infinity, as masks have it?"""
    return any(n.op is ops.ADD and any(not np.isfinite(float(by.number)) for by in n.attrs[0]) for n in topological([node]))
