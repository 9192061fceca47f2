"""Declared facts simplify derivatives, after differentiating and never before; they are checked on values."""

import numpy as np
import pytest
from checker import differences, near, run

import symgrad as sg
from symgrad.graphs.node import topological, transform
from symgrad.graphs.table import rebuild
from symgrad.language.tensor import wrap

n, d, T = sg.dims("n d T")
x, b, mu, A, B = sg.parameter("x", d), sg.data("b", d), sg.parameter("mu", d), sg.data("A", (d, d)), sg.data("B", (n, d))
S, C = sg.data("S", (d, d), symmetric=True), sg.data("C", (d, d), positive_definite=True)
Q, p = sg.data("Q", (d, d), orthogonal=True), sg.data("p", d, simplex=True)
q, z = sg.parameter("q", d, nonnegative=True), sg.parameter("z", d)
w = sg.parameter("w", 3)
D, L = sg.data("D", (d, d), diagonal=True), sg.data("L", (d, d), lower_triangular=True)
xs = sg.data("x", d, over=T)
total, grad = sg.sum, sg.gradient


def values(seed=0, size=3, count=4):
    """Arrays by symbol, in which the facts hold."""
    rng = np.random.default_rng(seed)
    m = rng.standard_normal((size, size))
    simplex, vectors = rng.random(size), rng.standard_normal((4, size))
    return {x: vectors[0], b: vectors[1], mu: vectors[2], z: vectors[3], w: vectors[3], A: rng.standard_normal((size, size)), B: rng.standard_normal((5, size)),
            S: m + m.T, C: m @ m.T + np.eye(size), Q: np.linalg.qr(m)[0], p: simplex / simplex.sum(), q: rng.random(size), D: np.diag(rng.standard_normal(size)),
            L: np.tril(m), xs: rng.standard_normal((count, size))}


def gauss(r, K):
    return 0.5 * sg.logdet(K) + 0.5 * (r @ sg.inv(K) @ r)


SIMPLER = {  # a scalar, what it is differentiated by, and the gradient as it prints
    "x'Sx": (x @ S @ x, x, "2 S x"),
    "x'Ax": (x @ A @ x, x, "(A + Aᵀ) x"),
    "x'Cx": (x @ C @ x, x, "2 C x"),
    "x'Dx": (x @ D @ x, x, "2 D x"),
    "S by itself": (x @ S @ x, S, "x xᵀ"),
    "tr(S'S)": (sg.trace(S.T @ S), S, "2 S"),
    "inverse": (x @ sg.inv(S) @ x, x, "2 S⁻¹ x"),
    "inverse, by S": (x @ sg.inv(S) @ b, S, "-S⁻¹ x bᵀ S⁻¹"),
    "solve": (x @ sg.solve(S, x), x, "2 S⁻¹ x"),
    "symmetric by form": (x @ sg.inv(B.T @ B) @ x, x, "2 (Bᵀ B)⁻¹ x"),
    "logdet": (sg.logdet(C), C, "C⁻¹"),
    "Q'Q": (total((Q.T @ Q @ x - b) ** 2), x, "2 (x - b)"),
    "inverse of Q": (total((sg.inv(Q) @ x - b) ** 2), x, "2 Q (Qᵀ x - b)"),
    "solve with Q": (total(sg.solve(Q, x) ** 2), x, "2 x"),
    "norm of Qx": (total((Q @ x) ** 2), x, "2 x"),
    "cross-entropy with a distribution": (-(p @ sg.log_softmax(z)), z, "softmax(z) - p"),
    "cross-entropy of one class": (-sg.log(sg.softmax(w)[1]), w, "softmax(w) - e_1"),
    "sum of softmax": (total(sg.softmax(z)) + total(z * z), z, "2 z"),
    "mean under p": (p @ (x - b) ** 2 + total(p) * (x @ b), x, "2 p ⊙ (x - b) + b"),
    "abs": (total(sg.abs(q) * x * x), x, "2 q ⊙ x"),
    "abs, by itself": (total(sg.abs(q) * q), q, "2 q"),
    "sqrt of a square": (total(sg.sqrt(q**2) * x * x), x, "2 q ⊙ x"),
    "relu": (total(sg.relu(q) * x * x), x, "2 q ⊙ x"),
    "tril": (total((sg.tril(L) @ x) ** 2), x, "2 Lᵀ L x"),
    "Gauss by mu": (gauss(b - mu, C), mu, "-C⁻¹ (b - μ)"),
    "Gauss by C": (gauss(b - mu, C), C, "1/2 C⁻¹ - 1/2 C⁻¹ (b - μ) (b - μ)ᵀ C⁻¹"),
    "Gauss by mu, ambient": (gauss(b - mu, A), mu, "-1/2 (A⁻¹ + A⁻ᵀ) (b - μ)"),
    "Gauss by A, ambient": (gauss(b - mu, A), A, "1/2 A⁻ᵀ - 1/2 A⁻ᵀ (b - μ) (b - μ)ᵀ A⁻ᵀ"),
    "Gauss by mu, mean": (sg.empirical_risk(gauss(xs - mu, C)), mu, "-1/T ∑_t C⁻¹ (x_t - μ)"),
    "Gauss by C, mean": (sg.empirical_risk(gauss(xs - mu, C)), C, "1/2 (C⁻¹ - 1/T C⁻¹ (∑_t (x_t - μ) (x_t - μ)ᵀ) C⁻¹)"),
    "Gauss, one sample": (gauss(xs - mu, C), mu, "-C⁻¹ (x - μ)"),
    "Gauss by solve": (0.5 * sg.logdet(C) + 0.5 * ((b - mu) @ sg.solve(C, b - mu)), C, "1/2 C⁻¹ - 1/2 C⁻¹ (b - μ) (b - μ)ᵀ C⁻¹"),
}


@pytest.mark.parametrize("name", SIMPLER)
def test_gradients_read_as_in_a_textbook(name):
    y, v, text = SIMPLER[name]
    g, at = grad(y, v), values()
    assert str(g) == text
    y = total(y, over=T) if y.over is not None else y
    found = evaluate(g, at)
    free = sg.data("free", v.shape)
    loose = _replaced(y, v, free)
    at = {k: value for k, value in {**at, free: at[v]}.items() if k.node in topological([loose.node])}
    near(found.sum(0) if g.over is not None else found, differences(lambda a: run(loose, a), at, free), 1e-6)


def evaluate(t, at):
    return run(t, {k: value for k, value in at.items() if k.node in topological([t.node])}, d=3)


def test_second_derivatives_are_ambient():
    """Facts come after differentiating: what they made shorter is not what is differentiated again."""
    at = values()
    for y in (total(S * S.T), x @ S @ S @ x, sg.logdet(C), x @ sg.inv(C) @ x + x @ S @ x):
        for v in (u for u in (S, C) if u.node in topological([y.node])):
            g, H = grad(y, v), sg.hessian(y, v)
            direction, along = np.arange(9.0).reshape(3, 3), sg.data("direction", (d, d))
            out = [evaluate(t, {**at, along: direction}) for t in (H, sg.jacobian(g, v), sg.hvp(y, v, along), sg.jacobian(2 * g, v))]
            free = sg.data("free", (d, d))
            loose = _replaced(y, v, free)
            expected = evaluate(sg.hessian(loose, free), {**at, free: at[v]})
            near(out[0], expected), near(out[1], expected), near(out[3], 2 * expected)
            near(out[2], np.tensordot(expected, direction, 2))
    assert str(sg.jacobian(2 * S @ x, S)) == "[2 x_k δ_ij]_ijk"
    assert str(sg.jacobian(grad(x @ S @ x, x), S)) == "[x_j δ_ik + x_k δ_ij]_ijk"


def _replaced(y, v, by):
    """`y` with independent entries of `v`: another symbol, without facts."""
    (node,) = transform([y.node], rebuild, {v.node: by.node})
    return wrap(node)


def test_hessians_read_as_in_a_textbook():
    assert str(sg.hessian(x @ S @ x, x)) == "2 S"
    assert str(sg.hessian(gauss(b - mu, C), mu)) == "C⁻¹"
    assert str(sg.hessian(-(p @ sg.log_softmax(z)), z)) == "diag(softmax(z)) - softmax(z) softmax(z)ᵀ"


def test_the_expression_as_written_is_kept():
    assert str(S.T @ x + S @ x) == "2 S x" or str(S.T @ x + S @ x) == "S x + S x"
    assert str(sg.inv(Q) @ x) == "Q⁻¹ x"


WRONG = {
    "symmetric": (np.array([[1.0, 2.0], [3.0, 1.0]]), "M is declared symmetric, but entry (0, 1) is 2 and entry (1, 0) is 3"),
    "positive_definite": (np.array([[1.0, 2.0], [2.0, 1.0]]), "M is declared positive_definite, but its smallest eigenvalue is -1"),
    "nonnegative": (np.array([[1.0, 2.0], [-3.0, 1.0]]), "M is declared nonnegative, but entry (1, 0) is -3"),
    "positive": (np.array([[1.0, 2.0], [0.0, 1.0]]), "M is declared positive, but entry (1, 0) is 0"),
    "orthogonal": (np.array([[1.0, 0.0], [0.0, 2.0]]), "M is declared orthogonal, but entry (1, 1) of its transpose times itself is not that of the identity"),
    "diagonal": (np.array([[1.0, 0.0], [0.5, 2.0]]), "M is declared diagonal, but entry (1, 0) is 0.5, not 0"),
    "lower_triangular": (np.array([[1.0, 0.25], [0.5, 2.0]]), "M is declared lower_triangular, but entry (0, 1) is 0.25, not 0"),
    "simplex": (np.array([[0.5, 0.5], [0.5, 0.25]]), "M is declared simplex, but the last axis at (1,) sums to 0.75, not 1"),
}


@pytest.mark.parametrize("fact", WRONG)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_facts_are_checked_on_values(fact, dtype):
    M = sg.data("M", (2, 2), **{fact: True})
    f = sg.function([M], 2 * M, dtype=dtype)
    value, message = WRONG[fact]
    with pytest.raises(sg.DataError) as error:
        f(value)
    assert str(error.value) == message
    good = np.full((2, 2), 0.5) if fact in ("simplex", "positive") else np.eye(2)
    near(f(good), 2 * good)
    near(f(good * (1 + 1e-9)), 2 * good, 1e-6)


def test_facts_of_batches_of_matrices():
    K = sg.data("K", (2, d, d), symmetric=True)
    y = sg.parameter("y", (2, d))
    g = grad(sg.einsum("bi,bij,bj->", y, K, y), y)
    assert g == 2 * sg.einsum("bij,bj->bi", K, y)
    q2 = sg.data("q", (2, d), simplex=True)
    assert grad(total(sg.einsum("bi,b->b", q2, y[:, 0])), y) == grad(total(y[:, 0]), y)
    P = sg.data("P", (2, d, d), orthogonal=True)
    assert grad(sg.einsum("bij,bik,bj,bk->", P, P, y, y), y) == 2 * y


BINARY = {
    "y log p + (1 - y) log(1 - p)": lambda t, s: -(t * sg.log(s) + (1 - t) * sg.log(1 - s)),
    "two minuses": lambda t, s: -t * sg.log(s) - (1 - t) * sg.log(1 - s),
    "raw": lambda t, s: -(t * sg.log(s) + (1 - t) * sg.log(1 - s)),
}


@pytest.mark.parametrize("name", BINARY)
def test_the_gradient_of_the_logistic_loss(name):
    X, w, t = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    s = 1 / (1 + sg.exp(-(X @ w))) if name == "raw" else sg.sigmoid(X @ w)
    loss = total(BINARY[name](t, s))
    assert str(grad(loss, w)) == "Xᵀ (σ(X w) - y)"
    assert str(sg.hessian(loss, w)) == "Xᵀ diag(σ(X w) ⊙ (1 - σ(X w))) X"
    label = sg.data("y", over=T)
    a = xs @ w
    risk = sg.empirical_risk(BINARY[name](label, 1 / (1 + sg.exp(-a)) if name == "raw" else sg.sigmoid(a)))
    assert str(grad(risk, w)) == "1/T ∑_t (σ(wᵀ x_t) - y_t) x_t"
    assert str(sg.hessian(risk, w)) == "1/T ∑_t σ(wᵀ x_t) (1 - σ(wᵀ x_t)) x_t x_tᵀ"
    weights = sg.data("c", n)
    assert "σ(X w)" in str(grad(total(weights * BINARY[name](t, s)), w))
