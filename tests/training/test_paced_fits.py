"""Learning rates that change, and gradients that are clipped: in fits and in programs, of every backend."""

import copy
import json
import math
import subprocess
import sys

import fake_cupy
import numpy as np
import pytest

import symgrad as sg
from symgrad import optim
from symgrad.training.parameters import npz

T = sg.dim("T")
R = np.random.default_rng(0)
X = R.standard_normal((48, 3))
Y = X @ np.array([1.0, -2.0, 0.5]) + 0.1 * R.standard_normal(48)
DATA = {"x": X, "y": Y}
PACED = [optim.StepLR(2, gamma=0.5), optim.Warmup(3), optim.CosineLR(6, eta_min=0.01)]


def loss():
    x, y, w = sg.data("x", 3, over=T), sg.data("y", over=T), sg.parameter("w", 3, init=[4.0, 4.0, -4.0])
    return sg.mean((w @ x - y) ** 2, over=T)


def by_hand(rates, clip=math.inf, momentum=0.0, decay=0.0):
    """Parameters after full steps at these rates, by NumPy."""
    w, v = np.array([4.0, 4.0, -4.0]), np.zeros(3)
    for rate in rates:
        g = 2 / len(Y) * X.T @ (X @ w - Y)
        g = g * min(1, clip / (np.linalg.norm(g) + 1e-6))
        v = momentum * v + g + decay * w
        w = w - rate * v
    return w


def fitted(optimizer, epochs=6, backend="numpy", dtype="float64", **more):
    model = sg.Model(loss(), backend=backend, dtype=dtype)
    history = model.fit(DATA, optimizer, epochs=epochs, batch_size=None, progress=False, **more)
    return model, history


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("pace", PACED, ids=repr)
def test_a_fit_goes_at_the_rates_of_its_formula(pace, backend):
    wanted = [pace.rate(0.1, epoch) for epoch in range(1, 7)]
    for optimizer, more in ((optim.SGD(0.1).scheduled(pace), {}), (optim.SGD(0.1), {"callbacks": [pace]}),
                            (optim.SGD(0.1), {"callbacks": pace})):
        model, history = fitted(optimizer, backend=backend, **more)
        np.testing.assert_allclose(history["lr"], wanted, rtol=1e-12)
        np.testing.assert_allclose(model.parameters["w"], by_hand(wanted), rtol=1e-10)
    assert "lr" not in fitted(optim.SGD(0.1))[1].curves
    assert model.fitted.optimizer.schedules == (pace,)


def test_the_curve_is_drawn_told_and_written(tmp_path):
    _, history = fitted(optim.StepLR(optim.SGD(0.1), 2))
    assert "lr" in history.to_csv(tmp_path / "h.csv").read_text().splitlines()[0].split(",")
    assert ">lr<" in history.svg() or "lr" in history.svg()
    assert "lr 0.001" in repr(history)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_schedule_by_the_step_is_part_of_the_step(backend):
    pace = optim.ExponentialLR(0.9, per="step")
    model, history = fitted(optim.SGD(0.1), epochs=5, backend=backend, callbacks=[pace])
    np.testing.assert_allclose(history["lr"], [0.1 * 0.9**k for k in range(5)], rtol=1e-12)
    again = sg.Model(loss(), backend=backend, dtype="float64")
    step = again.stepper(DATA, optim.SGD(0.1).scheduled(pace))
    for _ in range(5):
        step()
    assert np.array_equal(again.parameters["w"], model.parameters["w"])
    np.testing.assert_allclose(model.parameters["w"], by_hand([0.1 * 0.9**k for k in range(5)]), rtol=1e-10)


def test_minibatches_share_the_rate_of_their_epoch_and_count_as_steps():
    model = sg.Model(loss(), dtype="float64")
    both = optim.SGD(0.1).scheduled(optim.StepLR(1, gamma=0.5), optim.Warmup(4, per="step"))
    history = model.fit(DATA, both, epochs=3, batch_size=16, progress=False)
    np.testing.assert_allclose(history["lr"], [0.1 * 3 / 4, 0.05, 0.025], rtol=1e-12)


def test_the_next_fit_goes_on_in_the_count_and_another_schedule_begins_anew():
    pace = optim.StepLR(3, gamma=0.1)
    model, first = fitted(optim.SGD(0.1), epochs=2, callbacks=[pace])
    second = model.fit(DATA, optim.SGD(0.1), epochs=4, batch_size=None, progress=False, callbacks=[pace])
    np.testing.assert_allclose([*first["lr"], *second["lr"]], [pace.rate(0.1, k) for k in range(1, 7)], rtol=1e-12)
    third = model.fit(DATA, optim.SGD(0.1), epochs=2, batch_size=None, progress=False, callbacks=[optim.Warmup(2)])
    np.testing.assert_allclose(third["lr"], [0.05, 0.1])


def test_a_refit_goes_at_the_rates_of_the_fit_that_chose_its_length():
    pace = optim.ReduceOnPlateau(0.5, patience=0, threshold=0.3)
    stop = optim.EarlyStopping(patience=6, refit=True)
    model = sg.Model(loss(), dtype="float64")
    history = model.fit(DATA, optim.SGD(0.05), epochs=12, batch_size=None, validation=0.3, callbacks=[pace, stop], progress=False)
    rates = history["lr"][:history.best_epoch]
    assert len(set(rates)) > 1
    np.testing.assert_allclose(model.parameters["w"], by_hand(rates), rtol=1e-10)


def test_a_plateau_goes_on_where_the_fit_does():
    def made():
        return optim.ReduceOnPlateau(0.5, patience=1, threshold=1e-3, min_lr=1e-3)

    whole = fitted(optim.SGD(0.6), epochs=24, callbacks=[made()])[1]["lr"]
    pace = made()
    model, first = fitted(optim.SGD(0.6), epochs=10, callbacks=[pace])
    second = model.fit(DATA, optim.SGD(0.6), epochs=14, batch_size=None, progress=False, callbacks=[pace])
    assert [*first["lr"], *second["lr"]] == whole and len(set(whole)) > 3
    assert fitted(optim.SGD(0.6), epochs=24, callbacks=[pace])[1]["lr"] == whole  # another model: anew


@pytest.mark.parametrize("done", [1, 5, 9])
def test_a_file_holds_where_plateaus_stand(done, tmp_path):
    def made():
        return optim.SGD(0.6).scheduled(optim.ReduceOnPlateau(0.5, patience=1, threshold=0.6, cooldown=1),
                                        optim.StepLR(7), optim.ReduceOnPlateau(0.8, patience=0, threshold=0.9))

    def saved(training):
        training.model.save(tmp_path / f"{training.epoch}.npz")

    model, history = fitted(made(), epochs=12, callbacks=[saved])
    other = sg.Model(loss(), dtype="float64").load(tmp_path / f"{done}.npz")
    for goes_on in (copy.deepcopy(other), other):
        rest = goes_on.fit(DATA, made(), epochs=12 - done, batch_size=None, progress=False)
        assert history["lr"][done:] == rest["lr"] and len(set(history["lr"])) > 4
        assert history["loss"][done:] == rest["loss"]
    np.testing.assert_array_equal(other.parameters["w"], model.parameters["w"])


def test_a_file_with_a_wrong_plateau_is_refused(tmp_path):
    model, _ = fitted(optim.ReduceOnPlateau(optim.SGD(0.6)), epochs=2)
    wrong = npz(model.parameters, {"rule": "SGD", "order": json.dumps(np.random.default_rng().bit_generator.state), "epoch": 2,
                                   "plateaus": '[["low", 0]]'})
    (tmp_path / "n.npz").write_bytes(wrong)
    with pytest.raises(sg.DataError, match="what it holds of a training is damaged"):
        model.load(tmp_path / "n.npz")


def test_a_plateau_lowers_the_rate():
    pace = optim.ReduceOnPlateau(0.5, patience=1, threshold=1e-3, cooldown=1, min_lr=1e-3)
    for validation, curve in ((None, "loss"), (DATA, "val_loss")):
        _, history = fitted(optim.SGD(0.6), epochs=30, callbacks=[pace], validation=validation)
        rate, best, bad, resting, wanted = 0.6, math.inf, 0, 0, []
        for value in history[curve]:
            wanted.append(rate)
            best, bad = (value, 0) if value < best * (1 - 1e-3) else (best, bad + 1)
            resting, bad = (resting - 1, 0) if resting else (0, bad)
            if bad > 1:
                rate, bad, resting = max(rate / 2, 1e-3), 0, 1
        assert history["lr"] == wanted and len(set(wanted)) > 3
    _, wrapped = fitted(optim.ReduceOnPlateau(optim.SGD(0.6), 0.5, patience=1, threshold=1e-3, cooldown=1, min_lr=1e-3), epochs=30)
    assert len(set(wrapped["lr"])) > 3
    with pytest.raises(sg.SymgradError, match="ReduceOnPlateau: the fit has no curve 'val_loss', only loss, lr, gradient_norm; "):
        fitted(optim.SGD(0.1), callbacks=[optim.ReduceOnPlateau(monitor="val_loss")])
    with pytest.raises(sg.SymgradError, match="generate: ReduceOnPlateau waits for the losses of a fit"):
        sg.generate(loss(), optimizer=optim.ReduceOnPlateau(optim.SGD(0.1)))


@pytest.mark.parametrize("per", ["epoch", "step"])
def test_a_rate_that_grows_beyond_all_numbers_diverges(per):
    model = sg.Model(loss(), dtype="float64")
    with pytest.raises(sg.DivergenceError):
        model.fit(DATA, optim.SGD(1e-300), epochs=2000, batch_size=None, progress=False, callbacks=optim.ExponentialLR(3.0, per=per))


def test_single_steps_know_no_epochs():
    for pace in (optim.StepLR(3), optim.ReduceOnPlateau()):
        with pytest.raises(sg.SymgradError, match="stepper: .* single steps know no epochs; a formula in the number of the step"):
            sg.Model(loss()).stepper(DATA, optim.SGD(0.1).scheduled(pace))
    with pytest.raises(sg.SymgradError, match="a metric cannot be called 'lr'"):
        fitted(optim.SGD(0.1), metrics={"lr": loss()})


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_program_trains_as_the_fit_does(backend, tmp_path):
    optimizer = optim.clip_norm(optim.Adam(0.3), 0.5).scheduled(
        optim.Warmup(2, then=optim.StepLR(2, gamma=0.5)), optim.ExponentialLR(0.99, per="step"))
    source = sg.generate(loss(), optimizer=optimizer, backend=backend, dtype="float64")
    module, model = source.load(), sg.Model(loss(), backend=backend, dtype="float64")
    model.fit(DATA, optimizer, epochs=6, batch_size=16, progress=False)
    trained = module.train(DATA, epochs=6, batch_size=16, log=lambda text: None)
    assert np.array_equal(trained["w"], model.parameters["w"])
    # stopped after 3 epochs, it goes on at the rate of the fourth
    module.train(DATA, epochs=3, batch_size=16, log=lambda text: None, checkpoint=tmp_path / "c.npz")
    assert np.array_equal(module.train(DATA, epochs=6, batch_size=16, log=lambda text: None, resume=tmp_path / "c.npz")["w"],
                          trained["w"])
    path = source.save(tmp_path / "program.py")
    np.savez(tmp_path / "data.npz", **DATA)
    done = subprocess.run([sys.executable, "-I", path, tmp_path / "data.npz", "--epochs", "6", "--batch-size", "16",
                           "--output", tmp_path / "m.npz"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.load(tmp_path / "m.npz")["w"], trained["w"])
    for formula in ("# η ← η γ^(t - 1) (ExponentialLR)", "g ← g min(1, c / (‖g‖ + δ))"):
        assert formula in source.text


@pytest.fixture
def cupy(monkeypatch):
    """The stand-in in the place of CuPy."""
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    return fake_cupy.install(sys.modules)


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_on_a_gpu(cupy, scale):
    """Rates, and lengths that stay on the device, as NumPy has them."""
    optimizer = optim.clip_norm(optim.Adam(0.3), 0.5 * scale).scheduled(optim.StepLR(2), optim.Warmup(4, per="step"))
    models = [sg.Model(scale * loss(), backend=backend, dtype="float32") for backend in ("cupy", "numpy")]
    curves = [model.fit(DATA, optimizer, epochs=3, batch_size=16, progress=False)["lr"] for model in models]
    assert curves[0] == curves[1]
    np.testing.assert_allclose(*(model.parameters["w"] for model in models), rtol=1e-5)
    module = sg.generate(loss(), optimizer=optimizer, backend="cupy").load()
    state = module.begin(module.init(0))
    batch = [cupy.asarray(X.astype("f4")), cupy.asarray(Y.astype("f4"))]
    module.step(state, batch)
    fake_cupy.READS[0] = 0
    module.step(state, batch)
    assert fake_cupy.READS == [0]


# clipping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("clip", [0.5, 5.0, 1e9])
def test_clipping_is_by_the_norm_of_all_gradients(clip, backend):
    model, _ = fitted(optim.clip_norm(optim.SGD(0.1), clip), backend=backend)
    np.testing.assert_allclose(model.parameters["w"], by_hand([0.1] * 6, clip=clip), rtol=1e-10)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_clipping_comes_before_weight_decay_and_momentum(backend):
    model, history = fitted(optim.clip_norm(optim.SGD(0.1, momentum=0.5, weight_decay=0.2), 1.0), backend=backend)
    np.testing.assert_allclose(model.parameters["w"], by_hand([0.1] * 6, clip=1.0, momentum=0.5, decay=0.2), rtol=1e-10)
    assert history["gradient_norm"][0] > 5  # of the gradient as it is


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("scale, dtype", [(1e25, "float32"), (1e-25, "float32"), (1e200, "float64"), (1e-200, "float64"),
                                           (1.0, "float32")])
def test_norms_whose_squares_leave_the_range_of_the_numbers(scale, dtype, backend):
    u, v, s = sg.parameter("u", 2, init=[0.0, 0.0]), sg.parameter("v", 1, init=[0.0]), sg.data("s")
    model = sg.Model(s * (2 * u[0] - u[1] + 2 * v[0]), backend=backend, dtype=dtype)
    model.fit({"s": scale}, optim.clip_norm(optim.SGD(1.0), scale / 2 if scale > 1e-6 else 1.0), epochs=1, progress=False)
    found = np.concatenate([model.parameters["u"], model.parameters["v"]])
    wanted = -np.array([2.0, -1.0, 2.0]) * (scale / 6 if scale > 1e-6 else scale)
    np.testing.assert_allclose(found, wanted, rtol=3e-6 if dtype == "float32" else 2e-6)


def test_norms_of_long_vectors_in_single_precision():
    n = 3_000_000
    w = sg.parameter("w", n, init="ones")
    model = sg.Model(sg.sum(w * sg.data("c", n)), dtype="float32")
    model.fit({"c": np.full(n, 0.1)}, optim.clip_norm(optim.SGD(1.0), 1.0), epochs=1, progress=False)
    step = 1 - model.parameters["w"].astype(float)
    np.testing.assert_allclose(step, 1 / math.sqrt(n), rtol=1e-4)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_frozen_parameters_are_no_part_of_the_norm_and_stay(backend):
    x, y = sg.data("x", 3, over=T), sg.data("y", 2, over=T)
    first, second = sg.nn.Linear(3, 4), sg.nn.Linear(4, 2)
    first.freeze()
    model = sg.Model(sg.losses.squared_error(second(sg.tanh(first(x))), y), backend=backend)
    before = {name: array.copy() for name, array in model.parameters.items()}
    model.fit({"x": X, "y": X[:, :2]}, optim.clip_norm(optim.SGD(0.5), 0.1), epochs=1, batch_size=None, progress=False)
    moved = {name: float(np.linalg.norm(model.parameters[name] - array)) for name, array in before.items()}
    assert math.sqrt(sum(v**2 for v in moved.values())) == pytest.approx(0.05, rel=1e-4)
    assert sum(v == 0 for v in moved.values()) == 2


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_rule_of_ones_own_may_ask_for_lengths(backend):
    own = optim.rule("Normalised", "u = norm(theta)*g/(norm(g) + eps)\nm = beta*m + u\ntheta = theta - lr*m", lr=0.05, beta=0.5,
                     eps=1e-12)
    model, _ = fitted(own, backend=backend)
    w, m = np.array([4.0, 4.0, -4.0]), np.zeros(3)
    for _ in range(6):
        g = 2 / len(Y) * X.T @ (X @ w - Y)
        m = 0.5 * m + np.linalg.norm(w) * g / (np.linalg.norm(g) + 1e-12)
        w = w - 0.05 * m
    np.testing.assert_allclose(model.parameters["w"], w, rtol=1e-10)
    assert "u ← ‖θ‖ g / (‖g‖ + ε)" in str(own.formulas()) and r"\lVert \theta \rVert" in own.formulas().latex()


@pytest.mark.parametrize("make, words", [
    (lambda: optim.clip_norm(1.0, optim.SGD(0.1)), "clip_norm takes an optimiser of sg.optim and the largest norm, not 1.0"),
    (lambda: optim.clip_norm(optim.SGD(0.1), 1, norm_type=1), "norm_type is 1; gradients are clipped by their Euclidean norm, 2"),
    (lambda: optim.clip_norm(optim.SGD(0.1), -1), "clip_norm: max_norm is -1; it must be at least 0"),
    (lambda: optim.clip_norm(optim.SGD(0.1), "1"), "clip_norm: max_norm must be a finite number, not '1'"),
    (lambda: optim.clip_norm(optim.clip_norm(optim.SGD(0.1), 1), 2), "clips its gradient already"),
    (lambda: optim.rule("R", "m = b*m + g; theta = theta - lr*m/norm(m)", lr=0.1, b=0.9),
     "R: ‖m‖ in the formula of theta, which an earlier formula has changed: a length is taken of what a step begins with: g, m, theta"),
    (lambda: optim.rule("R", "theta = theta - lr*g/norm(g*g)", lr=0.1), "R: ‖g g‖ in the formula of theta: a length is taken of"),
    (lambda: optim.rule("R", "theta = theta - lr*g/norm(lr)", lr=0.1), "R: ‖η‖ in the formula of theta"),
])
def test_lengths_that_make_no_sense(make, words):
    with pytest.raises(sg.SymgradError) as caught:
        make()
    assert words in str(caught.value)


def test_names_that_a_length_could_take_stay_the_users():
    own = optim.rule("R", "norm_g = 0.5*g\ntheta = theta - lr*norm_g/norm(g)", lr=0.1)
    model, _ = fitted(own, epochs=1)
    g = 2 / len(Y) * X.T @ (X @ [4.0, 4.0, -4.0] - Y)
    np.testing.assert_allclose(model.parameters["w"], np.array([4.0, 4.0, -4.0]) - 0.05 * g / np.linalg.norm(g), rtol=1e-12)


def test_copies_of_a_model_keep_their_pace():
    pace = optim.StepLR(2, gamma=0.5)
    model, _ = fitted(optim.SGD(0.1), epochs=3, callbacks=[pace])
    other = copy.copy(model)
    for each in (model, other):
        history = each.fit(DATA, optim.SGD(0.1).scheduled(pace), epochs=2, batch_size=None, progress=False)
        np.testing.assert_allclose(history["lr"], [0.05, 0.025])
    assert np.array_equal(model.parameters["w"], other.parameters["w"])
