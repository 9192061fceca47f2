"""The order in which a formula was written: `Q @ K.T` has Q before K, whatever order a product keeps them in.

A graph has sums as they were written, but products in a canonical order, so that equal ones are one. What is numbered
for a reader is numbered as it was written, which the recipes know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from symgrad.graphs import ops
from symgrad.graphs.node import Node, topological
from symgrad.language.tensor import Tensor


def written_order(tensors: Iterable[Tensor], roots: Sequence[Node]) -> list[Node]:
    """The nodes below `roots`, operands first, those first that `tensors` were written with first.

    >>> import symgrad as sg
    >>> x, y = sg.data("x"), sg.data("y")
    >>> t = sg.sin(x) * sg.exp(y) * sg.cos(x)
    >>> [node.attrs[0] for node in written_order([t], [t.node]) if len(node.operands) == 1]
    ['sin', 'exp', 'cos']
    """
    place = _places(tensors)
    for node in topological(roots):
        if node not in place:
            place[node] = max((place[o] for o in node.operands), default=0)
    found: dict[Node, None] = {}
    stack = [(root, False) for root in reversed(roots)]
    while stack:
        node, entered = stack.pop()
        if node in found:
            continue
        if entered:
            found[node] = None
            continue
        stack.append((node, True))
        stack += [(o, False) for o in reversed(_as_written(node, place)) if o not in found]
    return list(found)


def _as_written(node: Node, place: Mapping[Node, int]) -> Sequence[Node]:
    """The operands of a node: in a product, what is computed in the order in which it was written."""
    if node.op not in ops.PRODUCTS:
        return node.operands
    computed = iter(sorted((o for o in node.operands if o.operands), key=place.__getitem__))
    return [next(computed) if o.operands else o for o in node.operands]


def _places(tensors: Iterable[Tensor]) -> dict[Node, int]:
    """When each tensor was complete, of what is written from left to right."""
    place: dict[Node, int] = {}
    seen: set[int] = set()
    stack = [(t, False) for t in reversed(list(tensors))]
    while stack:
        t, complete = stack.pop()
        if complete:
            place.setdefault(t.node, len(place))
        elif id(t) not in seen:
            seen.add(id(t))
            stack.append((t, True))
            stack += [(o, False) for o in reversed(t.recipe.operands)] if t.recipe is not None else []
    return place
