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

    xp = ""

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr))

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        """A power that grows beyond all numbers is infinite, and no error."""
        text = str(super()._print_Pow(expr, rational=rational))
        if expr.base.is_number and expr.exp.free_symbols and expr.base > 1:
            return text.replace(self._print(expr.base), f"np.float64({self._print(expr.base)})", 1)
        return text


class _OnDevice(_Python):
    """Numbers that lie on a device, where a step leaves them: functions of its library `xp`."""

    xp = ""

    def _print_Min(self, expr: sp.Min) -> str:
        return self._chain("minimum", expr)

    def _print_Max(self, expr: sp.Max) -> str:
        return self._chain("maximum", expr)

    def _chain(self, name: str, expr: sp.Expr) -> str:
        first, *others = map(self._print, expr.args)
        for other in others:
            first = f"{self.xp}.{name}({first}, {other})"
        return str(first)


def rate_text(expr: sp.Expr, xp: str = "") -> str:
    """A scalar formula in `lr` and `t` as Python; with numbers of a device by its library `xp`.

    >>> rate_text(1 / (1 - sp.Rational(9, 10) ** sp.Symbol("t")))
    '1 / (1 - 0.9**t)'
    >>> rate_text(sp.Symbol("lr") / 100)
    '0.01 * lr'
    """
    printer = (_OnDevice if xp else _Python)({"standard": "python3"})
    printer.xp = xp
    text = str(printer.doprint(expr)).replace("math.", f"{xp or 'math'}.")
    text = re.sub(r"(?<!\w)\((\d+(?:\.\d+)?(?:e-?\d+)?)\)", r"\1", text)
    return re.sub(r"(?<!\*)[*/](?!\*)", r" \g<0> ", text)


def rate_lines(rates: Sequence[tuple[str, sp.Expr]], meanings: Mapping[str, str],
               lengths: Mapping[str, str], xp: str = "") -> list[str]:
    """The lines of a step that compute its numbers, each with its formula for people.

    `lengths` are numbers of the step already; where arrays lie on a device, so do they, and what depends on them.
    """
    lines: list[str] = []
    there = {sp.Symbol(name) for name in lengths}
    for name, e in rates:
        if str(e) != name:
            text = rate_text(e, xp if e.free_symbols & there else "")
            lines += told_line(f"    {name} = {text}", meanings[name])
    return lines


def told_line(text: str, meaning: str) -> list[str]:
    """A line of a program with what it means, behind it or, where that is too long, before it."""
    comment = f"# {in_comment(meaning)}"
    indent = text[: len(text) - len(text.lstrip())]
    return [f"{text}  {comment}"] if len(text) + len(comment) + 2 <= WIDTH else [f"{indent}{comment}", text]


def pace_text(name: str, counted: str, formulas: Sequence[tuple[sp.Expr, str]]) -> str:
    """The function `name` of a program: the learning rate by the number that is `counted`."""
    of = "an epoch" if counted == "epoch" else "a step"
    texts = [f"    lr = {rate_text(formula)}" for formula, _ in formulas]
    quiet = ['@np.errstate(all="ignore")'] if any("np." in text for text in texts) else []
    lines = [*quiet, f"def {name}(lr, {counted}):", f'    """The learning rate of {of}, counted from 1."""']
    for text, (_, meaning) in zip(texts, formulas, strict=True):
        lines += told_line(text, meaning)
    return "\n".join([*lines, "    return lr"])


LENGTH = '''\
def norm_of(vector):
    """Its Euclidean norm, summed in double precision, also where squares would leave the range of the numbers."""
    pieces = [vector[i : i + PIECE] for i in range(0, vector.size, PIECE)]
    square = sum(float(np.vdot(piece, piece)) for piece in pieces)
    if 1e-30 < square < 1e38:
        return np.float64(math.sqrt(square))
    top = float(np.abs(vector).max(initial=0))
    if not 0 < top < math.inf:
        return np.float64(top)
    return top * np.sqrt(sum(float(np.vdot(piece / top, piece / top)) for piece in pieces))
'''
LENGTH_ON_DEVICE = '''\
def norm_of(vector):
    """Its Euclidean norm, also where squares would leave the range of the numbers; on the device."""
    top = cp.abs(vector).max()
    shorter = vector / cp.where((top > 0) & (top < math.inf), top, 1)
    return cp.sqrt(cp.vdot(shorter, shorter)) * cp.where((top > 0) & (top < math.inf), top, 1)
'''
