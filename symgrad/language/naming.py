"""Names of layers in what is made of tensors: a gradient has those of the loss that it was derived from."""

from __future__ import annotations

from collections.abc import Iterable

from symgrad.formulas.names import is_of_layer, symbol_names
from symgrad.graphs.node import Node, topological
from symgrad.language.tensor import Tensor


def layer_names(tensors: Iterable[Tensor]) -> dict[Node, str]:
    """The names of the symbols of layers, in all that `tensors` were made of: in a gradient that holds one layer of
    two, its W is W2 as in the loss; empty where there are no layers.

    >>> import symgrad as sg
    >>> f, g = sg.nn.Linear(3, 3, bias=False), sg.nn.Linear(3, 1, bias=False)
    >>> loss = sg.sum(g(sg.tanh(f(sg.data("x", 3)))))
    >>> print(sg.gradient(loss, g.W), "and", loss)
    tanh(W₁ x)ᵀ and W₂ tanh(W₁ x)
    """
    stack = list(tensors)
    if not any(t.node.owned for t in stack):
        return {}
    made: dict[int, Tensor] = {}
    while stack:
        t = stack.pop()
        if id(t) not in made:
            made[id(t)] = t
            stack += t.recipe.operands if t.recipe is not None else ()
    names = symbol_names(topological([t.node for t in made.values()]))
    return {node: text for node, text in names.items() if is_of_layer(node)}
