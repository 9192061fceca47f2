"""How long a formula is, and by that in which order its terms stand: what decides between two writings of one sum.

Numbers come first (1 - p), then terms by the alphabet, matrices before vectors (Xᵀ (X w - y) + λ w), of one letter the
longer before the shorter (x³ + x), so that the order in which a sum was come by does not show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value, scale
from symgrad.graphs.algebra.primitives import named
from symgrad.graphs.node import BOOLEAN, Node, order, topological
from symgrad.graphs.rewrites.declared import Facts
from symgrad.graphs.weights import ONE, Weight, inverse, times

LONGEST = 10**6
LAST = chr(0x10ffff)  # what has no name, such as I, stands last
DELTA = 2.5  # in index notation
FUNCTION = 2.0  # of anything: what is long gets a name


class Length:
    """The length of nodes in pieces, each node measured once; a piece that is shared counts wherever it stands."""

    def __init__(self, names: Mapping[Node, str] | None = None, declared: bool = False) -> None:
        self.facts = Facts(declared)
        self.known: dict[Node, float] = {}
        self.words: dict[Node, str] = {}
        self.degrees: dict[Node, float] = {}
        self.conditions: dict[Node, bool] = {}
        self.forms: dict[tuple[str, Node], tuple[Node, int]] = {}  # of sums and products, with the tries that each took
        self.hasty: dict[tuple[str, Node], Node] = {}  # the same where no try was left
        self.names: dict[Node, tuple[Node, Weight]] = {}  # what has a name, without its weight, and that
        for each, text in (names or {}).items():
            self.give_name(each, text)
        self.tries = 0  # writings that may still be tried for the node in work

    def __call__(self, node: Node) -> float:
        for each in topological([node], enter=lambda n: n not in self.known):
            if each not in self.known:
                self.known[each] = min(self._of(each), LONGEST)
                self.words[each] = self._word(each)
                self.degrees[each] = self._degree(each)
        return self.known[node]

    def conditional(self, node: Node) -> bool:
        """May a condition stand in the terms below `node`? That of relu(x)/x is x > 0."""
        for each in topological([node], enter=lambda n: n not in self.conditions):
            if each not in self.conditions:
                here = each.dtype == BOOLEAN or each.op is ops.ELEMENTWISE and each.attrs[0] == "relu"
                self.conditions[each] = here or any(self.conditions[o] for o in each.operands)
        return self.conditions[node]

    def give_name(self, node: Node, text: str) -> bool:
        """From now on, `node` and its multiples are written by name. Is that new?"""
        bare, by = (node.operands[0], node.attrs[0][0]) if node.op is ops.ADD and len(node.operands) == 1 else (node, ONE)
        if bare.op in (ops.NAMED, ops.VIEW):
            return False
        before = self.names.get(bare)
        self.names[bare] = now = named(node, text), inverse(by)
        return now != before

    def renamed(self, node: Node) -> Node:
        """A node under its name, if it or a multiple of it has one."""
        bare, by = (node.operands[0], node.attrs[0][0]) if node.op is ops.ADD and len(node.operands) == 1 else (node, ONE)
        if bare not in self.names:
            return node
        known, w = self.names[bare]
        return scale(known, times(by, w))

    def remembered(self, key: tuple[str, Node], form: Callable[[Node, Length], Node]) -> Node:
        """The form of a node, found once: many ways lead by it.

        It depends on the node, and on the tries that are left, never on what was brought to its form before.
        """
        if self.tries <= 0:
            if key not in self.hasty:
                self.hasty[key] = form(key[1], self)
            return self.hasty[key]
        if key in self.forms and self.forms[key][1] < self.tries:
            made, taken = self.forms[key]
            self.tries -= taken
            return made
        before = self.tries
        made = form(key[1], self)
        if self.tries > 0:
            self.forms[key] = made, before - self.tries
        return made

    def place(self, term: Node, rising: bool = False) -> tuple[Any, ...]:
        """A sorting key for the terms of a sum; `rising`: of one letter the shorter and lower power first.

        Numbers, products (w x + b, but A + x B), then the rest.
        """
        size, up = self(term), 1 if rising else -1
        labels = term.attrs[0] if term.op in (ops.EINSUM, ops.VIEW) else ()
        product = len(term.shape) < 2 and term.op is ops.EINSUM and len(set(term.operands)) > 1
        return (literal_value(term) is None, not product, self.words[term] or LAST, up * size, up * self.degrees[term],
                labels, order(term))

    def _word(self, node: Node) -> str:
        """The first name in a node, by the alphabet."""
        if node.op is ops.INPUT:
            return str(node.attrs[0].name)
        return min((self.words[o] for o in node.operands if self.words[o]), default="")

    def _degree(self, node: Node) -> float:
        """The highest power in a product."""
        if node.op is ops.EINSUM:
            return max((max(self.degrees[o], node.operands.count(o)) for o in node.operands), default=0)
        power = node.op is ops.ELEMENTWISE and node.attrs[0] == "power"
        value = literal_value(node.operands[1]) if power else None
        return 1 if value is None else float(value.number)

    def _of(self, node: Node) -> float:
        value = literal_value(node)
        if value is not None:
            return 1.0
        below = [self.known[o] for o in node.operands]
        if node.op is ops.ADD:
            by = [_weight(w) for o, w in zip(node.operands, node.attrs[0], strict=True) if literal_value(o) is None]
            return sum(below) + sum(by) + len(below) - 1
        if node.op is ops.VIEW and not node.operands and len(set(node.attrs[1])) < len(node.shape) == 2:
            return 0.9  # I
        if node.op is ops.VIEW:
            laid = bool(node.operands) and bool(node.operands[0].shape) and len(node.shape) > len(node.operands[0].shape)
            doubled = len(node.shape) - len(set(node.attrs[1]))
            if len(node.shape) > 2:
                return sum(below) + DELTA * doubled  # δ_ij, with its indices
            return sum(below) + (1.0 if doubled or laid else 0.0)  # diag(v), v 1ᵀ
        if node.op is ops.EINSUM:
            return self._product(node)
        if node.op is ops.ELEMENTWISE and node.attrs[0] in ("reciprocal", "sqrt"):
            return 1.0 + below[0] + _brackets(node.operands[0])
        if node.op is ops.ELEMENTWISE and node.attrs[0] == "power":
            exponent = 0.5 if literal_value(node.operands[1]) is not None else below[1]
            return exponent + below[0] + _brackets(node.operands[0])
        if node.op is ops.ELEMENTWISE and node.attrs[0] == "taken":
            return below[1]  # is not written
        if node.op in (ops.SOFTMAX, ops.LOGSUMEXP):
            return 1.0  # the first that gets a name
        if node.op is ops.ELEMENTWISE:
            return FUNCTION
        return 1.0 + sum(below)

    def _product(self, node: Node) -> float:
        whole, seen = 0.0, set()
        for operand, labels in zip(node.operands, node.attrs[0], strict=True):
            if (operand, labels) in seen:
                whole += 0.5
                continue
            seen.add((operand, labels))
            whole += self.known[operand] + _brackets(operand)
        return whole + _diagonals(node) + _summed(node)


def _summed(node: Node) -> float:
    """The labels that one factor alone is summed over: 1ᵀ x, or sum(x)."""
    inputs, out = node.attrs
    uses = [x for names in inputs for x in names]
    return float(sum(uses.count(x) == 1 for x in set(uses) if x not in out))


def _diagonals(node: Node) -> float:
    """The vectors that stand as diag(v) between or beside matrices."""
    inputs, out = node.attrs
    if len(out) != 2:
        return 0.0
    wide = [x for names in inputs if len(names) > 1 for x in names]
    return float(sum(len(names) == 1 and wide.count(names[0]) > (names[0] not in out) for names in inputs))


def _weight(by: Weight) -> float:
    """What a coefficient adds: nothing where it is one or minus one."""
    if by in (ONE, Weight(-1)):
        return 0.0
    return 1.0 + (0.5 if by.factor is not None else 0.0)


def _brackets(node: Node) -> float:
    return 0.75 if node.op is ops.ADD and len(node.operands) > 1 else 0.0
