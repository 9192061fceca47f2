"""Activations that are a line of others, under PyTorch's names: ReLU6, SELU, Mish, Hardswish and their kin."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.graphs.sizes import canonical
from symgrad.language.align import as_axis, as_tensor, describe
from symgrad.language.composed import split
from symgrad.language.habits import axis_named
from symgrad.language.pointwise import abs as absolute
from symgrad.language.pointwise import apply_row, elu, expm1, relu, sigmoid, softplus, tanh, where
from symgrad.language.reduction import softmax
from symgrad.language.tensor import Tensor

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. 2017


def relu6(x: Any) -> Tensor:
    """max(x, 0), at most 6; derivative 0 at both ends (Howard et al. 2017).

    >>> sg.relu6(sg.data("x", 3)).eval(x=[-1.0, 2.0, 9.0])
    array([0., 2., 6.])
    """
    return hardtanh(x, 0, 6)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x between two numbers; derivative 0 at both. Raises ShapeError where the first is not the smaller one.

    >>> sg.hardtanh(sg.data("x", 3)).eval(x=[-3.0, 0.5, 2.0])
    array([-1. ,  0.5,  1. ])
    """
    if not min_val < max_val:
        raise ShapeError(f"hardtanh: min_val must be less than max_val, not {min_val} and {max_val}")
    t = as_tensor(x, "hardtanh")
    low = relu(t) if min_val == 0 else where(t <= min_val, min_val, t)
    return where(t >= max_val, max_val, low)


def hardsigmoid(x: Any) -> Tensor:
    """relu6(x + 3) / 6.

    >>> sg.hardsigmoid(sg.data("x", 3)).eval(x=[-4.0, 0.0, 4.0])
    array([0. , 0.5, 1. ])
    """
    return relu6(as_tensor(x, "hardsigmoid") + 3) / 6


def hardswish(x: Any) -> Tensor:
    """x relu6(x + 3) / 6 by its pieces: 0 up to -3, x from 3 on (Howard et al. 2019).

    >>> sg.hardswish(sg.data("x", 3)).eval(x=[-4.0, 1.5, 4.0])
    array([0.   , 1.125, 4.   ])
    """
    t = as_tensor(x, "hardswish")
    return where(t <= -3, 0, where(t >= 3, t, t * (t + 3) / 6))


def selu(x: Any) -> Tensor:
    """Scale times elu(x, alpha), with the two numbers of Klambauer et al. 2017.

    >>> sg.selu(sg.data("x", 2)).eval(x=[-1.0, 1.0]).round(4)
    array([-1.1113,  1.0507])
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where positive, else alpha (exp(x / alpha) - 1) (Barron 2017).

    >>> sg.celu(sg.data("x", 2), 2.0).eval(x=[-1.0, 1.0]).round(4)
    array([-0.7869,  1.    ])
    """
    t = as_tensor(x, "celu")
    return where(t > 0, t, alpha * expm1(t / alpha))


def mish(x: Any) -> Tensor:
    """x tanh(softplus(x)) (Misra 2019).

    >>> print(sg.mish(sg.data("x", 3)))
    x ⊙ tanh(softplus(x))
    """
    t = as_tensor(x, "mish")
    return t * tanh(softplus(t))


def softsign(x: Any) -> Tensor:
    """x / (1 + |x|).

    >>> print(sg.softsign(sg.data("x", 3)))
    x/(1 + |x|)
    """
    t = as_tensor(x, "softsign")
    return t / (1 + absolute(t))


def logsigmoid(x: Any) -> Tensor:
    """log sigmoid(x), accurate for every x.

    >>> print(sg.logsigmoid(sg.data("x", 3)))
    -softplus(-x)
    """
    return -softplus(-as_tensor(x, "logsigmoid"))


def tanhshrink(x: Any) -> Tensor:
    """x - tanh(x).

    >>> print(sg.tanhshrink(sg.data("x", 3)))
    x - tanh(x)
    """
    t = as_tensor(x, "tanhshrink")
    return t - tanh(t)


def softshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """x moved towards zero by `lambd`, and zero where that reaches it.

    >>> sg.softshrink(sg.data("x", 3)).eval(x=[-2.0, 0.25, 1.0])
    array([-1.5,  0. ,  0.5])
    """
    t = as_tensor(x, "softshrink")
    return relu(t - lambd) - relu(-t - lambd)


def hardshrink(x: Any, lambd: float = 0.5) -> Tensor:
    """x where |x| > `lambd`, else 0.

    >>> sg.hardshrink(sg.data("x", 3)).eval(x=[-2.0, 0.25, 1.0])
    array([-2.,  0.,  1.])
    """
    t = as_tensor(x, "hardshrink")
    return where(absolute(t) <= lambd, 0, t)


@axis_named
def softmin(x: Any, axis: int = -1) -> Tensor:
    """softmax of -x along an axis.

    >>> print(sg.softmin(sg.data("x", 3)))
    softmax(-x)
    """
    return softmax(-as_tensor(x, "softmin"), axis)


@axis_named
def glu(x: Any, axis: int = -1) -> Tensor:
    """The first half along an axis times the sigmoid of the second (Dauphin et al. 2017).

    >>> sg.glu(sg.data("x", (3, 8))).shape
    (3, 4)
    """
    t = as_tensor(x, "glu")
    place = as_axis(axis, t.ndim, "glu", t)
    size = t.shape[place]
    half = canonical(size / 2) if not isinstance(size, int) else size // 2
    if canonical(2 * half) != size or (not isinstance(half, int) and not half.is_integer):
        raise ShapeError(f"glu: axis {place} of {describe(t)} has {size} entries, which are not two halves")
    first, second = split(t, [half], place)
    return first * sigmoid(second)


def gelu(x: Any, approximate: str = "none") -> Tensor:
    """x (1 + erf(x / sqrt(2))) / 2, the Gaussian error linear unit (Hendrycks and Gimpel 2016).

    With `approximate="tanh"`, as in GPT-2, x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2. Raises ShapeError for another
    word.

    >>> x = sg.data("x", 2)
    >>> print(sg.gelu(x), sg.gelu(x).eval(x=[-1.0, 1.0]).round(5), sg.gelu(x, "tanh").eval(x=[-1.0, 1.0]).round(5))
    gelu(x) [-0.15866  0.84134] [-0.15881  0.84119]
    """
    if approximate not in ("none", "tanh"):
        raise ShapeError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    if approximate == "none":
        return apply_row("gelu", x)
    t = as_tensor(x, "gelu")
    return t * (1 + tanh(0.7978845608028654 * (t + 0.044715 * t**3))) / 2

