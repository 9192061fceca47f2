"""Sets: the nearest point is the nearest one, the least one the least; what does not fit has its message."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.minimisers.sets import region

SETS = {"nonnegative": "nonnegative", "simplex": "simplex", "orthogonal": "orthogonal", "ball": ("ball", 0.7),
        "box": ("box", -0.3, np.array([0.5, 1.0, 0.2]))}


def some(said, shape, rng):
    """A point of a set that has nothing to do with projections."""
    x = rng.normal(size=shape)
    if said == "nonnegative":
        return abs(x)
    if said == "simplex":
        return rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    if said == "orthogonal":
        return np.linalg.qr(x)[0] if shape[0] >= shape[1] else np.linalg.qr(x.T)[0].T
    if said[0] == "ball":
        return x / np.linalg.norm(x) * said[1] * rng.random()
    return said[1] + (said[2] - said[1]) * rng.random(shape)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("shape", [(4, 3), (2, 3), (3, 3)])
def test_no_point_of_a_set_is_nearer_and_none_is_lower(name, shape):
    rng = np.random.default_rng(len(name))
    said = SETS[name]
    r = region("x", said, shape)
    for _ in range(20):
        x = rng.normal(size=shape) * 2
        p = r.nearest(x)
        np.testing.assert_allclose(r.nearest(p), p, atol=1e-12)
        low = r.least(abs(x) if name == "nonnegative" else x, p)
        np.testing.assert_allclose(r.nearest(low), low, atol=1e-12)
        for _ in range(30):
            other = some(said, shape, rng)
            np.testing.assert_allclose(r.nearest(other), other, atol=1e-12)
            assert np.linalg.norm(x - p) <= np.linalg.norm(x - other) + 1e-12
            g = abs(x) if name == "nonnegative" else x
            assert (g * low).sum() <= (g * other).sum() + 1e-12


p, a = sg.parameter("p", 3), sg.data("a", 3)
loss = sg.sum((p - a) ** 2)
DATA = {"a": [0.2, 1.5, -1.0]}


@pytest.mark.parametrize("said, expected", [
    ("simplex", [0, 1, 0]), ("nonnegative", [0.2, 1.5, 0]), (("ball", 1.0), np.array(DATA["a"]) / np.linalg.norm(DATA["a"])),
    (("box", -0.5, [0.1, 1, 1]), [0.1, 1, -0.5])])
@pytest.mark.parametrize("method", ["auto", "projected", "alternating", "proximal", "admm"])
def test_the_nearest_point_as_a_minimum(said, expected, method):
    found = sg.minimize(loss, p, DATA, method=method, constraints={"p": said})
    np.testing.assert_allclose(found.x["p"], expected, atol=1e-7)
    assert found.success


@pytest.mark.parametrize("said, message", [
    ("positve", r"p cannot be kept in 'positve'; the sets are \"nonnegative\", \"simplex\", \"orthogonal\", "
                r"\(\"ball\", radius\), \(\"box\", low, high\)"),
    (("ball", -1.0), "the ball of p takes one radius, a positive number, not -1.0"),
    (("ball",), "the ball of p takes one radius, a positive number, not none"),
    (("ball", "1"), "the ball of p takes one radius, a positive number, not '1'"),
    (("box", 1, 0), "the box of p is empty at .0,.: its low end is 1, its high end 0"),
    (("box", 1), r"the box of p takes two ends, .*, not 1"),
    (("box", [1, 2], 3), "an end of the box of p is no number and no array of shape"),
    ("orthogonal", r"p of shape \(3,\) is no matrix, so it cannot be kept orthogonal"),
])
def test_what_is_no_set(said, message):
    with pytest.raises(sg.SymgradError, match=f"minimize: {message}"):
        sg.minimize(loss, p, DATA, method="projected", constraints={"p": said})


def test_a_number_has_no_simplex_and_a_set_is_not_beside_bounds():
    t = sg.parameter("t")
    with pytest.raises(sg.DataError, match="minimize: t is a number, so it cannot be kept on a simplex; that takes an axis"):
        sg.minimize(t**2, t, method="projected", constraints={"t": "simplex"})
    with pytest.raises(sg.SymgradError, match="minimize: p has bounds and a set; one of both is what can be kept"):
        sg.minimize(loss, p, DATA, method="projected", constraints={"p": "simplex"}, bounds={"p": (0, 1)})
    with pytest.raises(sg.SymgradError, match="constraints names 'q', which is no variable"):
        sg.minimize(loss, p, DATA, method="projected", constraints={"q": "simplex"})


def test_a_rotation_by_projected_gradients_and_what_is_declared():
    rng = np.random.default_rng(3)
    n = sg.dim("n")
    A, B, R = sg.data("A", (n, 3)), sg.data("B", (n, 3)), sg.parameter("R", (3, 3))
    points = rng.normal(size=(20, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    data = {"A": points, "B": points @ turn + 0.01 * rng.normal(size=(20, 3))}
    found = sg.minimize(sg.sum((A @ R - B) ** 2), R, data, constraints={"R": "orthogonal"})
    u, _, vt = np.linalg.svd(points.T @ data["B"])  # Schönemann 1966
    np.testing.assert_allclose(found.x["R"], u @ vt, atol=1e-6)
    assert np.all(np.diff(np.array(found.history["loss"])[np.array(found.history["accepted"])]) <= 1e-12)
    assert found.reason == "gradient steps, each followed by the nearest point with R orthogonal"
    w = sg.parameter("w", 3, nonnegative=True)
    at = sg.minimize(sg.sum((w - a) ** 2), w, DATA, method="projected")
    np.testing.assert_allclose(at.x["w"], [0.2, 1.5, 0], atol=1e-9)


@pytest.mark.parametrize("fact, expected", [("simplex", [0, 1, 0]), ("nonnegative", [0.2, 1.5, 0])])
def test_what_is_declared_is_kept(fact, expected):
    w = sg.parameter("w", 3, **{fact: True})
    found = sg.minimize(sg.sum((w - a) ** 2), w, DATA)
    np.testing.assert_allclose(found.x["w"], expected, atol=1e-9)
    assert found.method == {"simplex": "projected", "nonnegative": "levenberg_marquardt"}[fact]
    asked = sg.minimize(sg.sum((w - a) ** 2), w, DATA, method="newton")
    assert not asked.success and asked.message == f"w is not {fact} there, as is declared; projected keeps it so"
    inside = sg.minimize(sg.sum((w - a) ** 2), w, {"a": [0.5, 0.3, 0.2]})
    assert inside.method == "closed_form" and inside.success


def test_a_covariance_keeps_its_eigenvalues():
    S, C = sg.parameter("S", (2, 2), positive_definite=True), sg.data("C", (2, 2))
    found = sg.minimize(sg.sum((S - C) ** 2), S, {"C": [[1.0, 2.0], [2.0, 1.0]]})
    np.testing.assert_allclose(found.x["S"], [[1.5, 1.5], [1.5, 1.5]], atol=1e-9)  # the eigenvalue -1 becomes 0


def test_k_means_is_chosen_by_itself_and_unbounded_blocks_are_named():
    n, d, k = sg.dims("n d k")
    X, Z, mu = sg.data("X", (n, d)), sg.parameter("Z", (n, k)), sg.parameter("mu", (k, d))
    distances = sg.sum(Z * sg.sum((X[:, None, :] - mu) ** 2, axis=2))
    points = np.array([[0.0], [0.2], [4.0], [4.4]])
    found = sg.minimize(distances, [Z, mu], {"X": points}, constraints={"Z": "simplex"},
                        start={"Z": np.full((4, 2), 0.5), "mu": points[[0, 3]]})
    assert found.method == "alternating" and found.fun == pytest.approx(0.1)
    with pytest.raises(sg.SymgradError, match="alternating: the loss is linear in p and unbounded below in its set"):
        sg.minimize(a @ p, p, DATA, method="alternating", constraints={"p": "nonnegative"})


def test_bounds_are_a_box():
    found = sg.minimize(loss, p, DATA, method="projected", bounds={"p": (0.0, [1.0, 1.0, 2.0])})
    np.testing.assert_allclose(found.x["p"], [0.2, 1, 0], atol=1e-9)


def test_entropy_on_a_simplex_is_a_softmax():
    n, d = sg.dims("n d")
    cost, plan = sg.data("C", (n, d)), sg.parameter("Z", (n, d))
    costs = np.random.default_rng(5).random((4, 3))
    found = sg.minimize(sg.sum(plan * cost) + 0.1 * sg.sum(plan * sg.log(plan)), plan, {"C": costs}, constraints={"Z": "simplex"})
    heights = np.exp(-costs / 0.1)
    np.testing.assert_allclose(found.x["Z"], heights / heights.sum(1, keepdims=True), rtol=1e-12)
    assert found.method == "closed_form" and "Z = softmax(-10 C)" in found.reason
