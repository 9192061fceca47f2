"""Models: fitting against plain NumPy, parameters and files, what data are refused and how, ways to end early."""

import pickle
import re
import zipfile

import numpy as np
import pytest

import symgrad as sg
from symgrad import optim
from symgrad.training.model import Model

R = np.random.default_rng(0)
T = sg.dim("T")
X = R.standard_normal((60, 3))
LINEAR = X @ np.array([[1.0, -2.0, 3.0]]).T
CLASSES = (X.sum(axis=1) > 0).astype(int)


def linear(**more):
    """One linear unit and the squared error; symbols x, y, W."""
    x, y, W = sg.data("x", 3, over=T), sg.data("y", 1, over=T), sg.parameter("W", (1, 3))
    return Model(sg.losses.squared_error(W @ x, y), predict=W @ x, **{"dtype": "float64", **more})


def classifier(**more):
    """A softmax network of two layers; symbols x, label."""
    x, label = sg.data("x", 3, over=T), sg.labels("label", 2, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(3, 8), sg.nn.Tanh(), sg.nn.Linear(8, 2))
    return Model(sg.losses.cross_entropy(net(x), label), predict=net(x), **more)


DATA = {"x": X, "y": LINEAR}
LABELLED = {"x": X, "label": CLASSES}


# fitting ----------------------------------------------------------------------------------------------------


def test_fit_equals_a_loop_by_hand():
    model = linear(seed=3)
    W = model.parameters["W"].copy()
    history = model.fit(DATA, optim.SGD(0.05), epochs=3, batch_size=16, progress=False)
    rng = np.random.default_rng((3, 1))
    means = []
    for _ in range(3):
        order, total = rng.permutation(60), 0.0
        for first in range(0, 60, 16):  # 16, 16, 16, 12: the last batch has its own T
            x, y = X[order[first:first + 16]], LINEAR[order[first:first + 16]]
            r = x @ W.T - y
            total += (r * r).sum()
            W = W - 0.05 * 2 / len(x) * r.T @ x
        means.append(total / 60)
    np.testing.assert_allclose(model.parameters["W"], W, rtol=1e-12)
    np.testing.assert_allclose(history["loss"], means, rtol=1e-12)
    assert history["epoch"] == [1, 2, 3] and not history.stopped


def test_one_seed_one_course():
    runs = [classifier(seed=seed).fit(LABELLED, epochs=3, progress=False)["loss"] for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_float32_parameters_and_a_float_loss():
    model = classifier()
    step = model.stepper(LABELLED, optim.Adam())
    assert isinstance(step(), float)
    assert {a.dtype for a in model.parameters.values()} == {np.dtype("float32")}
    assert model.predict({"x": X}).dtype == np.float32


def test_without_a_sample_axis_every_step_sees_all_data():
    n, d = sg.dims("n d")
    A, b, w = sg.data("A", (n, d)), sg.data("b", n), sg.parameter("w", d)
    model = Model(sg.mean((A @ w - b) ** 2), predict=A @ w, dtype="float64")
    history = model.fit({"A": X, "b": LINEAR[:, 0]}, optim.SGD(0.1), epochs=200, batch_size=7, progress=False)
    np.testing.assert_allclose(model.parameters["w"], [1, -2, 3], rtol=1e-6)
    assert len(history) == 200 and history["loss"][0] > history["loss"][-1]


def test_ordinary_data_are_whole_in_every_batch():
    x, c, w = sg.data("x", 3, over=T), sg.data("c", 3), sg.parameter("w", 3)
    model = Model(sg.sum((x * w - c) ** 2), dtype="float64")
    model.fit({"x": X, "c": np.ones(3)}, epochs=1, batch_size=50, progress=False)
    with pytest.raises(sg.DataError, match="divided|set apart"):
        n = sg.data("n", 3)
        Model(sg.sum((w - n) ** 2)).fit({"n": np.ones(3)}, validation=0.5, progress=False)


def test_a_stepper_and_fit_train_the_same_parameters():
    model = linear()
    first, second = model.stepper(DATA, optim.SGD(0.1)), model.stepper(DATA, optim.Adam(0.1))
    losses = [first(), second(), first(), second()]
    assert losses == sorted(losses, reverse=True)
    before = model.evaluate(DATA)["loss"]
    assert before == pytest.approx(first()) and model.evaluate(DATA)["loss"] < before
    model.fit(DATA, optim.SGD(0.1), epochs=30, progress=False)
    assert first() < 1e-6


def test_validation_is_set_apart_by_the_seed():
    model = classifier(seed=4)
    history = model.fit(LABELLED, epochs=2, validation=0.25, metrics=["accuracy"], shuffle=False, progress=False)
    assert list(history.curves) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "gradient_norm", "seconds"]
    held = np.random.default_rng((4, 2)).permutation(60)[:15]
    part = model.evaluate({"x": X[held], "label": CLASSES[held]}, "accuracy")
    assert part["loss"] == pytest.approx(history["val_loss"][-1]) and part["accuracy"] == history["val_accuracy"][-1]
    given = classifier(seed=4).fit(LABELLED, epochs=1, validation=LABELLED, progress=False)
    assert "val_loss" in given.curves


def test_metrics_are_averaged_over_the_samples():
    model = linear()
    x, y = sg.data("x", 3, over=T), sg.data("y", 1, over=T)
    error = sg.sum(sg.abs(model.prediction - y))
    found = model.evaluate(DATA, {"mae": error, "largest": sg.max(x[0], over=T)})
    W = model.parameters["W"]
    assert found["mae"] == pytest.approx(np.abs(X @ W.T - LINEAR).mean()) and found["largest"] == X[:, 0].max()
    weight = sg.data("weight", over=T)  # a metric may need data of its own
    more = model.evaluate({**DATA, "weight": np.ones(60)}, {"w": error * weight})
    assert more["w"] == pytest.approx(found["mae"])


def test_training_ends_well_on_two_classes():
    model = classifier()
    history = model.fit(LABELLED, optim.Adam(0.02), epochs=60, metrics="accuracy", progress=False)
    assert history["accuracy"][-1] > 0.98
    assert (model.predict({"x": X}).argmax(axis=1) == CLASSES).mean() == history["accuracy"][-1]


# ending early -----------------------------------------------------------------------------------------------


def test_early_stopping_goes_back_to_the_best_epoch():
    model = classifier(seed=1)
    noisy = {"x": X, "label": R.integers(0, 2, 60)}
    history = model.fit(noisy, optim.Adam(0.05), epochs=200, validation=0.3, callbacks=optim.EarlyStopping(5),
                        progress=False)
    best = int(np.argmin(history["val_loss"])) + 1
    assert history.best_epoch == best and len(history) == best + 5 and "val_loss was best" in history.stopped
    held = np.random.default_rng((1, 2)).permutation(60)[:18]
    again = model.evaluate({"x": X[held], "label": noisy["label"][held]})
    assert again["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-6)


def test_refit_trains_on_all_samples_for_the_best_number_of_epochs():
    stop = optim.EarlyStopping(5, refit=True)
    model = classifier(seed=1)
    history = model.fit(LABELLED, optim.Adam(0.05), epochs=40, validation=0.3, callbacks=[stop], progress=False)
    other = classifier(seed=1)
    for _ in range(len(history)):
        other._course.order.permutation(42)  # what the first phase drew
    other.fit(LABELLED, optim.Adam(0.05), epochs=history.best_epoch, progress=False)
    for name, value in other.parameters.items():
        np.testing.assert_array_equal(model.parameters[name], value)
    with pytest.raises(sg.SymgradError, match="refit.*fraction"):
        model.fit(LABELLED, validation=LABELLED, callbacks=[stop], progress=False)


def test_what_is_monitored_must_be_there():
    with pytest.raises(sg.SymgradError, match="val_loss.*only loss.*validation data"):
        linear().fit(DATA, callbacks=optim.EarlyStopping(), progress=False)


def test_larger_is_better_for_an_accuracy():
    seen = []
    stop = optim.EarlyStopping(100, monitor="val_accuracy")
    classifier().fit(LABELLED, optim.Adam(0.02), epochs=15, validation=0.3, metrics="accuracy",
                     callbacks=[stop, lambda training: seen.append(training.history["val_accuracy"][-1])],
                     progress=False)
    assert stop._epoch == int(np.argmax(seen)) + 1


def test_ctrl_c_keeps_what_was_trained(capsys):
    def impatient(training):
        if training.epoch == 3:
            raise KeyboardInterrupt

    model = linear()
    start = model.evaluate(DATA)["loss"]
    history = model.fit(DATA, optim.SGD(0.05), epochs=10, callbacks=[impatient])
    assert history.interrupted and len(history) == 3 and model.evaluate(DATA)["loss"] < start
    assert "interrupted in epoch 3 of 10; the model keeps" in capsys.readouterr().err


def test_divergence_says_where_and_keeps_good_parameters():
    model = linear()
    with pytest.raises(sg.DivergenceError, match=r"in epoch \d+, step \d+.*last good.*smaller learning rate") as caught:
        model.fit(DATA, optim.SGD(10.0), epochs=1000, progress=False)
    assert caught.value.epoch > 1 and caught.value.step >= 1
    assert np.isfinite(model.parameters["W"]).all() and np.isfinite(model.evaluate(DATA)["loss"])
    first = linear()
    start = first.parameters["W"]
    with pytest.raises(sg.DivergenceError, match="epoch 1.*began with"):
        first.fit(DATA, optim.SGD(1e200), epochs=2, batch_size=4, progress=False)
    np.testing.assert_array_equal(first.parameters["W"], start)


def test_progress_is_a_few_plain_lines_in_a_pipe(capsys):
    linear().fit(DATA, epochs=100, validation=0.2)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and 10 <= len(lines) <= 12 and "\x1b" not in err
    assert re.fullmatch(r"epoch 100/100  loss \S+ +val_loss \S+ +gradient_norm \S+ +\d+\.\d s", lines[-1])
    linear().fit(DATA, epochs=2, progress=False)
    assert capsys.readouterr() == ("", "")


# parameters and files ---------------------------------------------------------------------------------------


def test_initial_values():
    shapes = {"glorot_uniform": (40, 60), "glorot_normal": (40, 60), "he_uniform": (40, 60), "he_normal": (8, 6, 5, 5),
              "normal": (50, 50)}
    variance = {"glorot_uniform": 2 / 100, "glorot_normal": 2 / 100, "he_uniform": 2 / 60, "he_normal": 2 / 150, "normal": 1}
    ps = [sg.parameter(name, shape, init=name) for name, shape in shapes.items()]
    fixed = [sg.parameter("b", 3), sg.parameter("c", (2, 2), init=0.5), sg.parameter("d", 2, init=[1, 2]),
             sg.parameter("o", 2, init="ones"), sg.parameter("s")]
    loss = sum(sg.sum(p**2) for p in (*ps, *fixed))
    found = Model(loss, dtype="float64", seed=7).parameters
    for name, value in variance.items():
        assert found[name].var() == pytest.approx(value, rel=0.1)
        if name.endswith("uniform"):
            assert np.abs(found[name]).max() <= np.sqrt(3 * value)
    assert [found[n].tolist() for n in "bcdos"] == [[0, 0, 0], [[0.5, 0.5], [0.5, 0.5]], [1, 2], [1, 1], 0]
    single = Model(loss, seed=7).parameters
    for name in shapes:  # both precisions start alike
        np.testing.assert_array_equal(single[name], found[name].astype(np.float32))


def test_symbolic_sizes_come_from_the_data():
    d, k = sg.dims("d k")
    x, y, W = sg.data("x", d, over=T), sg.data("y", k, over=T), sg.parameter("W", (k, d))
    model = Model(sg.losses.squared_error(W @ x, y), predict=W @ x)
    with pytest.raises(sg.SymgradError, match="sizes of the parameters .W. are those of the data"):
        model.parameters  # noqa: B018
    with pytest.raises(sg.SymgradError, match="those of the data"):
        model.predict({"x": X})
    model.fit(DATA, epochs=1, progress=False)
    assert model.parameters["W"].shape == (1, 3)
    with pytest.raises(sg.DataError, match="W"):
        model.fit({"x": X[:, :2], "y": LINEAR}, epochs=1, progress=False)
    other = Model(sg.losses.squared_error(W @ x, y), predict=W @ x)
    other.parameters = {"W": np.ones((1, 3))}
    assert other.predict({"x": X}).shape == (60, 1)


def test_parameters_can_be_set_and_are_checked():
    model = linear()
    model.parameters["W"] = [[1, 2, 3]]
    np.testing.assert_array_equal(model.parameters["W"], [[1.0, 2.0, 3.0]])
    kept = model.parameters
    kept["W"] = kept["W"] * 2
    np.testing.assert_array_equal(model.parameters["W"], kept["W"])
    model.fit(DATA, epochs=1, progress=False)
    np.testing.assert_array_equal(kept["W"], [[2.0, 4.0, 6.0]])  # a copy
    model.parameters = kept
    np.testing.assert_allclose(model.predict({"x": X}), X @ [[2.0], [4.0], [6.0]])
    with pytest.raises(ValueError, match="read-only"):
        model.parameters["W"][0, 0] = 5
    for change, words in [
        (lambda: model.parameters.update(V=1), "unknown 'V'.*are W"),
        (lambda: setattr(model, "parameters", {}), "no array for 'W'"),
        (lambda: model.parameters.update(W=np.ones((3, 1))), "W.*axis 0 must have length 1, got 3"),
        (lambda: model.parameters.update(W=np.ones(3)), r"shape \(1, 3\).*\(3,\)"),
        (lambda: model.parameters.update(W=[["a", "b", "c"]]), "real numbers"),
        (lambda: setattr(model, "parameters", [1]), "dict"),
    ]:
        with pytest.raises(sg.DataError, match=words):
            change()
    with pytest.raises(sg.SymgradError, match="cannot be deleted"):
        del model.parameters["W"]
    assert type(pickle.loads(pickle.dumps(model.parameters))) is dict


def test_owned_parameters_of_one_name_are_numbered():
    a, b, x = sg.nn.Linear(3, 4), sg.nn.Linear(4, 2), sg.data("x", 3, over=T)
    model = Model(sg.sum(b(sg.tanh(a(x))) ** 2))
    assert {k: v.shape for k, v in model.parameters.items()} == {"W1": (4, 3), "b1": (4,), "W2": (2, 4), "b2": (2,)}


def test_save_and_load(tmp_path):
    model = classifier(seed=1)
    path = model.save(tmp_path / "model.npz")
    with np.load(path, allow_pickle=False) as file:
        assert file.files == ["W1", "b1", "W2", "b2"]
    other = classifier(seed=2).load(path)
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(other.parameters[name], value)
    assert model.save(tmp_path / "again.npz").read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again.npz", "model.npz"]


def test_awkward_names_are_saved_too(tmp_path):
    p, q = sg.parameter("file", 2, init=1), sg.parameter("allow_pickle", 2, init=2)
    model = Model(sg.sum(p * q))
    np.testing.assert_array_equal(np.load(model.save(tmp_path / "m.npz"))["file"], [1, 1])
    model.load(tmp_path / "m.npz")


def test_files_that_are_none_of_its_own(tmp_path):
    model = linear()
    bad = tmp_path / "bad.npz"
    with pytest.raises(sg.DataError, match="no file .*missing.npz"):
        model.load(tmp_path / "missing.npz")
    with pytest.raises(sg.DataError, match="cannot read"):
        model.load(tmp_path)
    for content in (b"", b"hello", b"PK\x03\x04 broken"):
        bad.write_bytes(content)
        with pytest.raises(sg.DataError, match="bad.npz': damaged, or no .npz file"):
            model.load(bad)
    np.save(tmp_path / "single.npy", np.ones(3))
    with pytest.raises(sg.DataError, match="single.npy': one array without a name; an .npz file holds arrays by name"):
        model.load(tmp_path / "single.npy")
    np.savez(bad, W=np.array([{"pickled": 1}], dtype=object))
    with pytest.raises(sg.DataError, match="no .npz file of plain arrays: W.npy holds pickled objects"):
        model.load(bad)
    np.savez(bad, W=np.ones((1, 4)))
    with pytest.raises(sg.DataError, match="bad.npz.*W.*axis 1 must have length 3, got 4"):
        model.load(bad)
    np.savez(bad, V=np.ones((1, 3)))
    with pytest.raises(sg.DataError, match="unknown 'V'"):
        model.load(bad)
    with zipfile.ZipFile(bad, "w") as file:
        file.writestr("W.npy", b"not an array")
    with pytest.raises(sg.DataError, match="bad.npz"):
        model.load(bad)
    with pytest.raises(sg.SymgradError, match="no folder"):
        model.save(tmp_path / "none" / "model.npz")


def test_summary_counts():
    assert classifier().summary().splitlines() == [
        "parameter  shape  numbers  starts",
        "-----------------------------------------",
        "W1         8 x 3       24  glorot_uniform",
        "b1         8            8  zeros",
        "W2         2 x 8       16  glorot_uniform",
        "b2         2            2  zeros",
        "-----------------------------------------",
        "total                  50"]
    assert repr(linear()).startswith("<Model of W: ")


# what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change, words", [
    ({"Y": LINEAR, "y": None}, "no symbol is called 'Y'.*did you mean 'y'"),
    ({"y": None}, "no array for 'y'; given are x, needed are x, y"),
    ({"y": LINEAR[:-1]}, "x has 60 samples and y has 59"),
    ({"x": X[:0], "y": LINEAR[:0]}, "x has no samples"),
    ({"x": X[:, :2]}, "x: axis 1 must have length 3, got 2"),
    ({"x": X[0]}, "x"),
    ({"x": X.astype(str)}, "x: expected real numbers, got text"),
    ({"x": X + 0j}, "x: expected real numbers, got complex"),
    ({"x": [[1, 2, 3], [4, 5]]}, "x"),
    ({"x": np.where(np.arange(180).reshape(60, 3) == 7, np.nan, X)}, r"x holds NaN at \[2, 1\]"),
    ({"y": np.where(np.arange(60)[:, None] > 57, np.inf, LINEAR)}, r"y holds infinity at \[58, 0\], and 1 more"),
])
def test_data_that_do_not_fit(change, words):
    data = {k: v for k, v in {**DATA, **change}.items() if v is not None}
    for use in (lambda m: m.fit(data, progress=False), lambda m: m.stepper(data, optim.SGD(0.1))):
        with pytest.raises(sg.DataError, match=words):
            use(linear())


@pytest.mark.parametrize("label, words", [
    (np.where(np.arange(60) == 4, 2, CLASSES), r"the label 2 at index \(4,\) is not in 0..1"),
    (np.where(np.arange(60) == 5, -1, CLASSES), r"the label -1 at index \(5,\)"),
    (CLASSES.astype(float), "label: expected integers, got .*float64.*astype"),
])
def test_labels_that_do_not_fit(label, words):
    with pytest.raises(sg.DataError, match=words):
        classifier().fit({"x": X, "label": label}, progress=False)


def test_facts_hold_for_data():
    p, w = sg.data("p", 3, over=T, simplex=True), sg.parameter("w", 3)
    with pytest.raises(sg.DataError, match="p is declared simplex"):
        Model(sg.sum(p * w) ** 2).fit({"p": np.ones((5, 3))}, progress=False)


@pytest.mark.parametrize("options, words", [
    ({"epochs": 0}, "epochs must be a whole number from 1, not 0"),
    ({"epochs": 2.5}, "epochs.*2.5"),
    ({"batch_size": 0}, "batch_size"),
    ({"validation": 0.0}, "validation is 0; a part of the samples lies between 0 and 1"),
    ({"validation": 1.5}, "validation is 1.5"),
    ({"validation": {"x": X}}, "validation: no array for 'y'"),
    ({"metrics": ["precision"]}, "metric 'precision' is not known"),
    ({"metrics": "accuracy"}, "accuracy.*integer labels"),
    ({"metrics": {"loss": sg.data("y", 1, over=T)[0]}}, "cannot be called 'loss'"),
    ({"metrics": {"m": sg.data("y", 1, over=T)}}, "must be a scalar"),
    ({"metrics": {"m": sg.sum(sg.parameter("V", 2))}}, "'V', which is not one of the model's"),
    ({"optimizer": "adam"}, "sg.optim.Adam"),
    ({"callbacks": [3]}, "callback 3 cannot be called"),
])
def test_options_that_make_no_sense(options, words):
    model = linear()
    start = model.parameters["W"]
    with pytest.raises(sg.SymgradError, match=words):
        model.fit(DATA, progress=False, **options)
    np.testing.assert_array_equal(model.parameters["W"], start)


def test_models_that_cannot_be():
    x, w = sg.data("x", 3, over=T), sg.parameter("w", 3)
    with pytest.raises(sg.ShapeError, match="must be a real scalar"):
        Model(w * x)
    with pytest.raises(sg.SymgradError, match="no parameter to train"):
        Model(sg.sum(x))
    with pytest.raises(sg.SymgradError, match="'w'.*glorot_uniform needs two axes"):
        Model(sg.sum(sg.parameter("w", 3, init="glorot_uniform")))
    with pytest.raises(sg.SymgradError, match="two different symbols.*'w'"):
        Model(sg.sum(w) + sg.sum(sg.parameter("w", 4)))
    with pytest.raises(sg.DataError, match='no data show the size q of the parameter'):
        Model(sg.sum(sg.parameter("W", (sg.dim("q"), 2))))
    with pytest.raises(sg.BackendError, match="'fortran'"):
        Model(sg.sum(w * x), backend="fortran")
    with pytest.raises(sg.BackendError, match="int32"):
        Model(sg.sum(w * x), dtype="int32")
    with pytest.raises(sg.SymgradError, match="seed"):
        Model(sg.sum(w * x), seed=-1)
    with pytest.raises(sg.SymgradError, match="without predict"):
        Model(sg.sum(w * x)).predict({"x": X})


def test_predict_needs_no_more_than_its_inputs():
    model = classifier()
    assert model.predict({"x": X}).shape == model.predict(LABELLED).shape == (60, 2)
    assert np.isnan(model.predict({"x": X * np.nan})).all()  # passes through, as in any function
    with pytest.raises(sg.DataError, match="did you mean 'label'"):
        model.predict({"x": X, "labels": CLASSES})
    result = model.predict({"x": X})
    result[:] = 0
    assert model.predict({"x": X}).any()
