"""What a report says of a training: its curves, a confusion matrix where classes are predicted, norms of gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symgrad.drawing.pictures.curves import UNDRAWN, bundle_svg, curves_svg
from symgrad.graphs.node import INTEGER, REAL
from symgrad.training.dataset import Dataset

if TYPE_CHECKING:
    from symgrad.training.fitting import Fitted
    from symgrad.training.model import Model


@dataclass(frozen=True)
class Confusion:
    """`counts[i, j]`: samples of class `i` for which the model answers `j`."""

    labels: str  # the name of the symbol
    counts: np.ndarray

    @property
    def classes(self) -> int:
        """The number of classes."""
        return len(self.counts)

    @property
    def right(self) -> int:
        """The samples whose label is predicted."""
        return int(np.trace(self.counts))

    @property
    def total(self) -> int:
        """All samples."""
        return int(self.counts.sum())

    @property
    def recall(self) -> list[float | None]:
        """Of the samples of each class, the share that is found; None where there is no sample."""
        return _shares(np.diag(self.counts), self.counts.sum(axis=1))

    @property
    def precision(self) -> list[float | None]:
        """Of the answers of each class, the share that is right; None where it is never the answer."""
        return _shares(np.diag(self.counts), self.counts.sum(axis=0))

    def worst(self, most: int = 5) -> list[tuple[int, int, int]]:
        """The most frequent mistakes: (label, answer, how often)."""
        wrong = [(int(n), i, j) for (i, j), n in np.ndenumerate(self.counts) if i != j and n]
        return [(i, j, n) for n, i, j in sorted(wrong, key=lambda w: (-w[0], w[1:]))[:most]]


def _shares(part: np.ndarray, whole: np.ndarray) -> list[float | None]:
    return [int(a) / int(b) if b else None for a, b in zip(part, whole, strict=True)]


def confusion(model: Model, data: Dataset) -> Confusion | None:
    """The confusion matrix of `model` on `data`; None where it does not predict the classes of one symbol of labels.

    The answer is the largest score of the last axis of the prediction, as for the metric "accuracy".
    """
    scores = model.prediction
    if scores is None or scores.dtype != REAL or scores.ndim == 0:
        return None
    found = [(name, node) for name, node in model.network.data
             if node.dtype == INTEGER and isinstance(node.attrs[0].classes, int)]
    if len(found) != 1:
        return None
    (name, node), = found
    classes = node.attrs[0].classes
    if node.shape != scores.node.shape[:-1] or scores.node.shape[-1] != classes:
        return None
    answers = model.predict(data.arrays).argmax(axis=-1).ravel()
    labels = np.asarray(data.arrays[name]).ravel()
    counts = np.bincount(labels * classes + answers, minlength=classes**2).reshape(classes, classes)
    return Confusion(name, counts)


@dataclass(frozen=True)
class Norm:
    """How long the gradient and the values of one parameter are."""

    name: str
    gradient: float
    value: float
    share: float = 0.0  # of the logarithm of the gradient between those of the smallest and of the largest


def gradient_norms(model: Model, data: Dataset, samples: int | None) -> tuple[int, list[Norm]]:
    """The norms of all gradients on the first `samples` of `data`, or on all of it; how many samples that were."""
    part = data
    if samples is not None and data.divisible and samples < data.count:
        part = data.part(np.arange(samples))
    gradients = model.gradients(part)
    sizes = {name: _norm(array) for name, array in gradients.items()}
    some = [size for size in sizes.values() if 0 < size < math.inf]
    high = max(some, default=1.0)
    low = min([high / 100, *some]) / 2
    shares = {name: math.log(size / low) / math.log(high / low) if size in some else 0.0 for name, size in sizes.items()}
    return part.count, [Norm(n, sizes[n], _norm(value), shares[n]) for n, value in model.parameters.items() if n in sizes]


def _norm(array: np.ndarray) -> float:
    return float(np.linalg.norm(np.asarray(array, np.float64)))


def by_layer(norms: Mapping[str, list[float]], layers: Sequence[tuple[str, Sequence[str]]]) -> dict[str, list[float]]:
    """Curves of parameters as curves of layers: the norm of all gradients of a layer together."""
    found: dict[str, list[float]] = {}
    for title, names in layers:
        rows = [norms[name] for name in names if name in norms]
        if rows:
            found[title] = np.sqrt(np.square(rows).sum(axis=0)).tolist()
    return found


@dataclass(frozen=True)
class Trained:
    """A fit and what came of it, measured on `count` samples of `what`; norms are those at its end, by layer."""

    fitted: Fitted
    what: str
    count: int
    panels: tuple[str, ...]  # curves, each an SVG
    values: Mapping[str, float]  # the loss and the metrics
    confusion: Confusion | None
    norms: tuple[tuple[str, tuple[Norm, ...]], ...]
    batch: int  # samples for which the norms are


def trained(model: Model, fitted: Fitted, what: str, data: Dataset,
            layers: Sequence[tuple[str, Sequence[str]]]) -> Trained:
    """What the last fit of `model` did; `layers` are titles with names of parameters, others are for themselves."""
    history = fitted.history
    panels = []
    for name in history.curves if len(history) else ():
        if not name.startswith("val_") and name not in UNDRAWN:
            kept = {n: history.curves[n] for n in ("epoch", name, f"val_{name}") if n in history.curves}
            panels.append(curves_svg(kept, history.best_epoch))
    used, norms = gradient_norms(model, fitted.train, fitted.batch_size)
    found = {norm.name: norm for norm in norms}
    inside = {name for _, names in layers for name in names}
    groups = [*layers, *((name, (name,)) for name in found if name not in inside)]
    bundle = by_layer(history.norms, groups)
    if bundle and len(history) > 1:
        panels.append(bundle_svg("norm of the gradient", history.curves["epoch"], bundle))
    rows = tuple((title, tuple(found[name] for name in names if name in found)) for title, names in groups)
    values = model.measured(data, fitted.metrics)
    return Trained(fitted, what, data.count, tuple(panels), values, confusion(model, data), rows, used)
