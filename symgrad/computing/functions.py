"""`sg.function`: a graph as a callable on arrays, with its source text and its plan.

The outputs are rewritten to stable forms, planned, written as the text of one function, compiled, and called behind
checks of the arrays (`feeding.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, TypeVar, overload
from weakref import WeakKeyDictionary

import numpy as np
import sympy as sp

from symgrad.codegen.plan.plan import Plan
from symgrad.codegen.program.masks import chance, mask
from symgrad.codegen.python.emit import Emitted
from symgrad.codegen.python.job import Job
from symgrad.computing.backends import Backend, backend_of
from symgrad.computing.devices import fetched, foreign
from symgrad.computing.feeding import REMEMBERED, Feed, evaluate_size
from symgrad.computing.threads import threads_for, within
from symgrad.computing.workspaces import in_workspace, large
from symgrad.formulas.names import describe_symbol, display_names
from symgrad.graphs import ops
from symgrad.graphs.errors import BackendError, DataError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.phases import counts_of, in_phase, is_hidden, masks_of, too_few
from symgrad.graphs.sizes import Size, dim, free_symbols
from symgrad.language.align import as_tensor, describe
from symgrad.language.naming import layer_names
from symgrad.language.recipes import stable, written_symbols
from symgrad.language.tensor import Tensor

Arguments = Tensor | Sequence[Tensor] | Mapping[str, Tensor]
Out = TypeVar("Out")  # what a call gives: arrays in the form of the outputs
SIZE_HINT = 'sg.function(..., sizes={{"{0}": ...}})'


class Function(Generic[Out]):
    """A compiled function of arrays; made by `sg.function`.

    Called by position or by name. `source` is the text of its module, `plan` its steps with their costs. Where its
    intermediate arrays are large, NumPy computes them in a workspace that is kept for the next call, by a second text
    of the same plan, `in_workspace[0]`. Every call draws the `masks`: call number k, those of step k of a program with
    the same `seed`.
    """

    def __init__(self, inputs: Sequence[tuple[str, Node]], outputs: Sequence[tuple[str, Node]], form: Any,
                 backend: str, dtype: str, sizes: Mapping[sp.Symbol, int], copy: bool, doc: str | None,
                 masks: Sequence[tuple[str, Node]] = (), seed: int = 0, counts: Sequence[tuple[str, Size]] = (),
                 level: str | None = None, precision: str | None = None) -> None:
        self._asked = (inputs, outputs, form, backend, dtype, sizes, copy, doc, masks, seed, counts, level,
                       precision)  # of a pickle
        self.masks, self.seed, self.count, self.counts = masks, seed, itertools.count(1), counts
        row = backend_of(backend, level, precision).here()
        job = Job(row.module(dtype), "f", (*inputs, *masks), outputs, form=form, sizes=sizes, doc=doc, copy=copy)
        try:
            emitted = self._written(row, job)
        except BackendError as problem:
            if not row.instead:
                raise
            row = row.replaced(str(problem))
            job = replace(job, module=row.module(dtype))
            emitted = self._written(row, job)
        self.plan: Plan = emitted.plan
        self.phases = emitted.phases  # how it runs on a GPU: what is computed at once, or why it is plain
        self.inputs: tuple[str, ...] = tuple(name for name, _ in inputs)
        self.backend, self.dtype = row.name, dtype
        self._row, self._job = row, job
        self.feed = Feed(inputs, [node for _, node in outputs], dtype, sizes, self.device.foreign)
        self.unbound = emitted.free_sizes
        self.run = self.module.f
        self.calls: dict[tuple[int, ...], Callable[..., Any]] = {}  # `run` by sizes, in as many threads as are good

    def _written(self, row: Backend, job: Job) -> Emitted:
        """The function in the words of a backend, loaded. Raises BackendError where it cannot compute this here."""
        self.device = row.device()
        emitted = row.function(job)
        self.source: str = row.text(job.module, [emitted], None)
        self.module = row.loaded(self.source, {name: self.device.put(a) for name, a in job.module.data.items()})
        return emitted

    def __call__(self, /, *arrays: Any, **named: Any) -> Out:
        """The outputs for these arrays. Raises DataError for values that do not fit."""
        if named or len(arrays) != len(self.inputs):
            arrays = tuple(self.feed.arrange(arrays, named))
        checked, sizes = self.feed.arrays(arrays)
        if self.unbound:
            names = ", ".join(map(str, self.unbound))
            raise DataError(f"no input shows the size {names}: give it by hand, {SIZE_HINT.format(self.unbound[0])}")
        for name, count in self.counts:
            if evaluate_size(count, sizes) == 1:
                raise DataError(too_few(name))
        if self.masks:
            checked = [*checked, *self._drawn(sizes)]
        if self.device.foreign:
            self.feed.check_indices(checked, sizes)  # on a GPU an index that is out of range wraps in silence
            result = self.run(*(self.device.put(array) for array in checked))
            kept: Out = result if any(map(foreign, checked)) else fetched(result, self.device.get)
            return kept
        try:
            found: Out = (self.calls.get(tuple(sizes.values())) or self._call(sizes))(*checked)
            return found
        except IndexError as error:
            self.feed.check_indices(checked, sizes)
            raise DataError(f"an index is out of range: {error}") from error
        except np.linalg.LinAlgError as error:
            raise DataError(f"a matrix of this call cannot be inverted or factored: {error}") from error

    def _drawn(self, sizes: Mapping[sp.Symbol, int]) -> list[np.ndarray]:
        """The masks of one call."""
        rng = chance(self.seed, next(self.count))
        for size in {size for _, node in self.masks for size in node.shape}:
            if evaluate_size(size, sizes) is None:
                raise DataError(f"no input shows the size {size}: give it by hand, {SIZE_HINT.format(size)}")
        shapes = [tuple(evaluate_size(size, sizes) for size in node.shape) for _, node in self.masks]
        return [mask(rng, node.attrs[0].init, shape, np.dtype(self.dtype))
                for (_, node), shape in zip(self.masks, shapes, strict=True)]

    def _call(self, sizes: Mapping[sp.Symbol, int]) -> Callable[..., Any]:
        """What computes arrays of these sizes."""
        if len(self.calls) >= REMEMBERED:
            self.calls.clear()
        run = self.run
        if self._row.workspace is not None and large(self.plan, sizes):
            run = self.in_workspace[1]
        call = self.calls[tuple(sizes.values())] = within(threads_for(self.plan, sizes), run)
        return call

    @cached_property
    def in_workspace(self) -> tuple[str, Callable[..., Any]]:
        """What computes large arrays: its text, and a function like `run`."""
        return in_workspace(self._row, self._job)

    def __reduce__(self) -> tuple[Any, ...]:
        return Function, self._asked

    def _repr_html_(self) -> str:
        from symgrad.notebook import source_html

        return source_html(self.source, f"{repr(self)[1:-1]}, {self.backend}") + self.plan.table.html()

    def __repr__(self) -> str:
        return f"<Function of {', '.join(self.inputs) or 'nothing'}: {len(self.plan.steps)} steps, {self.dtype}>"


@overload
def function(inputs: Arguments, outputs: list[Tensor], backend: str = ..., dtype: Any = ...,
             sizes: Mapping[Any, int] | None = ..., training: bool = ..., copy: bool = ..., seed: int = ...,
             level: str | None = ..., precision: str | None = ...) -> Function[list[Any]]: ...
@overload
def function(inputs: Arguments, outputs: dict[str, Tensor], backend: str = ..., dtype: Any = ...,
             sizes: Mapping[Any, int] | None = ..., training: bool = ..., copy: bool = ..., seed: int = ...,
             level: str | None = ..., precision: str | None = ...) -> Function[dict[str, Any]]: ...
@overload
def function(inputs: Arguments, outputs: Any, backend: str = ..., dtype: Any = ..., sizes: Mapping[Any, int] | None = ...,
             training: bool = ..., copy: bool = ..., seed: int = ..., level: str | None = ...,
             precision: str | None = ...) -> Function[Any]: ...
def function(inputs: Arguments, outputs: Any, backend: str = "numpy", dtype: Any = "float64",
             sizes: Mapping[Any, int] | None = None, training: bool = False, copy: bool = True,
             seed: int = 0, level: str | None = None, precision: str | None = None) -> Function[Any]:
    """A function of arrays that computes `outputs`: a tensor, or lists and dicts of tensors, in that form.

    `inputs` are the symbols in the order of the arguments, or a dict from argument names to symbols. A
    per-sample tensor takes and gives arrays with the sample axis first. `sizes` fixes sizes that no input
    shows. Results share no memory with anything unless `copy=False`. `training` turns random operations (masks are drawn
    anew for every call, by `seed` and the number of the call) and batch statistics on; without it running statistics are
    inputs as parameters are. Raises SymgradError for a symbol that is used and not an input, BackendError.

    Arrays of any layout, address, byte order and real dtype are taken, and copied where they must be; what is no
    number, or not whole where whole numbers are asked for, is refused by name. Threads may call one function at once.

    `backend="cupy"` computes on a GPU: where one of the inputs is a CuPy array the outputs are CuPy arrays,
    scalars too, else NumPy's. Labels, indices and facts are checked as ever, by a copy of the inputs that have
    them; an index that is computed is not checked and wraps, and a matrix without an inverse gives infinities or NaN.
    Its `level` is "fused": after some calls with the same sizes all is one launch of a kernel of its own (`phases` says
    what is computed at once, or why it has none); or "plain", a call for each line of the formulas. `precision`:
    see `sg.generate`.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, w = sg.data("X", (n, d)), sg.parameter("w", d)
    >>> f = sg.function([X, w], {"scores": X @ w})
    >>> f(np.eye(2), w=[1, 2])["scores"]
    array([1., 2.])
    >>> "X @ w" in f.source
    True
    """
    leaves: list[Tensor] = []
    form = _form(outputs, leaves)
    named_inputs = _named_inputs(inputs)
    every = [*leaves, *(t for _, t in named_inputs)]
    names = display_names([t.node for t in every], layer_names(every))
    arguments = [(name if name is not None else names[t.node], t.node) for name, t in named_inputs]
    given = [t.node for _, t in named_inputs]
    _check_inputs(arguments, in_phase([t.node for t in leaves], training, given), names)
    nodes = in_phase(stable(leaves), training, given)
    masks = [(names[node], node) for node in masks_of(nodes) if node not in given]
    wishes = _output_names(outputs, leaves, form)
    return Function(arguments, list(zip(wishes, nodes, strict=True)), form, backend, dtype_name(dtype),
                    given_sizes(sizes), copy, None, masks, seed,
                    counts_of(t.node for t in leaves) if training else (), level, precision)


def _form(outputs: Any, leaves: list[Tensor]) -> Any:
    """The nest of `outputs` with positions in `leaves` instead of tensors."""
    if isinstance(outputs, Mapping):
        for key in outputs:
            if not isinstance(key, str):
                raise SymgradError(f"function: the keys of outputs are texts, not {key!r}")
        return {key: _form(value, leaves) for key, value in outputs.items()}
    if isinstance(outputs, (list, tuple)):
        parts = [_form(value, leaves) for value in outputs]
        return parts if isinstance(outputs, list) else tuple(parts)
    leaves.append(outputs if isinstance(outputs, Tensor) else as_tensor(outputs, "function"))
    return len(leaves) - 1


def _output_names(outputs: Any, leaves: Sequence[Tensor], form: Any) -> list[str]:
    """A name for each output: its own, its key, or its place."""
    names: dict[int, str] = {}
    stack: list[tuple[str, Any]] = [("", form)]
    while stack:
        path, part = stack.pop()
        if isinstance(part, int):
            names[part] = path or "result"
        elif isinstance(part, dict):
            stack += [(f"{path}_{key}" if path else key, value) for key, value in part.items()]
        else:
            stack += [(f"{path or 'result'}{'_' if path else ''}{i + 1}", value) for i, value in enumerate(part)]
    return [leaf.name if leaf.name and leaf.node.op is ops.NAMED else names[i] for i, leaf in enumerate(leaves)]


def _named_inputs(inputs: Any) -> list[tuple[str | None, Tensor]]:
    if isinstance(inputs, Tensor):
        inputs = [inputs]
    pairs: list[tuple[str | None, Tensor]]
    if isinstance(inputs, Mapping):
        pairs = [(str(name), t) for name, t in inputs.items()]
    elif isinstance(inputs, (list, tuple)):
        pairs = [(None, t) for t in inputs]
    else:
        raise SymgradError(f"function: inputs are a list of symbols or a dict, not {type(inputs).__name__}")
    for _, t in pairs:
        if not isinstance(t, Tensor):
            raise SymgradError(f"function: an input must be a symbol (sg.data, sg.parameter), not {type(t).__name__}")
        if t.node.op is not ops.INPUT:
            raise SymgradError(f"function: the input {describe(t)} is no symbol (sg.data, sg.labels, sg.parameter); "
                               "give the symbols it is computed from")
    return pairs


def _check_inputs(arguments: Sequence[tuple[str, Node]], outputs: Sequence[Node], names: Mapping[Node, str]) -> None:
    seen: dict[Node, str] = {}
    for name, node in arguments:
        if node in seen:
            raise SymgradError(f"function: the symbol {names[node]!r} is given twice as an input")
        seen[node] = name
    missing = [n for n in topological(outputs) if n.op is ops.INPUT and n not in seen and not is_hidden(n)]
    if missing:
        shown = "; ".join(f"{names[n]}, a {describe_symbol(n)}" for n in missing[:5])
        more = f"; and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise SymgradError(f"function: the outputs use {shown}{more}, not among the inputs "
                           f"({', '.join(name for name, _ in arguments) or 'none'}); add "
                           f"{', '.join(names[n] for n in missing[:5])} to them")


def dtype_name(dtype: Any) -> str:
    """A dtype by the name that backends know."""
    try:
        return str(np.dtype(dtype))
    except TypeError:
        return str(dtype)


def given_sizes(sizes: Mapping[Any, int] | None) -> dict[sp.Symbol, int]:
    """`sizes=` by symbol; one that does not occur does no harm."""
    result: dict[sp.Symbol, int] = {}
    for key, value in (sizes or {}).items():
        symbol = dim(key) if isinstance(key, str) else key
        if not isinstance(symbol, sp.Symbol):
            raise DataError(f"sizes: {key!r} is no size; give names or sg.dim symbols")
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise DataError(f"sizes: {key} must be a positive int, not {value!r}")
        result[symbol] = int(value)
    return result


_evaluators: WeakKeyDictionary[Tensor, dict[tuple[Any, ...], Function]] = WeakKeyDictionary()


def evaluate(tensor: Tensor, values: Mapping[str, Any]) -> Any:
    """The value of `tensor` at arrays by symbol name, in float64; sizes that no array shows go by name too.

    Values that it does not need may be there, as those of `sg.function`: one dict of data serves many tensors. Raises
    DataError for missing names and for values that do not fit.

    >>> import symgrad as sg
    >>> evaluate(sg.eye(sg.dim("n")), {"n": 2})
    array([[1., 0.],
           [0., 1.]])
    """
    (root,) = in_phase([tensor.node], False)
    names = display_names([root], layer_names([tensor]))
    inputs = {name: node for node, name in names.items()}
    if any(key not in inputs for key in values):
        spare = {name: node for name, node in written_symbols(tensor).items() if name in values and name not in inputs}
        inputs.update(sorted(spare.items()))
    roots = [root, *inputs.values()]
    given = {key: value for key, value in values.items() if key not in inputs and _is_size(key, value, roots)}
    (node,) = in_phase(stable([tensor]), False)  # equal tensors may be written, and so computed, differently
    key = (node, *inputs.items(), *sorted(given.items()))
    known = _evaluators.setdefault(tensor, {})
    if key not in known:
        known[key] = Function(list(inputs.items()), [("result", node)], 0, "numpy", "float64",
                              {dim(name): int(size) for name, size in given.items()}, True, None)
    complete = all(name in values for name in inputs)  # else what is spare may be a name that was mistyped: it is shown
    return known[key](**{name: value for name, value in values.items()
                         if name not in given and (name in inputs or not complete)})


def _is_size(key: str, value: Any, roots: Sequence[Node]) -> bool:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        return False
    return any(dim(key) in free_symbols(node.shape) for node in topological(roots))
