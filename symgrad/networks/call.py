"""One use of an operator in a file: its attributes, what it reads, and how it says that it cannot be read.

A value is a tensor, or an array that is known when the file is read: shapes, axes, indices, constants. Known arrays of
sizes hold SymPy's symbols where a file leaves a size open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.sizes import Size, canonical
from symgrad.language.align import as_tensor
from symgrad.language.rearrange import reshape, stack
from symgrad.language.tensor import Tensor

KNOWN_LIMIT = 1 << 20  # entries of an array that is worked out when the file is read


class NotReadable(SymgradError):
    """Raised by a rule: what stands in its way. The reader puts operator and node in front."""


@dataclass(frozen=True)
class Reads:
    """A row of the table: an operator, its rule, and which of its inputs are settings and no learnt numbers.

    `rule(call, *inputs)` gives a tensor, or a tuple of one for each output. `held` are the places of inputs that come
    as known arrays where they are known; all others come as tensors. Attributes and their defaults are those of the
    operator's own definition in the version that the file asks for, which `call` holds.
    """

    name: str
    rule: Callable[..., Any]
    held: tuple[int, ...] = ()
    domain: str = ""
    inside: bool = False  # the rule reads subgraphs, or values by name


@dataclass(frozen=True)
class Call:
    """What a rule knows beside its inputs."""

    operator: str
    node: str
    version: int  # of the operator set
    attributes: Mapping[str, Any]  # with defaults
    results: int  # how many outputs are asked for
    declared: Callable[[int], list[Any] | None]  # the shape that the file says output i has; None for a size it leaves open
    kinds: tuple[str, ...]  # NumPy's names of the types of the inputs, "" where not known
    reads: tuple[str, ...]  # the names of the inputs
    reader: Any = None  # runs subgraphs and functions, for the rules that have some

    def __getitem__(self, name: str) -> Any:
        return self.attributes.get(name)

    def refuse(self, why: str) -> NoReturn:
        raise NotReadable(why)

    def sizes(self, value: Any, what: str) -> list[Size]:
        """Known integers, as ints and sizes; refuses what is only known at run time."""
        if isinstance(value, Tensor):
            self.refuse(f"its {what} is known at run time only, and shapes of formulas are known when the file is read; "
                        "give it, from_onnx(..., fixed={name: array})")
        flat = np.asarray(value, dtype=object).reshape(-1)
        try:
            return [size if isinstance(size, int) and not isinstance(size, bool) else _whole(size) for size in flat]
        except (TypeError, ValueError):
            self.refuse(f"its {what} must be integers, not {value!r}")

    def number(self, value: Any, what: str) -> Any:
        """One known number."""
        if isinstance(value, Tensor):
            self.refuse(f"its {what} is known at run time only; give it, from_onnx(..., fixed={{name: array}})")
        if np.size(value) != 1:
            self.refuse(f"its {what} must be one number, not an array of shape {np.shape(value)}")
        return np.asarray(value).reshape(-1)[0].item() if not is_symbolic(value) else np.asarray(value).reshape(-1)[0]

    def axis(self, axis: int, t: Tensor) -> int:
        """An axis counted from the front."""
        if not -t.ndim <= axis < max(t.ndim, 1):
            self.refuse(f"axis {axis} of {t.ndim} axes does not exist")
        return axis % max(t.ndim, 1)


KINDS = ("", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "str", "bool", "float16", "float64", "uint32",
         "uint64", "complex64", "complex128", "bfloat16")  # by their numbers in a file


def kind_of(number: int) -> str:
    """The name of a type of elements."""
    return KINDS[number] if 0 <= number < len(KINDS) else f"type {number}"


def _whole(size: Any) -> Size:
    if isinstance(size, sp.Expr):
        return canonical(size)
    if int(size) != size:
        raise ValueError
    return int(size)


def is_symbolic(value: Any) -> bool:
    """Is it a known array with open sizes in it?"""
    return isinstance(value, np.ndarray) and value.dtype == object


def settled(value: Any) -> Any:
    """An array of objects as one of integers, where no size in it is open."""
    if is_symbolic(value) and not any(isinstance(v, sp.Expr) and not v.is_number for v in value.reshape(-1)):
        return value.astype(np.int64) if all(v == int(v) for v in value.reshape(-1)) else value.astype(float)
    return value


def decimal(value: Any) -> float:
    """A number of single precision by the shortest decimal that is it: 1e-5, not 9.999999747378752e-06."""
    return float(str(np.float32(value)))


def of_sizes(sizes: Sequence[Size]) -> np.ndarray:
    """Sizes as a known array."""
    found = np.empty(len(sizes), dtype=object)
    found[:] = list(sizes)
    return np.asarray(settled(found)) if len(sizes) else np.zeros(0, np.int64)


def tensor(value: Any) -> Tensor:
    """A value as a tensor."""
    if isinstance(value, Tensor):
        return value
    if is_symbolic(value):
        flat = [as_tensor(v, "constant") for v in value.reshape(-1)]
        return reshape(stack(flat), value.shape)
    if value.ndim == 0:
        if value.dtype == np.float32:
            return as_tensor(decimal(value))
        return as_tensor(value.astype(bool) if value.dtype.kind == "b" else value.item())
    return as_tensor(value if value.dtype.kind in "iub" else value.astype(np.float64))
