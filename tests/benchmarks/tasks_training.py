"""Training: softmax networks of affine layers with Adam; the unit is one whole step, loss + backward + update.

Every candidate returns the loss before the step as a number. Every input stands in the batch twice, with two labels:
so the loss has a positive minimum, and however many steps are timed, no gradient fades into denormal numbers.
"""

from functools import partial

import numpy as np
from contest import Task, symgrad, torch_tensors
from stepping import BETA1, BETA2, EPS, LR, training_case, with_jax

INSIDE = 20  # steps in one lax.scan


def network(rng, widths, batch, act):
    """Data of a network: inputs, labels, and for each layer a matrix (out, in) and a bias."""
    half = rng.standard_normal((batch // 2, widths[0]))
    first = rng.integers(0, widths[-1], batch // 2)
    second = (first + rng.integers(1, widths[-1], batch // 2)) % widths[-1]
    data = {"x": np.concatenate([half, half]), "t": np.concatenate([first, second]), "act": act}
    for k, (inside, out) in enumerate(zip(widths, widths[1:], strict=False), 1):
        limit = np.sqrt(6 / (inside + out))
        data[f"W{k}"], data[f"b{k}"] = rng.uniform(-limit, limit, (out, inside)), np.zeros(out)
    return data


def layers(data):
    """[(W, b), ...]"""
    return [(data[f"W{k}"], data[f"b{k}"]) for k in range(1, (len(data) - 3) // 2 + 1)]


def model_of(data):
    """The loss of the network, and its parameters by name."""
    import symgrad as sg

    T = sg.dim("T")
    parameters = {name: sg.parameter(name, a.shape) for name, a in data.items() if name[0] in "Wb"}
    a = sg.data("x", data["x"].shape[1], over=T)
    classes = len(layers(data)[-1][1])
    for k in range(1, len(layers(data)) + 1):
        a = getattr(sg, data["act"])(a) if k > 1 else a
        a = parameters[f"W{k}"] @ a + parameters[f"b{k}"]
    return sg.empirical_risk(sg.losses.cross_entropy(a, sg.labels("t", classes=classes, over=T))), parameters


def with_symgrad(data, backend, level=None):
    import symgrad as sg

    loss, parameters = model_of(data)
    model = sg.Model(loss, backend=backend, dtype="float32", level=level)
    model.parameters = {name: data[name] for name in parameters}
    return training_case(model.stepper({"x": data["x"], "t": data["t"]}, sg.optim.Adam(LR)))


def with_launches(data, steps):
    """So many steps on the whole batch, in as few launches as the program makes of them; losses come back together."""
    import cupy as cp

    import symgrad as sg

    loss, parameters = model_of(data)
    module = sg.generate(loss, optimizer=sg.optim.Adam(LR), backend="cupy").load()
    state = module.begin({name: cp.asarray(data[name]) for name in parameters})
    arrays = [cp.asarray(data[name]) for name in module.DATA]
    count = len(data["x"])
    order = cp.asarray(np.tile(np.arange(count), steps))

    def run():
        return [loss for some in module.fused_steps(state, arrays, order, count, LR) for loss in some]

    return training_case(run, steps)


def by_hand(data):
    """NumPy as an expert writes it: one flat vector of parameters, every array made once, out= everywhere."""
    x, t, tanh = data["x"], data["t"], data["act"] == "tanh"
    shapes = [a.shape for pair in layers(data) for a in pair]
    theta = np.concatenate([a.ravel() for pair in layers(data) for a in pair])
    g, m, v, u, w = (np.zeros_like(theta) for _ in range(5))

    def views(flat):
        ends = np.cumsum([np.prod(s) for s in shapes])[:-1]
        parts = [a.reshape(s) for a, s in zip(np.split(flat, ends), shapes, strict=True)]
        return list(zip(parts[::2], parts[1::2], strict=True))

    net, grads = views(theta), views(g)
    outs = [np.empty((len(x), len(b)), np.float32) for _, b in net]
    deltas = [np.empty_like(a) for a in outs]
    masks = [np.empty(a.shape, bool) for a in outs]
    rows, ones = np.arange(len(x)), np.ones(len(x), np.float32)
    share, time = np.float32(1 / len(x)), 0
    top = np.empty((len(x), 1), np.float32)

    def step():
        nonlocal time
        h = x
        for k, (W, b) in enumerate(net):
            a = np.dot(h, W.T, out=outs[k])
            a += b
            if k < len(net) - 1:
                h = np.tanh(a, out=a) if tanh else np.maximum(a, 0, out=a)
        d = deltas[-1]
        np.maximum.reduce(a, axis=1, keepdims=True, out=top)
        a -= top
        np.exp(a, out=d)
        total = np.add.reduce(d, axis=1, keepdims=True)
        loss = (np.log(total).sum() - a[rows, t].sum()) * share
        d /= total
        d[rows, t] -= 1
        d *= share
        for k in range(len(net) - 1, -1, -1):
            below = outs[k - 1] if k else x
            np.dot(d.T, below, out=grads[k][0])
            np.dot(ones, d, out=grads[k][1])
            if k:
                e = np.dot(d, net[k][0], out=deltas[k - 1])
                if tanh:
                    np.multiply(below, below, out=below)
                    np.subtract(1, below, out=below)
                    e *= below
                else:
                    e *= np.greater(below, 0, out=masks[k - 1])
                d = e
        time += 1
        c1, c2 = 1 - BETA1**time, np.sqrt(1 - BETA2**time)
        np.multiply(g, 1 - BETA1, out=u)
        np.multiply(m, BETA1, out=m)
        np.add(m, u, out=m)
        np.multiply(g, g, out=u)
        np.multiply(u, 1 - BETA2, out=u)
        np.multiply(v, BETA2, out=v)
        np.add(v, u, out=v)
        np.sqrt(v, out=u)
        np.add(u, float(EPS * c2), out=u)
        np.divide(m, u, out=w)
        np.multiply(w, float(LR * c2 / c1), out=w)
        np.subtract(theta, w, out=theta)
        return float(loss)

    return training_case(step)


def with_torch(data, compiled, mode=None, whole=False):
    """Adam is the fused one; torch.compile sees loss and backward. `whole`: a step is captured as a CUDA graph and replayed."""
    import torch
    from torch.nn import functional as F

    parts = []
    for W, b in layers(data):
        linear = torch.nn.Linear(*W.shape[::-1])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.copy_(torch.from_numpy(b))
        parts += [linear, torch.nn.Tanh() if data["act"] == "tanh" else torch.nn.ReLU()]
    tensors = torch_tensors({"x": data["x"], "t": data["t"]}, ())
    x, t = tensors["x"], tensors["t"]
    net = torch.nn.Sequential(*parts[:-1]).to(x.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True, capturable=whole)

    def loss_of(x, t):
        return F.cross_entropy(net(x), t)

    forward = torch.compile(loss_of, mode=mode) if compiled else loss_of

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = forward(x, t)
        loss.backward()
        optimizer.step()
        return loss.item()

    return training_case(captured(net, optimizer, lambda: forward(x, t)) if whole else step)


def captured(net, optimizer, loss_of):
    """A step as PyTorch's notes on CUDA graphs capture it: warmed up on a stream of its own, from the same start."""
    import torch

    start, stream = [p.detach().clone() for p in net.parameters()], torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            optimizer.zero_grad(set_to_none=True)
            loss_of().backward()
            optimizer.step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        loss = loss_of()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        for p, own in zip(net.parameters(), start, strict=True):
            p.copy_(own)
        for moved in optimizer.state.values():
            for value in moved.values():
                value.zero_()

    def step():
        graph.replay()
        return loss.item()

    return step


def in_jax(p, x, t, data):
    import jax
    import jax.numpy as jnp

    a = x
    for k in range(1, len(p) // 2 + 1):
        a = getattr(jax.nn, data["act"])(a) if k > 1 else a
        a = a @ p[f"W{k}"].T + p[f"b{k}"]
    return jnp.mean(jax.nn.logsumexp(a, axis=1) - a[jnp.arange(len(t)), t])


CANDIDATES = {
    **symgrad(with_symgrad), "numpy by hand": by_hand,
    "torch eager": partial(with_torch, compiled=False), "torch.compile": partial(with_torch, compiled=True),
    "jax.jit": partial(with_jax, in_jax, inside=1), "jax lax.scan": partial(with_jax, in_jax, inside=INSIDE),
    "symgrad plain": partial(with_symgrad, backend="cupy", level="plain"),
    "symgrad 20 steps": partial(with_launches, steps=INSIDE), "symgrad 500 steps": partial(with_launches, steps=500),
    "torch reduce-overhead": partial(with_torch, compiled=True, mode="reduce-overhead"),
    "torch CUDA graph": partial(with_torch, compiled=False, whole=True), "jax scan 500": partial(with_jax, in_jax, inside=500),
}


def mlp(widths, batch, act):
    name = "-".join(map(str, widths))
    return Task(f"one Adam step, {name} {act}, batch {batch}", "float32", {"widths": widths, "batch": batch, "act": act},
                {"widths": (7, 6, *([5] * (len(widths) - 3)), 3), "batch": 8, "act": act}, network, CANDIDATES)


TASKS = {
    "mlp-small": mlp((64, 32, 10), 32, "relu"),
    "mlp-medium": mlp((784, 256, 128, 10), 128, "relu"),
    "mlp-medium-tanh": mlp((784, 256, 128, 10), 128, "tanh"),
    "mlp-large": mlp((784, 1024, 1024, 10), 512, "relu"),
}
