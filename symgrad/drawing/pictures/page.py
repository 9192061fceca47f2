"""The page of a chart: its SVG document, light and dark, its texts and numbers.

Colours are attributes, so that every program that reads SVG shows them; the style sheet holds only what changes in dark
mode. A converter to PNG is given a plain page, without style sheet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import symgrad.drawing.pictures.palette as look
from symgrad.drawing.pictures.svg import clean, quoted
from symgrad.drawing.pictures.typeset import FONT_STACK, formula, text_width

SMALL, TITLE = 11.0, 14.0  # font sizes
ROW = 16.0  # between rows of a legend
GRID, FRAME = ("#e2e8f0", "#253349"), ("#94a3b8", "#64748b")
DASHED = 'stroke-dasharray="3 3"'
FILLS = {"paper": look.PAPER, "ink": look.INK, "muted": look.MUTED}


def chart_page(body: Sequence[str], width: float, height: float, words: str, plain: bool, name: str,
             colours: Sequence[tuple[str, str]] = (), motion: str = "") -> str:
    """A whole SVG document of class `name`; `words` is its text alternative, `motion` more of its style sheet."""
    size = f'viewBox="0 0 {coordinate(width)} {coordinate(height)}"'
    if not plain:
        size += f' width="{coordinate(width)}" height="{coordinate(height)}" style="max-width:100%;height:auto" role="img"'
        size += f" aria-label={quoted(words)}"
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" class="{name}" {size} font-family="{FONT_STACK}">']
    if not plain:
        head.append(f"<style>{_dark_mode(name, colours)}{motion}</style>")
    head.append(f'<rect class="paper" width="{coordinate(width)}" height="{coordinate(height)}" fill="{look.PAPER[0]}"/>')
    return "\n".join([*head, *body, "</svg>"]) + "\n"


def line_of_text(words: str, x: float, y: float, size: float, colour: str, name: str, anchor: str = "start",
         weight: str = "") -> str:
    """A line of text."""
    bold = f' font-weight="{weight}"' if weight else ""
    return (f'<text class="{name}" x="{coordinate(x)}" y="{coordinate(y)}" font-size="{coordinate(size)}" fill="{colour}" '
            f'text-anchor="{anchor}"{bold}>{clean(words)}</text>')


def ink(words: str, x: float, y: float, anchor: str = "start") -> str:
    """A line of a legend."""
    return line_of_text(words, x, y, SMALL, look.INK[0], "ink", anchor)


def muted(words: str, x: float, y: float, anchor: str = "middle") -> str:
    """A label of a tick or an axis."""
    return line_of_text(words, x, y, SMALL, look.MUTED[0], "muted", anchor)


def axis_name(words: str, latex: str, x: float, y: float, upright: bool = False) -> str:
    """The name of an axis around (x, y): typeset where it is a formula; `upright`: turned where it is long."""
    set_ = formula(latex, SMALL + 3) if latex else None
    wide = set_.width if set_ is not None else text_width(words, SMALL)
    turned = f"rotate(-90 {coordinate(x)} {coordinate(y)})" if upright and wide > 24 else ""
    if set_ is None:
        drawn = muted(words, x, y + 4)
    else:
        parts = [f'<path transform="translate({coordinate(g.x)} {coordinate(g.y)})scale({g.scale:.4g})" d="{g.outline}"/>'
                 for g in set_.glyphs]
        for rule in set_.rules:
            a, b, w, h = map(coordinate, rule)
            parts.append(f'<rect x="{a}" y="{b}" width="{w}" height="{h}"/>')
        place = f"translate({coordinate(x - set_.width / 2)} {coordinate(y + 4)})"
        drawn = f'<g class="ink" fill="{look.INK[0]}" transform="{place}"><title>{clean(words)}</title>{"".join(parts)}</g>'
    return f'<g transform="{turned}">{drawn}</g>' if turned else drawn


def rows_of_names(names: Sequence[str], wide: float, sample: float = 25.0) -> list[list[tuple[int, float]]]:
    """The numbers of the names in rows of a legend, each with its place, as many in a row as fit."""
    rows: list[list[tuple[int, float]]] = [[]]
    left = 0.0
    for number, name in enumerate(names):
        width = sample + text_width(name, SMALL)
        if rows[-1] and left + width > wide:
            rows.append([])
            left = 0.0
        rows[-1].append((number, left))
        left += width + 16
    return rows


def _dark_mode(name: str, colours: Sequence[tuple[str, str]]) -> str:
    strokes: Mapping[str, str] = {"grid": GRID[1], "frame": FRAME[1],
                                  **{f"line{i}": dark for i, (_, dark) in enumerate(colours)}}
    rules = [f".{name} .{k}{{fill:{v[1]}}}" for k, v in FILLS.items()]
    rules += [f".{name} .{k}{{stroke:{v}}}" for k, v in strokes.items()]
    rules += [f".{name} .{k} circle{{fill:{v}}}" for k, v in strokes.items() if k.startswith("line")]
    return "@media (prefers-color-scheme: dark){" + "".join(rules) + "}"


def coordinate(value: float) -> str:
    """A coordinate with two decimals.

    >>> coordinate(2.50), coordinate(-0.001)
    ('2.5', '0')
    """
    words = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if words == "-0" else words
