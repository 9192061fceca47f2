"""Squares of roots: the derivative of a squared norm is that of the sum of squares."""

import numpy as np
import pytest
from checker import check, near, run

import symgrad as sg

n, d = sg.dims("n d")
X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
x = sg.data("x", 3)
r = X @ w - y


def test_least_squares_by_a_norm():
    loss = sg.norm(r) ** 2
    assert str(loss) == "‖X w - y‖²"
    assert str(sg.gradient(loss, w)) == "2 Xᵀ (X w - y)" and str(sg.hessian(loss, w)) == "2 Xᵀ X"
    at = {X: np.eye(3)[:, :2], w: np.array([1.0, 2]), y: np.array([1.0, 2, 0])}
    near(run(sg.gradient(loss, w), at), np.zeros(2))  # at an exact fit


@pytest.mark.parametrize("power, expected", [(2, [2, 2, 2]), (3, [0, 0, 0]), (4, [0, 0, 0]), (2.5, [0, 0, 0])])
def test_powers_of_a_norm_at_zero(power, expected):
    f = sg.norm(x) ** power
    near(run(sg.gradient(f, x), {x: np.zeros(3)}), np.zeros(3))
    if power in (2, 4):
        near(run(sg.hessian(f, x), {x: np.zeros(3)}), np.diag(expected))


@pytest.mark.parametrize("f", [
    sg.norm(x) ** 2 / (1 + sg.norm(x) ** 4), sg.sum(sg.sqrt(1 + x**2) ** 2 * x), 1 / sg.norm(x) ** 2,
    sg.norm(x) * sg.norm(x) * sg.norm(x), sg.sqrt(sg.exp(x[0])) ** 2, sg.norm(sg.abs(x)) ** 3,
], ids=str)
def test_derivatives(f):
    check(f, {x: np.array([0.4, -1.2, 0.9])}, [x])


def test_the_root_of_what_may_be_negative_stays():
    """sqrt(x)**2 is no number at -1, and so is not x."""
    f = sg.sqrt(x) ** 2
    assert np.isnan(run(f, {x: np.array([-1.0, 1, 4])})[0])
    near(run(sg.gradient(sg.sum(f), x), {x: np.array([1.0, 4, 9])}), np.ones(3))
