"""Inverse functions, logarithms to a base, sinc: values and two derivatives at the edges, against mpmath in 50 digits."""

import math

import mpmath
import numpy as np
import pytest

import symgrad as sg

NEAR = 1 - 2.0**-52  # of the numbers below 1 the second
MP = {  # the function, and its derivatives of first and second order
    "arcsin": (mpmath.asin, lambda x: 1 / mpmath.sqrt((1 - x) * (1 + x)), lambda x: x / mpmath.sqrt((1 - x) * (1 + x)) ** 3),
    "arccos": (mpmath.acos, lambda x: -1 / mpmath.sqrt((1 - x) * (1 + x)), lambda x: -x / mpmath.sqrt((1 - x) * (1 + x)) ** 3),
    "arctanh": (mpmath.atanh, lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2),
    "arcsinh": (mpmath.asinh, lambda x: 1 / mpmath.sqrt(1 + x * x), lambda x: -x / mpmath.sqrt(1 + x * x) ** 3),
    "arccosh": (mpmath.acosh, lambda x: 1 / mpmath.sqrt(x * x - 1), lambda x: -x / mpmath.sqrt(x * x - 1) ** 3),
    "log2": (lambda x: mpmath.log(x) / mpmath.log(2), lambda x: 1 / (x * mpmath.log(2)), lambda x: -1 / (x * x * mpmath.log(2))),
    "log10": (mpmath.log10, lambda x: 1 / (x * mpmath.log(10)), lambda x: -1 / (x * x * mpmath.log(10))),
    "erfinv": (mpmath.erfinv, lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(mpmath.erfinv(x) ** 2),
               lambda x: mpmath.pi / 2 * mpmath.erfinv(x) * mpmath.exp(2 * mpmath.erfinv(x) ** 2)),
    "sinc": tuple(lambda x, n=n: mpmath.pi**n * mpmath.quad(
        lambda t: t**n * mpmath.cos(mpmath.pi * t * x + n * mpmath.pi / 2), mpmath.linspace(0, 1, 12)) for n in range(3)),
}
AT = {"arcsin": [-NEAR, -0.999, -0.3, 1e-200, 0.5, 0.7, NEAR], "arccos": [-NEAR, -0.999, -0.3, 0.5, 0.7, NEAR],
      "arctanh": [-NEAR, -0.999, -0.3, 1e-200, 0.5, NEAR], "arcsinh": [-1e100, -3.0, 1e-100, 0.5, 20.0, 1e100],
      "arccosh": [1 + 2.0**-52, 1.001, 2.0, 1e100], "log2": [1e-100, 0.3, 8.0, 1e100], "log10": [1e-100, 0.3, 1000.0, 1e100],
      "erfinv": [-NEAR, -0.99999, -0.86, -0.5, 1e-200, 0.1, 0.85, 0.999, NEAR],
      "sinc": [-7.3, -1.5, -0.64, -0.3, 0.01, 0.5, 0.63, 0.7, 2.5, 10.25]}


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("name", MP)
def test_values_and_two_derivatives_at_the_edges(name, backend):
    x = sg.data("x", len(AT[name]))
    first = sg.gradient(sg.sum(getattr(sg, name)(x)), x)
    found = sg.function([x], [getattr(sg, name)(x), first, sg.gradient(sg.sum(first), x)], backend=backend)(np.array(AT[name]))
    with mpmath.workdps(50):
        for order, f in enumerate(MP[name]):
            for at, got in zip(AT[name], found[order], strict=True):
                exact = f(mpmath.mpf(at))
                assert abs(mpmath.mpf(float(got)) - exact) <= 5e-14 * abs(exact) + 1e-300, (order, at, got)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("name, at, value", [
    ("arcsin", [-1.0, 1.0, 1.5, math.nan], [-math.pi / 2, math.pi / 2, math.nan, math.nan]), ("arctanh", [1.0, -1.0, 2.0], [math.inf, -math.inf, math.nan]),
    ("erfinv", [-1.0, 1.0, 1.5, math.nan, -0.0], [-math.inf, math.inf, math.nan, math.nan, -0.0]), ("arccosh", [1.0, 0.5], [0.0, math.nan]),
    ("log2", [0.0, -1.0, math.inf, 2.0**-1074], [-math.inf, math.nan, math.inf, -1074.0]), ("log10", [0.0, 1e22, math.inf], [-math.inf, 22.0, math.inf]),
    ("sinc", [0.0, 1.0, -2.0, math.inf, math.nan], [1.0, 0.0, 0.0, 0.0, math.nan]),
    ("ceil", [-0.5, 1.2, -1.0, math.inf, math.nan], [-0.0, 2.0, -1.0, math.inf, math.nan]),
    ("round", [0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994, math.inf], [0.0, 2.0, 2.0, -0.0, -2.0, 0.0, math.inf]),
    ("trunc", [-1.7, 1.7, math.nan, -math.inf], [-1.0, 1.0, math.nan, -math.inf]),
    ("isnan", [math.nan, math.inf, 0.0], [True, False, False]), ("isfinite", [math.nan, math.inf, 0.0], [False, False, True]),
    ("isinf", [math.nan, -math.inf, 0.0], [False, True, False])])
def test_values_at_and_beyond_the_edges(name, at, value, backend):
    x = sg.data("x", len(at))
    found = sg.function([x], getattr(sg, name)(x), backend=backend)(np.array(at))
    np.testing.assert_array_equal(np.abs(found) if name == "sinc" else found, value)


def test_numpys_own_functions_take_tensors():
    x = sg.data("x", 3)
    for name in "arcsin arccos arcsinh arccosh arctanh log2 log10 exp2 ceil trunc rint isnan isfinite isinf".split():
        assert getattr(np, name)(x) is getattr(sg, "round" if name == "rint" else name)(x)
    assert np.sinc(x) is sg.sinc(x) and np.round(x) is sg.round(x) is x.round() and np.arctan2(x, 2) is sg.arctan2(x, 2)
    assert np.logaddexp(x, 0) is sg.logaddexp(x, 0)


@pytest.mark.parametrize("text, printed", [
    ("log2(x)", "log₂(x)"), ("log₂(x)", "log₂(x)"), (r"\log_2(x)", "log₂(x)"), (r"\log_{10}(x)", "log₁₀(x)"), ("⌈x⌉", "⌈x⌉"),
    (r"\lceil x \rceil", "⌈x⌉"), ("np.ceil(x)", "⌈x⌉"), ("arcsin(x)", "arcsin(x)"), (r"\arcsin(x)", "arcsin(x)"),
    ("arctan2(x, 2)", "arctan2(x, 2)"), ("erfinv(x)", "erfinv(x)"), ("sinc(x)", "sinc(x)"), ("isnan(x)", "isnan(x)")])
def test_they_are_read_as_they_are_printed(text, printed):
    assert str(sg.parse(text, x="3")) == printed


def test_whole_numbers_stay_whole():
    k = sg.data("k", 3, dtype="integer")
    for f in (sg.ceil, sg.round, sg.floor):
        assert f(k).dtype == "integer"
        np.testing.assert_array_equal(f(k).eval(k=[1, -2, 3]), [1, -2, 3])
    assert sg.round(k, 2) is k
    np.testing.assert_array_equal(sg.isfinite(k).eval(k=[1, -2, 3]), True)


def test_logarithms_to_a_base_are_concave():
    x = sg.data("x", 3)
    assert sg.convexity(-sg.sum(sg.log2(x)), x).verdict == "convex"
    assert sg.convexity(sg.sum(sg.log10(x)), x).verdict == "concave"
