"""A node as mantissa times exponential, and what is done with the two parts.

As floating-point numbers are written, but exactly and by form: `logarithms.split` finds the parts, the functions
here weigh them, compare them and take a common exponent out of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal, literal_value, scale
from symgrad.graphs.algebra.primitives import add, elementwise, stop
from symgrad.graphs.node import BOOLEAN, Node
from symgrad.graphs.rewrites.patterns import bare, is_positive
from symgrad.graphs.weights import MINUS, ONE, Weight

LOWEST = -1e30  # below every exponent that matters: no infinity is subtracted from another


class Floating(NamedTuple):
    """mantissa * exp(exponent), the mantissa None for one. `wild`: the whole may overflow although it is not large."""

    mantissa: Node | None
    exponent: Node
    wild: bool = False


def as_parts(node: Node) -> Floating:
    """A node whose form says nothing: a positive number is an exponent, all else a mantissa."""
    value = literal_value(node)
    if value is not None and is_positive(value):
        return Floating(None, ln(node))
    return Floating(node, literal(0, node.shape))


def weighted(parts: Floating, by: Weight) -> Floating:
    """A positive weight goes into the exponent, another into the mantissa."""
    if is_positive(by):
        return parts._replace(exponent=add([parts.exponent, ln(literal(by, parts.exponent.shape))]))
    mantissa = literal(1, parts.exponent.shape) if parts.mantissa is None else parts.mantissa
    return parts._replace(mantissa=scale(mantissa, by))


def counting(parts: Floating) -> Node:
    """The exponents that count: minus infinity where the mantissa is zero."""
    if parts.mantissa is None or literal_value(parts.mantissa) is not None:
        return parts.exponent
    zero = literal(0, parts.exponent.shape)
    counts = elementwise("not_equal", [parts.mantissa, zero])
    return elementwise("where", [counts, parts.exponent, literal(-math.inf, zero.shape)])


def held(largest: Node) -> Node:
    """The exponent that is taken out, a constant for differentiation: what it adds cancels."""
    return stop(elementwise("maximum", [largest, literal(LOWEST, largest.shape)]))


def without(parts: Floating, top: Node) -> Node:
    """The parts without exp(top)."""
    mantissa = literal(1, top.shape) if parts.mantissa is None else parts.mantissa
    return elementwise("times_exp", [mantissa, add([parts.exponent, top], [ONE, MINUS])])


def ln(node: Node) -> Node:
    return elementwise("log", [node])


def log_of_choice(node: Node) -> Node | None:
    """log of truth values, or of literals chosen by a condition: minus infinity for what is not chosen."""
    node = bare(node)
    shape, minus_infinity = node.shape, literal(-math.inf, node.shape)
    if node.dtype == BOOLEAN:
        return elementwise("where", [node, literal(0, shape), minus_infinity])
    if node.op is not ops.ELEMENTWISE or node.attrs[0] != "where":
        return None
    values = [literal_value(branch) for branch in node.operands[1:]]
    if not all(value is not None and (value.number == 0 or is_positive(value)) for value in values):
        return None
    logs = [_log_literal(branch) for branch in node.operands[1:]]
    return elementwise("where", [node.operands[0], *logs])


def _log_literal(node: Node) -> Node:
    value = literal_value(node)
    return literal(-math.inf, node.shape) if value is None or value.number == 0 else ln(node)
