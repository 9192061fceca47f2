"""`sg.search`: what may be chosen, by every method, in any number of processes; what is refused, and how it is told."""

import math
import re
import warnings

import numpy as np
import pytest

import symgrad as sg
from symgrad.graphs.errors import SymgradError
from symgrad.searching.choices import read
from symgrad.searching.methods import WALKS

MIXED = {"depth": ("int", 1, 6), "rate": ("log", 1e-4, 1.0), "momentum": ("uniform", 0.0, 0.99), "kind": ["relu", "tanh", "elu"]}
NUMBERS = {name: kind for name, kind in MIXED.items() if name != "kind"}
LISTS = {"kind": ["relu", "tanh", "elu"], "width": [8, 16, 32, 64], "norm": [False, True]}


def mixed(depth, rate, momentum, kind="tanh"):
    """Least at 4, 0.01, 0.9, tanh."""
    return (depth - 4) ** 2 + math.log10(rate / 0.01) ** 2 + 10 * (momentum - 0.9) ** 2 + ("relu", "tanh").count(kind) * -1 + (
        kind == "relu") * 0.5


def listed(kind, width, norm):
    return abs(width - 32) + ("elu", "relu", "tanh").index(kind) - norm


@pytest.mark.parametrize("method", WALKS)
def test_every_method_finds_what_is_best_of_numbers(method):
    trials = 300 if method in ("grid", "random") else 150
    found = sg.search(mixed, NUMBERS, method=method, trials=trials, seed=1)
    assert found.score < (0.5 if method in ("grid", "random") else 0.1) - 1, found
    assert found.score == min(row["score"] for row in found.table) == mixed(**found.best)
    assert len(found.table) <= trials and found.method == method


@pytest.mark.parametrize("method", ["random", "genetic", "ant_colony"])
def test_numbers_and_lists_together(method):
    found = sg.search(mixed, MIXED, method=method, trials=200, seed=0)
    assert found.best["depth"] == 4 and found.best["kind"] == "tanh" and found.score < -0.4


@pytest.mark.parametrize("method", [name for name, walk in WALKS.items() if walk.lists])
def test_lists_are_a_graph_of_choices(method):
    found = sg.search(listed, LISTS, method=method, trials=24, seed=0)
    assert found.best == {"kind": "elu", "width": 32, "norm": True} and found.score == -1


@pytest.mark.parametrize("method", ["genetic", "ant_colony"])
def test_populations_learn(method):
    """On 6^6 combinations they find in 400 trials what chance finds in 46656."""
    space = {letter: list(range(6)) for letter in "abcdef"}
    target = dict(zip("abcdef", (3, 1, 4, 1, 5, 0), strict=True))

    def distance(**choice):
        return sum(choice[name] != target[name] for name in target)

    assert sg.search(distance, space, method=method, trials=400, seed=0).best == target
    assert sg.search(distance, space, method="random", trials=400, seed=0).score > 1


@pytest.mark.parametrize("method", [name for name, walk in WALKS.items() if walk.lists])
def test_no_choice_is_tried_twice(method):
    seen = []
    found = sg.search(lambda **choice: (seen.append(tuple(choice.values())), len(seen))[1], LISTS, method=method, trials=100, seed=2)
    assert len(set(seen)) == len(seen) == len(found.table) <= 24
    if method in ("grid", "random"):
        assert len(seen) == 24


def test_what_a_choice_is():
    """Python's own numbers within both ends; entries of a list as they are."""
    entry = object()
    found = sg.search(lambda a, b, c, d: a, {"a": ("log", 1e-3, 0.7), "b": ("int", -2, 1), "c": ("uniform", -1, 1), "d": [entry, None]},
                      trials=200, seed=0)
    rows = found.table
    assert {type(row["b"]) for row in rows} == {int} and {row["b"] for row in rows} == {-2, -1, 0, 1}
    assert all(type(row["a"]) is type(row["c"]) is float for row in rows) and {row["d"] for row in rows} == {entry, None}
    assert all(1e-3 <= row["a"] <= 0.7 and -1 <= row["c"] <= 1 for row in rows)
    logs = np.log10([row["a"] for row in rows])
    assert np.histogram(logs, 4, (-3, math.log10(0.7)))[0].min() > 40, "even in the logarithm"
    counts = np.unique([row["b"] for row in rows], return_counts=True)[1]
    assert counts.min() > 40


def test_a_grid_has_both_ends():
    found = sg.search(lambda a, b, c: a + b, {"a": ("uniform", -1, 1), "b": ("int", 1, 3), "c": ["x"]}, method="grid", trials=15)
    assert sorted({row["a"] for row in found.table}) == [-1, -0.5, 0, 0.5, 1]
    assert sorted({row["b"] for row in found.table}) == [1, 2, 3] and len(found.table) == 15
    assert found.best == {"a": -1.0, "b": 1, "c": "x"}
    ends = sg.search(lambda a: a, {"a": ("log", 1e-3, 0.7)}, method="grid", trials=3).table.column("a")
    assert ends[0] == 1e-3 and ends[-1] == 0.7


@pytest.mark.parametrize("method", ["random", "genetic"])
def test_any_number_of_jobs_gives_one_result(method):
    runs = [sg.search(mixed, MIXED, method=method, trials=30, jobs=jobs, seed=4) for jobs in (1, 2)]
    assert runs[0].table == runs[1].table and runs[0].best == runs[1].best
    assert sg.search(mixed, MIXED, method=method, trials=30, seed=5).table != runs[0].table


def test_a_table_reads_well():
    found = sg.search(listed, LISTS, method="grid", trials=24)
    lines = str(found.table).splitlines()
    assert lines[0].split() == ["#", "kind", "width", "norm", "score"] and len(lines) == 26
    assert [line.split()[1:5] for line in lines if line.endswith("*")] == [["elu", "32", "True", "-1"]]
    assert "<table" in found.table._repr_html_() and "<table" in found._repr_html_()
    assert found.table.column("width")[:2] == [8, 8] and found.table.sorted()[0]["score"] == -1
    assert str(found) == "score -1 at kind = elu, width = 32, norm = True\ngrid: the best of 24 points of a grid, 3 x 4 x 2"
    wanted = [row for row in found.table if row["width"] == 64]
    assert len(wanted) == 6


def test_nan_is_worst_and_is_said():
    with pytest.warns(UserWarning, match=re.escape("search: 12 of 24 scores are NaN, which count as worst")):
        found = sg.search(lambda norm, **more: math.nan if norm else listed(norm=norm, **more), LISTS, method="grid")
    assert found.best == {"kind": "elu", "width": 32, "norm": False} and "12 of 24 scores are NaN" in found.message
    with pytest.warns(UserWarning, match="24 of 24"):
        assert math.isnan(sg.search(lambda **choice: math.nan, LISTS, method="grid").score)


@pytest.mark.parametrize("method", WALKS)
def test_infinite_scores_are_worse_than_all_others(method):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = sg.search(lambda depth, **more: math.inf if depth > 3 else mixed(depth, **more), NUMBERS, method=method, trials=60)
    assert found.best["depth"] <= 3 and math.isfinite(found.score)


def test_an_interrupt_keeps_the_best():
    def score(kind, width, norm):
        if (width, norm) == (32, True) and kind == "tanh":
            raise KeyboardInterrupt
        return width

    found = sg.search(score, LISTS, method="grid", trials=24)
    assert found.best["width"] == 8 and found.message == "interrupted after 13 of 24 trials" and len(found.table) == 13
    with pytest.raises(KeyboardInterrupt):
        sg.search(lambda **choice: (_ for _ in ()).throw(KeyboardInterrupt), LISTS)


def failing(kind, width, norm):
    raise ZeroDivisionError("by zero")


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_the_score_is_told_with_the_choice(jobs):
    with pytest.raises(ZeroDivisionError, match="by zero") as caught, warnings.catch_warnings():
        warnings.simplefilter("error")
        sg.search(failing, LISTS, method="grid", trials=24, jobs=jobs)
    assert "search: raised by score(kind='relu', width=8, norm=False)" in caught.value.__notes__


def test_progress_is_one_line(capsys):
    sg.search(listed, LISTS, method="grid", trials=24, progress=True)
    text = capsys.readouterr().err
    assert text.endswith("\rsearch: trial 24 of 24, best -1\n") and text.count("\n") == 1


MESSAGES = {
    "an empty space": (lambda: sg.search(listed, {}), "search: the space is empty; give names with what they may be: a list, "),
    "no dict": (lambda: sg.search(listed, ["a"]), "the space is a dict from names to what they may be, not list"),
    "an empty list": (lambda: sg.search(listed, {"kind": []}), "search: the list of kind is empty; there is nothing to choose"),
    "bounds swapped": (lambda: sg.search(mixed, {"rate": ("uniform", 2, 1)}),
                       "search: the range of rate has low = 2 and high = 1; low must be below high; are they swapped?"),
    "bounds equal": (lambda: sg.search(mixed, {"rate": ("int", 2, 2)}), "low must be below high; for one value, write [2]"),
    "log from zero": (lambda: sg.search(mixed, {"rate": ("log", 0, 1)}),
                      "search: rate has a 'log' range from 0, and logarithms need low > 0"),
    "log from below zero": (lambda: sg.search(mixed, {"rate": ("log", -1, 1)}), "logarithms need low > 0"),
    "ends that are not whole": (lambda: sg.search(mixed, {"depth": ("int", 0.5, 3)}), "an 'int' range has whole ends"),
    "no end": (lambda: sg.search(mixed, {"rate": ("uniform", 0, math.inf)}), "both ends must be finite"),
    "a range of one number": (lambda: sg.search(mixed, {"rate": ("uniform", 0)}), "write ('uniform', low, high) with two numbers"),
    "a range that is not known": (lambda: sg.search(mixed, {"rate": ("normal", 0, 1)}),
                                  "search: rate may be ('normal', 0, 1), which is no list and no range; write a list, ('uniform'"),
    "ends without a kind": (lambda: sg.search(mixed, {"rate": (1e-4, 1)}),
                            "search: rate may be (0.0001, 1), which is no list and no range; write a list, ('uniform'"),
    "a number": (lambda: sg.search(mixed, {"rate": 3}), "search: rate may be 3, which is no list and no range"),
    "a text": (lambda: sg.search(mixed, {"kind": "relu"}), "kind may be 'relu', which is no list"),
    "a name that is no text": (lambda: sg.search(mixed, {3: [1]}), "search: names are texts, not 3"),
    "a method that is not there": (lambda: sg.search(mixed, MIXED, method="bayes"),
                                   "search: there is no method 'bayes'; there are random, grid, genetic"),
    "no trials": (lambda: sg.search(mixed, MIXED, trials=0), "search: trials must be a whole number of at least 1, not 0"),
    "half a trial": (lambda: sg.search(mixed, MIXED, trials=2.5), "trials must be a whole number"),
    "no jobs": (lambda: sg.search(mixed, MIXED, jobs=0), "search: jobs is a number of processes"),
    "a population of one": (lambda: sg.search(mixed, MIXED, method="genetic", population=1), "genetic: 1 is no population"),
    "a population of none": (lambda: sg.search(mixed, MIXED, method="genetic", population=0),
                             "search: population must be a whole number of at least 1, not 0"),
    "a population of random points": (lambda: sg.search(mixed, MIXED, population=9), "search: random takes no population; genetic"),
    "lists for a swarm": (lambda: sg.search(mixed, MIXED, method="particle_swarm"),
                          "search: particle_swarm moves through numbers, and kind may be one of a list without an order; random, "
                          "grid, genetic, ant_colony can choose"),
    "lists for cma": (lambda: sg.search(mixed, MIXED, method="cma"), "search: cma moves through numbers, and kind"),
    "a grid without room": (lambda: sg.search(mixed, MIXED, method="grid", trials=20),
                            "grid: 3 combinations of choices times 2 values for each of 3 numbers are 24 points, and 20 are allowed"),
    "a name that the score does not take": (lambda: sg.search(listed, {**LISTS, "rte": [1]}),
                                            "search: the score cannot be called with kind, width, norm, rte: got an unexpected"),
    "a name that is missing": (lambda: sg.search(listed, {"kind": ["elu"]}), "missing a required argument: 'width'"),
    "a score that is no function": (lambda: sg.search(3, LISTS), "search: score is a function of the choices, not int"),
    "a score that gives no number": (lambda: sg.search(lambda **choice: None, {"a": [1]}),
                                     "search: score(a=1) gave None, which is no number"),
    "a score that gives a text": (lambda: sg.search(lambda **choice: "3", {"a": [1]}), "score(a=1) gave '3', which is no number"),
    "the name of the column": (lambda: sg.search(lambda score: 1, {"score": [1]}), "the name 'score' is that of the column of scores"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_what_does_not_fit_is_told(name):
    call, words = MESSAGES[name]
    with pytest.raises(SymgradError) as caught:
        call()
    assert words in str(caught.value)


def test_scores_may_be_any_number():
    for value in (np.float32(2), np.array(2), 2, True, np.int64(2)):
        assert sg.search(lambda a, value=value: value, {"a": [1]}).score == float(value)


def test_unit_cube_and_values_agree():
    space = read({**MIXED, "few": ("int", 0, 1), "one": ["only"]}).space
    unit = np.random.default_rng(0).random((50, space.size))
    points = space.points(unit)
    np.testing.assert_allclose(space.points(space.unit(points)), points, rtol=1e-12)
    assert (space.points(np.ones((1, space.size))) == space.high).all() and (space.points(np.zeros((1, space.size))) == space.low).all()


def squares(x, kind):
    return x * x + (kind == "b")


BY = {"x": ("uniform", -1.0, 1.0), "kind": ["a", "b"]}


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing", "sequential"])
@pytest.mark.parametrize("jobs", [2, None])
def test_every_backend_of_joblib_gives_one_result(backend, jobs):
    joblib = pytest.importorskip("joblib")
    alone = sg.search(squares, BY, "genetic", trials=24, seed=3)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = sg.search(squares, BY, "genetic", trials=24, seed=3, jobs=jobs)
    assert list(found.table) == list(alone.table) and found.best == alone.best


def test_workers_of_dask_score():
    joblib, distributed = pytest.importorskip("joblib"), pytest.importorskip("distributed")
    alone = sg.search(squares, BY, trials=12, seed=3)
    with (distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
          distributed.Client(cluster), joblib.parallel_config(backend="dask")):
        found = sg.search(squares, BY, trials=12, seed=3, jobs=-1)
    assert list(found.table) == list(alone.table)
