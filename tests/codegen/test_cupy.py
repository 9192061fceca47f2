"""The CuPy backend without a GPU: its programs run on a stand-in for CuPy and give NumPy's results.

What the stand-in cannot show - kernels, their rounding, speed - needs the card: the tests with the mark `gpu`.
"""

import ast
import inspect
import os
import re
import subprocess
import sys

import fake_cupy
import numpy as np
import pytest
from checker import near
from networks import RULES, frozen_layers_stay, network
from operation_table import ROWS
from places import SUPPORT
from together import outputs_of

import symgrad as sg
from symgrad.codegen.python.emit import emit_function, module_text
from symgrad.codegen.python.inplace_emit import emit_inplace
from symgrad.codegen.python.job import Job, new_module
from symgrad.codegen.python.libraries import CUPY
from symgrad.codegen.python.load import load
from symgrad.codegen.python.workspace import SLOT, filled
from symgrad.graphs.rewrites.stable import stabilise

TOGETHER = 24
SETTINGS = ("concrete", "symbolic", "samples", "empty", "ones")
NAMES = ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special")


@pytest.fixture
def cupy(monkeypatch):
    """The stand-in in the place of CuPy."""
    for name in NAMES:
        monkeypatch.setitem(sys.modules, name, None)
    return fake_cupy.install(sys.modules)


def a_gpu():
    try:
        import cupy
        return cupy.cuda.is_available()
    except ImportError:
        return False


gpu = [pytest.mark.gpu, pytest.mark.skipif(not a_gpu(), reason="needs an NVIDIA GPU and CuPy")]


def groups():
    """Rows in groups, in every setting."""
    for start in range(0, len(ROWS), TOGETHER):
        for setting in SETTINGS:
            rows = [row for row in ROWS[start:start + TOGETHER] if setting not in row.skip.split()]
            if setting in ("empty", "ones"):
                rows = [row for row in rows if set(row.shapes) & set("ijkl")]
            yield pytest.param(rows, setting, id=f"{start} {setting}")


def agree(rows, setting, dtype, tolerance):
    outputs, at = outputs_of(rows, setting)
    wanted = sg.function(list(at), outputs, dtype=dtype)(*at.values())
    f = sg.function(list(at), outputs, dtype=dtype, backend="cupy")
    for a, b in zip(f(*at.values()), wanted, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        near(a, b, tolerance)


@pytest.mark.parametrize("rows, setting", list(groups()))
def test_operations_are_those_of_numpy(rows, setting, cupy):
    agree(rows, setting, "float64", 1e-10)


@pytest.mark.parametrize("rows, setting", [group for group in groups() if group.values[1] == "samples"])
def test_operations_in_single_precision(rows, setting, cupy):
    agree(rows, setting, "float32", 3e-4)


@pytest.mark.parametrize("rows, setting", [group for group in groups() if group.values[1] in ("concrete", "empty")])
def test_operations_in_place_are_those_of_numpy(rows, setting, cupy):
    """As the steps of a training compute: into arrays that are given, in a workspace that is used again."""
    outputs, at = outputs_of(rows, setting)
    wanted = sg.function(list(at), outputs)(*at.values())
    nodes = [(f"y{k}", node) for k, node in enumerate(stabilise([y.node for y in outputs]))]
    module = new_module(CUPY, "float64")
    done = emit_inplace(Job(module, "f", [(s.name, s.node) for s in at], nodes, doc="All."))
    text = module_text(module, [done])
    text += "\n".join(["import math", "import numpy as np", *done.workspace, filled(SLOT, np="cp")])
    room, arrays = {}, [cupy.asarray(np.asarray(a, {"real": float, "integer": np.int64, "boolean": bool}[s.dtype]))
                        for s, a in at.items()]
    for _ in range(2):
        results = [cupy.asarray(np.full(np.shape(w), 7).astype(np.asarray(w).dtype)) for w in wanted]
        load(text).f(*arrays, *results, *([room] if done.workspace else []))
        for a, b in zip(results, wanted, strict=True):
            near(a.get(), b, 1e-10)


def test_jacobians_hessians_and_determinants(cupy):
    n = 4
    A, b, W = sg.data("A", (n, n)), sg.data("b", n), sg.data("W", (3, n))
    y = sg.logdet(A) + b @ sg.solve(A, b) + sg.sum(sg.tanh(W @ b) ** 2)
    outputs = [y, sg.gradient(y, A), sg.jacobian(sg.tanh(W @ b), W), sg.hessian(y, b), sg.hessian(y, W), sg.hessian(sg.det(A), A),
               sg.hvp(y, b, b), sg.jacobian(sg.softmax(W, axis=0), W), sg.cholesky(A @ A.T)]
    rng = np.random.default_rng(0)
    at = [rng.standard_normal((n, n)) + 4 * np.eye(n), rng.standard_normal(n), rng.standard_normal((3, n))]
    f = sg.function([A, b, W], outputs, backend="cupy")
    for have, want in zip(f(*at), sg.function([A, b, W], outputs)(*at), strict=True):
        near(have, want, 1e-11)
    assert "_diagonal(" in f.source and "cp.linalg.solve" in f.source and "np." not in f.source.replace("cp.", "")


def test_distances_are_those_of_numpy(cupy):
    x, m = sg.data("x", sg.dims("n d")), sg.data("m", sg.dims("k d"))
    squares = sg.sum((x[:, None] - m) ** 2, axis=2)
    at = np.random.default_rng(0).standard_normal((9, 4)), np.random.default_rng(1).standard_normal((5, 4))
    at[0][:3] = at[1][:3]  # computed again
    found, wanted = (sg.function([x, m], squares, backend=backend)(*at) for backend in ("cupy", "numpy"))
    assert "_distances(x, m.T)" in sg.function([x, m], squares, backend="cupy").source and not found[range(3), range(3)].any()
    np.testing.assert_array_equal(found, wanted)


def test_arrays_come_back_as_they_went_in(cupy):
    n = sg.dim("n")
    x, w = sg.data("x", n), sg.data("w", n)
    f = sg.function([x, w], {"y": [x * w, sg.sum(x)]}, backend="cupy", dtype="float32")
    result = f(np.arange(3), np.ones(3))["y"]
    assert type(result[0]) is np.ndarray and type(result[1]) is np.float32
    fake_cupy.READS[0] = 0
    for mixed in (np.ones(3), cupy.asarray(np.ones(3))):
        result = f(cupy.asarray(np.arange(3)), mixed)["y"]
        assert type(result[0]) is type(result[1]) is cupy.ndarray and result[1].shape == () and result[1].dtype == np.float32
    assert fake_cupy.READS == [0]
    with pytest.raises(sg.DataError, match="the size n is 3 at axis 0 of x and 4 at axis 0 of w"):
        f(cupy.asarray(np.ones(3)), np.ones(4))
    with pytest.raises(sg.DataError, match="x: the value is no array of numbers: Implicit conversion"):
        sg.function([x], x)(cupy.asarray(np.ones(3)))


def test_results_are_arrays_of_their_own(cupy):
    x = sg.data("x", (2, 2))
    given = cupy.asarray(np.eye(2))
    for result in sg.function([x], [x, x.T, x[0, 0], sg.diagonal(x), sg.broadcast_to(x[0], (2, 2))], backend="cupy")(given):
        result[...] = 5.0
    assert given.get().tolist() == np.eye(2).tolist()


def test_large_constants_are_moved_once(cupy):
    table, i = np.random.default_rng(0).standard_normal((40, 3)), sg.data("i", 2, dtype="integer")
    f = sg.function([i], sg.constant(table)[i], backend="cupy")
    near(f([3, -1]), table[[3, -1]])
    assert type(f.module.C1) is cupy.ndarray and "attached when this text is loaded" in f.source


@pytest.mark.parametrize("move", [np.asarray, lambda a: sys.modules["cupy"].asarray(np.asarray(a))])
def test_an_index_out_of_range_does_not_wrap(move, cupy):
    x, i, t = sg.data("x", (5, 2)), sg.data("i", 3, dtype="integer"), sg.labels("t", 4, shape=2)
    f = sg.function([x, i, t], [x[i], sg.gradient(sg.sum(x[i] ** 2), x), sg.one_hot(t, 4)], backend="cupy")
    with pytest.raises(sg.DataError, match=r"i: the index 7 at \(1,\) is out of range for an axis of length 5"):
        f(np.zeros((5, 2)), move([0, 7, 1]), [0, 1])
    with pytest.raises(sg.DataError, match=r"t: the label 4 at index \(0,\) is not in 0..3"):
        f(np.zeros((5, 2)), [0, 1, 1], move([4, 1]))
    near(cupy.asnumpy(f(np.arange(10.0).reshape(5, 2), move([0, -1, 4]), [0, 1])[0]), [[0, 1], [8, 9], [8, 9]])


def test_nan_infinity_and_singular_matrices(cupy):
    x, A = sg.data("x", 6), sg.data("A", (2, 2))
    at = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 2.0])
    outputs = [sg.max(x), sg.maximum(x, 0), sg.softmax(x), sg.sigmoid(x), sg.sqrt(x), sg.log(x), sg.logsumexp(x)]
    for a, b in zip(sg.function([x], outputs, backend="cupy")(at), sg.function([x], outputs)(at), strict=True):
        np.testing.assert_allclose(a, b, 1e-14)
    assert not np.isfinite(sg.function([A], sg.inv(A), backend="cupy")(np.ones((2, 2)))).any()  # no LinAlgError from cuSOLVER


# training -------------------------------------------------------------------------------------------------------


T = sg.dim("T")
x, t = sg.data("x", 5, over=T), sg.labels("t", 3, over=T)
DATA = {"x": np.random.default_rng(1).standard_normal((40, 5)), "t": np.random.default_rng(2).integers(0, 3, 40)}


def same_training(rule, tolerance, dtype="float64"):
    loss, predict = network(sg.nn.GELU(), sg.nn.ReLU())
    models = [sg.Model(loss, predict, backend=backend, dtype=dtype, seed=4) for backend in ("numpy", "cupy")]
    histories = [m.fit(DATA, rule, epochs=4, batch_size=12, progress=False, validation=0.2, metrics="accuracy") for m in models]
    for curve in ("loss", "val_loss", "accuracy"):
        near(histories[1].curves[curve], histories[0].curves[curve], tolerance)
    for name, value in models[0].parameters.items():
        assert type(models[1].parameters[name]) is np.ndarray and value.dtype == models[1].parameters[name].dtype
        near(models[1].parameters[name], value, tolerance)
    near(models[1].predict(DATA), models[0].predict(DATA), tolerance)
    assert models[1].evaluate(DATA) == pytest.approx(models[0].evaluate(DATA), abs=tolerance)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_training_is_that_of_numpy(rule, cupy):
    same_training(rule, 1e-9)


def test_what_is_frozen_does_not_decay(cupy):
    frozen_layers_stay("cupy")


def test_training_in_single_precision(cupy):
    same_training(sg.optim.Adam(0.01), 1e-5, "float32")


def test_data_are_moved_once_and_losses_read_once_for_each_epoch(cupy):
    loss, predict = network(sg.nn.Tanh())
    model = sg.Model(loss, predict, backend="cupy")
    model.fit(DATA, epochs=1, batch_size=8, progress=False)
    moves, move = [], cupy.asarray
    model._device = sg.computing.devices.Device(lambda a: moves.append(a) or move(a), model._device.get, model._device.read, True)
    fake_cupy.READS[0] = 0
    model.fit(DATA, epochs=3, batch_size=4, progress=False)
    assert len(moves) == len(DATA) + 3  # and the order of the samples in each epoch
    parameters = len(model.parameters)
    assert fake_cupy.READS[0] <= 3 + (2 + 2 * 3 + 1) * parameters  # one for each epoch, and copies of the parameters around it


def test_a_fit_that_diverges_names_the_step_and_keeps_good_parameters(cupy):
    loss, predict = network(sg.nn.ReLU())
    messages = []
    for backend in ("numpy", "cupy"):
        model = sg.Model(loss, predict, backend=backend, dtype="float64", seed=1)
        with pytest.raises(sg.DivergenceError) as error:
            model.fit(DATA, sg.optim.SGD(1e200), epochs=2, batch_size=10, progress=False)
        messages.append(str(error.value))
        assert all(np.isfinite(array).all() for array in model.parameters.values())
    assert messages[0] == messages[1]


def test_parameters_files_and_steps_are_numpys(tmp_path, cupy):
    loss, predict = network(sg.nn.Tanh())
    model = sg.Model(loss, predict, backend="cupy", dtype="float64", seed=2)
    name = next(iter(model.parameters))
    model.parameters[name] = cupy.asarray(np.full(model.parameters[name].shape, 0.5))
    assert (model.parameters[name] == 0.5).all()
    model.save(tmp_path / "net.npz")
    other = sg.Model(loss, predict, dtype="float64").load(tmp_path / "net.npz")
    near(model.predict({"x": DATA["x"]}), other.predict({"x": cupy.asarray(DATA["x"])}))
    step = model.stepper(DATA)
    assert type(step()) is float and step() > step()
    with pytest.raises(sg.DataError, match="data: t: the label 3 at index"):
        model.fit({"x": DATA["x"], "t": cupy.asarray(DATA["t"] + 1)}, progress=False)


def test_embeddings_check_their_indices_before_training(cupy):
    i, y = sg.data("i", over=T, dtype="integer"), sg.data("y", over=T)
    table = sg.parameter("table", (7, 2), init="normal")
    model = sg.Model(sg.losses.squared_error(sg.sum(table[i]), y), backend="cupy")
    with pytest.raises(sg.DataError, match=r"i: the index 7 at \(1,\) is out of range"):
        model.fit({"i": [0, 7], "y": [1.0, 2.0]}, progress=False)
    history = model.fit({"i": [0, 6, 0], "y": [1.0, 2.0, 1.0]}, sg.optim.Adam(0.1), epochs=60, progress=False)
    assert history.curves["loss"][-1] < 0.05 < history.curves["loss"][0]
    for backend in ("cupy", "numpy"):
        module = sg.generate(model.loss, backend=backend).load()
        with pytest.raises(ValueError, match="i: an index is out of range for an axis of length 7"):
            module.train({"i": [0, -8], "y": [1.0, 2.0]}, log=str)
        module.train({"i": [6, -7], "y": [1.0, 2.0]}, epochs=1, log=str)


# programs and messages --------------------------------------------------------------------------------------------


def program(tmp_path, *arguments, stand_in=True, **more):
    """Runs train.py with the stand-in as CuPy; gives (status, output, errors)."""
    if stand_in:
        text = f"import sys\nsys.path.insert(0, {str(SUPPORT)!r})\nimport fake_cupy\nfake_cupy.install(sys.modules, {more})\n"
        (tmp_path / "cupy.py").write_text(text.replace(", {}", "").replace("{'available': False}", "False"))
    done = subprocess.run([sys.executable, "train.py", "data.npz", *arguments], cwd=tmp_path, text=True, capture_output=True,
                          env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    return done.returncode, done.stdout, done.stderr


def test_generated_code_runs_alone(tmp_path):
    loss, predict = network(sg.nn.GELU())
    np.savez(tmp_path / "data.npz", **DATA)
    said = []
    for backend in ("cupy", "numpy"):
        sg.generate(loss, predict, sg.optim.Adam(0.02), backend=backend).save(tmp_path / "train.py")
        status, output, errors = program(tmp_path, "--epochs", "3", "--predict", "p.npz", "--output", f"{backend}.npz")
        assert status == 0, errors
        said.append([re.sub(r"   \d.*", "", line.rpartition("loss")[2]) for line in output.splitlines()[:3]])
    near(np.array(said[0], float), np.array(said[1], float), 1e-5)
    with np.load(tmp_path / "cupy.npz") as one, np.load(tmp_path / "numpy.npz") as two:
        assert one.files == two.files
        for name in one.files:
            near(one[name], two[name], 1e-5)
    text = sg.generate(loss, predict, backend="cupy").text
    assert "its speed has not been measured" in " ".join(text.split()) and ".reduce(" not in text and "errstate" not in text


def test_a_program_says_on_one_line_what_is_missing(tmp_path):
    loss, predict = network(sg.nn.Tanh())
    sg.generate(loss, predict, backend="cupy").save(tmp_path / "train.py")
    (tmp_path / "cupy.py").write_text("raise ModuleNotFoundError(\"No module named 'cupy'\", name='cupy')")
    status, output, errors = program(tmp_path, stand_in=False)
    assert (status, output) == (2, "") and errors == (
        "train.py: CuPy cannot be imported: No module named 'cupy'; this program needs a GPU and `pip install cupy-cuda12x` "
        "(or cupy-cuda13x)\n")
    status, output, errors = program(tmp_path, available=False)
    assert (status, output) == (2, "") and errors.startswith("train.py: no NVIDIA GPU with a driver is found; ")


def test_the_help_needs_no_gpu(tmp_path):
    """With constants of all sizes and functions of CuPy's further modules, which are there before the command line is."""
    x, w, weights = sg.data("x", 4, over=sg.dim("T")), sg.parameter("w", 4), np.arange(1200.0).reshape(300, 4)
    loss = sg.empirical_risk(sg.sum(sg.erf(sg.constant(weights) @ (x * w))) + sg.sum(sg.constant([1.0, 2.0, 3.0, 4.0]) * w))
    sg.generate(loss, backend="cupy").save(tmp_path / "train.py")
    (tmp_path / "cupy.py").write_text("raise ModuleNotFoundError(\"No module named 'cupy'\", name='cupy')")

    def said(*words):
        return subprocess.run([sys.executable, "train.py", *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    for word in ("-h", "--help"):
        done = said(word)
        assert (done.returncode, done.stderr) == (0, "") and "--epochs" in done.stdout
    for words in ((), ("data.npz",), ("--check",)):
        done = said(*words)
        assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1 and "cupy-cuda12x" in done.stderr


@pytest.mark.parametrize("ask", [
    lambda: sg.function([x, t], x, backend="cupy"), lambda: sg.Model(network()[0], backend="cupy"),
    lambda: sg.generate(network()[0], backend="cupy").load()])
def test_what_is_missing_is_one_clear_error(ask, monkeypatch):
    for name in NAMES:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(sg.BackendError, match=r"^backend 'cupy': CuPy is not installed: pip install 'symgrad\[gpu-cuda12\]'"):
        ask()
    fake_cupy.install(sys.modules, available=False)
    with pytest.raises(sg.BackendError, match=r"finds no NVIDIA GPU.*gpu-cuda13\)\. sg.generate"):
        ask()


def test_names_of_modules_are_not_taken_by_symbols(cupy):
    a, b, n = sg.data("cp", 2), sg.data("cupyx", 2), sg.dim("cp")
    near(sg.function([a, b], sg.tanh(a) + sg.erf(b), backend="cupy")(np.ones(2), np.zeros(2)), np.tanh(np.ones(2)))
    X, w = sg.data("X", n, over=T), sg.parameter("cp", n)
    model = sg.Model(sg.losses.squared_error(w @ X, 1.0), backend="cupy")
    model.fit({"X": np.ones((3, 2))}, epochs=1, progress=False)


# the stand-in and CuPy itself ---------------------------------------------------------------------------------------


def test_the_stand_in_forbids_what_cupy_forbids(cupy):
    a = cupy.asarray(np.eye(3))
    with pytest.raises(AttributeError):
        cupy.add.reduce(a)
    with pytest.raises(AttributeError):
        cupy.vecdot(a, a)
    with pytest.raises(TypeError):
        cupy.einsum("ij,ij->i", a, a, out=a)
    with pytest.raises(TypeError):
        np.tanh(a)
    with pytest.raises(TypeError):
        a + np.ones(3)
    with pytest.raises(ValueError):
        cupy.dot(a, a, out=a.T)
    cupy.einsum("ii->i", a)[...] = 5.0
    assert a.get().tolist() == np.eye(3).tolist()


def sources():
    """The texts that the backend writes for all operations, and two programs."""
    for start in range(0, len(ROWS), TOGETHER):
        outputs, at = outputs_of([row for row in ROWS[start:start + TOGETHER] if "symbolic" not in row.skip], "symbolic")
        nodes = [(f"y{k}", node) for k, node in enumerate(stabilise([y.node for y in outputs]))]
        inputs = [(s.name, s.node) for s in at]
        module = new_module(CUPY, "float32")
        yield module_text(module, [emit_function(Job(module, "f", inputs, nodes)),
                                   emit_inplace(Job(module, "g", inputs, nodes, doc="All."))])
    yield sg.generate(network(sg.nn.GELU())[0], optimizer=RULES[-1], backend="cupy").text


# methods of dicts, texts, files, NumPy's generators and arrays in the frame of a program
OWN = """.clear .values .items .setdefault .append .join .split .partition .replace .exists .remove .open .write_array .load .savez
.add_argument .ArgumentParser .parse_args .error .exit .ZipFile .perf_counter .default_rng .permutation .uniform .isfinite
.sqrt .can_cast .argwhere .tolist .is_available .Get_rank .Get_size .Allreduce .all_reduce .add .part .look .exchange
.listening .rest .suppress .signal""".split()


def calls(text):
    """The calls with a dot in a text: ("cp.linalg.inv" or ".sum", the call)."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            path = ast.unparse(node.func)
            yield (path if re.fullmatch(r"(cp|cupyx)(\.\w+)+", path) else f".{node.func.attr}"), node


def test_cupy_has_every_name_and_argument():
    """All calls in emitted texts, bound to the signatures of CuPy itself; this needs no GPU."""
    cupy = pytest.importorskip("cupy")
    import cupyx.scipy.special

    checked = set()
    for path, call in [found for text in sources() for found in calls(text)]:
        words = {word.arg for word in call.keywords}
        checked.add(path)
        if path[0] == ".":  # a method of an array, unless it is one of Python's own
            assert hasattr(cupy.ndarray, path[1:]) or path in OWN, ast.unparse(call)
            first = (getattr(getattr(cupy.ndarray, path[1:], None), "__doc__", None) or "").partition("\n")[0]
            assert not first or all(f"{word}=" in first for word in words), ast.unparse(call)
            continue
        target = {"cp": cupy, "cupyx": cupyx}[path.partition(".")[0]]
        for name in path.split(".")[1:]:
            target = getattr(target, name)
        if isinstance(target, cupy.ufunc):
            assert words <= {"out", "dtype", "casting"} and len(call.args) == target.nin, ast.unparse(call)
        elif path.endswith(".at"):  # without a signature; only what has a sum of its own may call it
            assert path == "cp.add.at" and len(call.args) == 3 and not words, ast.unparse(call)
        elif not isinstance(target, type) and not any(isinstance(a, ast.Starred) for a in call.args):
            inspect.signature(target).bind(*call.args, **dict.fromkeys(words))
    assert {"cp.dot", "cp.matmul", "cp.add.at", "cp.linalg.slogdet", "cupyx.scipy.special.erf", ".sum", ".cumsum"} <= checked
    for name, target in {**fake_cupy.FUNCTIONS, **{f"linalg.{n}": f for n, f in fake_cupy.LINALG.items()}}.items():
        real = cupy
        for part in name.split("."):
            real = getattr(real, part)
        if not isinstance(real, (cupy.ufunc, type)) and name not in ("einsum", "matmul"):
            assert list(inspect.signature(target).parameters) == list(inspect.signature(real).parameters), name
    for name, target in vars(fake_cupy.ndarray).items():
        if inspect.isfunction(target) and not name.startswith("_"):
            first = getattr(cupy.ndarray, name).__doc__.partition("\n")[0]
            assert all(re.search(rf"\b{word}\b", first) for word in inspect.signature(target).parameters if word != "self"), name


# on the card --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows, setting", [pytest.param(*group.values, marks=gpu, id=group.id) for group in groups()])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-9), ("float32", 1e-3)])
def test_operations_on_the_card(rows, setting, dtype, tolerance):
    agree(rows, setting, dtype, tolerance)


@pytest.mark.parametrize("rule", [pytest.param(rule, marks=gpu, id=repr(rule)) for rule in RULES])
def test_training_on_the_card(rule):
    same_training(rule, 1e-7)
