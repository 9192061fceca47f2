"""Layers with PyTorch's names, arguments and defaults: called on a tensor, they own their parameters.

Every instance is an owner of its own, so two `Linear(50, 50)` never share weights. Parameters are `W` and
`b`; `Sequential` numbers them by layer, and a graph with several layers numbers what would clash.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import new_owner
from symgrad.language import pointwise as ew
from symgrad.language.align import as_tensor, describe
from symgrad.language.rearrange import reshape, stop_gradient
from symgrad.language.reduction import log_softmax, softmax
from symgrad.language.symbols import owned_parameter
from symgrad.language.tensor import Tensor


class Module:
    """A layer: callable on a tensor, with `.parameters()` in order and `.freeze()`. Subclass it for one of your own.

    >>> class Scale(sg.nn.Module):
    ...     def __init__(self):
    ...         self.s = sg.parameter("s")
    ...     def own(self):
    ...         return [self.s]
    ...     def __call__(self, x):
    ...         return self.s * x
    ...
    >>> net = sg.nn.Sequential(sg.nn.Linear(3, 2), Scale())
    >>> [p.name for p in net.parameters()]
    ['W1', 'b1', 's']
    """

    frozen: bool = False

    def own(self) -> list[Tensor]:
        """The parameters of this layer itself."""
        return []

    def children(self) -> list[Module]:
        """The layers inside this one."""
        return []

    def parameters(self) -> list[Tensor]:
        """All parameters, each once, in the order of the layers."""
        return list(dict.fromkeys([*self.own(), *(p for child in self.children() for p in child.parameters())]))

    def freeze(self) -> Module:
        """Make the parameters constants for differentiation from the next call on; returns the layer."""
        self.frozen = True
        for child in self.children():
            child.freeze()
        return self

    def held(self, parameter: Tensor) -> Tensor:
        """The parameter as this layer uses it."""
        return stop_gradient(parameter) if self.frozen else parameter

    def __call__(self, x: Any) -> Tensor:
        raise TypeError(f"{type(self).__name__} does not say what it computes")

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Linear(Module):
    """`W x + b` on the last axis, W of shape (out_features, in_features).

    W starts glorot-uniform, b at zero. Raises ShapeError where the last axis is not `in_features`.

    >>> import symgrad as sg
    >>> layer = sg.nn.Linear(3, 2)
    >>> layer(sg.data("x", 3)).shape, [p.name for p in layer.parameters()]
    ((2,), ['W', 'b'])
    """

    def __init__(self, in_features: Any, out_features: Any, bias: bool = True, *, name: str = "",
                 init: Any = None) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.bias, self.init, self.owner = bias, init, new_owner()
        self.used = False  # a name that was seen stays: W and W1 would be two parameters
        self.rename(name)

    def __repr__(self) -> str:
        return f"Linear({self.in_features}, {self.out_features}{'' if self.bias else ', bias=False'})"

    def rename(self, suffix: str) -> None:
        """Name the parameters `W<suffix>` and `b<suffix>`."""
        self.suffix = suffix
        shape = (self.out_features, self.in_features)
        self._W = owned_parameter(f"W{suffix}", shape, self.init, self.owner)
        self._b = owned_parameter(f"b{suffix}", (self.out_features,), None, self.owner) if self.bias else None

    @property
    def W(self) -> Tensor:
        """The weights, of shape (out_features, in_features)."""
        self.used = True
        return self._W

    @property
    def b(self) -> Tensor | None:
        """The bias, of shape (out_features,); None without one."""
        self.used = True
        return self._b

    def own(self) -> list[Tensor]:
        return [p for p in (self.W, self.b) if p is not None]

    def __call__(self, x: Any) -> Tensor:
        t = as_tensor(x, "Linear")
        if not t.ndim or t.shape[-1] != self._W.shape[1]:
            have = t.shape[-1] if t.ndim else "no axis"
            raise ShapeError(f"Linear({self._W.shape[1]}, {self._W.shape[0]}): the last axis of {describe(t)} "
                             f"is {have}; it must be {self._W.shape[1]}")
        W = self.held(self.W)
        product = W @ t if t.ndim == 1 else t @ W.T
        return product if self.b is None else product + self.held(self.b)


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


class Identity(Module):
    """The tensor itself.

    >>> print(sg.nn.Identity()(sg.data("x", 3)))
    x
    """

    def __call__(self, x: Any) -> Tensor:
        return as_tensor(x, "Identity")


class Flatten(Module):
    """All axes of one sample along one; on an ordinary batch axis give `start_dim=1`, as in PyTorch.

    >>> sg.nn.Flatten()(sg.data("x", (2, 3), over=sg.dim("T"))).shape
    (6,)
    """

    def __init__(self, start_dim: int = 0) -> None:
        self.start_dim = start_dim

    def __call__(self, x: Any) -> Tensor:
        t = as_tensor(x, "Flatten")
        if not isinstance(self.start_dim, int) or not 0 <= self.start_dim <= t.ndim:
            raise ShapeError(f"Flatten: axis {self.start_dim} of {describe(t)} does not exist")
        return reshape(t, (*t.shape[: self.start_dim], -1))


class Sequential(Module):
    """Layers one after the other; the parameters of its unnamed layers are numbered from 1.

    >>> net = sg.nn.Sequential(sg.nn.Linear(4, 3), sg.nn.Tanh(), sg.nn.Linear(3, 2))
    >>> [p.name for p in net.parameters()]
    ['W1', 'b1', 'W2', 'b2']
    """

    def __init__(self, *layers: Callable[[Any], Tensor]) -> None:
        self.layers = layers
        for layer in layers:
            if not callable(layer):
                hint = "; give the layers one by one: Sequential(*layers)" if isinstance(layer, (list, tuple)) else ""
                raise TypeError(f"Sequential: {layer!r} is not a layer or function{hint}")
        self.number(itertools.count(1))

    def number(self, counter: Iterator[int]) -> None:
        """Number the unnamed layers inside, across nested Sequentials; those in use already keep their names."""
        for layer in {id(each): each for each in self.layers}.values():
            if isinstance(layer, Sequential):
                layer.number(counter)
            elif isinstance(layer, Linear) and (layer.suffix == "" or layer.suffix.isdigit()):
                number = str(next(counter))
                if not layer.used:
                    layer.rename(number)

    def children(self) -> list[Module]:
        return [layer for layer in self.layers if isinstance(layer, Module)]

    def __call__(self, x: Any) -> Tensor:
        t = as_tensor(x, "Sequential")
        for layer in self.layers:
            t = layer(t)
        return t

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)
