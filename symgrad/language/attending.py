"""Rows chosen by their number, and rows weighted by how well a key fits a query: embeddings and attention.

An attention is A V with A = softmax(Q Kᵀ / sqrt(d)), one distribution over the keys in each row. A key that a mask takes
out has the score minus infinity. Where it takes out all of them there is no distribution: such a row counts as 0, and
moves nothing; its scores are replaced by zeros, for the softmax of none is NaN, and so are its derivatives.
"""

from __future__ import annotations

import math
from typing import Any

import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.graphs import ops
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.graphs.sizes import canonical
from symgrad.language.align import as_int, as_tensor, common_over, describe
from symgrad.language.contraction import arange
from symgrad.language.dropping import dropped
from symgrad.language.pointwise import as_real, equal, greater_equal, logical_and, sqrt, where
from symgrad.language.rearrange import expand_dims, stop_gradient, swapaxes
from symgrad.language.reduction import max as largest
from symgrad.language.reduction import softmax
from symgrad.language.tensor import Tensor


def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` (number of embeddings, dimension) at the integers `input`, along a new last axis.

    The row `padding_idx` (from the end where negative) gets no gradient; negative indices count from the end, too, as in
    NumPy. Raises ShapeError for indices that are no
    integers, or a `padding_idx` out of range. Source: PyTorch's `embedding`.

    >>> i, W = sg.data("i", 5, dtype="integer", over=sg.dim("T")), sg.parameter("W", (100, 8))
    >>> sg.embedding(i, W, padding_idx=0).shape
    (5, 8)
    """
    return rows_at("embedding", input, weight, padding_idx)


def attention(q: Any, k: Any, v: Any, mask: Any = None, is_causal: bool = False, scale: Any = None) -> Tensor:
    """softmax(scale q kᵀ) v: for every query the mean of the values, weighted by how well their keys fit.

    Shapes (..., L, d), (..., S, d) and (..., S, e) give (..., L, e); axes in front (batches, heads) broadcast. `scale`
    is 1 / sqrt(d) unless given. A boolean `mask` that broadcasts to (..., L, S) is True where a key takes part, a real
    one is added to the scores; `is_causal` lets query i see the keys 0 to i. A query without any key gives 0.
    Raises ShapeError for shapes that do not fit. Source: Vaswani et al. 2017; PyTorch's `scaled_dot_product_attention`.

    >>> n, d = sg.dims("n d")
    >>> Q, K, V = (sg.data(name, (n, d)) for name in "QKV")
    >>> print(sg.attention(Q, K, V))
    softmax(1/√d Q Kᵀ) V
    """
    return attended("attention", q, k, v, mask, is_causal, scale)[0]


def rows_at(name: str, input: Any, weight: Any, padding_idx: Any) -> Tensor:
    """`embedding`; `name` says in errors whose it is."""
    indices, table = as_tensor(input, name), as_tensor(weight, name)
    if indices.dtype != INTEGER:
        raise ShapeError(f"{name}: {describe(indices)} is {indices.dtype}; it must be integer, rows of the weight")
    if table.ndim != 2:
        raise ShapeError(f"{name}: the weight {describe(table)} must have two axes, (number of embeddings, dimension)")
    classes = indices.node.attrs[0].classes if indices.node.op is ops.INPUT else None
    if isinstance(classes, int) and isinstance(table.shape[0], int) and classes > table.shape[0]:
        raise ShapeError(f"{name}: {describe(indices)} has {classes} classes, and there are {table.shape[0]} rows to "
                         "choose from")
    rows = table[indices]
    if padding_idx is None:
        return rows
    place = padding_row(name, table.shape[0], padding_idx)
    return where(expand_dims(equal(indices, place), -1), stop_gradient(rows), rows)


def padding_row(name: str, count: Any, padding_idx: Any) -> Any:
    """The number of the padded row among `count`, from the front. Raises ShapeError where there is none."""
    row = as_int(padding_idx, name, "padding_idx")
    if isinstance(count, int) and not -count <= row < count:
        raise ShapeError(f"{name}: padding_idx {row} is none of the {count} embeddings")
    return row if row >= 0 else canonical(count + row)


def attended(name: str, q: Any, k: Any, v: Any, mask: Any, is_causal: bool, scale: Any,
             dropout: float = 0.0) -> tuple[Tensor, Tensor]:
    """The attention, and the weights A by which it takes the values, with the probability `dropout` that one is dropped.

    `name` says in errors whose it is.
    """
    Q, K, V = as_tensor(q, name), as_tensor(k, name), as_tensor(v, name)
    for what, t in (("queries", Q), ("keys", K), ("values", V)):
        if t.ndim < 2 or t.dtype == BOOLEAN:
            raise ShapeError(f"{name}: the {what} {describe(t)} must be real, (..., rows, features)")
    if Q.shape[-1] != K.shape[-1]:
        raise ShapeError(f"{name}: queries {describe(Q)} have {Q.shape[-1]} features, keys {describe(K)} have "
                         f"{K.shape[-1]}; they must be equally many")
    if K.shape[-2] != V.shape[-2]:
        raise ShapeError(f"{name}: {describe(K)} has {K.shape[-2]} keys, {describe(V)} has {V.shape[-2]} values; every key "
                         "belongs to one value")
    products = Q @ swapaxes(K, -1, -2)
    if scale is None:
        scores = products / (sp.sqrt(size) if isinstance(size := Q.shape[-1], int) else sqrt(size))
    else:
        scores = products * as_tensor(scale, name)
    allowed, added = _masks(name, scores, mask, is_causal)
    takes = None if _everyone_sees(scores, mask, is_causal) else _any(_seen(scores, allowed, added))
    if added is not None:
        scores = scores + added
    if allowed is not None:
        scores = where(allowed, scores, -math.inf)
    if takes is None:
        weights = dropped(name, softmax(scores), dropout)
        return weights @ V, weights
    weights = dropped(name, where(takes, softmax(where(takes, scores, 0)), 0), dropout)
    return weights @ V, weights


def _masks(name: str, scores: Tensor, mask: Any, is_causal: Any) -> tuple[Tensor | None, Tensor | None]:
    """Where keys take part (None: everywhere), and what is added to scores (None: nothing)."""
    if not isinstance(is_causal, bool):
        raise TypeError(f"{name}: is_causal is True or False, not {is_causal!r}")
    queries, keys = scores.shape[-2:]
    allowed = greater_equal(expand_dims(arange(queries), -1), arange(keys)) if is_causal else None
    if mask is None:
        return allowed, None
    given = as_tensor(mask, name)
    if given.dtype not in (BOOLEAN, REAL):
        raise ShapeError(f"{name}: the mask {describe(given)} is {given.dtype}; it must be boolean (True takes part) "
                         "or real (added to the scores)")
    common_over(name, [scores, given])
    if given.ndim > scores.ndim or any(size not in (1, wanted) for size, wanted in zip(
            given.shape[::-1], scores.shape[::-1], strict=False)):
        raise ShapeError(f"{name}: the mask {describe(given)} does not fit the {queries} queries and {keys} keys: it must "
                         f"broadcast to {shape_text(scores.shape)}")
    if given.dtype == BOOLEAN:
        return given if allowed is None else logical_and(allowed, given), None
    return allowed, given


def _everyone_sees(scores: Tensor, mask: Any, is_causal: bool) -> bool:
    """Is it known that every query has a key? Without a mask it has: the first one, if it is causal; and where the numbers
    of a mask are known, they say so."""
    if mask is None:
        return True
    node = as_tensor(mask, "mask").node
    turned = node.op is ops.ELEMENTWISE and node.attrs == ("logical_not",)
    node = node.operands[0] if turned else node
    if node.op is not ops.CONSTANT or node.shape[-2:] != scores.shape[-2:]:
        return False
    values = node.attrs[0].value
    seen = values > -math.inf if node.dtype == REAL else ~values if turned else values
    return all(seen[..., i, :i + 1 if is_causal else None].any(axis=-1).all() for i in range(seen.shape[-2]))


def _seen(scores: Tensor, allowed: Tensor | None, added: Tensor | None) -> Tensor:
    """Where a key takes part, by what takes it out."""
    if added is None:
        assert allowed is not None
        return allowed
    finite = added > -math.inf
    return finite if allowed is None else logical_and(allowed, finite)


def _any(seen: Tensor) -> Tensor:
    """Whether a row has any True, with an axis of one entry in the place of the keys."""
    return largest(as_real(seen), -1, keepdims=True) > 0
