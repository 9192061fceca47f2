"""Norms, standard deviations and distances at zero: derivative 0 as for |x|, higher orders where the limit exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

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
