"""Layers that set entries to zero by chance while they train."""

from __future__ import annotations

from typing import Any

from symgrad.language.dropping import dropped, dropped_channels, probability
from symgrad.language.tensor import Tensor
from symgrad.nn.module import Module
from symgrad.nn.weighted import written


class Dropout(Module):
    """`m ⊙ x` in training, `x` outside of it: `sg.dropout`. Every call of the layer draws a mask of its own.

    `inplace` is taken and means nothing: tensors do not change. Raises ShapeError for a `p` that is no number from 0 to 1.

    >>> print(sg.nn.Dropout(0.1)(sg.data("x", 3)))
    m ⊙ x
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        self.p = probability(type(self).__name__, p)

    def __repr__(self) -> str:
        return written(type(self).__name__, (), {"p": (self.p, 0.5)})

    def __call__(self, x: Any) -> Tensor:
        return dropped(repr(self), x, self.p)


class Dropout2d(Dropout):
    """Whole channels of (batch, channels, ...), or of (channels, ...) under `over=`: `sg.dropout2d`.

    >>> sg.nn.Dropout2d()(sg.data("x", (3, 8, 8), over=sg.dim("T"))).shape
    (3, 8, 8)
    """

    def __call__(self, x: Any) -> Tensor:
        return dropped_channels(repr(self), x, self.p)
