"""sg.prox: the step is the minimum, in every spelling; what is not convex or has no closed form is refused by name."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.graphs.node import topological

INF = np.inf
n, m = sg.dims("n m")
x, s = sg.parameter("x", n), sg.data("s")
z = sg.parameter("z", n, nonnegative=True)
M = sg.parameter("M", (n, m))
lam, mu = sg.data("lam", nonnegative=True), sg.data("mu")
c, y, a = sg.data("c", n), sg.data("y", n), sg.data("a", n)
A, b = sg.data("A", (m, n)), sg.data("b", m)
size = sg.abs(x)

CONVEX = {
    "absolute value": sg.sum(size),
    "weighted": lam * sg.sum(size),
    "weight without a sign": mu * sg.sum(size),
    "mean": sg.mean(size),
    "weights for each entry": sg.sum(sg.exp(c) * size),
    "absolute value as a root": sg.sum(sg.sqrt(x * x)),
    "absolute value as a maximum": sg.sum(sg.maximum(x, -x)),
    "absolute value by cases": sg.sum(sg.where(x > 0, x, -x)),
    "absolute value by relu": sg.sum(2 * sg.relu(x) - x),
    "shifted": sg.sum(sg.abs(x - c)),
    "scaled and shifted": sg.sum(sg.abs(3 * x - c)),
    "scaled by data": sg.sum(sg.abs(y * x - c)),
    "elastic net": lam * sg.sum(size) + 0.5 * mu * sg.sum(x**2),
    "elastic net, shifted": sg.sum(size) + sg.sum((x - c) ** 2) + sg.sum(a * x),
    "relu": sg.sum(sg.relu(x)),
    "maximum with data": sg.sum(sg.maximum(x, c)),
    "hinge": sg.sum(sg.maximum(0, 1 - x)),
    "hinge with labels": sg.mean(sg.relu(1 - y * x)),
    "squared hinge": sg.sum(sg.relu(1 - x) ** 2),
    "quantile loss": sg.sum(sg.maximum(0.3 * (x - c), -0.7 * (x - c))),
    "leaky relu": sg.sum(sg.leaky_relu(x, 0.1)),
    "dead zone": sg.sum(sg.relu(size - lam)),
    "huber": sg.sum(sg.where(size <= lam, x**2 / 2, lam * (size - lam / 2))),
    "huber of an unknown width": sg.sum(sg.where(size < mu, 0.5 * x**2, mu * (size - 0.5 * mu))),
    "huber with a number": sg.sum(sg.where(x**2 <= 1.345**2, 0.5 * x**2, 1.345 * (size - 0.5 * 1.345))),
    "huber by a minimum": sg.sum(sg.minimum(size, 1) * size - sg.minimum(size, 1) ** 2 / 2),
    "huber of losses": sg.losses.huber(x, c),
    "one-sided square": sg.sum(sg.where(x > 0, x**2, 0)),
    "square beside a line": sg.sum(sg.where(x < 0, x**2, x)),
    "box": sg.sum(sg.where(sg.logical_and(x >= -0.4, x <= 0.9), 0, INF)),
    "box of data": sg.sum(sg.where(size <= lam, 0, INF)),
    "half line": sg.sum(sg.where(x < 0, INF, x)),
    "square in a box": sg.sum(sg.where(size <= 0.5, (x - c) ** 2, INF)),
    "minus logarithm": -sg.sum(sg.log(x)),
    "log barrier": -mu * sg.sum(sg.log(2 - 3 * x)),
    "logarithm and lines": lam * sg.sum(x - c * sg.log(x) ** 0 - sg.log(x)),
    "entropy": sg.sum(x * sg.log(x)),
    "relative entropy": sg.sum(x * sg.log(x) - x * c),
    "exponential": sg.sum(sg.exp(x)),
    "exponential falling": sg.sum(sg.exp(c) * sg.exp(-2 * x)),
    "power 3/2": sg.sum(size**1.5),
    "power 3": sg.sum(size**3),
    "power 4": sg.sum(x**4) + sg.sum(x**2),
    "power 4/3": sg.sum(size ** sg.constant(4) ** 1) + sg.sum(c * x),
    "power 4, shifted": sg.sum((x - c) ** 4),
    "power 4 beside squares": sg.sum((2 * x + 1) ** 4) + sg.sum(x**2),
    "power 3, shifted, beside squares": sg.sum(sg.abs(x + c) ** 3) + sg.mean((x + 1) ** 2) / 2,
    "power 3 of one side": sg.sum(sg.where(x > c, (x - c) ** 3, 0)),
    "minus root": -sg.sum(sg.sqrt(x)),
    "linear": sg.sum(c * x),
    "squares": sg.sum((x - c) ** 2),
    "quadratic": sg.sum((A @ x - b) ** 2),
    "quadratic with weights": sg.sum(sg.exp(b) * (A @ x - b) ** 2) / m,
    "norm": sg.norm(x),
    "norm, shifted and scaled": lam * sg.sqrt(sg.sum((2 * x - c) ** 2)),
    "norm and squares": sg.norm(x - c) + mu * sg.sum(x**2),
    "norm and a line": sg.norm(x) + c @ x,
    "norm to the third": sg.norm(x) ** 3,
    "huber of a norm": sg.where(sg.norm(x) <= 1, sg.sum(x * x) / 2, sg.norm(x) - 0.5),
    "ball": sg.where(sg.norm(x) <= 0.6, 0, INF),
    "absolute product": sg.abs(c @ x - 3),
    "absolute sum": sg.abs(sg.sum(x)) + 0.5 * sg.sum(x**2),
    "hinge of a product": sg.relu(1 - mu * (c @ x)),
    "logistic partner": sg.exp(c @ x),
    "all but the first": sg.sum(sg.abs(x[1:])),
    "slices": sg.sum(sg.abs(x[:2])) + sg.norm(x[2:]),
    "one entry": sg.abs(x[0]) + x[1] ** 2,
    "groups of rows": lam * sg.sum(sg.norm(M, axis=1)),
    "groups of columns": sg.sum(sg.sqrt(sg.sum(M**2, axis=0))),
    "sparse groups": sg.sum(sg.norm(M, axis=1)) + sg.sum(M**2),
    "transposed": sg.sum(sg.abs(M.T)),
    "reshaped": sg.sum(sg.abs(M.reshape(-1))),
    "from the end": sg.sum(sg.abs(x[::-1])) + 0 * lam,
    "norm and absolute values": sg.norm(x) + lam * sg.sum(size) + c @ x,
    "sparse group lasso": sg.sum(sg.norm(M, axis=1)) + lam * sg.sum(sg.abs(M)) + sg.sum(M**2),
    "divergence": sg.sum(x * sg.log(x / sg.exp(c))),
    "distance to a ball": sg.relu(sg.norm(x) - 1),
    "nonnegative norm": sg.norm(z) + c @ z,
    "nonnegative": sg.sum(c * z),
    "nonnegative squares": sg.sum((z - c) ** 2),
    "inverse": sg.sum(1 / z),
}
POSITIVE = {"minus logarithm", "entropy", "relative entropy", "logarithm and lines", "minus root", "half line"}  # domains


def variable(g):
    """The one of x, z and M that occurs."""
    below = set(topological([g.node]))
    return next(v for v in (z, M, x) if v.node in below)


def values(name, rng):
    shape = {"n": int(rng.integers(3, 7)), "m": int(rng.integers(2, 6))}
    draw = lambda *axes: rng.normal(0, 1.5, [shape[k] for k in axes])  # noqa: E731
    return {"x": draw("n"), "z": abs(draw("n")), "M": draw("n", "m"), "lam": rng.uniform(0.1, 1), "mu": rng.uniform(0.2, 1),
            "c": draw("n"), "a": draw("n"), "y": rng.choice([-1.0, 1.0, 0.3], shape["n"]), "A": draw("m", "n"),
            "b": draw("m"), "s": rng.uniform(0.05, 3)}


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("seed", range(4))
def test_the_step_is_the_minimum(name, seed):
    """F = g + |z - x|²/(2 s) is strongly convex: F(w) - F(p) >= |w - p|²/(2 s) for all w if and only if p is its minimum."""
    g = CONVEX[name]
    v = variable(g)
    rng = np.random.default_rng(seed)
    data = values(name, rng)
    inputs = {"v": v, "s": s, "lam": lam, "mu": mu, "c": c, "y": y, "a": a, "A": A, "b": b}
    given = {key: data[key] for key in inputs if key != "v"}
    p = sg.function(inputs, sg.prox(g, v, s))(v=data[v.name], **given)
    value = sg.function({**inputs}, g)
    with np.errstate(all="ignore"):
        def whole(w):
            return value(v=w, **given) + ((w - data[v.name]) ** 2).sum() / (2 * data["s"])

        least = whole(p)
        assert np.isfinite(least) and p.shape == data[v.name].shape
        for scale in (1.0, 0.1, 1e-2, 1e-3, 1e-4):
            for _ in range(12):
                way = rng.normal(size=p.shape) * (rng.random(p.shape) < 0.5) * scale
                w = p + way
                if v is z:
                    w = np.maximum(w, 0)
                more = whole(w)
                assert np.isnan(more) or more - least >= ((w - p) ** 2).sum() / (2 * data["s"]) * (1 - 1e-6) - 1e-12 * (
                    1 + abs(least)), (name, scale)


@pytest.mark.parametrize("g, text", [
    (sg.sum(size), "sign(x) ⊙ max(|x| - s, 0)"),
    (sg.sum(sg.maximum(x, -x)), "sign(x) ⊙ max(|x| - s, 0)"),
    (sg.sum(sg.sqrt(x**2)), "sign(x) ⊙ max(|x| - s, 0)"),
    (sg.norm(x), "max(1 - s/‖x‖, 0) x"),
    (-sg.sum(sg.log(x)), "1/2 (x + √(x^⊙2 + 4 s))"),
    (sg.sum(sg.relu(1 - x)), "max(x, min(x + s, 1))"),
    (sg.sum(sg.where(size <= 1, 0, INF)), "clip(x, -1, 1)"),
    (sg.sum((A @ x - b) ** 2), "(I + 2 s Aᵀ A)⁻¹ (x + 2 s Aᵀ b)"),
    (sg.sum(x**2), "x/(1 + 2 s)"),
    (sg.sum(sg.where(size <= lam, x**2 / 2, lam * (size - lam / 2))), "sign(x) ⊙ max(|x|/(1 + s), |x| - s λ)"),
    (sg.sum(x * sg.log(x)), "s wright_omega(x/s - log(s) - 1)"),
    (lam * sg.sum(size) + 0.5 * mu * sg.sum(x**2), "(sign(x) ⊙ max(|x| - s λ, 0))/(1 + s μ)"),
])
def test_steps_read_as_in_a_textbook(g, text):
    assert str(sg.prox(g, x, s)) == text


def test_a_number_as_the_step_and_samples():
    T = sg.dim("T")
    w = sg.data("w", 3, over=T)
    step = sg.prox(sg.sum(sg.abs(w)), w, 0.5)
    assert step.over == T and step.shape == (3,)
    np.testing.assert_allclose(step.eval(w=[[1.0, -0.2, -3.0]]), [[0.5, 0, -2.5]])
    scalar = sg.parameter("t")
    np.testing.assert_allclose(sg.prox(sg.abs(scalar - 1), scalar, 0.25).eval(t=3.0), 2.75)


def test_far_from_the_minimum_nothing_cancels():
    step = sg.prox(-sg.sum(sg.log(x)), x, s)
    np.testing.assert_allclose(step.eval(x=[-1e9, 1e9], s=1.0), [1e-9, 1e9], rtol=1e-12)
    np.testing.assert_allclose(sg.prox(sg.norm(x), x, s).eval(x=[0.0, 0.0], s=0.5), [0, 0])
    np.testing.assert_allclose(sg.prox(lam * sg.norm(x), x, s).eval(x=[0.0, 0.0], s=0.5, lam=0.0), [0, 0])
    np.testing.assert_allclose(sg.prox(sg.sum(1 / z), z, s).eval(z=[0.0, 1e5], s=1e-3), [0.1, 1e5], rtol=1e-9)


def test_a_weight_of_the_wrong_sign_is_not_silent():
    step = sg.prox(mu * sg.sum(size), x, s)
    assert np.isnan(step.eval(x=[1.0, 2.0], s=1.0, mu=-1.0)).all()


@pytest.mark.parametrize("g, why", [
    (-sg.sum(size), "its slope falls at a kink"),
    (-lam * sg.sum(size), "its slope falls at a kink"),
    (sg.sum(x**3), "its second derivative has no sign that is known"),
    (-sg.sum(x**2), "it bends down"),
    (sg.sum(sg.log(x)), "it bends down"),
    (sg.sum(sg.sqrt(size)), "it bends down"),
    (sg.sum(sg.minimum(size, 1)), "its slope falls at a kink"),
    (sg.sum(sg.where(x > 0, 1, 0)), "it jumps"),
    (sg.sum(1 / x), "its second derivative has no sign that is known"),
    (-sg.norm(x), "it falls as the length grows"),
    (sg.sum(sg.where(size < 1, INF, 0)), "it is infinite between points where it is finite"),
    (x @ A.T @ A @ x - 3 * sg.sum(x) ** 2, "its Hessian is not known to have no negative eigenvalue"),
])
def test_what_is_not_convex_is_refused(g, why):
    with pytest.raises(sg.NoClosedForm, match="prox: .* (is not|is not known to be) convex in x: ") as caught:
        sg.prox(g, x, s)
    assert why in str(caught.value)


@pytest.mark.parametrize("g, why", [
    (sg.sum(sg.softplus(x)), "no closed form for softplus(x): the equation for its step has no solution in closed form"),
    (sg.logsumexp(x), "no closed form for logsumexp(x): the step of a function of all entries together needs an iteration"),
    (sg.max(x), "no closed form for max(x)"),
    (sg.sum(size) + sg.sum((A @ x - b) ** 2), "couples entries has no closed form beside other functions"),
    (sg.sum(size) + sg.sum(sg.abs(x - c)), "the order of its kinks"),
    (sg.sum(sg.abs(A @ x)), "it couples entries"),
    (sg.sum(x * sg.log(x)) - sg.sum(sg.log(x)), "no closed form for xᵀ log(x) - sum(log(x))"),
])
def test_what_has_no_closed_form_says_why(g, why):
    with pytest.raises(sg.NoClosedForm) as caught:
        sg.prox(g, x, s)
    assert why in str(caught.value)


def test_bad_arguments():
    with pytest.raises(sg.SymgradError, match="prox: the step must be positive and finite, not 0"):
        sg.prox(sg.sum(size), x, 0)
    with pytest.raises(sg.ShapeError, match=r"prox: .* is not a scalar; close it with sg.sum or sg.mean"):
        sg.prox(size, x, s)
    with pytest.raises(sg.SymgradError, match="prox: x must be a real symbol .* not str"):
        sg.prox(sg.sum(size), "x", s)
    with pytest.raises(sg.SymgradError, match="depends on x; it must be given"):
        sg.prox(sg.sum(size), x, sg.sum(x))
    with pytest.raises(sg.ShapeError, match="prox: the step c of shape .* is not a scalar"):
        sg.prox(sg.sum(size), x, c)
    p = sg.parameter("p", 3, simplex=True)
    with pytest.raises(sg.NoClosedForm, match="the step need not be simplex"):
        sg.prox(sg.sum(p), p, s)


def test_agreement_with_cvxpy():
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(0)
    at, center, matrix, right = rng.normal(size=5), rng.normal(size=5), rng.normal(size=(3, 5)), rng.normal(size=3)
    w = cp.Variable(5)
    pairs = [(sg.sum(size), cp.norm1(w)), (sg.norm(x - c), cp.norm2(w - center)), (sg.sum(x * sg.log(x)), -cp.sum(cp.entr(w))),
             (-sg.sum(sg.log(x)), -cp.sum(cp.log(w))), (sg.sum((A @ x - b) ** 2), cp.sum_squares(matrix @ w - right)),
             (sg.losses.huber(x, c), cp.sum(cp.huber(w - center, 1)) / 10), (sg.sum(sg.exp(x)), cp.sum(cp.exp(w))),
             (sg.abs(c @ x - 3), cp.abs(center @ w - 3)), (sg.sum(sg.relu(1 - x)), cp.sum(cp.pos(1 - w)))]
    for ours, theirs in pairs:
        cp.Problem(cp.Minimize(theirs + cp.sum_squares(w - at) / (2 * 0.7))).solve(solver="CLARABEL")
        ours = sg.function({"x": x, "s": s, "c": c, "A": A, "b": b}, sg.prox(ours, x, s))
        np.testing.assert_allclose(ours(x=at, s=0.7, c=center, A=matrix, b=right), w.value, atol=2e-4)


def test_weights_of_groups_and_slices_are_judged_one_by_one():
    w = sg.data("w", m)
    step = sg.prox(sg.sum(w * sg.norm(M, axis=0)), M, s)
    at = np.ones((2, 3))
    found = step.eval(M=at, w=[1.0, -1.0, 0.5], s=0.5)
    assert np.isnan(found).tolist() == [[False, True, False]] * 2
    np.testing.assert_allclose(found[:, 0], 1 - 0.5 / np.sqrt(2))
    part = sg.prox(mu * sg.sum(sg.abs(x[1:])), x, s).eval(x=[1.0, 2.0, 3.0], mu=-1.0, s=1.0)
    assert np.isnan(part).tolist() == [False, True, True]


ATOMS = {
    "absolute": sg.abs, "positive part": sg.relu, "maximum": lambda u: sg.maximum(u, 0.5), "minimum": lambda u: -sg.minimum(u, 0.3),
    "root": lambda u: sg.sqrt(u * u), "cases": lambda u: sg.where(u > 0, u, -0.3 * u), "square": lambda u: u**2,
    "huber": lambda u: sg.where(sg.abs(u) <= lam, u * u / 2, lam * (sg.abs(u) - lam / 2)), "cube": lambda u: sg.abs(u) ** 3,
    "fourth": lambda u: u**4, "3/2": lambda u: sg.abs(u) ** 1.5, "exp": sg.exp, "log": lambda u: -sg.log(u),
    "entropy": lambda u: u * sg.log(u), "clipped": lambda u: (u - sg.clip(u, -1, 1)) ** 2, "line": lambda u: u,
    "box": lambda u: sg.where(sg.logical_and(u >= -1, u <= 1), 0, INF), "largest": lambda u: sg.maximum(sg.maximum(u, -u), 1),
    "inverse": lambda u: sg.where(u > 0, 1 / u, INF), "minus root": lambda u: -sg.sqrt(u), "elu": sg.elu,
    "dead zone": lambda u: sg.relu(sg.abs(u) - 0.5)}


@pytest.mark.parametrize("seed", range(36))
def test_random_sums_of_convex_functions(seed):
    """Each has its minimum as its step, or says why it has none."""
    rng = np.random.default_rng(seed)
    g = 0
    for _ in range(rng.integers(1, 4)):
        u = x * [1, -1, 2, -0.5, y][rng.integers(5)] + [0, 0, 1, -0.7, c][rng.integers(5)]
        weight = [1, 0.5, 3, lam, mu][rng.integers(5)]
        g = g + weight * sg.sum(list(ATOMS.values())[rng.integers(len(ATOMS))](u))
    try:
        step = sg.prox(g, x, s)
    except sg.NoClosedForm as why:
        known = ("no closed form", "its second derivative has no sign that is known", "it is finite nowhere")
        assert any(reason in str(why) for reason in known)
        return
    data = values("", rng)
    inputs = {"x": x, "s": s, "lam": lam, "mu": mu, "c": c, "y": y}
    given = {key: data[key] for key in inputs if key != "x"}
    p = sg.function(inputs, step)(x=data["x"], **given)
    value = sg.function(inputs, g)
    with np.errstate(all="ignore"):
        least = value(x=p, **given) + ((p - data["x"]) ** 2).sum() / (2 * data["s"])
        for scale in (1.0, 0.1, 1e-2, 1e-3, 1e-4):
            for _ in range(8):
                w = p + rng.normal(size=p.shape) * (rng.random(p.shape) < 0.6) * scale
                more = value(x=w, **given) + ((w - data["x"]) ** 2).sum() / (2 * data["s"])
                assert np.isnan(more) or more - least >= ((w - p) ** 2).sum() / (2 * data["s"]) * (1 - 1e-5) - 1e-11 * (
                    1 + abs(least)), (str(g), str(step))


@pytest.mark.parametrize("name", CONVEX)
def test_what_is_read_is_what_is_computed(name):
    from symgrad.minimising.prox import read_prox

    g = CONVEX[name]
    v = variable(g)
    data = values(name, np.random.default_rng(7))
    inputs = {"v": v, "s": s, "lam": lam, "mu": mu, "c": c, "y": y, "a": a, "A": A, "b": b}
    given = {key: data[v.name if key == "v" else key] for key in inputs}
    one, two = (sg.function(inputs, f(g, v, s))(**given) for f in (sg.prox, read_prox))
    np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-12)


def test_a_half_space_is_projected_on():
    step = sg.prox(sg.where(c @ x <= 1, 0, INF), x, s)
    np.testing.assert_allclose(step.eval(x=[2.0, 1.0], c=[3.0, 4.0], s=0.3), [2 - 3 * 9 / 25, 1 - 4 * 9 / 25])
    np.testing.assert_allclose(step.eval(x=[0.1, 0.1], c=[3.0, 4.0], s=0.3), [0.1, 0.1])
