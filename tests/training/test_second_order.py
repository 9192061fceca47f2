"""Newton, Gauss-Newton, Levenberg-Marquardt and L-BFGS as optimisers of a fit: all data, double precision, one step an epoch."""

import copy
import sys

import fake_cupy
import numpy as np
import pytest

import symgrad as sg
from symgrad import optim

T = sg.dim("T")
R = np.random.default_rng(0)
X = R.standard_normal((60, 3))
Y = np.tanh(X @ [1.0, -2.0, 0.5] + 0.3) + 0.05 * R.standard_normal(60)
DATA = {"x": X, "y": Y}
METHODS = [optim.Newton(), optim.LBFGS(max_iter=1), optim.LBFGS(), optim.LBFGS(line_search_fn=None, max_iter=1),
           optim.GaussNewton(), optim.LevenbergMarquardt(), optim.Newton(0.5), optim.GaussNewton(0.7), optim.LBFGS(0.5)]


def regression(backend="numpy", dtype="float64"):
    x, y, w, b = sg.data("x", 3, over=T), sg.data("y", over=T), sg.parameter("w", 3), sg.parameter("b")
    return sg.Model((sg.tanh(w @ x + b) - y) ** 2, predict=sg.tanh(w @ x + b), backend=backend, dtype=dtype)


def slope_of(model, data=DATA):
    """The norm of the gradient where the model is, by Adam's program."""
    found = model.gradients(model.checked(data))
    return np.sqrt(sum(np.vdot(g, g) for g in found.values()))


@pytest.mark.parametrize("optimizer", METHODS, ids=repr)
def test_each_finds_the_minimum(optimizer):
    model = regression()
    history = model.fit(DATA, optimizer, epochs=60, progress=False)
    assert slope_of(model) < (3e-4 if "fixed" in optimizer.method else 1e-8)
    losses = history["loss"]
    assert losses[0] < np.mean(Y**2) and losses[-1] == pytest.approx(0.00273382111084, abs=1e-9)
    assert losses[-1] == pytest.approx(model.evaluate(DATA)["loss"], rel=1e-12)
    if "fixed" not in optimizer.method:
        assert all(after <= before * (1 + 1e-12) for before, after in zip(losses, losses[1:], strict=False))
    assert history.stopped or len(history) == 60
    assert set(history.curves) == {"epoch", "loss", "gradient_norm", "seconds"}


def test_an_epoch_is_a_step_of_newton():
    model = regression()
    w = np.zeros(4)
    A = np.hstack([X, np.ones((60, 1))])
    history = model.fit(DATA, optim.Newton(), epochs=1, progress=False)
    t = np.tanh(A @ w)
    r, d = t - Y, 1 - t**2
    g = 2 / 60 * A.T @ (r * d)
    H = 2 / 60 * (A.T * (d**2 - 2 * r * t * d)) @ A
    step = -np.linalg.solve(H, g)
    found = np.append(model.parameters["w"], model.parameters["b"])
    np.testing.assert_allclose(found, step, rtol=1e-9)  # at the start the Hessian is positive definite, the full step falls
    np.testing.assert_allclose(history["gradient_norm"], [slope_of(model)], rtol=1e-9)
    assert history["loss"] == [pytest.approx(np.mean((np.tanh(A @ step) - Y) ** 2))]


def test_newton_is_quadratic_and_its_part_linear():
    model = regression()
    norms = model.fit(DATA, optim.Newton(), epochs=20, progress=False)["gradient_norm"]
    fast = [after / before**2 for before, after in zip(norms, norms[1:], strict=False) if 1e-7 < before < 1e-2]
    assert fast and max(fast) < 50
    slow = regression().fit(DATA, optim.Newton(0.5), epochs=25, progress=False)["gradient_norm"]
    assert slow[-1] / slow[-2] == pytest.approx(optim.Newton(0.5).rate(3.0), abs=1e-3)


def torch_lbfgs(slope, x, lr, count, memory=100):
    """torch.optim.LBFGS without a line search, as its source has it, one iteration a step."""
    old_s, old_y, scale, t, before = [], [], 1.0, 0.0, None
    for n in range(count):
        g = slope(x)
        if before is None:
            d = -g
        else:
            y, s = g - before, d * t
            if y @ s > 1e-10:
                old_s, old_y = [*old_s, s][-memory:], [*old_y, y][-memory:]
                scale = (y @ s) / (y @ y)
            q, al = -g, []
            for s_i, y_i in reversed(list(zip(old_s, old_y, strict=True))):
                al.append((s_i @ q) / (y_i @ s_i))
                q = q - al[-1] * y_i
            d = q * scale
            for s_i, y_i, a in zip(old_s, old_y, reversed(al), strict=True):
                d = d + s_i * (a - (y_i @ d) / (y_i @ s_i))
        t = min(1.0, 1.0 / np.abs(g).sum()) * lr if n == 0 else lr
        x, before = x + t * d, g
    return x


@pytest.mark.parametrize("lr, memory", [(1.0, 100), (0.3, 100), (0.5, 2)])
def test_without_a_search_it_has_the_numbers_of_pytorch(lr, memory):
    a, c, start = np.array([1.0, 10.0, 3.0]), np.array([3.0, 1.0, -1.0]), np.array([1.0, -2.0, 0.5])
    theta = sg.parameter("theta", 3, init=start)
    model = sg.Model(sg.sum(sg.data("a", 3) * (theta - sg.data("c", 3)) ** 4) / 4, dtype="float64")
    optimizer = optim.LBFGS(lr, max_iter=1, history_size=memory, line_search_fn=None)
    for count in range(1, 9):
        model.parameters = {"theta": start}
        model.fit({"a": a, "c": c}, optimizer, epochs=count, progress=False)
        wanted = torch_lbfgs(lambda x: a * (x - c) ** 3, start, lr, count, memory)
        np.testing.assert_allclose(model.parameters["theta"], wanted, rtol=1e-9)
    several = sg.Model(model.loss, dtype="float64")
    several.fit({"a": a, "c": c}, optim.LBFGS(lr, max_iter=4, history_size=memory, line_search_fn=None), epochs=2, progress=False)
    np.testing.assert_allclose(several.parameters["theta"], wanted, rtol=1e-9)


def test_against_torch_itself():
    torch = pytest.importorskip("torch")
    theta = torch.tensor([1.0, -2.0], dtype=torch.float64, requires_grad=True)
    a, c = torch.tensor([1.0, 10.0], dtype=torch.float64), torch.tensor([3.0, 1.0], dtype=torch.float64)
    peer = torch.optim.LBFGS([theta], lr=0.3, max_iter=1)

    def closure():
        peer.zero_grad()
        loss = (a * (theta - c) ** 4).sum() / 4
        loss.backward()
        return loss

    for _ in range(6):
        peer.step(closure)
    p = sg.parameter("theta", 2, init=[1.0, -2.0])
    model = sg.Model(sg.sum(sg.data("a", 2) * (p - sg.data("c", 2)) ** 4) / 4, dtype="float64")
    model.fit({"a": [1.0, 10.0], "c": [3.0, 1.0]}, optim.LBFGS(0.3, max_iter=1, line_search_fn=None), epochs=6, progress=False)
    np.testing.assert_allclose(model.parameters["theta"], theta.detach().numpy(), rtol=1e-9)


@pytest.mark.parametrize("optimizer", METHODS[:6], ids=repr)
@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_in_single_precision_the_method_is_still_in_double(optimizer, backend):
    model = regression(backend, "float32")
    model.fit(DATA, optimizer, epochs=60, progress=False)
    exact = regression()
    exact.fit(DATA, optim.Newton(), epochs=60, progress=False)
    assert model.parameters["w"].dtype == np.float32
    tolerance = 1e-3 if "fixed" in optimizer.method else 1e-6
    np.testing.assert_allclose(model.parameters["w"], exact.parameters["w"], rtol=tolerance)
    np.testing.assert_allclose(model.predict(DATA), exact.predict(DATA), atol=tolerance)


def test_with_arrays_on_a_gpu(monkeypatch):
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    fake_cupy.install(sys.modules)
    models = [regression(backend) for backend in ("numpy", "cupy")]
    curves = [model.fit(DATA, optim.LBFGS(max_iter=2), epochs=8, validation=DATA, progress=False).curves for model in models]
    for name in ("loss", "val_loss", "gradient_norm"):
        np.testing.assert_allclose(*(c[name] for c in curves), rtol=1e-9)
    np.testing.assert_allclose(*(model.parameters["w"] for model in models), rtol=1e-12)


def test_several_parameters_of_any_shape_with_some_that_stay():
    x, t = sg.data("x", 3, over=T), sg.labels("t", classes=3, over=T)
    first, second = sg.nn.Linear(3, 4), sg.nn.Linear(4, 3)
    first.freeze()
    logits = second(sg.tanh(first(x)))
    model = sg.Model(sg.losses.cross_entropy(logits, t) + 0.01 * sum(sg.sum(p**2) for p in second.parameters()), dtype="float64")
    data = {"x": X, "t": R.integers(0, 3, 60)}
    before = {name: array.copy() for name, array in model.parameters.items()}
    model.fit(data, optim.LBFGS(), epochs=30, progress=False)
    found = {name: array.copy() for name, array in model.parameters.items()}
    assert slope_of(model, data) < 1e-6 and sum(np.array_equal(found[name], before[name]) for name in found) == 2
    model.parameters = before
    model.fit(data, optim.Newton(), epochs=30, progress=False)
    for name, array in model.parameters.items():
        np.testing.assert_allclose(array, found[name], atol=1e-5)


def test_a_sample_axis_of_fixed_length():
    x, y, w = sg.data("x", 3, over=60), sg.data("y", over=60), sg.parameter("w", 3)
    for optimizer in (optim.Newton(), optim.LevenbergMarquardt(), optim.LBFGS()):
        model = sg.Model((w @ x - y) ** 2, dtype="float64")
        model.fit(DATA, optimizer, epochs=20, progress=False)
        np.testing.assert_allclose(model.parameters["w"], np.linalg.lstsq(X, Y, rcond=None)[0], rtol=1e-7)


def test_sizes_of_the_data_and_without_samples():
    n, d = sg.dims("n d")
    A, y, w = sg.data("A", (n, d)), sg.data("y", n), sg.parameter("w", d)
    model = sg.Model(sg.sum((A @ w - y) ** 2), dtype="float64")
    for optimizer in (optim.Newton(), optim.GaussNewton(), optim.LevenbergMarquardt(), optim.LBFGS()):
        model.fit({"A": X, "y": Y}, optimizer, epochs=20, progress=False)
        np.testing.assert_allclose(model.parameters["w"], np.linalg.lstsq(X, Y, rcond=None)[0], rtol=1e-7)


def test_beside_saddles_flat_places_and_corners():
    x = sg.parameter("x", 2, init=[0.0, 0.0])
    for name, loss in {"saddle": x[0] ** 2 - x[1] ** 2, "corner": sg.sum(sg.abs(x - 1)), "quartic": sg.sum((x - 1) ** 4),
                       "domain": 0.3 * sg.sum(x) - sg.sum(sg.log(1 + x))}.items():
        for optimizer in (optim.Newton(), optim.LBFGS(), optim.LevenbergMarquardt() if name == "quartic" else optim.Newton(0.9)):
            model = sg.Model(loss, dtype="float64")
            history = model.fit({}, optimizer, epochs=50, progress=False)
            assert np.isfinite(history["loss"]).all() and (np.diff(history["loss"]) <= 1e-12).all(), (name, optimizer)
            assert model.evaluate({})["loss"] == pytest.approx(history["loss"][-1], abs=1e-15)
            if name in ("quartic", "domain"):
                np.testing.assert_allclose(model.parameters["x"], 1 if name == "quartic" else 7 / 3, rtol=2e-3)


@pytest.mark.parametrize("start", [1e-16, 1e-9, -1e-30, 0.0])
def test_a_start_next_to_zero(start):
    x, y, b = sg.data("x", over=T), sg.data("y", over=T), sg.parameter("b", 2, init=[start, start])
    points = np.linspace(0, 1, 20)
    for optimizer in (optim.LevenbergMarquardt(), optim.Newton(), optim.LBFGS()):
        model = sg.Model((sg.exp(b[0] + b[1] * x) - y) ** 2, dtype="float64")
        model.fit({"x": points, "y": np.exp(1 - 2 * points)}, optimizer, epochs=60, progress=False)
        np.testing.assert_allclose(model.parameters["b"], [1, -2], rtol=1e-6)


def test_batches():
    for size in (None, 60, 1000):
        assert len(regression().fit(DATA, optim.Newton(), epochs=2, batch_size=size, progress=False)) == 2
    with pytest.raises(sg.SymgradError, match="fit: Newton needs all 60 samples at once, and batch_size is 32; leave it out, or "):
        regression().fit(DATA, optim.Newton(), batch_size=32, progress=False)
    with pytest.raises(sg.SymgradError, match="batch_size must be a whole number from 1"):
        regression().fit(DATA, optim.Newton(), batch_size=0, progress=False)


def test_single_steps_and_parameters_that_were_changed():
    model = regression()
    step = model.stepper(DATA, optim.Newton())
    losses = [step() for _ in range(3)]
    assert losses[0] > losses[1] > losses[2]
    model.parameters["w"] = [0.0, 0.0, 0.0]
    model.parameters["b"] = 0.0
    assert step() == pytest.approx(losses[0], rel=1e-12) and step() == pytest.approx(losses[1], rel=1e-12)


def test_callbacks_validation_and_refit():
    model = regression()
    stop = optim.EarlyStopping(patience=2, refit=True)
    history = model.fit(DATA, optim.LBFGS(max_iter=1), epochs=40, validation=0.3, callbacks=[stop], progress=False)
    assert history.best_epoch and "val_loss" in history.curves
    other = copy.deepcopy(model)
    assert other.evaluate(DATA) == model.evaluate(DATA)
    assert model.fitted.optimizer == optim.LBFGS(max_iter=1)


def test_a_report_says_that_there_is_no_program(tmp_path):
    model = regression()
    model.fit(DATA, optim.LBFGS(), epochs=5, progress=False)
    page = model.report(tmp_path / "r.html").read_text()
    assert "There is no program that trains: the model was fitted by LBFGS, which no program carries out." in page
    assert "How a parameter is updated: LBFGS" in page


def logistic():
    x, t, w = sg.data("x", 3, over=T), sg.data("t", over=T), sg.parameter("w", 3)
    return sg.losses.binary_cross_entropy_with_logits(w @ x, t)


@pytest.mark.parametrize("ask, words", [
    (lambda: sg.generate(logistic(), optimizer=optim.Newton()), "generate: Newton is no update rule that a program could carry out"),
    (lambda: sg.Model(logistic()).fit({"x": X, "t": Y > 0}, optim.GaussNewton(), progress=False),
     "GaussNewton needs a sum of squares, and the loss is not seen to be one: "),
    (lambda: sg.Model(logistic()).fit({"x": X, "t": Y > 0}, optim.LevenbergMarquardt(), progress=False), "LevenbergMarquardt needs a"),
    (lambda: optim.StepLR(optim.Newton(), 3), "step_size must be a whole number"),
    (lambda: optim.Newton().scheduled(optim.StepLR(3)), "Newton finds the length of its steps by itself, so that StepLR has nothing"),
    (lambda: regression().fit(DATA, optim.Newton(), callbacks=[optim.StepLR(3)], progress=False), "so that StepLR has nothing"),
    (lambda: optim.clip_norm(optim.LBFGS(), 1.0), "clip_norm takes an optimiser of sg.optim and the largest norm, not LBFGS"),
    (lambda: regression().fit(DATA, optim.CosineLR(10), progress=False), "CosineLR is a schedule, and the optimizer must be one of sg.optim: "
     "say which rate it changes, sg.optim.SGD(0.1).scheduled(CosineLR(T_max=10)), or give it among the callbacks of fit"),
    (lambda: sg.Model(sg.sum(sg.floor(sg.parameter("x", 2)))).fit({}, optim.LBFGS(), progress=False),
     "LBFGS: no parameter has a gradient other than zero, so nothing is trained"),
    (lambda: optim.LBFGS(line_search_fn="armijo"), "line_search_fn is 'armijo'; it must be 'strong_wolfe' or None"),
    (lambda: optim.LBFGS(max_iter=0), "LBFGS: max_iter must be a whole number from 1, not 0"),
    (lambda: optim.LBFGS(history_size=2.5), "LBFGS: history_size must be a whole number from 1"),
    (lambda: optim.Newton(0), "Newton: lr must be a number above 0, not 0"),
    (lambda: optim.Newton(-1), "Newton: lr is -1; it must be at least 0"),
    (lambda: optim.LBFGS().rate(1.0), "LBFGS: its steps are not linear in the parameters"),
    (lambda: optim.LevenbergMarquardt().rate(1.0), "LevenbergMarquardt: its steps are not linear"),
    (lambda: regression().fit({"x": X, "y": np.where(Y > 0.9, np.nan, Y)}, optim.Newton(), progress=False), "y holds NaN"),
])
def test_what_makes_no_sense_is_refused(ask, words):
    with pytest.raises(sg.SymgradError) as caught:
        ask()
    assert words in str(caught.value)


def test_a_loss_that_has_no_value_is_said_to_diverge():
    x, w = sg.data("x", over=T), sg.parameter("w", init=-1.0)
    for optimizer in (optim.Newton(), optim.LBFGS()):
        model = sg.Model(sg.log(w * x), dtype="float64")
        with pytest.raises(sg.DivergenceError, match="the loss is nan in epoch 1, step 1; the model keeps the last good parameters"):
            model.fit({"x": np.ones(3)}, optimizer, progress=False)
        assert model.parameters["w"] == -1


def test_gauss_newton_where_the_jacobian_nearly_loses_rank():
    """A network at its start: the step of Gauss and Newton is far too long, and no part of it is any good."""
    net = sg.nn.Sequential(sg.nn.Linear(3, 8), sg.nn.Tanh(), sg.nn.Linear(8, 1))
    x, y = sg.data("x", 3, over=T), sg.data("y", 1, over=T)
    model = sg.Model(sg.losses.squared_error(net(x), y), dtype="float64", seed=1)
    history = model.fit({"x": X, "y": Y[:, None]}, optim.GaussNewton(), epochs=30, progress=False)
    assert len(history) == 30 and history["loss"][-1] < 0.7 * history["loss"][0]
    assert all(after <= before * (1 + 1e-12) for before, after in zip(history["loss"], history["loss"][1:], strict=False))
