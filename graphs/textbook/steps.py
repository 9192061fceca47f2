"""A formula as it is read step by step: what its author gave a name is a step, and no function reaches across it.

`e = exp(z)`, `s = sum(e)`, `p = e / s` are three steps if they have these names, and one softmax if they have none.
"""

from __future__ import annotations

from collections.abc import Collection

from symgrad.graphs import ops
from symgrad.graphs.algebra.primitives import input_node, named
from symgrad.graphs.node import Node, Symbol, topological, transform
from symgrad.graphs.table import rebuild
from symgrad.graphs.textbook.recognised import recognised

STEP = -3  # the owner of the symbols that stand for steps


def recognised_by_steps(root: Node, keep: Collection[Node] = ()) -> Node:
    """`root` with its functions by name, those of each step by themselves; nodes in `keep` stay as they are."""
    steps = [n for n in topological([root]) if n.op is ops.NAMED and n.operands[0].op not in ops.GIVEN and n not in keep]
    over: dict[Node, Node] = {each: each for each in keep}  # what was written, over the symbols of steps
    formulas: dict[Node, Node] = {}  # of the symbols of steps
    for i, step in enumerate(steps):
        formula = _own(step.operands[0], over, keep)
        over[step] = input_node(Symbol("data", f"step {i}", owner=STEP), step.shape, step.dtype)
        formulas[over[step]] = named(formula, step.attrs[0])
    whole = _own(root, over, keep)
    back: dict[Node, Node] = {}
    for leaf, formula in formulas.items():
        back[leaf] = transform([formula], rebuild, back)[0]
    return transform([whole], rebuild, back)[0]


def _own(node: Node, over: dict[Node, Node], keep: Collection[Node]) -> Node:
    return recognised(transform([node], rebuild, over), keep)[0]
