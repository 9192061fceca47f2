"""Shapes that nobody declared: guessed where letters and operations leave one choice, refused where they do not."""

import pytest

import symgrad as sg
from symgrad.reading.asking import asked_text
from symgrad.reading.guessing import guessed_shapes


@pytest.mark.parametrize("text, shapes", [
    ("sum((X @ w - y)**2)", {"X": "n,d", "w": "d", "y": "n"}),
    ("np.sum((X @ w - y)**2)/n + lam * w @ w", {"X": "n,d", "w": "d", "y": "n", "lam": ""}),
    ("‖X w - y‖² + λ ‖w‖²", {"X": "n,d", "w": "d", "y": "n", "λ": ""}),
    (r"\lVert X w - y \rVert^2", {"X": "n,d", "w": "d", "y": "n"}),
    ("x' A x", {"x": "n", "A": "n,n"}), ("x @ A @ x", {"x": "n", "A": "n,n"}),
    ("trace(A @ X @ B)", {"A": "n,d", "X": "d,k", "B": "k,n"}), ("logdet(S)", {"S": "n,n"}),
    ("(x - mu) @ inv(S) @ (x - mu)", {"x": "n", "mu": "n", "S": "n,n"}),
    ("x**2", {"x": ""}), ("a x² + b x + c", {"a": "", "x": "", "b": "", "c": ""}),
    ("-log(sigmoid(w @ x + b))", {"w": "n", "x": "n", "b": ""}), ("c * sum(x)", {"c": "", "x": "n"}),
    ("sum(Y * log_softmax(X @ W, axis=1))", {"Y": "n,d", "X": "n,k", "W": "k,d"}),
    ("sum_i x_i y_i", {"x": "n", "y": "n"}), ("sum_{i=1}^n (y_i - w' x_i)^2", {"y": "n", "w": "d", "x": "n,d"}),
    ("exp(-‖x - m‖²/(2 s²))", {"x": "n", "m": "n", "s": ""}),
    ("n log s + 1/(2 s^2) sum((x - m)^2)", {"s": "", "x": "n", "m": "n"}), ("(x - m)' S^-1 (x - m)", {"x": "n", "m": "n", "S": "n,n"}),
    ("sum((R - U @ V.T)**2)", {"R": "n,d", "U": "n,k", "V": "d,k"}),
])
def test_shapes_of_numbers(text, shapes):
    found = guessed_shapes(text, {}, scalar=True)
    assert found == shapes
    assert sg.parse(text, **found).shape == ()


def test_what_is_declared_stays_and_leaves_its_sizes():
    assert guessed_shapes("sum((X @ w - y)**2)", {"X": "m,3"}, scalar=True) == {"w": "3", "y": "m"}
    assert guessed_shapes("sum(x)", {"x": "3"}) == {}


@pytest.mark.parametrize("text, message", [
    ("softmax(z)", "z = n: the formula has shape (n,); a gradient is that of a number: close it, as in sum(...), or "
     "ask its Jacobian"),
    ("a + b + c + d + f + g + h + j", "8 names have no shape: a, b, c, d, f, g, h, j; declare them with --shape"),
    ("sum(x)/m", "the shapes of x cannot be guessed; with x a vector: m: a size that no name has; declare it with --shape"),
])
def test_refusals(text, message):
    with pytest.raises(sg.ParseError) as caught:
        guessed_shapes(text, {}, scalar=True)
    assert str(caught.value).split("\n")[0] == message


@pytest.mark.parametrize("text, shapes", [
    ("-log softmax(z)_k", {"z": "n", "k": ": integer"}), ("-log(softmax(W x + b)_y)", {"W": "n,d", "x": "d", "b": "n", "y": ": integer"}),
    ("(A B)_ij", {"A": "n,d", "B": "d,k", "i": ": integer", "j": ": integer"}),
    ("1/n sum((x w - y)^2)", {"x": "n", "w": "", "y": "n"}), ("sum((w x - y)^2)", {"w": "", "x": "n", "y": "n"}),
])
def test_an_index_behind_parentheses_is_a_whole_number_and_data_are_vectors_before_weights(text, shapes):
    assert guessed_shapes(text, {}) == shapes
    asked_text(text, {})


@pytest.mark.parametrize("text, said", [
    ("sum(log softmax(z)_k)", "no sum and no bracket binds the index 'k'; if it is a place that is given, declare it as a "
     "whole number, k=: integer"), ("((X w)_i - y_i)^2", "binds the index 'i'")])
def test_an_index_that_a_sum_may_mean_is_not_guessed(text, said):
    with pytest.raises(sg.ParseError, match=said):
        asked_text(text, {})
    with pytest.raises(sg.ParseError, match="binds the index 'k'; if it is a place"):
        sg.parse("softmax(z)_k", z="n")
    assert str(sg.parse("softmax(z)_k", z="n", k=": integer")) == "softmax(z)_k"
