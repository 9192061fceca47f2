"""Inverses, solves, determinants and Cholesky factors in C: NumPy's results and refusals, by every LAPACK."""

import threading

import numpy as np
import pytest
from checker import near

import symgrad as sg
from symgrad.codegen.c import runtime as c_runtime

n, k = sg.dims("n k")
A, B, b = sg.data("A", (n, n)), sg.data("B", (n, k)), sg.data("b", n)
S, R = sg.data("S", (4, n, n)), sg.data("R", (4, n, k))
P = A @ A.T + sg.eye(n)
OUTPUTS = {
    "inv": sg.inv(A), "inv of a transpose": sg.inv(A.T), "solve": sg.solve(A, B), "solve for a vector": sg.solve(A.T, b),
    "solve for a row": sg.solve(A, B[:, 0]), "det": sg.det(A), "logdet": sg.logdet(A.T), "cholesky": sg.cholesky(P),
    "triangular": sg.solve_triangular(A + 3 * sg.eye(n), B, lower=True), "inv of a stack": sg.inv(S),
    "solve of a stack": sg.solve(S, R), "det of a stack": sg.det(S), "logdet of a stack": sg.logdet(S),
    "cholesky of a stack": sg.cholesky(S @ S.mT + sg.eye(n)), "part of a stack": sg.inv(S[1]),
    "gradient": sg.gradient(sg.logdet(P) + b @ sg.solve(P, b), A), "gradient of cholesky": sg.gradient(sg.sum(sg.cholesky(P) ** 3), A),
}


def arrays(size, columns=2, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(size, size), (size, columns), size, (4, size, size), (4, size, columns)]
    return [rng.standard_normal(shape) + (len(np.shape(shape)) and 2 * np.eye(size) if shape == (size, size) else 0) for shape in shapes]


@pytest.mark.parametrize("kind", [1, 2, 0])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 2e-3)])
def test_results_are_those_of_numpy(kind, dtype, tolerance, monkeypatch):
    """By NumPy's own LAPACK, by SciPy's, by plain loops: one text serves all."""
    if kind == 2:
        pytest.importorskip("scipy.linalg")
        monkeypatch.setattr(c_runtime.glob, "glob", lambda pattern: [])
    elif kind == 0:
        monkeypatch.setattr(c_runtime, "_routines", lambda precision, names: (0, [None] * len(names)))
    precision = "single" if dtype == "float32" else "double"
    assert c_runtime._blas(precision)[0] == kind
    found, wanted = (sg.function([A, B, b, S, R], OUTPUTS, backend=backend, dtype=dtype) for backend in ("c", "numpy"))
    assert "np.linalg." not in found.source.split("C = r")[1].split("def f(")[1]
    found.module._c.bind(*c_runtime._blas(precision))  # the module has a text of its own, and one library for all
    found.module._c.bind_lapack(*c_runtime._routines(precision, c_runtime.LAPACK)[1])
    for size in (1, 2, 3, 6):
        given = arrays(size)
        have, want = found(*given), wanted(*given)
        for name in OUTPUTS:
            near(have[name], want[name], tolerance)
    monkeypatch.undo()
    found.module._c.bind(*c_runtime._blas(precision))
    found.module._c.bind_lapack(*c_runtime._routines(precision, c_runtime.LAPACK)[1])


def test_what_numpy_refuses_is_refused_in_the_same_words():
    for build, matrix in ((sg.inv, np.ones((3, 3))), (lambda a: sg.solve(a, sg.ones(3)), np.zeros((3, 3))),
                          (sg.cholesky, -np.eye(3)), (sg.cholesky, np.ones((3, 3)) - 2 * np.eye(3))):
        M = sg.data("M", (3, 3))
        said = []
        for backend in ("numpy", "c"):
            with pytest.raises(sg.DataError) as caught:
                sg.function([M], build(M), backend=backend)(matrix)
            said.append(str(caught.value))
        assert said[0] == said[1]
    stack = np.stack([np.eye(3), np.zeros((3, 3)), np.eye(3)])
    M = sg.data("M", (3, 3, 3))
    f = sg.function([M], sg.inv(M), backend="c")
    with pytest.raises(sg.DataError, match="Singular matrix"):
        f(stack)
    near(f(stack + np.eye(3)), np.linalg.inv(stack + np.eye(3)), 1e-14)


def test_singular_matrices_have_a_determinant():
    M = sg.data("M", (3, 3))
    for matrix in (np.ones((3, 3)), np.zeros((3, 3)), np.full((3, 3), np.nan), np.diag([1e200, 1e200, 1e-300]), np.eye(3)[[1, 0, 2]]):
        for have, want in zip(*(sg.function([M], [sg.det(M), sg.logdet(M)], backend=x)(matrix) for x in ("c", "numpy")), strict=True):
            np.testing.assert_allclose(have, want, 1e-12)


def test_empty_matrices():
    M = sg.data("M", (0, 0))
    outputs = [sg.det(M), sg.logdet(M), sg.inv(M), sg.cholesky(M)]
    for have, want in zip(*(sg.function([M], outputs, backend=x)(np.zeros((0, 0))) for x in ("c", "numpy")), strict=True):
        near(have, want, 1e-12)


def test_products_that_leave_entries_out_are_loops():
    """The derivatives of a product with zeros, to second order."""
    M, v = sg.data("M", (2, 4)), sg.data("v", 2)
    y = sg.sum(sg.prod(M, axis=1) * v)
    outputs = [sg.gradient(y, M), sg.hessian(y, M), sg.hvp(y, M, sg.sin(M)), sg.jacobian(sg.prod(M, axis=0), M)]
    f, g = (sg.function([M, v], outputs, backend=backend) for backend in ("c", "numpy"))
    assert "_leave_out" not in f.source and "_leave_out" in g.source
    matrix = np.random.default_rng(0).standard_normal((2, 4))
    matrix[0, 1] = matrix[1, :2] = 0
    for have, want in zip(f(matrix, [1, 2]), g(matrix, [1, 2]), strict=True):
        near(have, want, 1e-14)


def test_a_gaussian_trains_in_c():
    """The log-likelihood with its logdet and solve is one function in C, in training steps too."""
    T = sg.dim("T")
    x, m, L = sg.data("x", 3, over=T), sg.parameter("m", 3), sg.parameter("L", (3, 3), init=np.eye(3) + 0.1)
    C = L @ L.T + sg.eye(3)
    loss = sg.mean((x - m) @ sg.solve(C, x - m), over=T) + sg.logdet(C)
    data = {"x": np.random.default_rng(0).standard_normal((30, 3)) * [1, 2, 3] + 1}
    models = [sg.Model(loss, backend=backend, dtype="float64", seed=1) for backend in ("numpy", "c")]
    curves = [model.fit(data, sg.optim.Adam(0.05), epochs=5, batch_size=10, progress=False).curves["loss"] for model in models]
    near(curves[1], curves[0], 1e-9)
    module = sg.generate(loss, optimizer=sg.optim.Adam(0.05), backend="c", dtype="float64").load()
    assert module.step is module.compiled_step


def test_threads_share_a_function_with_factorisations():
    f, g = (sg.function([A, b], [sg.solve(A, b), sg.logdet(A)], backend=backend) for backend in ("c", "numpy"))
    inputs = [(np.random.default_rng(size).standard_normal((size, size)) + 3 * np.eye(size), np.ones(size)) for size in range(3, 12)]
    wanted, wrong = [g(*a) for a in inputs], []

    def work(start):
        for turn in range(60):
            j = (start + turn) % len(inputs)
            wrong.extend(j for have, want in zip(f(*inputs[j]), wanted[j], strict=True) if not np.allclose(have, want))

    threads = [threading.Thread(target=work, args=(start,)) for start in range(3)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert wrong == []
