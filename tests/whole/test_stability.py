"""Losses as people write them, in many spellings, at logits of a thousand: finite and right, in both precisions.

Value, gradient, Hessian and a Hessian-vector product come out of one function. What is right is computed from the
plainest spelling of each family in 1600 digits (`support/digits.py`), by central differences, without a single rule.
"""

import functools

import numpy as np
import pytest
import sympy as sp
from checker import near
from digits import expected

import symgrad as sg

exp, log, log1p, sigmoid, tanh, where = sg.exp, sg.log, sg.log1p, sg.sigmoid, sg.tanh, sg.where
stop, total = sg.stop_gradient, sg.sum

z, t, k = sg.parameter("z", 3), sg.data("t", 3), sg.labels("k", 3)
Z, Y, K = sg.parameter("Z", (2, 3)), sg.data("Y", (2, 3)), sg.labels("K", 3, shape=2)
s, y, pm = sg.parameter("s", 4), sg.data("y", 4), sg.data("pm", 4)
a, b, c = sg.parameter("a", 3), sg.data("b", 3), sg.data("c", 3)
x, w = sg.parameter("x", 3), sg.data("w", 3, nonnegative=True)
T = sg.dim("T")
zt, tt, kt = sg.parameter("zt", 3), sg.data("tt", 3, over=T), sg.labels("kt", 3, over=T)


def softmax(z, axis=-1):
    """exp(z) over its sum, as people write it."""
    e = exp(z)
    return e / total(e, axis=axis, keepdims=True)


def named(z):
    e = exp(z).named("e")
    return (e / total(e).named("S")).named("p")


def quotient(p, q):
    u, v = sp.symbols("u v")
    return sg.elementwise(u / v, p, q)


CROSS_ENTROPY = {
    "log of a quotient": -total(t * log(exp(z) / total(exp(z)))),
    "log of a sum": -total(t * (z - log(total(exp(z))))),
    "log of a sum, outside": log(total(exp(z))) * total(t) - t @ z,
    "max shift": -total(t * log(softmax(z - sg.max(z)))),
    "max shift, named": -total(t * log(softmax((z - sg.max(z).named("m")).named("u")))),
    "max shift, log of a sum": -total(t * (z - sg.max(z) - log(total(exp(z - sg.max(z)))))),
    "max shift, added again": (sg.max(z) + log(total(exp(z - sg.max(z))))) * total(t) - t @ z,
    "stopped shift": -total(t * log(softmax(z - stop(sg.max(z))))),
    "stopped shift, log of a sum": -total(t * (z - stop(sg.max(z)) - log(total(exp(z - stop(sg.max(z))))))),
    "stopped shift, added again": (stop(sg.max(z)) + log(total(exp(z - stop(sg.max(z)))))) - t @ z,
    "log of the chosen": -log(total(t * softmax(z))),
    "log of the chosen, apart": -log(total(t * exp(z)) / total(exp(z))),
    "log of the chosen, dot": -log(t @ exp(z)) + log(total(exp(z))),
    "p named": -total(t * log(named(z))),
    "p from the library": -(t @ log(sg.softmax(z))),
    "power -1": -total(t * log(exp(z) * total(exp(z)) ** -1)),
    "difference of logs": -total(t * (log(exp(z)) - log(total(exp(z))))),
    "SymPy's quotient": -total(t * log(sg.elementwise(lambda u, v: u / v, exp(z), total(exp(z))))),
    "SymPy's expression": -total(t * log(quotient(exp(z), total(exp(z))))),
    "SymPy's logarithm": -total(t * sg.elementwise(lambda u, v: sp.log(sp.exp(u) / v), z, total(exp(z)))),
    "SymPy's everything": -total(t * sg.elementwise(lambda u, v, w: u - sp.log(sp.exp(u) + sp.exp(v) + sp.exp(w)),
                                                    z, sg.roll(z, 1), sg.roll(z, 2))),
    "inverse probabilities": total(t * log(1 / softmax(z))),
    "log of inverse sum": -total(t * (z + log(1 / total(exp(z))))),
    "relative logits": total(t * log(total(exp(z[None, :] - z[:, None]), axis=1))),
    "1 over sum of ratios": -total(t * log(1 / total(exp(z[None, :] - z[:, None]), axis=1))),
    "mean of exponentials": (log(sg.mean(exp(z))) + np.log(3)) - t @ z,
    "scaled": -total(t * log(2 * exp(z) / total(2 * exp(z)))),
    "labels": -log(softmax(z))[k],
    "labels, of p": -log(softmax(z)[k]),
    "labels, apart": log(total(exp(z))) - z[k],
    "labels, quotient": -log(exp(z[k]) / total(exp(z))),
    "labels, quotient of picked": -log(exp(z)[k] / total(exp(z))),
    "labels, one-hot": -total(sg.one_hot(k, 3) * log(softmax(z))),
    "labels, one-hot inside": -log(total(sg.one_hot(k, 3) * softmax(z))),
    "labels, relative": log(total(exp(z - z[k]))),
    "where": -total(where(t > 0, log(softmax(z)), 0)),
    "power of p": -log(sg.exp(total(t * log(softmax(z))))),
    "concatenated": -total(t * log(sg.concatenate([softmax(z)[:1], softmax(z)[1:]]))),
    "base 2": -total(t * log(softmax(z)) / np.log(2)) * np.log(2),
}

ROWS = {
    "mean of rows": -sg.mean(total(Y * log(softmax(Z)), axis=1)),
    "sum over": -total(Y * log(softmax(Z))) / 2,
    "max shift": -sg.mean(total(Y * log(softmax(Z - sg.max(Z, axis=1, keepdims=True))), axis=1)),
    "stopped shift": -sg.mean(total(Y * log(softmax(Z - stop(sg.max(Z, axis=1, keepdims=True)))), axis=1)),
    "[:, None]": -sg.mean(total(Y * log(exp(Z) / total(exp(Z), axis=1)[:, None]), axis=1)),
    "columns": -sg.mean(total(Y.T * log(exp(Z.T) / total(exp(Z.T), axis=0)), axis=0)),
    "labels": -sg.mean(log(softmax(Z))[sg.arange(2), K]),
    "labels, of p": -sg.mean(log(softmax(Z)[sg.arange(2), K])),
    "labels, apart": sg.mean(log(total(exp(Z), axis=1)) - Z[sg.arange(2), K]),
    "labels, of e": -sg.mean(log(exp(Z)[sg.arange(2), K] / total(exp(Z), axis=1))),
    "einsum": -sg.einsum("ij,ij->", Y, log(softmax(Z))) / 2,
    "einsum, sums": -sg.mean(total(Y * log(exp(Z) / sg.einsum("ij->i", exp(Z))[:, None]), axis=1)),
    "chosen": -sg.mean(log(total(Y * softmax(Z), axis=1))),
    "matmul with ones": -sg.mean(total(Y * log(exp(Z) / (exp(Z) @ sg.ones((3, 3)))), axis=1)),
    "log of the product": -log(sg.prod(total(Y * softmax(Z), axis=1))) / 2,
    "log of the product of all": -log(sg.prod(where(Y > 0, softmax(Z), 1))) / 2,
    "library": sg.losses.cross_entropy(Z, K),
}

SAMPLES = {
    "empirical risk": sg.empirical_risk(-total(tt * log(softmax(zt * tt[::-1] + zt)))),
    "labels": sg.empirical_risk(-log(softmax(zt * tt[::-1] + zt))[kt]),
    "labels, of p": sg.mean(-log(softmax(zt * tt[::-1] + zt)[kt]), over=T),
    "chosen": sg.mean(-log(total(tt * softmax(zt * tt[::-1] + zt))), over=T),
    "stopped shift": sg.mean(-log(softmax(zt * tt[::-1] + zt - stop(sg.max(zt * tt[::-1] + zt))))[kt], over=T),
}


def binary(p, q=None):
    return -total(y * log(p) + (1 - y) * log(1 - p if q is None else q))


def margin(f):
    return total(f(pm * s))


e_s, e_m = exp(s), exp(-s)
BINARY = {
    "plain": binary(1 / (1 + e_m)),
    "exp over 1 + exp": binary(e_s / (1 + e_s)),
    "exp + 1": binary(e_s / (e_s + 1)),
    "named": binary((1 / (1 + e_m)).named("p")),
    "all named": binary((1 / (1 + e_m.named("e")).named("d")).named("p")),
    "sigmoid": binary(sigmoid(s)),
    "complement by hand": binary(1 / (1 + e_m), e_m / (1 + e_m)),
    "complement of the other": binary(1 - sigmoid(-s)),
    "q = 1 / (1 + exp(s))": binary(1 / (1 + e_m), 1 / (1 + e_s)),
    "minus in front": -total(y * log(sigmoid(s)) - (y - 1) * log(1 - sigmoid(s))),
    "tanh": binary((1 + tanh(s / 2)) / 2),
    "tanh, half outside": binary(0.5 + 0.5 * tanh(0.5 * s)),
    "quotient of halves": binary(exp(s / 2) / (exp(s / 2) + exp(-s / 2))),
    "power -1": binary((1 + e_m) ** -1),
    "SymPy's formula": binary(sg.elementwise(lambda u: 1 / (1 + sp.exp(-u)), s)),
    "SymPy's quotient": binary(quotient(e_s, 1 + e_s)),
    "SymPy's loss": -total(sg.elementwise(lambda u, v: v * sp.log(1 / (1 + sp.exp(-u))) + (1 - v) * sp.log(1 - 1 / (1 + sp.exp(-u))), s, y)),
    "log(q) = log(p) - s": -total(y * log(sigmoid(s)) + (1 - y) * (log(sigmoid(s)) - s)),
    "softplus": total(log(1 + e_s) - y * s),
    "softplus, log1p": total(log1p(e_s) - y * s),
    "negative softplus": total(log(1 + e_m) + (1 - y) * s),
    "max form": total(sg.maximum(s, 0) - s * y + log1p(exp(-sg.abs(s)))),
    "relu form": total(sg.relu(s) - s * y + log(1 + exp(-sg.abs(s)))),
    "logaddexp with 0": total(log(exp(0 * s) + e_s) - y * s),
    "two classes": -total(y * log(softmax(sg.stack([s, 0 * s])  .T)[:, 0]) + (1 - y) * log(softmax(sg.stack([s, 0 * s]).T)[:, 1])),
    "power": -total(log(sigmoid(s) ** y * (1 - sigmoid(s)) ** (1 - y))),
    "chosen": -total(log(y * sigmoid(s) + (1 - y) * (1 - sigmoid(s)))),
    "where": -total(where(y > 0.5, log(sigmoid(s)), log(1 - sigmoid(s)))),
    "log of where": -total(log(where(y > 0.5, sigmoid(s), 1 - sigmoid(s)))),
    "1 - p, twice": binary(1 - (1 - sigmoid(s))),
    "log(1 - p) by log1p": -total(y * log(sigmoid(s)) + (1 - y) * log1p(-sigmoid(s))),
    "log(1 - p) by log1p, raw": -total(y * log(1 / (1 + e_m)) + (1 - y) * log1p(-1 / (1 + e_m))),
    "margin": margin(lambda m: log(1 + exp(-m))),
    "margin, log1p": margin(lambda m: log1p(exp(-m))),
    "margin, sigmoid": margin(lambda m: -log(sigmoid(m))),
    "margin, raw": margin(lambda m: -log(1 / (1 + exp(-m)))),
    "margin, softplus": margin(lambda m: sg.softplus(-m)),
    "product of p": -log(sg.prod(where(y > 0.5, sigmoid(s), 1 - sigmoid(s)))),
    "odds": total(log(1 + e_s) - y * log(sigmoid(s) / (1 - sigmoid(s)))),
    "library": 4 * sg.losses.binary_cross_entropy_with_logits(s, y),
}

n3 = sg.constant(np.array([0.5, 2.0, 1.5]), name="r")
ALONE = {  # families of one spelling or a few: the first is the oracle's
    "logsumexp": [log(total(exp(z))), sg.logsumexp(z), log(exp(z) @ sg.ones(3)), log(exp(z[0]) + exp(z[1]) + exp(z[2])),
                  log(sg.elementwise(lambda u, v, w: sp.exp(u) + sp.exp(v) + sp.exp(w), z[0], z[1], z[2])),
                  log(total(sg.concatenate([exp(z[:1]), exp(z[1:])])))],
    "of two": [total(log(exp(z) + exp(t))), total(t + log(1 + exp(z - t))), total(z + log1p(exp(t - z)))],
    "of three": [total(log(exp(z) + exp(t) + exp(2 * t))), total(log(exp(t) * (exp(z - t) + 1 + exp(t))))],
    "with a constant": [total(log(5 + exp(z))), total(log(exp(z) + 2 + 3))],
    "with constants in front": [total(log(2 * exp(z) + 3 * exp(t)))],
    "scaled exponents": [log(total(exp(3 * z)) + total(exp(-2 * z)))],
    "weighted sum": [log(total(w * exp(z))), log(w @ exp(z)), log(sg.einsum("i,i->", w, exp(z))), log(total(exp(z) * w / 2)) + np.log(2)],
    "weighted by constants": [log(total(n3 * exp(z)))],
    "weighted by softmax": [log(total(softmax(x) * exp(b))), log(total(exp(x) * exp(b)) / total(exp(x)))],
    "mixture": [log(total(w * exp(-0.5 * (x - b) ** 2))), log(total(w / total(w) * exp(-((x - b) ** 2) / 2))) + log(total(w))],
    "mixture of normals": [log(total(softmax(b) * exp(-((x - c) ** 2) / 2) / np.sqrt(2 * np.pi)))],
    "mixture with scales": [log(total(softmax(b) / exp(c / 500) * exp(-(((x - b) / exp(c / 500)) ** 2) / 2)))],
    "Kullback-Leibler": [total(softmax(x) * log(softmax(x) / softmax(b))), total(softmax(x) * (log(softmax(x)) - log(softmax(b)))),
                         total(sg.softmax(x) * (x - sg.logsumexp(x) - b + sg.logsumexp(b))),
                         sg.losses.kl_divergence(sg.log_softmax(b), sg.softmax(x)) * 3],
    "Kullback-Leibler, other": [total(softmax(b) * log(softmax(b) / softmax(x)))],
    "entropy": [-total(softmax(x) * log(softmax(x)))],
    "sigmoid": [total(sigmoid(z)), total(1 / (1 + exp(-z))), total(exp(z) / (1 + exp(z))), total(0.5 * (1 + tanh(z / 2)))],
    "slope of sigmoid": [total(sigmoid(z) * (1 - sigmoid(z))), total(exp(z) / (1 + exp(z)) ** 2), total(exp(-z) / (1 + exp(-z)) ** 2),
                         total(exp(z) / ((1 + exp(z)) * (1 + exp(z)))), total(1 / (1 + exp(-z)) * exp(-z) / (1 + exp(-z)))],
    "odds": [total(log(sigmoid(z) / (1 - sigmoid(z)))), total(log(sigmoid(z)) - log(1 - sigmoid(z)))],
    "tanh": [total(tanh(z)), total((exp(z) - exp(-z)) / (exp(z) + exp(-z))), total((exp(2 * z) - 1) / (exp(2 * z) + 1)),
             total(1 - 2 / (1 + exp(2 * z))), total(sg.elementwise(sp.sinh, z) / sg.elementwise(sp.cosh, z))],
    "silu": [total(sg.silu(z)), total(z * sigmoid(z)), total(z / (1 + exp(-z)))],
    "mish": [total(z * tanh(sg.softplus(z))), total(z * tanh(log(1 + exp(z))))],
    "gelu": [total(sg.gelu(z)), total(z * (1 + sg.erf(z / np.sqrt(2))) / 2)],
    "gelu by tanh": [total(0.5 * z * (1 + tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))))],
    "elu": [total(sg.elu(x)), total(where(x > 0, x, exp(x) - 1))],
    "erf": [total(sg.erf(z))],
    "softplus": [total(log(1 + exp(z))), total(sg.softplus(z)), total(sg.maximum(z, 0) + log1p(exp(-sg.abs(z))))],
    "softplus with beta": [total(log(1 + exp(3 * z)) / 3), total(sg.softplus(3 * z)) / 3],
    "log cosh": [total(log((exp(z) + exp(-z)) / 2)), total(log(sg.cosh(z))), total(z + sg.softplus(-2 * z) - np.log(2))],
    "log of a square": [total(log(x**2)), total(2 * log(sg.abs(x)))],
    "log of a root": [total(log(sg.sqrt(exp(z)))), total(z / 2)],
    "log of a power": [total(log(exp(z) ** 3)), total(log(exp(z) ** 1.5) * 2)],
    "log of exp": [total(log(exp(z)) ** 2), total(z**2)],
    "log of a product": [log(sg.prod(exp(z / 2))), total(log(exp(z / 2)))],
    "exp of log": [total(exp(log(w) + z / 900)), total(w * exp(z / 900))],
    "geometric": [exp(log(total(exp(z))) - 1000)],
    "ratio of exponentials": [total(exp(2 * z - 1000) / exp(t + z - 1000)), total(exp(z) * exp(-t))],
    "difference of logsumexp": [sg.logsumexp(z) - sg.logsumexp(2 * z) / 2],
    "softmax with temperature": [-total(t * log(softmax(z / 0.01)))],
    "attention score": [total(b * softmax(z) ** 2)],
    "softmin": [-total(t * log(exp(-z) / total(exp(-z))))],
    "focal": [-total(y[:3] * (1 - sigmoid(z)) ** 2 * log(sigmoid(z)))],
    "expm1": [total(log(1 + sg.expm1(z)))],
    "sum of a quotient": [total(b * exp(z)) / total(exp(z)), b @ softmax(z), total(b * sg.softmax(z))],
    "normaliser": [log(total(exp(Z), axis=1)) @ sg.ones(2), total(sg.logsumexp(Z, axis=1))],
    "all of a matrix": [log(total(exp(Z)))],
}

big, even = np.array([1000.0, -1000.0, 0.3]), np.array([0.25, -1.5, 0.75])
LOGITS = [big, -big, np.zeros(3), np.full(3, 1000.0), np.array([88.8, 88.5, -88.9]), even, np.array([30.0, -30.0, 29.5])]
ONE = {t: np.array([0.0, 1.0, 0.0]), k: 1}
SCORES = [np.array([1000.0, -1000.0, 1000.0, -1000.0]), np.zeros(4), np.array([88.8, -88.8, 30.0, -30.0]), np.array([0.5, -0.25, 2.0, 0.0])]
FIXED = {y: np.array([0.0, 1.0, 1.0, 0.0]), pm: np.array([-1.0, 1.0, 1.0, -1.0])}
FREE = {t: np.array([999.5, -1.0, 0.0]), b: np.array([3.0, -400.0, 0.5]), c: np.array([0.5, -1.0, 1.5]), w: np.array([0.5, 2.0, 1.25]),
        y: FIXED[y]}


def variable(loss):
    found = [v for v in (z, x, Z, s, zt) if v.node in inputs(loss)]
    return found[0]


def inputs(loss):
    from symgrad.graphs.node import topological

    return [n for n in topological([loss.node]) if n.op == "input"]


def family(losses, points):
    """(name, loss, plainest spelling, values) of every spelling at every point."""
    plain = next(iter(losses.values()))
    return [(name, loss, plain, at) for name, loss in losses.items() for at in points]


def cases():
    yield from (("cross-entropy: " + n, *rest) for n, *rest in family(CROSS_ENTROPY, [{z: v, **ONE} for v in LOGITS]))
    rows = [{Z: np.array([big, even]), Y: np.eye(3)[[1, 2]], K: np.array([1, 2])}, {Z: np.array([-big, big]), Y: np.eye(3)[[0, 1]], K: np.array([0, 1])}]
    yield from (("rows: " + n, *rest) for n, *rest in family(ROWS, rows))
    over = {zt: np.array([1000.0, -300.0, 0.5]), tt: np.eye(3)[[1, 0]], kt: np.array([1, 0])}
    yield from (("samples: " + n, *rest) for n, *rest in family(SAMPLES, [over]))
    yield from (("binary: " + n, *rest) for n, *rest in family(BINARY, [{s: v, **FIXED} for v in SCORES]))
    for name, losses in ALONE.items():
        for i, loss in enumerate(losses):
            v = variable(loss)
            if v is Z:
                points = [{Z: np.array([big, even])}]
            elif name.startswith("log of a square"):
                points = [{x: np.array([1000.0, -1000.0, 1e-3])}]
            else:
                points = [{v: at, **FREE} for at in (big, np.zeros(3) if v is z else even, np.array([88.8, -88.8, 30.0]))]
            yield from ((f"{name}: {i}", loss, losses[0], at) for at in points)


CASES = {}
for title, *case in cases():
    CASES.setdefault(title, []).append(case)


@functools.cache
def oracle(plain, variable, values):
    return expected(plain, variable, {v: np.frombuffer(raw).reshape(shape) for v, raw, shape in values})


def right(plain, v, at):
    used = set(inputs(plain))
    values = tuple((u, np.asarray(value, float).tobytes(), np.shape(value)) for u, value in at.items() if u.node in used)
    return oracle(plain, v, values)


def together(loss, v, known, dtype):
    """Value, gradient, Hessian, and H times ones, out of one function."""
    g, H, p = sg.gradient(loss, v), sg.hessian(loss, v), sg.hvp(loss, v, sg.ones(v.shape))
    return sg.function(known, [loss, g, H, p], dtype=dtype)


PRECISIONS = {"float64": 1e-11, "float32": 1e-4}


@pytest.mark.parametrize("name", CASES)
def test_finite_and_right(name):
    loss, plain, first = CASES[name][0]
    v, used = variable(plain), set(inputs(loss))
    known = [u for u in first if u.node in used]
    functions = {dtype: together(loss, v, known, dtype) for dtype in PRECISIONS}
    for loss, plain, at in CASES[name]:
        for dtype, tolerance in PRECISIONS.items():
            with np.errstate(all="ignore"):
                found = functions[dtype](*(at[u] for u in known))
            assert all(np.asarray(f).dtype == dtype for f in found), f"{name}: {[f.dtype for f in found]} for {dtype}"
            for what, f in zip(("value", "gradient", "Hessian", "product"), found):
                assert np.isfinite(f).all(), f"{name}, {dtype}: {what} {f} at {at[v]}"
            value, gradient, hessian = right(plain, v, at)
            near(found[0], value, tolerance, f"{name}: value at {at[v]}")
            near(found[1], gradient, tolerance, f"{name}: gradient at {at[v]}")
            near(found[2], hessian, tolerance, f"{name}: Hessian at {at[v]}")
            near(found[3], hessian.reshape(*v.shape, -1).sum(-1), 10 * tolerance, f"{name}: hvp at {at[v]}")
