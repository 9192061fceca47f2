"""Least squares found in a loss, however it is written: the residuals whose squares it sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.computing.functions import function
from symgrad.graphs.node import Node
from symgrad.graphs.stationary.completion import sum_of_squares_of
from symgrad.language.tensor import Tensor, wrap


@dataclass(frozen=True, eq=False)
class Squares:
    """A loss as `constant + ∑ |r|²`, a sum over all entries of all `residuals`.

    `weights` are under roots in the residuals and must not be negative, `matrices` have a Cholesky factor there and must
    be positive definite; no variable occurs in either, and nobody declared it. All axes are shown: a sample axis is one of
    the axes of a residual.
    """

    residuals: tuple[Tensor, ...]
    constant: Tensor
    weights: tuple[Tensor, ...] = ()
    matrices: tuple[Tensor, ...] = ()


def sum_of_squares(loss: Tensor, variables: Sequence[Tensor]) -> Squares | None:
    """The residuals of a scalar `loss` of `variables` (symbols); None where it is not seen to be a sum of squares.

    Weights (1/T, 1/2, 1/σ², a penalty's λ, entries of data, a covariance) go into the residuals by their roots; squares
    that are written out are completed: numbers may be anything, what holds no variable counts as a constant.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    >>> print(*sum_of_squares(sg.sum((X @ w - y) ** 2) / 2, [w]).residuals)
    1/√2 (X w - y)
    >>> print(*sum_of_squares(w @ X.T @ X @ w - 2 * y @ (X @ w), [w]).residuals)
    X w - y
    """
    found = sum_of_squares_of(loss.node, [x.node for x in variables])
    if found is None:
        return None

    residuals, weights, matrices = (tuple(wrap(node, None) for node in nodes)
                                    for nodes in (found.residuals, found.weights, found.matrices))
    return Squares(residuals, wrap(found.constant, None), weights, matrices)


def broken_weight(squares: Squares, data: Mapping[Node, Any], sizes: Mapping[Any, int]) -> str | None:
    """Why the residuals do not exist for these data: a weight that is negative, a matrix that is not positive definite.

    None where all is well. `data` has the value of each symbol below the weights.
    """
    asked = [*squares.weights, *squares.matrices]
    if not asked:
        return None
    f = function([wrap(node, node.attrs[0].over) for node in data], asked, sizes=dict(sizes))
    values = [np.asarray(value) for value in f(*data.values())]
    for weight, value in zip(squares.weights, values, strict=False):
        if (value < 0).any():
            at = tuple(map(int, np.argwhere(value < 0)[0]))
            place = f" at {at}" if at else ""
            return f"the weight {weight} of a square is {value[at]:.6g}{place}, which is negative"
    for matrix, value in zip(squares.matrices, values[len(squares.weights):], strict=True):
        smallest = float(np.linalg.eigvalsh((value + np.swapaxes(value, -1, -2)) / 2).min())
        if not smallest > 0:
            return f"the weight {matrix} of a square has the eigenvalue {smallest:.6g}, so it is not positive definite"
    return None
