"""The C backend: every operation as NumPy has it, training steps too; cached, safe in threads, and what is refused.

Rows of the operation table are compiled many at a time: a call of the compiler costs more than all of them.
"""

import os
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from checker import GRAM, near
from networks import DATA, RULES, frozen_layers_stay, network
from together import groups, outputs_of

import symgrad as sg
from symgrad.codegen.c import runtime as c_runtime
from symgrad.codegen.c.function import room
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.slots import Slot, largest


@pytest.mark.parametrize("rows, setting", list(groups()))
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-10), ("float32", 3e-4)])
def test_operations_are_those_of_numpy(rows, setting, dtype, tolerance):
    outputs, at = outputs_of(rows, setting)
    wanted = sg.function(list(at), outputs, dtype=dtype)(*at.values())
    found = sg.function(list(at), outputs, dtype=dtype, backend="c")(*at.values())
    for a, b in zip(found, wanted, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        near(a, b, tolerance)


def test_operators_inside_one_another_stand_in_parentheses():
    """Each two-place operation with each as its first and as its second operand, on names and on sums."""
    n = sg.dim("n")
    x, y, b, i = sg.data("x", n), sg.data("y", n), sg.data("b", n, dtype="boolean"), sg.data("i", n, dtype="integer")
    s = sg.parameter("s")
    inner = [sg.where(b, 0, s * (1 + x)), sg.where(b, x, sg.exp(y)), sg.where(x < (y + s), x, (x + y)), 1.0 * (x < (y + s)),
             1.0 * (i < (i + 1) * 2), sg.abs(i) * 1.0, sg.maximum(i, 2 * i + 1) * 1.0, sg.sign(i - 1) * 1.0, -(x + y), x - y,
             x / (y + 3), sg.maximum(x, (y + s)), (x * x) ** (s + 1), sg.logical_not(b) * (x + y), sg.logical_and(b, x < (y)) * x,
             sg.logical_or(x > (y + 1), b) * (x + 1), sg.clip(x, -1, 1)]
    outer = [lambda e: 2 * x * e, lambda e: e * y * (x + 1), lambda e: x - e, lambda e: e - (x + y), lambda e: y / (e + 9),
             lambda e: e / (y * y + 1), lambda e: sg.where(e > (x + y), e, -e), lambda e: sg.where(b, e, (e + 1)),
             lambda e: -e, lambda e: (e < (x * y)) * y, lambda e: sg.abs(e) ** 1.5, lambda e: sg.sum(e * y * e) + e]
    outputs = [f(e) for e in inner for f in outer]
    R = np.random.default_rng(4)
    arrays = [R.standard_normal(9), R.standard_normal(9), R.random(9) < 0.5, R.integers(-3, 4, 9), np.array(0.4)]
    inputs = [x, y, b, i, s]
    for wanted, found, formula in zip(sg.function(inputs, outputs)(*arrays), sg.function(inputs, outputs, backend="c")(*arrays),
                                      outputs, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13, err_msg=str(formula))


def test_powers_by_a_parameter_and_elu_have_their_gradients():
    """Where a `?:` that begins with a name and ends with a call is a factor."""
    n, k = sg.dims("n k")
    X, A, s = sg.data("X", (n, k)), sg.parameter("A", (k, 3)), sg.parameter("s")
    R = np.random.default_rng(4)
    arrays = [R.standard_normal((5, 4)), R.standard_normal((4, 3)), np.array(0.4)]
    for loss in (sg.sum((1 + sg.tanh(X @ A + s) ** 2) ** s), sg.sum(sg.elu(X @ A) * sg.silu(sg.tanh(X @ A + s) * s))):
        value, *slopes = sg.function([X, A, s], [loss, *sg.gradient(loss, [A, s])], backend="c")(*arrays)
        f, h = sg.function([X, A, s], loss), 1e-6
        for at in (1, 2):
            way = R.standard_normal(arrays[at].shape)
            ends = [f(*[a + by * way if j == at else a for j, a in enumerate(arrays)]) for by in (h, -h)]
            assert np.sum(slopes[at - 1] * way) == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)


def test_the_text_is_c_that_a_person_reads():
    n, d = sg.dims("n d")
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    f = sg.function([X, y, w], [sg.sum((X @ w - y) ** 2)], backend="c")
    assert "gemv(0, n, d, X, d, w, 1, v1);" in f.source
    assert "total += v2[i] * v2[i];" in f.source
    assert "const double *X" not in f.source and "const real *X" in f.source
    assert f.plan.flops == 2 * n * d + 3 * n and "8 n" in str(f.plan)


def test_the_text_is_linear_in_the_cells_of_a_recurrence(monkeypatch):
    monkeypatch.setattr("symgrad.computing.backends.load", lambda *args: SimpleNamespace(f=None))  # the compiler takes its time

    def length(cells):
        U, x, T = sg.parameter("U", (4, 4)), sg.data("x", (cells, 4)), sg.dim("T")
        h = sg.data("h", 4, over=T)
        for i in range(cells):
            h = sg.tanh(U @ h + x[i])
        loss = sg.mean(sg.sum(h * h), over=T)
        return len(sg.function([U, x, sg.data("h", 4, over=T)], sg.gradient(loss, U), backend="c").source)

    short, middle, long = map(length, (40, 80, 120))
    assert long - middle < 1.2 * (middle - short)


def test_hessians_and_determinants_mix_c_and_numpy():
    A, b = sg.data("A", (3, 3)), sg.data("b", 3)
    y = sg.logdet(A) + b @ sg.solve(A, b) + sg.sum(sg.tanh(b))
    outputs = [y, sg.gradient(y, A), sg.hessian(y, b), sg.det(A), sg.sum(sg.hessian(sg.det(A), A) ** 2)]
    a = np.random.default_rng(0).standard_normal((3, 3)) + 4 * np.eye(3)
    f = sg.function([A, b], outputs, backend="c")
    for have, want in zip(f(a, a[0]), sg.function([A, b], outputs)(a, a[0]), strict=True):
        near(have, want, 1e-12)
    assert "np.linalg.solve" not in f.source and "_cofactor(" in f.source and f.source.count("int f_") > 1


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_products_by_every_blas(kind, monkeypatch):
    """CBLAS of NumPy, Fortran's of SciPy, plain loops: one text serves all."""
    if kind == 2:
        pytest.importorskip("scipy.linalg")
        monkeypatch.setattr(c_runtime.glob, "glob", lambda pattern: [])
    elif kind == 0:
        monkeypatch.setattr(c_runtime, "_blas", lambda precision: (0, None))
    n, m, k = sg.dims("n m k")
    A, B, v, u = sg.data("A", (n, m)), sg.data("B", (m, k)), sg.data("v", m), sg.data("u", n)
    outputs = [A @ B, A.T @ A, A @ A.T, A @ v, A.T @ u, v @ B, u @ A, B.T @ A.T, (A @ B) @ (A @ B).T, v @ v]
    for sizes in ((4, 3, 5), (1, 1, 1), (1, 4, 1), (5, 1, 2)):
        rng = np.random.default_rng(sum(sizes))
        arrays = [rng.standard_normal(s) for s in ((sizes[0], sizes[1]), sizes[1:], sizes[1], sizes[0])]
        f = sg.function([A, B, v, u], outputs, backend="c")
        if kind != 1:
            f.module._c.bind(*c_runtime._blas("double"))
        for have, want in zip(f(*arrays), sg.function([A, B, v, u], outputs)(*arrays), strict=True):
            near(have, want, 1e-12)
        assert len(re.findall(GRAM, f.source)) == 2, "A'A and AA': half of each is computed"


def test_what_blas_needs_in_one_piece_is_copied_before_the_first_step_that_reads_it():
    """Two blocks of a network's Hessian share a product with a view that gemv cannot read where it lies."""
    T = sg.dim("T")
    x, t = sg.data("x", 3, over=T), sg.labels("t", 5, over=T)
    W, b, V, c = (sg.parameter(name, shape) for name, shape in (("W", (4, 3)), ("b", 4), ("V", (5, 4)), ("c", 5)))
    loss = sg.empirical_risk(sg.losses.cross_entropy(V @ sg.tanh(W @ x + b) + c, t))
    outputs = [sg.hessian(loss, W, c), sg.hessian(loss, b, c)]
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((6, 3)), rng.integers(0, 5, 6), *(rng.standard_normal(p.shape) for p in (W, b, V, c))]
    found, wanted = (sg.function([x, t, W, b, V, c], outputs, backend=backend)(*arrays) for backend in ("c", "numpy"))
    for have, want in zip(found, wanted, strict=True):
        near(have, want, 1e-12)


def test_arrays_of_any_layout_are_taken_and_none_is_kept():
    X = sg.data("X", (3, 4))
    f = sg.function([X], [sg.tanh(X), X], backend="c")
    base = np.random.default_rng(0).standard_normal((4, 8))
    for given in (np.asfortranarray(base[:3, :4]), base[:3, ::2], base[::-1][:3, :4], base.T[:3], base[:3, :4].astype("f4")):
        before = given.copy()
        first, same = f(given)
        near(first, np.tanh(before), 1e-6)
        first[:], same[:] = 0, 0
        np.testing.assert_array_equal(given, before)
    frozen = base[:3, :4].copy()
    frozen.flags.writeable = False
    near(f(frozen)[0], np.tanh(frozen))


def test_an_index_out_of_range_is_a_data_error_and_not_a_crash():
    x, i = sg.data("x", (5, 2)), sg.data("i", 3, dtype="integer")
    f = sg.function([x, i], [x[i], sg.gradient(sg.sum(x[i] ** 2), x)], backend="c")
    with pytest.raises(sg.DataError, match=r"i: the index 7 at \(1,\) is out of range for an axis of length 5"):
        f(np.zeros((5, 2)), [0, 7, 1])
    near(f(np.arange(10.0).reshape(5, 2), [0, -1, 4])[0], [[0, 1], [8, 9], [8, 9]])


def test_nan_and_infinity_pass_through():
    x = sg.data("x", 6)
    at = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 2.0])
    outputs = [sg.max(x), sg.maximum(x, 0), sg.relu(x), sg.softmax(x), sg.sigmoid(x), sg.sign(x), sg.argmax(x), sg.sqrt(x), sg.exp(x),
               sg.log(x), sg.tanh(x), sg.minimum(x, 1)]
    for a, b in zip(sg.function([x], outputs, backend="c")(at), sg.function([x], outputs)(at), strict=True):
        np.testing.assert_allclose(a, b, 1e-14)


def test_two_threads_may_call_one_function():
    n = sg.dim("n")
    X = sg.data("X", (n, n))
    f = sg.function([X], sg.tanh(X @ X) @ sg.exp(-X @ X), backend="c")
    plain = sg.function([X], sg.tanh(X @ X) @ sg.exp(-X @ X))
    inputs = [np.random.default_rng(k).standard_normal((20 + k, 20 + k)) for k in range(6)]
    wanted, wrong = [plain(a) for a in inputs], []

    def work(k):
        for turn in range(30):
            j = (k + turn) % len(inputs)
            if not np.allclose(f(inputs[j]), wanted[j]):
                wrong.append(j)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert wrong == []


# training -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_training_is_that_of_numpy(rule):
    loss, predict = network(sg.nn.Tanh(), sg.nn.ReLU())
    models = [sg.Model(loss, predict, backend=backend, dtype="float64", seed=4) for backend in ("numpy", "c")]
    histories = [m.fit(DATA, rule, epochs=4, batch_size=12, progress=False) for m in models]
    near(histories[1].curves["loss"], histories[0].curves["loss"], 1e-9)
    for name, value in models[0].parameters.items():
        near(models[1].parameters[name], value, 1e-9)
    near(models[1].predict(DATA), models[0].predict(DATA), 1e-9)


def test_numbers_without_axes_are_trained_and_given():
    """Scalar parameters and scalar data: C takes numbers by value, and they change from step to step."""
    T = sg.dim("T")
    u, y, w = sg.data("u", 3, over=T), sg.data("y", over=T), sg.parameter("w", 3, init="ones")
    a, b, lam = sg.parameter("a", init=1), sg.parameter("b"), sg.data("lam")
    loss = sg.empirical_risk((a**2 * (w @ u) + b - y) ** 2) + lam * (w @ w + a * b)
    rng = np.random.default_rng(0)
    data = {"u": rng.standard_normal((12, 3)), "y": rng.standard_normal(12), "lam": 0.25}
    models = [sg.Model(loss, backend=backend, dtype="float64") for backend in ("numpy", "c")]
    histories = [m.fit(data, sg.optim.SGD(0.02, momentum=0.9), epochs=5, batch_size=4, progress=False) for m in models]
    near(histories[1].curves["loss"], histories[0].curves["loss"], 1e-12)
    assert histories[0].curves["loss"][-1] < histories[0].curves["loss"][0]
    for name, value in models[0].parameters.items():
        near(models[1].parameters[name], value, 1e-12)
    steps = [m.stepper(data, sg.optim.Adam(0.01)) for m in models]
    near([steps[1]() for _ in range(3)], [steps[0]() for _ in range(3)], 1e-12)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_what_is_frozen_does_not_decay(backend):
    frozen_layers_stay(backend)


def test_a_step_in_c_is_the_step_of_the_readable_functions():
    """`gradients` in place and in C against `backward`; `update` against the rule as printed."""
    loss, _ = network(sg.nn.GELU())
    module = sg.generate(loss, optimizer=sg.optim.Adam(0.01), backend="c", dtype="float64").load()
    assert module._c is not None and module.step is module.compiled_step
    batch = [DATA["x"], DATA["t"]]
    state = module.begin(module.init(3))
    value, slopes = module.backward(*state["params"].values(), *batch)
    assert abs(module.compiled_step(state, batch) - value) < 1e-12
    for name, g in slopes.items():
        near(state["gradients"][name], g, 1e-12)


def test_generated_code_runs_alone(tmp_path):
    loss, predict = network(sg.nn.Tanh())
    sg.generate(loss, predict, sg.optim.Adam(0.02), backend="c").save(tmp_path / "net.py")
    np.savez(tmp_path / "data.npz", **DATA)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    def run(**more):
        done = subprocess.run([sys.executable, "-I", "net.py", "data.npz", "--epochs", "3"], cwd=tmp_path, text=True,
                              capture_output=True, env={**environment, **more})
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[2].split()[3], done.stderr

    fast, said = run()
    assert said == "" and len(list((tmp_path / "cache" / "symgrad").glob("*.so"))) == 1
    slow, said = run(CC="no-such-compiler")
    assert said == "there is no C compiler (cc); install one, such as gcc, or name it by CC=; NumPy computes instead\n"
    assert abs(float(fast) - float(slow)) < 1e-4


def test_without_a_compiler_a_function_is_numpys_with_one_line(monkeypatch, capsys):
    monkeypatch.setenv("CC", "no-such-compiler")
    v = sg.data("v", 3)
    f = sg.function([v], sg.exp(v) * 1.25, backend="c")
    near(f(np.zeros(3)), np.full(3, 1.25))
    assert capsys.readouterr().err.count("\n") == 1 and f.backend == "numpy"


def test_two_processes_may_compile_at_once(tmp_path):
    code = ("import numpy as np, symgrad as sg; v = sg.data('v', 3); "
            "print(sg.function([v], sg.tanh(v) + 0.375, backend='c')(np.zeros(3)))")
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
               for _ in range(2)]
    assert [p.communicate()[0] for p in running] == ["[0.375 0.375 0.375]\n"] * 2
    assert [path.suffix for path in (tmp_path / "symgrad").iterdir()] == [".so"]


def test_a_broken_text_is_refused_with_what_the_compiler_said():
    with pytest.raises(OSError, match="could not compile"):
        c_runtime.compiled("int f( {")


def test_a_slot_has_room_for_tenants_of_several_types():
    """A mask and real numbers may share a slot, one after the other: what counts is bytes."""
    mask, few, many = (Expr("row", (), (), (size,), kind) for size, kind in ((99, "boolean"), (7, "real"), (20, "real")))
    assert room(Slot(0, (mask, few, many)), {}) == "ROOM(99, real)"
    assert largest(Slot(0, (mask, few, many))) is many


def test_rounded_sizes_are_one_factor_of_a_place():
    """Rows of a result that has every other entry of each: where they begin is a product with a size that is rounded."""
    i, j, k = sg.dims("i j k")
    x = sg.data("x", (i, j, k))
    outputs = [x[:, ::-1, ::2] * 2, x[::2, ::2, ::2], sg.sum(x[:, :, ::3], axis=0), sg.gradient(sg.sum(x[:, ::2, ::2] ** 2), x)]
    a = np.random.default_rng(0).standard_normal((3, 5, 6))
    for found, wanted in zip(sg.function([x], outputs, backend="c")(a), sg.function([x], outputs)(a), strict=True):
        near(found, wanted, 1e-12)


def test_constants_and_results_that_are_equal_or_given_are_in_a_step_of_c(capsys):
    """Two biases that are added have one gradient; the gradient of <x, c> is x; a mask is a constant array."""
    a, b, c, x = (sg.parameter("a", (3, 2)), sg.parameter("b", (3, 2)), sg.parameter("c", (3, 2)), sg.data("x", (3, 2)))
    mask = sg.constant(np.asfortranarray([[True, False], [False, True], [True, True]]), "double")
    loss = sg.sum(sg.where(mask, sg.tanh(a + b), 0.5 * (a + b))) + sg.sum(x * c) + sg.sum(sg.constant(np.eye(3, 2)) * a)
    data = {"x": np.arange(6.0).reshape(3, 2)}
    models = [sg.Model(loss, backend=backend, dtype="float64", seed=1) for backend in ("c", "numpy")]
    curves = [m.fit(data, sg.optim.Adam(0.01), epochs=4, progress=False).curves["loss"] for m in models]
    near(curves[0], curves[1], 1e-12)
    assert capsys.readouterr().err == ""
    text = sg.generate(loss, optimizer=sg.optim.Adam(0.01), backend="c").text
    assert "step = compiled_step" in text


def test_a_step_that_only_numpy_computes_says_so(capsys):
    A = sg.parameter("A", (3, 3))
    loss = sg.sum(sg.det(A + 3 * sg.eye(3)) * sg.gradient(sg.det(A), A) ** 2)
    model = sg.Model(loss, backend="c", dtype="float64", seed=1)
    model.fit({}, sg.optim.SGD(1e-3), epochs=2, progress=False)
    said = capsys.readouterr().err.splitlines()
    assert said == ["symgrad: backend 'c': only NumPy computes cofactor; NumPy computes the training step"]
