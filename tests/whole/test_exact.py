"""Gradients and Hessians are equal to SymPy's derivatives of the formula spelled out: proved, not sampled.

Every differentiable row of support/operation_table.py at small sizes. The sum s of all entries of y, each times a symbol of
its own, is spelled out by `to_sympy`; so are its gradient and Hessian; SymPy's `diff` of s by the element symbols must
be the same expressions. Where an operation has kinks, both are compared in the region of a point, where Abs, Max,
Piecewise and their kin are what they are there.
"""

import itertools
import random

import numpy as np
import pytest
import sympy as sp
from operation_table import LINEAR, REDUCTION, ROWS, array
from sympy.polys.domains import QQ
from sympy.polys.rings import ring

import symgrad as sg

SIZES = {"i": 2, "j": 3, "k": 2, "l": 2}
KINKED = (sp.Abs, sp.Max, sp.Min, sp.sign, sp.Heaviside, sp.floor, sp.ceiling, sp.DiracDelta)
INDEXED = {"i": 2, "j": 3, "k": 4, "l": 2}  # as the table has them: its indices fit these
FLAT = {"i": 2, "j": 3, "k": 1, "l": 2}  # for three axes
REDUCED = [({"i": 1, "j": 3, "k": 2}, False), ({"i": 2, "j": 1, "k": 2}, True)]  # for reductions of three axes
SMALL = {"i": 1, "j": 2, "k": 1, "l": 1}  # for matrices that are inverted: the formulas are long
BY_DIGITS = ("std", "cholesky", "layer_norm", "group_norm", "batch_norm", "rms_norm", "instance_norm", "cosine_similarity",
             "attention of heads")  # roots of sums, irrational scales
# Second derivatives of these, spelled out, are more than SymPy does in seconds: inverses of sums and their roots.
GRADIENT_ALONE = ("inv of", "cholesky", "solve stack of one")


def plan(row):
    """(sizes, with second derivatives?) of the proofs of a row: so small that it can be spelled out."""
    if "integer" in row.domain:
        return [(INDEXED, True)]
    if row.name.startswith(("attention", "group_norm", "batch_norm")):
        return [({"i": 2, "j": 1, "k": 2, "l": 1}, False)]
    if row in LINEAR:
        return [(SMALL, not row.name.startswith(GRADIENT_ALONE))]
    if any(len(shape) > 2 for shape in row.shapes.split()):
        smooth_there = REDUCED[row.name.startswith("std"):]  # no kink at zero: a deviation of one entry is zero
        return smooth_there if row in REDUCTION else [(FLAT, True)]
    return [(SIZES, True)]


def operands(row, sizes):
    """Real operands as symbols, the others as constants; and the domain of each."""
    rng = np.random.default_rng(3)
    shapes = row.shapes.split()
    domains = row.domain.split() * (len(shapes) if " " not in row.domain else 1)
    for name, template, domain in zip("abcd", shapes, domains, strict=False):
        shape = tuple(sizes.get(x) or int(x) for x in template.replace("-", ""))
        if domain.startswith("integer") or domain == "boolean":
            yield sg.constant(array(domain, shape, rng)), domain
        else:
            yield sg.data(name, shape), domain


def entries(e, shape):
    """The entries of what `to_sympy` gives, as an array of objects."""
    flat = np.empty(int(np.prod(shape, dtype=int)), dtype=object)
    flat[:] = sp.flatten(e.tolist()) if hasattr(e, "tolist") else [e]
    return flat.reshape(shape)


def region(e, point, memo):
    """`e` as it is around `point`: every case distinction decided, every absolute value taken, floats exact."""
    if e in memo:
        return memo[e]
    if isinstance(e, sp.Float):
        result = sp.Rational(str(round(float(e), 14)))
    elif not e.args:
        result = e
    elif isinstance(e, sp.Piecewise):
        result = region(next(branch.expr for branch in e.args if branch.cond.xreplace(point) == sp.true), point, memo)
    else:
        parts = [region(part, point, memo) for part in e.args]
        result = decided(e, parts, point) if isinstance(e, KINKED) else e.func(*parts)
    memo[e] = result
    return result


def decided(e, parts, point):
    """A function with kinks, away from them."""
    values = [part.xreplace(point).evalf(30) for part in parts]
    if isinstance(e, (sp.Max, sp.Min)):
        best = (max if isinstance(e, sp.Max) else min)(values)
        assert len([value for value in values if bool(abs(value - best) < 1e-9)]) == 1, f"the point lies on a kink of {e}"
        return parts[values.index(best)]
    assert abs(values[0]) > 1e-9, f"the point lies on a kink of {e}"
    sign = int(sp.sign(values[0]))
    if isinstance(e, (sp.floor, sp.ceiling)):
        return e.func(values[0])
    return {sp.Abs: sign * parts[0], sp.sign: sp.Integer(sign), sp.Heaviside: sp.Rational(sign + 1, 2),
            sp.DiracDelta: sp.S.Zero}[e.func]


# Zero as a polynomial ---------------------------------------------------------------------------------------


def powers(e):
    """A power as a product of whole powers: x**(y - 1/2) as (x**y)**1 (sqrt(x))**-1, exp(x/2 - y) likewise."""
    base, exponent = e.as_base_exp()
    for term in sp.Add.make_args(sp.expand(exponent)):
        number, rest = term.as_coeff_Mul()
        number, rest = (number, rest) if number.is_Rational else (sp.S.One, term)
        yield (base if rest == 1 and number.is_Integer else base ** (rest / number.q)), int(number.p)


def is_power(e):
    return e.is_Pow or isinstance(e, sp.exp)


def generators(e, found):
    """What a rational function is one in: symbols, roots, powers, other functions."""
    if e.is_Add or e.is_Mul:
        for part in e.args:
            generators(part, found)
    elif is_power(e):
        for base, _ in powers(e):
            if is_power(base):
                found.setdefault(base)
            else:
                generators(base, found)
    elif not e.is_Rational:
        found.setdefault(e)


def quotient(e, at, memo):
    """(numerator, denominator) as polynomials, without any cancelling of common factors."""
    if e in memo:
        return memo[e]
    if e in at:
        return at[e], at[1]
    n, d = at[1], at[1]
    if e.is_Rational:
        n = n * QQ(e.p, e.q)
    elif e.is_Add:
        below = {}
        for part in e.args:  # terms of one denominator are added first
            a, b = quotient(part, at, memo)
            below[b] = below.get(b, 0 * d) + a
        (d, n), *rest = below.items()
        for b, a in rest:
            n, d = n * b + a * d, d * b
    else:
        for part, power in powers(e) if is_power(e) else ((part, 1) for part in e.args):
            a, b = quotient(part, at, memo)[::1 if power > 0 else -1]
            n, d = n * a ** abs(power), d * b ** abs(power)
    memo[e] = n, d
    return n, d


def is_zero(e, point):
    """How an expression is seen to be zero: by algebra; with 50 digits only where it is no rational function."""
    if e == 0:
        return "equal"
    found = {}
    generators(e, found)
    polynomials, *symbols = ring([f"g{i}" for i in range(len(found))] or ["g"], QQ)
    at = {1: polynomials.one, **dict(zip(found, symbols, strict=False))}
    if quotient(e, at, {})[0] == 0:
        return "algebra"
    if all(each.is_Symbol for each in found):
        return ""
    return "50 digits" if all(abs(e.xreplace(other).evalf(50)) < sp.Float(10) ** -40 for other in points(point)) else ""


def points(near):
    rng = random.Random(1)
    for _ in range(3):
        yield {symbol: value + sp.Rational(rng.randint(1, 99), 10_000_000) for symbol, value in near.items()}


PROVED = {}


def compare(ours, theirs, point, memo, note):
    for place in np.ndindex(theirs.shape):
        a, b = region(sp.sympify(ours[place]), point, memo), sp.sympify(theirs[place])
        how = is_zero(a - b, point)
        assert how, f"{note}{list(place)}: {a} is not {b}"
        PROVED[how] = PROVED.get(how, 0) + 1


def prove(row, sizes, second):
    pairs = list(operands(row, sizes))
    y = row.make(*(t for t, _ in pairs))
    variables = [(t, domain) for t, domain in pairs if t.node.op == "input"]
    weight = sg.data("p", y.shape)
    s = sg.sum(y * weight)
    real, point = {}, {}
    for number, (symbol, domain) in enumerate([*variables, (weight, "any")]):
        values = array(domain, symbol.shape, np.random.default_rng(number + 1), number)
        for name, value in zip(entries(symbol.to_sympy(), symbol.shape).ravel(), np.ravel(values), strict=True):
            real[name] = sp.Symbol(name.name, positive=True) if domain == "positive" else sp.Symbol(name.name, real=True)
            point[real[name]] = sp.Rational(round(float(value) * 1000), 1000) + sp.Rational(1, 7919)

    def spelled(t):
        return entries(t.to_sympy(), t.shape if t.shape else ())

    def with_reals(values):
        return np.vectorize(lambda e: sp.sympify(e).xreplace(real), otypes=[object])(values) if values.size else values

    memo = {}
    scalar = region(sp.sympify(spelled(s).item()).xreplace(real), point, memo)
    around = {x: with_reals(entries(x.to_sympy(), x.shape)) for x, _ in variables}
    slopes = {}
    for x, _ in variables:
        slopes[x] = np.vectorize(lambda v: sp.diff(scalar, v), otypes=[object])(around[x])
        compare(with_reals(spelled(sg.gradient(s, x))), slopes[x], point, memo, f"{row}: gradient by {x.name}")
    for (x, _), (z, _) in itertools.combinations_with_replacement(variables, 2) if second else ():
        theirs = np.empty(x.shape + z.shape, dtype=object)
        for place in np.ndindex(theirs.shape):
            theirs[place] = sp.diff(slopes[x][place[:x.ndim]], around[z][place[x.ndim:]])
        compare(with_reals(spelled(sg.hessian(s, x, z))), theirs, point, memo, f"{row}: Hessian by {x.name} and {z.name}")


# Symbols do not tell, so there is no formula in their entries; and what takes SymPy minutes.
UNSAID = ("eig", "svd", "qr", "sort", "topk", "median", "quantile", "pinv wide", "lstsq", "cumprod", "conv3d",
          "selu")  # the last has decimal numbers, whose products SymPy rounds
SMOOTH = [row for row in ROWS if row.smooth and not row.name.startswith(UNSAID)]


@pytest.mark.parametrize("row", SMOOTH, ids=str)
def test_derivatives_are_those_of_sympy(row):
    before = PROVED.get("50 digits", 0)
    for sizes, second in plan(row):
        prove(row, sizes, second)
    assert PROVED.get("50 digits", 0) == before or row.name.startswith(BY_DIGITS), "not by algebra"


def test_a_wrong_derivative_is_seen():
    a, b = sp.symbols("a b", real=True)
    near = {a: sp.Rational(1, 3), b: sp.Rational(2, 3)}
    assert is_zero((a**2 - b**2) / (a - b) - a - b, near) == "algebra"
    assert is_zero(1 / (1 + sp.exp(-a)) - sp.exp(a) / (1 + sp.exp(a)), near) == "algebra"
    assert is_zero(sp.sin(a) ** 2 + sp.cos(a) ** 2 - 1, near) == "50 digits"
    assert is_zero(a**2 - b**2 / 4 - sp.Rational(1, 10**45), near) == ""
    assert is_zero(sp.sin(a) - sp.sin(a) * (1 + sp.Rational(1, 10**30)), near) == ""
