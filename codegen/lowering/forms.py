"""Accurate, overflow-safe forms of the elementwise rows, in terms of what NumPy has.

A row that is not here is NumPy's function of its name. A form may use its argument several times: the plan
gives it a variable. NaN passes through all of them, infinities wherever the limit exists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

import sympy as sp

from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import NUMBER, Arrays, Expr
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.graphs.weights import MINUS, ONE, Weight, from_expr, to_expr

SafeForm = Callable[[Arrays, Sequence[Expr], str], Expr]
OF_NUMBERS = ("isnan", "isfinite", "isinf")
COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
LOGICAL = ("logical_and", "logical_or", "logical_not")
CHAIN = 64  # integer powers up to which multiplications are spelled out: x**3 costs several times x*x*x


def elementwise(b: Arrays, name: str, args: Sequence[Expr], kind: str) -> Expr:
    """The row `name` of loose arguments, in `kind`."""
    if kind != BOOLEAN and all(a.kind == NUMBER for a in args):
        folded = _fold(name, args)
        if folded is not None:
            return b.number(folded)
        args = [b.full(args[0].attrs[0], (), REAL), *args[1:]]
    if name in (*COMPARISONS, *OF_NUMBERS):
        return b.row(name, args, BOOLEAN)
    if name in LOGICAL:
        return _logical(b, name, args)
    if name == "where":
        return _where(b, args[0], args[1], args[2], kind)
    if name == "defined":
        return _where(b, args[0], args[1], b.number(Weight(math.nan)), kind)
    if name == "zeroed":
        finite = b.row("isfinite", [b.cast(args[0], REAL)], BOOLEAN)
        return _where(b, finite, b.number(0), b.number(Weight(math.nan)), REAL)
    if name == "taken":
        return _taken(b, args[0], args[1], kind)
    args = [b.cast(a, kind) for a in args]
    form = FORMS.get(name)
    return form(b, args, kind) if form is not None else b.row(name, args, kind)


def _fold(name: str, args: Sequence[Expr]) -> Weight | None:
    """The value of a row at numbers without sizes, where it is a finite real number."""
    row = ROWS[name]
    values = [a.attrs[0] for a in args]
    if any(v.factor is not None and v.factor.free_symbols for v in values):
        return None
    value = sp.N(row.formula.subs(dict(zip(row.symbols, map(to_expr, values), strict=True))), 17)
    return from_expr(value) if value.is_Float and value.is_finite else None


def _logical(b: Arrays, name: str, args: Sequence[Expr]) -> Expr:
    truth = [a if a.kind == BOOLEAN else b.row("not_equal", [a, b.number(0)], BOOLEAN) for a in args]
    return b.row(name, truth, BOOLEAN)


def _where(b: Arrays, condition: Expr, yes: Expr, no: Expr, kind: str) -> Expr:
    if yes is no:  # one of them was a constant for derivatives only
        return b.cast(yes, kind)
    if condition.kind != BOOLEAN:
        condition = b.row("not_equal", [condition, b.number(0)], BOOLEAN)
    if condition.op is acts.ROW and condition.attrs == ("logical_not",):
        condition, yes, no = condition.args[0], no, yes
    if yes.kind == no.kind == NUMBER:  # two Python numbers would make NumPy choose float64
        yes = b.full(yes.attrs[0], (), kind)
    return b.row("where", [condition, b.cast(yes, kind), b.cast(no, kind)], kind)


def _taken(b: Arrays, condition: Expr, value: Expr, kind: str) -> Expr:
    """0 where the condition does not hold; a divisor is infinite there, so that products are divided still."""
    if value.op is acts.PRODUCT and value.attrs == (ONE, 0) and len(value.args) == 1:
        return b.product([], [_where(b, condition, value.args[0], b.number(Weight(math.inf)), kind)], ONE, kind)
    return _where(b, condition, value, b.number(0), kind)


def _call(b: Arrays, name: str, *args: Expr) -> Expr:
    return b.row(name, args, REAL)


def _negative(b: Arrays, x: Expr) -> Expr:
    return b.product([x], [], MINUS, x.kind)


def _one_plus_exp(b: Arrays, x: Expr) -> Expr:
    """1 + exp(-x): sigmoid and silu share it."""
    return b.add([(b.number(1), ONE), (_call(b, "exp", _negative(b, x)), ONE)], REAL)


def _reciprocal(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    return b.product([], args, ONE, REAL)


def _sigmoid(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    """exp overflows to infinity for x below -709 (float32: -88), where the quotient is rightly 0."""
    return b.product([], [_one_plus_exp(b, args[0])], ONE, REAL)


def _silu(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    return b.product(args, [_one_plus_exp(b, args[0])], ONE, REAL)


def _softplus(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    """max(x, 0) + log(1 + exp(-|x|))"""
    (x,) = args
    bare = x.args[0] if x.op is acts.PRODUCT and x.attrs == (MINUS, 1) and len(x.args) == 1 else x  # |-x| is |x|
    small = _call(b, "exp", _negative(b, _call(b, "abs", bare)))
    return b.add([(_call(b, "maximum", x, b.number(0)), ONE), (_call(b, "log1p", small), ONE)], REAL)


def sech_squared(b: Arrays, x: Expr) -> Expr:
    """1 / cosh(x)^2, 0 where cosh overflows."""
    cosine = _call(b, "cosh", x)
    return b.product([], [b.product([cosine, cosine], [], ONE, REAL)], ONE, REAL)


def _log_cosh(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    """log1p(2 sinh(x/2)^2), and |x| - log 2 where that is all"""
    (x,) = args
    size = _call(b, "abs", x)
    half = _call(b, "sinh", b.product([x], [], Weight(Fraction(1, 2)), REAL))
    near = _call(b, "log1p", b.product([half, half], [], Weight(2), REAL))
    far = b.add([(size, ONE), (b.number(from_expr(sp.log(2))), MINUS)], REAL)
    return b.row("where", [b.row("less", [size, b.number(20)], BOOLEAN), near, far], REAL)


def _log1mexp(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    """log(1 - exp(-x)), by expm1 where x is small and by log1p where it is not"""
    (x,) = args
    minus = _negative(b, x)
    near = _call(b, "log", _negative(b, _call(b, "expm1", minus)))
    far = _call(b, "log1p", _negative(b, _call(b, "exp", minus)))
    return b.row("where", [b.row("less", [x, b.number(Weight(Fraction(7, 10)))], BOOLEAN), near, far], REAL)


def _wright_omega(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    """w + log w = x by steps of order four (Fritsch, Shafer, Crowley, CACM 443, 1973); exp(x) far to the left."""
    (x,) = args
    at = _call(b, "minimum", _call(b, "maximum", x, b.number(-40)), b.number(Weight(1e30)))
    small = _call(b, "exp", _call(b, "minimum", at, b.number(1)))
    large = _call(b, "maximum", at, b.number(1))
    left = b.product([small], [b.add([(b.number(1), ONE), (small, ONE)], REAL)], ONE, REAL)
    right = b.add([(large, ONE), (_call(b, "log", large), MINUS)], REAL)
    w = b.row("where", [b.row("less", [at, b.number(1)], BOOLEAN), left, right], REAL)
    for _ in range(3):
        r = b.add([(at, ONE), (w, MINUS), (_call(b, "log", w), MINUS)], REAL)
        more = b.add([(b.number(1), ONE), (w, ONE)], REAL)
        q = b.product([more, b.add([(more, ONE), (r, Weight(Fraction(2, 3)))], REAL)], [], Weight(2), REAL)
        change = b.product([r, b.add([(q, ONE), (r, MINUS)], REAL)],
                           [more, b.add([(q, ONE), (r, Weight(-2))], REAL)], ONE, REAL)
        w = b.product([w, b.add([(b.number(1), ONE), (change, ONE)], REAL)], [], ONE, REAL)
    w = b.row("where", [b.row("less", [x, b.number(-40)], BOOLEAN), _call(b, "exp", x), w], REAL)
    return b.row("where", [b.row("greater", [x, b.number(Weight(1e30))], BOOLEAN), x, w], REAL)


def _divided(row: str) -> SafeForm:
    """1 / row(x), 0 where that overflows"""
    return lambda b, args, kind: b.product([], [_call(b, row, args[0])], ONE, REAL)


def _gelu(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    """x times the normal distribution function; in a training step x (1 + erf(x / sqrt 2)) / 2."""
    (x,) = args
    if not b.quick:
        return b.product([x, _call(b, "ndtr", x)], [], ONE, REAL)
    erf = _call(b, "erf", b.product([x], [], from_expr(sp.sqrt(2) / 2), REAL))
    return b.product([x, b.add([(b.number(1), ONE), (erf, ONE)], REAL)], [], Weight(Fraction(1, 2)), REAL)


def _power(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    x, exponent = args
    if x.kind != NUMBER and exponent.kind == NUMBER:
        n = exponent.attrs[0]
        if n.factor is None and isinstance(n.number, int) and 1 <= n.number <= CHAIN:
            return _repeated(b, x, n.number)
    return _call(b, "power", x, exponent)


def _repeated(b: Arrays, x: Expr, n: int) -> Expr:
    """x**n by squaring; small powers stay one chain."""
    if n <= 3:
        return b.product([x] * n, [], ONE, REAL)
    half = _repeated(b, x, n // 2)
    return b.product([half, half] + [x] * (n % 2), [], ONE, REAL)


def _log_or_zero(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    (x,) = args
    safe = b.row("where", [b.row("equal", [x, b.number(0)], BOOLEAN), b.number(1), x], REAL)
    return _call(b, "log", safe)


def _log_abs(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    return _call(b, "log", _call(b, "abs", args[0]))


def _times_exp(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    """x exp(z)"""
    return _nothing_for_zero(b, args[0], _call(b, "exp", args[1]))


def _times_power(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    """x z**p"""
    return _nothing_for_zero(b, args[0], _power(b, args[1:], kind))


def _nothing_for_zero(b: Arrays, x: Expr, other: Expr) -> Expr:
    """x times what may be infinite: 0 where x is 0."""
    value = b.product([x, other], [], ONE, REAL)
    if x.kind == NUMBER:
        return value
    return b.row("where", [b.row("equal", [x, b.number(0)], BOOLEAN), b.number(0), value], REAL)


def _relu(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    return b.row("maximum", [args[0], b.number(0)], kind)


def _leaky_relu(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    x, slope = args
    below = b.product([slope, x], [], ONE, REAL)
    if slope.kind == NUMBER and slope.attrs[0].factor is None and 0 < slope.attrs[0].number < 1:
        return _call(b, "maximum", x, below)
    return b.row("where", [b.row("greater", [x, b.number(0)], BOOLEAN), x, below], REAL)


def _elu(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    x, alpha = args
    below = b.product([alpha, _call(b, "expm1", _call(b, "minimum", x, b.number(0)))], [], ONE, REAL)
    return b.row("where", [b.row("greater", [x, b.number(0)], BOOLEAN), x, below], REAL)


def _clip(b: Arrays, args: Sequence[Expr], kind: str) -> Expr:
    x, low, high = args
    if low.kind == NUMBER and low.attrs[0].number == -math.inf:
        return b.row("minimum", [x, high], kind)
    if high.kind == NUMBER and high.attrs[0].number == math.inf:
        return b.row("maximum", [x, low], kind)
    return b.row("minimum", [b.row("maximum", [x, low], kind), high], kind)


def _rounding(row: str) -> SafeForm:
    """A function that leaves whole numbers as they are."""
    return lambda b, args, kind: args[0] if kind == INTEGER else b.row(row, args, kind)


FORMS: Mapping[str, SafeForm] = MappingProxyType({
    "real": lambda b, args, kind: args[0], "reciprocal": _reciprocal, "sigmoid": _sigmoid, "silu": _silu,
    "softplus": _softplus, "gelu": _gelu, "power": _power, "log_or_zero": _log_or_zero, "log_abs": _log_abs,
    "log_cosh": _log_cosh, "log1mexp": _log1mexp, "bose": _divided("expm1"), "sech": _divided("cosh"),
    "csch": _divided("sinh"), "wright_omega": _wright_omega, "times_exp": _times_exp, "times_power": _times_power,
    "relu": _relu, "leaky_relu": _leaky_relu, "elu": _elu, "clip": _clip,
    **{row: _rounding(row) for row in ("floor", "ceil", "round")},
})
