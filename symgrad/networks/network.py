"""What a network of a file is: symbols by the file's names, what it computes of them, and the numbers it came with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.files import write_whole
from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import transform
from symgrad.graphs.samples import couples, sample_axes
from symgrad.graphs.table import rebuild
from symgrad.language.symbols import data, dim
from symgrad.language.tensor import Tensor, wrap
from symgrad.tensor_files import read_safetensors, safetensors_bytes


class Missing(str):
    """What could not be read: a text that names operator, node and why, which are attributes too."""

    operator: str
    node: str
    why: str

    def __new__(cls, operator: str, node: str, why: str) -> Missing:
        made = super().__new__(cls, f"operator {operator}, node {node!r}: {why}")
        made.operator, made.node, made.why = operator, node, why
        return made


@dataclass(frozen=True)
class ReadStep:
    """One operator as it was read: its node's name, the values it reads and gives, and how to write it of other tensors."""

    operator: str
    node: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    attributes: Mapping[str, Any]
    made: tuple[Tensor, ...]  # what it gives, in the network's symbols
    operands: tuple[Any, ...] = field(repr=False)  # what it reads: tensors, or arrays that are known
    again: Callable[..., tuple[Any, ...]] = field(repr=False)  # the same of other operands


@dataclass(frozen=True, repr=False)
class ReadNetwork:
    """A network that was read: tensors by the names of the file, and the numbers of its parameters.

    `inputs`, `outputs` and `parameters` are dicts of tensors, `values` holds an array for each parameter, `missing` what
    could not be read (`partial=True`), `steps` the operators in the order of computation. Derive, draw, verify and
    generate take its tensors like any others; `sg.Model(loss)` with `model.parameters = network.values` trains on.

    >>> import symgrad as sg
    >>> W = sg.parameter("W", (2, 3))
    >>> x = sg.data("x", 3)
    >>> ReadNetwork({"x": x}, {"y": W @ x}, {"W": W}, {"W": np.eye(2, 3)})
    <Network of x (3,) to y (2,): 6 numbers in 1 parameter>
    """

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    parameters: dict[str, Tensor]
    values: dict[str, np.ndarray]
    missing: tuple[Missing, ...] = ()
    steps: tuple[ReadStep, ...] = ()

    def __call__(self, *arrays: Any, **named: Any) -> dict[str, Any]:
        """The outputs for arrays of the inputs, in their order, by name or in a dict, with the network's own numbers."""
        from symgrad.computing.functions import function  # a file is read without a backend

        whole = len(arrays) == 1 and isinstance(arrays[0], Mapping)
        given = (dict(arrays[0]) if whole else dict(zip(self.inputs, arrays, strict=False))) | named
        run = function({**self.inputs, **self.parameters}, self.outputs)
        found: dict[str, Any] = run(**given, **self.values)
        return found

    def per_sample(self, over: Any = None) -> ReadNetwork:
        """The same network as a textbook writes it, for one sample: the open first axis of the inputs is the sample axis.

        `over` is that size, or its name; without it that of the first input. Formulas are those of one sample then, and
        `sg.Model` trains on minibatches. Raises SymgradError where no input has such an axis, or an output mixes samples.

        >>> import symgrad as sg
        >>> x, W = sg.data("x", (sg.dim("N"), 3)), sg.parameter("W", (2, 3))
        >>> print(ReadNetwork({"x": x}, {"y": x @ W.T}, {"W": W}, {"W": np.eye(2, 3)}).per_sample().outputs["y"])
        W x
        """
        size = dim(over) if isinstance(over, str) else over
        if size is None:
            size = next((t.shape[0] for t in self.inputs.values() if t.ndim and not isinstance(t.shape[0], int)), None)
        moved = {name: data(name, t.shape[1:], over=size, dtype=t.dtype) for name, t in self.inputs.items()
                 if t.over is None and t.ndim and t.shape[0] == size and size is not None}
        if not moved:
            open_one = "an open first axis" if size is None else f"a first axis of {size} entries"
            raise SymgradError(f"per_sample: no input has {open_one}; they are {_listed(self.inputs)}")
        new = {self.inputs[name].node: t.node for name, t in moved.items()}
        nodes = transform([t.node for t in self.outputs.values()], rebuild, new)
        axes = sample_axes(nodes)
        outputs = {}
        for name, node in zip(self.outputs, nodes, strict=True):
            if axes.get(node, 0) != 0 or couples([node]):
                raise SymgradError(f"per_sample: the output {name!r} mixes what the samples are along {size}")
            outputs[name] = wrap(node, size if node in axes else None)
        return replace(self, inputs={**self.inputs, **moved}, outputs=outputs, steps=())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the numbers to a .safetensors file, under the names of the parameters."""
        return write_whole(path, safetensors_bytes(self.values))

    def load(self, path: str | os.PathLike[str]) -> ReadNetwork:
        """The same network with the numbers of a .safetensors file. Raises DataError where they do not fit."""
        arrays = read_safetensors(path)
        wrong = [name for name in self.values if name not in arrays or arrays[name].shape != self.values[name].shape]
        if wrong:
            raise DataError(f"{os.fspath(path)!r} has no array of the shape of {', '.join(map(repr, wrong))}; it holds "
                            f"{', '.join(f'{name} {array.shape}' for name, array in arrays.items()) or 'nothing'}")
        return replace(self, values={name: arrays[name] for name in self.values})

    def __repr__(self) -> str:
        count = sum(value.size for value in self.values.values())
        several = "" if len(self.parameters) == 1 else "s"
        lost = f", {len(self.missing)} missing" if self.missing else ""
        return (f"<Network of {_listed(self.inputs)} to {_listed(self.outputs)}: {count:,} numbers in "
                f"{len(self.parameters)} parameter{several}{lost}>")


def _listed(tensors: Mapping[str, Tensor]) -> str:
    return ", ".join(f"{name} {shape_text(whole(t))}" for name, t in tensors.items()) or "nothing"


def whole(t: Tensor) -> tuple[Any, ...]:
    """The shape of what is given and got at run time: the sample axis first."""
    return t.node.shape
