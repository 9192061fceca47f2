"""Logarithms of sums of exponentials against 60 digits: far apart, in any order, with weights, at infinities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import symgrad as sg

EDGES = (-np.inf, -1e30, -1e9, -1e4, -800.0, -90.0, -1.0, 0.0, 0.5, 30.0, 89.0, 710.0, 1e4, 1e9)
LOG = {
    "two": lambda m, a, b: m.log(m.exp(a) + m.exp(b)),
    "constant": lambda m, a, b: m.log(m.exp(a) + 5),
    "weighted": lambda m, a, b: m.log(3 * m.exp(a) / 10 + 7 * m.exp(b) / 10),
    "negated": lambda m, a, b: m.log(m.exp(-a) + m.exp(-b)),
    "three": lambda m, a, b: m.log(1 + m.exp(a) + m.exp(b)),
    "inside": lambda m, a, b: 2 * m.log(m.exp(a) + m.exp(b)) - 3,
}


def exactly(f: Callable[..., Any], a: float, b: float) -> tuple[float, float]:
    """The value and its derivative by a."""
    with mpmath.workdps(60):
        if not np.isfinite([a, b]).all():
            far = -mpmath.mpf(10) ** 40
            a, b = (far if x == -np.inf else x for x in (a, b))
            value = f(mpmath, mpmath.mpf(a), mpmath.mpf(b))
            return (float(value) if value > far / 10 else -np.inf), np.nan
        return float(f(mpmath, mpmath.mpf(a), mpmath.mpf(b))), float(
            mpmath.diff(lambda t: f(mpmath, t, mpmath.mpf(b)), mpmath.mpf(a), h=mpmath.mpf("1e-25")))


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LOG)
def test_sums_of_two_and_three(name: str, dtype: str, backend: str) -> None:
    """Whichever is larger, nothing of it is lost."""
    f = LOG[name]
    pairs = [(x, y) for x in EDGES for y in EDGES if name != "negated" or -np.inf not in (x, y)]
    xs, ys = np.array(pairs, dtype).T
    a, b = sg.data("a", len(pairs)), sg.data("b", len(pairs))
    y = f(sg, a, b)
    inputs = [a, b] if name != "constant" else [a]
    values = [xs, ys][:len(inputs)]
    with np.errstate(all="ignore"):
        got, slope = sg.function(inputs, [y, sg.gradient(sg.sum(y), a)], dtype=dtype, backend=backend)(*values)
        alone = sg.function(inputs, y, dtype=dtype, backend=backend)(*values)
    right = np.array([exactly(f, float(x), float(z)) for x, z in zip(xs, ys, strict=True)])
    u = np.finfo(dtype).eps
    np.testing.assert_array_equal(got, alone)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(got, right[:, 0].astype(dtype), rtol=8 * u, atol=8 * u)
    known = np.isfinite(right[:, 1])
    largest = np.maximum(np.abs(xs), np.abs(ys))[known].astype(float)
    rounded = u * largest if name == "weighted" else 0  # log 0.3 + a, as written
    assert (np.abs(slope[known] - right[known, 1]) <= 8 * u + rounded).all()


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("reverse", [False, True])
def test_running_sums(reverse: bool, backend: str) -> None:
    """Partial likelihoods of Cox: the logarithm of a running sum of exponentials."""
    n, base = sg.dim("n"), np.array([0.3, -2.0, 1.5, 0.0])
    x = sg.data("x", n)
    running = sg.flip(sg.cumsum(sg.flip(sg.exp(x)))) if reverse else sg.cumsum(sg.exp(x))
    loss = sg.sum(sg.log(running) - x)
    f = sg.function([x], {"loss": loss, "g": sg.gradient(loss, x), "h": sg.hessian(loss, x)}, backend=backend)
    right = f(base)
    assert np.isfinite(right["h"]).all()
    parts = np.exp(base)[::-1].cumsum()[::-1] if reverse else np.exp(base).cumsum()
    np.testing.assert_allclose(right["loss"], np.sum(np.log(parts) - base))
    for shift in (1000.0, -1000.0):
        for key, value in f(base + shift).items():
            np.testing.assert_allclose(value, right[key], rtol=1e-9, atol=1e-11)
