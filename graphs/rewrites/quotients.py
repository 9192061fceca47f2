"""Products and quotients of exponentials, as the exponential of one sum of exponents.

exp(z) / (1 + exp(z))**2 is infinity over infinity at z = 1000. `logarithms.split` reads every factor as mantissa times
exponential; here the exponents meet, and sigmoids and softmax are recognised in their sum.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import broadcast, contract, literal_value, scale
from symgrad.graphs.algebra.primitives import add, elementwise, softmax
from symgrad.graphs.node import Node
from symgrad.graphs.rewrites.logarithms import split
from symgrad.graphs.rewrites.patterns import exponential_sum, row_of, scaled, sum_of, terms
from symgrad.graphs.weights import MINUS, ONE, Weight, times


def inlined(node: Node) -> Node:
    """(sum b exp(z)) / sum exp(z) -> sum (b exp(z) / sum exp(z)): products of exponentials beside a divisor."""
    if not any(exponential_sum(x) for o in node.operands if (x := row_of(o, "reciprocal")) is not None):
        return node
    operands: list[Node] = []
    labels: list[tuple[Any, ...]] = []
    for i, (operand, names) in enumerate(zip(node.operands, node.attrs[0], strict=True)):
        by, inner = scaled(operand)
        if by == ONE and inner.op is ops.EINSUM and any(row_of(o, "exp") is not None for o in inner.operands):
            known = dict(zip(inner.attrs[1], names, strict=True))
            operands += inner.operands
            labels += [tuple(known.get(x, (i, x)) for x in inside) for inside in inner.attrs[0]]
        else:
            operands.append(operand)
            labels.append(tuple(names))
    if len(operands) == len(node.operands):
        return node
    out = node.attrs[1]
    return contract(operands, labels, out, dict(zip(out, node.shape, strict=True)))


_grown: WeakKeyDictionary[Node, bool] = WeakKeyDictionary()
LOOKED_THROUGH = ops.PICKED | {ops.ADD, ops.EINSUM, ops.MAX, ops.MIN, ops.CUMSUM}
GROWING = ("exp", "cosh", "reciprocal", "power")


def may_grow(node: Node) -> bool:
    """May the parts of `node` be wild, by a glance at its form? Each node is asked once, and nothing is built."""
    stack = [node]
    while stack:
        top = stack[-1]
        row = top.attrs[0] if top.op is ops.ELEMENTWISE else None
        looks_on = row in ("where", "sqrt") or top.op in LOOKED_THROUGH
        inner = top.operands if looks_on else ()
        unknown = [] if top in _grown else [o for o in inner if o not in _grown]
        if unknown:
            stack += unknown
            continue
        stack.pop()
        _grown[top] = row in GROWING or top.op is ops.MULTIPLY or any(_grown[o] for o in inner)
    return _grown[node]


def quotient(node: Node) -> Node:
    """Products and quotients of exponentials are the exponential of the sum of exponents.

    Factors of one shape meet, and factors that are repeated along axes of another: no larger tensor is made.
    """
    if node.op is not ops.EINSUM or len(node.operands) < 2:
        return node
    if not any(map(may_grow, node.operands)):
        return node  # bounded: nothing overflows, and no parts are made
    inputs, out = node.attrs
    found = [split(operand) for operand in node.operands]
    wild = sum(parts is not None and parts.wild for parts in found)
    if not wild or sum(parts is not None for parts in found) < 2:
        return node
    divided = wild < sum(parts is not None for parts in found) or any(row_of(o, "reciprocal") for o in node.operands)
    if not divided and any(parts is None or parts.mantissa is not None for parts in found):
        return node  # nothing can cancel
    known = [names for names, parts in zip(inputs, found, strict=True) if parts is not None]
    longest = max(known, key=len)
    if any(len(set(names)) != len(names) or set(names) - set(longest) for names in known):
        return node
    size = {x: s for names, o in zip(inputs, node.operands, strict=True) for x, s in zip(names, o.shape, strict=True)}
    sizes = {x: size[x] for x in longest}
    exponents: list[Node] = []
    operands: list[Node] = []
    labels: list[tuple[Any, ...]] = []
    for operand, names, parts in zip(node.operands, inputs, found, strict=True):
        mantissa = operand if parts is None else parts.mantissa
        if mantissa is not None:
            operands.append(mantissa)
            labels.append(tuple(names))
        if parts is not None:
            exponents.append(contract([parts.exponent], [names], longest, sizes))
    factors = exponential(add(exponents))
    if wild < 2 and row_of(factors[0], "exp") is not None and any(row_of(o, "exp") for o in node.operands):
        return node  # one exponential beside what is bounded
    return contract([*operands, *factors], [*labels, *[longest] * len(factors)], out,
                    dict(zip(out, node.shape, strict=True)))


def exponential(exponent: Node) -> list[Node]:
    """Factors, all of one shape, whose product is exp(exponent): softmax and sigmoids where they are all of it."""
    rest = exponent = sum_of(terms(exponent), exponent)
    factors: list[Node] = []
    turned: list[Node] = []
    for by, term in terms(rest):
        if term.op is ops.VIEW and by == MINUS and (found := _normalised(rest, term)) is not None:
            factors.append(found[0])
            rest = found[1]
        elif (z := row_of(term, "softplus")) is not None and by in POWERS:
            rest = add([rest, term], [ONE, times(by, MINUS)])
            turned += [z] * -int(by.number)
    for z in turned:  # exp(-softplus(z)) is sigmoid(-z), and exp(z) sigmoid(-z) is sigmoid(z)
        less = sum_of(terms(add([rest, z], [ONE, MINUS])), exponent)
        shorter = len(terms(less)) < len(terms(rest))
        rest = less if shorter else rest
        factors.append(elementwise("sigmoid", [z if shorter else scale(z, MINUS)]))
    value = literal_value(rest)
    return factors if factors and value is not None and value.number == 0 else [elementwise("exp", [exponent])]


POWERS = [Weight(-i) for i in range(1, 5)]  # of a sigmoid, written as products


def _normalised(exponent: Node, norm: Node) -> tuple[Node, Node] | None:
    """softmax(z) and the rest of the exponent, where `norm` is a repeated logsumexp(z) and z is part of the exponent."""
    if not norm.operands or norm.operands[0].op is not ops.LOGSUMEXP:
        return None
    z, axes = norm.operands[0].operands[0], norm.operands[0].attrs[0]
    kept = [i for i in range(len(z.shape)) if i not in axes]
    if z.shape != norm.shape or broadcast(norm.operands[0], kept, z.shape) is not norm:
        return None
    rest = sum_of(terms(add([exponent, norm, z], [ONE, ONE, MINUS])), exponent)
    return (softmax(z, axes), rest) if len(terms(rest)) < len(terms(exponent)) - 1 else None
