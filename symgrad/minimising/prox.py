"""`sg.prox`: the proximal step of a convex function as a formula; the algebra is in `graphs/proximal/`.

Where the formula that computes well is longer than the textbook's (a root without cancellation, a length that may be zero),
people read the textbook's.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal
from symgrad.graphs.errors import NoClosedForm, ShapeError, SymgradError
from symgrad.graphs.node import REAL, Node, topological
from symgrad.graphs.proximal.kinks import NotConvex
from symgrad.graphs.proximal.steps import Stuck, guarded, proximal_step
from symgrad.graphs.stationary.affine import Obstacle
from symgrad.language.align import as_tensor, describe
from symgrad.language.phases import in_evaluation
from symgrad.language.recipes import as_written, recipe_of, stable
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimising.convexity import convexity

LONGEST = 60  # characters of a term in a message


def prox(g: Any, x: Tensor, step: Any) -> Tensor:
    """argmin_z g(z) + |z - x|²/(2 step), as a tensor of the shape of `x`: the proximal step of a convex `g` in `x`.

    `g` is a scalar, or one per sample of an `x` over the same samples; `step` a number or a scalar tensor, positive. It is
    derived for sums of: functions of entries (absolute values, max, min, `where`, powers, logarithms, exponentials, also
    infinite ones as bounds), lengths of groups of entries, a product a'x, quadratic forms; also over slices of `x`, and
    for an `x` declared nonnegative. A weight of a sign that is not declared must not be negative: there the result is NaN.
    Raises NoClosedForm with the reason, also for a `g` that is not convex or not known to be.

    In a step of entropies and exponentials `wright_omega(u)` is the number w with w + log w = u, Lambert's W of exp(u).

    Source: Parikh and Boyd, Proximal algorithms, 2014, chapter 6.

    >>> import symgrad as sg
    >>> x, s = sg.parameter("x", 4), sg.data("s")
    >>> print(sg.prox(sg.sum(sg.abs(x)), x, s))
    sign(x) ⊙ max(|x| - s, 0)
    >>> print(sg.prox(sg.norm(x), x, s))
    max(1 - s/‖x‖, 0) x
    """
    return _prox(g, x, step, False)


def read_prox(g: Any, x: Tensor, step: Any) -> Tensor:
    """The step as people read it."""
    return _prox(g, x, step, True)


def _prox(g: Any, x: Tensor, step: Any, read: bool) -> Tensor:
    target, size = in_evaluation(as_tensor(g, "prox")), as_tensor(step, "prox")
    if not isinstance(x, Tensor) or x.node.op is not ops.INPUT or x.dtype != REAL:
        shown = describe(x) if isinstance(x, Tensor) else type(x).__name__
        raise SymgradError(f"prox: x must be a real symbol (sg.parameter, sg.data), not {shown}")
    if size.ndim or size.over is not None:
        raise ShapeError(f"prox: the step {describe(size)} is not a scalar")
    if not isinstance(step, Tensor) and not (float(step) > 0 and math.isfinite(float(step))):
        raise SymgradError(f"prox: the step must be positive and finite, not {step!r}")
    if x.node in topological([size.node]):
        raise SymgradError(f"prox: the step {describe(size)} depends on {x.name}; it must be given")
    if target.ndim or target.over not in (None, x.over):
        raise ShapeError(f"prox: {describe(target)} is not a scalar; close it with sg.sum or sg.mean")
    root, size_node = stable([target, size])
    if target.over is not None:
        root = contract([root], [(0,)], ())
    node = _step(root, x, size_node, read)
    if read:
        return wrap(node, x.over)
    return as_written(node, x.over, recipe_of(prox, (target, x, size))._replace(reading=read_prox))


def _step(root: Node, x: Tensor, size: Node, read: bool) -> Node:
    """The step. What the pieces do not show to be convex, `convexity` may; what has no step may not be convex."""
    try:
        return guarded(proximal_step(root, x.node, size, read))
    except NotConvex as trouble:
        found = convexity(wrap(root, None), x)
        if found:
            try:
                return guarded(proximal_step(root, x.node, size, read, proved=True))
            except (NotConvex, Stuck, Obstacle):
                raise NoClosedForm(f"prox: no closed form for {_short(root)}, which is convex: {found.reason}") from None
        is_not = "is not convex" if found.verdict in ("concave", "not convex") else "is not known to be convex"
        seen = f"; {found.reason}" if found.witness is not None else ""
        raise NoClosedForm(f"prox: {_short(root)} {is_not} in {x.name}: {trouble}{seen}") from None
    except Stuck as stuck:
        found = convexity(wrap(root, None), x)
        nor = f"; nor is it convex: {found.reason}" if found.verdict in ("concave", "not convex") else ""
        where = "" if stuck.node is None else f" for {_short(stuck.node)}"
        raise NoClosedForm(f"prox: no closed form{where}: {stuck.reason}{nor}") from None
    except Obstacle:
        raise NoClosedForm(f"prox: the zero of the gradient of {_short(root)} has no closed form") from None


def has_prox(g: Tensor, x: Tensor) -> bool:
    """Has a convex `g` a proximal step in closed form in `x`?"""
    (root,) = stable([g])
    try:
        proximal_step(root, x.node, literal(1), False, proved=True)
    except (Stuck, NotConvex, Obstacle):
        return False
    return True


def _short(node: Node) -> str:
    text = str(wrap(node, None))
    return text if len(text) <= LONGEST else text[:LONGEST - 1] + "…"
