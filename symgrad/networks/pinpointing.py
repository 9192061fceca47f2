"""Two formulas that differ, down to the smallest parts of them that do; within a recurrence, within its step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.algebra.primitives import add, input_node
from symgrad.graphs.algebra.recurrence import loop_of
from symgrad.graphs.node import Node, Symbol, topological, transform
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import ONE, times

STATES = "hcsuv"


@dataclass(frozen=True)
class DifferingParts:
    """What differs: the smallest part of each formula, and how its bound symbols are shown."""

    first: Node
    second: Node
    names: Mapping[Node, Node]  # bound symbols -> what they stand for

    def shown(self) -> tuple[Node, Node]:
        """Both parts with what their bound symbols stand for."""
        one, two = transform([self.first, self.second], rebuild, dict(self.names)) if self.names else (
            self.first, self.second)
        return one, two


def narrowed(a: Node, b: Node) -> DifferingParts:
    """The smallest parts in which `a` and `b` differ: all around them is equal."""
    names: dict[Node, Node] = {}
    while True:
        inner = _inner(a, b, names)
        if inner is None:
            return DifferingParts(a, b, names)
        a, b = inner


def _inner(a: Node, b: Node, names: dict[Node, Node]) -> tuple[Node, Node] | None:
    if a.op is not b.op or a.shape != b.shape:
        return None
    if a.op is ops.SCAN and a.operands == b.operands:
        return _within_step(a, b, names)
    if a.op is ops.ADD:
        return _terms(a, b)
    if a.op is ops.EINSUM or a.attrs == b.attrs:
        return _operands(a, b)
    return None


def _operands(a: Node, b: Node) -> tuple[Node, Node] | None:
    """The one operand that differs."""
    if a.op is ops.EINSUM:
        mine, other = Counter(a.operands), Counter(b.operands)
        lone, lone_b = list((mine - other).elements()), list((other - mine).elements())
        pairs = list(zip(lone, lone_b, strict=False)) if len(lone) == len(lone_b) else []
    else:
        pairs = [(x, y) for x, y in zip(a.operands, b.operands, strict=False) if x is not y]
        if len(a.operands) != len(b.operands):
            return None
    if len(pairs) != 1 or pairs[0][0].shape != pairs[0][1].shape or not pairs[0][0].operands or not pairs[0][1].operands:
        return None
    if any(literal_value(part) is not None for part in pairs[0]):
        return None
    return pairs[0]


def _terms(a: Node, b: Node) -> tuple[Node, Node] | None:
    """The terms of a sum that the other has not: one of each, or their sums."""
    whole, whole_b = list(_flat(a)), list(_flat(b))
    mine, other = Counter(whole), Counter(whole_b)
    lone, lone_b = list((mine - other).elements()), list((other - mine).elements())
    if not lone or not lone_b:
        return None
    if len(lone) == len(lone_b) == 1 and lone[0][1] == lone_b[0][1]:
        (one, _), (two, _) = lone[0], lone_b[0]
        return (one, two) if one.operands and two.operands else None
    if len(lone) == len(whole) and len(lone_b) == len(whole_b):
        return None
    return _sum(lone), _sum(lone_b)


def _flat(node: Node) -> Iterator[tuple[Node, Any]]:
    """The terms of a sum, and of the sums within it, with their weights."""
    stack = [(node, ONE)]
    while stack:
        each, by = stack.pop()
        if each.op is ops.ADD:
            stack += [(o, times(by, w)) for o, w in zip(each.operands, each.attrs[0], strict=True)][::-1]
        else:
            yield each, by


def _sum(terms: Sequence[tuple[Node, Any]]) -> Node:
    return add([node for node, _ in terms], [by for _, by in terms])


def _within_step(a: Node, b: Node, names: dict[Node, Node]) -> tuple[Node, Node] | None:
    """Two recurrences of the same operands: what of the carries is computed otherwise."""
    one, two = loop_of(a), loop_of(b)
    if one.body.symbols != two.body.symbols or one.length != two.length or one.reverse != two.reverse:
        return None
    pairs = [(x, y) for x, y in zip(one.body.after, two.body.after, strict=True) if x is not y]
    if not pairs:
        return None
    names.update(one.given)
    for i, carry in enumerate(one.body.carries):
        names[carry] = _called(STATES[i] if i < len(STATES) else f"h{i}", carry)
    for part, stack in one.stacks.items():
        symbols = [n.attrs[0].name for n in topological([stack]) if n.op is ops.INPUT]
        names[part] = _called(f"{symbols[0] if len(symbols) == 1 else 'x'}_t", part)
    return pairs[0]


def _called(name: str, like: Node) -> Node:
    return input_node(Symbol("data", name), like.shape, like.dtype)


def gate_moved(first: Node, second: Node) -> bool:
    """Does a sigmoid multiply what a matrix product gives in one formula, and what it takes in the other?"""
    after, before = _gates(first), _gates(second)
    return bool((after[0] & before[1]) | (after[1] & before[0]))


def _gates(node: Node) -> tuple[set[Node], set[Node]]:
    """Sigmoids that multiply a sum or product as a whole, and those that multiply what is contracted after."""
    outer, inner = set(), set()
    for each in topological([node]):
        if each.op is not ops.EINSUM:
            continue
        labels, out = each.attrs
        contracted = {x for operand in labels for x in operand if x not in out}
        gates = {(o, mine) for o, mine in zip(each.operands, labels, strict=True)
                 if o.op is ops.ELEMENTWISE and o.attrs[0] == "sigmoid"}
        outer |= {o for o, mine in gates if not contracted}
        inner |= {o for o, mine in gates if contracted & set(mine)}
        if not contracted:  # a product that a further one contracts
            for user in topological([node]):
                if user.op is ops.EINSUM and each in user.operands:
                    place = user.operands.index(each)
                    if {x for x in user.attrs[0][place] if x not in user.attrs[1]}:
                        inner |= {o for o, _ in gates}
    return outer, inner
