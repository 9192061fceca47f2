"""Explicit SymPy: every entry of a tensor as an expression in element symbols such as x_0 and W_0_1.

The graph is evaluated on arrays of SymPy expressions, one rule per operation: the slow and plain reading of
the algebra, for small sizes, for users who go on in SymPy and for tests that compare with everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.rows import ROWS, expm1_, sigmoid_
from symgrad.graphs.sizes import Size, symbols_of
from symgrad.graphs.weights import exact, to_expr
from symgrad.notation import symbol_names

if TYPE_CHECKING:
    from symgrad.tensor import Tensor

Array = np.ndarray[Any, Any]
MOST = 200_000  # entries of one intermediate


def to_sympy(t: Tensor, sizes: Mapping[str, int]) -> Any:
    """A SymPy scalar, a Matrix (vectors are columns), or an Array for three and more axes.

    `sizes` gives the symbolic sizes by name; a tensor over samples is one sample if theirs is left out.
    Raises DataError for a size that is missing, unknown or not a positive int.

    >>> import symgrad as sg
    >>> sg.sum(sg.data("x", sg.dim("n")) ** 2).to_sympy(n=2)
    x_0**2 + x_1**2
    """
    order = topological([t.node])
    names = symbol_names(order)
    needed = {s.name: s for s in symbols_of([size for node in order for size in node.shape])}
    given = _checked(sizes, needed)
    lone = t.over is not None and isinstance(t.over, sp.Symbol) and t.over not in given
    if lone:
        given[t.over] = 1
    missing = [name for name, symbol in needed.items() if symbol not in given]
    if missing:
        raise DataError(f"to_sympy: the size {missing[0]} is not given; write t.to_sympy({missing[0]}=2)")
    values: dict[Node, Array] = {}
    for node in order:
        shape = tuple(_size(size, given) for size in node.shape)
        if np.prod(shape, dtype=float) > MOST:
            raise DataError(f"to_sympy: a tensor of shape {shape} has more than {MOST} entries; take smaller sizes")
        if node.op == "input":
            values[node] = _elements(names[node], shape, drop=lone and node.attrs[0].over is not None)
            continue
        rule = RULES.get(node.op)
        if rule is None:
            raise SymgradError(f"to_sympy: {node.op} has no explicit form")
        result = rule(node, [values[o] for o in node.operands], shape, given)
        values[node] = _array(result, shape)
    result = values[t.node]
    if lone:
        result = result.reshape(result.shape[1:])
    return _explicit(_array(np.vectorize(_number, otypes=[object])(result), result.shape))


def _checked(sizes: Mapping[str, int], needed: Mapping[str, sp.Symbol]) -> dict[sp.Symbol, int]:
    given: dict[sp.Symbol, int] = {}
    for name, value in sizes.items():
        if name not in needed:
            known = ", ".join(sorted(needed)) or "none"
            raise DataError(f"to_sympy: {name} is not a size of this tensor; its symbolic sizes: {known}")
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise DataError(f"to_sympy: the size {name} must be a positive int, not {value!r}")
        given[needed[name]] = int(value)
    return given


def _size(size: Size, given: Mapping[sp.Symbol, int]) -> int:
    value = size if isinstance(size, int) else size.subs(given)
    if not isinstance(value, int) and not (value.is_Integer and value >= 0):
        raise DataError(f"to_sympy: the size {size} becomes {value}, which is no size")
    return int(value)


def _explicit(values: Array) -> Any:
    if values.ndim == 0:
        return values.item()
    if values.ndim == 1:
        return sp.Matrix(len(values), 1, list(values))
    if values.ndim == 2:
        return sp.Matrix(*values.shape, list(values.ravel()))
    return sp.Array(list(values.ravel()), values.shape)


def _array(values: Any, shape: tuple[int, ...]) -> Array:
    """An array of objects, also for no axes at all."""
    result = np.empty(shape, dtype=object)
    result[...] = values
    return result


def _elements(name: str, shape: tuple[int, ...], drop: bool) -> Array:
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        result[place] = sp.Symbol("_".join([name, *map(str, place[1:] if drop else place)]))
    return result


def _number(value: Any) -> Any:
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

Rule = Callable[[Node, Sequence[Array], tuple[int, ...], Mapping[sp.Symbol, int]], Any]


def _constant(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    value = np.asarray(node.attrs[0].value)
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        entry = exact(value[place].item())
        result[place] = sp.Float(entry) if isinstance(entry, float) else sp.Rational(entry)
    return result


def _iota(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    return [sp.Integer(i) for i in range(shape[0])]


def _add(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    result = _array(sp.Integer(0), shape)
    for value, by in zip(args, node.attrs[0], strict=True):
        weight = to_expr(by).subs(sizes)
        for place in np.ndindex(shape):
            result[place] += weight * _number(value[place])
    return result


def _einsum(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    inputs, out = node.attrs
    size: dict[int, int] = dict(zip(out, shape, strict=True))
    for labels, value in zip(inputs, args, strict=True):
        size.update(zip(labels, value.shape, strict=True))
    summed = [x for x in size if x not in out]
    result = _array(sp.Integer(0), shape)
    for place in np.ndindex(shape):
        at = dict(zip(out, place, strict=True))
        if any(at[x] != i for x, i in zip(out, place, strict=True)):
            continue  # off the diagonal of a label that repeats
        total = sp.Integer(0)
        for rest in product(*(range(size[x]) for x in summed)):
            at.update(zip(summed, rest, strict=True))
            total += sp.Mul(*(_number(value[tuple(at[x] for x in labels)])
                              for labels, value in zip(inputs, args, strict=True)))
        result[place] = total
    return result


def _elementwise(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    row = ROWS[node.attrs[0]]
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        result[place] = _entry(row.name, row, [value[place] for value in args])
    return result


def _entry(name: str, row: Any, entries: list[Any]) -> Any:
    if name == "where":
        return sp.Piecewise((_number(entries[1]), _truth(entries[0])), (_number(entries[2]), True))
    if name in LOGIC:
        return LOGIC[name](*map(_truth, entries))
    formula = row.formula.xreplace(dict(zip(row.symbols, map(_number, entries), strict=True)))
    return formula.replace(sigmoid_, lambda x: 1 / (1 + sp.exp(-x))).replace(expm1_, lambda x: sp.exp(x) - 1)


LOGIC: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {"logical_and": sp.And, "logical_or": sp.Or, "logical_not": sp.Not})


def _reduced(value: Array, axes: Sequence[int], rule: Callable[[list[Any]], Any]) -> Array:
    """`rule` of the entries along `axes`."""
    kept = [axis for axis in range(value.ndim) if axis not in axes]
    front = value.transpose(*kept, *axes).reshape(*(value.shape[axis] for axis in kept), -1)
    result = np.empty(front.shape[:-1], dtype=object)
    for place in np.ndindex(result.shape):
        result[place] = rule([_number(entry) for entry in front[place]])
    return result


def _reduction(rule: Callable[[list[Any]], Any]) -> Rule:
    def apply(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
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


def _softmax(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    (value,), (axes,) = args, node.attrs
    below = np.expand_dims(_reduced(value, axes, lambda entries: sp.Add(*map(sp.exp, entries))), tuple(axes))
    powers = _array([sp.exp(entry) for entry in value.ravel()], (value.size,)).reshape(shape)
    return powers / np.broadcast_to(below, shape)


def _places(node: Node, small: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    """Where a slice takes entries from, and its transpose puts them to."""
    return np.ix_(*(_size(start, sizes) + step * np.arange(length)
                    for (start, step), length in zip(node.attrs[0], small, strict=True)))


def _slice(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    return args[0][_places(node, shape, sizes)] if shape else args[0]


def _pad(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    result = _array(sp.Integer(0), shape)
    result[_places(node, args[0].shape, sizes)] = args[0]
    return result


def _gather(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    body, *indices = args
    front = _axes_first(body, node.attrs[0])
    width = indices[0].ndim
    counts = front.shape[:len(indices)]
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        at, rest = [index[place[:width]] for index in indices], place[width:]
        branches = [(front[(*choice, *rest)], test) for choice in product(*map(range, counts))
                    if (test := _all_equal(at, choice)) != sp.false]
        result[place] = sp.Piecewise(*branches[:-1], (branches[-1][0], True)) if branches else sp.nan
    return result


def _axes_first(value: Array, axes: Sequence[int]) -> Array:
    return value.transpose(*axes, *(axis for axis in range(value.ndim) if axis not in axes))


def _all_equal(at: Sequence[Any], choice: Sequence[int]) -> Any:
    return sp.And(*(sp.Eq(index, i) for index, i in zip(at, choice, strict=True)))


def _scatter(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    body, *indices = args
    result = _array(sp.Integer(0), shape)
    front = _axes_first(result, node.attrs[0])  # a view: what is added here lands in `result`
    width = indices[0].ndim
    for place in np.ndindex(body.shape):
        at, rest = [index[place[:width]] for index in indices], place[width:]
        for choice in product(*map(range, front.shape[:len(indices)])):
            test = _all_equal(at, choice)
            if test != sp.false:
                front[(*choice, *rest)] += body[place] * _number(test)
    return result


def _same(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    return args[0].reshape(shape)


def _concat(node: Node, args: Sequence[Array], shape: tuple[int, ...], sizes: Mapping[sp.Symbol, int]) -> Any:
    return np.concatenate(args, axis=node.attrs[0])


RULES: Mapping[str, Rule] = MappingProxyType({
    "constant": _constant, "iota": _iota, "add": _add, "einsum": _einsum, "view": _einsum,
    "elementwise": _elementwise, "named": _same, "stop": _same, "reshape": _same, "concat": _concat,
    "max": _reduction(lambda entries: sp.Max(*entries)), "min": _reduction(lambda entries: sp.Min(*entries)),
    "logsumexp": _reduction(lambda entries: sp.log(sp.Add(*map(sp.exp, entries)))),
    "argmax": _reduction(_first(sp.Ge)), "argmin": _reduction(_first(sp.Le)),
    "softmax": _softmax, "slice": _slice, "pad": _pad, "gather": _gather, "scatter": _scatter,
})
