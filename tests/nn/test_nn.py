"""Layers: PyTorch's names and arguments, parameters that belong to one instance, names that hold once they were seen."""

import copy
import math
import pickle

import numpy as np
import pytest
from checker import near, run
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

n, d, T = sg.dims("n d T")
rng = np.random.default_rng(0)
x, X, z = sg.data("x", 3, over=T), sg.data("X", (n, 3)), sg.data("z", 3)


def test_linear_is_an_affine_map_of_the_last_axis():
    layer = sg.nn.Linear(3, 2)
    W, b = layer.parameters()
    assert W.shape == (2, 3) and b.shape == (2,) and (W, b) == (layer.W, layer.b)
    w, c = rng.standard_normal((2, 3)), rng.standard_normal(2)
    for t, shape in ((x, (5, 3)), (X, (5, 3)), (z, (3,)), (sg.data("Q", (2, 4, 3)), (2, 4, 3)), (sg.data("Q", (4, 3), over=T), (5, 4, 3))):
        v = rng.standard_normal(shape)
        assert layer(t).over == t.over and layer(t).shape == (*t.shape[:-1], 2)
        near(run(layer(t), {t: v, W: w, b: c}), v @ w.T + c)
    assert str(layer(z)) == "W z + b" and str(layer(X)) == "X Wᵀ + 1 bᵀ"
    plain = sg.nn.Linear(3, 2, bias=False)
    assert plain.b is None and plain.parameters() == [plain.W] and str(plain(z)) == "W z"
    assert sg.nn.Linear(d, n)(sg.data("q", d)).shape == (n,)
    assert str(layer(np.ones(3))) == "W [1; 1; 1] + b"


ACTIVATIONS = {
    "Tanh()": np.tanh, "ReLU()": lambda v: np.maximum(v, 0), "LeakyReLU()": lambda v: np.where(v > 0, v, 0.01 * v),
    "LeakyReLU(0.2)": lambda v: np.where(v > 0, v, 0.2 * v), "ELU()": lambda v: np.where(v > 0, v, np.expm1(v)),
    "ELU(1.5)": lambda v: np.where(v > 0, v, 1.5 * np.expm1(v)),
    "GELU()": lambda v: v * (1 + np.vectorize(math.erf)(v / math.sqrt(2))) / 2, "SiLU()": lambda v: v / (1 + np.exp(-v)),
    "Sigmoid()": lambda v: 1 / (1 + np.exp(-v)), "Softplus()": lambda v: np.log1p(np.exp(v)), "Identity()": lambda v: v,
    "Softmax()": lambda v: np.exp(v) / np.exp(v).sum(-1, keepdims=True),
    "Softmax(dim=0)": lambda v: np.exp(v) / np.exp(v).sum(0, keepdims=True),
    "LogSoftmax(dim=-1)": lambda v: v - np.log(np.exp(v).sum(-1, keepdims=True)),
    "Flatten(1)": lambda v: v.reshape(len(v), -1), "Flatten(0)": np.ravel, "Flatten(-2)": np.ravel,
    "Flatten(0, end_dim=0)": lambda v: v, "ReLU(inplace=True)": lambda v: np.maximum(v, 0),
    "Hardtanh(-0.5, 0.5, inplace=True)": lambda v: np.clip(v, -0.5, 0.5),
}


@pytest.mark.parametrize("text", ACTIVATIONS)
def test_activations(text):
    layer = eval(f"sg.nn.{text}")
    v = rng.standard_normal((4, 3))
    near(layer(sg.data("v", (4, 3))).eval(v=v), ACTIVATIONS[text](v))
    assert layer.parameters() == [] and isinstance(layer, sg.nn.Module)
    many = rng.standard_normal((5, 4, 3))
    near(layer(sg.data("v", (4, 3), over=T)).eval(v=many), np.stack([ACTIVATIONS[text](one) for one in many]))


def test_sequential_chains_and_numbers():
    net = sg.nn.Sequential(sg.nn.Linear(3, 4), sg.nn.Tanh(), sg.nn.Linear(4, 2), sg.nn.Softmax())
    assert [p.name for p in net.parameters()] == ["W1", "b1", "W2", "b2"] and len(net) == 4 and net[1](z) == sg.tanh(z)
    assert net(x) == sg.softmax(net[2](sg.tanh(net[0](x))))
    assert [p.name for p in sg.nn.Sequential(sg.nn.Linear(3, 3, name="in"), sg.nn.Linear(3, 3)).parameters()] == [
        "Win", "bin", "W1", "b1"]
    nested = sg.nn.Sequential(sg.nn.Sequential(sg.nn.Linear(3, 3), sg.nn.Linear(3, 3)), sg.tanh, sg.nn.Linear(3, 3))
    assert [p.name for p in nested.parameters()] == ["W1", "b1", "W2", "b2", "W3", "b3"]
    assert sg.nn.Sequential()(x) is x and sg.nn.Sequential(sg.tanh, lambda t: 2 * t)(z) == 2 * sg.tanh(z)


def test_two_layers_never_share_weights_and_one_layer_always_does():
    first, second = sg.nn.Linear(3, 3), sg.nn.Linear(3, 3)
    tied = sg.nn.Sequential(first, sg.nn.Tanh(), first)
    assert first(z) != second(z) and not set(first.parameters()) & set(second.parameters())
    assert tied.parameters() == [first.W, first.b] and [p.name for p in tied.parameters()] == ["W1", "b1"]
    W, b = rng.standard_normal((3, 3)), rng.standard_normal(3)
    v = rng.standard_normal(3)
    near(run(tied(z), {z: v, first.W: W, first.b: b}), W @ np.tanh(W @ v + b) + b)
    assert sg.Model(sg.sum(tied(z) ** 2)).summary().count("glorot_uniform") == 1


@pytest.mark.parametrize("use", [lambda layer: layer(x), lambda layer: layer.parameters(), lambda layer: layer.W,
                                 lambda layer: layer.b, lambda layer: sg.nn.Sequential(layer)(x)])
def test_a_layer_in_use_keeps_its_name(use):
    """Renamed, its weights would be another symbol, and what was built before would not share them."""
    layer = sg.nn.Linear(3, 3)
    before = use(layer)
    name = layer.W.name
    net = sg.nn.Sequential(sg.nn.Linear(3, 3), sg.nn.Tanh(), layer)
    assert layer.W.name == name and use(layer) == before and [p.name for p in net.parameters()] == ["W1", "b1", name, "b" + name[1:]]
    loss = sg.empirical_risk(sg.losses.squared_error(net(x), layer(x)))
    assert len(sg.Model(loss).parameters) == 4, "shared, not doubled"


def test_frozen_layers_are_constants_of_differentiation():
    net = sg.nn.Sequential(sg.nn.Sequential(sg.nn.Linear(3, 3), sg.nn.Tanh()), sg.nn.Linear(3, 2))
    free = net(x)
    assert net[0].freeze() is net[0] and net(x) != free
    loss = sg.empirical_risk(sg.sum(net(x) ** 2))
    slopes = sg.gradient(loss, net.parameters())
    at = {x: rng.standard_normal((5, 3)), **{p: rng.standard_normal(p.shape) for p in net.parameters()}}
    values = run(slopes, at)
    assert slopes[0] == sg.zeros((3, 3)) and slopes[1] == sg.zeros(3) and np.abs(values[2]).min() > 0
    near(run(net(x), at), run(free, at))
    model = sg.Model(loss, seed=3)
    before = model.parameters
    model.fit({"x": at[x]}, sg.optim.SGD(0.1), epochs=2, progress=False)
    after = model.parameters
    assert (before["W1"] == after["W1"]).all() and (before["W2"] != after["W2"]).all()
    assert sg.nn.Linear(3, 2).freeze().parameters()[0].name == "W"


def test_starting_values():
    for init, spread in ((None, math.sqrt(6 / 500) / math.sqrt(3)), ("he_normal", math.sqrt(2 / 300)), ("normal", 1.0)):
        layer = sg.nn.Linear(300, 200, init=init)
        values = sg.Model(sg.sum(layer(sg.data("v", 300)) ** 2)).parameters
        assert values["W"].std() == pytest.approx(spread, rel=0.02) and not values["b"].any()
    start = np.arange(6.0).reshape(2, 3)
    assert (sg.Model(sg.sum(sg.nn.Linear(3, 2, init=start)(z))).parameters["W"] == start).all()
    with pytest.raises(sg.SymgradError, match="init 'xavier' is not known"):
        sg.nn.Linear(3, 2, init="xavier")
    with pytest.raises(sg.ShapeError, match=r"parameter 'W' of shape \(2, 3\): the init has shape \(3, 2\)"):
        sg.nn.Linear(3, 2, init=start.T)


def test_layers_print_as_they_are_written():
    net = sg.nn.Sequential(sg.nn.Linear(3, n, bias=False), sg.nn.LeakyReLU(0.1), sg.nn.Flatten(), sg.nn.Softmax())
    assert repr(net) == "Sequential(Linear(3, n, bias=False), LeakyReLU(negative_slope=0.1), Flatten(), Softmax(axis=-1))"


def test_layers_can_be_pickled_and_copied():
    net = sg.nn.Sequential(sg.nn.Linear(3, 3), sg.nn.Tanh())
    assert pickle.loads(pickle.dumps(net))(x) is net(x) and copy.deepcopy(net)(x) is net(x)


def test_a_layer_of_ones_own():
    class Residual(sg.nn.Module):
        def __init__(self, size):
            self.inner = sg.nn.Linear(size, size)

        def children(self):
            return [self.inner]

        def __call__(self, t):
            return t + sg.tanh(self.inner(t))

    net = sg.nn.Sequential(Residual(3), Residual(3), sg.nn.Linear(3, 2))
    assert len(net.parameters()) == 6 and net(x).shape == (2,) and "Residual()" in repr(net)
    inputs = sg.function([x, *net.parameters()], net(x)).inputs
    assert len(set(inputs)) == 7
    net.freeze()
    assert sg.gradient(sg.empirical_risk(sg.sum(net(x))), net.parameters()[0]) == sg.zeros((3, 3))


def test_equal_to_torch():
    torch = pytest.importorskip("torch")
    W1, b1, W2, b2 = (rng.standard_normal(s) for s in ((4, 3), 4, (2, 4), 2))
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.GELU(), torch.nn.Linear(4, 2), torch.nn.LogSoftmax(dim=-1)).double()
    for parameter, value in zip(theirs.parameters(), (W1, b1, W2, b2), strict=True):
        parameter.data = torch.tensor(value)
    mine = sg.nn.Sequential(sg.nn.Linear(3, 4), sg.nn.GELU(), sg.nn.Linear(4, 2), sg.nn.LogSoftmax(dim=-1))
    v = rng.standard_normal((5, 3))
    at = {x: v, **dict(zip(mine.parameters(), (W1, b1, W2, b2), strict=True))}
    near(run(mine(x), at), theirs(torch.tensor(v)).detach().numpy(), 1e-12)


@settings(max_examples=25, deadline=None)
@given(st.floats(-3, 3).filter(lambda b: abs(b) > 0.05), st.sampled_from([20.0, 3.0, 0.5, -1.0]), st.integers(0, 99))
def test_softplus_takes_pytorchs_steepness_and_threshold(beta, threshold, seed):
    at = np.random.default_rng(seed).uniform(-4, 4, 6)
    x = sg.data("x", 6)
    y = sg.nn.Softplus(beta, threshold)(x)
    value, slope = sg.function([x], [y, sg.gradient(sg.sum(y), x)])(at)
    straight = (beta * at > threshold) & (threshold != 20)
    np.testing.assert_allclose(value, np.where(straight, at, np.log1p(np.exp(beta * at)) / beta), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(slope, np.where(straight, 1, 1 / (1 + np.exp(-beta * at))), rtol=1e-12)


@pytest.mark.parametrize("shape, kept", [((4, 2, 3), 1), ((5, 3), 1), ((3,), 0), ((2, 1, 3, 2), 1), ((0, 2, 3), 1)])
def test_flatten_keeps_the_batch_as_pytorch_does(shape, kept):
    v = rng.standard_normal(shape)
    flat = v.reshape(*shape[:kept], math.prod(shape[kept:]))
    near(sg.nn.Flatten()(sg.data("v", shape)).eval(v=v), flat)
    if shape[0]:
        near(sg.nn.Flatten()(sg.data("v", shape[1:], over=T)).eval(v=v), v.reshape(shape[0], -1))
    near(sg.nn.Flatten(0, -1)(sg.data("v", shape)).eval(v=v), v.ravel())
    if len(shape) > 2:
        near(sg.nn.Flatten(0, 1)(sg.data("v", shape)).eval(v=v), v.reshape(-1, *shape[2:]))
    with pytest.raises(sg.ShapeError, match="lies behind axis 0" if len(shape) > 1 else "axis 1 of v"):
        sg.nn.Flatten(1, 0)(sg.data("v", shape))


class Gate(sg.nn.Module):
    """As it would be written for PyTorch."""

    def __init__(self, d):
        super().__init__()
        self.table, self.out = sg.nn.Embedding(5, d), sg.nn.Linear(d, 5)
        self.out.weight = self.table.weight

    def forward(self, i, scale=1.0):
        return self.out(scale * self.table(i))


def test_a_layer_may_say_what_it_computes_in_forward():
    net, i = Gate(2), sg.labels("i", classes=5)
    assert net(i, scale=2.0) is net.forward(i, 2.0) and net(i) == net.table.W[i] @ net.table.W.T + net.out.b
    assert sg.nn.Linear(3, 2).forward(x).shape == (2,)
    with pytest.raises(TypeError, match=r"Module does not say what it computes: define forward\(self, x\), or __call__"):
        sg.nn.Module()(x)


def test_tied_weights_are_one_parameter_with_two_names():
    net, i, y = Gate(2), sg.labels("i", classes=5, over=T), sg.labels("y", classes=5, over=T)
    assert [name for name, _ in net.named_parameters()] == ["table.weight", "out.bias"] and len(net.parameters()) == 2
    model = sg.Model(sg.losses.cross_entropy(net(i), y), net(i), dtype="float64")
    state = model.state_dict(net)
    assert set(state) == {"table.weight", "out.weight", "out.bias"}
    near(state["table.weight"], state["out.weight"])
    new = {name: array + 1 for name, array in state.items()}
    for names in (set(state), {"table.weight", "out.bias"}, {"out.weight", "out.bias"}):
        model.parameters = {name: array * 0 for name, array in model.parameters.items()}
        model.load_state_dict(net, {name: new[name] for name in names})
        near(model.state_dict(net)["table.weight"], new["table.weight"])
    with pytest.raises(sg.DataError, match="no array for 'table.weight'; the names"):
        model.load_state_dict(net, {"out.bias": new["out.bias"]})
    t = net.table.W
    at = {"i": [0, 1, 1], "y": [1, 1, 4], t.name: state["table.weight"], "b": state["out.bias"]}
    value = lambda W: float(np.mean(model.loss.eval(**{**at, t.name: W})))  # noqa: E731
    g, W, d = sg.gradient(model.loss, t).eval(**at), at[t.name], 1e-6
    slope = [(value(W + d * e.reshape(5, 2)) - value(W - d * e.reshape(5, 2))) / (2 * d) for e in np.eye(10)]
    near(g.ravel(), slope, 1e-6)


def test_what_weights_cannot_be_tied_to():
    for set_it, message in (
            (lambda: setattr(sg.nn.Linear(2, 3), "weight", sg.nn.Linear(3, 2).weight),
             r"Linear\(2, 3\): the weight needs the shape \(3, 2\), and W of shape \(2, 3\)"),
            (lambda: setattr(sg.nn.Linear(2, 3), "weight", np.ones((3, 2))), "the weight is a parameter, of another layer or sg.pa"),
            (lambda: setattr(sg.nn.Linear(2, 3), "weight", sg.nn.Linear(3, 2).W.T), "the weight is a parameter"),
            (lambda: setattr(sg.nn.Linear(2, 3, bias=False), "bias", sg.nn.Linear(2, 3).bias), "it has no bias, and b of shape"),
            (lambda: setattr(sg.nn.LayerNorm(3, elementwise_affine=False), "weight", sg.parameter("g", 3)), "it has no weight")):
        with pytest.raises((sg.ShapeError, TypeError), match=message):
            set_it()
    layer = sg.nn.LayerNorm(3, elementwise_affine=False)
    assert layer.weight is None and layer.bias is None and sg.nn.Linear(2, 2, bias=False).bias is None


def test_sequential_takes_names_and_is_cut():
    net = sg.nn.Sequential({"first": sg.nn.Linear(3, 4), "act": sg.nn.ReLU(inplace=True), "last": sg.nn.Linear(4, 2)})
    assert [name for name, _ in net.named_parameters()] == ["first.weight", "first.bias", "last.weight", "last.bias"]
    assert net[1:](net[:1](x)) == net(x) and len(net[:2]) == 2 and net[-1] is net[2]
    assert [name for name, _ in net[1:].named_parameters()] == ["last.weight", "last.bias"]


@pytest.mark.parametrize("name, hint", [
    ("train", "layers have no mode"), ("state_dict", r"model.state_dict\(layer\)"), ("weigth", "did you mean weight"),
    ("cuda", "backend="), ("zero_grad", "nothing is accumulated")])
def test_what_a_layer_has_not_says_what_to_write(name, hint):
    with pytest.raises(AttributeError, match=f"Linear has no attribute {name!r}.*{hint}"):
        getattr(sg.nn.Linear(2, 3), name)
