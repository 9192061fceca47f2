"""Proximal gradient and ADMM: the splitting is read off the sum; scikit-learn, CVXPY and theory agree."""

import numpy as np
import pytest

import symgrad as sg

n, d, m = sg.dims("n d m")
X, y, w, lam = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.data("lam", nonnegative=True)
B = sg.parameter("B", (d, m))
squares = sg.sum((X @ w - y) ** 2) / (2 * n)
rng = np.random.default_rng(0)
MATRIX = rng.normal(size=(40, 8))
DATA = {"X": MATRIX, "y": MATRIX @ np.array([1.0, -2, 0, 0, 3, 0, 0, 0.5]) + 0.1 * rng.normal(size=40), "lam": 0.2}


@pytest.mark.parametrize("method", ["proximal", "admm", "coordinate", "auto"])
def test_lasso_as_scikit_learn_finds_it(method):
    linear = pytest.importorskip("sklearn.linear_model")
    found = sg.minimize(squares + lam * sg.sum(sg.abs(w)), w, DATA, method=method)
    theirs = linear.Lasso(alpha=0.2, fit_intercept=False, tol=1e-15, max_iter=100_000).fit(MATRIX, DATA["y"]).coef_
    np.testing.assert_allclose(found.x["w"], theirs, atol=1e-7)
    assert ((found.x["w"] == 0) == (theirs == 0)).all() and found.success
    assert "f = 1/(2 n) ‖X w - y‖²" in found.reason
    assert "g = λ sum(|w|)" in found.reason and "whose step is sign(w) ⊙ max(|w| - s λ, 0)" in found.reason


def test_admm_shows_its_splitting():
    found = sg.minimize(squares + lam * sg.sum(sg.abs(w)), w, DATA, method="admm")
    assert "z = w" in found.reason and "(Xᵀ X + n ρ I)⁻¹" in found.reason and "u = u + x - z" in found.reason


def test_the_accepted_losses_of_proximal_gradient_never_rise():
    found = sg.minimize(squares + lam * sg.sum(sg.abs(w)), w, DATA, method="proximal", start={"w": np.full(8, 5.0)})
    taken = np.array(found.history["loss"])[np.array(found.history["accepted"])]
    assert (np.diff(taken) <= 1e-14).all()


LOSSES = {
    "elastic net": squares + lam * (sg.sum(sg.abs(w)) + sg.sum(w**2)),
    "norm": squares + lam * sg.norm(w),
    "all but the first": squares + lam * sg.sum(sg.abs(w[1:])),
    "logistic": sg.mean(sg.softplus(-(y * (X @ w)))) + lam * sg.sum(sg.abs(w)) / 10,
}


@pytest.mark.parametrize("name", LOSSES)
def test_both_methods_find_one_minimum(name):
    one, two = (sg.minimize(LOSSES[name], w, DATA, method=each) for each in ("proximal", "admm"))
    np.testing.assert_allclose(one.x["w"], two.x["w"], atol=2e-6)
    assert one.success and two.success
    for _ in range(20):
        other = one.x["w"] + 1e-3 * rng.normal(size=8)
        assert LOSSES[name].eval(w=other, **DATA) >= one.fun


IMAGES = {
    "total variation": (squares + lam * sg.sum(sg.abs(w[1:] - w[:-1])), lambda cp, v: cp.norm1(cp.diff(v))),
    "least absolute deviations": (lam * sg.sum(sg.abs(X @ w - y)), lambda cp, v: cp.norm1(MATRIX @ v - DATA["y"])),
    "two terms": (squares + lam * sg.sum(sg.abs(w)) + lam * sg.sum(sg.abs(X @ w)),
                  lambda cp, v: cp.norm1(v) + cp.norm1(MATRIX @ v)),
    "hinge": (lam * sg.sum(sg.relu(1 - y * (X @ w))) + sg.sum(w**2),
              lambda cp, v: cp.sum(cp.pos(1 - cp.multiply(DATA["y"], MATRIX @ v))) + cp.sum_squares(v) / 0.2),
}


@pytest.mark.parametrize("name", IMAGES)
def test_admm_splits_affine_images_off(name):
    cp = pytest.importorskip("cvxpy")
    loss, theirs = IMAGES[name]
    found = sg.minimize(loss, w, DATA, method="admm")
    v = cp.Variable(8)
    smooth = cp.sum_squares(MATRIX @ v - DATA["y"]) / 80 if name in ("total variation", "two terms") else 0
    cp.Problem(cp.Minimize(smooth + 0.2 * theirs(cp, v))).solve(solver="CLARABEL")
    np.testing.assert_allclose(found.x["w"], v.value, atol=2e-4)
    assert found.success and found.fun <= loss.eval(w=v.value, **DATA) + 1e-7


def test_groups_of_a_matrix_of_parameters():
    targets = sg.data("Y", (n, m))
    loss = sg.sum((X @ B - targets) ** 2) / 2 + 6 * sg.sum(sg.norm(B, axis=1))
    data = {"X": MATRIX, "Y": MATRIX @ (rng.normal(size=(8, 3)) * (np.arange(8) % 2)[:, None]) + 0.1 * rng.normal(size=(40, 3))}
    found = sg.minimize(loss, B, data, method="proximal")
    rows = np.linalg.norm(found.x["B"], axis=1)
    assert (rows[::2] == 0).all() and (rows[1::2] > 0).all()
    np.testing.assert_allclose(sg.minimize(loss, B, data, method="admm").x["B"], found.x["B"], atol=1e-6)


def test_a_set_beside_a_term_with_corners():
    loss = squares + lam * sg.sum(sg.abs(w))
    found = sg.minimize(loss, w, DATA, method="admm", constraints={"w": "nonnegative"})
    assert (found.x["w"] >= 0).all() and found.success and "g keeps z = w in its set (nonnegative)" in found.reason
    same = sg.minimize(squares + lam * sg.sum(w), w, DATA, method="projected", constraints={"w": "nonnegative"})
    np.testing.assert_allclose(found.x["w"], same.x["w"], atol=1e-6)
    for method in ("proximal", "coordinate"):
        kept = {"bounds": {"w": (0.0, np.inf)}} if method == "coordinate" else {"constraints": {"w": "nonnegative"}}
        np.testing.assert_allclose(sg.minimize(loss, w, DATA, method=method, **kept).x["w"], found.x["w"], atol=1e-6)
    with pytest.raises(sg.SymgradError, match="proximal: w has a set and a term with corners, which have no proximal step"):
        sg.minimize(loss, w, DATA, method="proximal", constraints={"w": "simplex"})
    with pytest.raises(sg.SymgradError, match="proximal: w has a set and a term with corners, which have no proximal step"):
        sg.minimize(squares + sg.norm(w), w, DATA, method="proximal", constraints={"w": "nonnegative"})


def test_bounds_written_as_infinite_costs():
    cost = sg.sum(sg.where(sg.logical_and(w >= -1, w <= 1), 0, np.inf))
    found = sg.minimize(squares + cost, w, DATA, method="proximal")
    boxed = sg.minimize(squares, w, DATA, method="projected", bounds={"w": (-1, 1)})
    np.testing.assert_allclose(found.x["w"], boxed.x["w"], atol=1e-6)


def test_cases_that_join_smoothly_are_no_corners():
    huber = sg.minimize(sg.losses.huber(X @ w, y), w, DATA)
    assert huber.method == "newton" and huber.success
    same = sg.minimize(sg.losses.huber(X @ w, y), w, DATA, method="admm")
    np.testing.assert_allclose(huber.x["w"], same.x["w"], atol=1e-6)
    barrier = sg.minimize(squares - lam * sg.sum(sg.log(w)), w, DATA, start={"w": np.ones(8)})
    assert barrier.method == "newton" and barrier.certificate


def test_fewer_rows_than_columns():
    wide = {"X": MATRIX[:5], "y": DATA["y"][:5], "lam": 0.2}
    found = sg.minimize(lam * sg.sum(sg.abs(X @ w - y)), w, wide, method="admm")
    assert found.success and found.fun < 1e-6


def test_edges_without_corners_are_smooth_where_they_have_no_step():
    at = {**DATA, "X": abs(MATRIX), "y": abs(DATA["y"])}
    poisson = sg.sum(X @ w - y * sg.log(X @ w)) + lam * sg.sum(sg.abs(w))
    one, two = (sg.minimize(poisson, w, at, method=each, start={"w": np.ones(8)}) for each in ("proximal", "admm"))
    assert one.fun == pytest.approx(two.fun, rel=1e-6) and one.success
    assert "g = λ sum(|w|)" in one.reason


def test_terms_without_a_common_step_are_split_one_by_one():
    center = sg.data("c", d)
    both = squares + lam * (sg.sum(sg.abs(w)) + sg.sum(sg.abs(w - center)))
    found = sg.minimize(both, w, {**DATA, "c": np.arange(8) - 3.0}, method="admm")
    for _ in range(30):
        other = found.x["w"] + 1e-3 * rng.normal(size=8)
        assert both.eval(w=other, **DATA, c=np.arange(8) - 3.0) >= found.fun - 1e-9
    assert found.success


def test_what_cannot_be_split():
    with pytest.raises(sg.SymgradError, match="minimize: admm: the loss is smooth .* there is nothing to split off"):
        sg.minimize(squares, w, DATA, method="admm")
    v = sg.parameter("v", d)
    with pytest.raises(sg.SymgradError, match="minimize: proximal: the term .* couples w and v, so it has no proximal step"):
        sg.minimize(squares + sg.sum(sg.abs(w - v)), [w, v], {**DATA}, method="proximal")
    with pytest.raises(sg.SymgradError, match="minimize: proximal: max.* has corners or edges, and no closed form for max"):
        sg.minimize(squares + sg.max(w), w, DATA, method="proximal")
    coupled = sg.minimize(squares + sg.sum(v**2) + sg.sum(sg.abs(w - v)), [w, v], DATA, method="admm")
    assert coupled.success
