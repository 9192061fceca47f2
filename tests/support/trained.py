"""Small networks of every kind, with data: what a kernel must train as NumPy's program does."""

import numpy as np

import symgrad as sg

T = sg.dim("T")


def images():
    x, t = sg.data("x", (1, 6, 6), over=T), sg.labels("t", 3, over=T)
    net = sg.nn.Sequential(sg.nn.Conv2d(1, 2, 3), sg.nn.Tanh(), sg.nn.MaxPool2d(2), sg.nn.Flatten(), sg.nn.Linear(8, 3))
    rng = np.random.default_rng(0)
    return sg.losses.cross_entropy(net(x), t), {"x": rng.standard_normal((24, 1, 6, 6)), "t": rng.integers(0, 3, 24)}


def regression():
    x, y = sg.data("x", 7, over=T), sg.data("y", 3, over=T)
    W, b = sg.parameter("W", (3, 7)), sg.parameter("b", 3)
    rng = np.random.default_rng(0)
    loss = sg.losses.squared_error(W @ x + b, y)
    return loss, {"x": rng.standard_normal((24, 7)), "y": rng.standard_normal((24, 3))}


def tokens():
    i, t = sg.data("i", 5, over=T, dtype="integer"), sg.labels("t", 4, over=T)
    E, W = sg.parameter("E", (9, 6)), sg.parameter("W", (4, 6))
    rng = np.random.default_rng(0)
    loss = sg.losses.cross_entropy(W @ sg.mean(E[i], axis=0), t)
    return loss, {"i": rng.integers(-9, 9, (24, 5)), "t": rng.integers(0, 4, 24)}


def attention():
    x, t = sg.data("x", (4, 6), over=T), sg.labels("t", 3, over=T)
    q, k, v = (sg.parameter(name, (6, 5)) for name in ("Q", "K", "V"))
    weights = sg.softmax((x @ q) @ (x @ k).T / 5 ** 0.5, axis=1)
    W = sg.parameter("W", (3, 5))
    rng = np.random.default_rng(0)
    loss = sg.losses.cross_entropy(W @ sg.mean(weights @ (x @ v), axis=0), t)
    return loss, {"x": rng.standard_normal((24, 4, 6)), "t": rng.integers(0, 3, 24)}


def recurrent():
    x, t = sg.data("x", (5, 4), over=T), sg.labels("t", 3, over=T)
    steps, (last, _) = sg.nn.LSTM(4, 6)(x)
    loss = sg.losses.cross_entropy(sg.nn.Linear(6, 3)(last[0]), t) + 0.1 * sg.sum(steps**2)
    rng = np.random.default_rng(0)
    return sg.empirical_risk(loss), {"x": rng.standard_normal((24, 5, 4)), "t": rng.integers(0, 3, 24)}


def normalised():
    x, y = sg.data("x", 4, over=T), sg.data("y", over=T)
    net = sg.nn.Sequential(sg.nn.Linear(4, 3), sg.nn.BatchNorm1d(3), sg.nn.Tanh(), sg.nn.Linear(3, 1))
    rng = np.random.default_rng(0)
    return sg.losses.squared_error(net(x)[0], y), {"x": rng.standard_normal((24, 4)), "y": rng.standard_normal(24)}
