"""Four gradients of GradBench (github.com/gradbench/gradbench; gmm and kmeans come from Microsoft's ADBench), float64.

Each gives the value and its gradients. The formulas are GradBench's; gmm without the terms that do not depend on
the parameters.
"""

import numpy as np
from contest import Task, arrays_of, function_case, jax_gradients, symgrad, torch_gradients

GAMMA, M = 1.0, 0  # of the Wishart prior

# gmm: the log likelihood of a mixture of k Gaussians, precisions by Cholesky factors Q = diag(exp q) + L --------------


def gmm_data(rng, n, d, k):
    return {"x": rng.standard_normal((n, d)), "alpha": rng.standard_normal(k), "mu": rng.standard_normal((k, d)),
            "q": rng.standard_normal((k, d)) / 10, "l": rng.standard_normal((k, d * (d - 1) // 2)) / 10,
            "where": below(d)}


def below(d):
    """Where in the packed entries (and a zero before them) the entry (i, j) of L lies: column by column."""
    where = np.zeros((d, d), np.int64)
    j, i = np.triu_indices(d, 1)
    where[i, j] = 1 + np.arange(len(i))
    return where


def gmm_symgrad(data, backend):
    import symgrad as sg

    d, k = data["x"].shape[1], len(data["alpha"])
    n = sg.dim("n")
    x, alpha = sg.data("x", (n, d)), sg.parameter("alpha", k)
    mu, q, packed = sg.parameter("mu", (k, d)), sg.parameter("q", (k, d)), sg.parameter("l", data["l"].shape)
    L = sg.concatenate([sg.zeros((k, 1)), packed], axis=1)[:, data["where"]]
    r = x[:, None, :] - mu
    Qr = sg.exp(q) * r + sg.einsum("kij,nkj->nki", L, r)
    inner = alpha + sg.sum(q, axis=1) - 0.5 * sg.sum(Qr**2, axis=2)
    prior = 0.5 * GAMMA**2 * (sg.sum(sg.exp(q) ** 2) + sg.sum(packed**2)) - M * sg.sum(q)
    value = sg.sum(sg.logsumexp(inner, axis=1)) - n * sg.logsumexp(alpha) + prior
    grads = sg.gradient(value, {"alpha": alpha, "mu": mu, "q": q, "l": packed})
    return function_case([x, alpha, mu, q, packed], {"value": value, **grads}, data, "float64", backend)


def gmm_by_hand(data):
    """Q r = Q x - Q mu, so that all products are one of (n, d) with (d, k d); the same on the way back."""
    x, alpha, mu, q, packed = (data[name] for name in ("x", "alpha", "mu", "q", "l"))
    (n, d), k = x.shape, len(alpha)
    j, i = np.triu_indices(d, 1)
    own = np.arange(d)

    def call():
        eq = np.exp(q)
        Q = np.zeros((k, d, d))
        Q[:, i, j] = packed
        Q[:, own, own] = eq
        Qr = x @ Q.reshape(k * d, d).T
        Qr -= np.matmul(Q, mu[:, :, None]).reshape(k * d)
        Qr = Qr.reshape(n, k, d)
        inner = -0.5 * np.einsum("nki,nki->nk", Qr, Qr)
        inner += alpha + q.sum(axis=1)
        top = inner.max(axis=1, keepdims=True)
        inner -= top
        np.exp(inner, out=inner)
        total = inner.sum(axis=1, keepdims=True)
        inner /= total
        most = alpha.max()
        ea = np.exp(alpha - most)
        sa = ea.sum()
        value = top.sum() + np.log(total).sum() - n * (most + np.log(sa))
        value += 0.5 * GAMMA**2 * ((eq * eq).sum() + (packed * packed).sum()) - M * q.sum()
        share = inner.sum(axis=0)
        Qr *= inner[:, :, None]
        sums = Qr.sum(axis=0)
        gQ = (Qr.reshape(n, k * d).T @ x).reshape(k, d, d)
        gQ -= sums[:, :, None] * mu[:, None, :]
        gmu = np.matmul(sums[:, None, :], Q)[:, 0]
        gq = share[:, None] - M - gQ[:, own, own] * eq + GAMMA**2 * eq * eq
        return value, share - n * ea / sa, gmu, gq, GAMMA**2 * packed - gQ[:, i, j]

    return arrays_of(["value", "alpha", "mu", "q", "l"], call)


def gmm_value(lib, logsumexp, zeros, concatenate):
    def value(a):
        k, n = len(a["alpha"]), len(a["x"])
        L = concatenate([zeros(k), a["l"]], 1)[:, a["where"]]
        r = a["x"][:, None, :] - a["mu"]
        Qr = lib.exp(a["q"]) * r + lib.einsum("kij,nkj->nki", L, r)
        inner = a["alpha"] + a["q"].sum(1) - 0.5 * (Qr**2).sum(2)
        prior = 0.5 * GAMMA**2 * ((lib.exp(a["q"]) ** 2).sum() + (a["l"] ** 2).sum()) - M * a["q"].sum()
        return logsumexp(inner, 1).sum() - n * logsumexp(a["alpha"], 0) + prior

    return value


def gmm_torch(a):
    import torch

    zeros = torch.zeros((len(a["alpha"]), 1), dtype=torch.float64, device=a["x"].device)
    return gmm_value(torch, torch.logsumexp, lambda k: zeros, torch.cat)(a)


def gmm_jax(a):
    import jax
    import jax.numpy as jnp

    return gmm_value(jnp, jax.nn.logsumexp, lambda k: jnp.zeros((k, 1)), jnp.concatenate)(a)


# kmeans: the sum of squared distances to the nearest centroid -----------------------------------------------------------


def kmeans_data(rng, n, d, k):
    return {"points": rng.standard_normal((n, d)), "centroids": rng.standard_normal((k, d))}


def kmeans_symgrad(data, backend):
    import symgrad as sg

    n, k, d = sg.dims("n k d")
    points, centroids = sg.data("points", (n, d)), sg.parameter("centroids", (k, d))
    cost = sg.sum(sg.min(sg.sum((points[:, None, :] - centroids) ** 2, axis=2), axis=1))
    found = {"value": cost, "centroids": sg.gradient(cost, centroids)}
    return function_case([points, centroids], found, data, "float64", backend)


def kmeans_by_hand(data):
    """|p - c|^2 = |p|^2 - 2 p c + |c|^2: the distances are a matrix product, the sums over members another."""
    p, c = data["points"], data["centroids"]
    n, k = len(p), len(c)
    rows = np.arange(n)

    def call():
        score = p @ c.T
        score *= -2
        score += np.einsum("kd,kd->k", c, c)
        nearest = score.argmin(axis=1)
        value = np.einsum("nd,nd->", p, p) + score[rows, nearest].sum()
        member = np.zeros((n, k))
        member[rows, nearest] = 1
        return value, 2 * (np.bincount(nearest, minlength=k)[:, None] * c - member.T @ p)

    return arrays_of(["value", "centroids"], call)


def kmeans_torch(a):
    return ((a["points"][:, None, :] - a["centroids"]) ** 2).sum(2).min(1).values.sum()


def kmeans_jax(a):
    return ((a["points"][:, None, :] - a["centroids"]) ** 2).sum(2).min(1).sum()


# llsq: a polynomial against the sign of t -------------------------------------------------------------------------------


def llsq_data(rng, n, m):
    return {"x": rng.standard_normal(m) / m, "t": np.linspace(-1, 1, n)}


def llsq_symgrad(data, backend):
    import symgrad as sg

    n, m = sg.dims("n m")
    x, t = sg.parameter("x", m), sg.data("t", n)
    value = 0.5 * sg.sum((sg.sign(t) - t[:, None] ** sg.arange(m) @ x) ** 2)
    return function_case([x, t], {"value": value, "x": sg.gradient(value, x)}, data, "float64", backend)


def llsq_by_hand(data):
    x, t = data["x"], data["t"]
    V = np.empty((len(t), len(x)))

    def call():
        V[:, 0] = 1
        V[:, 1:] = t[:, None]
        np.multiply.accumulate(V, axis=1, out=V)
        r = V @ x - np.sign(t)
        return 0.5 * (r @ r), r @ V

    return arrays_of(["value", "x"], call)


def llsq_torch(a):
    import torch

    powers = a["t"][:, None] ** torch.arange(len(a["x"]), device=a["t"].device)
    return 0.5 * ((torch.sign(a["t"]) - powers @ a["x"]) ** 2).sum()


def llsq_jax(a):
    import jax.numpy as jnp

    powers = a["t"][:, None] ** jnp.arange(len(a["x"]))
    return 0.5 * ((jnp.sign(a["t"]) - powers @ a["x"]) ** 2).sum()


# lse --------------------------------------------------------------------------------------------------------------------


def lse_data(rng, n):
    return {"x": rng.standard_normal(n) * 3}


def lse_symgrad(data, backend):
    import symgrad as sg

    x = sg.parameter("x", sg.dim("n"))
    value = sg.logsumexp(x)
    return function_case([x], {"value": value, "x": sg.gradient(value, x)}, data, "float64", backend)


def lse_by_hand(data):
    x = data["x"]

    def call():
        top = x.max()
        e = x - top
        np.exp(e, out=e)
        total = e.sum()
        e /= total
        return top + np.log(total), e

    return arrays_of(["value", "x"], call)


def lse_torch(a):
    return a["x"].logsumexp(0)


def lse_jax(a):
    import jax

    return jax.nn.logsumexp(a["x"])


def task(about, sizes, tiny, data, own, hand, in_torch, in_jax, wanted):
    names = ["value", *wanted]
    return Task(about, "float64", sizes, tiny, data, {
        **symgrad(own), "numpy by hand": hand, **torch_gradients(in_torch, wanted, names),
        **jax_gradients(in_jax, wanted, names)})


TASKS = {
    "gmm": task("GradBench gmm, n = 1000, d = 20, k = 25", {"n": 1000, "d": 20, "k": 25}, {"n": 7, "d": 4, "k": 3},
                gmm_data, gmm_symgrad, gmm_by_hand, gmm_torch, gmm_jax, ("alpha", "mu", "q", "l")),
    "kmeans": task("GradBench kmeans, n = 5000, d = 16, k = 32", {"n": 5000, "d": 16, "k": 32}, {"n": 9, "d": 3, "k": 4},
                   kmeans_data, kmeans_symgrad, kmeans_by_hand, kmeans_torch, kmeans_jax, ("centroids",)),
    "llsq": task("GradBench llsq, n = 4096, m = 128", {"n": 4096, "m": 128}, {"n": 9, "m": 4}, llsq_data, llsq_symgrad,
                 llsq_by_hand, llsq_torch, llsq_jax, ("x",)),
    "lse": task("GradBench lse, n = 100000", {"n": 100_000}, {"n": 11}, lse_data, lse_symgrad, lse_by_hand, lse_torch,
                lse_jax, ("x",)),
}
