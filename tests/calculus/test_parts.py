"""Derivatives by entries, slices, views and transposes of a symbol; and what is no part and does not occur, which raises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

T = sg.dim("T")
n, d = sg.dims("n d")
W, v, x, z = sg.parameter("W", (3, 4)), sg.parameter("v", 5), sg.data("x", 4), sg.data("z", 4, over=T)
i = sg.data("i", dtype="integer")
RNG = np.random.default_rng(0)
AT = {"W": RNG.standard_normal((3, 4)), "v": RNG.standard_normal(5), "x": RNG.standard_normal(4), "z": RNG.standard_normal((6, 4)), "i": 2}

PARTS = {
    W: [lambda t: t[0], lambda t: t[1, 2], lambda t: t[:2], lambda t: t[:, 1], lambda t: t[::2, ::-1], lambda t: t.T, lambda t: t.T[1:],
        lambda t: t[[2, 0]], lambda t: t[[0, 1], [1, 3]], lambda t: t.reshape(12)[3:7], lambda t: t[None], lambda t: sg.diagonal(t[:, :3]),
        lambda t: t[-1:], lambda t: t[i], lambda t: sg.squeeze(t[1:2]), lambda t: t.reshape((2, 6)).T, lambda t: t[0].named("r")],
    v: [lambda t: t[0], lambda t: t[-1], lambda t: t[1:3], lambda t: t[::-2], lambda t: t[[4, 1]], lambda t: t[i]],
}
LOSSES = [lambda: sg.sum(sg.tanh(W @ x)) + v @ v, lambda: sg.sum(W**2) * sg.sum(v), lambda: sg.sum(sg.exp(W)[0] * x) + sg.sum(v) ** 2 * W[0, 1],
          lambda: sg.logsumexp(W @ x) + sg.prod(v), lambda: W[0] @ x + sg.sum(W) * v[0] + v[1] ** 3, lambda: sg.empirical_risk(sg.sum(sg.softplus(W @ z)))
          + sg.norm(v), lambda: sg.max(W) * sg.sum(v[::2])]


def value(t):
    return np.asarray(t.eval(**{k: a for k, a in AT.items() if k in names(t)}), float)


def names(t):
    return {node["name"] for _, node in sg.graph(t).nodes(data=True)}


def cut(part, array, lead=0):
    """`part` of a NumPy array behind `lead` axes."""
    if lead:
        return np.stack([cut(part, a, lead - 1) for a in array])
    s = sg.data("s", array.shape)
    made = part(s)
    return np.asarray(made.eval(s=array, **({"i": AT["i"]} if "i" in names(made) else {})))


EVERY = [(s, part) for s, parts in PARTS.items() for part in parts]


@settings(max_examples=25)
@given(st.sampled_from(LOSSES), st.sampled_from(EVERY), st.sampled_from(EVERY))
def test_the_part_of_a_derivative(loss, one, other):
    (s, part), (t, more) = one, other
    L, p, q = loss(), part(s), more(t)
    g, H = sg.gradient(L, s), sg.hessian(L, s, t)
    assert sg.gradient(L, p).shape == p.shape
    np.testing.assert_allclose(value(sg.gradient(L, p)), cut(part, value(g)), atol=1e-12)
    np.testing.assert_allclose(value(sg.gradient(L, [q, p, s])[1]), cut(part, value(g)), atol=1e-12)
    block = value(sg.hessian(L, p, q))
    expected = np.moveaxis(cut(more, value(H), s.ndim), range(s.ndim, s.ndim + q.ndim), range(q.ndim))
    np.testing.assert_allclose(block, np.moveaxis(cut(part, expected, q.ndim), range(q.ndim), range(p.ndim, p.ndim + q.ndim)), atol=1e-10)
    along = RNG.standard_normal(tuple(int(k) for k in p.shape))
    np.testing.assert_allclose(value(sg.jvp(L, p, along)), np.sum(along * cut(part, value(g))), atol=1e-10)
    own = value(sg.hessian(L, p))
    np.testing.assert_allclose(value(sg.hvp(L, p, along)), np.tensordot(own, along, along.ndim), atol=1e-10)


@settings(max_examples=15)
@given(st.sampled_from([lambda: sg.tanh(W @ x), lambda: W.T @ W, lambda: W @ z, lambda: sg.outer(v, W @ x)]), st.sampled_from(PARTS[W]))
def test_the_part_of_a_jacobian(make, part):
    y, p = make(), part(W)
    lead = y.ndim + (y.over is not None)
    np.testing.assert_allclose(value(sg.jacobian(y, p)), cut(part, value(sg.jacobian(y, W)), lead), atol=1e-12)
    u = RNG.standard_normal(tuple(int(k) for k in y.shape))
    np.testing.assert_allclose(value(sg.vjp(y, p, u)), cut(part, value(sg.vjp(y, W, u)), int(y.over is not None)), atol=1e-12)


@pytest.mark.parametrize("part", [lambda t: t[0], lambda t: t[1:3], lambda t: t[::-1], lambda t: t[[3, 1]]])
@pytest.mark.parametrize("closed", [False, True])
def test_parts_of_one_sample(part, closed):
    y = sg.sum(sg.softplus(W @ z)) * sg.sum(z)
    L = sg.empirical_risk(y) if closed else y
    g = sg.gradient(L, part(z))
    assert g.over == T and g.shape == part(z).shape
    np.testing.assert_allclose(value(g), cut(part, value(sg.gradient(L, z)), 1), atol=1e-12)
    direction = sg.data("u", g.shape, over=T)
    at = {"W": AT["W"], "z": AT["z"], "u": RNG.standard_normal((6, *map(int, g.shape)))}
    total = (at["u"] * value(g)).sum(axis=tuple(range(0 if closed else 1, at["u"].ndim)))
    np.testing.assert_allclose(sg.jvp(L, part(z), direction).eval(**at), total, atol=1e-12)


def test_formulas_of_parts():
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    L = sg.sum((X @ w - y) ** 2)
    assert str(sg.gradient(L, w[0])) == "2 X[:, 0]ᵀ (X w - y)"
    assert str(sg.gradient(L, X.T)) == "2 w (X w - y)ᵀ"
    a = sg.data("a", 3)
    assert str(sg.gradient(sg.sum(a[:2] ** 2), a[:2])) == "2 a[:2]", "where there is no other way to it, nothing is padded"


def test_an_entry_varies_with_all_that_is_written_with_its_symbol():
    w = sg.parameter("w", 3)
    L = w[0] ** 2 + sg.sum(w**2)
    assert sg.gradient(L, w[0]).eval(w=[1.0, 2, 3]) == 4 and sg.hessian(L, w[0]).eval() == 4
    assert sg.gradient(L, w[0].named("w0")).eval(w=[1.0, 2, 3]) == 4


def test_where_an_entry_does_not_occur_the_part_is_zero():
    w = sg.parameter("w", 3)
    assert sg.gradient(sg.sum(x), w[0]) == sg.zeros(()) and sg.gradient(w[1] ** 2, w[0]).eval(w=[1.0, 2, 3]) == 0


ABSENT = {"a multiple": lambda w: 2 * w, "a sum": lambda w: w + 1, "a function": sg.exp, "a product": lambda w: w * w, "entries twice": lambda w: w[[0, 0]],
          "copies": lambda w: sg.broadcast_to(w, (2, 3)), "a matrix of it": sg.diag, "padded": lambda w: sg.pad(w, 1),
          "the same, from both ends": lambda w: w[[2, -1]]}


@pytest.mark.parametrize("kind", ABSENT)
@pytest.mark.parametrize("over", [None, T])
def test_what_a_loss_was_not_written_with_is_no_zero(kind, over):
    w, b = sg.parameter("w", 3), sg.data("b", 3, over=over)
    y, h = sg.sum(sg.cos(w) * b), ABSENT[kind](w)
    asks = [lambda: sg.gradient(y, h), lambda: sg.gradient(y, [w, h]), lambda: sg.jacobian(y, h), lambda: sg.hessian(y, h), lambda: sg.hessian(y, w, h),
            lambda: sg.jvp(y, h, sg.ones(h.shape)), lambda: sg.hvp(y, h, sg.ones(h.shape)), lambda: sg.vjp(y, h, 1.0), lambda: sg.derive(y, h)]
    for ask in asks:
        with pytest.raises(sg.DifferentiationError, match=r"depends on w; ask for the derivative by w, or .*named\('h'\)"):
            ask()
    assert sg.gradient(sg.sum(b), h) == sg.zeros(h.shape) if over is None else True


@pytest.mark.parametrize("kind", ABSENT)
def test_what_a_loss_was_written_with_is_as_it_was_written(kind):
    w = sg.parameter("w", 3)
    h = ABSENT[kind](w)
    u = sg.data("u", h.shape)
    y = sg.sum(sg.sin(h) * u)
    at = {"w": np.array([0.3, -0.2, 1.1]), "u": RNG.standard_normal(tuple(map(int, h.shape)))}
    np.testing.assert_allclose(sg.gradient(y, h).eval(**at), np.cos(h.eval(w=at["w"])) * at["u"], atol=1e-12)


def test_every_use_counts_also_those_that_are_looked_through():
    """Part of the uses of h stand in the graph, others were absorbed."""
    a, c = sg.data("a", 3), sg.data("c", 3)
    h = a + c
    y = sg.sum(sg.exp(h)) + sg.sum(c * (h + h)) + sg.sum(2 * h * a)
    at = {"a": np.array([0.3, -0.2, 1.1]), "c": np.array([1.0, 2.0, -1.0])}
    np.testing.assert_allclose(sg.gradient(y, h).eval(**at), np.exp(at["a"] + at["c"]) + 2 * at["c"] + 2 * at["a"], atol=1e-12)


def test_derivations_and_zeros_by_parts_say_what_to_ask_for():
    w = sg.parameter("w", 3)
    L = sg.sum((w - 1) ** 2)
    for ask in (lambda: sg.derive(L, w[0]), lambda: sg.derive(L, w[:2]), lambda: sg.solve_stationary(L, w[0]), lambda: sg.explain(L, w[0])):
        with pytest.raises(sg.DifferentiationError, match="is a part of w, on which .* depends as a whole; ask for w"):
            ask()
    with pytest.raises(sg.DifferentiationError, match="depends on w; ask for the derivative by w"):
        sg.solve_stationary(L, 2 * w)
    k = 2 * w
    with pytest.raises(sg.DifferentiationError, match=r"2 w of shape \(3,\) is no step of .*give it a name"):
        sg.derive(sg.sum(k * k), k)
    assert str(sg.solve_stationary((w[0] - 2) ** 2, w[0])) == "2"
    assert "4" in str(sg.derive(sg.sum((k.named("h")) ** 2), w).steps[-1])


def test_structures_of_parts():
    X, w = sg.data("X", (n, d)), sg.parameter("w", d)
    S = sg.structure(sg.hessian(sg.sum(sg.exp(X @ w)), w[:2]))
    H = S.dense().eval(X=[[1.0, 2, 3], [0, 1, 1]], w=[0.1, 0.2, 0.3])
    whole = sg.hessian(sg.sum(sg.exp(X @ w)), w).eval(X=[[1.0, 2, 3], [0, 1, 1]], w=[0.1, 0.2, 0.3])
    np.testing.assert_allclose(H, whole[:2, :2])


def test_products_take_lists_and_dicts():
    a, b = sg.parameter("a", 3), sg.parameter("b", (2, 2))
    y = sg.sum(sg.exp(a)) * sg.sum(b**2)
    u, k = sg.data("u", 3), sg.data("k", (2, 2))
    at = {"a": RNG.standard_normal(3), "b": RNG.standard_normal((2, 2)), "u": RNG.standard_normal(3), "k": RNG.standard_normal((2, 2))}

    def of(t):
        return t.eval(**{key: at[key] for key in names(t) & set(at)})

    both = sg.jvp(y, [a, b], [u, k])
    np.testing.assert_allclose(of(both), of(sg.jvp(y, a, u)) + of(sg.jvp(y, b, k)))
    assert sg.jvp(y, {"p": a, "q": b}, {"q": k, "p": u}) == both and sg.jvp(y, (a, [b]), (u, [k])) == both
    H = sg.hessian(y, {"a": a, "b": b})
    product = sg.hvp(y, {"a": a, "b": b}, {"a": u, "b": k})
    assert set(product) == {"a", "b"}
    for key in product:
        np.testing.assert_allclose(of(product[key]), np.tensordot(of(H[key]["a"]), at["u"], 1) + np.tensordot(of(H[key]["b"]), at["k"], 2))
    assert isinstance(sg.hvp(y, [a, b], [u, k]), list) and sg.hvp(y, [a, b], [u, k])[0] == product["a"]
    assert sg.vjp(y, {"a": a}, 2.0)["a"] == 2 * sg.gradient(y, a)
    for f in (sg.jvp, sg.hvp):
        with pytest.raises(sg.ShapeError, match="x is a list of 2, and v must have its form"):
            f(y, [a, b], [u])
        with pytest.raises(sg.ShapeError, match="x is a dict with 'a', 'b', and v must have its form"):
            f(y, {"a": a, "b": b}, [u, k])
        with pytest.raises(sg.ShapeError, match="v must have the shape of x"):
            f(y, [a, b], [k, u])
        with pytest.raises(TypeError, match="the variable must be a tensor"):
            f(y, [a, 3], [u, k])


def test_another_symbol_of_the_name_is_no_zero():
    w, twin = sg.parameter("w", 3), sg.data("w", 3)
    y = sg.sum(twin**2)
    for ask in (lambda: sg.gradient(y, w), lambda: sg.jacobian(2 * twin, w), lambda: sg.derive(y, w), lambda: sg.hessian(y, w)):
        with pytest.raises(sg.DifferentiationError, match="does not depend on w, a parameter of shape .* another symbol of that name, a data"):
            ask()
    one, other = sg.nn.Linear(3, 3), sg.nn.Linear(3, 3)
    assert sg.gradient(sg.sum(one(x[:3])), other.W) == sg.zeros((3, 3)), "layers are told apart by their owner"


def test_a_named_slice_that_is_written_is_a_step():
    w = sg.parameter("w", 3)
    u = w[:2].named("u")
    y = sg.sum(u**2) + sg.sum(w)
    assert str(sg.gradient(y, u)) == "2 u" and sg.gradient(y, w[:2]).eval(w=[1.0, 2, 3]).tolist() == [3, 5]


def test_gradients_by_parts_are_drawn():
    w, b = sg.parameter("w", 3), sg.data("b", 3)
    y = sg.sum(sg.exp(w) * b)
    assert "Derivatives: G_w₀ = " in sg.draw([y, sg.gradient(y, w[0])]).alt
    for part in (w[:2], w[::-1], w[[2, 0]]):
        assert sg.draw([y, sg.gradient(y, part)]).svg.startswith("<svg")


def test_what_an_expression_was_written_with_and_does_not_depend_on_is_zero():
    a, b = sg.data("a", 3), sg.data("b", 3)
    h = sg.sin(a)
    assert sg.hessian(sg.sum(h * a), h) == sg.zeros((3, 3))
    assert sg.hessian(sg.sum((2 * a) * b), 2 * a) == sg.zeros((3, 3))
