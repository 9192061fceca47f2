"""`sg.simplify`: an equal tensor with the rewrites that do not run when an expression is built."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.rewrites.simplification import simplified
from symgrad.language.align import as_tensor
from symgrad.language.tensor import Tensor, wrap


def simplify(t: Any) -> Tensor:
    """A tensor equal to `t` whose graph is not larger; simplifying the result gives the result.

    Products and sums used once are flattened, like terms merged, what all terms of a sum share stands in front of
    it; declared facts are used: take derivatives by a symbol with facts before. Products are not distributed over
    sums, and named tensors stay.

    >>> import symgrad as sg
    >>> A, B, x = sg.data("A", (3, 3)), sg.data("B", (3, 3)), sg.data("x", 3)
    >>> print(sg.simplify(A @ (B @ x) + (A @ B) @ x), sg.simplify(x * sg.tanh(A @ x) + B @ x * sg.tanh(A @ x)), sep="; ")
    2 A B x; tanh(A x) ⊙ (x + B x)
    """
    tensor = as_tensor(t, "simplify")
    return wrap(simplified(tensor.node), tensor.over)
