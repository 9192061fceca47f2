"""Alternating minimisation and coordinate descent: exact where closed, never rising, the same as others from one start."""

import numpy as np
import pytest

import symgrad as sg

n, d, k = sg.dims("n d k")
X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
U, V = sg.parameter("U", (n, k)), sg.parameter("V", (k, d))
Z, mu = sg.parameter("Z", (n, k)), sg.parameter("mu", (k, d))
factors = sg.sum((X - U @ V) ** 2)
distances = sg.sum(Z * sg.sum((X[:, None, :] - mu) ** 2, axis=2))


def never_rises(found):
    taken = np.array(found.history["accepted"])
    losses = np.array(found.history["loss"])[taken]
    return np.all(np.diff(losses) <= 1e-12 * abs(losses[:-1]))


def test_k_means_is_alternating_with_vertices_of_the_simplex():
    cluster = pytest.importorskip("sklearn.cluster")
    rng = np.random.default_rng(0)
    points = np.vstack([rng.normal(3 * i, 1.2, (40, 2)) for i in range(3)])
    start = points[[0, 1, 2]]
    found = sg.minimize(distances, [Z, mu], {"X": points}, method="alternating", blocks=[["Z"], ["mu"]],
                        start={"Z": np.full((120, 3), 1 / 3), "mu": start}, constraints={"Z": "simplex"})
    theirs = cluster.KMeans(3, init=start, n_init=1, tol=0, algorithm="lloyd").fit(points)
    np.testing.assert_array_equal(found.x["Z"].argmax(1), theirs.labels_)
    np.testing.assert_allclose(found.x["mu"], theirs.cluster_centers_, atol=1e-10)
    assert set(np.unique(found.x["Z"])) == {0.0, 1.0} and found.fun == pytest.approx(theirs.inertia_)
    assert found.success and found.message == "no block changes any more" and never_rises(found)
    assert found.reason == ("the loss is linear in Z, which goes to a vertex (simplex); mu = diag(1/(Zᵀ 1)) Zᵀ X")


def test_a_class_that_loses_its_members_keeps_its_mean():
    points = np.array([[0.0], [0.1], [5.0]])
    found = sg.minimize(distances, [Z, mu], {"X": points}, method="alternating", constraints={"Z": "simplex"},
                        start={"Z": np.full((3, 3), 1 / 3), "mu": [[0.0], [5.0], [90.0]]})
    np.testing.assert_allclose(found.x["mu"], [[0.05], [5.0], [90.0]])


def test_a_matrix_as_a_product_is_the_truncated_svd():
    rng = np.random.default_rng(1)
    data = rng.normal(size=(12, 4)) @ rng.normal(size=(4, 9)) + 0.1 * rng.normal(size=(12, 9))
    found = sg.minimize(factors, [U, V], {"X": data}, method="alternating", tol=1e-14,
                        start={"U": rng.normal(size=(12, 2)), "V": rng.normal(size=(2, 9))})
    s = np.linalg.svd(data, compute_uv=False)
    assert found.fun == pytest.approx((s[2:] ** 2).sum(), rel=1e-8)
    assert never_rises(found) and found.reason == "U = X Vᵀ (V Vᵀ)⁻¹; V = (Uᵀ U)⁻¹ Uᵀ X"
    assert len(found.history["loss"]) == len(found.history.x) == len(found.history["step"])


def test_nonnegative_factors_stay_so_and_reach_what_scikit_learn_reaches():
    decomposition = pytest.importorskip("sklearn.decomposition")
    rng = np.random.default_rng(2)
    data = rng.random((20, 3)) @ rng.random((3, 15)) + 0.05 * rng.random((20, 15))
    start = {"U": rng.random((20, 3)), "V": rng.random((3, 15))}
    found = sg.minimize(factors, [U, V], {"X": data}, method="alternating", start=start, tol=1e-6,
                        constraints={"U": "nonnegative", "V": "nonnegative"})
    theirs = decomposition.NMF(3, init="custom", tol=1e-5, max_iter=5000)
    W = theirs.fit_transform(data, W=start["U"].copy(), H=start["V"].copy())
    assert found.fun <= 1.02 * ((data - W @ theirs.components_) ** 2).sum()
    assert (found.x["U"] >= 0).all() and (found.x["V"] >= 0).all() and never_rises(found)
    assert "then projected gradient steps within its set" in found.reason


def test_blocks_without_a_closed_form_go_by_newton():
    a, b = sg.parameter("a"), sg.parameter("b")
    found = sg.minimize((1 - a) ** 2 + 10 * (b - a**2) ** 2, [a, b], method="alternating", start={"a": -1.0, "b": 1.0})
    assert found.x["a"] == pytest.approx(1, abs=1e-6) and never_rises(found)
    assert "a by Newton's method: there is more than one stationary point in a" in found.reason and "b = a²" in found.reason
    bowl = sg.logsumexp(sg.stack([a + b, a - b, -2 * a])) + b**2
    assert sg.minimize(bowl, [a, b], method="alternating").fun == pytest.approx(np.log(3) - 0, abs=0.2)


@pytest.mark.parametrize("blocks, message", [
    ([["U"], ["W"]], "the block with 'W' does not occur: the variables are U, V"),
    ([["U"], ["V", "U"]], "'U' stands in blocks 2 times; once is what fits"),
])
def test_blocks_that_do_not_fit(blocks, message):
    with pytest.raises(sg.SymgradError, match=f"minimize: {message}"):
        sg.minimize(factors, [U, V], {"X": np.eye(4)}, method="alternating", blocks=blocks, start={"U": np.ones((4, 2))})


def test_what_no_block_names_is_the_last_block():
    found = sg.minimize(factors, [U, V], {"X": np.diag([3.0, 2, 1])}, method="alternating", blocks=[["V"]], tol=1e-13,
                        start={"U": np.array([[1.0, 0], [0, 1], [1, 1]]), "V": np.zeros((2, 3))})
    assert found.fun == pytest.approx(1, rel=1e-6) and found.reason.startswith("V = ")


def test_only_alternating_takes_blocks():
    with pytest.raises(sg.SymgradError, match="minimize: newton takes no blocks; alternating would"):
        sg.minimize(factors, [U, V], {"X": np.eye(4)}, method="newton", blocks=[["U"]], start={"U": np.ones((4, 2))})


# coordinates ------------------------------------------------------------------------------------------------


def test_coordinates_of_a_quadratic_are_exact_one_by_one():
    rng = np.random.default_rng(4)
    data = {"X": rng.normal(size=(30, 4)), "y": rng.normal(size=30)}
    found = sg.minimize(sg.sum((X @ w - y) ** 2), w, data, method="coordinate")
    exact = np.linalg.lstsq(data["X"], data["y"], rcond=None)[0]
    np.testing.assert_allclose(found.x["w"], exact, atol=1e-8)
    assert never_rises(found) and found.success
    points = np.array([x["w"] for x in found.history.x])
    assert ((np.diff(points, axis=0) != 0).sum(1) == 1).all()
    first = ((data["X"] @ points[1] - data["y"]) @ data["X"][:, 0])
    assert abs(first) < 1e-10  # the first number is where its slope is zero
    losses = [((data["X"] @ p - data["y"]) ** 2).sum() for p in points]
    np.testing.assert_allclose(found.history["loss"], losses, rtol=1e-9)


def test_coordinates_of_any_smooth_loss_and_within_bounds():
    p = sg.parameter("p", 2)
    rosenbrock = (1 - p[0]) ** 2 + 10 * (p[1] - p[0] ** 2) ** 2
    found = sg.minimize(rosenbrock, p, method="coordinate", start={"p": [-1.0, 1.0]})
    np.testing.assert_allclose(found.x["p"], [1, 1], atol=1e-6)
    assert never_rises(found)
    within = sg.minimize(rosenbrock, p, method="coordinate", start={"p": [0.0, 0.0]}, bounds={"p": (-1, [0.5, 2])})
    np.testing.assert_allclose(within.x["p"], [0.5, 0.25], atol=1e-6)
    a = sg.data("a", 3)
    q = sg.parameter("q", 3)
    boxed = sg.minimize(sg.sum((q - a) ** 2), q, {"a": [3.0, -2.0, 0.1]}, method="coordinate", bounds={"q": (-1, 1)})
    np.testing.assert_allclose(boxed.x["q"], [1, -1, 0.1], atol=1e-12)


def test_a_coordinate_along_which_the_loss_falls_forever():
    p = sg.parameter("p", 2)
    with pytest.raises(sg.SymgradError, match=r"coordinate: the loss is unbounded below along p\[1\]: its curvature there is -2"):
        sg.minimize(p[0] ** 2 - p[1] ** 2, p, method="coordinate", start={"p": [1.0, 1.0]})
    found = sg.minimize(p[0] ** 2 - p[1] ** 2, p, method="coordinate", start={"p": [1.0, 1.0]}, bounds={"p": (-2, 3)})
    np.testing.assert_allclose(found.x["p"], [0, 3])
