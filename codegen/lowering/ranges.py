"""Slices of axes: which entries start + i * step are, as Python says it, of sizes that may be symbols."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgrad.codegen.lowering.arrays import ALL
from symgrad.graphs.sizes import Size, canonical


def items(spec: Sequence[tuple[Size, int]], sizes: Sequence[Size], whole: Sequence[Size]) -> list[tuple[Any, ...]]:
    """Slices that pick `sizes` entries at start + i * step from axes of lengths `whole`, with step > 0.

    A negative step is left to a second slice [::-1]: its stop may be -1, which a slice cannot say.
    """
    items: list[tuple[Any, ...]] = []
    for (start, step), size, length in zip(spec, sizes, whole, strict=True):
        if (start, step) == (0, 1) and size == length:
            items.append(ALL)
            continue
        if size == 0:
            items.append(("slice", 0, 0, 1, 0))
            continue
        low = start if step > 0 else start + (size - 1) * step
        stride = abs(step)
        stop = _flat(low + size * stride if stride == 1 or step > 0 else start + 1)
        low = _flat(low)
        if isinstance(length, int) and isinstance(stop, int):
            open_end = stop >= length or len(range(low, length, stride)) == size
        else:
            open_end = stop == length or sp.ceiling((length - low) / sp.Integer(stride)) == size
        if low == 0 and open_end and stride == 1:
            items.append(ALL)
        else:
            items.append(("slice", None if low == 0 else low, None if open_end else stop, stride, size))
    return items


def backwards(spec: Sequence[tuple[Size, int]], sizes: Sequence[Size]) -> list[tuple[Any, ...]]:
    return [("slice", None, None, -1, size) if step < 0 and size != 1 else ALL
            for (_, step), size in zip(spec, sizes, strict=True)]


def _flat(size: Any) -> Size:
    return size if isinstance(size, int) else canonical(sp.expand(size))
