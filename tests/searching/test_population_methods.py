"""Methods without derivatives: the classics, bounds, budgets, seeds, restarts; and what each says when it cannot."""

import warnings

import numpy as np
import pytest

import symgrad as sg
from symgrad.graphs.errors import SymgradError
from symgrad.searching.methods import WALKS
from symgrad.searching.scout import Scout
from symgrad.searching.space import Trials, box

POPULATIONS = ("genetic", "particle_swarm", "ant_colony", "cma")
x = sg.parameter("x", 2)
CLASSICS = {  # name: loss, half the width of its box, the least loss
    "Rastrigin": (sg.sum(x**2 - 10 * sg.cos(2 * np.pi * x) + 10), 5.12),
    "Ackley": (-20 * sg.exp(-0.2 * sg.sqrt(sg.mean(x**2))) - sg.exp(sg.mean(sg.cos(2 * np.pi * x))) + 20 + np.e, 32.0),
    "Himmelblau": ((x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2, 5.0),
    "Rosenbrock": (100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2, 5.0),
}


def driven(name, values, space, budget=2000, seed=0, start=None, **settings):
    """All iterates of a method, how it ended, and its trials."""
    trials = Trials(values, space, budget, start)
    course, seen = WALKS[name].run(trials, np.random.default_rng(seed), **settings), []
    while True:
        try:
            seen.append(next(course))
        except StopIteration as stop:
            return seen, stop.value, trials


def sphere(points):
    return ((points - 0.3) ** 2).sum(axis=1)


def cube(n, half=2.0):
    return box(np.full(n, -half), np.full(n, half))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("classic", CLASSICS)
@pytest.mark.parametrize("method", POPULATIONS)
def test_classics(method, classic, seed):
    loss, half = CLASSICS[classic]
    found = sg.minimize(loss, x, {}, method=method, start={"x": [half / 2, -half / 3]}, bounds={"x": (-half, half)},
                        budget=10_000, seed=seed)
    assert found.fun < 1e-8 and found.evaluations <= 10_000 and found.method == method
    assert found.history["loss"][0] == pytest.approx(float(loss.eval(x=found.history.x[0]["x"])))
    assert min(found.history["loss"]) == found.fun == pytest.approx(float(loss.eval(x=found.x["x"])), abs=1e-12)


@pytest.mark.parametrize("method", ["grid", "random"])
def test_points_that_are_fixed_beforehand(method):
    loss, half = CLASSICS["Himmelblau"]
    found = sg.minimize(loss, x, {}, method=method, start={"x": [4.0, 4.0]}, bounds={"x": (-half, half)}, budget=5000, seed=3)
    assert found.fun < 0.2 and found.evaluations <= 5000 and not found.success
    assert f"the best of {4970 if method == 'grid' else 5000}" in found.message


@pytest.mark.parametrize("method", WALKS)
@pytest.mark.parametrize("budget", [1, 2, 7, 333])
def test_budgets_and_bounds_hold(method, budget):
    asked = []

    def values(points):
        asked.append(points)
        return sphere(points - 5)  # the least loss is at a corner

    if method == "grid" and budget < 10:
        return
    space = box(np.array([-1.0, 2.0, 0.0]), np.array([1.0, 2.5, 0.5]))
    seen, ending, trials = driven(method, values, space, budget)
    points = np.vstack(asked)
    assert len(points) == budget - trials.left <= budget and not ending.success
    assert (points >= space.low).all() and (points <= space.high).all()
    assert min(it.loss for it in seen) == trials.loss == sphere(points - 5).min()
    if method in POPULATIONS and budget == 333:
        np.testing.assert_allclose(trials.at, space.high, rtol=1e-3)


@pytest.mark.parametrize("method", WALKS)
def test_one_seed_gives_one_result_and_leaves_numpy_alone(method):
    runs = []
    for state in (0, 1):
        np.random.seed(state)
        before = np.random.get_state()[1].tolist()
        seen, _, _ = driven(method, sphere, cube(3), 400, seed=5)
        assert np.random.get_state()[1].tolist() == before
        runs.append(np.array([it.x for it in seen]))
    assert np.array_equal(*runs)
    if method != "grid":
        other = np.array([it.x for it in driven(method, sphere, cube(3), 400, seed=6)[0]])
        assert not np.array_equal(other, runs[0])


@pytest.mark.parametrize("method", WALKS)
def test_the_start_comes_first(method):
    start = np.array([1.0, -1.5])
    seen, _, _ = driven(method, sphere, cube(2), 100, start=start)
    np.testing.assert_allclose(seen[0].x, start)
    assert seen[0].accepted and seen[0].step == 0


@pytest.mark.parametrize("n, budget, least", [(1, 500, 1e-9), (12, 12_000, 1e-6), (40, 12_000, 2.0)])
@pytest.mark.parametrize("method", POPULATIONS)
def test_one_variable_and_many(method, n, budget, least):
    _, _, trials = driven(method, sphere, cube(n), budget)
    assert trials.loss < least  # of 40 variables the mean is about 60 at first


@pytest.mark.parametrize("method", ["genetic", "particle_swarm", "ant_colony", "random"])
def test_very_many_variables_cost_what_their_numbers_cost(method):
    _, _, trials = driven(method, sphere, cube(20_000), 200)
    assert trials.left == 0 and trials.loss < np.inf
    assert Scout(20_000).pairs[0].size + Scout(20_000).ridge.size <= 20_000


@pytest.mark.parametrize("method", POPULATIONS)
def test_a_success_is_a_loss_at_which_several_populations_gathered(method):
    _, ending, trials = driven(method, sphere, cube(2), 20_000)
    assert ending.success and trials.left > 0
    assert ending.message == "4 of 4 populations gathered at this loss, and none lower"
    _, ending, _ = driven(method, sphere, cube(2), 60)
    assert not ending.success and ending.message == "the budget of 60 evaluations is used up"


@pytest.mark.parametrize("method", WALKS)
def test_what_is_nan_or_infinite_is_worst(method):
    def values(points):
        losses = sphere(points)
        losses[points[:, 0] < 0] = np.nan
        losses[points[:, 1] < 0] = np.inf
        return losses

    seen, _, trials = driven(method, values, cube(2), 900)
    assert trials.loss < 0.05 and not any(np.isnan(it.loss) for it in seen)
    _, _, trials = driven(method, lambda points: np.full(len(points), np.nan), cube(2), 90)
    assert trials.loss == np.inf


@pytest.mark.parametrize("method", WALKS)
def test_bounds_may_leave_one_value(method):
    space = box(np.array([-1.0, 0.5, -2.0]), np.array([1.0, 0.5, 2.0]))
    seen, _, trials = driven(method, sphere, space, 1000, start=np.array([0.0, 0.5, 0.0]))
    assert {it.x[1] for it in seen} == {0.5} and trials.loss - 0.04 < 0.02
    fixed = box(np.array([0.5, 1.0]), np.array([0.5, 1.0]))
    assert driven(method, sphere, fixed, 300)[2].loss == pytest.approx(0.53)


def test_cma_needs_no_bounds_and_takes_half_of_them():
    target = np.array([40.0, -3.0, 0.2])
    loss = sg.sum((x3 := sg.parameter("x", 3)) ** 2 - 2 * x3 * sg.constant(target))
    assert sg.minimize(loss, x3, {}, method="cma", seed=1).x["x"] == pytest.approx(target, abs=1e-3)
    found = sg.minimize(loss, x3, {}, method="cma", bounds={"x": (0.0, np.inf)}, seed=1)
    assert found.x["x"] == pytest.approx([40, 0, 0.2], abs=1e-3) and found.x["x"].min() >= 0


def test_nothing_is_printed_and_no_warning_comes(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in WALKS:
            driven(method, sphere, cube(2), 300)
    assert capfd.readouterr() == ("", "")


def test_a_population_is_one_call():
    loss, half = CLASSICS["Rastrigin"]
    found = sg.minimize(loss, x, {}, method="genetic", bounds={"x": (-half, half)}, budget=4001, seed=0)
    assert found.history.problem.objective._population.calls == len(found.history["loss"]) == 101
    larger = sg.minimize(loss, x, method="genetic", bounds={"x": (-half, half)}, budget=4001, population=400)
    assert len(larger.history["loss"]) == 11


MESSAGES = {
    "no bounds": (lambda: sg.minimize(sg.sum(x**2), x, {}, method="random"),
                  "random draws points within bounds, and x is not bounded on both sides; give bounds={'x': (low, high)}, or "
                  "take cma"),
    "half of a bound": (lambda: sg.minimize(sg.sum(x**2), x, {}, method="grid", bounds={"x": ([0, 0], [1, np.inf])}),
                        "x is not bounded on both sides"),
    "one point": (lambda: sg.minimize(sg.sum(x**2), x, method="cma", population=1),
                  "cma: 1 is no population; it needs 2 points at least to learn from each other"),
    "no point": (lambda: sg.minimize(sg.sum(x**2), x, method="cma", population=0),
                 "minimize: population must be a whole number of at least 1, not 0"),
    "a population for Newton": (lambda: sg.minimize(sg.sum(x**2), x, method="newton", population=9),
                                "newton takes no population; genetic, ant_colony, particle_swarm, cma would"),
    "a grid that is too coarse": (lambda: driven("grid", sphere, cube(12), 1000),
                                  "grid: 2 values for each of 12 numbers are 4096 points, and 1000 are allowed"),
    "a grid of very many": (lambda: driven("grid", sphere, cube(20_000), 1000), "2 values for each of 20000 numbers are 10^6021 points"),
    **{f"a population of one, {name}": (lambda name=name: driven(name, sphere, cube(2), population=1),
                                        f"{name}: 1 is no population; it needs 2 points at least") for name in POPULATIONS},
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name):
    call, words = MESSAGES[name]
    with pytest.raises(SymgradError) as caught:
        call()
    assert words in str(caught.value)
