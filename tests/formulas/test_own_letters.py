"""A letter means one thing: what mathematics calls by a letter of the user's own is written otherwise, everywhere there."""

import pytest

import symgrad as sg

T = sg.dim("T")
A, w, x = sg.parameter("A", (3, 3)), sg.parameter("w", 3), sg.data("x", 3)
s, p, e, d, one = sg.parameter("σ", 3), sg.parameter("π", ()), sg.data("e", 3), sg.data("δ", 3), sg.parameter("I", (3, 3))
k = sg.labels("k", classes=3)


@pytest.mark.parametrize(("formula", "unicode", "latex"), [
    (sg.sum(sg.sigmoid(x) * s), "σᵀ sigmoid(x)", r"\sigma^{\top} \operatorname{sigmoid}(x)"),
    (sg.sum(sg.sigmoid(x) * w), "wᵀ σ(x)", r"w^{\top} \sigma(x)"),
    (sg.gradient(sg.gelu(p), p), "1/2 (√2/√pi π exp(-1/2 π²) + erf(1/√2 π) + 1)", r"\mathrm{pi}"),
    (one @ A + sg.eye(3), "I A + diag(1)", r"I A + \operatorname{diag}(\mathbf{1})"),
    (A @ A + sg.eye(3), "A A + I", "A A + I"),
    (sg.exp(1) * e, "exp(1) e", r"\exp(1) e"),
    (sg.gradient(w[k] + sg.sum(w * e), w), "e + onehot(k)", r"e + \operatorname{onehot}(k)"),
    (sg.gradient(w[k] + sg.sum(w * x), w), "e_k + x", "e_{k} + x"),
])
def test_letters_of_mathematics_give_way(formula, unicode, latex):
    assert str(formula) == unicode and latex in formula.latex()


def test_the_function_has_its_word_in_the_whole_document():
    """Also in lines in which the letter does not occur, and in the law of its derivative."""
    scale, at, y = sg.parameter("σ", 3), sg.data("x", 3, over=T), sg.data("y", 3, over=T)
    derivation = sg.derive(sg.empirical_risk(sg.sum((sg.sigmoid(sg.sigmoid(at) * scale) - y) ** 2)))
    for text in (derivation.unicode(), derivation.latex(), derivation.html(), derivation.markdown(), sg.explain(derivation).text()):
        assert "sigmoid" in text and "σ(" not in text and r"\sigma(" not in text and "σ'" not in text
    assert derivation.check()


def test_a_square_is_no_superscript():
    """x² is the activation of the second layer, (x)² the square of x; a power of a letter without a raised twin is plain."""
    scale, at = sg.parameter("x", ()), sg.data("z", over=T)
    found = [str(step) for step in sg.derive(sg.empirical_risk((sg.tanh(scale * at + 1) * scale**2 - at**2) ** 2)).steps]
    assert "(3) v₁ = (x)² x¹ - z²" in found


@pytest.mark.parametrize(("names", "hidden"), [(("x^0", "y"), "x¹"), (("x^k", "y"), "v₁"), (("x^0", "x^1"), "v₁"),
                                               (("x^1", "y"), "x²"), (("x⁰", "x"), "x¹")])
def test_superscripts_of_the_user_that_count_no_layers(names, hidden):
    """A superscript that is no number, or several of data, count something else: there layers have another letter."""
    x, y = (sg.data(name, 3, over=T) for name in names)
    W, b = sg.parameter("W", (3, 3)), sg.parameter("b", 3)
    loss = sg.empirical_risk(sg.losses.squared_error(W @ sg.tanh(W @ x + b) + b, y))
    assert f"(2) {hidden} = tanh(a¹)" in map(str, sg.derive(loss).steps) or hidden == "x²"
    assert sg.derive(loss).check()


def test_the_loss_of_all_samples_and_any_variable_have_free_letters():
    weights, shift, at = sg.parameter("L", 3), sg.parameter("θ", 3), sg.data("t", 3, over=T)
    derivation = sg.derive(sg.empirical_risk((weights @ at + sg.sum(shift * at)) ** 2))
    text = derivation.unicode()
    assert "J = 1/T ∑_s r_s" in text and "∇_ω J = 1/T ∑_s G_ω,  ω = L, θ" in text and "∇_L J = " in text
    assert r"\nabla_{\omega} J &= \frac{1}{T} \sum_s G_{\omega}, \quad \omega = L, \theta" in derivation.latex()
    assert sg.explain(derivation).title.startswith("The gradient of J with respect to")


def test_capitals_of_a_batch_are_free_and_latin():
    """No Σ or Μ for σ and μ, no capital that another name has."""
    x, m, a = sg.data("x", 3, over=T), sg.data("μ", 3, over=T), sg.data("a", 3, over=T)
    X = sg.parameter("X", (3, 3))
    loss = sg.empirical_risk(sg.sum(sg.tanh(X @ x + m * a) ** 2))
    found = [step.batch_formula for step in sg.derive(loss, [m, X]).steps]
    text = "\n".join(found)
    assert "Μ" not in text and "G_μ" in text and "A ⊙ μ" in text and "x Xᵀ" in text
