"""A long picture in rows, as text wraps: it fits a slide, and its letters stay as large as they are.

Graphviz lays a picture out along one line. Here it is cut between columns, the stretches stand below each other, and an
arrow that is cut goes on from the end of one row to the beginning of the next, as a reader's eye does. The lanes of such
arrows are nested, so that they never cross: the topmost goes round the others. A picture that runs downwards is turned,
wrapped, and turned back, so its rows are columns.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.drawing.pictures.picture import Picture, text_size
from symgrad.drawing.pictures.placing import PlacedArrow, Placement, Position, Rectangle, sampled

SLIDE = 16 / 9          # the aspect of what wraps because it is long
LANE, EASE, CORNER = 9.0, 14.0, 7.0     # between lanes; from a row to its first lane; the radius of a corner
BETWEEN, CLEAR = 22.0, 10.0         # between rows, beside their lanes; between columns that may be parted
TEXTS = 14.0                        # room above and below a row for texts on its arrows
BELOW = 44.0                        # legend and margins, which a reader counts as part of the picture
MOST = 120                          # widths that are tried
RAGGED, FULL = 2.0, 0.5             # what a row costs that is shorter than this part of the longest, as a loss alone
CROSSED = 0.06                      # what a cut arrow costs, in units of the logarithm of an aspect

Move = Callable[[Position], Position]
TURNS: dict[str, tuple[Move, Move, bool]] = {   # to a picture that runs to the right, and back; are sides exchanged?
    "LR": (lambda p: p, lambda p: p, False),
    "RL": (lambda p: (-p[0], p[1]), lambda p: (-p[0], p[1]), False),
    "TB": (lambda p: (p[1], p[0]), lambda p: (p[1], p[0]), True),
    "BT": (lambda p: (-p[1], p[0]), lambda p: (p[1], -p[0]), True),
}


def extent(found: Placement) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of all that is placed."""
    frames = [*(r for _, r in found.boxes), *(r for _, r, _ in found.clusters)]
    frames += [Rectangle(*a.label, *text_size(a.arrow)) for a in found.arrows if a.label is not None]
    points = [(float(x), float(y)) for arrow in found.arrows for x, y in sampled(arrow.curve)]
    xs = [x for r in frames for x in (r.x - r.width / 2, r.x + r.width / 2)] + [x for x, _ in points]
    ys = [y for r in frames for y in (r.y - r.height / 2, r.y + r.height / 2)] + [y for _, y in points]
    return (min(xs), min(ys), max(xs), max(ys)) if xs else (0.0, 0.0, 0.0, 0.0)


def in_rows(found: Placement, picture: Picture) -> Placement:
    """The picture in as many rows as come nearest to its `aspect`; what cannot be cut stays in one."""
    if picture.aspect is None and math.isinf(picture.longest):
        return found
    there, back, turned = TURNS[picture.direction]
    flat = found.moved(there, turned)
    left, _, right, _ = extent(flat)
    if picture.aspect is None and right - left <= picture.longest:
        return found
    wanted = SLIDE if picture.aspect is None else picture.aspect
    columns = _columns(flat)
    cuts = min(_candidates(columns), key=lambda cuts: _badness(columns, cuts, wanted, turned))
    return _wrapped(flat, columns, cuts).moved(back, turned) if cuts else found


@dataclass(frozen=True)
class _Columns:
    """What stands side by side: `edges` has the two ends and the places between, where the picture may be cut, `spans`
    the heights of each column, `crossing` the number of arrows over each edge."""

    edges: list[float]
    spans: list[tuple[float, float]]
    crossing: list[int]

    def span(self, first: int, last: int) -> tuple[float, float]:
        """Top and bottom of the columns from `first` up to `last`, with room for texts."""
        spans = self.spans[first:last]
        return min(a for a, _ in spans) - TEXTS, max(b for _, b in spans) + TEXTS


def _columns(flat: Placement) -> _Columns:
    frames = [*(r for _, r in flat.boxes), *(r for _, r, _ in flat.clusters)]
    left, _, right, _ = extent(flat)
    edges, reach = [left], -math.inf
    for r in sorted(frames, key=lambda r: r.x - r.width / 2):
        if reach > -math.inf and r.x - r.width / 2 - reach > CLEAR:
            edges.append((reach + r.x - r.width / 2) / 2)
        reach = max(reach, r.x + r.width / 2)
    edges.append(right)
    spans = [[math.inf, -math.inf] for _ in edges[1:]]

    def take(x: float, top: float, bottom: float) -> None:
        span = spans[min(max(bisect(edges, x) - 1, 0), len(spans) - 1)]
        span[:] = min(span[0], top), max(span[1], bottom)

    for r in frames:
        take(r.x, r.y - r.height / 2, r.y + r.height / 2)
    crossing = [0] * len(edges)
    for arrow in flat.arrows:
        points = sampled(arrow.curve)
        for x, y in points:
            take(float(x), float(y), float(y))
        for i, edge in enumerate(edges):
            crossing[i] += int((np.diff(np.sign(points[:, 0] - edge)) != 0).sum())
    return _Columns(edges, [(a, b) if a < b else (0.0, 0.0) for a, b in spans], crossing)


def _candidates(columns: _Columns) -> Iterator[tuple[int, ...]]:
    """Ways to cut: none, and for each of many widths the one that fills rows up to it."""
    yield ()
    edges, last = columns.edges, len(columns.edges) - 1
    widths = sorted({b - a for i, a in enumerate(edges) for b in edges[i + 1:]})
    seen: set[tuple[int, ...]] = {()}
    for width in widths[::max(1, len(widths) // MOST)]:
        cuts: list[int] = []
        start = 0
        while edges[last] - edges[start] > width + 1e-9:
            fits = [i for i in range(start + 1, last) if edges[i] - edges[start] <= width + 1e-9] or [start + 1]
            near = [i for i in fits if edges[i] - edges[start] >= 0.7 * (edges[fits[-1]] - edges[start])]
            start = min(near, key=lambda i: (columns.crossing[i], -i))
            if start >= last:
                break
            cuts.append(start)
        if tuple(cuts) not in seen:
            seen.add(tuple(cuts))
            yield tuple(cuts)


def _badness(columns: _Columns, cuts: Sequence[int], wanted: float, turned: bool) -> float:
    """How far the aspect is from the wanted one, more for a short row, and a little for each arrow that is cut."""
    ends = [0, *cuts, len(columns.edges) - 1]
    rows = list(zip(ends, ends[1:]))
    lanes = [columns.crossing[i] for i in cuts]
    width = max(columns.edges[b] - columns.edges[a] for a, b in rows)
    width += 2 * (EASE + LANE * max(lanes)) if cuts else 0.0
    height = sum(bottom - top for top, bottom in (columns.span(a, b) for a, b in rows))
    height += sum(_between(k) for k in lanes)
    x, y = (height, width + BELOW) if turned else (width, height + BELOW)
    if math.isinf(wanted):
        return -x / y
    shortest = min(columns.edges[b] - columns.edges[a] for a, b in rows) / width
    return abs(math.log(x / y / wanted)) + CROSSED * sum(lanes) + RAGGED * max(FULL - shortest, 0.0)


def _between(lanes: int) -> float:
    """The room between two rows."""
    return BETWEEN + LANE * max(lanes - 1, 0)


def _wrapped(flat: Placement, columns: _Columns, cuts: Sequence[int]) -> Placement:
    """Cut at `cuts`: stretches below each other, arrows led from one to the next."""
    places = [columns.edges[i] for i in cuts]
    ends = [0, *cuts, len(columns.edges) - 1]
    pieces = [_level(_split(arrow.curve, places)) for arrow in flat.arrows]
    crossings: list[list[tuple[float, int, int]]] = [[] for _ in cuts]
    for number, parts in enumerate(pieces):
        for order, ((before, part), (after, _)) in enumerate(zip(parts, parts[1:])):
            crossings[min(before, after)].append((part[-1][1], number, order))
    for found in crossings:
        found.sort()
    lane = {(number, order): (k, len(found)) for found in crossings for k, (_, number, order) in enumerate(found)}
    shifts, gaps, down = [], [], 0.0
    for row, (first, last) in enumerate(zip(ends, ends[1:])):
        top, bottom = columns.span(first, last)
        shifts.append((-columns.edges[first], down - top))
        down += bottom - top
        gaps.append(down + BETWEEN / 2)
        down += _between(len(crossings[row])) if row < len(cuts) else 0.0

    def row_of(x: float) -> int:
        return bisect(places, x)

    def moved(p: Position) -> Position:
        return _plus(p, shifts[row_of(p[0])])

    def frame(r: Rectangle) -> Rectangle:
        return Rectangle(*moved((r.x, r.y)), r.width, r.height)

    arrows = []
    for number, (arrow, parts) in enumerate(zip(flat.arrows, pieces, strict=True)):
        curve: list[Position] = []
        for order, (row, part) in enumerate(parts):
            here = [_plus(p, shifts[row]) for p in part]
            if curve:
                before = parts[order - 1][0]
                k, of = lane[number, order - 1]
                if before < row:
                    curve += _led(curve[-1], here[0], gaps[before], k, of)[1:]
                else:
                    curve += _led(here[0], curve[-1], gaps[row], k, of)[::-1][1:]
            curve += here[1:] if curve else here
        arrows.append(PlacedArrow(arrow.arrow, tuple(curve), _head(arrow.point, moved),
                                  None if arrow.label is None else moved(arrow.label)))
    return Placement([(box, frame(r)) for box, r in flat.boxes], arrows,
                     [(cluster, frame(r), _plus(title, shifts[row_of(r.x)])) for cluster, r, title in flat.clusters])


def _head(point: Sequence[Position], moved: Move) -> tuple[Position, ...]:
    """An arrowhead, moved as a whole."""
    if not point:
        return ()
    (x, y), (a, b) = point[0], moved(point[0])
    return tuple(_plus(p, (a - x, b - y)) for p in point)


def _split(curve: Sequence[Position], places: Sequence[float]) -> list[tuple[int, list[Position]]]:
    """A Bezier curve cut where it crosses one of `places`: pieces, each with the number of its row."""
    found: list[tuple[int, list[Position]]] = []
    for start in range(0, len(curve) - 1, 3):
        rest, done = [np.array(p, float) for p in curve[start:start + 4]], 0.0
        xs = [p[0] for p in rest]
        cubic = [-xs[0] + 3 * xs[1] - 3 * xs[2] + xs[3], 3 * xs[0] - 6 * xs[1] + 3 * xs[2], 3 * (xs[1] - xs[0]), xs[0]]
        times = sorted(float(t.real) for place in places for t in np.roots([*cubic[:3], cubic[3] - place])
                       if abs(t.imag) < 1e-9 and 1e-6 < t.real < 1 - 1e-6)
        for t in times:
            first, rest = _halves(rest, (t - done) / (1 - done))
            done = t
            _join(found, first, places)
        _join(found, rest, places)
    return found


def _join(found: list[tuple[int, list[Position]]], piece: Sequence[np.ndarray], places: Sequence[float]) -> None:
    """A piece after those before it, in the row where its middle is."""
    middle = (piece[0] + 3 * piece[1] + 3 * piece[2] + piece[3]) / 8
    row, points = bisect(places, float(middle[0])), [(float(p[0]), float(p[1])) for p in piece]
    if found and found[-1][0] == row:
        found[-1][1].extend(points[1:])
    else:
        found.append((row, points))


def _level(pieces: list[tuple[int, list[Position]]]) -> list[tuple[int, list[Position]]]:
    """The pieces of a curve, level where it was cut."""
    for (_, before), (_, after) in zip(pieces, pieces[1:]):
        before[-2] = _beside(before[-1], before[-4])
        after[1] = _beside(after[0], after[3])
    return pieces


def _beside(p: Position, far: Position) -> Position:
    """The control point of a curve that is level in `p`, and comes from `far`."""
    return p[0] + math.copysign(max(abs(far[0] - p[0]) / 2, EASE / 2), far[0] - p[0]), p[1]


def _halves(p: Sequence[np.ndarray], t: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """De Casteljau: the two parts of a cubic."""
    a, b, c = ((1 - t) * p[i] + t * p[i + 1] for i in range(3))
    d, e = (1 - t) * a + t * b, (1 - t) * b + t * c
    middle = (1 - t) * d + t * e
    return [p[0], a, d, middle], [middle, e, c, p[3]]


def _led(end: Position, start: Position, gap: float, k: int, of: int) -> list[Position]:
    """From the `end` of a row to the `start` of the next, in lane `k` of `of`."""
    out, into, level = end[0] + EASE + LANE * (of - 1 - k), start[0] - EASE - LANE * k, gap + LANE * (of - 1 - k)
    corners = [end, (out, end[1]), (out, level), (into, level), (into, start[1]), start]
    path = [end]
    for a, b, c in zip(corners, corners[1:], corners[2:]):
        radius = min(CORNER, math.dist(a, b) / 2, math.dist(b, c) / 2)
        _straight(path, _towards(b, a, radius))
        path += [_towards(b, a, 0.45 * radius), _towards(b, c, 0.45 * radius), _towards(b, c, radius)]
    _straight(path, start)
    return path


def _straight(path: list[Position], end: Position) -> None:
    a = path[-1]
    path += [_towards(a, end, math.dist(a, end) / 3), _towards(end, a, math.dist(a, end) / 3), end]


def _towards(a: Position, b: Position, length: float) -> Position:
    far = math.dist(a, b) or 1.0
    return a[0] + (b[0] - a[0]) / far * length, a[1] + (b[1] - a[1]) / far * length


def _plus(p: Position, shift: Position) -> Position:
    return p[0] + shift[0], p[1] + shift[1]
