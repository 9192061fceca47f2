"""Formulas as SymPy's matrix expressions, against explicit SymPy at numbers."""

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

n, d = sg.dims("n d")
X, A, B = sg.data("X", (n, d)), sg.data("A", (d, d)), sg.data("B", (d, d))
w, y, s = sg.parameter("w", d), sg.data("y", n), sg.data("s")
residual = X @ w - y

SAID = [
    (sg.gradient(sg.sum(residual**2), w), "2*X.T*(X*w - y)"),
    (sg.hessian(sg.sum(residual**2) + s * sg.sum(w**2), w), "(2*s)*I + 2*X.T*X"),
    (sg.gradient(w @ A @ w, w), "(A + A.T)*w"),
    (sg.gradient(sg.logdet(A), A), "A.T**(-1)"),
    (sg.trace(A @ B), "Trace(A*B)"),
]


@pytest.mark.parametrize("t, text", SAID, ids=[text for _, text in SAID])
def test_said(t, text):
    assert str(t.to_sympy()) == text


FORMULAS = [t for t, _ in SAID] + [
    sg.sum(sg.log(1 + sg.exp(residual))), sg.gradient(sg.sum(sg.log(1 + sg.exp(residual))), w),
    sg.hessian(sg.sum(sg.log(1 + sg.exp(residual))), w), sg.softmax(A @ w), sg.logsumexp(w), sg.norm(residual),
    sg.gradient(sg.norm(residual), w), sg.tanh(A @ w) * w, w / (1 + w**2), s * A @ B - A.T, sg.outer(w, A @ w),
    sg.mean(residual), residual - sg.mean(residual), sg.gradient(sg.var(w), w), w @ sg.inv(A) @ w, sg.sqrt(w**2 + 1),
    sg.hessian(sg.logsumexp(A @ w), w), sg.diag(w) @ A, A @ sg.diag(sg.exp(w)), sg.gradient(sg.det(A), s), sg.abs(w),
]


@pytest.mark.parametrize("t", FORMULAS, ids=str)
def test_values(t):
    rng = np.random.default_rng(0)
    at = {X: rng.uniform(0.2, 1, (3, 2)), A: rng.uniform(0.2, 1, (2, 2)), B: rng.uniform(0.2, 1, (2, 2)),
          w: rng.uniform(0.2, 1, 2), y: rng.uniform(0.2, 1, 3), s: np.asarray(0.7)}
    expected = sg.function(list(at), [t], sizes={"n": 3, "d": 2})(*at.values())[0]
    expression = sp.sympify(t.to_sympy()).subs({n: 3, d: 2})
    for symbol, value in at.items():
        if symbol is s:
            expression = expression.subs(sp.Symbol("s", real=True), sp.Float(float(value)))
        else:
            rows, columns = (*value.shape, 1)[:2]
            numbers = sp.ImmutableMatrix(value.reshape(rows, columns))
            expression = expression.subs(sp.MatrixSymbol(symbol.name, rows, columns), numbers)
    found = expression.doit().replace(lambda e: isinstance(e, sp.Trace), lambda e: e.arg.as_explicit().trace())
    found = found.as_explicit() if hasattr(found, "as_explicit") else found
    np.testing.assert_allclose(np.array(found, float).reshape(np.shape(expected)), expected, rtol=1e-9, atol=1e-12)


def test_what_sympy_cannot_say_is_told():
    with pytest.raises(sg.DataError, match=r"the size n is not given; write t.to_sympy\(n=2\); SymPy has no matrix expression"):
        sg.cumsum(y).to_sympy()
    with pytest.raises(sg.DataError, match=r"the size n is not given; write t.to_sympy\(n=2\)"):
        sg.data("C", (n, n, n)).to_sympy()
