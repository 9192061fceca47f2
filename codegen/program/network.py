"""What a program is written from, as data: a `Network`, which is trained, and the `UpdateRule` by which it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symgrad.codegen.python.job import Comment
from symgrad.graphs.node import Node, topological
from symgrad.graphs.sizes import Size
from symgrad.graphs.stages import SumStage

Named = tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class UpdateRule:
    """An update rule as nodes: inputs are theta, g, the states, the rates; outputs theta and the states."""

    name: str
    title: str
    inputs: Named
    outputs: Named
    rates: tuple[tuple[str, sp.Expr], ...]
    states: Mapping[str, float]
    comments: Mapping[Node, str]
    lr: float
    meanings: Mapping[str, str] = field(default_factory=dict)  # of rates, for people
    identity: str = ""  # what another rule, with other states or numbers than the learning rate, has not
    lengths: Mapping[str, str] = field(default_factory=dict)  # numbers that are lengths of vectors at the start of a step
    by_epoch: tuple[tuple[sp.Expr, str], ...] = ()  # formulas for the learning rate in `epoch`, for people too
    by_step: tuple[tuple[sp.Expr, str], ...] = ()  # and in `t`

    @property
    def overwritten(self) -> Mapping[str, str]:
        """Which output takes the place of which input."""
        given = dict(self.inputs)
        return {name: name.removeprefix("new_") for name, _ in self.outputs if name.removeprefix("new_") in given}


@dataclass(frozen=True)
class Shares:
    """How processes share a batch: `why` they cannot; else the loss of a part where that is not the loss of a batch.

    It then needs `count`, the number of samples of the whole batch (see `graphs/parts.py`). Where samples meet, the sums of
    `stages` are added up before (`graphs/stages.py`); `states` are what moved parameters become.
    """

    why: str = ""
    count: Named = ()
    loss: Node | None = None
    gradients: Named = ()
    stages: tuple[SumStage, ...] = ()
    states: Named = ()

    def outputs(self, stage: int) -> Named:
        """What a stage computes, in order: what it keeps, then its sums; after all the loss, gradients and states."""
        if stage == len(self.stages):
            return ((("loss", self.loss),) if self.loss is not None else ()) + (*self.gradients, *self.states)
        each = self.stages[stage]
        return tuple((str(symbol.attrs[0].name), node) for symbol, node in each.outputs)

    def taken(self, stage: int, given: Named) -> list[int]:
        """The places of those that a stage needs, among `given`."""
        below = set(topological([node for _, node in self.outputs(stage)]))
        return [place for place, (_, node) in enumerate(given) if node in below]

    def carried(self, stage: int) -> Named:
        """What the stages before hand on, in order."""
        return tuple((str(symbol.attrs[0].name), symbol) for each in self.stages[:stage]
                     for symbol, _ in each.outputs)


@dataclass(frozen=True)
class Network:
    """All that a training module is written from; texts come from above, since codegen knows no notation."""

    title: str
    formulas: tuple[str, ...]
    parameters: Named
    data: Named  # what the loss needs
    inputs: Named  # what the prediction needs
    loss: tuple[str, Node]
    gradients: Named
    prediction: tuple[str, Node] | None
    names: Mapping[Node, str] = field(default_factory=dict)
    comment: Comment | None = None
    sizes: Mapping[sp.Symbol, int] = field(default_factory=dict)
    meaning: Mapping[Node, tuple[str, Node]] = field(default_factory=dict)  # "forward" or "backward", and of which value
    frozen: int = 0  # so many parameters, the last ones, are not trained: they have no gradient
    masks: Named = ()  # what a step draws
    states: Named = ()  # what the last parameters become in a step: numbers that no gradient moves
    counts: Mapping[Size, str] = field(default_factory=dict)  # of how many values which layer takes statistics in training
    still: Network | None = None  # the same outside of training, where that is another graph
    shares: Shares = Shares()

    @property
    def asked(self) -> Network:
        """The network outside of training: what is evaluated and predicted."""
        return self if self.still is None else self.still

    @property
    def moved(self) -> Named:
        """The parameters that no gradient moves, but a formula for each: the last ones."""
        return self.parameters[len(self.parameters) - len(self.states):]

    @property
    def sloped(self) -> Named:
        """The parameters that have a gradient, or zeros."""
        return self.parameters[: len(self.parameters) - len(self.states)]

    @property
    def divisible(self) -> bool:
        """Can minibatches be cut? Not without samples, from two kinds of them, or from a fixed number."""
        overs = [node.attrs[0].over for _, node in self.data if node.attrs[0].over is not None]
        return len(set(overs)) == 1 and not any(isinstance(over, int) for over in overs)


def kept_names(net: Network, rule: UpdateRule) -> list[str]:
    """What a copy of a state, a pickle and a file keep beside the parameters."""
    return ["t", *(["seed"] if net.masks else []), "loss", "g", *rule.states]


def sum_of(parameters: Named) -> str:
    """The number of all entries."""
    total: Any = 0
    for _, node in parameters:
        entries: Any = 1
        for size in node.shape:
            entries = entries * size
        total = total + entries
    return count_text(total)


def count_text(size: Any) -> str:
    return f"{size:,}" if isinstance(size, int) else str(size).replace("**", "^").replace("*", " ")
