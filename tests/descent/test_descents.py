"""Methods on a vector: they arrive, never rise, and stop for a reason."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.descent.gradient import gradient_descent
from symgrad.descent.newton import newton
from symgrad.descent.objective import Objective, Spent
from symgrad.descent.quasi import lbfgs

P = sg.parameter("p", 2)
ROSENBROCK = (1 - P[0]) ** 2 + 100 * (P[1] - P[0] ** 2) ** 2
HIMMELBLAU = (P[0] ** 2 + P[1] - 11) ** 2 + (P[0] + P[1] ** 2 - 7) ** 2
METHODS = {"gradient": gradient_descent, "newton": newton, "l-bfgs": lbfgs,
           "newton, exact along lines": lambda f, x: newton(f, x, degree=4)}


def course(method, f, x):
    """All iterates of a method, and its ending."""
    found = []
    steps = method(f, np.array(x, float))
    while True:
        try:
            found.append(next(steps))
        except StopIteration as stop:
            return found, stop.value


def accepted(iterates):
    return [it for it in iterates if it.accepted]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("start", [(-1.2, 1.0), (3.0, -4.0), (0.0, 0.0)])
@pytest.mark.parametrize("loss", [ROSENBROCK, HIMMELBLAU], ids=["Rosenbrock", "Himmelblau"])
def test_methods_arrive_at_a_minimum_and_never_rise(name, start, loss):
    f = Objective(loss, [P], {}, {})
    iterates, ending = course(METHODS[name], f, start)
    steps = accepted(iterates)
    assert ending.success, ending
    assert steps[-1].loss < 1e-9 and steps[-1] is iterates[-1] or steps[-1].loss == min(it.loss for it in steps)
    assert all(b.loss <= a.loss for a, b in zip(steps, steps[1:], strict=False))
    assert np.array_equal(iterates[0].x, start) and iterates[0].step == 0
    for it in iterates[:5]:
        loss_there, g = f.slope(it.x)
        assert it.loss == pytest.approx(loss_there, rel=1e-12) and it.norm == pytest.approx(np.linalg.norm(g), rel=1e-12)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("scale", [1e-150, 1e-12, 1e12, 1e100])
def test_no_scale_of_the_loss_matters(name, scale):
    q = sg.parameter("q", 3)
    f = Objective(scale * sg.sum(sg.softplus(q * np.array([1.0, -2.0, 3.0])) + q**2), [q], {}, {})
    plain = Objective(sg.sum(sg.softplus(q * np.array([1.0, -2.0, 3.0])) + q**2), [q], {}, {})
    steps, ending = course(METHODS[name], f, [1.0, 2.0, 3.0])
    best = course(newton, plain, [1.0, 2.0, 3.0])[0][-1].x
    assert ending.success
    np.testing.assert_allclose(steps[-1].x, best, rtol=1e-5, atol=1e-7)


def test_newton_converges_quadratically():
    """The error of each step is about a constant times the square of the one before (Nocedal and Wright 2006, 3.5)."""
    q = sg.parameter("q", 4)
    f = Objective(sg.sum(sg.exp(q) - np.arange(1.0, 5.0) * q), [q], {}, {})
    errors = [np.abs(it.x - np.log(np.arange(1.0, 5.0))).max() for it in accepted(course(newton, f, np.ones(4))[0])]
    orders = [np.log(b) / np.log(a) for a, b in zip(errors, errors[1:], strict=False) if a < 0.1 and b > 1e-13]
    assert len(orders) >= 2 and min(orders) > 1.8


def test_a_step_along_a_quartic_is_exact():
    """One line search finds the least point of the polynomial along Newton's direction."""
    q = sg.parameter("q")
    f = Objective((q - 3) ** 4 + (q - 3) ** 2, [q], {}, {})
    steps = accepted(course(lambda g, x: newton(g, x, degree=4), f, [10.0])[0])
    assert steps[1].x == pytest.approx(3.0, abs=1e-7)


def test_newton_leaves_a_saddle():
    f = Objective(P[0] ** 2 - P[1] ** 2 + P[1] ** 4, [P], {}, {})
    steps, ending = course(newton, f, [1.0, 1e-3])
    assert ending.success and abs(steps[-1].x[1]) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("name", METHODS)
def test_points_without_a_value_are_left_again(name):
    q = sg.parameter("q", 2)
    f = Objective(sg.sum(q - sg.log(q) + 0.1 * sg.sqrt(q)), [q], {}, {})
    with np.errstate(all="ignore"):
        steps, ending = course(METHODS[name], f, [0.01, 40.0])
    assert ending.success and all(np.isfinite(it.loss) for it in accepted(steps))
    assert np.abs(1 - 1 / steps[-1].x + 0.05 / np.sqrt(steps[-1].x)).max() < 1e-6


@pytest.mark.parametrize("size", [1, 5, 30, 200])
def test_lbfgs_with_both_memories_solves_quadratics(size):
    """A few variables keep the matrix, many the last steps; the minimum is that of linear algebra."""
    rng = np.random.default_rng(size)
    a = rng.standard_normal((size + 3, size))
    A, x, b = sg.data("A", a.shape), sg.parameter("x", size), sg.data("b", size)
    f = Objective(sg.sum((A @ x) ** 2) / 2 - b @ x, [x], {A.node: a, b.node: np.ones(size)}, {})
    steps, ending = course(lbfgs, f, np.zeros(size))
    assert ending.success
    best = np.linalg.solve(a.T @ a, np.ones(size))
    assert f.value(steps[-1].x) - f.value(best) <= 1e-10 * abs(f.value(best))


def test_a_corner_is_no_success():
    f = Objective(sg.sum(sg.abs(P - 1.0)) + sg.sum(P**2) * 0.01, [P], {}, {})
    for method in (gradient_descent, lbfgs):
        _, ending = course(method, f, [0.3, 5.0])
        assert not ending.success and "corner" in ending.message


def test_evaluations_are_counted_and_a_budget_holds():
    f = Objective(ROSENBROCK, [P], {}, {})
    f.budget = 3
    steps = lbfgs(f, np.array([-1.2, 1.0]))
    with pytest.raises(Spent):
        for _ in range(100):
            next(steps)
    assert f.evaluations == 3


def test_an_objective_of_several_variables():
    n, d = sg.dims("n d")
    X, y, W, b = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("W", (d, 2)), sg.parameter("b")
    rng = np.random.default_rng(0)
    data = {X.node: rng.standard_normal((7, 3)), y.node: rng.standard_normal(7)}
    sizes = {next(iter(sg.data("X", (n, d)).shape)): 7, d: 3}
    r = sg.tanh(X @ W) @ np.array([1.0, -2.0]) + b - y
    f = Objective(sg.sum(r**2), [W, b], data, sizes, [r])
    x, v, h = rng.standard_normal(7), rng.standard_normal(7), 1e-6
    loss, g = f.slope(x)
    assert f.size == 7 and loss == f.value(x)
    numeric = [(f.value(x + h * e) - f.value(x - h * e)) / (2 * h) for e in np.eye(7)]
    np.testing.assert_allclose(g, numeric, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(f.hessian(x) @ v, f.product(x, v), rtol=1e-10)
    np.testing.assert_allclose(f.product(x, v), (f.slope(x + h * v)[1] - f.slope(x - h * v)[1]) / (2 * h), rtol=1e-5)
    residual, j = f.jacobian(x)
    assert residual @ residual == pytest.approx(loss)
    np.testing.assert_allclose(2 * j.T @ residual, g, rtol=1e-10)
    np.testing.assert_array_equal(f.residual(x), residual)
    np.testing.assert_allclose(f.values(np.stack([x, v])), [f.value(x), f.value(v)])
