"""Ten derivations that a textbook has, by name: for golden files, for documents that are compiled, for proofs."""

import runpy
from functools import cache

import sympy as sp
from places import EXAMPLES

import symgrad as sg


def lecture():
    """Four layers of tanh, squared loss, all gradients down to the data."""
    names = runpy.run_path(str(EXAMPLES / "lecture_backprop.py"))
    return names["loss"], names["wrt"]


def classifier():
    """A network of two layers, softmax and cross-entropy on labels."""
    T, D, H, K = sg.dims("T D H K")
    x, y = sg.data("x", D, over=T), sg.labels("y", K, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(D, H), sg.nn.ReLU(), sg.nn.Linear(H, K))
    return sg.empirical_risk(sg.losses.cross_entropy(net(x), y)), None


def logistic():
    """Logistic regression, from the logarithm of a probability as it is written by hand."""
    T, d = sg.dims("T d")
    x, y = sg.data("x", d, over=T), sg.data("y", over=T)
    w, b = sg.parameter("w", d), sg.parameter("b")
    p = sg.sigmoid(w @ x + b)
    return sg.empirical_risk(-(y * sg.log(p) + (1 - y) * sg.log(1 - p))), None


def least_squares():
    """||X w - y||^2, all samples in one matrix."""
    n, d = sg.dims("n d")
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    return sg.sum((X @ w - y) ** 2), None


def ridge():
    """Least squares with a penalty: one variable is used twice."""
    n, d = sg.dims("n d")
    X, y, w, lam = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.data("lambda")
    return sg.sum((X @ w - y) ** 2) / n + lam * sg.sum(w**2), None


def attention():
    """One head of attention over a sequence of m tokens."""
    T, m, d, k = sg.dims("T m d k")
    x, y = sg.data("x", (m, d), over=T), sg.data("y", (m, k), over=T)
    Q, K, V = (x @ sg.parameter(f"W_{name}", (d, k)) for name in "QKV")
    h = sg.softmax(Q @ K.mT / sg.sqrt(sg.constant(2.0))) @ V
    return sg.empirical_risk(sg.sum((h - y) ** 2)), None


def recurrent():
    """A recurrence of four steps with shared weights."""
    T, d, k = sg.dims("T d k")
    y, W, U, b = sg.data("y", k, over=T), sg.parameter("W", (k, d)), sg.parameter("U", (k, k)), sg.parameter("b", k)
    h = sg.data("h_0", k, over=T)
    for step in range(1, 5):
        h = sg.tanh(W @ sg.data(f"x_{step}", d, over=T) + U @ h + b).named(f"h_{step}")
    return sg.empirical_risk(sg.losses.squared_error(h, y)), None


def mixture():
    """The log-likelihood of a mixture of Gaussians in one dimension."""
    n, k = sg.dims("n k")
    x, mu, s, a = sg.data("x", over=n), sg.parameter("mu", k), sg.parameter("s", k), sg.parameter("alpha", k)
    terms = sg.log_softmax(a) - s - ((x - mu) * sg.exp(-s)) ** 2 / 2
    return -sg.empirical_risk(sg.logsumexp(terms)), None


def own_function():
    """A loss by a formula of the user's own, averaged over samples."""
    T, d = sg.dims("T d")
    x, y, w = sg.data("x", d, over=T), sg.data("y", over=T), sg.parameter("w", d)
    r = sp.Symbol("r")
    return sg.empirical_risk(sg.elementwise(sp.log(sp.cosh(r)) + r**2 / (1 + r**2), w @ x - y)), None


def gaussian():
    """logdet S + (x - mu)' S^-1 (x - mu)."""
    d = sg.dim("d")
    S, mu, x = sg.parameter("S", (d, d)), sg.parameter("mu", d), sg.data("x", d)
    return (sg.logdet(S) + (x - mu) @ sg.inv(S) @ (x - mu)) / 2, [S, mu]


MODELS = {make.__name__: make for make in (lecture, classifier, logistic, least_squares, ridge, attention, recurrent,
                                           mixture, own_function, gaussian)}


@cache
def derivation(name):
    """The derivation of a model by name."""
    return sg.derive(*MODELS[name]())
