"""sg.structure: kinds, formulas, and that everything a structure does agrees with the matrix of numbers."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from places import environment

import symgrad as sg

SIZES = {"n": 5, "m": 4, "d": 3, "k": 2, "h": 4, "c": 2, "b": 2, "T": 6}
ONES = {**SIZES, "k": 1, "d": 1}


class Case:
    """One matrix: how it is built from sizes, the arrays of its symbols, and what is expected of it."""

    def __init__(self, build, kind, formula, parts=(), regular=True):
        self.build, self.kind, self.formula, self.parts, self.regular = build, kind, formula, parts, regular


def logistic_batch(n, d, **_):
    X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    p = sg.sigmoid(X @ w)
    return sg.hessian(-sg.sum(y * sg.log(p) + (1 - y) * sg.log(1 - p)), w)


def logistic_samples(T, d, **_):
    x, w, y = sg.data("x", d, over=T), sg.parameter("w", d), sg.data("y", over=T)
    return sg.hessian(sg.empirical_risk(sg.losses.binary_cross_entropy_with_logits(w @ x, y)), w)


def masked(n, m, k, by="U", and_by=None, **_):
    R, O, U, V = sg.data("R", (n, m)), sg.data("O", (n, m)), sg.data("U", (n, k)), sg.data("V", (m, k))  # noqa: E741
    where = {"U": U, "V": V}
    loss = sg.sum(O * (R - U @ V.T) ** 2)
    return sg.hessian(loss, where[by], where[and_by or by])


def cross_entropy(k, **_):
    z, q = sg.parameter("z", k), sg.data("q", k, simplex=True)
    return sg.hessian(sg.losses.cross_entropy(z, q), z)


def cross_entropy_and_ridge(k, **_):
    z, q, lam = sg.parameter("z", k), sg.data("q", k, simplex=True), sg.data("lambda")
    return sg.hessian(sg.losses.cross_entropy(z, q) + lam / 2 * sg.sum(z**2), z)


def softmax_regression(T, d, k, closed=True, **_):
    x, W, y = sg.data("x", d, over=T), sg.parameter("W", (k, d)), sg.labels("y", classes=k, over=T)
    loss = sg.losses.cross_entropy(W @ x, y)
    return sg.hessian(sg.empirical_risk(loss) if closed else loss, W)


def matrix_least_squares(n, d, k, **_):
    X, Y, W = sg.data("X", (n, d)), sg.data("Y", (n, k)), sg.parameter("W", (d, k))
    return sg.hessian(sg.sum((X @ W - Y) ** 2), W)


def ridge(n, d, **_):
    X, y, w, lam = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.data("lambda")
    return sg.hessian(sg.sum((X @ w - y) ** 2) / 2 + lam / 2 * sg.sum(w**2), w)


def tanh_net(T, d, h, c, by="W1", and_by=None, **_):
    x, y = sg.data("x", d, over=T), sg.data("y", c, over=T)
    W1, W2 = sg.parameter("W1", (h, d)), sg.parameter("W2", (c, h))
    where = {"W1": W1, "W2": W2}
    loss = sg.empirical_risk(sg.losses.squared_error(W2 @ sg.tanh(W1 @ x), y))
    return sg.hessian(loss, where[by], where[and_by or by])


def attention(b, m, n, d, c, **_):
    Q, K = sg.parameter("Q", (b, m, d)), sg.data("K", (b, n, d))
    V, Y = sg.data("V", (b, n, c)), sg.data("Y", (b, m, c))
    return sg.hessian(sg.sum((sg.softmax(Q @ K.mT) @ V - Y) ** 2), Q)


def entrywise(n, d, **_):
    A = sg.parameter("A", (n, d))
    return sg.hessian(sg.sum(sg.sin(A) * A), A)


def log_partition(n, d, **_):
    X, w = sg.data("X", (n, d)), sg.parameter("w", d)
    return sg.hessian(sg.logsumexp(X @ w), w)


def quartic(n, d, **_):
    A, w = sg.data("A", (d, d)), sg.parameter("w", d)
    return sg.hessian(w @ A @ w, w)


def two_factors(n, m, k, **_):
    A, X, B, Y = sg.data("A", (n, m)), sg.parameter("X", (m, k)), sg.data("B", (k, n)), sg.data("Y", (n, n))
    return sg.hessian(sg.sum((A @ X @ B - Y) ** 2), X)


def activation_jacobian(d, T, **_):
    z = sg.data("z", d, over=T)
    return sg.jacobian(sg.tanh(z), z)


def affine_jacobian(n, d, k, **_):
    X, W = sg.data("X", (n, d)), sg.parameter("W", (d, k))
    return sg.jacobian(X @ W, W)


def layer_jacobian(T, d, k, **_):
    x, W = sg.data("x", d, over=T), sg.parameter("W", (k, d))
    return sg.jacobian(W @ x, W)


def rows_jacobian(n, d, **_):
    A = sg.parameter("A", (n, d))
    return sg.jacobian(sg.sum(sg.sin(A), axis=1), A)


def transpose_jacobian(n, d, **_):
    A = sg.parameter("A", (n, d))
    return sg.jacobian(A.T * 2, A)


def penalised_blocks(n, m, k, **_):
    R, O, U, V = sg.data("R", (n, m)), sg.data("O", (n, m)), sg.data("U", (n, k)), sg.data("V", (m, k))  # noqa: E741
    return sg.hessian(sg.sum(O * (R - U @ V.T) ** 2) + sg.sum(U**4) + 3 * sg.sum(U**2), U)


def nothing(n, d, **_):
    A = sg.parameter("A", (n, d))
    return sg.hessian(sg.sum(A), A)


def scalar(n, **_):
    x, s = sg.data("x", n), sg.parameter("s")
    return sg.hessian(sg.sum(sg.sin(s * x)), s)


def centred(n, **_):
    x = sg.parameter("x", n)
    return sg.hessian(sg.sum((x - sg.mean(x)) ** 2), x)


def gramian(n, k, **_):
    Z, D = sg.parameter("Z", (n, k)), sg.data("D", (n, n))
    return sg.hessian(sg.sum((Z @ Z.T - D) ** 2), Z)


def row_sums(n, k, **_):
    Z, lam = sg.parameter("Z", (n, k)), sg.data("lambda")
    return sg.hessian(lam * sg.sum(Z**2) + sg.sum(sg.sum(Z, axis=1) ** 2), Z)


def inverse_jacobian(d, **_):
    S = sg.parameter("S", (d, d))
    return sg.jacobian(sg.inv(S), S)


def rectified(T, d, k, **_):
    x, W = sg.data("x", d, over=T), sg.parameter("W", (k, d))
    return sg.hessian(sg.empirical_risk(sg.sum(sg.relu(W @ x) ** 2)), W)


def by_the_data(T, d, k, **_):
    x, A = sg.data("x", d, over=T), sg.data("A", (k, d))
    return sg.hessian(sg.mean(sg.sum(sg.tanh(A @ x) ** 2), over=T), x)


def by(name, **more):
    return lambda **sizes: name(**more, **sizes)


P = "softmax(W x_t)"
CASES = {
    "logistic batch": Case(logistic_batch, "gram", "Xᵀ diag(σ(X w) ⊙ (1 - σ(X w))) X"),
    "logistic samples": Case(logistic_samples, "gram", "1/T ∑_t σ(wᵀ x_t) (1 - σ(wᵀ x_t)) x_t x_tᵀ"),
    "masked U": Case(by(masked), "block_diagonal", "blockdiag_i(2 Vᵀ diag(O_i) V)", ("gram",)),
    "masked V": Case(by(masked, by="V"), "block_diagonal", "blockdiag_i(2 Uᵀ diag(O[:, i]) U)", ("gram",)),
    "masked U V": Case(by(masked, and_by="V"), "sum",
                       "[2 O_il U_ip V_lj]_ijlp - 2 (O ⊙ (R - U Vᵀ)) ⊗ I", ("dense", "kronecker")),
    "cross entropy": Case(cross_entropy, "diagonal_plus_low_rank", "diag(softmax(z)) - softmax(z) softmax(z)ᵀ",
                          ("diagonal", "gram"), regular=False),
    "cross entropy, ridge": Case(cross_entropy_and_ridge, "diagonal_plus_low_rank",
                                 "diag(softmax(z)) + λ I - softmax(z) softmax(z)ᵀ", ("diagonal", "gram")),
    "softmax regression": Case(by(softmax_regression), "kronecker",
                               f"1/T ∑_t (diag({P}) - {P} {P}ᵀ) ⊗ x_t x_tᵀ",
                               ("diagonal_plus_low_rank", "gram"), regular=False),
    "softmax regression, per sample": Case(by(softmax_regression, closed=False), "kronecker",
                                           "(diag(softmax(W x)) - softmax(W x) softmax(W x)ᵀ) ⊗ x xᵀ",
                                           ("diagonal_plus_low_rank", "gram"), regular=False),
    "matrix least squares": Case(matrix_least_squares, "kronecker", "2 Xᵀ X ⊗ I", ("gram", "diagonal")),
    "ridge": Case(ridge, "sum", "Xᵀ X + λ I", ("gram", "diagonal")),
    "tanh net W1": Case(by(tanh_net), "kronecker",
                        "∑_t (2/T diag(v₁_t) W₂ᵀ W₂ diag(v₁_t) - 4/T diag(v₁_t ⊙ x¹_t ⊙ (W₂ᵀ (W₂ x¹_t - y_t)))) ⊗ "
                        "x_t x_tᵀ, where x¹ = tanh(W₁ x); v₁ = 1 - x¹ ⊙ x¹", ("sum", "gram")),
    "tanh net W2": Case(by(tanh_net, by="W2"), "kronecker", "2/T I ⊗ (∑_t tanh(W₁ x_t) tanh(W₁ x_t)ᵀ)",
                        ("diagonal", "gram"), regular=False),
    "tanh net W1 W2": Case(by(tanh_net, and_by="W2"), "sum", None, ("kronecker", "dense")),
    "attention": Case(attention, "block_diagonal", None, ("dense",)),
    "entrywise": Case(entrywise, "diagonal", "diag(vec(2 cos(A) - A ⊙ sin(A)))"),
    "log partition": Case(log_partition, "sum",
                          "Xᵀ diag(softmax(X w)) X - Xᵀ softmax(X w) softmax(X w)ᵀ X", ("gram", "gram")),
    "quadratic form": Case(quartic, "dense", "A + Aᵀ"),
    "two factors": Case(two_factors, "kronecker", "2 Aᵀ A ⊗ B Bᵀ", ("gram", "gram")),
    "activation": Case(activation_jacobian, "diagonal", "diag(1 - tanh(z)^⊙2)"),
    "affine": Case(affine_jacobian, "kronecker", "X ⊗ I", ("dense", "diagonal")),
    "layer": Case(layer_jacobian, "kronecker", "I ⊗ xᵀ", ("diagonal", "dense")),
    "rows": Case(rows_jacobian, "block_diagonal", "blockdiag_i(cos(A_i)ᵀ)", ("dense",)),
    "transpose": Case(transpose_jacobian, "dense", "[2 δ_il δ_jk]_ijkl"),
    "penalised blocks": Case(penalised_blocks, "block_diagonal", None, ("sum",)),
    "nothing": Case(nothing, "diagonal", "0", regular=False),
    "centred": Case(centred, "diagonal_plus_low_rank", "2 I - 2/n · 1 1ᵀ", ("diagonal", "gram"), regular=False),
    "gramian": Case(gramian, "sum", "(4 Z Zᵀ - 2 D - 2 Dᵀ) ⊗ I + 4 I ⊗ Zᵀ Z + [4 Z_im Z_lj]_ijlm",
                    ("kronecker", "dense", "kronecker")),
    "row sums": Case(row_sums, "kronecker", "2 I ⊗ (λ I + 1 1ᵀ)", ("diagonal", "diagonal_plus_low_rank")),
    "inverse": Case(inverse_jacobian, "kronecker", "-S⁻¹ ⊗ S⁻ᵀ", ("dense", "dense")),
    "rectified": Case(rectified, "block_diagonal", None, ("gram",), regular=False),
    "by the data": Case(by_the_data, "gram", None, regular=False),
    "scalar": Case(scalar, "diagonal", None),
}


def sizes_of(numbers, symbolic):
    return {name: sg.dim(name) if symbolic else number for name, number in numbers.items()}


def arrays(H, numbers, seed=0):
    """Random values for the symbols below `H`, by symbol."""
    rng = np.random.default_rng(seed)
    at = {}
    for name in sorted(symbols(H)):
        node = symbols(H)[name]
        shape = [s if isinstance(s, int) else numbers[str(s)] for s in node.shape]
        symbol = node.attrs[0]
        if symbol.classes is not None:
            at[name] = rng.integers(0, numbers["k"], shape)
        elif "simplex" in symbol.facts:
            value = rng.random(shape) + 0.1
            at[name] = value / value.sum(-1, keepdims=True)
        else:
            at[name] = rng.random(shape) + 0.5 if name in ("O", "lambda") else rng.standard_normal(shape)
    return at


def symbols(H):
    from symgrad.graphs.node import topological

    return {n.attrs[0].name: n for n in topological([H.node]) if n.op == "input"}


def evaluate(outputs, H, at, numbers, **vectors):
    """Outputs at arrays; `vectors` are further symbols with their arrays."""
    from symgrad.language.tensor import wrap

    found = {name: node for out in outputs.values() for name, node in symbols(out).items()}
    inputs = [wrap(node, node.attrs[0].over) for node in found.values()]
    values = {**at, **{name: value for name, (_, value) in vectors.items()}}
    f = sg.function(inputs, outputs, sizes=numbers)
    return f(**{name: values[name] for name in found})


def near(a, b, tolerance=1e-9):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1.0, np.abs(b).max(initial=0)))


def vector(name, shape, over, numbers, rng):
    tensor = sg.data(name, shape, over=over)
    full = ([over] if over is not None else []) + list(shape)
    return tensor, rng.standard_normal([s if isinstance(s, int) else numbers[str(s)] for s in full])


def agree(H, numbers, regular, seed=0):
    """Everything a structure gives, against the entries of the derivative, computed as it was."""
    S = sg.structure(H)
    rng = np.random.default_rng(seed + 100)
    at = arrays(H, numbers, seed)
    v = vector("v_", S.columns, H.over, numbers, rng)
    b = vector("b_", S.rows, H.over, numbers, rng)
    square = S.rows == S.columns
    outputs = {"H": H, "dense": S.dense(), "Hv": S.matvec(v[0])}
    if square:
        outputs["diagonal"] = S.diagonal()
    if regular and square:
        outputs["solve"] = S.solve(b[0])
    if S.kind == "block_diagonal":
        outputs["blocks"] = S.blocks()
    got = evaluate(outputs, H, at, numbers, v_=v, b_=b)
    whole = np.asarray(got["H"])
    lead = int(H.over is not None)
    near(got["dense"], whole)
    rows = len(S.rows)
    stack = whole.reshape(whole.shape[:lead] + (int(np.prod(whole.shape[lead:lead + rows])), -1))
    near(np.asarray(got["Hv"]).reshape(*stack.shape[:-1]), np.einsum("...ij,...j->...i", stack, v[1].reshape(
        *stack.shape[:-2], stack.shape[-1])))
    if square:
        near(np.asarray(got["diagonal"]).reshape(*stack.shape[:-1]), np.einsum("...ii->...i", stack))
    if "solve" in outputs:
        x = np.asarray(got["solve"]).reshape(*stack.shape[:-1])
        near(np.einsum("...ij,...j->...i", stack, x), b[1].reshape(x.shape), 1e-7)
    if "blocks" in outputs:
        check_blocks(S, np.asarray(got["blocks"]), whole, lead)
    return S


def check_blocks(S, blocks, whole, lead):
    """The blocks, put on a diagonal of zeros, are the matrix."""
    axes = S._form.pairs[0][0]
    rest_rows, rest_columns = S._form.pairs[1]
    rebuilt = np.zeros_like(whole)
    for index in np.ndindex(*(whole.shape[a] for a in axes)):
        place = [slice(None)] * whole.ndim
        for a, c, i in zip(axes, S._form.pairs[0][1], index, strict=True):
            place[a] = place[c] = i
        rebuilt[tuple(place)] = blocks[(*[slice(None)] * lead, *index)]
    assert blocks.ndim == lead + len(axes) + len(rest_rows) + len(rest_columns)
    near(rebuilt, whole)


@pytest.mark.parametrize("name", CASES)
def test_kinds_and_formulas(name):
    case = CASES[name]
    S = sg.structure(case.build(**sizes_of(SIZES, True)))
    assert S.kind == case.kind
    assert tuple(part.kind for part in S.parts) == case.parts
    if case.formula is not None:
        assert S.formula == case.formula
    assert str(S) == S.formula and S.latex()


@pytest.mark.parametrize("symbolic", [True, False], ids=["symbolic", "concrete"])
@pytest.mark.parametrize("name", CASES)
def test_everything_agrees_with_the_numbers(name, symbolic):
    case = CASES[name]
    for seed in (0, 1):
        agree(case.build(**sizes_of(SIZES, symbolic)), SIZES, case.regular, seed)


@pytest.mark.parametrize("name", CASES)
def test_axes_of_size_one(name):
    agree(CASES[name].build(**sizes_of(ONES, False)), ONES, False)


# what is never formed ---------------------------------------------------------------------------------


def used(outputs):
    """The input symbols of outputs, as tensors."""
    from symgrad.language.tensor import wrap

    found = {name: node for out in outputs for name, node in symbols(out).items()}
    return [wrap(node, node.attrs[0].over) for node in found.values()]


LARGE = {"n": 60, "m": 30, "d": 12, "k": 5, "h": 20, "c": 6, "b": 3, "T": 40}


@pytest.mark.parametrize(("name", "most"), [
    ("masked U", 60 * 30), ("masked V", 60 * 30), ("penalised blocks", 60 * 30),
    ("entrywise", 60 * 12), ("matrix least squares", 60 * 12), ("softmax regression, per sample", 40 * 12 * 5),
    ("softmax regression", 40 * 12), ("tanh net W1", 40 * 20), ("tanh net W2", 40 * 20),
    ("attention", 3 * 30 * 60 * 12 * 2),
])
def test_products_and_diagonals_need_little_memory(name, most):
    """No variable has more entries than `most`, far fewer than the matrix; nor do all buffers together."""
    H = CASES[name].build(**sizes_of(LARGE, False))
    S = sg.structure(H)
    whole = int(np.prod(H.shape)) * (LARGE["T"] if H.over is not None else 1)
    assert most * 3 < whole
    v = sg.data("v_", S.columns, over=H.over)
    outputs = [S.matvec(v), S.diagonal()]
    if S.kind == "block_diagonal" or name == "entrywise":
        outputs += [S.blocks(), S.solve(v)]
    if name == "matrix least squares":
        outputs.append(S.solve(v))
    for out in outputs:
        f = sg.function(used([out]), out)
        for step in f.plan.steps:
            assert np.prod(step.shape, dtype=int) <= most, (name, step)
        at = arrays(out, LARGE)
        peak = peak_bytes(f, at)
        assert peak < whole * 8 / 2, (name, peak, whole * 8)


def peak_bytes(f, at):
    f(**at)
    tracemalloc.start()
    f(**at)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_the_masked_factorisation_keeps_blocks():
    """n = 256, k = 5: the matrix has 1.6 million entries, its blocks 6,400."""
    n, m, k = 256, 64, 5
    S = sg.structure(masked(n, m, k))
    blocks = S.blocks()
    assert blocks.shape == (n, k, k)
    f = sg.function(used([blocks]), blocks)
    at = arrays(blocks, {})
    assert peak_bytes(f, at) < 30 * n * k * k * 8
    near(f(**at), 2 * np.einsum("il,la,lb->iab", at["O"], at["V"], at["V"]))
    blocks = sg.structure(masked(*sg.dims("n m k"))).blocks()  # all pairs of V once, then one matrix product
    assert "O @ (V[..., None] * V[:, None]).reshape(m, k ** 2)" in sg.function(used([blocks]), blocks).source


# shapes, samples, refusals ----------------------------------------------------------------------------


def test_a_vector_per_sample():
    """One matrix, a vector for each sample: the result is over the samples."""
    X, T = sg.data("X", (5, 3)), sg.dim("T")
    w, v = sg.parameter("w", 3), sg.data("v", 3, over=T)
    S = sg.structure(sg.hessian(sg.sum((X @ w) ** 2) + sg.sum(w**2), w))
    rng = np.random.default_rng(0)
    x, vs = rng.standard_normal((5, 3)), rng.standard_normal((4, 3))
    H = 2 * x.T @ x + 2 * np.eye(3)
    assert S.matvec(v).over == T and S.matvec(v).shape == (3,)
    a, b = sg.function([X, v], [S.matvec(v), S.solve(v)])(x, vs)
    near(a, vs @ H)
    near(b, np.linalg.solve(H, vs.T).T)


def test_one_vector_for_all_samples():
    T = sg.dim("T")
    x, w, v = sg.data("x", 3, over=T), sg.parameter("w", 3), sg.data("v", 3)
    S = sg.structure(sg.hessian(sg.exp(w @ x), w))
    assert S.kind == "gram" and S.matvec(v).over == T
    rng = np.random.default_rng(0)
    xs, ws, vs = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal(3)
    near(sg.function([x, w, v], S.matvec(v))(xs, ws, vs), (np.exp(xs @ ws) * (xs @ vs))[:, None] * xs)


def test_low_rank_of_several_columns():
    """With sizes as numbers, three rows are a low rank for ten columns, and a solve is one of size three."""
    X, w, lam = sg.data("X", (3, 10)), sg.parameter("w", 10), sg.data("lambda")
    H = sg.hessian(sg.sum((X @ w) ** 2) / 2 + lam / 2 * sg.sum(w**2) + sg.sum(w**4), w)
    S = sg.structure(H)
    assert S.kind == "diagonal_plus_low_rank"
    b = sg.data("b", 10)
    f = sg.function([X, w, lam, b], [H, S.solve(b), S.matvec(b), S.dense()])
    rng = np.random.default_rng(0)
    bs = rng.standard_normal(10)
    h, x, hb, full = f(rng.standard_normal((3, 10)), rng.standard_normal(10), 0.7, bs)
    near(h @ x, bs)
    near(hb, h @ bs)
    near(full, h)
    solve = sg.function([X, w, lam, b], S.solve(b))
    assert all(np.prod(step.shape, dtype=int) <= 30 for step in solve.plan.steps)


def test_two_terms_of_low_rank():
    a, b, w = sg.data("a", 6), sg.data("b", 6), sg.parameter("w", 6)
    H = sg.hessian((a @ w) * (b @ w) + 3 * sg.sum(w**2), w)
    S = sg.structure(H)
    assert (S.kind, S.formula) == ("diagonal_plus_low_rank", "6 I + b aᵀ + a bᵀ")
    v = sg.data("v", 6)
    rng = np.random.default_rng(1)
    av, bv, vv = rng.standard_normal((3, 6)) / 3
    h, x = sg.function([a, b, w, v], [H, S.solve(v)])(av, bv, rng.standard_normal(6), vv)
    near(h @ x, vv)


def test_blocks_of_a_kronecker_product_and_of_a_diagonal():
    X, W, Y = sg.data("X", (6, 3)), sg.parameter("W", (3, 2)), sg.data("Y", (6, 2))
    S = sg.structure(sg.hessian(sg.sum((X @ W - Y) ** 2), W))
    assert S.blocks().shape == (2, 3, 3)
    x = np.random.default_rng(0).standard_normal((6, 3))
    near(sg.function([X], S.blocks())(x), np.stack([2 * x.T @ x] * 2))
    w = sg.parameter("w", 3)
    D = sg.structure(sg.hessian(sg.sum(w**4), w))
    near(sg.function([w], D.blocks())(np.array([1.0, 2, 3])), 12 * np.array([1.0, 4, 9])[:, None, None])


def test_parts_are_structures_with_a_stack_in_front():
    H = masked(5, 4, 2)
    S = sg.structure(H)
    (block,) = S.parts
    assert (block.stack, block.rows, block.columns) == ((5,), (2,), (2,))
    v = sg.data("v", (5, 2))
    assert block.matvec(v).shape == (5, 2) and block.dense().shape == (5, 2, 2)
    assert block.formula == "[2 Vᵀ diag(O_i) V]_i"
    at = arrays(H, {})
    vs = np.random.default_rng(0).standard_normal((5, 2))
    f = sg.function(used([block.matvec(v), S.matvec(v)]), [block.matvec(v), S.matvec(v)])
    near(*f(**{**{k: at[k] for k in ("O", "V")}, "v": vs}))


def test_names_of_the_loss_are_used():
    X, w, y = sg.data("X", (5, 3)), sg.parameter("w", 3), sg.data("y", 5)
    p = sg.sigmoid(X @ w).named("p")
    H = sg.hessian(-sg.sum(y * sg.log(p) + (1 - y) * sg.log(1 - p)), w)
    assert sg.structure(H).formula == "Xᵀ diag(p ⊙ (1 - p)) X"
    F = sg.tanh(X).named("F")
    assert sg.structure(sg.hessian(sg.sum((F @ w - y) ** 2), w)).formula == "2 Fᵀ F"


def test_any_matrix_has_a_structure():
    n, d = sg.dims("n d")
    X = sg.data("X", (n, d))
    assert sg.structure(X.T @ X + 2 * sg.eye(d)).kind == "sum"
    assert sg.structure(sg.eye(d)).formula == "I"
    assert sg.structure(sg.data("t", (n, d, d)), rows=1).rows == (n,)


def test_where_a_jacobian_is_cut():
    """The rows are the axes of y, also where the number of axes is even by chance."""
    W, x = sg.parameter("W", (3, 2)), sg.data("x", 2)
    S = sg.structure(sg.jacobian(sg.sum(sg.tanh(W @ x)), W))
    assert (S.rows, S.columns, S.kind) == ((), (3, 2), "dense")
    v = sg.data("v", (3, 2))
    near(*sg.function([W, x, v], [S.matvec(v), sg.jvp(sg.sum(sg.tanh(W @ x)), W, v)])(
        *(np.random.default_rng(0).standard_normal(s) for s in ((3, 2), 2, (3, 2)))))


def test_refusals():
    x, W = sg.parameter("x", 3), sg.parameter("W", (3, 2))
    with pytest.raises(sg.SymgradError, match="a dict of blocks has no structure of its own"):
        sg.structure(sg.hessian(sg.sum((x @ W) ** 2), {"x": x, "W": W}))
    with pytest.raises(sg.SymgradError, match="a list of blocks"):
        sg.structure(sg.hessian(sg.sum((x @ W) ** 2), [x, W]))
    with pytest.raises(sg.ShapeError, match="has 3 axes, and which of them are rows is not known; say rows=1"):
        sg.structure(sg.data("t", (3, 3, 3)))
    with pytest.raises(sg.ShapeError, match="has 2 axes, so not 3 of rows"):
        sg.structure(W, rows=3)
    dense = sg.structure(sg.hessian(sg.sum((W @ sg.data("a", 2)) ** 2) * sg.sum(x**2), x))
    with pytest.raises(sg.ShapeError, match=r"matvec: .* must have the shape \(3,\)"):
        dense.matvec(sg.data("v", 4))
    with pytest.raises(sg.ShapeError, match=r"not square: rows \(2,\), columns \(3, 2\)"):
        sg.structure(sg.jacobian(x @ W, W)).solve(sg.data("b", 2))
    gram = sg.structure(sg.hessian(sg.sum((sg.data("A", (5, 3)) @ x) ** 2), x))
    with pytest.raises(sg.SymgradError, match="blocks: this matrix is gram, not block diagonal"):
        gram.blocks()


def test_deep_graphs():
    """A recurrence is read to a bounded depth, and nothing recurses as deep as it is."""
    W, h = sg.data("W", (3, 3)), sg.parameter("h", 3)
    state = h
    for _ in range(300):
        state = sg.tanh(W @ state)
    S = sg.structure(sg.hessian(sg.sum(state**2), h))
    assert S.kind in ("dense", "sum", "gram") and S.matvec(h).shape == (3,)


SCRIPT = """
import symgrad as sg
from test_structure import CASES, SIZES, sizes_of
for name in {names!r}:
    print(name, sg.structure(CASES[name].build(**sizes_of(SIZES, True))).formula)
"""


def test_formulas_do_not_depend_on_the_hash_seed():
    names = ("logistic batch", "masked U V", "softmax regression", "tanh net W1", "tanh net W1 W2", "two factors")
    script = SCRIPT.format(names=names)
    runs = []
    for seed in ("0", "1"):
        runs.append(subprocess.run([sys.executable, "-c", script], env=environment(__file__, PYTHONHASHSEED=seed),
                                   capture_output=True, check=True).stdout)
    assert runs[0] == runs[1] and len(runs[0].splitlines()) == len(names)
