"""`sg.graph`: the acyclic graph of tensors as networkx knows it, for questions and for drawings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from symgrad.calculus.derivatives import gradient_of
from symgrad.drawing.outputs import flat
from symgrad.formulas.names import display_names
from symgrad.formulas.rendering import render
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.node import REAL, Node, Symbol, topological
from symgrad.graphs.pieces.boxes import LEAF, affine_nodes, layers, named_leaf
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.table import rebuild
from symgrad.language.naming import layer_names
from symgrad.language.phases import phased
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor, wrap

NONLINEAR = ops.FUNCTIONS | ops.REDUCTIONS


def graph(*outputs: Any) -> nx.DiGraph:
    """The graph of `outputs` (tensors, lists or dicts), operands before consumers.

    Keys are short stable texts. Nodes carry `op kind shape over name formula layer tensor`; `kind` is one of
    data, parameter, constant, activation, operation, loss, gradient. Edges run from operand to consumer and
    carry `positions`, a tuple: `x * x` uses its operand twice.

    >>> import symgrad as sg
    >>> x = sg.data("x", 3)
    >>> g = sg.graph(sg.sum(x * x))
    >>> [(a, b, d["positions"]) for a, b, d in g.edges(data=True)]
    [('x', 'multiply', (0, 1)), ('multiply', 'sum', (0,))]
    """
    tensors = phased(flat(outputs), True)
    roots = [t.node for t in tensors]
    order = topological(roots)
    names = display_names(roots, layer_names(tensors))
    keys = _keys(order, names, roots)
    forward = _forward(tensors)
    affine = {n for t in tensors if t.node in forward for n in affine_nodes(t.node)}
    layer, samples = layers(order, affine), sample_axes(roots)
    closed = {t.node for t in tensors if not t.shape and t.node in forward}
    result = nx.DiGraph()
    leaves: dict[Node, Node] = {}
    for node in order:
        over = node.shape[0] if samples.get(node) == 0 else None
        leaves[node] = named_leaf(node, names) if not node.operands else input_node(
            Symbol("data", keys[node], over, owner=LEAF), node.shape, node.dtype)
        once = rebuild(node, tuple(leaves[o] for o in node.operands))
        tensor = wrap(node, over)
        result.add_node(
            keys[node], op=_operation(node), kind=_kind(node, forward, closed), shape=tensor.shape, over=over,
            name=names.get(node) or tensor.name, formula=render(once), layer=layer[node], tensor=tensor)
        positions: dict[Node, list[int]] = {}
        for place, operand in enumerate(node.operands):
            positions.setdefault(operand, []).append(place)
        for operand, places in positions.items():
            result.add_edge(keys[operand], keys[node], positions=tuple(places))
    return result


def _operation(node: Node) -> str:
    """The operation in a word: the row of an elementwise function, what a contraction does."""
    if node.op is ops.ELEMENTWISE:
        return str(node.attrs[0])
    if node.op is ops.EINSUM:
        inputs, out = node.attrs
        summed = {x for names in inputs for x in names} - set(out)
        if not summed:
            return "multiply"
        return "sum" if all(set(names) == set(inputs[0]) for names in inputs) else "contract"
    if node.op is ops.ADD and len(node.operands) == 1:
        return "scale"
    return node.op


def _keys(order: list[Node], names: Mapping[Node, str], roots: list[Node]) -> dict[Node, str]:
    """Names where there are any, else the operation, numbered where several share it."""
    base = {n: names.get(n) or (str(n.attrs[0]) if n.op is ops.NAMED else _operation(n)) for n in order}
    total: dict[str, int] = {}
    for text in base.values():
        total[text] = total.get(text, 0) + 1
    keys: dict[Node, str] = {}
    count: dict[str, int] = {}
    taken = {text for text, number in total.items() if number == 1}
    for node in order:
        text = base[node]
        if total[text] == 1:
            keys[node] = text
            continue
        while True:
            count[text] = count.get(text, 0) + 1
            key = f"{text}_{count[text]}"
            if key not in taken:
                break
        taken.add(key)
        keys[node] = key
    return keys


def _forward(tensors: list[Tensor]) -> set[Node]:
    """Everything below the outputs that are no gradients, and below what the gradients were taken of."""
    roots = []
    for tensor in tensors:
        known = gradient_of(tensor)
        roots.append(tensor if known is None else known[0])
    return set(topological([*(t.node for t in roots), *stable(roots)]))


def _kind(node: Node, forward: set[Node], closed: set[Node]) -> str:
    if node.op is ops.INPUT:
        return "parameter" if node.attrs[0].kind == "parameter" else "data"
    if node.op in (ops.CONSTANT, ops.IOTA) or literal_value(node) is not None:
        return "constant"
    if node not in forward:
        return "gradient"
    if node in closed:
        return "loss"
    inner = node.operands[0] if node.op is ops.NAMED else node
    return "activation" if inner.op in NONLINEAR and inner.dtype == REAL and inner.shape else "operation"
