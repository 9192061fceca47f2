"""Losses: `f(prediction, target)` for one sample, PyTorch's formula with reduction="mean" over its axes.

A loss is per sample where its operands are; close it with `sg.empirical_risk`. Over an ordinary batch
axis it averages over it, as PyTorch does.
"""

from __future__ import annotations

from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs import ops
from symgrad.graphs.errors import ShapeError, SymgradError
from symgrad.graphs.node import INTEGER, REAL
from symgrad.language.align import as_tensor, common_over, describe
from symgrad.language.contraction import arange
from symgrad.language.pointwise import abs as absolute
from symgrad.language.pointwise import log, relu, softplus, where
from symgrad.language.reduction import log_softmax, logsumexp, mean
from symgrad.language.reduction import sum as total
from symgrad.language.tensor import Tensor


def _pair(name: str, prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    p, t = as_tensor(prediction, name), as_tensor(target, name)
    common_over(name, [p, t])
    if p.shape != t.shape:
        raise ShapeError(f"{name}: the prediction is {describe(p)}, the target {describe(t)}; "
                         "they must have one shape")
    return p, t


def squared_error(prediction: Any, target: Any) -> Tensor:
    """||prediction - target||^2, the sum of the squared differences: the lecture's Euclidean loss.

    >>> import symgrad as sg
    >>> print(sg.losses.squared_error(sg.data("p", 3), sg.data("t", 3)))
    ‖p - t‖²
    """
    p, t = _pair("squared_error", prediction, target)
    return total((p - t) ** 2)


def mse(prediction: Any, target: Any) -> Tensor:
    """The mean of the squared differences.

    >>> print(sg.losses.mse(sg.data("p", 3), sg.data("t", 3)))
    1/3 ‖p - t‖²
    """
    p, t = _pair("mse", prediction, target)
    return mean((p - t) ** 2)


def mae(prediction: Any, target: Any) -> Tensor:
    """The mean of the absolute differences.

    >>> print(sg.losses.mae(sg.data("p", 3), sg.data("t", 3)))
    mean(|p - t|)
    """
    p, t = _pair("mae", prediction, target)
    return mean(absolute(p - t))


def huber(prediction: Any, target: Any, delta: float = 1.0) -> Tensor:
    """The mean of d^2 / 2 for |d| <= delta, delta (|d| - delta/2) beyond (Huber 1964).

    >>> sg.losses.huber(sg.data("p", 2), sg.data("t", 2)).eval(p=[0.5, 3.0], t=[0.0, 0.0])
    np.float64(1.3125)
    """
    if not isinstance(delta, Tensor) and not delta > 0:
        raise SymgradError(f"huber: delta must be greater than 0, not {delta!r}: beyond it the loss is a straight line")
    p, t = _pair("huber", prediction, target)
    d = p - t
    return mean(where(absolute(d) <= delta, d ** 2 / 2, delta * (absolute(d) - delta / 2)))


def cross_entropy(logits: Any, target: Any) -> Tensor:
    """-log softmax(logits) at the target: integer labels, or a distribution over the last axis.

    Logits have the classes last; labels have one axis fewer, distributions the same shape.
    Raises ShapeError for other shapes.

    >>> z, t = sg.data("z", 3), sg.labels("t", classes=3)
    >>> print(sg.losses.cross_entropy(z, t), "|", sg.gradient(sg.losses.cross_entropy(z, t), z))
    logsumexp(z) - z_t | softmax(z) - e_t
    """
    z, t = as_tensor(logits, "cross_entropy"), as_tensor(target, "cross_entropy")
    if t.dtype == REAL:
        _pair("cross_entropy", z, t)
        _classes("cross_entropy", z)
        return mean(-total(t * log_softmax(z), axis=-1))
    picked = _pick("cross_entropy", z, t)
    return mean(logsumexp(z, axis=-1) - picked)


def nll(log_probabilities: Any, target: Any) -> Tensor:
    """-log_probabilities at the target label, averaged: PyTorch's nll_loss.

    >>> print(sg.losses.nll(sg.data("p", 3), sg.labels("t", classes=3)))
    -p_t
    """
    p, t = as_tensor(log_probabilities, "nll"), as_tensor(target, "nll")
    if t.dtype != INTEGER:
        raise SymgradError(f"nll: the target {describe(t)} is {t.dtype}; it must hold integer labels (sg.labels)")
    return mean(-_pick("nll", p, t))


def _classes(name: str, scores: Tensor) -> None:
    if not scores.ndim:
        raise ShapeError(f"{name}: {describe(scores)} has no axis of classes")


def _pick(name: str, scores: Tensor, labels: Tensor) -> Tensor:
    """The score of each label."""
    if labels.dtype != INTEGER:
        raise SymgradError(f"{name}: labels must be integers, {describe(labels)} is {labels.dtype}")
    _classes(name, scores)
    common_over(name, [scores, labels])
    if scores.shape[:-1] != labels.shape:
        raise ShapeError(f"{name}: {describe(scores)} has the classes last, so labels have shape "
                         f"{shape_text(scores.shape[:-1])}, but the target is {describe(labels)}")
    classes = labels.node.attrs[0].classes if labels.node.op is ops.INPUT else None
    if classes is not None and classes != scores.shape[-1]:
        raise ShapeError(f"{name}: {describe(scores)} scores {scores.shape[-1]} classes, "
                         f"but {describe(labels)} has {classes}")
    rank = labels.ndim
    grid = [arange(n)[(slice(None), *(None,) * (rank - 1 - i))] for i, n in enumerate(labels.shape)]
    return scores[(*grid, labels)]


def binary_cross_entropy_with_logits(logits: Any, target: Any) -> Tensor:
    """The mean of softplus(z) - t z: cross-entropy of sigmoid(z) with targets in [0, 1].

    >>> z, t = sg.data("z"), sg.data("t")
    >>> print(sg.gradient(sg.losses.binary_cross_entropy_with_logits(z, t), z))
    σ(z) - t
    """
    z, t = _pair("binary_cross_entropy_with_logits", logits, target)
    return mean(softplus(z) - t * z)


def kl_divergence(log_prediction: Any, target: Any) -> Tensor:
    """The mean of t (log t - log_prediction): PyTorch's kl_div; terms with t = 0 are 0.

    >>> p, t = sg.data("p", 2), sg.data("t", 2)
    >>> sg.losses.kl_divergence(p, t).eval(p=np.log([0.5, 0.5]), t=[1.0, 0.0]).round(4)
    np.float64(0.3466)
    """
    p, t = _pair("kl_divergence", log_prediction, target)
    return mean(where(t > 0, t * (log(where(t > 0, t, 1)) - p), 0))


def hinge(prediction: Any, target: Any) -> Tensor:
    """The mean of max(0, 1 - t p), for targets in {-1, 1}.

    >>> sg.losses.hinge(sg.data("p", 2), sg.data("t", 2)).eval(p=[0.5, 3.0], t=[1.0, 1.0])
    np.float64(0.25)
    """
    p, t = _pair("hinge", prediction, target)
    return mean(relu(1 - t * p))


