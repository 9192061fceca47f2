"""`sg.minimize` on sums of squares: found in the formula, standard errors as certified, refused where there is none."""

import nist
import numpy as np
import pytest
from scipy.optimize import curve_fit, lsq_linear

import symgrad as sg

PROBLEMS = nist.problems()
n, d = sg.dims("n d")
x, y, X, w = sg.data("x", n), sg.data("y", n), sg.data("X", (n, d)), sg.parameter("w", d)
a, b = sg.parameter("a"), sg.parameter("b")
rng = np.random.default_rng(0)
AT = {"x": np.linspace(0, 3, 30), "y": 2 * np.exp(-np.linspace(0, 3, 30)) + 0.05 * rng.normal(size=30)}


@pytest.mark.parametrize("name", ["Misra1a", "Thurber", "MGH09", "MGH10", "MGH17", "BoxBOD", "Rat43", "Eckerle4", "Nelson"])
@pytest.mark.parametrize("factor", [1, 0.5, 1 / n])
def test_auto_finds_the_certified_fit_with_its_errors(name, factor):
    problem = PROBLEMS[name]
    loss, parameters = problem.loss()
    found = sg.minimize(factor * loss, parameters, problem.data, start=problem.starts[1])
    assert found.method == "levenberg_marquardt" and "sum of squares" in found.reason and found.success
    assert nist.digits(found.x, problem.certified) >= 8
    assert nist.digits(found.standard_errors, problem.deviations) >= 8
    assert found.history.x[0] == problem.starts[1]
    kept = [loss for loss, taken in zip(found.history["loss"], found.history["accepted"], strict=True) if taken]
    assert all(b <= a for a, b in zip(kept, kept[1:], strict=False)) and kept[-1] == found.fun


@pytest.mark.parametrize("method", ["levenberg_marquardt", "gauss_newton", "newton", "newton_cg", "l-bfgs"])
def test_all_methods_agree_with_scipy(method):
    loss = sg.mean((a * sg.exp(-b * x) - y) ** 2)
    found = sg.minimize(loss, [a, b], AT, method=method, start={"a": 1.0, "b": 0.5})
    best, covariance = curve_fit(lambda x, a, b: a * np.exp(-b * x), AT["x"], AT["y"], [1, 0.5], ftol=1e-14, xtol=1e-14)
    np.testing.assert_allclose([found.x["a"], found.x["b"]], best, rtol=1e-6)
    np.testing.assert_allclose([found.standard_errors["a"], found.standard_errors["b"]], np.sqrt(np.diag(covariance)), rtol=1e-5)


def test_a_linear_model_has_the_textbook_errors_in_closed_form():
    values = rng.normal(size=(20, 3))
    target = values @ [1.0, -2, 3] + rng.normal(size=20)
    found = sg.minimize(sg.sum((X @ w - y) ** 2), w, {"X": values, "y": target})
    assert found.method == "closed_form"
    r = values @ found.x["w"] - target
    wanted = np.sqrt(np.diag(np.linalg.inv(values.T @ values)) * (r @ r) / 17)
    np.testing.assert_allclose(found.standard_errors["w"], wanted, rtol=1e-10)
    assert "±" in str(found)


def test_errors_that_do_not_exist():
    loss = sg.sum((a * x + b - y) ** 2)
    assert sg.minimize(loss, [a, b], {"x": [0, 1], "y": [1, 2]}).standard_errors is None  # no freedom left
    assert sg.minimize(sg.sum(sg.exp(w) - w), w, {"d": 3}).standard_errors is None
    found = sg.minimize(sg.sum(((a + b) * sg.exp(-x) - y) ** 2) , [a, b], AT, method="levenberg_marquardt")
    assert found.success and np.isinf(found.standard_errors["a"]) and np.isinf(found.standard_errors["b"])


def test_what_is_no_sum_of_squares_is_refused_with_the_reason():
    with pytest.raises(sg.SymgradError, match=r"minimize: levenberg_marquardt needs a sum of squares: the loss is not seen"):
        sg.minimize(sg.sum(sg.exp(a * x)), a, AT, method="levenberg_marquardt")
    with pytest.raises(sg.SymgradError, match=r"gauss_newton needs a sum of squares: the weight x of a square is -2 at \(1,\)"):
        sg.minimize(sg.sum(x * (sg.exp(a) - y) ** 2), a, {"x": [1, -2, 3], "y": [1, 1, 1]}, method="gauss_newton")


def test_a_weight_that_is_negative_is_no_fault_of_auto():
    found = sg.minimize(sg.sum(x * (sg.tanh(a) - y) ** 2) + a**4, a, {"x": [1, -2, 3], "y": [0.2, 0.1, 0.3]})
    assert found.success and found.method != "levenberg_marquardt"


def test_a_budget_holds():
    problem = PROBLEMS["Thurber"]
    loss, parameters = problem.loss()
    found = sg.minimize(loss, parameters, problem.data, start=problem.starts[0], budget=7)
    assert not found.success and found.evaluations <= 7 and "budget of 7" in found.message
    for method in ("levenberg_marquardt", "gauss_newton"):
        found = sg.minimize(loss, parameters, problem.data, start=problem.starts[0], budget=1, method=method)
        assert found.evaluations == 1 and len(found.history["loss"]) == 1 and found.x == problem.starts[0]


def test_starts_at_zero_are_left():
    """Both factors zero: the gradient is zero there, and it is no minimum."""
    u, v = sg.parameter("u", 4), sg.parameter("v", 3)
    M = np.outer([1.0, 2, -1, 0.5], [2.0, 1, -1])
    for method in ("auto", "levenberg_marquardt"):
        found = sg.minimize(sg.sum((sg.outer(u, v) - M) ** 2), [u, v], {}, method=method)
        assert found.success and found.fun < 1e-20


def test_variables_of_several_shapes_and_samples():
    T = sg.dim("T")
    s, t = sg.data("s", 2, over=T), sg.data("t", over=T)
    V, c = sg.parameter("V", (3, 2)), sg.parameter("c", 3)
    inputs = rng.normal(size=(40, 2))
    targets = np.tanh(inputs @ [1.0, -1])
    found = sg.minimize(sg.empirical_risk((c @ sg.tanh(V @ s) - t) ** 2), [V, c], {"s": inputs, "t": targets})
    assert found.method == "levenberg_marquardt" and found.fun < 1e-15


@pytest.mark.parametrize("seed", range(6))
def test_linear_least_squares_with_bounds_as_scipy_solves_them(seed):
    rng = np.random.default_rng(seed)
    A, target = rng.normal(size=(30, 10)), rng.normal(size=30)
    found = sg.minimize(sg.sum((X @ w - y) ** 2), w, {"X": A, "y": target}, bounds={"w": (0, 0.1)})
    theirs = lsq_linear(A, target, (0, 0.1), tol=1e-14)
    assert found.method == "levenberg_marquardt" and found.success and found.evaluations < 200
    np.testing.assert_allclose(found.x["w"], theirs.x, atol=1e-10)
    assert all((point["w"] >= 0).all() and (point["w"] <= 0.1).all() for point in found.history.x)


@pytest.mark.parametrize(("name", "bounds"), [("Misra1a", {"b1": (0, 200)}), ("Thurber", {"b1": (1300, 1400), "b4": (0, 50)}),
                                              ("MGH17", {"b4": (0, 0.012), "b5": (0, 1)}), ("Rat43", {"b4": (0.5, 1)})])
def test_regressions_with_bounds_as_scipy_solves_them(name, bounds):
    problem = PROBLEMS[name]
    loss, parameters = problem.loss()
    low, high = ([bounds.get(p, (-np.inf, np.inf))[k] for p in problem.certified] for k in (0, 1))
    start = dict(zip(problem.certified, np.clip(list(problem.starts[1].values()), low, high).tolist(), strict=True))
    found = sg.minimize(loss, parameters, problem.data, start=start, bounds=bounds)
    other = sg.minimize(loss, parameters, problem.data, start=start, bounds=bounds, method="l-bfgs-b")
    assert found.success and found.fun == pytest.approx(other.fun, rel=1e-9)
    assert found.standard_errors is None  # a bound holds a parameter
