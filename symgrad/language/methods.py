"""The operators and methods of a tensor: the one place where `Tensor` learns what is written in tensors."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from symgrad.language import (
    arrays,
    composed,
    contraction,
    further,
    habits,
    indexing,
    linear_algebra,
    numpy_protocol,
    pickling,
    pointwise,
    printing,
    rearrange,
    reduction,
)
from symgrad.language.tensor import Tensor

OnTensors = Callable[..., Any]


def _turned(function: OnTensors) -> OnTensors:
    """The operation with the tensor on the right."""
    return lambda self, other: function(other, self)


def _later(module: str, name: str) -> OnTensors:
    """A method from a room above, which is opened at the first call."""
    return lambda self, *args, **kwargs: getattr(import_module(module), name)(self, *args, **kwargs)


def _spread(function: OnTensors) -> OnTensors:
    """`t.reshape(2, 3)` is `t.reshape((2, 3))`."""
    return lambda self, *args: function(self, (args[0] if len(args) == 1 else args) if args else None)


METHODS: dict[str, Any] = {
    "__reduce__": pickling.reduced,
    "__add__": pointwise.add, "__radd__": _turned(pointwise.add), "__sub__": pointwise.subtract,
    "__rsub__": _turned(pointwise.subtract), "__mul__": pointwise.multiply, "__rmul__": _turned(pointwise.multiply),
    "__truediv__": pointwise.divide, "__rtruediv__": _turned(pointwise.divide), "__pow__": pointwise.power,
    "__rpow__": _turned(pointwise.power), "__matmul__": contraction.matmul, "__rmatmul__": _turned(contraction.matmul),
    "__neg__": pointwise.negative, "__pos__": lambda self: self, "__abs__": vars(pointwise)["abs"],
    "__lt__": pointwise.less, "__le__": pointwise.less_equal, "__gt__": pointwise.greater,
    "__ge__": pointwise.greater_equal, "__and__": pointwise.logical_and, "__rand__": pointwise.logical_and,
    "__or__": pointwise.logical_or, "__ror__": pointwise.logical_or, "__invert__": pointwise.logical_not,
    "__getitem__": indexing.getitem,
    "__array_ufunc__": lambda self, f, method, *inputs, **kwargs: numpy_protocol.ufunc(f, method, inputs, kwargs),
    "__array_function__": lambda self, f, types, args, kwargs: numpy_protocol.function(f, args, kwargs),
    "__str__": printing.text, "latex": printing.latex, "_notation": printing.notation,
    "mathml": printing.mathml, "pretty": printing.pretty,
    "__repr__": lambda self: f"<Tensor {printing.short(self)}: {printing.tensor_shape(self)}>",
    "named": rearrange.named, "T": property(rearrange.transpose), "mT": property(rearrange.matrix_transpose),
    "reshape": _spread(rearrange.reshape), "ravel": lambda self: rearrange.reshape(self, (-1,)),
    "flatten": lambda self: rearrange.reshape(self, (-1,)), "transpose": _spread(rearrange.transpose),
    "swapaxes": rearrange.swapaxes, "squeeze": rearrange.squeeze,
    **{name: getattr(reduction, name) for name in ("sum", "mean", "max", "min", "argmax", "argmin")},
    **{f.__name__: f for f in (pointwise.clip, contraction.diagonal, contraction.dot, composed.std, composed.take,
                               contraction.trace, composed.var)},
    "prod": linear_algebra.prod, "cumsum": numpy_protocol.cumsum, "round": further.round, "repeat": arrays.repeat,
    "size": property(arrays.size_of), "astype": arrays.astype, "copy": lambda self: self, "all": arrays.all_of,
    "any": arrays.any_of, "conj": lambda self: self, "conjugate": lambda self: self, "__round__": further.round,
    "__getattr__": habits.missing_of_tensor,
    "eval": lambda self, /, **values: _later("symgrad.computing.functions", "evaluate")(self, values),
    "to_sympy": lambda self, /, **sizes: _later("symgrad.exchange.to_sympy", "to_sympy")(self, sizes),
}

for _name, _method in METHODS.items():
    setattr(Tensor, _name, _method)
