"""Display names of the symbols of a graph: what a user wrote, numbered where layers share a name."""

from __future__ import annotations

from collections.abc import Iterable

from symgrad.graphs import ops
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Array, Node, Symbol, topological
from symgrad.graphs.sizes import Shape


def display_names(nodes: Iterable[Node]) -> dict[Node, str]:
    """The name of every symbol below `nodes`, in topological order; all names differ.

    Symbols of different owners may share a name: those are numbered in the order in which their layers were
    made, W -> W1, W2, in a loss as in its gradient. Raises SymgradError where two other symbols share one; it
    shows both.

    >>> import symgrad as sg
    >>> a, b = sg.nn.Linear(3, 3, bias=False), sg.nn.Linear(3, 3, bias=False)
    >>> sorted(display_names([b(a(sg.data("x", 3))).node]).values())
    ['W1', 'W2', 'x']
    """
    inputs = _in_order_of_use(list(nodes))
    plain: dict[str, Node] = {}
    owned: dict[str, list[Node]] = {}
    for node in inputs:
        symbol: Symbol = node.attrs[0]
        if symbol.owner is not None:
            owned.setdefault(symbol.name, []).append(node)
        elif plain.setdefault(symbol.name, node) is not node:
            raise SymgradError(f"two different symbols are called {symbol.name!r}: "
                               f"{describe_symbol(plain[symbol.name])}, and {describe_symbol(node)}; rename one")
    names = {node: name for name, node in plain.items()}
    names.update({group[0]: name for name, group in owned.items() if len(group) == 1 and name not in plain})
    taken = set(names.values())
    for name, group in owned.items():
        number = 0
        for node in sorted(group, key=lambda n: n.attrs[0].owner):
            while node not in names:
                number += 1
                if f"{name}{number}" not in taken:
                    names[node] = f"{name}{number}"
                    taken.add(names[node])
    return {node: names[node] for node in inputs}


def _in_order_of_use(nodes: list[Node]) -> list[Node]:
    """The inputs below `nodes` by their first consumer: operands of one product have an order of their own."""
    found: dict[Node, None] = {}
    for node in topological(nodes):
        found.update(dict.fromkeys(o for o in node.operands if o.op is ops.INPUT))
    found.update(dict.fromkeys(node for node in nodes if node.op is ops.INPUT))
    return list(found)


def describe_symbol(node: Node) -> str:
    """Everything that a symbol declares beside its name, for messages."""
    symbol: Symbol = node.attrs[0]
    shape = node.shape if symbol.over is None else node.shape[1:]
    over = "" if symbol.over is None else f" over {symbol.over}"
    kind = "" if node.dtype == "real" else f"{node.dtype} "
    more = [*symbol.facts] + ([] if symbol.classes is None else [f"{symbol.classes} classes"])
    if symbol.init is not None:
        more.append(f"init {'an array' if isinstance(symbol.init, Array) else symbol.init}")
    return ", ".join([f"{kind}{symbol.kind} of shape {shape_text(shape)}{over}", *more])


def shape_text(shape: Shape) -> str:
    """A shape as Python writes it."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
