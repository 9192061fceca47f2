"""What a name in a SymPy formula stands for: a size, a symbol of symgrad, an index that runs, an argument of a lambda."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import sympy as sp
from sympy.printing.str import StrPrinter

from symgrad.exchange.labelled import IndexLabel, Value
from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import ShapeError, SymgradError
from symgrad.graphs.sizes import Size, canonical, dim
from symgrad.language.align import as_tensor, describe
from symgrad.language.rearrange import expand_dims, squeeze
from symgrad.language.symbols import data
from symgrad.language.tensor import Tensor

LARGEST, SMALLEST = sp.Rational(sys.float_info.max), sp.Rational(5e-324)
SHOWN = 80  # characters of a sub-expression in a message
MANY = 50  # operands that SymPy does not sort for a message, which takes it the square of their number
SHAPED = ("MatrixSymbol", "Identity", "ZeroMatrix", "OneMatrix", "ArraySymbol", "ZeroArray", "OneArray", "IndexedBase",
          "Reshape")  # classes whose arguments are a shape, after a name or an array


class NotRead(SymgradError):
    """A sub-expression without a meaning here."""


def refuse(e: Any, why: str) -> NoReturn:
    """Raise the error that names the class of `e` and `e` itself."""
    raise NotRead(f"from_sympy: {shown(e)} ({type(e).__name__}): {why}")


def shown(e: Any) -> str:
    """A sub-expression in a message: on one line, and not too long."""
    try:
        text = " ".join(StrPrinter({"order": None if len(getattr(e, "args", ())) < MANY else "none"}).doprint(e).split())
    except RecursionError:  # SymPy's printers recurse
        return "(too deep to show)"
    return text if len(text) <= SHOWN else text[:SHOWN - 3] + "..."


@dataclass(frozen=True, eq=False)
class Running:
    """An index that runs over start, ..., start + length - 1."""

    label: IndexLabel
    start: Size
    length: Size


@dataclass(frozen=True, eq=False)
class Scope:
    """The names of one place in a formula. Scopes of one formula share `leaves`, the symbols met so far by name."""

    sizes: Mapping[sp.Symbol, sp.Expr]
    given: Mapping[Any, Any]
    leaves: dict[str, tuple[Any, Tensor]] = field(default_factory=dict)
    bound: Mapping[Any, Running | Value] = field(default_factory=dict)

    def bind(self, more: Mapping[Any, Running | Value]) -> Scope:
        """The scope inside a sum or a lambda."""
        return Scope(self.sizes, self.given, self.leaves, {**self.bound, **more})

    def running(self, e: Any) -> list[Any]:
        """The bound names in a short expression such as an index."""
        return sorted((s for s in sp.sympify(e).free_symbols if s in self.bound), key=str)

    def size(self, e: Any) -> Size:
        """A size, or a number like one (it may be negative in an index), in the sizes of symgrad."""
        e = sp.sympify(e)
        if e.is_Integer:
            return int(e)
        if self.running(e):
            refuse(e, f"{self.running(e)[0]} runs, and nothing here can depend on it")
        unknown = sorted((s for s in e.free_symbols if s not in self.sizes), key=str)
        if unknown or not isinstance(e, sp.Expr) or e.is_integer is False:
            refuse(e, f"{unknown[0]} is neither a size nor an index that runs" if unknown else "this is no size")
        e = e.xreplace(dict(self.sizes))
        return int(e) if e.is_Integer else e

    def shape(self, sizes: Any) -> tuple[Size, ...]:
        """A shape; raises ShapeError for a size that is none."""
        try:
            return tuple(canonical(self.size(s)) for s in sizes)
        except (TypeError, ValueError) as error:
            raise ShapeError(f"from_sympy: {error}") from None

    def leaf(self, e: Any, name: str, shape: tuple[Size, ...]) -> Tensor:
        """The tensor of a SymPy symbol: the user's own, or data of that name and shape."""
        if name not in self.leaves:
            own = self.given.get(e, self.given.get(name))
            self.leaves[name] = e, data(name, shape) if own is None else _fitted(e, own, shape)
        known, tensor = self.leaves[name]
        if known != e:
            raise SymgradError(f"from_sympy: two different symbols are called {name}: {_symbol(known)} and {_symbol(e)}")
        return tensor


def _symbol(e: Any) -> str:
    kind = type(e).__name__
    return f"{kind} of shape {shape_text(tuple(e.shape))}" if hasattr(e, "shape") else sp.srepr(e)


def _fitted(e: Any, own: Any, shape: tuple[Size, ...]) -> Tensor:
    """A tensor of the user's in the place of a symbol of `shape`; axes of size 1 may be missing."""
    tensor = as_tensor(own, f"from_sympy, symbols[{shown(e)}]")
    ones = [i for i, size in enumerate(shape) if size == 1]
    if tensor.shape != shape and tensor.shape == tuple(size for size in shape if size != 1):
        return expand_dims(tensor, ones)
    if tensor.shape != shape:
        raise ShapeError(f"from_sympy: {_symbol(e)} is called {shown(e)}, and symbols gives {describe(tensor)} for it; "
                         f"the shape must be {shape_text(shape)}")
    return tensor


def scope_of(expr: Any, symbols: Mapping[Any, Any]) -> Scope:
    """The outermost scope of a formula: a symbol that occurs in a shape or in the bounds of a sum is a size."""
    free: dict[Any, None] = {}
    bound: set[Any] = set()
    stack, seen = [expr], set()
    while stack:
        e = stack.pop()
        if id(e) in seen:
            continue
        seen.add(id(e))
        name = type(e).__name__
        sizes: list[Any] = []
        if name in SHAPED:
            sizes = [part for part in e.args if part is not e.args[0] or name not in ("MatrixSymbol", "ArraySymbol",
                                                                                     "IndexedBase", "Reshape")]
        elif name == "FunctionMatrix":
            sizes = list(e.args[:2])
        elif name == "MatrixSlice":
            sizes = list(e.args[1:])
        elif name in ("Sum", "Product"):
            sizes = [part for limit in e.limits for part in limit[1:]]
            bound.update(limit[0] for limit in e.limits)
        for size in sizes:
            free.update(dict.fromkeys(sorted(size.free_symbols, key=sp.default_sort_key)))
        stack.extend(e.args)
    names = [s for s in free if s not in bound]
    by_name = {s.name: s for s in reversed(names)}
    for s in names:
        if by_name[s.name] != s:
            raise SymgradError(f"from_sympy: two different sizes are called {s.name}: {_symbol(s)} and "
                               f"{_symbol(by_name[s.name])}")
    return Scope({s: sp.sympify(_size(s, symbols.get(s, symbols.get(s.name, dim(s.name))))) for s in names}, symbols)


def _size(symbol: Any, own: Any) -> Size:
    try:
        return canonical(own)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"from_sympy: {symbol} is a size, and symbols gives a {type(own).__name__} for it; it takes an "
                         f"int or a size: {error}") from None


def literal(e: sp.Expr, scope: Scope) -> Value:
    """A number, or an expression in sizes."""
    number = e.xreplace(dict(scope.sizes))
    if number is sp.nan or number.is_real is False:
        refuse(e, "this is not a real number")
    check_range(number)
    return Value(as_tensor(number, "from_sympy"), (), number)


def check_range(number: sp.Expr) -> None:
    """Refuses a decimal or fraction whose nearest float is infinite, or 0; whole numbers may cancel and are kept."""
    if number.is_Float or number.is_Rational and not number.is_Integer:
        near = abs(number)
        if near > LARGEST or 0 != near < SMALLEST:
            refuse(number, f"this number is beyond the {'largest' if near > 1 else 'smallest'} that can be computed with")


def entry(e: Any, value: Value) -> Value:
    """The value of an operand of a scalar function: a 1 x 1 matrix is its entry."""
    if value.own == 0:
        return value
    last = value.tensor.shape[len(value.labels):]
    if any(size != 1 for size in last):
        name = e.func.__name__
        function = isinstance(e, sp.Function)
        refuse(e, f"{name} of a matrix is not read" + f"; entry by entry it is X.applyfunc({name})" * function)
    axes = range(len(value.labels), value.tensor.ndim)
    return Value(squeeze(value.tensor, tuple(axes)), value.labels)


Asked = list[tuple[Any, Scope]]  # sub-expressions that a rule asks for
Reading = Generator[Asked, list[Value] | Any, Value]
