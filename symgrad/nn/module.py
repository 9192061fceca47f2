"""What a layer is: callable on a tensor, the owner of its parameters."""

from __future__ import annotations

from typing import Any, NoReturn

from symgrad.graphs import ops
from symgrad.language.habits import LAYER, missing
from symgrad.language.rearrange import stop_gradient
from symgrad.language.tensor import Tensor


def is_parameter(t: Tensor) -> bool:
    """Is a tensor a parameter by itself?"""
    return t.node.op is ops.INPUT and t.node.attrs[0].kind == "parameter"


class Module:
    """A layer: callable on a tensor, with `.parameters()` in order and `.freeze()`. Subclass it for one of your own.

    What it computes is its method `__call__`, or `forward`, as in PyTorch.

    >>> class Scale(sg.nn.Module):
    ...     def __init__(self):
    ...         self.s = sg.parameter("s")
    ...     def __call__(self, x):
    ...         return self.s * x
    ...
    >>> net = sg.nn.Sequential(sg.nn.Linear(3, 2), Scale())
    >>> [p.name for p in net.parameters()]
    ['W1', 'b1', 's']
    """

    frozen: bool = False

    def own(self) -> list[Tensor]:
        """The parameters of this layer itself: those among its attributes."""
        return [value for value in vars(self).values() if isinstance(value, Tensor) and is_parameter(value)]

    def children(self) -> list[Module]:
        """The layers inside this one: those among its attributes, and in lists that are."""
        return list(dict.fromkeys(part for _, part in self._parts()))

    def _parts(self) -> list[tuple[str, Module]]:
        """Layers among the attributes, by name."""
        found: list[tuple[str, Module]] = []
        for name, value in vars(self).items():
            several = value if isinstance(value, (list, tuple)) else ()
            named = [(name, value), *((f"{name}.{i}", part) for i, part in enumerate(several))]
            found += [(each, part) for each, part in named if isinstance(part, Module)]
        return found

    def parameters(self) -> list[Tensor]:
        """All parameters, each once, in the order of the layers."""
        return list(dict.fromkeys([*self.own(), *(p for child in self.children() for p in child.parameters())]))

    def named_own(self) -> list[tuple[str, Tensor]]:
        """The parameters of this layer itself by PyTorch's names; of a layer of one's own, those of its attributes."""
        names = {value.node: name for name, value in vars(self).items() if isinstance(value, Tensor)}
        return [(names.get(t.node, t.name or ""), t) for t in self.own()]

    def named_children(self) -> list[tuple[str, Module]]:
        """The layers inside this one by PyTorch's names: those of its attributes, numbered in a list."""
        found = {part: name for name, part in reversed(self._parts())}
        return [(found.get(child, str(i)), child) for i, child in enumerate(self.children())]

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """All parameters with the names that PyTorch gives them, each once.

        >>> net = sg.nn.Sequential(sg.nn.Linear(4, 3), sg.nn.Tanh(), sg.nn.Linear(3, 2))
        >>> [name for name, _ in net.named_parameters()]
        ['0.weight', '0.bias', '2.weight', '2.bias']
        """
        found: dict[Any, tuple[str, Tensor]] = {}
        for name, t in self.every_name():
            found.setdefault(t.node, (name, t))
        return list(found.values())

    def every_name(self) -> list[tuple[str, Tensor]]:
        """All parameters with all their names: a parameter that layers share has several, as in PyTorch's state dict."""
        return [*self.named_own(), *((f"{name}.{inner}", t) for name, child in self.named_children()
                                     for inner, t in child.every_name())]

    def own_buffers(self) -> list[Tensor]:
        """What this layer itself keeps beside its parameters."""
        return []

    def buffers(self) -> list[Tensor]:
        """What a model keeps beside the parameters, such as running statistics: no gradient moves it, training does."""
        return list(dict.fromkeys([*self.own_buffers(), *(b for child in self.children() for b in child.buffers())]))

    def named_buffers(self) -> list[tuple[str, Tensor]]:
        """All buffers with the names that PyTorch gives them."""
        own = [(name, t) for name, t in zip(("running_mean", "running_var", "num_batches_tracked"), self.own_buffers(),
                                            strict=False)]
        inside = [(f"{name}.{inner}", t) for name, child in self.named_children() for inner, t in child.named_buffers()]
        return [*own, *inside]

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

    def __call__(self, *inputs: Any, **more: Any) -> Any:
        if type(self).forward is Module.forward:
            raise TypeError(f"{type(self).__name__} does not say what it computes: define forward(self, x), or __call__")
        return self.forward(*inputs, **more)

    def forward(self, *inputs: Any, **more: Any) -> Any:
        """What calling the layer gives. Define it in a layer of your own, as in PyTorch, or `__call__`."""
        return self(*inputs, **more)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _missing(layer: Module, name: str) -> NoReturn:
    missing(type(layer).__name__, name, LAYER, [each for each in dir(type(layer)) if not each.startswith("_")])


Module.__getattr__ = _missing  # type: ignore[attr-defined] # what a layer does not have says so: train, cuda, state_dict
