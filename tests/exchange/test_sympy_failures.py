"""What SymPy got wrong, refused or could not run, by the number of the issue at github.com/sympy/sympy.

Each test says in one sentence what the issue reports of SymPy, writes the same expression here, and proves the
derivative by differences of the value in float64 at unequal sizes; where the formula matters, it is compared word
for word. Nothing is claimed of a present SymPy: many of these issues are closed.
"""

import numpy as np
import pytest
from checker import differences, near, run

import symgrad as sg
from symgrad.graphs.node import topological
from symgrad.language.tensor import wrap

n, m, k = sg.dims("n m k")
SIZES = {n: 3, m: 4, k: 2}
A, B, X, E = (sg.data(name, (n, n)) for name in "ABXE")
x, y, a, b, u, w, mu = (sg.data(name, n) for name in ("x", "y", "a", "b", "u", "w", "mu"))
t, c = sg.data("t"), sg.data("c")
tr = sg.trace


def point(*tensors, low=None):
    """Random arrays for all symbols below, in float64; above `low` where it is given."""
    rng = np.random.default_rng(7)
    symbols = sorted((wrap(node) for node in topological([s.node for s in tensors]) if node.op == "input"),
                     key=lambda s: s.name)
    shapes = {s: tuple(int(SIZES.get(size, size)) for size in s.shape) for s in symbols}
    return {s: rng.standard_normal(shape) if low is None else rng.uniform(low, low + 1.5, shape)
            for s, shape in shapes.items()}


def proved(value, by, formula=None, low=None, tolerance=2e-7):
    """The gradient (of a scalar) or Jacobian, right at a random point; printed as `formula`."""
    derivative = sg.jacobian(value, by) if value.ndim else sg.gradient(value, by)
    at = point(value, by, low=low)
    f = sg.function(list(at), [value, derivative], sizes={str(s): i for s, i in SIZES.items()})
    near(f(*at.values())[1], differences(lambda a: f(*a.values())[0], at, by), tolerance)
    assert formula is None or str(derivative) == formula
    return derivative


# --- traces


def test_15136_trace_of_a_square_times_a_matrix():
    """tr(X² B) had the derivative (I + X')B'(I + X')."""
    proved(tr(X @ X @ B), X, "Bᵀ Xᵀ + Xᵀ Bᵀ")


def test_15614_factors_that_count_the_size():
    """tr(X A) had the derivative 3 A' for 3 x 3 matrices, and tr(X' A X) had 6 A' X + 12 A X."""
    proved(tr(X @ A), X, "Aᵀ")
    proved(tr(X.T @ A @ X), X, "(A + Aᵀ) X")


def test_15667_a_trace_times_a_matrix():
    """tr(A) A had the matrix tr(A) I + A' as its derivative, which has four axes."""
    assert proved(tr(A) * A, A).shape == (n, n, n, n)


def test_25118_a_number_beside_a_trace():
    """tr(F' F) - 3 had the derivative 0."""
    proved(tr(A.T @ A) - 3, A, "2 A")


def test_26561_a_number_beside_the_square_of_a_trace():
    """tr(E)² + 1 had the derivative 0, and so had tr(E) + 1."""
    proved(tr(E) ** 2 + 1, E, "2 tr(E) I")
    proved(tr(E) + 1, E, "I")


def test_27406_a_sum_of_two_traces():
    """tr(A' A) + tr(B' B) had the derivative 0 by A, without any error."""
    proved(tr(A.T @ A) + tr(B.T @ B), A, "2 A")


def test_26585_a_sum_of_two_norms():
    """Half of |A - U V|² + |A|², and of |A - U V|² + |U|², had the derivative 0 by U."""
    R, U, V = sg.data("R", (n, m)), sg.data("U", (n, k)), sg.data("V", (k, m))
    error = 0.5 * tr((R - U @ V).T @ (R - U @ V))
    proved(error + 0.5 * tr(R.T @ R), U, "-(R - U V) Vᵀ")
    proved(error + 0.5 * tr(U.T @ U), U)


def test_23492_an_identity_beside_a_matrix_and_a_sum_of_traces():
    """A + eye(3) recursed without end, and tr(A) + tr(A²) had the derivative 0."""
    proved(A + sg.eye(n), A, "[δ_ik δ_jl]_ijkl")
    proved(tr(A) + tr(A @ A), A, "2 Aᵀ + I")


def test_30527_the_square_of_the_trace_of_a_difference():
    """tr(I - A)² had the derivative 0, with no message."""
    proved(tr(sg.eye(n) - A) ** 2, A)


def test_24725_a_trace_by_a_scalar():
    """The derivative of tr(d' d) by the scalar in d = x - m 1 raised, and tr(x' w) + b had the derivative 0 by w."""
    d = x - c
    proved(d @ d, c)
    proved(sg.trace(x[None] @ w[:, None]) + c, w, "x")


def test_28615_the_root_of_a_trace():
    """sqrt(tr(A' A)) raised a TypeError: 'Half' object cannot be interpreted as an integer."""
    proved(sg.sqrt(tr(A.T @ A)), A, "A/‖A‖_F")


# --- matrices by themselves, entries, slices


def test_14305_a_matrix_by_itself():
    """A by A was a product of Kronecker deltas in indices that the expression did not have."""
    assert proved(A, A, "[δ_ik δ_jl]_ijkl").shape == (n, n, n, n)


def test_16398_a_vector_by_itself():
    """a by a raised a ShapeError: Matrices I and I are not aligned."""
    proved(a, a, "I")


def test_17229_an_entry_by_its_matrix():
    """M[1, 1] had the derivative 0 by M, and M the derivative 0 by its entry."""
    M = sg.data("M", (3, 3))
    derivative = proved(M[1, 1], M)
    near(run(derivative, {M: np.zeros((3, 3))}), np.outer([0, 1, 0], [0, 1, 0]))


def test_24859_an_entry_of_a_sum_by_a_scalar():
    """The entry (A + x B)[0, 0] had the derivative 0 by x."""
    proved((A + t * B)[0, 0], t)


def test_9185_entries_of_an_indexed_vector():
    """h[j] h[j] / 2 could not be differentiated by h[i]: the gradient is h[i]."""
    proved(sg.sum(x * x) / 2, x, "x")


def test_12751_a_sum_of_entries_by_one_of_them():
    """The sum of X[i] had, by X[1], an unevaluated sum of Kronecker deltas in place of 1."""
    proved(sg.sum(x), x, "1")


def test_8207_a_second_derivative_by_an_entry():
    """The second derivative of a' b by a was left as a derivative of b by a: it is zero."""
    assert sg.hessian(a @ b, a) == sg.zeros((n, n))


def test_28617_what_does_not_hold_the_variable():
    """The derivative of sqrt(a' a) by a matrix that it does not contain did not become zero."""
    assert sg.gradient(sg.sqrt(a @ a), X) == sg.zeros((n, n))


def test_10989_a_line_by_all_it_contains():
    """v t + r could be differentiated neither by r nor by v, and by t only in name."""
    v, r = sg.data("v", n), sg.data("r", n)
    proved(v * t + r, t, "v")
    proved(v * t + r, r, "I")
    proved(v * t + r, v, "t I")


# --- products


def test_10509_a_product_of_two_matrices():
    """A B could not be differentiated by A at all."""
    P, Q = sg.data("P", (n, m)), sg.data("Q", (m, k))
    proved(P @ Q, P, "[δ_il Q_pj]_ijlp")


def test_16606_a_sum_of_two_products():
    """w' X X' w + y' X' w raised a TypeError, though each term had a derivative."""
    M, z = sg.data("M", (n, m)), sg.data("z", m)
    proved(w @ M @ M.T @ w + z @ M.T @ w, w)


def test_16504_a_vector_times_its_square():
    """x x' x raised a ValueError, mismatching shapes in addition, when differentiated by x."""
    proved(sg.outer(x, x) @ x, x, "‖x‖² I + 2 x xᵀ")


def test_9840_the_hessian_of_a_quadratic():
    """hessian(1/2 x' H x + c' x, [x]) raised an AttributeError."""
    f = 0.5 * x @ A @ x + b @ x
    proved(sg.gradient(f, x), x)
    assert str(sg.hessian(f, x)) == "1/2 (A + Aᵀ)"


def test_24637_a_vector_times_ones():
    """x' 1 raised a RecursionError."""
    proved(x @ sg.ones(n), x, "1")


def test_23364_a_square_that_a_scalar_scales():
    """(q X)(q X) raised a TypeError when differentiated by the scalar q."""
    proved((t * X) @ (t * X), t, "2 t X X")


def test_15650_a_matrix_power_is_not_an_elementwise_power():
    """The derivative of A^n by A was that of the power of each entry."""
    derivative = proved(A @ A, A)
    at = {A: np.arange(9.0).reshape(3, 3)}
    entrywise = sg.jacobian(A**2, A)
    assert np.abs(run(derivative, at) - run(entrywise, at)).max() > 1


def test_28622_a_matrix_power():
    """X^k had no derivative: it is the sum over r of X^r dX X^(k - 1 - r)."""
    derivative = proved(X @ X @ X, X)
    terms = [(sg.eye(n), X @ X), (X, X), (X @ X, sg.eye(n))]
    claim = sum((sg.einsum("ik,lj->ijkl", left, right) for left, right in terms), sg.zeros((n, n, n, n)))
    at = point(X)
    near(run(derivative, at), run(claim, at))


def test_16623_roots_and_other_powers_of_a_product():
    """(x' y)^(1/2) raised a TypeError: only integer powers of a dot product were known."""
    proved(sg.sqrt(x @ y), x, "y/(2 √(xᵀ y))", low=0.5)
    proved((x @ y) ** -2, x, low=0.5)
    proved((x @ y) ** 0.3, x, low=0.5)


# --- functions of each entry


def test_21062_a_function_of_a_product():
    """exp of each entry of M x raised an error; only exp of x itself had a derivative."""
    M = sg.data("M", (m, n))
    proved(sg.exp(M @ x), x, "diag(exp(M x)) M")


def test_17972_the_norm_of_a_function_of_a_product():
    """tr(D' D) of D = exp(A B), entry by entry, raised an IndexError when differentiated by A."""
    P, Q = sg.data("P", (n, m)), sg.data("Q", (m, k))
    D = sg.exp(P @ Q)
    proved(tr(D.T @ D), P)
    proved(D, P)


def test_21597_a_transposed_residual():
    """The derivative of (u - W phi(u))' by u raised a TypeError, that of u - W phi(u) did not."""
    residual = u - A @ sg.tanh(u)
    proved(residual, u, "I - A diag(1 - tanh(u)^⊙2)")
    row = proved(residual[None], u)
    at = point(residual)
    near(run(row, at)[0], run(sg.jacobian(residual, u), at))


# --- steps: absolute values, signs, maxima


def test_23882_an_absolute_value_in_a_second_derivative():
    """Second derivatives of |x| y held a DiracDelta, which no numeric backend knows (NameError)."""
    f = sg.sum(sg.abs(x) * y)
    proved(f, x, "y ⊙ sign(x)")
    assert sg.hessian(f, x) == sg.zeros((n, n))
    proved(sg.gradient(f, x), y, "diag(sign(x))")


def test_23814_the_derivative_of_a_sign():
    """The Jacobian of sign(x) stayed unevaluated, and its number was sought in an endless loop: it is zero."""
    assert sg.jacobian(sg.sign(x), x) == sg.zeros((n, n))


def test_26663_a_step_at_a_parameter():
    """The gradient of A H(x - n) by n was a DiracDelta, which lambdify could not run: it is zero off the step."""
    f = sg.sum(a * (x - c > 0))
    assert sg.gradient(f, c) == sg.zeros(())
    proved(f, a, "[x - c > 0]")


def test_9230_the_derivative_of_floor():
    """floor(y) had an unevaluated derivative: it is zero."""
    proved(sg.sum(sg.floor(x) * x), x, "⌊x⌋")


def test_22726_the_gradient_of_a_clipped_minimum():
    """The gradient of max(0, min(x1, x2)) became a call of heaviside with one argument (TypeError)."""
    f = sg.maximum(0, sg.minimum(x, y))
    g = sg.gradient(sg.sum(f), [x, y])
    values = run([f, *g], {x: np.array([1.0, -1, 3]), y: np.array([2.0, 5, 1])})
    near(values[0], [1, 0, 1])
    near(values[1], [1, 0, 0])
    near(values[2], [0, 0, 1])


def test_17269_a_maximum_over_arrays():
    """max(z, 0) raised a ValueError on arrays."""
    near(run(sg.maximum(x, 0), {x: np.array([-5.0, 0, 4])}), [0, 0, 4])
    near(run(sg.gradient(sg.sum(sg.maximum(x, 0)), x), {x: np.array([-5.0, 1, 4])}), [0, 1, 1])


# --- cases: a branch that is not taken leaves no trace


@pytest.mark.parametrize("at", [-2.0, 10.0])
def test_14789_logarithms_in_two_cases(at):
    """log(-x) for x < 0, else log(x): both were computed, with 'invalid value encountered in log'."""
    f = sg.where(t < 0, sg.log(-t), sg.log(t))
    value, slope = run([f, sg.gradient(f, t)], {t: np.array(at)})
    near(value, np.log(abs(at)))
    near(slope, 1 / at)


def test_11306_a_quotient_in_a_case_that_is_not_taken():
    """1/x stood in a case that did not hold at x = 0, and raised a ZeroDivisionError."""
    f = sg.where(c < -1, 1 / t, sg.where(c <= 1, t, 1 / t))
    value, slope = run([f, sg.gradient(f, t)], {t: np.array(0.0), c: np.array(1.0)})
    near(value, 0)
    near(slope, 1)


def test_28585_roots_in_two_cases():
    """sqrt(x) for x >= 0, else sqrt(-x): each root was taken of all entries."""
    f = sg.where(x >= 0, sg.sqrt(x), sg.sqrt(-x))
    at = {x: np.array([1.44, -1.44, 4.0])}
    near(run(f, at), [1.2, 1.2, 2])
    near(run(sg.gradient(sg.sum(f), x), at), [1 / 2.4, -1 / 2.4, 1 / 4])


@pytest.mark.parametrize("given", [
    {"a": "__import__('pathlib').Path('ran').touch()"}, ["__import__('pathlib').Path('ran').touch()"],
    "__import__('pathlib').Path('ran').touch()", ("1 + 1",), {1, 2}, None, [[1, 2]],
])
def test_a_text_is_not_read_wherever_it_is(given, tmp_path, monkeypatch):
    """SymPy reads a text by running it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sg.SymgradError, match=f"from_sympy: this is no expression of SymPy, but {type(given).__name__}"):
        sg.from_sympy(given)
    with pytest.raises(sg.SymgradError, match=f"the callable must return a SymPy formula, not {type(given).__name__}"):
        sg.elementwise(lambda x: given, sg.data("x", 2))
    assert not (tmp_path / "ran").exists()
