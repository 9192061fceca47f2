"""What a model takes: its symbols by name, and arrays for them, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from symgrad.codegen.program.network import Network
from symgrad.computing.feeding import Feed
from symgrad.formulas.names import display_names
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node
from symgrad.graphs.phases import HELD, is_data
from symgrad.language.align import describe
from symgrad.language.tensor import Tensor
from symgrad.training.dataset import Dataset, checked


class Inputs:
    """The symbols of a model; those of metrics join them when a metric is first asked for."""

    def __init__(self, net: Network, dtype: str) -> None:
        self.net, self.dtype = net, dtype
        self.names = {node: name for name, node in (*net.parameters, *net.data, *net.inputs)}
        self._feeds: dict[tuple[Node, ...], Feed] = {}

    @property
    def data(self) -> list[str]:
        """The names of all data."""
        return [name for node, name in self.names.items() if is_data(node)]

    def feed(self, nodes: Iterable[Node]) -> Feed:
        """The checks of arrays for these symbols."""
        key = tuple(nodes)
        if key not in self._feeds:
            roots = [self.net.loss[1], *([self.net.prediction[1]] if self.net.prediction is not None else [])]
            self._feeds[key] = Feed([(self.names[n], n) for n in key], roots, self.dtype, {})
        return self._feeds[key]

    def checked(self, data: Any, what: str, finite: bool, metrics: Mapping[str, Tensor]) -> Dataset:
        """`data` for the loss and these metrics. Raises DataError."""
        nodes = dict.fromkeys(node for _, node in self.net.data)
        for metric in metrics.values():
            nodes.update(dict.fromkeys(self.symbols(metric)))
        return checked(data, self.feed(nodes), self.data, what, finite)

    def predicted(self, data: Any) -> Dataset:
        """`data` for the prediction, of which only what it needs must be there. Raises DataError."""
        return checked(data, self.feed([node for _, node in self.net.inputs]), self.data, "data", False)

    def symbols(self, tensor: Tensor) -> list[Node]:
        """The data symbols below a metric. Raises SymgradError for parameters that are not the model's own."""
        found = []
        for node, name in display_names([tensor.node]).items():
            if node.attrs[0].kind in HELD and node not in self.names:
                raise SymgradError(f"the metric {describe(tensor)} uses the parameter {name!r}, which is not one of "
                                   "the model's")
            if node not in self.names and name in self.names.values():
                raise SymgradError(f"the metric {describe(tensor)} uses another symbol {name!r} than the model")
            self.names.setdefault(node, name)
            if is_data(node):
                found.append(node)
        return found

    def fits(self, data: Dataset, weights: Mapping[str, Any]) -> None:
        """Raises DataError where sizes of `data` are not those that the parameters have already."""
        arrays = {**weights, **data.arrays}
        nodes = {name: node for node, name in self.names.items()}
        self.feed(nodes[name] for name in arrays).bind([array.shape for array in arrays.values()])
