"""Sums as a textbook has them, for what is not differentiated any more.

`tidied` is a pure function graph -> graph. Stable forms write 1 - sigmoid(z) as sigmoid(-z); in a sum that holds both
that is the longer way. What holds afterwards: where a sum has a term a sigmoid(z) and a term b sigmoid(-z) with
coefficients whose difference is shorter than the two, it reads (a - b) sigmoid(z) + b. So the gradient of
-y log p - (1 - y) log(1 - p) is p - y. A difference of bounded terms is as accurate as its terms; products and
logarithms keep sigmoid(-z).

`mirrored` does the same for softplus(-z) = softplus(z) - z, in a formula to be read: -y log p - (1 - y) log(1 - p) is
softplus(z) - y z. There terms may cancel, so that code keeps both signs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal, literal_value, scale
from symgrad.graphs.node import Node, topological, transform
from symgrad.graphs.rewrites.patterns import bare, row_of, sum_of, terms
from symgrad.graphs.table import rebuild
from symgrad.graphs.weights import MINUS, ONE, Weight, times


def tidied(roots: Sequence[Node]) -> list[Node]:
    """`roots` with sigmoid(-z) as 1 - sigmoid(z) where that is shorter."""
    return _without(roots, "sigmoid")


def mirrored(roots: Sequence[Node], keep: Sequence[Node] = ()) -> list[Node]:
    """`roots` with softplus(-z) as softplus(z) - z where that is shorter; nodes in `keep` stay as they are."""
    return _without(roots, "softplus", keep)


def _without(roots: Sequence[Node], row: str, keep: Sequence[Node] = ()) -> list[Node]:
    arguments = {n.operands[0] for n in topological(roots) if n.op is ops.ELEMENTWISE and n.attrs[0] == row}
    if not any(scale(z, MINUS) in arguments for z in arguments):
        return list(roots)
    return transform(roots, lambda n, operands: _merged(rebuild(n, operands), row), {n: n for n in keep})


def _merged(node: Node, row: str) -> Node:
    while node.op is ops.ADD and len(node.operands) > 1:
        pairs = terms(node)
        found = [(i, *part) for i, (_, term) in enumerate(pairs) for part in _coefficients(term, row)]
        shorter = next((new for a, b in combinations(found, 2) if (new := _joined(pairs, a, b, node, row)) is not None),
                       None)
        if shorter is None:
            return node
        node = shorter
    return node


Found = tuple[int, Node, Node]  # place of a term, z, and the coefficient of f(z) in it


def _coefficients(term: Node, row: str) -> list[tuple[Node, Node]]:
    """(z, a) for a term a f(z), f the function `row`, in which everything has the axes of the term."""
    if (z := row_of(term, row)) is not None:
        return [(z, literal(1, term.shape))]
    if term.op is not ops.EINSUM:
        return []
    inputs, out = term.attrs
    found = []
    for i, (operand, names) in enumerate(zip(term.operands, inputs, strict=True)):
        if names == out and (z := row_of(operand, row)) is not None:
            rest = [j for j in range(len(inputs)) if j != i]
            sizes = dict(zip(out, term.shape, strict=True))
            found.append((z, contract([term.operands[j] for j in rest], [inputs[j] for j in rest], out, sizes)))
    return found


def _joined(pairs: Sequence[tuple[Weight, Node]], a: Found, b: Found, node: Node, row: str) -> Node | None:
    """The sum with the terms `a` and `b` joined, if they belong together and it has become shorter.

    a s(z) + b s(-z) is (a - b) s(z) + b for the sigmoid, (a + b) s(z) - b z for softplus.
    """
    if a[0] == b[0] or b[1] is not scale(a[1], MINUS):
        return None
    if _negative(a[1]):
        a, b = b, a
    (p, _), (q, _) = pairs[a[0]], pairs[b[0]]
    sign = MINUS if row == "sigmoid" else ONE
    together = sum_of([*terms(scale(a[2], p)), *terms(scale(b[2], times(q, sign)))], node)
    value = literal_value(together)
    if value is None and len(terms(together)) >= len(terms(a[2])) + len(terms(b[2])) - 1:
        return None
    f = next(o for o in (bare(pairs[a[0]][1]), *pairs[a[0]][1].operands) if row_of(o, row) is a[1])
    axes = range(len(node.shape))
    joined = contract([together, f], [axes, axes], axes)
    over = b[2] if row == "sigmoid" else scale(contract([b[2], a[1]], [axes, axes], axes), MINUS)
    rest = [pair for i, pair in enumerate(pairs) if i not in (a[0], b[0])]
    return sum_of([*rest, *terms(joined), *terms(scale(over, q))], node)


def _negative(z: Node) -> bool:
    return z.op is ops.ADD and len(z.operands) == 1 and z.attrs[0][0].number < 0
