"""Statistics of the batch in training, statistics that the model keeps outside of it: batch norm as layers have it.

`mu = where(training, mean(x), running_mean)`, and the running mean becomes `(1 - momentum) running_mean + momentum mean(x)`
in every step. `training` is a symbol of each call that nobody gives, the running statistics are symbols that a model keeps
beside its parameters (`graphs/phases.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.algebra.primitives import tracked as tracked_node
from symgrad.graphs.node import BOOLEAN, REAL, Symbol, new_owner
from symgrad.graphs.phases import MODE, STATE
from symgrad.graphs.sizes import Shape, Size
from symgrad.graphs.weights import ONE
from symgrad.language.normalising import centred, laid_out, per_channel, scaled, statistics
from symgrad.language.pointwise import where
from symgrad.language.rearrange import reshape
from symgrad.language.recipes import operation
from symgrad.language.tensor import Tensor, wrap


class RunningStatistics(NamedTuple):
    """The running statistics of a layer; `batches` counts, where each batch is to weigh the same."""

    mean: Tensor
    variance: Tensor
    batches: Tensor | None
    momentum: float | None


def state(name: str, shape: Shape, start: float, owner: int) -> Tensor:
    """A symbol that a model keeps and that training moves by a formula of its own; it starts from a number."""
    return wrap(input_node(Symbol(STATE, name, init=start, owner=owner), shape, REAL))


def mode(name: str, count: Size) -> Tensor:
    """True in training and else false, for one call of the layer `name`, which takes statistics of `count` values."""
    return wrap(input_node(Symbol(MODE, "training", init=(name, count), owner=new_owner()), (), BOOLEAN))


@operation
def tracked(value: Tensor, call: Tensor, kept: Tensor, after: Tensor) -> Tensor:
    """`value`; where the call is one in training, `kept` becomes `after`."""
    return wrap(tracked_node(value.node, call.node, kept.node, after.node), value.over)


@operation
def switched(training: Tensor, otherwise: Tensor, call: Tensor) -> Tensor:
    """The one in training, the other one outside of it."""
    if call.node.op is ops.INPUT:
        return where(call, training, otherwise)
    return training if literal_value(call.node) == ONE else otherwise


def normalised(name: str, x: Tensor, place: int, kept: RunningStatistics | None, weight: Any, bias: Any,
               eps: float) -> Tensor:
    """Channels, which lie on axis `place`, less their mean over their deviation, scaled and shifted.

    Without running statistics they are those of the batch everywhere.
    """
    channels = x.shape[place]
    laid = per_channel(channels, x, place)
    mu, variance, count = statistics(x, place)
    call = mode(name, count)
    mean_now, variance_now = (reshape(t, (channels,)) if t.shape != (channels,) else t for t in (mu, variance))
    if kept is None:  # one value for both: the call is there for its count, a batch of one has no variance
        return scaled(name, centred(name, x, switched(mu, mu, call), variance, eps), weight, bias, (channels,), laid)
    unbiased = variance_now if count == 1 else sp.sympify(count) / (count - 1) * variance_now
    by = kept.momentum if kept.batches is None else 1 / (kept.batches + 1)
    mu = tracked(mu, call, kept.mean, _moved(kept.mean, mean_now, by))
    mu = tracked(mu, call, kept.variance, _moved(kept.variance, unbiased, by))
    if kept.batches is not None:
        mu = tracked(mu, call, kept.batches, kept.batches + 1)
    mu = switched(mu, laid_out(kept.mean, laid), call)
    variance = switched(variance, laid_out(kept.variance, laid), call)
    return scaled(name, centred(name, x, mu, variance, eps), weight, bias, (channels,), laid)


def _moved(old: Tensor, new: Tensor, by: Any) -> Tensor:
    return (1 - by) * old + by * new
