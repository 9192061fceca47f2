"""What NumPy has for arrays and symgrad no name for: each is a line or two of our own operations.

`numpy_protocol.py` finds these under NumPy's names, `methods.py` some of them as methods. Functions that count as a
part of the language, `sg.repeat` among them, say so in their docstrings.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.graphs.sizes import canonical, product
from symgrad.language import composed, contraction, linear_algebra, pointwise, rearrange, reduction
from symgrad.language.align import as_axes, as_axis, as_int, as_shape, as_tensor, describe
from symgrad.language.habits import axis_named
from symgrad.language.numpy_values import is_array
from symgrad.language.tensor import Axis, Tensor


@axis_named
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Tensor:
    """Each entry `repeats` times, one copy beside the other, along `axis` (None: of all entries, flattened).

    `repeats` is a size, or a list with one count for each entry of an axis whose length is a number.

    >>> sg.repeat(sg.data("x", 3), 2).eval(x=[1.0, 2.0, 3.0])
    array([1., 1., 2., 2., 3., 3.])
    >>> sg.repeat(sg.data("x", 3), [1, 0, 2]).eval(x=[1.0, 2.0, 3.0])
    array([1., 3., 3.])
    """
    t = as_tensor(x, "repeat")
    if axis is None:
        return repeat(rearrange.reshape(t, (-1,)), repeats, 0)
    place = as_axis(axis, t.ndim, "repeat", t)
    if isinstance(repeats, (list, tuple)) or (is_array(repeats) and repeats.ndim):
        size, counts = t.shape[place], [as_int(count, "repeat", "each count") for count in repeats]
        if len(counts) != size or any(count < 0 for count in counts):
            raise ShapeError(f"repeat: {describe(t)} has {size} entries along axis {place}, and repeats gives "
                             f"{len(counts)} counts, {counts}; give one count of at least 0 for each")
        return composed.take(t, [i for i, count in enumerate(counts) for _ in range(count)], place)
    count = as_shape(repeats, "repeat")[0]
    shape = list(t.shape)
    wide = rearrange.broadcast_to(rearrange.expand_dims(t, place + 1), (*shape[:place + 1], count, *shape[place + 1:]))
    return rearrange.reshape(wide, (*shape[:place], canonical(shape[place] * count), *shape[place + 1:]))


def tile(x: Any, reps: Any) -> Tensor:
    """Copies of the whole beside each other, `reps` of them along each axis."""
    t, counts = as_tensor(x, "tile"), as_shape(reps, "tile")
    t = rearrange.reshape(t, (*(1,) * (len(counts) - t.ndim), *t.shape))
    counts = (*(1,) * (t.ndim - len(counts)), *counts)
    wide = rearrange.expand_dims(t, tuple(range(0, 2 * t.ndim, 2)))
    wide = rearrange.broadcast_to(wide, [part for pair in zip(counts, t.shape, strict=True) for part in pair])
    return rearrange.reshape(wide, [canonical(n * size) for n, size in zip(counts, t.shape, strict=True)])


def diff(x: Any, n: int = 1, axis: int = -1) -> Tensor:
    """The differences of neighbours, `n` times."""
    t = as_tensor(x, "diff")
    place = as_axis(axis, t.ndim, "diff", t)
    for _ in range(as_int(n, "diff", "the number n of times")):
        front = (slice(None),) * place
        t = t[(*front, slice(1, None))] - t[(*front, slice(None, -1))]
    return t


def moveaxis(x: Any, source: Any, destination: Any) -> Tensor:
    """Axes moved to other places; the others keep their order."""
    t = as_tensor(x, "moveaxis")
    old, new = ([as_axis(a, t.ndim, "moveaxis", t) for a in (axes if isinstance(axes, (tuple, list)) else (axes,))]
                for axes in (source, destination))
    if len(old) != len(new) or len({*old}) < len(old) or len({*new}) < len(new):
        raise ShapeError(f"moveaxis: the axes {source} of {describe(t)} cannot move to {destination}: both name as many "
                         "axes, each once")
    order = [a for a in range(t.ndim) if a not in old]
    for place, a in sorted(zip(new, old, strict=True)):
        order.insert(place, a)
    return rearrange.transpose(t, order)


def _at_least(x: Any, ndim: int, operation: str) -> Tensor:
    t = as_tensor(x, operation)
    return rearrange.reshape(t, (*(1,) * (ndim - t.ndim), *t.shape)) if t.ndim < ndim else t


def vstack(parts: Sequence[Any]) -> Tensor:
    """Rows one below the other."""
    return rearrange.concatenate([_at_least(part, 2, "vstack") for part in parts], 0)


def hstack(parts: Sequence[Any]) -> Tensor:
    """Parts side by side."""
    tensors = [_at_least(part, 1, "hstack") for part in parts]
    return rearrange.concatenate(tensors, 0 if tensors and tensors[0].ndim == 1 else 1)


def column_stack(parts: Sequence[Any]) -> Tensor:
    """Vectors as the columns of a matrix; matrices side by side."""
    tensors = [as_tensor(part, "column_stack") for part in parts]
    return rearrange.concatenate([rearrange.expand_dims(_at_least(t, 1, "column_stack"), 1) if t.ndim < 2 else t
                                  for t in tensors], 1)


def inner(a: Any, b: Any) -> Tensor:
    """The sum of products along the last axes."""
    left, right = as_tensor(a, "inner"), as_tensor(b, "inner")
    return contraction.tensordot(left, right, ([-1], [-1])) if left.ndim and right.ndim else left * right


def vdot(a: Any, b: Any) -> Tensor:
    """The sum of the products of all entries."""
    return contraction.dot(*(rearrange.reshape(as_tensor(x, "vdot"), (-1,)) for x in (a, b)))


def matrix_power(a: Any, n: int) -> Tensor:
    """A square matrix times itself, `n` times; of the inverse where `n` is negative."""
    t, n = as_tensor(a, "matrix_power"), as_int(n, "matrix_power", "the exponent n")
    if t.ndim < 2 or t.shape[-1] != t.shape[-2]:
        raise ShapeError(f"matrix_power: {describe(t)} is no square matrix")
    base = linear_algebra.inv(t) if n < 0 else t
    result: Tensor | None = None
    for bit in bin(builtins.abs(n))[:1:-1].rstrip("b") if n else "":  # the squares that the binary digits of n ask for
        if bit == "1":
            result = base if result is None else contraction.matmul(result, base)
        base = contraction.matmul(base, base)
    return rearrange.broadcast_to(contraction.eye(t.shape[-1]), t.shape) if result is None else result


def slogdet(a: Any) -> tuple[Tensor, Tensor]:
    """The sign of the determinant, and the logarithm of its size."""
    return pointwise.sign(linear_algebra.det(a)), linear_algebra.logdet(a)


KINDS = {float: REAL, int: INTEGER, bool: BOOLEAN, "real": REAL, "integer": INTEGER, "boolean": BOOLEAN}


def astype(x: Any, dtype: Any) -> Tensor:
    """The entries as numbers of another kind: real, integer or boolean. The precision is chosen by `sg.function`."""
    t = as_tensor(x, "astype")
    kind = KINDS.get(dtype) if dtype in (float, int, bool) or isinstance(dtype, str) else None
    if kind is None:
        import numpy as np

        try:
            kind = {"f": REAL, "i": INTEGER, "u": INTEGER, "b": BOOLEAN}[np.dtype(dtype).kind]
        except (TypeError, KeyError):
            raise TypeError(f"astype: the kinds are real, integer and boolean (float, int, bool), not {dtype!r}") from None
    if kind == t.dtype:
        return t
    if kind == BOOLEAN:
        return pointwise.logical_not(pointwise.equal(t, 0))
    if t.dtype == BOOLEAN:
        return pointwise.where(t, 1.0, 0.0) if kind == REAL else pointwise.where(t, 1, 0)
    if kind == INTEGER:
        raise TypeError(f"astype: {describe(t)} is real, and symbolic integers are what is declared so; sg.floor gives "
                        "whole numbers that stay real")
    return pointwise.as_real(t)


def all_of(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Do all entries hold?"""
    return pointwise.equal(reduction.min(_truth(x), axis, keepdims), 1)


def any_of(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Does an entry hold?"""
    return pointwise.equal(reduction.max(_truth(x), axis, keepdims), 1)


def _truth(x: Any) -> Tensor:
    return pointwise.where(astype(x, bool), 1.0, 0.0)


def average(a: Any, axis: Axis = None, weights: Any = None, *, keepdims: bool = False) -> Tensor:
    """The mean, with weights."""
    if weights is None:
        return reduction.mean(a, axis, keepdims)
    t, w = as_tensor(a, "average"), as_tensor(weights, "average")
    if w.shape != t.shape:
        (place,) = as_axes(axis, t, "average") if axis is not None and w.ndim == 1 else (None,)
        if place is None:
            raise ShapeError(f"average: the weights {describe(w)} must have the shape of {describe(t)}, or be a vector "
                             "along one axis")
        w = rearrange.reshape(w, [size if a == place else 1 for a, size in enumerate(t.shape)])
        w = rearrange.broadcast_to(w, t.shape)
    return reduction.sum(t * w, axis, keepdims) / reduction.sum(w, axis, keepdims)


def size_of(x: Any) -> Any:
    """The number of entries of one sample."""
    return product(as_tensor(x, "size").shape)
