"""Whole training steps of networks of layers: loss, backward, Adam. The plumbing that tasks of such steps share.

Numbers of a network go by PyTorch's names (`0.weight`), so that one dictionary starts all candidates: ours by
`model.load_state_dict`, PyTorch's by its own, JAX's as it is. Every input stands in the batch twice, with two targets: so
the loss has a positive minimum, and however many steps are timed, no gradient fades into denormal numbers.
"""

from functools import partial

import numpy as np
from contest import Case, Task, jax_arrays, symgrad, torch_tensors

LR, BETA1, BETA2, EPS = 1e-3, 0.9, 0.999, 1e-8
FIRST = 5  # steps whose losses are compared
INSIDE = 5  # steps in one lax.scan


def twice(half):
    """A batch of which the second half is the first."""
    return np.concatenate([half, half])


def other_labels(rng, first, classes):
    """Labels, and for each another one."""
    return np.concatenate([first, (first + rng.integers(1, classes, first.shape)) % classes])


def uniform(rng, fan, *shape):
    return rng.uniform(-1, 1, shape) / np.sqrt(fan)


def training_case(step, steps=1):
    """`step()` gives the loss, or those of several steps."""
    def outcome():
        losses = []
        while len(losses) < FIRST:
            losses += np.atleast_1d(step()).tolist()
        return {"losses": losses[:FIRST]}

    return Case(step, outcome, steps)


def state_of(data):
    """The numbers of the network: all but inputs and targets."""
    return {name: a for name, a in data.items() if name not in ("x", "t") and isinstance(a, np.ndarray)}


def adam(theta, m, v, g, time):
    """One step on flat vectors, in place."""
    m += (1 - BETA1) * (g - m)
    v += (1 - BETA2) * (g * g - v)
    theta -= LR / (1 - BETA1**time) * m / (np.sqrt(v) / np.sqrt(1 - BETA2**time) + EPS)


def with_symgrad(network, data, backend):
    """`network(data)` gives a layer and the loss."""
    import symgrad as sg

    net, loss = network(data)
    model = sg.Model(loss, backend=backend, dtype="float32")
    model.load_state_dict(net, state_of(data))
    return training_case(model.stepper({"x": data["x"], "t": data["t"]}, sg.optim.Adam(LR)))


def with_torch(network, data, compiled):
    """`network(data)` gives a module of inputs and targets; Adam is the fused one, compiled are loss and backward."""
    import torch

    tensors = torch_tensors(data, ())
    net = network(data)
    net.load_state_dict({name: tensors[name] for name in state_of(data)})
    net = net.to(tensors["x"].device)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)
    forward = torch.compile(net) if compiled else net

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = forward(tensors["x"], tensors["t"])
        loss.backward()
        optimizer.step()
        return loss.item()

    return training_case(step)


def with_jax(loss_of, data, inside):
    """`loss_of(parameters, x, t, data)`; `inside` steps in one call, several by lax.scan; the state is donated."""
    import jax
    import jax.numpy as jnp

    arrays = jax_arrays(data)
    x, t = arrays.pop("x"), arrays.pop("t")

    def one(state, x, t):
        p, m, v, time = state
        loss, g = jax.value_and_grad(lambda p: loss_of(p, x, t, data))(p)
        time = time + 1
        m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, g)
        v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, g)
        c1, c2 = 1 - BETA1**time, 1 - BETA2**time
        p = jax.tree.map(lambda p, m, v: p - LR * (m / c1) / (jnp.sqrt(v / c2) + EPS), p, m, v)
        return (p, m, v, time), loss

    def many(state, x, t):
        return jax.lax.scan(lambda s, _: one(s, x, t), state, None, length=inside)

    run = jax.jit(one if inside == 1 else many, donate_argnums=0)
    zeros = [{name: jnp.zeros_like(a) for name, a in arrays.items()} for _ in range(2)]
    state = (arrays, *zeros, jnp.float32(0))

    def step():
        nonlocal state
        state, loss = run(state, x, t)
        jax.block_until_ready(state)
        return float(loss) if inside == 1 else np.asarray(loss)

    return training_case(step, inside)


def task(about, sizes, tiny, data, own, in_torch, in_jax, by_hand=None):
    """A step of the network `own`; `by_hand` where somebody would write it by hand."""
    return Task(about, "float32", sizes, tiny, data, {
        **symgrad(partial(with_symgrad, own)), **({"numpy by hand": by_hand} if by_hand else {}),
        "torch eager": partial(with_torch, in_torch, compiled=False),
        "torch.compile": partial(with_torch, in_torch, compiled=True),
        "jax.jit": partial(with_jax, in_jax, inside=1), "jax lax.scan": partial(with_jax, in_jax, inside=INSIDE)})
