"""Convolutions with kernels of their own."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_int
from symgrad.language.convolving import convolved, each, image, margins, unconvolved
from symgrad.language.padding import pad
from symgrad.language.tensor import Tensor
from symgrad.nn.weighted import WeightedLayer, written


class Convolution(WeightedLayer):
    """A layer with a kernel K that slides over images, and a bias for each output channel."""

    letter = "K"
    rank = 2
    transposed = False

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros", *, name: str = "",
                 init: Any = None) -> None:
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.stride, self.padding, self.dilation, self.groups, self.has_bias = stride, padding, dilation, groups, bias
        self.padding_mode = padding_mode
        known = ("zeros",) if self.transposed else ("zeros", "reflect", "replicate", "circular")
        if padding_mode not in known:
            raise ShapeError(f"{self!r}: padding_mode {padding_mode!r} is not known; {', '.join(map(repr, known))} "
                             f"{'are' if len(known) > 1 else 'is'}")
        for channels, what in ((in_channels, "in_channels"), (out_channels, "out_channels")):
            if as_int(channels, repr(self), what) < 1:
                raise ShapeError(f"{self!r}: {what} must be at least 1, not {channels}")
            if as_int(groups, repr(self), "groups") < 1 or channels % groups:
                raise ShapeError(f"{self!r}: {channels} {what} do not divide into {groups} groups")
        widths = each(repr(self), self.rank, kernel_size, "kernel_size", 1)
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        super().__init__((first, second // groups, *widths), out_channels, bias, name, init)

    @property
    def K(self) -> Tensor:
        """The kernel, in PyTorch's layout."""
        return self.W

    def __repr__(self) -> str:
        return written(type(self).__name__, (self.in_channels, self.out_channels, self.kernel_size), {
            "stride": (self.stride, 1), "padding": (self.padding, 0), "dilation": (self.dilation, 1),
            "groups": (self.groups, 1), "bias": (self.has_bias, True), "padding_mode": (self.padding_mode, "zeros")})

    def __call__(self, x: Any) -> Tensor:
        K, b = self.held_both()
        if self.padding_mode == "zeros":
            return convolved(repr(self), self.rank, x, K, b, self.stride, self.padding, self.dilation, self.groups)
        t, name = image(repr(self), self.rank, x), repr(self)
        steps, gaps = (each(name, self.rank, value, what, 1) for value, what in (
            (self.stride, "stride"), (self.dilation, "dilation")))
        widths = margins(name, self.rank, self.padding, K.shape[2:], steps, gaps)
        bordered = pad(t, [(0, 0)] * (t.ndim - self.rank) + widths, mode=self.padding_mode)
        return convolved(name, self.rank, bordered, K, b, self.stride, 0, self.dilation, self.groups)


class Conv1d(Convolution):
    """`K ⋆ x + b` of sequences (in_channels, length): `sg.conv1d` with a kernel K of its own.

    K, of shape (out_channels, in_channels / groups, kernel_size), starts glorot-uniform, b at zero. Raises ShapeError for
    channels that do not divide into `groups`.

    >>> layer = sg.nn.Conv1d(2, 4, 3, padding="same")
    >>> layer(sg.data("x", (2, 9))).shape, [p.shape for p in layer.parameters()]
    ((4, 9), [(4, 2, 3), (4,)])
    """

    rank = 1


class Conv2d(Convolution):
    """`K ⋆ x + b` of images (in_channels, height, width): `sg.conv2d` with a kernel K of its own.

    K, of shape (out_channels, in_channels / groups, *kernel_size), starts glorot-uniform, b at zero. Raises ShapeError
    for channels that do not divide into `groups`.

    >>> layer = sg.nn.Conv2d(1, 6, 5, padding=2)
    >>> layer
    Conv2d(1, 6, 5, padding=2)
    >>> layer(sg.data("x", (1, 28, 28))).shape, [p.name for p in layer.parameters()]
    ((6, 28, 28), ['K', 'b'])
    """


class Conv3d(Convolution):
    """`K ⋆ x + b` of volumes (in_channels, depth, height, width): `sg.conv3d` with a kernel K of its own, as `Conv2d`.

    >>> sg.nn.Conv3d(2, 4, 3, padding=1)(sg.data("x", (2, 5, 6, 7))).shape
    (4, 5, 6, 7)
    """

    rank = 3


class ConvTranspose2d(Convolution):
    """The transpose of a convolution, and b: `sg.conv_transpose2d` with a kernel K of its own.

    K, of shape (in_channels, out_channels / groups, *kernel_size), starts glorot-uniform, b at zero. Raises ShapeError
    for channels that do not divide into `groups`.

    >>> layer = sg.nn.ConvTranspose2d(8, 4, 2, stride=2)
    >>> layer(sg.data("x", (8, 7, 7))).shape, layer.K.shape
    ((4, 14, 14), (8, 4, 2, 2))
    """

    transposed = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
                 padding_mode: str = "zeros", *, name: str = "", init: Any = None) -> None:
        self.output_padding = output_padding
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode,
                         name=name, init=init)

    def __repr__(self) -> str:
        more = f", output_padding={self.output_padding!r})" if self.output_padding != 0 else ")"
        return super().__repr__()[:-1] + more

    def __call__(self, x: Any) -> Tensor:
        K, b = self.held_both()
        return unconvolved(repr(self), self.rank, x, K, b, self.stride, self.padding, self.output_padding, self.groups,
                           self.dilation)


class ConvTranspose1d(ConvTranspose2d):
    """The transpose of a convolution of sequences (in_channels, length): `sg.conv_transpose1d` with a kernel of its own.

    >>> sg.nn.ConvTranspose1d(8, 4, 2, stride=2)(sg.data("x", (8, 7))).shape
    (4, 14)
    """

    rank = 1
