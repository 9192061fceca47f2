"""`sg.verify`: students' mistakes with their diagnoses, right claims in other forms, and `symgrad check CLAIM`."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from places import EXAMPLES, environment
from randoms import NUMBERS, Maker
from reference import values

import symgrad as sg
from symgrad.graphs.algebra.primitives import add
from symgrad.graphs.node import topological
from symgrad.graphs.pieces.edits import edits
from symgrad.graphs.pieces.terms import levels
from symgrad.language.tensor import wrap
from symgrad.shell.cli import cli
from symgrad.verifying.ratios import recover

FIELDS = ("factor", "transposed", "missing", "surplus", "sign", "shape")

n, d, k, h, T = sg.dims("n d k h T")
X, y, w, lam = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.data("lam")
LEAST = sg.gradient(sg.sum((X @ w - y) ** 2), w)
RIDGE = sg.gradient(sg.sum((X @ w - y) ** 2) / n + lam * w @ w, w)
A, b, q = sg.data("A", (d, d)), sg.data("b", d), sg.data("q")
QUADRATIC = sg.gradient(w @ A @ w + b @ w, w)
p = sg.sigmoid(X @ w)
ENTROPY = -sg.sum(y * sg.log(p) + (1 - y) * sg.log(1 - p))
LOGISTIC, CURVATURE = sg.gradient(ENTROPY, w), sg.hessian(ENTROPY, w)
z, t = sg.parameter("z", k), sg.data("t", k, simplex=True)
SOFTMAX = sg.gradient(-sg.sum(t * sg.log_softmax(z)), z)
U, V, R = sg.parameter("U", (n, k)), sg.parameter("V", (d, k)), sg.data("R", (n, d))
FACTORS = sg.gradient(sg.sum((U @ V.T - R) ** 2) + lam * sg.sum(U**2), U)
m, s, x = sg.parameter("m"), sg.parameter("s", nonnegative=True), sg.data("x", n)
NORMAL = sg.sum((x - m) ** 2) / (2 * s) + n / 2 * sg.log(s)
BY_S = sg.gradient(NORMAL, s)
r, mu, P, S = sg.data("r", d), sg.parameter("mu", d), sg.parameter("P", (d, d), positive_definite=True), sg.data("S", (d, d))
GAUSS = sg.gradient(sg.logdet(P) / 2 + (r - mu) @ sg.inv(P) @ (r - mu) / 2, P)
SOLVED = sg.solve(S, r)
RR = "outer(r - mu, r - mu)"

u, v = sg.data("u", d, over=T), sg.data("v", k, over=T)
W1, b1, W2, b2 = sg.parameter("W1", (h, d)), sg.parameter("b1", h), sg.parameter("W2", (k, h)), sg.parameter("b2", k)
x1 = sg.tanh(W1 @ u + b1)
a2 = W2 @ x1 + b2
NET = sg.gradient(sg.empirical_risk(sg.losses.squared_error(a2, v)), {"W1": W1, "b1": b1, "W2": W2})
SAMPLE = sg.gradient(sg.losses.squared_error(a2, v), {"W1": W1, "b1": b1})
G1 = "(1 - tanh(W1 @ u + b1)**2) * (W2.T @ (2 * (W2 @ tanh(W1 @ u + b1) + b2 - v)))"
E2 = "2 * (W2 @ tanh(W1 @ u + b1) + b2 - v)"

# (claim, right formula, the fields that are set, words of the sentence); a field is a text in the names of the right
# formula, True, or a number.
MISTAKES = [
    ("X.T @ (X @ w - y)", LEAST, {"factor": Fraction(1, 2)}, "the claim is 1/2 times the right formula; multiply it by 2"),
    ("2 * X.T @ (y - X @ w)", LEAST, {"factor": -1, "sign": LEAST}, "-1 times the right formula: its sign is wrong"),
    ("2 * X.T @ X @ w", LEAST, {"missing": "-2 * X.T @ y"}, "the cross term -2 Xᵀ y is missing"),
    ("-2 * X.T @ y", LEAST, {"missing": "2 * X.T @ X @ w"}, "the term 2 Xᵀ X w is missing"),
    ("2 * X.T @ (X @ w + y)", LEAST, {"sign": "-2 * X.T @ y"}, "-2 Xᵀ y of the right formula has the opposite sign"),
    ("2 * X.T @ (X @ w - y) + w", LEAST, {"surplus": "w"}, "the term w is too much"),
    ("2 * X @ (X @ w - y)", LEAST, {"transposed": True, "shape": ((None, (d,)))}, "X must be transposed"),
    ("2 * (X @ w - y)", LEAST, {"shape": ((n,), (d,))}, "has shape (n,), the right formula has shape (d,)"),
    ("2 * X.T * (X @ w - y)", LEAST, {"shape": ((d, n), (d,))}, "the sum over the axis of size n is missing"),
    ("sum((X @ w - y)**2)", LEAST, {"shape": ((), (d,))}, "the claim is a scalar"),
    ("X.T @ X @ w", LEAST, {"missing": "-y"}, "the target term -y is missing in X w - y, and the claim has a wrong factor 1/2"),
    ("2 * X.T @ (X @ w - y) + 2 * n * lam * w", RIDGE, {"factor": n}, "multiply it by 1/n"),
    ("2 * X.T @ (X @ w - y) + 2 * lam * w", RIDGE, {"surplus": "2 * (n - 1) / n * X.T @ (X @ w - y)"}, "the factor n"),
    ("2/n * X.T @ (X @ w - y) + lam * w", RIDGE, {"missing": "lam * w"}, "2 λ w of the right formula stands in the claim "
                                                                        "with the factor 1/2"),
    ("2/n * X.T @ (X @ w - y)", RIDGE, {"missing": "2 * lam * w"}, "the penalty term 2 λ w is missing"),
    ("2/n * X.T @ (X @ w - y) - 2 * lam * w", RIDGE, {"sign": "2 * lam * w"}, "opposite sign"),
    ("2/n * X.T @ (X @ w - y) + 2 * w", RIDGE, {"missing": "lam"}, "the factor λ is missing in λ w"),
    ("2/n * X.T @ X @ w + 2 * lam * w", RIDGE, {"missing": "-2/n * X.T @ y"}, "is missing"),
    ("2 * A @ w + b", QUADRATIC, {"transposed": True}, "A must be transposed in Aᵀ w"),
    ("A @ w + b", QUADRATIC, {"missing": "A.T @ w"}, "the term Aᵀ w is missing"),
    ("(A + A.T) @ w", QUADRATIC, {"missing": "b"}, "the term b is missing"),
    ("(A - A.T) @ w + b", QUADRATIC, {"sign": "A.T @ w"}, "opposite sign"),
    ("(A + A.T) @ w + 2 * b", QUADRATIC, {"surplus": "b"}, "b of the right formula stands in the claim with the factor 2"),
    ("(A + A.T) @ w + b + A @ b", QUADRATIC, {"surplus": "A @ b"}, "the term A b is too much"),
    ("X.T @ (y - sigmoid(X @ w))", LOGISTIC, {"factor": -1, "sign": LOGISTIC}, "its sign is wrong"),
    ("X.T @ sigmoid(X @ w)", LOGISTIC, {"missing": "-X.T @ y"}, "the term -Xᵀ y is missing"),
    ("X.T @ (X @ w - y)", LOGISTIC, {}, "the function sigmoid is missing: the claim has X w itself"),
    ("X.T @ ((sigmoid(X @ w) - y) * sigmoid(X @ w) * (1 - sigmoid(X @ w)))", LOGISTIC,
     {"surplus": "sigmoid(X @ w) * (1 - sigmoid(X @ w))"}, "the factor σ(X w) ⊙ (1 - σ(X w)) is too much"),
    ("X.T @ diag(sigmoid(X @ w)) @ X", CURVATURE, {"missing": "1 - sigmoid(X @ w)"}, "is missing"),
    ("-X.T @ diag(sigmoid(X @ w) * (1 - sigmoid(X @ w))) @ X", CURVATURE, {"factor": -1, "sign": CURVATURE}, "sign"),
    ("t - softmax(z)", SOFTMAX, {"factor": -1, "sign": SOFTMAX}, "its sign is wrong"),
    ("softmax(z)", SOFTMAX, {"missing": "-t"}, "the target term -t is missing"),
    ("z - t", SOFTMAX, {}, "the function softmax is missing: the claim has z itself"),
    ("exp(z) - t", SOFTMAX, {"missing": "softmax(z)", "surplus": "exp(z)"}, "should be softmax(z)"),
    ("2 * (U @ V.T - R) @ V", FACTORS, {"missing": "2 * lam * U"}, "the penalty term 2 λ U is missing"),
    ("2 * (U @ V.T - R) @ V + lam * U", FACTORS, {"missing": "lam * U"}, "with the factor 1/2"),
    ("2 * (R - U @ V.T) @ V + 2 * lam * U", FACTORS, {"sign": "2 * (U @ V.T - R) @ V"}, "opposite sign"),
    ("(2 * (U @ V.T - R) @ V + 2 * lam * U).T", FACTORS, {"transposed": True, "shape": ((k, n), (n, k))},
     "the claim is the transpose of the right formula"),
    ("-sum((x - m)**2) / (2 * s**2) + n / s", BY_S, {"surplus": "n / (2 * s)"}, "with the factor 2"),
    ("-sum((x - m)**2) / (2 * s**2)", BY_S, {"missing": "n / (2 * s)"}, "the term n/(2 s) is missing"),
    ("-sum((x - m)**2) / (2 * s**2) + 1 / (2 * s)", BY_S, {"missing": "(n - 1) / (2 * s)"}, "with the factor 1/n"),
    (f"inv(P)/2 + inv(P) @ {RR} @ inv(P)/2", GAUSS, {"sign": f"-inv(P) @ {RR} @ inv(P)/2"}, "has the opposite sign"),
    (f"-inv(P) @ {RR} @ inv(P)/2", GAUSS, {"missing": "inv(P)/2"}, "the term 1/2 P⁻¹ is missing"),
    (f"inv(P) - inv(P) @ {RR} @ inv(P)/2", GAUSS, {"surplus": "inv(P)/2"}, "stands in the claim with the factor 2"),
    (f"inv(P)/2 - inv(P) @ {RR}/2", GAUSS, {"missing": "inv(P)"}, "the factor P⁻¹ is missing"),
    (f"P/2 - inv(P) @ {RR} @ inv(P)/2", GAUSS, {}, "the function inverse is missing: the claim has P itself"),
    ("S @ r", SOLVED, {}, "the function inverse is missing: the claim has S itself"),
    ("inv(S).T @ r", SOLVED, {"transposed": True}, "S must be transposed"),
    (f"sum(outer({E2}, tanh(W1 @ u + b1)), over=T)", NET["W2"], {"factor": T}, "the claim is T times"),
    (f"mean(outer(tanh(W1 @ u + b1), {E2}), over=T)", NET["W2"], {"transposed": True, "shape": ((h, k), (k, h))},
     "the claim is the transpose"),
    (f"outer({E2}, tanh(W1 @ u + b1))", NET["W2"], {"shape": ((T, k, h), (k, h))}, "one formula for each sample of T"),
    (f"mean(outer({E2}, W1 @ u + b1), over=T)", NET["W2"], {}, "the function tanh is missing: the claim has W₁ u + b₁"),
    (f"mean(outer(W2.T @ ({E2}), u), over=T)", NET["W1"], {"missing": "1 - tanh(W1 @ u + b1)**2"},
     "the factor 1 - tanh(W₁ u + b₁)^⊙2 is missing"),
    (f"mean(outer({G1.replace('- v', '+ v')}, u), over=T)", NET["W1"],
     {"sign": "-2 / T * sum(outer((1 - tanh(W1 @ u + b1)**2) * (W2.T @ v), u), over=T)"}, "has the opposite sign"),
    (f"mean(outer({G1.replace('1 - tanh(W1 @ u + b1)', '1 - tanh(tanh(W1 @ u + b1))')}, u), over=T)", NET["W1"], {},
     "the function tanh of tanh(W₁ u + b₁) is too much"),
    (f"mean(outer({G1.replace('+ b1', '')}, u), over=T)", NET["W1"], {"missing": "b1"}, "the bias term b₁ is missing"),
    (f"mean(outer({G1}, u), over=T) + 2 * lam * W1", NET["W1"], {"surplus": "2 * lam * W1"}, "the penalty term 2 λ W₁ is too much"),
    (f"outer({G1}, u) / 2", SAMPLE["W1"], {"factor": Fraction(1, 2)}, "1/2 times"),
    (f"W2.T @ ({E2})", SAMPLE["b1"], {"missing": "1 - tanh(W1 @ u + b1)**2"}, "is missing"),
]


NAMES = {"X": X, "y": y, "w": w, "lam": lam, "A": A, "b": b, "z": z, "t": t, "U": U, "V": V, "R": R, "m": m, "s": s,
         "x": x, "u": u, "v": v, "r": r, "mu": mu, "P": P, "S": S, "W1": W1, "b1": b1, "W2": W2, "b2": b2}


def same(field, wanted):
    """A field of a verdict is what `wanted` says: a value, or a formula as text."""
    return bool(sg.verify(sg.parse(wanted, **NAMES), field)) if isinstance(wanted, str) else field == wanted


@pytest.mark.parametrize("claim, right, fields, words", MISTAKES, ids=[row[0][:50] for row in MISTAKES])
def test_mistakes(claim, right, fields, words):
    verdict = sg.verify(claim, right, **({"lam": lam} if "lam" in claim else {}))
    assert not verdict and verdict.equal is False
    assert words in str(verdict)
    assert str(verdict).startswith("Not equal: ") and str(verdict).endswith(".") and "\n" not in str(verdict)
    found = {name: getattr(verdict, name) for name in FIELDS if getattr(verdict, name) is not None}
    assert found.keys() == fields.keys(), found
    for name, wanted in fields.items():
        assert same(found[name], wanted), (name, str(found[name]))
    example = verdict.counterexample
    used = {node.attrs[0].name for node in topological([right.node]) if node.op == "input"}
    assert np.allclose(right.eval(**{name: a for name, a in example.values.items() if name in used}), example.right)
    assert example.claimed is None or example.claimed.shape != example.right.shape or not np.allclose(
        example.claimed, example.right)


@pytest.mark.parametrize("claim, right", [
    (LEAST, LEAST), ("2 * X.T @ X @ w - 2 * X.T @ y", LEAST), ("(2 * (X @ w - y) @ X).T.T", LEAST),
    ("2 * einsum('nd,n->d', X, einsum('nd,d->n', X, w) - y)", LEAST), ("-2 * X.T @ (y - X @ w)", LEAST),
    ("2 * sum(X * (X @ w - y)[:, None], axis=0)", LEAST), ("(X.T @ X + X.T @ X) @ w - X.T @ (y + y)", LEAST),
    ("w @ (A + A.T) + b", QUADRATIC), ("A @ w + (w @ A) + b", QUADRATIC), ("X.T @ (sigmoid(X @ w) - y)", LOGISTIC),
    ("X.T @ (1 / (1 + exp(-(X @ w))) - y)", LOGISTIC),
    ("einsum('ni,n,nj->ij', X, sigmoid(X @ w) * (1 - sigmoid(X @ w)), X)", CURVATURE),
    ("softmax(z) - t", SOFTMAX), ("exp(z) / sum(exp(z)) - t", SOFTMAX),
    ("2 * U @ (V.T @ V) - 2 * R @ V + 2 * lam * U", FACTORS),
    ("(n * s - sum((x - m)**2)) / (2 * s**2)", BY_S), (f"mean(outer({G1}, u), over=T)", NET["W1"]),
    ("inv(S) @ r", SOLVED), (f"inv(P) @ (P - {RR}) @ inv(P) / 2", GAUSS),
    (f"sum(outer({G1}, u) / T, over=T)", NET["W1"]), (f"outer({G1}, u)", SAMPLE["W1"]),
    (sg.log(b * b), 2 * sg.log(b)), (sg.sin(b) ** 2 + sg.cos(b) ** 2, b / b),
    (1.000000001 * LEAST, LEAST),  # up to rounding
])
def test_a_right_claim_in_another_form_is_accepted(claim, right):
    verdict = sg.verify(claim, right)
    assert verdict and verdict.equal and str(verdict).startswith("Equal: the claim is the right formula")
    assert verdict.counterexample is None and all(getattr(verdict, name) is None for name in FIELDS)


def test_a_difference_in_one_entry_is_seen():
    c = sg.data("c", 4)
    assert not sg.verify(c * np.array([1, 1, 1.001, 1]), c)
    assert sg.verify(c * np.array([1, 1, 1 + 1e-10, 1]), c)


def test_facts_are_used():
    S, P, O = (sg.data(name, (d, d), **{fact: True}) for name, fact in
               (("S", "symmetric"), ("P", "positive_definite"), ("O", "orthogonal")))
    assert sg.verify(2 * S @ w, sg.gradient(w @ S @ w, w))
    assert sg.verify(P @ w, P.T @ w) and sg.verify(O.T @ O, sg.eye(d)) and sg.verify(sg.sum(t), 1)
    assert not sg.verify(2 * A @ w, sg.gradient(w @ A @ w, w))
    c = sg.labels("c", 3, shape=n)
    assert sg.verify(sg.one_hot(c, 3)[:, 0], sg.where(sg.equal(c, 0), 1, 0) * 1.0)


def test_points_are_drawn_where_both_sides_have_values():
    assert sg.verify(sg.log(1 - b) + sg.log(1 + b), sg.log(1 - b * b))
    assert not sg.verify(sg.log(b), 2 * sg.log(b)) and sg.verify(sg.log(b), 2 * sg.log(b)).factor == Fraction(1, 2)
    with pytest.raises(sg.SymgradError, match="the right formula has no finite value"):
        sg.verify(b, sg.log(-sg.exp(b)))
    e = sg.data("e", n)
    assert sg.verify(e[:3] + e[:3], 2 * e[:3])  # needs n >= 3
    i = sg.data("i", n, dtype="integer")
    assert not sg.verify(i * i * 1.0, i * 1.0)  # 0 and 1 would not tell


def test_zero_and_constants():
    zero = sg.verify(w * 0, w)
    assert zero.factor == 0 and sg.verify(zero.missing, w) and "the claim is zero" in str(zero)
    assert "the right formula is zero" in str(sg.verify(w, w * 0)) and sg.verify(w, w * 0).surplus == w
    assert sg.verify(2, "1 + 1") and sg.verify("3", 2).factor == Fraction(3, 2)
    assert sg.verify("sum((y - mean(y))**2) / (n - 1)", "sum((y - mean(y))**2) / n", y="n").factor == n / (n - 1)
    assert sg.verify(sg.sqrt(2.0) * w, w).factor == sp.sqrt(2)
    assert sg.verify(0.12345678 * w, w).factor == pytest.approx(0.12345678)


def test_a_symmetric_formula_is_no_transpose_of_itself():
    H = sg.hessian(sg.sum((X @ w - y) ** 2), w)
    verdict = sg.verify("X.T @ X", H)
    assert verdict.factor == Fraction(1, 2) and verdict.transposed is None
    turned = sg.verify("2 * W2.T", W2)
    assert turned.transposed and turned.factor is None and "2 times the transpose" in str(turned)
    J = sg.jacobian(sg.tanh(W1 @ b), W1)
    assert sg.verify(sg.transpose(J, (1, 2, 0)), J).transposed


def test_texts_and_names():
    assert sg.verify("X.T @ q", "q @ X", X="n d", q="n")
    assert sg.verify(2 * X.T @ (X @ w - y), "2*X.T@X@w - 2*X.T@y")
    assert sg.verify("2 * X.T @ X", sg.hessian(sg.sum((X @ w - y) ** 2), w))
    assert "too much" in str(sg.verify("2 * X.T @ X + outer(w, w)", sg.hessian(sg.sum((X @ w - y) ** 2), w)))
    with pytest.raises(sg.ParseError, match="column 1: 'q' is not declared; declared are X, w, y"):
        sg.verify("q @ w", LEAST)
    with pytest.raises(sg.SymgradError, match=r"w of shape \(d,\) is a symbol of the other formula"):
        sg.verify("w", LEAST, w="n")
    with pytest.raises(sg.SymgradError, match="two different symbols are called 'w'"):
        sg.verify(sg.data("w", d), LEAST)
    with pytest.raises(sg.ShapeError, match="matmul"):
        sg.verify("X.T @ q", "X @ q", X="n d", q="n")
    named = sg.parameter("W^1", (h, d))
    hidden = (named @ u).named("a^1")
    assert sg.verify("tanh(a1) + W1 @ u", sg.tanh(hidden) + named @ u)


def test_a_claim_that_cannot_be_built_is_a_wrong_claim():
    verdict = sg.verify("X @ diag(X @ w) @ X", CURVATURE)
    assert not verdict and verdict.shape == (None, (d, d)) and verdict.counterexample.claimed is None
    assert "the shapes in the claim do not fit at column 3: matmul: X of shape (n, d)" in str(verdict)
    assert "* must be @" in str(sg.verify("X.T @ (X * w - y)", "X.T @ (X @ w - y)", X="n d", w="d", y="n"))


def test_four_layers():
    Ws = [sg.parameter(f"W{i}", (h, h)) for i in range(1, 5)]
    xs = [sg.data("x0", h, over=T)]
    for W in Ws:
        xs.append(sg.sigmoid(W @ xs[-1]))
    target = sg.data("y", h, over=T)
    right = sg.gradient(sg.empirical_risk(sg.losses.squared_error(xs[-1], target)), Ws[0])

    def claim(forgotten=None, straight=None):
        G = 2 * (xs[4] - target)
        for i in (4, 3, 2, 1):
            G = G if i == forgotten else xs[i] * (1 - xs[i]) * G
            G = G if i == 1 else (Ws[i - 1] if i == straight else Ws[i - 1].T) @ G
        return sg.mean(sg.outer(G, xs[0]), over=T)

    assert sg.verify(claim(), right)
    assert "W₃ must be transposed" in str(sg.verify(claim(straight=3), right))
    assert sg.verify(sg.verify(claim(forgotten=3), right).missing, xs[3] * (1 - xs[3]))
    assert sg.verify(claim() * T, right).factor == T and sg.verify(claim().T, right).transposed
    assert sg.verify(sg.verify(claim(), right + lam * Ws[0]).missing, lam * Ws[0])


SCRIPT = """
from test_verify import MISTAKES, lam, sg
for claim, right, *_ in MISTAKES[::6]:
    v = sg.verify(claim, right, **({"lam": lam} if "lam" in claim else {}))
    print(v, v.factor, v.missing, v.surplus, v.sign, v.shape, v.counterexample)
"""


def test_deterministic_in_every_process():
    texts = set()
    for seed in ("1", "2"):
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, encoding="utf-8",
                              env=environment(__file__, PYTHONHASHSEED=seed))
        assert done.returncode == 0, done.stderr
        texts.add(done.stdout)
    assert len(texts) == 1 and len(texts.pop()) > 1000


def test_global_random_state_is_left_alone():
    np.random.seed(3)
    before = np.random.get_state()[1].tolist()
    sg.verify("2 * X.T @ X @ w", LEAST)
    assert np.random.get_state()[1].tolist() == before


# the parts ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
def test_levels_are_the_same_sum_and_edits_keep_the_shape(seed):
    maker = Maker(seed % 200, seed % 2 == 0)
    for _ in range(12):
        maker.step()
    root = maker.pool[-1]
    sums = [add(parts) for parts, _ in levels(root, 30) if parts]
    first, *others = values([root, *sums], maker.arrays, NUMBERS)
    for other in others:
        both = np.isfinite(first) & np.isfinite(other)
        assert np.allclose(np.where(both, first, 0), np.where(both, other, 0), rtol=1e-8, atol=1e-8)
    for level in edits(root, 20):
        assert all(edit.root.shape == root.shape for edit in level)


def test_factors_are_recovered_exactly():
    sizes = [{n: i, d: j} for i, j in ((2, 3), (3, 5), (5, 2), (7, 4), (4, 9), (9, 7), (6, 8))]
    for factor in (n / d, 2 / n**2, sp.sqrt(n) / 3, (n - 1) / n, d / (d - 1), sp.pi * n):
        values = [float(factor.subs(at)) for at in sizes]
        assert sp.simplify(recover(values, sizes) - factor) == 0
    assert recover([1.0, 2.0, 2.5, 3.1, 4.0, 1.0, 2.2], sizes) is None
    assert recover([1 / 3] * 7, sizes) == Fraction(1, 3)


def test_edits_name_the_mistake():
    found = [(e.kind, str(wrap(e.part))) for level in edits(LEAST.node, 50) for e in level]
    assert ("term", "-y") in found and ("sign", "X w") in found
    kinds = {e.kind for level in edits(NET["W1"].node, 100) for e in level}
    assert kinds >= {"term", "sign", "factor", "function"}


# the command line ---------------------------------------------------------------------------------------------

SHAPES = ["--shape", "X=n,d", "--shape", "w=d", "--shape", "y=n"]
OF = ["--gradient-of", "sum((X @ w - y)**2)", "--wrt", "w", *SHAPES]


def call(*args):
    return CliRunner().invoke(cli, [str(a) for a in args])


NAMED = [
    ("X @ w", X @ w + sg.parameter("b"), "the bias term b is missing"),
    ("sigmoid(X @ w)", sg.sigmoid(X @ w + sg.parameter("b")), "the bias term b is missing in X w + b"),
    ("X @ w", X @ w - y, "the target term -y is missing"),
    ("softmax(z)", SOFTMAX, "the target term -t is missing"),
    ("-t", SOFTMAX, "the softmax term softmax(z) is missing"),
    ("sum((X @ w)**2) + y @ y", sg.sum((X @ w - y) ** 2), "the cross term -2 yᵀ X w is missing"),
    ("a*a + a*b + b*b", "(a + b)**2", "the cross term 2 a b of the right formula stands in the claim with the factor 1/2"),
    ("sum((X @ w - y)**2)", sg.sum((X @ w - y) ** 2) + lam * sg.sum(w**2), "the penalty term λ ‖w‖² is missing"),
    ("2 Xᵀ (X w - y) - 2 lam w", sg.gradient(sg.sum((X @ w - y) ** 2) + lam * sg.sum(w**2), w),
     "the penalty term 2 λ w of the right formula has the opposite sign in the claim"),
    ("2 Xᵀ X w", sg.gradient(sg.sum((X @ w - y) ** 2) + lam * sg.sum(w**2), w),
     "the cross term -2 Xᵀ y and the penalty term 2 λ w are missing"),
    ("2 Xᵀ ones(n)", LEAST, "the factor X w - y, the residual, is missing"),
    ("X @ w - y", LEAST, "the claim is the part X w - y of it, the residual: a factor is missing"),
    ("w @ A @ w", w @ A @ w + sg.logdet(A), "the log-determinant term logdet(A) is missing"),
]


@pytest.mark.parametrize("claim, right, words", NAMED, ids=[row[0] for row in NAMED])
def test_a_term_is_called_by_its_textbook_name(claim, right, words):
    shapes = {"a": "", "b": ""} if isinstance(right, str) else {"lam": lam} if "lam" in claim else {}
    assert words in str(sg.verify(claim, right, **shapes))


def test_what_has_no_name_gets_none():
    assert "the term b is missing" in str(sg.verify("(A + A.T) @ w", QUADRATIC)), "no bias: nobody fits it"
    for claim, right in (("X @ w", X @ w + q * y), ("w", w + sg.exp(w)), ("A @ w", A @ w + A.T @ w)):
        assert "the term " in str(sg.verify(claim, right))


S = sg.data("S", (d, d), symmetric=True)


@pytest.mark.parametrize("claim, right, words", [
    ("2 A w", sg.gradient(w @ A @ w, w), "A must be transposed in Aᵀ w; the claim holds only where A is symmetric"),
    ("2 A Aᵀ w", sg.gradient(sg.sum((A @ w) ** 2), w), "A and its transpose must be exchanged."),
    ("2 X Xᵀ w", sg.gradient(sg.sum((X @ w) ** 2), w), "the shapes in the claim do not fit; X and its transpose must be exchanged"),
    ("3 S w", sg.gradient(w @ S @ w, w), "the claim is 3/2 times"),
])
def test_which_side_of_a_matrix_is_which(claim, right, words):
    verdict = sg.verify(claim, right)
    assert not verdict and words in str(verdict)


@pytest.mark.parametrize("claim, words", [
    ("2*X'*(X*w - y)", "Not equal: beside ' the sign * may be the matrix product of MATLAB; * must be @."),
    ("2*X'*X*w", "the claim may mean two things at column 5: beside ' the sign * may be the matrix product of MATLAB, and here it "
     "multiplies entry by entry; write @ or a blank for the former, ⊙ for the latter"),
])
def test_the_star_of_matlab(claim, words):
    assert words in str(sg.verify(claim, LEAST))
    assert sg.verify("2 X' (X w - y)", LEAST) and sg.verify("2*X'@(X@w - y)", LEAST) and sg.verify("X' ((X w - y)*2)", LEAST)


def test_check_a_right_claim():
    result = call("check", "2 * X.T @ X @ w - 2 * X.T @ y", *OF)
    assert result.exit_code == 0, result.output
    assert result.stdout == "Equal: the claim is the right formula in another form.\n"


@pytest.mark.parametrize("claim, words", [
    ("X.T @ (X @ w - y)", ["1/2 times the right formula", "factor", "counterexample", "claimed", "right"]),
    ("-2 * X.T @ (X @ w - y)", ["its sign is wrong", "sign", "2 Xᵀ (X w - y)"]),
    ("2 * X @ (X @ w - y)", ["X must be transposed", "claim none, right d", "cannot be computed"]),
    ("2 * X.T @ X @ w", ["missing", "-2 Xᵀ y"]),
])
def test_check_a_wrong_claim(claim, words):
    result = call("check", claim, *OF)
    assert result.exit_code == 1, result.output
    assert result.stdout.startswith("Not equal: ") and result.stderr == ""
    for word in words:
        assert word in result.stdout


@pytest.mark.parametrize("args, words", [
    (["2 * X.T @ (", *OF], "was never closed"),
    (["2 * Q @ w", *OF], "'Q' is not declared"),
    (["X", "--gradient-of", "sum((X @ w - y)**2)", *SHAPES], "name the one variable with --wrt; there are X, w, y"),
    (["X", *OF, "--hessian-of", "sum(w)"], "give one of --gradient-of, --jacobian-of and --hessian-of"),
    (["X", "--gradient-of", "X @ w", "--wrt", "w", *SHAPES], "is not a scalar"),
    (["X", "--gradient-of", "nothing.py"], "nothing.py"),
    (["X", *OF, "--sed", "3"], "--sed"),
])
def test_check_bad_usage(args, words):
    result = call("check", *args)
    assert result.exit_code == 2, result.output
    assert words in result.stderr and "Traceback" not in result.stderr and result.stdout == ""


def test_check_other_derivatives_and_model_files():
    assert call("check", "2 * X.T @ X", "--hessian-of", "sum((X @ w - y)**2)", "--wrt", "w", *SHAPES).exit_code == 0
    assert call("check", "diag(1 - tanh(x)**2)", "--jacobian-of", "tanh(x)", "--shape", "x=d").exit_code == 0
    file = EXAMPLES / "lecture_backprop.py"
    right = "mean(outer(2 * (x4 - y) * (1 - x4**2), x3), over=T)"
    assert call("check", right, "--gradient-of", file, "--wrt", "W^4").exit_code == 0
    wrong = call("check", right.replace("mean", "sum"), "--gradient-of", file, "--wrt", "W^4")
    assert wrong.exit_code == 1 and "the claim is T times the right formula; multiply it by 1/T" in wrong.stdout


def test_check_still_checks_steps():
    result = call("check", "sum((X @ w - y)**2)", "--wrt", "w", *SHAPES)
    assert result.exit_code == 0 and "steps hold" in result.stdout


@pytest.mark.parametrize("shift", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("factor", [2, -1, 0.5])
def test_points_where_both_are_zero_tell_no_factor(shift, factor):
    """A unit that is active at some points alone: 0 = 2 · 0 at the others."""
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    gradient = sg.gradient(sg.relu(w @ x - shift) ** 2, w)
    verdict = sg.verify(factor * gradient, gradient)
    assert not verdict and verdict.factor == factor
    assert sg.verify(gradient, gradient)
