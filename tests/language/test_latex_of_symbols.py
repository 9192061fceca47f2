r"""`latex=` of a symbol: LaTeX as given, wherever the symbol is set; Unicode, programs and the order of factors as before."""

import pickle
import re

import pytest

import symgrad as sg

n, d, k, T = (*sg.dims("n d k"), sg.dim("T"))


def least_squares():
    X = sg.data("X", (n, d), latex=r"\mathcal{X}")
    w = sg.parameter("w", d, latex=r"\vec{w}")
    y = sg.data("y", n, latex=r"y^{\ast}")
    return X, w, y, sg.sum((X @ w - y) ** 2)


def test_every_face_of_a_formula_sets_it_as_given_and_unicode_by_its_name():
    _, w, y, loss = least_squares()
    g = sg.gradient(loss, w)
    assert g.latex() == r"2 \mathcal{X}^{\top} (\mathcal{X} \vec{w} - y^{\ast})" == g.latex(style="bold")
    assert str(g) == "2 Xᵀ (X w - y)"
    assert g.latex() in g._repr_latex_()
    assert "<mi>y</mi>" in g.mathml() and r"\vec{w}" in g.mathml()
    assert y.latex() == r"y^{\ast}"
    assert (y ** 2).latex() == r"(y^{\ast})^{\odot 2}", "its superscript is no exponent"
    assert (y ** 2).pretty() == (sg.data("y", n) ** 2).pretty(), "in Unicode y has no superscript"


def test_only_bold_names_that_nobody_set():
    X, w = sg.data("X", (n, d)), sg.parameter("w", d, latex=r"\boldsymbol{\omega}")
    assert (X @ w).latex(style="bold") == r"\mathbf{X} \boldsymbol{\omega}"


def test_indices_follow_and_never_make_two_subscripts():
    x = sg.data("x", d, over=T, latex=r"x_{\mathrm{train}}")
    W = sg.parameter("W", (k, d), latex=r"\Omega")
    c = sg.labels("c", k, over=T, latex=r"c^{\star}")
    g = sg.gradient(sg.mean(sg.losses.cross_entropy(W @ x, c), over=T), W).latex()
    assert r"{x_{\mathrm{train}}}_{t}" in g and r"c^{\star}_{t}" in g and not re.search(r"\}_\{t\}_|(?<!\{)x_\{\\mathrm\{train\}\}_", g)
    v = sg.data("v", d, latex="i")
    assert "_i" not in sg.jacobian(v ** 2 * sg.sum(v), v).latex(), "an index is no letter that the author uses"


def test_derivations_explanations_and_documents():
    x = sg.data("x", d, over=T, latex=r"\vec{x}")
    W, y = sg.parameter("W", (k, d), latex=r"\Omega"), sg.data("y", k, over=T, latex=r"\hat{\eta}")
    D = sg.derive(sg.mean(sg.sum((sg.tanh(W @ x) - y) ** 2), over=T), [W, x])
    for text in (D.latex(), D.markdown(), D.html()):
        assert r"\Omega" in text and r"\vec{x}" in text and r"G_{\Omega}" in text and r"G_{\vec{x}}" in text
    assert r"\vec{X}" in D.latex(), "all samples together"
    assert "\\" not in str(D) and "G_W = " in str(D)
    assert "Ω" not in str(sg.explain(sg.sum(sg.tanh(W @ x)), W))


def test_symgrad_reads_what_it_prints():
    _, w, _, loss = least_squares()
    g = sg.gradient(loss, w)
    assert sg.verify(g.latex(), g) and sg.verify(str(g), g)
    assert sg.verify(r"2 \mathcal{X}^{\top} \mathcal{X} \vec{w} - 2 X^{\top} y^{\ast}", g)


def test_it_is_part_of_the_symbol_and_not_of_the_order_of_a_formula():
    plain, given = sg.data("x", 3), sg.data("x", 3, latex=r"\xi")
    assert given is sg.data("x", 3, latex=r"\xi") and given != plain
    assert pickle.loads(pickle.dumps(given)) is given
    assert given.latex() == r"\xi" and plain.latex() == "x", "whatever was declared before"
    z, y = sg.data("z", 3), sg.data("y", 3)
    assert str(given * z * y) == str(plain * z * y) and str(y * z * given) == str(y * z * plain)


def test_two_symbols_of_one_name_are_refused_and_shown():
    a, b = sg.data("x", 3, latex=r"\xi"), sg.data("x", 3)
    with pytest.raises(sg.SymgradError, match=r"two different symbols are called 'x': .*shape \(3,\).*in LaTeX \\xi; rename one"):
        sg.gradient(sg.sum(a * b), a)
    c = sg.data("x", (n, 3))
    for ask in (lambda: sg.gradient(sg.sum(c @ b), b), lambda: sg.jacobian(c @ b, b), lambda: sg.hessian(sg.sum(c @ b) ** 2, c),
                lambda: sg.derive(sg.sum(c @ b), b), lambda: sg.function([c, b], c @ b)):
        with pytest.raises(sg.SymgradError, match=r"called 'x': data of shape .*, and data of shape .*; rename one") as caught:
            ask()
        assert "(n, 3)" in str(caught.value) and "(3,)" in str(caught.value)


@pytest.mark.parametrize(("latex", "said"), [
    (r"\vec{x", r"data 'x': in latex '\vec{x' the { at character 5 is not closed; write }"),
    (r"\hat{\vec{x}", "the { at character 5 is not closed"),
    ("a}", "the } at character 2 closes nothing"),
    ("$x$", "$ at character 1 means something else to LaTeX: it stands in a formula already"),
    ("50%", r"as a letter it is \%"), ("a & b", r"as a letter it is \&"),
    ("x\\", "the backslash at the end begins no command"),
    ("\vec{x}", "has a control character: Python read a backslash as an escape; write r'...'"),
    ("\nu", "a raw string"), (r"\left( x", r"each \left needs its \right"),
    (r"\frac{a}", "something is missing: a command without its argument"), (r"\hat", "a command without its argument"),
    ("x_", "a script without what it raises or lowers"), (r"\begin{a}", "something is missing"),
    ("", "latex is LaTeX for the name"), ("  ", "latex is LaTeX for the name"), (3, "not 3")])
def test_what_is_no_latex(latex, said):
    with pytest.raises(sg.SymgradError) as caught:
        sg.data("x", 3, latex=latex)
    assert said in str(caught.value)


def test_escaped_signs_are_letters():
    assert sg.parameter("p", latex=r"p_{\%} \{x\} \leftarrow").latex() == r"p_{\%} \{x\} \leftarrow"
    with pytest.raises(sg.SymgradError, match="labels 'c'.*closes nothing"):
        sg.labels("c", 3, latex="}")
    with pytest.raises(sg.SymgradError, match="parameter 'w'.*closes nothing"):
        sg.parameter("w", 3, latex="}")


@pytest.mark.parametrize("latex", [r"\mathbf{x}", r"\tilde{\mathbf{x}}", r"x^{(i)}", r"\mathcal{X}_{\text{tr}}", r"\left( x \right)", r"\dot{x}",
                                   "x''", r"\operatorname{rank}", r"\bx"])
def test_every_page_sets_what_is_accepted(latex):
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d, latex=latex)
    derivation = sg.derive(sg.sum((X @ w - y) ** 2))
    assert latex in derivation.latex() and "<math" in derivation.html() and "<svg" in sg.draw(derivation).svg
    assert "<math" in sg.gradient(derivation.y, w)._repr_html_()
