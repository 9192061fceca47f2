"""`check()` at the edges: masks, domains, stopped gradients, numbers without digits; and what it is compared with.

A step that is wrong only where a condition is false is found; `sg.gradient` and programs that disagree are named.
"""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.derivations import views
from symgrad.derivations.differences import Estimate
from symgrad.language.tensor import wrap

n = sg.dim("n")
x, y, c, A, b = sg.parameter("x", 4), sg.parameter("y", 4), sg.parameter("c"), sg.parameter("A", (3, 3)), sg.data("b", 3)
S, G = sg.parameter("S", (n, n)), sg.data("G", (n, n))
FUTURE = sg.equal(sg.tril(sg.ones((n, n))), 0)

RIGHT = {
    "mask of minus infinity": sg.sum(G * sg.softmax(sg.where(FUTURE, -np.inf, S))),
    "mask that is added": sg.sum(G * sg.softmax(S + sg.triu(sg.full((n, n), -np.inf), 1))),
    "stop": sg.sum(x * sg.stop_gradient(x)),
    "stop in a box of its own": sg.sum(sg.stop_gradient(sg.tanh(x * y)).named("h") * x),
    "log of a difference": sg.sum(sg.log(x - y)),
    "root far away": sg.sum(sg.sqrt(x - 300)),
    "arccosh": sg.sum(sg.elementwise(sp.acosh, x)),
    "logarithm far away": sg.log(c - 5),
    "Cholesky": b @ sg.cholesky(A) @ b,
    "fast waves": sg.sin(1e8 * c),
    "clipped far away": sg.sum(sg.minimum(x, 30) * y),
    "narrow window": sg.sum(sg.where((x > 3) & (x < 3.01), 0 * x, x * y)),
    "tiny": sg.exp(-1000 * c * c),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_right_derivations_hold(name):
    for seed in range(2):
        result = sg.derive(RIGHT[name]).check(seed)
        assert result and not result.unchecked, str(result)
        assert [v.holds for v in result.views if v.name != "the program in C"] == [True, True]


def test_powers_of_quotients_hold():
    t = c
    for _ in range(101):
        t = t / c
    result = sg.derive(t).check()
    assert result, str(result)


@pytest.mark.parametrize("loss, words", [
    ((c + 1e16) - 1e16, "not checked: rounding alone moves the values as far"),
    (sg.log(-1 - c * c), "not checked: the loss has no finite value at the random points"),
])
def test_what_cannot_be_judged_is_not_checked(loss, words):
    result = sg.derive(loss).check()
    assert words in str(result) and not result.failed and result.unchecked
    assert bool(result) is any(row.holds for row in result.rows)


def spliced(loss, wrong):
    """The derivation of `loss` with its last step that of `wrong`."""
    d = sg.derive(loss, [x])
    return replace(d, steps=(*d.steps[:-1], replace(d.steps[-1], node=sg.derive(wrong, [x]).steps[-1].node)))


@pytest.mark.parametrize("loss, wrong", [
    (sg.sum(sg.where(x > 0, x * sg.sqrt(c), 0)), sg.sum(x * sg.sqrt(c))),
    (sg.sum(sg.minimum(x, 30) * y), sg.sum(x * y)),
    (sg.sum(sg.clip(x, -50, 2) * y), sg.sum(sg.minimum(x, 2) * y)),
    (sg.sum(sg.where(x > 0, 1e-9 * x, 0)), sg.sum(sg.where(x > 0, 2e-9 * x, 0))),  # small, and still twice what is right
])
def test_a_step_that_is_wrong_on_one_side_of_a_condition_is_found(loss, wrong):
    for seed in range(4):
        assert sg.derive(loss, [x]).check(seed)
        assert [row.name for row in spliced(loss, wrong).check(seed).failed] == ["G_{x}"]


@settings(max_examples=25)
@given(st.sampled_from(["where", "min", "max", "relu", "clip"]), st.floats(-40, 40), st.booleans(), st.integers(0, 99))
def test_every_condition_is_met(kind, bound, root, seed):
    value = {"where": sg.where(x > bound, x, 2 * x), "min": sg.minimum(x, bound), "max": sg.maximum(x, bound),
             "relu": sg.relu(x - bound), "clip": sg.clip(x, bound, bound + 1)}[kind]
    by = sg.sqrt(y) if root else y
    loss, wrong = sg.sum(value * by), sg.sum(x * by if kind != "relu" else 2 * x * by)
    assert sg.derive(loss, [x]).check(seed)
    assert not spliced(loss, wrong).check(seed)


def test_a_gradient_that_is_not_that_of_the_steps_is_named(monkeypatch):
    true = views.gradient
    d = sg.derive(sg.sum(sg.tanh(A) ** 2))
    assert d.check()
    monkeypatch.setattr(views, "gradient", lambda of, wrt: [2 * g for g in true(of, wrt)])
    result = d.check()
    assert not result and not result.failed
    assert "all 2 steps hold" in str(result) and "sg.gradient disagrees (with the steps and differences" in str(result)


def test_a_program_that_computes_something_else_is_named(monkeypatch):
    true = views.function

    def wrong(inputs, outputs, backend="numpy", **more):
        return true(inputs, [t if backend == "c" else 2 * t for t in outputs], backend=backend, **more)

    monkeypatch.setattr(views, "function", wrong)
    result = sg.derive(sg.sum(sg.tanh(A) ** 2)).check()
    assert not result and [v.name for v in result.disagreeing] == ["the program in NumPy"]


def test_steps_that_are_wrong_are_not_blamed_on_the_gradient():
    d = sg.derive(sg.sum(sg.tanh(x) ** 2), [x])
    last = d.steps[-1]
    result = replace(d, steps=(*d.steps[:-1], replace(last, node=(2 * wrap(last.node)).node))).check()
    assert [row.number for row in result.failed] == [last.number] and not result.disagreeing


m, n, k = sg.dims("m n k")
W, Z, X, K = sg.parameter("W", (m, n)), sg.data("Z", (m, n)), sg.data("X", (m, n)), sg.parameter("K", (k, n))
TALL, a, b, c = sg.parameter("V", (n, 3)), sg.data("a", n), sg.data("b", n), sg.data("c")
ZEROS = {
    "deviation": (sg.std(a), a), "scaled": (sg.std(a * c), a), "divided": (sg.std(a / c), a), "product": (sg.std(a * b), a),
    "of columns": (sg.sum(sg.std(Z, 0)), Z), "of rows": (sg.mean(sg.std(Z, 1) ** 3), Z), "variance": (sg.log(sg.var(sg.exp(a))), a),
}
SIZES = {
    "rows": (sg.logdet(W @ W.T), W), "columns": (sg.logdet(Z.T @ Z), Z), "weighted": (sg.logdet(X @ sg.diag(a) @ X.T), X),
    "trace": (sg.trace(sg.inv(X @ sg.diag(a) @ X.T)), X), "fixed": (sg.logdet(TALL @ TALL.T), TALL),
    "logarithm": (sg.log(sg.det(W @ W.T)), W), "quotient": (1 / sg.det(W.T @ W), W),
    "three sizes": (sg.logdet(K @ W.T @ W @ K.T), W), "three turned": (sg.logdet(W @ K.T @ K @ W.T), W),
}


@pytest.mark.parametrize("loss, x", [*ZEROS.values(), *SIZES.values()], ids=[*ZEROS, *SIZES])
def test_zeros_beside_uses_that_cancel_and_singular_sizes_are_judged(loss, x):
    for seed in range(3):
        result = sg.derive(loss, [x]).check(seed)
        assert result and not result.unchecked, str(result)


def test_a_loss_that_is_singular_everywhere_is_not_checked():
    F = sg.parameter("F", (5, 3))
    result = sg.derive(sg.logdet(F @ F.T)).check()
    assert not result
    assert str(result) == "not checked: rounding alone moves the values as far"


def test_equal_entries_of_a_maximum_share_what_comes_back():
    """ReLU makes many entries 0: of four that are largest each gets a quarter, which central differences would call a half."""
    image = sg.data("x", (1, 4, 4), over=sg.dim("T"))
    h = sg.relu(sg.conv2d(image, sg.parameter("K", (2, 1, 3, 3)), padding=1)).named("h")
    derivation = sg.derive(sg.mean(sg.sum(sg.max_pool2d(h, 2) ** 2), over=sg.dim("T")))
    assert derivation.check()


def test_wrong_slopes_are_found_where_others_are_at_kinks():
    rows = np.array([[0.2, 0.7, 3.0]])
    left, right, finer = np.array([[0.0, 1.0, 1.0]]), np.array([[1.0, 1.0, 1.0001]]), np.array([[1.0, 1.0, 1.00001]])
    middle = np.array([[0.5, 1.0, 1.0]])
    estimate = Estimate(np.arange(3), middle, 1e-12, sides=((left, finer), (left, right)))
    assert estimate.nearest(rows).tolist() == [[0.2, 1.0, 1.0]]


@pytest.mark.parametrize("infinity", [-np.inf, np.inf])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_a_mask_of_infinities_stays_a_choice(infinity, turned, known):
    """∞ [c] would be 0 ∞, no number, where c is false."""
    x, W = sg.data("x", 3), sg.parameter("W", 3)
    c = sg.equal(sg.arange(3), 1) if known else sg.data("c", 3, dtype="boolean")
    mask = sg.where(c, *((infinity, 0.0) if turned else (0.0, infinity)))
    last, _ = sg.scan(lambda h, x_t: (sg.where(h + x_t > h, h + x_t * W, h), None), mask, sg.broadcast_to(x, (4, 3)))
    loss = sg.sum(sg.exp(-last if infinity > 0 else last) * x)
    gradient = sg.gradient(loss, W)
    assert "∞ [" not in str(gradient) and "∞ c" not in str(gradient)
    d = sg.derive(loss)
    assert d.check(), str(d.check())
    soft = sg.logsumexp(-(W * x + mask) if infinity > 0 else W * x + mask)
    assert "∞ [" not in str(sg.gradient(soft, W)) and (sg.derive(soft).check() or not known)


def test_a_path_that_begins_at_one_state_and_ends_after_some_steps():
    """Logarithms of probabilities, of which all but one are -∞ at first, as those of `sg.losses.ctc`."""
    v, length = sg.parameter("v", (4, 3)), sg.data("n", dtype="integer")

    def step(h, now):
        before = sg.concatenate([sg.full((1,), -np.inf), h])[:3]
        ways = sg.stack([h, before], axis=-1)
        some = sg.max(ways, axis=-1) > -np.inf
        reached = sg.where(some, sg.logsumexp(sg.where(some[:, None], ways, 0.0), axis=-1), -np.inf)
        return sg.where(now[1] < length, reached + now[0], h), None

    last, _ = sg.scan(step, sg.where(sg.equal(sg.arange(3), 0), 0.0, -np.inf), (v, sg.arange(4)))
    assert sg.derive(last[0]).check()
