"""Values that are not needed do no harm, in `eval` as in `sg.function`; a mistyped name is shown."""

import numpy as np
import pytest

import symgrad as sg


def test_eval_takes_what_it_does_not_need():
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    values = {"x": [1.0, 2.0, 3.0], "w": [1.0, 1.0, 1.0], "other": "no array", "self": 1}
    assert sg.sum(x).eval(**values) == 6.0 and sg.sum(x * w).eval(**values) == 6.0
    assert sg.constant(2.0).eval(**values) == 2.0
    assert np.array_equal(sg.gradient(sg.sum(x * w), w).eval(**values), [1.0, 2.0, 3.0])
    assert sg.eye(sg.dim("n")).eval(n=2, m=3).shape == (2, 2)
    assert sg.data("self", 2).eval(self=[1.0, 2.0]).shape == (2,)


def test_a_mistyped_name_is_shown():
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    with pytest.raises(sg.DataError, match="W"):
        sg.sum(x * w).eval(x=[1.0, 2.0, 3.0], W=[1.0, 1.0, 1.0])


@pytest.mark.parametrize("fraction", [0.25, np.float32(0.25), np.float64(0.25)])
def test_a_fraction_of_any_kind_of_numbers(fraction):
    x, w = sg.data("x", over=sg.dim("T")), sg.parameter("w")
    history = sg.Model(sg.mean((x - w) ** 2)).fit({"x": np.arange(8.0)}, validation=fraction, epochs=1, progress=False)
    assert "val_loss" in history.curves
