"""To ONNX: tensors as a file that other programs run. Any tensors: a network, its loss, a gradient."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.files import check_place, write_whole
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.phases import in_phase
from symgrad.language.align import as_tensor
from symgrad.language.recipes import stable
from symgrad.language.symbols import symbols_of
from symgrad.language.tensor import Tensor, wrap
from symgrad.networks.building import IR, OPSET, Made, OnnxGraph
from symgrad.networks.graph_writing import whole_value, written_node
from symgrad.networks.scan_writing import loops_of
from symgrad.version import __version__

DTYPES = ("float32", "float64")


def to_onnx(outputs: Any, path: str | os.PathLike[str], values: Mapping[str, Any] | None = None,
            dtype: str = "float32") -> Path:
    """Write tensors to an ONNX file; gives its path.

    `outputs` is a tensor, a list, or a dict by whose keys the outputs are called; without a key an output has its name,
    or "output". The inputs of the file are the symbols that occur, by their names, with the sample axis first and open
    sizes by their names; `values`, a dict of arrays by the names of symbols (`model.parameters`, `network.values`), are
    numbers of the file instead. Gradients are tensors like others.

    Raises SymgradError for what ONNX has no operators for, two symbols of one name, and a place that cannot be written;
    DataError for values that do not fit; BackendError without the package `onnx`.

    >>> sg.to_onnx({"y": sg.data("x", 3)}, "missing/net.onnx")
    Traceback (most recent call last):
    symgrad.graphs.errors.SymgradError: cannot write 'missing/net.onnx': there is no folder 'missing'
    """
    target = check_place(path)
    if dtype not in DTYPES:
        raise SymgradError(f"to_onnx: dtype is one of {', '.join(DTYPES)}, not {dtype!r}")
    return write_whole(target, onnx_model(outputs, values or {}, dtype).SerializeToString())


def onnx_model(outputs: Any, values: Mapping[str, Any], dtype: str) -> Any:
    """The model that `to_onnx` writes."""
    g = OnnxGraph(dtype)
    named = _named(outputs)
    nodes = in_phase(stable(list(named.values())), False)  # masks are one, statistics those that are kept
    g.read |= loops_of(nodes)
    made: dict[Node, Made] = {}
    inputs = _symbols(g, nodes, values, made, set(named))
    g.taken |= set(named)
    for node in topological(nodes):
        if node not in made:
            made[node] = written_node(g, node, made.__getitem__)
    _called(g, {name: whole_value(g, made[node], node).name for name, node in zip(named, nodes, strict=True)})
    graph = g.helper.make_graph(
        g.nodes, "symgrad", inputs, [g.info(name, node) for name, node in zip(named, nodes, strict=True)], g.initializers)
    model = g.helper.make_model(graph, opset_imports=[g.helper.make_opsetid("", OPSET)], ir_version=IR,
                                producer_name="symgrad", producer_version=__version__)
    g.onnx.checker.check_model(model)
    return model


def _called(g: OnnxGraph, results: Mapping[str, str]) -> None:
    """The results under the names of the outputs: the node that gives it is renamed, where one does and no other has."""
    given = {output for node in g.nodes for output in node.output}
    new = {}
    for name, value in results.items():
        if value in given and value not in new:
            new[value] = name
        else:
            g.nodes.append(g.helper.make_node("Identity", [value], [name], name=f"output {name}"))
    for node in g.nodes:
        for values in (node.input, node.output):
            for i, value in enumerate(values):
                if value in new:
                    values[i] = new[value]


def _named(outputs: Any) -> dict[str, Tensor]:
    """The outputs by name."""
    if isinstance(outputs, Mapping):
        for key in outputs:
            if not isinstance(key, str) or not key:
                raise SymgradError(f"to_onnx: the keys of outputs are texts that are not empty, not {key!r}")
        found = {key: as_tensor(value, "to_onnx") for key, value in outputs.items()}
    else:
        several = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        found = {}
        for i, value in enumerate(several):
            t = as_tensor(value, "to_onnx")
            known = t.name if t.name and t.node.op is ops.NAMED else None
            name = known or (f"output_{i + 1}" if len(several) > 1 else "output")
            found[f"{name}_{i + 1}" if name in found else name] = t
    if not found:
        raise SymgradError("to_onnx: give at least one output")
    return found


def _symbols(g: OnnxGraph, nodes: Sequence[Node], values: Mapping[str, Any], made: dict[Node, Made],
             taken: set[str]) -> list[Any]:
    """The inputs of the file; symbols with values become constants of it."""
    found: dict[str, Node] = {}
    for node in topological(nodes):
        if node.op is ops.INPUT:
            name = node.attrs[0].name
            if found.setdefault(name, node) is not node:
                raise SymgradError(f"to_onnx: two symbols are called {name!r}, and a file tells them apart by their names")
            if name in taken:
                raise SymgradError(f"to_onnx: an output is called {name!r} as a symbol is; give it another key")
    order = _as_used(nodes, found)
    unknown = [name for name in values if name not in found]
    if unknown:
        raise DataError(f"to_onnx: values for {', '.join(map(repr, unknown))}, which do not occur; the symbols are "
                        f"{', '.join(order)}")
    infos = []
    for name in order:
        node = found[name]
        if name in values:
            made[node] = g.array(_fitting(g, name, node, values[name]), name)
            g.see(made[node].name, node.shape)
            made[node] = Made(made[node].name, node.shape, node.dtype)
        else:
            g.taken.add(name)
            made[node] = Made(name, node.shape, node.dtype)
            infos.append(g.info(name, node))
    for name in order:
        if name not in values:
            g.see(name, found[name].shape)
    return infos


def _as_used(nodes: Sequence[Node], found: Mapping[str, Node]) -> list[str]:
    """Names of symbols: data first, then parameters, each in the order in which they are used."""
    order: dict[str, None] = {}
    for node in nodes:
        for symbol in symbols_of(wrap(node)):
            order[symbol.node.attrs[0].name] = None
    data = [name for name in order if found[name].attrs[0].kind != "parameter"]
    return [*data, *(name for name in order if name not in data)]


def _fitting(g: OnnxGraph, name: str, node: Node, value: Any) -> np.ndarray:
    """An array for a symbol. Raises DataError for another shape or kind."""
    array = np.asarray(value)
    fits = array.ndim == len(node.shape) and all(
        not isinstance(size, int) or size == length for size, length in zip(node.shape, array.shape, strict=True))
    if array.dtype.kind not in "fiub" or not fits:
        raise DataError(f"to_onnx: the value of {name!r} has the shape {array.shape} and holds {array.dtype}; the symbol "
                        f"is {node.dtype} of shape ({', '.join(map(str, node.shape))})")
    return array.astype(g.array_type(node.dtype))
