"""EM: mixtures are found however they are written; each step is the one of the books; scikit-learn agrees."""

import numpy as np
import pytest

import symgrad as sg

n, d, k = sg.dims("n d k")
x, X = sg.data("x", n), sg.data("X", (n, d))
P, M, V = sg.parameter("P", k, simplex=True), sg.parameter("M", k), sg.parameter("V", k, positive=True)
apart = (x[:, None] - M) ** 2
rng = np.random.default_rng(1)
SEEN = np.concatenate([rng.normal(-2, 0.7, 60), rng.normal(1.5, 1.0, 90)])
START = {"P": [0.5, 0.5], "M": [-1.0, 1.0], "V": [1.0, 1.0]}
WRITTEN = {
    "logsumexp": -sg.mean(sg.logsumexp(sg.log(P) - apart / (2 * V) - sg.log(2 * np.pi * V) / 2, axis=1)),
    "log of a sum": -sg.mean(sg.log(sg.sum(P * sg.exp(-apart / (2 * V)) / sg.sqrt(2 * np.pi * V), axis=1))),
    "log of a product": -sg.mean(sg.log(sg.exp(-apart / (2 * V)) @ (P / sg.sqrt(2 * np.pi * V)))),
}


def steps_of_the_books(seen, p, m, v, count):
    """Bishop, Pattern recognition and machine learning, 2006, section 9.2.2."""
    for _ in range(count):
        density = p * np.exp(-((seen[:, None] - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
        r = density / density.sum(1, keepdims=True)
        p, m = r.mean(0), (r * seen[:, None]).sum(0) / r.sum(0)
        v = (r * (seen[:, None] - m) ** 2).sum(0) / r.sum(0)
    return p, m, v


@pytest.mark.parametrize("name", WRITTEN)
def test_every_step_is_that_of_the_books(name):
    found = sg.minimize(WRITTEN[name], [P, M, V], {"x": SEEN}, method="em", start=START)
    for count in (1, 2, 7):
        expected = steps_of_the_books(SEEN, *map(np.array, START.values()), count)
        for key, value in zip("PMV", expected, strict=True):
            np.testing.assert_allclose(found.history.x[count][key], value, rtol=1e-9)
    losses = np.array(found.history["loss"])
    assert found.success and (np.diff(losses) <= 1e-12).all() and len(losses) == len(found.history.x)
    assert found.reason.startswith("a mixture: responsibilities r = softmax(")
    assert "P = 1/sum(r) rᵀ 1; M = (rᵀ x)/(rᵀ 1); V = " in found.reason


def test_weights_on_a_simplex_by_constraint():
    free = sg.parameter("P", k)
    loss = -sg.mean(sg.log(sg.sum(free * sg.exp(-apart / 2), axis=1)))
    found = sg.minimize(loss, [free, M], {"x": SEEN}, method="em", start={"P": [0.5, 0.5], "M": [-1.0, 1.0]},
                        constraints={"P": "simplex"})
    assert found.x["P"].sum() == pytest.approx(1) and found.success
    with pytest.raises(sg.SymgradError, match="minimize: em keeps M on a simplex, but in no other set .'nonnegative'."):
        sg.minimize(loss, [free, M], {"x": SEEN}, method="em", start={"P": [0.5, 0.5], "M": [-1.0, 1.0]},
                    constraints={"P": "simplex", "M": "nonnegative"})


def test_two_components_written_out():
    q, one, two = sg.parameter("q"), sg.parameter("m1"), sg.parameter("m2")
    loss = -sg.sum(sg.log(q * sg.exp(-((x - one) ** 2) / 2) + (1 - q) * sg.exp(-((x - two) ** 2) / 2)))
    found = sg.minimize(loss, [q, one, two], {"x": SEEN}, method="em", start={"q": 0.5, "m1": -1.0, "m2": 1.0})
    same = sg.minimize(-sg.sum(sg.logsumexp(sg.log(P) - apart / 2, axis=1)), [P, M], {"x": SEEN}, method="em",
                       start={"P": [0.5, 0.5], "M": [-1.0, 1.0]})
    assert found.x["q"] == pytest.approx(same.x["P"][0]) and found.x["m2"] == pytest.approx(same.x["M"][1])


def test_other_families_and_weights_by_logits():
    rate, logits = sg.parameter("rate", k, positive=True), sg.parameter("eta", k)
    counts = np.concatenate([rng.poisson(2, 50), rng.poisson(9, 70)]).astype(float)
    poisson = -sg.sum(sg.logsumexp(sg.log(P) + x[:, None] * sg.log(rate) - rate, axis=1))
    found = sg.minimize(poisson, [P, rate], {"x": counts}, method="em", start={"P": [0.5, 0.5], "rate": [1.0, 5.0]})
    assert found.success and (found.x["P"] @ found.x["rate"]) == pytest.approx(counts.mean())
    by_logits = -sg.mean(sg.logsumexp(sg.log_softmax(logits) - apart / 2, axis=1))
    found = sg.minimize(by_logits, [logits, M], {"x": SEEN}, method="em", start={"eta": [0.0, 0.0], "M": [-1.0, 1.0]})
    same = sg.minimize(-sg.mean(sg.logsumexp(sg.log(P) - apart / 2, axis=1)), [P, M], {"x": SEEN}, method="em",
                       start={"P": [0.5, 0.5], "M": [-1.0, 1.0]})
    assert found.fun == pytest.approx(same.fun) and "eta by Newton's method" in found.reason


def test_full_covariances_as_scikit_learn_finds_them():
    mixture = pytest.importorskip("sklearn.mixture")
    mu, S = sg.parameter("mu", (k, d)), sg.parameter("S", (k, d, d), positive_definite=True)
    away = X[:, None, :] - mu
    s = sg.log(P) - (sg.einsum("nki,kij,nkj->nk", away, sg.inv(S), away) + sg.logdet(S) + d * np.log(2 * np.pi)) / 2
    points = np.vstack([rng.normal(size=(60, 2)) @ [[1, 0.5], [0, 0.3]] + at for at in ([0, 0], [2, 3])])
    start = {"P": [0.5, 0.5], "mu": points[[0, 100]], "S": np.tile(np.eye(2), (2, 1, 1))}
    found = sg.minimize(-sg.mean(sg.logsumexp(s, axis=1)), [P, mu, S], {"X": points}, method="em", start=start)
    theirs = mixture.GaussianMixture(2, tol=1e-13, max_iter=3000, reg_covar=0, weights_init=[0.5, 0.5],
                                     means_init=start["mu"], precisions_init=start["S"]).fit(points)
    np.testing.assert_allclose(found.x["mu"], theirs.means_, atol=1e-4)
    np.testing.assert_allclose(found.x["S"], theirs.covariances_, atol=1e-4)
    assert -found.fun == pytest.approx(theirs.score(points), abs=1e-8)


def test_without_a_mixture():
    w = sg.parameter("w", d)
    for loss in (sg.sum((X @ w) ** 2), sg.sum(sg.softplus(X @ w)), sg.logsumexp(X @ w)):
        with pytest.raises(sg.SymgradError, match="minimize: em: there is no mixture in the loss: it holds no -sum.logsumexp"):
            sg.minimize(loss, w, {"X": np.eye(3)}, method="em")


def test_a_component_that_shrinks_to_a_point_ends_with_its_message():
    found = sg.minimize(WRITTEN["logsumexp"], [P, M, V], {"x": np.array([0.0, 1.0, 1.1, 1.2])}, method="em",
                        start={"P": [0.5, 0.5], "M": [0.0, 1.1], "V": [1e-3, 1.0]})
    assert not found.success and "component has" in found.message


def test_without_a_start_components_are_told_apart():
    one = sg.minimize(WRITTEN["logsumexp"], [P, M, V], {"x": SEEN, "k": 2}, method="em", seed=3)
    again = sg.minimize(WRITTEN["logsumexp"], [P, M, V], {"x": SEEN, "k": 2}, method="em", seed=3)
    best = sg.minimize(WRITTEN["logsumexp"], [P, M, V], {"x": SEEN}, method="em", start=START)
    assert one.fun == again.fun == pytest.approx(best.fun, abs=1e-6) and abs(np.diff(one.x["M"])) > 2
