"""Which part of a plane is shown: what was asked for, else what holds the paths and the point, with a margin.

A path that runs away does not set the scale: what counts are its points where the loss is not above that of its start, and
what lies about them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.graphs.errors import SymgradError

MARGIN, FAR = 0.18, 3.0  # beside paths, in parts of what they span; beyond so many spans a path runs away
REACH = 5.0  # around a single point
Range = tuple[float, float]


def window(names: Sequence[str], limits: Any, spread: Sequence[Any], about: bool, paths: Sequence[np.ndarray],
           losses: Sequence[np.ndarray]) -> tuple[Range, Range]:
    """The ranges of both coordinates. `spread` holds what is given for each: None, a number, or numbers that are the range.

    `losses` are those along the paths. Raises SymgradError for a range that is empty or not finite.
    """
    asked = _asked(names, limits)
    with np.errstate(invalid="ignore"):
        points = [path[np.r_[True, each[1:] <= each[0]]] for path, each in zip(paths, losses, strict=True)]
    if points:
        middle, size = _box(np.vstack(points))
        for path in paths:
            near = (np.abs(path - middle) <= FAR * np.maximum(size, 1e-300)).all(axis=1)
            points.append(path[near])
    found = [_range(names[k], asked[k], spread[k], about, [p[:, k] for p in points]) for k in (0, 1)]
    return found[0], found[1]


def _box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known):
        return np.zeros(2), np.zeros(2)
    return (known.min(axis=0) + known.max(axis=0)) / 2, known.max(axis=0) - known.min(axis=0)


def _range(name: str, asked: Any, spread: Any, about: bool, columns: Sequence[np.ndarray]) -> Range:
    if asked is not None:
        return _checked(name, asked)
    given = [] if spread is None else np.ravel(np.asarray(spread, float)).tolist()
    if len(given) > 1:
        return _checked(name, (min(given), max(given)))
    known = np.concatenate([np.asarray(given, float), *columns])
    known = known[np.isfinite(known)]
    if not len(known):
        return (-1.0, 1.0) if about else (-REACH, REACH)
    low, high = float(known.min()), float(known.max())
    if high - low > 1e-12 * max(abs(low), abs(high)):
        margin = MARGIN * (high - low)
        return low - margin, high + margin
    reach = 1.0 if about else 2 * abs(low) if 0 < abs(low) < 0.1 else max(REACH, 1.5 * abs(low))
    return low - reach, low + reach


def _asked(names: Sequence[str], limits: Any) -> tuple[Any, Any]:
    if limits is None:
        return None, None
    if isinstance(limits, Mapping):
        keys = [str(getattr(key, "name", None) or key) for key in limits]
        for key in keys:
            if key not in names:
                raise SymgradError(f"landscape: limits name {key!r}; the axes are {names[0]} and {names[1]}")
        by_name = dict(zip(keys, limits.values(), strict=True))
        return by_name.get(names[0]), by_name.get(names[1])
    try:
        first, second = limits
        if np.shape(first) == (2,) and np.shape(second) == (2,):
            return first, second
    except (TypeError, ValueError):
        pass
    raise SymgradError(f"landscape: limits are two pairs, such as ((-2, 2), (-1, 3)), not {limits!r:.60}")


def _checked(name: str, pair: Any) -> Range:
    try:
        low, high = (float(end) for end in pair)
    except (TypeError, ValueError):
        raise SymgradError(f"landscape: the range of {name} is a pair (low, high), not {pair!r:.60}") from None
    if not (math.isfinite(low) and math.isfinite(high)):
        raise SymgradError(f"landscape: the range of {name}, from {low:g} to {high:g}, is not finite")
    if not high - low > 1e-12 * max(abs(low), abs(high)):
        raise SymgradError(f"landscape: the range of {name}, from {low:g} to {high:g}, is empty; the first end must be the "
                           "lower one")
    return low, high
