"""Elementwise functions in operators of ONNX: by name where it has them, else by a form that stays accurate.

What reads and writes alike is the one table in `entrywise.py`. What is in neither table is written by its formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sympy as sp

from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.networks.building import Made, OnnxGraph
from symgrad.networks.entrywise import BINARY, UNARY

RowForm = Callable[[OnnxGraph, Sequence[Made]], Made]
OPERATORS_OF_ROWS: Mapping[str, str] = MappingProxyType({row: operator for operator, _, row in (*UNARY, *BINARY)} | {
    "ceil": "Ceil", "round": "Round", "maximum": "Max", "minimum": "Min", "gelu": "Gelu", "power": "Pow",
    "isnan": "IsNaN", "isinf": "IsInf"})
WHOLE = {"floor", "ceil", "round"}  # of integers: themselves
TESTS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}


def written_row(g: OnnxGraph, name: str, args: Sequence[Made], kind: str) -> Made:
    """A row of the table of elementwise functions, of these operands. Raises SymgradError where ONNX has no form of it."""
    if name in WHOLE and args[0].kind != REAL:
        return g.cast(args[0], kind)
    args = _alike(g, name, args, kind)
    if name in FORMS:
        return g.cast(FORMS[name](g, args), kind)
    if name in OPERATORS_OF_ROWS:
        return g.entrywise(OPERATORS_OF_ROWS[name], args, BOOLEAN if ROWS[name].dtype == "boolean" else kind)
    row = ROWS[name]
    try:
        if type(row.formula).__name__ == name:  # it stands for itself
            raise KeyError(name)
        return g.cast(_formula(g, row.formula, dict(zip(row.symbols, args, strict=True))), kind)
    except KeyError as unknown:
        also = "" if unknown.args[0] == name else f" (nor for {unknown.args[0]})"
        raise SymgradError(f"to_onnx: ONNX has no operator for {name}{also}") from None


def _alike(g: OnnxGraph, name: str, args: Sequence[Made], kind: str) -> list[Made]:
    """Operands of one kind, as ONNX wants them."""
    if name.startswith("logical"):
        return [arg if arg.kind == BOOLEAN else Made(g.op("Cast", [arg.name], to=g.type_of(BOOLEAN)), arg.shape, BOOLEAN)
                for arg in args]
    if name in TESTS:
        kinds = {arg.kind for arg in args}
        common = BOOLEAN if kinds == {BOOLEAN} and name in ("equal", "not_equal") else (
            REAL if REAL in kinds else INTEGER)
        return [g.cast(arg, common) for arg in args]
    if name == "where":
        return [_truth(g, args[0]), *(g.cast(arg, kind) for arg in args[1:])]
    if name in ("defined", "taken"):
        return [_truth(g, args[0]), g.cast(args[1], REAL)]
    wanted = kind if ROWS[name].dtype == "same" else REAL
    return [g.cast(arg, INTEGER if wanted == BOOLEAN else wanted) for arg in args]


def _truth(g: OnnxGraph, value: Made) -> Made:
    return value if value.kind == BOOLEAN else g.cast(value, BOOLEAN)


def _call(g: OnnxGraph, operator: str, *args: Any) -> Made:
    values = [arg if isinstance(arg, Made) else g.number(arg) for arg in args]
    kind = BOOLEAN if operator in ("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Not", "And", "Or") else (
        values[-1].kind)
    return g.entrywise(operator, values, kind)


def _log1p(g: OnnxGraph, a: Sequence[Made]) -> Made:
    """log(u) x / (u - 1) with u = 1 + x: the rounding of u cancels (Kahan)."""
    (x,) = a
    u = _call(g, "Add", x, 1)
    small = _call(g, "Sub", u, 1)
    none = _call(g, "Equal", small, 0)
    ratio = _call(g, "Div", x, _call(g, "Where", none, 1, small))
    found = _call(g, "Where", none, x, _call(g, "Mul", _call(g, "Log", u), ratio))
    return _call(g, "Where", _call(g, "Equal", x, math.inf), x, found)


def _expm1(g: OnnxGraph, a: Sequence[Made]) -> Made:
    """exp(x) - 1, near 0 by tanh(x / 2), which does not cancel."""
    (x,) = a
    near = _call(g, "Less", _call(g, "Abs", x), 0.5)
    t = _call(g, "Tanh", _call(g, "Mul", _call(g, "Where", near, x, 0), 0.5))
    inner = _call(g, "Div", _call(g, "Mul", t, 2), _call(g, "Sub", 1, t))
    return _call(g, "Where", near, inner, _call(g, "Sub", _call(g, "Exp", x), 1))


def _log_cosh(g: OnnxGraph, a: Sequence[Made]) -> Made:
    size = _call(g, "Abs", a[0])
    tail = _call(g, "Softplus", _call(g, "Mul", size, -2))
    return _call(g, "Sub", _call(g, "Add", size, tail), math.log(2))


def _log1mexp(g: OnnxGraph, a: Sequence[Made]) -> Made:
    minus = _call(g, "Neg", a[0])
    near = _call(g, "Log", _call(g, "Neg", _expm1(g, [minus])))
    far = _log1p(g, [_call(g, "Neg", _call(g, "Exp", minus))])
    return _call(g, "Where", _call(g, "Less", a[0], math.log(2)), near, far)


def _nothing_for_zero(g: OnnxGraph, first: Made, other: Made) -> Made:
    """The product, zero where the first factor is, whatever the other holds."""
    none = _call(g, "Equal", first, 0)
    return _call(g, "Where", none, 0, _call(g, "Mul", first, _call(g, "Where", none, 1, other)))


def _times_power(g: OnnxGraph, a: Sequence[Made]) -> Made:
    return _nothing_for_zero(g, a[0], _call(g, "Pow", a[1], a[2]))


def _times_exp(g: OnnxGraph, a: Sequence[Made]) -> Made:
    return _nothing_for_zero(g, a[0], _call(g, "Exp", a[1]))


def _log_or_zero(g: OnnxGraph, a: Sequence[Made]) -> Made:
    none = _call(g, "Equal", a[0], 0)
    return _call(g, "Log", _call(g, "Where", none, 1, a[0]))


def _leaky(g: OnnxGraph, a: Sequence[Made]) -> Made:
    return _call(g, "Where", _call(g, "Greater", a[0], 0), a[0], _call(g, "Mul", a[0], a[1]))


def _elu(g: OnnxGraph, a: Sequence[Made]) -> Made:
    below = _call(g, "Mul", a[1], _expm1(g, [_call(g, "Min", a[0], 0)]))
    return _call(g, "Where", _call(g, "Greater", a[0], 0), a[0], below)


def _clip(g: OnnxGraph, a: Sequence[Made]) -> Made:
    kept = g.entrywise("Max", a[:2], a[0].kind)
    return g.entrywise("Min", [kept, a[2]], a[0].kind)


def _arctan2(g: OnnxGraph, a: Sequence[Made]) -> Made:
    """By the tangent of half of the angle: 2 arctan(y / (r + x)), and where x < 0 by (r - x) / y."""
    y, x = a
    r = _call(g, "Sqrt", _call(g, "Add", _call(g, "Mul", x, x), _call(g, "Mul", y, y)))
    left, axis = _call(g, "Less", x, 0), _call(g, "Equal", y, 0)
    none = _call(g, "Equal", r, 0)
    right = _call(g, "Div", y, _call(g, "Where", _call(g, "Or", left, none), 1, _call(g, "Add", r, x)))
    other = _call(g, "Div", _call(g, "Sub", r, x), _call(g, "Where", axis, 1, y))
    half = _call(g, "Atan", _call(g, "Where", left, other, right))
    angle = _call(g, "Mul", half, 2)
    return _call(g, "Where", _call(g, "And", left, axis), math.pi, angle)


def _finite(g: OnnxGraph, a: Sequence[Made]) -> Made:
    return _call(g, "Less", _call(g, "Abs", a[0]), math.inf)


FORMS: Mapping[str, RowForm] = MappingProxyType({
    "real": lambda g, a: g.cast(a[0], REAL), "log1p": _log1p, "expm1": _expm1, "log_cosh": _log_cosh,
    "log1mexp": _log1mexp, "times_power": _times_power, "times_exp": _times_exp, "log_or_zero": _log_or_zero,
    "log_abs": lambda g, a: _call(g, "Log", _call(g, "Abs", a[0])), "leaky_relu": _leaky, "elu": _elu, "clip": _clip,
    "silu": lambda g, a: _call(g, "Mul", a[0], _call(g, "Sigmoid", a[0])),
    "sech": lambda g, a: _call(g, "Reciprocal", _call(g, "Cosh", a[0])),
    "csch": lambda g, a: _call(g, "Reciprocal", _call(g, "Sinh", a[0])),
    "bose": lambda g, a: _call(g, "Reciprocal", _expm1(g, a)),
    "log2": lambda g, a: _call(g, "Div", _call(g, "Log", a[0]), math.log(2)),
    "log10": lambda g, a: _call(g, "Div", _call(g, "Log", a[0]), math.log(10)),
    "erfc": lambda g, a: _call(g, "Sub", 1, _call(g, "Erf", a[0])), "arctan2": _arctan2,
    "where": lambda g, a: g.entrywise("Where", a, a[1].kind),
    "defined": lambda g, a: _call(g, "Where", a[0], a[1], math.nan),
    "taken": lambda g, a: _call(g, "Where", a[0], a[1], 0),
    "not_equal": lambda g, a: _call(g, "Not", _call(g, "Equal", *a)), "isfinite": _finite,
})
REFUSED = ("log_ndtr", "hazard")  # their formulas lose all digits in the tail
SYMPY: Mapping[Any, str] = MappingProxyType({
    sp.exp: "Exp", sp.log: "Log", sp.sin: "Sin", sp.cos: "Cos", sp.tan: "Tan", sp.sinh: "Sinh", sp.cosh: "Cosh",
    sp.tanh: "Tanh", sp.Abs: "Abs", sp.sign: "Sign", sp.floor: "Floor", sp.ceiling: "Ceil", sp.erf: "Erf", sp.Max: "Max",
    sp.Min: "Min", sp.StrictLessThan: "Less", sp.LessThan: "LessOrEqual", sp.StrictGreaterThan: "Greater",
    sp.GreaterThan: "GreaterOrEqual", sp.Equality: "Equal", sp.And: "And", sp.Or: "Or", sp.Not: "Not"})


def _formula(g: OnnxGraph, e: Any, args: Mapping[Any, Made]) -> Made:
    """A scalar formula of SymPy in operators. Raises KeyError with a function that has none."""
    if e in args:
        return args[e]
    if e.is_number:
        return g.number(e)
    parts = [_formula(g, part, args) for part in e.args] if not isinstance(e, sp.Piecewise) else []
    if e.is_Add or e.is_Mul:
        found = parts[0]
        for part in parts[1:]:
            found = _call(g, "Add" if e.is_Add else "Mul", found, part)
        return found
    if e.is_Pow:
        return _call(g, "Pow", *parts)
    if isinstance(e, sp.Piecewise):
        found = _formula(g, e.args[-1][0], args)
        for value, condition in reversed(e.args[:-1]):
            found = _call(g, "Where", _formula(g, condition, args), _formula(g, value, args), found)
        return found
    if isinstance(e, sp.Ne):
        return _call(g, "Not", _call(g, "Equal", *parts))
    if e.func.__name__ in ROWS and e.func.__name__ not in REFUSED:
        return written_row(g, e.func.__name__, parts, REAL)
    if e.func not in SYMPY or any(isinstance(part, sp.erfc) for part in sp.preorder_traversal(e)):
        raise KeyError(e.func.__name__)
    return _call(g, SYMPY[e.func], *parts)
