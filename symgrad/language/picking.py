"""What is picked by order or by index along an axis: sorting, the largest few, quantiles, gathering and adding back.

An order is a tensor of places, which has no derivative; the values that it picks have the derivatives of those entries.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.graphs.algebra import spectra
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import iota, scatter
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import INTEGER, Node
from symgrad.graphs.sizes import Size, canonical
from symgrad.language.align import as_axis, as_int, as_tensor, common_over, describe
from symgrad.language.contraction import arange
from symgrad.language.habits import axis_named
from symgrad.language.linear_algebra import prod
from symgrad.language.pointwise import add, as_real, less_equal, where
from symgrad.language.rearrange import broadcast_to, concatenate, expand_dims, reshape, stack
from symgrad.language.recipes import operation
from symgrad.language.tensor import Tensor, wrap

WRITTEN_OUT = 64  # entries up to which every running product is written with all of its factors


@operation
def _order(name: str, x: Any, axis: int) -> Tensor:
    t = as_tensor(x, name)
    place = as_axis(axis, t.ndim, name, t)
    return wrap(spectra.argsort(t.node, place + (0 if t.over is None else 1)), t.over)


@axis_named
def argsort(x: Any, axis: int | None = -1, descending: bool = False) -> Tensor:
    """The places of the entries along `axis` (None: of all, flattened) in ascending order; equal ones keep theirs.

    NaN is the largest. The order has no derivative.

    >>> sg.argsort(sg.data("x", 4)).eval(x=[3.0, 1.0, 2.0, 1.0])
    array([1, 3, 2, 0])
    """
    t = as_tensor(x, "argsort")
    if axis is None:
        return argsort(reshape(t, (-1,)), 0, descending)
    return _order("argsort", -as_real(t) if descending else t, axis)


@axis_named
def sort(x: Any, axis: int | None = -1, descending: bool = False) -> Tensor:
    """The entries along `axis` (None: all, flattened) in ascending order; NaN comes last.

    >>> x = sg.data("x", 3)
    >>> sg.sort(x).eval(x=[3.0, 1.0, 2.0]), sg.gradient(sg.sort(x)[0], x).eval(x=[3.0, 1.0, 2.0])
    (array([1., 2., 3.]), array([0., 1., 0.]))
    """
    t = as_tensor(x, "sort")
    if axis is None:
        return sort(reshape(t, (-1,)), 0, descending)
    place = as_axis(axis, t.ndim, "sort", t)
    return _picked(t, argsort(t, place, descending), place)


def _picked(t: Tensor, places: Tensor, axis: int) -> Tensor:
    """The entries at `places` along `axis`, which has the other axes of `t`, or fewer entries along them."""
    grid = [places if a == axis else _along(n, a, t.ndim) for a, n in enumerate(places.shape)]
    return t[tuple(grid)]


def _along(size: Size, axis: int, ndim: int) -> Tensor:
    """0, 1, ... along one axis of several."""
    return reshape(arange(size), [size if a == axis else 1 for a in range(ndim)])


@axis_named
def topk(x: Any, k: int, axis: int = -1, largest: bool = True, sorted: bool = True) -> tuple[Tensor, Tensor]:
    """The `k` largest entries along `axis`, the largest first, and their places; with `largest=False` the smallest.

    They are sorted, whatever `sorted` says. Raises ShapeError for a `k` that the axis does not have. Source: PyTorch's
    `topk`.

    >>> values, places = sg.topk(sg.data("x", 4), 2)
    >>> values.eval(x=[3.0, 1.0, 4.0, 2.0]), places.eval(x=[3.0, 1.0, 4.0, 2.0])
    (array([4., 3.]), array([2, 0]))
    """
    t, k = as_tensor(x, "topk"), as_int(k, "topk", "k")
    place = as_axis(axis, t.ndim, "topk", t)
    size = t.shape[place]
    if k < 0 or (isinstance(size, int) and k > size):
        raise ShapeError(f"topk: {describe(t)} has {size} entries along axis {place}, and k is {k}")
    order = argsort(t, place, descending=largest)[(*(slice(None),) * place, slice(None, k))]
    return _picked(t, order, place), order


@axis_named
def median(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The middle entry along `axis` (None: of all), of an even number the mean of the two in the middle, as NumPy's.

    PyTorch's median is the lower one: `sg.quantile(x, 0.5, method="lower")`.

    >>> sg.median(sg.data("x", 4)).eval(x=[3.0, 1.0, 2.0, 9.0])
    np.float64(2.5)
    """
    return _quantile("median", x, sp.Rational(1, 2), axis, keepdims, "linear")


METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@axis_named
def quantile(x: Any, q: Any, axis: int | None = None, keepdims: bool = False, method: str = "linear") -> Tensor:
    """The value below which the share `q` of the entries along `axis` lies; of a list of shares along a new first axis.

    `method`: "linear" between the two entries nearest to place q (n - 1), or their "lower", "higher", "nearest" or
    "midpoint". Raises ShapeError for shares outside of 0 to 1. Source: NumPy's `quantile`.

    >>> sg.quantile(sg.data("x", 5), [0.5, 0.9]).eval(x=[3.0, 1.0, 2.0, 9.0, 4.0])
    array([3., 7.])
    """
    if method not in METHODS:
        raise ShapeError(f"quantile: method {method!r} is not known; known are {', '.join(map(repr, METHODS))}")
    if isinstance(q, (list, tuple)) or getattr(q, "ndim", 0) == 1:
        return stack([_quantile("quantile", x, _share(each), axis, keepdims, method) for each in q], 0)
    return _quantile("quantile", x, _share(q), axis, keepdims, method)


def _share(q: Any) -> sp.Rational:
    if isinstance(q, bool) or not isinstance(q, (int, float)) or not 0 <= q <= 1:
        raise ShapeError(f"quantile: a share is a number from 0 to 1, not {q!r}")
    return sp.Rational(repr(float(q)))


def _quantile(name: str, x: Any, q: sp.Rational, axis: int | None, keepdims: bool, method: str) -> Tensor:
    t = as_tensor(x, name)
    if axis is None:
        result = _quantile(name, reshape(t, (-1,)), q, 0, False, method)
        return reshape(result, (1,) * t.ndim) if keepdims else result
    place = as_axis(axis, t.ndim, name, t)
    size = t.shape[place]
    if size == 0:
        raise ShapeError(f"{name}: {describe(t)} has no entries along axis {place}")
    values = sort(as_real(t), place)
    at = q * (sp.sympify(size) - 1)
    low, high = sp.floor(at), sp.ceiling(at)
    if method == "nearest":
        low = high = sp.floor(at + sp.Rational(1, 2)) if not (at - low == sp.Rational(1, 2) and low % 2 == 0) else low

    def entry(i: Any) -> Tensor:
        return values[(*(slice(None),) * place, canonical(i) if isinstance(size, int) else i)]

    if method in ("lower", "nearest") or low == high:
        result = entry(low)
    elif method == "higher":
        result = entry(high)
    else:
        share = sp.Rational(1, 2) if method == "midpoint" else at - low
        result = entry(low) * (1 - share) + entry(high) * share
    return expand_dims(result, place) if keepdims else result


@axis_named
def take_along_axis(x: Any, indices: Any, axis: int = -1) -> Tensor:
    """Entry i of the result is that of `x` at `indices[i]` along `axis`, and at i along the others, which broadcast.

    >>> x, i = sg.data("x", (2, 3)), sg.data("i", (2, 1), dtype="integer")
    >>> sg.take_along_axis(x, i, 1).eval(x=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], i=[[2], [0]])
    array([[3.],
           [4.]])
    """
    t, places = as_tensor(x, "take_along_axis"), _places("take_along_axis", x, indices)
    axis = as_axis(axis, t.ndim, "take_along_axis", t)
    grid = [places if a == axis else _along(n, a, t.ndim) for a, n in enumerate(t.shape)]
    return t[tuple(grid)]


@axis_named
def gather(x: Any, axis: int, index: Any) -> Tensor:
    """Entry i of the result is that of `x` at `index[i]` along `axis`, and at i along the others.

    `index` has as many axes as `x`, and along the others no more entries. Raises ShapeError where it does not fit.
    Source: PyTorch's `gather`.

    >>> x, i = sg.data("x", (2, 3)), sg.data("i", (2, 1), dtype="integer")
    >>> sg.gather(x, 1, i).eval(x=[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], i=[[2], [0]])
    array([[3.],
           [4.]])
    """
    t, places = as_tensor(x, "gather"), _places("gather", x, index)
    axis = as_axis(axis, t.ndim, "gather", t)
    _within("gather", places, t, axis)
    return _picked(t, places, axis)


@operation
@axis_named
def scatter_add(x: Any, axis: int, index: Any, src: Any) -> Tensor:
    """`x`, to which entry i of `src` is added at `index[i]` along `axis`, and at i along the others.

    What comes to one place is added up. `index` has as many axes as `x` and `src`, and no more entries along any than
    `src`, along the others no more than `x`. Raises ShapeError where it does not fit. Source: PyTorch's `scatter_add`.

    >>> i = sg.data("i", (1, 3), dtype="integer")
    >>> sg.scatter_add(sg.zeros((2, 3)), 0, i, sg.ones((1, 3))).eval(i=[[0, 1, 1]])
    array([[1., 0., 0.],
           [0., 1., 1.]])
    """
    name = "scatter_add"
    t, places, added = as_tensor(x, name), _places(name, x, index), as_tensor(src, name)
    axis = as_axis(axis, t.ndim, name, t)
    _within(name, places, t, axis)
    _within(name, places, added, None)
    over = common_over(name, [t, places, added])
    added = added[tuple(slice(None, n) for n in places.shape)]
    own = list(range(1, 1 + t.ndim))  # labels; 0 is the sample axis
    full = [0] * (over is not None) + own
    sizes: dict[Any, Size] = {0: over, **dict(zip(own, places.shape, strict=True))}

    def laid(tensor: Tensor) -> Node:
        return contract([tensor.node], [[0] * (tensor.over is not None) + own], full, {a: sizes[a] for a in full})

    grid = [places if a == axis else broadcast_to(_along(n, a, t.ndim), places.shape) for a, n in enumerate(places.shape)]
    indices = [laid(each) for each in grid]
    if over is not None:
        indices.insert(0, contract([iota(over)], [[0]], full, {a: sizes[a] for a in full}))
    target = (*([] if over is None else [over]), *t.shape)
    return add(t, wrap(scatter(laid(as_real(added)), indices, list(range(len(full))), target), over))


def _places(name: str, x: Any, index: Any) -> Tensor:
    """Indices as a tensor of integers with as many axes as `x`."""
    t, places = as_tensor(x, name), as_tensor(index, name)
    if places.dtype != INTEGER:
        raise ShapeError(f"{name}: the index {describe(places)} is {places.dtype}; indices are integers (dtype='integer')")
    if places.ndim != t.ndim:
        raise ShapeError(f"{name}: the index {describe(places)} has {places.ndim} axes, and {describe(t)} has {t.ndim}; "
                         "they must have as many")
    return places


def _within(name: str, places: Tensor, t: Tensor, axis: int | None) -> None:
    """Raises ShapeError where an index has more entries than `t` along another axis than `axis`."""
    for a, (mine, theirs) in enumerate(zip(places.shape, t.shape, strict=False)):
        if t.ndim != places.ndim or (a != axis and mine != theirs and not (
                isinstance(mine, int) and isinstance(theirs, int) and mine < theirs)):
            raise ShapeError(f"{name}: the index of shape {shape_text(places.shape)} does not fit into {describe(t)}: "
                             f"along axis {a} it has {mine} entries")


@axis_named
def cumprod(x: Any, axis: int = -1) -> Tensor:
    """Running products along `axis`. Derivatives are right where entries are zero.

    >>> x = sg.data("x", 4)
    >>> sg.cumprod(x).eval(x=[2.0, 3.0, 0.0, 5.0]), sg.gradient(sg.cumprod(x)[3], x).eval(x=[2.0, 3.0, 0.0, 5.0])
    (array([2., 6., 0., 0.]), array([ 0.,  0., 30.,  0.]))
    """
    t = as_tensor(x, "cumprod")
    place = as_axis(axis, t.ndim, "cumprod", t)
    size = t.shape[place]
    front = (slice(None),) * place
    if isinstance(size, int) and size > WRITTEN_OUT:
        step = 1
        while step < size:  # products of 1, 2, 4, ... neighbours
            longer = t[(*front, slice(step, None))] * t[(*front, slice(None, -step))]
            t, step = concatenate([t[(*front, slice(None, step))], longer], place), 2 * step
        return t
    wide = expand_dims(t, place)
    behind = [None] * (t.ndim - place - 1)
    own, other = arange(size)[(slice(None), *behind)], arange(size)[(slice(None), None, *behind)]
    return prod(where(less_equal(own, other), wide, 1), place + 1)
