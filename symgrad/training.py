"""`symgrad train`: from a model file to a folder with formulas, picture, code, curves and weights.

What follows from the formulas alone is written before the training, what it learnt afterwards; each file is whole or
not there. The test data are measured once, at the very end.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg
from symgrad import commands, terminal
from symgrad.files import check_place, make_folder, write_whole
from symgrad.graphs.errors import DivergenceError
from symgrad.modelfile import ModelFile, ModelFileError
from symgrad.target import Target, target

DIM, STRONG = "dim", "bold"


@dataclass(frozen=True)
class Plan:
    """The options of `symgrad train`; None leaves it to the model file."""

    out: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int | None = None
    quiet: bool = False


class Results:
    """The folder of one run and the list of what was written there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: list[tuple[str, str]] = []

    def path(self, name: str, about: str) -> Path:
        """The place of a file, noted for the list at the end."""
        if (name, about) not in self.files:
            self.files.append((name, about))
        return self.folder / name


def train(argument: str, plan: Plan) -> bool:
    """Train the model file `argument`, print and write the results; whether it ran to its end.

    Raises SymgradError for a file that does not train, data with NaN, a place that cannot be written.
    """
    folder = Path(plan.out or Path("out", Path(argument).stem)).absolute()  # before the model file can move us
    on = target(argument, {}, ())
    file = _trains(on)
    results = Results(make_folder(folder))
    for name in ("formulas.md", "model.npz"):  # refuse before the work
        check_place(folder / name)
    say = _silent if plan.quiet else terminal.say
    say(file.title, STRONG)
    for line in _header(on, file):
        say(line)
    _derived(on, results, plan.quiet, say)
    model, history = _fitted(on, file, plan, results)
    _learnt(model, history, results)
    ...
