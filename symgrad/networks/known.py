"""What is known when a file is read: shapes, axes and constants, worked out at once.

Numbers are worked out by the operators of the package `onnx` itself, in NumPy. Sizes that a file leaves open are SymPy's
symbols; for those there is a table of what files do with shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symgrad.networks.call import KNOWN_LIMIT, Call, is_symbolic, of_sizes, settled
from symgrad.networks.onnx_files import onnx_package

GROWING = frozenset({"Expand", "Tile", "Pad", "Resize", "Upsample", "OneHot", "EyeLike", "ConstantOfShape", "Range",
                     "Col2Im"})
CHANCE = ("Random", "Bernoulli", "Multinomial", "Dropout")


def worked_out(c: Call, node: Any, domain: str, arrays: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...] | None:
    """What a node gives, where all that it reads is known; None where that is left to formulas."""
    if any(is_symbolic(array) for array in arrays):
        rule = SYMBOLIC.get(c.operator)
        if rule is None:
            return None
        try:
            return (np.asarray(settled(_objects(rule(c, *arrays)))),)
        except (TypeError, ValueError, IndexError, ZeroDivisionError):
            return None
    if domain or c.operator.startswith(CHANCE) or _grows(c, arrays):
        return None
    onnx = onnx_package("from_onnx")
    plain = onnx.NodeProto()
    plain.CopyFrom(node)
    del plain.input[:], plain.output[:]
    plain.input.extend("" if array is None else f"i{i}" for i, array in enumerate(arrays))
    plain.output.extend(f"o{i}" for i in range(c.results))
    given = {f"i{i}": array for i, array in enumerate(arrays) if array is not None}
    try:
        infos = [onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
                 for name, array in given.items()]
        graph = onnx.helper.make_graph([plain], "known", infos, [onnx.ValueInfoProto(name=name) for name in plain.output])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", c.version)])
        with np.errstate(all="ignore"):
            found = onnx.reference.ReferenceEvaluator(model).run(None, given)
    except Exception:  # an operator that the package does not compute, or operands that do not fit: the rule says why
        return None
    return tuple(np.asarray(value) for value in found)


def _grows(c: Call, arrays: Sequence[np.ndarray | None]) -> bool:
    """May the result be much larger than what the file holds?"""
    if c.operator not in GROWING:
        return sum(np.size(array) for array in arrays if array is not None) > KNOWN_LIMIT
    if c.operator in ("Expand", "Tile") and len(arrays) > 1 and arrays[1] is not None and arrays[0] is not None:
        factor = prod(max(int(n), 0) for n in arrays[1].reshape(-1).tolist())
        return factor * max(arrays[0].size, 1) > KNOWN_LIMIT
    return True


def _objects(value: Any) -> np.ndarray:
    return np.asarray(value, dtype=object)


def _concat(c: Call, *parts: Any) -> Any:
    return np.concatenate([_objects(part) for part in parts], c["axis"] or 0)


def _gather(c: Call, x: Any, index: Any) -> Any:
    return np.take(x, np.asarray(index, int), axis=c["axis"] or 0)


def _slice(c: Call, x: Any, starts: Any = None, ends: Any = None, axes: Any = None, steps: Any = None) -> Any:
    first = int(np.reshape(c["starts"] if starts is None else starts, -1)[0])
    last = int(np.reshape(c["ends"] if ends is None else ends, -1)[0])
    return x[first:last:None if steps is None else int(np.reshape(steps, -1)[0])]


def _whole_quotient(a: Any, b: Any) -> Any:
    """Of sizes, which are positive: the quotient where it is a size, else its floor."""
    ratio = sp.cancel(sp.sympify(a) / sp.sympify(b))
    return ratio if ratio.is_integer else sp.floor(ratio)


def _reshape(c: Call, x: Any, shape: Any) -> Any:
    return np.reshape(x, [int(size) for size in np.reshape(shape, -1)])


def _where(c: Call, condition: Any, a: Any, b: Any) -> Any:
    return np.where(np.asarray(condition, bool), _objects(a), _objects(b))


def _equal(c: Call, a: Any, b: Any) -> Any:
    """Sizes are from 1 on: a symbol is not -1 or 0; two symbols are equal where they are one."""
    left, right = np.broadcast_arrays(_objects(a), _objects(b))
    found = []
    for one, two in zip(left.reshape(-1), right.reshape(-1), strict=True):
        known = sp.Eq(one, two)
        if known not in (sp.true, sp.false):
            raise ValueError
        found.append(bool(known))
    return np.array(found).reshape(left.shape)


def _squeezed(c: Call, x: Any, axes: Any = None) -> Any:
    return np.reshape(x, [size for size in np.shape(x) if size != 1])


def _unsqueezed(c: Call, x: Any, axes: Any = None) -> Any:
    places = c["axes"] if axes is None else [int(a) for a in np.reshape(axes, -1)]
    return np.expand_dims(x, tuple(places or ()))


SYMBOLIC: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "Concat": _concat, "Gather": _gather, "Slice": _slice, "Squeeze": _squeezed, "Unsqueeze": _unsqueezed,
    "Reshape": _reshape, "Where": _where, "Equal": _equal,
    "Identity": lambda c, x: x, "Cast": lambda c, x: x,
    "Add": lambda c, a, b: _objects(a) + _objects(b), "Sub": lambda c, a, b: _objects(a) - _objects(b),
    "Mul": lambda c, a, b: _objects(a) * _objects(b),
    "Div": lambda c, a, b: np.frompyfunc(_whole_quotient, 2, 1)(_objects(a), _objects(b)),
    "Max": lambda c, *parts: np.frompyfunc(lambda a, b: sp.Max(a, b), 2, 1).reduce([_objects(p) for p in parts]),
    "Min": lambda c, *parts: np.frompyfunc(lambda a, b: sp.Min(a, b), 2, 1).reduce([_objects(p) for p in parts]),
    "ReduceProd": lambda c, x, axes=None: of_sizes([prod(np.reshape(x, -1))]).reshape((1,) if c["keepdims"] else ()),
})
