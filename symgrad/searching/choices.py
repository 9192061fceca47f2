"""The space of `sg.search`: what a user may choose, as columns of numbers, and the choices that such columns stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from symgrad.graphs.errors import SymgradError
from symgrad.searching.space import Space

RANGES = ("uniform", "log", "int")
FORMS = "a list, ('uniform' | 'log', low, high) or ('int', low, high)"


@dataclass(frozen=True)
class Choices:
    """Names with what they may be: a list of entries, or the kind of a range and its ends."""

    kinds: Mapping[str, str]
    entries: Mapping[str, list[Any]]
    logs: Mapping[str, tuple[float, float]]  # the ends of what is even in the logarithm
    space: Space

    def at(self, point: np.ndarray) -> dict[str, Any]:
        """The choice that a point of the space stands for, in Python's own numbers."""
        found: dict[str, Any] = {}
        for (name, kind), x in zip(self.kinds.items(), point, strict=True):
            if kind == "list":
                found[name] = self.entries[name][int(x)]
            elif kind == "log":
                low, high = self.logs[name]
                within = min(max(math.exp(x), low), high)  # exp(log x) is x up to its last digit
                found[name] = low if x <= math.log(low) else high if x >= math.log(high) else within
            else:
                found[name] = int(x) if kind == "int" else float(x)
        return found

    @property
    def lists(self) -> list[str]:
        """The names whose values have no order."""
        return [name for name, kind in self.kinds.items() if kind == "list"]


def read(space: Any) -> Choices:
    """A user's dict as columns. Raises SymgradError for what is no list and no range."""
    if not isinstance(space, Mapping):
        raise SymgradError(f"search: the space is a dict from names to what they may be, not {type(space).__name__}")
    if not space:
        raise SymgradError(f"search: the space is empty; give names with what they may be: {FORMS}")
    kinds, entries, lows, highs, logs = {}, {}, [], [], {}
    for name, given in space.items():
        if not isinstance(name, str):
            raise SymgradError(f"search: names are texts, not {name!r}")
        kind, low, high = _column(name, given)
        kinds[name] = kind
        if kind == "list":
            entries[name] = list(given)
        if kind == "log":
            logs[name] = float(given[1]), float(given[2])
        lows.append(low)
        highs.append(high)
    bottom, top = np.array(lows), np.array(highs)
    whole = np.array([kind in ("list", "int") for kind in kinds.values()])
    choice = np.array([kind == "list" for kind in kinds.values()])
    return Choices(kinds, entries, logs, Space(bottom, top, whole, choice, bottom, top - bottom))


def _column(name: str, given: Any) -> tuple[str, float, float]:
    """The kind of one name, and the ends of its column."""
    if isinstance(given, tuple) and given and given[0] in RANGES:
        return _range(name, given)
    if isinstance(given, (list, range, np.ndarray)) or (isinstance(given, tuple) and not _seems_a_range(given)):
        if not len(given):
            raise SymgradError(f"search: the list of {name} is empty; there is nothing to choose")
        return "list", 0.0, float(len(given) - 1)
    raise SymgradError(f"search: {name} may be {given!r:.60}, which is no list and no range; write {FORMS}")


def _seems_a_range(given: tuple[Any, ...]) -> bool:
    """A word and two numbers, a range with a kind that is not known; or two numbers, which may be ends or all there is."""
    numbers = [isinstance(v, Real) and not isinstance(v, (bool, np.bool_)) for v in given]
    return numbers == [True, True] or (len(given) == 3 and isinstance(given[0], str) and all(numbers[1:]))


def _range(name: str, given: tuple[Any, ...]) -> tuple[str, float, float]:
    kind = given[0]
    if len(given) != 3 or any(isinstance(v, (bool, np.bool_)) or not isinstance(v, Real) for v in given[1:]):
        raise SymgradError(f"search: the range of {name} is {given!r}; write ({kind!r}, low, high) with two numbers")
    low, high = float(given[1]), float(given[2])
    if not (math.isfinite(low) and math.isfinite(high)):
        raise SymgradError(f"search: the range of {name} is {given!r}; both ends must be finite")
    if low >= high:
        swapped = "; are they swapped?" if low > high else f"; for one value, write [{given[1]!r}]"
        raise SymgradError(f"search: the range of {name} has low = {given[1]!r} and high = {given[2]!r}; low must be below "
                           f"high{swapped}")
    if kind == "log" and low <= 0:
        raise SymgradError(f"search: {name} has a 'log' range from {given[1]!r}, and logarithms need low > 0; 'uniform' "
                           "takes any")
    if kind == "int" and (low != int(low) or high != int(high)):
        raise SymgradError(f"search: the range of {name} is {given!r}; an 'int' range has whole ends")
    return (kind, math.log(low), math.log(high)) if kind == "log" else (kind, low, high)
