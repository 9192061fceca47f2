"""How NumPy and CuPy write each array operation: the spelling table, and precedence.

What differs from one library to the next stands in `libraries.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import NUMBER, Expr
from symgrad.codegen.python.helpers import NEEDS
from symgrad.codegen.python.libraries import Library
from symgrad.codegen.python.texts import (
    ATOM,
    BITAND,
    COMPARE,
    PLUS,
    POWER,
    TIMES,
    UNARY,
    Code,
    Names,
    number_text,
    quotient,
    shape_text,
    size_text,
    weight_text,
)
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.graphs.sizes import product

INFIX: Mapping[str, tuple[str, int]] = MappingProxyType({
    "less": ("<", COMPARE), "less_equal": ("<=", COMPARE), "greater": (">", COMPARE),
    "greater_equal": (">=", COMPARE), "equal": ("==", COMPARE), "not_equal": ("!=", COMPARE),
    "logical_and": ("&", BITAND), "logical_or": ("|", COMPARE),
})


@dataclass(frozen=True)
class Spelling:
    """A library, the dtype of reals, and the names of sizes: all that turns an expression into text."""

    library: Library
    dtype: str
    sizes: Names
    loop: Callable[[Spelling, Expr], tuple[str, list[str]]] | None = None  # the function of a recurrence, and its sizes

    @property
    def np(self) -> str:
        """What the array module is called."""
        return self.library.np

    def dtype_text(self, kind: str) -> str:
        """The dtype of a kind."""
        return f"{self.np}.{ {REAL: self.dtype, INTEGER: 'int64', BOOLEAN: 'bool_'}[kind]}"

    def dtype_argument(self, kind: str, keyword: str = "") -> str:
        """The dtype as a further argument, left out where it is NumPy's own choice."""
        text = self.dtype_text(kind)
        return "" if kind == REAL and self.dtype == "float64" else f", {keyword}{text}"

    def function(self, row: str) -> str:
        """The function of the library for an elementwise row."""
        return self.library.rows.get(row) or f"{self.np}.{row}"

    def text(self, e: Expr, args: Sequence[Code]) -> Code:
        """`e` written with its arguments as `args`."""
        ops = sum(a.ops for a in args) + (e.op not in SILENT)
        return RULES[e.op](self, e, args)._replace(ops=ops)


SILENT = acts.LEAVES | acts.VIEWS - {acts.WINDOWS}


def joined(args: Sequence[Code]) -> str:
    """Arguments of a call."""
    return ", ".join(a.text for a in args)


def _number(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return weight_text(e.attrs[0], s.sizes)


def _full(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    (value,) = e.attrs
    if not e.shape and s.library.scalars:
        return Code(f"{s.dtype_text(e.kind)}({weight_text(value, s.sizes).text})")
    shape = shape_text(e.shape, s.sizes)
    if value.factor is None and value.number in (0, 1):
        return Code(f"{s.np}.{'ones' if value.number else 'zeros'}({shape}{s.dtype_argument(e.kind)})")
    return Code(f"{s.np}.full({shape}, {weight_text(value, s.sizes).text}, {s.dtype_text(e.kind)})")


def _room(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return Code(f"{s.np}.empty({size_text(e.shape[0], s.sizes).text}, {s.dtype_text(e.kind)})")


def _arange(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return Code(f"{s.np}.arange({size_text(e.shape[0], s.sizes).text})")


def _eye(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return Code(f"{s.np}.eye({size_text(e.shape[0], s.sizes).text}{s.dtype_argument(e.kind, 'dtype=')})")


def _row(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    (name,) = e.attrs
    if name in INFIX:
        sign, binds = INFIX[name]
        return Code(f"{args[0].at(binds + 1)} {sign} {args[1].at(binds + 1)}", binds)
    if name == "power":
        return Code(f"{args[0].at(ATOM)} ** {args[1].at(POWER)}", POWER)
    if name == "logical_not":
        return Code(f"~{args[0].at(UNARY)}", UNARY)
    if name in s.library.helpers:
        return Code(f"_{name}({joined(args)})")
    return Code(f"{s.function(name)}({joined(args)})")


def _product(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    by, count = e.attrs
    above, below = quotient(by, s.sizes)
    minus = above is not None and above.text == "-1"
    factors: list[str] = [] if above is None or minus else [above.at(TIMES)]
    first = not factors
    if below is not None and above is not None and not minus:
        factors, first = [f"{factors[0]} / {below.at(POWER)}"], False  # 2 / T * x: the numbers meet first
        below = None
    for i, arg in enumerate(args[:count]):
        inner = e.args[i]
        chain = inner.op is acts.PRODUCT and inner.attrs[0].number == 1 and inner.attrs[0].factor is None and i == 0
        alone = first and i == 0 and count == 1 and inner.op is acts.MATMUL
        factors.append(arg.text if arg.binds == TIMES and (chain or alone) else arg.at(POWER))
    text = " * ".join(factors) or "1"
    for arg in args[count:]:
        text += f" / {arg.at(POWER)}"
    if below is not None:
        text += f" / {below.at(POWER)}"
    if minus:
        text = f"-{text}"
    return Code(text, UNARY if minus and text.count(" ") == 0 else TIMES)


def _add(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    signs = e.attrs[0]
    text = ("-" if signs[0] < 0 else "") + args[0].at(PLUS if signs[0] > 0 else TIMES)
    for sign, arg in zip(signs[1:], args[1:], strict=True):
        text += (" + " if sign > 0 else " - ") + arg.at(TIMES)
    return Code(text, PLUS)


def _matmul(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    left, right = args
    chain = e.args[0].op is acts.MATMUL and left.binds == TIMES
    return Code(f"{left.text if chain else left.at(POWER)} @ {right.at(POWER)}", TIMES)


def _reduce(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    axes, keepdims = e.attrs
    whole = len(axes) == len(e.args[0].shape) and not e.op.startswith("arg")
    words = [] if whole else [f"axis={axes[0] if len(axes) == 1 else axes}"]
    words += ["keepdims=True"] if keepdims else []
    return Code(f"{args[0].at(ATOM)}.{e.op}({', '.join(words)})")


def _cumsum(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return Code(f"{args[0].at(ATOM)}.cumsum(axis={e.attrs[0][0]})")


def _cast(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return Code(f"{args[0].at(ATOM)}.astype({s.dtype_text(e.kind)})")


def _transpose(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    (order,) = e.attrs
    n = len(order)
    if order == tuple(range(n))[::-1]:
        return Code(f"{args[0].at(ATOM)}.T")
    if order == (*range(n - 2), n - 1, n - 2):
        return Code(f"{args[0].at(ATOM)}.mT")
    return Code(f"{args[0].at(ATOM)}.transpose({', '.join(map(str, order))})")


def slice_text(items: Sequence[tuple[Any, ...]], sizes: Names) -> str:
    """Basic indices between the brackets."""
    texts = [_item(item, sizes) for item in items]
    if len(texts) > 2 and texts[0] == texts[1] == ":" and all(t == ":" for t in texts[:-1]) and texts[-1] != ":":
        texts = ["...", texts[-1]]
    while len(texts) > 1 and texts[-1] == ":":
        del texts[-1]
    return ", ".join(texts)


def _item(item: tuple[Any, ...], sizes: Names) -> str:
    if item[0] == "all":
        return ":"
    if item[0] == "new":
        return "None"
    if item[0] == "take":
        return size_text(item[1], sizes).text
    start, stop, step = item[1:4]
    text = ("" if start is None else size_text(start, sizes).text) + ":"
    text += "" if stop is None else size_text(stop, sizes).text
    return text if step == 1 else f"{text}:{step}"


def _index(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return Code(f"{args[0].at(ATOM)}[{slice_text(e.attrs[0], s.sizes)}]")


def _reshape(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    shape = ", ".join(size_text(size, s.sizes).text for size in e.shape) or "()"
    return Code(f"{args[0].at(ATOM)}.reshape({shape})")


def _broadcast(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return Code(f"{s.np}.broadcast_to({args[0].text}, {shape_text(e.shape, s.sizes)})")


def pattern_text(pattern: Sequence[int]) -> str:
    """An einsum text that walks along a diagonal: "iij->ij"."""
    letters = [chr(ord("i") + p) if p < 16 else chr(ord("A") + p) for p in pattern]
    return f'"{"".join(letters)}->{"".join(dict.fromkeys(letters))}"'


def _diagonal(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    if e.attrs[0] == (0, 0):
        return Code(f"{args[0].at(ATOM)}.diagonal()")
    return Code(f"{s.np}.einsum({pattern_text(e.attrs[0])}, {args[0].text})")


def _call(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    name, *words = e.attrs
    if name == "einsum":
        return Code(f'{s.np}.einsum("{words[0]}", {joined(args)})')
    if name in s.library.helpers:
        return Code(f"_{name}({', '.join([joined(args), *(size_text(w, s.sizes).text for w in words)])})")
    return Code(f"{s.np}." + s.library.calls.get(name, f"{name}({{}})").format(joined(args)))


def _windows(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    axis, step = e.attrs
    tricks = f"{s.np}.lib.stride_tricks"
    text = f"{tricks}.sliding_window_view({args[0].text}, {size_text(e.shape[-1], s.sizes).text}, {axis})"
    return Code(text if step == 1 else f"{text}[{':, ' * axis}::{step}]")


def _gather(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return Code(f"{args[0].at(ATOM)}[{joined(args[1:])}]")


def _concat(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    (axis,) = e.attrs
    return Code(f"{s.np}.concatenate([{joined(args)}]{f', axis={axis}' if axis else ''})")


def _part(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    start = size_text(e.attrs[0], s.sizes)
    if not e.shape:
        return Code(f"{args[0].at(ATOM)}[{start.text}]")
    stop = size_text(e.attrs[0] + product(e.shape), s.sizes)
    whole = f"{args[0].at(ATOM)}[{start.text}:{stop.text}]"
    return Code(whole if len(e.shape) == 1 else f"{whole}.reshape({shape_text(e.shape, s.sizes)})")


def loop_text(s: Spelling, e: Expr, args: Sequence[Code], out: str) -> Code:
    """The call of the function that runs a recurrence, which fills `out` and gives it."""
    assert s.loop is not None, "a text with loops is one of a module"
    name, sizes = s.loop(s, e)
    return Code(f"{name}({', '.join([*(a.text for a in args), out, *sizes])})")


def _loop(s: Spelling, e: Expr, args: Sequence[Code]) -> Code:
    return loop_text(s, e, args, f"{s.np}.empty({size_text(e.shape[0], s.sizes).text}, {s.dtype_text(e.kind)})")


RULES: Mapping[acts.Act, Any] = MappingProxyType({
    acts.NUMBER: _number, acts.FULL: _full, acts.ARANGE: _arange, acts.EYE: _eye, acts.ROW: _row, acts.PRODUCT: _product,
    acts.ADD: _add, acts.MATMUL: _matmul, acts.SUM: _reduce, acts.MAX: _reduce, acts.MIN: _reduce, acts.ARGMAX: _reduce,
    acts.ARGMIN: _reduce, acts.PROD: _reduce, acts.CUMSUM: _cumsum, acts.CAST: _cast, acts.TRANSPOSE: _transpose,
    acts.INDEX: _index, acts.RESHAPE: _reshape, acts.BROADCAST: _broadcast, acts.DIAGONAL: _diagonal, acts.CALL: _call,
    acts.WINDOWS: _windows, acts.GATHER: _gather, acts.CONCAT: _concat, acts.PART: _part, acts.LOOP: _loop,
    acts.ROOM: _room,
})
ELSEWHERE: Mapping[acts.Act, str] = MappingProxyType({
    acts.PLACE: "statements, no expression: `place_lines` of `placing_lines.py`",
    **dict.fromkeys(acts.GIVEN, "an argument or a constant of the module, written by its name"),
})


def adds_rows(e: Expr, part: int) -> bool:
    """Does this part of a "place" add rows at places that may come again?"""
    how, where, _, _ = e.attrs[1][part]
    value = e.args[e.attrs[0] + sum(count for *_, count in e.attrs[1][:part])]
    return how == "scatter" and not where[1] and len(e.shape) > 1 and value.kind != NUMBER


def helpers_of(e: Expr, library: Library) -> list[str]:
    """The functions of our own that the text of `e` calls."""
    if e.op is acts.PLACE:
        names = ["diagonal"] if any(how == "delta" for how, *_ in e.attrs[1]) else []
        names += ["add_at"] if any(adds_rows(e, i) for i in range(len(e.attrs[1]))) else []
    else:
        names = [e.attrs[0]] if e.op in acts.BY_NAME else []
    return [name for called in names if called in library.helpers for name in (*NEEDS.get(called, ()), called)
            if name in library.helpers]


def literal_array(values: Any, s: Spelling, kind: str) -> str:
    """A small constant array as text."""
    def text(v: Any) -> str:
        if isinstance(v, list):
            return "[" + ", ".join(map(text, v)) + "]"
        return repr(v) if isinstance(v, bool) else number_text(v).text

    if not values.size:
        return f"{s.np}.zeros({values.shape}, {s.dtype_text(kind)})"
    return f"{s.np}.array({text(values.tolist())}, {s.dtype_text(kind)})"
