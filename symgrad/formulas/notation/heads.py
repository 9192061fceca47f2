"""Features cut into heads and joined again, as papers write attention: split_h(X), a matrix for each head; concat(O)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from symgrad.formulas.notation.coefficients import expression
from symgrad.formulas.spelling.tree import Tree, call
from symgrad.graphs import ops
from symgrad.graphs.node import Node

if TYPE_CHECKING:
    from symgrad.formulas.notation.writer import Index, Writer


def write_split(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """(..., rows, heads, features) with the heads before the rows, cut from (..., rows, all features); None for others."""
    if len(node.operands) != 1 or not _swaps(node) or not w.inlines(node.operands[0]):
        return None
    (cut,) = node.operands
    if cut.op is not ops.RESHAPE or cut.shape[:-2] != cut.operands[0].shape[:-1]:
        return None
    lead = len(node.shape) - 3
    if any(not w.is_sample(i) for i in index[:lead]) or any(i is not None for i in index[lead + 1:]):
        return None
    whole = call("split", w.at(cut.operands[0], (*index[:lead], None, None), taken), subs=[expression(node.shape[lead])])
    if (head := index[lead]) is None:
        return whole
    return Tree("at", (whole, (head,))) if w.is_fixed(head) else None


def write_joined(w: Writer, node: Node, index: Index, taken: frozenset[Tree]) -> Tree | None:
    """Heads side by side: (..., heads, rows, features) as (..., rows, all features); None for other reshapes."""
    (turned,) = node.operands
    if not w.inlines(turned) or turned.op is not ops.VIEW or len(turned.operands) != 1 or not _swaps(turned):
        return None
    if node.shape[:-1] != turned.shape[:-2]:
        return None
    lead = len(node.shape) - 2
    if any(not w.is_sample(i) for i in index[:lead]) or any(i is not None for i in index[lead:]):
        return None
    return call("concat", w.at(turned.operands[0], (*index[:lead], None, None, None), taken))


def _swaps(view: Node) -> bool:
    """Does a view swap the third but last axis with the one behind it, and nothing else?"""
    if view.op is not ops.VIEW:
        return False
    (labels,), out = view.attrs
    if not 3 <= len(labels) == len(out) <= 4 or len(set(labels)) < len(labels):
        return False
    *lead, a, b, c = labels
    return tuple(out) == (*lead, b, a, c)
