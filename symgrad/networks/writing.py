"""To ONNX: tensors as a file that other programs run. Any tensors: a network, its loss, a gradient."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.files import check_place, write_whole
from symgrad.formulas.names import display_names
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.phases import in_phase
from symgrad.language.align import as_tensor
from symgrad.language.naming import layer_names
from symgrad.language.recipes import stable
from symgrad.language.symbols import symbols_of
from symgrad.language.tensor import Tensor, wrap
from symgrad.networks.building import IR, OPSET, Made, OnnxGraph
from symgrad.networks.graph_writing import whole_value, written_node
from symgrad.networks.scan_writing import loops_of
from symgrad.tensor_files import read_safetensors
from symgrad.version import __version__

DTYPES = ("float32", "float64")


def to_onnx(outputs: Any, path: str | os.PathLike[str], values: Any = None, dtype: str = "float32") -> Path:
    """Write tensors to an ONNX file; gives its path.

    `outputs` is a tensor, a list, or a dict by whose keys the outputs are called; without a key an output has its name,
    or "output". The inputs of the file are the symbols that occur, by their names, with the sample axis first and open
    sizes by their names; `values` are numbers of the file instead: a dict of arrays by the names of symbols
    (`model.parameters`, `network.values`), a .safetensors file of them, or an `sg.Model`. Layers whose names clash are
    numbered as in the model's own. Gradients are tensors like others.

    Raises SymgradError for what ONNX has no operators for, two symbols of one name, and a place that cannot be written;
    DataError for values that do not fit; BackendError without the package `onnx`.

    >>> sg.to_onnx({"y": sg.data("x", 3)}, "missing/net.onnx")
    Traceback (most recent call last):
    symgrad.graphs.errors.SymgradError: cannot write 'missing/net.onnx': there is no folder 'missing'
    """
    target = check_place(path)
    if dtype not in DTYPES:
        raise SymgradError(f"to_onnx: dtype is one of {', '.join(DTYPES)}, not {dtype!r}")
    given = read_safetensors(values) if isinstance(values, (str, os.PathLike)) else {} if values is None else values
    return write_whole(target, onnx_model(outputs, given, dtype).SerializeToString())


def onnx_model(outputs: Any, values: Any, dtype: str) -> Any:
    """The model that `to_onnx` writes."""
    g = OnnxGraph(dtype)
    named = _named(outputs)
    nodes = in_phase(stable(list(named.values())), False)  # masks are one, statistics those that are kept
    g.read |= loops_of(nodes)
    made: dict[Node, Made] = {}
    names = display_names([*nodes, *(t.node for t in named.values())], layer_names(named.values()))
    inputs = _symbols(g, nodes, names, _given(values, names, nodes), made, set(named))
    g.taken |= set(named)
    for node in topological(nodes):
        if node not in made:
            made[node] = written_node(g, node, made.__getitem__)
    _called(g, {name: whole_value(g, made[node], node).name for name, node in zip(named, nodes, strict=True)})
    g.keep_what_is_used(set(named))
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


def _symbols(g: OnnxGraph, nodes: Sequence[Node], names: Mapping[Node, str], values: Mapping[Node, Any],
             made: dict[Node, Made], taken: set[str]) -> list[Any]:
    """The inputs of the file; symbols with values become constants of it."""
    order = _as_used(nodes)
    for node in order:
        if names[node] in taken:
            raise SymgradError(f"to_onnx: an output is called {names[node]!r} as a symbol is; give it another key")
    infos = []
    for node in order:
        name = names[node]
        if node in values:
            written = g.array(_fitting(g, name, node, values[node]), name)
            g.see(written.name, node.shape)
            made[node] = Made(written.name, node.shape, node.dtype)
        else:
            g.taken.add(name)
            made[node] = Made(name, node.shape, node.dtype)
            infos.append(g.info(name, node))
    for node in order:
        if node not in values:
            g.see(names[node], node.shape)
    return infos


def _given(values: Any, names: Mapping[Node, str], nodes: Sequence[Node]) -> dict[Node, Any]:
    """Arrays by symbol, of a dict by name, or of a model, which knows its symbols. Raises DataError for other names."""
    if hasattr(values, "network"):
        own = {node: name for name, node in values.network.parameters}
        arrays = values.parameters
        return {node: arrays[own[node]] for node in _as_used(nodes) if node in own}
    if not isinstance(values, Mapping):
        raise DataError(f"to_onnx: values are a dict of arrays by name, a model or a .safetensors file, not "
                        f"{type(values).__name__}")
    found = {names[node]: node for node in _as_used(nodes)}
    unknown = [name for name in values if name not in found]
    numbered = any(name != node.attrs[0].name for name, node in found.items())
    bare = [name for name, node in found.items() if node.attrs[0].kind == "parameter" and name not in values]
    if unknown and (numbered or bare or len(unknown) == len(values)):
        hint = "; give the model itself, which knows whose they are" if numbered else ""
        raise DataError(f"to_onnx: values for {', '.join(map(repr, unknown))}, which do not occur; the symbols are "
                        f"{', '.join(found)}{hint}")
    return {found[name]: array for name, array in values.items() if name in found}


def _as_used(nodes: Sequence[Node]) -> list[Node]:
    """Symbols: data first, then parameters, each in the order in which they are used."""
    order = list(dict.fromkeys(symbol.node for node in nodes for symbol in symbols_of(wrap(node))))
    return sorted(order, key=lambda node: node.attrs[0].kind == "parameter")


def _fitting(g: OnnxGraph, name: str, node: Node, value: Any) -> np.ndarray:
    """An array for a symbol. Raises DataError for another shape or kind."""
    array = np.asarray(value)
    fits = array.ndim == len(node.shape) and all(
        not isinstance(size, int) or size == length for size, length in zip(node.shape, array.shape, strict=True))
    if array.dtype.kind not in "fiub" or not fits:
        raise DataError(f"to_onnx: the value of {name!r} has the shape {array.shape} and holds {array.dtype}; the symbol "
                        f"is {node.dtype} of shape ({', '.join(map(str, node.shape))})")
    return array.astype(g.array_type(node.dtype))
