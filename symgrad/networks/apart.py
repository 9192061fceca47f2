"""How far two networks are from each other in numbers: their outputs at inputs drawn by chance, each with its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import BOOLEAN, REAL
from symgrad.networks.network import ReadNetwork

OPEN = 3  # the length of an axis whose size is open
LARGEST = 5_000_000  # numbers of a network that is computed for this
ROUNDING = 1e-5  # of the largest output, in single precision


def outputs_apart(first: ReadNetwork, second: ReadNetwork, draws: int, seed: int = 0) -> tuple[str, ...]:
    """A line for each output, in order; none where networks are large, do not compute there, or have no partners."""
    if len(first.inputs) != len(second.inputs) or len(first.outputs) != len(second.outputs) or any(
            sum(array.size for array in network.values.values()) > LARGEST for network in (first, second)):
        return ()
    gaps = np.zeros((2, len(first.outputs)))
    rng, runs = np.random.default_rng(seed), [_run(network) for network in (first, second)]
    for _ in range(draws):
        given = [_drawn(t, rng) for t in first.inputs.values()]
        try:
            mine, other = (run(*given, *network.values.values())
                           for run, network in zip(runs, (first, second), strict=True))
        except (SymgradError, TypeError, ValueError, IndexError):
            return ()
        for k, (one, two) in enumerate(zip(mine.values(), other.values(), strict=True)):
            one, two = np.asarray(one, float), np.asarray(two, float)
            if one.shape != two.shape or not (np.isfinite(one).all() and np.isfinite(two).all()):
                return ()
            gaps[:, k] = np.maximum(gaps[:, k], [np.abs(one - two).max(initial=0), np.abs(one).max(initial=0)])
    return tuple(_told(name, gap, most) for name, (gap, most) in zip(first.outputs, gaps.T, strict=True))


def _run(network: ReadNetwork) -> Any:
    from symgrad.computing.functions import function  # networks are read without a backend

    return function({**network.inputs, **{name: network.parameters[name] for name in network.values}}, network.outputs)


def _told(name: str, gap: float, most: float) -> str:
    if gap <= ROUNDING * most:
        return f"{name}: the same up to rounding ({gap:.1g} of {most:.3g}); they may still differ elsewhere"
    return f"{name}: apart by up to {gap:.3g}, where the largest is {most:.3g}"


def _drawn(t: Any, rng: np.random.Generator) -> np.ndarray:
    shape = [size if isinstance(size, int) else OPEN for size in t.node.shape]
    if t.dtype == REAL:
        return rng.standard_normal(shape).astype(np.float32)
    return rng.integers(0, 2, shape).astype(bool) if t.dtype == BOOLEAN else rng.integers(0, 2, shape)
