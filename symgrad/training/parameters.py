"""The parameters of a model as a dict, and as a file: plain arrays under their names, never pickled."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from symgrad.computing.devices import host
from symgrad.files import reason
from symgrad.graphs.errors import DataError, SymgradError


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

    def __delitem__(self, name: str) -> NoReturn:
        raise SymgradError(f"the parameter {name!r} belongs to the model and cannot be deleted")

    def __reduce__(self) -> tuple[Any, ...]:  # a copy is a plain dict: it has no model to change
        return dict, (list(self.items()),)


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The content of an .npz file; np.savez has argument names of its own, which an array may not have."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, array in arrays.items():
            with file.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:  # no time of day
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
    return content.getvalue()


def read_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name. Raises DataError for what is missing, broken or pickled."""
    shown = repr(os.fspath(path))
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise DataError(f"there is no file {shown}") from None
    except OSError as error:
        raise DataError(f"cannot read {shown}: {reason(error)}") from None
    except (ValueError, EOFError, KeyError, NotImplementedError, AttributeError, TypeError,
            zipfile.BadZipFile) as error:
        why = "it holds pickled objects, or is no .npz file at all" if "pickle" in str(error) else error
        raise DataError(f"{shown} is no .npz file of plain arrays: {why}") from None
