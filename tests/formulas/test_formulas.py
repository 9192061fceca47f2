"""Formulas as users see them: the notation of a textbook, word for word, and printing that never breaks."""

import re
import xml.etree.ElementTree as ElementTree

import gallery
import pytest
from latex2mathml.converter import convert
from readback import seen

import symgrad as sg
from symgrad.formulas.rendering import render
from symgrad.formulas.spelling.glyphs import parse_name, unicode_name, upper
from symgrad.formulas.spelling.letters import latex_name
from symgrad.graphs.algebra import linear, running
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.weights import weight
from symgrad.language.printing import short
from symgrad.language.tensor import wrap


def test_gallery(golden):
    golden("formulas.txt", "\n".join(gallery.lines()))
    golden("formulas_batch.txt", "\n".join(gallery.batch()))


def test_pretty(golden):
    shown = [f"{title}\n{t.pretty()}" for title, t in (*gallery.models(), *gallery.operations())]
    golden("formulas_pretty.txt", "\n\n".join(shown))


# What must come out, word for word: Unicode and LaTeX.
n, m, d, k, T = sg.dims("n m d k T")
X, w, y, lam = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n), sg.data("lambda")
LSQ = sg.sum((X @ w - y) ** 2)
P = sg.sigmoid(X @ w).named("p")
U, V, O, R = sg.parameter("U", (n, k)), sg.parameter("V", (m, k)), sg.data("O", (n, m)), sg.data("T", (n, m))
x, W, b = sg.data("x", d, over=T), sg.parameter("W", (k, d)), sg.parameter("b", k)
ga, gx = sg.data("G_a", k, over=T), sg.data("G_{x^1}", d, over=T)
x1 = sg.data("x^1", d, over=T)
z, label, prob = sg.data("z", k, over=T), sg.labels("y", k, over=T), sg.data("p", k)
target = sg.data("y", k, over=T)
TARGETS = [
    (LSQ, "‖X w - y‖²", r"\left\lVert X w - y \right\rVert^{2}"),
    (sg.gradient(LSQ, w), "2 Xᵀ (X w - y)", r"2 X^{\top} (X w - y)"),
    (sg.hessian(LSQ, w), "2 Xᵀ X", r"2 X^{\top} X"),
    (2 * X.T @ (X @ w - y) + 2 * lam * w, "2 Xᵀ (X w - y) + 2 λ w", r"2 X^{\top} (X w - y) + 2 \lambda w"),
    (X.T @ sg.diag(P * (1 - P)) @ X, "Xᵀ diag(p ⊙ (1 - p)) X", r"X^{\top} \operatorname{diag}(p \odot (1 - p)) X"),
    (sg.gradient(sg.sum(O * (U @ V.T - R) ** 2), U), "2 (O ⊙ (U Vᵀ - T)) V", r"2 (O \odot (U V^{\top} - T)) V"),
    (sg.jacobian(O @ V, O), "[δ_il V_pj]_ijlp", None),
    (W @ x + b, "W x + b", "W x + b"),
    (sg.tanh(W @ x + b), "tanh(W x + b)", r"\tanh(W x + b)"),
    (sg.outer(ga, x), "G_a xᵀ", r"G_{a} x^{\top}"),
    (W.T @ ga, "Wᵀ G_a", r"W^{\top} G_{a}"),
    (gx * (1 - x1**2), "G_x¹ ⊙ (1 - x¹ ⊙ x¹)", r"G_{x^{1}} \odot (1 - x^{1} \odot x^{1})"),
    (sg.gradient(sg.losses.cross_entropy(z, label), z), "softmax(z) - e_y", r"\operatorname{softmax}(z) - e_{y}"),
    (sg.losses.cross_entropy(z, label), "logsumexp(z) - z_y", r"\operatorname{logsumexp}(z) - z_{y}"),
    (sg.diag(prob) - sg.outer(prob, prob), "diag(p) - p pᵀ", r"\operatorname{diag}(p) - p p^{\top}"),
    (sg.mean(sg.sum((W @ x - target) ** 2), over=T), "1/T ∑_t ‖W x_t - y_t‖²",
     r"\frac{1}{T} \sum_{t} \left\lVert W x_{t} - y_{t} \right\rVert^{2}"),
]


@pytest.mark.parametrize("tensor, unicode, latex", TARGETS, ids=[row[1] for row in TARGETS])
def test_target(tensor, unicode, latex):
    assert str(tensor) == unicode
    assert latex is None or tensor.latex() == latex


@pytest.mark.parametrize("tensor, unicode", [
    (W @ x + b, "X Wᵀ + 1 bᵀ"), (sg.mean(sg.outer(ga, x), over=T), "1/T G_Aᵀ X"), (sg.mean(ga, over=T), "1/T G_Aᵀ 1"),
    (gx * (1 - x1**2), "G_X¹ ⊙ (1 - X¹ ⊙ X¹)"), (ga @ W, "G_A W"), (sg.sum(x**2), "X^⊙2 1"),
])
def test_batch(tensor, unicode):
    assert render(tensor.node, mode="batch") == unicode


@pytest.mark.parametrize("text, unicode, latex, large", [
    ("W1", "W₁", "W_{1}", "W₁"), ("a^1", "a¹", "a^{1}", "A¹"), ("a^12", "a¹²", "a^{12}", "A¹²"),
    ("x_train", "x_train", r"x_{\mathrm{train}}", "X_train"), ("sigma", "σ", r"\sigma", "σ"),
    ("lam", "λ", r"\lambda", "λ"), ("50%", "50%", r"\mathrm{50\%}", "50%"),
    ("G_{a^1}", "G_a¹", "G_{a^{1}}", "G_A¹"), ("G_W", "G_W", "G_{W}", "G_W"), ("theta_2", "θ₂", r"\theta_{2}", "θ₂"),
    ("weight", "weight", r"\mathrm{weight}", "Weight"), ("y'", "y'", "y'", "Y'"),
    ("b_ih_l0", "b_ih_l0", r"b_{\mathrm{ih},\mathrm{l0}}", "B_ih_l0"),
    ("x₁", "x₁", "x_{1}", "X₁"), ("a¹", "a¹", "a^{1}", "A¹"),
])
def test_names(text, unicode, latex, large):
    name = parse_name(text)
    assert (unicode_name(name), latex_name(name), unicode_name(upper(name))) == (unicode, latex, large)


def test_every_formula_has_mathml():
    for _, t in (*gallery.models(), *gallery.operations()):
        root = ElementTree.fromstring(t.mathml())
        assert root.tag.endswith("math")
        assert "\\" not in seen(root) and root[0][-1].text == t.latex(), t.latex()
        assert t._repr_latex_() == f"$\\displaystyle {t.latex()}$"


def test_a_named_tensor_prints_as_its_name_and_renders_as_its_formula():
    layer = (W @ x + b).named("a^1")
    assert (str(layer), layer.latex(), layer.pretty()) == ("a¹", "a^{1}", "a¹")
    assert render(layer.node) == "W x + b"
    assert str(sg.tanh(layer)) == "tanh(a¹)"


def test_matrices_and_products_along_an_axis():
    A, S, v = sg.data("A", (n, n)), sg.data("S", (n, n), symmetric=True), sg.data("v", n)
    inverse, sym = wrap(linear.inverse(A.node)), wrap(linear.inverse(S.node))
    assert str(inverse @ v) == "A⁻¹ v" and str(inverse.T @ v) == "A⁻ᵀ v" and (inverse.T @ v).latex() == r"A^{-\top} v"
    assert str(v @ sym @ v) == "vᵀ S⁻¹ v" and str(sym.T @ v) == "S⁻¹ v"
    regular = wrap(linear.solve((A.T @ A + 0.1 * sg.eye(n)).node, (A.T @ v)[:, None].node))
    assert str(regular[:, 0]) == "(Aᵀ A + 0.1 I)⁻¹ Aᵀ v"
    assert str(wrap(linear.logdet(A.node))) == "logdet(A)" and str(wrap(linear.cofactor(A.node, 0))) == "det(A)"
    assert str(wrap(running.multiply(A.node, 0))) == "prod(A, axis=0)"
    assert str(wrap(running.cumsum(v.node, 0))) == "cumsum(v)"


def test_terms_that_are_written_alike_are_one():
    W, v, A, B = sg.data("W", (n, n), symmetric=True), sg.data("v", n), sg.data("A", (n, n)), sg.data("B", (n, n))
    assert str(sg.gradient((v - A @ v) @ W @ (v - A @ v), A)) == "-2 W (v - A v) vᵀ"
    assert str(sg.gradient(sg.trace(A @ A @ A), A)) == "3 Aᵀ Aᵀ" and str(W - W.T) == "0"
    assert str(A @ v + A.T @ v) == "A v + Aᵀ v" and str(4 * (W @ v) + 3 * (W.T @ v)) == "7 W v"
    quotient = sg.gradient((v @ A.T @ A @ v) / (v @ B.T @ B @ v), v)
    assert str(quotient) == "2/‖B v‖⁴ (‖B v‖² Aᵀ A - ‖A v‖² Bᵀ B) v"
    assert str(sg.sum((A @ B) ** 2)) == "‖A B‖_F²" and str(sg.trace(A @ B @ A.T @ B)) == "tr(A B Aᵀ B)"
    assert str(sg.gradient(sg.det(A.T @ A), A)) == "2 A cof(Aᵀ A)"


def test_layers_of_one_shape_keep_their_numbers_in_derivatives():
    layers = [sg.nn.Linear(4, 4) for _ in range(3)]
    out = sg.data("x", 4, over=T)
    for layer in layers:
        out = sg.relu(layer(out))
    (last,) = (p for p in layers[2].parameters() if p.ndim == 2)
    g = str(sg.gradient(sg.sum(out), last))
    assert "3" in str(out) or "₃" in str(out)
    assert g.count("₃") >= 1, g


def chain(length):
    h = sg.data("x", 5)
    for _ in range(length):
        h = sg.tanh(h * h + h)
    return h


def test_shared_and_deep_graphs_name_their_intermediates():
    assert str(chain(1)) == "tanh(x^⊙2 + x)"
    text = str(chain(40))  # written out it would have 2^40 pieces
    assert text.startswith("tanh(v₃₉^⊙2 + v₃₉), where ") and text.endswith("…") and len(text) < 1000
    deep = chain(3000)
    for made in (str(deep), render(deep.node), repr(deep)):
        assert 10 < len(made) < 4000
    for made in (deep.latex(), deep.pretty()):  # whole, and linear in the graph
        assert 3000 < len(made) < 3000 * 300 and "…" not in made and "dots" not in made


def test_definitions_are_those_that_the_formula_uses():
    W1, b1, W2 = sg.parameter("W1", (4, d)), sg.parameter("b1", 4), sg.parameter("W2", (k, 4))
    net = W2 @ sg.tanh(W1 @ x + b1)
    text = str(sg.gradient(sg.mean(sg.sum((net - target) ** 2), over=T), W1))
    assert text.endswith(", where x¹ = tanh(W₁ x + b₁)") and text.count("x¹_t") == 3


def test_many_terms_are_not_all_shown():
    terms = [sg.data(f"c{i}").node for i in range(200)]
    many = wrap(add(terms, [weight(i or 1) for i in range(200)]))
    assert str(many).startswith("c₀ + c₁ + 2 c₂") and str(many).endswith(" + …") and len(str(many)) < 200
    assert render(many.node).count("+") == 199


def test_short_is_short_and_never_fails():
    for _, t in (*gallery.models(), *gallery.operations()):
        assert 0 < len(short(t)) <= 40
    assert short(chain(5000)).endswith("…") and len(short(chain(5000))) <= 40
    assert short(X @ w - y) == "X w - y"
    assert repr(X @ w) == "<Tensor X w: (n,)>"
    assert repr(x) == "<Tensor x: (d,) over T>"


def test_latex_is_balanced():
    for _, t in (*gallery.models(), *gallery.operations()):
        text = t.latex()
        plain = text.replace(r"\{", "").replace(r"\}", "")
        assert plain.count("{") == plain.count("}") and text.count(r"\left") == text.count(r"\right")
        assert convert(text)


def test_a_bracket_in_front_of_a_cell_is_no_option():
    """LaTeX, and the reader that makes MathML of it, take [...] behind \\begin{bmatrix} or \\\\ for an argument."""
    W, c = sg.data("W", (2, 3)), sg.data("c")
    stacked = sg.stack([W * c, W])
    test = sg.where(W > 1, sg.where(W > 2, 1.0, 0.0) + 0.0, W)
    for t in (stacked / sg.sqrt(1 + stacked**2), test):
        assert not re.search(r"(\\\\|matrix}|cases}) *\[", t.latex()), t.latex()
        assert "<math" in t.mathml()
