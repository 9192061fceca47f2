#!/usr/bin/env python3
"""How much memory does a training step take?   python tests/benchmarks/memory.py

A tanh network of 8 layers of width 1024, batch 4096, squared error, Adam, float32. One process for each candidate: the
growth of its largest resident memory (ru_maxrss) from after its imports and the data to after three steps, so
parameters, optimiser states, activations and gradients count, and the libraries themselves do not. The losses of
the steps must agree.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

LAYERS, WIDTH, BATCH, LR, STEPS = 8, 1024, 4096, 1e-3, 3


def data_of(layers, width, batch):
    rng = np.random.default_rng(0)
    limit = np.float32(np.sqrt(3 / width))
    Ws = [(rng.random((width, width), np.float32) * 2 - 1) * limit for _ in range(layers)]
    return rng.standard_normal((batch, width), np.float32), rng.standard_normal((batch, width), np.float32), Ws


def with_symgrad(x, y, Ws, backend):
    import symgrad as sg

    T, d = sg.dim("T"), x.shape[1]
    h, parameters = sg.data("x", d, over=T), {}
    for k, W in enumerate(Ws, 1):
        parameters[f"W{k}"], parameters[f"b{k}"] = W, np.zeros(d, np.float32)
        a = sg.parameter(f"W{k}", W.shape) @ h + sg.parameter(f"b{k}", d)
        h = a if k == len(Ws) else sg.tanh(a)
    model = sg.Model(sg.empirical_risk(sg.losses.mse(h, sg.data("y", d, over=T))), backend=backend, dtype="float32")
    model.parameters = parameters
    return model.stepper({"x": x, "y": y}, sg.optim.Adam(LR))


def with_torch(x, y, Ws):
    import torch

    parts = []
    for W in Ws:
        linear = torch.nn.Linear(*W.shape[::-1])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.zero_()
        parts += [linear, torch.nn.Tanh()]
    net = torch.nn.Sequential(*parts[:-1])
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, fused=True)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(net(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def with_jax(x, y, Ws):
    import jax
    import jax.numpy as jnp

    def loss_of(p, x, y):
        for k, (W, b) in enumerate(p):
            a = x @ W.T + b
            x = a if k == len(p) - 1 else jnp.tanh(a)
        return jnp.mean((x - y) ** 2)

    def one(state, x, y):
        p, m, v, time = state
        loss, g = jax.value_and_grad(loss_of)(p, x, y)
        time = time + 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        c1, c2 = 1 - 0.9**time, 1 - 0.999**time
        p = jax.tree.map(lambda p, m, v: p - LR * (m / c1) / (jnp.sqrt(v / c2) + 1e-8), p, m, v)
        return (p, m, v, time), loss

    run = jax.jit(one, donate_argnums=0)
    p = [(jnp.asarray(W), jnp.zeros(len(W), jnp.float32)) for W in Ws]
    state = (p, *(jax.tree.map(jnp.zeros_like, p) for _ in range(2)), jnp.float32(0))
    x, y = jnp.asarray(x), jnp.asarray(y)

    def step():
        nonlocal state
        state, loss = run(state, x, y)
        return float(loss)

    return step


CANDIDATES = {
    "symgrad numpy": ("symgrad", lambda *data: with_symgrad(*data, backend="numpy")),
    "symgrad c": ("symgrad", lambda *data: with_symgrad(*data, backend="c")),
    "torch eager": ("torch", with_torch),
    "jax.jit": ("jax", with_jax),
}


def resident():
    """The largest resident memory so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2 ** (20 if sys.platform == "darwin" else 10)


def measure(name, layers, width, batch):
    """{"before", "growth", "losses"} of this process."""
    package, build = CANDIDATES[name]
    __import__(package)
    data = data_of(layers, width, batch)
    before = resident()
    step = build(*data)
    losses = [float(step()) for _ in range(STEPS)]
    return {"before": before, "growth": resident() - before, "losses": losses}


def main(words=None):
    """Measure all candidates and print the table."""
    from contest import missing
    from race import cores, environment, machine
    from rich import box
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--candidate", help=argparse.SUPPRESS)  # this is the process of one
    options = parser.parse_args(words)
    sizes = options.layers, options.width, options.batch
    if options.candidate:
        print("\n" + json.dumps(measure(options.candidate, *sizes)))
        return 0
    found = {}
    for name in CANDIDATES:
        if package := missing(name):
            found[name] = f"skipped: {package} is not installed"
            continue
        words = [sys.executable, __file__, "--candidate", name, *(f"--{key}={getattr(options, key)}"
                                                                  for key in ("layers", "width", "batch"))]
        with tempfile.TemporaryFile() as errors:
            done = subprocess.run(words, env=environment(options.threads), stdout=subprocess.PIPE, stderr=errors, text=True)
            errors.seek(0)
            last = errors.read().decode().strip().splitlines()[-1:]
        found[name] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else f"failed: {last}"
    table = Table(title=f"{sizes[0]} layers of width {sizes[1]}, batch {sizes[2]}, Adam, float32", box=box.SIMPLE,
                  title_justify="left")
    for title in ("candidate", "before, MiB", "growth, MiB", "/ symgrad numpy", "/ symgrad c"):
        table.add_column(title, justify="left" if title == "candidate" else "right")
    measured = {name: r for name, r in found.items() if isinstance(r, dict)}
    reference = next(iter(measured.values()), None)
    wrong = [name for name, r in measured.items() if not np.allclose(r["losses"], reference["losses"], rtol=1e-4)]
    for name, r in found.items():
        if isinstance(r, str):
            table.add_row(name, r, "", "", "")
            continue
        ratios = [f"{r['growth'] / measured[own]['growth']:.2f}" if own in measured else ""
                  for own in ("symgrad numpy", "symgrad c")]
        table.add_row(name, f"{r['before']:.0f}", f"{r['growth']:.0f}", *ratios)
    print(machine())
    Console(width=None if sys.stdout.isatty() else 120).print(table)
    for name in wrong:
        print(f"{name} DISAGREES: losses {measured[name]['losses']}, not {reference['losses']}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(main())
