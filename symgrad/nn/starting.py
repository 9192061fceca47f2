"""What layers start from: PyTorch's numbers by name, or the arrays of a state dict of PyTorch's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.language.align import describe
from symgrad.language.symbols import restarted
from symgrad.language.tensor import Tensor
from symgrad.nn.module import Module
from symgrad.nn.weighted import Parametric

COUNTED = "num_batches_tracked"  # PyTorch keeps it with every batch norm, a layer here where it needs it


def initialise(layer: Module, init: Any = "torch") -> Module:
    """Let all weights in a layer start from `init`, before the layer is used; gives the layer.

    `init` is what a layer takes: "torch" (weights and biases as PyTorch's layers draw them), "kaiming_normal",
    "orthogonal", ("normal", 0, 0.02), a number. With another than "torch" biases start at zero. Layers that normalise
    keep their ones and zeros. Raises SymgradError for a layer that is part of formulas.

    >>> net = sg.nn.initialise(sg.nn.Sequential(sg.nn.Linear(4, 3), sg.nn.ReLU(), sg.nn.Linear(3, 2)))
    >>> [p.node.attrs[0].init for p in net.parameters()[:2]]
    [('uniform', -0.5, 0.5), ('uniform', -0.5, 0.5)]
    """
    for each in _all(layer):
        if isinstance(each, Parametric) and each.drawn:
            _fresh(each, "initialise")
            each.init = init
            each.rename(each.suffix)
    return layer


def _all(layer: Module) -> list[Module]:
    """A layer and all those inside, each once."""
    found = dict.fromkeys([layer])
    for child in layer.children():
        found.update(dict.fromkeys(_all(child)))
    return list(found)


def _fresh(layer: Module, what: str) -> None:
    if isinstance(layer, Parametric) and layer.used:
        raise SymgradError(f"{what}: {layer!r} has given its parameters to formulas already; say what it starts from "
                           "before it is called, or give a model its numbers: model.load_state_dict(layer, state)")


def load_state_dict(layer: Module, state: Mapping[str, Any]) -> Module:
    """Let a layer start from the arrays of a state dict of PyTorch's, before it is used; gives the layer.

    Names, shapes and layouts are PyTorch's, as `layer.named_parameters()` lists them; running statistics come along.
    Of a model that exists, `model.load_state_dict(layer, state)` sets the numbers. Raises DataError for names and shapes
    that do not fit, SymgradError for a layer that is part of formulas.

    >>> layer = sg.nn.load_state_dict(sg.nn.Linear(2, 1), {"weight": [[3.0, 4.0]], "bias": [0.5]})
    >>> model = sg.Model(sg.sum(layer(sg.data("x", 2)) ** 2))
    >>> {name: array.tolist() for name, array in model.parameters.items()}
    {'W': [[3.0, 4.0]], 'b': [0.5]}
    """
    for each in _all(layer):
        _fresh(each, "load_state_dict")
    arrays = fitting(layer, state)
    new = {t: restarted(t, array) for t, array in arrays}
    for each in _all(layer):
        for name, value in vars(each).items():
            vars(each)[name] = _swapped(value, new)
    return layer


def _swapped(value: Any, new: Mapping[Tensor, Tensor]) -> Any:
    """A value of a layer with other symbols in it."""
    if isinstance(value, Tensor):
        return next((mine for old, mine in new.items() if old is value), value)
    if isinstance(value, list):
        return [_swapped(part, new) for part in value]
    if isinstance(value, tuple):
        parts = [_swapped(part, new) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def fitting(layer: Module, state: Mapping[str, Any]) -> list[tuple[Tensor, Any]]:
    """The symbols of a layer with their arrays in a state dict. Raises DataError where names or shapes do not fit."""
    wanted = dict([*layer.every_name(), *layer.named_buffers()])
    given = {t.node: name for name, t in reversed(wanted.items()) if name in state}  # one name of several is enough
    named = {t.node: (given.get(t.node, name), t) for name, t in reversed(wanted.items())}
    missing = [name for name, t in wanted.items() if t.node not in given and named[t.node][0] == name]
    unknown = [name for name in state if name not in wanted and name.rpartition(".")[2] != COUNTED]
    if missing or unknown:
        wrong = "; ".join(f"{what} {', '.join(map(repr, names))}" for what, names in (
            ("no array for", missing), ("unknown", unknown)) if names)
        raise DataError(f"load_state_dict: {wrong}; the names of {layer!r} are {', '.join(map(repr, wanted))}")
    found = []
    for name, t in reversed(named.values()):
        array = _array(state[name])
        if array.ndim != t.ndim or any(isinstance(s, int) and s != n for s, n in zip(t.shape, array.shape, strict=True)):
            raise DataError(f"load_state_dict: {name!r} has the shape {shape_text(array.shape)}, and {describe(t)} needs "
                            f"{shape_text(t.shape)}")
        found.append((t, array))
    return found


def _array(value: Any) -> Any:
    """An array of what a state dict holds, tensors of PyTorch among them."""
    import numpy as np

    value = value.detach().cpu() if hasattr(value, "detach") and hasattr(value, "cpu") else value
    return np.asarray(value, dtype=float)
