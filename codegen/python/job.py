"""What is to be written, as data: an `EmittedModule` that grows, a `Job` for each function, a `Stepping` for a step.

Every emitter takes a job and nothing else, whatever it writes: statements of an array library, loops in C, kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symgrad.codegen.plan.tables import Tabled
from symgrad.codegen.python.libraries import Library
from symgrad.codegen.python.spell import Spelling, literal_array
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import literal
from symgrad.graphs.errors import BackendError
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Size

SMALL = 64  # entries up to which a constant array is written into the text
Named = Sequence[tuple[str, Node]]
Comment = Callable[[Node], str | None]
ResultForm = Any  # a nest of lists, tuples and dicts whose leaves are positions in the outputs
NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass
class EmittedModule:
    """What the functions of one emitted module share; grows as functions are emitted."""

    library: Library
    dtype: str
    helpers: dict[str, None] = field(default_factory=dict)
    constants: dict[Node, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    loops: dict[str, str] = field(default_factory=dict)  # the functions that run recurrences: text to name

    @property
    def single(self) -> bool:
        """Are real numbers in single precision?"""
        return self.dtype == "float32"

    @property
    def data(self) -> dict[str, np.ndarray]:
        """The constant arrays that are too large for the text, by name: to be attached when it is loaded."""
        return {name: self._value(node) for node, name in self.constants.items() if _large(node)}

    def _value(self, node: Node) -> np.ndarray:
        value: np.ndarray = node.attrs[0].value
        return value.astype({"real": self.dtype, "integer": "int64", "boolean": "bool"}[node.dtype])

    def constant_lines(self, archive: str = "") -> list[str]:
        """The constant arrays as statements; a large one is taken from `archive`, or only announced."""
        spelling = Spelling(self.library, self.dtype, {})
        lines: list[str] = []
        for node, name in self.constants.items():
            if _large(node):
                value = self._value(node)
                shape = " x ".join(map(str, value.shape))
                about = f"{shape} {value.dtype}" + ("" if archive else ", attached when this text is loaded")
                found = self.library.put.format(f"{archive}[{literal(name)}]") if archive else "None"
                lines.append(f"{name} = {found}  # {about}")
            else:
                lines += wrap_line(f"{name} = {literal_array(node.attrs[0].value, spelling, node.dtype)}", "")
        return lines

    def helper_texts(self) -> list[str]:
        """The functions that the library lacks and that were asked for, and those of loops."""
        return [*(self.library.helpers[row].rstrip() for row in self.helpers),
                *(f"def {name}{text}" for text, name in self.loops.items())]


def new_module(library: Library, dtype: str = "float64", taken: Collection[str] = ()) -> EmittedModule:
    """An empty module. Raises BackendError for a dtype that is not there."""
    if dtype not in ("float32", "float64"):
        raise BackendError(f"dtype must be 'float64' or 'float32', not {dtype!r}")
    return EmittedModule(library, dtype, taken={*taken, *library.taken})


@dataclass(frozen=True)
class Job:
    """A function `name(inputs)` to be written into a module: it computes `outputs`, common subexpressions once.

    `form` nests the positions of the outputs in what is returned (default: a tuple, or the one output). `over` names
    outputs that overwrite an input. `sizes` fixes sizes; others are read off the inputs. `names` gives variables for
    nodes beside those that are `named`; `comment` a formula for a node, written beside its line. `copy`: results share
    no memory with inputs, constants or each other. `quick`: it is a part of a training step, and complements in tails
    may round as what they are taken from (`lowering/complements.py`).
    """

    module: EmittedModule
    name: str
    inputs: Named
    outputs: Named
    form: ResultForm = None
    over: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[sp.Symbol, int] = field(default_factory=dict)
    names: Mapping[Node, str] = field(default_factory=dict)
    comment: Comment | None = None
    doc: str | None = None
    copy: bool = True
    quick: bool = False

    @property
    def roots(self) -> list[Node]:
        """The nodes that are computed."""
        return [node for _, node in self.outputs]


@dataclass(frozen=True)
class Stepping:
    """A training step to be written by a backend that does not write it as the frame does.

    `gradients` fills the `results`, the loss and the gradients, from parameters and data; `update` changes `vectors`,
    theta, g and the states. `rates` are the lines for numbers that depend on `lr` and `t`; `numbers` are the names of
    all. Where some parameters are `frozen`, `state.count` says where they begin. `masks` are drawn beside the data;
    `moves` are the lines that put what a formula moves where it belongs; `counts` says which layer takes statistics of so
    many values.
    """

    gradients: Job
    update: Job
    parameters: Sequence[str]
    data: Named
    vectors: Sequence[str]
    rates: Sequence[str]
    numbers: Sequence[str]
    frozen: int = 0  # so many parameters, the last ones, are not moved
    masks: Named = ()
    moves: Sequence[str] = ()
    divisible: bool = False  # can minibatches be cut?
    states: int = 0  # so many parameters, the last ones, become what the last outputs of `gradients` say
    counts: Mapping[Size, str] = field(default_factory=dict)
    name: str = "step"
    more: int = 0  # so many of the data, the last ones, are none of the network's
    staged: bool = False  # functions of stages are called before, and all ranks add up what these find: as the frame does


@dataclass(frozen=True)
class Blocks:
    """What a backend puts into a program beside the frame: before the checks of arrays, and last; what it imports.

    `loop` takes the place of that of the frame; `plan` says how its step runs.
    """

    first: tuple[str, ...]
    last: tuple[str, ...]
    imports: tuple[str, ...] = ()
    loop: str = ""
    plan: Tabled | None = None


def _large(node: Node) -> bool:
    return bool(node.attrs[0].value.size > SMALL)
