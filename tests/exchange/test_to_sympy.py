"""Explicit SymPy: right entries, right kinds, and the same values as the tensor's own."""

import gallery
import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad.graphs.algebra import linear, running
from symgrad.language.tensor import wrap

n, d, T = sg.dims("n d T")


def at(explicit, values):
    """An explicit result with arrays in the place of element symbols, as an array."""
    numbers = {}
    for name, value in values.items():
        for place in np.ndindex(np.shape(value)):
            numbers[sp.Symbol("_".join([name, *map(str, place)]))] = np.asarray(value)[place].item()
    if isinstance(explicit, (sp.MatrixBase, sp.NDimArray)):
        flat = [float(entry.subs(numbers)) for entry in sp.flatten(explicit.tolist())]
        return np.array(flat).reshape(explicit.shape)
    return np.array(float(sp.sympify(explicit).subs(numbers)))


def test_scalar_matrix_and_array():
    X, w, s = sg.data("X", (n, 2)), sg.data("w", 2), sg.data("s")
    X00, X01, w0, w1 = sp.symbols("X_0_0 X_0_1 w_0 w_1")
    assert s.to_sympy() == sp.Symbol("s")
    assert (X @ w).to_sympy(n=1) == sp.Matrix([X00 * w0 + X01 * w1])
    assert w.to_sympy() == sp.Matrix([w0, w1])
    assert X.to_sympy(n=2).shape == (2, 2)
    cube = sg.einsum("i,j,k->ijk", w, w, w).to_sympy()
    assert isinstance(cube, sp.NDimArray) and cube[0, 1, 1] == w0 * w1**2
    assert sg.jacobian(w * w, w).to_sympy() == sp.diag(2 * w0, 2 * w1)


def test_gradients_are_those_of_sympy():
    X, w, y = sg.data("X", (n, d)), sg.data("w", d), sg.data("y", n)
    loss = sg.sum(sg.tanh(X @ w - y) ** 2) / n
    explicit = loss.to_sympy(n=3, d=2)
    gradient, hessian = (t.to_sympy(n=3, d=2) for t in (sg.gradient(loss, w), sg.hessian(loss, w)))
    variables = sp.symbols("w_0 w_1")
    values = {"X": [[0.3, -0.2], [0.7, 0.1], [-0.5, 0.9]], "w": [0.4, -1.1], "y": [0.2, 0.5, -0.3]}
    for i, v in enumerate(variables):
        assert at(sp.diff(explicit, v), values) == pytest.approx(at(gradient, values)[i, 0])
        for j, u in enumerate(variables):
            assert at(sp.diff(explicit, u, v), values) == pytest.approx(at(hessian, values)[i, j])


def test_one_sample_or_all():
    x, w = sg.data("x", 2, over=T), sg.data("w", 2)
    one, both = (x @ w).to_sympy(), (x @ w).to_sympy(T=2)
    w0, w1 = sp.symbols("w_0 w_1")
    assert one == w0 * sp.Symbol("x_0") + w1 * sp.Symbol("x_1")
    assert both[1] == w0 * sp.Symbol("x_1_0") + w1 * sp.Symbol("x_1_1")
    centred = x - sg.mean(x, over=T)
    assert centred.to_sympy(T=2)[1, 0] == sp.Symbol("x_1_0") / 2 - sp.Symbol("x_0_0") / 2
    with pytest.raises(sg.DataError, match=r"size T is not given; write t.to_sympy\(T=2\)"):
        centred.to_sympy()


def test_labels_are_case_distinctions():
    z, y = sg.data("z", 2, over=T), sg.labels("y", 2, over=T)
    loss = sg.losses.cross_entropy(z, y)
    z0, z1, label = sp.symbols("z_0 z_1 y")
    right = sp.log(sp.exp(z0) + sp.exp(z1)) - sp.Piecewise((z0, sp.Eq(label, 0)), (z1, True))
    assert sp.simplify(loss.to_sympy() - right) == 0
    g = sg.gradient(loss, z).to_sympy()
    assert sp.simplify(g[0].subs(label, 1) - sp.exp(z0) / (sp.exp(z0) + sp.exp(z1))) == 0


NUMBERS = np.random.default_rng(7)
VALUES = {"s": 0.7, "r": 1.3, "u": NUMBERS.normal(size=5), "v": NUMBERS.normal(size=5), "w": NUMBERS.normal(size=4),
          "M": NUMBERS.normal(size=(5, 4)), "N": NUMBERS.normal(size=(5, 4)), "ids": np.array([2, 0, 2])}
VALUES["S"] = VALUES["M"] @ VALUES["M"].T
QUICK = [row for row in gallery.operations() if "kron(M" not in row[0]]
POSITIVE = ("log(u)", "log2(u)", "log1p(u)", "sqrt(u)", "sqrt(u + 1)")


@pytest.mark.parametrize("source, tensor", QUICK, ids=[row[0] for row in QUICK])
def test_values_are_those_of_the_tensor(source, tensor):
    values = {**VALUES, "u": abs(VALUES["u"])} if source in POSITIVE else VALUES
    explicit = tensor.to_sympy()
    used = {name for name in values if any(s.name.split("_")[0] == name for s in sp.sympify(explicit).free_symbols)}
    names = {node.attrs[0].name for node in _inputs(tensor)}
    expected = np.asarray(tensor.eval(**{name: values[name] for name in names}), float)
    got = at(explicit, {name: values[name] for name in used})
    np.testing.assert_allclose(got.reshape(expected.shape), expected, rtol=1e-9, atol=1e-12)


def _inputs(tensor):
    from symgrad.graphs.node import topological

    return [node for node in topological([tensor.node]) if node.op == "input"]


def test_matrices_and_products_along_an_axis():
    A, v = sg.data("A", (2, 2)), sg.data("v", 3)
    a, b, c, e = sp.symbols("A_0_0 A_0_1 A_1_0 A_1_1")
    explicit = sp.Matrix([[a, b], [c, e]])
    assert sp.simplify(wrap(linear.inverse(A.node)).to_sympy() - explicit.inv()) == sp.zeros(2)
    assert sp.simplify(wrap(linear.solve(A.node, A.node)).to_sympy()) == sp.eye(2)
    assert wrap(linear.cofactor(A.node, 0)).to_sympy() == a * e - b * c
    assert wrap(linear.cofactor(A.node, 1)).to_sympy() == sp.Matrix([[e, -c], [-b, a]])
    assert wrap(linear.cofactor(A.node, 2)).to_sympy()[0, 0, 1, 1] == 1
    assert wrap(linear.logdet(A.node)).to_sympy() == sp.log(sp.Abs(a * e - b * c))
    lower = wrap(linear.cholesky(A.node)).to_sympy()
    assert sp.simplify(lower * lower.T - (explicit + explicit.T) / 2) == sp.zeros(2)
    x, y, z = sp.symbols("v_0 v_1 v_2")
    assert wrap(running.multiply(v.node, 0)).to_sympy() == x * y * z
    assert wrap(running.multiply(v.node, 0, 1)).to_sympy() == sp.Matrix([y * z, x * z, x * y])
    assert wrap(running.multiply(v.node, 0, 2)).to_sympy() == sp.Matrix([[0, z, y], [z, 0, x], [y, x, 0]])
    assert wrap(running.cumsum(v.node, 0)).to_sympy() == sp.Matrix([x, x + y, x + y + z])
    assert wrap(running.cumsum(v.node, 0, True)).to_sympy() == sp.Matrix([x + y + z, y + z, z])


@pytest.mark.parametrize("sizes, message", [
    ({"n": 2}, r"the size d is not given; write t.to_sympy\(d=2\)"),
    ({"n": 2, "d": 1, "q": 3}, "q is not a size of this tensor; its symbolic sizes: d, n"),
    ({"n": 2, "d": 0}, "the size d must be a positive int, not 0"),
    ({"n": 2, "d": 1.5}, "the size d must be a positive int, not 1.5"),
    ({"n": 2000, "d": 2000}, "more than 200000 entries"),
])
def test_sizes_that_do_not_fit(sizes, message):
    with pytest.raises(sg.DataError, match=message):
        sg.data("X", (n, d)).to_sympy(**sizes)


def test_negative_indices_count_from_the_end():
    x = sg.data("x", 3)
    assert x[[0, -1]].to_sympy() == sp.Matrix(sp.symbols("x_0 x_2"))
    assert sg.gradient(sg.sum(x[[-1, -1]]), x).to_sympy() == sp.Matrix([0, 0, 2])


def test_rational_exponents_stay_exact():
    a = sg.data("a")
    assert sg.gradient(a ** sp.Rational(1, 3), a).to_sympy() == sp.Rational(1, 3) * sp.Symbol("a") ** sp.Rational(-2, 3)
