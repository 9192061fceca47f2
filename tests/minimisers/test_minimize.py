"""`sg.minimize`: what it finds, what it records, what it says."""

import numpy as np
import pytest

import symgrad as sg

N, D = sg.dims("n d")
X, Y, W = sg.data("X", (N, D)), sg.data("y", N), sg.parameter("w", D)
P = sg.parameter("p", 2)
ROSENBROCK = (1 - P[0]) ** 2 + 100 * (P[1] - P[0] ** 2) ** 2
RNG = np.random.default_rng(3)
DATA = {"X": RNG.standard_normal((20, 3)), "y": RNG.standard_normal(20)}
DOWN = ("gradient", "newton", "l-bfgs")


def test_least_squares_has_a_closed_form_and_says_it():
    r = sg.minimize(sg.sum((X @ W - Y) ** 2), W, DATA)
    np.testing.assert_allclose(r.x["w"], np.linalg.lstsq(DATA["X"], DATA["y"], rcond=None)[0], rtol=1e-12)
    assert r.method == "closed_form" and r.success and "w = (Xᵀ X)⁻¹ Xᵀ y" in r.reason


@pytest.mark.parametrize("method", ["auto", *DOWN])
def test_the_history_is_what_happened(method):
    r = sg.minimize(ROSENBROCK, P, method=method, start={"p": [-1.2, 1.0]})
    np.testing.assert_allclose(r.x["p"], [1, 1], atol=1e-4 if method == "gradient" else 1e-7)
    h = r.history
    assert isinstance(h, sg.History)
    assert len({len(h[name]) for name in ("loss", "gradient_norm", "step", "accepted")} | {len(h.x), len(h)}) == 1
    np.testing.assert_array_equal(h.x[0]["p"], [-1.2, 1.0])
    value = sg.function([P], ROSENBROCK)
    for loss, x in list(zip(h["loss"], h.x, strict=True))[:20]:
        assert loss == pytest.approx(value(x["p"]), rel=1e-12)
    taken = [loss for loss, ok in zip(h["loss"], h["accepted"], strict=True) if ok]
    assert all(b <= a for a, b in zip(taken, taken[1:], strict=False)) and taken[-1] == r.fun


def test_a_budget_is_no_success_and_the_best_is_kept():
    for budget in (1, 2, 5, 11):
        r = sg.minimize(ROSENBROCK, P, method="l-bfgs", start={"p": [-1.2, 1.0]}, budget=budget)
        assert not r.success and r.evaluations <= budget and r.message == f"the budget of {budget} evaluations is used up"
        assert r.fun == min(loss for loss, ok in zip(r.history["loss"], r.history["accepted"], strict=True) if ok)


def test_ctrl_c_keeps_the_best(monkeypatch):
    from symgrad.descent.objective import Objective

    calls = []
    slope = Objective.slope

    def interrupted(self, x):
        calls.append(x)
        if len(calls) > 12:
            raise KeyboardInterrupt
        return slope(self, x)

    monkeypatch.setattr(Objective, "slope", interrupted)
    r = sg.minimize(ROSENBROCK, P, method="l-bfgs", start={"p": [-1.2, 1.0]})
    assert not r.success and r.message.startswith("interrupted after") and r.fun < 24.2


def test_one_seed_gives_one_result():
    q = sg.parameter("q", 4, init="normal")
    loss = sg.sum(sg.sin(3 * q) + q**2 / 5)
    a, b, c = (sg.minimize(loss, q, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(a.x["q"], b.x["q"]) and not np.array_equal(a.history.x[0]["q"], c.history.x[0]["q"])


def test_data_symbols_may_be_variables_and_go_by_name():
    loss = sg.parse("sum((y - b1*(1 - exp(-b2*x)))**2)", y=sg.data("y", N), x=sg.data("x", N), b1=sg.data("b1"),
                    b2=sg.data("b2"))
    x = np.linspace(0.1, 3, 30)
    b1, b2 = sg.data("b1"), sg.data("b2")
    r = sg.minimize(loss, [b1, b2], {"x": x, "y": 2 * (1 - np.exp(-1.5 * x))}, start={"b1": 1.0, b2: 1.0})
    assert r.x["b1"] == pytest.approx(2, abs=1e-6) and r.x["b2"] == pytest.approx(1.5, abs=1e-6)


def test_a_start_where_the_loss_has_no_value_is_left_unless_it_was_asked_for():
    q = sg.parameter("q", 3)
    loss = sg.sum(q - sg.log(q))  # zeros are where q starts by itself
    np.testing.assert_allclose(sg.minimize(loss, q).x["q"], 1, atol=1e-6)
    with pytest.raises(sg.DataError, match=r"at the start the loss is nan: log\(q\) is nan"):
        sg.minimize(loss, q, start={"q": [1, -2, 1]})


QUADRATIC = sg.sum((X @ W - Y) ** 2)
MISTAKES = [
    (lambda: sg.minimize(ROSENBROCK, W), "minimize: 'w' does not occur in the loss, whose symbols are p"),
    (lambda: sg.minimize(ROSENBROCK, P + 1), r"the variable p \+ 1 of shape \(2,\) is no symbol"),
    (lambda: sg.minimize(ROSENBROCK, []), "wrt is empty"),
    (lambda: sg.minimize(QUADRATIC, W, {"X": DATA["X"], "Y": DATA["y"]}), r"no value for y, .*not in the loss: 'Y'"),
    (lambda: sg.minimize(QUADRATIC, W, {**DATA, "w": np.ones(3)}), "'w' is a variable, so its value in data has no meaning"),
    (lambda: sg.minimize(QUADRATIC, W, {**DATA, "y": np.ones(4)}), "the size n is 20 at axis 0 of X and 4 at axis 0 of y"),
    (lambda: sg.minimize(QUADRATIC, W, {**DATA, "y": np.full(20, np.nan)}), r"minimize: y has the value nan at \(0,\)"),
    (lambda: sg.minimize(QUADRATIC, W, DATA, start={"w": np.ones(2)}), "the size d is 3 at axis 1 of X and 2 at axis 0 of w"),
    (lambda: sg.minimize(QUADRATIC, W, DATA, start={"v": np.ones(2)}), "start names 'v', which is no variable; those are w"),
    (lambda: sg.minimize(ROSENBROCK, P, start={"p": [np.nan, 1]}), r"the start of p has the value nan at \(0,\)"),
    (lambda: sg.minimize(sg.sum(sg.exp(W)), W), r"no data show the size d of w: give start=\{'w': array\}, or data"),
    (lambda: sg.minimize(ROSENBROCK, P, bounds={"p": (1, 0)}), "the lower one is 1, the upper one 0; are they swapped"),
    (lambda: sg.minimize(ROSENBROCK, P, bounds={"p": (0, [1, 2, 3])}),
     r"the upper bound of p has shape \(3,\), which does not fit p of shape \(2,\)"),
    (lambda: sg.minimize(ROSENBROCK, P, bounds={"p": 3}), r"the bounds of p are a pair \(low, high\), not 3"),
    (lambda: sg.minimize(ROSENBROCK, P, bounds={"p": (0, 1)}, start={"p": [2, 0.5]}),
     r"the start of p is 2 at \(0,\), outside of its bounds 0 to 1"),
    (lambda: sg.minimize(ROSENBROCK, P, method="newton", bounds={"p": (0, 1)}), "newton takes no bounds"),
    (lambda: sg.minimize(ROSENBROCK, P, method="nwton"), "there is no method 'nwton'; there are auto, closed_form"),
    (lambda: sg.minimize(ROSENBROCK, P, budget=0), "budget must be a whole number of at least 1, not 0"),
    (lambda: sg.minimize(ROSENBROCK, P, tol=2), "tol must be a number between 0 and 1, not 2"),
    (lambda: sg.minimize(ROSENBROCK, P, method="newton", blocks=[["q"]]), "the block with 'q' does not occur"),
    (lambda: sg.minimize(ROSENBROCK, P, method="newton", blocks=[["p"], ["p"]]), "'p' stands in blocks 2 times"),
    (lambda: sg.minimize(ROSENBROCK, P, constraints=[True]), "constraint 0 is True, the value of a comparison of numbers"),
    (lambda: sg.minimize(ROSENBROCK, P, constraints=["sum(p) = 1"]), "constraint 0 is the text 'sum.p. = 1'; write a comparison"),
    (lambda: sg.minimize(ROSENBROCK, P, start=[-1.2, 1]), r"start must be a dict from names, \{'p': \.\.\.\}, not list"),
    (lambda: sg.minimize(ROSENBROCK, P, bounds=[(0, 1)]), r"bounds must be a dict from names, \{'p': \(low, high\)\}, not list"),
    (lambda: sg.minimize(ROSENBROCK, P, constraints=[P]), r"constraint 0, p of shape \(2,\), is no comparison"),
    (lambda: sg.minimize(sg.sum(P), P), "the loss is affine in p, so it is unbounded below"),
    (lambda: sg.minimize(sg.sum(P), P, method="newton"), "the loss is unbounded below: it is .* at p = .* and still falls"),
    (lambda: sg.minimize(-sg.sum(P**2), P), r"the one zero of the gradient is a maximum: the loss falls from there along p"),
    (lambda: sg.minimize(QUADRATIC, W, {"X": np.ones((4, 2)), "y": np.arange(4.0)}, method="closed_form"),
     "the system for w is singular for these data"),
    (lambda: sg.minimize(ROSENBROCK, P, method="closed_form"), "solve_stationary: the term .* is not quadratic in p"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES)
def test_mistakes_have_messages_of_their_own(call, message):
    with pytest.raises((sg.SymgradError, ValueError), match=message):
        call()


def test_a_singular_system_is_solved_by_another_method():
    r = sg.minimize(QUADRATIC, W, {"X": np.ones((4, 2)), "y": np.arange(4.0)})
    assert r.success and r.method != "closed_form" and r.fun == pytest.approx(5.0)


def test_a_result_reads_well():
    r = sg.minimize(QUADRATIC, W, {"X": [[1, 0], [1, 1], [1, 2]], "y": [1, 3, 6]})
    *lines, last = str(r).splitlines()
    assert lines == ["loss 0.1666666667, converged: the gradient is zero there, by its formula",
                                   "closed_form: the gradient has one zero, in closed form: w = (Xᵀ X)⁻¹ Xᵀ y",
                                   "  w = [0.833333, 2.5     ] ± [0.373, 0.289]"]
    assert last.startswith("the minimum is global, the loss is convex: ")
    assert repr(r) == "<Minimum 0.166667 by closed_form, 2 evaluations>"


def test_only_directions_count_in_which_a_declared_matrix_may_move():
    """logdet S + tr(S⁻¹ C) is least at S = C among symmetric matrices; along skew ones it falls."""
    S, C = sg.parameter("S", (3, 3), positive_definite=True), sg.data("C", (3, 3), positive_definite=True)
    a = RNG.standard_normal((9, 3))
    r = sg.minimize(sg.logdet(S) + sg.trace(sg.inv(S) @ C), S, {"C": a.T @ a})
    np.testing.assert_allclose(r.x["S"], a.T @ a, rtol=1e-10)


CONVEX = [  # what is proved, and what is not; a start for each
    (lambda: sg.mean(sg.softplus(-Y * (X @ W))), True, "newton"),
    (lambda: sg.sum(sg.exp(X @ W) - (Y + 1) * (X @ W)), True, "newton"),
    (lambda: sg.sum((X @ W - Y) ** 2) + sg.data("lam") * sg.sum(W**2), True, "closed_form"),
    (lambda: sg.sum((X @ W - Y) ** 2) / 2 + 0.5 * sg.sum(sg.abs(W)), True, "proximal"),
    (lambda: sg.sum(sg.relu(1 - Y * (X @ W))) / 20 + sg.sum(W**2), True, None),
    (lambda: sg.sum((sg.tanh(X @ W) - Y) ** 2), False, "levenberg_marquardt"),
    (lambda: sg.sum(sg.sin(X @ W)) + sg.sum(W**4), False, "l-bfgs"),
]


@pytest.mark.parametrize(("loss", "proved", "method"), CONVEX)
def test_a_minimum_is_global_where_the_loss_is_proved_to_be_convex(loss, proved, method):
    data = {**DATA, "y": np.sign(DATA["y"]), "lam": 0.3}
    r = sg.minimize(loss(), W, data)
    assert bool(r.certificate) == proved and ("the minimum is global" in str(r)) == proved
    assert method in (None, r.method)
    if proved:
        values = sg.function([W, X, Y, *([] if "lam" not in str(loss()) and "λ" not in str(loss()) else [sg.data("lam")])],
                             loss())
        more = [0.3] if len(values.inputs) == 4 else []
        for shift in RNG.standard_normal((20, 3)):
            assert values(r.x["w"] + shift, data["X"], data["y"], *more) >= r.fun - 1e-9 * abs(r.fun)


def test_a_certificate_asks_for_convex_sets_too():
    q = sg.parameter("q", 3)
    loss = sg.sum((q - 1) ** 2)
    assert sg.minimize(loss, q, constraints={"q": "simplex"}).certificate
    assert sg.minimize(loss, q, constraints=[sg.sum(q**2) <= 1]).certificate
    assert not sg.minimize(loss, q, constraints=[sg.sum(q**2) >= 9]).certificate
    assert not sg.minimize(loss, q, constraints=[sg.equal(sg.sum(q**2), 1)], start={"q": [1.0, 0, 0]}).certificate


def test_what_is_declared_is_kept():
    """A simplex stays one, what is nonnegative stays that, what is positive is never left."""
    pi, m, v = sg.parameter("pi", 3, simplex=True), sg.parameter("m", 3), sg.data("v", N)
    mixture = -sg.sum(sg.logsumexp(sg.log(pi) - (v[:, None] - m) ** 2 / 2, axis=1))
    points = np.concatenate([RNG.standard_normal(30) + c for c in (-4, 0, 5)])
    r = sg.minimize(mixture, [m, pi], {"v": points}, start={"m": [-1.0, 0, 1]})
    assert r.method == "em" and r.success and r.x["pi"].sum() == pytest.approx(1) and (r.x["pi"] > 0.2).all()
    q = sg.parameter("q", 2, nonnegative=True)
    np.testing.assert_allclose(sg.minimize(sg.sum((q - np.array([1.0, -2.0])) ** 2), q).x["q"], [1, 0], atol=1e-9)
    s = sg.parameter("s", positive=True)
    for method in ("auto", "newton", "l-bfgs", "gradient"):
        r = sg.minimize(sg.log(s) + 3 / s**2, s, method=method, start={"s": 0.1})
        assert r.success and r.x["s"] == pytest.approx(np.sqrt(6), rel=1e-5) and all(x["s"] > 0 for x, ok in zip(
            r.history.x, r.history["accepted"], strict=True) if ok)


def test_what_has_no_minimum_is_no_success():
    q = sg.parameter("q")
    r = sg.minimize(-sg.log(1 + q**2), q, method="gradient", start={"q": 1.0})
    assert not r.success and "the variables run off" in r.message
    r = sg.minimize(-sg.log(1 + sg.log(1 + q**2)), q, method="gradient", start={"q": 1.0}, budget=500)
    assert not r.success


def test_rounding_prints_as_zero_without_a_sign():
    p, c = sg.parameter("p", 4), sg.data("c", 4)

    def printed(*values):
        return str(sg.minimize(sg.sum((p - c) ** 2), p, {"c": values})).splitlines()[2]

    assert printed(2.0, -1e-14, 3e-16, -0.0) == "  p = [2., 0., 0., 0.]"
    assert printed(-0.0, -0.0, -0.0, 0.0) == "  p = [0., 0., 0., 0.]"
    assert printed(0.25, -1e-4, -1e-9, 0.5) == "  p = [ 2.5e-01, -1.0e-04, -1.0e-09,  5.0e-01]"
    assert printed(2.0, -3.0, np.pi, -1.0) == "  p = [ 2.      , -3.      ,  3.141593, -1.      ]"


def test_a_limit_is_no_minimum():
    """Classes that can be separated have no logistic minimum; what has one is not taken for such, however flat it is."""
    q = sg.parameter("q")
    points = np.array([[-2.0, 1], [-1, 1], [1, 1], [3, 1]])
    logistic = sg.sum(sg.softplus(-Y * (X @ W)))
    for method in ("auto", "newton", "l-bfgs", "newton_cg"):
        r = sg.minimize(logistic, W, {"X": points, "y": np.sign(points[:, 0])}, method=method)
        assert not r.success and "no minimum there, only a limit" in r.message and r.certificate is None
    for loss in (sg.exp(q), -sg.arctan(q), sg.softplus(q), 1 / (1 + q**2)):
        assert not sg.minimize(loss, q, start={"q": 0.5}).success
    for loss, best in ((q**8, 0), (sg.cosh(q), 0), (sg.softplus(q) - 0.01 * q, np.log(0.01 / 0.99)), (sg.exp(-q) + q, 0),
                       (sg.sum((sg.tanh(q - 3) - 0.2) ** 2), 3 + np.arctanh(0.2)), (-sg.exp(-((q - 1) ** 2)), 1)):
        for method in ("auto", "newton", "l-bfgs", "gradient"):
            r = sg.minimize(loss, q, method=method, start={"q": 0.7})
            assert r.success and r.x["q"] == pytest.approx(best, abs=0.05 if best == 0 else 1e-4), (loss, method, r)
