"""Matrices and products along an axis: primitives whose derivatives are primitives of the same family.

| op         | operands | attributes      | value                                                        |
|------------|----------|-----------------|--------------------------------------------------------------|
| inverse    | A        | ()              | the inverse of the last two axes                             |
| solve      | A, B     | ()              | X with A X = B, B of shape (..., n, k)                       |
| logdet     | A        | ()              | log |det A|                                                  |
| cofactor   | A        | (r,)            | the r-th derivative of det A: axes i1 j1 ... ir jr at the end |
| cholesky   | A        | ()              | lower triangular L with L L' = (A + A') / 2                  |
| multiply   | x        | (axis, r)       | the r-th derivative of the product along `axis`: r axes last |
| cumsum     | x        | (axis, reverse) | running sums                                                 |

`cofactor` of order 0 is the determinant and `multiply` of order 0 the product: multi-affine functions, whose
derivatives need no division, so they are right where A is singular and where entries are zero.
Rules: Giles, Collected matrix derivative results (2008), sections 2.2; cholesky: Murray (2016), eq. 10.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.graphs.einsum import contract, scale, transpose
from symgrad.graphs.node import INTEGER, REAL, Node, make
from symgrad.graphs.primitives import add, elementwise, iota
from symgrad.graphs.weights import MINUS, weight

Cotangents = Sequence[Node | None]


def inverse(a: Node) -> Node:
    """The inverse of the last two axes."""
    return make("inverse", (a,), (), a.shape, REAL)


def solve(a: Node, b: Node) -> Node:
    """X with A X = B; the stack axes of both are the same."""
    return make("solve", (a, b), (), b.shape, REAL)


def logdet(a: Node) -> Node:
    """log |det A| of the last two axes."""
    return make("logdet", (a,), (), a.shape[:-2], REAL)


def cofactor(a: Node, order: int) -> Node:
    """The derivative of order `order` of det A, with two axes of size n for each order behind the stack."""
    return make("cofactor", (a,), (order,), (*a.shape[:-2], *a.shape[-2:] * order), REAL)


def cholesky(a: Node) -> Node:
    """The lower Cholesky factor of the symmetric part of A."""
    return make("cholesky", (a,), (), a.shape, REAL)


def multiply(x: Node, axis: int, order: int = 0) -> Node:
    """The derivative of order `order` of the product of `x` along `axis`, whose axes come last."""
    rest = (*x.shape[:axis], *x.shape[axis + 1:])
    return make("multiply", (x,), (axis, order), (*rest, *(x.shape[axis],) * order), x.dtype if not order else REAL)


def cumsum(x: Node, axis: int, reverse: bool = False) -> Node:
    """Running sums along `axis`, from the front or (reverse) from the end."""
    return make("cumsum", (x,), (axis, reverse), x.shape, REAL if x.dtype == REAL else INTEGER)


def _stack(node: Node) -> tuple[int, ...]:
    return tuple(range(len(node.shape) - 2))


def inverse_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """-Y' u Y' for Y = A^-1."""
    b, s = _stack(node), tuple(f"s{i}" for i in range(lead))
    g = contract([node, u, node], [(*b, "p", "i"), (*s, *b, "p", "q"), (*b, "j", "q")], (*s, *b, "i", "j"))
    return [scale(g, MINUS)]


def solve_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """B takes A'^-1 u, A takes minus that times X'."""
    a = node.operands[0]
    b, s = _stack(node), tuple(f"s{i}" for i in range(lead))
    swapped = transpose(a, (*b, len(b) + 1, len(b)))
    if lead:
        g = contract([inverse(swapped), u], [(*b, "i", "p"), (*s, *b, "p", "k")], (*s, *b, "i", "k"))
    else:
        g = solve(swapped, u)
    left = contract([g, node], [(*s, *b, "i", "k"), (*b, "j", "k")], (*s, *b, "i", "j"))
    return [scale(left, MINUS), g]


def logdet_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """u A'^-1."""
    a = node.operands[0]
    b, s = _stack(a), tuple(f"s{i}" for i in range(lead))
    return [contract([u, inverse(a)], [(*s, *b), (*b, "j", "i")], (*s, *b, "i", "j"))]


def cofactor_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The next derivative of det, contracted with u."""
    a, (order,) = node.operands[0], node.attrs
    b, s = _stack(a), tuple(f"s{i}" for i in range(lead))
    axes = tuple(f"c{i}" for i in range(2 * order))
    return [contract([u, cofactor(a, order + 1)], [(*s, *b, *axes), (*b, *axes, "i", "j")], (*s, *b, "i", "j"))]


def cholesky_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The symmetric part of L'^-1 Phi(L' u) L^-1; Phi takes the lower triangle with half the diagonal."""
    n = node.shape[-1]
    b, s = _stack(node), tuple(f"s{i}" for i in range(lead))
    rows, columns = (contract([iota(n)], [(x,)], (0, 1), {0: n, 1: n}) for x in (0, 1))
    below = elementwise("greater", [rows, columns])
    half = add([below, contract([], [], (0, 0), {0: n})], [weight(1), weight(0.5)])
    inner = contract([node, u], [(*b, "k", "i"), (*s, *b, "k", "j")], (*s, *b, "i", "j"))
    phi = contract([inner, half], [(*s, *b, "i", "j"), ("i", "j")], (*s, *b, "i", "j"))
    y = inverse(node)
    g = contract([y, phi, y], [(*b, "p", "i"), (*s, *b, "p", "q"), (*b, "q", "j")], (*s, *b, "i", "j"))
    last = len(s) + len(b)
    mirrored = transpose(g, (*range(last), last + 1, last))
    return [add([g, mirrored], [weight(0.5), weight(0.5)])]


def multiply_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """The next derivative of the product, contracted with u."""
    x, (axis, order) = node.operands[0], node.attrs
    s = tuple(f"s{i}" for i in range(lead))
    rest = tuple(i for i in range(len(x.shape)) if i != axis)
    more = tuple(f"m{i}" for i in range(order))
    out = tuple("i" if k == axis else k for k in range(len(x.shape)))
    return [contract([u, multiply(x, axis, order + 1)], [(*s, *rest, *more), (*rest, *more, "i")], (*s, *out))]


def cumsum_rule(node: Node, u: Node, lead: int) -> Cotangents:
    """Running sums from the other end."""
    axis, reverse = node.attrs
    return [cumsum(u, axis + lead, not reverse)]
