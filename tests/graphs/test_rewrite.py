"""Raw formulas are finite and right at logits of a thousand; nothing else changes its meaning."""

import numpy as np
import pytest
import sympy as sp
from checker import near, run
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.node import topological
from symgrad.graphs.rewrites.stable import stabilise
from symgrad.graphs.table import rebuild
from symgrad.language.recipes import stable as stable_form
from symgrad.language.tensor import Recipe, new_tensor, wrap

z, t = sg.parameter("z", 3), sg.data("t", 3)
Z, Y = sg.parameter("Z", (2, 3)), sg.data("Y", (2, 3))
s, u = sg.parameter("s", 4), sg.data("u", 4)
T = sg.dim("T")
BIG = np.array([1000.0, -1000.0, 300.0])


def softmax(v):
    e = np.exp(v - v.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def together(y, x, at):
    """Value, gradient and Hessian, asked for in one function; and again with hvp and the parts alone."""
    g, H = sg.gradient(y, x), sg.hessian(y, x)
    out = run({"y": y, "g": g, "H": H}, at)
    for name, tensor in (("y", y), ("g", g), ("H", H)):
        near(run(tensor, at), out[name], 1e-12)
    v = np.random.default_rng(0).standard_normal(np.shape(at[x]))
    near(run(sg.hvp(y, x, v), at), np.tensordot(out["H"], v, v.ndim))
    return out["y"], out["g"], out["H"]


def by_hand(z):
    """exp(z) over its sum along the last axis, as people write it."""
    e = sg.exp(z)
    return e / sg.sum(e, axis=-1, keepdims=True)


def shifted(z):
    """The same, with the largest logit taken off first."""
    e = sg.exp(z - sg.max(z, axis=-1, keepdims=True))
    return e / sg.sum(e, axis=-1, keepdims=True)


def named(z):
    e = sg.exp(z).named("e")
    return (e / sg.sum(e).named("S")).named("p")


CROSS_ENTROPY = {
    "log of a quotient": lambda z, t: -sg.sum(t * sg.log(sg.exp(z) / sg.sum(sg.exp(z)))),
    "log of a sum": lambda z, t: -sg.sum(t * (z - sg.log(sg.sum(sg.exp(z))))),
    "max shift": lambda z, t: -sg.sum(t * sg.log(shifted(z))),
    "max shift, log sum": lambda z, t: -sg.sum(t * (z - sg.max(z) - sg.log(sg.sum(sg.exp(z - sg.max(z)))))),
    "log sum and max": lambda z, t: sg.sum(t) * (sg.max(z) + sg.log(sg.sum(sg.exp(z - sg.max(z))))) - t @ z,
    "stopped shift": lambda z, t: -sg.sum(t * sg.log(by_hand(z - sg.stop_gradient(sg.max(z))))),
    "power": lambda z, t: -sg.sum(t * sg.log(sg.exp(z) * sg.sum(sg.exp(z)) ** -1)),
    "keepdims": lambda z, t: -sg.sum(t * sg.log(by_hand(z))),
    "named": lambda z, t: -sg.sum(t * sg.log(named(z))),
    "log of the softmax": lambda z, t: -(t @ sg.log(sg.softmax(z))),
    "user's formula": lambda z, t: -sg.sum(t * sg.log(sg.elementwise(lambda a, b: a / b, sg.exp(z), sg.sum(sg.exp(z))))),
    "user's functions": lambda z, t: -sg.sum(t * sg.elementwise(sp.log, sg.elementwise(sp.exp, z) / sg.sum(sg.exp(z)))),
    "one logarithm": lambda z, t: -sg.log(by_hand(z)[None, 1:2]).reshape(()),
    "picked": lambda z, t: -sg.log(by_hand(z)[1]),
    "gathered": lambda z, t: -sg.sum(sg.log(by_hand(z)[np.array([1])])),
    "library": lambda z, t: sg.losses.cross_entropy(z, t),
}


@pytest.mark.parametrize("name", CROSS_ENTROPY)
def test_cross_entropy_by_hand(name):
    L = CROSS_ENTROPY[name](z, t)
    target = np.array([0.0, 1.0, 0.0])
    for logits in (BIG, -BIG, np.array([1000.0, 1000.0, 1000.0]), np.array([0.3, -0.2, 1.0])):
        p = softmax(logits)
        value, g, H = together(L, z, {z: logits, t: target})
        near(value, logits.max() + np.log(np.exp(logits - logits.max()).sum()) - logits[1])
        near(g, p - target)
        near(H, np.diag(p) - np.outer(p, p))


@pytest.mark.parametrize("make", [by_hand, shifted, sg.softmax, lambda Z: by_hand(Z - 7 * sg.ones((2, 1)))])
def test_softmax_of_rows(make):
    value = np.array([[1000.0, -1000.0, 0.0], [0.1, 0.2, 0.3]])
    p = make(Z)
    near(run(p, {Z: value}), softmax(value))
    L = -sg.mean(sg.sum(Y * sg.log(p), axis=1))
    target = np.eye(3)[[1, 2]]
    y, g, _ = together(L, Z, {Z: value, Y: target})
    near(g, (softmax(value) - target) / 2)
    near(y, (2000.0 + np.log(np.exp([0.1, 0.2, 0.3]).sum()) - 0.3) / 2)


def test_softmax_over_samples_and_along_them():
    x, W = sg.data("x", 2, over=T), sg.parameter("W", (3, 2))
    k = sg.labels("k", 3, over=T)
    p = by_hand(W @ x)
    at = {x: np.array([[1000.0, 0], [0, 1000]]), W: np.array([[1.0, 0], [-1, 1], [0, 0.5]]), k: np.array([1, 0])}
    logits = at[x] @ at[W].T
    L = sg.empirical_risk(-sg.log(p[k]))
    near(run(L, at), np.mean([2000.0, 1000.0]))
    near(run(sg.gradient(L, W), at), (softmax(logits) - np.eye(3)[[1, 0]]).T @ at[x] / 2)
    assert np.isfinite(run(sg.hessian(L, W), at)).all()
    along = sg.exp(x) / sg.sum(sg.exp(x), over=T)
    near(run(along, at), softmax(at[x].T).T)


BINARY = {
    "1 / (1 + exp(-s))": lambda s: (1 / (1 + sg.exp(-s)),) * 2,
    "sigmoid": lambda s: (sg.sigmoid(s),) * 2,
    "exp(s) / (1 + exp(s))": lambda s: (sg.exp(s) / (1 + sg.exp(s)),) * 2,
    "exp(s) / (exp(s) + 1), named": lambda s: ((sg.exp(s) / (sg.exp(s) + 1)).named("p"),) * 2,
    "complement by hand": lambda s: (1 / (1 + sg.exp(-s)), 1 - 1 / (1 + sg.exp(s))),
    "(1 + exp(-s)) ** -1": lambda s: ((1 + sg.exp(-s)) ** -1,) * 2,
    "user's formula": lambda s: (sg.elementwise(lambda a: 1 / (1 + sp.exp(-a)), s),) * 2,
}


@pytest.mark.parametrize("name", BINARY)
def test_binary_cross_entropy_by_hand(name):
    p, q = BINARY[name](s)
    L = -sg.sum(u * sg.log(p) + (1 - u) * sg.log(1 - q))
    at = {s: np.array([1000.0, -1000.0, 0.5, 1000.0]), u: np.array([0.0, 1.0, 0.25, 1.0])}
    sigma = 1 / (1 + np.exp(-0.5))
    value, g, H = together(L, s, at)
    near(value, 2000 - 0.25 * np.log(sigma) - 0.75 * np.log(1 - sigma))
    near(g, [1, -1, sigma - 0.25, 0])
    near(H, np.diag([0, 0, sigma * (1 - sigma), 0]))


STABLE = {  # raw formula; value, derivative and second derivative at 1000, -1000 and 0
    "log(1 + exp(s))": (lambda s: sg.log(1 + sg.exp(s)), [1000, 0, np.log(2)], [1, 0, 0.5], [0, 0, 0.25]),
    "log(exp(s) + 1)": (lambda s: sg.log(sg.exp(s) + 1), [1000, 0, np.log(2)], [1, 0, 0.5], [0, 0, 0.25]),
    "log1p(exp(s))": (lambda s: sg.log1p(sg.exp(s)), [1000, 0, np.log(2)], [1, 0, 0.5], [0, 0, 0.25]),
    "log(sigmoid(s))": (lambda s: sg.log(sg.sigmoid(s)), [0, -1000, -np.log(2)], [0, 1, 0.5], [0, 0, -0.25]),
    "log(1 - sigmoid(s))": (lambda s: sg.log(1 - sg.sigmoid(s)), [-1000, 0, -np.log(2)], [-1, 0, -0.5], [0, 0, -0.25]),
    "-log(1 + exp(-s))": (lambda s: -sg.log(1 + sg.exp(-s)), [0, -1000, -np.log(2)], [0, 1, 0.5], [0, 0, -0.25]),
    "log(exp(s))": (lambda s: sg.log(sg.exp(s)), [1000, -1000, 0], [1, 1, 1], [0, 0, 0]),
    "log(2 * exp(s))": (lambda s: sg.log(2 * sg.exp(s)), np.log(2) + np.array([1000, -1000, 0]), [1, 1, 1], [0, 0, 0]),
    "log(exp(s) * sigmoid(s))": (lambda s: sg.log(sg.exp(s) * sg.sigmoid(s)), [1000, -2000, -np.log(2)], [1, 2, 1.5], [0, 0, -0.25]),
    "log(1 / exp(s))": (lambda s: sg.log(1 / sg.exp(s)), [-1000, 1000, 0], [-1, -1, -1], [0, 0, 0]),
    "log(1 / (1 + exp(s)))": (lambda s: sg.log(1 / (1 + sg.exp(s))), [-1000, 0, -np.log(2)], [-1, 0, -0.5], [0, 0, -0.25]),
    "softplus": (sg.softplus, [1000, 0, np.log(2)], [1, 0, 0.5], [0, 0, 0.25]),
    "sigmoid": (sg.sigmoid, [1, 0, 0.5], [0, 0, 0.25], [0, 0, 0]),
    "silu": (sg.silu, [1000, 0, 0], [1, 0, 0.5], [0, 0, 0.5]),
    "gelu": (sg.gelu, [1000, 0, 0], [1, 0, 0.5], [0, 0, np.sqrt(2 / np.pi)]),
    "tanh": (sg.tanh, [1, -1, 0], [0, 0, 1], [0, 0, 0]),
    "elu": (sg.elu, [1000, -1, 0], [1, 0, 1], [0, 0, 1]),
}


@pytest.mark.parametrize("name", STABLE)
def test_raw_scalar_formulas(name):
    f, value, slope, curvature = STABLE[name]
    x = sg.parameter("x", 3)
    at = {x: np.array([1000.0, -1000.0, 0.0])}
    near(run(f(x), at), value)
    _, g, H = together(sg.sum(f(x)), x, at)
    near(g, slope)
    near(H, np.diag(curvature))


@pytest.mark.parametrize("make", [
    lambda z: sg.log(sg.sum(sg.exp(z))), sg.logsumexp, lambda z: sg.max(z) + sg.log(sg.sum(sg.exp(z - sg.max(z)))),
    lambda z: sg.log(sg.mean(sg.exp(z))) + np.log(3), lambda z: sg.log(3 * sg.sum(sg.exp(z))) - np.log(3),
    lambda z: sg.log(sg.einsum("i->", sg.exp(z))), lambda z: sg.log(sg.exp(z) @ sg.ones(3))])
def test_logsumexp_by_hand(make):
    value, g, H = together(make(z), z, {z: BIG, t: BIG})
    near(value, 1000)
    near(g, [1, 0, 0])
    near(H, np.zeros((3, 3)))


def test_forms_that_come_out():
    def stable(tensor):
        (node,) = stabilise([tensor.node])
        return wrap(node)

    assert stable(by_hand(z)) == sg.softmax(z) == stable(shifted(z))
    assert stable(sg.log(by_hand(z))) == sg.log_softmax(z) == stable(sg.log(sg.softmax(z)))
    assert stable(sg.log(sg.sum(sg.exp(Z), axis=1))) == sg.logsumexp(Z, axis=1)
    assert stable(1 / (1 + sg.exp(-z))) == sg.sigmoid(z) and stable(1 - sg.sigmoid(z)) == sg.sigmoid(-z)
    assert stable(sg.log(1 + sg.exp(z))) == sg.softplus(z) and stable(sg.log(sg.sigmoid(z))) == -sg.softplus(-z)
    assert stable(1 / (1 / z)) == z and stable(sg.reshape(sg.reshape(Z, (6,)), (3, 2))) == sg.reshape(Z, (3, 2))


def untouched(y):
    """`y` as it is written, of which no form is made: for comparison."""
    return new_tensor(y.node, y.over, Recipe(sg.gradient, (), {}, (), settled=True))


SAME = [sg.log(z), sg.log(z * t), sg.log(sg.sum(z)), sg.exp(z) / sg.sum(sg.exp(t)), sg.exp(z) / sg.sum(sg.exp(z) * t), 1 / (2 + sg.exp(z)),
        sg.log(2 + sg.exp(z)), sg.log(-2 * sg.exp(z)), 1 - sg.exp(z), 2 - sg.sigmoid(z), sg.exp(Z) / sg.sum(sg.exp(Z), axis=0).T[[0, 1, 0]].sum(),
        sg.log(sg.diag(sg.exp(z))), sg.exp(Z) / sg.sum(sg.exp(Z)), sg.log(sg.exp(z) - sg.exp(t)), sg.softmax(z * t), sg.log(sg.exp(z) + z), (z - sg.exp(t)) ** 2, (sg.exp(z) - 1) ** 2, (z - sg.exp(t)) * sg.sigmoid(t)]


@pytest.mark.parametrize("i", range(len(SAME)))
def test_look_alikes_keep_their_value(i):
    at = {z: np.array([0.5, 1.0, 2.0]), t: np.array([0.2, -0.4, 1.5]), Z: np.random.default_rng(0).standard_normal((2, 3))}
    (node,) = stabilise([SAME[i].node])
    with np.errstate(all="ignore"):
        raw = run(untouched(SAME[i]), at)
        near(np.nan_to_num(run(wrap(node), at)), np.nan_to_num(raw))


def test_variables_asked_for_are_kept():
    p = by_hand(z)
    L = -sg.sum(t * sg.log(p))
    near(run(sg.gradient(L, p), {z: np.array([0.1, 0.2, 0.3]), t: np.ones(3)}), -1 / softmax(np.array([0.1, 0.2, 0.3])))
    h = sg.exp(z)
    (root,) = stabilise([sg.log(sg.sum(h)).node], keep=[h.node])
    assert h.node in topological([root])
    assert stabilise([h.node], keep=[h.node]) == [h.node]
    (free,) = stabilise([sg.log(sg.sum(h)).node], keep=[sg.exp(t).node])
    assert wrap(free) == sg.logsumexp(z), "what does not occur is no obstacle"


def test_with_parameters_and_an_intermediate_asked_for_together():
    W, x = sg.parameter("W", (3, 2)), sg.data("x", 2)
    a = W @ x
    L = -sg.log(by_hand(a)[0])
    at = {W: np.array([[-500.0, 0], [500, 0], [0, 1]]), x: np.array([2.0, 1.0])}
    gW, ga = sg.gradient(L, [W, a])
    out = run([L, gW, ga, sg.hessian(L, a)], at)
    near(out[0], 2000), near(out[2], [-1, 1, 0]), near(out[1], np.outer([-1, 1, 0], at[x])), near(out[3], np.zeros((3, 3)))


def test_stable_graphs_stay_and_derivatives_are_settled():
    L = -sg.sum(t * sg.log(by_hand(z)))
    (once,) = stabilise([L.node])
    assert stabilise([once]) == [once] and stabilise([L.node]) == [once]
    g = sg.gradient(L, z)
    assert stable_form([g]) == stabilise([g.node]) == [g.node]
    assert stabilise([]) == []


# --- meaning is kept on random graphs

UNARY = [sg.exp, sg.sigmoid, sg.softplus, sg.tanh, sg.softmax, lambda x: sg.log(1 + sg.exp(x)), lambda x: 1 / (1 + sg.exp(-x)), lambda x: 1 - x,
         lambda x: sg.log(sg.abs(x) + 0.5), lambda x: x - sg.max(x), lambda x: sg.exp(x) / sg.sum(sg.exp(x)), lambda x: x[::-1], lambda x: x.named("h"),
         lambda x: 0.5 * x, lambda x: sg.log(sg.exp(x)), lambda x: sg.log1p(sg.exp(x)), lambda x: x + sg.logsumexp(x), lambda x: sg.log(sg.sum(sg.exp(x))) * x,
         lambda x: sg.reshape(sg.reshape(x, (3, 1)), (3,)), lambda x: sg.log(sg.softmax(x)), lambda x: sg.exp(x) / 3, lambda x: 1 / (1 / (sg.abs(x) + 1))]
BINARY_OPS = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: sg.exp(a) / sg.sum(sg.exp(b)), lambda a, b: a / (1 + sg.exp(b)),
              lambda a, b: sg.log(sg.exp(a) * sg.sigmoid(b)), lambda a, b: sg.where(a > b, a, b)]


@st.composite
def graphs(draw):
    nodes = [z, t]
    for _ in range(draw(st.integers(1, 6))):
        a = nodes[draw(st.integers(0, len(nodes) - 1))]
        if draw(st.booleans()):
            nodes.append(draw(st.sampled_from(UNARY))(a))
        else:
            nodes.append(draw(st.sampled_from(BINARY_OPS))(a, nodes[draw(st.integers(0, len(nodes) - 1))]))
    return nodes[-1]


@settings(max_examples=150)
@given(graphs())
def test_meaning_is_kept(y):
    at = {z: np.array([0.3, -0.8, 1.1]), t: np.array([0.2, 0.7, -0.4])}
    (node,) = stabilise([y.node])
    (again,) = stabilise([node])
    assert again is node
    assert rebuild(y.node, y.node.operands) is y.node
    with np.errstate(all="ignore"):
        raw = run(untouched(y), at)
    if np.isfinite(raw).all() and np.abs(raw).max() < 1e8:
        near(run(wrap(node), at), raw, 1e-9)


def test_polynomials_of_exponentials_stay_as_they_are():
    for y in ((z - sg.exp(t)) ** 2, (sg.exp(z) - 1) ** 2, sg.exp(z) * sg.sigmoid(t), (z - sg.exp(t)) * sg.sigmoid(t), sg.log(z + sg.exp(t))):
        assert stabilise([y.node]) == [y.node]


def test_a_cell_of_an_lstm_is_left_as_it_is():
    """Products of sigmoids with unknown factors are bounded: nothing in them can overflow."""
    f, c, i, g, o = (sg.data(name, 3) for name in "fcigo")
    new = sg.sigmoid(f) * c + sg.sigmoid(i) * sg.tanh(g)
    y = sg.sum(new * sg.sigmoid(o) * sg.tanh(new))
    assert stabilise([y.node]) == [y.node]
