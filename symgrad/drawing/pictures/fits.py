"""A curve through points: what a regression found, beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from symgrad.drawing.pictures.axes import Scale, range_scale, tick_label, value_scale
from symgrad.drawing.pictures.charts import Chart
from symgrad.drawing.pictures.page import FRAME, GRID, axis_name, chart_page, coordinate, ink, muted

WIDTH, HEIGHT = 480.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 66.0, 20.0, 40.0, 50.0
CURVE, POINTS = ("#2563eb", "#60a5fa"), ("#d97706", "#fbbf24")  # on white paper, in dark mode
MARGIN = 0.03  # of the range of x, on both sides


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted curve over its one input: names, the points, the curve."""

    x_name: str
    y_name: str
    points: tuple[np.ndarray, np.ndarray]
    curve: tuple[np.ndarray, np.ndarray]


def fit_chart(fit: Fit) -> Chart:
    """The points and the curve, with their names."""
    words = f"{fit.y_name} over {fit.x_name}: {len(fit.points[0])} points and the fitted curve"
    return Chart(fit_svg(fit, words), words, partial(fit_svg, fit, words, True))


def fit_svg(fit: Fit, words: str, plain: bool = False) -> str:
    """The picture as an SVG document."""
    xs, ys = fit.points
    span = (float(xs.max()) - float(xs.min())) or 1.0
    across = range_scale(float(xs.min()) - MARGIN * span, float(xs.max()) + MARGIN * span)
    up = value_scale([float(v) for v in (*ys, *fit.curve[1]) if np.isfinite(v)], False)
    body = [f'<g transform="translate({coordinate(LEFT)} {coordinate(TOP)})">', *_frame(across, up),
            _line(fit.curve, across, up), *_dots(fit.points, across, up), *_legend(fit), "</g>"]
    body.append(axis_name(fit.x_name, "", LEFT + WIDTH / 2, TOP + HEIGHT + 38))
    body.append(axis_name(fit.y_name, "", 14, TOP + HEIGHT / 2, upright=True))
    return chart_page(body, LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM, words, plain, "sg-fit", (CURVE, POINTS))


def _frame(across: Scale, up: Scale) -> list[str]:
    drawn = []
    for tick in up.ticks:
        y = coordinate(HEIGHT * (1 - up.place(tick)))
        drawn.append(f'<line class="grid" x1="0" x2="{coordinate(WIDTH)}" y1="{y}" y2="{y}" stroke="{GRID[0]}"/>')
        drawn.append(muted(tick_label(tick, up), -8, HEIGHT * (1 - up.place(tick)) + 4, "end"))
    for tick in across.ticks:
        x = WIDTH * across.place(tick)
        drawn.append(f'<line class="frame" x1="{coordinate(x)}" x2="{coordinate(x)}" y1="{coordinate(HEIGHT)}" '
                     f'y2="{coordinate(HEIGHT + 4)}" stroke="{FRAME[0]}"/>')
        drawn.append(muted(tick_label(tick, across), x, HEIGHT + 18))
    drawn.append(f'<path class="frame" d="M0 0V{coordinate(HEIGHT)}H{coordinate(WIDTH)}" fill="none" stroke="{FRAME[0]}"/>')
    return drawn


def _line(curve: tuple[np.ndarray, np.ndarray], across: Scale, up: Scale) -> str:
    places, pen = [], "M"
    for x, y in zip(*curve, strict=True):
        if not np.isfinite(y):
            pen = "M"
            continue
        places.append(f"{pen}{coordinate(WIDTH * across.place(x))} {coordinate(HEIGHT * (1 - up.place(y)))}")
        pen = "L"
    return (f'<path class="line0" d="{"".join(places)}" fill="none" stroke="{CURVE[0]}" stroke-width="2" '
            'stroke-linejoin="round"/>')


def _dots(points: tuple[np.ndarray, np.ndarray], across: Scale, up: Scale) -> Sequence[str]:
    rings = [f'<circle cx="{coordinate(WIDTH * across.place(x))}" cy="{coordinate(HEIGHT * (1 - up.place(y)))}" r="3"/>'
             for x, y in zip(*points, strict=True)]
    return [f'<g class="line1" fill="none" stroke="{POINTS[0]}" stroke-width="1.5">', *rings, "</g>"]


def _legend(fit: Fit) -> list[str]:
    return [f'<g class="line1" fill="none" stroke="{POINTS[0]}" stroke-width="1.5"><circle cx="6" cy="-16" r="3"/></g>',
            ink(f"measured ({len(fit.points[0])})", 16, -12),
            f'<path class="line0" d="M130 -16h22" stroke="{CURVE[0]}" stroke-width="2"/>', ink("fitted", 158, -12)]
