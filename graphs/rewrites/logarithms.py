"""Quantities as mantissa times exponential, before exponentials overflow or vanish.

`split` reads a node as `mantissa * exp(exponent)`, as floating-point numbers are written, but exactly and by
form: exp, sigmoid, softmax and their products, powers, quotients, choices and sums of any signs have such a
form. The logarithm of a node is then `log(mantissa) + exponent`, a quotient the difference of exponents.

A sum takes its largest exponent out (a constant for differentiation: what it adds cancels). Where all
mantissas are one, that is logsumexp or softplus. Factors of unknown sign stay mantissas; entries whose factor
is zero do not count for the largest exponent and never give 0 * infinity (the row `times_exp`).
None stands for "the form says nothing".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import broadcast, contract, literal, literal_value, product, scale, total
from symgrad.graphs.algebra.linear import logdet
from symgrad.graphs.algebra.primitives import add, elementwise, reduction
from symgrad.graphs.algebra.running import cumsum, multiply
from symgrad.graphs.node import Node
from symgrad.graphs.rewrites.differences import log_of_difference
from symgrad.graphs.rewrites.floating import (
    Floating,
    as_parts,
    counting,
    held,
    ln,
    log_of_choice,
    weighted,
    without,
)
from symgrad.graphs.rewrites.patterns import (
    bare,
    exponential_sum,
    is_positive,
    one_plus_exp,
    positive,
    row_of,
    scaled,
    shifted,
)
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE, weight

DEEPEST = 32  # forms inside forms that are looked into


def logarithm(node: Node) -> Node:
    """`node`, a logarithm, in its stable form."""
    return log_of(node.operands[0]) or node


def log_of(argument: Node) -> Node | None:
    """The stable logarithm of `argument`."""
    whole = log_of_difference(argument) or _log_of_many(argument)
    if whole is not None:
        return whole
    parts = split(argument)
    if parts is None:
        return None
    if parts.mantissa is None:
        return parts.exponent
    return add([elementwise("log", [parts.mantissa]), parts.exponent])


def _log_of_many(argument: Node) -> Node | None:
    """Logarithms of products along an axis and of determinants as sums of logarithms; NaN where these are negative."""
    by, inner = scaled(argument)
    if not is_positive(by):
        return None
    absolute = row_of(inner, "abs")
    inner = bare(absolute) if absolute is not None else inner
    sign: Node | None
    if inner.op is ops.COFACTOR and inner.attrs == (0,):
        log, sign = logdet(inner.operands[0]), inner
    elif inner.op is ops.MULTIPLY and inner.attrs[1] == 0:
        x, axis = inner.operands[0], inner.attrs[0]
        parts = split(x)
        mantissa, more = (x, None) if parts is None else (parts.mantissa, total(parts.exponent, (axis,)))
        if mantissa is None:
            return None
        log = total(elementwise("log" if positive(mantissa) else "log_abs", [mantissa]), (axis,))
        log = log if more is None else add([log, more])
        sign = None if positive(mantissa) else multiply(elementwise("sign", [mantissa]), axis)
    else:
        return None
    if sign is not None and absolute is None:
        log = elementwise("defined", [elementwise("greater_equal", [sign, literal(0, sign.shape)]), log])
    return log if by == ONE else add([log, ln(literal(by, log.shape))])


def split(node: Node, depth: int = DEEPEST) -> Floating | None:
    """`node` as mantissa times exponential."""
    if depth == 0 or depth in _silent.get(node, ()):
        return None
    parts = _split(node, depth)
    if parts is None:
        _silent.setdefault(node, set()).add(depth)
    return parts


_silent: WeakKeyDictionary[Node, set[int]] = WeakKeyDictionary()  # depths at which a form says nothing: asked once each,
# since x (1 - x) asks twice about x at each level


def _split(node: Node, depth: int) -> Floating | None:
    by, inner = scaled(node)
    if by != ONE:
        parts = split(inner, depth - 1)
        return None if parts is None else weighted(parts, by)
    if inner.op is ops.SOFTMAX:
        scores, axes = inner.operands[0], inner.attrs[0]
        kept = tuple(i for i in range(len(inner.shape)) if i not in axes)
        norm = broadcast(reduction(ops.LOGSUMEXP, scores, axes), kept, inner.shape)
        return Floating(None, add([scores, norm], [ONE, MINUS]))
    found = exponential_sum(inner)
    if found is not None and found[2] == ONE:
        return Floating(None, shifted(reduction(ops.LOGSUMEXP, found[0], found[1])), True)
    if (z := one_plus_exp(inner)) is not None:
        return Floating(None, elementwise("softplus", [z]), True)
    if inner.op is ops.ELEMENTWISE:
        return _of_row(inner, depth)
    if inner.op in ops.PICKED or _squeezes(inner):
        return _of_entries(inner, depth)
    if inner.op in (ops.MAX, ops.MIN):
        parts = split(inner.operands[0], depth - 1)
        plain = parts is not None and parts.mantissa is None
        return Floating(None, reduction(inner.op, parts.exponent, inner.attrs[0]), parts.wild) if parts and plain else None
    if inner.op is ops.MULTIPLY and inner.attrs[1] == 0:  # a product along an axis
        parts = split(inner.operands[0], depth - 1)
        if parts is None:
            return None
        axis = inner.attrs[0]
        mantissa = None if parts.mantissa is None else multiply(parts.mantissa, axis)
        return Floating(mantissa, total(parts.exponent, (axis,)), True)
    if inner.op is ops.CUMSUM:
        return _of_running_sum(inner, depth)
    if inner.op is ops.ADD:
        return _of_sum(inner, depth)
    return _of_product(inner, depth) if inner.op is ops.EINSUM else None


def _of_row(node: Node, depth: int) -> Floating | None:
    row, x = node.attrs[0], node.operands[0]
    if row == "exp":
        return Floating(None, x, True)
    if row == "sigmoid":
        return Floating(None, scale(elementwise("softplus", [scale(x, MINUS)]), MINUS))
    if row in ("cosh", "sech"):
        log = elementwise("log_cosh", [x])
        return Floating(None, log if row == "cosh" else scale(log, MINUS), row == "cosh")
    if row == "where":
        return _of_choice(node, depth)
    if row in ("reciprocal", "sqrt", "power"):
        parts = split(x, depth - 1)
        if parts is None:
            return None
        mantissa = None if parts.mantissa is None else elementwise(row, [parts.mantissa, *node.operands[1:]])
        if row == "power":
            exponent = product(node.operands[1], parts.exponent)
        else:
            exponent = scale(parts.exponent, MINUS if row == "reciprocal" else weight(sp.Rational(1, 2)))
        return Floating(mantissa, exponent, parts.wild or row != "sqrt")
    return None


def _of_choice(node: Node, depth: int) -> Floating | None:
    """Both branches as parts; a branch that says nothing is its own mantissa."""
    condition, *branches = node.operands
    known = [split(branch, depth - 1) for branch in branches]
    if all(parts is None for parts in known):
        return None
    both = [as_parts(branch) if parts is None else parts for branch, parts in zip(branches, known, strict=True)]
    mantissas = [literal(1, node.shape) if parts.mantissa is None else parts.mantissa for parts in both]
    plain = all(parts.mantissa is None for parts in both)
    return Floating(None if plain else elementwise("where", [condition, *mantissas]),
                    elementwise("where", [condition, *(parts.exponent for parts in both)]),
                    any(parts.wild for parts in both))


def _squeezes(node: Node) -> bool:
    """Is `node` the sum of one operand over axes of size 1?"""
    if node.op is not ops.EINSUM or len(node.operands) != 1:
        return False
    (labels,), out = node.attrs
    sizes = zip(labels, node.operands[0].shape, strict=True)
    return len(set(labels)) == len(labels) and all(size == 1 for label, size in sizes if label not in out)


def _of_entries(inner: Node, depth: int) -> Floating | None:
    """Picked or rearranged entries: so are the parts (no deltas: a zero is no exponential)."""
    if inner.op is ops.VIEW and len(set(inner.attrs[1])) != len(inner.attrs[1]) or not inner.operands:
        return None
    tensors = inner.operands if inner.op is ops.CONCAT else inner.operands[:1]
    known = [split(operand, depth - 1) for operand in tensors]
    if all(parts is None for parts in known):
        return None
    every = [as_parts(node) if parts is None else parts for node, parts in zip(tensors, known, strict=True)]
    rest = inner.operands[len(every):]
    mantissa = None
    if any(parts.mantissa is not None for parts in every):
        ones = [literal(1, parts.exponent.shape) if parts.mantissa is None else parts.mantissa for parts in every]
        mantissa = rebuild(inner, (*ones, *rest))
    exponent = rebuild(inner, (*(parts.exponent for parts in every), *rest))
    return Floating(mantissa, exponent, any(parts.wild for parts in every))


# sums ---------------------------------------------------------------------------------------------------------


def _of_sum(inner: Node, depth: int) -> Floating | None:
    """log(a + b) -> log a + softplus(log b - log a) where both are positive; else the largest exponent is taken out."""
    if not inner.operands:
        return None
    parted, known = [], 0
    for by, term in zip(inner.attrs[0], inner.operands, strict=True):
        parts = split(scale(term, by), depth - 1)
        known += parts is not None
        if parts is None and literal_value(term) is None:
            return None
        parted.append(as_parts(scale(term, by)) if parts is None else parts)
    wild = any(parts.wild for parts in parted)
    if all(parts.mantissa is None for parts in parted):
        if not known:
            return None
        first, *rest = sorted(parted, key=lambda parts: literal_value(parts.exponent) is None)
        log = first.exponent
        for parts in rest:
            log = add([log, elementwise("softplus", [add([parts.exponent, log], [ONE, MINUS])])])
        return Floating(None, log, wild)
    negative = any(parts.mantissa is not None and literal_value(parts.mantissa) is not None for parts in parted)
    if not known or not wild and negative:
        return None
    largest = counting(parted[0])
    for parts in parted[1:]:
        largest = elementwise("maximum", [largest, counting(parts)])
    top = held(largest)
    return Floating(add([without(parts, top) for parts in parted]), top, wild)


def _of_running_sum(inner: Node, depth: int) -> Floating | None:
    """The largest exponent of all is taken out of every partial sum."""
    parts = split(inner.operands[0], depth - 1)
    if parts is None or not parts.wild:
        return None
    (axis, reverse), shape = inner.attrs, inner.shape
    kept = [i for i in range(len(shape)) if i != axis]
    top = broadcast(held(reduction(ops.MAX, counting(parts), (axis,))), kept, shape)
    return Floating(cumsum(without(parts, top), axis, reverse), top, True)


# products -----------------------------------------------------------------------------------------------------


def _of_product(inner: Node, depth: int) -> Floating | None:
    """Products add exponents; a sum of products takes its largest exponent out, or is a logsumexp.

    One of the factors must have all the axes, so that no larger tensor is made than there was.
    """
    inputs, out = inner.attrs
    longest = max(inputs, key=len)
    if any(len(set(names)) != len(names) for names in inputs):
        return None
    found = [split(operand, depth - 1) for operand in inner.operands]
    if all(parts is None for parts in found):
        return None
    if any(set(names) - set(longest) for names in inputs):
        return _shifted_factors(inner, found)
    summed = [x for x in longest if x not in out]
    full = (*out, *summed)
    size = {x: s for names, o in zip(inputs, inner.operands, strict=True) for x, s in zip(names, o.shape, strict=True)}
    shape = tuple(size[x] for x in full)
    factors: list[tuple[Node, Sequence[Any]]] = []  # of unknown sign
    exponents: list[tuple[Node, Sequence[Any]]] = []
    for operand, names, parts in zip(inner.operands, inputs, found, strict=True):
        log = parts.exponent if parts is not None else log_of_choice(operand)
        if log is None and positive(operand):
            log = ln(operand)
        if log is not None:
            exponents.append((log, names))
        mantissa = parts.mantissa if parts is not None else operand if log is None else None
        if mantissa is not None:
            factors.append((mantissa, names))
    wild = any(parts.wild for parts in found if parts is not None)
    exponent = add([contract([log], [names], full, dict(zip(full, shape, strict=True))) for log, names in exponents])
    outside = [(node, names) for node, names in factors if not set(names) & set(summed)] if summed else factors
    inside = [pair for pair in factors if pair not in outside]
    common = _together(outside, out, size)
    axes = tuple(range(len(out), len(full)))
    if not axes:
        return Floating(common, exponent, wild)
    if not inside:
        return Floating(common, shifted(reduction(ops.LOGSUMEXP, exponent, axes)), wild)
    parts = Floating(_together(inside, full, size), exponent)
    top = held(reduction(ops.MAX, counting(parts), axes))
    mantissa = total(without(parts, broadcast(top, range(len(out)), shape)), axes)
    return Floating(mantissa if common is None else product(mantissa, common), top, wild)


def _together(factors: Sequence[tuple[Node, Sequence[Any]]], out: Sequence[Any], size: dict[Any, Any]) -> Node | None:
    if not factors:
        return None
    nodes, names = [node for node, _ in factors], [labels for _, labels in factors]
    return contract(nodes, names, out, {x: size[x] for x in out})


def _shifted_factors(inner: Node, found: Sequence[Floating | None]) -> Floating | None:
    """A @ exp(Z): each exponential is scaled by its largest entry along the summed axes, and the product stays one."""
    inputs, out = inner.attrs
    if not any(parts is not None and parts.wild for parts in found):
        return None
    sizes = dict(zip(out, inner.shape, strict=True))
    factors, tops = [], []
    for operand, names, parts in zip(inner.operands, inputs, found, strict=True):
        if parts is None or parts.mantissa is not None:
            factors.append(operand)
            continue
        axes = [i for i, x in enumerate(names) if x not in out]
        kept = [i for i in range(len(names)) if i not in axes]
        top = held(reduction(ops.MAX, parts.exponent, axes))
        factors.append(without(parts, broadcast(top, kept, operand.shape)))
        tops.append(contract([top], [[names[i] for i in kept]], out, sizes))
    return Floating(contract(factors, inputs, out, sizes), add(tops), True) if tops else None


