"""Scalar formulas as people write them: a text to SymPy, kept in the order of writing, and back to one line.

SymPy sorts what it simplifies; a printed update rule should read as it was written. So a text is read
unevaluated, for print, and `.doit()` evaluates it where it is computed with. Python's own `ast` parses,
and nothing is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp
from sympy.printing.pretty.pretty_symbology import pretty_symbol
from sympy.printing.str import StrPrinter

from symgrad.formulas.spelling.glyphs import parse_name
from symgrad.formulas.spelling.letters import latex_name
from symgrad.reading.grammar import OneLine


class VectorNorm(sp.Function):
    """The length of a vector of all parameters, or of what belongs to them: one number a step."""

    nargs = 1
    is_nonnegative = True

    def _latex(self, printer: Any, exp: Any = None) -> str:
        body = rf"\lVert {printer.doprint(self.args[0])} \rVert"
        return body if exp is None else f"{body}^{{{exp}}}"


FUNCTIONS: Mapping[str, Callable[..., sp.Expr]] = {
    "sqrt": lambda x: sp.Pow(x, sp.Rational(1, 2), evaluate=False), "exp": sp.exp, "log": sp.log,
    "abs": sp.Abs, "sign": sp.sign, "tanh": sp.tanh, "sin": sp.sin, "cos": sp.cos, "max": sp.Max, "min": sp.Min,
    "floor": sp.floor, "norm": VectorNorm,
}
# How symbols of update rules are shown where SymPy's own rule (beta1 is β₁, vhat is v̂) says something else.
SHOWN = {"lr": "η", "eps": "ε", "momentum": "μ", "weight_decay": "λ", "lr_decay": "γ", "step_size": "s",
         "T_max": "T", "total_iters": "n", "start_factor": "ρ", "max_norm": "c", "history_size": "m"}
SHOWN_LATEX = {"lr": r"\eta", "epoch": r"\mathrm{epoch}", "eps": r"\varepsilon", "momentum": r"\mu",
               "weight_decay": r"\lambda",
               "lr_decay": r"\gamma", "step_size": "s", "T_max": "T", "total_iters": "n", "start_factor": r"\rho",
               "max_norm": "c", "history_size": "m", "eta_min": r"\eta_{\min}"}
RAISED = str.maketrans("0123456789-tn", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵗⁿ")
LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
SYMBOL = re.compile(r"[A-Za-z_]\w*")


def scalar(text: str) -> sp.Expr:
    """The formula `text`, unevaluated: numbers, names, + - * / **, and the functions of the table.

    Raises ParseError with the column for anything else.

    >>> print(line(scalar("beta*m + (1 - beta)*g")))
    β m + (1 - β) g
    """
    source = OneLine(text)
    return _read(source, source.tree())


def _read(source: OneLine, node: ast.expr) -> sp.Expr:
    match node:
        case ast.Constant(value=bool()):
            pass
        case ast.Constant(value=int() | float() as value):
            return decimal(value)
        case ast.Name(id=name):
            return sp.Symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _negative(_read(source, inner))
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _read(source, inner)
        case ast.BinOp(op=sign, left=left, right=right):
            a, b = _read(source, left), _read(source, right)
            match sign:
                case ast.Add():
                    return sp.Add(a, b, evaluate=False)
                case ast.Sub():
                    return sp.Add(a, _negative(b), evaluate=False)
                case ast.Mult():
                    return _times(a, b)
                case ast.Div():
                    below = [sp.Pow(f, -1, evaluate=False) for f in sp.Mul.make_args(b)]
                    return _times(*([] if a == 1 else [a]), *below)
                case ast.Pow():
                    return sp.Pow(a, b, evaluate=False)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS and args:
            values = [_read(source, each) for each in args]
            if len(values) == 1 or name in ("max", "min"):
                return FUNCTIONS[name](*values)
    source.refuse(node, "in an update rule stand numbers, names, + - * / ** and "
                        f"{', '.join(FUNCTIONS)}, not this")


def _times(*factors: sp.Expr) -> sp.Expr:
    """A flat product, since nested ones print with brackets that nobody wrote."""
    return sp.Mul(*(f for factor in factors for f in sp.Mul.make_args(factor)), evaluate=False)


def _negative(e: sp.Expr) -> sp.Expr:
    first, *rest = sp.Mul.make_args(e)
    return sp.Mul(-first, *rest, evaluate=False) if first.is_Number else _times(sp.Integer(-1), e)


def decimal(number: Any) -> sp.Expr:
    """A number as the decimal that is written: 0.9 is 9/10, so that 1 - 0.9 is 1/10."""
    return sp.Rational(repr(float(number))) if isinstance(number, float) else sp.Integer(number)


def floats(e: sp.Expr) -> sp.Expr:
    """`e` with its decimals (9/10) as floats (0.9); exponents and short binary fractions stay exact."""
    if e.is_Rational:
        return e if e.q & (e.q - 1) == 0 else sp.Float(float(e))
    if e.is_Pow:
        return sp.Pow(floats(e.base), e.exp)
    return e.func(*map(floats, e.args)) if e.args else e


class _Line(StrPrinter):
    """One line of Unicode: products by blanks, powers raised, roots by their sign."""

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        stem = expr.name.rstrip("0123456789")
        return SHOWN[stem] + expr.name[len(stem):].translate(LOWERED) if stem in SHOWN else str(pretty_symbol(expr.name))

    def _print_Rational(self, expr: sp.Rational) -> str:
        return repr(float(expr)) if expr.q != 1 else str(expr.p)

    def _print_Mul(self, expr: sp.Mul) -> str:
        written = [sp.Symbol(repr(float(a))) if a.is_Rational and a.q > 1 and 10**12 % a.q == 0 else a for a in expr.args]
        return str(super()._print_Mul(sp.Mul(*written, evaluate=False)))  # 0.9 m, where SymPy has 9 m / 10

    def _print_Abs(self, expr: sp.Abs) -> str:
        return f"|{self._print(expr.args[0])}|"

    def _print_VectorNorm(self, expr: VectorNorm) -> str:
        return f"‖{self._print(expr.args[0])}‖"

    def _print_floor(self, expr: sp.floor) -> str:
        return f"⌊{self._print(expr.args[0])}⌋"

    def _print_Max(self, expr: sp.Max) -> str:
        return f"max({', '.join(sorted(map(self._print, expr.args)))})"

    def _print_Min(self, expr: sp.Min) -> str:
        return f"min({', '.join(sorted(map(self._print, expr.args)))})"

    def _print_Pow(self, expr: sp.Pow, rational: bool = False) -> str:
        base, exponent = expr.args
        inner = self._print(base)
        whole = isinstance(base, (sp.Atom, sp.Function, sp.Max, sp.Min)) and not base.is_negative
        body = inner if whole else f"({inner})"
        if exponent == sp.Rational(1, 2):
            return f"√{body}"
        if exponent == -1:
            return f"1/{body}"
        power = self._print(exponent)
        if len(power) == len(power.translate(RAISED)) and all(c in "0123456789-tn" for c in power):
            return body + power.translate(RAISED)
        return f"{body}^{power}" if exponent.is_Atom or isinstance(exponent, sp.floor) else f"{body}^({power})"


_LINE = _Line({"order": "none"})


def line(expr: sp.Expr) -> str:
    """The formula on one line of Unicode, in the order of writing.

    >>> line(scalar("theta - lr*mhat / (sqrt(vhat) + eps)"))
    'θ - η m̂ / (√v̂ + ε)'
    >>> line(scalar("0.9*m + g/4"))
    '0.9 m + g / 4'
    """
    text = re.sub(r"\((√[^\s()]+)\)", r"\1", str(_LINE.doprint(expr)).replace("*", " "))
    return re.sub(r"\s*/\s*", " / ", text)


def latex(expr: sp.Expr) -> str:
    """The formula in LaTeX, in the order of writing."""
    names = {s: _latex_name(s.name) for s in expr.free_symbols
             if s.name.rstrip("0123456789") in SHOWN_LATEX or not s.name.isascii()}
    return str(sp.latex(expr, order="none", symbol_names=names))


def _latex_name(name: str) -> str:
    stem = name.rstrip("0123456789")
    if stem not in SHOWN_LATEX:
        return latex_name(parse_name(name))
    return SHOWN_LATEX[stem] + (f"_{{{name[len(stem):]}}}" if stem != name else "")


def put(expr: sp.Expr, instead: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """`expr` with others in the place of symbols, in the order of writing."""
    if expr in instead or not expr.args:
        return instead.get(expr, expr)
    args = [put(each, instead) for each in expr.args]
    if args == list(expr.args):
        return expr
    if expr.is_Mul:
        return _times(*args)
    written = isinstance(expr, (sp.Add, sp.Pow, sp.Max, sp.Min, sp.Function))
    return expr.func(*args, evaluate=False) if written else expr.func(*args)
