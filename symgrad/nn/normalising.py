"""Layers that normalise, each entry then scaled by γ and shifted by β, and tables of vectors for words."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_int, as_shape
from symgrad.language.attending import padding_row, rows_at
from symgrad.language.normalising import over_axes, over_groups
from symgrad.language.symbols import NORMAL_BUT
from symgrad.language.tensor import Tensor
from symgrad.nn.weighted import WeightedLayer, written


class Normalising(WeightedLayer):
    """A layer with a scale γ, which starts at one, and a shift β, which starts at zero; perhaps neither."""

    letter, bias_letter, drawn = "γ", "β", False

    def __init__(self, shape: Any, affine: bool, bias: bool, name: str) -> None:
        self.affine = affine
        super().__init__(shape, shape, bias and affine, name, "ones")

    def own(self) -> list[Tensor]:
        return super().own() if self.affine else []

    @property
    def weight(self) -> Any:
        """The scale γ, by PyTorch's name; None without one."""
        return self.W if self.affine else None

    @weight.setter
    def weight(self, other: Any) -> None:
        self._use()
        self._W = self._tied("weight", other, self._W if self.affine else None)

    def held_scales(self) -> tuple[Tensor | None, Tensor | None]:
        """γ and β as this layer uses them, None where it has none."""
        return self.held_both() if self.affine else (None, None)


class LayerNorm(Normalising):
    """`γ ⊙ (x - μ) / √(σ² + eps) + β`, with mean and biased variance along the last axes: `sg.layer_norm`.

    γ and β have the shape `normalized_shape`, a size or a tuple of sizes. Raises ShapeError where the last axes differ.
    Source: Ba, Kiros and Hinton 2016.

    >>> layer = sg.nn.LayerNorm(8)
    >>> layer(sg.data("x", (5, 8))).shape, [p.name for p in layer.parameters()]
    ((5, 8), ['γ', 'β'])
    """

    def __init__(self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True, *,
                 name: str = "") -> None:
        self.normalized_shape, self.eps, self.wanted = normalized_shape, eps, bias
        super().__init__(as_shape(normalized_shape, "LayerNorm"), elementwise_affine, bias, name)

    def __repr__(self) -> str:
        return written("LayerNorm", (self.normalized_shape,), {
            "eps": (self.eps, 1e-5), "elementwise_affine": (self.affine, True), "bias": (self.wanted, True)})

    def __call__(self, x: Any) -> Tensor:
        return over_axes(repr(self), x, self.normalized_shape, *self.held_scales(), self.eps)


class GroupNorm(Normalising):
    """Channels in groups, each normalised per sample, then scaled and shifted by channel: `sg.group_norm`.

    Raises ShapeError where channels do not divide by groups. Source: Wu and He 2018.

    >>> sg.nn.GroupNorm(2, 6)(sg.data("x", (8, 6, 5, 5))).shape
    (8, 6, 5, 5)
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, *,
                 name: str = "") -> None:
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        channels = as_int(num_channels, repr(self), "num_channels")
        if as_int(num_groups, repr(self), "num_groups") < 1 or channels % num_groups:
            raise ShapeError(f"{self!r}: {num_channels} channels do not divide into {num_groups} groups")
        super().__init__((num_channels,), affine, True, name)

    def __repr__(self) -> str:
        return written("GroupNorm", (self.num_groups, self.num_channels), {
            "eps": (self.eps, 1e-5), "affine": (self.affine, True)})

    def __call__(self, x: Any) -> Tensor:
        return over_groups(repr(self), x, self.num_groups, *self.held_scales(), self.eps)


class Embedding(WeightedLayer):
    """A table E of vectors, (num_embeddings, embedding_dim), of which integers choose rows; it starts standard normal.

    The row `padding_idx` starts at zero and gets no gradient where it is looked up; where the table is used otherwise, as
    the weights of an output that is tied to it, it does. Raises ShapeError for indices that are no integers, TypeError for
    what PyTorch's has and this has not.

    >>> layer = sg.nn.Embedding(100, 8, padding_idx=0)
    >>> layer(sg.data("i", 5, dtype="integer", over=sg.dim("T"))).shape
    (5, 8)
    """

    letter = "E"

    def __init__(self, num_embeddings: Any, embedding_dim: Any, padding_idx: int | None = None, max_norm: Any = None,
                 norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, *, name: str = "",
                 init: Any = "normal") -> None:
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        for what, given in (("max_norm", max_norm), ("scale_grad_by_freq", scale_grad_by_freq), ("sparse", sparse)):
            if given:
                raise TypeError(f"{self!r}: {what}={given!r} is not known: rows are chosen as they are, and gradients "
                                "are sums over all places")
        if padding_idx is not None:
            padding_row(repr(self), num_embeddings, padding_idx)
        super().__init__((num_embeddings, embedding_dim), (), False, name, init)

    def starts(self) -> tuple[Any, Any]:
        if not isinstance(self.init, str) or self.init not in ("normal", "torch"):
            return self.init, None
        return ("normal" if self.padding_idx is None else (NORMAL_BUT, int(self.padding_idx))), None

    def __repr__(self) -> str:
        return written("Embedding", (self.num_embeddings, self.embedding_dim), {"padding_idx": (self.padding_idx, None)})

    def __call__(self, input: Any) -> Tensor:
        return rows_at(repr(self), input, self.held(self.W), self.padding_idx)
