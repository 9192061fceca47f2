"""A derivative from what was written to what is handed out: the passes, in their order.

1. `ambient`: derivatives within `y` as they are for independent entries, before declared facts shortened them;
2. `posed`: the variable as a node of the graph; where normal forms absorbed it, `y` is written again with a symbol there;
3. `stable`: raw formulas in safe forms, the variable kept;
4. `reverse`: cotangents (`graphs/reverse.py`), the one pass that differentiates;
5. shorter forms that hold for independent entries too, so that the result may be differentiated again;
6. `finished`: what declared facts make shorter still. The tensor handed out remembers what it was before.

A derivative has two readings, and each is one `Lens` through these passes. `COMPUTED` is what programs carry out: stable
forms, conditions kept around what may be infinite. `READ` is what people see: the formula as it was written, with its
functions by name, differentiated, in a textbook's normal form. A tensor holds the node of the first; the second is made
when something is shown (`recipes.shown`).

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
from symgrad.graphs.textbook.names import names_in, renamed
from symgrad.graphs.textbook.normal import textbook
from symgrad.graphs.textbook.recognised import recognised
from symgrad.language.recipes import ambient, as_written, is_absorbed, put_back, replay, stable, stand_in
from symgrad.language.tensor import Recipe, Tensor


class Lens(NamedTuple):
    """One of the two readings of a derivative."""

    forms: Callable[..., list[Node]]  # of tensors, with nodes that are kept: what is differentiated
    short: Callable[[Sequence[Node], bool], list[Node]]  # of derivatives, by what is declared or without it
    guarded: bool  # are local derivatives taken only where they count?


def _for_programs(nodes: Sequence[Node], declared: bool) -> list[Node]:
    if declared:
        return by_facts(nodes, declared=True)
    return tidied(by_facts(unpicked(nodes), declared=False))


def _for_readers(nodes: Sequence[Node], declared: bool) -> list[Node]:
    return [textbook(node, declared=declared) for node in nodes]


COMPUTED = Lens(stable, _for_programs, True)
READ = Lens(lambda tensors, keep=(): recognised([t.node for t in tensors], keep), _for_readers, False)


class Posed(NamedTuple):
    """A derivative to be taken: of the graph `root` by its node `x`."""

    root: Node
    x: Node
    settled: bool  # is what lies below `x` stable too?
    way: Lens
    names: dict[Node, str]  # what has a name in `y`, for those who read
    back: tuple[Tensor, Tensor] | None = None  # a symbol that stands for the variable, and the variable


class Raw(NamedTuple):
    """A derivative as the reverse pass gives it, its sample axis, and whether it is one of a stable form."""

    node: Node
    over: Size | None
    settled: bool


def posed(y: Tensor, x: Tensor, way: Lens) -> Posed:
    """The derivative of `y` by `x` as a question about one graph."""
    (root,) = way.forms([y])
    names = _names(y) if way is READ else {}
    if x.node.op in ops.GIVEN:
        return Posed(root, x.node, True, way, names)
    if not is_absorbed(x):
        kept = way.forms([y], [x.node])[0] if x.node in topological([y.node]) else root
        return Posed(kept, x.node, kept is root, way, names)
    new = stand_in(x)
    return Posed(way.forms([ambient(replay(y, x, new))])[0], new.node, False, way, names, (new, x))


def _names(y: Tensor) -> dict[Node, str]:
    given = names_in([y.node])
    return dict(zip(recognised(list(given)), given.values(), strict=True))


def derived(question: Posed, node: Node, over: Size | None) -> Raw:
    """What the reverse pass gave, with the variable in the place of the symbol that stood for it."""
    (node,) = renamed([node], question.names)
    return Raw(put_back(node, *question.back) if question.back else node, over, question.settled)


def finished(raw: Sequence[Raw], function: Callable[..., Any], args: Sequence[tuple[Any, ...]], way: Lens,
             reading: Callable[..., Any] | None = None) -> list[Tensor]:
    """Derivatives as tensors that remember how they were made, `function` of `args`, and what they were before.

    `reading` makes the formula that people see of the same arguments.
    """
    nodes = [as_real(node) for node in way.short([r.node for r in raw], False)]
    results = []
    for r, node, short, given in zip(raw, nodes, way.short(nodes, True), args, strict=True):
        operands = tuple(t for t in given if isinstance(t, Tensor))
        recipe = Recipe(function, given, {}, operands, settled=r.settled, reading=reading)
        free, short = as_written(node, r.over, recipe), as_real(short)
        results.append(free if short is node else as_written(short, r.over, recipe._replace(ambient=free)))
    return results
