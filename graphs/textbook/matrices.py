"""Determinants, inverses and products as a textbook writes their derivatives: prod(x)/x, det(X) X⁻ᵀ beside det(X).

The algebra differentiates them without a division, so that singular matrices and zeros are right; where a formula holds
the determinant as well, or is read anyway almost everywhere, the quotient is what is printed.
"""

from __future__ import annotations

from fractions import Fraction

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.linear import cofactor, inverse, swapped
from symgrad.graphs.algebra.primitives import add, elementwise
from symgrad.graphs.algebra.running import multiply
from symgrad.graphs.node import Node
from symgrad.graphs.textbook.bases import Powers
from symgrad.graphs.textbook.powers import powers_of, written
from symgrad.graphs.weights import MINUS, ONE


def matrix_form(node: Node) -> Node:
    """A product's derivative as a quotient, (A⁻¹)⁻¹ as A, det(A⁻¹) as 1/det(A)."""
    if node.op is ops.MULTIPLY and node.attrs[1] in (1, 2):
        return _product_derivative(node)
    if node.op is ops.INVERSE and node.operands[0].op is ops.INVERSE:
        return node.operands[0].operands[0]
    if node.op is ops.COFACTOR and node.attrs[0] == 0 and node.operands[0].op is ops.INVERSE:
        return elementwise("reciprocal", [cofactor(node.operands[0].operands[0], 0)])
    if node.op is ops.COFACTOR and node.attrs[0] == 1 and node.operands[0].op is ops.INVERSE:
        return _cofactors_of_inverse(node.operands[0].operands[0])
    if node.op is ops.COFACTOR and node.attrs[0] == 2:
        return _second_cofactors(node)
    if node.op is ops.EINSUM:
        return _inverses(_determinants(node))
    return node


def _second_cofactors(node: Node) -> Node:
    """∂² det(A)/∂A_ij ∂A_kl is det(A) (A⁻¹_ji A⁻¹_lk - A⁻¹_jk A⁻¹_li)."""
    (a,) = node.operands
    front, det, inv = tuple(range(len(a.shape) - 2)), cofactor(a, 0), inverse(a)
    out = (*front, "i", "j", "k", "l")
    one, other = (contract([det, inv, inv], [front, (*front, *pair), (*front, *rest)], out)
                  for pair, rest in (("ji", "lk"), ("jk", "li")))
    return add([one, other], [ONE, MINUS])


def _inverses(node: Node) -> Node:
    """A⁻¹ A is I."""
    if node.op is not ops.EINSUM:
        return node
    inputs, out = node.attrs
    factors = list(zip(node.operands, inputs, strict=True))
    uses = [x for names in inputs for x in names]
    for i, (inv, one) in enumerate(factors):
        if inv.op is not ops.INVERSE or len(one) != 2:
            continue
        for j, (matrix, other) in enumerate(factors):
            if matrix is not inv.operands[0]:
                continue
            for a in (0, 1):
                x, left, right = one[1 - a], one[a], other[1 - a]
                if other[a] == x and uses.count(x) == 2 and x not in out and left != right:
                    rest = [f for k, f in enumerate(factors) if k not in (i, j)]
                    eye = contract([], [], (0, 0), {0: inv.shape[0]})
                    return contract([*(o for o, _ in rest), eye], [*(names for _, names in rest), (left, right)], out,
                                    dict(zip(out, node.shape, strict=True)))
    return node


def _product_derivative(node: Node) -> Node:
    """∏ x / x_i; of second order ∏ x / (x_i x_j) off the diagonal."""
    x, (axis, order) = node.operands[0], node.attrs
    whole, below = multiply(x, axis), elementwise("reciprocal", [x])
    lead = [a for a in range(len(x.shape)) if a != axis]
    n = x.shape[axis]
    names = tuple("i" if a == axis else a for a in range(len(x.shape)))
    if order == 1:
        return contract([whole, below], [lead, names], (*lead, "i"))
    other = tuple("j" if a == axis else a for a in range(len(x.shape)))
    ones, eye = contract([], [], (0, 1), {0: n, 1: n}), contract([], [], (0, 0), {0: n})
    apart = add([ones, eye], [ONE, MINUS])
    return contract([whole, below, below, apart], [lead, names, other, ("i", "j")], (*lead, "i", "j"))


def _cofactors_of_inverse(a: Node) -> Node:
    """The cofactors of A⁻¹ are Aᵀ / det(A)."""
    axes = tuple(range(len(a.shape)))
    return contract([swapped(a), elementwise("reciprocal", [cofactor(a, 0)])], [axes, axes[:-2]], axes)


def _determinants(node: Node) -> Node:
    """cof(A)/det(A) is A⁻ᵀ."""
    if not any(o.op is ops.COFACTOR and o.attrs[0] == 1 for o in node.operands):
        return node
    read = powers_of(node)
    for (base, labels), e in list(read.bases.items()):
        if base.op is not ops.COFACTOR or base.attrs[0] != 1 or e != 1:
            continue
        matrix = base.operands[0]
        det = cofactor(matrix, 0), labels[:-2]
        if read.bases.get(det, Fraction(0)) >= 0:
            continue
        bases = {key: p for key, p in read.bases.items() if key != (base, labels)}
        less = Powers(read.out, dict(read.sizes), read.by, bases)
        less.put(*det, Fraction(1))
        less.put(swapped(inverse(matrix)), labels, Fraction(1))
        return written(less)
    return node
