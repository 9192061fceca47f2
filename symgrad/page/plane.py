"""What a small network answers, seen at once: regions of classes in a plane, a curve through points."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import numpy as np

SIDE, CELLS = 300, 50  # of the picture, in points and in cells
MARGIN = 0.08  # around the samples
Answering = Callable[[np.ndarray], np.ndarray]


def regions_svg(answers: Answering, X: np.ndarray, y: np.ndarray) -> str:
    """Which class the network answers where, and the samples; colours are the classes `k0`, `k1`, ... of the page."""
    low, high = _frame(X[:, 0]), _frame(X[:, 1])
    across, up = np.linspace(*low, CELLS + 1), np.linspace(*high, CELLS + 1)
    middle = [(edge[1:] + edge[:-1]) / 2 for edge in (across, up)]
    grid = np.stack(np.meshgrid(*middle), -1).reshape(-1, 2)
    found = answers(grid).reshape(CELLS, CELLS)[::-1]
    side = SIDE / CELLS
    parts = []
    for row, line in enumerate(found.tolist()):
        place = 0
        for kind, group in groupby(line):
            count = len(list(group))
            parts.append(f'<rect class="k{kind % 8}" x="{place * side:.1f}" y="{row * side:.1f}" '
                         f'width="{count * side:.1f}" height="{side:.1f}"/>')
            place += count
    parts += [_dot(int(kind), _at(a, low), _at(b, high)) for (a, b), kind in zip(X.tolist(), y, strict=True)]
    return _svg("what the network answers, and the samples", "".join(parts))


def fitted_svg(answers: Answering, x: np.ndarray, y: np.ndarray) -> str:
    """The curve that the network answers, through the samples."""
    low, high = _frame(x), _frame(y)
    places = np.linspace(*low, 200)
    values = np.clip(answers(places[:, None]), high[0] - 10, high[1] + 10)
    line = " ".join(f"{_at(a, low):.1f},{SIDE - _at(b, high):.1f}" for a, b in zip(places, values, strict=True))
    dots = "".join(_dot(0, _at(a, low), _at(b, high)) for a, b in zip(x.tolist(), y.tolist(), strict=True))
    return _svg("the samples, and the curve of the network", f'{dots}<polyline points="{line}"/>')


def _svg(label: str, inside: str) -> str:
    return f'<svg class="plane" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{label}">{inside}</svg>'


def _dot(kind: int, across: float, up: float) -> str:
    return f'<circle class="k{kind % 8}" cx="{across:.1f}" cy="{SIDE - up:.1f}" r="2.6"/>'


def _frame(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    more = MARGIN * (high - low or 1)
    return low - more, high + more


def _at(value: float, frame: tuple[float, float]) -> float:
    return float((value - frame[0]) / (frame[1] - frame[0]) * SIDE)
