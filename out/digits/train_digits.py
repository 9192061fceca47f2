"""Handwritten digits: 1797 real images of 8 x 8 pixels, bundled with scikit-learn (this is not
MNIST)

    a¹ = W₁ x⁰ + b₁
    x¹ = tanh(a¹)
    a² = W₂ x¹ + b₂
    x² = tanh(a²)
    a³ = W₃ x² + b₃
    L = 1/T Σ_t (logsumexp(a³_t) - a³_{t,y_t})

17,226 parameters; 87000 T + 2 operations for the loss and all gradients. G_v is the gradient of
the loss by v; the rows of matrices such as X are samples. Written by symgrad; needs NumPy.

    python thisfile.py data.npz --epochs 10 --output model.npz

data.npz holds the arrays x^0, y, model.npz the parameters by name.
"""

import argparse
import math
import os
import sys
import time
import zipfile

import numpy as np

DTYPE = np.float32
LR = 0.001  # the learning rate, unless another is given
ARRAYS = {  # shapes of the data; what is a text here is a size that the data show
    "x^0": ("T", 64),
    "y": ("T",),
}
PARAMETERS = ("W1", "b1", "W2", "b2", "W3", "b3")
DATA = ("x^0", "y")  # what training needs
INPUTS = ("x^0",)  # what the prediction needs
SAMPLES = ("x^0", "y")  # those with a row for each sample
KINDS = {"y": np.int64}
CLASSES = {"y": 10}


@np.errstate(all="ignore")
def forward(W1, b1, W2, b2, W3, b3, x0, y):
    """The loss L.

    From W1 (128, 64); b1 (128,); W2 (64, 128); b2 (64,); W3 (10, 64); b3 (10,); x0 (T, 64);
    y (T,) integer.
    34488 T + 1 operations.
    """
    T = x0.shape[0]
    a1 = x0 @ W1.T + b1  # A¹ = X⁰ W₁ᵀ + 1 b₁ᵀ
    x1 = np.tanh(a1)  # X¹ = tanh(A¹)
    a2 = x1 @ W2.T + b2  # A² = X¹ W₂ᵀ + 1 b₂ᵀ
    x2 = np.tanh(a2)  # X² = tanh(A²)
    a3 = x2 @ W3.T + b3  # A³ = X² W₃ᵀ + 1 b₃ᵀ
    max_a3 = a3.max(axis=1, keepdims=True)
    v1 = max_a3 + np.log(np.exp(a3 - max_a3).sum(axis=1, keepdims=True))
    v2 = (np.where(np.isinf(max_a3), max_a3, v1)[:, 0] - a3[np.arange(T), y]).sum()
    L = v2 / T  # L = 1/T sum(logsumexp(A³, axis=1) - [A³_{t,y_t}]_t)
    return L


@np.errstate(all="ignore")
def backward(W1, b1, W2, b2, W3, b3, x0, y):
    """The loss L and its gradients by all parameters.

    From W1 (128, 64); b1 (128,); W2 (64, 128); b2 (64,); W3 (10, 64); b3 (10,); x0 (T, 64);
    y (T,) integer.
    87000 T + 2 operations.
    """
    T = x0.shape[0]
    a1 = x0 @ W1.T + b1  # A¹ = X⁰ W₁ᵀ + 1 b₁ᵀ
    x1 = np.tanh(a1)  # X¹ = tanh(A¹)
    a2 = x1 @ W2.T + b2  # A² = X¹ W₂ᵀ + 1 b₂ᵀ
    x2 = np.tanh(a2)  # X² = tanh(A²)
    a3 = x2 @ W3.T + b3  # A³ = X² W₃ᵀ + 1 b₃ᵀ
    max_a3 = a3.max(axis=1, keepdims=True)
    exp = np.exp(a3 - max_a3)
    sum_exp = exp.sum(axis=1, keepdims=True)
    rows = np.arange(T)
    v1 = np.where(np.isinf(max_a3), max_a3, max_a3 + np.log(sum_exp))[:, 0]
    L = (v1 - a3[rows, y]).sum() / T  # L = 1/T sum(logsumexp(A³, axis=1) - [A³_{t,y_t}]_t)
    # G_A³ = 1/T softmax(A³) - 1/T onehot(y)
    G_a3 = exp / sum_exp / T
    G_a3[rows, y] -= 1 / T
    G_x2 = G_a3 @ W3  # G_X² = G_A³ W₃
    G_a2 = G_x2 * (1 - x2 * x2)  # G_A² = G_X² ⊙ (1 - X² ⊙ X²)
    G_x1 = G_a2 @ W2  # G_X¹ = G_A² W₂
    G_a1 = G_x1 * (1 - x1 * x1)  # G_A¹ = G_X¹ ⊙ (1 - X¹ ⊙ X¹)
    G_W1 = G_a1.T @ x0  # G_W₁ = G_A¹ᵀ X⁰
    G_b1 = G_a1.sum(axis=0)  # G_b₁ = G_A¹ᵀ 1
    G_W2 = G_a2.T @ x1  # G_W₂ = G_A²ᵀ X¹
    G_b2 = G_a2.sum(axis=0)  # G_b₂ = G_A²ᵀ 1
    G_W3 = G_a3.T @ x2  # G_W₃ = G_A³ᵀ X²
    G_b3 = G_a3.sum(axis=0)  # G_b₃ = G_A³ᵀ 1
    return (L, {"W1": G_W1, "b1": G_b1, "W2": G_W2, "b2": G_b2, "W3": G_W3, "b3": G_b3})


@np.errstate(all="ignore")
def predict(W1, b1, W2, b2, W3, b3, x0):
    """The prediction a^3.

    From W1 (128, 64); b1 (128,); W2 (64, 128); b2 (64,); W3 (10, 64); b3 (10,); x0 (T, 64).
    34442 T operations.
    """
    a1 = x0 @ W1.T + b1  # A¹ = X⁰ W₁ᵀ + 1 b₁ᵀ
    x1 = np.tanh(a1)  # X¹ = tanh(A¹)
    a2 = x1 @ W2.T + b2  # A² = X¹ W₂ᵀ + 1 b₂ᵀ
    x2 = np.tanh(a2)  # X² = tanh(A²)
    a3 = x2 @ W3.T + b3  # A³ = X² W₃ᵀ + 1 b₃ᵀ
    return a3


@np.errstate(all="ignore")
def update(theta, g, m, v, c1, c2, lr):
    """Adam (Kingma and Ba 2015, algorithm 1): theta, m, v after one step, for all parameters at
    once.

    From theta (P,); g (P,); m (P,); v (P,); c1 (scalar); c2 (scalar); lr (scalar).
    14 P operations.
    """
    new_m = 0.1 * g + 0.9 * m  # m ← β₁ m + (1 - β₁) g
    mhat = c1 * new_m  # m̂ ← m / (1 - β₁ᵗ)
    new_v = 0.001 * g * g + 0.999 * v  # v ← β₂ v + (1 - β₂) g²
    vhat = c2 * new_v  # v̂ ← v / (1 - β₂ᵗ)
    new_theta = theta - lr * mhat / (np.sqrt(vhat) + 1e-08)  # θ ← θ - η m̂ / (√v̂ + ε)
    return new_theta, new_m, new_v


def glorot_uniform(rng, shape):
    """Glorot and Bengio 2010, eq. 16; of a matrix (out, in), or with a window in further axes."""
    fan_out = shape[0] * math.prod(shape[2:])
    fan_in = shape[1] * math.prod(shape[2:])
    bound = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, shape).astype(DTYPE)


def init(seed=0):
    """The parameters at the start of a training: random numbers in double precision, rounded."""
    rng = np.random.default_rng(seed)
    return {
        "W1": glorot_uniform(rng, (128, 64)),
        "b1": np.zeros(128, DTYPE),
        "W2": glorot_uniform(rng, (64, 128)),
        "b2": np.zeros(64, DTYPE),
        "W3": glorot_uniform(rng, (10, 64)),
        "b3": np.zeros(10, DTYPE),
    }


def flat(arrays):
    """The arrays of a dict one after the other, as one vector."""
    return np.concatenate([array.ravel() for array in arrays.values()])


def begin(params):
    """What `step` works on: parameters as views of one vector theta, and what Adam keeps."""
    theta, views, start = flat(params), {}, 0
    for name, array in params.items():
        views[name] = theta[start : start + array.size].reshape(array.shape)
        start += array.size
    return {
        "t": 0,
        "theta": theta,
        "params": views,
        "m": np.zeros_like(theta),
        "v": np.zeros_like(theta),
    }


def step(state, batch, lr=LR):
    """One step of Adam on a batch, in place; gives the loss before it."""
    state["t"] += 1
    t = state["t"]
    loss, gradients = backward(*state["params"].values(), *batch)
    c1 = 1 / (1 - 0.9**t)
    c2 = 1 / (1 - 0.999**t)
    theta, m, v = update(state["theta"], flat(gradients), state["m"], state["v"], c1, c2, lr)
    state["theta"][:] = theta
    state["m"] = m
    state["v"] = v
    return loss


def checked(data, names):
    """The named arrays of `data`, converted; raises ValueError for what does not fit."""
    arrays, sizes = {}, {}
    for name in names:
        if name not in data:
            raise ValueError(f"there is no array {name!r}; there are {', '.join(data)}")
        array, wanted = np.asarray(data[name]), KINDS.get(name, DTYPE)
        if not np.can_cast(array.dtype, wanted, "same_kind"):
            raise ValueError(f"{name}: {array.dtype} values, but {np.dtype(wanted)} is needed")
        if len(array.shape) != len(ARRAYS[name]):
            raise ValueError(f"{name}: shape {array.shape}, but {ARRAYS[name]} is needed")
        if not array.size:
            raise ValueError(f"{name}: the array is empty")
        for axis, (size, length) in enumerate(zip(ARRAYS[name], array.shape)):
            if sizes.setdefault(size, size if isinstance(size, int) else length) != length:
                raise ValueError(f"{name}: axis {axis} has length {length}, not {sizes[size]}")
        if not np.all(np.isfinite(array)):
            where = np.argwhere(~np.isfinite(array))[0].tolist()
            raise ValueError(f"{name}: NaN or infinity at {where}")
        if name in CLASSES and not np.all((0 <= array) & (array < CLASSES[name])):
            raise ValueError(f"{name}: labels must lie in 0..{CLASSES[name] - 1}")
        arrays[name] = array.astype(wanted, copy=False)
    return arrays


def batches(data, size, rng):
    """Minibatches in random order, each with its number of samples; the last may be smaller."""
    count = len(data[SAMPLES[0]])
    order = rng.permutation(count)
    for first in range(0, count, size):
        chosen = order[first : first + size]
        yield len(chosen), [data[name][chosen] for name in DATA]


def train(data, epochs=10, batch_size=32, lr=LR, seed=0, params=None, log=print):
    """The parameters after training on arrays by name, from `params` or anew; Ctrl-C ends it."""
    data = checked(data, DATA)
    state = begin(init(seed) if params is None else params)
    rng = np.random.default_rng((seed, 1))
    try:
        for epoch in range(1, epochs + 1):
            total, seen, start = 0.0, 0, time.perf_counter()
            for count, batch in batches(data, batch_size, rng):
                loss = float(step(state, batch, lr))
                if not math.isfinite(loss):
                    raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; lower lr={lr}")
                total, seen = total + count * loss, seen + count
            log(f"epoch {epoch:3d}   loss {total / seen:.6g}   {time.perf_counter() - start:.2f} s")
    except KeyboardInterrupt:
        log(f"stopped in epoch {epoch}; what was learnt is kept")
    return state["params"]


def load(path):
    """The arrays of an .npz file by name; nothing in it is run."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def save(path, arrays):
    """Writes arrays by name to an .npz file, whole or not at all."""
    part = f"{path}.part"
    try:
        with zipfile.ZipFile(part, "w") as file:
            for name, array in arrays.items():
                with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)


def resumed(path):
    """The parameters that `save` wrote, in order; raises ValueError where one is missing."""
    arrays = load(path)
    missing = [name for name in PARAMETERS if name not in arrays]
    if missing:
        raise ValueError(f"{path}: there is no array {missing[0]!r}")
    return {name: arrays[name].astype(DTYPE) for name in PARAMETERS}


def main(argv=None):
    """The command line; `--help` says what it can do."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("data", help=".npz file with the arrays " + ", ".join(DATA))
    add("--epochs", type=int, default=10, help="passes over the data (%(default)s)")
    add("--batch-size", type=int, default=32, help="samples of a step (%(default)s)")
    add("--lr", type=float, default=LR, help="learning rate (%(default)s)")
    add("--seed", type=int, default=0, help="of initial values and batches (%(default)s)")
    add("--start", help=".npz file with parameters to start from")
    add("--output", default="model.npz", help="file for the parameters (%(default)s)")
    add("--predict", metavar="FILE", help="also write the prediction for the data")
    args = parser.parse_args(argv)
    if args.epochs < 0 or args.batch_size < 1:
        parser.error("--epochs must be 0 or more, --batch-size 1 or more")
    try:
        data = load(args.data)
        params = resumed(args.start) if args.start else None
        params = train(data, args.epochs, args.batch_size, args.lr, args.seed, params)
        save(args.output, params)
        if args.predict:
            inputs = checked(data, INPUTS)
            save(args.predict, {"prediction": predict(*params.values(), *inputs.values())})
    except (OSError, ValueError, FloatingPointError, zipfile.BadZipFile) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(f"parameters in {args.output}")


if __name__ == "__main__":
    main()
