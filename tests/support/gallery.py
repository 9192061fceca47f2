"""The formulas that a textbook has: tensors by title, for golden files and for runs under other hash seeds."""

import symgrad as sg
from symgrad.formulas.rendering import render

OPERATIONS = """
s + r; s - r; r - s; -s; 2 * s * r; s / r; 2 / s; s**2; s**3; s**-1; s**-2; s**0.5; s**1.5; s**r;
(s + r) ** 2; (s - r) * (s + r); s / r / 3; 0.1 * s; 1e-8 + s; 1 / (s + r); (s + r) / (s - r); s / 3;
2 * (s - r) / 3;
u + v; u - 2 * v; 3 - u; 1 - u**2; -(u + v); u * v; u * v * v; u / v; u / s; s * u; 2 * u; u / 2; u**3;
u**-2; u @ v; u @ u; u @ S @ v; u @ S @ u; outer(u, v); diag(u); diag(u) @ M; M @ diag(w); M * w;
u[:, None] * M; M + w; u[:, None] + M; u[:, None] * w; u / sqrt(u @ u);
M @ w; M.T @ u; M.T @ M; M * N; M / N; M - N; M.T; S.T @ u; trace(S); trace(M @ N.T); sum(M * M); sum(M);
sum(M, axis=0); sum(M, axis=1); mean(M); sum(u); mean(u); u - mean(u); (M @ w) * u; (M * N) @ w;
sum(u * v * v); sum((M @ w) * u * u); diagonal(S); (M @ M.T) * S; eye(4); zeros(3); ones(3); full(3, 2.5);
S + 0.1 * eye(5); stop_gradient(u) * v;
exp(u); log(u); log1p(u); expm1(u); sqrt(u); sqrt(u + 1); abs(u); floor(u); sign(u); sigmoid(u);
softplus(u); relu(u); leaky_relu(u); gelu(u); maximum(u, v); clip(u, 0, 1); where(u > 0, u, -u); u > 0;
logical_and(u > 0, v < 1); logical_not(u > v); (u > 0) * v; sum(u > 0); max(u); max(M, axis=1);
argmax(M, axis=0); logsumexp(u); logsumexp(M, axis=1); softmax(M); softmax(M, axis=0); log_softmax(M);
arctan(s); erf(s); arcsin(s); log2(u); log10(s); ceil(u); round(s); sinc(u); erfinv(s);
isnan(u); arctan2(u, v);
u[2]; u[1:]; u[::-1]; u[1:4:2]; M[1:, ::-1]; M[0]; M[:, 1]; M[1, 2]; u[None]; u[:, None]; u[ids]; M[ids];
concatenate([u, v]); concatenate([M, N], axis=1); stack([u, v]); M.reshape(-1); M.reshape(2, 10);
arange(5); arange(2, 9, 3); constant([1.0, 2.0]) @ constant([[1.0, 2.0], [3.0, 0.5]]);
kron(w, w); kron(M.T, M) + 1; tril(S); triu(S); one_hot(ids, 4); norm(u); norm(M); var(u); std(M, axis=0);
pad(u, (1, 2)); roll(u, 1); take(u, ids);
constant(list(range(10))) * s; gradient(sum(u[1:] ** 2), u); gradient(sum(M[ids] ** 2), M);
gradient(max(u), u);
"""


def models():
    """Titles and tensors."""
    n, m, d, k, h, T = sg.dims("n m d k h T")
    X, w, y, lam = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n), sg.data("lambda")
    loss = sg.sum((X @ w - y) ** 2)
    yield "least squares", loss
    yield "its gradient", sg.gradient(loss, w)
    yield "its Hessian", sg.hessian(loss, w)
    ridge = loss + lam * sg.sum(w**2)
    yield "ridge", ridge
    yield "its gradient", sg.gradient(ridge, w)
    yield "its Hessian", sg.hessian(ridge, w)
    z = X @ w
    logistic = sg.sum(sg.softplus(z) - y * z)
    yield "logistic", logistic
    yield "its gradient", sg.gradient(logistic, w)
    yield "its Hessian", sg.hessian(logistic, w)
    p = sg.sigmoid(z).named("p")
    yield "its Hessian, with p named", X.T @ sg.diag(p * (1 - p)) @ X
    U, V = sg.parameter("U", (n, k)), sg.parameter("V", (m, k))
    O, R = sg.data("O", (n, m)), sg.data("R", (n, m))
    factorised = sg.sum(O * (U @ V.T - R) ** 2)
    yield "masked factorisation", factorised
    yield "its gradient by U", sg.gradient(factorised, U)
    yield "its gradient by V", sg.gradient(factorised, V)
    yield "its Hessian by U", sg.hessian(factorised, U)
    A, B = sg.data("A", (n, m)), sg.data("B", (m, k))
    yield "a product", A @ B
    yield "its Jacobian by A", sg.jacobian(A @ B, A)
    yield "its Jacobian by B", sg.jacobian(A @ B, B)
    q = sg.data("q", k)
    yield "softmax", sg.softmax(q)
    yield "its Jacobian", sg.jacobian(sg.softmax(q), q)
    pi = sg.data("p", k)
    yield "its Jacobian, with p named", sg.diag(pi) - sg.outer(pi, pi)
    x, t = sg.data("x", d, over=T), sg.data("y", k, over=T)
    W1, b1 = sg.parameter("W1", (h, d)), sg.parameter("b1", h)
    W2, b2 = sg.parameter("W2", (k, h)), sg.parameter("b2", k)
    a1 = W1 @ x + b1
    yield "an affine layer", a1
    out = W2 @ sg.tanh(a1) + b2
    risk = sg.mean(sg.sum((out - t) ** 2), over=T)
    yield "a network", risk
    for name, g in zip("W1 b1 W2 b2".split(), sg.gradient(risk, [W1, b1, W2, b2]), strict=True):
        yield f"its gradient by {name}", g
    c, s = sg.labels("y", k, over=T), sg.data("z", k, over=T)
    ce = sg.losses.cross_entropy(s, c)
    yield "cross-entropy", ce
    yield "its gradient", sg.gradient(ce, s)
    yield "its Hessian", sg.hessian(ce, s)
    yield "its mean", sg.mean(ce, over=T)
    xn, ga, gx = sg.data("x", h, over=T), sg.data("G_a", k, over=T), sg.data("G_x", h, over=T)
    W = sg.parameter("W", (k, h))
    yield "G_W", sg.outer(ga, xn)
    yield "G_x", W.T @ ga
    yield "G_a", gx * (1 - xn**2)
    yield "G_W, mean", sg.mean(sg.outer(ga, xn), over=T)
    Q, K, C = sg.data("Q", (n, d)), sg.data("K", (m, d)), sg.data("V", (m, k))
    attention = sg.softmax(Q @ K.T / sg.sqrt(sg.constant(2.0))) @ C
    yield "attention", attention
    yield "its gradient", sg.gradient(sg.sum(attention**2), Q)
    heads = [sg.data(name, (3, 5, 4)) for name in "QKV"]
    yield "attention, heads", sg.softmax(heads[0] @ heads[1].mT) @ heads[2]


def operations():
    """One formula for each way of writing: what is typed, and the tensor."""
    names = {name: getattr(sg, name) for name in sg.__all__}
    names |= {name: sg.data(name) for name in "sr"} | {name: sg.data(name, 5) for name in "uv"}
    names |= {name: sg.data(name, (5, 4)) for name in "MN"} | {"w": sg.data("w", 4)}
    names |= {"S": sg.data("S", (5, 5), symmetric=True), "ids": sg.data("ids", 3, dtype="integer")}
    for source in OPERATIONS.replace("\n", " ").split(";"):
        if source.strip():
            yield source.strip(), eval(source.strip(), names)


def lines():
    """All formulas, one to a line: what it is, Unicode, LaTeX."""
    for title, t in (*models(), *operations()):
        yield f"{title}   ⟶   {t}   |   {t.latex()}"


def batch():
    """Formulas over all samples."""
    for title, t in models():
        if t.over is not None or title.startswith(("G_", "a network", "cross")):
            unicode, latex = (render(t.node, mode="batch", style=style) for style in ("unicode", "latex"))
            yield f"{title}   ⟶   {unicode}   |   {latex}"
