"""The table of elementwise functions: each row's partials are the derivatives of its formula, its value the formula.

Formulas are differentiated numerically by mpmath at 30 digits, independently of SymPy's rules and of the code.
"""

import math

import mpmath
import numpy as np
import pytest
import sympy as sp
from checker import near, run

import symgrad as sg
from symgrad.graphs.algebra.einsum import literal
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.algebra.rows import ROWS, Y, partial
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.language.tensor import wrap

MP = {"sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
      "expm1": mpmath.expm1, "mask": lambda x: mpmath.mpf(bool(x)), "asin": mpmath.asin, "acos": mpmath.acos,
      "log_or_zero": lambda x: mpmath.log(x) if x else mpmath.mpf(0), "atan2": mpmath.atan2,
      "times_power": lambda c, x, p: c * x**p, "loggamma": lambda x: mpmath.loggamma(x).real,
      "polygamma": lambda n, x: mpmath.psi(int(n), x), "erfinv": mpmath.erfinv,
      "sinc_derivative": lambda n, x: mpmath.pi**n * mpmath.quad(lambda t: t**n * mpmath.cos(mpmath.pi * t * x + n * mpmath.pi / 2), [0, 1]),
      "bose": lambda x: 1 / mpmath.expm1(x), "hazard": lambda x: mpmath.npdf(x) / mpmath.ncdf(x)}
DOMAIN = {  # the first operand within these bounds, where not within (-3, 3)
    "log": (0.1, 4), "log1p": (-0.9, 4), "sqrt": (0.1, 4), "reciprocal": (0.2, 4), "arcsin": (-0.9, 0.9),
    "arccos": (-0.9, 0.9), "arccosh": (1.1, 4), "arctanh": (-0.9, 0.9), "power": (0.1, 3), "log_or_zero": (0.1, 3),
    "log1mexp": (0.1, 4), "bose": (0.2, 4), "csch": (0.2, 4), "tan": (-1.4, 1.4), "lgamma": (0.3, 5), "digamma": (0.3, 5),
    "log2": (0.1, 4), "log10": (0.1, 4), "erfinv": (-0.9, 0.9)}
ORDERED = ("polygamma", "sinc_derivative")
ENTRIES = [(row, i) for row in ROWS.values() for i in range(row.arity)]
ids = [f"{row.name} {i}" for row, i in ENTRIES]


def number(formula, symbols):
    return sp.lambdify(symbols, formula, modules=[MP, "mpmath"])


def points(row, count=6):
    """Random points, none on a kink; the operands of conditions are 0 or 1 in turn."""
    rng = np.random.default_rng(len(row.name))
    low, high = DOMAIN.get(row.name, (-3, 3))
    columns = [rng.uniform(low, high, count), rng.uniform(-2, 2, count), rng.uniform(-2, 2, count)][: row.arity]
    if row.name == "clip":
        columns[1:] = [np.full(count, -1.1), np.full(count, 1.2)]
    if row.name == "times_power":
        columns[1] = rng.uniform(0.1, 3, count)
    if row.name in ORDERED:  # of an order that is a number
        columns = [np.full(count, 2.0), rng.uniform(0.2, 5, count)]
    if row.name == "where" or row.name.startswith("logical"):
        columns[0] = np.arange(count) % 2
    return [[float(x) for x in point] for point in zip(*columns, strict=True)]


@pytest.mark.parametrize("row, position", ENTRIES, ids=ids)
def test_partials_are_the_derivatives_of_the_formula(row, position):
    with mpmath.workdps(30):
        f = number(row.formula, row.symbols)
        df = number(partial(row.name, position), (*row.symbols, Y))
        for point in points(row):
            at = [mpmath.mpf(x) for x in point]
            y = f(*at)
            if row.dtype == BOOLEAN or (row.name in ("where", *ORDERED) and position == 0):
                assert df(*at, y) == 0
                continue
            slope = mpmath.diff(lambda x, at=at: f(*at[:position], x, *at[position + 1:]), at[position])
            assert abs(df(*at, y) - slope) < 1e-12 * (1 + abs(slope)), point


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_values_are_those_of_the_formula(row):
    with mpmath.workdps(30):
        f = number(row.formula, row.symbols)
        expected = [float(f(*map(mpmath.mpf, point))) for point in points(row)]
    columns = np.array(points(row)).T
    symbols = [sg.data(f"x{i}", len(expected)) for i in range(row.arity)]
    at = dict(zip(symbols, columns, strict=True))
    nodes = [s.node for s in symbols]
    if row.name == "where" or row.name.startswith("logical"):
        count = 1 if row.arity == 3 else row.arity
        nodes[:count] = [elementwise("not_equal", [n, (0 * s).node]) for n, s in zip(nodes[:count], symbols, strict=False)]
    if row.name in ORDERED:
        nodes[0] = literal(2, nodes[0].shape)
    node = elementwise(row.name, nodes)
    assert node.dtype == (REAL if row.dtype == "same" else row.dtype)
    near(np.asarray(run(wrap(node), at), float), expected, 1e-13)


@pytest.mark.parametrize("name, position, literals, expected", [
    ("power", 0, (None, sp.Integer(3)), "3*x0**2"), ("power", 0, (None, sp.Rational(1, 2)), "1/(2*sqrt(x0))"),
    ("power", 0, (None, None), "times_power(x1, x0, x1 - 1)"), ("sigmoid", 0, (None,), "y*(1 - y)"), ("tanh", 0, (), "1 - y**2"),
    ("exp", 0, (), "y"), ("sqrt", 0, (), "1/(2*y)"), ("tan", 0, (), "y**2 + 1"), ("reciprocal", 0, (), "-y**2")])
def test_partials_read_as_in_a_textbook(name, position, literals, expected):
    assert str(partial(name, position, literals)) == expected


KINKS = [  # formula, point, derivative there
    (sg.relu, 0.0, 0), (sg.abs, 0.0, 0), (sg.sign, 0.0, 0), (sg.floor, 1.0, 0), (sg.floor, 0.5, 0), (sg.ceil, 1.0, 0),
    (sg.round, 0.5, 0), (sg.sinc, 0.0, 0), (sg.erfinv, 1.0, math.inf), (sg.erfinv, 1.5, math.nan), (sg.arctanh, 1.0, math.inf),
    (sg.arcsin, -1.0, math.inf), (sg.arccosh, 1.0, math.inf), (sg.log2, 0.0, math.inf),
    (lambda x: sg.maximum(x, 0), 0.0, 0.5), (lambda x: sg.minimum(x, 0), 0.0, 0.5), (lambda x: sg.maximum(x, x**2), 1.0, 1.5),
    (lambda x: sg.clip(x, -1, 1), 1.0, 1), (lambda x: sg.clip(x, -1, 1), -1.0, 1), (lambda x: sg.clip(x, -1, 1), 1.5, 0),
    (sg.leaky_relu, 0.0, 0.01), (sg.elu, 0.0, 1), (lambda x: x**0, 0.0, 0), (lambda x: x**2, 0.0, 0), (lambda x: x**1.5, 0.0, 0),
    (lambda x: sg.where(x > 0, x, -x), 0.0, -1), (lambda x: sg.max(sg.stack([x, x, -x, 2 * x])), 0.0, 0.75), (sg.silu, 0.0, 0.5),
    (sg.gelu, 0.0, 0.5), (lambda x: sg.sqrt(x), 0.0, math.inf),
    (lambda x: sg.elementwise(sp.Max(sp.Symbol("s"), 0), x), 0.0, 0.5),
    (lambda x: sg.elementwise(lambda s: sp.Abs(s), x), 0.0, 0)]


@pytest.mark.parametrize("f, at, slope", KINKS, ids=range(len(KINKS)))
def test_derivatives_at_kinks(f, at, slope):
    x = sg.data("x")
    with np.errstate(divide="ignore"):
        near(run(sg.gradient(f(x), x), {x: at}), slope)


def test_second_derivatives_at_kinks_are_zero():
    x = sg.data("x", 3)
    at = {x: np.array([-1.0, 0.0, 2.0])}
    for f in (sg.relu, sg.abs, lambda t: sg.maximum(t, 0), sg.leaky_relu, lambda t: sg.clip(t, -1, 2)):
        near(run(sg.hessian(sg.sum(f(x)), x), at), np.zeros((3, 3)))


@pytest.mark.parametrize("dtype", ["integer", "boolean"])
def test_dtypes_of_integer_operands(dtype):
    k = sg.data("k", 3, dtype=dtype)
    for f in (sg.exp, sg.sqrt, sg.sigmoid, sg.gelu, lambda t: t / 2, lambda t: 1 / t, lambda t: t**-1, sg.mean, sg.softmax,
              lambda t: t + 0.5, lambda t: t * 0.5, lambda t: t ** 0.5):
        assert f(k).dtype == REAL
    for f in (lambda t: t + 1, lambda t: 2 * t, lambda t: t - t, lambda t: 0 * t, lambda t: t * t, lambda t: t**2, lambda t: -t,
              sg.sum, lambda t: t @ t, lambda t: t + t, lambda t: sg.where(t > 0, t, 0), lambda t: sg.maximum(t, 2), sg.argmax):
        assert f(k).dtype == INTEGER
    for f in (lambda t: t > 0, lambda t: sg.equal(t, 1), sg.logical_not, lambda t: sg.where(t, t > 0, t < 0)):
        assert f(k).dtype == BOOLEAN
    for f in (sg.max, sg.min, lambda t: t[::-1], lambda t: t.reshape((3, 1)), lambda t: sg.stack([t, t])):
        assert f(k).dtype == dtype
    assert (k + sg.data("x", 3)).dtype == REAL and (k * sg.data("x", 3)).dtype == REAL
    assert sg.concatenate([k, sg.data("x", 3)]).dtype == REAL
    assert sg.where(k, 1, 0.5).dtype == REAL and sg.where(k, sg.data("x", 3), 0).dtype == REAL


def test_integers_behave_as_numbers():
    k, x = sg.data("k", 3, dtype="integer"), sg.data("x", 3)
    at = {k: np.array([-2, 0, 3]), x: np.array([0.5, 1.0, 2.0])}
    near(run(x ** k, at), [4, 1, 8])
    near(run(x ** (k - 1), at), [8, 1, 4])
    near(run(sg.where(k, x, -x), at), [0.5, -1, 2])
    near(run(2.0 ** k, at), [0.25, 1, 8])
    near(run(k / 4, at), [-0.5, 0, 0.75])
    near(run((k + 3) ** 3, at), [1, 27, 216])
    near(run((k > 0) + (k < 1), at), [1, 1, 1])
    near(run((k > 0) * x, at), [0, 0, 2])
    with np.errstate(divide="ignore"):
        near(run(k ** -1, at), [-0.5, np.inf, 1 / 3])
    near(run(sg.gradient(sg.sum(x ** k), x), at), [-2 * 8, 0, 12])
    near(run(sg.gradient(sg.sum(k * x * x), x), at), [-2, 0, 12])


def test_zero_to_the_zero():
    x, z = sg.data("x", 3), sg.data("z", 3)
    at = {x: np.array([0.0, 2.0, 0.0]), z: np.array([0.0, 0.0, 1.0])}
    near(run(x ** z, at), [1, 1, 0])
    near(run(x ** 0, at), [1, 1, 1])
    near(run(sg.gradient(sg.sum(x ** z), z), {x: np.array([0.0, 2, 3]), z: np.array([2.0, 2, 1])}), [0, 4 * math.log(2), 3 * math.log(3)])
