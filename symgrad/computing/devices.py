"""Where the arrays of a backend live: in NumPy's memory, or on a GPU; how they get there and back.

CuPy is imported here and nowhere else, when a user first asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.graphs.errors import BackendError

INSTALL = "pip install 'symgrad[gpu-cuda12]' (or gpu-cuda13)"
INSTEAD = "; backend='c' and backend='numpy' compute here"


@dataclass(frozen=True)
class Device:
    """`put` takes a NumPy array to where the backend computes, `get` brings one back.

    `read` gives the numbers of several arrays without axes, in one transfer.
    """

    put: Callable[[Any], Any]
    get: Callable[[Any], Any]
    read: Callable[[Sequence[Any]], list[float]]
    foreign: bool = False  # arrays are not NumPy's


def _here(array: Any) -> Any:
    return array


def _numbers(arrays: Sequence[Any]) -> list[float]:
    return [float(array) for array in arrays]


HOST = Device(_here, _here, _numbers)


def host_device() -> Device:
    """NumPy's memory."""
    return HOST


def gpu_device() -> Device:
    """The memory of the GPU. Raises BackendError where CuPy or a GPU is missing."""
    cupy = gpu()

    def read(arrays: Sequence[Any]) -> list[float]:
        """Numbers that are there already stay as they are; the others come in one transfer."""
        there = [array for array in arrays if foreign(array)]
        found = iter(cupy.asnumpy(cupy.stack(there)).tolist() if there else ())
        return [next(found) if foreign(array) else float(array) for array in arrays]

    return Device(cupy.asarray, cupy.asnumpy, read, True)


def gpu() -> Any:
    """The module cupy, once it has shown that it can compute. Raises BackendError with what is missing."""
    try:
        import cupy
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise BackendError(f"backend 'cupy': CuPy cannot be imported: {error}; {INSTALL}{INSTEAD}") from error
        raise BackendError(f"backend 'cupy': CuPy is not installed: {INSTALL}; it needs an NVIDIA GPU{INSTEAD}") from None
    except ImportError as error:  # CuPy explains itself on many lines
        raise BackendError(f"backend 'cupy': CuPy cannot be imported: {_line(error)}{INSTEAD}") from error
    try:
        ready = cupy.cuda.is_available()
    except Exception as error:  # noqa: BLE001 - whatever a driver has to say
        raise BackendError(f"backend 'cupy': the GPU cannot be used: {_line(error)}{INSTEAD}") from error
    if not ready:
        raise BackendError("backend 'cupy': CuPy finds no NVIDIA GPU; it needs one with its driver, and the CuPy of "
                           f"its CUDA version, {INSTALL}. sg.generate(..., backend='cupy') writes the program anywhere"
                           f"{INSTEAD}")
    return cupy


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def foreign(value: Any) -> bool:
    """Is this an array in the memory of a GPU?"""
    return not isinstance(value, np.ndarray) and hasattr(value, "__cuda_array_interface__")


def host(array: Any) -> np.ndarray:
    """An array as NumPy's; one on a GPU is copied."""
    result: np.ndarray = array.get() if foreign(array) else array
    return result


def norm(vector: Any) -> Any:
    """The Euclidean norm of a vector: one product, and a second one where squares leave the range. That of a vector on
    a GPU stays there, an array without axes."""
    if foreign(vector):
        return (vector.astype("float64") ** 2).sum() ** 0.5
    with np.errstate(over="ignore"):
        square = float(vector @ vector)
    if 0 < square < math.inf or not vector.size:
        return math.sqrt(square)
    largest = float(abs(vector).max())
    if not 0 < largest < math.inf:
        return largest
    scaled = vector / largest
    return largest * math.sqrt(float(scaled @ scaled))


def fetched(result: Any, get: Callable[[Any], Any]) -> Any:
    """A nest of lists, tuples and dicts of arrays, brought back; what has no axes as NumPy's scalars."""
    if isinstance(result, dict):
        return {key: fetched(value, get) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return type(result)(fetched(value, get) for value in result)
    return get(result)[()]
