"""What disciplined convex programming proves of its own spellings is proved here of plain formulas."""

import numpy as np
import pytest

import symgrad as sg

cp = pytest.importorskip("cvxpy")
rng = np.random.default_rng(0)
X, y, b = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)
C = X.T @ X + np.eye(3)
W, w, q, t = sg.parameter("W", (3, 2)), sg.parameter("w", 3), sg.parameter("q", 3, positive=True), sg.parameter("t")
S, u = sg.parameter("S", (3, 3), positive_definite=True), sg.parameter("u", positive=True)
cW, cw, cq, ct = cp.Variable((3, 2)), cp.Variable(3), cp.Variable(3, pos=True), cp.Variable()
cS, cu = cp.Variable((3, 3), PSD=True), cp.Variable(pos=True)
r, cr = X @ w - y, X @ cw - y
PAIRS = [
    (cp.sum_squares(cr), sg.sum(r ** 2), [w]),
    (cp.norm(cr, 2), sg.norm(r), [w]),
    (cp.norm1(cw), sg.sum(sg.abs(w)), [w]),
    (cp.norm_inf(cr), sg.max(sg.abs(r)), [w]),
    (cp.pnorm(cr, 3), sg.sum(sg.abs(r) ** 3) ** (1 / 3), [w]),
    (cp.pnorm(cr, 1.5), sg.sum(sg.abs(r) ** 1.5) ** (2 / 3), [w]),
    (cp.sum(cp.logistic(cp.multiply(-y, X @ cw))), sg.sum(sg.softplus(-y * (X @ w))), [w]),
    (cp.log_sum_exp(X @ cw), sg.logsumexp(X @ w), [w]),
    (cp.sum(cp.exp(X @ cw)), sg.sum(sg.exp(X @ w)), [w]),
    (cp.sum(cp.pos(1 - cp.multiply(y, X @ cw))), sg.sum(sg.relu(1 - y * (X @ w))), [w]),
    (cp.sum(cp.huber(cr)), sg.sum(sg.where(sg.abs(r) <= 1, r ** 2, 2 * sg.abs(r) - 1)), [w]),
    (cp.sum(cp.entr(cq)), -sg.sum(q * sg.log(q)), [q]),
    (cp.sum(cp.kl_div(cq, np.ones(3))), sg.sum(q * sg.log(q) - q + 1), [q]),
    (cp.sum(cp.rel_entr(cq, cu)), sg.sum(q * sg.log(q / u)), [q, u]),
    (cp.quad_over_lin(cw, cu), w @ w / u, [w, u]),
    (cp.matrix_frac(cw, cS), w @ sg.inv(S) @ w, [w, S]),
    (cp.log_det(cS), sg.logdet(S), [S]),
    (cp.tr_inv(cS), sg.trace(sg.inv(S)), [S]),
    (cp.geo_mean(cq), sg.prod(q) ** (1 / 3), [q]),
    (cp.harmonic_mean(cq), 3 / sg.sum(1 / q), [q]),
    (cp.sum(cp.log(cq)), sg.sum(sg.log(q)), [q]),
    (cp.sum(cp.sqrt(cq)), sg.sum(sg.sqrt(q)), [q]),
    (cp.sum(cp.inv_pos(cq)), sg.sum(1 / q), [q]),
    (cp.sum(cp.power(cq, 2.5)), sg.sum(q ** 2.5), [q]),
    (cp.sum(cp.power(cq, 0.3)), sg.sum(q ** 0.3), [q]),
    (cp.sum(cp.power(cq, -1.5)), sg.sum(q ** (-1.5)), [q]),
    (cp.quad_form(cw, C), w @ C @ w, [w]),
    (cp.max(X @ cw), sg.max(X @ w), [w]),
    (cp.min(cw), sg.min(w), [w]),
    (cp.tv(cw), sg.sum(sg.abs(w[1:] - w[:-1])), [w]),
    (cp.sum_squares(X @ cW), sg.sum((X @ W) ** 2), [W]),
    (cp.norm(cW, "fro"), sg.norm(W), [W]),
    (cp.mixed_norm(cW, 2, 1), sg.sum(sg.norm(W, axis=1)), [W]),
    (cp.sum(cp.square(cp.pos(cr))), sg.sum(sg.relu(r) ** 2), [w]),
    (cp.sum(cp.scalene(cr, 0.3, 0.7)), sg.sum(sg.maximum(0.3 * r, -0.7 * r)), [w]),
    (cp.exp(cp.square(ct)), sg.exp(t ** 2), [t]),
    (cp.sum_squares(cr) + 0.1 * cp.norm1(cw), sg.sum(r ** 2) + 0.1 * sg.sum(sg.abs(w)), [w]),
    (cp.sum(cp.log(b ** 2 + 1 - cw)), sg.sum(sg.log(b ** 2 + 1 - w)), [w]),
    (cp.log(cp.sum(cp.sqrt(cq))), sg.log(sg.sum(sg.sqrt(q))), [q]),
    (cp.maximum(cp.square(ct), cp.exp(ct)), sg.maximum(t ** 2, sg.exp(t)), [t]),
    (cp.sum(cp.xexp(cq)), sg.sum(q * sg.exp(q)), [q]),
    (cp.sum(cp.log_normcdf(cw)), sg.sum(sg.log_ndtr(w)), [w]),
    (cp.sum_squares(cp.norm(cr)), sg.norm(r) ** 2, [w]),
    (cp.logistic(cp.sum_squares(cw)), sg.softplus(w @ w), [w]),
    (cp.inv_pos(cp.geo_mean(cq)), 1 / sg.prod(q) ** (1 / 3), [q]),
    (cp.trace(C @ cS), sg.trace(C @ S), [S]),
    (cp.perspective(cp.exp(ct), cu), u * sg.exp(t / u), [t, u]),
    (cp.sum_squares(cw - b) / 2, sg.mean((w - b) ** 2), [w]),
    (cp.var(cw), sg.var(w), [w]),
    (cp.std(cw), sg.std(w), [w]),
    (cp.cumsum(cw)[-1], sg.cumsum(w)[-1], [w]),
]


@pytest.mark.parametrize("i", range(len(PAIRS)), ids=[str(f)[:40] for _, f, _ in PAIRS])
def test_what_cvxpy_proves_is_proved(i):
    theirs, ours, wrt = PAIRS[i]
    wanted = "affine" if theirs.is_affine() else "convex" if theirs.is_convex() else "concave"
    assert theirs.is_dcp() and sg.convexity(ours, wrt).verdict == wanted
