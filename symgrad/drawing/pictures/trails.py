"""What lies upon a terrain: paths with their names, points with their kinds, and the legend of both.

A path has a pale rim, so that it is seen on dark valleys and on bright hills. It may move: then its points come one
after the other, by a style sheet and without a script, all paths by one clock; who asked for less motion sees them whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from symgrad.drawing.pictures.page import ROW, coordinate, ink, rows_of_names
from symgrad.drawing.pictures.svg import clean
from symgrad.drawing.pictures.terrain import FINE, SIDE, Spot, Terrain, Trail, outline

TRAILS = ("#e11d48", "#f59e0b", "#c026d3", "#0ea5e9", "#65a30d", "#8b5cf6", "#64748b", "#b45309")  # on light and dark
RIM, BODY = "#ffffff", "#0f172a"
DOTS = 60  # points of a path up to which each is marked
FEWEST, MOST = 0.6, 2000  # between points that are drawn; points of a path
STOPS = 60  # moments of a moving path
SECONDS, REST = 6.0, 0.2  # how long a path moves, and which part of that it then rests
CROWD = 30  # points from which on they are drawn smaller
SHAPES = {
    "minimum": '<circle r="4.6" fill="#ffffff" stroke="#0f172a" stroke-width="1.5"/><circle r="1.4" fill="#0f172a"/>',
    "maximum": '<path d="M0-5.4L5 3.6H-5Z" fill="#ffffff" stroke="#0f172a" stroke-width="1.5" stroke-linejoin="round"/>',
    "saddle": '<path d="M-4-4L4 4M-4 4L4-4" fill="none" stroke="#ffffff" stroke-width="4.6" stroke-linecap="round"/>'
              '<path d="M-4-4L4 4M-4 4L4-4" fill="none" stroke="#0f172a" stroke-width="1.9" stroke-linecap="round"/>',
    "degenerate": '<circle r="2.1" fill="#ffffff" stroke="#0f172a" stroke-width="1"/>',
}
PLURALS = {"minimum": "minima", "maximum": "maxima", "saddle": "saddles", "degenerate": "degenerate points"}


def marked(spot: Spot, place: np.ndarray, count: int = 1, faint: bool = False) -> str:
    """A point with the sign of its kind, smaller among many, and what it is as a tooltip."""
    x, y = map(coordinate, place)
    small = "scale(.7)" if count > CROWD else ""
    dim = ' opacity=".35"' if faint else ""
    return (f'<g class="spot {spot.kind}" transform="translate({x} {y}){small}"{dim}><title>{clean(spot.told)}</title>'
            f'<use href="#sg-{spot.kind}"/></g>')


def signs(spots: Sequence[Spot]) -> str:
    """The signs of the kinds that occur, once for all their points; they are the same in all pictures of a page."""
    kinds = dict.fromkeys(spot.kind for spot in spots)
    return "<defs>" + "".join(f'<g id="sg-{kind}">{SHAPES[kind]}</g>' for kind in kinds) + "</defs>" if kinds else ""


def twice(path: str, colour: str, wide: float, more: str = "") -> str:
    """A path with its rim, written once; `more` are attributes of the path, and of what moves."""
    name = "sg" + hashlib.blake2b(path.encode(), digest_size=6).hexdigest()
    return (f'<g transform="scale({1 / FINE:g})" fill="none" stroke-linejoin="round" stroke-linecap="round"{more}>'
            f'<defs><path id="{name}" d="{path}" pathLength="1"/></defs>'
            f'<use href="#{name}" stroke="{RIM}" stroke-opacity=".8" stroke-width="{2 * wide:g}"/>'
            f'<use href="#{name}" stroke="{colour}" stroke-width="{wide:g}"/></g>')


def drawn_trails(terrain: Terrain, moving: bool) -> list[str]:
    """The paths within the frame; their beginning is a ring, their end a dot."""
    side = coordinate(SIDE)
    parts = [f'<svg width="{side}" height="{side}" viewBox="0 0 {side} {side}">'] if terrain.trails else []  # it clips
    name = _name(terrain) if moving else ""
    for number, trail in enumerate(terrain.trails):
        places = terrain.at(trail.points)
        parts.append(f'<g class="trail"><title>{clean(trail.name)}</title>{_trail(number, places, name)}</g>')
    return [*parts, "</svg>"] if terrain.trails else []


def _name(terrain: Terrain) -> str:
    """What tells the moving paths of one picture from those of others on a page."""
    return "m" + hashlib.blake2b(b"".join(t.points.tobytes() for t in terrain.trails), digest_size=4).hexdigest()


def _trail(number: int, places: np.ndarray, moving: str) -> str:
    """A path; `moving` is the name of its motion, if it moves."""
    colour = TRAILS[number % len(TRAILS)]
    runs = [fewer(thinned(run)) for run in known_runs(np.clip(places, -20 * SIDE, 21 * SIDE))]
    parts = []
    path = "".join(outline(FINE * run, closed=False) for run in runs)
    if path:
        parts.append(twice(path, colour, 22, f' class="{moving}-path{number}"' if moving else ""))
    if len(places) <= DOTS and not moving:
        parts += [f'<circle cx="{coordinate(x)}" cy="{coordinate(y)}" r="2.3" fill="{colour}"/>'
                  for run in runs for x, y in run[1:-1]]
    if runs:
        x, y = map(coordinate, runs[0][0])
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{RIM}" stroke="{colour}" stroke-width="2"/>')
        x, y = map(coordinate, runs[-1][-1])
        where = f'class="{moving}-dot{number}"' if moving and len(runs) == 1 else f'cx="{x}" cy="{y}"'
        parts.append(f'<circle {where} r="3.6" fill="{colour}" stroke="{RIM}" stroke-width="1.2"/>')
    return "".join(parts)


def known_runs(places: np.ndarray) -> list[np.ndarray]:
    """The parts of a path between points that are not known."""
    known = np.isfinite(places).all(axis=1)
    cuts = np.flatnonzero(np.diff(known.astype(int))) + 1
    return [run for run in np.split(places, cuts) if len(run) and np.isfinite(run[0]).all()]


def thinned(places: np.ndarray) -> np.ndarray:
    """A path without the points that lie on the last one drawn; the last point stays."""
    kept = [0]
    for i in range(1, len(places)):
        if abs(places[i] - places[kept[-1]]).max() >= FEWEST:
            kept.append(i)
    if kept[-1] != len(places) - 1:
        kept.append(len(places) - 1)
    return places[kept]


def fewer(places: np.ndarray) -> np.ndarray:
    """Evenly chosen points of a path that has more than a picture can show."""
    if len(places) <= MOST:
        return places
    return places[np.linspace(0, len(places) - 1, MOST).round().astype(int)]


def motion(terrain: Terrain) -> str:
    """The style sheet of moving paths."""
    rules, name = [], _name(terrain)
    most = max((len(trail.points) for trail in terrain.trails), default=1)
    for number, trail in enumerate(terrain.trails):
        places = terrain.at(trail.points)
        whole = known_runs(np.clip(places, -20 * SIDE, 21 * SIDE))
        if len(whole) != 1 or len(whole[0]) < 2:
            continue
        steps = np.r_[0.0, np.cumsum(np.hypot(*np.diff(whole[0], axis=0).T))]
        done = steps / (steps[-1] or 1.0)
        times = np.arange(len(done)) / max(1, most - 1) * (1 - REST)
        few = np.unique(np.linspace(0, len(done) - 1, STOPS).round().astype(int))
        line = "".join(f"{100 * times[i]:.4g}%{{stroke-dashoffset:{1 - done[i]:.4f}}}" for i in few)
        dot = "".join(f"{100 * times[i]:.4g}%{{offset-distance:{100 * done[i]:.2f}%}}" for i in few)
        way = "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in fewer(thinned(whole[0])))
        a, b = f"{name}-path{number}", f"{name}-dot{number}"
        rules.append(f"@keyframes {a}{{{line}to{{stroke-dashoffset:0}}}}@keyframes {b}{{{dot}to{{offset-distance:100%}}}}"
                     f".{b}{{offset-path:path('M{way}');offset-distance:100%}}")
        rules.append("@media (prefers-reduced-motion:no-preference){"
                     f".{a}{{stroke-dasharray:1;animation:{a} {SECONDS:g}s linear infinite}}"
                     f".{b}{{animation:{b} {SECONDS:g}s linear infinite}}}}")
    return "".join(rules)


def legend(trails: Sequence[Trail], spots: Sequence[Spot], wide: float, where: str = "") -> list[list[str]]:
    """The rows of the legend, each on its base line y = 0: the paths by name, the kinds of points with their number."""
    counts = {kind: sum(spot.kind == kind for spot in spots) for kind in SHAPES}
    names = [t.name for t in trails if t.name] + [
        (f"{n} {PLURALS[kind]}" if n > 1 else kind) + where for kind, n in counts.items() if n]
    signs = [f'<path d="M0-4h18" stroke="{TRAILS[i % len(TRAILS)]}" stroke-width="2.5" stroke-linecap="round"/>'
             for i, t in enumerate(trails) if t.name]
    signs += [f'<g transform="translate(9 -4)">{SHAPES[kind]}</g>' for kind, n in counts.items() if n]
    return [[f'<g transform="translate({coordinate(left)} 0)">{signs[i]}{ink(names[i], 25, 0)}</g>' for i, left in row]
            for row in rows_of_names(names, wide)] if names else []


def placed(rows: Sequence[Sequence[str]], base: float) -> list[str]:
    """The rows of a legend, the last of them on the line `base`."""
    return [f'<g transform="translate(0 {coordinate(base - ROW * (len(rows) - 1 - i))})">{"".join(row)}</g>'
            for i, row in enumerate(rows)]
