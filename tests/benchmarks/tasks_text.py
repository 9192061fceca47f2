"""Steps of what networks of text are made of: a small GPT with tied embeddings, a layer norm, an embedding.

The GPT has the layers of PyTorch's TransformerEncoderLayer (normalised before, exact GELU, causal mask, no dropout). In
the steps of a single layer, what stands before it is learnt as well, so that the gradient by its input is formed.
"""

from functools import partial

import numpy as np
from stepping import adam, other_labels, state_of, task, training_case, twice, uniform

NORM = 1e-5  # added to variances

# a GPT: E[x] + P, blocks, a layer norm, E' again ---------------------------------------------------------------------------


def gpt_data(rng, batch, length, width, heads, vocabulary, blocks):
    state = {"E.weight": rng.standard_normal((vocabulary, width)) / 10, "P": rng.standard_normal((length, width)) / 10}
    for k in range(blocks):
        maps = {"self_attn.in_proj_": (3 * width, width), "self_attn.out_proj.": (width, width),
                "linear1.": (4 * width, width), "linear2.": (width, 4 * width)}
        for name, shape in maps.items():
            state |= {f"blocks.{k}.{name}weight": uniform(rng, shape[1], *shape),
                      f"blocks.{k}.{name}bias": uniform(rng, shape[1], shape[0])}
        for norm in ("norm1", "norm2"):
            state |= {f"blocks.{k}.{norm}.weight": np.ones(width), f"blocks.{k}.{norm}.bias": np.zeros(width)}
    state |= {"norm.weight": np.ones(width), "norm.bias": np.zeros(width)}
    text = rng.integers(0, vocabulary, (batch // 2, length))
    return {"x": twice(text), "t": other_labels(rng, text, vocabulary), "heads": heads, "blocks": blocks, **state}


def gpt_symgrad(data):
    import symgrad as sg

    (V, D), (L, _) = data["E.weight"].shape, data["P"].shape

    class GPT(sg.nn.Module):
        def __init__(self):
            self.E, self.P = sg.nn.Embedding(V, D), sg.parameter("P", (L, D))
            self.blocks = [sg.nn.TransformerEncoderLayer(D, data["heads"], 4 * D, dropout=0.0, activation="gelu",
                                                         norm_first=True, batch_first=True) for _ in range(data["blocks"])]
            self.norm = sg.nn.LayerNorm(D)

        def __call__(self, x):
            h, mask = self.E(x) + self.P, sg.constant(np.triu(np.ones((L, L), bool), 1))
            for block in self.blocks:
                h = block(h, src_mask=mask)
            return self.norm(h) @ self.E.W.T

    T = sg.dim("T")
    net = GPT()
    logits = net(sg.labels("x", V, over=T, shape=(L,)))
    return net, sg.empirical_risk(sg.losses.cross_entropy(logits, sg.labels("t", V, over=T, shape=(L,))))


def gpt_torch(data):
    import torch
    from torch import nn

    (V, D), (L, _) = data["E.weight"].shape, data["P"].shape

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.E, self.P, self.norm = nn.Embedding(V, D), nn.Parameter(torch.zeros(L, D)), nn.LayerNorm(D)
            self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(
                D, data["heads"], 4 * D, dropout=0.0, activation="gelu", norm_first=True, batch_first=True)
                for _ in range(data["blocks"])])
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(L), persistent=False)

        def forward(self, x, t):
            h = self.E(x) + self.P
            for block in self.blocks:
                h = block(h, src_mask=self.mask, is_causal=True)
            logits = self.norm(h) @ self.E.weight.T
            return nn.functional.cross_entropy(logits.reshape(-1, V), t.reshape(-1))

    return GPT()


def gpt_jax(p, x, t, data):
    import jax
    import jax.numpy as jnp

    heads, (b, L), D = data["heads"], x.shape, p["P"].shape[1]
    mask = jnp.tril(jnp.ones((L, L), bool))

    def norm(x, name):
        return normalised(jnp, x) * p[f"{name}.weight"] + p[f"{name}.bias"]

    h = p["E.weight"][x] + p["P"]
    for k in range(data["blocks"]):
        def affine(x, name, k=k):
            return x @ p[f"blocks.{k}.{name}weight"].T + p[f"blocks.{k}.{name}bias"]

        parts = jnp.split(affine(norm(h, f"blocks.{k}.norm1"), "self_attn.in_proj_"), 3, axis=2)
        q, key, v = (a.reshape(b, L, heads, D // heads).transpose(0, 2, 1, 3) for a in parts)
        scores = q @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(D // heads))
        weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf))
        h = h + affine((weights @ v).transpose(0, 2, 1, 3).reshape(b, L, D), "self_attn.out_proj.")
        inner = jax.nn.gelu(affine(norm(h, f"blocks.{k}.norm2"), "linear1."), approximate=False)
        h = h + affine(inner, "linear2.")
    logits = norm(h, "norm") @ p["E.weight"].T
    there = jnp.take_along_axis(logits, t[..., None], axis=2)[..., 0]
    return jnp.mean(jax.nn.logsumexp(logits, axis=2) - there)


def normalised(xp, x):
    """x without mean and variance along the last axis; NumPy's or JAX's."""
    away = x - x.mean(axis=-1, keepdims=True)
    return away / xp.sqrt((away * away).mean(axis=-1, keepdims=True) + np.float32(NORM))


# a layer norm of x + P, squared error --------------------------------------------------------------------------------------


def norm_data(rng, batch, length, width):
    return {"x": twice(rng.standard_normal((batch // 2, length, width))), "t": rng.standard_normal((batch, length, width)),
            "P": rng.standard_normal((length, width)) / 10, "norm.weight": np.ones(width), "norm.bias": np.zeros(width)}


def norm_symgrad(data):
    import symgrad as sg

    class Shifted(sg.nn.Module):
        def __init__(self):
            self.P, self.norm = sg.parameter("P", data["P"].shape), sg.nn.LayerNorm(data["P"].shape[1])

        def __call__(self, x):
            return self.norm(x + self.P)

    T = sg.dim("T")
    net = Shifted()
    x, t = (sg.data(name, data["P"].shape, over=T) for name in "xt")
    return net, sg.empirical_risk(sg.losses.mse(net(x), t))


def norm_torch(data):
    import torch

    class Shifted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.P, self.norm = torch.nn.Parameter(torch.zeros(data["P"].shape)), torch.nn.LayerNorm(data["P"].shape[1])

        def forward(self, x, t):
            return torch.nn.functional.mse_loss(self.norm(x + self.P), t)

    return Shifted()


def norm_jax(p, x, t, data):
    import jax.numpy as jnp

    return jnp.mean((normalised(jnp, x + p["P"]) * p["norm.weight"] + p["norm.bias"] - t) ** 2)


def norm_by_hand(data):
    x, t = data["x"], data["t"]

    def gradients(p):
        h = x + p["P"]
        h -= h.mean(axis=2, keepdims=True)
        scale = np.reciprocal(np.sqrt(np.square(h).mean(axis=2, keepdims=True) + np.float32(NORM)))
        h *= scale
        e = h * p["norm.weight"]
        e += p["norm.bias"]
        e -= t
        loss = np.dot(e.ravel(), e.ravel()) / e.size
        e *= np.float32(2 / e.size)
        flat, hat = e.reshape(-1, e.shape[2]), h.reshape(-1, e.shape[2])
        found = {"norm.weight": np.einsum("nd,nd->d", flat, hat), "norm.bias": flat.sum(axis=0)}
        e *= p["norm.weight"]
        h *= np.einsum("btd,btd->bt", e, h)[..., None] / np.float32(e.shape[2])
        e -= e.mean(axis=2, keepdims=True)
        e -= h
        e *= scale
        return loss, {"P": e.sum(axis=0), **found}

    return trained(data, gradients)


def trained(data, gradients):
    """Adam on one flat vector; `gradients(parameters by name)` gives the loss and its gradients by name."""
    state = state_of(data)
    theta = np.concatenate([a.ravel() for a in state.values()])
    m, v, time = np.zeros_like(theta), np.zeros_like(theta), 0
    ends = np.cumsum([a.size for a in state.values()])[:-1]
    views = {name: part.reshape(a.shape) for (name, a), part in zip(state.items(), np.split(theta, ends), strict=True)}

    def step():
        nonlocal time
        time += 1
        loss, found = gradients(views)
        adam(theta, m, v, np.concatenate([found[name].ravel() for name in state]), time)
        return float(loss)

    return training_case(step)


# an embedding, squared error -----------------------------------------------------------------------------------------------


def embedding_data(rng, batch, length, width, vocabulary):
    return {"x": twice(rng.integers(0, vocabulary, (batch // 2, length))), "t": rng.standard_normal((batch, length, width)),
            "weight": rng.standard_normal((vocabulary, width))}


def embedding_symgrad(data):
    import symgrad as sg

    T = sg.dim("T")
    layer = sg.nn.Embedding(*data["weight"].shape)
    x = sg.labels("x", len(data["weight"]), over=T, shape=data["x"].shape[1:])
    return layer, sg.empirical_risk(sg.losses.mse(layer(x), sg.data("t", data["t"].shape[1:], over=T)))


def embedding_torch(data):
    import torch

    class Loss(torch.nn.Embedding):
        def forward(self, x, t):
            return torch.nn.functional.mse_loss(super().forward(x), t)

    return Loss(*data["weight"].shape)


def embedding_jax(p, x, t, data):
    return ((p["weight"][x] - t) ** 2).mean()


def embedding_by_hand(data):
    """Rows of the gradient are sums over sorted places, one reduceat."""
    x, t, (V, D) = data["x"].ravel(), data["t"], data["weight"].shape
    order = np.argsort(x, kind="stable")
    there, starts = np.unique(x[order], return_index=True)
    g = np.zeros((V, D), np.float32)

    def gradients(p):
        e = np.take(p["weight"], x, axis=0).reshape(t.shape)
        e -= t
        loss = np.dot(e.ravel(), e.ravel()) / e.size
        e *= np.float32(2 / e.size)
        g[there] = np.add.reduceat(e.reshape(-1, D)[order], starts, axis=0)
        return loss, {"weight": g}

    return trained(data, gradients)


GPT = partial(task, data=gpt_data, own=gpt_symgrad, in_torch=gpt_torch, in_jax=gpt_jax,
              tiny={"batch": 2, "length": 5, "width": 6, "heads": 2, "vocabulary": 7, "blocks": 1})
TASKS = {
    "gpt": GPT("one Adam step of a GPT of 2 blocks, T 64, D 128, H 4, batch 32",
               {"batch": 32, "length": 64, "width": 128, "heads": 4, "vocabulary": 65, "blocks": 2}),
    "layernorm": task("one Adam step through a layer norm, 2048 rows of 256",
                      {"batch": 32, "length": 64, "width": 256}, {"batch": 4, "length": 3, "width": 5},
                      norm_data, norm_symgrad, norm_torch, norm_jax, norm_by_hand),
    "embedding": task("one Adam step of an embedding, 2048 of 5000 words in 128 numbers",
                      {"batch": 32, "length": 64, "width": 128, "vocabulary": 5000},
                      {"batch": 4, "length": 3, "width": 5, "vocabulary": 7},
                      embedding_data, embedding_symgrad, embedding_torch, embedding_jax, embedding_by_hand),
}
