"""What products become: half of a Gram matrix, factors outside sums, merged axes that are copied once or not at all."""

import re

import numpy as np
import pytest
from checker import GRAM, near

import symgrad as sg

n, d = sg.dims("n d")
X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
s, u = sg.data("s", n, nonnegative=True), sg.data("u", n)
RNG = np.random.default_rng(0)
ARRAYS = {X: RNG.standard_normal((7, 3)), y: RNG.standard_normal(7), w: RNG.standard_normal(3), s: RNG.random(7), u: RNG.standard_normal(7)}
SYMBOLS = list(ARRAYS)


def gradient_differences(loss, at):
    """The Hessian in w by central differences of the gradient, that by einsum alone."""
    slope = sg.function(SYMBOLS, sg.gradient(loss, w))
    base, eps = dict(at), 1e-6
    columns = []
    for e in np.eye(3):
        two = [slope(*{**base, w: base[w] + sign * eps * e}.values()) for sign in (1, -1)]
        columns.append((two[0] - two[1]) / (2 * eps))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("loss, root", [
    (sg.sum(sg.softplus(X @ w) - y * (X @ w)), "np.sqrt(1 / (1 + np.exp(-Xw)) / (1 + np.exp(Xw)))"),
    (sg.mean(sg.softplus(X @ w)), "np.sqrt(1 / (1 + np.exp(-Xw)) / (1 + np.exp(Xw)))"),
    (sg.sum(sg.exp(X @ w) - y * (X @ w)), "np.sqrt(np.exp(X @ w))"),
    (sg.sum(s * (X @ w - y) ** 2), "np.sqrt(s)"),
    (sg.sum(sg.softplus(X @ w)) + sg.sum(sg.exp(X @ w)), "np.sqrt(1 / (1 + np.exp(-Xw)) / (1 + exp_Xw) + exp_Xw)"),  # both at once
    (sg.sum(sg.exp(u) * (X @ w - y) ** 2), "np.sqrt(np.exp(u))"),
    (sg.sum(u * (X @ w - y) ** 2), None),  # of any sign
    (sg.sum((1 - s) * (X @ w - y) ** 2), None),  # 1 - s is only known of probabilities
    (sg.sum((X @ w) ** 3), None),
], ids=lambda x: None if isinstance(x, sg.Tensor) else str(x))
def test_a_weighted_gram_matrix_is_one_of_half_the_work(loss, root):
    H = sg.hessian(loss, w)
    f = sg.function(SYMBOLS, H)
    assert ("sqrt" in f.source) == (root is not None) and (root or "") in f.source
    found = f(*ARRAYS.values())
    near(found, gradient_differences(loss, ARRAYS), 1e-7)
    compiled = sg.function(SYMBOLS, H, backend="c")
    assert (re.search(GRAM, compiled.source) is not None) == (root is not None)
    near(compiled(*ARRAYS.values()), found, 1e-12)


def test_weights_of_other_labels_stay_where_they_are():
    """Blocks V' diag(M_i) V: no array of all V times all roots of M."""
    V, M = sg.data("V", (n, d)), sg.data("M", (n, n), nonnegative=True)
    f = sg.function([V, M], sg.einsum("lj,lk,il->ijk", V, V, M))
    assert "sqrt" not in f.source
    v, m = RNG.standard_normal((5, 3)), RNG.random((5, 5))
    near(f(v, m), np.einsum("lj,lk,il->ijk", v, v, m), 1e-12)


def test_what_all_terms_share_stands_outside():
    a, b, c = sg.data("a", (n, d)), sg.data("b", (n, d)), sg.data("c", n)
    f = sg.function([a, b, c], 3 * a * b - a * c[:, None] * b + a / 2)
    assert "a * (" in f.source
    values = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3)), RNG.standard_normal(4)
    one, two, three = values
    near(f(*values), 3 * one * two - one * three[:, None] * two + one / 2, 1e-12)
    twice = sg.function([a, b], [a * b, a * b - a * sg.exp(b)])  # a * b is there anyway
    near(twice(one, two)[1], one * two - one * np.exp(two), 1e-12)


def test_merged_axes_of_weights_are_views_and_one_copy_serves_both_ways():
    x, W, C = sg.data("x", (2, 3, 4)), sg.parameter("W", (5, 6, 4)), sg.data("C", (2, 3, 5, 6))
    z = sg.einsum("bte,hde->bhtd", x, W)
    f = sg.function([x, W, C], sg.gradient(sg.sum(sg.tanh(z) * sg.einsum("bthd->bhtd", C)), [x, W]))
    assert "W.reshape(30, 4)" in f.source and "W.transpose" not in f.source
    at = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((5, 6, 4)), RNG.standard_normal((2, 3, 5, 6))
    g = (1 - np.tanh(np.einsum("bte,hde->bthd", at[0], at[1])) ** 2) * at[2]
    found = f(*at)
    near(found[0], np.einsum("bthd,hde->bte", g, at[1]), 1e-12)
    near(found[1], np.einsum("bthd,bte->hde", g, at[0]), 1e-12)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_convolution_copies_its_windows_once_with_the_offsets_outside(backend):
    x, K, C = sg.data("x", (2, 3, 6, 7)), sg.parameter("K", (4, 3, 2, 3)), sg.data("C", (2, 4, 5, 5))
    tiles = sg.windows(sg.windows(x, 2, axis=2), 3, axis=3)
    Y = sg.einsum("bchwij,ocij->bohw", tiles, K)
    f = sg.function([x, K, C], [Y, *sg.gradient(sg.sum(Y * C), [x, K])], backend=backend)
    at = [RNG.standard_normal(t.shape) for t in (x, K, C)]
    windows = np.lib.stride_tricks.sliding_window_view(at[0], (2, 3), (2, 3))
    found = f(*at)
    near(found[0], np.einsum("bchwij,ocij->bohw", windows, at[1]), 1e-12)
    near(found[2], np.einsum("bchwij,bohw->ocij", windows, at[2]), 1e-12)
    wanted = np.zeros(x.shape)
    for i in range(2):
        for j in range(3):
            wanted[:, :, i:i + 5, j:j + 5] += np.einsum("bohw,oc->bchw", at[2], at[1][:, :, i, j])
    near(found[1], wanted, 1e-12)
    if backend == "numpy":
        assert f.source.count(".transpose(0, 2, 3, 4, 5, 1).reshape(50, 18)") == 1


GRAMS = [
    (lambda X, Y: X.T @ X, "X.T @ X"), (lambda X, Y: X @ X.T, "X @ X.T"),
    (lambda X, Y: sg.einsum("nk,nj->jk", X, X), "X.T @ X"),
    (lambda X, Y: sg.hessian(sg.mean((X @ w - y) ** 2), w), "2 / n * (X.T @ X)"),
    (lambda X, Y: (X - sg.mean(X, axis=0)).T @ (X - sg.mean(X, axis=0)), "v1.T @ v1"),
    (lambda X, Y: sg.einsum("btd,bte->de", Y, Y), "v1.T @ v1"),  # both axes merged: one product over the batch
    (lambda X, Y: sg.einsum("btd,bud->tu", Y, Y), "v1.T @ v1"),
]


@pytest.mark.parametrize("gram, text", GRAMS, ids=[text for _, text in GRAMS])
def test_a_gram_matrix_is_one_array_with_its_own_transpose(gram, text):
    """NumPy sees that both lie in one place and computes half of it (syrk); in C it is asked for by name."""
    Y = sg.data("Y", (4, 5, d))
    symbols = [X, Y, y, w]
    G = gram(X, Y)
    f = sg.function(symbols, G)
    assert text in f.source and f.source.count(" @ ") == 1
    compiled = sg.function(symbols, G, backend="c")
    assert len(re.findall(GRAM, compiled.source)) == compiled.source.split("f_0(")[1].count("contract(") == 1
    at = [ARRAYS[X], RNG.standard_normal((4, 5, 3)), ARRAYS[y], ARRAYS[w]]
    near(compiled(*at), f(*at), 1e-12)
    near(f(*at), f(*at).T, 0)


@pytest.mark.parametrize("axes", [(), (5,), (5, 2)])
def test_the_gradient_of_weights_is_one_product_over_all_samples(axes):
    T = sg.dim("T")
    x, W, b = sg.data("x", (*axes, 4), over=T), sg.parameter("W", (3, 4)), sg.parameter("b", 3)
    loss = sg.empirical_risk(sg.sum(sg.tanh(x @ W.T + b) ** 2))
    f = sg.function([x, W, b], sg.gradient(loss, W))
    products = [step for step in f.plan.steps if any(" @ " in line for line in step.lines)]
    assert len(products) == 2 and products[-1].shape == (3, 4)  # one forward, one back
    assert products[-1].lines[0].count(" @ ") == 1 and ".T @ " in products[-1].lines[0]
    assert "transpose(" not in f.source
    at = [RNG.standard_normal((6, *axes, 4)), RNG.standard_normal((3, 4)), RNG.standard_normal(3)]
    t = np.tanh(at[0] @ at[1].T + at[2])
    near(f(*at), 2 / 6 * (t * (1 - t * t)).reshape(-1, 3).T @ at[0].reshape(-1, 4), 1e-12)
