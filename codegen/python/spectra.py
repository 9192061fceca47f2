"""Factors of matrices as text: what NumPy gives as several arrays in one, and a clear word where a derivative has none."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

DISTINCT = '''\
def _distinct(values, what):
    """Raises an error where neighbours are equal: their vectors may be turned into each other, and have no derivative."""
    least = 4 * values.shape[-1] * (2.2e-16 if values.dtype == np.float64 else 1.2e-7)
    gaps, largest = np.abs(values[..., 1:] - values[..., :-1]), np.abs(values).max(axis=-1, keepdims=True)
    if (gaps <= least * largest).any():
        raise np.linalg.LinAlgError(f"two {what} are equal, and the derivative exists only where they differ")
'''

EIGENVECTORS = '''\
def _eigenvectors(a, derived):
    """The eigenvectors of a symmetric matrix as columns; where they are `derived`, its eigenvalues must differ."""
    values, vectors = np.linalg.eigh(a)
    if derived and values.shape[-1]:
        _distinct(values, "eigenvalues")
    return vectors
'''

TALL = '''\
def _tall(a, count):
    """Raises an error where sizes that were symbols make a matrix wider than its formula takes it to be."""
    if min(a.shape[-2:]) != count:
        raise np.linalg.LinAlgError(f"it is {a.shape[-2]} x {a.shape[-1]}, and its formula is of one with {count} columns "
                                    "and at least as many rows")
'''

SVDVALS = '''\
def _svdvals(a, count):
    """The singular values."""
    _tall(a, count)
    return np.linalg.svd(a, compute_uv=False)
'''

SINGULAR_VECTORS = '''\
def _singular_vectors(a, count, derived):
    """The left singular vectors as columns, and below them the right ones."""
    _tall(a, count)
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    if derived and s.shape[-1]:
        _distinct(s, "singular values")
        if a.shape[-1] != a.shape[-2] and (s[..., -1] <= 1e-15 * s[..., 0]).any():
            raise np.linalg.LinAlgError("a singular value is 0, and the derivative exists only where none is")
    return np.concatenate([u, vt.mT], -2)
'''

QR = '''\
def _qr(a):
    """Q, and below it R."""
    _tall(a, a.shape[-1])
    return np.concatenate(np.linalg.qr(a), -2)
'''

SPECTRA: Mapping[str, str] = MappingProxyType({
    "distinct": DISTINCT, "eigenvectors": EIGENVECTORS, "singular_vectors": SINGULAR_VECTORS, "qr": QR,
    "tall": TALL, "svdvals": SVDVALS})
USES: Mapping[str, tuple[str, ...]] = MappingProxyType({"eigenvectors": ("distinct",), "singular_vectors": ("tall",
    "distinct"),
                                                       "svdvals": ("tall",), "qr": ("tall",)})
