"""Curves of a fit as SVG: a panel per quantity, training and validation in one, readable on white and in the dark.

Axes are ours to choose: epochs are whole numbers, a loss that falls over more than an order of magnitude gets a
logarithmic axis. Colours are attributes, so that every program that reads SVG shows them; the style sheet
holds only what changes in dark mode. Texts are measured with the bundled font.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import symgrad.drawing.pictures.palette as look
from symgrad.drawing.pictures.axes import Scale, counting_scale, tick_label, value_scale
from symgrad.drawing.pictures.page import (
    DASHED,
    FRAME,
    GRID,
    ROW,
    SMALL,
    TITLE,
    chart_page,
    coordinate,
    ink,
    line_of_text,
    muted,
    rows_of_names,
)
from symgrad.drawing.pictures.typeset import text_width

WIDTH, HEIGHT = 380.0, 230.0  # of the frame of one panel
LEFT, RIGHT, TOP, BOTTOM = 58.0, 20.0, 62.0, 48.0  # around the frame
TRAINING, VALIDATION = ("#2563eb", "#60a5fa"), ("#d97706", "#fbbf24")  # on white paper, in dark mode
APART = (TRAINING, VALIDATION, ("#059669", "#34d399"), ("#9333ea", "#c084fc"), ("#dc2626", "#f87171"),
         ("#0891b2", "#22d3ee"), ("#64748b", "#94a3b8"))
UNDRAWN = ("epoch", "gradient_norm", "seconds")  # curves that have no panel
DOTS = 40  # epochs up to which every point is marked
MOST = 3  # lines that a legend names one by one


@dataclass(frozen=True)
class Curve:
    """One curve of a panel."""

    label: str
    colour: tuple[str, str]
    values: Sequence[float]


def curves_svg(curves: Mapping[str, Sequence[float]], best_epoch: int | None = None, plain: bool = False) -> str:
    """The curves of a history as one SVG document; `plain` leaves out dark mode, for converters."""
    panels = [name for name in curves if not name.startswith("val_") and name not in UNDRAWN]
    epochs = curves["epoch"]
    step = LEFT + WIDTH + RIGHT
    width, height = step * len(panels), TOP + HEIGHT + BOTTOM
    body = []
    for i, name in enumerate(panels):
        lines = [Curve("training", TRAINING, curves[name])]
        if f"val_{name}" in curves:
            lines.append(Curve("validation", VALIDATION, curves[f"val_{name}"]))
        body.append(f'<g transform="translate({coordinate(i * step + LEFT)} {coordinate(TOP)})">')
        body += _panel(name, epochs, lines, best_epoch)
        body.append("</g>")
    words = f"{len(epochs)} epochs. " + ". ".join(
        f"{name.replace('_', ' ')} from {values[0]:.4g} to {values[-1]:.4g}" for name, values in curves.items()
        if name not in UNDRAWN and len(values))
    return chart_page(body, width, height, words, plain, "sg-curves", (TRAINING, VALIDATION))


def bundle_svg(title: str, epochs: Sequence[float], curves: Mapping[str, Sequence[float]]) -> str:
    """One panel with a curve for each of `curves`, coloured in their order from blue to red."""
    shades = [_shade(i / max(1, len(curves) - 1)) for i in range(len(curves))]
    lines = [Curve(name, shade, values) for (name, values), shade in zip(curves.items(), shades, strict=True)]
    body = [f'<g transform="translate({coordinate(LEFT)} {coordinate(TOP)})">', *_panel(title, epochs, lines, None), "</g>"]
    words = f"{title}, {len(epochs)} epochs. " + ". ".join(
        f"{name} from {values[0]:.4g} to {values[-1]:.4g}" for name, values in curves.items())
    return chart_page(body, LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM, words, False, "sg-bundle", shades)


def compared_svg(title: str, curves: Mapping[str, Sequence[float]], plain: bool = False) -> str:
    """One panel with a curve for each of `curves`, all of them named, in colours that are told apart; epochs from 1."""
    count = max(map(len, curves.values()))
    lines = [Curve(name, APART[i % len(APART)], [*values, *[math.nan] * (count - len(values))])
             for i, (name, values) in enumerate(curves.items())]
    rows = rows_of_names([line.label for line in lines], WIDTH)
    top = TOP + ROW * (len(rows) - 1)
    panel = _panel(title, range(1, count + 1), lines, None, rows)
    body = [f'<g transform="translate({coordinate(LEFT)} {coordinate(top)})">', *panel, "</g>"]
    words = f"{title}, {count} epochs. " + ". ".join(
        f"{name} from {values[0]:.4g} to {values[-1]:.4g}" for name, values in curves.items())
    return chart_page(body, LEFT + WIDTH + RIGHT, top + HEIGHT + BOTTOM, words, plain, "sg-compared",
                     [line.colour for line in lines])


def _shade(place: float) -> tuple[str, str]:
    """A colour between those of the ends, on white paper and in dark mode."""
    def mixed(a: str, b: str) -> str:
        pairs = [(int(a[i:i + 2], 16), int(b[i:i + 2], 16)) for i in (1, 3, 5)]
        return "#" + "".join(f"{round(x + place * (y - x)):02x}" for x, y in pairs)

    return mixed(TRAINING[0], look.BACKWARD[0]), mixed(TRAINING[1], look.BACKWARD[1])


def _panel(name: str, epochs: Sequence[float], lines: Sequence[Curve], best_epoch: int | None,
           named: Sequence[Sequence[tuple[int, float]]] = ()) -> list[str]:
    """A frame with axes and curves; `named` are the rows of a legend that names each curve, above the usual one's place."""
    known = [v for line in lines for v in line.values if math.isfinite(v)]
    y, x = value_scale(known), counting_scale(epochs)
    title = name.replace("_", " ") + (" (logarithmic)" if y.logarithmic else "")
    parts = [line_of_text(title, 0, -38 - ROW * max(len(named) - 1, 0), TITLE, look.INK[0], "ink", weight="bold")]
    for tick in y.ticks:
        height = coordinate(HEIGHT * (1 - y.place(tick)))
        parts.append(f'<path class="grid" d="M0 {height}H{coordinate(WIDTH)}" stroke="{GRID[0]}"/>')
        parts.append(muted(tick_label(tick, y), -8, float(height) + 4, "end"))
    for tick in x.ticks:
        place = coordinate(WIDTH * x.place(tick))
        parts.append(f'<path class="frame" d="M{place} {coordinate(HEIGHT)}v4" stroke="{FRAME[0]}"/>')
        parts.append(muted(f"{tick:g}", float(place), HEIGHT + 18, "middle"))
    parts.append(f'<path class="frame" d="M0 {coordinate(HEIGHT)}H{coordinate(WIDTH)}" stroke="{FRAME[0]}"/>')
    parts.append(muted("epoch", WIDTH / 2, HEIGHT + 36, "middle"))
    if best_epoch is not None:
        parts.append(f'<path class="frame" d="M{coordinate(WIDTH * x.place(best_epoch))} 0V{coordinate(HEIGHT)}" '
                     f'stroke="{FRAME[0]}" {DASHED}/>')
    for number, line in enumerate(lines):
        parts.append(_curve(number, line, epochs, x, y, thin=len(lines) > MOST and not named))
    if not named:
        return parts + _legend(lines, best_epoch)
    for row, entries in enumerate(reversed(named)):
        for number, left in entries:
            parts += _sample(number, lines[number], left, -12 - ROW * row, lines[number].label)
    return parts


def _sample(number: int, line: Curve, left: float, base: float, words: str) -> list[str]:
    """A stroke of a line's colour, and words behind it."""
    return [f'<g class="line{number}" stroke="{line.colour[0]}"><path d="M{coordinate(left)} {coordinate(base - 4)}h18" '
            'stroke-width="2.5" stroke-linecap="round"/></g>', ink(words, left + 25, base)]


def _curve(number: int, line: Curve, epochs: Sequence[float], x: Scale, y: Scale, thin: bool) -> str:
    points = [(WIDTH * x.place(e), HEIGHT * (1 - y.place(v))) if math.isfinite(v) else None
              for e, v in zip(epochs, line.values, strict=True)]
    pieces, pen = [], "M"
    for point in points:
        if point is not None:
            pieces.append(f"{pen}{coordinate(point[0])} {coordinate(point[1])}")
        pen = "M" if point is None else "L"
    parts = [f'<path d="{"".join(pieces)}" fill="none" stroke-width="{1.2 if thin else 2}" stroke-linejoin="round" '
             'stroke-linecap="round"/>']
    if len(points) <= DOTS and not thin:
        parts += [f'<circle cx="{coordinate(p[0])}" cy="{coordinate(p[1])}" r="2.4" stroke="none"/>'
                  for p in points if p is not None]
    colour = line.colour[0]
    return f'<g class="line{number}" stroke="{colour}" fill="{colour}">{"".join(parts)}</g>'


def _legend(lines: Sequence[Curve], best_epoch: int | None) -> list[str]:
    """One row above the frame: a stroke, the name and the last value of each line; the best epoch."""
    parts, left = [], 0.0
    for number, line in enumerate(lines):
        if len(lines) > MOST and 0 < number < len(lines) - 1:  # of many lines, the first and the last
            continue
        words = f"{line.label} {line.values[-1]:.4g}"
        parts += _sample(number, line, left, -12, words)
        left += 25 + text_width(words, SMALL) + 20
    if best_epoch is not None:
        parts.append(f'<path class="frame" d="M{coordinate(left)} -24v16" stroke="{FRAME[0]}" {DASHED}/>')
        parts.append(ink(f"best epoch {best_epoch}", left + 7, -12))
    return parts
