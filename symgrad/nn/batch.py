"""Batch norm: channels normalised by the statistics of the batch in training, by running ones outside of it."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_size, as_tensor, describe
from symgrad.language.normalising import checked_momentum
from symgrad.language.running import RunningStatistics, normalised, state
from symgrad.language.tensor import Tensor
from symgrad.nn.normalising import Normalising
from symgrad.nn.weighted import written


class BatchNorm(Normalising):
    """What batch norms share; `ranks` are the axes behind the channels that they take."""

    ranks: tuple[int, ...] = ()
    forms = ""

    def __init__(self, num_features: Any, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, *, name: str = "") -> None:
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        if momentum is not None:
            checked_momentum(repr(self), momentum)
        super().__init__((as_size(num_features, repr(self)),), affine, True, name)

    def rename(self, suffix: str) -> None:
        super().rename(suffix)
        owner = self._W.node.attrs[0].owner
        own = f"_{suffix}" if suffix.isdigit() else suffix
        self._kept: RunningStatistics | None = None
        if self.track_running_stats:
            batches = state(f"num_batches_tracked{own}", (), 0.0, owner) if self.momentum is None else None
            self._kept = RunningStatistics(state(f"running_mean{own}", self.shape, 0.0, owner),
                              state(f"running_var{own}", self.shape, 1.0, owner), batches, self.momentum)

    @property
    def kept(self) -> RunningStatistics | None:
        """The running statistics; None where the layer has none."""
        self._use()
        return self._kept

    @property
    def running_mean(self) -> Tensor | None:
        """The mean of each channel that is used outside of training."""
        return None if self.kept is None else self.kept.mean

    @property
    def running_var(self) -> Tensor | None:
        """The variance of each channel that is used outside of training: of batches the unbiased one."""
        return None if self.kept is None else self.kept.variance

    @property
    def num_batches_tracked(self) -> Tensor | None:
        """How many batches were seen; kept where `momentum` is None, and every batch weighs the same."""
        return None if self.kept is None else self.kept.batches

    def own_buffers(self) -> list[Tensor]:
        return [] if self.kept is None else [t for t in self.kept[:3] if t is not None]

    def __repr__(self) -> str:
        return written(type(self).__name__, (self.num_features,), {
            "eps": (self.eps, 1e-5), "momentum": (self.momentum, 0.1), "affine": (self.affine, True),
            "track_running_stats": (self.track_running_stats, True)})

    def __call__(self, input: Any) -> Tensor:
        x = as_tensor(input, repr(self))
        place = 0 if x.over is not None else 1
        if x.ndim - place - 1 not in self.ranks or x.shape[place] != self.shape[0]:
            raise ShapeError(f"{self!r}: {describe(x)} must be {self.forms.format(c=self.num_features)}")
        return normalised(repr(self), x, place, self.kept, *self.held_scales(), self.eps)


class BatchNorm1d(BatchNorm):
    """`γ ⊙ (x - μ) / √(σ² + eps) + β`, of each channel over all samples, and over the length where there is one.

    `input` is (batch, num_features) or (batch, num_features, length); under `over=` without the batch. In training (`fit`,
    a generated `step`, `sg.function(..., training=True)`) μ and the biased variance σ² are those of the batch, and
    `running_mean` and `running_var`, the unbiased one, move towards them by `momentum`, or with `momentum=None` are the
    means over all batches. Outside of it μ and σ² are the running ones, which a model keeps, saves and loads beside its
    parameters; `.buffers()` are their symbols. Without `track_running_stats` they are those of the batch everywhere. A
    layer that is called twice moves its statistics twice, in the order of the calls. In training a batch of one value a
    channel is refused. Raises ShapeError for what does not fit. Source: Ioffe and Szegedy 2015.

    >>> layer = sg.nn.BatchNorm1d(2, affine=False)
    >>> x = sg.data("x", 2, over=sg.dim("T"))
    >>> sg.function([x], layer(x), training=True)([[1.0, 5.0], [3.0, 9.0]]).round(3)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> layer(x).eval(x=[[1.0, 5.0]], running_mean=[1.0, 1.0], running_var=[4.0, 4.0]).round(3)
    array([[0., 2.]])
    """

    ranks, forms = (0, 1), "(batch, {c}) or (batch, {c}, length); under over= ({c},) or ({c}, length)"


class BatchNorm2d(BatchNorm):
    """`sg.nn.BatchNorm1d` for images, of each channel over all samples and pixels.

    `input` is (batch, num_features, height, width); under `over=` without the batch.

    >>> layer = sg.nn.BatchNorm2d(3)
    >>> layer(sg.data("X", (3, 8, 8), over=sg.dim("T"))).shape, [b.name for b in layer.buffers()]
    ((3, 8, 8), ['running_mean', 'running_var'])
    """

    ranks, forms = (2,), "(batch, {c}, height, width); under over= ({c}, height, width)"


class BatchNorm3d(BatchNorm):
    """`sg.nn.BatchNorm1d` for volumes, of each channel over all samples and voxels.

    >>> sg.nn.BatchNorm3d(3)(sg.data("X", (3, 4, 5, 6), over=sg.dim("T"))).shape
    (3, 4, 5, 6)
    """

    ranks, forms = (3,), "(batch, {c}, depth, height, width); under over= ({c}, depth, height, width)"
