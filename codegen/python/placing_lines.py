"""Zeros, or a sum, with something put or added into parts of it: statements, where all else is an expression."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.python.spell import Spelling, adds_rows, joined, pattern_text, slice_text
from symgrad.codegen.python.texts import ATOM, TIMES, UNARY, Code, shape_text


def place_lines(s: Spelling, e: Expr, target: str, args: Sequence[Code], fresh: bool) -> list[str]:
    """The statements of a "place": zeros or a first sum, then parts put or added in.

    `fresh`: the first sum is a new array of our own and may be changed.
    """
    has_base, parts = e.attrs
    rest = list(args)
    if has_base:
        base = rest.pop(0)
        lines = [f"{target} = {base.text if fresh else base.at(ATOM) + '.copy()'}"]
    else:
        lines = [f"{target} = {s.np}.zeros({shape_text(e.shape, s.sizes)}{s.dtype_argument(e.kind)})"]
    for i, (how, where, direction, count) in enumerate(parts):
        value, *indices = rest[:count]
        del rest[:count]
        sign = "+=" if direction > 0 else "-="
        if not has_base and i == 0 and not (how == "scatter" and not where[1]):
            sign, value = "=", value if direction > 0 else Code(f"-{value.at(TIMES)}")
        if how == "slice":
            lines.append(f"{target}[{slice_text(where, s.sizes)}] {sign} {value.text}")
        elif how == "delta":
            diagonal = s.library.diagonal.format(pattern=pattern_text(where), array=target, axes=where)
            lines.append(f"{diagonal}[...] {sign} {value.text}")
        else:
            order, unique = where
            place = target
            if order != tuple(range(len(order))):
                flipped = order == tuple(range(len(order)))[::-1]
                place += ".T" if flipped else f".transpose({', '.join(map(str, order))})"
            if unique:
                lines.append(f"{place}[{joined(indices)}] {sign} {value.text}")
            else:
                inner = indices[0].text if len(indices) == 1 else f"({joined(indices)})"
                if sign == "-=" and not s.library.subtracts:
                    sign, value = "+=", Code(f"-{value.at(UNARY)}")
                ufunc = f"{s.np}.{'subtract' if sign == '-=' else 'add'}"
                if adds_rows(e, i) and "add_at" in s.library.helpers:
                    more = "" if sign == "+=" else f", {ufunc}"
                    lines.append(f"_add_at({place}, {inner}, {value.text}{more})")
                else:
                    lines.append(f"{ufunc}.at({place}, {inner}, {value.text})")
    return lines
