"""Whole problems as people write them: Gaussian mixtures, k-means, bundle adjustment, attention; against differences, in NumPy and C.

Gaussian mixture and bundle adjustment are those of the benchmark ADBench (Srajer, Kukelova and Fitzgibbon 2018), in our notation.
"""

import numpy as np
import pytest
from checker import differences, near, run

import symgrad as sg

n, k, d, T = sg.dims("n k d T")
rng = np.random.default_rng(0)


def mixture():
    """The negative log likelihood of a mixture: weights by softmax, precisions by Cholesky factors with exp on the diagonal."""
    X, alpha, mu = sg.data("X", (n, d)), sg.parameter("alpha", k), sg.parameter("mu", (k, d))
    q, low = sg.parameter("q", (k, d)), sg.parameter("l", (k, d, d))
    L = sg.tril(low, -1) + sg.einsum("ki,ij->kij", sg.exp(q), sg.eye(d))
    white = sg.einsum("kij,nkj->nki", L, X[:, None, :] - mu)
    scores = alpha + sg.sum(q, axis=1) - 0.5 * sg.sum(white**2, axis=2)
    loss = n * sg.logsumexp(alpha) - sg.sum(sg.logsumexp(scores, axis=1)) + 0.5 * sg.sum(sg.exp(2 * q)) + 0.5 * sg.sum(sg.tril(low, -1) ** 2)
    at = {X: rng.standard_normal((7, 3)), alpha: rng.standard_normal(4), mu: rng.standard_normal((4, 3)),
          q: 0.3 * rng.standard_normal((4, 3)), low: rng.standard_normal((4, 3, 3))}
    return loss, at, [alpha, mu, q, low]


def clusters():
    """k-means: each point and its nearest centre."""
    X, C = sg.data("X", (n, d)), sg.parameter("C", (k, d))
    loss = sg.sum(sg.min(sg.sum((X[:, None, :] - C) ** 2, axis=2), axis=1))
    return loss, {X: rng.standard_normal((9, 3)), C: rng.standard_normal((4, 3))}, [C]


def attention():
    """One head of attention (Vaswani et al. 2017, equation 1) on a sequence."""
    X, target = sg.data("X", (n, d)), sg.data("target", (n, d))
    Q, K, V = (sg.parameter(name, (d, d)) for name in "QKV")
    weights = sg.softmax((X @ Q) @ (X @ K).T / sg.sqrt(sg.constant(3.0)), axis=1)
    loss = sg.sum((weights @ (X @ V) - target) ** 2)
    at = {s: 0.5 * rng.standard_normal(size) for s, size in ((X, (5, 3)), (target, (5, 3)), (Q, (3, 3)), (K, (3, 3)), (V, (3, 3)))}
    return loss, at, [Q, K, V]


@pytest.mark.parametrize("problem", [mixture, clusters, attention])
def test_gradients_and_hessians_of_problems(problem):
    loss, at, variables = problem()
    gradients = sg.gradient(loss, variables)
    value = sg.function(list(at), loss)
    plain, in_c = (sg.function(list(at), [loss, *gradients], backend=backend) for backend in ("numpy", "c"))
    for have, want in zip(in_c(*at.values()), plain(*at.values()), strict=True):
        near(have, want, 1e-11)
    for v, g in zip(variables, plain(*at.values())[1:], strict=True):
        near(g, differences(lambda a: value(*a.values()), at, v), 1e-7)
    last = variables[-1]
    slope = sg.function(list(at), gradients[-1])
    near(run(sg.hessian(loss, last), at), differences(lambda a: slope(*a.values()), at, last), 1e-6)


def test_an_empty_cluster_has_no_gradient_and_a_tie_is_shared():
    loss, at, (C,) = clusters()
    g = sg.gradient(loss, C)
    X = next(iter(at))
    far = np.vstack([at[C][:2], [[100.0, 100, 100]]])
    np.testing.assert_array_equal(run(g, {X: at[X], C: far})[2], np.zeros(3))
    near(run(g, {X: np.zeros((1, 2)), C: np.array([[1.0, 0], [-1, 0]])}), [[1, 0], [-1, 0]])


def project(camera, X):
    """The projection of a point: rotation by an axis times an angle (Rodrigues), focal length, centre, radial distortion."""
    def cross(a, b):
        return sg.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])

    axis, centre, f, origin, radial = camera[:3], camera[3:6], camera[6], camera[7:9], camera[9:11]
    Y, square = X - centre, sg.sum(axis**2)
    theta = sg.sqrt(square)
    unit = axis / theta
    turned = Y * sg.cos(theta) + cross(unit, Y) * sg.sin(theta) + unit * (unit @ Y) * (1 - sg.cos(theta))
    seen = sg.where(square > 0, turned, Y + cross(axis, Y))
    p = seen[:2] / seen[2]
    r = sg.sum(p**2)
    return p * (1 + radial[0] * r + radial[1] * r**2) * f + origin


def test_bundle_adjustment_has_one_jacobian_for_each_observation():
    """Also where a camera is not turned at all: the branch that is not taken divides by the angle 0."""
    camera, X, w, feature = (sg.data(name, shape, over=T) for name, shape in (("camera", 11), ("X", 3), ("w", ()), ("feature", 2)))
    error = w * (project(camera, X) - feature)
    at = {camera: rng.standard_normal((4, 11)), X: rng.standard_normal((4, 3)) + [0, 0, 6], w: rng.standard_normal(4),
          feature: rng.standard_normal((4, 2))}
    at[camera][0, :3] = 0
    value = sg.function(list(at), error)
    jacobians = sg.jacobian(error, [camera, X, w])
    for backend in ("numpy", "c"):
        found = sg.function(list(at), jacobians, backend=backend)(*at.values())
        for v, J in zip((camera, X, w), found, strict=True):
            assert J.shape == (4, 2, *v.shape)
            whole = differences(lambda a: value(*a.values()), at, v, step=1e-4 if v is camera else 1e-5)
            for t in range(4):
                near(J[t], whole[t][:, t], 1e-5 if t == 0 else 1e-6)
