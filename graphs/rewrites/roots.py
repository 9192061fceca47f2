"""Powers of roots: (√u)² is u where u is a sum of squares.

`norm(r)**2` is how least squares are written; by the chain rule its derivative is 2 |r| (r / |r|), which is no
number at r = 0, and whose Hessian no reader recognises. Differentiated as r' r it is 2 r.
"""

from __future__ import annotations

from collections import Counter

import sympy as sp

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, literal_value
from symgrad.graphs.algebra.formulas import lower
from symgrad.graphs.algebra.primitives import elementwise
from symgrad.graphs.algebra.rows import X0
from symgrad.graphs.algebra.signs import not_negative
from symgrad.graphs.node import Node
from symgrad.graphs.rewrites.patterns import row_of


def power_of_size(node: Node) -> Node:
    """`node`, a product or a power, with |u| to an even power as u: differentiated, that is no sign(u)²."""
    if node.op is ops.ELEMENTWISE:
        u, by = row_of(node.operands[0], "abs"), literal_value(node.operands[1])
        even = by is not None and by.factor is None and by.number % 2 == 0
        return elementwise("power", [u, node.operands[1]]) if u is not None and even else node
    operands: list[Node] = list(node.operands)
    for factor, count in Counter(zip(node.operands, node.attrs[0], strict=True)).items():
        u = row_of(factor[0], "abs")
        places = [k for k, each in enumerate(zip(node.operands, node.attrs[0], strict=True)) if each == factor]
        if u is not None:
            for k in places[:count - count % 2]:
                operands[k] = u
    if operands == list(node.operands):
        return node
    inputs, out = node.attrs
    return contract(operands, inputs, out, dict(zip(out, node.shape, strict=True)))


def power_of_root(node: Node) -> Node:
    """`node`, a product or a power, with each pair of equal roots of what is not negative as their square."""
    if node.op is ops.ELEMENTWISE:
        base, exponent = node.operands
        u, by = row_of(base, "sqrt"), literal_value(exponent)
        if u is None or by is None or by.factor is not None or not not_negative(u):
            return node
        return lower(X0 ** (sp.sympify(by.number) / 2), {X0: u}, node.shape)
    if node.op is not ops.EINSUM:  # a weight in front, since |2 x|² is 4 x²
        return node
    inputs, out = node.attrs
    factors = list(zip(node.operands, inputs, strict=True))
    pairs = [factor for factor, times in Counter(factors).items() if times > 1]
    for operand, labels in pairs:
        u = row_of(operand, "sqrt")
        if u is not None and not_negative(u):
            for _ in range(factors.count((operand, labels)) // 2):
                factors.remove((operand, labels))
                factors[factors.index((operand, labels))] = (u, labels)
    if len(factors) == len(node.operands):
        return node
    return contract([n for n, _ in factors], [labels for _, labels in factors], out,
                    dict(zip(out, node.shape, strict=True)))
