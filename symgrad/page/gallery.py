"""Forty formulas that people differentiate, by topic."""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.page.question import Question


@dataclass(frozen=True)
class Example:
    """A formula of the gallery."""

    title: str
    question: Question


@dataclass(frozen=True)
class Topic:
    """Formulas that belong together."""

    title: str
    examples: tuple[Example, ...]


def _example(title: str, text: str, wrt: str, shapes: str = "") -> Example:
    return Example(title, Question(text, shapes, wrt))


TOPICS = (
    Topic("Least squares", (
        _example("Least squares", "‖X w - y‖²", "w"),
        _example("Ridge regression", "‖X w - y‖² + λ ‖w‖²", "w", "λ=: positive"),
        _example("Weighted least squares", "(X w - y)' D (X w - y)", "w", "D=n,n: positive_definite"),
        _example("Many right-hand sides", "‖X W - Y‖²", "W", "X=n,d W=d,k Y=n,k"),
        _example("Tikhonov with a prior", "‖A x - b‖² + λ ‖L (x - m)‖²", "x", "A=n,d x=d b=n L=k,d m=d λ=: positive"),
        _example("Huber regression", "huber(X w, y)", "w", "X=n,d w=d y=n"),
    )),
    Topic("Classification", (
        _example("Logistic regression", "sum(log(1 + exp(-y ⊙ (X w))))", "w"),
        _example("Logistic likelihood", "-sum(y ⊙ log(σ(X w)) + (1 - y) ⊙ log(1 - σ(X w)))", "w"),
        _example("Softmax regression", "sum(logsumexp(X W, axis=1)) - tr(Y' X W)", "W", "X=n,d W=d,k Y=n,k"),
        _example("Squared hinge", "sum(max(0, 1 - y ⊙ (X w))²) + λ ‖w‖²", "w", "λ=: positive"),
        _example("Poisson regression", "sum(exp(X w) - y ⊙ (X w))", "w"),
        _example("Probit regression", "-sum(log_ndtr(y ⊙ (X w)))", "w"),
    )),
    Topic("Functions of vectors", (
        _example("Softmax", "softmax(z)", "z"),
        _example("Log-sum-exp", "logsumexp(z)", "z"),
        _example("Norm", "‖x‖", "x"),
        _example("Rayleigh quotient", "(x' A x) / (x' x)", "x", "A=n,n: symmetric"),
        _example("Cosine similarity", "(x' y) / (‖x‖ ‖y‖)", "x"),
        _example("Entropy", "-sum(p ⊙ log(p))", "p", "p=n: positive"),
    )),
    Topic("Matrices", (
        _example("Trace of a product", "tr(A X B)", "X"),
        _example("Log-determinant", "logdet(X)", "X", "X=n,n: positive_definite"),
        _example("Inverse between vectors", "a' X⁻¹ b", "X", "X=n,n a=n b=n"),
        _example("Fourth power of a matrix", "‖X' X‖²", "X"),
        _example("Quadratic form", "x' A x", "x, A"),
    )),
    Topic("Gaussians and Gaussian processes", (
        _example("Gaussian, by its covariance", "logdet(S) + tr(S⁻¹ C)", "S", "S=d,d: positive_definite; C=d,d: symmetric"),
        _example("Gaussian, by its precision", "tr(P C) - logdet(P)", "P", "P=d,d: positive_definite; C=d,d: symmetric"),
        _example("Gaussian, by its mean", "(x - μ)' S⁻¹ (x - μ)", "μ", "x=d μ=d S=d,d: positive_definite"),
        _example("Evidence of a Gaussian process", "y' (K + s I)⁻¹ y + logdet(K + s I)", "s",
                 "K=n,n: positive_definite; y=n; s=: positive"),
        _example("Divergence of two Gaussians", "tr(T⁻¹ S) + (m - μ)' T⁻¹ (m - μ) - logdet(S)", "S",
                 "T=d,d: positive_definite; S=d,d: positive_definite; m=d μ=d"),
    )),
    Topic("Factorisation and embeddings", (
        _example("Matrix factorisation", "‖M - U V'‖²", "U", "M=n,m U=n,k V=m,k"),
        _example("With missing entries", "‖W ⊙ (M - U V')‖² + λ ‖U‖²", "U", "M=n,m W=n,m U=n,k V=m,k λ=: positive"),
        _example("Principal components", "‖X - X W W'‖²", "W", "X=n,d W=d,k"),
        _example("Autoencoder", "‖X - tanh(X W) V‖²", "W", "X=n,d W=d,k V=k,d"),
    )),
    Topic("Kernels and distances", (
        _example("Kernel ridge regression", "‖K a - y‖² + λ a' K a", "a", "K=n,n: positive_definite; a=n y=n λ=: positive"),
        _example("Gaussian kernel", "exp(-‖x - y‖² / (2 s²))", "x", "x=d y=d s=: positive"),
        _example("Mahalanobis distance", "(x - y)' M (x - y)", "M", "x=d y=d M=d,d: symmetric"),
        _example("Word vectors", "-sum(log(σ(u ⊙ (V w))))", "w", "u=n V=n,d w=d"),
    )),
    Topic("Networks", (
        _example("One hidden layer", "‖tanh(X W) v - y‖²", "W", "X=n,d W=d,k v=k y=n"),
        _example("Two layers, a classifier", "sum(logsumexp(relu(X W) V, axis=1)) - tr(Y' relu(X W) V)", "W",
                 "X=n,d W=d,h V=h,k Y=n,k"),
        _example("Attention", "softmax(K q / √d)' V u", "q", "q=d K=m,d V=m,p u=p"),
        _example("Layer normalisation", "(x - mean(x)) / sqrt(var(x) + ε)", "x", "x=d ε=: positive"),
    )),
)
EXAMPLES = tuple(each for topic in TOPICS for each in topic.examples)
