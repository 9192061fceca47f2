"""SymPy's matrices and arrays of them: products, inverses, blocks, contractions. See `sympy_rules.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add, mul
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symgrad.exchange.labelled import IndexLabel, Value, arranged, contracted, together, union
from symgrad.exchange.sympy_scope import Reading, Scope, entry, refuse
from symgrad.graphs.errors import SymgradError
from symgrad.language import contraction, linear_algebra, rearrange
from symgrad.language.align import as_tensor
from symgrad.language.tensor import Tensor


def _folded(combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Any, Scope], Reading]:
    """A rule of an operation of any number of operands that broadcast."""
    def rule(e: Any, scope: Scope) -> Reading:
        tensors, labels = together((yield [(part, scope) for part in e.args]))
        return Value(reduce(combine, tensors), labels)

    return rule


def _matmul(e: Any, scope: Scope) -> Reading:
    values = yield [(part, scope) for part in e.args]
    scalars = [value for value in values if value.own == 0]
    matrices = [value for value in values if value.own]
    labels = union(values)
    tensor = reduce(contraction.matmul, (arranged(value, labels) for value in matrices))
    if scalars:
        (factor, tensor), _ = together([Value(reduce(mul, together(scalars)[0]), union(scalars)), Value(tensor, labels)])
        tensor = factor * tensor
    return Value(tensor, labels)


def _unary(make: Callable[[Tensor], Tensor]) -> Callable[[Any, Scope], Reading]:
    """A rule of an operation of one matrix, or of a stack."""
    def rule(e: Any, scope: Scope) -> Reading:
        (value,) = yield [(e.args[0], scope)]
        return Value(make(value.tensor), value.labels)

    return rule


def _hadamard_power(e: Any, scope: Scope) -> Reading:
    base, exponent = yield [(part, scope) for part in e.args]
    if exponent.number is not None:
        return Value(base.tensor ** exponent.number, base.labels)
    (a, b), labels = together([base, exponent])
    return Value(a ** b, labels)


def _power(e: Any, scope: Scope) -> Reading:
    if not e.exp.is_Integer:
        refuse(e, "a power of a matrix has an int as its exponent; entry by entry it is HadamardPower")
    (value,) = yield [(e.base, scope)]
    count, tensor = int(e.exp), value.tensor
    if count < 0:
        tensor, count = linear_algebra.inv(tensor), -count
    result: Tensor | None = None
    while count:  # by squaring
        if count & 1:
            result = tensor if result is None else contraction.matmul(result, tensor)
        count >>= 1
        tensor = contraction.matmul(tensor, tensor) if count else tensor
    return Value(contraction.eye(value.tensor.shape[-1]) if result is None else result, value.labels)


def _kronecker(e: Any, scope: Scope) -> Reading:
    tensors, labels = together((yield [(part, scope) for part in e.args]))
    result = tensors[0]
    for other in tensors[1:]:
        (n, m), (p, q) = result.shape[-2:], other.shape[-2:]
        joined = contraction.einsum("...ij,...kl->...ikjl", result, other)
        result = joined.reshape((*joined.shape[:-4], n * p, m * q))
    return Value(result, labels)


def _dot(e: Any, scope: Scope) -> Reading:
    tensors, labels = together((yield [(part, scope) for part in e.args]))
    a, b = map(_vector, tensors)
    return Value(contraction.einsum("...i,...i->...", a, b), labels)


def _from_diagonal(e: Any, scope: Scope) -> Reading:
    """DiagMatrix of a vector."""
    (value,) = yield [(e.args[0], scope)]
    if value.own != 2 or 1 not in value.tensor.shape[-2:]:
        return value  # SymPy's diag of a matrix is the matrix
    return Value(contraction.einsum("...i->...ii", _vector(value.tensor)), value.labels)


def _vector(t: Tensor) -> Tensor:
    """A matrix of one column or one row as a vector."""
    return rearrange.squeeze(t, -1 if t.shape[-1] == 1 else -2)


def _diagonal_part(t: Tensor) -> Tensor:
    if t.shape[-1] != t.shape[-2]:
        raise SymgradError(f"the diagonal part of a matrix that is {t.shape[-2]} x {t.shape[-1]} is not read")
    return contraction.einsum("...ii->...ii", t)


def _diagonal_of(t: Tensor) -> Tensor:
    return rearrange.expand_dims(contraction.diagonal(t, 0, -2, -1), -1)


def _blocks(e: Any, scope: Scope) -> Reading:
    rows, columns = e.blocks.shape
    parts = _alone(e, (yield [(part, scope) for part in list(e.blocks)]))
    strips = [_joined(parts[i * columns:(i + 1) * columns], 1) for i in range(rows)]
    return Value(_joined(strips, 0))


def _alone(e: Any, values: list[Value]) -> list[Tensor]:
    """Blocks, which must not depend on indices that run: what is joined does not broadcast."""
    if union(values):
        refuse(e, "blocks that depend on an index that runs are not read")
    return [value.tensor for value in values]


def _joined(parts: list[Tensor], axis: int) -> Tensor:
    return parts[0] if len(parts) == 1 else rearrange.concatenate(parts, axis)


def _block_diagonal(e: Any, scope: Scope) -> Reading:
    tensors = _alone(e, (yield [(part, scope) for part in e.args]))
    strips = []
    for i, t in enumerate(tensors):
        row = [t if i == j else contraction.zeros((t.shape[0], other.shape[1])) for j, other in enumerate(tensors)]
        strips.append(_joined(row, 1))
    return Value(_joined(strips, 0))


def _explicit(e: Any, scope: Scope) -> Value | Reading:
    """A matrix or array that is written out: a constant, or its entries joined."""
    entries = list(e) if isinstance(e, sp.MatrixBase) else list(e.reshape(len(e)))
    if not all(isinstance(each, sp.Expr) and each.is_number for each in entries):
        return _entries(e, entries, scope)
    if any(not each.is_real for each in entries):
        refuse(e, "its entries are not all real numbers")
    return Value(as_tensor(np.array([float(each) for each in entries]).reshape(tuple(map(int, e.shape)))))


def _entries(e: Any, entries: list[Any], scope: Scope) -> Reading:
    values = [entry(e, value) for value in (yield [(each, scope) for each in entries])]
    tensors, labels = together(values)
    sizes = [next((t.shape[i] for t in tensors if t.shape[i] != 1), 1) for i in range(len(labels))]
    if labels:
        tensors = [rearrange.broadcast_to(t, sizes) for t in tensors]
    return Value(rearrange.stack(tensors, len(labels)).reshape((*sizes, *map(int, e.shape))), labels)


# arrays -----------------------------------------------------------------------------------------------------


def _outer(values: Sequence[Value]) -> tuple[list[tuple[Tensor, tuple[IndexLabel, ...]]], list[IndexLabel]]:
    """Factors with labels for all axes, and the labels of their own axes one after another."""
    axes = [tuple(IndexLabel() for _ in range(value.own)) for value in values]
    factors = [(value.tensor, (*value.labels, *own)) for value, own in zip(values, axes, strict=True)]
    return factors, [label for own in axes for label in own]


def _tensor_product(e: Any, scope: Scope) -> Reading:
    values = yield [(part, scope) for part in e.args]
    factors, axes = _outer(values)
    labels = union(values)
    return Value(contracted(factors, (*labels, *axes)), labels)


def _contraction(e: Any, scope: Scope) -> Reading:
    """ArrayContraction and ArrayDiagonal: axes that are one; summed, or kept behind the others."""
    diagonal = type(e).__name__ == "ArrayDiagonal"
    factors = e.expr.args if type(e.expr).__name__ == "ArrayTensorProduct" else (e.expr,)
    values = yield [(part, scope) for part in factors]
    terms, axes = _outer(values)
    groups = [tuple(int(axis) for axis in group) for group in (e.diagonal_indices if diagonal else e.contraction_indices)]
    one = {axes[axis]: axes[group[0]] for group in groups for axis in group}
    out = [axis for axis in axes if axis not in one] + [axes[group[0]] for group in groups if diagonal]
    labels = union(values)
    joined = [(tensor, tuple(one.get(x, x) for x in names)) for tensor, names in terms]
    return Value(contracted(joined, (*labels, *out)), labels)


def _permuted(e: Any, scope: Scope) -> Reading:
    (value,) = yield [(e.expr, scope)]
    lead = len(value.labels)
    axes = [*range(lead), *(lead + int(place) for place in e.permutation.array_form)]
    return Value(rearrange.transpose(value.tensor, axes), value.labels)


def _reshaped(e: Any, scope: Scope) -> Reading:
    (value,) = yield [(e.expr, scope)]
    return Value(value.tensor.reshape((*value.tensor.shape[:len(value.labels)], *scope.shape(e.shape))), value.labels)


MATRICES: Mapping[str, Callable[[Any, Scope], Any]] = MappingProxyType({
    "MatAdd": _folded(add), "MatMul": _matmul, "HadamardProduct": _folded(mul), "HadamardPower": _hadamard_power,
    "MatPow": _power, "Inverse": _unary(linear_algebra.inv), "Transpose": _unary(rearrange.matrix_transpose),
    "Adjoint": _unary(rearrange.matrix_transpose), "Trace": _unary(lambda t: contraction.trace(t, 0, -2, -1)),
    "Determinant": _unary(linear_algebra.det), "KroneckerProduct": _kronecker, "DotProduct": _dot,
    "DiagMatrix": _from_diagonal, "DiagonalMatrix": _unary(_diagonal_part), "DiagonalOf": _unary(_diagonal_of),
    "BlockMatrix": _blocks, "BlockDiagMatrix": _block_diagonal, "MatrixBase": _explicit, "NDimArray": _explicit,
    "ArrayTensorProduct": _tensor_product, "ArrayContraction": _contraction, "ArrayDiagonal": _contraction,
    "PermuteDims": _permuted, "ArrayAdd": _folded(add), "Reshape": _reshaped,
})
