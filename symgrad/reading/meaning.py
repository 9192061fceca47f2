"""What the pieces of a formula mean: one function for each head of the tree, over the operations of symgrad.

`Meaning` holds what the names of one text stand for. Numbers and sizes are folded, all else is a `Worth`. Vectors are
columns, products those of matrices; what has indices is in `indices.py`, what is called in `calls.py`.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import Any, NoReturn

import sympy as sp

from symgrad.graphs.errors import ParseError, ShapeError, SymgradError
from symgrad.reading.folding import WHOLE, fold, is_number
from symgrad.reading.grammar import OneLine
from symgrad.reading.pratt import Piece
from symgrad.reading.stars import check_star
from symgrad.reading.values import (
    OpenSize,
    Worth,
    entrywise,
    matrix_product,
    meet,
    samples_of,
    settled,
    size_of,
    transposed,
)
from symgrad.reading.vocabulary import Functions, is_tensor

CONSTANTS = {"π": math.pi, "pi": math.pi, "e": math.e}
HERE = "·"  # the sample that a formula is about, where it has no letter
MEANT = MappingProxyType({**dict.fromkeys("+-", "write 1 wᵀ for a matrix of equal rows, u 1ᵀ for one of equal columns"),
                          "⊙": "write diag(u) A to multiply rows, A diag(w) to multiply columns",
                          "/": "write diag(1/u) A to divide rows"})
Rule = Callable[["Meaning", Piece], Any]


class Meaning:
    """The names of one formula, and what its pieces are worth."""

    def __init__(self, source: OneLine, symbols: Mapping[str, Any], sizes: Mapping[str, Any], functions: Functions,
                 rules: Mapping[str, Rule]) -> None:
        self.source, self.symbols, self.sizes, self.functions, self.rules = source, dict(symbols), sizes, functions, rules
        self.letters: dict[str, OpenSize] = {}

    def value(self, piece: Piece) -> Any:
        """A number, a size or a `Worth`."""
        found = self.rules[piece.head](self, piece)
        if isinstance(found, Worth) and len(found.samples) > 1:
            letters = sorted(x.name if isinstance(x, OpenSize) else "the one without a letter" for x in found.samples)
            self.refuse(piece, f"two samples meet, {' and '.join(letters)}; that is not read")
        return found

    def whole(self, piece: Piece) -> Worth:
        """A `Worth` in any case."""
        return self.lifted(self.value(piece), piece)

    def lifted(self, value: Any, piece: Piece) -> Worth:
        if isinstance(value, Worth):
            return value
        if not is_number(value):
            self.refuse(piece, f"this gives {len(value)} parts; take one of them, as in [0]")
        constant = self.functions["constant"]
        return Worth((), lambda: constant(value))

    def refuse(self, piece: Piece, message: str) -> NoReturn:
        self.source.refuse(piece.column, message)

    def run(self, piece: Piece, name: str, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """An operation of symgrad; what it refuses is told with the column."""
        try:
            return function(*args, **named)
        except SymgradError as error:
            if not str(error).startswith("column "):
                error.args = (self.source.at(piece.column, str(error)),)
            raise
        except (TypeError, ValueError, IndexError, ArithmeticError) as error:
            raise ParseError(self.source.at(piece.column, f"{name}: {error}")) from error

    def tensor(self, value: Worth) -> Worth:
        """A value built now, for what must know its shape."""
        made = value.tensor()
        return Worth(made.shape[len(value.letters):], lambda: made, value.letters, value.samples)

    def given(self, tensor: Any) -> Worth:
        """A declared tensor."""
        return Worth(tensor.shape, lambda: tensor, (), frozenset() if tensor.over is None else frozenset((HERE,)))

    def each(self, piece: Piece, name: str, function: Callable[..., Any], values: Sequence[Worth]) -> Worth:
        """A function of entries, with what it refuses told at the piece."""
        made = entrywise(function, values)
        return Worth(made.shape, lambda: self.run(piece, name, made.build), made.letters, made.samples)

    def alike(self, piece: Piece, values: Sequence[Worth], says: str) -> None:
        """Raise ShapeError where a vector meets a matrix, or sizes are known to differ."""
        for a, b in zip(values, values[1:], strict=False):
            if {a.ndim, b.ndim} == {1, 2} and settled((a if a.ndim == 2 else b).shape[1]) != 1:
                raise ShapeError(self.source.at(piece.column, f"{says}: a vector meets a matrix; {MEANT[says]}"))

    def undeclared(self, piece: Piece, what: str) -> NoReturn:
        """A name that means nothing here."""
        declared = ", ".join(name for name in self.symbols if not name.startswith("where ")) or "no names"
        if self.sizes:
            declared += " and the sizes " + ", ".join(sorted(self.sizes))
        text = str(piece.args[0])
        close = difflib.get_close_matches(text, [*self.symbols, *self.sizes], n=1, cutoff=0.7)
        likely = f"; did you mean {close[0]}?" if close else ""
        self.refuse(piece, f"{what}; declared are {declared}{likely}")


# leaves -----------------------------------------------------------------------------------------------------

def number(m: Meaning, piece: Piece) -> Any:
    text = piece.args[0]
    if re.match("0[0-9]", text):
        m.refuse(piece, "a whole number begins with no 0")
    value = float(text) if set(text) & set(".eEin") else int(text) if len(text) < 20 else WHOLE
    if value == math.inf and text != "inf":
        m.refuse(piece, "the number is too large for a float")
    if isinstance(value, int) and value >= WHOLE:
        m.refuse(piece, "a whole number of 2**63 or more is not read; write a float, as in 1e30")
    return value


def word(m: Meaning, piece: Piece) -> Any:
    (text,) = piece.args
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text in m.letters:
        return _counted(m.letters[text], m)
    if text in ("I", "𝟏"):
        size = OpenSize(text.replace("𝟏", "1"), piece.column)
        make = m.functions["eye" if text == "I" else "ones"]
        shape = (size, size) if text == "I" else (size,)
        return Worth(shape, lambda: make(size_of(size, m.source)))
    m.undeclared(piece, f"{text!r} is not declared")


def _counted(letter: OpenSize, m: Meaning) -> Worth:
    """A letter as a number: 0, 1, 2, ..."""
    return Worth((), lambda: m.functions["arange"](size_of(letter, m.source)), (letter,))


def name(m: Meaning, piece: Piece) -> Any:
    (text,) = piece.args
    if text in m.letters:
        return _counted(m.letters[text], m)
    known = m.symbols.get(text, m.sizes.get(text))
    return m.given(known) if is_tensor(known) else known  # a definition is a value already


# arithmetic -------------------------------------------------------------------------------------------------

def add(m: Meaning, piece: Piece) -> Any:
    """A sum of signed terms; numbers among them are added first."""
    terms = [(sign, m.value(part)) for sign, part in piece.args]
    if all(is_number(value) for _, value in terms):
        total = terms[0][1] if terms[0][0] > 0 else fold("-", 0, terms[0][1])
        for sign, value in terms[1:]:
            total = m.run(piece, "+", fold, "+" if sign > 0 else "-", total, value)
        return total
    values = [m.lifted(value, part) for (_, value), (_, part) in zip(terms, piece.args, strict=True)]
    signs = [sign for sign, _ in terms]
    m.alike(piece, [v for v in values if v.ndim], "+" if all(s > 0 for s in signs) else "-")

    def total_of(*tensors: Any) -> Any:
        made = tensors[0] if signs[0] > 0 else -tensors[0]
        for sign, tensor in zip(signs[1:], tensors[1:], strict=True):
            made = made + tensor if sign > 0 else made - tensor
        return made

    return m.each(piece, "+", total_of, values)


def product(m: Meaning, piece: Piece) -> Any:
    """Numbers and scalars, and the product of matrices and vectors in their order."""
    values = _with_ones(m, piece)
    values = _dotted(m, piece, values)
    if all(map(is_number, values)):
        return reduce(lambda a, b: m.run(piece, "product", fold, "*", a, b), values)
    numbers = [value for value in values if is_number(value)]
    rest = [value for value in values if not is_number(value)]
    front = reduce(lambda a, b: m.run(piece, "product", fold, "*", a, b), numbers) if numbers else 1
    scalars = [value for value in rest if not value.ndim]
    chain = [value for value in rest if value.ndim]
    if front != 1:
        scalars.insert(0, m.lifted(front, piece))
    parts = scalars
    if chain:
        parts = [*scalars, reduce(lambda a, b: multiplied(m, piece, a, b), chain)]
    if not parts:
        return m.lifted(front, piece)
    return parts[0] if len(parts) == 1 else m.each(piece, "product", lambda *ts: reduce(operator.mul, ts), parts)


def multiplied(m: Meaning, piece: Piece, a: Worth, b: Worth) -> Worth:
    """The matrix product of two values, one of which may be a scalar by now."""
    if not a.ndim or not b.ndim:
        return m.each(piece, "product", operator.mul, [a, b])
    made = m.run(piece, "product", matrix_product, a, b, m.functions["einsum"], "product")
    return Worth(made.shape, lambda: m.run(piece, "product", made.build), made.letters, made.samples)


def _dotted(m: Meaning, piece: Piece, values: list[Any]) -> list[Any]:
    """u · v of two vectors is their dot product; between others · is a sign of multiplication."""
    found = values[:1]
    for part, value in zip(piece.args[1:], values[1:], strict=True):
        pair = [v for v in (found[-1], value) if isinstance(v, Worth) and v.ndim == 1]
        if part.head == "dot" and len(pair) == 2:
            found[-1] = multiplied(m, piece, transposed(pair[0]), pair[1])
        else:
            found.append(value)
    return found


def _with_ones(m: Meaning, piece: Piece) -> list[Any]:
    """The values of factors. 1 is a vector of ones behind a matrix and in front of a row: M 1, 1 wᵀ, 1 1ᵀ."""
    parts = [part.args[0] if part.head == "dot" else part for part in piece.args]
    found = [None if part == Piece("num", ("1",), part.column) else m.value(part) for part in parts]
    for place, part in enumerate(parts):
        if found[place] is None:
            after = found[place + 1] if place + 1 < len(found) else None
            before = next((v for v in reversed(found[:place]) if isinstance(v, Worth) and v.ndim), None)
            row = isinstance(after, Worth) and after.ndim == 2 and settled(after.shape[0]) == 1
            ones = row or (before is not None and before.ndim == 2)
            found[place] = word(m, Piece("word", ("𝟏",), part.column)) if ones else 1
    return found


def entries_multiplied(m: Meaning, piece: Piece) -> Any:
    """⊙, and * as in NumPy."""
    values = [m.value(part) for part in piece.args]
    if all(map(is_number, values)):
        return reduce(lambda a, b: m.run(piece, "*", fold, "*", a, b), values)
    lifted = [m.lifted(value, part) for value, part in zip(values, piece.args, strict=True)]
    if piece.head == "times":
        check_star(m.source, piece.column, *lifted)
    else:
        m.alike(piece, [v for v in lifted if v.ndim], "⊙")
    return m.each(piece, "⊙", lambda *ts: reduce(operator.mul, ts), lifted)


def matmul(m: Meaning, piece: Piece) -> Any:
    a, b = (m.whole(part) for part in piece.args)
    if not a.ndim or not b.ndim:
        m.refuse(piece, "@ multiplies matrices and vectors; a number is multiplied by *")
    if a.ndim != 1:
        return multiplied(m, piece, a, b)
    made = multiplied(m, piece, transposed(a), b)  # as in NumPy, a vector on the left is a row
    return transposed(made) if made.ndim == 2 else made


def kron(m: Meaning, piece: Piece) -> Any:
    a, b = (m.whole(part) for part in piece.args)
    sizes = [tuple(size_of(s, m.source) for s in v.shape) for v in (a, b)]
    shape = tuple(x * y for x, y in zip(*sizes, strict=False))
    return Worth(shape, lambda: m.run(piece, "⊗", m.functions["kron"], a.tensor(), b.tensor()), (), samples_of((a, b)))


def over(m: Meaning, piece: Piece) -> Any:
    a, b = (m.value(part) for part in piece.args)
    if is_number(a) and is_number(b):
        return m.run(piece, "/", fold, "/", a, b)
    values = [m.lifted(value, part) for value, part in zip((a, b), piece.args, strict=True)]
    m.alike(piece, [v for v in values if v.ndim], "/")
    return m.each(piece, "/", operator.truediv, values)


def power(m: Meaning, piece: Piece) -> Any:
    below, above, *entry = piece.args
    if below.head == "norm" and above.args == ("2",) and not below.args[1] == "1":
        return squares(m, below)
    base, exponent = m.value(below), m.value(above)
    if is_number(base) and is_number(exponent) and not isinstance(base, sp.Expr):
        return m.run(piece, "^", fold, "**", base, exponent)
    if isinstance(base, sp.Expr) and isinstance(exponent, int) and 0 < exponent < 5:  # n² entries
        return reduce(lambda a, b: fold("*", a, b), [base] * exponent)
    lifted = m.lifted(base, below)
    if entry == [False] and lifted.ndim > 1 and any(settled(size) != 1 for size in lifted.shape):
        m.refuse(piece, "a power of a matrix is not read; write A A, or A^⊙2 for the powers of its entries")
    if not isinstance(exponent, Worth):
        return m.each(piece, "^", lambda t: t**exponent, [lifted])
    return m.each(piece, "^", operator.pow, [lifted, exponent])


def squares(m: Meaning, piece: Piece) -> Worth:
    """The sum of the squares of all entries."""
    return folded_axes(m, piece, "sum", m.each(piece, "‖ ‖", lambda t: t * t, [m.whole(piece.args[0])]))


def folded_axes(m: Meaning, piece: Piece, function: str, inner: Worth, **named: Any) -> Worth:
    """A reduction over all axes that no letter counts."""
    lead = len(inner.letters)
    if not inner.ndim:
        return inner
    axes = tuple(range(lead, lead + inner.ndim)) if lead else None
    reduce_ = m.functions[function]
    made = lambda: m.run(piece, function, reduce_, inner.tensor(), axis=axes, **named)  # noqa: E731
    return Worth((), made, inner.letters, inner.samples)


def norm(m: Meaning, piece: Piece) -> Any:
    if piece.args[1] == "1":
        inner = m.each(piece, "‖ ‖", m.functions["abs"], [m.whole(piece.args[0])])
        return folded_axes(m, piece, "sum", inner)
    return m.each(piece, "‖ ‖", m.functions["sqrt"], [squares(m, piece)])


def turned(m: Meaning, piece: Piece) -> Any:
    (inner,) = piece.args
    if inner == Piece("num", ("1",), inner.column):
        return transposed(word(m, Piece("word", ("𝟏",), inner.column)))
    value = m.value(inner)
    if is_number(value):
        m.refuse(piece, "a number has no transpose")
    return transposed(value)


def inverse(m: Meaning, piece: Piece) -> Any:
    value = m.value(piece.args[0])
    if is_number(value):
        return m.run(piece, "^-1", fold, "/", 1, value)
    if not value.ndim:
        return m.each(piece, "^-1", lambda t: 1 / t, [value])
    if value.ndim == 1:
        m.refuse(piece, "a vector has no inverse; write 1/x for the reciprocals of its entries")
    meet(*value.shape[-2:])
    return Worth(value.shape, lambda: m.run(piece, "^-1", m.functions["inv"], value.tensor()), value.letters, value.samples)


def unary(function: str) -> Rule:  # of entries, by its sign
    return lambda m, piece: m.each(piece, function, m.functions[function], [m.whole(piece.args[0])])


RULES: Mapping[str, Rule] = MappingProxyType({
    "num": number, "word": word, "name": name, "sum": add, "product": product, "hadamard": entries_multiplied,
    "times": entries_multiplied, "matmul": matmul, "kron": kron, "over": over, "power": power, "raised": power,
    "norm": norm,
    "transpose": turned, "inverse": inverse, "bars": unary("abs"), "floor": unary("floor"), "ceil": unary("ceil"),
    "root": unary("sqrt"),
    "parens": lambda m, piece: m.value(piece.args[0]),
})
