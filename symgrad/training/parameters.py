"""The parameters of a model as a dict, and as a file: plain arrays under their names, never pickled."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from symgrad.codegen.program import files
from symgrad.computing.devices import host
from symgrad.files import reason
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.tensor_files import is_safetensors, read_safetensors, safetensors_bytes


class Parameters(dict[str, np.ndarray]):
    """The parameters of a model by name, as read-only copies; setting one checks it and changes the model."""

    def __init__(self, arrays: Mapping[str, np.ndarray], change: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._change = change
        for name, array in arrays.items():
            self._keep(name, array)

    def _keep(self, name: str, array: np.ndarray) -> None:
        copy = array.copy()
        copy.flags.writeable = False
        super().__setitem__(name, copy)

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def update(self, *others: Any, **named: Any) -> None:
        """Set several parameters: all of those given or, if one does not fit, none."""
        arrays = dict(*others, **named)
        self._change(arrays)
        for name, array in arrays.items():
            self._keep(name, np.asarray(host(array), dtype=self[name].dtype))

    def __ior__(self, other: Any) -> Parameters:  # type: ignore[misc,override]
        self.update(other)
        return self

    def _stays(self, *given: Any, **named: Any) -> NoReturn:
        which = f"the parameter {given[0]!r} belongs" if given else "parameters belong"
        raise SymgradError(f"{which} to the model and cannot be deleted; dict(model.parameters) is a dict of your own")

    __delitem__ = pop = popitem = clear = _stays

    def setdefault(self, name: str, default: Any = None) -> np.ndarray:
        """The parameter `name`. Raises DataError where there is none."""
        if name not in self:
            self.update({name: default})  # says so
        return self[name]

    def __reduce__(self) -> tuple[Any, ...]:  # a copy is a plain dict: it has no model to change
        return dict, (list(self.items()),)


def npz(arrays: Mapping[str, np.ndarray], more: Mapping[str, Any] = MappingProxyType({})) -> bytes:
    """The content of an .npz file of arrays by name; `more` is what a training keeps beside them."""
    content = io.BytesIO()
    files.pack(content, arrays, more)
    return content.getvalue()


def packed(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], more: Mapping[str, Any]) -> bytes:
    """The content of a file of parameters in the format that its name says: safetensors, which holds them alone, or npz."""
    return safetensors_bytes(arrays) if is_safetensors(path) else npz(arrays, more)


def read_arrays(path: str | os.PathLike[str], names: Collection[str], fit: Callable[[Mapping[str, Any]], None]) -> tuple[
        dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What `read_npz` gives, of a file in either format. Raises DataError, which names the file."""
    if not is_safetensors(path):
        return read_npz(path, names, fit)
    arrays = read_safetensors(path)
    try:
        fit({name: (array.dtype, array.shape) for name, array in arrays.items()})
    except DataError as error:
        raise DataError(f"{os.fspath(path)!r}: {error}") from None
    return arrays, {}


def read_npz(path: str | os.PathLike[str], names: Collection[str], fit: Callable[[Mapping[str, Any]], None]) -> tuple[
        dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The arrays of an .npz file by name, and what a training keeps beside them.

    `fit` is given (dtype, shape) of all arrays by name, and refuses before one is unpacked. Raises DataError, which
    names the file, for what is missing, damaged, pickled or does not fit.
    """
    place = os.fspath(path)
    try:
        fit(files.contents(place))
        return files.load(place, names), files.kept(place)
    except FileNotFoundError:
        raise DataError(f"there is no file {place!r}") from None
    except OSError as error:
        raise DataError(f"cannot read {place!r}: {reason(error)}") from None
    except (DataError, ValueError) as error:
        raise DataError(f"{place!r}: {str(error).removeprefix(f'{place}: ')}") from None
