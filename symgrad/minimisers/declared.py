"""Sets that closed forms know: a variable kept on a simplex is one that declares it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgrad.graphs.algebra.primitives import input_node
from symgrad.graphs.facts import SIMPLEX, facts_of
from symgrad.graphs.node import Symbol, new_owner
from symgrad.graphs.stationary.affine import substituted
from symgrad.language.tensor import Tensor, wrap
from symgrad.minimisers.problem import Problem


def on_simplexes(problem: Problem, loss: Tensor) -> tuple[Tensor, list[Tensor]]:
    """`loss` in variables that declare the simplex in which they are kept."""
    node, variables = loss.node, []
    for name, x in problem.variables.items():
        if problem.sets.get(name) == SIMPLEX and SIMPLEX not in facts_of(x.node):
            symbol: Symbol = x.node.attrs[0]
            new = input_node(replace(symbol, facts=(*symbol.facts, SIMPLEX), owner=new_owner()), x.node.shape, x.node.dtype)
            node = substituted(node, {x.node: new})
            x = wrap(new, x.over)
        variables.append(x)
    return (loss if node is loss.node else wrap(node, None)), variables


def in_own_names(formulas: Sequence[Tensor], inner: Sequence[Tensor], outer: Sequence[Tensor]) -> list[Tensor]:
    """Formulas in the variables of the problem."""
    back = {a.node: b.node for a, b in zip(inner, outer, strict=True) if a.node is not b.node}
    return [wrap(substituted(t.node, back), t.over) for t in formulas] if back else list(formulas)
