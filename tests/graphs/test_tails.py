"""Functions and their derivatives where they are tiny, huge or nearly one, against mpmath in 80 digits."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import symgrad as sg
from symgrad.graphs.errors import SymgradError

WIDE = (-300.0, -40.0, -20.0, -9.0, -2.3, -0.7, -1e-3, 1e-9, 0.4, 1.6, 8.5, 21.0, 41.0, 300.0)
NARROW = (-37.0, -20.0, -9.0, -5.5, -2.3, -0.66, -0.3, 1e-9, 0.4, 0.67, 1.6, 8.5, 20.0, 26.0)
FAR = (-800.0, *WIDE[:-1], 80.0, 300.0, 800.0)
ABOVE = tuple(x for x in FAR if x > 0) + (1e-20,)
BENT = tuple(x for x in FAR if not -1e-3 < x < 1e-3)  # derivatives of 1 - exp(-exp(x)) and the like are 0 at 0
RIGHT = (0.013, 0.5, 0.93, 1.0625, 2.0625, 3.7, 9.9, 10.1, 171.0, 1e6)
Case = tuple[Callable[[Any], Any], Callable[[Any], Any], tuple[float, ...], tuple[float, float, float]]
TABLE: dict[str, Case] = {  # ours, mpmath's, points, ulp that value, first and second derivative may be off
    "sigmoid": (sg.sigmoid, lambda x: 1 / (1 + mp.exp(-x)), WIDE, (4, 4, 24)),
    "1 - sigmoid": (lambda x: 1 - sg.sigmoid(x), lambda x: 1 / (1 + mp.exp(x)), WIDE, (4, 4, 24)),
    "tanh": (sg.tanh, mp.tanh, WIDE, (4, 4, 6)),
    "1 - tanh^2": (lambda x: 1 - sg.tanh(x) ** 2, lambda x: mp.sech(x) ** 2, WIDE, (4, 6, 40)),
    "softplus": (sg.softplus, lambda x: mp.log1p(mp.exp(x)), WIDE, (4, 4, 4)),
    "elu": (sg.elu, lambda x: x if x > 0 else mp.expm1(x), WIDE, (4, 4, 4)),
    "expm1": (sg.expm1, mp.expm1, WIDE, (4, 4, 4)),
    "exp - 1": (lambda x: sg.exp(x) - 1, mp.expm1, WIDE, (4, 4, 4)),
    "1 - exp": (lambda x: 1 - sg.exp(-x), lambda x: -mp.expm1(-x), WIDE, (4, 4, 4)),
    "1 - cos": (lambda x: 1 - sg.cos(x), lambda x: 2 * mp.sin(x / 2) ** 2, (-2.0, -1e-6, 1e-9, 1e-3, 1.0), (4, 4, 4)),
    "log cosh": (lambda x: sg.log(sg.cosh(x)), lambda x: mp.log(mp.cosh(x)), FAR, (8, 4, 8)),
    "1/(exp - 1)": (lambda x: 1 / (sg.exp(x) - 1), lambda x: 1 / mp.expm1(x), FAR, (4, 8, 12)),
    "exp/(exp - 1)": (lambda x: sg.exp(x) / (sg.exp(x) - 1), lambda x: -1 / mp.expm1(-x), FAR, (4, 8, 12)),
    "exp/(1 - exp)": (lambda x: sg.exp(-x) / (1 - sg.exp(-x)), lambda x: 1 / mp.expm1(x), FAR, (4, 8, 12)),
    "log(exp - 1)": (lambda x: sg.log(sg.exp(x) - 1), lambda x: mp.log(mp.expm1(x)), ABOVE, (8, 8, 12)),
    "log(1 - exp)": (lambda x: sg.log(1 - sg.exp(-x)), lambda x: mp.log(-mp.expm1(-x)), ABOVE, (8, 8, 12)),
    "log(1 - exp(-exp))": (lambda x: sg.log(1 - sg.exp(-sg.exp(x))), lambda x: mp.log(-mp.expm1(-mp.exp(x))),
                           tuple(x for x in FAR if -37 < x < 5 or abs(x) > 200), (600, 600, 1e20)),  # the last: no NaN
    "1 - exp(-exp)": (lambda x: 1 - sg.exp(-sg.exp(x)), lambda x: -mp.expm1(-mp.exp(x)),
                      tuple(x for x in BENT if x < 5 or x > 20)[:-1], (4, 60, 4000)),
    "log sinh": (lambda x: sg.log(sg.sinh(x)), lambda x: mp.log(mp.sinh(x)), ABOVE, (8, 8, 12)),
    "log tanh": (lambda x: sg.log(sg.tanh(x)), lambda x: mp.log(mp.tanh(x)), ABOVE, (8, 12, 24)),
    "1/cosh": (lambda x: 1 / sg.cosh(x), mp.sech, FAR, (4, 8, 24)),
    "1/sinh": (lambda x: 1 / sg.sinh(x), mp.csch, FAR, (4, 12, 24)),
    "cosh/sinh": (lambda x: sg.cosh(x) / sg.sinh(x), mp.coth, FAR, (8, 24, 60)),
    "|x|^2": (lambda x: abs(x) ** 2, lambda x: x * x, (*WIDE, 0.0), (4, 4, 4)),
    "erfc": (sg.erfc, mp.erfc, NARROW, (4, 400, 400)),
    "1 - erf": (lambda x: 1 - sg.erf(x), mp.erfc, NARROW, (4, 400, 400)),
    "1 + erf": (lambda x: 1 + sg.erf(x), lambda x: mp.erfc(-x), NARROW, (4, 400, 400)),
    "log_ndtr": (sg.log_ndtr, lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), NARROW, (4, 400, 2000)),
    "gelu": (sg.gelu, lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2, NARROW, (4, 400, 400)),
    "lgamma": (sg.lgamma, lambda x: mp.loggamma(x).real, RIGHT, (4, 16, 4)),
    "digamma": (sg.digamma, mp.digamma, RIGHT, (16, 4, 4)),
}
GAMMA = {"lgamma": 0, "digamma": 1}  # derivatives of log gamma: differences of them take mpmath seconds, psi none


@cache
def right_value(name: str, order: int, at: float) -> Any:
    """The function or a derivative of it: that of float32 and of C is the same."""
    exact = TABLE[name][1]
    with mp.workdps(400):
        if name in GAMMA and order:
            return mp.psi(GAMMA[name] + order - 1, mp.mpf(at))
        return mp.diff(exact, mp.mpf(at), order, h=mp.mpf(10) ** -150)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", TABLE)
def test_tails(name: str, dtype: str, backend: str) -> None:
    """Together and alone; what is below the smallest normal number may be zero."""
    ours, _, points, ulps = TABLE[name]
    at = np.array(points, dtype)
    x = sg.data("x", len(points))
    y = ours(x)
    outputs = [y, sg.gradient(sg.sum(y), x)]
    outputs.append(sg.gradient(sg.sum(outputs[1]), x))
    got = [sg.function([x], outputs, dtype=dtype, backend=backend)(at)]
    if backend == "numpy":  # each alone as well
        got.append([sg.function([x], output, dtype=dtype)(at) for output in outputs])
    u, least, most = np.finfo(dtype).eps, float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    with mp.workdps(400):
        for order, ulp in enumerate(ulps):
            for k, p in enumerate(at):
                right = right_value(name, order, float(p))
                size = max(abs(right), 0.25 if order == 2 and abs(p) < 0.1 else 0)  # second derivatives are 0 near 0
                for number in (values[order][k] for values in got):
                    if abs(right) > most:
                        assert abs(number) > most / 4
                    elif abs(right) < least * 4:
                        assert abs(number) < least * 8
                    else:
                        assert abs(mp.mpf(float(number)) - right) <= ulp * u * size, (name, order, p, number, right)


def test_expm1_in_quotients() -> None:
    """x / (exp(x) - 1), the function of Bernoulli and Planck, near 0."""
    x = sg.data("x")
    y = x / (sg.exp(x) - 1)
    for at in (1e-5, 1e-10):
        np.testing.assert_allclose(y.eval(x=at), at / np.expm1(at), rtol=1e-15)
        np.testing.assert_allclose(sg.gradient(y, x).eval(x=at), -0.5, rtol=1e-5)
    assert str(y) == "x/(exp(x) - 1)"


def test_negative_arguments_of_gamma() -> None:
    """Reflected: sign changes of gamma are not seen by the logarithm of its absolute value."""
    x = sg.data("x", 3)
    at = np.array([-0.5, -2.2, -7.9])
    y = sg.sum(sg.lgamma(x))
    for backend in ("numpy", "c"):
        for order, got in enumerate(sg.function([x], [sg.lgamma(x), sg.gradient(y, x), sg.gradient(
                sg.sum(sg.gradient(y, x)), x)], backend=backend)(at)):
            right = [float(mp.log(abs(mp.gamma(v))) if not order else mp.psi(order - 1, v)) for v in at]
            np.testing.assert_allclose(got, right, rtol=1e-12)


def test_clip_at_its_bounds() -> None:
    """With one bound or two the interval is closed, where they cross, the upper one is the value."""
    x, low, high = sg.data("x"), sg.data("low"), sg.data("high")
    for f in (sg.clip(x, 0), sg.clip(x, None, 0), sg.clip(x, 0, 6), sg.clip(x, -6, 0)):
        assert sg.gradient(f, x).eval(x=0.0) == 1
    assert str(sg.clip(x, 0)) == "max(x, 0)" and str(sg.clip(x, None, 1)) == "min(x, 1)"
    assert str(sg.gradient(sg.clip(x, 0), x)) == "[x ≥ 0]"
    f = sg.function([x, low, high], [sg.clip(x, low, high), *sg.gradient(sg.clip(x, low, high), [x, low, high])])
    for given in ((0.0, 2.0, 1.0), (1.5, 2.0, 1.0), (3.0, 2.0, 1.0), (0.0, 1.0, 2.0), (3.0, 1.0, 2.0), (1.5, 1.0, 2.0)):
        value, *slopes = f(*given)
        assert value == np.clip(*given)
        assert slopes == [float(value == v and (k == 2 or given[1] <= given[2])) for k, v in enumerate(given)]


def test_powers_of_negative_numbers() -> None:
    """x ** y of x < 0 has no derivative by y."""
    x, y = sg.data("x", 4), sg.data("y", 4)
    got = sg.gradient(sg.sum(x ** y), y).eval(x=[-2.0, -1.0, 0.0, 2.0], y=[3.0, 2.0, 2.0, 3.0])
    np.testing.assert_allclose(got, [np.nan, np.nan, 0, 8 * np.log(2)])


def test_huber_wants_a_width() -> None:
    """The message says what is wrong."""
    for delta in (0, -1.0):
        with pytest.raises(SymgradError, match=r"huber: delta must be greater than 0, not"):
            sg.losses.huber(sg.data("p"), sg.data("t"), delta)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_poles_of_the_gamma_function(backend: str, dtype: str) -> None:
    """At 0 the sign of zero is the side; at -1, -2, ... digamma comes from -inf and from inf, and is neither."""
    x = sg.data("x", 6)
    slope = sg.gradient(sg.sum(sg.digamma(x)), x)
    f = sg.function([x], [sg.lgamma(x), sg.digamma(x), slope], backend=backend, dtype=dtype)
    with np.errstate(all="ignore"):
        logs, values, slopes = f(np.array([0.0, -0.0, -1.0, -2.0, -17.0, -1e9], dtype))
    np.testing.assert_array_equal(logs, [np.inf] * 6)
    np.testing.assert_array_equal(values, [-np.inf, np.inf, *[np.nan] * 4])
    np.testing.assert_array_equal(slopes, [np.inf] * 6)
