"""What runs along an axis: products, running sums, windows (rules in `derivative/running_rules.py`).

| op       | operands | attributes        | value                                                                |
|----------|----------|-------------------|----------------------------------------------------------------------|
| multiply | x        | (axis, r)         | the r-th derivative of the product along `axis`: r axes last         |
| cumsum   | x        | (axis, reverse)   | running sums, from the front or from the end                         |
| windows  | x        | (axis, step)      | y[.., i, .., k] = x[.., i step + k, ..]: the axis of offsets last    |
| overlap  | y        | (axis, step)      | the transpose of windows: y added where its entries came from        |

`multiply` of order 0 is the product: a multi-affine function, whose derivatives need no division, so they are
right where entries are zero. A convolution is a product with windows.
"""

from __future__ import annotations

from collections.abc import Callable

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import scale, zeros
from symgrad.graphs.algebra.entries import flipped, is_flip, under
from symgrad.graphs.node import INTEGER, REAL, Node, make
from symgrad.graphs.sizes import Size


def multiply(x: Node, axis: int, order: int = 0) -> Node:
    """The derivative of order `order` of the product of `x` along `axis`, whose axes come last."""
    n = x.shape[axis]
    shape = (*x.shape[:axis], *x.shape[axis + 1:], *(n,) * order)
    if isinstance(n, int) and order > n:
        return zeros(shape)  # of degree n
    return make(ops.MULTIPLY, (x,), (axis, order), shape, REAL if order or x.dtype == REAL else INTEGER)


def cumsum(x: Node, axis: int, reverse: bool = False) -> Node:
    """Running sums along `axis`, from the front or (reverse) from the end."""
    dtype = REAL if x.dtype == REAL else INTEGER
    if reverse and is_flip(x, axis):
        return flipped(cumsum(flipped(x, axis), axis), axis)
    return _along(x, axis, lambda small, place: make(ops.CUMSUM, (small,), (place, reverse), small.shape, dtype))


def windows(x: Node, axis: int, step: int, count: Size, width: Size) -> Node:
    """`count` windows of `width` entries along `axis`, `step` apart; the offsets in a window become the last axis."""
    return _along(x, axis, lambda small, place: make(
        ops.WINDOWS, (small,), (place, step), (*small.shape[:place], count, *small.shape[place + 1:], width), small.dtype),
        count, width)


def overlap(y: Node, axis: int, step: int, length: Size) -> Node:
    """The transpose of `windows`: `y` added into an axis of `length`."""
    return make(ops.OVERLAP, (y,), (axis, step), (*y.shape[:axis], length, *y.shape[axis + 1:-1]), REAL)


def _along(x: Node, axis: int, build: Callable[[Node, int], Node], length: Size = None, width: Size = None) -> Node:
    """`build`, linear, on what is under a view; `axis` becomes `length` long and a last axis `width` is new."""
    if x.op is ops.ADD and not x.operands:
        return zeros(build(x, axis).shape, x.dtype)
    if x.op is ops.ADD and len(x.operands) == 1:
        return scale(_along(x.operands[0], axis, build, length, width), x.attrs[0][0])
    view = under(x, [axis])
    if view is None:
        return build(x, axis)
    inner = build(view.node, view.kept.index(axis))
    if length is not None:
        view.size[axis] = length
    fresh = [] if width is None else ["width"]
    view.size.update(dict.fromkeys(fresh, width))
    return view.lay(inner, [*view.kept, *fresh], [*view.tags, *fresh])
