"""From values to colours and levels: evenly where values are spread evenly, by decades where most of them lie low.

One map of colours serves light and dark pages: its lightness rises from valleys to summits, and nothing in it is red or
orange, which is left to the paths over it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from symgrad.drawing.pictures.axes import round_step

COLOURS = np.array([[0x23, 0x1f, 0x5c], [0x2b, 0x3f, 0x8c], [0x2c, 0x63, 0xa6], [0x2b, 0x87, 0xae], [0x3e, 0xa9, 0xac],
                    [0x72, 0xc6, 0xa5], [0xae, 0xdd, 0xa4], [0xde, 0xee, 0xb4], [0xf8, 0xf8, 0xd5]], float)
LOW = 0.2  # where the median of the values lies below this part of their span, levels are decades
SPAN = 1e-9  # of the span: a value above the least that decades begin at
LINEAR, MOST = 16, 22  # levels
STEPS = ((1, 1.5, 2, 3, 4, 5, 7), (1, 1.5, 2, 3, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,))  # within a decade
SCALES = ("auto", "linear", "log")


@dataclass(frozen=True)
class Heights:
    """How the values of a grid are shown: `levels` where the colour changes, `ticks` with a label each.

    Where `unit` is positive a height is log(1 + (value - base) / unit), else the value. `base` is 0 where the values
    begin there, as far as anybody can see.
    """

    base: float
    low: float
    high: float
    unit: float
    levels: tuple[float, ...]
    ticks: tuple[float, ...]

    def place(self, values: np.ndarray, unit: float | None = None) -> np.ndarray:
        """Heights between 0 and 1; NaN where a value is not finite."""
        unit = self.unit if unit is None else unit
        known = np.where(np.isfinite(values), values, np.nan)
        if self.high <= self.low:
            return known * 0 + 0.5
        if not unit:
            return np.clip((known - self.low) / (self.high - self.low), 0, 1)
        return np.clip(np.log1p((known - self.low) / unit) / math.log1p((self.high - self.low) / unit), 0, 1)

    @property
    def relief(self) -> float:
        """The unit of the heights of a surface, which shows the shape of hills as well as of valleys."""
        return max(self.unit, (self.high - self.low) / 60) if self.unit else 0.0

    def bands(self) -> list[tuple[float, np.ndarray]]:
        """The bands between levels from below, each by the value where it begins, with its colour."""
        if not self.levels:
            return [(self.low, shades(np.array([0.35]))[0])]
        ends = self.place(np.array([self.low, *self.levels, self.high]))
        places = (ends[:-1] + ends[1:]) / 2
        return list(zip((self.low, *self.levels), shades(places), strict=True))

    def labels(self) -> list[tuple[float, str]]:
        """Where the ticks of a colour bar stand, and what they say: how much above the base."""
        step = min(np.diff(self.ticks), default=1.0)
        texts = [f"{t - self.base:.10g}" if abs(t - self.base) > step * 1e-9 else "0" for t in self.ticks]
        return list(zip(self.place(np.array(self.ticks)).tolist(), texts, strict=True))


def heights_of(values: np.ndarray, least: float = math.inf, scale: str = "auto") -> Heights:
    """Levels for a grid with a finite value; `least` is a value known to occur between its points."""
    known = np.sort(values[np.isfinite(values)])
    low, high = min(float(known[0]), least), float(known[-1])
    span = high - low
    if not span > 4e-15 * max(abs(low), abs(high)):
        return Heights(0.0, low, low, 0.0, (), (low,))
    above = known - low
    steep = float(np.median(above)) < LOW * span
    if scale == "linear" or scale == "auto" and not steep:
        step = round_step(span, LINEAR)
        levels = _multiples(low, high, step)
        return Heights(0.0, low, high, 0.0, levels, _multiples(low, high, round_step(span, 6)))
    unit = max(float(np.quantile(above, 0.01)), span * SPAN)
    unit = 10.0 ** math.floor(math.log10(unit))
    base = 0.0 if abs(low) < unit else low
    decades = range(round(math.log10(unit)), math.floor(math.log10(span)) + 1)
    choices = [tuple(base + m * 10.0**k for k in decades for m in steps if low < base + m * 10.0**k < high)
               for steps in STEPS]
    levels = next((c for c in choices if len(c) <= MOST), choices[-1])
    tens = tuple(base + 10.0**k for k in decades if base + 10.0**k < high)
    if len(tens) < 3:
        tens = next(c for c in choices[3:] if len(c) <= 9 or c is choices[-1])
    ticks = tens[::max(1, -(-len(tens) // 7))]
    return Heights(base, low, high, unit, levels, (*([base] if base >= low else []), *ticks))


def _multiples(low: float, high: float, step: float) -> tuple[float, ...]:
    return tuple(k * step for k in range(math.ceil(low / step + 1e-9), math.floor(high / step - 1e-9) + 1))


def shades(places: np.ndarray) -> np.ndarray:
    """The colours of heights between 0 and 1, a row of red, green and blue each."""
    steps = np.linspace(0, 1, len(COLOURS))
    return np.stack([np.interp(places, steps, COLOURS[:, c]) for c in range(3)], axis=-1)


def web(colour: np.ndarray) -> str:
    """A colour as an attribute.

    >>> web(np.array([255, 0, 16]))
    '#ff0010'
    """
    r, g, b = (int(round(float(c))) for c in colour)
    return f"#{r:02x}{g:02x}{b:02x}"
