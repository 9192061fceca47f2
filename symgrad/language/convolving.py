"""Convolutions: products of a kernel with windows of the image, and their transposes, which lay windows over each other.

Arguments, defaults and conventions are those of `torch.nn.functional`: what is called a convolution does not flip its
kernel, y[o, i] = sum_c sum_p K[o, c, p] x[c, stride i + dilation p - padding]. An image is (channels, *lengths), with
any axes in front; one sample of it under `over=`.

There is no primitive of a convolution: padding, windows and einsum are linear, so derivatives of every order follow, and
are convolutions again. Layers call `convolved` and `unconvolved` with their own name, so that errors say whose they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs.algebra import running
from symgrad.graphs.algebra.primitives import pad as pad_node
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.sizes import Size, canonical
from symgrad.language.align import as_int, as_tensor, describe
from symgrad.language.contraction import einsum
from symgrad.language.linear_algebra import windows
from symgrad.language.padding import pad
from symgrad.language.rearrange import expand_dims, reshape
from symgrad.language.recipes import operation
from symgrad.language.tensor import Tensor, wrap

Pairs = list[tuple[int, int]]
PLACES, OFFSETS = "xyz", "pqr"  # letters of the axes of an image, and of the offsets within a window


def conv1d(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """The convolution of sequences (channels, length) with a kernel (out channels, channels / groups, width).

    `padding` is a count, "valid" (0) or "same" (the length stays; one more behind than in front where the sum is odd).
    Raises ShapeError where channels, groups or lengths do not fit. Source: PyTorch's `conv1d`.

    >>> x, K = sg.data("x", (2, 9)), sg.parameter("K", (4, 2, 3))
    >>> sg.conv1d(x, K).shape, sg.conv1d(x, K, stride=2, padding=1).shape, sg.conv1d(x, K, padding="same").shape
    ((4, 7), (4, 5), (4, 9))
    """
    return convolved("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """The convolution of images (channels, height, width) with a kernel (out channels, channels / groups, height, width).

    `stride`, `padding` and `dilation` are an int or a pair; `padding` may be "valid" (0) or "same" (the size stays; one
    more behind than in front where the sum is odd). Raises ShapeError where channels, groups or sizes do not fit.
    Source: PyTorch's `conv2d`.

    >>> x, K = sg.data("x", (1, 28, 28), over=sg.dim("T")), sg.parameter("K", (6, 1, 5, 5))
    >>> sg.conv2d(x, K, sg.parameter("b", 6), padding=2).shape
    (6, 28, 28)
    """
    return convolved("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
           groups: int = 1) -> Tensor:
    """`conv2d` of volumes (channels, depth, height, width), with a kernel of three widths.

    >>> sg.conv3d(sg.data("x", (2, 5, 6, 7)), sg.parameter("K", (4, 2, 3, 3, 3)), padding=1).shape
    (4, 5, 6, 7)
    """
    return convolved("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


def conv_transpose1d(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
                     output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Tensor:
    """`conv_transpose2d` of sequences (channels, length).

    >>> sg.conv_transpose1d(sg.data("x", (8, 7)), sg.parameter("K", (8, 4, 2)), stride=2).shape
    (4, 14)
    """
    return unconvolved("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
                     groups: int = 1, dilation: Any = 1) -> Tensor:
    """The transpose of the map `conv2d` with the kernel `weight` (channels, out channels / groups, height, width).

    A side of n becomes (n - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1. Raises ShapeError where
    channels, groups or sizes do not fit. Source: PyTorch's `conv_transpose2d`.

    >>> x, K = sg.data("x", (8, 7, 7)), sg.parameter("K", (8, 4, 2, 2))
    >>> sg.conv_transpose2d(x, K, stride=2).shape
    (4, 14, 14)
    """
    return unconvolved("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def convolved(name: str, rank: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
              groups: Any) -> Tensor:
    """The convolution along the last `rank` axes; `name` says in errors whose it is."""
    x, K = image(name, rank, input), _kernel(name, rank, weight)
    steps, gaps = each(name, rank, stride, "stride", 1), each(name, rank, dilation, "dilation", 1)
    count = _groups(name, groups, K.shape[0], "output channels of the kernel", K)
    _divides(name, count, x.shape[-rank - 1], "channels", x)
    if not _equal(K.shape[1], x.shape[-rank - 1], count):
        raise ShapeError(f"{name}: {describe(x)} has {x.shape[-rank - 1]} channels, the kernel {describe(K)} is for "
                         f"{canonical(K.shape[1] * count)}{_in_groups(count)}")
    widths = margins(name, rank, padding, K.shape[2:], steps, gaps)
    tiles = tiled(name, padded(x, widths), K.shape[2:], steps, gaps, widths)
    places, offsets = PLACES[:rank], OFFSETS[:rank]
    if count > 1:
        lead = x.ndim - rank - 1
        tiles = reshape(tiles, (*tiles.shape[:lead], count, K.shape[1], *tiles.shape[lead + 1:]))
        K = reshape(K, (count, K.shape[0] // count, *K.shape[1:]))
        y = einsum(f"...gc{places}{offsets},goc{offsets}->...go{places}", tiles, K)
        y = reshape(y, (*y.shape[:lead], y.shape[lead] * y.shape[lead + 1], *y.shape[lead + 2:]))
    else:
        y = einsum(f"...c{places}{offsets},oc{offsets}->...o{places}", tiles, K)
    return _shifted(name, rank, y, bias)


def unconvolved(name: str, rank: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
                groups: Any, dilation: Any) -> Tensor:
    """The transpose of a convolution along the last `rank` axes; `name` says in errors whose it is."""
    x, K = image(name, rank, input), _kernel(name, rank, weight)
    steps, gaps = each(name, rank, stride, "stride", 1), each(name, rank, dilation, "dilation", 1)
    border, more = each(name, rank, padding, "padding", 0), each(name, rank, output_padding, "output_padding", 0)
    channels = x.shape[-rank - 1]
    if K.shape[0] != channels:
        raise ShapeError(f"{name}: {describe(x)} has {channels} channels, the kernel {describe(K)} is for {K.shape[0]}")
    count = _groups(name, groups, channels, "channels", x)
    for extra, step, gap in zip(more, steps, gaps, strict=True):
        if extra >= max(step, gap):
            raise ShapeError(f"{name}: output_padding {extra} must be less than the stride {step} or the dilation {gap}: "
                             "it chooses among the sizes that a convolution maps to this one")
    places, offsets = PLACES[:rank], OFFSETS[:rank]
    lead = x.ndim - rank - 1
    if count > 1:
        x = reshape(x, (*x.shape[:lead], count, channels // count, *x.shape[lead + 1:]))
        K = reshape(K, (count, channels // count, *K.shape[1:]))
        tiles = einsum(f"...gc{places},gco{offsets}->...go{places}{offsets}", x, K)
        tiles = reshape(tiles, (*tiles.shape[:lead], count * tiles.shape[lead + 1], *tiles.shape[lead + 2:]))
    else:
        tiles = einsum(f"...c{places},co{offsets}->...o{places}{offsets}", x, K)
    cut: list[Any] = [slice(None)] * (lead + 1)
    for i in reversed(range(rank)):
        before, wide = tiles.shape[lead + 1 + i], tiles.shape[-1]
        full = canonical((before - 1) * steps[i] + gaps[i] * (wide - 1) + 1 + more[i])
        if isinstance(full, int) and full <= 2 * border[i]:
            raise ShapeError(f"{name}: a side of {before} becomes {full - 2 * border[i]}: a padding of {border[i]} takes "
                             f"away all of the {full} entries")
        beyond = more[i] if more[i] >= steps[i] else 0  # no window reaches there
        tiles = _laid_back(tiles, lead + 1 + i, steps[i], gaps[i], canonical(full - beyond))
        if beyond:
            tiles = pad(tiles, [(0, beyond if axis == lead + 1 + i else 0) for axis in range(tiles.ndim)])
        cut.insert(lead + 1, slice(border[i], None if border[i] == 0 else -border[i]))
    y = tiles if not any(border) else tiles[tuple(cut)]
    return _shifted(name, rank, y, bias)


@operation
def _laid_back(tiles: Tensor, axis: int, step: int, gap: int, length: Size) -> Tensor:
    """The transpose of windows with `gap` between their entries: the last axis added along `axis`, `step` apart."""
    node, lead = tiles.node, 0 if tiles.over is None else 1
    if gap > 1:
        flat = len(node.shape) - 1
        wide = canonical(gap * (node.shape[-1] - 1) + 1)
        node = pad_node(node, [0] * (flat + 1), [1] * flat + [gap], (*node.shape[:-1], wide))
    return wrap(running.overlap(node, axis + lead, step, length), tiles.over)


# what images, kernels and pools share -----------------------------------------------------------------


def image(name: str, rank: int, x: Any) -> Tensor:
    """`x` as an image of `rank` axes behind one of channels; axes in front are carried along."""
    t = as_tensor(x, name)
    if t.ndim not in (rank + 1, rank + 2):
        sides = ("length", "height, width", "depth, height, width")[rank - 1]
        one = f"(channels, {sides})"
        raise ShapeError(f"{name}: {describe(t)} has {t.ndim} {'axis' if t.ndim == 1 else 'axes'}; one sample is {one}" + (
            f", a batch of them (batch, channels, {sides})" if t.over is None else ""))
    return t


def each(name: str, rank: int, value: Any, what: str, least: int) -> list[int]:
    """An int for each axis of an image, from one int or a sequence."""
    numbers = list(value) if isinstance(value, (tuple, list)) else [value] * rank
    numbers = numbers * rank if len(numbers) == 1 else numbers
    if len(numbers) != rank:
        raise ShapeError(f"{name}: {what} is an int or {rank} of them, not {value!r}")
    found = [as_int(number, name, what) for number in numbers]
    if min(found) < least:
        raise ShapeError(f"{name}: {what} must be at least {least}, not {value!r}")
    return found


def padded(x: Tensor, widths: Pairs) -> Tensor:
    """`x` with a border of zeros around its last axes."""
    return pad(x, [(0, 0)] * (x.ndim - len(widths)) + widths) if any(map(any, widths)) else x


def tiled(name: str, x: Tensor, widths: Sequence[Size], steps: Sequence[int], gaps: Sequence[int],
          borders: Pairs) -> Tensor:
    """All windows along the last axes of an image that has its border; the offsets become last axes."""
    first, tiles = x.ndim - len(widths), x
    for i, (wide, step, gap) in enumerate(zip(widths, steps, gaps, strict=True)):
        whole, size = canonical(gap * (wide - 1) + 1), x.shape[first + i]
        if isinstance(whole, int) and isinstance(size, int) and whole > size:
            border = f" with a padding of {borders[i][0]} and {borders[i][1]}" if any(borders[i]) else ""
            spread = f" with a dilation of {gap} covers {whole} entries and" if gap > 1 else ""
            raise ShapeError(f"{name}: a kernel of {wide}{spread} does not fit into a side of {size - sum(borders[i])}"
                             f"{border}: {size} entries (image of shape {shape_text(x.shape)})")
        tiles = windows(tiles, whole, step, first + i)
        if gap > 1:
            tiles = tiles[..., ::gap]
    return tiles


def _kernel(name: str, rank: int, weight: Any) -> Tensor:
    K = as_tensor(weight, name)
    if K.ndim != rank + 2:
        raise ShapeError(f"{name}: the kernel {describe(K)} has {K.ndim} axes; it needs {rank + 2}: two of channels and "
                         f"{rank} of offsets")
    return K


def _groups(name: str, groups: Any, channels: Size, what: str, owner: Tensor) -> int:
    count = as_int(groups, name, "groups")
    if count < 1:
        raise ShapeError(f"{name}: groups must be at least 1, not {count}")
    _divides(name, count, channels, what, owner)
    return count


def _divides(name: str, count: int, channels: Size, what: str, owner: Tensor) -> None:
    if count > 1 and not (isinstance(channels, int) and channels % count == 0):
        raise ShapeError(f"{name}: {channels} {what} do not divide into {count} groups ({describe(owner)})")


def _equal(mine: Size, channels: Size, count: int) -> bool:
    return bool(canonical(mine * count) == channels)


def _in_groups(count: int) -> str:
    return f" in {count} groups" if count > 1 else ""


def margins(name: str, rank: int, padding: Any, widths: Sequence[Size], steps: Sequence[int],
             gaps: Sequence[int]) -> Pairs:
    """Zeros in front of and behind each axis."""
    if padding == "valid":
        return [(0, 0)] * rank
    if isinstance(padding, str) and padding != "same":
        raise ShapeError(f"{name}: padding is an int, {rank} of them, 'valid' or 'same', not {padding!r}")
    if padding != "same":
        return [(p, p) for p in each(name, rank, padding, "padding", 0)]
    if any(step > 1 for step in steps):
        raise ShapeError(f"{name}: padding 'same' keeps the size only where the stride is 1, not {max(steps)}")
    if not all(isinstance(wide, int) for wide in widths):
        raise ShapeError(f"{name}: padding 'same' needs a kernel whose width is a number, not {shape_text(tuple(widths))}")
    around = [gap * (int(wide) - 1) for wide, gap in zip(widths, gaps, strict=True)]
    return [(total // 2, total - total // 2) for total in around]


def _shifted(name: str, rank: int, y: Tensor, bias: Any) -> Tensor:
    if bias is None:
        return y
    b = as_tensor(bias, name)
    if b.shape != (y.shape[-rank - 1],):
        raise ShapeError(f"{name}: the bias {describe(b)} must be of shape {shape_text((y.shape[-rank - 1],))}: a number "
                         "for each output channel")
    return y + expand_dims(b, tuple(range(1, rank + 1)))
