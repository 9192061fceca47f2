"""Factors of matrices that have an order and signs: eigenvectors, singular vectors, QR (`derivative/spectral_rules.py`).

| op      | operands | attributes       | value                                                                     |
|---------|----------|------------------|---------------------------------------------------------------------------|
| argsort | x        | (axis,)          | the places of the entries along `axis` in ascending order, equal ones in theirs |
| eigvals | A        | ()               | the eigenvalues of (A + A') / 2, ascending                                |
| eigvecs | A        | (distinct,)      | its eigenvectors as columns                                               |
| svdvals | A        | ()               | the singular values, descending                                           |
| svd     | A        | (side, distinct) | the singular vectors as columns: U (side "u") or V ("v")                  |
| qr      | A        | (part,)          | Q ("q") or R ("r") of an A that has at least as many rows as columns      |

`distinct`: a derivative asks, and it exists only where the values differ from each other; where two are equal, what
computes the vectors says so. Stack axes come first.
"""

from __future__ import annotations

from symgrad.graphs import ops
from symgrad.graphs.node import INTEGER, REAL, Node, make
from symgrad.graphs.sizes import Size


def argsort(x: Node, axis: int) -> Node:
    """The places of the entries along `axis`, the smallest entry's first."""
    return make(ops.ARGSORT, (x,), (axis,), x.shape, INTEGER)


def eigenvalues(a: Node) -> Node:
    """Of the symmetric part, ascending."""
    return make(ops.EIGVALS, (a,), (), a.shape[:-1], REAL)


def eigenvectors(a: Node, distinct: bool = False) -> Node:
    """Of the symmetric part, as columns in the order of the eigenvalues."""
    return make(ops.EIGVECS, (a,), (distinct,), a.shape, REAL)


def smaller_side(a: Node) -> Size:
    """How many singular values there are: the smaller side, the second where sizes do not tell."""
    rows, columns = a.shape[-2:]
    return min(rows, columns) if isinstance(rows, int) and isinstance(columns, int) else columns


def singular_values(a: Node) -> Node:
    """The singular values, descending."""
    return make(ops.SVDVALS, (a,), (), (*a.shape[:-2], smaller_side(a)), REAL)


def singular_vectors(a: Node, side: str, distinct: bool = False) -> Node:
    """The left ("u") or right ("v") singular vectors as columns."""
    return make(ops.SVD, (a,), (side, distinct), (*a.shape[:-2], a.shape[-2 if side == "u" else -1], smaller_side(a)), REAL)


def qr(a: Node, part: str) -> Node:
    """Q, with orthonormal columns ("q"), or the upper triangular R ("r"), of A = Q R."""
    return make(ops.QR, (a,), (part,), a.shape if part == "q" else (*a.shape[:-2], a.shape[-1], a.shape[-1]), REAL)
