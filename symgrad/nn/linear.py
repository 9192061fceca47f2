"""The affine layer."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import new_owner
from symgrad.language.align import as_tensor, describe
from symgrad.language.symbols import owned_parameter
from symgrad.language.tensor import Tensor
from symgrad.nn.module import Module


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
        self.bias, self.init = bias, init
        self.used = False  # a name that was seen stays: W and W1 would be two parameters
        self.rename(name)

    def __repr__(self) -> str:
        return f"Linear({self.in_features}, {self.out_features}{'' if self.bias else ', bias=False'})"

    def rename(self, suffix: str) -> None:
        """Name the parameters `W<suffix>` and `b<suffix>`; they are new symbols then."""
        self.suffix, owner = suffix, new_owner()
        shape = (self.out_features, self.in_features)
        self._W = owned_parameter(f"W{suffix}", shape, self.init, owner)
        self._b = owned_parameter(f"b{suffix}", (self.out_features,), None, owner) if self.bias else None

    @property
    def W(self) -> Tensor:
        """The weights, of shape (out_features, in_features)."""
        self._use()
        return self._W

    @property
    def b(self) -> Tensor | None:
        """The bias, of shape (out_features,); None without one."""
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

    def __call__(self, x: Any) -> Tensor:
        t = as_tensor(x, "Linear")
        if not t.ndim or t.shape[-1] != self._W.shape[1]:
            have = t.shape[-1] if t.ndim else "no axis"
            raise ShapeError(f"Linear({self._W.shape[1]}, {self._W.shape[0]}): the last axis of {describe(t)} "
                             f"is {have}; it must be {self._W.shape[1]}")
        W = self.held(self.W)
        product = W @ t if t.ndim == 1 else t @ W.T
        return product if self.b is None else product + self.held(self.b)
