"""Where a minimisation starts: what the symbols declare, drawn by the very functions of generated programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any

import numpy as np

from symgrad.codegen.program.frame import INITIALS
from symgrad.graphs.facts import (
    DIAGONAL,
    LOWER_TRIANGULAR,
    NONNEGATIVE,
    ORTHOGONAL,
    POSITIVE_DEFINITE,
    SIMPLEX,
    SQUARE,
    SYMMETRIC,
    facts_of,
)
from symgrad.graphs.node import Node, Symbol

ROUND = 0.1  # the deviation of a second start from the first, relative to what is declared


@cache
def _draws() -> dict[str, Callable[..., np.ndarray]]:
    """The initialisers that a program contains, by name, in double precision."""
    scope: dict[str, Any] = {"np": np, "math": math, "DTYPE": np.float64}
    for text in INITIALS.values():
        exec(text, scope)  # our own text, the one that programs run
    return {name: scope[name] for name in INITIALS}


def declared_start(node: Node, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """The initial value that a symbol declares, as `sg.Model` takes it: zeros for vectors, Glorot's for matrices."""
    symbol: Symbol = node.attrs[0]
    init = symbol.init
    if init is None and facts_of(node):
        return _simplest(facts_of(node), shape, rng)
    if init is None:
        init = "glorot_uniform" if len(shape) > 1 else "zeros"
    if isinstance(init, (int, float)):
        return np.full(shape, float(init))
    if isinstance(init, tuple):
        kind, first, *more = init
        if not more:
            return _draws()[kind](rng, shape, first)
        second, = more
        return rng.uniform(first, second, shape) if kind == "uniform" else rng.normal(first, second, shape)
    if not isinstance(init, str):
        return np.array(init.value, float)
    if init in ("zeros", "ones"):
        return np.full(shape, float(init == "ones"))
    return _draws()[init](rng, shape)


def _simplest(facts: AbstractSet[str], shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A value that keeps declared facts: the identity, the middle of a simplex, ones."""
    if SQUARE in facts and (facts & {POSITIVE_DEFINITE, ORTHOGONAL, DIAGONAL, LOWER_TRIANGULAR}):
        return np.broadcast_to(np.eye(shape[-1]), shape).copy()
    if SIMPLEX in facts:
        return np.full(shape, 1 / shape[-1])
    if NONNEGATIVE in facts:
        return np.ones(shape)
    x = _draws()["glorot_uniform"](rng, shape) if len(shape) > 1 else np.zeros(shape)
    return (x + np.swapaxes(x, -1, -2)) / 2 if SYMMETRIC in facts else x


def other_starts(x: np.ndarray, rng: np.random.Generator, count: int) -> Sequence[np.ndarray]:
    """Starts farther and farther around `x`: a standard normal step, scaled from 1 up."""
    return [x + (1 + i / 2) * rng.standard_normal(len(x)) for i in range(count)]
