"""The sets that a variable may be kept in: the nearest point of each, and the point of each where a linear loss is least.

Users name them: "nonnegative", "simplex" (along the last axis), "orthogonal" (orthonormal columns, or rows where they are
fewer), ("ball", r), ("box", low, high). Bounds are a box.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.descent.objective import Objective
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.facts import (
    DIAGONAL,
    LOWER_TRIANGULAR,
    NONNEGATIVE,
    ORTHOGONAL,
    POSITIVE_DEFINITE,
    SIMPLEX,
    SYMMETRIC,
    facts_of,
)
from symgrad.graphs.node import Node
from symgrad.minimisers.problem import Problem

BROKEN = 1e-7  # relative: farther than this from a set is outside of it
NAMES = '"nonnegative", "simplex", "orthogonal", ("ball", radius), ("box", low, high)'


@dataclass(frozen=True)
class Region:
    """A set of arrays of one shape.

    `nearest(x)` is the point of the set nearest to x. `least(g, x)` is the point where the sum of g z is least, None where
    there is none; entries that do not count stay as in x.
    """

    text: str
    nearest: Callable[[np.ndarray], np.ndarray]
    least: Callable[[np.ndarray, np.ndarray], np.ndarray | None]
    convex: bool = True

    @property
    def boxed(self) -> bool:
        """Is each entry kept between two ends of its own?"""
        return self.text in ("nonnegative", "a box")


def region(name: str, said: Any, shape: tuple[int, ...]) -> Region:
    """A set by what a user said of the variable `name`. Raises SymgradError and DataError for what does not fit.

    >>> region("p", "simplex", (3,)).nearest(np.array([0.2, 1.5, -1.0]))
    array([0., 1., 0.])
    """
    kind, *more = said if isinstance(said, (tuple, list)) else (said,)
    if kind == "nonnegative" and not more:
        return Region("nonnegative", lambda x: np.maximum(x, 0.0), _least_nonnegative)
    if kind == "simplex" and not more:
        if not shape:
            raise DataError(f"minimize: {name} is a number, so it cannot be kept on a simplex; that takes an axis")
        return Region("simplex", on_simplex, lambda g, x: np.eye(g.shape[-1])[g.argmin(-1)])
    if kind == "orthogonal" and not more:
        if len(shape) < 2:
            raise DataError(f"minimize: {name} of shape {shape} is no matrix, so it cannot be kept orthogonal")
        return Region("orthogonal", polar, lambda g, x: polar(-g), convex=False)
    if kind == "ball":
        if len(more) != 1 or isinstance(more[0], bool) or not isinstance(more[0], (int, float, np.number)) or not (
                0 < more[0] < np.inf):
            shown = ", ".join(map(repr, more)) or "none"
            raise DataError(f"minimize: the ball of {name} takes one radius, a positive number, not {shown}")
        radius = float(more[0])
        return Region(f"the ball of radius {radius:g}", lambda x: _shortened(x, radius),
                      lambda g, x: x if not g.any() else -radius * g / np.linalg.norm(g))
    if kind == "box":
        return _box(name, more, shape)
    raise SymgradError(f"minimize: {name} cannot be kept in {said!r:.60}; the sets are {NAMES}")


def regions_of(problem: Problem) -> list[Region | None]:
    """The set of each variable, by constraints, bounds or what is declared; None where it is free."""
    found: list[Region | None] = []
    f = problem.objective
    lows = f.pieces(problem.low) if problem.low is not None else [None] * len(f.shapes)
    highs = f.pieces(problem.high) if problem.high is not None else [None] * len(f.shapes)
    for (name, x), shape, low, high in zip(problem.variables.items(), f.shapes, lows, highs, strict=True):
        bounded = low is not None and high is not None and (np.isfinite(low).any() or np.isfinite(high).any())
        if name in problem.sets and bounded:
            raise SymgradError(f"minimize: {name} has bounds and a set; one of both is what can be kept")
        said = problem.sets.get(name, ("box", low, high) if bounded else None)
        found.append(_declared(x.node) if said is None else region(name, said, shape))
    return found


DECLARED: Mapping[str, Region] = {
    SIMPLEX: Region("simplex", lambda x: on_simplex(x), lambda g, x: np.eye(g.shape[-1])[g.argmin(-1)]),
    ORTHOGONAL: Region("orthogonal", lambda x: polar(x), lambda g, x: polar(-g), convex=False),
    NONNEGATIVE: Region("nonnegative", lambda x: np.maximum(x, 0.0), lambda g, x: _least_nonnegative(g, x)),
    POSITIVE_DEFINITE: Region("positive definite", lambda x: _without_negative(x), lambda g, x: None),
    DIAGONAL: Region("diagonal", lambda x: x * np.eye(x.shape[-1]), lambda g, x: None),
    LOWER_TRIANGULAR: Region("lower triangular", np.tril, lambda g, x: None),
    SYMMETRIC: Region("symmetric", lambda x: (x + np.swapaxes(x, -1, -2)) / 2, lambda g, x: None)}


def _declared(x: Node) -> Region | None:
    """The set that is declared of a symbol: the first fact that says most."""
    return next((r for fact, r in DECLARED.items() if fact in facts_of(x)), None)


def undeclared(problem: Problem, x: np.ndarray) -> str:
    """What a point lacks that is declared of the variables, in words; empty where it lacks nothing."""
    f = problem.objective
    lacking = []
    for (name, t), piece in zip(problem.variables.items(), f.pieces(x), strict=True):
        r = _declared(t.node)
        if r is not None and name not in problem.sets and np.isfinite(piece).all():
            away = np.abs(r.nearest(piece) - piece).max(initial=0.0)
            if away > BROKEN * (1 + np.abs(piece).max(initial=0.0)):
                lacking.append(f"{name} is not {r.text}")
    return " and ".join(lacking)


def projection(problem: Problem) -> Callable[[np.ndarray], np.ndarray]:
    """The nearest point of all sets, for vectors of all variables."""
    regions = regions_of(problem)
    return lambda x: nearest(problem.objective, regions, x)


def nearest(f: Objective, regions: list[Region | None], x: np.ndarray) -> np.ndarray:
    """The nearest point of the sets of the variables of `f`."""
    if not any(regions):
        return x
    return f.joined([piece if r is None else r.nearest(piece) for r, piece in zip(regions, f.pieces(x), strict=True)])


def described(sets: Mapping[str, Region | None]) -> str:
    """The sets in words."""
    return ", ".join(f"{name} in {r.text}" if r.text.startswith(("the ", "a ")) else f"{name} {r.text}"
                     for name, r in sets.items() if r is not None)


# one by one ---------------------------------------------------------------------------------------------


def on_simplex(x: np.ndarray) -> np.ndarray:
    """The nearest point whose entries along the last axis are not negative and sum to 1.

    By sorting (Held, Wolfe and Crowder 1974; Duchi and others, Efficient projections onto the l1-ball, 2008, figure 1).

    >>> on_simplex(np.array([[0.6, 0.6], [3.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    ordered = np.sort(x, axis=-1)[..., ::-1]
    excess = np.cumsum(ordered, axis=-1) - 1
    counts = np.arange(1, x.shape[-1] + 1)
    kept = (ordered - excess / counts > 0).sum(-1, keepdims=True)
    shift = np.take_along_axis(excess, kept - 1, axis=-1) / kept
    return np.maximum(x - shift, 0)


def polar(x: np.ndarray) -> np.ndarray:
    """The nearest matrix with orthonormal columns, or rows where it has more columns: U V' of the singular vectors."""
    u, _, vt = np.linalg.svd(x, full_matrices=False)
    return u @ vt


def _shortened(x: np.ndarray, radius: float) -> np.ndarray:
    length = np.linalg.norm(x)
    return x if length <= radius else x * (radius / length)


def _without_negative(x: np.ndarray) -> np.ndarray:
    """The nearest symmetric matrix without negative eigenvalues (Higham 1988)."""
    values, vectors = np.linalg.eigh((x + np.swapaxes(x, -1, -2)) / 2)
    return np.asarray((vectors * np.maximum(values, 0)[..., None, :]) @ np.swapaxes(vectors, -1, -2))


def _least_nonnegative(g: np.ndarray, x: np.ndarray) -> np.ndarray | None:
    return None if (g < 0).any() else np.where(g > 0, 0.0, x)


def _box(name: str, ends: list[Any], shape: tuple[int, ...]) -> Region:
    if len(ends) != 2:
        raise DataError(f"minimize: the box of {name} takes two ends, (\"box\", low, high), not {len(ends)}")
    try:
        low, high = (np.broadcast_to(np.asarray(end, float), shape) for end in ends)
    except (TypeError, ValueError):
        raise DataError(f"minimize: an end of the box of {name} is no number and no array of shape {shape}: "
                        f"{ends!r:.80}") from None
    if not (low <= high).all():
        at = tuple(map(int, np.argwhere(~(low <= high))[0]))
        raise DataError(f"minimize: the box of {name} is empty{f' at {at}' if at else ''}: its low end is {low[at]:g}, "
                        f"its high end {high[at]:g}")

    def least(g: np.ndarray, x: np.ndarray) -> np.ndarray | None:
        z = np.where(g > 0, low, np.where(g < 0, high, np.clip(x, low, high)))
        return z if np.isfinite(z).all() else None

    return Region("a box", lambda x: np.clip(x, low, high), least)
