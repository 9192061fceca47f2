"""What runs along an axis: products, running sums, windows; with their derivative rules.

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

from collections.abc import Callable, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale, zeros
from symgrad.graphs.algebra.entries import under
from symgrad.graphs.node import INTEGER, REAL, Node, make
from symgrad.graphs.sizes import Shape, Size

Cotangents = Sequence[Node | None]


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


# rules --------------------------------------------------------------------------------------------------------


def multiply_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The next derivative of the product, contracted with u."""
    x, (axis, order) = node.operands[0], node.attrs
    s = tuple(f"s{i}" for i in range(lead))
    rest = tuple(i for i in range(len(x.shape)) if i != axis)
    more = tuple(f"m{i}" for i in range(order))
    out = tuple("i" if k == axis else k for k in range(len(x.shape)))
    return [contract([u, multiply(x, axis, order + 1)], [(*s, *rest, *more), (*rest, *more, "i")], (*s, *out))]


def cumsum_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """Running sums from the other end."""
    axis, reverse = node.attrs
    return [cumsum(u, axis + lead, not reverse)]


def windows_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The windows laid back over each other."""
    axis, step = node.attrs
    return [overlap(u, axis + lead, step, node.operands[0].shape[axis])]


def overlap_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """Windows again."""
    axis, step = node.attrs
    shape: Shape = node.operands[0].shape
    return [windows(u, axis + lead, step, shape[axis], shape[-1])]
