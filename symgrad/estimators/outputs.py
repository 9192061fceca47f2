"""The model of an estimator: a network of one sample `x`, the loss of its outputs, what is predicted with them.

Classes are numbers here, and targets arrays of numbers: what users call them is of `estimators.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any

import numpy as np

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import REAL
from symgrad.language import activating
from symgrad.language import pointwise as ew
from symgrad.language.align import constant, describe
from symgrad.language.rearrange import reshape, squeeze, stack
from symgrad.language.reduction import softmax
from symgrad.language.symbols import data, dim, labels
from symgrad.language.tensor import Tensor
from symgrad.losses import binary_cross_entropy_with_logits, cross_entropy, mse
from symgrad.nn import Activation, Linear, Sequential

Build = Callable[[Tensor, int], Any]
ACTIVATIONS: dict[str, Callable[[Any], Tensor] | None] = {
    "identity": None, "logistic": ew.sigmoid, "sigmoid": ew.sigmoid, "tanh": ew.tanh, "relu": ew.relu, "elu": ew.elu,
    "leaky_relu": ew.leaky_relu, "gelu": activating.gelu, "silu": ew.silu, "softplus": ew.softplus, "sin": ew.sin,
}  # the first five words are scikit-learn's, or close to them


class SettingError(SymgradError, ValueError):
    """An argument of an estimator that is none: a ValueError for scikit-learn."""


def layered(sizes: Any, activation: Any) -> Build:
    """The network of an estimator that was given none: affine layers, with a function between them.

    Raises SettingError for sizes that are no whole numbers from 1, and for a function that is not known.
    """
    widths = [sizes] if isinstance(sizes, Integral) else list(sizes) if isinstance(sizes, Iterable) else [sizes]
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, Integral) or width < 1:
            raise SettingError(f"hidden_layer_sizes are whole numbers from 1, such as (100,) or (64, 32), not {sizes!r}")
    if not callable(activation) and not (isinstance(activation, str) and activation in ACTIVATIONS):
        raise SettingError(f"activation must be one of {', '.join(map(repr, ACTIVATIONS))}, or a function of a tensor, "
                           f"not {activation!r}")
    function = activation if callable(activation) else ACTIVATIONS[activation]

    def build(x: Tensor, outputs: int) -> Tensor:
        ends = [x.shape[0], *map(int, widths), outputs]
        layers: list[Callable[[Any], Tensor]] = []
        for before, after in zip(ends[:-1], ends[1:], strict=True):
            if layers and function is not None:
                layers.append(Activation(getattr(function, "__name__", "activation"), function))
            layers.append(Linear(int(before), after))
        return Sequential(*layers)(x)

    return build


def classifying(build: Build, features: int, classes: int) -> tuple[Tensor, Tensor]:
    """The cross-entropy of the network's logits with the label `y`, and the probabilities of the classes.

    Two classes may have one logit, that of the second. Raises SettingError where the network gives something else.
    """
    over = dim("T")
    y = labels("y", classes=classes, over=over)
    kinds = [(classes,)] + ([(1,), ()] if classes == 2 else [])
    z = _built(build, data("x", features, over=over), classes, kinds, f"a logit for each of {classes} classes")
    if z.shape == (classes,):
        return cross_entropy(z, y), softmax(z)
    z = squeeze(z)
    return binary_cross_entropy_with_logits(z, ew.where(ew.equal(y, 1), 1.0, 0.0)), stack([ew.sigmoid(-z), ew.sigmoid(z)])


def regressing(build: Build, features: int, targets: np.ndarray) -> tuple[Tensor, Tensor]:
    """The mean of squares of what the network misses of the target `y`, and the target as it is predicted.

    The network gives targets from their mean m, in units of their standard deviation s: whatever units a target has, the
    same steps fit it, and several targets count alike. Raises SettingError where the network gives something else.
    """
    over = dim("T")
    shape = targets.shape[1:]
    y, outputs = data("y", shape, over=over), int(np.prod(shape))
    largest = np.abs(targets).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)  # squares of targets themselves may be too large for numbers, or 0
    mean, spread = unit * (targets / unit).mean(axis=0), unit * (targets / unit).std(axis=0)
    small = spread <= 1e-12 * largest  # rounding alone: the target is a constant
    m, s = constant(mean).named("m"), constant(np.where(small, np.minimum(unit, 1.0), spread)).named("s")
    kinds = [shape] + ([(1,), ()] if outputs == 1 else [])
    z = _built(build, data("x", features, over=over), outputs, kinds, f"{outputs} number{'s' if outputs > 1 else ''}")
    z = z if z.shape == shape else reshape(z, shape) if shape else squeeze(z)
    return mse(z, (y - m) / s), m + s * z


def _built(build: Build, x: Tensor, outputs: int, kinds: list[tuple[int, ...]], wanted: str) -> Tensor:
    """The tensor that `build` gives, which may be layers that are still to be called."""
    if not callable(build):
        raise SettingError(f"build must be a function (x, outputs) that gives the network, not {build!r}; "
                           "sizes of hidden layers go by name: hidden_layer_sizes=(16,)")
    z = build(x, outputs)
    z = z(x) if callable(z) and not isinstance(z, Tensor) else z
    if not isinstance(z, Tensor):
        raise SettingError(f"build(x, outputs) must give a tensor or a layer, not {z!r}")
    if z.dtype != REAL or z.shape not in kinds or z.over != x.over:
        raise SettingError(f"build(x, outputs={outputs}) gave {describe(z)}; the network must give {wanted} for one "
                           f"sample x: shape {shape_text(kinds[0])}")
    return z
