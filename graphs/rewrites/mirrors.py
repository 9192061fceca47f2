"""What a matrix is that is turned about its diagonal: itself, its negative, or another one.

Symmetric are declared matrices, Gram matrices, and what is made entry by entry of symmetric ones; x 1' - 1 x' is
antisymmetric, so its square is symmetric, and so is a kernel exp(-(x_i - x_j)^2).
"""

from __future__ import annotations

from collections.abc import Callable

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.node import Node

EVEN = frozenset({"abs", "cos", "cosh"})
ODD = frozenset({"sin", "tan", "sinh", "tanh", "arctan", "sign", "cbrt", "erf"})


def parity(node: Node, declared: Callable[[Node], bool], known: dict[Node, int]) -> int:
    """1 of a matrix that is symmetric in its last two axes, -1 of an antisymmetric one, 0 of others.

    `declared` says so of symbols; `known` is filled.
    """
    stack = [node]
    while stack:
        n = stack[-1]
        if n in known:
            stack.pop()
            continue
        missing = [o for o in n.operands if o not in known and len(o.shape) > 1] if len(n.shape) > 1 else []
        if missing:
            stack += missing
        else:
            known[stack.pop()] = _parity(n, declared, known)
    return known[node]


def _parity(node: Node, declared: Callable[[Node], bool], known: dict[Node, int]) -> int:
    if len(node.shape) < 2 or node.shape[-1] != node.shape[-2]:
        return 0
    if node.op in ops.PRODUCTS:
        return _of_product(node, known)
    parities = [known.get(o, 0) for o in node.operands]
    if node.op in (ops.NAMED, ops.STOP, ops.INVERSE):
        return parities[0]
    if node.op is ops.ADD and node.operands:
        return parities[0] if len(set(parities)) == 1 and parities[0] else _of_sum(node)
    if node.op is ops.ELEMENTWISE and all(o.shape == node.shape or not o.shape for o in node.operands):
        return _of_function(str(node.attrs[0]), [known.get(o, 0) if o.shape else 1 for o in node.operands])
    return int(declared(node))


def _of_product(node: Node, known: dict[Node, int]) -> int:
    """Of a product or view: what is turned is written with its factors turned back, each with its sign."""
    inputs, out = node.attrs
    i, j = out[-2:]
    if i == j:
        return 1
    swap = {i: j, j: i}
    sign, labels = 1, []
    for operand, names in zip(node.operands, inputs, strict=True):
        turned = tuple(swap.get(x, x) for x in names)
        if {i, j} <= set(names) and set(names[-2:]) == {i, j} and known.get(operand, 0):
            turned, sign = tuple(names), sign * known[operand]
        labels.append(turned)
    front = tuple(swap.get(x, x) for x in out[:-2])  # a delta may hold a label in front, too
    same = contract(node.operands, labels, (*front, i, j), dict(zip(out, node.shape, strict=True)))
    return sign if same is node else 0


def _of_sum(node: Node) -> int:
    """Of a sum whose terms turn into each other."""
    terms = dict(zip(node.operands, node.attrs[0], strict=True))
    signs = set()
    for term, by in terms.items():
        if term.op not in ops.PRODUCTS:
            return 0
        inputs, out = term.attrs
        other = contract(term.operands, inputs, (*out[:-2], out[-1], out[-2]), dict(zip(out, term.shape, strict=True)))
        if other not in terms or abs(terms[other].number) != abs(by.number) or terms[other].factor != by.factor:
            return 0
        signs.add(1 if terms[other] == by else -1)
    return signs.pop() if len(signs) == 1 else 0


def _of_function(row: str, parities: list[int]) -> int:
    if all(p == 1 for p in parities):
        return 1
    if parities == [-1]:
        return 1 if row in EVEN else -1 if row in ODD else 0
    return 0
