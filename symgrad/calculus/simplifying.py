"""`sg.simplify`: an equal tensor with the rewrites that do not run when an expression is built."""

from __future__ import annotations

from typing import Any

from symgrad.graphs.facts import any_declared
from symgrad.graphs.node import topological
from symgrad.graphs.rewrites.simplification import simplified
from symgrad.graphs.textbook.length import Length
from symgrad.graphs.textbook.normal import textbook
from symgrad.language.align import as_tensor
from symgrad.language.recipes import ambient, as_written
from symgrad.language.tensor import Recipe, Tensor, wrap

MARGIN = 0.5  # pieces of a formula


def simplify(t: Any) -> Tensor:
    """A tensor equal to `t` whose graph is not larger; simplifying the result gives the result.

    Products and sums used once are flattened, like terms merged, what all terms of a sum share stands in front of
    it; declared facts are used, but what is differentiated again is `t` as it was. Products are not distributed over
    sums, and named tensors stay.

    >>> import symgrad as sg
    >>> A, B, x = sg.data("A", (3, 3)), sg.data("B", (3, 3)), sg.data("x", 3)
    >>> print(sg.simplify(A @ (B @ x) + (A @ B) @ x), sg.simplify(x * sg.tanh(A @ x) + B @ x * sg.tanh(A @ x)), sep="; ")
    2 A B x; tanh(A x) ⊙ (x + B x)
    """
    tensor = as_tensor(t, "simplify")
    node = simplified(tensor.node)
    if node is tensor.node:
        return tensor
    settled = tensor.recipe is not None and tensor.recipe.settled
    recipe = Recipe(simplify, (tensor,), {}, (tensor,), settled=settled, reading=_read)
    if any_declared(topological([tensor.node])):
        recipe = recipe._replace(ambient=ambient(tensor))
    return as_written(node, tensor.over, recipe)


def _read(t: Tensor) -> Tensor:
    """What is simplified as people read it: the textbook's form where that is shorter by more than brackets."""
    read, other, length = textbook(t.node), simplified(t.node), Length()
    return wrap(read if length(read) < length(other) - MARGIN else other, t.over)
