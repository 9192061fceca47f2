"""Names that touch, functions without parentheses, quotes and powers: read as they are meant, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.reading.guessing import guessed_shapes
from symgrad.reading.touching import cut

SQUARE = dict.fromkeys("ABCX", "n n")


@pytest.mark.parametrize("text, meant, shapes", [
    ("w'Aw", "w' A w", {"w": "n", "A": "n,n"}), ("wᵀAw", "w' A w", {"w": "n", "A": "n,n"}),
    ("w'Σw", "w' Σ w", {"w": "n", "Σ": "n,n"}), ("w^T Sigma w", "w' Sigma w", {"w": "n", "Sigma": "n,n"}),
    ("tr(A'BA)", "tr(A' B A)", {"A": "n,d", "B": "n,n"}), ("tr(AB)", "tr(A B)", {"A": "n,d", "B": "d,n"}),
    ("‖Xw - y‖² + λ‖w‖²", "‖X w - y‖² + λ ‖w‖²", {"X": "n,d", "w": "d", "y": "n", "λ": ""}),
    ("||Xw-y||^2", "‖X w - y‖²", {"X": "n,d", "w": "d", "y": "n"}),
    ("(Xw-y)'(Xw-y)", "(X w - y)' (X w - y)", {"X": "n,d", "w": "d", "y": "n"}),
    ("w^TAw", "w' A w", {"w": "n", "A": "n,n"}), ("x'Ax + b'x", "b' x + x' A x", {"x": "n", "A": "n,n", "b": "n"}),
    ("y'X(X'X+λI)^-1X'y", "y' X (X' X + λ I)⁻¹ X' y", {"y": "n", "X": "n,d", "λ": ""}),
    ("-2xe^{-x^2}", "-2 x exp(-x²)", {"x": ""}), ("-2xexp(-x^2)", "-2 x exp(-x²)", {"x": ""}),
    ("x sin x", "x sin(x)", {"x": ""}), ("xlog x", "x log(x)", {"x": ""}), ("sinx", "sin(x)", {"x": ""}),
    ("cos 2x", "cos(2 x)", {"x": ""}), ("cos2x", "cos(2 x)", {"x": ""}), ("sin xy", "sin(x y)", {"x": "", "y": ""}),
    ("sin x cos x", "sin(x) cos(x)", {"x": ""}), ("-log p y", "-y log(p)", {"p": "", "y": ""}),
    (r"\sin x\cos 2x", "sin(x) cos(2 x)", {"x": ""}), ("log det A", "log(det(A))", {"A": "n,n"}),
    ("-y log p - (1-y) log(1-p)", "-y log(p) - (1 - y) log(1 - p)", {"y": "", "p": ""}),
    ("tan^2(x)", "tan(x)²", {"x": ""}), ("sin²(x)", "sin(x)²", {"x": ""}), ("tan² x", "tan(x)²", {"x": ""}),
    ("1/cos^2 x", "1/(cos(x) cos(x))", {"x": ""}), ("sigma(x)", "σ(x)", {"x": ""}), ("x²/σ²", "x x/(σ σ)", {"x": "", "σ": ""}),
    ("e^xy", "y exp(x)", {"x": "", "y": ""}), ("½x'x", "x' x/2", {"x": "n"}), ("Σ_i x_i^2", "x' x", {"x": "n"}),
    ("lambda ||x||^2", "λ ‖x‖²", {"λ": "", "x": "n"}), ("log|x|/2", "log(|x|)/2", {"x": ""}),
    ("f'(x) = 4x^3-9x^2+2", "4 x³ - 9 x² + 2", {"x": ""}), ("f' = 4x^3", "4 x³", {"x": ""}),
    ("∑_i x_i y_i", "x' y", {"x": "n", "y": "n"}), ("e'e", "‖e‖²", {"e": "n"}),
    ("sum((pred - target)**2)", "‖pred - target‖²", {"pred": "n", "target": "n"}),
])
def test_shapes_and_meaning(text, meant, shapes):
    found = guessed_shapes(text, {}, scalar=True)
    assert found == shapes
    symbols = {name: sg.data(name, sg.parse(name, **{name: shape}).shape) for name, shape in shapes.items()}
    assert sg.verify(sg.parse(text, **symbols), sg.parse(meant, **symbols)), text


@pytest.mark.parametrize("text, meant", [
    ("X^TX", "X' X"), ("2X^TXw-2X^Ty", "2 X' (X w - y)"), ("λI + A", "A + λ I"), ("X^{T}Xw", "X' X w"),
    ("(A+λI)^-1X^Ty", "(A + λ I)⁻¹ X' y"), ("wexp(λ)", "w exp(λ)"), ("2πw", "2 π w"), ("b'Xw", "b' X w"),
    ("w sin^2 λ", "w sin(λ)²"), ("tr(A)Iw + λw", "tr(A) w + λ w"),
])
def test_declared_names_that_touch(text, meant):
    names = {"X": sg.data("X", (3, 2)), "w": sg.data("w", 2), "y": sg.data("y", 3), "A": sg.data("A", (2, 2)),
             "λ": sg.data("λ"), "b": sg.data("b", 3)}
    assert sg.verify(sg.parse(text, **names), sg.parse(meant, **names)), text


@given(st.lists(st.sampled_from("ABCX"), min_size=1, max_size=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_a_chain_of_letters_is_their_product(letters, quotes):
    parts = [letter + "'" * quote for letter, quote in zip(letters, quotes, strict=False)]
    text = f"tr({''.join(parts)})"
    assert str(sg.parse(text, **SQUARE)) == str(sg.parse(f"trace({' @ '.join(p.replace(chr(39), '.T') for p in parts)})", **SQUARE))
    assert guessed_shapes(text, {}, scalar=True).keys() == set(letters)


@given(st.sampled_from("log exp sin cos tan tanh sqrt sigmoid softplus relu".split()),
       st.sampled_from("{0} x|{0}x|{0}(x)|x{0}(x)|{0}² x|{0}^2(x)|x{0} x|2x{0} 2x".split("|")))
def test_a_function_is_never_guessed_as_a_name(function, form):
    assert guessed_shapes(form.format(function), {}, scalar=True) == {"x": ""}


@pytest.mark.parametrize("text, message", [
    *((f"{name}(x)", f"column 1: there is no function {name}") for name in "arcsec sec log3 lb asin foo acos csc".split()),
    *((text, f"column {at}: {f} x/y may be {f}(x)/y or {f}(x/y); write the parentheses") for text, f, at in (
        ("sin x/x", "sin", 6), ("log p / q", "log", 7), ("2cos² x/2", "cos", 8))),
    ("x^sinx", "column 2: ^ raises one letter; write ^(sinx) to raise more"), ("f(x)", "column 1: there is no function f"),
    ("2 + arcsec x", "column 5: there is no function arcsec"),
    (r"2\arcsec x", "column 2: there is no function arcsec"),
    ("sin^-1(x)", "column 4: sin⁻¹ may be 1/sin(x) or the inverse function; write the former so"),
    (r"x'A\b", r"column 4: \ is no left division here; write solve(A, b) for A\b"),
    (r"A\bc", r"column 2: there is no command \bc; declare it with --shape if it is a name"),
])
def test_refusals_of_guesses(text, message):
    with pytest.raises(sg.ParseError) as caught:
        guessed_shapes(text, {}, scalar=True)
    assert str(caught.value).split("\n")[0] == message


@pytest.mark.parametrize("text, message", [
    *((text, r"\ is no left division here; write solve(A, b) for A\b") for text in (
        r"A\b", r"A \ b", r"(A'*A)\(A'*b)", r"A\ b", r"A'\b", r"A \ (A b)")),
    ("arccot(λ)b²", "column 1: there is no function arccot"), (r"A\bA", "'bA' is not declared"),
    ("∑_i a_i²", "neither 'a_i' nor 'a' is declared; row i of A is A_i; declared are A, b, λ and the sizes n"),
    ("∑_i z_i²", "neither 'z_i' nor 'z' is declared; declared are A, b, λ and the sizes n"),
])
def test_refusals_of_declared_names(text, message):
    with pytest.raises(sg.ParseError) as caught:
        sg.parse(text, A="n n", b="n", **{"λ": ""})
    assert message in str(caught.value).split("\n")[0]


@pytest.mark.parametrize("text", [r"A\,b", r"A\;b", r"$A\ b$", r"\(A b\)", r"\(A \left(b + b\right)/2\)", r"A^{\top}\ b", r"A b \\"])
def test_blanks_of_latex_are_no_division(text):
    assert sg.parse(text, A="n n", b="n").shape == sg.parse("A @ b", A="n n", b="n").shape


def test_the_fewest_parts():
    functions = {"exp", "log", "sin", "tanh", "tan"}
    assert cut("xtanh", functions, str.isalpha) is None  # a name by itself
    assert cut("xtanh", functions, lambda part: len(part) == 1) == ["x", "tanh"]
    assert cut("log2x", functions, lambda part: len(part) == 1) is None
