"""Third derivatives: the algebra is closed, so the Jacobian of a Hessian is one more pass; against differences of the Hessian."""

import numpy as np
import pytest
import sympy as sp
from checker import differences, near, run

import symgrad as sg

n, m, T = sg.dims("n m T")
rng = np.random.default_rng(7)
x, A, B = sg.parameter("x", n), sg.parameter("A", (n, m)), sg.data("B", (n, m))
z = sg.data("z", m, over=T)
s = sp.Symbol("s")
AT = {x: rng.standard_normal(3), A: rng.standard_normal((3, 2)), B: rng.standard_normal((3, 2)), z: rng.standard_normal((4, 2))}

SCALARS = {
    "tanh": (lambda: sg.sum(sg.tanh(x) ** 3), x), "exp of a product": (lambda: sg.sum(sg.exp(0.3 * x) * x), x),
    "own formula": (lambda: sg.sum(sg.elementwise(s**2 * sp.sin(s), x)), x), "gelu": (lambda: sg.sum(sg.gelu(x)), x),
    "sigmoid of a contraction": (lambda: sg.sum(sg.sigmoid(A.T @ x)), x), "fourth power": (lambda: (x @ B @ B.T @ x) ** 2, x),
    "matrix": (lambda: sg.trace(A.T @ A @ A.T @ A) + sg.sum(A * B), A), "einsum": (lambda: sg.einsum("ij,ij,ij,ij->", A, A, A, B), A),
    "logsumexp": (lambda: sg.logsumexp(B.T @ x), x), "norm": (lambda: sg.norm(x - 3), x),
    "mean over samples": (lambda: sg.empirical_risk(sg.sum(sg.tanh(A @ z) ** 2)), A),
    "logdet": (lambda: sg.logdet(B.T @ B + sg.outer(A.T @ x, A.T @ x)), x),
    "prod": (lambda: sg.prod(x), x), "det": (lambda: sg.det(A.T @ B + 2 * A.T @ A), A),
}


@pytest.mark.parametrize("name", SCALARS)
def test_third_derivatives(name):
    make, v = SCALARS[name]
    H = sg.hessian(make(), v)
    third = sg.jacobian(H, v)
    assert third.shape == v.shape * 3
    found = run(third, AT)
    h = sg.function(list(AT), H)
    near(found, differences(lambda at: h(*at.values()), AT, v), 2e-6)
    flat = found.reshape([AT[v].size] * 3)
    for order in ((1, 0, 2), (0, 2, 1), (2, 1, 0)):
        near(flat, flat.transpose(order), 1e-10)  # partial derivatives commute


def test_a_third_derivative_prints_in_index_notation():
    assert str(sg.jacobian(sg.hessian(sg.sum(x**3), x), x)) == "[6 δ_ij δ_ik]_ijk"


def test_per_sample_third_derivatives_stay_per_sample():
    y = sg.sum(sg.tanh(z) ** 2)
    third = sg.jacobian(sg.hessian(y, z), z)
    assert third.over == T and third.shape == (m, m, m)
    found = run(third, AT)
    t = np.tanh(AT[z])
    slope = 8 * t * (3 * t**2 - 2) * (1 - t**2)  # the third derivative of tanh squared
    near(found, np.einsum("ti,ij,ik->tijk", slope, np.eye(2), np.eye(2)), 1e-9)
