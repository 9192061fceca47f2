"""The benchmarks' own code: every task's candidates that need no peer agree on small sizes, and the race's arithmetic.

Nothing is timed here.
"""

import json
import sys
import time

import numpy as np
import pytest
from places import BENCHMARKS

sys.path.append(str(BENCHMARKS))

import contest  # noqa: E402
import race  # noqa: E402
import regression  # noqa: E402
import summary  # noqa: E402
import worker  # noqa: E402

TASKS = race.tasks()
ALIKE = ("mlp-medium", "mlp-medium-tanh", "mlp-large", "conv-large")  # in C the text of a smaller one


@pytest.mark.parametrize("name", TASKS)
def test_candidates_agree(name):
    task = TASKS[name]
    assert {*contest.ORDER[:7]} - {"numpy by hand"} <= {*task.candidates} <= {*contest.ORDER}
    data = task.make(tiny=True)
    by_hand = task.candidates.get("numpy by hand", task.candidates["symgrad numpy"])  # nobody writes a GPT by hand
    wanted = by_hand(data).outcome()
    assert all(np.isfinite(np.asarray(a)).all() for a in wanted.values())
    for backend in ("numpy",) if name in ALIKE else ("numpy", "c"):
        found = task.candidates[f"symgrad {backend}"](data).outcome()
        assert task.differences(found, wanted) == []


def test_a_difference_is_seen():
    task = TASKS["lse"]
    one = {"value": np.ones(2), "x": np.ones(3)}
    assert task.differences(one, {**one, "x": np.ones(4)}) == ["x: shapes (3,) and (4,)"]
    assert task.differences(one, {**one, "x": np.ones(3) + 1e-7}) == ["x: relative difference 1.0e-07"]
    assert task.differences(one, {**one, "x": np.full(3, np.nan)}) == ["x: relative difference nan"]
    assert task.differences(one, {"value": one["value"]}) == ["results ['value', 'x'] and ['value']"]
    assert TASKS["mlp-small"].differences(one, {**one, "x": np.ones(3) + 1e-7}) == []


def test_ratios_and_their_intervals():
    own = np.array([1.0, 1.1, 0.9, 5.0, 1.0])
    middle, low, high = race.interval(3 * own, own, function=race.ratio)
    assert middle == low == high == pytest.approx(3)  # rounds are drawn as a whole
    middle, low, high = race.interval(own)
    assert (middle, low) == (1.0, 0.9) and high == 5.0
    assert race.duration(2.5e-5, 2e-5, 3e-5) == ("25 us", "20 .. 30")
    rows = list(race.rows({"symgrad numpy": own, "jax.jit": 2 * own},
                          {"symgrad numpy": "0.10", "torch eager": "skipped: no", "jax.jit": "0.20"}, {"jax.jit": 12.4}))
    assert rows[1] == ["torch eager", "skipped: no", "", "", "", "", ""]
    assert rows[2][2:4] == ["12", "2 s"] and rows[2][5] == "2.00 (2.00 .. 2.00)"


@pytest.mark.skipif(worker.resident("VmRSS") is None, reason="the system does not say how much a process holds")
def test_memory_is_what_a_call_holds_at_most():
    before = worker.resident("VmRSS")
    assert 50 < worker.growth(lambda: np.ones(2**23).sum(), before) < 200


def test_seconds_of_the_processor_are_those_of_one_thread(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        race.main(["lse", "--cpu-time", "--threads", "2"])
    assert "leave --threads out" in capsys.readouterr().err
    monkeypatch.setenv("RACE_CLOCK", "cpu")
    assert worker.timed(lambda: time.sleep(0.05), 1) < 0.03


def test_a_turn_is_the_seconds_of_one_call():
    calls = []
    assert worker.calls_of_a_chunk(lambda: sum(range(20000))) > 1
    assert 0 < worker.turn(lambda: calls.append(1), 1, 0.0) < 1 and calls


def test_processes_race(tmp_path, capsys):
    """Two candidates in their processes, from the command line to the table and the file of seconds."""
    words = ["lse", "--tiny", "--rounds", "2", "--turn", "0.01", "--only", "symgrad numpy,numpy by hand", "--cpu-time"]
    assert race.main([*words, "--json", str(tmp_path / "race.json")]) == 0
    said = capsys.readouterr().out
    assert "GradBench lse" in said and "numpy by hand" in said and "skipped" not in said and "1 thread each, time of the processor" in said
    assert (tmp_path / "race.json").read_text().count('"seconds"') == 1


def test_seconds_become_a_table(tmp_path, capsys):
    seconds = {"symgrad numpy": [1.0, 1.0], "symgrad c": [0.5, 0.5], "torch eager": [3.0, 3.0]}
    found = {"machine": "here", "threads": 2, "tasks": {"lse": {"notes": {}, "seconds": seconds},
                                                        "none": {"notes": {}, "seconds": {}}}}
    (tmp_path / "race.json").write_text(json.dumps(found))
    summary.main([tmp_path / "race.json"])
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| numpy / c | torch eager |", "|---|---|", "| lse | 3.0 / 6.0 |"]


def test_an_unknown_task_is_named(capsys):
    with pytest.raises(SystemExit):
        race.main(["chess"])
    assert "no task is called chess; there are mlp-small" in capsys.readouterr().err


def test_the_regressions_are_those_of_their_sources():
    """Two of them, both sides: the digits are counted against the certified values."""
    (first, *_), = [list(regression.nist_rows(["DanWood"]))]
    assert first[0] == "DanWood 1" and first[1] > 9 and 5 < first[3] < 11
    (fit,) = regression.mgh_rows(["Bard"])
    assert fit[0] == "Bard x1" and fit[1] > 9 and fit[3] > 6
    assert regression.digits_of(1.001, (1.0, 0.0)) == pytest.approx(3) and regression.digits_of(0.0, (0.0,)) == 16
