"""Layers made of layers, and those that only arrange what passes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_tensor, describe
from symgrad.language.rearrange import reshape
from symgrad.language.tensor import Tensor
from symgrad.nn.module import Module
from symgrad.nn.weighted import Parametric


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
            elif isinstance(layer, Parametric) and (layer.suffix == "" or layer.suffix.isdigit()):
                number = str(next(counter))
                if not layer.used:
                    layer.rename(number)

    def named_children(self) -> list[tuple[str, Module]]:
        return [(str(i), layer) for i, layer in enumerate(self.layers) if isinstance(layer, Module)]

    def children(self) -> list[Module]:
        return [layer for layer in self.layers if isinstance(layer, Module)]

    def __call__(self, x: Any) -> Tensor:
        t: Any = as_tensor(x, "Sequential")
        for place, layer in enumerate(self.layers):
            if isinstance(t, tuple):
                pair = "output, state" if len(t) == 2 else "output, *more"
                raise TypeError(f"Sequential: {self.layers[place - 1]!r} gives ({pair}), and {layer!r} takes one tensor; "
                                f"write {pair} = net[{place - 1}](x), then net[{place}](output) or, of the last step, "
                                f"net[{place}](output[-1])")
            t = layer(t)
        return t

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"

    def __getitem__(self, index: int) -> Any:
        return self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)
