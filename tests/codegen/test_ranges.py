"""Norms, quotients, powers and their derivatives beyond the root of the largest number, against mpmath in 700 digits.

What can be written as a floating-point number is right, value, gradient and Hessian, in both precisions, NumPy and C.
Where x is of size s, so is each term that cancels: errors are measured against the largest entry of a result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg


def square(v: Sequence[Any]) -> Any:
    return sum(a * a for a in v)


def length(v: Sequence[Any]) -> Any:
    return mp.sqrt(square(v))


def spread(v: Sequence[Any]) -> Any:
    middle = sum(v) / len(v)
    return mp.sqrt(square([a - middle for a in v]) / len(v))


Case = tuple[Callable[[Any], Any], Callable[[Any], Any], int]
VECTORS: dict[str, Case] = {  # ours, mpmath's, the order of derivatives up to which nothing cancels
    "norm": (sg.norm, length, 2),
    "root of a sum": (lambda x: sg.sqrt(sg.sum(x * x)), length, 2),
    "std": (sg.std, spread, 2),
    "root mean square": (lambda x: sg.sqrt(sg.mean(x ** 2)), lambda v: length(v) / mp.sqrt(len(v)), 2),
    "x|x|": (lambda x: sg.sum(x * sg.norm(x)), lambda v: sum(v) * length(v), 2),
    "direction": (lambda x: x[0] / sg.norm(x), lambda v: v[0] / length(v), 2),
    "inverse of a norm": (lambda x: 1 / sg.norm(x), lambda v: 1 / length(v), 2),
    "normalised": (lambda x: sg.sum(x / sg.sqrt(sg.mean(x ** 2) + 1e-5)),
                   lambda v: sum(v) / mp.sqrt(square(v) / 3 + mp.mpf(1e-5)), 1),
    "log of a sum": (lambda x: sg.log(sg.sum(x * x)), lambda v: mp.log(square(v)), 2),
    "log of a norm": (lambda x: sg.log(sg.norm(x)), lambda v: mp.log(length(v)), 2),
    "inversion": (lambda x: x[0] / sg.sum(x * x), lambda v: v[0] / square(v), 2),
    "hypotenuse": (lambda x: sg.sqrt(x[0] ** 2 + x[1] ** 2), lambda v: length(v[:2]), 2),
    "power of a norm": (lambda x: sg.norm(x) ** 3, lambda v: length(v) ** 3, 2),
    "attraction": (lambda x: x[0] / sg.norm(x) ** 3, lambda v: v[0] / length(v) ** 3, 1),
    "attraction by a power": (lambda x: x[0] * sg.sum(x * x) ** -1.5, lambda v: v[0] / length(v) ** 3, 1),
    "attraction by products": (lambda x: x[0] / (sg.norm(x) * sg.norm(x) * sg.norm(x)), lambda v: v[0] / length(v) ** 3, 0),
    "cosine": (lambda x: sg.sum(x * np.array([1.0, 2.0, 3.0])) / (sg.norm(x) * 2),
               lambda v: (v[0] + 2 * v[1] + 3 * v[2]) / length(v) / 2, 2),
    "distance": (lambda x: sg.norm(x - x[::-1]), lambda v: length([v[0] - v[2], 0, v[2] - v[0]]), 0),
    "complex modulus": (lambda x: x[0] * x[1] / (x[0] ** 2 + x[1] ** 2), lambda v: v[0] * v[1] / square(v[:2]), 0),
    "correlation": (lambda x: (x[0] * x[1]) / sg.sqrt(sg.sum(x ** 2) * (x[1] ** 2 + x[2] ** 2)),
                    lambda v: v[0] * v[1] / mp.sqrt(square(v) * square(v[1:])), 0),
    "weighted": (lambda x: sg.sqrt(2 * x[0] ** 2 + 3 * x[2] ** 2), lambda v: mp.sqrt(2 * v[0] ** 2 + 3 * v[2] ** 2), 2),
    "quotient": (lambda x: x[0] / x[1], lambda v: v[0] / v[1], 1),
    "quotient of a product": (lambda x: x[0] * x[1] / x[2], lambda v: v[0] * v[1] / v[2], 1),
    "angle": (lambda x: sg.arctan(x[0] / x[1]), lambda v: mp.atan(v[0] / v[1]), 1),
}
NUMBERS: dict[str, Case] = {
    "sqrt(1 + x^2)": (lambda x: sg.sqrt(1 + x ** 2), lambda x: mp.sqrt(1 + x ** 2), 1),
    "log(1 + x^2)": (lambda x: sg.log(1 + x ** 2), lambda x: mp.log1p(x ** 2), 1),
    "log(1 + x^2/3)": (lambda x: sg.log(1 + x ** 2 / 3), lambda x: mp.log1p(x ** 2 / 3), 1),
    "log1p(x^2)": (lambda x: sg.log1p(x ** 2), lambda x: mp.log1p(x ** 2), 1),
    "x^2/(1 + x^2)": (lambda x: x ** 2 / (1 + x ** 2), lambda x: x ** 2 / (1 + x ** 2), 0),
    "x/(1 + x^2)": (lambda x: x / (1 + x ** 2), lambda x: x / (1 + x ** 2), 0),
    "1/(1 + x^2)": (lambda x: 1 / (1 + x ** 2), lambda x: 1 / (1 + x ** 2), 1),
    "1/sqrt(1 + x^2)": (lambda x: 1 / sg.sqrt(1 + x ** 2), lambda x: 1 / mp.sqrt(1 + x ** 2), 1),
    "x^-2": (lambda x: x ** -2, lambda x: x ** -2, 2),
    "1/(x x)": (lambda x: 1 / (x * x), lambda x: x ** -2, 2),
    "x^-3": (lambda x: x ** -3, lambda x: x ** -3, 2),
    "1/x": (lambda x: 1 / x, lambda x: 1 / x, 2),
    "1/(2 x)": (lambda x: 1 / (2 * x), lambda x: 1 / (2 * x), 2),
    "1/x^2 + 1/x": (lambda x: (1 + x) / x ** 2, lambda x: (1 + x) / x ** 2, 0),
    "x^1.5": (lambda x: x ** 1.5, lambda x: x ** mp.mpf(1.5), 2),
    "x log x": (lambda x: x * sg.log(x), lambda x: x * mp.log(x), 2),
    "1/sqrt(x)": (lambda x: 1 / sg.sqrt(x), lambda x: 1 / mp.sqrt(x), 2),
    "(x^2)^0.25": (lambda x: (x * x) ** 0.25, lambda x: mp.sqrt(x), 0),
    "log |x|": (lambda x: sg.log(abs(x)), lambda x: mp.log(abs(x)), 2),
    "|x|^2": (lambda x: abs(x) ** 2, lambda x: x * x, 2),
}
DIRECTION = (1.0, -2.0, 0.7)
LARGE = {"float64": 1e170, "float32": 1e21}


@cache
def right(name: str, at: tuple[float, ...], order: int) -> list[Any]:
    """Value, gradient or Hessian, flat, by central differences."""
    exact = VECTORS[name][1] if len(at) > 1 else (lambda v: NUMBERS[name][1](v[0]))
    n = len(at)
    with mp.workdps(700):
        v = [mp.mpf(a) for a in at]
        h = [abs(a) * mp.mpf(10) ** -50 for a in v]

        def moved(*steps: tuple[int, int]) -> Any:
            w = list(v)
            for i, k in steps:
                w[i] += k * h[i]
            return exact(w)

        if order == 0:
            return [exact(v)]
        if order == 1:
            return [(moved((i, 1)) - moved((i, -1))) / (2 * h[i]) for i in range(n)]
        return [(moved((i, 1), (j, 1)) - moved((i, 1), (j, -1)) - moved((i, -1), (j, 1)) + moved((i, -1), (j, -1)))
                / (4 * h[i] * h[j]) for i in range(n) for j in range(n)]


def check(name: str, order: int, at: np.ndarray, got: Any, dtype: str) -> None:
    limits = np.finfo(dtype)
    wanted = right(name, tuple(map(float, np.atleast_1d(at))), order)
    fits = [abs(w) for w in wanted if abs(w) < limits.max / 4]
    scale = max(fits, default=0)
    for number, w in zip(np.asarray(got).ravel(), wanted, strict=True):
        if abs(w) >= limits.max / 4:
            assert not abs(number) < limits.max / 32, (name, order, at, got)
        elif len(fits) == len(wanted):  # else infinities may meet zeros
            error = abs(mp.mpf(float(number)) - w) if np.isfinite(number) else mp.inf
            assert error <= 200 * limits.eps * scale + 64 * float(limits.tiny), (name, order, at, got, wanted)


@cache
def together(kind: str, dtype: str, backend: str) -> tuple[list[tuple[str, int]], Any]:
    """All outputs of all cases in one function."""
    cases, x = (VECTORS, sg.data("x", 3)) if kind == "vectors" else (NUMBERS, sg.data("x"))
    outputs, asked = [], []
    for name, (ours, _, most) in cases.items():
        y = ours(x)
        for order, output in enumerate((y, sg.gradient(y, x), sg.hessian(y, x))[:most + 1]):
            outputs.append(output)
            asked.append((name, order))
    return asked, sg.function([x], outputs, dtype=dtype, backend=backend)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["vectors", "numbers"])
def test_far_from_one(kind: str, dtype: str, backend: str) -> None:
    """Values, gradients and Hessians of all cases together, at sizes whose squares are no numbers any more."""
    asked, f = together(kind, dtype, backend)
    big = LARGE[dtype]
    for s in (1.3, big, 1 / big, big ** 1.7, big ** -1.7, big ** 0.7, big ** -0.7, big ** 0.5, big ** -0.5):
        at = np.array(DIRECTION if kind == "vectors" else 1.0, dtype) * np.array(s, dtype)
        for (name, order), got in zip(asked, f(at), strict=True):
            check(name, order, at, got, dtype)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["numpy", "c"]), st.floats(-1, 1), st.tuples(*[st.floats(0.3, 3)] * 3), st.tuples(*[st.booleans()] * 3))
def test_at_any_size(backend: str, size: float, entries: tuple[float, ...], signs: tuple[bool, ...]) -> None:
    """Vectors of any size and direction, entries of one size."""
    asked, f = together("vectors", "float64", backend)
    at = np.array([-e if minus else e for e, minus in zip(entries, signs, strict=True)]) * 10 ** (300 * size)
    for (name, order), got in zip(asked, f(at), strict=True):
        if name not in ("std", "normalised", "distance", "cosine"):  # which cancel where entries are alike
            check(name, order, at, got, "float64")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_each_alone(dtype: str) -> None:
    """A value does not depend on what is asked for beside it."""
    x, big = sg.data("x"), LARGE[dtype]
    for name in ("x^-2", "1/(x x)", "x log x", "sqrt(1 + x^2)"):
        ours, _, most = NUMBERS[name]
        y = ours(x)
        for order, output in enumerate((y, sg.gradient(y, x), sg.hessian(y, x))[:most + 1]):
            f = sg.function([x], output, dtype=dtype)
            for s in (big, 1 / big, big ** -0.5):
                at = np.array(s, dtype)
                check(name, order, at, f(at), dtype)


def test_a_sum_of_squares_alone_is_not_scaled() -> None:
    """Least squares cost what they did: nothing brings ‖r‖² back into range."""
    x = sg.data("x", 3)
    text = str(sg.function([x], [sg.sum(x * x), sg.gradient(sg.sum(x * x), x)]).source)
    assert "x @ x" in text and "_norm" not in text and "hypot" not in text


def test_rows_of_zeros_infinities_and_nan() -> None:
    """A norm is what it was where no scale helps."""
    X = sg.data("X", (5, 2))
    at = np.array([[0, 0], [np.inf, 1], [np.nan, 1], [3e200, 4e200], [3, 4]])
    for backend in ("numpy", "c"):
        got = sg.function([X], sg.sqrt(sg.sum(X * X, axis=1)), backend=backend)(at)
        np.testing.assert_allclose(got, [0, np.inf, np.nan, 5e200, 5], rtol=1e-15)
    assert sg.function([sg.data("e", 0)], sg.norm(sg.data("e", 0)))(np.zeros(0)) == 0


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_long_sums_of_single_precision_keep_their_digits(backend: str) -> None:
    """Losses over a million samples, against sums in double precision."""
    n = 1_100_003
    r = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    exact = r.astype(np.float64)
    x, X = sg.data("x", sg.dim("n")), sg.data("X", (sg.dim("m"), 11))
    got = sg.function([x], [sg.mean((x - 0.5) ** 2), sg.sum(x * sg.tanh(x)), sg.norm(x)], dtype="float32", backend=backend)(r)
    wanted = [((exact - 0.5) ** 2).mean(), (exact * np.tanh(exact)).sum(), np.sqrt((exact ** 2).sum())]
    np.testing.assert_allclose(got, wanted, rtol=1e-6)
    whole = r[:-3].reshape(-1, 11)
    loss = sg.function([X], sg.sum(X * X), dtype="float32", backend=backend)
    np.testing.assert_allclose(loss(whole), (exact[:-3] ** 2).sum(), rtol=1e-6)
