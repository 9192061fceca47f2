"""Attention and convolution, forward and backward, written with einsum and windows, in float32.

The cotangent C of the output is given; results are the output Y and the gradients of sum(Y * C).
"""

import numpy as np
from contest import Task, arrays_of, function_case, jax_gradients, symgrad, torch_gradients

MAPS = ("Wq", "Wk", "Wv", "Wo")

# attention: Y = concat_h(softmax(Q K' / sqrt D) V) Wo, of H heads -----------------------------------------------------


def attention_data(rng, batch, time, heads, width):
    e = heads * width
    return {"x": rng.standard_normal((batch, time, e)), "C": rng.standard_normal((batch, time, e)),
            **{name: rng.standard_normal((heads, width, e)) / np.sqrt(e) for name in MAPS}}


def attention_symgrad(data, backend):
    import symgrad as sg

    x, C = sg.data("x", data["x"].shape), sg.data("C", data["C"].shape)
    p = {name: sg.parameter(name, data[name].shape) for name in MAPS}
    q, k, v = (sg.einsum("bte,hde->bhtd", x, p[name]) for name in MAPS[:3])
    weights = sg.softmax(sg.einsum("bhtd,bhsd->bhts", q, k) / np.sqrt(data["Wq"].shape[1]))
    y = sg.einsum("bthd,hde->bte", sg.einsum("bhts,bhsd->bthd", weights, v), p["Wo"])
    grads = sg.gradient(sg.sum(y * C), {"x": x, **p})
    return function_case([x, C, *p.values()], {"Y": y, **grads}, data, "float32", backend)


def attention_by_hand(data):
    """Heads as stacks of matrices; the row term of softmax's derivative is summed over D, not over T."""
    x, C = data["x"], data["C"]
    (b, t, e), (h, d, _) = x.shape, data["Wq"].shape
    W = {name: data[name].reshape(h * d, e) for name in MAPS}
    X, G = x.reshape(b * t, e), C.reshape(b * t, e)
    scale = np.float32(1 / np.sqrt(d))

    def heads(a):
        return a.reshape(b, t, h, d).transpose(0, 2, 1, 3)

    def joined(a):
        return a.transpose(0, 2, 1, 3).reshape(b * t, h * d)

    def call():
        q, k, v = (heads(X @ W[name].T) for name in MAPS[:3])
        P = np.matmul(q, k.transpose(0, 1, 3, 2))
        P *= scale
        P -= P.max(axis=3, keepdims=True)
        np.exp(P, out=P)
        P /= P.sum(axis=3, keepdims=True)
        o = np.matmul(P, v)
        flat = joined(o)
        y = flat @ W["Wo"]
        go = heads(G @ W["Wo"].T)
        gv = np.matmul(P.transpose(0, 1, 3, 2), go)
        S = np.matmul(go, v.transpose(0, 1, 3, 2))
        S -= np.einsum("bhtd,bhtd->bht", go, o)[..., None]
        S *= P
        S *= scale
        gq, gk = joined(np.matmul(S, k)), joined(np.matmul(S.transpose(0, 1, 3, 2), q))
        gv = joined(gv)
        gx = gq @ W["Wq"]
        gx += gk @ W["Wk"]
        gx += gv @ W["Wv"]
        maps = [gq.T @ X, gk.T @ X, gv.T @ X, flat.T @ G]
        return [y.reshape(b, t, e), gx.reshape(b, t, e), *(g.reshape(h, d, e) for g in maps)]

    return arrays_of(["Y", "x", *MAPS], call)


def attention_torch(a):
    import torch

    b, t, e = a["x"].shape
    h, d, _ = a["Wq"].shape
    q, k, v = ((a["x"] @ a[name].reshape(h * d, e).T).reshape(b, t, h, d).transpose(1, 2) for name in MAPS[:3])
    o = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    y = o.transpose(1, 2).reshape(b, t, h * d) @ a["Wo"].reshape(h * d, e)
    return torch.sum(y * a["C"]), y


def attention_jax(a):
    import jax
    import jax.numpy as jnp

    q, k, v = (jnp.einsum("bte,hde->bhtd", a["x"], a[name]) for name in MAPS[:3])
    weights = jax.nn.softmax(jnp.einsum("bhtd,bhsd->bhts", q, k) / np.float32(np.sqrt(q.shape[3])))
    y = jnp.einsum("bthd,hde->bte", jnp.einsum("bhts,bhsd->bthd", weights, v), a["Wo"])
    return (y * a["C"]).sum(), y


# convolution: 3 x 3, padding 1, channels first ------------------------------------------------------------------------


def conv_data(rng, batch, channels, out, side):
    return {"x": rng.standard_normal((batch, channels, side, side)),
            "K": rng.standard_normal((out, channels, 3, 3)) / np.sqrt(9 * channels),
            "C": rng.standard_normal((batch, out, side, side))}


def conv_symgrad(data, backend):
    import symgrad as sg

    x, C, K = sg.data("x", data["x"].shape), sg.data("C", data["C"].shape), sg.parameter("K", data["K"].shape)
    tiles = sg.windows(sg.windows(sg.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)]), 3, axis=2), 3, axis=3)
    y = sg.einsum("bchwij,ocij->bohw", tiles, K)
    return function_case([x, C, K], {"Y": y, **sg.gradient(sg.sum(y * C), {"x": x, "K": K})}, data, "float32", backend)


def conv_by_hand(data):
    """Channels last inside, 3 rows of taps side by side: three products each way (no im2col of nine taps)."""
    K = data["K"]
    (b, c, s, _), o = data["x"].shape, len(K)
    padded = np.zeros((b, s + 2, s + 2, c), np.float32)
    taps = np.empty((b, s + 2, s, 3, c), np.float32)
    gpad = np.zeros((b, s + 2, s + 2, o), np.float32)
    gtaps = np.empty((b, s + 2, s, 3, o), np.float32)

    def spread(image, wide, rows):
        """The three columns around every place, in one array of rows."""
        wide[:, 1:-1, 1:-1] = image.transpose(0, 2, 3, 1)
        for j in range(3):
            rows[:, :, :, j] = wide[:, :, j:j + s]

    def convolved(rows, maps):
        """Sum over the three rows i of taps times maps[i]."""
        flat = rows.reshape(b, s + 2, s, -1)
        y = np.matmul(flat[:, :s], maps[0])
        y += np.matmul(flat[:, 1:s + 1], maps[1])
        y += np.matmul(flat[:, 2:], maps[2])
        return y

    def call():
        spread(data["x"], padded, taps)
        y = convolved(taps, K.transpose(2, 3, 1, 0).reshape(3, 3 * c, o))
        spread(data["C"], gpad, gtaps)
        gx = convolved(gtaps, K[:, :, ::-1, ::-1].transpose(2, 3, 0, 1).reshape(3, 3 * o, c))
        g = data["C"].transpose(0, 2, 3, 1).reshape(-1, o)
        gK = np.stack([taps[:, i:i + s].reshape(-1, 3 * c).T @ g for i in range(3)]).reshape(3, 3, c, o)
        return y.transpose(0, 3, 1, 2), gx.transpose(0, 3, 1, 2), gK.transpose(3, 2, 0, 1)

    return arrays_of(["Y", "x", "K"], call)


def conv_torch(a):
    import torch

    y = torch.nn.functional.conv2d(a["x"], a["K"], padding=1)
    return torch.sum(y * a["C"]), y


def conv_jax(a):
    import jax

    y = jax.lax.conv_general_dilated(a["x"], a["K"], (1, 1), "SAME")
    return (y * a["C"]).sum(), y


def task(about, sizes, tiny, data, own, hand, in_torch, in_jax, wanted):
    names = ["Y", *wanted]
    return Task(about, "float32", sizes, tiny, data, {
        **symgrad(own), "numpy by hand": hand, **torch_gradients(in_torch, wanted, names, extra=True),
        **jax_gradients(in_jax, wanted, names, extra=True)})


SMALL = {"batch": 2, "channels": 3, "out": 4, "side": 5}
TASKS = {
    "attention": task("attention with its four maps, batch 32, T 64, H 4, D 32, forward and backward",
                      {"batch": 32, "time": 64, "heads": 4, "width": 32},
                      {"batch": 2, "time": 5, "heads": 3, "width": 4},
                      attention_data, attention_symgrad, attention_by_hand, attention_torch, attention_jax, ("x", *MAPS)),
    "attention-long": task("attention with its four maps, batch 8, T 128, H 8, D 64, forward and backward",
                           {"batch": 8, "time": 128, "heads": 8, "width": 64},
                           {"batch": 2, "time": 5, "heads": 3, "width": 4},
                           attention_data, attention_symgrad, attention_by_hand, attention_torch, attention_jax,
                           ("x", *MAPS)),
    "conv-small": task("3 x 3 convolution, 16 to 32 channels, 14 x 14, batch 32, forward and backward",
                       {"batch": 32, "channels": 16, "out": 32, "side": 14}, SMALL,
                       conv_data, conv_symgrad, conv_by_hand, conv_torch, conv_jax, ("x", "K")),
    "conv-large": task("3 x 3 convolution, 32 to 64 channels, 28 x 28, batch 16, forward and backward",
                       {"batch": 16, "channels": 32, "out": 64, "side": 28}, SMALL,
                       conv_data, conv_symgrad, conv_by_hand, conv_torch, conv_jax, ("x", "K")),
    "conv-deep": task("3 x 3 convolution, 128 to 128 channels, 7 x 7, batch 32, forward and backward",
                      {"batch": 32, "channels": 128, "out": 128, "side": 7}, SMALL,
                      conv_data, conv_symgrad, conv_by_hand, conv_torch, conv_jax, ("x", "K")),
}
