"""Data for the networks of the page: made here, of scikit-learn where it is installed, or a table that somebody pastes."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from symgrad.graphs.errors import DataError
from symgrad.page.sets import present

ROWS, COLUMNS, CLASSES = 20_000, 256, 40
FEW = 12  # whole numbers that are classes, if there are no more of them


@dataclass(frozen=True)
class Samples:
    """Samples X (n, inputs), and y: classes 0, 1, ... with their names, or numbers where `classes` is empty.

    `X` is as it is given to the network; `about` says what that is.
    """

    X: np.ndarray
    y: np.ndarray
    classes: tuple[str, ...]
    about: str

    @property
    def outputs(self) -> int:
        """How many numbers a network has to give."""
        return len(self.classes) or 1


def spirals() -> Samples:
    """Two arms that wind around each other."""
    rng = np.random.default_rng(0)
    turn = np.sqrt(rng.random(200)) * 3.2 * math.pi
    arm = np.stack([turn * np.cos(turn), turn * np.sin(turn)], 1) / 5 + rng.normal(0, 0.07, (200, 2))
    return Samples(np.concatenate([arm, -arm]), np.repeat([0, 1], 200), ("one", "other"), "400 points of two spirals")


def rings() -> Samples:
    """A disc in a ring in a ring."""
    rng = np.random.default_rng(0)
    radius, angle = np.repeat([0.4, 1.2, 2.0], 130) + rng.normal(0, 0.13, 390), rng.random(390) * 2 * math.pi
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return Samples(points, np.repeat([0, 1, 2], 130), ("inner", "middle", "outer"), "390 points of three rings")


def wave() -> Samples:
    """A curve with noise."""
    rng = np.random.default_rng(0)
    x = np.sort(rng.uniform(-3, 3, 200))
    return Samples(x[:, None], np.sin(2 * x) + 0.3 * x + rng.normal(0, 0.15, 200), (), "200 noisy points of a curve")


def iris() -> Samples:
    """Fisher's flowers."""
    from sklearn.datasets import load_iris

    found = load_iris()
    names = tuple(map(str, found.target_names))
    return _standard(Samples(found.data, found.target, names, "150 flowers, 4 lengths of each"))


def digits() -> Samples:
    """Images of 8 x 8 pixels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return Samples(found.data / 16, found.target, tuple(map(str, range(10))), "1797 handwritten digits of 8 × 8 pixels")


def _standard(found: Samples) -> Samples:
    """Features with mean 0 and deviation 1."""
    spread = found.X.std(0)
    X = (found.X - found.X.mean(0)) / np.where(spread > 0, spread, 1)
    return replace(found, X=X, about=f"{found.about}, each feature in units of its deviation from the mean")


MAKERS: Mapping[str, Callable[[], Samples]] = MappingProxyType(
    {each.__name__: each for each in (spirals, rings, wave, iris, digits)})


def samples_of(name: str, table: str = "") -> Samples:
    """The samples of a set, or of a pasted table. Raises DataError."""
    if table.strip():
        return table_samples(table)
    if name == "csv":
        raise DataError("paste a table: a line for each sample, the last column is what is to be predicted")
    if name not in present():
        raise DataError(f"there are no data called {name[:40]!r} here; there are {', '.join(present())}")
    return MAKERS[name]()


def table_samples(text: str) -> Samples:
    """A table of comma-separated values; the last column is the target: words or few whole numbers are classes.

    >>> table_samples("a,b,kind\\n1,2,x\\n3,4,y\\n5,6,x\\n7,8,y").classes
    ('x', 'y')
    """
    lines = [line for line in text.splitlines() if line.strip()]
    mark = max(",;\t", key=lines[0].count) if lines else ","
    if not lines or mark not in lines[0]:
        raise DataError("the table has one column; its values stand between commas, semicolons or tabs")
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    first = 0 if all(map(_is_number, rows[0][:-1])) else 1  # a line of names
    body, width = rows[first:], len(rows[0])
    if len(body) < 4:
        raise DataError(f"the table has {len(body)} samples; a network needs 4 or more")
    if len(body) > ROWS or width > COLUMNS:
        raise DataError(f"the table has {len(body):,} rows and {width} columns; {ROWS:,} and {COLUMNS} are the most")
    X = np.empty((len(body), width - 1))
    for i, row in enumerate(body):
        if len(row) != width:
            raise DataError(f"row {i + 1 + first} of the table has {len(row)} cells, the first has {width}")
        for j, cell in enumerate(row[:-1]):
            if not _is_number(cell):
                raise DataError(f"row {i + 1 + first}, column {j + 1} of the table: {cell[:40]!r} is no finite number")
            X[i, j] = float(cell)
    targets = [row[-1] for row in body]
    names = sorted(set(targets), key=lambda t: (float(t), t) if _is_number(t) else (math.inf, t))
    numbers = all(map(_is_number, targets))
    about = f"{len(body):,} samples of your table"
    if numbers and (len(names) > FEW or any(float(t) != int(float(t)) for t in names)):
        return _standard(Samples(X, np.array(targets, float), (), about))
    if not 2 <= len(names) <= CLASSES:
        raise DataError(f"the last column of the table has {len(names)} classes; a network tells 2 to {CLASSES} apart")
    return _standard(Samples(X, np.array([names.index(t) for t in targets]), tuple(names), about))


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False
