"""Display names of the symbols of a graph: what a user wrote, numbered where layers share a name.

One function gives them, to formulas, derivations, words, drawings, programs and files: a name means one symbol in all
that is made of one graph.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import count

from symgrad.graphs import ops
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Array, Node, Symbol, topological
from symgrad.graphs.sizes import Shape

SMALL = 4  # entries of a constant that is written out


def display_names(nodes: Iterable[Node], known: Mapping[Node, str] | None = None) -> dict[Node, str]:
    """The name of every symbol below `nodes`, in topological order; all names differ, as those of `symbol_names` do.

    `known` are names of layers' symbols in something larger. Raises SymgradError where two symbols of no layer share a
    name; it shows both.

    >>> import symgrad as sg
    >>> a, b = sg.nn.Linear(3, 3, bias=False), sg.nn.Linear(3, 3, bias=False)
    >>> sorted(display_names([b(a(sg.data("x", 3))).node]).values())
    ['W1', 'W2', 'x']
    """
    inputs = _in_order_of_use(list(nodes))
    refuse_twins(inputs)
    names = symbol_names(inputs, known)
    return {node: names[node] for node in inputs}


def refuse_twins(inputs: Iterable[Node]) -> None:
    """Raise SymgradError where two symbols of no layer share a name; it shows both."""
    plain: dict[str, Node] = {}
    for node in inputs:
        symbol: Symbol = node.attrs[0]
        if symbol.owner is None and plain.setdefault(symbol.name, node) is not node:
            raise SymgradError(f"two different symbols are called {symbol.name!r}: "
                               f"{describe_symbol(plain[symbol.name])}, and {describe_symbol(node)}; rename one")


def symbol_names(order: Iterable[Node], known: Mapping[Node, str] | None = None) -> dict[Node, str]:
    """Display names of inputs, constants and named tensors, for printing: all differ, and nothing is refused.

    What a user named keeps its name. Layers whose names clash are numbered in the order in which they were first
    used, and all their symbols with them, W -> W1, W2 and b -> b1, b2: one number is one layer, in every text. Names
    are given once for each output; where one layer occurs alone, its name needs no number. `known` are names that
    symbols of layers have already.
    """
    groups: dict[str, list[Node]] = {"symbol": [], "layer": [], "named": [], "constant": []}
    for node in order:
        kind = _kind(node)
        if kind:
            groups[kind].append(node)
    names: dict[Node, str] = {}
    taken: set[str] = set()
    late: list[tuple[Node, str]] = []

    def give(node: Node, text: str) -> None:
        if text in taken:
            late.append((node, text))
        else:
            names[node] = text
            taken.add(text)

    for node in groups["symbol"]:
        give(node, node.attrs[0].name)
    for node, text in _layer_names(groups["layer"], taken, known or {}).items():
        give(node, text)
    for node in groups["named"]:
        give(node, node.attrs[0].name if node.op is ops.CONSTANT else node.attrs[0])
    values = groups["constant"]
    for place, node in enumerate(values, start=1):
        give(node, "C" if len(values) == 1 else f"C_{place}")
    for node, text in late:
        ways = (f"C_{i}" if node in values else numbered(text, i) for i in count(1))
        text = next(each for each in ways if each not in taken)
        names[node] = text
        taken.add(text)
    return names


def is_of_layer(node: Node) -> bool:
    """Is it a symbol that a layer made, or a random operation?"""
    return node.op is ops.INPUT and (node.attrs[0].owner or 0) > 0


def _kind(node: Node) -> str:
    """What gives a node its name; empty where it has none."""
    if node.op is ops.INPUT:
        return "layer" if is_of_layer(node) else "symbol"
    if node.op is ops.NAMED and _of_a_step(node):
        return ""
    if node.op is ops.NAMED or (node.op is ops.CONSTANT and node.attrs[0].name):
        return "named"
    return "constant" if node.op is ops.CONSTANT and not is_small(node) else ""


def _of_a_step(node: Node) -> bool:
    """Is it what the steps of a recurrence call so, read from outside? Then the recurrence tells its name."""
    (inner,) = node.operands
    return inner.op is ops.SCAN and any(
        n.op is ops.NAMED and n.attrs == node.attrs and n.operands[0] is inner.attrs[1]
        for n in topological(inner.attrs[0].after))


def _layer_names(nodes: Sequence[Node], taken: AbstractSet[str], known: Mapping[Node, str]) -> dict[Node, str]:
    """Names of the symbols of layers: their own, or with the number of their layer where two layers share one."""
    names = {node: known.get(node, str(node.attrs[0].name)) for node in nodes}
    if len(set(names.values()) - taken) == len(nodes):
        return names
    layers: dict[int, list[Node]] = {}
    for node in nodes:
        layers.setdefault(node.attrs[0].owner, []).append(node)
    stems = {node: _stem(names[node]) for node in nodes}
    for own in layers.values():
        inner = [stems[node] for node in own]
        stems.update({node: names[node] for node in own if inner.count(stems[node]) > 1})  # one layer with W1 and W2
    alike = Counter(names.values())
    clashing = {stems[node] for node in nodes if alike[names[node]] > 1 or names[node] in taken}
    while True:  # what a layer has beside what clashes is numbered with it, and so is all that is called alike
        numbers = sorted(owner for owner, own in layers.items() if any(stems[node] in clashing for node in own))
        more = {stems[node] for owner in numbers for node in layers[owner]}
        if more == clashing:
            break
        clashing = more
    others = taken | {names[node] for node in nodes if stems[node] not in clashing}
    number = 0
    for owner in numbers:
        given: dict[Node, str] = {}
        while not given or not others.isdisjoint(given.values()):
            number += 1
            given = {node: numbered(stems[node], number) for node in layers[owner]}
        names |= given
    return names


def _stem(name: str) -> str:
    """A name without a number at its end: W of W1 and W_1."""
    return re.sub(r"(?<=.)[_^]?\d+$", "", name)


def numbered(text: str, number: int) -> str:
    """A name with a number: W1, b_ih_1."""
    return f"{text}{number}" if text[-1:].isalpha() and "_" not in text and "^" not in text else f"{text}_{number}"


def is_small(node: Node) -> bool:
    """Is a constant array written out, entry by entry?"""
    value = node.attrs[0].value
    return value is not None and value.size <= SMALL and value.ndim <= 2


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
    if symbol.latex is not None:
        more.append(f"in LaTeX {symbol.latex}")
    if symbol.init is not None:
        more.append(f"init {'an array' if isinstance(symbol.init, Array) else symbol.init}")
    return ", ".join([f"{kind}{symbol.kind} of shape {shape_text(shape)}{over}", *more])


def shape_text(shape: Shape) -> str:
    """A shape as Python writes it."""
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
