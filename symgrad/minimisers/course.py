"""A method driven: every point recorded, the budget held, promises watched, the best kept when it is interrupted."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.objective import Spent
from symgrad.drawing.pictures.charts import PIXELS, chart_png
from symgrad.drawing.pictures.tracks import Track, tracks_svg
from symgrad.graphs.errors import SymgradError
from symgrad.minimisers.problem import Problem
from symgrad.training.history import History

BOTTOMLESS = 1e15  # times the size of the loss at the start: a loss below minus that has no minimum
FAR = 1e30  # of one step, beside the start: nothing is to be found there
RISE = 1e-12  # relative: what rounding may add to a loss
PAUSE = 1.0  # seconds between two lines of progress


@dataclass(repr=False)
class Trace(History):
    """The history of a minimisation: `loss`, `gradient_norm`, `step` and `accepted` of every point that was tried.

    Entry 0 is the start. `x` are the points, a dict of arrays for each entry; those that were tried and left again are
    not accepted. `gradient_norm` is NaN where a method knows no gradient.
    """

    vectors: list[np.ndarray] = field(default_factory=list)
    problem: Problem | None = None

    def __len__(self) -> int:
        return len(self.curves.get("loss", ()))

    @property
    def x(self) -> list[dict[str, np.ndarray]]:
        """The points, by the names of the variables."""
        return [self.problem.named(x) for x in self.vectors] if self.problem is not None else []

    def __repr__(self) -> str:
        if not len(self):
            return "<History of 0 points>"
        losses = self.curves["loss"]
        return f"<History of {len(self)} points: loss from {losses[0]:.4g} to {losses[-1]:.4g}>"

    def svg(self) -> str:
        """The loss over the points as an SVG document; what was tried and left again is not on the curve."""
        return self._drawn(plain=False)

    def png(self, zoom: float = PIXELS) -> bytes:
        """The loss over the points as a PNG."""
        return chart_png(self._drawn(plain=True), zoom)

    def _drawn(self, plain: bool) -> str:
        losses, accepted = self.curves["loss"], self.curves.get("accepted", [])
        kept = [(i, loss) for i, loss in enumerate(losses) if i >= len(accepted) or accepted[i]]
        counts, values = zip(*kept, strict=True)
        logarithmic = min(values) >= 0 < max(values)
        return tracks_svg([Track("", counts, values)], "loss", "point", (False, logarithmic), repr(self)[1:-1], plain)


@dataclass(frozen=True)
class Driven:
    """What came out of a drive: the point, its loss, how it ended, the history."""

    x: np.ndarray
    loss: float
    ending: Ending
    history: Trace
    evaluations: int


def drive(problem: Problem, course: Course, method: str, descends: bool, lowest: bool, progress: bool = False) -> Driven:
    """Run a method to its end.

    `descends`: its accepted losses never rise; a rise is a SymgradError with the iterate. `lowest`: the result is the
    point of the lowest loss, not the last one. Raises SymgradError where the loss falls without bound.
    """
    losses: list[float] = []
    norms: list[float] = []
    steps: list[float] = []
    accepted: list[bool] = []
    vectors: list[np.ndarray] = []
    kept: Iterate | None = None
    last = math.inf
    due = time.perf_counter() + PAUSE if progress else math.inf
    ending = None
    far = FAR * (1 + float(np.linalg.norm(problem.x0)))
    try:
        with np.errstate(all="ignore"):
            while True:
                x, loss, norm, step, taken = it = next(course)
                vectors.append(x)
                losses.append(loss)
                norms.append(norm)
                steps.append(step)
                accepted.append(taken)
                if taken:
                    if descends and loss > last + RISE * abs(last):
                        raise SymgradError(f"minimize: {method} promises that the loss never rises, and it rose from "
                                           f"{last:.17g} to {loss:.17g} at step {len(losses) - 1}, "
                                           f"{_spelled(problem, x)}; this is a fault of symgrad")
                    last = loss
                    if kept is None or not lowest or loss <= kept.loss:
                        kept = it
                if taken and step > far:
                    ending = Ending(False, f"the variables run off to {step:.0e} and farther, and the loss still falls: it "
                                           "has no minimum there")
                    break
                if loss < -BOTTOMLESS * (1 + abs(losses[0])):
                    raise SymgradError(f"minimize: the loss is unbounded below: it is {loss:.3g} at {_spelled(problem, x)} "
                                       "and still falls")
                if time.perf_counter() > due:
                    print(f"{method}: {len(losses)} points, loss {loss:.6g}", file=sys.stderr, flush=True)
                    due = time.perf_counter() + PAUSE
    except StopIteration as stop:
        ending = stop.value
    except Spent:
        ending = Ending(False, f"the budget of {problem.objective.budget} evaluations is used up")
    except KeyboardInterrupt:
        ending = Ending(False, f"interrupted after {len(losses)} points; the best one is kept")
    finally:
        course.close()
    curves: dict[str, Sequence[Any]] = {"loss": losses, "gradient_norm": norms, "step": steps, "accepted": accepted}
    history = Trace({name: list(values) for name, values in curves.items()}, vectors=vectors, problem=problem)
    if kept is None:
        return Driven(problem.x0, math.nan, ending, history, problem.objective.evaluations)
    return Driven(kept.x, kept.loss, ending, history, problem.objective.evaluations)


def _spelled(problem: Problem, x: np.ndarray) -> str:
    """A point in a message."""
    parts = [f"{name} = {np.array2string(value, precision=4, threshold=6)}" for name, value in problem.named(x).items()]
    return ", ".join(parts[:4]) + (", ..." if len(parts) > 4 else "")
