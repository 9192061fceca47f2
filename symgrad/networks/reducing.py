"""Operators that fold axes: sums, means, extremes, norms, running sums; products of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from symgrad.graphs.node import BOOLEAN
from symgrad.language import contraction as co
from symgrad.language import linear_algebra as la
from symgrad.language import pointwise as ew
from symgrad.language import reduction as red
from symgrad.language.arrays import astype
from symgrad.language.composed import flip, norm
from symgrad.language.padding import pad
from symgrad.language.picking import cumprod
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, Reads
from symgrad.networks.entrywise import within

Fold = Callable[..., Tensor]


def _folded(fold: Fold, empty: float) -> Callable[..., Tensor]:
    """A rule for a reduction; `empty` is its value where there is no entry."""
    def rule(c: Call, x: Tensor, axes: Any = None) -> Tensor:
        places = _places(c, x, axes)
        if places is None:
            return fold(x, (), True) if c.operator not in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin",
                                                          "ReduceProd") else x
        keep = bool(c["keepdims"])
        if any(x.shape[a] == 0 for a in places):
            sizes = [1 if a in places else s for a, s in enumerate(x.shape) if keep or a not in places]
            if math.isnan(empty):
                c.refuse("it folds an axis without entries")
            return ew.equal(co.full(tuple(sizes), 0), 0 if empty > 0 else 1) if x.dtype == BOOLEAN else co.full(
                tuple(sizes), empty)
        if x.dtype == BOOLEAN:
            return astype(fold(astype(x, int), places, keep), bool)
        return within(c, fold(x, places, keep), 1 if c.operator in ("ReduceMax", "ReduceMin") else 2)

    return rule


def _places(c: Call, x: Tensor, axes: Any) -> tuple[int, ...] | None:
    """The axes to fold; None where a node says to fold none."""
    if isinstance(axes, Tensor):
        return _by_declared(c, x, axes)
    given = c["axes"] if axes is None else c.sizes(axes, "axes")
    if given is None or len(given) == 0:
        return None if c["noop_with_empty_axes"] else tuple(range(x.ndim))
    return tuple(c.axis(a, x) for a in given)


def _by_declared(c: Call, x: Tensor, axes: Any) -> tuple[int, ...]:
    """Axes of run time, where the declared shape of the result leaves one choice."""
    shape = c.declared(0)
    if shape is not None and not shape and not c["keepdims"]:
        return tuple(range(x.ndim))
    if shape is not None and c["keepdims"] and len(shape) == x.ndim and None not in shape:
        folded = tuple(a for a, size in enumerate(shape) if size == 1 and x.shape[a] != 1)
        if folded or all(size == 1 for size in x.shape):
            return folded
    c.sizes(axes, "axes")
    raise AssertionError


def _mean(x: Tensor, axes: Any, keep: bool) -> Tensor:
    return red.mean(x, axes, keep)


def _sum(x: Tensor, axes: Any, keep: bool) -> Tensor:
    return red.sum(x, axes, keep)


def _log_sum(x: Tensor, axes: Any, keep: bool) -> Tensor:
    return ew.log(red.sum(x, axes, keep))


def _square_sum(x: Tensor, axes: Any, keep: bool) -> Tensor:
    return red.sum(x**2, axes, keep)


def _l1(x: Tensor, axes: Any, keep: bool) -> Tensor:
    return norm(x, 1, axes, keep)


def _l2(x: Tensor, axes: Any, keep: bool) -> Tensor:
    return norm(x, 2, axes, keep)


def _argument(find: Fold) -> Callable[..., Tensor]:
    def rule(c: Call, x: Tensor) -> Tensor:
        place, keep = c.axis(c["axis"], x), bool(c["keepdims"])
        if c["select_last_index"]:
            last = find(flip(x, place), place, keep)
            return x.shape[place] - 1 - last
        return find(x, place, keep)

    return rule


def _running(fold: Callable[[Tensor, int], Tensor], empty: int) -> Callable[..., Tensor]:
    """Running sums, running products; `empty` stands before the first entry."""
    def rule(c: Call, x: Tensor, axis: Any) -> Tensor:
        if isinstance(axis, Tensor) and x.ndim == 1:
            axis = 0
        place = axis if isinstance(axis, int) else c.axis(int(c.number(axis, "axis")), x)
        x = flip(x, place) if c["reverse"] else x
        total = fold(x, place)
        if c["exclusive"]:
            front = (slice(None),) * place
            widths = [(1, 0) if a == place else (0, 0) for a in range(x.ndim)]
            total = pad(total[(*front, slice(None, -1))], widths, empty)
        return flip(total, place) if c["reverse"] else total

    return rule


def _matmul(c: Call, a: Tensor, b: Tensor) -> Tensor:
    return co.matmul(a, b)


def _gemm(c: Call, a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    a, b = (a.T if c["transA"] else a), (b.T if c["transB"] else b)
    y = co.matmul(a, b)
    y = y if c["alpha"] == 1 else c["alpha"] * y
    if bias is None or c["beta"] == 0:
        return y
    return y + (bias if c["beta"] == 1 else c["beta"] * bias)


def _einsum(c: Call, *operands: Tensor) -> Tensor:
    return co.einsum(c["equation"].replace(" ", ""), *operands)


def _det(c: Call, x: Tensor) -> Tensor:
    return la.det(x)


def _lp_normal(c: Call, x: Tensor) -> Tensor:
    length = norm(x, c["p"], c.axis(c["axis"], x), True)
    return ew.where(ew.equal(length, 0), 0, x / ew.where(ew.equal(length, 0), 1, length))


ROWS = (
    Reads("ReduceSum", _folded(_sum, 0), (1,)), Reads("ReduceMean", _folded(_mean, math.nan), (1,)),
    Reads("ReduceMax", _folded(red.max, -math.inf), (1,)), Reads("ReduceMin", _folded(red.min, math.inf), (1,)),
    Reads("ReduceProd", _folded(la.prod, 1), (1,)), Reads("ReduceL1", _folded(_l1, 0), (1,)),
    Reads("ReduceL2", _folded(_l2, 0), (1,)), Reads("ReduceLogSum", _folded(_log_sum, -math.inf), (1,)),
    Reads("ReduceLogSumExp", _folded(red.logsumexp, -math.inf), (1,)),
    Reads("ReduceSumSquare", _folded(_square_sum, 0), (1,)), Reads("ArgMax", _argument(red.argmax)),
    Reads("ArgMin", _argument(red.argmin)), Reads("CumSum", _running(la.cumsum, 0), (1,)),
    Reads("CumProd", _running(cumprod, 1), (1,)), Reads("MatMul", _matmul),
    Reads("Gemm", _gemm), Reads("Einsum", _einsum), Reads("Det", _det), Reads("LpNormalization", _lp_normal),
)
