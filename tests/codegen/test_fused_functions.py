"""Functions as one kernel: every operation, its gradients, Jacobians and Hessians, on the CPU against NumPy's program."""

import sys

import emulate
import fake_cupy
import numpy as np
import nvrtc
import pytest
from checker import near
from operation_table import ROWS
from together import outputs_of

import symgrad as sg
from symgrad.graphs.node import topological

LINEAR = ("inv", "solve", "det", "cholesky", "Gaussian", "svd", "eig", "qr", "pinv", "lstsq", "sort", "topk", "median",
          "quantile")
SETTINGS = ("samples", "concrete", "symbolic")
TOGETHER = 70


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    """The stand-in in the place of CuPy; kernels from the first call on."""
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(fake_cupy, "ORDER", [emulate.BACKWARD])
    monkeypatch.setattr(fake_cupy, "TOGETHER", [1])
    return fake_cupy.install(sys.modules)


def fused(inputs, outputs, **more):
    f = sg.function(inputs, outputs, backend="cupy", **more)
    assert f.phases.vessel == "grid", f.phases
    f.module.PATIENCE[0] = 0
    return f


def groups():
    """Rows in groups, each in one setting; those that a kernel computes."""
    rows = [row for row in ROWS if not any(word in row.name for word in LINEAR)]
    for k, start in enumerate(range(0, len(rows), TOGETHER)):
        setting = SETTINGS[k % len(SETTINGS)]
        yield pytest.param([row for row in rows[start:start + TOGETHER] if setting not in row.skip.split()], setting,
                           id=f"{start} {setting}")


@pytest.mark.parametrize("rows, setting", list(groups()))
def test_operations_are_those_of_numpy(rows, setting):
    outputs, at = outputs_of(rows, setting)  # what has an axis of length 0 runs plain
    outputs = [t for t in outputs if not any(0 in node.shape for node in topological([t.node]))]
    at = {t: a for t, a in at.items() if 0 not in t.shape}
    found = fused(list(at), outputs)(*at.values())
    for a, b in zip(found, sg.function(list(at), outputs)(*at.values()), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        near(a, b, 1e-9)


def test_linear_systems_of_small_matrices_are_those_of_numpy():
    rows = [row for row in ROWS if row.name.split()[0] in ("inv", "solve", "det", "logdet", "cholesky", "Gaussian")
            and "concrete" not in row.skip.split()]
    assert len(rows) > 15
    outputs, at = outputs_of(rows, "concrete")
    plain = [t for t in outputs if not any(node.op == "cofactor" for node in topological([t.node]))]
    found = fused(list(at), plain)(*at.values())
    for a, b in zip(found, sg.function(list(at), plain)(*at.values()), strict=True):
        near(a, b, 1e-8)


@pytest.mark.parametrize("order", [emulate.FORWARD, emulate.BACKWARD, emulate.RANDOM])
def test_systems_of_many_rows_in_every_order_of_the_threads(order, monkeypatch):
    """Rows that change places, a matrix that has no inverse, recurrences over systems, and up to 32 rows, not 33."""
    monkeypatch.setattr(fake_cupy, "ORDER", [order])
    rng = np.random.default_rng(0)
    A, S, b, xs = sg.data("A", (2, 32, 32)), sg.data("S", (3, 3)), sg.data("b", (2, 32, 40)), sg.data("xs", (4, 3))
    filtered = sg.scan(lambda P, s: (sg.inv(P + sg.outer(s, s)), P @ s), sg.eye(3), xs)[1]
    outputs = [sg.solve(A, b), sg.inv(A), sg.cholesky(A @ sg.transpose(A, (0, 2, 1))), sg.logdet(A), sg.det(S), sg.logdet(S), filtered]
    f = fused([A, S, b, xs], outputs)
    at = [rng.standard_normal((2, 32, 32)), np.ones((3, 3)), rng.standard_normal((2, 32, 40)), rng.standard_normal((4, 3))]
    with np.errstate(all="ignore"):
        wanted = sg.function([A, S, b, xs], outputs)(*at)
    for have, want in zip(f(*at), wanted, strict=True):
        near(have, want, 1e-8)
    if order == emulate.FORWARD:
        size, _, spills, warnings = nvrtc.compiled(f"namespace program {{\n{f.module.GRID}}}\n")
        assert size and not spills and not warnings
    large = sg.function([sg.data("C", (33, 33))], sg.inv(sg.data("C", (33, 33))), backend="cupy").phases
    assert str(large) == "runs as plain steps of the array library: inverse has a kernel for up to 32 rows, not 33"


def test_jacobians_and_hessians():
    n = 4
    A, b, W = sg.data("A", (n, n)), sg.data("b", n), sg.data("W", (3, n))
    y = b @ A @ b + sg.sum(sg.tanh(W @ b) ** 2)
    outputs = [y, sg.gradient(y, A), sg.jacobian(sg.tanh(W @ b), W), sg.hessian(y, b), sg.hvp(y, b, b), sg.softmax(W, axis=0)]
    rng = np.random.default_rng(0)
    at = [rng.standard_normal((n, n)), rng.standard_normal(n), rng.standard_normal((3, n))]
    f = fused([A, b, W], outputs)
    for have, want in zip(f(*at), sg.function([A, b, W], outputs)(*at), strict=True):
        near(have, want, 1e-11)


def test_a_compiler_for_cards_takes_the_text():
    x = sg.data("x", (2, 6, 5))
    scores = sg.softmax(x @ sg.transpose(x, (0, 2, 1)) / 5 ** 0.5, axis=2) @ x
    f = fused([x], [scores, sg.gradient(sg.sum(scores ** 2), x)], dtype="float32")
    text = f"namespace program {{\n{f.module.GRID}}}\n"
    for arch in ("sm_80", "sm_90"):
        size, registers, spills, warnings = nvrtc.compiled(text, arch)
        assert size and registers <= 255 and not spills and not warnings
    at = np.random.default_rng(0).standard_normal((2, 6, 5))
    for have, want in zip(f(at), sg.function([x], [scores, sg.gradient(sg.sum(scores ** 2), x)])(at), strict=True):
        near(have, want, 1e-4)


def test_the_plain_function_computes_until_sizes_come_again(cupy):
    n = sg.dim("n")
    x, w = sg.data("x", n), sg.data("w", n)
    f = sg.function([x, w], {"y": [x * w, sg.sum(x)], "x": x}, backend="cupy", dtype="float32")
    f.module.PATIENCE[0] = 2
    for k in range(4):
        result = f(np.arange(3), cupy.asarray(np.ones(3)))
        assert type(result["y"][0]) is cupy.ndarray and result["y"][1].shape == () and result["y"][1].item() == 3
        assert isinstance(f.module.KERNELS[3,], int) == (k < 2)
        result["x"][...] = 7.0  # it is no input's
    with pytest.raises(sg.DataError, match="the size n is 3 at axis 0 of x and 4 at axis 0 of w"):
        f(cupy.asarray(np.ones(3)), np.ones(4))


def test_levels_and_reasons(cupy):
    A, b = sg.data("A", (3, 3)), sg.data("b", 3)
    f = sg.function([A], sg.eigvalsh(A), backend="cupy")
    assert str(f.phases) == "runs as plain steps of the array library: eigvalsh has no kernel"
    assert sg.function([A, b], A @ b, backend="cupy", level="plain").phases is None
    assert "def plain_f(" in sg.function([A, b], A @ b, backend="cupy").source
    with pytest.raises(sg.BackendError, match="the backend 'numpy' has no levels"):
        sg.function([A, b], A @ b, level="plain")
    n, m = sg.dims("n m")
    X, Y = sg.data("X", (n, m)), sg.data("Y", (m, n))
    large = sg.function([X, Y], X @ Y, backend="cupy")
    assert large.module.weights(10, 10)[1] == 2000 and large.module.weights(4096, 4096)[1] > large.module.GRID_WORK


@pytest.mark.parametrize("precision, least, most", [("float32", 0, 1e-6), ("tf32", 1e-4, 1e-3), ("bfloat16", 1e-3, 5e-3)])
def test_products_round_their_operands_where_that_is_asked_for(precision, least, most):
    A, B = sg.data("A", (19, 70)), sg.data("B", (70, 21))
    f = fused([A, B], [A @ B, B.T @ A.T], dtype="float32", precision=precision)
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((19, 70)), rng.standard_normal((70, 21))
    far = [np.linalg.norm(y - w) / np.linalg.norm(w) for y, w in zip(f(a, b), (a @ b, b.T @ a.T), strict=True)]
    assert all(least <= error <= most for error in far), far
    said = "; products round their operands to " + precision
    assert (said in str(f.phases)) == (precision != "float32")
    size, _, spills, warnings = nvrtc.compiled(f"namespace program {{\n{f.module.GRID}}}\n", "sm_80")
    assert size and not spills and not warnings


def test_a_precision_that_nobody_has_is_refused(cupy):
    A = sg.data("A", (3, 3))
    with pytest.raises(sg.BackendError, match="the precision 'half' is not known; there are 'float32', 'tf32', 'bfloat16'"):
        sg.function([A], A @ A, backend="cupy", precision="half")
    with pytest.raises(sg.BackendError, match="precision='tf32' is for dtype='float32', not 'float64'"):
        sg.function([A], A @ A, backend="cupy", precision="tf32")
    with pytest.raises(sg.BackendError, match="precision='tf32' needs a kernel, and this function runs plain: eigvalsh has no ker"):
        sg.function([A], sg.eigvalsh(A), backend="cupy", dtype="float32", precision="tf32")
    for more in ({"backend": "numpy"}, {"backend": "cupy", "level": "plain"}):
        with pytest.raises(sg.BackendError, match="precision='tf32' is for backend='cupy' with level='fused'; elsewhere"):
            sg.function([A], A @ A, dtype="float32", precision="tf32", **more)
