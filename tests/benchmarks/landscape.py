#!/usr/bin/env python3
"""How long does a landscape take, and how large is it?   python tests/benchmarks/landscape.py

Contours, surface, paths and stationary points of four losses: the seconds of the first call, which also imports and
compiles, the best of four more, and the kilobytes of the SVG, beside the bounds of half a second and 400 kB.
"""

import time

import numpy as np

import symgrad as sg

SECONDS, BYTES = 0.5, 400_000


def losses():
    """(name, the arguments of sg.landscape) of each loss."""
    p, q = sg.parameter("p"), sg.parameter("q")
    rng = np.random.default_rng(0)
    wild = {"a": rng.uniform(-3, 3, (300, 2)), "b": np.cumsum(rng.standard_normal((3000, 2)), axis=0) / 20}
    yield "Himmelblau", ((p**2 + q - 11) ** 2 + (p + q**2 - 7) ** 2, (p, q), {}, {}, wild)
    yield "Rosenbrock", ((1 - p) ** 2 + 100 * (q - p**2) ** 2, (p, q), {}, {}, wild)
    yield "Rastrigin", (20 + p**2 + q**2 - 10 * (sg.cos(2 * np.pi * p) + sg.cos(2 * np.pi * q)), (p, q), {}, {}, wild)
    n, d = sg.dims("n d")
    X, t, w = sg.data("X", (n, d)), sg.data("t", n), sg.parameter("w", d)
    points = rng.standard_normal((500, 10))
    data = {"X": points, "t": (points[:, 0] > 0) * 1.0}
    ways = [{"w": rng.standard_normal(10)} for _ in range(2)]
    yield "logistic regression", (sg.mean(sg.softplus(X @ w) - t * (X @ w)), ways, {"w": np.zeros(10)}, data)


def main():
    print(f"{'loss':22} {'first':>8} {'then':>8} {'size':>9}   bounds {SECONDS} s, {BYTES // 1000} kB")
    for name, arguments in losses():
        times = []
        for _ in range(5):
            start = time.perf_counter()
            picture = sg.landscape(*arguments)
            times.append(time.perf_counter() - start)
        size = len(picture.svg.encode())
        best = min(times[1:])
        words = "" if best <= SECONDS and size <= BYTES else "   above a bound"
        print(f"{name:22} {times[0]:6.2f} s {best:6.2f} s {size / 1000:6.0f} kB{words}")


if __name__ == "__main__":
    main()
