"""Operations that are a few lines of others: triangles, Kronecker products, moments, norms, rearrangements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import INTEGER
from symgrad.graphs.sizes import canonical, product
from symgrad.language.align import as_axes, as_axis, as_int, as_size, as_tensor, common_over, describe
from symgrad.language.contraction import arange, einsum
from symgrad.language.habits import axis_named
from symgrad.language.pointwise import abs as absolute
from symgrad.language.pointwise import equal, greater_equal, less_equal, sqrt, where
from symgrad.language.rearrange import concatenate, expand_dims, reshape
from symgrad.language.reduction import max as largest
from symgrad.language.reduction import mean
from symgrad.language.reduction import sum as total
from symgrad.language.tensor import Axis, Tensor


def _triangle(operation: str, x: Any, k: int, lower: bool) -> Tensor:
    t = as_tensor(x, operation)
    k = k if isinstance(k, sp.Expr) else as_int(k, operation, "the number k of a diagonal")
    if t.ndim < 2:
        raise ShapeError(f"{operation}: {describe(t)} has no matrix axes")
    i, j = arange(t.shape[-2])[:, None], arange(t.shape[-1])
    return where(less_equal(j - k, i) if lower else greater_equal(j - k, i), t, 0)


def tril(x: Any, k: int = 0) -> Tensor:
    """The entries on and below diagonal `k` of the last two axes; zeros above.

    >>> sg.tril(sg.ones((3, 3))).eval()
    array([[1., 0., 0.],
           [1., 1., 0.],
           [1., 1., 1.]])
    """
    return _triangle("tril", x, k, True)


def triu(x: Any, k: int = 0) -> Tensor:
    """The entries on and above diagonal `k` of the last two axes; zeros below.

    >>> sg.triu(sg.ones((3, 3)), 1).eval()
    array([[0., 1., 1.],
           [0., 0., 1.],
           [0., 0., 0.]])
    """
    return _triangle("triu", x, k, False)


def kron(a: Any, b: Any) -> Tensor:
    """The Kronecker product of two vectors or two matrices, of shape (m p, n q) for (m, n) and (p, q).

    Raises ShapeError for other shapes.

    >>> sg.kron(sg.data("A", (2, 3)), sg.data("B", (4, 5))).shape
    (8, 15)
    """
    left, right = as_tensor(a, "kron"), as_tensor(b, "kron")
    if left.ndim != right.ndim or left.ndim > 2:
        raise ShapeError(f"kron: {describe(left)} and {describe(right)} must be two vectors or two matrices")
    common_over("kron", [left, right])
    letters = {0: ",->", 1: "i,j->ij", 2: "ij,kl->ikjl"}[left.ndim]
    return reshape(einsum(letters, left, right), [m * n for m, n in zip(left.shape, right.shape, strict=True)])


@axis_named
def var(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The mean of the squared deviations from the mean; `ddof` is taken off the count.

    >>> sg.var(sg.data("x", 4)).eval(x=[1.0, 2.0, 3.0, 4.0])
    np.float64(1.25)
    """
    return _variance("var", x, axis, keepdims, ddof)


def _variance(operation: str, x: Any, axis: Axis, keepdims: bool, ddof: int) -> Tensor:
    t, ddof = as_tensor(x, operation), as_int(ddof, operation, "ddof")
    axes = as_axes(axis, t, operation)
    count = product(t.shape[a] for a in axes)
    if isinstance(count, int) and count <= ddof:
        where = "" if axis is None else f" along axis {axis}"
        raise ShapeError(f"{operation}: {describe(t)} has {count} entries{where}; ddof={ddof} needs more")
    deviation = t - mean(t, axes, keepdims=True)
    return total(deviation**2, axes, keepdims) / canonical(sp.sympify(count - ddof))


@axis_named
def std(x: Any, axis: Axis = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
    """The square root of `var`.

    >>> sg.std(sg.data("x", 4), ddof=1).eval(x=[1.0, 2.0, 3.0, 4.0]).round(3)
    np.float64(1.291)
    """
    return sqrt(_variance("std", x, axis, keepdims, ddof))


@axis_named
def norm(x: Any, ord: Any = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The norm of all entries along `axis`: Euclidean (Frobenius), 1 (sum of |x|) or inf (largest |x|).

    >>> x = sg.data("x", 3)
    >>> print(sg.norm(x), "|", sg.gradient(sg.norm(x), x))
    ‖x‖ | x/‖x‖
    """
    t = as_tensor(x, "norm")
    as_axes(axis, t, "norm")
    if ord == 2 or ord == "fro":
        return sqrt(total(t**2, axis, keepdims))
    if ord == 1:
        return total(absolute(t), axis, keepdims)
    if ord == float("inf"):
        return largest(absolute(t), axis, keepdims)
    raise ShapeError(f"norm: ord must be 2, 1 or inf, not {ord!r}")


@axis_named
def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """The entries at integer `indices` along `axis` (None: of all entries, flattened), as NumPy's take.

    >>> sg.take(sg.data("x", 4), [3, 0]).eval(x=[1.0, 2.0, 3.0, 4.0])
    array([4., 1.])
    """
    t = as_tensor(x, "take")
    if axis is None:
        return take(reshape(t, (-1,)), indices, 0)
    place = as_axis(axis, t.ndim, "take", t)
    if isinstance(indices, (list, tuple)):
        import numpy as np

        indices = np.asarray(indices)
    return t[(*(slice(None),) * place, indices)]


@axis_named
def flip(x: Any, axis: Axis = None) -> Tensor:
    """The entries in reverse order along `axis` (None: all axes).

    >>> sg.flip(sg.arange(4)).eval()
    array([3, 2, 1, 0])
    """
    t = as_tensor(x, "flip")
    axes = as_axes(axis, t, "flip")
    return t[tuple(slice(None, None, -1) if a in axes else slice(None) for a in range(t.ndim))]


@axis_named
def roll(x: Any, shift: int, axis: int | None = None) -> Tensor:
    """The entries moved by `shift` along `axis` (None: of all, flattened); what leaves at one end enters at the other.

    >>> sg.roll(sg.arange(4), 1).eval()
    array([3, 0, 1, 2])
    """
    t, shift = as_tensor(x, "roll"), as_int(shift, "roll", "the shift")
    if axis is None:
        return roll(reshape(t, (-1,)), shift, 0).reshape(t.shape) if t.ndim else t
    place = as_axis(axis, t.ndim, "roll", t)
    size = t.shape[place]
    shift = shift % size if isinstance(size, int) and size else shift
    if shift == 0:
        return t
    front = (slice(None),) * place
    return concatenate([t[(*front, slice(-shift, None))], t[(*front, slice(None, -shift))]], place)


def one_hot(labels: Any, classes: Any) -> Tensor:
    """1 at the label along a new last axis of `classes` entries, 0 elsewhere; of booleans as numbers.

    >>> sg.one_hot(sg.data("t", 2, dtype="integer"), 3).eval(t=[2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    t = as_tensor(labels, "one_hot")
    if t.dtype != INTEGER:
        raise ShapeError(f"one_hot: {describe(t)} is {t.dtype}; labels are integers")
    return where(equal(expand_dims(t, -1), arange(as_size(classes, "one_hot"))), 1.0, 0.0)


@axis_named
def split(x: Any, parts: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    """A list of pieces along `axis`: `parts` equal ones, or cut at the places in a list, as NumPy's split.

    >>> [part.shape for part in sg.split(sg.data("x", 7), [2, 5])]
    [(2,), (3,), (2,)]
    """
    t = as_tensor(x, "split")
    place = as_axis(axis, t.ndim, "split", t)
    size = t.shape[place]
    if not isinstance(parts, (list, tuple)):
        parts = as_int(parts, "split", "a number of parts (or each place in a list)")
        if not isinstance(size, int) or parts < 1 or size % parts:
            raise ShapeError(f"split: axis {place} of {describe(t)} does not divide into {parts} equal parts")
        cuts = [size // parts * i for i in range(1, parts)]
    else:
        cuts = [p if isinstance(p, sp.Expr) else as_int(p, "split", "each place in a list") for p in parts]
    bounds = [None, *cuts, None]
    front = (slice(None),) * place
    return [t[(*front, slice(a, b))] for a, b in zip(bounds, bounds[1:], strict=False)]
