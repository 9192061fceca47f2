"""Sizes, weights and scalar functions as C.

`real` is float or double. Weights are worked out in double and rounded once. Functions pass NaN through as
NumPy's do. With glibc, exp, log, tanh and the like have vector forms (libmvec, at most 4 ulp), which a
`simd` declaration lets the compiler use.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symgrad.codegen.c.special import SPECIAL, USES
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.graphs.sizes import Size
from symgrad.graphs.weights import Weight

TYPES: Mapping[str, str] = {REAL: "real", INTEGER: "int64_t", BOOLEAN: "uint8_t"}
Names = Mapping[Any, str]

INFIX: Mapping[str, str] = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
    "logical_and": "&&", "logical_or": "||",
}
# Functions of libm by their double name; float ones end with f. `vector`: glibc has a vector form.
LIBM: Mapping[str, str] = {
    "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "sin": "sin", "cos": "cos",
    "tan": "tan", "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "erf": "erf",
    "floor": "floor", "power": "pow", "abs": "fabs", "fmax": "fmax",
    "erfc": "erfc", "lgamma": "lgamma", "log2": "log2", "log10": "log10", "ceil": "ceil", "round": "rint",
}
VECTOR = ("exp", "log", "log1p", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "erf", "pow")
CHEAP = frozenset({"exp", "log", "log1p", "expm1", "tanh", "erf", "sqrt"})  # no more than a few passes over memory
# Small functions of our own, by row; written into the text where they are used. `@` ends a name of libm.
OWN: Mapping[str, str] = {
    # Two choices, for a compiler makes vectors of these, and branches of one with an `or`; a NaN wins.
    "maximum": "static inline real maximum(real a, real b) {\n"
               "  const real c = a <= b ? b : a;\n  return b != b ? b : c;\n}",
    "minimum": "static inline real minimum(real a, real b) {\n"
               "  const real c = a >= b ? b : a;\n  return b != b ? b : c;\n}",
    "logaddexp": "static inline real logaddexp(real a, real b) {\n"
                 "  return a == b ? a + (real)0.69314718055994531 : (a > b ? a : b) + log1p@(exp@(-fabs@(a - b)));\n}",
    "hypotenuse": "static inline real hypotenuse(real a, real b) {\n"
             "  const real x = fabs@(a), y = fabs@(b), large = x > y ? x : y, small = x > y ? y : x;\n"
             "  const real share = large > 0 && large < INFINITY ? small / large : 0;\n"
             "  return a + b != a + b ? fabs@(a + b) : large * sqrt@(1 + share * share);\n}",
    "square": "static inline real square(real a) { return a * a; }",
    "sign": "static inline real sign(real a) { return a > 0 ? 1 : a < 0 ? -1 : a; }",
    **SPECIAL,
}
_USES: Mapping[str, tuple[str, ...]] = {"logaddexp": ("exp", "log1p"), **USES}


def with_used(rows: Iterable[str]) -> set[str]:
    """Rows with those that our own functions among them call."""
    used = set(rows)
    return used.union(*(_USES.get(row, ()) for row in used))


def own_texts(used: Iterable[str], single: bool) -> list[str]:
    """Our own functions among the rows, as C."""
    return [OWN[row].replace("@", "f" if single else "") for row in OWN if row in used]


def size_c(size: Size, names: Names) -> str:
    """An axis size, or an index built of sizes, as integer arithmetic."""
    if isinstance(size, int):
        return str(size)
    if size.is_Integer:
        return str(int(size))
    if size.is_Symbol:
        return names[size]
    above, below = sp.fraction(sp.together(size))
    if below != 1:
        return f"{_whole(above, names)} / {_whole(below, names)}"
    return _whole(above, names)


def _whole(e: sp.Expr, names: Names) -> str:
    if e.is_Integer or e.is_Symbol:
        return size_c(int(e) if e.is_Integer else e, names)
    if e.is_Add:
        return "(" + " + ".join(size_c(a, names) for a in e.as_ordered_terms()).replace("+ -", "- ") + ")"
    if e.is_Mul:
        number, rest = e.as_coeff_Mul()
        if not number.is_Integer:
            return f"({size_c(e, names)})"
        parts = [] if number in (1, -1) else [str(number)]
        text = " * ".join([*parts, *(factor_c(f, names) for f in rest.as_ordered_factors())])
        return f"-{text}" if number == -1 else text
    if e.is_Pow and e.exp.is_Integer and e.exp > 0:
        return " * ".join([factor_c(e.base, names)] * int(e.exp))
    if isinstance(e, (sp.floor, sp.ceiling)):
        above, below = (_whole(part, names) for part in sp.fraction(sp.together(e.args[0])))
        return f"({above}) / ({below})" if isinstance(e, sp.floor) else f"(({above}) + ({below}) - 1) / ({below})"
    if isinstance(e, (sp.Max, sp.Min)):
        sign = ">" if isinstance(e, sp.Max) else "<"
        first, *rest = (_whole(a, names) for a in sorted(e.args, key=sp.default_sort_key))
        for other in rest:
            first = f"({first} {sign} {other} ? {first} : {other})"
        return first
    if isinstance(e, sp.Mod):
        return f"({_whole(e.args[0], names)}) % ({_whole(e.args[1], names)})"
    raise BackendError(f"the size {e} has no form in C")


def factor_c(size: Size, names: Names) -> str:
    """A size within a product: one that is rounded, or a remainder, in parentheses.

    >>> n, m = sp.symbols("n m", integer=True, positive=True)
    >>> factor_c(n, {n: "n"}), factor_c(sp.ceiling(n / 2), {n: "n"}), size_c(m * sp.floor(n / 2), {n: "n", m: "m"})
    ('n', '(((n) + (2) - 1) / (2))', 'm * ((n) / (2))')
    """
    text = size_c(size, names)
    return f"({text})" if isinstance(size, (sp.floor, sp.ceiling, sp.Mod)) else text


def number_c(value: Any) -> str:
    """A number as a constant of type real."""
    if isinstance(value, Fraction) and value.denominator & (value.denominator - 1):
        return f"(real)({value.numerator}.0 / {value.denominator}.0)"
    if isinstance(value, int):
        return f"(real){value}" if abs(value) < 2**53 else f"(real){float(value)!r}"
    if math.isnan(value):
        return "(real)NAN"
    if math.isinf(value):
        return "(real)INFINITY" if value > 0 else "(real)-INFINITY"
    return f"(real){float(value)!r}"


def small(by: Weight) -> bool:
    """Is it a whole number that stands for itself beside a real one?"""
    return by.factor is None and isinstance(by.number, int) and abs(by.number) < 2**24


def weight_c(by: Weight, names: Names) -> str:
    """A weight of a sum as a real number."""
    if by.factor is None:
        return number_c(by.number)
    above, below = sp.fraction(by.factor)
    top, bottom = (by.number.numerator, by.number.denominator) if isinstance(by.number, Fraction) else (by.number, 1)
    over = [repr(float(top))] if top != 1 or above == 1 else []
    over += [] if above == 1 else [_double(above, names)]
    under = [] if bottom == 1 else [f"{bottom}.0"]
    under += [] if below == 1 else [_double(below, names)]
    return f"(real)({' / '.join([' * '.join(over), *under])})"


def _double(e: sp.Expr, names: Names) -> str:
    if e.is_Symbol:
        return f"(double){names[e]}"
    if e.is_number:
        return repr(float(e))
    if e.is_Mul:
        return "(" + " * ".join(_double(f, names) for f in e.as_ordered_factors()) + ")"
    if e.is_Add:
        return "(" + " + ".join(_double(f, names) for f in e.as_ordered_terms()) + ")"
    if e.is_Pow:
        if e.exp == -1:
            return f"1.0 / {_double(e.base, names)}"
        return f"pow({_double(e.base, names)}, {_double(e.exp, names)})"
    if isinstance(e, (sp.log, sp.exp)):
        return f"{e.func.__name__}({_double(e.args[0], names)})"
    return f"(double)({_whole(e, names)})"


def bare(text: str) -> str:
    """A text without the parentheses around all of it, where it has such."""
    depth = 0
    for i, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return text[1:-1] if text[0] == "(" and i == len(text) - 1 else text
    return text


def is_call(text: str) -> bool:
    """Is a text one call, which needs no parentheses?

    >>> is_call("pow(x, (y + 1))"), is_call("b[0] ? (real)0 : pow(x, y)"), is_call("b[0] < (x + y)")
    (True, False, False)
    """
    name = text.partition("(")[0]
    return name.isidentifier() and bare(text[len(name):]) != text[len(name):]


def row_c(name: str, args: Sequence[str], kind: str, single: bool) -> str:
    """An elementwise function of C expressions in parentheses where they need them."""
    if name in INFIX:
        return f"{args[0]} {INFIX[name]} {args[1]}"
    if name == "where":
        return f"{args[0]} ? {args[1]} : {args[2]}"
    if name == "logical_not":
        return f"!{args[0]}"
    if name in ("isinf", "isnan", "isfinite"):
        return f"{name}({args[0]})"
    if kind != REAL:
        if name in ("maximum", "minimum"):
            sign = ">" if name == "maximum" else "<"
            return f"{args[0]} {sign} {args[1]} ? {args[0]} : {args[1]}"
        if name == "abs":
            return f"{args[0]} < 0 ? -{args[0]} : {args[0]}"
        if name == "sign":
            return f"({args[0]} > 0) - ({args[0]} < 0)"
    if name in OWN:
        return f"{name}({', '.join(map(bare, args))})"
    if name in LIBM:
        return f"{LIBM[name]}{'f' if single else ''}({', '.join(map(bare, args))})"
    raise BackendError(f"the function {name} has no form in C")
