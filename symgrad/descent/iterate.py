"""What a method says while it goes: a point that was tried, and at last how it ended."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class Iterate(NamedTuple):
    """One trial point: `x` (not to be written to), its loss, the norm of the gradient there, the length of the step to it.

    `norm` is NaN where the method knows no gradient. A point that is not `accepted` was tried and left again.
    """

    x: np.ndarray
    loss: float
    norm: float
    step: float
    accepted: bool = True


@dataclass(frozen=True)
class Ending:
    """Why a method stopped by itself: `success` where it reached what it looks for.

    `found` is what else it knows then: "reason", "multipliers", ..., which the result takes over.
    """

    success: bool
    message: str
    found: Mapping[str, Any] = field(default_factory=dict)


Course = Generator[Iterate, None, Ending]  # what every method is
