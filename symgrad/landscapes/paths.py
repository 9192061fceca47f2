"""Histories as paths over a plane: what a user gives, under a name each, as rows of coordinates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.graphs.errors import DataError
from symgrad.landscapes.given import Finished, Travelled, Walked, is_named
from symgrad.landscapes.plane import Plane

FORMS = "a History with iterates .x, a list of dicts from names to arrays, or rows of two coordinates"


def paths_of(histories: Any, plane: Plane) -> dict[str, np.ndarray]:
    """The paths by name, rows (a, b); one history, a list of them or a dict of names. Raises DataError."""
    if histories is None:
        return {}
    if is_named(histories):
        histories = dict(histories)
    if isinstance(histories, Mapping) and not set(histories) & {str(x.name) for x in plane.objective.variables}:
        named = {str(name): each for name, each in histories.items()}
    elif isinstance(histories, (list, tuple)) and not _is_path(histories):
        named = {}
        for i, each in enumerate(histories, 1):
            name = each.method if isinstance(each, Finished) else str(i)
            named[name if name not in named else f"{name} {i}"] = each
    else:
        named = {"": histories}
    return {name: _path(name, each, plane) for name, each in named.items()}


def _is_path(given: Any) -> bool:
    """Is this list one path, not several?"""
    return not len(given) or isinstance(given[0], Mapping) or _is_pair(given[0])


def _is_pair(given: Any) -> bool:
    return isinstance(given, (list, tuple, np.ndarray)) and len(given) == 2 and all(np.isscalar(c) for c in given)


def _path(name: str, given: Any, plane: Plane) -> np.ndarray:
    which = f"the history {name!r}" if name else "the history"
    history = given.history if isinstance(given, Finished) else given
    accepted = history.curves.get("accepted") if isinstance(history, Walked) else None
    if isinstance(history, Walked) and not (isinstance(history, Travelled) and len(history.x)):
        raise DataError(f"landscape: {which} keeps no iterates; give {FORMS}")
    points = history.x if isinstance(history, Travelled) else history
    if not isinstance(points, (list, tuple, np.ndarray)) or len(points) == 0:
        raise DataError(f"landscape: {which} has no point; give {FORMS}")
    rows = _rows(which, list(points), plane)
    if accepted is not None and len(accepted) == len(rows):
        rows = rows[np.asarray(accepted, bool)]
    return rows


def _rows(which: str, points: Sequence[Any], plane: Plane) -> np.ndarray:
    if all(isinstance(p, Mapping) for p in points):
        variables = plane.objective.variables
        flat = []
        for i, point in enumerate(points):
            parts = []
            for x, shape in zip(variables, plane.objective.shapes, strict=True):
                if x.name not in point and x not in point:
                    raise DataError(f"landscape: point {i} of {which} has no {x.name!r}; it holds "
                                    f"{', '.join(map(str, point)) or 'nothing'}")
                array = np.asarray(point[x.name] if x.name in point else point[x], float)
                if array.shape != shape:
                    raise DataError(f"landscape: point {i} of {which} has shape {array.shape} for {x.name!r}, whose value "
                                    f"has shape {shape}")
                parts.append(array)
            flat.append(plane.objective.joined(parts))
        return plane.coordinates(np.array(flat))
    try:
        rows = np.asarray(points, float)
    except (TypeError, ValueError):
        rows = np.zeros(0)
    if rows.ndim != 2 or rows.shape[1] != 2:
        raise DataError(f"landscape: {which} is none of these: {FORMS}")
    return rows
