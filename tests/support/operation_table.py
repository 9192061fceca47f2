"""The table of operations: what each means on arrays, and operands for it.

A row is the operation, NumPy's, and the shapes of its operands in letters (a digit is a literal size). What can be said
of every operation is tested on these rows: values and derivatives, printing, words, C, CuPy. Adding one is one row.
"""

import math
from dataclasses import dataclass

import convolutions as loops
import mpmath
import normalising as norms
import numpy as np
import sympy as sp

import symgrad as sg

SIZES = {"i": 2, "j": 3, "k": 4, "l": 2}
SAMPLES = 3
erf = np.vectorize(math.erf, otypes=[float])


@dataclass(frozen=True)
class Row:
    """`make` on tensors means `value` on arrays of one sample. `skip`: settings that have no meaning."""

    name: str
    make: object
    value: object
    shapes: str = "ij"
    domain: str = "any"  # one word for all operands, or one for each; see `array`
    skip: str = ""
    smooth: bool = True  # has derivatives to check

    def __str__(self):
        return self.name


def array(domain, shape, rng, number=0):
    """Random entries: any, positive, within (-1, 1), apart (distinct, no kink near), spd, or integer:n."""
    if domain.startswith("integer"):
        return rng.integers(0, int(domain.partition(":")[2] or 3), shape)
    if domain == "boolean":
        return rng.integers(0, 2, shape).astype(bool)
    if domain == "positive":
        return 0.5 + rng.random(shape)
    if domain == "unit":
        return rng.uniform(-0.8, 0.8, shape)
    if domain == "apart":
        count = math.prod(shape)
        return (rng.permutation(count).reshape(shape) - count / 2 + 0.25 + 0.3 * number) * 0.37
    values = rng.standard_normal(shape)
    if domain == "spd":
        return values @ np.swapaxes(values, -1, -2) + 2 * np.eye(shape[-1])
    if domain == "singular":  # of rank 1
        return values[..., :1] * values[..., :1, :]
    if domain == "zeros":
        return 0 * values
    if domain == "regular":
        return values + 3 * np.eye(shape[-1])
    return values


def unary(name, value, domain="any", **more):
    return Row(name, lambda x: getattr(sg, name)(x), value, "ij", domain, **more)


def binary(name, value, shapes="ij j", domain="any", **more):
    return Row(f"{name} {shapes}", lambda a, b: getattr(sg, name)(a, b), value, shapes, domain, **more)


def reduction(name, value, domain="any", **more):
    for axis, keepdims in ((None, False), (0, False), (-1, True), ((0, 2), False), ((1, 2), True)):
        yield Row(f"{name} axis={axis} keepdims={keepdims}",
                  lambda x, a=axis, k=keepdims: getattr(sg, name)(x, axis=a, keepdims=k),
                  lambda x, a=axis, k=keepdims: value(x, axis=a, keepdims=k), "ijk", domain, **more)


def logsumexp(x, axis, keepdims):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def softmax(x, axis=-1):
    return np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)


def silu(x):
    return x / (1 + np.exp(-x))


def einsum(subscripts, shapes, numpy_subscripts=None):
    return Row(f"einsum {subscripts}", lambda *t: sg.einsum(subscripts, *t),
               lambda *a: np.einsum(numpy_subscripts or subscripts, *a), shapes)


def index(text, shapes="ijk", domain="any", skip="", **names):
    """Indexing as written: `x` is the first operand, `p` and `q` the index operands."""
    def make(*t):
        return eval(f"x[{text}]", {**names, "x": t[0], **dict(zip("pq", t[1:], strict=False))})
    return Row(f"x[{text}]", make, make, shapes, domain, skip)


s, t = sp.symbols("s t")
ELEMENTWISE = [
    unary("exp", np.exp), unary("log", np.log, "positive"), unary("log1p", np.log1p, "positive"),
    unary("expm1", np.expm1), unary("sqrt", np.sqrt, "positive"), unary("abs", np.abs, "apart"),
    unary("sign", np.sign, "apart"), unary("floor", np.floor, "apart"), unary("sin", np.sin),
    unary("cos", np.cos), unary("tan", np.tan, "unit"), unary("sinh", np.sinh), unary("cosh", np.cosh),
    unary("tanh", np.tanh), unary("arctan", np.arctan), unary("erf", erf),
    unary("arcsin", np.arcsin, "unit"), unary("arccos", np.arccos, "unit"), unary("arctanh", np.arctanh, "unit"),
    unary("arcsinh", np.arcsinh), Row("arccosh", lambda x: sg.arccosh(1 + x), lambda x: np.arccosh(1 + x), "ij", "positive"),
    unary("log2", np.log2, "positive"), unary("log10", np.log10, "positive"), unary("exp2", np.exp2), unary("sinc", np.sinc),
    unary("erfinv", np.vectorize(lambda x: float(mpmath.erfinv(x)), otypes=[float]), "unit"),
    unary("ceil", np.ceil, "apart"), unary("round", np.round, "apart"), unary("trunc", np.trunc, "apart"),
    Row("round to a decimal", lambda x: sg.round(x, 1), lambda x: np.round(x, 1), "ij", "apart"),
    *(unary(name, getattr(np, name), smooth=False) for name in ("isnan", "isfinite", "isinf")),
    binary("arctan2", np.arctan2, domain="positive any"), binary("logaddexp", np.logaddexp),
    unary("sigmoid", lambda x: 1 / (1 + np.exp(-x))), unary("softplus", lambda x: np.log1p(np.exp(x))),
    unary("wright_omega", np.vectorize(lambda x: float(mpmath.lambertw(mpmath.exp(x)).real), otypes=[float])),
    unary("relu", lambda x: np.maximum(x, 0), "apart"),
    unary("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x), "apart"),
    unary("elu", lambda x: np.where(x > 0, x, np.expm1(x)), "apart"),
    unary("gelu", lambda x: x * (1 + erf(x / math.sqrt(2))) / 2), unary("silu", silu),
    unary("square", np.square),
    Row("leaky_relu slope", lambda x, a: sg.leaky_relu(x, a), lambda x, a: np.where(x > 0, x, a * x), "ij j", "apart"),
    Row("elu alpha", lambda x, a: sg.elu(x, a), lambda x, a: np.where(x > 0, x, a * np.expm1(x)), "ij j", "apart"),
    *(binary(name, f, shapes, "apart", skip="ones") for name, f in
      (("maximum", np.maximum), ("minimum", np.minimum)) for shapes in ("ij ji", "ij ij") if shapes == "ij ij"),
    Row("maximum broadcast", lambda a, b: sg.maximum(a, b * 1.1), lambda a, b: np.maximum(a, b * 1.1), "ij i1", "apart"),
    Row("clip", lambda x: sg.clip(x, -0.5, 0.5), lambda x: np.clip(x, -0.5, 0.5), "ij", "apart"),
    Row("clip low", lambda x: sg.clip(x, -0.5), lambda x: np.clip(x, -0.5, None), "ij", "apart"),
    Row("clip high", lambda x: x.clip(high=0.5), lambda x: np.clip(x, None, 0.5), "ij", "apart"),
    Row("clip tensors", lambda x, a, b: sg.clip(x, a - 1, b + 1), lambda x, a, b: np.clip(x, a - 1, b + 1),
        "ij j i1", "apart positive positive"),
    Row("where", lambda c, a, b: sg.where(c, a, b), lambda c, a, b: np.where(c, a, b), "ij j i1", "boolean any any"),
    Row("where number", lambda c, a, b: sg.where(c, a, b), lambda c, a, b: np.where(c != 0, a, b), "j ij ij",
        "integer:2 any any"),
    Row("where of the same", lambda a: sg.where(a > 0, a**2, a**3), lambda a: np.where(a > 0, a**2, a**3), "ij", "apart"),
    *(binary(name, getattr(np, name), "ij j", "integer:3 integer:3", smooth=False)
      for name in ("equal", "logical_and", "logical_or")),
    unary("logical_not", np.logical_not, "integer:2", smooth=False),
    *(Row(f"a {op} b", f, f, "ij j", "integer:3 integer:3", smooth=False) for op, f in (
        ("<", lambda a, b: a < b), ("<=", lambda a, b: a <= b), (">", lambda a, b: a > b), (">=", lambda a, b: a >= b))),
    Row("elementwise expression", lambda x: sg.elementwise(s * sp.exp(-s**2) / (1 + s**2), x),
        lambda x: x * np.exp(-x**2) / (1 + x**2)),
    Row("elementwise of two", lambda x, y: sg.elementwise(sp.sin(s) * t + sp.Max(s, t), y, x),
        lambda x, y: np.sin(y) * x + np.maximum(y, x), "ij j", "apart unit"),
    Row("elementwise Lambda", lambda x: sg.elementwise(sp.Lambda(s, sp.Piecewise((s**2, s > 0), (-s, True))), x),
        lambda x: np.where(x > 0, x**2, -x), "ij", "apart"),
    Row("elementwise callable", lambda x, y: sg.elementwise(lambda a, b: sp.atan2(a, b) + sp.cosh(a), x, y),
        lambda x, y: np.arctan2(x, y) + np.cosh(x), "ij ij", "positive"),
]
ARITHMETIC = [
    Row("a + b", lambda a, b: a + b, lambda a, b: a + b, "ij j"),
    Row("a - b", lambda a, b: a - b, lambda a, b: a - b, "j ij"),
    Row("a * b", lambda a, b: a * b, lambda a, b: a * b, "ij i1"),
    Row("a / b", lambda a, b: a / b, lambda a, b: a / b, "1j i1", "any positive"),
    Row("a ** b", lambda a, b: a ** b, lambda a, b: a ** b, "ij j", "positive any"),
    Row("a ** integers", lambda a, b: a ** (b - 1), lambda a, b: a ** (b - 1.0), "ij j", "positive integer:4"),
    Row("a * a + 2", lambda a: 3 * a * a + 2, lambda a: 3 * a * a + 2),
    Row("-a", lambda a: -a, lambda a: -a), Row("+a", lambda a: +a, lambda a: a),
    Row("2 ** a", lambda a: 2 ** a, lambda a: 2 ** a), Row("1 / a", lambda a: 1 / a, lambda a: 1 / a, "ij", "positive"),
    Row("2 - a", lambda a: 2 - a, lambda a: 2 - a), Row("a / 3", lambda a: a / 3, lambda a: a / 3),
    *(Row(f"a ** {p}", lambda a, p=p: a ** p, lambda a, p=p: a ** float(p), "ij", "positive")
      for p in (0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 2.5, 0.1, sp.Rational(1, 3))),
    Row("scalar + matrix", lambda a, b: a + b, lambda a, b: a + b, " ij".replace(" ", "- ")),
]
CONTRACTION = [
    einsum("ij,jk->ik", "ij jk"), einsum("ij,ij->", "ij ij"), einsum("ii->i", "ii"), einsum("ii", "ii"),
    einsum("ij,jk,kl->il", "ij jk kl"), einsum("i,j,i->j", "i j i"), einsum("ij->ji", "ij"),
    einsum("...i,ij->...j", "kli ij"), einsum("i...,i...->...", "ijk ijk"), einsum("iji,j->ij", "iji j"),
    Row("einsum to a diagonal", lambda x: sg.einsum("ij->iij", x),
        lambda x: np.einsum("ij,ik->ikj", x, np.eye(len(x))), "ij"),
    einsum("i,i,i->i", "i i i"), einsum("ij,ij,j->ij", "ij ij j"), einsum("iji,jij->ij", "iji jij"), einsum("ijk,ijk,i->jk", "ijk ijk i"),
    einsum("iij,jkk->ik", "iij jkk"), einsum("iii->i", "iii"), einsum("i,ij,ij,ik->ijk", "i ij ij ik"),
    Row("einsum to a delta of two", lambda x, y: sg.einsum("ij,jk->iikk", x, y),
        lambda x, y: np.einsum("ij,jk,ia,kb->iakb", x, y, np.eye(len(x)), np.eye(y.shape[1])), "ij jk"),
    Row("trace of a power", lambda a: sg.trace(a @ a @ a @ a), lambda a: np.trace(a @ a @ a @ a), "ii"),
    *(binary("matmul", np.matmul, shapes) for shapes in ("j j", "ij j", "i ij", "ij jk", "kij jl", "kij kjl", "j kjl", "1ij kjl")),
    Row("a @ b", lambda a, b: a @ b, lambda a, b: a @ b, "ij jk"),
    *(binary("dot", np.dot, shapes) for shapes in ("j j", "ij jk", "kij lji", "ij j")),
    binary("outer", np.outer, "i j"), binary("outer", np.outer, "ij k"),
    Row("tensordot 2", lambda a, b: sg.tensordot(a, b), lambda a, b: np.tensordot(a, b), "ijk jkl"),
    Row("tensordot axes", lambda a, b: sg.tensordot(a, b, ([0, 2], [1, 0])),
        lambda a, b: np.tensordot(a, b, ([0, 2], [1, 0])), "ijk kil"),
    Row("tensordot 0", lambda a, b: sg.tensordot(a, b, 0), lambda a, b: np.tensordot(a, b, 0), "i j"),
    Row("trace of any", sg.trace, np.trace, skip="symbolic"), Row("trace", lambda a: a.trace(), np.trace, "ii"),
    Row("diag of a vector", sg.diag, np.diag, "i"), Row("diag of a matrix", sg.diag, np.diag, "ii"),
    Row("diagonal", sg.diagonal, np.diagonal, "ii"), Row("diagonal stack", sg.diagonal, np.diagonal, "iij"),
    *(Row(f"{name} offset", lambda a, n=name, k=k: getattr(sg, n)(a, k, 0, 2), lambda a, n=name, k=k: getattr(np, n)(a, k, 0, 2),
          "ijk", skip="symbolic") for name in ("trace", "diagonal") for k in (0, 1, -1, 5)),
    *(Row(f"diag {shape} k={k}", lambda a, k=k: sg.diag(a, k), lambda a, k=k: np.diag(a, k), shape)
      for shape in ("i", "jj") for k in (1, -2)),
    Row("eye", lambda a: a @ sg.eye(a.shape[1]) + sg.eye(a.shape[0], a.shape[1]), lambda a: a + np.eye(*a.shape), "ij",
        skip="symbolic"),
    Row("zeros", lambda a: a + sg.zeros(a.shape), lambda a: a), Row("ones", lambda a: a * sg.ones(a.shape), lambda a: a),
    Row("full", lambda a: a * sg.full(a.shape, 2.5), lambda a: 2.5 * a),
    Row("full of a tensor", lambda a, b: sg.sum(a) * sg.full((2, 3), b), lambda a, b: np.sum(a) * np.full((2, 3), b), "ij -"),
    Row("arange", lambda a: a * sg.arange(a.shape[1]), lambda a: a * np.arange(a.shape[1])),
    Row("arange start", lambda a: a * sg.arange(1, 1 + a.shape[1]), lambda a: a * np.arange(1, 1 + a.shape[1])),
    Row("arange step", lambda a: sg.outer(a, sg.arange(9, 0, -2)), lambda a: np.outer(a, np.arange(9, 0, -2))),
    *(Row(f"{name} k={k}", lambda a, n=name, k=k: getattr(sg, n)(a, k), lambda a, n=name, k=k: getattr(np, n)(a, k), "ij")
      for name in ("tril", "triu") for k in (0, -1, 1)),
    binary("kron", np.kron, "ij kl"), binary("kron", np.kron, "i j"),
]
REDUCTION = [
    *reduction("sum", np.sum), *reduction("mean", np.mean, skip="empty"),
    *reduction("max", np.max, "apart", skip="empty"), *reduction("min", np.min, "apart", skip="empty"),
    *reduction("logsumexp", logsumexp), *reduction("prod", np.prod),
    *reduction("var", np.var, skip="empty ones"), *reduction("std", np.std, skip="empty ones"),
    *reduction("norm", lambda x, axis, keepdims: np.sqrt(np.sum(x**2, axis=axis, keepdims=keepdims)), skip="empty"),
    *(Row(f"{name} axis={axis}", lambda x, n=name, a=axis: getattr(sg, n)(x, a), lambda x, n=name, a=axis: getattr(np, n)(x, a),
          "ijk", "apart", "empty", False) for name in ("argmax", "argmin") for axis in (None, 0, -1)),
    Row("argmax keepdims", lambda x: sg.argmax(x, 1, keepdims=True), lambda x: np.argmax(x, 1, keepdims=True), "ijk", "apart",
        "empty", False),
    Row("argmax of all keepdims", lambda x: sg.argmax(x, keepdims=True), lambda x: np.argmax(x, keepdims=True), "ijk", "apart",
        "empty", False),
    *(Row(f"{name} axis={axis}", lambda x, n=name, a=axis: getattr(sg, n)(x, axis=a), lambda x, f=f, a=axis: f(x, axis=a), "ijk")
      for name, f in (("softmax", softmax), ("log_softmax", lambda x, axis: np.log(softmax(x, axis))), ("cumsum", np.cumsum))
      for axis in (0, 1, -1)),
    Row("max of a square", lambda x: sg.max(x**2, axis=1), lambda x: np.max(x**2, axis=1), "ij", "apart", "empty"),
    Row("methods", lambda x: x.sum(axis=0) * x.mean(0) + x.max(axis=0) - x.min(0),
        lambda x: x.sum(axis=0) * x.mean(0) + x.max(axis=0) - x.min(0), "ij", "apart", "empty"),
]
STRUCTURE = [
    Row("reshape", lambda x: sg.reshape(x, (-1,)), lambda x: x.reshape(-1)),
    Row("reshape split", lambda x: x.reshape((x.shape[1], x.shape[0])), lambda x: x.reshape(x.shape[::-1]), "ij"),
    Row("reshape method", lambda x: x.reshape(x.shape[0], -1) ** 2, lambda x: x.reshape(x.shape[0], x.shape[1] * x.shape[2]) ** 2, "ijk",
        skip="empty"),
    Row("reshape twice", lambda x: (x.reshape((-1,)) ** 2).reshape((1, -1)).reshape((-1,)), lambda x: x.reshape(-1) ** 2, "ij"),
    Row("ravel", lambda x: x.ravel() * x.flatten(), lambda x: x.ravel() ** 2),
    Row("transpose", sg.transpose, np.transpose, "ijk"), Row("T", lambda x: x.T, lambda x: x.T, "ijk"),
    Row("transpose axes", lambda x: sg.transpose(x, (1, 2, 0)), lambda x: np.transpose(x, (1, 2, 0)), "ijk"),
    Row("transpose method", lambda x: x.transpose(0, 2, 1), lambda x: x.transpose(0, 2, 1), "ijk"),
    Row("mT", lambda x: x.mT, lambda x: np.swapaxes(x, -1, -2), "ijk"),
    Row("swapaxes", lambda x: x.swapaxes(0, -1), lambda x: x.swapaxes(0, -1), "ijk"),
    *(Row(f"expand_dims {a}", lambda x, a=a: sg.expand_dims(x, a), lambda x, a=a: np.expand_dims(x, a)) for a in (0, -1, 1, (0, 2))),
    Row("squeeze", lambda x: sg.squeeze(x, 1) * 2, lambda x: np.squeeze(x, 1) * 2, "i1j"),
    Row("squeeze all", lambda x: x.squeeze() ** 2, lambda x: x.squeeze() ** 2, "1i1", skip="ones"),
    Row("broadcast_to", lambda x: sg.broadcast_to(x, (2, *x.shape[:1], 3)), lambda x: np.broadcast_to(x, (2, x.shape[0], 3)), "i1"),
    *(Row(f"concatenate {a}", lambda x, y, a=a: sg.concatenate([x, y, x], axis=a), lambda x, y, a=a: np.concatenate([x, y, x], axis=a),
          "ij ij") for a in (0, 1, -1)),
    *(Row(f"stack {a}", lambda x, y, a=a: sg.stack([x, y * x], axis=a), lambda x, y, a=a: np.stack([x, y * x], axis=a), "ij ij")
      for a in (0, 1, -1)),
    index("1", skip="ones empty symbolic"), index("0", skip="empty"), index("-1", skip="empty"), index(":, -1"), index("..., 0"),
    index("1:, :2", skip="ones empty"), index("::-1"), index(":, ::-1, ::2"), index("..., None, :"), index("None, :, 0"),
    index("0, :, 0", skip="empty"), index(":, 1:-1"), index("...", skip=""), index(":, -2:, ::-2", skip="ones"),
    index("p", "jk 2", "any integer:3", skip="ones empty"), index("p", "jk 22", "any integer:3", skip="ones empty"),
    index("p, q", "jk 2 2", "any integer:3 integer:4", skip="ones empty"), index("p, q", "jk 21 2", "any integer:3 integer:4", skip="ones empty"),
    index(":, p", "ij 2", "any integer:3", skip="ones"), index("p, :, q", "kij 2 2", "any integer:4 integer:3", skip="ones empty"),
    index(":, p, q", "ijk 2 2", "any integer:3 integer:4", skip="ones"), index("p, None, 1:", "jk 2", "any integer:3", skip="ones empty"),
    index(":, p, ::-1", "ijk 22", "any integer:3", skip="ones"), index("p - 1", "jk 2", "any integer:3", skip="ones empty"),
    index("[0, -1, 0]", "jk", skip="empty"), index("array, ...", "jk", skip="ones empty", array=np.array([[2, 0], [-1, 1]])),
    Row("take", lambda x, p: sg.take(x, p, axis=1), lambda x, p: np.take(x, p, axis=1), "ij 2", "any integer:3", "ones"),
    Row("take list", lambda x: sg.take(x, [0, 0], axis=0), lambda x: np.take(x, [0, 0], axis=0), "ij", skip="empty"),
    Row("pad", lambda x: sg.pad(x, ((1, 0), (0, 2))), lambda x: np.pad(x, ((1, 0), (0, 2)))),
    Row("pad value", lambda x: sg.pad(x, 1, 2.5), lambda x: np.pad(x, 1, constant_values=2.5)),
    *(Row(f"flip {a}", lambda x, a=a: sg.flip(x, a), lambda x, a=a: np.flip(x, a)) for a in (None, 0, (0, 1))),
    *(Row(f"roll {k}", lambda x, k=k: sg.roll(x, k, 1), lambda x, k=k: np.roll(x, k, 1), skip="ones") for k in (1, -1)),
    Row("one_hot", lambda p: sg.one_hot(p, 4), lambda p: np.eye(4)[p], "ij", "integer:4", smooth=False),
    Row("split", lambda x: sg.split(x, [1, 2], axis=1)[1] * 2, lambda x: np.split(x, [1, 2], axis=1)[1] * 2, skip="ones"),
    Row("split equal", lambda x: sg.stack(sg.split(x, 2), 0), lambda x: np.stack(np.split(x, 2), 0), skip="ones symbolic"),
    Row("named", lambda x: (x.named("h") ** 2).named("g") * x, lambda x: x**3),
]


def stacked_solve(a, b):
    """NumPy's solve, with the same stack axes on both sides."""
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return np.linalg.solve(np.broadcast_to(a, (*stack, *a.shape[-2:])), np.broadcast_to(b, (*stack, *b.shape[-2:])))


def turned(vectors):
    """Vectors in columns, whatever their sign."""
    return vectors[..., :, None, :] * vectors[..., None, :, :]


def scattered(x, places, values):
    """`values` added at `places` along axis 1."""
    result = x.copy()
    np.add.at(result, (np.arange(len(x))[:, None], places), values)
    return result


def sliding(x, width, step, axis):
    view = np.lib.stride_tricks.sliding_window_view(x, width, axis)
    return view[(*[slice(None)] * (axis % x.ndim), slice(None, None, step))]


LINEAR = [
    Row("inv", lambda a: sg.inv(a), np.linalg.inv, "jj", "regular"),
    Row("inv stack", lambda a: sg.inv(a), np.linalg.inv, "ijj", "regular"),
    Row("inv of a transpose", lambda a: sg.inv(3 * a.mT) @ a, lambda a: np.linalg.inv(3 * a.mT) @ a, "ijj", "regular"),
    Row("inv of a sum", lambda a, b: sg.inv(a + sg.outer(b, b)), lambda a, b: np.linalg.inv(a + np.outer(b, b)), "jj j", "regular any"),
    Row("solve vector", lambda a, b: sg.solve(a, b), np.linalg.solve, "jj j", "regular any"),
    Row("solve matrix", lambda a, b: sg.solve(a, b), np.linalg.solve, "jj jk", "regular any"),
    Row("solve stack", lambda a, b: sg.solve(a, b), stacked_solve, "ijj ijk", "regular any"),
    Row("solve stack of right sides", lambda a, b: sg.solve(a, b), stacked_solve, "jj ijk", "regular any"),
    Row("solve stack of matrices", lambda a, b: sg.solve(a, b), stacked_solve, "ijj jk", "regular any"),
    Row("solve stack of one", lambda a, b: sg.solve(a, b), stacked_solve, "ki1jj 1ijl", "regular any"),
    Row("solve identity", lambda a: sg.solve(a, sg.eye(a.shape[0])), np.linalg.inv, "jj", "regular"),
    Row("solve ones", lambda a: sg.solve(2 * a.T, 3 * sg.ones(a.shape)), lambda a: np.linalg.solve(2 * a.T, np.full(a.shape, 3.0)), "jj", "regular"),
    *(Row(f"solve_triangular lower={low} unit={unit}", lambda a, b, low=low, unit=unit: sg.solve_triangular(a, b, low, unit),
          lambda a, b, low=low, unit=unit: np.linalg.solve(
              (np.tril if low else np.triu)(a * (1 - np.eye(len(a))) if unit else a) + (np.eye(len(a)) if unit else 0), b),
          "jj jk", "regular any") for low in (False, True) for unit in (False, True)),
    Row("solve_triangular vector", lambda a, b: sg.solve_triangular(a, b), lambda a, b: np.linalg.solve(np.triu(a), b), "jj j",
        "regular any"),
    Row("det", lambda a: sg.det(a), np.linalg.det, "jj", "regular"), Row("det stack", lambda a: sg.det(a), np.linalg.det, "ijj"),
    *(Row(f"det {kind}", lambda a: sg.det(a), np.linalg.det, "jj", kind, skip="ones empty") for kind in ("singular", "zeros")),
    *(Row(f"det stack {kind}", lambda a: sg.det(a), np.linalg.det, "ijj", kind, skip="ones empty") for kind in ("singular", "zeros")),
    Row("logdet", lambda a: sg.logdet(a), lambda a: np.linalg.slogdet(a)[1], "jj", "regular"),
    Row("logdet stack", lambda a: sg.logdet(-a), lambda a: np.linalg.slogdet(-a)[1], "ijj", "regular"),
    Row("logdet of an inverse", lambda a: sg.logdet(sg.inv(a.T)), lambda a: -np.linalg.slogdet(a)[1], "jj", "regular"),
    Row("cholesky", lambda a: sg.cholesky(a), lambda a: np.linalg.cholesky((a + a.mT) / 2), "jj", "spd"),
    Row("cholesky stack", lambda a: sg.cholesky(a), lambda a: np.linalg.cholesky((a + a.mT) / 2), "ijj", "spd"),
    Row("Gaussian", lambda a, b: sg.logdet(a) + b @ sg.solve(a, b), lambda a, b: np.linalg.slogdet(a)[1] + b @ np.linalg.solve(a, b), "jj j",
        "spd any"),
    Row("prod with a zero", lambda a: sg.prod(a * sg.constant([0.0, 1, 2, 1]), axis=1), lambda a: np.prod(a * [0.0, 1, 2, 1], axis=1), "i4"),
    Row("prod with two zeros", lambda a: sg.prod(a * sg.constant([0.0, 1, 0, 1])), lambda a: np.prod(a * [0.0, 1, 0, 1]), "4"),
    Row("cumsum of a product", lambda a, b: sg.cumsum(a * b, 0) * b, lambda a, b: np.cumsum(a * b, 0) * b, "ij ij"),
    *(Row(f"windows step={step} axis={axis}", lambda a, step=step, axis=axis: sg.windows(a, 2, step, axis) ** 2,
          lambda a, step=step, axis=axis: sliding(a, 2, step, axis) ** 2, "4k5" if axis else "45k", skip="empty")
      for step in (1, 2, 3) for axis in (0, -1)),
    Row("windows of two axes", lambda a, b: sg.einsum("ijkl,kl->ij", sg.windows(sg.windows(a, 2, axis=0), 3, axis=1), b),
        lambda a, b: np.einsum("ijkl,kl->ij", np.lib.stride_tricks.sliding_window_view(a, (2, 3)), b), "45 23"),
]
LINEAR += [
    Row("eigvalsh", lambda a: sg.eigvalsh(a), lambda a: np.linalg.eigvalsh((a + a.mT) / 2), "jj", "spd"),
    Row("eigvalsh stack", lambda a: sg.eigvalsh(a), lambda a: np.linalg.eigvalsh((a + a.mT) / 2), "ijj", "regular", skip="empty"),
    Row("eigh", lambda a: turned(sg.eigh(a)[1]), lambda a: turned(np.linalg.eigh((a + a.mT) / 2)[1]), "jj", "spd"),
    Row("svdvals", lambda a: sg.svdvals(a), lambda a: np.linalg.svd(a)[1], "kj", skip="empty"),
    Row("svdvals of a wide one", lambda a: sg.svd(a, compute_uv=False), lambda a: np.linalg.svd(a)[1], "234", skip="empty symbolic"),
    Row("svd left", lambda a: turned(sg.svd(a)[0]), lambda a: turned(np.linalg.svd(a, full_matrices=False)[0]), "kj", skip="empty"),
    Row("svd right", lambda a: turned(sg.svd(a)[2].mT), lambda a: turned(np.linalg.svd(a, full_matrices=False)[2].mT), "24", skip="empty"),
    Row("qr Q", lambda a: sg.qr(a)[0], lambda a: np.linalg.qr(a)[0], "kj", skip="empty"),
    Row("qr R", lambda a: sg.qr(a)[1], lambda a: np.linalg.qr(a)[1], "kj", skip="empty"),
    Row("qr R of a wide one", lambda a: sg.qr(a)[1], lambda a: np.linalg.qr(a)[1], "24", skip="empty"),
    Row("pinv", lambda a: sg.pinv(a), np.linalg.pinv, "kj", skip="empty"), Row("pinv wide", lambda a: sg.pinv(a), np.linalg.pinv, "24", skip="empty"),
    Row("lstsq", lambda a, b: sg.lstsq(a, b), lambda a, b: np.linalg.pinv(a) @ b, "kj k", skip="empty"),
    *(Row(f"cumprod {axis}", lambda x, axis=axis: sg.cumprod(x, axis), lambda x, axis=axis: np.cumprod(x, axis), "ij") for axis in (0, -1)),
    Row("cumprod with zeros", lambda a: sg.cumprod(a * sg.constant([1.0, 0, 2, 0])), lambda a: np.cumprod(a * [1.0, 0, 2, 0], -1), "i4"),
    *(Row(f"sort {axis}", lambda x, axis=axis: sg.sort(x, axis), lambda x, axis=axis: np.sort(x, axis), "ij", "apart") for axis in (None, 0, -1)),
    Row("sort descending", lambda x: sg.sort(x, descending=True), lambda x: -np.sort(-x), "ij", "apart"),
    *(Row(f"argsort {axis}", lambda x, axis=axis: sg.argsort(x, axis), lambda x, axis=axis: np.argsort(x, axis), "ij", "apart", smooth=False) for axis in (None, 0, -1)),
    Row("topk", lambda x: sg.topk(x, 2, 0)[0], lambda x: -np.sort(-x, 0)[:2], "kj", "apart", skip="empty ones"),
    Row("topk places", lambda x: sg.topk(x, 2, largest=False)[1], lambda x: np.argsort(x)[..., :2], "kj", "apart", skip="empty ones", smooth=False),
    *(Row(f"median {axis}", lambda x, axis=axis: sg.median(x, axis), lambda x, axis=axis: np.median(x, axis), "ik", "apart", skip="empty") for axis in (None, 0, -1)),
    *(Row(f"quantile {method}", lambda x, method=method: sg.quantile(x, 0.3, 0, method=method),
          lambda x, method=method: np.quantile(x, 0.3, 0, method=method), "4j", "apart", skip="empty") for method in ("linear", "lower", "higher", "midpoint", "nearest")),
    Row("quantiles", lambda x: sg.quantile(x, [0.0, 0.5, 0.9], keepdims=True), lambda x: np.quantile(x, [0.0, 0.5, 0.9], keepdims=True), "j", "apart", skip="empty"),
    Row("gather", lambda x, i: sg.gather(x, 0, i), lambda x, i: np.take_along_axis(x, i, 0), "3j 2j", "any integer:3", skip="empty ones"),
    Row("take_along_axis", lambda x, i: sg.take_along_axis(x, i, 1), lambda x, i: np.take_along_axis(x, i, 1), "i4 1k", "any integer:3", skip="empty ones"),
    Row("scatter_add", lambda x, i, y: sg.scatter_add(x, 1, i, y), scattered, "i3 i4 i4", "any integer:3 any", skip="empty ones"),
]
NETWORKS = [
    Row("conv1d", lambda x, K, b: sg.conv1d(x, K, b, stride=2, padding=1), lambda x, K, b: loops.convolution(x, K, b, 2, 1),
        "k7 3k2 3", skip="empty"),
    Row("conv1d groups", lambda x, K: sg.conv1d(x, K, padding="same", dilation=2, groups=2),
        lambda x, K: loops.convolution(x, K, None, 1, "same", 2, 2), "47 622", skip="symbolic empty ones"),
    Row("conv2d", lambda x, K: sg.conv2d(x, K), lambda x, K: loops.convolution(x, K), "j54 2j23", skip="empty"),
    Row("conv_transpose2d", lambda x, K: sg.conv_transpose2d(x, K, stride=(2, 1), padding=(1, 0)),
        lambda x, K: loops.transposed(x, K, None, (2, 1), (1, 0)), "j32 j222", skip="empty"),
    *(Row(f"max_pool2d {arguments}", lambda x, arguments=arguments: sg.max_pool2d(x, **arguments),
          lambda x, arguments=arguments: loops.max_pool(x, *arguments.values()), "254", "apart")
      for arguments in ({"kernel_size": 2}, {"kernel_size": (3, 2), "stride": 2, "padding": 1, "dilation": 1, "ceil_mode": True})),
    *(Row(f"avg_pool2d {arguments}", lambda x, arguments=arguments: sg.avg_pool2d(x, **arguments),
          lambda x, arguments=arguments: loops.avg_pool(x, *arguments.values()), "254")
      for arguments in ({"kernel_size": 2}, {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False})),
    Row("adaptive_avg_pool2d", lambda x: sg.adaptive_avg_pool2d(x, (2, 3)), lambda x: loops.adaptive_avg_pool(x, (2, 3)), "i54"),
    Row("upsample", lambda x: sg.upsample(x, scale_factor=2) ** 2, lambda x: loops.upsampled(x, scale=2) ** 2, "ijk", skip="empty"),
    Row("conv3d", lambda x, K: sg.conv3d(x, K, padding=1), lambda x, K: loops.convolution(x, K, None, 1, 1), "1232 21222", skip="empty"),
    Row("max_pool1d", lambda x: sg.max_pool1d(x, 2), lambda x: np.maximum(x[:, :4:2], x[:, 1:4:2]), "25", "apart"),
    Row("rms_norm", lambda x, w: sg.rms_norm(x, x.shape[-1], w, 0.1), lambda x, w: x / np.sqrt((x**2).mean(-1, keepdims=True) + 0.1) * w,
        "kj j", skip="empty"),
    Row("instance_norm", lambda x: sg.instance_norm(x if x.over is not None else x[None])[() if x.over is not None else 0],
        lambda x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5), "jk", skip="empty ones"),
    Row("cosine_similarity", lambda x, y: sg.cosine_similarity(x, y, axis=0),
        lambda x, y: (x * y).sum(0) / np.sqrt((x * x).sum(0) * (y * y).sum(0)), "ij ij", skip="empty"),
    Row("interpolate", lambda x: sg.interpolate(x, 5, mode="linear"), lambda x: np.stack([np.interp(
        np.clip((np.arange(5) + 0.5) * 0.6 - 0.5, 0, 2), np.arange(3), row) for row in x]), "23", skip="empty"),
    Row("linspace", lambda a, b: sg.linspace(a, b, 5), lambda a, b: np.linspace(a, b, 5), "- -", skip="empty"),
    Row("meshgrid", lambda a, b: sg.meshgrid(a, b)[1] * sg.meshgrid(a, b)[0], lambda a, b: np.multiply(*np.meshgrid(a, b)), "i j"),
    Row("pixel_shuffle", lambda x: sg.pixel_shuffle(x, 2) ** 2,
        lambda x: x.reshape(1, 2, 2, *x.shape[1:]).transpose(0, 3, 1, 4, 2).reshape(1, 2 * x.shape[1], 2 * x.shape[2]) ** 2, "4ij", skip="empty"),
    *(Row(f"pad {mode}", lambda x, mode=mode: sg.pad(x, ((1, 0), (1, 2)), mode=mode) ** 2,
          lambda x, mode=mode: np.pad(x, ((1, 0), (1, 2)), mode=mode) ** 2, "ik", skip="empty ones") for mode in ("edge", "reflect", "symmetric", "wrap")),
    *(Row(name, lambda x, name=name: getattr(sg, name)(x), value, "ij", "apart") for name, value in (
        ("relu6", lambda x: np.clip(x, 0, 6)), ("selu", lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))),
        ("mish", lambda x: x * np.tanh(np.log1p(np.exp(x)))), ("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6))),
    Row("upsample to a size", lambda x: sg.upsample(x, (5, 4)) ** 2, lambda x: loops.upsampled(x, (5, 4)) ** 2, "332"),
]
NETWORKS += [
    Row("layer_norm", lambda x, w, b: sg.layer_norm(x, x.shape[-1], w, b), lambda x, w, b: norms.layer_norm(x, 1, w, b), "kj j j",
        skip="empty ones"),
    Row("layer_norm of two axes", lambda x, w: sg.layer_norm(x, w.shape, w, eps=0.1),
        lambda x, w: norms.layer_norm(x, 2, w, eps=0.1), "jik ik", skip="empty"),
    Row("group_norm", lambda x, w, b: sg.group_norm(x if x.over is not None else x[None], 2, w, b)[() if x.over is not None else 0],
        lambda x, w, b: norms.group_norm(x, 2, w, b), "4j 4 4", skip="empty ones"),
    Row("batch_norm", lambda x, w, b: sg.batch_norm(x, None, None, w, b, training=True),
        lambda x, w, b: norms.batch_norm(x, w, b), "kj j j", skip="empty ones samples first last"),
    Row("batch_norm by given statistics", lambda x, m, v: sg.batch_norm(x, m, v), lambda x, m, v: norms.batch_norm(x, mean=m, var=v),
        "kj j j", "any any positive", skip="samples first last"),
    Row("embedding", lambda W, i: sg.embedding(i, W, padding_idx=-1) ** 2, lambda W, i: W[i] ** 2, "4j 3k", "any integer:3"),
    Row("attention", lambda q, k, v: sg.attention(q, k, v), lambda q, k, v: norms.attention(q, k, v), "ij kj kl", skip="empty"),
    Row("attention of heads, causal", lambda q, k, v: sg.attention(q, k, v, is_causal=True, scale=0.3),
        lambda q, k, v: norms.attention(q, k, v, causal=True, scale=0.3), "221 121 221"),
    Row("attention with a mask", lambda q, v, m: sg.attention(q, q, v, m), lambda q, v, m: norms.attention(q, q, v, m), "kj kl kk",
        "any any boolean", skip="empty"),
    Row("attention with a mask that is added", lambda q, v, m: sg.attention(q, q, v, m),
        lambda q, v, m: norms.attention(q, q, v, added=m), "kj kl kk", skip="empty"),
]
ROWS = ELEMENTWISE + ARITHMETIC + CONTRACTION + REDUCTION + STRUCTURE + LINEAR + NETWORKS


def operands(row, setting, prefix=""):
    """Symbols and random arrays for the operands of a row."""
    rng = np.random.default_rng(1)
    sizes = dict(SIZES)
    if setting == "ones":
        sizes = dict.fromkeys(SIZES, 1)
    if setting == "empty":
        sizes[next(x for x in row.shapes if x in SIZES)] = 0
    shapes = row.shapes.split()
    domains = row.domain.split() * (len(shapes) if " " not in row.domain else 1)
    over = {"samples": range(len(shapes)), "first": [0], "last": [len(shapes) - 1]}.get(setting, [])
    T = sg.dim("T")
    at = {}
    for i, (template, domain) in enumerate(zip(shapes, domains, strict=True)):
        letters = template.replace("-", "")
        shape = tuple(sizes.get(x) if x in sizes else int(x) for x in letters)
        shown = tuple(sg.dim(x) if x in SIZES and setting == "symbolic" else n for x, n in zip(letters, shape, strict=True))
        kind = "integer" if domain.startswith("integer") else "boolean" if domain == "boolean" else "real"
        symbol = sg.data(prefix + "abcd"[i], shown, over=T if i in over else None, dtype=kind)
        at[symbol] = array(domain, (SAMPLES, *shape) if i in over else shape, rng, i)
    return at
