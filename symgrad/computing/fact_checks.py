"""Declared facts, checked on values: what a symbol promises must hold, up to rounding.

Arrays that hold NaN pass: a fact says nothing about them, and NaN is to pass through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from symgrad.graphs.errors import DataError


def check_fact(fact: str, name: str, value: np.ndarray) -> None:
    """Raises DataError unless `fact` holds for `value`, an array of numbers, up to the root of its precision."""
    value = np.asarray(value, dtype=float) if value.dtype.kind != "f" else value
    if not value.size or np.isnan(value).any():
        return
    scale = float(np.abs(value).max())
    tolerance = float(np.sqrt(np.finfo(value.dtype).eps)) * (scale if np.isfinite(scale) else 1.0)
    problem = CHECKS[fact](value, tolerance)
    if problem:
        raise DataError(f"{name} is declared {fact}, but {problem}")


def _worst(excess: np.ndarray, tolerance: float) -> tuple[int, ...] | None:
    """Where a matrix of deviations is largest, if that is too large."""
    at = np.unravel_index(int(excess.argmax()), excess.shape)
    return tuple(map(int, at)) if excess[at] > tolerance else None


def _zero(value: np.ndarray, outside: np.ndarray, tolerance: float) -> str | None:
    at = _worst(np.abs(np.where(outside, value, 0)), tolerance)
    return None if at is None else f"entry {at} is {value[at]:.6g}, not 0"


def _symmetric(value: np.ndarray, tolerance: float) -> str | None:
    at = _worst(np.abs(value - value.swapaxes(-1, -2)), tolerance)
    if at is None:
        return None
    mirrored = (*at[:-2], at[-1], at[-2])
    return f"entry {at} is {value[at]:.6g} and entry {mirrored} is {value[mirrored]:.6g}"


def _positive_definite(value: np.ndarray, tolerance: float) -> str | None:
    problem = _symmetric(value, tolerance)
    if problem:
        return problem
    try:
        np.linalg.cholesky(value)
    except np.linalg.LinAlgError:
        smallest = float(np.linalg.eigvalsh(value).min())
        return f"its smallest eigenvalue is {smallest:.6g}"
    return None


def _positive(value: np.ndarray, tolerance: float) -> str | None:
    at = np.unravel_index(int(value.argmin()), value.shape)
    return None if value[at] > 0 else f"entry {tuple(map(int, at))} is {value[at]:.6g}"


def _nonnegative(value: np.ndarray, tolerance: float) -> str | None:
    at = _worst(-value, tolerance)
    return None if at is None else f"entry {at} is {value[at]:.6g}"


def _orthogonal(value: np.ndarray, tolerance: float) -> str | None:
    n = value.shape[-1]
    at = _worst(np.abs(value.swapaxes(-1, -2) @ value - np.eye(n)), n * tolerance)
    return None if at is None else f"entry {at} of its transpose times itself is not that of the identity"


def _diagonal(value: np.ndarray, tolerance: float) -> str | None:
    return _zero(value, ~np.eye(value.shape[-1], dtype=bool), tolerance)


def _lower_triangular(value: np.ndarray, tolerance: float) -> str | None:
    return _zero(value, np.triu(np.ones(value.shape[-2:], bool), 1), tolerance)


def _simplex(value: np.ndarray, tolerance: float) -> str | None:
    problem = _nonnegative(value, tolerance)
    if problem:
        return problem
    sums = value.sum(axis=-1)
    at = _worst(np.abs(sums - 1), value.shape[-1] * tolerance)
    return None if at is None else f"the last axis at {at} sums to {sums[at]:.6g}, not 1"


CHECKS: Mapping[str, Callable[[np.ndarray, float], str | None]] = MappingProxyType({
    "symmetric": _symmetric, "positive_definite": _positive_definite, "positive": _positive, "nonnegative": _nonnegative,
    "orthogonal": _orthogonal, "diagonal": _diagonal, "lower_triangular": _lower_triangular, "simplex": _simplex,
})
