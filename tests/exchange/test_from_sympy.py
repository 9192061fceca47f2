"""sg.from_sympy: values against SymPy's own explicit evaluation, derivatives against differences and against SymPy's."""

import math
from functools import reduce

import hypothesis.strategies as st
import numpy as np
import pytest
import sympy as sp
from checker import differences, near, run
from hypothesis import given, settings
from sympy.matrices.expressions import (
    BlockDiagMatrix,
    BlockMatrix,
    DiagMatrix,
    DiagonalMatrix,
    DiagonalOf,
    DotProduct,
    FunctionMatrix,
    HadamardPower,
    HadamardProduct,
    Identity,
    KroneckerProduct,
    MatrixSymbol,
    OneMatrix,
    Permanent,
    ZeroMatrix,
)
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.tensor.array.expressions import (
    ArrayAdd,
    ArrayContraction,
    ArrayDiagonal,
    ArrayElementwiseApplyFunc,
    ArraySymbol,
    ArrayTensorProduct,
    OneArray,
    PermuteDims,
    Reshape,
    ZeroArray,
)

import symgrad as sg
from symgrad.graphs.node import topological
from symgrad.graphs.sizes import free_symbols
from symgrad.language.tensor import wrap

n, m = sp.symbols("n m")
i, j, k = sp.symbols("i j k")
a, b = sp.symbols("a b")
SIZES = {n: 2, m: 3}
RNG = np.random.default_rng(5)
NAMES = {"A": (n, n), "B": (n, n), "X": (n, m), "Y": (m, n), "x": (n, 1), "y": (n, 1), "r": (1, m), "s": (1, 1)}
VALUES = {name: RNG.uniform(0.2, 1.4, [int(sp.sympify(size).subs(SIZES)) for size in shape]) for name, shape in NAMES.items()}
VALUES |= {"A": VALUES["A"] + 2 * np.eye(2), "a": 0.7, "b": 1.3}
SYMBOLIC = {name: MatrixSymbol(name, *shape) for name, shape in NAMES.items()}
A, B, X, Y, x, y, r, s = SYMBOLIC.values()


ENTRIES = {name: sp.ImmutableMatrix(*value.shape, lambda p, q, name=name: sp.Symbol(f"{name}_{p}_{q}", real=True))
           for name, value in VALUES.items() if np.ndim(value)}
NUMBERS = {entry: sp.Float(value, 30) for name, entries in ENTRIES.items()
           for entry, value in zip(entries, VALUES[name].ravel(), strict=True)}
REALS = {a: sp.Symbol("a", real=True), b: sp.Symbol("b", real=True)}
NUMBERS |= {REALS[a]: sp.Float(0.7, 30), REALS[b]: sp.Float(1.3, 30)}


def spelled(e):
    """An expression by SymPy alone: matrices of element symbols in the place of its matrices, then doit."""
    e = e.subs(SIZES).xreplace(REALS)
    e = e if e.is_Matrix else e.xreplace({s: ENTRIES["s"][0, 0]})
    try:
        if isinstance(e, sp.MatrixExpr):
            e = e.as_explicit()
    except (TypeError, ValueError, AttributeError):
        pass
    e = e.xreplace({old: ENTRIES[old.name] for old in e.atoms(MatrixSymbol)}).doit()
    return e.as_explicit().doit() if isinstance(e, sp.MatrixExpr) else e


def numeric(e):
    """The value at NUMBERS; a 1 x 1 matrix is a number."""
    e = e.xreplace(NUMBERS)
    if hasattr(e, "shape"):
        value = np.array([float(entry) for entry in sp.flatten(e.tolist())]).reshape(e.shape)
        return value.reshape(()) if value.shape == (1, 1) else value
    return np.array(float(e))


def inputs(tensor):
    """The symbols of a tensor with their values."""
    nodes = [node for node in topological([tensor.node]) if node.op == "input"]
    return {wrap(node): VALUES[node.attrs[0].name] for node in nodes}


def evaluated(tensor):
    """The value of a tensor, with sizes that no input shows given by hand."""
    at = inputs(tensor)
    shown = {str(size) for symbol in at for size in symbol.shape}
    needed = {str(size) for node in topological([tensor.node]) for size in free_symbols(node.shape)}
    needed |= {name for name in "nm" if name in str(tensor)} if not at else set()
    return run(tensor, at, **{size.name: value for size, value in SIZES.items() if size.name in needed - shown})


MATRICES = {
    "MatrixSymbol": X, "Identity": Identity(n), "ZeroMatrix": ZeroMatrix(n, m) + X, "OneMatrix": 3 * OneMatrix(n, m) - X,
    "MatAdd": X + 2 * Y.T - X / 3, "MatMul": 2 * A * X * Y / 5, "scalars in a product": a * sp.Trace(A) * A * x / n,
    "1 x 1 in a product": A * x * (x.T * y), "Transpose": (A * X).T, "Adjoint": sp.Adjoint(X), "Inverse": A.I * X,
    "inverse of a product": (A * A.T + Identity(n)).I * x, "MatPow": A**5, "MatPow -1": A**-1, "MatPow -3": A**-3,
    "MatPow 0": sp.MatPow(A, 0, evaluate=False) + B, "HadamardProduct": HadamardProduct(X, Y.T, X + Y.T),
    "HadamardPower": HadamardPower(X, 3), "HadamardPower root": HadamardPower(X, sp.Rational(1, 2)),
    "HadamardPower of a symbol": HadamardPower(X, a), "KroneckerProduct": KroneckerProduct(A, X), "of three":
    KroneckerProduct(x, r, A), "DiagMatrix": DiagMatrix(A * x) * X, "DiagMatrix of a row": X * DiagMatrix(r),
    "DiagonalMatrix": DiagonalMatrix(A) + A, "DiagonalOf": DiagonalOf(A * B), "slice": X[:, 1:3] + A,
    "slice with a step": X[0:2, 0:3:2] * 2, "slice at symbols": Y[1:m, :], "row": X[1, :], "column": X[:, 2] - x,
    "BlockMatrix": BlockMatrix([[A, X], [Y, ZeroMatrix(m, m)]]), "BlockDiagMatrix": BlockDiagMatrix(A, X, Y),
    "explicit numbers": A * sp.ImmutableMatrix([[1, sp.Rational(1, 2)], [sp.sqrt(2), -3]]),
    "explicit entries": sp.ImmutableMatrix([[X[0, 1], a], [a**2, sp.Trace(A)]]) * X,
    "applyfunc": (A * X).applyfunc(sp.tanh), "applyfunc lambda": X.applyfunc(lambda t: t**2 * a + sp.exp(-t) / n),
    "applyfunc twice": X.applyfunc(sp.sin).applyfunc(lambda t: 1 / (1 + t**2)),
    "applyfunc constant": X.applyfunc(sp.Lambda(k, a)) + X,
    "FunctionMatrix": FunctionMatrix(n, m, sp.Lambda((i, j), X[i, j] * Y[j, i] + i - 2 * j)),
    "FunctionMatrix of a sum": FunctionMatrix(n, n, sp.Lambda((i, j), sp.Sum(X[i, k] * Y[k, j], (k, 0, m - 1)))),
    "FunctionMatrix reversed": FunctionMatrix(n, m, sp.Lambda((i, j), X[n - 1 - i, j])),
    "convolution": FunctionMatrix(m - 1, 1, sp.Lambda((i, j), sp.Sum(x[k, 0] * r[0, i + k], (k, 0, 1)))),
    "every other": FunctionMatrix(2, 1, sp.Lambda((i, j), r[0, 2 * i])),
    "KroneckerDelta": FunctionMatrix(n, n, sp.Lambda((i, j), A[i, j] * sp.KroneckerDelta(i, j))),
    "KroneckerDelta of a shift": FunctionMatrix(n, n, sp.Lambda((i, j), A[i, j] * sp.KroneckerDelta(i, j + 1))),
    "a vector over its norm": x / sp.sqrt(DotProduct(x, x)),
    "explicit entries of a running matrix": FunctionMatrix(n, n, sp.Lambda((i, j), (
        sp.ImmutableMatrix([[A[i, j], 1]]) * sp.ImmutableMatrix([2, a]))[0, 0])),
}
SCALARS = {
    "quadratic form": x.T * A * x, "Trace": sp.Trace(A * X * Y), "Determinant": sp.det(A), "det of a product": sp.det(X * Y),
    "log det": sp.log(sp.det(A)), "log |det|": sp.log(sp.Abs(sp.det(A))) / 2, "MatrixElement": X[0, 1] * X[1, 2],
    "last element": X[n - 1, m - 1], "element of a product": (A * x)[1, 0],
    "Symbol": a**2 / (1 + b) - sp.sqrt(a), "number": 3 * sp.pi * sp.sqrt(2) * a, "size": sp.Trace(A) / (n + 1),
    "power of a size": a**n * sp.Trace(A), "exp of 1 x 1": sp.exp(-x.T * x / 2), "DotProduct": DotProduct(x, y),
    "DotProduct of a row": DotProduct(r.T, r), "sqrt": sp.sqrt(sp.Trace(X * X.T)), "atan2": sp.atan2(a, b) + sp.cosh(a),
    "Max": sp.Max(a, X[0, 0], -3) + sp.Min(b, 1), "Piecewise": sp.Piecewise((a * b, a > b), (a**2, a < sp.Rational(1, 2)), (b, True)),
    "Piecewise of And": sp.Piecewise((a, sp.And(a > 0, sp.Not(b < 0))), (b, True)), "Sum": sp.Sum(X[i, j] * Y[j, i], (i, 0, n - 1), (j, 0, m - 1)),
    "Sum of a diagonal": sp.Sum(A[i, i], (i, 0, n - 1)), "Sum of a shift": sp.Sum(r[0, i + 1] * r[0, i], (i, 0, m - 2)),
    "Sum without an index": sp.Sum(a, (i, 1, m)) * r[0, 0], "Sum of an index": sp.Sum(i * x[i, 0], (i, 0, n - 1)),
    "Sum of a sum": sp.Sum(x[i, 0] * sp.Sum(A[i, j] * y[j, 0], (j, 0, n - 1)), (i, 0, n - 1)),
    "Sum of functions": sp.Sum(sp.sin(x[i, 0]) / (1 + y[i, 0]**2) + a, (i, 0, n - 1)),
    "softmax": sp.exp(x[0, 0]) / sp.Sum(sp.exp(x[j, 0]), (j, 0, n - 1)),
    "Product": sp.Product(r[0, i] + a, (i, 0, m - 1)), "Product without an index": sp.Product(a, (i, 0, m - 1)) * r[0, 0],
    "of a 1 x 1 symbol": sp.sin(s) * a, "Gaussian": sp.log(sp.det(A)) / 2 + sp.Trace((x - y).T * A.I * (x - y)) / 2,
    "least squares": sp.Trace((X * Y * x - y).T * (X * Y * x - y)) / n, "conjugate": sp.conjugate(a) * sp.re(b),
    "determinant of blocks": sp.det(BlockMatrix([[A, x], [y.T, Identity(1)]])),
}
BOTH = MATRICES | SCALARS


# Sizes of these meet ints, and distinct sizes never match: they are read at n = 2, m = 3.
AT_INTS = {"slice", "slice with a step", "explicit numbers", "explicit entries", "convolution", "every other"}
CASES = [(name, concrete) for name in BOTH for concrete in (False, True) if concrete or name not in AT_INTS]
# SymPy's derivative by a matrix takes an entry, and with it a sum of entries, for a constant; these it has right.
RIGHT = ["quadratic form", "Trace", "size", "power of a size", "least squares"]


@pytest.mark.parametrize("name, concrete", CASES)
def test_value_and_derivatives(name, concrete):
    tensor = sg.from_sympy(BOTH[name], SIZES if concrete else None)
    near(evaluated(tensor), numeric(spelled(BOTH[name])), 1e-12)
    at = inputs(tensor)
    if name in SCALARS:
        assert tensor.shape == ()
    if concrete and at and name in MATRICES:
        slopes(sg.sum(tensor * sg.constant(RNG.standard_normal(tensor.shape))), at)


def slopes(loss, at):
    """The gradient of a scalar by all its symbols, against central differences."""
    f = sg.function(list(at), [loss, *sg.gradient(loss, list(at))], dtype="float64")
    for x, exact in zip(at, f(*at.values())[1:], strict=True):
        near(exact, differences(lambda values: f(*values.values())[0], at, x), 1e-6, f"gradient by {x.name}")


@pytest.mark.parametrize("name", SCALARS)
def test_gradients_are_those_of_the_spelled_out_formula(name):
    e = SCALARS[name]
    entries = spelled(e)
    entries = entries[0, 0] if hasattr(entries, "shape") else entries
    tensor = sg.from_sympy(e)
    for symbol in inputs(tensor):
        by = ENTRIES[symbol.name] if symbol.ndim else sp.Symbol(symbol.name, real=True)
        wanted = numeric(by.applyfunc(lambda v: sp.diff(entries, v))) if symbol.ndim else numeric(sp.diff(entries, by))
        near(evaluated(sg.gradient(tensor, symbol)).reshape(wanted.shape), wanted, 1e-10, f"{name} by {symbol.name}")


@pytest.mark.parametrize("name", RIGHT)
def test_sympys_own_matrix_derivative_is_read_as_our_gradient(name):
    e = SCALARS[name]
    for variable in sorted(e.atoms(MatrixSymbol), key=str):
        theirs, ours = sp.diff(e, variable), sg.gradient(sg.from_sympy(e), sg.from_sympy(variable))
        near(evaluated(ours), evaluated(sg.from_sympy(theirs)), 1e-12, f"{name} by {variable}")


def test_where_sympys_derivative_is_wrong():
    log_det = sp.log(sp.det(A))
    assert sp.diff(log_det, A) == ZeroMatrix(n, n)  # SymPy 1.14
    assert str(sg.gradient(sg.from_sympy(log_det), sg.from_sympy(A))) == "A⁻ᵀ"


def test_a_derivative_that_sympy_leaves_undone_is_the_gradient():
    e = sp.Derivative(sp.Trace(A * A * B), A)
    assert sg.from_sympy(e) is sg.gradient(sg.from_sympy(e.expr), sg.from_sympy(A))
    assert isinstance(sp.diff(sp.det(A) * a**3, A), sp.MatrixExpr | sp.Derivative)
    assert sg.from_sympy(sp.Derivative(a**3 * b, a, 2)).node is (6 * sg.data("a") * sg.data("b")).node


# names ------------------------------------------------------------------------------------------------------


def test_a_symbol_is_data_of_its_name_and_shape():
    N, M = sg.dims("n m")
    assert sg.from_sympy(X) is sg.data("X", (N, M)) and sg.from_sympy(a) is sg.data("a")
    assert sg.from_sympy(MatrixSymbol("W", 2, n + 1)) is sg.data("W", (2, N + 1))
    assert sg.from_sympy(s) is sg.data("s", (1, 1)) and sg.from_sympy(2 * s).shape == ()
    assert sg.from_sympy(X * Y) is sg.data("X", (N, M)) @ sg.data("Y", (M, N))
    assert sg.from_sympy(sp.Trace(A) / n).node is (sg.trace(sg.data("A", (N, N))) / N).node
    assert sg.from_sympy(3) is sg.constant(3)


def test_formulas():
    g = sg.gradient(sg.from_sympy(x.T * A * x), sg.from_sympy(x))
    assert (str(g), g.shape) == ("(A + Aᵀ) x", (sg.dim("n"), 1))
    rss = sg.from_sympy(DotProduct(A * x - y, A * x - y))
    assert str(sg.gradient(rss, sg.from_sympy(x))) == "2 Aᵀ (A x - y)"
    assert str(sg.hessian(sg.from_sympy(x.T * A * x), sg.from_sympy(x)).squeeze()) == "A + Aᵀ"


def test_symbols_of_the_users_own():
    N = sg.dim("n")
    w = sg.parameter("w", N)
    loss = sg.from_sympy(x.T * A * x, {x: w})
    assert sg.gradient(loss, w).shape == (N,)
    near(sg.gradient(loss, w).eval(w=VALUES["x"][:, 0], A=VALUES["A"]), (VALUES["A"] + VALUES["A"].T) @ VALUES["x"][:, 0])
    S = sg.parameter("S", (N, N), symmetric=True)
    assert sg.from_sympy(A * x, {"A": S}) is S @ sg.data("x", (N, 1))
    assert sg.from_sympy(X, {n: 4, "m": sg.dim("q")}).shape == (4, sg.dim("q"))
    assert sg.from_sympy(a * b, {a: 2}).node is (2 * sg.data("b")).node
    T = sg.dim("T")
    z = sg.data("z", N, over=T)
    assert sg.from_sympy(x.T * A * x, {x: z}).over == T


def test_names_inside_a_sum_or_a_lambda_hide_those_outside():
    hidden = FunctionMatrix(n, m, sp.Lambda((n, m), n + 2 * m))
    assert sg.from_sympy(hidden) is sg.from_sympy(FunctionMatrix(n, m, sp.Lambda((i, j), i + 2 * j)))
    nested = X.applyfunc(sp.Lambda(k, k * sp.Trace(A.applyfunc(sp.Lambda(k, k**2)))))
    tensor = sg.from_sympy(nested)
    near(evaluated(tensor), VALUES["X"] * np.trace(VALUES["A"]**2))
    near(sg.from_sympy(a * sp.Sum(a, (a, 0, 3))).eval(a=0.7), 4.2)


def test_indexed_symbols():
    u, W, at = sp.IndexedBase("u", shape=(m,)), sp.IndexedBase("W", shape=(n, m)), sp.Idx("at", m)
    N, M = sg.dims("n m")
    assert sg.from_sympy(sp.Sum(u[at] ** 2, at)).node is sg.sum(sg.data("u", M) ** 2).node
    tensor = sg.from_sympy(sp.Sum(W[i, at] * u[at], (i, 0, n - 1), (at, 0, m - 1)))
    near(tensor.eval(W=VALUES["X"], u=VALUES["r"][0]), (VALUES["X"] @ VALUES["r"][0]).sum())


def test_array_expressions():
    M, N, K = ArraySymbol("M", (2, 3)), ArraySymbol("N", (3, 3)), ArraySymbol("K", (2, 3, 3))
    v = {name: RNG.standard_normal(shape) for name, shape in (("M", (2, 3)), ("N", (3, 3)), ("K", (2, 3, 3)))}
    for e, wanted in (
            (ArrayTensorProduct(M, N), np.einsum("ij,kl->ijkl", v["M"], v["N"])),
            (ArrayContraction(ArrayTensorProduct(M, N), (1, 2)), v["M"] @ v["N"]),
            (ArrayContraction(K, (1, 2)), np.einsum("ijj->i", v["K"])),
            (ArrayDiagonal(ArrayTensorProduct(M, N), (1, 2)), np.einsum("ij,jl->ilj", v["M"], v["N"])),
            (PermuteDims(K, [1, 2, 0]), v["K"].transpose(1, 2, 0)),
            (ArrayAdd(M, OneArray(2, 3), ZeroArray(2, 3)), v["M"] + 1),
            (ArrayElementwiseApplyFunc(sp.Lambda(k, k**2 + 1), M), v["M"]**2 + 1),
            (Reshape(K, (6, 3)), v["K"].reshape(6, 3)), (M[1, 2] * K[0, 1, 2], v["M"][1, 2] * v["K"][0, 1, 2]),
            (sp.Array([[1, 2.5, 3], [4, 5, 6]]), np.array([[1, 2.5, 3], [4, 5, 6]])),
            (sp.Array([[[a, 1]]]) , np.array([[[0.7, 1]]]))):
        tensor = sg.from_sympy(e)
        used = {node.attrs[0].name for node in topological([tensor.node]) if node.op == "input"}
        near(tensor.eval(**{name: value for name, value in {**v, "a": 0.7}.items() if name in used}), wanted, 1e-12, str(e))


def test_deep_formulas():
    e, value = a, 0.7
    for _ in range(1000):  # evaluated, SymPy itself ends at about 300
        e, value = sp.sin(e, evaluate=False), math.sin(value)
    assert sg.from_sympy(e).eval(a=0.7) == pytest.approx(value)


# what is not read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("e, message", [
    (sp.exp(A), "from_sympy: exp(A) (exp): exp of a matrix is not read; entry by entry it is X.applyfunc(exp)"),
    (Permanent(A), "from_sympy: Permanent(A) (Permanent): Permanent of a matrix is not read"),
    (A ** sp.Rational(1, 2), "from_sympy: A**(1/2) (MatPow): a power of a matrix has an int as its exponent; entry by entry it is "
                             "HadamardPower"),
    (A ** n, "from_sympy: A**n (MatPow): a power of a matrix has an int as its exponent; entry by entry it is HadamardPower"),
    (2 * sp.gamma(a), "from_sympy: gamma(a) (gamma): elementwise: no row for gamma in the formula; known are"),
    (sp.Function("f")(a), "from_sympy: f(a) (f): elementwise: no row for f in the formula"),
    (sp.Integral(a, a), "from_sympy: Integral(a, a) (Integral): this class is not read; where SymPy can, .doit() gives what"),
    (sp.I * a, "from_sympy: I (ImaginaryUnit): this is not a real number"),
    (sp.oo, "from_sympy: oo (Infinity): this is not a real number"),
    (sp.Symbol("z", imaginary=True), "from_sympy: z (Symbol): a symbol that is not real"),
    (sp.ImmutableMatrix([[sp.I, 1]]), "from_sympy: Matrix([[I, 1]]) (ImmutableDenseMatrix): its entries are not all real numbers"),
    (X[i, 0], "from_sympy: i (Symbol): i is neither a size nor an index that runs"),
    (sp.Sum(X[i, i], (i, 0, n - 1)), "from_sympy: X[i, i] (MatrixElement): the index i runs from 0 to n - 1, which may lie outside "
                                     "0 to m - 1"),
    (sp.Sum(x[i + 1, 0], (i, 0, n - 1)), "the index i + 1 runs from 1 to n, which may lie outside 0 to n - 1"),
    (sp.Sum(r[0, i**2], (i, 0, 1)), "from_sympy: r[0, i**2] (MatrixElement): the index i**2 is not a sum of whole multiples of indices"),
    (sp.Sum(A[i, j], (j, 0, i), (i, 0, n - 1)), "from_sympy: Sum(A[i, j], (j, 0, i), (i, 0, n - 1)) (Sum): the bounds of j depend on "
                                                "another index"),
    (MatrixSymbol("Q", 2, 2)[m, 0] * X[0, 0], "from_sympy: Q[m, 0] (MatrixElement): the index m may lie outside 0 to 1"),
    (X[-1, 0], "from_sympy: X[-1, 0] (MatrixElement): the index -1 may lie outside 0 to n - 1"),
    (DiagonalMatrix(X), "from_sympy: DiagonalMatrix(X) (DiagonalMatrix): the diagonal part of a matrix that is n x m is not read"),
    (sp.IndexedBase("u")[0], "from_sympy: u (IndexedBase): its shape is not known; write IndexedBase('u', shape=(n,))"),
    (sp.Tuple(a, b), "from_sympy: (a, b) (Tuple): this class is not read"),
    ("x + 1", "from_sympy: this is no expression of SymPy, but str"),
    (object(), "from_sympy: this is no expression of SymPy, but object"),
    (MatrixSymbol("X", n, m) * MatrixSymbol("X", m, n), "from_sympy: two different symbols are called X: MatrixSymbol of shape (n, m) "
                                                        "and MatrixSymbol of shape (m, n)"),
    (a * sp.Symbol("a", positive=True), "from_sympy: two different symbols are called a: Symbol('a') and Symbol('a', positive=True)"),
    (sp.Trace(A) * sp.Trace(MatrixSymbol("P", sp.Symbol("n", integer=True), sp.Symbol("n", integer=True))),
     "from_sympy: two different sizes are called n: "),
])
def test_what_is_not_read(e, message):
    with pytest.raises(sg.SymgradError) as caught:
        sg.from_sympy(e)
    assert message in str(caught.value) and str(caught.value).startswith("from_sympy: ")


@pytest.mark.parametrize("symbols, message", [
    ({x: sg.data("w", 3)}, "from_sympy: MatrixSymbol of shape (n, 1) is called x, and symbols gives w of shape (3,) for it; the shape "
                           "must be (n, 1)"),
    ({n: 2.5}, "from_sympy: n is a size, and symbols gives a float for it; it takes an int or a size"),
])
def test_symbols_that_do_not_fit(symbols, message):
    with pytest.raises(sg.ShapeError) as caught:
        sg.from_sympy(A * x, symbols)
    assert message in str(caught.value)


# any expression ---------------------------------------------------------------------------------------------

SQUARE = st.recursive(st.sampled_from([A, B, Identity(n), X * Y, x * y.T]), lambda inner: st.one_of(
    st.builds(lambda p, q: p + q, inner, inner), st.builds(lambda p, q: p * q, inner, inner),
    st.builds(lambda p: p.T / 3, inner), st.builds(lambda p, q: HadamardProduct(p, q), inner, inner),
    st.builds(lambda p: p.applyfunc(sp.tanh), inner), st.builds(lambda p: sp.Trace(p) * A, inner),
    st.builds(lambda p: (p * p.T + Identity(n)).I, inner), st.builds(lambda p: p - OneMatrix(n, n), inner),
    st.builds(lambda p: DiagMatrix(p * x), inner), st.builds(lambda p: a * p, inner),
), max_leaves=5)


def by_numpy(e):
    """The value of a matrix expression, by a walk of its own."""
    if isinstance(e, ElementwiseApplyFunction):
        f = sp.lambdify(e.function.variables, e.function.expr)
        return f(by_numpy(e.expr))
    parts = [by_numpy(part) for part in e.args] if not isinstance(e, (MatrixSymbol, Identity, OneMatrix)) else []
    if isinstance(e, MatrixSymbol):
        return VALUES[e.name]
    name = type(e).__name__
    if name == "Symbol":
        return VALUES.get(e.name, 2)
    if name == "MatMul":
        return reduce(lambda p, q: p @ q if np.ndim(p) and np.ndim(q) else p * q, parts)
    return {
        "Identity": lambda: np.eye(2), "OneMatrix": lambda: np.ones((2, 2)), "ZeroMatrix": lambda: np.zeros((2, 2)),
        "MatAdd": lambda: sum(parts), "Add": lambda: sum(parts), "Mul": lambda: math.prod(parts), "Transpose": lambda: parts[0].T,
        "HadamardProduct": lambda: reduce(np.multiply, parts), "HadamardPower": lambda: parts[0] ** float(parts[1]),
        "Trace": lambda: np.trace(parts[0]), "Inverse": lambda: np.linalg.inv(parts[0]), "Pow": lambda: parts[0] ** parts[1],
        "MatPow": lambda: np.linalg.matrix_power(parts[0], int(parts[1])), "DiagMatrix": lambda: np.diag(parts[0][:, 0]),
    }.get(name, lambda: float(e))()


@settings(max_examples=40)
@given(SQUARE)
def test_any_expression(e):
    tensor = sg.from_sympy(e, SIZES)
    near(evaluated(tensor), by_numpy(e), 1e-9, str(e))
    loss = sg.sum(sg.tanh(tensor / 9))
    if inputs(loss):
        slopes(loss, inputs(loss))
