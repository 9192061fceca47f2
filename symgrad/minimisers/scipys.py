"""SciPy's methods by their names, with the derived gradient, Jacobians and Hessians, and every iterate recorded.

SciPy runs to its end first; the points that it went through are told afterwards. Then the last digits are polished by
Newton's method on the conditions of a minimum, and the multipliers are read off there (`kkt.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.linalg import qr
from scipy.optimize import Bounds, LinearConstraint, NonlinearConstraint
from scipy.optimize import minimize as scipy_minimize

from symgrad.descent.iterate import Course, Ending, Iterate
from symgrad.descent.objective import Spent
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.minimisers.constraints import Constraints
from symgrad.minimisers.feasibility import contradiction, met, nearest
from symgrad.minimisers.kkt import Conditions, Optimality, conditions, downhill, judged, polished, refined
from symgrad.minimisers.lifting import over_corners
from symgrad.minimisers.problem import Problem

POLISHED = 400  # variables up to which the last digits are polished
HELD = 1e-7  # relative: constraints are met
CLOSE = 1e-6  # relative error of the conditions at which a point counts as a minimum
SADDLES = 3  # that are left
BESIDE = 0.1  # how far beside one, relative to the point
MATRIX = 400  # variables up to which trust-constr takes the Hessian as a matrix


class Tape:
    """The loss with its gradient, computed once a point; the points at which SciPy called back."""

    def __init__(self, problem: Problem) -> None:
        self.f = problem.objective
        self.known: dict[bytes, tuple[float, np.ndarray]] = {}
        self.points: list[np.ndarray] = []

    def slope(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss and its gradient; a point without a value is infinitely bad."""
        key = np.asarray(x, float).tobytes()
        if key not in self.known:
            loss, g = self.f.slope(np.array(x, float))
            if not math.isfinite(loss):
                loss, g = math.inf, np.zeros(len(g))
            self.known[key] = loss, g
        return self.known[key]

    def value(self, x: np.ndarray) -> float:
        """The loss."""
        return self.slope(x)[0]

    def gradient(self, x: np.ndarray) -> np.ndarray:
        """The gradient."""
        return self.slope(x)[1]

    def put(self, x: Any, *_: Any) -> None:
        """SciPy's callback."""
        self.points.append(np.array(x, float))

    def iterates(self) -> list[Iterate]:
        """What was put, as iterates."""
        found: list[Iterate] = []
        for x in self.points:
            loss, g = self.slope(x)
            step = float(np.linalg.norm(x - found[-1].x)) if found else 0.0
            found.append(Iterate(x, loss, float(np.linalg.norm(g)), step))
        return found


Run = Callable[[Tape, np.ndarray], Any]


def lbfgsb(problem: Problem) -> Course:
    """SciPy's L-BFGS-B."""
    tol = problem.tolerance(1e-10)
    return _course(problem, None, lambda tape, x: scipy_minimize(
        tape.slope, x, jac=True, method="L-BFGS-B", bounds=_bounds(problem), callback=tape.put,
        options={"maxcor": 20, "ftol": 1e-5 * tol, "gtol": tol, "maxiter": 15000, "maxfun": 10**9}))


def slsqp(problem: Problem) -> Course:
    """SciPy's SLSQP, with derived Jacobians of the constraints; corners become constraints."""
    return over_corners(problem, _slsqp)


def _slsqp(problem: Problem) -> Course:
    held = Constraints(problem)
    equations = _independent(held, problem.x0)
    given = [{"type": kind, "fun": lambda x, own=own, by=by: by * held.values(x)[own],
              "jac": lambda x, own=own, by=by: by * held.jacobian(x)[own]}
             for kind, own, by in (("eq", equations, 1.0), ("ineq", ~held.equal, -1.0)) if own.any()]
    return _course(problem, held, lambda tape, x: scipy_minimize(
        tape.value, x, jac=tape.gradient, method="SLSQP", bounds=_bounds(problem), constraints=given, callback=tape.put,
        options={"ftol": 1e-4 * problem.tolerance(1e-10), "maxiter": 300}), _trusting(problem, held))


def _independent(held: Constraints, x: np.ndarray) -> np.ndarray:
    """The equations without affine ones that follow from the others, which SLSQP does not take."""
    rows = np.flatnonzero(held.equal)
    if not len(rows) or not all(held.parts[i].affine for i in held.owner[rows]):
        return held.equal
    _, upper, order = qr(held.jacobian(x)[rows].T, mode="economic", pivoting=True)
    size = np.abs(np.diag(upper))
    kept = np.zeros(held.count, bool)
    kept[rows[order[:int((size > 1e-10 * size.max(initial=0.0)).sum())]]] = True
    return kept


def trust_constr(problem: Problem) -> Course:
    """SciPy's trust-region interior point method, with derived Jacobians and Hessians; corners become constraints."""
    return over_corners(problem, _trust_constr)


def _trust_constr(problem: Problem) -> Course:
    held = Constraints(problem)
    return _course(problem, held, _trusting(problem, held))


def _trusting(problem: Problem, held: Constraints) -> Run:
    """A run of trust-constr."""
    f = problem.objective
    low = np.where(held.equal, 0.0, -np.inf)
    given: list[Any] = []
    if held.count and held.affine:
        zero = np.zeros(f.size)
        at, kept = held.values(zero), _independent(held, zero) | ~held.equal
        given = [LinearConstraint(held.jacobian(zero)[kept], (low - at)[kept], -at[kept])]
    elif held.count:
        given = [NonlinearConstraint(held.values, low, 0.0, jac=held.jacobian, hess=held.hessian)]
    second: Mapping[str, Callable[..., Any]] = {"hess": f.hessian} if f.size <= MATRIX else {"hessp": f.product}
    tol = problem.tolerance(1e-10)
    return lambda tape, x: scipy_minimize(
        tape.value, x, jac=tape.gradient, method="trust-constr", bounds=_bounds(problem), constraints=given,
        callback=lambda x, state: tape.put(x), options={"gtol": tol, "xtol": 1e-2 * tol, "maxiter": 5000}, **second)


def _bounds(problem: Problem) -> Bounds | None:
    return None if problem.low is None else Bounds(problem.low, problem.high)


def _course(problem: Problem, held: Constraints | None, run: Run, otherwise: Run | None = None) -> Course:
    """SciPy's run with its points told, the last one polished; another run where that is no minimum.

    Raises SymgradError where nothing meets the constraints.
    """
    if held is not None:
        contradiction(problem, held)
    tape = Tape(problem)
    start = problem.x0 if problem.low is None else np.clip(problem.x0, problem.low, problem.high)
    tape.put(start)
    loss, g = tape.slope(start)  # a start at the minimum has no slope but that of rounding: the loss has a scale too
    on = conditions(problem, held, float(np.abs(g).max(initial=0.0)) + abs(loss) / (1 + float(np.linalg.norm(start))))
    stopped: BaseException | None = None
    try:
        at = _ended(on, tape, run, start)
        if at.error > CLOSE and otherwise is not None:
            other = _ended(on, tape, otherwise, at.x)
            if other.error < at.error:
                at = other
            else:
                tape.put(at.x)
        way = _downhill(on, at)
        for _ in range(SADDLES):
            if way is None:
                break
            at = _ended(on, tape, run, _beside(on, tape, at.x, way))
            way = _downhill(on, at)
    except (Spent, KeyboardInterrupt) as reason:
        stopped = reason
    told = tape.iterates()
    yield from told
    if stopped is not None:
        best = min(told, key=lambda it: _rank(held, it))
        if best is not told[-1]:  # the result is the last point
            yield best._replace(step=float(np.linalg.norm(best.x - told[-1].x)))
        raise stopped
    found: dict[str, Any] = {}
    if held is not None and held.count:
        found["multipliers"] = held.split(held.sign * at.multipliers)
    if way is not None:
        return Ending(False, "the point is a saddle: the loss falls along a direction that nothing holds", found)
    good = at.error <= CLOSE
    text = _said(on, at)
    return Ending(good, text if good else f"{text}, but for {at.error:.2g} of it: there may be a corner", found)


def _rank(held: Constraints | None, it: Iterate) -> tuple[float, float]:
    """What is broken, then the loss: less is better."""
    broken = 0.0 if held is None or not held.count or met(held, it.x, HELD) else float(held.broken(it.x).max())
    return broken, it.loss


def _ended(on: Conditions, tape: Tape, run: Run, start: np.ndarray) -> Optimality:
    """Where a run from `start` ends, polished. Raises SymgradError where no point meets the constraints."""
    x = _run(tape, run, start)
    tape.put(x)
    held = on.held
    if held is not None and not met(held, x, HELD):
        inside = nearest(on.problem, held, [x, start])
        if not met(held, inside, HELD):
            raise SymgradError(f"minimize: no point meets all constraints: at the nearest one that was found "
                               f"{held.worst(inside)}")
        tape.put(inside)
        x = _run(tape, run, inside)
        x = x if met(held, x, HELD) else inside
        tape.put(x)
    x = np.clip(x, on.low, on.high)
    few = len(x) <= POLISHED
    at = polished(on, x) if few else refined(on, x) if held is None else judged(on, x)
    if at.x is not x:
        tape.put(at.x)
    return at


def _run(tape: Tape, run: Run, start: np.ndarray) -> np.ndarray:
    """Where a run ends. A ValueError is how trust-constr ends far out, where a loss without curvature goes on falling."""
    try:
        return np.array(run(tape, start).x, float)
    except ValueError as error:
        if "Negative curvature" not in str(error):
            raise
        return tape.points[-1]


def _downhill(on: Conditions, at: Optimality) -> np.ndarray | None:
    try:
        return downhill(on, at) if len(at.x) <= POLISHED and at.error <= CLOSE else None
    except DataError:
        return None


def _beside(on: Conditions, tape: Tape, x: np.ndarray, way: np.ndarray) -> np.ndarray:
    """The better of two points beside a saddle."""
    far = BESIDE * (1 + float(np.linalg.norm(x)))
    return min((np.clip(x + far * sign * way, on.low, on.high) for sign in (1.0, -1.0)), key=tape.value)


def _said(on: Conditions, at: Optimality) -> str:
    """What holds at the end."""
    if on.equal.any() or (at.multipliers > 0).any():
        return "the gradient is a combination of those of the constraints"
    return "the gradient is zero along all that its bounds leave free" if at.fixed.any() else "the gradient is zero"
