"""Lists and dicts of results: lists and dicts as ever, and formulas in a notebook."""

import copy
import pickle
import re

import pytest

import symgrad as sg

X, y = sg.data("X", (5, 3)), sg.data("y", 5)
w, b = sg.parameter("w_1", 3), sg.parameter("b")
L = sg.sum((X @ w + b - y) ** 2)
FORMS = {"a list": [w, b], "a dict": {"w": w, "bias": b}}


def words(html):
    """What a page without a script shows of HTML with MathML."""
    return re.sub(r"<annotation.*?</annotation>|<style.*?</style>|<[^>]+>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize("wrt", FORMS.values(), ids=FORMS)
def test_they_are_what_they_were(wrt):
    for results in (sg.gradient(L, wrt), sg.jacobian(X @ w + b, wrt), sg.hessian(L, wrt), sg.hvp(L, wrt, wrt),
                    sg.vjp(X @ w + b, wrt, y)):
        assert isinstance(results, type(wrt))
        assert results == type(wrt)(results) and len(results) == 2
        again = pickle.loads(pickle.dumps(results))
        assert again == results == copy.deepcopy(results) and type(again) is type(results)
        assert again._repr_html_() == results._repr_html_()


@pytest.mark.parametrize("wrt", FORMS.values(), ids=FORMS)
def test_a_notebook_shows_their_formulas(wrt):
    for results, rows in ((sg.gradient(L, wrt), 2), (sg.hessian(L, wrt), 4)):
        shown = results._repr_mimebundle_()
        assert shown["text/plain"] == repr(results)
        assert shown["text/html"].count("<tr>") == rows and shown["text/html"].count("<math") == 2 * rows
        assert "$" not in words(shown["text/html"])
        assert shown["text/latex"].startswith(r"$\displaystyle \begin{aligned}") and shown["text/latex"].count("&:") == rows


def test_each_formula_stands_behind_its_variable():
    by_place = sg.gradient(L, [w, b]).latex().splitlines()[1:-1]
    assert [line.split(" &:")[0] for line in by_place] == ["w_{1}", "b"]
    assert r"2 X^{\top} (" in by_place[0]
    assert [line.split(" &:")[0] for line in sg.hessian(L, {"W_in": w, "50%": b}).latex().splitlines()[1:-1]] == [
        r"W_{\mathrm{in}}, \, W_{\mathrm{in}}", r"W_{\mathrm{in}}, \, \mathrm{50\%}", r"\mathrm{50\%}, \, W_{\mathrm{in}}",
        r"\mathrm{50\%}, \, \mathrm{50\%}"]


def test_a_result_may_be_what_a_product_goes_along():
    along = sg.gradient(sg.sum(w**3) + b * b, [w, b])
    plain = list(along)
    assert sg.jvp(L, [w, b], along) == sg.jvp(L, [w, b], plain)
    assert sg.hvp(L, [w, b], along) == sg.hvp(L, [w, b], plain)
    assert sg.gradient(sg.jvp(L, [w, b], along), w) == sg.gradient(sg.jvp(L, [w, b], plain), w)


def test_update_rules_structures_and_words_need_no_script():
    for shown in (sg.optim.Adam().formulas(), sg.structure(sg.hessian(L, w)), sg.explain(L)):
        html = shown._repr_html_()
        assert "<math" in html and "$" not in words(html)
        assert not re.search(r"&(?!#?\w+;)", words(html)), words(html)


def test_equations_are_rows_that_meet_at_the_arrow():
    html = sg.optim.SGD(0.1, momentum=0.9).formulas()._repr_html_()
    assert html.count("<mtr>") == 2 and html.count("text-align:right") == html.count("text-align:left") == 2
    assert r"v &amp;\leftarrow \mu v + g" in html  # the LaTeX, for whoever copies it


def test_an_update_rule_reads_the_same_in_a_terminal():
    rule = sg.optim.Adam().formulas()
    assert repr(rule) == str(rule) and "m ← β₁ m" in repr(rule) and rule._repr_mimebundle_()["text/plain"] == str(rule)


def test_a_check_is_a_table():
    check = sg.derive(L).check()
    assert repr(check).startswith("<Check: all ") and "\n" not in repr(check)
    html = check._repr_html_()
    assert html.count("<tr>") == 1 + len(check.rows) + len(check.views)
    assert "✓" in html and "Xᵀ" in html


def test_a_source_says_what_it_is():
    assert re.fullmatch(r"<Source: \d+ lines for numpy, which train without symgrad>", repr(sg.generate(L)))


@pytest.mark.parametrize("depth", [1, 3, 12, 60])
def test_deep_tensors_say_their_formula(depth):
    T = sg.dim("T")
    net = sg.nn.Sequential(*[layer for _ in range(depth) for layer in (sg.nn.Linear(4, 4), sg.nn.Tanh())])
    loss = sg.empirical_risk(sg.sum(net(sg.data("x", 4, over=T)) ** 2))
    assert repr(loss).startswith("<Tensor 1/T ∑_t ‖tanh(W")
    for parameter in net.parameters()[::5]:
        assert re.match(r"<Tensor [\d(].*…: ", repr(sg.gradient(loss, parameter))), repr(sg.gradient(loss, parameter))
