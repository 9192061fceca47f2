"""The affine layer, the bilinear one, and the rectifier whose slope is learnt."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_int, as_tensor, describe
from symgrad.language.contraction import einsum
from symgrad.language.normalising import channel_axis, per_channel
from symgrad.language.pointwise import where
from symgrad.language.rearrange import reshape
from symgrad.language.tensor import Tensor
from symgrad.nn.weighted import WeightedLayer, written


class Linear(WeightedLayer):
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
        return written("Linear", (self.in_features, self.out_features), {"bias": (self.has_bias, True)})

    def __call__(self, x: Any) -> Tensor:
        t = as_tensor(x, "Linear")
        if not t.ndim or t.shape[-1] != self._W.shape[1]:
            have = t.shape[-1] if t.ndim else "no axis"
            raise ShapeError(f"Linear({self._W.shape[1]}, {self._W.shape[0]}): the last axis of {describe(t)} "
                             f"is {have}; it must be {self._W.shape[1]}")
        W, b = self.held_both()
        product = W @ t if t.ndim == 1 else t @ W.T
        return product if b is None else product + b


class Bilinear(WeightedLayer):
    """`x1ᵀ W_o x2 + b_o` for every output o, W of shape (out_features, in1_features, in2_features).

    Raises ShapeError where a last axis does not fit.

    >>> layer = sg.nn.Bilinear(3, 4, 2)
    >>> layer(sg.data("x", (5, 3)), sg.data("y", (5, 4))).shape
    (5, 2)
    """

    def __init__(self, in1_features: Any, in2_features: Any, out_features: Any, bias: bool = True, *, name: str = "",
                 init: Any = None) -> None:
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        super().__init__((out_features, in1_features, in2_features), out_features, bias, name, init)

    def fan(self) -> Any:
        return self.in1_features  # as PyTorch counts

    def __repr__(self) -> str:
        sizes = (self.in1_features, self.in2_features, self.out_features)
        return written("Bilinear", sizes, {"bias": (self.has_bias, True)})

    def __call__(self, x1: Any, x2: Any = None) -> Tensor:
        if x2 is None:
            raise TypeError(f"{self!r} takes two tensors")
        left, right = as_tensor(x1, repr(self)), as_tensor(x2, repr(self))
        for t, size in zip((left, right), self._W.shape[1:], strict=True):
            if not t.ndim or t.shape[-1] != size:
                raise ShapeError(f"{self!r}: the last axis of {describe(t)} must be {size}")
        W, b = self.held_both()
        product = einsum("...i,oij,...j->...o", left, W, right)
        return product if b is None else product + b


class PReLU(WeightedLayer):
    """x where positive, else a x: the slope a is learnt, one for all, or one for each channel. It starts at `init`.

    Channels are the first axis of a sample under `over=`, else the second. Raises ShapeError where they do not fit.
    Source: He et al. 2015.

    >>> sg.nn.PReLU()(sg.data("x", 3)).shape, sg.nn.PReLU(6)(sg.data("x", (8, 6, 5, 5))).shape
    ((3,), (8, 6, 5, 5))
    """

    letter, drawn = "a", False

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, name: str = "") -> None:
        self.num_parameters = num_parameters
        if as_int(num_parameters, "PReLU", "num_parameters") < 1:
            raise ShapeError(f"PReLU: num_parameters must be at least 1, not {num_parameters}")
        super().__init__((num_parameters,), (), False, name, init)

    def __repr__(self) -> str:
        return written("PReLU", (), {"num_parameters": (self.num_parameters, 1), "init": (self.init, 0.25)})

    def __call__(self, x: Any) -> Tensor:
        t, a = as_tensor(x, repr(self)), self.held(self.W)
        if self.num_parameters == 1:
            return where(t > 0, t, a[0] * t)
        place = channel_axis(repr(self), t)
        if t.shape[place] != self.num_parameters:
            raise ShapeError(f"{self!r}: {describe(t)} has {t.shape[place]} channels, not {self.num_parameters}")
        return where(t > 0, t, reshape(a, per_channel(self.num_parameters, t, place)) * t)
