"""A recurrence as ONNX's `Scan`: its step is a graph within the node, its results come out of one loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.recurrence import Loop, loop_of
from symgrad.graphs.node import Node, topological
from symgrad.networks.building import Made, OnnxGraph
from symgrad.networks.product_writing import Get, counts, full_value

Write = Callable[[OnnxGraph, Node, Get], Made]


def loops_of(roots: Sequence[Node]) -> dict[Loop, list[Any]]:
    """What is read from each loop below `roots`."""
    found: dict[Loop, list[Any]] = {}
    for node in topological(roots):
        if node.op is ops.SCAN:
            read = found.setdefault(loop_of(node), [])
            if node.attrs[1] not in read:
                read.append(node.attrs[1])
    return found


def written_scan(g: OnnxGraph, node: Node, get: Get, write: Write) -> Made:
    """A result of a loop; the loop is written when the first of its results is asked for."""
    loop = loop_of(node)
    if loop not in g.loops:
        g.loops[loop] = _written(g, loop, g.read[loop], get, write)
    return g.loops[loop][node.attrs[1]]


def _written(g: OnnxGraph, loop: Loop, read: Sequence[Any], get: Get, write: Write) -> Mapping[Any, Made]:
    body = loop.body
    stacked = [what for what in read if not isinstance(what, int)]
    operands = {symbol: full_value(g, get, o, symbol.dtype) for symbol, o in zip(body.symbols, loop.operands, strict=True)}
    streams = [operands[s].name for s in body.slices]
    if not streams:  # ONNX counts the steps by what it walks along
        streams = [counts(g, loop.length).name]
    graph = _step(g, loop, stacked, operands, write)
    names = [g.fresh(f"scan_{i}") for i in range(len(body.carries) + len(stacked))]
    way = int(loop.reverse)
    g.nodes.append(g.helper.make_node(
        "Scan", [*(operands[c].name for c in body.carries), *streams], names, name=f"Scan_{len(g.nodes)}", body=graph,
        num_scan_inputs=len(streams), scan_input_directions=[way] * len(streams),
        scan_output_directions=[way] * len(stacked) or None))
    last = {i: Made(name, c.shape, c.dtype) for i, (name, c) in enumerate(zip(names, body.carries, strict=False))}
    whole = {what: Made(name, (loop.length, *what.shape), what.dtype)
             for what, name in zip(stacked, names[len(body.carries):], strict=True)}
    return {**last, **whole}


def _step(g: OnnxGraph, loop: Loop, stacked: Sequence[Node], operands: Mapping[Node, Made], write: Write) -> Any:
    """The graph of one step; it sees the values around it by their names."""
    body, made = loop.body, {}
    infos = []
    for symbol in (*body.carries, *body.slices):
        name = g.fresh(symbol.attrs[0].name)
        made[symbol] = Made(name, symbol.shape, symbol.dtype)
        infos.append(g.info(name, symbol))
    if not body.slices:
        infos.append(g.helper.make_tensor_value_info(g.fresh("step"), g.helper.np_dtype_to_tensor_dtype(
            g.array_type("integer")), []))
    made |= {symbol: operands[symbol] for symbol in body.constants}
    nodes, known = g.nodes, g.known
    g.nodes, g.known = [], dict(known)
    try:
        roots = [*body.after, *stacked]
        g.read |= loops_of(roots)
        for node in topological(roots):
            if node not in made:
                made[node] = write(g, node, made.__getitem__)
        outputs = []
        for root in roots:
            value = g.filled(g.cast(made[root], root.dtype), root.shape)
            name = g.fresh("after")
            g.nodes.append(g.helper.make_node("Identity", [value.name], [name]))
            outputs.append(g.info(name, root))
        return g.helper.make_graph(g.nodes, g.fresh("step"), infos, outputs)
    finally:
        g.nodes, g.known = nodes, known
