"""A terrain as one picture: contours with their colour bar, the surface beside them, one legend above both."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from symgrad.drawing.pictures.heights import shades, web
from symgrad.drawing.pictures.page import ROW, SMALL, TITLE, chart_page, coordinate, ink, line_of_text
from symgrad.drawing.pictures.palette import INK
from symgrad.drawing.pictures.raster import regions_image
from symgrad.drawing.pictures.surface import WIDTH, surface
from symgrad.drawing.pictures.terrain import BARS, BOTTOM, GAP, LEFT, SIDE, Terrain, colour_bar, contours, frame, margin
from symgrad.drawing.pictures.trails import drawn_trails, legend, marked, motion, placed, signs
from symgrad.drawing.pictures.typeset import text_width

VIEWS = ("both", "contour", "surface")


def relief_svg(terrain: Terrain, words: str, view: str = "both", title: str = "", moving: bool = False,
               plain: bool = False) -> str:
    """The picture of a terrain as one SVG document; `view` is one of `VIEWS`."""
    left = margin(terrain.y) if view != "surface" else LEFT
    flat = left + SIDE + GAP + BARS if view != "surface" else GAP
    width = flat + (WIDTH if view != "contour" else 0.0)
    rows = legend(terrain.trails, terrain.spots, width - left - GAP, terrain.where)
    top = 30.0 + ROW * len(rows) + (26 if title else 0)
    moving = moving and not plain and view != "surface" and bool(terrain.trails)
    body = [f'<g transform="translate({coordinate(left)} {coordinate(top)})">', signs(terrain.spots), *placed(rows, -26.0)]
    if title:
        body.append(line_of_text(title, 0, 22 - top, TITLE, INK[0], "ink", weight="bold"))
    if view != "surface":
        body += [*contours(terrain), *drawn_trails(terrain, moving), *frame(terrain.x, terrain.y)]
        body += [marked(spot, terrain.at(np.array([[spot.x, spot.y]]))[0], len(terrain.spots)) for spot in terrain.spots]
        body += colour_bar(terrain.heights, terrain.name)
    body.append("</g>")
    if view != "contour":
        body += [f'<g transform="translate({coordinate(flat)} {coordinate(top)})">', *surface(terrain), "</g>"]
    return chart_page(body, width, top + SIDE + BOTTOM, words, plain, "sg-landscape", (), motion(terrain) if moving else "")


def map_svg(terrain: Terrain, words: str, title: str, regions: np.ndarray | None, dots: Mapping[str, np.ndarray],
            plain: bool = False) -> str:
    """A map without a surface: contours or regions, and measured dots filled with the colour of their own value."""
    left = margin(terrain.y)
    width = left + SIDE + GAP + (BARS if regions is None else GAP)
    rows = [*legend(terrain.trails, terrain.spots, width - left - GAP)]
    if dots:
        place, row = 0.0, []
        for name in dots:
            row.append(f'<g transform="translate({coordinate(place)} 0)">{_dot(9, -4, "none")}{ink(name, 25, 0)}</g>')
            place += 41 + text_width(name, SMALL)
        rows.append(row)
    top = 30.0 + ROW * len(rows) + (26 if title else 0)
    base = -26.0 if regions is None else -14.0
    body = [f'<g transform="translate({coordinate(left)} {coordinate(top)})">', signs(terrain.spots),
            *placed(rows, base)]
    if title:
        body.append(line_of_text(title, 0, 22 - top, TITLE, INK[0], "ink", weight="bold"))
    shown = contours(terrain) if regions is None else [regions_image(regions, terrain.heights.place(terrain.values)
                                                                     if terrain.heights.levels else None)]
    body += [*shown, *drawn_trails(terrain, False), *frame(terrain.x, terrain.y)]
    for measured in dots.values():
        colours = shades(np.nan_to_num(terrain.heights.place(measured[:, 2]), nan=0.5))
        body += [_dot(x, y, web(colour)) for (x, y), colour in zip(terrain.at(measured[:, :2]), colours, strict=True)]
    body += [marked(spot, terrain.at(np.array([[spot.x, spot.y]]))[0], len(terrain.spots)) for spot in terrain.spots]
    if regions is None:
        body += colour_bar(terrain.heights, terrain.name)
    return chart_page([*body, "</g>"], width, top + SIDE + BOTTOM, words, plain, "sg-map")


def _dot(x: float, y: float, fill: str) -> str:
    return (f'<circle class="dot" cx="{coordinate(x)}" cy="{coordinate(y)}" r="5" fill="{fill}" stroke="#ffffff" '
            f'stroke-width="2.4"/><circle cx="{coordinate(x)}" cy="{coordinate(y)}" r="5" fill="none" stroke="#0f172a"/>')
