"""What a primitive is: the row of the table in `table.py`, and the kinds of rules that it holds.

The class stands below the rules and the table above them, so that a rule may be handed a row without asking for one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from symgrad.graphs.node import Node
from symgrad.graphs.ops import Op
from symgrad.graphs.sizes import Size

Operands = tuple[Node, ...]
Rebuild = Callable[[Node, Operands], Node]  # with other operands of the same shapes, normalised again
Pull = Callable[[Node, Node, int], Sequence[Node | None]]  # node, cotangent, number of seed axes in front of it
Demand = Callable[[Node, Node], Sequence[Node | None]]  # node, which of its entries count -> which of each operand's
AxisRule = Callable[[Node, Mapping[Node, int]], int]  # node, the sample axes of operands that have one -> its own
Stack = Callable[[Node, Operands, Size], Node]  # for many points: operands, some with their axis in front, and its size


@dataclass(frozen=True, slots=True)
class Primitive:
    """All that is true of one operation, whatever is made of it later.

    `build` is its constructor, `rebuild` the same from a node and new operands. `pull` gives the cotangents of its
    operands (`derivative/rules.py`), `demand` the entries of them that a derivative needs (`derivative/demand.py`), `axis`
    the axis that runs over the samples, or COUPLED (`algebra/axes.py`), `stack` the same for many points at once
    (`algebra/stacking.py`). None has a default: who adds a row answers every question.
    """

    op: Op
    build: Callable[..., Node]
    rebuild: Rebuild
    pull: Pull
    demand: Demand
    axis: AxisRule
    stack: Stack
