"""Layers without parameters: one function of all entries, or along an axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from symgrad.language import pointwise as ew
from symgrad.language.reduction import log_softmax, softmax
from symgrad.language.tensor import Tensor
from symgrad.nn.module import Module


@dataclass(repr=False, eq=False)
class Activation(Module):
    """A layer without parameters: one function, entry by entry or along an axis.

    >>> sg.nn.Activation("Sine", sg.sin)
    Sine()
    """

    name: str
    function: Callable[..., Tensor]
    arguments: dict[str, Any] = field(default_factory=dict)

    def __call__(self, x: Any) -> Tensor:
        return self.function(x, **self.arguments)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value}' for key, value in self.arguments.items())})"


def Tanh() -> Activation:
    """tanh.

    >>> print(sg.nn.Tanh()(sg.data("x", 3)))
    tanh(x)
    """
    return Activation("Tanh", ew.tanh)


def ReLU() -> Activation:
    """max(x, 0).

    >>> print(sg.nn.ReLU()(sg.data("x", 3)))
    relu(x)
    """
    return Activation("ReLU", ew.relu)


def LeakyReLU(negative_slope: float = 0.01) -> Activation:
    """x where positive, else negative_slope x.

    >>> print(sg.nn.LeakyReLU()(sg.data("x", 3)))
    leaky_relu(x, 0.01)
    """
    return Activation("LeakyReLU", ew.leaky_relu, {"negative_slope": negative_slope})


def ELU(alpha: float = 1.0) -> Activation:
    """x where positive, else alpha (exp(x) - 1).

    >>> print(sg.nn.ELU()(sg.data("x", 3)))
    elu(x, 1)
    """
    return Activation("ELU", ew.elu, {"alpha": alpha})


def GELU() -> Activation:
    """x Phi(x), exact.

    >>> print(sg.nn.GELU()(sg.data("x", 3)))
    gelu(x)
    """
    return Activation("GELU", ew.gelu)


def SiLU() -> Activation:
    """x sigmoid(x).

    >>> print(sg.nn.SiLU()(sg.data("x", 3)))
    silu(x)
    """
    return Activation("SiLU", ew.silu)


def Sigmoid() -> Activation:
    """1 / (1 + exp(-x)).

    >>> print(sg.nn.Sigmoid()(sg.data("x", 3)))
    σ(x)
    """
    return Activation("Sigmoid", ew.sigmoid)


def Softplus() -> Activation:
    """log(1 + exp(x)).

    >>> print(sg.nn.Softplus()(sg.data("x", 3)))
    softplus(x)
    """
    return Activation("Softplus", ew.softplus)


def Softmax(dim: int = -1) -> Activation:
    """softmax along the axis `dim`.

    >>> print(sg.nn.Softmax()(sg.data("x", 3)))
    softmax(x)
    """
    return Activation("Softmax", softmax, {"axis": dim})


def LogSoftmax(dim: int = -1) -> Activation:
    """log softmax along the axis `dim`.

    >>> print(sg.nn.LogSoftmax()(sg.data("x", 3)))
    x - logsumexp(x)
    """
    return Activation("LogSoftmax", log_softmax, {"axis": dim})
