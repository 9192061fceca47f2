"""Numbers of a step, which depend on the learning rate and on the number of the step alone, as Python."""

from __future__ import annotations

import re

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter


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
    """
    text = str(_Python({"standard": "python3"}).doprint(expr))
    return re.sub(r"(?<!\w)\((\d+(?:\.\d+)?(?:e-?\d+)?)\)", r"\1", text).replace("/", " / ")
