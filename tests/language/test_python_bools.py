"""A Python bool among tensors is what == gave, and never meant: every operation says so. The sample axis goes by name."""

import numpy as np
import pytest

import symgrad as sg

n, d, T = sg.dims("n d T")
M, S = sg.data("M", (n, n)), sg.parameter("S", (n, n))

MISTAKES = {
    "condition": lambda b: sg.where(b, -np.inf, S), "value": lambda b: sg.where(M > 0, S, b), "factor": lambda b: b * S, "factor behind": lambda b: S * b,
    "divisor": lambda b: S / b, "term": lambda b: S + b, "term in front": lambda b: b - S, "power": lambda b: S**b, "and": lambda b: (M > 0) & b,
    "or in front": lambda b: b | (M > 0), "not": sg.logical_not, "sum": sg.sum, "NumPy's where": lambda b: np.where(b, S, 1.0) if not isinstance(b, bool) else sg.where(b, S, 1.0),
    "NumPy's product": lambda b: np.multiply(S, b), "comparison": lambda b: S > b, "operand": lambda b: sg.einsum("ij,->ij", S, b), "stacked": lambda b: sg.stack([S, b]),
    "clipped": lambda b: sg.clip(S, b, 2), "maximum": lambda b: sg.maximum(b, S), "elementwise": lambda b: sg.elementwise(lambda x, y: x * y, S, b),
    "loss": lambda b: sg.losses.mse(S, b), "matrix": lambda b: sg.inv(b), "either": lambda b: sg.where(b or (M == 1), S, 0)}


@pytest.mark.parametrize("where", MISTAKES)
@pytest.mark.parametrize("compared", [lambda: M == 0, lambda: M != 0])
def test_what_equals_gave_is_refused(where, compared):
    with pytest.raises(TypeError, match=r"(True|False) is a Python bool, no tensor: == and != compare .* sg\.equal\(a, b\) compares their entries"):
        MISTAKES[where](compared())


def test_masks_that_are_meant_stay():
    x = sg.data("x", 2)
    at = np.array([3.0, 4.0])
    for mask in (np.array([True, False]), [True, False], sg.equal(x, 3), sg.data("m", 2, dtype="boolean")):
        given = {"m": np.array([True, False])} if isinstance(mask, sg.Tensor) and mask.name == "m" else {}
        assert (sg.where(mask, x, 0).eval(x=at, **given) == [3, 0]).all()
    assert (sg.where(np.True_, x, 0).eval(x=at) == at).all() and (x * np.array([True, False])).eval(x=at).tolist() == [3, 0]
    assert sg.constant(True).dtype == "boolean" and sg.full(2, True).eval().tolist() == [1, 1]
    assert (M == 0) is False and (M != 0) is True


@pytest.mark.parametrize(("ask", "message"), [
    (lambda: sg.data("X", n, d), r"data 'X': a shape is one tuple, sg\.data\('X', \(n, d\)\); the sample axis is given by name, over=d"),
    (lambda: sg.data("X", 3, 4), r"a shape is one tuple, sg\.data\('X', \(3, 4\)\)"),
    (lambda: sg.data("X", n, d, T), r"one tuple, sg\.data\('X', \(n, d, T\)\)"),
    (lambda: sg.data("X", (n, d), T), r"^data 'X': the sample axis is given by name, over=T$"),
    (lambda: sg.labels("t", 3, T), r"sg\.labels\('t', 3, shape=\(T,\)\); the sample axis is given by name, over=T"),
])
def test_the_sample_axis_goes_by_name(ask, message):
    with pytest.raises(TypeError, match=message):
        ask()
    assert sg.data("X", (n, d), over=T).over == T and sg.labels("t", 3, over=T).over == T
