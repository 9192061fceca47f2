"""Losses are PyTorch's formulas: against loops over single entries in plain Python, and against torch where it is there."""

import math

import numpy as np
import pytest
from checker import check, near, run

import symgrad as sg

n, k, T = sg.dims("n k T")
rng = np.random.default_rng(0)


def softplus(z):
    return max(z, 0) + math.log1p(math.exp(-abs(z)))


def log_softmax(z):
    top = max(z)
    return [v - top - math.log(sum(math.exp(w - top) for w in z)) for v in z]


ENTRIES = {  # one entry of the prediction and of the target; the loss is the mean over the entries
    "mse": lambda p, t: (p - t) ** 2, "mae": lambda p, t: abs(p - t),
    "huber": lambda p, t: (p - t) ** 2 / 2 if abs(p - t) <= 1 else abs(p - t) - 0.5,
    "binary_cross_entropy_with_logits": lambda z, t: -t * -softplus(-z) - (1 - t) * -softplus(z),
    "kl_divergence": lambda p, t: t * (math.log(t) - p) if t > 0 else 0.0, "hinge": lambda p, t: max(0.0, 1 - t * p),
}


def values(name, shape):
    """A prediction and a target of a shape, as the loss wants them."""
    p = 2 * rng.standard_normal(shape)
    if name == "binary_cross_entropy_with_logits":
        return p, rng.random(shape)
    if name == "kl_divergence":
        return np.log(np.exp(p) / np.exp(p).sum(-1, keepdims=True)), rng.dirichlet(np.ones(shape[-1]), shape[:-1])
    return p, np.sign(rng.standard_normal(shape)) if name == "hinge" else rng.standard_normal(shape)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 4, 3)])
@pytest.mark.parametrize("name", ENTRIES)
def test_the_mean_over_the_entries(name, shape):
    p, t = values(name, shape)
    expected = np.mean([ENTRIES[name](a, b) for a, b in zip(p.ravel(), t.ravel(), strict=True)])
    P, Q = sg.data("p", shape), sg.data("q", shape)
    loss = getattr(sg.losses, name)(P, Q)
    assert loss.shape == () and loss.over is None
    near(run(loss, {P: p, Q: t}), expected)
    check(loss, {P: p, Q: t}, [P] if name == "kl_divergence" or name == "hinge" else [P, Q])
    S = sg.data("p", (n, *shape[1:])), sg.data("q", (n, *shape[1:]))
    near(run(getattr(sg.losses, name)(*S), dict(zip(S, (p, t), strict=True))), expected)


@pytest.mark.parametrize("name", [*ENTRIES, "squared_error"])
def test_one_loss_for_each_sample(name):
    p, t = values(name, (5, 4))
    P, Q = sg.data("p", 4, over=T), sg.data("q", 4, over=T)
    loss = getattr(sg.losses, name)(P, Q)
    one = {"squared_error": lambda a, b: 4 * (a - b) ** 2}.get(name) or ENTRIES[name]
    expected = [np.mean([one(a, b) for a, b in zip(x, y, strict=True)]) for x, y in zip(p, t, strict=True)]
    assert loss.over == T and loss.shape == ()
    near(run(loss, {P: p, Q: t}), expected)
    near(run(sg.empirical_risk(loss), {P: p, Q: t}), np.mean(expected))
    fixed = sg.data("q", 4)
    assert getattr(sg.losses, name)(P, fixed).over == T, "a target that is the same for all samples"


def test_squared_error_is_a_sum():
    p, t = sg.data("p", 3), sg.data("t", 3)
    assert str(sg.losses.squared_error(p, t)) == "‖p - t‖²"
    assert sg.losses.squared_error(p, t).eval(p=[1, 2, 3], t=[0, 0, 5]) == 9
    assert sg.losses.mse(p, t).eval(p=[1, 2, 3], t=[0, 0, 5]) == 3


def test_cross_entropy_with_labels():
    z, y = 2 * rng.standard_normal((5, 4)), rng.integers(0, 4, 5)
    each = [-log_softmax(row)[c] for row, c in zip(z.tolist(), y, strict=True)]
    Z, Y = sg.data("z", k, over=T), sg.labels("y", k, over=T)
    near(run(sg.losses.cross_entropy(Z, Y), {Z: z, Y: y}), each)
    check(sg.empirical_risk(sg.losses.cross_entropy(Z, Y)), {Z: z, Y: y}, [Z])
    Z, Y = sg.data("z", (n, k)), sg.labels("y", k, shape=n)
    near(run(sg.losses.cross_entropy(Z, Y), {Z: z, Y: y}), np.mean(each))
    near(run(sg.losses.nll(sg.log_softmax(Z), Y), {Z: z, Y: y}), np.mean(each))
    check(sg.losses.cross_entropy(Z, Y), {Z: z, Y: y}, [Z])
    Z, Y = sg.data("z", 4), sg.labels("y", 4)
    near(run(sg.losses.cross_entropy(Z, Y), {Z: z[0], Y: y[0]}), each[0])
    Z, Y = sg.data("z", 4), sg.data("y", dtype="integer")
    near(run(sg.losses.cross_entropy(Z, Y), {Z: z[0], Y: y[0]}), each[0])
    z, y = rng.standard_normal((2, 3, 4)), rng.integers(0, 4, (2, 3))
    Z, Y = sg.data("z", (2, 3, 4)), sg.labels("y", 4, shape=(2, 3))
    near(run(sg.losses.cross_entropy(Z, Y), {Z: z, Y: y}),
         np.mean([-log_softmax(z[i, j].tolist())[y[i, j]] for i in range(2) for j in range(3)]))


def test_cross_entropy_with_a_distribution():
    z, t = 2 * rng.standard_normal((5, 4)), rng.dirichlet(np.ones(4), 5)
    each = [-sum(a * b for a, b in zip(q, log_softmax(row), strict=True)) for row, q in zip(z.tolist(), t, strict=True)]
    Z, P = sg.data("z", k, over=T), sg.data("p", k, over=T)
    near(run(sg.losses.cross_entropy(Z, P), {Z: z, P: t}), each)
    Z, P = sg.data("z", (n, k)), sg.data("p", (n, k))
    near(run(sg.losses.cross_entropy(Z, P), {Z: z, P: t}), np.mean(each))
    check(sg.losses.cross_entropy(Z, P), {Z: z, P: t}, [Z, P])
    Y = sg.labels("y", 4)
    hard = sg.losses.cross_entropy(sg.data("z", 4), sg.one_hot(Y, 4))
    near(hard.eval(z=z[0], y=2), -log_softmax(z[0].tolist())[2])


def test_gradients_are_those_of_the_lecture():
    z, y, p = sg.data("z", 3), sg.labels("y", 3), sg.data("p", 3)
    assert str(sg.gradient(sg.losses.cross_entropy(z, y), z)) == "softmax(z) - e_y"
    assert str(sg.gradient(sg.losses.cross_entropy(z, p), z)) == "sum(p) softmax(z) - p"
    s, t = sg.data("s"), sg.data("t")
    assert str(sg.gradient(sg.losses.binary_cross_entropy_with_logits(s, t), s)) == "σ(s) - t"
    assert str(sg.gradient(sg.losses.squared_error(z, sg.data("t", 3)), z)) == "2 (z - t)"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_huge_logits_are_finite(dtype):
    z, y = sg.data("z", 3), sg.labels("y", 3)
    loss = sg.losses.cross_entropy(z, y)
    f = sg.function([z, y], [loss, sg.gradient(loss, z), sg.hessian(loss, z)], dtype=dtype)
    value, slope, second = f([1000.0, -1000.0, 0.0], 1)
    assert value == 2000 and slope.tolist() == [1, -1, 0] and np.isfinite(second).all()
    s, t = sg.data("s", 4), sg.data("t", 4)
    loss = sg.losses.binary_cross_entropy_with_logits(s, t)
    value, slope = sg.function([s, t], [loss, sg.gradient(loss, s)], dtype=dtype)([1000.0, -1000.0, 1000.0, -1000.0], [1, 0, 0, 1])
    assert value == 500 and slope.tolist() == [0, 0, 0.25, -0.25]


def test_a_class_without_mass_adds_nothing():
    p, t = sg.data("p", 3), sg.data("t", 3)
    loss = sg.losses.kl_divergence(p, t)
    near(loss.eval(p=np.log([0.2, 0.3, 0.5]), t=[0.0, 0.5, 0.5]), (0.5 * math.log(0.5 / 0.3)) / 3)
    slopes = run(sg.gradient(loss, [p, t]), {p: np.log([0.2, 0.3, 0.5]), t: np.array([0.0, 0.5, 0.5])})
    near(slopes[0], np.array([0, -0.5, -0.5]) / 3)
    assert np.isfinite(slopes[1]).all()
    z = sg.data("z", 2)
    near(sg.losses.cross_entropy(z, t[1:]).eval(z=[800.0, 0], t=[0, 1, 0]), 0)


@pytest.mark.parametrize("delta", [0.5, 1, 2.5])
def test_huber_is_smooth_where_it_bends(delta):
    p = sg.data("p", 5)
    loss = sg.losses.huber(p, np.zeros(5), delta)
    at = np.array([-3 * delta, -delta, 0.0, delta, 3 * delta])
    near(loss.eval(p=at), np.mean([2.5 * delta**2, delta**2 / 2, 0, delta**2 / 2, 2.5 * delta**2]))
    near(sg.gradient(loss, p).eval(p=at), np.clip(at, -delta, delta) / 5)


def test_at_the_kinks_the_slope_is_the_one_of_pytorch():
    p = sg.data("p", 2)
    assert sg.gradient(sg.losses.mae(p, [1.0, 1.0]), p).eval(p=[1, 2]).tolist() == [0, 0.5]
    assert sg.gradient(sg.losses.hinge(p, [1.0, 1.0]), p).eval(p=[1, 0]).tolist() == [0, -0.5]


def test_numbers_and_arrays_are_operands():
    p = sg.data("p", 3)
    assert sg.losses.mse(p, [1.0, 2.0, 3.0]).eval(p=[1, 2, 6]) == 3
    assert sg.losses.mse([1.0, 2.0, 6.0], p).eval(p=[1, 2, 3]) == 3
    assert sg.losses.mse(sg.data("s"), 2).eval(s=5) == 9


@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 4)])
def test_equal_to_torch(shape):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    theirs = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss, "kl_divergence": F.kl_div,
              "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
              "hinge": lambda p, t: F.margin_ranking_loss(p, torch.zeros_like(p), t, margin=1.0)}
    for name, f in theirs.items():
        p, t = values(name, shape)
        given = torch.tensor(p, requires_grad=True)
        value = f(given, torch.tensor(t))
        value.backward()
        P, Q = sg.data("p", shape), sg.data("q", shape)
        loss = getattr(sg.losses, name)(P, Q)
        mine = run([loss, sg.gradient(loss, P)], {P: p, Q: t})
        near(mine[0], value.detach().numpy(), 1e-12, name)
        near(mine[1], given.grad.numpy(), 1e-12, name)
    z, y = rng.standard_normal((6, 4)), rng.integers(0, 4, 6)
    Z, Y = sg.data("z", (6, 4)), sg.labels("y", 4, shape=6)
    near(run(sg.losses.cross_entropy(Z, Y), {Z: z, Y: y}), F.cross_entropy(torch.tensor(z), torch.tensor(y)).numpy(), 1e-12)
    near(run(sg.losses.nll(Z, Y), {Z: z, Y: y}), F.nll_loss(torch.tensor(z), torch.tensor(y)).numpy(), 1e-12)
