"""An ONNX graph under construction: nodes, constants and sizes of run time, each once.

A value is the name of an ONNX tensor with its shape and kind. Equal nodes are one node, so what a graph shares the file
shares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Node
from symgrad.graphs.sizes import Shape, Size, free_symbols
from symgrad.graphs.weights import Weight, to_expr
from symgrad.networks.onnx_files import onnx_package

OPSET, IR = 20, 10


@dataclass(frozen=True)
class Made:
    """A tensor of the file: its name, its shape (which broadcasts to that of what it stands for), and its kind."""

    name: str
    shape: Shape
    kind: str


class OnnxGraph:
    """What is written so far."""

    def __init__(self, dtype: str) -> None:
        self.onnx = onnx_package("to_onnx")
        self.helper = self.onnx.helper
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: dict[Any, Made] = {}
        self.initializers: list[Any] = []
        self.known: dict[Any, tuple[str, ...]] = {}
        self.taken: set[str] = set()
        self.shown: dict[sp.Symbol, tuple[str, int]] = {}  # which input shows a size, along which axis
        self.loops: dict[Any, Mapping[Any, Made]] = {}  # results of the recurrences that are written
        self.read: dict[Any, list[Any]] = {}  # what is read from each recurrence
        self.solved: dict[sp.Symbol, tuple[str, int, Any]] = {}  # ... and the size as an expression in its length

    # names ----------------------------------------------------------------------------------------

    def fresh(self, wish: str) -> str:
        """A name that is not taken."""
        name, count = wish, 1
        while name in self.taken:
            count += 1
            name = f"{wish}_{count}"
        self.taken.add(name)
        return name

    def array_type(self, kind: str) -> Any:
        """NumPy's type for a kind."""
        return np.dtype({REAL: self.dtype, INTEGER: "int64", BOOLEAN: "bool"}[kind])

    def type_of(self, kind: str) -> int:
        """ONNX's number of a kind."""
        return int(self.helper.np_dtype_to_tensor_dtype(self.array_type(kind)))

    # nodes ----------------------------------------------------------------------------------------

    def op(self, operator: str, inputs: Sequence[str], /, **attributes: Any) -> str:
        """The output of a node; of an equal one that stands there already."""
        key = (operator, tuple(inputs), tuple(sorted((k, str(v)) for k, v in attributes.items())))
        if key not in self.known:
            name = self.fresh(f"{operator.lower()}_{len(self.nodes)}")
            self.nodes.append(self.helper.make_node(operator, list(inputs), [name], name=f"{operator}_{len(self.nodes)}",
                                                    **attributes))
            self.known[key] = (name,)
        return self.known[key][0]

    def array(self, value: Any, name: str | None = None) -> Made:
        """A constant of the file."""
        value = np.asarray(value)
        kind = {"f": REAL, "b": BOOLEAN}.get(value.dtype.kind, INTEGER)
        with np.errstate(over="ignore"):
            value = np.ascontiguousarray(value.astype(self.array_type(kind))).reshape(value.shape)
        key = name, kind, value.shape, value.tobytes()
        if key not in self.constants:
            own = self.fresh(name or f"c{len(self.constants)}")
            self.initializers.append(self.onnx.numpy_helper.from_array(value, own))
            self.constants[key] = Made(own, value.shape, kind)
        return self.constants[key]

    def ints(self, values: Sequence[int]) -> str:
        """A known list of integers, as axes and widths are."""
        return self.array(np.array(list(values), dtype=np.int64)).name

    def info(self, name: str, node: Node) -> Any:
        """What a file says of a tensor; open sizes by their names."""
        return self.helper.make_tensor_value_info(name, self.type_of(node.dtype), [
            size if isinstance(size, int) else str(size) for size in node.shape])

    def keep_what_is_used(self, outputs: set[str]) -> None:
        """Drop nodes and constants that no output needs: parts of what was written as a whole."""
        used, kept = set(outputs), []
        for node in reversed(self.nodes):
            if used & set(node.output):
                kept.append(node)
                used |= set(node.input) | {name for attribute in node.attribute for inner in attribute.g.node
                                           for name in _named_within(inner)}
        self.nodes = kept[::-1]
        self.initializers = [t for t in self.initializers if t.name in used]

    # sizes ----------------------------------------------------------------------------------------

    def size(self, size: Any) -> str:
        """A size of run time, one integer in a vector."""
        if isinstance(size, int) or size.is_Integer:
            return self.ints([int(size)])
        if size.is_Symbol:
            return self._symbol(size)
        if size.is_Add:
            return self._folded("Add", [self.size(part) for part in size.args])
        if size.is_Mul:
            above, below = sp.fraction(size)
            if below != 1:
                return self.op("Div", [self.size(above), self.size(below)])
            return self._folded("Mul", [self.size(part) for part in size.args])
        if size.is_Pow and size.exp.is_Integer and size.exp > 0:
            return self._folded("Mul", [self.size(size.base)] * int(size.exp))
        if isinstance(size, sp.floor):  # sizes are not negative, so that a quotient of integers is its floor
            return self._floor(size.args[0])
        if isinstance(size, sp.ceiling):
            above, below = sp.fraction(sp.together(size.args[0]))
            return self._floor((above + below - 1) / below)
        if isinstance(size, (sp.Max, sp.Min)):
            return self._folded(type(size).__name__, [self.size(part) for part in size.args])
        raise SymgradError(f"to_onnx: the size {size} has no operators of ONNX")

    def _floor(self, value: sp.Expr) -> str:
        above, below = sp.fraction(sp.together(value))
        return self.op("Div", [self.size(sp.expand(above)), self.size(sp.expand(below))])

    def _folded(self, operator: str, parts: Sequence[str]) -> str:
        first = parts[0]
        for part in parts[1:]:
            first = self.op(operator, [first, part])
        return first

    def _symbol(self, size: sp.Symbol) -> str:
        if size in self.shown:
            name, axis = self.shown[size]
            return self.op("Shape", [name], start=axis, end=axis + 1)
        if size in self.solved:
            name, axis, inverse = self.solved[size]
            length = sp.Dummy("length", positive=True, integer=True)
            self.shown[length] = name, axis
            return self._floor(inverse(length))
        raise SymgradError(f"to_onnx: no input shows the size {size}; an ONNX file takes its sizes from its inputs")

    def sizes(self, sizes: Sequence[Size]) -> str:
        """Sizes as a vector."""
        if all(isinstance(size, int) for size in sizes):
            return self.ints(sizes)
        return self.op("Concat", [self.size(size) for size in sizes], axis=0) if len(sizes) > 1 else self.size(sizes[0])

    def see(self, name: str, shape: Shape) -> None:
        """An input shows the sizes in its shape."""
        for axis, size in enumerate(shape):
            if isinstance(size, sp.Symbol):
                self.shown.setdefault(size, (name, axis))
            elif isinstance(size, sp.Expr) and len(free_symbols([size])) == 1:
                (symbol,) = free_symbols([size])
                if sp.degree(sp.expand(size), symbol) == 1:
                    by, more = sp.Poly(sp.expand(size), symbol).all_coeffs()
                    self.solved.setdefault(symbol, (name, axis, lambda n, by=by, more=more: (n - more) / by))

    # values ---------------------------------------------------------------------------------------

    def number(self, by: Weight | Any, kind: str = REAL) -> Made:
        """A number, or an expression in sizes, as a scalar."""
        value = sp.sympify(to_expr(by)) if isinstance(by, Weight) else sp.sympify(by)
        if value.is_number:
            scalar = float(value) if kind == REAL else int(value)
            return self.array(np.asarray(scalar, self.array_type(kind)))
        return self._expression(value)

    def _expression(self, value: sp.Expr) -> Made:
        """An expression in sizes as a real scalar."""
        if value.is_number:
            return self.array(np.asarray(float(value), self.dtype))
        if value.is_Add or value.is_Mul:
            name = self._folded("Add" if value.is_Add else "Mul", [self._expression(part).name for part in value.args])
        elif value.is_Pow:
            name = self.op("Pow", [self._expression(part).name for part in value.args])
        elif isinstance(value, (sp.exp, sp.log)):
            name = self.op(type(value).__name__.title(), [self._expression(value.args[0]).name])
        else:
            whole = self.op("Cast", [self.size(value)], to=self.type_of(REAL))
            name = self.op("Squeeze", [whole, self.ints([0])])
        return Made(name, (), REAL)

    def cast(self, value: Made, kind: str) -> Made:
        """The value in another kind."""
        if value.kind == kind:
            return value
        return Made(self.op("Cast", [value.name], to=self.type_of(kind)), value.shape, kind)

    def filled(self, value: Made, shape: Shape) -> Made:
        """The value at its full shape."""
        if value.shape == tuple(shape):
            return value
        return Made(self.op("Expand", [value.name, self.sizes(shape)]), tuple(shape), value.kind)

    def transposed(self, value: Made, order: Sequence[int]) -> Made:
        """Axis i of the result is axis `order[i]` of the value."""
        if list(order) == list(range(len(order))):
            return value
        return Made(self.op("Transpose", [value.name], perm=list(order)), tuple(value.shape[a] for a in order), value.kind)

    def unsqueezed(self, value: Made, axes: Sequence[int]) -> Made:
        """New axes of one entry at these places of the result."""
        if not axes:
            return value
        shape = list(value.shape)
        for axis in sorted(axes):
            shape.insert(axis, 1)
        return Made(self.op("Unsqueeze", [value.name, self.ints(axes)]), tuple(shape), value.kind)

    def reshaped(self, value: Made, shape: Shape) -> Made:
        """The value, which is whole, in another shape."""
        open_places = [i for i, size in enumerate(shape) if not isinstance(size, int)]
        if len(open_places) == 1 and 0 not in shape:
            sizes = self.ints([-1 if i in open_places else size for i, size in enumerate(shape)])
        else:
            sizes = self.sizes(shape) if shape else self.ints([])
        more: dict[str, Any] = {"allowzero": 1} if 0 in shape else {}
        return Made(self.op("Reshape", [value.name, sizes], **more), tuple(shape), value.kind)

    def entrywise(self, operator: str, values: Sequence[Made], kind: str, /, **attributes: Any) -> Made:
        """An operator that works entry by entry, with broadcasting."""
        name = self.op(operator, [value.name for value in values], **attributes)
        return Made(name, broadcast(*(value.shape for value in values)), kind)


def _named_within(node: Any) -> set[str]:
    """What a node of a subgraph reads, and the subgraphs in it."""
    inner = (each for attribute in node.attribute for each in attribute.g.node)
    return set(node.input).union(*map(_named_within, inner))


def broadcast(*shapes: Shape) -> Shape:
    """The shape of operands that broadcast together."""
    rank = max(map(len, shapes))
    found: list[Size] = [1] * rank
    for shape in shapes:
        for place, size in enumerate(shape, rank - len(shape)):
            if size != 1:
                found[place] = size
    return tuple(found)
