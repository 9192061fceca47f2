"""`sg.heatmap`: numbers over a grid as filled contours, or regions of a plane in a colour each."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad.drawing.pictures.charts import Chart, checked_chart
from symgrad.drawing.pictures.heights import SCALES, heights_of
from symgrad.drawing.pictures.relief import map_svg
from symgrad.drawing.pictures.terrain import Direction, Spot, Terrain, Trail
from symgrad.graphs.errors import DataError, SymgradError

EVEN = 1e-6  # of the range: how far a point may lie beside its place


def heatmap(values: Any, x: Any, y: Any, names: Sequence[str] = ("x", "y"), name: str = "", title: str = "",
            regions: Any = None, dots: Mapping[str, Any] | None = None, paths: Mapping[str, Any] | None = None,
            points: Mapping[str, Any] | None = None, scale: str = "auto",
            path: str | os.PathLike[str] | None = None) -> Chart:
    """Draw numbers over a grid, `values[i, j]` at `y[i]` and `x[j]`, evenly spaced: filled contours with a colour bar.

    With `regions`, whole numbers of the same shape, each point has the colour of its region, darker where its value is
    large, and none where the number is negative; `values` may then be None. `dots` are rows (x, y, value) by name, filled
    with the colour of their own value: measurements that agree with the map are seen by their rims alone. `paths` are rows
    (x, y) by name, `points` rows (x, y) by their kind: "minimum", "maximum", "saddle" or "degenerate". `names` are those of
    the axes, LaTeX between dollars; `name` is that of the values. NaN is left blank.

    Raises SymgradError for shapes that do not fit, axes that are not even, numbers of which none is finite.

    >>> import symgrad as sg
    >>> x = np.linspace(-1, 1, 21)
    >>> sg.heatmap(x[:, None] ** 2 + x**2, x, x, name="height")
    <Chart: height over x from -1 to 1 and y from -1 to 1, between 0 and 2>
    """
    place = None if path is None else checked_chart(path)
    if scale not in SCALES:
        raise SymgradError(f"heatmap: scale is {scale!r}; one of {', '.join(SCALES)} would do")
    kinds = None if regions is None else _grid("regions", regions)
    if values is None and kinds is None:
        raise DataError("heatmap: there are no values")
    grid = np.zeros(kinds.shape) if values is None else _grid("values", values)  # type: ignore[union-attr]
    if kinds is not None and kinds.shape != grid.shape:
        raise DataError(f"heatmap: the regions have shape {kinds.shape}, the values {grid.shape}")
    if not np.isfinite(grid).any():
        raise DataError("heatmap: none of the values is finite")
    if not isinstance(names, (tuple, list)) or len(names) != 2:
        raise DataError(f"heatmap: names are a pair, one for each axis, not {names!r:.60}")
    across, up = (_axis(words, each, count) for words, each, count in zip(names, (x, y), grid.shape[::-1], strict=True))
    heights = heights_of(grid, scale=scale)
    trails = tuple(Trail(str(key), _rows("path", key, rows, 2)) for key, rows in (paths or {}).items())
    spots = tuple(Spot(_kind(kind), float(row[0]), float(row[1]), kind) for kind, rows in (points or {}).items()
                  for row in _rows("point", kind, rows, 2))
    terrain = Terrain(across, up, grid, heights, name, trails, spots)
    measured = {str(key): _rows("dot", key, rows, 3) for key, rows in (dots or {}).items()}
    where = " and ".join(f"{each.name} from {each.low:.4g} to {each.high:.4g}" for each in (across, up))
    what = name or ("values" if kinds is None else "regions")
    words = title or (f"{what} over {where}, between {heights.low:.4g} and {heights.high:.4g}" if kinds is None
                      else f"{len(np.unique(kinds[kinds >= 0]))} {what} over {where}")
    shown = None if kinds is None else kinds.astype(int)
    arguments = (terrain, words, title, shown, measured)
    picture = Chart(map_svg(*arguments), words, partial(map_svg, *arguments, plain=True))
    if place is not None:
        picture.save(place)
    return picture


def _grid(what: str, given: Any) -> np.ndarray:
    try:
        array = np.asarray(given, float)
    except (TypeError, ValueError):
        raise DataError(f"heatmap: the {what} are no array of numbers") from None
    if array.ndim != 2 or min(array.shape) < 2:
        raise DataError(f"heatmap: the {what} have shape {array.shape}; a row for each y and a column for each x are "
                        "needed, two of each at least")
    return array


def _axis(words: str, given: Any, count: int) -> Direction:
    places = np.asarray(given, float)
    if places.ndim != 1 or len(places) not in (2, count):
        raise DataError(f"heatmap: the axis {words} has shape {places.shape}; its {count} places, or its two ends, are "
                        "needed")
    low, high = float(places[0]), float(places[-1])
    if not (np.isfinite(places).all() and high > low):
        raise DataError(f"heatmap: the axis {words}, from {low:g} to {high:g}, does not rise")
    if np.abs(places - np.linspace(low, high, len(places))).max() > EVEN * (high - low):
        raise DataError(f"heatmap: the places on the axis {words} are not evenly spaced; give their logarithms where they "
                        "are powers")
    plain = words.strip("$")
    return Direction(low, high, plain, plain if words.startswith("$") else "")


def _rows(what: str, name: str, given: Any, width: int) -> np.ndarray:
    rows = np.asarray(given, float)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise DataError(f"heatmap: the {what}s {name!r} have shape {rows.shape}; rows of {width} numbers are needed")
    return rows


def _kind(kind: str) -> str:
    if kind not in ("minimum", "maximum", "saddle", "degenerate"):
        raise DataError(f"heatmap: points of kind {kind!r}; minimum, maximum, saddle and degenerate have marks")
    return kind
