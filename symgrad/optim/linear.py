"""How fast an update rule is, read off its own formulas.

On a quadratic of curvature h the gradient is h θ, counted from the minimum. A rule that is linear in the parameters and
in what it keeps is then one matrix M(h), the same at every step, and errors shrink like powers of its spectral radius.
For the parameters and one state that is the larger root of λ² - tr λ + det, in one formula for real and complex roots:

    max(√|det|, (|tr| + √max(tr² - 4 det, 0)) / 2)

since complex roots have the length √det, which is at least |tr| / 2, and real ones are never both shorter than √|det|.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.optim.scalars import VectorNorm, decimal, line

Equations = Sequence[tuple[sp.Symbol, sp.Expr]]
CURVATURE = sp.Dummy("h")
MOST = 8  # curvatures of a formula
ROUNDING = 8 * np.finfo(float).eps  # of a discriminant: roots that meet are two equal ones


def contraction(name: str, equations: Equations, values: Mapping[str, Any], states: Sequence[str], curvature: Any) -> Any:
    """The spectral radius of the rule on a quadratic: a number, or a formula where symbols are left.

    Raises SymgradError for a rule that is not linear, or not the same at every step, and for what is no curvature.
    """
    matrix = _map(name, equations, values, states)
    several = list(curvature) if isinstance(curvature, (list, tuple, np.ndarray)) and np.ndim(curvature) else [curvature]
    if any(isinstance(h, sp.Expr) and h.free_symbols for h in several):
        formulas = [h if isinstance(h, sp.Expr) else decimal(float(_numbers(name, h)[0])) for h in several]
    elif matrix.free_symbols - {CURVATURE}:
        formulas = [decimal(h) for h in _numbers(name, curvature).tolist()]
    else:
        return float(_radii(matrix, _numbers(name, curvature)).max())
    if len(formulas) > MOST:
        raise SymgradError(f"{name}: a formula of {len(formulas)} curvatures cannot be read; give the least and largest")
    return sp.Max(*(_formula(name, matrix.subs(CURVATURE, h)) for h in formulas))


def _map(name: str, equations: Equations, values: Mapping[str, Any], states: Sequence[str]) -> sp.Matrix:
    """The step as a matrix of the parameters and of those states that reach them."""
    kept = ["theta", *states]
    vectors = {sp.Symbol(v): sp.Dummy(v) for v in (*kept, "g", *(left.name for left, _ in equations))}
    numbers = {sp.Symbol(k): v if isinstance(v, sp.Expr) else decimal(v) for k, v in values.items()}
    start = [vectors[sp.Symbol(v)] for v in kept]
    now: dict[Any, sp.Expr] = {v: v for v in vectors.values()}
    now[vectors[sp.Symbol("g")]] = CURVATURE * start[0]
    for left, right in equations:
        formula = right.doit().xreplace(vectors)
        moving = formula.free_symbols & {v for v in now if now[v].has(*start)}
        if moving and not _is_linear(formula, moving):
            raise SymgradError(f"{name}: {line(left)} ← {line(right)} is not linear in the parameters and their gradient, "
                               "so how much of the error a step leaves depends on the error: there is no one factor")
        now[vectors[left]] = sp.expand(formula.xreplace(now))
    rows = [[sp.cancel(sp.diff(now[row], column).subs(numbers)) for column in start] for row in start]
    matrix = sp.Matrix(rows)
    if matrix.has(sp.Symbol("t")):
        raise SymgradError(f"{name}: its formulas count the steps (t), and so the error shrinks by another factor at each")
    reached = [0]
    for row in reached:
        reached += [column for column in range(len(kept)) if matrix[row, column] != 0 and column not in reached]
    return matrix.extract(sorted(reached), sorted(reached))


def _is_linear(formula: sp.Expr, vectors: Collection[sp.Expr]) -> bool:
    """Do its slopes hold none of these?"""
    return not formula.has(VectorNorm) and not any(sp.diff(formula, v).has(*vectors) for v in vectors)


def _numbers(name: str, curvature: Any) -> np.ndarray:
    """Curvatures as an array of one axis."""
    try:
        found = np.asarray(curvature, dtype=float)
    except (TypeError, ValueError):
        raise SymgradError(f"{name}: a curvature is a number, an array of eigenvalues or a SymPy expression, not "
                           f"{curvature!r}") from None
    if found.ndim > 1:
        raise SymgradError(f"{name}: the curvature has the shape {found.shape}; give the eigenvalues of a Hessian, "
                           "np.linalg.eigvalsh(H)")
    if not found.size or not np.isfinite(found).all():
        raise SymgradError(f"{name}: a curvature must be a finite number, not {curvature!r}")
    return found.reshape(-1)


def _radii(matrix: sp.Matrix, curvatures: np.ndarray) -> np.ndarray:
    """The spectral radius at each curvature."""
    size = matrix.rows
    entries = [np.broadcast_to(sp.lambdify(CURVATURE, entry, "numpy")(curvatures), curvatures.shape) for entry in matrix]
    filled = np.stack(entries, axis=-1).reshape(-1, size, size)
    if size == 1:
        return np.abs(filled[:, 0, 0])
    if size == 2:
        trace = filled[:, 0, 0] + filled[:, 1, 1]
        det = filled[:, 0, 0] * filled[:, 1, 1] - filled[:, 0, 1] * filled[:, 1, 0]
        under = trace**2 - 4 * det
        under = np.where(np.abs(under) <= ROUNDING * (trace**2 + 4 * np.abs(det)), 0, under)
        return np.maximum(np.sqrt(np.abs(det)), (np.abs(trace) + np.sqrt(np.maximum(under, 0))) / 2)
    return np.abs(np.linalg.eigvals(filled)).max(axis=-1)


def _formula(name: str, matrix: sp.Matrix) -> sp.Expr:
    """The spectral radius as a formula, by the factors of the characteristic polynomial."""
    root = sp.Dummy("lambda")
    found: list[sp.Expr] = []
    for factor, _ in sp.factor_list((root * sp.eye(matrix.rows) - matrix).det(), root)[1]:
        poly = sp.Poly(factor, root)
        if poly.degree() == 1:
            found.append(sp.Abs(sp.factor(poly.nth(0) / poly.nth(1))))
        elif poly.degree() == 2:
            trace, det = (sp.factor(sign * poly.nth(k) / poly.nth(2)) for sign, k in ((-1, 1), (1, 0)))
            under = sp.factor(trace**2 - 4 * det) if trace.is_Mul else trace**2 - 4 * det
            found.append(sp.Max(sp.sqrt(sp.Abs(det)), (sp.Abs(trace) + sp.sqrt(sp.Max(under, 0))) / 2))
        else:
            raise SymgradError(f"{name}: the factor is a root of a polynomial of degree {poly.degree()}, for which there "
                               "is no formula to read; give numbers")
    return sp.Max(*found) if len(found) > 1 else found[0]
