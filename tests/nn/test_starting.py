"""What layers start from: PyTorch's ranges and names, the same in models and in programs; state dicts in and out."""

import numpy as np
import pytest

import symgrad as sg

x = sg.data("x", (4, 6))
LAYERS = {  # the layer, its input, and for each of PyTorch's names the bound of a uniform draw, "glorot", 0 or 1
    "Linear": (lambda: sg.nn.Linear(6, 5), {"weight": 6**-0.5, "bias": 6**-0.5}),
    "Linear without bias": (lambda: sg.nn.Linear(6, 5, bias=False), {"weight": 6**-0.5}),
    "Conv2d": (lambda: sg.nn.Conv2d(4, 8, (3, 2), groups=2), {"weight": 12**-0.5, "bias": 12**-0.5}),
    "ConvTranspose2d": (lambda: sg.nn.ConvTranspose2d(4, 6, 2), {"weight": 24**-0.5, "bias": 24**-0.5}),
    "Bilinear": (lambda: sg.nn.Bilinear(3, 7, 2), {"weight": 3**-0.5, "bias": 3**-0.5}),
    "Embedding": (lambda: sg.nn.Embedding(9, 4), {"weight": "normal"}),
    "LayerNorm": (lambda: sg.nn.LayerNorm(6), {"weight": 1, "bias": 0}), "PReLU": (lambda: sg.nn.PReLU(), {"weight": 0.25}),
    "MultiheadAttention": (lambda: sg.nn.MultiheadAttention(8, 2), {
        "in_proj_weight": "glorot", "in_proj_bias": 0, "out_proj.weight": 8**-0.5, "out_proj.bias": 0}),
    "GRU": (lambda: sg.nn.GRU(3, 5, bidirectional=True), {
        f"{each}_l0{end}": 5**-0.5 for end in ("", "_reverse") for each in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}),
    "TransformerEncoderLayer": (lambda: sg.nn.TransformerEncoderLayer(8, 2, 16), {
        "self_attn.in_proj_weight": "glorot", "self_attn.in_proj_bias": 0, "self_attn.out_proj.weight": 8**-0.5,
        "self_attn.out_proj.bias": 0, "linear1.weight": 8**-0.5, "linear1.bias": 8**-0.5, "linear2.weight": 16**-0.5,
        "linear2.bias": 16**-0.5, "norm1.weight": 1, "norm1.bias": 0, "norm2.weight": 1, "norm2.bias": 0}),
}


def model_of(layer, seed=0):
    """A model of all parameters of a layer, by their symbols."""
    return sg.Model(sum(sg.sum(p**2) for _, p in layer.named_parameters()), dtype="float64", seed=seed)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_start_as_pytorchs(name):
    make, wanted = LAYERS[name]
    layer = sg.nn.initialise(make())
    assert [each for each, _ in layer.named_parameters()] == list(wanted)
    draws = [model_of(layer, seed).state_dict(layer) for seed in range(6)]
    for each, bound in wanted.items():
        values = np.stack([draw[each] for draw in draws])
        if isinstance(bound, int) or name == "PReLU":
            assert (values == bound).all()
        elif bound == "normal":
            assert 0.8 < values.std() < 1.2
        else:
            bound = (6 / sum(values.shape[1:])) ** 0.5 if bound == "glorot" else bound
            assert 0.5 * bound < np.abs(values).max() <= bound
            assert not np.array_equal(values[0], values[1])


@pytest.mark.parametrize("init", ["kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform", "orthogonal", "torch",
                                  ("uniform", -0.3, 0.1), ("normal", 1.0, 0.02), "ones", 0.5, None])
@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_models_and_their_programs_start_from_the_same_numbers(init, backend):
    net = sg.nn.Sequential(sg.nn.Linear(6, 5, init=init), sg.nn.Tanh(), sg.nn.Linear(5, 3, init=init))
    loss = sg.mean(net(x) ** 2)
    model, program = sg.Model(loss, seed=3, backend=backend), sg.generate(loss, backend=backend).load()
    start = program.init(3)
    assert list(start) == list(model.parameters)
    for name, array in model.parameters.items():
        np.testing.assert_array_equal(array, start[name])


def test_names_are_pytorchs_and_glorots():
    for mine, theirs in (("he_normal", "kaiming_normal"), ("glorot_uniform", "xavier_uniform")):
        assert sg.parameter("W", (2, 3), init=mine) is sg.parameter("W", (2, 3), init=theirs)


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4), (3, 2, 2, 2)])
def test_orthogonal_weights(shape):
    W = sg.parameter("W", shape, init="orthogonal")
    values = sg.Model(sg.sum(W**2), dtype="float64").parameters["W"].reshape(shape[0], -1)
    product = values @ values.T if values.shape[0] <= values.shape[1] else values.T @ values
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_minimisers_start_from_them_too():
    w = sg.parameter("w", 3, init=("uniform", 2.0, 2.5))
    start = sg.minimize(sg.sum((w - 1) ** 4), w, {}).history.x[0]["w"]
    assert (start >= 2).all() and (start <= 2.5).all()


class Net(sg.nn.Module):
    def __init__(self):
        self.first, self.blocks = sg.nn.Linear(6, 4), [sg.nn.Linear(4, 4), sg.nn.BatchNorm1d(4)]
        self.scale = sg.parameter("scale")

    def __call__(self, x):
        h = sg.tanh(self.first(x))
        for block in self.blocks:
            h = block(h)
        return self.scale * h


NAMES = ["scale", "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias", "blocks.1.weight", "blocks.1.bias"]
STATE = {name: np.random.default_rng(len(name)).standard_normal(shape) for name, shape in zip(
    NAMES, [(), (4, 6), (4,), (4, 4), (4,), (4,), (4,)], strict=True)}
STATE |= {"blocks.1.running_mean": np.arange(4.0), "blocks.1.running_var": 1 + np.arange(4.0), "blocks.1.num_batches_tracked": np.array(7)}


def by_hand(values):
    h = np.tanh(values @ STATE["first.weight"].T + STATE["first.bias"]) @ STATE["blocks.0.weight"].T + STATE["blocks.0.bias"]
    h = (h - STATE["blocks.1.running_mean"]) / np.sqrt(STATE["blocks.1.running_var"] + 1e-5)
    return STATE["scale"] * (h * STATE["blocks.1.weight"] + STATE["blocks.1.bias"])


def test_a_state_dict_is_where_a_network_starts():
    net = sg.nn.load_state_dict(Net(), STATE)
    model = sg.Model(sg.mean(net(x) ** 2), predict=net(x), dtype="float64")
    values = np.random.default_rng(0).standard_normal((4, 6))
    np.testing.assert_allclose(model.predict({"x": values}), by_hand(values), rtol=1e-12)
    assert [name for name, _ in net.named_parameters()] == NAMES


def test_a_model_takes_a_state_dict_and_gives_it():
    net = Net()
    model = sg.Model(sg.mean(net(x) ** 2), predict=net(x), dtype="float64")
    model.load_state_dict(net, STATE)
    values = np.random.default_rng(0).standard_normal((4, 6))
    np.testing.assert_allclose(model.predict({"x": values}), by_hand(values), rtol=1e-12)
    found = model.state_dict(net)
    assert set(found) == set(STATE)
    for name in set(STATE) - {"blocks.1.num_batches_tracked"}:
        np.testing.assert_array_equal(found[name], STATE[name])
    found["scale"][...] = 9
    assert model.state_dict(net)["scale"] == STATE["scale"]


class Foreign:
    """As a tensor of PyTorch that needs a gradient: an array only when detached."""

    def __init__(self, values):
        self.values = values

    def detach(self):
        return self

    def cpu(self):
        return self.values


def test_tensors_of_pytorch_are_taken():
    layer = sg.nn.load_state_dict(sg.nn.Linear(2, 1), {"weight": Foreign(np.ones((1, 2))), "bias": Foreign(np.zeros(1))})
    np.testing.assert_array_equal(model_of(layer).state_dict(layer)["weight"], [[1, 1]])


@pytest.mark.parametrize("state, message", [
    ({"weight": np.ones((3, 2))}, "load_state_dict: no array for 'bias'; the names of Linear(2, 3) are 'weight', 'bias'"),
    ({"weight": np.ones((3, 2)), "bias": np.ones(3), "extra": 1}, "load_state_dict: unknown 'extra'; the names of Linear(2, 3)"),
    ({"weight": np.ones((2, 3)), "bias": np.ones(3)}, "load_state_dict: 'weight' has the shape (2, 3), and W of shape (3, 2) needs (3, 2)"),
])
def test_state_dicts_that_do_not_fit(state, message):
    layer = sg.nn.Linear(2, 3)
    with pytest.raises(sg.DataError) as caught:
        sg.nn.load_state_dict(sg.nn.Linear(2, 3), state)
    assert message in str(caught.value)
    model = sg.Model(sg.sum(layer(sg.data("x", 2)) ** 2))
    with pytest.raises(sg.DataError) as caught:
        model.load_state_dict(layer, state)
    assert message in str(caught.value)


def test_a_layer_of_another_model_and_a_layer_in_use():
    layer, other = sg.nn.Linear(2, 3), sg.nn.Linear(2, 3)
    model = sg.Model(sg.sum(layer(sg.data("x", 2)) ** 2))
    with pytest.raises(sg.DataError, match=r"state_dict: W, b of Linear\(2, 3\) are no parameters of this model, which has W, b"):
        model.state_dict(other)
    for call in (lambda: sg.nn.initialise(layer), lambda: sg.nn.load_state_dict(layer, {})):
        with pytest.raises(sg.SymgradError, match=r"Linear\(2, 3\) has given its parameters to formulas already"):
            call()


@pytest.mark.parametrize("make, message", [
    (lambda: sg.parameter("w", 3, init="kaiming"), "init 'kaiming' is not known; known are zeros, ones, normal"),
    (lambda: sg.parameter("w", 3, init=("uniform", 1, 0)), "must be ('uniform', low, high) with two numbers in order"),
    (lambda: sg.parameter("w", 3, init=("normal", 0, -1)), "a deviation from 0 on"),
    (lambda: sg.nn.Linear(sg.dim("n"), 2, init="torch"), "Linear(n, 2): init='torch' needs sizes that are numbers, and n is none"),
    (lambda: sg.Model(sg.sum(sg.parameter("w", 3, init="orthogonal") ** 2)), "parameter 'w': orthogonal needs two axes or more"),
])
def test_what_is_no_start(make, message):
    with pytest.raises(sg.SymgradError) as caught:
        make()
    assert message in str(caught.value)
