"""NumPy's own functions on tensors: `np.tanh(x)`, `np.float64(2) * x`, `np.einsum(...)`.

A NumPy function maps to the function of symgrad by the same name; what has no counterpart raises TypeError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad import contraction, pointwise, rearrange, reduction

ABSOLUTE: Callable[..., Any] = vars(pointwise)["abs"]  # under its own name mypy takes it for the builtin
UFUNCS: dict[str, Callable[..., Any]] = {
    "add": pointwise.add, "subtract": pointwise.subtract, "multiply": pointwise.multiply,
    "divide": pointwise.divide, "true_divide": pointwise.divide, "power": pointwise.power,
    "float_power": pointwise.power, "negative": pointwise.negative, "positive": lambda x: x,
    "matmul": contraction.matmul, **dict.fromkeys(("absolute", "fabs"), ABSOLUTE),
    **{name: getattr(pointwise, name) for name in (
        "exp", "log", "log1p", "expm1", "sqrt", "square", "reciprocal", "sign", "floor", "sin", "cos", "tan",
        "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "maximum", "minimum", "equal",
        "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
        "logical_not")},
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(contraction, name) for name in (
        "einsum", "dot", "outer", "tensordot", "trace", "diagonal", "diag")},
    **{name: getattr(reduction, name) for name in ("sum", "mean", "max", "min", "argmax", "argmin")},
    **{name: getattr(rearrange, name) for name in (
        "transpose", "swapaxes", "reshape", "expand_dims", "squeeze", "broadcast_to", "concatenate", "stack")},
    "amax": reduction.max, "amin": reduction.min, "clip": pointwise.clip, "where": pointwise.where,
    "matrix_transpose": rearrange.matrix_transpose, "ravel": lambda x: rearrange.reshape(x, (-1,)),
    "shape": lambda x: x.shape, "ndim": lambda x: x.ndim,
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
    name = getattr(func, "__name__", str(func))
    f = FUNCTIONS.get(name)
    if f is None:
        raise TypeError(f"np.{name} has no counterpart on symbolic tensors")
    return f(*args, **kwargs)
