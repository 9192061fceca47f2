"""Logarithms of what is positive by form, taken apart before exponentials overflow or vanish.

log of a softmax, a sigmoid, a product, a quotient, a sum of exponentials or a mixture of them becomes
logsumexp, softplus and sums of logarithms; log of picked or rearranged entries becomes the picked or
rearranged logarithm. None stands for "the form says nothing".
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.graphs.einsum import contract, literal, literal_value, scale
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.patterns import (
    bare,
    exponential_sum,
    is_positive,
    one_plus_exp,
    positive,
    row_of,
    scaled,
    shifted,
)
from symgrad.graphs.primitives import add, elementwise, rebuild, reduction
from symgrad.graphs.weights import MINUS, ONE

DEEPEST = 32  # forms inside forms that are looked into


def logarithm(node: Node) -> Node:
    """`node`, a logarithm, in its stable form."""
    return log_of(node.operands[0], DEEPEST) or node


def log_of(argument: Node, depth: int) -> Node | None:
    """The stable logarithm of `argument`."""
    if depth == 0:
        return None
    by, inner = scaled(argument)
    if by != ONE:
        log = log_of(inner, depth - 1) if is_positive(by) else None
        return None if log is None else add([log, elementwise("log", [literal(by, inner.shape)])])
    labels = tuple(range(len(inner.shape)))
    if inner.op == "softmax":
        scores, axes = inner.operands[0], inner.attrs[0]
        kept = tuple(i for i in labels if i not in axes)
        norm = contract([reduction("logsumexp", scores, axes)], [kept], labels, dict(enumerate(inner.shape)))
        return add([scores, norm], [ONE, MINUS])
    found = exponential_sum(inner)
    if found is not None and found[2] == ONE:
        return shifted(reduction("logsumexp", found[0], found[1]))
    if (z := row_of(inner, "exp")) is not None:
        return z
    if (z := row_of(inner, "sigmoid")) is not None:
        return scale(elementwise("softplus", [scale(z, MINUS)]), MINUS)
    if (z := one_plus_exp(inner)) is not None:
        return elementwise("softplus", [z])
    if (z := row_of(inner, "reciprocal")) is not None:
        log = log_of(z, depth - 1)
        return None if log is None else scale(log, MINUS)
    if inner.op in ("view", "gather", "slice", "reshape", "concat") or _squeezes(inner):
        return _inside(inner, depth)
    if inner.op == "add":
        return _of_sum(inner, depth)
    return _of_product(inner, depth) if inner.op == "einsum" else None


def _squeezes(node: Node) -> bool:
    """Is `node` the sum of one operand over axes of size 1?"""
    if node.op != "einsum" or len(node.operands) != 1:
        return False
    (labels,), out = node.attrs
    sizes = zip(labels, node.operands[0].shape, strict=True)
    return len(set(labels)) == len(labels) and all(size == 1 for label, size in sizes if label not in out)


def _inside(inner: Node, depth: int) -> Node | None:
    """log of picked or rearranged entries is the picked or rearranged log (no deltas: log 0)."""
    if inner.op == "view" and len(set(inner.attrs[1])) != len(inner.attrs[1]) or not inner.operands:
        return None
    tensors = inner.operands if inner.op == "concat" else inner.operands[:1]
    logs = [log_of(operand, depth - 1) for operand in tensors]
    if any(log is None for log in logs):
        return None
    operands: list[Any] = [*logs, *inner.operands[len(logs):]]
    return rebuild(inner, tuple(operands))


def _of_sum(inner: Node, depth: int) -> Node | None:
    """log(a + b) -> log a + softplus(log b - log a), where both logarithms are known by form."""
    logs = []
    for by, term in zip(inner.attrs[0], inner.operands, strict=True):
        if literal_value(term) is not None and is_positive(by):
            logs.append(elementwise("log", [scale(term, by)]))
        elif (log := log_of(scale(term, by), depth - 1)) is not None:
            logs.append(log)
        else:
            return None
    if not logs:
        return None
    result, *rest = logs
    for log in rest:
        result = add([result, elementwise("softplus", [add([log, result], [ONE, MINUS])])])
    return result


def _of_product(inner: Node, depth: int) -> Node | None:
    """log of a product is the sum of logs, log of a sum of products their logsumexp.

    Factors must be positive by form, or choose (a condition, one-hot labels); and one of them must have all
    the axes, so that no larger tensor is made than there was.
    """
    inputs, out = inner.attrs
    longest = max(inputs, key=len)
    if any(len(set(names)) != len(names) or set(names) - set(longest) for names in inputs) or len(inputs) < 2:
        return None
    logs = []
    for operand in inner.operands:
        log = _of_choice(operand) or (log_of(operand, depth - 1) if positive(operand) else None)
        if log is None and positive(operand):
            log = elementwise("log", [operand])
        if log is None:
            return None
        logs.append(log)
    summed = [x for x in longest if x not in out]
    full = (*out, *summed)
    size = {x: s for names, o in zip(inputs, inner.operands, strict=True) for x, s in zip(names, o.shape, strict=True)}
    terms = [contract([log], [names], full, {x: size[x] for x in full}) for log, names in zip(logs, inputs, strict=True)]
    return shifted(reduction("logsumexp", add(terms), range(len(out), len(full)))) if summed else add(terms)


def _of_choice(node: Node) -> Node | None:
    """log of truth values, or of literals chosen by a condition: minus infinity for what is not chosen."""
    node = bare(node)
    shape, minus_infinity = node.shape, literal(-math.inf, node.shape)
    if node.dtype == BOOLEAN:
        return elementwise("where", [node, literal(0, shape), minus_infinity])
    if node.op != "elementwise" or node.attrs[0] != "where":
        return None
    values = [literal_value(branch) for branch in node.operands[1:]]
    if not all(value is not None and (value.number == 0 or is_positive(value)) for value in values):
        return None
    logs = [_log_literal(branch) for branch in node.operands[1:]]
    return elementwise("where", [node.operands[0], *logs])


def _log_literal(node: Node) -> Node:
    value = literal_value(node)
    return literal(-math.inf, node.shape) if value is None or value.number == 0 else elementwise("log", [node])
