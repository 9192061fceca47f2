"""Derivatives with all axes shown: the sample axis of a variable is one of its axes, and samples may depend on each other.

`sg.jacobian` and `sg.hessian` give one matrix for each sample of a variable over samples; a method that goes down on all
numbers at once needs the whole matrix.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.calculus.derivatives import gradient, hessian, jacobian
from symgrad.graphs.reverse import delta_seed, reverse
from symgrad.language.recipes import stable
from symgrad.language.tensor import Tensor, wrap


def whole_jacobians(t: Tensor, variables: Sequence[Tensor]) -> list[Tensor]:
    """The Jacobian of a tensor by each variable: the axes of the tensor, then those of the variable."""
    if t.over is None and all(x.over is None for x in variables):
        return list(jacobian(t, list(variables)))
    (node,) = stable([t])
    return [wrap(j, None) for j in reverse(node, delta_seed(node.shape), [x.node for x in variables])]


def whole_hessian(loss: Tensor, variables: Sequence[Tensor]) -> list[list[Tensor]]:
    """The second derivatives of a scalar by each pair of variables."""
    if all(x.over is None for x in variables):
        return [list(row) for row in hessian(loss, list(variables))]
    return [whole_jacobians(g, variables) for g in gradient(loss, list(variables))]
