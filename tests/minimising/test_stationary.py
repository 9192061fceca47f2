"""Stationary points as formulas: the gradient is zero there, the formulas are a textbook's, refusals name the term;
and what kind of point one is."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.graphs.node import topological
from symgrad.graphs.reverse import delta_seed, reverse
from symgrad.graphs.stationary.affine import degrees, positive_sign, terms, tidy, total
from symgrad.language.tensor import wrap

n, d, k, m, T = sg.dims("n d k m T")
SIZES = {n: 9, d: 4, k: 3, m: 2, T: 11}
X, y, Y, lam = sg.data("X", (n, d)), sg.data("y", n), sg.data("Y", (n, k)), sg.data("lam", nonnegative=True)
w, W, b = sg.parameter("w", d), sg.parameter("W", (d, k)), sg.parameter("b", k)
x, t = sg.data("x", d, over=T), sg.data("t", k, over=T)
A, B, C = sg.data("A", (d, d)), sg.data("B", (k, k)), sg.data("C", (d, k))
P = sg.data("P", (k, k), positive_definite=True)
s, r = sg.data("s", n, nonnegative=True), sg.data("r", k, over=T)
F, f, c = sg.data("F", (m, d)), sg.data("f", m), sg.data("c", k, nonnegative=True)
M, beta = sg.parameter("M", (k, d)), sg.parameter("beta", k)
S, Q = sg.parameter("S", (d, d), positive_definite=True), sg.parameter("Q", (d, d))
D = sg.data("D", (d, d), positive_definite=True)
mu, q = sg.parameter("mu", d), sg.parameter("q", k)
p = sg.parameter("p", k, simplex=True)
a1, a0, sigma = sg.parameter("a"), sg.parameter("a0"), sg.parameter("sigma")
u, v = sg.data("u", over=T), sg.data("v", over=T)
z, h = sg.data("z", d, over=T), sg.data("h", over=T, nonnegative=True)
SYMBOLS = [X, y, Y, lam, w, W, b, x, t, A, B, C, P, s, r, F, f, c, M, beta, S, Q, D, mu, q, p, a1, a0, sigma, u, v, z, h]


def number(size):
    return SIZES[size] if size in SIZES else int(size)


def random_values(seed=0):
    rng, values = np.random.default_rng(seed), {}
    for each in SYMBOLS:
        shape = tuple(number(size) for size in each.node.shape)
        value, facts = rng.standard_normal(shape), each.node.attrs[0].facts
        if "positive_definite" in facts:
            value = value @ value.swapaxes(-1, -2) + np.eye(shape[-1])
        if "nonnegative" in facts or "simplex" in facts:
            value = rng.uniform(0.3, 2, shape)
        values[each.name] = value
    values["p"] = values["p"] / values["p"].sum()
    return values


def symbols_below(*tensors):
    return [each for each in SYMBOLS if each.node in topological([one.node for one in tensors])]


def evaluate(outputs, values):
    inputs = symbols_below(*(outputs if isinstance(outputs, list) else [outputs]))
    return sg.function(inputs, outputs, sizes=SIZES)(**{each.name: values[each.name] for each in inputs})


def point(loss, variables, seed=0, **options):
    """The values with the stationary point put in."""
    values = random_values(seed)
    found = evaluate(sg.solve_stationary(loss, variables, **options), values)
    return {**values, **{each.name: value for each, value in zip(variables, found, strict=True)}}


PROBLEMS = {
    "least squares": (sg.sum((X @ w - y) ** 2), [w]),
    "mean": (sg.mean((X @ w - y) ** 2), [w]),
    "norm": (sg.norm(X @ w - y) ** 2 / 2 + lam * sg.norm(w) ** 2, [w]),
    "ridge": (sg.sum((X @ w - y) ** 2) + lam * (w @ w), [w]),
    "ridge towards a point": (sg.sum((X @ w - y) ** 2) + sg.sum((A @ (w - F.T @ f)) ** 2), [w]),
    "weighted": (sg.sum(s * (X @ w - y) ** 2) / 3, [w]),
    "one weight for all": (sg.mean((X @ w - y) ** 2) / (2 * lam), [w]),
    "matrix": (sg.sum((X @ W - Y) ** 2) + lam * sg.sum(W**2), [W]),
    "matrix from the left": (sg.sum((M @ X.T - Y.T) ** 2), [M]),
    "both sides": (sg.sum((A @ W @ B - C) ** 2), [W]),
    "both sides, ridge": (sg.sum((A @ W @ B - C) ** 2) + lam * sg.sum(W**2), [W]),
    "sylvester": (sg.sum((A @ W + W @ B - C) ** 2), [W]),
    "correlated targets": (sg.trace((X @ W - Y) @ P @ (X @ W - Y).T) + lam * sg.trace(W @ P @ W.T), [W]),
    "weights of each target": (sg.sum(c * (X @ W - Y) ** 2), [W]),
    "weights of each entry": (sg.sum(sg.data("Y", (n, k)) ** 2 * (X @ W - Y) ** 2), [W]),
    "over samples": (sg.mean(sg.sum((M @ x - t) ** 2), over=T), [M]),
    "affine over samples": (sg.mean(sg.sum((M @ x + beta - t) ** 2), over=T) + lam * sg.sum(M**2), [M, beta]),
    "line": (sg.mean((a1 * u + a0 - v) ** 2, over=T), [a1, a0]),
    "line, other order": (sg.mean((a1 * u + a0 - v) ** 2, over=T), [a0, a1]),
    "affine": (sg.sum((X @ W + b - Y) ** 2), [W, b]),
    "two predictors": (sg.sum((X @ w + Y @ q - y) ** 2) + lam * (q @ q), [w, q]),
    "apart": (sg.sum((X @ w - y) ** 2) + sg.sum((q - c) ** 2), [w, q]),
    "saddle": (a1 * a0 + 3 * a1 - a0, [a1, a0]),
    "entry of a vector": ((a1 - sg.sum(y)) ** 2 * lam, [a1]),
    "per sample": (sg.sum(sg.sum((z - x) ** 2) + lam * (z @ z), over=T), [z]),
    "per sample, weighted": (sg.mean(h * sg.sum((A @ z - x) ** 2) + z @ z, over=T), [z]),
    "coupled samples": (sg.sum(sg.sum((z - x) ** 2), over=T) + sg.sum(sg.sum(z, over=T) ** 2), [z]),
    "picked": (sg.sum((w[1:] - sg.sum(y)) ** 2) + sg.sum((w - F.T @ f) ** 2), [w]),
    "solve": (sg.sum(sg.solve(D, w - F.T @ f) ** 2), [w]),
    "constant": (sg.sum((X @ w) ** 2), [w]),
    "concave": (-sg.sum((X @ w - y) ** 2), [w]),
    "covariance": (sg.logdet(Q) + sg.trace(sg.inv(Q) @ A), [Q]),
    "covariance by solve": (3 * sg.logdet(Q) + sg.trace(sg.solve(Q, A @ A.T)) / 2, [Q]),
    "symmetric covariance": (sg.logdet(S) + sg.trace(sg.inv(S) @ D), [S]),
    "precision": (sg.trace(S @ D) - 2 * sg.logdet(S), [S]),
    "precision, any matrix": (sg.trace(Q @ A) - sg.logdet(Q), [Q]),
    "gaussian": (sg.logdet(S) + sg.mean((x - mu) @ sg.inv(S) @ (x - mu), over=T), [mu, S]),
    "gaussian by solve": (sg.logdet(S) / 2 + sg.mean((x - mu) @ sg.solve(S, x - mu), over=T) / 2, [S, mu]),
    "weighted gaussian": (sg.mean(h, over=T) * sg.logdet(S) + sg.mean(h * ((x - mu) @ sg.inv(S) @ (x - mu)), over=T), [mu, S]),
    "variance": (sg.log(sigma) + sg.mean(u**2, over=T) / (2 * sigma**2), [sigma]),
    "mean and variance": (sg.log(sigma) + sg.mean((u - a0) ** 2, over=T) / (2 * sigma**2), [a0, sigma]),
    "regression and its noise": (9 * sg.log(sigma) + sg.sum((X @ w - y) ** 2) / (2 * sigma**2), [sigma, w]),
    "gaussian by precision": (sg.mean((x - mu) @ S @ (x - mu), over=T) - sg.logdet(S), [mu, S]),
    "coin": (-sg.sum(h, over=T) * sg.log(sigma) - (50 - sg.sum(h, over=T)) * sg.log(1 - sigma), [sigma]),
    "rates": (sg.sum(q) - c @ sg.log(q), [q]),
    "inverse rates": (sg.sum(sg.log(q)) + sg.sum(c / q), [q]),
    "log of rates": (sg.sum(sg.exp(q)) - c @ q, [q]),
    "logs of rates, half": (sg.sum(sg.exp(-q / 2)) + c @ q, [q]),
    "entropy": (sg.sum(q * sg.log(q)) - b @ q, [q]),
    "odd power": (sg.sum(q**4) / 4 - b @ q, [q]),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_gradient_is_zero_there(name):
    loss, variables = PROBLEMS[name]
    for seed in range(2):
        at = point(loss, variables, seed)
        start = random_values(seed)
        if name in ("rates", "inverse rates", "entropy", "variance", "mean and variance", "coin", "regression and its noise"):
            start = {**start, "q": np.abs(start["q"]) + 0.1, "sigma": np.abs(start["sigma"]) % 1}
        size = max(np.abs(g).max() for g in evaluate(sg.gradient(loss, variables), start))
        for g, each in zip(evaluate(sg.gradient(loss, variables), at), variables, strict=True):
            if "positive_definite" in each.node.attrs[0].facts:
                g = g + np.swapaxes(g, -1, -2)
            assert np.abs(g).max() <= 1e-9 * max(size, 1), name
        assert np.isfinite(np.concatenate([np.ravel(at[each.name]) for each in variables])).all()


@pytest.mark.parametrize("name", PROBLEMS)
def test_rewrites_keep_values(name):
    loss, variables = PROBLEMS[name]
    values = {**random_values(2), "q": np.array([0.3, 1.2, 2.0]), "sigma": np.array(0.7)}
    for one in variables:
        g = reverse(sg.gradient(loss, one).node, delta_seed(one.node.shape), [one.node])[0]
        for node in filter(terms, (sg.gradient(loss, one).node, g)):
            plain, *others = evaluate([wrap(each, None) for each in (node, tidy(node), total(terms(node)),
                                                                     positive_sign(tidy(node)))], values)
            for other in others:
                np.testing.assert_allclose(other, plain, rtol=1e-9, atol=1e-9 * max(1, np.abs(plain).max()))


def random_residual(rng):
    square = [A, A.T, D, sg.inv(D)][rng.integers(4)]
    small = [B, P, sg.inv(P), B.T][rng.integers(4)]
    return [X @ W - Y, square @ W @ small - C, W @ small + square @ W, X @ w - y, W - C, X @ W + q - Y, w - W @ b,
            C * (W - square @ C), sg.outer(w, c) - W + q][rng.integers(9)]


def random_loss(rng):
    loss = 0.0
    for _ in range(rng.integers(1, 4)):
        e = random_residual(rng)
        factor = [1.0, lam, lam / 3, 0.5][rng.integers(4)]
        kinds = [sg.sum(e**2), sg.mean(e**2)]
        if e.ndim == 2:
            kinds += [sg.trace(e @ P @ e.T), sg.sum(c * e**2)]
        loss = loss + factor * kinds[rng.integers(len(kinds))]
    found = [one for one in (W, w, q) if one.node in topological([loss.node])]
    found = [found[i] for i in rng.permutation(len(found))]
    return (loss + lam * sum(sg.sum(one * one) for one in found) if rng.random() < 0.5 else loss), found


@pytest.mark.parametrize("seed", range(20))
def test_random_quadratic_losses_against_the_dense_system(seed):
    loss, variables = random_loss(np.random.default_rng(seed))
    values = random_values(seed)
    symbols = symbols_below(loss)
    shapes = [tuple(map(number, one.shape)) for one in variables]
    slopes = sg.function(symbols, [sg.gradient(loss, one) for one in variables], sizes=SIZES)

    def gradient(flat):
        parts = np.split(flat, np.cumsum([np.prod(shape) for shape in shapes])[:-1])
        at = {**values, **{one.name: part.reshape(shape) for one, part, shape in zip(variables, parts, shapes, strict=True)}}
        return np.concatenate([g.ravel() for g in slopes(**{one.name: at[one.name] for one in symbols})])

    size = sum(int(np.prod(shape)) for shape in shapes)
    b_ = gradient(np.zeros(size))
    h_ = np.stack([gradient(row) - b_ for row in np.eye(size)], axis=1)
    if np.linalg.cond(h_) > 1e9:
        with pytest.raises(sg.NoClosedForm, match="singular for all data"):
            sg.solve_stationary(loss, variables)
        return
    found = evaluate(sg.solve_stationary(loss, variables), values)
    np.testing.assert_allclose(np.concatenate([np.ravel(one) for one in found]), np.linalg.solve(h_, -b_), rtol=1e-7, atol=1e-9)


def test_degrees():
    label = sg.labels("label", 4, over=T)
    for expr, one, degree in [
            (X @ w - y, w, 1), (sg.sum((X @ w) ** 2), w, 2), (y, w, 0), (sg.sum(w) * (w @ w), w, 3), (w[1:], w, 1),
            (sg.concatenate([w, w * w]), w, 2), (sg.where(F.T @ f > 0, w, 0.0), w, 1), (sg.where(w > 0, 1.0, 0.0), w, 99),
            (sg.solve(A, w), w, 1), (sg.solve(Q, f @ F), Q, 99), (W[label], W, 1), (sg.cumsum(w), w, 1),
            (sg.windows(w, 2), w, 1), (sg.reshape(W, (-1,)), W, 1), (sg.exp(w), w, 99), (abs(w), w, 99),
            (sg.max(w), w, 99), (sg.det(Q), Q, 99), (w**3, w, 3), (w**2.5, w, 99), (sg.stop_gradient(w), w, 99), (w.named("v") ** 2, w, 2)]:
        assert degrees([expr.node], [one.node])[expr.node] == degree, str(expr)


def test_against_numpy():
    at = random_values(5)
    near = np.testing.assert_allclose
    near(evaluate(sg.solve_stationary(*PROBLEMS["mean"][:1], w), at), np.linalg.lstsq(at["X"], at["y"])[0])
    near(evaluate(sg.solve_stationary(PROBLEMS["ridge"][0], w), at),
         np.linalg.lstsq(np.vstack([at["X"], np.sqrt(at["lam"]) * np.eye(4)]), np.append(at["y"], np.zeros(4)))[0])
    near(evaluate(sg.solve_stationary(PROBLEMS["weighted"][0], w), at),
         np.linalg.lstsq(np.sqrt(at["s"])[:, None] * at["X"], np.sqrt(at["s"]) * at["y"])[0])
    slope, intercept = evaluate(sg.solve_stationary(*PROBLEMS["line"]), at)
    near([slope, intercept], np.polyfit(at["u"], at["v"], 1))
    mean, covariance = evaluate(sg.solve_stationary(*PROBLEMS["gaussian"]), at)
    near(mean, at["x"].mean(axis=0))
    near(covariance, np.cov(at["x"].T, bias=True))
    near(evaluate(sg.solve_stationary(PROBLEMS["variance"][0], sigma), at), np.sqrt(np.mean(at["u"] ** 2)))
    near(evaluate(sg.solve_stationary(PROBLEMS["sylvester"][0], W), at).ravel(), np.linalg.solve(
        np.kron(at["A"], np.eye(3)) + np.kron(np.eye(4), at["B"].T), at["C"].ravel()))


def test_printed_formulas():
    printed = {name: [str(one) for one in sg.solve_stationary(*PROBLEMS[name])] for name in PROBLEMS}
    assert printed["least squares"] == printed["mean"] == printed["concave"] == ["(Xᵀ X)⁻¹ Xᵀ y"]
    assert printed["one weight for all"] == ["(Xᵀ X)⁻¹ Xᵀ y"]
    assert printed["ridge"] == ["(Xᵀ X + λ I)⁻¹ Xᵀ y"]
    assert printed["norm"] == ["(Xᵀ X + 2 λ I)⁻¹ Xᵀ y"]
    assert printed["weighted"] == ["(Xᵀ diag(s) X)⁻¹ Xᵀ (s ⊙ y)"]
    assert printed["matrix"] == printed["correlated targets"] == ["(Xᵀ X + λ I)⁻¹ Xᵀ Y"]
    assert printed["weights of each target"] == ["(Xᵀ X)⁻¹ Xᵀ Y"]
    assert printed["matrix from the left"] == ["Yᵀ X (Xᵀ X)⁻¹"]
    assert printed["both sides"] == ["(Aᵀ A)⁻¹ Aᵀ C Bᵀ (B Bᵀ)⁻¹"]
    assert printed["over samples"] == ["(∑_s t_s x_sᵀ) (∑_s x_s x_sᵀ)⁻¹"]
    assert printed["line"] == ["(∑_t u_t (v_t - 1/T ∑_s v_s))/(∑_t u_t (u_t - 1/T ∑_s u_s))", "1/T ∑_t (v_t - a^* u_t)"]
    assert printed["per sample"] == ["x/(1 + λ)"]
    assert printed["apart"] == ["(Xᵀ X)⁻¹ Xᵀ y", "c"]
    assert printed["covariance"] == ["A"] and printed["symmetric covariance"] == ["D"]
    assert printed["precision"] == ["2 D⁻¹"] and printed["precision, any matrix"] == ["A⁻¹"]
    assert printed["gaussian"] == printed["gaussian by solve"][::-1] == [
        "1/T ∑_t x_t", "1/T ∑_t (x_t - μ^*) (x_t - μ^*)ᵀ"]
    assert printed["gaussian by precision"] == ["1/T ∑_t x_t", "T (∑_t (x_t - μ^*) (x_t - μ^*)ᵀ)⁻¹"]
    assert printed["mean and variance"] == ["1/T ∑_t u_t", "√(1/T ∑_t (u_t - a₀^*)²)"]
    assert printed["coin"] == ["1/50 ∑_t h_t"]
    assert printed["variance"] == ["√(1/T ∑_t u_t²)"]
    assert printed["rates"] == printed["inverse rates"] == ["c"] and printed["log of rates"] == ["log(c)"]
    assert str(sg.solve_stationary(-c @ sg.log(p), p)) == "c/sum(c)"
    assert str(sg.solve_stationary(sg.mean(r @ sg.log(p), over=T), p)) == "(∑_t r_t)/sum(∑_t r_t)"
    assert str(sg.solve_stationary(p @ sg.log(p) - b @ p, p)) == "softmax(b)"
    assert str(sg.solve_stationary(w @ w / 2, w, constraints=F @ w - f)) == "Fᵀ (F Fᵀ)⁻¹ f"


def test_no_large_system_is_formed_for_matrix_targets():
    result = sg.solve_stationary(sg.sum((X @ W - Y) ** 2), W)
    assert max(len(node.shape) for node in topological([result.node])) == 2


def test_the_form_of_the_variables_is_kept():
    loss = sg.sum((X @ w - y) ** 2) + sg.sum((q - c) ** 2)
    one, other = sg.solve_stationary(loss, [w, q])
    assert sg.solve_stationary(loss, {"w": w, "rest": [q]}) == {"w": one, "rest": [other]}
    assert sg.solve_stationary(loss, (q, w)) == (other, one) and sg.solve_stationary(loss, [w, w]) == [one, one]
    per_sample = sg.solve_stationary(PROBLEMS["per sample"][0], z)
    assert per_sample.over == T and per_sample.shape == (d,)


def test_an_intermediate_tensor_is_a_variable():
    pre = (X @ w).named("a")
    assert str(sg.solve_stationary(sg.sum((pre - y) ** 2), pre)) == "y"
    assert str(sg.solve_stationary(sg.sum((2 * w - F.T @ f) ** 2), 2 * w)) == "Fᵀ f"


# --- constraints


def test_linear_constraints():
    loss = sg.sum((X @ w - y) ** 2)
    values = random_values(3)
    solution, multiplier = sg.solve_stationary(loss, w, constraints=F @ w - f, multipliers=True)
    values["w"], lagrange = evaluate([solution, multiplier], values)
    assert np.abs(values["F"] @ values["w"] - values["f"]).max() < 1e-12
    g = evaluate(sg.gradient(loss, w), values)
    np.testing.assert_allclose(g + values["F"].T @ lagrange, 0, atol=1e-11)
    kkt = np.block([[2 * values["X"].T @ values["X"], values["F"].T], [values["F"], np.zeros((2, 2))]])
    exact = np.linalg.solve(kkt, np.append(2 * values["X"].T @ values["y"], values["f"]))
    np.testing.assert_allclose(np.append(values["w"], lagrange), exact)


def test_several_constraints_in_their_form():
    loss = w @ D @ w / 2
    values = random_values(4)
    total = {"budget": sg.sum(w) - 1, "rest": [F @ w - f]}
    solution, multipliers = sg.solve_stationary(loss, [w], constraints=total, multipliers=True)
    assert multipliers["budget"].shape == () and multipliers["rest"][0].shape == (m,)
    values["w"], one, two = evaluate([*solution, multipliers["budget"], multipliers["rest"][0]], values)
    assert abs(values["w"].sum() - 1) < 1e-12
    np.testing.assert_allclose(values["D"] @ values["w"] + one + values["F"].T @ two, 0, atol=1e-11)
    portfolio = sg.solve_stationary(loss, w, constraints=sg.sum(w) - 1)
    inverse = np.linalg.inv(values["D"])
    np.testing.assert_allclose(evaluate(portfolio, values), inverse.sum(axis=1) / inverse.sum())


def test_a_constraint_fixes_what_the_loss_does_not():
    e = sg.parameter("e", 2)
    solution = sg.solve_stationary((e[0] - 1) ** 2, e, constraints=e[1] - 3)
    np.testing.assert_allclose(solution.eval(), [1, 3])


def test_matrix_constraints():
    loss, constraint = sg.sum((X @ W - Y) ** 2), F @ W - sg.outer(f, c)
    values = random_values(6)
    values["W"] = evaluate(sg.solve_stationary(loss, W, constraints=constraint), values)
    assert np.abs(evaluate(constraint, values)).max() < 1e-12
    g = evaluate(sg.gradient(loss, W), values)
    null = np.linalg.svd(values["F"])[2][2:]
    assert np.abs(null @ g).max() < 1e-10


def test_simplex():
    values = random_values(7)
    weights = evaluate(sg.solve_stationary(-sg.mean(h * (r**2 @ sg.log(p)), over=T), p), values)
    responsibilities = (values["h"][:, None] * values["r"] ** 2).sum(axis=0)
    np.testing.assert_allclose(weights, responsibilities / responsibilities.sum())
    nearest = evaluate(sg.solve_stationary(sg.sum((p - c) ** 2), p), values)
    np.testing.assert_allclose(nearest, values["c"] - (values["c"].sum() - 1) / 3)
    free_energy = p @ (sg.log(p) - b) / (2 * lam)
    gibbs = evaluate(sg.solve_stationary(free_energy, p), values)
    np.testing.assert_allclose(gibbs, np.exp(values["b"]) / np.exp(values["b"]).sum())
    stacked = sg.parameter("stacked", (d, k), simplex=True)
    rows = sg.function([C], sg.solve_stationary(-sg.sum(C**2 * sg.log(stacked)), stacked))(values["C"])
    np.testing.assert_allclose(rows, values["C"] ** 2 / (values["C"] ** 2).sum(axis=1, keepdims=True))
    same = sg.solve_stationary(-sg.sum(c * sg.log(q)), q, constraints=sg.sum(q) - 1)
    assert str(same) == "c/sum(c)"


def test_singular_data_is_a_data_error():
    found = sg.function([X, y], sg.solve_stationary(PROBLEMS["least squares"][0], w))
    with pytest.raises(sg.DataError, match="cannot be inverted"):
        found(np.ones((3, 2)) * [1, 0], np.ones(3))


def test_maximisation_step_of_a_mixture_of_gaussians():
    weights, means = sg.parameter("weights", k, simplex=True), sg.parameter("means", (k, d))
    covariances = sg.parameter("covariances", (k, d, d), positive_definite=True)
    resp = sg.data("resp", k, over=T)
    residual = x[None, :] - means
    distance = sg.einsum("ki,kij,kj->k", residual, sg.inv(covariances), residual)
    loss = -sg.mean(resp @ (sg.log(weights) - sg.logdet(covariances) / 2 - distance / 2), over=T)
    rng = np.random.default_rng(3)
    points, r_ = rng.standard_normal((11, 4)), rng.dirichlet(np.ones(3), 11)
    found = sg.function([x, resp], sg.solve_stationary(loss, {"p": weights, "m": means, "S": covariances}))(points, r_)
    mass = r_.sum(axis=0)
    centres = r_.T @ points / mass[:, None]
    apart = points[:, None] - centres
    np.testing.assert_allclose(found["p"], mass / 11)
    np.testing.assert_allclose(found["m"], centres)
    np.testing.assert_allclose(found["S"], np.einsum("tk,tki,tkj->kij", r_, apart, apart) / mass[:, None, None])


def test_expectation_step():
    q_, score = sg.data("q", k, over=T, simplex=True), sg.data("score", k, over=T)
    found = sg.solve_stationary(sg.mean(q_ @ (sg.log(q_) - score), over=T), q_)
    assert str(found) == "softmax(score)" and found.over == T


def test_layers_and_features():
    layer, target = sg.nn.Linear(4, 3), sg.data("target", 3, over=T)
    inputs = sg.data("inputs", 4, over=T)
    loss = sg.mean(sg.losses.mse(layer(inputs), target), over=T)
    rng = np.random.default_rng(6)
    a, e = rng.standard_normal((11, 4)), rng.standard_normal((11, 3))
    weight, bias = sg.function([inputs, target], sg.solve_stationary(loss, list(layer.parameters())))(a, e)
    exact = np.linalg.lstsq(np.column_stack([a, np.ones(11)]), e)[0]
    np.testing.assert_allclose(np.column_stack([weight, bias]), exact.T, atol=1e-12)
    cubic = sg.parameter("cubic", 4)
    loss = sg.mean((sg.stack([u**3, u**2, u, u * 0 + 1]) @ cubic - v) ** 2, over=T)
    at = random_values(0)
    np.testing.assert_allclose(evaluate(sg.solve_stationary(loss, cubic), at), np.polyfit(at["u"], at["v"], 3))


def test_names_inside_the_loss_do_not_stay_where_the_variable_was():
    assert str(sg.solve_stationary(sg.sum(((X @ w).named("a") - y) ** 2), w)) == "(Xᵀ X)⁻¹ Xᵀ y"
    kept = sg.solve_stationary(sg.sum(((X @ w).named("a") - sg.exp(y).named("e")) ** 2), w)
    assert str(kept) == "(Xᵀ X)⁻¹ Xᵀ e"


def test_factors_of_a_masked_matrix_one_given_the_other():
    R, mask = sg.data("R", (n, d)), sg.data("mask", (n, d), nonnegative=True)
    U, V = sg.parameter("U", (n, m)), sg.parameter("V", (d, m))
    loss = sg.sum(mask * (U @ V.T - R) ** 2) + lam * (sg.sum(U**2) + sg.sum(V**2))
    rows = sg.solve_stationary(loss, U)
    rng = np.random.default_rng(4)
    r_, v_, mask_ = rng.standard_normal((9, 4)), rng.standard_normal((4, 2)), (rng.random((9, 4)) < 0.7) * 1.0
    found = sg.function([R, mask, V, lam], rows)(r_, mask_, v_, 0.3)
    for i in range(9):
        own = v_.T @ np.diag(mask_[i]) @ v_ + 0.3 * np.eye(2)
        np.testing.assert_allclose(found[i], np.linalg.solve(own, v_.T @ (mask_[i] * r_[i])))
    with pytest.raises(sg.NoClosedForm, match="is quadratic in each of U, V but not in all together"):
        sg.solve_stationary(loss, [U, V])


def test_kernels_and_rows_of_a_table():
    signal, target, kernel = sg.data("signal", 12), sg.data("target", 10), sg.parameter("kernel", 3)
    rng = np.random.default_rng(5)
    a, e = rng.standard_normal(12), rng.standard_normal(10)
    found = sg.solve_stationary(sg.sum((sg.windows(signal, 3) @ kernel - e) ** 2), kernel).eval(signal=a)
    np.testing.assert_allclose(found, np.linalg.lstsq(np.lib.stride_tricks.sliding_window_view(a, 3), e)[0])
    label, table = sg.labels("label", 4, over=T), sg.parameter("table", (4, 2))
    vector = sg.data("vector", 2, over=T)
    means = sg.solve_stationary(sg.mean(sg.sum((table[label] - vector) ** 2), over=T), table)
    at, rows = np.array([0, 1, 2, 3, 3, 0]), rng.standard_normal((6, 2))
    np.testing.assert_allclose(means.eval(label=at, vector=rows), [rows[at == i].mean(axis=0) for i in range(4)])
    assert target.shape == (10,)


def test_declared_facts_of_the_variable_hold():
    values = random_values(1)
    symmetric = sg.parameter("symmetric", (d, d), symmetric=True)
    nearest = evaluate(sg.solve_stationary(sg.sum((symmetric - A) ** 2), symmetric), values)
    np.testing.assert_allclose(nearest, (values["A"] + values["A"].T) / 2)
    average = evaluate(sg.solve_stationary(sg.logdet(S) + sg.trace(sg.inv(S) @ A), S), values)
    np.testing.assert_allclose(average, (values["A"] + values["A"].T) / 2)
    with pytest.raises(sg.NoClosedForm, match="by symmetric need not be symmetric, as symmetric is declared"):
        sg.solve_stationary(sg.sum((A @ symmetric - D) ** 2), symmetric)
    for fact in ("diagonal", "orthogonal", "lower_triangular"):
        other = sg.parameter("other", (d, d), **{fact: True})
        for loss in (sg.sum((other - A) ** 2), sg.logdet(other) + sg.trace(sg.inv(other) @ A)):
            with pytest.raises(sg.NoClosedForm, match=f"need not be {fact}, as other is declared"):
                sg.solve_stationary(loss, other)


# --- refusals


@pytest.mark.parametrize(("loss", "variables", "message"), [
    (sg.sum(sg.exp(q) - q @ q), q, "the term exp(q) is not quadratic in q"),
    (sg.sum(sg.softplus(X @ w) - y * (X @ w)), w, "the term softplus(X w) is not quadratic in w"),
    (sg.sum((sg.tanh(X @ w) - y) ** 2), [w], "the term tanh(X w) is not quadratic in w"),
    (sg.sum(abs(X @ w - y)), w, "the term |X w - y| is not quadratic in w"),
    (sg.sum((W @ b - w) ** 2), [W, b], "the term (W b - w)^⊙2 is quadratic in each of W, b but not in all together; "
     "solve for one given the others, in turn"),
    (sigma**3 - 3 * sigma, sigma, "there is more than one stationary point in sigma: up to 2 for each entry"),
    (sigma**4 - sigma**2 + sigma, sigma, "there is more than one stationary point in sigma: up to 3 for each entry"),
    (sg.sum(sg.sqrt(q * q)) + q @ q + c @ q, q, "is not quadratic in q"),
    (q @ sg.log(q * q) + c @ q, q, "the term log(q^⊙2) is not quadratic in q"),
    (c @ q, q, "the gradient does not fix q: its Hessian is singular for all data"),
    (sg.sum(w - f @ F) ** 2, w, "the gradient does not fix w: its Hessian is singular for all data"),
    ((a1 * a0 - 1) ** 2 + a1**2, [a1, a0], "is quadratic in each of a, a0 but not in all together"),
    ((a1 + a0 - 1) ** 2, [a1, a0], "the gradient does not fix a"),
    (sg.sum((X @ w - y) ** 2), [w, q], "the loss does not depend on q"),
    (sg.logdet(Q) + sg.trace(sg.inv(Q) @ A) + sg.trace(Q @ A), Q, "the gradient by Q is not a X⁻¹ and one more term"),
    (sg.trace(sg.inv(Q) @ A), Q, "the gradient by Q is not a X⁻¹ and one more term"),
    (sg.sum((sg.stop_gradient(w) - w) ** 2) + sg.sum((X @ w - y) ** 2), w, "holds w behind sg.stop_gradient"),
])
def test_no_closed_form_names_the_reason(loss, variables, message):
    with pytest.raises(sg.NoClosedForm) as error:
        sg.solve_stationary(loss, variables)
    assert str(error.value).startswith("solve_stationary: ") and message in str(error.value)


def test_more_unknowns_than_equations_for_all_data():
    G, e = sg.data("G", (2, 5)), sg.parameter("e", 5)
    with pytest.raises(sg.NoClosedForm, match="singular for all data"):
        sg.solve_stationary(sg.sum((G @ e - 1) ** 2), e)
    assert sg.solve_stationary(sg.sum((G @ e - 1) ** 2) + e @ e, e).shape == (5,)


@pytest.mark.parametrize("count", [3, 20])
def test_hard_assignments_without_declared_classes(count):
    rows, columns = sg.dims("r c")
    P, z, centres = sg.data("P", (rows, columns)), sg.data("z", rows, dtype="integer"), sg.parameter("M", (count, columns))
    loss = sg.sum((P - sg.one_hot(z, count) @ centres) ** 2)
    solve = sg.function([P, z], sg.solve_stationary(loss, centres))
    points, near = np.random.default_rng(0).normal(size=(3 * count, 2)), np.arange(3 * count) % count
    np.testing.assert_allclose(solve(points, near), [points[near == j].mean(0) for j in range(count)])
    with pytest.raises(sg.DataError, match="cannot be inverted"):  # an empty cluster
        solve(points, 0 * near)


def test_constraints_that_do_not_fit():
    loss = sg.sum((X @ w - y) ** 2)
    with pytest.raises(sg.NoClosedForm, match="the term ‖w‖² of a constraint is not affine in w"):
        sg.solve_stationary(loss, w, constraints=w @ w - 1)
    with pytest.raises(sg.NoClosedForm, match="the constraint sum\\(f\\) = 0 does not depend on w"):
        sg.solve_stationary(loss, w, constraints=sg.sum(f))
    with pytest.raises(sg.NoClosedForm, match="the constraint .* is boolean; write it as an expression"):
        sg.solve_stationary(loss, w, constraints=w > 0)


    for twice in ([F @ w - f, 2 * (F @ w - f)], [F @ w - f, sg.sum(F @ w - f)]):
        with pytest.raises(sg.NoClosedForm, match="the constraints depend on each other for all data"):
            sg.solve_stationary(loss, w, constraints=twice)


def test_a_loss_must_be_one_number():
    with pytest.raises(sg.ShapeError, match="is not a scalar; close it with sg.sum or sg.mean"):
        sg.solve_stationary(X @ w, w)
    with pytest.raises(sg.ShapeError, match="one number for each sample; close it with sg.mean\\(loss, over=T\\)"):
        sg.solve_stationary((x @ w) ** 2, w)


# --- kinds of points


def test_kinds():
    e = sg.parameter("e", 2)
    zero = {"e": np.zeros(2)}
    for loss, kind, eigenvalues in [(e[0] ** 2 - e[1] ** 2, "saddle", [-2, 2]), (e @ e, "minimum", [2, 2]),
                                    (-3 * (e @ e), "maximum", [-6, -6]), (e[0] ** 2, "degenerate", [0, 2]),
                                    (e[0] ** 4 + e[1] ** 4, "degenerate", [0, 0]), (e[0] * e[1], "saddle", [-1, 1])]:
        found = sg.classify(loss, e, zero)
        assert found.kind == kind and found.stationary and found.gradient == 0
        np.testing.assert_allclose(found.eigenvalues, eigenvalues, atol=1e-12)
        assert found.eigenvalues.dtype == np.float64
    assert str(sg.classify(e[0] ** 2 - e[1] ** 2, e, zero)) == "saddle: 2 eigenvalues of the Hessian from -2 to 2"


def test_three_zeros_are_a_saddle_only_with_both_signs():
    e = sg.parameter("e", 3)
    assert sg.classify(e[0] ** 2 - e[1] ** 2, e, {e: np.zeros(3)}).kind == "saddle"
    assert sg.classify(-(e[0] ** 2), e, {e: np.zeros(3)}).kind == "degenerate"


def test_a_point_that_is_not_stationary():
    e = sg.parameter("e", 2)
    found = sg.classify(e @ e, e, {"e": np.array([3.0, 4.0])})
    assert not found.stationary and found.gradient == 10
    assert str(found) == ("not stationary: |g| = 10; curvature of a minimum: 2 eigenvalues of the Hessian from 2 to 2")


@pytest.mark.parametrize("name", PROBLEMS)
def test_solutions_are_stationary_and_their_neighbours_are_not(name):
    loss, variables = PROBLEMS[name]
    at = point(loss, variables, seed=1)
    found = sg.classify(loss, variables, at)
    assert found.stationary, str(found)
    if name != "constant":
        near = {**at, **{each.name: at[each.name] * 1.01 for each in variables}}
        assert not sg.classify(loss, variables, near).stationary
    if name not in ("saddle", "concave", "odd power"):
        maxima = ("covariance", "covariance by solve", "precision, any matrix")
        assert found.kind == "minimum" or name in maxima, str(found)


def test_scale_does_not_matter():
    for scale in (1e-9, 1.0, 1e9):
        values = random_values(2)
        values = {**values, "X": values["X"] * scale, "y": values["y"] / scale}
        values["w"] = np.linalg.lstsq(values["X"], values["y"])[0]
        assert sg.classify(PROBLEMS["least squares"][0], w, values).stationary
        values["w"] = values["w"] * 1.001
        assert not sg.classify(PROBLEMS["least squares"][0], w, values).stationary


def test_joint_hessian_against_numpy():
    values = random_values(8)
    loss = sg.mean(sg.sum((M @ x + beta - t) ** 2), over=T)
    found = sg.classify(loss, {"M": M, "b": beta}, values)
    design = np.column_stack([values["x"], np.ones(SIZES[T])])
    expected = np.repeat(np.linalg.eigvalsh(2 / SIZES[T] * design.T @ design), 3)
    np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-12)


def test_variables_over_samples_have_one_joint_hessian():
    values = random_values(9)
    found = sg.classify(PROBLEMS["coupled samples"][0], z, point(*PROBLEMS["coupled samples"]))
    assert len(found.eigenvalues) == 44 and found.kind == "minimum"
    np.testing.assert_allclose(found.eigenvalues, [2] * 40 + [24] * 4)
    assert sg.classify(PROBLEMS["per sample"][0], z, values).stationary is False


def test_facts_and_constraints_restrict_the_directions():
    values = point(*PROBLEMS["gaussian"])
    loss = PROBLEMS["gaussian"][0]
    free = {each.name: each for each in (mu, S)}
    found = sg.classify(loss, free, values)
    assert found.kind == "minimum" and len(found.eigenvalues) == 4 + 10
    values["c"] = np.array([0.2, 0.3, 0.5])
    at = {**values, "p": np.array([0.2, 0.3, 0.5])}
    found = sg.classify(-c @ sg.log(p), p, at)
    assert found.kind == "minimum" and found.stationary and len(found.eigenvalues) == 2
    constraint = F @ w - f
    values["w"] = evaluate(sg.solve_stationary(PROBLEMS["ridge"][0], w, constraints=constraint), values)
    assert not sg.classify(PROBLEMS["ridge"][0], w, values).stationary
    found = sg.classify(PROBLEMS["ridge"][0], w, values, constraints=constraint)
    assert found.stationary and found.kind == "minimum" and len(found.eigenvalues) == 2


def test_values_that_do_not_fit():
    e = sg.parameter("e", 2)
    with pytest.raises(sg.DataError, match="no value for 'lam'; values must hold the point and the data: lam, e|e, lam"):
        sg.classify(lam * (e @ e), e, {"e": np.zeros(2)})
    with pytest.raises(sg.DataError, match="e: axis 0 must have length 2, got 3"):
        sg.classify(e @ e, e, {"e": np.zeros(3)})
    with pytest.raises(sg.DataError, match="is not a symbol"):
        sg.classify(e @ e, 2 * e, {"e": np.zeros(2)})


@pytest.mark.parametrize("wrong", ["text", None, [[1.0], [2.0, 3.0]], 1j])
def test_classify_refuses_what_is_no_real_array(wrong):
    e = sg.parameter("e", 2)
    with pytest.raises(sg.DataError, match="'e' is no array of real numbers|e: "):
        sg.classify(e @ e, e, {"e": wrong})
