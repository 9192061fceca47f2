"""Texts of a laid-out picture where they cover nothing: shapes on arrows, titles of clusters, the legend.

Graphviz leaves room for a text on an arrow, but puts it on other lines, or on its own. So each text tries
places along its arrow, on both sides, and takes the best: free of boxes and of other texts first, then of
lines, then near the middle. The same for both builds of graphviz, with the widths of the real font.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from symgrad.drawing.pictures.palette import LEGEND, LEGEND_SIZE
from symgrad.drawing.pictures.picture import Arrow, Cluster, DrawnBox, Picture, text_size
from symgrad.drawing.pictures.typeset import LINE, text_width

Position = tuple[float, float]
GAP = 2.5                               # between a text and the line that it belongs to
SAMPLES = 16                            # points looked at of each part of a curve
PLACES = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)
SWATCH, BETWEEN = (24.0, 13.0), 18.0    # of the legend: a sample, the gap to the next entry


@dataclass(frozen=True)
class Rectangle:
    """A rectangle by its centre and size."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Rectangle, gap: float = 0.0) -> bool:
        """Whether two rectangles share more than an edge, or come nearer than `gap`."""
        return (2 * abs(self.x - other.x) < self.width + other.width + 2 * gap - 1e-6
                and 2 * abs(self.y - other.y) < self.height + other.height + 2 * gap - 1e-6)


@dataclass(frozen=True)
class Entry:
    """An entry of the legend: a sample (a kind of box, "forward", "backward", "into", or "" for a note) and its text."""

    kind: str
    text: str
    sample: Rectangle
    place: Rectangle


@dataclass(frozen=True)
class PlacedArrow:
    """A Bezier curve from tail to head (1 + 3k points), the arrowhead (a polygon), the label's centre."""

    arrow: Arrow
    curve: tuple[Position, ...]
    point: tuple[Position, ...]
    label: Position | None


class Placement(NamedTuple):
    """Where the parts of a picture stand; clusters with the middle of their titles."""

    boxes: list[tuple[DrawnBox, Rectangle]]
    arrows: list[PlacedArrow]
    clusters: list[tuple[Cluster, Rectangle, Position]]

    def moved(self, move: Callable[[Position], Position], turned: bool = False) -> Placement:
        """Every point moved; `turned`: widths are heights."""
        def frame(r: Rectangle) -> Rectangle:
            return Rectangle(*move((r.x, r.y)), *((r.height, r.width) if turned else (r.width, r.height)))

        return Placement([(box, frame(r)) for box, r in self.boxes],
                         [PlacedArrow(a.arrow, tuple(map(move, a.curve)), tuple(map(move, a.point)),
                                      None if a.label is None else move(a.label)) for a in self.arrows],
                         [(cluster, frame(r), move(title)) for cluster, r, title in self.clusters])


def text_frame(text: str, size: float, centre: Position = (0.0, 0.0)) -> Rectangle:
    """The rectangle of a text of one or several lines."""
    return Rectangle(*centre, text_width(text, size), size * (1.0 + text.count("\n") * LINE))


def sampled(curve: Sequence[Position]) -> Any:
    """Points of a Bezier curve of 1 + 3k control points, as an array (m, 2)."""
    control = np.array(curve, dtype=float)
    t = np.linspace(0.0, 1.0, SAMPLES)[:, None]
    parts = [(1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
             for a, b, c, d in zip(control[0:-1:3], control[1::3], control[2::3], control[3::3])]
    return np.concatenate(parts) if parts else control


class Room:
    """What is taken: rectangles that no text may touch, and lines and outlines that it had better not."""

    def __init__(self, frames: Iterable[Rectangle], lines: Sequence[Any], outlines: Iterable[Rectangle]) -> None:
        self.solid = [(f.x, f.y, f.width, f.height) for f in frames]
        self.points = np.concatenate([np.zeros((0, 2)), *lines])
        self.outlines = np.array([(f.x, f.y, f.width, f.height) for f in outlines]).reshape(-1, 4)

    def take(self, frame: Rectangle) -> None:
        self.solid.append((frame.x, frame.y, frame.width, frame.height))

    def cost(self, frame: Rectangle) -> float:
        """How bad a place is: hundreds where something is covered."""
        solid = np.array(self.solid).reshape(-1, 4)
        width = (solid[:, 2] + frame.width) / 2 + 2.5 - np.abs(solid[:, 0] - frame.x)
        height = (solid[:, 3] + frame.height) / 2 + 2.0 - np.abs(solid[:, 1] - frame.y)
        both = (width > 0) & (height > 0)
        covered = float(np.minimum(width, height)[both].sum())
        inside = ((np.abs(self.points[:, 0] - frame.x) < frame.width / 2 + 1)
                  & (np.abs(self.points[:, 1] - frame.y) < frame.height / 2 + 0.5))
        away = np.abs(self.outlines[:, :2] - (frame.x, frame.y))
        half = np.array([frame.width, frame.height]) / 2
        near = (away < self.outlines[:, 2:] / 2 + half).all(axis=1)
        within = (away < self.outlines[:, 2:] / 2 - half).all(axis=1)
        return 100 * (covered + 5 * both.sum()) + 12 * min(int(inside.sum()), 8) + 30 * int((near & ~within).sum())


def beside_line(room: Room, points: Any, arrow: Arrow, usual: Position | None) -> Position:
    """The best place of an arrow's text beside the line through `points`; `usual` is graphviz's own."""
    frame = Rectangle(0.0, 0.0, *text_size(arrow))
    steps = np.hypot(*np.diff(points, axis=0).T)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    candidates: list[tuple[float, Position]] = [] if usual is None else [(6.0, usual)]
    for share in PLACES:
        at = int(np.clip(np.searchsorted(length, share * length[-1]), 1, len(points) - 1))
        (x0, y0), (x1, y1) = points[at - 1], points[at]
        size = float(np.hypot(x1 - x0, y1 - y0)) or 1.0
        nx, ny = (y1 - y0) / size, (x0 - x1) / size     # to the left of the line; turned upwards below
        if ny > 0 or ny == 0 and nx < 0:
            nx, ny = -nx, -ny
        away = GAP + abs(nx) * frame.width / 2 + abs(ny) * frame.height / 2
        for side, extra in ((1, 0.0), (-1, 4.0)):
            for more in (0.0, 5.0):
                place = x1 + side * nx * (away + more), y1 + side * ny * (away + more)
                candidates.append((30 * abs(share - 0.5) + extra + 2 * more, place))
    best = min(candidates, key=lambda c: c[0] + room.cost(Rectangle(c[1][0], c[1][1], frame.width, frame.height)))[1]
    room.take(Rectangle(best[0], best[1], frame.width, frame.height))
    return round(float(best[0]), 2), round(float(best[1]), 2)


def on_top(room: Room, area: Rectangle, text: str, size: float, usual: Position) -> Position:
    """The best place for the title of a cluster along the upper edge of its area, the middle if that is free."""
    frame = text_frame(text, size)
    slack = max(area.width / 2 - frame.width / 2 - 10, 0.0)
    candidates = [(20 * abs(s), (usual[0] if not s else area.x + s * slack, usual[1])) for s in (0.0, -0.5, 0.5, -1.0, 1.0)]
    best = min(candidates, key=lambda c: c[0] + room.cost(Rectangle(c[1][0], c[1][1], frame.width, frame.height)))[1]
    room.take(Rectangle(best[0], best[1], frame.width, frame.height))
    return round(best[0], 2), round(best[1], 2)


def legend(picture: Picture, left: float, top: float, width: float) -> tuple[Entry, ...]:
    """The entries of the legend in rows from (left, top), each at most `width` wide."""
    if not picture.legend or len(picture.boxes) < 2:
        return ()
    kinds = {_sample(box) for box in picture.boxes}
    kinds |= {"backward" if a.backward else "into" if a.derivative else "returns" if a.returns else "forward"
              for a in picture.arrows}
    wanted = [(kind, text) for kind, text in LEGEND.items() if kind in kinds]
    wanted += [("", note) for note in picture.notes]
    entries, x, y = [], left, top + SWATCH[1] / 2
    for kind, text in wanted:
        frame = text_frame(text, LEGEND_SIZE)
        sample = SWATCH[0] + 6 if kind else 0.0
        if x > left and x + sample + frame.width > left + width:
            x, y = left, y + 1.7 * SWATCH[1]
        place = Rectangle(x + sample + frame.width / 2, y, frame.width, frame.height)
        entries.append(Entry(kind, text, Rectangle(x + SWATCH[0] / 2, y, *SWATCH), place))
        x += sample + frame.width + BETWEEN
    return tuple(entries)


def _sample(box: DrawnBox) -> str:
    """The entry that explains a box; an activation looks like any value."""
    if box.kind == "loss":
        return "loss" if box.noun in ("loss", "") else "output"
    return "operation" if box.kind == "activation" else box.kind
