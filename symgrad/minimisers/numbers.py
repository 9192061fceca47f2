"""Options of `sg.minimize` that are numbers, checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.graphs.errors import SymgradError


def number_between(what: str, value: Any) -> float | None:
    """A number between 0 and 1, or None. Raises SymgradError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value < 1:
        raise SymgradError(f"minimize: {what} must be a number between 0 and 1, not {value!r}")
    return float(value)


def whole_number(what: str, value: Any, least: int) -> int | None:
    """A whole number of at least `least`, or None. Raises SymgradError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise SymgradError(f"minimize: {what} must be a whole number of at least {least}, not {value!r}")
    return int(value)
