"""NumPy's own functions on tensors: `np.tanh(x)`, `np.float64(2) * x`, `np.einsum(...)`.

A NumPy function maps to the function of symgrad by the same name, `np.linalg` to that of the last two axes;
where NumPy names or orders its arguments differently, a line below says how. What has no counterpart raises
TypeError.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from symgrad.graphs.sizes import product
from symgrad.language import composed, contraction, pointwise, rearrange, reduction
from symgrad.language.align import as_tensor

ABSOLUTE: Callable[..., Any] = vars(pointwise)["abs"]  # under its own name mypy takes it for the builtin
UFUNCS: dict[str, Callable[..., Any]] = {
    "add": pointwise.add, "subtract": pointwise.subtract, "multiply": pointwise.multiply,
    "divide": pointwise.divide, "true_divide": pointwise.divide, "power": pointwise.power,
    "float_power": pointwise.power, "negative": pointwise.negative, "positive": lambda x: x,
    "matmul": contraction.matmul, **dict.fromkeys(("absolute", "fabs"), ABSOLUTE),
    "bitwise_and": pointwise.logical_and, "bitwise_or": pointwise.logical_or, "invert": pointwise.logical_not,
    **{name: getattr(pointwise, name) for name in (
        "exp", "log", "log1p", "expm1", "sqrt", "square", "reciprocal", "sign", "floor", "sin", "cos", "tan",
        "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "maximum", "minimum", "equal",
        "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
        "logical_not")},
}


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return pointwise.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    if mode != "constant":
        raise TypeError(f"np.pad with mode={mode!r} has no counterpart on symbolic tensors")
    return composed.pad(array, pad_width, constant_values)


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
    "numpy.shape": lambda x: x.shape, "numpy.ndim": lambda x: x.ndim, "numpy.size": lambda x: product(x.shape),
    "numpy.zeros_like": lambda x: contraction.zeros(x.shape), "numpy.ones_like": lambda x: contraction.ones(x.shape),
    "numpy.full_like": _full_like,
    "numpy.linalg.norm": _norm, "numpy.linalg.matmul": contraction.matmul, "numpy.linalg.outer": contraction.outer,
    "numpy.linalg.matrix_transpose": rearrange.matrix_transpose,
    "numpy.linalg.tensordot": lambda a, b, /, *, axes=2: contraction.tensordot(a, b, axes),
    "numpy.linalg.trace": lambda x, /, *, offset=0: contraction.trace(x, offset, -2, -1),
    "numpy.linalg.diagonal": lambda x, /, *, offset=0: contraction.diagonal(x, offset, -2, -1),
}


def ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A NumPy ufunc on tensors."""
    f = UFUNCS.get(ufunc.__name__)
    if f is None or method != "__call__" or kwargs:
        how = f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}")
        extra = f" with {', '.join(kwargs)}" if kwargs else ""
        raise TypeError(f"{how}{extra} has no counterpart on symbolic tensors")
    return f(*inputs)


def function(func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
    """A NumPy function on tensors."""
    name = f"{getattr(func, '__module__', 'numpy')}.{getattr(func, '__name__', func)}"
    f = FUNCTIONS.get(name)
    if f is None:
        raise TypeError(f"{name.replace('numpy', 'np', 1)} has no counterpart on symbolic tensors")
    try:
        inspect.signature(f).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name.replace('numpy', 'np', 1)} on a symbolic tensor: {error}") from None
    return f(*args, **kwargs)
