"""Points without a slope that are no minima are left; ends of SciPy's methods are judged by the scale of the problem."""

import numpy as np
import pytest

import symgrad as sg

p, u, q = sg.parameter("p", 3), sg.parameter("u", 2), sg.parameter("q")
FOLLOWING = ["auto", "newton", "newton_cg", "gradient", "l-bfgs", "coordinate", "projected", "alternating", "proximal"]
STATIONARY = {
    "saddle": (p[0] ** 2 - p[1] ** 2 + p[1] ** 4 + p[2] ** 2, p, [0, 0, 0], -0.25),
    "maximum": (sg.sum(u ** 4 - u ** 2), u, [0, 0], -0.5),
    "cosine": (sg.cos(q), q, 0.0, -1.0),
    "level": (q ** 3 + q ** 4, q, 0.0, -27 / 256),
    "product": ((u[0] * u[1] - 1) ** 2 + 0.01 * sg.sum(u ** 4), u, [0, 0], 1 / 51),
}


@pytest.mark.parametrize("method", FOLLOWING)
@pytest.mark.parametrize("name", STATIONARY)
def test_a_start_without_a_slope_is_left(name, method):
    f, x, start, least = STATIONARY[name]
    found = sg.minimize(f, x, method=method, start={x.name: start})
    assert found.success and found.fun == pytest.approx(least, abs=1e-7)
    history = found.history
    assert np.array_equal(history.x[0][x.name], start)
    values = [float(f.eval(**point)) for point in history.x]
    assert np.allclose(values, history["loss"], rtol=1e-9, atol=1e-12)
    kept = np.array(history["loss"])[np.array(history["accepted"], bool)]
    assert (np.diff(kept) <= 1e-12).all()
    assert len({len(history.x), *(len(history[k]) for k in ("loss", "gradient_norm", "step", "accepted"))}) == 1


@pytest.mark.parametrize("method", ["newton", "newton_cg", "gradient", "l-bfgs", "coordinate", "projected"])
def test_a_way_onto_a_saddle_is_left(method):
    found = sg.minimize(u[0] ** 2 - u[1] ** 2 + u[1] ** 4, u, method=method, start={"u": [1.0, 0]})
    assert found.success and found.fun == pytest.approx(-0.25)


@pytest.mark.parametrize("method", ["auto", "newton_cg", "gradient", "l-bfgs", "projected"])
def test_a_cubic_has_no_minimum_where_it_levels_out(method):
    with pytest.raises(sg.SymgradError, match="the loss is unbounded below: it is"):
        sg.minimize(q ** 3, q, method=method, start={"q": 1.0})


def test_looking_around_does_not_use_up_the_budget():
    for budget in range(1, 60):
        found = sg.minimize(sg.sum(sg.arctan(p) ** 2), p, method="coordinate", start={"p": [3, -8, 0.1]}, budget=budget)
        assert found.evaluations <= budget and (not found.success or found.fun < 1e-12)
    done = sg.minimize(sg.sum(sg.arctan(p) ** 2), p, method="coordinate", start={"p": [3, -8, 0.1]}, budget=40)
    assert done.success and done.evaluations < 10


def test_coordinates_come_back_from_where_a_loss_is_nearly_straight():
    found = sg.minimize(sg.sum(sg.log(sg.cosh(p - 1))), p, method="coordinate", start={"p": [30, -8, 0]})
    assert found.success and np.allclose(found.x["p"], 1, atol=1e-6)


@pytest.mark.parametrize("method", ["slsqp", "trust-constr", "l-bfgs-b"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_end_is_judged_by_the_scale_of_the_loss(method, scale):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    y = X @ [1.0, 2, 3] + 1
    best = np.linalg.lstsq(X, y, rcond=None)[0]
    for start in (np.zeros(3), best):
        found = sg.minimize(scale * sg.sum((X @ p - y) ** 2), p, method=method, start={"p": start})
        assert found.success and np.allclose(found.x["p"], best, atol=1e-7)


@pytest.mark.parametrize("method", ["slsqp", "trust-constr"])
def test_a_budget_that_ends_keeps_the_best_point(method):
    a, b = sg.parameter("a"), sg.parameter("b")
    f = (1 - a) ** 2 + 100 * (b - a ** 2) ** 2
    for budget in range(1, 30):
        found = sg.minimize(f, [a, b], method=method, start={"a": -1.2, "b": 1.0}, budget=budget)
        assert found.fun <= min(found.history["loss"]) and found.evaluations <= budget
        held = sg.minimize(f, [a, b], method=method, start={"a": -1.2, "b": 1.0}, budget=budget, constraints=[a + b <= 0])
        within = [loss for loss, x in zip(held.history["loss"], held.history.x, strict=True) if x["a"] + x["b"] <= 1e-12]
        assert held.success or not within or held.fun <= min(within)


@pytest.mark.parametrize("method", ["auto", "slsqp", "trust-constr"])
def test_a_loss_without_a_bottom_within_constraints(method):
    with pytest.raises(sg.SymgradError, match="the loss is unbounded below: it is"):
        sg.minimize(p[0] - p[1], p, constraints=[sg.equal(sg.sum(p), 1)], method=method)


def test_equations_that_follow_from_each_other():
    P, C = sg.parameter("P", (2, 2)), np.array([[1, 2.0], [-1, 3]])
    found = sg.minimize(sg.sum((P - C) ** 2), P, constraints=[sg.equal(P, P.T)], method="trust-constr")
    assert found.success and np.allclose(found.x["P"], (C + C.T) / 2)


KINKED = {
    "maximum": (sg.max(sg.stack([u[0] ** 2 + u[1], u[1] ** 2 - u[0], 1 - u[0]])), u, [3.0, 7], 0.0),
    "hinge": (sg.sum(sg.relu(1 - np.random.default_rng(5).standard_normal((7, 3)) @ p)) + 0.5 * p @ p, p, [0, 0, 0.0], None),
    "valley": (sg.abs(1 - u[0]) + 10 * sg.abs(u[1] - u[0] ** 2), u, [-1.0, 1], 0.0),
}


@pytest.mark.parametrize("method", ["newton", "newton_cg", "gradient", "l-bfgs", "coordinate", "alternating", "projected"])
@pytest.mark.parametrize("name", KINKED)
def test_a_corner_is_no_success_and_no_global_minimum(name, method):
    f, x, start, least = KINKED[name]
    if least is None:
        least = sg.minimize(f, x, method="slsqp").fun
    found = sg.minimize(f, x, method=method, start={x.name: start}, budget=20000)
    assert found.fun >= least - 1e-9
    assert found.fun <= least + 1e-6 or not found.success and found.certificate is None


def test_products_with_the_hessian_for_weights_of_one_name():
    T = sg.dim("T")
    x, y = sg.data("x", 3, over=T), sg.data("y", over=T)
    first, second, third = sg.nn.Linear(3, 4), sg.nn.Linear(4, 4), sg.nn.Linear(4, 1)
    loss = sg.mean((third(sg.tanh(second(sg.tanh(first(x)))))[0] - y) ** 2, over=T)
    rng = np.random.default_rng(0)
    data = {"x": rng.standard_normal((20, 3)), "y": rng.standard_normal(20)}
    weights = [*first.parameters(), *second.parameters(), *third.parameters()]
    found = sg.minimize(loss, weights, data, method="newton_cg", budget=100)
    assert found.fun < found.history["loss"][0]
