"""What is to be drawn: tensors, and lists and dicts of them, as one list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from symgrad.language.align import as_tensor
from symgrad.language.tensor import Tensor


def flat(outputs: Iterable[Any]) -> list[Tensor]:
    """Tensors, lists and dicts of tensors as one list."""
    found: list[Tensor] = []
    for output in outputs:
        if isinstance(output, Mapping):
            found += flat(output.values())
        elif isinstance(output, (list, tuple)):
            found += flat(output)
        else:
            found.append(as_tensor(output, "graph"))
    return found
