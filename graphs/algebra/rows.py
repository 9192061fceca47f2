"""The table of elementwise functions: one row each, from which everything else follows.

A row is a name and a SymPy formula in `x0, x1, x2`. Its derivative is SymPy's. Its forward code is NumPy's function of
that name, or its safe form (`codegen/lowering/forms.py`); it is written `name(x)`, or as
`formulas/notation/operators.py` says. A partial is stated only where it reads better in terms of the output `y`, where
SymPy would answer with Dirac, Heaviside or Derivative, or where the convention at a kink is ours:
`relu'(0) = abs'(0) = 0`, and ties of maximum and minimum share equally.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import sympy as sp

X0, X1, X2 = sp.symbols("x0 x1 x2", real=True)
Y = sp.Symbol("y", real=True)

sigmoid_ = sp.Function("sigmoid", real=True)
softplus_ = sp.Function("softplus", real=True)
expm1_ = sp.Function("expm1", real=True)
bose_ = sp.Function("bose", real=True)
log_or_zero_ = sp.Function("log_or_zero", real=True)
hazard_ = sp.Function("hazard", real=True)
digamma_ = sp.Function("digamma", real=True)
polygamma_ = sp.Function("polygamma", real=True)
mask_ = sp.Function("mask", real=True)
sinc_derivative_ = sp.Function("sinc_derivative", real=True)


class times_power(sp.Function):  # noqa: N801 - SymPy's functions bear the names that they print
    """c x**p, zero where c is zero, although x**p may be infinite there: the derivative of x**y."""

    nargs = 3
    is_real = True

    @classmethod
    def eval(cls, c: sp.Expr, x: sp.Expr, p: sp.Expr) -> sp.Expr | None:
        """A plain product where the factor is a number."""
        return c * x**p if c.is_Number else None


@dataclass(frozen=True, slots=True)
class Row:
    """One elementwise function. `partials` of None are SymPy's; `dtype` is that of the result."""

    name: str
    formula: sp.Basic
    arity: int = 1
    partials: tuple[sp.Basic | None, ...] = ()
    dtype: str = "real"  # real | boolean | same (integer operands stay integer)

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """The operands' symbols in the formula."""
        return (X0, X1, X2)[: self.arity]


def _rows() -> list[Row]:
    x, z, half, one, zero = X0, X1, sp.Rational(1, 2), sp.Integer(1), sp.Integer(0)
    positive, nearest = sp.Gt(x, 0), sp.floor(x + half)
    share = [sp.Piecewise((one, c), (half, sp.Eq(x, z)), (zero, True)) for c in (x > z, x < z)]
    smooth = [
        Row("real", x),  # integers and truth values as real numbers
        Row("exp", sp.exp(x)), Row("log", sp.log(x)), Row("log1p", sp.log(1 + x)),
        Row("log2", sp.log(x) / sp.log(2)), Row("log10", sp.log(x) / sp.log(10)),
        Row("expm1", sp.exp(x) - 1, partials=(sp.exp(x),)),
        Row("sqrt", sp.sqrt(x), partials=(1 / (2 * Y),)), Row("reciprocal", 1 / x, partials=(-(Y**2),)),
        Row("sin", sp.sin(x)), Row("cos", sp.cos(x)), Row("tan", sp.tan(x)),
        Row("arcsin", sp.asin(x)), Row("arccos", sp.acos(x)), Row("arctan", sp.atan(x)),
        Row("sinh", sp.sinh(x), partials=(sp.cosh(x),)), Row("cosh", sp.cosh(x), partials=(sp.sinh(x),)),
        Row("sech", 1 / sp.cosh(x), partials=(-Y * sp.tanh(x),)), Row("csch", 1 / sp.sinh(x), partials=(-Y / sp.tanh(x),)),
        Row("log_cosh", sp.log(sp.cosh(x)), partials=(sp.tanh(x),)),
        Row("bose", 1 / (sp.exp(x) - 1), partials=(-Y * (1 + Y),)),
        Row("log1mexp", sp.log(1 - sp.exp(-x)), partials=(bose_(x),)),
        Row("tanh", sp.tanh(x)), Row("arcsinh", sp.asinh(x)), Row("arccosh", sp.acosh(x)),
        Row("arctanh", sp.atanh(x)), Row("erf", sp.erf(x)), Row("erfc", sp.erfc(x)),
        Row("erfinv", sp.erfinv(x), partials=(sp.sqrt(sp.pi) / 2 * sp.exp(Y**2),)),
        Row("log_ndtr", sp.log(sp.erfc(-x / sp.sqrt(2)) / 2), partials=(hazard_(x),)),
        Row("hazard", sp.sqrt(2 / sp.pi) * sp.exp(-x**2 / 2) / sp.erfc(-x / sp.sqrt(2)), partials=(-Y * (x + Y),)),
        Row("wright_omega", sp.LambertW(sp.exp(x)), partials=(Y / (1 + Y),)),  # y + log y = x
        Row("lgamma", sp.loggamma(x), partials=(digamma_(x),)),
        Row("digamma", sp.digamma(x), partials=(polygamma_(one, x),)),
        Row("polygamma", sp.polygamma(x, z), 2, (zero, polygamma_(x + 1, z))),  # the order is a number
        Row("sinc", sp.Piecewise((sp.sin(sp.pi * x) / (sp.pi * x), sp.Ne(x, 0)), (one, True)),
            partials=(sinc_derivative_(one, x),)),
        Row("sinc_derivative", sinc_derivative_(x, z), 2, (zero, sinc_derivative_(x + 1, z))),  # the order is a number
        Row("arctan2", sp.atan2(x, z), 2, (z / (x**2 + z**2), -x / (x**2 + z**2))),
        Row("sigmoid", 1 / (1 + sp.exp(-x)), partials=(Y * (1 - Y),)),
        Row("softplus", sp.log(1 + sp.exp(x)), partials=(sigmoid_(x),)),
        Row("silu", x * sigmoid_(x), partials=(sigmoid_(x) * (1 + x * (1 - sigmoid_(x))),)),
        Row("gelu", x * (1 + sp.erf(x / sp.sqrt(2))) / 2),
        Row("power", x**z, 2, (times_power(z, x, z - 1), Y * log_or_zero_(x))),
        Row("times_power", x * z**X2, 3,
            (z**X2, times_power(x * X2, z, X2 - 1), Y * log_or_zero_(z))),  # zero where x0 is
        Row("log_or_zero", sp.Piecewise((zero, sp.Eq(x, 0)), (sp.log(x), True)),
            partials=(sp.Piecewise((zero, sp.Eq(x, 0)), (1 / x, True)),)),
        Row("log_abs", sp.log(sp.Abs(x)), partials=(1 / x,)),
        Row("times_exp", x * sp.exp(z), 2, (sp.exp(z), Y)),  # zero where x0 is
    ]
    kinked = [
        Row("abs", sp.Abs(x), partials=(sp.sign(x),), dtype="same"),
        Row("sign", sp.sign(x), partials=(zero,), dtype="same"),
        Row("floor", sp.floor(x), partials=(zero,), dtype="same"),
        Row("ceil", sp.ceiling(x), partials=(zero,), dtype="same"),
        Row("round", sp.Piecewise((2 * sp.floor(nearest / 2), sp.Eq(nearest - x, half)), (nearest, True)),
             # of two the even one
            partials=(zero,), dtype="same"),
        Row("relu", sp.Max(x, 0), partials=(mask_(positive),), dtype="same"),
        Row("leaky_relu", sp.Piecewise((x, positive), (z * x, True)), 2,
            (sp.Piecewise((one, positive), (z, True)), sp.Piecewise((zero, positive), (x, True)))),
        Row("elu", sp.Piecewise((x, positive), (z * expm1_(x), True)), 2,
            (sp.Piecewise((one, positive), (z * sp.exp(x), True)), sp.Piecewise((zero, positive), (expm1_(x), True)))),
        Row("maximum", sp.Max(x, z), 2, (share[0], share[1]), dtype="same"),
        Row("minimum", sp.Min(x, z), 2, (share[1], share[0]), dtype="same"),
        Row("clip", sp.Min(sp.Max(x, z), X2), 3,
            (mask_(sp.And(x >= z, x <= X2)), mask_(sp.And(x < z, z <= X2)), mask_(sp.Or(x > X2, z > X2))), dtype="same"),
        Row("where", sp.Piecewise((z, sp.Ne(x, 0)), (X2, True)), 3,
            (zero, mask_(sp.Ne(x, 0)), mask_(sp.Eq(x, 0))), dtype="same"),
        Row("zeroed", zero, partials=(zero,)),  # 0 x: NaN where x is not finite
        Row("defined", sp.Piecewise((z, sp.Ne(x, 0)), (sp.nan, True)), 2, (zero, one)),  # rewrites/logarithms.py
        Row("taken", sp.Piecewise((z, sp.Ne(x, 0)), (zero, True)), 2, (zero, one)),  # derivative/demand.py
    ]
    tests = [
        Row("less", sp.Lt(x, z), 2), Row("less_equal", sp.Le(x, z), 2), Row("greater", sp.Gt(x, z), 2),
        Row("greater_equal", sp.Ge(x, z), 2), Row("equal", sp.Eq(x, z), 2), Row("not_equal", sp.Ne(x, z), 2),
        Row("logical_and", sp.And(sp.Ne(x, 0), sp.Ne(z, 0)), 2),
        Row("logical_or", sp.Or(sp.Ne(x, 0), sp.Ne(z, 0)), 2),
        Row("logical_not", sp.Eq(x, 0)),
        Row("isnan", sp.false), Row("isfinite", sp.true), Row("isinf", sp.false),  # of a real number
    ]
    tests = [Row(r.name, r.formula, r.arity, (zero,) * r.arity, "boolean") for r in tests]
    return smooth + kinked + tests


class _Table(Mapping[str, Row]):
    """The rows by name, made when the first is asked for: SymPy takes a fifth of a second to write them."""

    @cached_property
    def _made(self) -> dict[str, Row]:
        return {row.name: row for row in _rows()}

    def __getitem__(self, name: str) -> Row:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


ROWS: Mapping[str, Row] = _Table()


@cache
def partial(row: str, position: int, literals: tuple[sp.Expr | None, ...] = ()) -> sp.Basic:
    """The derivative of a row by its operand, in `x0, x1, x2` and, where shorter, the output `y`.

    `literals`: operands behind the first that are known numbers, put in (the exponent of x**3).

    >>> partial("tanh", 0), partial("sigmoid", 0), partial("power", 0, (None, sp.Integer(3)))
    (1 - y**2, y*(1 - y), 3*x0**2)
    """
    if any(value is not None for value in literals[1:]):
        known = {s: v for s, v in zip(ROWS[row].symbols[1:], literals[1:], strict=True) if v is not None}
        return partial(row, position).subs(known)
    spec = ROWS[row]
    stated = spec.partials[position] if spec.partials else None
    if stated is not None:
        return stated
    by = spec.symbols[position]
    derived = sp.diff(spec.formula, by)
    reused = derived.subs(spec.formula, Y)
    return reused if not reused.has(by) else derived
