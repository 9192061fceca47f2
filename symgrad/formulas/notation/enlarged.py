"""Images enlarged, each entry the nearest one: upsample(X)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.spelling.tree import Tree, call
from symgrad.graphs import ops
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size, canonical

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer


def write_enlarged(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """One axis after the other, the last ones, with every entry repeated; None for other reshapes, and at an entry."""
    if any(i is not None and not w.is_sample(i) for i in index):
        return None
    inner, times = node, dict[int, Size]()
    while (inner is node or w.inlines(inner)) and (found := _repeated(w, inner)) is not None and found[1] not in times:
        inner, axis, count = found
        times[axis] = count
    order = len(node.shape)
    if len(times) < 2 or sorted(times) != list(range(order - len(times), order)) or order == len(times):
        return None
    sides = [expression(times[axis]) for axis in sorted(times)]
    notes = sides[:1] if len(set(sides)) == 1 else [Tree("tuple", tuple(sides))]
    return call("upsample", w.at(inner, index, taken), subs=notes)


def _repeated(w: Writer, node: Node) -> tuple[Node, int, Size] | None:
    """What `node` is with every entry along one axis repeated; that axis, and how often."""
    if node.op is not ops.RESHAPE or not w.inlines(node.operands[0]):
        return None
    view = node.operands[0]
    if view.op is not ops.VIEW or len(view.operands) != 1:
        return None
    (labels,), out = view.attrs
    fresh = [place for place, label in enumerate(out) if label not in labels]
    if len(fresh) != 1 or fresh[0] < 1 or tuple(x for x in out if x in labels) != tuple(labels):
        return None
    axis, count, shape = fresh[0] - 1, view.shape[fresh[0]], view.operands[0].shape
    if len(set(labels)) < len(labels) or node.shape != (*shape[:axis], canonical(shape[axis] * count), *shape[axis + 1:]):
        return None
    return view.operands[0], axis, count
