"""What a proof by numbers says: of each step, and each other way to the gradient, whether it holds, fails, or is open.

Two arrays are compared entry by entry, relative to the largest; equal infinities are equal, and what rounding or a
difference quotient leaves open is open, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from symgrad.codegen.plan.tables import Table
from symgrad.notebook import rows_html

TOLERANCE = 1e-6
LEAST = 1e-300


@dataclass(frozen=True)
class Finding:
    """One comparison: `holds` is None where it tells nothing, and `reason` says why."""

    error: float
    holds: bool | None
    reason: str = ""


@dataclass(frozen=True)
class CheckedStep:
    """One step of the proof: the largest difference, relative to the size of the values; None for not checked."""

    number: int
    name: str
    formula: str
    error: float
    holds: bool | None
    reason: str = ""


@dataclass(frozen=True)
class CheckedView:
    """Another way to the gradient: `sg.gradient` or a program, compared with the derivation and with differences."""

    name: str
    error: float
    holds: bool | None
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """The result of `Derivation.check`: true if nothing fails and something holds; `str` says what fails.

    `rows` has the steps, `views` what the derivation is compared with: `sg.gradient`, the program in NumPy, in C.
    """

    rows: tuple[CheckedStep, ...]
    sizes: dict[str, int]
    views: tuple[CheckedView, ...] = ()

    def __bool__(self) -> bool:
        return any(row.holds for row in self.rows) and not self.failed and not self.disagreeing

    @property
    def failed(self) -> tuple[CheckedStep, ...]:
        """The steps that do not hold."""
        return tuple(row for row in self.rows if row.holds is False)

    @property
    def unchecked(self) -> tuple[CheckedStep, ...]:
        """The steps that could not be judged."""
        return tuple(row for row in self.rows if row.holds is None)

    @property
    def disagreeing(self) -> tuple[CheckedView, ...]:
        """What computes another gradient than the steps and differences."""
        return tuple(view for view in self.views if view.holds is False)

    def __str__(self) -> str:
        sizes = ", ".join(f"{k} = {v}" for k, v in self.sizes.items())
        at = f" at {sizes}" if sizes else ""
        count = len(self.rows)
        wrong = ", ".join(f"{v.name} disagrees ({v.reason}; relative difference {v.error:.1e})" for v in self.disagreeing)
        if self.failed:
            lines = [f"{len(self.failed)} of {count} steps fail{at}:"]
            lines += [f"  ({r.number}) {r.formula}   relative difference {r.error:.1e}" for r in self.failed]
        elif self.unchecked:
            reasons = "; ".join(dict.fromkeys(row.reason for row in self.unchecked))
            left = len(self.unchecked)
            lines = [f"not checked: {reasons}" if left == count else
                     f"{count - left} of {count} steps hold{at}; {left} not checked: {reasons}"]
        else:
            worst = max((row.error for row in self.rows), default=0.0)
            off = f"largest relative difference {worst:.1e}" if worst else "equal to the last digit"
            lines = [f"all {count} steps hold{at}; {off}"]
        if wrong:
            lines[0] = f"{lines[0].rstrip(':')}; {wrong}{':' if len(lines) > 1 else ''}"
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Check: {str(self).splitlines()[0].rstrip(':')}>"

    def _repr_html_(self) -> str:
        return rows_html(str(self).splitlines()[0].rstrip(":"), bool(self), [self.table])

    @property
    def table(self) -> Table:
        """Every step and view: does it hold, and the largest difference, relative to the size of the values."""
        rows = [(f"({row.number})", row.formula, *_judged(row)) for row in self.rows]
        rows += [("", view.name, *_judged(view)) for view in self.views]
        return Table(("step", "formula", "holds", "difference", "remark"), rows, right=("difference",), code=("formula",))


def _judged(row: CheckedStep | CheckedView) -> tuple[str, str, str]:
    """Whether a row holds, its difference, and the reason where there is one."""
    return {True: "✓", False: "✗", None: "open"}[row.holds], "" if row.holds is None else f"{row.error:.1e}", row.reason


def compared(got: Any, wanted: Any, floor: float = 0.0) -> float:
    """The largest difference, relative to the largest entry or, where that is more, to `floor` / TOLERANCE.

    Equal infinities do not differ; NaN where one side has no value.
    """
    import numpy as np

    got, wanted = np.asarray(got, float), np.asarray(wanted, float)
    with np.errstate(all="ignore"):
        gap = np.where(got == wanted, 0.0, np.abs(got - wanted))
    sizes = np.abs(wanted[np.isfinite(wanted)])
    scale = max(float(np.max(sizes, initial=0.0)), floor / TOLERANCE, LEAST)
    if not np.isfinite(gap).all():
        return float("nan")
    return float(np.max(gap, initial=0.0)) / scale


def found(error: float, noise: float = 0.0, reason: str = "") -> Finding:
    """The finding of an error, where rounding may make as much as `noise` of it."""
    if error <= TOLERANCE:
        return Finding(error, True)
    if math.isnan(error):
        return Finding(error, None, reason or "a value is not finite at the random points")
    if error <= noise:
        return Finding(error, None, reason or "rounding alone moves the values as far")
    return Finding(error, False)


def together(findings: Iterable[Finding]) -> Finding:
    """One finding of several: what fails anywhere fails, what holds somewhere holds."""
    every = list(findings)
    failed = [f for f in every if f.holds is False]
    holding = [f for f in every if f.holds]
    if failed:
        return max(failed, key=lambda f: f.error)
    if holding:
        return max(holding, key=lambda f: f.error)
    return every[0] if every else Finding(0.0, True)


def all_of(findings: Iterable[Finding]) -> Finding:
    """One finding of parts that must all hold: what fails fails, what is open is open."""
    every = list(findings)
    failed = [f for f in every if f.holds is False]
    if failed:
        return max(failed, key=lambda f: f.error)
    unclear = [f for f in every if f.holds is None]
    return unclear[0] if unclear else max(every, key=lambda f: f.error, default=Finding(0.0, True))
