"""A derivative from what was written to what is handed out: the passes, in their order.

1. `ambient`: derivatives within `y` as they are for independent entries, before declared facts shortened them;
2. `posed`: the variable as a node of the graph; where normal forms absorbed it, `y` is written again with a symbol there;
3. `stable`: raw formulas in safe forms, the variable kept;
4. `reverse`: cotangents (`graphs/reverse.py`), the one pass that differentiates;
5. `PASSES`: shorter forms that hold for independent entries too, so that the result may be differentiated again;
6. `finished`: what declared facts make shorter still. The tensor handed out remembers what it was before.

All of it is a function of the tensors that are asked for, never of what was asked before or beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import as_real
from symgrad.graphs.node import Node, topological
from symgrad.graphs.rewrites.both_signs import tidied
from symgrad.graphs.rewrites.declared import by_facts
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.sizes import Size
from symgrad.language.recipes import ambient, as_written, is_absorbed, put_back, replay, stable, stand_in
from symgrad.language.tensor import Recipe, Tensor

PASSES: tuple[Callable[[Sequence[Node]], list[Node]], ...] = (
    unpicked, lambda nodes: by_facts(nodes, declared=False), tidied)


class Posed(NamedTuple):
    """A derivative to be taken: of the stable graph `root` by its node `x`."""

    root: Node
    x: Node
    settled: bool  # is what lies below `x` stable too?
    back: tuple[Tensor, Tensor] | None = None  # a symbol that stands for the variable, and the variable


class Raw(NamedTuple):
    """A derivative as the reverse pass gives it, its sample axis, and whether it is one of a stable form."""

    node: Node
    over: Size | None
    settled: bool


def posed(y: Tensor, x: Tensor) -> Posed:
    """The derivative of `y` by `x` as a question about one graph."""
    (root,) = stable([y])
    if x.node.op in ops.GIVEN:
        return Posed(root, x.node, True)
    if not is_absorbed(x):
        kept = stable([y], [x.node])[0] if x.node in topological([y.node]) else root
        return Posed(kept, x.node, kept is root)
    new = stand_in(x)
    return Posed(stable([ambient(replay(y, x, new))])[0], new.node, False, (new, x))


def derived(question: Posed, node: Node, over: Size | None) -> Raw:
    """What the reverse pass gave, with the variable in the place of the symbol that stood for it."""
    return Raw(put_back(node, *question.back) if question.back else node, over, question.settled)


def finished(raw: Sequence[Raw], function: Callable[..., Any], args: Sequence[tuple[Any, ...]]) -> list[Tensor]:
    """Derivatives as tensors that remember how they were made, `function` of `args`, and what they were before."""
    nodes = [r.node for r in raw]
    for each in PASSES:
        nodes = each(nodes)
    nodes = [as_real(node) for node in nodes]
    results = []
    for r, node, short, given in zip(raw, nodes, by_facts(nodes, declared=True), args, strict=True):
        operands = tuple(t for t in given if isinstance(t, Tensor))
        recipe = Recipe(function, given, {}, operands, settled=r.settled)
        free, short = as_written(node, r.over, recipe), as_real(short)
        results.append(free if short is node else as_written(short, r.over, recipe._replace(ambient=free)))
    return results
