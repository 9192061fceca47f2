"""Linear algebra: what is refused, how it prints, normal forms, and that no stack is repeated or inverse formed."""

import numpy as np
import pytest
from checker import near, run

import symgrad as sg

n, m, k, T = sg.dims("n m k T")
A, B, v = sg.data("A", (n, n)), sg.data("B", (n, k)), sg.data("v", n)
x = sg.data("x", n, over=T)
rng = np.random.default_rng(0)


@pytest.mark.parametrize("make, words", [
    (lambda: sg.inv(v), ["inv: v of shape (n,) is not a matrix"]),
    (lambda: sg.det(sg.data("C", (2, 3))), ["det: C of shape (2, 3) is not square", "2 and 3"]),
    (lambda: sg.logdet(B), ["logdet: B of shape (n, k)", "n and k"]),
    (lambda: sg.solve(A, sg.data("b", m)), ["solve: A of shape (n, n)", "b of shape (m,)", "axis 0", "is m", "needs n"]),
    (lambda: sg.solve(A, sg.data("C", (2, m, k))), ["axis 1", "is m", "needs n"]),
    (lambda: sg.solve(A, 2.0), ["right side 2", "is a scalar"]),
    (lambda: sg.solve(sg.data("P", (2, n, n)), sg.data("Q", (3, n, k))), ["stack axis -1 is 2 and 3"]),
    (lambda: sg.solve(sg.data("P", (n, n), over=sg.dim("S")), x), ["two different sample axes"]),
    (lambda: sg.cumsum(v, 1), ["cumsum: axis 1 of v"]), (lambda: sg.prod(v, (0, 0)), ["prod", "twice"]),
    (lambda: sg.windows(sg.data("u", 4), 5), ["a window of 5 does not fit into axis 0 of u", "1 to 4"]),
    (lambda: sg.windows(v, 2, step=0), ["step is a positive int, not 0"]),
])
def test_what_does_not_fit_is_refused(make, words):
    with pytest.raises(sg.ShapeError) as error:
        make()
    for word in words:
        assert word in str(error.value)


def test_a_singular_matrix_is_named_when_it_runs():
    with pytest.raises(sg.DataError, match="Singular matrix"):
        sg.function([A, v], sg.solve(A, v))(np.zeros((2, 2)), np.ones(2))


@pytest.mark.parametrize("tensor, text", [
    (sg.solve(A, x), "A⁻¹ x"), (sg.solve(A.T, v), "A⁻ᵀ v"), (sg.solve(A, B), "A⁻¹ B"), (sg.logdet(A), "logdet(A)"),
    (sg.gradient(sg.logdet(A), A), "A⁻ᵀ"), (sg.gradient(sg.det(A), A), "cof(A)"),
    (sg.gradient(v @ sg.solve(A, v), A), "-A⁻ᵀ v vᵀ A⁻ᵀ"), (sg.jacobian(sg.solve(A, v), v), "A⁻¹"),
    (sg.gradient(sg.sum(sg.inv(A)), A), "-A⁻ᵀ 1 1ᵀ A⁻ᵀ"), (sg.cumsum(B, 0), "cumsum(B, axis=0)"),
    (sg.windows(v, 3, step=2), "windows(v, width=3, step=2)"),
])
def test_it_prints_as_textbooks_do(tensor, text):
    assert str(tensor) == text


def test_normal_forms():
    assert sg.inv(sg.inv(A)) is A and sg.inv(A.T) == sg.inv(A).T and sg.inv(2 * A) == sg.inv(A) / 2
    assert sg.det(A.T) == sg.det(A) and sg.logdet(sg.inv(A)) == -sg.logdet(A) and str(sg.logdet(sg.eye(n))) == "0"
    assert sg.solve(A, sg.eye(n)) == sg.inv(A) and sg.solve(sg.eye(n), v) is v
    assert sg.solve(sg.inv(A), v) == A @ v and sg.solve(sg.inv(A).T, B) == A.T @ B
    assert sg.solve(3 * A, 6 * v) == 2 * sg.solve(A, v) and sg.cholesky(sg.eye(n)) is sg.eye(n)
    assert sg.hessian(sg.det(sg.data("D", (1, 1))), sg.data("D", (1, 1))) == sg.zeros((1, 1, 1, 1))  # of degree one


def test_one_matrix_is_factored_once_for_all_samples():
    """The samples are columns of one solve; a stack of copies of A is never made."""
    f = sg.function([A, x], sg.solve(A, x))
    assert "np.linalg.solve(A, x.T)" in f.source and "broadcast_to" not in f.source
    a, b = rng.standard_normal((4, 4)) + 4 * np.eye(4), rng.standard_normal((7, 4))
    near(f(a, b), np.linalg.solve(a, b.T).T)


def test_the_jacobian_of_a_solve_by_its_matrix_forms_no_stack_of_inverses():
    J = sg.jacobian(sg.solve(A, v), A)
    a, b = rng.standard_normal((4, 4)) + 4 * np.eye(4), rng.standard_normal(4)
    inverse = np.linalg.inv(a)
    near(run(J, {A: a, v: b}), -np.einsum("ij,k->ijk", inverse, inverse @ b))


def test_float32_stays_float32():
    a = (rng.standard_normal((4, 4)) + 4 * np.eye(4)).astype("f4")
    outputs = [sg.inv(A), sg.det(A), sg.logdet(A), sg.cholesky(A @ A.T), sg.gradient(sg.det(A), A), sg.solve(A, v),
               sg.prod(v), sg.cumsum(v), sg.gradient(sg.prod(v), v)]
    for value in sg.function([A, v], outputs, dtype="float32")(a, a[0]):
        assert value.dtype == np.float32


def test_products_of_many_entries_are_right_with_any_number_of_zeros():
    y = sg.prod(v)
    f = sg.function([v], [y, sg.gradient(y, v), sg.hessian(y, v)])
    for zeros in range(4):
        at = np.array([2.0, -3, 0.5, 4])
        at[:zeros] = 0
        value, g, H = f(at)
        near(value, at.prod())
        near(g, [np.delete(at, i).prod() for i in range(4)])
        near(H, [[0 if i == j else np.delete(at, [i, j]).prod() for j in range(4)] for i in range(4)])


def test_windows_do_not_copy_but_results_are_the_users_own():
    u = sg.data("u", 5)
    f = sg.function([u], sg.windows(u, 2))
    given = np.arange(5.0)
    found = f(given)
    found[0] = 9
    np.testing.assert_array_equal(given, np.arange(5.0))
    assert sg.windows(sg.data("w", n), k).shape == (n - k + 1, k)
