"""`sg.verify`: is a claimed formula equal to another one, and if not, what is wrong with it?

Equality is decided by numbers (`trial.py`): random testing of identities, Schwartz (1980) and Zippel (1979).
What is wrong is searched among small mistakes (`diagnosis.py`). Nothing depends on anything but the formulas:
the points are drawn with a seed of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symgrad.computing.points import Point
from symgrad.graphs.errors import DataError, ShapeError
from symgrad.language.align import as_tensor
from symgrad.language.phases import phased
from symgrad.language.tensor import Tensor
from symgrad.reading.stars import Ambiguous
from symgrad.verifying.claims import joined, otherwise, read, repairs, vocabulary
from symgrad.verifying.diagnosis import diagnose
from symgrad.verifying.reshaping import reshaped
from symgrad.verifying.sides import Sides
from symgrad.verifying.trial import TOLERANCE, Trial
from symgrad.verifying.verdict import Counterexample, Diagnosis, Verdict, shape_sentence, unequal

LARGE = 1e6  # a value that nobody reads
MATLAB = "beside ' the sign * may be the matrix product of MATLAB"
CLEAR = 1e-2  # a relative difference that is seen at a glance


def verify(claim: Any, expr: Any, **shapes: Any) -> Verdict:
    """Is the formula `claim` equal to `expr`? Both are tensors or texts.

    A text is read by `sg.parse`, its names being the symbols of the other formula; `shapes` declares further
    names, or all of them where both are texts. Two formulas are equal if they have the same shape and the same
    values at random points (wherever both have values), whatever their form: at wide and narrow sizes, small and
    large values, on both sides of every condition. A point where rounding alone moves a value, as beside a
    singular matrix, is no evidence. A claimed text whose shapes do not fit is a wrong claim, no error. Raises
    ParseError for what is no formula, SymgradError where the symbols of the two formulas disagree, where `expr`
    has no finite value at any point, and where too few points tell.

    >>> import symgrad as sg
    >>> n, d = sg.dims("n d")
    >>> X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
    >>> g = sg.gradient(sg.sum((X @ w - y) ** 2), w)
    >>> bool(sg.verify("2 * X.T @ X @ w - 2 * X.T @ y", g))
    True
    >>> verdict = sg.verify(X.T @ (X @ w - y), g)
    >>> print(verdict, verdict.factor)
    Not equal: the claim is 1/2 times the right formula; multiply it by 2. 1/2
    >>> print(sg.verify("2 * X.T @ X @ w", g))
    Not equal: the cross term -2 Xᵀ y is missing.
    """
    sides = [side if isinstance(side, str) else as_tensor(side, "verify") for side in (claim, expr)]
    built = [side for side in sides if isinstance(side, Tensor)]
    names = joined(vocabulary(built[0]) if len(built) == 1 else {}, shapes)
    claim, expr = sides
    right = read(expr, names) if isinstance(expr, str) else expr
    return judge(claim, right, names)


def judge(claim: Tensor | str, right: Tensor, names: Mapping[str, Any], seed: int = 0) -> Verdict:
    """The verdict on a tensor, or on a text in these names: equal if one of its meanings is."""
    if not isinstance(claim, str):
        return _compared(claim, right, seed)
    try:
        first = read(claim, names, right)
    except ShapeError as error:
        return _unbuilt(claim, right, names, error, seed)
    verdict = _compared(first, right, seed)
    if verdict:
        return verdict
    others = (_compared(other, right, seed) for other in otherwise(claim, names, right) if other.node is not first.node)
    return next((other for other in others if other), verdict)


def _compared(claim: Tensor, right: Tensor, seed: int) -> Verdict:
    claim, right = phased([claim, right], True)
    if claim.node is right.node and claim.over == right.over:
        return Verdict(True, "Equal: the claim is the right formula.")
    trial = Trial(claim.node, right.node, seed)
    if claim.node.shape != right.node.shape or claim.over != right.over:
        shapes = (claim.shape, right.shape) if claim.shape != right.shape else (claim.node.shape, right.node.shape)
        said = [Diagnosis("shape", shape_sentence(claim, right)), *reshaped(trial, claim, right)]
        return unequal(said, _example(trial), shapes)
    if trial.equal():
        return Verdict(True, "Equal: the claim is the right formula in another form.")
    return unequal(diagnose(trial, Sides(claim, right)), _example(trial))


def _unbuilt(text: str, right: Tensor, names: Mapping[str, Any], error: ShapeError, seed: int) -> Verdict:
    """A claim whose shapes do not fit: what to change in its text, if one small change makes it right."""
    example, ambiguous = _example(Trial(right.node, right.node, seed)), isinstance(error, Ambiguous)
    column, _, message = str(error).splitlines()[0].partition(": ")
    what = "the claim may mean two things" if ambiguous else "the shapes in the claim do not fit"
    said = [Diagnosis("shape", f"{what} at {column}: {message.rstrip('.')}")]
    for what, tensor in repairs(text, names):
        if tensor.shape == right.shape and tensor.over == right.over and judge(tensor, right, names, seed):
            kind = "other" if "@" in what else "transposed"
            why = MATLAB if ambiguous else "the shapes in the claim do not fit"
            said = [Diagnosis("shape", why), Diagnosis(kind, what)]
            break
    return unequal(said, example, (None, right.shape))


def _example(trial: Trial) -> Counterexample:
    """Simple values at which the difference is seen; the clearest of those tried, if none is clear."""
    best: tuple[float, Point, np.ndarray, np.ndarray] | None = None
    alone = trial.nodes[0] is trial.nodes[1]
    for point in trial.examples():
        try:
            mine, true, *_ = trial.compiled(point)
        except DataError:
            continue
        gap = 1.0 if alone else _gap(mine, true)
        small = bool(np.all(np.abs(true[np.isfinite(true)]) < LARGE))
        tame = small or best is None or best[0] < TOLERANCE  # not beside a singular matrix
        if not np.any(np.isnan(true)) and tame and (best is None or gap > best[0]):
            best = gap, point, mine, true
            if gap > CLEAR and small:
                break
    assert best is not None  # the points of the trial are among them
    _, point, mine, true = best
    values = {name: point.values[node] for node, name in trial.evaluator.names.items()}
    return Counterexample(values, None if alone else mine, true, {s.name: n for s, n in point.sizes.items()})


def _gap(mine: np.ndarray, true: np.ndarray) -> float:
    """How different two results are, from 0 to 1."""
    if mine.shape != true.shape or np.any((mine != true) & ~(np.isfinite(mine) & np.isfinite(true))):
        return 1.0
    finite = np.isfinite(true)
    mine, true = mine[finite], true[finite]
    largest = max(float(np.max(np.abs(true), initial=0.0)), float(np.max(np.abs(mine), initial=0.0)))
    return float(np.max(np.abs(mine - true), initial=0.0)) / largest if largest else 0.0
