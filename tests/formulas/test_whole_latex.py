"""LaTeX for papers: whole, in bold type, broken for columns; hats and bars; words apart."""

import re

import gallery
import pytest

import symgrad as sg
from symgrad.formulas.spelling.breaking import latex_width
from symgrad.formulas.spelling.glyphs import parse_name

n, d, T = sg.dims("n d T")
X, w, y, lam = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n), sg.data("lambda")


def layers(count):
    W, c = sg.parameter("W", (4, 4)), sg.data("h", 4)
    for i in range(count):
        c = sg.tanh(W @ c + sg.data(f"b_{i}", 4))
    return sg.gradient(sg.sum(c), W)


@pytest.mark.parametrize("count", [3, 9, 25])
def test_what_a_formula_uses_it_defines(count):
    g = layers(count)
    for text in (g.latex(), g.latex(width=21), g.latex(style="bold").replace(r"\mathbf{v}", "v")):
        used, given = set(re.findall(r"v_\{\d+\}", text)), set(re.findall(r"(v_\{\d+\}) &?=", text))
        assert used == given and "dots" not in text
    assert "…" not in g.pretty() and "…" not in g.mathml() and "x2026" not in g.mathml().lower()


def test_many_terms_are_all_there():
    many = sum((sg.data(f"c{i}") for i in range(1, 40)), sg.data("c0"))
    assert many.latex().count("+") == 39 and many.pretty().count("+") == 39


def test_bold_vectors_and_matrices_and_plain_entries():
    g = sg.gradient(sg.sum((X @ w - y) ** 2) + lam * w @ w, w)
    assert g.latex(style="bold") == (
        r"2 \mathbf{X}^{\top} (\mathbf{X} \mathbf{w} - \mathbf{y}) + 2 \lambda \mathbf{w}")
    x, t, mu = sg.data("x", d, over=T), sg.data("t", over=T), sg.data("mu", d)
    assert (w @ x - t).latex(style="bold") == r"\mathbf{w}^{\top} \mathbf{x} - t"
    assert (w - mu).latex(style="bold") == r"\mathbf{w} - \boldsymbol{\mu}"
    assert w[2].latex(style="bold") == "w_{2}"
    with pytest.raises(ValueError, match="'plain' or 'bold', not 'fat'"):
        g.latex(style="fat")


def test_bold_formulas_and_broken_ones_are_read_again():
    for title, t in gallery.models():
        for text in (t.latex(style="bold"), t.latex(width=15)):
            assert sg.verify(text, t), (title, text)


def test_lines_fit_a_column():
    g = layers(6)
    rows = g.latex(width=21).removeprefix(r"\begin{aligned}").removesuffix(r"\end{aligned}").split(r"\\")
    assert len(rows) > 6 and all(latex_width(row.replace("&", "")) < 27 for row in rows)
    assert sg.gradient(w @ w, w).latex(width=21) == "2 w"
    with pytest.raises(ValueError, match="a width is a positive number of em, not 0"):
        g.latex(width=0)


@pytest.mark.parametrize("name, unicode, latex", [
    ("x_hat", "x̂", r"\hat{x}"), ("xhat", "x̂", r"\hat{x}"), ("xbar", "x̄", r"\bar{x}"), ("w_tilde", "w̃", r"\tilde{w}"),
    ("mu_hat", "μ̂", r"\hat{\mu}"), ("x_hat_1", "x̂₁", r"\hat{x}_{1}"), ("what", "what", r"\mathrm{what}"),
    ("that", "that", r"\mathrm{that}"), ("bar", "bar", r"\mathrm{bar}"), ("crowbar", "crowbar", r"\mathrm{crowbar}"),
])
def test_hats_and_bars(name, unicode, latex):
    t = sg.data(name, 3)
    assert (str(t), t.latex()) == (unicode, latex)
    assert sg.verify(f"2 {name}", 2 * t) and sg.verify(f"2 {unicode}", 2 * t) and sg.verify(f"2 {latex}", 2 * t)
    assert parse_name(unicode).base == parse_name(name).base


def test_words_have_a_space():
    W, v = sg.parameter("Wxh", (3, 3)), sg.data("v_2", 3)
    assert (W @ v).latex() == r"\mathrm{Wxh}\, v_{2}" and (W.T @ v).latex() == r"\mathrm{Wxh}^{\top} v_{2}"
    assert (v * sg.data("rate")).latex() == r"\mathrm{rate}\, v_{2}"
