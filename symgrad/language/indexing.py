"""Indexing as NumPy's: ints, slices, None, `...`, and integer tensors or arrays.

Basic parts become one affine slice, index tensors one gather with the indices of the sample axis made
explicit, so that `logp[y]` on one sample is `logp[0..T-1, y]` on all of them.
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import gather, iota, scatter, slices
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import BOOLEAN, INTEGER, Node
from symgrad.graphs.sizes import Size, canonical
from symgrad.language.align import as_axis, as_tensor, common_over, describe
from symgrad.language.habits import axis_named
from symgrad.language.numpy_values import is_array, is_truth_value
from symgrad.language.pointwise import add, as_real
from symgrad.language.rearrange import broadcast_to
from symgrad.language.recipes import operation
from symgrad.language.tensor import Tensor, wrap


@operation
def getitem(t: Tensor, index: Any) -> Tensor:
    """`t[index]`. Raises ShapeError for what does not fit."""
    parts = [_part(part) for part in (index if isinstance(index, tuple) else (index,))]
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > t.ndim:
        raise ShapeError(f"index: {used} indices for {describe(t)}, which has {t.ndim} axes")
    if sum(part is Ellipsis for part in parts) > 1:
        raise ShapeError("index: only one '...' is possible")
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = next(i for i, part in enumerate(parts) if part is Ellipsis)
    parts[at:at + 1] = [slice(None)] * (t.ndim - used)
    return _apply(t, parts)


def _part(part: Any) -> Any:
    """An array without axes as the int it holds, a range and an empty list as arrays of integers, as in NumPy."""
    if is_array(part) and part.ndim == 0 and part.dtype.kind in "iu":
        return int(part)
    if isinstance(part, range) or (isinstance(part, list) and not part):
        import numpy as np

        return np.asarray(part, int)
    return part


def _apply(t: Tensor, parts: list[Any]) -> Tensor:
    lead = 0 if t.over is None else 1
    starts: list[Size] = [0] * lead
    steps = [1] * lead
    sizes: list[Size] = list(t.node.shape[:lead])
    layout: list[str] = []  # of the result: "axis", "new", "index", or "number" for no axis, in the order of the parts
    dropped: list[int] = []
    indices: list[tuple[int, Tensor]] = []
    axis = 0
    for part in parts:
        if part is None:
            layout.append("new")
            continue
        size = t.shape[axis]
        if isinstance(part, slice):
            start, step, length = _slice(t, axis, part)
            layout.append("axis")
        elif isinstance(part, (Integral, sp.Expr)) and not is_truth_value(part):
            start, step, length = _position(t, axis, part), 1, 1
            dropped.append(lead + axis)
            layout.append("number")
        else:
            indices.append((lead + axis, _index(t, axis, part)))
            start, step, length = 0, 1, size
            layout.append("index")
        starts.append(start)
        steps.append(step)
        sizes.append(length)
        axis += 1
    cut = slices(t.node, starts, steps, tuple(sizes))
    if not indices:
        return wrap(_layout(cut, lead, dropped, layout), t.over)
    return _gather(t, cut, lead, dropped, layout, indices)


@operation
@axis_named
def index_add(t: Any, axis: int, index: Any, values: Any) -> Tensor:
    """`t` with `values` added at the places `index` along `axis`; where a place occurs twice, both are added.

    `index` is a vector of integers; `values` have the shape of `t`, with the length of `index` along `axis`, or
    broadcast to it. Raises ShapeError for what does not fit.

    >>> x, y = sg.data("x", 3), sg.data("y", 4)
    >>> sg.index_add(x, 0, [0, 2, 2, 0], y).eval(x=[0.0, 0.0, 0.5], y=[1.0, 2.0, 3.0, 4.0])
    array([5. , 0. , 5.5])
    """
    t, added = as_tensor(t, "index_add"), as_tensor(values, "index_add")
    place = as_axis(axis, t.ndim, "index_add", t)
    chosen = _index(t, place, _part(index))
    if chosen.ndim != 1:
        raise ShapeError(f"index_add: the index {describe(chosen)} must be a vector of places along axis {place}")
    over = common_over("index_add", [t, chosen, added])
    shape = (*t.shape[:place], chosen.shape[0], *t.shape[place + 1:])
    if added.ndim > len(shape) or any(size not in (1, wanted) for size, wanted in
                                      zip(added.shape[::-1], shape[::-1], strict=False)):
        raise ShapeError(f"index_add: {describe(added)} does not fit into {describe(t)} at {chosen.shape[0]} places along "
                         f"axis {place}: the values must have the shape {shape_text(shape)}")
    node = as_real(broadcast_to(added, shape)).node
    own = list(range(1, 1 + len(shape)))  # labels; 0 is the sample axis
    rest = [label for label in own if label != 1 + place]
    first = [0] * (chosen.over is not None)
    lead = [0] * (over is not None and not first and added.over is not None)
    moved = contract([node], [[0] * (added.over is not None) + own], [*first, 1 + place, *lead, *rest],
                     {0: over} if first else {})
    indices, axes = [chosen.node], [len(lead) + place]
    if first:  # every sample has places of its own
        labels = range(2)
        indices.insert(0, contract([iota(over)], [[0]], labels, dict(zip(labels, chosen.node.shape, strict=True))))
        axes = [0, 1 + place]
    target = (*([over] if first or lead else []), *t.shape)
    return add(t, wrap(scatter(moved, indices, axes, target), over if first or lead else None))


def _layout(node: Node, lead: int, dropped: list[int], layout: list[str]) -> Node:
    labels = range(len(node.shape))
    kept = iter(i for i in labels if i >= lead and i not in dropped)
    out: list[Any] = list(range(lead))
    sizes: dict[Any, Size] = {}
    for i, kind in enumerate(layout):
        if kind == "new":
            out.append(("new", i))
            sizes["new", i] = 1
        elif kind == "axis":
            out.append(next(kept))
    return contract([node], [labels], out, sizes)


def _slice(t: Tensor, axis: int, part: slice) -> tuple[Size, int, Size]:
    size = t.shape[axis]
    step = 1 if part.step is None else part.step
    if isinstance(step, bool) or not isinstance(step, Integral) or step == 0:
        raise ShapeError(f"index: the step of a slice must be a non-zero int, not {part.step!r}")
    step = int(step)
    for bound in (part.start, part.stop):
        if bound is not None and (not isinstance(bound, (Integral, sp.Expr)) or sp.sympify(bound).is_integer is False):
            raise ShapeError(f"index: a slice of {describe(t)} has the bound {bound!r}, which is not an int")
    if isinstance(size, int) and all(b is None or isinstance(b, Integral) for b in (part.start, part.stop)):
        start, stop, step = part.indices(size)
        return start, step, len(range(start, stop, step))
    low, high = (0, size) if step > 0 else (size - 1, -1)
    start, stop = (default if bound is None else _clamped(_from_end(bound, size), size, step)
                   for bound, default in ((part.start, low), (part.stop, high)))
    span = sp.sympify(stop - start if step > 0 else start - stop)
    if span.is_nonpositive or start == (size if step > 0 else -1):
        return 0, 1, 0
    return canonical(start), step, canonical(sp.ceiling(span / abs(step)) if abs(step) != 1 else span)


def _from_end(bound: Any, size: Size) -> Size:
    """A bound as written: a negative number counts from the end."""
    negative = bound < 0 if isinstance(bound, Integral) else bool(bound.could_extract_minus_sign())
    return size + bound if negative else bound


def _clamped(bound: Any, size: Size, step: int) -> Any:
    """A bound of a slice: what is known to lie before the front or behind the end is moved there, as in NumPy."""
    if (sp.sympify(bound) + int(step < 0)).is_nonpositive:
        return 0 if step > 0 else -1
    return (size if step > 0 else size - 1) if (sp.sympify(bound) - size).is_nonnegative else bound


def _position(t: Tensor, axis: int, part: Any) -> Size:
    size = t.shape[axis]
    if isinstance(part, Integral):
        part = int(part)
        if isinstance(size, int):
            if not -size <= part < size:
                raise ShapeError(f"index: {part} is out of range for axis {axis} of {describe(t)}, which has size {size}")
            return part % size
    elif part.is_integer is False:
        raise ShapeError(f"index: {part} for axis {axis} of {describe(t)} is not an int")
    place = sp.sympify(_from_end(part, size))
    if place.is_negative or (place - size).is_nonnegative:
        raise ShapeError(f"index: {part} is out of range for axis {axis} of {describe(t)}, which has size {size}")
    return canonical(place)


def _index(t: Tensor, axis: int, part: Any) -> Tensor:
    if is_truth_value(part):
        raise ShapeError("index: True and False do not index a symbolic tensor; use sg.where")
    try:
        tensor = as_tensor(part, "index")
    except TypeError:
        raise ShapeError(f"index: {describe(t)} cannot be indexed by {type(part).__name__}") from None
    if tensor.dtype == BOOLEAN:
        raise ShapeError(f"index: a boolean mask gives {describe(t)} a size that is not known; use sg.where")
    if tensor.dtype != INTEGER:
        raise ShapeError(f"index: axis {axis} of {describe(t)} is indexed by {describe(tensor)}, "
                         f"which is {tensor.dtype}; indices are integers (dtype='integer')")
    size = t.shape[axis]
    if tensor.node.op is ops.CONSTANT and isinstance(size, int):
        import numpy as np

        value = tensor.node.attrs[0].value
        bad = np.argwhere((value < -size) | (value >= size))
        if len(bad):
            at = tuple(map(int, bad[0]))
            raise ShapeError(f"index: {value[at]}, at {at} of the index, is out of range for axis {axis} of "
                             f"{describe(t)}, which has size {size}")
    return tensor


def _gather(t: Tensor, cut: Node, lead: int, dropped: list[int], layout: list[str],
            indices: list[tuple[int, Tensor]]) -> Tensor:
    tensors = [tensor for _, tensor in indices]
    over = common_over("index", [t, *tensors])
    rank = max(tensor.ndim for tensor in tensors)
    shape: list[Size] = [1] * rank
    for tensor in tensors:
        for place, size in enumerate(tensor.shape, start=rank - tensor.ndim):
            if size != 1 and shape[place] not in (1, size):
                raise ShapeError(f"index: the index tensors {', '.join(map(describe, tensors))} do not broadcast: "
                                 f"axis {place - rank} is {shape[place]} and {size}")
            shape[place] = size if size != 1 else shape[place]
    batch = any(tensor.over is not None for tensor in tensors)
    full = (*((over,) if batch else ()), *shape)
    expanded = [_to_index_shape(tensor, batch, rank, full) for tensor in tensors]
    axes = [axis for axis, _ in indices]
    if batch and lead:  # the samples index themselves
        axes = [0, *axes]
        expanded.insert(0, contract([iota(over)], [[0]], range(len(full)), dict(enumerate(full))))
    remaining = [i for i in range(len(cut.shape)) if i not in dropped]
    body = contract([cut], [range(len(cut.shape))], remaining)
    picked = gather(body, expanded, [remaining.index(a) for a in axes])
    return wrap(_place(picked, len(full), batch, lead, layout), over)


def _to_index_shape(tensor: Tensor, batch: bool, rank: int, full: tuple[Size, ...]) -> Node:
    offset = len(full) - rank
    names: list[Any] = [0] if tensor.over is not None else []
    for place, size in enumerate(tensor.shape, start=rank - tensor.ndim):
        names.append(place + offset if size == full[place + offset] else ("one", place))
    return contract([tensor.node], [names], range(len(full)), dict(enumerate(full)))


def _place(picked: Node, width: int, batch: bool, lead: int, layout: list[str]) -> Node:
    """The axes of a gather (indices first) where NumPy puts them: at the first index, or in front where others lie between.

    Beside arrays a number is an index as they are.
    """
    index_axes = list(range(width))
    rest = list(range(width, len(picked.shape)))
    sample: list[int] = []
    if batch:
        sample, index_axes = index_axes[:1], index_axes[1:]
    elif lead:
        sample, rest = rest[:1], rest[1:]
    at = [i for i, kind in enumerate(layout) if kind in ("index", "number")]
    together = at == list(range(at[0], at[-1] + 1))
    out: list[Any] = list(sample) + ([] if together else index_axes)
    sizes: dict[Any, Size] = {}
    pending = iter(rest)
    for i, kind in enumerate(layout):
        if kind == "new":
            out.append(("new", i))
            sizes["new", i] = 1
        elif kind == "axis":
            out.append(next(pending))
        elif together and i == at[0]:
            out += index_axes
    return contract([picked], [range(len(picked.shape))], out, sizes)


