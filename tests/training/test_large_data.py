"""Data that do not fit into memory: batches one by one, arrays in files; trainings that are saved while they run."""

import tracemalloc

import numpy as np
import pytest

import symgrad as sg

T = sg.dim("T")
RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 3))
Y = np.tanh(X @ RNG.standard_normal((3, 2)))
DATA = {"x": X, "y": Y}


def model(seed=0, backend="numpy", sizes=3, optimizer=None):
    x, y = sg.data("x", sizes, over=T), sg.data("y", 2, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(sizes, 8), sg.nn.BatchNorm1d(8), sg.nn.Tanh(), sg.nn.Dropout(0.1), sg.nn.Linear(8, 2))
    return sg.Model(sg.losses.squared_error(net(x), y), net(x), backend, "float64", seed)


def batches(size=30):
    for first in range(0, len(X), size):
        yield {name: array[first:first + size] for name, array in DATA.items()}


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("source", [batches, list(batches()), lambda: list(batches())])
def test_batches_one_by_one_are_the_steps_of_an_epoch(source, backend):
    whole = model(backend=backend)
    curve = whole.fit(DATA, epochs=3, batch_size=30, shuffle=False, progress=False)["loss"]
    streamed = model(backend=backend)
    history = streamed.fit(source, epochs=3, progress=False, validation=DATA, metrics={"m": streamed.loss})
    assert history["loss"] == curve and len(history["m"]) == len(history["val_m"]) == 3
    assert all(np.array_equal(a, streamed.parameters[name]) for name, a in whole.parameters.items())
    assert np.isclose(history["val_loss"][-1], whole.evaluate(DATA)["loss"])


def test_sizes_come_from_the_first_batch_and_an_iterator_serves_for_one_epoch():
    fitted = model(sizes=sg.dim("d"))
    assert len(fitted.fit(batches(), epochs=1, progress=False)) == 1
    assert fitted.parameters["W1"].shape == (8, 3)


def test_metrics_of_a_stream_are_those_of_its_batches_after_their_steps():
    x, w = sg.data("x", over=T), sg.parameter("w")
    parts = [{"x": np.array([1.0, 1.0])}, {"x": np.array([2.0])}]
    fitted = sg.Model((w - x) ** 2, dtype="float64")
    history = fitted.fit(parts, sg.optim.SGD(0.5), epochs=1, progress=False, metrics={"w": w})
    assert np.isclose(history["w"][0], (2 * 1.0 + 1 * 2.0) / 3)
    assert np.isclose(history["loss"][0], (2 * 1.0 + 1 * 1.0) / 3)


@pytest.mark.parametrize("call, error, message", [
    (lambda m: m.fit(batches(), epochs=2), sg.SymgradError, "fit: generator gives its batches once, and epochs is 2; give a funct"),
    (lambda m: m.fit([]), sg.DataError, "fit: there are no batches"),
    (lambda m: m.fit(batches, batch_size=8), sg.SymgradError, "data are batches as they come, and batch_size is 8; leave it out"),
    (lambda m: m.fit(batches, sg.optim.LBFGS()), sg.SymgradError, "LBFGS needs all samples at once, and the data are batches"),
    (lambda m: m.fit([{"x": X}]), sg.DataError, "batch 1: no array for 'y'; given are x"),
    (lambda m: m.fit([DATA, (X, Y)]), sg.DataError, "batch 2 must be a dict from symbol names to arrays, not tuple"),
    (lambda m: m.fit([DATA, {"x": X, "y": np.full_like(Y, np.nan)}]), sg.DataError, r"batch 2: y holds NaN at \[0, 0\]"),
    (lambda m: m.fit([{"x": X[:1], "y": Y[:1]}]), sg.DataError, r"BatchNorm1d\(8\): one value a channel has no variance"),
    (lambda m: m.fit(batches, validation=0.2), sg.DataError, "validation is 0.2, and no part of batches that come one by one can"),
    (lambda m: m.fit(X), sg.SymgradError, "data are a dict from symbol names to arrays, or batches of such dicts one by one, not nda"),
    (lambda m: m.fit(7), sg.SymgradError, "data are a dict from symbol names to arrays, or batches of such dicts one by one, not int"),
])
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(model())


def test_a_source_that_ends_early_is_told():
    left = [list(batches()), []]
    with pytest.raises(sg.DataError, match="fit: there are no batches left: an iterator runs once; give a function"):
        model().fit(lambda: left.pop(0), epochs=2, progress=False)


def test_arrays_in_files_are_read_as_they_are_needed(tmp_path):
    count = 400_000
    for name, width in (("x", 8), ("y", 2)):
        array = np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.float32, (count, width))
        array[:] = np.linspace(-1, 1, count * width, dtype=np.float32).reshape(count, width)
    data = {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in "xy"}
    x, y = sg.data("x", 8, over=T), sg.data("y", 2, over=T)
    fitted = sg.Model(sg.losses.squared_error(sg.parameter("W", (2, 8)) @ x, y))
    tracemalloc.start()
    history = fitted.fit(data, sg.optim.SGD(0.01), epochs=1, batch_size=4096, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert history["loss"][0] < 10 and peak < sum(array.nbytes for array in data.values()) / 2 + 8 * count
    broken = np.load(tmp_path / "x.npy", mmap_mode="r+")
    broken[count - 1, 3] = np.nan
    with pytest.raises(sg.DataError, match=rf"x holds NaN at \[{count - 1}, 3\]"):
        fitted.fit({**data, "x": broken}, progress=False)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_training_that_was_saved_while_it_ran_goes_on_exactly(backend, tmp_path):
    optimizer = sg.optim.StepLR(sg.optim.Adam(0.05), 2, 0.5)
    path = tmp_path / "checkpoint.npz"
    files = []

    def checkpoint(training):
        files.append(training.model.save(path.with_name(f"after{training.epoch}.npz")))

    whole = model(3, backend)
    history = whole.fit(DATA, optimizer, epochs=6, batch_size=16, callbacks=[checkpoint], progress=False)
    for epoch in (1, 3, 5):
        again = model(9, backend).load(files[epoch - 1])
        rest = again.fit(DATA, optimizer, epochs=6 - epoch, batch_size=16, progress=False)
        assert rest["loss"] == history["loss"][epoch:] and rest["lr"] == history["lr"][epoch:]
        assert all(np.array_equal(a, again.parameters[name]) for name, a in whole.parameters.items())
        assert np.array_equal(again.predict(DATA), whole.predict(DATA))


def test_what_is_measured_may_come_in_batches_too():
    fitted = model()
    history = fitted.fit(batches, epochs=2, progress=False, validation=lambda: batches(20), metrics={"m": fitted.loss})
    whole = fitted.evaluate(DATA, {"m": fitted.loss})
    for found in (fitted.evaluate(batches(), {"m": fitted.loss}), fitted.evaluate(list(batches(7)), {"m": fitted.loss}),
                  {"loss": history["val_loss"][-1], "m": history["val_m"][-1]}):
        assert found.keys() == whole.keys() and all(np.isclose(found[name], whole[name]) for name in whole)
    assert np.isfinite(fitted.evaluate([{"x": X[:1], "y": Y[:1]}])["loss"])
    with pytest.raises(sg.DataError, match="validation, batch 2: no array for 'y'"):
        fitted.fit(DATA, epochs=1, progress=False, validation=[DATA, {"x": X}])
    with pytest.raises(sg.SymgradError, match=r"EarlyStopping\(refit=True\) needs validation=, a fraction of the data"):
        fitted.fit(DATA, progress=False, validation=[DATA], callbacks=[sg.optim.EarlyStopping(refit=True)])


def test_a_report_of_a_fit_by_batches(tmp_path):
    fitted = model()
    fitted.fit(batches, epochs=2, progress=False, validation=list(batches()))
    assert "running_mean" in fitted.report(tmp_path / "page.html").read_text()
