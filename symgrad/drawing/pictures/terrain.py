"""A function of two variables as filled contours, with a colour bar, paths over it and marks upon it.

A region above a level is filled over the region above the level below: the fills overlap, so that no seam of paper shines
through between two of them, and each line is written once. Coordinates are whole tenths of a point, relative to the one
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.drawing.pictures.axes import Scale, range_scale, tick_label
from symgrad.drawing.pictures.heights import Heights, web
from symgrad.drawing.pictures.page import FRAME, SMALL, axis_name, coordinate, muted
from symgrad.drawing.pictures.typeset import text_width

SIDE = 380.0  # of the frame
LEFT, BOTTOM = 54.0, 48.0  # around it, at least
BAR, GAP, BARS = 13.0, 16.0, 62.0  # a colour bar: its width, before it, all of it with its labels
FINE = 10  # parts of a point
LONGEST, FEWEST = 120_000, 4  # characters of all contours; levels that stay
SIX, TIMES, FORETOLD = 6, 3, 0.01  # points of a polynomial; new points for one; error that smooth functions stay below


@dataclass(frozen=True)
class Direction:
    """One of the two variables: its range, its name as text and as LaTeX."""

    low: float
    high: float
    name: str = ""
    latex: str = ""

    @property
    def scale(self) -> Scale:
        return range_scale(self.low, self.high)

    def place(self, values: np.ndarray) -> np.ndarray:
        """Where values lie between the ends."""
        return (values - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Trail:
    """A path over a terrain: `points` are rows (x, y), NaN where nothing is known."""

    name: str
    points: np.ndarray


@dataclass(frozen=True)
class Spot:
    """A point that is marked: its kind ("minimum", "maximum", "saddle", "degenerate"), its place, what is told of it."""

    kind: str
    x: float
    y: float
    told: str


@dataclass(frozen=True)
class Terrain:
    """Values over a grid, `values[i, j]` at the i-th y and the j-th x, evenly spaced; what lies upon them."""

    x: Direction
    y: Direction
    values: np.ndarray
    heights: Heights
    name: str = ""
    trails: tuple[Trail, ...] = ()
    spots: tuple[Spot, ...] = ()
    where: str = ""  # said of the kinds of points: of a section they are kinds within it

    def at(self, points: np.ndarray) -> np.ndarray:
        """Points (x, y) as points of the frame, y downwards."""
        return SIDE * np.stack([self.x.place(points[:, 0]), 1 - self.y.place(points[:, 1])], axis=1)


def contours(terrain: Terrain) -> list[str]:
    """The regions above each level, from the lowest, over the region where there is a value at all."""
    import contourpy

    known = refined(np.where(np.isfinite(terrain.values), terrain.values, np.nan))
    rows, columns = known.shape
    across, down = np.linspace(0, SIDE * FINE, columns), np.linspace(SIDE * FINE, 0, rows)
    lines = contourpy.contour_generator(across, down, np.ma.masked_invalid(known), name="serial", corner_mask=True,
                                        fill_type="OuterOffset")
    bands = terrain.heights.bands()
    parts = _bands(lines, bands)
    while sum(map(len, parts)) > LONGEST and len(bands) > FEWEST:  # a wild function: fewer levels
        bands = bands[::2]
        parts = _bands(lines, bands)
    return [f'<g transform="scale({1 / FINE:g})" fill-rule="evenodd">', *parts, "</g>"]


def _bands(lines: Any, bands: Sequence[tuple[float, np.ndarray]]) -> list[str]:
    parts = []
    for number, (begin, colour) in enumerate(bands):
        rings = [part[a:b] for part, cuts in zip(*lines.filled(begin if number else -np.inf, np.inf), strict=True)
                 for a, b in zip(cuts[:-1], cuts[1:], strict=True)]
        path = "".join(map(outline, rings))
        if path:
            rim = ' stroke="#0f172a" stroke-opacity=".22" stroke-width="6"' if number else ""
            parts.append(f'<path d="{path}" fill="{web(colour)}"{rim}/>')
    return parts


def refined(values: np.ndarray) -> np.ndarray:
    """A grid with `TIMES` as many points, by polynomials through six neighbours, where they foretell what lies between.

    They do for smooth functions: those through every second point give the others. Kinks and steps are left as they are.
    """
    if min(values.shape) < 2 * SIX or not np.isfinite(values).all():
        return values
    half = values[::2, ::2]
    down, across = (_between(n, 2) for n in half.shape)
    guess = down @ half @ across.T
    off = np.abs(guess - values[:len(guess), :guess.shape[1]])
    steps = [np.abs(np.diff(values, axis=k)).max() for k in (0, 1)]
    if off.max() > FORETOLD * max(steps):
        return values
    down, across = (_between(n, TIMES) for n in values.shape)
    return down @ values @ across.T


def _between(count: int, times: int) -> np.ndarray:
    """The matrix from values at 0, 1, ..., count - 1 to those at `times` as many points: Lagrange's polynomials."""
    places = np.arange((count - 1) * times + 1) / times
    first = np.clip(places.astype(int) - SIX // 2 + 1, 0, count - SIX)
    matrix = np.zeros((len(places), count))
    for k in range(SIX):
        weight = np.ones(len(places))
        for m in range(SIX):
            if m != k:
                weight *= (places - first - m) / (k - m)
        matrix[np.arange(len(places)), first + k] = weight
    return matrix


def outline(points: np.ndarray, closed: bool = True) -> str:
    """Points as a path of whole numbers; what lies on a line between its neighbours, or on one of them, is left out."""
    places = np.rint(points[:-1] if closed else points).astype(int)
    for turn in range(4):
        places = places[np.r_[True, np.any(np.diff(places, axis=0), axis=1)]]
        if len(places) < 8:
            break
        before, after = places[1:-1] - places[:-2], places[2:] - places[1:-1]
        whole = places[2:] - places[:-2]
        off = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])  # twice the area of the triangle
        near = (off <= 0.9 * np.hypot(whole[:, 0], whole[:, 1])) & (np.einsum("ij,ij->i", before, after) > 0)
        near &= np.arange(len(near)) % 2 == turn % 2  # of two neighbours one stays
        places = places[np.r_[True, ~near, True]]
    if len(places) < 2 or closed and len(places) < 3:
        return ""
    steps = " ".join(f"{dx} {dy}" for dx, dy in np.diff(places, axis=0).tolist()).replace(" -", "-")
    return f"M{places[0, 0]} {places[0, 1]}l{steps}{'z' if closed else ''}"


def frame(x: Direction, y: Direction) -> list[str]:
    """The frame around a terrain, with ticks and names of both variables."""
    side = coordinate(SIDE)
    parts = [f'<path class="frame" d="M0 0H{side}V{side}H0Z" fill="none" stroke="{FRAME[0]}"/>']
    for tick in x.scale.ticks:
        place = SIDE * x.scale.place(tick)
        parts.append(f'<path class="frame" d="M{coordinate(place)} {side}v4" stroke="{FRAME[0]}"/>')
        parts.append(muted(tick_label(tick, x.scale), place, SIDE + 18))
    for tick in y.scale.ticks:
        place = SIDE * (1 - y.scale.place(tick))
        parts.append(f'<path class="frame" d="M0 {coordinate(place)}h-4" stroke="{FRAME[0]}"/>')
        parts.append(muted(tick_label(tick, y.scale), -8, place + 4, "end"))
    parts.append(axis_name(x.name, x.latex, SIDE / 2, SIDE + 36))
    return [*parts, axis_name(y.name, y.latex, 18 - margin(y), SIDE / 2, upright=True)]


def margin(y: Direction) -> float:
    """What ticks and name of the second variable take left of the frame."""
    return max(LEFT, 44 + max((text_width(tick_label(tick, y.scale), SMALL) for tick in y.scale.ticks), default=0.0))


def colour_bar(heights: Heights, name: str) -> list[str]:
    """The colours with their values, right of the frame; above it what they are values of."""
    left = SIDE + GAP
    begins = heights.place(np.array([begin for begin, _ in heights.bands()])) if heights.levels else [0.0]
    parts = []
    for (_, colour), low in zip(heights.bands(), begins, strict=True):  # each reaches to the top: no seams
        parts.append(f'<rect x="{coordinate(left)}" y="0" width="{coordinate(BAR)}" '
                     f'height="{coordinate(SIDE * (1 - low))}" fill="{web(colour)}"/>')
    parts.append(f'<rect class="frame" x="{coordinate(left)}" y="0" width="{coordinate(BAR)}" height="{coordinate(SIDE)}" '
                 f'fill="none" stroke="{FRAME[0]}"/>')
    for place, words in heights.labels():
        height = SIDE * (1 - place)
        parts.append(f'<path class="frame" d="M{coordinate(left + BAR)} {coordinate(height)}h4" stroke="{FRAME[0]}"/>')
        parts.append(muted(words, left + BAR + 7, height + 4, "start"))
    caption = f"{name} above {heights.base:.5g}" if heights.base else name
    if text_width(caption, SMALL) < BARS - GAP:
        return [*parts, muted(caption, left, -8, "start")]
    return [*parts, muted(caption, left + BARS - 4, -8, "end")]
