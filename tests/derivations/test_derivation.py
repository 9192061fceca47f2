"""`sg.derive`: the lecture's formulas line for line, and their proof."""

import runpy
from dataclasses import replace

import derived
import numpy as np
import pytest
from places import EXAMPLES

import symgrad as sg
from symgrad.derivations.deriving import OPERATIONS
from symgrad.derivations.deriving import derived as derived_law


@pytest.fixture(scope="module")
def lecture():
    names = runpy.run_path(str(EXAMPLES / "lecture_backprop.py"))
    return sg.derive(names["loss"], names["wrt"])


def lsq():
    n, d = sg.dims("n d")
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    return X, y, w, sg.sum((X @ w - y) ** 2)


def test_the_lecture_line_for_line(lecture, golden):
    golden("lecture_backprop.txt", lecture.unicode())


def test_the_order_of_the_lecture(lecture):
    forward = [s.name for s in lecture.steps if s.kind == "forward"]
    assert forward == ["a^1", "x^1", "a^2", "x^2", "a^3", "x^3", "a^4", "x^4", "r"]
    backward = [s.name for s in lecture.steps if s.kind == "backward"]
    expected = ["G_{x^4}"]
    for i in (4, 3, 2, 1):
        expected += [f"G_{{a^{i}}}", f"G_{{x^{i - 1}}}", f"G_{{b^{i}}}", f"G_{{W^{i}}}"]
    assert backward == expected
    assert [s.number for s in lecture.steps] == list(range(1, len(lecture.steps) + 1))
    assert lecture.steps[-1].kind == "mean"


def test_the_lecture_holds(lecture):
    for seed in range(2):
        result = lecture.check(seed)
        assert result, str(result)
        assert len(set(result.sizes.values())) == len(result.sizes)  # unequal, so that no axis is confused
        assert len(result.rows) == len(lecture.steps)


def test_a_wrong_step_is_found(lecture):
    wrong = list(lecture.steps)
    at = next(i for i, s in enumerate(wrong) if s.name == "G_{a^2}")
    wrong[at] = replace(wrong[at], node=(2 * sg.language.tensor.wrap(wrong[at].node)).node)
    result = replace(lecture, steps=tuple(wrong)).check()
    assert not result and "G_{a^2}" in {row.name for row in result.failed}
    assert "fail" in str(result) and f"({wrong[at].number})" in str(result)


def test_least_squares():
    *_, w, loss = lsq()
    d = sg.derive(loss, [w])
    assert [str(s).split(" = ")[0] for s in d.steps] == ["(1) a¹", "(2) L", "(3) G_a¹", "(4) G_w"]
    assert d.check()
    assert d.steps[-1].formula == "G_w = Xᵀ G_a¹"


def test_default_variables_are_the_parameters():
    *_, w, loss = lsq()
    assert [s.name for s in sg.derive(loss).outputs] == ["G_{w}"]
    x = sg.data("x", 3)
    assert [s.name for s in sg.derive(sg.sum(sg.sin(x))).outputs] == ["G_{x}"]


def test_intermediates_and_dicts():
    x = sg.data("x", 3)
    h = sg.tanh(x)
    d = sg.derive(sg.sum(h**2), {"hidden": h})
    assert d.check() and len(d.outputs) == 1


@pytest.mark.parametrize("loss", [
    lambda z, y: sg.losses.cross_entropy(z, y),
    lambda z, y: -sg.log(sg.softmax(z))[y],
    lambda z, y: sg.losses.nll(sg.log_softmax(z), y),
])
def test_softmax_networks_hold(loss):
    T = sg.dim("T")
    x, y = sg.data("x", 4, over=T), sg.labels("y", 3, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(4, 5), sg.nn.ReLU(), sg.nn.Linear(5, 3))
    d = sg.derive(sg.empirical_risk(loss(net(x), y)))
    result = d.check()
    assert result, str(result)
    assert any("softmax" in s.formula for s in d.steps if s.kind == "backward")


def test_regularised_and_summed_losses_hold():
    T = sg.dim("T")
    x, y, W = sg.data("x", 4, over=T), sg.data("y", 2, over=T), sg.parameter("W", (2, 4))
    r = sg.losses.squared_error(sg.sigmoid(W @ x), y)
    for loss in (sg.sum(r, over=T), sg.mean(r, over=T) + 0.1 * sg.sum(W**2), r):
        result = sg.derive(loss, [W]).check()
        assert result, str(result)


def test_batch_as_an_ordinary_axis_holds():
    n = sg.dim("n")
    X, y = sg.data("X", (n, 4)), sg.data("y", n, dtype="integer")
    net = sg.nn.Sequential(sg.nn.Linear(4, 5), sg.nn.Tanh(), sg.nn.Linear(5, 2))
    d = sg.derive(sg.losses.cross_entropy(net(X), y))
    result = d.check()
    assert result, str(result)


def test_shared_weights_and_coupled_samples_hold():
    T = sg.dim("T")
    x, W = sg.data("x", 3, over=T), sg.parameter("W", (3, 3))
    h = sg.tanh(W @ sg.tanh(W @ x))
    centred = h - sg.mean(h, over=T)
    result = sg.derive(sg.mean(sg.sum(centred**2), over=T), [W]).check()
    assert result, str(result)


def test_the_batched_gradients_are_the_gradients(lecture):
    T = lecture.over
    assert [s.batch_formula for s in lecture.steps if s.name in ("G_{W^2}", "G_{b^2}")] == [
        "∇_b² L = 1/T G_A²ᵀ 1", "∇_W² L = 1/T G_A²ᵀ X¹"]
    assert T == sg.dim("T")


def test_a_vector_is_refused_with_what_to_do():
    x = sg.data("x", 3)
    with pytest.raises(sg.DifferentiationError, match=r"derive: .* is not a scalar.*sg\.jacobian"):
        sg.derive(sg.exp(x))


def test_rules_and_local_jacobians_are_said():
    T = sg.dim("T")
    x, W = sg.data("x", 4, over=T), sg.parameter("W", (2, 4))
    d = sg.derive(sg.empirical_risk(sg.losses.squared_error(sg.tanh(W @ x), sg.data("y", 2, over=T))))
    step = next(s for s in d.steps if s.name == "G_{a^1}")
    assert "tanh'(a) = 1 - tanh(a)²" in step.local_jacobian and "∂x¹/∂a¹ = diag(" in step.local_jacobian
    assert "diagonal" in step.rule and step.general == "x = f(a): G_a = diag[f'(a)] G_x = f'(a) ⊙ G_x"
    assert step.law == "G_a¹ = (∂x¹/∂a¹)ᵀ G_x¹ = diag[tanh'(a¹)] G_x¹ = tanh'(a¹) ⊙ G_x¹"


def test_same_text_whatever_the_seed_of_values(lecture):
    before = lecture.unicode()
    np.random.default_rng(3)
    lecture.check(3)
    assert lecture.unicode() == before


# what is inside a step --------------------------------------------------------------------------------------


def test_a_loss_that_is_not_what_was_written_is_found():
    d = sg.derive(derived.logistic()[0])
    other = sg.derive(2 * derived.logistic()[0])
    result = replace(d, y=other.y).check()
    assert [row.name for row in result.failed] == ["r"]


def test_a_step_unfolds_into_single_operations(lecture):
    step = next(s for s in lecture.steps if s.name == "G_{x^4}")
    assert [str(s) for s in step.steps] == [
        "(10.1) u₁ = x⁴ - y", "(10.2) u₂ = u₁^⊙2", "(10.3) r = sum(u₂)", "(10.4) G_u₂ = 1",
        "(10.5) G_u₁ = 2 u₁", "(10.6) G_x⁴ = G_u₁"]
    assert step.by == (9,) and lecture.steps[10].by == (8, 10)
    assert all(s.steps == () for s in lecture.steps if s.kind == "forward")


def test_a_sum_over_uses_unfolds_into_its_terms():
    step = next(s for s in derived.derivation("recurrent").steps if s.name == "G_{U}")
    assert step.general == "G_v = ∑_u (∂u/∂v)ᵀ G_u, over all u that use v" and step.by == (11, 13, 15, 17)
    assert [s.formula for s in step.steps][:2] == ["(∂a¹/∂U)ᵀ G_a¹ = G_a¹ h₀ᵀ", "(∂a²/∂U)ᵀ G_a² = G_a² h₁ᵀ"]


@pytest.mark.parametrize("name", derived.MODELS)
def test_ten_derivations_hold(name):
    result = derived.derivation(name).check(1)
    assert result, str(result)


def test_a_wrong_inner_step_is_found():
    d = sg.derive(derived.logistic()[0])
    at = next(i for i, s in enumerate(d.steps) if s.name == "G_{v_1}")
    inner = d.steps[at].steps
    broken = replace(d.steps[at])
    broken.__dict__["steps"] = (*inner[:-1], replace(inner[-1], node=(2 * sg.language.tensor.wrap(inner[-1].node)).node))
    assert inner and d.check()
    result = replace(d, steps=(*d.steps[:at], broken, *d.steps[at + 1:])).check()
    assert [row.name for row in result.failed] == ["G_{v_1}"]


def test_nan_is_no_proof():
    result = sg.derive(sg.sum(sg.log(-1 - sg.data("x", 3) ** 2))).check()
    assert not result and len(result.unchecked) == 2 and "no finite value" in str(result)


# what a reader is told --------------------------------------------------------------------------------------


def test_the_loss_of_a_probability_is_derived_as_a_textbook_does():
    d = derived.derivation("logistic")
    assert [s.formula for s in d.steps if s.kind != "mean"] == [
        "a¹ = wᵀ x + b", "v₁ = σ(a¹)", "r = -(y log(v₁) + (1 - y) log(1 - v₁))", "G_v₁ = (v₁ - y)/(v₁ (1 - v₁))", "G_a¹ = v₁ - y", "G_b = G_a¹", "G_w = G_a¹ x"]
    assert "As written" not in d.unicode()
    assert "As written" not in derived.derivation("lecture").unicode()


def test_attention_names_scores_weights_and_the_residual_in_the_order_of_writing():
    d = derived.derivation("attention")
    assert [s.formula for s in d.steps if s.kind == "forward"] == [
        "Q = x W_Q", "K = x W_K", "S = 1/√2 Q Kᵀ", "A = softmax(S)", "V = x W_V", "v₁ = A V - y", "r = ‖v₁‖_F²"]
    assert "∇_W_Q L = 1/T ∑_t x_tᵀ G_{Q,t}" in d.unicode() and "matrices of one sample stay as they are" in d.unicode()


def test_values_made_of_parameters_alone_have_a_gradient_for_each_sample():
    T = sg.dim("T")
    x, s = sg.data("x", 3, over=T), sg.parameter("s", 3)
    scale = sg.tanh(s)  # shared by all samples, used twice
    d = sg.derive(sg.mean(sg.sum(sg.sin(scale * x) + scale**2), over=T))
    assert [step.name for step in d.steps] == ["v_1", "r", "G_{v_1}", "G_{s}", "∇L"]
    assert d.check(), str(d.check())


def test_laws_are_derived_by_the_engine():
    found = {name: derived_law(name).unicode for name in OPERATIONS}
    assert found == {
        "softmax": ("y = softmax(x)", "G_x = y ⊙ (G_y - G_yᵀ y)"),
        "logsumexp": ("y = logsumexp(x)", "G_x = G_y softmax(x)"),
        "cumsum": ("y = cumsum(x)", "G_x = cumsum(G_y[::-1])[::-1]"),
        "inverse": ("Y = X⁻¹", "G_X = -Yᵀ G_Y Yᵀ"),
        "logdet": ("y = logdet(X)", "G_X = G_y X⁻ᵀ"),
        "det": ("y = det(X)", "G_X = G_y cof(X)"),
    }


def test_what_the_loss_does_not_depend_on_is_said():
    x, y = sg.data("x", 3), sg.data("y", 3)
    d = sg.derive(sg.sum(sg.exp(x)), [y, x])
    assert d.unicode().startswith("Gradient of L by y, x\n")
    for text in (d.unicode(), d.latex(), d.markdown(), d.html()):
        assert "It does not depend on" in text and "that gradient is zero." in text
    assert d.check()


def test_many_references_are_cut():
    T, d, k = sg.dims("T d k")
    W, U, h = sg.parameter("W", (k, d)), sg.parameter("U", (k, k)), sg.data("h_0", k, over=T)
    for i in range(40):
        h = sg.tanh(W @ sg.data(f"x_{i}", d, over=T) + U @ h)
    derivation = sg.derive(sg.empirical_risk(sg.sum(h**2)))
    step = next(s for s in derivation.steps if s.name == "G_{U}")
    assert len(step.by) == 40 and f"uses of U, by ({step.by[0]}), ({step.by[1]}), …, ({step.by[-1]})" in derivation.unicode(200)
    assert max(map(len, derivation.unicode(80).splitlines())) <= 80


def test_a_notebook_shows_a_derivation(lecture):
    shown = lecture._repr_mimebundle_()
    assert shown["text/plain"] == lecture.unicode() and shown["text/html"] == lecture._repr_html_() == lecture.html()
    assert shown["text/latex"] == lecture._repr_latex_() == lecture.latex()
    assert shown["text/markdown"] == lecture._repr_markdown_()
    assert repr(lecture) == "<Derivation of L by x⁰, b¹, W¹, b², W², b³, W³, b⁴, W⁴: 27 steps>"
    step = lecture.steps[0]._repr_mimebundle_()
    assert step["text/plain"] == "<Step (1) a¹ = W¹ x⁰ + b¹>"
    assert step["text/latex"] == r"$\displaystyle a^{1} = W^{1} x^{0} + b^{1}$" and step["text/html"].startswith("<math")


def test_a_notebook_shows_a_tensor():
    t = sg.exp(sg.data("x", 3)) * 2
    shown = t._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/latex", "text/html"} and shown["text/latex"] == t._repr_latex_()
    assert shown["text/html"] == t._repr_html_() and 'display="block"' in t._repr_html_()
    assert '<annotation encoding="application/x-tex">2 \\exp(x)</annotation>' in t._repr_html_()


def test_many_layers_are_confirmed_and_a_wrong_step_is_found():
    """Thirty layers at random values: differences are only right where the net is not chaotic."""
    T = sg.dim("T")
    x, t = sg.data("x", 6, over=T), sg.labels("t", classes=6, over=T)
    layers = [layer for _ in range(30) for layer in (sg.nn.Linear(6, 6), sg.nn.Tanh())]
    derivation = sg.derive(sg.empirical_risk(sg.losses.cross_entropy(sg.nn.Sequential(*layers)(x), t)))
    assert derivation.check(), str(derivation.check())
    middle = next(s for s in derivation.steps if s.name == "G_{x^25}")
    wrong = replace(middle, node=(2 * sg.language.tensor.wrap(middle.node)).node)
    found = replace(derivation, steps=tuple(wrong if s is middle else s for s in derivation.steps)).check()
    assert not found and found.failed[0].number == middle.number


def test_a_layer_of_a_product_says_its_reason():
    """Gates: U (W x ⊙ σ(G x)) multiplies a value with a name; data that are multiplied have no columns of their own."""
    d, h, T = sg.dims("d h T")
    x, y = sg.data("x", d, over=T), sg.data("y", d, over=T)
    W, G, U = sg.parameter("W", (h, d)), sg.parameter("G", (h, d)), sg.parameter("U", (d, h))
    gates = U @ ((W @ x) * sg.sigmoid(G @ x))
    for output, said in ((gates, "v₁ = a¹ ⊙ x²"), (gates, "G_U = G_a³ v₁ᵀ outer product: column j is v₁_j G_a³"),
                         (W @ (x * y), "G_W = G_a¹ (x ⊙ y)ᵀ through the affine layer")):
        found = sg.derive(sg.mean(sg.sum(output**2), over=T))
        assert any(said in " ".join(line.split()) for line in str(found).splitlines())
        assert found.check()


def test_what_a_step_of_a_loop_is_stands_where_it_is_first_needed_and_nowhere_else():
    T = sg.dim("T")
    x = sg.data("x", (5, 2), over=T)
    found = sg.derive(sg.empirical_risk(sg.losses.mse(sg.nn.LSTM(2, 2, num_layers=2)(x)[0], x)))
    steps = [step.formula for step in found.steps if step.kind == "backward"]
    defined = [line.partition(" = ")[0].strip() for each in steps for line in each.partition(", where ")[2].split("; ")]
    slopes = [each for each in defined if each.startswith("G_{") and each.endswith("_t}")]
    assert sorted(slopes) == [f"G_{{{letter}_t}}" for letter in ("a", "a¹", "c", "c¹", "h", "h¹")]  # of each layer
    assert steps[-1].partition(", where ")[2] == "", steps[-1]


@pytest.mark.parametrize("mask", [np.eye(6, dtype=bool), sg.data("M", (6, 6), dtype="boolean")])
@pytest.mark.parametrize("value", [-np.inf, 0.0])
def test_a_contrastive_loss_whose_pairs_are_masked(mask, value):
    """NT-Xent (Chen et al. 2020): similarities of normalised rows, without those of a row to itself."""
    z = sg.parameter("z", (6, 3))
    unit = z / sg.norm(z, axis=-1, keepdims=True)
    scores = sg.where(mask, value, unit @ unit.T / 0.5)
    d = sg.derive(sg.losses.cross_entropy(scores, sg.constant(np.r_[3:6, 0:3])))
    assert "logsumexp" in str(d) and (d.check() or isinstance(mask, sg.Tensor))
