"""Derivative rules: for each primitive, the cotangent of every operand, as nodes.

A rule gets the node, the cotangent `u` of its value and `lead`, the number of seed axes in front of `u`
(Jacobians carry the axes of their numerator there), and gives one node of shape `seeds + operand.shape`
per operand, or None where nothing flows. Rules are linear in `u` and written in differentiable
operations, so second order and forward mode (the transpose of the transpose) are free.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import add, elementwise, softmax
from symgrad.graphs.algebra.rows import ROWS, Y, partial
from symgrad.graphs.algebra.signs import has_kink
from symgrad.graphs.derivative.demand import (
    Support,
    Suspects,
    along,
    chosen,
    conditions,
    hit,
    supports,
    taken,
    without,
)
from symgrad.graphs.errors import DifferentiationError
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.primitive import Primitive
from symgrad.graphs.weights import MINUS

Cotangents = Sequence[Node | None]


def pull_back(row: Primitive, node: Node, u: Node, lead: int, live: Container[Node], support: Support | None = None,
              suspects: Suspects | None = None) -> Cotangents:
    """The cotangents of the operands of `node`, at least of those in `live`: for others of a product none is built.

    `row` is that of its operation. `support`: the entries outside of which `u` is zero, while local derivatives may be
    anything (`demand.py`). Raises DifferentiationError where there is no rule.
    """
    suspects = suspects or Suspects()
    if node.op is ops.ELEMENTWISE:
        return _elementwise(node, u, lead, live, support, suspects)
    if node.op is ops.EINSUM:
        return _einsum(node, u, lead, live, support, suspects)
    if node.op in (ops.MAX, ops.MIN) and suspects.wild(u):
        return extremum_rule(node, u, lead, wild=True)
    result = row.pull(node, u, lead)
    if support is None or node.op in ops.LINEAR:
        return result
    below = supports(row, node, support, suspects)
    return [part if part is None or entries is None else taken(part, entries.condition, lead)
            for part, entries in zip(result, below, strict=True)]


def _seeds(lead: int) -> tuple[str, ...]:
    return tuple(f"s{i}" for i in range(lead))


def add_rule(node: Node, u: Node, lead: int) -> Cotangents:
    return [scale(u, by) for by in node.attrs[0]]


def product_rule(node: Node, u: Node, lead: int) -> Cotangents:
    return _einsum(node, u, lead, node.operands, None, Suspects())


def function_rule(node: Node, u: Node, lead: int) -> Cotangents:
    return _elementwise(node, u, lead, node.operands, None, Suspects())


def _einsum(node: Node, u: Node, lead: int, live: Container[Node], support: Support | None,
            suspects: Suspects) -> Cotangents:
    inputs, out = node.attrs
    seeds = _seeds(lead)
    sizes = dict(zip(out, node.shape, strict=True))
    for operand, labels in zip(node.operands, inputs, strict=True):
        sizes.update(zip(labels, operand.shape, strict=True))
    sizes.update(zip(seeds, u.shape, strict=False))
    result: list[Node | None] = []
    for i, (operand, labels) in enumerate(zip(node.operands, inputs, strict=True)):
        if operand.dtype != REAL or operand not in live:
            result.append(None)
            continue
        rest = [names for j, names in enumerate(inputs) if j != i]
        others = [n for j, n in enumerate(node.operands) if j != i]
        v = u
        if support is not None:
            v, others = _guarded(u, others, rest, out, lead, support, suspects)
        used = {x for names in (labels, out, *rest) for x in names} | set(seeds)
        result.append(contract([v, *others], [(*seeds, *out), *rest], (*seeds, *labels),
                               {x: s for x, s in sizes.items() if x in used}))
    return result


def _guarded(u: Node, factors: Sequence[Node], inputs: Sequence[Sequence[int]], out: Sequence[int], lead: int,
             support: Support, suspects: Suspects) -> tuple[Node, list[Node]]:
    """What a cotangent is multiplied with, without what is not taken.

    Where a factor has the axes of the support, and the support is a factor of `u`, this becomes a choice of that factor.
    """
    found = []
    for factor, names in zip(factors, inputs, strict=True):
        shares = set(out) <= set(names) or suspects.wild(factor) or suspects.given(factor)
        if shares and suspects.anything(factor, support):
            condition = along(support.condition, out, names, factor.shape)
            less = without(u, support.condition, lead)
            if less is not u and tuple(names) == tuple(out) and suspects.wild(factor):
                u, factor = less, chosen(factor, support.condition)
            else:
                factor = taken(factor, condition)
        found.append(factor)
    return u, found


def _elementwise(node: Node, u: Node, lead: int, live: Container[Node], support: Support | None,
                 suspects: Suspects) -> Cotangents:
    row = ROWS[node.attrs[0]]
    axes = tuple(range(len(node.shape)))
    seeds = _seeds(lead)
    env = dict(zip(row.symbols, node.operands, strict=True))
    literals = (None, *(_exact(operand) for operand in node.operands[1:]))
    own = conditions(node)
    result: list[Node | None] = []
    for i, operand in enumerate(node.operands):
        formula = partial(row.name, i, literals)
        if operand.dtype != REAL or formula == 0 or operand not in live:
            result.append(None)
            continue
        v = taken(u, own[i], lead) if own[i] is not None and suspects.wild(u) else u
        if row.name in ("taken", "defined"):
            result.append(v)
            continue
        local = lower(formula, {**env, Y: node}, node.shape)
        if i == 0 and has_kink(node):  # a norm at 0
            local = taken(local, elementwise("not_equal", [node, literal(0, node.shape)]))
        if support is not None and suspects.anything(local, support):
            less = without(v, support.condition, lead)
            if less is not v and suspects.wild(local):
                v, local = less, chosen(local, support.condition)
            else:
                local = taken(local, support.condition)
        result.append(contract([v, local], [(*seeds, *axes), axes], (*seeds, *axes)))
    return result


def _exact(node: Node) -> sp.Expr | None:
    """The number of a literal, where it is rational."""
    value = literal_value(node)
    if value is not None and value.factor is None and value.number in (math.inf, -math.inf):
        return sp.oo if value.number > 0 else -sp.oo
    if value is None or value.factor is not None or isinstance(value.number, float):
        return None
    return sp.Rational(value.number)


def same_rule(node: Node, u: Node, lead: int) -> Cotangents:
    return [u]


def first_rule(node: Node, u: Node, lead: int) -> Cotangents:
    return [u, *[None] * (len(node.operands) - 1)]


def flat_rule(node: Node, u: Node, lead: int) -> Cotangents:
    return [None] * len(node.operands)


def no_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """For what is made when code is written, after all derivatives are taken."""
    raise DifferentiationError(f"{node.op} has no derivative rule")


def extremum_rule(node: Node, u: Node, lead: int, wild: bool = False) -> Cotangents:
    axes = node.attrs[0]
    labels = tuple(range(len(node.operands[0].shape)))
    kept = tuple(i for i in labels if i not in axes)
    seeds = _seeds(lead)
    entries = hit(node)
    count = elementwise("reciprocal", [contract([entries], [labels], kept)])  # ties share equally
    names = (*seeds, *kept)
    if wild:
        names = (*seeds, *labels)
        sizes = dict(zip(labels, node.operands[0].shape, strict=True))
        u = taken(contract([u], [(*seeds, *kept)], names, {**sizes, **dict(zip(seeds, u.shape, strict=False))}),
                  entries, lead)
    return [contract([u, entries, count], [names, labels, kept], (*seeds, *labels))]


def logsumexp_rule(node: Node, u: Node, lead: int) -> Cotangents:
    operand, axes = node.operands[0], node.attrs[0]
    labels = tuple(range(len(operand.shape)))
    kept = tuple(i for i in labels if i not in axes)
    seeds = _seeds(lead)
    return [contract([u, softmax(operand, axes)], [(*seeds, *kept), labels], (*seeds, *labels))]


def softmax_rule(node: Node, u: Node, lead: int) -> Cotangents:
    axes = node.attrs[0]
    labels = tuple(range(len(node.shape)))
    kept = tuple(i for i in labels if i not in axes)
    seeds = _seeds(lead)
    full = (*seeds, *labels)
    along = contract([node, u], [labels, full], (*seeds, *kept))
    first = contract([node, u], [labels, full], full)
    second = contract([node, along], [labels, (*seeds, *kept)], full)
    return [add([first, scale(second, MINUS)])]
