"""Clipping: a gradient that is too long is made shorter before a rule sees it. One formula, in front of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from symgrad.graphs.errors import SymgradError
from symgrad.optim.pace import named_apart
from symgrad.optim.rules import number
from symgrad.optim.scalars import VectorNorm, scalar
from symgrad.optim.updates import Optimizer

CLIPPED = scalar("g*min(1, max_norm/(norm(g) + delta))")
G = sp.Symbol("g")


def clip_norm(optimizer: Optimizer, max_norm: float, norm_type: float = 2) -> Optimizer:
    """The optimiser with gradients of at most this norm, taken over all parameters together (Pascanu et al. 2013).

    Numbers as in `torch.nn.utils.clip_grad_norm_`. Raises SymgradError for what is no optimiser by the gradient, and for
    one that clips already.

    >>> print(sg.optim.clip_norm(sg.optim.SGD(0.1), 1.0).formulas())
    SGD: gradient descent, the gradient clipped
      g ← g min(1, c / (‖g‖ + δ))
      θ ← θ - η g
      with η = 0.1, c = 1, δ = 1e-06
    """
    if norm_type != 2:
        raise SymgradError(f"clip_norm: norm_type is {norm_type!r}; gradients are clipped by their Euclidean norm, 2")
    if not isinstance(optimizer, Optimizer):
        raise SymgradError(f"clip_norm takes an optimiser of sg.optim and the largest norm, not {optimizer!r}")
    if any(right.has(VectorNorm) and left == G for left, right in optimizer.equations):
        raise SymgradError(f"clip_norm: {optimizer!r} clips its gradient already")
    given: dict[str, Any] = {"max_norm": number("clip_norm", "max_norm", max_norm, 0), "delta": 1e-6}
    formula, values = named_apart({*optimizer.values, *optimizer.start, *(left.name for left, _ in optimizer.equations)},
                                  CLIPPED, given)
    about = f"{optimizer.about}, the gradient clipped" if optimizer.about else "the gradient clipped"
    return replace(optimizer, equations=((G, formula), *optimizer.equations), values={**optimizer.values, **values},
                   about=about)
