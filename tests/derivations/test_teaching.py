"""Derivations as a teacher writes them: a step for what has a name, in the order of writing, and no other."""

import re

import derived
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

n, d, k, T = sg.dims("n d k T")


def forward(loss, wrt=None):
    return [s.formula for s in sg.derive(loss, wrt).steps if s.kind == "forward"]


def backward(loss, wrt=None):
    return [s.formula for s in sg.derive(loss, wrt).steps if s.kind == "backward"]


TERMS = {
    "squares": lambda w, i: (w - i) ** 2,
    "exponentials": lambda w, i: sg.exp(w * (i + 1)),
    "logarithms": lambda w, i: sg.log(1 + sg.exp(w)) / (i + 2),
    "products": lambda w, i: w * sg.sin(w) * (i + 1),
}


@given(st.lists(st.sampled_from(list(TERMS)), min_size=2, max_size=12), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_sum_is_one_line(kinds, weighted):
    terms = [TERMS[kind](sg.parameter(f"w_{i}"), i) for i, kind in enumerate(kinds)]
    total = sum(terms[1:], terms[0])
    derivation = sg.derive(0.5 * total if weighted else total)
    assert len([s for s in derivation.steps if s.kind == "forward"]) == 1
    assert not any("G_" in s.formula.partition(" = ")[2] for s in derivation.steps)


def test_a_sum_within_another_function_is_one_line_too():
    xs = [sg.parameter(f"x_{i}") for i in range(9)]
    total = sum((x - 1) ** 2 for x in xs)
    first, last = forward(sg.log(1 + total))
    assert first.count("- 1)²") == 9 and last == "L = log(v₁)"


def test_penalties_have_no_step_of_their_own():
    W = [sg.parameter(f"W_{i}", (2, 2)) for i in range(1, 6)]
    assert backward(0.1 * sum(sg.sum(w * w) for w in W)) == [f"G_W{c} = 0.2 W{c}" for c in "₁₂₃₄₅"]


y, v, w = sg.data("y", (2, 3)), sg.parameter("v", 3), sg.parameter("w", 3)
ALIASES = {
    "a row": sg.sum((w - y[0]) ** 2) + sg.sum((w + y[0]) ** 3),
    "a slice": sg.sum((w[:2] - 1) ** 2) + sg.sum(w[:2] ** 4),
    "a transpose": sg.sum((y.T @ sg.parameter("u", 2)) ** 2) + sg.sum(sg.exp(y.T)),
    "a reshape": sg.sum(sg.exp(sg.reshape(y, 6)) * sg.parameter("u", 6)) + sg.sum(sg.reshape(y, 6)),
    "a column": sg.sum(w * y[:, 0].sum()) + sg.sum(v * v) * y[0, 0],
    "a reciprocal": sg.sum(v / w) + sg.sum(sg.sin(1 / w)),
}


@pytest.mark.parametrize("name", ALIASES)
def test_what_only_rearranges_is_no_step(name):
    assert not [f for f in forward(ALIASES[name]) if re.fullmatch(r"v.? = (1/)?\w+(\[[^\]]*\]|ᵀ|\(\w+\))?", f)]


def test_a_quotient_by_what_has_a_name():
    P, R, z = sg.data("P"), sg.parameter("R"), sg.data("z")
    S = (P + R).named("S_0")
    K = (P / S).named("K_0")
    assert forward(K**2 + sg.log(S) + z**2 / S) == ["S₀ = P + R", "K₀ = P/S₀", "L = K₀² + log(S₀) + z²/S₀"]


def test_what_the_loss_only_adds_up_is_no_step():
    X = sg.data("X", (n, d))
    assert forward(sg.sum((X @ sg.parameter("w", d)) ** 3)) == ["a¹ = X w", "L = sum((a¹)^⊙3)"]


X, W, g, c, R = (sg.data("X", (n, d)), sg.parameter("W", (d, d)), sg.parameter("g", d), sg.parameter("c", d),
                 sg.data("R", (n, d)))
Z, u, s = X @ W, X @ sg.parameter("β", d), sg.data("s", n)
NOT_AFFINE = {
    "batch norm": sg.sum(sg.tanh(g * (Z - Z.mean(0)) / sg.sqrt(Z.var(0) + 1e-5) + c) * R),
    "Cox": sg.sum(s * (sg.log(sg.flip(sg.cumsum(sg.flip(sg.exp(u))))) - u)),
    "a gate": sg.sum((X @ (Z.T @ sg.tanh(Z) - W)) ** 2),
    "a sampled code": sg.sum((X - (Z + sg.exp(X @ sg.parameter("V", (d, d))) * R) @ W.T) ** 2),
    "log-softmax": sg.sum((Z - sg.logsumexp(Z, 1, keepdims=True)) * R),
}


@pytest.mark.parametrize("name", NOT_AFFINE)
def test_an_affine_layer_has_no_function_in_it(name):
    derivation = sg.derive(NOT_AFFINE[name])
    layers = [s for s in derivation.steps if s.kind == "forward" and s.rule == "affine layer"]
    assert layers and not any(re.search(r"√|log|exp|tanh|softmax|\^⊙|⊙ \(", s.formula) for s in layers)
    assert derivation.check()


def test_gates_and_the_cell_of_an_lstm_are_steps():
    x, h, c0, y = (sg.data(name, d) for name in ("x", "h_0", "c_0", "y"))
    i, f, q, o = (a(sg.parameter(f"W_{k}", (d, d)) @ x + sg.parameter(f"U_{k}", (d, d)) @ h)
                  for k, a in zip("ifgo", (sg.sigmoid, sg.sigmoid, sg.tanh, sg.sigmoid), strict=True))
    found = forward(sg.sum((o * sg.tanh(f * c0 + i * q) - y) ** 2))
    assert found[-3:] == ["v₁ = c₀ ⊙ x² + x³ ⊙ x⁴", "v₂ = x¹ ⊙ tanh(v₁) - y", "L = ‖v₂‖²"]
    assert [f.split()[2] for f in found if f.startswith("a")] == ["W_o", "W_f", "W_i", "W_g"]


@pytest.mark.parametrize("names", [("t", "s"), ("t", "c"), ("s", "t"), ("c", "n")])
def test_the_index_of_samples_is_no_letter_of_the_author(names):
    label, other = names
    T, k = sg.dims("T k")
    x, t = sg.data("x", d, over=T), sg.labels(label, classes=k, over=T)
    W, b = sg.parameter("W", (k, d)), sg.parameter(other, k)
    derivation = sg.derive(sg.empirical_risk(sg.losses.cross_entropy(W @ x + b, t)) + sg.sum(b * b))
    single = sg.derive(sg.empirical_risk(sg.losses.cross_entropy(W @ x + b, t)))
    for text in (derivation.unicode(), single.unicode(), single.markdown(), single.latex(), single.html(),
                 str(derivation.steps[-1]), str(sg.explain(single))):
        assert not re.search(rf"(∑|\\sum)_{{?[{label}{other}]\b", text)
    assert "column d" not in single.unicode()


def test_the_steps_over_the_batch_have_no_gap():
    T = sg.dim("T")
    x, y = sg.data("x", d, over=T), sg.data("y", over=T)
    m, z = sg.data("m", (n, d), over=T), sg.data("z", n, over=T)
    for loss in (sg.losses.squared_error(sg.parameter("w", d) @ x, y), sg.sum((m @ sg.parameter("w", d) - z) ** 2),
                 sg.sum(sg.softmax(m @ W, 1) @ g - z)):
        text = sg.derive(sg.empirical_risk(loss)).unicode()
        numbers = [int(q) for q in re.findall(r"\((\d+)′\)", text)]
        assert numbers == list(range(1, len(numbers) + 1)) and "′) L = " in text


@pytest.mark.parametrize("width", [72, 80, 100, 140])
def test_formulas_and_reasons_stand_in_two_columns(width):
    T = sg.dim("T")
    x, t = sg.data("x", d, over=T), sg.labels("c", classes=n, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(d, d), sg.nn.Tanh(), sg.nn.Linear(d, n))
    text = sg.derive(sg.empirical_risk(sg.losses.cross_entropy(net(x), t))).unicode(width)
    steps = [line for line in text.splitlines() if re.match(r"\s*\(\d+\) ", line)]
    at = {line.rindex(re.split(r"\s{2,}", line.strip())[-1]) for line in steps}
    assert len(at) == 1 and max(map(len, text.splitlines())) <= width


def test_a_name_with_a_number_is_no_power():
    Z, w = sg.parameter("Z", (n, d)), sg.parameter("w", d)
    steps = [*sg.derive(sg.logdet(Z.T @ Z + sg.eye(d))).steps, *sg.derive(sg.sum((Z @ w) ** 3)).steps,
             *sg.derive(sg.sum(sg.inv(sg.data("A", (d, d)) @ W) @ w)).steps]
    assert not any(re.search(r"[¹²]⁻|[¹²]\^|\^\{\d\}\}?\^\{-|\^\{\d\}\}?\^\{\\odot", str(s) + s.latex()) for s in steps)
    assert any("(a¹)⁻¹" in str(s) for s in steps) and any("(a^{1})^{-1}" in s.latex() for s in steps)


def test_symmetric_by_form_is_symmetric_in_the_steps():
    x, t, ell, sigma = sg.data("x", n), sg.data("y", n), sg.parameter("ℓ"), sg.parameter("σ")
    K = (sg.exp(-.5 * (x[:, None] - x[None, :]) ** 2 / ell**2) + sigma**2 * sg.eye(n)).named("K")
    derivation = sg.derive(.5 * t @ sg.inv(K) @ t + .5 * sg.logdet(K))
    assert "G_K = 1/2 (K⁻¹ - K⁻¹ y yᵀ K⁻¹)" in backward(.5 * t @ sg.inv(K) @ t + .5 * sg.logdet(K))
    assert "K⁻ᵀ" not in derivation.unicode() and derivation.check()


def test_declared_facts_do_not_stop_the_proof():
    x, mu = sg.data("x", (n, d)), sg.parameter("μ", d)
    S = sg.parameter("Σ", (d, d), positive_definite=True)
    assert sg.derive(n * sg.logdet(S) + sg.sum(((x - mu) @ sg.inv(S)) * (x - mu))).check()
    p = sg.parameter("p", 3, simplex=True)
    assert sg.derive(sg.sum(p * sg.log(p)) + sg.sum(p) ** 2).check()


def test_products_are_numbered_as_they_were_written():
    A, B, C = (sg.parameter(name, (d, d)) for name in "ABC")
    for order in ((A, B, C), (C, A, B), (B, C, A)):
        P, Q, S = (sg.tanh(X @ each) for each in order)
        names = [f.split()[-1] for f in forward(sg.sum((P * Q * S - X) ** 2)) if f.startswith("a")]
        assert names == [str(each.name) for each in order]


def test_values_agree_with_the_text():
    x = np.array([1.0, 2.0, -1.0])
    a = sg.parameter("a", 3)
    loss = sg.sum(a / sg.sum(sg.exp(a))) + sg.sum(1 / (1 + a * a))
    got = sg.function([a], sg.gradient(loss, a))(x)
    e = np.exp(x)
    want = 1 / e.sum() - x.sum() * e / e.sum() ** 2 - 2 * x / (1 + x * x) ** 2
    np.testing.assert_allclose(got, want)
    assert sg.derive(loss).check()


# batch norm, layer norm ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("shift", [1e-5, 0])
def test_batch_norm_and_layer_norm_have_the_steps_of_their_papers(axis, shift):
    A = sg.parameter("A", (n, d))
    deviation = sg.sqrt(A.var(axis, keepdims=True) + shift) if shift else A.std(axis, keepdims=True)
    h = (A - A.mean(axis, keepdims=True)) / deviation
    derivation = sg.derive(sg.sum((h * g + c) ** 3 * R))
    rules = [s.rule for s in derivation.steps if s.kind == "forward"]
    assert rules[0] == "mean" and ("standardised" in rules) and ("variance" in rules) == bool(shift)
    (mean,) = (s.formula for s in derivation.steps if s.kind == "backward" and s.formula.startswith("G_μ"))
    assert not shift or "μ" not in mean.partition(" = ")[2]  # what deviates from its mean adds up to zero
    assert derivation.check()


def test_names_of_statistics_are_free():
    mu, s = sg.parameter("μ", d), sg.parameter("σ", d)
    A = sg.parameter("A", (n, d))
    h = (A - A.mean(0)) / sg.sqrt(A.var(0) + 1)
    found = forward(sg.sum((h * s + mu) * R))
    assert [f.split(" = ")[0] for f in found] == ["m", "s²", "x̂", "L"]
    twice = (h * s - (h * s).mean(0)) / sg.sqrt((h * s).var(0) + 1)
    assert [f.split(" = ")[0] for f in forward(sg.sum(twice * R * mu))][:3] == ["m₁", "s₁²", "x̂₁"]
    own = (A - A.mean(0).named("centre")) / sg.sqrt(A.var(0) + 1).named("width")
    assert [f.split(" = ")[0] for f in forward(sg.sum(sg.exp(own.named("unit")) * R))] == ["centre", "width", "unit", "L"]


def test_a_variance_alone_needs_no_names():
    x = sg.parameter("x", n)
    assert not any("μ" in f for f in forward(sg.var(x) + sg.mean(x) ** 2))


# answers --------------------------------------------------------------------------------------------------------------


def answers(loss):
    text = sg.derive(loss).unicode(200)
    return text.partition("Answer")[2].partition("\n\n")[0]


def test_long_answers_are_written_in_the_names_of_the_steps():
    T = sg.dim("T")
    x, y = sg.data("x", d, over=T), sg.data("y", n, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(d, d), sg.nn.Tanh(), sg.nn.Linear(d, n))
    text = answers(sg.empirical_risk(sg.losses.squared_error(net(x), y)))
    assert text.startswith(", in the names of the steps") and "∇_W₂ L = 2/T ∑_t (W₂ x¹_t + b₂ - y_t) x¹_tᵀ" in text
    short = answers(sg.sum((X @ sg.parameter("w", d) - s) ** 2))
    assert short.strip() == "∇_w L = 2 Xᵀ (X w - s)"
    for text in (sg.derive(sg.sum((sg.tanh(X @ W) @ W - X) ** 2)).markdown(), sg.derive(
            sg.sum((sg.tanh(X @ W) @ W - X) ** 2)).latex(), sg.derive(sg.sum((sg.tanh(X @ W) @ W - X) ** 2)).html()):
        assert "In the names of the steps:" in text


def test_residuals_and_responsibilities_are_called_so():
    assert any(s.rule == "gradient of the loss: responsibilities" for s in derived.derivation("mixture").steps)
    assert sg.derive(sg.sum((X @ sg.parameter("w", d) - s) ** 2)).steps[0].rule == "residual"


# steps that their author named ---------------------------------------------------------------------------------------


def test_what_has_a_name_is_a_step():
    k = sg.dim("k")
    z, c = sg.parameter("z", (n, k)), sg.labels("c", classes=k, shape=n)
    m = z.max(1, keepdims=True).named("m")
    q = (z - m).named("q")
    total = sg.exp(q).sum(1, keepdims=True).named("s")
    loss = -sg.log(sg.exp(q) / total)[sg.arange(n), c].mean()
    found = forward(loss)
    assert [f.split(" = ")[0] for f in found if f[0] != "v"] == ["m", "q", "s", "L"]
    assert found[0] == "m = max(z, axis=1)" and "∇_z L = 1/n (softmax(z) - onehot(c))" in sg.derive(loss).unicode()
    assert sg.derive(loss).check()


def test_a_function_is_recognised_within_a_step():
    z = sg.parameter("z", d)
    e = sg.exp(z)
    p = (e / sg.sum(e)).named("p")
    assert forward(sg.sum(p * sg.data("w", d)) ** 2)[0] == "p = softmax(z)"


def test_the_error_of_a_probability_is_what_a_textbook_writes():
    X, y, w, b = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.parameter("b")
    p = sg.sigmoid(X @ w + b).named("p")
    derivation = sg.derive(-sg.mean(y * sg.log(p) + (1 - y) * sg.log(1 - p)))
    assert "G_a¹ = σ'(a¹) ⊙ G_p = 1/n (p - y)" in str(derivation) and derivation.check()
    W, x, t = sg.parameter("W", (k, d)), sg.data("x", d, over=T), sg.labels("t", k, over=T)
    q = sg.softmax(W @ x).named("q")
    derivation = sg.derive(sg.mean(-sg.log(q)[t], over=T))
    assert "G_a¹ = q ⊙ (G_q - G_qᵀ q) = q - e_t" in str(derivation) and derivation.check()
    assert "G_{a^{1}} = q \\odot" not in derivation.steps[4].latex() and "q - e_{t}" in derivation.latex()


def test_exponentials_of_a_softmax_by_hand_are_a_step_only_under_a_name():
    z, y = sg.parameter("z", (n, k)), sg.labels("y", k, shape=n)

    def names(e):
        s = sg.sum(e, axis=1, keepdims=True).named("s")
        return [step.name for step in sg.derive(-sg.mean(sg.log(e / s)[sg.arange(n), y])).steps if step.kind == "forward"]

    assert names(sg.exp(z)) == ["s", "L"] and names(sg.exp(z).named("e")) == ["e", "s", "L"]
    e = sg.exp(sg.parameter("v", k))
    assert [s.name for s in sg.derive(sg.sum(e) + sg.sum(sg.sin(e))).steps][0] == "v_1", "elsewhere it is a value like others"


def test_products_of_parameters_and_scales_are_no_affine_layers():
    Q, K, R = sg.parameter("Q", (n, d)), sg.parameter("K", (n, d)), sg.data("R", (n, n))
    steps = sg.derive(sg.sum(sg.softmax(Q @ K.T / sg.sqrt(d)) * R)).steps
    assert not any("affine" in s.rule for s in steps)
    assert [s.formula for s in steps if s.kind == "forward"] == ["v₁ = 1/√d Q Kᵀ", "v₂ = softmax(v₁)", "L = tr(R v₂ᵀ)"]
    X, gamma, beta, Y = sg.data("X", (n, d)), sg.parameter("γ", d), sg.parameter("β", d), sg.data("Y", (n, d))
    x = ((X - sg.mean(X, axis=0)) / sg.sqrt(sg.var(X, axis=0) + 1e-5))
    steps = sg.derive(sg.sum(sg.relu(gamma * x + beta) * Y)).steps
    assert [s.rule for s in steps if s.kind == "forward"] == [
        "mean", "variance", "standardised", "scale and shift", "activation, relu entry by entry", "loss"]
    W = sg.parameter("W", (d, k))
    assert "affine layer" in [s.rule for s in sg.derive(sg.sum(sg.tanh(X @ W))).steps]


def test_the_whole_chain_has_the_parentheses_that_its_products_need():
    x, y = sg.data("x", d, over=T), sg.data("y", d, over=T)
    W, V = sg.parameter("W", (d, d)), sg.parameter("V", (d, d))
    text = sg.derive(sg.mean(sg.sum((sg.tanh(V @ sg.tanh(W @ x)) - y) ** 2), over=T), [x, W, V]).unicode()
    chain = next(line for line in text.splitlines() if "∇_" in line and "⊙" in line and "G_x = " in line).strip()
    assert chain == "G_x = Wᵀ (tanh'(a¹) ⊙ Vᵀ (tanh'(a²) ⊙ ∇_x² r))"


def test_a_residual_of_what_has_names_is_a_step():
    X, gamma, beta, Y = sg.data("X", (n, d)), sg.parameter("γ", d), sg.parameter("β", d), sg.data("Y", (n, d))
    x = ((X - sg.mean(X, axis=0)) / sg.sqrt(sg.var(X, axis=0) + 1e-5))
    steps = [str(s) for s in sg.derive(sg.sum((gamma * x + beta - Y) ** 2)).steps]
    assert steps[3:] == ["(4) v₁ = x̂ diag(γ) + 1 βᵀ - Y", "(5) L = ‖v₁‖_F²", "(6) G_v₁ = 2 v₁", "(7) G_β = G_v₁ᵀ 1",
                         "(8) G_γ = (G_v₁ ⊙ x̂)ᵀ 1"]


@pytest.mark.parametrize("axis", [-1, 0, (0, 1)])
def test_what_is_normalised_has_the_known_gradient(axis):
    """By that of x-hat alone, and proved by numbers; where the mean has another use it stays a sum over uses."""
    n, d = sg.dims("n d")
    x, w = sg.parameter("x", (n, d)), sg.data("w", (n, d))
    mu = sg.mean(x, axis=axis, keepdims=True)
    hat = (x - mu) / sg.sqrt(sg.var(x, axis=axis, keepdims=True) + 1e-5)
    plain, more = sg.derive(sg.sum(w * hat)), sg.derive(sg.sum(w * hat) + sg.sum(mu**2))
    (step,) = [s for s in plain.steps if s.name == "G_{x}"]
    assert "G_μ" not in step.formula and "x̂" in step.formula and step.applied is not None
    assert all(s.applied is None for s in more.steps if s.name == "G_{x}")
    assert plain.check() and more.check()


def test_what_is_normalised_over_the_samples_goes_back_by_samples():
    """Means stay means: a matrix with two axes of samples has no place in the formula of one sample."""
    T = sg.dim("T")
    x, y, W, b = sg.data("x", 6, over=T), sg.data("y", 8, over=T), sg.parameter("W", (8, 6)), sg.parameter("b", 8)
    a = W @ x + b
    mean = sg.mean(a, over=T)
    assert str(sg.gradient(sg.mean(sg.sum(y * (a - mean)), over=T), W)) == "1/T ∑_t (y_t - 1/T ∑_s y_s) x_tᵀ"
    hat = (a - mean) / sg.sqrt(sg.mean((a - mean) ** 2, over=T) + 1e-5)
    derived = sg.derive(sg.mean(sg.sum((hat - y) ** 2), over=T))
    (step,) = [s for s in derived.steps if s.name == "G_{a^1}"]
    assert str(step) == "(9) G_{a¹,t} = (G_{x̂,t} - 1/T x̂_t ⊙ (∑_s G_{x̂,s} ⊙ x̂_s) - 1/T ∑_s G_{x̂,s})/√(1e-5 + σ²)"
    assert derived.check()
