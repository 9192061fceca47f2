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


def test_logarithms_of_products_and_determinants() -> None:
    """They are sums of logarithms: nothing under- or overflows, and what is negative has none."""
    n = 400
    w, a = sg.data("w", n), sg.data("A", (n, n))
    loss = sg.log(sg.prod(w))
    assert str(sg.gradient(loss, w)) == "1/w"
    for by in (0.5, 1e-200, 1e200):
        np.testing.assert_allclose(loss.eval(w=np.full(n, by)), n * np.log(by))
        np.testing.assert_allclose(sg.log(sg.det(a)).eval(A=by * np.eye(n)), n * np.log(by))
    np.testing.assert_allclose(loss.eval(w=np.full(n, -3.0)), n * np.log(3))
    odd = np.full(n, 2.0)
    odd[7] = -2
    assert np.isnan(loss.eval(w=odd)) and np.isnan(sg.log(sg.det(a)).eval(A=np.diag(odd)))
    np.testing.assert_allclose(sg.log(sg.abs(sg.det(a))).eval(A=np.diag(odd)), n * np.log(2))
    odd[8] = 0
    assert loss.eval(w=odd) == -np.inf
    b = sg.data("B", (3, 3))
    assert str(sg.gradient(sg.log(sg.det(b)), b)) == "B⁻ᵀ"
    x, m, s = sg.data("x", n), sg.data("m"), sg.data("s")
    normal = sg.log(sg.prod(sg.exp(-((x - m) / s) ** 2 / 2) / (s * np.sqrt(2 * np.pi))))
    values = {"x": np.linspace(-3, 3, n), "m": 0.25, "s": 3.0}
    right = -0.5 * (((values["x"] - 0.25) / 3) ** 2).sum() - n * np.log(3 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(normal.eval(**values), right)
    np.testing.assert_allclose(sg.gradient(normal, m).eval(**values), ((values["x"] - 0.25) / 9).sum())


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_quotients_of_small_and_large_numbers(backend: str) -> None:
    """-a / b^2 as (a r) r: the first product does not overflow where the result is a number."""
    a, b = sg.data("a", 2), sg.data("b", 2)
    slope = sg.gradient(sg.sum(a / b), b)
    for dtype, far in (("float32", 1e30), ("float64", 1e200)):
        at = np.array([1 / far, far], dtype)
        np.testing.assert_allclose(sg.function([a, b], slope, dtype=dtype, backend=backend)(at, at), -1 / at, rtol=1e-6)
