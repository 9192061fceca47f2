#!/usr/bin/env python3
"""What does an iteration of Newton and of L-BFGS cost beside SciPy's?   python tests/benchmarks/minimisers.py

Rosenbrock's function in 2, 10 and 100 variables from the same start; both sides call the same compiled loss, gradient and
Hessian. Ours is what `sg.minimize` runs, its history included. Rounds are interleaved; each number is the median over
rounds of microseconds for an iteration, and the last column the ratio SciPy / ours (above 1: ours is cheaper).
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the same for both sides; ours takes one thread by itself

import numpy as np
import scipy.optimize

import symgrad as sg
from symgrad.minimisers.course import drive
from symgrad.minimisers.methods import METHODS
from symgrad.minimisers.problem import posed

PAIRS = (("newton", "Newton-CG"), ("newton", "trust-exact"), ("l-bfgs", "L-BFGS-B"), ("l-bfgs", "BFGS"))


def rosenbrock(size):
    q = sg.parameter("q", size)
    loss = sg.sum((1 - q[:-1]) ** 2 + 100 * (q[1:] - q[:-1] ** 2) ** 2)
    return posed(loss, q, None, {"q": np.full(size, -1.2)}, None, None, None, None, 0, None)


def ours(problem, method):
    row = METHODS[method]
    problem.objective.evaluations = 0
    course = row.run(problem)
    start = time.perf_counter()
    done = drive(problem, course, method, row.descends, row.lowest)
    return 1e6 * (time.perf_counter() - start) / (sum(done.history["accepted"]) - 1)


def scipys(problem, method):
    f = problem.objective
    f.evaluations = 0
    more = {"hess": f.hessian} if method in ("Newton-CG", "trust-exact") else {}
    start = time.perf_counter()
    found = scipy.optimize.minimize(f.slope, problem.x0, jac=True, method=method, **more)
    return 1e6 * (time.perf_counter() - start) / found.nit


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    print(f"{'size':>5} {'ours':>8} {'µs':>7}   {'SciPy':<12} {'µs':>7}   ratio")
    for size in (2, 10, 100):
        problem = rosenbrock(size)
        for mine, peer in PAIRS:
            pairs = [(ours(problem, mine), scipys(problem, peer)) for _ in range(rounds + 3)][3:]
            a, b = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = statistics.median(y / x for x, y in pairs)
            print(f"{size:>5} {mine:>8} {a:>7.1f}   {peer:<12} {b:>7.1f}   {ratio:.2f}")


if __name__ == "__main__":
    main()
