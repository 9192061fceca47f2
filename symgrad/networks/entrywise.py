"""Operators that work entry by entry. Those with a function of one name in both worlds are one table, for both ways.

`UNARY` and `BINARY` are read and written: ONNX's operator, symgrad's function, and the row of the graph that it makes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.graphs.node import BOOLEAN, INTEGER, REAL
from symgrad.language import activating
from symgrad.language import further as fu
from symgrad.language import pointwise as ew
from symgrad.language.align import as_tensor
from symgrad.language.arrays import astype
from symgrad.language.contraction import arange
from symgrad.language.rearrange import expand_dims, reshape
from symgrad.language.reduction import argmax, log_softmax, softmax
from symgrad.language.tensor import Tensor
from symgrad.networks.call import Call, Reads, kind_of, tensor

# ONNX's operator, what it is here, and the row of the table of elementwise functions that it is written for.
UNARY: tuple[tuple[str, Callable[[Any], Tensor], str], ...] = (
    ("Abs", ew.abs, "abs"), ("Acos", fu.arccos, "arccos"), ("Acosh", fu.arccosh, "arccosh"),
    ("Asin", fu.arcsin, "arcsin"), ("Asinh", fu.arcsinh, "arcsinh"), ("Atan", ew.arctan, "arctan"),
    ("Atanh", fu.arctanh, "arctanh"), ("Cos", ew.cos, "cos"), ("Cosh", ew.cosh, "cosh"),
    ("Erf", ew.erf, "erf"), ("Exp", ew.exp, "exp"), ("Floor", ew.floor, "floor"), ("Log", ew.log, "log"),
    ("Not", ew.logical_not, "logical_not"), ("Reciprocal", fu.reciprocal, "reciprocal"), ("Relu", ew.relu, "relu"),
    ("Sigmoid", ew.sigmoid, "sigmoid"), ("Sign", ew.sign, "sign"), ("Sin", ew.sin, "sin"), ("Sinh", ew.sinh, "sinh"),
    ("Softplus", ew.softplus, "softplus"), ("Sqrt", ew.sqrt, "sqrt"), ("Tan", ew.tan, "tan"), ("Tanh", ew.tanh, "tanh"),
)
BINARY: tuple[tuple[str, Callable[[Any, Any], Tensor], str], ...] = (
    ("Equal", ew.equal, "equal"), ("Greater", ew.greater, "greater"), ("GreaterOrEqual", ew.greater_equal, "greater_equal"),
    ("Less", ew.less, "less"), ("LessOrEqual", ew.less_equal, "less_equal"), ("And", ew.logical_and, "logical_and"),
    ("Or", ew.logical_or, "logical_or"),
)
NARROW = {"uint8": (0, 255), "int8": (-128, 127), "uint16": (0, 65535), "int16": (-32768, 32767),
          "uint32": (0, 2**32 - 1), "int32": (-(2**31), 2**31 - 1)}
REALS = ("float32", "float64", "")
HALVES = ("float16", "bfloat16")


def _unary(function: Callable[[Any], Tensor]) -> Callable[..., Tensor]:
    return lambda c, x: function(x)


def _binary(function: Callable[[Any, Any], Tensor]) -> Callable[..., Tensor]:
    return lambda c, a, b: function(a, _laid(c, a, b))


def _laid(c: Call, a: Tensor, b: Tensor) -> Tensor:
    """The second operand where versions before 7 lay it: along the axes that begin at `axis`."""
    axis = c["axis"] if c.version < 7 else None
    return b if axis is None else reshape(b, (*b.shape, *[1] * (a.ndim - axis - b.ndim)))


def _whole(c: Call, *tensors: Tensor) -> bool:
    return all(t.dtype == INTEGER for t in tensors)


def within(c: Call, t: Tensor, steps: int = 1) -> Tensor:
    """Sums of two integers as a narrow type holds them: what leaves it at one end enters at the other."""
    kind = next((kind for kind in c.kinds if kind), "")
    if t.dtype != INTEGER or kind in ("int64", "int32", ""):  # what overflows those is no index and no count
        return t
    if kind not in NARROW or steps != 1:
        c.refuse(f"integers of type {kind} overflow in it, and whole numbers have no bounds here")
    low, high = NARROW[kind]
    return ew.where(t > high, t - (high - low + 1), ew.where(t < low, t + (high - low + 1), t))


def _add(c: Call, a: Tensor, b: Tensor) -> Tensor:
    return within(c, ew.add(a, _laid(c, a, b)))


def _sub(c: Call, a: Tensor, b: Tensor) -> Tensor:
    return within(c, ew.subtract(a, _laid(c, a, b)))


def _mul(c: Call, a: Tensor, b: Tensor) -> Tensor:
    return within(c, ew.multiply(a, _laid(c, a, b)), 2)


def _div(c: Call, a: Tensor, b: Tensor) -> Tensor:
    if _whole(c, a, b) or any("int" in kind for kind in c.kinds):  # a constant is a number, whatever its type was
        return fu.trunc(ew.divide(a, b))
    return ew.divide(a, _laid(c, a, b))


def remainder(a: Any, b: Any, quotient: Callable[[Any], Tensor]) -> Tensor:
    """What is left of a when it is divided by b so many times, a whole number; of an infinite b, a or b."""
    a, b = as_tensor(a), as_tensor(b)
    times = quotient(ew.divide(a, b))
    turned = ew.logical_and(fu.isinf(ew.as_real(b)), ew.less(ew.multiply(a, ew.sign(b)), 0))
    left = ew.where(ew.equal(times, 0), a, ew.subtract(a, ew.multiply(b, times)))
    return left if quotient is fu.trunc else ew.where(turned, b, left)


def _mod(c: Call, a: Tensor, b: Tensor) -> Tensor:
    return remainder(a, b, fu.trunc if c["fmod"] else ew.floor)


def _pow(c: Call, a: Tensor, b: Any) -> Tensor:
    if isinstance(b, np.ndarray) and b.size == 1 and b.dtype != object:
        value = b.reshape(-1)[0].item()
        b = np.asarray(int(value)) if float(value).is_integer() and abs(value) < 64 else b
        if b.ndim == 0 or a.ndim >= b.ndim:
            return within(c, ew.power(a, b.reshape(-1)[0].item()), 2)
    if _whole(c, a):
        c.refuse("integers to a power of run time are no integers here")
    return ew.power(a, _laid(c, a, tensor(b)))


def _fold(function: Callable[[Any, Any], Tensor]) -> Callable[..., Tensor]:
    def rule(c: Call, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = function(first, other)
        return first

    return rule


def _mean(c: Call, *tensors: Tensor) -> Tensor:
    return _fold(ew.add)(c, *tensors) / len(tensors)


def _sum(c: Call, *tensors: Tensor) -> Tensor:
    return within(c, _fold(ew.add)(c, *tensors), len(tensors) - 1)


def _xor(c: Call, a: Tensor, b: Tensor) -> Tensor:
    return ew.not_equal(ew.as_real(a), ew.as_real(_laid(c, a, b)))


def _neg(c: Call, x: Tensor) -> Tensor:
    return within(c, ew.negative(x))


def _ceil(c: Call, x: Tensor) -> Tensor:
    return fu.ceil(x)


def _round(c: Call, x: Tensor) -> Tensor:
    return fu.round(x)


def _clip(c: Call, x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    low = c["min"] if low is None and c.version < 11 else low
    high = c["max"] if high is None and c.version < 11 else high
    bounds = [None if b is None else b.reshape(-1)[0].item() if isinstance(b, np.ndarray) and b.size == 1 else b
              for b in (low, high)]
    if bounds == [None, None]:
        return x
    if x.dtype == INTEGER:
        x = x if bounds[0] is None else ew.maximum(x, bounds[0])
        return x if bounds[1] is None else ew.minimum(x, bounds[1])
    return ew.clip(x, *bounds)


def _cast(c: Call, x: Tensor) -> Tensor:
    old = {"float": "float32", "double": "float64"}
    return _to(c, x, kind_of(c["to"]) if c.version >= 6 else old.get(str(c["to"]).lower(), str(c["to"]).lower()))


def _cast_like(c: Call, x: Tensor, like: Tensor) -> Tensor:
    return _to(c, x, c.kinds[1])


def _to(c: Call, x: Tensor, kind: str) -> Tensor:
    start = c.kinds[0] or ("float32" if x.dtype == REAL else "int64")
    if kind == "bool":
        return astype(x, bool)
    wanted = (*REALS, *HALVES) if c.reader.halves else REALS
    if kind in wanted and start in (*REALS, *HALVES, "bool", *NARROW, "int64", "uint64"):
        return ew.as_real(x) if x.dtype != BOOLEAN else astype(x, float)
    if kind.startswith(("int", "uint")) and x.dtype != REAL and (x.dtype == BOOLEAN or _holds(kind, start)):
        return astype(x, int)
    hint = "; from_onnx(..., halves=True) reads them as real numbers" if kind in HALVES else ""
    return c.refuse(f"it makes {kind or 'numbers of another kind'} of {start}, and formulas here have real numbers, "
                    f"integers and truth values, without a precision{hint}")


def _holds(wide: str, narrow: str) -> bool:
    """Does one type hold all numbers of the other?"""
    bounds = {**NARROW, "int64": (-(2**63), 2**63 - 1), "uint64": (0, 2**64 - 1)}
    if wide not in bounds or narrow not in bounds:
        return False
    return bounds[wide][0] <= bounds[narrow][0] and bounds[narrow][1] <= bounds[wide][1]


def _leaky(c: Call, x: Tensor) -> Tensor:
    return ew.leaky_relu(x, c["alpha"])


def _prelu(c: Call, x: Tensor, slope: Tensor) -> Tensor:
    if c.version < 7 and slope.ndim == 1 and slope.shape != (1,):
        slope = reshape(slope, (*slope.shape, *[1] * (x.ndim - 2)))
    return ew.leaky_relu(x, slope)


def _elu(c: Call, x: Tensor) -> Tensor:
    return ew.elu(x, c["alpha"])


def _celu(c: Call, x: Tensor) -> Tensor:
    return ew.where(x > 0, x, c["alpha"] * ew.expm1(ew.minimum(x, 0) / c["alpha"]))


def _selu(c: Call, x: Tensor) -> Tensor:
    return c["gamma"] * ew.elu(x, c["alpha"])


def _gelu(c: Call, x: Tensor) -> Tensor:
    return activating.gelu(x, c["approximate"] or "none")


def _swish(c: Call, x: Tensor) -> Tensor:
    return ew.silu(x) if c["alpha"] == 1 else x * ew.sigmoid(c["alpha"] * x)


def _mish(c: Call, x: Tensor) -> Tensor:
    return x * ew.tanh(ew.softplus(x))


def _hard_sigmoid(c: Call, x: Tensor) -> Tensor:
    return ew.clip(c["alpha"] * x + c["beta"], 0, 1)


def _hard_swish(c: Call, x: Tensor) -> Tensor:
    return x * ew.clip(x / 6 + 0.5, 0, 1)


def _softsign(c: Call, x: Tensor) -> Tensor:
    return x / (1 + ew.abs(x))


def _thresholded(c: Call, x: Tensor) -> Tensor:
    return ew.where(x > c["alpha"], x, 0)


def _shrink(c: Call, x: Tensor) -> Tensor:
    if x.dtype == INTEGER:
        c.refuse("it shrinks integers, whose bounds are real numbers")
    return ew.where(x < -c["lambd"], x + c["bias"], ew.where(x > c["lambd"], x - c["bias"], 0))


def _along(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Along one axis since version 13; before, along all axes from that one on, laid behind each other."""
    def rule(c: Call, x: Tensor) -> Tensor:
        place = c.axis(c["axis"], x)
        if c.version >= 13:
            return function(x, place)
        flat = reshape(x, (*x.shape[:place], -1))
        return reshape(function(flat, place), x.shape)

    return rule


def _hardmax(x: Tensor, axis: int) -> Tensor:
    places = reshape(arange(x.shape[axis]), (-1, *[1] * (x.ndim - 1 - axis)))
    return ew.where(ew.equal(expand_dims(argmax(x, axis), axis), places), 1.0, 0.0)


def _where(c: Call, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return ew.where(condition, a, b)


def _infinite(c: Call, x: Tensor) -> Tensor:
    if c["detect_positive"] and c["detect_negative"]:
        return fu.isinf(x)
    return ew.equal(x, math.inf if c["detect_positive"] else -math.inf)


def _not_a_number(c: Call, x: Tensor) -> Tensor:
    return fu.isnan(x)


ROWS = (
    *(Reads(name, _unary(function)) for name, function, _ in UNARY),
    *(Reads(name, _binary(function)) for name, function, _ in BINARY),
    Reads("Add", _add), Reads("Sub", _sub), Reads("Mul", _mul), Reads("Div", _div), Reads("Mod", _mod),
    Reads("Pow", _pow, (1,)),
    Reads("Neg", _neg), Reads("IsInf", _infinite), Reads("IsNaN", _not_a_number),
    Reads("Ceil", _ceil), Reads("Round", _round), Reads("Xor", _xor),
    Reads("Max", _fold(ew.maximum)), Reads("Min", _fold(ew.minimum)), Reads("Sum", _sum), Reads("Mean", _mean),
    Reads("Where", _where), Reads("Clip", _clip, (1, 2)), Reads("Cast", _cast), Reads("CastLike", _cast_like),
    Reads("LeakyRelu", _leaky), Reads("PRelu", _prelu), Reads("Elu", _elu), Reads("Celu", _celu),
    Reads("Selu", _selu), Reads("Gelu", _gelu), Reads("Swish", _swish), Reads("Mish", _mish),
    Reads("HardSigmoid", _hard_sigmoid), Reads("HardSwish", _hard_swish), Reads("Softsign", _softsign),
    Reads("ThresholdedRelu", _thresholded), Reads("Shrink", _shrink), Reads("Softmax", _along(softmax)),
    Reads("LogSoftmax", _along(log_softmax)), Reads("Hardmax", _along(_hardmax)),
)
