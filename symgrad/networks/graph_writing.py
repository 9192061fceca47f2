"""The primitives of a graph in operators of ONNX: one rule for each, from the nodes of its operands.

Products of two are matrix products where they can be, else `Einsum`; windows are read by indices, what is laid back is
added at them. A rule gives a value that broadcasts to the shape of its node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Node
from symgrad.graphs.sizes import Size, canonical
from symgrad.graphs.weights import ONE
from symgrad.networks.building import Made, OnnxGraph, broadcast
from symgrad.networks.product_writing import Get, counts, full_value, written_product, written_view
from symgrad.networks.row_writing import written_row
from symgrad.networks.scan_writing import written_scan
from symgrad.networks.window_writing import convolved_product, largest_of_windows

BACKWARD_END = -(2**63) + 1  # before the front, for a slice that goes backwards
NodeRule = Callable[[OnnxGraph, Node, Get], Made]


def _alias(g: OnnxGraph, node: Node, get: Get) -> Made:
    return get(node.operands[0])


def _constant(g: OnnxGraph, node: Node, get: Get) -> Made:
    array = node.attrs[0]
    return g.array(np.asarray(array.value), array.name)


def _iota(g: OnnxGraph, node: Node, get: Get) -> Made:
    return counts(g, node.shape[0])


def _add(g: OnnxGraph, node: Node, get: Get) -> Made:
    (weights,) = node.attrs
    if not node.operands:
        return g.number(0, INTEGER if node.dtype == BOOLEAN else node.dtype)
    found: Made | None = None
    for operand, by in zip(node.operands, weights, strict=True):
        term, minus = g.cast(get(operand), node.dtype), False
        if by != ONE:
            minus = found is not None and by.factor is None and by.number == -1
            if not minus:
                scalar = g.number(by, node.dtype)
                term = scalar if literal_value(operand) == ONE else g.entrywise("Mul", [scalar, term], node.dtype)
        found = term if found is None else g.entrywise("Sub" if minus else "Add", [found, term], node.dtype)
    assert found is not None
    return found


def _elementwise(g: OnnxGraph, node: Node, get: Get) -> Made:
    return written_row(g, node.attrs[0], [get(o) for o in node.operands], node.dtype)


# over axes --------------------------------------------------------------------------------------------------


def _softmax(g: OnnxGraph, node: Node, get: Get) -> Made:
    axes, x = node.attrs[0], full_value(g, get, node.operands[0], REAL)
    if len(axes) == 1:
        return Made(g.op("Softmax", [x.name], axis=axes[0]), node.shape, REAL)
    top = g.op("ReduceMax", [x.name, g.ints(axes)], keepdims=1)
    powers = g.op("Exp", [g.op("Sub", [x.name, top])])
    return Made(g.op("Div", [powers, g.op("ReduceSum", [powers, g.ints(axes)], keepdims=1)]), node.shape, REAL)


def _reduced(operator: str) -> NodeRule:
    def rule(g: OnnxGraph, node: Node, get: Get) -> Made:
        x = full_value(g, get, node.operands[0])
        x = g.cast(x, INTEGER) if x.kind == BOOLEAN else x
        found = Made(g.op(operator, [x.name, g.ints(node.attrs[0])], keepdims=0), node.shape, x.kind)
        return g.cast(found, node.dtype)

    return rule


def _argument(operator: str) -> NodeRule:
    def rule(g: OnnxGraph, node: Node, get: Get) -> Made:
        x = full_value(g, get, node.operands[0])
        x = g.cast(x, INTEGER) if x.kind == BOOLEAN else x
        axis = node.attrs[0] if isinstance(node.attrs[0], int) else node.attrs[0][0]
        return Made(g.op(operator, [x.name], axis=axis, keepdims=0), node.shape, INTEGER)

    return rule


# entries at other places --------------------------------------------------------------------------------------


def _slice(g: OnnxGraph, node: Node, get: Get) -> Made:
    return _cut(g, full_value(g, get, node.operands[0]), node.attrs[0], node.shape)


def _cut(g: OnnxGraph, x: Made, spec: Sequence[tuple[Size, int]], shape: Sequence[Size]) -> Made:
    """Entries start + i step along each axis. What runs backwards is cut forwards, then turned: its end may be -1."""
    forward = [(start + (size - 1) * step, -step) if step < 0 else (start, step)
               for (start, step), size in zip(spec, shape, strict=True)]
    axes = [a for a, (start, step) in enumerate(forward) if (_plain(start), step) != (0, 1) or shape[a] != x.shape[a]]
    if axes:
        first = [_plain(forward[a][0]) if shape[a] != 0 else 0 for a in axes]
        last = [_plain(forward[a][0] + (shape[a] - 1) * forward[a][1] + 1) if shape[a] != 0 else 0 for a in axes]
        by = g.ints([forward[a][1] for a in axes])
        x = Made(g.op("Slice", [x.name, g.sizes(first), g.sizes(last), g.ints(axes), by]), tuple(shape), x.kind)
    turned = [a for a, (_, step) in enumerate(spec) if step < 0 and shape[a] != 0]
    if turned:
        starts, ends, steps = (g.ints([value] * len(turned)) for value in (-1, BACKWARD_END, -1))
        name = g.op("Slice", [x.name, starts, ends, g.ints(turned), steps])
        x = Made(name, x.shape, x.kind)
    return x


def _plain(size: Any) -> Size:
    return size if isinstance(size, int) else _signed(sp.expand(size))


def _signed(size: sp.Expr) -> Any:
    return int(size) if size.is_Integer else size


def _pad(g: OnnxGraph, node: Node, get: Get) -> Made:
    x = full_value(g, get, node.operands[0])
    (spec,) = node.attrs
    turned = [(n - 1, -1) if step < 0 else (0, 1) for (_, step), n in zip(spec, x.shape, strict=True)]
    x = _cut(g, x, turned, x.shape)
    spec = [(start + (n - 1) * step, -step) if step < 0 else (start, step)
            for (start, step), n in zip(spec, x.shape, strict=True)]
    for a, (_, step) in enumerate(spec):
        if step > 1:  # zeros between the entries
            wide = g.unsqueezed(x, [a + 1])
            widths = [0] * len(wide.shape) * 2
            widths[len(wide.shape) + a + 1] = step - 1
            laid = (*wide.shape[:a + 1], step, *wide.shape[a + 2:])
            spread = Made(g.op("Pad", [wide.name, g.ints(widths)]), laid, x.kind)
            whole = (*x.shape[:a], canonical(x.shape[a] * step), *x.shape[a + 1:])
            x = g.reshaped(spread, whole)
            less = [canonical(sp.expand(s - (step - 1))) if i == a else s for i, s in enumerate(whole)]
            x = _cut(g, x, [(0, 1)] * len(whole), less)
    before = [_plain(start) for start, _ in spec]
    after = [_plain(total - start - n) for total, (start, _), n in zip(node.shape, spec, x.shape, strict=True)]
    kept = g.cast(x, INTEGER) if x.kind == BOOLEAN else x
    return g.cast(Made(g.op("Pad", [kept.name, g.sizes([*before, *after])]), node.shape, kept.kind), node.dtype)


def _concat(g: OnnxGraph, node: Node, get: Get) -> Made:
    parts = [full_value(g, get, o, node.dtype).name for o in node.operands]
    return Made(g.op("Concat", parts, axis=node.attrs[0]), node.shape, node.dtype)


def _reshape(g: OnnxGraph, node: Node, get: Get) -> Made:
    return g.reshaped(full_value(g, get, node.operands[0]), node.shape)


def _index(g: OnnxGraph, indices: Sequence[Node], get: Get) -> Made:
    """Indices as tuples along a last axis."""
    shape = indices[0].shape
    parts = [g.unsqueezed(g.filled(g.cast(get(i), INTEGER), shape), [len(shape)]) for i in indices]
    if len(parts) == 1:
        return parts[0]
    name = g.op("Concat", [part.name for part in parts], axis=len(shape))
    return Made(name, (*shape, len(parts)), INTEGER)


def _gather(g: OnnxGraph, node: Node, get: Get) -> Made:
    body, *indices = node.operands
    (axes,) = node.attrs
    x = full_value(g, get, body)
    x = g.transposed(x, [*axes, *(a for a in range(len(body.shape)) if a not in axes)])
    if len(axes) == 1:
        at = g.filled(g.cast(get(indices[0]), INTEGER), indices[0].shape)
        return Made(g.op("Gather", [x.name, at.name], axis=0), node.shape, node.dtype)
    return Made(g.op("GatherND", [x.name, _index(g, indices, get).name]), node.shape, node.dtype)


def _scatter(g: OnnxGraph, node: Node, get: Get) -> Made:
    value, *indices = node.operands
    (axes,) = node.attrs
    order = [*axes, *(a for a in range(len(node.shape)) if a not in axes)]
    return _added_at(g, _index(g, indices, get), full_value(g, get, value, REAL), node.shape, order)


def _added_at(g: OnnxGraph, index: Made, value: Made, shape: Sequence[Size], order: Sequence[int]) -> Made:
    """Zeros of `shape` with `value` added at the indices of the axes that stand first in `order`."""
    laid = tuple(shape[a] for a in order)
    zeros = g.filled(g.number(0), laid)
    name = g.op("ScatterND", [zeros.name, index.name, value.name], reduction="add")
    return g.transposed(Made(name, laid, REAL), [list(order).index(a) for a in range(len(order))])


# along an axis ------------------------------------------------------------------------------------------------


def _multiply(g: OnnxGraph, node: Node, get: Get) -> Made:
    """The product; its derivative of order r, without r of its factors, r axes last."""
    axis, order = node.attrs
    x = full_value(g, get, node.operands[0])
    if not order:
        x = g.cast(x, INTEGER) if x.kind == BOOLEAN else x
        return Made(g.op("ReduceProd", [x.name, g.ints([axis])], keepdims=0), node.shape, x.kind)
    x = g.cast(x, REAL)
    n, rank = x.shape[axis], len(x.shape)
    x = g.transposed(x, [*(a for a in range(rank) if a != axis), axis])  # (..., n)
    x = g.unsqueezed(x, range(rank - 1, rank - 1 + order))  # (..., 1 r times, n)
    width = rank + order
    lines = [g.unsqueezed(counts(g, n), [i for i in range(width) if i != rank - 1 + k]) for k in range(order + 1)]
    for left_out in lines[:-1]:
        same = g.entrywise("Equal", [left_out, lines[-1]], BOOLEAN)
        x = g.entrywise("Where", [same, g.number(1), x], REAL)
    found = Made(g.op("ReduceProd", [x.name, g.ints([width - 1])], keepdims=0), x.shape[:-1], REAL)
    for i in range(order):
        for j in range(i):
            twice = g.entrywise("Equal", [Made(g.op("Squeeze", [line.name, g.ints([width - 1])]), line.shape[:-1], INTEGER)
                                          for line in (lines[i], lines[j])], BOOLEAN)
            found = g.entrywise("Where", [twice, g.number(0), found], REAL)
    return found


def _cumsum(g: OnnxGraph, node: Node, get: Get) -> Made:
    axis, reverse = node.attrs
    x = full_value(g, get, node.operands[0])
    x = g.cast(x, INTEGER) if x.kind == BOOLEAN else x
    name = g.op("CumSum", [x.name, g.array(np.asarray(axis, np.int64)).name], reverse=int(reverse))
    return Made(name, node.shape, x.kind)


def _places(g: OnnxGraph, count: Size, width: Size, step: int) -> Made:
    """(count, width): where the entries of each window lie."""
    if isinstance(count, int) and isinstance(width, int):
        return g.array(np.arange(count)[:, None] * step + np.arange(width))
    starts = g.entrywise("Mul", [counts(g, count), g.number(step, INTEGER)], INTEGER)
    return g.entrywise("Add", [g.unsqueezed(starts, [1]), g.unsqueezed(counts(g, width), [0])], INTEGER)


def _windows(g: OnnxGraph, node: Node, get: Get) -> Made:
    axis, step = node.attrs
    x = full_value(g, get, node.operands[0])
    at = _places(g, node.shape[axis], node.shape[-1], step)
    rank = len(x.shape)
    taken = Made(g.op("Gather", [x.name, at.name], axis=axis),
                 (*x.shape[:axis], node.shape[axis], node.shape[-1], *x.shape[axis + 1:]), x.kind)
    return g.transposed(taken, [*range(axis + 1), *range(axis + 2, rank + 1), axis + 1])


def _overlap(g: OnnxGraph, node: Node, get: Get) -> Made:
    axis, step = node.attrs
    y = full_value(g, get, node.operands[0], REAL)
    rank = len(y.shape)
    y = g.transposed(y, [axis, rank - 1, *(a for a in range(rank - 1) if a != axis)])
    at = g.unsqueezed(_places(g, y.shape[0], y.shape[1], step), [2])
    return _added_at(g, at, y, node.shape, [axis, *(a for a in range(len(node.shape)) if a != axis)])


def _logdet(g: OnnxGraph, node: Node, get: Get) -> Made:
    x = full_value(g, get, node.operands[0], REAL)
    return Made(g.op("Log", [g.op("Abs", [g.op("Det", [x.name])])]), node.shape, REAL)


def _cofactor(g: OnnxGraph, node: Node, get: Get) -> Made:
    if node.attrs[0] != 0:
        return _absent(g, node, get)
    return Made(g.op("Det", [full_value(g, get, node.operands[0], REAL).name]), node.shape, REAL)


def _absent(g: OnnxGraph, node: Node, get: Get) -> Made:
    raise SymgradError(f"to_onnx: ONNX has no operator for {WORDS.get(node.op, node.op)}")


WORDS = {ops.INVERSE: "the inverse of a matrix", ops.SOLVE: "the solution of linear equations",
         ops.CHOLESKY: "a Cholesky factor", ops.COFACTOR: "the derivative of a determinant"}
WRITTEN: Mapping[ops.Op, NodeRule] = MappingProxyType({
    ops.CONSTANT: _constant, ops.IOTA: _iota, ops.NAMED: _alias, ops.STOP: _alias, ops.TRACKED: _alias,
    ops.ADD: _add, ops.EINSUM: written_product,
    ops.VIEW: written_view, ops.ELEMENTWISE: _elementwise, ops.SOFTMAX: _softmax, ops.MAX: _reduced("ReduceMax"),
    ops.MIN: _reduced("ReduceMin"), ops.LOGSUMEXP: _reduced("ReduceLogSumExp"), ops.ARGMAX: _argument("ArgMax"),
    ops.ARGMIN: _argument("ArgMin"), ops.SLICE: _slice, ops.PAD: _pad, ops.CONCAT: _concat, ops.RESHAPE: _reshape,
    ops.GATHER: _gather, ops.SCATTER: _scatter, ops.MULTIPLY: _multiply, ops.CUMSUM: _cumsum, ops.WINDOWS: _windows,
    ops.OVERLAP: _overlap, ops.LOGDET: _logdet, ops.COFACTOR: _cofactor,
})


def written_node(g: OnnxGraph, node: Node, get: Get) -> Made:
    """The value of a node, of those of its operands. Raises SymgradError for what ONNX has no operators for."""
    if node.op is ops.SCAN:
        return written_scan(g, node, get, written_node)
    by_windows = convolved_product(g, node, get) or largest_of_windows(g, node, get)
    if by_windows is not None:
        return by_windows
    return WRITTEN.get(node.op, _absent)(g, node, get)


def whole_value(g: OnnxGraph, value: Made, node: Node) -> Made:
    """A value at the full shape of its node, in its kind."""
    assert broadcast(value.shape, node.shape) == node.shape
    return g.filled(g.cast(value, node.dtype), node.shape)
