"""An LSTM over a sequence, forward and backward through time, in float32.

The cotangent C of all hidden states is given; results are these, H, and the gradients of sum(H * C). Data are
(length, batch, features), parameters as PyTorch lays them out, gates i, f, g, o.
"""

import numpy as np
from contest import arrays_of, function_case
from tasks_layers import task

PARAMETERS = ("W", "U", "b", "d")


def data(rng, length, batch, features, hidden):
    return {"x": rng.standard_normal((length, batch, features)), "C": rng.standard_normal((length, batch, hidden)),
            "W": rng.standard_normal((4 * hidden, features)) / np.sqrt(hidden),
            "U": rng.standard_normal((4 * hidden, hidden)) / np.sqrt(hidden),
            "b": rng.standard_normal(4 * hidden) / 8, "d": rng.standard_normal(4 * hidden) / 8}


def in_symgrad(data, backend):
    import symgrad as sg

    x, C = sg.data("x", data["x"].shape), sg.data("C", data["C"].shape)
    layer = sg.nn.LSTM(data["x"].shape[-1], data["C"].shape[-1])
    H, _ = layer(x)
    named = dict(zip(PARAMETERS, layer.parameters(), strict=True))
    values = {"x": data["x"], "C": data["C"], **{p.name: data[name] for name, p in named.items()}}
    outputs = {"Y": H, **sg.gradient(sg.sum(H * C), {"x": x, **named})}
    return function_case([x, C, *named.values()], outputs, values, "float32", backend)


def by_hand(data):
    """Products with x for all steps at once, and those for the gradients by matrices; the rest step by step."""
    x, C, W, U, b, d = (data[name] for name in ("x", "C", *PARAMETERS))
    length, batch, features = x.shape
    size = U.shape[1]
    X = x.reshape(length * batch, features)
    A = np.empty((length, batch, 4 * size), np.float32)  # gates, then their cotangents
    H, S, Q = (np.zeros((length + 1, batch, size), np.float32) for _ in range(3))

    def call():
        np.dot(X, W.T, out=A.reshape(length * batch, 4 * size))
        np.add(A, b + d, out=A)
        for t in range(length):
            a = A[t]
            a += H[t] @ U.T
            i, f, g, o = (a[:, k * size:(k + 1) * size] for k in range(4))
            np.tanh(g, out=g)
            for gate in (i, f, o):
                np.negative(gate, out=gate)
                np.exp(gate, out=gate)
                gate += 1
                np.reciprocal(gate, out=gate)
            np.multiply(f, S[t], out=S[t + 1])
            S[t + 1] += i * g
            np.tanh(S[t + 1], out=Q[t + 1])
            np.multiply(o, Q[t + 1], out=H[t + 1])
        gh, gs = np.zeros((batch, size), np.float32), np.zeros((batch, size), np.float32)
        for t in reversed(range(length)):
            i, f, g, o = (A[t, :, k * size:(k + 1) * size] for k in range(4))
            gh += C[t]
            gs += gh * o * (1 - Q[t + 1] * Q[t + 1])
            go, gi, gf, gg = gh * Q[t + 1] * o * (1 - o), gs * g * i * (1 - i), gs * S[t] * f * (1 - f), gs * i * (1 - g * g)
            gs *= f
            for part, value in zip((i, f, g, o), (gi, gf, gg, go), strict=True):
                part[...] = value
            gh = A[t] @ U
        G = A.reshape(length * batch, 4 * size)
        sums = G.sum(axis=0)
        return [H[1:], (G @ W).reshape(x.shape), G.T @ X, G.T @ H[:-1].reshape(length * batch, size), sums, sums.copy()]

    return arrays_of(["Y", "x", *PARAMETERS], call)


def in_torch(a):
    import torch

    start = a["x"].new_zeros(1, a["x"].shape[1], a["U"].shape[1])
    y, _, _ = torch.lstm(a["x"], (start, start), [a[name] for name in PARAMETERS], True, 1, 0.0, True, False, False)
    return torch.sum(y * a["C"]), y


def in_jax(a):
    import jax
    import jax.numpy as jnp

    start = jnp.zeros((a["x"].shape[1], a["U"].shape[1]), a["x"].dtype)
    given = a["x"] @ a["W"].T + (a["b"] + a["d"])

    def step(carry, now):
        h, c = carry
        i, f, g, o = jnp.split(now + h @ a["U"].T, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    _, y = jax.lax.scan(step, (start, start), given)
    return (y * a["C"]).sum(), y


TINY = {"length": 5, "batch": 2, "features": 3, "hidden": 4}
TASKS = {
    name: task(f"LSTM of 128 units over 100 steps, batch {batch}, forward and backward",
               {"length": 100, "batch": batch, "features": 64, "hidden": 128}, TINY, data, in_symgrad, by_hand, in_torch,
               in_jax, ("x", *PARAMETERS))
    for name, batch in (("lstm", 32), ("lstm-single", 1))}
