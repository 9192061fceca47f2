"""Section 3 of the interface, sentence by sentence: layouts, forms, sample axes, intermediates, what is zero, what raises."""

import itertools

import numpy as np
import pytest
from checker import check, differences, near, per_sample, run

import symgrad as sg
from symgrad.language.tensor import wrap

T, S, n, d = sg.dims("T S n d")
rng = np.random.default_rng(0)


def symbols(**shapes):
    return [sg.data(name, shape) for name, shape in shapes.items()]


# --- layouts and forms

def test_gradients_have_the_shape_of_the_variable_and_jacobians_numerator_layout():
    X, w = sg.data("X", (n, d)), sg.parameter("w", d)
    assert sg.gradient(sg.sum((X @ w) ** 2), w).shape == (d,)
    assert sg.jacobian(X @ w, w).shape == (n, d) and sg.jacobian(X @ w, X).shape == (n, n, d)
    assert sg.hessian(sg.sum((X @ w) ** 2), w, X).shape == (d, n, d)
    assert sg.jacobian(X @ w, w) == X
    assert sg.hessian(w @ w / 2, w) == sg.eye(d)


def test_results_keep_the_form_of_the_variables():
    x, z = symbols(x=3, z=2)
    y = sg.sum(x**2) * sg.sum(z)
    gx, gz = sg.gradient(y, x), sg.gradient(y, z)
    assert sg.gradient(y, [x, z]) == [gx, gz] and sg.gradient(y, (z, x)) == (gz, gx)
    assert sg.gradient(y, {"a": x, "b": [z, x]}) == {"a": gx, "b": [gz, gx]}
    assert sg.gradient(y, []) == [] and sg.gradient(y, [x, x]) == [gx, gx]
    nested = sg.hessian(y, {"x": x, "z": z})
    assert {k: {j: h.shape for j, h in row.items()} for k, row in nested.items()} == {
        "x": {"x": (3, 3), "z": (3, 2)}, "z": {"x": (2, 3), "z": (2, 2)}}
    assert sg.hessian(y, [x], z) == [sg.hessian(y, x, z)] and sg.hessian(y, x, [z]) == [nested["x"]["z"]]
    assert sg.jacobian(x * 2, [x, z])[1] == sg.zeros((3, 2))
    assert sg.vjp(x * 2, [x], x)[0] == 2 * x


def test_mixed_second_derivatives():
    A, x, z = symbols(A=(2, 3), x=2, z=3)
    y = sg.sum(sg.tanh(A * sg.exp(x)[:, None]) @ z) ** 2
    at = {s: rng.standard_normal(s.shape) for s in (A, x, z)}
    for a, b in itertools.product((A, x, z), repeat=2):
        g = sg.gradient(y, a)
        expected = differences(lambda at, g=g: run(g, at), at, b)
        near(run(sg.hessian(y, a, b), at), expected, 1e-7)
        near(run(sg.hessian(y, a, b), at), np.moveaxis(run(sg.hessian(y, b, a), at), range(b.ndim), range(a.ndim, a.ndim + b.ndim)))


def test_third_order():
    x, A = sg.parameter("x", 3), sg.data("A", (3, 3))
    at = {x: np.array([0.3, -0.7, 1.1]), A: rng.standard_normal((3, 3))}
    for y in (sg.sum(sg.sin(x) * x**2), sg.sum(sg.sigmoid(A @ x)), (x @ A @ x) ** 2, sg.logsumexp(x**2), sg.sum(sg.softmax(x) ** 3)):
        H = sg.hessian(y, x)
        third = sg.jacobian(H, x)
        assert third.shape == (3, 3, 3)
        near(run(third, at), differences(lambda a, H=H: run(H, a), at, x), 1e-6)


# --- products

def test_products_have_their_shapes_and_values():
    X, w, v, u = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("v", d), sg.data("u", n)
    y = sg.sin(X @ w)
    at = {s: rng.standard_normal(k) for s, k in ((X, (4, 3)), (w, 3), (v, 3), (u, 4))}
    J = run(sg.jacobian(y, w), at)
    near(run(sg.jvp(y, w, v), at), J @ at[v])
    near(run(sg.vjp(y, w, u), at), at[u] @ J)
    H = run(sg.hessian(sg.sum(y), w), at)
    near(run(sg.hvp(sg.sum(y), w, v), at), H @ at[v])
    assert sg.jvp(y, w, v).shape == (n,) and sg.hvp(sg.sum(y), w, v).shape == (d,)


def test_products_along_the_variable_itself_or_arrays():
    x = sg.data("x", 3)
    at = {x: rng.standard_normal(3)}
    near(run(sg.jvp(x**3, x, x), at), 3 * at[x] ** 3)
    near(run(sg.hvp(sg.sum(x**3), x, x), at), 6 * at[x] ** 2)
    near(run(sg.vjp(x**3, x, np.ones(3)), at), 3 * at[x] ** 2)
    near(run(sg.jvp(x**3, x, [1, 0, 0]), at), [3 * at[x][0] ** 2, 0, 0])
    near(run(sg.jvp(sg.hvp(sg.sum(x**4), x, x), x, np.ones(3)), at), 36 * at[x] ** 2)


# --- the sample axis: y over T or not, the variable over T or not

def samples(name, *shape):
    return sg.data(name, shape, over=T)


MODELS = {
    "tanh layer": lambda x, W: sg.tanh(W @ x),
    "softmax": lambda x, W: sg.softmax(W @ x),
    "product": lambda x, W: (W @ x) * sg.sum(x),
    "slices": lambda x, W: sg.concatenate([(W @ x)[1:] ** 2, x[::-1]]),
    "reshape": lambda x, W: (sg.outer(W @ x, x).reshape((-1,)) ** 2),
    "max": lambda x, W: sg.max(W * x, axis=1),
    "gather": lambda x, W: W[:, np.array([2, 0])] @ x[np.array([1, 1])],
    "constant per sample": lambda x, W: W @ x * 0 + W[:, 0],
}


@pytest.mark.parametrize("name", MODELS)
def test_derivatives_over_samples_are_those_of_each_sample(name):
    f = MODELS[name]
    x, W = samples("x", 3), sg.parameter("W", (2, 3))
    y = f(x, W)
    at = {x: rng.standard_normal((4, 3)), W: rng.standard_normal((2, 3))}
    one, value = sg.data("one", 3), at[x]
    y1 = f(one, W)
    each = [{one: value[t], W: at[W]} for t in range(4)]
    assert y.over == T and y.shape == y1.shape
    near(run(y, at), [run(y1, a) for a in each])
    for variable, single in ((W, W), (x, one)):  # y over T: one derivative per sample, not summed; the diagonal
        J = sg.jacobian(y, variable)
        assert J.over == T and J.shape == y.shape + variable.shape
        near(run(J, at), [run(sg.jacobian(y1, single), a) for a in each])
        g = sg.gradient(sg.sum(y**2), variable)
        assert g.over == T and g.shape == variable.shape
        near(run(g, at), [run(sg.gradient(sg.sum(y1**2), single), a) for a in each])
        for other, other_single in ((W, W), (x, one)):
            H = sg.hessian(sg.sum(y**2), variable, other)
            assert H.over == T and H.shape == variable.shape + other.shape
            near(run(H, at), [run(sg.hessian(sg.sum(y1**2), single, other_single), a) for a in each])
    check(y, at, [x, W])


@pytest.mark.parametrize("name", MODELS)
def test_closed_scalars_by_samples_and_by_parameters(name):
    f = MODELS[name]
    x, W = samples("x", 3), sg.parameter("W", (2, 3))
    L = sg.empirical_risk(sg.sum(f(x, W) ** 2))
    at = {x: rng.standard_normal((4, 3)), W: rng.standard_normal((2, 3))}
    for variable in (x, W):
        g = sg.gradient(L, variable)
        assert g.over == variable.over and g.shape == variable.shape
        near(run(g, at), differences(lambda a: run(L, a), at, variable), 1e-7)
        for other in (x, W):
            H = sg.hessian(L, variable, other)
            assert H.over == (T if x in (variable, other) else None)
            slope = differences(lambda a, g=g: run(g, a), at, other)
            near(run(H, at), per_sample(slope, variable, other), 1e-6)


def test_a_closed_jacobian_by_samples_has_the_samples_in_front():
    x, A = samples("x", 3), sg.data("A", (2, 3))
    c = sg.mean(sg.exp(A @ x), over=T)
    at = {x: rng.standard_normal((4, 3)), A: rng.standard_normal((2, 3))}
    J = sg.jacobian(c, x)
    assert J.over == T and J.shape == (2, 3)
    near(run(J, at), np.moveaxis(differences(lambda a: run(c, a), at, x), 1, 0), 1e-7)
    assert sg.jacobian(c, A).over is None and sg.jacobian(c, A).shape == (2, 2, 3)


def test_products_over_samples():
    x, W = samples("x", 3), sg.parameter("W", (2, 3))
    y = sg.tanh(W @ x)
    v, V, u, u0 = samples("v", 3), sg.data("V", (2, 3)), samples("u", 2), sg.data("u0", 2)
    at = {s: rng.standard_normal(((4,) if s.over is not None else ()) + s.shape) for s in (x, W, v, V, u, u0)}
    Jx, JW = run(sg.jacobian(y, x), at), run(sg.jacobian(y, W), at)
    assert sg.jvp(y, x, v).over == T and sg.jvp(y, W, V).over == T
    near(run(sg.jvp(y, x, v), at), np.einsum("tij,tj->ti", Jx, at[v]))
    near(run(sg.jvp(y, W, V), at), np.einsum("tijk,jk->ti", JW, at[V]))
    near(run(sg.jvp(y, x, sg.ones(3)), at), Jx.sum(2))
    assert sg.vjp(y, x, u).over == T and sg.vjp(y, W, u).over == T, "y over T, variable ordinary: one product per sample"
    near(run(sg.vjp(y, x, u), at), np.einsum("ti,tij->tj", at[u], Jx))
    near(run(sg.vjp(y, W, u), at), np.einsum("ti,tijk->tjk", at[u], JW))
    near(run(sg.vjp(y, W, u0), at), np.einsum("i,tijk->tjk", at[u0], JW))


def test_int_sizes_of_the_sample_axis():
    x, W = sg.data("x", 3, over=4), sg.parameter("W", (4, 3))
    at = {x: rng.standard_normal((4, 3)), W: rng.standard_normal((4, 3))}
    y = sg.tanh(W @ x)
    assert sg.jacobian(y, x).shape == (4, 3) and sg.jacobian(y, x).over == 4
    check(y, at, [x, W])


COUPLED = {
    "centred": lambda x: x - sg.mean(x, over=T),
    "normalised": lambda x: (x - sg.mean(x, over=T)) / sg.sqrt(sg.mean((x - sg.mean(x, over=T)) ** 2, over=T)),
    "softmax over samples": lambda x: sg.exp(x) / sg.sum(sg.exp(x), over=T),
    "largest": lambda x: x * sg.max(x, over=T),
    "logsumexp": lambda x: x - sg.logsumexp(x, over=T),
}


@pytest.mark.parametrize("name", COUPLED)
def test_coupled_samples_raise_but_products_are_exact(name):
    x = samples("x", 2)
    c = COUPLED[name](x)
    at = {x: rng.standard_normal((4, 2))}
    for forbidden in (lambda: sg.jacobian(c, x), lambda: sg.gradient(sg.sum(c), x), lambda: sg.hessian(sg.sum(sg.sum(c**2), over=T), x)):
        with pytest.raises(sg.DifferentiationError, match="coupled|couples"):
            forbidden()
    check(c, at, [x])  # gradient, jvp, vjp, hvp of closed scalars, against central differences


def test_uncoupled_statistics_are_no_obstacle():
    x, z = samples("x", 2), samples("z", 2)
    c = x * sg.mean(z, over=T)
    at = {x: rng.standard_normal((4, 2)), z: rng.standard_normal((4, 2))}
    near(run(sg.jacobian(c, x), at), np.broadcast_to(np.diag(at[z].mean(0)), (4, 2, 2)))
    with pytest.raises(sg.DifferentiationError):
        sg.jacobian(c, z)
    near(run(sg.jacobian(x * sg.stop_gradient(sg.mean(x, over=T)), x), at), np.broadcast_to(np.diag(at[x].mean(0)), (4, 2, 2)))


def test_a_mean_over_samples_of_what_no_sample_changes():
    x, w = samples("x", 2), sg.parameter("w", 2)
    L = sg.mean(sg.sum(w**2) + 0 * sg.sum(x), over=T)
    assert sg.gradient(L, w) == 2 * w
    assert sg.mean(x - x + w, over=T) == w and sg.sum(x - x + w, over=T) == T * w
    assert sg.gradient(L, x) == x - x


def test_two_sample_axes_do_not_meet():
    x, z = samples("x", 2), sg.data("z", 2, over=S)
    with pytest.raises(sg.ShapeError, match="T.*S|S.*T"):
        sg.jacobian(x, z)
    closed = sg.sum(sg.sum(x), over=T) * sg.sum(sg.sum(z), over=S)
    assert sg.gradient(closed, x).over == T and sg.gradient(closed, z).over == S


# --- intermediates

x3 = sg.data("x", 3)
A3 = sg.data("A", (3, 3))
INTERMEDIATES = {  # h (with a name, where it is a part of a symbol: test_parts.py), a function of it that may use x as well, and the same on arrays
    "tanh": (sg.tanh(x3), lambda h: sg.sum(h**2 * x3), np.tanh),
    "exponential under a logarithm": (sg.exp(x3), lambda h: sg.log(sg.sum(h)) + sg.sum(sg.log(h) * x3), np.exp),
    "exponential over its sum": (sg.exp(x3), lambda h: sg.sum(x3 * h / sg.sum(h)), np.exp),
    "reciprocal": (1 / x3, lambda h: sg.sum(1 / h + h * x3), lambda x: 1 / x),
    "multiple": (2 * x3, lambda h: sg.sum(h**2 * x3) + sg.sum(h), lambda x: 2 * x),
    "negative": (-x3, lambda h: sg.sum(sg.exp(h) * h), lambda x: -x),
    "transpose": (A3.T.named("B"), lambda h: sg.sum(h @ h * A3), lambda x: x.T),
    "mean": (sg.mean(x3), lambda h: sg.sum((x3 - h) ** 3) + h * h, np.mean),
    "sum": (sg.sum(x3), lambda h: h**3 + sg.sum(sg.sin(h * x3)), np.sum),
    "expanded": (x3[:, None].named("h"), lambda h: sg.sum(h * x3) + sg.sum(sg.tanh(h)), lambda x: x[:, None]),
    "diagonal": (sg.diag(x3), lambda h: sg.sum(h @ h @ x3) + sg.sum(sg.exp(h)), np.diag),
    "broadcast": (sg.broadcast_to(x3, (2, 3)), lambda h: sg.sum(h**2 * x3), lambda x: np.broadcast_to(x, (2, 3))),
    "slice": (x3[1:].named("h"), lambda h: sg.sum(h**3) * sg.sum(x3), lambda x: x[1:]),
    "picked": (x3[None, np.array([2, 0])].named("h"), lambda h: sg.sum(h**3) * sg.sum(x3), lambda x: x[None, [2, 0]]),
    "reshape": (A3.reshape((9,)).named("a"), lambda h: sg.sum(h.reshape((1, 9)) ** 2 * sg.sum(A3)), lambda x: x.reshape(9)),
    "concatenated": (sg.concatenate([x3, 2 * x3]), lambda h: sg.sum(h[1:4] ** 3 * x3), lambda x: np.concatenate([x, 2 * x])),
    "scaled difference": (x3 / 5 - sg.sin(x3) / 5, lambda h: sg.sum(h**2 * x3), lambda x: (x - np.sin(x)) / 5),
    "named": (sg.sin(x3).named("h"), lambda h: sg.sum(h**2 * sg.sin(x3)), np.sin),
    "named multiple": ((3 * x3).named("h"), lambda h: sg.sum(h**2 * x3), lambda x: 3 * x),
    "stopped": (sg.stop_gradient(x3 * x3), lambda h: sg.sum(h * x3), lambda x: x * x),
    "the output": (sg.sum(sg.sin(x3)), lambda h: h, lambda x: np.sum(np.sin(x))),
    "a multiple as the output": (2 * sg.sum(x3), lambda h: h, lambda x: 2 * np.sum(x)),
    "softmax": (sg.softmax(x3), lambda h: sg.sum(sg.log(h) * x3), lambda x: np.exp(x) / np.exp(x).sum()),
}


@pytest.mark.parametrize("name", INTERMEDIATES)
def test_an_intermediate_is_an_independent_variable_of_the_graph_as_written(name):
    h, f, value = INTERMEDIATES[name]
    y = f(h)
    base = A3 if name in ("transpose", "reshape") else x3
    at = {base: np.abs(rng.standard_normal(base.shape)) + 0.3}
    free = sg.data("free", h.shape)
    apart = {**at, free: value(at[base])}
    yf, v = f(free), rng.standard_normal(h.shape)
    near(run(y, at), run(yf, apart))
    near(run(sg.gradient(y, h), at), run(sg.gradient(yf, free), apart))
    near(run(sg.hessian(y, h), at), run(sg.hessian(yf, free), apart))
    near(run(sg.hvp(y, h, v), at), run(sg.hvp(yf, free, v), apart))
    near(run(sg.jvp(y**2, h, v), at), run(sg.jvp(yf**2, free, v), apart))
    near(run(sg.vjp(y * sg.ones(2), h, np.array([1.0, 2])), at), 3 * run(sg.gradient(yf, free), apart))
    near(run(sg.jacobian(sg.gradient(y, h), h), at), run(sg.hessian(yf, free), apart))
    mixed = sg.jacobian(sg.gradient(y, h), base)  # the gradient is a tensor as any other: h depends on x in it
    near(run(mixed, at), differences(lambda a: run(sg.gradient(y, h), a), at, base), 1e-6)
    near(run(sg.hessian(y, h, base), at), run(mixed, at))
    both = sg.gradient(y, [h, base])
    assert both[0] == sg.gradient(y, h)
    if name != "stopped":
        near(run(both[1], at), differences(lambda a: run(y, a), at, base), 1e-6)


def test_intermediates_over_samples():
    x, W = samples("x", 3), sg.parameter("W", (2, 3))
    at = {x: rng.standard_normal((4, 3)), W: rng.standard_normal((2, 3))}
    for a, slope in ((W @ x, 1), (-(W @ x), -1), ((W @ x).named("a^1"), 1), (2 * (W @ x), 2)):
        loss = sg.sum(sg.tanh(a) ** 2)
        value = slope * (at[x] @ at[W].T)
        expected = 2 * np.tanh(value) * (1 - np.tanh(value) ** 2)
        assert sg.gradient(loss, a).over == T
        near(run(sg.gradient(loss, a), at), expected)
        near(run(sg.gradient(sg.empirical_risk(loss), a), at), expected / 4)
        assert sg.jacobian(a, a).shape == (2, 2) and sg.jacobian(a, a).over == T
        near(run(sg.hessian(loss, a), at), [np.diag(h) for h in 2 * (1 - np.tanh(value) ** 2) * (1 - 3 * np.tanh(value) ** 2)])
    m = sg.mean(x, over=T)  # closed by the samples, a multiple of a sum
    near(run(sg.gradient(sg.empirical_risk(sg.sum((x - m) ** 3)), m), at), -3 * ((at[x] - at[x].mean(0)) ** 2).mean(0))
    near(run(sg.gradient(sg.sum((x - m) ** 3), m), at), -3 * (at[x] - at[x].mean(0)) ** 2)


def test_what_is_not_in_the_graph_is_independent_only_if_nothing_of_it_is():
    x, other = sg.data("x", 3), sg.data("other", 3)
    for h in (sg.tanh(other), 2 * other, other[1:], sg.mean(other), sg.zeros(3), sg.constant([1.0, 2, 3]), sg.constant(2.0)):
        assert sg.gradient(sg.sum(x**2), h) == sg.zeros(h.shape), h
    for h in (sg.tanh(x), 2 * x, sg.mean(x), x.named("h") * 2, other + x):
        with pytest.raises(sg.DifferentiationError, match="was not written with .* depends on x"):
            sg.gradient(sg.sum(x**2), h)
    assert sg.gradient(sg.sum(x**2), x.named("h")) == 2 * x, "a name is no other tensor"


def test_constants_are_variables_too():
    x, c = sg.data("x", 3), sg.constant(np.array([1.0, 2, 3]))
    assert sg.gradient(sg.sum(c * x), c) == x
    two = sg.constant(2.0)
    assert sg.gradient(sg.sum(two * x**2), two) == sg.sum(x**2)


def test_a_tensor_that_has_forgotten_how_it_was_written_says_so():
    y = sg.sum(wrap(((2 * x3) ** 2 + sg.cos(x3)).node))
    with pytest.raises(sg.DifferentiationError, match=r"named\('h'\)"):
        sg.gradient(y, 2 * x3)


# --- what == zero, and what raises

def test_independent_variables_give_zeros():
    x, z = sg.parameter("x", 3), sg.parameter("z", (2, 2))
    assert sg.gradient(sg.sum(x), z) == sg.zeros((2, 2))
    assert sg.jacobian(x, z) == sg.zeros((3, 2, 2)) and sg.hessian(sg.sum(x), x) == sg.zeros((3, 3))
    assert sg.jvp(x, z, z) == sg.zeros(3) and sg.vjp(x, z, x) == sg.zeros((2, 2)) and sg.hvp(sg.sum(x), x, x) == sg.zeros(3)
    t = samples("t", 3)
    assert sg.gradient(sg.sum(t), z).over == T and sg.gradient(sg.sum(t), z).shape == (2, 2)
    assert sg.gradient(sg.sum(x), t).over == T


STEPS = {"sign": sg.sign, "floor": sg.floor, "comparison": lambda x: x > 0.5, "equal": lambda x: sg.equal(x, 1),
         "argmax": lambda x: sg.argmax(x), "logical_not": sg.logical_not, "stop_gradient": sg.stop_gradient}


@pytest.mark.parametrize("name", STEPS)
def test_steps_have_derivative_zero(name):
    x = sg.data("x", 3)
    y = STEPS[name](x)
    at = {x: np.array([-1.5, 0.25, 2.0])}
    near(run(sg.gradient(sg.sum(y), x), at), np.zeros(3))
    assert sg.jacobian(y, x).shape == y.shape + (3,)
    near(run(sg.jacobian(y, x), at), np.zeros(y.shape + (3,)))
    near(run(sg.jvp(y, x, x), at), np.zeros(y.shape))
    near(run(sg.gradient(sg.sum(x * y), x), at), run(y, at) * np.ones(3))


def test_ties_share_equally_to_second_order():
    x, X = sg.data("x", 4), sg.data("X", (2, 3))
    at = {x: np.array([1.0, 3, 3, 0]), X: np.array([[2.0, 1, 2], [0, 2, 1]])}
    near(run(sg.gradient(sg.max(x), x), at), [0, 0.5, 0.5, 0])
    near(run(sg.gradient(sg.min(x * x), x), at), [0, 0, 0, 0])
    near(run(sg.gradient(sg.max(X), X), at), np.array([[1, 0, 1], [0, 1, 0]]) / 3)
    near(run(sg.gradient(sg.sum(sg.max(X, axis=1)), X), at), [[0.5, 0, 0.5], [0, 1, 0]])
    near(run(sg.hessian(sg.max(x**2), x), at), np.diag([0, 1, 1, 0.0]))
    near(run(sg.hessian(sg.max(X**2), X), at).reshape(6, 6), np.diag([1, 0, 1, 0, 1, 0]) * 2 / 3)
    near(run(sg.hessian(sg.max(x) ** 2, x), at), 2 * np.outer([0, 0.5, 0.5, 0], [0, 0.5, 0.5, 0]))
    t = samples("t", 2)
    near(run(sg.gradient(sg.sum(sg.max(t, over=T)), t), {t: np.array([[1.0, 2], [1, 0], [0, 2]])}), [[0.5, 0.5], [0.5, 0], [0, 0.5]])


def test_max_of_zeros():
    x = sg.data("x", 3)
    near(run(sg.gradient(sg.max(x * 0), x), {x: np.ones(3)}), np.zeros(3))
    near(run(sg.max(x * 0), {x: np.ones(3)}), 0)


@pytest.mark.parametrize("derivative", [sg.gradient, sg.jacobian, sg.hessian, lambda y, x: sg.jvp(y, x, x), lambda y, x: sg.hvp(y, x, x),
                                        lambda y, x: sg.vjp(y, x, 1.0)])
def test_integer_and_boolean_variables_raise(derivative):
    x = sg.data("x", 3)
    for dtype in ("integer", "boolean"):
        k = sg.data("k", 3, dtype=dtype)
        with pytest.raises(sg.DifferentiationError, match=f"k of shape \\(3,\\) is {dtype}"):
            derivative(sg.sum(x * k), k)
    with pytest.raises(TypeError, match="variable must be a tensor, not int"):
        derivative(sg.sum(x), 1)


def test_a_vector_has_no_gradient():
    x = sg.data("x", 3)
    with pytest.raises(sg.DifferentiationError, match=r"x of shape \(3,\) is not a scalar; use sg.jacobian, or close it"):
        sg.gradient(x, x)
    for second in (sg.hessian, lambda y, x: sg.hvp(y, x, x)):
        with pytest.raises(sg.DifferentiationError, match="not a scalar"):
            second(x, x)


def test_an_operation_without_a_rule_raises():
    from symgrad.graphs import ops
    from symgrad.graphs.node import make

    x = sg.data("x", 3)
    odd = wrap(make(ops.DISTANCES, (x.node, x.node), (), (3,), "real"))
    with pytest.raises(sg.DifferentiationError, match="distances has no derivative rule"):
        sg.gradient(sg.sum(odd), x)
    assert sg.gradient(sg.sum(odd), sg.data("z", 2)) == sg.zeros(2)


def test_mismatched_products_raise():
    x, v = sg.data("x", 3), sg.data("v", 2)
    with pytest.raises(sg.ShapeError, match=r"jvp: v is v of shape \(2,\), x is x of shape \(3,\)"):
        sg.jvp(x, x, v)
    with pytest.raises(sg.ShapeError, match=r"vjp: u is v of shape \(2,\), y is x of shape \(3,\)"):
        sg.vjp(x, x, v)
    with pytest.raises(sg.ShapeError, match=r"hvp: v is v of shape \(2,\)"):
        sg.hvp(sg.sum(x), x, v)
    with pytest.raises(sg.ShapeError, match="over T"):
        sg.jvp(x, x, samples("t", 3))


def test_facts_do_not_change_derivatives():
    S, b = sg.parameter("S", (3, 3), symmetric=True, positive_definite=True), sg.data("b", 3)
    at = {S: np.eye(3), b: rng.standard_normal(3)}
    near(run(sg.gradient(b @ S @ b, S), at), np.outer(at[b], at[b]))
    near(run(sg.gradient(sg.sum(sg.softmax(sg.data("p", 3, simplex=True))), sg.data("p", 3, simplex=True)), {sg.data("p", 3, simplex=True): np.ones(3) / 3}), np.zeros(3))


def test_derivatives_are_ordinary_tensors():
    x = sg.data("x", 3)
    g = sg.gradient(sg.sum(x**3), x)
    near(run(g @ g + sg.sum(g[1:]), {x: np.ones(3)}), 27 + 6)
    assert g == 3 * x**2


def test_derivatives_are_real_numbers_and_never_counts_or_truth_values():
    c, b = sg.data("c", 3, dtype="boolean"), sg.data("b", 3)
    tensors = [sg.gradient(sg.sum(sg.where(c, b, 0)), b), sg.gradient(sg.sum(sg.relu(b)), b), sg.jacobian(sg.relu(b), b),
               sg.hessian(sg.sum(sg.relu(b) ** 2), b), sg.gradient(sg.sum(sg.clip(b, 0, 1)), b)]
    assert {t.dtype for t in tensors} == {"real"}
    assert {v.dtype for v in sg.function([c, b], tensors, dtype="float32")([True, False, True], np.ones(3))} == {np.dtype("float32")}
    assert str(tensors[1]) == "[b > 0]"
