"""Symbols: sizes, data, labels and parameters. A symbol is its kind, name, shape and everything declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from numbers import Integral, Real
from typing import Any

import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import ShapeError, SymgradError
from symgrad.graphs.facts import FACTS, SIMPLEX, SQUARE, implied
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Array, Symbol, in_order_of_use, topological
from symgrad.graphs.phases import HELD, is_hidden
from symgrad.graphs.sizes import Size
from symgrad.graphs.sizes import dim as size_symbol
from symgrad.language.align import as_latex, as_name, as_shape, as_size
from symgrad.language.tensor import Tensor, wrap

INITS = ("zeros", "ones", "normal", "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "orthogonal")
NORMAL_BUT = "normal_but"  # with the number of a row that starts at zero: embeddings whose padding has one
SYNONYMS = {"xavier_uniform": "glorot_uniform", "xavier_normal": "glorot_normal", "kaiming_uniform": "he_uniform",
            "kaiming_normal": "he_normal"}  # PyTorch's names


def dim(name: str) -> sp.Symbol:
    """A symbolic axis size: a positive integer SymPy symbol.

    >>> sg.dim("n")
    n
    """
    if not isinstance(name, str) or not name.strip():
        raise SymgradError(f"dim: a size needs a name, not {name!r}")
    if len(name.replace(",", " ").split()) > 1:
        raise SymgradError(f"dim: {name!r} names several sizes; use sg.dims")
    return size_symbol(as_name(name.strip(), "dim"))


def dims(names: str) -> tuple[sp.Symbol, ...]:
    """Symbolic axis sizes, always a tuple.

    >>> sg.dims("n d")
    (n, d)
    """
    if not isinstance(names, str) or not names.replace(",", " ").split():
        raise SymgradError(f"dims: write the names in one text, such as 'n d', not {names!r}")
    return tuple(size_symbol(as_name(part, "dims")) for part in names.replace(",", " ").split())


def _symbol(kind: str, name: str, shape: Any, over: Any, dtype: str, facts: dict[str, bool], init: Any = None,
            classes: Any = None, owner: int | None = None, latex: str | None = None,
            layer: str | None = None) -> Tensor:
    operation = f"{kind} {as_name(name, kind)!r}"
    latex = None if latex is None else as_latex(latex, operation)
    sizes = as_shape(shape, operation)
    declared = _facts(operation, sizes, facts)
    sample: tuple[Size, ...] = ()
    if over is not None:
        over = as_size(over, f"{operation}, over")
        sample = (over,)
        if isinstance(over, sp.Expr) and over in sizes:
            raise ShapeError(f"{operation}: {over} is the sample axis and cannot be an ordinary axis too")
    symbol = Symbol(kind, name, over, init, declared, classes, owner, latex, layer)
    return wrap(input_node(symbol, (*sample, *sizes), dtype), over)


def _facts(operation: str, sizes: tuple[Size, ...], facts: dict[str, bool]) -> tuple[str, ...]:
    for fact, value in facts.items():
        if fact not in FACTS:
            raise TypeError(f"{operation}: {fact!r} is not a known fact; known are {', '.join(FACTS)}")
        if not isinstance(value, bool):
            raise TypeError(f"{operation}: {fact} must be True or False, not {value!r}")
        if value and SQUARE in implied((fact,)) and (len(sizes) < 2 or sizes[-1] != sizes[-2]):
            raise ShapeError(f"{operation}: {fact} needs a square matrix in the last two axes, "
                             f"not shape {shape_text(sizes)}")
        if value and fact == SIMPLEX and not sizes:
            raise ShapeError(f"{operation}: simplex needs an axis that sums to 1, and a scalar has none")
    return tuple(fact for fact in FACTS if facts.get(fact))


def data(name: str, shape: Any = (), *sizes: Any, over: Any = None, dtype: str = "real", latex: str | None = None,
         **facts: bool) -> Tensor:
    """An input: constant for differentiation unless a derivative by it is asked for.

    `shape` is a tuple of sizes or a single size; `over=T` makes the symbol one sample of `T`.
    `dtype` is "real", "integer" or "boolean". `latex` is how LaTeX sets it, where its name does not say; it stands as
    given, in bold type too. Raises ShapeError, SymgradError; TypeError for sizes that are no tuple.

    >>> T = sg.dim("T")
    >>> x = sg.data("x", 3, over=T, latex=r"\\vec{x}")
    >>> x.shape, x.over, x.latex()
    ((3,), T, '\\\\vec{x}')
    """
    if sizes:
        raise TypeError(_by_name("data", name, (shape, *sizes), "sg.data({name!r}, {shape})"))
    if dtype not in (REAL, INTEGER, BOOLEAN):
        raise SymgradError(f"data {name!r}: dtype must be 'real', 'integer' or 'boolean', not {dtype!r}")
    return _symbol("data", name, shape, over, dtype, facts, latex=latex)


def _by_name(kind: str, name: Any, sizes: Sequence[Any], call: str, classes: Any = None) -> str:
    by_name = f"the sample axis is given by name, over={sizes[-1]}"
    if isinstance(sizes[0], (list, tuple)):
        return f"{kind} {name!r}: {by_name}"
    shape = f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"
    return f"{kind} {name!r}: a shape is one tuple, {call.format(name=name, shape=shape, classes=classes)}; {by_name}"


def labels(name: str, classes: Any, *sizes: Any, over: Any = None, shape: Any = (), latex: str | None = None) -> Tensor:
    """Integer class labels in 0..classes-1, checked at every call; `latex` is how LaTeX sets the name.

    >>> t = sg.labels("t", classes=3, over=sg.dim("T"))
    >>> t.dtype, t.shape, t.over
    ('integer', (), T)
    """
    if sizes:
        raise TypeError(_by_name("labels", name, sizes, "sg.labels({name!r}, {classes}, shape={shape})", classes))
    count = as_size(classes, f"labels {name!r}, classes")
    return _symbol("labels", name, shape, over, INTEGER, {}, classes=count, latex=latex)


def parameter(name: str, shape: Any = (), init: Any = None, latex: str | None = None, **facts: bool) -> Tensor:
    """A free variable to optimise.

    `init` is a number, an array of the parameter's shape, ("uniform", low, high), ("normal", mean, deviation), or one of
    "zeros" "ones" "normal" "glorot_uniform" "glorot_normal" (Glorot and Bengio 2010, eq. 16) "he_uniform" "he_normal" (He
    et al. 2015, eq. 10) "orthogonal" (Saxe et al. 2014), of which PyTorch calls some xavier_ and kaiming_; None means
    glorot_uniform for two or more axes and zeros otherwise. `latex` is how LaTeX sets the name.

    >>> sg.parameter("W", (2, 3), init="he_normal").shape
    (2, 3)
    """
    return owned_parameter(name, shape, init, None, latex, None, **facts)


def owned_parameter(name: str, shape: Any, init: Any, owner: int | None, latex: str | None = None,
                    layer: str | None = None, **facts: bool) -> Tensor:
    """A parameter that belongs to a layer, which is written `layer`: it never ties with one of another owner."""
    sizes = as_shape(shape, f"parameter {name!r}")
    return _symbol("parameter", name, sizes, None, REAL, facts, _init(name, sizes, init), owner=owner,
                   latex=latex, layer=layer)


def restarted(symbol: Tensor, init: Any) -> Tensor:
    """The same parameter, or state of a layer, that starts from other numbers."""
    given: Symbol = symbol.node.attrs[0]
    anew = replace(given, init=_init(given.name, symbol.shape, init))
    return wrap(input_node(anew, symbol.node.shape, symbol.dtype), None)


def _init(name: str, sizes: tuple[Size, ...], init: Any) -> Any:
    if init is None or isinstance(init, str):
        init = SYNONYMS.get(init, init) if init is not None else None
        if init is not None and init not in INITS:
            raise SymgradError(f"parameter {name!r}: init {init!r} is not known; known are {', '.join(INITS)}, "
                               "a number, an array, ('uniform', low, high) or ('normal', mean, deviation)")
        return init
    if isinstance(init, tuple) and init and isinstance(init[0], str):
        return init if init[0] == NORMAL_BUT else _distribution(name, init)
    if isinstance(init, (Real, Integral)) and not isinstance(init, bool):
        return float(init)
    import numpy as np

    try:
        value = np.asarray(init, dtype=float)
    except (TypeError, ValueError):
        raise SymgradError(f"parameter {name!r}: init must be a number, an array or a name, "
                           f"not {type(init).__name__}") from None
    fits = value.ndim == len(sizes) and all(
        not isinstance(s, int) or s == v for s, v in zip(sizes, value.shape, strict=True))
    if not fits:
        raise ShapeError(f"parameter {name!r} of shape {shape_text(sizes)}: "
                         f"the init has shape {value.shape}")
    value = np.array(value)
    value.flags.writeable = False
    return Array(blake2b(f"{value.shape}".encode() + value.tobytes(), digest_size=16).hexdigest(), None, value)


def _distribution(name: str, init: tuple[Any, ...]) -> tuple[str, float, float]:
    """("uniform", low, high) or ("normal", mean, deviation), checked."""
    kind, *numbers = init
    good = kind in ("uniform", "normal") and len(numbers) == 2 and all(
        isinstance(x, (int, float)) and not isinstance(x, bool) and abs(x) < float("inf") for x in numbers)
    if not good or (numbers[0] > numbers[1] if kind == "uniform" else numbers[1] < 0):
        raise SymgradError(f"parameter {name!r}: init {init!r} must be ('uniform', low, high) with two numbers in order, "
                           "or ('normal', mean, deviation) with a deviation from 0 on")
    return kind, float(numbers[0]), float(numbers[1])


def symbols_of(loss: Tensor, order: Sequence[Tensor] = ()) -> list[Tensor]:
    """All symbols that somebody gives: data, parameters, what a model keeps; each in `order` if that has all of its kind,
    else by first use.
    """
    nodes = [node for node in topological([loss.node]) if node.op is ops.INPUT and not is_hidden(node)]
    found = [wrap(node, node.attrs[0].over) for node in in_order_of_use(topological([loss.node]), nodes)]
    place = {tensor: i for i, tensor in enumerate(order)}
    kinds = {kind for kind in map(_fitted, found) if all(s in place for s in found if _fitted(s) == kind)}
    return sorted(found, key=lambda s: (_fitted(s), place[s] if _fitted(s) in kinds else 0))


def _fitted(symbol: Tensor) -> int:
    """Which kind it is, in the order of `symbols_of`."""
    kind = symbol_kind(symbol)
    return HELD.index(kind) + 1 if kind in HELD else 0


def symbol_kind(symbol: Tensor) -> str:
    """"data", "labels", "parameter" or "state"."""
    kind: str = symbol.node.attrs[0].kind
    return kind
