"""Constraints: minima and multipliers agree with CVXPY and SciPy, signs are as promised, what cannot hold is named."""

import numpy as np
import pytest
from scipy import optimize

import symgrad as sg
from symgrad.descent.objective import Objective
from symgrad.minimisers.constraints import Constraints
from symgrad.minimisers.problem import posed

n, d, m = sg.dims("n d m")
p, q = sg.parameter("p", d), sg.parameter("q", 2)
Q, c, A, b, C, e = (sg.data("Q", (d, d)), sg.data("c", d), sg.data("A", (n, d)), sg.data("b", n), sg.data("C", (m, d)),
                    sg.data("e", m))
QUADRATIC = 0.5 * p @ Q @ p + c @ p
ROSENBROCK = (1 - q[0]) ** 2 + 100 * (q[1] - q[0] ** 2) ** 2
METHODS = ["slsqp", "trust-constr"]


def program(seed, equations=2, inequalities=4, size=6):
    rng = np.random.default_rng(seed)
    root, inside = rng.normal(size=(size, size)), rng.uniform(-0.9, 0.3, size)
    a, g = rng.normal(size=(equations, size)), rng.normal(size=(inequalities, size))
    return {"Q": root @ root.T + 0.1 * np.eye(size), "c": 3 * rng.normal(size=size), "A": a, "b": a @ inside, "C": g,
            "e": g @ inside + rng.uniform(0, 1, inequalities)}


def stationary(loss, found, data, constraints):
    """grad f + ∑ λ grad(left - right), with signs and complementarity checked on the way; largest entry."""
    names = list(found.x)
    differences = []
    for each in constraints:
        left, right = each.node.operands
        differences.append(sg.language.tensor.wrap(left, None) - sg.language.tensor.wrap(right, None))
    symbols = [s for s in (p, q) if s.name in names]
    g = [sg.gradient(loss, s).eval(**data, **found.x) for s in symbols]
    for each, t, multiplier in zip(constraints, differences, found.multipliers, strict=True):
        value = np.asarray(t.eval(**data, **found.x))
        assert np.shape(multiplier) == value.shape
        kind = each.node.attrs[0]
        if kind == "less_equal":
            assert (value <= 1e-8).all() and (multiplier >= 0).all()
        if kind == "greater_equal":
            assert (value >= -1e-8).all() and (multiplier <= 0).all()
        if kind == "equal":
            assert np.abs(value).max() < 1e-8
        assert np.abs(value * multiplier).max() < 1e-6 * (1 + np.abs(multiplier).max())
        for i, s in enumerate(symbols):
            j = np.asarray(sg.jacobian(t, s).eval(**data, **found.x))
            g[i] = g[i] + np.tensordot(multiplier, j, np.ndim(multiplier))
    return max(float(np.abs(each).max()) for each in g)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_quadratic_programs_as_cvxpy_solves_them(seed, method):
    cp = pytest.importorskip("cvxpy")
    data = program(seed)
    constraints = [sg.equal(A @ p, b), C @ p <= e, p >= -1, sg.sum(p) <= 2]
    found = sg.minimize(QUADRATIC, p, data, method=method, constraints=constraints)
    x = cp.Variable(6)
    held = [data["A"] @ x == data["b"], data["C"] @ x <= data["e"], x >= -1, cp.sum(x) <= 2]
    theirs = cp.Problem(cp.Minimize(0.5 * cp.quad_form(x, cp.psd_wrap(data["Q"])) + data["c"] @ x), held)
    theirs.solve(solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    assert found.success
    assert found.fun == pytest.approx(theirs.value, rel=1e-8, abs=1e-9)
    np.testing.assert_allclose(found.x["p"], x.value, atol=1e-6)
    for ours, their, sign in zip(found.multipliers, held, (1, 1, -1, 1), strict=True):
        np.testing.assert_allclose(ours, sign * their.dual_value, atol=2e-5 * (1 + np.abs(their.dual_value).max()))
    assert stationary(QUADRATIC, found, data, constraints) < 1e-7


def test_equations_have_a_closed_form_with_multipliers():
    data = program(1)
    found = sg.minimize(QUADRATIC, p, data, constraints=[sg.equal(A @ p, b)])
    assert found.method == "closed_form" and "Lagrange" in found.reason
    kkt = np.block([[data["Q"], data["A"].T], [data["A"], np.zeros((2, 2))]])
    wanted = np.linalg.solve(kkt, np.concatenate([-data["c"], data["b"]]))
    np.testing.assert_allclose(found.x["p"], wanted[:6], rtol=1e-9)
    np.testing.assert_allclose(found.multipliers[0], wanted[6:], rtol=1e-9)
    again = sg.minimize(QUADRATIC, p, data, method="closed_form", constraints=[sg.equal(A @ p, b)])
    np.testing.assert_allclose(again.multipliers[0], wanted[6:], rtol=1e-9)
    with pytest.raises(sg.NoClosedForm, match=r"closed_form takes equations only, and sum\(p\) ≤ 1 is none"):
        sg.minimize(QUADRATIC, p, data, method="closed_form", constraints=[sg.sum(p) <= 1])


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_rosenbrock_within_a_disk_and_on_a_curve(method):
    """The disk: SciPy's documentation; the minimum is at (0.7864, 0.6177)."""
    found = sg.minimize(ROSENBROCK, q, {}, method=method, start={"q": [-1.0, 1.0]}, constraints=[q @ q <= 1])
    assert found.success
    np.testing.assert_allclose(found.x["q"], [0.78641515, 0.61769831], atol=1e-7)
    assert found.multipliers[0] > 0 and stationary(ROSENBROCK, found, {}, [q @ q <= 1]) < 1e-8
    curve = [sg.equal(q[0] * q[1], 2), q[0] >= 0.1]
    found = sg.minimize(q @ q, q, {}, method=method, start={"q": [3.0, 1.0]}, constraints=curve)
    np.testing.assert_allclose(found.x["q"], np.sqrt([2, 2]), rtol=1e-8)
    assert stationary(q @ q, found, {}, curve) < 1e-8
    assert found.multipliers[1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_both_of_scipys_methods_as_scipy_runs_them(method):
    """Hock and Schittkowski 71: min x1 x4 (x1 + x2 + x3) + x3, x1 x2 x3 x4 >= 25, |x|² = 40, 1 <= x <= 5."""
    x = sg.parameter("x", 4)
    found = sg.minimize(x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2], x, {}, method=method, start={"x": [1.0, 5, 5, 1]},
                        bounds={"x": (1, 5)}, constraints=[sg.prod(x) >= 25, sg.equal(x @ x, 40)])
    assert found.success and found.fun == pytest.approx(17.0140172891, rel=1e-9)
    theirs = optimize.minimize(lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2], [1, 5, 5, 1], bounds=[(1, 5)] * 4,
                               method="SLSQP", options={"ftol": 1e-12},
                               constraints=[{"type": "ineq", "fun": lambda x: np.prod(x) - 25},
                                            {"type": "eq", "fun": lambda x: x @ x - 40}])
    np.testing.assert_allclose(found.x["x"], theirs.x, atol=1e-5)
    assert found.multipliers[0] == pytest.approx(-0.55229366, rel=1e-6)
    assert found.multipliers[1] == pytest.approx(0.16146857, rel=1e-6)
    history = found.history
    assert len(history["loss"]) == len(history.x) == len(history["accepted"])
    np.testing.assert_array_equal(history.x[0]["x"], [1, 5, 5, 1])


def test_linear_programs_and_variables_that_only_constraints_hold():
    """Least absolute deviations as a linear program: t bounds the residuals."""
    rng = np.random.default_rng(0)
    t = sg.parameter("t", n)
    X, y = rng.normal(size=(9, 2)), rng.normal(size=9)
    found = sg.minimize(sg.sum(t), [t, p], {"A": X, "b": y}, constraints=[A @ p - b <= t, b - A @ p <= t])
    best = optimize.linprog(np.r_[np.ones(9), 0, 0], np.block([[-np.eye(9), X], [-np.eye(9), -X]]), np.r_[y, -y],
                            bounds=[(None, None)] * 11)
    assert found.success and found.fun == pytest.approx(best.fun, rel=1e-8)


def test_samples_and_strict_comparisons():
    T = sg.dim("T")
    x, label = sg.data("x", 2, over=T), sg.data("label", over=T)
    rng = np.random.default_rng(3)
    points = np.concatenate([rng.normal(size=(10, 2)) + 3, rng.normal(size=(10, 2)) - 3])
    sides = np.repeat([1.0, -1.0], 10)
    r = sg.parameter("r")
    found = sg.minimize(q @ q / 2, [q, r], {"x": points, "label": sides}, constraints=[label * (q @ x + r) > 1])
    margins = sides * (points @ found.x["q"] + found.x["r"])
    assert found.success and margins.min() == pytest.approx(1, abs=1e-8)
    weights = -found.multipliers[0]
    assert weights.shape == (20,) and (weights >= 0).all() and (weights > 1e-9).sum() <= 4  # support vectors
    np.testing.assert_allclose(found.x["q"], (weights * sides) @ points, atol=1e-7)


@pytest.mark.parametrize("method", ["l-bfgs-b", "slsqp", "trust-constr", "auto"])
def test_bounds(method):
    found = sg.minimize(ROSENBROCK, q, {}, method=method, start={"q": [0.0, 0.0]}, bounds={"q": (-1, [0.5, 2.0])})
    assert found.success
    np.testing.assert_allclose(found.x["q"], [0.5, 0.25], atol=1e-9)
    found = sg.minimize(ROSENBROCK, q, {}, method=method, start={"q": [0.0, 0.0]}, bounds={"q": (-5, 5)})
    np.testing.assert_allclose(found.x["q"], [1, 1], atol=1e-7)
    assert all((-5 <= x["q"]).all() and (x["q"] <= 5).all() for x in found.history.x)


def test_a_bound_that_leaves_one_value():
    found = sg.minimize(ROSENBROCK, q, {}, bounds={"q": ([0.5, -1], [0.5, 2])})
    assert found.success
    np.testing.assert_allclose(found.x["q"], [0.5, 0.25], atol=1e-9)
    found = sg.minimize(sg.sum(sg.exp(q)) - q @ [1, 2], q, {}, bounds={"q": ([0.5, -np.inf], [0.5, np.inf])})
    np.testing.assert_allclose(found.x["q"], [0.5, np.log(2)], atol=1e-8)


def test_bounds_that_the_closed_form_keeps():
    found = sg.minimize((q - 1) @ (q - 1), q, {}, bounds={"q": (0, 2)})
    assert found.method == "closed_form" and "within the bounds" in found.reason
    found = sg.minimize((q - 1) @ (q - 1), q, {}, bounds={"q": (0, 0.5)})
    assert found.method == "levenberg_marquardt"
    np.testing.assert_allclose(found.x["q"], [0.5, 0.5], atol=1e-12)
    found = sg.minimize(sg.sum(sg.exp(q) - q), q, {}, bounds={"q": (0.5, 2)})
    assert found.method == "l-bfgs-b"
    np.testing.assert_allclose(found.x["q"], [0.5, 0.5], atol=1e-12)


FAULTS = {
    "contradiction": ([q[0] >= 1, q[0] <= 0], r"the constraints contradict each other: nearest to all of them constraint 0, "
                      r"q_0 ≥ 1, is broken by 0.5, and constraint 1, q_0 ≤ 0, is broken by 0.5"),
    "equations": ([sg.equal(sg.sum(q), 1), sg.equal(sg.sum(q), 2)], r"contradict each other: .*sum\(q\) = 1, is broken by 0.5"),
    "no square is negative": ([q @ q <= -1], r"no point meets all constraints: at the nearest one that was found "
                              r"constraint 0, ‖q‖² ≤ -1, is broken by 1"),
    "bounds": ([sg.sum(q) >= 9], r"constraint 0, sum\(q\) ≥ 9, is broken by"),
    "rows": ([q >= np.array([0.0, 8.0])], r"constraint 0, .*is broken at \(1,\) by 4"),
    "no variable": ([c @ c <= 1], r"constraint 0, ‖c‖² ≤ 1, does not depend on q"),
    "several": ([sg.logical_and(q > 0, q < 1)], r"constraint 0, q > 0 ∧ q < 1, is not one comparison: give what it joins one "
                "by one"),
    "all": ([(q >= 1).all()], r"constraint 0, .*compares what another comparison says: give that one, without all"),
    "no comparison": ([sg.sum(q)], "constraint 0, .*is no comparison"),
    "numbers": ([1 <= 2], "constraint 0 is True, the value of a comparison of numbers"),
    "somebody else": ([sg.sum(p) <= 1], "no value for p"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_hold_is_named(name):
    constraints, message = FAULTS[name]
    bounds = {"q": (-4, 4)} if name in ("bounds", "rows") else None
    data = {"c": [1.0, 2.0]} if name == "no variable" else {}
    with pytest.raises(sg.SymgradError, match=message):
        sg.minimize(q @ q, q, data, constraints=constraints, bounds=bounds)


def test_methods_without_constraints_refuse_them():
    for method in ("newton", "levenberg_marquardt", "l-bfgs-b"):
        with pytest.raises(sg.SymgradError, match=rf"minimize: {method} takes no constraints; closed_form, slsqp, trust-constr"):
            sg.minimize(q @ q, q, {}, method=method, constraints=[sg.sum(q) <= 1])


def test_a_saddle_on_the_constraint_is_no_minimum():
    with pytest.raises(sg.SymgradError, match="no minimum where the constraints hold"):
        sg.minimize(q[0] * q[1] - q[0] ** 2, q, {}, constraints=[sg.equal(sg.sum(q), 1)])


@pytest.mark.parametrize("method", ["slsqp", "l-bfgs-b"])
def test_a_budget_holds_inside_scipy(method):
    given = {} if method == "l-bfgs-b" else {"constraints": [q @ q <= 1]}
    found = sg.minimize(ROSENBROCK, q, {}, method=method, start={"q": [-1.0, 0.5]}, budget=6, **given)
    assert not found.success and found.evaluations <= 6 and "budget of 6" in found.message
    assert len(found.history["loss"]) >= 2


def test_jacobians_and_hessians_of_constraints_are_exact():
    rng = np.random.default_rng(0)
    constraints = [sg.exp(A @ p) <= b, sg.sum(sg.tanh(p)) >= q[0] * q[1], sg.equal(sg.outer(q, q), 1.0)]
    problem = posed(p @ p + q @ q, [p, q], {"A": rng.normal(size=(3, 4)), "b": np.ones(3)}, None, None, constraints, None,
                    None, 0, None)
    held = Constraints(problem)
    x, v = rng.normal(size=6), rng.normal(size=8)
    assert held.count == 8 and list(held.equal) == [False] * 4 + [True] * 4
    h = 1e-6
    numeric = np.stack([(held.values(x + h * u) - held.values(x - h * u)) / (2 * h) for u in np.eye(6)], axis=1)
    np.testing.assert_allclose(held.jacobian(x), numeric, atol=1e-7)
    numeric = np.stack([v @ (held.jacobian(x + h * u) - held.jacobian(x - h * u)) / (2 * h) for u in np.eye(6)])
    np.testing.assert_allclose(held.hessian(x, v), numeric, atol=1e-7)


def test_saddles_are_left_and_what_has_no_minimum_is_said():
    """Zero is stationary for q0 q1: within bounds the minimum is in a corner, without it there is none."""
    found = sg.minimize(q[0] * q[1], q, {}, bounds={"q": (-1, 2)}, start={"q": [0.0, 0.0]})
    assert found.success and found.fun == pytest.approx(-2)
    for loss in (q[0] * q[1], sg.sum(q)):
        with pytest.raises(sg.SymgradError, match="the loss is unbounded below"):
            sg.minimize(loss, q, {}, constraints=[sg.sum(q) <= 1])


def test_many_variables_with_bounds():
    x, a = sg.parameter("x", n), sg.data("a", n)
    found = sg.minimize(sg.sum(sg.exp(x) - a * x), x, {"a": np.linspace(0.1, 2, 500)}, bounds={"x": (-1, 0.5)})
    assert found.success
    np.testing.assert_allclose(found.x["x"], np.clip(np.log(np.linspace(0.1, 2, 500)), -1, 0.5), atol=1e-6)


@pytest.mark.parametrize("method", ["auto", "trust-constr"])
@pytest.mark.parametrize("name", ["basis pursuit", "absolute deviations", "largest deviation", "lasso", "hinge", "minima"])
def test_corners_as_cvxpy_solves_them(name, method):
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(0)
    a, h, wide = rng.normal(size=(30, 8)), rng.normal(size=30), rng.normal(size=(4, 8))
    x = cp.Variable(8)
    loss, constraints, their_loss, theirs = {
        "basis pursuit": (sg.sum(sg.abs(p)), [sg.equal(C @ p, e)], cp.norm1(x), [wide @ x == wide[:, 0] - wide[:, 3]]),
        "absolute deviations": (sg.sum(sg.abs(A @ p - b)), [sg.sum(p) <= 1], cp.norm1(a @ x - h), [cp.sum(x) <= 1]),
        "largest deviation": (sg.max(sg.abs(A @ p - b)), [sg.sum(p) <= -1], cp.norm_inf(a @ x - h), [cp.sum(x) <= -1]),
        "lasso": (sg.sum((A @ p - b) ** 2), [sg.sum(sg.abs(p)) <= 0.5], cp.sum_squares(a @ x - h), [cp.norm1(x) <= 0.5]),
        "hinge": (sg.mean(sg.relu(1 - b * (A @ p))) + 0.05 * p @ p, [p <= 0.2],
                  cp.sum(cp.pos(1 - cp.multiply(h, a @ x))) / 30 + 0.05 * cp.sum_squares(x), [x <= 0.2]),
        "minima": (-sg.sum(sg.minimum(A @ p, b)), [sg.sum(sg.abs(p)) <= 1], -cp.sum(cp.minimum(a @ x, h)), [cp.norm1(x) <= 1]),
    }[name]
    data = {"A": a, "b": h, "C": wide, "e": wide[:, 0] - wide[:, 3], "d": 8}
    used = {key: data[key] for key in data if key in "Ab" and name != "basis pursuit" or key in "Ced" and name == "basis pursuit"}
    found = sg.minimize(loss, p, used, method=method, constraints=constraints)
    problem = cp.Problem(cp.Minimize(their_loss), theirs)
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    assert found.success and found.fun == pytest.approx(problem.value, rel=1e-7)
    np.testing.assert_allclose(found.multipliers[0], theirs[0].dual_value, atol=1e-5 * (1 + np.abs(theirs[0].dual_value).max()))
    assert method != "auto" or "corners" in found.reason


def test_corners_that_bend_the_other_way():
    """The loss falls with |q|: no t above it stands for it, and the problem is solved as it is."""
    found = sg.minimize(-sg.sum(sg.abs(q)), q, {}, constraints=[q @ q <= 1], start={"q": [0.1, 0.2]})
    assert found.success and found.fun == pytest.approx(-np.sqrt(2), rel=1e-8)
    found = sg.minimize(sg.sum(sg.abs(q - 3)), q, {}, bounds={"q": (-1, [4, 2])})
    assert found.success and found.fun == pytest.approx(1, rel=1e-8)


@pytest.mark.parametrize("seed", [35, 103, 111, 120, 131, 148, 150, 166])
def test_degenerate_programs_as_cvxpy_solves_them(seed):
    """Whole numbers as coefficients, rows twice, rows of zeros, borders that meet in a point, no curvature at all."""
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(seed)
    size, k, rows = int(rng.integers(2, 9)), int(rng.integers(1, 3)), int(rng.integers(1, 8))
    rank, inside = int(rng.integers(0, size + 1)), rng.normal(size=size)
    root = np.hstack([rng.normal(size=(size, rank)), np.zeros((size, 1))])
    a, g = rng.integers(-2, 3, (min(k, size - 1), size)).astype(float), rng.integers(-2, 3, (rows, size)).astype(float)
    g = np.vstack([g, g[:1]])
    data = {"Q": root @ root.T, "c": rng.normal(size=size), "A": a, "b": a @ inside, "C": g,
            "e": g @ inside + rng.choice([0, 0, 1.0], size=len(g))}
    found = sg.minimize(QUADRATIC, p, data, constraints=[sg.equal(A @ p, b), C @ p <= e, p >= -5, p <= 5])
    x = cp.Variable(size)
    held = [a @ x == data["b"], g @ x <= data["e"], x >= -5, x <= 5]
    theirs = cp.Problem(cp.Minimize(0.5 * cp.quad_form(x, cp.psd_wrap(data["Q"])) + data["c"] @ x), held)
    theirs.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    assert found.success and found.fun == pytest.approx(theirs.value, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("method", ["slsqp", "l-bfgs-b", "trust-constr", "levenberg_marquardt"])
def test_an_interrupt_inside_scipy_keeps_what_was_found(method, monkeypatch):
    name = "residual" if method == "levenberg_marquardt" else "slope"
    ask, asked = getattr(Objective, name), []

    def interrupted(self, x):
        asked.append(x)
        if len(asked) > 8:
            raise KeyboardInterrupt
        return ask(self, x)

    monkeypatch.setattr(Objective, name, interrupted)
    found = sg.minimize(ROSENBROCK, q, {}, method=method, start={"q": [-1.2, 1.0]})
    assert not found.success and "interrupted" in found.message
    assert len(found.history["loss"]) >= 2 and found.fun < 24.2
