"""Optimisers of second order: a direction by curvature, and a step along it, on all data at once.

What they do is no update rule of scalars, so no formula of theirs is emitted: their methods are those of `descent/`, and
`Model.fit` drives them. What a step is they say in matrices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symgrad.graphs.errors import SymgradError
from symgrad.optim.pace import AnySchedule, Plateau
from symgrad.optim.printed import Formulas, Spelled, listed
from symgrad.optim.rules import number

STEP = Spelled("θ", "θ + η α d", r"\theta", r"\theta + \eta\, \alpha\, d")
WHOLE_STEP = Spelled("θ", "θ + η d", r"\theta", r"\theta + \eta\, d")
NEWTON = (Spelled("d", "-(H + τ I)⁻¹ g", "d", r"-(H + \tau I)^{-1} g"), STEP)
GAUSS_NEWTON = (Spelled("d", "-(Jᵀ J)⁻¹ Jᵀ r", "d", r"-(J^{\top} J)^{-1} J^{\top} r"), STEP)
MARQUARDT = (Spelled("d", "-(Jᵀ J + λ D²)⁻¹ Jᵀ r", "d", r"-(J^{\top} J + \lambda D^2)^{-1} J^{\top} r"), WHOLE_STEP)
BFGS = Spelled("B", "(I - s yᵀ / yᵀs) B (I - y sᵀ / yᵀs) + s sᵀ / yᵀs", "B",
               r"\left(I - \frac{s y^{\top}}{y^{\top} s}\right) B \left(I - \frac{y s^{\top}}{y^{\top} s}\right)"
               r" + \frac{s s^{\top}}{y^{\top} s}")
DIRECTION = Spelled("d", "-B g", "d", "-B g")


@dataclass(frozen=True)
class Descent:
    """An optimiser of second order, made by `LBFGS`, `Newton`, `GaussNewton` or `LevenbergMarquardt`.

    An epoch of `Model.fit` is `max_iter` accepted steps on all samples. `method` is its method in `descent/`.

    >>> sg.optim.Newton().method
    'newton'
    """

    name: str
    method: str
    values: Mapping[str, Any] = field(hash=False)
    rows: tuple[Spelled, ...]
    about: str
    max_iter: int = 1

    by_losses: tuple[Plateau, ...] = ()  # it takes no schedules

    @property
    def lr(self) -> float:
        """The part of each step that is taken."""
        return float(self.values["lr"])

    @property
    def identity(self) -> str:
        """Its name and numbers."""
        return repr(self)

    def formulas(self) -> Formulas:
        """A step to read.

        >>> print(sg.optim.Newton().formulas())
        Newton: H the derived Hessian, τ as much as makes it positive definite, α by a line search
          d ← -(H + τ I)⁻¹ g
          θ ← θ + η α d
          with η = 1
        """
        return Formulas(self.name, (), dict(self.values), self.about, self.rows)

    def rate(self, curvature: Any) -> Any:
        """The factor by which one step shrinks the error on a quadratic: |1 - η| where a step goes to the minimum.

        Raises SymgradError for a method whose steps depend on those before, or on how far a model was right.
        """
        if self.method not in ("newton", "gauss_newton"):
            raise SymgradError(f"{self.name}: its steps are not linear in the parameters and their gradient, so there "
                               "is no one factor")
        return abs(1 - self.lr)

    def scheduled(self, *schedules: AnySchedule) -> Descent:
        """Refuses schedules: Raises SymgradError."""
        for each in schedules:
            raise SymgradError(f"{self.name} finds the length of its steps by itself, so that {each.name} has "
                               "nothing to change")
        return self

    def __repr__(self) -> str:
        return f"{self.name}({listed(self.values)}{f', max_iter={self.max_iter}' if self.max_iter > 1 else ''})"


def LBFGS(lr: float = 1.0, max_iter: int = 20, history_size: int = 100,
          line_search_fn: str | None = "strong_wolfe") -> Descent:
    """The inverse Hessian B guessed from the last steps s and the changes y of the gradient (Liu and Nocedal 1989).

    An epoch is up to `max_iter` steps, as a step of `torch.optim.LBFGS`. The line search is on by default; with
    `line_search_fn=None` steps have PyTorch's fixed length, and its numbers.

    >>> print(sg.optim.LBFGS().formulas())
    LBFGS: B of the last m steps s and changes y of the gradient, α by a line search
      d ← -B g
      θ ← θ + η α d
      B ← (I - s yᵀ / yᵀs) B (I - y sᵀ / yᵀs) + s sᵀ / yᵀs
      with η = 1, m = 100
    """
    if line_search_fn not in (None, "strong_wolfe"):
        raise SymgradError(f"LBFGS: line_search_fn is {line_search_fn!r}; it must be 'strong_wolfe' or None")
    search = ", α by a line search" if line_search_fn else ""
    return Descent("LBFGS", "l-bfgs" if line_search_fn else "l-bfgs, fixed",
                   {"lr": _part("LBFGS", lr), "history_size": _whole("LBFGS", "history_size", history_size)},
                   (DIRECTION, STEP if line_search_fn else WHOLE_STEP, BFGS),
                   f"B of the last m steps s and changes y of the gradient{search}", _whole("LBFGS", "max_iter", max_iter))


def Newton(lr: float = 1.0) -> Descent:
    """Newton's method with the derived Hessian; `lr` is the part of a step that is taken. An epoch is one step.

    >>> print(sg.optim.Newton(0.5).formulas().latex())
    \\begin{aligned}
    d &\\leftarrow -(H + \\tau I)^{-1} g \\\\
    \\theta &\\leftarrow \\theta + \\eta\\, \\alpha\\, d
    \\end{aligned}
    """
    return Descent("Newton", "newton", {"lr": _part("Newton", lr)}, NEWTON,
                   "H the derived Hessian, τ as much as makes it positive definite, α by a line search")


def GaussNewton(lr: float = 1.0) -> Descent:
    """The least squares problem of the residuals r with their derived Jacobian J. An epoch is one step.

    The loss must be a sum of squares, however it is written.

    >>> print(sg.optim.GaussNewton().formulas())
    GaussNewton: r the residuals of the loss, J their derived Jacobian, α by a line search
      d ← -(Jᵀ J)⁻¹ Jᵀ r
      θ ← θ + η α d
      with η = 1
    """
    return Descent("GaussNewton", "gauss_newton", {"lr": _part("GaussNewton", lr)}, GAUSS_NEWTON,
                   "r the residuals of the loss, J their derived Jacobian, α by a line search")


def LevenbergMarquardt(lr: float = 1.0) -> Descent:
    """Gauss-Newton within a radius in which its model holds (Moré 1978). An epoch is one accepted step.

    The loss must be a sum of squares, however it is written.

    >>> print(sg.optim.LevenbergMarquardt().formulas())
    LevenbergMarquardt: r the residuals, J their derived Jacobian, D its columns, λ by what the last steps gained
      d ← -(Jᵀ J + λ D²)⁻¹ Jᵀ r
      θ ← θ + η d
      with η = 1
    """
    return Descent("LevenbergMarquardt", "levenberg_marquardt", {"lr": _part("LevenbergMarquardt", lr)}, MARQUARDT,
                   "r the residuals, J their derived Jacobian, D its columns, λ by what the last steps gained")


def _part(name: str, lr: float) -> float:
    """The part of a step that is taken: above 0, and a number."""
    found = number(name, "lr", lr, 0)
    if not isinstance(found, float) or not found:
        raise SymgradError(f"{name}: lr must be a number above 0, not {lr!r}")
    return found


def _whole(name: str, key: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise SymgradError(f"{name}: {key} must be a whole number from 1, not {value!r}")
    return int(value)
