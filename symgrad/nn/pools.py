"""Layers of images without parameters: pools, images of another size, borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_tensor, describe
from symgrad.language.arranging import pixel_shuffle, pixel_unshuffle
from symgrad.language.enlarging import enlarged
from symgrad.language.padding import pad
from symgrad.language.pooling import largest_of_windows, mean_of_pieces, mean_of_windows
from symgrad.language.tensor import Tensor
from symgrad.nn.module import Module
from symgrad.nn.weighted import written


@dataclass(repr=False, eq=False)
class MaxPool2d(Module):
    """The largest entry of each window: `sg.max_pool2d`.

    >>> sg.nn.MaxPool2d(2)(sg.data("x", (6, 28, 28))).shape
    (6, 14, 14)
    """

    rank: ClassVar[int] = 2
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    return_indices: bool = False
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        if self.return_indices:
            raise TypeError(f"{self!r}: return_indices: a layer gives one tensor; sg.argmax gives places")

    def __repr__(self) -> str:
        return written(type(self).__name__, (self.kernel_size,), {
            "stride": (self.stride, None), "padding": (self.padding, 0), "dilation": (self.dilation, 1),
            "ceil_mode": (self.ceil_mode, False)})

    def __call__(self, x: Any) -> Tensor:
        return largest_of_windows(repr(self), self.rank, x, self.kernel_size, self.stride, self.padding, self.dilation,
                                  self.ceil_mode)


class MaxPool1d(MaxPool2d):
    """The largest entry of each window of sequences: `sg.max_pool1d`.

    >>> sg.nn.MaxPool1d(2)(sg.data("x", (6, 28))).shape
    (6, 14)
    """

    rank = 1


class MaxPool3d(MaxPool2d):
    """The largest entry of each window of volumes: `sg.max_pool3d`.

    >>> sg.nn.MaxPool3d(2)(sg.data("x", (6, 4, 8, 8))).shape
    (6, 2, 4, 4)
    """

    rank = 3


@dataclass(repr=False, eq=False)
class AvgPool2d(Module):
    """The mean of each window: `sg.avg_pool2d`.

    >>> sg.nn.AvgPool2d(3, stride=2, padding=1)(sg.data("x", (6, 28, 28))).shape
    (6, 14, 14)
    """

    rank: ClassVar[int] = 2
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: Any = None

    def __repr__(self) -> str:
        return written(type(self).__name__, (self.kernel_size,), {
            "stride": (self.stride, None), "padding": (self.padding, 0), "ceil_mode": (self.ceil_mode, False),
            "count_include_pad": (self.count_include_pad, True), "divisor_override": (self.divisor_override, None)})

    def __call__(self, x: Any) -> Tensor:
        return mean_of_windows(repr(self), self.rank, x, self.kernel_size, self.stride, self.padding, self.ceil_mode,
                               self.count_include_pad, self.divisor_override)


class AvgPool1d(AvgPool2d):
    """The mean of each window of sequences: `sg.avg_pool1d`.

    >>> sg.nn.AvgPool1d(2)(sg.data("x", (6, 28))).shape
    (6, 14)
    """

    rank = 1


class AvgPool3d(AvgPool2d):
    """The mean of each window of volumes: `sg.avg_pool3d`.

    >>> sg.nn.AvgPool3d(2)(sg.data("x", (6, 4, 8, 8))).shape
    (6, 2, 4, 4)
    """

    rank = 3


@dataclass(repr=False, eq=False)
class AdaptiveAvgPool2d(Module):
    """The means of so many pieces of an image: `sg.adaptive_avg_pool2d`.

    >>> sg.nn.AdaptiveAvgPool2d(1)(sg.data("x", (6, 7, 7))).shape
    (6, 1, 1)
    """

    rank: ClassVar[int] = 2
    output_size: Any

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.output_size})"

    def __call__(self, x: Any) -> Tensor:
        return mean_of_pieces(repr(self), self.rank, x, self.output_size)


class AdaptiveAvgPool1d(AdaptiveAvgPool2d):
    """The means of so many pieces of a sequence: `sg.adaptive_avg_pool1d`.

    >>> sg.nn.AdaptiveAvgPool1d(2)(sg.data("x", (6, 7))).shape
    (6, 2)
    """

    rank = 1


@dataclass(repr=False, eq=False)
class Upsample(Module):
    """The image brought to another size: `sg.upsample`, in all modes of `sg.interpolate`.

    >>> sg.nn.Upsample(scale_factor=2)(sg.data("x", (6, 7, 7))).shape
    (6, 14, 14)
    """

    size: Any = None
    scale_factor: Any = None
    mode: str = "nearest"
    align_corners: bool | None = None

    def __repr__(self) -> str:
        return written("Upsample", (), {
            "size": (self.size, None), "scale_factor": (self.scale_factor, None), "mode": (self.mode, "nearest"),
            "align_corners": (self.align_corners, None)})

    def __call__(self, x: Any) -> Tensor:
        return enlarged(repr(self), x, self.size, self.scale_factor, self.mode, self.align_corners)


@dataclass(repr=False, eq=False)
class PixelShuffle(Module):
    """Channels laid out as pixels: `sg.pixel_shuffle`.

    >>> sg.nn.PixelShuffle(2)(sg.data("x", (8, 3, 4))).shape
    (2, 6, 8)
    """

    upscale_factor: int

    def __repr__(self) -> str:
        return f"PixelShuffle({self.upscale_factor})"

    def __call__(self, x: Any) -> Tensor:
        return pixel_shuffle(x, self.upscale_factor)


@dataclass(repr=False, eq=False)
class PixelUnshuffle(Module):
    """Pixels laid out as channels: `sg.pixel_unshuffle`.

    >>> sg.nn.PixelUnshuffle(2)(sg.data("x", (2, 6, 8))).shape
    (8, 3, 4)
    """

    downscale_factor: int

    def __repr__(self) -> str:
        return f"PixelUnshuffle({self.downscale_factor})"

    def __call__(self, x: Any) -> Tensor:
        return pixel_unshuffle(x, self.downscale_factor)


@dataclass(repr=False, eq=False)
class Padding(Module):
    """A border around the last `rank` axes: `padding` is a count, or counts before and after, the last axis first."""

    rank: ClassVar[int] = 2
    mode: ClassVar[str] = "constant"
    padding: Any

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.padding})"

    def __call__(self, x: Any) -> Tensor:
        return self.bordered(x, 0.0)

    def bordered(self, x: Any, value: float) -> Tensor:
        """`x` with its border."""
        t = as_tensor(x, repr(self))
        counts = [self.padding] * (2 * self.rank) if isinstance(self.padding, int) else list(self.padding)
        if len(counts) != 2 * self.rank or t.ndim < self.rank:
            raise ShapeError(f"{self!r}: {describe(t)} has a border of {2 * self.rank} counts, before and after, the last "
                             f"axis first, or one count for all")
        pairs = list(zip(counts[::2], counts[1::2], strict=True))[::-1]
        return pad(t, [(0, 0)] * (t.ndim - self.rank) + pairs, value, self.mode)


class ZeroPad2d(Padding):
    """A border of zeros: `padding` is a count, or (left, right, top, bottom).

    >>> sg.nn.ZeroPad2d((1, 2, 0, 0))(sg.data("x", (6, 7, 7))).shape
    (6, 7, 10)
    """


class ReflectionPad1d(Padding):
    """Sequences mirrored at their last entries.

    >>> sg.nn.ReflectionPad1d(2)(sg.data("x", (1, 3))).eval(x=[[1.0, 2.0, 3.0]])
    array([[3., 2., 1., 2., 3., 2., 1.]])
    """

    rank, mode = 1, "reflect"


class ReflectionPad2d(Padding):
    """Images mirrored at their last entries.

    >>> sg.nn.ReflectionPad2d(1)(sg.data("x", (6, 7, 7))).shape
    (6, 9, 9)
    """

    mode = "reflect"


class ReplicationPad1d(Padding):
    """Sequences whose last entries go on.

    >>> sg.nn.ReplicationPad1d(1)(sg.data("x", (1, 3))).eval(x=[[1.0, 2.0, 3.0]])
    array([[1., 1., 2., 3., 3.]])
    """

    rank, mode = 1, "replicate"


class ReplicationPad2d(Padding):
    """Images whose last entries go on.

    >>> sg.nn.ReplicationPad2d(1)(sg.data("x", (6, 7, 7))).shape
    (6, 9, 9)
    """

    mode = "replicate"


@dataclass(repr=False, eq=False)
class ConstantPad2d(Padding):
    """A border of one number: `padding` is a count, or (left, right, top, bottom).

    >>> sg.nn.ConstantPad2d(1, 2.5)(sg.data("x", (6, 7, 7))).shape
    (6, 9, 9)
    """

    value: float

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.padding}, {self.value})"

    def __call__(self, x: Any) -> Tensor:
        return self.bordered(x, self.value)


class ConstantPad1d(ConstantPad2d):
    """A border of one number around sequences.

    >>> sg.nn.ConstantPad1d((0, 2), 1.0)(sg.data("x", (1, 2))).eval(x=[[3.0, 4.0]])
    array([[3., 4., 1., 1.]])
    """

    rank = 1
