"""Derivative rules of what runs along an axis, as cotangents: all are of the same family again."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs.algebra import running
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape

Cotangents = Sequence[Node | None]


def multiply_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The next derivative of the product, contracted with u."""
    x, (axis, order) = node.operands[0], node.attrs
    s = tuple(f"s{i}" for i in range(lead))
    rest = tuple(i for i in range(len(x.shape)) if i != axis)
    more = tuple(f"m{i}" for i in range(order))
    out = tuple("i" if k == axis else k for k in range(len(x.shape)))
    return [contract([u, running.multiply(x, axis, order + 1)], [(*s, *rest, *more), (*rest, *more, "i")], (*s, *out))]


def cumsum_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """Running sums from the other end."""
    axis, reverse = node.attrs
    return [running.cumsum(u, axis + lead, not reverse)]


def windows_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The windows laid back over each other."""
    axis, step = node.attrs
    return [running.overlap(u, axis + lead, step, node.operands[0].shape[axis])]


def overlap_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """Windows again."""
    axis, step = node.attrs
    shape: Shape = node.operands[0].shape
    return [running.windows(u, axis + lead, step, shape[axis], shape[-1])]
