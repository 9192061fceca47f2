"""A population is one call of generated code: what a loop over its points gives, in bounded memory."""

import sys

import fake_cupy
import numpy as np
import pytest

import symgrad as sg
from symgrad.computing import populations
from symgrad.computing.populations import Population, batched

T, n = sg.dims("T n")
rng = np.random.default_rng(0)


def network():
    """Two layers of one kind, whose symbols have one name each; labels, samples, a size that only data show."""
    x, k = sg.data("x", n, over=T), sg.labels("k", 3, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(4, 4), sg.nn.Tanh(), sg.nn.Linear(4, 4), sg.nn.Linear(4, 3))
    W = sg.parameter("W", (4, n))
    loss = sg.empirical_risk(sg.losses.cross_entropy(net(W @ x), k)) + sg.sum(W**2) / 10
    return loss, [W, *net.parameters()], {x: rng.standard_normal((30, 5)), k: rng.integers(0, 3, 30)}


def points_of(variables, count, sizes):
    return [rng.standard_normal((count, *(sizes.get(s, s) for s in v.shape))) for v in variables]


def by_loop(loss, variables, data, points):
    f = sg.function([*variables, *data], loss)
    return np.array([f(*(p[i] for p in points), *data.values()) for i in range(len(points[0]))])


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_network_for_many_weights_at_once(backend):
    loss, variables, data = network()
    points = points_of(variables, 40, {n: 5})
    population = Population(loss, variables, {s.node: v for s, v in data.items()}, {T: 30, n: 5}, backend)
    np.testing.assert_allclose(population(*points), by_loop(loss, variables, data, points), rtol=1e-12)
    assert population.calls == 1


def test_a_network_for_many_weights_at_once_in_the_words_of_cupy(monkeypatch):
    """On the stand-in for CuPy, which refuses what CuPy refuses."""
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    fake_cupy.install(sys.modules)
    loss, variables, data = network()
    points = points_of(variables, 7, {n: 5})
    population = Population(loss, variables, {s.node: v for s, v in data.items()}, {T: 30, n: 5}, "cupy")
    found = population(*points)
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, by_loop(loss, variables, data, points), rtol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 8, 9, 100])
def test_large_populations_are_taken_in_pieces(count, monkeypatch):
    loss, variables, data = network()
    points = points_of(variables, count, {n: 5})
    monkeypatch.setattr(populations, "PIECE", 40_000)
    population = Population(loss, variables, {s.node: v for s, v in data.items()}, {T: 30, n: 5})
    assert 2 < population.piece < 20
    found = population(*points)
    assert found.shape == (count,) and population.calls == -(-count // population.piece)
    np.testing.assert_allclose(found, by_loop(loss, variables, data, points), rtol=1e-12)


def test_memory_is_bounded():
    """A loss that makes 8 MB for each point takes few points a call."""
    w, X = sg.parameter("w", 2), sg.data("X", (500_000, 2))
    population = Population(sg.sum(sg.tanh(X @ w)), [w], {X.node: np.ones((500_000, 2))}, {})
    assert population.piece == 1


def test_a_point_without_a_value_is_nan_alone():
    A, b = sg.parameter("A", (2, 2)), sg.data("b", 2)
    points = np.stack([np.eye(2) * k for k in (1.0, 0, 2, 0, 4)])
    population = Population(sg.sum(sg.solve(A, b)), [A], {b.node: np.ones(2)}, {})
    np.testing.assert_allclose(population(points), [2, np.nan, 1, np.nan, 0.5])


def test_what_is_declared_is_not_asked_of_points_that_are_only_tried():
    p = sg.parameter("p", 2, nonnegative=True)
    assert np.array_equal(Population(sg.sum(p**2), [p], {}, {})(np.array([[1.0, -1.0], [2.0, 0.0]])), [2.0, 4.0])


def test_the_axis_of_points_is_no_size_of_the_user():
    points = sg.dim("points")
    w = sg.parameter("w", points)
    losses, (many,) = batched(sg.sum(w**2), [w])
    assert many.shape == (sg.dim("points1"), points) and losses.shape == (sg.dim("points1"),)


def test_a_batched_loss_is_a_tensor_like_any_other():
    """It is differentiated, printed and batched again."""
    w, x = sg.parameter("w", 2), sg.data("x", 2)
    losses, (many,) = batched(sg.sum((w - x) ** 2), [w])
    at = {many: rng.standard_normal((4, 2)), x: np.ones(2)}
    gradient = sg.function(list(at), sg.gradient(sg.sum(losses), many))(*at.values())
    np.testing.assert_allclose(gradient, 2 * (at[many] - 1))
    assert "x" in str(losses)
    again, (xs,) = batched(losses, [x])
    assert sg.function([many, xs], again)(at[many], np.zeros((3, 2))).shape == (3, 4)


def test_derivatives_within_a_loss_are_batched_in_the_form_that_programs_compute():
    w = sg.parameter("w", 3)
    slope = sg.gradient(sg.sum(sg.log(1 + sg.exp(w))), w)
    losses, (many,) = batched(sg.sum(slope**2), [w])
    large = np.array([[800.0, -800.0, 0.0]])
    np.testing.assert_allclose(sg.function([many], losses)(large), [1.25])
