"""Other ways to the gradient of a derivation: the formula of `sg.gradient`, and programs that compute it in NumPy and in C.

Each must give what the steps give, at the same points. Where the steps hold beside differences, it is the other that is
wrong; a program is held against the formula too, so that the one is named which is at fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.calculus.derivatives import gradient
from symgrad.computing.backends import backend_of
from symgrad.computing.functions import function
from symgrad.computing.points import Evaluator, Point
from symgrad.derivations.checked import TOLERANCE, CheckedView, compared
from symgrad.derivations.transcript import Transcript
from symgrad.graphs import ops
from symgrad.graphs.errors import SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.language.tensor import Tensor, wrap

FORMULA = "sg.gradient"
PROGRAMS = {"numpy": "the program in NumPy", "c": "the program in C"}
LARGEST = 400  # nodes, up to which a compiler does not keep anybody waiting
Values = list[np.ndarray]


def views(derivation: Transcript, points: Sequence[tuple[Point, Mapping[Node, Any]]], proved: bool,
          rounding: Sequence[float]) -> list[CheckedView]:
    """The comparisons, at points with the gradients that the steps give there, and what rounding may leave of these.

    `proved`: differences agree with them.
    """
    asked = [x for x in derivation.wrt if any(x.node in steps for _, steps in points)]
    if not points or not asked:
        return []
    try:
        formulas = list(gradient(derivation.y, asked))
    except SymgradError as problem:
        return [CheckedView(FORMULA, float("nan"), None, str(problem).splitlines()[0])]
    steps = [[np.asarray(found[x.node], float) for x in asked] for _, found in points]
    found = {FORMULA: _computed_as_written(formulas, points)}
    large = len(topological([t.node for t in formulas])) > LARGEST
    for backend, name in PROGRAMS.items():
        row = backend_of(backend)
        if not row.missing() and not (large and row.alone):
            found[name] = _computed(backend, derivation.y, formulas, points)
    result = []
    for name, values in found.items():
        error, reason = _apart(values, steps, rounding)
        against = "the steps and differences" if proved else "the steps"
        if error > TOLERANCE and not proved:
            result.append(CheckedView(name, error, None, "the steps themselves are not proved"))
        else:
            holds = True if error <= TOLERANCE else None if np.isnan(error) else False
            result.append(CheckedView(name, error, holds, reason if holds is None else "" if holds else f"with {against}"))
    return result


def _apart(values: list[Values | str], steps: list[Values], rounding: Sequence[float]) -> tuple[float, str]:
    """The largest difference at the points where both have values; NaN and a reason where there are none."""
    errors, reason = [], "no finite values at the random points"
    for here, wanted, floor in zip(values, steps, rounding, strict=True):
        if isinstance(here, str):
            reason = here
            continue
        one = [compared(a, b, floor) if np.shape(a) == np.shape(b) else np.inf for a, b in zip(here, wanted, strict=True)]
        errors += [e for e in one if not np.isnan(e)]
    return (max(errors), "") if errors else (float("nan"), reason)


def _computed_as_written(formulas: Sequence[Tensor], points: Sequence[tuple[Point, Any]]) -> list[Values | str]:
    """The formulas, computed as they are, without the rewrites of a program."""
    nodes = [t.node for t in formulas]
    inputs = list(points[0][0].values)
    compiled = Evaluator([*inputs, *nodes], {n: str(i) for i, n in enumerate(inputs)}).compile(nodes)
    found: list[Values | str] = []
    for point, _ in points:
        try:
            found.append(compiled(point))
        except SymgradError as error:
            found.append(str(error))
    return found


def _computed(backend: str, y: Tensor, formulas: Sequence[Tensor],
              points: Sequence[tuple[Point, Any]]) -> list[Values | str]:
    """What a program gives that computes the value and the gradients together."""
    inputs = [n for n in topological([y.node, *(t.node for t in formulas)]) if n.op is ops.INPUT]
    shown = {str(s) for n in inputs for s in n.shape}
    found: list[Values | str] = []
    made: dict[Any, Any] = {}
    for point, _ in points:
        sizes = {s.name: n for s, n in point.sizes.items() if s.name not in shown}
        key = tuple(sizes.items())
        try:
            if key not in made:
                made[key] = function([wrap(n) for n in inputs], [y, *formulas], backend=backend, sizes=sizes)
            _, *gradients = made[key](*(point.values[n] for n in inputs))
        except SymgradError as error:
            found.append(str(error))
        else:
            found.append([np.asarray(g, float) for g in gradients])
    return found
