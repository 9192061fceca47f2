"""One function has one printed derivative, however it was written; and what is printed has the values of what is computed."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.language.replaying import shown

n, m, k = sg.dims("n m k")
SIZES = {"n": 3, "m": 4, "k": 2}
x, y, v = sg.parameter("x", n), sg.data("y", n), sg.parameter("v", n)
X, W = sg.data("X", (m, n)), sg.parameter("W", (m, k))
a, b, c, q = (sg.parameter(name) for name in "abcq")
p = sg.data("p", n, simplex=True)
S = sg.data("S", (n, n), symmetric=True)
L = sg.parameter("L", (n, n))
SYMBOLS = (x, y, v, X, W, a, b, c, q, p, S, L)


def at(seed, low=-1.5, high=1.5):
    rng = np.random.default_rng(seed)
    found = {}
    for t in SYMBOLS:
        value = rng.uniform(low, high, [SIZES[str(size)] for size in t.shape])
        if t is S:
            value = value + value.T
        found[t] = abs(value) / abs(value).sum() if t is p else value
    return found


def same_values(tensors, values):
    """What is read has the values of what is computed."""
    pairs = [each for t in tensors for each in (t, shown(t))]
    with np.errstate(all="ignore"):
        found = sg.function(list(values), pairs, sizes=SIZES)(*values.values())
    for computed, read, t in zip(found[::2], found[1::2], tensors, strict=True):
        scale = max(1.0, np.max(np.abs(computed)))
        np.testing.assert_allclose(read / scale, computed / scale, rtol=1e-9, atol=1e-11, err_msg=str(t))


def twins(losses, by, values, hessian=True):
    """All losses are one function: one text of their derivatives but for ties, with the values of what is computed."""
    gradients = [sg.gradient(loss, by) for loss in losses]
    texts = {str(g).replace("≤", "<").replace("≥", ">") for g in gradients}
    assert len(texts) == 1, texts
    if hessian:
        second = [sg.hessian(loss, by) for loss in losses]
        assert len({str(h).replace("≤", "<").replace("≥", ">") for h in second}) == 1, {str(h) for h in second}
        gradients += second[:1]
    same_values(gradients, values)


ARGUMENTS = {"x": lambda: x, "X x": lambda: X @ x, "1 - X x": lambda: 1 - X @ x, "x - y": lambda: x - y, "y x": lambda: x * y,
             "2 x": lambda: 2 * x, "tanh": lambda: sg.tanh(x)}
AROUND = {"sum": sg.sum, "mean": sg.mean, "weighted": lambda t: sg.sum(3 * t) / 7, "scaled": lambda t: a * sg.sum(t)}
CHOICES = {
    "relu": lambda u: [sg.relu(u), sg.maximum(u, 0), sg.maximum(0, u), sg.where(u > 0, u, 0), sg.where(u <= 0, 0, u),
                       (u + sg.abs(u)) / 2],
    "size": lambda u: [sg.abs(u), sg.maximum(u, -u), sg.where(u > 0, u, -u), sg.where(u < 0, -u, u), -sg.minimum(u, -u)],
    "Huber": lambda u: [sg.where(sg.abs(u) <= 1, u**2 / 2, sg.abs(u) - 1 / 2),
                        sg.where(sg.abs(u) > 1, sg.abs(u) - 1 / 2, u**2 / 2),
                        sg.where(sg.abs(u) < 1, u**2 / 2, sg.abs(u) - 1 / 2),
                        sg.minimum(sg.abs(u), 1) * (sg.abs(u) - sg.minimum(sg.abs(u), 1) / 2),
                        sg.clip(u, -1, 1) * u - sg.clip(u, -1, 1) ** 2 / 2],
    "pinball": lambda u: [sg.maximum(q * u, (q - 1) * u), sg.where(u >= 0, q * u, (q - 1) * u),
                          q * sg.relu(u) + (1 - q) * sg.relu(-u)],
    "leaky": lambda u: [sg.maximum(u, 0.01 * u), sg.where(u > 0, u, 0.01 * u), sg.relu(u) - 0.01 * sg.relu(-u)],
}


@settings(max_examples=12)
@given(st.sampled_from(sorted(CHOICES)), st.sampled_from(sorted(ARGUMENTS)), st.sampled_from(sorted(AROUND)), st.integers(0, 99))
def test_pieces_in_all_writings(kind, argument, around, seed):
    plain = kind in ("pinball", "leaky") and argument == "1 - X x"  # X x < 1 and X x > 1 are as they were written
    u = ARGUMENTS["X x" if plain else argument]()
    twins([AROUND[around](each) for each in CHOICES[kind](u)], x, at(seed))


@settings(max_examples=6)
@given(st.sampled_from(["relu", "size"]), st.sampled_from(sorted(ARGUMENTS)), st.integers(2, 3), st.integers(0, 99))
def test_powers_of_pieces(kind, argument, power, seed):
    twins([sg.sum(each**power) for each in CHOICES[kind](ARGUMENTS[argument]())], x, at(seed))


def test_a_mask_and_its_tie_stay_as_they_are_written():
    assert str(sg.gradient(sg.sum((x * (x > 0)) ** 2), x)) == "2 x ⊙ [x > 0]"
    assert str(sg.gradient(sg.sum(sg.where(x >= 0, x, 0)), x)) == "[x ≥ 0]"
    assert str(sg.gradient(sg.where(a >= b, q * a, sg.where(a >= 0, a**2, -a)), a)) == "{q if a ≥ b, 2 a if a ≥ 0, -1 otherwise}"


def test_a_condition_that_the_variable_does_not_move_keeps_its_tie():
    """where(y >= 0, x, 2 x) has a derivative by x at y = 0."""
    g = sg.gradient(sg.sum(sg.where(y >= 0, x, 2 * x)), x)
    assert str(g) == "{1 if y ≥ 0, 2 otherwise}"
    np.testing.assert_array_equal(shown(g).eval(y=np.array([0.0, 1.0, -1.0])), [1, 1, 2])


EXPONENTIALS = {
    "tanh": lambda u: [sg.tanh(u), (sg.exp(u) - sg.exp(-u)) / (sg.exp(u) + sg.exp(-u)), sg.sinh(u) / sg.cosh(u),
                       (sg.exp(2 * u) - 1) / (sg.exp(2 * u) + 1), (1 - sg.exp(-2 * u)) / (1 + sg.exp(-2 * u)),
                       1 - 2 / (sg.exp(2 * u) + 1), 2 * sg.sigmoid(2 * u) - 1],
    "sigmoid": lambda u: [sg.sigmoid(u), 1 / (1 + sg.exp(-u)), sg.exp(u) / (1 + sg.exp(u)), (1 + sg.tanh(u / 2)) / 2,
                          1 - 1 / (1 + sg.exp(u))],
    "log cosh": lambda u: [sg.log(sg.cosh(u)), sg.log((sg.exp(u) + sg.exp(-u)) / 2), sg.log(sg.exp(u) + sg.exp(-u))],
    "cosh": lambda u: [sg.cosh(u), (sg.exp(u) + sg.exp(-u)) / 2],
}


@settings(max_examples=10)
@given(st.sampled_from(sorted(EXPONENTIALS)), st.sampled_from(["x", "X x", "x - y", "y x"]), st.sampled_from(sorted(AROUND)),
       st.integers(0, 99))
def test_exponentials_in_all_writings(kind, argument, around, seed):
    twins([AROUND[around](each) for each in EXPONENTIALS[kind](ARGUMENTS[argument]())], x, at(seed))


def test_one_of_two_by_exponentials():
    for loss in (sg.log(sg.exp(a) / (sg.exp(a) + sg.exp(b))), sg.log(sg.sigmoid(a - b)), -sg.log(1 + sg.exp(b - a))):
        assert str(sg.gradient(loss, a)) == "σ(b - a)"


def test_entropies_of_a_softmax():
    P, e = sg.softmax(x), sg.exp(x) / sg.sum(sg.exp(x))
    twins([-sg.sum(P * sg.log(P)), -sg.sum(P * sg.log_softmax(x)), -sg.sum(e * sg.log(e)), sg.logsumexp(x) - sg.sum(P * x),
           -P @ sg.log(P)], x, at(0))
    assert str(sg.gradient(-sg.sum(P * sg.log(P)), x)) == "softmax(x) ⊙ (xᵀ softmax(x) - x)"


@settings(max_examples=5)
@given(st.sampled_from([lambda u: u, lambda u: u**2, sg.exp, sg.tanh]), st.integers(0, 99))
def test_what_adds_up_to_one_takes_means(f, seed):
    centred = f(x) - p @ f(x)
    twins([sg.sum(p * centred**2), sg.sum(p * f(x) ** 2) - (p @ f(x)) ** 2, p @ f(x) ** 2 - (p @ f(x)) ** 2], x, at(seed), False)


FACTORS = [a, b, c, a / c, a / b, a * b, b / c]


@settings(max_examples=12)
@given(st.lists(st.tuples(st.sampled_from(range(len(FACTORS))), st.sampled_from([1, -1, 2, -2])), min_size=1, max_size=3),
       st.sampled_from([(a, c), (a, b), (b, c)]), st.sampled_from([c, c - 1, 2 * c + 1, a]), st.integers(0, 99))
def test_powers_of_quotients(some, quotient, exponent, seed):
    power = (quotient[0] / quotient[1]) ** exponent
    values = at(seed, 0.4, 1.6)
    losses = set()
    for order in itertools.permutations([power, *(FACTORS[i] ** e for i, e in some)]):
        losses.add(math.prod(order[1:], start=order[0]))
    twins(list(losses)[:4], a, values)
    same_values([sg.gradient(next(iter(losses)), each) for each in (b, c)], values)


def test_a_power_of_a_quotient_stays_one():
    assert str(sg.gradient((a / c) ** c, c)) == "(a/c)^c (log(a/c) - 1)"
    assert str(sg.gradient(c * sg.log(a / b) - (a / b) ** c, a)) == "c (1 - (a/b)^c)/a"


@settings(max_examples=10)
@given(st.lists(st.integers(-3, 3), min_size=2, max_size=3), st.integers(1, 2), st.integers(-6, 6), st.integers(0, 99))
def test_polynomials(roots, power, by, seed):
    one = by * a**power
    whole = by * a**power
    for r in roots:
        one = one * (a - r)
    coefficients = np.poly(roots)
    whole = sum(float(each) * by * a ** (power + len(roots) - i) for i, each in enumerate(coefficients))
    values = at(seed)
    same_values([sg.gradient(one, a), sg.hessian(one, a), sg.gradient(whole, a)], values)


@pytest.mark.parametrize("loss, text", [
    (a**4 - 3 * a**3, "4 a³ - 9 a²"), (4 * a**3 - 9 * a**2, "12 a² - 18 a"), ((a - 3) ** 2, "2 (a - 3)"),
    (a**3 * (1 - a) ** 2, "a² (1 - a) (3 - 5 a)"),
])
def test_numbers_stand_where_people_write_them(loss, text):
    assert str(sg.gradient(loss, a)) == text


@pytest.mark.parametrize("loss", [
    sg.norm(W.T @ W - sg.eye(k)) ** 2, sg.sum((W.T @ W - sg.eye(k)) ** 2), sg.norm(sg.eye(k) - W.T @ W) ** 2,
    sg.trace((W.T @ W - sg.eye(k)) @ (W.T @ W - sg.eye(k)).T),
])
def test_gram_matrices_in_all_writings(loss):
    assert str(sg.gradient(loss, W)) == "4 (W Wᵀ W - W)"
    same_values([sg.gradient(loss, W)], at(0))


def test_two_terms_stand_together_where_that_is_shorter():
    A = sg.data("A", (n, n))
    assert str(sg.gradient(x @ A @ x / (x @ x), x)) == "(‖x‖² (A + Aᵀ) x - 2 (xᵀ A x) x)/‖x‖⁴"
    r = sg.parameter("r", n, nonnegative=True)
    pairs = r[:, None] / (r[:, None] + r[None, :])
    texts = {str(sg.gradient(-sg.sum(A * f), r)) for f in (
        sg.log(pairs), sg.log(r)[:, None] - sg.log(r[:, None] + r[None, :]))}
    assert texts == {"((A + Aᵀ)/(r 1ᵀ + 1 rᵀ)) · 1 - (A 1)/r"}


def test_squares_are_not_multiplied_out():
    s = sg.parameter("s", nonnegative=True)
    density = sg.exp(-((a - b) ** 2) / (2 * s**2)) / (s * math.sqrt(2 * math.pi))
    assert "(a - b)" in str(sg.hessian(density, s)) and "a b" not in str(sg.hessian(density, s))


def test_norms_stay_norms_in_long_formulas():
    text = str(sg.hessian(a / sg.norm(x - y) + b / sg.norm(x - v), x))
    assert "√" not in text and "‖x - y‖⁵" in text and "‖x - v‖⁵" in text


@settings(max_examples=6)
@given(st.sampled_from([lambda u: sg.sum(u**2), lambda u: sg.mean(u**3), lambda u: sg.sum(sg.exp(u)), lambda u: sg.norm(u)]),
       st.integers(0, 99))
def test_a_named_mean_is_the_mean(f, seed):
    values = at(seed)
    named, plain = f(x - sg.mean(x).named("m")), f(x - sg.mean(x))
    g, h = sg.gradient(named, x), sg.gradient(plain, x)
    assert str(g).replace("m", "mean(x)") == str(h).replace("m", "mean(x)").replace("mean(x)ean(x)", "mean(x)")
    same_values([g, h], values)


def test_sums_of_deviations_from_a_named_mean_are_zero():
    assert str(sg.gradient(sg.sum((x - sg.mean(x).named("m")) ** 2), x)) == "2 (x - m)"


def test_a_triangle_is_one():
    assert str(sg.gradient(sg.sum(sg.tril(L) @ y), L)) == "tril(1 yᵀ)"
    assert str(sg.gradient(sg.norm(sg.triu(L) @ y) ** 2, L)) == "2 triu(triu(L) y yᵀ)"
    g = [sg.gradient(sg.norm(sg.tril(L) @ sg.tril(L).T - S) ** 2, L), sg.gradient(sg.sum(sg.tril(L.T) @ y * x), L)]
    same_values(g, at(1))


def test_deltas_of_inverses_are_carried_out():
    for loss in (sg.trace(sg.inv(L)), y @ sg.inv(L) @ x, sg.trace(sg.inv(L) @ S)):
        h = sg.hessian(loss, L)
        assert "δ" not in str(h)
        same_values([h], at(2))


def test_a_gradient_is_read_alike_alone_and_with_others():
    h, parameters = y, []
    for i in range(6):
        w, s = sg.parameter(f"A_{i}", (n, n)), sg.parameter(f"s_{i}", n)
        parameters += [w, s]
        h = sg.relu(w @ h + s) if i % 2 else sg.tanh(w @ h + s)
    loss = sg.sum((h - x) ** 2) + sg.sum(sg.softmax(h) * x)
    alone = [str(sg.gradient(loss, each)) for each in parameters]
    together = sg.gradient(loss, parameters)
    assert [str(g) for g in together] == alone
    assert [str(g) for g in reversed(sg.gradient(loss, parameters[::-1]))] == alone
