"""The backends: how each spells arrays, writes functions and programs, and where its arrays live.

One row for each. Nobody else asks which backend it is: what differs stands in its row, or in the `Library` and the
`Frame` that the row names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType, ModuleType
from typing import Any

from symgrad.codegen.c.emit import compiled_text, emit_compiled
from symgrad.codegen.c.names import RUNTIME
from symgrad.codegen.c.runtime import NO_COMPILER, compiler
from symgrad.codegen.c.standalone import CFile, standalone
from symgrad.codegen.c.training import steps_in_c
from symgrad.codegen.cuda.function import emit_fused, fused_text
from symgrad.codegen.cuda.many_blocks import PRECISIONS
from symgrad.codegen.cuda.step_text import NAMES
from symgrad.codegen.cuda.training import step_in_cuda
from symgrad.codegen.program.frame import DEVICE, HOST, Frame
from symgrad.codegen.program.module import TrainingText, evaluation_text, formulas, training_text
from symgrad.codegen.program.network import Network, UpdateRule
from symgrad.codegen.python.emit import Emitted, emit_function, module_text
from symgrad.codegen.python.inplace_emit import InPlaceFunction, emit_inplace
from symgrad.codegen.python.job import EmittedModule, Job, new_module
from symgrad.codegen.python.libraries import Library
from symgrad.codegen.python.load import load
from symgrad.computing.devices import Device, gpu_device, host_device
from symgrad.graphs.errors import BackendError


@dataclass(frozen=True)
class Backend:
    """A row: emitters take a `Job`, texts are Python modules.

    `missing` says what keeps the backend from computing here, "" where nothing does; then another one, `instead`,
    computes. Where there is none, `device` raises BackendError.
    """

    name: str
    needs: str  # what a reader of its programs must have
    frame: Frame
    function: Callable[[Job], Emitted]
    text: Callable[[EmittedModule, Sequence[Any], str | None], str]
    device: Callable[[], Device]
    workspace: Callable[[Job], InPlaceFunction] | None = None  # a function for large arrays
    alone: Callable[[Sequence[Job], str], CFile] | None = None  # functions in a language of their own
    missing: Callable[[], str] = lambda: ""
    instead: str = ""
    precision: str = ""  # to which products round their operands, where they do

    @property
    def library(self) -> Library:
        """The array library, in which or around which it computes."""
        return self.frame.library

    def module(self, dtype: str = "float64") -> EmittedModule:
        """An empty module. Raises BackendError for a dtype that is not there."""
        if self.precision and dtype != "float32":
            raise BackendError(f"precision={self.precision!r} is for dtype='float32', not {dtype!r}")
        return new_module(self.library, dtype)

    def training(self, net: Network, rule: UpdateRule, dtype: str) -> tuple[EmittedModule, TrainingText]:
        """The text of a training program, and the module with its constant arrays."""
        module = self.module(dtype)
        return module, training_text(module, net, rule, self.frame)

    def language(self, net: Network, dtype: str) -> CFile | None:
        """The formulas of a network in the backend's own language; None where that is Python. Raises BackendError."""
        return None if self.alone is None else self.alone(formulas(self.module(dtype), net), net.title)

    def evaluation(self, net: Network, dtype: str) -> tuple[EmittedModule, TrainingText]:
        """The same of a program that trains nothing."""
        module = self.module(dtype)
        return module, evaluation_text(module, net)

    def loaded(self, text: str, data: Mapping[str, Any]) -> ModuleType:
        """A function's text as a module. Raises BackendError where it cannot be compiled."""
        try:
            return load(text, data, "symgrad function")
        except OSError as error:
            raise BackendError(f"backend {self.name!r}: {error}") from error

    def here(self) -> Backend:
        """The backend that computes on this machine; where it is another one, a line on standard error says why."""
        problem = self.missing()
        return self.replaced(problem) if problem and self.instead else self

    def replaced(self, problem: str) -> Backend:
        """The backend that computes instead, because of a problem."""
        other = BACKENDS[self.instead]
        print(f"symgrad: {problem}; {other.needs} computes instead", file=sys.stderr)
        return other


NUMPY = Backend("numpy", "NumPy", HOST, emit_function, module_text, host_device, emit_inplace)
C = Backend("c", "NumPy and a C compiler", replace(HOST, step=steps_in_c, taken=RUNTIME), emit_compiled, compiled_text,
            host_device, alone=standalone, missing=lambda: "" if compiler() else NO_COMPILER, instead="numpy")
PLAIN = Backend("cupy", "CuPy and a GPU", DEVICE, emit_function, module_text, gpu_device)
CUPY = replace(PLAIN, frame=replace(DEVICE, step=step_in_cuda, taken=NAMES), function=emit_fused, text=fused_text)
BACKENDS: Mapping[str, Backend] = MappingProxyType({row.name: row for row in (NUMPY, C, CUPY)})
LEVELS: Mapping[str, Mapping[str, Backend]] = MappingProxyType({"cupy": MappingProxyType({"plain": PLAIN, "fused": CUPY})})


def backend_of(name: str, level: str | None = None, precision: str | None = None) -> Backend:
    """The backend of this name, at a level where it has several (None is its best), whose products round their operands to
    `precision`. Raises BackendError where there is none.

    >>> backend_of("numpy").needs
    'NumPy'
    """
    if name not in BACKENDS:
        raise BackendError(f"the backend {name!r} is not known; there are {', '.join(map(repr, BACKENDS))}")
    if precision is not None and precision not in PRECISIONS:
        raise BackendError(f"the precision {precision!r} is not known; there are {', '.join(map(repr, PRECISIONS))}")
    if precision not in (None, "float32"):
        if name not in LEVELS or level == "plain":
            raise BackendError(f"precision={precision!r} is for backend='cupy' with level='fused'; "
                               "elsewhere products are exact")
        kept = "sums and what is kept are float32"
        if precision == "bfloat16":
            kept = "a kernel stores matrices in between so, too; sums, parameters and the optimiser are float32"
        needs = f"{CUPY.frame.needs}; its products round their operands to {precision}, {kept}"
        frame = replace(CUPY.frame, step=partial(step_in_cuda, precision=precision), needs=needs)
        return replace(CUPY, frame=frame, function=partial(emit_fused, precision=precision), precision=precision)
    if level is None:
        return BACKENDS[name]
    if name not in LEVELS:
        raise BackendError(f"the backend {name!r} has no levels; level={level!r} is for {', '.join(map(repr, LEVELS))}")
    if level not in LEVELS[name]:
        raise BackendError(f"the level {level!r} is not known; there are {', '.join(map(repr, LEVELS[name]))}")
    return LEVELS[name][level]
