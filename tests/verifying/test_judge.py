"""`sg.verify` as a judge: conditioning, infinities, both sides of conditions, domains, sizes and magnitudes.

Formulas with conditions, masks and Gram matrices are drawn; another writing of each is accepted, a small edit refused.
"""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

n, d = sg.dims("n d")
x, y, m = sg.parameter("x", 4), sg.parameter("y", 4), sg.data("m", 4)
c, u = sg.parameter("c"), sg.data("u", 4, nonnegative=True)
S, G, Z = sg.parameter("S", (n, n)), sg.data("G", (n, n)), sg.parameter("Z", (n, d))
C = sg.parameter("C", (d, d))
X, t, w = sg.data("X", (n, d)), sg.data("t", n), sg.parameter("w", d)
FUTURE = sg.equal(sg.tril(sg.ones((n, n))), 0)
MASKED = sg.softmax(sg.where(FUTURE, -np.inf, S))
ATTENTION = sg.gradient(sg.sum(G * MASKED), S)
BOTH_DECAY = "inv(Z @ Z.T + 2 * eye(n)) @ Z"

EQUAL = [
    ("2 * Z @ inv(Z.T @ Z)", sg.gradient(sg.logdet(Z.T @ Z), Z)),
    ("inv(X.T @ X) @ X.T @ t", sg.solve_stationary(sg.sum((X @ w - t) ** 2), w)),
    ("solve(X.T @ X, X.T @ t)", "inv(X.T @ X) @ X.T @ t"),
    (BOTH_DECAY, "Z @ inv(Z.T @ Z + 2 * eye(d))"),
    (MASKED * (G - sg.sum(G * MASKED, axis=-1, keepdims=True)), ATTENTION),
    (sg.where(FUTURE, -np.inf, 2 * S), sg.where(FUTURE, -np.inf, S + S)),
    (sg.log(1 + sg.exp(x)), sg.softplus(x)),
    ((sg.exp(x) - 1) / x, sg.expm1(x) / x),
    (sg.log(sg.exp(x) + sg.exp(y)), np.logaddexp(x, y)),
    (sg.sqrt(x - 300) ** 2, x - 300),
    (sg.log(x - y), -sg.log(1 / (x - y))),
    (sg.abs(x), sg.sqrt(x * x)),
    (sg.where(x < y, 1.0, 0.0), sg.gradient(sg.sum(sg.minimum(x, y)), x)),  # ties have no volume
    (sg.minimum(sg.maximum(x, -5), 2), sg.clip(x, -5, 2)),
    (sg.cholesky(C) @ sg.cholesky(C).T, (C + C.T) / 2),
    (sg.sqrt(u) * sg.where(x > 0, sg.log(x), 0 * x), u**0.5 * sg.where(x > 0, sg.log(x), 0 * x)),
    (1e300 * c * 1e10, 1e10 * c * 1e300),
]
UNEQUAL = [
    ("Z @ inv(Z.T @ Z)", sg.gradient(sg.logdet(Z.T @ Z), Z)),
    ("inv(X.T @ X) @ X.T @ (t + 1)", sg.solve_stationary(sg.sum((X @ w - t) ** 2), w)),
    (BOTH_DECAY, "Z @ inv(Z.T @ Z + eye(d))"),
    (sg.softmax(S) * (G - sg.sum(G * sg.softmax(S), axis=-1, keepdims=True)), ATTENTION),
    (sg.where(FUTURE, -np.inf, S), S),
    (sg.where(FUTURE, -np.inf, S), sg.where(FUTURE, np.inf, S)),
    (sg.where(FUTURE, -np.inf, 2 * S), sg.where(FUTURE, -np.inf, S)),
    (sg.minimum(x, 3), x),
    (sg.minimum(x, 50), x),
    (sg.maximum(x, -1e5), x),
    (sg.relu(sg.sum(x) - 100), 0 * sg.sum(x)),
    (sg.where((x > 3) & (x < 3.01), 0 * x, x), x),  # a narrow window
    (sg.where(sg.equal(m, 7), 0 * x, x * x), x * x),  # a mask in the data
    (sg.where(sg.equal(m, 0), 0 * x, x * x), x * x),
    (sg.clip(x, -50, 2), sg.clip(x, -60, 2)),
    (sg.sqrt(x - 300) ** 2, x - 301),
    (sg.minimum(sg.exp(x), 1e9), sg.exp(x)),
    (sg.where(sg.sum(x) > 1000, x, 2 * x), 2 * x),
    (sg.where(u > 2, 2 * u, u), u),
    ("minimum(x, 3)", x),
]
SHAPES = {"Z": (n, d), "X": (n, d), "t": (n,)}


def verdict(claim, right):
    return sg.verify(claim, right, **{k: v for k, v in SHAPES.items() if isinstance(right, str) and k in right + claim})


@pytest.mark.parametrize("claim, right", EQUAL, ids=[str(row[0])[:50] for row in EQUAL])
def test_right_formulas_are_accepted(claim, right):
    assert verdict(claim, right)


@pytest.mark.parametrize("claim, right", UNEQUAL, ids=[f"{i} {str(row[0])[:40]}" for i, row in enumerate(UNEQUAL)])
def test_wrong_formulas_are_refused_with_an_example(claim, right):
    found = verdict(claim, right)
    assert not found
    one, other = found.counterexample.claimed, found.counterexample.right
    assert not np.array_equal(one, other)


def test_what_no_point_tells_is_said():
    with pytest.raises(sg.SymgradError, match=r"verify: could not decide: 0 of \d+ random points tell; at the others "
                                              "rounding alone moves the values"):
        sg.verify(c, (c + 1e16) - 1e16)


# formulas drawn at random: (the formula, the same in another writing, the same with a small mistake) ------------


def leaf(r):
    return r.choice([x, y, x * y, sg.tanh(x), x - y, 2 * x + 1])


def drawn(r, depth=0):
    """Three writings of one random formula: as it is, another one, one with a mistake at a random place."""
    if depth == 3 or depth and r.random() < 0.2:
        a = leaf(r)
        return a, a, -a if r.random() < 0.5 else 2 * a
    (a, a2, bad), (b, b2, _) = drawn(r, depth + 1), drawn(r, depth + 1)
    here = r.random() < 0.5  # is the mistake here, or below?
    bound = r.choice([-4.0, 0.5, 3.0, 40.0])
    ways = [
        lambda p, q: (sg.where(p > bound, q, p), sg.where(p <= bound, p, q), sg.where(p > bound, p, q)),
        lambda p, q: (sg.where(p > bound, p, bound), sg.maximum(p, bound), sg.minimum(p, bound)),
        lambda p, q: (sg.minimum(p, bound) + q, q - sg.maximum(-p, -bound), sg.minimum(p, bound + 1) + q),
        lambda p, q: (sg.clip(p, -bound**2, bound**2) * q, q * sg.minimum(bound**2, sg.maximum(p, -bound**2)), p * q),
        lambda p, q: (sg.relu(p) + q, q + (p + sg.abs(p)) / 2, p + q),
        lambda p, q: (p * (q + 1), p + q * p, p + q),
        lambda p, q: (sg.where(m > 0, p, 0 * p) + q, sg.where(m > 0, p + q, q), p + q),
    ]
    way = r.choice(ways)
    right, other = way(a, b)[0], way(a2, b2)[1]
    return right, other, way(a, b)[2] if here else way(bad, b)[0]


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_other_writings_are_accepted_and_mistakes_refused(seed):
    right, other, wrong = drawn(random.Random(seed))
    assert sg.verify(other, right)
    assert sg.verify(right, other)
    if differ(right, wrong):  # min and max of equal things are one
        assert not sg.verify(wrong, right)


def differ(one, other):
    """Is the difference there at points that this test draws by itself?"""
    rng = np.random.default_rng(0)
    f = sg.function({"x": x, "y": y, "m": m}, [one, other])
    for scale in (1.0, 3.0, 30.0):
        a, b = f(*(scale * rng.standard_normal((3, 4))))
        if np.any(np.abs(a - b) > 1e-3 * (np.abs(a) + np.abs(b))):
            return True
    return False


@settings(max_examples=15)
@given(st.integers(0, 10**6))
def test_gram_matrices_and_masks_in_every_writing(seed):
    r = random.Random(seed)
    k = r.choice([1, 2, 3])
    gram, vector = Z.T @ Z, Z.T @ t
    ways = [
        (k * sg.inv(gram) @ vector, sg.solve(gram / k, vector), k * sg.inv(gram) @ vector + vector),
        (sg.logdet(k * gram), sg.logdet(gram) + d * np.log(k), sg.logdet(gram) - d * np.log(k + 1)),
        (Z @ sg.inv(gram) @ vector * k, sg.sum(Z * sg.solve(gram, k * vector), axis=1), Z @ sg.inv(gram) @ Z.T @ (t + t) * k),
        (sg.trace(sg.inv(gram)) + k, k + sg.sum(sg.inv(gram) * sg.eye(d)), k + sg.sum(sg.inv(gram))),
        (sg.logsumexp(sg.where(FUTURE, -np.inf, k * S), axis=-1), sg.log(sg.sum(sg.where(FUTURE, 0, sg.exp(S) ** k), axis=-1)),
         sg.logsumexp(k * S, axis=-1)),
        (sg.max(sg.where(FUTURE, -np.inf, S), axis=-1), -sg.min(sg.where(FUTURE, np.inf, -S), axis=-1), sg.max(S, axis=-1)),
    ]
    right, other, wrong = r.choice(ways)
    assert sg.verify(other, right) and sg.verify(right, other)
    assert not sg.verify(wrong, right)
