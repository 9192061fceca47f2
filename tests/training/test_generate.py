"""Generated training modules: they run alone, equal the model, read well, and do not depend on the session."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
from places import ROOT

import symgrad as sg
from symgrad import optim
from symgrad.training.model import Model
from symgrad.training.source import generate

R = np.random.default_rng(0)
T = sg.dim("T")
X, Y = R.standard_normal((50, 3)), R.standard_normal((50, 2))
# OpenBLAS's own settings come along: a program is compared bit for bit with this process, kernels must be the same.
ENVIRONMENT = {"PATH": os.environ["PATH"], **{k: v for k, v in os.environ.items() if k.startswith("OPENBLAS_")},
               "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def network():
    """The lecture's kind of network, small: symbols x^0 and y, parameters W1 b1 W2 b2."""
    x, y = sg.data("x^0", 3, over=T), sg.data("y", 2, over=T)
    W1, b1 = sg.parameter("W1", (4, 3)), sg.parameter("b1", 4)
    W2, b2 = sg.parameter("W2", (2, 4)), sg.parameter("b2", 2)
    a1 = (W1 @ x + b1).named("a^1")
    x1 = sg.tanh(a1).named("x^1")
    a2 = (W2 @ x1 + b2).named("a^2")
    return sg.losses.squared_error(a2, y), a2


def run(path, *words, status=0):
    """The module as a program, cut off from everything installed but NumPy; what it printed."""
    done = subprocess.run([sys.executable, "-I", str(path), *map(str, words)], cwd=path.parent, text=True,
                          capture_output=True, env=ENVIRONMENT)
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


def test_the_text(golden):
    loss, predict = network()
    golden("train_network.py.txt", generate(loss, predict, optim.Adam(0.01), title="Two layers.").text)


def check(loss, data, optimizer, tmp_path, **more):
    """Module, program and model take the same course to the last bit."""
    source = generate(loss, optimizer=optimizer, **more)
    path = source.save(tmp_path / "train.py")
    trained = source.load().train(data, epochs=3, batch_size=16, seed=5, log=lambda line: None)
    model = Model(loss, seed=5, **more)
    model.fit(data, optimizer, epochs=3, batch_size=16, progress=False)
    np.savez(tmp_path / "data.npz", **data)
    run(path, "data.npz", "--epochs", 3, "--batch-size", 16, "--seed", 5, "--output", "out.npz")
    with np.load(tmp_path / "out.npz") as alone:
        assert list(trained) == list(model.parameters) == alone.files
        for name, value in trained.items():
            assert value.dtype == np.dtype(more.get("dtype", "float32"))
            np.testing.assert_array_equal(value, model.parameters[name])
            np.testing.assert_array_equal(value, alone[name])
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "100", "--select", "E,F,W,I,B,UP,C4",
            "--ignore", "B905,E741", "--target-version", "py311", str(path)]
    done = subprocess.run(ruff, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def models():
    x, y = sg.data("x", 3, over=T), sg.data("y", 2, over=T)
    n, d, k = sg.dims("n d k")
    A, b, w = sg.data("A", (n, d)), sg.data("b", n), sg.parameter("w", d)
    xs, V = sg.data("x", d, over=T), sg.parameter("V", (k, d), init="he_normal")
    lam, big = sg.parameter("lambda", init=0.5), sg.constant(R.standard_normal((20, 5)), name="C")
    label = sg.labels("label", 2, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(3, 5), sg.nn.GELU(), sg.nn.Linear(5, 2))
    theta = sg.parameter("θ'", 3, init=[1.0, 2.0, 3.0])
    B = sg.parameter("B", (3, 40), init=np.arange(120.0).reshape(3, 40) / 100)
    fixed = sg.data("x", 3, over=50)
    S = sg.dim("S")
    z, W = sg.data("z", 2, over=S), sg.parameter("W", (2, 2))
    xy = {"x": X, "y": Y}
    return {
        "network": (network()[0], {"x^0": X, "y": Y}, optim.Adam(0.01), {}),
        "layers": (sg.losses.cross_entropy(net(x), label), {"x": X, "label": (X[:, 0] > 0).astype(int)},
                   optim.AdamW(0.01), {}),
        "matrices": (sg.mean((A @ w - b) ** 2), {"A": X, "b": Y[:, 0]}, optim.SGD(0.1, momentum=0.9), {"dtype": "float64"}),
        "sizes": (sg.losses.mse(V @ xs, sg.data("y", k, over=T)), xy, optim.RMSprop(), {}),
        "constants": (sg.empirical_risk(sg.losses.mse(lam * x[:2], y)) + 0.01 * sg.sum((lam * big) ** 2), xy,
                      optim.Adagrad(0.1, lr_decay=0.1), {"dtype": "float64"}),
        "names": (sg.sum((B.T @ theta) ** 2) * 1e-3 + sg.empirical_risk(sg.sum((theta * x) ** 2)), {"x": X},
                  optim.Adam(0.1, amsgrad=True, weight_decay=0.1), {"dtype": "float64"}),
        "fixed": (sg.losses.mse(theta * fixed, fixed), {"x": X}, optim.SGD(0.1), {"dtype": "float64"}),
        "two kinds": (sg.empirical_risk(sg.sum((W @ y) ** 2)) + sg.empirical_risk(sg.sum((W @ z - 1) ** 2)),
                      {"y": Y, "z": Y[:9]}, optim.SGD(0.1, 0.9, nesterov=True), {"dtype": "float64"}),
    }


@pytest.mark.parametrize("name", models())
def test_module_program_and_model_agree(name, tmp_path):
    loss, data, optimizer, more = models()[name]
    check(loss, data, optimizer, tmp_path, **more)


def test_backward_is_the_gradient():
    loss, predict = network()
    module = generate(loss, predict, dtype="float64").load()
    params, batch = module.init(3), [X, Y]
    value, gradients = module.backward(*params.values(), *batch)
    assert value == module.forward(*params.values(), *batch)
    for name, array in params.items():
        direction = R.standard_normal(array.shape)
        h = 1e-6
        ends = [module.forward(*{**params, name: array + s * h * direction}.values(), *batch) for s in (1, -1)]
        assert (gradients[name] * direction).sum() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-7)


def test_program_starts_again_and_predicts(tmp_path):
    loss, predict = network()
    path = generate(loss, predict, optim.SGD(0.05)).save(tmp_path / "train.py")
    np.savez(tmp_path / "data.npz", **{"x^0": X, "y": Y})
    said = run(path, "data.npz", "--epochs", 2, "--output", "a.npz")
    assert said.startswith("epoch   1   loss ") and "parameters in a.npz" in said
    run(path, "data.npz", "--epochs", 0, "--start", "a.npz", "--output", "b.npz", "--predict", "p.npz")
    model = Model(loss, predict).load(tmp_path / "b.npz")
    assert np.load(tmp_path / "a.npz")["W1"].tobytes() == model.parameters["W1"].tobytes()
    np.testing.assert_allclose(np.load(tmp_path / "p.npz")["prediction"], model.predict({"x^0": X}), rtol=1e-5)
    help_text = run(path, "--help")
    for option in ("--epochs", "--batch-size", "--lr", "--seed", "--output", "x^0, y"):
        assert option in help_text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz", "data.npz", "p.npz", "train.py"]


@pytest.mark.parametrize("data, words", [
    ({"x^0": X}, "there is no array 'y'; there are x^0"),
    ({"x^0": X, "y": Y[:-1]}, "y: axis 0 has length 49, not 50"),
    ({"x^0": X[:, :2], "y": Y}, "x^0: axis 1 has length 2, not 3"),
    ({"x^0": X[:, 0], "y": Y}, "x^0: shape (50,)"),
    ({"x^0": X, "y": np.where(Y == Y[3, 1], np.nan, Y)}, "y: NaN or infinity at [3, 1]"),
    ({"x^0": X[:0], "y": Y[:0]}, "x^0: the array is empty"),
    ({"x^0": X.astype(str), "y": Y}, "x^0: <U"),
    ({"x^0": X * 1e20, "y": Y}, "the loss is inf in epoch 1"),
    ({"x^0": np.array([{"pickled": 1}], dtype=object), "y": Y}, "holds pickled objects, not plain arrays"),
])
def test_program_says_what_is_wrong_with_the_data(data, words, tmp_path):
    x, y, W = sg.data("x^0", 3, over=T), sg.data("y", 2, over=T), sg.parameter("W", (2, 3))
    path = generate(sg.losses.squared_error(W @ x, y)).save(tmp_path / "train.py")
    np.savez(tmp_path / "data.npz", **data)
    said = run(path, "data.npz", status=1)
    assert words in said and "Traceback" not in said
    assert not (tmp_path / "model.npz").exists()
    assert "train.py: " in run(path, "none.npz", status=1)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize(("parameters", "words"), [
    ({"W": np.ones((3, 3)), "u": np.ones(3)}, "W: axis 0 has length 3, not 4"),  # C would read beyond its end
    ({"W": np.ones((4, 3)), "u": np.ones(2)}, "u: axis 0 has length 2, not 3"),
    ({"W": np.ones((4, 3)), "u": np.ones((3, 1))}, "u: shape (3, 1), but ('d',) is needed"),
    ({"W": np.ones((4, 3)), "u": np.ones(3) * 1j}, "u: complex128 values, but float32 is needed"),
    ({"W": np.ones((4, 3))}, "there is no array 'u'; there are W"),
])
def test_parameters_to_start_from_are_checked(backend, parameters, words, tmp_path):
    d = sg.dim("d")
    W, u = sg.parameter("W", (4, d)), sg.parameter("u", d)
    x, y = sg.data("x", d, over=T), sg.data("y", over=T)
    loss = sg.losses.squared_error(sg.sum(sg.tanh(W @ x)) + u @ x, y)
    source = generate(loss, optimizer=optim.SGD(0.1), backend=backend)
    module = source.load()
    data = {"x": X, "y": Y[:, 0]}
    with pytest.raises(ValueError, match=re.escape(words)):
        module.train(data, params=parameters)
    np.savez(tmp_path / "start.npz", **parameters)
    np.savez(tmp_path / "data.npz", **data)
    told = run(source.save(tmp_path / "train.py"), "data.npz", "--start", "start.npz", status=1)
    assert told.strip() == f"train.py: start.npz: {words}"


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_parameters_to_start_from_may_be_of_another_kind_and_order(backend):
    loss, _ = network()
    module = generate(loss, optimizer=optim.SGD(0.1), backend=backend).load()
    start = {name: R.standard_normal(array.shape).round(3) for name, array in module.init(0).items()}
    single = {name: array.astype(np.float32) for name, array in start.items()}
    data = {"x^0": X, "y": Y}
    wanted = module.train(data, params=single, log=lambda line: None)
    found = module.train(data, params=dict(reversed(start.items())), log=lambda line: None)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.float32


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_step_converts_the_batch(backend):
    loss, _ = network()
    module = generate(loss, optimizer=optim.SGD(0.1), backend=backend).load()
    taken = []
    for batch in ([X, Y], [X.astype("f"), Y.astype("f")], [np.asfortranarray(X), Y.tolist()]):
        state = module.begin(module.init(0))
        taken.append([module.step(state, batch) for _ in range(3)])
    np.testing.assert_array_equal(taken, [taken[1]] * 3)
    with pytest.raises(ValueError, match="the batch does not fit: .*complex128 values, but float32 is needed"):
        module.step(module.begin(module.init(0)), [X * 1j, Y])


def test_one_array_is_no_npz_file(tmp_path):
    path = generate(network()[0], optimizer=optim.SGD(0.1)).save(tmp_path / "train.py")
    np.save(tmp_path / "data.npy", X)
    told = run(path, "data.npy", status=1)
    assert told.strip() == "train.py: data.npy: one array without a name; an .npz file holds arrays by name"


def test_labels_are_checked(tmp_path):
    x, label = sg.data("x", 3, over=T), sg.labels("label", 2, over=T)
    module = generate(sg.losses.cross_entropy(sg.parameter("W", (2, 3)) @ x, label)).load()
    good = {"x": X, "label": np.arange(50) % 2}
    module.train(good, epochs=1, log=lambda line: None)
    with pytest.raises(ValueError, match="label: labels must lie in 0..1"):
        module.train({**good, "label": np.arange(50) % 3})
    with pytest.raises(ValueError, match="label: float64 values, but int64"):
        module.train({**good, "label": np.zeros(50)})


def test_what_predict_is_where_nobody_says():
    loss, _ = network()
    assert "def predict(W1, b1, W2, b2, x0):" in generate(loss).text and "return a2" in generate(loss).text
    n = sg.dim("n")
    A, b, w = sg.data("A", (n, 3)), sg.data("b", n), sg.parameter("w", 3)
    assert "return A @ w" in generate(sg.sum((A @ w - b) ** 2)).text.replace("prediction = A @ w\n    return prediction",
                                                                           "return A @ w")
    ridge = generate(sg.sum((A @ w - b) ** 2) + sg.sum(w * w))  # w acts on the loss by two ways
    assert "def predict" not in ridge.text and not hasattr(ridge.load(), "predict")


def test_a_step_of_many_parameters_has_a_head_of_several_lines():
    """`gradients` takes its workspace last, wherever the lines of its arguments break."""
    a = sg.data("x", 3, over=T)
    for k in range(8):
        a = sg.tanh(sg.parameter(f"weights{k}", (3, 3)) @ a + sg.parameter(f"bias{k}", 3))
    model = Model(sg.losses.squared_error(a, sg.data("y", 3, over=T)), dtype="float64")
    step = model.stepper({"x": X, "y": X})
    assert step() > step()


def test_large_constants_lie_beside_the_text(tmp_path):
    loss = models()["constants"][0]
    path = generate(loss).save(tmp_path / "train.py")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.constants.npz", "train.py"]
    assert 'C = LARGE["C"]' in path.read_text(encoding="utf-8")
    run(path, "--help")


def test_one_text_whatever_the_session(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import symgrad as sg\n"
        "T = sg.dim('T'); x, y = sg.data('x', 3, over=T), sg.labels('y', 4, over=T)\n"
        "[sg.nn.Linear(2, 2) for _ in range(int(sys.argv[2]))]\n"
        "net = sg.nn.Sequential(sg.nn.Linear(3, 5), sg.nn.ReLU(), sg.nn.Linear(5, 4))\n"
        "print(sg.generate(sg.losses.cross_entropy(net(x), y), optimizer=sg.optim.AdamW()).text)")
    texts = set()
    for seed, others in (("0", "0"), ("1", "3"), ("2026", "0")):
        done = subprocess.run([sys.executable, "-c", code, str(ROOT), others], cwd=tmp_path, text=True, check=True,
                              capture_output=True, env={**ENVIRONMENT, "PYTHONHASHSEED": seed})
        texts.add(done.stdout)
    assert len(texts) == 1


@pytest.mark.parametrize("options, kind, words", [
    ({"optimizer": "adam"}, sg.SymgradError, "must be one of sg.optim"),
    ({"outputs": sg.data("x", 2), "predict": sg.data("x", 2)}, sg.SymgradError, "not both"),
    ({"backend": "fortran"}, sg.BackendError, "'fortran'"),
    ({"dtype": "float16"}, sg.BackendError, "float16"),
    ({"sizes": {"T": 0}}, sg.DataError, "T"),
])
def test_what_cannot_be_generated(options, kind, words):
    with pytest.raises(kind, match=words):
        generate(network()[0], **options)


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(sg.SymgradError, match="no folder"):
        generate(network()[0]).save(tmp_path / "none" / "train.py")


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_program_has_the_names_of_the_derivation(backend):
    n, d = sg.dims("n d")
    X, Y, gamma, beta = sg.data("X", (n, d)), sg.data("Y", (n, d)), sg.parameter("γ", d, init="ones"), sg.parameter("β", d)
    x = (X - sg.mean(X, axis=0)) / sg.sqrt(sg.var(X, axis=0) + 1e-5)
    loss = sg.mean((gamma * x + beta - Y) ** 2)
    source = sg.generate(loss, backend=backend, dtype="float64")
    for step in sg.derive(loss).steps:
        if step.kind == "forward":
            assert step.formula in source.text, step.formula
    assert "x_hat" in source.text
    rng = np.random.default_rng(1)
    values = [rng.normal(size=3) for _ in "ab"] + [rng.normal(size=(7, 3)) for _ in "ab"]
    total, found = source.load().backward(*values)
    right = sg.function([gamma, beta, X, Y], {"loss": loss, "γ": sg.gradient(loss, gamma), "β": sg.gradient(loss, beta)})(*values)
    np.testing.assert_allclose(total, right["loss"])
    for name in ("γ", "β"):
        np.testing.assert_allclose(found[name], right[name], rtol=1e-10, atol=1e-12)
