"""Derivative rules of eigenvalues and eigenvectors, singular values and vectors, and of QR, as cotangents.

Giles, Collected matrix derivative results (2008), for symmetric matrices; Townsend, Differentiating the singular value
decomposition (2016); Walter and Lehmann, Algorithmic differentiation of linear algebra functions (2010), for QR. They
divide by differences of eigenvalues, so they ask for vectors that refuse equal ones (`distinct`).
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs.algebra.einsum import contract, literal
from symgrad.graphs.algebra.linear import solve, swapped
from symgrad.graphs.algebra.primitives import add, elementwise, iota
from symgrad.graphs.algebra.spectra import eigenvalues, eigenvectors, qr, singular_values, singular_vectors
from symgrad.graphs.node import Node
from symgrad.graphs.weights import MINUS, ONE, weight

Cotangents = Sequence[Node | None]
Labels = tuple[object, ...]


def _axes(a: Node, lead: int) -> tuple[Labels, Labels]:
    """Labels of the stack axes of a matrix, and of the seeds."""
    return tuple(range(len(a.shape) - 2)), tuple(f"s{i}" for i in range(lead))


def _apart(values: Node) -> Node:
    """1 / (values_j - values_i) for i, j in the last two axes, 0 where they are the same."""
    b = tuple(range(len(values.shape) - 1))
    n = values.shape[-1]
    full = (*b, "i", "j")
    sizes = dict(zip(full, (*values.shape, n), strict=True))
    row, column = (contract([values], [(*b, x)], full, sizes) for x in ("i", "j"))
    same = elementwise("equal", [contract([iota(n)], [(x,)], full, sizes) for x in ("i", "j")])
    shape = (*values.shape, n)
    gaps = elementwise("where", [same, literal(1, shape), add([column, row], [ONE, MINUS])])
    return elementwise("where", [same, literal(0, shape), elementwise("reciprocal", [gaps])])


def eigenvalues_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """V diag(u) V'."""
    (a,) = node.operands
    b, s = _axes(a, lead)
    v = eigenvectors(a, True)
    return [contract([u, v, v], [(*s, *b, "k"), (*b, "i", "k"), (*b, "j", "k")], (*s, *b, "i", "j"))]


def eigenvectors_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The symmetric part of V (F o V' u) V', F_ij = 1 / (w_j - w_i)."""
    (a,) = node.operands
    b, s = _axes(a, lead)
    v, f = eigenvectors(a, True), _apart(eigenvalues(a))
    g = contract([v, f, v, u, v], [(*b, "i", "k"), (*b, "k", "l"), (*b, "p", "k"), (*s, *b, "p", "l"), (*b, "j", "l")],
                 (*s, *b, "i", "j"))
    return [add([g, swapped(g)], [weight(0.5), weight(0.5)])]


def singular_values_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """U diag(u) V'."""
    (a,) = node.operands
    b, s = _axes(a, lead)
    left, right = (singular_vectors(a, side, True) for side in "uv")
    return [contract([u, left, right], [(*s, *b, "k"), (*b, "i", "k"), (*b, "j", "k")], (*s, *b, "i", "j"))]


def singular_vectors_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """U [(F o (U'u - u'U)) S + (I - U U') u S^-1] V' of left ones, F_ij = 1 / (s_j^2 - s_i^2); of right ones for A'."""
    (a,) = node.operands
    side = node.attrs[0]
    b, s = _axes(a, lead)
    own, other = singular_vectors(a, side, True), singular_vectors(a, "v" if side == "u" else "u", True)
    values = singular_values(a)
    squares = contract([values, values], [(*b, "k"), (*b, "k")], (*b, "k"))
    inner = contract([own, u], [(*b, "p", "k"), (*s, *b, "p", "l")], (*s, *b, "k", "l"))
    turned = add([inner, swapped(inner)], [ONE, MINUS])
    terms = [contract([own, _apart(squares), turned, values, other],
                      [(*b, "i", "k"), (*b, "k", "l"), (*s, *b, "k", "l"), (*b, "l"), (*b, "j", "l")], (*s, *b, "i", "j"))]
    if own.shape[-2] != own.shape[-1]:  # what the columns do not span
        within = contract([own, inner], [(*b, "i", "k"), (*s, *b, "k", "l")], (*s, *b, "i", "l"))
        beyond = add([u, within], [ONE, MINUS])
        terms.append(contract([beyond, elementwise("reciprocal", [values]), other],
                              [(*s, *b, "i", "l"), (*b, "l"), (*b, "j", "l")], (*s, *b, "i", "j")))
    g = add(terms)
    return [g if side == "u" else swapped(g)]


def qr_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """[q + Q copyltu(R r' - q' Q)] R'^-1 for cotangents q and r, of which one is u and the other 0."""
    (a,) = node.operands
    b, s = _axes(a, lead)
    q, r = qr(a, "q"), qr(a, "r")
    square = (*s, *b, "i", "j")
    if node.attrs[0] == "r":
        m = contract([r, u], [(*b, "i", "k"), (*s, *b, "j", "k")], square)
    else:
        m = add([contract([u, q], [(*s, *b, "k", "i"), (*b, "k", "j")], square)], [MINUS])
    sizes = dict(zip(square, m.shape, strict=True))
    rows, columns = (contract([iota(r.shape[-1])], [(x,)], square, sizes) for x in ("i", "j"))
    mirrored = elementwise("where", [elementwise("greater_equal", [rows, columns]), m, swapped(m)])
    x = contract([q, mirrored], [(*b, "p", "i"), square], (*s, *b, "p", "j"))
    x = x if node.attrs[0] == "r" else add([x, u])
    turned = contract([x], [(*s, *b, "p", "j")], (*b, "j", "p", *s))
    return [contract([solve(r, turned)], [(*b, "j", "p", *s)], (*s, *b, "p", "j"))]
