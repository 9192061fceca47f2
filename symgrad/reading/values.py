"""What a part of a formula is worth: a tensor whose sizes may still be open, with axes that letters count.

`M + 1 wᵀ` does not say how long 1 is; the sum does. So a value is a shape, in which sizes may be unknown, and the way
to build its tensor: sizes meet as parts meet (unification, Robinson 1965), tensors are built at the end. In index
notation a letter is an axis in front: O_iq has the axes i, q and no shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from symgrad.graphs.errors import ShapeError


@dataclass(eq=False)
class OpenSize:
    """A size that is not known yet, or a letter: the axis of that size. `is_` is what it turns out to be."""

    name: str
    column: int
    is_: Any = None
    sample: bool = False


def settled(size: Any) -> Any:
    """A size as far as it is known."""
    while isinstance(size, OpenSize) and size.is_ is not None:
        size = size.is_
    return size


def meet(a: Any, b: Any) -> None:
    """Two sizes are one, if either is open; whether known ones agree is seen by the operation itself."""
    a, b = settled(a), settled(b)
    if a is b:
        return
    if isinstance(a, OpenSize):
        a.is_ = b
    elif isinstance(b, OpenSize):
        b.is_ = a


@dataclass(eq=False)
class Worth:
    """A tensor to be: axes for `letters`, then those of `shape`. `samples` are the letters of the samples it is about."""

    shape: tuple[Any, ...]
    build: Callable[[], Any]
    letters: tuple[OpenSize, ...] = ()
    samples: frozenset[Any] = frozenset()
    made: list[Any] = field(default_factory=list)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def tensor(self) -> Any:
        """The tensor, built once."""
        if not self.made:
            self.made.append(self.build())
        return self.made[0]


def size_of(size: Any, source: Any) -> Any:
    """A size that must be known now."""
    size = settled(size)
    if isinstance(size, OpenSize):
        source.refuse(size.column, f"the formula does not say how long {size.name} is" + (
            "" if size.name == "0" else "; write ones(n), eye(n), or what it is added to"))
    return size


def union(values: Sequence[Worth]) -> tuple[OpenSize, ...]:
    """The letters of values, in order."""
    return tuple(dict.fromkeys(letter for value in values for letter in value.letters))


def samples_of(values: Sequence[Worth]) -> frozenset[Any]:
    return frozenset().union(*(value.samples for value in values))


def laid(value: Worth, letters: Sequence[OpenSize], ndim: int) -> Any:
    """The tensor with axes for all `letters` in their order, and at least `ndim` behind them."""
    tensor = value.tensor()
    count = len(value.letters)
    mine = [letter for letter in letters if letter in value.letters]
    order = [value.letters.index(letter) for letter in mine]
    if order != list(range(count)):
        tensor = tensor.transpose([*order, *range(count, tensor.ndim)])
    if not letters or (len(mine) == len(letters) and tensor.ndim - count >= ndim):
        return tensor
    spread = [slice(None) if letter in value.letters else None for letter in letters]
    more = [None] * (ndim - (tensor.ndim - count))
    return tensor[(*spread, *more, ...)] if None in (*spread, *more) else tensor


def entrywise(function: Callable[..., Any], values: Sequence[Worth]) -> Worth:
    """A function of the entries of values that broadcast, as NumPy's shapes do."""
    values = _columns(values)
    letters, ndim = union(values), max(value.ndim for value in values)
    shape = reduce(_broadcast, (value.shape for value in values))
    return Worth(shape, lambda: function(*(laid(value, letters, ndim) for value in values)), letters, samples_of(values))


def _columns(values: Sequence[Worth]) -> list[Worth]:
    """A matrix of one column beside a vector is a vector."""
    if {value.ndim for value in values} >= {1, 2}:
        return [squeezed(v) if v.ndim == 2 and settled(v.shape[1]) == 1 else v for v in values]
    return list(values)


def squeezed(value: Worth) -> Worth:
    """A matrix of one column as a vector."""
    return Worth(value.shape[:-1], lambda: value.tensor()[..., 0], value.letters, value.samples)


def _broadcast(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(a) < len(b):
        a, b = b, a
    shape = list(a)
    for i in range(1, len(b) + 1):
        x, y = settled(a[-i]), settled(b[-i])
        if y == 1 and not isinstance(x, OpenSize):
            continue
        if x == 1 and not isinstance(y, OpenSize):
            shape[-i] = y
            continue
        meet(x, y)
        shape[-i] = settled(x)
    return tuple(shape)


def transposed(value: Worth) -> Worth:
    """A column as a row, a row as a column, a matrix turned."""
    if not value.ndim:
        return value
    count = len(value.letters)
    if value.ndim == 1:
        row = (*[slice(None)] * count, None)
        return Worth((1, *value.shape), lambda: value.tensor()[row], value.letters, value.samples)
    if value.ndim == 2 and settled(value.shape[0]) == 1:
        return Worth(value.shape[1:], lambda: value.tensor()[(*[slice(None)] * count, 0)], value.letters, value.samples)
    return Worth(value.shape[::-1], lambda: _turned(value.tensor(), count), value.letters, value.samples)


def _turned(tensor: Any, count: int) -> Any:
    return tensor.transpose([*range(count), *reversed(range(count, tensor.ndim))]) if count else tensor.T


def matrix_product(a: Worth, b: Worth, einsum: Callable[..., Any], says: str) -> Worth:
    """The product of matrices and vectors, which are columns: uᵀ v is a number, u vᵀ a matrix."""
    if a.ndim > 2 or b.ndim > 2:
        letters = union((a, b))
        return Worth((*a.shape[:-1], *b.shape[:-2], *b.shape[-1:]) if b.ndim > 1 else a.shape[:-1],
                     lambda: a.tensor() @ b.tensor(), letters, samples_of((a, b)))
    rows, inner = a.shape if a.ndim == 2 else (*a.shape, 1)
    other, columns = b.shape if b.ndim == 2 else (*b.shape, 1)
    meet(inner, other)
    if settled(inner) != settled(other):
        raise ShapeError(f"{says}: the sizes {settled(inner)} and {settled(other)} do not meet; " + (
            "two vectors are columns: write uᵀ v, u vᵀ or u ⊙ v" if a.ndim == b.ndim == 1 else
            "a transpose is missing, or ⊙ is meant"))
    letters = union((a, b))
    flat_a, flat_b = settled(rows) == 1, settled(columns) == 1

    def build() -> Any:
        left, right = laid(a, letters, a.ndim), laid(b, letters, b.ndim)
        left = left if a.ndim == 2 else left[..., None]
        right = right if b.ndim == 2 else right[..., None]
        made = einsum("...ij,...jk->...ik", left, right)
        if flat_b:
            made = made[..., 0]
        return made[..., 0] if flat_a and flat_b else made

    shape = () if flat_a and flat_b else (rows,) if flat_b else (rows, columns)
    return Worth(shape, build, letters, samples_of((a, b)))
