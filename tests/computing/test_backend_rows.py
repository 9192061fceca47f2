"""The rows of backends: what each must have, and that what differs stands in them and nowhere else."""

import re
from dataclasses import replace

import numpy as np
import pytest
from support.places import ROOT

import symgrad as sg
from symgrad.codegen.python.job import Job
from symgrad.computing import backends
from symgrad.computing.backends import BACKENDS, backend_of

ASKING = re.compile(r"""[=!]=\s*["'](numpy|c|cupy)["']|["'](numpy|c|cupy)["']\s*[=!]=|\bbackend\.device\b""")


def test_nobody_asks_which_backend_it_is():
    files = [path for folder in ("symgrad", "codegen", "graphs") for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 200
    asking = [f"{path.name}:{k}" for path in files for k, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1)
              if ASKING.search(line.replace('error.name != "cupy"', ""))]  # that is a module which is missing
    assert asking == []


@pytest.mark.parametrize("name", BACKENDS)
def test_every_row_writes_a_function_and_a_program(name):
    row, x, w = backend_of(name), sg.data("x", 3), sg.parameter("w", 3)
    loss = sg.sum((x - w) ** 2)
    job = Job(row.module(), "f", [("x", x.node), ("w", w.node)], [("loss", loss.node)])
    compile(row.text(job.module, [row.function(job)], "A loss."), name, "exec")
    compile(sg.generate(loss, backend=name).text, name, "exec")
    assert row.name == name and row.needs


def test_a_new_backend_is_a_row(monkeypatch):
    """What this one adds to NumPy's row is seen by functions, models and programs, without another line."""
    row = replace(BACKENDS["numpy"], name="mine", needs="NumPy, of mine", text=lambda module, functions, doc: (
        BACKENDS["numpy"].text(module, functions, "Mine.")))
    monkeypatch.setattr(backends, "BACKENDS", {**BACKENDS, "mine": row})
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    f = sg.function([x, w], x @ w, backend="mine")
    assert f.source.startswith('"""Mine."""') and f.backend == "mine" and f(np.ones(3), np.ones(3)) == 3
    assert sg.Model(sg.sum((x - w) ** 2), backend="mine", seed=0).parameters["w"].shape == (3,)


def test_a_backend_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(sg.BackendError, match="^the backend 'fortran' is not known; there are 'numpy', 'c', 'cupy'$"):
        sg.function([sg.data("x", 3)], 1.0, backend="fortran")
