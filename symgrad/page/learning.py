"""A network of the page: its formulas before anything is learnt, and its training in pictures, up to the report.

Each picture is a piece of HTML that takes the place of the one before it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from types import MappingProxyType
from typing import Any

import numpy as np

from symgrad import losses, nn
from symgrad.derivations.derivation import derive
from symgrad.drawing.drawing import draw
from symgrad.drawing.pictures.curves import curves_svg
from symgrad.graphs.errors import SymgradError
from symgrad.language.reduction import empirical_risk
from symgrad.language.symbols import data, dim, labels
from symgrad.language.tensor import Tensor
from symgrad.optim import LBFGS, SGD, Adam
from symgrad.page.plane import fitted_svg, regions_svg
from symgrad.page.recipe import LAYERS, NetworkPlan
from symgrad.page.samples import Samples, samples_of
from symgrad.page.sections import END, filled
from symgrad.reports.page import embedded
from symgrad.reports.report import of_model, page
from symgrad.training.fitting import AnyOptimizer
from symgrad.training.history import History
from symgrad.training.model import Model

PAUSE = 0.35  # seconds between two pictures
TIME = 40.0  # seconds of training
BATCH = 64
OPTIMIZERS: Mapping[str, Callable[[float], AnyOptimizer]] = MappingProxyType({
    "adam": Adam, "sgd": SGD, "momentum": lambda rate: SGD(rate, momentum=0.9), "lbfgs": lambda rate: LBFGS()})
Put = Callable[[tuple[str, str]], None]


@dataclass(frozen=True)
class Built:
    """A recipe made a network."""

    samples: Samples
    prediction: Tensor
    loss: Tensor


def built(recipe: NetworkPlan) -> Built:
    """The network, its loss and its data. Raises SymgradError for what does not fit together."""
    samples = samples_of(recipe.data, recipe.table)
    T, width = dim("T"), samples.X.shape[1]
    x = data("x", width, over=T)
    layers: list[Any] = []
    for kind, units in recipe.layers:
        match kind:
            case "linear":
                layers.append(nn.Linear(width, units))
                width = units
            case "layer_norm":
                layers.append(nn.LayerNorm(width))
            case "dropout":
                layers.append(nn.Dropout(0.2))
            case _:
                layers.append(getattr(nn, LAYERS[kind])())
    net = nn.Sequential(*layers, nn.Linear(width, samples.outputs))
    out = net(x)
    if samples.classes:
        if recipe.loss not in ("auto", "cross_entropy"):
            raise SymgradError("these data have classes; their loss is the cross entropy")
        return Built(samples, out, empirical_risk(losses.cross_entropy(out, labels("y", len(samples.classes), over=T))))
    if recipe.loss == "cross_entropy":
        raise SymgradError("these data have numbers to be predicted; their loss is the squared error or Huber's")
    loss = losses.huber if recipe.loss == "huber" else losses.squared_error
    return Built(samples, out, empirical_risk(loss(out, data("y", 1, over=T))))


def described_network(recipe: NetworkPlan) -> Iterator[tuple[str, str]]:
    """Formulas, size and picture of a network that is not trained."""
    found = built(recipe)
    count = sum(int(np.prod(array.shape)) for array in Model(found.loss, predict=found.prediction).parameters.values())
    derivation = derive(found.loss)
    pictures = [(name, draw(derivation, direction=way, depth=1)) for name, way in (("wide", "LR"), ("tall", "TB"))]
    yield "network", filled("about_network.html.j2", b=found, count=count, pictures=[
        (name, embedded(each.svg, f"{name}-"), each.scene.width) for name, each in pictures]) + END


def trained_network(recipe: NetworkPlan) -> Iterator[tuple[str, str]]:
    """Pictures of the training as it goes on, then ("report", the whole page of the report), then the last words."""
    queue: SimpleQueue[tuple[str, str] | BaseException | None] = SimpleQueue()

    def run() -> None:
        try:
            _train(recipe, queue.put)
            queue.put(None)
        except BaseException as error:  # told by whoever takes it
            queue.put(error)

    threading.Thread(target=run, daemon=True).start()
    while (found := queue.get()) is not None:
        if isinstance(found, BaseException):
            raise found
        yield found


def _train(recipe: NetworkPlan, put: Put) -> None:
    found = built(recipe)
    samples = found.samples
    model = Model(found.loss, predict=found.prediction, seed=recipe.seed)
    target = samples.y if samples.classes else samples.y[:, None]
    begun = time.monotonic()
    last = 0.0

    def shown(training: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - begun > TIME:
            training.stop(f"{TIME:g} seconds are over")
        if now - last > PAUSE:
            last = now
            put(("shot", _shot(model, samples, training.history, recipe)))

    history = model.fit({"x": samples.X, "y": target}, OPTIMIZERS[recipe.optimizer](recipe.rate), epochs=recipe.epochs,
                        validation=0.2, batch_size=None if recipe.optimizer == "lbfgs" else BATCH, progress=False,
                        metrics="accuracy" if samples.classes else None, callbacks=[shown])
    put(("shot", _shot(model, samples, history, recipe)))
    put(("report", page(of_model(model, title=_title(recipe)))[0]))
    put(("last", filled("learnt.html.j2", epochs=len(history), stopped=history.stopped or "",
                        measures=_measures(history.curves)) + END))


def _title(recipe: NetworkPlan) -> str:
    kinds = [f"{LAYERS[kind]} {units}" if units else LAYERS[kind] for kind, units in recipe.layers]
    return f"A network on {'your table' if recipe.table.strip() else recipe.data}: {', '.join([*kinds, 'Linear'])}"


def _measures(curves: Any) -> list[tuple[str, str]]:
    """What the last epoch has, in words and numbers."""
    names = [("loss", "loss"), ("val_loss", "loss on the fifth set apart"), ("accuracy", "accuracy"),
             ("val_accuracy", "accuracy on the fifth set apart")]
    return [(said, f"{100 * curves[name][-1]:.1f} %" if "accuracy" in name else f"{curves[name][-1]:.4g}")
            for name, said in names if curves.get(name)]


def _shot(model: Model, samples: Samples, history: History, recipe: NetworkPlan) -> str:
    """The training as it is now: curves, and where it can be seen, what the network answers."""
    curves = history.curves
    panels = [curves_svg({n: curves[n] for n in ("epoch", name, f"val_{name}") if n in curves})
              for name in ("loss", "accuracy") if name in curves]
    answers = ""
    if samples.classes and samples.X.shape[1] == 2:
        answers = regions_svg(lambda X: model.predict({"x": X}).argmax(1), samples.X, samples.y)
    elif not samples.classes and samples.X.shape[1] == 1:
        answers = fitted_svg(lambda X: model.predict({"x": X})[:, 0], samples.X[:, 0], samples.y)
    shown = [embedded(svg, f"e{len(history)}-{i}-") for i, svg in enumerate(panels)]
    return filled("shot.html.j2", epoch=len(history), epochs=recipe.epochs, curves=shown, answers=answers) + END
