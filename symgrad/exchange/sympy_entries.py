"""SymPy's entries of matrices, functions of them, and indices that run: sums, lambdas, slices. See `sympy_rules.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import mul
from types import MappingProxyType
from typing import Any

import sympy as sp

from symgrad.exchange.labelled import IndexLabel, Value, closed, contracted, union
from symgrad.exchange.sympy_scope import Reading, Running, Scope, entry, literal, refuse
from symgrad.graphs.sizes import Size
from symgrad.language import linear_algebra
from symgrad.language.align import as_tensor


def _applied(e: Any, scope: Scope) -> Reading:
    """f.(X): f at a value that has the entries of X as running indices, which then are axes again."""
    (value,) = yield [(e.expr, scope)]
    axes = tuple(IndexLabel() for _ in range(value.own))
    sizes = value.tensor.shape[len(value.labels):]
    (variable,), body = e.function.variables, e.function.expr
    (result,) = yield [(body, scope.bind({variable: Value(value.tensor, (*value.labels, *axes))}))]
    return closed(result, axes, sizes)


def _function_matrix(e: Any, scope: Scope) -> Reading:
    sizes = scope.shape(e.shape)
    running = [Running(IndexLabel(), 0, size) for size in sizes]
    (value,) = yield [(e.lamda.expr, scope.bind(dict(zip(e.lamda.variables, running, strict=True))))]
    return closed(entry(e, value), tuple(index.label for index in running), sizes)


def _limits(e: Any, scope: Scope) -> dict[Any, Running]:
    running: dict[Any, Running] = {}
    for limit in e.limits:
        if len(limit) != 3:
            refuse(e, f"{limit[0]} has no bounds")
        if any(bound.has(*(other[0] for other in e.limits)) for bound in limit[1:]):
            refuse(e, f"the bounds of {limit[0]} depend on another index")
        start, stop = (scope.size(bound) for bound in limit[1:])
        length = stop - start + 1
        if isinstance(length, int) and length < 0:
            refuse(e, f"{limit[0]} runs from {start} down to {stop}")
        running[limit[0]] = Running(IndexLabel(), start, length)
    return running


def _sum(e: Any, scope: Scope) -> Reading:
    """A contraction: the factors of the summand meet in one einsum."""
    running = _limits(e, scope)
    inner = scope.bind(running)
    factors = sp.Mul.make_args(e.function)
    values = [entry(e, value) for value in (yield [(factor, inner) for factor in factors])]
    number = reduce(mul, [value.number for value in values if value.number is not None], sp.S.One)
    values = [value for value in values if value.number is None]
    summed = {index.label: index.length for index in running.values()}
    for label, length in summed.items():
        if label not in union(values):
            number = number * length
    if not values:
        return literal(number, scope)
    out = tuple(label for label in union(values) if label not in summed)
    result = contracted([(value.tensor, value.labels) for value in values], out)
    return Value(result if number == 1 else result * as_tensor(number), out)


def _product(e: Any, scope: Scope) -> Reading:
    running = _limits(e, scope)
    (value,) = yield [(e.function, scope.bind(running))]
    labels = tuple(index.label for index in running.values())
    inner = closed(entry(e, value), labels, [index.length for index in running.values()])
    axes = tuple(range(-len(labels), 0))
    return Value(linear_algebra.prod(inner.tensor, axes), inner.labels)


def _element(e: Any, scope: Scope) -> Reading:
    """An entry: of a matrix, an array or an indexed symbol."""
    base, *indices = e.args
    if len(indices) == 1 and isinstance(indices[0], sp.Tuple):
        indices = list(indices[0])
    (value,) = yield [(base, scope)]
    tensor, labels = value.tensor, list(value.labels)
    if value.own != len(indices):
        refuse(e, f"{len(indices)} indices for {value.own} axes")
    for index in indices:
        axis = len(labels)
        inside = scope.running(index)
        if not inside:
            tensor = tensor[(*[slice(None)] * axis, _within(e, scope.size(index), tensor.shape[axis]))]
            continue
        where = [each for each in (scope.bound[s] for s in inside) if isinstance(each, Running)]
        if len(where) < len(inside):
            refuse(e, f"{index} is no index: it is an argument of a function")
        start = _linear(e, index, inside, where, tensor.shape[axis], scope)
        if start is not None:
            length = where[0].length
            if (start, length) != (0, tensor.shape[axis]):
                tensor = tensor[(*[slice(None)] * axis, slice(start, start + length))]  # checked: it fits
            labels.append(where[0].label)
        else:
            (at,) = yield [(index, scope)]
            tensor = tensor[(*[slice(None)] * axis, at.tensor)]
            labels += at.labels
    if len(set(labels)) == len(labels):
        return Value(tensor, tuple(labels))
    out = tuple(dict.fromkeys(labels))
    return Value(contracted([(tensor, labels)], out), out)


def _within(e: Any, index: Size, size: Size) -> Size:
    """A fixed index that is inside its axis for certain."""
    if isinstance(index, int) and index >= 0 and not isinstance(size, int):
        return index  # a size that is too small is refused when it is bound
    if not (_not_negative(index) and _not_negative(size - 1 - index)):
        refuse(e, f"the index {index} may lie outside 0 to {size - 1}")
    return index


def _linear(e: Any, index: Any, inside: list[Any], where: list[Any], size: Size, scope: Scope) -> Size | None:
    """The first place where one index runs in steps of 1, None for other whole sums of indices; all are checked."""
    try:
        poly = sp.Poly(index, *inside)
    except sp.PolynomialError:
        refuse(e, f"the index {index} is not a sum of indices")
    if poly.total_degree() > 1 or any(not c.is_Integer for m, c in poly.terms() if any(m)):
        refuse(e, f"the index {index} is not a sum of whole multiples of indices")
    low = high = scope.size(poly.nth(*[0] * len(inside)))
    for place, each in enumerate(where):
        factor = int(poly.nth(*(int(place == i) for i in range(len(inside)))))
        ends = [factor * each.start, factor * (each.start + each.length - 1)]
        low, high = low + ends[factor < 0], high + ends[factor > 0]
    if not (_not_negative(low) and _not_negative(size - 1 - high)):
        refuse(e, f"the index {index} runs from {low} to {high}, which may lie outside 0 to {size - 1}")
    return low if len(inside) == 1 and poly.nth(1) == 1 else None


def _not_negative(size: Size) -> bool:
    return size >= 0 if isinstance(size, int) else bool(sp.sympify(size).is_nonnegative)


def _slice(e: Any, scope: Scope) -> Reading:
    (value,) = yield [(e.parent, scope)]
    cut = []
    for (start, stop, step), size in zip((e.rowslice, e.colslice), value.tensor.shape[-2:], strict=True):
        first, last, by = scope.size(start), scope.size(stop), int(step)
        if by != 1:  # SymPy's shape is rounded down: it has no last entry that is not a whole step behind
            last = first + (last - first) // by * by
        cut.append(slice(None) if (first, last, by) == (0, size, 1) else slice(first, last, by))
    return Value(value.tensor[(..., *cut)], value.labels)


ENTRIES: Mapping[str, Callable[[Any, Scope], Any]] = MappingProxyType({
    "ElementwiseApplyFunction": _applied, "ArrayElementwiseApplyFunc": _applied, "FunctionMatrix": _function_matrix,
    "Sum": _sum, "Product": _product, "MatrixElement": _element, "ArrayElement": _element, "Indexed": _element,
    "MatrixSlice": _slice,
})
