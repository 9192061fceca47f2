"""The nonlinear regression problems of NIST with their certified values, as formulas with data (nist.txt says whence)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import symgrad as sg


@dataclass(frozen=True)
class Problem:
    """`response ~ model` in text; columns of data; per parameter two starts, the certified value, its standard deviation."""

    name: str
    level: str  # lower, average, higher
    rss: float
    response: str
    model: str
    starts: tuple[dict[str, float], dict[str, float]]
    certified: dict[str, float]
    deviations: dict[str, float]
    data: dict[str, np.ndarray]

    def loss(self):
        """The residual sum of squares as a tensor, and the parameters."""
        parameters = {name: sg.parameter(name) for name in self.certified}
        text = f"sum(({self.response} - ({self.model}))**2)"
        return sg.parse(text, **dict.fromkeys(self.data, "n"), **parameters), list(parameters.values())


def digits(found, certified):
    """The fewest correct digits of any value: -log10 of the relative error."""
    worst = max(abs(float(found[name]) - value) / abs(value) for name, value in certified.items())
    return 16.0 if worst == 0 else 0.0 if not worst < 1 else min(16.0, -np.log10(worst))


def problems():
    """All problems by name."""
    text = (Path(__file__).parent / "nist.txt").read_text(encoding="utf-8")
    found, columns = {}, {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.startswith(" "):
            head, _, model = line.partition(" ~ ")
            columns = {}
            found[head.split()[0]] = (head.split(), model, columns)
            continue
        words = line.split()
        if not line.startswith("    "):  # else the numbers of a column go on
            column = columns[words.pop(0)] = []
        column.extend(map(float, words))
    return {name: _problem(*parts) for name, parts in found.items()}


def _problem(head, model, columns):
    name, level, rss, response = head
    rows = {key: values for key, values in columns.items() if key.startswith("b")}
    first, second, certified, deviations = ({key: row[i] for key, row in rows.items()} for i in range(4))
    data = {key: np.array(values) for key, values in columns.items() if key not in rows}
    return Problem(name, level, float(rss), response, model, (first, second), certified, deviations, data)
