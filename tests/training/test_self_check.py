"""The `--check` of a program: right programs pass, wrong ones do not, and say where."""

import re
import subprocess
import sys

import numpy as np
import pytest

import symgrad as sg
from symgrad import optim

T = sg.dim("T")
R = np.random.default_rng(0)


def losses():
    x, y, t = sg.data("x", 4, over=T), sg.data("y", 3, over=T), sg.labels("t", classes=3, over=T)
    n, d, k = sg.dims("n d k")
    A, b, w = sg.data("A", (n, d)), sg.data("b", n), sg.parameter("w", d)
    net = sg.nn.Sequential(sg.nn.Linear(4, 5), sg.nn.ReLU(), sg.nn.Linear(5, 3))
    frozen = sg.nn.Linear(4, 3)
    frozen.freeze()
    table, index = sg.parameter("table", (6, 3)), sg.data("index", over=T, dtype="integer")
    mask, v = sg.data("mask", 3, over=T, dtype="boolean"), sg.parameter("v", 3, init="ones")
    return {
        "classes": sg.losses.cross_entropy(net(x), t), "least squares": sg.mean((A @ w - b) ** 2),
        "sizes": sg.losses.mse(sg.parameter("V", (k, d)) @ sg.data("x", d, over=T), sg.data("y", k, over=T)),
        "frozen": sg.losses.mse(frozen(x) * v, y), "indices": sg.sum((table[index] - y) ** 2),
        "masks": sg.sum(sg.where(mask, v * y, 0) ** 2),
        "logarithm": sg.sum(sg.log(sg.data("z", 3, over=T)) * v), "alone": sg.sum((v - 1) ** 4),
        "one hot": sg.sum((sg.one_hot(t, 3) * v - y) ** 2),
    }


def told(path, *arguments, status):
    done = subprocess.run([sys.executable, path, *arguments, "--check"], capture_output=True, text=True, cwd=path.parent)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("backend, dtype", [("numpy", "float32"), ("numpy", "float64"), ("c", "float32"), ("c", "float64")])
@pytest.mark.parametrize("name", losses())
def test_right_programs_pass(name, backend, dtype):
    module = sg.generate(losses()[name], optimizer=optim.Adam(0.1), backend=backend, dtype=dtype).load()
    lines = []
    assert module.check(log=lines.append), lines
    trained = len(module.PARAMETERS) - (2 if name == "frozen" else 0)
    assert len(lines) == 1 + trained and all(line.endswith("  ok") for line in lines)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("place, change", [
    ("def backward", lambda text: text.replace("G_a2 @ W2", "-G_a2 @ W2", 1)),
    ("def backward", lambda text: text.replace("G_b2 = G_a2.sum(axis=0)", "G_b2 = G_a2.sum(axis=0) * 1.02", 1)),
    ("def forward", lambda text: text.replace("np.tanh(a1)", "np.tanh(1.01 * a1)", 1)),
    ("def gradients(", lambda text: text.replace("np.multiply(G_a1, G_x1, out=G_a1)", "np.copyto(G_a1, G_x1)", 1)),
    ("int gradients_0", lambda text: text.replace("G_a2[i * 3 + at1] -= ", "G_a2[i * 3 + at1] += ", 1)),
])
def test_wrong_programs_do_not(place, change, backend, tmp_path):
    if place == ("int gradients_0" if backend == "numpy" else "def gradients("):
        pytest.skip("that is not what this program computes with")
    x, t = sg.data("x", 4, over=T), sg.labels("t", classes=3, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(4, 5), sg.nn.Tanh(), sg.nn.Linear(5, 3))
    source = sg.generate(sg.losses.cross_entropy(net(x), t), backend=backend)
    path = tmp_path / "p.py"
    path.write_text(source.text)
    assert "WRONG" not in told(path, status=0)
    head, tail = source.text.split(place, 1)
    assert change(tail) != tail
    path.write_text(head + place + change(tail))
    words = told(path, status=1)
    assert re.search(r"^(W1|b1|b2|loss).*WRONG$", words, re.M), words


def test_it_checks_at_given_data_and_parameters(tmp_path):
    x, w = sg.data("x", 3, over=T), sg.parameter("w", 3)
    path = sg.generate(sg.empirical_risk(sg.log(x @ w - 50))).save(tmp_path / "p.py")
    words = told(path, status=1)
    assert words.strip() == "p.py: the loss is not finite where it was checked; give data at which it is"
    np.savez(tmp_path / "d.npz", x=100 + R.random((40, 3)))
    np.savez(tmp_path / "w.npz", w=np.ones(3, "f4"))
    assert "ok" in told(path, "d.npz", "--start", "w.npz", status=0)
    assert told(path, "d.npz", "--start", "w.npz", status=0) == told(path, "d.npz", "--start", "w.npz", status=0)
    np.savez(tmp_path / "d.npz", x=100 + R.random((40, 2)))
    assert "d.npz: x: axis 1 has length 2, not 3" in told(path, "d.npz", status=1)


def test_sizes_that_are_sums_need_data(tmp_path):
    n = sg.dim("n")
    u, w = sg.data("u", n + 1, over=T), sg.parameter("w", n + 1)
    path = sg.generate(sg.empirical_risk((u @ w) ** 2)).save(tmp_path / "p.py")
    assert "a size of u is n + 1: give data" in told(path, status=1)
    np.savez(tmp_path / "d.npz", u=R.random((40, 2)))
    told(path, "d.npz", status=0)
