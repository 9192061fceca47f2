"""One function, many formulas: what people write for logistic losses, entropies, norms, determinants is proved convex."""

import numpy as np
import pytest

import symgrad as sg

n, d, k = sg.dims("n d k")
X, y, w, W = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.parameter("W", (d, k))
t, x, a, u = sg.labels("t", k, shape=n), sg.parameter("x"), sg.parameter("a", positive=True), sg.parameter("u", 4)
S, p, q = sg.parameter("S", (d, d), positive_definite=True), sg.parameter("p", 3, simplex=True), sg.parameter("q", 3)
z, Z, ar = X @ w, X @ W, sg.arange(n)
r = z - y
pr, pt = sg.exp(z) / (1 + sg.exp(z)), (1 + sg.tanh(z / 2)) / 2
m, mw = sg.max(Z, axis=1, keepdims=True), sg.max(w)
sm, s2 = sg.exp(Z) / sg.sum(sg.exp(Z), axis=1, keepdims=True), sg.exp(Z - m)
s2 = s2 / sg.sum(s2, axis=1, keepdims=True)
SPELLINGS = {
    "bce expit": (-sg.sum(y * sg.log(pr) + (1 - y) * sg.log(1 - pr)), w),
    "bce tanh": (-sg.sum(y * sg.log(pt) + (1 - y) * sg.log(1 - pt)), w),
    "logcosh": (sg.sum(sg.log(2 * sg.cosh(z / 2)) - (y - 0.5) * z), w),
    "logq": (-sg.sum(sg.log(pr)), w),
    "halves": (sg.sum(sg.log(sg.exp(z / 2) + sg.exp(-z / 2)) - (y - 0.5) * z), w),
    "maxabs": (sg.sum(sg.relu(z) - z * y + sg.log(1 + sg.exp(-sg.abs(z)))), w),
    "maxabs2": (sg.mean(sg.maximum(z, 0) - z * y + sg.log1p(sg.exp(-sg.abs(z)))), w),
    "where": (sg.sum(sg.where(z > 0, z + sg.log(1 + sg.exp(-z)), sg.log(1 + sg.exp(z)))), w),
    "pm1": (sg.sum(sg.where(y > 0, -sg.log(sg.sigmoid(z)), -sg.log(1 - sg.sigmoid(z)))), w),
    "logit odds": (sg.sum(-y * sg.log(pr / (1 - pr)) - sg.log(1 - pr)), w),
    "2-class lse": (sg.sum(sg.logsumexp(sg.stack([z, 0 * z], axis=1), axis=1) - y * z), w),
    "pow": (-sg.sum(sg.log(sg.sigmoid(z) ** y * (1 - sg.sigmoid(z)) ** (1 - y))), w),
    "ce sm": (-sg.mean(sg.log(sm[ar, t])), W),
    "ce onehot": (-sg.mean(sg.sum(sg.one_hot(t, k) * sg.log(sm), axis=1)), W),
    "ce shifted": (-sg.mean(sg.log(s2[ar, t])), W),
    "ce shift2": (sg.mean(m[:, 0] + sg.log(sg.sum(sg.exp(Z - m), axis=1)) - Z[ar, t]), W),
    "ce nll": (sg.losses.nll(sg.log_softmax(Z, axis=1), t), W),
    "ce lsm": (-sg.trace(sg.one_hot(t, k).T @ sg.log_softmax(Z, axis=1)), W),
    "margin": (sg.mean(sg.log(sg.sum(sg.exp(Z - sg.expand_dims(Z[ar, t], 1)), axis=1))), W),
    "lse shift": (mw + sg.log(sg.sum(sg.exp(w - mw))), w),
    "lse mean": (sg.log(sg.mean(sg.exp(w))), w),
    "lse T": (sg.logsumexp(3 * w) / 3, w),
    "lse soft": (-sg.log(sg.softmax(w)[0]), w),
    "lse10": (sg.log(10 ** u[0] + 10 ** u[1]), u),
    "ent1": (sg.sum(p * sg.log(p)), p),
    "ent2": (sg.dot(p, sg.log(p)), p),
    "ent3": (-sg.sum(p * sg.log(1 / p)), p),
    "ent sm": (sg.sum(q * sg.log(q)), q),
    "ent log2": (sg.sum(q * sg.log(q)) / np.log(2), q),
    "bin ent": (x * sg.log(x) + (1 - x) * sg.log(1 - x), x),
    "xlogx^": (sg.log(a ** a), a),
    "xlogx sqrt": (2 * a * sg.log(sg.sqrt(a)), a),
    "kl u": (sg.sum(p * sg.log(3 * p)), p),
    "xlogx sq": (a * sg.log(a ** 2), a),
    "sq1": ((1 + x ** 2) ** 0.5, x),
    "sq2": (sg.norm(sg.stack([x, 1.0 + 0 * x])), x),
    "sq3": (sg.exp(0.5 * sg.log(1 + x ** 2)), x),
    "sq4": (sg.sqrt(1 + x * x), x),
    "sq5": (sg.sqrt(sg.square(x) + 1), x),
    "sq6": ((x ** 2 + 1) / sg.sqrt(x ** 2 + 1), x),
    "sq7": (sg.sum(sg.sqrt(r ** 2 + 1)), w),
    "sq8": (sg.sqrt((x - 1) ** 2 + (x + 1) ** 2), x),
    "sq10": (sg.sqrt(x ** 2 + 2 * x + 5), x),
    "ld1": (sg.log(1 / sg.det(S)), S),
    "ld2": (-sg.log(sg.abs(sg.det(S))), S),
    "ld3": (sg.logdet(sg.inv(S)), S),
    "ld4": (-sg.logdet(2 * S), S),
    "ld6": (-sg.sum(sg.log(sg.diagonal(sg.cholesky(S)) ** 2)), S),
    "ld7": (-sg.logdet(S + sg.eye(d)), S),
    "ld8": (-sg.log(sg.prod(sg.diagonal(sg.cholesky(S)))), S),
    "ld9": (-sg.logdet(X @ S @ X.T), S),
    "ld10": (sg.log(sg.det(sg.inv(S))), S),
    "ld11": (-sg.logdet(S.T), S),
    "uu1": (sg.dot(u, u), u),
    "uu2": (sg.einsum("i,i->", u, u), u),
    "uu3": (sg.trace(sg.outer(u, u)), u),
    "uu4": (sg.sum(sg.outer(u, u) * sg.eye(4)), u),
    "uu5": (u @ sg.eye(4) @ u, u),
    "uu6": (sg.sum(sg.abs(u) ** 2), u),
    "uu7": ((u.reshape((1, 4)) @ u.reshape((4, 1)))[0, 0], u),
    "uu8": (u[0] * u[0] + u[1] ** 2 + u[2] ** 2, u),
    "uu9": (sg.norm(u) ** 2, u),
    "uu11": (sg.sum(u ** 2) / 2 + sg.sum(u[::-1] ** 2), u),
    "uu12": (sg.sum(sg.cumsum(u) ** 2), u),
    "r3a": (sg.sum(sg.abs(r) * r ** 2), w),
    "r3b": (sg.sum(sg.abs(r ** 3)), w),
    "r3c": (sg.sum((r ** 2) ** 1.5), w),
    "r3d": (sg.sum(sg.sqrt(r ** 2) ** 3), w),
    "r3e": (sg.sum(sg.sign(r) * r ** 3), w),
    "r3f": (sg.sum(sg.maximum(r, -r) ** 3), w),
    "r3g": (sg.sum(sg.relu(r) ** 3 + sg.relu(-r) ** 3), w),
    "r3h": (sg.sum(sg.where(r > 0, r ** 3, -r ** 3)), w),
    "r1": (sg.sum(sg.sqrt(r ** 2)), w),
    "r1b": (sg.sum(sg.sign(r) * r), w),
    "r1c": (sg.sum(sg.maximum(r, -r)), w),
    "r1d": (sg.sum(sg.relu(r) + sg.relu(-r)), w),
    "r4": (sg.sum(r ** 2 * r ** 2), w),
    "r4b": (sg.sum((r * r) ** 2), w),
    "n4": (sg.sum(r ** 4) ** (1 / 2), w),
    "n2": (sg.sum(r * r) ** 2, w),
    "n6": ((r @ r) ** 3, w),
    "r2.5": (sg.sum(sg.abs(r) ** 2.5), w),
    "r2.5b": (sg.sum(sg.abs(r) ** 0.5 * r ** 2), w),
    "r2.5c": (sg.sum((r * r) ** 1.25), w),
    "n1.5": (sg.sum(r ** 2) ** 0.75, w),
    "n3": (sg.norm(r) * (r @ r), w),
    "p3": (sg.sum(sg.abs(r) ** 3) ** (1 / 3), w),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_is_proved(name):
    f, wrt = SPELLINGS[name]
    found = sg.convexity(f, wrt)
    assert found.verdict == "convex", found
    assert found.reason and sg.convexity(-f, wrt).verdict == "concave"
