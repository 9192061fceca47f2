"""Pictures to look at: what `sg.draw` is tried on, by title. Golden layouts, overlap checks and screenshots use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import symgrad as sg


def lecture() -> Any:
    """The lecture's network: two layers, tanh, the squared error of one sample."""
    T = sg.dim("T")
    x, y = sg.data("x", 64, over=T), sg.data("y", 10, over=T)
    W1, b1 = sg.parameter("W1", (50, 64)), sg.parameter("b1", 50)
    W2, b2 = sg.parameter("W2", (10, 50)), sg.parameter("b2", 10)
    out = sg.tanh(W2 @ sg.tanh(W1 @ x + b1) + b2)
    return sg.derive(sg.empirical_risk(sg.losses.squared_error(out, y)))


def stack(layers: int, width: int = 50) -> Any:
    """The loss of a network of `layers` affine layers, softmax and cross-entropy at its end."""
    T, k = sg.dim("T"), 10
    h = sg.data("x", 64, over=T)
    sizes = [64, *[width] * (layers - 1), k]
    for i in range(1, layers + 1):
        h = sg.parameter(f"W{i}", (sizes[i], sizes[i - 1])) @ h + sg.parameter(f"b{i}", sizes[i])
        h = sg.relu(h) if i < layers else h
    return sg.empirical_risk(sg.losses.cross_entropy(h, sg.labels("y", k, over=T)))


def branches() -> Any:
    """Two inputs through one layer, as a Siamese network has it, and the distance of what comes out."""
    T = sg.dim("T")
    W, b = sg.parameter("W", (8, 20)), sg.parameter("b", 8)
    left, right = (sg.tanh(W @ sg.data(name, 20, over=T) + b) for name in ("x", "z"))
    return sg.derive(sg.empirical_risk(sg.data("s", over=T) * sg.sum((left - right) ** 2)))


def attention() -> Any:
    """One head of attention over a sequence, closed by a squared error."""
    n, d, k = sg.dims("n d k")
    X, Y = sg.data("X", (n, d)), sg.data("Y", (n, k))
    Q, K, V = (X @ sg.parameter(f"W_{name}", (d, k)) for name in "QKV")
    A = sg.softmax(Q.named("Q") @ K.named("K").T / sg.sqrt(sg.constant(64))).named("A")
    return sg.derive(sg.sum((A @ V.named("V") - Y) ** 2))


def residual() -> Any:
    """Two residual blocks."""
    T = sg.dim("T")
    h = sg.data("x", 16, over=T)
    for i in (1, 2):
        inner = sg.relu(sg.parameter(f"W{i}", (32, 16)) @ h + sg.parameter(f"b{i}", 32))
        h = (h + sg.parameter(f"V{i}", (16, 32)) @ inner).named(f"h^{i}")
    return sg.derive(sg.empirical_risk(sg.losses.squared_error(h, sg.data("y", 16, over=T))))


def recurrent(steps: int = 6) -> Any:
    """A recurrent network unrolled, the same weights at every step."""
    T = sg.dim("T")
    W, U, b = sg.parameter("W", (8, 3)), sg.parameter("U", (8, 8)), sg.parameter("b", 8)
    h = sg.data("h_0", 8, over=T)
    for t in range(1, steps + 1):
        h = sg.tanh(W @ sg.data(f"x_{t}", 3, over=T) + U @ h + b).named(f"h_{t}")
    return sg.derive(sg.empirical_risk(sg.losses.squared_error(h, sg.data("y", 8, over=T))))


def logistic() -> Any:
    """Logistic regression: one affine layer."""
    T = sg.dim("T")
    z = sg.data("x", 64, over=T) @ sg.parameter("w", 64) + sg.parameter("b")
    return sg.derive(sg.empirical_risk(sg.losses.binary_cross_entropy_with_logits(z, sg.data("y", over=T))))


def curvature() -> list[sg.Tensor]:
    """A loss, its gradient and its Hessian."""
    n, d = sg.dims("n d")
    X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    z = X @ w
    loss = sg.sum(sg.softplus(z) - y * z)
    return [loss, sg.gradient(loss, w), sg.hessian(loss, w)]


def large_formulas() -> Any:
    """Formulas that are wide and high."""
    n, d, k = sg.dims("n d k")
    S = sg.data("Sigma", (d, d), positive_definite=True)
    mu, X = sg.parameter("mu", d), sg.data("X", (n, d))
    R = (X - mu).named("R")
    scores = (sg.einsum("ni,ij,nj->n", R, sg.inv(S), R) / 2 + sg.logdet(S) / 2).named("q")
    gate = sg.sigmoid(R @ sg.parameter("W", (d, k)) @ sg.parameter("v", k)) * sg.exp(-scores) / (1 + scores**2)
    return sg.derive(sg.sum(gate * gate) / sg.sum(gate) + sg.sqrt(sg.sum(mu**2) + 1))


def long_names() -> Any:
    """Names that are long, Greek, or have underscores and digits."""
    batch, features, hidden = sg.dims("batch n_features hidden_units")
    x = sg.data("input_features", features, over=batch)
    theta, beta = sg.parameter("theta", (hidden, features)), sg.parameter("beta_hidden", hidden)
    omega = sg.parameter("output_weights", hidden)
    z = omega @ sg.gelu(theta @ x + beta)
    return sg.derive(sg.empirical_risk((z - sg.data("target_value", over=batch)) ** 2))


def gallery() -> Iterator[tuple[str, Any]]:
    """Title and what is drawn."""
    yield "lecture", lecture()
    yield "mlp", sg.derive(stack(3))
    yield "deep", sg.derive(stack(30))
    yield "branches", branches()
    yield "attention", attention()
    yield "residual", residual()
    yield "recurrent", recurrent()
    yield "logistic", logistic()
    yield "curvature", curvature()
    yield "large", large_formulas()
    yield "names", long_names()
