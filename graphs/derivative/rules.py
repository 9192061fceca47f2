"""Derivative rules: for each primitive, the cotangent of every operand, as nodes.

A rule gets the node, the cotangent `u` of its value and `lead`, the number of seed axes in front of `u`
(Jacobians carry the axes of their numerator there), and gives one node of shape `seeds + operand.shape`
per operand, or None where nothing flows. Rules are linear in `u` and written in differentiable
operations, so second order and forward mode (the transpose of the transpose) are free.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from types import MappingProxyType

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value, scale
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import add, elementwise, gather, pad, reshape, scatter, slices, softmax
from symgrad.graphs.algebra.rows import ROWS, Y, partial
from symgrad.graphs.algebra.running import cumsum_rule, multiply_rule, overlap_rule, windows_rule
from symgrad.graphs.derivative.demand import along, demands, guarded, where_needed, without
from symgrad.graphs.derivative.linear_rules import cholesky_rule, cofactor_rule, inverse_rule, logdet_rule, solve_rule
from symgrad.graphs.errors import DifferentiationError
from symgrad.graphs.node import REAL, Node
from symgrad.graphs.weights import MINUS

Cotangents = Sequence[Node | None]
Rule = Callable[[Node, Node, int], Cotangents]


def pull_back(node: Node, u: Node, lead: int, live: Container[Node], demand: Node | None = None) -> Cotangents:
    """The cotangents of the operands of `node`, at least of those in `live`: for others of a product none is built.

    `demand`: the entries outside of which `u` is zero while local derivatives may be infinite (`demand.py`).
    Raises DifferentiationError where there is no rule.
    """
    rule = RULES.get(node.op)
    if rule is None:
        raise DifferentiationError(f"{node.op} has no derivative rule")
    if node.op is ops.ELEMENTWISE:
        return _elementwise(node, u, lead, demand, live)
    if node.op is ops.EINSUM:
        return _einsum(node, u, lead, demand, live)
    result = rule(node, u, lead)
    if demand is None or node.op in EXACT:
        return result
    return [None if part is None else guarded(part, entries, lead)
            for part, entries in zip(result, demands(node, demand), strict=True)]


EXACT = frozenset({ops.ADD, ops.VIEW, ops.NAMED, *ops.MOVES})  # no local values


def _seeds(lead: int) -> tuple[str, ...]:
    return tuple(f"s{i}" for i in range(lead))


def _add(node: Node, u: Node, lead: int) -> Cotangents:
    return [scale(u, by) for by in node.attrs[0]]


def _einsum(node: Node, u: Node, lead: int, demand: Node | None = None,
            live: Container[Node] | None = None) -> Cotangents:
    inputs, out = node.attrs
    factors = list(node.operands)
    if demand is not None:
        factors = [o if o.op in ops.GIVEN or o.dtype != REAL else
                   where_needed(o, along(demand, out, names, o.shape)) for o, names in zip(factors, inputs, strict=True)]
    seeds = _seeds(lead)
    sizes = dict(zip(out, node.shape, strict=True))
    for operand, labels in zip(node.operands, inputs, strict=True):
        sizes.update(zip(labels, operand.shape, strict=True))
    sizes.update(zip(seeds, u.shape, strict=False))
    result: list[Node | None] = []
    for i, (operand, labels) in enumerate(zip(node.operands, inputs, strict=True)):
        if operand.dtype != REAL or (live is not None and operand not in live):
            result.append(None)
            continue
        others = [n for j, n in enumerate(factors) if j != i]
        rest = [names for j, names in enumerate(inputs) if j != i]
        used = {x for names in (labels, out, *rest) for x in names} | set(seeds)
        chosen = any(n is not o for j, (n, o) in enumerate(zip(factors, node.operands, strict=True)) if j != i)
        v = without(u, demand, lead) if chosen and demand is not None else u
        result.append(contract([v, *others], [(*seeds, *out), *rest], (*seeds, *labels),
                               {x: s for x, s in sizes.items() if x in used}))
    return result


def _elementwise(node: Node, u: Node, lead: int, demand: Node | None = None,
                 live: Container[Node] | None = None) -> Cotangents:
    row = ROWS[node.attrs[0]]
    axes = tuple(range(len(node.shape)))
    seeds = _seeds(lead)
    env = dict(zip(row.symbols, node.operands, strict=True))
    literals = (None, *(_exact(operand) for operand in node.operands[1:]))
    result: list[Node | None] = []
    for i, operand in enumerate(node.operands):
        formula = partial(row.name, i, literals)
        if operand.dtype != REAL or formula == 0 or (live is not None and operand not in live):
            result.append(None)
            continue
        local = lower(formula, {**env, Y: node}, node.shape)
        if demand is not None and literal_value(local) is None:
            local = where_needed(local, demand)
            u = without(u, demand, lead)
        result.append(contract([u, local], [(*seeds, *axes), axes], (*seeds, *axes)))
    return result


def _exact(node: Node) -> sp.Expr | None:
    """The number of a literal, where it is rational."""
    value = literal_value(node)
    if value is None or value.factor is not None or isinstance(value.number, float):
        return None
    return sp.Rational(value.number)


def _same(node: Node, u: Node, lead: int) -> Cotangents:
    return [u]


def _none(node: Node, u: Node, lead: int) -> Cotangents:
    return [None] * len(node.operands)


def _extremum(node: Node, u: Node, lead: int) -> Cotangents:
    operand, axes = node.operands[0], node.attrs[0]
    labels = tuple(range(len(operand.shape)))
    kept = tuple(i for i in labels if i not in axes)
    sizes = dict(zip(labels, operand.shape, strict=True))
    top = contract([node], [kept], labels, sizes)
    hit = elementwise("equal", [operand, top])
    count = elementwise("reciprocal", [contract([hit], [labels], kept)])  # ties share equally
    seeds = _seeds(lead)
    return [contract([u, hit, count], [(*seeds, *kept), labels, kept], (*seeds, *labels))]


def _logsumexp(node: Node, u: Node, lead: int) -> Cotangents:
    operand, axes = node.operands[0], node.attrs[0]
    labels = tuple(range(len(operand.shape)))
    kept = tuple(i for i in labels if i not in axes)
    seeds = _seeds(lead)
    return [contract([u, softmax(operand, axes)], [(*seeds, *kept), labels], (*seeds, *labels))]


def _softmax(node: Node, u: Node, lead: int) -> Cotangents:
    axes = node.attrs[0]
    labels = tuple(range(len(node.shape)))
    kept = tuple(i for i in labels if i not in axes)
    seeds = _seeds(lead)
    full = (*seeds, *labels)
    along = contract([node, u], [labels, full], (*seeds, *kept))
    first = contract([node, u], [labels, full], full)
    second = contract([node, along], [labels, (*seeds, *kept)], full)
    return [add([first, scale(second, MINUS)])]


def _slice(node: Node, u: Node, lead: int) -> Cotangents:
    operand = node.operands[0]
    starts, steps = _spec(node, lead)
    return [pad(u, starts, steps, (*u.shape[:lead], *operand.shape))]


def _pad(node: Node, u: Node, lead: int) -> Cotangents:
    operand = node.operands[0]
    starts, steps = _spec(node, lead)
    return [slices(u, starts, steps, (*u.shape[:lead], *operand.shape))]


def _spec(node: Node, lead: int) -> tuple[list, list]:
    spec = [(0, 1)] * lead + list(node.attrs[0])
    return [start for start, _ in spec], [step for _, step in spec]


def _concat(node: Node, u: Node, lead: int) -> Cotangents:
    axis = node.attrs[0] + lead
    start, result = 0, []
    for operand in node.operands:
        length = operand.shape[node.attrs[0]]
        starts = [0] * len(u.shape)
        starts[axis] = start
        shape = (*u.shape[:axis], length, *u.shape[axis + 1:])
        result.append(slices(u, starts, [1] * len(shape), shape))
        start = start + length
    return result


def _reshape(node: Node, u: Node, lead: int) -> Cotangents:
    while u.op is ops.RESHAPE:
        (u,) = u.operands
    return [reshape(u, (*u.shape[:lead], *node.operands[0].shape))]


def _indexed(node: Node, u: Node, lead: int) -> tuple[int, tuple[int, ...]]:
    """The number of index axes, and the indexed axes of the tensor behind `lead` seed axes."""
    return len(node.operands[1].shape), tuple(axis + lead for axis in node.attrs[0])


def _gather(node: Node, u: Node, lead: int) -> Cotangents:
    operand, *indices = node.operands
    width, axes = _indexed(node, u, lead)
    if operand.dtype != REAL:
        return [None] * len(node.operands)
    order = [*range(lead, lead + width), *range(lead), *range(lead + width, len(u.shape))]
    front = contract([u], [range(len(u.shape))], order)
    back = scatter(front, indices, axes, (*u.shape[:lead], *operand.shape))
    return [back, *[None] * len(indices)]


def _scatter(node: Node, u: Node, lead: int) -> Cotangents:
    indices = node.operands[1:]
    width, axes = _indexed(node, u, lead)
    picked = gather(u, indices, axes)  # index axes, seeds, rest
    order = [*range(width, width + lead), *range(width), *range(width + lead, len(picked.shape))]
    return [contract([picked], [range(len(picked.shape))], order), *[None] * len(indices)]


RULES: Mapping[ops.Op, Rule] = MappingProxyType({
    ops.INPUT: _none, ops.CONSTANT: _none, ops.IOTA: _none, ops.STOP: _none, ops.ARGMAX: _none, ops.ARGMIN: _none,
    ops.ADD: _add, ops.EINSUM: _einsum, ops.VIEW: _einsum, ops.ELEMENTWISE: _elementwise, ops.NAMED: _same,
    ops.MAX: _extremum, ops.MIN: _extremum, ops.LOGSUMEXP: _logsumexp, ops.SOFTMAX: _softmax,
    ops.SLICE: _slice, ops.PAD: _pad, ops.CONCAT: _concat, ops.RESHAPE: _reshape,
    ops.GATHER: _gather, ops.SCATTER: _scatter,
    ops.INVERSE: inverse_rule, ops.SOLVE: solve_rule, ops.LOGDET: logdet_rule, ops.COFACTOR: cofactor_rule,
    ops.CHOLESKY: cholesky_rule,
    ops.MULTIPLY: multiply_rule, ops.CUMSUM: cumsum_rule, ops.WINDOWS: windows_rule, ops.OVERLAP: overlap_rule,
})
