"""The networks whose gradients courses derive by hand, by name: each a loss, written as its course writes it."""

import symgrad as sg


def linear_regression():
    """Mean squared error (Bishop 3.1, every course)."""
    n, d = sg.dims("n d")
    X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    return sg.sum((X @ w - y) ** 2) / n


def logistic_regression():
    """Cross-entropy by hand (Ng, CS229, notes 1)."""
    n, d = sg.dims("n d")
    X, y, w, b = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.parameter("b")
    p = sg.sigmoid(X @ w + b)
    return -sg.mean(y * sg.log(p) + (1 - y) * sg.log(1 - p))


def softmax_regression():
    """Labels named t, as in Bishop 4.3.4."""
    T, d, k = sg.dims("T d k")
    x, t, W, b = sg.data("x", d, over=T), sg.labels("t", classes=k, over=T), sg.parameter("W", (k, d)), sg.parameter("b", k)
    return sg.empirical_risk(sg.losses.cross_entropy(W @ x + b, t))


def log_softmax_by_hand():
    """exp, sum, quotient, each under its name (Karpathy, makemore)."""
    n, k = sg.dims("n k")
    z, c = sg.parameter("z", (n, k)), sg.labels("c", classes=k, shape=n)
    counts = sg.exp(z).named("e")
    probabilities = (counts / counts.sum(1, keepdims=True).named("s")).named("p")
    return -sg.log(probabilities)[sg.arange(n), c].mean()


def two_layers():
    """The network of the lecture with two layers."""
    T, d, h, k = sg.dims("T d h k")
    x, y = sg.data("x", d, over=T), sg.data("y", k, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(d, h), sg.nn.Tanh(), sg.nn.Linear(h, k))
    return sg.empirical_risk(sg.losses.squared_error(net(x), y))


def cs231n_two_layer_net():
    """Assignment 1 of cs231n: relu, softmax, L2."""
    N, D, H, C = sg.dims("N D H C")
    X, y, reg = sg.data("X", (N, D)), sg.labels("y", classes=C, shape=N), sg.data("reg")
    W1, b1, W2, b2 = (sg.parameter(name, shape) for name, shape in (("W1", (D, H)), ("b1", H), ("W2", (H, C)), ("b2", C)))
    scores = sg.relu(X @ W1 + b1) @ W2 + b2
    return sg.mean(sg.losses.cross_entropy(scores, y)) + reg * (sg.sum(W1 * W1) + sg.sum(W2 * W2))


def rnn_step():
    """Two steps of a recurrence (cs231n, assignment 3)."""
    d, h = sg.dims("d h")
    x1, x2, h0, y = sg.data("x_1", d), sg.data("x_2", d), sg.data("h_0", h), sg.data("y", h)
    Wx, Wh, b = sg.parameter("W_x", (h, d)), sg.parameter("W_h", (h, h)), sg.parameter("b", h)
    h1 = sg.tanh(Wx @ x1 + Wh @ h0 + b).named("h_1")
    h2 = sg.tanh(Wx @ x2 + Wh @ h1 + b).named("h_2")
    return sg.sum((h2 - y) ** 2) / 2


def lstm_cell():
    """Gates, cell and state under their names (Goodfellow 10.10)."""
    d, h = sg.dims("d h")
    x, h0, c0, y = sg.data("x", d), sg.data("h_0", h), sg.data("c_0", h), sg.data("y", h)

    def gate(name, function):
        W, U, b = sg.parameter(f"W_{name}", (h, d)), sg.parameter(f"U_{name}", (h, h)), sg.parameter(f"b_{name}", h)
        return function(W @ x + U @ h0 + b).named(name)

    i, f, o, g = (gate(name, sg.tanh if name == "g" else sg.sigmoid) for name in "ifog")
    c = (f * c0 + i * g).named("c")
    return sg.sum(((o * sg.tanh(c)).named("h") - y) ** 2)


def batch_norm():
    """Ioffe and Szegedy 2015: the steps of the paper without a name given."""
    n, d = sg.dims("n d")
    X, W, R = sg.data("X", (n, d)), sg.parameter("W", (d, d)), sg.data("R", (n, d))
    gamma, beta = sg.parameter("γ", d), sg.parameter("β", d)
    Z = X @ W
    return sg.sum(sg.relu(gamma * ((Z - Z.mean(0)) / sg.sqrt(Z.var(0) + 1e-5)) + beta) * R)


def layer_norm():
    """Ba, Kiros and Hinton 2016, of one vector."""
    d = sg.dim("d")
    x, w, gamma, beta = sg.parameter("x", d), sg.data("w", d), sg.parameter("γ", d), sg.parameter("β", d)
    return w @ (gamma * ((x - sg.mean(x)) / sg.sqrt(sg.var(x) + 1e-5)) + beta)


def attention_head():
    """Vaswani et al. 2017, one head."""
    n, d = sg.dims("n d")
    X, Y = sg.data("X", (n, d)), sg.data("Y", (n, d))
    Q, K, V = (X @ sg.parameter(f"W_{name}", (d, d)) for name in "QKV")
    return sg.sum((sg.softmax(Q @ K.T / sg.sqrt(d), 1) @ V - Y) ** 2)


def skip_gram():
    """word2vec with negative sampling (cs224n, assignment 2)."""
    d, K = sg.dims("d K")
    v, u, U = sg.parameter("v_c", d), sg.parameter("u_o", d), sg.parameter("U", (K, d))
    return -sg.log(sg.sigmoid(u @ v)) - sg.sum(sg.log(sg.sigmoid(-U @ v)))


def vae():
    """The negative ELBO of one image with a Gaussian code (Kingma and Welling 2014)."""
    d, k = sg.dims("d k")
    x, eps = sg.data("x", d), sg.data("ε", k)
    mu, s = (sg.parameter("W_μ", (k, d)) @ x).named("μ"), (sg.parameter("W_s", (k, d)) @ x).named("s")
    z = (mu + sg.exp(s / 2) * eps).named("z")
    return sg.sum((x - sg.parameter("V", (d, k)) @ z) ** 2) / 2 + sg.sum(sg.exp(s) + mu**2 - 1 - s) / 2


def small_convolutional_network():
    """Convolution, ReLU, pooling, twice, and a linear classifier (LeCun et al. 1998, with softmax)."""
    T = sg.dim("T")
    x, t = sg.data("x", (1, 12, 12), over=T), sg.labels("t", 10, over=T)
    net = sg.nn.Sequential(sg.nn.Conv2d(1, 4, 3, padding=1), sg.nn.ReLU(), sg.nn.MaxPool2d(2),
                           sg.nn.Conv2d(4, 6, 2, stride=2), sg.nn.Tanh(), sg.nn.AvgPool2d(3), sg.nn.Flatten(), sg.nn.Linear(6, 10))
    return sg.empirical_risk(sg.losses.cross_entropy(net(x), t))


def linear_autoencoder():
    """PCA as a linear autoencoder with tied weights."""
    n, d, k = sg.dims("n d k")
    X, W = sg.data("X", (n, d)), sg.parameter("W", (d, k))
    return sg.sum((X @ W @ W.T - X) ** 2) / n


def gaussian_likelihood():
    """The negative log-likelihood of a normal distribution (Bishop 2.3.4)."""
    T, d = sg.dims("T d")
    x, mu, S = sg.data("x", d, over=T), sg.parameter("μ", d), sg.parameter("Σ", (d, d), symmetric=True)
    return sg.empirical_risk((sg.logdet(S) + (x - mu) @ sg.inv(S) @ (x - mu)) / 2)


def gaussian_process():
    """The negative marginal likelihood (Rasmussen and Williams 5.9)."""
    n = sg.dim("n")
    x, t, ell, sigma = sg.data("x", n), sg.data("y", n), sg.parameter("ℓ"), sg.parameter("σ")
    K = (sg.exp(-.5 * (x[:, None] - x[None, :]) ** 2 / ell**2) + sigma**2 * sg.eye(n)).named("K")
    return .5 * t @ sg.inv(K) @ t + .5 * sg.logdet(K)


NETWORKS = {make.__name__: make for make in (
    linear_regression, logistic_regression, softmax_regression, log_softmax_by_hand, two_layers, cs231n_two_layer_net,
    rnn_step, lstm_cell, batch_norm, layer_norm, attention_head, skip_gram, vae, linear_autoencoder,
    small_convolutional_network, gaussian_likelihood, gaussian_process)}
