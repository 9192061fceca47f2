"""Layers without parameters: one function of all entries, or along an axis.

Those that PyTorch can compute in the place of their input take its `inplace`, which means nothing here: tensors do not
change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from symgrad.graphs.errors import SymgradError
from symgrad.language import activating as more
from symgrad.language import pointwise as ew
from symgrad.language.align import as_tensor
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


def ReLU(inplace: bool = False) -> Activation:
    """max(x, 0).

    >>> print(sg.nn.ReLU()(sg.data("x", 3)))
    relu(x)
    """
    return Activation("ReLU", ew.relu)


def LeakyReLU(negative_slope: float = 0.01, inplace: bool = False) -> Activation:
    """x where positive, else negative_slope x.

    >>> print(sg.nn.LeakyReLU()(sg.data("x", 3)))
    leaky_relu(x, 0.01)
    """
    return Activation("LeakyReLU", ew.leaky_relu, {"negative_slope": negative_slope})


def ELU(alpha: float = 1.0, inplace: bool = False) -> Activation:
    """x where positive, else alpha (exp(x) - 1).

    >>> print(sg.nn.ELU()(sg.data("x", 3)))
    elu(x, 1)
    """
    return Activation("ELU", ew.elu, {"alpha": alpha})


def GELU(approximate: str = "none") -> Activation:
    """x Phi(x), exact, or with `approximate="tanh"` as GPT-2 has it.

    >>> print(sg.nn.GELU()(sg.data("x", 3)))
    gelu(x)
    """
    return Activation("GELU", more.gelu, {} if approximate == "none" else {"approximate": approximate})


def SiLU(inplace: bool = False) -> Activation:
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


def Softplus(beta: float = 1.0, threshold: float = 20.0) -> Activation:
    """log(1 + exp(beta x)) / beta; where beta x is above a `threshold` other than 20, x itself.

    At 20 the two differ by 2e-9, and the formula is the better number. Raises SymgradError for beta = 0.

    >>> print(sg.nn.Softplus()(sg.data("x", 3)), "|", sg.nn.Softplus(2.0)(sg.data("x", 3)))
    softplus(x) | 1/2 softplus(2 x)
    """
    if not beta:
        raise SymgradError("Softplus: beta must not be 0: it divides")
    given = {key: value for key, value, usual in (("beta", beta, 1.0), ("threshold", threshold, 20.0)) if value != usual}
    return Activation("Softplus", _softplus, given)


def _softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    t = as_tensor(x, "Softplus")
    steep = t if beta == 1 else beta * t
    soft = ew.softplus(steep) if beta == 1 else ew.softplus(steep) / beta
    return soft if threshold == 20 else ew.where(steep > threshold, t, soft)


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


def ReLU6(inplace: bool = False) -> Activation:
    """max(x, 0), at most 6.

    >>> print(sg.nn.ReLU6()(sg.data("x", 3)))
    {6 if x ≥ 6, relu(x) otherwise}
    """
    return Activation("ReLU6", more.relu6)


def Hardtanh(min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Activation:
    """x between two numbers.

    >>> print(sg.nn.Hardtanh()(sg.data("x", 3)))
    {1 if x ≥ 1, -1 if x ≤ -1, x otherwise}
    """
    return Activation("Hardtanh", more.hardtanh, {"min_val": min_val, "max_val": max_val})


def Hardsigmoid(inplace: bool = False) -> Activation:
    """relu6(x + 3) / 6.

    >>> print(sg.nn.Hardsigmoid()(sg.data("x", 3)))
    1/6 {6 if x + 3 ≥ 6, relu(x + 3) otherwise}
    """
    return Activation("Hardsigmoid", more.hardsigmoid)


def Hardswish(inplace: bool = False) -> Activation:
    """x relu6(x + 3) / 6.

    >>> print(sg.nn.Hardswish()(sg.data("x", 3)))
    {0 if x ≤ -3, x if x ≥ 3, 1/6 x ⊙ (x + 3) otherwise}
    """
    return Activation("Hardswish", more.hardswish)


def SELU(inplace: bool = False) -> Activation:
    """The scaled exponential linear unit.

    >>> print(sg.nn.SELU()(sg.data("x", 3)))
    1.0507009873554805 elu(x, 1.6732632423543772)
    """
    return Activation("SELU", more.selu)


def CELU(alpha: float = 1.0, inplace: bool = False) -> Activation:
    """x where positive, else alpha (exp(x / alpha) - 1).

    >>> print(sg.nn.CELU()(sg.data("x", 3)))
    {x if x > 0, exp(x) - 1 otherwise}
    """
    return Activation("CELU", more.celu, {"alpha": alpha})


def Mish(inplace: bool = False) -> Activation:
    """x tanh(softplus(x)).

    >>> print(sg.nn.Mish()(sg.data("x", 3)))
    x ⊙ tanh(softplus(x))
    """
    return Activation("Mish", more.mish)


def Softsign() -> Activation:
    """x / (1 + |x|).

    >>> print(sg.nn.Softsign()(sg.data("x", 3)))
    x/(1 + |x|)
    """
    return Activation("Softsign", more.softsign)


def LogSigmoid() -> Activation:
    """log sigmoid(x), accurate for every x.

    >>> print(sg.nn.LogSigmoid()(sg.data("x", 3)))
    -softplus(-x)
    """
    return Activation("LogSigmoid", more.logsigmoid)


def Tanhshrink() -> Activation:
    """x - tanh(x).

    >>> print(sg.nn.Tanhshrink()(sg.data("x", 3)))
    x - tanh(x)
    """
    return Activation("Tanhshrink", more.tanhshrink)


def Softshrink(lambd: float = 0.5) -> Activation:
    """x moved towards zero by `lambd`.

    >>> print(sg.nn.Softshrink()(sg.data("x", 3)))
    relu(x - 1/2) - relu(-x - 1/2)
    """
    return Activation("Softshrink", more.softshrink, {"lambd": lambd})


def Hardshrink(lambd: float = 0.5) -> Activation:
    """x where |x| > `lambd`, else 0.

    >>> print(sg.nn.Hardshrink()(sg.data("x", 3)))
    {0 if |x| ≤ 1/2, x otherwise}
    """
    return Activation("Hardshrink", more.hardshrink, {"lambd": lambd})


def Softmin(dim: int = -1) -> Activation:
    """softmax of -x along the axis `dim`.

    >>> print(sg.nn.Softmin()(sg.data("x", 3)))
    softmax(-x)
    """
    return Activation("Softmin", more.softmin, {"axis": dim})


def GLU(dim: int = -1) -> Activation:
    """The first half along the axis `dim` times the sigmoid of the second.

    >>> sg.nn.GLU()(sg.data("x", 8)).shape
    (4,)
    """
    return Activation("GLU", more.glu, {"axis": dim})
