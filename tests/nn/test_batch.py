"""Batch norm as a layer: numbers of PyTorch 2.13 over several steps, derivatives in both modes, statistics that a model keeps."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import symgrad as sg

T = sg.dim("T")
X = np.sin(np.arange(36) * 0.7).reshape(12, 3) + np.arange(3) * 0.5
Y = np.cos(np.arange(24) * 0.9).reshape(12, 2)
LOSSES = [1.0076142265, 0.806104065, 0.6524412633, 0.5285160511]  # the same for every momentum
TRAINED = {  # loss after it outside of training, running mean, running variance
    0.1: (0.8087099959, [0.132081577, -0.1250399584, 0.2671575126, -0.1061161195],
          [0.7809604375, 0.7887514455, 0.7971752944, 0.7982230663]),
    0.3: (0.7682478527, [0.308337828, -0.2896189625, 0.6112653594, -0.250157027],
          [0.5101045172, 0.5259398587, 0.5460548836, 0.5477727111]),
    None: (0.7715330231, [0.3747298099, -0.3557062591, 0.7648296628, -0.299515292],
           [0.3665687602, 0.3899367367, 0.4136222056, 0.4169835072]),
}


def weights(rows, columns, start):
    return 0.5 * np.sin(start + np.arange(rows * columns)).reshape(rows, columns)


def network(momentum=0.1, over=T):
    x, y = sg.data("x", 3, over=T), sg.data("y", 2, over=T)
    norm = sg.nn.BatchNorm1d(4, momentum=momentum)
    net = sg.nn.Sequential(sg.nn.Linear(3, 4), norm, sg.nn.Tanh(), sg.nn.Linear(4, 2))
    start = {"W1": weights(4, 3, 1.0), "b1": 0.1 * np.arange(4.0), "γ2": np.ones(4), "β2": np.zeros(4),
             "W3": weights(2, 4, 2.0), "b3": np.zeros(2)}
    return sg.losses.squared_error(net(x), y), net(x), start, norm


def batch(step):
    count = 12 if step < 2 else 5
    return {"x": X[:count], "y": Y[:count]}


@pytest.mark.parametrize("momentum", TRAINED)
@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_training_has_the_numbers_of_pytorch(backend, momentum):
    loss, predict, start, _ = network(momentum)
    model = sg.Model(loss, predict, backend, "float64")
    model.parameters = start
    assert np.allclose([model.stepper(batch(k), sg.optim.SGD(0.1))() for k in range(4)], LOSSES, atol=1e-9)
    after, mean, variance = TRAINED[momentum]
    assert np.allclose(model.parameters["running_mean_2"], mean, atol=1e-9)
    assert np.allclose(model.parameters["running_var_2"], variance, atol=1e-9)
    assert np.isclose(model.evaluate(batch(0))["loss"], after, atol=1e-9)
    assert ("num_batches_tracked_2" in model.parameters) is (momentum is None)
    if momentum is None:
        assert model.parameters["num_batches_tracked_2"] == 4


@pytest.mark.parametrize("backend", ["numpy", "c", "dict"])
def test_a_program_has_the_numbers_of_pytorch(backend):
    loss, predict, start, _ = network(0.3)
    module = sg.generate(loss, predict, sg.optim.SGD(0.1), "numpy" if backend == "dict" else backend, "float64").load()
    assert module.PARAMETERS == (*start, "running_mean_2", "running_var_2") and module.DATA == ("x", "y")
    state = module.begin({**module.init(0), **start})
    state = dict(state) if backend == "dict" else state
    assert np.allclose([module.step(state, list(batch(k).values())) for k in range(4)], LOSSES, atol=1e-9)
    after, mean, variance = TRAINED[0.3]
    assert np.allclose(state["params"]["running_mean_2"], mean) and np.allclose(state["params"]["running_var_2"], variance)
    params = list(state["params"].values())
    assert np.isclose(module.forward(*params, X, Y), after) and np.isclose(module.backward(*params, X, Y)[0], after)
    assert np.allclose(((module.predict(*params, X) - Y) ** 2).sum(1).mean(), after)
    assert list(module.backward(*params, X, Y)[1]) == list(start) == list(state["gradients"])


def test_images_have_the_numbers_of_pytorch():
    values = np.sin(np.arange(48) * 0.37).reshape(2, 3, 2, 4) + np.arange(3).reshape(3, 1, 1)
    scales = {"γ": [1.0, 2.0, -0.5], "β": [0.3, 0.0, 1.0]}
    for x in (sg.data("x", (3, 2, 4), over=T), sg.data("x", (2, 3, 2, 4))):
        layer = sg.nn.BatchNorm2d(3, eps=1e-3, momentum=0.2)
        loss = sg.sum(layer(x) ** 3)
        loss = loss if x.over is None else sg.sum(loss, over=T)
        outputs = [loss, sg.gradient(loss, x), sg.gradient(loss, layer.W)]
        total, slope, by = sg.function([x, *layer.parameters()], outputs, training=True)(values, *scales.values())
        assert np.isclose(total, 84.18484098555574)
        assert np.allclose(slope.ravel()[:3], [-4.322318285472207, -3.1110895281428044, -0.2970987735415652])
        assert np.allclose(slope.ravel()[-2:], [-0.5708463788885073, -0.6335391465295207])
        assert np.allclose(by, [13.396385191528571, 68.7194718207063, -52.154180773827456])
        model = sg.Model(loss, dtype="float64")
        model.parameters = scales
        model.stepper({"x": values}, sg.optim.SGD(0.0))()
        assert np.allclose(model.parameters["running_mean"], [0.018976465492794366, 0.17572301969612605, 0.4287791375397211])
        assert np.allclose(model.parameters["running_var"], [0.9073477098313389, 0.9041555531296397, 0.900829711489729])
        assert np.isclose(model.evaluate({"x": values})["loss"], 232.5940033514716)
        f = sg.function([x, *layer.parameters(), *layer.buffers()], outputs)
        _, slope, _ = f(values, *scales.values(), model.parameters["running_mean"], model.parameters["running_var"])
        assert np.allclose(slope.ravel()[:3], [0.24693795068832697, 1.3691078158178338, 3.069994613263835])


def test_a_layer_that_is_called_twice_moves_twice_in_order():
    layer, x = sg.nn.BatchNorm1d(3), sg.data("x", 3, over=T)
    first = layer(x)
    y = layer(first**2 + x * 1.5)
    model = sg.Model(sg.mean(sg.mean(y**3), over=T), dtype="float64")
    assert np.isclose(model.stepper({"x": X}, sg.optim.SGD(0.0))(), 0.6840084808758599)
    assert np.allclose(model.parameters["running_mean"], [0.09933889469938828, 0.21975679743325693, 0.3402881539653957])
    assert np.allclose(model.parameters["running_var"], [1.0231643409748514, 0.9024618610436681, 1.1848348045288464])
    # the order is that of the calls, wherever they stand in the formula; one tensor is called twice, too
    for turned in (False, True):
        layer, z = sg.nn.BatchNorm1d(3, momentum=0.5), sg.data("z", 3, over=T)
        one, two = layer(x), layer(z)
        loss = sg.mean(sg.sum((two - one if turned else one - two) * layer(x)), over=T)
        model = sg.Model(loss, dtype="float64")
        model.stepper({"x": X, "z": X + 10}, sg.optim.SGD(0.0))()
        mean = X.mean(0)
        assert np.allclose(model.parameters["running_mean"], 0.5 * (0.5 * (0.5 * mean) + 0.5 * (mean + 10)) + 0.5 * mean)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_derivatives_are_exact_in_both_modes(training, backend):
    layer, x, w = sg.nn.BatchNorm1d(4), sg.data("x", 3, over=T), sg.parameter("w", (4, 3))
    loss = sg.mean(sg.sum(sg.tanh(layer(w @ x)) ** 2 * sg.constant(np.arange(1.0, 5.0))), over=T)
    v = sg.data("v", (4, 3))
    buffers = [] if training else layer.buffers()
    f = sg.function([w, x, v, *layer.parameters(), *buffers],
                    [loss, sg.gradient(loss, w), sg.hvp(loss, w, v), sg.gradient(loss, x), sg.gradient(loss, layer.W)],
                    backend, training=training)
    rng = np.random.default_rng(1)
    way, at, h = rng.standard_normal((4, 3)), weights(4, 3, 1.0), 1e-5
    kept = [rng.standard_normal(4), rng.uniform(1, 2, 4)][: len(buffers)]
    scales = [rng.uniform(1, 2, 4), rng.standard_normal(4)]

    def value(at, X=X, scales=scales):
        return f(at, X, way, *scales, *kept)

    _, slope, second, by_x, by_scale = value(at)
    low, high = value(at - h * way), value(at + h * way)
    assert np.isclose((high[0] - low[0]) / (2 * h), (slope * way).sum(), atol=1e-8)
    assert np.allclose((high[1] - low[1]) / (2 * h), second, atol=1e-7)
    towards = rng.standard_normal(X.shape)
    ends = [value(at, X + s * h * towards)[0] for s in (1, -1)]
    assert np.isclose((ends[0] - ends[1]) / (2 * h), (by_x * towards).sum(), atol=1e-8)
    ends = [value(at, X, [scales[0] + s * h, scales[1]])[0] for s in (1, -1)]
    assert np.isclose((ends[0] - ends[1]) / (2 * h), by_scale.sum(), atol=1e-8)


def test_samples_are_coupled_in_training():
    layer, x = sg.nn.BatchNorm1d(3), sg.data("x", 3, over=T)
    with pytest.raises(sg.DifferentiationError, match="a statistic over T couples them"):
        sg.jacobian(layer(x), x)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_a_training_is_saved_pickled_and_resumed_with_its_statistics(backend, tmp_path):
    loss, predict, _, _ = network(None)
    data = {"x": X, "y": Y}
    whole, parts = (sg.Model(loss, predict, backend, "float64") for _ in range(2))
    curve = whole.fit(data, epochs=5, batch_size=5, progress=False)["loss"]
    first = parts.fit(data, epochs=2, batch_size=5, progress=False)["loss"]
    parts.save(tmp_path / "model.npz")
    assert {"running_mean_2.npy", "running_var_2.npy", "num_batches_tracked_2.npy"} <= {
        f"{name}.npy" for name in np.load(tmp_path / "model.npz")}
    loaded = sg.Model(loss, predict, backend, "float64", seed=3).load(tmp_path / "model.npz")
    for model in (loaded, pickle.loads(pickle.dumps(parts)), copy.deepcopy(parts), parts):
        assert np.array_equal(model.predict(data), parts.predict(data)) or model is parts
        assert [*first, *model.fit(data, epochs=3, batch_size=5, progress=False)["loss"]] == curve
        assert np.array_equal(model.predict(data), whole.predict(data))


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_states_and_programs_keep_the_statistics(backend, tmp_path):
    loss, predict, _, _ = network()
    source = sg.generate(loss, predict, sg.optim.Adam(0.05), backend)
    module = source.load()
    arrays = [X.astype("float32"), Y.astype("float32")]
    state = module.begin(module.init(0))
    module.step(state, arrays)
    for other in (copy.deepcopy(state), copy.copy(state), pickle.loads(pickle.dumps(state))):
        before = np.array(state["params"]["running_mean_2"])
        assert np.array_equal(other["params"]["running_mean_2"], before) and before.any()
        module.step(other, arrays)
        assert np.array_equal(state["params"]["running_mean_2"], before) != np.array_equal(
            other["params"]["running_mean_2"], before)
    source.save(tmp_path / "program.py")
    np.savez(tmp_path / "data.npz", x=X, y=Y)

    def run(*arguments):
        done = subprocess.run([sys.executable, "program.py", "data.npz", *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "WRONG" not in run("--check")
    run("--epochs", "2", "--batch-size", "5", "--checkpoint", "half.npz")
    run("--epochs", "4", "--batch-size", "5", "--resume", "half.npz", "--output", "parts.npz")
    run("--epochs", "4", "--batch-size", "5", "--output", "whole.npz")
    parts, whole = np.load(tmp_path / "parts.npz"), np.load(tmp_path / "whole.npz")
    assert set(parts) == set(module.PARAMETERS) and all(np.array_equal(parts[name], whole[name]) for name in whole)


def test_the_summary_lists_what_is_kept():
    loss, _, _, norm = network(None)
    text = str(sg.Model(loss).summary())
    assert all(name in text for name in ("running_mean_2", "running_var_2", "num_batches_tracked_2"))
    assert [b.name for b in norm.buffers()] == ["running_mean_2", "running_var_2", "num_batches_tracked_2"]
    assert [p.name for p in norm.parameters()] == ["γ2", "β2"]


def test_frozen_layers_keep_their_parameters_and_move_their_statistics():
    loss_of = lambda layer, w, x: sg.mean(sg.sum((layer(w @ x) - 1) ** 2), over=T)  # noqa: E731
    x, w = sg.data("x", 3, over=T), sg.parameter("w", (4, 3))
    layer = sg.nn.BatchNorm1d(4).freeze()
    model = sg.Model(loss_of(layer, w, x), dtype="float64")
    model.fit({"x": X}, sg.optim.SGD(0.1), epochs=2, progress=False)
    assert (model.parameters["γ"] == 1).all() and not model.parameters["β"].any()
    assert model.parameters["running_mean"].all()


def test_statistics_of_the_batch_everywhere_and_without_scales():
    x = sg.data("x", 3, over=T)
    layer = sg.nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    assert layer.parameters() == layer.buffers() == [] and layer.running_mean is None and layer.num_batches_tracked is None
    wanted = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5)
    for training in (True, False):
        assert np.allclose(sg.function([x], layer(x), training=training)(X), wanted)
    z = sg.data("z", (5, 3, 7))
    values = np.random.default_rng(0).standard_normal((5, 3, 7))
    y = sg.function([z], sg.nn.BatchNorm1d(3, affine=False)(z), training=True)(values)
    assert np.allclose(y.mean((0, 2)), 0) and np.allclose(y.var((0, 2)), 1, atol=1e-4)


def test_the_derivation_is_that_of_a_textbook_and_holds():
    loss, _, _, _ = network()
    derivation = sg.derive(loss)
    text = str(derivation)
    assert "μ = 1/T ∑_t a¹_t" in text and "σ² = 1/T ∑_t (a¹_t - μ)^⊙2" in text and "x̂_t = (a¹_t - μ)/√(σ² + 1e-5)" in text
    assert derivation.check()
    assert "running" not in text + str(loss) + sg.draw(derivation).alt
    x, layer = sg.data("x", 3, over=T), sg.nn.BatchNorm1d(3, affine=False)
    closed = sg.mean(sg.sum(layer(x) ** 3), over=T)
    mine = sg.mean(sg.sum(sg.batch_norm(x, None, None, training=True) ** 3), over=T)
    assert sg.verify(mine, closed) and sg.verify(sg.gradient(mine, x), sg.gradient(closed, x))
    assert sg.verify(3 * mine, closed).factor == 3


MESSAGE = r"BatchNorm1d\(4\): one value a channel has no variance; in training a batch needs two or more"


def test_a_batch_of_one_is_refused_in_training_alone():
    loss, predict, _, norm = network()
    model = sg.Model(loss, predict)
    few = {"x": X[:11], "y": Y[:11]}
    with pytest.raises(sg.DataError, match=MESSAGE + r" \(the last of the minibatches of 5 has 1 of the 11 samples\)"):
        model.fit(few, batch_size=5, progress=False)
    one = {"x": X[:1], "y": Y[:1]}
    for call in (lambda: model.fit(one, progress=False), lambda: model.stepper(one)):
        with pytest.raises(sg.DataError, match=MESSAGE):
            call()
    assert model.predict(one).shape == (1, 2) and np.isfinite(model.evaluate(one)["loss"])
    x = sg.data("x", 4, over=T)
    with pytest.raises(sg.DataError, match=MESSAGE):
        sg.function([x, *norm.parameters()], norm(x), training=True)(np.ones((1, 4)), np.ones(4), np.ones(4))
    for backend in ("numpy", "c"):
        module = sg.generate(loss, optimizer=sg.optim.SGD(0.1), backend=backend, dtype="float64").load()
        with pytest.raises(ValueError, match=MESSAGE):
            module.step(module.begin(module.init(0)), [X[:1], Y[:1]])
    z = sg.data("z", (1, 4))
    with pytest.raises(sg.ShapeError, match=MESSAGE):
        sg.Model(sg.mean(norm(z) ** 2))


@pytest.mark.parametrize("call, message", [
    (lambda: sg.nn.BatchNorm1d(3)(sg.data("x", 4, over=T)), r"BatchNorm1d\(3\): x of shape \(4,\) over T must be \(batch, 3\) or"),
    (lambda: sg.nn.BatchNorm1d(3)(sg.data("x", (2, 3, 4, 5))), r"BatchNorm1d\(3\): x of shape \(2, 3, 4, 5\) must be"),
    (lambda: sg.nn.BatchNorm2d(3)(sg.data("x", (3, 4), over=T)), r"BatchNorm2d\(3\): .* must be \(batch, 3, height, width\); under"),
    (lambda: sg.nn.BatchNorm1d(3, momentum=2), r"BatchNorm1d\(3, momentum=2\): momentum is a number from 0 to 1, not 2"),
])
def test_what_is_refused(call, message):
    with pytest.raises(sg.ShapeError, match=message):
        call()


def test_a_recurrence_moves_no_statistics():
    layer, xs, first = sg.nn.BatchNorm1d(3), sg.data("x", (5, 3), over=T), sg.data("h", 3, over=T)
    with pytest.raises(sg.SymgradError, match=r"scan: BatchNorm1d\(3\) has running statistics, which would move in every step"):
        sg.scan(lambda h, x: (sg.tanh(layer(h) + x),) * 2, first, xs)


def test_optimisers_of_second_order_move_statistics_too_and_refuse_dropout():
    loss, predict, start, _ = network()
    model = sg.Model(loss, predict, dtype="float64")
    model.fit({"x": X, "y": Y}, sg.optim.LBFGS(), epochs=3, progress=False)
    hidden = X @ model.parameters["W1"].T + model.parameters["b1"]
    mean = model.parameters["running_mean_2"]
    assert mean.any() and not np.allclose(mean, hidden.mean(0))  # three steps of 0.1
    x, w = sg.data("x", 3, over=T), sg.parameter("w", 3)
    with pytest.raises(sg.SymgradError, match="Newton looks for the minimum of one loss, and dropout makes another one"):
        sg.Model(sg.sum(w * sg.dropout(x)) ** 2).fit({"x": X}, sg.optim.Newton(), progress=False)


def test_programs_say_how_statistics_move_and_compute_them_once():
    loss, predict, _, _ = network()
    text = sg.generate(loss, predict).text
    assert "# running_mean_2 ← 0.9 running_mean_2 + 0.1/T A¹ᵀ 1" in text
    step = text[text.index("def gradients("):text.index("def gradients_workspace")]
    assert step.count("np.dot(x, W1.T") == 1 and step.count("np.tanh") == 1


def test_a_network_of_two_norms_shares_what_its_statistics_need():
    x = sg.data("x", 3, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(3, 4), sg.nn.BatchNorm1d(4), sg.nn.Tanh(), sg.nn.Linear(4, 5), sg.nn.BatchNorm1d(5))
    text = sg.generate(sg.sum(net(x) ** 2)).text
    step = text[text.index("def gradients("):text.index("def gradients_workspace")]
    assert step.count("np.tanh") == 1 and step.count("np.sqrt") == 2


def test_what_is_minimised_and_reported_is_the_network_outside_of_training(tmp_path):
    w = sg.parameter("w", 3)
    loss = sg.sum((sg.dropout(w, 0.5) - 1) ** 2)
    assert np.allclose(sg.minimize(loss, w, {}).x["w"], 1) and str(sg.solve_stationary(loss, w)) == "1"
    assert "m" not in sg.convexity(loss, w).reason.split() and sg.classify(loss, w, {"w": np.ones(3)}).kind == "minimum"
    per_sample, predict, _, _ = network()
    model = sg.Model(per_sample, predict)
    model.fit({"x": X, "y": Y}, epochs=2, progress=False)
    page = model.report(tmp_path / "page.html").read_text()
    assert "running_mean_2" in page and ">mode<" not in page


@pytest.mark.parametrize("layer, shape, sums", [
    (sg.nn.BatchNorm2d, (3, 2, 2), "[1/(4 T) ∑_tjk x_tijk]_i"), (sg.nn.BatchNorm2d, (2, 1, 3), "[1/(3 T) ∑_tjk x_tijk]_i"),
    (sg.nn.BatchNorm1d, (3, 5), "1/(5 T) ∑_t x_t 1"),
])
def test_means_and_variances_of_images_are_steps_of_a_derivation(layer, shape, sums):
    """As Ioffe and Szegedy have them: of each channel, over all samples and places, and back through x-hat."""
    x, y = sg.data("x", shape, over=T), sg.data("y", shape, over=T)
    derivation = sg.derive(sg.empirical_risk(sg.losses.mse(sg.tanh(layer(shape[0])(x)), y)), [x])
    steps = {step.name: step for step in derivation.steps}
    assert str(steps["mu"]).endswith(f"μ = {sums}") and steps["mu"].rule == "mean over all samples and places"
    assert {"mu", "sigma^2", "x_hat", "G_{x_hat}", "G_{sigma^2}", "G_{mu}"} <= steps.keys()
    back = steps["G_{x}"].formula
    assert back.startswith("G_{x,t} = ") and "x̂_t" in back and "∑_s" in back and derivation.check()
