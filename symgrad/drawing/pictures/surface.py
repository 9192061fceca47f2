"""A function of two variables as a surface in space, seen from above and from far away.

Four-cornered pieces are painted from the back to the front, so that what is near covers what is behind it: for a surface
over a grid the order of rows and columns is that of the distance. Each piece reaches a little over its neighbours, which
leaves no seam. What the surface hides of a path or a point is drawn faintly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from symgrad.drawing.pictures.axes import tick_label
from symgrad.drawing.pictures.heights import shades, web
from symgrad.drawing.pictures.page import FRAME, SMALL, axis_name, coordinate, muted
from symgrad.drawing.pictures.svg import clean
from symgrad.drawing.pictures.terrain import FINE, SIDE, Direction, Terrain, outline
from symgrad.drawing.pictures.trails import MOST, RIM, TRAILS, fewer, known_runs, marked, thinned, twice
from symgrad.drawing.pictures.typeset import text_width

WIDTH = 440.0  # of the picture of a surface
SIZE = 290.0  # points for the side of its ground
RISE, FLOOR = 0.56, -0.04  # its height in sides of its ground, and where the ground lies
ELEVATION = math.radians(44)
SIDES = tuple(math.radians(a) for a in (-55, -35, 35, 55, 125, 145, 215, 235))  # from where it is looked at
LIGHT = np.array([-0.45, 0.35, 0.82])
CELLS = 56  # pieces on a side
OVER = 0.55  # points by which a piece reaches over its neighbours
LIFT = 0.012  # of a path above the surface
TONES, LIGHTS = 128, 64  # steps in which colours and their brightness differ
NEAR = 0.02  # between points of a path upon the surface
LOOKS = 100  # points that are asked whether they are seen


@dataclass(frozen=True)
class View:
    """From where a surface is seen: the azimuth, and the heights over the unit square that hide what is behind them."""

    azimuth: float
    heights: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (x, y, z) of the unit square, heights in sides of it, as points of the picture."""
        x, y, z = points[..., 0] - 0.5, points[..., 1] - 0.5, points[..., 2]
        c, s = math.cos(self.azimuth), math.sin(self.azimuth)
        across, away = -s * x + c * y, -c * x - s * y
        up = z * math.cos(ELEVATION) + away * math.sin(ELEVATION)
        return np.stack([WIDTH / 2 + SIZE * across, SIDE * 0.66 - SIZE * up], axis=-1)

    def hidden(self, points: np.ndarray) -> np.ndarray:
        """Which points the surface covers: whether a ray to the eye meets it."""
        way = np.linspace(0.01, 1.45, 100)
        x = points[:, 0, None] + math.cos(self.azimuth) * way
        y = points[:, 1, None] + math.sin(self.azimuth) * way
        z = points[:, 2, None] + math.tan(ELEVATION) * way
        inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        above = np.where(inside, interpolated(self.heights, np.clip(x, 0, 1), np.clip(y, 0, 1)), -1.0)
        return np.any(np.nan_to_num(above, nan=-1.0) > z, axis=1)


def interpolated(grid: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A grid over the unit square between its points."""
    rows, columns = grid.shape
    i, j = np.minimum((y * (rows - 1)).astype(int), rows - 2), np.minimum((x * (columns - 1)).astype(int), columns - 2)
    v, u = y * (rows - 1) - i, x * (columns - 1) - j
    return ((1 - v) * ((1 - u) * grid[i, j] + u * grid[i, j + 1])
            + v * ((1 - u) * grid[i + 1, j] + u * grid[i + 1, j + 1]))


def surface(terrain: Terrain) -> list[str]:
    """The surface with its axes, paths and points, `WIDTH` wide and `SIDE` high, from where most of them are seen."""
    heights = RISE * terrain.heights.place(terrain.values, terrain.heights.relief)
    lines = [_lifted(terrain, heights, trail.points) for trail in terrain.trails]
    spots = _lifted(terrain, heights, np.array([(s.x, s.y) for s in terrain.spots]).reshape(-1, 2))
    seen = np.vstack([spots, *(line[np.unique(np.linspace(0, len(line) - 1, LOOKS).astype(int))] for line in lines)])
    seen = seen[np.isfinite(seen).all(axis=1)]
    view = max((View(a, heights) for a in SIDES), key=lambda v: -int(v.hidden(seen).sum()) if len(seen) else 0)
    parts = [*_behind(view), *_pieces(terrain, view), *_axes(terrain, view)]
    for number, (trail, line) in enumerate(zip(terrain.trails, lines, strict=True)):
        parts.append(f'<g class="trail"><title>{clean(trail.name)}</title>{"".join(_path(view, line, number))}</g>')
    hidden = view.hidden(np.nan_to_num(spots)) if len(spots) else ()
    for spot, point, covered in zip(terrain.spots, spots, hidden, strict=True):
        if np.isfinite(point).all():
            parts.append(marked(spot, view.project(point), len(spots), bool(covered)))
    return parts


def _lifted(terrain: Terrain, heights: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points of the plane upon the surface; NaN beside it."""
    x, y = terrain.x.place(points[:, 0]), terrain.y.place(points[:, 1])
    inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    z = np.where(inside, interpolated(heights, np.where(inside, x, 0), np.where(inside, y, 0)), np.nan)
    return np.stack([np.where(inside, x, np.nan), np.where(inside, y, np.nan), z + LIFT], axis=1)


def _pieces(terrain: Terrain, view: View) -> list[str]:
    """The pieces of the surface, from the back to the front, those of one colour that follow each other in one path."""
    rows, columns = (np.unique(np.linspace(0, n - 1, min(n, CELLS + 1)).round().astype(int)) for n in terrain.values.shape)
    z = view.heights[np.ix_(rows, columns)]
    x, y = np.meshgrid(columns / (terrain.values.shape[1] - 1), rows / (terrain.values.shape[0] - 1))
    points = np.stack([x, y, z], axis=-1)
    corners = np.stack([points[:-1, :-1], points[:-1, 1:], points[1:, 1:], points[1:, :-1]], axis=2)
    place = terrain.heights.place(terrain.values)[np.ix_(rows, columns)]
    middle = (place[:-1, :-1] + place[:-1, 1:] + place[1:, 1:] + place[1:, :-1]) / 4
    normal = np.cross(corners[:, :, 2] - corners[:, :, 0], corners[:, :, 3] - corners[:, :, 1])
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-300
    c, s = math.cos(view.azimuth), math.sin(view.azimuth)  # the light stays at the left of who looks
    light = np.array([-s * LIGHT[0] + c * LIGHT[1], c * LIGHT[0] + s * LIGHT[1], LIGHT[2]])
    lit = 0.74 + 0.34 * np.nan_to_num(np.rint(LIGHTS * (normal @ light)) / LIGHTS)
    colours = np.clip(shades(np.rint(TONES * middle) / TONES) * np.clip(lit, 0.6, 1.06)[..., None], 0, 255)
    flat = view.project(corners)
    out = flat - flat.mean(axis=2, keepdims=True)
    flat = flat + OVER * out / (np.linalg.norm(out, axis=-1, keepdims=True) + 1e-9)
    places = np.rint(flat * FINE)
    order_y = range(len(rows) - 1) if s > 0 else range(len(rows) - 2, -1, -1)  # away from the eye first
    order_x = range(len(columns) - 1) if c > 0 else range(len(columns) - 2, -1, -1)
    known = np.isfinite(places).all(axis=(2, 3))
    parts, last, path = [], "", ""
    for i in order_y:
        for j in order_x:
            if not known[i, j]:
                continue
            colour = web(colours[i, j])
            if colour != last and path:
                parts.append(f'<path fill="{last}" d="{path}"/>')
                path = ""
            last = colour
            path += _piece(places[i, j])
    if path:
        parts.append(f'<path fill="{last}" d="{path}"/>')
    return [f'<g transform="scale({1 / FINE:g})">', *parts, "</g>"]


def _piece(corners: np.ndarray) -> str:
    (x, y), *rest = corners.astype(int).tolist()
    steps = []
    for a, b in rest:
        steps.append(f"{a - x} {b - y}")
        x, y = a, b
    return f"M{corners[0, 0]:.0f} {corners[0, 1]:.0f}l{' '.join(steps).replace(' -', '-')}z"


def _path(view: View, line: np.ndarray, number: int) -> Iterable[str]:
    """A path upon the surface: what is seen of it with a rim, what is hidden dotted."""
    colour = TRAILS[number % len(TRAILS)]
    runs = [_refined(fewer(run)) for run in known_runs(line)]
    seen, unseen = "", ""
    for run in runs:
        covered = view.hidden(run)
        flat = view.project(run)
        cuts = np.flatnonzero(np.diff(covered.astype(int))) + 1
        for part, hides in zip(np.split(flat, cuts), np.split(covered, cuts), strict=True):
            path = outline(FINE * thinned(part), closed=False)
            seen, unseen = (seen, unseen + path) if hides[0] else (seen + path, unseen)
    if unseen:
        yield (f'<path transform="scale({1 / FINE:g})" d="{unseen}" fill="none" stroke="{RIM}" stroke-opacity=".55" '
               'stroke-width="11" stroke-linecap="round" stroke-dasharray="2 34"/>')
    if seen:
        yield twice(seen, colour, 21)
    for end in [run[-1:] for run in runs[-1:]]:
        if not view.hidden(end)[0]:
            x, y = map(coordinate, view.project(end)[0])
            yield f'<circle cx="{x}" cy="{y}" r="3.4" fill="{colour}" stroke="{RIM}" stroke-width="1.2"/>'


def _refined(run: np.ndarray) -> np.ndarray:
    """A path with points so near to each other that it follows hills between them, as far as there are not too many."""
    steps = np.abs(np.diff(run[:, :2], axis=0)).max(axis=1, initial=0.0)
    near = max(NEAR, float(steps.sum()) / MOST)
    pieces = [np.linspace(a, b, max(1, math.ceil(step / near)), endpoint=False)
              for a, b, step in zip(run, run[1:], steps, strict=False)]
    return np.vstack([*pieces, run[-1:]])


def _ground(view: View) -> tuple[np.ndarray, int]:
    """The corners of the ground in turn, and which of them is nearest."""
    corners = np.array([(0, 0, FLOOR), (1, 0, FLOOR), (1, 1, FLOOR), (0, 1, FLOOR)], float)
    flat = view.project(corners)
    return flat, int(flat[:, 1].argmax())


def _behind(view: View) -> list[str]:
    flat, near = _ground(view)
    a, b, c = (flat[(near + k) % 4] for k in (1, 2, 3))
    path = "L".join(f"{coordinate(p[0])} {coordinate(p[1])}" for p in (a, b, c))
    return [f'<path class="frame" d="M{path}" fill="none" stroke="{FRAME[0]}" stroke-opacity=".6"/>']


def _axes(terrain: Terrain, view: View) -> list[str]:
    """The two near edges of the ground with ticks and names; heights at the left corner."""
    flat, near = _ground(view)
    parts = []
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    for other in ((near + 1) % 4, (near + 3) % 4):
        along = terrain.x if corners[near, 0] != corners[other, 0] else terrain.y
        parts += _edge(view, along, corners[near], corners[other], flat)
    return parts


def _edge(view: View, along: Direction, near: np.ndarray, far: np.ndarray, flat: np.ndarray) -> list[str]:
    axis = int(near[0] == far[0])
    ends = view.project(np.array([[*near, FLOOR], [*far, FLOOR]]))
    away = ends.mean(axis=0) - flat.mean(axis=0)
    away /= np.hypot(*away)
    (x1, y1), (x2, y2) = ends
    parts = [f'<path class="frame" d="M{coordinate(x1)} {coordinate(y1)}L{coordinate(x2)} {coordinate(y2)}" '
             f'stroke="{FRAME[0]}"/>']
    scale = along.scale
    for tick in scale.ticks:
        point = near.copy()
        point[axis] = scale.place(tick)
        x, y = view.project(np.array([*point, FLOOR]))
        parts.append(f'<path class="frame" d="M{coordinate(x)} {coordinate(y)}l{coordinate(5 * away[0])} '
                     f'{coordinate(5 * away[1])}" stroke="{FRAME[0]}"/>')
        words = tick_label(tick, scale)
        far = 11 + 0.5 * text_width(words, SMALL) * abs(away[0])
        parts.append(muted(words, x + far * away[0], y + 13 * away[1] + 5))
    half = 0.0 if along.latex else text_width(along.name, SMALL) / 2  # a long name stands clear of the ticks
    x, y = ends.mean(axis=0) + (38 + half * abs(away[0])) * away
    return [*parts, axis_name(along.name, along.latex, min(max(x, half), WIDTH - half - 4), y + half * 0.3)]
