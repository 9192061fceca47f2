"""Gradients of values that all samples share, through a recurrence: of each sample, from the sum over them."""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.node import Node, topological
from symgrad.graphs.samples import sample_axes


def recurs(node: Node) -> bool:
    """Is there a recurrence below?"""
    return any(n.op is ops.SCAN for n in topological([node]))


def recurrence_of(node: Node) -> Node | None:
    """The recurrence of which a node is a result, or what its steps compute, seen differently; None of others."""
    while node.op in (ops.VIEW, ops.SLICE, ops.RESHAPE) and len(node.operands) == 1:
        (node,) = node.operands
    return node if node.op is ops.SCAN else None


def of_each_sample(node: Node) -> Node | None:
    """The terms of a sum over samples, samples in front; None where it is no such sum.

    The gradient of the sum of all losses by what they share is the sum of the gradients of each.
    """
    if node.op is ops.ADD and node.operands:
        terms = [of_each_sample(term) for term in node.operands]
        known = [term for term in terms if term is not None]
        return joined(list(zip(known, node.attrs[0], strict=True))) if len(known) == len(terms) else None
    if node.op is not ops.EINSUM:
        return None
    samples = sample_axes(node.operands)
    labels, out = node.attrs[0], node.attrs[1]
    found = {names[samples[o]] for o, names in zip(node.operands, labels, strict=True)
             if o in samples and isinstance(samples[o], int)}
    if len(found) != 1 or found & set(out):
        return None
    (label,) = found
    return contract(node.operands, labels, [label, *out])
