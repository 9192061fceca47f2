"""The state of a training: copies, pickles and states that were set train as the original; files go on bit for bit."""

import copy
import importlib.util
import pickle
import subprocess
import sys

import numpy as np
import pytest

import symgrad as sg
from symgrad import optim

T = sg.dim("T")
R = np.random.default_rng(0)
X, Y = R.standard_normal((64, 4)), R.integers(0, 3, 64)
BATCH = [X.astype("f4"), Y]
RULES = {"SGD": optim.SGD(0.1), "momentum": optim.SGD(0.1, momentum=0.9, nesterov=True), "Adam": optim.Adam(0.05),
         "amsgrad": optim.Adam(0.05, amsgrad=True), "RMSprop": optim.RMSprop(0.01), "Adagrad": optim.Adagrad(0.1)}


def loss_of(frozen=False):
    x, t = sg.data("x", 4, over=T), sg.labels("t", classes=3, over=T)
    first = sg.nn.Linear(4, 5)
    if frozen:
        first.freeze()
    net = sg.nn.Sequential(first, sg.nn.Tanh(), sg.nn.Linear(5, 3))
    return sg.empirical_risk(sg.losses.cross_entropy(net(x), t))


def four(module, state, batch=BATCH):
    return [float(module.step(state, batch)) for _ in range(4)]


def begun(module, seed=0):
    state = module.begin(module.init(seed))
    module.step(state, BATCH)
    return state


def as_file(source, folder, name):
    """The program as a module that can be imported, as pickle does."""
    path = source.save(folder / f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WAYS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "method": lambda s: s.copy(), "dict": lambda s: {**s},
        "pickle": lambda s: pickle.loads(pickle.dumps(s)),
        "twice": lambda s: copy.deepcopy(pickle.loads(pickle.dumps(copy.copy(s))))}


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("rule", RULES)
def test_a_copy_trains_as_the_original_and_leaves_it_alone(rule, backend, tmp_path):
    source = sg.generate(loss_of(), optimizer=RULES[rule], backend=backend)
    name = f"program_{rule}_{backend}"
    try:
        for module in (source.load(), as_file(source, tmp_path, name)):
            wanted = four(module, begun(module))
            assert wanted[0] > wanted[-1]
            for way, again in WAYS.items():
                state = begun(module)
                other = again(state)
                before = {key: value.copy() for key, value in state["params"].items()}
                assert four(module, other) == wanted, way
                for key, value in before.items():
                    np.testing.assert_array_equal(state["params"][key], value, err_msg=way)
                assert four(module, state) == wanted, way
    finally:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_copy_lives_on_when_the_original_is_gone(backend):
    big = sg.parameter("big", 300_000)
    y = sg.data("y", over=T)
    module = sg.generate(sg.empirical_risk((sg.sum(big) - y) ** 2), optimizer=optim.SGD(1e-6), backend=backend).load()
    state = module.begin(module.init(0))
    module.step(state, [np.ones(2, "f4")])
    other = copy.deepcopy(state)
    del state
    rubbish = [np.full(300_000, np.nan, "f4") for _ in range(4)]
    assert np.isfinite([module.step(other, [np.ones(2, "f4")]) for _ in range(3)]).all() and len(rubbish) == 4


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_what_is_set_counts_from_the_next_step(backend):
    module = sg.generate(loss_of(), optimizer=optim.SGD(0.1), backend=backend).load()
    other = module.init(1)
    wanted = four(module, module.begin(other))
    state = begun(module)
    state["params"] = other
    assert four(module, state) == wanted
    np.testing.assert_array_equal(other["W1"], module.init(1)["W1"], err_msg="what was given stays as it was")
    mixed = module.init(0) | {"W1": other["W1"]}
    wanted = four(module, module.begin(mixed))
    state = module.begin(module.init(0))
    state["params"]["W1"] = other["W1"]
    assert four(module, state) == wanted
    state = begun(module)
    state["params"].update(mixed)
    assert four(module, state) == wanted
    state = begun(module)
    state["theta"] = module.begin(mixed)["theta"]
    assert four(module, state) == wanted
    for state in (pickle.loads(pickle.dumps(begun(module))), dict(begun(module))):
        state["params"] = mixed
        assert four(module, state) == wanted


def test_what_an_optimiser_keeps_can_be_set():
    module = sg.generate(loss_of(), optimizer=optim.Adam(0.05)).load()
    state, other = begun(module), module.begin(module.init(0))
    for name in ("params", "t", "m", "v"):
        other[name] = state[name]
    assert four(module, other) == four(module, state)


@pytest.mark.parametrize("change, words", [
    (lambda s: s["params"].__setitem__("W1", np.ones((4, 5))), r"W1: shape \(4, 5\), but \(5, 4\) is needed"),
    (lambda s: s["params"].__setitem__("W1", np.ones((5, 4)) * 1j), "W1: complex128 values, but float32 is needed"),
    (lambda s: s["params"].__setitem__("W9", np.ones((5, 4))), "there is no 'W9', only W1, b1, W2, b2"),
    (lambda s: s.__setitem__("params", {"W1": np.ones((5, 4))}), "params are W1, b1, W2, b2, not W1"),
    (lambda s: s.__setitem__("m", np.ones(3)), r"m: shape \(3,\), but \(43,\) is needed"),
    (lambda s: s.__setitem__("n", 3), "there is no 'n'"),
    (lambda s: s["params"].pop("W1"), "'W1' is part of a whole"),
    (lambda s: s.clear(), "is part of a whole"),
])
def test_what_cannot_be_set_is_refused_as_a_whole(change, words):
    module = sg.generate(loss_of(), optimizer=optim.Adam(0.05)).load()
    state = begun(module)
    with pytest.raises((ValueError, KeyError, TypeError), match=words):
        change(state)
    assert four(module, state) == four(module, begun(module))


def test_params_given_crosswise_are_read_before_they_are_written():
    a, b, y = sg.parameter("a", 3, init=[1, 2, 3]), sg.parameter("b", 3, init=[4, 5, 6]), sg.data("y", over=T)
    module = sg.generate(sg.empirical_risk((a @ a - b @ b - y) ** 2)).load()
    state = module.begin(module.init(0))
    state["params"] = {"a": state["params"]["b"], "b": state["params"]["a"]}
    assert state["theta"].tolist() == [4, 5, 6, 1, 2, 3]


def test_frozen_parameters_stay_in_copies():
    module = sg.generate(loss_of(frozen=True), optimizer=optim.Adam(0.05, weight_decay=0.1)).load()
    state = copy.deepcopy(begun(module))
    four(module, state)
    np.testing.assert_array_equal(state["params"]["W1"], module.init(0)["W1"])
    assert not np.array_equal(state["params"]["W2"], module.init(0)["W2"])


# files ------------------------------------------------------------------------------------------------------


def program(folder, *arguments, status=0):
    done = subprocess.run([sys.executable, "p.py", "d.npz", *map(str, arguments)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_program_goes_on_where_it_stopped(backend, tmp_path):
    sg.generate(loss_of(), optimizer=optim.Adam(0.05), backend=backend).save(tmp_path / "p.py")
    np.savez(tmp_path / "d.npz", x=X, t=Y)
    program(tmp_path, "--epochs", 5, "--output", "five.npz")
    program(tmp_path, "--epochs", 2, "--output", "two.npz", "--checkpoint", "state.npz")
    told = program(tmp_path, "--epochs", 5, "--resume", "state.npz", "--checkpoint", "state.npz", "--output", "rest.npz")
    assert [line.split()[1] for line in told.splitlines()[:3]] == ["3", "4", "5"]
    with np.load(tmp_path / "five.npz") as whole, np.load(tmp_path / "rest.npz") as parts:
        assert whole.files == parts.files == ["W1", "b1", "W2", "b2"]
        for name in whole.files:
            np.testing.assert_array_equal(whole[name], parts[name])
    again = program(tmp_path, "--epochs", 5, "--resume", "state.npz", "--output", "again.npz")
    assert "epoch" not in again, "all epochs are done"
    words = program(tmp_path, "--resume", "five.npz", status=1)
    assert words.strip() == "p.py: five.npz: it holds parameters, but no training to go on with"
    sg.generate(loss_of(), optimizer=optim.SGD(0.05), backend=backend).save(tmp_path / "p.py")
    assert "state.npz: it was trained by Adam(" in program(tmp_path, "--resume", "state.npz", status=1)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("rule", ["Adam", "momentum", "SGD"])
def test_a_model_goes_on_after_fits_copies_and_files(rule, backend, tmp_path):
    def made():
        return sg.Model(loss, seed=3, backend=backend)

    def fit(model, epochs):
        return model.fit({"x": X, "t": Y}, RULES[rule], epochs=epochs, batch_size=10, progress=False)

    loss = loss_of()
    whole, parts = made(), made()
    fit(whole, 4)
    fit(parts, 2)
    copies = [copy.copy(parts), copy.deepcopy(parts), pickle.loads(pickle.dumps(parts)),
              made().load(parts.save(tmp_path / "m.npz")), made().load(made().load(tmp_path / "m.npz").save(tmp_path / "n.npz"))]
    for model in (*copies, parts):
        fit(model, 2)
        for name, array in whole.parameters.items():
            np.testing.assert_array_equal(model.parameters[name], array)


def test_a_program_and_a_model_read_the_same_file(tmp_path):
    loss = loss_of()
    sg.generate(loss, optimizer=optim.Adam(0.05)).save(tmp_path / "p.py")
    np.savez(tmp_path / "d.npz", x=X, t=Y)
    model = sg.Model(loss)
    model.fit({"x": X, "t": Y}, optim.Adam(0.05), epochs=2, progress=False)
    model.save(tmp_path / "model.npz")
    program(tmp_path, "--epochs", 3, "--resume", "model.npz", "--checkpoint", "more.npz", "--output", "out.npz")
    other = sg.Model(loss).load(tmp_path / "more.npz")
    model.fit({"x": X, "t": Y}, optim.Adam(0.05), epochs=1, progress=False)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], array)
    for each in (model, other):
        each.fit({"x": X, "t": Y}, optim.Adam(0.05), epochs=1, progress=False)
    np.testing.assert_array_equal(other.parameters["W1"], model.parameters["W1"])


def test_another_rule_or_new_parameters_begin_anew():
    def fit(model, rule):
        model.fit({"x": X, "t": Y}, rule, epochs=1, batch_size=None, progress=False)
        return model.parameters["W1"]

    loss = loss_of()
    start = dict(sg.Model(loss).parameters)
    wanted = fit(sg.Model(loss), optim.Adam(0.05))
    model = sg.Model(loss)
    fit(model, optim.Adam(0.05))
    model.parameters = start
    np.testing.assert_array_equal(fit(model, optim.Adam(0.05)), wanted)
    fit(model, optim.SGD(0.1))
    assert model._course.epochs == 1
    fit(model, optim.SGD(0.01))
    assert model._course.epochs == 2, "the rate of learning may change on the way"


def test_copies_share_nothing():
    model = sg.Model(loss_of())
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.parameters["b2"] = [1, 2, 3]
        assert not model.parameters["b2"].any() and repr(other) == repr(model)
    n = sg.dim("n")
    unsized = sg.Model(sg.empirical_risk((sg.parameter("w", n) @ sg.data("x", n, over=T)) ** 2))
    with pytest.raises(sg.SymgradError, match="those of the data"):
        copy.deepcopy(unsized).parameters  # noqa: B018 - it raises


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_functions_pickle_and_copy(backend):
    w = sg.parameter("w", 3)
    f = sg.function([w], {"loss": sg.sum(w**2), "gradient": sg.gradient(sg.sum(w**2), w)}, backend=backend, dtype="float32")
    for other in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert other is not f and other.source == f.source
        np.testing.assert_array_equal(other([1, 2, 3])["gradient"], f(w=[1, 2, 3])["gradient"])


def test_methods_that_would_take_parameters_away_say_so():
    model = sg.Model(loss_of())
    for wrong in (lambda p: p.pop("W1"), lambda p: p.clear(), lambda p: p.popitem(), lambda p: p.__delitem__("W1")):
        with pytest.raises(sg.SymgradError, match="belongs? to the model and cannot be deleted"):
            wrong(model.parameters)
    with pytest.raises(sg.DataError, match="unknown 'V'"):
        model.parameters.setdefault("V", 3)
    assert model.parameters.setdefault("b1", 3).shape == (5,)
