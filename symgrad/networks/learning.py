"""Losses, gradients and steps of optimisers, which ONNX has as operators too."""

from __future__ import annotations

from typing import Any

from symgrad.calculus.derivatives import gradient
from symgrad.graphs.node import INTEGER
from symgrad.language.arrays import moveaxis
from symgrad.language.composed import one_hot
from symgrad.language.contraction import full
from symgrad.language.pointwise import equal, sqrt, where
from symgrad.language.reduction import log_softmax
from symgrad.language.reduction import sum as total
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, Reads

TRAINING = "ai.onnx.preview.training"


def _nll(c: Call, scores: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Minus the score of the right class, weighted by class; classes are axis 1 of the scores."""
    picked = moveaxis(scores, 1, -1)
    ignored = c["ignore_index"]
    kept = None if ignored is None else equal(target, ignored)
    safe = target if kept is None else where(kept, 0, target)
    hot = one_hot(safe, picked.shape[-1])
    loss = -total(hot * picked, axis=-1)
    share = full(loss.shape, 1.0) if weight is None else weight[safe]
    share = share if kept is None else where(kept, 0.0, share)
    loss = share * loss if kept is None else share * where(kept, 0.0, loss)
    if c["reduction"] == "none":
        return loss
    if c["reduction"] == "sum":
        return total(loss)
    return total(loss) / total(share)


def _cross_entropy(c: Call, scores: Tensor, target: Tensor, weight: Tensor | None = None) -> Any:
    logs = log_softmax(scores, 1)
    loss = _nll(c, logs, target, weight)
    return (loss, logs) if c.results > 1 else loss


def _gradient(c: Call, *values: Tensor) -> Any:
    if c["zs"]:
        c.refuse("it takes gradients with other values kept (zs), which are not read")
    variables = [c.reader.value(name) for name in c["xs"]]
    y = c.reader.value(c["y"])
    if list(values[: len(variables)]) != variables:
        c.refuse("its inputs are other values than xs names")
    return tuple(gradient(y if y.shape == () else total(y), variables))


def _grouped(c: Call, values: tuple[Tensor, ...], count: int) -> list[tuple[Tensor, ...]]:
    """The values of each parameter together: the file lists all parameters, then all gradients, ..."""
    if not values or len(values) % count:
        c.refuse(f"{len(values)} values do not make {count} for each parameter")
    size = len(values) // count
    return [values[i::size] for i in range(size)]


def _momentum(c: Call, rate: Tensor, step: Tensor, *values: Tensor) -> Any:
    moved, kept = [], []
    for x, g, v in _grouped(c, values, 3):
        g = g + c["norm_coefficient"] * x
        beta = c["beta"] if step.dtype != INTEGER else where(step > 0, c["beta"], 1.0)
        v = c["alpha"] * v + beta * g
        moved.append(x - rate * (g + c["alpha"] * v if c["mode"] == "nesterov" else v))
        kept.append(v)
    return (*moved, *kept)


def _adagrad(c: Call, rate: Tensor, step: Tensor, *values: Tensor) -> Any:
    rate = rate / (1 + step * c["decay_factor"])
    moved, kept = [], []
    for x, g, h in _grouped(c, values, 3):
        g = g + c["norm_coefficient"] * x
        h = h + g**2
        moved.append(x - rate * g / (sqrt(h) + c["epsilon"]))
        kept.append(h)
    return (*moved, *kept)


def _adam(c: Call, rate: Tensor, step: Tensor, *values: Tensor) -> Any:
    alpha, beta = c["alpha"], c["beta"]
    corrected = where(step > 0, rate * sqrt(1 - beta**step) / (1 - alpha**step), rate)
    moved, first, second = [], [], []
    for x, g, v, h in _grouped(c, values, 4):
        g = g + c["norm_coefficient"] * x
        v, h = alpha * v + (1 - alpha) * g, beta * h + (1 - beta) * g**2
        x = x - corrected * v / (sqrt(h) + c["epsilon"])
        moved.append((1 - c["norm_coefficient_post"]) * x)
        first.append(v)
        second.append(h)
    return (*moved, *first, *second)


ROWS = (
    Reads("NegativeLogLikelihoodLoss", _nll), Reads("SoftmaxCrossEntropyLoss", _cross_entropy),
    *(Reads("Gradient", _gradient, domain=domain, inside=True) for domain in (TRAINING, "ai.onnx.training")),
    Reads("Momentum", _momentum, domain=TRAINING), Reads("Adagrad", _adagrad, domain=TRAINING),
    Reads("Adam", _adam, domain=TRAINING),
)
