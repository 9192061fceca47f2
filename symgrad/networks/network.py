"""What a network of a file is: symbols by the file's names, what it computes of them, and the numbers it came with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.formulas.names import shape_text
from symgrad.language.tensor import Tensor


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
        """The outputs for arrays of the inputs, with the network's own numbers."""
        from symgrad.computing.functions import function  # a file is read without a backend

        given = dict(zip(self.inputs, arrays, strict=False)) | named
        run = function({**self.inputs, **self.parameters}, self.outputs)
        found: dict[str, Any] = run(**given, **self.values)
        return found

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
