"""`symgrad train` and `generate` of model files whose optimiser is paced, or of second order."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from symgrad.shell.cli import cli

MODEL = """
import numpy as np, symgrad as sg
T = sg.dim("T")
x, y, w, b = sg.data("x", 3, over=T), sg.data("y", over=T), sg.parameter("w", 3), sg.parameter("b")
predict = sg.tanh(w @ x + b)
loss = (predict - y) ** 2
X = np.random.default_rng(0).standard_normal((60, 3))
data = {"x": X, "y": np.tanh(X @ [1, -2, 0.5])}
epochs = 6
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def result(more, *arguments):
        Path("net.py").write_text(MODEL + more, encoding="utf-8")
        return CliRunner().invoke(cli, [arguments[0], "net.py", *arguments[1:]])

    return result


@pytest.mark.parametrize("more", ["optimizer = sg.optim.StepLR(sg.optim.SGD(0.1), 2)",
                                  "optimizer = sg.optim.SGD(0.1)\ncallbacks = [sg.optim.StepLR(2)]",
                                  "optimizer = sg.optim.SGD(0.1)\ncallbacks = sg.optim.StepLR(2)"])
def test_schedules_are_trained_by_told_and_written(run, more):
    done = run(more, "train")
    assert done.exit_code == 0, done.output
    assert "lr" in Path("out/net/history.csv").read_text().splitlines()[0].split(",")
    assert r"\lfloor" in Path("out/net/formulas.md").read_text(encoding="utf-8")
    assert "def of_epoch(lr, epoch):" in Path("out/net/train_net.py").read_text(encoding="utf-8")
    assert "def of_epoch(lr, epoch):" in run(more, "generate").stdout


@pytest.mark.parametrize("optimizer, why", [
    ("sg.optim.LBFGS()", "LBFGS is no update rule that a program could carry out batch by batch"),
    ("sg.optim.ReduceOnPlateau(sg.optim.SGD(0.1))", "ReduceOnPlateau waits for the losses of a fit, which a program does not keep")])
def test_where_no_program_can_be_written_the_rest_is(run, optimizer, why):
    done = run(f"optimizer = {optimizer}", "train")
    assert done.exit_code == 0, done.output
    assert f"No program is written: {why}" in " ".join(done.stdout.split())
    assert sorted(p.name for p in Path("out/net").iterdir()) == ["curve.svg", "formulas.md", "graph.png", "graph.svg", "history.csv",
                                                                "model.npz"]
    refused = run(f"optimizer = {optimizer}", "generate")
    assert refused.exit_code == 2 and why in " ".join(refused.stderr.split())
    assert run(f"optimizer = {optimizer}", "report").exit_code == 0
