"""What a fit says while it runs: on a terminal, in a pipe, in a notebook; and the norm of its gradient."""

import io
import re
import sys
import time
import types

import numpy as np
import pytest

import symgrad as sg
from symgrad.computing.devices import norm
from symgrad.notebook import number
from symgrad.training.progress import ROWS, SHARE, Progress, columns

T = sg.dim("T")
x, y = sg.data("x", 3, over=T), sg.data("y", over=T)
w, b = sg.parameter("w", 3), sg.parameter("b", 1)
LOSS = sg.empirical_risk((w @ x + b[0] - y) ** 2)
RNG = np.random.default_rng(3)
X = RNG.standard_normal((40, 3))
DATA = {"x": X, "y": X @ [1.0, -2.0, 0.5]}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A function of columns and variables that makes standard error a terminal of that width."""
    def make(width, **variables):
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm-256color", "COLUMNS": str(width), "LINES": "40", **variables}.items():
            monkeypatch.setenv(name, value)
        return stream
    return make


def fit(epochs=3, **more):
    return sg.Model(LOSS).fit(DATA, sg.optim.SGD(0.05), epochs=epochs, batch_size=8, validation=0.25, **more)


def last_frame(stream):
    """The lines that stay on the screen, without colours."""
    frames = stream.getvalue().split("\x1b[2K")
    return [line.rstrip() for line in ESCAPES.sub("", frames[-1]).replace("\r", "").splitlines() if line.strip()]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_terminal_gets_a_table_that_fits(terminal, width):
    stream = terminal(width)
    history = fit(20)
    lines = last_frame(stream)
    assert max(map(len, lines)) <= width
    assert lines[0].split()[:3] == ["epoch", "loss", "val"] and "gradient" in lines[0]
    assert set(lines[1]) == {"─"}
    assert lines[2].split()[:2] == ["1", number(history["loss"][0])]
    assert lines[-2].split()[:2] == ["20", number(history["loss"][-1])]
    assert lines[-1].startswith("epoch 20/20 ━") and re.search(r" 0:0\d$", lines[-1])
    assert sum(line.split()[0].isdigit() for line in lines) == ROWS
    assert any(line.split()[0] == "…" for line in lines)


def test_the_best_epoch_stays_in_the_table(terminal):
    stream = terminal(100)
    bar = Progress(100, 1, True)
    for epoch in range(1, 101):
        bar.epoch(epoch, {"epoch": epoch, "loss": 1.0, "val_loss": abs(epoch - 30) + 1.0, "seconds": 0.1 * epoch})
    bar.close()
    shown = [line.split()[0] for line in last_frame(stream)[2:-1]]
    assert shown == ["1", "…", "30", "…", *map(str, range(95, 101))]
    assert [row["seconds"] for row in bar.rows] == pytest.approx([0.1] * ROWS)  # of one epoch each


def test_no_color_is_no_color(terminal):
    stream = terminal(80, NO_COLOR="1")
    fit()
    assert re.search(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d)", stream.getvalue()) is None
    coloured = terminal(80)
    fit()
    assert re.search(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d)", coloured.getvalue())


def test_a_terminal_that_cannot_move_gets_lines(terminal):
    stream = terminal(80, TERM="dumb")
    fit()
    assert "\x1b" not in stream.getvalue() and stream.getvalue().count("\n") == 3


def test_lines_of_a_pipe_have_one_form(capsys):
    fit(100)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11 and {line.index("val_loss") for line in lines} == {lines[0].index("val_loss")}
    assert all(re.fullmatch(r"epoch +\d+/100  loss \S+ +val_loss \S+ +gradient_norm \S+ +\d+\.\d s", line) for line in lines)


def test_a_notebook_gets_lines_on_its_output(capsys, monkeypatch):
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    fit()
    out, err = capsys.readouterr()
    assert err == "" and len(out.splitlines()) == 3 and "\x1b" not in out


def test_what_a_callback_prints_stands_above_the_table(terminal):
    stream = terminal(80)
    fit(callbacks=[lambda training: print(f"now {training.epoch}", file=sys.stderr)])
    assert all(f"now {i}" in stream.getvalue() for i in (1, 2, 3)) and "now 3" not in "\n".join(last_frame(stream))


def test_the_terminal_is_given_back_after_an_error(terminal):
    stream = terminal(80)

    def fails(training):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fit(callbacks=[fails])
    assert stream.getvalue().rstrip().endswith("\x1b[?25h")  # the cursor is shown again


def test_drawing_takes_a_small_share_of_the_time(terminal, monkeypatch):
    terminal(80)
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    bar = Progress(10, 10_000, True)
    drawn = []

    def refresh():
        now[0] += 0.004  # what a frame costs
        drawn.append(now[0])

    bar.live.refresh = refresh
    for epoch in range(1, 11):
        for step in range(1, 10_001):
            now[0] += 0.0001
            bar.step(epoch, step)
    assert 10 <= len(drawn) <= now[0] / (0.004 * SHARE) + 2


def test_columns_that_fit():
    names = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "gradient_norm", "seconds", "total"]
    assert columns(names, 20) == ["epoch", "loss"] and columns(names, 200) == names[:-1]
    for width in range(20, 120):
        found = columns(names, width)
        assert found == [name for name in names if name in found] and len(found) <= len(columns(names, width + 1))


# the norm of the gradient ---------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("rule", [sg.optim.SGD(0.05), sg.optim.AdamW(0.01), sg.optim.SGD(0.05, momentum=0.9, weight_decay=0.1)])
def test_the_norm_is_that_of_the_gradient(backend, rule):
    """Of the loss, at the parameters before the last step; whatever the optimiser does with it."""
    seen = []
    model = sg.Model(LOSS, backend=backend, dtype="float64")
    seen.append(model.parameters)
    history = model.fit(DATA, rule, epochs=4, batch_size=None, progress=False,
                        callbacks=[lambda training: seen.append(training.model.parameters)])
    f = sg.function([x, y, w, b], [sg.gradient(LOSS, w), sg.gradient(LOSS, b)])
    wanted = [np.linalg.norm(np.concatenate([np.ravel(g) for g in f(*DATA.values(), p["w"], p["b"])])) for p in seen[:-1]]
    np.testing.assert_allclose(history["gradient_norm"], wanted, rtol=1e-12)


def test_norms_of_very_large_and_small_vectors():
    for scale in (1.0, 1e-30, 1e30):
        assert norm(np.array([3, 4], np.float32) * np.float32(scale)) == pytest.approx(5 * scale, rel=1e-6)
    assert norm(np.zeros(3, np.float32)) == 0 and norm(np.zeros(0)) == 0
    assert norm(np.array([np.inf, 1])) == np.inf and np.isnan(norm(np.array([np.nan, 1])))


def test_a_fit_can_stop_at_a_small_gradient():
    stop = sg.optim.EarlyStopping(patience=3, monitor="gradient_norm")
    history = sg.Model(LOSS).fit(DATA, sg.optim.SGD(0.1), epochs=500, batch_size=None, callbacks=[stop], progress=False)
    assert history.best_epoch == int(np.argmin(history["gradient_norm"])) + 1
    assert "gradient_norm" not in repr(history).partition(";")[0] and len(history["gradient_norm"]) == len(history)
