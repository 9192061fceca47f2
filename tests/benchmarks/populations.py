"""Populations beside their peers: what an evaluation costs, and how many of the 24 functions of BBOB 2009 are solved.

    python tests/benchmarks/populations.py [--points 1000] [--instances 1] [--skip cost|solved]

Costs are of one loss in five variables (Rastrigin's), and of a regression on a thousand rows, for generations of so many
points, all in this process: the middle of rounds in turn. DEAP and pymoo take part where they are installed; each is given
the loss in the form that it takes, DEAP one point a call. The library `cma` by its own `fmin2`, with its restarts (BIPOP).
"""

import argparse
import math
import random
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import symgrad as sg
from symgrad.descent.objective import Objective
from symgrad.searching.methods import WALKS
from symgrad.searching.space import Trials, box

sys.path.append(str(Path(__file__).parents[1] / "support"))

import bbob  # noqa: E402

GENERATIONS, ROUNDS, HALF, N = 20, 5, 5.0, 5
POPULATIONS = ("genetic", "particle_swarm", "ant_colony", "cma")


def losses():
    """Each loss as an objective of symgrad, as a function of one point, and as one of many."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((1000, N)), rng.standard_normal(1000)
    x, rows, answers = sg.parameter("x", N), sg.data("X", (1000, N)), sg.data("y", 1000)
    yield ("Rastrigin", Objective(sg.sum(x**2 - 10 * sg.cos(2 * np.pi * x) + 10), [x], {}, {}),
           lambda p: sum(v * v - 10 * math.cos(2 * math.pi * v) + 10 for v in p),
           lambda p: (p**2 - 10 * np.cos(2 * np.pi * p) + 10).sum(axis=1))
    yield ("regression", Objective(sg.mean((sg.tanh(rows @ x) - answers) ** 2), [x], {rows.node: X, answers.node: y}, {}),
           lambda p: float(((np.tanh(X @ np.asarray(p)) - y) ** 2).mean()),
           lambda p: ((np.tanh(p @ X.T) - y) ** 2).mean(axis=1))


def own(method, objective, points):
    """Seconds an evaluation takes."""
    trials = Trials(objective.values, box(np.full(N, -HALF), np.full(N, HALF)), GENERATIONS * points)
    begin = time.perf_counter()
    for _ in WALKS[method].run(trials, np.random.default_rng(0), population=points):
        pass
    return (time.perf_counter() - begin) / (trials.budget - trials.left)


def by_deap(one, points):
    """The same of DEAP's simple genetic algorithm, with the same operators."""
    from deap import algorithms, base, creator, tools

    if not hasattr(creator, "Point"):
        creator.create("Least", base.Fitness, weights=(-1.0,))
        creator.create("Point", list, fitness=creator.Least)
    box_of = base.Toolbox()
    box_of.register("entry", random.uniform, -HALF, HALF)
    box_of.register("point", tools.initRepeat, creator.Point, box_of.entry, N)
    box_of.register("mate", tools.cxSimulatedBinaryBounded, low=-HALF, up=HALF, eta=15)
    box_of.register("mutate", tools.mutPolynomialBounded, low=-HALF, up=HALF, eta=20, indpb=1 / N)
    box_of.register("select", tools.selTournament, tournsize=2)
    box_of.register("evaluate", lambda p: (one(p),))
    population = tools.initRepeat(list, box_of.point, points)
    begin = time.perf_counter()
    _, log = algorithms.eaSimple(population, box_of, 0.9, 1.0, GENERATIONS, verbose=False)
    return (time.perf_counter() - begin) / sum(row["nevals"] for row in log)


def by_pymoo(many, points, name):
    """The same of pymoo's genetic algorithm or swarm, which takes a population a call as well."""
    from pymoo.algorithms.soo.nonconvex.ga import GA
    from pymoo.algorithms.soo.nonconvex.pso import PSO
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    class Loss(Problem):
        def _evaluate(self, x, out, *args, **more):
            out["F"] = many(x)

    algorithm = {"genetic": GA, "particle_swarm": PSO}[name](pop_size=points)
    begin = time.perf_counter()
    minimize(Loss(n_var=N, n_obj=1, xl=-HALF, xu=HALF), algorithm, ("n_gen", GENERATIONS), seed=1)
    return (time.perf_counter() - begin) / (GENERATIONS * points)


def costs(points):
    """A table: microseconds an evaluation, and the ratios to the genetic algorithm and the swarm here."""
    for name, objective, one, many in losses():
        calls = {f"symgrad {m}": lambda m=m: own(m, objective, points) for m in POPULATIONS}
        calls |= {"DEAP genetic": lambda: by_deap(one, points), "pymoo genetic": lambda: by_pymoo(many, points, "genetic"),
                  "pymoo particle_swarm": lambda: by_pymoo(many, points, "particle_swarm")}
        seconds = {}
        for _ in range(ROUNDS):
            for label, call in calls.items():
                try:
                    seconds.setdefault(label, []).append(call())
                except ImportError as error:
                    seconds[label] = error
                    print(f"{label}: skipped, {error}")
            calls = {label: call for label, call in calls.items() if not isinstance(seconds[label], Exception)}
        print(f"\n{name}, generations of {points} points: microseconds an evaluation")
        middle = {label: statistics.median(seconds[label]) for label in calls}
        for label, value in middle.items():
            ratios = ", ".join(f"{value / middle[f'symgrad {m}']:.1f} x {m}" for m in ("genetic", "particle_swarm"))
            print(f"  {label:<24}{value * 1e6:8.2f}   {ratios}")


def solved(instances):
    """A table: how many of the 24 functions each solves, mean over the instances."""
    print(f"\nBBOB 2009, {N} variables, 10,000 evaluations, precision 1e-8: functions solved of 24, instances 1 to {instances}")
    for method in (*POPULATIONS, "random"):
        numbers = [k for i in range(1, instances + 1) for k in bbob.NUMBERS if bbob.evaluations(method, k, i) is not None]
        print(f"  symgrad {method:<16}{len(numbers) / instances:6.1f}   {sorted(set(numbers))}")
    numbers = [k for i in range(1, instances + 1) for k in bbob.NUMBERS if by_library(k, i)]
    print(f"  cma.fmin2               {len(numbers) / instances:6.1f}   {sorted(set(numbers))}")


def by_library(number, instance):
    """Does the library `cma` solve a function by itself?"""
    import cma

    f, least = bbob.function(number, instance)
    rng = np.random.default_rng(instance)
    options = {"bounds": [-HALF, HALF], "maxfevals": 10_000, "verbose": -9, "ftarget": least + bbob.PRECISION, "seed": instance}
    x, _ = cma.fmin2(f, lambda: rng.uniform(-HALF, HALF, N), HALF / 2, options, restarts=9, bipop=True)
    return f(x) - least <= bbob.PRECISION


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--points", type=int, default=1000)
    options.add_argument("--instances", type=int, default=1)
    options.add_argument("--skip", choices=("cost", "solved"))
    asked = options.parse_args()
    warnings.simplefilter("ignore")
    if asked.skip != "cost":
        costs(asked.points)
    if asked.skip != "solved":
        solved(asked.instances)


if __name__ == "__main__":
    main()
