"""The normal form of a derivative that is to be read: a pure function graph -> graph, bottom-up, once.

Products get one exponent for each base (`powers.py`), sums their shortest writing (`sums.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import elementwise, named
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.rewrites.declared import by_facts
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.blocks import in_blocks
from symgrad.graphs.textbook.cases import choice_form
from symgrad.graphs.textbook.conditions import in_one_direction, short_condition, with_opposites, without_ties
from symgrad.graphs.textbook.length import Length
from symgrad.graphs.textbook.loops import within_steps
from symgrad.graphs.textbook.matrices import matrix_form
from symgrad.graphs.textbook.moves import MOVES, moved_form, picked_columns, scaled_stack, stacked
from symgrad.graphs.textbook.pieces import chosen_product, gathered, guarded, triangular
from symgrad.graphs.textbook.powers import is_sum, pairs_of, scaled_product
from symgrad.graphs.textbook.rectified import homogeneous
from symgrad.graphs.textbook.sums import product_in_sum_form, sum_form, turned

ROUNDS = 4
WHOLE = frozenset({"square", "tanh", "sigmoid", "softplus", "sin", "cos", "relu", "greater"})  # no factors of quotients
TRIES = 40  # writings of one sum: what has more ways to be written has none that is short


def textbook(root: Node, keep: Collection[Node] = (), declared: bool = True, by: Node | None = None) -> Node:
    """`root` as a textbook prints it; nodes in `keep` stay as they are.

    `declared`: what is declared of symbols may shorten it. `by`: what it is a derivative by.
    """
    return textbooks([root], keep, declared, [by])[0]


def textbooks(roots: Sequence[Node], keep: Collection[Node] = (), declared: bool = True,
              by: Sequence[Node | None] = (), names: Mapping[Node, str] | None = None) -> list[Node]:
    """The forms of several derivatives, by `by`; what they share is brought to its form once.

    `names`: what else has a name where they were derived.
    """
    length = Length(names, declared)
    fixed = {each: each for each in keep}
    variables = [*by, *[None] * (len(roots) - len(by))]
    now = without_ties(roots)
    directed = in_one_direction(now, variables)
    now = [plain if strict is None else strict for plain, strict in zip(now, directed, strict=True)]
    if _may_cancel(now):  # first, before sums are written in another way
        now = transform(now, lambda node, operands: scaled_product(rebuild(node, operands)), dict(fixed))

    final: set[Node] = set()  # what has its form, by the names that are known

    def step(node: Node, operands: tuple[Node, ...]) -> Node:
        if node.op is ops.NAMED:
            inner = unnamed(operands[0])
            if length.give_name(inner, node.attrs[0]):
                final.clear()
            return named(inner, node.attrs[0])
        made = rebuild(node, operands)
        if made in final:
            return made
        found = length.renamed(formed(made, length))
        if found is made:
            final.add(made)
        return found

    for _ in range(ROUNDS):  # what a round has made may hold a product or sum that is new
        before = now
        now = transform(by_facts(unpicked(now), declared, mirrored=True), step, dict(fixed))
        if now == before:
            break
    return [root if strict is None or x is None else with_opposites(root, x)
            for root, strict, x in zip(now, directed, variables, strict=True)]


def _may_cancel(roots: Sequence[Node]) -> bool:
    """Is there anything below that could stand against a factor: a quotient, a root, an exponential, ...?"""
    return any(n.op is ops.ELEMENTWISE and n.attrs[0] not in WHOLE or n.op in ops.MATRICES | ops.SPECTRA for n in
    topological(roots))


def unnamed(node: Node) -> Node:
    return node.operands[0] if node.op is ops.NAMED else node


def formed(node: Node, length: Length) -> Node:
    """A node whose operands have their form already."""
    length.tries = TRIES
    node = homogeneous(choice_form(in_blocks(short_condition(node))))
    if is_sum(node):
        one = within_steps(node)
        return _whole_sum(one, length) if is_sum(one) else one
    node = picked_columns(matrix_form(node))
    if node.op in MOVES:
        return moved_form(node)
    made = product_in_sum_form(scaled_stack(scaled_product(node)), length)
    if length.conditional(made):
        made = triangular(guarded(chosen_product(made, length)))
    return turned(made, length)


def _whole_sum(node: Node, length: Length) -> Node:
    """A sum in its shortest writing, its entries in a stack, its conditional terms in cases."""
    stack = stacked(node)
    if stack is not node:
        return stack
    if not length.conditional(node):
        return sum_form(node, length)
    flat = joined(pairs_of(node))
    cases = gathered(flat)
    if cases is flat:
        return sum_form(node, length)
    if cases.op is ops.ELEMENTWISE:
        sides = [formed(o, length) for o in cases.operands[1:]]
        return choice_form(elementwise(cases.attrs[0], [cases.operands[0], *sides]))
    return sum_form(cases, length)
