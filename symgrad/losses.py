"""Losses: `f(prediction, target)` for one sample, PyTorch's formula over the axes of one sample.

A loss is per sample where its operands are; close it with `sg.empirical_risk`. Over an ordinary batch axis it averages
over it, as PyTorch does. Every loss takes `reduction=`: "mean" (over the axes of one sample), "sum", or "none" (the losses
of all entries); `squared_error` is a sum.

Where entries have weights, or some are ignored, the mean divides by the sum of the weights. Under `over=` that is the
sum over all samples, divided by their number: so the empirical risk is PyTorch's mean over the whole batch.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs import ops
from symgrad.graphs.errors import ShapeError, SymgradError
from symgrad.graphs.node import INTEGER, REAL
from symgrad.language.align import as_int, as_tensor, common_over, describe
from symgrad.language.alignments import log_alignments
from symgrad.language.contraction import arange
from symgrad.language.habits import LOSSES, hints
from symgrad.language.pointwise import abs as absolute
from symgrad.language.pointwise import equal, exp, log, logical_not, maximum, relu, softplus, where
from symgrad.language.reduction import log_softmax, logsumexp, mean
from symgrad.language.reduction import sum as total
from symgrad.language.tensor import Tensor, wrap

REDUCTIONS = ("mean", "sum", "none")
__getattr__ = hints(__name__, LOSSES)


def _pair(name: str, prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    p, t = as_tensor(prediction, name), as_tensor(target, name)
    common_over(name, [p, t])
    if p.shape != t.shape:
        raise ShapeError(f"{name}: the prediction is {describe(p)}, the target {describe(t)}; they must have one shape")
    return p, t


def _reduced(name: str, each: Tensor, reduction: Any, weights: Tensor | None = None) -> Tensor:
    """The losses of all entries, which have their weights already, reduced as PyTorch does."""
    if reduction not in REDUCTIONS:
        raise SymgradError(f"{name}: reduction must be 'mean', 'sum' or 'none', not {reduction!r}")
    if reduction == "none":
        return each
    if reduction == "sum":
        return total(each)
    if weights is None:
        return mean(each)
    whole = total(weights)
    return total(each) / (whole if whole.over is None else mean(whole, over=whole.over))


def _weights(name: str, weight: Any, size: Any, axis: str, owner: Tensor) -> Tensor:
    """The weights of classes: a vector with one for each."""
    w = as_tensor(weight, name)
    if w.ndim != 1 or w.shape[0] != size or w.over is not None:
        raise ShapeError(f"{name}: the weight {describe(w)} must be a vector of {size}: one for each {axis} of "
                         f"{describe(owner)}")
    return w


def squared_error(prediction: Any, target: Any) -> Tensor:
    """||prediction - target||^2, the sum of the squared differences: the lecture's Euclidean loss.

    >>> print(sg.losses.squared_error(sg.data("p", 3), sg.data("t", 3)))
    ‖p - t‖²
    """
    p, t = _pair("squared_error", prediction, target)
    return total((p - t) ** 2)


def mse(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The mean of the squared differences.

    >>> print(sg.losses.mse(sg.data("p", 3), sg.data("t", 3)))
    1/3 ‖p - t‖²
    """
    p, t = _pair("mse", prediction, target)
    return _reduced("mse", (p - t) ** 2, reduction)


def mae(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The mean of the absolute differences.

    >>> print(sg.losses.mae(sg.data("p", 3), sg.data("t", 3)))
    mean(|p - t|)
    """
    p, t = _pair("mae", prediction, target)
    return _reduced("mae", absolute(p - t), reduction)


def huber(prediction: Any, target: Any, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """The mean of d^2 / 2 for |d| <= delta, delta (|d| - delta/2) beyond (Huber 1964).

    >>> sg.losses.huber(sg.data("p", 2), sg.data("t", 2)).eval(p=[0.5, 3.0], t=[0.0, 0.0])
    np.float64(1.3125)
    """
    if not isinstance(delta, Tensor) and not delta > 0:
        raise SymgradError(f"huber: delta must be greater than 0, not {delta!r}: beyond it the loss is a straight line")
    p, t = _pair("huber", prediction, target)
    d = p - t
    return _reduced("huber", where(absolute(d) <= delta, d ** 2 / 2, delta * (absolute(d) - delta / 2)), reduction)


def smooth_l1(prediction: Any, target: Any, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    """The mean of d^2 / (2 beta) for |d| < beta, |d| - beta/2 beyond; with `beta=0` of |d| (Girshick 2015).

    >>> sg.losses.smooth_l1(sg.data("p", 2), sg.data("t", 2), beta=0.5).eval(p=[0.25, 3.0], t=[0.0, 0.0])
    np.float64(1.40625)
    """
    if not isinstance(beta, Tensor) and not beta >= 0:
        raise SymgradError(f"smooth_l1: beta must be at least 0, not {beta!r}: up to it the loss is a parabola")
    p, t = _pair("smooth_l1", prediction, target)
    d = p - t
    if not isinstance(beta, Tensor) and beta == 0:
        return _reduced("smooth_l1", absolute(d), reduction)
    return _reduced("smooth_l1", where(absolute(d) < beta, d ** 2 / (2 * beta), absolute(d) - beta / 2), reduction)


def cross_entropy(prediction: Any, target: Any, weight: Any = None, ignore_index: int | None = None,
                  label_smoothing: float = 0.0, reduction: str = "mean") -> Tensor:
    """-log softmax(prediction) at the target: integer labels, or a distribution over the last axis.

    Logits have the classes last; labels have one axis fewer, distributions the same shape. `weight`: a number for each
    class. `ignore_index`: labels that count nothing, which PyTorch takes to be -100 if not told (labels that may hold it
    are `sg.data(..., dtype="integer")`). `label_smoothing` mixes this share of the uniform distribution into the target.
    The mean divides by the sum of the weights of the labels that count; where none does, it is NaN. Raises ShapeError
    for other shapes. Source: PyTorch's `cross_entropy`.

    >>> z, t = sg.data("z", 3), sg.labels("t", classes=3)
    >>> print(sg.losses.cross_entropy(z, t), "|", sg.gradient(sg.losses.cross_entropy(z, t), z))
    logsumexp(z) - z_t | softmax(z) - e_t
    """
    name = "cross_entropy"
    z, t = as_tensor(prediction, name), as_tensor(target, name)
    smooth = _share(name, label_smoothing)
    if t.dtype == REAL:
        return _of_distribution(name, z, t, weight, ignore_index, smooth, reduction)
    labels, kept = _counting(name, t, ignore_index)
    if weight is None and not smooth:
        picked = _pick(name, z, labels)
        return _labelled(name, logsumexp(z, axis=-1) - picked, kept, None, reduction)
    _checked(name, z, labels)
    logs = log_softmax(z)
    w = None if weight is None else _weights(name, weight, z.shape[-1], "class", z)
    own = None if w is None else w[labels]
    each = -_pick(name, logs, labels) if own is None else -own * _pick(name, logs, labels)
    if smooth:
        spread = -mean(logs if w is None else w * logs, axis=-1)
        each = (1 - smooth) * each + smooth * spread
    return _labelled(name, each, kept, own, reduction)


def nll(log_probabilities: Any, target: Any, weight: Any = None, ignore_index: int | None = None,
        reduction: str = "mean") -> Tensor:
    """-log_probabilities at the target label, averaged: PyTorch's nll_loss; `weight` and `ignore_index` as cross_entropy.

    >>> print(sg.losses.nll(sg.data("p", 3), sg.labels("t", classes=3)))
    -p_t
    """
    p, t = as_tensor(log_probabilities, "nll"), as_tensor(target, "nll")
    if t.dtype != INTEGER:
        raise SymgradError(f"nll: the target {describe(t)} is {t.dtype}; it must hold integer labels (sg.labels)")
    labels, kept = _counting("nll", t, ignore_index)
    each = -_pick("nll", p, labels)
    own = None if weight is None else _weights("nll", weight, p.shape[-1], "class", p)[labels]
    return _labelled("nll", each if own is None else own * each, kept, own, reduction)


def _share(name: str, label_smoothing: Any) -> float:
    if isinstance(label_smoothing, bool) or not isinstance(label_smoothing, (int, float)) or not 0 <= label_smoothing <= 1:
        raise SymgradError(f"{name}: label_smoothing must be a number from 0 to 1, not {label_smoothing!r}")
    return label_smoothing


def _of_distribution(name: str, z: Tensor, t: Tensor, weight: Any, ignore_index: Any, smooth: float,
                     reduction: Any) -> Tensor:
    """Of targets that are distributions: their weights do not divide the mean."""
    _pair(name, z, t)
    _classes(name, z)
    if ignore_index is not None:
        raise SymgradError(f"{name}: ignore_index={ignore_index} is about labels, and the target {describe(t)} is real: "
                           "a distribution over the classes")
    q = (1 - smooth) * t + smooth / z.shape[-1] if smooth else t
    w = q if weight is None else _weights(name, weight, z.shape[-1], "class", z) * q
    return _reduced(name, -total(w * log_softmax(z), axis=-1), reduction)


def _counting(name: str, labels: Tensor, ignore_index: Any) -> tuple[Tensor, Tensor | None]:
    """Labels, 0 in the place of those that count nothing, and which count; None where all do."""
    if ignore_index is None or labels.dtype != INTEGER:
        return labels, None
    ignored = equal(labels, as_int(ignore_index, name, "ignore_index"))
    return where(ignored, 0, labels), logical_not(ignored)


def _labelled(name: str, each: Tensor, kept: Tensor | None, own: Tensor | None, reduction: Any) -> Tensor:
    """Losses of labels reduced: what does not count is 0, and so is its weight."""
    if kept is None:
        return _reduced(name, each, reduction, own)
    return _reduced(name, where(kept, each, 0), reduction, where(kept, 1.0 if own is None else own, 0))


def _classes(name: str, scores: Tensor) -> None:
    if not scores.ndim:
        raise ShapeError(f"{name}: {describe(scores)} has no axis of classes")


def _checked(name: str, scores: Tensor, labels: Tensor) -> None:
    """Raises an error where labels do not fit to scores."""
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


def _pick(name: str, scores: Tensor, labels: Tensor) -> Tensor:
    """The score of each label."""
    _checked(name, scores, labels)
    rank = labels.ndim
    grid = [arange(n)[(slice(None), *(None,) * (rank - 1 - i))] for i, n in enumerate(labels.shape)]
    return scores[(*grid, labels)]


def ctc(log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: str = "mean",
        zero_infinity: bool = False) -> Tensor:
    """-log of the probability of a text, over all ways to align it with the steps (Graves et al. 2006): PyTorch's ctc_loss.

    `log_probs` (steps, classes), `targets` (S,), and two lengths, of one sample; or (steps, N, classes), (N, S) or all
    labels in one vector, (N,), where "mean" divides by the lengths first. It is infinite where no alignment fits, 0 with
    `zero_infinity`, and its derivative 0. The gradient is that by `log_probs`; PyTorch's is right behind a log_softmax.

    >>> p = sg.log_softmax(sg.data("z", (4, 3)))
    >>> sg.losses.ctc(p, [1, 2], 4, 2, reduction="sum").eval(z=np.zeros((4, 3))).round(4)
    np.float64(1.6864)
    """
    logarithms, lengths = log_alignments("ctc", log_probs, targets, input_lengths, target_lengths, blank)
    each = where(logarithms > -math.inf, -logarithms, 0.0) if zero_infinity else -logarithms
    return _reduced("ctc", each / maximum(lengths, 1) if reduction == "mean" else each, reduction)


def binary_cross_entropy(prediction: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Tensor:
    """The mean of -t log p - (1 - t) log(1 - p), for probabilities p; logarithms are at least -100, as PyTorch's.

    `weight`, which is multiplied, broadcasts to the losses of the entries. Of `sigmoid(z)` the logarithms are those of
    softplus, right for every z.

    >>> p, t = sg.data("p", 2), sg.data("t", 2)
    >>> sg.losses.binary_cross_entropy(p, t).eval(p=[0.5, 1.0], t=[1.0, 1.0]).round(4)
    np.float64(0.3466)
    >>> print(sg.gradient(sg.losses.binary_cross_entropy(sg.sigmoid(p), t), p))
    1/2 (σ(p) - t)
    """
    p, t = _pair("binary_cross_entropy", prediction, target)
    if p.node.op is ops.ELEMENTWISE and p.node.attrs == ("sigmoid",):
        z = wrap(p.node.operands[0], p.over)
        each = softplus(z) - t * z
    else:
        each = -(t * maximum(log(p), -100.0) + (1 - t) * maximum(log(1 - p), -100.0))
    return _reduced("binary_cross_entropy", _multiplied("binary_cross_entropy", each, weight), reduction)


def _multiplied(name: str, each: Tensor, weight: Any) -> Tensor:
    """Losses times weights that broadcast to them."""
    if weight is None:
        return each
    weighted = as_tensor(weight, name) * each
    if weighted.shape != each.shape:
        raise ShapeError(f"{name}: the weight {describe(as_tensor(weight, name))} must broadcast to the losses, "
                         f"{shape_text(each.shape)}")
    return weighted


def binary_cross_entropy_with_logits(prediction: Any, target: Any, weight: Any = None, pos_weight: Any = None,
                                     reduction: str = "mean") -> Tensor:
    """The mean of softplus(z) - t z: cross-entropy of sigmoid(z) with targets in [0, 1].

    `weight`, which is multiplied, broadcasts to the losses of the entries; `pos_weight` multiplies the term of t, a number
    or one for each entry of the last axis. Source: PyTorch's `binary_cross_entropy_with_logits`.

    >>> z, t = sg.data("z"), sg.data("t")
    >>> print(sg.gradient(sg.losses.binary_cross_entropy_with_logits(z, t), z))
    σ(z) - t
    """
    name = "binary_cross_entropy_with_logits"
    z, t = _pair(name, prediction, target)
    if pos_weight is None:
        each = softplus(z) - t * z
    else:
        each = _multiplied(name, t * softplus(-z), pos_weight) + (1 - t) * softplus(z)
    return _reduced(name, _multiplied(name, each, weight), reduction)


def kl_divergence(log_prediction: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """The mean of t (log t - log_prediction): PyTorch's kl_div; terms with t = 0 are 0. `log_target`: log t is given.

    >>> p, t = sg.data("p", 2), sg.data("t", 2)
    >>> sg.losses.kl_divergence(p, t).eval(p=np.log([0.5, 0.5]), t=[1.0, 0.0]).round(4)
    np.float64(0.3466)
    """
    p, t = _pair("kl_divergence", log_prediction, target)
    if log_target:
        return _reduced("kl_divergence", exp(t) * (t - p), reduction)
    return _reduced("kl_divergence", where(t > 0, t * (log(where(t > 0, t, 1)) - p), 0), reduction)


def hinge(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The mean of max(0, 1 - t p), for targets in {-1, 1}.

    >>> sg.losses.hinge(sg.data("p", 2), sg.data("t", 2)).eval(p=[0.5, 3.0], t=[1.0, 1.0])
    np.float64(0.25)
    """
    p, t = _pair("hinge", prediction, target)
    return _reduced("hinge", relu(1 - t * p), reduction)


def poisson_nll(prediction: Any, target: Any, log_input: bool = True, eps: float = 1e-8, reduction: str = "mean") -> Tensor:
    """The mean of exp(z) - t z for counts t, z the logarithm of their mean; of p - t log(p + eps) with `log_input=False`.

    >>> print(sg.gradient(sg.losses.poisson_nll(sg.data("z"), sg.data("t")), sg.data("z")))
    exp(z) - t
    """
    z, t = _pair("poisson_nll", prediction, target)
    return _reduced("poisson_nll", exp(z) - t * z if log_input else z - t * log(z + eps), reduction)


def gaussian_nll(prediction: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-6,
                 reduction: str = "mean") -> Tensor:
    """The mean of (log v + (prediction - t)^2 / v) / 2, where v is `var`, at least `eps`; `full` adds log(2 pi) / 2.

    >>> sg.losses.gaussian_nll(sg.data("p", 2), sg.data("t", 2), 4.0).eval(p=[0.0, 1.0], t=[0.0, 3.0]).round(4)
    np.float64(0.9431)
    """
    p, t = _pair("gaussian_nll", prediction, target)
    v = maximum(as_tensor(var, "gaussian_nll"), eps)
    each = (log(v) + (p - t) ** 2 / v) / 2
    if each.shape != p.shape:
        raise ShapeError(f"gaussian_nll: the var {describe(as_tensor(var, 'gaussian_nll'))} must broadcast to the "
                         f"prediction, {describe(p)}")
    return _reduced("gaussian_nll", each + math.log(2 * math.pi) / 2 if full else each, reduction)
