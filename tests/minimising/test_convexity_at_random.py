"""No certificate is ever false: random formulas, and what is proved of them beside values on lines."""

import random

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import symgrad as sg
from symgrad.computing.points import Evaluator, Point
from symgrad.graphs.convexity.proof import ConvexityProof, prove, prove_by_hessian
from symgrad.graphs.node import topological
from symgrad.language.recipes import stable

x, p, q = sg.parameter("x", 2), sg.parameter("p", 2, positive=True), sg.parameter("q", 2, nonnegative=True)
s, S = sg.parameter("s", 3, simplex=True), sg.parameter("S", (2, 2), positive_definite=True)
t, u = sg.parameter("t"), sg.parameter("u", positive=True)
VARIABLES = [x, p, q, s, S, t, u]
a, c, pc, P = sg.data("a", (3, 2)), sg.data("c", 2), sg.data("pc", 2, positive=True), sg.data("P", (2, 2), positive_definite=True)
k, nk = sg.data("k"), sg.data("nk", nonnegative=True)
LEAVES = [x, p, q, c, pc, a.T @ s, P @ x, c - x, sg.diagonal(S), S @ c, sg.diagonal(sg.inv(S)), sg.diagonal(sg.cholesky(S)),
          t * c, u * pc, s[:2], p[::-1], x * nk, x * k]
SCALARS = [t, u, k, nk, x @ P @ x, x @ sg.inv(S) @ x, sg.logdet(S), sg.det(S), sg.trace(P @ sg.inv(S)), sg.trace(S @ S), x @ S @ x,
           sg.log(sg.det(S)), x @ sg.solve(S, x), x @ sg.solve(S, c), c @ sg.inv(S) @ c, sg.sum(S), sg.sum(sg.inv(S))]
UNARY = [
    sg.exp, sg.log, sg.log1p, sg.expm1, sg.sqrt, sg.abs, sg.relu, sg.softplus, sg.sigmoid, sg.tanh, sg.square, sg.sin, sg.cosh,
    sg.sinh, sg.arctan, sg.erf, sg.erfc, sg.log_ndtr, sg.sign, sg.floor, sg.leaky_relu, sg.elu, sg.silu, sg.gelu, sg.lgamma,
    sg.digamma, lambda v: -v, lambda v: 1 / v, lambda v: v ** 3, lambda v: v ** 4, lambda v: v ** 1.5, lambda v: v ** 0.5,
    lambda v: v ** -2, lambda v: v ** -0.5, lambda v: 1 - v, lambda v: 1 + v, lambda v: 2 * v - 0.5, lambda v: sg.maximum(v, 0.5),
    lambda v: sg.minimum(v, 1), lambda v: sg.log(sg.abs(v)), lambda v: sg.clip(v, -1, 1), lambda v: sg.where(v > 0, v, 2 * v),
    lambda v: sg.where(v > 0.3, v ** 2, 0.6 * v - 0.09), lambda v: sg.log(1 + sg.exp(v)), lambda v: sg.sqrt(1 + v ** 2),
    lambda v: v * sg.log(v), lambda v: v * sg.abs(v), lambda v: 2.0 ** v]
BINARY = [
    sg.maximum, sg.minimum, lambda v, w: v + w, lambda v, w: v - w, lambda v, w: v * w, lambda v, w: v / w, lambda v, w: v ** 2 / w,
    lambda v, w: v * sg.log(v / w), lambda v, w: v + 2 * w, lambda v, w: sg.where(v > w, v, 2 * w - v), lambda v, w: sg.sqrt(v * w),
    lambda v, w: v * sg.exp(w), lambda v, w: w * sg.exp(v / w), lambda v, w: sg.sqrt(v ** 2 + w ** 2), lambda v, w: v * v * w]
REDUCED = [
    sg.sum, sg.mean, sg.max, sg.min, sg.logsumexp, sg.prod, sg.norm, sg.std, sg.var, lambda v: sg.softmax(v)[0], lambda v: v[0],
    lambda v: sg.log(sg.sum(sg.exp(v))), lambda v: v @ v, lambda v: sg.log_softmax(v)[1], lambda v: sg.prod(v) ** 0.5,
    lambda v: sg.sum(sg.abs(v) ** 3) ** (1 / 3), lambda v: sg.sum(sg.cumsum(v))]


def vector(rng, depth):
    if depth <= 0:
        return rng.choice(LEAVES)
    way = rng.random()
    if way < 0.55:
        return rng.choice(UNARY)(vector(rng, depth - 1))
    return rng.choice(BINARY)(vector(rng, depth - 1), vector(rng, rng.randrange(depth)))


def scalar(rng, depth):
    if depth <= 0:
        return rng.choice(SCALARS)
    way = rng.random()
    if way < 0.5:
        return rng.choice(REDUCED)(vector(rng, depth - 1))
    if way < 0.75:
        return rng.choice(UNARY)(scalar(rng, depth - 1))
    return rng.choice(BINARY)(scalar(rng, depth - 1), scalar(rng, rng.randrange(depth)))


def violated(verdict, root, variables, seed):
    """Two points between which a function is not as it was proved to be; None where none was found."""
    rng = np.random.default_rng(seed)
    evaluator = Evaluator([root, *variables])
    value = evaluator.compile([root])
    for style in ("normal", "positive", "unit", "large", "negative") * 2:
        one, other = evaluator.draw({}, rng, style), evaluator.draw({}, rng, rng.choice(["normal", "positive", "large"]))
        near = rng.random() < 0.5
        ends = [dict(one.values), dict(one.values)]
        for node in variables:
            far = other.values[node]
            ends[1][node] = ends[0][node] + 0.05 * (far - ends[0][node]) if near else far
        middle = {node: (ends[0][node] + ends[1][node]) / 2 for node in ends[0]}
        try:
            left, right, between = (float(value(Point({}, each))[0]) for each in (*ends, middle))
        except sg.DataError:
            continue
        if not np.isfinite([left, right]).all() or max(abs(left), abs(right)) > 1e8:
            continue
        gap, noise = between - (left + right) / 2, 1e-7 * (1 + abs(left) + abs(right) + abs(between))
        if not np.isfinite(between) or (gap > noise and verdict != "concave") or (gap < -noise and verdict != "convex"):
            return ends, left, between, right
    return None


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**9))
def test_no_certificate_is_false(seed):
    rng = random.Random(seed)
    try:
        f = scalar(rng, rng.choice([1, 2, 3, 3, 4]))
    except (sg.SymgradError, TypeError, ValueError):
        return
    below = set(topological([f.node]))
    occurring = [each.node for each in VARIABLES if each.node in below]
    variables = [node for node in occurring if rng.random() < 0.7] or occurring[:1]
    if not variables:
        return
    (root,) = stable([f])
    proof = prove([f.node, root], variables) or prove_by_hessian(root, variables)
    if isinstance(proof, ConvexityProof):
        assert violated(proof.verdict, root, variables, seed) is None, (proof.verdict, str(f))


def test_the_check_itself_finds_what_is_false():
    for f, verdict in ((sg.sum(x ** 3), "convex"), (sg.sum(x ** 2), "concave"), (sg.exp(t), "affine"), (1 / t ** 2, "convex")):
        variables = [each.node for each in (x, t) if each.node in topological([f.node])]
        assert violated(verdict, f.node, variables, 0) is not None


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_refuted_is_not_convex_by_any_proof(sign):
    for f, wrt in ((t ** 3, t), (sg.sum(x * p), [x, p]), (sg.sin(t), t), (sg.det(S), S)):
        nodes = [each.node for each in (wrt if isinstance(wrt, list) else [wrt])]
        assert not isinstance(prove([(sign * f).node], nodes), ConvexityProof)
