"""Layers that normalise by a root mean square, or every channel of every sample by itself."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_int, as_shape, as_tensor, describe
from symgrad.language.normalising import channel_axis, over_instances, over_roots
from symgrad.language.tensor import Tensor
from symgrad.nn.normalising import Normalising
from symgrad.nn.weighted import written


class RMSNorm(Normalising):
    """`γ ⊙ x / √(mean(x²) + eps)`, the mean along the last axes: `sg.rms_norm`.

    γ has the shape `normalized_shape`, a size or a tuple of sizes. Raises ShapeError where the last axes differ. Source:
    Zhang and Sennrich 2019.

    >>> layer = sg.nn.RMSNorm(8)
    >>> layer(sg.data("x", (5, 8))).shape, [p.name for p in layer.parameters()]
    ((5, 8), ['γ'])
    """

    def __init__(self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True, *,
                 name: str = "") -> None:
        self.normalized_shape, self.eps = normalized_shape, eps
        super().__init__(as_shape(normalized_shape, "RMSNorm"), elementwise_affine, False, name)

    def __repr__(self) -> str:
        return written("RMSNorm", (self.normalized_shape,), {
            "eps": (self.eps, None), "elementwise_affine": (self.affine, True)})

    def __call__(self, x: Any) -> Tensor:
        return over_roots(repr(self), x, self.normalized_shape, self.held_scales()[0], self.eps)


class InstanceNorm2d(Normalising):
    """Every channel of every image normalised by itself: `sg.instance_norm`; scaled and shifted with `affine=True`.

    Raises ShapeError for images of other channels, TypeError for running statistics, which it has none of. Source:
    Ulyanov, Vedaldi and Lempitsky 2016.

    >>> sg.nn.InstanceNorm2d(6)(sg.data("x", (8, 6, 5, 5))).shape, sg.nn.InstanceNorm2d(6, affine=True).parameters()
    ((8, 6, 5, 5), [<Tensor γ: (6,)>, <Tensor β: (6,)>])
    """

    rank = 2

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
                 track_running_stats: bool = False, *, name: str = "") -> None:
        self.num_features, self.eps, self.affine = num_features, eps, affine
        if track_running_stats:
            raise TypeError(f"{self!r}: track_running_stats=True is not known: every sample has statistics of its own")
        super().__init__((as_int(num_features, repr(self), "num_features"),), affine, True, name)

    def __repr__(self) -> str:
        return written(type(self).__name__, (self.num_features,), {"eps": (self.eps, 1e-5), "affine": (self.affine, False)})

    def __call__(self, x: Any) -> Tensor:
        t = as_tensor(x, repr(self))
        place = channel_axis(repr(self), t)
        if t.shape[place] != self.num_features or t.ndim != place + 1 + self.rank:
            raise ShapeError(f"{self!r}: {describe(t)} must have {self.num_features} channels and {self.rank} axes behind "
                             "them")
        return over_instances(repr(self), t, *self.held_scales(), self.eps)


class InstanceNorm1d(InstanceNorm2d):
    """`InstanceNorm2d` of sequences.

    >>> sg.nn.InstanceNorm1d(6)(sg.data("x", (8, 6, 5))).shape
    (8, 6, 5)
    """

    rank = 1


class InstanceNorm3d(InstanceNorm2d):
    """`InstanceNorm2d` of volumes.

    >>> sg.nn.InstanceNorm3d(6)(sg.data("x", (8, 6, 2, 3, 4))).shape
    (8, 6, 2, 3, 4)
    """

    rank = 3
