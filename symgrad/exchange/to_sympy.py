"""Explicit SymPy: every entry of a tensor as an expression in element symbols such as x_0 and W_0_1.

For users who go on in SymPy, and for tests that compare with everything else; `explicit.py` has the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symgrad.exchange.explicit import RULES, SymbolicArray, as_number, int_size, object_array
from symgrad.exchange.matrix_expressions import Folding, Unsaid
from symgrad.formulas.names import symbol_names
from symgrad.graphs import ops
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.samples import sample_axes
from symgrad.graphs.sizes import Shape, free_symbols
from symgrad.language.naming import layer_names
from symgrad.language.phases import in_training
from symgrad.language.printing import tree_of

if TYPE_CHECKING:
    from symgrad.language.tensor import Tensor

MOST = 200_000  # entries of one intermediate


def to_sympy(t: Tensor, sizes: Mapping[str, int]) -> Any:
    """A SymPy scalar, a Matrix (vectors are columns), or an Array for three and more axes.

    `sizes` gives the symbolic sizes by name; a tensor over samples is one sample if theirs is left out. Without any, the
    formula is a matrix expression, where SymPy has words for it. Raises DataError for a size that is missing, unknown
    or not a positive int.

    >>> import symgrad as sg
    >>> sg.sum(sg.data("x", sg.dim("n")) ** 2).to_sympy(n=2)
    x_0**2 + x_1**2
    >>> n, d = sg.dims("n d")
    >>> X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    >>> sg.gradient(sg.sum((X @ w - y) ** 2), w).to_sympy()
    2*X.T*(X*w - y)
    """
    t = in_training(t)
    order = topological([t.node])
    names = symbol_names(order, layer_names([t]))
    needed = {s.name: s for s in free_symbols([size for node in order for size in node.shape])}
    given = _checked(sizes, needed)
    lone = isinstance(t.over, sp.Symbol) and t.over not in given and not _closes(order)
    if lone:
        given[t.over] = 1
    missing = [name for name, symbol in needed.items() if symbol not in given]
    if missing and sizes:
        raise DataError(f"to_sympy: the size {missing[0]} is not given; write t.to_sympy({missing[0]}=2)")
    if missing:
        return _as_matrices(t, {names[node]: node.shape for node in order if node.op is ops.INPUT}, needed,
                            f"to_sympy: the size {missing[0]} is not given; write t.to_sympy({missing[0]}=2)")
    values: dict[Node, SymbolicArray] = {}
    for node in order:
        shape = tuple(int_size(size, given) for size in node.shape)
        if np.prod(shape, dtype=float) > MOST:
            raise DataError(f"to_sympy: a tensor of shape {shape} has more than {MOST} entries; take smaller sizes")
        if node.op is ops.INPUT:
            values[node] = _elements(names[node], shape, drop=lone and node.attrs[0].over is not None)
            continue
        result = RULES[node.op](node, [values[o] for o in node.operands], shape, given)
        values[node] = object_array(result, shape)
    result = values[t.node]
    if lone:
        result = result.reshape(result.shape[1:])
    return _explicit(object_array(np.vectorize(as_number, otypes=[object])(result), result.shape))


def _as_matrices(t: Tensor, shapes: Mapping[str, Shape], sizes: Mapping[str, sp.Symbol], problem: str) -> Any:
    """The formula as a matrix expression. Raises DataError with the problem where SymPy has none."""
    if t.over is not None or t.ndim > 2 or any(len(shape) > 2 for shape in shapes.values()):
        raise DataError(problem)
    symbols: dict[str, Any] = {name: size for name, size in sizes.items() if name not in shapes}
    for name, shape in shapes.items():
        rows, columns = (*shape, 1, 1)[:2]
        symbols[name] = sp.MatrixSymbol(name, rows, columns) if shape else sp.Symbol(name, real=True)
    main, definitions, more = tree_of(t)
    try:
        if more:
            raise Unsaid("…")
        wanted = (*t.shape, 1)[:2] if t.shape else None
        return Folding(symbols, definitions).of(main, wanted)
    except Unsaid as head:
        raise DataError(f"{problem}; SymPy has no matrix expression for a part of it ({head})") from None


def _closes(order: list[Node]) -> bool:
    """Does anything sum over the samples? Then they are needed, all of them."""
    axes = sample_axes(order[-1:])
    return any(node not in axes and any(o in axes for o in node.operands) for node in order)


def _checked(sizes: Mapping[str, int], needed: Mapping[str, sp.Symbol]) -> dict[sp.Symbol, int]:
    given: dict[sp.Symbol, int] = {}
    for name, value in sizes.items():
        if name not in needed:
            known = ", ".join(sorted(needed)) or "none"
            raise DataError(f"to_sympy: {name} is not a size of this tensor; its symbolic sizes: {known}")
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise DataError(f"to_sympy: the size {name} must be a positive int, not {value!r}")
        given[needed[name]] = int(value)
    return given


def _explicit(values: SymbolicArray) -> Any:
    if values.ndim == 0:
        return values.item()
    if values.ndim == 1:
        return sp.Matrix(len(values), 1, list(values))
    if values.ndim == 2:
        return sp.Matrix(*values.shape, list(values.ravel()))
    return sp.Array(list(values.ravel()), values.shape)


def _elements(name: str, shape: tuple[int, ...], drop: bool) -> SymbolicArray:
    result = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        result[place] = sp.Symbol("_".join([name, *map(str, place[1:] if drop else place)]))
    return result
