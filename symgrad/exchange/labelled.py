"""Values with running indices: a tensor whose first axes are labelled, as the reader of SymPy's formulas needs them.

In `Sum(X[i, j] * a[j], (j, 0, n - 1))` the summand has a value for every i and j. It is a tensor with one axis for
each, and every operation of symgrad works on such a stack as it is: operands are laid out alike, size 1 where an
operand lacks an index, and broadcast. A sum over an index is then a contraction, a matrix of entries a change of
what the axes are called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.sizes import Size
from symgrad.language.contraction import einsum
from symgrad.language.rearrange import broadcast_to, expand_dims, transpose
from symgrad.language.tensor import Tensor

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class IndexLabel:
    """One running index: equal to itself alone."""

    __slots__ = ()


class Value(NamedTuple):
    """A tensor whose first axes are those of `labels`; `number` where it is a number or an expression in sizes."""

    tensor: Tensor
    labels: tuple[IndexLabel, ...] = ()
    number: sp.Expr | None = None

    @property
    def own(self) -> int:
        """How many axes it has behind the labels: 0 for a scalar, 2 for a matrix."""
        return self.tensor.ndim - len(self.labels)


def union(values: Sequence[Value]) -> tuple[IndexLabel, ...]:
    """All labels, in the order of first occurrence."""
    return tuple(dict.fromkeys(label for value in values for label in value.labels))


def arranged(value: Value, labels: Sequence[IndexLabel], own: int | None = None) -> Tensor:
    """The tensor with one first axis for each of `labels`, size 1 where the value lacks it, and `own` axes behind."""
    tensor, missing = value.tensor, 0 if own is None else own - value.own
    held = [label for label in labels if label in value.labels]
    order = [value.labels.index(label) for label in held]
    if order != sorted(order):
        tensor = transpose(tensor, [*order, *range(len(order), tensor.ndim)])
    fresh = [i for i, label in enumerate(labels) if label not in value.labels]
    fresh += range(len(labels), len(labels) + missing)
    return expand_dims(tensor, fresh) if labels and fresh else tensor


def together(values: Sequence[Value]) -> tuple[list[Tensor], tuple[IndexLabel, ...]]:
    """Tensors that broadcast against each other, and the labels of the result."""
    labels = union(values)
    own = max(value.own for value in values)
    return [arranged(value, labels, own) for value in values], labels


def closed(value: Value, labels: tuple[IndexLabel, ...], sizes: Sequence[Size]) -> Value:
    """The value with the running indices `labels`, of `sizes`, as its own last axes."""
    rest = tuple(label for label in value.labels if label not in labels)
    tensor = arranged(value, (*rest, *labels))
    if any(label not in value.labels for label in labels):
        tensor = broadcast_to(tensor, (*tensor.shape[:len(rest)], *sizes))
    return Value(tensor, rest)


def contracted(factors: Sequence[tuple[Tensor, Sequence[IndexLabel]]], out: Sequence[IndexLabel]) -> Tensor:
    """The product of tensors, every axis of which is labelled, summed over the labels that `out` lacks."""
    names = list(dict.fromkeys(label for _, labels in factors for label in labels))
    if len(names) > len(LETTERS):
        raise SymgradError(f"more than {len(LETTERS)} indices in one sum")
    letter: dict[Any, str] = dict(zip(names, LETTERS, strict=False))
    inputs = ",".join("".join(letter[x] for x in labels) for _, labels in factors)
    return einsum(f"{inputs}->{''.join(letter[x] for x in out)}", *(tensor for tensor, _ in factors))
