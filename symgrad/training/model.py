"""`sg.Model`: a loss and its parameters, to be fitted to data.

The model writes the training module that `sg.generate` gives and runs that very text: what is trained here and
what the generated program does are one thing. This file says what a model can do; its symbols are in `inputs.py`, its
programs in `programs.py`, its numbers in `theta.py`, the loop of a fit in `fitting.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from symgrad.codegen.program.network import Network
from symgrad.computing.backends import backend_of
from symgrad.computing.functions import dtype_name
from symgrad.computing.threads import threads_for, within
from symgrad.files import write_whole
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.language.align import as_tensor
from symgrad.language.printing import mathml
from symgrad.language.tensor import Tensor
from symgrad.optim import Adam, Descent, Optimizer
from symgrad.training import carrying, fitting
from symgrad.training.cost import StepCost, step_cost
from symgrad.training.counting import check_counts
from symgrad.training.course import Standing
from symgrad.training.dataset import Dataset, check_finite, held_out
from symgrad.training.fitting import AnyOptimizer
from symgrad.training.group import Led, ProcessGroup, begun, group_of
from symgrad.training.history import History
from symgrad.training.inputs import Inputs
from symgrad.training.metrics import Measures, Metrics, metric_tensors
from symgrad.training.network import closed, network
from symgrad.training.parameters import Parameters, packed, read_arrays
from symgrad.training.programs import Programs
from symgrad.training.source import chosen_optimizer
from symgrad.training.steps import FitSteps, Stepper, check_stepper, way_of
from symgrad.training.streaming import each_of, evaluated, first_of, taken_up
from symgrad.training.summary import Summary, summary
from symgrad.training.theta import Theta

BATCH = fitting.Usual(32)  # samples of a step, unless a user says or the optimiser needs otherwise


class Model:
    """A loss to be minimised over its parameters, and the tensor it predicts with.

    `loss` is a scalar; one per sample is closed by its mean. `predict` is a tensor. Parameters start from what
    their symbols declare, drawn in order by a generator with `seed`; symbolic sizes are those of the first data.
    `backend="cupy"` trains on a GPU (its speed has not been measured): the data of a fit are moved there once,
    minibatches are gathered there, and losses are read once for each epoch; parameters, predictions and files are
    NumPy's. There its `level` is "fused", whole steps in one launch where it has such a kernel, or "plain"; `precision`:
    as in `sg.generate`. Raises SymgradError for a loss without parameters, ShapeError for no scalar, BackendError.

    >>> T = sg.dim("T")
    >>> x, y, w = sg.data("x", 2, over=T), sg.data("y", over=T), sg.parameter("w", 2)
    >>> model = sg.Model(sg.losses.squared_error(w @ x, y), predict=w @ x, dtype="float64")
    >>> X = np.random.default_rng(0).standard_normal((100, 2))
    >>> history = model.fit({"x": X, "y": X @ [1, -2]}, sg.optim.SGD(0.1), epochs=20, progress=False)
    >>> model.parameters["w"].round(3)
    array([ 1., -2.])
    """

    def __init__(self, loss: Any, predict: Any = None, backend: str = "numpy", dtype: Any = "float32",
                 seed: int = 0, level: str | None = None, precision: str | None = None) -> None:
        self.dtype = backend_of(backend, level, precision).module(dtype_name(dtype)).dtype  # refuses what no backend can do
        self.backend, self.seed = backend, fitting.whole("seed", seed, 0)
        self.loss = closed(loss)
        self.prediction = None if predict is None else as_tensor(predict, "predict")
        self.fitted: fitting.Fitted | None = None  # the last fit, with its data
        self._device = backend_of(backend).device()
        self._net = network(self.loss, predict, {})
        self._data_names = [name for name, _ in self._net.data]
        self._programs = Programs(self._net, backend, self.dtype, self._device, level, precision)
        self._inputs = Inputs(self._net, self.dtype)
        self._weights = Theta(self._programs, self._inputs, self._device, seed)
        self._course = Standing(self._weights, seed)
        self._measures = Measures(self._inputs, backend, self.dtype)

    # what it is ---------------------------------------------------------------------------------------

    @property
    def parameters(self) -> Parameters:
        """Parameters and running statistics by name. Assign a dict (of all parameters), or one entry, to change them.

        Where all are assigned, the next fit begins anew; else it goes on with what the optimiser keeps.
        """
        return Parameters(self._weights.arrays(), lambda arrays: self._weights.set(arrays, whole=False))

    @parameters.setter
    def parameters(self, arrays: Mapping[str, Any]) -> None:
        self._weights.set(arrays, whole=True)
        self._course.begin_anew()

    def state_dict(self, layer: carrying.Module) -> dict[str, np.ndarray]:
        """The numbers of a layer of this model as PyTorch names them: for `load_state_dict` of its module."""
        return carrying.out_of(layer, self._weights.arrays(), self._net.parameters)

    def load_state_dict(self, layer: carrying.Module, state: Mapping[str, Any]) -> None:
        """Take the numbers of a layer of this model from a state dict of PyTorch's. Raises DataError for other ones."""
        self._weights.set(carrying.into(layer, state, self._net.parameters), whole=False)
        self._course.begin_anew()

    @property
    def network(self) -> Network:
        """What its programs are written from: symbols by name, the loss, gradients."""
        return self._net

    @property
    def shapes(self) -> dict[Node, tuple[int, ...]]:
        """The shapes of the parameters by symbol; empty as long as data must show them."""
        views = self._weights.views
        return {node: views[name].shape for name, node in self._net.parameters if name in views}

    # data -------------------------------------------------------------------------------------------

    def chosen(self, metrics: Metrics) -> dict[str, Tensor]:
        """Metrics as `fit` takes them, as tensors by name. Raises SymgradError for what is none."""
        return metric_tensors(metrics, self.prediction, [node for _, node in self._net.data])

    def checked(self, data: Any, what: str = "data", finite: bool = True,
                metrics: Mapping[str, Tensor] | None = None) -> Dataset:
        """`data` as arrays for the loss and `metrics`; the first data give the parameters their sizes.

        Raises DataError, which calls them `what`.
        """
        dataset = self._inputs.checked(data, what, finite, metrics or {})
        if self._weights.vector is None:
            self._weights.create(dataset)
        else:
            self._fits(dataset)
        return dataset

    def _fits(self, data: Dataset) -> None:
        """Sizes that the parameters have already must be those of the data."""
        if self._weights.symbolic:
            self._inputs.fits(data, self._weights.views)

    # fitting ----------------------------------------------------------------------------------------

    def fit(self, data: Any, optimizer: AnyOptimizer | None = None, epochs: int = 10,
            batch_size: int | None = BATCH, validation: Any = None, metrics: Metrics = None, callbacks: Any = (),
            progress: bool = True, shuffle: bool = True, comm: Any = None) -> History:
        """Train on `data`, a dict from symbol names to arrays, or batches of such dicts one by one; gives the history.

        Every epoch takes disjoint random minibatches until the samples are used up, the last one smaller; without a
        sample axis, or with `batch_size=None`, every step sees all data, as optimisers of second order always do
        (`sg.optim.LBFGS`, `Newton`, ...). `optimizer` is Adam() by default. `validation` is data, too, or a fraction
        of the samples that is set apart by chance before. `metrics`: names of tensors to measure after each epoch, or
        "accuracy". `callbacks`: see `sg.optim.EarlyStopping`; schedules of the learning rate, such as
        `sg.optim.CosineLR(50)`, stand there, too. Ctrl-C ends the fit and keeps what was learnt. `progress` shows a
        live table on a terminal and a line now and then elsewhere, each with the norm of the last gradient of its epoch.
        Of the processes of `comm`, a communicator of mpi4py, each calls this with all data, takes its part of each
        batch, and ends with what one process would find.

        Batches one by one, each a step as it is, are an iterable, or a function that begins one for every epoch: what
        does not fit into memory, or is made as it is needed. Metrics are then those of each batch after its step.
        Raises DataError for data that do not fit, DivergenceError when numbers are no longer finite.
        """
        group = group_of(comm, self._programs.ranks)
        return begun(group, lambda: self._begun(data, optimizer, epochs, batch_size, validation, self.chosen(metrics),
                                                callbacks, progress, shuffle, group))()

    def _begun(self, data: Any, optimizer: AnyOptimizer | None, epochs: int, batch_size: int | None,
               validation: Any, chosen: dict[str, Tensor], callbacks: Any, progress: bool, shuffle: bool,
               group: ProcessGroup | None) -> tuple[dict[str, Any], Callable[[], History]]:
        """What must be the same for all of a group, and the fit itself, once its arguments are checked."""
        optimizer = chosen_optimizer(optimizer)
        fitting.whole("epochs", epochs)
        optimizer, functions = fitting.paced(optimizer, fitting.check_callbacks(callbacks))
        functions = [*optimizer.by_losses, self._course.passed, *functions]  # first: a callback may save the model
        check = lambda each, what: self.checked(each, what, True, chosen)  # noqa: E731 - of this fit
        everything = taken_up(data, epochs, validation, self._net, group, check)
        train, held = held_out(everything, validation, self.seed, lambda other: each_of(other, check, "validation"))
        refit = fitting.refits(functions, train is not everything)
        batch_size = fitting.batch_of(optimizer, batch_size, train)
        check_counts(self._net, train, batch_size)
        start, device, own, apart = self.parameters, self._device, first_of(train), held and first_of(held)
        train, held = train.moved(device.put), None if held is None else held.moved(device.put)
        plan = fitting.FitPlan(
            self._steps(optimizer, train, group=group),
            device.read if device.foreign and isinstance(optimizer, Optimizer) else None, tuple(self._data_names), epochs,
            batch_size, self._course.order if shuffle else None, tuple(chosen),
            lambda part: self._measures(part, self._weights, chosen), lambda part: self.measured(part, chosen), functions,
            progress and (group is None or group.first), group)
        run = within(way_of(optimizer, self._programs, self._weights, everything, batch_size), fitting.run)

        def go() -> History:
            history = run(self, train, held, plan)
            kept = own, apart
            if refit and history.best_epoch and not history.interrupted:
                self.parameters = start
                again = fitting.again(plan, self._steps(optimizer, everything, plan.steps.rates, group=group),
                                      history.best_epoch)
                whole = run(self, everything.moved(device.put), None, again)
                history.interrupted, self._course.epochs = whole.interrupted, len(whole)
                kept = everything, None
            self.fitted = fitting.Fitted(optimizer, epochs, batch_size, history, kept[0], chosen, kept[1])
            return history

        return {"loss": self._net.loss[1].rank.hex(), "data": everything.arrays, "parameters": start,
                "validation data": apart and apart.arrays, "order of samples": self._course.order.bit_generator.state,
                "arguments": [repr(optimizer), epochs, batch_size, list(chosen)]}, go

    def stepper(self, batch: Mapping[str, Any], optimizer: AnyOptimizer | None = None) -> Callable[[], float]:
        """A function that does one training step on `batch` and gives the loss before it.

        The batch is checked here, once; the function itself checks nothing. Threads that call it at once take turns.
        """
        dataset = self.checked(batch, "batch")
        check_counts(self._net, dataset, None)
        arrays = dataset.moved(self._device.put).pick(self._data_names)
        optimizer = chosen_optimizer(optimizer)
        check_stepper(optimizer)
        step, turn = self._steps(optimizer, dataset, single=True), Lock()

        def one() -> float:
            with turn:
                return float(step(arrays))

        return within(way_of(optimizer, self._programs, self._weights, dataset), one)

    def _steps(self, optimizer: AnyOptimizer, data: Dataset, rates: Sequence[float] = (), single: bool = False,
               group: ProcessGroup | None = None) -> FitSteps:
        """Steps that go on where the training stands, or begin it; at these rates where they are known already."""
        if isinstance(optimizer, Descent):
            from symgrad.training.descending import Descending  # and SciPy, which most fits do without

            self._course.begin_anew()
            steps: FitSteps = Descending(optimizer, self._weights, data.sizes, single)
            return steps if group is None else Led(steps, group, self._weights.views.values)
        state, shares = self._course.state(optimizer), None if group is None else self._programs.shares
        if shares is not None and shares.why and data.divisible:
            raise SymgradError(f"fit: {shares.why}")
        return Stepper(optimizer, self._programs.training(optimizer), state, self._device, self._course.epochs, rates,
                       None if group is None else group.ranks, shares is not None and shares.loss is not None,
                       0 if shares is None else len(shares.stages))

    def cost(self, batch_size: int = 32, ranks: int = 1, optimizer: Optimizer | None = None) -> StepCost:
        """What a step costs each of so many processes, by the plan. Raises SymgradError for a loss they cannot share."""
        return step_cost(self._programs, self._weights, chosen_optimizer(optimizer), batch_size, ranks)

    def evaluate(self, data: Any, metrics: Metrics = None) -> dict[str, float]:
        """The loss on `data`, and metrics as in `fit`; of batches one by one their means over all samples."""
        chosen = self.chosen(metrics)
        return self.measured(each_of(data, lambda each, what: self.checked(each, what, False, chosen)), chosen)

    def measured(self, data: Dataset, metrics: Mapping[str, Tensor]) -> dict[str, float]:
        """The loss and metrics on data that are checked already."""
        return evaluated(data, lambda each: self._evaluated(each.moved(self._device.put), metrics))

    def gradients(self, data: Dataset) -> dict[str, np.ndarray]:
        """The gradients of the loss by all parameters, on data that are checked already, by the program of the last fit."""
        optimizer = Adam() if self.fitted is None else self.fitted.rule
        way = way_of(optimizer, self._programs, self._weights, data)
        backward = within(way, self._programs.training(optimizer).backward)
        _, found = backward(*self._weights.values, *data.moved(self._device.put).pick(self._data_names))
        return {name: self._device.get(array) for name, array in found.items()}

    def predict(self, data: Mapping[str, Any]) -> np.ndarray:
        """The prediction for `data`, of which only what it needs must be there."""
        if self.prediction is None:
            raise SymgradError("the model was made without predict=, so it has nothing to predict")
        dataset, weights = self._inputs.predicted(data).moved(self._device.put), self._weights.values
        self._fits(dataset)
        predict = within(threads_for(self._programs.plan("predict"), dataset.sizes), self._programs.answers.predict)
        result = predict(*weights, *dataset.arrays.values())
        return np.array(self._device.get(result))

    def _evaluated(self, data: Dataset, metrics: Mapping[str, Tensor]) -> dict[str, float]:
        forward = within(threads_for(self._programs.plan("forward"), data.sizes), self._programs.answers.forward)
        loss = float(forward(*self._weights.values, *data.pick(self._data_names)))
        return {"loss": loss, **self._measures(data, self._weights, metrics)}

    # files and print --------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], training: bool = True) -> Path:
        """Write the parameters to an .npz file (or .safetensors, alone), arrays under their names; nothing is pickled.

        With `training`, the file also holds what a fit needs to go on as if it had not ended (what the optimiser keeps,
        the epochs, the order of the samples), which makes it up to a few times as large. A generated program with the
        same optimiser goes on from it, too.
        """
        return write_whole(path, packed(path, self.parameters, self._course.kept() if training else {}))

    def load(self, path: str | os.PathLike[str]) -> Model:
        """Read what `save` wrote; gives the model. With the same optimiser, the next fit goes on where that one ended.

        Raises DataError for other files, and for damaged ones.
        """
        def fit(kinds: Mapping[str, Any]) -> None:
            self._weights.check_names(kinds)
            self._weights.check_shapes({name: shape for name, (_, shape) in kinds.items()})

        arrays, kept = read_arrays(path, [name for name, _ in self._net.parameters], fit)
        try:
            for name, array in arrays.items():
                check_finite(name, self._weights.converted(array), "parameters", array)
            go_on = self._course.read(kept, sum(array.size for array in arrays.values()))
            self.parameters = arrays
        except DataError as error:
            raise DataError(f"{os.fspath(path)!r}: {error}") from None
        go_on()
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        made = self.loss, self.prediction, self.backend, self.dtype, self.seed
        arrays = None if self._weights.vector is None else self._weights.arrays()
        return type(self), made, {"arrays": arrays, "kept": self._course.kept(), "fitted": self.fitted}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        if state["arrays"] is not None:
            self._weights.set(state["arrays"], whole=True)
            self._course.read(state["kept"], sum(array.size for array in state["arrays"].values()))()
        self.fitted = state["fitted"]

    def __copy__(self) -> Model:
        return deepcopy(self)  # two models share no numbers

    def summary(self) -> Summary:
        """A table of the parameters: shapes, how many numbers, how they start. A text, and a table in a notebook."""
        return summary(self._net.parameters, self._weights.views)

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
