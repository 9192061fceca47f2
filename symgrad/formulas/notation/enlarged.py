"""Images enlarged, each entry the nearest one: upsample(X)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.spelling.tree import Tree, call
from symgrad.graphs import ops
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import canonical

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer


def write_enlarged(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """The last axes, behind those of samples and channels, with every entry repeated; None for other reshapes."""
    if any(i is not None and not w.is_sample(i) for i in index) or not w.inlines(node.operands[0]):
        return None
    view = node.operands[0]
    if view.op is not ops.VIEW or len(view.operands) != 1:
        return None
    (labels,), out = view.attrs
    (inner,) = view.operands
    fresh = [place for place, label in enumerate(out) if label not in labels]
    if len(set(labels)) < len(labels) or tuple(x for x in out if x in labels) != tuple(labels):
        return None
    times = dict.fromkeys(range(len(labels)), 1)
    for place in fresh:
        axis = place - sum(other < place for other in fresh) - 1
        if place - 1 in fresh or axis < 0:
            return None
        times[axis] = view.shape[place]
    if len(fresh) < 2 or node.shape != tuple(canonical(n * times[axis]) for axis, n in enumerate(inner.shape)):
        return None
    if any(times[axis] == 1 for axis in range(len(labels) - len(fresh), len(labels))) or len(fresh) == len(labels):
        return None
    sides = [expression(times[axis]) for axis in range(len(labels) - len(fresh), len(labels))]
    notes = sides[:1] if len(set(sides)) == 1 else [Tree("tuple", tuple(sides))]
    return call("upsample", w.at(inner, index, taken), subs=notes)
