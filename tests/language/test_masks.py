"""Cases in derivatives: a branch that is not taken adds nothing, of first and of second order, in sums and seeds."""

import numpy as np
import pytest
from checker import check, near, run

import symgrad as sg

x, t, c = sg.data("x", 3), sg.data("t"), sg.data("c")
A = sg.data("A", (3, 3))
AT = {x: np.array([0.0, -1.5, 2.0])}
NONE = sg.where(x > 0, x * sg.log(x), 0)


@pytest.mark.parametrize("f, first, second", [
    (NONE, [0, 0, 1 + np.log(2)], [0, 0, 0.5]),
    (sg.where(x > 1, sg.sqrt(x), x), [1, 1, 0.5 / np.sqrt(2)], [0, 0, -0.25 / 2**1.5]),
    (sg.where(x > 1, 1 / x, sg.where(x < -1, -2 / x, x)), [1, 2 / 1.5**2, -0.25], [0, 4 / 1.5**3, 0.25]),
    (sg.where(x < 1, x**2, sg.log(x)), [0, -3, 0.5], [2, 2, -0.25]),
    (sg.where(x > 0, x**1.5, 0), [0, 0, 1.5 * np.sqrt(2)], [0, 0, 0.75 / np.sqrt(2)]),
    (sg.where(x > 0, 3 * (2 - x * sg.log(x)), 7), [0, 0, -3 - 3 * np.log(2)], [0, 0, -1.5]),
    (sg.relu(sg.where(x > 0, sg.log(x), -1)), [0, 0, 0.5], [0, 0, -0.25]),
], ids=str)
def test_values_at_the_edge(f, first, second):
    near(run(sg.gradient(sg.sum(f), x), AT), first, note="gradient")
    near(run(sg.hessian(sg.sum(f), x), AT), np.diag(second), note="Hessian")
    near(run(sg.jacobian(f, x), AT), np.diag(first), note="Jacobian")
    v = np.array([1.0, 2, 3])
    direction = sg.data("v", 3)
    near(run(sg.jvp(f, x, direction), {**AT, direction: v}), np.array(first) * v, note="jvp")
    near(run(sg.hvp(sg.sum(f), x, direction), {**AT, direction: v}), np.array(second) * v, note="hvp")


def test_a_case_that_overflows():
    f = sg.sum(sg.where(x < 5, sg.exp(x), 1))
    near(run(sg.gradient(f, x), {x: np.array([1000.0, 0, 1])}), [0, 1, np.e])


def test_a_factor_that_is_summed_with_the_condition():
    """The gradient by t sums log(x) over the entries where it counts."""
    f = sg.sum(sg.where(x > 0, t * sg.log(x), 0))
    near(run(sg.gradient(f, t), {**AT}), np.log(2))


def test_a_scalar_condition_on_a_vector():
    f = sg.where(c > 0, sg.sum(sg.log(x)), 0)
    g = sg.gradient(f, x)
    near(run(g, {**AT, c: np.array(-1.0)}), np.zeros(3))
    near(run(g, {x: np.array([1.0, 2, 4]), c: np.array(1.0)}), [1, 0.5, 0.25])


def test_cases_inside_a_network():
    """Behind and before products the condition reaches the factor that is infinite."""
    f = sg.sum((A @ sg.where(x > 0, x * sg.log(x), 0)) ** 2)
    at = {A: np.arange(9.0).reshape(3, 3) / 10, x: np.array([0.0, 0.3, 2.0])}
    inner, slope = np.array([0, 0.3 * np.log(0.3), 2 * np.log(2)]), np.array([0, 1 + np.log(0.3), 1 + np.log(2)])
    near(run(sg.gradient(f, x), at), 2 * (at[A].T @ at[A] @ inner) * slope)


def test_both_branches_hold_the_same_infinite_term():
    f = sg.where(c < -1, 1 / t, sg.where(c <= 1, t, 1 / t))
    for value, expected in ((-2.0, np.inf), (0.0, 1.0)):
        slope = run(sg.gradient(f, t), {t: np.array(0.0), c: np.array(value)})
        assert abs(slope) == expected


def test_where_all_is_finite_nothing_changes():
    rng = np.random.default_rng(3)
    f = sg.where(x > 0, sg.exp(A @ x) / (1 + x**2), sg.sqrt(1 + x**2))
    check(f, {A: rng.standard_normal((3, 3)), x: np.array([0.7, -0.4, 1.1])}, [A, x])


def test_the_formula_names_the_case_once():
    assert str(sg.gradient(sg.sum(NONE), x)) == "{1 + log(x) if x > 0, 0 otherwise}"
    assert str(sg.gradient(sg.sum(sg.relu(A @ x)), x)) == "Aᵀ [A x > 0]"
