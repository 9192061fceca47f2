"""NumPy's own functions on tensors: `np.tanh(x)`, `np.float64(2) * x`, `np.einsum(...)`.

A NumPy function maps to the function of symgrad by the same name, `np.linalg` to that of the last two axes;
where NumPy names or orders its arguments differently, a line below says how. What has no counterpart raises
TypeError, and names what there is instead.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable
from functools import reduce
from typing import Any

from symgrad.language import (
    arranging,
    arrays,
    composed,
    contraction,
    factoring,
    further,
    linear_algebra,
    padding,
    picking,
    pointwise,
    rearrange,
    reduction,
)
from symgrad.language.align import as_tensor

ABSOLUTE: Callable[..., Any] = vars(pointwise)["abs"]  # under its own name mypy takes it for the builtin
UFUNCS: dict[str, Callable[..., Any]] = {
    "add": pointwise.add, "subtract": pointwise.subtract, "multiply": pointwise.multiply,
    "divide": pointwise.divide, "true_divide": pointwise.divide, "reciprocal": further.reciprocal,
    "power": pointwise.power,
    "float_power": pointwise.power, "negative": pointwise.negative, "positive": lambda x: x,
    "matmul": contraction.matmul, **dict.fromkeys(("absolute", "fabs"), ABSOLUTE),
    "bitwise_and": pointwise.logical_and, "bitwise_or": pointwise.logical_or, "invert": pointwise.logical_not,
    **{name: getattr(pointwise, name) for name in (
        "exp", "log", "log1p", "expm1", "sqrt", "square", "sign", "floor", "sin", "cos", "tan",
        "arctan", "sinh", "cosh", "tanh", "maximum", "minimum", "equal",
        "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
        "logical_not")},
    **{name: getattr(further, name) for name in (
        "arcsin", "arccos", "arctan2", "arcsinh", "arccosh", "arctanh", "log2", "log10", "exp2", "logaddexp", "ceil",
        "trunc",
        "isnan", "isfinite", "isinf")},
    "rint": further.round, "fmax": pointwise.maximum, "fmin": pointwise.minimum,
    "floor_divide": lambda a, b: pointwise.floor(pointwise.divide(a, b)),
    "remainder": lambda a, b: a - b * pointwise.floor(pointwise.divide(a, b)),
    "hypot": lambda a, b: pointwise.sqrt(pointwise.square(a) + pointwise.square(b)),
    **dict.fromkeys(("degrees", "rad2deg"), lambda x: x * (180 / math.pi)), "conjugate": lambda x: x,
    **dict.fromkeys(("radians", "deg2rad"), lambda x: x * (math.pi / 180)),
    "vecdot": lambda a, b: reduction.sum(pointwise.multiply(a, b), -1),
    "matvec": lambda a, b: contraction.matmul(a, rearrange.expand_dims(b, -1))[..., 0],
    "vecmat": lambda a, b: contraction.matmul(rearrange.expand_dims(a, -2), b)[..., 0, :],
}
REDUCTIONS: dict[str, Callable[..., Any]] = {
    "add": reduction.sum, "multiply": linear_algebra.prod, "maximum": reduction.max, "minimum": reduction.min,
    "logical_and": arrays.all_of, "logical_or": arrays.any_of,
}
INSTEAD = {  # of NumPy's functions without a counterpart: what people want from them
    "select": "sg.where, once for each condition", "piecewise": "sg.where, once for each condition",
    "nan_to_num": "sg.where(condition, x, 0)",
    "allclose": "t.eval(name=array), then np.allclose", "array_equal": "sg.equal(a, b) for entries",
    "isclose": "t.eval(name=array), then np.isclose",
    "interp": "sg.where, once for each piece", "gradient": "sg.gradient(y, x) for derivatives, np.diff for differences",
    "put_along_axis": "sg.index_add(t, axis, index, values)", "add.at": "sg.index_add(t, axis, index, values)",
    "save": "np.save of t.eval(name=array)", "count_nonzero": "sg.sum(sg.where(condition, 1.0, 0.0))",
}


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return pointwise.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    return padding.pad(array, pad_width, constant_values, mode)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    t = as_tensor(x, "norm")
    if ord is not None and (t.ndim if axis is None else isinstance(axis, (tuple, list)) and len(axis)) == 2:
        if ord != "fro":
            raise TypeError(f"np.linalg.norm of a matrix with ord={ord!r} has no counterpart on symbolic tensors")
        ord = None
    return composed.norm(t, 2 if ord is None else ord, axis, keepdims)


def _var(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    return composed.var(a, axis, keepdims, ddof)


def _std(a: Any, axis: Any = None, *, ddof: int = 0, keepdims: bool = False) -> Any:
    return composed.std(a, axis, keepdims, ddof)


def _full_like(a: Any, value: Any) -> Any:
    return contraction.full(a.shape, value)


def cumsum(a: Any, axis: int | None = None) -> Any:
    """Running sums along an axis; of all entries, flattened, where none is given."""
    t = as_tensor(a, "cumsum")
    return linear_algebra.cumsum(rearrange.reshape(t, (-1,)) if axis is None else t, -1 if axis is None else axis)


def cumprod(a: Any, axis: int | None = None) -> Any:
    """Running products along an axis; of all entries, flattened, where none is given."""
    t = as_tensor(a, "cumprod")
    return picking.cumprod(rearrange.reshape(t, (-1,)) if axis is None else t, -1 if axis is None else axis)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f"numpy.{name}": getattr(contraction, name) for name in (
        "einsum", "dot", "outer", "tensordot", "trace", "diagonal", "diag")},
    **{f"numpy.{name}": getattr(reduction, name) for name in ("sum", "mean", "max", "min", "argmax", "argmin")},
    **{f"numpy.{name}": getattr(rearrange, name) for name in (
        "transpose", "swapaxes", "reshape", "expand_dims", "squeeze", "broadcast_to", "concatenate", "stack")},
    **{f"numpy.{name}": getattr(composed, name) for name in ("tril", "triu", "kron", "take", "flip", "roll", "split")},
    "numpy.amax": reduction.max, "numpy.amin": reduction.min, "numpy.var": _var, "numpy.std": _std,
    "numpy.clip": _clip, "numpy.pad": _pad, "numpy.where": pointwise.where,
    "numpy.matrix_transpose": rearrange.matrix_transpose, "numpy.ravel": lambda x: rearrange.reshape(x, (-1,)),
    "numpy.shape": lambda x: x.shape, "numpy.ndim": lambda x: x.ndim, "numpy.size": arrays.size_of,
    "numpy.zeros_like": lambda x: contraction.zeros(x.shape), "numpy.ones_like": lambda x: contraction.ones(x.shape),
    "numpy.full_like": _full_like,
    **{f"numpy.{name}": getattr(arrays, name) for name in (
        "repeat", "tile", "diff", "moveaxis", "vstack", "hstack", "column_stack", "inner", "vdot", "average", "astype")},
    **{f"numpy.{name}": getattr(picking, name) for name in ("sort", "argsort", "median", "quantile", "take_along_axis")},
    "numpy.percentile": lambda a, q, axis=None: picking.quantile(a, q / 100, axis), "numpy.cumprod": cumprod,
    **{f"numpy.linalg.{name}": getattr(factoring, name) for name in ("eigh", "eigvalsh", "svd", "svdvals", "qr", "pinv")},
    "numpy.meshgrid": arranging.meshgrid, "numpy.prod": linear_algebra.prod, "numpy.cumsum": cumsum,
    "numpy.round": further.round, "numpy.sinc": further.sinc,
    "numpy.all": arrays.all_of, "numpy.any": arrays.any_of, "numpy.copy": lambda x: x,
    "numpy.real": lambda x: x, "numpy.ptp": lambda a, axis=None, keepdims=False: (
        reduction.max(a, axis, keepdims) - reduction.min(a, axis, keepdims)),
    "numpy.fliplr": lambda m: composed.flip(m, 1), "numpy.flipud": lambda m: composed.flip(m, 0),
    "numpy.atleast_1d": lambda x: x if x.ndim else rearrange.reshape(x, (1,)),
    **{f"numpy.linalg.{name}": getattr(linear_algebra, name) for name in ("inv", "det", "solve", "cholesky")},
    "numpy.linalg.slogdet": arrays.slogdet, "numpy.linalg.matrix_power": arrays.matrix_power,
    "numpy.linalg.vector_norm": lambda x, /, *, axis=None, keepdims=False, ord=2: composed.norm(x, ord, axis, keepdims),
    "numpy.linalg.matrix_norm": lambda x, /, *, keepdims=False, ord="fro": _norm(x, ord, (-2, -1), keepdims),
    "numpy.linalg.vecdot": lambda a, b, /, *, axis=-1: reduction.sum(pointwise.multiply(a, b), axis),
    "numpy.linalg.multi_dot": lambda arrays: reduce(contraction.matmul, arrays),
    "numpy.linalg.norm": _norm, "numpy.linalg.matmul": contraction.matmul, "numpy.linalg.outer": contraction.outer,
    "numpy.linalg.matrix_transpose": rearrange.matrix_transpose,
    "numpy.linalg.tensordot": lambda a, b, /, *, axes=2: contraction.tensordot(a, b, axes),
    "numpy.linalg.trace": lambda x, /, *, offset=0: contraction.trace(x, offset, -2, -1),
    "numpy.linalg.diagonal": lambda x, /, *, offset=0: contraction.diagonal(x, offset, -2, -1),
}


def ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A NumPy ufunc on tensors."""
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    if method == "reduce" and ufunc.__name__ in REDUCTIONS and set(kwargs) <= {"axis", "keepdims"}:
        return REDUCTIONS[ufunc.__name__](*inputs, **{"axis": 0, **kwargs})
    f = UFUNCS.get(ufunc.__name__)
    if f is None or method != "__call__" or kwargs:
        extra = f" with {', '.join(kwargs)}" if kwargs else ""
        raise TypeError(f"np.{name}{extra} has no counterpart on symbolic tensors" + ("" if kwargs else _instead(name)))
    return f(*inputs)


def _instead(name: str) -> str:
    """What there is in the place of a function of NumPy that is not there."""
    if name in INSTEAD:
        return f": {INSTEAD[name]}"
    there = {*(each.removeprefix("numpy.") for each in FUNCTIONS), *UFUNCS}
    near = difflib.get_close_matches(name, there, n=1)
    return f": the nearest that is there is np.{near[0]}" if near else ""


def function(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """A NumPy function on tensors."""
    name = f"{getattr(func, '__module__', 'numpy')}.{getattr(func, '__name__', func)}"
    f = FUNCTIONS.get(name)
    if f is None:
        raise TypeError(f"{name.replace('numpy', 'np', 1)} has no counterpart on symbolic tensors"
                        + _instead(name.removeprefix("numpy.")))
    try:
        inspect.signature(f).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name.replace('numpy', 'np', 1)} on a symbolic tensor: {error}") from None
    return f(*args, **kwargs)
