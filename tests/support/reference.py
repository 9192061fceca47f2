"""What a graph means, as plainly as NumPy can say it: slow, independent of the code generator, in float64.

`value(node, arrays, sizes)` walks the nodes; products are spelled out on broadcast arrays, gathers and scatters
are loops.
"""

import itertools
import math

import mpmath
import numpy as np
import sympy as sp

from symgrad.graphs.algebra.recurrence import loop_of
from symgrad.graphs.node import topological
from symgrad.graphs.weights import to_expr


def number(size, sizes):
    return size if isinstance(size, (int, float)) else float(sp.sympify(size).subs(sizes))


def values(roots, arrays, sizes):
    """The values of `roots`, given arrays by symbol name and numbers by size symbol."""
    done = {}
    for node in topological(roots):
        shape = tuple(int(number(s, sizes)) for s in node.shape)
        with np.errstate(all="ignore"):
            result = OPS[node.op](node, [done[o] for o in node.operands], shape, arrays, sizes)
        kind = {"real": np.float64, "integer": np.int64, "boolean": np.bool_}[node.dtype]
        result = np.asarray(result)
        assert result.shape == shape, (node, result.shape, shape)
        done[node] = result.astype(kind)
    return [done[root] for root in roots]


def _input(node, args, shape, arrays, sizes):
    return arrays[node.attrs[0].name]


def _constant(node, args, shape, arrays, sizes):
    return node.attrs[0].value


def _iota(node, args, shape, arrays, sizes):
    return np.array(list(range(shape[0])), dtype=int)


def _add(node, args, shape, arrays, sizes):
    total = np.zeros(shape)
    for by, arg in zip(node.attrs[0], args):
        total = total + number(to_expr(by), sizes) * arg
    return total


def _product(node, args, shape, arrays, sizes):
    """All labels as axes of one big array; then the sum; then the deltas."""
    inputs, out = node.attrs
    extent = dict(zip(out, shape))
    for arg, labels in zip(args, inputs):
        extent.update(zip(labels, arg.shape))
    order = sorted(extent)
    big = np.ones([extent[x] for x in order])
    for arg, labels in zip(args, inputs):
        grid = np.indices([extent[x] for x in order])
        big = big * arg[tuple(grid[order.index(x)] for x in labels)]
    kept = [x for x in order if x in out]
    small = big.sum(axis=tuple(i for i, x in enumerate(order) if x not in out))
    result = np.zeros(shape)
    for at in itertools.product(*(range(s) for s in small.shape)):
        result[tuple(at[kept.index(x)] for x in out)] = small[at]
    return result


def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


erf = np.vectorize(math.erf, otypes=[float])

ROWS = {
    "reciprocal": lambda x: 1.0 / x,
    "sigmoid": sigmoid,
    "softplus": lambda x: np.logaddexp(0, x),
    "silu": lambda x: x * sigmoid(x),
    "erf": erf,
    "gelu": lambda x: x * (1 + erf(x / math.sqrt(2))) / 2,
    "power": lambda x, z: np.power(np.asarray(x, float), z),
    "log_or_zero": lambda x: np.log(np.where(x == 0, 1, x)),
    "relu": lambda x: np.where(x > 0, x, 0), "real": lambda x: x * 1.0,
    "leaky_relu": lambda x, z: np.where(x > 0, x, z * x),
    "elu": lambda x, z: np.where(x > 0, x, z * np.expm1(x)),
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "where": lambda c, a, b: np.where(c != 0, a, b), "log_abs": lambda x: np.log(np.abs(x)),
    "defined": lambda c, a: np.where(c != 0, a, np.nan), "taken": lambda c, a: np.where(c != 0, a, 0),
    "erfc": np.vectorize(math.erfc, otypes=[float]), "lgamma": np.vectorize(math.lgamma, otypes=[float]),
    "erfinv": np.vectorize(lambda x: float(mpmath.erfinv(x)), otypes=[float]),
    "zeroed": lambda x: np.where(np.isfinite(x), 0.0, np.nan),
    "sinc_derivative": np.vectorize(lambda n, x: float(mpmath.pi**n * mpmath.quad(
        lambda t: t**n * mpmath.cos(mpmath.pi * t * x + n * mpmath.pi / 2), [0, 1])), otypes=[float]),
}


def _elementwise(node, args, shape, arrays, sizes):
    name = node.attrs[0]
    if node.dtype != "boolean":
        args = [a * 1 for a in args]
    return (ROWS.get(name) or getattr(np, name))(*args)


def _same(node, args, shape, arrays, sizes):
    return args[0]


def _extremum(node, args, shape, arrays, sizes):
    return getattr(np, node.op)(args[0], axis=node.attrs[0])


def _logsumexp(node, args, shape, arrays, sizes):
    result = args[0].astype(float)
    for axis in sorted(node.attrs[0], reverse=True):
        result = np.logaddexp.reduce(result, axis=axis)
    return result


def _softmax(node, args, shape, arrays, sizes):
    axes = node.attrs[0]
    x = args[0].astype(float)
    e = np.exp(x - x.max(axis=axes, keepdims=True))
    return e / e.sum(axis=axes, keepdims=True)


def _picks(node, small, sizes):
    starts = [(int(number(start, sizes)), step) for start, step in node.attrs[0]]
    for at in itertools.product(*(range(s) for s in small)):
        yield at, tuple(start + i * step for (start, step), i in zip(starts, at))


def _slice(node, args, shape, arrays, sizes):
    result = np.zeros(shape)
    for at, place in _picks(node, shape, sizes):
        result[at] = args[0][place]
    return result


def _pad(node, args, shape, arrays, sizes):
    result = np.zeros(shape)
    for at, place in _picks(node, args[0].shape, sizes):
        result[place] += args[0][at]
    return result


def _concat(node, args, shape, arrays, sizes):
    return np.concatenate(args, axis=node.attrs[0])


def _reshape(node, args, shape, arrays, sizes):
    return np.array(list(args[0].flat), dtype=args[0].dtype).reshape(shape)


def _gathered(node, body_shape, indices):
    """(place in the gathered tensor, place in the body)"""
    axes = node.attrs[0]
    rest = [a for a in range(len(body_shape)) if a not in axes]
    for at in itertools.product(*(range(s) for s in indices[0].shape)):
        for other in itertools.product(*(range(body_shape[a]) for a in rest)):
            place = [0] * len(body_shape)
            for axis, index in zip(axes, indices):
                place[axis] = int(index[at])
            for axis, i in zip(rest, other):
                place[axis] = i
            yield (*at, *other), tuple(place)


def _gather(node, args, shape, arrays, sizes):
    result = np.zeros(shape)
    for at, place in _gathered(node, args[0].shape, args[1:]):
        result[at] = args[0][place]
    return result


def _scatter(node, args, shape, arrays, sizes):
    result = np.zeros(shape)
    for at, place in _gathered(node, shape, args[1:]):
        result[place] += args[0][at]
    return result


def determinant(a):
    """By expansion: exact on small matrices, also singular ones."""
    if not len(a):
        return 1.0
    minors = (np.delete(a[1:], j, axis=1) for j in range(len(a)))
    return sum((-1) ** j * a[0, j] * determinant(m) for j, m in enumerate(minors))


def slope(f, a, order):
    """Derivatives of a function that is affine in every entry: differences between one and zero are exact."""
    if not order:
        return f(a)
    result = []
    for at in itertools.product(*(range(s) for s in a.shape)):
        high, low = a.copy(), a.copy()
        high[at], low[at] = 1, 0
        result.append(slope(f, high, order - 1) - slope(f, low, order - 1))
    return np.array(result).reshape(*a.shape, *np.shape(result[0]))


def _matrix(f):
    def value(node, args, shape, arrays, sizes):
        stack = args[0].shape[:-2]
        found = [f(node, *(arg[at] for arg in args)) for at in itertools.product(*(range(s) for s in stack))]
        return np.array(found).reshape(shape)

    return value


def _multiply(node, args, shape, arrays, sizes):
    axis, order = node.attrs
    x = np.moveaxis(args[0], axis, -1).astype(float)
    rows = [slope(lambda v: math.prod(v), row, order) for row in x.reshape(-1, x.shape[-1])]
    return np.array(rows).reshape(shape)


def _windows(node, args, shape, arrays, sizes):
    axis, step = node.attrs
    result = np.zeros(shape)
    for at in itertools.product(*(range(s) for s in shape)):
        result[at] = args[0][(*at[:axis], at[axis] * step + at[-1], *at[axis + 1:-1])]
    return result


def _overlap(node, args, shape, arrays, sizes):
    axis, step = node.attrs
    result = np.zeros(shape)
    for at in itertools.product(*(range(s) for s in args[0].shape)):
        result[(*at[:axis], at[axis] * step + at[-1], *at[axis + 1:-1])] += args[0][at]
    return result


def _cumsum(node, args, shape, arrays, sizes):
    axis, reverse = node.attrs
    x = np.flip(args[0], axis) if reverse else args[0]
    total = np.cumsum(x, axis=axis)
    return np.flip(total, axis) if reverse else total


def _scan(node, args, shape, arrays, sizes):
    """Step by step; every step is a graph of its own, in the names of the bound symbols."""
    loop, what = loop_of(node), node.attrs[1]
    body = loop.body
    names = [symbol.attrs[0].name for symbol in body.symbols]
    known = dict(zip(names, args))
    slices = [symbol.attrs[0].name for symbol in body.slices]
    steps = range(int(number(loop.length, sizes)))
    results = [] if isinstance(what, int) else [what]
    stacked = {}
    for t in reversed(steps) if loop.reverse else steps:
        now = {**known, **{name: known[name][t] for name in slices}}
        found = values([*body.after, *results], now, sizes)
        known.update(zip(names, found[:len(body.carries)]))
        stacked[t] = found[-1]
    return known[names[what]] if isinstance(what, int) else np.stack([stacked[t] for t in steps])


OPS = {
    "scan": _scan,
    "inverse": _matrix(lambda node, a: np.linalg.inv(a)), "solve": _matrix(lambda node, a, b: np.tensordot(np.linalg.inv(a), b, 1)),
    "logdet": _matrix(lambda node, a: math.log(abs(determinant(a)))),
    "cofactor": _matrix(lambda node, a: slope(determinant, a, node.attrs[0])),
    "cholesky": _matrix(lambda node, a: np.linalg.cholesky((a + a.T) / 2)),
    "argsort": lambda node, args, *_: np.argsort(args[0], axis=node.attrs[0], kind="stable"),
    "eigvals": _matrix(lambda node, a: np.linalg.eigvalsh((a + a.T) / 2)), "eigvecs": _matrix(lambda node, a: np.linalg.eigh((a + a.T) / 2)[1]),
    "svdvals": _matrix(lambda node, a: np.linalg.svd(a)[1]),
    "svd": _matrix(lambda node, a: np.linalg.svd(a, full_matrices=False)[0] if node.attrs[0] == "u" else np.linalg.svd(a, full_matrices=False)[2].T),
    "qr": _matrix(lambda node, a: np.linalg.qr(a)["qr".index(node.attrs[0])]),
    "distances": lambda node, args, *_: ((args[0][..., :, None, :] - args[1][..., None, :, :]) ** 2).sum(-1),
    "multiply": _multiply, "cumsum": _cumsum, "windows": _windows, "overlap": _overlap,
    "input": _input, "constant": _constant, "iota": _iota, "add": _add, "einsum": _product, "view": _product,
    "elementwise": _elementwise, "named": _same, "stop": _same, "tracked": _same, "max": _extremum, "min": _extremum,
    "argmax": lambda node, args, *_: args[0].argmax(axis=node.attrs[0]),
    "argmin": lambda node, args, *_: args[0].argmin(axis=node.attrs[0]),
    "logsumexp": _logsumexp, "softmax": _softmax, "slice": _slice, "pad": _pad, "concat": _concat,
    "reshape": _reshape, "gather": _gather, "scatter": _scatter,
}
