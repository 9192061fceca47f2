"""What is declared of a symbol, and what follows: asked in one place, with the same answer everywhere."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.computing.fact_checks import CHECKS
from symgrad.computing.points import random_value
from symgrad.graphs.facts import FACTS, IMPLIES, NONNEGATIVE, SQUARE, facts_of, implied

n = sg.dim("n")


def holds(fact, value):
    if fact == SQUARE:
        return value.shape[-1] == value.shape[-2]
    return CHECKS[fact](value, 1e-9) is None


@pytest.mark.parametrize("fact", FACTS)
def test_what_follows_from_a_fact_holds_of_values_that_have_it(fact):
    shape = (4, 4)
    symbol = sg.data("S", shape, **{fact: True})
    assert facts_of(symbol.node) == implied((fact,)) and fact in CHECKS
    for seed in range(5):
        value = np.asarray(random_value(symbol.node, {}, np.random.default_rng(seed)))
        assert all(holds(each, value) for each in implied((fact,))), fact


def test_facts_follow_in_chains():
    assert implied(("positive_definite",)) == {"positive_definite", "symmetric", "square"}
    assert implied(("diagonal",)) == {"diagonal", "symmetric", "lower_triangular", "square"}
    assert NONNEGATIVE in implied(("simplex",)) & implied(("positive",)) and implied(()) == frozenset()
    assert set(IMPLIES) <= set(FACTS) and not any(fact in implied(IMPLIES[fact]) for fact in IMPLIES)


@pytest.mark.parametrize("facts", [{"symmetric": True}, {"positive_definite": True}, {"diagonal": True}])
def test_every_symmetric_matrix_is_its_transpose_for_all_who_ask(facts):
    S, x, w = sg.data("S", (n, n), **facts), sg.data("x", n), sg.parameter("w", n)
    assert sg.simplify(S.T) == S and sg.simplify(S @ x + S.T @ x) == 2 * (S @ x) and sg.simplify(sg.inv(S).T) == sg.inv(S)
    assert str(S.T) == "S" and str(sg.gradient(w @ S @ w, w)) == "2 S w"
    assert sg.solve_stationary(w @ S @ w / 2 - w @ x, w) == sg.solve(S, x)


def test_a_diagonal_matrix_is_lower_triangular():
    D, L = sg.data("D", (n, n), diagonal=True), sg.data("L", (n, n), lower_triangular=True)
    assert sg.simplify(sg.tril(D)) == D and sg.simplify(sg.tril(L)) == L


def test_sums_over_all_axes_of_a_softmax_are_one():
    X = sg.data("X", (2, 3))
    assert str(sg.simplify(sg.sum(sg.softmax(X, axis=-1)))) == "2"


def test_what_was_simplified_by_facts_is_differentiated_as_it_was():
    S, w = sg.data("S", (n, n), symmetric=True), sg.parameter("w", n)
    y = w @ S @ w + w @ S.T @ w
    short = sg.simplify(y)
    assert short != y and sg.gradient(short, S) == sg.gradient(y, S) == 2 * sg.outer(w, w)


def test_a_simplified_derivative_is_computed_as_it_reads():
    """1 - sigmoid(x) is sigmoid(-x) there: it keeps its digits where sigmoid is all but one."""
    x = sg.data("x", 3)
    H = sg.simplify(sg.hessian(sg.sum(sg.sigmoid(x)), x))
    assert str(H) == "diag(σ(x) ⊙ (1 - σ(x)) ⊙ (1 - 2 σ(x)))"
    at = np.array([-40.0, 1.0, 40.0])
    p, q = 1 / (1 + np.exp(-at)), 1 / (1 + np.exp(at))
    np.testing.assert_allclose(sg.function([x], H)(at), np.diag(p * q * (q - p)), rtol=1e-13)
