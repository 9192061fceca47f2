"""Every example in a docstring runs and gives what it says; `sg` and `np` need no import there."""

import doctest
import importlib

import numpy as np
import pytest
from places import ROOT

import symgrad as sg

ROOMS = {"graphs": "symgrad.graphs", "codegen": "symgrad.codegen", "symgrad": "symgrad"}
MODULES = sorted(
    ".".join((package, *file.relative_to(ROOT / folder).with_suffix("").parts)).removesuffix(".__init__")
    for folder, package in ROOMS.items()
    for file in (ROOT / folder).rglob("*.py")
    if file.stem != "__main__" and not {"graphs", "codegen"} & set(file.relative_to(ROOT / folder).parts)
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    module = importlib.import_module(name)
    for example in doctest.DocTestFinder().find(module, name, extraglobs={"sg": sg, "np": np}):
        runner.run(example, out=report.append)
    assert not runner.failures, "\n" + "".join(report)
