"""Newton's step by the structure of the Hessian: nothing of it is formed, what is solved is small.

`sg.structure` reads off the formula that a Hessian is diagonal, has blocks, is a Kronecker product or a diagonal plus a
few columns; then `H d = -g` is a division, small systems, or the formula of Woodbury. The step is one compiled function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from symgrad.calculus.derivatives import hessian
from symgrad.calculus.structures import structure
from symgrad.descent.objective import Objective
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.graphs.node import REAL, Symbol
from symgrad.language.pointwise import abs as absolute
from symgrad.language.tensor import Tensor, wrap

DIRECT = ("diagonal", "block_diagonal", "kronecker", "diagonal_plus_low_rank")
SMALLEST = 12  # variables: a dense system of fewer is solved in no time


def structured_solver(f: Objective) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """(x, g) to -H⁻¹ g by the structure of the Hessian; None where it has none, or where that would gain nothing.

    A diagonal counts by its absolute values, so that the step goes down. Several variables: where the Hessian has no
    entries between them, each by the structure of its own part.

    >>> import symgrad as sg
    >>> x, c = sg.parameter("x", 20), sg.data("c", 20)
    >>> f = Objective(sg.sum(sg.exp(x) - c * x), [x], {c.node: np.ones(20)}, {})
    >>> structured_solver(f)(np.zeros(20), np.arange(20.0))[:4]
    array([-0., -1., -2., -3.])
    """
    if f.size < SMALLEST or any(x.over is not None for x in f.variables):
        return None
    try:
        slopes = [wrap(input_node(Symbol("data", f"{x.name} slope"), x.node.shape, REAL), None) for x in f.variables]
        steps = structured_steps(f.loss, f.variables, slopes)
    except SymgradError:
        return None
    if steps is None:
        return None
    run = f.compiled(steps, slopes)

    def step(x: np.ndarray, g: np.ndarray) -> np.ndarray:
        try:
            return -f.joined(run(*f.pieces(x), *f.pieces(g)))
        except DataError:  # singular here
            return -g

    return step


def structured_steps(loss: Tensor, variables: Sequence[Tensor], slopes: Sequence[Tensor]) -> list[Tensor] | None:
    """H⁻¹ g as tensors, one for each variable; None where the Hessian has no structure that is solved directly."""
    blocks = hessian(loss, list(variables))
    found = []
    for i, (row, g) in enumerate(zip(blocks, slopes, strict=True)):
        for j, block in enumerate(row):
            value = literal_value(block.node)
            if i != j and (value is None or value.number):
                return None
        if not g.ndim:
            found.append(g / row[i])
            continue
        part = structure(row[i])
        if part.kind not in DIRECT:
            return None
        found.append(g / absolute(part.diagonal()) if part.kind == DIRECT[0] else part.solve(g))
    return found
