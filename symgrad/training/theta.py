"""The numbers of a model: all parameters in one vector, and what is known of their sizes.

They come from the symbols' declarations, from a user or from a file; their sizes are numbers, or those of the first
data. An optimiser step is a few operations on the vector, whoever trains it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from symgrad.computing.devices import Device, host
from symgrad.computing.feeding import evaluate_size
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.sizes import free_symbols
from symgrad.training.dataset import Dataset
from symgrad.training.inputs import Inputs
from symgrad.training.programs import Programs


class Theta:
    """The parameters of a model: `vector` is None as long as their sizes are not known, `views` are its pieces."""

    def __init__(self, programs: Programs, inputs: Inputs, device: Device, seed: int) -> None:
        self.programs, self.inputs, self.device, self.seed = programs, inputs, device, seed
        self.named = programs.net.parameters
        self.vector: Any = None
        self.views: dict[str, Any] = {}
        if not self.symbolic:
            self.create(None)

    @property
    def symbolic(self) -> bool:
        """Do sizes depend on the data?"""
        return any(free_symbols(node.shape) for _, node in self.named)

    @property
    def values(self) -> tuple[Any, ...]:
        """The arrays in order. Raises SymgradError as long as they have no sizes."""
        if self.vector is None:
            names = ", ".join(name for name, _ in self.named)
            raise SymgradError(f"the sizes of the parameters ({names}) are those of the data: fit the model first, "
                               "or assign all parameters")
        return tuple(self.views.values())

    def arrays(self) -> dict[str, np.ndarray]:
        """The parameters by name, in NumPy's memory; on a CPU they are the views themselves."""
        return {name: self.device.get(view) for name, view in zip(self.views, self.values, strict=True)}

    def set(self, arrays: Any, whole: bool) -> None:
        """Take these numbers: all parameters, or (not `whole`) some of them. All are taken or, if one does not fit, none.

        Raises DataError.
        """
        if not isinstance(arrays, Mapping):
            raise DataError(f"parameters must be a dict from names to arrays, not {type(arrays).__name__}")
        self.check_names(arrays, whole)
        feed = self.inputs.feed(node for _, node in self.named)
        values = [host(arrays[name] if name in arrays else self.views[name]) for name, _ in self.named]
        new = {name: array for (name, _), array in zip(self.named, feed.arrays(values)[0], strict=True)}
        self.check_shapes({name: array.shape for name, array in new.items()})
        if self.vector is None:
            self._adopt(new)
        for name, array in new.items():
            self.views[name][...] = self.device.put(array)

    def check_names(self, names: Collection[str], whole: bool = True) -> None:
        """Raises DataError where a name is unknown or, of the `whole`, one is missing; running statistics may stay."""
        own = [name for name, _ in self.named]
        unknown = [repr(name) for name in names if name not in own]
        moved = [name for name, _ in self.programs.net.moved] if self.vector is not None else []
        missing = [repr(name) for name in own if name not in names and name not in moved]
        if unknown or (missing and whole) or (missing and self.vector is None):
            wrong = f"unknown {', '.join(unknown)}" if unknown else f"no array for {', '.join(missing)}"
            raise DataError(f"parameters: {wrong}; those of the model are {', '.join(own)}")

    def check_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raises DataError where new arrays would have other shapes than the parameters."""
        self.inputs.feed(node for _, node in self.named).bind([shapes[name] for name, _ in self.named])
        for name, view in self.views.items():
            if view.shape != shapes[name]:
                raise DataError(f"parameters: {name} has shape {view.shape}, and the new array {shapes[name]}")

    def converted(self, array: np.ndarray) -> np.ndarray:
        """An array in the precision of the model; what is too large for it is infinite."""
        with np.errstate(over="ignore"):
            return array.astype(self.programs.dtype)

    def create(self, data: Dataset | None) -> None:
        """The initial values; their sizes from `data` where they are symbolic. What is there already stays."""
        if self.vector is not None:
            return
        init = self.programs.answers.init
        if data is None:
            arrays = init(self.seed)
        else:
            arrays = init(self.seed, data.pick([name for name, _ in self.programs.net.data]))
        for name, node in self.named:
            wanted = tuple(evaluate_size(s, data.sizes if data else {}) for s in node.shape)
            if arrays[name].shape != wanted:
                raise DataError(f"parameter {name!r} starts from an array of shape {arrays[name].shape}, but the "
                                f"data give it the shape {wanted}")
        self._adopt({name: self.device.get(array) for name, array in arrays.items()})

    def _adopt(self, arrays: Mapping[str, np.ndarray]) -> None:
        """These arrays one after the other in a vector, where the backend computes."""
        self.vector = self.device.put(np.concatenate([array.ravel() for array in arrays.values()]))
        self.views, start = {}, 0
        for name, array in arrays.items():
            self.views[name] = self.vector[start:start + array.size].reshape(array.shape)
            start += array.size
