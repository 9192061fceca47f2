"""Running sums and flips: every writing of one of them is one graph, prints as NumPy writes it, and computes without detours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

n, m = sg.dims("n m")
x, w, X = sg.parameter("x", n), sg.data("w", n), sg.parameter("X", (n, m))


@given(st.lists(st.sampled_from(["flip", "sums"]), min_size=1, max_size=7), st.sampled_from(["vector", "rows", "columns"]))
@settings(max_examples=60, deadline=None)
def test_flips_and_running_sums_in_any_order(words, kind):
    axis = 1 if kind == "columns" else 0
    symbol, value = (x, np.array([1.0, 2.0, 5.0, -1.0])) if kind == "vector" else (
        X, np.random.default_rng(0).standard_normal((4, 3)))
    t, want = symbol, value
    for word in words:
        t = sg.flip(t, axis) if word == "flip" else sg.cumsum(t, axis)
        want = np.flip(want, axis) if word == "flip" else want.cumsum(axis)
    f = sg.function([symbol], t)
    np.testing.assert_allclose(f(value), want)
    assert "[::-1][::-1]" not in f.source and "[::-1][::-1]" not in str(t) and "[:, ::-1][:, ::-1]" not in f.source
    g = sg.function([symbol], sg.gradient(sg.sum(t * t), symbol))
    step = 1e-6 * np.ones_like(value)

    def loss(at):
        return float((f(at) ** 2).sum())

    np.testing.assert_allclose((g(value) * step).sum() * 2, loss(value + step) - loss(value - step), rtol=1e-5)
    assert "[::-1][::-1]" not in g.source


@pytest.mark.parametrize("t, text", [
    (sg.gradient(sg.sum(sg.flip(x) * w), x), "w[::-1]"),
    (sg.gradient(sg.sum(sg.flip(sg.cumsum(sg.flip(x))) * w), x), "cumsum(w)"),
    (sg.gradient(sg.sum(sg.cumsum(x) * w), x), "cumsum(w[::-1])[::-1]"),
    (sg.gradient(sg.sum(sg.cumsum(sg.flip(x)) * w), x), "cumsum(w[::-1])"),
    (sg.gradient(sg.sum(sg.flip(sg.cumsum(x)) * w), x), "cumsum(w)[::-1]"),
    (sg.flip(sg.cumsum(sg.flip(sg.exp(x)))), "cumsum(exp(x)[::-1])[::-1]"),
    (sg.flip(sg.cumsum(sg.flip(X, 1), 1), 1), "cumsum(X[:, ::-1], axis=1)[:, ::-1]"),
])
def test_texts(t, text):
    assert str(t) == text
