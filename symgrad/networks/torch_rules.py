"""PyTorch's operators in operations of symgrad: a table by their names, with their own names of arguments.

Most are one function with one name in both; what differs is said here. Arguments come as PyTorch's schema has them, with
its defaults filled in.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import BOOLEAN, REAL
from symgrad.graphs.sizes import canonical
from symgrad.language import activating as act
from symgrad.language import arrays, attending, composed, further
from symgrad.language import contraction as co
from symgrad.language import linear_algebra as la
from symgrad.language import pointwise as ew
from symgrad.language import rearrange as re
from symgrad.language import reduction as red
from symgrad.language.align import as_tensor
from symgrad.language.tensor import Tensor

TorchRule = Callable[..., Any]


def _one(function: Callable[[Any], Any]) -> TorchRule:
    """Of the first argument alone."""
    return lambda self, **more: function(self)


def _two(function: Callable[[Any, Any], Any]) -> TorchRule:
    return lambda self, other, **more: function(self, as_tensor(other) if isinstance(other, bool) else other)


def _same(self: Any = None, input: Any = None, **more: Any) -> Any:
    return input if self is None else self


def _kept(input: Any, p: Any = 0, train: Any = False, **more: Any) -> Any:
    if train and p:
        raise SymgradError("it drops entries by chance: a module is read as it is at inference, module.eval()")
    return input


# arithmetic -------------------------------------------------------------------------------------------------


def _add(self: Any, other: Any, alpha: Any = 1, **more: Any) -> Any:
    return self + (other if alpha == 1 else alpha * other)


def _sub(self: Any, other: Any, alpha: Any = 1, **more: Any) -> Any:
    return self - (other if alpha == 1 else alpha * other)


def _rsub(self: Any, other: Any, alpha: Any = 1, **more: Any) -> Any:
    return other - (self if alpha == 1 else alpha * self)


def _div(self: Any, other: Any, rounding_mode: Any = None, **more: Any) -> Any:
    ratio = self / other
    return ratio if rounding_mode is None else ew.floor(ratio) if rounding_mode == "floor" else further.trunc(ratio)


def _pow(self: Any, exponent: Any, **more: Any) -> Any:
    whole = isinstance(exponent, float) and exponent.is_integer()
    return ew.power(self, int(exponent) if whole else exponent)


def _addmm(self: Any, mat1: Any, mat2: Any, beta: Any = 1, alpha: Any = 1, **more: Any) -> Any:
    product = mat1 @ mat2
    return (self if beta == 1 else beta * self) + (product if alpha == 1 else alpha * product)


def _baddbmm(self: Any, batch1: Any, batch2: Any, beta: Any = 1, alpha: Any = 1, **more: Any) -> Any:
    return _addmm(self, batch1, batch2, beta, alpha)


def _linear(input: Any, weight: Any, bias: Any = None) -> Any:
    y = input @ weight.T
    return y if bias is None else y + bias


def _bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    y = co.einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


def _clamp(self: Any, min: Any = None, max: Any = None, **more: Any) -> Any:
    return self if min is None and max is None else ew.clip(self, min, max)


def _where(condition: Any, self: Any, other: Any, **more: Any) -> Any:
    return ew.where(condition, self, other)


def _masked_fill(self: Any, mask: Any, value: Any, **more: Any) -> Any:
    return ew.where(mask, value, self)


def _bits(logical: TorchRule) -> TorchRule:
    def rule(self: Any, other: Any, **more: Any) -> Any:
        if as_tensor(self).dtype != BOOLEAN:
            raise SymgradError("it works on the bits of integers, which are numbers here")
        return logical(self, other)

    return rule


# functions ----------------------------------------------------------------------------------------------------


def _softplus(self: Any, beta: Any = 1, threshold: Any = 20, **more: Any) -> Any:
    y = ew.softplus(self) if beta == 1 else ew.softplus(beta * self) / beta
    return y if threshold >= 20 else ew.where(beta * self > threshold, self, y)  # from 20 on only rounding differs


def _elu(self: Any, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1, **more: Any) -> Any:
    y = ew.elu(self if input_scale == 1 else ew.where(self > 0, self, input_scale * self), alpha)
    return y if scale == 1 else scale * y


def _gelu(self: Any, approximate: str = "none", **more: Any) -> Any:
    return act.gelu(self, approximate)


def _threshold(self: Any, threshold: Any, value: Any, **more: Any) -> Any:
    return ew.where(self > threshold, self, value)


def _prelu(self: Any, weight: Any, **more: Any) -> Any:
    return ew.leaky_relu(self, re.reshape(weight, (-1, *[1] * (self.ndim - 2))) if self.ndim > 1 else weight)


def _real(x: Any) -> Any:
    t = as_tensor(x)
    return t if t.dtype == REAL else arrays.astype(t, float)


def _cast(self: Any, dtype: Any = None, other: Any = None, **more: Any) -> Any:
    if other is not None and isinstance(other, Tensor):
        return _real(self) if other.dtype == REAL else arrays.astype(self, other.dtype)
    name = str(dtype or "").rpartition(".")[2]
    if not name or not isinstance(self, Tensor):
        return self
    kind = {"bool": bool}.get(name, int if name.startswith(("int", "uint", "long")) else float)
    return _real(self) if kind is float else arrays.astype(self, kind)


# along axes -----------------------------------------------------------------------------------------------------


def _fold(function: Callable[..., Any]) -> TorchRule:
    def rule(self: Any, dim: Any = None, keepdim: bool = False, **more: Any) -> Any:
        return function(_real(self), axis=_dims(dim), keepdims=keepdim)

    return rule


def _dims(dim: Any) -> Any:
    return tuple(dim) if isinstance(dim, (list, tuple)) and len(dim) else None if isinstance(dim, (list, tuple)) else dim


def _extreme(function: Callable[..., Any], place: Callable[..., Any]) -> TorchRule:
    """With an axis the pair of values and places, without the value alone."""
    def rule(self: Any, dim: Any = None, keepdim: bool = False, **more: Any) -> Any:
        if dim is None:
            return function(self)
        return function(self, dim, keepdim), place(self, dim, keepdim)

    return rule


def _greatest(function: Callable[..., Any]) -> TorchRule:
    return lambda self, dim=(), keepdim=False, **more: function(self, _dims(dim), keepdim)


def _argument(function: Callable[..., Any]) -> TorchRule:
    return lambda self, dim=None, keepdim=False, **more: function(self, dim, keepdim)


def _var(root: bool) -> TorchRule:
    def rule(self: Any, dim: Any = None, keepdim: bool = False, correction: Any = 1, unbiased: bool = True,
             **more: Any) -> Any:
        count = int(1 if correction is None else correction) if unbiased else 0
        found = composed.var(self, _dims(dim), keepdim, count)
        return ew.sqrt(found) if root else found

    return rule


def _vector_norm(self: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, p: Any = None, **more: Any) -> Any:
    order = ord if p is None else p
    if order in (1, 2, math.inf):
        return composed.norm(self, order, _dims(dim), keepdim)
    if order == -math.inf:
        return red.min(ew.abs(self), _dims(dim), keepdim)
    if order == 0:
        return red.sum(ew.where(ew.not_equal(self, 0), 1.0, 0.0), _dims(dim), keepdim)
    return red.sum(ew.abs(self) ** order, _dims(dim), keepdim) ** (1 / order)


def _softmax(function: Callable[..., Any]) -> TorchRule:
    return lambda self, dim, **more: function(_real(self), dim)


# shapes -----------------------------------------------------------------------------------------------------


def _view(self: Any, size: Any = None, shape: Any = None, **more: Any) -> Any:
    return re.reshape(self, tuple(size if shape is None else shape))


def _flatten(self: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    first, last = start_dim % max(self.ndim, 1), end_dim % max(self.ndim, 1)
    size: Any = 1
    for each in self.shape[first:last + 1]:
        size = size * each
    return re.reshape(self, (*self.shape[:first], canonical(size), *self.shape[last + 1:]))


def _unflatten(self: Any, dim: int, sizes: Any, **more: Any) -> Any:
    place = dim % self.ndim
    rest = list(sizes)
    if -1 in rest:
        known = math.prod(size for size in rest if not isinstance(size, int) or size != -1)
        size = self.shape[place]
        whole = isinstance(size, int) and isinstance(known, int)
        rest[rest.index(-1)] = size // known if whole else canonical(size / known)
    return re.reshape(self, (*self.shape[:place], *rest, *self.shape[place + 1:]))


def _transpose(self: Any, dim0: int, dim1: int, **more: Any) -> Any:
    return re.swapaxes(self, dim0, dim1) if self.ndim else self


def _squeeze(self: Any, dim: Any = None, **more: Any) -> Any:
    if dim is None:
        return re.squeeze(self)
    axes = [a for a in (dim if isinstance(dim, (list, tuple)) else [dim]) if self.shape[a] == 1]
    return re.squeeze(self, tuple(axes)) if axes else self


def _expand(self: Any, size: Any, **more: Any) -> Any:
    self = as_tensor(self)
    lead = len(size) - self.ndim
    kept = [isinstance(each, int) and each == -1 for each in size]
    return re.broadcast_to(self, [self.shape[i - lead] if kept[i] else each for i, each in enumerate(size)])


def _select(self: Any, dim: int, index: Any, **more: Any) -> Any:
    return self[(*(slice(None),) * (dim % self.ndim), index)]


def _slice(self: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1, **more: Any) -> Any:
    end = None if isinstance(end, int) and end >= 2**62 else end
    return self[(*(slice(None),) * (dim % self.ndim), slice(start, end, step))]


def _narrow(self: Any, dim: int, start: Any, length: Any, **more: Any) -> Any:
    return self[(*(slice(None),) * (dim % self.ndim), slice(start, start + length))]


def _unbind(self: Any, dim: int = 0, **more: Any) -> Any:
    return [_select(self, dim, i) for i in range(self.shape[dim])]


def _split(self: Any, split_size: Any = None, dim: int = 0, split_sizes: Any = None, **more: Any) -> Any:
    sizes = split_size if split_sizes is None else split_sizes
    n, place = self.shape[dim], dim % self.ndim
    if not isinstance(sizes, (list, tuple)):
        sizes = [min(sizes, n - start) for start in range(0, n, sizes)]
    parts, start = [], 0
    for size in sizes:
        parts.append(_narrow(self, place, start, size))
        start = start + size
    return parts


def _chunk(self: Any, chunks: int, dim: int = 0, **more: Any) -> Any:
    return _split(self, -(-self.shape[dim] // chunks), dim)


def _index(self: Any, indices: Any, **more: Any) -> Any:
    return self[tuple(slice(None) if index is None else index for index in indices)]


def _index_select(self: Any, dim: int, index: Any, **more: Any) -> Any:
    return composed.take(self, index, dim)


def _gather(self: Any, dim: int, index: Any, **more: Any) -> Any:
    place = dim % self.ndim
    lines = [re.reshape(co.arange(n), (-1, *[1] * (self.ndim - 1 - a))) for a, n in enumerate(index.shape)]
    return self[tuple(index if a == place else line for a, line in enumerate(lines))]


def _embedding(weight: Any, indices: Any, **more: Any) -> Any:
    return attending.embedding(indices, weight)


def _filled(value: Any) -> TorchRule:
    return lambda size, **more: co.full(tuple(size), value)


def _filled_like(value: Any) -> TorchRule:
    return lambda self, **more: co.full(self.shape, value)


def _full(size: Any, fill_value: Any, **more: Any) -> Any:
    return co.full(tuple(size), fill_value)


def _arange(start: Any = 0, end: Any = None, step: Any = 1, **more: Any) -> Any:
    if start == 0 and isinstance(end, sp.Expr) and isinstance(step, int) and canonical(end / step).is_polynomial() and (
            sp.Poly(end / step).domain.is_ZZ):
        return step * co.arange(canonical(end / step))
    return co.arange(end) if start == 0 and step == 1 else co.arange(start, end, step)


def _sizes_like(self: Any, size: Any, **more: Any) -> Any:
    return co.full(tuple(size), 0)


UNARY = {name: _one(function) for name, function in {
    "abs": ew.abs, "acos": further.arccos, "acosh": further.arccosh, "asin": further.arcsin, "asinh": further.arcsinh,
    "atan": ew.arctan, "atanh": further.arctanh, "ceil": further.ceil, "cos": ew.cos, "cosh": ew.cosh, "erf": ew.erf,
    "erfc": ew.erfc, "erfinv": further.erfinv, "exp": ew.exp, "exp2": further.exp2, "expm1": ew.expm1, "floor": ew.floor,
    "isnan": further.isnan, "isinf": further.isinf, "isfinite": further.isfinite, "lgamma": ew.lgamma,
    "digamma": ew.digamma, "log": ew.log, "log10": further.log10, "log1p": ew.log1p, "log2": further.log2,
    "log_sigmoid": act.logsigmoid, "logical_not": ew.logical_not, "bitwise_not": ew.logical_not, "mish": act.mish,
    "neg": ew.negative, "reciprocal": further.reciprocal, "relu": ew.relu, "relu6": act.relu6,
    "hardsigmoid": act.hardsigmoid, "hardswish": act.hardswish, "rsqrt": lambda x: 1 / ew.sqrt(x), "selu": act.selu,
    "sigmoid": ew.sigmoid, "sign": ew.sign, "silu": ew.silu, "sin": ew.sin, "sinc": further.sinc, "sinh": ew.sinh,
    "sqrt": ew.sqrt, "square": ew.square, "tan": ew.tan, "tanh": ew.tanh, "trunc": further.trunc, "det": la.det,
    "inverse": la.inv, "linalg_inv": la.inv, "t": lambda x: x.T, "numpy_T": lambda x: x.T, "mT": lambda x: x.mT,
}.items()}
BINARY = {name: _two(function) for name, function in {
    "mul": operator.mul, "maximum": ew.maximum, "minimum": ew.minimum, "fmax": ew.maximum, "fmin": ew.minimum,
    "eq": ew.equal, "ne": ew.not_equal, "lt": ew.less, "le": ew.less_equal, "gt": ew.greater, "ge": ew.greater_equal,
    "logical_and": ew.logical_and, "logical_or": ew.logical_or, "atan2": further.arctan2, "matmul": co.matmul,
    "logaddexp": further.logaddexp,
}.items()}
