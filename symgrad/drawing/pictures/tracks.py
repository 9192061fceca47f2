"""Several curves over their iterations in one frame, each with its name: how fast minimisers go."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.drawing.pictures.axes import Scale, counting_scale, stretched_scale, tick_label, value_scale
from symgrad.drawing.pictures.page import FRAME, GRID, ROW, TITLE, chart_page, coordinate, line_of_text, muted
from symgrad.drawing.pictures.palette import INK
from symgrad.drawing.pictures.terrain import Trail
from symgrad.drawing.pictures.trails import TRAILS, known_runs, legend, placed, thinned

WIDTH, HEIGHT = 560.0, 320.0  # of the frame
LEFT, RIGHT, BOTTOM = 66.0, 20.0, 48.0  # around it
DOTS = 40  # points of a curve up to which each is marked


@dataclass(frozen=True)
class Track:
    """A curve: its name, and its values at the places `counts`, NaN where there is none."""

    name: str
    counts: Sequence[float]
    values: Sequence[float]


def tracks_svg(tracks: Sequence[Track], title: str, counted: str, logs: tuple[bool, bool], words: str,
               plain: bool = False) -> str:
    """The curves as one SVG document; `counted` names what is counted. `logs`: which axes, counts and values, are so?

    A logarithmic axis of values shows what is positive, one of counts is that of log(1 + count).
    """
    stretched, logarithmic = logs
    known = [v for t in tracks for v in t.values if math.isfinite(v) and (v > 0 or not logarithmic)]
    counts = [c for t in tracks for c in t.counts]
    x, y = counting_scale((min(counts), max(counts))), value_scale(known, logarithmic)
    if stretched:
        x = stretched_scale(min(counts), max(counts))
    rows = legend([Trail(t.name, np.zeros((0, 2))) for t in tracks], (), WIDTH)
    top = 40.0 + ROW * len(rows)
    body = [f'<g transform="translate({coordinate(LEFT)} {coordinate(top)})">',
            line_of_text(title, 0, 22 - top, TITLE, INK[0], "ink", weight="bold"), *placed(rows, -12.0)]
    for tick in y.ticks:
        height = HEIGHT * (1 - y.place(tick))
        body.append(f'<path class="grid" d="M0 {coordinate(height)}H{coordinate(WIDTH)}" stroke="{GRID[0]}"/>')
        body.append(muted(tick_label(tick, y), -8, height + 4, "end"))
    for tick in x.ticks:
        place = WIDTH * x.place(tick)
        body.append(f'<path class="frame" d="M{coordinate(place)} {coordinate(HEIGHT)}v4" stroke="{FRAME[0]}"/>')
        body.append(muted(f"{tick:g}", place, HEIGHT + 18))
    body.append(f'<path class="frame" d="M0 {coordinate(HEIGHT)}H{coordinate(WIDTH)}" stroke="{FRAME[0]}"/>')
    body.append(muted(counted, WIDTH / 2, HEIGHT + 36))
    body += [_drawn(number, track, x, y) for number, track in enumerate(tracks)]
    body.append("</g>")
    return chart_page(body, LEFT + WIDTH + RIGHT, top + HEIGHT + BOTTOM, words, plain, "sg-plot")


def _height(value: float, y: Scale) -> float:
    """Where a value stands. Zero, for which a logarithmic axis has no place, stands on the ground and gets a sign."""
    if not math.isfinite(value) or y.logarithmic and value < 0:
        return math.nan
    return HEIGHT if y.logarithmic and value == 0 else HEIGHT * (1 - y.place(value))


def _drawn(number: int, track: Track, x: Scale, y: Scale) -> str:
    places = np.array([(WIDTH * x.place(c), _height(v, y)) for c, v in zip(track.counts, track.values, strict=True)])
    places[np.isnan(places).any(axis=1)] = np.nan
    runs = [thinned(run) for run in known_runs(places)]
    path = "".join("M" + "L".join(f"{coordinate(a)} {coordinate(b)}" for a, b in run) for run in runs)
    colour = TRAILS[number % len(TRAILS)]
    dash = ' stroke-dasharray="6 3"' if number // len(TRAILS) % 2 else ""
    parts = [f'<path d="{path}" fill="none" stroke-width="2" stroke-linejoin="round" stroke-linecap="round"{dash}/>'
             ] if path else []
    if len(places) <= DOTS:
        parts += [f'<circle cx="{coordinate(a)}" cy="{coordinate(b)}" r="2.6" stroke="none"/>'
                  for run in runs for a, b in run]
    if y.logarithmic:
        parts += [f'<path class="zero" d="M{coordinate(a)} {coordinate(b + 4)}l-4-7h8z" stroke="none"/>'
                  for (a, b), v in zip(places, track.values, strict=True) if v == 0]
    return f'<g class="track" stroke="{colour}" fill="{colour}">{"".join(parts)}</g>'
