"""The formula of an intermediate that has a name, written once for all formulas in which it stands among the same names.

The gradients of a deep network by its parameters share their activations: each of the formulas is defined by the same
lines, and a line depends only on its node, on the names in it, and on what these stand for.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from symgrad.formulas.notation.writer import NESTED, Writer
from symgrad.formulas.spelling.tree import Tree
from symgrad.graphs.node import Node

_written: WeakKeyDictionary[Node, dict[tuple[Any, ...], Tree]] = WeakKeyDictionary()


def definition(writer: Writer, node: Node) -> Tree:
    """The formula of a node that has a name."""
    if writer.axes or writer.stop or writer.met:  # a sample's formula depends on the whole graph
        return writer.formula(node)
    known = _written.setdefault(node, {})
    key = (*writer.setting, _names_in(writer, node))
    if key not in known:
        known[key] = writer.formula(node)
    return known[key]


def _names_in(writer: Writer, node: Node) -> tuple[Any, ...]:
    """The names below a node, with those that they stand for, as far as a writer looks."""
    found: dict[Node, Any] = {}
    seen: set[Node] = {node}
    layer = list(node.operands)
    for _ in range(NESTED + 2):
        below: list[Node] = []
        while layer:
            each = layer.pop()
            if each in seen:
                continue
            seen.add(each)
            if each in writer.names:
                found[each] = writer.names[each]
                below += each.operands
            else:
                layer += each.operands
        layer = below
    return tuple(found.items())
