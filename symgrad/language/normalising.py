"""Normalisation: entries less their mean, over the root of their variance, each then scaled and shifted.

Arguments, defaults and conventions are those of `torch.nn.functional`: the variance is the biased one. They are written
with `mean` and `var`, so that a derivation names mu, sigma^2 and x-hat. Layers call `over_axes`, `over_groups` and
`over_batch` with their own name, so that errors say whose they are.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.sizes import Shape, Size, canonical, product
from symgrad.language.align import as_int, as_shape, as_tensor, describe
from symgrad.language.composed import var
from symgrad.language.pointwise import sqrt
from symgrad.language.rearrange import expand_dims, reshape
from symgrad.language.reduction import mean
from symgrad.language.tensor import Tensor


def layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """`weight (x - mu) / sqrt(sigma^2 + eps) + bias`, with mean and biased variance along the last axes.

    `normalized_shape` is the size of the last axis, or the sizes of the last axes; `weight` and `bias` have that shape.
    Raises ShapeError for what does not fit. Source: Ba, Kiros and Hinton 2016; PyTorch's `layer_norm`.

    >>> x = sg.data("x", (2, 3))
    >>> sg.layer_norm(x, 3).eval(x=[[1.0, 2.0, 3.0], [4.0, 4.0, 4.0]]).round(3)
    array([[-1.225,  0.   ,  1.225],
           [ 0.   ,  0.   ,  0.   ]])
    """
    return over_axes("layer_norm", input, normalized_shape, weight, bias, eps)


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Tensor:
    """Channels in `num_groups` groups, each normalised over its channels and all axes behind them, per sample.

    `input` is (batch, channels, ...), or (channels, ...) under `over=`; `weight` and `bias` are (channels,). Raises
    ShapeError where channels do not divide by groups. Source: Wu and He 2018; PyTorch's `group_norm`.

    >>> x = sg.data("x", (6, 4, 4), over=sg.dim("T"))
    >>> sg.group_norm(x, 3, sg.parameter("γ", 6), sg.parameter("β", 6)).shape
    (6, 4, 4)
    """
    return over_groups("group_norm", input, num_groups, weight, bias, eps)


def batch_norm(input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
               training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Every channel less its mean, over the root of its variance plus `eps`, then scaled and shifted.

    `input` is (batch, channels, ...), or (channels, ...) under `over=`; the others are (channels,). With `training`, mean
    and biased variance are those of the batch: over all samples and all axes but that of the channels; else they are
    `running_mean` and `running_var`. Which of them is said here, once: a fit and a prediction do not switch it, as
    `sg.nn.BatchNorm1d` does. Running statistics are not moved, for tensors do not change: `momentum` has no part in the
    value. Raises ShapeError for what does not fit, and for a batch of one value a channel in training. Source: Ioffe and
    Szegedy 2015; PyTorch's `batch_norm`.

    >>> x, mu, v = sg.data("x", (2, 3)), sg.data("μ", 3), sg.data("v", 3)
    >>> sg.batch_norm(x, None, None, training=True, eps=0.0).eval(x=[[1.0, 2.0, 0.0], [3.0, 6.0, 4.0]])
    array([[-1., -1., -1.],
           [ 1.,  1.,  1.]])
    >>> sg.batch_norm(x, mu, v).shape
    (2, 3)
    """
    return over_batch("batch_norm", input, running_mean, running_var, weight, bias, training, momentum, eps)


def rms_norm(input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Tensor:
    """`weight x / sqrt(mean(x^2) + eps)`, the mean along the last axes, which `normalized_shape` names.

    Without `eps` it is that of numbers of 64 bits, 2^-52. Raises ShapeError for what does not fit. Source: Zhang and
    Sennrich 2019; PyTorch's `rms_norm`.

    >>> sg.rms_norm(sg.data("x", 2), 2).eval(x=[3.0, 4.0]).round(3)
    array([0.849, 1.131])
    """
    return over_roots("rms_norm", input, normalized_shape, weight, eps)


def instance_norm(input: Any, running_mean: Any = None, running_var: Any = None, weight: Any = None, bias: Any = None,
                  use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Every channel of every sample less its mean, over the root of its variance plus `eps`, then scaled and shifted.

    `input` is (batch, channels, ...), or (channels, ...) under `over=`; the others are (channels,). Without
    `use_input_stats` mean and variance are `running_mean` and `running_var`. Raises ShapeError for what does not fit.
    Source: Ulyanov, Vedaldi and Lempitsky 2016; PyTorch's `instance_norm`.

    >>> x = sg.data("x", (2, 3), over=sg.dim("T"))
    >>> sg.instance_norm(x, eps=0.0).eval(x=[[[1.0, 2.0, 3.0], [0.0, 0.0, 3.0]]]).round(3)
    array([[[-1.225,  0.   ,  1.225],
            [-0.707, -0.707,  1.414]]])
    """
    if not use_input_stats:
        return over_batch("instance_norm", input, running_mean, running_var, weight, bias, False, momentum, eps)
    return over_instances("instance_norm", input, weight, bias, eps)


def over_roots(name: str, input: Any, normalized_shape: Any, weight: Any, eps: float | None) -> Tensor:
    """`rms_norm`; `name` says in errors whose it is."""
    x, shape = as_tensor(input, name), as_shape(normalized_shape, name)
    if not shape or x.shape[-len(shape):] != shape:
        raise ShapeError(f"{name}: the last axes of {describe(x)} must be the normalized_shape "
                         f"{shape_text(shape)}" + ("" if shape else ", which names none"))
    squares = mean(x**2, tuple(range(x.ndim - len(shape), x.ndim)), keepdims=True)
    return scaled(name, centred(name, x, 0, squares, 2.0**-52 if eps is None else eps), weight, None, shape, shape)


def over_instances(name: str, input: Any, weight: Any, bias: Any, eps: float) -> Tensor:
    """`instance_norm`; `name` says in errors whose it is."""
    x = as_tensor(input, name)
    place = channel_axis(name, x)
    if x.ndim == place + 1 or product(x.shape[place + 1:]) == 1:
        raise ShapeError(f"{name}: {describe(x)} has one value a channel; their variance needs more than one")
    normal = standardised(name, x, tuple(range(place + 1, x.ndim)), eps)
    channels = x.shape[place]
    return scaled(name, normal, weight, bias, (channels,), per_channel(channels, x, place))


def over_axes(name: str, input: Any, normalized_shape: Any, weight: Any, bias: Any, eps: float) -> Tensor:
    """`layer_norm`; `name` says in errors whose it is."""
    x, shape = as_tensor(input, name), as_shape(normalized_shape, name)
    if not shape or x.shape[-len(shape):] != shape:
        raise ShapeError(f"{name}: the last axes of {describe(x)} must be the normalized_shape "
                         f"{shape_text(shape)}" + ("" if shape else ", which names none"))
    normal = standardised(name, x, tuple(range(x.ndim - len(shape), x.ndim)), eps)
    return scaled(name, normal, weight, bias, shape, shape)


def over_groups(name: str, input: Any, num_groups: Any, weight: Any, bias: Any, eps: float) -> Tensor:
    """`group_norm`; `name` says in errors whose it is."""
    x, groups = as_tensor(input, name), as_int(num_groups, name, "num_groups")
    place = channel_axis(name, x)
    channels = x.shape[place]
    each = canonical(channels / sp.Integer(groups)) if groups > 0 and divides(groups, channels) else None
    if each is None:
        raise ShapeError(f"{name}: the {channels} channels of {describe(x)} do not divide into {groups} groups")
    parts = reshape(x, (*x.shape[:place], groups, each, *x.shape[place + 1:]))
    normal = standardised(name, parts, tuple(range(place + 1, parts.ndim)), eps)
    return scaled(name, reshape(normal, x.shape), weight, bias, (channels,), per_channel(channels, x, place))


def over_batch(name: str, input: Any, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: Any,
               momentum: Any, eps: float) -> Tensor:
    """`batch_norm`; `name` says in errors whose it is."""
    if not isinstance(training, bool):
        raise TypeError(f"{name}: training is True or False, not {training!r}")
    checked_momentum(name, momentum)
    x = as_tensor(input, name)
    place = channel_axis(name, x)
    channels = x.shape[place]
    laid = per_channel(channels, x, place)
    given = []
    for what, values in (("running_mean", running_mean), ("running_var", running_var)):
        if values is not None:
            t = as_tensor(values, name)
            if t.shape != (channels,):
                raise ShapeError(f"{name}: the {what} {describe(t)} must have the shape {shape_text((channels,))}")
            given.append(laid_out(t, laid))
    if not training:
        if len(given) < 2:
            raise ShapeError(f"{name}: without training it needs a running_mean and a running_var")
        return scaled(name, centred(name, x, given[0], given[1], eps), weight, bias, (channels,), laid)
    mu, variance, count = statistics(x, place)
    if count == 1:
        raise ShapeError(f"{name}: {describe(x)} has one value a channel; in training their variance needs more than one")
    return scaled(name, centred(name, x, mu, variance, eps), weight, bias, (channels,), laid)


def checked_momentum(name: str, momentum: Any) -> None:
    """Raises ShapeError for a momentum that is no number from 0 to 1."""
    if isinstance(momentum, bool) or not isinstance(momentum, (int, float)) or not 0 <= momentum <= 1:
        raise ShapeError(f"{name}: momentum is a number from 0 to 1, not {momentum!r}")


def statistics(x: Tensor, place: int) -> tuple[Tensor, Tensor, Size]:
    """Mean and biased variance of each channel over all else, laid along the axes of `x`, and of how many values."""
    axes = tuple(axis for axis in range(x.ndim) if axis != place)
    mu = _over_samples(x, axes)
    deviations = x - mu
    count = product([*(x.shape[axis] for axis in axes), *([] if x.over is None else [x.over])])
    return mu, _over_samples(deviations**2, axes), count


def laid_out(t: Tensor, shape: Shape) -> Tensor:
    """`t` in a shape with ones among its axes: axes are added, where they are, so that formulas show none."""
    if t.shape == shape[:t.ndim] and set(shape[t.ndim:]) <= {1}:
        return t if t.shape == shape else expand_dims(t, tuple(range(t.ndim, len(shape))))
    if t.shape == tuple(n for n in shape if n != 1):
        return expand_dims(t, tuple(i for i, n in enumerate(shape) if n == 1))
    return reshape(t, shape)


def _over_samples(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The mean along `axes`, which stay with one entry, and over all samples."""
    each = mean(x, axes, keepdims=True) if axes else x
    return each if x.over is None else mean(each, over=x.over)


def standardised(name: str, x: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """x-hat: `x` less its mean along `axes`, over the root of its biased variance plus `eps`."""
    return centred(name, x, mean(x, axes, keepdims=True), var(x, axes, keepdims=True), eps)


def centred(name: str, x: Tensor, mu: Any, variance: Any, eps: float) -> Tensor:
    """x-hat by a mean and a variance that are given. Raises ShapeError for an `eps` that is no number from 0 on."""
    if isinstance(eps, bool) or not isinstance(eps, (int, float)) or not 0 <= eps < float("inf"):
        raise ShapeError(f"{name}: eps is a number from 0 on, not {eps!r}")
    deviations = x if isinstance(mu, int) else x - mu
    return deviations / sqrt(variance + eps if eps else variance)


def scaled(name: str, x: Tensor, weight: Any, bias: Any, shape: Shape, laid: Shape) -> Tensor:
    """`weight x + bias`, either of them None or of `shape`, which along the axes of `x` is `laid`."""
    for what, factor in (("weight", weight), ("bias", bias)):
        if factor is None:
            continue
        t = as_tensor(factor, name)
        if t.shape != shape:
            raise ShapeError(f"{name}: the {what} {describe(t)} must have the shape {shape_text(shape)}")
        t = laid_out(t, laid)
        x = t * x if what == "weight" else x + t
    return x


def channel_axis(name: str, x: Tensor) -> int:
    """Where channels lie: in front of a sample under `over=`, else behind the batch axis. Raises ShapeError without."""
    place = 0 if x.over is not None else 1
    if x.ndim <= place:
        raise ShapeError(f"{name}: {describe(x)} has no channels; it must be (batch, channels, ...), or (channels, ...) "
                         "under over=")
    return place


def per_channel(channels: Size, x: Tensor, place: int) -> Shape:
    """The shape of a number for each channel, laid along the axes of `x`: channels first, axes of one entry behind."""
    return (channels, *[1] * (x.ndim - place - 1))


def divides(count: int, size: Size) -> bool:
    """`size` is a multiple of `count`, whatever its symbols are."""
    if isinstance(size, int):
        return size % count == 0
    return all(coefficient % count == 0 for coefficient in sp.Poly(size).coeffs())
