"""Arrays by name in files of other programs: safetensors, by the library of that name, read only when it is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.files import reason
from symgrad.graphs.errors import BackendError, DataError

SUFFIX = ".safetensors"


def is_safetensors(path: str | os.PathLike[str]) -> bool:
    """Does the name of a file say that it holds safetensors?"""
    return Path(path).suffix.lower() == SUFFIX


def _library() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise BackendError("files of safetensors need the package safetensors: pip install 'symgrad[onnx]'") from error
    return safetensors.numpy


def safetensors_bytes(arrays: Mapping[str, Any]) -> bytes:
    """The content of a .safetensors file of these arrays. Raises BackendError without the package."""
    whole: bytes = _library().save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    return whole


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a .safetensors file. Raises DataError, which names the file, for what is missing or damaged."""
    place = os.fspath(path)
    library = _library()
    try:
        content = Path(place).read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no file {place!r}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {place!r}: {reason(error)}") from None
    try:
        found: dict[str, np.ndarray] = library.load(content)
    except Exception as error:  # the library's own class, a type that NumPy has not, a name twice
        why = " ".join(str(error).split())
        raise DataError(f"cannot read {place!r}: it is damaged or no safetensors ({why})") from None
    return found
