"""Dropout: entries, or whole channels, that are zero by chance while a network trains.

A mask is a symbol that nobody gives: it is drawn for every call (`graphs/phases.py`), and stands in formulas as m in
m ⊙ x. Outside of training it is one, so the value is x itself. Layers call `dropped` with their own name.
"""

from __future__ import annotations

from typing import Any

from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import REAL, Symbol, new_owner
from symgrad.graphs.phases import MASK
from symgrad.graphs.sizes import Shape
from symgrad.language.align import as_tensor, describe
from symgrad.language.pointwise import multiply
from symgrad.language.tensor import Tensor, wrap


def dropout(input: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """`m ⊙ input`: in training every entry is zero with the probability `p`, else `1 / (1 - p)` of what it was.

    In training means in `Model.fit` and a generated `step`, or `sg.function(..., training=True)`; everywhere else it is
    `input`, whatever `p`. With `training=False` it is `input` everywhere. Every call draws a mask of its own, for every
    sample and every call of a program; a value and its derivatives have one mask. Raises ShapeError for a `p` that is no
    number from 0 to 1. Source: Srivastava et al. 2014; PyTorch's `dropout`.

    >>> x = sg.data("x", 3)
    >>> y = sg.dropout(x, 0.5)
    >>> print(y, y.eval(x=[1.0, 2.0, 3.0]))
    m ⊙ x [1. 2. 3.]
    >>> sg.function([x], y, training=True)([1.0, 2.0, 3.0])
    array([2., 4., 0.])
    """
    return dropped("dropout", input, p, training)


def dropout2d(input: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """`dropout` of whole channels: `input` is (batch, channels, ...), or (channels, ...) under `over=`.

    Source: Tompson et al. 2015; PyTorch's `dropout2d`.

    >>> sg.dropout2d(sg.data("x", (3, 8, 8), over=sg.dim("T"))).shape
    (3, 8, 8)
    """
    return dropped_channels("dropout2d", input, p, training)


def dropped(name: str, input: Any, p: Any, training: bool = True) -> Tensor:
    """`dropout`; `name` says in errors whose it is."""
    x = as_tensor(input, name)
    return _masked(name, x, p, training, x.shape)


def dropped_channels(name: str, input: Any, p: Any, training: bool = True) -> Tensor:
    """`dropout2d`; `name` says in errors whose it is."""
    x = as_tensor(input, name)
    axes = 1 if x.over is not None else 2
    if x.ndim < axes:
        raise ShapeError(f"{name}: {describe(x)} has no channels; it must be (batch, channels, ...), or (channels, ...) "
                         "under over=")
    return _masked(name, x, p, training, (*x.shape[:axes], *[1] * (x.ndim - axes)))


def probability(name: str, p: Any, what: str = "p") -> float:
    """A probability, which a user knows as `what`. Raises ShapeError for what is none."""
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:
        raise ShapeError(f"{name}: {what} is a probability, a number from 0 to 1, not {p!r}")
    return float(p)


def _masked(name: str, x: Tensor, p: Any, training: bool, shape: Shape) -> Tensor:
    p = probability(name, p)
    if not isinstance(training, bool):
        raise TypeError(f"{name}: training is True or False, not {training!r}")
    if x.dtype != REAL:
        raise ShapeError(f"{name}: {describe(x)} is {x.dtype}; only real tensors are dropped, which scales them")
    if p == 0 or not training:
        return x
    symbol = Symbol(MASK, "m", x.over, init=p, owner=new_owner())
    lead = () if x.over is None else (x.over,)
    return multiply(wrap(input_node(symbol, (*lead, *shape), REAL), x.over), x)
