"""What a network is to be: layers from a list, a loss, data, an optimiser; and the fields of a form that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.graphs.errors import SymgradError

LAYERS: Mapping[str, str] = MappingProxyType({
    "linear": "Linear", "tanh": "Tanh", "relu": "ReLU", "sigmoid": "Sigmoid", "gelu": "GELU", "silu": "SiLU",
    "softplus": "Softplus", "layer_norm": "LayerNorm", "dropout": "Dropout"})
LOSSES: Mapping[str, str] = MappingProxyType({
    "auto": "What fits", "cross_entropy": "Cross entropy", "squared_error": "Squared error", "huber": "Huber"})
OPTIMIZERS: Mapping[str, str] = MappingProxyType({
    "adam": "Adam", "sgd": "Gradient descent", "momentum": "Momentum", "lbfgs": "L-BFGS"})
DEEPEST, WIDEST, LONGEST = 12, 512, 2_000  # layers, units of one, epochs
TABLE = 4_000_000  # characters of a pasted table


@dataclass(frozen=True)
class NetworkPlan:
    """A network to be trained. `layers` are pairs of a name of `LAYERS` and, for what is linear, how many units."""

    data: str = "spirals"
    layers: tuple[tuple[str, int], ...] = (("linear", 24), ("tanh", 0), ("linear", 24), ("tanh", 0))
    loss: str = "auto"
    optimizer: str = "adam"
    rate: float = 0.01
    epochs: int = 300
    seed: int = 0
    table: str = ""


def recipe_of(given: Iterable[tuple[str, str]]) -> NetworkPlan:
    """A recipe from the fields of a form: `layer` and `units` once for each layer. Raises SymgradError.

    >>> recipe_of([("data", "iris"), ("layer", "linear"), ("units", "8"), ("layer", ""), ("units", "8"), ("epochs", "5")])
    NetworkPlan(data='iris', layers=(('linear', 8),), loss='auto', optimizer='adam', rate=0.01, epochs=5, seed=0, table='')
    """
    fields = [(name, value) for name, value in given]
    said = dict(reversed(fields))
    if not said:
        return NetworkPlan()
    kinds = [value for name, value in fields if name == "layer"]
    units = [value for name, value in fields if name == "units"]
    units += [""] * (len(kinds) - len(units))
    layers = tuple((kind, _whole(count or "16", "units", 1, WIDEST) if kind == "linear" else 0)
                   for kind, count in zip(kinds, units, strict=False) if kind)
    for kind, _ in layers:
        _one_of(kind, LAYERS, "layer")
    if len(layers) > DEEPEST:
        raise SymgradError(f"the network has {len(layers)} layers; {DEEPEST} are the most on this page")
    table = said.get("table", "")
    if len(table) > TABLE:
        raise SymgradError(f"the table has {len(table):,} characters; {TABLE:,} are the most")
    return NetworkPlan(
        said.get("data", "spirals")[:40], layers if kinds else NetworkPlan.layers,
        _one_of(said.get("loss", "auto"), LOSSES, "loss"), _one_of(said.get("optimizer", "adam"), OPTIMIZERS, "optimizer"),
        _rate(said.get("rate", "0.01")), _whole(said.get("epochs", "300"), "epochs", 1, LONGEST),
        _whole(said.get("seed", "0"), "seed", 0, 10**6), table)


def _one_of(value: str, known: Mapping[str, str], what: str) -> str:
    if value not in known:
        raise SymgradError(f"{what}: {value[:40]!r} is not known here; there are {', '.join(known)}")
    return value


def _whole(text: str, what: str, least: int, most: int) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise SymgradError(f"{what}: {text[:40]!r} is no whole number from {least} to {most:,}")
    return int(text)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 100:
        raise SymgradError(f"rate: {text[:40]!r} is no number above 0 and up to 100")
    return value
