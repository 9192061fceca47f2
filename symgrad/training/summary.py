"""The parameters of a model as a table: `Model.summary()`, in a terminal, in a notebook and as text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.codegen.plan.tables import Table, Tabled
from symgrad.codegen.program.network import Named, sum_of
from symgrad.graphs.node import Node
from symgrad.language.symbols import NORMAL_BUT

HEADER = ("parameter", "shape", "numbers", "starts")


class Summary(Tabled, str):
    """The text of the table; a notebook and rich show the table itself, and so does an interactive Python."""

    table: Table

    def __new__(cls, table: Table) -> Summary:
        made = super().__new__(cls, str(table))
        made.table = table
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Summary, (self.table,)


def summary(parameters: Named, views: Mapping[str, np.ndarray]) -> Summary:
    """Shapes, numbers and starting values; shapes are those of `views` where the model has them already."""
    rows = []
    for name, node in parameters:
        shape = views[name].shape if name in views else node.shape
        rows.append((name, " x ".join(map(str, shape)) or "scalar", _count(shape), start(node)))
    total = f"{sum(view.size for view in views.values()):,}" if views else sum_of(parameters)
    return Summary(Table(HEADER, rows, [("total", "", total, "")], right=("numbers",)))


def start(node: Node) -> str:
    """What a parameter starts from, as declared."""
    init = node.attrs[0].init
    if init is None:
        return "glorot_uniform" if len(node.shape) > 1 else "zeros"
    if isinstance(init, tuple) and init[0] == NORMAL_BUT:
        return f"normal, row {init[1]} zeros"
    if isinstance(init, tuple):
        return f"{init[0]}({init[1]:g}, {init[2]:g})"
    return str(init) if isinstance(init, str) else f"{init:g}" if isinstance(init, (int, float)) else "given values"


def _count(shape: Sequence[Any]) -> str:
    count = math.prod(shape)
    return f"{count:,}" if isinstance(count, int) else str(count).replace("*", " ")
