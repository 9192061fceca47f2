"""Axes moved, split and joined; the sample axis always stays in front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import concat, stop
from symgrad.graphs.algebra.primitives import named as named_node
from symgrad.graphs.algebra.primitives import reshape as reshape_node
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size, canonical, product
from symgrad.language.align import as_axes, as_axis, as_name, as_shape, as_tensor, common_over, describe
from symgrad.language.habits import axis_named
from symgrad.language.recipes import operation
from symgrad.language.tensor import Axis, Tensor, wrap


def _lead(t: Tensor) -> int:
    return 0 if t.over is None else 1


@operation
def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Axis i of the result is axis `axes[i]` of `x`; all axes reversed without `axes`.

    >>> sg.transpose(sg.data("x", (2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    t = as_tensor(x, "transpose")
    order = list(range(t.ndim))[::-1] if axes is None else [
        as_axis(a, t.ndim, "transpose", t) for a in (axes if isinstance(axes, (tuple, list)) else (axes,))]
    if sorted(order) != list(range(t.ndim)):
        raise ShapeError(f"transpose: axes {axes} are not a permutation of the {t.ndim} axes of {describe(t)}")
    lead = _lead(t)
    return wrap(contract([t.node], [range(len(t.node.shape))], [*range(lead), *(a + lead for a in order)]), t.over)


def matrix_transpose(x: Any) -> Tensor:
    """The last two axes swapped; a scalar, which has none, is its own transpose."""
    t = as_tensor(x, "mT")
    if not t.ndim:
        return t
    if t.ndim < 2:
        raise ShapeError(f"mT: {describe(t)} has no two axes to swap")
    return swapaxes(t, -1, -2)


def swapaxes(x: Any, a: int, b: int) -> Tensor:
    """Two axes swapped."""
    t = as_tensor(x, "swapaxes")
    first, second = as_axis(a, t.ndim, "swapaxes", t), as_axis(b, t.ndim, "swapaxes", t)
    order = list(range(t.ndim))
    order[first], order[second] = second, first
    return transpose(t, order)


@operation
def reshape(x: Any, shape: Any) -> Tensor:
    """The same entries, in row-major order, in another shape; one -1 is worked out.

    Raises ShapeError where the numbers of entries differ.

    >>> n = sg.dim("n")
    >>> sg.reshape(sg.data("x", (n, 6)), (-1, 2)).shape
    (3*n, 2)
    """
    t = as_tensor(x, "reshape")
    parts = list(shape) if isinstance(shape, (tuple, list)) else [shape]
    missing = [i for i, part in enumerate(parts) if isinstance(part, Integral) and part == -1]
    if len(missing) > 1:
        raise ShapeError(f"reshape: {describe(t)} to {tuple(parts)}: only one size can be -1")
    have = product(t.shape)
    if missing:
        rest = product(as_shape([p for i, p in enumerate(parts) if i not in missing], "reshape"))
        parts[missing[0]] = _quotient(t, have, rest, parts)
    wanted = as_shape(parts, "reshape")
    if product(wanted) != have and sp.expand(product(wanted) - have) != 0:
        raise ShapeError(f"reshape: {describe(t)} has {have} entries, {shape_text(wanted)} has {product(wanted)}")
    return wrap(reshape_node(t.node, (*t.node.shape[:_lead(t)], *wanted)), t.over)


def _quotient(t: Tensor, have: Size, rest: Size, parts: list[Any]) -> Size:
    text = tuple(parts)
    if rest == 0:
        raise ShapeError(f"reshape: {describe(t)} to {text}: -1 is not determined beside a size of 0")
    if isinstance(have, int) and isinstance(rest, int):
        if have % rest:
            raise ShapeError(f"reshape: {describe(t)} has {have} entries, which {rest} (of {text}) does not divide")
        return have // rest
    ratio = sp.cancel(sp.sympify(have) / rest)
    if not ratio.is_integer:
        raise ShapeError(f"reshape: {describe(t)} has {have} entries, which {rest} (of {text}) may not divide")
    return canonical(ratio)


@axis_named
@operation
def expand_dims(x: Any, axis: Axis = 0) -> Tensor:
    """New axes of size 1 at the places `axis` of the result.

    >>> sg.expand_dims(sg.data("x", 3), 1).shape
    (3, 1)
    """
    t = as_tensor(x, "expand_dims")
    wanted = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = t.ndim + len(wanted)
    places = {as_axis(a, ndim, "expand_dims", t) for a in wanted}
    if len(places) != len(wanted):
        raise ShapeError(f"expand_dims: axis {axis} names a place twice")
    lead = _lead(t)
    out = [*range(lead)]
    kept = iter(range(lead, lead + t.ndim))
    sizes: dict[int, Size] = {}
    for place in range(ndim):
        if place in places:
            label = lead + t.ndim + place
            sizes[label] = 1
            out.append(label)
        else:
            out.append(next(kept))
    return wrap(contract([t.node], [range(len(t.node.shape))], out, sizes), t.over)


@axis_named
@operation
def squeeze(x: Any, axis: Axis = None) -> Tensor:
    """Without the axes `axis` (None: all) of size 1. Raises ShapeError for an axis of another size.

    >>> sg.squeeze(sg.data("x", (1, 3, 1))).shape
    (3,)
    """
    t = as_tensor(x, "squeeze")
    axes = [i for i, s in enumerate(t.shape) if s == 1] if axis is None else as_axes(axis, t, "squeeze")
    for a in axes:
        if t.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of {describe(t)} has size {t.shape[a]}, not 1")
    lead = _lead(t)
    labels = range(len(t.node.shape))
    return wrap(contract([t.node], [labels], [i for i in labels if i - lead not in axes]), t.over)


@operation
def broadcast_to(x: Any, shape: Any) -> Tensor:
    """`x` repeated along its axes of size 1 and along new leading axes.

    >>> sg.broadcast_to(sg.data("x", 3), (2, 3)).shape
    (2, 3)
    """
    t, sizes = as_tensor(x, "broadcast_to"), as_shape(shape, "broadcast_to")
    if isinstance(t.over, sp.Expr) and t.over in sizes:
        raise ShapeError(f"broadcast_to: {describe(t)} is one sample of {t.over}, which cannot be an ordinary axis of "
                         f"{shape_text(sizes)} too")
    offset = len(sizes) - t.ndim
    lead = _lead(t)
    names = list(range(lead))
    for i, size in enumerate(t.shape):
        if offset < 0 or (size != 1 and size != sizes[offset + i]):
            raise ShapeError(f"broadcast_to: {describe(t)} does not broadcast to {shape_text(sizes)}")
        names.append(lead + offset + i if size == sizes[offset + i] else lead + len(sizes) + i)
    labels = range(lead + len(sizes))
    full = dict(zip(labels, (*t.node.shape[:lead], *sizes), strict=True))
    return wrap(contract([t.node], [names], labels, full), t.over)


@axis_named
@operation
def concatenate(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """`tensors` joined along an existing axis.

    >>> n, m = sg.dims("n m")
    >>> sg.concatenate([sg.data("x", n), sg.data("y", m)]).shape
    (m + n,)
    """
    parts = _several("concatenate", tensors)
    over = common_over("concatenate", parts)
    first = parts[0]
    if not first.ndim:
        raise ShapeError(f"concatenate: {describe(first)} has no axis; sg.stack joins scalars")
    place = as_axis(axis, first.ndim, "concatenate", first)
    for other in parts[1:]:
        if other.ndim != first.ndim:
            raise ShapeError(f"concatenate: {describe(first)} and {describe(other)} differ in the number of axes")
        for i, (a, b) in enumerate(zip(first.shape, other.shape, strict=True)):
            if i != place and a != b:
                raise ShapeError(f"concatenate along axis {place}: {describe(first)} and {describe(other)}: "
                                 f"axis {i} is {a} and {b}; they must be equal")
    length = canonical(sum(t.shape[place] for t in parts))
    lead = 0 if over is None else 1
    return wrap(concat([_over(t, over) for t in parts], place + lead, length), over)


def _several(name: str, tensors: Any) -> list[Tensor]:
    if isinstance(tensors, Tensor) or not isinstance(tensors, Iterable):
        raise TypeError(f"{name}: give a list of tensors, not one {type(tensors).__name__}")
    parts = [as_tensor(x, name) for x in tensors]
    if not parts:
        raise ShapeError(f"{name}: give at least one tensor")
    return parts


def _over(t: Tensor, over: Size | None) -> Node:
    """The node of `t`, repeated over the samples where it is the same for all."""
    if over is None or t.over is not None:
        return t.node
    labels = range(1, 1 + t.ndim)
    return contract([t.node], [labels], (0, *labels), {0: over})


@axis_named
def stack(tensors: Sequence[Any], axis: int = 0) -> Tensor:
    """`tensors` of one shape joined along a new axis.

    >>> sg.stack([sg.data("x", 3), sg.data("y", 3)], axis=1).shape
    (3, 2)
    """
    parts = _several("stack", tensors)
    common_over("stack", parts)
    for other in parts[1:]:
        if other.shape != parts[0].shape:
            raise ShapeError(f"stack: {describe(parts[0])} and {describe(other)} differ in shape")
    place = as_axis(axis, parts[0].ndim + 1, "stack", parts[0])
    return concatenate([expand_dims(t, place) for t in parts], place)


@operation
def stop_gradient(x: Any) -> Tensor:
    """The same value, a constant for differentiation.

    >>> x = sg.data("x", 3)
    >>> print(sg.gradient(sg.sum(sg.stop_gradient(x) * x), x))
    stop(x)
    """
    t = as_tensor(x, "stop_gradient")
    return wrap(stop(t.node), t.over)


@operation
def named(x: Any, name: str) -> Tensor:
    """The same tensor, displayed as `name`."""
    t = as_tensor(x, "named")
    return wrap(named_node(t.node, as_name(name, "named")), t.over)
