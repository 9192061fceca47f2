"""Orders, factors of matrices, running products: where derivatives do not exist, what does not fit, and the largest sizes."""

import numpy as np
import pytest
from checker import check, near, run
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

rng = np.random.default_rng(0)
A, M = sg.data("A", (3, 3)), sg.data("M", (4, 2))


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("y, x, at, message", [
    (sg.eigvalsh(A)[0], A, np.eye(3), "two eigenvalues are equal, and the derivative exists only where they differ"),
    (sg.sum(sg.eigh(A)[1] ** 3), A, np.diag([1.0, 2.0, 2.0]), "two eigenvalues are equal"),
    (sg.sum(sg.svdvals(M) ** 3), M, np.eye(4)[:, :2], "two singular values are equal"),
    (sg.sum(sg.svd(M)[0]), M, np.diag([1.0, 0, 0, 0])[:, :2], "a singular value is 0"),
])
def test_a_derivative_that_does_not_exist_is_refused_when_it_runs(y, x, at, message, backend):
    value = sg.function([x], y, backend=backend)
    assert np.isfinite(value(at))
    with pytest.raises(sg.DataError, match=message):
        sg.function([x], sg.gradient(y, x), backend=backend)(at)


def test_a_matrix_of_lower_rank_is_refused():
    for y in (sg.pinv(M), sg.lstsq(M, np.ones(4))):
        with pytest.raises(sg.DataError, match="cannot be inverted or factored"):
            run(y, {M: np.ones((4, 2))})


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_sizes_that_make_a_matrix_wide_are_refused(backend):
    B = sg.data("B", (sg.dim("n"), 3))
    for y in (sg.svdvals(B), sg.svd(B)[0], sg.qr(B)[1]):
        f = sg.function([B], y, backend=backend)
        assert np.isfinite(f(rng.standard_normal((4, 3)))).all()
        with pytest.raises(sg.DataError, match="it is 2 x 3, and its formula is of one with 3 columns and at least as many rows"):
            f(np.ones((2, 3)))


def test_of_a_matrix_that_is_not_symmetric_the_symmetric_part_counts():
    a = rng.standard_normal((3, 3))
    near(run(sg.eigvalsh(A), {A: a}), np.linalg.eigvalsh((a + a.T) / 2))
    check(sg.eigvalsh(A), {A: a}, [A])


def test_sums_of_eigenvalues_are_traces():
    a = rng.standard_normal((3, 3))
    near(run(sg.gradient(sg.sum(sg.eigvalsh(A)), A), {A: a}), np.eye(3))
    near(run(sg.gradient(sg.sum(sg.log(sg.eigvalsh(A @ A.T))), A), {A: a}), 2 * np.linalg.inv(a).T)


def test_factors_of_samples():
    T = sg.dim("T")
    B = sg.data("B", (3, 2), over=T)
    values = rng.standard_normal((5, 3, 2))
    near(run(sg.svdvals(B), {B: values}), np.linalg.svd(values)[1])
    check(sg.sum(sg.qr(B)[1]), {B: values}, [B])
    check(sg.sort(B, 0), {B: values}, [B])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9), st.booleans())
def test_equal_entries_keep_their_order(entries, descending):
    x, values = sg.data("x", sg.dim("n")), np.array(entries, float)
    order = run(sg.argsort(x, descending=descending), {x: values})
    assert order.tolist() == np.argsort(-values if descending else values, kind="stable").tolist()
    np.testing.assert_array_equal(run(sg.sort(x, descending=descending), {x: values}), values[order])
    near(run(sg.median(x), {x: values}), np.median(values))
    near(run(sg.quantile(x, 0.3), {x: values}), np.quantile(values, 0.3))
    k = sg.data("k", len(entries), dtype="integer")
    assert run(sg.sort(k), {k: np.array(entries)}).tolist() == sorted(entries) and sg.sort(k).dtype == "integer"


def test_c_sorts_between_its_loops():
    x = sg.data("x", (5, sg.dim("n")))
    f = sg.function([x], sg.gradient(sg.sum(sg.sort(sg.tanh(x) ** 2) * sg.arange(x.shape[1])), x), backend="c")
    g = sg.function([x], sg.gradient(sg.sum(sg.sort(sg.tanh(x) ** 2) * sg.arange(x.shape[1])), x))
    values = rng.standard_normal((5, 7))
    near(f(values), g(values))


@pytest.mark.parametrize("n", [3, 64, 65, 130])
def test_running_products_of_any_length(n):
    x = sg.data("x", n)
    values = 1 + 0.2 * rng.standard_normal(n)
    values[n // 2] = 0
    near(run(sg.cumprod(x), {x: values}), np.cumprod(values))
    g = run(sg.gradient(sg.sum(sg.cumprod(x)), x), {x: values})
    after = np.cumprod(np.r_[1, values[n // 2 + 1:]]).sum()
    near(g[n // 2], np.prod(values[: n // 2]) * after)


def test_scatter_add_of_samples_and_symbolic_sizes():
    T, n = sg.dim("T"), sg.dim("n")
    x, i, y = sg.data("x", (4, n), over=T), sg.data("i", (3, n), over=T, dtype="integer"), sg.data("y", (3, n), over=T)
    at = {x: rng.standard_normal((2, 4, 5)), i: rng.integers(0, 4, (2, 3, 5)), y: rng.standard_normal((2, 3, 5))}
    expected = at[x].copy()
    np.add.at(expected, (np.arange(2)[:, None, None], at[i], np.arange(5)), at[y])
    near(run(sg.scatter_add(x, 0, i, y), at), expected)
    check(sg.scatter_add(x, 0, i, y), at, [x, y])
    near(run(sg.gather(x, 0, i), at), np.take_along_axis(at[x], at[i], 1))
    check(sg.gather(x, 0, i), at, [x])


x, k = sg.data("x", (2, 3)), sg.data("k", (2, 3), dtype="integer")


@pytest.mark.parametrize("make, message", [
    (lambda: sg.topk(x, 4), "topk: x of shape (2, 3) has 3 entries along axis 1, and k is 4"),
    (lambda: sg.quantile(x, 1.5), "quantile: a share is a number from 0 to 1, not 1.5"),
    (lambda: sg.quantile(x, 0.5, method="cubic"), "quantile: method 'cubic' is not known; known are 'linear', 'lower'"),
    (lambda: sg.median(sg.data("e", (0, 2)), 0), "median: e of shape (0, 2) has no entries along axis 0"),
    (lambda: sg.gather(x, 0, x), "gather: the index x of shape (2, 3) is real; indices are integers"),
    (lambda: sg.gather(x, 0, k[0]), "has 1 axes, and x of shape (2, 3) has 2; they must have as many"),
    (lambda: sg.gather(x, 0, sg.data("i", (2, 4), dtype="integer")), "gather: the index of shape (2, 4) does not fit into x of shape (2, 3): along axis 1"),
    (lambda: sg.scatter_add(x, 0, k, sg.data("y", (1, 3))), "scatter_add: the index of shape (2, 3) does not fit into y of shape (1, 3): along axis 0"),
    (lambda: sg.eigh(x), "eigh: x of shape (2, 3) is not square: its last two axes are 2 and 3"),
    (lambda: sg.qr(x[0]), "qr: "), (lambda: sg.svd(x, full_matrices=True), "svd: full_matrices=True asks for vectors that are not determined"),
    (lambda: sg.lstsq(x, sg.data("b", 3)), "lstsq: x of shape (2, 3) has 2 rows, and the right side b of shape (3,) 3"),
])
def test_what_does_not_fit(make, message):
    with pytest.raises(sg.ShapeError) as caught:
        make()
    assert message in str(caught.value)


def test_numpys_own_functions_take_tensors():
    assert np.sort(x) is sg.sort(x) and np.argsort(x, 0) is sg.argsort(x, 0) and np.median(x) is sg.median(x)
    assert np.linalg.eigvalsh(A) is sg.eigvalsh(A) and np.linalg.pinv(M) is sg.pinv(M) and np.cumprod(x, 1) is sg.cumprod(x, 1)
    assert np.quantile(x, 0.3) is sg.quantile(x, 0.3) and np.percentile(x, 30) is sg.quantile(x, 0.3)
    assert np.take_along_axis(x, k, 1) is sg.take_along_axis(x, k, 1)


@pytest.mark.parametrize("text", ["sort(x)", "eigvalsh(A)", "svdvals(A)", "median(x)", "pinv(A)", "cumprod(x)", "x[argsort(x)]"])
def test_texts_have_them(text):
    assert sg.parse(text, x="3", A="3 3").ndim in (0, 1, 2)


def test_sympy_has_no_form_of_them():
    with pytest.raises(sg.DataError, match="eigenvalues and factors of matrices have no closed form"):
        sg.eigvalsh(A).to_sympy()
    with pytest.raises(sg.DataError, match="the order of entries is not known"):
        sg.sort(x).to_sympy()
