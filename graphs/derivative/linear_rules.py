"""Derivative rules of matrices, as cotangents.

Giles, Collected matrix derivative results (2008), section 2.2, for inverse, solve and determinants; Murray,
Differentiation of the Cholesky decomposition (2016), equation 10. Seed axes of a solve ride along as columns,
so that no inverse is formed for a Jacobian.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs.algebra.einsum import contract, scale, zeros
from symgrad.graphs.algebra.linear import cofactor, inverse, solve, swapped
from symgrad.graphs.algebra.primitives import add, elementwise, iota
from symgrad.graphs.node import Node
from symgrad.graphs.weights import MINUS, ONE, weight

Cotangents = Sequence[Node | None]


def _axes(a: Node, lead: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Labels of the stack axes of a matrix, and of the seeds."""
    return tuple(range(len(a.shape) - 2)), tuple(f"s{i}" for i in range(lead))


def inverse_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """-Y' u Y' for Y = A^-1."""
    b, s = _axes(node, lead)
    g = contract([node, u, node], [(*b, "p", "i"), (*s, *b, "p", "q"), (*b, "j", "q")], (*s, *b, "i", "j"))
    return [scale(g, MINUS)]


def solve_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """B takes A'^-1 u, A takes minus that times X'."""
    a = node.operands[0]
    b, s = _axes(a, lead)
    columns = tuple(f"c{i}" for i in range(len(node.shape) - len(b) - 1))
    turned = contract([u], [(*s, *b, "i", *columns)], (*b, "i", *columns, *s))
    g = contract([solve(swapped(a), turned)], [(*b, "i", *columns, *s)], (*s, *b, "i", *columns))
    left = contract([g, node], [(*s, *b, "i", *columns), (*b, "j", *columns)], (*s, *b, "i", "j"))
    return [scale(left, MINUS), g]


def logdet_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """u A'^-1."""
    a = node.operands[0]
    b, s = _axes(a, lead)
    return [contract([u, inverse(a)], [(*s, *b), (*b, "j", "i")], (*s, *b, "i", "j"))]


def cofactor_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The next derivative of det, contracted with u."""
    a, (order,) = node.operands[0], node.attrs
    b, s = _axes(a, lead)
    axes = tuple(f"c{i}" for i in range(2 * order))
    return [contract([u, cofactor(a, order + 1)], [(*s, *b, *axes), (*b, *axes, "i", "j")], (*s, *b, "i", "j"))]


def cholesky_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The symmetric part of L'^-1 Phi(L' u) L^-1; Phi takes the lower triangle with half the diagonal."""
    n = node.shape[-1]
    b, s = _axes(node, lead)
    inner = contract([node, u], [(*b, "k", "i"), (*s, *b, "k", "j")], (*s, *b, "i", "j"))
    full = (*s, *b, "i", "j")
    sizes = dict(zip(full, inner.shape, strict=True))
    rows, columns = (contract([iota(n)], [(x,)], full, sizes) for x in ("i", "j"))
    lower = elementwise("where", [elementwise("greater_equal", [rows, columns]), inner, zeros(inner.shape)])
    diagonal = contract([inner], [(*s, *b, "i", "i")], (*s, *b, "i", "i"))
    phi = add([lower, diagonal], [ONE, weight(-0.5)])
    y = inverse(node)
    g = contract([y, phi, y], [(*b, "p", "i"), (*s, *b, "p", "q"), (*b, "q", "j")], (*s, *b, "i", "j"))
    return [add([g, swapped(g)], [weight(0.5), weight(0.5)])]
