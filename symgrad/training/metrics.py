"""What a fit measures beside the loss: scalar tensors by name; "accuracy" is one that needs no tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.computing.functions import Function, function
from symgrad.computing.threads import threads_for, within
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import INTEGER, REAL, Node
from symgrad.graphs.phases import HELD
from symgrad.language.align import as_tensor, describe
from symgrad.language.phases import in_evaluation
from symgrad.language.pointwise import equal
from symgrad.language.reduction import argmax
from symgrad.language.tensor import Tensor, wrap
from symgrad.training.dataset import Dataset
from symgrad.training.inputs import Inputs
from symgrad.training.theta import Theta

Metrics = Mapping[str, Any] | Iterable[str] | str | None
TAKEN = ("epoch", "loss", "lr", "gradient_norm", "seconds")


def metric_tensors(metrics: Metrics, prediction: Tensor | None, data: Sequence[Node]) -> dict[str, Tensor]:
    """Metrics as scalar tensors by name; one per sample is meant to be averaged.

    `data` are the data symbols of the loss. Raises SymgradError for unknown names and other shapes.
    """
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        chosen = {str(name): in_evaluation(as_tensor(t, "metrics")) for name, t in metrics.items()}
    else:
        names = [metrics] if isinstance(metrics, str) else list(metrics)
        for name in names:
            if name != "accuracy":
                raise SymgradError(f"the metric {name!r} is not known by name; known is 'accuracy', others are given "
                                   "as a dict from names to tensors")
        chosen = {name: accuracy(prediction, data) for name in names}
    for name, tensor in chosen.items():
        if tensor.ndim:
            raise SymgradError(f"the metric {name!r} must be a scalar, and {describe(tensor)} is none")
        if name in TAKEN or name.startswith("val_"):
            raise SymgradError(f"a metric cannot be called {name!r}: the history has a curve of that name")
    return chosen


def accuracy(prediction: Tensor | None, data: Sequence[Node]) -> Tensor:
    """Whether the label is predicted: by the largest score of the last axis, or as the label itself."""
    if prediction is None:
        raise SymgradError("the metric 'accuracy' needs predict=, the scores of the classes")
    prediction = in_evaluation(prediction)
    guess = argmax(prediction, axis=-1) if prediction.dtype == REAL and prediction.ndim else prediction
    labels = [wrap(node, node.attrs[0].over) for node in data if node.dtype == INTEGER]
    fits = [t for t in labels if t.shape == guess.shape and t.over == guess.over]
    if len(fits) != 1 or guess.dtype == REAL:
        raise SymgradError(f"the metric 'accuracy' needs one symbol of integer labels for {describe(prediction)}, "
                           f"and the loss has {len(fits)} that fit; give metrics={{'accuracy': tensor}}")
    return equal(guess, fits[0])


class Measures:
    """What computes metrics: a function for each choice of them, made when it is first asked for."""

    def __init__(self, inputs: Inputs, backend: str, dtype: str) -> None:
        self.inputs, self.backend, self.dtype = inputs, backend, dtype
        self._functions: dict[tuple[Tensor, ...], Function] = {}

    def __call__(self, data: Dataset, weights: Theta, metrics: Mapping[str, Tensor]) -> dict[str, float]:
        """Metrics on all samples; one per sample is averaged."""
        if not metrics:
            return {}
        tensors, names, views = tuple(metrics.values()), self.inputs.names, weights.views
        inputs = dict.fromkeys(node for _, node in weights.named)
        for tensor in tensors:
            inputs.update(dict.fromkeys(self.inputs.symbols(tensor)))
        if tensors not in self._functions:
            symbols = {names[node]: wrap(node, node.attrs[0].over) for node in inputs}
            self._functions[tensors] = function(symbols, list(tensors), self.backend, self.dtype)
        arrays = [views[names[n]] if n.attrs[0].kind in HELD else data.arrays[names[n]] for n in inputs]
        found = self._functions[tensors]
        values = within(threads_for(found.plan, data.sizes), found.run)(*arrays)
        return {name: float(np.mean(weights.device.get(value), dtype=np.float64))
                for name, value in zip(metrics, values, strict=True)}
