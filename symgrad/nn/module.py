"""What a layer is: callable on a tensor, the owner of its parameters."""

from __future__ import annotations

from typing import Any

from symgrad.language.rearrange import stop_gradient
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

    def own_buffers(self) -> list[Tensor]:
        """What this layer itself keeps beside its parameters."""
        return []

    def buffers(self) -> list[Tensor]:
        """What a model keeps beside the parameters, such as running statistics: no gradient moves it, training does."""
        return list(dict.fromkeys([*self.own_buffers(), *(b for child in self.children() for b in child.buffers())]))

    def freeze(self) -> Module:
        """Make the parameters constants for differentiation from the next call on; returns the layer.

        Running statistics are no parameters: training moves them on, as PyTorch's does."""
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
