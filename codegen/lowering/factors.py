"""A graph as the lowering sees it: who uses what, and products with the products that only they use inside them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from symgrad.codegen.lowering.order import price
from symgrad.graphs import ops
from symgrad.graphs.node import BOOLEAN, Node, consumers, topological
from symgrad.graphs.table import rebuild

FACTORS = 8  # operands of a product up to which products inside are taken apart


class UsedFactor(NamedTuple):
    """One operand of a product: its node, a label for each axis, and the node that it is an operand of."""

    node: Node
    labels: tuple[Any, ...]
    user: Node


class Uses:
    """The nodes below `roots` and their consumers; those in `keep` are computed as they are, not taken apart."""

    def __init__(self, roots: Sequence[Node], keep: Collection[Node] = ()) -> None:
        self.roots = tuple(roots)
        self.kept = {*roots, *keep}
        self.nodes = topological(roots)
        self.uses = consumers(roots)

    def only_in(self, node: Node, user: Node) -> bool:
        """Is `user` all that needs `node`, and that once?"""
        return node not in self.kept and len(self.uses[node]) == 1 and user.operands.count(node) == 1

    def factors(self, node: Node, through: Collection[Node] | None = None) -> list[UsedFactor]:
        """The factors of a product, those of products that only it uses included (of those in `through`, if given)."""
        inputs, out = node.attrs
        done: list[UsedFactor] = []
        stack = [UsedFactor(o, tuple(labels), node) for o, labels in zip(node.operands, inputs, strict=True)][::-1]
        fresh = len(out) + sum(map(len, inputs))
        while stack:
            operand, labels, user = factor = stack.pop()
            if (operand.op is not ops.EINSUM or not self.only_in(operand, user) or len(stack) + len(done) >= FACTORS
                    or _pairs_wanted(operand, labels, out) or (through is not None and operand not in through)):
                done.append(factor)
                continue
            inner, result = operand.attrs
            known = dict(zip(result, labels, strict=True))
            for label in (x for names in inner for x in names):
                if label not in known:
                    known[label] = fresh
                    fresh += 1
            stack += [UsedFactor(o, tuple(known[x] for x in names), operand)
                      for o, names in zip(operand.operands[::-1], inner[::-1], strict=True)]
        return done

    def products(self) -> Iterator[tuple[Node, list[UsedFactor]]]:
        """The products that are computed as such, consumers first, with their factors."""
        inside: set[Node] = set()
        for node in reversed(self.nodes):
            if node.op is ops.EINSUM and node not in inside:
                factors = self.factors(node)
                inside.update(factor.user for factor in factors if factor.user is not node)
                yield node, factors


def once_guarded(factors: list[UsedFactor]) -> list[UsedFactor]:
    """`factors` without truth values that are the condition of one that is `taken`: it is zero elsewhere already."""
    held = {pair for f in factors if f.node.op is ops.ELEMENTWISE and f.node.attrs == ("taken",)
            for pair in _conjuncts(f.node.operands[0], f.labels)}
    return [f for f in factors if f.node.dtype != BOOLEAN or (f.node, f.labels) not in held]


def _conjuncts(condition: Node, labels: tuple[Any, ...]) -> Iterator[tuple[Node, tuple[Any, ...]]]:
    """The conditions that hold where `condition` does, with labels."""
    stack = [(condition, labels)]
    while stack:
        node, labels = stack.pop()
        if node.op is ops.VIEW and node.operands and len(set(node.attrs[1])) == len(node.attrs[1]):
            (inner,), out = node.attrs
            node, labels = node.operands[0], tuple(labels[out.index(x)] for x in inner)
        yield node, labels
        if node.op is ops.ELEMENTWISE and node.attrs == ("logical_and",):
            stack += [(operand, labels) for operand in node.operands]


def _pairs_wanted(operand: Node, labels: Sequence[Any], out: Sequence[Any]) -> bool:
    """All pairs x_j x_k of one operand, which the result keeps: formed once, for one matrix product with the rest."""
    inner, result = operand.attrs
    if len(inner) != 2 or operand.operands[0] is not operand.operands[1] or len(result) == len(inner[0]):
        return False
    outer = dict(zip(result, labels, strict=True))
    apart = set(inner[0]) ^ set(inner[1])
    return len(outer) == len(set(inner[0]) | set(inner[1])) and all(outer[x] in out for x in apart)


def sizes_of(factors: Sequence[UsedFactor]) -> dict[Any, Any]:
    """The size of every label."""
    return {label: size for f in factors for label, size in zip(f.labels, f.node.shape, strict=True)}


def price_of(node: Node) -> float:
    """What a product costs whose operands are there, through views and scales; 0 where nothing is multiplied."""
    while node.op is ops.VIEW and node.operands or node.op is ops.ADD and len(node.operands) == 1:
        node = node.operands[0]
    if node.op is not ops.EINSUM:
        return 0.0
    sizes = {label: size for o, labels in zip(node.operands, node.attrs[0], strict=True)
             for label, size in zip(labels, o.shape, strict=True)}
    return price(node.attrs[0], node.attrs[1], sizes)


def replacements(roots: Sequence[Node], by: Mapping[Node, Node]) -> dict[Node, Node]:
    """What every node below `roots` becomes where nodes are replaced, in the replacements too."""
    memo: dict[Node, Node] = {}
    stack = list(roots)
    while stack:
        node = stack[-1]
        below = (by[node],) if node in by else node.operands
        waiting = [o for o in below if o not in memo]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        memo[node] = memo[by[node]] if node in by else rebuild(node, tuple(memo[o] for o in node.operands))
    return memo
