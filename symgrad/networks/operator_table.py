"""The table of operators: what each of ONNX's is here, by domain and name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symgrad.networks import entrywise as entries
from symgrad.networks import layering, learning, nesting, picking, recurring, reducing, resizing, sampling, shaping
from symgrad.networks.call import Reads

ROWS = (*entries.ROWS, *shaping.ROWS, *picking.ROWS, *reducing.ROWS, *layering.ROWS, *resizing.ROWS, *sampling.ROWS,
        *learning.ROWS, *nesting.ROWS, *recurring.ROWS)
OPERATORS: Mapping[tuple[str, str], Reads] = MappingProxyType({(row.domain, row.name): row for row in ROWS})
