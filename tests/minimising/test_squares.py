"""Sums of squares are found however they are written, and the residuals that are found have that sum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.node import topological
from symgrad.minimising.degrees import ray_degree
from symgrad.minimising.squares import broken_weight, sum_of_squares

n, d, T = sg.dims("n d T")
SIZES = {n: 5, d: 3, T: 7}
X, y, v, z = sg.data("X", (n, d)), sg.data("y", n), sg.data("v", n, nonnegative=True), sg.data("z", n)
w, V, a, b = sg.parameter("w", d), sg.parameter("V", (n, d)), sg.parameter("a"), sg.parameter("b")
Y, S, K = sg.data("Y", (n, d)), sg.data("S", (n, n), positive_definite=True), sg.data("K", (n, n))
lam, x, t = sg.data("lam", nonnegative=True), sg.data("x", d, over=T), sg.data("t", over=T)
r = X @ w - y
curve = a * sg.exp(-b * z)

# loss, variables, how many numbers are squared
FOUND = {
    "power": (sg.sum(r**2), [w], 5),
    "dot": (r @ r, [w], 5),
    "norm": (sg.norm(r) ** 2, [w], 5),
    "square, mean": (sg.mean(sg.square(r)), [w], 5),
    "a loss": (0.5 * sg.losses.mse(X @ w, y), [w], 5),
    "absolute values": (3 * sg.sum(sg.abs(r) ** 2), [w], 5),
    "risk": (sg.empirical_risk((w @ x - t) ** 2), [w], 7),
    "trace": (sg.trace((Y - V).T @ (Y - V)), [V], 15),
    "trace of a product": (sg.trace((V @ Y.T) @ (V @ Y.T).T), [V], 25),
    "Frobenius": (sg.norm(Y - V) ** 2 / 7, [V], 15),
    "ridge": (sg.mean(r**2) / 2 + lam * sg.norm(w) ** 2 + 7, [w], 8),
    "weights": (sg.sum(v * r**2), [w], 5),
    "a diagonal matrix": (r @ sg.diag(v) @ r, [w], 5),
    "deviations": (sg.sum((r / z) ** 2), [w], 5),
    "deviations, outside": (sg.sum(r**2 / z**2) / 2, [w], 5),
    "degrees of freedom": (sg.sum(r**2) / (n - 2), [w], 5),
    "variance": (sg.var(r), [w], 5),
    "a covariance": (r @ sg.solve(S, r), [w], 5),
    "a precision": (r @ S @ r / 2, [w], 5),
    "an inverse": (r @ sg.inv(S) @ r, [w], 5),
    "any matrix": (r @ K @ r, [w], 5),
    "selected": (sg.sum(sg.where(z > 0, r**2, 0)), [w], 5),
    "some": (sg.sum((r**2)[1:]), [w], 4),
    "side by side": (sg.sum(sg.concatenate([r**2, lam * w**2])), [w], 8),
    "weighted sum of sums": (v @ (sg.square(r) + sg.square(w[0] * z)), [w], 10),
    "written out": (w @ X.T @ X @ w - 2 * w @ X.T @ y + y @ y, [w], 5),
    "written out, no constant": (w @ (X.T @ (X @ w) - 2 * X.T @ y), [w], 5),
    "written out by entries": (sg.sum(y**2 - 2 * y * (X @ w) + (X @ w) ** 2) / 7, [w], 5),
    "written out, curve": (sg.sum(z**2 * 0 + y**2 - 2 * y * curve + curve**2), [a, b], 5),
    "written out, powers": (sg.sum(y**2 - 2 * y * curve + a**2 * sg.exp(-2 * b * z)), [a, b], 5),
    "Rosenbrock": ((1 - a) ** 2 + 100 * (b - a**2) ** 2, [a, b], 2),
    "Rosenbrock, written out": (1 - 2 * a + a**2 + 100 * b**2 - 200 * a**2 * b + 100 * a**4, [a, b], 2),
    "Himmelblau": ((a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2, [a, b], 2),
    "a form": (a**2 + b**2 + a * b, [a, b], 2),
    "fourth powers": (sg.sum(w**4), [w], 3),
    "a square of squares": ((w @ w - 1) ** 2, [w], 1),
    "a quotient": (sg.sum((y / a) ** 2) + sg.sum(y**2 / b**2), [a, b], 10),
    "factorised": (sg.sum((V @ w - y) ** 2), [V, w], 5),
    "positive parts": (sg.sum(sg.maximum(r, 0) ** 2), [w], 5),
    "by cases of the variables": (sg.sum(sg.where(r > 0, r**2, (3 * r) ** 2)), [w], 5),
    "a squared sum": (sg.sum(r) ** 2 + sg.sum(r**2), [w], 6),
    "einsum": (sg.einsum("i,i->", r, r), [w], 5),
    "outer": (sg.trace(sg.outer(r, r)), [w], 5),
    "minus minus": (-sg.sum(-(r**2)), [w], 5),
    "norms of samples": (sg.empirical_risk(sg.norm(sg.outer(w, w) @ x - x) ** 2), [w], 21),
    "squared error": (sg.empirical_risk(sg.losses.squared_error(sg.tanh(w) * x, x)), [w], 21),
    "a Gaussian": (sg.sum(r**2) / (2 * z[0] ** 2) + n * sg.log(sg.abs(z[0])), [w], 5),
    "rows and columns": (sg.sum(sg.sum((Y - V) ** 2, axis=1) * v), [V], 15),
    "from text": (sg.parse("||X w - y||^2 + 0.1 ||w||^2", X=X, w=w, y=y), [w], 8),
    "named": (sg.sum(r.named("r") ** 2).named("L"), [w], 5),
}


def values(loss, tensors=(), seed=0):
    rng = np.random.default_rng(seed)
    found = {}
    for node in topological([loss.node, *(each.node for each in tensors)]):
        if node.op == "input":
            shape = [SIZES.get(size, size) for size in node.shape]
            value = rng.normal(size=shape)
            if node.attrs[0].facts:
                value = value @ value.T + np.eye(5) if len(shape) == 2 else np.abs(value)
            elif node.attrs[0].name == "K":
                value = value / 9 + 2 * np.eye(5)  # not symmetric, its symmetric part positive definite
            found[node] = value
    return found


def evaluated(tensors, at):
    inputs = [sg.language.tensor.wrap(node, node.attrs[0].over) for node in at]
    return sg.function(inputs, list(tensors), sizes=SIZES)(*at.values())


@pytest.mark.parametrize("name", FOUND)
def test_the_squares_of_the_residuals_are_the_loss(name):
    loss, variables, count = FOUND[name]
    found = sum_of_squares(loss, variables)
    assert found is not None
    at = values(loss, found.residuals)
    value, constant, *residuals = evaluated([loss, found.constant, *found.residuals], at)
    assert sum(each.size for each in residuals) == count
    total = sum(np.sum(each**2) for each in residuals)
    assert constant + total == pytest.approx(value, rel=1e-10)
    below = set(topological([found.constant.node]))
    assert not below & {each.node for each in variables}
    assert broken_weight(found, {k: u for k, u in at.items() if k not in {each.node for each in variables}}, SIZES) is None


NONE = {
    "a norm": (sg.norm(r), [w]), "one more term": (sg.sum(r**2) + sg.sum(w), [w]),
    "absolute values": (sg.sum(sg.abs(r)), [w]), "exponentials": (sg.sum(sg.exp(r)), [w]),
    "logistic": (sg.sum(sg.softplus(r)), [w]), "not definite": (a**2 + b**2 + 4 * a * b, [a, b]),
    "a difference": (sg.sum(r**2) - a**2, [w, a]), "the maximum": (sg.max(r**2), [w]),
    "a trace that is none": (sg.trace(K @ sg.outer(a * z, b * z)), [a, b]), "pseudo-Huber": (sg.sum(sg.sqrt(1 + r**2)), [w]),
    "Poisson": (sg.sum(sg.exp(r) - y * r), [w]), "a weight that varies": (sg.exp(a) * sg.sum(r**2) + a, [w, a]),
    "cubes": (sg.sum(r**3), [w]), "linear": (sg.sum(w), [w]), "a variance and its logarithm": (sg.sum(r**2) / a**2 + sg.log(a), [w, a]),
    "both signs": (sg.norm(w) ** 4 - sg.norm(w) ** 2, [w]),
}


@pytest.mark.parametrize("name", NONE)
def test_what_is_no_sum_of_squares_is_not_called_one(name):
    loss, variables = NONE[name]
    assert sum_of_squares(loss, variables) is None


ATOMS = [X @ w, y, sg.tanh(X @ w), curve, b * z, sg.where(z > 0, w[1] * z, a), sg.exp(-b * z), z * y]
numbers = st.sampled_from([1, -1, 2, -3, 0.5, 0.1, -1.7])


@st.composite
def residuals(draw):
    """A weighted sum of two or three atoms, one at least with a variable."""
    chosen = draw(st.lists(st.sampled_from(range(len(ATOMS))), min_size=1, max_size=3, unique=True)
                  .filter(lambda some: set(some) - {1, 7}))
    return [(draw(numbers), ATOMS[i]) for i in chosen]


def squared(draw, parts):
    """∑ r² of a residual, written in one of many ways."""
    whole = sum((by * each for by, each in parts[1:]), parts[0][0] * parts[0][1])
    way = draw(st.integers(0, 6))
    if way == 0:
        return sg.sum(whole**2)
    if way == 1:
        return whole @ whole
    if way == 2:
        return sg.norm(whole) ** 2
    if way == 3:
        return n * sg.mean(whole * whole)
    if way == 4:
        return sg.sum((2 * whole / z) ** 2)
    if way == 5:  # written out
        return sum((p * q * (s @ u) for p, s in parts for q, u in parts[1:]),
                   sum((p * parts[0][0] * (s @ parts[0][1]) for p, s in parts[1:]), parts[0][0] ** 2 * (parts[0][1] @ parts[0][1])))
    return v @ whole**2


@st.composite
def losses(draw):
    parts = draw(st.lists(residuals(), min_size=1, max_size=3))
    total = 0
    for each in parts:
        total = total + draw(st.sampled_from([1, 0.5, 3, 1 / n])) * squared(draw, each)
    return total + draw(st.sampled_from([0, 1.5, lam]))


@settings(max_examples=60, deadline=None)
@given(losses(), st.integers(0, 5))
def test_any_sum_of_squares_in_any_spelling_is_found(loss, seed):
    variables = [each for each in (w, a, b) if each.node in topological([loss.node])]
    found = sum_of_squares(loss, variables)
    assert found is not None, str(loss)
    at = values(loss, found.residuals, seed)
    value, constant, *rest = evaluated([loss, found.constant, *found.residuals], at)
    size = sum(np.sum(each**2) for each in rest)
    assert constant + size == pytest.approx(value, rel=1e-9, abs=1e-9 * (abs(constant) + size))


def test_a_weight_that_does_not_hold_is_named():
    found = sum_of_squares(sg.sum(z * r**2), [w])
    assert broken_weight(found, {z.node: np.array([1.0, 2, -3, 1, 1])}, {}) == (
        "the weight z of a square is -3 at (2,), which is negative")
    found = sum_of_squares(r @ K @ r, [w])
    assert broken_weight(found, {K.node: np.diag([1.0, 1, -2, 1, 1])}, {}) == (
        "the weight K of a square has the eigenvalue -2, so it is not positive definite")


def test_degrees_along_rays():
    assert ray_degree(sg.sum(r**2), [w]) == 2
    assert ray_degree(sg.sum(w**4) + sg.sum(w), [w]) == 4
    assert ray_degree(sg.sum((V @ w - y) ** 2), [V, w]) == 4
    assert ray_degree(sg.sum((V @ w - y) ** 2), [w]) == 2
    assert ray_degree(sg.sum(sg.where(z > 0, r**3, 0)), [w]) == 3
    assert ray_degree(sg.sum(sg.abs(w)), [w]) is None
    assert ray_degree(a**1.5, [a]) is None
    assert ray_degree(1 / a, [a]) is None
