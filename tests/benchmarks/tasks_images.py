"""A step of LeNet-5 as it is taught today: two convolutions with pooling, three affine layers, ReLU, cross-entropy."""

import numpy as np
from stepping import other_labels, task, twice, uniform

CLASSES = 10
PLACES = (0, 3, 7, 9, 11)  # of the layers with weights


def lenet_data(rng, batch, side, channels, widths):
    """Kernels are 5 x 5; the first convolution keeps the side, each pooling halves it."""
    (first, second), (wide, narrow) = channels, widths
    last = (side // 2 - 4) // 2
    shapes = [(first, 1, 5, 5), (second, first, 5, 5), (wide, second * last * last), (narrow, wide), (CLASSES, narrow)]
    state = {}
    for place, shape in zip(PLACES, shapes, strict=True):
        fan = int(np.prod(shape[1:]))
        state |= {f"{place}.weight": uniform(rng, fan, *shape), f"{place}.bias": uniform(rng, fan, shape[0])}
    return {"x": twice(rng.standard_normal((batch // 2, 1, side, side))),
            "t": other_labels(rng, rng.integers(0, CLASSES, batch // 2), CLASSES), **state}


def lenet_layers(nn, data):
    """The same lines for PyTorch's layers and ours."""
    K1, K2, W1, W2, W3 = (data[f"{place}.weight"].shape for place in PLACES)
    return nn.Sequential(
        nn.Conv2d(K1[1], K1[0], 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(K2[1], K2[0], 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(*W1[::-1]), nn.ReLU(), nn.Linear(*W2[::-1]), nn.ReLU(), nn.Linear(*W3[::-1]))


def lenet_symgrad(data):
    import symgrad as sg

    T = sg.dim("T")
    net = lenet_layers(sg.nn, data)
    logits = net(sg.data("x", data["x"].shape[1:], over=T))
    return net, sg.empirical_risk(sg.losses.cross_entropy(logits, sg.labels("t", CLASSES, over=T)))


def lenet_torch(data):
    import torch

    class Loss(torch.nn.Sequential):
        def forward(self, x, t):
            return torch.nn.functional.cross_entropy(super().forward(x), t)

    return Loss(*lenet_layers(torch.nn, data))


def lenet_jax(p, x, t, data):
    import jax
    import jax.numpy as jnp

    def conv(x, place, padding):
        y = jax.lax.conv_general_dilated(x, p[f"{place}.weight"], (1, 1), [(padding, padding)] * 2)
        y = jax.nn.relu(y + p[f"{place}.bias"][:, None, None])
        return jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    h = conv(conv(x, 0, 2), 3, 0).reshape(len(x), -1)
    for place in PLACES[2:]:
        h = jax.nn.relu(h) if place > 7 else h
        h = h @ p[f"{place}.weight"].T + p[f"{place}.bias"]
    return jnp.mean(jax.nn.logsumexp(h, axis=1) - h[jnp.arange(len(t)), t])


TASKS = {"lenet": task(
    "one Adam step of LeNet-5, 28 x 28, batch 64", {"batch": 64, "side": 28, "channels": (6, 16), "widths": (120, 84)},
    {"batch": 4, "side": 14, "channels": (2, 3), "widths": (5, 4)}, lenet_data, lenet_symgrad, lenet_torch, lenet_jax)}
