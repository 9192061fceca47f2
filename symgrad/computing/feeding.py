"""Run-time values meet their symbols: keys, kinds of numbers, shapes, labels, facts; sizes from shapes.

`Feed` is built once per function. A call with arrays that fit costs a type, a dtype and a shape comparison
for each input; everything else happens the first time a combination of shapes is seen, or goes wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symgrad.codegen.plan.binding import Bound, bind_sizes, index_inputs
from symgrad.computing.devices import foreign, host
from symgrad.computing.fact_checks import check_fact
from symgrad.formulas.names import shape_text
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import INTEGER, REAL, Node, Symbol, topological
from symgrad.graphs.sizes import Size, free_symbols

REMEMBERED = 256  # combinations of shapes
ACCEPTS = {REAL: ("fiub", "real numbers"), INTEGER: ("iub", "integers"), "boolean": ("b", "booleans")}
HINTS = {INTEGER: "; if the values are whole, pass {name}.astype(int)", "boolean": "; pass {name}.astype(bool)"}


class Wanted(NamedTuple):
    """One input: its key, its node, the dtype its array must have."""

    name: str
    node: Node
    dtype: np.dtype[Any]


class Requirement(NamedTuple):
    """Something that sizes must fulfil: entries first, ..., last of an axis of length `length`."""

    what: str
    start: Size
    step: int
    size: Size
    length: Size


class Feed:
    """The inputs of a function: what each must be, and what a call made of them."""

    def __init__(self, inputs: Sequence[tuple[str, Node]], outputs: Sequence[Node], dtype: str,
                 sizes: Mapping[sp.Symbol, int], device: bool = False) -> None:
        self.device = device  # arrays on a GPU are taken as they are
        dtypes = {REAL: np.dtype(dtype), INTEGER: np.dtype(np.int64), "boolean": np.dtype(np.bool_)}
        self.wanted = [Wanted(name, node, dtypes[node.dtype]) for name, node in inputs]
        self.given = dict(sizes)
        self.known = bind_sizes([(name, node.shape) for name, node in inputs], sizes)
        self.needs = requirements(outputs)
        self.indices = cache(lambda: index_inputs(outputs))
        self.inspected = [i for i, w in enumerate(self.wanted)
                          if w.node.attrs[0].facts or w.node.attrs[0].classes is not None]
        self.seen: dict[tuple[tuple[int, ...], ...], dict[sp.Symbol, int]] = {}
        self.dtypes = [w.dtype for w in self.wanted]

    def arrange(self, arrays: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
        """Values in the order of the inputs, from positions and names."""
        names = [w.name for w in self.wanted]
        listed = ", ".join(names) or "none"
        if len(arrays) > len(names):
            raise DataError(f"{len(arrays)} arrays are given for {len(names)} inputs: {listed}")
        values = dict(zip(names, arrays, strict=False))
        for name, value in named.items():
            if name not in names:
                raise DataError(f"there is no input {name!r}; the inputs are {listed}")
            if name in values:
                raise DataError(f"the input {name!r} is given twice, by position and by name")
            values[name] = value
        missing = [name for name in names if name not in values]
        if missing:
            raise DataError(f"no value for the input {', '.join(map(repr, missing))}; the inputs are {listed}")
        return [values[name] for name in names]

    def arrays(self, values: Sequence[Any]) -> tuple[list[np.ndarray], dict[sp.Symbol, int]]:
        """The values as arrays of the right dtype, and the sizes they show. Raises DataError."""
        arrays = [value if type(value) is np.ndarray and value.dtype is dtype else self.convert(i, value)
                  for i, (value, dtype) in enumerate(zip(values, self.dtypes, strict=True))]
        shapes = tuple([array.shape for array in arrays])
        sizes = self.seen.get(shapes)
        if sizes is None:
            sizes = self.bind(shapes)
            if len(self.seen) >= REMEMBERED:
                self.seen.clear()
            self.seen[shapes] = sizes
        for i in self.inspected:
            self.inspect(i, arrays[i], sizes)
        return arrays, sizes

    def convert(self, i: int, value: Any) -> np.ndarray:
        """One value as an array, whatever it comes as."""
        name, node, dtype = self.wanted[i]
        try:
            array = value if self.device and foreign(value) else np.asarray(value)
        except (TypeError, ValueError) as error:
            raise DataError(f"{name}: the value is no array of numbers: {error}") from None
        if np.ma.isMaskedArray(value) and np.ma.getmaskarray(value).any():
            raise DataError(f"{name}: the array has masked entries; fill them first")
        kinds, words = ACCEPTS[node.dtype]
        if array.dtype.kind not in kinds and array.size:
            hint = HINTS.get(node.dtype, "").format(name=name) if array.dtype.kind in "fiu" else ""
            raise DataError(f"{name}: expected {words}, got {_kind(array)}{hint}")
        if array.dtype == np.uint64 and dtype.kind == "i" and array.size and array.max() > np.iinfo(dtype).max:
            raise DataError(f"{name}: the value {array.max()} is too large for int64")
        return array.astype(dtype, copy=False) if array is value else np.asarray(array, dtype=dtype)

    def bind(self, shapes: Sequence[tuple[int, ...]]) -> dict[sp.Symbol, int]:
        """The sizes that these shapes show. Raises DataError for ranks, lengths and conflicts."""
        index = {w.name: i for i, w in enumerate(self.wanted)}
        for (name, node, _), shape in zip(self.wanted, shapes, strict=True):
            if len(shape) != len(node.shape):
                first = ", the sample axis first" if node.attrs[0].over is not None else ""
                raise DataError(f"{name}: expected an array of shape {shape_text(node.shape)}{first}; "
                                f"got one of shape {shape}, with {len(shape)} axes instead of {len(node.shape)}")
        sizes: dict[sp.Symbol, int] = {}
        for symbol, bound in self.known.items():
            if bound.argument is None:
                sizes[symbol] = bound.value
                continue
            length = shapes[index[bound.argument]][bound.axis]
            value = evaluate_size(bound.value, {**sizes, bound.unknown: length})
            if value is None or value < 1:
                size = self.wanted[index[bound.argument]].node.shape[bound.axis]
                hint = "; an axis of length 0 needs 0 as its size" if length == 0 and size == symbol else ""
                raise DataError(f"{bound.argument}: axis {bound.axis} has length {length}, which is no "
                                f"{size} for a positive {symbol}{hint}")
            sizes[symbol] = value
        for (name, node, _), shape in zip(self.wanted, shapes, strict=True):
            for axis, (size, length) in enumerate(zip(node.shape, shape, strict=True)):
                want = evaluate_size(size, sizes)
                if want is not None and want != length:
                    raise DataError(self._conflict(name, node, axis, size, want, shape))
        for need in self.needs:
            problem = unmet(need, sizes)
            if problem:
                raise DataError(problem)
        return sizes

    def _conflict(self, name: str, node: Node, axis: int, size: Size, want: int, shape: tuple[int, ...]) -> str:
        got = shape[axis]
        if isinstance(size, int):
            return (f"{name}: axis {axis} must have length {size}, got {got}: expected shape "
                    f"{shape_text(node.shape)}, got {shape}")
        if size.is_Symbol:
            return f"the size {size} is {want} at {_origin(self.known[size])} and {got} at axis {axis} of {name}"
        parts = ", ".join(f"{s} by {_origin(self.known[s])}" for s in free_symbols([size]))
        return f"{name}: axis {axis} must have length {size} = {want} ({parts}), got {got}"

    def inspect(self, i: int, array: np.ndarray, sizes: Mapping[sp.Symbol, int]) -> None:
        """Labels in range, declared facts true."""
        name, node, _ = self.wanted[i]
        symbol: Symbol = node.attrs[0]
        array = host(array)
        if symbol.classes is not None and array.size:
            count = evaluate_size(symbol.classes, sizes)
            if count is not None and (np.minimum.reduce(array, axis=None) < 0
                                      or np.maximum.reduce(array, axis=None) >= count):
                at = tuple(map(int, np.argwhere((array < 0) | (array >= count))[0]))
                raise DataError(f"{name}: the label {array[at]} at index {at} is not in 0..{count - 1} "
                                f"({symbol.classes} classes)")
        for fact in symbol.facts:
            check_fact(fact, name, array)

    def check_indices(self, arrays: Sequence[Any], sizes: Mapping[sp.Symbol, int]) -> None:
        """Raises DataError for an input that is an index, as it is, and points outside of its axis."""
        values = {w.node: (w.name, array) for w, array in zip(self.wanted, arrays, strict=True)}
        for (node, length), layer in self.indices().items():
            size = evaluate_size(length, sizes)
            if node not in values or size is None:
                continue
            name, array = values[node][0], host(values[node][1])
            bad = np.argwhere((array < -size) | (array >= size))
            if len(bad):
                at = tuple(map(int, bad[0]))
                raise DataError((f"{layer}: " if layer else "") + f"{name}: the index {array[at]} at {at} is out of range "
                                f"for an axis of length {size}")


def _kind(array: np.ndarray) -> str:
    words = {"O": "objects", "U": "text", "S": "bytes", "c": "complex numbers", "M": "dates", "m": "time spans"}
    return f"{words.get(array.dtype.kind, 'an array')} ({array.dtype})"


def _origin(bound: Bound) -> str:
    return "sizes=" if bound.argument is None else f"axis {bound.axis} of {bound.argument}"


def evaluate_size(size: Any, sizes: Mapping[sp.Symbol, int]) -> int | None:
    """The number a size is for these sizes; None where it is not known or not whole."""
    if isinstance(size, int):
        return size
    value = sizes.get(size)
    if value is not None or size.is_Symbol:
        return value
    result = size.subs(sizes)
    return int(result) if result.is_Integer else None


def requirements(outputs: Sequence[Node]) -> list[Requirement]:
    """What slices and windows of symbolic axes below `outputs`, and sizes that may be negative, ask for."""
    found: dict[Requirement, None] = {}
    for node in topological(outputs):
        if node.op in ops.STRIDED:
            inner, outer = (node.shape, node.operands[0].shape)[:: 1 if node.op is ops.SLICE else -1]
            for axis, ((start, step), size, length) in enumerate(zip(node.attrs[0], inner, outer, strict=True)):
                whole = size == length and (start, step) in ((0, 1), (length - 1, -1))
                if not whole and not all(isinstance(s, int) for s in (start, size, length)):
                    what = f"a slice of axis {axis} of {_described(node.operands[0])}"
                    found[Requirement(what, start, step, size, length)] = None
        else:
            if node.op is ops.WINDOWS:  # none at all where one does not fit: a kernel larger than its image
                (x,), axis, wide = node.operands, node.attrs[0], node.shape[-1]
                if not (isinstance(wide, int) and isinstance(x.shape[axis], int)):
                    what = f"a window of {wide} along axis {axis} of {_described(x)}"
                    found[Requirement(what, 0, 1, wide, x.shape[axis])] = None
            for size in node.shape:
                if isinstance(size, sp.Expr) and not size.is_Symbol and not size.is_nonnegative:
                    found[Requirement(f"the size {size}", 0, 1, size, size)] = None
    return list(found)


def _described(node: Node) -> str:
    if node.op is ops.INPUT:
        return str(node.attrs[0].name)
    return str(node.attrs[0]) if node.op is ops.NAMED else f"a tensor of shape {shape_text(node.shape)}"


def unmet(need: Requirement, sizes: Mapping[sp.Symbol, int]) -> str | None:
    """Why a requirement fails for these sizes; None where it holds or cannot be told."""
    start, size, length = (evaluate_size(s, sizes) for s in (need.start, need.size, need.length))
    if start is None or size is None or length is None:
        return None
    last = start + (size - 1) * need.step
    if size == 0 or size > 0 and 0 <= min(start, last) and max(start, last) < length:
        return None
    values = ", ".join(f"{s} = {sizes[s]}" for s in free_symbols([need.start, need.size, need.length]))
    if size < 0:
        return f"{need.what} would have length {size} for {values}"
    wanted = max(start, last) + 1
    return (f"{need.what} takes the entries {start} to {last}, so {need.length} must be at least {wanted}; "
            f"it is {length}" + (f" ({values})" if not sp.sympify(need.length).is_Symbol else ""))
