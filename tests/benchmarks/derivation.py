#!/usr/bin/env python3
"""Does derivation stay linear in the size of the graph?   python tests/benchmarks/derivation.py

Prints nodes and seconds for graphs of growing size: nested sin(x)*x + 0.1 (gradient and Hessian), a deep
tanh network, and an LSTM unrolled step by step. Each family doubles, so that a last column well above 2
would show a superlinear pass. Nothing is compiled or run: this times the algebra alone.
"""

import gc
import time

import symgrad as sg
from symgrad.graphs.node import topological


def nested_sine(depth):
    """x -> sin(x) x + 0.1, `depth` times, summed; the variable is x."""
    x = sg.parameter("x", sg.dim("n"))
    y = x
    for _ in range(depth):
        y = sg.sin(y) * y + 0.1
    return sg.sum(y), [x]


def network(layers):
    """A tanh network of width d over samples, with the lecture's squared error."""
    T, d = sg.dims("T d")
    x, target = sg.data("x", d, over=T), sg.data("y", d, over=T)
    parameters = []
    for i in range(1, layers + 1):
        W, b = sg.parameter(f"W{i}", (d, d)), sg.parameter(f"b{i}", d)
        x = sg.tanh(W @ x + b)
        parameters += [W, b]
    return sg.empirical_risk(sg.losses.squared_error(x, target)), parameters


def recurrence(cells):
    """An LSTM (Hochreiter and Schmidhuber 1997) unrolled over `cells` steps, on one batch."""
    B, D, H = sg.dims("B D H")
    xs = sg.data("xs", (cells, B, D))
    gates = "ifgo"
    Ws = {g: sg.parameter(f"W{g}", (D, H)) for g in gates}
    Us = {g: sg.parameter(f"U{g}", (H, H)) for g in gates}
    bs = {g: sg.parameter(f"b{g}", H) for g in gates}
    h, c = sg.data("h0", (B, H)), sg.data("c0", (B, H))
    for t in range(cells):
        a = {g: xs[t] @ Ws[g] + h @ Us[g] + bs[g] for g in gates}
        c = sg.sigmoid(a["f"]) * c + sg.sigmoid(a["i"]) * sg.tanh(a["g"])
        h = sg.sigmoid(a["o"]) * sg.tanh(c)
    return sg.sum(h * h), [*Ws.values(), *Us.values(), *bs.values()]


def measure(build, size, order):
    """(nodes, seconds) of the forward graph, the loss with its gradients, and (order 2) the Hessian too."""
    gc.collect()
    rows = []
    start = time.perf_counter()
    loss, parameters = build(size)
    rows.append((len(topological([loss.node])), time.perf_counter() - start))
    start = time.perf_counter()
    gradients = sg.gradient(loss, parameters)
    everything = [loss.node, *(g.node for g in gradients)]
    rows.append((len(topological(everything)), time.perf_counter() - start))
    if order == 2:
        start = time.perf_counter()
        H = sg.hessian(loss, parameters[0])
        rows.append((len(topological([*everything, H.node])), time.perf_counter() - start))
    return rows


def main():
    """Print the table."""
    families = [("sin", nested_sine, (20, 40, 80), 2), ("tanh net", network, (25, 50, 100), 1),
                ("LSTM", recurrence, (125, 250, 500), 1)]
    print(f"{'':10}{'size':>6}{'forward':>9}{'s':>8}{'+gradient':>11}{'s':>8}{'+Hessian':>10}{'s':>8}{'growth':>8}")
    for name, build, sizes, order in families:
        build(2)
        before = None
        for size in sizes:
            rows = measure(build, size, order)
            cells = "".join(f"{n:>{w}}{s:8.3f}" for (n, s), w in zip(rows, (9, 11, 10), strict=False))
            total = sum(s for _, s in rows)
            growth = f"{total / before:.1f}" if before else ""
            print(f"{name:10}{size:6}{cells}{'' if order == 2 else ' ' * 18}{growth:>8}")
            before = total


if __name__ == "__main__":
    main()
