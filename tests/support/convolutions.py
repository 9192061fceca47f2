"""Convolutions, pools and enlargements of one image (channels, *sides) as loops over entries, as PyTorch documents them."""

import itertools
import math

import numpy as np


def each(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def entry(x, channel, place, outside=0.0):
    """An entry of an image with a border without end."""
    if any(not 0 <= p < n for p, n in zip(place, x.shape[1:], strict=True)):
        return outside
    return x[(channel, *place)]


def convolution(x, K, b=None, stride=1, padding=0, dilation=1, groups=1):
    """y[o, i] = b[o] + sum over c, p of K[o, c, p] x[c, stride i + dilation p - padding]."""
    rank = x.ndim - 1
    stride, dilation, wide = each(stride, rank), each(dilation, rank), K.shape[2:]
    if padding == "same":
        front = [d * (k - 1) // 2 for d, k in zip(dilation, wide, strict=True)]
        sides = x.shape[1:]
    else:
        front = each(padding, rank)
        sides = [(n + 2 * p - d * (k - 1) - 1) // s + 1
                 for n, p, d, k, s in zip(x.shape[1:], front, dilation, wide, stride, strict=True)]
    y = np.zeros((len(K), *sides))
    for o in range(len(K)):
        first = o // (len(K) // groups) * K.shape[1]
        for i in itertools.product(*map(range, sides)):
            y[(o, *i)] = 0 if b is None else b[o]
            for c in range(K.shape[1]):
                for p in itertools.product(*map(range, wide)):
                    place = [s * a + d * e - f for s, a, d, e, f in zip(stride, i, dilation, p, front, strict=True)]
                    y[(o, *i)] += K[(o, c, *p)] * entry(x, first + c, place)
    return y


def transposed(x, K, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Every entry lays its multiple of the kernel into the result."""
    rank = x.ndim - 1
    stride, padding, dilation, more = (each(v, rank) for v in (stride, padding, dilation, output_padding))
    sides = [(n - 1) * s - 2 * p + d * (k - 1) + e + 1
             for n, s, p, d, k, e in zip(x.shape[1:], stride, padding, dilation, K.shape[2:], more, strict=True)]
    y = np.zeros((K.shape[1] * groups, *sides))
    for c in range(len(x)):
        first = c // (len(x) // groups) * K.shape[1]
        for i in itertools.product(*map(range, x.shape[1:])):
            for o in range(K.shape[1]):
                for p in itertools.product(*map(range, K.shape[2:])):
                    place = tuple(s * a + d * e - f for s, a, d, e, f in zip(stride, i, dilation, p, padding, strict=True))
                    if all(0 <= q < n for q, n in zip(place, sides, strict=True)):
                        y[(first + o, *place)] += x[(c, *i)] * K[(c, o, *p)]
    return y if b is None else y + b.reshape(-1, *[1] * rank)


def count(n, k, s, p, d, ceil):
    """How many windows; one more in `ceil` mode, unless it would begin behind the image."""
    rest = n + 2 * p - d * (k - 1) - 1
    if not ceil:
        return rest // s + 1
    found = math.ceil(rest / s) + 1
    return found - 1 if (found - 1) * s >= n + p else found


def max_pool(x, kernel, stride=None, padding=0, dilation=1, ceil_mode=False):
    k, s, p, d = (each(v, 2) for v in (kernel, kernel if stride is None else stride, padding, dilation))
    sides = [count(n, *row, ceil_mode) for n, row in zip(x.shape[1:], zip(k, s, p, d, strict=True), strict=True)]
    y = np.zeros((len(x), *sides))
    for c, i, j in np.ndindex(*y.shape):
        y[c, i, j] = max(entry(x, c, (i * s[0] - p[0] + a * d[0], j * s[1] - p[1] + b * d[1]), -math.inf)
                         for a in range(k[0]) for b in range(k[1]))
    return y


def avg_pool(x, kernel, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    k, s, p = (each(v, 2) for v in (kernel, kernel if stride is None else stride, padding))
    sides = [count(n, *row, 1, ceil_mode) for n, row in zip(x.shape[1:], zip(k, s, p, strict=True), strict=True)]
    y = np.zeros((len(x), *sides))
    for c, i, j in np.ndindex(*y.shape):
        places = [(i * s[0] - p[0] + a, j * s[1] - p[1] + b) for a in range(k[0]) for b in range(k[1])]
        edge = p if count_include_pad else (0, 0)
        counted = sum(all(-e <= q < n + e for q, n, e in zip(place, x.shape[1:], edge, strict=True)) for place in places)
        y[c, i, j] = sum(entry(x, c, place) for place in places) / (divisor_override or counted)
    return y


def adaptive_avg_pool(x, sides):
    y = np.zeros((len(x), *sides))
    for c, i, j in np.ndindex(*y.shape):
        rows, columns = (slice(a * n // o, math.ceil((a + 1) * n / o))
                         for a, n, o in zip((i, j), x.shape[1:], sides, strict=True))
        y[c, i, j] = x[c, rows, columns].mean()
    return y


def upsampled(x, size=None, scale=None):
    rank = x.ndim - 1
    factors = None if scale is None else (scale,) * rank if isinstance(scale, (int, float)) else scale
    sides = each(size, rank) if scale is None else [math.floor(n * f) for n, f in zip(x.shape[1:], factors, strict=True)]
    y = np.zeros((len(x), *sides))
    for place in np.ndindex(*y.shape):
        ratios = [n / m if factors is None else 1 / f for n, m, f in zip(x.shape[1:], sides, factors or sides, strict=True)]
        y[place] = x[(place[0], *(min(math.floor(i * r), n - 1) for i, r, n in zip(place[1:], ratios, x.shape[1:], strict=True)))]
    return y
