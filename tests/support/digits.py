"""A graph as it was written, in arithmetic of thousands of digits: the oracle of everything that must be stable.

`expected(y, x, at)` gives value, gradient and Hessian of a scalar tensor. It knows neither the rewrites nor a single
derivative rule: exp(1000) has no overflow in mpmath, 1 - sigmoid(1000) loses 435 digits of 1600, and derivatives are
central differences with a step of 1e-350.
"""

import itertools

import mpmath as mp
import numpy as np
import sympy as sp

from symgrad.graphs.node import topological
from symgrad.graphs.weights import to_expr

DIGITS = 1600
STEP = "1e-350"


def _vectorised(f):
    return lambda *args: np.frompyfunc(f, len(args), 1)(*args)


def _where(c, a, b):
    return a if c else b


FUNCTIONS = {
    "exp": mp.exp, "log": mp.log, "log1p": lambda x: mp.log(1 + x), "expm1": lambda x: mp.exp(x) - 1, "sqrt": mp.sqrt,
    "reciprocal": lambda x: 1 / x, "sin": mp.sin, "cos": mp.cos, "tanh": lambda x: 1 - 2 / (mp.exp(2 * x) + 1),
    "sinh": lambda x: (mp.exp(x) - mp.exp(-x)) / 2, "cosh": lambda x: (mp.exp(x) + mp.exp(-x)) / 2,
    "erf": lambda x: mp.sign(x) if abs(x) > 61 else mp.erf(x),  # 1e-1618 away from it
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)), "softplus": lambda x: mp.log(1 + mp.exp(x)),
    "silu": lambda x: x / (1 + mp.exp(-x)), "gelu": lambda x: x * (1 + FUNCTIONS["erf"](x / mp.sqrt(2))) / 2, "power": mp.power,
    "abs": abs, "sign": mp.sign, "relu": lambda x: max(x, mp.mpf(0)), "maximum": max, "minimum": min,
    "elu": lambda x, a: x if x > 0 else a * (mp.exp(x) - 1), "leaky_relu": lambda x, a: x if x > 0 else a * x,
    "where": _where, "taken": lambda c, a: a if c else mp.mpf(0), "erfc": mp.erfc, "less": lambda a, b: a < b, "less_equal": lambda a, b: a <= b, "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b, "equal": lambda a, b: a == b, "not_equal": lambda a, b: a != b,
    "logical_not": lambda a: not a,
}


def _number(weight, sizes):
    e = to_expr(weight).subs(sizes)
    return mp.inf * int(sp.sign(e)) if e.is_infinite else mp.mpf(float(e)) if e.has(sp.Float) else mp.mpf(str(sp.N(e, DIGITS)))


def value(root, arrays):
    """The value of `root`, an object array, given object arrays by symbol node; they show the sizes that are symbols."""
    sizes = {size: length for n, a in arrays.items() for size, length in zip(n.shape, a.shape) if not isinstance(size, int)}
    done = {}
    for node in topological([root]):
        shape = tuple(sizes.get(size, size) for size in node.shape)
        done[node] = np.asarray(_one(node, [done[o] for o in node.operands], arrays, shape, sizes), dtype=object)
        assert done[node].shape == shape, node
    return done[root]


def _one(node, args, arrays, shape, sizes):
    op, attrs = node.op, node.attrs
    if op == "input":
        return arrays[node]
    if op == "constant":
        return _digits(attrs[0].value)
    if op == "iota":
        return np.array(range(shape[0]), dtype=object)
    if op == "add":
        return sum((_number(by, sizes) * arg for by, arg in zip(attrs[0], args)), start=_full(shape, mp.mpf(0)))
    if op in ("einsum", "view"):
        return _product(node, args, shape)
    if op == "elementwise":
        return _vectorised(FUNCTIONS[attrs[0]])(*args)
    if op in ("named", "stop", "tracked"):
        return args[0]
    if op in ("max", "min"):
        return getattr(np, op)(args[0], axis=attrs[0])
    if op in ("softmax", "logsumexp"):
        e = _vectorised(mp.exp)(args[0])
        total = e.sum(axis=attrs[0], keepdims=op == "softmax")
        return e / total if op == "softmax" else _vectorised(mp.log)(total)
    if op == "multiply":
        assert attrs[1] == 0
        return np.prod(args[0], axis=attrs[0])
    if op == "slice":
        return args[0][np.ix_(*([start + i * step for i in range(size)] for (start, step), size in zip(attrs[0], shape)))]
    if op == "concat":
        return np.concatenate(args, axis=attrs[0])
    if op == "reshape":
        return args[0].reshape(shape)
    if op == "gather":
        return _gather(args[0], [i.astype(int) for i in args[1:]], attrs[0])
    raise NotImplementedError(op)


def _gather(body, indices, axes):
    front = np.moveaxis(body, axes, range(len(axes)))
    return front[tuple(indices)]


def _full(shape, entry):
    result = np.empty(shape, dtype=object)
    result.fill(entry)
    return result


def _digits(array):
    return np.frompyfunc(lambda v: mp.mpf(float(v)), 1, 1)(np.asarray(array, dtype=float))


def _product(node, args, shape):
    inputs, out = node.attrs
    extent = dict(zip(out, shape))
    for arg, labels in zip(args, inputs):
        extent.update(zip(labels, arg.shape))
    order = sorted(extent)
    result = _full(shape, mp.mpf(0))
    for at in itertools.product(*(range(extent[x]) for x in order)):
        place = dict(zip(order, at))
        term = mp.mpf(1)
        for arg, labels in zip(args, inputs):
            term = term * arg[tuple(place[x] for x in labels)]
        result[tuple(place[x] for x in out)] += term
    return result


def expected(y, x, at):
    """Value, gradient and Hessian of the scalar `y` by `x` at `at`, float64 arrays by symbol tensor."""
    with mp.workdps(DIGITS):
        h = mp.mpf(STEP)
        base = {t.node: _digits(v) for t, v in at.items()}
        shape = np.shape(at[x])
        places = list(np.ndindex(shape))

        def f(*moves):
            moved = base[x.node].copy() if shape else base[x.node]
            for place, by in moves:
                moved = moved + by if not shape else _moved(moved, place, by)
            return value(y.node, {**base, x.node: np.asarray(moved, dtype=object)})[()]

        middle = f()
        ends = {p: (f((p, h)), f((p, -h))) for p in places}
        gradient = np.array([float((a - b) / (2 * h)) for a, b in ends.values()]).reshape(shape)
        hessian = np.zeros((len(places), len(places)))
        for i, p in enumerate(places):
            hessian[i, i] = float((ends[p][0] - 2 * middle + ends[p][1]) / h**2)
            for j, q in enumerate(places[:i]):
                mixed = f((p, h), (q, h)) - f((p, h), (q, -h)) - f((p, -h), (q, h)) + f((p, -h), (q, -h))
                hessian[i, j] = hessian[j, i] = float(mixed / (4 * h**2))
        return float(middle), gradient, hessian.reshape(shape * 2)


def _moved(array, place, by):
    array = array.copy()
    array[place] = array[place] + by
    return array
