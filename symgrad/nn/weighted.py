"""What layers with weights and a bias have in common: two symbols, made and named once, and how a layer is written."""

from __future__ import annotations

import math
from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import new_owner
from symgrad.graphs.sizes import product
from symgrad.language.align import as_shape, describe
from symgrad.language.symbols import owned_parameter
from symgrad.language.tensor import Tensor
from symgrad.nn.module import Module, is_parameter


def as_torch(init: Any) -> bool:
    """Does a layer start as PyTorch's does? By numbers drawn as there, of other seeds."""
    return isinstance(init, str) and init == "torch"


def within_root(name: str, fan: Any) -> tuple[str, float, float]:
    """Uniform within 1 / sqrt(fan), which PyTorch also calls kaiming_uniform with a = sqrt(5)."""
    if not isinstance(fan, int):
        raise ShapeError(f"{name}: init='torch' needs sizes that are numbers, and {fan} is none")
    bound = 1 / math.sqrt(fan) if fan else 0.0
    return "uniform", -bound, bound


class Parametric(Module):
    """A layer with weights and perhaps a bias, named by one letter each and the number of the layer."""

    letter, bias_letter = "W", "b"
    drawn = True  # weights start from random numbers

    def __init__(self, shape: Any, outputs: Any, bias: bool, name: str, init: Any) -> None:
        self.shape, self.outputs = shape, outputs  # of the weights, and of the bias
        self.has_bias, self.init = bias, init
        self.used = False  # a name that was seen stays: W and W1 would be two parameters
        self.rename(name)

    def rename(self, suffix: str) -> None:
        """Name the parameters `W<suffix>` and `b<suffix>`; they are new symbols then."""
        self.suffix, owner = suffix, new_owner()
        weights, bias = self.starts()
        self._W = owned_parameter(f"{self.letter}{suffix}", self.shape, weights, owner, layer=repr(self))
        self._b = owned_parameter(f"{self.bias_letter}{suffix}", self.outputs, bias, owner,
                                  layer=repr(self)) if self.has_bias else None

    def starts(self) -> tuple[Any, Any]:
        """What weights and bias start from; with init="torch" as PyTorch's layer of the name."""
        if not as_torch(self.init):
            return self.init, None
        drawn = within_root(repr(self), self.fan())
        return drawn, drawn

    def fan(self) -> Any:
        """How many numbers an output is made of."""
        return product(as_shape(self.shape, repr(self))[1:])

    @property
    def W(self) -> Tensor:
        """The weights."""
        self._use()
        return self._W

    @property
    def b(self) -> Tensor | None:
        """The bias, a number for each output; None without one."""
        self._use()
        return self._b

    def _use(self) -> None:
        """At the first use the layer becomes an owner: layers are counted in the order in which a network uses them."""
        if not self.used:
            self.used = True
            self.rename(self.suffix)

    def __getstate__(self) -> dict[str, Any]:
        self._use()  # a copy is the same layer
        return vars(self)

    def own(self) -> list[Tensor]:
        return [p for p in (self.W, self.b) if p is not None]

    def named_own(self) -> list[tuple[str, Tensor]]:
        return list(zip(("weight", "bias"), self.own(), strict=False))

    def held_both(self) -> tuple[Tensor, Tensor | None]:
        """Weights and bias as this layer uses them."""
        return self.held(self.W), None if self.b is None else self.held(self.b)


class WeightedLayer(Parametric):
    """A layer whose weights and bias are known by PyTorch's names, `weight` and `bias`, as well."""

    @property
    def weight(self) -> Any:
        """The weights, by PyTorch's name. Set to a parameter of that shape, the layer uses it: weights are tied so."""
        return self.W

    @weight.setter
    def weight(self, other: Any) -> None:
        self._use()
        self._W = self._tied("weight", other, self._W)

    @property
    def bias(self) -> Any:
        """The bias, by PyTorch's name; None without one. It can be set as `weight`."""
        return self.b

    @bias.setter
    def bias(self, other: Any) -> None:
        self._use()
        self._b = self._tied("bias", other, self._b)

    def _tied(self, what: str, other: Any, own: Tensor | None) -> Tensor:
        if not isinstance(other, Tensor) or not is_parameter(other):
            raise TypeError(f"{self!r}: the {what} is a parameter, of another layer or sg.parameter(name, shape), not "
                            f"{describe(other) if isinstance(other, Tensor) else type(other).__name__}")
        if own is None or own.shape != other.shape:
            needs = f"it has no {what}" if own is None else f"the {what} needs the shape {shape_text(own.shape)}"
            raise ShapeError(f"{self!r}: {needs}, and {describe(other)} is given")
        return other


def written(name: str, positional: tuple[Any, ...], given: dict[str, tuple[Any, Any]]) -> str:
    """A layer as it is written: `given` has the value and the default of every argument by name."""
    words = [*map(str, positional), *(f"{key}={value!r}" for key, (value, default) in given.items() if value != default)]
    return f"{name}({', '.join(words)})"
