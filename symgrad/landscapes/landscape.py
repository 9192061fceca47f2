"""`sg.landscape`: a loss over two parameters or two directions, as contours and as a surface."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from symgrad.drawing.pictures.charts import Chart, checked_chart
from symgrad.drawing.pictures.heights import SCALES, heights_of
from symgrad.drawing.pictures.relief import VIEWS, relief_svg
from symgrad.drawing.pictures.terrain import Direction, Spot, Terrain, Trail
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.landscapes.critical import Stationary, stationary_points_of
from symgrad.landscapes.paths import paths_of
from symgrad.landscapes.plane import Plane, plane
from symgrad.landscapes.window import window
from symgrad.language.tensor import Tensor
from symgrad.minimising.stationary import closed

POINTS = 91  # of the grid, on a side
COARSE, EFFORT = 17, 5e9  # at least so many where a loss is slow; operations that a grid may take
FEWEST, MOST = 3, 1001


@dataclass(frozen=True, repr=False)
class Landscape(Chart):
    """A picture made by `sg.landscape`: `.svg`, `.png()`, `.save(path)`; it shows itself in a notebook.

    `stationary` are the points found in the range: each has `.kind` ("minimum", "maximum", "saddle", "degenerate"),
    `.place` (both coordinates) and `.loss`. `x`, `y` and `losses` (one row for each y) are the grid, NaN where the loss
    has no finite value; `words` says what is seen.
    """

    stationary: tuple[Stationary, ...] = ()
    x: np.ndarray = None  # type: ignore[assignment]
    y: np.ndarray = None  # type: ignore[assignment]
    losses: np.ndarray = None  # type: ignore[assignment]


def landscape(loss: Any, axes: Any, values: Any = None, data: Mapping[Any, Any] | None = None, histories: Any = None,
              path: str | os.PathLike[str] | None = None, limits: Any = None, scale: str = "auto", view: str = "both",
              animate: bool = False, title: str = "", resolution: int | None = None) -> Landscape:
    """Draw a scalar loss over two parameters: contours and a surface, paths of minimisers, stationary points by kind.

    `axes` are two scalar parameters `(p, q)` (their names will do), two entries `(w[0], w[1])`, or two directions in the
    space of all, dicts from names to arrays: then the parameters are `values + a first + b second`. `values` and `data` are
    dicts by name that hold all other symbols; a pair or an array as the value of an axis is its range. `histories` are
    paths: a `History` with iterates, a list of dicts or rows of coordinates, or a dict of such by name; points that a
    method rejected are not drawn. `path` (.svg, .png) writes the picture.

    The range follows the paths and values with a margin, unless `limits=((low, high), (low, high))` or a dict sets it.
    Levels are decades where most values lie low (`scale="linear"` or `"log"` decides otherwise); where the loss has no
    finite value the picture is blank. Stationary points are found by Newton's method from cells of the grid where the
    gradient changes sign; those of a section (other parameters are held) are stationary within it. `view` is "both",
    "contour" or "surface"; `animate=True` lets the paths move, without a script, for readers who did not ask for less
    motion.
    `resolution` is the number of points on a side: 91, fewer where a loss takes long.

    Raises SymgradError: for an axis that is no scalar (ShapeError) or does not occur, parallel directions, missing values
    (DataError), an empty range, a loss that is finite nowhere in it.

    >>> import symgrad as sg
    >>> p, q = sg.parameter("p"), sg.parameter("q")
    >>> picture = sg.landscape((p**2 + q - 11) ** 2 + (p + q**2 - 7) ** 2, (p, q))
    >>> picture
    <Landscape: loss over p from -5 to 5 and q from -5 to 5: 4 minima, 1 maximum, 4 saddles>
    >>> [round(float(x), 3) for x in picture.stationary[0].place]
    [3.0, 2.0]
    """
    place = None if path is None else checked_chart(path)
    target = closed(loss, "landscape")
    _check_choices(scale, view, resolution)
    known, spread = _point(axes, values, data)
    ground = plane(target, axes, known)
    spread = [c if s is None else s for s, c in zip(spread, ground.centre, strict=True)]
    paths = paths_of(histories, ground)
    along = [ground.losses(path) for path in paths.values()]
    ranges = window(ground.names, limits, spread, ground.about, list(paths.values()), along)
    count = resolution or int(np.clip((EFFORT / ground.objective.work) ** 0.5, COARSE, POINTS))
    x, y = (np.linspace(*each, count) for each in ranges)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    losses = ground.losses(grid).reshape(len(y), len(x))
    if not np.isfinite(losses).any():
        raise DataError(f"landscape: the loss is finite nowhere for {ground.names[0]} from {x[0]:g} to {x[-1]:g} and "
                        f"{ground.names[1]} from {y[0]:g} to {y[-1]:g}; limits= moves the range")
    found = stationary_points_of(ground, x, y, losses)
    name = target.name or "loss"
    across, up = (Direction(*each, words, latex) for each, words, latex in
                  zip(ranges, ground.names, ground.latex, strict=True))
    heights = heights_of(losses, min((f.loss for f in found), default=np.inf), scale)
    spots = tuple(Spot(f.kind, *f.place, f"{f.kind}: {ground.names[0]} = {f.place[0]:.6g}, {ground.names[1]} = "
                       f"{f.place[1]:.6g}, {name} {f.loss:.6g}") for f in found)
    terrain = Terrain(across, up, losses, heights, name, tuple(Trail(*each) for each in paths.items()), spots,
                      "" if ground.objective.size == 2 else " in this plane")
    words = _told(ground, name, ranges, found, paths)
    picture = Landscape(relief_svg(terrain, words, view, title, animate), words,
                        partial(relief_svg, terrain, words, view, title, plain=True), tuple(found), x, y, losses)
    if place is not None:
        picture.save(place)
    return picture


def _check_choices(scale: str, view: str, resolution: int | None) -> None:
    for name, value, choices in (("scale", scale, SCALES), ("view", view, VIEWS)):
        if value not in choices:
            raise SymgradError(f"landscape: {name} is {value!r}; one of {', '.join(choices)} would do")
    whole = isinstance(resolution, int) and not isinstance(resolution, bool)
    if resolution is not None and not (whole and FEWEST <= resolution <= MOST):
        raise SymgradError(f"landscape: resolution is the number of points on a side, from {FEWEST} to {MOST}, "
                           f"not {resolution!r}")


def _point(axes: Any, values: Any, data: Mapping[Any, Any] | None) -> tuple[dict[Any, Any], list[Any]]:
    """All values in one dict, and what is given for the two coordinates."""
    tensors = isinstance(axes, (tuple, list)) and all(isinstance(a, (Tensor, str)) for a in axes)
    if values is not None and not isinstance(values, Mapping):
        if not tensors or not isinstance(values, (tuple, list, np.ndarray)) or len(values) != len(axes):
            raise DataError(f"landscape: values are a dict from names to arrays, not {type(values).__name__}")
        values = dict(zip(axes, values, strict=True))
    if data is not None and not isinstance(data, Mapping):
        raise DataError(f"landscape: data are a dict from names to arrays, not {type(data).__name__}")
    known = {**(data or {}), **(values or {})}
    if not tensors:
        return known, [None, None]
    return known, [_spread(axis, known) for axis in axes]


def _spread(axis: Tensor | str, known: Mapping[Any, Any]) -> Any:
    """What is given for a scalar axis: its value, or its range."""
    name = axis if isinstance(axis, str) else axis.name
    value = known.get(axis, known.get(name) if name else None)
    if value is None:
        return None
    try:
        return np.asarray(value, float)
    except (TypeError, ValueError):
        raise DataError(f"landscape: the value of {name} is a number, or numbers that are its range, not "
                        f"{value!r:.60}") from None


def _told(ground: Plane, name: str, ranges: Any, found: list[Stationary], paths: Mapping[str, np.ndarray]) -> str:
    """What is seen, in words."""
    where = " and ".join(f"{n} from {low:.4g} to {high:.4g}" for n, (low, high) in zip(ground.names, ranges, strict=True))
    plural = {"minimum": "minima", "maximum": "maxima", "saddle": "saddles", "degenerate": "degenerate points"}
    counts = {kind: sum(f.kind == kind for f in found) for kind in plural}
    kinds = [f"{n} {plural[kind] if n > 1 else kind}" for kind, n in counts.items() if n]
    names = [p for p in paths if p]
    more = [", ".join(kinds)] if kinds else []
    more += [f"the path{'s' if len(names) > 1 else ''} of {', '.join(names)}"] if names else []
    return f"{name} over {where}" + (": " + "; ".join(more) if more else "")
