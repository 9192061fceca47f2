"""`sg.Model`: a loss and its parameters, to be fitted to data.

The model writes the training module that `sg.generate` gives and runs that very text: what is trained here and
what the generated program does are one thing. All parameters are views of one vector, on which an optimiser
step is a few operations. This file checks, remembers and measures; the loop is in `fitting.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from symgrad.codegen.plan.plan import Plan
from symgrad.codegen.python.shared import new_module
from symgrad.computing.devices import device_of, host, norm
from symgrad.computing.feeding import Feed, evaluate_size
from symgrad.computing.functions import Function, dtype_name, function
from symgrad.computing.threads import threads_for, within
from symgrad.files import write_whole
from symgrad.formulas.names import display_names
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import symbols_of
from symgrad.language.align import as_tensor, describe
from symgrad.language.printing import mathml
from symgrad.language.tensor import Tensor, wrap
from symgrad.optim import Adam, Optimizer
from symgrad.training import fitting
from symgrad.training.dataset import Dataset, checked, split
from symgrad.training.history import History
from symgrad.training.metrics import Metrics, metric_tensors
from symgrad.training.parameters import Parameters, npz, read_npz
from symgrad.training.source import closed, network, rule_of, written
from symgrad.training.summary import Summary, summary


class Model:
    """A loss to be minimised over its parameters, and the tensor it predicts with.

    `loss` is a scalar; one per sample is closed by its mean. `predict` is a tensor. Parameters start from what
    their symbols declare, drawn in order by a generator with `seed`; symbolic sizes are those of the first data.
    `backend="cupy"` trains on a GPU (its speed has not been measured): the data of a fit are moved there once,
    minibatches are gathered there, and losses are read once for each epoch; parameters, predictions and files are
    NumPy's. Raises SymgradError for a loss without parameters, ShapeError for one that is no scalar, BackendError.

    >>> import symgrad as sg
    >>> T = sg.dim("T")
    >>> x, y, w = sg.data("x", 2, over=T), sg.data("y", over=T), sg.parameter("w", 2)
    >>> model = sg.Model(sg.losses.squared_error(w @ x, y), predict=w @ x, dtype="float64")
    >>> X = np.random.default_rng(0).standard_normal((100, 2))
    >>> history = model.fit({"x": X, "y": X @ [1, -2]}, sg.optim.SGD(0.1), epochs=20, progress=False)
    >>> model.parameters["w"].round(3)
    array([ 1., -2.])
    """

    def __init__(self, loss: Any, predict: Any = None, backend: str = "numpy", dtype: Any = "float32",
                 seed: int = 0) -> None:
        self.dtype = new_module(backend, dtype_name(dtype)).dtype  # refuses what no backend can do
        self.backend, self.seed = backend, fitting.whole("seed", seed, 0)
        self._device = device_of(backend)
        self.loss = closed(loss)
        self._net = network(self.loss, predict, {})
        self.prediction = None if predict is None else as_tensor(predict, "predict")
        self._names = {node: name for name, node in (*self._net.parameters, *self._net.data, *self._net.inputs)}
        self._modules: dict[Optimizer, Any] = {}
        self._plans: dict[Optimizer, Plan] = {}  # of a loss with its gradients
        self._theta: np.ndarray | None = None
        self._views: dict[str, np.ndarray] = {}
        self._rng = np.random.default_rng((seed, 1))
        self._functions: dict[tuple[Tensor, ...], Function] = {}
        self._feeds: dict[tuple[Node, ...], Feed] = {}
        self._slopes: dict[str, Any] = {}  # the gradients that the last steps write
        self.fitted: fitting.Fitted | None = None  # the last fit, with its data
        if all(isinstance(s, int) for _, node in self._net.parameters for s in node.shape):
            self._create(None)

    # parameters -------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Parameters:
        """The parameters by name. Assign a dict (of all of them), or one entry, to change them."""
        if self._theta is None:
            names = ", ".join(name for name, _ in self._net.parameters)
            raise SymgradError(f"the sizes of the parameters ({names}) are those of the data: fit the model first, "
                               "or assign all parameters")
        return Parameters({name: self._device.get(view) for name, view in self._views.items()},
                          lambda arrays: self._set(arrays, whole=False))

    @parameters.setter
    def parameters(self, arrays: Mapping[str, Any]) -> None:
        self._set(arrays, whole=True)

    def _set(self, arrays: Mapping[str, Any], whole: bool) -> None:
        if not isinstance(arrays, Mapping):
            raise DataError(f"parameters must be a dict from names to arrays, not {type(arrays).__name__}")
        names = [name for name, _ in self._net.parameters]
        unknown = [repr(name) for name in arrays if name not in names]
        missing = [repr(name) for name in names if name not in arrays]
        if unknown or (missing and whole) or (missing and self._theta is None):
            wrong = f"unknown {', '.join(unknown)}" if unknown else f"no array for {', '.join(missing)}"
            raise DataError(f"parameters: {wrong}; those of the model are {', '.join(names)}")
        feed = self._feed([node for _, node in self._net.parameters])
        values = [host(arrays[name] if name in arrays else self._views[name]) for name in names]
        new = dict(zip(names, feed.arrays(values)[0], strict=True))
        for name, view in self._views.items():
            if view.shape != new[name].shape:
                raise DataError(f"parameters: {name} has shape {view.shape}, and the new array {new[name].shape}")
        if self._theta is None:
            self._adopt(new)
        for name, array in new.items():
            self._views[name][...] = self._device.put(array)

    def _create(self, data: Dataset | None) -> None:
        """The initial values; their sizes from `data` where they are symbolic."""
        if self._theta is not None:
            return
        module = self._module(Adam())
        if data is None:
            arrays = module.init(self.seed)
        else:
            arrays = module.init(self.seed, data.pick([name for name, _ in self._net.data]))
        for name, node in self._net.parameters:
            wanted = tuple(evaluate_size(s, data.sizes if data else {}) for s in node.shape)
            if arrays[name].shape != wanted:
                raise DataError(f"parameter {name!r} starts from an array of shape {arrays[name].shape}, but the "
                                f"data give it the shape {wanted}")
        self._adopt(arrays)

    def _adopt(self, arrays: dict[str, np.ndarray]) -> None:
        state = self._module(Adam()).begin(arrays)
        self._theta, self._views = state["theta"], state["params"]

    # the generated module ---------------------------------------------------------------------------

    def _module(self, optimizer: Optimizer) -> Any:
        """The training module with this optimiser."""
        if optimizer not in self._modules:
            source = written(self._net, rule_of(optimizer), self.backend, self.dtype)
            self._modules[optimizer] = source.load()
            self._plans[optimizer] = source.plans["backward"]
        return self._modules[optimizer]

    def _steps(self, optimizer: Optimizer | None) -> tuple[Callable[[Any], Any], Callable[[], Any]]:
        """A function of a batch that does one step and gives the loss before it, on the device; and one that gives the
        norm of the gradient of the last step, which lies there as one vector."""
        chosen = Adam() if optimizer is None else optimizer
        module = self._module(chosen)
        state = module.begin(self._views)
        state["theta"], state["params"] = self._theta, self._views  # one vector, whoever trains it
        step, lr, self._slopes = module.step, chosen.lr, state["gradients"]
        return lambda batch: step(state, batch, lr), lambda: norm(state["g"])

    def _feed(self, nodes: Iterable[Node]) -> Feed:
        key = tuple(nodes)
        if key not in self._feeds:
            roots = [self._net.loss[1]] if self.prediction is None else [self._net.loss[1], self.prediction.node]
            self._feeds[key] = Feed([(self._names[n], n) for n in key], roots, self.dtype, {})
        return self._feeds[key]

    def _checked(self, data: Any, what: str, finite: bool, metrics: Mapping[str, Tensor] | None = None) -> Dataset:
        nodes = dict.fromkeys(node for _, node in self._net.data)
        for metric in (metrics or {}).values():
            nodes.update(dict.fromkeys(self._symbols(metric)))
        dataset = checked(data, self._feed(nodes), self._data_names(), what, finite, self._device.foreign)
        if self._theta is None:
            self._create(dataset)
        else:
            self._fits(dataset)
        return dataset

    def _fits(self, data: Dataset) -> None:
        """Sizes that the parameters have already must be those of the data."""
        if any(symbols_of(node.shape) for _, node in self._net.parameters):
            arrays = {**self._views, **data.arrays}
            nodes = {name: node for node, name in self._names.items()}
            self._feed(nodes[name] for name in arrays).bind([array.shape for array in arrays.values()])

    def _data_names(self) -> list[str]:
        return [name for node, name in self._names.items() if node.attrs[0].kind != "parameter"]

    def _symbols(self, tensor: Tensor) -> list[Node]:
        """The data symbols below a metric; parameters must be the model's own."""
        found = []
        for node, name in display_names([tensor.node]).items():
            if node.attrs[0].kind == "parameter" and node not in self._names:
                raise SymgradError(f"the metric {describe(tensor)} uses the parameter {name!r}, which is not one of "
                                   "the model's")
            if node not in self._names and name in self._names.values():
                raise SymgradError(f"the metric {describe(tensor)} uses another symbol {name!r} than the model")
            self._names.setdefault(node, name)
            if node.attrs[0].kind != "parameter":
                found.append(node)
        return found

    # fitting ----------------------------------------------------------------------------------------

    def fit(self, data: Mapping[str, Any], optimizer: Optimizer | None = None, epochs: int = 10,
            batch_size: int | None = 32, validation: Any = None, metrics: Metrics = None, callbacks: Any = (),
            progress: bool = True, shuffle: bool = True) -> History:
        """Train on `data`, a dict from symbol names to arrays; gives the history.

        Every epoch takes disjoint random minibatches until the samples are used up, the last one smaller;
        without a sample axis, or with `batch_size=None`, every step sees all data. `optimizer` is Adam() by
        default. `validation` is a dict of data, or a fraction of the samples that is set apart by chance
        before. `metrics`: names of tensors to measure after each epoch, or "accuracy". `callbacks`: see
        `sg.optim.EarlyStopping`. Ctrl-C ends the fit and keeps what was learnt. `progress` shows a live table on a
        terminal and a line now and then elsewhere, each with the norm of the last gradient of its epoch.
        Raises DataError for data that do not fit, DivergenceError when numbers are no longer finite.
        """
        chosen = self._metrics(metrics)
        fitting.whole("epochs", epochs)
        if batch_size is not None:
            fitting.whole("batch_size", batch_size)
        functions = fitting.check_callbacks(callbacks)
        everything = self._checked(data, "data", True, chosen)
        train, held = everything, None
        if isinstance(validation, (int, float)) and not isinstance(validation, bool):
            train, held = split(everything, float(validation), np.random.default_rng((self.seed, 2)))
        elif validation is not None:
            held = self._checked(validation, "validation", True, chosen)
        refit = any(getattr(callback, "refit", False) for callback in functions)
        if refit and (held is None or isinstance(validation, Mapping)):
            raise SymgradError("fit: EarlyStopping(refit=True) needs validation=, a fraction of the data")
        start, device, own, apart = self.parameters, self._device, train, held
        train, held = train.moved(device.put), None if held is None else held.moved(device.put)
        plan = fitting.Plan(
            *self._steps(optimizer), device.read if device.foreign else None, tuple(dict(self._net.data)), epochs,
            batch_size, self._rng if shuffle else None, tuple(chosen),
            lambda part: self._measured(part, chosen), lambda part: self._evaluated(part, chosen), functions,
            progress, {} if device.foreign else self._slopes)
        with self._threads(optimizer, everything, batch_size):
            history = fitting.run(self, train, held, plan)
            if refit and history.best_epoch and not history.interrupted:
                self.parameters = start
                again = fitting.again(plan, *self._steps(optimizer), history.best_epoch)
                history.interrupted = fitting.run(self, everything.moved(device.put), None, again).interrupted
                own, apart = everything, None
        self.fitted = fitting.Fitted(optimizer or Adam(), epochs, batch_size, history, own, chosen, apart)
        return history

    def _threads(self, optimizer: Optimizer | None, data: Dataset, batch_size: int | None) -> AbstractContextManager[None]:
        sizes = dict(data.sizes)
        if batch_size is not None and data.divisible:
            over = next(node.attrs[0].over for _, node in self._net.data if node.attrs[0].over is not None)
            sizes[over] = min(batch_size, data.count)
        return threads_for(self._plans[Adam() if optimizer is None else optimizer], sizes)

    def stepper(self, batch: Mapping[str, Any], optimizer: Optimizer | None = None) -> Callable[[], float]:
        """A function that does one training step on `batch` and gives the loss before it.

        The batch is checked here, once; the function itself checks nothing. Threads that call it at once take turns.
        """
        dataset = self._checked(batch, "batch", True)
        arrays = dataset.moved(self._device.put).pick([name for name, _ in self._net.data])
        (step, _), turn = self._steps(optimizer), Lock()

        def one() -> float:
            with turn:
                return float(step(arrays))

        return within(self._threads(optimizer, dataset, None), one)

    def evaluate(self, data: Mapping[str, Any], metrics: Metrics = None) -> dict[str, float]:
        """The loss on `data`, and metrics as in `fit`."""
        chosen = self._metrics(metrics)
        checked = self._checked(data, "data", False, chosen)
        return dict(self._evaluated(checked.moved(self._device.put), chosen))

    def predict(self, data: Mapping[str, Any]) -> np.ndarray:
        """The prediction for `data`, of which only what it needs must be there."""
        if self.prediction is None:
            raise SymgradError("the model was made without predict=, so it has nothing to predict")
        feed = self._feed([node for _, node in self._net.inputs])
        dataset = checked(data, feed, self._data_names(), "data", False, self._device.foreign).moved(self._device.put)
        self.parameters  # noqa: B018 - says what to do where they have no size yet
        self._fits(dataset)
        result = self._module(Adam()).predict(*self._views.values(), *dataset.arrays.values())
        return np.array(self._device.get(result))

    def _evaluated(self, data: Dataset, metrics: Mapping[str, Tensor]) -> dict[str, float]:
        names = [name for name, _ in self._net.data]
        loss = float(self._module(Adam()).forward(*self._views.values(), *data.pick(names)))
        return {"loss": loss, **self._measured(data, metrics)}

    def _measured(self, data: Dataset, metrics: Mapping[str, Tensor]) -> dict[str, float]:
        """Metrics on all samples; one per sample is averaged."""
        if not metrics:
            return {}
        tensors = tuple(metrics.values())
        inputs = dict.fromkeys(node for _, node in self._net.parameters)
        for tensor in tensors:
            inputs.update(dict.fromkeys(self._symbols(tensor)))
        if tensors not in self._functions:
            symbols = {self._names[node]: wrap(node, node.attrs[0].over) for node in inputs}
            self._functions[tensors] = function(symbols, list(tensors), self.backend, self.dtype)
        arrays = [self._views[self._names[n]] if n.attrs[0].kind == "parameter" else data.arrays[self._names[n]]
                  for n in inputs]
        values = self._functions[tensors].run(*arrays)
        return {name: float(np.mean(self._device.get(value), dtype=np.float64))
                for name, value in zip(metrics, values, strict=True)}

    def _metrics(self, metrics: Metrics) -> dict[str, Tensor]:
        return metric_tensors(metrics, self.prediction, [node for _, node in self._net.data])

    # files and print --------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the parameters to an .npz file, arrays under their names; nothing is pickled."""
        return write_whole(path, npz(self.parameters))

    def load(self, path: str | os.PathLike[str]) -> Model:
        """Read parameters that `save` wrote; gives the model. Raises DataError for other files."""
        arrays = read_npz(path)
        try:
            self.parameters = arrays
        except DataError as error:
            raise DataError(f"{os.fspath(path)!r}: {error}") from None
        return self

    def summary(self) -> Summary:
        """A table of the parameters: shapes, how many numbers, how they start. A text, and a table in a notebook."""
        return summary(self._net.parameters, self._views)

    def _repr_html_(self) -> str:
        from symgrad.notebook import model_html

        return model_html(mathml(self.loss), "" if self.prediction is None else mathml(self.prediction),
                          self.summary().table, repr(self)[1:-1])

    def report(self, path: str | os.PathLike[str], data: Mapping[str, Any] | None = None, title: str = "",
               date: bool | str = False) -> Path:
        """Write one HTML page to `path`: formulas, drawing, code, training. It is measured on `data`, or on the
        validation data of the last fit, or on what it was trained on. Equal models give equal bytes; `date` adds the
        day, or that text. Raises SymgradError for a place that cannot be written, DataError for data that do not fit.
        """
        reports = import_module("symgrad.reports.report")  # a room above: opened at the first call
        reports.write_report(reports.of_model(self, data, title, date), path)
        return Path(path)

    def __repr__(self) -> str:
        names = ", ".join(name for name, _ in self._net.parameters)
        return f"<Model of {names}: {len(topological([self._net.loss[1]]))} nodes, {self.dtype}>"
