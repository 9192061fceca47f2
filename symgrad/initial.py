"""Values that parameters start from: numbers, arrays, or random numbers scaled by how many inputs meet.

The fans are PyTorch's: of a matrix (out, in) they are its sizes, further axes (a convolution's window)
multiply both. Draws are made in double precision and rounded, so that models of both precisions start alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Array, Symbol


def initial(symbol: Symbol, shape: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """The starting value of a parameter in float64; `rng` is used only where the value is random.

    `None` is glorot_uniform for two axes or more and zeros otherwise; "normal" is N(0, 1), as PyTorch's
    `normal_`. Raises SymgradError for a fan of a parameter with fewer than two axes.

    >>> initial(Symbol("parameter", "W", init=0.5), (2, 2), np.random.default_rng(0))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    shape = tuple(shape)
    match symbol.init:
        case Array(value=value):
            return np.broadcast_to(np.asarray(value, dtype=np.float64), shape).copy()
        case int() | float() as number:
            return np.full(shape, float(number))
    match recipe(symbol.name, symbol.init, shape):
        case "zeros", _:
            return np.zeros(shape)
        case "ones", _:
            return np.ones(shape)
        case "uniform", bound:
            return rng.uniform(-bound, bound, shape)
        case _, deviation:
            return rng.standard_normal(shape) * deviation


def recipe(name: str, init: Any, shape: Sequence[int]) -> tuple[str, float]:
    """How a parameter is drawn: ("zeros" | "ones" | "uniform" | "normal", bound or standard deviation).

    Glorot and Bengio 2010, eq. 16 (the variance is 2 / (fan_in + fan_out)); He et al. 2015, eq. 10 (2 / fan_in).
    """
    kind = init or ("glorot_uniform" if len(shape) > 1 else "zeros")
    if kind in ("zeros", "ones"):
        return kind, 0.0
    if kind == "normal":
        return kind, 1.0
    if len(shape) < 2:
        raise SymgradError(f"parameter {name!r}: {kind} needs two axes or more (out, in), and its shape is "
                           f"{tuple(shape)}; give it init='normal', a number or an array")
    window = math.prod(shape[2:])
    fan_in, fan_out = shape[1] * window, shape[0] * window
    fans = fan_in + fan_out if kind.startswith("glorot") else fan_in
    deviation = math.sqrt(2 / max(fans, 1))
    return ("uniform", math.sqrt(3) * deviation) if kind.endswith("uniform") else ("normal", deviation)
