"""Random operations of a model: on in its fits and programs, off elsewhere; a training goes on with the masks it had."""

import copy
import pickle
import subprocess
import sys

import fake_cupy
import numpy as np
import pytest

import symgrad as sg

T = sg.dim("T")
RNG = np.random.default_rng(0)
DATA = {"x": RNG.standard_normal((37, 3)), "y": RNG.standard_normal((37, 2))}


def network(p=0.25):
    x, y = sg.data("x", 3, over=T), sg.data("y", 2, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(3, 8), sg.nn.Tanh(), sg.nn.Dropout(p), sg.nn.Linear(8, 2))
    return sg.losses.squared_error(net(x), y), net(x)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_fit_drops_and_predictions_do_not(backend, dtype):
    loss, predict = network()
    model = sg.Model(loss, predict, backend, dtype)
    step = model.stepper(DATA, sg.optim.SGD(0.0))
    losses = [step() for _ in range(5)]
    assert len(set(losses)) == 5
    still = model.evaluate(DATA)
    assert still == model.evaluate(DATA) and still["loss"] not in losses
    assert np.array_equal(model.predict(DATA), model.predict(DATA))
    history = model.fit(DATA, sg.optim.SGD(0.02), epochs=5, progress=False, metrics={"same": loss})
    assert history["loss"][-1] < history["loss"][0]
    assert np.isclose(history["same"][-1], model.evaluate(DATA)["loss"])


def test_backends_train_alike():
    loss, predict = network()
    curves = [sg.Model(loss, predict, backend, "float64", seed=3).fit(DATA, epochs=3, progress=False)["loss"]
              for backend in ("numpy", "c")]
    assert np.allclose(*curves)


def test_a_seed_decides_what_is_drawn():
    loss, predict = network()
    def curve(seed):
        model = sg.Model(loss, predict, dtype="float64", seed=seed)
        model.parameters = {name: np.full(a.shape, 0.1) for name, a in model.parameters.items()}
        return [float(model.stepper(DATA, sg.optim.SGD(0.0))()) for _ in range(3)]
    assert curve(1) == curve(1) != curve(2)


def test_the_step_of_a_fit_is_that_of_the_formula_with_the_masks():
    loss, predict = network()
    closed = sg.mean(loss, over=T)
    model = sg.Model(loss, predict, dtype="float64", seed=4)
    symbols = [sg.data("x", 3, over=T), sg.data("y", 2, over=T), *predict_parameters(loss)]
    f = sg.function(symbols, closed, training=True, seed=4)
    step = model.stepper(DATA, sg.optim.SGD(0.0))
    for _ in range(3):
        assert np.isclose(step(), f(DATA["x"], DATA["y"], *model.parameters.values()))


def predict_parameters(loss):
    found = [n["tensor"] for _, n in sg.graph(loss).nodes(data=True) if n["kind"] == "parameter"]
    return sorted(found, key=lambda t: (t.name[1:], t.name[0] == "b"))


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_fit_goes_on_as_if_it_had_not_ended(backend, tmp_path):
    loss, predict = network()
    whole = sg.Model(loss, predict, backend, "float64", seed=5)
    parts = sg.Model(loss, predict, backend, "float64", seed=5)
    curve = whole.fit(DATA, epochs=5, batch_size=10, progress=False)["loss"]
    first = parts.fit(DATA, epochs=2, batch_size=10, progress=False)["loss"]
    parts.save(tmp_path / "model.npz")
    loaded = sg.Model(loss, predict, backend, "float64", seed=77).load(tmp_path / "model.npz")
    pickled = pickle.loads(pickle.dumps(parts))
    for model in (loaded, pickled, parts):
        assert [*first, *model.fit(DATA, epochs=3, batch_size=10, progress=False)["loss"]] == curve
        assert all(np.array_equal(a, model.parameters[name]) for name, a in whole.parameters.items())


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_state_that_is_copied_draws_what_it_would_have_drawn(backend):
    loss, predict = network()
    module = sg.generate(loss, predict, sg.optim.Adam(0.05), backend).load()
    batch = [DATA["x"].astype("float32"), DATA["y"].astype("float32")]
    state = module.begin(module.init(0), 7)
    module.step(state, batch)
    others = [copy.deepcopy(state), copy.copy(state), pickle.loads(pickle.dumps(state))]
    after = [[module.step(each, batch) for _ in range(3)] for each in (state, *others)]
    assert all(losses == after[0] for losses in after) and len(set(after[0])) == 3
    assert module.step(module.begin(module.init(0), 8), batch) != module.step(module.begin(module.init(0), 7), batch)
    params = list(module.init(0).values())
    assert module.forward(*params, *batch) == module.forward(*params, *batch) == module.backward(*params, *batch)[0]


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_program_alone_trains_resumes_and_checks_itself(backend, tmp_path):
    loss, predict = network()
    sg.generate(loss, predict, sg.optim.Adam(0.05), backend).save(tmp_path / "program.py")
    np.savez(tmp_path / "data.npz", **DATA)

    def run(*arguments):
        done = subprocess.run([sys.executable, "program.py", "data.npz", *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "WRONG" not in run("--check")
    run("--epochs", "2", "--checkpoint", "half.npz")
    run("--epochs", "4", "--resume", "half.npz", "--output", "parts.npz")
    run("--epochs", "4", "--output", "whole.npz")
    parts, whole = np.load(tmp_path / "parts.npz"), np.load(tmp_path / "whole.npz")
    assert set(parts) == set(whole) == {"W1", "b1", "W2", "b2"}
    assert all(np.array_equal(parts[name], whole[name]) for name in whole)


def test_the_derivation_shows_the_mask_and_holds():
    loss, _ = network()
    derivation = sg.derive(loss)
    text = str(derivation)
    assert "v₁ = m ⊙ x¹" in text and "G_x¹ = m ⊙ G_v₁" in text
    assert "dropout, by a random mask" in text and "what was dropped gets nothing" in text
    words = str(sg.explain(loss))
    assert "m is a vector of 8 numbers, one for each of the T samples, drawn anew in every step" in " ".join(words.split())
    assert "What the mask has dropped gets nothing back" in " ".join(words.split())
    assert derivation.check()
    assert sg.verify(loss, loss) and sg.verify(2 * loss, loss).factor == 2
    assert "m ⊙ x¹" in sg.draw(derivation).alt


def test_a_program_for_a_gpu_has_the_same_masks():
    loss, predict = network()
    text = sg.generate(loss, predict, backend="cupy").text
    assert "mask(rng, 0.25, (T, 8), DTYPE)" in text and "cp.asarray(mask(" in text


@pytest.fixture
def cupy(monkeypatch):
    """The stand-in in the place of CuPy."""
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    return fake_cupy.install(sys.modules)


def test_a_gpu_trains_with_the_same_masks_and_statistics(cupy, tmp_path):
    x, y = sg.data("x", 3, over=T), sg.data("y", 2, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(3, 8), sg.nn.BatchNorm1d(8, momentum=None), sg.nn.Tanh(), sg.nn.Dropout(0.3),
                           sg.nn.Linear(8, 2))
    host, device = (sg.Model(sg.losses.squared_error(net(x), y), net(x), backend, "float64") for backend in ("numpy", "cupy"))
    curves = [model.fit(DATA, sg.optim.Adam(0.05), epochs=3, batch_size=10, progress=False)["loss"] for model in (host, device)]
    assert np.allclose(*curves)
    assert all(np.allclose(array, device.parameters[name]) for name, array in host.parameters.items())
    assert np.allclose(host.predict(DATA), device.predict(DATA))
    device.save(tmp_path / "model.npz")
    more = [model.fit(DATA, sg.optim.Adam(0.05), epochs=2, batch_size=10, progress=False)["loss"]
            for model in (device, sg.Model(device.loss, device.prediction, "cupy", "float64").load(tmp_path / "model.npz"))]
    assert np.allclose(*more)
