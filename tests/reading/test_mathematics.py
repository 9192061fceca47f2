"""Formulas as mathematicians, students and papers write them: what is read, and what is told instead."""

import numpy as np
import pytest

import symgrad as sg

n, d, k = sg.dims("n d k")
X, w, y, W = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n), sg.parameter("W", (d, k))
lam, A, u = sg.data("lambda"), sg.data("A", (n, n)), sg.data("u", n)
NAMES = {"X": X, "w": w, "y": y, "W": W, "λ": sg.data("λ"), "A": A, "u": u}
GRADIENT = 2 / sg.constant(n) * X.T @ (X @ w - y)


@pytest.mark.parametrize("text", [
    "2/n * np.dot(X.T, np.dot(X, w) - y)", "2/n * np.transpose(X) @ (X @ w - y)", "2/n * np.matmul(X.T, X @ w - y)",
    "2/len(y) * X.T @ (X @ w - y)", "2/X.shape[0] * X.T @ (X @ w - y)", "2/n Xᵀ (X w - y)", "2/n X^T (X w - y)",
    "2/n * X' @ (X @ w - y)", "g = 2/n * X.T @ (X @ w - y)", "∇L = 2/n * X.T @ (X @ w - y)", "grad = 2/n Xᵀ(X w - y)",
    "dL/dw = 2/n Xᵀ (X w − y)", "2/n * X.T.dot(X.dot(w) - y)", "numpy.multiply(2/n, X.T @ (X @ w - y))",
    "2/n Xᵀ(Xw - y)", r"\frac{2}{n} X^{\top} (X w - y)", r"$\frac 2n X^T\left(Xw-y\right)$",
    r"\nabla_w L = \tfrac{2}{n}\mathbf{X}^\top(\mathbf{X}\mathbf{w}-\mathbf{y})", r"\[ \frac{2}{n} X' (X w - y) \]",
    "2/n (Xᵀ X w - Xᵀ y)", "-2/n Xᵀ (y - X w)", "[2/n ∑_i X_ij (∑_k X_ik w_k - y_i)]_j",
    r"\left[ \frac{2}{n} \sum_{i=1}^{n} X_{ij} \left( \sum_k X_{ik} w_k - y_i \right) \right]_j",
    "2/n Xᵀ r, where r = X w - y", r"\frac{2}{n} X^{\top} r,\quad \text{where } r = X w - y",
    "2 X.T (X w - y) / n", "(2/n) · Xᵀ · (X·w - y)", "np.divide(2 * X.T @ (X @ w - y), n)",
])
def test_one_gradient_in_the_ways_that_people_write_it(text):
    assert sg.verify(text, GRADIENT), text


@pytest.mark.parametrize("text, right", [
    ("‖X w - y‖²", sg.sum((X @ w - y) ** 2)), ("‖u‖", sg.norm(u)), ("‖X‖_F²", sg.sum(X**2)), ("‖u‖₁", sg.sum(sg.abs(u))),
    ("|u|", sg.abs(u)), ("|u| ⊙ y", sg.abs(u) * y), ("√(u)", sg.sqrt(u)), ("u ⊙ y^⊙2", u * y**2), ("uᵀ A y", u @ A @ y),
    ("u yᵀ", sg.outer(u, y)), ("A⁻¹ u", sg.solve(A, u)), ("A⁻ᵀ u", sg.solve(A.T, u)), ("A^{-1} u", sg.solve(A, u)),
    ("tr(A)", sg.trace(A)), ("diag(u) A", u[:, None] * A), ("A ⊗ A", sg.kron(A, A)), ("σ(u)", sg.sigmoid(u)),
    ("1 uᵀ + A", A + u), ("A 1", sg.sum(A, axis=1)), ("1ᵀ A 1", sg.sum(A)), ("A + I", A + sg.eye(n)),
    ("{u if u > 0, -u otherwise}", sg.abs(u)), ("[u > 0]", sg.where(u > 0, 1, 0)), ("[u > 0 ∧ y ≤ 1] ⊙ u", sg.where(
        sg.logical_and(u > 0, y <= 1), u, 0)), ("max(u, 0)", sg.relu(u)), ("∑_i u_i y_i", u @ y), ("A_{0,0}", A[0, 0]), ("Xw - y", X @ w - y),
    ("A[:, 0]", A[:, 0]), ("[u; y]", sg.concatenate([u, y])), ("[A, A]", sg.concatenate([A, A], axis=1)), ("e_1 uᵀ", sg.outer(
        sg.eye(n)[1], u)), ("[δ_ij u_i]_ij", sg.diag(u)), ("[∑_j A_ij u_j]_i", A @ u), ("2 λ w", 2 * NAMES["λ"] * w),
    ("λ (w + w)", 2 * NAMES["λ"] * w), ("exp(-u ⊙ u/2)", sg.exp(-u * u / 2)), ("u/‖u‖", u / sg.norm(u)), ("2 π u", 2 * np.pi * u),
    ("2**-1 * u", u / 2), ("∑_i u_i/n", sg.mean(u)), ("max_i(u_i)", sg.max(u)), ("Aᵀ", A.T), ("A'", A.T),
    (r"\begin{cases} u & \text{if } u > 0 \\ -u & \text{otherwise} \end{cases}", sg.abs(u)),
    (r"\begin{bmatrix} u \\ y \end{bmatrix}", sg.concatenate([u, y])), (r"\sqrt{u}", sg.sqrt(u)),
    (r"\operatorname{tr}(A)", sg.trace(A)), (r"\log u", sg.log(u)), ("np.linalg.inv(A) @ u", sg.solve(A, u)),
    ("np.sum(np.square(X @ w - y))", sg.sum((X @ w - y) ** 2)), ("np.linalg.norm(u)", sg.norm(u)),
])
def test_notation(text, right):
    assert sg.verify(text, right, **NAMES), text


@pytest.mark.parametrize("text, message", [
    ("Xᵀ (X w - z)", "column 11: 'z' is not declared; declared are X, w, y, W, λ, A, u and the sizes d, k, n"),
    ("Xᵀ X_iw", "column 6: no sum and no bracket binds the index 'i'"),
    ("‖X w - y", "column 1: ‖ is not closed; write ‖"),
    ("Xᵀ (X w - y", "column 4: ( is not closed; write )"),
    ("2 Xᵀ y +", "column 9: the formula ends where an operand is missing"),
    ("A²", "column 2: a power of a matrix is not read; write A A, or A^⊙2 for the powers of its entries"),
    ("X w ⊙", "column 6: the formula ends where an operand is missing"),
    ("1 uᵀ", "column 1: the formula does not say how long 1 is; write ones(n), eye(n), or what it is added to"),
    ("{u if u > 0}", "column 12: a choice is written {a if c, b otherwise}"),
    ("v₁, where v₁", "column 11: behind 'where' stand definitions: v₁ = ...; v₂ = ..."),
    (r"\frac{1}", r"column 1: an argument in braces is missing"),
    (r"\begin{tabular} u \end{tabular}", "column 1: the environment 'tabular' is not read; "),
    ("u … y", "column 3: … leaves something out; write the formula whole"),
    ("Xᵀ (Xq - y)", "column 5: 'Xq' is not declared; declared are X, w, y, W, λ, A, u and the sizes d, k, n"),
])
def test_refusals_say_what_and_where(text, message):
    with pytest.raises(sg.ParseError) as caught:
        sg.parse(text, **NAMES)
    assert str(caught.value).split("\n")[0].startswith(message)


@pytest.mark.parametrize("text, message", [
    ("u y", "column 3: product: the sizes 1 and n do not meet; two vectors are columns: write uᵀ v, u vᵀ or u ⊙ v"),
    ("A + u - X Xᵀ", "vector meets a matrix; write 1 wᵀ for a matrix of equal rows"),
    ("X ⊙ wᵀ + A w", "the sizes n and d do not meet; a transpose is missing, or ⊙ is meant"),
])
def test_shapes_that_do_not_fit(text, message):
    with pytest.raises(sg.ShapeError) as caught:
        sg.parse(text, **NAMES)
    assert message in str(caught.value)


def test_declared_names_come_before_functions_constants_and_scripts():
    x1, e, s = sg.data("x^1", 3), sg.data("e", 3), sg.data("sigma")
    assert sg.verify("x¹ ⊙ e", x1 * e) and sg.verify("x¹ᵀ e", x1 @ e)
    assert sg.verify("σ (e + e)", 2 * s * e) and sg.verify("σ(e)", sg.sigmoid(e), e=e)
    W_xh, x_t = sg.data("W_xh", (3, 3)), sg.data("x_t", 3)
    assert sg.verify("W_xh x_t", W_xh @ x_t) and sg.verify(r"W_{\mathrm{xh}} x_{t}", W_xh @ x_t)
    assert sg.verify("[W_{xh,ji} x_{t,j}]_ij", W_xh.T * x_t)


def test_an_index_of_samples_is_the_sample_axis():
    T = sg.dim("T")
    x, t = sg.data("x", 3, over=T), sg.data("y", over=T)
    v = sg.parameter("v", 3)
    g = sg.gradient(sg.mean((v @ x - t) ** 2, over=T), v)
    for text in ("2/T ∑_t (vᵀ x_t - y_t) x_t", r"\frac{2}{T} \sum_{t=1}^{T} (v^{\top} x_{t} - y_{t}) x_{t}"):
        assert sg.verify(text, g)
    with pytest.raises(sg.ParseError, match="two samples meet"):
        sg.verify("∑_t ∑_s x_tᵀ x_s v", g)


@pytest.mark.parametrize("text, twin", [
    ("sum_i x_i u_i", "∑_i x_i u_i"), ("sum_i x_i * u_i", "∑_i x_i u_i"), ("sum_i(x_i) u_i", "x @ u"), ("sum_{i} x_i^2", "x @ x"),
    ("sum_{i=1}^k x_i^2", "x @ x"), ("sum_i^k x_i^2", "x @ x"), ("sum_i (x_i + 1)^2", "sum((x + 1)**2)"),
    ("sum_ij A_ij x_i u_j", "x @ A @ u"), ("sum_i x_i + 1", "1 + sum(x)"), ("2 sum_i x_i - 3", "2 sum(x) - 3"),
    ("Σ_i x_i u_i", "x @ u"), ("max(sum_i x_i u_i, 0)", "maximum(x @ u, 0)"),
])
def test_a_sum_with_an_index_is_one_thing_however_it_is_typed(text, twin):
    shapes = {"x": "k", "u": "k", "A": "k k"}
    assert sg.verify(sg.parse(text, **shapes), sg.parse(twin, **shapes))


@pytest.mark.parametrize("sign", ["∑", "sum", "Σ"])
def test_a_sum_reaches_to_the_next_sign(sign):
    with pytest.raises(sg.ParseError, match="no sum and no bracket binds the index 'i'; ∑_i reaches to the next . or -: "
                                            "put what it sums in parentheses"):
        sg.parse(f"{sign}_i x_i - u_i", x="k", u="k")


@pytest.mark.parametrize("text", ["x'*A*x", "A'*x", "x'*u", "A*x + B'u"])
def test_a_star_beside_a_transpose_is_refused(text):
    with pytest.raises(sg.ShapeError, match="beside ' the sign . may be the matrix product of MATLAB"):
        sg.parse(text, x="k", u="k", A="k k", B="k k")


def test_a_star_of_entries_stays():
    shapes = {"x": "k", "u": "k", "A": "k k"}
    assert sg.verify(sg.parse("A' (x*u)", **shapes), sg.parse("A.T @ (x*u)", **shapes))
    assert sg.verify(sg.parse("2*x' u", **shapes), sg.parse("2*x @ u", **shapes))


@pytest.mark.parametrize("text, twin", [
    ("A.*A", "A * A"), ("sum(x.^2)", "sum(x**2)"), ("x./u", "x / u"), ("2.*x", "2 * x"), ("x.^2.*u", "x**2 * u"), ("A'.*A", "A.T * A"),
    ("(x+u).^2", "(x + u)**2"), ("x.^-1", "1/x"), ("A.^2 x", "(A * A) @ x"),
])
def test_operators_with_a_dot_are_entry_by_entry(text, twin):
    shapes = {"x": "k", "u": "k", "A": "k k"}
    assert sg.verify(sg.parse(text, **shapes), sg.parse(twin, **shapes))
