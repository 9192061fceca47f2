"""The affine layer."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_tensor, describe
from symgrad.language.tensor import Tensor
from symgrad.nn.weighted import Parametric, written


class Linear(Parametric):
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
        super().__init__((out_features, in_features), out_features, bias, name, init)

    def __repr__(self) -> str:
        return written("Linear", (self.in_features, self.out_features), {"bias": (self.bias, True)})

    def __call__(self, x: Any) -> Tensor:
        t = as_tensor(x, "Linear")
        if not t.ndim or t.shape[-1] != self._W.shape[1]:
            have = t.shape[-1] if t.ndim else "no axis"
            raise ShapeError(f"Linear({self._W.shape[1]}, {self._W.shape[0]}): the last axis of {describe(t)} "
                             f"is {have}; it must be {self._W.shape[1]}")
        W, b = self.held_both()
        product = W @ t if t.ndim == 1 else t @ W.T
        return product if b is None else product + b
