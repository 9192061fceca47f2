"""`where`, kinks and ties: the branch that is not taken gives nothing; conventions at kinks; NaN and infinities pass."""

import numpy as np
import pytest
import sympy as sp
from checker import differences, near, run

import symgrad as sg

where, log, sqrt, exp, total = sg.where, sg.log, sg.sqrt, sg.exp, sg.sum
x, s, W = sg.parameter("x", 4), sg.parameter("s"), sg.parameter("W", (4, 3))
u, v, w, r = sp.symbols("u v w r")
AT = {x: np.array([2.0, -1.25, -0.3, 0.6]), s: np.array(2.0), W: np.arange(12.0).reshape(4, 3) / 7}

BRANCHES = {
    "log": where(x > 0, log(x), 0),
    "log, otherwise": where(x <= 0, 0, log(x)),
    "log of a product": where(x > 0, log(x) * log(x) * s, x**2),
    "sqrt": where(x > 0, sqrt(x), -x),
    "power": where(x > 0, x**1.5, x),
    "general power": where(x > 0, x**s, x),
    "reciprocal": where(x < 0.7, sg.sin(x) / x, 1),
    "overflow": where(x < 0, exp(1000 * x), x),
    "nested": where(x > 0, where(x > 1, log(x - 1), sqrt(1 - x)), 0),
    "chain": where(x > 0, sg.tanh(exp(sg.tanh(log(x))) ** 2), 0),
    "chain of sums": where(x > 0, 1 - log(x) * (1 + log(x)), 0),
    "another variable": where(x > 0, log(x) * s, 0),
    "two choices of one logarithm": where(x > 0, log(x), 0) + where(x > 0.7, 2 * log(x), 0),
    "quotient": where(x > 0, x / sqrt(x), 0),
    "scalar condition": where(s > 10, log(s - 10), s * s),
    "scalar condition, vector branch": where(s > 10, log(total(x) - 100), total(x) ** 2 + s),
    "one condition for a vector": where(s > 10, log(x - 10), x * s),
    "reshaped": where(x.reshape((2, 2)) > 0, log(x).reshape((2, 2)), 0),
    "sliced": where(x[1:] > 0, log(x)[1:], 0),
    "concatenated": where(x > 0, sg.concatenate([log(x)[:2], sqrt(x)[2:]]), x),
    "product with a matrix": where(x > 0, log(x), 0) @ W,
    "inside a matrix product": log(where(x > 0, x, 1)) @ W,
    "SymPy's Piecewise": sg.elementwise(sp.Piecewise((sp.log(u), u > 0), (0, True)), x),
    "SymPy's Piecewise, three": sg.elementwise(sp.Piecewise((sp.log(u), u > 1), (sp.sqrt(u), u > 0), (u**2, True)), x),
    "logsumexp": where(total(x) > 100, sg.logsumexp(log(x)), total(x**2)),
    "maximum": where(x > 0, sg.maximum(log(x), -1), x),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_the_branch_not_taken_gives_nothing(name):
    y = total(sg.sin(BRANCHES[name]))
    with np.errstate(all="ignore"):
        for a in (x, s, W):
            if a.node not in below(y):
                continue
            g, v = sg.gradient(y, a), np.cos(np.arange(np.size(AT[a]))).reshape(np.shape(AT[a]))
            out = run([g, sg.hessian(y, a), sg.hvp(y, a, v), sg.jvp(y, a, v), sg.jacobian(g, x)], AT)
            near(out[0], differences(lambda at: run(y, at), AT, a), 1e-7)
            near(out[1], differences(lambda at, g=g: run(g, at), AT, a), 1e-6)
            near(out[2], np.tensordot(out[1], v, v.ndim))
            near(out[3], np.sum(out[0] * v))
            near(out[4], differences(lambda at, g=g: run(g, at), AT, x), 1e-6)


def below(t):
    from symgrad.graphs.node import topological

    return topological([t.node])


def test_entropy_with_zeros():
    y = total(where(sg.equal(x, 0), 0, x * log(x)))
    with np.errstate(all="ignore"):
        value, g, H = run([y, sg.gradient(y, x), sg.hessian(y, x)], {x: np.array([0.0, 0.5, 1.0, 2.0])})
    near(value, 0.5 * np.log(0.5) + 2 * np.log(2))
    near(g, [0, 1 + np.log(0.5), 1, 1 + np.log(2)])
    near(H, np.diag([0, 2, 1, 0.5]))


def test_the_structure_of_a_hessian_survives_a_choice():
    H = sg.hessian(total(where(x > 0, log(x), x**2)), x)
    assert str(H) == "diag({-1/x^⊙2 if x > 0, 2 otherwise})"


def test_no_condition_where_nothing_is_infinite():
    assert str(sg.gradient(total(where(x > 0, sg.tanh(x), x**2)), x)) == "{1 - tanh(x)^⊙2 if x > 0, 2 x otherwise}"
    assert str(sg.gradient(total(where(x > 0, log(x), 0)), x)) == "{1/x if x > 0, 0 otherwise}"


KINKS = {  # a formula, derivative at 0
    "relu": (sg.relu(x), 0), "abs": (sg.abs(x), 0), "sign": (sg.sign(x), 0), "floor": (sg.floor(x), 0),
    "maximum with 0": (sg.maximum(x, 0), 0.5), "minimum with 0": (sg.minimum(0, x), 0.5), "maximum with itself": (sg.maximum(x, x), 1),
    "leaky_relu": (sg.leaky_relu(x), 0.01), "clip below": (sg.clip(x, 0, 1), 1), "clip above": (sg.clip(x, -1, 0), 1),
    "sqrt of a square": (sqrt(x**2), np.nan), "Abs": (sg.elementwise(sp.Abs(u), x), 0), "Max": (sg.elementwise(sp.Max(u, 0), x), 0.5),
    "Max of three": (sg.elementwise(lambda a: sp.Max(a, -1, -2), x), 1), "sign of SymPy": (sg.elementwise(sp.sign(u), x), 0),
    "Heaviside": (sg.elementwise(sp.Heaviside(u), x), 0), "Piecewise": (sg.elementwise(sp.Piecewise((u**2, u > 0), (0, True)), x), 0),
    "x**2": (x**2, 0), "x**1": (x**1, 1), "x**1.0": (x**1.0, 1), "x**3": (x**3, 0), "x**0": (x**0, 0), "x**s at 2": (x**s, 0), "x**1.5": (x**1.5, 0),
}


@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_kinks(name):
    y, expected = KINKS[name]
    with np.errstate(all="ignore"):
        g = run(sg.gradient(total(y), x), {x: np.zeros(4), s: 2.0})
    if np.isnan(expected):
        assert not np.isfinite(g).any() or not g.any()
    else:
        near(g, np.full(4, expected))
    for text in (str(sg.gradient(total(y), x)), str(sg.hessian(total(y), x))):
        assert "Dirac" not in text and "Heaviside" not in text


def test_powers_of_zero():
    a, b = sg.parameter("a", 3), sg.parameter("b", 3)
    p = a**b
    at = {a: np.zeros(3), b: np.array([0.0, 1.0, 2.0])}
    with np.errstate(all="ignore"):
        value, by_a, by_b = run([p, sg.gradient(total(p), a), sg.gradient(total(p), b)], at)
    near(value, [1, 0, 0]), near(by_a, [0, 1, 0]), near(by_b, [0, 0, 0])
    near(run(a**0, {a: np.zeros(3)}), np.ones(3))
    near(run(sg.hessian(total(a**2), a), {a: np.zeros(3)}), 2 * np.eye(3))


def test_ties_share_equally():
    at = {x: np.array([1.0, 3.0, 3.0, 0.0])}
    near(run(sg.gradient(sg.max(x), x), at), [0, 0.5, 0.5, 0])
    near(run(sg.gradient(sg.min(x), x), {x: np.zeros(4)}), np.full(4, 0.25))
    near(run(sg.hessian(sg.max(x) ** 2, x), at), 2 * np.outer([0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0]))


ODD = np.array([np.nan, np.inf, -np.inf, 1.5])
PASS = {
    "relu": (sg.relu, lambda a: np.maximum(a, 0)), "abs": (sg.abs, np.abs), "maximum": (lambda a: sg.maximum(a, 0), lambda a: np.maximum(a, 0)),
    "minimum": (lambda a: sg.minimum(1, a), lambda a: np.minimum(1, a)), "clip": (lambda a: sg.clip(a, -1, 1), lambda a: np.clip(a, -1, 1)),
    "sign": (sg.sign, np.sign), "floor": (sg.floor, np.floor), "exp": (sg.exp, np.exp), "tanh": (sg.tanh, np.tanh), "square": (sg.square, np.square),
    "sigmoid": (sg.sigmoid, lambda a: np.array([np.nan, 1, 0, 1 / (1 + np.exp(-1.5))])), "softplus": (sg.softplus, lambda a: np.logaddexp(0, a)),
    "leaky_relu": (sg.leaky_relu, lambda a: np.where(a > 0, a, 0.01 * a)), "elu": (sg.elu, lambda a: np.where(a > 0, a, np.expm1(np.minimum(a, 0)))),
    "max": (sg.max, np.max), "min": (sg.min, np.min), "sum": (sg.sum, np.sum), "erf": (sg.erf, lambda a: np.array([np.nan, 1, -1, 0.9661051464753108])),
    "logsumexp without NaN": (lambda a: sg.logsumexp(a[1:]), lambda a: np.inf), "gelu": (lambda a: sg.gelu(a[::3]), lambda a: np.array([np.nan, 1.3997891902816])),
    "where": (lambda a: where(a > 0, a, -1), lambda a: np.where(a > 0, a, -1)), "is not NaN": (lambda a: where(sg.equal(a, a), a, 0), lambda a: np.where(a == a, a, 0)),
}


@pytest.mark.parametrize("name", PASS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nan_and_infinities_pass_as_in_numpy(name, dtype):
    ours, theirs = PASS[name]
    with np.errstate(all="ignore"):
        found = sg.function([x], ours(x), dtype=dtype)(ODD)
        assert np.asarray(found).dtype == dtype
        np.testing.assert_allclose(found, theirs(ODD), rtol=1e-5)
        run(sg.gradient(total(ours(x)), x), {x: ODD})


def test_derivatives_are_real():
    k = sg.labels("k", 3, shape=4)
    for y in (total(sg.relu(x)), total(where(x > 0, x, 0)), total((x > 0) * x), total(k * x), total(sg.floor(x)), total(sg.relu(x) ** 2)):
        g, H = sg.gradient(y, x), sg.hessian(y, x)
        assert g.dtype == H.dtype == sg.hvp(y, x, sg.ones(4)).dtype == "real"
        at = {x: AT[x]} | ({k: np.array([0, 1, 2, 1])} if k.node in below(y) else {})
        for part in sg.function(list(at), [g, H], dtype="float32")(*at.values()):
            assert part.dtype == "float32"
    assert str(sg.gradient(total(sg.relu(x)), x)) == "[x > 0]"
    near(run(sg.gradient(sg.gradient(total(sg.relu(x)), x) @ x, x), {x: AT[x]}), [1, 0, 0, 1])


def test_a_choice_of_choices_prints_as_one():
    steps = where(x < 0, 1, where(x < 1, 2, where(x < 2, x, 4)))
    assert str(steps) == "{1 if x < 0, 2 if x < 1, x if x < 2, 4 otherwise}"
    assert steps.latex().count("cases") == 2 and steps.latex().count(r"\\") == 3
    y = sg.data("y", 4)
    margin = sg.gradient(total(sg.maximum(0, y - x)), x)
    assert str(margin) == "-[y - x > 0]"


def test_what_does_not_hold_prints_as_the_opposite():
    assert str(where(sg.logical_not(x < 1), x, 0)) == "{x if x ≥ 1, 0 otherwise}"
    assert str(where(sg.logical_not(sg.equal(x, 1)), x, 0)) == "{x if x ≠ 1, 0 otherwise}"
    assert "¬(" in str(sg.logical_not(sg.logical_and(x < 1, x > 0)))


def test_a_power_of_a_number_has_no_condition():
    assert str(sg.gradient(total(2**x), x)) == "log(2) 2^⊙x"
