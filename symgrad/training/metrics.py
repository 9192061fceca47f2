"""What a fit measures beside the loss: scalar tensors by name; "accuracy" is one that needs no tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import INTEGER, REAL, Node
from symgrad.language.align import as_tensor, describe
from symgrad.language.phases import in_evaluation
from symgrad.language.pointwise import equal
from symgrad.language.reduction import argmax
from symgrad.language.tensor import Tensor, wrap

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
