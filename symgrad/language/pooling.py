"""Pools of images: reductions over windows, means over pieces.

Arguments, defaults and conventions are those of `torch.nn.functional`. A border counts as minus infinity for a maximum
and as zero for a mean; an image is (channels, *lengths), with any axes in front, one sample of it under `over=`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from symgrad.graphs.errors import ShapeError
from symgrad.language.align import as_int, as_size, constant, describe
from symgrad.language.contraction import arange, einsum, ones
from symgrad.language.convolving import each, image, padded, tiled
from symgrad.language.padding import pad
from symgrad.language.pointwise import maximum, minimum, where
from symgrad.language.rearrange import reshape
from symgrad.language.reduction import max as largest
from symgrad.language.reduction import mean
from symgrad.language.reduction import sum as total
from symgrad.language.tensor import Tensor


def max_pool2d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False) -> Tensor:
    """The largest entry of each window of an image; windows lie side by side without `stride`.

    `ceil_mode` adds a last window that reaches over the edge, if it begins within the image or its border in front.
    Raises ShapeError where a window does not fit, or `padding` is more than half of it. Source: PyTorch's `max_pool2d`.

    >>> x = sg.data("x", (6, 28, 28), over=sg.dim("T"))
    >>> sg.max_pool2d(x, 2).shape, sg.max_pool2d(x, 3, ceil_mode=True).shape
    ((6, 14, 14), (6, 10, 10))
    """
    return largest_of_windows("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool2d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: Any = None) -> Tensor:
    """The mean of each window of an image; windows lie side by side without `stride`.

    Entries of the border count as zeros, or not at all with `count_include_pad=False`; what `ceil_mode` adds beyond
    the border never counts. Raises ShapeError where a window does not fit, or `padding` is more than half of it.
    Source: PyTorch's `avg_pool2d`.

    >>> x = sg.data("x", (1, 3, 3))
    >>> sg.avg_pool2d(x, 2, padding=1).eval(x=np.ones((1, 3, 3)))
    array([[[0.25, 0.5 ],
            [0.5 , 1.  ]]])
    """
    return mean_of_windows("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                           divisor_override)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Tensor:
    """The means of `output_size` (a number or a pair; None keeps a side) pieces of an image, which may overlap by one.

    Piece i of o along a side of n begins at floor(i n / o) and ends before ceil((i + 1) n / o). Raises ShapeError for
    sizes that are no positive ints. Source: PyTorch's `adaptive_avg_pool2d`.

    >>> x = sg.data("x", (8, *sg.dims("h w")))
    >>> sg.adaptive_avg_pool2d(x, 1).shape, sg.adaptive_avg_pool2d(sg.data("y", (8, 7, 5)), (3, None)).shape
    ((8, 1, 1), (8, 3, 5))
    """
    return mean_of_pieces("adaptive_avg_pool2d", 2, input, output_size)


def max_pool1d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False) -> Tensor:
    """`max_pool2d` of sequences (channels, length).

    >>> sg.max_pool1d(sg.data("x", (2, 7)), 3).shape
    (2, 2)
    """
    return largest_of_windows("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool3d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
               ceil_mode: bool = False) -> Tensor:
    """`max_pool2d` of volumes (channels, depth, height, width).

    >>> sg.max_pool3d(sg.data("x", (2, 4, 6, 8)), 2).shape
    (2, 2, 3, 4)
    """
    return largest_of_windows("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode)


def avg_pool1d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:
    """`avg_pool2d` of sequences (channels, length).

    >>> sg.avg_pool1d(sg.data("x", (1, 4)), 2).eval(x=[[1.0, 3.0, 5.0, 7.0]])
    array([[2., 6.]])
    """
    return mean_of_windows("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool3d(input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: Any = None) -> Tensor:
    """`avg_pool2d` of volumes (channels, depth, height, width).

    >>> sg.avg_pool3d(sg.data("x", (2, 4, 6, 8)), 2).shape
    (2, 2, 3, 4)
    """
    return mean_of_windows("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
                           divisor_override)


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d` of sequences (channels, length).

    >>> sg.adaptive_avg_pool1d(sg.data("x", (1, 4)), 2).eval(x=[[1.0, 3.0, 5.0, 7.0]])
    array([[2., 6.]])
    """
    return mean_of_pieces("adaptive_avg_pool1d", 1, input, output_size)


def largest_of_windows(name: str, rank: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
                       ceil_mode: bool) -> Tensor:
    """`max_pool2d`; `name` says in errors whose it is."""
    x = image(name, rank, input)
    kernel, steps, border = _windows(name, rank, kernel_size, stride, padding)
    gaps = each(name, rank, dilation, "dilation", 1)
    margins = _margins(x, kernel, steps, border, gaps, ceil_mode)
    around = padded(x, margins)
    if around is not x:  # what lies outside is never the largest
        inside = pad(ones(x.shape[-rank:]), margins)
        around = where(inside > 0, around, -math.inf)
    return largest(tiled(name, around, kernel, steps, gaps, margins), axis=tuple(range(-rank, 0)))


def mean_of_windows(name: str, rank: int, input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
                    count_include_pad: bool, divisor_override: Any) -> Tensor:
    """`avg_pool2d`; `name` says in errors whose it is."""
    x = image(name, rank, input)
    kernel, steps, border = _windows(name, rank, kernel_size, stride, padding)
    margins = _margins(x, kernel, steps, border, [1] * rank, ceil_mode)
    sums = total(tiled(name, padded(x, margins), kernel, steps, [1] * rank, margins), axis=tuple(range(-rank, 0)))
    if divisor_override is not None:
        divisor = as_int(divisor_override, name, "divisor_override")
        if divisor == 0:
            raise ShapeError(f"{name}: divisor_override must not be 0")
        return sums / divisor
    over: Any = 1
    for i in range(rank):
        edge = border[i] if count_include_pad else 0
        if margins[i] == (edge, edge):  # all entries count
            over = over * kernel[i]
            continue
        n, starts = x.shape[i - rank], arange(sums.shape[i - rank]) * steps[i] - border[i]
        counts = minimum(starts + kernel[i], n + edge) - maximum(starts, -edge)
        over = over * reshape(counts, (*counts.shape, *[1] * (rank - 1 - i)))
    return sums / over


def mean_of_pieces(name: str, rank: int, input: Any, output_size: Any) -> Tensor:
    """`adaptive_avg_pool2d`; `name` says in errors whose it is."""
    x = image(name, rank, input)
    wanted = list(output_size) if isinstance(output_size, (tuple, list)) else [output_size] * rank
    if len(wanted) != rank:
        raise ShapeError(f"{name}: output_size is a number or {rank} of them, not {output_size!r}")
    lead, sides = x.shape[:-rank], x.shape[-rank:]
    counts = [n if size is None else as_size(size, name) for n, size in zip(sides, wanted, strict=True)]
    if any(isinstance(count, int) and count < 1 for count in counts):
        raise ShapeError(f"{name}: output_size must be at least 1, not {output_size!r}")
    if all(count == 1 for count in counts):
        return mean(x, axis=tuple(range(-rank, 0)), keepdims=True)
    for n, count in zip(sides, counts, strict=True):
        if count not in (1, n) and not (isinstance(n, int) and isinstance(count, int)):
            raise ShapeError(f"{name}: {describe(x)}: a side of {n} in {count} pieces needs numbers for both, or one piece")
    cut = {i: (1, n) if count == 1 else (count, n // count) for i, (n, count) in enumerate(zip(sides, counts, strict=True))
           if count != n and (count == 1 or n % count == 0)}
    if cut:  # pieces of one size lie side by side
        shape = [part for i, n in enumerate(sides) for part in cut.get(i, (n,))]
        axes = [i + sum(k < i for k in cut) + 1 + len(lead) for i in cut]
        x = mean(reshape(x, (*lead, *shape)), axis=tuple(axes))
    for i, (n, count) in enumerate(zip(sides, counts, strict=True)):
        if i not in cut and count != n:
            letters = "abc"[: rank - i]
            x = einsum(f"...{letters},o{letters[0]}->...o{letters[1:]}", x, constant(_shares(n, count)))
    return x


def _shares(n: int, count: int) -> list[list[float]]:
    """How much each of n entries is of each of `count` means."""
    shares = [[0.0] * n for _ in range(count)]
    for i in range(count):
        first, last = i * n // count, -(-(i + 1) * n // count)
        shares[i][first:last] = [1 / (last - first)] * (last - first)
    return shares


def _windows(name: str, rank: int, kernel_size: Any, stride: Any, padding: Any) -> tuple[list[int], list[int], list[int]]:
    kernel = each(name, rank, kernel_size, "kernel_size", 1)
    steps = kernel if stride is None else each(name, rank, stride, "stride", 1)
    border = each(name, rank, padding, "padding", 0)
    for wide, edge in zip(kernel, border, strict=True):
        if 2 * edge > wide:
            raise ShapeError(f"{name}: a padding of {edge} is more than half of the kernel_size {wide}: a window would "
                             "lie outside of the image")
    return kernel, steps, border


def _margins(x: Tensor, kernel: Sequence[int], steps: Sequence[int], border: Sequence[int], gaps: Sequence[int],
             ceil_mode: bool) -> list[tuple[int, int]]:
    """Entries in front and behind; with `ceil_mode` as many more behind as the last window reaches over the edge."""
    margins = []
    for n, wide, step, edge, gap in zip(x.shape[-len(kernel):], kernel, steps, border, gaps, strict=True):
        if not ceil_mode or step == 1:
            margins.append((edge, edge))
            continue
        if not isinstance(n, int):
            raise ShapeError(f"ceil_mode of {describe(x)} needs sides that are numbers, not {n}")
        room, whole = n + 2 * edge, gap * (wide - 1) + 1
        count = -(-(room - whole) // step) + 1
        if (count - 1) * step >= n + edge:  # the last window begins within the image or the border in front
            count -= 1
        margins.append((edge, edge + max((count - 1) * step + whole - room, 0)))
    return margins
