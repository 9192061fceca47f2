"""Reductions: over axes of one sample (`axis=`), or over the samples themselves (`over=T`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale, total
from symgrad.graphs.algebra.primitives import argument, reduction
from symgrad.graphs.algebra.primitives import softmax as softmax_node
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size, product
from symgrad.graphs.weights import inverse, weight
from symgrad.language.align import as_axes, as_axis, as_size, as_tensor, describe
from symgrad.language.habits import axis_named
from symgrad.language.recipes import operation
from symgrad.language.tensor import Axis, Tensor, wrap

Reduce = Callable[[Node, tuple[int, ...]], Node]


@operation
def _reduce(name: str, x: Any, axis: Axis, keepdims: bool, over: Size | None, rule: Reduce,
            empty: bool = True) -> Tensor:
    """`rule` over axes of one sample or over the samples; `empty`: it has a value where there is no entry."""
    t = as_tensor(x, name)
    if over is not None:
        if axis is not None or keepdims:
            raise ShapeError(f"{name}: over={over} closes the sample axis alone; "
                             "reduce the axes of a sample in a call of its own")
        if t.over is None or as_size(over, f"{name}, over") != t.over:
            what = f"one sample of {t.over}" if t.over is not None else "not over a sample axis"
            raise ShapeError(f"{name}: over={over}, but {describe(t)} is {what}")
        return wrap(rule(t.node, (0,)))
    axes = as_axes(axis, t, name)
    if not empty and any(t.shape[a] == 0 for a in axes):
        raise ShapeError(f"{name}: {describe(t)} has no entries along axis "
                         f"{next(a for a in axes if t.shape[a] == 0)}, and there is no {name} of nothing")
    lead = 0 if t.over is None else 1
    node = rule(t.node, tuple(a + lead for a in axes))
    if keepdims:
        shape = t.node.shape
        kept = [i for i in range(len(shape)) if i - lead not in axes]
        sizes = {i: 1 if i - lead in axes else shape[i] for i in range(len(shape))}
        node = contract([node], [kept], range(len(shape)), sizes)
    return wrap(node, t.over)


@axis_named
def sum(x: Any, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
    """The sum over `axis` (None: all axes of one sample), or over the samples (`over=T`).

    >>> import symgrad as sg
    >>> sg.sum(sg.data("X", (2, 3)), axis=0).shape
    (3,)
    """
    return _reduce("sum", x, axis, keepdims, over, total)


@axis_named
def mean(x: Any, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
    """The mean over `axis` (None: all axes of one sample), or over the samples (`over=T`).

    >>> T = sg.dim("T")
    >>> print(sg.mean(sg.data("x", over=T), over=T))
    1/T ∑_t x_t
    """
    return _reduce("mean", x, axis, keepdims, over, _average, empty=False)


def _average(node: Node, axes: tuple[int, ...]) -> Node:
    return scale(total(node, axes), inverse(weight(product(node.shape[a] for a in axes))))


def empirical_risk(t: Tensor) -> Tensor:
    """1/T times the sum over the samples of `t`: `sg.mean(t, over=t.over)`.

    >>> x = sg.data("x", 3, over=sg.dim("T"))
    >>> print(sg.empirical_risk(x @ x))
    1/T ∑_t ‖x_t‖²
    """
    t = as_tensor(t, "empirical_risk")
    if t.over is None:
        raise ShapeError(f"empirical_risk: {describe(t)} is not over a sample axis; "
                         "write the data with over=T, or take sg.mean")
    return mean(t, over=t.over)


@axis_named
def max(x: Any, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
    """The largest entry; ties share the derivative equally.

    >>> x = sg.data("x", 3)
    >>> sg.gradient(sg.max(x), x).eval(x=[1.0, 2.0, 2.0])
    array([0. , 0.5, 0.5])
    """
    return _reduce("max", x, axis, keepdims, over, _largest, empty=False)


@axis_named
def min(x: Any, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
    """The smallest entry; ties share the derivative equally.

    >>> sg.min(sg.data("x", (2, 3)), axis=1).shape
    (2,)
    """
    return _reduce("min", x, axis, keepdims, over, _smallest, empty=False)


def _largest(node: Node, axes: tuple[int, ...]) -> Node:
    return reduction(ops.MAX, node, axes)


def _smallest(node: Node, axes: tuple[int, ...]) -> Node:
    return reduction(ops.MIN, node, axes)


@axis_named
def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False, over: Size | None = None) -> Tensor:
    """log(sum(exp(x))), without overflow.

    >>> x = sg.data("x", 2)
    >>> print(sg.gradient(sg.logsumexp(x), x))
    softmax(x)
    >>> sg.logsumexp(x).eval(x=[1000.0, 0.0])
    np.float64(1000.0)
    """
    return _reduce("logsumexp", x, axis, keepdims, over, _log_of_sum)


def _log_of_sum(node: Node, axes: tuple[int, ...]) -> Node:
    return reduction(ops.LOGSUMEXP, node, axes)


@axis_named
def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the first largest entry along `axis` (None: of all entries, flattened).

    >>> sg.argmax(sg.data("x", 3)).eval(x=[1.0, 3.0, 3.0])
    np.int64(1)
    """
    return _argument(ops.ARGMAX, x, axis, keepdims)


@axis_named
def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """The position of the first smallest entry along `axis` (None: of all entries, flattened).

    >>> sg.argmin(sg.data("x", (2, 3)), axis=1).shape
    (2,)
    """
    return _argument(ops.ARGMIN, x, axis, keepdims)


def _argument(op: ops.Op, x: Any, axis: int | None, keepdims: bool) -> Tensor:
    t = as_tensor(x, op)
    if axis is None:
        position = _argument(op, t.reshape((-1,)), 0, False)
        return position.reshape((1,) * t.ndim) if keepdims else position
    rule = _first_largest if op is ops.ARGMAX else _first_smallest
    return _reduce(op, t, as_axis(axis, t.ndim, op, t), keepdims, None, rule, empty=False)


def _first_largest(node: Node, axes: tuple[int, ...]) -> Node:
    return argument(ops.ARGMAX, node, axes[0])


def _first_smallest(node: Node, axes: tuple[int, ...]) -> Node:
    return argument(ops.ARGMIN, node, axes[0])


@axis_named
@operation
def softmax(x: Any, axis: int = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along `axis`, without overflow.

    >>> z = sg.data("z", 3)
    >>> print(sg.jacobian(sg.softmax(z), z))
    diag(softmax(z)) - softmax(z) softmax(z)ᵀ
    """
    t = as_tensor(x, "softmax")
    place = as_axis(axis, t.ndim, "softmax", t) + (0 if t.over is None else 1)
    return wrap(softmax_node(t.node, (place,)), t.over)


@axis_named
def log_softmax(x: Any, axis: int = -1) -> Tensor:
    """x - logsumexp(x) along `axis`: the logarithm of softmax, without overflow.

    >>> sg.log_softmax(sg.data("z", 2)).eval(z=[1000.0, 0.0])
    array([    0., -1000.])
    """
    t = as_tensor(x, "log_softmax")
    as_axis(axis, t.ndim, "log_softmax", t)
    return t - logsumexp(t, axis, keepdims=True)
