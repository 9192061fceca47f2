"""PyTorch's operators that move entries: pads, rolls, and parts of a tensor that others take the place of.

The last are what writing in place becomes: a module that writes into a view of a tensor is read as a function of values.
"""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.sizes import canonical
from symgrad.language import composed
from symgrad.language import padding as pd
from symgrad.language import rearrange as re
from symgrad.language.align import as_tensor

WHOLE_AXIS = 2**62  # an end from here on is that of the axis


def padded(self: Any, pad: Any, mode: str = "constant", value: Any = None, **more: Any) -> Any:
    widths = [(0, 0)] * self.ndim
    for i in range(len(pad) // 2):
        widths[self.ndim - 1 - i] = (pad[2 * i], pad[2 * i + 1])
    if any(min(pair) < 0 for pair in widths):
        cut = tuple(slice(max(-a, 0), canonical(n + b) if b < 0 else None)
                    for (a, b), n in zip(widths, self.shape, strict=True))
        self, widths = self[cut], [(max(a, 0), max(b, 0)) for a, b in widths]
    return pd.pad(self, widths, 0 if value is None else value, {"replicate": "edge", "circular": "wrap"}.get(mode, mode))


def rolled(self: Any, shifts: Any, dims: Any = (), **more: Any) -> Any:
    """Moved along several axes, one after the other; without axes, flattened."""
    if not dims:
        return composed.roll(self, shifts[0])
    for shift, axis in zip(shifts, dims, strict=True):
        self = composed.roll(self, shift, axis)
    return self


def put(self: Any, src: Any, **more: Any) -> Any:
    """All entries are those of `src`."""
    return re.broadcast_to(as_tensor(src), self.shape)


def put_value(self: Any, value: Any, **more: Any) -> Any:
    """All entries are one number."""
    return put(self, value)


def put_entry(self: Any, src: Any, dim: int, index: Any, **more: Any) -> Any:
    """What lies at one place of an axis is `src`."""
    place = index + self.shape[dim] if index < 0 else index
    return _put_slice(self, re.expand_dims(src, dim), dim % self.ndim, place, place + 1)


def put_slice(self: Any, src: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1, **more: Any) -> Any:
    """What lies in a slice of an axis is `src`."""
    if step != 1:
        raise SymgradError(f"it writes into every entry number {step}, which is not read")
    size = self.shape[dim]
    first = 0 if start is None else start
    last = size if end is None or (isinstance(end, int) and end >= WHOLE_AXIS) else end
    if isinstance(size, int):
        first, last, _ = slice(first, last).indices(size)
    elif any(isinstance(each, int) and each < 0 for each in (first, last)):
        raise SymgradError("it writes into a slice that is counted from the end of an axis of open size")
    return _put_slice(self, src, dim % self.ndim, first, last)


def _put_slice(self: Any, src: Any, axis: int, first: Any, last: Any) -> Any:
    front = (slice(None),) * axis
    parts = [self[(*front, slice(None, first))]] if first != 0 else []
    parts.append(re.broadcast_to(src, (*self.shape[:axis], canonical(last - first), *self.shape[axis + 1:])))
    if last != self.shape[axis]:
        parts.append(self[(*front, slice(last, None))])
    return parts[0] if len(parts) == 1 else re.concatenate(parts, axis)
