#!/usr/bin/env python3
"""Do derivation and code generation stay linear in the size of the graph?   python tests/benchmarks/derivation.py

Four families of growing size: an LSTM unrolled cell by cell, a tanh network, nested sin(x)*x + 0.1 and a
logistic map. For each size: seconds to build the graph, to derive all gradients, a Hessian times a vector, to
compile the loss with its gradients (`sg.function`), to generate a training module (`sg.generate`), and of the
first call; nodes, memory, and the exponent of a fit time ~ size^exponent over the whole series. Last, the
import of symgrad beside that of SymPy and networkx. Times are of the processor (another process on the machine
disturbs them less), each size in a process of its own. `--quick` takes small sizes, a family's name only that.
"""

import argparse
import gc
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

GATES = "ifgo"
SIZES = {"lstm": (25, 50, 100, 200, 500), "mlp": (3, 10, 30, 100), "sine": (5, 10, 20, 40, 80),
         "logistic": (25, 50, 100, 200, 500)}
QUICK = {"lstm": (10, 20, 40), "mlp": (3, 10, 30), "sine": (5, 10, 20), "logistic": (10, 20, 40)}
PHASES = ("build", "gradient", "hvp", "compile", "generate", "first call")
NODES = ("forward", "+ gradient", "+ hvp")


def lstm(cells):
    """An LSTM (Hochreiter and Schmidhuber 1997) unrolled over `cells` steps, on one batch."""
    import symgrad as sg

    B, D, H = sg.dims("B D H")
    xs = sg.data("xs", (cells, B, D))
    Ws = {g: sg.parameter(f"W{g}", (D, H)) for g in GATES}
    Us = {g: sg.parameter(f"U{g}", (H, H)) for g in GATES}
    bs = {g: sg.parameter(f"b{g}", H) for g in GATES}
    h, c = sg.data("h0", (B, H)), sg.data("c0", (B, H))
    for t in range(cells):
        a = {g: xs[t] @ Ws[g] + h @ Us[g] + bs[g] for g in GATES}
        c = sg.sigmoid(a["f"]) * c + sg.sigmoid(a["i"]) * sg.tanh(a["g"])
        h = sg.sigmoid(a["o"]) * sg.tanh(c)
    return sg.sum(h * h), [*Ws.values(), *Us.values(), *bs.values()]


def mlp(layers):
    """A tanh network of width d over samples, with the lecture's squared error."""
    import symgrad as sg

    T, d = sg.dims("T d")
    x, target = sg.data("x", d, over=T), sg.data("y", d, over=T)
    parameters = []
    for i in range(1, layers + 1):
        W, b = sg.parameter(f"W{i}", (d, d)), sg.parameter(f"b{i}", d)
        x = sg.tanh(W @ x + b)
        parameters += [W, b]
    return sg.empirical_risk(sg.losses.squared_error(x, target)), parameters


def sine(depth):
    """x -> sin(x) x + 0.1, `depth` times, summed; the variable is x."""
    import symgrad as sg

    x = sg.parameter("x", 64)
    y = x
    for _ in range(depth):
        y = sg.sin(y) * y + 0.1
    return sg.sum(y), [x]


def logistic(steps):
    """The logistic map x -> r x (1 - x) with the distance to data at every step, by r and the start."""
    import symgrad as sg

    x, r = sg.parameter("x", 16), sg.parameter("r")
    seen = sg.data("seen", (steps, 16))
    loss = 0
    for t in range(steps):
        x = r * x * (1 - x)
        loss = loss + sg.sum((x - seen[t]) ** 2)
    return loss, [sg.parameter("x", 16), r]


FAMILIES = {"lstm": lstm, "mlp": mlp, "sine": sine, "logistic": logistic}


def values(inputs):
    """Arrays for the inputs, every symbolic size small."""
    import numpy as np

    rng = np.random.default_rng(0)
    shapes = [t.shape if t.over is None else (t.over, *t.shape) for t in inputs]
    return [0.3 * rng.standard_normal([s if isinstance(s, int) else 3 + len(str(s)) for s in shape])
            for shape in shapes]


def measure(family, size):
    """One row: seconds by phase, nodes, the memory that the process grew by."""
    import symgrad as sg
    from symgrad.graphs.node import topological

    small, wrt = FAMILIES[family](2)  # what is imported and cached once is not measured
    sg.function(symbols(small), sg.gradient(small, wrt))
    sg.generate(small, sizes={"d": 3})
    gc.collect()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, start = {}, time.process_time()

    def lap(name):
        nonlocal start
        now = time.process_time()
        seconds[name], start = now - start, time.process_time()

    loss, wrt = FAMILIES[family](size)
    lap("build")
    gradients = sg.gradient(loss, wrt)
    lap("gradient")
    forward, both = [loss.node], [loss.node, *(g.node for g in gradients)]
    inputs = symbols(loss)
    start = time.process_time()
    f = sg.function(inputs, [loss, *gradients])
    lap("compile")
    arrays = values(inputs)
    start = time.process_time()
    f(*arrays)
    lap("first call")
    sg.generate(loss, sizes={"d": 3})
    lap("generate")
    product = sg.hvp(loss, wrt[0], sg.data("direction", wrt[0].shape))
    lap("hvp")
    return {"seconds": seconds, "nodes": [len(topological(x)) for x in (forward, both, [*both, product.node])],
            "steps": len(f.plan.steps), "memory": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024}


def symbols(loss):
    """The symbols below a tensor."""
    from symgrad.graphs.node import topological
    from symgrad.language.tensor import wrap

    return [wrap(n, n.attrs[0].over) for n in topological([loss.node]) if n.op == "input"]


def fitted(sizes, seconds):
    """The exponent of the least-squares line through the logarithms."""
    xs, ys = [math.log(s) for s in sizes], [math.log(max(t, 1e-4)) for t in seconds]
    mx, my = statistics.mean(xs), statistics.mean(ys)
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / sum((x - mx) ** 2 for x in xs)


def in_process(family, size, repeat):
    """The row of the fastest of `repeat` fresh processes."""
    rows = [json.loads(subprocess.run([sys.executable, __file__, "--one", family, str(size)], check=True,
                                      capture_output=True, text=True).stdout) for _ in range(repeat)]
    return min(rows, key=lambda row: sum(row["seconds"].values()))


def import_ratio(repeat):
    """Medians of fresh processes in turns: (SymPy and networkx, symgrad), bytecode written before."""
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        codes = ("import sympy, networkx", "import symgrad")
        times = [[], []]
        for i in range(repeat + 1):
            for code, row in zip(codes, times, strict=True):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                subprocess.run([sys.executable, "-c", code], check=True, env=env)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                if i:
                    row.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return [statistics.median(row) for row in times]


def main():
    """Print the tables."""
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", metavar="family", help="default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--repeat", type=int, default=1, help="processes for each size; the fastest counts")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], int(options.one[1]))))
        return
    console = Console(width=None if sys.stdout.isatty() else 132)
    for family in options.families or FAMILIES:
        sizes = (QUICK if options.quick else SIZES)[family]
        table = Table(title=f"{family}: {FAMILIES[family].__doc__}", title_justify="left")
        for head in ("size", *PHASES, *NODES, "steps", "MB"):
            table.add_column(head, justify="right")
        rows = [in_process(family, size, options.repeat) for size in sizes]
        for size, row in zip(sizes, rows, strict=True):
            table.add_row(str(size), *(f"{row['seconds'][p]:.3f}" for p in PHASES), *map(str, row["nodes"]),
                          str(row["steps"]), f"{row['memory']:.0f}")
        exponents = [fitted(sizes, [row["seconds"][p] for row in rows]) for p in PHASES]
        table.add_section()
        table.add_row("exp.", *(f"{e:.2f}" for e in exponents),
                      *(f"{fitted(sizes, [row['nodes'][i] for row in rows]):.2f}" for i in range(3)))
        console.print(table)
    others, ours = import_ratio(9)
    console.print(f"import sympy, networkx: {others:.3f} s; import symgrad: {ours:.3f} s; ratio {ours / others:.2f}")


if __name__ == "__main__":
    main()
