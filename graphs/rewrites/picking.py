"""Sums of what was put in its place: where a scatter is summed over an axis that it indexes, the place does not matter.

`unpicked` is a pure function graph -> graph for derivatives, in which scatters arise as transposes of `logp[i, y_i]`.
What holds afterwards: no product sums an indexed axis of a scatter alone. So the rows of a one-hot matrix sum to one,
and the gradient of a cross-entropy that picks from a log-softmax reads softmax(z) - onehot(y).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.axes import counts_along
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import scatter
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.table import rebuild


def unpicked(nodes: Sequence[Node]) -> list[Node]:
    """`nodes` without sums over the indexed axes of scatters."""
    if not any(node.op is ops.SCATTER for node in topological(nodes)):
        return list(nodes)
    return transform(nodes, lambda n, operands: _summed(rebuild(n, operands)), {})


def _summed(node: Node) -> Node:
    if node.op is not ops.EINSUM:
        return node
    inputs, out = node.attrs
    uses = Counter(label for labels in inputs for label in labels)
    operands, names = list(node.operands), [list(labels) for labels in inputs]
    for i, operand in enumerate(operands):
        if operand.op is ops.SCATTER:
            alone = [a for a in operand.attrs[0] if names[i][a] not in out and uses[names[i][a]] == 1]
            if alone:
                operands[i], names[i] = _without(operand, alone, names[i], i)
    changed = operands != list(node.operands)
    return contract(operands, names, out, dict(zip(out, node.shape, strict=True))) if changed else node


def _without(node: Node, alone: Sequence[int], labels: Sequence[int], number: int) -> tuple[Node, list]:
    """A scatter that is summed over its axes `alone`, as another tensor with its labels."""
    body, *indices = node.operands
    width = len(indices[0].shape)
    kept = [(a, index) for a, index in zip(node.attrs[0], indices, strict=True) if a not in alone]
    rest = [labels[a] for a in range(len(node.shape)) if a not in node.attrs[0]]
    counting = {counts_along(index): a for a, index in kept
                if (p := counts_along(index)) is not None and index.shape[p] == node.shape[a]}
    if len(counting) == len(kept):  # what is left is in its place already
        return body, [*(labels[counting[p]] if p in counting else ("summed", number, p) for p in range(width)), *rest]
    left = [a for a in range(len(node.shape)) if a not in alone]
    shape = tuple(node.shape[a] for a in left)
    fewer = scatter(body, [index for _, index in kept], [left.index(a) for a, _ in kept], shape)
    return fewer, [labels[a] for a in left]
