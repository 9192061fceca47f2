"""Derivative rules of what moves entries: linear, with zeros and ones for local derivatives.

A rule gives the transpose of a move. Put to truth values instead of cotangents, it tells which entries of the operand
count for those of the result (`demand.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import gather, pad, reshape, scatter, slices
from symgrad.graphs.node import REAL, Node

Cotangents = Sequence[Node | None]


def slice_rule(node: Node, u: Node, lead: int) -> Cotangents:
    operand = node.operands[0]
    starts, steps = _spec(node, lead)
    return [pad(u, starts, steps, (*u.shape[:lead], *operand.shape))]


def pad_rule(node: Node, u: Node, lead: int) -> Cotangents:
    operand = node.operands[0]
    starts, steps = _spec(node, lead)
    return [slices(u, starts, steps, (*u.shape[:lead], *operand.shape))]


def _spec(node: Node, lead: int) -> tuple[list, list]:
    spec = [(0, 1)] * lead + list(node.attrs[0])
    return [start for start, _ in spec], [step for _, step in spec]


def concat_rule(node: Node, u: Node, lead: int) -> Cotangents:
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


def reshape_rule(node: Node, u: Node, lead: int) -> Cotangents:
    while u.op is ops.RESHAPE:
        (u,) = u.operands
    return [reshape(u, (*u.shape[:lead], *node.operands[0].shape))]


def _indexed(node: Node, u: Node, lead: int) -> tuple[int, tuple[int, ...]]:
    """The number of index axes, and the indexed axes of the tensor behind `lead` seed axes."""
    return len(node.operands[1].shape), tuple(axis + lead for axis in node.attrs[0])


def gather_rule(node: Node, u: Node, lead: int) -> Cotangents:
    operand, *indices = node.operands
    width, axes = _indexed(node, u, lead)
    if operand.dtype != REAL:
        return [None] * len(node.operands)
    order = [*range(lead, lead + width), *range(lead), *range(lead + width, len(u.shape))]
    front = contract([u], [range(len(u.shape))], order)
    back = scatter(front, indices, axes, (*u.shape[:lead], *operand.shape))
    return [back, *[None] * len(indices)]


def scatter_rule(node: Node, u: Node, lead: int) -> Cotangents:
    indices = node.operands[1:]
    width, axes = _indexed(node, u, lead)
    picked = gather(u, indices, axes)  # index axes, seeds, rest
    order = [*range(width, width + lead), *range(width), *range(width + lead, len(picked.shape))]
    return [contract([picked], [range(len(picked.shape))], order), *[None] * len(indices)]
