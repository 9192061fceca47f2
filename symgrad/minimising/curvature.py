"""What kind of point is a stationary point? The signs of the eigenvalues of the Hessian.

Only directions count in which the variables may move: those that keep declared facts and affine constraints. Whether
a gradient is zero is a question of rounding: it is where a relative change of all values of 1e-6 would explain it,
so no scale of the data matters.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symgrad.calculus.derivatives import in_form, variables_of
from symgrad.computing.functions import function
from symgrad.formulas.names import display_names
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError
from symgrad.graphs.facts import LOWER_TRIANGULAR, SIMPLEX, SYMMETRIC, facts_of
from symgrad.graphs.node import REAL
from symgrad.graphs.reverse import delta_seed, reverse
from symgrad.language.align import describe
from symgrad.language.naming import layer_names
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimising.regularity import plain
from symgrad.minimising.stationary import as_constraints, closed

DISTURBED = 1e-9  # a relative change of values that declared facts survive
FLAT = 1e-6  # a gradient is zero where such a relative change of all values explains it


@dataclass(frozen=True, eq=False)
class StationaryPoint:
    """What `sg.classify` found.

    `kind` is "minimum", "maximum", "saddle" or "degenerate" by the signs of `eigenvalues` (of the Hessian, ascending,
    float64); `gradient` is the norm of the gradient there; `stationary`: is it zero, up to rounding?

    >>> p = sg.parameter("p", 2)
    >>> point = sg.classify(p[0] ** 2 - p[1] ** 2, p, {"p": [0.0, 0.0]})
    >>> point.kind, point.stationary
    ('saddle', True)
    """

    kind: str
    eigenvalues: np.ndarray = field(repr=False)
    gradient: float
    stationary: bool

    def __str__(self) -> str:
        span = f"{len(self.eigenvalues)} eigenvalues of the Hessian"
        if len(self.eigenvalues):
            span += f" from {self.eigenvalues[0]:.4g} to {self.eigenvalues[-1]:.4g}"
        if self.stationary:
            return f"{self.kind}: {span}"
        return f"not stationary: |g| = {self.gradient:.4g}; curvature of a {self.kind}: {span}"


def classify(loss: Any, wrt: Any, values: Mapping[Any, Any], constraints: Any = None,
             tolerance: float = 1e-8) -> StationaryPoint:
    """Minimum, maximum, saddle or degenerate: the signs of the eigenvalues of the joint Hessian at a point.

    `values` holds the point and the data: arrays by symbol name or symbol. `wrt`: a tensor, list or dict; the Hessian
    is that of all their entries. An eigenvalue within `tolerance` times the largest counts as zero; a point with both
    signs is a saddle, else one with a zero is degenerate: the second derivatives do not decide. Only directions count
    in which the variables may move: symmetric, diagonal, triangular matrices stay so, a simplex keeps its sum, and
    affine `constraints` (a tensor, list or dict) stay zero. Raises DataError for values that do not fit.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> print(sg.classify(p[0] ** 2 - p[1] ** 2, p, {"p": np.zeros(2)}))
    saddle: 2 eigenvalues of the Hessian from -2 to 2
    """
    target = closed(loss, "classify")
    variables = list(dict.fromkeys(variables_of(wrt, "classify")))
    for x in variables:
        if x.node.op is not ops.INPUT:
            raise DataError(f"classify: {describe(x)} is not a symbol, so values cannot hold it")
    asked: list[Tensor] = []
    in_form(asked.append, as_constraints(constraints))
    nodes = [x.node for x in variables]
    root, *held = stable([target, *asked])
    gradients = reverse(root, delta_seed(()), nodes)
    hessian = [reverse(g, delta_seed(g.shape), nodes) for g in gradients]
    normals = [reverse(c, delta_seed(c.shape), nodes) for c in held]
    outputs = [[plain(n) for n in row] for row in ([root], gradients, *hessian, *normals)]
    at = _arguments([target, *asked, *variables], values)
    f = function(list(at), outputs, sizes=_sizes_among(values))
    _, g, *rest = f(*at.values())
    points = [np.asarray(at[x]) for x in variables]
    widths = [p.size for p in points]
    h = np.block([[np.reshape(b, (r, c)) for b, c in zip(row, widths, strict=True)]
                  for row, r in zip(rest[:len(g)], widths, strict=True)]) if g else np.zeros((0, 0))
    normals_at = [np.hstack([np.reshape(b, (-1, c)) for b, c in zip(row, widths, strict=True)]) for row in rest[len(g):]]
    basis = free_directions(variables, points)
    basis = basis @ _kernel(np.vstack([np.zeros((0, len(basis))), *normals_at]) @ basis)
    slope = basis.T @ _joined(g)
    noise = max(float(np.linalg.norm(basis.T @ _joined(f(*_disturbed(at, seed))[1]) - slope)) for seed in range(4))
    small = basis.T @ h @ basis
    eigenvalues = np.linalg.eigvalsh((small + small.T) / 2)
    size = float(np.linalg.norm(slope))
    return StationaryPoint(_kind(eigenvalues, tolerance), eigenvalues, size, size <= FLAT / DISTURBED * noise)


def _kind(eigenvalues: np.ndarray, tolerance: float) -> str:
    top = tolerance * float(np.abs(eigenvalues).max(initial=0.0))
    low, high = eigenvalues < -top, eigenvalues > top
    if low.any() and high.any():
        return "saddle"
    if not len(eigenvalues) or not (low.all() or high.all()):
        return "degenerate"
    return "minimum" if high.all() else "maximum"


def _joined(parts: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *(np.ravel(part) for part in parts)])


def _disturbed(at: Mapping[Tensor, Any], seed: int) -> list[Any]:
    """All real values, each changed by a tiny part of itself: by how much a gradient moves then is its rounding."""
    rng = np.random.default_rng(seed)
    return [value * (1 + DISTURBED * rng.choice([-1.0, 1.0], np.shape(value))) if x.dtype == REAL else value
            for x, value in at.items()]


def _sizes_among(values: Mapping[Any, Any]) -> dict[Any, int]:
    return {key: value for key, value in values.items()
            if isinstance(key, (str, sp.Symbol)) and isinstance(value, int) and value > 0}


def _arguments(tensors: Sequence[Tensor], values: Mapping[Any, Any]) -> dict[Tensor, Any]:
    """The value of each symbol below `tensors`. Raises DataError for a missing one, and for what is no real array."""
    names = display_names([t.node for t in tensors], layer_names(tensors))
    given = {(key.node if isinstance(key, Tensor) else key): value for key, value in values.items()}
    found: dict[Tensor, Any] = {}
    for node in names:
        key = node if node in given else names[node]
        if key not in given:
            raise DataError(f"classify: no value for {names[node]!r}; values must hold the point and the data: "
                            + ", ".join(names.values()))
        try:
            value = np.asarray(given[key], float) if node.dtype == REAL else given[key]
        except (TypeError, ValueError):
            raise DataError(f"classify: the value of {names[node]!r} is no array of real numbers: "
                            f"{given[key]!r:.60}") from None
        found[wrap(node, node.attrs[0].over)] = value
    return found


def free_directions(variables: Sequence[Tensor], points: Sequence[np.ndarray]) -> np.ndarray:
    """An orthonormal basis, in columns, of the directions in which the variables may move."""
    width = sum(p.size for p in points)
    columns, start = [], 0
    for x, p in zip(variables, points, strict=True):
        own = _tangent(p.shape, facts_of(x.node))
        block = np.zeros((width, own.shape[1]))
        block[start:start + p.size] = own
        columns.append(block)
        start += p.size
    return np.hstack(columns) if columns else np.zeros((0, 0))


def _tangent(shape: tuple[int, ...], facts: Collection[str]) -> np.ndarray:
    size = int(np.prod(shape))
    full = np.eye(size)
    grid = full.reshape(*shape, size)
    rows = []
    if SYMMETRIC in facts:
        rows.append((grid - np.swapaxes(grid, -2, -3)).reshape(size, size))
    if LOWER_TRIANGULAR in facts:  # a diagonal matrix is that, and symmetric
        rows.append(full[np.broadcast_to(np.triu(np.ones(shape[-2:], bool), 1), shape).ravel()])
    if SIMPLEX in facts:
        rows.append(grid.sum(axis=-2).reshape(-1, size))
    return _kernel(np.vstack(rows)) if rows else full


def _kernel(a: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the null space of a, in columns."""
    if not a.size:
        return np.eye(a.shape[1])
    _, s, vt = np.linalg.svd(a)
    rank = int((s > 1e-12 * s.max(initial=0.0) * max(a.shape)).sum())
    return vt[rank:].T
