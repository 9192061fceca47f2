"""Norms, standard deviations and distances at zero: derivative 0 as for |x|, higher orders where the limit exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.graphs.textbook.normal import textbook
from symgrad.language.tensor import wrap

KINKS: dict[str, Callable[[Any], Any]] = {
    "norm": sg.norm,
    "one entry": lambda x: sg.norm(x[:1]),
    "root of a square": lambda x: sg.sum(sg.sqrt(x ** 2)),
    "standard deviation": sg.std,
    "scaled": lambda x: sg.sqrt(3 * sg.sum(x ** 2) / 7),
    "masked": lambda x: sg.sqrt(sg.sum(sg.where(x < 1, x, 0) ** 2)),
    "p-norm": lambda x: sg.sum(sg.abs(x) ** 3) ** (1 / 3),
    "distances": lambda x: sg.sum(sg.norm(x[:, None, None] - x[None, :, None], axis=2)),
    "rows": lambda x: sg.sum(sg.norm(sg.stack([x, 2 * x]), axis=1)),
    "largest norm": lambda x: sg.maximum(sg.norm(x), 0.0),
}


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_the_kink(name: str, backend: str) -> None:
    """All that is asked for at zero is zero, and away from it what differences say."""
    x, v = sg.data("x", 3), sg.data("v", 3)
    y = KINKS[name](x)
    outputs = {"g": sg.gradient(y, x), "h": sg.hessian(y, x), "hvp": sg.hvp(y, x, v)}
    f = sg.function([x, v], outputs, backend=backend)
    for key, value in f(np.zeros(3), np.ones(3)).items():
        np.testing.assert_array_equal(value, np.zeros_like(value), err_msg=key)
    at, direction, step = np.array([0.4, -0.3, 0.9]), np.array([0.2, 1.0, -0.5]), 1e-6
    got = f(at, direction)
    value = sg.function([x], [y, outputs["g"]])
    (up, above), (down, below) = value(at + step * direction), value(at - step * direction)
    np.testing.assert_allclose(got["g"] @ direction, (up - down) / 2 / step, rtol=1e-7)
    np.testing.assert_allclose(got["hvp"], (above - below) / 2 / step, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(got["h"] @ direction, got["hvp"], rtol=1e-12, atol=1e-14)


def test_orders_that_have_a_limit() -> None:
    """Squares and cubes of norms, and products that a norm of zero silences."""
    x = sg.data("x", 3)
    zero = np.zeros(3)
    np.testing.assert_array_equal(sg.hessian(sg.norm(x) ** 2, x).eval(x=zero), 2 * np.eye(3))
    np.testing.assert_array_equal(sg.hessian(sg.norm(x) ** 3, x).eval(x=zero), np.zeros((3, 3)))
    np.testing.assert_array_equal(sg.hessian(sg.sqrt(1 + x @ x), x).eval(x=zero), np.eye(3))


def test_roots_of_other_numbers_stay_what_they_are() -> None:
    """sqrt(x) has an infinite slope at 0."""
    x = sg.data("x")
    assert sg.gradient(sg.sqrt(x), x).eval(x=0.0) == np.inf
    assert str(sg.gradient(sg.norm(sg.data("z", 3)), sg.data("z", 3))) == "z/‖z‖"


def test_a_penalty_of_a_norm_is_learnt_from_zeros() -> None:
    """Parameters of vectors begin at zero, where a group lasso has its kink."""
    n = sg.dim("n")
    x, y, v = sg.data("x", 2, over=n), sg.data("y", over=n), sg.parameter("v", 2)
    points = np.random.default_rng(0).standard_normal((100, 2))
    model = sg.Model(sg.empirical_risk((x @ v - y) ** 2) + 0.1 * sg.norm(v))
    model.fit({"x": points, "y": points @ [1, -2.0]}, sg.optim.SGD(0.1), epochs=20, progress=False)
    np.testing.assert_allclose(model.parameters["v"], [1, -2], atol=0.1)


# a tie of an entry with itself has measure: the form that is read keeps its half

MEETING: dict[str, Callable[[Any], Any]] = {
    "one": lambda x: x, "exponential": sg.exp, "square": lambda x: x * x, "wave": lambda x: sg.sin(2 * x + 1),
    "running": lambda x: sg.cumsum(x), "softmax": sg.softmax, "distance": lambda x: x - sg.mean(x),
}
ARRANGED: dict[str, Callable[[Any], Any]] = {
    "pairs": lambda x: (x[:, None], x[None, :]), "sums": lambda x: (x[:, None] + x[0], x[None, :] + x[0]),
    "products": lambda x: (x[:, None] * x[None, :], (x[:, None] * x[None, :]).T), "itself": lambda x: (x, x),
    "backwards": lambda x: (x, x[::-1]), "of a matrix": lambda x: (sg.outer(x, x + 1), sg.outer(x, x + 1).T),
}


@pytest.mark.parametrize("name", MEETING)
@pytest.mark.parametrize("way", ARRANGED)
def test_what_is_read_keeps_ties_of_an_entry_with_itself(name: str, way: str) -> None:
    n = sg.dim("n")
    x, s = sg.parameter("x", n), sg.data("s", n)
    at = np.random.default_rng(0).standard_normal(5), np.random.default_rng(1).standard_normal(5)
    a, b = ARRANGED[way](MEETING[name](x))
    for loss in (sg.sum(s * sg.maximum(a, b)), sg.sum(s * sg.minimum(a, b)), sg.max(s + a - b) if way == "pairs" else sg.sum(a)):
        slope = sg.gradient(loss, x)
        read = wrap(textbook(slope.node))
        wanted, found = (sg.function([x, s], t)(*at) for t in (slope, read))
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=str(slope))


@pytest.mark.parametrize("largest", [
    lambda x: sg.max(x[:, None] + x[None, :]), lambda x: sg.max(sg.abs(x[:, None] - x[None, :])),
    lambda x: sg.max(sg.outer(x, x)), lambda x: sg.max(sg.concatenate([x, x])), lambda x: sg.max(sg.stack([x, x])),
    lambda x: sg.max(x[:, None] * sg.ones((5, 3))), sg.max, lambda x: sg.min(x * x),
])
def test_what_is_read_counts_the_largest_where_entries_repeat(largest: Callable[[Any], Any]) -> None:
    x = sg.parameter("x", 5)
    slope = sg.gradient(largest(x), x)
    at = np.random.default_rng(0).standard_normal(5)
    wanted, found = (sg.function([x], t)(at) for t in (slope, wrap(textbook(slope.node))))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, err_msg=str(slope))


def test_ties_without_measure_are_not_read() -> None:
    n = sg.dim("n")
    x, y = sg.parameter("x", n), sg.data("y", n)
    assert str(sg.gradient(sg.sum(sg.maximum(x, y)), x)) == "[x > y]"
    assert str(sg.gradient(sg.max(x), x)) == "[x = max(x)]"
    assert str(sg.gradient(sg.sum(sg.minimum(x, x)), x)) == "1"
    assert "1/2" not in str(sg.gradient(sg.sum(sg.maximum(x[1:], x[:-1])), x))
