"""What `sg.minimize` gives back, and how it reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from symgrad.minimisers.course import Trace
from symgrad.minimising.convexity import Convexity

SHOWN = 12  # entries of a variable in print
ROUNDING = 1e-12  # beside the largest entry, what is smaller is printed as zero


@dataclass(frozen=True, eq=False)
class Minimum:
    """The minimum that was found.

    `x` maps the names of the variables to arrays, `fun` is the loss there. `success` and `message` say how the method
    ended, `method` which it was and `reason` why it was that. `history` holds every point, `evaluations` counts those of
    the loss. `standard_errors` (sums of squares), `multipliers` (constraints) and `certificate` (a proof that the minimum
    is global) are None where there are none.

    >>> import symgrad as sg
    >>> p = sg.parameter("p", 2)
    >>> sg.minimize(sg.sum((p - 3) ** 2), p)
    <Minimum 0 by closed_form, 2 evaluations>
    """

    x: Mapping[str, np.ndarray]
    fun: float
    success: bool
    message: str
    method: str
    reason: str
    history: Trace = field(repr=False)
    evaluations: int
    errors: Callable[[], Mapping[str, np.ndarray] | None] | None = field(default=None, repr=False)
    multipliers: list[np.ndarray] | None = None
    proof: Callable[[], Convexity | None] | None = field(default=None, repr=False)

    @cached_property
    def standard_errors(self) -> Mapping[str, np.ndarray] | None:
        """sqrt(diag(inv(J'J)) RSS/(n - p)) of what was fitted by least squares, by name; computed when asked for."""
        return None if self.errors is None else self.errors()

    @cached_property
    def certificate(self) -> Convexity | None:
        """The proof that this minimum is global: that the loss is convex, for these data; looked for when asked for."""
        return self.proof() if self.proof is not None and self.success else None

    def __str__(self) -> str:
        ended = "converged" if self.success else "not converged"
        lines = [f"loss {self.fun:.10g}, {ended}: {self.message}", f"{self.method}: {self.reason}"]
        errors = {name: e for name, e in (self.standard_errors or {}).items() if np.isfinite(e).all()}
        wide = max(map(len, self.x))
        for name, value in self.x.items():
            lines.append(f"  {name:<{wide}} = {_numbers(value, errors.get(name))}")
        for i, multiplier in enumerate(self.multipliers or []):
            lines.append(f"  λ of constraint {i} = {_numbers(multiplier, None)}")
        if self.certificate is not None:
            known = self.certificate.reason in self.reason
            lines.append("the minimum is global" + ("" if known else f", the loss is {self.certificate}"))
        return "\n".join(lines)

    def __repr__(self) -> str:
        ended = "" if self.success else ", not converged"
        return f"<Minimum {self.fun:.6g} by {self.method}, {self.evaluations} evaluations{ended}>"


def _numbers(value: np.ndarray, error: np.ndarray | None) -> str:
    value = np.asarray(value)
    if value.ndim == 0:
        return f"{float(value):.10g}" + ("" if error is None else f" ± {float(error):.4g}")
    largest = np.abs(value[np.isfinite(value)]).max(initial=0.0)
    seen = np.where(np.abs(value) <= ROUNDING * largest, 0.0, value)
    text = np.array2string(seen, precision=6, threshold=SHOWN, separator=", ").replace("\n", "\n    ")
    text = re.sub(r"-(0\.0*)(?=[ ,\]])", r" \1", text)  # what rounds to zero has no sign
    if error is None:
        return text
    spread = np.array2string(np.asarray(error), precision=3, threshold=SHOWN, separator=", ")
    return text + " ± " + spread.replace("\n", "\n    ")
