"""A small classifier, its data and every kind of update rule: what a backend must train as NumPy does."""

import numpy as np

import symgrad as sg

T = sg.dim("T")
x, t = sg.data("x", 5, over=T), sg.labels("t", 3, over=T)
DATA = {"x": np.random.default_rng(1).standard_normal((40, 5)), "t": np.random.default_rng(2).integers(0, 3, 40)}


def network(*activations):
    layers, width = [], 5
    for k, activation in enumerate(activations):
        layers += [sg.nn.Linear(width, 6 - k), activation]
        width = 6 - k
    net = sg.nn.Sequential(*layers, sg.nn.Linear(width, 3))
    return sg.empirical_risk(sg.losses.cross_entropy(net(x), t)), net(x)


RULES = [sg.optim.SGD(0.1), sg.optim.SGD(0.1, momentum=0.9), sg.optim.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
         sg.optim.Adam(0.01), sg.optim.Adam(0.01, amsgrad=True), sg.optim.AdamW(0.01), sg.optim.RMSprop(0.01),
         sg.optim.RMSprop(0.01, momentum=0.5, centered=True), sg.optim.Adagrad(0.1, lr_decay=0.1)]


def frozen_layers_stay(backend):
    """Weight decay moves what has a gradient, as in PyTorch; the rest stays to the last bit."""
    first, second = sg.nn.Linear(5, 4), sg.nn.Linear(4, 3)
    first.freeze()
    loss = sg.empirical_risk(sg.losses.cross_entropy(second(sg.tanh(first(x))), t))
    model = sg.Model(loss, backend=backend, dtype="float64", seed=1)
    model.fit(DATA, sg.optim.SGD(0.1), epochs=1, progress=False)
    start = {name: value.copy() for name, value in model.parameters.items()}
    assert list(start) == ["W2", "b2", "W1", "b1"]
    rule = sg.optim.AdamW(0.05, weight_decay=0.5)
    model.fit(DATA, rule, epochs=3, batch_size=8, progress=False)
    moved = {name: float(np.abs(value - start[name]).max()) for name, value in model.parameters.items()}
    assert moved["W1"] == moved["b1"] == 0 and min(moved["W2"], moved["b2"]) > 0.01
