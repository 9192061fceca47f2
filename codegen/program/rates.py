"""What a step prepares: numbers that depend on the learning rate and on its own number alone, and the arrays of a batch."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from symgrad.codegen.python.planner import WIDTH
from symgrad.codegen.quoting import in_comment


class _Python(PythonCodePrinter):
    """Rates as Python floats: 9/10 is 0.9."""

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))


def rate_text(expr: sp.Expr) -> str:
    """A scalar formula in `lr` and `t` as Python.

    >>> rate_text(1 / (1 - sp.Rational(9, 10) ** sp.Symbol("t")))
    '1 / (1 - 0.9**t)'
    >>> rate_text(sp.Symbol("lr") / 100)
    '0.01 * lr'
    """
    text = str(_Python({"standard": "python3"}).doprint(expr))
    text = re.sub(r"(?<!\w)\((\d+(?:\.\d+)?(?:e-?\d+)?)\)", r"\1", text)
    return re.sub(r"(?<!\*)[*/](?!\*)", r" \g<0> ", text)


def rate_lines(rates: Sequence[tuple[str, sp.Expr]], meanings: Mapping[str, str]) -> list[str]:
    """The lines of a step that compute its numbers, each with its formula for people."""
    lines = []
    for name, e in rates:
        if str(e) != name:
            text, told = f"    {name} = {rate_text(e)}", f"# {in_comment(meanings[name])}"
            lines += [f"{text}  {told}"] if len(text) + len(told) + 2 <= WIDTH else [f"    {told}", text]
    return lines
