"""The Hessian of a network of one hidden layer, and Jacobians of its outputs for each sample, in float64.

The Hessian is asked for as the ten blocks of its upper half; PyTorch and JAX give all sixteen.
"""

import numpy as np
from contest import (
    Case,
    Task,
    arrays_of,
    function_case,
    here,
    jax_arrays,
    jax_function,
    symgrad,
    torch_function,
    torch_tensors,
    torch_waits,
)

NET = ("W1", "b1", "W2", "b2")


def net_data(rng, d, h, c, batch):
    return {"x": rng.standard_normal((batch, d)), "t": rng.integers(0, c, batch),
            "W1": rng.standard_normal((h, d)) / np.sqrt(d), "b1": rng.standard_normal(h),
            "W2": rng.standard_normal((c, h)) / np.sqrt(h), "b2": rng.standard_normal(c)}


def net_symbols(data, sizes=True):
    """Symbols of the network, its output and the symbols' list."""
    import symgrad as sg

    T = sg.dim("T")
    x = sg.data("x", data["x"].shape[1], over=T)
    p = {name: sg.parameter(name, data[name].shape) for name in NET}
    return T, x, p, p["W2"] @ sg.tanh(p["W1"] @ x + p["b1"]) + p["b2"]


def upper(read):
    """Blocks of the upper half by name; `read(a, b)` gives one."""
    return {f"{a} {b}": read(a, b) for i, a in enumerate(NET) for b in NET[i:]}


def hessian_symgrad(data, backend):
    """The ten blocks of the upper half, simplified: the others are their transposes."""
    import symgrad as sg

    T, x, p, out = net_symbols(data)
    t = sg.labels("t", classes=data["W2"].shape[0], over=T)
    loss = sg.empirical_risk(sg.losses.cross_entropy(out, t))
    found = upper(lambda a, b: sg.simplify(sg.hessian(loss, p[a], p[b])))
    return function_case([x, t, *p.values()], found, data, "float64", backend)


def hessian_by_hand(data):
    """With S = diag p - p p', D = 1 - z^2: sums over samples of products of small vectors, each sum one product.

    The ones of the biases are a last column of x and z.
    """
    W1, b1, W2, b2 = (data[name] for name in NET)
    (n, d), h, c = data["x"].shape, len(b1), len(b2)
    xe = np.concatenate([data["x"], np.ones((n, 1))], axis=1)
    xx = (xe[:, :, None] * xe[:, None, :]).reshape(n, -1)
    ze = np.ones((n, h + 1))
    rows, own = np.arange(n), np.arange(h)

    def call():
        z = ze[:, :h]
        np.tanh(data["x"] @ W1.T + b1, out=z)
        a = z @ W2.T + b2
        p = np.exp(a - a.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        e = p.copy()
        e[rows, data["t"]] -= 1
        p /= n
        e /= n
        D = 1 - z * z
        S = -n * p[:, :, None] * p[:, None, :]
        S[:, np.arange(c), np.arange(c)] += p
        SWD = np.matmul(S.reshape(n * c, c), W2).reshape(n, c, h) * D[:, None, :]
        A = np.matmul((D[:, :, None] * W2.T), SWD)
        A[:, own, own] -= 2 * (e @ W2) * z * D
        H11 = (A.reshape(n, -1).T @ xx).reshape(h, h, d + 1, d + 1).transpose(0, 2, 1, 3)
        zz = (ze[:, :, None] * ze[:, None, :]).reshape(n, -1)
        H22 = (S.reshape(n, -1).T @ zz).reshape(c, c, h + 1, h + 1).transpose(0, 2, 1, 3)
        zx = (ze[:, :, None] * xe[:, None, :]).reshape(n, -1)
        H12 = np.ascontiguousarray((SWD.reshape(n, -1).T @ zx).reshape(c, h, h + 1, d + 1).transpose(1, 3, 0, 2))
        De = (D[:, :, None] * e[:, None, :]).reshape(n, -1)
        H12[own, :, :, own] += (De.T @ xe).reshape(h, c, d + 1).transpose(0, 2, 1)
        return [H11[:, :d, :, :d], H11[:, :d, :, d], H12[:, :d, :, :h], H12[:, :d, :, h], H11[:, d, :, d],
                H12[:, d, :, :h], H12[:, d, :, h], H22[:, :h, :, :h], H22[:, :h, :, h], H22[:, h, :, h]]

    return arrays_of(upper(lambda a, b: None), call)


def hessian_torch(data, compiled):
    import torch

    a = torch_tensors(data, ())

    def loss(p):
        out = torch.tanh(a["x"] @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]
        return torch.nn.functional.cross_entropy(out, a["t"])

    run = torch.func.hessian(loss)
    run = torch.compile(run) if compiled else run
    p = {name: a[name] for name in NET}
    return nested(lambda: (run(p), torch_waits())[0])


def hessian_jax(data):
    import jax
    import jax.numpy as jnp

    a = jax_arrays(data)

    def loss(p, a):
        out = jnp.tanh(a["x"] @ p["W1"].T + p["b1"]) @ p["W2"].T + p["b2"]
        return jnp.mean(jax.nn.logsumexp(out, axis=1) - out[jnp.arange(len(out)), a["t"]])

    run = jax.jit(jax.hessian(loss))
    p = {name: a[name] for name in NET}
    return nested(lambda: jax.block_until_ready(run(p, a)))


def nested(call):
    def outcome():
        H = call()
        return upper(lambda a, b: here(H[a][b]))

    return Case(call, outcome)


# Jacobians of one sample each ---------------------------------------------------------------------------------------


def jacobian_symgrad(data, backend, wanted):
    import symgrad as sg

    _, x, p, out = net_symbols(data)
    variables = {"x": x, **p}
    found = {name: sg.jacobian(out, variables[name]) for name in wanted}
    return function_case([x, *p.values()], found, data, "float64", backend)


def jacobian_by_hand(data, wanted):
    W1, b1, W2, b2 = (data[name] for name in NET)
    x, (h, d), c = data["x"], W1.shape, len(b2)
    n, own = len(x), np.arange(c)
    J2, Jb = np.zeros((n, c, c, h)), np.zeros((n, c, c))
    Jb[:, own, own] = 1

    def call():
        z = np.tanh(x @ W1.T + b1)
        G = W2 * (1 - z * z)[:, None, :]
        if wanted == ("x",):
            return (G.reshape(n * c, h) @ W1).reshape(n, c, d)
        J2[:, own, own] = z[:, None, :]
        return G[:, :, :, None] * x[:, None, None, :], G, J2, Jb

    return arrays_of(wanted, call)


def jacobian_torch(wanted):
    def make(a):
        import torch

        def out(chosen, x):
            p = {**a, "x": x, **chosen}
            return p["W2"] @ torch.tanh(p["W1"] @ p["x"] + p["b1"]) + p["b2"]

        def run():
            if wanted == ("x",):
                return torch.func.vmap(torch.func.jacrev(lambda x: out({}, x)))(a["x"])
            found = torch.func.vmap(torch.func.jacrev(out), in_dims=(None, 0))({name: a[name] for name in NET}, a["x"])
            return [found[name] for name in NET]

        return run

    return torch_function(make, wanted)


def jacobian_jax(wanted):
    def make(data):
        import jax
        import jax.numpy as jnp

        def out(p, x):
            return p["W2"] @ jnp.tanh(p["W1"] @ x + p["b1"]) + p["b2"]

        def run(a):
            p = {name: a[name] for name in NET}
            if wanted == ("x",):
                return jax.vmap(jax.jacrev(out, argnums=1), in_axes=(None, 0))(p, a["x"])
            found = jax.vmap(jax.jacrev(out), in_axes=(None, 0))(p, a["x"])
            return [found[name] for name in NET]

        return run

    return jax_function(make, wanted)


def jacobians(wanted):
    return {**symgrad(lambda data, backend: jacobian_symgrad(data, backend, wanted)),
            "numpy by hand": lambda data: jacobian_by_hand(data, wanted),
            **jacobian_torch(wanted), **jacobian_jax(wanted)}


SMALL = {"d": 3, "h": 4, "c": 5, "batch": 6}
TASKS = {
    "hessian-mlp": Task(
        "full Hessian of a tanh network 20-32-10, P = 1002, batch 256", "float64",
        {"d": 20, "h": 32, "c": 10, "batch": 256}, SMALL, net_data,
        {**symgrad(hessian_symgrad), "numpy by hand": hessian_by_hand,
         "torch eager": lambda data: hessian_torch(data, False),
         "torch.compile": lambda data: hessian_torch(data, True), "jax.jit": hessian_jax}),
    "jacobian-inputs": Task(
        "Jacobian of each sample in its inputs, 64-128-10, batch 128", "float64",
        {"d": 64, "h": 128, "c": 10, "batch": 128}, SMALL, net_data, jacobians(("x",))),
    "jacobian-parameters": Task(
        "Jacobian of each sample in all parameters, 20-32-10, batch 64", "float64",
        {"d": 20, "h": 32, "c": 10, "batch": 64}, SMALL, net_data, jacobians(NET)),
}
