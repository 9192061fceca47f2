"""How long a formula is, and by that in which order its terms stand: what decides between two writings of one sum.

Numbers come first (1 - p), then terms by the alphabet, matrices before vectors (Xᵀ (X w - y) + λ w), of one letter the
longer before the shorter (x³ + x), so that the order in which a sum was come by does not show.
"""

from __future__ import annotations

from typing import Any

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import Node, order, topological
from symgrad.graphs.weights import ONE, Weight

LONGEST = 10**6
LAST = chr(0x10ffff)  # what has no name, such as I, stands last
FUNCTION = 2.0  # of anything: what is long gets a name


class Length:
    """The length of nodes in pieces, each node measured once; a piece that is shared counts wherever it stands."""

    def __init__(self) -> None:
        self.known: dict[Node, float] = {}
        self.words: dict[Node, str] = {}
        self.forms: dict[tuple[str, Node], Node] = {}  # of sums and products: many ways lead by one
        self.tries = 0  # writings that may still be tried for the node in work

    def __call__(self, node: Node) -> float:
        for each in topological([node], enter=lambda n: n not in self.known):
            if each not in self.known:
                self.known[each] = min(self._of(each), LONGEST)
                self.words[each] = self._word(each)
        return self.known[node]

    def place(self, term: Node, rising: bool = False) -> tuple[Any, ...]:
        """A sorting key for the terms of a sum; `rising`: of one letter the shorter and lower power first.

        Numbers, products (w x + b, but A + x B), then the rest.
        """
        size, up = self(term), 1 if rising else -1
        labels = term.attrs[0] if term.op in (ops.EINSUM, ops.VIEW) else ()
        product = len(term.shape) < 2 and term.op is ops.EINSUM and len(set(term.operands)) > 1
        return (literal_value(term) is None, not product, self.words[term] or LAST, up * size, up * _degree(term), labels,
                order(term))

    def _word(self, node: Node) -> str:
        """The first name in a node, by the alphabet."""
        if node.op is ops.INPUT:
            return str(node.attrs[0].name)
        return min((self.words[o] for o in node.operands if self.words[o]), default="")

    def _of(self, node: Node) -> float:
        value = literal_value(node)
        if value is not None:
            return 1.0
        below = [self.known[o] for o in node.operands]
        if node.op is ops.ADD:
            by = [_weight(w) for o, w in zip(node.operands, node.attrs[0], strict=True) if literal_value(o) is None]
            return sum(below) + sum(by) + len(below) - 1
        if node.op is ops.VIEW and not node.operands and len(set(node.attrs[1])) < len(node.shape):
            return 0.9  # I
        if node.op is ops.VIEW:
            laid = bool(node.operands) and bool(node.operands[0].shape) and len(node.shape) > len(node.operands[0].shape)
            return sum(below) + (1.0 if len(set(node.attrs[1])) < len(node.shape) or laid else 0.0)  # diag(v), v 1ᵀ
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


def _degree(node: Node) -> float:
    """The highest power in a product."""
    if node.op is ops.EINSUM:
        return max((max(_degree(o), node.operands.count(o)) for o in node.operands), default=0)
    if node.op is ops.ELEMENTWISE and node.attrs[0] == "power" and (value := literal_value(node.operands[1])) is not None:
        return float(value.number)
    return 1


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
