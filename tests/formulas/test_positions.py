"""Comparisons of positions: the identity, triangles, diagonals; all else is told entry by entry, never by counts."""

import pytest

import symgrad as sg

n, m = sg.dim("n"), sg.dim("m")
A, v = sg.data("A", (n, n)), sg.data("v", n)
at = sg.arange(n)
row, column = sg.expand_dims(at, 1), sg.expand_dims(at, 0)
diagonal = sg.equal(row, column)


@pytest.mark.parametrize("tensor, text", [
    (sg.one_hot(at, n), "I"), (sg.one_hot(sg.arange(5), 5), "I"), (sg.one_hot(at, n) @ A, "I A"), (diagonal, "I"),
    (sg.one_hot(at, m), "[[i = j]]_ij"), (sg.one_hot(sg.arange(2), 3), "[[i = j]]_ij"),
    (sg.where(diagonal, 2.0, 0.0), "2 I"), (sg.where(diagonal, A, 0.0), "A ⊙ I"),
    (sg.where(diagonal, 0.0, A), "[{0 if i = j, A_ij otherwise}]_ij"), (sg.logical_not(diagonal), "[[i ≠ j]]_ij"),
    (column < row, "[[j < i]]_ij"), (sg.abs(column - row) <= 1, "[[|j - i| ≤ 1]]_ij"),
    (sg.where(column < row, A, 0.0), "[{A_ij if j < i, 0 otherwise}]_ij"), (sg.tril(A), "tril(A)"),
    (sg.softmax(sg.where(column <= row, A, -float("inf")), axis=-1), "[softmax_j({A_ij if j ≤ i, -∞ otherwise})]_ij"),
    (sg.one_hot(sg.data("t", n, dtype="integer"), m), "onehot(t)"), (sg.one_hot(at + 1, n), "onehot((0..n-1) + 1)"),
], ids=lambda part: part if isinstance(part, str) else "")
def test_positions(tensor, text):
    assert str(tensor) == text
