"""The symbols of a model as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from symgrad.graphs.node import Symbol
from symgrad.graphs.phases import HELD
from symgrad.language.tensor import Tensor
from symgrad.training.summary import start

SYMBOL_HEADER = ("symbol", "kind", "shape", "over", "numbers", "facts")


def symbol_rows(symbols: Sequence[Tensor]) -> list[tuple[str, ...]]:
    """One row for each symbol: what it is, its shape, what is declared of it."""
    rows: list[tuple[str, ...]] = []
    for tensor in symbols:
        symbol: Symbol = tensor.node.attrs[0]
        entries = count(tensor)
        facts = [f"classes 0..{_less_one(symbol.classes)}"] if symbol.classes is not None else []
        facts += [*symbol.facts, *([] if tensor.dtype == "real" or symbol.classes is not None else [tensor.dtype])]
        if symbol.kind in HELD:
            facts.append(f"starts {start(tensor.node)}")
        rows.append((symbol.name, symbol.kind, " × ".join(map(str, tensor.shape)) or "scalar",
                     "" if tensor.over is None else str(tensor.over), "" if entries is None else str(entries),
                     ", ".join(facts)))
    return rows


def count(tensor: Tensor) -> int | None:
    """The number of entries, of one sample; None where a size is a symbol."""
    return math.prod(tensor.shape) if all(isinstance(s, int) for s in tensor.shape) else None


def _less_one(classes: Any) -> str:
    return str(classes - 1).replace(" ", "")
