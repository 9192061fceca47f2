"""Large graphs: nodes grow linearly, nothing recurses, and an unrolled LSTM has the right gradients.

How long things take is measured in `benchmarks/derivation.py` and asserted nowhere.
"""

import subprocess
import sys

import numpy as np
import pytest
from benchmarks.derivation import GATES, lstm, mlp, sine, symbols

import symgrad as sg
from symgrad.graphs.node import topological


def counts(build, size):
    """Nodes of the loss, with its gradients, with a Hessian times a vector, of the Hessian by itself."""
    loss, wrt = build(size)
    gradients = sg.gradient(loss, wrt)
    product = sg.hvp(loss, wrt[0], sg.data("direction", wrt[0].shape))
    graphs = [[loss], [loss, *gradients], [loss, *gradients, product]]
    if build is sine:
        graphs.append([sg.hessian(loss, wrt[0])])
    return np.array([len(topological([t.node for t in graph])) for graph in graphs])


@pytest.mark.parametrize("build", [lstm, mlp, sine])
def test_nodes_grow_linearly_with_the_cells(build):
    small, medium, large = (counts(build, size) for size in (10, 20, 40))
    np.testing.assert_array_equal(large - medium, 2 * (medium - small))
    assert all(medium > small)


def test_steps_and_text_grow_linearly_with_the_cells():
    """Up to the names: v999 and v1000 break lines at different places."""
    sizes = []
    for cells in (10, 20, 40):
        loss, wrt = lstm(cells)
        f = sg.function(symbols(loss), [loss, *sg.gradient(loss, wrt)])
        sizes.append((len(f.plan.steps), len(f.source)))
    small, medium, large = np.array(sizes)
    assert all(large < 2.2 * medium) and all(medium < 2.2 * small)


DEEP = """
import sys
import symgrad as sg

def loss_of(levels):
    x, z = sg.parameter("x", 3), sg.data("z", 3)
    y = x
    for _ in range(levels):
        y = sg.sin(y) + z
    return sg.sum(y * y), x, z

def everything(levels):
    loss, x, z = loss_of(levels)
    v = sg.data("v", 3)
    g, H, p = sg.gradient(loss, x), sg.hessian(loss, x), sg.hvp(loss, x, v)
    texts = [f(t) for t in (loss, g, H, p) for f in (str, sg.Tensor.latex, sg.Tensor.pretty)]
    f = sg.function([x, z, v], [loss, g, H, p])
    sg.graph(loss, g)
    d = sg.derive(loss)
    return [*texts, f.source, str(f.plan), d.unicode(), d.latex(), sg.generate(loss).text]

everything(2)  # imports may recurse
frame, depth = sys._getframe(), 0
while frame is not None:
    frame, depth = frame.f_back, depth + 1
sys.setrecursionlimit(depth + 400)  # below a frame a level; a formula nests up to 40 before a name stands for the rest
print(all(everything(500)))
"""


def test_nothing_recurses_along_a_chain_of_a_thousand_nodes():
    done = subprocess.run([sys.executable, "-c", DEEP], capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr[-2000:]


def samplewise(cells):
    """The LSTM of one sample, as a textbook writes it: W x + U h + b; the loss is the mean over samples."""
    T = sg.dim("T")
    xs, target = sg.data("xs", (cells, 2), over=T), sg.data("target", 3, over=T)
    W, U, b = ({g: sg.parameter(f"{letter}{g}", shape) for g in GATES}
               for letter, shape in (("W", (3, 2)), ("U", (3, 3)), ("b", 3)))
    h, c = sg.data("h0", 3, over=T), sg.data("c0", 3, over=T)
    for t in range(cells):
        a = {g: W[g] @ xs[t] + U[g] @ h + b[g] for g in GATES}
        c = sg.sigmoid(a["f"]) * c + sg.sigmoid(a["i"]) * sg.tanh(a["g"])
        h = sg.sigmoid(a["o"]) * sg.tanh(c)
    return sg.empirical_risk(sg.losses.squared_error(h, target)), [*W.values(), *U.values(), *b.values()]


def by_hand(cells, given, batched):
    """The same loss in NumPy, written apart from symgrad: `batched` takes x W with samples as rows."""
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    h, c = given["h0"], given["c0"]
    for t in range(cells):
        x = given["xs"][t] if batched else given["xs"][:, t]
        a = {g: (x @ given[f"W{g}"] + h @ given[f"U{g}"] if batched else x @ given[f"W{g}"].T + h @ given[f"U{g}"].T)
             + given[f"b{g}"] for g in GATES}
        c = sigmoid(a["f"]) * c + sigmoid(a["i"]) * np.tanh(a["g"])
        h = sigmoid(a["o"]) * np.tanh(c)
    return (h * h).sum() if batched else ((h - given["target"]) ** 2).sum(axis=1).mean()


def draw(loss, rng):
    """Values for the symbols of `loss` at unequal sizes, samples first."""
    sizes = {"B": 4, "D": 2, "H": 3, "T": 5}
    shapes = {t.name: t.shape if t.over is None else (t.over, *t.shape) for t in symbols(loss)}
    return {name: rng.normal(size=[s if isinstance(s, int) else sizes[str(s)] for s in shape])
            for name, shape in shapes.items()}


@pytest.mark.parametrize(("build", "batched"), [(lstm, True), (samplewise, False)])
def test_gradients_of_an_unrolled_lstm(build, batched):
    """Every entry of every gradient of 20 cells, against central differences of another program."""
    cells = 20
    loss, wrt = build(cells)
    f = sg.function(symbols(loss), {"loss": loss, **{w.name: g for w, g in
                                                     zip(wrt, sg.gradient(loss, wrt), strict=True)}})
    given = draw(loss, np.random.default_rng(8))
    found = f(**given)
    assert found["loss"] == pytest.approx(by_hand(cells, given, batched), rel=1e-13)
    step = 1e-5
    for w in wrt:
        expected = np.empty_like(given[w.name])
        for at in np.ndindex(expected.shape):
            ends = []
            for sign in (1, -1):
                moved = given[w.name].copy()
                moved[at] += sign * step
                ends.append(by_hand(cells, {**given, w.name: moved}, batched))
            expected[at] = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(found[w.name], expected, rtol=1e-6, atol=1e-9, err_msg=w.name)


def test_an_lstm_of_two_hundred_cells():
    """It derives and compiles, all values are finite, and the gradient is right along a direction."""
    cells = 200
    loss, wrt = lstm(cells)
    f = sg.function(symbols(loss), [loss, *sg.gradient(loss, wrt)])
    rng = np.random.default_rng(9)
    given = draw(loss, rng)
    value, *gradients = f(**given)
    assert all(np.isfinite(g).all() and np.abs(g).max() > 0 for g in gradients)
    assert value == pytest.approx(by_hand(cells, given, True), rel=1e-12)
    direction = {w.name: rng.normal(size=given[w.name].shape) for w in wrt}
    slope = sum((g * direction[w.name]).sum() for w, g in zip(wrt, gradients, strict=True))
    ends = [by_hand(cells, {**given, **{n: given[n] + s * d for n, d in direction.items()}}, True)
            for s in (1e-6, -1e-6)]
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


@pytest.mark.parametrize(("step", "slope"), [
    (lambda y: 2.5 * np.exp(-y), lambda y: -2.5 * np.exp(-y)),
    (lambda y: 3.2 * y * (1 - y), lambda y: 3.2 - 6.4 * y),
    (lambda y: 1 / (1 + y * y), lambda y: -2 * y / (1 + y * y) ** 2),
])
@pytest.mark.parametrize(("dtype", "levels"), [("float32", 150), ("float64", 900)])
def test_weights_of_many_levels_do_not_run_out_of_range(step, slope, dtype, levels):
    """2.5^900 is no float, while the derivative of the chain is one of moderate numbers."""
    x = sg.parameter("x", 3)
    y = x
    for _ in range(levels):
        y = step(y)
    loss = sg.sum(y)
    f = sg.function([x], [loss, sg.gradient(loss, x)], dtype=dtype)
    start = np.array([0.3, 0.45, 0.6], dtype)
    value, derivative = start, np.ones_like(start)
    for _ in range(levels):
        value, derivative = step(value).astype(dtype), (derivative * slope(value)).astype(dtype)
    result, gradient = f(start)
    tiny = np.finfo(dtype).tiny * 1e6
    assert result == pytest.approx(float(value.sum()), rel=1e-4)
    np.testing.assert_allclose(gradient, derivative, rtol=5e-3 if dtype == "float32" else 1e-8, atol=tiny)


def test_numbers_beyond_floats_are_infinite():
    x = sg.data("x", 2)
    np.testing.assert_array_equal((sg.constant(10**200) * 10**200 + x).eval(x=[1, -1]), [np.inf, np.inf])
