"""One rule per operation of the graph, on arrays of SymPy expressions: the algebra spelled out entry by entry.

The slow and plain reading, for small sizes. Truth values are SymPy's; where a number is wanted they count
as 0 or 1. Indices may be symbols: an entry at a symbolic index is a case distinction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations, product
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symgrad.exchange.unsaid import of_sinc, unsaid
from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import loop_of
from symgrad.graphs.algebra.rows import ROWS, Row, expm1_, sigmoid_, sinc_derivative_
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import exact, to_expr

SymbolicArray = np.ndarray[Any, Any]
Sizes = Mapping[sp.Symbol, int]
IntShape = tuple[int, ...]
Rule = Callable[[Node, Sequence[SymbolicArray], IntShape, Sizes], Any]


def object_array(values: Any, shape: IntShape) -> SymbolicArray:
    """An array of objects, also for no axes at all."""
    result = np.empty(shape, dtype=object)
    result[...] = values
    return result


def int_size(size: Size, given: Sizes) -> int:
    value = size if isinstance(size, int) else size.subs(given)
    if not isinstance(value, int) and not (value.is_Integer and value >= 0):
        raise DataError(f"to_sympy: the size {size} becomes {value}, which is no size")
    return int(value)


def as_number(value: Any) -> Any:
    """A truth value as 0 or 1."""
    if isinstance(value, sp.Expr):
        return value
    if value in (sp.true, sp.false, True, False):
        return sp.Integer(int(bool(value)))
    return sp.Piecewise((1, value), (0, True))


def _truth(value: Any) -> Any:
    """A number as whether it is not zero."""
    return sp.Ne(value, 0) if isinstance(value, sp.Expr) else value


# one rule per operation: (node, values of the operands, shape, sizes) -> values ------------------------

def _constant(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    value = np.asarray(node.attrs[0].value)
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        entry = exact(value[place].item())
        result[place] = sp.Float(entry) if isinstance(entry, float) else sp.Rational(entry)
    return result


def _iota(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    return [sp.Integer(i) for i in range(shape[0])]


def _add(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    result = object_array(sp.Integer(0), shape)
    for value, by in zip(args, node.attrs[0], strict=True):
        weight = to_expr(by).subs(sizes)
        for place in np.ndindex(shape):
            result[place] += weight * as_number(value[place])
    return result


def _einsum(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    inputs, out = node.attrs
    size: dict[int, int] = dict(zip(out, shape, strict=True))
    for labels, value in zip(inputs, args, strict=True):
        size.update(zip(labels, value.shape, strict=True))
    summed = [x for x in size if x not in out]
    result = object_array(sp.Integer(0), shape)
    for place in np.ndindex(shape):
        at = dict(zip(out, place, strict=True))
        if any(at[x] != i for x, i in zip(out, place, strict=True)):
            continue  # off the diagonal of a label that repeats
        total = sp.Integer(0)
        for rest in product(*(range(size[x]) for x in summed)):
            at.update(zip(summed, rest, strict=True))
            total += sp.Mul(*(as_number(value[tuple(at[x] for x in labels)])
                              for labels, value in zip(inputs, args, strict=True)))
        result[place] = total
    return result


def _elementwise(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    row = ROWS[node.attrs[0]]
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        result[place] = _entry(row.name, row, [value[place] for value in args])
    return result


def _entry(name: str, row: Row, entries: list[Any]) -> Any:
    if name == "where":
        return sp.Piecewise((as_number(entries[1]), _truth(entries[0])), (as_number(entries[2]), True))
    if name in ("taken", "defined"):
        return as_number(entries[1])
    if name in LOGIC:
        return LOGIC[name](*map(_truth, entries))
    formula = row.formula.xreplace(dict(zip(row.symbols, map(as_number, entries), strict=True)))
    formula = formula.replace(sinc_derivative_, of_sinc)
    return formula.replace(sigmoid_, lambda x: 1 / (1 + sp.exp(-x))).replace(expm1_, lambda x: sp.exp(x) - 1)


LOGIC: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"logical_and": sp.And, "logical_or": sp.Or, "logical_not": sp.Not})


def _reduced(value: SymbolicArray, axes: Sequence[int], rule: Callable[[list[Any]], Any]) -> SymbolicArray:
    """`rule` of the entries along `axes`."""
    kept = [axis for axis in range(value.ndim) if axis not in axes]
    front = value.transpose(*kept, *axes).reshape(*(value.shape[axis] for axis in kept), -1)
    result = np.empty(front.shape[:-1], dtype=object)
    for place in np.ndindex(result.shape):
        result[place] = rule([as_number(entry) for entry in front[place]])
    return result


def _reduction(rule: Callable[[list[Any]], Any]) -> Rule:
    def apply(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
        axes = node.attrs[0] if isinstance(node.attrs[0], tuple) else (node.attrs[0],)
        return _reduced(args[0], axes, rule)

    return apply


def _first(better: Callable[[Any, Any], Any]) -> Callable[[list[Any]], Any]:
    """The first position whose entry is at least as good as all others."""

    def rule(entries: list[Any]) -> Any:
        branches = [(i, sp.And(*(better(entry, other) for j, other in enumerate(entries) if j != i)))
                    for i, entry in enumerate(entries[:-1])]
        return sp.Piecewise(*branches, (len(entries) - 1, True))

    return rule


def _softmax(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    (value,), (axes,) = args, node.attrs
    below = np.expand_dims(_reduced(value, axes, lambda entries: sp.Add(*map(sp.exp, entries))), tuple(axes))
    powers = object_array([sp.exp(entry) for entry in value.ravel()], (value.size,)).reshape(shape)
    return powers / np.broadcast_to(below, shape)


def _places(node: Node, small: IntShape, sizes: Sizes) -> Any:
    """Where a slice takes entries from, and its transpose puts them to."""
    return np.ix_(*(int_size(start, sizes) + step * np.arange(length)
                    for (start, step), length in zip(node.attrs[0], small, strict=True)))


def _slice(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    return args[0][_places(node, shape, sizes)] if shape else args[0]


def _pad(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    result = object_array(sp.Integer(0), shape)
    result[_places(node, args[0].shape, sizes)] = args[0]
    return result


def _gather(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    body, *indices = args
    front = _axes_first(body, node.attrs[0])
    width = indices[0].ndim
    counts = front.shape[:len(indices)]
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        at, rest = _counted([index[place[:width]] for index in indices], counts), place[width:]
        branches = [(front[(*choice, *rest)], test) for choice in product(*map(range, counts))
                    if (test := _all_equal(at, choice)) != sp.false]
        result[place] = sp.Piecewise(*branches[:-1], (branches[-1][0], True)) if branches else sp.nan
    return result


def _axes_first(value: SymbolicArray, axes: Sequence[int]) -> SymbolicArray:
    return value.transpose(*axes, *(axis for axis in range(value.ndim) if axis not in axes))


def _counted(at: Sequence[Any], counts: Sequence[int]) -> list[Any]:
    """Indices counted from the front, where they are numbers: -1 is the last."""
    return [index + count if index.is_number and index < 0 else index for index, count in zip(at, counts, strict=False)]


def _all_equal(at: Sequence[Any], choice: Sequence[int]) -> Any:
    return sp.And(*(sp.Eq(index, i) for index, i in zip(at, choice, strict=True)))


def _scatter(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    body, *indices = args
    result = object_array(sp.Integer(0), shape)
    front = _axes_first(result, node.attrs[0])  # a view: what is added here lands in `result`
    width = indices[0].ndim
    for place in np.ndindex(body.shape):
        at, rest = _counted([index[place[:width]] for index in indices], front.shape), place[width:]
        for choice in product(*map(range, front.shape[:len(indices)])):
            test = _all_equal(at, choice)
            if test != sp.false:
                front[(*choice, *rest)] += body[place] * as_number(test)
    return result


def _same(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    return args[0].reshape(shape)


def _concat(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    return np.concatenate(args, axis=node.attrs[0])


# matrices and products along an axis --------------------------------------------------------------------


def _matrixwise(rule: Callable[..., Any]) -> Rule:
    """A rule of matrices, for every matrix of a stack."""

    def apply(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
        stack = args[0].shape[:-2]
        result = np.empty(shape, dtype=object)
        for place in np.ndindex(stack):
            value = rule(node, *(sp.Matrix(*arg.shape[-2:], list(arg[place].ravel())) for arg in args))
            if isinstance(value, sp.MatrixBase):
                value = np.array(value.tolist(), dtype=object)
            result[place] = value
        return result

    return apply


def _solve(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    a, b = args
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(a.shape[:-2]):
        columns = b[place].reshape(a.shape[-1], -1)
        found = sp.Matrix(a[place].tolist()).LUsolve(sp.Matrix(*columns.shape, list(columns.ravel())))
        result[place] = np.array(found.tolist(), dtype=object).reshape(b[place].shape)
    return result


def _windows(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    axis, step = node.attrs
    view = np.lib.stride_tricks.sliding_window_view(args[0], shape[-1], axis)
    return view[(*[slice(None)] * axis, slice(None, None, step))]


def _overlap(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    axis, step = node.attrs
    result = object_array(sp.Integer(0), shape)
    for place in np.ndindex(args[0].shape):
        result[(*place[:axis], place[axis] * step + place[-1], *place[axis + 1:-1])] += args[0][place]
    return result


def _cofactor(node: Node, a: sp.Matrix) -> Any:
    """The r-th derivative of det, by the entries of a matrix of symbols."""
    (order,), n = node.attrs, a.rows
    free = sp.Matrix(n, n, [sp.Dummy() for _ in range(n * n)])
    values = dict(zip(free, a, strict=True))
    result = np.empty((n,) * (2 * order), dtype=object)
    det = free.det()
    for place in np.ndindex(result.shape):
        entry = det
        for i, j in zip(place[::2], place[1::2], strict=True):
            entry = sp.diff(entry, free[i, j])
        result[place] = entry.subs(values, simultaneous=True)
    return result if order else result.item()


def _multiply(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    """The r-th derivative of a product: what is left of it where r different entries are taken out."""
    axis, order = node.attrs
    front = np.moveaxis(args[0], axis, -1)
    result = object_array(sp.Integer(0), shape)
    for place in np.ndindex(front.shape[:-1]):
        for taken in permutations(range(front.shape[-1]), order):
            result[(*place, *taken)] = sp.Mul(
                *(as_number(entry) for i, entry in enumerate(front[place]) if i not in taken))
    return result


def _cumsum(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    axis, reverse = node.attrs
    value = np.flip(args[0], axis) if reverse else args[0]
    total = np.cumsum(value, axis=axis)
    return np.flip(total, axis) if reverse else total


def _scan(node: Node, args: Sequence[SymbolicArray], shape: IntShape, sizes: Sizes) -> Any:
    """All steps written out."""
    loop, what = loop_of(node), node.attrs[1]
    body = loop.body
    known = dict(zip(body.symbols, args, strict=True))
    steps = range(int_size(loop.length, sizes))
    result = np.empty(shape, dtype=object)
    for t in reversed(steps) if loop.reverse else steps:
        done = {**known, **{symbol: object_array(known[symbol][t], known[symbol].shape[1:]) for symbol in body.slices}}
        for each in topological([*body.after, *([] if isinstance(what, int) else [what])]):
            if each not in done:
                inner = tuple(int_size(s, sizes) for s in each.shape)
                done[each] = object_array(RULES[each.op](each, [done[o] for o in each.operands], inner, sizes), inner)
        if not isinstance(what, int):
            result[t] = done[what] if shape[1:] else done[what].item()
        known.update({carry: done[after] for carry, after in zip(body.carries, body.after, strict=True)})
    return known[body.carries[what]] if isinstance(what, int) else result


RULES: Mapping[ops.Op, Rule] = MappingProxyType({
    ops.CONSTANT: _constant, ops.IOTA: _iota, ops.ADD: _add, ops.EINSUM: _einsum, ops.VIEW: _einsum,
    ops.ELEMENTWISE: _elementwise, ops.NAMED: _same, ops.STOP: _same, ops.TRACKED: _same, ops.RESHAPE: _same,
    ops.CONCAT: _concat,
    ops.MAX: _reduction(lambda entries: sp.Max(*entries)), ops.MIN: _reduction(lambda entries: sp.Min(*entries)),
    ops.LOGSUMEXP: _reduction(lambda entries: sp.log(sp.Add(*map(sp.exp, entries)))),
    ops.ARGMAX: _reduction(_first(sp.Ge)), ops.ARGMIN: _reduction(_first(sp.Le)),
    ops.SOFTMAX: _softmax, ops.SLICE: _slice, ops.PAD: _pad, ops.GATHER: _gather, ops.SCATTER: _scatter,
    ops.INVERSE: _matrixwise(lambda node, a: a.inv()), ops.SOLVE: _solve,
    ops.LOGDET: _matrixwise(lambda node, a: sp.log(sp.Abs(a.det()))), ops.COFACTOR: _matrixwise(_cofactor),
    ops.CHOLESKY: _matrixwise(lambda node, a: ((a + a.T) / 2).cholesky(hermitian=False)),
    ops.MULTIPLY: _multiply, ops.CUMSUM: _cumsum, ops.WINDOWS: _windows, ops.OVERLAP: _overlap, ops.SCAN: _scan,
    ops.ARGSORT: unsaid("the order of entries is not known of symbols"),
    **dict.fromkeys(ops.SPECTRA, unsaid("eigenvalues and factors of matrices have no closed form in their entries")),
})
ELSEWHERE: Mapping[ops.Op, str] = MappingProxyType({
    ops.INPUT: "its entries are symbols: `to_sympy.py` makes them",
    ops.DISTANCES: "made when code is written, never in what people wrote",
})
