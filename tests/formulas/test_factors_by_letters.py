"""Factors of matrices by their letters, and parts of what no line holds by names."""

import pytest

import symgrad as sg
from symgrad.formulas.spelling.breaking import PAGE, latex_lines, latex_width

S, W, A = sg.data("S", (3, 3)), sg.data("W", (3, 3)), sg.data("A", (5, 3))
values, vectors = sg.eigh(S)
u, s, v = sg.svd(A)
q, r = sg.qr(A)


@pytest.mark.parametrize("tensor, text", [
    (values, "eigvalsh(S)"),
    (sg.gradient(sg.sum(values**2), S), "2 V diag(λ) Vᵀ, where λ = eigvalsh(S); V = eigvecs(S)"),
    (sg.gradient(sg.sum(W * vectors), S), "1/2 V ((v₁ ⊙ (Vᵀ W))ᵀ + v₁ ⊙ (Vᵀ W)) Vᵀ, where λ = eigvalsh(S); V = eigvecs(S); "
                                          "v₁ = [{0 if i = j, 1/(λ_j - λ_i) otherwise}]_ij"),
    (sg.gradient(sg.sum(s), A), "U Vᵀ, where U = svd_U(A); V = svd_V(A)"),
    (q @ r, "Q R, where Q = qr_Q(A); R = qr_R(A)"),
    (sg.gradient(sg.sum(sg.eigvalsh(sg.data("V", (3, 3))) ** 2), sg.data("V", (3, 3))),
     "2 eigvecs(V) diag(eigvalsh(V)) eigvecs(V)ᵀ"),
], ids=lambda part: part if isinstance(part, str) else "")
def test_letters(tensor, text):
    assert str(tensor) == text


def test_a_guard_that_a_case_excludes_is_gone():
    x = sg.data("x", 3)
    assert str(sg.where(x > 0, sg.log(sg.where(x > 0, x, 1.0)), 0.0)) == "{log(x) if x > 0, 0 otherwise}"
    assert str(sg.where(x > 0, 0.0, 1 / sg.where(x > 0, 1.0, x))) == "{0 if x > 0, 1/x otherwise}"


def test_cases_that_no_line_holds_are_named():
    x, y = sg.data("x", (4, 3)), sg.data("y", (4, 3))
    long = sg.where(x > 0, sg.tanh(x @ x.T @ y) * sg.exp(y) + sg.sin(x) * sg.cos(y * y + x) - sg.sqrt(x * x + y * y + 1), y)
    text = long.latex()
    assert "where" in text and max(map(latex_width, latex_lines(text))) <= PAGE


def test_an_axis_of_one_entry_does_not_show():
    x, M, z = sg.data("x", 3), sg.data("M", (3, 4)), sg.data("z", 3, over=sg.dim("T"))
    assert str(M * sg.reshape(x, (3, 1))) == "diag(x) M" and str(sg.reshape(x, (1, 3))) == "xᵀ"
    assert str(sg.reshape(z, (3, 1))) == "z" and str(sg.reshape(M, (4, 3))) == "reshape(M, (4, 3))"
