"""The programs that a model runs, each written, compiled and kept when it is first needed.

One answers: initial values, the loss, the prediction. For each optimiser there is one that trains, whose text is that
of `sg.generate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import ModuleType
from typing import Any

from symgrad.codegen.plan.plan import Plan
from symgrad.codegen.program.network import Network, Shares
from symgrad.codegen.program.ranks import Ranks
from symgrad.codegen.python.load import load
from symgrad.computing.backends import backend_of
from symgrad.computing.devices import Device
from symgrad.optim import Adam, Optimizer
from symgrad.training.shares import shares_of
from symgrad.training.source import Source, rule_of, written


class Programs:
    """The programs of one network for one backend and one kind of numbers."""

    def __init__(self, net: Network, backend: str, dtype: str, device: Device, level: str | None = None,
                 precision: str | None = None) -> None:
        self.net, self.backend, self.dtype, self.device = net, backend, dtype, device
        self.level, self.precision = level, precision
        self._training: dict[str, tuple[Source, ModuleType]] = {}  # by identity: the learning rate is handed in

    @property
    def answers(self) -> ModuleType:
        """`init`, `forward` and, where the network has a prediction, `predict`."""
        return self._answers[0]

    def plan(self, name: str) -> Plan:
        """The plan of `forward` or `predict`."""
        return self._answers[1][name]

    @cached_property
    def _answers(self) -> tuple[ModuleType, Mapping[str, Plan]]:
        module, done = backend_of(self.backend).evaluation(self.net, self.dtype)
        data = {name: self.device.put(array) for name, array in module.data.items()}
        return load(done.text, data, "symgrad evaluation"), {name: f.plan for name, f in done.functions.items()}

    @cached_property
    def shares(self) -> Shares:
        """How several processes share a batch."""
        return shares_of(self.net)

    def ranks(self, comm: Any) -> Ranks:
        """What several processes ask for sums: those of a host, or GPUs."""
        return self.training(Adam()).RanksOnDevices(comm) if self.device.foreign else Ranks(comm)

    def training(self, optimizer: Optimizer) -> ModuleType:
        """The module that trains with this optimiser."""
        return self._trained(optimizer)[1]

    def step_plan(self, optimizer: Optimizer) -> Plan:
        """The plan of a loss with all gradients, as a step computes them."""
        return self._trained(optimizer)[0].plans["backward"]

    def plans(self, optimizer: Optimizer) -> Mapping[str, Plan]:
        """The plans of all functions of the module that trains with this optimiser."""
        return self._trained(optimizer)[0].plans

    def _trained(self, optimizer: Optimizer) -> tuple[Source, ModuleType]:
        if optimizer.identity not in self._training:
            source = written(self.net, rule_of(optimizer), self.backend, self.dtype, self.level, self.precision)
            self._training[optimizer.identity] = source, source.load()
        return self._training[optimizer.identity]
