"""Layers made of layers, and those that only arrange what passes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.graphs.sizes import product
from symgrad.language.align import as_tensor, describe
from symgrad.language.rearrange import reshape
from symgrad.language.tensor import Tensor
from symgrad.nn.module import Module
from symgrad.nn.weighted import Parametric, written


class Identity(Module):
    """The tensor itself.

    >>> print(sg.nn.Identity()(sg.data("x", 3)))
    x
    """

    def __call__(self, x: Any) -> Tensor:
        return as_tensor(x, "Identity")


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` along one: by default all axes of one sample.

    That is from axis 0 under `over=`, and from axis 1 behind an ordinary batch axis, as in PyTorch. Raises ShapeError for
    axes that do not exist.

    >>> sg.nn.Flatten()(sg.data("x", (2, 3), over=sg.dim("T"))).shape, sg.nn.Flatten()(sg.data("x", (8, 2, 3))).shape
    ((6,), (8, 6))
    """

    def __init__(self, start_dim: int | None = None, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def __repr__(self) -> str:
        return written("Flatten", (), {"start_dim": (self.start_dim, None), "end_dim": (self.end_dim, -1)})

    def __call__(self, x: Any) -> Tensor:
        t = as_tensor(x, "Flatten")
        start = (0 if t.over is not None or t.ndim < 2 else 1) if self.start_dim is None else self.start_dim
        for axis in (start, self.end_dim):
            if not isinstance(axis, int) or not -max(t.ndim, 1) <= axis < max(t.ndim, 1):
                raise ShapeError(f"Flatten: axis {axis} of {describe(t)} does not exist")
        first, last = start % max(t.ndim, 1), self.end_dim % max(t.ndim, 1)
        if first > last:
            raise ShapeError(f"Flatten: of {describe(t)}, axis {first} lies behind axis {last}")
        return reshape(t, (*t.shape[:first], product(t.shape[first:last + 1]), *t.shape[last + 1:]))


class Sequential(Module):
    """Layers one after the other, or a dict of them by name; the parameters of its unnamed layers are numbered from 1.

    >>> net = sg.nn.Sequential(sg.nn.Linear(4, 3), sg.nn.Tanh(), sg.nn.Linear(3, 2))
    >>> [p.name for p in net.parameters()]
    ['W1', 'b1', 'W2', 'b2']
    """

    def __init__(self, *layers: Any) -> None:
        named = layers[0] if len(layers) == 1 and isinstance(layers[0], Mapping) else None
        layers = layers if named is None else tuple(named.values())
        self.layers: tuple[Callable[[Any], Tensor], ...] = layers
        self.names = [str(i) for i, _ in enumerate(layers)] if named is None else [str(name) for name in named]
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
        return [(name, layer) for name, layer in zip(self.names, self.layers, strict=True) if isinstance(layer, Module)]

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

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return self.layers[index]
        part = Sequential()
        part.layers, part.names = self.layers[index], self.names[index]
        return part

    def __len__(self) -> int:
        return len(self.layers)
