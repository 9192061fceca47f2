"""The numbers of a model by the names that PyTorch gives them, and back: one layout, other names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.graphs.errors import DataError
from symgrad.graphs.node import Node
from symgrad.nn.module import Module
from symgrad.nn.starting import COUNTED, fitting

Named = Sequence[tuple[str, Node]]  # how a model calls its parameters


def into(layer: Module, state: Mapping[str, Any], named: Named) -> dict[str, Any]:
    """The arrays of a state dict by the names of a model. Raises DataError for what does not fit."""
    found = fitting(layer, state)
    names = _names(layer, [t.node for t, _ in found], named)
    return {names[t.node]: array for t, array in found}


def out_of(layer: Module, arrays: Mapping[str, np.ndarray], own: Named) -> dict[str, np.ndarray]:
    """The arrays of a model by the names of PyTorch. Raises DataError for a layer that is no part of the model."""
    named = [*layer.every_name(), *layer.named_buffers()]
    names = _names(layer, [t.node for _, t in named], own)
    found = {name: np.array(arrays[names[t.node]]) for name, t in named}
    for name in [name for name in found if name.endswith("running_var")]:  # PyTorch counts with every batch norm
        found.setdefault(name.removesuffix("running_var") + COUNTED, np.array(0))
    return found


def _names(layer: Module, nodes: list[Node], named: Named) -> dict[Node, str]:
    names = {node: name for name, node in named}
    absent = [node.attrs[0].name for node in nodes if node not in names]
    if absent:
        raise DataError(f"state_dict: {', '.join(absent)} of {layer!r} are no parameters of this model, which has "
                        f"{', '.join(names.values())}")
    return names
