"""What a training step costs each of several processes: operations of its part of the batch, bytes of the one message.

Both are read off the plan of the program: the operations of `gradients` at the size of a part, those of `update` at the
number of parameters, and the vector that ranks sum. What a machine does in a second is in no plan: `seconds` takes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symgrad.computing.feeding import evaluate_size
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.sizes import dim, free_symbols
from symgrad.optim import Descent, Optimizer
from symgrad.training.fitting import whole
from symgrad.training.programs import Programs
from symgrad.training.theta import Theta

BEHIND = 3  # numbers that stand behind the gradient in the message: the loss, a weight, whether to stop


@dataclass(frozen=True)
class StepCost:
    """The cost of one step on each of `ranks` processes; `samples` are those of the largest part of a batch.

    `operations` are those of the loss and its gradients on that part, `update` those of the optimiser, which every rank
    does for all parameters; `message` is the vector that is summed, in bytes. Where samples meet, `sums` bytes in so many
    `stages` are summed before.

    >>> T = sg.dim("T")
    >>> x, y, w = sg.data("x", 2, over=T), sg.data("y", over=T), sg.parameter("w", 2)
    >>> model = sg.Model(sg.losses.squared_error(w @ x, y), dtype="float64")
    >>> print(model.cost(batch_size=100, ranks=4))
    4 ranks: 25 of 100 samples each, 301 operations, 20 of the update; a message of 40 bytes, 60 sent by each
    """

    ranks: int
    batch: int
    samples: int
    operations: int
    update: int
    message: int
    stages: int = 0
    sums: int = 0

    @property
    def sent(self) -> float:
        """The bytes that a rank sends at least: each of p parts of the message goes around twice, but for one stop; what
        stages sum goes to each other rank."""
        return 2 * (self.ranks - 1) / self.ranks * self.message + (self.ranks - 1) * self.sums

    @property
    def rounds(self) -> int:
        """The messages that must wait for one another, at least."""
        return (2 + self.stages) * math.ceil(math.log2(self.ranks))

    def seconds(self, operations: float, updates: float | None = None, bytes: float = math.inf,
                latency: float = 0.0) -> float:
        """The time of a step where a rank does so many `operations` (of an update: `updates`) and sends so many `bytes` in
        a second, and a message takes `latency` seconds to arrive."""
        own = self.operations / operations + self.update / (operations if updates is None else updates)
        return own + (self.sent / bytes + self.rounds * latency if self.ranks > 1 else 0.0)

    def __str__(self) -> str:
        ranks = "1 rank" if self.ranks == 1 else f"{self.ranks:,} ranks"
        text = (f"{ranks}: {self.samples:,} of {self.batch:,} samples each, {self.operations:,} operations, "
                f"{self.update:,} of the update")
        before = f", {self.sums:,} in {self.stages} stages before" if self.stages else ""
        sent = f"; a message of {self.message:,} bytes{before}, {round(self.sent):,} sent by each"
        return text if self.ranks == 1 else text + sent


def step_cost(programs: Programs, weights: Theta, optimizer: Optimizer | Descent, batch_size: int, ranks: int) -> StepCost:
    """The cost of a step by this optimiser. Raises SymgradError for one of second order, which has no plan, and where
    ranks are several for a loss whose samples meet."""
    if isinstance(optimizer, Descent):
        raise SymgradError(f"cost: {optimizer.name} has no steps that are planned; an optimiser by the gradient has")
    whole("batch_size", batch_size)
    whole("ranks", ranks)
    net, shares = programs.net, programs.shares
    if ranks > 1 and (shares.why or not net.divisible):
        raise SymgradError(f"cost: {shares.why or 'there is no sample axis that several ranks could share'}")
    plans = programs.plans(optimizer)
    samples = math.ceil(batch_size / ranks)
    known: dict[Any, int] = {node.attrs[0].over: samples for _, node in net.data
                             if isinstance(node.attrs[0].over, sp.Symbol)}
    for name, view in weights.views.items():
        node = dict(net.parameters)[name]
        known |= {size: length for size, length in zip(node.shape, view.shape, strict=True) if isinstance(size, sp.Symbol)}
    parts = ranks > 1 and shares.loss is not None
    stages = [f"stage_{k + 1}_of_part" for k in range(len(shares.stages))] if parts else []
    slopes = sum((plans[name].flops for name in stages), start=plans["gradients_of_part" if parts else "gradients"].flops)
    known_to_all = [symbol for stage in shares.stages for symbol, _ in (*stage.sums, *stage.maxima)] if parts else []
    sums = sum((math.prod(symbol.shape) for symbol in known_to_all), start=0)
    unknown = [str(size) for size in free_symbols([slopes, sums]) if size not in known]
    if unknown:
        raise SymgradError(f"cost: no data have shown the size {', '.join(unknown)} yet; fit the model first, or give it a "
                           "number")
    count = sum(view.size for view in weights.values)
    item = 4 if programs.dtype == "float32" else 8
    return StepCost(ranks, batch_size, samples, int(evaluate_size(slopes, known) or 0),
                    int(evaluate_size(plans["update"].flops, {dim("P"): count}) or 0), (count + BEHIND) * item,
                    len(stages), int(evaluate_size(sums, known) or 0) * item)
