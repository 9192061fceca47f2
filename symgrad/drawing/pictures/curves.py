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
from symgrad.drawing.pictures.svg import clean, quoted
from symgrad.drawing.pictures.typeset import FONT_STACK, text_width

WIDTH, HEIGHT = 380.0, 230.0  # of the frame of one panel
LEFT, RIGHT, TOP, BOTTOM = 58.0, 20.0, 62.0, 48.0  # around the frame
SMALL, TITLE = 11.0, 14.0  # font sizes
ROW = 16.0  # between rows of a legend
TRAINING, VALIDATION = ("#2563eb", "#60a5fa"), ("#d97706", "#fbbf24")  # on white paper, in dark mode
APART = (TRAINING, VALIDATION, ("#059669", "#34d399"), ("#9333ea", "#c084fc"), ("#dc2626", "#f87171"),
         ("#0891b2", "#22d3ee"), ("#64748b", "#94a3b8"))
GRID, FRAME = ("#e2e8f0", "#253349"), ("#94a3b8", "#64748b")
UNDRAWN = ("epoch", "gradient_norm", "seconds")  # curves that have no panel
DASHED = 'stroke-dasharray="3 3"'
DOTS = 40  # epochs up to which every point is marked
MOST = 3  # lines that a legend names one by one
STEEP = 20  # ratio of the largest to the smallest value above which an axis is logarithmic


@dataclass(frozen=True)
class Curve:
    """One curve of a panel."""

    label: str
    colour: tuple[str, str]
    values: Sequence[float]


@dataclass(frozen=True)
class Scale:
    """From values to places in [0, 1], with ticks."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where `value` lies between the ends."""
        if self.logarithmic:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


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
        body.append(f'<g transform="translate({_n(i * step + LEFT)} {_n(TOP)})">')
        body += _panel(name, epochs, lines, best_epoch)
        body.append("</g>")
    words = f"{len(epochs)} epochs. " + ". ".join(
        f"{name.replace('_', ' ')} from {values[0]:.4g} to {values[-1]:.4g}" for name, values in curves.items()
        if name not in UNDRAWN and len(values))
    return _document(body, width, height, words, plain, "sg-curves", (TRAINING, VALIDATION))


def bundle_svg(title: str, epochs: Sequence[float], curves: Mapping[str, Sequence[float]]) -> str:
    """One panel with a curve for each of `curves`, coloured in their order from blue to red."""
    shades = [_shade(i / max(1, len(curves) - 1)) for i in range(len(curves))]
    lines = [Curve(name, shade, values) for (name, values), shade in zip(curves.items(), shades, strict=True)]
    body = [f'<g transform="translate({_n(LEFT)} {_n(TOP)})">', *_panel(title, epochs, lines, None), "</g>"]
    words = f"{title}, {len(epochs)} epochs. " + ". ".join(
        f"{name} from {values[0]:.4g} to {values[-1]:.4g}" for name, values in curves.items())
    return _document(body, LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM, words, False, "sg-bundle", shades)


def compared_svg(title: str, curves: Mapping[str, Sequence[float]], plain: bool = False) -> str:
    """One panel with a curve for each of `curves`, all of them named, in colours that are told apart; epochs from 1."""
    count = max(map(len, curves.values()))
    lines = [Curve(name, APART[i % len(APART)], [*values, *[math.nan] * (count - len(values))])
             for i, (name, values) in enumerate(curves.items())]
    rows = _rows_of_names(lines)
    top = TOP + ROW * (len(rows) - 1)
    panel = _panel(title, range(1, count + 1), lines, None, rows)
    body = [f'<g transform="translate({_n(LEFT)} {_n(top)})">', *panel, "</g>"]
    words = f"{title}, {count} epochs. " + ". ".join(
        f"{name} from {values[0]:.4g} to {values[-1]:.4g}" for name, values in curves.items())
    return _document(body, LEFT + WIDTH + RIGHT, top + HEIGHT + BOTTOM, words, plain, "sg-compared",
                     [line.colour for line in lines])


def _rows_of_names(lines: Sequence[Curve]) -> list[list[tuple[int, float]]]:
    """The numbers of the lines in rows of a legend, each with its place, as many in a row as fit."""
    rows: list[list[tuple[int, float]]] = [[]]
    left = 0.0
    for number, line in enumerate(lines):
        wide = 25 + text_width(line.label, SMALL)
        if rows[-1] and left + wide > WIDTH:
            rows.append([])
            left = 0.0
        rows[-1].append((number, left))
        left += wide + 16
    return rows


def _shade(place: float) -> tuple[str, str]:
    """A colour between those of the ends, on white paper and in dark mode."""
    def mixed(a: str, b: str) -> str:
        pairs = [(int(a[i:i + 2], 16), int(b[i:i + 2], 16)) for i in (1, 3, 5)]
        return "#" + "".join(f"{round(x + place * (y - x)):02x}" for x, y in pairs)

    return mixed(TRAINING[0], look.BACKWARD[0]), mixed(TRAINING[1], look.BACKWARD[1])


def _document(body: Sequence[str], width: float, height: float, words: str, plain: bool, name: str,
              colours: Sequence[tuple[str, str]]) -> str:
    size = f'viewBox="0 0 {_n(width)} {_n(height)}"'
    if not plain:
        size += f' width="{_n(width)}" height="{_n(height)}" style="max-width:100%;height:auto" role="img"'
        size += f" aria-label={quoted(words)}"
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" class="{name}" {size} font-family="{FONT_STACK}">']
    if not plain:
        head.append(f"<style>{_dark_mode(name, colours)}</style>")
    head.append(f'<rect class="paper" width="{_n(width)}" height="{_n(height)}" fill="{look.PAPER[0]}"/>')
    return "\n".join([*head, *body, "</svg>"]) + "\n"


def _panel(name: str, epochs: Sequence[float], lines: Sequence[Curve], best_epoch: int | None,
           named: Sequence[Sequence[tuple[int, float]]] = ()) -> list[str]:
    """A frame with axes and curves; `named` are the rows of a legend that names each curve, above the usual one's place."""
    known = [v for line in lines for v in line.values if math.isfinite(v)]
    y, x = _value_axis(known), _epoch_axis(epochs)
    title = name.replace("_", " ") + (" (logarithmic)" if y.logarithmic else "")
    parts = [_text(title, 0, -38 - ROW * max(len(named) - 1, 0), TITLE, look.INK[0], "ink", weight="bold")]
    for tick in y.ticks:
        height = _n(HEIGHT * (1 - y.place(tick)))
        parts.append(f'<path class="grid" d="M0 {height}H{_n(WIDTH)}" stroke="{GRID[0]}"/>')
        parts.append(_text(_label(tick, y), -8, float(height) + 4, SMALL, look.MUTED[0], "muted", "end"))
    for tick in x.ticks:
        place = _n(WIDTH * x.place(tick))
        parts.append(f'<path class="frame" d="M{place} {_n(HEIGHT)}v4" stroke="{FRAME[0]}"/>')
        parts.append(_text(f"{tick:g}", float(place), HEIGHT + 18, SMALL, look.MUTED[0], "muted", "middle"))
    parts.append(f'<path class="frame" d="M0 {_n(HEIGHT)}H{_n(WIDTH)}" stroke="{FRAME[0]}"/>')
    parts.append(_text("epoch", WIDTH / 2, HEIGHT + 36, SMALL, look.MUTED[0], "muted", "middle"))
    if best_epoch is not None:
        parts.append(f'<path class="frame" d="M{_n(WIDTH * x.place(best_epoch))} 0V{_n(HEIGHT)}" '
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
    return [f'<g class="line{number}" stroke="{line.colour[0]}"><path d="M{_n(left)} {_n(base - 4)}h18" '
            'stroke-width="2.5" stroke-linecap="round"/></g>', _text(words, left + 25, base, SMALL, look.INK[0], "ink")]


def _curve(number: int, line: Curve, epochs: Sequence[float], x: Scale, y: Scale, thin: bool) -> str:
    points = [(WIDTH * x.place(e), HEIGHT * (1 - y.place(v))) if math.isfinite(v) else None
              for e, v in zip(epochs, line.values, strict=True)]
    pieces, pen = [], "M"
    for point in points:
        if point is not None:
            pieces.append(f"{pen}{_n(point[0])} {_n(point[1])}")
        pen = "M" if point is None else "L"
    parts = [f'<path d="{"".join(pieces)}" fill="none" stroke-width="{1.2 if thin else 2}" stroke-linejoin="round" '
             'stroke-linecap="round"/>']
    if len(points) <= DOTS and not thin:
        parts += [f'<circle cx="{_n(p[0])}" cy="{_n(p[1])}" r="2.4" stroke="none"/>' for p in points if p is not None]
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
        parts.append(f'<path class="frame" d="M{_n(left)} -24v16" stroke="{FRAME[0]}" {DASHED}/>')
        parts.append(_text(f"best epoch {best_epoch}", left + 7, -12, SMALL, look.INK[0], "ink"))
    return parts


def _epoch_axis(epochs: Sequence[float]) -> Scale:
    first, last = epochs[0], epochs[-1]
    if first == last:
        return Scale(first - 1, last + 1, (first,))
    step = max(1.0, _step(last - first, 7))
    ticks = [k * step for k in range(math.ceil(first / step), math.floor(last / step) + 1) if k * step >= first]
    return Scale(first, last, tuple(ticks))


def _value_axis(values: Sequence[float]) -> Scale:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low > 0 and high / low > STEEP:
        ticks = [m * 10.0**k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
                 for m in ((1, 2, 5) if high / low < 1e3 else (1,))]
        bottom = max((t for t in ticks if t <= low * 1.02), default=low)
        top = min((t for t in ticks if t >= high / 1.02), default=high)
        return Scale(min(bottom, low), max(top, high), tuple(t for t in ticks if bottom <= t <= top), True)
    if low == high:
        low, high = low - max(abs(low), 1) / 2, high + max(abs(high), 1) / 2
    step = _step(high - low, 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(first * step, last * step, tuple(k * step for k in range(first, last + 1)))


def _step(span: float, most: int) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that gives at most `most` steps."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m * most >= span * (1 - 1e-9))


def _label(tick: float, axis: Scale) -> str:
    if axis.logarithmic or len(axis.ticks) < 2:
        return f"{tick:g}"
    digits = max(0, 1 - math.floor(math.log10(axis.ticks[1] - axis.ticks[0])))
    return f"{tick:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{tick:.0f}"


def _text(words: str, x: float, y: float, size: float, colour: str, name: str, anchor: str = "start",
          weight: str = "") -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return (f'<text class="{name}" x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" fill="{colour}" '
            f'text-anchor="{anchor}"{bold}>{clean(words)}</text>')


def _dark_mode(name: str, colours: Sequence[tuple[str, str]]) -> str:
    fills = {"paper": look.PAPER[1], "ink": look.INK[1], "muted": look.MUTED[1]}
    strokes = {"grid": GRID[1], "frame": FRAME[1], **{f"line{i}": dark for i, (_, dark) in enumerate(colours)}}
    rules = [f".{name} .{k}{{fill:{v}}}" for k, v in fills.items()]
    rules += [f".{name} .{k}{{stroke:{v}}}" for k, v in strokes.items()]
    rules += [f".{name} .{k} circle{{fill:{v}}}" for k, v in strokes.items() if k.startswith("line")]
    return "@media (prefers-color-scheme: dark){" + "".join(rules) + "}"


def _n(value: float) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
