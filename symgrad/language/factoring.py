"""Factors of matrices in the last two axes: eigenvalues and eigenvectors, singular values and vectors, QR, least squares.

Their derivatives exist where eigenvalues, or singular values, differ from each other: where two are equal, the call that
computes a derivative raises a DataError that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from symgrad.graphs.algebra import spectra
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import Node
from symgrad.language.align import as_tensor, describe
from symgrad.language.linear_algebra import solve
from symgrad.language.pointwise import as_real
from symgrad.language.rearrange import concatenate, matrix_transpose
from symgrad.language.recipes import operation
from symgrad.language.tensor import Tensor, wrap


class Eigen(NamedTuple):
    """What `eigh` gives."""

    eigenvalues: Tensor
    eigenvectors: Tensor


class SVD(NamedTuple):
    """What `svd` gives: A = U diag(S) Vh."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class QR(NamedTuple):
    """What `qr` gives: A = Q R."""

    Q: Tensor
    R: Tensor


def _matrix(name: str, a: Any, square: bool = False) -> Tensor:
    t = as_tensor(a, name)
    if t.ndim < 2:
        raise ShapeError(f"{name}: {describe(t)} is not a matrix; it needs two axes")
    if square and t.shape[-1] != t.shape[-2]:
        raise ShapeError(f"{name}: {describe(t)} is not square: its last two axes are {t.shape[-2]} and {t.shape[-1]}")
    return as_real(t)


@operation
def _factor(name: str, t: Tensor, build: Callable[..., Node], *attrs: Any) -> Tensor:
    return wrap(build(t.node, *attrs), t.over)


def eigvalsh(a: Any) -> Tensor:
    """The eigenvalues of a symmetric matrix, ascending; of one that is not symmetric those of (A + Aᵀ)/2.

    The derivative of an eigenvalue is v vᵀ; it exists where all eigenvalues differ.

    >>> A = sg.data("A", (2, 2))
    >>> sg.eigvalsh(A).eval(A=[[2.0, 1.0], [1.0, 2.0]]).round(6)
    array([1., 3.])
    >>> sg.gradient(sg.eigvalsh(A)[1], A).eval(A=[[2.0, 1.0], [1.0, 2.0]]).round(6)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    return _factor("eigvalsh", _matrix("eigvalsh", a, True), spectra.eigenvalues)


def eigh(a: Any) -> Eigen:
    """Eigenvalues of a symmetric matrix, ascending, and eigenvectors as columns: A = V diag(w) Vᵀ.

    Of a matrix that is not symmetric those of (A + Aᵀ)/2. Derivatives exist where all eigenvalues differ.

    >>> w, V = sg.eigh(sg.data("A", (2, 2)))
    >>> (V * w @ V.T).eval(A=[[2.0, 1.0], [1.0, 3.0]]).round(6)
    array([[2., 1.],
           [1., 3.]])
    """
    t = _matrix("eigh", a, True)
    return Eigen(_factor("eigh", t, spectra.eigenvalues), _factor("eigh", t, spectra.eigenvectors))


def svdvals(a: Any) -> Tensor:
    """The singular values, descending; their derivatives u vᵀ exist where they differ and none is 0.

    >>> sg.svdvals(sg.data("A", (2, 3))).eval(A=[[3.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    array([4., 3.])
    """
    return _factor("svdvals", _matrix("svdvals", a), spectra.singular_values)


def svd(a: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    """U, S, Vh with A = U diag(S) Vh, as many columns of U and rows of Vh as the smaller side, S descending.

    With `compute_uv=False` S alone. Derivatives exist where all singular values differ and none is 0. Raises ShapeError
    for `full_matrices=True`, whose further vectors are not determined.

    >>> U, S, Vh = sg.svd(sg.data("A", (3, 2)))
    >>> (U * S @ Vh).eval(A=[[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]).round(6) + 0.0
    array([[3., 0.],
           [0., 4.],
           [0., 0.]])
    """
    if full_matrices:
        raise ShapeError("svd: full_matrices=True asks for vectors that are not determined; leave it out")
    t = _matrix("svd", a)
    values = _factor("svd", t, spectra.singular_values)
    if not compute_uv:
        return values
    u, v = (_factor("svd", t, spectra.singular_vectors, side) for side in "uv")
    return SVD(u, values, matrix_transpose(v))


def qr(a: Any) -> QR:
    """Q with orthonormal columns and the upper triangular R with A = Q R, as NumPy's (R may have negative entries).

    Derivatives exist where the first columns, as many as the smaller side, are independent.

    >>> Q, R = sg.qr(sg.data("A", (3, 2)))
    >>> Q.shape, R.shape, (Q @ R).eval(A=[[3.0, 1.0], [4.0, 2.0], [0.0, 5.0]]).round(6)[2] + 0.0
    ((3, 2), (2, 2), array([0., 5.]))
    """
    t = _matrix("qr", a)
    rows, columns = t.shape[-2:]
    wide = isinstance(rows, int) and isinstance(columns, int) and columns > rows
    first = t[..., :rows] if wide else t
    q, r = (_factor("qr", first, spectra.qr, part) for part in "qr")
    return QR(q, concatenate([r, matrix_transpose(q) @ t[..., rows:]], -1) if wide else r)


def pinv(a: Any) -> Tensor:
    """The pseudo-inverse of a matrix whose columns are independent, (AᵀA)⁻¹Aᵀ, or of a wide one whose rows are.

    Where sizes are symbols it is the former. A matrix of lower rank is a DataError when it runs.

    >>> A = sg.data("A", sg.dims("n d"))
    >>> print(sg.pinv(A))
    (Aᵀ A)⁻¹ Aᵀ
    """
    t = _matrix("pinv", a)
    rows, columns = t.shape[-2:]
    if isinstance(rows, int) and isinstance(columns, int) and columns > rows:
        return matrix_transpose(solve(t @ matrix_transpose(t), t))
    return solve(matrix_transpose(t) @ t, matrix_transpose(t))


def lstsq(a: Any, b: Any) -> Tensor:
    """The x for which |A x - b| is least, where the columns of A are independent; of a wide A the shortest x.

    `b` is a vector or a matrix. NumPy's function gives more than x. A matrix of lower rank is a DataError when it runs.

    >>> X, y = sg.data("X", sg.dims("n d")), sg.data("y", sg.dim("n"))
    >>> print(sg.lstsq(X, y))
    (Xᵀ X)⁻¹ Xᵀ y
    """
    t, right = _matrix("lstsq", a), as_tensor(b, "lstsq")
    rows, columns = t.shape[-2:]
    axis = -1 if right.ndim == 1 else -2
    if not right.ndim or right.shape[axis] != rows:
        raise ShapeError(f"lstsq: {describe(t)} has {rows} rows, and the right side {describe(right)} "
                         f"{right.shape[axis] if right.ndim else 'no axis'}")
    turned = matrix_transpose(t)
    if isinstance(rows, int) and isinstance(columns, int) and columns > rows:
        return turned @ solve(t @ turned, right)
    return solve(turned @ t, turned @ right)
