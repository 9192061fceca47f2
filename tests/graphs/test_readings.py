"""A derivative has one value: as it is computed, as it is read, and as differences say; beside masks and symmetric weights."""

import numpy as np
import pytest
from checker import differences, near

import symgrad as sg
from symgrad.language.replaying import shown

n = 3
x, y, a = sg.parameter("x", n), sg.data("y", n), sg.parameter("a")
A, S = sg.parameter("A", (n, n)), sg.data("S", (n, n), symmetric=True)
xi, xj = x[:, None], x[None, :]

FORMULAS = {
    "laplacian": (sg.sum(S * (xi - xj) ** 2), x),
    "laplacian of a kernel": (sg.sum(S * sg.exp(-((xi - xj) ** 2))), x),
    "laplacian of logarithms": (sg.sum(S * sg.log(1 + (xi - xj) ** 2)), x),
    "laplacian of squares": (sg.sum((S - (xi - xj) ** 2) ** 2), x),
    "fourth powers": (sg.sum(S * (xi - xj) ** 4), x),
    "odd of differences": (sg.sum(S * sg.sin(xi - xj)), x),
    "odd again": (sg.sum(S * sg.arctan(xi - xj)), x),
    "softplus": (sg.sum(sg.log(1 + sg.exp(S * (xi - xj)))), x),
    "inverse": (sg.sum(sg.inv(A)), A),
    "log of an inverse": (sg.log(sg.sum(sg.inv(A)) ** 2), A),
    "quotient": (1 / sg.sum(sg.inv(A)), A),
    "a triple": (sg.sum(xi * (S * (A @ (xi - xj)))), x),
    "a choice summed": (sg.sum(sg.where(x > y, a * sg.log(sg.abs(x)), 0)), a),
    "a logarithm kept away": (sg.sum(sg.where(x > 0, a * sg.log(x), 0)), a),
    "x log x": (sg.sum(sg.where(x > 0, x * sg.log(x), 0)), x),
    "a power kept away": (sg.sum(sg.where(x > 0, x**a, 0)), x),
    "a power or the line": (sg.sum(sg.where(x > 0, x**a, x)), x),
    "two powers": (sg.sum(sg.where(x > 0, x**a, (-x) ** a)), x),
    "a quotient kept away": (sg.sum(sg.where(y > 0, a / y, 0)), a),
    "a root kept away": (sg.sum(sg.where(y > 0, sg.sqrt(y) * x, 0)), x),
    "a matrix of one": (x @ A @ sg.where(y > 0, 1 / y, 0), x),
    "log of a power": ((x**2 + 1) @ sg.log((x**2 + 1) ** a), x),
    "a power of a norm": (sg.norm(x) ** a, x),
    "relu squared": (sg.sum(sg.relu(x) ** 2), x),
    "x relu": (sg.sum(sg.relu(x) * x), x),
    "exponentials": (sg.sum(sg.exp(2 * x) * sg.exp(-x)), x),
}


@pytest.mark.parametrize("f, by", FORMULAS.values(), ids=list(FORMULAS))
def test_one_value(f, by):
    rng = np.random.default_rng(3)
    B = rng.uniform(0.2, 1, (n, n))
    at = {x: np.array([0.7, -0.4, 1.3]), y: np.array([-0.5, 0.9, 0.3]), a: np.asarray(2.3),
          A: rng.uniform(0.2, 1, (n, n)) + 2 * np.eye(n), S: B + B.T}
    g, H = sg.gradient(f, by), sg.hessian(f, by)
    run = sg.function(list(at), [f, g, H, shown(g), shown(H)])
    _, gradient, hessian, gradient_read, hessian_read = run(*at.values())
    near(gradient, differences(lambda v: run(*v.values())[0], at, by), 1e-6, "gradient")
    near(hessian, differences(lambda v: run(*v.values())[1], at, by), 1e-6, "Hessian")
    near(gradient_read, gradient, 1e-9, f"gradient as read: {g}")
    near(hessian_read, hessian, 1e-9, f"Hessian as read: {H}")


def test_what_is_no_symmetric_matrix_has_no_structure_of_one():
    H = sg.hessian(sg.sum(S * (xi - xj) ** 2), x)
    assert str(H) == "4 (diag(S 1) - S)" and sg.structure(H).kind != "diagonal"
    assert str(sg.gradient(x @ sg.log(x**a), x)) == "log(x^⊙a) + a"
    assert str(sg.gradient(sg.sum(sg.where(x > y, a * sg.log(x), 0)), a)) == "sum({log(x) if x > y, 0 otherwise})"
