"""The algebra of convexity and the intervals beneath it: each rule beside numbers."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.convexity.bends import Bend, completed, of_power, of_product, of_product_below, of_sum, weakest_above
from symgrad.graphs.convexity.definite import is_semidefinite
from symgrad.graphs.convexity.functions import ROWS_OF_SHAPES
from symgrad.graphs.convexity.interval import (
    INF,
    Interval,
    hull,
    negated,
    plus_interval,
    point,
    powers,
    reciprocals,
    times_interval,
)
from symgrad.graphs.convexity.nonnegative import never_negative
from symgrad.graphs.convexity.ranges import Ranges

numbers = st.fractions(-20, 20, max_denominator=6)
half, one, two = Fraction(1, 2), Fraction(1), Fraction(2)


@st.composite
def intervals(draw):
    low, high = sorted([draw(numbers), draw(numbers)])
    low, high = draw(st.sampled_from([low, -INF])), draw(st.sampled_from([high, INF]))
    return Interval(low, high, draw(st.booleans()) and low < high, draw(st.booleans()) and low < high)


def member(i, share):
    low, high = max(i.low, -50), min(i.high, 50)
    value = low + (high - low) * share if low < high else low
    return Fraction(value)


def holds(i, value):
    return (i.low < value or (i.low == value and not i.low_open)) and (value < i.high or (value == i.high and not i.high_open))


@given(intervals(), intervals(), st.fractions("1/7", "6/7", max_denominator=9), st.fractions("1/7", "6/7", max_denominator=9))
def test_intervals_hold_what_is_computed_of_their_members(a, b, s, t):
    x, y = member(a, s), member(b, t)
    for made, value in ((plus_interval(a, b), x + y), (times_interval(a, b), x * y), (negated(a), -x), (hull([a, b]), x)):
        assert holds(made, value), (made, value)
    if x:
        assert holds(reciprocals(a), 1 / x)
    for p in (2, 3, 4, -1, -2):
        if x or p > 0:
            assert holds(powers(a, Fraction(p)), x ** p), (a, x, p)
    if x > 0:
        assert powers(a, half).low <= math.sqrt(x) * (1 + 1e-14) and math.sqrt(x) * (1 - 1e-14) <= powers(a, half).high


def test_orders_of_sums_powers_and_products():
    assert of_power(one, None, two) == (half, None) and of_power(half, None, half) == (one, None)  # |x|, x², (x²)^½
    assert of_power(None, one, -one) == (-one, None)  # 1/x is such that its reciprocal is concave
    assert of_product([half, -one]) == one and of_product([one, -one]) is None  # x²/y and x/y
    assert of_product([Fraction(0), Fraction(0)]) == 0 and of_product([Fraction(0), one]) is None  # exp exp, x exp
    assert of_product_below([two, two]) == one and of_product_below([one, one]) == half  # √x √y, x y
    assert of_sum(half, half) == (half, None) and of_sum(two, two) == (None, two)
    n = sp.Symbol("n", positive=True, integer=True)
    assert of_power(None, 1 / n, 1 / n) == (None, one)
    assert weakest_above([half, None]) is None and weakest_above([half, Fraction(0)]) == half
    assert completed(Bend(convex=True), Interval(Fraction(0))).above == one and completed(Bend(above=two), point(1)) == Bend(above=two)


PLACES = {"all": (-3, 3), "up": (0.01, 4), "down": (-4, -0.01)}


@pytest.mark.parametrize("row", sorted(ROWS_OF_SHAPES))
def test_the_table_of_shapes_agrees_with_numbers(row):
    convex, concave, rises, falls = ROWS_OF_SHAPES[row]
    f = {"log_abs": lambda x: sg.log(sg.abs(x)), "real": lambda x: 1.0 * x, "zeroed": lambda x: 0 * x, "log_cosh": lambda x: sg.log(sg.cosh(x)),
         "hazard": lambda x: sg.gradient(sg.log_ndtr(x), x), "log1mexp": lambda x: sg.log(1 - sg.exp(-x)),
         "arctanh": lambda x: sg.log((1 + x) / (1 - x)) / 2, "arccosh": lambda x: sg.log(x + sg.sqrt(x * x - 1)),
         "arcsin": lambda x: sg.arctan(x / sg.sqrt(1 - x * x)), "arccos": lambda x: math.pi / 2 - sg.arctan(x / sg.sqrt(1 - x * x)),
         "arcsinh": lambda x: sg.log(x + sg.sqrt(1 + x * x))}.get(row) or getattr(sg, row)
    t = sg.parameter("t")
    value = sg.function([t], f(t))
    bounds = {"arctanh": (-0.99, 0.99), "arcsin": (-0.99, 0.99), "arccos": (-0.99, 0.99), "arccosh": (1.01, 5),
              "erfinv": (-0.99, 0.99), "log2": (0.01, 4), "log10": (0.01, 4)}.get(row, (-4, 4))
    for place, sign, order in ((convex, 1, 2), (concave, -1, 2), (rises, 1, 1), (falls, -1, 1)):
        if place is None:
            continue
        low, high = max(float(place[0]), bounds[0]), min(float(place[1]), bounds[1])
        at = np.linspace(low + 1e-3, high - 1e-3, 41)
        values = np.array([value(x) for x in at])
        assert (sign * np.diff(values, order) >= -1e-9).all(), (row, place, order)


def test_ranges_know_where_a_formula_is_a_number():
    x, y = sg.data("x", 3), sg.data("y")
    ranges = Ranges((sg.sum(sg.log(x)) + y).node)
    assert ranges(x.node).positive and not ranges(y.node).nonnegative
    assert not Ranges(sg.log(x)[0].node)(x.node).positive  # the other entries may be anything
    assert not Ranges(sg.where(y > 0, sg.log(y), y).node)(y.node).positive
    assert Ranges(sg.log(1 - y).node)(y.node).high == 1
    assert Ranges(sg.sum(x ** 2 + 1).node)(sg.sum(x ** 2 + 1).node).low == 3


def test_definite_matrices():
    n, d = sg.dims("n d")
    X, A, s = sg.data("X", (n, d)), sg.data("A", (d, d)), sg.data("s", n, nonnegative=True)
    P, N, lam = sg.data("P", (d, d), positive_definite=True), sg.data("N", (n, n), positive_definite=True), sg.data("lam", nonnegative=True)
    yes = [X.T @ X, X.T @ sg.diag(s) @ X, P, sg.inv(P), X.T @ N @ X, X.T @ sg.inv(N) @ X, P + lam * sg.eye(d), P * P, A @ A.T,
           X.T @ X + A.T @ P @ A, sg.diag(sg.exp(A[0])), A @ sg.inv(P + A.T @ A) @ A.T, 2 * P + sg.ones((d, d)),
           sg.inv(P + X.T @ X)]
    no = [A, A + A.T, X.T @ sg.diag(sg.data("r", n)) @ X, P - X.T @ X, -P, A @ P, A @ A, P @ P @ A, sg.eye(d) - sg.ones((d, d))]
    for t in yes:
        assert is_semidefinite(t.node, 0, 1, Ranges(t.node)), str(t)
    for t in no:
        assert not is_semidefinite(t.node, 0, 1, Ranges(t.node)), str(t)


def test_signs_of_expressions():
    x, y = sp.symbols("x y", real=True)
    p = sp.Symbol("p", positive=True)
    unit = Interval(Fraction(0), Fraction(1))
    for e in (x ** 2 - 2 * x * y + y ** 2, sp.exp(x) / (1 + sp.exp(x)) ** 2, 1 - sp.tanh(x) ** 2, x ** 4 - 2 * x ** 2 + 1, p ** 3 + p,
              x ** 2 + x * y + y ** 2, (p + 1) / p, sp.exp(2 * x) - 2 * sp.exp(x) + 1, x ** 2 - x + 1):
        assert never_negative(e, {}), e
    for e in (x, x ** 3, x ** 2 - 1, sp.exp(x) - 1, x ** 4 - x ** 2, x ** 2 + 3 * x * y + y ** 2, p - 1, sp.sin(x), -p, sp.exp(x) - x):
        assert not never_negative(e, {}), e
    assert never_negative(x - x ** 2, {x: unit}) and not never_negative(x - 2 * x ** 2, {x: unit})
    assert never_negative(x - 1, {x: Interval(Fraction(1), INF)}) and never_negative(y * (1 - x) + (1 - y) * x, {x: unit, y: unit})
