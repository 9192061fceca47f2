"""A derivative from what was written to what is handed out: the passes, in their order.

1. `ambient`: derivatives within `y` as they are for independent entries, before declared facts shortened them;
2. `posed`: the variable as a node of the graph; where normal forms absorbed it, `y` is written again with a symbol there,
   and entries of a symbol vary with that;
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

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from symgrad.calculus.parts import Part, part_of, picked
from symgrad.calculus.variables import as_used, check_absent, check_twin, with_symbol
from symgrad.formulas.names import refuse_twins
from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import as_real
from symgrad.graphs.node import Node, topological
from symgrad.graphs.rewrites.both_signs import tidied
from symgrad.graphs.rewrites.declared import by_facts
from symgrad.graphs.rewrites.exponents import reduced
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.sizes import Size
from symgrad.graphs.textbook.names import names_in, renamed
from symgrad.graphs.textbook.normal import textbooks
from symgrad.graphs.textbook.recognised import recognised
from symgrad.language.recipes import as_written, put_back, put_in, recipe_of, stable, stand_in
from symgrad.language.replaying import ReadOnce
from symgrad.language.tensor import Tensor


class Lens(NamedTuple):
    """One of the two readings of a derivative."""

    forms: Callable[..., list[Node]]  # of tensors, with nodes that are kept: what is differentiated
    short: Callable[[Sequence[Raw], Sequence[Node], bool], list[Node]]  # of derivatives, by what is declared or without it
    guarded: bool  # are local derivatives taken only where they count?


def _for_programs(raw: Sequence[Raw], nodes: Sequence[Node], declared: bool) -> list[Node]:
    if declared:
        return by_facts(nodes, declared=True)
    return reduced(tidied(by_facts(unpicked(nodes), declared=False)))


def _for_readers(raw: Sequence[Raw], nodes: Sequence[Node], declared: bool) -> list[Node]:
    return textbooks(nodes, declared=declared, by=[r.by for r in raw], names=raw[0].names if raw else None)


COMPUTED = Lens(stable, _for_programs, True)
READ = Lens(lambda tensors, keep=(): recognised([t.node for t in tensors], keep), _for_readers, False)


class Posed(NamedTuple):
    """A derivative to be taken: of the graph `root` by its node `x`."""

    root: Node
    x: Node
    settled: bool  # is what lies below `x` stable too?
    way: Lens
    names: dict[Node, str]  # what has a name in `y`, for those who read
    part: Part | None = None  # of `x`, where entries of a symbol are asked for
    back: tuple[Tensor, Tensor] | None = None  # a symbol that stands for the variable, and the variable


class Raw(NamedTuple):
    """A derivative as the reverse pass gives it, its sample axis, and whether it is one of a stable form."""

    node: Node
    over: Size | None
    settled: bool
    by: Node  # the variable
    names: dict[Node, str]  # of what it was derived from


def posed(y: Tensor, variables: Sequence[Tensor], operation: str, way: Lens) -> list[Posed]:
    """The derivatives of `y` by `variables`, each as a question about one graph.

    Entries of a symbol vary with it. Any other variable that is no symbol must be what `y` was written with: raises
    DifferentiationError for one that is not, where `y` depends on its symbols, and SymgradError where two symbols of `y`
    have one name.
    """
    order = topological([y.node])
    refuse_twins(node for node in order if node.op is ops.INPUT)
    (root,), below = way.forms([y]), set(order)
    whole = Posed(root, y.node, True, way, _names(y) if way is READ else {})
    return [_posed(y, as_used(x, below), whole, below, operation) for x in variables]


def _posed(y: Tensor, x: Tensor, whole: Posed, below: Collection[Node], operation: str) -> Posed:
    if x.node.op in ops.GIVEN:
        check_twin(y, x, below, operation)
        return whole._replace(x=x.node)
    new = stand_in(x)
    inside = put_in(y.node, x, new)
    part = part_of(x.node)
    if part is not None:
        left = topological([inside])
        if new.node not in left or part.symbol in left:
            return whole._replace(x=part.symbol, part=part)
    else:
        again = with_symbol(y, x, new)
        if again is None:
            check_absent(y, x, operation)
            return whole._replace(x=x.node)
        if again.node is not inside:
            return whole._replace(root=whole.way.forms([again])[0], x=new.node, settled=False, back=(new, x))
    (kept,) = whole.way.forms([y], [x.node])
    return whole._replace(root=kept, x=x.node, settled=kept is whole.root)


def _names(y: Tensor) -> dict[Node, str]:
    given = names_in([y.node])
    return dict(zip(recognised(list(given)), given.values(), strict=True))


def derived(asked: Posed, node: Node, over: Size | None) -> Raw:
    """What the reverse pass gave, with the variable in the place of the symbol that stood for it."""
    (node,) = renamed([node], asked.names)
    if asked.back is None:
        return Raw(node, over, asked.settled, asked.x, asked.names)
    return Raw(put_back(node, *asked.back), over, asked.settled, asked.back[1].node, {})


def entries(asked: Posed, node: Node, lead: int) -> Node:
    """What of a derivative by `asked.x`, whose axes stand behind `lead` others, was asked for."""
    return node if asked.part is None else picked(asked.part, node, lead)


def finished(raw: Sequence[Raw], function: Callable[..., Any], args: Sequence[tuple[Any, ...]], way: Lens,
             reading: Callable[..., Any] | None = None) -> list[Tensor]:
    """Derivatives as tensors that remember how they were made, `function` of `args`, and what they were before.

    `reading` makes the formula that people see of the same arguments.
    """
    nodes = [as_real(node) for node in way.short(raw, [r.node for r in raw], False)]
    results = []
    if reading is not None:
        reading = ReadOnce(reading, [given[1] for given in args] if len(args) > 1 else ())
    for r, node, short, given in zip(raw, nodes, way.short(raw, nodes, True), args, strict=True):
        recipe = recipe_of(function, given)._replace(settled=r.settled, reading=reading)
        free, short = as_written(node, r.over, recipe), as_real(short)
        results.append(free if short is node else as_written(short, r.over, recipe._replace(ambient=free)))
    return results
