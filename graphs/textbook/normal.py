"""The normal form of a derivative that is to be read: a pure function graph -> graph, bottom-up, once.

Products get one exponent for each base (`powers.py`), sums their shortest writing (`sums.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from symgrad.graphs import ops
from symgrad.graphs.algebra.flattening import joined
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.node import Node, transform
from symgrad.graphs.rewrites.declared import by_facts
from symgrad.graphs.rewrites.picking import unpicked
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.blocks import in_blocks
from symgrad.graphs.textbook.length import Length
from symgrad.graphs.textbook.matrices import matrix_form
from symgrad.graphs.textbook.moves import MOVES, moved_form, picked_columns, scaled_stack, stacked
from symgrad.graphs.textbook.pieces import gathered, guarded, untied
from symgrad.graphs.textbook.powers import is_sum, pairs_of, scaled_product
from symgrad.graphs.textbook.sums import product_in_sum_form, sum_form

ROUNDS = 4
TRIES = 40  # writings of one sum: what has more ways to be written has none that is short


def textbook(root: Node, keep: Collection[Node] = (), declared: bool = True) -> Node:
    """`root` as a textbook prints it; nodes in `keep` stay as they are.

    `declared`: what is declared of symbols may shorten it.
    """
    return textbooks([root], keep, declared)[0]


def textbooks(roots: Sequence[Node], keep: Collection[Node] = (), declared: bool = True) -> list[Node]:
    """The forms of several derivatives; what they share is brought to its form once."""
    length = Length()
    fixed = {each: each for each in keep}
    now = list(roots)

    def step(node: Node, operands: tuple[Node, ...]) -> Node:
        return formed(rebuild(node, operands), length)

    for _ in range(ROUNDS):  # what a round has made may hold a product or sum that is new
        before = now
        now = transform(by_facts(unpicked(now), declared=declared), step, dict(fixed))
        if now == before:
            break
    return now


def formed(node: Node, length: Length) -> Node:
    """A node whose operands have their form already."""
    length.tries = TRIES
    node = in_blocks(untied(node))
    if is_sum(node):
        return _whole_sum(node, length)
    node = picked_columns(matrix_form(node))
    if node.op in MOVES:
        return moved_form(node)
    return guarded(product_in_sum_form(scaled_stack(scaled_product(node)), length))


def _whole_sum(node: Node, length: Length) -> Node:
    """A sum in its shortest writing, its entries in a stack, its conditional terms in cases."""
    stack = stacked(node)
    if stack is not node:
        return stack
    flat = joined(pairs_of(node))
    cases = gathered(flat)
    if cases is flat:
        return sum_form(node, length)
    if cases.op is ops.ELEMENTWISE:
        return elementwise(cases.attrs[0], [cases.operands[0], *(formed(o, length) for o in cases.operands[1:])])
    return sum_form(cases, length)
