"""Axes of charts: where values lie between the ends, round ticks, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEEP = 20  # ratio of the largest to the smallest value above which an axis is logarithmic


@dataclass(frozen=True)
class Scale:
    """From values to places in [0, 1], with ticks; a logarithmic one by log(`more` + value)."""

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False
    more: float = 0.0

    def place(self, value: float) -> float:
        """Where `value` lies between the ends."""
        if self.logarithmic:
            low = math.log(self.more + self.low)
            return (math.log(self.more + value) - low) / (math.log(self.more + self.high) - low)
        return (value - self.low) / (self.high - self.low)


def counting_scale(counts: Sequence[float]) -> Scale:
    """The axis of epochs or iterations: whole numbers from the first to the last."""
    first, last = counts[0], counts[-1]
    if first == last:
        return Scale(first - 1, last + 1, (first,))
    step = max(1.0, round_step(last - first, 7))
    ticks = [k * step for k in range(math.ceil(first / step), math.floor(last / step) + 1) if k * step >= first]
    return Scale(first, last, tuple(ticks))


def stretched_scale(first: float, last: float) -> Scale:
    """The axis of counts whose first part is stretched: places are those of log(count), from 0 of log(1 + count)."""
    tens = [0.0, *(m * 10.0**k for k in range(math.ceil(math.log10(last + 1)) + 1) for m in (1, 2, 5))]
    inner = [t for t in tens if first <= t <= last]
    return Scale(first, max(last, first + 1), tuple(inner), True, 0.0 if first > 0 else 1.0)


def value_scale(values: Sequence[float], logarithmic: bool | None = None) -> Scale:
    """The axis of these values, its ends at ticks; None: logarithmic where they are positive and steep."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low > 0 and (high / low > STEEP if logarithmic is None else logarithmic):
        return _logarithmic(low, high)
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # no digits tell them apart
        low, high = low - max(abs(low), 1) / 2, high + max(abs(high), 1) / 2
    step = round_step(high - low, 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(first * step, last * step, tuple(k * step for k in range(first, last + 1)))


def _logarithmic(low: float, high: float) -> Scale:
    if high / low < 1.05:
        low, high = low / 2, high * 2
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [t for k in decades for m in ((1, 2, 5) if high / low < 1e3 else (1,)) if (t := m * 10.0**k) > 0]
    bottom = max((t for t in ticks if t <= low * 1.02), default=low)
    top = min((t for t in ticks if t >= high / 1.02), default=high)
    inner = [t for t in ticks if bottom <= t <= top]
    return Scale(min(bottom, low), max(top, high), tuple(inner[::max(1, -(-len(inner) // 12))]), True)


def range_scale(low: float, high: float, most: int = 6) -> Scale:
    """The axis of exactly this range, with at most about `most` ticks, all within it."""
    step = round_step(high - low, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Scale(low, high, tuple(k * step for k in range(first, last + 1)))


def round_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that gives at most `most` steps."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m * most >= span * (1 - 1e-9))


def tick_label(tick: float, axis: Scale) -> str:
    """A tick as text, with the digits that tell it from its neighbours.

    >>> axis = range_scale(0.98, 1.03)
    >>> [tick_label(t, axis) for t in axis.ticks]
    ['0.98', '0.99', '1', '1.01', '1.02', '1.03']
    """
    if axis.logarithmic or len(axis.ticks) < 2:
        return f"{tick:g}"
    step = axis.ticks[1] - axis.ticks[0]
    largest = max(map(abs, axis.ticks))
    if largest >= 1e5 or step < 1e-4:  # 1.5e+06: as many digits as the step asks for
        digits = max(0, math.floor(math.log10(largest) + 1e-9) - math.floor(math.log10(step) + 1e-9)) + 1
        return f"{0.0 if abs(tick) < step / 2 else tick:.{digits + 1}g}"
    digits = max(0, 1 - math.floor(math.log10(step)))
    text = f"{tick:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{tick:.0f}"
    return "0" if text == "-0" else text
