"""From ONNX: a file walked node by node, each asked of the table of operators.

What is known when the file is read (constants, shapes, axes) stays an array and is worked out at once, so that a file's
shape arithmetic leaves no trace in the formulas; everything else is a tensor. An operator without a row that ONNX itself
defines by others is read by its definition.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.graphs.errors import DataError, SymgradError
from symgrad.language.symbols import data, dim, parameter
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, NotReadable, Reads, tensor
from symgrad.networks.declarations import (
    KIND,
    Values,
    declared_type,
    dtype_of,
    kinds_of_results,
    schema_of,
    settings_of,
    shapes_of,
    with_attributes,
)
from symgrad.networks.definitions import body_of
from symgrad.networks.known import worked_out
from symgrad.networks.network import Missing, ReadNetwork, ReadStep
from symgrad.networks.onnx_files import array_of, attribute_of, load_model, onnx_package
from symgrad.networks.operator_table import OPERATORS

HALVES = ("float16", "bfloat16")
DEEPEST = 40  # functions and subgraphs within each other
TEMPORARY = re.compile(r"(^|/)(val_|scalar_tensor|lifted|onnx::|const_)|Constant|_cast(_\d+)?$")  # a number of the code


class Absent:
    """In the place of a value that a missing operator would have given."""


def from_onnx(path: Any, partial: bool = False, fixed: Mapping[str, Any] | None = None,
              halves: bool = False) -> ReadNetwork:
    """The network of an ONNX file: inputs, outputs and parameters as tensors by the file's names, with their numbers.

    Real initializers are parameters; those that say shapes, axes, bounds and the like, and running statistics, are
    constants. A size that the file leaves open (`dim_param`) is `sg.dim` of its name. `fixed` holds inputs at arrays:
    shapes or axes that a file takes at run time; they are no inputs then. `halves` reads numbers of half precision
    (float16, bfloat16) as real numbers, which are not rounded so. `path` may be an `onnx.ModelProto`, too.

    Raises SymgradError that names operator, node and why for what cannot be read; with `partial=True` it goes on: what
    cannot be read is listed in `.missing`, what it would give is an input where its shape is known, and what depends on
    it is left out where not. DataError for files that are damaged or no ONNX models; BackendError without `onnx`.

    >>> import symgrad as sg
    >>> sg.from_onnx("no.onnx")
    Traceback (most recent call last):
    symgrad.graphs.errors.DataError: cannot read 'no.onnx': no such file or directory
    """
    model, folder, shown = load_model(path)
    try:
        return Reader(model, folder, partial, fixed or {}, halves).network()
    except (DataError, SymgradError) as error:
        raise type(error)(f"from_onnx: {shown}: {error}") from None
    except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        raise DataError(f"from_onnx: {shown}: it is damaged ({type(error).__name__}: "
                        f"{' '.join(str(error).split())[:200]})") from None
    except RecursionError:
        raise DataError(f"from_onnx: {shown}: its graphs lie too deep within each other") from None


class Reader:
    """A file being read."""

    def __init__(self, model: Any, folder: Path | None, partial: bool, fixed: Mapping[str, Any],
                 halves: bool) -> None:
        self.model, self.folder, self.partial, self.fixed, self.halves = model, folder, partial, fixed, halves
        self.versions = {("" if e.domain == "ai.onnx" else e.domain): e.version for e in model.opset_import}
        self.functions = {(f.domain, f.name): f for f in model.functions}
        self.declared = shapes_of(model.graph)
        self.inputs: dict[str, Tensor] = {}
        self.parameters: dict[str, Tensor] = {}
        self.values: dict[str, np.ndarray] = {}
        self.missing: list[Missing] = []
        self.steps: list[ReadStep] = []
        self.named: Values = {}  # of the whole graph
        self.scope: list[Values] = []  # the values of the graphs and functions that are being read, outermost first

    def network(self) -> ReadNetwork:
        """All of it, read."""
        graph = self.model.graph
        given = {t.name for t in graph.initializer}
        unknown = [name for name in self.fixed if name not in {v.name for v in graph.input}]
        if unknown:
            raise DataError(f"fixed names {', '.join(map(repr, unknown))}; the inputs are "
                            f"{', '.join(v.name for v in graph.input if v.name not in given)}")
        for entry in graph.input:
            if entry.name in self.fixed:
                self.named[entry.name] = np.asarray(self.fixed[entry.name])
            elif entry.name not in given:
                self.named[entry.name] = self.inputs[entry.name] = self._symbol(entry)
                self.named[KIND, entry.name] = declared_type(entry)[0]
        self._initial(graph, self.named)
        self.run(graph.node, self.named)
        outputs = {}
        for entry in graph.output:
            if entry.name not in self.named:
                raise DataError(f"its output {entry.name!r} is given by no node")
            value = self.named[entry.name]
            if not isinstance(value, Absent):
                if not isinstance(value, (Tensor, np.ndarray)):
                    raise DataError(f"its output {entry.name!r} is no tensor")
                outputs[entry.name] = tensor(value)
        if self.partial:
            used = {name for step in self.steps for name in step.reads} | set(outputs)
            self.parameters = {n: p for n, p in self.parameters.items() if n in used or not self.missing}
        return ReadNetwork(self.inputs, outputs, self.parameters, {name: self.values[name] for name in self.parameters},
                       tuple(self.missing), tuple(self.steps))

    # symbols ------------------------------------------------------------------------------------------

    def _symbol(self, entry: Any) -> Tensor:
        kind, shape = declared_type(entry)
        if not kind:
            raise DataError(f"its input {entry.name!r} is no tensor, but a sequence, map or optional")
        if shape is None:
            raise DataError(f"its input {entry.name!r} has no shape: how many axes it has must be known")
        sizes = [dim(f"{entry.name}_{i}") if size is None else size for i, size in enumerate(shape)]
        if kind in HALVES and not self.halves:
            raise DataError(f"its input {entry.name!r} holds {kind}, and formulas have real numbers, not rounded so; "
                            "from_onnx(..., halves=True) reads them as those")
        return data(entry.name, tuple(sizes), dtype=dtype_of(kind, f"its input {entry.name!r}"))

    def _initial(self, graph: Any, values: Values) -> None:
        """Initializers: parameters, unless they are no real numbers or only settings of operators."""
        settings = settings_of(self.model, graph)
        if graph.sparse_initializer:
            raise DataError(f"its initializer {graph.sparse_initializer[0].values.name!r} is sparse, which is not read")
        for entry in graph.initializer:
            array = array_of(entry, self.folder, f"the initializer {entry.name!r}")
            if array.dtype.kind != "f" or entry.name in settings or not np.isfinite(array).all() or (
                    array.ndim == 0 and TEMPORARY.search(entry.name)):
                values[entry.name] = array  # an infinity is a mask's: nothing learns it
            else:
                values[entry.name] = self.parameters[entry.name] = parameter(entry.name, array.shape)
                self.values[entry.name] = array

    # walking ------------------------------------------------------------------------------------------

    def run(self, nodes: Sequence[Any], values: Values) -> None:
        """The nodes of a graph or function, in order; what they give is put into `values`."""
        if len(self.scope) > DEEPEST:
            raise DataError("its graphs lie too deep within each other, or a function calls itself")
        self.scope.append(values)
        for node in nodes:
            try:
                found = self._read(node, values)
            except NotReadable as problem:
                found = self._missing(node, str(problem))
            except DataError:
                raise
            except SymgradError as error:
                found = self._missing(node, str(error))
            except (TypeError, ValueError, IndexError, KeyError, AttributeError, OverflowError, ArithmeticError) as error:
                found = self._missing(node, f"its inputs and attributes do not fit together "
                                            f"({type(error).__name__}: {' '.join(str(error).split())})")
            values.update((name, value) for name, value in zip(node.output, found, strict=False) if name)
        self.scope.pop()

    def _missing(self, node: Any, why: str) -> list[Any]:
        lost = Missing(node.op_type, node.name or next(iter(node.output), ""), why)
        if not self.partial:
            raise SymgradError(lost)
        self.missing.append(lost)
        return [self._stand_in(name) for name in node.output]

    def _stand_in(self, name: str) -> Any:
        """An input in the place of a value that is missing, where its shape is known."""
        kind, shape = self.declared.get(name, ("", None))
        if shape is None or None in shape or kind not in ("float32", "float64", "float16", "int64", "int32", "bool"):
            return Absent()
        self.inputs[name] = data(name, tuple(shape), dtype=dtype_of(kind, name))
        return self.inputs[name]

    def _read(self, node: Any, values: Values) -> Sequence[Any]:
        domain = "" if node.domain == "ai.onnx" else node.domain
        for name in node.input:
            if name and name not in values:
                raise DataError(f"operator {node.op_type}, node {node.name!r} reads {name!r}, which nothing before it "
                                "gives")
        given = [values[name] if name else None for name in node.input]
        while given and given[-1] is None:
            given.pop()
        if any(isinstance(value, Absent) for value in given):
            return [Absent() for _ in node.output]
        local = self.functions.get((node.domain, node.op_type))
        if local is not None:
            return self._function(local, node, given)
        row = OPERATORS.get((domain, node.op_type))
        c = self._call(node, domain, given)
        if row is None or not row.inside:
            known = self._known(c, node, domain, given, row)
            if known is not None:
                return known
        if row is None:
            return self._defined(c, node, domain, given)
        found = self._apply(row, c, given)
        made = tuple(value for value in found if isinstance(value, Tensor))
        if made and not all(any(t is value for value in given) for t in made):
            self.steps.append(ReadStep(node.op_type, node.name, tuple(node.input), tuple(node.output), c.attributes, made,
                                       tuple(given), lambda *others: self._apply(row, c, others)))
        return found

    def _apply(self, row: Reads, c: Call, given: Sequence[Any]) -> tuple[Any, ...]:
        operands = [value if value is None or i in row.held or isinstance(value, list) else tensor(value)
                    for i, value in enumerate(given)]
        found = row.rule(c, *operands)
        return found if isinstance(found, tuple) else (found,)

    def _known(self, c: Call, node: Any, domain: str, given: Sequence[Any], row: Reads | None) -> Sequence[Any] | None:
        if not given or any(isinstance(value, (Tensor, list)) for value in given):
            return None
        if row is not None and set(range(len(given))) <= set(row.held):
            return None  # the rule works on what is known
        return worked_out(c, node, domain, given)

    def _call(self, node: Any, domain: str, given: Sequence[Any]) -> Call:
        onnx = onnx_package("from_onnx")
        version = self.versions.get(domain, 1)
        attributes = {}
        schema = schema_of(onnx, node.op_type, version, domain)
        if schema is not None:
            for name, each in schema.attributes.items():
                if each.default_value.name:
                    attributes[name] = attribute_of(each.default_value, None, "")
        for each in node.attribute:
            attributes[each.name] = attribute_of(each, self.folder, f"node {node.name!r}")
        kinds = tuple(self._kind(name, value) for name, value in zip(node.input, given, strict=False))
        results = max((i + 1 for i, name in enumerate(node.output) if name), default=0)
        if schema is not None:
            for name, kind in zip(node.output, kinds_of_results(schema, attributes, kinds, len(node.output)), strict=True):
                self.scope[-1][KIND, name] = kind
        outside = len(self.scope) == 1  # names within a function are its own
        return Call(node.op_type, node.name, version, attributes, results,
                    lambda i: self._declared_shape(node.output[i]) if outside and i < len(node.output) else None,
                    kinds, tuple(node.input), self)

    def _declared_shape(self, name: str) -> list[Any] | None:
        return self.declared.get(name, ("", None))[1]

    def _kind(self, name: str, value: Any) -> str:
        if isinstance(value, np.ndarray):
            return "int64" if value.dtype == object else value.dtype.name
        return str(self.scope[-1].get((KIND, name), ""))

    # graphs and functions within ---------------------------------------------------------------------------

    def value(self, name: str) -> Any:
        """A value of the graph that is being read, by name."""
        if name not in self.scope[-1]:
            raise NotReadable(f"it names {name!r}, which nothing before it gives")
        return tensor(self.scope[-1][name])

    def graph(self, graph: Any, values: Sequence[Any]) -> list[Any]:
        """What a subgraph gives for these inputs; it sees the values around it."""
        inner: Values = ChainMap({}, self.scope[-1])
        self._initial(graph, inner)
        for entry, value in zip(graph.input, values, strict=False):
            inner[entry.name] = value
        self.run(graph.node, inner)
        return [inner[entry.name] for entry in graph.output]

    def _function(self, body: Any, node: Any, given: Sequence[Any]) -> list[Any]:
        """A function of the file, or the definition of an operator, with these inputs."""
        inner: Values = dict(zip(body.input, [*given, *[None] * len(body.input)], strict=False))
        around = self.scope[-1]
        for formal, name, value in zip(body.input, node.input, given, strict=False):
            inner[KIND, formal] = self._kind(name, value)
        own = {each.name: each for each in node.attribute}
        for default in body.attribute_proto:
            own.setdefault(default.name, default)
        before = dict(self.versions)
        self.versions.update({("" if entry.domain == "ai.onnx" else entry.domain): entry.version
                              for entry in body.opset_import})
        try:
            self.run([with_attributes(each, own, inner) for each in body.node], inner)
        finally:
            self.versions = before
        for own_name, name in zip(body.output, node.output, strict=False):
            around[KIND, name] = inner.get((KIND, own_name), "")
        return [inner.get(name, Absent()) for name in body.output]

    def _defined(self, c: Call, node: Any, domain: str, given: Sequence[Any]) -> Sequence[Any]:
        body = body_of(node, domain, c, given)
        if body is None:
            known = any(key[1] == node.op_type and key[0] == domain for key in OPERATORS)
            where = f" of domain {node.domain!r}" if node.domain else ""
            raise NotReadable(f"the operator{where} is not known" if not known else "it is not read")
        return self._function(body, node, given)
