"""0 x is 0 only where x is finite: what is computed is not hidden, and derivatives stay structural zeros."""

import math

import numpy as np
import pytest

import symgrad as sg

x = sg.data("x", 4)
AT = np.array([1.0, 0.0, math.inf, math.nan])


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("y, expected", [
    (0 * x, [0, 0, math.nan, math.nan]), (x * 0.0, [0, 0, math.nan, math.nan]), (x / math.inf, [0, 0, math.nan, math.nan]),
    (0 / x, [0, math.nan, 0, math.nan]), (0 * sg.log(x), [0, math.nan, math.nan, math.nan]), (1 + 0 * x, [1, 1, math.nan, math.nan]),
    (sg.zeros(4) * x, [0, 0, math.nan, math.nan]), (x + 0 * x**2, [1, 0, math.nan, math.nan]), (0 * (0 * x), [0, 0, math.nan, math.nan]),
    (sg.sum(0 * x[:2]) + 0 * x, [0, 0, math.nan, math.nan]), (np.multiply(0, x), [0, 0, math.nan, math.nan])])
def test_what_is_computed_is_not_hidden(y, expected, backend):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(sg.function([x], y, backend=backend)(AT), expected)


def test_derivatives_are_structural_zeros():
    y = sg.sum(0 * sg.log(x)) + sg.sum(x**2)
    assert str(sg.gradient(y, x)) == "2 x"
    np.testing.assert_array_equal(sg.gradient(y, x).eval(x=[0.0, -1.0, 2.0, 3.0]), [0, -2, 4, 6])
    assert str(sg.hessian(sg.sum(0 * x), x)) == "0"


def test_whole_numbers_and_constants_are_finite():
    k = sg.data("k", 3, dtype="integer")
    assert str(0 * k) == "0" and (0 * k).dtype == "integer" and str(0 * sg.arange(3)) == "0" and str(0 * sg.ones(3)) == "0"


def test_what_is_not_taken_contributes_nothing_still():
    y = sg.sum(sg.where(x > 0, x, 0 * sg.log(x)))
    np.testing.assert_array_equal(sg.gradient(y, x).eval(x=[0.0, 1.0, -1.0, 2.0]), [0, 1, 0, 1])


def test_a_penalty_that_is_switched_off_changes_no_minimum():
    w = sg.parameter("w", 3)
    loss = sg.sum((w - 2) ** 2) + 0 * sg.sum(sg.abs(w))
    assert str(sg.solve_stationary(loss, w)) == "2" and sg.convexity(loss, w).verdict == "convex"
    assert str(0 * w) == "0 w" and str(sg.parse("0 * w", w="3")) == "0 w" and (0 * w).latex() == "0 w"
