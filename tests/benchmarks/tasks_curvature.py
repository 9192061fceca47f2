"""Hessians with a structure, in float64.

A candidate gives a Hessian in the form that its library has: symgrad its blocks, JAX and PyTorch the dense array.
They are compared on the entries that are not zero by structure.
"""

import numpy as np
from contest import Case, Task, arrays_of, function_case, jax_function, symgrad, torch_function


def outcome_by(case, name, read):
    """The case, its one result read by `read` for comparing."""
    return Case(case.call, lambda: {name: read(case.call())}, case.steps)


# logistic regression ------------------------------------------------------------------------------------------------


def logistic_data(rng, n, d):
    return {"X": rng.standard_normal((n, d)), "y": rng.integers(0, 2, n).astype(float), "w": rng.standard_normal(d) / d}


def logistic_symgrad(data, backend):
    import symgrad as sg

    n, d = sg.dims("n d")
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    z = X @ w
    H = sg.hessian(sg.sum(sg.softplus(z) - y * z), w)
    return function_case([X, y, w], {"H": H}, data, "float64", backend)


def logistic_by_hand(data):
    X, w = data["X"], data["w"]
    Z = np.empty_like(X)

    def call():
        s = 1 / (1 + np.exp(-(X @ w)))
        np.multiply(X, np.sqrt(s * (1 - s))[:, None], out=Z)
        return Z.T @ Z

    return arrays_of(["H"], call)


def logistic_torch(a):
    import torch

    def loss(w):
        z = a["X"] @ w
        return torch.sum(torch.nn.functional.softplus(z) - a["y"] * z)

    return lambda: torch.func.hessian(loss)(a["w"])


def logistic_jax(data):
    import jax

    def loss(w, a):
        z = a["X"] @ w
        return (jax.nn.softplus(z) - a["y"] * z).sum()

    return lambda a: jax.hessian(loss)(a["w"], a)


# masked matrix factorisation ----------------------------------------------------------------------------------------


def masked_data(rng, n, k):
    return {"U": rng.standard_normal((n, k)), "V": rng.standard_normal((n, k)), "R": rng.standard_normal((n, n)),
            "M": (rng.random((n, n)) < 0.3).astype(float)}


def blocks(H):
    """(n, k, k) of either form."""
    H = np.asarray(H[0] if isinstance(H, (list, tuple)) else H)
    return H if H.ndim == 3 else np.einsum("ijik->ijk", H)


def masked_symgrad(data, backend):
    import symgrad as sg

    n, k = sg.dims("n k")
    U, V, M, R = sg.parameter("U", (n, k)), sg.parameter("V", (n, k)), sg.data("M", (n, n)), sg.data("R", (n, n))
    H = sg.structure(sg.hessian(sg.sum(M * (U @ V.T - R) ** 2), U)).blocks()
    return outcome_by(function_case([U, V, M, R], {"H": H}, data, "float64", backend), "blocks", blocks)


def masked_by_hand(data):
    V, M = data["V"], data["M"]
    n, k = V.shape

    def call():
        return (M @ (V[:, :, None] * (2 * V)[:, None, :]).reshape(n, k * k)).reshape(n, k, k)

    return outcome_by(arrays_of(["H"], call), "blocks", blocks)


def masked_torch(a):
    import torch

    return lambda: torch.func.hessian(lambda U: torch.sum(a["M"] * (U @ a["V"].T - a["R"]) ** 2))(a["U"])


def masked_jax(data):
    import jax

    return lambda a: jax.hessian(lambda U: (a["M"] * (U @ a["V"].T - a["R"]) ** 2).sum())(a["U"])


def dense(candidates):
    """Peers that give the dense array, read as its blocks."""
    return {name: lambda data, build=build: outcome_by(build(data), "blocks", blocks)
            for name, build in candidates.items()}


TASKS = {
    "hessian-logistic": Task(
        "Hessian of logistic regression, 5000 x 512", "float64", {"n": 5000, "d": 512}, {"n": 7, "d": 3}, logistic_data,
        {**symgrad(logistic_symgrad), "numpy by hand": logistic_by_hand, **torch_function(logistic_torch, ["H"]),
         **jax_function(logistic_jax, ["H"])}),
    "hessian-masked": Task(
        "Hessian of a masked factorisation in U, n = 256, k = 5", "float64", {"n": 256, "k": 5}, {"n": 6, "k": 3},
        masked_data,
        {**symgrad(masked_symgrad), "numpy by hand": masked_by_hand,
         **dense({**torch_function(masked_torch, ["H"]), **jax_function(masked_jax, ["H"])})}),
}
