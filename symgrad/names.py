"""Display names of symbols: as the user wrote them; what layers own is numbered where it would clash."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node, topological


def display_names(roots: Sequence[Node]) -> dict[Node, str]:
    """The name of every symbol below `roots`; owned symbols of one name are numbered in topological order.

    Raises SymgradError where two different symbols that the user named have one name.
    """
    groups: dict[str, list[Node]] = {}
    for node in topological(roots):
        if node.op == "input":
            groups.setdefault(node.attrs[0].name, []).append(node)
    names: dict[Node, str] = {}
    for name, nodes in groups.items():
        if len(nodes) == 1:
            names[nodes[0]] = name
            continue
        free = [node for node in nodes if node.attrs[0].owner is None]
        if len(free) > 1:
            a, b = (_describe(node) for node in free[:2])
            raise SymgradError(f"two different symbols are called {name!r}: {a} and {b}; rename one of them")
        for node in free:
            names[node] = name
        number = 0
        for node in nodes:
            if node.attrs[0].owner is None:
                continue
            number += 1
            while f"{name}{number}" in groups:
                number += 1
            names[node] = f"{name}{number}"
    return names


def _describe(node: Node) -> str:
    symbol = node.attrs[0]
    shape = node.shape if symbol.over is None else node.shape[1:]
    text = "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
    over = "" if symbol.over is None else f" over {symbol.over}"
    return f"{symbol.kind} of shape {text}{over}, {node.dtype}"
